"""Quasar absorption spectra in a few numbers, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import keras
import numpy as np

from keras_astro.data.gather import check_held
from keras_astro.data.sample import Sample
from keras_astro.data.schemas import CGM
from keras_astro.layers.active import ActivePixels
from keras_astro.layers.conformal import decision_facts
from keras_astro.losses.challenge import latent_penalty
from keras_astro.losses.spectrum import SpectrumError
from keras_astro.models import autoencoder, cgm, spectra, variational
from keras_astro.models.refine import refine, velocity_starts
from keras_astro.models.spectrum_grid import SpectrumGrid
from keras_astro.models.voigt_decoder import voigt_decoder
from keras_astro.simulate.cgm import iter_simulate
from keras_astro.tasks.base import Parts, Stage, Task
from keras_astro.tasks.cgm_codes import free_codes_stage
from keras_astro.tasks.cgm_config import CgmConfig
from keras_astro.tasks.cgm_pixels import (
    BLOCK,
    Observed,
    choose_pixels,
    read_observed,
    spectrum,
)
from keras_astro.tasks.penalised import penalised_autoencoder

# Training rows whose codes are starts of a refinement: it costs as much time to decode
# them as to refine four rows.
KNOWN_ROWS = 1024

# Units and description of every tensor with a name.
TERMS = {
    "flux": ("", "Flux over the continuum"),
    "ivar": ("", "Inverse variance of the flux; 0 where nothing is known"),
    "mask": ("", "1 where a pixel must not count"),
    "z": ("", "Latent code"),
    "reconstruction": ("", "Reconstructed flux over the continuum"),
    "reconstruction_mse": ("", "Mean squared error over the pixels that count"),
    "score": ("", "Chi square for each pixel; the mean squared error without errors"),
    "p_value": ("", "Chance that a spectrum like those trained on scores as high"),
    "is_anomaly": ("", "Whether the p-value is at most the false positive rate"),
    "absorption": ("", "One minus the flux, on the modelled pixels"),
    "weight": ("", "Inverse variance on the modelled pixels, 0 where masked"),
    "absorption_model": ("", "Reconstructed absorption on the modelled pixels"),
}


@dataclass
class Prepared:
    """Fitted preprocessing and the cached rows of a run.

    Args:
        wavelength: Of all pixels in angstrom, `(pixel,)`.
        active: Picks the modelled pixels.
        chosen: Their indices, `(active,)`.
        train: Training rows.
        validation: Rows that never move a weight.
    """

    wavelength: np.ndarray
    active: ActivePixels
    chosen: np.ndarray
    train: Observed
    validation: Observed

    @property
    def scale(self) -> float:
        """What the mean of the training rows leaves, on the modelled pixels."""
        return max(float(self.train.absorption.var(axis=0).mean()), 1e-12)

    @property
    def mean_weight(self) -> float:
        """Mean weight of the training rows on the modelled pixels."""
        return max(float(np.mean(self.train.weights)), 1e-30)


class CgmTask(Task):
    """See `Task`; the recipe is an autoencoder on the pixels that vary."""

    name = "cgm"
    schema = CGM
    terms = TERMS

    def simulate(
        self, config: CgmConfig, n: int, *, seed: int, jobs: int = 1, skip: int = 0
    ) -> Iterator[Sample]:
        """Spectra of known gas, as the configuration says."""
        prior = config.simulation.prior(config.system.redshift)
        return iter_simulate(prior, n, seed=seed, jobs=jobs, skip=skip)

    def prepare(self, config: CgmConfig, parts: Parts) -> Prepared:
        """Finds the pixels that vary in the training rows and keeps those alone."""
        axes = parts.train.read(0, 1).axes
        active, chosen = choose_pixels(parts.train, config.preprocessing)
        # Absorption, and of weighted spectra twice the weights.
        weighted = 3 if "ivar" in parts.train.read(0, 1).inputs else 1
        check_held(
            len(parts.train),
            4 * weighted * len(chosen),
            limit_mb=config.data.memory_limit_mb,
            task=self.name,
        )
        return Prepared(
            wavelength=np.asarray(axes["wavelength_angstrom"], float),
            active=active,
            chosen=chosen,
            train=read_observed(parts.train, active),
            validation=read_observed(parts.validation, active),
        )

    def stages(self, config: CgmConfig, prepared: Prepared) -> Iterator[Stage]:
        """An autoencoder of absorption; then its decoder with codes that are free."""
        train, held = prepared.train, prepared.validation
        weighted = train.weight is not None or held.weight is not None
        if weighted:
            train.weight, held.weight = np.array(train.weights), np.array(held.weights)
        loss = SpectrumError(prepared.scale, weighted)
        penalised = config.model.variational or config.objective.penalises
        part = keras.metrics.MeanMetricWrapper(loss.call, name="reconstruction")
        first = Stage(
            name="autoencoder",
            model=build_autoencoder(config, prepared),
            inputs=train.absorption,
            targets=train.targets(prepared.mean_weight),
            validation=(held.absorption, held.targets(prepared.mean_weight)),
            loss=loss,
            epochs=config.train.epochs,
            batch_size=config.train.batch_size,
            learning_rate=config.train.learning_rate,
            metrics=[part] if penalised else [],
        )
        yield first
        if config.refinement.free_epochs:
            encoder = variational.posterior_mean_encoder(first.model)
            yield free_codes_stage(first, encoder, epochs=config.refinement.free_epochs)

    def sketch(self, config: CgmConfig) -> CgmConfig:
        """The same settings: nothing is simulated beside the data."""
        return config

    def stage_rows(self, config: CgmConfig, train_rows: int) -> dict[str, int]:
        """Rows are used as they are."""
        return {"autoencoder": train_rows, "free_codes": train_rows}

    def assemble(
        self,
        config: CgmConfig,
        prepared: Prepared,
        models: Mapping[str, keras.Model],
        parts: Parts,
    ) -> keras.Model:
        """Joins the pieces; rows that nothing else has seen give the p-values."""
        fitted = models["autoencoder"]
        encoder = variational.posterior_mean_encoder(fitted)
        known = known_codes(encoder, prepared)
        model = cgm.spectrum_model(
            prepared.active,
            encoder,
            fitted.get_layer("decoder"),
            known_rows=len(known),
            calibration_rows=len(parts.calibration),
            false_positive_rate=config.scores.false_positive_rate,
        )
        model.get_layer("known_codes").codes.assign(known)
        scores = keras.Model(model.input, model.output["score"])
        held = [
            scores.predict_on_batch(dict(zip(cgm.SPECTRUM, rows, strict=True)))
            for rows in map(spectrum, parts.calibration.blocks(BLOCK))
        ]
        model.get_layer("conformal").set_calibration(np.concatenate(held))
        return model

    def endpoints(self, model: keras.Model) -> dict[str, keras.Model]:
        """The named signatures of the full model."""
        return cgm.endpoints(model)

    def starts(self, model: keras.Model) -> np.ndarray | None:
        """Codes of training rows; none of a model that was made without them."""
        names = {layer.name for layer in model.layers}
        if "known_codes" not in names:
            return None
        return keras.ops.convert_to_numpy(model.get_layer("known_codes").codes)

    def calibration(self, model: keras.Model) -> dict[str, float]:
        """False positive rate, number of calibration rows and score threshold."""
        return decision_facts(model.get_layer("conformal"), model.get_layer("at_most"))

    def merit(
        self, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
    ) -> dict[str, float]:
        """How well latents tell the velocity, where it is known."""
        velocity = targets.get("velocity_kms")
        if velocity is None or np.std(velocity) == 0:
            return {}
        z = np.column_stack([outputs["z"], np.ones(len(velocity))])
        if len(z) <= 2 * z.shape[1]:
            return {}
        fit, *_ = np.linalg.lstsq(z, velocity, rcond=None)
        left = np.var(velocity - z @ fit) / np.var(velocity)
        return {"r2_velocity": float(1.0 - left)}

    def objective(
        self,
        config: CgmConfig,
        prepared: Prepared,
        models: Mapping[str, keras.Model],
    ) -> dict[str, float]:
        """The challenge's loss on the validation rows, their latents refined."""
        fitted, held = models["autoencoder"], prepared.validation
        encoder = variational.posterior_mean_encoder(fitted)
        decoder = fitted.get_layer("decoder")
        z = encoder.predict(held.absorption, verbose=0, batch_size=1024)
        found = refine(
            # Called some hundred times, where `predict` would take longer to begin.
            lambda code: keras.ops.convert_to_numpy(decoder(code)),
            z,
            held.absorption,
            (held.weights > 0).astype("float32"),
            steps=config.refinement.steps,
            starts=np.concatenate(
                [velocity_starts(z.shape[1]), known_codes(encoder, prepared)]
            ),
        )
        counted, rest = held.counted.sum(), held.rest_square.sum()
        refined = float((found.chi_square.sum() + rest) / counted)
        penalty = latent_penalty(config.model.latent_dim)
        return {
            "objective": refined + penalty,
            "mse_refined": refined,
            "mse_amortised": float((found.before.sum() + rest) / counted),
            "penalty": penalty,
        }


