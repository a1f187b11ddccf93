/* Files and protobuf's wire format: from a path to an unpacked ONNX model. */
#ifndef SNN_IO_ONNX_WIRE_H
#define SNN_IO_ONNX_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "onnx.pb-c.h"

/* The whole of a regular file; snn_release the bytes. SNN_INPUT_ERROR: missing, a directory, empty, above protobuf's
 * limit of 2 GiB. */
snn_status snn_onnx_load(const char *path, uint8_t **bytes, size_t *count);

/* Unpacks a model; onnx__model_proto__free_unpacked it. SNN_INPUT_ERROR if the bytes are not such a message, or end
 * too early. */
snn_status snn_onnx_unpack(const uint8_t *bytes, size_t count, Onnx__ModelProto **model);

#endif
