import numpy as np
import pytest

from keras_astro.data.describe import BLOCK, describe, validate
from keras_astro.data.readers import open_source
from keras_astro.data.sample import MemorySource, Sample
from keras_astro.data.schemas import LENSING
from keras_astro.data.store import StoreSource


def images(rows, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, 6, 6, 1)).astype("float32")


def source_of(array, **meta):
    return MemorySource(Sample(LENSING, {"image": array}, {}, meta))


def test_ranges_units_and_labels(store):
    facts = describe(StoreSource(store, LENSING))
    assert (facts["rows"], facts["looked_at"], facts["groups"]) == (100, 100, 100)
    assert facts["labels"] == {"0": 50, "1": 50}
    radius = facts["fields"]["targets/theta_E_arcsec"]
    assert (radius["units"], radius["shape"]) == ("arcsec", [])
    found = [radius[k] for k in ("minimum", "median", "maximum")]
    assert found == pytest.approx([0, 4.95, 9.9])
    image = facts["fields"]["inputs/image"]
    assert (image["units"], image["shape"]) == ("adu", [12, 12, 1])
    assert (image["minimum"], image["maximum"]) == (0, 99 + 143)
    assert "minimum" not in facts["fields"]["meta/id"]


def test_only_some_rows_are_looked_at_evenly():
    array = np.arange(100, dtype="float32")[:, None, None, None] * np.ones((1, 2, 2, 1))
    facts = describe(source_of(array), rows=5)
    image = facts["fields"]["inputs/image"]
    assert (facts["rows"], facts["looked_at"]) == (100, 5)
    assert (image["minimum"], image["maximum"]) == (0, 99)
    assert image["median"] == pytest.approx(49, abs=1)


def test_defects_are_counted_apart_from_ranges():
    array = images(4)
    array[0, :3] = np.nan
    array[1, 0, 0] = np.inf
    image = describe(source_of(array))["fields"]["inputs/image"]
    assert image["nan_fraction"] == pytest.approx(19 / 144)
    assert np.isfinite(image["maximum"])
    empty = describe(source_of(np.full((2, 3, 3, 1), np.nan)))
    assert "minimum" not in empty["fields"]["inputs/image"]
    assert empty["labels"] == {}


def test_sound_rows_have_no_problems(store):
    assert validate(StoreSource(store, LENSING)) == []


def test_every_problem_names_its_row():
    array = images(BLOCK + 10)
    names = np.array([f"lens-{n}" for n in range(len(array))])
    names[9] = "lens-8"
    array[3, 0, 0] = np.nan
    array[4] = -np.inf
    array[BLOCK + 5] = 7
    problems = validate(source_of(array, id=names))
    assert problems == [
        "1 ids occur twice, e.g. lens-8",
        "lens-3: image is not finite everywhere",
        "lens-4: image is not finite everywhere",
        f"lens-{BLOCK + 5}: image is constant",
    ]


def test_real_images_are_sound(slc):
    source = open_source(slc / "validation.zip", LENSING)
    assert validate(source) == []
    facts = describe(source, rows=50)
    assert facts["labels"] == {"0": 500, "1": 500}
    assert facts["fields"]["inputs/image"]["nan_fraction"] == 0


def test_gaps_are_no_fault_where_the_schema_allows_them():
    from keras_astro.data.alert_schema import ALERTS

    stamps = np.random.default_rng(0).normal(size=(3, 9, 9, 3)).astype("float32")
    stamps[0, :4] = np.nan
    stamps[1] = np.nan
    source = MemorySource(Sample(ALERTS, {"stamps": stamps}))
    assert validate(source) == ["1: stamps is not finite anywhere"]


def test_classes_by_name_are_counted():
    from keras_astro.data.alert_schema import ALERTS

    stamps = np.random.default_rng(0).normal(size=(4, 9, 9, 3)).astype("float32")
    labels = np.array(["SN", "AGN", "SN", ""])
    source = MemorySource(Sample(ALERTS, {"stamps": stamps}, {"label": labels}))
    assert describe(source)["labels"] == {"AGN": 1, "SN": 2}


def test_wavelengths_are_described():
    from keras_astro.data.star_schema import STELLAR

    wavelength = np.linspace(8800.0, 8835.0, 7)
    flux = np.ones((3, 7), "float32")
    axes = {"wavelength_angstrom": wavelength}
    field = describe(MemorySource(Sample(STELLAR, {"flux": flux}, axes=axes)))["fields"]
    found = field["axes/wavelength_angstrom"]
    assert (found["shape"], found["units"]) == ([7], "Angstrom")
    assert (found["minimum"], found["maximum"]) == (8800, 8835)
