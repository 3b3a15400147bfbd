"""Pixels that vary, picked from spectra and put back where they came from."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_astro.registry import register

# Standard deviations that noise reaches nowhere in a hundred million values.
EXTREME = 5.5


@register()
class ActivePixels(keras.layers.Layer):
    """Picks the pixels that vary; `inverse=True` puts them back.

    The other pixels are given back as `rest`, the mean of the training rows.

    Args:
        pixels: Pixels of a spectrum.
        active: Number of pixels that are picked.

    Input shape: `(batch, pixel)`, or with `inverse=True` `(batch, active)`.
    Output shape: `(batch, active)`, or with `inverse=True` `(batch, pixel)`.

    Example:
        >>> layer = ActivePixels(4, 2)
        >>> layer.set_pixels([1, 3], rest=[0.5, 0.0, 0.5, 0.0])
        >>> picked = layer(ops.convert_to_tensor([[1.0, 2.0, 3.0, 4.0]]))
        >>> ops.convert_to_numpy(layer(picked, inverse=True)).tolist()
        [[0.5, 2.0, 0.5, 4.0]]
    """

    def __init__(self, pixels: int, active: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.pixels = pixels
        self.active = active

    def build(self, input_shape):
        def weight(name, length, dtype):
            return self.add_weight(
                shape=(length,),
                initializer="zeros",
                dtype=dtype,
                trainable=False,
                name=name,
            )

        self.chosen = weight("chosen", self.active, "int32")
        # Where each pixel stands among the chosen; behind them for the other pixels.
        self.place = weight("place", self.pixels, "int32")
        self.rest = weight("rest", self.pixels, self.variable_dtype)

    def set_pixels(self, chosen, *, rest) -> None:
        """Sets which pixels are picked, increasing, and what stands in the others."""
        if not self.built:
            self.build((None, self.pixels))
            self.built = True
        chosen = np.asarray(chosen)
        place = np.full(self.pixels, self.active)
        place[chosen] = np.arange(self.active)
        rest = np.array(rest, "float32")
        rest[chosen] = 0.0
        self.chosen.assign(chosen.astype("int32"))
        self.place.assign(place.astype("int32"))
        self.rest.assign(rest)

    def call(self, values, inverse=False):
        if not inverse:
            return ops.take(values, self.chosen, axis=1)
        behind = ops.concatenate([values, ops.zeros_like(values[:, :1])], axis=1)
        return ops.take(behind, self.place, axis=1) + self.rest

    def compute_output_spec(self, values, inverse=False):
        width = self.pixels if inverse else self.active
        return keras.KerasTensor((values.shape[0], width), dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config() | {"pixels": self.pixels, "active": self.active}
        config.pop("trainable", None)
        return config


def find_active(
    variance: np.ndarray,
    rows: int,
    *,
    lost_variance: float,
    smooth_pixels: int,
    span: np.ndarray | None = None,
    least_span: float = 0.0,
) -> np.ndarray:
    """Pixels whose variance is more than noise and worth a model.

    The noise is the median variance. Smoothing makes broad, weak absorption stand out
    of the scatter of variances. Of what does stand out, the least varying pixels are
    left out as long as all of them together hold `lost_variance` of the whole. Lines
    that few rows show hold next to none of it, so that pixels which move far in any row
    are kept, however rarely they do.

    Args:
        variance: Variance of the training rows, `(pixel,)`.
        rows: Number of training rows.
        lost_variance: Share of the variance above the noise that may be lost.
        smooth_pixels: Width of the smoothing.
        span: Largest minus least value of the training rows, each smoothed by as many
            pixels, `(pixel,)`.
        least_span: Span beyond what noise alone gives from which a pixel is kept.

    Returns:
        Indices, increasing; at least one.
    """
    noise = float(np.median(variance))
    kernel = np.ones(smooth_pixels) / smooth_pixels
    excess = np.convolve(variance - noise, kernel, mode="same")
    scatter = noise * np.sqrt(2.0 / max(rows - 1, 1) / smooth_pixels)
    excess = np.where(excess > 4.0 * scatter, excess, 0.0)
    order = np.argsort(excess)
    summed = np.cumsum(excess[order])
    first = int(np.searchsorted(summed, lost_variance * summed[-1], side="right"))
    chosen = np.sort(order[min(first, len(order) - 1) :])
    chosen = chosen[excess[chosen] > 0] if summed[-1] > 0 else chosen[-1:]
    if span is None:
        return chosen
    by_noise = 2 * EXTREME * np.sqrt(noise / smooth_pixels)
    return np.union1d(chosen, np.flatnonzero(span > by_noise + least_span))
