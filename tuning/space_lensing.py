"""What is searched for lenses."""

from __future__ import annotations

from keras_astro.tuning.spaces import Dimension, SearchSpace

SPACE = SearchSpace(
    task="lensing",
    objective=(
        "held-out reconstruction and the detection of simulated anomalies "
        "injected into held-out rows; no trial saw an anomaly label"
    ),
    dimensions=(
        Dimension(
            "train.batch_size",
            "Noise of the gradient; above 256 there are too few steps an epoch.",
            choices=(64, 128, 256),
        ),
        Dimension(
            "preprocessing.asinh_softening",
            "Trades faint arcs against the nucleus; the useful range is a decade.",
            choices=(0.03, 0.1, 0.3),
        ),
        Dimension(
            "preprocessing.pca_components",
            "Fewer lose arcs, more let noise in; few values, so that the decomposition "
            "is shared between trials.",
            choices=(60, 120, 200),
            when=("model.kind", "pca_dense"),
        ),
        Dimension(
            "objective.contractive",
            "Off, or weak to strong; a strong one folds anomalies onto normal lenses.",
            choices=(0.0, 1e-4, 1e-3, 1e-2),
        ),
        Dimension(
            "objective.kl",
            "Below, the latent space is unordered; above, it collapses to the prior.",
            low=1e-6,
            high=1e-2,
            log=True,
            when=("model.variational", True),
        ),
        Dimension(
            "model.hidden",
            "Capacity: half and twice the default, and one layer less.",
            choices=((128, 64), (256,), (256, 128), (512, 256)),
        ),
        Dimension(
            "model.latent_dim",
            "The bottleneck: too wide and anomalies are reconstructed as well.",
            choices=(4, 8, 16, 32, 64),
        ),
        Dimension(
            "train.learning_rate",
            "Always the first to matter; two decades around Adam's usual value.",
            low=2e-4,
            high=2e-2,
            log=True,
        ),
    ),
    # The physics head is trained on simulations alone and does not enter the
    # objective.
    during_search={"physics.enabled": False},
    withheld=("is_anomaly", "subhalo_mass_fraction", "substructure_map"),
)
