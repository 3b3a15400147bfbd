"""All warnings on a row: of what goes in, and of what comes out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_astro.tasks import catalog

# Distance of the mean from a limit over the standard deviation. It is 1.73 for a
# density uniform between the limits, 1.32 for half a Gaussian with its peak at the
# limit, and 1 for an exponential that falls off from it: a Gaussian's tail far off.
EDGE = 1.15


def row_flags(
    task: str, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Comma-separated warnings for each row; empty when there is nothing to say.

    Those of the task, and `prior_edge`: see `at_prior_edge`.

    Args:
        task: Name of the task.
        inputs: The rows' arrays by name.
        outputs: The `predict` signature's arrays by name.

    Returns:
        `(row,)` of text.
    """
    flags = catalog.quality(task)(dict(outputs) | dict(inputs))
    edge = at_prior_edge(outputs, catalog.prior(task))
    if not np.any(edge):
        return flags
    words = [
        ",".join(filter(None, (text, "prior_edge" if hit else "")))
        for text, hit in zip(flags.tolist(), edge, strict=True)
    ]
    return np.array(words, dtype=str)


def at_prior_edge(
    outputs: Mapping[str, np.ndarray], limits: Mapping[str, tuple[float, float]]
) -> np.ndarray:
    """Whether the posterior of any parameter is heaped against one of its limits.

    The truth may then lie beyond, and the interval says more of the prior than of the
    data.

    Args:
        outputs: Has the mean `name` and standard deviation `name_sd` of each parameter
            that has limits, `(row,)`.
        limits: Lower and upper limits by name.

    Returns:
        `(row,)` of booleans; one False where nothing has limits.

    Example:
        >>> found = {"x": np.array([0.5, 0.97]), "x_sd": np.array([0.1, 0.03])}
        >>> at_prior_edge(found, {"x": (0.0, 1.0)}).tolist()
        [False, True]
    """
    found = np.zeros(1, bool)
    for name, (low, high) in limits.items():
        mean, sd = outputs[name], outputs[f"{name}_sd"]
        found = found | (np.minimum(mean - low, high - mean) < EDGE * sd)
    return found
