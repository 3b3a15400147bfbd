"""What both doors of the server ask: predict, metadata, status."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any

import numpy as np

from keras_astro.serving.batching import Arrays, Closed
from keras_astro.serving.meters import Meters
from keras_astro.serving.refusals import Refusal, invalid
from keras_astro.serving.versions import ServedModel, Version

DEFAULT_SIGNATURE = "serving_default"
ANSWER_SECONDS = 60.0


class Service:
    """Models by name, and the rules that requests must keep.

    Args:
        models: What is served.
        meters: Counts what is asked.
    """

    def __init__(self, models: Iterable[ServedModel], meters: Meters):
        self.models = {model.name: model for model in models}
        self.meters = meters

    @property
    def ready(self) -> bool:
        """Whether every model has a version that answers."""
        return all(model.current for model in self.models.values())

    @property
    def answering(self) -> dict[str, int]:
        """The version that answers, by model."""
        current = {name: model.current for name, model in self.models.items()}
        return {name: version.number for name, version in current.items() if version}

    def model(self, name: str) -> ServedModel:
        """A model by name.

        Raises:
            Refusal: If there is none.
        """
        if name not in self.models:
            raise Refusal(
                "NOT_FOUND", f"Servable not found for request: Latest({name})"
            )
        return self.models[name]

    def predict(
        self, name: str, number: int | None, signature: str, inputs: Arrays
    ) -> tuple[int, Arrays]:
        """Runs a signature on rows, together with those of other requests.

        Args:
            name: Of the model.
            number: Of the version; None for the newest.
            signature: Empty for the default one.
            inputs: Arrays by name, rows first.

        Returns:
            The version that answered, and its outputs.

        Raises:
            Refusal: If there is no such model, version or signature, inputs do not
                fit, or the server is busy.
        """
        model = self.model(name)
        while True:
            version = model.version(number)
            known = resolve(version, signature)
            inputs = fitting(inputs, specs(version, known)["inputs"])
            try:
                done = version.batcher.submit(known, inputs)
            except Closed:
                # Replaced between the two lines above: its successor is there.
                continue
            return version.number, self._outcome(done)

    def inputs(self, name: str, number: int | None, signature: str) -> dict[str, Any]:
        """Specifications of a signature's inputs, by name.

        Raises:
            Refusal: If there is no such model, version or signature.
        """
        version = self.model(name).version(number)
        return specs(version, resolve(version, signature))["inputs"]

    def signatures(self, name: str, number: int | None) -> tuple[int, dict[str, Any]]:
        """The version that answers, and its signatures as its manifest has them.

        Raises:
            Refusal: If there is no such model or version.
        """
        version = self.model(name).version(number)
        found = dict(version.predictor.manifest["signatures"])
        found.setdefault(DEFAULT_SIGNATURE, found["predict"])
        return version.number, found

    @staticmethod
    def _outcome(done: Future) -> Arrays:
        try:
            return done.result(ANSWER_SECONDS)
        except TimeoutError:
            raise Refusal("UNAVAILABLE", "the model did not answer in time") from None
        except Exception as error:
            raise Refusal("INTERNAL", f"the model failed: {error}") from error


@contextlib.contextmanager
def timed(meters: Meters, door: str, model: str) -> Iterator[None]:
    """Counts a request, its outcome and its seconds."""
    start, code = time.perf_counter(), "INTERNAL"
    try:
        yield
        code = "OK"
    except Refusal as refusal:
        code = refusal.code
        raise
    finally:
        meters.answered(door, model, code, time.perf_counter() - start)


def resolve(version: Version, signature: str) -> str:
    """The name that the artefact has for a signature.

    Raises:
        Refusal: If it has none.
    """
    known = version.predictor.manifest["signatures"]
    wanted = signature or DEFAULT_SIGNATURE
    if wanted == DEFAULT_SIGNATURE and wanted not in known:
        return "predict"
    if wanted not in known:
        raise invalid(
            f'Serving signature name: "{wanted}" not found in signature def; '
            f"it has {', '.join(sorted(known))}"
        )
    return wanted


def specs(version: Version, signature: str) -> Mapping[str, Any]:
    """Inputs and outputs of a signature."""
    return version.predictor.manifest["signatures"][signature]


def fitting(inputs: Arrays, wanted: Mapping[str, Any]) -> Arrays:
    """The inputs, if they are those that a signature takes.

    Raises:
        Refusal: If names, types, shapes or numbers of rows are wrong.
    """
    if inputs.keys() != wanted.keys():
        raise invalid(
            f"expected the inputs {', '.join(sorted(wanted))}, found "
            f"{', '.join(sorted(inputs)) or 'none'}"
        )
    for name, array in inputs.items():
        spec = wanted[name]
        if array.dtype.name != spec["dtype"]:
            raise invalid(f"{name}: expected {spec['dtype']}, found {array.dtype}")
        if array.ndim == 0 or list(array.shape[1:]) != spec["shape"][1:]:
            raise invalid(
                f"{name}: expected shape {['rows', *spec['shape'][1:]]}, found "
                f"{list(array.shape)}"
            )
    counts = {name: len(array) for name, array in inputs.items()}
    if len(set(counts.values())) != 1 or not min(counts.values()):
        raise invalid(f"expected one number of rows, at least 1, found {counts}")
    return {name: np.ascontiguousarray(array) for name, array in inputs.items()}
