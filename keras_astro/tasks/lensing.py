"""Strong lenses: trained on lenses without substructure, flags those with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import keras
import numpy as np

from keras_astro.data.gather import spread
from keras_astro.data.sample import Sample, Subset
from keras_astro.data.schemas import LENSING
from keras_astro.layers.conformal import decision_facts
from keras_astro.layers.pca import PrincipalComponents, fit_components
from keras_astro.layers.physics import GaussianNegativeLogLikelihood
from keras_astro.metrics.detection import auc
from keras_astro.models import autoencoder, lens_scorer
from keras_astro.simulate import injection
from keras_astro.simulate.lens_config import LensingSimulation
from keras_astro.simulate.lensing import iter_simulate
from keras_astro.tasks.base import Parts, Stage, Task
from keras_astro.tasks.lensing_config import LensingConfig
from keras_astro.tasks.lensing_frames import (
    frame_features,
    frame_geometry,
    frames,
    project,
    project_all,
    read_images,
    stacked,
)
from keras_astro.tasks.lensing_models import (
    build_autoencoder,
    calibrate,
    feature_mse,
    fit_tangent,
    mirror_layers,
    plain_encoder,
    scoring_autoencoder,
)
from keras_astro.tasks.lensing_physics import SimulatedLenses, simulated_lenses

# Injected subhalos that a good model finds in nine of ten comparisons; any model finds
# stronger ones, and a search over them would be blind to detection.
FAINT = {"count": 2, "einstein_radius_pixels": (0.03, 0.15)}

# At most that many validation rows, at even distances, get subhalos injected and set
# each score's reference: more say the same and fill the memory.
HELD_ROWS = 4000

# Training rows that help to choose the physics head's basis.
BASIS_ROWS = 3000

# Units and description of every tensor with a name.
TERMS = {
    "image": ("", "Lens cutout in any linear unit, lens near the centre"),
    "score": ("", "Combined anomaly score, larger is more anomalous"),
    "p_value": ("", "Chance that a normal lens scores as high"),
    "is_anomaly": ("", "Whether the p-value is at most the false positive rate"),
    "reconstruction_mse": ("", "Mean squared error of the autoencoder"),
    "residual_max": ("", "Largest smoothed residual over its expected sd"),
    "tangent_residual": ("", "Distance to the nearest local tangent space"),
    "einstein_radius_pull": ("", "Distance of theta_E from normal lenses, in sigma"),
    "theta_E_arcsec": ("arcsec", "Einstein radius of the macro lens"),
    "theta_E_error_arcsec": ("arcsec", "Its standard error"),
    "e1": ("", "Lens ellipticity along x"),
    "e2": ("", "Lens ellipticity along the diagonal"),
    "gamma1": ("", "External shear along x"),
    "gamma2": ("", "External shear along the diagonal"),
    "z": ("", "Latent code"),
    "frame": ("", "Stretched, binned image as the autoencoder compares it"),
    "reconstruction": ("", "Its reconstruction"),
    "anomaly_map": ("", "Smoothed residual over its expected sd"),
}


@dataclass
class Prepared:
    """Fitted preprocessing and the cached features of a run.

    Args:
        stem: Image to frame.
        components: Frame to coefficients and back.
        features: What the autoencoder trains on, `(row, ...)`; a memory map where it
            is more than `data.memory_limit_mb`.
        validation: The same of the validation rows.
        coefficients: Of the training rows, `(row, component)`.
        injected: Features of validation rows with simulated subhalos injected.
        lenses: What the physics head learns from; None without physics.
    """

    stem: keras.Model
    components: PrincipalComponents
    features: np.ndarray
    validation: np.ndarray
    coefficients: np.ndarray
    injected: np.ndarray
    lenses: SimulatedLenses | None


class LensingTask(Task):
    """See `Task`; the recipe is an autoencoder on principal components."""

    name = "lensing"
    schema = LENSING
    terms = TERMS
    classes = ("no substructure", "substructure")

    def simulate(
        self, config: LensingConfig, n: int, *, seed: int, jobs: int = 1, skip: int = 0
    ) -> Iterator[Sample]:
        """Lenses with and without substructure, as the configuration says."""
        return iter_simulate(
            LensingSimulation.preset(config.simulation.preset),
            n,
            seed=seed,
            jobs=jobs,
            skip=skip,
            anomaly_fraction=config.simulation.anomaly_fraction,
        )

    def prepare(self, config: LensingConfig, parts: Parts) -> Prepared:
        """Fits principal components on the training rows and computes all features."""
        first = parts.train.read(0, 1).inputs["image"]
        settings = config.preprocessing
        crop_pixels, bin_pixels = frame_geometry(
            settings.crop_pixels, settings.bin_pixels, first.shape[1:3]
        )
        stem = lens_scorer.image_stem(
            first.shape[1:],
            crop_pixels=crop_pixels,
            softening=settings.asinh_softening,
            bin_pixels=bin_pixels,
        )
        shape = stem.output_shape[1:]
        flips, limit = settings.flips, config.data.memory_limit_mb
        components = PrincipalComponents(
            settings.pca_components, shape, name="components"
        )
        components.set_basis(
            *fit_components(
                frames(stem, parts.train, flips=flips), settings.pca_components
            )
        )
        injected = injection.inject_subhalos(
            read_images(spread(parts.validation, HELD_ROWS)), seed=config.seed, **FAINT
        )
        injected = np.asarray(stem.predict(injected, verbose=0))
        seen = components if config.model.kind == "pca_dense" else None
        features, validation = (
            frame_features(stem, seen, part, flips=mirrored, limit_mb=limit)
            for part, mirrored in ((parts.train, flips), (parts.validation, False))
        )
        coefficients = features
        if seen is None:
            coefficients = project_all(components, features, limit_mb=limit)
        few = Subset(parts.train, np.arange(min(len(parts.train), BASIS_ROWS)))
        real = stacked(frames(stem, few, flips=flips))
        return Prepared(
            stem=stem,
            components=components,
            features=features,
            validation=validation,
            coefficients=coefficients,
            injected=injected if seen is None else project(components, injected),
            lenses=simulated_lenses(config, stem, real, first.shape[1:]),
        )

    def stages(self, config: LensingConfig, prepared: Prepared) -> list[Stage]:
        """The autoencoder, then the physics head."""
        found = [self.autoencoder_stage(config, prepared)]
        if prepared.lenses is not None:
            found.append(self.physics_stage(config, prepared))
        return found

    def sketch(self, config: LensingConfig) -> LensingConfig:
        """The same settings with the fewest simulated lenses."""
        physics = config.physics.model_copy(
            update={"simulated_lenses": max(200, config.physics.components)}
        )
        return config.model_copy(update={"physics": physics})

    def stage_rows(self, config: LensingConfig, train_rows: int) -> dict[str, int]:
        """Reflections count as rows; a tenth of the simulated lenses is held back."""
        lenses = config.physics.simulated_lenses
        return {
            "autoencoder": train_rows * (4 if config.preprocessing.flips else 1),
            "physics": lenses - lenses // 10,
        }

    def autoencoder_stage(self, config: LensingConfig, prepared: Prepared) -> Stage:
        """Reconstruction of features, with the configured penalties."""
        model = build_autoencoder(config, prepared.features.shape[1:])
        penalised = config.model.variational or config.objective.penalises
        part = keras.metrics.MeanSquaredError(name="reconstruction")
        return Stage(
            name="autoencoder",
            model=model,
            inputs=prepared.features,
            targets=prepared.features,
            validation=(prepared.validation, prepared.validation),
            loss="mse",
            epochs=config.train.epochs,
            batch_size=config.train.batch_size,
            learning_rate=config.train.learning_rate,
            jit=config.model.kind == "pca_dense",
            metrics=[part] if penalised else [],
        )

    def physics_stage(self, config: LensingConfig, prepared: Prepared) -> Stage:
        """Regression of lens parameters on simulated lenses."""
        lenses = prepared.lenses
        coefficients, parameters = lenses.features, lenses.parameters
        held = len(coefficients) // 10
        head = autoencoder.parameter_head(coefficients.shape[1], len(lenses.names))
        noise = config.physics.frame_noise / float(lenses.components.scale)
        return Stage(
            name="physics",
            model=autoencoder.with_noise(head, noise, seed=config.seed),
            inputs=coefficients[held:],
            targets=parameters[held:],
            validation=(coefficients[:held], parameters[:held]),
            loss=GaussianNegativeLogLikelihood(),
            epochs=config.physics.epochs,
            batch_size=256,
            learning_rate=2e-3,
            jit=True,
        )

    def assemble(
        self,
        config: LensingConfig,
        prepared: Prepared,
        models: Mapping[str, keras.Model],
        parts: Parts,
    ) -> keras.Model:
        """Joins the pieces and measures normal rows that trained nothing.

        The validation rows give each score's reference; the calibration rows, which
        nothing else has seen, give the p-values.
        """
        tangent = fit_tangent(config, prepared.coefficients)
        fitted, lenses = models["autoencoder"], prepared.lenses
        model = lens_scorer.lens_scorer(
            lens_scorer.ScorerParts(
                stem=prepared.stem,
                components=prepared.components,
                encoder=plain_encoder(fitted),
                decoder=fitted.get_layer("decoder"),
                on_frames=config.model.kind == "conv",
                tangent=tangent,
                reflections=mirror_layers(config, prepared.components),
                lens_parameters=lenses.names if lenses else (),
                lens_components=lenses and lenses.components,
                head=lenses and models["physics"].get_layer("parameter_head"),
            ),
            smoothing_pixels=config.scores.smoothing_pixels,
            calibration_rows=len(parts.calibration),
            false_positive_rate=config.scores.false_positive_rate,
        )
        if lenses is not None:
            model.get_layer("parameters").set_units(lenses.mean, lenses.sd)
        calibrate(model, spread(parts.validation, HELD_ROWS), parts.calibration)
        return model

    def endpoints(self, model: keras.Model) -> dict[str, keras.Model]:
        """The named signatures of the full model."""
        return lens_scorer.endpoints(model)

    def calibration(self, model: keras.Model) -> dict[str, float]:
        """False positive rate, number of calibration rows and score threshold."""
        return decision_facts(model.get_layer("conformal"), model.get_layer("at_most"))

    def merit(
        self, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
    ) -> dict[str, float]:
        """AUC of the combined score, where lenses of both classes are labelled."""
        labels = targets.get("is_anomaly")
        if labels is None or not 0 < np.sum(labels) < len(labels):
            return {}
        return {"auc": auc(labels, outputs["score"])}

    def objective(
        self,
        config: LensingConfig,
        prepared: Prepared,
        models: Mapping[str, keras.Model],
    ) -> dict[str, float]:
        """Held-out reconstruction, and detection of injected subhalos; no labels."""
        model = scoring_autoencoder(config, prepared.components, models["autoencoder"])
        normal = feature_mse(model, prepared.validation)
        injected = feature_mse(model, prepared.injected)
        labels = np.repeat([0, 1], [len(normal), len(injected)])
        found = auc(labels, np.concatenate([normal, injected]))
        reconstruction = float(np.mean(normal))
        return {
            "objective": 1.0 - found + reconstruction,
            "val_reconstruction": reconstruction,
            "injected_auc": found,
        }
