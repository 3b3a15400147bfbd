"""The full lens model: raw image in, scores, p-value, parameters and maps out."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from keras_astro.layers.column import Column
from keras_astro.layers.conformal import AtMost, CombinedScore, ConformalPValue
from keras_astro.layers.pca import PrincipalComponents
from keras_astro.layers.physics import EinsteinRadiusPull, GaussianParameters
from keras_astro.layers.residual import AnomalyMap, MapMaximum, MeanSquaredResidual
from keras_astro.layers.tangent import TangentResidual
from keras_astro.models.autoencoder import reconstruct
from keras_astro.preprocessing.images import (
    AsinhStretch,
    CenterCrop,
    MeanBin,
    PeakNormalise,
)

# The scores that are combined; whether each is an energy or already in sigma.
ENERGY = {
    "reconstruction_mse": True,
    "residual_max": True,
    "tangent_residual": True,
    "einstein_radius_pull": False,
}


def image_stem(
    image_shape, *, crop_pixels: int, softening: float, bin_pixels: int
) -> keras.Model:
    """From raw pixels to the stretched, binned frame in which images are compared.

    Returns:
        `(batch, y, x, band)` in any linear unit to a smaller frame, at most 1.
    """
    image = keras.Input(tuple(image_shape), name="image")
    x = PeakNormalise(name="peak_normalise")(image)
    x = CenterCrop(crop_pixels, name="center_crop")(x)
    x = AsinhStretch(softening, name="asinh_stretch")(x)
    frame = MeanBin(bin_pixels, name="mean_bin")(x)
    return keras.Model(image, frame, name="stem")


@dataclass
class ScorerParts:
    """The fitted pieces of which the full model consists.

    Args:
        stem: Image to frame.
        components: Frame to coefficients and back.
        encoder: Features to `z`; features are coefficients, or frames.
        decoder: `z` to features.
        on_frames: Whether the autoencoder works on frames instead of coefficients.
        tangent: Tangent residual of coefficients.
        reflections: Layers from features to those of a mirror image.
        lens_parameters: What the head predicts, theta_E first.
        lens_components: Frame to the head's coefficients; None without physics.
        head: Those coefficients to raw lens parameters; None without physics.
    """

    stem: keras.Model
    components: PrincipalComponents
    encoder: keras.Model
    decoder: keras.Model
    on_frames: bool
    tangent: TangentResidual
    reflections: tuple[keras.layers.Layer, ...]
    lens_parameters: tuple[str, ...]
    lens_components: PrincipalComponents | None
    head: keras.Model | None


def lens_scorer(
    parts: ScorerParts,
    *,
    smoothing_pixels: float,
    calibration_rows: int,
    false_positive_rate: float,
) -> keras.Model:
    """Joins the pieces into one functional model with named outputs.

    Statistics of normal rows (expected sd, reference of the scores, calibration) are
    set on its layers afterwards.

    Returns:
        Input `image` `(batch, y, x, band)`; outputs `score`, `p_value`, `is_anomaly`,
        `reconstruction_mse`, `residual_max`, `tangent_residual`, `z`,
        `frame`, `reconstruction`, `anomaly_map`, and with physics `theta_E_arcsec`,
        `theta_E_error_arcsec`, `einstein_radius_pull` and the other lens parameters.
    """
    image = keras.Input(parts.stem.input_shape[1:], name="image")
    frame = parts.stem(image)
    coefficients = parts.components(frame)
    features = frame if parts.on_frames else coefficients
    z, decoded = reconstruct(parts.encoder, parts.decoder, features, parts.reflections)
    reconstruction = (
        decoded if parts.on_frames else parts.components(decoded, inverse=True)
    )
    residual_map = AnomalyMap(smoothing_pixels, name="anomaly_map")
    # Noise outside of the components says nothing of substructure.
    seen = frame if parts.on_frames else parts.components(coefficients, inverse=True)
    anomaly_map = residual_map([seen, reconstruction])
    outputs = {
        "reconstruction_mse": MeanSquaredResidual(name="mse")([features, decoded]),
        "residual_max": MapMaximum(name="map_maximum")(anomaly_map),
        "tangent_residual": parts.tangent(coefficients),
        "z": z,
        "reconstruction": reconstruction,
        "frame": frame,
        "anomaly_map": anomaly_map,
    }
    if parts.head is not None:
        outputs |= _lens_parameters(parts, frame)
    names = [name for name in ENERGY if name in outputs]
    energies = [ENERGY[name] for name in names]
    score = CombinedScore(energies, name="combined_score")([outputs[n] for n in names])
    p_value = ConformalPValue(calibration_rows, name="conformal")(score)
    flag = AtMost(false_positive_rate, name="at_most")(p_value)
    outputs |= {"score": score, "p_value": p_value, "is_anomaly": flag}
    return keras.Model({"image": image}, outputs, name="lens_scorer")


def _lens_parameters(parts: ScorerParts, frame) -> dict:
    raw = parts.head(parts.lens_components(frame))
    names = parts.lens_parameters
    mean, error = GaussianParameters(len(names), name="parameters")(raw)
    outputs = {
        name: Column(i, name=f"column_{name}")(mean) for i, name in enumerate(names)
    }
    theta_error = Column(0, name="column_theta_E_error")(error)
    pull = EinsteinRadiusPull(name="pull")([outputs["theta_E_arcsec"], theta_error])
    return outputs | {
        "theta_E_error_arcsec": theta_error,
        "einstein_radius_pull": pull,
    }


def endpoints(model: keras.Model) -> dict[str, keras.Model]:
    """The named signatures of a full lens model.

    Returns:
        `predict` (all numbers of the table), `encode`, `decode`, `reconstruct` and
        `score`, each with named inputs and outputs.
    """
    image, outputs = model.input, model.output
    maps = ("frame", "reconstruction", "anomaly_map")
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    z = keras.Input(encoder.output_shape[1:], name="z")
    decoded = decoder(z)
    if len(decoded.shape) == 2:
        decoded = model.get_layer("components")(decoded, inverse=True)
    chosen = {
        "predict": {k: v for k, v in outputs.items() if k not in maps},
        "encode": {"z": outputs["z"]},
        "reconstruct": {k: outputs[k] for k in ("frame", "reconstruction")},
        "score": {
            k: outputs[k] for k in ("score", "p_value", "is_anomaly", "anomaly_map")
        },
    }
    found = {name: keras.Model(image, out, name=name) for name, out in chosen.items()}
    found["decode"] = keras.Model({"z": z}, {"reconstruction": decoded}, name="decode")
    return found
