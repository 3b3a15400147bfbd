"""Galaxies: posteriors of flux, index, radius and shear from a cutout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import keras
import numpy as np

from keras_astro.data.galaxy_schema import GALAXIES, refuse_gaps
from keras_astro.data.gather import check_held
from keras_astro.data.sample import Sample, Source
from keras_astro.errors import ConfigError, DataError
from keras_astro.layers.box_stretch import calibrate
from keras_astro.losses.box_mixture import BoxMeanError, BoxMixtureLoss
from keras_astro.models import denoiser, galaxy_regressor
from keras_astro.models.rendered import RenderedResidual
from keras_astro.preprocessing.symmetries import KINDS, transform
from keras_astro.simulate.galaxies import iter_simulate
from keras_astro.simulate.galaxy_config import PARAMETERS, GalaxySimulation
from keras_astro.simulate.galaxy_stream import GalaxyStream
from keras_astro.tasks.base import Parts, Stage, Stream, Task
from keras_astro.tasks.galaxies_config import GalaxiesConfig

STAGE = "posterior"
DENOISER = "denoiser"
INPUTS = ("image", "psf_fwhm_arcsec", "noise_sigma")
# Number of a batch that no training reaches.
HELD_BACK = 2**31 - 1
FLUX_UNIT = 1e5
CALIBRATION_BATCH = 2048

# Words for a parameter in descriptions.
WORDS = {
    "flux": ("electron", "Total flux"),
    "sersic_n": ("", "Sersic index"),
    "half_light_radius_arcsec": ("arcsec", "Half-light radius sqrt(a b), without PSF"),
    "g1": ("", "Reduced shear along x"),
    "g2": ("", "Reduced shear along the diagonal"),
}


def _terms() -> dict[str, tuple[str, str]]:
    terms = {f.name: (f.units, f.description) for f in GALAXIES.inputs}
    for name, (unit, words) in WORDS.items():
        quantiles = "quantiles 2.5, 16, 50, 84 and 97.5 % of the posterior"
        terms |= {
            name: (unit, f"{words}, mean of the posterior"),
            f"{name}_sd": (unit, f"{words}, standard deviation of the posterior"),
            f"{name}_quantiles": (unit, f"{words}, {quantiles}"),
        }
    order = ", ".join(WORDS)
    return terms | {
        "covariance": ("", f"Posterior covariance of {order}: lower triangle"),
        "mixture_weight": ("", "Weights of the posterior's Gaussians"),
        "mixture_location": ("", f"Their means in the probit of {order}"),
        "mixture_scale": ("", "Their lower triangular scales, likewise"),
    }


@dataclass
class Prepared:
    """What a run trains on and is watched by.

    Args:
        stream: Batches of fresh or of stored galaxies.
        image_shape: `(y, x, band)`.
        validation: Inputs by name and parameters `(row, 5)`.
        pairs: Batches of noisy inputs and images without noise, of fresh galaxies.
    """

    stream: Stream
    image_shape: tuple[int, ...]
    validation: tuple[dict[str, np.ndarray], np.ndarray]
    pairs: Stream | None = None


class GalaxiesTask(Task):
    """See `Task`; the recipe is a streamed convolutional density estimator."""

    name = "galaxies"
    schema = GALAXIES
    terms = _terms()

    def simulate(
        self, config: GalaxiesConfig, n: int, *, seed: int, jobs: int = 1, skip: int = 0
    ) -> Iterator[Sample]:
        """Galaxies by the configured recipe."""
        recipe = GalaxySimulation.preset(config.simulation.preset)
        return iter_simulate(recipe, n, seed=seed, jobs=jobs, skip=skip)

    def prepare(self, config: GalaxiesConfig, parts: Parts) -> Prepared:
        """Sets up the stream; stored rows are only read where it is switched off."""
        validation = labelled(parts.validation)
        shape = validation[0]["image"].shape[1:]
        settings, pairs = config.streaming, None
        if settings.enabled:
            source = fresh(config, shape)
            stream = Stream(seen_by(config, source), settings.rows_per_epoch)
            pairs = Stream(denoising_pairs(source, config), settings.rows_per_epoch)
            if "psf_image" in wanted(config):
                # In place of the FWHM, which such a network does not take.
                validation[0]["psf_image"] = source.stars(
                    validation[0].pop("psf_fwhm_arcsec")
                )
        else:
            refuse_stored(config)
            check_held(
                len(parts.train),
                4 * np.prod(shape),
                limit_mb=config.data.memory_limit_mb,
                task=self.name,
            )
            stream = stored(labelled(parts.train), seed=config.seed)
        return Prepared(stream, shape, validation, pairs)

    def stages(self, config: GalaxiesConfig, prepared: Prepared) -> Iterator[Stage]:
        """The denoiser, if one is wanted, which then stays as it is; the network."""
        shape, components = prepared.image_shape, config.model.components
        fit = {
            "batch_size": config.train.batch_size,
            "learning_rate": config.train.learning_rate,
        }
        cleaner = build_denoiser(config, shape)
        if cleaner is not None:
            yield Stage(
                name=DENOISER,
                model=denoising_model(config, shape, cleaner),
                inputs=prepared.pairs,
                targets=None,
                validation=prepared.pairs.make(HELD_BACK, 512),
                loss="mse",
                epochs=config.denoising.epochs,
                **fit,
            )
            cleaner.trainable = False
        low, high = limits()
        yield Stage(
            name=STAGE,
            model=build_network(config, shape, cleaner),
            inputs=prepared.stream,
            targets=None,
            validation=prepared.validation,
            loss=BoxMixtureLoss(
                low,
                high,
                components=components,
                square_weight=config.objective.square_weight,
            ),
            metrics=[
                BoxMeanError(i, low, high, components, name=f"rmse_{name}")
                for i, name in enumerate(PARAMETERS)
            ],
            epochs=config.train.epochs,
            **fit,
        )

    def sketch(self, config: GalaxiesConfig) -> GalaxiesConfig:
        """The same settings: nothing is simulated before the first step."""
        return config

    def stage_rows(self, config: GalaxiesConfig, train_rows: int) -> dict[str, int]:
        """Rows of an epoch."""
        settings = config.streaming
        rows = settings.rows_per_epoch if settings.enabled else train_rows
        return {STAGE: rows, DENOISER: rows}

    def assemble(
        self,
        config: GalaxiesConfig,
        prepared: Prepared,
        models: Mapping[str, keras.Model],
        parts: Parts,
    ) -> keras.Model:
        """Puts moments and quantiles behind the network, with corrected widths."""
        low, high = limits()
        trained = models[STAGE]
        # Without the renderer, which trains and is not needed for an answer.
        network = keras.Model(trained.input, trained.get_layer("raw").output)
        model = galaxy_regressor.galaxy_posterior(
            network,
            PARAMETERS,
            low,
            high,
            components=config.model.components,
            flux_unit=FLUX_UNIT,
        )
        if config.streaming.enabled:
            batches = untrained(config, prepared.stream)
        else:
            batches = [labelled(parts.calibration)]
        posterior = model.get_layer("posterior")
        calibrate(keras.Model(model.input, posterior.input), posterior, batches)
        return model

    def endpoints(self, model: keras.Model) -> dict[str, keras.Model]:
        """The named signatures of the full model."""
        return galaxy_regressor.endpoints(model)

    def merit(
        self, targets: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]
    ) -> dict[str, float]:
        """R^2 of each parameter whose truth is known."""
        return {
            f"r2_{name}": float(
                1 - np.mean((outputs[name] - targets[name]) ** 2) / targets[name].var()
            )
            for name in PARAMETERS
            if name in targets and targets[name].var() > 0
        }

    def objective(
        self,
        config: GalaxiesConfig,
        prepared: Prepared,
        models: Mapping[str, keras.Model],
    ) -> dict[str, float]:
        """Log score and squared errors of the validation rows, both at weight 1.

        The loss of a trial would weigh them by its own setting, and no two trials could
        be compared.
        """
        inputs, truth = prepared.validation
        trained = models[STAGE]
        network = keras.Model(trained.input, trained.get_layer("raw").output)
        found = network.predict(inputs, batch_size=512, verbose=0)
        measure = BoxMixtureLoss(*limits(), components=config.model.components)
        return {"objective": float(measure(truth, found))}


def limits() -> tuple[list[float], list[float]]:
    """Lower and upper limits of the parameters, the same for all presets."""
    low, high = zip(*GalaxySimulation().box.values(), strict=True)
    return list(low), list(high)


def wanted(config: GalaxiesConfig) -> tuple[str, ...]:
    """Names of the network's inputs."""
    star = {"fwhm": "psf_fwhm_arcsec", "image": "psf_image"}[config.preprocessing.psf]
    return "image", star, "noise_sigma"


