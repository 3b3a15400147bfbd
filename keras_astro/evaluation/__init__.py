"""What a model is worth: metrics.json, figures, baselines, shortcut audit, report.

Figures are in `keras_astro.evaluation.figures`, which imports matplotlib.
"""

from keras_astro.evaluation.baselines import PcaResidual, TangentResidual, stretched
from keras_astro.evaluation.metrics_file import (
    plain_metrics,
    read_metrics,
    write_metrics,
)
from keras_astro.evaluation.report import Headline, Report, Section, Table
from keras_astro.evaluation.shortcuts import (
    directed_auc,
    image_statistics,
    shortcut_audit,
)
from keras_astro.evaluation.verdicts import (
    Verdict,
    against_baselines,
    paired_verdict,
)

__all__ = [
    "Headline",
    "PcaResidual",
    "Report",
    "Section",
    "Table",
    "TangentResidual",
    "Verdict",
    "against_baselines",
    "directed_auc",
    "image_statistics",
    "paired_verdict",
    "plain_metrics",
    "read_metrics",
    "shortcut_audit",
    "stretched",
    "write_metrics",
]
