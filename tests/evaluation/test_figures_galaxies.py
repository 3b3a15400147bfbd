"""Figures of galaxies: what is drawn is what was given."""

import numpy as np
import pytest

from keras_astro.evaluation import figures, style

NAMES = ["flux [electron]", "index", "radius [arcsec]"]


def test_pairs_show_truth_and_bound():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(500, 3))
    truth, bound = np.array([0.1, 0.2, 0.3]), np.diag([1.0, 4.0, 9.0])
    figure = figures.posterior_pairs(
        draws, NAMES, truth=truth, bound=bound, title="One galaxy"
    )
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 6
    pair = figure.axes[3]
    cross = pair.lines[-1]
    assert cross.get_xydata().tolist() == [[0.1, 0.2]]
    # The outer ellipse holds 95 %: 2.448 sigma along each axis.
    width, height = np.ptp(pair.lines[1].get_xydata(), axis=0)
    assert (width, height) == pytest.approx((2 * 2.448, 4 * 2.448), rel=2e-3)
    assert style.png(figure).startswith(b"\x89PNG")


def test_errors_are_root_mean_squares_by_bin():
    snr = np.array([12.0, 14.0, 30.0, 35.0])
    errors = {
        "network": np.array([[3.0], [-3.0], [1.0], [1.0]]),
        "fits (2 rows)": np.array([[5.0], [np.nan], [np.nan], [2.0]]),
    }
    figure = figures.error_by_snr(snr, errors, ["index"], edges=(10.0, 20.0, 50.0))
    network, fits = figure.axes[0].lines
    assert network.get_ydata() == pytest.approx([3.0, 1.0])
    assert fits.get_ydata() == pytest.approx([5.0, 2.0])


def test_residuals_are_in_units_of_the_noise():
    images = np.full((2, 8, 8), 30.0)
    models = np.full((2, 8, 8), 10.0)
    figure = figures.residual_images(
        images, models, np.array([10.0, 5.0]), ["one", "two"]
    )
    residuals = [figure.axes[i].images[0].get_array() for i in (4, 5)]
    assert np.allclose(residuals[0], 2.0)
    assert np.allclose(residuals[1], 4.0)
