"""Anomaly scores that a network must beat: linear and locally linear manifolds.

Both learn from normal rows alone. They see the same frame as the network (stretched,
binned pixels), so that a difference is due to the model and not to the pixels.
"""

from __future__ import annotations

import numpy as np

from keras_astro.errors import ArtefactError, DataError

BLOCK = 256


class PcaResidual:
    """Energy outside the principal components of normal images.

    Args:
        components: Number of principal components kept.

    Reference:
        Jackson and Mudholkar 1979, Technometrics 21, 341: `Q = |x - P P^T x|^2`.

    Example:
        >>> normal = np.outer(np.arange(8.0), [1.0, 1.0])
        >>> scores = PcaResidual(components=1).fit(normal).score([[2, 2], [2, -2]])
        >>> scores.round(6).tolist()
        [0.0, 4.0]
    """

    def __init__(self, *, components: int = 80):
        self.components = components
        self.mean = None
        self.axes = None

    def fit(self, images) -> PcaResidual:
        """Learns mean and components from normal images `(row, ...)`; returns self."""
        table = _table(images)
        self.mean = table.mean(axis=0)
        self.axes = _leading_axes(table - self.mean, self.components)
        return self

    def project(self, images) -> tuple[np.ndarray, np.ndarray]:
        """Splits images into coefficients `(row, component)` and residual energy."""
        if self.axes is None:
            raise ArtefactError(
                "PCA residual: expected a fit before it scores, found none",
                hint="Call fit(images) first, with normal images.",
            )
        table = _table(images)
        if table.shape[1] != self.mean.size:
            raise DataError(
                f"PCA residual: fitted on {self.mean.size} pixels an image, received"
                f" {table.shape[1]}",
                hint="Crop and bin the images as those that it was fitted on.",
            )
        centred = table - self.mean
        coefficients = centred @ self.axes.T
        energy = (centred**2).sum(axis=1) - (coefficients**2).sum(axis=1)
        return coefficients, np.maximum(energy, 0.0)

    def score(self, images) -> np.ndarray:
        """Mean squared residual of each image, `(row,)`; larger is more anomalous."""
        return self.project(images)[1] / self.mean.size


class TangentResidual:
    """Distance to the local tangent plane of the manifold of normal images.

    Images are reduced to principal components; there the nearest normal images span a
    plane by their own principal components. The score is the squared distance to it.

    Args:
        neighbours: Nearest normal images used for each plane.
        directions: Dimensions of the plane.
        components: Principal components in which neighbours are searched.
        flips: Which image axes may be mirrored to enlarge the normal set, from
            "y", "x"; only right where the sky has that symmetry.

    Reference:
        Zhang and Zha 2004, SIAM J. Sci. Comput. 26, 313 (local tangent spaces).

    Example:
        >>> angles = np.linspace(0.0, 6.28, 200)
        >>> circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        >>> model = TangentResidual(neighbours=6, directions=1, components=2)
        >>> on, off = model.fit(circle).score([[1.0, 0.0], [0.5, 0.0]])
        >>> bool(on < 1e-3 < 0.1 < off)
        True
    """

    def __init__(
        self,
        *,
        neighbours: int = 60,
        directions: int = 20,
        components: int = 120,
        flips: tuple[str, ...] = (),
    ):
        if directions >= neighbours:
            raise DataError(
                f"tangent residual: {directions} directions need more than that many"
                f" neighbours, received {neighbours}",
                hint=f"Ask for at most {neighbours - 1} directions, or for more "
                "neighbours.",
            )
        self.neighbours = neighbours
        self.directions = directions
        self.flips = flips
        self.pca = PcaResidual(components=components)
        self.search = None
        self.bank = None

    def fit(self, images) -> TangentResidual:
        """Stores the normal images `(row, ...)` as principal components."""
        from sklearn.neighbors import NearestNeighbors

        images = _mirrored(np.asarray(images), self.flips)
        if len(images) < self.neighbours:
            raise DataError(
                f"tangent residual: expected at least {self.neighbours} normal images,"
                f" received {len(images)}",
                hint="Give more images, mirror them with flips, or ask for fewer "
                "neighbours.",
            )
        self.bank, _ = self.pca.fit(images).project(images)
        self.search = NearestNeighbors(n_neighbors=self.neighbours).fit(self.bank)
        return self

    def score(self, images) -> np.ndarray:
        """Squared distance to the tangent plane, `(row,)`; larger is more anomalous."""
        if self.search is None:
            raise ArtefactError(
                "tangent residual: expected a fit before it scores, found none",
                hint="Call fit(images) first, with normal images.",
            )
        # Energy outside the principal components is noise and is not counted.
        coefficients, _ = self.pca.project(images)
        return np.concatenate(
            [
                self._distance(coefficients[start : start + BLOCK])
                for start in range(0, len(coefficients), BLOCK)
            ]
        )

    def _distance(self, rows: np.ndarray) -> np.ndarray:
        near = self.bank[self.search.kneighbors(rows, return_distance=False)]
        centre = near.mean(axis=1)
        offsets = near - centre[:, None]
        residual = rows - centre
        # Eigenvectors u of the Gram matrix of neighbours give the plane's directions
        # as offsets^T u / sqrt(eigenvalue), cheaper than an SVD of all pixels.
        values, vectors = np.linalg.eigh(offsets @ offsets.transpose(0, 2, 1))
        values = values[:, -self.directions :]
        vectors = vectors[:, :, -self.directions :]
        inner = np.einsum("rkc,rc->rk", offsets, residual)
        along = np.einsum("rkd,rk->rd", vectors, inner) ** 2
        # Directions without any spread are no directions.
        solid = values > 1e-12 * np.maximum(values[:, -1:], 1e-300)
        along = np.where(solid, along / np.where(solid, values, 1.0), 0.0)
        return np.maximum((residual**2).sum(axis=1) - along.sum(axis=1), 0.0)


