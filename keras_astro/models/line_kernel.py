"""Labels from a star's line strengths: kernel regression on two reference scales.

There are few stars, far more lines, and labels that differ from scale to scale. So all
scales are fitted together: a Gaussian process whose kernel has a part that the scales
share and a part of each one's own, on widths and on their logarithms. What it learns
about the kernel also serves a support-vector regression, which outliers among the
labels do not bend.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import minimize
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.svm import SVR

# Below this, in milliangstrom, a pseudo-equivalent width is noise of the continuum.
SOFTENING = 5.0
PENALTIES = [0.3, 1.0, 3.0, 10.0, 30.0, 100.0]
INSENSITIVE = 0.03
FOLDS = 8
# Bounds of the kernel's log weights: e^-8 is as good as nothing.
LOW, HIGH = -8.0, 4.0


class LineKernelRegressor:
    """Mean of a Gaussian process and a support-vector regression on its kernel.

    Nothing is set by hand for a data set: kernel weights and noise of each scale
    maximise the marginal likelihood, the support vectors' penalty is chosen by
    cross-validation that keeps each star whole.

    Args:
        robust: Whether the support-vector regression takes part.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> metals = rng.uniform(-1, 1, 30)
        >>> widths = 40 + 20 * metals[:, None] * rng.normal(size=40)
        >>> scale, star = np.zeros(30, int), np.arange(30)
        >>> model = LineKernelRegressor()
        >>> model = model.fit(widths[:25], metals[:25], scale[:25], star[:25])
        >>> found = model.predict(widths[25:], scale[25:])
        >>> bool(np.abs(found - metals[25:]).max() < 0.03)
        True
    """

    def __init__(self, *, robust: bool = True):
        self.robust = robust

    def fit(
        self,
        widths: np.ndarray,
        labels: np.ndarray,
        scale: np.ndarray,
        star: np.ndarray,
    ) -> LineKernelRegressor:
        """Learns from stars with known labels.

        Args:
            widths: Pseudo-equivalent widths in milliangstrom, `(row, line)`.
            labels: `(row,)`.
            scale: Index of the reference scale of each label, `(row,)`.
            star: Which star a row is of; a star may stand on several scales, `(row,)`.
        """
        self._views = [_standardise(view) for view in _views(widths)]
        self._features = self._apply(widths)
        self._scale = np.asarray(scale)
        kinds = np.unique(self._scale)
        self._center = {k: labels[self._scale == k].mean() for k in kinds}
        centered = labels - self._centers(self._scale)
        self._spread = centered.std()
        self._target = centered / self._spread
        noise = [np.where(self._scale == kind, 1.0, 0.0) for kind in kinds]
        parts = self._parts(self._features, self._scale)
        self._weights, self._noise = _most_likely(parts, noise, self._target)
        kernel = np.tensordot(self._weights, parts, 1)
        factor = cho_factor(kernel + np.diag(self._noise))
        self._alpha = cho_solve(factor, self._target)
        if self.robust:
            folds = GroupKFold(min(FOLDS, len(np.unique(star))))
            self._vectors = GridSearchCV(
                SVR(kernel="precomputed", epsilon=INSENSITIVE),
                {"C": PENALTIES},
                cv=folds,
                scoring="neg_mean_absolute_error",
            ).fit(kernel, self._target, groups=star)
        return self

    def predict(self, widths: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Labels `(row,)` of stars on the scales asked for."""
        parts = self._parts(self._apply(widths), np.asarray(scale))
        kernel = np.tensordot(self._weights, parts, 1)
        found = kernel @ self._alpha
        if self.robust:
            found = (found + self._vectors.predict(kernel)) / 2
        return found * self._spread + self._centers(scale)

    def _centers(self, scale) -> np.ndarray:
        return np.array([self._center[k] for k in scale])

    def _apply(self, widths) -> list[np.ndarray]:
        views = zip(_views(widths), self._views, strict=True)
        return [(view - mean) / sd for view, (mean, sd) in views]

    def _parts(self, features, scale) -> np.ndarray:
        """Kernels between rows and training rows, `(part, row, training row)`."""
        same = (np.asarray(scale)[:, None] == self._scale).astype(float)
        several = len(np.unique(self._scale)) > 1
        parts = [same] if several else []
        for rows, trained in zip(features, self._features, strict=True):
            lines = rows.shape[1]
            linear = rows @ trained.T / lines
            squares = (rows**2).mean(axis=1)[:, None] + (trained**2).mean(axis=1)
            parts += [linear, np.exp(linear - squares / 2)]
            if several:
                parts.append(linear * same)
        return np.stack(parts)


def _views(widths: np.ndarray) -> list[np.ndarray]:
    return [widths, np.log(np.maximum(widths, 0.0) + SOFTENING)]


def _standardise(view: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sd = view.std(axis=0)
    return view.mean(axis=0), np.where(sd > 0, sd, 1.0)


def _most_likely(parts, noise, target) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the parts and noise variance of each row, by marginal likelihood."""
    kinds, count = np.stack(noise), len(parts)
    jitter = 1e-8 * np.eye(len(target))

    def surprise(log):
        weights = np.exp(log)
        kernel = np.tensordot(weights[:count], parts, 1) + jitter
        kernel += np.diag(weights[count:] @ kinds)
        try:
            factor = cho_factor(kernel)
        except LinAlgError:
            return np.inf, np.zeros_like(log)
        alpha = cho_solve(factor, target)
        inverse = cho_solve(factor, np.eye(len(target)))
        value = target @ alpha / 2 + np.log(np.diag(factor[0])).sum()
        # d value / d K = (K^-1 - alpha alpha^T) / 2
        slope = (inverse - np.outer(alpha, alpha)) / 2
        of_parts = np.tensordot(parts, slope, 2)
        return value, weights * np.concatenate([of_parts, kinds @ np.diag(slope)])

    start = np.full(count + len(kinds), -2.0)
    bounds = [(LOW, HIGH)] * len(start)
    found = minimize(surprise, start, jac=True, method="L-BFGS-B", bounds=bounds)
    weights = np.exp(found.x)
    return weights[:count], weights[count:] @ kinds
