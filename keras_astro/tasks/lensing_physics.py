"""Training rows of the physics head: simulated smooth lenses and their parameters."""

from __future__ import annotations

import keras
import numpy as np

from keras_astro.layers.pca import PrincipalComponents
from keras_astro.layers.physics import LENS_PARAMETERS
from keras_astro.simulate.lens_config import LensingSimulation
from keras_astro.simulate.lensing import iter_simulate
from keras_astro.tasks.lensing_config import LensingConfig


def simulated_features(
    config: LensingConfig,
    stem: keras.Model,
    components: PrincipalComponents,
    image_shape: tuple[int, int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Coefficients and standardised parameters of simulated lenses.

    The Einstein radius is drawn from a range far wider than any data set's, so that
    the head measures it and does not know what is normal. No real image and no label
    is involved.

    Returns:
        Coefficients `(row, component)`, standardised parameters `(row, parameter)`,
        and the parameters' means and sds; None when physics is switched off or images
        have several bands, which the simulator does not draw.
    """
    settings = config.physics
    if not settings.enabled or image_shape[2] != 1:
        return None
    simulation = LensingSimulation.physics_prior(
        pixels=image_shape[0], pixel_scale_arcsec=settings.pixel_scale_arcsec
    )
    coefficients, parameters = [], []
    blocks = iter_simulate(
        simulation,
        settings.simulated_lenses,
        seed=config.seed + 1,
        anomaly_fraction=0.0,
    )
    for block in blocks:
        frame = stem.predict_on_batch(block.inputs["image"])
        coefficients.append(np.asarray(components(frame)))
        parameters.append(
            np.stack([block.targets[name] for name in LENS_PARAMETERS], axis=-1)
        )
    table = np.concatenate(parameters)
    mean, sd = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-6)
    standardised = ((table - mean) / sd).astype("float32")
    return np.concatenate(coefficients), standardised, mean, sd
