"""Alerts of all surveys and schema versions, and what is wrong with them."""

import importlib.util
import json

import h5py
import numpy as np
import pytest

from keras_astro.data.alert_schema import ALERTS, FEATURES
from keras_astro.data.readers import open_many
from keras_astro.data.readers.alert_fields import field_map
from keras_astro.data.readers.alert_packet import read_alert
from keras_astro.errors import DataError

POSITIVE = list(FEATURES).index("is_positive")
DISTANCE = list(FEATURES).index("log_distnr")


def write(folder, packets, **records):
    for name, record in records.items():
        (folder / f"{name}.avro").write_bytes(packets.container(record))


def test_packets_of_a_folder(tmp_path, packets):
    write(tmp_path, packets, a=packets.record(), b=packets.record(candid=5))
    sample = open_many([tmp_path], ALERTS).read()
    assert sample.meta["id"].tolist() == ["17", "5"]
    assert sample.meta["group"].tolist() == ["ZTF1", "ZTF1"]
    assert sample.meta["band"].tolist() == ["r", "r"]
    assert sample.meta["mjd"].tolist() == [60000.0, 60000.0]
    assert sample.inputs["stamps"].shape == (2, 63, 63, 3)
    assert sample.inputs["metadata"][0, POSITIVE] == 0
    # The survey's -999 is no distance.
    assert np.isnan(sample.inputs["metadata"][0, DISTANCE])


def test_bare_packets_take_the_schema_beside_them(tmp_path, packets, refused):
    (tmp_path / "a.avro").write_bytes(packets.bare())
    (tmp_path / "b.avro").write_bytes(packets.wire(704))
    for path in (tmp_path, tmp_path / "a.avro"):
        hint = f"carry none into {tmp_path};"
        with refused(DataError, path, "none of", hint=hint):
            open_many([path], ALERTS, on_bad="quarantine")
    (tmp_path / "ztf.avsc").write_text(json.dumps(packets.schema))
    assert len(open_many([tmp_path], ALERTS)) == 2
    assert len(open_many([tmp_path / "a.avro"], ALERTS)) == 1


def test_every_packet_is_read_or_has_a_reason(tmp_path, packets, refused):
    write(tmp_path, packets, good=packets.record(), empty=packets.record(candid=0))
    write(tmp_path, packets, no_template=packets.record(cutoutTemplate=None))
    (tmp_path / "text.avro").write_text("nothing")
    found = open_many([tmp_path], ALERTS, on_bad="quarantine")
    reasons = dict(found.quarantined)
    assert len(found) == 1
    assert set(reasons) == {"empty.avro", "no_template.avro", "text.avro"}
    assert "cutoutTemplate" in reasons["no_template.avro"]
    assert "number" in reasons["empty.avro"]
    with refused(DataError, "empty.avro", hint="Put it into cand") as caught:
        open_many([tmp_path], ALERTS)
    assert "--on-bad quarantine" in caught.value.hint


@pytest.mark.parametrize(
    ("position", "shape", "middle"),
    [
        ({"ypos": 13.9}, (45, 63), (13, 31)),
        ({"ypos": 3070.0}, (41, 63), (31, 31)),
        ({"xpos": 20.2}, (63, 51), (31, 19)),
        ({"xpos": 3060.0}, (63, 43), (31, 31)),
    ],
)
def test_edges_of_the_detector(packets, position, shape, middle):
    pixels = np.zeros(shape, "f4")
    pixels[middle] = 9.0
    data = {"fileName": "x", "stampData": packets.cutout(pixels)}
    record = packets.record(
        candidate=position,
        cutoutScience=data,
        cutoutTemplate=data,
        cutoutDifference=data,
    )
    stamps = read_alert(record).stamps
    assert stamps[31, 31].tolist() == [9.0, 9.0, 9.0]
    missing = 1 - shape[0] * shape[1] / 63**2
    assert np.isnan(stamps).mean() == pytest.approx(missing)


