#include "core/shard/footprint.h"

#include "core/base/integers.h"
#include "core/network/spikes.h"
#include "core/network/sums.h"

enum {
    TILE_BYTES = 192 * 1024, /* of sums: they fit a second-level cache beside the weights in use; unless kernels know */
    POSITION_MULTIPLE = 16,  /* whole vector and matrix registers */
    REAL_BYTES = 4
};

static const snn_population *population_of(const snn_footprint *footprint, int32_t number)
{
    return &footprint->network->populations[number];
}

/* ---- neurons ---- */

snn_neuron_bytes snn_footprint_neurons(const snn_footprint *footprint, const snn_holding *part)
{
    const snn_population *population = population_of(footprint, part->population);
    const bool stream = population->kind == SNN_NEURON_STREAM, spikes = snn_neuron_spikes(population->kind);
    const int64_t positions = snn_shape_positions(population->shape);
    const int64_t inputs = snn_shape_positions(population->input) * part->held * REAL_BYTES;
    const int64_t outputs = spikes ? positions * part->owned * REAL_BYTES : 0;
    snn_neuron_bytes bytes = {0};
    if (part->owned == 0 || footprint->timings != NULL) { /* nothing of a neuron outlives its window */
        return bytes;
    }
    bytes.x = stream ? 0 : footprint->images * inputs;
    bytes.y = footprint->images * outputs;
    bytes.previous = spikes ? footprint->images * positions * snn_spikes_row_bytes(population->shape.channels) : 0;
    bytes.graded = part->image ? footprint->images * inputs : 0;
    bytes.decoded = stream ? bytes.graded : 0;
    if (footprint->dynamics == SNN_DYNAMICS_SUBGRADIENT) {
        bytes.ones = bytes.bias = inputs;
        bytes.x_velocity = footprint->momentum > 0.0f ? footprint->images * inputs : 0;
        bytes.y_velocity = footprint->momentum > 0.0f ? footprint->images * outputs : 0;
    }
    return bytes;
}

int64_t snn_footprint_state(const snn_neuron_bytes *bytes)
{
    return bytes->x + bytes->y + bytes->graded + bytes->decoded + bytes->ones + bytes->bias + bytes->x_velocity +
           bytes->y_velocity;
}

/* ---- spikes ---- */

int64_t snn_footprint_block_of(const snn_network *network, int32_t population, int32_t planes, int32_t images)
{
    const snn_shape shape = network->populations[population].shape;
    const snn_neuron_kind kind = network->populations[population].kind;
    const int64_t positions = snn_shape_positions(shape);
    const snn_spikes spikes = snn_spikes_of(NULL, positions, shape.channels, images, network->windows.steps);
    if (kind == SNN_NEURON_STREAM) {
        return (int64_t)planes * images * positions * shape.channels * SNN_SUM_BYTES;
    }
    return snn_neuron_spikes(kind) ? snn_spikes_block_bytes(&spikes, planes) : 0;
}

int64_t snn_footprint_block(const snn_footprint *footprint, int32_t population)
{
    const int32_t planes = footprint->timings != NULL ? footprint->timings[population].planes : footprint->block;
    return snn_footprint_block_of(footprint->network, population, planes, footprint->images);
}

int64_t snn_footprint_pixels(const snn_footprint *footprint)
{
    return footprint->images * snn_shape_size(footprint->network->input) * REAL_BYTES;
}

int64_t snn_footprint_pixel_spikes(const snn_footprint *footprint)
{
    const snn_shape input = footprint->network->input;
    return (int64_t)footprint->block * footprint->images * snn_shape_positions(input) *
           snn_spikes_row_bytes(input.channels);
}

/* ---- tiles ---- */

