/* ONNX tensors and attributes into those of a graph. */
#ifndef SNN_IO_ONNX_TENSOR_H
#define SNN_IO_ONNX_TENSOR_H

#include "core/graph/graph.h"
#include "io/onnx/onnx_external.h"

/* The graph's type for an ONNX element type: float64, float16 and bfloat16 become float32, int32 becomes int64.
 * SNN_INPUT_ERROR for the others, by name. */
snn_status snn_onnx_type(int32_t data_type, snn_type *type);

/* The tensor with its data. Large ones in data files stay there: tensor->borrowed. The caller adds its name to a
 * failure: a type that is not supported, data that is not where it should be, a size that does not match the shape, not
 * a number. */
snn_status snn_onnx_tensor(const Onnx__TensorProto *model, snn_onnx_files *files, snn_tensor *tensor);

/* `attribute` must be zeroed, and belongs to a node of a graph even if this fails. */
snn_status snn_onnx_attribute(const Onnx__AttributeProto *model, snn_onnx_files *files, snn_attribute *attribute);

#endif
