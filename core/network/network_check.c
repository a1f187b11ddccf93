#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/network/network_private.h"

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
            const snn_taps inside = snn_window_taps(window, axis, sizes[axis], output);
            if (inside.begin == inside.end) {
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

/* A divisor of the kind's channels. */
static snn_status check_groups(const snn_population *population, int32_t channels)
{
    if (population->groups < 1 || channels % population->groups != 0) {
        return snn_fail(SNN_INPUT_ERROR, "%d groups, expected a divisor of %d channels", population->groups, channels);
    }
    return snn_ok();
}

/* The input of a kind that is no window: as many positions as the output, channels as snn_neuron_kind says. */
/* Windows are whole numbers of positions, and the image whole windows. */
static snn_status check_attention_windows(const snn_population *population)
{
    const int64_t positions = snn_shape_positions(population->shape);
    const float beta = population->beta;
    const bool possible = beta >= 0.0f && beta <= (float)positions && beta == floorf(beta);
    if (!possible || (beta > 0.0f && positions % (int64_t)beta != 0)) {
        return snn_fail(SNN_INPUT_ERROR, "beta is %g, expected 0 or a divisor of %lld, the positions", (double)beta,
                        (long long)positions);
    }
    return snn_ok();
}

static snn_status check_input_channels(const snn_population *population)
{
    const int64_t channels = population->shape.channels;
    int64_t expected = channels, positions = 0;
    const bool attention =
        snn_neuron_reads_all_channels(population->kind) && snn_neuron_reads_all_positions(population->kind);
    if (attention) {
        SNN_TRY(check_attention_windows(population));
        positions = snn_attention_positions(population->beta, population->shape);
    }
    switch (population->kind) {
    case SNN_NEURON_LAYER_NORM:
    case SNN_NEURON_SOFTMAX:
    case SNN_NEURON_SHIFTED_EXP:
        SNN_TRY(check_groups(population, population->shape.channels));
        break;
    case SNN_NEURON_NORMALISE:
        expected = channels + 1;
        break;
    case SNN_NEURON_PRODUCT:
        expected = 2 * channels;
        break;
    case SNN_NEURON_QUOTIENT:
        SNN_TRY(check_groups(population, population->shape.channels));
        expected = channels + population->groups;
        break;
    case SNN_NEURON_SCORES:
        SNN_TRY(check_groups(population, population->input.channels / 2));
        if (population->input.channels % 2 != 0 || channels != population->groups * positions) {
            return snn_fail(SNN_INPUT_ERROR,
                            "%lld channels made from %d, expected %d heads of %lld positions from two "
                            "equal parts",
                            (long long)channels, population->input.channels, population->groups, (long long)positions);
        }
        return snn_ok();
    case SNN_NEURON_MIX:
        SNN_TRY(check_groups(population, population->shape.channels));
        expected = channels + population->groups * positions;
        break;
    case SNN_NEURON_ATTENTION:
        SNN_TRY(check_groups(population, population->shape.channels));
        expected = 3 * channels;
        break;
    default: /* unary */
        break;
    }
    if (population->input.channels != expected) {
        return snn_fail(SNN_INPUT_ERROR, "%lld channels made from %d, expected %lld", (long long)channels,
                        population->input.channels, (long long)expected);
    }
    return snn_ok();
}

static snn_status check_input(const snn_population *population)
{
    if (population->kind != SNN_NEURON_MAXIMUM) {
        const snn_shape same = {population->shape.height, population->shape.width, population->input.channels};
        SNN_TRY_CONTEXT(check_same_shape(population->input, same), "input");
        return check_input_channels(population);
    }
    if (population->input.channels != population->shape.channels) {
        return snn_fail(SNN_INPUT_ERROR, "%d channels made from %d, expected equal numbers", population->shape.channels,
                        population->input.channels);
    }
    SNN_TRY(check_window(&population->window, population->input));
    SNN_TRY(check_window_output(&population->window, population->input, population->shape));
    return check_no_empty_window(&population->window, population->input);
}

static snn_status check_parameters(const snn_population *population)
{
    if (population->kind == SNN_NEURON_CLIP) { /* one of its ends may be open */
        if (!(population->alpha <= population->beta)) {
            return snn_fail(SNN_INPUT_ERROR, "alpha %g and beta %g: expected a range", (double)population->alpha,
                            (double)population->beta);
        }
        return snn_ok();
    }
    if (!isfinite(population->alpha)) {
        return snn_fail(SNN_INPUT_ERROR, "alpha is not finite");
    }
    const bool layer_norm = population->kind == SNN_NEURON_LAYER_NORM;
    if ((layer_norm || population->kind == SNN_NEURON_NORMALISE) && !(population->alpha > 0.0f)) {
        return snn_fail(SNN_INPUT_ERROR, "alpha is %g, expected a positive number: the root of it is divided by",
                        (double)population->alpha);
    }
    if (layer_norm && population->beta != 0.0f && population->beta != 1.0f) {
        return snn_fail(SNN_INPUT_ERROR, "beta is %g, expected 0 or 1", (double)population->beta);
    }
    return isfinite(population->beta) ? snn_ok() : snn_fail(SNN_INPUT_ERROR, "beta is not finite");
}

/* Readers take the sums of a stream as they are, and so it has nothing that would change them. */
static snn_status check_stream(const snn_population *population)
{
    for (int64_t i = 0; i < (int64_t)population->bias_positions * population->input.channels; i++) {
        if (population->bias[i] != 0.0f) {
            return snn_fail(SNN_INPUT_ERROR, "bias[%lld] is %g, expected 0", (long long)i, (double)population->bias[i]);
        }
    }
    for (int32_t c = 0; c < population->shape.channels; c++) {
        if (population->scale[c] != 1.0f) {
            return snn_fail(SNN_INPUT_ERROR, "scale[%d] is %g, expected 1", c, (double)population->scale[c]);
        }
    }
    return snn_ok();
}

/* Resting states of windows are codes themselves. */
static snn_status check_rest(const snn_network *network, const snn_population *population)
{
    const bool expected = network->windows.steps > 0 && snn_neuron_spikes(population->kind);
    if ((population->rest != NULL) != expected) {
        return snn_fail(SNN_INPUT_ERROR, expected ? "resting states are missing" : "resting states without windows");
    }
    const int32_t reach = snn_windows_reach(&network->windows);
    for (int32_t c = 0; expected && c < population->shape.channels; c++) {
        if (population->rest[c] < -reach || population->rest[c] > reach) {
            return snn_fail(SNN_INPUT_ERROR, "rest[%d] is %d, expected -%d..%d", c, population->rest[c], reach, reach);
        }
    }
    if (expected && !(population->unit > 0.0f && isfinite(population->unit))) {
        return snn_fail(SNN_INPUT_ERROR, "unit is %g, expected a positive number", (double)population->unit);
    }
    return snn_ok();
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
    SNN_TRY(check_input(population));
    if (last) {
        snn_shape logits = {1, 1, network->classes};
        SNN_TRY_CONTEXT(check_same_shape(population->shape, logits), "output");
    }
    SNN_TRY(check_parameters(population));
    SNN_TRY(check_constants(population));
    SNN_TRY(check_rest(network, population));
    return population->kind == SNN_NEURON_STREAM ? check_stream(population) : snn_ok();
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

/* Channel i of the source range goes to channel i of the target range. */
static snn_status check_channelwise(const snn_operator *op)
{
    if (op->source_channels != op->target_channels) {
        return snn_fail(SNN_INPUT_ERROR, "%d source and %d target channels, expected equal numbers",
                        op->source_channels, op->target_channels);
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
        return check_channelwise(op);
    case SNN_OPERATOR_TOKENS:
        if (snn_shape_positions(pooled) > INT32_MAX / snn_shape_positions(op->target)) {
            return snn_fail(SNN_INPUT_ERROR, "more than 2^31 mixing weights");
        }
        return check_channelwise(op);
    case SNN_OPERATOR_GATHER:
    case SNN_OPERATOR_KIND_COUNT:
        break;
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
    if (projection->source == SNN_SOURCE_INPUT && projection->op.kind == SNN_OPERATOR_TOKENS) {
        return snn_fail(SNN_INPUT_ERROR, "mixes positions of the image: expected the spikes of a population");
    }
    bool stream =
        projection->source != SNN_SOURCE_INPUT && network->populations[projection->source].kind == SNN_NEURON_STREAM;
    const int32_t largest_shift = stream || network->windows.steps > 0 ? SNN_LARGEST_SHIFT : 0;
    if (projection->shift < 0 || projection->shift > largest_shift) {
        return snn_fail(SNN_INPUT_ERROR, "shift %d, expected 0..%d", projection->shift, largest_shift);
    }
    const bool again = projection->source == SNN_SOURCE_INPUT && previous != NULL &&
                       previous->target == projection->target; /* products of the image are added up first */
    if (again && projection->shift != previous->shift) {
        return snn_fail(SNN_INPUT_ERROR, "shift %d, expected %d as of the image's other product", projection->shift,
                        previous->shift);
    }
    if (stream && projection->op.kind != SNN_OPERATOR_DIAGONAL &&
        (projection->op.kind == SNN_OPERATOR_GATHER || projection->op.pooled)) {
        return snn_fail(SNN_INPUT_ERROR,
                        "reads the stream \"%s\": expected a diagonal operator or a product that is not pooled",
                        network->populations[projection->source].name);
    }
    return snn_ok();
}

static snn_status check_projections(const snn_network *network)
{
    const snn_projection *previous = NULL;
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_projection *projection = &network->projections[i];
        SNN_TRY_CONTEXT(check_ends(network, projection, previous), "projection %d", i);
        SNN_TRY_CONTEXT(check_operator(&projection->op), "projection %d: %s", i,
                        snn_operator_kind_name(projection->op.kind));
        previous = projection;
    }
    return snn_network_check_weights(network);
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
    SNN_TRY(snn_windows_check(&network->windows));
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
