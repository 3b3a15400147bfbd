"""How hyperband spends a number of trials: sizes of its rounds."""

from __future__ import annotations

import math

FACTOR = 3

# Fewer epochs than this say nothing about a setting.
LEAST_EPOCHS = 5


def hyperband_sizes(trials: int, epochs: int) -> list[list[int]]:
    """Number of trials in each round of each bracket.

    Bracket b has b + 1 rounds; round r trains for `epochs / 3**(b - r)` epochs, each
    time from the start, and the settings of the best third go on to the next round.
    Brackets run from the last to the first. Too few trials for a whole iteration go to
    the last bracket alone, which explores most; the others then serve only if failures
    keep that one from using its trials up.

    Args:
        trials: All trials, each round's counted.
        epochs: Epochs of the last rounds.

    Reference:
        Li et al. 2018, Hyperband, JMLR 18 (185), Algorithm 1.

    Example:
        >>> hyperband_sizes(12, 60)
        [[3], [5, 2], [8, 3, 1]]
        >>> hyperband_sizes(40, 60)
        [[5], [8, 3], [17, 5, 2]]
    """
    by_epochs = 1 + int(math.log(max(1.0, epochs / LEAST_EPOCHS), FACTOR) + 1e-9)
    by_trials = 1 + int(math.log(trials, FACTOR) + 1e-9)
    brackets = min(by_epochs, by_trials)
    shares = [
        [brackets / (b + 1) * FACTOR ** (b - r) for r in range(b + 1)]
        for b in range(brackets)
    ]
    whole = [[math.ceil(share) for share in bracket] for bracket in shares]
    if trials < sum(map(sum, whole)):
        return [*whole[:-1], _fill(shares[-1:], trials)[0]]
    return _fill(shares, trials)


def _fill(shares: list[list[float]], trials: int) -> list[list[int]]:
    """Scales shares to integers that sum to `trials`, the rest going to the start."""
    scale = trials / sum(map(sum, shares))
    while True:
        sizes = [[math.ceil(scale * s - 1e-9) for s in bracket] for bracket in shares]
        spare = trials - sum(map(sum, sizes))
        if spare >= 0:
            sizes[-1][0] += spare
            return sizes
        scale *= 0.98
