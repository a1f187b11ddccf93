#include "core/convert/movement.h"

#include <string.h>

#include "core/base/memory.h"
#include "core/graph/operators.h"

enum { EXACT_FLOAT_INTEGERS = 1 << 24 };

/* Whether the operator puts several values together; what another one gives is told from elements by its zeros. */
static bool joins_values(const snn_node *node)
{
    static const char *const operators[] = {"Concat", "Where", "ScatterND", "ScatterElements", "Scatter"};
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (strcmp(node->operator, operators[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The inputs of a call: the numbered one, zeros for values that are put together with it, the others as they are. */
static snn_status bind_inputs(const snn_graph *graph, const snn_node *node, int32_t numbered, const snn_tensor *numbers,
                              const snn_tensor **inputs, snn_tensor *zeros)
{
    const bool joins = joins_values(node);
    const bool pad = strcmp(node->operator, "Pad") == 0; /* its padding is told from elements by zeros, too */
    for (int32_t i = 0; i < node->input_count; i++) {
        const int32_t input = node->inputs[i];
        if (input == SNN_NO_VALUE || (pad && i == 2)) {
            continue;
        }
        inputs[i] = i == numbered ? numbers : &graph->values[input].tensor;
        if (i != numbered && joins && inputs[i]->type == SNN_TYPE_FLOAT32) {
            zeros[i] = *inputs[i];
            zeros[i].data = NULL;
            zeros[i].borrowed = false;
            SNN_TRY(snn_tensor_allocate(&zeros[i]));
            inputs[i] = &zeros[i];
        }
    }
    return snn_ok();
}

/* Runs the node on the numbers 1, 2, 3, ... of an input's elements and keeps the output `value`; 0 in the result is
 * padding. */
static snn_status move_numbers(const snn_graph *graph, const snn_node *node, int32_t numbered, int32_t value,
                               const snn_tensor *numbers, const snn_tensor *moved)
{
    const snn_tensor **inputs = snn_allocate((size_t)node->input_count, sizeof *inputs);
    snn_tensor *zeros = snn_allocate((size_t)node->input_count, sizeof *zeros);
    snn_tensor *outputs = snn_allocate((size_t)node->output_count, sizeof *outputs);
    snn_status status = snn_ok();
    if (inputs == NULL || zeros == NULL || outputs == NULL) {
        status = snn_out_of_memory("inputs and outputs");
        goto done;
    }
    SNN_GOTO_DONE(status, bind_inputs(graph, node, numbered, numbers, inputs, zeros));
    for (int32_t i = 0; i < node->output_count; i++) {
        outputs[i] = node->outputs[i] == value ? *moved : (snn_tensor){.rank = -1, .data = NULL};
    }
    const snn_operator_call call = {node, graph->opset, inputs, outputs};
    status = snn_graph_operator_find(node->operator)->evaluate(&call);
done:
    for (int32_t i = 0; i < node->input_count && zeros != NULL; i++) {
        snn_release(zeros[i].data);
    }
    snn_release(inputs);
    snn_release(zeros);
    snn_release(outputs);
    return status;
}

snn_status snn_movement_map(const snn_graph *graph, const snn_node *node, int32_t input, int32_t value,
                            const int32_t *before, int32_t **map)
{
    snn_tensor numbers = graph->values[node->inputs[input]].tensor;
    snn_tensor moved = graph->values[value].tensor;
    int64_t count = snn_tensor_elements(&numbers);
    int64_t results = snn_tensor_elements(&moved);
    *map = NULL;
    numbers.data = NULL;
    moved.data = NULL;
    numbers.borrowed = moved.borrowed = false;
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
    SNN_GOTO_DONE(status, move_numbers(graph, node, input, value, &numbers, &moved));
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
