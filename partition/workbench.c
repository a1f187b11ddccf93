#include "partition/workbench.h"

#include "core/base/memory.h"
#include "core/shard/footprint.h"
#include "partition/moments.h"

enum {
    MOST_STATE = 192 << 20,  /* bytes of neurons and spikes of one measurement: fewer images if there would be more */
    MOST_PRODUCTS = 1 << 30, /* of all populations in one step, or window */
    MOST_OTHERS = 64 << 20,  /* bytes that stand for the rest of the network in the caches */
    LARGEST_WEIGHT = 1000    /* more than 8 bits: as costly as weights are */
};

static uint32_t random_bits(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* ---- made-up weights ---- */

/* So large that what the neuron's products add up to fits 32 bits: sums over whole images of codes may not, with more.
 * Sums of a stream's integers must not overflow either; their weights are 1. */
static int32_t largest_weight(const snn_network *network, const snn_projection *projection)
{
    const snn_operator *op = &projection->op;
    const int32_t usual = network->format == SNN_WEIGHTS_INT8 ? INT8_MAX : LARGEST_WEIGHT;
    const int64_t taps = op->pooled ? (int64_t)op->pool.kernel[0] * op->pool.kernel[1] : 1;
    int64_t products = 0;
    for (int32_t i = 0; i < network->projection_count; i++) {
        products += network->projections[i].target == projection->target;
    }
    const int64_t added =
        products * snn_operator_row_length(op) * taps * snn_network_source_reach(network, projection->source);
    const int64_t most = added > 0 ? INT32_MAX / added : usual;
    return most < 1 ? 1 : most < usual ? (int32_t)most : usual;
}

static void fill_weights(const snn_network *network, snn_projection *projection, int64_t count)
{
    uint32_t seed = 1;
    const bool stream =
        projection->source != SNN_SOURCE_INPUT && network->populations[projection->source].kind == SNN_NEURON_STREAM;
    const int32_t bound = largest_weight(network, projection);
    const bool narrow = snn_weight_bytes(network->format, projection->op.kind) == (int64_t)sizeof(int16_t);
    for (int64_t i = 0; i < count; i++) {
        const int32_t weight = stream ? 1 : (int32_t)(random_bits(&seed) % (2 * (uint32_t)bound + 1)) - bound;
        if (network->format == SNN_WEIGHTS_FLOAT32) {
            ((float *)projection->weights)[i] = (float)weight;
        } else if (narrow) {
            ((int16_t *)projection->weights)[i] = (int16_t)weight;
        } else {
            ((int32_t *)projection->weights)[i] = weight;
        }
    }
}

snn_channel_range snn_workbench_held(const snn_population *population, snn_channel_range owned)
{
    const bool all = owned.begin < owned.end && snn_neuron_reads_all_channels(population->kind);
    return all ? (snn_channel_range){0, population->input.channels} : owned;
}

static snn_status make_rows(snn_network *network, snn_projection *projection, snn_channel_range held)
{
    const snn_operator *op = &projection->op;
    const int32_t begin = held.begin - op->target_channel, end = held.end - op->target_channel;
    projection->row_begin = begin > 0 ? begin : 0;
    projection->row_end = end < op->target_channels ? end : op->target_channels;
    if (projection->row_begin >= projection->row_end) {
        projection->row_begin = projection->row_end = 0;
        return snn_ok();
    }
    const int64_t count = (projection->row_end - projection->row_begin) * snn_operator_row_length(op);
    projection->weights = snn_allocate((size_t)count, (size_t)snn_weight_bytes(network->format, op->kind));
    if (projection->weights == NULL) {
        return snn_out_of_memory("weights of a calibration");
    }
    fill_weights(network, projection, count);
    if (op->kind == SNN_OPERATOR_GATHER) {
        const int64_t elements = snn_shape_size(snn_operator_pooled_shape(op));
        projection->index = snn_allocate((size_t)count, sizeof *projection->index);
        if (projection->index == NULL) {
            return snn_out_of_memory("indices of a calibration");
        }
        for (int64_t i = 0; i < count; i++) {
            projection->index[i] = (int32_t)(i % elements);
        }
    }
    return snn_ok();
}

/* ---- the shard ---- */

static void see_source(snn_workbench *bench, const snn_projection *projection, snn_channel_range held)
{
    if (projection->source == SNN_SOURCE_INPUT) {
        return;
    }
    const int32_t channels = bench->network->populations[projection->source].shape.channels;
    snn_channel_range needed;
    snn_operator_source_channels(&projection->op, held.begin, held.end, &needed.begin, &needed.end);
    if (needed.begin < needed.end) {
        bench->visible[projection->source] = (snn_channel_range){0, channels};
    }
}

/* What the candidates own and see, and rows for them. */
static snn_status take_candidates(snn_workbench *bench)
{
    for (int32_t i = 0; i < bench->count; i++) {
        const snn_candidate *one = &bench->candidates[i];
        const snn_channel_range held = snn_workbench_held(&bench->network->populations[one->population], one->owned);
        bench->owned[one->population] = one->owned;
        if (bench->visible[one->population].begin == bench->visible[one->population].end) {
            bench->visible[one->population] = one->owned;
        }
        const int32_t last = snn_plan_first_projection(bench->network, one->population + 1);
        for (int32_t p = snn_plan_first_projection(bench->network, one->population); p < last; p++) {
            SNN_TRY(make_rows(bench->network, &bench->network->projections[p], held));
            see_source(bench, &bench->network->projections[p], held);
        }
    }
    return snn_ok();
}

static void fill_random(void *values, int64_t bytes, uint32_t *seed)
{
    uint8_t *at = values;
    for (int64_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)random_bits(seed);
    }
}

