"""The full spectrum model: raw flux, errors and mask in, latents and scores out."""

from __future__ import annotations

import keras

from keras_astro.layers.absorption import Absorption, WeightedMeanSquare
from keras_astro.layers.active import ActivePixels
from keras_astro.layers.conformal import AtMost, ConformalPValue
from keras_astro.layers.known_codes import KnownCodes

SPECTRUM = ("flux", "ivar", "mask")


def spectrum_model(
    active: ActivePixels,
    encoder: keras.Model,
    decoder: keras.Model,
    *,
    known_rows: int,
    calibration_rows: int,
    false_positive_rate: float,
) -> keras.Model:
    """Joins the pieces into one functional model with named outputs.

    Args:
        active: The pixels that are modelled.
        encoder: Their absorption to `z`.
        decoder: `z` to their absorption.
        known_rows: Rows whose codes are kept as starts of a refinement.
        calibration_rows: Rows behind the p-values.
        false_positive_rate: The p-value at which a spectrum is flagged.

    Returns:
        Inputs `flux`, `ivar`, `mask`, each `(batch, pixel)`; outputs `z`,
        `reconstruction` (flux), `reconstruction_mse`, `score`, `p_value`,
        `is_anomaly`, and on the modelled pixels `absorption`, `weight` and
        `absorption_model`.
    """
    spectrum = {
        name: keras.Input((active.pixels,), name=name, dtype=_dtype(name))
        for name in SPECTRUM
    }
    lost, weight = Absorption(name="lost")([spectrum[name] for name in SPECTRUM])
    seen = active(lost)
    known = KnownCodes(known_rows, encoder.output_shape[-1], name="known_codes")
    z = known(encoder(seen))
    modelled = decoder(z)
    whole = active(modelled, inverse=True)
    pair = [lost, whole, weight]
    mse = WeightedMeanSquare(weighted=False, name="mse")(pair)
    score = WeightedMeanSquare(weighted=True, name="chi_square")(pair)
    p_value = ConformalPValue(calibration_rows, name="conformal")(score)
    outputs = {
        "z": z,
        "reconstruction": 1.0 - whole,
        "reconstruction_mse": mse,
        "score": score,
        "p_value": p_value,
        "is_anomaly": AtMost(false_positive_rate, name="at_most")(p_value),
        "absorption": seen,
        "weight": active(weight),
        "absorption_model": modelled,
    }
    return keras.Model(spectrum, outputs, name="spectrum_model")


def endpoints(model: keras.Model) -> dict[str, keras.Model]:
    """The named signatures of a full spectrum model.

    Returns:
        `predict` (all numbers of the table), `encode`, `decode`, `reconstruct`,
        `score`; and for the refinement of latents `observe` (a spectrum on the
        modelled pixels) and `absorb` (a code on them).
    """
    outputs = model.output
    chosen = {
        "predict": ("z", "reconstruction_mse", "score", "p_value", "is_anomaly"),
        "encode": ("z",),
        "reconstruct": ("reconstruction",),
        "score": ("score", "p_value", "is_anomaly"),
        "observe": ("absorption", "weight"),
    }
    found = {
        name: keras.Model(model.input, {k: outputs[k] for k in names}, name=name)
        for name, names in chosen.items()
    }
    decoder, active = model.get_layer("decoder"), model.get_layer("active")
    z = keras.Input(decoder.input_shape[1:], name="z")
    modelled = decoder(z)
    whole = 1.0 - active(modelled, inverse=True)
    found["decode"] = keras.Model({"z": z}, {"reconstruction": whole}, name="decode")
    found["absorb"] = keras.Model(
        {"z": z}, {"absorption_model": modelled}, name="absorb"
    )
    return found


def _dtype(name: str) -> str:
    return "uint8" if name == "mask" else "float32"
