/* Sums, differences, gains and normalisation by constants. */
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"
#include "core/convert/neurons.h"
#include "core/convert/recognise.h"

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
    snn_order order = input->rank == 2 ? SNN_ORDER_CHANNELS_LAST : SNN_ORDER_CHANNELS_FIRST;
    snn_shape shape = {1, (int32_t)(snn_tensor_elements(input) / channels), channels};
    if (input->rank == 4) {
        SNN_TRY(snn_recognition_image_shape(input, &shape));
    } else if (input->rank != 2) {
        SNN_TRY(snn_recognition_one_image(input));
    }
    if (now->shape.channels != channels || !snn_affine_layout_is(now, now->shape, order)) {
        SNN_TRY(snn_recognition_require_layout(recognition, 0, shape, order));
    }
    float *gain = snn_allocate((size_t)channels, sizeof *gain);
    float *shift = snn_allocate((size_t)channels, sizeof *shift);
    snn_affine affine;
    memset(&affine, 0, sizeof affine);
    snn_status status = gain == NULL || shift == NULL ? snn_out_of_memory("batch normalisation") : snn_ok();
    if (!snn_failed(status)) {
        status = snn_recognition_take(recognition, 0, &affine);
    }
    if (!snn_failed(status)) {
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
    return snn_recognition_conclude(recognition, &affine, status);
}

/* A gain for every element: of a gather, in front of which there may have to be a relay. */
static snn_status scale_elements(snn_recognition *recognition, snn_affine *affine, int32_t value, const float *gains)
{
    int32_t channels = affine->shape.channels;
    int64_t positions = snn_shape_positions(affine->shape);
    if (affine->term_count != 1 || affine->terms[0].op.kind != SNN_OPERATOR_GATHER || affine->offset != NULL) {
        size_t count = (size_t)snn_shape_size(affine->shape);
        SNN_TRY(snn_draft_relay_affine(recognition->draft, affine, value));
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
    }
    snn_term *term = &affine->terms[0];
    for (int64_t p = 0; p < positions; p++) {
        for (int32_t c = 0; c < term->op.target_channels; c++) {
            term->weights[c * positions + p] *= gains[p * channels + term->op.target_channel + c];
        }
    }
    return snn_ok();
}

/* constant / x: reciprocals, times the constant. The graph holds no reciprocals, so that the population's scale is
 * found from the quotients by undoing the constant. */
static snn_status constant_over(snn_recognition *recognition)
{
    const float smallest_divisor = 1e-6f; /* by magnitude */
    snn_draft *draft = recognition->draft;
    float *values = NULL;
    bool per_channel = false;
    SNN_TRY(snn_neurons_unary(recognition, 1, SNN_NEURON_RECIPROCAL, smallest_divisor, 0.0f));
    snn_affine *result = &draft->affines[recognition->node->outputs[0]];
    SNN_TRY(snn_arrange_constant(recognition, 0, result, &values, &per_channel));
    snn_draft_population *population = snn_draft_last(draft);
    population->own_constants = values;
    for (int32_t c = 0; c < result->shape.channels && per_channel; c++) {
        per_channel = values[c] != 0.0f;
    }
    if (!per_channel) {
        return snn_fail(SNN_INPUT_ERROR, "a constant that is 0 or differs from position to position, divided by an "
                                         "activation, is not supported");
    }
    population->value_gain = values;
    return snn_affine_scale(result, values, NULL);
}

typedef enum arithmetic { ADD, SUBTRACT, MULTIPLY, DIVIDE } arithmetic;

static snn_status with_constant(snn_recognition *recognition, arithmetic what, int32_t constant)
{
    snn_affine affine;
    float *values = NULL;
    bool per_channel = false;
    int32_t activation = 1 - constant;
    if (what == DIVIDE && constant == 0) {
        return constant_over(recognition);
    }
    SNN_TRY(snn_arrange_take_broadcast(recognition, activation, &affine));
    snn_status status = snn_arrange_constant(recognition, constant, &affine, &values, &per_channel);
    int64_t count = snn_shape_size(affine.shape);
    for (int64_t i = 0; i < count && what == DIVIDE && !snn_failed(status); i++) {
        values[i] = 1.0f / values[i];
    }
    if (!snn_failed(status) && (what == ADD || what == SUBTRACT)) {
        float sign = what == SUBTRACT && constant == 0 ? -1.0f : 1.0f;
        float constant_sign = what == SUBTRACT && constant == 1 ? -1.0f : 1.0f;
        status = snn_affine_add_constant(&affine, values, per_channel, sign, constant_sign);
    } else if (!snn_failed(status) && per_channel) {
        status = snn_affine_scale(&affine, values, NULL);
    } else if (!snn_failed(status)) {
        status = scale_elements(recognition, &affine, recognition->node->inputs[activation], values);
    }
    snn_release(values);
    snn_recognition_describe(recognition, what == ADD || what == SUBTRACT ? "constant folded into the bias"
                                                                          : "constant folded into the weights");
    return snn_recognition_conclude(recognition, &affine, status);
}

