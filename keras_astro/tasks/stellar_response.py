"""How estimates of stars move when their lines do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keras_astro.layers.quadratic import quadratic
from keras_astro.tasks.line_strengths import LabelledLines


class Response:
    """Estimates of synthetic stars with lines as believed, and with others.

    A model that has learnt from stars with slightly wrong lines errs by what right ones
    move its estimates by. That is a smooth function of the estimates, a quadratic one
    here, and known without training anything anew.

    Args:
        depth: Of synthetic stars, 1 less their normalised flux, `(star, pixel)`.
        estimate: Normalised flux of these stars, in this order, to their labels.
        center: Means of the training labels, `(label,)`.
        scale: Their standard deviations.
        limits: Least and largest training labels, each `(label,)`.

    Example:
        >>> depth = np.linspace(0.1, 0.9, 30)[:, None] * np.ones(5)
        >>> found = Response(
        ...     depth,
        ...     lambda flux: 1 - flux[:, :1],
        ...     center=np.array([0.5]),
        ...     scale=np.array([1.0]),
        ...     limits=(np.array([0.1]), np.array([0.9])),
        ... )
        >>> deeper = LabelledLines(np.array([[0.1], [0.0]]), 0.0)
        >>> found.error(found(deeper), np.array([[0.7]])).round(3).tolist()
        [[0.07]]
    """

    def __init__(
        self,
        depth: np.ndarray,
        estimate: Callable[[np.ndarray], np.ndarray],
        *,
        center: np.ndarray,
        scale: np.ndarray,
        limits: tuple[np.ndarray, np.ndarray],
    ):
        self.depth, self.estimate = depth, estimate
        self.center, self.scale = center, scale
        self.low, self.high = ((end - center) / scale for end in limits)
        self.believed = estimate(1 - depth)
        self.standard = self.standardised(self.believed)

    def __call__(self, lines: LabelledLines) -> np.ndarray:
        """Polynomial of the shift, `(term, label)`, its terms as of `quadratic`."""
        missing = lines.missing(self.depth, self.standard)
        moved = self.estimate(1 - self.depth - missing) - self.believed
        return np.linalg.lstsq(quadratic(self.standard), moved, rcond=None)[0]

    def standardised(self, labels: np.ndarray) -> np.ndarray:
        """Labels `(row, label)` by their spread in training, within its limits."""
        return np.clip((labels - self.center) / self.scale, self.low, self.high)

    def error(self, weights: np.ndarray, estimates: np.ndarray) -> np.ndarray:
        """What a polynomial says of estimates, `(row, label)`."""
        return quadratic(self.standardised(estimates)) @ weights
