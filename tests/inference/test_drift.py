"""Drift: silent on rows of the same kind, loud on others."""

import contextlib
import json
import urllib.request

import numpy as np
import pytest
from streams import Constant

from keras_astro.errors import DataError
from keras_astro.inference.drift import (
    DriftWatch,
    ks_limit,
    psi_limit,
    stability_index,
    told,
    uniform_distance,
)
from keras_astro.inference.held_out import reference_of
from keras_astro.inference.manifest import read_manifest
from keras_astro.inference.presets import preset_files
from keras_astro.inference.reference import build_reference, row_quantities
from keras_astro.inference.stream import AlertStream
from keras_astro.inference.stream_folder import FolderSource
from keras_astro.inference.stream_sink import JsonLinesSink

SPECS = {"image": {}, "sigma": {}}


def test_a_reference_needs_rows():
    manifest = {"signatures": {"predict": {"inputs": SPECS}}}
    with pytest.raises(DataError, match="expected rows of validation or calibration"):
        reference_of(lambda rows: rows, [[], []], manifest)


def made(rows, seed, *, offset=0.0, hot=0.0):
    """Inputs and outputs of rows whose score has the p-value it should have."""
    rng = np.random.default_rng(seed)
    image = rng.normal(100 + offset, 1, (rows, 6, 6, 3)).astype("f4")
    image += rng.normal(0, 1, (rows, 1, 1, 3)).astype("f4")
    inputs = {"image": image, "sigma": np.ones(rows, "f4")}
    p_value = rng.uniform(size=rows)
    hit = rng.uniform(size=rows) < hot
    p_value[hit] = 1e-3
    outputs = {
        "z": rng.normal(size=(rows, 8)).astype("f4"),
        "score": -np.log(p_value).astype("f4"),
        "p_value": p_value.astype("f4"),
    }
    return inputs, outputs


@pytest.fixture(scope="module")
def manifest():
    found = {"signatures": {"predict": {"inputs": SPECS}}, "calibration": {"n": 800}}
    quantities = row_quantities(*made(800, 1), found)
    return found | {"reference": build_reference(quantities)}


def watched(manifest, rows, seed, *, batch=64, window=1000, **kind):
    watch = DriftWatch(manifest, window=window)
    inputs, outputs = made(rows, seed, **kind)
    for i in range(0, rows, batch):
        part = slice(i, i + batch)
        watch.add(
            {k: v[part] for k, v in inputs.items()},
            {k: v[part] for k, v in outputs.items()},
        )
    return watch.report()


