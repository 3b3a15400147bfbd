"""What is searched for stars."""

from __future__ import annotations

from keras_astro.tuning.spaces import Dimension, SearchSpace

SPACE = SearchSpace(
    task="stellar",
    objective=(
        "the negative log-likelihood of validation labels and the reconstruction error"
    ),
    dimensions=(
        Dimension(
            "train.batch_size",
            "Noise of the gradient; above 256 there are too few steps an epoch.",
            choices=(64, 128, 256),
        ),
        Dimension(
            "preprocessing.pca_components",
            "Fewer lose weak lines, more let noise in; few values, so that the "
            "decomposition is shared between trials.",
            choices=(32, 64, 128),
        ),
        Dimension(
            "objective.contractive",
            "Off, or weak to strong; a strong one forgets the weakest label, log g.",
            choices=(0.0, 1e-5, 1e-4, 1e-3),
        ),
        Dimension(
            "objective.noise",
            "Smooths the encoder; above a tenth it hides the weakest lines.",
            choices=(0.0, 0.02, 0.1),
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
            "Capacity of the autoencoder: half and twice the default.",
            choices=((128, 64), (256, 128), (512, 256)),
        ),
        Dimension(
            "model.latent_dim",
            "The bottleneck: a spectrum has four labels and its noise.",
            choices=(8, 16, 32),
        ),
        Dimension(
            "model.regressor_hidden",
            "Capacity of each regressor.",
            choices=((64, 64), (128, 128), (256, 256, 128)),
        ),
        Dimension(
            "train.learning_rate",
            "Always the first to matter; two decades around Adam's usual value.",
            low=2e-4,
            high=2e-2,
            log=True,
        ),
    ),
)
