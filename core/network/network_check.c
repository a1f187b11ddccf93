#include "core/network/network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

/* Larger windows are not found in networks; the bound keeps every product below within 64 bits. */
enum { WINDOW_LIMIT = 65536 };

static snn_status check_shape(snn_shape shape)
{
    /* Elements are numbered with int32_t (gather). */
    if (shape.height < 1 || shape.width < 1 || shape.channels < 1 ||
        snn_shape_positions(shape) > INT32_MAX / shape.channels) {
        return snn_fail(SNN_INPUT_ERROR, "shape %dx%dx%d: expected sizes of at least 1 and fewer than 2^31 elements",
                        shape.height, shape.width, shape.channels);
    }
    return snn_ok();
}

static bool same_shape(snn_shape a, snn_shape b)
{
    return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

static snn_status check_same_shape(snn_shape found, snn_shape expected)
{
    if (!same_shape(found, expected)) {
        return snn_fail(SNN_INPUT_ERROR, "shape %dx%dx%d, expected %dx%dx%d", found.height, found.width, found.channels,
                        expected.height, expected.width, expected.channels);
    }
    return snn_ok();
}

/* The window is sane and fits an input of that shape at least once. */
static snn_status check_window(const snn_window *window, snn_shape shape)
{
    const int32_t sizes[2] = {shape.height, shape.width};
    for (int axis = 0; axis < 2; axis++) {
        int32_t kernel = window->kernel[axis], stride = window->stride[axis], dilation = window->dilation[axis];
        int32_t begin = window->pad_begin[axis], end = window->pad_end[axis];
        if (kernel < 1 || kernel > WINDOW_LIMIT || stride < 1 || stride > WINDOW_LIMIT || dilation < 1 ||
            dilation > WINDOW_LIMIT || begin < 0 || begin > WINDOW_LIMIT || end < 0 || end > WINDOW_LIMIT) {
            return snn_fail(SNN_INPUT_ERROR,
                            "window axis %d: kernel %d, stride %d, dilation %d, padding %d and %d: expected the first "
                            "three in 1..%d and padding in 0..%d",
                            axis, kernel, stride, dilation, begin, end, WINDOW_LIMIT, WINDOW_LIMIT);
        }
        int64_t extent = (int64_t)(kernel - 1) * dilation + 1;
        int64_t padded = (int64_t)sizes[axis] + begin + end;
        if (extent > padded) {
            return snn_fail(SNN_INPUT_ERROR, "window axis %d: spans %lld, wider than the padded input's %lld", axis,
                            (long long)extent, (long long)padded);
        }
        if ((padded - extent) / stride + 1 > INT32_MAX) {
            return snn_fail(SNN_INPUT_ERROR, "window axis %d: more than 2^31 outputs", axis);
        }
    }
    return snn_ok();
}

static snn_status check_window_output(const snn_window *window, snn_shape from, snn_shape to)
{
    int32_t height = snn_window_output(window, 0, from.height);
    int32_t width = snn_window_output(window, 1, from.width);
    if (height != to.height || width != to.width) {
        return snn_fail(SNN_INPUT_ERROR, "window gives %dx%d, expected %dx%d", height, width, to.height, to.width);
    }
    return snn_ok();
}

/* A maximum over padding alone has no value. */
static snn_status check_no_empty_window(const snn_window *window, snn_shape from)
{
    const int32_t sizes[2] = {from.height, from.width};
    for (int axis = 0; axis < 2; axis++) {
        int32_t outputs = snn_window_output(window, axis, sizes[axis]);
        for (int64_t output = 0; output < outputs; output++) {
            int64_t start = output * window->stride[axis] - window->pad_begin[axis];
            int64_t dilation = window->dilation[axis];
            int64_t tap = start < 0 ? (-start + dilation - 1) / dilation : 0; /* first one not before the input */
            if (tap >= window->kernel[axis] || start + tap * dilation >= sizes[axis]) {
                return snn_fail(SNN_INPUT_ERROR, "window axis %d: output %lld covers only padding", axis,
                                (long long)output);
            }
        }
    }
    return snn_ok();
}

static snn_status check_finite(const char *what, const float *values, int64_t count)
{
    if (values == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "%s: missing", what);
    }
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return snn_fail(SNN_INPUT_ERROR, "%s[%lld] is not finite", what, (long long)i);
        }
    }
    return snn_ok();
}

