/* Which thread does what: images first, each through all populations of a stretch; what is left over by position. */
#include <omp.h>
#include <string.h>

#include "core/base/integers.h"
#include "core/base/memory.h"
#include "core/base/trace.h"
#include "core/shard/shard_private.h"

/* What the products of a part unpack, tile by tile. */
static int64_t product_scratch(const snn_shard *shard, int32_t population)
{
    const snn_part *part = &shard->parts[population];
    const bool windows = shard->timings != NULL;
    const int32_t steps =
        windows ? (int32_t)snn_smaller(shard->timings[population].moments, SNN_WINDOW_STEPS) : part->tiling.steps;
    int64_t most = 0;
    for (int32_t i = 0; i < part->packed_count; i++) {
        const snn_packed *packed = &part->packed[i];
        const int64_t bytes = snn_reads_stream(shard, packed->projection)
                                  ? shard->kernels->stream_scratch_bytes(packed, part->tiling.positions)
                                  : shard->kernels->scratch_bytes(packed, part->tiling.positions, steps);
        most = snn_larger(most, bytes);
    }
    return most;
}

snn_status snn_workers_create(snn_shard *shard)
{
    const snn_footprint footprint = snn_shard_footprint(shard);
    snn_thread_bytes bytes = {0};
    int64_t image = 0, products = 0;
    for (int32_t p = 0; p < shard->network->population_count; p++) {
        const snn_part *part = &shard->parts[p];
        const snn_holding holding = snn_shard_holding(shard, p);
        snn_footprint_add_thread(&footprint, &holding, &bytes);
        products = snn_larger(products, product_scratch(shard, p));
        image = snn_larger(image, shard->kernels->image_scratch_bytes(part->graded_products, part->graded_product_count,
                                                                      holding.held));
    }
    shard->workers = snn_allocate((size_t)shard->threads, sizeof *shard->workers);
    bool complete = shard->workers != NULL;
    for (int32_t i = 0; complete && i < shard->threads; i++) {
        snn_worker *worker = &shard->workers[i];
        worker->accumulator = snn_allocate((size_t)snn_larger(bytes.sums, image), 1);
        worker->scratch = snn_allocate((size_t)snn_larger(bytes.neurons, products), 1);
        worker->rounded = snn_shard_allocate(bytes.rounded, &complete);
        worker->spare = snn_shard_allocate(bytes.spare, &complete);
        worker->graded = snn_shard_allocate(bytes.graded, &complete);
        complete = complete && worker->accumulator != NULL && worker->scratch != NULL;
        SNN_TRY(snn_statistics_create(shard->network, shard->timesteps, &worker->statistics));
    }
    return complete ? snn_ok() : snn_out_of_memory("threads' working memory");
}

void snn_workers_destroy(snn_shard *shard)
{
    for (int32_t i = 0; shard->workers != NULL && i < shard->threads; i++) {
        snn_release(shard->workers[i].accumulator);
        snn_release(shard->workers[i].rounded);
        snn_release(shard->workers[i].spare);
        snn_release(shard->workers[i].graded);
        snn_release(shard->workers[i].scratch);
        snn_statistics_destroy(shard->workers[i].statistics);
    }
    snn_release(shard->workers);
}

/* ---- shares ---- */

/* The images of a thread; the group's last ones, fewer than threads, are nobody's. */
static snn_image_range own_images(const snn_shard *shard)
{
    const int32_t each = shard->images / omp_get_num_threads();
    const int32_t begin = omp_get_thread_num() * each;
    return (snn_image_range){begin, begin + each};
}

static snn_image_range common_images(const snn_shard *shard)
{
    return (snn_image_range){shard->images - shard->images % omp_get_num_threads(), shard->images};
}

static bool works_on(const snn_shard *shard, int32_t population)
{
    return snn_part_channels(&shard->parts[population]) > 0;
}

/* ---- the beginning of a group ---- */

/* x = bias, y = 0, no spikes before the first step. */
static void reset_images(const snn_shard *shard, int32_t number, snn_image_range images)
{
    const snn_population *population = &shard->network->populations[number];
    const snn_part *part = &shard->parts[number];
    const int64_t held = snn_part_inputs(part);
    const int64_t inputs = snn_shape_positions(population->input);
    const int64_t outputs = snn_shape_positions(population->shape);
    const size_t count = (size_t)(images.end - images.begin);
    for (int64_t i = images.begin * inputs; i < images.end * inputs && part->x != NULL; i++) {
        const int64_t position = population->bias_positions == 1 ? 0 : i % inputs;
        const float *bias = population->bias + position * population->input.channels + part->held.begin;
        memcpy(part->x + i * held, bias, (size_t)held * sizeof *bias);
    }
    if (part->decoded != NULL) {
        memset(part->decoded + images.begin * inputs * held, 0,
               count * (size_t)(inputs * held) * sizeof *part->decoded);
    }
    if (part->y != NULL) {
        const int64_t owned = snn_part_channels(part), row_bytes = snn_spikes_row_bytes(population->shape.channels);
        memset(part->y + images.begin * outputs * owned, 0, count * (size_t)(outputs * owned) * sizeof *part->y);
        memset(part->previous + images.begin * outputs * row_bytes, 0, count * (size_t)(outputs * row_bytes));
    }
}

