/* Nonlinear nodes of several decoded inputs: normalisation, attention, softmax, products and quotients of activations.
 * Their inputs are read as plain terms: from spiking populations, or from streams that keep sums exactly. */
#include <stdio.h>
#include <string.h>

#include "core/convert/arrange.h"

/* A population over `input` (taken), whose outputs are laid out like `shape` and `order`; given as output 0. */
static snn_status add_nary(snn_recognition *recognition, snn_neuron_kind kind, snn_affine *input, snn_shape shape,
                           float alpha, int32_t groups)
{
    const snn_node *node = recognition->node;
    snn_order order = input->order;
    snn_draft_population *population = NULL;
    snn_status status =
        snn_draft_add_population(recognition->draft, node->name, kind, input, shape, node->outputs[0], &population);
    if (status.code != SNN_OK) {
        snn_affine_clear(input);
        return status;
    }
    population->alpha = alpha;
    population->groups = groups;
    recognition->verdict = SNN_VERDICT_NEURON;
    (void)snprintf(recognition->text, sizeof recognition->text, "%s neurons %d x %d x %d", snn_neuron_kind_name(kind),
                   shape.height, shape.width, shape.channels);
    SNN_TRY(snn_affine_identity(input, recognition->draft->population_count - 1, shape, order));
    snn_draft_give(recognition, input);
    return snn_ok();
}

/* Input i with plain terms. */
static snn_status take_decoded(snn_recognition *recognition, int32_t i, snn_affine *affine)
{
    int32_t value = recognition->node->inputs[i];
    if (!snn_recognition_is_activation(recognition, i)) {
        return snn_fail(SNN_INPUT_ERROR, "input %d is not an activation", i);
    }
    SNN_TRY(snn_draft_stream_affine(recognition->draft, &recognition->draft->affines[value], value));
    return snn_draft_take(recognition, i, affine);
}

snn_status snn_recognise_channels_last(snn_recognition *recognition, int32_t i)
{
    const snn_tensor *tensor = snn_recognition_input(recognition, i);
    const snn_affine *affine = &recognition->draft->affines[recognition->node->inputs[i]];
    int64_t last = tensor->dims[tensor->rank - 1];
    snn_shape shape = affine->shape;
    if (shape.channels != last) {
        shape = (snn_shape){1, (int32_t)(snn_tensor_elements(tensor) / last), (int32_t)last};
    }
    return snn_draft_require_layout(recognition, i, shape, SNN_ORDER_CHANNELS_LAST);
}

/* Gain or shift of a normalisation as given by input i: one value per channel, or NULL where it is left out. */
static snn_status channel_constant(const snn_recognition *recognition, int32_t i, int32_t channels,
                                   const float **values)
{
    const snn_tensor *tensor = NULL;
    *values = NULL;
    if (i >= recognition->node->input_count || recognition->node->inputs[i] == SNN_NO_VALUE) {
        return snn_ok();
    }
    SNN_TRY(snn_recognition_constant(recognition, i, &tensor));
    if (snn_tensor_elements(tensor) != channels) {
        return snn_fail(SNN_INPUT_ERROR, "input %d has %lld elements for %d channels", i,
                        (long long)snn_tensor_elements(tensor), channels);
    }
    *values = tensor->data;
    return snn_ok();
}

static snn_status convert_layer_normalization(snn_recognition *recognition)
{
    const snn_tensor *tensor = snn_recognition_input(recognition, 0);
    bool pattern = recognition->pattern != NULL;
    float epsilon = pattern ? recognition->pattern->parameter : snn_node_real(recognition->node, "epsilon", 1e-5f);
    int64_t axis = snn_node_integer(recognition->node, "axis", -1);
    const float *gain = NULL;
    const float *shift = NULL;
    if (axis != -1 && axis != tensor->rank - 1) {
        return snn_fail(SNN_INPUT_ERROR, "normalisation over more than the last axis is not supported");
    }
    SNN_TRY(snn_recognise_channels_last(recognition, 0));
    int32_t channels = (int32_t)tensor->dims[tensor->rank - 1];
    SNN_TRY(channel_constant(recognition, 1, channels, &gain));
    SNN_TRY(channel_constant(recognition, 2, channels, &shift));
    snn_affine affine;
    if (recognition->draft->options.layernorm == SNN_FORM_DECOMPOSED) {
        SNN_TRY(snn_draft_take(recognition, 0, &affine));
        return snn_decompose_layer_normalization(recognition, &affine, epsilon, gain, shift);
    }
    SNN_TRY(take_decoded(recognition, 0, &affine));
    SNN_TRY(add_nary(recognition, SNN_NEURON_LAYER_NORM, &affine, affine.shape, epsilon, 1));
    if (gain == NULL && shift == NULL) {
        return snn_ok();
    }
    /* The population tracks the normalised value itself, which the graph does not hold: its scale is found from the
     * output's by undoing gain and shift (calibrate.c). */
    snn_draft_population *population = &recognition->draft->populations[recognition->draft->population_count - 1];
    population->value_gain = gain;
    population->value_shift = shift;
    return snn_affine_scale(&recognition->draft->affines[recognition->node->outputs[0]], gain, shift);
}

