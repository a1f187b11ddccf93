/* An ONNX model put together node by node, and written.
 *
 * Values are names, owned by the builder. What runs out of memory is remembered, and told when the model is written:
 * until then nothing needs to be checked, and every value may be passed on, also NULL for one that could not be made.
 */
#ifndef SNN_IO_ONNX_BUILD_H
#define SNN_IO_ONNX_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct snn_onnx_build snn_onnx_build;

typedef const char *snn_onnx_value;

/* Element types, with the numbers that ONNX gives them. */
typedef enum snn_onnx_element {
    SNN_ONNX_FLOAT = 1,
    SNN_ONNX_INT16 = 5,
    SNN_ONNX_INT32 = 6,
    SNN_ONNX_INT64 = 7,
    SNN_ONNX_DOUBLE = 11
} snn_onnx_element;

enum { SNN_ONNX_BATCH = -1 }; /* a dimension that is left open, the same wherever it is */

/* A model for operator set `opset`. NULL when memory is short. */
snn_onnx_build *snn_onnx_build_create(const char *name, int64_t opset);
void snn_onnx_build_destroy(snn_onnx_build *build); /* accepts NULL */

/* Names of the values that follow begin with it. */
void snn_onnx_build_scope(snn_onnx_build *build, const char *scope);

snn_onnx_value snn_onnx_build_input(snn_onnx_build *build, const char *name, snn_onnx_element element, int rank,
                                    const int64_t *dims);
/* Makes `value` an output under that name. */
void snn_onnx_build_output(snn_onnx_build *build, snn_onnx_value value, const char *name, snn_onnx_element element,
                           int rank, const int64_t *dims);

/* A constant with a copy of the `data`. */
snn_onnx_value snn_onnx_build_constant(snn_onnx_build *build, snn_onnx_element element, int rank, const int64_t *dims,
                                       const void *data);
/* One of rank 0, and one of rank 1. */
snn_onnx_value snn_onnx_build_float(snn_onnx_build *build, float value);
snn_onnx_value snn_onnx_build_double(snn_onnx_build *build, double value);
snn_onnx_value snn_onnx_build_integers(snn_onnx_build *build, int count, const int64_t *values);

/* A node with one output. */
snn_onnx_value snn_onnx_build_node(snn_onnx_build *build, const char *operator, int count,
                                   const snn_onnx_value *inputs);
snn_onnx_value snn_onnx_build_unary(snn_onnx_build *build, const char *operator, snn_onnx_value a);
snn_onnx_value snn_onnx_build_binary(snn_onnx_build *build, const char *operator, snn_onnx_value a, snn_onnx_value b);
snn_onnx_value snn_onnx_build_ternary(snn_onnx_build *build, const char *operator, snn_onnx_value a, snn_onnx_value b,
                                      snn_onnx_value c);
snn_onnx_value snn_onnx_build_cast(snn_onnx_build *build, snn_onnx_value a, snn_onnx_element element);

/* Attributes of the node made last. */
void snn_onnx_build_integer_attribute(snn_onnx_build *build, const char *name, int64_t value);
void snn_onnx_build_integers_attribute(snn_onnx_build *build, const char *name, int count, const int64_t *values);

/* What a reader of the file may want to know. */
void snn_onnx_build_metadata(snn_onnx_build *build, const char *key, const char *value);
void snn_onnx_build_description(snn_onnx_build *build, const char *text);

/* Writes the model, whole or not at all. SNN_INPUT_ERROR if it has 2 GiB or more, which ONNX files cannot have. */
snn_status snn_onnx_build_write(const snn_onnx_build *build, const char *path);

#endif
