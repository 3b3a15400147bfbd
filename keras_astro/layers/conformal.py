"""Calibrated decisions inside the graph: combined scores and conformal p-values."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from keras_astro.registry import register


@register()
class CombinedScore(keras.layers.Layer):
    """One score from several, each standardised on normal rows first.

    With u a standardised part and s(u) = (u + sqrt(u^2 + 1)) / 2, the score is the root
    sum square of s(u): a part that looks normal adds little, a part that does not
    dominates. Mean squares are standardised as their fourth roots, which are nearly
    normally distributed; pulls, in sigma, as they are. Neither exponentials nor
    logarithms occur, so that the arithmetic survives integers of 16 bits.

    Args:
        energies: For each part, whether it is a mean square.

    Input shape: one tensor a part `(batch,)`, non-negative.
    Output shape: `(batch,)`.
    """

    def __init__(self, energies, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.energies = [bool(part) for part in energies]

    def build(self, input_shape):
        def weight(name, initializer):
            return self.add_weight(
                shape=(len(self.energies),),
                initializer=initializer,
                trainable=False,
                name=name,
            )

        self.centre = weight("centre", "zeros")
        self.width = weight("width", "ones")

    def set_reference(self, centre, width) -> None:
        """Sets what `fit_reference` found."""
        self.centre.assign(centre)
        self.width.assign(width)

    def call(self, scores):
        scaled = [
            ops.sqrt(ops.sqrt(score)) if energy else score
            for score, energy in zip(scores, self.energies, strict=True)
        ]
        u = (ops.stack(scaled, axis=-1) - self.centre) / self.width
        surprise = 0.5 * (u + ops.sqrt(u**2 + 1.0))
        return ops.sqrt(ops.sum(surprise**2, axis=-1))

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0],)

    def get_config(self):
        config = super().get_config() | {"energies": self.energies}
        config.pop("trainable", None)
        return config


def fit_reference(
    scores: list[np.ndarray], energies: list[bool]
) -> tuple[np.ndarray, np.ndarray]:
    """Median and upper width of each part on normal rows.

    The width is that of the upper side, between the median and the 84th percentile,
    because only large scores are evidence.

    Args:
        scores: One `(row,)` array a part.
        energies: For each part, whether its fourth root is measured.

    Returns:
        Centre and width, each `(part,)`.
    """
    scaled = np.stack(
        [
            score**0.25 if energy else score
            for score, energy in zip(scores, energies, strict=True)
        ],
        axis=-1,
    )
    centre = np.median(scaled, axis=0)
    width = np.quantile(scaled, 0.8413, axis=0) - centre
    return centre.astype("float32"), np.maximum(width, 1e-6).astype("float32")


@register()
class ConformalPValue(keras.layers.Layer):
    """P-value of a score against normal rows that trained nothing.

    p = (1 + #{calibration >= score}) / (n + 1): under exchangeability, the chance that
    a normal row has a p-value of at most alpha is at most alpha.

    Args:
        rows: Number `n` of calibration rows.

    Input shape: `(batch,)`.
    Output shape: `(batch,)`, between 1 / (n + 1) and 1.

    Reference:
        Vovk, Gammerman and Shafer 2005, "Algorithmic Learning in a Random World",
        section 2.2.

    Example:
        >>> layer = ConformalPValue(3)
        >>> layer.set_calibration([1.0, 2.0, 3.0])
        >>> [float(p) for p in layer(ops.convert_to_tensor([2.5, 9.0]))]
        [0.5, 0.25]
    """

    def __init__(self, rows: int, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.rows = rows

    def build(self, input_shape):
        self.calibration = self.add_weight(
            shape=(self.rows,), initializer="zeros", trainable=False, name="calibration"
        )

    def set_calibration(self, scores) -> None:
        """Sets the calibration scores, `(rows,)`."""
        if not self.built:
            self.build((None,))
            self.built = True
        self.calibration.assign(np.sort(np.asarray(scores, "float32")))

    def call(self, scores):
        at_least = ops.cast(
            ops.expand_dims(self.calibration, 0) >= ops.expand_dims(scores, -1),
            scores.dtype,
        )
        # A product, because a sum of 16-bit integers ends where its terms end, at 1.
        share = ops.full((self.rows, 1), 1.0 / (self.rows + 1.0), scores.dtype)
        p = 1.0 / (self.rows + 1.0) + ops.matmul(at_least, share)[:, 0]
        # A sum of all shares may round to a little more than 1.
        return ops.minimum(p, 1.0)

    def get_config(self):
        config = super().get_config() | {"rows": self.rows}
        config.pop("trainable", None)
        return config


@register()
class AtMost(keras.layers.Layer):
    """1 where a p-value is at most `rate`, else 0.

    Args:
        rate: The false positive rate.

    Input shape: `(batch,)`.
    Output shape: `(batch,)`, float.
    """

    def __init__(self, rate: float, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, p_values):
        # A rate that is a multiple of 1 / (n + 1) must not be missed by rounding.
        return ops.cast(p_values <= self.rate * (1.0 + 1e-6), p_values.dtype)

    def get_config(self):
        return super().get_config() | {"rate": self.rate}


def decision_facts(p_value: ConformalPValue, flag: AtMost) -> dict[str, float]:
    """False positive rate, number of calibration rows and threshold of the score."""
    scores = np.asarray(p_value.calibration)
    # A p-value of at most `rate` needs at most this many higher scores.
    above = max(int(np.floor(flag.rate * (len(scores) + 1) + 1e-6)) - 1, 0)
    return {
        "false_positive_rate": flag.rate,
        "n": len(scores),
        "threshold": float(np.sort(scores)[::-1][above]),
    }
