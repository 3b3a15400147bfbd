"""Settings of the galaxies case; the reason stands beside each number."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

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
    # A FWHM says all of a Moffat profile, and the network is trained on Moffat stars
    # only: with their image as well, other profiles are not measured.
    psf: Literal["fwhm", "image"] = "fwhm"


class Model(Section):
    """The convolutional network and its posterior."""

    # `compact` says least to the noise limit for its time; the other two are kept for
    # comparison. Separable convolutions save operations that a CPU does not wait for.
    network: Literal["compact", "resnet", "xception"] = "compact"
    # Channels of the blocks; each halves the resolution.
    filters: tuple[int, ...] = (32, 64, 96, 128)
    hidden: int = Field(192, ge=4)
    # Posteriors bend and pile up at the limits: one Gaussian is not enough.
    components: int = Field(3, ge=1)


class Objective(Section):
    """What is minimised beside the negative log density."""

    # Weight of the squared error of the posterior mean, over the prior's variance.
    square_weight: float = Field(1.0, ge=0)
    # Weight of the chi^2 per pixel of the image drawn anew from the posterior mean: a
    # denoising autoencoder whose decoder is the renderer. A step then takes 1.8 times
    # as long.
    reconstruction_weight: float = Field(0.0, ge=0)


class Denoising(Section):
    """A network before the network, trained on images without noise and then fixed."""

    # Denoising adds no information: it is there to be compared.
    network: Literal["none", "edsr", "rdn"] = "none"
    filters: int = Field(16, ge=1)
    blocks: int = Field(3, ge=1)
    epochs: int = Field(4, ge=1)


class Streaming(Section):
    """Training on galaxies that are made when they are needed and never seen twice."""

    enabled: bool = True
    # Rows of a batch take turns: one network serves fixed and varying PSF and noise.
    presets: tuple[Literal["v1", "v2", "v3"], ...] = Field(("v1", "v3"), min_length=1)
    rows_per_epoch: int = Field(32768, ge=1)
    # Fresh rows on which the widths of the posteriors are corrected, in half a minute
    # of processor time: coverage is then known to 0.2 points, in a tercile of signal to
    # noise to 0.3. Of 8,192 rows, their own luck was half of what was wrong.
    calibration_rows: int = Field(65536, ge=50)


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
    denoising: Denoising = Denoising()
    streaming: Streaming = Streaming()
    simulation: Simulation = Simulation()
    evaluation: Evaluation = Evaluation()
    train: TrainConfig = TrainConfig(epochs=20, batch_size=128)

    @model_validator(mode="after")
    def _renderer_knows_the_psf(self) -> GalaxiesConfig:
        if self.objective.reconstruction_weight and self.preprocessing.psf == "image":
            raise ValueError(
                "objective.reconstruction_weight: the renderer draws Moffat profiles "
                "and needs preprocessing.psf = fwhm"
            )
        return self
