"""The warm-up file, read back with TF Serving's own messages and asked as it asks."""

import json

import numpy as np
import pytest
import tensorflow as tf

prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")

# TF Serving refuses to load a model with more.
MOST_RECORDS = 1000


@pytest.fixture(scope="module")
def version(artefact):
    return artefact("saved_model").path / "1"


@pytest.fixture(scope="module")
def requests(version):
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    found = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        found.append(log.predict_log.request)
    return found


def test_every_signature_is_warmed_up_once(version, requests):
    manifest = json.loads((version / "assets.extra" / "manifest.json").read_text())
    names = [request.model_spec.signature_name for request in requests]
    assert sorted(names) == sorted(["serving_default", *manifest["signatures"]])
    assert {request.model_spec.name for request in requests} == {"lensing"}
    assert len(requests) <= MOST_RECORDS


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