def seen_by(config: GalaxiesConfig, source: GalaxyStream):
    """A function of a batch's number and size to what the network takes, and truth."""

    def make(number: int, rows: int):
        inputs, truth = source(number, rows)
        return {name: inputs[name] for name in wanted(config)}, truth

    return make


def build_network(
    config: GalaxiesConfig,
    image_shape: tuple[int, ...],
    cleaner: keras.Model | None = None,
) -> keras.Model:
    """The trainable network of a configuration."""
    settings, model = config.preprocessing, config.model
    network = galaxy_regressor.galaxy_network(
        image_shape,
        crop_pixels=settings.crop_pixels,
        softening=settings.asinh_softening,
        fold=settings.point_fold,
        filters=model.filters,
        hidden=model.hidden,
        parameters=len(PARAMETERS),
        components=model.components,
        flux_unit=FLUX_UNIT,
        network=model.network,
        psf=settings.psf,
        denoiser=cleaner,
    )
    weight = config.objective.reconstruction_weight
    if not weight:
        return network
    given = network.input
    layer = RenderedResidual(*limits(), model.components, weight, name="rendered")
    pixels = [given[name] for name in INPUTS]
    return keras.Model(given, layer([network.output, *pixels]), name="autoencoder")


def build_denoiser(
    config: GalaxiesConfig, image_shape: tuple[int, ...]
) -> keras.Model | None:
    """The network in front of the network, for images as that one sees them."""
    settings = config.denoising
    if settings.network == "none":
        return None
    shape = denoising_view(config, image_shape)[1].shape[1:]
    make = {"edsr": denoiser.edsr, "rdn": denoiser.rdn}[settings.network]
    return make(shape, filters=settings.filters, blocks=settings.blocks)


