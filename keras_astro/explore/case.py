"""What the explorer asks of a science case."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from keras_astro.config import RunConfig
from keras_astro.data.sample import Sample
from keras_astro.explore.controls import Group, Values
from keras_astro.explore.panels import Scene
from keras_astro.inference.loaded import Predictor
from keras_astro.tasks.catalog import quality

Arrays = Mapping[str, np.ndarray]


class Case(abc.ABC):
    """A simulator with sliders, and the pictures of one object.

    Args:
        config: Settings of the simulator, as of a run.
        predictor: The model that looks at the objects; None without one.
        axes: Coordinates of the rows that the model was trained on, where they are
            known.
    """

    # Kinds of worst rows by name, with what a reader calls them.
    orders: ClassVar[dict[str, str]]

    def __init__(
        self,
        config: RunConfig,
        predictor: Predictor | None = None,
        axes: Arrays | None = None,
    ):
        self.config = config
        self.predictor = predictor
        self.axes = axes or {}

    @property
    @abc.abstractmethod
    def groups(self) -> tuple[Group, ...]:
        """The controls."""

    @abc.abstractmethod
    def draw(self, values: Values) -> Sample:
        """One simulated row. The same values and seed give the same row.

        Beside the truth that the data schema knows, `targets` holds the row without
        noise as `clean_image` or `clean_flux`, where there is such a thing.
        """

    @abc.abstractmethod
    def scene(self, sample: Sample) -> Scene:
        """What is seen of a sample of one row, and what the model makes of it."""

    @abc.abstractmethod
    def losses(self, outputs: Arrays, targets: Arrays) -> dict[str, np.ndarray]:
        """How bad each row is, `(row,)` by the names in `orders`; NaN where unknown.

        Args:
            outputs: Of the `predict` signature.
            targets: Known truth, `(row,)` by name.
        """

    @abc.abstractmethod
    def thumbnail(self, sample: Sample) -> dict[str, Any]:
        """A small picture of a sample of one row."""

    @abc.abstractmethod
    def told(self, order: str, outputs: Arrays, targets: Arrays) -> str:
        """One line on a row; all arrays are of that row."""

    def answers(self, sample: Sample, *signatures: str) -> dict[str, np.ndarray]:
        """Outputs of the model for a sample of one row, without the row axis.

        Signatures that an artefact lacks are left out.
        """
        found: dict[str, np.ndarray] = {}
        for name in signatures:
            if name in self.predictor.signatures:
                found |= self.predictor.run(name, sample.inputs)
        return {name: value[0] for name, value in found.items()}

    def warnings(self, sample: Sample) -> list[tuple[str, str]]:
        """Quality flags of a sample of one row as verdicts."""
        flags = str(quality(self.config.task)(sample.inputs)[0])
        words = flags.replace("_", " ").replace(",", ", ")
        return [("note", f"Quality flags: {words}.")] if flags else []


def judged(answers: Arrays, normal: str) -> list[tuple[str, str]]:
    """A verdict on an anomaly score.

    Args:
        answers: Of one row; has `p_value` and `is_anomaly`.
        normal: What a row that is no anomaly is called.
    """
    chance = f"{100 * float(answers['p_value']):.3g} %"
    text = f"{normal} scores as high in {chance} of cases."
    if float(answers["is_anomaly"]) > 0.5:
        return [("fail", f"Flagged as an anomaly: {text}")]
    return [("pass", f"Not flagged: {text}")]


def known(targets: Arrays, name: str) -> float | None:
    """The truth of one row; None where it is not known."""
    if name not in targets:
        return None
    value = float(np.asarray(targets[name]).ravel()[0])
    return value if np.isfinite(value) else None
