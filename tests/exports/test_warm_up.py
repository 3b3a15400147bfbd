"""The warm-up file, read back with TF Serving's own messages and asked as it asks."""

import json

import numpy as np
import pytest
import tensorflow as tf

prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")

# TF Serving refuses to load a model with more.
MOST_RECORDS = 1000
WAYS, SIDES = ("rows", "columns"), ("request", "response")


CASES = ["lensing", "stellar", "cgm", "alerts", "galaxies"]


@pytest.fixture(scope="module")
def version(artefact):
    return artefact("saved_model").path / "1"


@pytest.fixture(scope="module")
def requests(version):
    return recorded(version)


def recorded(version):
    """The requests of a warm-up file."""
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    found = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        found.append(log.predict_log.request)
    return found


def fits(values, specs):
    """Whether two rows have the shape of each tensor."""
    assert values.keys() == specs.keys()
    for name, spec in specs.items():
        shape = np.shape(values[name])
        assert shape == (2, *spec["shape"][1:]), name


@pytest.mark.parametrize("case", CASES)
def test_every_signature_is_warmed_up_once(saved_case, case):
    folder, manifest = saved_case(case)
    requests, signatures = recorded(folder / case / "1"), manifest["signatures"]
    names = [request.model_spec.signature_name for request in requests]
    assert sorted(names) == sorted(["serving_default", *signatures])
    assert {request.model_spec.name for request in requests} == {case}
    assert len(requests) <= MOST_RECORDS
    signatures = signatures | {"serving_default": signatures["predict"]}
    for request in requests:
        specs = signatures[request.model_spec.signature_name]["inputs"]
        values = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
        fits(values, specs)
        assert {k: v.dtype.name for k, v in values.items()} == {
            k: spec["dtype"] for k, spec in specs.items()
        }


@pytest.mark.parametrize("case", CASES)
def test_golden_answers_are_the_same_in_rows_and_columns(saved_case, case):
    folder, manifest = saved_case(case)
    for name, signature in manifest["signatures"].items():
        body = {
            kind: json.loads((folder / "golden" / f"{name}.{kind}.json").read_text())
            for kind in (f"{way}.{side}" for way in WAYS for side in SIDES)
        }
        assert {body[f"{way}.request"]["signature_name"] for way in WAYS} == {name}
        for side, kind, keys in (
            ("request", "inputs", ("instances", "inputs")),
            ("response", "outputs", ("predictions", "outputs")),
        ):
            specs = signature[kind]
            rows = body[f"rows.{side}"][keys[0]]
            columns = body[f"columns.{side}"][keys[1]]
            # TF Serving leaves the name of a tensor out where there is but one.
            if len(specs) == 1:
                (only,) = specs
                rows, columns = [{only: row} for row in rows], {only: columns}
            fits(columns, specs)
            assert [{k: v[i] for k, v in columns.items()} for i in range(2)] == rows


def test_the_requests_are_answered(version, requests, lens_run):
    model = tf.saved_model.load(str(version))
    answers = {}
    for request in requests:
        function = model.signatures[request.model_spec.signature_name]
        inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
        wanted = function.structured_input_signature[1]
        assert {k: v.dtype for k, v in wanted.items()} == {
            k: tf.as_dtype(v.dtype) for k, v in inputs.items()
        }
        found = function(**{k: tf.constant(v) for k, v in inputs.items()})
        assert all(np.isfinite(value.numpy()).all() for value in found.values())
        assert {len(value) for value in found.values()} == {2}
        answers[request.model_spec.signature_name] = inputs, found
    inputs, found = answers["predict"]
    # Real rows, as clients send them, so that the very same paths are warm.
    rows = lens_run.parts.test.read().inputs["image"]
    assert all((rows == image).all(axis=(1, 2, 3)).any() for image in inputs["image"])
    golden = version.parents[1] / "golden" / "predict.columns.response.json"
    score = json.loads(golden.read_text())["outputs"]["score"]
    np.testing.assert_allclose(found["score"].numpy(), score, rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_the_list_of_models_is_one_to_tf_serving(saved_case, case):
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    folder, _ = saved_case(case)
    message = model_server_config_pb2.ModelServerConfig()
    # Fields that it does not know are errors.
    text_format.Parse((folder / "models.config").read_text(), message)
    (model,) = message.model_config_list.config
    assert (model.name, model.base_path) == (case, f"/models/{case}")
    assert model.model_platform == "tensorflow"
    assert model.model_version_policy.latest.num_versions == 1
    # What TF Serving looks for below base_path: versions, each with a graph.
    versions = [p.name for p in (folder / case).iterdir() if p.name.isdigit()]
    assert versions == ["1"]
    assert (folder / case / "1" / "saved_model.pb").is_file()
