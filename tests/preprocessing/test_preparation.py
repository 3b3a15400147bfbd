"""Preparation: each step does what it says, and the list survives being written."""

import json

import numpy as np
import pytest

from keras_astro.errors import ConfigError, DataError
from keras_astro.preprocessing.preparation import Preparation
from keras_astro.preprocessing.spectra import to_rest, vacuum_to_air
from keras_astro.preprocessing.spectrum_steps import Spectra

LINE, VELOCITIES = 8826.65, {"a": -110.5, "b": 35.0}
GRID = {
    "step": "resample",
    "start_angstrom": 8820.0,
    "stop_angstrom": 8833.0,
    "pixels": 261,
}
STEPS = [
    {"step": "air_to_vacuum"},
    {"step": "rest_frame", "velocity_kms": VELOCITIES},
    {"step": "mask", "ranges_angstrom": [[8829.0, 8830.0]]},
    GRID | {"spacing": "linear"},
]


def made(*steps):
    return Preparation.read({"steps": list(steps)}, "steps.yaml")


def observed():
    """One line of two stars, in air and in the observer's frame."""
    wave = np.linspace(8800, 8850, 2001)
    centers = [vacuum_to_air(to_rest(LINE, -v)) for v in VELOCITIES.values()]
    flux = 1 - 0.5 * np.exp(-0.5 * ((wave - np.array(centers)[:, None]) / 0.2) ** 2)
    return Spectra(wave, flux, np.full_like(flux, 1e4), np.array(list(VELOCITIES)))


def test_lines_of_all_stars_fall_on_their_wavelength():
    found = made(*STEPS).apply(observed())
    assert found.medium == "vacuum"
    depth = np.where(found.ivar > 0, 1 - found.flux, 0.0)
    centers = (depth * found.wavelength).sum(axis=1) / depth.sum(axis=1)
    np.testing.assert_allclose(centers, LINE, atol=0.002)
    bad = (found.wavelength > 8829.1) & (found.wavelength < 8829.9)
    assert (found.ivar[:, bad] == 0).all()
    clear = (found.wavelength < 8828.9) | (found.wavelength > 8830.1)
    # Two old pixels make a new one, or one and two parts: 1 / (1/4 + 2/16) at most.
    weight = found.ivar[:, clear] / 1e4
    assert 1.99 < weight.min() < weight.max() < 2.68


def test_steps_survive_being_written():
    steps = made(*STEPS)
    text = json.dumps({"steps": steps.to_json()})
    again = Preparation.read(json.loads(text), "copy")
    assert again == steps
    assert again.to_json() == STEPS
    first, second = (s.apply(observed()) for s in (steps, again))
    np.testing.assert_array_equal(first.flux, second.flux)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], "steps.yaml: steps"),
        ([{"step": "rest"}], "steps.0"),
        ([GRID | {"pixel": 3}], "steps.0.resample.pixel:"),
        ([GRID | {"stop_angstrom": 1.0}], "stop_angstrom must be above"),
    ],
)
def test_mistakes_are_named(steps, words):
    with pytest.raises(ConfigError) as found:
        made(*steps)
    assert words in str(found.value)
    assert "received" in str(found.value)
    assert "resample (start_angstrom, " in found.value.hint


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"step": "rest_frame", "velocity_kms": {"a": 1.0}}, GRID], "none of b"),
        ([{"step": "air_to_vacuum"}] * 2, "expected wavelengths in air, found vacuum"),
        ([STEPS[1]], "several grids"),
        ([GRID | {"start_angstrom": 5.0, "stop_angstrom": 9.0}], "a has no good pixel"),
    ],
)
def test_steps_that_do_not_fit_are_refused(steps, words):
    with pytest.raises(DataError) as found:
        made(*steps).apply(observed())
    assert words in str(found.value)


def test_logarithmic_pixels():
    found = made(GRID | {"spacing": "log"}).apply(observed())
    ratios = found.wavelength[1:] / found.wavelength[:-1]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-12)
