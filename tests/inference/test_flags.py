"""Warnings of what goes in and of what comes out, together."""

import numpy as np
import pytest
from scipy import stats

from keras_astro.inference.flags import at_prior_edge, row_flags
from keras_astro.simulate.galaxy_config import PARAMETERS, prior_box

BOX = {"x": (2.0, 3.0)}


def judged(distribution):
    mean, sd = ([float(v)] for v in (distribution.mean(), distribution.std()))
    return at_prior_edge({"x": np.array(mean), "x_sd": np.array(sd)}, BOX).tolist()


@pytest.mark.parametrize("width", [0.02, 0.1])
def test_heaps_against_a_limit_are_told_from_what_lies_between(width):
    assert judged(stats.truncexpon(1 / width, 2, width)) == [True]
    # The tail of a Gaussian whose peak is far beyond the limit.
    assert judged(stats.truncnorm(4, 4 + 1 / width, 2 - 4 * width, width)) == [True]
    assert judged(stats.norm(2 + 2 * width, width)) == [False]


def test_a_posterior_that_is_the_prior_is_no_heap():
    assert judged(stats.uniform(2, 1)) == [False]


def test_a_task_without_limits_has_no_such_flag():
    image = np.ones((2, 8, 8, 1))
    assert row_flags("lensing", {"image": image}, {}).tolist() == ["constant"] * 2


def test_flags_of_inputs_and_outputs_are_joined():
    inputs = {
        "image": np.zeros((2, 64, 64, 1)),
        "psf_fwhm_arcsec": np.full(2, 0.7),
        "noise_sigma": np.full(2, 300.0),
    }
    box = prior_box()
    outputs = {name: np.full(2, np.mean(box[name])) for name in PARAMETERS}
    outputs |= {f"{name}_sd": np.full(2, 0.01 * box[name][1]) for name in PARAMETERS}
    outputs["sersic_n"][1] = 5.98
    expected = ["low_snr", "low_snr,prior_edge"]
    assert row_flags("galaxies", inputs, outputs).tolist() == expected
