"""What is searched for alerts."""

from __future__ import annotations

from keras_astro.tuning.spaces import Dimension, SearchSpace

SPACE = SearchSpace(
    task="alerts",
    objective="the balanced error of validation rows and their reconstruction error",
    dimensions=(
        Dimension(
            "train.batch_size",
            "Noise of the gradient; above 256 there are too few steps an epoch.",
            choices=(64, 128, 256),
        ),
        Dimension(
            "model.dropout",
            "Few real alerts of a class are soon learned by heart.",
            choices=(0.1, 0.3, 0.5),
        ),
        Dimension(
            "model.latent_dim",
            "Published embeddings of stamps have 50 to 128 numbers.",
            choices=(32, 64, 128),
        ),
        Dimension(
            "objective.reconstruction",
            "Below, the embedding forgets what the stamps look like; above, it learns "
            "nothing else.",
            low=1.0,
            high=100.0,
            log=True,
            when=("model.mode", "joint"),
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