/* Every window sees some position (snn_network_check). */
bool snn_footprint_compares_codes(const snn_footprint *footprint, int32_t population, int32_t first, int32_t end)
{
    const snn_network *network = footprint->network;
    const snn_population *maxima = population_of(footprint, population);
    bool compares = maxima->kind == SNN_NEURON_MAXIMUM && maxima->bias_positions == 1 && footprint->timings != NULL &&
                    footprint->timings[population].moments == 1;
    int32_t reached = 0; /* channels: those of all projections are neighbours, in order */
    for (int32_t i = first; compares && i < end; i++) {
        const snn_projection *projection = &network->projections[i];
        compares = projection->source != SNN_SOURCE_INPUT &&
                   network->populations[projection->source].kind != SNN_NEURON_STREAM &&
                   projection->op.kind == SNN_OPERATOR_DIAGONAL && projection->op.pooled == SNN_POOLS_NOTHING &&
                   projection->op.target_channel == reached;
        reached += projection->op.target_channels;
    }
    return compares;
}

/* Whole rows where it pays, and where they multiply with the image; over the output where maxima compare codes. */
static snn_tiling tiling_of_windows(const snn_footprint *footprint, const snn_holding *part)
{
    const snn_population *of = population_of(footprint, part->population);
    const snn_shape shape = part->codes ? of->shape : of->input;
    const int64_t positions = snn_shape_positions(shape), width = shape.width;
    const int64_t bytes = (int64_t)footprint->timings[part->population].moments * part->held * SNN_SUM_BYTES;
    int64_t count = snn_smaller(TILE_BYTES / bytes, positions);
    count = snn_larger(count, part->image ? width : 1);
    if (count >= width) {
        const int64_t tiles = (positions / width + count / width - 1) / (count / width);
        count = (positions / width + tiles - 1) / tiles * width;
    }
    const bool whole = snn_neuron_reads_all_positions(of->kind) && !part->codes;
    return (snn_tiling){(int32_t)(whole ? positions : count), footprint->block};
}

snn_tiling snn_footprint_tiling(const snn_footprint *footprint, const snn_holding *part)
{
    if (footprint->timings != NULL) {
        return tiling_of_windows(footprint, part);
    }
    const snn_population *of = population_of(footprint, part->population);
    const int64_t positions = snn_shape_positions(of->input), position_bytes = (int64_t)part->held * SNN_SUM_BYTES;
    const int64_t tile_bytes = footprint->kernels->tile_bytes > 0 ? footprint->kernels->tile_bytes : TILE_BYTES;
    if (snn_neuron_reads_all_positions(of->kind)) {
        /* A tile is an image; what is too large for the cache is cut along time instead. */
        const int64_t fit = snn_larger(1, tile_bytes / (positions * position_bytes));
        return (snn_tiling){(int32_t)positions, (int32_t)snn_smaller(footprint->block, fit)};
    }
    int64_t count = snn_larger(1, tile_bytes / (footprint->block * position_bytes));
    if (count > POSITION_MULTIPLE) {
        count -= count % POSITION_MULTIPLE;
    }
    return (snn_tiling){(int32_t)snn_smaller(count, positions), footprint->block};
}

/* ---- threads ---- */

void snn_footprint_add_thread(const snn_footprint *footprint, const snn_holding *part, snn_thread_bytes *bytes)
{
    if (part->owned == 0) {
        return;
    }
    const snn_population *of = population_of(footprint, part->population);
    const snn_tiling tile = snn_footprint_tiling(footprint, part);
    const int64_t values = (int64_t)tile.positions * part->held;
    if (footprint->timings != NULL) {
        const int64_t sums = values * footprint->timings[part->population].moments * SNN_SUM_BYTES;
        bytes->sums = snn_larger(bytes->sums, sums);
        bytes->rounded = snn_larger(bytes->rounded, sums);
        bytes->spare = snn_larger(bytes->spare, sums);
        bytes->graded = snn_larger(bytes->graded, part->image ? values * REAL_BYTES : 0);
    } else {
        bytes->sums = snn_larger(bytes->sums, values * tile.steps * SNN_SUM_BYTES);
    }
    if (snn_neuron_spikes(of->kind)) {
        const int64_t neurons = footprint->kernels->fire_scratch_bytes(of, part->owned, part->held);
        bytes->neurons = snn_larger(bytes->neurons, neurons);
    }
}
