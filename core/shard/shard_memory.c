/* Where a shard's arrays lie, and what they take. */
#include "core/base/memory.h"
#include "core/shard/shard_private.h"

snn_footprint snn_shard_footprint(const snn_shard *shard)
{
    return (snn_footprint){.network = shard->network,
                           .kernels = shard->kernels,
                           .timings = shard->timings,
                           .images = shard->capacity,
                           .block = shard->block,
                           .encoding = shard->encoding,
                           .dynamics = shard->dynamics,
                           .momentum = shard->momentum};
}

snn_holding snn_shard_holding(const snn_shard *shard, int32_t population)
{
    const snn_part *part = &shard->parts[population];
    return (snn_holding){.population = population,
                         .owned = snn_part_channels(part),
                         .held = snn_part_inputs(part),
                         .image = part->graded_product_count > 0,
                         .codes = part->largest_codes != NULL};
}

void *snn_shard_allocate(int64_t bytes, bool *complete)
{
    void *array = bytes > 0 ? snn_allocate((size_t)bytes, 1) : NULL;
    *complete = *complete && (bytes == 0 || array != NULL);
    return array;
}

int32_t snn_shard_planes(const snn_shard *shard, int32_t population, int32_t steps)
{
    return shard->timings != NULL ? shard->timings[population].planes : steps;
}

snn_spikes snn_shard_spikes(const snn_shard *shard, int32_t population)
{
    const snn_shape shape = shard->network->populations[population].shape;
    return snn_spikes_of(shard->parts[population].bits, snn_shape_positions(shape), shape.channels, shard->images,
                         shard->network->windows.steps);
}

snn_sums snn_shard_sums(const snn_shard *shard, int32_t population)
{
    const snn_shape shape = shard->network->populations[population].shape;
    snn_sums sums = {shard->parts[population].sums, snn_shape_positions(shape), shape.channels, shard->images};
    return sums;
}

void snn_shard_place(snn_shard *shard, int32_t population, void *block)
{
    snn_part *part = &shard->parts[population];
    if (!part->placed) {
        snn_release(part->bits);
        snn_release(part->sums);
        part->placed = true;
    }
    if (shard->network->populations[population].kind == SNN_NEURON_STREAM) {
        part->sums = block;
    } else {
        part->bits = block;
    }
}

int64_t snn_shard_block_bytes(const snn_network *network, int32_t population, int32_t planes, int32_t images)
{
    return snn_footprint_block_of(network, population, planes, images) + SNN_PADDING;
}

int64_t snn_shard_packed_bytes(const snn_shard *shard, int32_t population)
{
    const snn_part *part = &shard->parts[population];
    int64_t bytes = 0;
    for (int32_t i = 0; i < part->packed_count; i++) {
        bytes += part->packed[i].bytes;
    }
    for (int32_t i = 0; i < part->graded_product_count; i++) {
        bytes += part->graded_products[i].bytes;
    }
    return bytes;
}

void snn_shard_memory(const snn_shard *shard, int64_t *weights, int64_t *state, int64_t *spikes)
{
    const snn_footprint footprint = snn_shard_footprint(shard);
    *weights = *state = *spikes = 0;
    for (int32_t p = 0; p < shard->network->population_count; p++) {
        const snn_part *part = &shard->parts[p];
        const snn_holding holding = snn_shard_holding(shard, p);
        const snn_neuron_bytes bytes = snn_footprint_neurons(&footprint, &holding);
        *spikes += bytes.previous;
        *spikes += part->bits != NULL || part->sums != NULL ? snn_footprint_block(&footprint, p) : 0;
        *state += snn_footprint_state(&bytes);
        *weights += snn_shard_packed_bytes(shard, p);
    }
    if (shard->encoder.bits != NULL) {
        *state += 2 * snn_footprint_pixels(&footprint);
        *spikes += snn_footprint_pixel_spikes(&footprint);
    }
}