def denoising_view(config: GalaxiesConfig, image_shape: tuple[int, ...]):
    """Inputs of a denoiser's training, and the stretched image."""
    settings = config.preprocessing
    inputs = galaxy_regressor.galaxy_inputs(image_shape, psf=settings.psf)
    _, x = galaxy_regressor.stretched_image(
        inputs,
        crop_pixels=settings.crop_pixels,
        softening=settings.asinh_softening,
        fold=settings.point_fold,
    )
    return inputs, x


def denoising_model(config: GalaxiesConfig, image_shape, network) -> keras.Model:
    """From raw inputs to the stretched image without noise."""
    inputs, x = denoising_view(config, image_shape)
    return keras.Model(inputs, network(x), name="denoising")


def denoising_pairs(source: GalaxyStream, config: GalaxiesConfig):
    """A function of a batch's number and size to noisy inputs and stretched truths."""
    view = keras.Model(*denoising_view(config, (source.renderer.pixels,) * 2 + (1,)))

    def make(number: int, rows: int):
        inputs, _, clean = source.batch(number, rows)
        given = {name: inputs[name] for name in wanted(config)}
        target = view.predict_on_batch(dict(given, image=clean))
        return given, target

    return make


def labelled(source: Source) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Inputs by name and parameters `(row, 5)` of rows with known truth.

    Raises:
        DataError: If a parameter is not known, or pixels have no data.
    """
    sample = source.read()
    refuse_gaps(sample)
    missing = [name for name in PARAMETERS if name not in sample.targets]
    if missing:
        raise DataError(
            f"{source.name}: expected the truth of every parameter, found none of "
            f"{', '.join(missing)}",
            hint="Train on simulated galaxies; rows without truth can be predicted.",
        )
    truth = np.stack([sample.targets[name] for name in PARAMETERS], axis=1)
    return {name: sample.inputs[name] for name in INPUTS}, truth.astype("float32")


def fresh(config: GalaxiesConfig, image_shape: tuple[int, ...]) -> GalaxyStream:
    """Galaxies made when they are asked for.

    Raises:
        DataError: If the data's images are not of the recipes' size.
    """
    recipes = [GalaxySimulation.preset(name) for name in config.streaming.presets]
    expected = (recipes[0].pixels, recipes[0].pixels, 1)
    if tuple(image_shape) != expected:
        raise DataError(
            f"expected images {expected} as the simulated ones, found {image_shape}",
            hint="Cut the images to that size, or use --set streaming.enabled=false.",
        )
    images = config.preprocessing.psf == "image"
    return GalaxyStream(recipes, seed=config.seed, psf_images=images)


def refuse_stored(config: GalaxiesConfig) -> None:
    """Refuses what needs more than stored rows have.

    Raises:
        ConfigError: If images without noise or of the PSF are needed.
    """
    for key, needed in (
        ("denoising.network", config.denoising.network != "none"),
        ("preprocessing.psf", config.preprocessing.psf == "image"),
    ):
        if needed:
            raise ConfigError(
                f"{key} needs images that only a stream of fresh galaxies has",
                hint="Use --set streaming.enabled=true.",
            )


def untrained(
    config: GalaxiesConfig, stream: Stream
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Calibration rows: batches of the stream beyond the last one that trains."""
    train, settings = config.train, config.streaming
    steps = -(-settings.rows_per_epoch // train.batch_size)
    for start in range(0, settings.calibration_rows, CALIBRATION_BATCH):
        rows = min(CALIBRATION_BATCH, settings.calibration_rows - start)
        yield stream.make(train.epochs * steps + start // CALIBRATION_BATCH, rows)


def stored(rows: tuple[dict[str, np.ndarray], np.ndarray], *, seed: int) -> Stream:
    """Stored galaxies in random order, each time reflected and turned at random."""
    inputs, truth = rows

    def make(step: int, size: int):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(step,)))
        chosen = rng.integers(len(truth), size=size)
        images, shear = transform(
            inputs["image"][chosen],
            truth[chosen, 3:],
            rng.integers(KINDS, size=size),
        )
        found = {name: inputs[name][chosen] for name in INPUTS} | {"image": images}
        return found, np.concatenate([truth[chosen, :3], shear], axis=1)

    return Stream(make, len(truth))
