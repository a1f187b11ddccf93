/* The operator Conv over two spatial axes, with groups, strides, padding and dilation. */
#ifndef SNN_GRAPH_OPERATORS_CONVOLUTION_H
#define SNN_GRAPH_OPERATORS_CONVOLUTION_H

#include "core/graph/operators.h"

/* Inputs [images][channels][height][width], weights [outputs][channels / groups][height][width], bias [outputs].
 * Each output starts from its bias and adds channel by channel, row by row, column by column of the kernel. */
snn_status snn_convolution_infer(const snn_operator_call *call);
snn_status snn_convolution_evaluate(const snn_operator_call *call);

#endif
