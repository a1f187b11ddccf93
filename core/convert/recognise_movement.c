/* Nodes that only move elements: one recogniser for all of them.
 *
 * The node is evaluated on the numbers of its input's elements (1, 2, 3, ...; 0 is padding). What comes out says where
 * every element of the result comes from, whatever the operator and its attributes.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/draft_internal.h"
#include "core/graph/operators.h"

enum { EXACT_FLOAT_INTEGERS = 1 << 24 };

static snn_status element_map(const snn_recognition *recognition, int32_t **map)
{
    const snn_graph *graph = recognition->draft->graph;
    const snn_node *node = recognition->node;
    const snn_tensor *from = snn_recognition_input(recognition, 0);
    int64_t count = snn_tensor_elements(from);
    int64_t moved = snn_tensor_elements(snn_recognition_output(recognition, 0));
    if (count >= EXACT_FLOAT_INTEGERS) {
        return snn_fail(SNN_INPUT_ERROR, "moves %lld elements, at most %d supported", (long long)count,
                        EXACT_FLOAT_INTEGERS - 1);
    }
    const snn_tensor **inputs = snn_allocate((size_t)node->input_count, sizeof *inputs);
    snn_tensor numbers = *from;
    snn_tensor outputs[1] = {*snn_recognition_output(recognition, 0)};
    numbers.data = NULL;
    outputs[0].data = NULL;
    *map = NULL;
    snn_status status = inputs == NULL ? snn_out_of_memory("inputs") : snn_ok();
    if (status.code != SNN_OK) {
        return status;
    }
    SNN_GOTO_DONE(status, snn_tensor_allocate(&numbers));
    SNN_GOTO_DONE(status, snn_tensor_allocate(&outputs[0]));
    for (int64_t e = 0; e < count; e++) {
        ((float *)numbers.data)[e] = (float)(e + 1);
    }
    for (int32_t i = 0; i < node->input_count; i++) {
        inputs[i] = i == 0 ? &numbers : node->inputs[i] == SNN_NO_VALUE ? NULL : snn_recognition_input(recognition, i);
    }
    snn_node single = *node; /* an unused second output (the mask of Dropout) is not wanted */
    single.output_count = 1;
    snn_operator_call call = {&single, graph->opset, inputs, outputs};
    SNN_GOTO_DONE(status, snn_graph_operator_find(node->operator)->evaluate(&call));
    *map = snn_allocate((size_t)moved, sizeof **map);
    if (*map == NULL) {
        status = snn_out_of_memory("element map");
        goto done;
    }
    for (int64_t e = 0; e < moved; e++) {
        (*map)[e] = (int32_t)((const float *)outputs[0].data)[e] - 1;
    }
done:
    snn_release(inputs);
    snn_tensor_clear(&numbers);
    snn_tensor_clear(&outputs[0]);
    return status;
}

static snn_status rearrange(snn_recognition *recognition, const int32_t *map, snn_affine *affine)
{
    const snn_tensor *to = snn_recognition_output(recognition, 0);
    bool possible = false;
    SNN_TRY(snn_affine_rearrange(affine, map, to->dims, to->rank, &possible));
    if (possible) {
        return snn_ok();
    }
    SNN_TRY(snn_draft_relay_form(recognition->draft, affine, recognition->node->inputs[0]));
    SNN_TRY(snn_affine_rearrange(affine, map, to->dims, to->rank, &possible));
    if (possible) {
        return snn_ok();
    }
    snn_shape shape;
    snn_order order;
    SNN_TRY(snn_affine_natural_layout(to->dims, to->rank, &shape, &order));
    return snn_affine_gather(affine, map, shape, order);
}

static snn_status convert_movement(snn_recognition *recognition)
{
    if (snn_recognition_output(recognition, 0)->type != SNN_TYPE_FLOAT32) {
        return snn_fail(SNN_INPUT_ERROR, "makes a value of the image that is not float32");
    }
    int32_t *map = NULL;
    snn_affine affine;
    memset(&affine, 0, sizeof affine);
    SNN_TRY(element_map(recognition, &map));
    snn_status status = snn_draft_take(recognition, 0, &affine);
    if (status.code == SNN_OK) {
        status = rearrange(recognition, map, &affine);
    }
    snn_release(map);
    if (status.code != SNN_OK) {
        snn_affine_clear(&affine);
        return status;
    }
    (void)snprintf(recognition->text, sizeof recognition->text, "moves elements%s",
                   snn_affine_is_plain(&affine, false) ? "" : " (behind an operator)");
    snn_draft_give(recognition, &affine);
    return snn_ok();
}

static snn_status convert_pad(snn_recognition *recognition)
{
    float value = snn_node_real(recognition->node, "value", 0.0f); /* opset 9 and 10 */
    if (snn_recognition_is_constant(recognition, 2)) {
        const snn_tensor *given = snn_recognition_input(recognition, 2);
        value = given->type == SNN_TYPE_FLOAT32 && snn_tensor_elements(given) == 1 ? *(const float *)given->data : 1.0f;
    }
    if (value != 0.0f) {
        return snn_fail(SNN_INPUT_ERROR, "padding with %g; only zero padding is supported", (double)value);
    }
    return convert_movement(recognition);
}

snn_recogniser snn_recogniser_movement(const char *operator_name)
{
    static const char *const movements[] = {"Identity", "Dropout",   "Cast",  "Flatten", "Reshape", "Transpose",
                                            "Squeeze",  "Unsqueeze", "Slice", "Gather",  "Expand"};
    if (strcmp(operator_name, "Pad") == 0) {
        return convert_pad;
    }
    for (size_t i = 0; i < sizeof movements / sizeof movements[0]; i++) {
        if (strcmp(movements[i], operator_name) == 0) {
            return convert_movement;
        }
    }
    return NULL;
}
