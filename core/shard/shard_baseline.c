/* What a shard does differently under SNN_DYNAMICS_SUBGRADIENT; the rule itself is core/kernels/subgradient.h. */
#include <string.h>

#include "core/base/memory.h"
#include "core/shard/shard_private.h"

/* A plane of a source in which every neuron fires; bits behind the last channel are 0. `bytes` has room for it. */
static snn_spikes all_fire(snn_shape shape, uint8_t *bytes)
{
    const snn_spikes spikes = snn_spikes_of(bytes, snn_shape_positions(shape), shape.channels, 1, 0);
    memset(bytes, 0xff, (size_t)snn_spikes_block_bytes(&spikes, 1));
    snn_spikes_clear_unused(&spikes, 1);
    return spikes;
}

/* part->baseline.ones from the kernels' own products, tile by tile. */
static void sum_ones(const snn_shard *shard, const snn_population *population, const snn_part *part, uint8_t *plane)
{
    const int64_t positions = snn_shape_positions(population->input);
    const int64_t row_bytes = (int64_t)snn_part_channels(part) * SNN_SUM_BYTES;
    for (int64_t begin = 0; begin < positions; begin += part->tiling.positions) {
        const int64_t left = positions - begin;
        const snn_tile tile = {.image = 0,
                               .position_begin = begin,
                               .position_end = begin + (left < part->tiling.positions ? left : part->tiling.positions),
                               .steps = 1,
                               .channel_begin = part->owned.begin,
                               .channel_end = part->owned.end,
                               .accumulator = shard->workers[0].accumulator,
                               .scratch = shard->workers[0].scratch};
        const size_t bytes = (size_t)((tile.position_end - begin) * row_bytes);
        memset(tile.accumulator, 0, bytes);
        for (int32_t i = 0; i < part->packed_count; i++) {
            const int32_t source = part->packed[i].projection->source;
            const snn_spikes spikes = all_fire(shard->network->populations[source].shape, plane);
            shard->kernels->project(&part->packed[i], &spikes, &tile);
        }
        memcpy((uint8_t *)part->baseline.ones + begin * row_bytes, tile.accumulator, bytes);
    }
}

static void fill_bias(const snn_population *population, const snn_part *part)
{
    const int32_t channels = snn_part_channels(part);
    for (int64_t i = 0; i < snn_shape_positions(population->input); i++) {
        const int64_t position = population->bias_positions == 1 ? 0 : i;
        memcpy(part->baseline.bias + i * channels,
               population->bias + position * population->input.channels + part->owned.begin,
               (size_t)channels * sizeof(float));
    }
}

static snn_status create_part(const snn_shard *shard, int32_t number, uint8_t *plane)
{
    const snn_population *population = &shard->network->populations[number];
    snn_part *part = &shard->parts[number];
    const snn_footprint footprint = snn_shard_footprint(shard);
    const snn_holding holding = snn_shard_holding(shard, number);
    const snn_neuron_bytes bytes = snn_footprint_neurons(&footprint, &holding);
    snn_part_baseline *baseline = &part->baseline;
    bool complete = true;
    baseline->ones = snn_shard_allocate(bytes.ones, &complete);
    baseline->bias = snn_shard_allocate(bytes.bias, &complete);
    baseline->x_velocity = snn_shard_allocate(bytes.x_velocity, &complete);
    baseline->y_velocity = snn_shard_allocate(bytes.y_velocity, &complete);
    if (!complete) {
        return snn_out_of_memory("state of the subgradient dynamics");
    }
    fill_bias(population, part);
    sum_ones(shard, population, part, plane);
    return snn_ok();
}

snn_status snn_baseline_create(snn_shard *shard)
{
    const snn_network *network = shard->network;
    int64_t largest = 0;
    SNN_TRY(snn_subgradient_check(network));
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_shape shape = network->populations[p].shape;
        const int64_t bytes = snn_shape_positions(shape) * snn_spikes_row_bytes(shape.channels);
        largest = bytes > largest ? bytes : largest;
    }
    uint8_t *plane = snn_allocate((size_t)largest, 1);
    snn_status status = plane != NULL ? snn_ok() : snn_out_of_memory("spikes");
    for (int32_t p = 0; p < network->population_count && !snn_failed(status); p++) {
        if (snn_part_channels(&shard->parts[p]) > 0) {
            status = create_part(shard, p, plane);
        }
    }
    snn_release(plane);
    return status;
}

void snn_baseline_clear(snn_part_baseline *baseline)
{
    snn_release(baseline->ones);
    snn_release(baseline->bias);
    snn_release(baseline->x_velocity);
    snn_release(baseline->y_velocity);
}

void snn_baseline_begin_group(const snn_shard *shard, int32_t population)
{
    const snn_part *part = &shard->parts[population];
    const int64_t channels = snn_part_channels(part);
    const int64_t inputs = snn_shape_positions(shard->network->populations[population].input) * channels;
    const int64_t outputs = snn_shape_positions(shard->network->populations[population].shape) * channels;
    if (part->graded != NULL) {
        for (int64_t i = 0; i < shard->images * inputs; i++) {
            part->graded[i] = part->graded[i] + part->baseline.bias[i % inputs];
        }
        if (shard->encoding == SNN_ENCODING_DIRECT) { /* the image is there before the first step */
            memcpy(part->x, part->graded, (size_t)(shard->images * inputs) * sizeof(float));
        }
    }
    if (part->baseline.x_velocity != NULL) {
        memset(part->baseline.x_velocity, 0, (size_t)(shard->images * inputs) * sizeof(float));
    }
    if (part->baseline.y_velocity != NULL) {
        memset(part->baseline.y_velocity, 0, (size_t)(shard->images * outputs) * sizeof(float));
    }
}

snn_subgradient snn_baseline_of_image(const snn_shard *shard, int32_t population, int32_t image)
{
    const snn_part *part = &shard->parts[population];
    const snn_part_baseline *baseline = &part->baseline;
    const int64_t channels = snn_part_channels(part);
    const int64_t inputs = snn_shape_positions(shard->network->populations[population].input) * channels;
    const int64_t outputs = snn_shape_positions(shard->network->populations[population].shape) * channels;
    const bool moves = baseline->x_velocity != NULL;
    return (snn_subgradient){.momentum = shard->momentum,
                             .ones = baseline->ones,
                             .drive = part->graded != NULL ? part->graded + image * inputs : baseline->bias,
                             .x_velocity = moves ? baseline->x_velocity + image * inputs : NULL,
                             .y_velocity = moves && part->y != NULL ? baseline->y_velocity + image * outputs : NULL};
}

void snn_baseline_read_out(const snn_shard *shard, int32_t population, int32_t timestep, int32_t step,
                           const snn_tile *tile)
{
    const snn_part *part = &shard->parts[population];
    const snn_subgradient baseline = snn_baseline_of_image(shard, population, tile->image);
    const snn_neurons neurons = {.kind = SNN_NEURON_READOUT,
                                 .real = shard->real,
                                 .eta = shard->eta + timestep - step,
                                 .step = shard->network->populations[population].step + part->owned.begin,
                                 .x = part->x + (int64_t)tile->image * snn_part_channels(part),
                                 .channel_begin = part->owned.begin,
                                 .channel_end = part->owned.end};
    snn_subgradient_integrate(&neurons, &baseline, tile, step, 0);
}
