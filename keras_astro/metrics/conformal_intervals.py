"""Split-conformal intervals: error bars that hold the truth as often as they promise.

A score says how badly a row was predicted; its finite-sample quantile over calibration
rows, which trained nothing, widens every interval. For rows exchangeable with those,
`P(truth inside) >= level`, whatever the model and however many rows. On average over
all rows, that is: not for each kind of row.

Three scores, three intervals:

- absolute: `|y - mu|`, and `mu +- q`: one width for all rows;
- normalised: `|y - mu| / sigma`, and `mu +- q sigma`: widths as the model shapes them;
- quantile: `max(low - y, y - high)`, and `[low - q, high + q]`.
"""

from __future__ import annotations

import numpy as np

from keras_astro.errors import DataError
from keras_astro.metrics.arrays import paired, vector
from keras_astro.metrics.regression import pulls


def conformal_quantile(scores, *, level: float) -> float:
    """The `ceil((n + 1) level)`-th smallest of n calibration scores.

    Args:
        scores: `(n,)`, larger for rows predicted worse.
        level: Probability that an interval should hold the truth.

    Raises:
        DataError: If the level is not between 0 and 1, or asks for more rows.

    Reference:
        Vovk, Gammerman and Shafer 2005; Lei et al. 2018, JASA 113, 1094, theorem 2.2.

    Example:
        >>> conformal_quantile([5.0, 1.0, 4.0, 2.0, 3.0], level=0.5)
        3.0
    """
    ordered = np.sort(vector("calibration scores", scores))
    if not 0.0 < level < 1.0:
        raise DataError(
            f"level: expected between 0 and 1, received {level}",
            hint="Give 0.68 or 0.95, for example; divide percentages by 100.",
        )
    # Guards 0.9 * 10 = 9 against rounding to just above it.
    rank = int(np.ceil((ordered.size + 1) * level * (1.0 - 1e-12)))
    if rank > ordered.size:
        raise DataError(
            f"conformal interval: a level of {level} needs at least "
            f"{int(np.ceil(level / (1.0 - level) * (1.0 - 1e-12)))} calibration rows, "
            f"received {ordered.size}",
            hint="Hold out more rows or ask for a lower level.",
        )
    return float(ordered[rank - 1])


def conformal_half_width(truth, prediction, *, level: float) -> float:
    """Half-width q, in the parameter's unit: the interval is `prediction +- q`.

    Raises:
        DataError: If the vectors do not match or hold too few rows.

    Example:
        >>> conformal_half_width([0.0] * 4, [1.0, -2.0, 3.0, -4.0], level=0.8)
        4.0
    """
    truth, prediction = paired(truth=truth, prediction=prediction)
    return conformal_quantile(np.abs(truth - prediction), level=level)


def conformal_scale(truth, prediction, sigma, *, level: float) -> float:
    """Factor q on predicted errors: the interval is `prediction +- q sigma`.

    Raises:
        DataError: If the vectors do not match, a sigma is not positive, or there are
            too few rows.

    Reference:
        Lei et al. 2018, JASA 113, 1094, section 5.2.

    Example:
        >>> conformal_scale([0.0] * 4, [1.0, -2.0, 3.0, -4.0], [2.0] * 4, level=0.8)
        2.0
    """
    return conformal_quantile(np.abs(pulls(truth, prediction, sigma)), level=level)


def conformal_widening(truth, low, high, *, level: float) -> float:
    """Addition q to predicted quantiles: the interval is `[low - q, high + q]`.

    It is negative where the predicted intervals are too wide. Such an interval can
    turn out empty, with its ends reversed, where it was narrow before.

    Raises:
        DataError: If the vectors do not match, or there are too few rows.

    Reference:
        Romano, Patterson and Candes 2019, NeurIPS, "Conformalized quantile
        regression", equations 6 to 8.

    Example:
        >>> conformal_widening([0.0, 1.0, 2.0, 3.0], [0.0] * 4, [1.0] * 4, level=0.8)
        2.0
    """
    truth, low, high = paired(truth=truth, low=low, high=high)
    return conformal_quantile(np.maximum(low - truth, truth - high), level=level)
