"""What is searched for galaxies."""

from __future__ import annotations

from keras_astro.tuning.spaces import Dimension, SearchSpace

SPACE = SearchSpace(
    task="galaxies",
    objective="log score and squared errors of validation rows, both at weight 1",
    dimensions=(
        Dimension(
            "objective.square_weight",
            "Honest widths against small errors; beyond 10 the widths are forgotten.",
            choices=(0.0, 1.0, 4.0),
        ),
        Dimension(
            "preprocessing.asinh_softening",
            "Below the noise it is bent too, far above nothing is.",
            choices=(1.0, 2.0, 4.0),
        ),
        Dimension(
            "model.components",
            "One Gaussian cannot bend; more than a few have too little to do.",
            choices=(1, 2, 3, 5),
        ),
        Dimension(
            "model.network",
            "Plain, residual or separable convolutions; a step of the last takes three "
            "times as long as one of the first.",
            choices=("compact", "resnet", "xception"),
        ),
        Dimension(
            "train.batch_size",
            "Noise of the gradient against the number of steps.",
            choices=(64, 128, 256),
        ),
        Dimension(
            "model.hidden",
            "Capacity behind the convolutions, cheap in time.",
            choices=(96, 192, 384),
        ),
        Dimension(
            "model.filters",
            "Capacity of the convolutions, in which nearly all time goes.",
            choices=((16, 32, 48, 64), (24, 48, 64, 96), (32, 64, 96, 128)),
        ),
        Dimension(
            "train.learning_rate",
            "Always the first to matter; a decade and a half around the usual value.",
            low=3e-4,
            high=1e-2,
            log=True,
        ),
    ),
    # A trial sees fewer fresh galaxies an epoch than a run does.
    at_most={"streaming.rows_per_epoch": 8192},
)
