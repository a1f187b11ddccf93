/* Maxima: pooling, over axes, and of several values; minima are maxima of what is negated. */
#include <float.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"
#include "core/convert/neurons.h"
#include "core/convert/recognise.h"
#include "core/convert/reduction.h"
#include "core/graph/operators.h" /* snn_window_read */

/* "maximum neurons 16 x 16 x 32" */
static void describe(snn_recognition *recognition, snn_shape shape, const char *extra)
{
    recognition->verdict = SNN_VERDICT_NEURON;
    (void)snprintf(recognition->text, sizeof recognition->text, "%s neurons %d x %d x %d%s",
                   snn_neuron_kind_name(SNN_NEURON_MAXIMUM), shape.height, shape.width, shape.channels, extra);
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
    describe(recognition, shape, extra);
    return snn_ok();
}

static snn_status pool(snn_recognition *recognition, const snn_window *window)
{
    snn_affine affine;
    SNN_TRY(snn_recognition_take(recognition, 0, &affine));
    snn_status status = add_pooling(recognition, &affine, window);
    if (snn_failed(status)) {
        snn_affine_clear(&affine);
        return status;
    }
    snn_recognition_give(recognition, &affine);
    return snn_ok();
}

static snn_status require_image(snn_recognition *recognition, snn_shape *shape)
{
    SNN_TRY(snn_recognition_image_shape(snn_recognition_input(recognition, 0), shape));
    return snn_recognition_require_layout(recognition, 0, *shape, SNN_ORDER_CHANNELS_FIRST);
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

/* ---- over axes ---- */

/* Maximum over `window` of an affine value (taken), or minimum; given as output 0. */
static snn_status give_extreme(snn_recognition *recognition, snn_affine *affine, const snn_window *window, bool minimum,
                               const char *extra)
{
    const snn_node *node = recognition->node;
    snn_shape shape = {snn_window_output(window, 0, affine->shape.height),
                       snn_window_output(window, 1, affine->shape.width), affine->shape.channels};
    snn_status status = minimum ? snn_affine_negate(affine) : snn_ok();
    if (!snn_failed(status)) {
        status = add_maximum(recognition, node->name, affine, window, node->outputs[0], shape);
    }
    if (!snn_failed(status) && minimum) {
        status = snn_affine_negate(affine);
    }
    describe(recognition, shape, extra);
    return snn_recognition_conclude(recognition, affine, status);
}

/* Channels as further rows: channel c of row r becomes row c * height + r. */
static snn_status channels_to_rows(snn_recognition *recognition, snn_affine *affine)
{
    snn_shape from = affine->shape;
    snn_shape to = {from.height * from.channels, from.width, 1};
    int64_t positions = snn_shape_positions(from);
    int32_t *map = snn_allocate((size_t)snn_shape_size(from), sizeof *map);
    if (map == NULL) {
        return snn_out_of_memory("map");
    }
    for (int32_t c = 0; c < from.channels; c++) {
        for (int64_t p = 0; p < positions; p++) {
            map[c * positions + p] = (int32_t)snn_affine_element(affine, p, c);
        }
    }
    snn_status status =
        snn_arrange_into(recognition->draft, affine, recognition->node->inputs[0], map, to, SNN_ORDER_CHANNELS_LAST);
    snn_release(map);
    return status;
}

static snn_status reduce(snn_recognition *recognition, bool minimum)
{
    snn_reduction reduction;
    snn_affine affine;
    SNN_TRY(snn_reduction_read(recognition, &reduction));
    SNN_TRY(snn_recognition_take(recognition, 0, &affine));
    snn_shape shape = affine.shape;
    snn_window window = snn_reduction_window(&reduction, shape);
    if (reduction.channels) {
        snn_status status = channels_to_rows(recognition, &affine);
        if (snn_failed(status)) {
            snn_affine_clear(&affine);
            return status;
        }
        window.dilation[0] = reduction.rows ? 1 : shape.height;
        window.kernel[0] *= shape.channels;
    }
    return give_extreme(recognition, &affine, &window, minimum, minimum ? ", minimum over axes" : ", over axes");
}

static snn_status convert_reduce_max(snn_recognition *recognition)
{
    return reduce(recognition, false);
}

static snn_status convert_reduce_min(snn_recognition *recognition)
{
    return reduce(recognition, true);
}

/* ---- of several values ---- */

/* Moves a plain affine value to place `number` of `count` below each other: rows number * height on. */
static snn_status place(snn_draft *draft, snn_affine *affine, int32_t value, int32_t number, int32_t count)
{
    snn_shape from = affine->shape;
    snn_shape to = {from.height * count, from.width, from.channels};
    int64_t positions = snn_shape_positions(from);
    int32_t *map = snn_allocate((size_t)snn_shape_size(to), sizeof *map);
    if (map == NULL) {
        return snn_out_of_memory("map");
    }
    const snn_affine target = {.shape = to, .order = affine->order};
    for (int64_t p = 0; p < snn_shape_positions(to); p++) {
        for (int32_t c = 0; c < to.channels; c++) {
            map[snn_affine_element(&target, p, c)] =
                p / positions == number ? (int32_t)snn_affine_element(affine, p % positions, c) : -1;
        }
    }
    snn_status status = snn_arrange_into(draft, affine, value, map, to, affine->order);
    snn_release(map);
    return status;
}

/* The place of a constant holds it from the beginning. */
static snn_status place_constant(const snn_recognition *recognition, int32_t number, const snn_affine *like,
                                 snn_affine *stack)
{
    float *values = NULL;
    bool per_channel = false;
    SNN_TRY(snn_arrange_constant(recognition, number, like, &values, &per_channel));
    snn_status status = snn_affine_expand_offset(stack);
    if (!snn_failed(status)) {
        size_t count = (size_t)snn_shape_size(like->shape);
        memcpy(stack->offset + (size_t)number * count, values, count * sizeof *values);
    }
    snn_release(values);
    return status;
}

/* Input `number` below the others; the first activation, `like` (a layout), is in the stack already. */
static snn_status place_input(snn_recognition *recognition, int32_t number, const snn_affine *like, snn_affine *stack)
{
    snn_draft *draft = recognition->draft;
    int32_t value = recognition->node->inputs[number];
    if (snn_recognition_is_constant(recognition, number)) {
        return place_constant(recognition, number, like, stack);
    }
    snn_affine next;
    SNN_TRY(snn_arrange_take_like(recognition, number, like, &next));
    snn_status status = snn_draft_stream_affine(draft, &next, value);
    if (!snn_failed(status)) {
        status = place(draft, &next, value, number, recognition->node->input_count);
    }
    if (!snn_failed(status)) {
        status = snn_affine_add(stack, &next, 1.0f);
    }
    snn_affine_clear(&next);
    return status;
}

/* All inputs below each other, and a window that holds one element of each. */
static snn_status extreme_of_inputs(snn_recognition *recognition, int32_t first, bool minimum)
{
    snn_draft *draft = recognition->draft;
    int32_t count = recognition->node->input_count;
    int32_t value = recognition->node->inputs[first];
    snn_affine stack;
    SNN_TRY(snn_arrange_take_broadcast(recognition, first, &stack));
    const snn_affine like = {.shape = stack.shape, .order = stack.order};
    snn_status status = snn_draft_stream_affine(draft, &stack, value);
    if (!snn_failed(status)) {
        status = place(draft, &stack, value, first, count);
    }
    for (int32_t i = 0; i < count && !snn_failed(status); i++) {
        status = i == first ? snn_ok() : place_input(recognition, i, &like, &stack);
    }
    if (snn_failed(status)) {
        snn_affine_clear(&stack);
        return status;
    }
    const snn_window window = {{count, 1}, {1, 1}, {like.shape.height, 1}, {0, 0}, {0, 0}};
    return give_extreme(recognition, &stack, &window, minimum, minimum ? ", minimum of inputs" : ", of inputs");
}

/* Bounds that constants of one element each set; false if there are others. */
static bool read_bound(const snn_recognition *recognition, int32_t first, bool minimum, float *bound)
{
    *bound = minimum ? FLT_MAX : -FLT_MAX;
    for (int32_t i = 0; i < recognition->node->input_count; i++) {
        const snn_tensor *constant = snn_recognition_input(recognition, i);
        if (i == first) {
            continue;
        }
        if (!snn_recognition_is_constant(recognition, i) || constant->type != SNN_TYPE_FLOAT32 ||
            snn_tensor_elements(constant) != 1) {
            return false;
        }
        float value = *(const float *)constant->data;
        *bound = minimum == (value < *bound) ? value : *bound;
    }
    return true;
}

static snn_status extreme(snn_recognition *recognition, bool minimum)
{
    int32_t first = 0;
    float bound = 0.0f;
    while (!snn_recognition_is_activation(recognition, first)) {
        if (++first == recognition->node->input_count) {
            return snn_fail(SNN_INPUT_ERROR, "none of its inputs is an activation");
        }
    }
    if (recognition->node->input_count > 1 && read_bound(recognition, first, minimum, &bound)) {
        return snn_neurons_unary(recognition, first, SNN_NEURON_CLIP, minimum ? -FLT_MAX : bound,
                                 minimum ? bound : FLT_MAX);
    }
    return extreme_of_inputs(recognition, first, minimum);
}

static snn_status convert_max(snn_recognition *recognition)
{
    return extreme(recognition, false);
}

static snn_status convert_min(snn_recognition *recognition)
{
    return extreme(recognition, true);
}

/* ---- PRelu: max(x, a x) where the slope a is at most 1, -max(-x, -a x) where it is more ---- */

static snn_status prelu_of_channels(snn_recognition *recognition, snn_affine *x, float *slopes)
{
    snn_draft *draft = recognition->draft;
    int32_t value = recognition->node->inputs[0];
    int32_t channels = x->shape.channels;
    const snn_window window = {{2, 1}, {1, 1}, {x->shape.height, 1}, {0, 0}, {0, 0}};
    snn_affine sloped;
    float *signs = snn_allocate((size_t)channels, sizeof *signs);
    snn_status status = signs == NULL ? snn_out_of_memory("signs") : snn_draft_stream_affine(draft, x, value);
    SNN_GOTO_DONE(status, status);
    for (int32_t c = 0; c < channels; c++) {
        signs[c] = slopes[c] > 1.0f ? -1.0f : 1.0f;
        slopes[c] *= signs[c];
    }
    SNN_GOTO_DONE(status, snn_affine_copy(x, &sloped));
    status = snn_affine_scale(&sloped, slopes, NULL);
    status = !snn_failed(status) ? snn_affine_scale(x, signs, NULL) : status;
    status = !snn_failed(status) ? place(draft, &sloped, value, 1, 2) : status;
    status = !snn_failed(status) ? place(draft, x, value, 0, 2) : status;
    status = !snn_failed(status) ? snn_affine_add(x, &sloped, 1.0f) : status;
    snn_affine_clear(&sloped);
    SNN_GOTO_DONE(status, status);
    SNN_GOTO_DONE(status, give_extreme(recognition, x, &window, false, ", of x and its slope times x"));
    status = snn_affine_scale(&draft->affines[recognition->node->outputs[0]], signs, NULL);
done:
    snn_release(signs);
    return status;
}

static snn_status convert_prelu(snn_recognition *recognition)
{
    const snn_tensor *slope = NULL;
    snn_affine x;
    float *slopes = NULL;
    bool per_channel = false;
    SNN_TRY(snn_recognition_constant(recognition, 1, &slope));
    if (snn_tensor_elements(slope) == 1) {
        return snn_neurons_unary(recognition, 0, SNN_NEURON_LEAKY_RELU, *(const float *)slope->data, 0.0f);
    }
    SNN_TRY(snn_recognition_take(recognition, 0, &x));
    snn_status status = snn_arrange_constant(recognition, 1, &x, &slopes, &per_channel);
    if (!snn_failed(status) && !per_channel) {
        status = snn_fail(SNN_INPUT_ERROR, "slopes that differ from position to position are not supported");
    }
    if (!snn_failed(status)) {
        status = prelu_of_channels(recognition, &x, slopes);
    }
    snn_affine_clear(&x);
    snn_release(slopes);
    return status;
}

snn_recogniser snn_recogniser_maximum(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"MaxPool", convert_max_pool},
        {"GlobalMaxPool", convert_global_max_pool},
        {"ReduceMax", convert_reduce_max},
        {"ReduceMin", convert_reduce_min},
        {"Max", convert_max},
        {"Min", convert_min},
        {"PRelu", convert_prelu},
    };
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
