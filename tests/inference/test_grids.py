"""Rows on another wavelength grid than the model's."""

import numpy as np
import pytest
from click.testing import CliRunner

from keras_astro.errors import DataError
from keras_astro.inference.grids import check_grids, describe_grids

GRID = np.linspace(1200.0, 1300.0, 500)
MANIFEST = {"grids": describe_grids({"wavelength_angstrom": GRID})}


def test_the_same_grid_passes_in_single_precision_too():
    check_grids(MANIFEST, {"wavelength_angstrom": GRID.astype("float32")}, "night")
    check_grids({}, {"wavelength_angstrom": GRID + 50}, "night")
    check_grids(MANIFEST, {}, "night")


@pytest.mark.parametrize("other", [GRID + 0.05, GRID * 1.2, GRID[::-1], GRID * np.nan])
def test_other_grids_are_refused(other, refused):
    with refused(DataError, "night", "wavelength_angstrom", hint="Resample"):
        check_grids(MANIFEST, {"wavelength_angstrom": other}, "night")


def test_predict_refuses_another_grid(cgm_tflite, cgm_run, tmp_path):
    from keras_astro.cli.predict import predict

    sample = cgm_run.parts.test.read()
    moved = {"wavelength_angstrom": sample.axes["wavelength_angstrom"] + 10.0}
    np.savez(tmp_path / "night.npz", **sample.inputs, **moved)
    command = [str(tmp_path / "night.npz"), "-o", str(tmp_path / "out.csv")]
    done = CliRunner().invoke(predict, [str(cgm_tflite), *command])
    assert isinstance(done.exception, DataError)
    assert "wavelength_angstrom" in str(done.exception)
