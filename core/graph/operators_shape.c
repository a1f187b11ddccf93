/* Operators that keep every element: only the shape or the order changes. */
#include <string.h>

#include "core/graph/operators_internal.h"

static snn_status copy_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    memcpy(call->outputs[0].data, input->data, (size_t)snn_tensor_elements(input) * snn_type_bytes(input->type));
    return snn_ok();
}

static snn_status identity_infer(const snn_operator_call *call)
{
    SNN_TRY(snn_operator_attributes(call->node, ""));
    snn_operator_copy_shape(&call->outputs[0], call->inputs[0]);
    return snn_ok();
}

/* A sequence is taken for the value that it is split from: only SequenceAt reads it (lower_sequence.c). */
static snn_status split_to_sequence_infer(const snn_operator_call *call)
{
    SNN_TRY(snn_operator_attributes(call->node, "axis=int keepdims=int"));
    snn_operator_copy_shape(&call->outputs[0], call->inputs[0]);
    return snn_ok();
}

/* ---- Dropout: nothing is dropped when a trained network is evaluated ---- */

/* Some models ask for training to drop none. */
static bool drops_nothing(const snn_operator_call *call)
{
    const snn_tensor *ratio = snn_operator_input(call, 1);
    float share = 1.0F;
    return ratio != NULL && ratio->data != NULL && snn_tensor_uniform(ratio, &share) && share == 0.0F;
}

static snn_status dropout_infer(const snn_operator_call *call)
{
    SNN_TRY(snn_operator_attributes(call->node, "ratio=float seed=int"));
    const snn_tensor *training = snn_operator_input(call, 2);
    if (training != NULL) {
        SNN_TRY(snn_operator_expect_type(training, "training_mode", SNN_TYPE_BOOL));
        const bool trains = training->data == NULL || *(const unsigned char *)training->data != 0;
        if (trains && !drops_nothing(call)) {
            return snn_fail(SNN_INPUT_ERROR, "training_mode: expects a constant false; export the model for inference");
        }
    }
    snn_operator_copy_shape(&call->outputs[0], call->inputs[0]);
    if (call->node->output_count > 1) {
        snn_operator_copy_shape(&call->outputs[1], call->inputs[0]);
        call->outputs[1].type = SNN_TYPE_BOOL;
    }
    return snn_ok();
}

static snn_status dropout_evaluate(const snn_operator_call *call)
{
    SNN_TRY(copy_evaluate(call));
    if (call->node->output_count > 1 && call->outputs[1].data != NULL) {
        memset(call->outputs[1].data, 1, (size_t)snn_tensor_elements(&call->outputs[1]));
    }
    return snn_ok();
}

/* ---- Reshape ---- */

static snn_status reshape_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    snn_integers wanted;
    SNN_TRY(snn_operator_attributes(call->node, "allowzero=int"));
    SNN_TRY(snn_operator_read_integers(call->inputs[1], "the new shape", &wanted));
    if (wanted.count > SNN_MAX_RANK) {
        return snn_fail(SNN_INPUT_ERROR, "the new shape: at most %d axes are supported, found %d", SNN_MAX_RANK,
                        wanted.count);
    }
    const bool zero_is_zero = snn_node_integer(call->node, "allowzero", 0) != 0;
    int32_t open = -1; /* the axis that takes what the others leave */
    for (int32_t axis = 0; axis < wanted.count; axis++) {
        int64_t *size = &wanted.values[axis];
        if (*size == 0 && !zero_is_zero) {
            if (axis >= input->rank) {
                return snn_fail(SNN_INPUT_ERROR, "the new shape copies axis %d of an input of %d axes", axis,
                                input->rank);
            }
            *size = input->dims[axis];
        } else if (*size == -1) {
            if (open >= 0) {
                return snn_fail(SNN_INPUT_ERROR, "the new shape has -1 at axes %d and %d, expects at most one", open,
                                axis);
            }
            open = axis;
            *size = 1;
        }
    }
    snn_tensor *output = &call->outputs[0];
    SNN_TRY(snn_operator_set_shape(output, input->type, wanted.count, wanted.values));
    const int64_t elements = snn_tensor_elements(input);
    const int64_t others = snn_tensor_elements(output);
    if (open >= 0 && others != 0 && elements % others == 0) {
        output->dims[open] = elements / others;
    }
    if (snn_tensor_elements(output) != elements) {
        char text[2][128];
        return snn_fail(SNN_INPUT_ERROR, "%s does not have the elements of the new shape %s%s",
                        snn_tensor_describe(input, text[0], sizeof text[0]),
                        snn_tensor_describe(output, text[1], sizeof text[1]), open >= 0 ? " or a multiple" : "");
    }
    return snn_ok();
}

static snn_status flatten_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    SNN_TRY(snn_operator_attributes(call->node, "axis=int"));
    int64_t axis = snn_node_integer(call->node, "axis", 1);
    if (axis < -input->rank || axis > input->rank) {
        return snn_fail(SNN_INPUT_ERROR, "axis %lld is out of range for a tensor of %d axes", (long long)axis,
                        input->rank);
    }
    axis += axis < 0 ? input->rank : 0;
    int64_t dims[2] = {1, 1};
    for (int32_t i = 0; i < input->rank; i++) {
        dims[i < axis ? 0 : 1] *= input->dims[i];
    }
    return snn_operator_set_shape(&call->outputs[0], input->type, 2, dims);
}

/* ---- Squeeze and Unsqueeze ---- */

