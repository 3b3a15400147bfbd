"""The Cannon file is read as data: its numbers, and nothing that acts."""

import importlib.util
import os
import pickle

import numpy as np
import pytest

from keras_astro.errors import DataError
from keras_astro.simulate.stellar_cannon import installed_cannon, read_cannon

TERMS = [[(0, 1)], [(1, 1)], [(2, 1)], [(0, 2.0)], [(1, 1), (0, 1)]]
needs_file = pytest.mark.skipif(
    importlib.util.find_spec("doppler") is None, reason="thedoppler is not installed"
)


def content(**changes):
    rng = np.random.default_rng(0)
    vectorizer = {"terms": TERMS, "label_names": ("TEFF", "LOGG", "FEH")}
    nodes = rng.uniform((3500, 0, -2), (8000, 5, 0.5), (200, 3)).astype("float32")
    return {
        "vectorizer": ("PolynomialVectorizer", vectorizer),
        "training_set_labels": nodes,
        "theta": rng.normal(size=(50, 6)),
        "dispersion": 5000 + 0.1 * np.arange(50),
        "fwhm": np.float64(0.001),
    } | changes


def written(path, value):
    path.write_bytes(pickle.dumps(value, protocol=3))
    return path


def test_flux_is_the_polynomial(tmp_path):
    facts = content()
    model = read_cannon(written(tmp_path / "m.pkl", facts))
    nodes = facts["training_set_labels"].astype(float)
    low, high = np.percentile(nodes, [2.5, 97.5], axis=0)
    t, g, m = ((nodes[7] - np.median(nodes, axis=0)) / (high - low)).tolist()
    expected = facts["theta"] @ np.array([1, t, g, m, t**2, g * t])
    np.testing.assert_allclose(model.flux(nodes[7:8])[0], expected)


def test_window_interpolates_and_does_not_extrapolate(tmp_path):
    model = read_cannon(written(tmp_path / "m.pkl", content()))
    labels = model.nodes[:3]
    middle = (model.wavelength[:-1] + model.wavelength[1:]) / 2
    flux = model.flux(labels)
    expected = (flux[:, :-1] + flux[:, 1:]) / 2
    np.testing.assert_allclose(model.window(middle).flux(labels), expected)
    with pytest.raises(DataError, match="5000-5005 A"):
        model.window(np.linspace(4000, 5001, 5))


class Acting:
    def __reduce__(self):
        return os.system, ("touch was_run",)


def test_code_in_the_file_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "m.pkl", content(extra=Acting()))
    with pytest.raises(DataError, match="system is not an array"):
        read_cannon(path)
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize(
    "value",
    [[1, 2], {"theta": 1}, content(theta=np.ones((50, 3))), content(vectorizer=3)],
)
def test_other_content_is_refused(tmp_path, value):
    with pytest.raises(DataError, match="m.pkl"):
        read_cannon(written(tmp_path / "m.pkl", value))


def test_absent_and_truncated_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="not a Cannon model"):
        read_cannon(tmp_path / "absent.pkl")
    path = written(tmp_path / "m.pkl", content())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="not a Cannon model"):
        read_cannon(path)


@needs_file
def test_installed_model_shows_the_calcium_triplet_of_the_sun():
    grid = np.linspace(8400, 8750, 3501)
    flux = installed_cannon().window(grid).flux(np.array([[5777, 4.44, 0.0]]))[0]
    assert grid[flux.argmin()] == pytest.approx(8542.09, abs=0.2)
    assert np.percentile(flux, 90) == pytest.approx(1.0, abs=0.02)