def test_old_packets_and_those_without_a_number_at_the_top(packets):
    old = packets.record(alertId=99)
    assert field_map(old).versions == "1.x"
    assert read_alert(old).id == "99"
    inner = packets.record(candidate={"candid": 44})
    del inner["candid"]
    assert read_alert(inner).id == "44"


def test_real_packets(real_alerts):
    found = open_many([real_alerts / "packets"], ALERTS, on_bad="quarantine")
    # Rubin's stamps are of another size than ZTF's, which are the most.
    assert len(found) == 17
    assert all("30 of lsst" in reason for _, reason in found.quarantined)
    stamps = found.read().inputs["stamps"]
    assert (np.abs(stamps[np.isfinite(stamps)]) < 1e20).all()
    for stamp in stamps[..., 2]:
        y, x = np.unravel_index(np.nanargmax(stamp[28:35, 28:35]), (7, 7))
        assert max(abs(y - 3), abs(x - 3)) <= 1
    for name, version in (("lsst_0", "7.x"), ("lsst_150", "8.0 to 11")):
        source = open_many([real_alerts / "packets" / f"{name}.avro"], ALERTS)
        assert source.read().meta["survey"].tolist() == [f"lsst {version}"]


def test_packets_agree_with_the_published_stamps(real_alerts):
    stored = open_many([real_alerts / "ztf_labelled.npz"], ALERTS).read()
    read = open_many([real_alerts / "packets"], ALERTS, on_bad="quarantine").read()
    rows, same = np.nonzero(read.meta["id"][:, None] == stored.meta["id"])
    assert len(rows) >= 3
    for name in ("stamps", "metadata"):
        np.testing.assert_array_equal(
            read.inputs[name][rows], stored.inputs[name][same]
        )


def test_real_lsst_stamps(real_alerts):
    sample = open_many([real_alerts / "lsst_unlabelled.npz"], ALERTS).read()
    assert sample.inputs["stamps"].shape == (499, 30, 30, 3)
    assert "label" not in sample.targets


def test_stamp_sets(tmp_path, refused):
    stamps = np.ones((4, 3, 21, 21))
    stamps[0, 0, 0, 0] = 3.4e38
    arrays = {
        "stamps": stamps,
        "label": np.array(["SN", "AGN", "", "SN"]),
        "oid": np.array(["a", "b", "c", "a"]),
    }
    np.savez(tmp_path / "set.npz", **arrays)
    with h5py.File(tmp_path / "set.h5", "w") as file:
        for name, values in arrays.items():
            text = values.dtype.kind == "U"
            file[name] = values.astype(object) if text else values
    for name in ("set.npz", "set.h5"):
        sample = open_many([tmp_path / name], ALERTS).read()
        assert sample.inputs["stamps"].shape == (4, 21, 21, 3)
        assert np.isnan(sample.inputs["stamps"]).sum() == 1
        assert sample.targets["label"].tolist() == ["SN", "AGN", "", "SN"]
        assert sample.meta["group"].tolist() == ["a", "b", "c", "a"]
    np.savez(tmp_path / "flat.npz", stamps=np.ones((4, 21, 21)))
    with refused(DataError, "flat.npz", "(row, y, x, 3)"):
        open_many([tmp_path / "flat.npz"], ALERTS)
    for shape, hint in (((4, 21, 21, 1), "last axis"), ((4, 21, 20, 3), "squares")):
        np.savez(tmp_path / "odd.npz", stamps=np.ones(shape))
        with refused(DataError, "odd.npz", "expected square", shape, hint=hint):
            open_many([tmp_path / "odd.npz"], ALERTS)


def test_mutated_packets_are_all_accounted_for(root, packets):
    path = root / "benchmarks" / "alert_fuzz.py"
    spec = importlib.util.spec_from_file_location("alert_fuzz", path)
    fuzz = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz)
    seeds = [packets.container(), packets.container(codec="snappy")]
    found = fuzz.fuzz(seeds, 300, seed=1)
    assert found["read"] + found["rejected"] == found["mutated"] == 300
    assert found["rejected"] > 100
    assert sum(found["reasons"].values()) == found["rejected"]