static snn_status of_two_activations(snn_recognition *recognition, float sign)
{
    snn_draft *draft = recognition->draft;
    const snn_node *node = recognition->node;
    snn_affine affine, other;
    SNN_TRY(snn_arrange_take_pair(recognition, 0, 1, &affine, &other));
    snn_status status = snn_draft_relay_cut_streams(draft, &affine, node->inputs[0]);
    if (!snn_failed(status)) {
        status = snn_draft_relay_cut_streams(draft, &other, node->inputs[1]);
    }
    if (!snn_failed(status)) {
        status = snn_affine_add(&affine, &other, sign);
    }
    snn_affine_clear(&other);
    snn_recognition_describe(recognition, "sum of currents");
    return snn_recognition_conclude(recognition, &affine, status);
}

static snn_status add_operand(snn_recognition *recognition, int32_t i, snn_affine *sum)
{
    if (snn_recognition_is_constant(recognition, i)) {
        float *values = NULL;
        bool per_channel = false;
        snn_status status = snn_arrange_constant(recognition, i, sum, &values, &per_channel);
        status = !snn_failed(status) ? snn_affine_add_constant(sum, values, per_channel, 1.0f, 1.0f) : status;
        snn_release(values);
        return status;
    }
    snn_affine next;
    SNN_TRY(snn_arrange_take_like(recognition, i, sum, &next));
    snn_status status = snn_draft_relay_cut_streams(recognition->draft, &next, recognition->node->inputs[i]);
    status = !snn_failed(status) ? snn_affine_add(sum, &next, 1.0f) : status;
    snn_affine_clear(&next);
    return status;
}

/* Any number of activations and constants. */
static snn_status convert_sum(snn_recognition *recognition)
{
    snn_affine sum;
    int32_t first = 0;
    while (!snn_recognition_is_activation(recognition, first)) {
        first++; /* there is one, or the node would be folded */
    }
    SNN_TRY(snn_arrange_take_broadcast(recognition, first, &sum));
    snn_status status = snn_draft_relay_cut_streams(recognition->draft, &sum, recognition->node->inputs[first]);
    for (int32_t i = 0; i < recognition->node->input_count && !snn_failed(status); i++) {
        status = i == first ? snn_ok() : add_operand(recognition, i, &sum);
    }
    snn_recognition_describe(recognition, "sum of currents");
    return snn_recognition_conclude(recognition, &sum, status);
}

static snn_status convert_arithmetic(snn_recognition *recognition, arithmetic what)
{
    bool both = snn_recognition_is_activation(recognition, 0) && snn_recognition_is_activation(recognition, 1);
    if (both && (what == ADD || what == SUBTRACT)) {
        return of_two_activations(recognition, what == ADD ? 1.0f : -1.0f);
    }
    if (both) {
        return snn_neurons_binary(recognition, what == MULTIPLY ? SNN_NEURON_PRODUCT : SNN_NEURON_QUOTIENT);
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
    SNN_TRY(snn_recognition_take(recognition, 0, &affine));
    snn_recognition_describe(recognition, "sign folded into the weights");
    return snn_recognition_conclude(recognition, &affine, snn_affine_negate(&affine));
}
static snn_status convert_mul(snn_recognition *recognition)
{
    return convert_arithmetic(recognition, MULTIPLY);
}
static snn_status convert_div(snn_recognition *recognition)
{
    return convert_arithmetic(recognition, DIVIDE);
}

snn_recogniser snn_recogniser_arithmetic(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"BatchNormalization", convert_batch_normalization},
        {"Add", convert_add},
        {"Sub", convert_sub},
        {"Sum", convert_sum},
        {"Neg", convert_neg},
        {"Mul", convert_mul},
        {"Div", convert_div},
    };
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
