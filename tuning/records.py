"""What a search reports: one record a trial, and the result of all of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from keras_astro.config import RunConfig
from keras_astro.tuning.spaces import SearchSpace

Status = Literal["completed", "pruned", "failed", "running"]


@dataclass(frozen=True)
class TrialRecord:
    """One trial: what was tried, what came out, and what it took.

    Args:
        number: Counted from 1 in the order of starting.
        status: `pruned` where it was stopped far behind others; `running` where a
            search was cut off, to be repeated on resume.
        values: Dotted key to value of the searched settings.
        objective: What the search minimises; None unless it came to an end.
        metrics: The objective's named parts.
        epochs: Passes over the rows by the end of the trial.
        parent: Number of the trial whose settings it trains for longer, under
            hyperband.
        seed: Seed of its initial weights and of its data order.
        seconds: Wall-clock time; 0 while it runs.
        reason: Why it failed.
        repeated: Number of the trial whose settings it trains with another seed.
        repeats: Trainings of its settings with other seeds, after the search.
    """

    number: int
    status: Status
    values: dict[str, Any]
    objective: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    epochs: int = 0
    parent: int | None = None
    seed: int = 0
    seconds: float = 0.0
    reason: str = ""
    repeated: int | None = None
    repeats: tuple[TrialRecord, ...] = ()

    @property
    def objectives(self) -> list[float]:
        """What the trainings with other seeds came to, without those that failed."""
        return [r.objective for r in self.repeats if r.status == "completed"]

    @property
    def mean(self) -> float | None:
        """Mean objective over the other seeds; None before the first of them."""
        return statistics.fmean(self.objectives) if self.objectives else None

    @property
    def sd(self) -> float | None:
        """Their sample standard deviation; None of fewer than two."""
        found = self.objectives
        return statistics.stdev(found) if len(found) > 1 else None


@dataclass(frozen=True)
class SearchEvent:
    """Where a search stands, told at each epoch and at each trial's beginning and end.

    Args:
        kind: `started`, `epoch`, `completed` or `failed`.
        trial: Number of the current trial, from 1.
        trials: How many are planned.
        record: The current trial, or training of a trial's settings with another seed.
        best: The best completed trial so far.
        epoch: Epochs done of the current stage.
        epochs: Its total.
    """

    kind: Literal["started", "epoch", "completed", "failed"]
    trial: int
    trials: int
    record: TrialRecord
    best: TrialRecord | None
    epoch: int = 0
    epochs: int = 0


SearchProgress = Callable[[SearchEvent], None]


@dataclass(frozen=True)
class SearchResult:
    """A finished search.

    Args:
        folder: The run folder.
        config: The settings the search started from.
        best_config: The same with the best trial's values.
        space: What was searched.
        records: All trials, in the order of starting, with their repeats.
        best: The trial of `best_config`.
        front: Of several objectives, the trials that no other one dominates.
    """

    folder: Path
    config: RunConfig
    best_config: RunConfig
    space: SearchSpace
    records: tuple[TrialRecord, ...]
    best: TrialRecord
    front: tuple[TrialRecord, ...] = ()

    @property
    def ranking(self) -> list[TrialRecord]:
        """Completed trials, best first."""
        return ranked(self.records)


def ranked(records: tuple[TrialRecord, ...] | list[TrialRecord]) -> list[TrialRecord]:
    """Completed trials by objective; of equals the longer trained, then the earlier.

    Example:
        >>> one = TrialRecord(1, "completed", {}, objective=0.5)
        >>> two = TrialRecord(2, "failed", {})
        >>> three = TrialRecord(3, "completed", {}, objective=0.2)
        >>> [record.number for record in ranked([one, two, three])]
        [3, 1]
    """
    completed = [record for record in records if record.status == "completed"]
    return sorted(completed, key=lambda r: (r.objective, -r.epochs, r.number))
