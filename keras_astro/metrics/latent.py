"""What a latent space is used for: active units, spread, a 2-D view."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from keras_astro.errors import DataError


class LatentView(NamedTuple):
    """Principal components of latents.

    Attributes:
        coordinates: `(row, component)`, centred.
        axes: `(component, latent)`, unit vectors; the largest entry is positive.
        explained: `(component,)`, fraction of the total variance.
    """

    coordinates: np.ndarray
    axes: np.ndarray
    explained: np.ndarray


def latent_sd(latents) -> np.ndarray:
    """Standard deviation of each latent dimension over the rows.

    Args:
        latents: `(row, latent)`, the code or the posterior mean of each row.

    Returns:
        `(latent,)`.

    Raises:
        DataError: If the array is not a finite `(row, latent)` with two or more rows.

    Example:
        >>> latent_sd([[0.0, 1.0], [2.0, 1.0]]).tolist()
        [1.0, 0.0]
    """
    return _table(latents).std(axis=0)


def active_units(latents, *, threshold: float = 0.01) -> int:
    """Number of latent dimensions that respond to the data.

    A unit is active where `Var_x[E_q[z | x]] > threshold`.

    Args:
        latents: `(row, latent)`, posterior means.
        threshold: Smallest variance of an active unit.

    Raises:
        DataError: If the array is not a finite `(row, latent)` with two or more rows.

    Reference:
        Burda, Grosse and Salakhutdinov 2016, ICLR, section 5.2.

    Example:
        >>> active_units([[0.0, 1.0], [2.0, 1.0]])
        1
    """
    return int((latent_sd(latents) ** 2 > threshold).sum())


def latent_pca(latents, *, components: int = 2) -> LatentView:
    """Projects latents on their principal components.

    With fewer latent dimensions than components the missing coordinates are zero.

    Args:
        latents: `(row, latent)`.
        components: Number of components to keep.

    Raises:
        DataError: If the array is not a finite `(row, latent)` with two or more rows.

    Example:
        >>> view = latent_pca([[0.0, 0.0], [3.0, 4.0]], components=1)
        >>> view.axes.round(2).tolist()
        [[0.6, 0.8]]
    """
    table = _table(latents)
    centred = table - table.mean(axis=0)
    _, scale, axes = np.linalg.svd(centred, full_matrices=False)
    # The sign of a component is arbitrary; fixing it makes figures repeatable.
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    axes = axes * np.where(largest < 0, -1.0, 1.0)
    kept = min(components, len(axes))
    missing = components - kept
    total = (scale**2).sum()
    explained = scale[:kept] ** 2 / total if total > 0 else np.zeros(kept)
    return LatentView(
        np.pad(centred @ axes[:kept].T, ((0, 0), (0, missing))),
        np.pad(axes[:kept], ((0, missing), (0, 0))),
        np.pad(explained, (0, missing)),
    )


def _table(latents) -> np.ndarray:
    table = np.asarray(latents, dtype=np.float64)
    if table.ndim != 2 or len(table) < 2 or not np.isfinite(table).all():
        raise DataError(
            "latents: expected finite values (row, latent) with at least 2 rows,"
            f" received shape {table.shape}"
            + ("" if np.isfinite(table).all() else " with NaN or infinite values"),
            hint="Leave out rows with NaN, and give two or more that are left.",
        )
    return table
