"""Training rows of the physics head: simulated smooth lenses and their parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from keras_astro.layers.pca import PrincipalComponents, fit_components
from keras_astro.layers.physics import LENS_PARAMETERS
from keras_astro.simulate.lens_config import LensingSimulation
from keras_astro.simulate.lensing import iter_simulate
from keras_astro.tasks.lensing_config import LensingConfig

# What files are taken for unless the settings say otherwise.
FILES_PRESET = "slc"


@dataclass
class SimulatedLenses:
    """What the physics head learns from.

    Args:
        components: Basis of simulated and real frames together: the real ones alone
            do not span what another Einstein radius would look like.
        features: Coefficients of simulated lenses, `(row, component)`.
        names: The parameters that vary; theta_E is the first.
        parameters: Standardised, `(row, parameter)`.
        mean: Of each parameter.
        sd: Of each parameter.
    """

    components: PrincipalComponents
    features: np.ndarray
    names: tuple[str, ...]
    parameters: np.ndarray
    mean: np.ndarray
    sd: np.ndarray


def simulated_lenses(
    config: LensingConfig,
    stem: keras.Model,
    real: np.ndarray,
    image_shape: tuple[int, int, int],
) -> SimulatedLenses | None:
    """Simulates lenses over a range of radii far wider than any data set's.

    So the head measures the Einstein radius and does not know what is normal. Real
    frames only help to choose the basis; no label is involved.

    Args:
        config: Settings.
        stem: Image to frame.
        real: Frames of training rows, `(row, y, x, band)`.
        image_shape: `(y, x, band)` of the data.

    Returns:
        None when physics is switched off, or when images have several bands, which
        the simulator does not draw.
    """
    settings = config.physics
    if not settings.enabled or image_shape[2] != 1:
        return None
    frames, table = _draw(config, stem, image_shape)
    components = PrincipalComponents(
        settings.components, frames.shape[1:], name="lens_components"
    )
    few = frames[: len(real)]
    components.set_basis(*fit_components([few, real], settings.components))
    features = [np.asarray(components(block)) for block in _blocks(frames)]
    mean, sd = table.mean(axis=0), table.std(axis=0)
    varies = sd > 1e-6
    return SimulatedLenses(
        components,
        np.concatenate(features),
        tuple(np.array(LENS_PARAMETERS)[varies].tolist()),
        ((table - mean)[:, varies] / sd[varies]).astype("float32"),
        mean[varies],
        sd[varies],
    )


def _draw(config, stem, image_shape) -> tuple[np.ndarray, np.ndarray]:
    """Frames and parameters of simulated lenses."""
    settings = config.physics
    # What the stem crops away need not be drawn.
    side = min(config.preprocessing.crop_pixels, *image_shape[:2])
    simulation = physics_prior(config).replace(pixels=side)
    margin = [(n - side) // 2 for n in image_shape[:2]]
    borders = [(m, n - side - m) for m, n in zip(margin, image_shape[:2], strict=True)]
    frames, parameters = [], []
    for block in iter_simulate(
        simulation,
        settings.simulated_lenses,
        seed=config.seed + 1,
        anomaly_fraction=0.0,
    ):
        images = np.pad(block.inputs["image"], [(0, 0), *borders, (0, 0)])
        frames.append(np.asarray(stem.predict_on_batch(images)))
        parameters.append(
            np.stack([block.targets[name] for name in LENS_PARAMETERS], axis=-1)
        )
    return np.concatenate(frames), np.concatenate(parameters)


def physics_prior(config: LensingConfig) -> LensingSimulation:
    """The smooth lenses that the head learns from, as the camera sees them."""
    settings = config.physics
    preset = settings.preset
    if preset is None:
        preset = FILES_PRESET if config.data.paths else config.simulation.preset
    given = {
        name: getattr(settings, name)
        for name in ("pixel_scale_arcsec", "psf_fwhm_arcsec", "aligned")
        if getattr(settings, name) is not None
    }
    # Compression is covered by the noise on frames, a round trip would be slow.
    prior = LensingSimulation.preset(preset).replace(eight_bit_jpeg=0, **given)
    return prior.widened(theta_E_arcsec=settings.theta_E_arcsec)


def _blocks(frames: np.ndarray, rows: int = 1024) -> Iterator[np.ndarray]:
    for start in range(0, len(frames), rows):
        yield frames[start : start + rows]
