/* Nonlinear nodes: each becomes a population. */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "core/convert/draft_internal.h"

/* "relu neurons 16 x 16 x 32" */
static void describe(snn_recognition *recognition, snn_neuron_kind kind, snn_shape shape, const char *extra)
{
    recognition->verdict = SNN_VERDICT_NEURON;
    (void)snprintf(recognition->text, sizeof recognition->text, "%s neurons %d x %d x %d%s", snn_neuron_kind_name(kind),
                   shape.height, shape.width, shape.channels, extra);
}

static snn_status add_unary(snn_recognition *recognition, snn_neuron_kind kind, float alpha, float beta)
{
    snn_affine affine;
    snn_draft_population *population = NULL;
    SNN_TRY(snn_draft_take(recognition, 0, &affine));
    snn_shape shape = affine.shape;
    snn_order order = affine.order;
    snn_status status = snn_draft_add_population(recognition->draft, recognition->node->name, kind, &affine, shape,
                                                 recognition->node->outputs[0], &population);
    if (status.code != SNN_OK) {
        snn_affine_clear(&affine);
        return status;
    }
    population->alpha = alpha;
    population->beta = beta;
    describe(recognition, kind, shape, "");
    SNN_TRY(snn_affine_identity(&affine, recognition->draft->population_count - 1, shape, order));
    snn_draft_give(recognition, &affine);
    return snn_ok();
}

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
    return add_unary(recognition, found->kind, alpha, beta);
}

static snn_status convert_gelu(snn_recognition *recognition)
{
    bool tanh_form = recognition->pattern != NULL
                         ? recognition->pattern->parameter != 0.0f
                         : strcmp(snn_node_text(recognition->node, "approximate", "none"), "tanh") == 0;
    return add_unary(recognition, tanh_form ? SNN_NEURON_GELU_TANH : SNN_NEURON_GELU, 0.0f, 0.0f);
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
    return add_unary(recognition, SNN_NEURON_CLIP, low, high);
}

static snn_status convert_pow(snn_recognition *recognition)
{
    const snn_tensor *exponent = NULL;
    SNN_TRY(snn_recognition_constant(recognition, 1, &exponent));
    float power = *(const float *)exponent->data;
    if (snn_tensor_elements(exponent) != 1 || (power != 2.0f && power != 0.5f)) {
        return snn_fail(SNN_INPUT_ERROR, "power %g; 2 and 0.5 are supported", (double)power);
    }
    return add_unary(recognition, power == 2.0f ? SNN_NEURON_SQUARE : SNN_NEURON_SQRT, 0.0f, 0.0f);
}

/* One population of maxima over `window`; `value` gives its scale. */
static snn_status add_maximum(snn_recognition *recognition, const char *name, snn_affine *affine,
                              const snn_window *window, int32_t value, snn_shape value_shape)
{
    snn_shape shape = {snn_window_output(window, 0, affine->shape.height),
                       snn_window_output(window, 1, affine->shape.width), affine->shape.channels};
    snn_draft_population *population = NULL;
    snn_order order = affine->order;
    SNN_TRY(snn_draft_add_population(recognition->draft, name, SNN_NEURON_MAXIMUM, affine, shape, value, &population));
    population->window = *window;
    population->value_layout.shape = value_shape;
    return snn_affine_identity(affine, recognition->draft->population_count - 1, shape, order);
}

/* The part of a window along one axis, the identity along the other. */
static snn_window window_along(const snn_window *window, int axis)
{
    snn_window part = *window;
    int other = 1 - axis;
    part.kernel[other] = part.stride[other] = part.dilation[other] = 1;
    part.pad_begin[other] = part.pad_end[other] = 0;
    return part;
}

static snn_status add_pooling(snn_recognition *recognition, snn_affine *affine, const snn_window *window)
{
    const snn_node *node = recognition->node;
    snn_shape from = affine->shape;
    snn_shape shape = {snn_window_output(window, 0, from.height), snn_window_output(window, 1, from.width),
                       from.channels};
    char name[256];
    char extra[64];
    (void)snprintf(extra, sizeof extra, ", maximum of %d x %d%s", window->kernel[0], window->kernel[1],
                   recognition->draft->options.maxpool == SNN_FORM_DECOMPOSED ? ", rows then columns" : "");
    if (recognition->draft->options.maxpool == SNN_FORM_DECOMPOSED) {
        /* A maximum over rows never exceeds the input's own range, so the input gives its scale. */
        snn_window rows = window_along(window, 1);
        (void)snprintf(name, sizeof name, "%.200s/rows", node->name);
        SNN_TRY(add_maximum(recognition, name, affine, &rows, node->inputs[0], from));
        snn_window columns = window_along(window, 0);
        SNN_TRY(add_maximum(recognition, node->name, affine, &columns, node->outputs[0], shape));
    } else {
        SNN_TRY(add_maximum(recognition, node->name, affine, window, node->outputs[0], shape));
    }
    describe(recognition, SNN_NEURON_MAXIMUM, shape, extra);
    return snn_ok();
}

static snn_status pool(snn_recognition *recognition, const snn_window *window)
{
    snn_affine affine;
    SNN_TRY(snn_draft_take(recognition, 0, &affine));
    snn_status status = add_pooling(recognition, &affine, window);
    if (status.code != SNN_OK) {
        snn_affine_clear(&affine);
        return status;
    }
    snn_draft_give(recognition, &affine);
    return snn_ok();
}

static snn_status require_image(snn_recognition *recognition, snn_shape *shape)
{
    SNN_TRY(snn_recognition_image_shape(snn_recognition_input(recognition, 0), shape));
    return snn_draft_require_layout(recognition, 0, *shape, SNN_ORDER_CHANNELS_FIRST);
}

static snn_status convert_max_pool(snn_recognition *recognition)
{
    snn_shape shape;
    snn_window window;
    SNN_TRY(require_image(recognition, &shape));
    const int64_t size[2] = {shape.height, shape.width};
    SNN_TRY(snn_window_read(recognition->node, size, NULL, &window));
    return pool(recognition, &window);
}

static snn_status convert_global_max_pool(snn_recognition *recognition)
{
    snn_shape shape;
    SNN_TRY(require_image(recognition, &shape));
    snn_window window = {{shape.height, shape.width}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    return pool(recognition, &window);
}

snn_recogniser snn_recogniser_neuron(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"Gelu", convert_gelu},
        {"Clip", convert_clip},
        {"Pow", convert_pow},
        {"MaxPool", convert_max_pool},
        {"GlobalMaxPool", convert_global_max_pool},
    };
    snn_recogniser found = snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
    return found == NULL && find_unary(operator_name) != NULL ? convert_unary : found;
}