static snn_status check_constants(const snn_population *population)
{
    SNN_TRY(check_finite("scale", population->scale, population->shape.channels));
    for (int32_t c = 0; c < population->shape.channels; c++) {
        /* Neurons multiply by the inverse, which a subnormal scale does not have. */
        if (!(population->scale[c] > 0.0f) || !isfinite(1.0f / population->scale[c])) {
            return snn_fail(SNN_INPUT_ERROR, "scale[%d] is %g, expected a positive number", c,
                            (double)population->scale[c]);
        }
    }
    SNN_TRY(check_finite("step", population->step, population->input.channels));
    for (int32_t c = 0; c < population->input.channels; c++) {
        if (population->step[c] < 0.0f) {
            return snn_fail(SNN_INPUT_ERROR, "step[%d] is %g, expected no negative number", c,
                            (double)population->step[c]);
        }
    }
    int64_t positions = snn_shape_positions(population->input);
    if (population->bias_positions != 1 && population->bias_positions != positions) {
        return snn_fail(SNN_INPUT_ERROR, "bias for %d positions, expected 1 or %lld", population->bias_positions,
                        (long long)positions);
    }
    return check_finite("bias", population->bias, (int64_t)population->bias_positions * population->input.channels);
}

static snn_status check_population(const snn_network *network, int32_t number)
{
    const snn_population *population = &network->populations[number];
    bool last = number == network->population_count - 1;
    if ((unsigned)population->kind >= SNN_NEURON_KIND_COUNT) {
        return snn_fail(SNN_INPUT_ERROR, "kind of neuron %d is unknown", (int)population->kind);
    }
    if ((population->kind == SNN_NEURON_READOUT) != last) {
        return snn_fail(SNN_INPUT_ERROR, "kind %s: expected the readout as the last population and nowhere else",
                        snn_neuron_kind_name(population->kind));
    }
    SNN_TRY_CONTEXT(check_shape(population->shape), "output");
    SNN_TRY_CONTEXT(check_shape(population->input), "input");
    if (population->kind == SNN_NEURON_MAXIMUM) {
        if (population->input.channels != population->shape.channels) {
            return snn_fail(SNN_INPUT_ERROR, "%d channels made from %d, expected equal numbers",
                            population->shape.channels, population->input.channels);
        }
        SNN_TRY(check_window(&population->window, population->input));
        SNN_TRY(check_window_output(&population->window, population->input, population->shape));
        SNN_TRY(check_no_empty_window(&population->window, population->input));
    } else {
        SNN_TRY_CONTEXT(check_same_shape(population->input, population->shape), "input");
    }
    if (last) {
        snn_shape logits = {1, 1, network->classes};
        SNN_TRY_CONTEXT(check_same_shape(population->shape, logits), "output");
    }
    if (population->kind == SNN_NEURON_LEAKY_RELU && !isfinite(population->alpha)) {
        return snn_fail(SNN_INPUT_ERROR, "alpha is not finite");
    }
    return check_constants(population);
}

static snn_status check_channels(const char *what, int32_t begin, int32_t count, int32_t channels)
{
    if (begin < 0 || count < 1 || begin > channels || count > channels - begin) {
        return snn_fail(SNN_INPUT_ERROR, "%s channels: %d from %d on, expected a range within 0..%d", what, count,
                        begin, channels);
    }
    return snn_ok();
}

static snn_status check_convolution(const snn_operator *op, snn_shape source)
{
    SNN_TRY(check_window(&op->window, source));
    SNN_TRY(check_window_output(&op->window, source, op->target));
    if (op->groups < 1 || op->source_channels % op->groups != 0 || op->target_channels % op->groups != 0) {
        return snn_fail(SNN_INPUT_ERROR, "%d groups, expected a divisor of %d and %d channels", op->groups,
                        op->source_channels, op->target_channels);
    }
    int64_t area = (int64_t)op->window.kernel[0] * op->window.kernel[1];
    if (area > INT32_MAX / (op->source_channels / op->groups)) {
        return snn_fail(SNN_INPUT_ERROR, "a row of more than 2^31 weights");
    }
    return snn_ok();
}

