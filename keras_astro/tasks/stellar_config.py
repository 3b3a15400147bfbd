"""Settings of the stellar case; the reason stands beside each number."""

from __future__ import annotations

import dataclasses
from typing import Literal

from pydantic import Field

from keras_astro.config import (
    DataConfig,
    FinetuneConfig,
    RunConfig,
    Section,
    TrainConfig,
)
from keras_astro.simulate.spectral_gap import SpectralGap
from keras_astro.simulate.stellar_config import StellarSimulation
from keras_astro.tasks.objective_config import CodeObjective


class Preprocessing(Section):
    """From raw spectra to the coefficients in which they are compared."""

    # One maximum for each percent of the window: a bin holds line-free pixels.
    continuum_bins: int = Field(35, ge=2)
    # A tilt is what is left of a continuum over a few hundred angstrom.
    continuum_degree: int = Field(1, ge=0, le=4)
    # Toy spectra at S/N 100: the 32nd component still carries signal, the 64th none.
    pca_components: int = Field(64, ge=2)


class Model(Section):
    """The autoencoder and the regressors on its latents."""

    # Four labels, noise and what the labels do to line shapes: the codes of 16 and of
    # 32 numbers serve alike, and 32 are those of the published recipe.
    latent_dim: int = Field(32, ge=1)
    hidden: tuple[int, ...] = (256, 128)
    # What estimates labels: dense networks or small CNNs on the latents, or a CNN on
    # the normalised spectrum. Measured on toy spectra: CNNs on latents err by 2 to 19 %
    # more than dense networks, and take longer.
    regressor: Literal["dense", "cnn", "direct_cnn"] = "dense"
    members: int = Field(3, ge=1)
    regressor_hidden: tuple[int, ...] = (128, 128)
    # Learning rate of dense regressors over train.learning_rate: from few atmospheres,
    # log g was not learnt in as many epochs at 1 (0.083 dex against 0.046).
    regressor_rate: float = Field(2.5, gt=0)
    variational: bool = False
    prior: Literal["normal", "mixture", "flow"] = "normal"


class Objective(CodeObjective):
    """What is added to the reconstruction error."""

    # Chosen for this case; the others start without.
    contractive: float = Field(1e-4, ge=0)
    # Noise on the encoder's input in training, in units of the coefficients' sd.
    noise: float = Field(0.02, ge=0)


class Scores(Section):
    """When a star counts as unlike the training stars."""

    false_positive_rate: float = Field(0.01, gt=0, lt=1)
    bootstrap: int = Field(1000, ge=10)


class Report(Section):
    """What the report compares with, refitted on the run's training rows."""

    baselines: tuple[Literal["pca_ridge", "direct_mlp", "carmenes_2024"], ...] = (
        "pca_ridge",
        "direct_mlp",
    )


class Simulation(Section):
    """The spectra simulated when none are given."""

    # m-dwarf and m-dwarf-grid are toys: good for tests and demonstrations alone.
    preset: Literal[
        "m-dwarf", "m-dwarf-grid", "cannon", "cannon-6100", "cannon-8400"
    ] = "m-dwarf"
    # None: as the preset has it.
    rows_per_atmosphere: int | None = Field(None, ge=1)
    pixels: int | None = Field(None, ge=100)
    # What separates the spectra from clean ones: none, noise, or all switches.
    gap: Literal["clean", "noisy", "observed"] = "noisy"
    # Single switches, over those of the gap.
    line_strength: float | None = Field(None, ge=0)
    line_errors: float | None = Field(None, ge=0)
    continuum_tilt: float | None = Field(None, ge=0)
    fringes: float | None = Field(None, ge=0)
    rv_residual_kms: float | None = Field(None, ge=0)
    lsf_error: float | None = Field(None, gt=-1)
    tellurics: float | None = Field(None, ge=0)
    bad_pixels: float | None = Field(None, ge=0, lt=1)
    snr: tuple[float, float] | None = None
    gap_seed: int = Field(0, ge=0)


class Finetune(FinetuneConfig):
    """How a finished run is moved to observed spectra by `kastro finetune`."""

    # Layers that are trained on, by name; the others keep what they learnt. The first
    # layer sees the instrument, the last ones draw it.
    layers: tuple[str, ...] = ("encoder_0", "decoder_1", "features")
    epochs: int = Field(30, ge=1)
    # Distributions are compared within a batch: small ones differ by chance.
    batch_size: int = Field(512, ge=8)
    learning_rate: float = Field(1e-3, gt=0)
    # Weights beside that of the reconstruction, which is 1.
    mmd: float = Field(1.0, ge=0)
    mean: float = Field(1.0, ge=0)
    coral: float = Field(0.1, ge=0)
    drawing: float = Field(0.1, ge=0)
    consistency: float = Field(0.1, ge=0)
    # Observed residuals that each synthetic star is dressed with, and passes over all.
    dressings: int = Field(3, ge=1)
    # Relative errors of line depths and widths that differ from one dressed star to the
    # next: what line lists and instruments are still wrong by, once the population has
    # been seen. On simulated gaps, where each line was wrong by 0.15, single lines are
    # then wrong by 0.03 and the common strength of all lines by 0.06.
    line_errors: float = Field(0.06, ge=0)
    width_errors: float = Field(0.01, ge=0)
    label_epochs: int = Field(20, ge=1)


class StellarConfig(RunConfig):
    """All settings of a stellar run."""

    task: Literal["stellar"] = "stellar"
    # Two thousand atmospheres; their labels and rotation are then known to a few
    # percent of their ranges. Calibration needs hundreds of rows for 95 % intervals.
    data: DataConfig = DataConfig(
        simulated_rows=8000,
        validation_fraction=0.08,
        calibration_fraction=0.15,
        test_fraction=0.12,
    )
    preprocessing: Preprocessing = Preprocessing()
    model: Model = Model()
    objective: Objective = Objective()
    scores: Scores = Scores()
    report: Report = Report()
    simulation: Simulation = Simulation()
    finetune: Finetune = Finetune()
    train: TrainConfig = TrainConfig(epochs=100)


def simulation(settings: Simulation) -> StellarSimulation:
    """The simulator that the settings describe.

    Example:
        >>> simulation(Simulation(gap="clean", fringes=0.02)).gap.fringes
        0.02
    """
    names = {field.name for field in dataclasses.fields(SpectralGap)}
    switches = settings.model_dump(include=names, exclude_none=True)
    gap = SpectralGap.preset(settings.gap).replace(**switches, seed=settings.gap_seed)
    sizes = settings.model_dump(
        include={"pixels", "rows_per_atmosphere"}, exclude_none=True
    )
    return StellarSimulation.preset(settings.preset).replace(gap=gap, **sizes)