static snn_status convert_attention(snn_recognition *recognition)
{
    snn_affine all;
    memset(&all, 0, sizeof all);
    snn_shape shape = {0, 0, 0};
    for (int32_t i = 0; i < 3; i++) {
        SNN_TRY(snn_recognise_channels_last(recognition, i));
    }
    if (recognition->draft->options.attention == SNN_FORM_DECOMPOSED) {
        return snn_decompose_attention(recognition);
    }
    snn_status status = snn_ok();
    for (int32_t i = 0; i < 3 && status.code == SNN_OK; i++) {
        snn_affine operand;
        status = snn_draft_take(recognition, i, i == 0 ? &all : &operand);
        if (status.code == SNN_OK && i == 0) {
            shape = all.shape;
        } else if (status.code == SNN_OK) {
            status = snn_affine_concatenate(&all, &operand);
            snn_affine_clear(&operand);
        }
    }
    if (status.code == SNN_OK) {
        /* q, k and v side by side: one stream if they are products. */
        status = snn_draft_stream_affine(recognition->draft, &all, recognition->node->outputs[0]);
    }
    if (status.code != SNN_OK) {
        snn_affine_clear(&all);
        return status;
    }
    return add_nary(recognition, SNN_NEURON_ATTENTION, &all, shape, recognition->pattern->parameter,
                    recognition->pattern->groups);
}

static snn_status convert_softmax(snn_recognition *recognition)
{
    const snn_tensor *tensor = snn_recognition_input(recognition, 0);
    int64_t axis = snn_node_integer(recognition->node, "axis", recognition->draft->graph->opset >= 13 ? -1 : 1);
    if (axis != -1 && axis != tensor->rank - 1) {
        return snn_fail(SNN_INPUT_ERROR, "softmax over axis %lld; the last expected", (long long)axis);
    }
    SNN_TRY(snn_recognise_channels_last(recognition, 0));
    snn_affine affine;
    SNN_TRY(take_decoded(recognition, 0, &affine));
    if (recognition->draft->options.softmax == SNN_FORM_DECOMPOSED) {
        return snn_decompose_softmax(recognition, &affine);
    }
    return add_nary(recognition, SNN_NEURON_SOFTMAX, &affine, affine.shape, 0.0f, 1);
}

snn_status snn_recognise_binary(snn_recognition *recognition, snn_neuron_kind kind)
{
    const float smallest_divisor = 1e-6f;
    snn_affine affine, other;
    SNN_TRY(snn_arrange_take_pair(recognition, 0, 1, &affine, &other));
    snn_shape shape = affine.shape;
    snn_status status = snn_draft_stream_affine(recognition->draft, &affine, recognition->node->inputs[0]);
    if (status.code == SNN_OK) {
        status = snn_draft_stream_affine(recognition->draft, &other, recognition->node->inputs[1]);
    }
    if (status.code == SNN_OK) {
        status = snn_affine_concatenate(&affine, &other);
    }
    snn_affine_clear(&other);
    if (status.code != SNN_OK) {
        snn_affine_clear(&affine);
        return status;
    }
    bool quotient = kind == SNN_NEURON_QUOTIENT;
    return add_nary(recognition, kind, &affine, shape, quotient ? smallest_divisor : 0.0f,
                    quotient ? shape.channels : 1);
}

snn_recogniser snn_recogniser_nary(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"LayerNormalization", convert_layer_normalization},
        {"Attention", convert_attention},
        {"Softmax", convert_softmax},
    };
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
