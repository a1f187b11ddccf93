/* Nodes that only move elements: one recogniser for all of them, by the map of elements (movement.h). */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/draft_internal.h"
#include "core/convert/movement.h"

static snn_status rearrange(snn_recognition *recognition, const int32_t *map, snn_affine *affine)
{
    const snn_tensor *to = snn_recognition_output(recognition, 0);
    bool possible = false;
    SNN_TRY(snn_affine_rearrange(affine, map, to->dims, to->rank, &possible));
    if (possible) {
        return snn_ok();
    }
    SNN_TRY(snn_draft_relay_affine(recognition->draft, affine, recognition->node->inputs[0]));
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
    SNN_TRY(snn_movement_map(recognition->draft->graph, recognition->node, NULL, &map));
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
