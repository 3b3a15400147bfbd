"""The door over gRPC: TF Serving's PredictionService and ModelService."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures

import grpc

from keras_astro.serving import protos
from keras_astro.serving.refusals import Refusal, invalid
from keras_astro.serving.service import Service, timed
from keras_astro.serving.tensors import DTYPES, from_tensor, to_tensor
from keras_astro.serving.versions import STATES

THREADS = 32
UNKNOWN = 2


def rpc_server(
    service: Service, host: str, port: int, *, most_bytes: int
) -> tuple[grpc.Server, int]:
    """A server, not yet started, and its port.

    Args:
        service: Whom to ask.
        host: Address to listen at.
        port: 0 for a free one.
        most_bytes: Largest message of a request.
    """
    server = grpc.server(
        futures.ThreadPoolExecutor(THREADS),
        options=[
            ("grpc.max_receive_message_length", most_bytes),
            # Another server at the same port would take half of the requests.
            ("grpc.so_reuseport", 0),
        ],
    )
    doors = {
        "PredictionService": {
            "Predict": (predict, protos.PredictRequest),
            "GetModelMetadata": (metadata, protos.GetModelMetadataRequest),
        },
        "ModelService": {"GetModelStatus": (status, protos.GetModelStatusRequest)},
    }
    for name, methods in doors.items():
        handlers = {
            method: grpc.unary_unary_rpc_method_handler(
                _answering(service, answer),
                request_deserializer=kind.FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
            for method, (answer, kind) in methods.items()
        }
        whole = f"{protos.PACKAGE}.{name}"
        generic = grpc.method_handlers_generic_handler(whole, handlers)
        server.add_generic_rpc_handlers((generic,))
    bound = server.add_insecure_port(f"{host}:{port}")
    return server, bound


def _answering(service: Service, answer: Callable) -> Callable:
    def handle(request, context):
        try:
            return answer(service, request)
        except Refusal as refusal:
            context.abort(getattr(grpc.StatusCode, refusal.code), str(refusal))

    return handle


def predict(service: Service, request):
    """The answer to a `PredictRequest`.

    Raises:
        Refusal: If there is none.
    """
    spec = request.model_spec
    known = spec.name if spec.name in service.models else "unknown"
    with timed(service.meters, "grpc", known):
        inputs = {name: from_tensor(tensor) for name, tensor in request.inputs.items()}
        number, outputs = service.predict(
            spec.name, _version(spec), spec.signature_name, inputs
        )
        wanted = list(request.output_filter) or list(outputs)
        if missing := [name for name in wanted if name not in outputs]:
            raise invalid(f"output tensor alias not found in signature: {missing[0]}")
    response = protos.PredictResponse()
    for name in wanted:
        response.outputs[name].CopyFrom(to_tensor(outputs[name]))
    _name(response.model_spec, spec.name, number)
    response.model_spec.signature_name = spec.signature_name or "serving_default"
    return response


def metadata(service: Service, request):
    """The answer to a `GetModelMetadataRequest`.

    Raises:
        Refusal: If something else than `signature_def` is asked for.
    """
    if list(request.metadata_field) != ["signature_def"]:
        raise invalid(
            f"expected the metadata field signature_def, found "
            f"{', '.join(request.metadata_field) or 'none'}"
        )
    spec = request.model_spec
    number, signatures = service.signatures(spec.name, _version(spec))
    found = protos.SignatureDefMap()
    for key, signature in signatures.items():
        definition = found.signature_def[key]
        definition.method_name = "tensorflow/serving/predict"
        for kind in ("inputs", "outputs"):
            for name, tensor in signature[kind].items():
                info = getattr(definition, kind)[name]
                info.name = f"{key}_{name}:0" if kind == "inputs" else name
                info.dtype = DTYPES[tensor["dtype"]][0]
                for size in tensor["shape"]:
                    info.tensor_shape.dim.add(size=-1 if size is None else size)
    response = protos.GetModelMetadataResponse()
    _name(response.model_spec, spec.name, number)
    response.metadata["signature_def"].Pack(found)
    return response


def status(service: Service, request):
    """The answer to a `GetModelStatusRequest`."""
    spec = request.model_spec
    response = protos.GetModelStatusResponse()
    for number, state, reason in service.model(spec.name).status(_version(spec)):
        added = response.model_version_status.add(version=number, state=STATES[state])
        added.status.error_code = UNKNOWN if reason else 0
        added.status.error_message = reason
    return response


def _version(spec) -> int | None:
    if spec.version_label:
        raise invalid("version labels are not offered: ask for a version by number")
    # Clients that know no version send 0, for the newest.
    return spec.version.value or None


def _name(spec, name: str, number: int) -> None:
    spec.name = name
    spec.version.value = number
