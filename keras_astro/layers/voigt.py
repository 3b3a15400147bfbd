"""Gas parameters to absorption: a spectrograph's view of Voigt profiles as a layer."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_astro.layers.shift import C_KMS, EXACT, UNIT_KMS
from keras_astro.losses.faddeeva import voigt
from keras_astro.registry import register

# sqrt(pi) e^2 / (m_e c), for columns in cm^-2, wavelengths in angstrom and b in km/s.
CENTRAL_DEPTH = 1.497367e-15
# Columns that change nothing, and columns beyond all that is known; in log10 cm^-2.
LEAST, MOST = 8.0, 22.5
# Thermal b^2 in (km/s)^2 for each kelvin over atomic weight.
THERMAL = 0.016629


@register()
class VoigtAbsorption(keras.layers.Layer):
    """Absorption by one cloud whose ions have columns of their own.

    Depths are computed on a fine grid, each line in its own window, then spread and
    averaged over pixels by fixed matrices, one for each run of adjacent pixels.

    Args:
        lines: For each line: rest wavelength in angstrom, oscillator strength, damping
            constant in 1/s, atomic weight, and number of the ion.
        windows: First and last fine point of each line's window.
        fine: Number of fine points.
        runs: For each run of pixels: number of pixels, and first and last fine point.

    Input shape: `(batch, 3 + ion)`: velocity in 100 km/s, log10 of the turbulent b in
        km/s, log10 of the temperature in K, log10 columns in cm^-2.
    Output shape: `(batch, pixel)`, from 0 to 1.

    Reference:
        Weideman 1994 for the profile, see `keras_astro.losses.faddeeva`.
    """

    def __init__(
        self,
        lines: Sequence[Sequence[float]],
        windows: Sequence[Sequence[int]],
        fine: int,
        runs: Sequence[Sequence[int]],
        **kwargs,
    ):
        super().__init__(trainable=False, **EXACT | kwargs)
        self.lines = [list(line) for line in lines]
        self.windows = [list(window) for window in windows]
        self.fine = fine
        self.runs = [list(run) for run in runs]

    def build(self, input_shape):
        def fixed(name, shape):
            return self.add_weight(
                shape=shape, initializer="zeros", trainable=False, name=name
            )

        # Velocities, because differences of float32 wavelengths are too coarse.
        self.velocity = [
            fixed(f"velocity_{i}", (last - first,))
            for i, (first, last) in enumerate(self.windows)
        ]
        self.spread = [
            fixed(f"spread_{i}", (last - first, pixels))
            for i, (pixels, first, last) in enumerate(self.runs)
        ]

    def set_grid(
        self, wavelength: np.ndarray, spread: Sequence[np.ndarray], *, redshift: float
    ) -> None:
        """Sets the fine grid and the matrices of the runs.

        Args:
            wavelength: Of fine points, `(fine,)` in angstrom as observed.
            spread: For each run `(fine point, pixel)`.
            redshift: Of velocity 0.
        """
        if not self.built:
            self.build(None)
            self.built = True
        lines = zip(self.velocity, self.windows, self.lines, strict=True)
        for weight, (first, last), line in lines:
            centre = line[0] * (1 + redshift)
            velocity = (wavelength[first:last] / centre - 1.0) * C_KMS
            weight.assign(velocity.astype("float32"))
        for weight, matrix in zip(self.spread, spread, strict=True):
            weight.assign(np.asarray(matrix, "float32"))

    def call(self, parameters):
        depth = 0.0
        rows = enumerate(zip(self.lines, self.windows, strict=True))
        for i, (line, (first, last)) in rows:
            part = self._line(parameters, line, self.velocity[i])
            depth = depth + ops.pad(part, ((0, 0), (first, self.fine - last)))
        lost = 1.0 - ops.exp(-depth)
        seen = [
            ops.matmul(lost[:, first:last], matrix)
            for matrix, (_, first, last) in zip(self.spread, self.runs, strict=True)
        ]
        # Weights of a pixel sum to 1 but for rounding; flux must not fall below 0.
        return ops.minimum(ops.concatenate(seen, axis=1), 1.0)

    def _line(self, parameters, line, velocity):
        wavelength, strength, damping, weight, ion = line
        ion = 3 + int(ion)
        column = ops.exp(ops.clip(parameters[:, ion : ion + 1], LEAST, MOST) * LN10)
        turbulence = ops.exp(2.0 * LN10 * parameters[:, 1:2])
        thermal = THERMAL / weight * ops.exp(LN10 * parameters[:, 2:3])
        b = ops.sqrt(turbulence + thermal)
        moved = parameters[:, 0:1] * UNIT_KMS
        u = (velocity - moved) / b
        a = damping * wavelength * 1e-13 / (4.0 * np.pi) / b
        # The constant goes first: a column alone is close to the largest float32.
        central = column * (CENTRAL_DEPTH * strength * wavelength) / b
        return central * voigt(a, u)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], sum(run[0] for run in self.runs))

    def get_config(self):
        config = super().get_config() | {
            "lines": self.lines,
            "windows": self.windows,
            "fine": self.fine,
            "runs": self.runs,
        }
        config.pop("trainable", None)
        return config


LN10 = float(np.log(10.0))
