/* Nodes that only move elements: one recogniser for all of them, by the map of elements (movement.h). */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"
#include "core/convert/movement.h"
#include "core/convert/recognise.h"

/* What does not come from an element is `value`: the constant part holds it. */
static snn_status pad_offset(snn_affine *affine, const int32_t *map, float value)
{
    SNN_TRY(snn_affine_expand_offset(affine));
    for (int64_t p = 0; p < snn_shape_positions(affine->shape); p++) {
        for (int32_t c = 0; c < affine->shape.channels; c++) {
            if (map[snn_affine_element(affine, p, c)] < 0) {
                affine->offset[p * affine->shape.channels + c] = value;
            }
        }
    }
    return snn_ok();
}

static snn_status move(snn_recognition *recognition, float padding)
{
    if (snn_recognition_output(recognition, 0)->type != SNN_TYPE_FLOAT32) {
        return snn_fail(SNN_INPUT_ERROR, "makes a value of the image that is not float32");
    }
    const snn_node *node = recognition->node;
    const snn_tensor *to = snn_recognition_output(recognition, 0);
    int32_t *map = NULL;
    snn_affine affine;
    memset(&affine, 0, sizeof affine);
    SNN_TRY(snn_movement_map(recognition->draft->graph, node, 0, node->outputs[0], NULL, &map));
    snn_status status = snn_recognition_take(recognition, 0, &affine);
    if (!snn_failed(status)) {
        status = snn_arrange(recognition->draft, &affine, node->inputs[0], map, to->dims, to->rank);
    }
    if (!snn_failed(status) && padding != 0.0f) {
        status = pad_offset(&affine, map, padding);
    }
    snn_release(map);
    (void)snprintf(recognition->text, sizeof recognition->text, "moves elements%s",
                   snn_affine_is_plain(&affine, false) ? "" : " (behind an operator)");
    return snn_recognition_conclude(recognition, &affine, status);
}

static snn_status convert_movement(snn_recognition *recognition)
{
    return move(recognition, 0.0f);
}

static snn_status convert_pad(snn_recognition *recognition)
{
    const snn_tensor *given = NULL;
    float value = snn_node_real(recognition->node, "value", 0.0f); /* opset 9 and 10 */
    if (value != 0.0f) {
        return snn_fail(SNN_INPUT_ERROR, "padding with %g as an attribute; export with opset 11 or later",
                        (double)value);
    }
    if (recognition->node->input_count > 2 && recognition->node->inputs[2] != SNN_NO_VALUE) {
        SNN_TRY(snn_recognition_constant(recognition, 2, &given));
    }
    return move(recognition, given != NULL ? *(const float *)given->data : 0.0f);
}

snn_recogniser snn_recogniser_movement(const char *operator_name)
{
    static const char *const movements[] = {"Identity",     "Dropout",  "Cast",           "Flatten",  "Reshape",
                                            "Transpose",    "Squeeze",  "Slice",          "Gather",   "Unsqueeze",
                                            "Expand",       "Resize",   "Tile",           "Upsample", "DepthToSpace",
                                            "SpaceToDepth", "GatherND", "GatherElements", "Trilu"};
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
