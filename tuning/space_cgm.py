"""What is searched for spectra: how many numbers a spectrum needs."""

from __future__ import annotations

from keras_astro.tuning.spaces import Dimension, SearchSpace

SPACE = SearchSpace(
    task="cgm",
    objective=(
        "the spectra challenge's loss: the squared error of validation rows "
        "with refined latents, and the price of the latents"
    ),
    dimensions=(
        Dimension(
            "model.latent_dim",
            "Each latent has its price in the objective; from seven on a second one.",
            choices=(2, 3, 4, 5, 6, 7, 8),
        ),
    ),
)
