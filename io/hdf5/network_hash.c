#include "io/hdf5/network_hash.h"

#include <stdbool.h>
#include <xxhash.h>

/* Members go in one by one: what lies between them in a struct is no content. */

static bool add(XXH3_state_t *state, const void *bytes, size_t count)
{
    return count == 0 || XXH3_64bits_update(state, bytes, count) == XXH_OK;
}

static bool add_number(XXH3_state_t *state, int32_t number)
{
    return add(state, &number, sizeof number);
}

static bool add_floats(XXH3_state_t *state, const float *values, int64_t count)
{
    return add(state, values, (size_t)count * sizeof *values);
}

static bool add_rest(XXH3_state_t *state, const snn_population *population)
{
    const size_t count = population->rest != NULL ? (size_t)population->shape.channels : 0;
    return add_floats(state, &population->unit, 1) && add(state, population->rest, count * sizeof *population->rest);
}

static bool add_windows(XXH3_state_t *state, const snn_windows *windows)
{
    return add_number(state, windows->steps) && add_number(state, windows->delay) &&
           add(state, windows->magnitude, sizeof windows->magnitude);
}

static bool add_population(XXH3_state_t *state, const snn_population *population)
{
    return add_number(state, (int32_t)population->kind) && add(state, &population->shape, sizeof population->shape) &&
           add(state, &population->input, sizeof population->input) &&
           add(state, &population->window, sizeof population->window) && add_floats(state, &population->alpha, 1) &&
           add_floats(state, &population->beta, 1) && add_number(state, population->groups) &&
           add_number(state, population->bias_positions) &&
           add_floats(state, population->scale, population->shape.channels) &&
           add_floats(state, population->step, population->input.channels) &&
           add_floats(state, population->bias, (int64_t)population->bias_positions * population->input.channels) &&
           add_rest(state, population);
}

static bool add_operator(XXH3_state_t *state, const snn_operator *op)
{
    return add_number(state, (int32_t)op->kind) && add(state, &op->source, sizeof op->source) &&
           add_number(state, op->source_channel) && add_number(state, op->source_channels) &&
           add_number(state, (int32_t)op->pooled) && add(state, &op->pool, sizeof op->pool) &&
           add(state, &op->target, sizeof op->target) && add_number(state, op->target_channel) &&
           add_number(state, op->target_channels) && add(state, &op->window, sizeof op->window) &&
           add_number(state, op->groups);
}

static bool add_mixing(XXH3_state_t *state, const snn_projection *projection, snn_weight_format format)
{
    if (projection->op.kind != SNN_OPERATOR_TOKENS) {
        return true;
    }
    const snn_operator *op = &projection->op;
    const int64_t count = snn_shape_positions(op->target) * snn_shape_positions(snn_operator_pooled_shape(op));
    return add(state, projection->mixing,
               (size_t)count * (format == SNN_WEIGHTS_FLOAT32 ? sizeof(float) : sizeof(int16_t)));
}

static bool add_projection(XXH3_state_t *state, const snn_projection *projection, snn_weight_format format)
{
    const size_t elements = (size_t)projection->op.target_channels * (size_t)snn_operator_row_length(&projection->op);
    const bool gathers = projection->op.kind == SNN_OPERATOR_GATHER;
    return add_number(state, projection->source) && add_number(state, projection->target) &&
           add_number(state, projection->shift) && add_operator(state, &projection->op) &&
           add(state, projection->weights, elements * (size_t)snn_weight_bytes(format, projection->op.kind)) &&
           add(state, projection->index, gathers ? elements * sizeof *projection->index : 0) &&
           add_mixing(state, projection, format);
}

static bool add_network(XXH3_state_t *state, const snn_network *network)
{
    bool added = XXH3_64bits_reset(state) == XXH_OK && add_number(state, (int32_t)network->format) &&
                 add(state, &network->input, sizeof network->input) && add_number(state, network->classes) &&
                 add_windows(state, &network->windows) && add_number(state, network->population_count) &&
                 add_number(state, network->projection_count);
    for (int32_t i = 0; i < network->population_count && added; i++) {
        added = add_population(state, &network->populations[i]);
    }
    for (int32_t i = 0; i < network->projection_count && added; i++) {
        added = add_projection(state, &network->projections[i], network->format);
    }
    return added;
}

snn_status snn_network_hash(const snn_network *network, uint64_t *hash)
{
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_projection *projection = &network->projections[i];
        if (projection->row_begin != 0 || projection->row_end != projection->op.target_channels) {
            return snn_fail(SNN_INTERNAL_ERROR, "hash of a network without all rows of weights");
        }
    }
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL) {
        return snn_out_of_memory("hash of the network");
    }
    snn_status status = snn_ok();
    if (add_network(state, network)) {
        *hash = XXH3_64bits_digest(state);
    } else {
        status = snn_fail(SNN_INTERNAL_ERROR, "hash of the network failed");
    }
    (void)XXH3_freeState(state);
    return status;
}
