"""Sources of many files through a predictor, block by block."""

import numpy as np
import pytest
from PIL import Image

from keras_astro.data.readers import open_many, open_source
from keras_astro.data.sample import MemorySource, Sample
from keras_astro.data.schemas import LENSING
from keras_astro.errors import DataError
from keras_astro.inference import batch
from keras_astro.inference.batch import predict_source
from keras_astro.inference.loaded import Predictor
from keras_astro.inference.predictor import open_predictor
from keras_astro.inference.table import predictions_table

NUMBER = {"shape": [None], "dtype": "float32", "units": "", "description": "Sum"}
IMAGE = NUMBER | {"shape": [None, 8, 8, 1]}


class Sums(Predictor):
    """Adds pixels up, and remembers how many rows each call had."""

    manifest = {
        "task": "lensing",
        "signatures": {
            "predict": {"inputs": {"image": IMAGE}, "outputs": {"s": NUMBER}}
        },
    }

    def __init__(self):
        self.path, self.calls = "sums", []

    def call(self, signature, inputs):
        self.calls.append(len(inputs["image"]))
        return {"s": inputs["image"].sum(axis=(1, 2, 3))}


class Counted(MemorySource):
    """Remembers which rows were asked for."""

    def __init__(self, sample):
        super().__init__(sample)
        self.asked = []

    def read(self, start=0, stop=None):
        self.asked.append((start, stop))
        return super().read(start, stop)


def numbered(rows):
    image = np.arange(rows, dtype="float32")[:, None, None, None]
    return Sample(LENSING, {"image": np.tile(image, (1, 8, 8, 1))})


def test_blocks_keep_the_order(monkeypatch):
    monkeypatch.setattr(batch, "BLOCK", 100)
    predictor, source, seen = Sums(), Counted(numbered(250)), []
    outputs, flags = predict_source(
        predictor, source, progress=lambda done, total: seen.append((done, total))
    )
    np.testing.assert_array_equal(outputs["s"], 64 * np.arange(250))
    assert source.asked == [(0, 100), (100, 200), (200, 300)]
    assert predictor.calls == [64, 36, 64, 36, 50]
    assert seen == [(100, 250), (200, 250), (250, 250)]
    assert flags.tolist() == ["constant"] * 250


@pytest.mark.parametrize("rows", [1, 511, 512, 513])
def test_every_row_has_a_result(rows):
    outputs, flags = predict_source(Sums(), MemorySource(numbered(rows)))
    assert outputs["s"].shape == flags.shape == (rows,)


def test_flags_of_all_blocks_are_joined(monkeypatch):
    monkeypatch.setattr(batch, "BLOCK", 2)
    sample = numbered(5)
    sample.inputs["image"][1, 4, 4] += 9
    sample.inputs["image"][4, 0, 0] += 9
    _, flags = predict_source(Sums(), MemorySource(sample))
    # One pixel of 64 at the maximum is more than 1 %.
    same = "constant"
    assert flags.tolist() == [same, "saturated", same, same, "saturated,off_centre"]


@pytest.fixture
def night(lens_run, tmp_path):
    """A folder of eight images, one truncated and one of another size."""
    images = lens_run.parts.test.read(0, 8).inputs["image"][..., 0]
    scaled = np.round(255 * images / images.max((1, 2), keepdims=True))
    for i, pixels in enumerate(np.clip(scaled, 0, 255).astype("uint8")):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:60])
    Image.fromarray(np.zeros((9, 9), "uint8")).save(tmp_path / "5.png")
    Image.fromarray(np.full((64, 64), 7, "uint8")).save(tmp_path / "6.png")
    return tmp_path


def test_bad_files_are_set_aside_and_ids_stay_right(artefact, night):
    predictor = open_predictor(artefact("tflite").path)
    source = open_many([night], LENSING, on_bad="quarantine")
    outputs, flags = predict_source(predictor, source)
    ids = source.facts()["id"]
    table = predictions_table(outputs, ids, predictor.manifest, flags)
    assert table["id"].tolist() == [f"{i}.png" for i in (0, 1, 3, 4, 6, 7)]
    assert [name for name, _ in source.quarantined] == ["2.png", "5.png"]
    assert all(reason for _, reason in source.quarantined)
    assert table.colnames[:4] == ["id", "score", "p_value", "is_anomaly"]
    assert table.colnames[-1] == "quality"
    assert table["quality"][4] == "constant"
    assert "constant" not in table["quality"][:4].tolist()
    assert table["theta_E_arcsec"].unit == "arcsec"
    assert table.meta["CALROWS"] == predictor.manifest["calibration"]["n"]
    for row in table:
        alone = open_source(night / row["id"], LENSING)
        found = predict_source(predictor, alone)[0]
        assert found["score"][0] == pytest.approx(row["score"], rel=1e-5)


def test_several_sources_follow_one_another(artefact, lens_run, tmp_path):
    images = lens_run.parts.test.read(0, 5).inputs["image"]
    np.savez(tmp_path / "a.npz", image=images[:3], id=["a", "b", "c"])
    np.savez(tmp_path / "b.npz", image=images[3:], id=["d", "e"])
    source = open_many([tmp_path / "b.npz", tmp_path / "a.npz"], LENSING)
    predictor = open_predictor(artefact("tflite").path)
    outputs, _ = predict_source(predictor, source)
    assert source.facts()["id"].tolist() == ["d", "e", "a", "b", "c"]
    direct = predictor.run("predict", {"image": images[[3, 4, 0, 1, 2]]})
    np.testing.assert_allclose(outputs["score"], direct["score"], rtol=1e-5)


class Weighted(Predictor):
    """Adds pixels up, each with its weight."""

    path = "weighted"
    manifest = {
        "task": "lensing",
        "signatures": {
            "predict": {
                "inputs": {"image": IMAGE, "ivar": IMAGE | {"fill": 2.0}},
                "outputs": {"s": NUMBER},
            }
        },
    }

    def call(self, signature, inputs):
        return {"s": (inputs["image"] * inputs["ivar"]).sum(axis=(1, 2, 3))}


def test_a_missing_optional_input_is_filled(refused):
    image = numbered(3).inputs["image"]
    given = Weighted().run("predict", {"image": image, "ivar": 3 * np.ones_like(image)})
    np.testing.assert_array_equal(given["s"], 3 * 64 * np.arange(3))
    filled = Weighted().run("predict", {"image": image})
    np.testing.assert_array_equal(filled["s"], 2 * 64 * np.arange(3))
    with refused(DataError, "weighted: needs the input image", "found ['ivar']"):
        Weighted().run("predict", {"ivar": image})
