/* The table of ONNX operators that the trained network may use: shape rule and float32/int64 evaluation of each.
 *
 * One entry, one operator. The same entry serves shape inference, constant folding, calibration and the trained
 * network's own accuracy. Evaluation is deterministic: each output element is summed in one fixed order, whatever
 * the instruction set, so its result does not depend on the machine, the threads or the ranks.
 */
#ifndef SNN_GRAPH_OPERATORS_H
#define SNN_GRAPH_OPERATORS_H

#include "core/base/window.h"
#include "core/graph/graph.h"

/* One application of an operator. Inputs that are omitted are NULL. In `infer` an input has data only if it is
 * constant; in `evaluate` all inputs have data and all outputs are allocated with the inferred shape. */
typedef struct snn_operator_call {
    const snn_node *node;
    int64_t opset;
    const snn_tensor *const *inputs; /* [node->input_count] */
    snn_tensor *outputs;             /* [node->output_count] */
} snn_operator_call;

typedef struct snn_graph_operator {
    const char *name;
    int32_t min_inputs, max_inputs; /* max_inputs -1: any number */
    int32_t outputs;                /* outputs supported */
    /* Sets type, rank and dims of the outputs; refuses what does not fit (SNN_INPUT_ERROR; the caller adds the
     * node's name). May set outputs[i].data (owned by the caller) when the result follows from shapes alone (Shape). */
    snn_status (*infer)(const snn_operator_call *call);
    snn_status (*evaluate)(const snn_operator_call *call);
} snn_graph_operator;

/* The entry for an ONNX operator of the standard domain, or NULL. */
const snn_graph_operator *snn_graph_operator_find(const char *name);

/* Reads the window of `node` (attributes kernel_shape, strides, pads, dilations, auto_pad and ceil_mode) for an input
 * of size [height, width]. `kernel` gives the kernel's size where the attribute
 * is absent (Conv: from its weights), or NULL. pad_end includes what ceil_mode adds. */
snn_status snn_window_read(const snn_node *node, const int64_t size[2], const int64_t *kernel, snn_window *window);

#endif
