#include "core/shard/block.h"

#include "core/network/sums.h"

enum {
    LONGEST = 16,
    VECTOR_BYTES = 64, /* what the channels of a position are expanded to is a multiple of it */
    STATE_BYTES = 8,   /* x and y of a neuron */
    BYTE_BITS = 8
};

static bool fits_cache(const snn_network *network, int32_t block, int64_t cache_bytes)
{
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_operator *op = &network->projections[i].op;
        if (op->kind != SNN_OPERATOR_CONVOLUTION || network->projections[i].source == SNN_SOURCE_INPUT) {
            continue;
        }
        const int64_t channels = op->source_channels / op->groups;
        const int64_t position = (channels + VECTOR_BYTES - 1) / VECTOR_BYTES * VECTOR_BYTES;
        const int64_t row = snn_operator_pooled_shape(op).width * position * block;
        if (op->window.kernel[0] * row > cache_bytes / 2) {
            return false;
        }
    }
    return true;
}

static bool fits_memory(const snn_network *network, int32_t block)
{
    int64_t state = 0, arrays = 0; /* bytes of an image */
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population *population = &network->populations[p];
        const int64_t size = snn_shape_size(population->shape);
        if (population->kind == SNN_NEURON_STREAM) {
            arrays += size * SNN_SUM_BYTES * block;
        } else if (snn_neuron_spikes(population->kind)) {
            arrays += size * block / BYTE_BITS;
            state += size * STATE_BYTES;
        }
    }
    return arrays <= state;
}

int32_t snn_block_suggested(const snn_network *network, int32_t timesteps, int64_t cache_bytes)
{
    int32_t block = LONGEST;
    while (block > 1 && !(fits_cache(network, block, cache_bytes) && fits_memory(network, block))) {
        block /= 2;
    }
    return block < timesteps ? block : timesteps;
}
