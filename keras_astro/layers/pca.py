"""A linear basis inside the graph: principal components as a layer."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np
from keras import ops
from scipy.linalg import eigh

from keras_astro.errors import DataError
from keras_astro.registry import register

# What rounding may take from the overlap of a component with its mirror image.
MIXED = 1e-3
# Of one sum.
TERMS = 512


@register()
class PrincipalComponents(keras.layers.Layer):
    """Projects onto a fixed orthonormal basis, and back with `inverse=True`.

    Coefficients are divided by one common scale, so that their mean variance on the
    training rows is 1 and squared errors of coefficients remain squared errors of
    pixels up to that factor.

    Args:
        components: Number of basis vectors.
        frame_shape: Shape of one row, e.g. `(y, x, band)`.

    Input shape: `(batch, *frame_shape)`, or `(batch, components)` with `inverse=True`.
    Output shape: `(batch, components)`, or `(batch, *frame_shape)` with `inverse=True`.
    """

    def __init__(self, components: int, frame_shape, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.components = components
        self.frame_shape = tuple(frame_shape)
        self.size = int(np.prod(self.frame_shape))

    def build(self, input_shape):
        self.mean = self.add_weight(
            shape=(self.size,), initializer="zeros", trainable=False, name="mean"
        )
        self.basis = self.add_weight(
            shape=(self.components, self.size),
            initializer="orthogonal",
            trainable=False,
            name="basis",
        )
        self.scale = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="scale"
        )

    def set_basis(self, mean, basis, scale: float) -> None:
        """Fills in what `fit_components` found."""
        if not self.built:
            self.build(None)
        self.mean.assign(mean)
        self.basis.assign(basis)
        self.scale.assign(scale)

    def parity(self, axes: tuple[int, ...]) -> np.ndarray:
        """Sign that each coefficient gets when its frame is mirrored along `axes`.

        Where the training rows held all mirror images, their covariance commutes with
        a reflection, so that each component is even or odd and the mean is even.

        Args:
            axes: Of one row, e.g. `(0,)` for y or `(0, 1)` for both.

        Returns:
            1 or -1, `(components,)`.

        Raises:
            DataError: If a component is neither even nor odd.
        """
        basis = np.asarray(self.basis)
        mirrored = np.flip(basis.reshape(-1, *self.frame_shape), [a + 1 for a in axes])
        overlap = np.sum(basis * mirrored.reshape(basis.shape), axis=1)
        mixed = np.flatnonzero(np.abs(overlap) < 1 - MIXED)
        if len(mixed):
            raise DataError(
                f"principal component {mixed[0]} is neither even nor odd under a "
                f"reflection of axes {axes}: its overlap with its mirror image is "
                f"{overlap[mixed[0]]:.4f}, not 1 or -1",
                hint="Use --set model.average_reflections=false.",
            )
        return np.sign(overlap)

    def call(self, inputs, inverse=False):
        if inverse:
            # Scaled behind the product: wherever the layer is used, converters then
            # merge the scale into the basis, and exports keep one copy for all.
            flat = ops.matmul(inputs, self.basis) * self.scale + self.mean
            return ops.reshape(flat, (-1, *self.frame_shape))
        flat = ops.reshape(inputs, (-1, self.size)) - self.mean
        # Small runtimes add up terms one by one, and thousands of them lose a digit
        # that sums of shorter sums keep. Each is divided: converters merge that into
        # the basis, and would otherwise merge it into whatever layer is next.
        found = 0.0
        for start in range(0, self.size, TERMS):
            some = slice(start, start + TERMS)
            basis = ops.transpose(self.basis[:, some])
            found = found + ops.matmul(flat[:, some], basis) / self.scale
        return found

    def compute_output_spec(self, inputs, inverse=False):
        shape = self.frame_shape if inverse else (self.components,)
        return keras.KerasTensor((inputs.shape[0], *shape), dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config() | {
            "components": self.components,
            "frame_shape": self.frame_shape,
        }
        config.pop("trainable", None)
        return config


def fit_components(
    blocks: Iterable[np.ndarray], components: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean, leading principal components and common scale of rows read in blocks.

    Args:
        blocks: Arrays `(row, ...)`; only one is in memory at a time.
        components: Number of components.

    Returns:
        Mean `(size,)`, basis `(components, size)` and the scale: the root mean
        variance of the coefficients.

    Raises:
        DataError: If there are fewer rows or pixels than components, or no variance.
    """
    total, outer, rows = 0.0, 0.0, 0
    for block in blocks:
        flat = np.asarray(block, np.float64).reshape(len(block), -1)
        total = total + flat.sum(axis=0)
        outer = outer + flat.T @ flat
        rows += len(flat)
    if rows <= components or np.size(total) < components:
        raise DataError(
            f"{components} principal components need more than {components} training "
            f"rows and as many pixels; found {rows} rows of {np.size(total)} pixels",
            hint="Use --set preprocessing.pca_components with a smaller number.",
        )
    mean = total / rows
    covariance = outer / rows - np.outer(mean, mean)
    size = len(mean)
    variance, vectors = eigh(covariance, subset_by_index=[size - components, size - 1])
    if not variance[-1] > 0:
        raise DataError(
            "the training rows are all equal: there is nothing to learn",
            hint="Check the files with: kastro data describe FILE",
        )
    scale = float(np.sqrt(np.mean(np.maximum(variance, 0.0))))
    basis = vectors[:, ::-1].T
    return mean.astype("float32"), np.ascontiguousarray(basis, "float32"), scale