static snn_status check_operator(const snn_operator *op)
{
    if ((unsigned)op->kind >= SNN_OPERATOR_KIND_COUNT) {
        return snn_fail(SNN_INPUT_ERROR, "kind of operator %d is unknown", (int)op->kind);
    }
    SNN_TRY(check_channels("source", op->source_channel, op->source_channels, op->source.channels));
    SNN_TRY(check_channels("target", op->target_channel, op->target_channels, op->target.channels));
    if (op->pooled) {
        SNN_TRY_CONTEXT(check_window(&op->pool, op->source), "pooling");
    }
    snn_shape pooled = snn_operator_pooled_shape(op);
    SNN_TRY_CONTEXT(check_shape(pooled), "pooled source");
    switch (op->kind) {
    case SNN_OPERATOR_CONVOLUTION:
        return check_convolution(op, pooled);
    case SNN_OPERATOR_DENSE:
        if (snn_shape_positions(op->target) != 1) {
            return snn_fail(SNN_INPUT_ERROR, "target of %dx%d positions, expected one", op->target.height,
                            op->target.width);
        }
        return snn_ok();
    case SNN_OPERATOR_DIAGONAL:
        if (pooled.height != op->target.height || pooled.width != op->target.width) {
            return snn_fail(SNN_INPUT_ERROR, "source of %dx%d positions, target of %dx%d: expected equal sizes",
                            pooled.height, pooled.width, op->target.height, op->target.width);
        }
        if (op->source_channels != op->target_channels) {
            return snn_fail(SNN_INPUT_ERROR, "%d source and %d target channels, expected equal numbers",
                            op->source_channels, op->target_channels);
        }
        return snn_ok();
    case SNN_OPERATOR_GATHER:
    case SNN_OPERATOR_KIND_COUNT:
        break;
    }
    return snn_ok();
}

/* Values of one row: finite, in the format's range, indices inside the source. *reach: the largest sum of magnitudes
 * that the row can add to one neuron, in units of the integer format; 0 for float weights. */
static snn_status check_row(const snn_network *network, const snn_projection *projection, int32_t row, int64_t *reach)
{
    const snn_operator *op = &projection->op;
    const int64_t length = snn_operator_row_length(op);
    const int64_t offset = (int64_t)(row - projection->row_begin) * length;
    const bool narrow = snn_weight_bytes(network->format, op->kind) == (int64_t)sizeof(int16_t);
    int64_t sum = 0, largest = 0;
    for (int64_t i = 0; i < length; i++) {
        if (network->format == SNN_WEIGHTS_FLOAT32) {
            if (!isfinite(((const float *)projection->weights)[offset + i])) {
                return snn_fail(SNN_INPUT_ERROR, "row %d: weight %lld is not finite", row, (long long)i);
            }
            continue;
        }
        int64_t weight = narrow ? ((const int16_t *)projection->weights)[offset + i]
                                : ((const int32_t *)projection->weights)[offset + i];
        if (narrow && network->format == SNN_WEIGHTS_INT8 && (weight < INT8_MIN || weight > INT8_MAX)) {
            return snn_fail(SNN_INPUT_ERROR, "row %d: weight %lld is %lld, expected 8 bits", row, (long long)i,
                            (long long)weight);
        }
        int64_t magnitude = weight < 0 ? -weight : weight;
        sum += magnitude; /* at most 2^31 weights of 2^31 */
        largest = magnitude > largest ? magnitude : largest;
    }
    if (op->kind == SNN_OPERATOR_GATHER) {
        int64_t elements = snn_shape_size(snn_operator_pooled_shape(op));
        for (int64_t i = 0; i < length; i++) {
            int32_t index = projection->index[offset + i];
            if (index < -1 || index >= elements) {
                return snn_fail(SNN_INPUT_ERROR, "row %d: index %lld is %d, expected -1..%lld", row, (long long)i,
                                index, (long long)elements - 1);
            }
        }
    }
    *reach = op->kind == SNN_OPERATOR_GATHER ? largest : sum;
    return snn_ok();
}

/* Spikes that pooling can add up at one position. */
static int64_t pool_taps(const snn_operator *op)
{
    if (!op->pooled) {
        return 1;
    }
    int64_t rows = op->pool.kernel[0] < op->source.height ? op->pool.kernel[0] : op->source.height;
    int64_t columns = op->pool.kernel[1] < op->source.width ? op->pool.kernel[1] : op->source.width;
    return rows * columns;
}

/* `reach` [target channels of the population]: what the projections before this one can add up to, added to. */
static snn_status check_rows(const snn_network *network, const snn_projection *projection, int64_t *reach)
{
    const snn_operator *op = &projection->op;
    if (projection->row_begin < 0 || projection->row_begin > projection->row_end ||
        projection->row_end > op->target_channels) {
        return snn_fail(SNN_INPUT_ERROR, "weight rows %d..%d, expected a range within 0..%d", projection->row_begin,
                        projection->row_end, op->target_channels);
    }
    if (projection->row_begin == projection->row_end) {
        return snn_ok();
    }
    if (projection->weights == NULL || (op->kind == SNN_OPERATOR_GATHER && projection->index == NULL)) {
        return snn_fail(SNN_INPUT_ERROR, "weights are missing");
    }
    const int64_t taps = pool_taps(op);
    for (int32_t row = projection->row_begin; row < projection->row_end; row++) {
        int64_t row_reach = 0;
        int64_t *total = &reach[op->target_channel + row];
        SNN_TRY(check_row(network, projection, row, &row_reach));
        if (row_reach > INT32_MAX / taps || *total + row_reach * taps > INT32_MAX) {
            return snn_fail(SNN_INPUT_ERROR, "row %d: the weights of its neurons add up to more than 2^31", row);
        }
        *total += row_reach * taps;
    }
    return snn_ok();
}

