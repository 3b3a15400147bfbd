"""Figures of the report: arrays in, matplotlib Figure out, no global state."""

from keras_astro.evaluation.figures.calibration import p_value_calibration
from keras_astro.evaluation.figures.corner import latent_corner
from keras_astro.evaluation.figures.coverage import coverage_curve
from keras_astro.evaluation.figures.detection import detection_against
from keras_astro.evaluation.figures.gallery import anomaly_gallery, choose_examples
from keras_astro.evaluation.figures.groups import error_by_group
from keras_astro.evaluation.figures.history import training_history
from keras_astro.evaluation.figures.knowledge import latent_knowledge
from keras_astro.evaluation.figures.latents import latent_map
from keras_astro.evaluation.figures.losses import loss_distribution
from keras_astro.evaluation.figures.parity import parity
from keras_astro.evaluation.figures.pit import pit_histogram
from keras_astro.evaluation.figures.pulls import pull_histogram
    "reduction_curves",
