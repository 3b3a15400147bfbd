"""The trainable autoencoder of lenses, and what is measured for its scores."""

from __future__ import annotations

import keras
import numpy as np

from keras_astro.data.sample import Source
from keras_astro.layers.conformal import fit_reference
from keras_astro.layers.nuisances import PsfBlur, SubpixelShift
from keras_astro.layers.pca import PrincipalComponents
from keras_astro.layers.tangent import TangentResidual, fit_subspaces
from keras_astro.models import autoencoder, lens_scorer, variational
from keras_astro.tasks.lensing_config import LensingConfig
from keras_astro.tasks.lensing_frames import read_images
from keras_astro.tasks.penalised import penalised_autoencoder

# Rows that the local subspaces are fitted on, reflections included; several hundred to
# a cluster, and more would fill the memory.
TANGENT_ROWS = 200_000

# Held-out rows in memory at a time: a multiple of Keras' batches.
HELD_BLOCK = 4096


def build_autoencoder(config: LensingConfig, shape: tuple[int, ...]) -> keras.Model:
    """The trainable autoencoder of a configuration, on features of `shape`."""
    settings = config.model
    if settings.kind == "conv":
        encoder = autoencoder.conv_encoder(shape, settings.latent_dim)
        decoder = autoencoder.conv_decoder(settings.latent_dim, shape)
    else:
        widths = {"hidden": settings.hidden}
        encoder = autoencoder.dense_encoder(shape[0], settings.latent_dim, **widths)
        decoder = autoencoder.dense_decoder(settings.latent_dim, shape[0], **widths)
    # On frames pointing and seeing change a lens too; coefficients know noise alone.
    seen = [SubpixelShift(0.3, seed=config.seed), PsfBlur(0.5, seed=config.seed)]
    nuisances = seen if settings.kind == "conv" else []
    return penalised_autoencoder(config, encoder, decoder, nuisances=nuisances)


def mirror_layers(
    config: LensingConfig, components: PrincipalComponents
) -> tuple[keras.layers.Layer, ...]:
    """Layers from coefficients to those of the three mirror images, where averaged.

    They are averaged over where the autoencoder has trained on mirror images too.
    """
    settings = config.model
    wanted = settings.average_reflections and config.preprocessing.flips
    if not wanted or settings.kind == "conv":
        return ()
    found = []
    for name, axes in (("y", (0,)), ("x", (1,)), ("both", (0, 1))):
        # A change of sign is exact in integers too; a matrix of 8 bits would not be.
        signs = components.parity(axes).tolist()
        found.append(keras.layers.Rescaling(signs, name=f"reflect_{name}"))
    return tuple(found)


def scoring_autoencoder(
    config: LensingConfig, components: PrincipalComponents, fitted: keras.Model
) -> keras.Model:
    """Features to their reconstruction as the full model scores it."""
    features = keras.Input(fitted.input_shape[1:], name="features")
    _, decoded = autoencoder.reconstruct(
        plain_encoder(fitted),
        fitted.get_layer("decoder"),
        features,
        mirror_layers(config, components),
    )
    return keras.Model(features, decoded, name="scoring_autoencoder")


def plain_encoder(model: keras.Model) -> keras.Model:
    """The encoder without what only training needs."""
    return variational.posterior_mean_encoder(model)


def fit_tangent(config: LensingConfig, coefficients: np.ndarray) -> TangentResidual:
    """Local subspaces of the training rows, as many as there are rows for.

    Of more rows than `TANGENT_ROWS` that many are used, at even distances.
    """
    if len(coefficients) > TANGENT_ROWS:
        chosen = np.linspace(0, len(coefficients) - 1, TANGENT_ROWS).astype(int)
        coefficients = coefficients[chosen]
    coefficients = np.array(coefficients)
    rows, width = coefficients.shape
    clusters = min(config.scores.tangent_clusters, rows // 4)
    rank = min(config.scores.tangent_rank, width - 1)
    tangent = TangentResidual(clusters, rank, name="tangent")
    found = fit_subspaces(coefficients, clusters=clusters, rank=rank, seed=config.seed)
    tangent.set_subspaces(*found)
    return tangent


def calibrate(model: keras.Model, normal: Source, held: Source) -> None:
    """Sets the statistics of normal lenses, each from rows the step before lacks.

    Args:
        model: The full model.
        normal: Rows that set each score's reference, read at once.
        held: Rows that set the p-values, read in blocks.
    """
    reference = read_images(normal)
    outputs = model.predict({"image": reference}, verbose=0)
    layer = model.get_layer("anomaly_map")
    # The sd starts at 1, so that the map is still the smoothed residual itself.
    layer.set_expected_sd(outputs["anomaly_map"].std(axis=0))
    if "einstein_radius_pull" in outputs:
        model.get_layer("pull").set_reference(outputs["theta_E_arcsec"])
    outputs = model.predict({"image": reference}, verbose=0)
    parts = [outputs[name] for name in lens_scorer.ENERGY if name in outputs]
    combined = model.get_layer("combined_score")
    combined.set_reference(*fit_reference(parts, combined.energies))
    score = [
        model.predict({"image": block.inputs["image"]}, verbose=0)["score"]
        for block in held.blocks(HELD_BLOCK)
    ]
    model.get_layer("conformal").set_calibration(np.concatenate(score))


def feature_mse(model: keras.Model, features: np.ndarray) -> np.ndarray:
    """Mean squared error of each row's reconstruction, `(row,)`."""
    found = []
    for start in range(0, len(features), HELD_BLOCK):
        block = np.asarray(features[start : start + HELD_BLOCK])
        difference = model.predict(block, verbose=0, batch_size=1024) - block
        found.append(np.mean(difference**2, axis=tuple(range(1, block.ndim))))
    return np.concatenate(found)
