#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/network/network_private.h"

/* What the sums of a network can reach, in units of the integer formats; 0 for float weights. A spike counts 1, a code
 * what it can be at most; a stream's integers are sums themselves and may be as large as what its rows held add up to.
 */
typedef struct reach {
    const snn_network *network;
    int64_t **stream; /* [populations]: per channel, of streams; NULL for others */
    int64_t *neurons; /* [channels] of the target population in hand, if that is no stream */
    int64_t *image;   /* [channels] of the same: the image's part of a stream */
} reach;

static snn_status check_float(const void *weights, int64_t offset, int64_t i)
{
    if (!isfinite(((const float *)weights)[offset + i])) {
        return snn_fail(SNN_INPUT_ERROR, "weight %lld is not finite", (long long)i);
    }
    return snn_ok();
}

/* `length` weights from element `offset` on: finite or in the format's range. *sum and *largest of their magnitudes. */
static snn_status check_values(snn_weight_format format, bool narrow, const void *weights, int64_t offset,
                               int64_t length, int64_t *sum, int64_t *largest)
{
    *sum = *largest = 0;
    for (int64_t i = 0; i < length; i++) {
        if (format == SNN_WEIGHTS_FLOAT32) {
            SNN_TRY(check_float(weights, offset, i));
            continue;
        }
        int64_t weight = narrow ? ((const int16_t *)weights)[offset + i] : ((const int32_t *)weights)[offset + i];
        if (narrow && format == SNN_WEIGHTS_INT8 && (weight < INT8_MIN || weight > INT8_MAX)) {
            return snn_fail(SNN_INPUT_ERROR, "weight %lld is %lld, expected 8 bits", (long long)i, (long long)weight);
        }
        int64_t magnitude = weight < 0 ? -weight : weight;
        *sum += magnitude; /* at most 2^31 weights of 2^31 */
        *largest = magnitude > *largest ? magnitude : *largest;
    }
    return snn_ok();
}

static snn_status check_index(const snn_projection *projection, int64_t offset, int64_t length)
{
    int64_t elements = snn_shape_size(snn_operator_pooled_shape(&projection->op));
    for (int64_t i = 0; i < length; i++) {
        int32_t index = projection->index[offset + i];
        if (index < -1 || index >= elements) {
            return snn_fail(SNN_INPUT_ERROR, "index %lld is %d, expected -1..%lld", (long long)i, index,
                            (long long)elements - 1);
        }
    }
    return snn_ok();
}

/* *sum: the largest sum of magnitudes that the row adds to one neuron for sources of magnitude 1 (TOKENS: after the
 * mixing). */
static snn_status check_row(const snn_network *network, const snn_projection *projection, int32_t row, int64_t *sum)
{
    const snn_operator *op = &projection->op;
    const int64_t length = snn_operator_row_length(op);
    const int64_t offset = (int64_t)(row - projection->row_begin) * length;
    const bool narrow = snn_weight_bytes(network->format, op->kind) == (int64_t)sizeof(int16_t);
    int64_t largest;
    SNN_TRY_CONTEXT(check_values(network->format, narrow, projection->weights, offset, length, sum, &largest), "row %d",
                    row);
    if (op->kind == SNN_OPERATOR_GATHER) { /* a neuron takes one element */
        SNN_TRY_CONTEXT(check_index(projection, offset, length), "row %d", row);
        *sum = largest;
    }
    return snn_ok();
}

/* *sum: as check_row, of the mixing. */
static snn_status check_mixing(const snn_network *network, const snn_projection *projection, int64_t *sum)
{
    const int64_t sources = snn_shape_positions(snn_operator_pooled_shape(&projection->op));
    *sum = 0;
    if (projection->mixing == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "mixing weights are missing");
    }
    for (int64_t target = 0; target < snn_shape_positions(projection->op.target); target++) {
        int64_t of_target, largest;
        SNN_TRY_CONTEXT(
            check_values(network->format, true, projection->mixing, target * sources, sources, &of_target, &largest),
            "mixing of position %lld", (long long)target);
        *sum = of_target > *sum ? of_target : *sum;
    }
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