@pytest.mark.parametrize("rows", [150, 1000, 20_000])
def test_rows_of_the_same_kind_give_no_alarm(manifest, rows):
    found = watched(manifest, rows, seed=2, batch=512)
    assert found["status"] == "ok"
    assert (found["alarms"], found["first_alarm_row"]) == (0, None)
    assert found["windows"] >= max(1, rows // 1000)
    names = {f"image[{b}].{kind}" for b in range(3) for kind in ("mean", "sd")}
    assert set(found["psi"]) == names | {
        "sigma",
        "score",
        *(f"z[{i}]" for i in range(8)),
    }
    assert max(found["psi"].values()) <= found["psi_limit"]
    assert told(found).startswith(f"drift: none in {min(rows, 1000)} rows; PSI ")


def test_a_shifted_input_gives_an_alarm_and_its_name(manifest):
    found = watched(manifest, 1000, seed=3, offset=2.0)
    assert found["status"] == "alarm"
    assert set(found["drifted"]) == {f"image[{b}].mean" for b in range(3)}
    assert found["p_value_ks"] <= found["p_value_ks_limit"]
    text = told(found)
    assert "drift: ALARM" in text
    assert "of image[" in text
    assert "p-values uniform" in text


def test_scores_of_another_distribution_give_an_alarm(manifest):
    found = watched(manifest, 1000, seed=4, hot=0.3)
    assert found["status"] == "alarm"
    assert found["drifted"] == ["score"]
    assert found["p_value_ks"] > found["p_value_ks_limit"]
    assert "p-values not uniform" in told(found)


def test_a_constant_that_changes_gives_an_alarm(manifest):
    inputs, outputs = made(500, 5)
    for value in (0.9, 1.1):
        watch = DriftWatch(manifest)
        watch.add(inputs | {"sigma": np.full(500, value, "f4")}, outputs)
        assert watch.report()["drifted"] == ["sigma"]


def test_the_window_slides_and_the_past_is_counted(manifest):
    watch = DriftWatch(manifest, window=400)
    watch.add(*made(800, 6))
    watch.add(*made(400, 7, offset=5.0))
    assert watch.report()["status"] == "alarm"
    watch.add(*made(900, 8))
    found = watch.report()
    assert found["status"] == "ok"
    assert (found["alarms"], found["first_alarm_row"]) == (1, 1200)
    assert "ALARM in 1 of" in told(found)
    assert watch.report() == found


def test_batches_do_not_matter(manifest):
    one, other = (watched(manifest, 900, seed=9, batch=b) for b in (7, 900))
    assert one["psi"] == other["psi"]
    assert one["p_value_ks"] == other["p_value_ks"]


def test_few_rows_and_no_reference_are_said(manifest):
    watch = DriftWatch(manifest)
    watch.add(*made(150, 1, offset=5.0))
    assert watch.report()["first_alarm_row"] == 150
    watch.add(*made(50, 1, offset=5.0))
    found = watch.report()
    assert (found["windows"], found["alarms"], found["rows"]) == (1, 1, 200)
    found = watched(manifest, 99, seed=1)
    assert found == {"status": "too few rows", "rows": 99, "needed": 100}
    old = {k: v for k, v in manifest.items() if k != "reference"}
    found = watched(old, 300, seed=1)
    assert found == {"status": "no reference"}
    assert told(found).startswith("drift: no reference; kastro evaluate")


def test_a_model_without_a_score_is_watched_by_its_estimates():
    outputs = {"flux": np.arange(5.0), "flux_quantiles": np.zeros((5, 3))}
    inputs = {"image": np.zeros((5, 4, 4, 1)), "sigma": np.ones(5), "other": np.ones(5)}
    manifest = {"signatures": {"predict": {"inputs": SPECS}}}
    found = row_quantities(inputs, outputs, manifest)
    assert set(found) == {"image.mean", "image.sd", "sigma", "flux"}


def test_values_that_are_not_finite_are_left_out_of_their_row():
    image = np.arange(64, dtype="f4").reshape(2, 32)
    image[0, 3], image[1] = np.nan, np.inf
    found = row_quantities(
        {"image": image}, {}, {"signatures": {"predict": {"inputs": SPECS}}}
    )
    kept = np.delete(np.arange(32.0), 3)
    assert found["image.mean"][0] == pytest.approx(kept.mean())
    assert found["image.sd"][0] == pytest.approx(kept.std())
    assert np.isinf(found["image.mean"][1])


def test_chance_gives_an_alarm_as_rarely_as_said():
    rng = np.random.default_rng(0)
    limit = psi_limit(200, 150, 10, 1)
    reference = rng.multinomial(200, [0.1] * 10, 4000)
    now = rng.multinomial(150, [0.1] * 10, 4000)
    psi = [stability_index(a, b) for a, b in zip(reference, now, strict=True)]
    assert np.mean(np.array(psi) > limit) <= 1e-3
    # The median is that of the chi squared law: 8.34 at 9 degrees.
    assert np.median(psi) == pytest.approx((1 / 200 + 1 / 150) * 8.34, rel=0.06)


def test_distance_is_scipys():
    stats = pytest.importorskip("scipy.stats")
    p_values = np.random.default_rng(1).beta(1, 2, 300)
    wanted = stats.kstest(p_values, "uniform").statistic
    assert uniform_distance(p_values) == pytest.approx(wanted)
    # Two samples of 400 and 800: the distance that chance exceeds once in 10,000.
    assert stats.kstwobign.sf(ks_limit(400, 800) * np.sqrt(400 * 800 / 1200)) == (
        pytest.approx(1e-4, rel=0.01)
    )


def test_an_export_holds_the_reference_and_its_own_rows_pass(artefact, lens_run):
    from keras_astro.inference.predictor import open_predictor

    path = artefact("tflite").path
    predictor = open_predictor(path)
    reference = predictor.manifest["reference"]
    assert reference["rows"] == len(lens_run.parts.calibration)
    assert {"score", "z[0]", "image.mean", "image.sd"} <= set(reference["quantities"])
    counts = [q["counts"] for q in reference["quantities"].values()]
    assert {sum(c) for c in counts} == {reference["rows"]}
    assert len(json.dumps(reference)) < 6000
    rows = lens_run.parts.train.read(0, 150)
    for factor, status in ((1.0, "ok"), (1.5, "alarm")):
        watch = DriftWatch(predictor.manifest)
        inputs = {"image": rows.inputs["image"] * np.float32(factor)}
        watch.add(inputs, predictor.run("predict", inputs))
        assert watch.report()["status"] == status


def test_predict_tells(artefact, lens_run, tmp_path):
    from click.testing import CliRunner

    from keras_astro.cli.predict import predict

    path = artefact("tflite").path
    image = lens_run.parts.train.read(0, 120).inputs["image"]
    for factor, status in ((1.0, "ok"), (3.0, "alarm")):
        rows = tmp_path / f"{factor}.npz"
        np.savez(rows, image=image * np.float32(factor))
        words = [str(path), str(rows), "-o", str(tmp_path / f"{factor}.csv")]
        done = CliRunner().invoke(predict, [*words, "--json"], catch_exceptions=False)
        found = json.loads(done.stdout.splitlines()[-1])["drift"]
        assert (found["status"], found["rows"]) == (status, 120)
        done = CliRunner().invoke(predict, [*words, "--overwrite"])
        assert ("drift: ALARM" in done.output) == (status == "alarm")


def test_prometheus_reads_the_gauges(manifest):
    pytest.importorskip("prometheus_client")
    from keras_astro.inference.stream import Account
    from keras_astro.inference.stream_metrics import served_metrics

    watch = DriftWatch(manifest)
    with served_metrics(Account, 0, watch.report) as port:

        def read():
            url = f"http://127.0.0.1:{port}/metrics"
            with urllib.request.urlopen(url, timeout=5) as answer:
                lines = answer.read().decode().splitlines()
            pairs = [x.rsplit(" ", 1) for x in lines if not x.startswith("#")]
            return {name: float(value) for name, value in pairs}

        assert not [name for name in read() if "psi" in name]
        watch.add(*made(1000, 3, offset=2.0))
        found = read()
    assert found["kastro_stream_drift_alarm"] == 1
    assert found["kastro_stream_drift_rows"] == 1000
    assert found['kastro_stream_psi{quantity="image[0].mean"}'] > 0.25
    assert found["kastro_stream_psi_limit"] == 0.25
    assert found["kastro_stream_p_value_ks"] < found["kastro_stream_p_value_ks_limit"]


def test_a_stream_is_watched(tmp_path, packets):
    model = Constant()
    inputs = {"stamps": {"shape": [None, 63, 63, 3]}}
    model.manifest["signatures"]["predict"]["inputs"] = inputs
    stamps = np.random.default_rng(0).normal(size=(200, 63, 63, 3))
    known = {"stamps": stamps}, {"score": np.arange(200.0)}
    model.manifest["reference"] = build_reference(
        row_quantities(*known, model.manifest)
    )
    night = tmp_path / "night"
    night.mkdir()
    for number in range(1, 4):
        data = packets.container(packets.record(candid=number))
        (night / f"{number}.avro").write_bytes(data)
    drift = DriftWatch(model.manifest, window=3)
    sink = JsonLinesSink(tmp_path / "rows")
    source = FolderSource(night, tmp_path / "done.txt")
    with contextlib.closing(sink), contextlib.closing(source):
        AlertStream(model, source, sink, drift=drift).run()
    found = drift.report()
    assert (found["rows"], found["psi"]["score"] > 0) == (3, True)
    assert DriftWatch(model.manifest).report()["status"] == "too few rows"


@pytest.mark.parametrize("name", preset_files())
def test_presets_know_their_rows(name):
    reference = read_manifest(preset_files()[name])["reference"]
    assert reference["rows"] >= 200
    assert [k for k in reference["quantities"] if k.endswith(".mean")]
