"""Stars: labels with calibrated intervals from spectra, by way of an autoencoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import keras
import numpy as np

from keras_astro.data.sample import Sample, Source
from keras_astro.data.star_schema import STELLAR
from keras_astro.layers.conformal import fit_reference
from keras_astro.layers.domain import ResidualLevel
from keras_astro.layers.ensemble import EnsembleNegativeLogLikelihood
from keras_astro.layers.pca import PrincipalComponents, fit_components
from keras_astro.models import autoencoder, variational
from keras_astro.models import stellar as models
from keras_astro.simulate.stellar import iter_simulate
from keras_astro.tasks.base import Parts, Stage, Task
from keras_astro.tasks.penalised import penalised_autoencoder
from keras_astro.tasks.stellar_adaptation import StellarAdaptation
from keras_astro.tasks.stellar_config import StellarConfig, simulation
from keras_astro.tasks.stellar_features import (
    BLOCK,
    LABELS,
    Prepared,
    blocks,
    features,
    label_units,
    model_inputs,
    read_labels,
)
from keras_astro.tasks.stellar_model import join
from keras_astro.tasks.stellar_regressor import label_stage, regressor_features
from keras_astro.tasks.stellar_terms import TERMS


class StellarTask(Task):
    """See `Task`; an autoencoder on principal components, then an ensemble."""

    name = "stellar"
    schema = STELLAR
    terms = TERMS

    def simulate(
        self, config: StellarConfig, n: int, *, seed: int, jobs: int = 1, skip: int = 0
    ) -> Iterator[Sample]:
        """Spectra of single stars, several rotations to an atmosphere."""
        return iter_simulate(
            simulation(config.simulation), n, seed=seed, jobs=jobs, skip=skip
        )

    def prepare(self, config: StellarConfig, parts: Parts) -> Prepared:
        """Fits principal components on the training rows and computes all features."""
        settings = config.preprocessing
        pixels = parts.train.read(0, 1).inputs["flux"].shape[1]
        stem = models.spectrum_stem(
            pixels,
            continuum_bins=settings.continuum_bins,
            degree=settings.continuum_degree,
        )
        components = PrincipalComponents(
            settings.pca_components, (pixels,), name="components"
        )
        components.set_basis(
            *fit_components(
                (spectra["normalised"] for spectra, _ in blocks(stem, parts.train)),
                settings.pca_components,
            )
        )
        level = ResidualLevel(name="level")
        direct = config.model.regressor == "direct_cnn"
        limit = config.data.memory_limit_mb
        train, validation = (
            features(stem, components, level, part, direct=direct, limit_mb=limit)
            for part in (parts.train, parts.validation)
        )
        level.set_range(train.level.min(), train.level.max())
        return Prepared(stem, components, level, train, validation)

    def stages(self, config: StellarConfig, prepared: Prepared) -> Iterator[Stage]:
        """The autoencoder; when it is fitted, the regressors on its latents."""
        first = self.autoencoder_stage(config, prepared)
        yield first
        yield label_stage(config, prepared, plain_encoder(first.model))

    def sketch(self, config: StellarConfig) -> StellarConfig:
        """The same settings: nothing is simulated but the data."""
        return config

    def stage_rows(self, config: StellarConfig, train_rows: int) -> dict[str, int]:
        """Both stages see each training row once an epoch."""
        return {"autoencoder": train_rows, "labels": train_rows}

    def autoencoder_stage(self, config: StellarConfig, prepared: Prepared) -> Stage:
        """Reconstruction of coefficients from noisy ones, with the penalties."""
        penalised = config.model.variational or config.objective.penalises
        part = keras.metrics.MeanSquaredError(name="reconstruction")
        train, held = prepared.train.coefficients, prepared.validation.coefficients
        return Stage(
            name="autoencoder",
            model=build_autoencoder(config, train.shape[1]),
            inputs=train,
            targets=train,
            validation=(held, held),
            loss="mse",
            epochs=config.train.epochs,
            batch_size=config.train.batch_size,
            learning_rate=config.train.learning_rate,
            jit=True,
            metrics=[part] if penalised else [],
        )

    def assemble(
        self,
        config: StellarConfig,
        prepared: Prepared,
        fitted: Mapping[str, keras.Model],
        parts: Parts,
    ) -> keras.Model:
        """Joins the pieces; rows that trained nothing set intervals and thresholds."""
        chain = fitted["autoencoder"]
        model = join(
            config,
            prepared,
            plain_encoder(chain),
            chain.get_layer("autoencoder").get_layer("decoder"),
            fitted["labels"],
            calibration_rows=len(parts.calibration),
        )
        calibrate(model, parts)
        return model

    def adaptation(self, config, model, parts, observed, labelled):
        """See `Task`; the autoencoder is fine-tuned, the regressors trained anew."""
        return StellarAdaptation(config, model, parts, observed, labelled)

    def endpoints(self, model: keras.Model) -> dict[str, keras.Model]:
        """The named signatures of the full model."""
        return models.endpoints(model)

    def calibration(self, model: keras.Model) -> dict[str, float]:
        """Rate at which training-like stars are flagged, and on how many it was set."""
        rows = model.get_layer("conformal").rows
        return {"false_positive_rate": model.get_layer("at_most").rate, "n": rows}

    def merit(
        self, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
    ) -> dict[str, float]:
        """Explained fraction of the variance of each known label."""
        known = [k for k in LABELS if k in targets and np.std(targets[k]) > 0]
        return {
            f"r2_{name}": float(
                1
                - np.mean((outputs[name] - targets[name]) ** 2) / np.var(targets[name])
            )
            for name in known
        }

    def objective(
        self,
        config: StellarConfig,
        prepared: Prepared,
        fitted: Mapping[str, keras.Model],
    ) -> dict[str, float]:
        """Negative log-likelihood of validation labels, and the reconstruction."""
        encoder = plain_encoder(fitted["autoencoder"])
        held = prepared.validation
        seen = regressor_features(config, encoder, held)
        offset, unit = label_units(prepared.train.labels)
        raw = fitted["labels"].predict(seen, batch_size=BLOCK, verbose=0)
        loss = EnsembleNegativeLogLikelihood(config.model.members)
        drawn = fitted["autoencoder"].predict(held.coefficients, verbose=0)
        nll = float(loss(((held.labels - offset) / unit).astype("float32"), raw))
        return {
            "objective": nll,
            "val_reconstruction": float(np.mean((drawn - held.coefficients) ** 2)),
        }


def build_autoencoder(config: StellarConfig, width: int) -> keras.Model:
    """The trainable autoencoder of a configuration, on `width` coefficients."""
    settings = config.model
    hidden = {"hidden": settings.hidden}
    encoder = autoencoder.dense_encoder(width, settings.latent_dim, **hidden)
    decoder = autoencoder.dense_decoder(settings.latent_dim, width, **hidden)
    chain = penalised_autoencoder(config, encoder, decoder)
    return autoencoder.with_noise(chain, config.objective.noise, seed=config.seed)


def plain_encoder(fitted: keras.Model) -> keras.Model:
    """The encoder without what only training needs."""
    return variational.posterior_mean_encoder(fitted.get_layer("autoencoder"))


def calibrate(model: keras.Model, parts: Parts) -> None:
    """Measures reference rows: validation for scores, calibration for the rest."""
    extent = {name: model.output[name] for name in (*models.DOMAIN, "score")}
    mixture = dict(zip(("mean", "sd"), model.get_layer("mixture").output, strict=True))
    probe = keras.Model(model.input, extent | mixture)
    combined = model.get_layer("combined_score")
    reference = outputs_of(probe, parts.validation)[0]
    domain = [reference[name] for name in models.DOMAIN]
    combined.set_reference(*fit_reference(domain, list(models.DOMAIN.values())))
    found, labels = outputs_of(probe, parts.calibration)
    model.get_layer("conformal").set_calibration(found["score"])
    groups = parts.calibration.facts()["group"]
    bounds = model.get_layer("bounds")
    bounds.calibrate(labels, found["mean"], found["sd"], groups)


def outputs_of(
    model: keras.Model, source: Source
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A model's outputs for all rows of a source, and the rows' labels."""
    outputs, labels = [], []
    for sample in source.blocks(BLOCK):
        found = model.predict_on_batch(model_inputs(sample))
        outputs.append({k: np.asarray(v) for k, v in found.items()})
        labels.append(read_labels(sample))
    joined = {k: np.concatenate([o[k] for o in outputs]) for k in outputs[0]}
    return joined, np.concatenate(labels)
