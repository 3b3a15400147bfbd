"""One loaded model and one way to call it, whatever it is stored as."""

from __future__ import annotations

import abc
from pathlib import Path
from typing import Any

import numpy as np

from keras_astro.errors import ArtefactError, DataError

Arrays = dict[str, np.ndarray]


class Predictor(abc.ABC):
    """A loaded run or artefact.

    Attributes:
        path: Where it was loaded from.
        manifest: What it says of itself.
    """

    path: Path
    manifest: dict[str, Any]

    @property
    def signatures(self) -> list[str]:
        """Names of what it can compute."""
        return sorted(self.manifest["signatures"])

    def run(self, signature: str, inputs: Arrays, *, batch_size: int = 64) -> Arrays:
        """Computes a signature for rows, batch by batch.

        Args:
            signature: One of `signatures`.
            inputs: Arrays by input name, rows first; others are left alone. An input
                that the model can do without may be missing.
            batch_size: Rows a call.

        Returns:
            Arrays by output name, rows first.

        Raises:
            ArtefactError: If there is no such signature.
            DataError: If an input is missing or of the wrong shape.
        """
        if signature not in self.manifest["signatures"]:
            raise ArtefactError(
                f"{self.path}: has no signature {signature!r}; it has "
                f"{', '.join(self.signatures)}",
                hint="Its card tells what each takes and gives: kastro inspect MODEL",
            )
        wanted = self.manifest["signatures"][signature]["inputs"]
        given = [name for name in wanted if name in inputs]
        arrays = {name: self._input(name, wanted[name], inputs) for name in given}
        rows = len(arrays[given[0]]) if given else 0
        for name in set(wanted) - set(given):
            arrays[name] = self._filled(name, wanted[name], inputs, rows)
        parts = [
            self.call(signature, {k: v[i : i + batch_size] for k, v in arrays.items()})
            for i in range(0, rows, batch_size)
        ]
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    @abc.abstractmethod
    def call(self, signature: str, inputs: Arrays) -> Arrays:
        """Computes a signature for one batch."""

    def _input(self, name: str, spec: dict[str, Any], inputs: Arrays) -> np.ndarray:
        array = np.ascontiguousarray(inputs[name], dtype=spec["dtype"])
        wanted = tuple(spec["shape"][1:])
        if array.shape[1:] != wanted or not len(array):
            raise DataError(
                f"{self.path}: expected {name} of shape {('row', *wanted)}, found "
                f"{array.shape}",
                hint="Bring the rows to the size that the model was trained on.",
            )
        return array

    def _filled(
        self, name: str, spec: dict[str, Any], inputs: Arrays, rows: int
    ) -> np.ndarray:
        if spec.get("fill") is None or not rows:
            raise DataError(
                f"{self.path}: needs the input {name}, found {list(inputs)}",
                hint="Give rows that have it; kastro inspect tells what models take.",
            )
        return np.full((rows, *spec["shape"][1:]), spec["fill"], spec["dtype"])
