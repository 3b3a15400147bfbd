"""gRPC, asked by clients that others wrote."""

import grpc
import numpy as np
import pytest

from keras_astro.serving import protos
from keras_astro.serving.tensors import from_tensor, to_tensor

ovmsclient = pytest.importorskip("ovmsclient")
predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.rpc_port}") as opened:
        yield opened


@pytest.fixture(scope="module")
def stub(channel):
    from tensorflow_serving.apis import prediction_service_pb2_grpc as services

    return services.PredictionServiceStub(channel)


def request(images, signature="", name="lensing", version=None):
    import tensorflow as tf

    made = predict_pb2.PredictRequest()
    made.model_spec.name = name
    made.model_spec.signature_name = signature
    if version is not None:
        made.model_spec.version.value = version
    made.inputs["image"].CopyFrom(tf.make_tensor_proto(images))
    return made


def test_generated_stubs_are_answered(stub, images, wanted):
    import tensorflow as tf

    found = stub.Predict(request(images))
    assert (found.model_spec.name, found.model_spec.version.value) == ("lensing", 1)
    for name, values in wanted.outputs.items():
        np.testing.assert_allclose(
            tf.make_ndarray(found.outputs[name]), values, rtol=1e-6
        )


def test_filtered_outputs(stub, images):
    asked = request(images)
    asked.output_filter.append("score")
    assert list(stub.Predict(asked).outputs) == ["score"]


REFUSED = {
    "model": ({"name": "other"}, "NOT_FOUND"),
    "version": ({"version": 9}, "NOT_FOUND"),
    "signature": ({"signature": "train"}, "INVALID_ARGUMENT"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refusals_carry_their_code(stub, images, kind):
    options, code = REFUSED[kind]
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request(images, **options))
    assert caught.value.code().name == code


@pytest.mark.parametrize("change", ["float64", "int32", "shape"])
def test_wrong_tensors_are_refused(stub, images, change):
    wrong = images[:, :-1] if change == "shape" else images.astype(change)
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request(wrong))
    assert caught.value.code().name == "INVALID_ARGUMENT"
    assert "image: expected" in caught.value.details()


def test_large_messages_are_refused(stub, images):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(request(np.repeat(images, 20, axis=0)))
    assert caught.value.code().name == "RESOURCE_EXHAUSTED"


def test_ovmsclient_is_answered(server, images, wanted):
    client = ovmsclient.make_grpc_client(f"127.0.0.1:{server.rpc_port}")
    status = client.get_model_status(model_name="lensing")
    assert status == {1: {"state": "AVAILABLE", "error_code": 0, "error_message": ""}}
    metadata = client.get_model_metadata(model_name="lensing")
    assert metadata["inputs"]["image"]["shape"] == [-1, 64, 64, 1]
    assert set(metadata["outputs"]) == set(wanted.outputs)
    found = client.predict(inputs={"image": images}, model_name="lensing")
    np.testing.assert_allclose(found["score"], wanted.outputs["score"], rtol=1e-6)


def test_messages_are_those_of_the_generated_classes():
    from google.protobuf import json_format, unknown_fields
    from tensorflow_serving.apis import prediction_log_pb2

    ours = protos.PredictionLog()
    ours.predict_log.request.model_spec.name = "lensing"
    ours.predict_log.request.model_spec.version.value = 3
    tensor = to_tensor(np.arange(6, dtype="float32").reshape(2, 3))
    ours.predict_log.request.inputs["image"].CopyFrom(tensor)
    ours.predict_log.response.outputs["score"].CopyFrom(tensor)
    theirs = prediction_log_pb2.PredictionLog.FromString(ours.SerializeToString())
    assert theirs.WhichOneof("log_type") == "predict_log"
    back = protos.PredictionLog.FromString(theirs.SerializeToString())
    assert json_format.MessageToDict(back) == json_format.MessageToDict(ours)
    request = theirs.predict_log.request
    assert not len(unknown_fields.UnknownFieldSet(request))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "bool"])
def test_tensors_that_list_their_values(dtype):
    import tensorflow as tf

    values = np.array([[0, 1], [1, 0]]).astype(dtype)
    theirs = tf.make_tensor_proto(values)
    ours = protos.TensorProto.FromString(theirs.SerializeToString())
    np.testing.assert_array_equal(from_tensor(ours), values)
    one = tf.make_tensor_proto(values[0, :1])
    one.tensor_shape.dim[0].size = 3
    ours = protos.TensorProto.FromString(one.SerializeToString())
    np.testing.assert_array_equal(from_tensor(ours), np.repeat(values[0, 0], 3))
