/* Functions that an ONNX model defines for itself, as exporters do for modules and for operators of their own. */
#ifndef SNN_IO_ONNX_FUNCTIONS_H
#define SNN_IO_ONNX_FUNCTIONS_H

#include "core/base/status.h"
#include "onnx.pb-c.h"

/* Puts the nodes of functions in the place of the nodes that call them, functions within functions too. Inner nodes and
 * values get the caller's name in front: "encoder/attention/q". SNN_INPUT_ERROR: functions of another opset than the
 * model's, that call each other without end, or make too many nodes. */
snn_status snn_onnx_inline_functions(Onnx__ModelProto *model);

#endif
