/* Nonlinear nodes: each becomes a population. */
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

static snn_status add_unary(snn_recognition *recognition, snn_neuron_kind kind, float alpha)
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
    describe(recognition, kind, shape, "");
    SNN_TRY(snn_affine_identity(&affine, recognition->draft->population_count - 1, shape, order));
    snn_draft_give(recognition, &affine);
    return snn_ok();
}

static snn_status convert_relu(snn_recognition *recognition)
{
    return add_unary(recognition, SNN_NEURON_RELU, 0.0f);
}

static snn_status convert_leaky_relu(snn_recognition *recognition)
{
    float alpha = snn_node_real(recognition->node, "alpha", 0.01f);
    return add_unary(recognition, SNN_NEURON_LEAKY_RELU, alpha);
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
        {"Relu", convert_relu},
        {"LeakyRelu", convert_leaky_relu},
        {"MaxPool", convert_max_pool},
        {"GlobalMaxPool", convert_global_max_pool},
    };
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
