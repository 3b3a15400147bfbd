"""The temperature at which a classifier's probabilities fit held-out rows best."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from keras_astro.errors import DataError
from keras_astro.metrics.reliability import class_labels

# Natural logarithms of the temperatures searched, in units of the logits' spread.
RANGE = (-9.0, 9.0)


def fit_temperature(logits, labels) -> float:
    """Temperature of the largest likelihood of labels, on rows that trained nothing.

    The negative log-likelihood of `softmax(logits / T)` is convex in `1 / T`, so there
    is one minimum.

    Args:
        logits: `(row, class)`.
        labels: `(row,)`, integer classes.

    Raises:
        DataError: If the arrays do not match, or held-out rows are all right or no
            better than chance: the best temperature is then 0 or infinite.

    Reference:
        Guo et al. 2017, ICML, "On calibration of modern neural networks", section 4.2.

    Example:
        >>> logits = np.tile([[2 * np.log(3.0), 0.0]], (4, 1))
        >>> round(fit_temperature(logits, [0, 0, 0, 1]), 3)
        2.0
    """
    logits = np.asarray(logits, dtype=np.float64)
    if logits.ndim != 2 or not len(logits) or not np.isfinite(logits).all():
        raise DataError(
            "logits: expected finite numbers (row, class), received shape "
            f"{logits.shape} with {np.sum(~np.isfinite(logits))} not finite",
            hint="Give what the network has before its softmax, rows first.",
        )
    labels = class_labels(labels, logits)
    rows = np.arange(len(labels))
    centred = logits - logits.mean(axis=1, keepdims=True)
    all_right = (centred.max(axis=1) == centred[rows, labels]).all()
    if all_right or centred[rows, labels].mean() <= 0.0:
        raise DataError(
            "temperature: held-out rows have no best one, because they are "
            + ("all right" if all_right else "no better than chance"),
            hint="Hold out more rows.",
        )
    scale = centred.std()

    def loss(log_temperature):
        scaled = centred / (scale * np.exp(log_temperature))
        return -log_softmax(scaled, axis=1)[rows, labels].mean()

    found = minimize_scalar(
        loss, bounds=RANGE, method="bounded", options={"xatol": 1e-7}
    )
    return float(scale * np.exp(found.x))
