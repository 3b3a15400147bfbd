"""Several objectives: the front, one number for the engine, one choice for the user.

All objectives are minimised. Their values stand among a trial's results.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from keras_astro.config import TuneConfig
from keras_astro.tuning.records import TrialRecord, ranked

# Where the value of an objective stands among a trial's results.
COLUMNS = {"quality": "objective", "latency": "latency_ms", "size": "size_kb"}

# Weight of the sum beside the largest term, which alone would leave ties.
AUGMENTATION = 0.05


def value(record: TrialRecord, objective: str) -> float:
    """A completed trial's value of an objective."""
    if objective == "quality":
        return record.objective
    return record.metrics[COLUMNS[objective]]


def points(records: Sequence[TrialRecord], objectives: Sequence[str]) -> np.ndarray:
    """Values of completed trials, `(trial, objective)`."""
    return np.array([[value(r, name) for name in objectives] for r in records])


def dominated(values: np.ndarray) -> np.ndarray:
    """Whether another row is nowhere worse and somewhere better.

    Args:
        values: To be minimised, `(row, objective)`.

    Returns:
        Booleans, `(row,)`. Equal rows do not dominate one another.

    Example:
        >>> dominated(np.array([[1, 3], [2, 2], [3, 3]])).tolist()
        [False, False, True]
    """
    others = values[None]
    nowhere_worse = (others <= values[:, None]).all(-1)
    somewhere_better = (others < values[:, None]).any(-1)
    return (nowhere_worse & somewhere_better).any(1)


def front(
    records: Sequence[TrialRecord], objectives: Sequence[str]
) -> list[TrialRecord]:
    """The completed trials that no other one dominates, best quality first.

    A trial whose settings another one trains for longer is left out: two measurements
    of one model's latency would both stand on the front.
    """
    best = ranked(records)
    shorter = {record.parent for record in best}
    kept = [record for record in best if record.number not in shorter]
    if not kept:
        return []
    out = dominated(points(kept, objectives))
    return [record for record, worse in zip(kept, out, strict=True) if not worse]


def candidates(records: Sequence[TrialRecord], tune: TuneConfig) -> list[TrialRecord]:
    """The trials that are trained again with other seeds, best quality first.

    With quality alone they are the `tune.top` best, else as many of the front. A trial
    whose settings another one trains for longer is left out.
    """
    if len(tune.objectives) > 1:
        return front(records, tune.objectives)[: tune.top]
    best = ranked(records)
    shorter = {record.parent for record in best}
    return [r for r in best if r.number not in shorter][: tune.top]


def choose(records: Sequence[TrialRecord], tune: TuneConfig) -> TrialRecord:
    """The trial whose settings are `best.yaml`.

    With quality alone it is the lowest objective. With others, of the trials on the
    front whose objective is within `tune.quality_slack` of the best, relatively, it is
    the lowest in the second objective, then in the third, then in quality.

    Where trials were trained again with other seeds, it is one of those, and the mean
    over these seeds stands for the objective. The search's own value, one training's,
    by which it was picked, is left out. Settings with which a seed failed are taken
    only if there are no others.
    """
    several = len(tune.objectives) > 1
    found = _judged(records, tune)
    if not found:
        found = front(records, tune.objectives) if several else ranked(records)
    quality = {r.number: r.objective if r.mean is None else r.mean for r in found}
    best = min(found, key=lambda record: quality[record.number])
    if not several:
        return best
    lowest = quality[best.number]
    allowed = lowest + tune.quality_slack * abs(lowest)
    near = [record for record in found if quality[record.number] <= allowed]

    def order(record: TrialRecord) -> list[float]:
        others = [value(record, name) for name in tune.objectives[1:]]
        return [*others, quality[record.number]]

    return min(near, key=order)


def _judged(records: Sequence[TrialRecord], tune: TuneConfig) -> list[TrialRecord]:
    """The candidates with a mean over other seeds, without failures if there are."""
    found = [r for r in candidates(records, tune) if r.mean is not None]
    whole = [r for r in found if len(r.objectives) == len(r.repeats)]
    return whole or found


def tied(records: Sequence[TrialRecord], tune: TuneConfig) -> list[TrialRecord]:
    """Candidates whose mean over seeds cannot be told from that of the chosen one.

    Welch's test of the two means does not reject at 5 %. Of few seeds that says little:
    with three, means have to lie about two standard deviations apart.
    """
    best = choose(records, tune)
    return [
        record
        for record in rivals(records, tune)
        if alike(record.objectives, best.objectives)
    ]


def rivals(records: Sequence[TrialRecord], tune: TuneConfig) -> list[TrialRecord]:
    """Candidates with a mean over seeds, but for the chosen one."""
    best = choose(records, tune)
    found = candidates(records, tune)
    return [r for r in found if r is not best and r.mean is not None]


def alike(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether Welch's two-sided test does not tell two means apart at 5 %.

    Of fewer than two values it tells nothing.

    Reference:
        Welch 1947, Biometrika 34, 28.

    Example:
        >>> alike([1.0, 1.2, 1.1], [1.1, 1.3, 1.2]), alike([1.0, 1.1], [2.0, 2.1])
        (True, False)
    """
    if min(len(first), len(second)) < 2:
        return True
    parts = [np.var(found, ddof=1) / len(found) for found in (first, second)]
    distance, total = abs(np.mean(first) - np.mean(second)), sum(parts)
    if total == 0:
        return bool(distance == 0)
    counts = [len(first) - 1, len(second) - 1]
    degrees = total**2 / sum(p**2 / n for p, n in zip(parts, counts, strict=True))
    return bool(distance <= stdtrit(degrees, 0.975) * math.sqrt(total))


def scalarise(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """One number a trial, lower is better, for an engine that knows one objective.

    Each objective is scaled to 0 at its best and 1 at its median so far, which a few
    bad trials do not move; the number is the augmented Chebyshev distance from the
    best. For every point of the front there are weights that make it the lowest, also
    where the front is not convex, which no weighted sum does.

    Args:
        values: To be minimised, `(trial, objective)`.
        weights: Positive, `(objective,)`, summing to one.

    Returns:
        `(trial,)`.

    Reference:
        Knowles 2006, ParEGO, IEEE Trans. Evol. Comp. 10, 50, equation 2.

    Example:
        >>> values = np.array([[0.0, 4.0], [1.0, 1.0], [4.0, 0.0]])
        >>> int(np.argmin(scalarise(values, np.array([0.5, 0.5]))))
        1
    """
    best = values.min(0)
    spread = np.median(values, 0) - best
    whole = values.max(0) - best
    spread = np.where(spread > 0, spread, np.where(whole > 0, whole, 1.0))
    parts = weights * (values - best) / spread
    return parts.max(1) + AUGMENTATION * parts.sum(1)


def draw_weights(seed: int, trial: int, objectives: int) -> np.ndarray:
    """The trade-off that a trial is drawn for: uniform weights, the same on resume.

    Args:
        seed: Of the search.
        trial: Number of the trial to be drawn.
        objectives: How many.
    """
    return np.random.default_rng([seed, trial]).dirichlet(np.ones(objectives))
