/* Sums, differences, gains and normalisation by constants; values side by side. */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/draft_internal.h"

static snn_status convert_batch_normalization(snn_recognition *recognition)
{
    const snn_tensor *constants[4]; /* scale, bias, mean, variance */
    for (int32_t i = 0; i < 4; i++) {
        SNN_TRY(snn_recognition_constant(recognition, i + 1, &constants[i]));
    }
    const snn_tensor *input = snn_recognition_input(recognition, 0);
    float epsilon = snn_node_real(recognition->node, "epsilon", 1e-5f);
    int32_t channels = (int32_t)input->dims[1];
    snn_affine *now = &recognition->draft->affines[recognition->node->inputs[0]];
    snn_shape shape = {1, 1, channels};
    if (input->rank == 4) {
        SNN_TRY(snn_recognition_image_shape(input, &shape));
    } else if (input->rank != 2) {
        shape.width = (int32_t)(snn_tensor_elements(input) / channels);
    }
    if (now->shape.channels != channels || !snn_affine_layout_is(now, now->shape, SNN_ORDER_CHANNELS_FIRST)) {
        SNN_TRY(snn_draft_require_layout(recognition, 0, shape, SNN_ORDER_CHANNELS_FIRST));
    }
    float *gain = snn_allocate((size_t)channels, sizeof *gain);
    float *shift = snn_allocate((size_t)channels, sizeof *shift);
    snn_affine affine;
    memset(&affine, 0, sizeof affine);
    snn_status status = gain == NULL || shift == NULL ? snn_out_of_memory("batch normalisation") : snn_ok();
    if (status.code == SNN_OK) {
        status = snn_draft_take(recognition, 0, &affine);
    }
    if (status.code == SNN_OK) {
        for (int32_t c = 0; c < channels; c++) {
            double deviation = sqrt((double)((const float *)constants[3]->data)[c] + (double)epsilon);
            double factor = (double)((const float *)constants[0]->data)[c] / deviation;
            gain[c] = (float)factor;
            shift[c] = (float)((double)((const float *)constants[1]->data)[c] -
                               factor * (double)((const float *)constants[2]->data)[c]);
        }
        status = snn_affine_scale(&affine, gain, shift);
    }
    snn_release(gain);
    snn_release(shift);
    snn_recognition_describe(recognition, "folded into the operator before it");
    return snn_draft_conclude(recognition, &affine, status);
}

/* Element of a broadcast constant for flat element `element` of a value with these dims. */
static float broadcast_element(const snn_tensor *constant, const snn_tensor *value, int64_t element)
{
    int64_t at = 0;
    int64_t stride = 1;
    for (int32_t axis = 0; axis < constant->rank; axis++) {
        int32_t of_constant = constant->rank - 1 - axis;
        int32_t of_value = value->rank - 1 - axis;
        int64_t index = element % value->dims[of_value];
        element /= value->dims[of_value];
        at += (constant->dims[of_constant] == 1 ? 0 : index) * stride;
        stride *= constant->dims[of_constant];
    }
    return ((const float *)constant->data)[at];
}

/* The constant operand laid out like the affine value: [positions][channels]; *per_channel if positions do not matter.
 */
static snn_status laid_out(const snn_recognition *recognition, int32_t constant, const snn_affine *affine,
                           float **values, bool *per_channel)
{
    const snn_tensor *operand = NULL;
    const snn_tensor *value = snn_recognition_input(recognition, 1 - constant);
    const snn_tensor *result = snn_recognition_output(recognition, 0);
    SNN_TRY(snn_recognition_constant(recognition, constant, &operand));
    if (snn_tensor_elements(result) != snn_tensor_elements(value)) {
        return snn_fail(SNN_INPUT_ERROR, "broadcasting an activation is not supported");
    }
    int64_t positions = snn_shape_positions(affine->shape);
    int32_t channels = affine->shape.channels;
    *values = snn_allocate((size_t)(positions * channels), sizeof **values);
    if (*values == NULL) {
        return snn_out_of_memory("constant");
    }
    *per_channel = true;
    for (int64_t p = 0; p < positions; p++) {
        for (int32_t c = 0; c < channels; c++) {
            float element = broadcast_element(operand, result, snn_affine_element(affine, p, c));
            (*values)[p * channels + c] = element;
            *per_channel = *per_channel && element == (*values)[c];
        }
    }
    return snn_ok();
}

/* value <- sign * value + constant */
static snn_status add_constant(snn_affine *affine, const float *values, bool per_channel, float sign,
                               float constant_sign)
{
    int32_t channels = affine->shape.channels;
    int64_t positions = snn_shape_positions(affine->shape);
    float *gain = snn_allocate((size_t)channels, sizeof *gain);
    float *shift = snn_allocate((size_t)channels, sizeof *shift);
    snn_status status = gain == NULL || shift == NULL ? snn_out_of_memory("constant") : snn_ok();
    for (int32_t c = 0; c < channels && status.code == SNN_OK; c++) {
        gain[c] = sign;
        shift[c] = per_channel ? constant_sign * values[c] : 0.0f;
    }
    if (status.code == SNN_OK) {
        status = snn_affine_scale(affine, gain, shift);
    }
    if (status.code == SNN_OK && !per_channel) {
        status = snn_affine_expand_offset(affine);
        for (int64_t i = 0; i < positions * channels && status.code == SNN_OK; i++) {
            affine->offset[i] += constant_sign * values[i];
        }
    }
    snn_release(gain);
    snn_release(shift);
    return status;
}