static snn_status check_ends(const snn_network *network, const snn_projection *projection,
                             const snn_projection *previous)
{
    if (projection->target < 0 || projection->target >= network->population_count) {
        return snn_fail(SNN_INPUT_ERROR, "target population %d, expected 0..%d", projection->target,
                        network->population_count - 1);
    }
    if (projection->source < SNN_SOURCE_INPUT || projection->source >= projection->target) {
        return snn_fail(SNN_INPUT_ERROR, "source population %d, expected the input (-1) or one before the target %d",
                        projection->source, projection->target);
    }
    if (previous != NULL && (projection->target < previous->target ||
                             (projection->target == previous->target && projection->source < previous->source))) {
        return snn_fail(SNN_INPUT_ERROR, "not in order of target, then source");
    }
    snn_shape source =
        projection->source == SNN_SOURCE_INPUT ? network->input : network->populations[projection->source].shape;
    SNN_TRY_CONTEXT(check_same_shape(projection->op.source, source), "source");
    SNN_TRY_CONTEXT(check_same_shape(projection->op.target, network->populations[projection->target].input), "target");
    return snn_ok();
}

static snn_status check_projections(const snn_network *network)
{
    snn_status status = snn_ok();
    const snn_projection *previous = NULL;
    int32_t widest = 0;
    for (int32_t i = 0; i < network->population_count; i++) {
        int32_t channels = network->populations[i].input.channels;
        widest = channels > widest ? channels : widest;
    }
    int64_t *reach = snn_allocate((size_t)widest, sizeof *reach);
    if (reach == NULL) {
        return snn_out_of_memory("weight sums");
    }
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_projection *projection = &network->projections[i];
        status = check_ends(network, projection, previous);
        if (!snn_failed(status)) {
            status = snn_context(check_operator(&projection->op), "%s", snn_operator_kind_name(projection->op.kind));
        }
        if (!snn_failed(status)) {
            if (previous == NULL || previous->target != projection->target) {
                memset(reach, 0, (size_t)widest * sizeof *reach);
            }
            status = check_rows(network, projection, reach);
        }
        if (snn_failed(status)) {
            status = snn_context(status, "projection %d", i);
            break;
        }
        previous = projection;
    }
    snn_release(reach);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static snn_status check_names(const snn_network *network)
{
    snn_status status = snn_ok();
    const size_t count = (size_t)network->population_count;
    for (size_t i = 0; i < count; i++) {
        const char *name = network->populations[i].name;
        if (name == NULL || name[0] == '\0') {
            return snn_fail(SNN_INPUT_ERROR, "population %zu has no name", i);
        }
    }
    const char **names = snn_allocate(count, sizeof *names);
    if (names == NULL) {
        return snn_out_of_memory("names");
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = network->populations[i].name;
    }
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) {
            status = snn_fail(SNN_INPUT_ERROR, "two populations are named \"%s\"", names[i]);
            break;
        }
    }
    snn_release(names);
    return status;
}

static snn_status check_network(const snn_network *network)
{
    if (network->name == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "the model has no name");
    }
    if (network->format != SNN_WEIGHTS_INT16 && network->format != SNN_WEIGHTS_INT8 &&
        network->format != SNN_WEIGHTS_FLOAT32) {
        return snn_fail(SNN_INPUT_ERROR, "weight format %d is unknown", (int)network->format);
    }
    SNN_TRY_CONTEXT(check_shape(network->input), "image");
    if (network->classes < 1) {
        return snn_fail(SNN_INPUT_ERROR, "%d classes, expected at least 1", network->classes);
    }
    if (network->population_count < 1 || network->populations == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "no populations");
    }
    if (network->projection_count < 0 || (network->projection_count > 0 && network->projections == NULL)) {
        return snn_fail(SNN_INPUT_ERROR, "%d projections, none given", network->projection_count);
    }
    SNN_TRY(check_names(network));
    for (int32_t i = 0; i < network->population_count; i++) {
        SNN_TRY_CONTEXT(check_population(network, i), "population %d (\"%s\")", i, network->populations[i].name);
    }
    return check_projections(network);
}

snn_status snn_network_check(const snn_network *network)
{
    SNN_TRY_CONTEXT(check_network(network), "network");
    return snn_ok();
}