/* Spikes of sources: random, with the unused bits of a row clear; sums of streams: small numbers. */
static void fill_sources(const snn_workbench *bench)
{
    uint32_t seed = 7;
    for (int32_t p = 0; p < bench->network->population_count; p++) {
        const snn_population *population = &bench->network->populations[p];
        if (bench->visible[p].begin == bench->visible[p].end || bench->owned[p].begin < bench->owned[p].end) {
            continue;
        }
        const int32_t planes = snn_shard_planes(bench->shard, p, bench->work->block);
        if (population->kind == SNN_NEURON_STREAM) {
            const snn_sums sums = snn_shard_sums(bench->shard, p);
            const int64_t count = (int64_t)planes * bench->images * sums.positions * sums.channels;
            for (int64_t i = 0; i < count; i++) {
                const int32_t value = (int32_t)(random_bits(&seed) % 2001) - 1000;
                if (bench->network->format == SNN_WEIGHTS_FLOAT32) {
                    ((float *)sums.values)[i] = (float)value;
                } else {
                    ((int32_t *)sums.values)[i] = value;
                }
            }
        } else if (snn_neuron_spikes(population->kind)) {
            const snn_spikes spikes = snn_shard_spikes(bench->shard, p);
            fill_random(spikes.bits, snn_spikes_block_bytes(&spikes, planes), &seed);
            snn_spikes_clear_unused(&spikes, planes);
        }
    }
}

/* Bytes that a candidate needs for one image: its neurons, and the spikes or sums of its sources. */
static int64_t image_bytes(const snn_workbench *bench, const snn_candidate *one)
{
    const snn_population *population = &bench->network->populations[one->population];
    const snn_channel_range held = snn_workbench_held(population, one->owned);
    int64_t bytes = 0;
    if (bench->timings == NULL) { /* neurons keep nothing between windows */
        bytes = snn_shape_positions(population->input) * (held.end - held.begin) * 8 +
                snn_shape_positions(population->shape) * (one->owned.end - one->owned.begin) * 4;
    }
    const int32_t last = snn_plan_first_projection(bench->network, one->population + 1);
    for (int32_t i = snn_plan_first_projection(bench->network, one->population); i < last; i++) {
        const snn_projection *projection = &bench->network->projections[i];
        if (projection->source != SNN_SOURCE_INPUT) {
            const int32_t planes =
                bench->timings != NULL ? bench->timings[projection->source].planes : bench->work->block;
            bytes += snn_footprint_block_of(bench->network, projection->source, planes, 1);
        }
    }
    return bytes;
}

/* Products that a candidate takes for one image and step, or window. */
static int64_t image_products(const snn_workbench *bench, const snn_candidate *one)
{
    const snn_population *population = &bench->network->populations[one->population];
    const snn_channel_range held = snn_workbench_held(population, one->owned);
    const int32_t last = snn_plan_first_projection(bench->network, one->population + 1);
    int64_t products = 0;
    for (int32_t i = snn_plan_first_projection(bench->network, one->population); i < last; i++) {
        const snn_projection *projection = &bench->network->projections[i];
        const int32_t times =
            bench->timings != NULL ? snn_moments_products(bench->network, bench->timings, projection) : 1;
        products +=
            times * snn_operator_operations(&projection->op) / population->input.channels * (held.end - held.begin);
    }
    return products;
}