static snn_status squeeze_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    snn_integers axes;
    bool removed[SNN_MAX_RANK];
    SNN_TRY(snn_operator_attributes(call->node, "axes=ints"));
    SNN_TRY(snn_operator_integers(call, "axes", 1, 13, &axes));
    SNN_TRY(snn_operator_axis_set(&axes, input->rank, removed));
    int64_t dims[SNN_MAX_RANK];
    int32_t rank = 0;
    for (int32_t axis = 0; axis < input->rank; axis++) {
        const bool remove = axes.present ? removed[axis] : input->dims[axis] == 1;
        if (remove && input->dims[axis] != 1) {
            return snn_fail(SNN_INPUT_ERROR, "axis %d has size %lld, expects 1", axis, (long long)input->dims[axis]);
        }
        if (!remove) {
            dims[rank++] = input->dims[axis];
        }
    }
    return snn_operator_set_shape(&call->outputs[0], input->type, rank, dims);
}

static snn_status unsqueeze_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    snn_integers axes;
    bool added[SNN_MAX_RANK];
    SNN_TRY(snn_operator_attributes(call->node, "axes=ints"));
    SNN_TRY(snn_operator_integers(call, "axes", 1, 13, &axes));
    if (!axes.present) {
        return snn_fail(SNN_INPUT_ERROR, "'axes' is missing");
    }
    const int32_t rank = input->rank + axes.count;
    if (rank > SNN_MAX_RANK) {
        return snn_fail(SNN_INPUT_ERROR, "a result of %d axes: at most %d are supported", rank, SNN_MAX_RANK);
    }
    SNN_TRY(snn_operator_axis_set(&axes, rank, added));
    int64_t dims[SNN_MAX_RANK];
    int32_t next = 0;
    for (int32_t axis = 0; axis < rank; axis++) {
        dims[axis] = added[axis] ? 1 : input->dims[next++];
    }
    return snn_operator_set_shape(&call->outputs[0], input->type, rank, dims);
}

/* ---- Transpose ---- */

/* Axis i of the result is axis `order[i]` of the input; reversed where the attribute is absent. */
static snn_status read_order(const snn_operator_call *call, int32_t order[SNN_MAX_RANK])
{
    const int32_t rank = call->inputs[0]->rank;
    int64_t given[SNN_MAX_RANK];
    bool seen[SNN_MAX_RANK] = {false};
    const bool present = snn_node_attribute(call->node, "perm") != NULL;
    const size_t count = snn_node_integers(call->node, "perm", given, SNN_MAX_RANK);
    if (present && count != (size_t)rank) {
        return snn_fail(SNN_INPUT_ERROR, "attribute 'perm': expects %d axes, found %zu", rank, count);
    }
    for (int32_t axis = 0; axis < rank; axis++) {
        order[axis] = rank - 1 - axis;
        if (present) {
            SNN_TRY_CONTEXT(snn_operator_axis(given[axis], rank, &order[axis]), "attribute 'perm'");
        }
        if (seen[order[axis]]) {
            return snn_fail(SNN_INPUT_ERROR, "attribute 'perm': axis %d is named twice", order[axis]);
        }
        seen[order[axis]] = true;
    }
    return snn_ok();
}

static snn_status transpose_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    int32_t order[SNN_MAX_RANK];
    int64_t dims[SNN_MAX_RANK];
    SNN_TRY(snn_operator_attributes(call->node, "perm=ints"));
    SNN_TRY(read_order(call, order));
    for (int32_t axis = 0; axis < input->rank; axis++) {
        dims[axis] = input->dims[order[axis]];
    }
    return snn_operator_set_shape(&call->outputs[0], input->type, input->rank, dims);
}

static snn_status transpose_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    int32_t order[SNN_MAX_RANK];
    int64_t own[SNN_MAX_RANK];
    int64_t strides[SNN_MAX_RANK] = {0};
    SNN_TRY(read_order(call, order));
    snn_operator_strides(input, own);
    for (int32_t axis = 0; axis < input->rank; axis++) {
        strides[axis] = own[order[axis]];
    }
    snn_operator_copy_strided(&call->outputs[0], input, 0, strides);
    return snn_ok();
}

/* ---- Expand ---- */

static snn_status expand_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    snn_integers wanted;
    snn_tensor shape = {0};
    SNN_TRY(snn_operator_attributes(call->node, ""));
    SNN_TRY(snn_operator_read_integers(call->inputs[1], "the new shape", &wanted));
    SNN_TRY(snn_operator_set_shape(&shape, input->type, wanted.count, wanted.values));
    return snn_operator_broadcast((const snn_tensor *const[]){input, &shape}, 2, input->type, &call->outputs[0]);
}

static snn_status expand_evaluate(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    const snn_tensor *output = &call->outputs[0];
    int64_t own[SNN_MAX_RANK];
    int64_t strides[SNN_MAX_RANK] = {0};
    snn_operator_strides(input, own);
    for (int32_t axis = 0; axis < input->rank; axis++) {
        strides[output->rank - input->rank + axis] = input->dims[axis] == 1 ? 0 : own[axis];
    }
    snn_operator_copy_strided(output, input, 0, strides);
    return snn_ok();
}

const snn_graph_operator snn_operators_shape[] = {
    {"Identity", 1, 1, 1, identity_infer, copy_evaluate},
    {"SplitToSequence", 1, 2, 1, split_to_sequence_infer, copy_evaluate},
    {"Dropout", 1, 3, 2, dropout_infer, dropout_evaluate},
    {"Reshape", 2, 2, 1, reshape_infer, copy_evaluate},
    {"Flatten", 1, 1, 1, flatten_infer, copy_evaluate},
    {"Squeeze", 1, 2, 1, squeeze_infer, copy_evaluate},
    {"Unsqueeze", 1, 2, 1, unsqueeze_infer, copy_evaluate},
    {"Transpose", 1, 1, 1, transpose_infer, transpose_evaluate},
    {"Expand", 2, 2, 1, expand_infer, expand_evaluate},
    {0},
};
