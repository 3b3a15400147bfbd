"""Prepared rows: stores that say what was done, and doing it again."""

import sys

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from keras_astro.cli.main import cli
from keras_astro.data.readers import open_many
from keras_astro.data.sample import MemorySource, Sample, Subset
from keras_astro.data.star_schema import STELLAR
from keras_astro.errors import DataError, UsageError
from keras_astro.preprocessing.preparation import Preparation
from keras_astro.preprocessing.prepared import PreparedSource

STEPS = [
    {"step": "rest_frame", "velocity_kms": 20.0},
    {
        "step": "resample",
        "start_angstrom": 8802.0,
        "stop_angstrom": 8830.0,
        "pixels": 57,
        "spacing": "linear",
    },
]
WAVE = np.linspace(8800, 8835, 141)


def preparation(steps=STEPS):
    return Preparation.read({"steps": steps}, "steps.yaml")


def source(**inputs):
    flux = np.random.default_rng(0).uniform(0.5, 1, (3, 141)).astype("float32")
    meta = {"id": np.array(["a", "b", "c"])}
    axes = {"wavelength_angstrom": WAVE}
    targets = {"rv_kms": np.full(3, 21.0, "float32")}
    rows = Sample(STELLAR, {"flux": flux, **inputs}, targets, meta, axes=axes)
    return MemorySource(rows)


def test_masks_and_weights_follow_the_pixels():
    mask = np.zeros((3, 141), "uint8")
    mask[1, 60:80] = 1
    ivar = np.full((3, 141), 100.0, "float32")
    found = PreparedSource(source(mask=mask, ivar=ivar), preparation()).read()
    assert found.inputs["flux"].shape == (3, 57)
    bad = found.inputs["mask"] == 1
    assert bad[1].sum() == pytest.approx(10, abs=1)
    assert not bad[[0, 2]].any()
    np.testing.assert_array_equal(found.inputs["ivar"] == 0, bad)
    np.testing.assert_allclose(found.targets["rv_kms"], 1.0)
    bare = PreparedSource(source(mask=mask), preparation()).read()
    assert "ivar" not in bare.inputs
    np.testing.assert_array_equal(bare.inputs["mask"], found.inputs["mask"])
    np.testing.assert_allclose(bare.inputs["flux"], found.inputs["flux"], rtol=1e-6)


def test_steps_add_up_and_are_passed_on():
    once = PreparedSource(source(), preparation(STEPS[:1]))
    twice = Subset(PreparedSource(once, preparation(STEPS[1:])), [2, 0])
    assert twice.preparation == STEPS
    assert source().preparation == []
    at_once = PreparedSource(source(), preparation()).read()
    np.testing.assert_array_equal(
        twice.read().inputs["flux"], at_once.inputs["flux"][[2, 0]]
    )


def test_air_is_not_taken_for_vacuum():
    rows = source().read()
    rows.meta["medium"] = np.array(["air", "air", "vacuum"])
    steps = preparation([{"step": "air_to_vacuum"}])
    with pytest.raises(DataError, match="one medium, found air, vacuum"):
        PreparedSource(MemorySource(rows), steps).read()
    rows.meta["medium"] = np.full(3, "air")
    found = PreparedSource(MemorySource(rows), steps).read()
    assert set(found.meta["medium"]) == {"vacuum"}
    assert found.axes["wavelength_angstrom"][0] == pytest.approx(8802.42, abs=0.01)


def convert(folder, *words):
    words = ["data", "convert", *words, "--task", "stellar"]
    with_names = [str(folder / w) if "." in w else w for w in words]
    return CliRunner().invoke(cli, with_names)


def test_a_store_keeps_its_steps_and_they_are_done_again(tmp_path):
    rows = source().read()
    night = {"flux": rows.inputs["flux"], "wavelength_angstrom": WAVE}
    np.savez(tmp_path / "night.npz", **night)
    (tmp_path / "steps.yaml").write_text(yaml.safe_dump({"steps": STEPS}))
    done = convert(tmp_path, "night.npz", "--prepare", "steps.yaml", "-o", "one.h5")
    assert done.exit_code == 0, done.output
    again = convert(tmp_path, "night.npz", "--prepare", "one.h5", "-o", "two.h5")
    assert again.exit_code == 0, again.output
    one, two = (open_many([tmp_path / f"{n}.h5"], STELLAR) for n in ("one", "two"))
    assert one.preparation == two.preparation == STEPS
    expected = PreparedSource(source(), preparation()).read().inputs["flux"]
    np.testing.assert_array_equal(one.read().inputs["flux"], expected)
    np.testing.assert_array_equal(two.read().inputs["flux"], expected)
    assert convert(tmp_path, "one.h5", "-o", "copy.h5").exit_code == 0
    assert open_many([tmp_path / "copy.h5"], STELLAR).preparation == STEPS
    assert convert(tmp_path, "night.npz", "-o", "raw.h5").exit_code == 0
    error = convert(tmp_path, "night.npz", "--prepare", "raw.h5", "-o", "x.h5")
    assert isinstance(error.exception, UsageError)
    assert "no steps of preparation" in str(error.exception)


def test_images_are_not_prepared(store):
    from keras_astro.data.schemas import LENSING

    with pytest.raises(DataError, match="expected spectra"):
        PreparedSource(open_many([store], LENSING), preparation())


def test_a_base_install_names_what_preparation_needs(tmp_path, monkeypatch):
    (tmp_path / "steps.yaml").write_text(yaml.safe_dump({"steps": STEPS}))
    monkeypatch.setitem(sys.modules, "keras_astro.preprocessing.preparation", None)
    error = convert(tmp_path, "a.npz", "--prepare", "steps.yaml", "-o", "a.h5")
    assert error.exception.exit_code == 3
    assert "keras-astro[train]" in error.exception.hint
