"""Every figure renders without a warning, at the edges of its input as well."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_astro.evaluation import figures, style
from keras_astro.evaluation.captions import CAPTIONS, caption
from keras_astro.metrics import Interval, detection_curve, reliability

FEW = np.array([0, 1, 0, 1])
SCORES = np.array([1.0, 2.0, 3.0, 4.0])
CUBE = np.arange(4 * 36, dtype=float).reshape(4, 6, 6)

SMALL = {
    "loss_distribution": lambda: figures.loss_distribution(SCORES, FEW, threshold=9.0),
    "loss_all_equal": lambda: figures.loss_distribution(np.ones(4), FEW),
    "roc": lambda: figures.roc(FEW, {"score": SCORES}),
    "scores_constant": lambda: figures.score_distributions(FEW, {"s": np.ones(4)}),
    "latent_one_unit": lambda: figures.latent_map(SCORES[:, None], FEW, SCORES),
    "latent_collapsed": lambda: figures.latent_map(np.zeros((4, 3)), None, np.ones(4)),
    "gallery_flat": lambda: figures.anomaly_gallery(
        np.zeros((4, 6, 6)), CUBE, 0 * CUBE, SCORES, truth=CUBE
    ),
    "detection": lambda: figures.detection_against(
        {"s": detection_curve(SCORES, SCORES, threshold=2.0, bins=1)}
    ),
    "shortcuts": lambda: figures.shortcut_bars({"size": Interval(1.0, 0.4, 1.0)}),
    "history": lambda: figures.training_history({"loss": [1.0], "val_loss": [2.0]}),
    "pulls": lambda: figures.pull_histogram({"a": np.full(3, 99.0)}),
    "p_values": lambda: figures.p_value_calibration([0.5], calibration_size=10),
    "coverage": lambda: figures.coverage_curve({"n": np.zeros(3)}),
    "pit_one_row": lambda: figures.pit_histogram({"a": [0.5]}),
    "pit_many": lambda: figures.pit_histogram(dict.fromkeys("abcd", [0.0, 1.0])),
    "reliability": lambda: figures.reliability_diagram(
        {"s": reliability([0, 1], [0.0, 1.0])}
    ),
    "parity_exact": lambda: figures.parity(SCORES, SCORES, name="n"),
    "parity_constant": lambda: figures.parity(np.ones(4), SCORES, name="n"),
}


@pytest.mark.parametrize("name", SMALL)
def test_figure_renders(name):
    picture = np.asarray(Image.open(io.BytesIO(style.png(SMALL[name]()))).convert("L"))
    assert picture.min() < 100 < 250 < picture.max()


def test_captions_are_found_by_the_name_before_a_suffix():
    assert caption("parity__theta_E_arcsec") == CAPTIONS["parity"]
    assert caption("roc.mass_matched") == CAPTIONS["roc"]
    assert caption("unknown") == ""
