"""Measures of detection, calibration, latent spaces and regression, in NumPy."""

from keras_astro.metrics.conformal import (
    conformal_p_values,
    conformal_threshold,
    realised_fpr,
    uniformity_band,
    uniformity_test,
)
from keras_astro.metrics.conformal_intervals import (
    conformal_half_width,
    conformal_quantile,
    conformal_scale,
    conformal_widening,
)
from keras_astro.metrics.curves import DetectionCurve, detection_curve
from keras_astro.metrics.detection import (
    Roc,
    auc,
    auc_difference,
    auc_interval,
    roc_curve,
    tpr_at_fpr,
    tpr_at_fpr_interval,
)
from keras_astro.metrics.intervals import (
    Interval,
    binomial_interval,
    bootstrap_interval,
)
from keras_astro.metrics.latent import (
    LatentView,
    active_units,
    latent_pca,
    latent_sd,
)
from keras_astro.metrics.maps import peak_distance, pixel_auc, truth_mask
from keras_astro.metrics.matched import MatchedAuc, matched_auc
from keras_astro.metrics.proper_scores import (
    brier_score,
    crps_gaussian,
    crps_samples,
)
from keras_astro.metrics.regression import (
    bias,
    coverage,
    interval_coverage,
    pit,
    pulls,
    rmse,
    rmse_interval,
    sigma_nmad,
)
from keras_astro.metrics.reliability import (
    Reliability,
    classwise_calibration_error,
    reliability,
    top_label_reliability,
)
from keras_astro.metrics.temperature import fit_temperature

__all__ = [
    "DetectionCurve",
    "Interval",
    "LatentView",
    "MatchedAuc",
    "Reliability",
    "Roc",
    "active_units",
    "auc",
    "auc_difference",
    "auc_interval",
    "bias",
    "binomial_interval",
    "bootstrap_interval",
    "brier_score",
    "classwise_calibration_error",
    "conformal_half_width",
    "conformal_p_values",
    "conformal_quantile",
    "conformal_scale",
    "conformal_threshold",
    "conformal_widening",
    "coverage",
    "crps_gaussian",
    "crps_samples",
    "detection_curve",
    "fit_temperature",
    "interval_coverage",
    "latent_pca",
    "latent_sd",
    "matched_auc",
    "peak_distance",
    "pit",
    "pixel_auc",
    "pulls",
    "realised_fpr",
    "reliability",
    "rmse",
    "rmse_interval",
    "roc_curve",
    "sigma_nmad",
    "top_label_reliability",
    "tpr_at_fpr",
    "tpr_at_fpr_interval",
    "truth_mask",
    "uniformity_band",
    "uniformity_test",
]
