"""Figures of the report: arrays in, matplotlib Figure out, no global state."""

from keras_astro.evaluation.figures.calibration import p_value_calibration
from keras_astro.evaluation.figures.classes import (
    class_reliability,
    confusion_matrix,
    stamp_gallery,
)
from keras_astro.evaluation.figures.corner import latent_corner
from keras_astro.evaluation.figures.coverage import coverage_curve
from keras_astro.evaluation.figures.detection import detection_against
from keras_astro.evaluation.figures.domains import domain_map
from keras_astro.evaluation.figures.galaxies import error_by_snr, residual_images
from keras_astro.evaluation.figures.gallery import anomaly_gallery, choose_examples
from keras_astro.evaluation.figures.groups import error_by_group
from keras_astro.evaluation.figures.history import training_history
from keras_astro.evaluation.figures.knowledge import latent_knowledge
from keras_astro.evaluation.figures.latents import latent_map
from keras_astro.evaluation.figures.losses import loss_distribution
from keras_astro.evaluation.figures.neighbours import neighbour_map
from keras_astro.evaluation.figures.parity import parity
from keras_astro.evaluation.figures.pit import pit_histogram
from keras_astro.evaluation.figures.posteriors import posterior_pairs
from keras_astro.evaluation.figures.pulls import pull_histogram
from keras_astro.evaluation.figures.reduction import reduction_curves
from keras_astro.evaluation.figures.reliability import reliability_diagram
from keras_astro.evaluation.figures.roc import roc
from keras_astro.evaluation.figures.scores import score_distributions
from keras_astro.evaluation.figures.shortcuts import shortcut_bars
from keras_astro.evaluation.figures.spectra import velocity_panels
from keras_astro.evaluation.figures.stars import (
    error_against,
    kiel_diagram,
    residual_spectrum,
)
from keras_astro.evaluation.figures.traversals import latent_traversals
from keras_astro.evaluation.figures.widths import equivalent_width_bias

__all__ = [
    "anomaly_gallery",
    "choose_examples",
    "class_reliability",
    "confusion_matrix",
    "coverage_curve",
    "detection_against",
    "domain_map",
    "equivalent_width_bias",
    "error_against",
    "error_by_group",
    "error_by_snr",
    "kiel_diagram",
    "latent_corner",
    "latent_knowledge",
    "latent_map",
    "latent_traversals",
    "loss_distribution",
    "neighbour_map",
    "p_value_calibration",
    "parity",
    "pit_histogram",
    "posterior_pairs",
    "pull_histogram",
    "reduction_curves",
    "reliability_diagram",
    "residual_images",
    "residual_spectrum",
    "roc",
    "score_distributions",
    "shortcut_bars",
    "stamp_gallery",
    "training_history",
    "velocity_panels",
]
