#include "core/convert/movement.h"

#include <string.h>

#include "core/base/memory.h"
#include "core/graph/operators.h"

enum { EXACT_FLOAT_INTEGERS = 1 << 24 };

/* Runs the node on the numbers 1, 2, 3, ... of its input's elements and keeps the output `value`; 0 in the result is
 * padding. */
static snn_status move_numbers(const snn_graph *graph, const snn_node *node, int32_t value, snn_tensor *numbers,
                               const snn_tensor *moved)
{
    const snn_tensor **inputs = snn_allocate((size_t)node->input_count, sizeof *inputs);
    snn_tensor *outputs = snn_allocate((size_t)node->output_count, sizeof *outputs);
    if (inputs == NULL || outputs == NULL) {
        snn_release(inputs);
        snn_release(outputs);
        return snn_out_of_memory("inputs and outputs");
    }
    bool pad = strcmp(node->operator, "Pad") == 0; /* padding is told from elements by its zeros */
    for (int32_t i = 0; i < node->input_count; i++) {
        int32_t input = node->inputs[i];
        inputs[i] = i == 0 ? numbers : input == SNN_NO_VALUE || (pad && i == 2) ? NULL : &graph->values[input].tensor;
    }
    for (int32_t i = 0; i < node->output_count; i++) {
        outputs[i] = node->outputs[i] == value ? *moved : (snn_tensor){.rank = -1, .data = NULL};
    }
    const snn_operator_call call = {node, graph->opset, inputs, outputs};
    snn_status status = snn_graph_operator_find(node->operator)->evaluate(&call);
    snn_release(inputs);
    snn_release(outputs);
    return status;
}

snn_status snn_movement_map(const snn_graph *graph, const snn_node *node, int32_t value, const int32_t *before,
                            int32_t **map)
{
    snn_tensor numbers = graph->values[node->inputs[0]].tensor;
    snn_tensor moved = graph->values[value].tensor;
    int64_t count = snn_tensor_elements(&numbers);
    int64_t results = snn_tensor_elements(&moved);
    *map = NULL;
    numbers.data = NULL;
    moved.data = NULL;
    if (count >= EXACT_FLOAT_INTEGERS) {
        return snn_fail(SNN_INPUT_ERROR, "moves %lld elements, at most %d supported", (long long)count,
                        EXACT_FLOAT_INTEGERS - 1);
    }
    snn_status status = snn_ok();
    SNN_GOTO_DONE(status, snn_tensor_allocate(&numbers));
    SNN_GOTO_DONE(status, snn_tensor_allocate(&moved));
    for (int64_t e = 0; e < count; e++) {
        ((float *)numbers.data)[e] = (float)(e + 1);
    }
    SNN_GOTO_DONE(status, move_numbers(graph, node, value, &numbers, &moved));
    *map = snn_allocate((size_t)results, sizeof **map);
    if (*map == NULL) {
        status = snn_out_of_memory("element map");
        goto done;
    }
    for (int64_t e = 0; e < results; e++) {
        int32_t from = (int32_t)((const float *)moved.data)[e] - 1;
        (*map)[e] = from < 0 || before == NULL ? from : before[from];
    }
done:
    snn_tensor_clear(&numbers);
    snn_tensor_clear(&moved);
    return status;
}
