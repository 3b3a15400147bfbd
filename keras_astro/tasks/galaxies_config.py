"""Settings of the galaxies case; the reason stands beside each number."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from keras_astro.config import DataConfig, RunConfig, Section, TrainConfig


class Preprocessing(Section):
    """From raw pixels to what the network sees."""

    # Of 64 pixels, the outer ones hold no information: the Cramer-Rao bound of no
    # parameter grows by more than 0.6 %, and the network is 1.8 times faster.
    crop_pixels: int = Field(48, ge=16)
    # In noise levels: linear in the noise, logarithmic in bright centres.
    asinh_softening: float = Field(2.0, gt=0)
    # Galaxies are centred and look the same upside down: half of the pixels, averaged
    # with the other half, say all.
    point_fold: bool = True


class Model(Section):
    """The convolutional network and its posterior."""

    # Channels of the blocks; each halves the resolution.
    filters: tuple[int, ...] = (32, 64, 96, 128)
    hidden: int = Field(192, ge=4)
    # Posteriors bend and pile up at the limits: one Gaussian is not enough.
    components: int = Field(3, ge=1)


class Objective(Section):
    """What is minimised beside the negative log density."""

    # Weight of the squared error of the posterior mean, over the prior's variance.
    square_weight: float = Field(1.0, ge=0)


class Streaming(Section):
    """Training on galaxies that are made when they are needed and never seen twice."""

    enabled: bool = True
    # Rows of a batch take turns: one network serves fixed and varying PSF and noise.
    presets: tuple[Literal["v1", "v2", "v3"], ...] = Field(("v1", "v3"), min_length=1)
    rows_per_epoch: int = Field(32768, ge=1)


class Simulation(Section):
    """The data simulated when none is given."""

    preset: Literal["v1", "v2", "v3"] = "v3"


class Evaluation(Section):
    """How much the report computes."""

    bootstrap: int = Field(1000, ge=10)
    # Test rows that are also fitted by maximum likelihood, from three starts each.
    fitted_rows: int = Field(60, ge=0)


class GalaxiesConfig(RunConfig):
    """All settings of a galaxies run."""

    task: Literal["galaxies"] = "galaxies"
    # A streamed training needs rows for looking only.
    data: DataConfig = DataConfig(
        simulated_rows=1000,
        validation_fraction=0.25,
        calibration_fraction=0.05,
        test_fraction=0.6,
    )
    preprocessing: Preprocessing = Preprocessing()
    model: Model = Model()
    objective: Objective = Objective()
    streaming: Streaming = Streaming()
    simulation: Simulation = Simulation()
    evaluation: Evaluation = Evaluation()
    train: TrainConfig = TrainConfig(epochs=20, batch_size=128)
