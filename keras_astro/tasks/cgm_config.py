"""Settings of the spectra case; the reason stands beside each number."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from keras_astro.config import DataConfig, RunConfig, Section, TrainConfig, TuneConfig
from keras_astro.simulate.cgm_config import LOW_IONS, NINE_LINES, CgmSimulation
from keras_astro.simulate.kernels import Kernel, read_kernel
from keras_astro.tasks.objective_config import CodeObjective


class System(Section):
    """The absorbing system: what velocities and named lines refer to."""

    # Wavelengths of the data are as observed; velocity 0 is at this redshift.
    redshift: float = Field(0.2, ge=0)
    # Of figures, equivalent widths and the Voigt decoder; others are not looked at.
    lines: tuple[str, ...] = NINE_LINES + LOW_IONS
    # Full width of the line-spread function that the Voigt decoder applies.
    fwhm_kms: float = Field(18.0, ge=0)


class Preprocessing(Section):
    """Which pixels are modelled; the others get the training rows' mean."""

    # Measured: 2e-4 of the variance costs 3e-7 of loss and halves the pixels that
    # 1e-6 of it would need.
    lost_variance: float = Field(2e-4, ge=0, lt=0.5)
    # Pixels that move by more than this beyond noise in any row are modelled too. Each
    # row counts as smoothed, so that a bad pixel of one row is none of them.
    least_span: float = Field(0.1, gt=0)
    # Smoothing of the variance before it is compared with noise, in pixels.
    smooth_pixels: int = Field(9, ge=1)


class Model(Section):
    """The autoencoder."""

    # One Galilean shift is known and need not be learned: at equal cost a quarter of
    # the error of a plain dense decoder, which suits data without a common velocity.
    decoder: Literal["shift", "dense", "voigt"] = "shift"
    latent_dim: int = Field(6, ge=1)
    hidden: tuple[int, ...] = (512, 256)
    decoder_hidden: tuple[int, ...] = (256, 512)
    # Half of the line-spread function: finer nodes add weights and no detail.
    step_kms: float = Field(8.0, gt=0)
    # Four standard deviations of halo gas.
    reach_kms: float = Field(350.0, gt=0)
    # Continua of the Lyman limit fill thousands of pixels and tell nothing in one that
    # the next does not tell; means of 500 km/s that lose less than this share of a
    # pixel's variance stand for them. 0: all pixels count as lines do.
    smooth_variance: float = Field(2e-4, ge=0, lt=0.5)
    variational: bool = False
    prior: Literal["normal", "mixture", "flow"] = "normal"


class Refinement(Section):
    """Least squares on the latents of one spectrum, the decoder frozen."""

    # Most rows stop before; 0 turns refinement off in reports and tuning.
    steps: int = Field(25, ge=0)
    # Passes at the end of training in which the decoder learns from codes that move
    # freely, as refinement moves them, and not from those of the encoder.
    free_epochs: int = Field(0, ge=0)


class Scores(Section):
    """How badly a spectrum is reconstructed, compared with spectra held back."""

    false_positive_rate: float = Field(0.01, gt=0, lt=1)


class Simulation(Section):
    """The data simulated when none is given."""

    preset: Literal["single-cloud", "multi-cloud", "challenge-like"] = "single-cloud"
    # Standard deviation over the continuum; None: as the preset.
    noise: float | None = Field(None, ge=0)
    # Line-spread function: full width of a Gaussian in km/s, or the name of a file of
    # two columns, velocity in km/s and value. The settings keep the table itself, so
    # that they say the same when the file is elsewhere. None: as the preset.
    kernel: Annotated[float, Field(ge=0)] | Kernel | None = None

    @field_validator("kernel", mode="before")
    @classmethod
    def _table(cls, value: Any) -> Any:
        return read_kernel(value) if isinstance(value, str) else value

    def prior(self, redshift: float) -> CgmSimulation:
        """What is drawn, with the system at a redshift."""
        changes: dict[str, Any] = {"redshift": redshift}
        if self.noise is not None:
            changes["noise"] = self.noise
        if isinstance(self.kernel, tuple):
            changes["kernel"] = self.kernel
        elif self.kernel is not None:
            changes["fwhm_kms"] = self.kernel
        return CgmSimulation.preset(self.preset).replace(**changes)


class CgmConfig(RunConfig):
    """All settings of a spectra run."""

    task: Literal["cgm"] = "cgm"
    # 1600 to train on and 200 for each of the other purposes.
    data: DataConfig = DataConfig(
        simulated_rows=2200,
        validation_fraction=1 / 11,
        calibration_fraction=1 / 11,
        test_fraction=1 / 11,
    )
    system: System = System()
    preprocessing: Preprocessing = Preprocessing()
    model: Model = Model()
    objective: CodeObjective = CodeObjective()
    refinement: Refinement = Refinement()
    scores: Scores = Scores()
    simulation: Simulation = Simulation()
    # Small batches: 1600 rows need many steps, and wide layers keep them efficient.
    train: TrainConfig = TrainConfig(epochs=80, batch_size=32, learning_rate=2e-3)
    # A trial for each number of latents.
    tune: TuneConfig = TuneConfig(trials=7, epochs=40, oracle="grid")
