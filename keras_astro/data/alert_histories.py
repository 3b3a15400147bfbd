"""Each alert with the earlier ones of its object: what is known when it arrives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_astro.data.alert_schema import ALERTS, FEATURES, UNKNOWN
from keras_astro.data.sample import Field, Sample, Schema, Source
from keras_astro.errors import DataError

# Numbers of filters in the input `band`; others are unknown.
BANDS = {"g": 0, "r": 1, "i": 2, "z": 3, "u": 4, "y": 5}
READ = 256


def _stepped(spec: Field) -> Field:
    return dataclasses.replace(
        spec,
        axes=("step", *spec.axes),
        description=f"{spec.description}; step 0 is the alert itself, the next ones "
        "are earlier alerts of its object, and those that do not exist are unknown",
    )


ALERT_HISTORIES = Schema(
    task=ALERTS.task,
    inputs=(
        *(_stepped(spec) for spec in ALERTS.inputs),
        Field(
            "days",
            ("step",),
            units="d",
            description="How long before step 0; 1e30 where there is no alert",
            fill=UNKNOWN,
        ),
        Field(
            "band",
            ("step",),
            description=f"Number of the filter: {', '.join(BANDS)}; 1e30 if unknown",
            fill=UNKNOWN,
        ),
    ),
    targets=ALERTS.targets,
    meta=ALERTS.meta,
)


class AlertHistories(Source):
    """The alerts of a source, each with up to `steps - 1` earlier ones of its object.

    Objects are the source's groups and are ordered by `mjd`. An alert never sees a
    later one, nor one that the source does not have.

    Args:
        source: Single alerts.
        steps: Alerts in a row, the newest first.

    Raises:
        DataError: If an object has several alerts and they have no times.
    """

    def __init__(self, source: Source, steps: int):
        self.source = source
        self.schema = ALERT_HISTORIES
        self.name = source.name
        self.steps = steps
        groups, mjd, band = _when(source)
        self.mjd, self.band = mjd, band
        self.before = earlier_rows(groups, mjd, steps, name=source.name)

    def __len__(self) -> int:
        return len(self.source)

    def facts(self):
        return self.source.facts()

    def times(self) -> dict[str, np.ndarray]:
        """The inputs `days` and `band` of all rows, each `(row, step)`."""
        return self._times(self.before)

    def _times(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        exists = rows >= 0
        days = self.mjd[rows[:, :1]] - self.mjd[rows]
        # A lone alert needs no time: nothing is compared with it.
        days[:, 0] = 0.0
        found = {"days": days, "band": self.band[rows]}
        return {
            name: np.where(exists, values, UNKNOWN).astype("float32")
            for name, values in found.items()
        }

    def take(self, indices):
        rows = self.before[np.asarray(indices)]
        wanted, place = np.unique(rows[rows >= 0], return_inverse=True)
        single = self.source.take(wanted)
        exists = rows >= 0
        whole = np.zeros(rows.shape, int)
        whole[exists] = place
        newest = single.take(whole[:, 0])
        empty = np.full((len(single), len(FEATURES)), np.nan, "float32")
        alone = {"metadata": empty} | single.inputs
        inputs = {name: alone[name][whole] for name in ("stamps", "metadata")}
        for array in inputs.values():
            array[~exists] = np.nan
        return Sample(
            self.schema,
            inputs | self._times(rows),
            newest.targets,
            newest.meta,
            name=self.name,
        )


def earlier_rows(
    groups: np.ndarray, mjd: np.ndarray, steps: int, *, name: str
) -> np.ndarray:
    """For each row, itself and the rows of earlier alerts of its object, newest first.

    Args:
        groups: Object of each row.
        mjd: Time of each row; NaN where unknown.
        steps: Width of the answer.
        name: Of the data, for the error.

    Returns:
        `(row, steps)` of row numbers, -1 where there is no alert.

    Raises:
        DataError: If an object has several alerts and they have no times.

    Example:
        >>> earlier_rows(np.array(["a", "b", "a"]), np.array([5.0, 1.0, 3.0]), 2,
        ...              name="night").tolist()
        [[0, 2], [1, -1], [2, -1]]
    """
    found = np.full((len(groups), steps), -1)
    order = np.lexsort((mjd, groups))
    edges = np.flatnonzero(groups[order][1:] != groups[order][:-1]) + 1
    for members in np.split(order, edges):
        if len(members) > 1 and not np.isfinite(mjd[members]).all():
            raise DataError(
                f"{name}: expected the time of each alert of {groups[members[0]]}, "
                "which has several",
                hint="Give an array `mjd` or `jd`, or train with model.sequence=none.",
            )
        for place, row in enumerate(members):
            past = members[max(place - steps + 1, 0) : place + 1][::-1]
            found[row, : len(past)] = past
    return found


def rows_before(source: Source, steps: int) -> np.ndarray:
    """See `earlier_rows`; of a source."""
    groups, mjd, _ = _when(source)
    return earlier_rows(groups, mjd, steps, name=source.name)


def _when(source: Source) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    groups, mjd, band = [], [], []
    for block in source.blocks(READ):
        rows = len(block)
        groups.append(block.meta["group"])
        mjd.append(block.meta.get("mjd", np.full(rows, np.nan)))
        names = block.meta.get("band", np.full(rows, "", dtype=str))
        band.append([BANDS.get(str(n).strip(), UNKNOWN) for n in names])
    return tuple(np.concatenate(part) for part in (groups, mjd, band))


def with_histories(source: Source, shape: Sequence[int | None]) -> Source:
    """The rows that a model takes whose input `stamps` has this shape.

    Args:
        source: Single alerts.
        shape: With the batch: `(row, y, x, channel)`, or with a `step` before `y`.
    """
    return AlertHistories(source, shape[1]) if len(shape) == 5 else source


def rows_for(source: Source, inputs: Mapping[str, Any]) -> Source:
    """The rows that a model takes, by what its manifest says of its inputs."""
    return with_histories(source, inputs["stamps"]["shape"])
