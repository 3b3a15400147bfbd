"""Settings of the lensing case; the reason stands beside each number."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from keras_astro.config import DataConfig, RunConfig, Section, TrainConfig


class Preprocessing(Section):
    """From raw pixels to the frame in which images are compared."""

    # Beyond 3 arcsec there is no lensed light at a theta_E of 1 arcsec.
    crop_pixels: int = Field(120, ge=8)
    # Half the resolution: the ring is 40 pixels wide, noise drops by two.
    bin_pixels: int = Field(2, ge=1)
    # In units of the peak: brings the arcs, at 5-20 % of it, to the nucleus' level.
    asinh_softening: float = Field(0.1, gt=0)
    # 120 components leave only noise behind on lenses without substructure.
    pca_components: int = Field(120, ge=2)
    # Lenses on the sky have no preferred handedness.
    flips: bool = True


class Model(Section):
    """The autoencoder."""

    kind: Literal["pca_dense", "conv"] = "pca_dense"
    latent_dim: int = Field(16, ge=1)
    hidden: tuple[int, ...] = (256, 128)
    variational: bool = False
    prior: Literal["normal", "mixture", "flow"] = "normal"


class Objective(Section):
    """What is added to the reconstruction error."""

    # Weight of the squared Frobenius norm of the encoder's Jacobian.
    contractive: float = Field(0.0, ge=0)
    contractive_method: Literal["hutchinson", "exact", "last_layer"] = "hutchinson"
    # Weight of the Kullback-Leibler divergence of a variational run.
    kl: float = Field(1e-4, ge=0)


class Scores(Section):
    """How far a lens is from the lenses trained on."""

    false_positive_rate: float = Field(0.01, gt=0, lt=1)
    tangent_clusters: int = Field(64, ge=1)
    tangent_rank: int = Field(16, ge=1)
    # Smoothing of the residual map before its maximum is taken, in binned pixels.
    smoothing_pixels: float = Field(1.5, gt=0)
    bootstrap: int = Field(1000, ge=10)


class Physics(Section):
    """The lens-model head: trained on simulated smooth lenses alone."""

    enabled: bool = True
    simulated_lenses: int = Field(20000, ge=100)
    epochs: int = Field(30, ge=1)
    pixel_scale_arcsec: float = Field(0.05, gt=0)


class Simulation(Section):
    """The data simulated when none is given."""

    preset: str = "default"
    anomaly_fraction: float = Field(0.25, ge=0, le=1)


class LensingConfig(RunConfig):
    """All settings of a lensing run."""

    task: Literal["lensing"] = "lensing"
    data: DataConfig = DataConfig()
    preprocessing: Preprocessing = Preprocessing()
    model: Model = Model()
    objective: Objective = Objective()
    scores: Scores = Scores()
    physics: Physics = Physics()
    simulation: Simulation = Simulation()
    train: TrainConfig = TrainConfig()
