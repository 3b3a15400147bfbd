"""TF Serving's messages, described here so that neither side needs TensorFlow.

`tensorflow-serving-api` brings the generated classes and, with them, all of TensorFlow.
What is on the wire is numbers and types alone, so the few messages in use are written
down below and built by protobuf in a pool of their own, where TensorFlow's classes of
the same names are not met. An enum is an `int32` on the wire. Tests exchange bytes with
the generated classes in both directions.
"""

from __future__ import annotations

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, wrappers_pb2
from google.protobuf import message_factory as factory

PACKAGE = "tensorflow.serving"

# Message: its fields as `number name type`; `*` repeats, `map` is from text to a type.
MESSAGES = {
    "Dim": "1 size int64, 2 name string",
    "TensorShapeProto": "2 dim *Dim, 3 unknown_rank bool",
    "TensorProto": (
        "1 dtype int32, 2 tensor_shape TensorShapeProto, 4 tensor_content bytes, "
        "5 float_val *float, 6 double_val *double, 7 int_val *int32, "
        "8 string_val *bytes, 10 int64_val *int64, 11 bool_val *bool"
    ),
    "TensorInfo": "1 name string, 2 dtype int32, 3 tensor_shape TensorShapeProto",
    "SignatureDef": (
        "1 inputs map TensorInfo, 2 outputs map TensorInfo, 3 method_name string"
    ),
    "SignatureDefMap": "1 signature_def map SignatureDef",
    "ModelSpec": (
        "1 name string, 2 version google.protobuf.Int64Value, "
        "3 signature_name string, 4 version_label string"
    ),
    "PredictRequest": (
        "1 model_spec ModelSpec, 2 inputs map TensorProto, 3 output_filter *string"
    ),
    "PredictResponse": "1 outputs map TensorProto, 2 model_spec ModelSpec",
    "GetModelMetadataRequest": "1 model_spec ModelSpec, 2 metadata_field *string",
    "GetModelMetadataResponse": (
        "1 model_spec ModelSpec, 2 metadata map google.protobuf.Any"
    ),
    "GetModelStatusRequest": "1 model_spec ModelSpec",
    "StatusProto": "1 error_code int32, 2 error_message string",
    "ModelVersionStatus": "1 version int64, 2 state int32, 3 status StatusProto",
    "GetModelStatusResponse": "1 model_version_status *ModelVersionStatus",
    "PredictLog": "1 request PredictRequest, 2 response PredictResponse",
    "PredictionLog": "6 predict_log PredictLog",
}

FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = ("int32", "int64", "bool", "float", "double", "string", "bytes")


def _describe(name: str, fields: str) -> descriptor_pb2.DescriptorProto:
    message = descriptor_pb2.DescriptorProto(name=name)
    for text in fields.split(", "):
        number, field, *kind = text.split()
        added = message.field.add(name=field, number=int(number))
        if kind[0] == "map":
            entry = "".join(p.title() for p in field.split("_")) + "Entry"
            inner = message.nested_type.add(name=entry)
            inner.options.map_entry = True
            _type(inner.field.add(name="key", number=1), "string")
            _type(inner.field.add(name="value", number=2), kind[1])
            _type(added, f"*{name}.{entry}")
        else:
            _type(added, kind[0])
    return message


def _type(field, kind: str) -> None:
    repeated = kind.startswith("*")
    kind = kind.removeprefix("*")
    field.label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
    if kind in SCALARS:
        field.type = getattr(FIELD, f"TYPE_{kind.upper()}")
        return
    field.type = FIELD.TYPE_MESSAGE
    whole = kind if kind.startswith("google.") else f"{PACKAGE}.{kind}"
    field.type_name = f".{whole}"


def _build() -> dict[str, type]:
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(
        name="keras_astro/serving.proto", package=PACKAGE, syntax="proto3"
    )
    for known in (any_pb2, wrappers_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
        file.dependency.append(known.DESCRIPTOR.name)
    file.message_type.extend(_describe(*item) for item in MESSAGES.items())
    pool.Add(file)
    return {
        name: factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in MESSAGES
    }


_CLASSES = _build()

TensorProto = _CLASSES["TensorProto"]
SignatureDefMap = _CLASSES["SignatureDefMap"]
PredictRequest = _CLASSES["PredictRequest"]
PredictResponse = _CLASSES["PredictResponse"]
PredictionLog = _CLASSES["PredictionLog"]
GetModelMetadataRequest = _CLASSES["GetModelMetadataRequest"]
GetModelMetadataResponse = _CLASSES["GetModelMetadataResponse"]
GetModelStatusRequest = _CLASSES["GetModelStatusRequest"]
GetModelStatusResponse = _CLASSES["GetModelStatusResponse"]