def stretched(images, *, softening: float = 0.1, factor: int = 4) -> np.ndarray:
    """Asinh stretch of images scaled by their peak, then mean over square blocks.

    Args:
        images: `(row, y, x)` or `(row, y, x, band)` in linear units.
        softening: Fraction of the peak below which the stretch is linear.
        factor: Side of the blocks; a remainder is cut evenly from the edges.

    Returns:
        `(row, y // factor, x // factor[, band])` float64.

    Reference:
        Lupton et al. 2004, PASP 116, 133.

    Example:
        >>> stretched(np.ones((1, 8, 8)), factor=4).shape
        (1, 2, 2)
    """
    images = np.asarray(images, dtype=np.float64)
    peak = np.abs(images).max(axis=tuple(range(1, images.ndim)), keepdims=True)
    bright = np.arcsinh(images / (softening * np.where(peak > 0, peak, 1.0)))
    height, width = (size // factor * factor for size in images.shape[1:3])
    top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
    cut = bright[:, top : top + height, left : left + width]
    shape = (len(cut), height // factor, factor, width // factor, factor)
    return cut.reshape(*shape, *cut.shape[3:]).mean(axis=(2, 4))


def _table(images) -> np.ndarray:
    images = np.asarray(images, dtype=np.float64)
    if images.ndim < 2 or not len(images) or not np.isfinite(images).all():
        raise DataError(
            "baseline: expected finite images (row, ...), received shape"
            f" {images.shape}"
            + ("" if np.isfinite(images).all() else " with NaN or inf"),
            hint="Fill masked pixels as the model's preprocessing does.",
        )
    return images.reshape(len(images), -1)


def _leading_axes(centred: np.ndarray, components: int) -> np.ndarray:
    """Principal axes `(component, pixel)` by the smaller of the two Gram matrices."""
    rows, pixels = centred.shape
    kept = min(components, rows - 1, pixels) or 1
    if pixels <= rows:
        _, vectors = np.linalg.eigh(centred.T @ centred)
        return vectors[:, ::-1][:, :kept].T
    values, vectors = np.linalg.eigh(centred @ centred.T)
    values, vectors = values[::-1][:kept], vectors[:, ::-1][:, :kept]
    solid = values > 1e-12 * values[0]
    return (vectors[:, solid].T @ centred) / np.sqrt(values[solid])[:, None]


def _mirrored(images: np.ndarray, flips: tuple[str, ...]) -> np.ndarray:
    if not set(flips) <= {"y", "x"}:
        raise DataError(
            f'flips: expected a choice of "y" and "x", received {flips}',
            hint='Use ("y", "x") where the sky has no handedness, or () for no mirror '
            "images.",
        )
    for name in flips:
        axis = {"y": 1, "x": 2}[name]
        if images.ndim <= axis:
            raise DataError(
                f"flips: expected images (row, y, x), received shape {images.shape}",
                hint="Put the rows first, or give no flips.",
            )
        images = np.concatenate([images, np.flip(images, axis)])
    return images