def known_codes(encoder: keras.Model, prepared: Prepared) -> np.ndarray:
    """Codes of some training rows, where refinement may begin, `(row, latent)`.

    They are spread over the rows, which may be in some order.
    """
    rows = prepared.train.absorption
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), KNOWN_ROWS)).round()
    return encoder.predict(rows[chosen.astype(int)], verbose=0, batch_size=1024)


def build_autoencoder(config: CgmConfig, prepared: Prepared) -> keras.Model:
    """The trainable autoencoder of a configuration."""
    return penalised_autoencoder(config, *build_halves(config, prepared))


def build_halves(
    config: CgmConfig, prepared: Prepared
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder of the configured kind."""
    settings, latents = config.model, config.model.latent_dim
    grid = SpectrumGrid.of(prepared.wavelength, prepared.chosen)
    if settings.smooth_variance:
        grid = grid.smoothed(
            prepared.train.absorption, lost_variance=settings.smooth_variance
        )
    if settings.decoder == "dense":
        return (
            autoencoder.dense_encoder(grid.pixels, latents, hidden=settings.hidden),
            spectra.absorption_decoder(
                latents, grid.pixels, hidden=settings.decoder_hidden
            ),
        )
    encoder = spectra.shift_encoder(
        grid, latents, hidden=settings.hidden, step_kms=settings.step_kms
    )
    if settings.decoder == "voigt":
        return encoder, voigt_decoder(
            prepared.wavelength,
            prepared.chosen,
            latents,
            lines=config.system.lines,
            redshift=config.system.redshift,
            fwhm_kms=config.system.fwhm_kms,
        )
    return encoder, spectra.shift_decoder(
        grid,
        latents,
        hidden=settings.decoder_hidden,
        step_kms=settings.step_kms,
        reach_kms=settings.reach_kms,
    )
