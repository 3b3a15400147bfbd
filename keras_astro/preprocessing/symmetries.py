"""Reflections and turns of stored galaxies, with their shears."""

from __future__ import annotations

import numpy as np

# A reflection keeps g1 and turns the sign of g2; exchanging x and y does the opposite.
KINDS = 8


def transform(
    images: np.ndarray, shear: np.ndarray, kind: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Reflects and turns each image, and its shear with it.

    Args:
        images: `(row, y, x, band)`, square.
        shear: `(row, 2)`, g1 and g2.
        kind: `(row,)` from 0 to 7: bit 0 reflects x, bit 1 reflects y, bit 2 then
            exchanges x and y.

    Returns:
        Images and shears of the same shapes.

    Example:
        >>> image = np.arange(4.0).reshape(1, 2, 2, 1)
        >>> turned, shear = transform(image, np.array([[0.1, 0.2]]), np.array([5]))
        >>> turned[0, :, :, 0].tolist(), shear.tolist()
        ([[1.0, 3.0], [0.0, 2.0]], [[-0.1, -0.2]])
    """
    x, y, exchange = (((kind >> bit) & 1).astype(bool) for bit in range(3))
    images, shear = images.copy(), shear.copy()
    images[x] = images[x][:, :, ::-1]
    images[y] = images[y][:, ::-1]
    images[exchange] = images[exchange].transpose(0, 2, 1, 3)
    shear[x, 1] *= -1
    shear[y, 1] *= -1
    shear[exchange, 0] *= -1
    return images, shear
