/* Loads a SavedModel by the loader that TF Serving uses and runs one signature.
 *
 *   load_saved_model FOLDER SIGNATURE OUTPUT ROWS INPUT=FILE...
 *
 * Each FILE holds the values of an input in its own type, rows first. The values of OUTPUT are
 * printed, one a line. Names of tensors and shapes are read from the model's own
 * signature, so nothing but the folder is needed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

enum { META_GRAPH_SIGNATURES = 5, SIGNATURE_INPUTS = 1, SIGNATURE_OUTPUTS = 2 };
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2, INFO_NAME = 1, INFO_SHAPE = 3 };
enum { SHAPE_DIM = 2, DIM_SIZE = 1, MOST_INPUTS = 16, MOST_DIMS = 8 };

typedef struct {
  const uint8_t *at, *end;
} Bytes;

typedef struct {
  int number;
  uint64_t value; /* of a varint */
  Bytes bytes;    /* of a string or message */
} Field;

static void fail(const char *what, const char *which) {
  fprintf(stderr, "%s: %s\n", what, which);
  exit(1);
}

static void check(TF_Status *status, const char *what) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

static uint64_t varint(Bytes *from) {
  uint64_t value = 0;
  for (int shift = 0; from->at < from->end && shift < 64; shift += 7) {
    uint8_t byte = *from->at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return value;
  }
  fail("protobuf", "a number does not end");
  return 0;
}

/* The next field of a message; 0 at its end. */
static int next(Bytes *from, Field *field) {
  if (from->at >= from->end) return 0;
  uint64_t tag = varint(from);
  field->number = (int)(tag >> 3);
  uint64_t size = 0;
  switch (tag & 7) {
    case 0: field->value = varint(from); return 1;
    case 1: size = 8; break;
    case 2: size = varint(from); break;
    case 5: size = 4; break;
    default: fail("protobuf", "unknown kind of field");
  }
  if (size > (uint64_t)(from->end - from->at)) fail("protobuf", "is cut off");
  field->bytes = (Bytes){from->at, from->at + size};
  from->at += size;
  return 1;
}

static int equal(Bytes text, const char *name) {
  size_t size = (size_t)(text.end - text.at);
  return strlen(name) == size && !memcmp(text.at, name, size);
}

/* The value under a key of the map that is a message's field `number`. */
static Bytes lookup(Bytes message, int number, const char *key) {
  Field field, part;
  while (next(&message, &field)) {
    if (field.number != number) continue;
    Bytes value = {0}, entry = field.bytes;
    int found = 0;
    while (next(&entry, &part)) {
      if (part.number == ENTRY_KEY) found = equal(part.bytes, key);
      if (part.number == ENTRY_VALUE) value = part.bytes;
    }
    if (found) return value;
  }
  fail("the signature has no", key);
  return (Bytes){0};
}

/* The operation that a `TensorInfo` names, and its shape with -1 for free axes. */
static TF_Output tensor(TF_Graph *graph, Bytes info, int64_t *dims, int *rank) {
  char name[256] = "";
  Field field, part;
  *rank = 0;
  while (next(&info, &field)) {
    size_t size = (size_t)(field.bytes.end - field.bytes.at);
    if (field.number == INFO_NAME && size < sizeof name) {
      memcpy(name, field.bytes.at, size);
      name[size] = 0;
    }
    if (field.number != INFO_SHAPE) continue;
    Bytes shape = field.bytes;
    while (next(&shape, &field)) {
      if (field.number != SHAPE_DIM) continue;
      if (*rank == MOST_DIMS) fail(name, "has too many axes");
      Bytes dim = field.bytes;
      dims[*rank] = 0;
      while (next(&dim, &part))
        if (part.number == DIM_SIZE) dims[*rank] = (int64_t)part.value;
      ++*rank;
    }
  }
  char *colon = strrchr(name, ':');
  if (!colon) fail("no tensor's name", name);
  *colon = 0;
  TF_Output found = {TF_GraphOperationByName(graph, name), atoi(colon + 1)};
  if (!found.oper) fail("the graph has no", name);
  return found;
}

static TF_Tensor *read_rows(const char *file, TF_DataType type, int64_t *dims,
                            int rank, int64_t rows) {
  size_t size = TF_DataTypeSize(type);
  dims[0] = rows;
  for (int i = 0; i < rank; ++i) size *= (size_t)dims[i];
  TF_Tensor *values = TF_AllocateTensor(type, dims, rank, size);
  FILE *stream = fopen(file, "rb");
  if (!stream || fread(TF_TensorData(values), 1, size, stream) != size)
    fail("does not hold the rows", file);
  fclose(stream);
  return values;
}

int main(int argc, char **argv) {
  if (argc < 6 || argc - 5 > MOST_INPUTS)
    fail("usage", "load_saved_model FOLDER SIGNATURE OUTPUT ROWS INPUT=FILE...");
  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_Buffer *meta = TF_NewBuffer();
  TF_SessionOptions *options = TF_NewSessionOptions();
  const char *tag = "serve";
  TF_Session *session = TF_LoadSessionFromSavedModel(options, NULL, argv[1], &tag, 1,
                                                     graph, meta, status);
  check(status, argv[1]);

  const uint8_t *start = meta->data;
  Bytes message = {start, start + meta->length};
  Bytes signature = lookup(message, META_GRAPH_SIGNATURES, argv[2]);
  int64_t dims[MOST_DIMS];
  int rank, inputs = argc - 5;
  TF_Output feeds[MOST_INPUTS];
  TF_Tensor *values[MOST_INPUTS];
  for (int i = 0; i < inputs; ++i) {
    char *name = argv[5 + i], *file = strchr(name, '=');
    if (!file) fail("expected INPUT=FILE", name);
    *file++ = 0;
    feeds[i] = tensor(graph, lookup(signature, SIGNATURE_INPUTS, name), dims, &rank);
    TF_DataType type = TF_OperationOutputType(feeds[i]);
    values[i] = read_rows(file, type, dims, rank, atoll(argv[4]));
  }
  TF_Output wanted =
      tensor(graph, lookup(signature, SIGNATURE_OUTPUTS, argv[3]), dims, &rank);
  TF_Tensor *result = NULL;
  TF_SessionRun(session, NULL, feeds, values, inputs, &wanted, &result, 1, NULL, 0,
                NULL, status);
  check(status, argv[2]);

  if (TF_TensorType(result) != TF_FLOAT) fail("is not float32", argv[3]);
  const float *found = TF_TensorData(result);
  for (size_t i = 0; i < TF_TensorByteSize(result) / sizeof(float); ++i)
    printf("%.9g\n", found[i]);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  check(status, "closing");
  return 0;
}