/* A gain for every element: a relay, then a gather that scales. */
static snn_status scale_elements(snn_recognition *recognition, snn_affine *affine, int32_t value, const float *gains)
{
    SNN_TRY(snn_draft_relay_affine(recognition->draft, affine, value));
    size_t count = (size_t)snn_shape_size(affine->shape);
    int32_t *map = snn_allocate(count, sizeof *map);
    if (map == NULL) {
        return snn_out_of_memory("map");
    }
    for (size_t e = 0; e < count; e++) {
        map[e] = (int32_t)e;
    }
    snn_status status = snn_affine_gather(affine, map, affine->shape, affine->order);
    snn_release(map);
    SNN_TRY(status);
    int64_t positions = snn_shape_positions(affine->shape);
    for (int64_t p = 0; p < positions; p++) {
        for (int32_t c = 0; c < affine->shape.channels; c++) {
            affine->terms[0].weights[c * positions + p] *= gains[p * affine->shape.channels + c];
        }
    }
    return snn_ok();
}

static snn_status negate(snn_affine *affine)
{
    float *gain = snn_allocate((size_t)affine->shape.channels, sizeof *gain);
    if (gain == NULL) {
        return snn_out_of_memory("gains");
    }
    for (int32_t c = 0; c < affine->shape.channels; c++) {
        gain[c] = -1.0f;
    }
    snn_status status = snn_affine_scale(affine, gain, NULL);
    snn_release(gain);
    return status;
}

typedef enum arithmetic { ADD, SUBTRACT, MULTIPLY, DIVIDE } arithmetic;

static snn_status with_constant(snn_recognition *recognition, arithmetic what, int32_t constant)
{
    snn_affine affine;
    float *values = NULL;
    bool per_channel = false;
    int32_t activation = 1 - constant;
    if (what == DIVIDE && constant == 0) {
        return snn_fail(SNN_INPUT_ERROR, "a constant divided by an activation is not linear");
    }
    SNN_TRY(snn_draft_take(recognition, activation, &affine));
    snn_status status = laid_out(recognition, constant, &affine, &values, &per_channel);
    int64_t count = snn_shape_size(affine.shape);
    for (int64_t i = 0; i < count && what == DIVIDE && status.code == SNN_OK; i++) {
        values[i] = 1.0f / values[i];
    }
    if (status.code == SNN_OK && (what == ADD || what == SUBTRACT)) {
        float sign = what == SUBTRACT && constant == 0 ? -1.0f : 1.0f;
        float constant_sign = what == SUBTRACT && constant == 1 ? -1.0f : 1.0f;
        status = add_constant(&affine, values, per_channel, sign, constant_sign);
    } else if (status.code == SNN_OK && per_channel) {
        status = snn_affine_scale(&affine, values, NULL);
    } else if (status.code == SNN_OK) {
        status = scale_elements(recognition, &affine, recognition->node->inputs[activation], values);
    }
    snn_release(values);
    snn_recognition_describe(recognition, what == ADD || what == SUBTRACT ? "constant folded into the bias"
                                                                          : "constant folded into the weights");
    return snn_draft_conclude(recognition, &affine, status);
}

snn_status snn_draft_align_layouts(snn_recognition *recognition)
{
    snn_affine *first = &recognition->draft->affines[recognition->node->inputs[0]];
    snn_affine *second = &recognition->draft->affines[recognition->node->inputs[1]];
    bool possible = first->order == second->order && first->shape.channels == second->shape.channels;
    if (possible && !snn_affine_layout_is(second, first->shape, first->order)) {
        snn_affine_relabel(second, first->shape.height, first->shape.width, &possible);
        if (!possible) {
            snn_affine_relabel(first, second->shape.height, second->shape.width, &possible);
        }
    }
    first = &recognition->draft->affines[recognition->node->inputs[0]];
    return snn_draft_require_layout(recognition, 1, first->shape, first->order);
}

static snn_status of_two_activations(snn_recognition *recognition, float sign)
{
    const snn_tensor *a = snn_recognition_input(recognition, 0);
    const snn_tensor *b = snn_recognition_input(recognition, 1);
    if (snn_tensor_elements(a) != snn_tensor_elements(b)) {
        return snn_fail(SNN_INPUT_ERROR, "broadcasting an activation is not supported");
    }
    SNN_TRY(snn_draft_align_layouts(recognition));
    snn_affine affine, other;
    SNN_TRY(snn_draft_take(recognition, 0, &affine));
    snn_status status = snn_draft_take(recognition, 1, &other);
    if (status.code == SNN_OK) {
        status = snn_affine_add(&affine, &other, sign);
        snn_affine_clear(&other);
    }
    snn_recognition_describe(recognition, "sum of currents");
    return snn_draft_conclude(recognition, &affine, status);
}

