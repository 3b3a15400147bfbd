"""Data as a search may see it: no anomaly labels, no rows kept for the verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from keras_astro.data.sample import Sample, Source
from keras_astro.errors import DataError
from keras_astro.tasks.base import Parts


class Unlabelled(Source):
    """Rows of another source without the targets that tell anomalies apart.

    Args:
        source: The rows.
        withheld: Names of the targets left out.
    """

    def __init__(self, source: Source, withheld: Iterable[str]):
        self.source = source
        self.withheld = frozenset(withheld)
        self.schema = source.schema
        self.name = source.name

    def __len__(self) -> int:
        return len(self.source)

    def take(self, indices):
        return self._blind(self.source.take(indices))

    def read(self, start=0, stop=None):
        return self._blind(self.source.read(start, stop))

    def facts(self):
        facts = self.source.facts()
        return facts | {"is_anomaly": np.zeros(len(self), "uint8")}

    def _blind(self, sample: Sample) -> Sample:
        targets = {k: v for k, v in sample.targets.items() if k not in self.withheld}
        return dataclasses.replace(sample, targets=targets)


class Withheld(Source):
    """Rows that exist and may not be read: any attempt is an error.

    Args:
        source: The rows.
        part: Their name in the message.
    """

    def __init__(self, source: Source, part: str):
        self.part = part
        self.count = len(source)
        self.schema = source.schema
        self.name = source.name

    def __len__(self) -> int:
        return self.count

    def take(self, indices):
        raise DataError(
            f"{self.name}: expected a search to use the train and validation rows "
            f"alone, but it asked for {self.part} rows",
            hint="Judge settings by parts.validation, in the task's objective.",
        )

    def facts(self):
        return self.take(None)


def blind(parts: Parts, withheld: Iterable[str]) -> Parts:
    """The parts of a run as its search sees them.

    Train and validation rows lose the withheld targets. Calibration and test rows
    cannot be read at all: settings chosen on them would flatter the thresholds and
    the metrics that are later computed from them.
    """
    withheld = tuple(withheld)
    return Parts(
        train=Unlabelled(parts.train, withheld),
        validation=Unlabelled(parts.validation, withheld),
        calibration=Withheld(parts.calibration, "calibration"),
        test=Withheld(parts.test, "test"),
    )