static void choose_images(snn_workbench *bench)
{
    int64_t bytes = 1, products = 1;
    for (int32_t i = 0; i < bench->count; i++) {
        bytes += image_bytes(bench, &bench->candidates[i]);
        products += image_products(bench, &bench->candidates[i]);
    }
    int64_t fit = MOST_STATE / bytes < MOST_PRODUCTS / products ? MOST_STATE / bytes : MOST_PRODUCTS / products;
    fit = fit > bench->work->threads ? fit : bench->work->threads;
    bench->images = fit < bench->work->images ? (int32_t)fit : bench->work->images;
}

/* What else a rank's item goes through between two turns of a population: all that is measured elsewhere, or that
 * repeats what is measured here. */
static int64_t bytes_of_others(const snn_workbench *bench, int32_t shards)
{
    int64_t bytes = 0;
    for (int32_t p = 0; p < bench->network->population_count; p++) {
        const snn_candidate all = {.population = p, .owned = snn_price_range(&bench->network->populations[p], shards)};
        bytes += bench->images * image_bytes(bench, &all);
    }
    for (int32_t i = 0; i < bench->count; i++) {
        bytes -= bench->images * image_bytes(bench, &bench->candidates[i]);
    }
    bytes = bytes < MOST_OTHERS ? bytes : MOST_OTHERS;
    return bytes > 0 ? bytes : 0;
}

snn_status snn_workbench_open(snn_workbench *bench, int32_t shards)
{
    const size_t populations = (size_t)bench->network->population_count;
    choose_images(bench);
    bench->timesteps = bench->work->block;
    bench->other_bytes = bytes_of_others(bench, shards);
    bench->others = snn_allocate((size_t)bench->other_bytes, 1);
    bench->eta = snn_allocate((size_t)bench->timesteps, sizeof *bench->eta);
    bench->numbers = snn_allocate((size_t)bench->images, sizeof *bench->numbers);
    bench->pixels =
        snn_allocate((size_t)bench->images, (size_t)snn_shape_size(bench->network->input) * sizeof *bench->pixels);
    bench->owned = snn_allocate(populations, sizeof *bench->owned);
    bench->visible = snn_allocate(populations, sizeof *bench->visible);
    if (bench->others == NULL || bench->eta == NULL || bench->numbers == NULL || bench->pixels == NULL ||
        bench->owned == NULL || bench->visible == NULL) {
        return snn_out_of_memory("calibration");
    }
    uint32_t seed = 3;
    for (int32_t t = 0; t < bench->timesteps; t++) {
        bench->eta[t] = 0.05f;
    }
    for (int64_t i = 0; i < bench->images * snn_shape_size(bench->network->input); i++) {
        bench->pixels[i] = (float)(random_bits(&seed) % 1000) / 1000.0f - 0.5f;
    }
    SNN_TRY(take_candidates(bench));
    const snn_shard_options options = {.images = bench->images,
                                       .block = bench->work->block,
                                       .timesteps = bench->timesteps,
                                       .eta = bench->eta,
                                       .encoding = bench->work->encoding,
                                       .channels = bench->owned,
                                       .visible = bench->visible,
                                       .dynamics = bench->work->dynamics,
                                       .momentum = bench->work->momentum,
                                       .statistics = bench->work->statistics,
                                       .spent = bench->network};
    SNN_TRY(snn_shard_create(bench->network, bench->kernels, &options, &bench->shard));
    fill_sources(bench);
    return snn_ok();
}

void snn_workbench_close(snn_workbench *bench)
{
    snn_shard_destroy(bench->shard);
    snn_network_release_weights(bench->network);
    snn_release(bench->eta);
    snn_release(bench->numbers);
    snn_release(bench->pixels);
    snn_release(bench->owned);
    snn_release(bench->visible);
    snn_release(bench->others);
    bench->others = NULL;
    bench->shard = NULL;
    bench->eta = bench->pixels = NULL;
    bench->numbers = NULL;
    bench->owned = bench->visible = NULL;
}