static snn_status convert_arithmetic(snn_recognition *recognition, arithmetic what)
{
    bool both = snn_recognition_is_activation(recognition, 0) && snn_recognition_is_activation(recognition, 1);
    if (both && (what == ADD || what == SUBTRACT)) {
        return of_two_activations(recognition, what == ADD ? 1.0f : -1.0f);
    }
    if (both) {
        return snn_recognise_binary(recognition, what == MULTIPLY ? SNN_NEURON_PRODUCT : SNN_NEURON_QUOTIENT);
    }
    return with_constant(recognition, what, snn_recognition_is_constant(recognition, 0) ? 0 : 1);
}

static snn_status convert_add(snn_recognition *recognition)
{
    return convert_arithmetic(recognition, ADD);
}
static snn_status convert_sub(snn_recognition *recognition)
{
    return convert_arithmetic(recognition, SUBTRACT);
}
static snn_status convert_neg(snn_recognition *recognition)
{
    snn_affine affine;
    SNN_TRY(snn_draft_take(recognition, 0, &affine));
    snn_recognition_describe(recognition, "sign folded into the weights");
    return snn_draft_conclude(recognition, &affine, negate(&affine));
}
static snn_status convert_mul(snn_recognition *recognition)
{
    return convert_arithmetic(recognition, MULTIPLY);
}
static snn_status convert_div(snn_recognition *recognition)
{
    return convert_arithmetic(recognition, DIVIDE);
}

/* The axis of the ONNX value that runs over the affine value's channels, or -1. */
static int32_t channel_axis(const snn_affine *affine, const snn_tensor *tensor)
{
    bool single = snn_shape_positions(affine->shape) == 1;
    if ((affine->order == SNN_ORDER_CHANNELS_FIRST || single) && tensor->rank >= 2 &&
        (tensor->dims[1] == affine->shape.channels || tensor->rank == 2)) {
        return 1;
    }
    if ((affine->order == SNN_ORDER_CHANNELS_LAST || single) &&
        tensor->dims[tensor->rank - 1] == affine->shape.channels) {
        return tensor->rank - 1;
    }
    return -1;
}

static snn_status natural_for_concat(snn_recognition *recognition, int32_t i, int32_t axis)
{
    const snn_tensor *tensor = snn_recognition_input(recognition, i);
    if (!snn_recognition_is_activation(recognition, i)) {
        return snn_fail(SNN_INPUT_ERROR, "concatenation with a constant is not supported");
    }
    snn_affine *affine = &recognition->draft->affines[recognition->node->inputs[i]];
    if (channel_axis(affine, tensor) == axis) {
        return snn_ok();
    }
    snn_shape shape;
    snn_order order;
    SNN_TRY(snn_affine_natural_layout(tensor->dims, tensor->rank, &shape, &order));
    SNN_TRY(snn_draft_require_layout(recognition, i, shape, order));
    affine = &recognition->draft->affines[recognition->node->inputs[i]];
    if (channel_axis(affine, tensor) != axis) {
        return snn_fail(SNN_INPUT_ERROR, "concatenation along axis %d is not supported; channels expected", axis);
    }
    return snn_ok();
}

static snn_status convert_concat(snn_recognition *recognition)
{
    const snn_node *node = recognition->node;
    const snn_tensor *first_tensor = snn_recognition_input(recognition, 0);
    int32_t axis = (int32_t)snn_node_integer(node, "axis", 1);
    axis = axis < 0 ? axis + first_tensor->rank : axis;
    for (int32_t i = 0; i < node->input_count; i++) {
        SNN_TRY(natural_for_concat(recognition, i, axis));
    }
    const snn_affine *first = &recognition->draft->affines[node->inputs[0]];
    snn_shape shape = first->shape;
    snn_order order = first->order;
    for (int32_t i = 1; i < node->input_count; i++) {
        const snn_affine *next = &recognition->draft->affines[node->inputs[i]];
        if (next->shape.height != shape.height || next->shape.width != shape.width ||
            (next->order != order && snn_shape_positions(shape) != 1)) {
            return snn_fail(SNN_INPUT_ERROR, "concatenation of values that are laid out differently is not supported");
        }
    }
    snn_affine affine;
    SNN_TRY(snn_draft_take(recognition, 0, &affine));
    snn_status status = snn_ok();
    for (int32_t i = 1; i < node->input_count && status.code == SNN_OK; i++) {
        snn_affine next;
        status = snn_draft_take(recognition, i, &next);
        if (status.code == SNN_OK) {
            status = snn_affine_concatenate(&affine, &next);
            snn_affine_clear(&next);
        }
    }
    snn_recognition_describe(recognition, "channels side by side");
    return snn_draft_conclude(recognition, &affine, status);
}

snn_recogniser snn_recogniser_arithmetic(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"BatchNormalization", convert_batch_normalization},
        {"Add", convert_add},
        {"Sub", convert_sub},
        {"Neg", convert_neg},
        {"Mul", convert_mul},
        {"Div", convert_div},
        {"Concat", convert_concat},
    };
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