/* a * b, or more than any sum may be. */
static int64_t multiply(int64_t a, int64_t b)
{
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

/* Adds what a row can add to a neuron; false if that is too much for 32 bits. */
static bool add_reach(reach *state, const snn_projection *projection, int32_t channel, int64_t amount)
{
    int64_t *stream = state->stream[projection->target];
    int64_t *total = stream != NULL ? &stream[channel] : &state->neurons[channel];
    if (amount > INT32_MAX) {
        return false;
    }
    if (stream != NULL && projection->source == SNN_SOURCE_INPUT && amount > 0) {
        /* A graded image arrives as integers of up to a limit however small its weights are. */
        int64_t *image = &state->image[channel];
        const int64_t limit = snn_network_graded_limit(state->network);
        int64_t before = *image == 0 || *image > limit ? *image : limit;
        *image += amount;
        amount = (*image > limit ? *image : limit) - before;
    }
    *total += amount;
    return *total <= INT32_MAX;
}

/* What a row of a convolution or matrix product makes of a stream's channels, which reach differently far. */
static int64_t product_reach(const snn_network *network, const snn_projection *projection, int32_t row,
                             const int64_t *stream)
{
    const snn_operator *op = &projection->op;
    const int64_t length = snn_operator_row_length(op);
    const int32_t groups = op->kind == SNN_OPERATOR_CONVOLUTION ? op->groups : 1;
    const int32_t sources = op->source_channels / groups;
    const int32_t first = op->source_channel + row / (op->target_channels / groups) * sources;
    int64_t total = 0;
    for (int64_t k = 0; k < length && network->format != SNN_WEIGHTS_FLOAT32; k++) {
        const int64_t weight = ((const int16_t *)projection->weights)[(row - projection->row_begin) * length + k];
        const int64_t amount = multiply(weight < 0 ? -weight : weight, stream[first + k % sources]);
        total = __builtin_add_overflow(total, amount, &total) ? INT64_MAX : total;
    }
    return total;
}

/* amount / 2^bits, rounded up. */
static int64_t without_fraction(int64_t amount, int32_t bits)
{
    return bits > 0 && amount < INT64_MAX ? (amount >> bits) + 1 : amount;
}

/* What the weights of a row, adding up to `sum`, make of mixed positions that reach so far. */
static int64_t tokens_reach(int64_t sum, int64_t mixed)
{
    return mixed > INT32_MAX ? INT64_MAX : without_fraction(multiply(sum, mixed), SNN_TOKENS_FRACTION_BITS);
}

static int64_t within_limit(int64_t amount)
{
    return amount < SNN_PRODUCT_LIMIT || amount == INT64_MAX ? amount : SNN_PRODUCT_LIMIT;
}

/* What a row can add to a neuron; INT64_MAX if a sum on the way there is too large. `sum`: of its weights' magnitudes;
 * `factor`: of what it multiplies, for sources of magnitude 1. */
static int64_t row_reach(const reach *state, const snn_projection *projection, int32_t row, int64_t sum, int64_t factor)
{
    const snn_operator *op = &projection->op;
    const int64_t *stream = projection->source == SNN_SOURCE_INPUT ? NULL : state->stream[projection->source];
    if (stream == NULL) {
        const int64_t reached = op->kind == SNN_OPERATOR_TOKENS ? tokens_reach(sum, factor) : multiply(sum, factor);
        return reached > INT32_MAX ? INT64_MAX : without_fraction(reached, projection->shift);
    }
    if (op->kind == SNN_OPERATOR_CONVOLUTION || op->kind == SNN_OPERATOR_DENSE) {
        return within_limit(
            without_fraction(product_reach(state->network, projection, row, stream), projection->shift));
    }
    const int64_t value = multiply(factor, stream[op->source_channel + row]);
    return op->kind == SNN_OPERATOR_TOKENS ? within_limit(tokens_reach(sum, without_fraction(value, projection->shift)))
           : projection->shift > 0         ? within_limit(without_fraction(multiply(sum, value), projection->shift))
                                           : multiply(sum, value);
}

/* What is mixed is rounded as a whole, so it cannot be made in pieces, as other sums of codes over large windows are.
 */
static snn_status check_mixed_codes(const snn_network *network, const snn_projection *projection)
{
    const snn_window *pool = &projection->op.pool;
    const int64_t area = projection->op.pooled ? (int64_t)pool->kernel[0] * pool->kernel[1] : 1;
    const int64_t largest = multiply(area, snn_network_source_reach(network, projection->source));
    if (network->format != SNN_WEIGHTS_FLOAT32 && largest > INT16_MAX) {
        return snn_fail(SNN_INPUT_ERROR, "mixes sums over pool windows that can reach %lld, expected at most %d",
                        (long long)largest, INT16_MAX);
    }
    return snn_ok();
}

static snn_status check_rows(reach *state, const snn_projection *projection)
{
    const snn_operator *op = &projection->op;
    if (projection->row_begin < 0 || projection->row_begin > projection->row_end ||
        projection->row_end > op->target_channels) {
        return snn_fail(SNN_INPUT_ERROR, "weight rows %d..%d, expected a range within 0..%d", projection->row_begin,
                        projection->row_end, op->target_channels);
    }
    int64_t factor = multiply(pool_taps(op), snn_network_source_reach(state->network, projection->source));
    if (op->kind == SNN_OPERATOR_TOKENS) {
        int64_t mixed = 0;
        SNN_TRY(check_mixing(state->network, projection, &mixed));
        SNN_TRY(check_mixed_codes(state->network, projection));
        factor = multiply(factor, mixed);
        if (factor > INT32_MAX) {
            return snn_fail(SNN_INPUT_ERROR, "the mixing weights of a position add up to more than 2^31");
        }
    }
    if (projection->row_begin == projection->row_end) {
        return snn_ok();
    }
    if (projection->weights == NULL || (op->kind == SNN_OPERATOR_GATHER && projection->index == NULL)) {
        return snn_fail(SNN_INPUT_ERROR, "weights are missing");
    }
    for (int32_t row = projection->row_begin; row < projection->row_end; row++) {
        int64_t sum = 0;
        SNN_TRY(check_row(state->network, projection, row, &sum));
        const int64_t amount = row_reach(state, projection, row, sum, factor);
        if (!add_reach(state, projection, op->target_channel + row, amount)) {
            return snn_fail(SNN_INPUT_ERROR, "row %d: the weights of its neurons add up to more than 2^31", row);
        }
    }
    return snn_ok();
}

static snn_status create_reach(const snn_network *network, reach *state, int32_t *widest)
{
    *state =
        (reach){.network = network, .stream = snn_allocate((size_t)network->population_count, sizeof *state->stream)};
    *widest = 0;
    for (int32_t i = 0; i < network->population_count && state->stream != NULL; i++) {
        const snn_population *population = &network->populations[i];
        *widest = population->input.channels > *widest ? population->input.channels : *widest;
        if (population->kind == SNN_NEURON_STREAM) {
            state->stream[i] = snn_allocate((size_t)population->shape.channels, sizeof **state->stream);
            if (state->stream[i] == NULL) {
                return snn_out_of_memory("weight sums");
            }
        }
    }
    state->neurons = snn_allocate((size_t)*widest, sizeof *state->neurons);
    state->image = snn_allocate((size_t)*widest, sizeof *state->image);
    bool complete = state->stream != NULL && state->neurons != NULL && state->image != NULL;
    return complete ? snn_ok() : snn_out_of_memory("weight sums");
}

static void clear_reach(reach *state)
{
    for (int32_t i = 0; i < state->network->population_count && state->stream != NULL; i++) {
        snn_release(state->stream[i]);
    }
    snn_release(state->stream);
    snn_release(state->neurons);
    snn_release(state->image);
}

snn_status snn_network_check_weights(const snn_network *network)
{
    reach state;
    int32_t widest, target = -1;
    snn_status status;
    SNN_GOTO_DONE(status, create_reach(network, &state, &widest));
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_projection *projection = &network->projections[i]; /* ordered by target, then source */
        if (projection->target != target) {
            memset(state.neurons, 0, (size_t)widest * sizeof *state.neurons);
            memset(state.image, 0, (size_t)widest * sizeof *state.image);
            target = projection->target;
        }
        SNN_GOTO_DONE(status, snn_context(check_rows(&state, projection), "projection %d", i));
    }
done:
    clear_reach(&state);
    return status;
}
