"""The worst of a model's rows: scored once, ranked in several ways."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from keras_astro.data.sample import Sample, Source
from keras_astro.errors import DataError, UsageError
from keras_astro.explore.case import Case
from keras_astro.inference.batch import BLOCK, predict_source

# Rows of a list.
SHOWN = 24


class Rows:
    """Rows that a model is judged on.

    Args:
        case: Their case, with a model.
        source: The rows.
    """

    def __init__(self, case: Case, source: Source):
        self.case = case
        self.source = source

    @cached_property
    def outputs(self) -> dict[str, np.ndarray]:
        """The `predict` signature's arrays for all rows."""
        return predict_source(self.case.predictor, self.source)[0]

    @cached_property
    def targets(self) -> dict[str, np.ndarray]:
        """Known truth that is one value a row."""
        blocks = [
            {k: np.asarray(v) for k, v in block.targets.items() if np.ndim(v) == 1}
            for block in self.source.blocks(BLOCK)
        ]
        names = set.intersection(*(set(block) for block in blocks))
        return {name: np.concatenate([b[name] for b in blocks]) for name in names}

    @cached_property
    def losses(self) -> dict[str, np.ndarray]:
        """How bad each row is, by kind; kinds that need unknown truth are left out."""
        found = self.case.losses(self.outputs, self.targets)
        return {
            name: found[name]
            for name in self.case.orders
            if name in found and np.isfinite(found[name]).any()
        }

    def worst(self, order: str | None = None) -> dict[str, Any]:
        """The list of the worst rows, as the page reads it.

        Args:
            order: One of the case's `orders`; the first that is known when None.

        Raises:
            UsageError: If there is no such order for these rows.
            DataError: If the loss of no row is known.
        """
        if not self.losses:
            raise DataError(
                f"{self.source.name}: expected rows of which one of "
                f"{', '.join(self.case.orders)} is known, found none",
                hint="Give rows without NaN, or with the truth that the orders need: "
                "kastro data describe FILE",
            )
        order = order or next(iter(self.losses))
        if order not in self.losses:
            raise UsageError(
                f"order: expected one of {', '.join(self.losses)}, found "
                f"{order[:40]!r}",
                hint="Leave the order out for the first of them.",
            )
        loss = self.losses[order]
        ranked = np.argsort(np.where(np.isfinite(loss), -loss, np.inf), kind="stable")
        worst = ranked[: min(SHOWN, int(np.isfinite(loss).sum()))]
        sample = self.source.take(np.sort(worst))
        position = {int(row): i for i, row in enumerate(np.sort(worst))}
        return {
            "order": order,
            "orders": [[name, self.case.orders[name]] for name in self.losses],
            "count": len(self.source),
            "source": Path(self.source.name).name,
            "rows": [
                self._card(int(row), order, sample.take([position[int(row)]]))
                for row in worst
            ],
        }

    def _card(self, row: int, order: str, sample: Sample) -> dict[str, Any]:
        outputs = {name: array[row] for name, array in self.outputs.items()}
        targets = {name: array[row] for name, array in self.targets.items()}
        return {
            "row": row,
            "id": str(sample.meta["id"][0]),
            "text": re.sub(
                r"-(?=\d)", "\u2212", self.case.told(order, outputs, targets)
            ),
            "thumbnail": self.case.thumbnail(sample),
        }

    def sample(self, row: int) -> Sample:
        """One row.

        Raises:
            UsageError: If there is none of that number.
        """
        if not 0 <= row < len(self.source):
            raise UsageError(
                f"row: expected a number from 0 to {len(self.source) - 1}, found {row}",
                hint="Take a number of the list of worst rows.",
            )
        return self.source.take([row])
