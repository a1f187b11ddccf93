/* Nonlinear nodes: each becomes a population. */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "core/convert/neurons.h"
#include "core/convert/recognise.h"

/* Operators that are one neuron kind, with the attributes that are its parameters and their defaults. */
typedef struct unary {
    const char *operator;
    snn_neuron_kind kind;
    const char *alpha, *beta; /* attributes; NULL: the default stands */
    float default_alpha, default_beta;
} unary;

static const unary unaries[] = {
    {"Relu", SNN_NEURON_RELU, NULL, NULL, 0.0f, 0.0f},
    {"LeakyRelu", SNN_NEURON_LEAKY_RELU, "alpha", NULL, 0.01f, 0.0f},
    {"Abs", SNN_NEURON_ABS, NULL, NULL, 0.0f, 0.0f},
    {"Exp", SNN_NEURON_EXP, NULL, NULL, 0.0f, 0.0f},
    {"Sqrt", SNN_NEURON_SQRT, NULL, NULL, 0.0f, 0.0f},
    {"Reciprocal", SNN_NEURON_RECIPROCAL, NULL, NULL, 1e-6f, 0.0f},
    {"Tanh", SNN_NEURON_TANH, NULL, NULL, 0.0f, 0.0f},
    {"Sigmoid", SNN_NEURON_SIGMOID, NULL, NULL, 0.0f, 0.0f},
    {"Silu", SNN_NEURON_SILU, NULL, NULL, 0.0f, 0.0f},
    {"Elu", SNN_NEURON_ELU, "alpha", NULL, 1.0f, 0.0f},
    {"Selu", SNN_NEURON_SELU, "alpha", "gamma", 1.67326319f, 1.05070102f},
    {"Celu", SNN_NEURON_CELU, "alpha", NULL, 1.0f, 0.0f},
    {"Softplus", SNN_NEURON_SOFTPLUS, NULL, NULL, 0.0f, 0.0f},
    {"Softsign", SNN_NEURON_SOFTSIGN, NULL, NULL, 0.0f, 0.0f},
    {"Mish", SNN_NEURON_MISH, NULL, NULL, 0.0f, 0.0f},
    {"HardSwish", SNN_NEURON_HARD_SWISH, NULL, NULL, 0.0f, 0.0f},
    {"HardSigmoid", SNN_NEURON_HARD_SIGMOID, "alpha", "beta", 0.2f, 0.5f},
    {"ThresholdedRelu", SNN_NEURON_THRESHOLDED_RELU, "alpha", NULL, 1.0f, 0.0f},
    {"Shrink", SNN_NEURON_SHRINK, "lambd", "bias", 0.5f, 0.0f},
    {"Erf", SNN_NEURON_ERF, NULL, NULL, 0.0f, 0.0f},
};

static const unary *find_unary(const char *operator_name)
{
    for (size_t i = 0; i < sizeof unaries / sizeof unaries[0]; i++) {
        if (strcmp(unaries[i].operator, operator_name) == 0) {
            return &unaries[i];
        }
    }
    return NULL;
}

static snn_status convert_unary(snn_recognition *recognition)
{
    const unary *found = find_unary(recognition->node->operator);
    float alpha = found->default_alpha;
    float beta = found->default_beta;
    alpha = found->alpha != NULL ? snn_node_real(recognition->node, found->alpha, alpha) : alpha;
    beta = found->beta != NULL ? snn_node_real(recognition->node, found->beta, beta) : beta;
    return snn_neurons_unary(recognition, 0, found->kind, alpha, beta);
}

static snn_status convert_gelu(snn_recognition *recognition)
{
    bool tanh_form = recognition->pattern != NULL
                         ? recognition->pattern->parameter != 0.0f
                         : strcmp(snn_node_text(recognition->node, "approximate", "none"), "tanh") == 0;
    return snn_neurons_unary(recognition, 0, tanh_form ? SNN_NEURON_GELU_TANH : SNN_NEURON_GELU, 0.0f, 0.0f);
}

/* A bound of Clip: an attribute before opset 11, an input since. */
static snn_status clip_bound(const snn_recognition *recognition, const char *name, int32_t input, float fallback,
                             float *bound)
{
    const snn_tensor *tensor = NULL;
    *bound = snn_node_real(recognition->node, name, fallback);
    if (input >= recognition->node->input_count || recognition->node->inputs[input] == SNN_NO_VALUE) {
        return snn_ok();
    }
    SNN_TRY(snn_recognition_constant(recognition, input, &tensor));
    *bound = *(const float *)tensor->data;
    return snn_ok();
}

static snn_status convert_clip(snn_recognition *recognition)
{
    float low = 0.0f, high = 0.0f;
    SNN_TRY(clip_bound(recognition, "min", 1, -FLT_MAX, &low));
    SNN_TRY(clip_bound(recognition, "max", 2, FLT_MAX, &high));
    return snn_neurons_unary(recognition, 0, SNN_NEURON_CLIP, low, high);
}

static snn_status convert_pow(snn_recognition *recognition)
{
    float power = 0.0f;
    if (!snn_recognition_is_constant(recognition, 1) || !snn_recognition_is_activation(recognition, 0)) {
        return snn_fail(SNN_INPUT_ERROR, "the exponent depends on the image; a constant expected");
    }
    if (!snn_tensor_uniform(snn_recognition_input(recognition, 1), &power)) {
        return snn_fail(SNN_INPUT_ERROR, "exponents that differ from element to element are not supported");
    }
    if (power != 2.0f && power != 0.5f) {
        return snn_fail(SNN_INPUT_ERROR, "power %g; 2, 3, 4, quarters up to 3/2, -1 and -1/2 are supported",
                        (double)power);
    }
    return snn_neurons_unary(recognition, 0, power == 2.0f ? SNN_NEURON_SQUARE : SNN_NEURON_SQRT, 0.0f, 0.0f);
}

snn_recogniser snn_recogniser_neuron(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"Gelu", convert_gelu},
        {"Clip", convert_clip},
        {"Pow", convert_pow},
    };
    snn_recogniser found = snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
    return found == NULL && find_unary(operator_name) != NULL ? convert_unary : found;
}