/* One thread's part of it; inside a parallel region. */
static void begin_share(const snn_shard *shard, const float *pixels)
{
    const snn_worker *worker = &shard->workers[omp_get_thread_num()];
    const snn_image_range own = own_images(shard), common = common_images(shard);
    for (int32_t p = 0; p < shard->network->population_count; p++) {
        if (!works_on(shard, p)) {
            continue;
        }
        const int32_t rows = shard->network->populations[p].input.height;
        reset_images(shard, p, own);
#pragma omp for schedule(static) nowait
        for (int32_t image = common.begin; image < common.end; image++) {
            reset_images(shard, p, (snn_image_range){image, image + 1});
        }
        if (shard->parts[p].graded == NULL) {
            continue;
        }
        for (int32_t image = own.begin; image < own.end; image++) {
            for (int32_t row = 0; row < rows; row += SNN_IMAGE_ROWS) {
                snn_graded_compute(shard, p, pixels, image, row, worker);
            }
        }
#pragma omp for schedule(static) collapse(2) nowait
        for (int32_t image = common.begin; image < common.end; image++) {
            for (int32_t row = 0; row < rows; row += SNN_IMAGE_ROWS) {
                snn_graded_compute(shard, p, pixels, image, row, worker);
            }
        }
    }
}

void snn_threads_begin_group(snn_shard *shard, const float *pixels)
{
#pragma omp parallel num_threads(shard->threads)
    begin_share(shard, pixels);
    for (int32_t p = 0; p < shard->network->population_count; p++) {
        shard->parts[p].next_step = 0;
        if (shard->dynamics == SNN_DYNAMICS_SUBGRADIENT && works_on(shard, p)) {
            snn_baseline_begin_group(shard, p);
        }
    }
}

/* ---- a stretch ---- */

/* After the block of a population is done, for some images of it. */
static void keep_images(const snn_shard *shard, const snn_worker *worker, int32_t population, snn_image_range images,
                        const snn_shard_stretch *stretch)
{
    const snn_part *part = &shard->parts[population];
    if (part->previous != NULL) {
        const snn_spikes spikes = snn_shard_spikes(shard, population);
        const int64_t plane_bytes = snn_spikes_plane_bytes(&spikes);
        memcpy(part->previous + images.begin * plane_bytes, snn_spikes_plane(&spikes, stretch->steps - 1, images.begin),
               (size_t)((images.end - images.begin) * plane_bytes));
    }
    if (stretch->first + stretch->steps == shard->timesteps) {
        snn_ranges_count(shard, population, images, worker->statistics);
    }
}

/* Shards whose spikes lie in the same memory begin at different images and tiles: channels of a position are beside
 * each other, and processors that write to the same cache line at the same time take it from each other again and
 * again. */
static void run_own(snn_shard *shard, int32_t population, const snn_shard_stretch *stretch)
{
    const snn_image_range own = own_images(shard);
    const snn_part *part = &shard->parts[population];
    const int64_t positions = snn_shape_positions(snn_part_places(shard, population));
    const int64_t length = part->tiling.positions, tiles = (positions + length - 1) / length;
    const int64_t jobs = tiles * (own.end - own.begin);
    const int64_t first = jobs * part->owned.begin / shard->network->populations[population].shape.channels;
    const snn_worker *worker = &shard->workers[omp_get_thread_num()];
    for (int64_t i = 0; i < jobs; i++) {
        const int64_t job = (first + i) % jobs, begin = job % tiles * length;
        const int32_t image = own.begin + (int32_t)(job / tiles);
        const snn_tile_place place = {population, image, begin, snn_smaller(begin + length, positions), part->owned};
        snn_tiles_run(shard, worker, place, stretch->first, stretch->steps);
    }
    keep_images(shard, worker, population, own, stretch);
}

/* Positions of a tile where all threads share a few images: whole rows, where that leaves each thread a tile, and as
 * many as leave least to the busiest thread. */
