"""A decoder that knows the lines: latents to gas, gas to Voigt profiles."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from keras_astro.errors import ConfigError
from keras_astro.layers.shift import C_KMS
from keras_astro.layers.voigt import VoigtAbsorption
from keras_astro.models.spectra import dense
from keras_astro.models.spectrum_grid import SpectrumGrid
from keras_astro.simulate.cgm_lines import Line, get_line, mass
from keras_astro.simulate.spectrograph import fine_grid, oversampling, spread_matrix

# Half widths of a line's window: metals, and hydrogen with its damping wings.
WINDOW_KMS, HYDROGEN_KMS = 900.0, 12_000.0
# Log10 of turbulent b in km/s, of temperature in K and of columns: where training
# starts, and by how much one unit of the network's output moves them.
START = {"width": 1.3, "temperature": 4.5, "H I": 15.5, "metal": 13.5}
STEP = {"width": 0.2, "temperature": 0.4, "H I": 1.5, "metal": 1.0}


def voigt_decoder(
    wavelength: np.ndarray,
    chosen: np.ndarray,
    latent_dim: int,
    *,
    lines: Sequence[str],
    redshift: float,
    fwhm_kms: float,
    hidden: Sequence[int] = (64, 64),
) -> keras.Model:
    """One cloud of free columns, width, temperature and velocity, learned from `z`.

    The first latent is the velocity in 100 km/s. The others reach the logarithms of
    the gas' parameters both directly and through hidden layers.

    Args:
        wavelength: All pixels of the spectra in angstrom as observed.
        chosen: Which of them are modelled, increasing.
        latent_dim: Width of the code, at least 2.
        lines: Names of the lines.
        redshift: Of velocity 0.
        fwhm_kms: Full width of the Gaussian line-spread function.
        hidden: Widths of the hidden layers.

    Returns:
        `(batch, latent_dim)` to absorption `(batch, pixel)`.

    Raises:
        ConfigError: If no line falls on the pixels, or there is but one latent.
    """
    if latent_dim < 2:
        raise ConfigError(
            f"model.latent_dim: expected 2 or more for the Voigt decoder, received "
            f"{latent_dim}",
            hint="Use --set model.latent_dim=6, or --set model.decoder=shift.",
        )
    found = [get_line(name) for name in lines]
    ions = list(dict.fromkeys(line.ion for line in found))
    absorb = voigt_layer(
        wavelength, chosen, found, ions, redshift=redshift, fwhm_kms=fwhm_kms
    )
    inputs = keras.Input((latent_dim,), name="z")
    shape = inputs[:, 1:]
    x = layers.Concatenate(name="with_latents")(
        [dense(shape, hidden, "decoder"), shape]
    )
    kinds = ["width", "temperature", *(i if i == "H I" else "metal" for i in ions)]
    gas = layers.Dense(len(kinds), name="gas")(x)
    gas = layers.Rescaling(
        [STEP[kind] for kind in kinds], [START[kind] for kind in kinds], name="log_gas"
    )(gas)
    parameters = layers.Concatenate(name="parameters")([inputs[:, :1], gas])
    return keras.Model(inputs, absorb(parameters), name="decoder")


def voigt_layer(
    wavelength: np.ndarray,
    chosen: np.ndarray,
    lines: Sequence[Line],
    ions: Sequence[str],
    *,
    redshift: float,
    fwhm_kms: float,
) -> VoigtAbsorption:
    """The layer of a grid: fine points, windows and matrices filled in.

    Raises:
        ConfigError: If no line falls on the pixels.
    """
    oversample = oversampling(wavelength)
    spread = spread_matrix(wavelength, oversample, fwhm_kms=fwhm_kms)[chosen]
    used = np.flatnonzero(np.diff(spread.tocsc().indptr))
    spread = spread[:, used].tocsr()
    fine = fine_grid(wavelength, oversample)[used]
    runs, matrices = [], []
    grid = SpectrumGrid.of(wavelength, chosen)
    for number in np.unique(grid.runs):
        block = spread[grid.runs == number]
        first, last = block.indices.min(), block.indices.max() + 1
        runs.append((block.shape[0], int(first), int(last)))
        matrices.append(block[:, first:last].toarray().T)
    kept, windows = [], []
    for line in lines:
        reach = HYDROGEN_KMS if line.ion == "H I" else WINDOW_KMS
        centre = line.wavelength_angstrom * (1 + redshift)
        edges = centre * (1 + np.array([-reach, reach]) / C_KMS)
        first, last = (int(i) for i in np.searchsorted(fine, edges))
        if last > first:
            kept.append(line)
            windows.append((first, last))
    if not kept:
        raise ConfigError(
            f"system.lines: none of {len(lines)} lines at redshift {redshift} falls on "
            f"pixels that vary, {fine[0]:.0f} to {fine[-1]:.0f} angstrom",
            hint="Check system.redshift.",
        )
    layer = VoigtAbsorption(
        [
            (
                line.wavelength_angstrom,
                line.strength,
                line.damping_per_second,
                mass(line.ion),
                ions.index(line.ion),
            )
            for line in kept
        ],
        windows,
        len(fine),
        runs,
        name="absorption",
    )
    layer.set_grid(fine, matrices, redshift=redshift)
    return layer
