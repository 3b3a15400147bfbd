import errno

import numpy as np
import pytest
from astropy.table import Table

from keras_astro.errors import DataError, MissingExtraError, UsageError
from keras_astro.inference import table as table_module
from keras_astro.inference.manifest import caveat
from keras_astro.inference.table import FORMATS, predictions_table, write_table

UNITS = {"theta_E_arcsec": "arcsec"}
OUTPUTS = {
    "latent": np.arange(6, dtype="float32").reshape(3, 2),
    "is_anomaly": np.array([0.0, 1.0, 1.0], "float32"),
    "theta_E_arcsec": np.array([1.0, 1.5, 2.0], "float32"),
    "p_value": np.array([0.9, 0.01, 0.02], "float32"),
    "score": np.array([0.1, 7.0, 6.0], "float32"),
}
MANIFEST = {
    "task": "lensing",
    "model_sha256": "0123456789abcdef" * 4,
    "kastro_version": "1.0",
    "calibration": {"false_positive_rate": 0.05, "n": 200},
    "signatures": {
        "predict": {
            "outputs": {
                name: {"units": UNITS.get(name, ""), "description": f"The {name}"}
                for name in OUTPUTS
            }
        }
    },
}


@pytest.fixture
def table():
    ids, flags = np.array(["a", "b", "c"]), np.array(["", "saturated", ""])
    return predictions_table(OUTPUTS, ids, MANIFEST, flags)


def test_columns_have_order_units_and_descriptions(table):
    assert table.colnames == [
        *("id", "score", "p_value", "is_anomaly"),
        *("latent_0", "latent_1", "theta_E_arcsec", "quality"),
    ]
    assert table["theta_E_arcsec"].unit == "arcsec"
    assert table["score"].unit is None
    assert table["latent_1"].description == "The latent"
    assert table["is_anomaly"].dtype == bool
    assert table["is_anomaly"].tolist() == [False, True, True]
    assert table["latent_1"].tolist() == [1, 3, 5]
    assert table.meta["MODEL"] == "0123456789abcdef"
    assert (table.meta["FPR"], table.meta["CALROWS"]) == (0.05, 200)


def test_the_header_names_the_limits_of_estimates(table, tmp_path):
    assert "PRIOR1" not in table.meta
    bounded = predictions_table(
        OUTPUTS, np.arange(3), MANIFEST | {"task": "galaxies"}, np.full(3, "")
    )
    for suffix in (".fits", ".ecsv"):
        write_table(bounded, tmp_path / f"a{suffix}")
        meta = read(tmp_path / f"a{suffix}").meta
        assert meta["PRIOR1"] == "30000 <= flux <= 400000"
        assert meta["PRIOR3"] == "0.1 <= half_light_radius_arcsec <= 0.6"
        assert meta["PRIOR5"] == "-0.67 <= g2 <= 0.67"


def read(path):
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return Table(parquet.read_table(path).to_pydict())
    options = {"path": "predictions"} if path.suffix == ".h5" else {}
    found = Table.read(path, format=FORMATS[path.suffix], **options)
    found.convert_bytestring_to_unicode()
    return found


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_comes_back(table, tmp_path, suffix):
    path = tmp_path / "new" / f"a{suffix}"
    write_table(table, path)
    found = read(path)
    assert found.colnames == table.colnames
    assert [str(n) for n in found["id"]] == ["a", "b", "c"]
    assert [str(b) for b in found["is_anomaly"]] == ["False", "True", "True"]
    for name in ("score", "latent_0", "theta_E_arcsec"):
        np.testing.assert_allclose(found[name], table[name], rtol=1e-6)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".h5"])
def test_units_and_facts_are_in_the_file(table, tmp_path, suffix):
    write_table(table, tmp_path / f"a{suffix}")
    found = read(tmp_path / f"a{suffix}")
    assert found["theta_E_arcsec"].unit == "arcsec"
    assert found.meta["TASK"] == "lensing"
    assert found.meta["CALROWS"] == 200


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".h5", ".parquet"])
def test_names_of_any_language_come_back(table, tmp_path, suffix):
    table["id"] = ["a", "Véga-β", "天体"]
    write_table(table, tmp_path / f"a{suffix}")
    found = read(tmp_path / f"a{suffix}")
    assert [str(n) for n in found["id"]] == ["a", "Véga-β", "天体"]


def test_names_that_fits_cannot_hold_are_refused(table, tmp_path, refused):
    table["id"] = ["a", "Véga-β", "c"]
    with refused(UsageError, "a.fits", "ASCII", "Véga-β", hint=".ecsv"):
        write_table(table, tmp_path / "a.fits")
    assert list(tmp_path.iterdir()) == []


def test_existing_file_and_unknown_suffix_are_refused(table, tmp_path, refused):
    path = tmp_path / "a.csv"
    path.write_text("precious")
    with refused(UsageError, path, "exists already", hint="--overwrite") as caught:
        write_table(table, path)
    assert caught.value.exit_code == 2
    assert path.read_text() == "precious"
    write_table(table, path, overwrite=True)
    assert len(read(path)) == 3
    with refused(UsageError, "a.xlsx", "expected one of .csv", "found '.xlsx'"):
        write_table(table, tmp_path / "a.xlsx")


def test_refusing_disk_leaves_the_old_file(table, tmp_path, refused, monkeypatch):
    path = tmp_path / "a.fits"
    write_table(table, path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(table_module.os, "replace", full)
    with refused(DataError, path, "No space left", hint="Free disk") as caught:
        write_table(table, path, overwrite=True)
    assert caught.value.exit_code == 4
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.fits"]


def test_folder_that_is_a_file_is_refused(table, tmp_path, refused):
    (tmp_path / "x").write_text("")
    with refused(DataError, tmp_path / "x" / "a.csv", "cannot be written"):
        write_table(table, tmp_path / "x" / "a.csv")


def test_parquet_without_pyarrow_names_the_extra(table, tmp_path, refused, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with refused(MissingExtraError, "pyarrow", hint="keras-astro[parquet]"):
        write_table(table, tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


def test_measured_coverage_stands_in_the_warning():
    held = {f"coverage_{level}": {"value": level / 200} for level in (68, 95)}
    parent = {"intervals": "not calibrated on observed spectra"}
    text = caveat({"parent": parent, "metrics": held})
    assert text.startswith("Intervals not calibrated on observed spectra; ")
    assert "68 % held 34.0 % and those of 95 % held 47.5 %" in text
