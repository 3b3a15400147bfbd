"""The full stellar model: raw spectrum in; labels, intervals and domain flags out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import layers

from keras_astro.layers.column import Column
from keras_astro.layers.conformal import AtMost, CombinedScore, ConformalPValue
from keras_astro.layers.domain import (
    LabelExtent,
    LatentDistance,
    ReconstructionResidual,
    ResidualLevel,
)
from keras_astro.layers.ensemble import ConformalBounds, EnsembleMixture
from keras_astro.layers.pca import PrincipalComponents
from keras_astro.layers.quadratic import QuadraticCorrection
from keras_astro.preprocessing.continuum import FillBadPixels, PseudoContinuum

ACTIVATION = "gelu"
INPUTS = ("flux", "ivar", "mask")
ENDS = ("low_68", "high_68", "low_95", "high_95")

# What is combined into the domain score; whether each is a mean square.
DOMAIN = {
    "reconstruction_mse": True,
    "latent_distance": True,
    "label_extent": False,
}


def spectrum_stem(pixels: int, *, continuum_bins: int, degree: int) -> keras.Model:
    """From raw spectra to normalised ones with their bad pixels filled.

    Returns:
        `flux`, `ivar` and `mask`, each `(batch, pixel)`, to the normalised spectrum and
        1 for good pixels.
    """
    inputs = {name: keras.Input((pixels,), name=name) for name in INPUTS}
    filled, good = FillBadPixels(name="fill_bad_pixels")(list(inputs.values()))
    normalise = PseudoContinuum(continuum_bins, degree=degree, name="continuum")
    outputs = {"normalised": normalise(filled), "good": good}
    return keras.Model(inputs, outputs, name="stem")


def label_ensemble(
    features: int,
    parameters: int,
    *,
    members: int,
    kind: str = "dense",
    hidden: Sequence[int] = (256, 256, 128),
) -> keras.Model:
    """Independent regressors of all labels from latents, side by side.

    Args:
        features: Width of the input.
        parameters: Number of labels.
        members: Number of regressors; they differ in their initial weights.
        kind: `dense`, or `cnn` for two narrow convolutions along the latents first.
        hidden: Widths of the hidden layers of each.

    Returns:
        `(batch, features)` to `(batch, member * 2 * parameters)`.

    Example:
        >>> label_ensemble(33, 4, members=3).output_shape
        (None, 24)
    """
    inputs = keras.Input((features,), name="features")
    found = []
    for member in range(members):
        x = inputs
        if kind == "cnn":
            x = layers.Reshape((features, 1), name=f"line_{member}")(x)
            for i, filters in enumerate((64, 32)):
                x = layers.Conv1D(
                    filters, 2, activation=ACTIVATION, name=f"conv_{member}_{i}"
                )(x)
            x = layers.Flatten(name=f"flat_{member}")(x)
        for i, width in enumerate(hidden):
            x = layers.Dense(width, ACTIVATION, name=f"member_{member}_{i}")(x)
        found.append(layers.Dense(2 * parameters, name=f"member_{member}")(x))
    joined = layers.Concatenate(name="members")(found) if members > 1 else found[0]
    return keras.Model(inputs, joined, name="label_ensemble")


def direct_cnn(pixels: int, parameters: int, *, members: int) -> keras.Model:
    """Convolutional regressors of all labels straight from normalised spectra.

    Returns:
        `(batch, pixel)` to `(batch, member * 2 * parameters)`.
    """
    inputs = keras.Input((pixels,), name="spectrum")
    found = []
    for member in range(members):
        x = layers.Reshape((pixels, 1), name=f"line_{member}")(inputs)
        for i, (filters, kernel, stride) in enumerate(
            ((8, 15, 4), (16, 9, 4), (32, 7, 4))
        ):
            x = layers.Conv1D(
                filters,
                kernel,
                stride,
                padding="same",
                activation=ACTIVATION,
                name=f"conv_{member}_{i}",
            )(x)
        x = layers.Flatten(name=f"flat_{member}")(x)
        x = layers.Dense(128, ACTIVATION, name=f"member_{member}_0")(x)
        found.append(layers.Dense(2 * parameters, name=f"member_{member}")(x))
    joined = layers.Concatenate(name="members")(found) if members > 1 else found[0]
    return keras.Model(inputs, joined, name="label_ensemble")


@dataclass
class StellarParts:
    """The fitted pieces of which the full model consists.

    Args:
        stem: Raw spectrum to normalised spectrum.
        components: Normalised spectrum to coefficients and back.
        level: Residual level of a spectrum.
        encoder: Coefficients to `z`.
        decoder: `z` to coefficients.
        standardise: Regressor features to zero mean and unit variance.
        regressor: Those to raw labels of all members.
        members: Number of members.
        direct: Whether the regressor takes normalised spectra instead of latents.
        labels: Names of the labels.
    """

    stem: keras.Model
    components: PrincipalComponents
    level: ResidualLevel
    encoder: keras.Model
    decoder: keras.Model
    standardise: keras.layers.Layer
    regressor: keras.Model
    members: int
    direct: bool
    labels: tuple[str, ...]


def stellar_model(
    parts: StellarParts,
    *,
    calibration_rows: int,
    false_positive_rate: float,
    corrected: bool = False,
) -> keras.Model:
    """Joins the pieces into one functional model with named outputs.

    Units, intervals and the reference of the domain score are set on its layers
    afterwards; with `corrected`, estimates pass a `QuadraticCorrection`, which
    is set afterwards, too.

    Returns:
        Inputs `flux`, `ivar`, `mask` `(batch, pixel)`. Outputs: each label with
        `_error` and the ends of its 68 and 95 % intervals; `reconstruction_mse`,
        `latent_distance`, `label_extent`, `score`, `p_value`, `is_anomaly`; `z`,
        `normalised`, `reconstruction`.
    """
    pixels = parts.stem.input["flux"].shape[1]
    inputs = {name: keras.Input((pixels,), name=name) for name in INPUTS}
    prepared = parts.stem(inputs)
    normalised, good = prepared["normalised"], prepared["good"]
    coefficients = parts.components(normalised)
    z = parts.encoder(coefficients)
    reconstruction = parts.components(parts.decoder(z), inverse=True)
    projected = parts.components(coefficients, inverse=True)
    level = parts.level([normalised, projected, good])
    features = layers.Concatenate(name="features")([z, level])
    seen = normalised if parts.direct else features
    raw = parts.regressor(parts.standardise(seen))
    outputs = _labels(parts, raw, corrected)
    mse = ReconstructionResidual(name="mse")
    outputs |= {
        "reconstruction_mse": mse([normalised, reconstruction, good]),
        "latent_distance": LatentDistance(z.shape[-1], name="latent_distance")(z),
        "z": z,
        "normalised": normalised,
        "reconstruction": reconstruction,
    }
    score = CombinedScore(list(DOMAIN.values()), name="combined_score")(
        [outputs[name] for name in DOMAIN]
    )
    p_value = ConformalPValue(calibration_rows, name="conformal")(score)
    flag = AtMost(false_positive_rate, name="at_most")(p_value)
    outputs |= {"score": score, "p_value": p_value, "is_anomaly": flag}
    return keras.Model(inputs, outputs, name="stellar_model")


def _labels(parts: StellarParts, raw, corrected: bool) -> dict:
    count = len(parts.labels)
    mean, sd = EnsembleMixture(parts.members, count, name="mixture")(raw)
    if corrected:
        mean = QuadraticCorrection(count, name="correction")(mean)
    bounds = ConformalBounds(count, name="bounds")([mean, sd])
    outputs = {"label_extent": LabelExtent(count, name="extent")(mean)}
    for i, name in enumerate(parts.labels):
        ends = Column(i, name=f"ends_{name}")(bounds)
        outputs[name] = Column(i, name=f"column_{name}")(mean)
        outputs[error_name(name)] = Column(i, name=f"column_{name}_error")(sd)
        for k, end in enumerate(ENDS):
            outputs[end_name(name, end)] = Column(k, name=f"{end}_{name}")(ends)
    return outputs


def error_name(label: str) -> str:
    """Name of a label's standard error; the unit stays last.

    Example:
        >>> error_name("teff_kelvin")
        'teff_error_kelvin'
    """
    name, _, unit = label.rpartition("_")
    return f"{name}_error_{unit}"


def end_name(label: str, end: str) -> str:
    """Name of one end of a label's interval; the unit stays last.

    Example:
        >>> end_name("teff_kelvin", "low_68")
        'teff_low_68_kelvin'
    """
    name, _, unit = label.rpartition("_")
    return f"{name}_{end}_{unit}"


def endpoints(model: keras.Model) -> dict[str, keras.Model]:
    """The named signatures of a full stellar model.

    Returns:
        `predict`, `encode`, `decode`, `reconstruct` and `score`.
    """
    spectra = ("normalised", "reconstruction")
    chosen = {
        "predict": [name for name in model.output if name not in spectra],
        "encode": ["z"],
        "reconstruct": list(spectra),
        "score": ["score", "p_value", "is_anomaly"],
    }
    found = {
        name: keras.Model(model.input, {k: model.output[k] for k in names}, name=name)
        for name, names in chosen.items()
    }
    decoder = model.get_layer("decoder")
    z = keras.Input(decoder.input_shape[1:], name="z")
    drawn = model.get_layer("components")(decoder(z), inverse=True)
    found["decode"] = keras.Model({"z": z}, {"reconstruction": drawn}, name="decode")
    return found