static int64_t shared_length(const snn_shard *shard, int32_t population, int32_t images)
{
    enum { TILE = 8 }; /* beginning one takes as long as so many positions */
    const snn_part *part = &shard->parts[population];
    const snn_shape places = snn_part_places(shard, population);
    const int64_t most = part->tiling.positions, threads = omp_get_num_threads();
    if (snn_neuron_reads_all_positions(shard->network->populations[population].kind) && part->largest_codes == NULL) {
        return most;
    }
    const int64_t positions = snn_shape_positions(places), share = (images * positions + threads - 1) / threads;
    if (snn_smaller(most, share) < places.width && !snn_part_multiplies_rows(shard, part)) {
        return snn_smaller(most, share);
    }
    int64_t best = places.width, least = INT64_MAX;
    for (int64_t length = places.width; length <= snn_larger(most, places.width); length += places.width) {
        const int64_t tiles = images * ((positions + length - 1) / length);
        const int64_t busiest = (tiles + threads - 1) / threads * (snn_smaller(length, positions) + TILE);
        best = busiest <= least ? length : best;
        least = snn_smaller(busiest, least);
    }
    return best;
}

/* Into how many pieces the outputs of neurons that read all positions are divided, where threads share a few images:
 * heads, all of which each thread sums up the inputs of. */
static int32_t shared_pieces(const snn_shard *shard, int32_t population)
{
    const snn_population *of = &shard->network->populations[population];
    const snn_part *part = &shard->parts[population];
    const int32_t unit = snn_population_unit(of);
    if (shard->timings == NULL || !snn_neuron_reads_all_positions(of->kind) ||
        !snn_neuron_reads_all_channels(of->kind)) {
        return 1;
    }
    const int32_t units = snn_part_channels(part) / unit;
    return units < 1 ? 1 : (int32_t)snn_smaller(units, omp_get_num_threads());
}

/* Piece i of n, of whole units. */
static snn_channel_range piece_of(const snn_shard *shard, int32_t population, int32_t i, int32_t n)
{
    const snn_channel_range owned = shard->parts[population].owned;
    const int32_t unit = snn_population_unit(&shard->network->populations[population]);
    const int32_t units = (owned.end - owned.begin) / unit;
    return (snn_channel_range){owned.begin + units * i / n * unit,
                               i + 1 == n ? owned.end : owned.begin + units * (i + 1) / n * unit};
}

/* All threads together, who meet at its end. */
static void run_common(snn_shard *shard, int32_t population, const snn_shard_stretch *stretch)
{
    const snn_image_range common = common_images(shard);
    const int64_t positions = snn_shape_positions(snn_part_places(shard, population));
    const int64_t length = shared_length(shard, population, common.end - common.begin);
    const snn_worker *worker = &shard->workers[omp_get_thread_num()];
    const int32_t pieces = shared_pieces(shard, population);
#pragma omp for schedule(static) collapse(3)
    for (int32_t image = common.begin; image < common.end; image++) {
        for (int64_t begin = 0; begin < positions; begin += length) {
            for (int32_t piece = 0; piece < pieces; piece++) {
                const snn_tile_place place = {population, image, begin, snn_smaller(begin + length, positions),
                                              piece_of(shard, population, piece, pieces)};
                snn_tiles_run(shard, worker, place, stretch->first, stretch->steps);
            }
        }
    }
#pragma omp for schedule(static) nowait
    for (int32_t image = common.begin; image < common.end; image++) {
        keep_images(shard, worker, population, (snn_image_range){image, image + 1}, stretch);
    }
}

/* One thread's part; inside a parallel region. The caller hears and records what its own thread does. */
static void run_share(snn_shard *shard, const snn_shard_stretch *stretch)
{
    const int32_t thread = omp_get_thread_num();
    const bool traced = shard->trace != NULL && thread > 0;
    const snn_image_range own = own_images(shard), common = common_images(shard);
    for (int shared = 0; shared < 2; shared++) {
        const snn_image_range images = shared == 1 ? common : own;
        for (int32_t p = stretch->begin; p < stretch->end && images.begin < images.end; p++) {
            if (!works_on(shard, p)) {
                continue;
            }
            const double begun = traced ? snn_seconds() : 0.0;
            if (shared == 1) {
                run_common(shard, p, stretch);
            } else {
                run_own(shard, p, stretch);
            }
            if (traced) {
                snn_trace_record_population(shard->trace, thread, SNN_TIMER_COMPUTE, p, begun, snn_seconds());
            } else if (thread == 0 && stretch->done != NULL) {
                stretch->done(stretch->context, p);
            }
        }
    }
}

void snn_threads_run(snn_shard *shard, const snn_shard_stretch *stretch)
{
#pragma omp parallel num_threads(shard->threads)
    run_share(shard, stretch);
}

/* ---- counts ---- */

void snn_threads_collect(snn_shard *shard)
{
    for (int32_t i = 0; i < shard->threads; i++) {
        snn_statistics *counted = shard->workers[i].statistics; /* whole numbers, so their order does not matter */
        for (size_t c = 0; c < counted->length; c++) {
            shard->statistics->counts[c] += counted->counts[c];
        }
        memset(counted->counts, 0, counted->length * sizeof *counted->counts);
    }
}
