#include "partition/calibrate.h"

#include "core/base/memory.h"
#include "core/base/timers.h"
#include "partition/plan.h"

enum {
    MOST_STATE = 192 << 20,  /* bytes of neurons and spikes of one measurement: fewer images if there would be more */
    MOST_WEIGHTS = 24 << 20, /* bytes of a population's weights: fewer rows, and the time scaled up */
    MOST_PRODUCTS = 1 << 30, /* of all populations in one step */
    MOST_OTHERS = 64 << 20,  /* bytes that stand for the rest of the network in the caches */
    CACHE_LINE = 64,
    LEAST_TURNS = 3,
    MOST_TURNS = 40,
    LARGEST_WEIGHT = 1000 /* more than 8 bits: as costly as weights are */
};

/* One population at one width. */
typedef struct candidate {
    int32_t population;
    snn_channel_range owned;
    double share; /* of the channels wanted: more were too large */
    uint64_t key;
    int32_t steps;                      /* at a time; 0: not known yet */
    double step_seconds, group_seconds; /* the fastest so far; 0: none yet */
} candidate;

/* Candidates that are measured side by side: those that read the image, or the others. */
typedef struct bench {
    const snn_kernels *kernels;
    const snn_work *work;
    snn_network *network; /* structure, and made-up rows for the candidates */
    candidate *candidates;
    int32_t count;
    int32_t images, timesteps;
    bool with_image;
    float *eta, *pixels;
    int64_t *numbers;
    snn_channel_range *owned, *visible;
    uint8_t *others; /* [other_bytes] */
    int64_t other_bytes;
    volatile uint8_t sink; /* keeps what is only touched from being left out */
    snn_shard *shard;
} bench;

/* A thread that is alone is not charged for what else the machine does meanwhile. */
static double clock_of(const bench *work)
{
    return work->work->threads == 1 ? snn_thread_seconds() : snn_seconds();
}

static uint32_t random_bits(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static bool reads_image(const snn_network *network, int32_t population)
{
    const int32_t first = snn_plan_first_projection(network, population); /* ordered by source: the image comes first */
    return first < network->projection_count && network->projections[first].target == population &&
           network->projections[first].source == SNN_SOURCE_INPUT;
}

/* ---- made-up weights ---- */

/* Sums of a stream's integers must not overflow, so their weights are 1. */
static void fill_weights(const snn_network *network, snn_projection *projection, int64_t count)
{
    uint32_t seed = 1;
    const bool stream =
        projection->source != SNN_SOURCE_INPUT && network->populations[projection->source].kind == SNN_NEURON_STREAM;
    const int32_t bound = network->format == SNN_WEIGHTS_INT8 ? INT8_MAX : LARGEST_WEIGHT;
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

static snn_channel_range held_channels(const snn_population *population, snn_channel_range owned)
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

static void see_source(bench *work, const snn_projection *projection, snn_channel_range held)
{
    if (projection->source == SNN_SOURCE_INPUT) {
        return;
    }
    const int32_t channels = work->network->populations[projection->source].shape.channels;
    snn_channel_range needed;
    snn_operator_source_channels(&projection->op, held.begin, held.end, &needed.begin, &needed.end);
    if (needed.begin < needed.end) {
        work->visible[projection->source] = (snn_channel_range){0, channels};
    }
}

/* What the candidates own and see, and rows for them. */
static snn_status take_candidates(bench *work)
{
    for (int32_t i = 0; i < work->count; i++) {
        const candidate *one = &work->candidates[i];
        const snn_channel_range held = held_channels(&work->network->populations[one->population], one->owned);
        work->owned[one->population] = one->owned;
        if (work->visible[one->population].begin == work->visible[one->population].end) {
            work->visible[one->population] = one->owned;
        }
        const int32_t last = snn_plan_first_projection(work->network, one->population + 1);
        for (int32_t p = snn_plan_first_projection(work->network, one->population); p < last; p++) {
            SNN_TRY(make_rows(work->network, &work->network->projections[p], held));
            see_source(work, &work->network->projections[p], held);
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
static void fill_sources(const bench *work)
{
    uint32_t seed = 7;
    for (int32_t p = 0; p < work->network->population_count; p++) {
        const snn_population *population = &work->network->populations[p];
        if (work->visible[p].begin == work->visible[p].end || work->owned[p].begin < work->owned[p].end) {
            continue;
        }
        if (population->kind == SNN_NEURON_STREAM) {
            const snn_sums sums = snn_shard_sums(work->shard, p);
            const int64_t count = work->work->block * (int64_t)work->images * sums.positions * sums.channels;
            for (int64_t i = 0; i < count; i++) {
                const int32_t value = (int32_t)(random_bits(&seed) % 2001) - 1000;
                if (work->network->format == SNN_WEIGHTS_FLOAT32) {
                    ((float *)sums.values)[i] = (float)value;
                } else {
                    ((int32_t *)sums.values)[i] = value;
                }
            }
        } else if (snn_neuron_spikes(population->kind)) {
            const snn_spikes spikes = snn_shard_spikes(work->shard, p);
            const int64_t rows = work->work->block * (int64_t)work->images * spikes.positions;
            fill_random(spikes.bits, rows * spikes.row_bytes, &seed);
            for (int64_t row = 0; row < rows && spikes.channels % 8 != 0; row++) {
                spikes.bits[(row + 1) * spikes.row_bytes - 1] &= (uint8_t)((1 << (spikes.channels % 8)) - 1);
            }
        }
    }
}

/* Bytes that a candidate needs for one image: its neurons, and the spikes or sums of its sources. */
static int64_t image_bytes(const bench *work, const candidate *one)
{
    const snn_population *population = &work->network->populations[one->population];
    const snn_channel_range held = held_channels(population, one->owned);
    int64_t bytes = snn_shape_positions(population->input) * (held.end - held.begin) * 8 +
                    snn_shape_positions(population->shape) * (one->owned.end - one->owned.begin) * 4;
    const int32_t last = snn_plan_first_projection(work->network, one->population + 1);
    for (int32_t i = snn_plan_first_projection(work->network, one->population); i < last; i++) {
        const snn_projection *projection = &work->network->projections[i];
        if (projection->source != SNN_SOURCE_INPUT) {
            const snn_population *source = &work->network->populations[projection->source];
            const int64_t size = snn_shape_size(source->shape) * work->work->block;
            bytes += source->kind == SNN_NEURON_STREAM ? size * SNN_SUM_BYTES : size / 8;
        }
    }
    return bytes;
}

/* Products that a candidate takes for one image and step. */
static int64_t image_products(const bench *work, const candidate *one)
{
    const snn_population *population = &work->network->populations[one->population];
    const snn_channel_range held = held_channels(population, one->owned);
    const int32_t last = snn_plan_first_projection(work->network, one->population + 1);
    int64_t products = 0;
    for (int32_t i = snn_plan_first_projection(work->network, one->population); i < last; i++) {
        products += snn_operator_operations(&work->network->projections[i].op) / population->input.channels *
                    (held.end - held.begin);
    }
    return products;
}

static void choose_images(bench *work)
{
    int64_t bytes = 1, products = 1;
    for (int32_t i = 0; i < work->count; i++) {
        bytes += image_bytes(work, &work->candidates[i]);
        products += image_products(work, &work->candidates[i]);
    }
    int64_t fit = MOST_STATE / bytes < MOST_PRODUCTS / products ? MOST_STATE / bytes : MOST_PRODUCTS / products;
    fit = fit > work->work->threads ? fit : work->work->threads;
    work->images = fit < work->work->images ? (int32_t)fit : work->work->images;
}

/* What else a rank's item goes through between two turns of a population: all that is measured elsewhere, or that
 * repeats what is measured here. */
static int64_t bytes_of_others(const bench *work, int32_t shards)
{
    int64_t bytes = 0;
    for (int32_t p = 0; p < work->network->population_count; p++) {
        const candidate all = {.population = p, .owned = snn_price_range(&work->network->populations[p], shards)};
        bytes += work->images * image_bytes(work, &all);
    }
    for (int32_t i = 0; i < work->count; i++) {
        bytes -= work->images * image_bytes(work, &work->candidates[i]);
    }
    bytes = bytes < MOST_OTHERS ? bytes : MOST_OTHERS;
    return bytes > 0 ? bytes : 0;
}

static snn_status open_bench(bench *work, int32_t shards)
{
    const size_t populations = (size_t)work->network->population_count;
    choose_images(work);
    work->timesteps = work->work->block;
    work->other_bytes = bytes_of_others(work, shards);
    work->others = snn_allocate((size_t)work->other_bytes, 1);
    work->eta = snn_allocate((size_t)work->timesteps, sizeof *work->eta);
    work->numbers = snn_allocate((size_t)work->images, sizeof *work->numbers);
    work->pixels =
        snn_allocate((size_t)work->images, (size_t)snn_shape_size(work->network->input) * sizeof *work->pixels);
    work->owned = snn_allocate(populations, sizeof *work->owned);
    work->visible = snn_allocate(populations, sizeof *work->visible);
    if (work->others == NULL || work->eta == NULL || work->numbers == NULL || work->pixels == NULL ||
        work->owned == NULL || work->visible == NULL) {
        return snn_out_of_memory("calibration");
    }
    uint32_t seed = 3;
    for (int32_t t = 0; t < work->timesteps; t++) {
        work->eta[t] = 0.05f;
    }
    for (int64_t i = 0; i < work->images * snn_shape_size(work->network->input); i++) {
        work->pixels[i] = (float)(random_bits(&seed) % 1000) / 1000.0f - 0.5f;
    }
    SNN_TRY(take_candidates(work));
    const snn_shard_options options = {.images = work->images,
                                       .block = work->work->block,
                                       .timesteps = work->timesteps,
                                       .eta = work->eta,
                                       .encoding = work->work->encoding,
                                       .channels = work->owned,
                                       .visible = work->visible,
                                       .dynamics = work->work->dynamics,
                                       .momentum = work->work->momentum};
    SNN_TRY(snn_shard_create(work->network, work->kernels, &options, &work->shard));
    fill_sources(work);
    return snn_ok();
}

static void close_bench(bench *work)
{
    snn_shard_destroy(work->shard);
    snn_network_release_weights(work->network);
    snn_release(work->eta);
    snn_release(work->numbers);
    snn_release(work->pixels);
    snn_release(work->owned);
    snn_release(work->visible);
    snn_release(work->others);
    work->others = NULL;
    work->shard = NULL;
    work->eta = work->pixels = NULL;
    work->numbers = NULL;
    work->owned = work->visible = NULL;
}

/* ---- turns ---- */

static void keep_fastest(double *fastest, double seconds)
{
    *fastest = *fastest == 0.0 || seconds < *fastest ? seconds : *fastest;
}

static double state_share(const bench *work, const candidate *one)
{
    const snn_population *population = &work->network->populations[one->population];
    const snn_channel_range held = held_channels(population, one->owned);
    return (double)(snn_shape_positions(population->input) * (held.end - held.begin) +
                    snn_shape_positions(population->shape) * (one->owned.end - one->owned.begin));
}

/* Shares out what beginning a group takes, by the values that begin. */
static snn_status turn_group(bench *work)
{
    const double begun = clock_of(work);
    SNN_TRY(snn_shard_begin_group(work->shard, work->images, work->pixels, work->numbers));
    const double seconds = clock_of(work) - begun;
    double all = 0;
    for (int32_t i = 0; i < work->count; i++) {
        all += state_share(work, &work->candidates[i]);
    }
    for (int32_t i = 0; i < work->count; i++) {
        candidate *one = &work->candidates[i];
        keep_fastest(&one->group_seconds, seconds * state_share(work, one) / all / work->images / one->share);
    }
    return snn_ok();
}

static void touch(bench *work, const void *bytes, int64_t count)
{
    for (int64_t i = 0; i < count; i += CACHE_LINE) {
        work->sink = (uint8_t)(work->sink + ((const uint8_t *)bytes)[i]);
    }
}

static void touch_others(bench *work)
{
    for (int64_t i = 0; i < work->other_bytes; i += CACHE_LINE) {
        work->others[i]++;
    }
}

/* In a run the sources of a population have just been written. */
static void touch_sources(bench *work, const candidate *one)
{
    const int32_t last = snn_plan_first_projection(work->network, one->population + 1);
    for (int32_t i = snn_plan_first_projection(work->network, one->population); i < last; i++) {
        const int32_t source = work->network->projections[i].source;
        if (source == SNN_SOURCE_INPUT || work->visible[source].begin == work->visible[source].end) {
            continue;
        }
        if (work->network->populations[source].kind == SNN_NEURON_STREAM) {
            const snn_sums sums = snn_shard_sums(work->shard, source);
            touch(work, sums.values, work->timesteps * (int64_t)work->images * snn_sums_plane_bytes(&sums));
        } else {
            const snn_spikes spikes = snn_shard_spikes(work->shard, source);
            touch(work, spikes.bits, work->timesteps * (int64_t)work->images * snn_spikes_plane_bytes(&spikes));
        }
    }
}

/* The first turn of a candidate is one step, which tells how many there may be later. */
static int32_t affordable_steps(const bench *work, double step_seconds, double seconds)
{
    const double steps = seconds / LEAST_TURNS / work->count / (step_seconds > 0 ? step_seconds : 1e-9);
    return steps < 1 ? 1 : steps < work->timesteps ? (int32_t)steps : work->timesteps;
}

static snn_status turn_steps(bench *work, double seconds)
{
    int32_t fewest = work->timesteps;
    for (int32_t i = 0; i < work->count; i++) {
        candidate *one = &work->candidates[i];
        const int32_t steps = one->steps > 0 ? one->steps : 1;
        touch_sources(work, one);
        const double begun = clock_of(work);
        SNN_TRY(snn_shard_run(work->shard, one->population, 0, steps));
        const double taken = clock_of(work) - begun;
        if (one->steps == 0) {
            const int32_t affordable = affordable_steps(work, taken, seconds);
            fewest = affordable < fewest ? affordable : fewest;
            one->steps = affordable;
        } else {
            keep_fastest(&one->step_seconds, taken / (steps * (double)work->images) / one->share);
        }
    }
    for (int32_t i = 0; i < work->count && work->with_image; i++) { /* the image's spikes are made once for all */
        work->candidates[i].steps = fewest < work->candidates[i].steps ? fewest : work->candidates[i].steps;
    }
    return snn_ok();
}

static snn_status take_turns(bench *work, double seconds)
{
    const double begun = snn_seconds();
    for (int32_t turn = 0; turn <= MOST_TURNS; turn++) {
        if (turn > LEAST_TURNS && snn_seconds() - begun > seconds) {
            break;
        }
        touch_others(work);
        SNN_TRY(turn_group(work));
        touch_others(work);
        SNN_TRY(turn_steps(work, seconds));
    }
    return snn_ok();
}

static snn_status keep_speeds(const bench *work, snn_speed_book *book)
{
    for (int32_t i = 0; i < work->count; i++) {
        const candidate *one = &work->candidates[i];
        const double packed = (double)snn_shard_packed_bytes(work->shard, one->population) / one->share;
        SNN_TRY(snn_speed_book_add(book, (snn_speed){one->key, one->step_seconds, one->group_seconds, packed}));
    }
    return snn_ok();
}

/* ---- candidates ---- */

static int64_t weight_bytes(const snn_network *network, int32_t population, snn_channel_range held)
{
    const int32_t last = snn_plan_first_projection(network, population + 1);
    int64_t bytes = 0;
    for (int32_t i = snn_plan_first_projection(network, population); i < last; i++) {
        const snn_operator *op = &network->projections[i].op;
        const snn_channel_range rows = {op->target_channel, op->target_channel + op->target_channels};
        const int64_t count = snn_channel_range_count(snn_channel_range_common(rows, held));
        bytes += count * snn_operator_row_length(op) * snn_weight_bytes(network->format, op->kind);
    }
    return bytes;
}

/* A candidate whose weights are not too many. */
static candidate make_candidate(const snn_network *network, int32_t population, snn_channel_range owned, uint64_t key)
{
    candidate made = {.population = population, .owned = owned, .share = 1.0, .key = key};
    const snn_population *neurons = &network->populations[population];
    const int64_t bytes = weight_bytes(network, population, held_channels(neurons, owned));
    const int32_t channels = snn_channel_range_count(owned);
    if (bytes > MOST_WEIGHTS && neurons->kind != SNN_NEURON_READOUT && !snn_neuron_reads_all_channels(neurons->kind)) {
        const int32_t fewer = (int32_t)(channels * (double)MOST_WEIGHTS / (double)bytes);
        made.owned.begin = owned.end - (fewer > 1 ? fewer : 1);
        made.share = (double)snn_channel_range_count(made.owned) / channels;
    }
    return made;
}

static bool is_listed(const bench *work, uint64_t key)
{
    for (int32_t i = 0; i < work->count; i++) {
        if (work->candidates[i].key == key) {
            return true;
        }
    }
    return false;
}

/* What the book lacks of the network divided into `shards`. */
static void list_candidates(bench *work, int32_t shards, bool with_image, const snn_speed_book *book)
{
    work->count = 0;
    work->with_image = with_image;
    for (int32_t p = 0; p < work->network->population_count; p++) {
        const snn_channel_range owned = snn_price_range(&work->network->populations[p], shards);
        const uint64_t key = snn_speed_key(work->network, work->work, p, owned);
        if (reads_image(work->network, p) == with_image && snn_speed_book_find(book, key) == NULL &&
            !is_listed(work, key)) {
            work->candidates[work->count++] = make_candidate(work->network, p, owned, key);
        }
    }
}

static snn_status measure(bench *work, int32_t shards, double seconds, snn_speed_book *book)
{
    snn_status status;
    SNN_GOTO_DONE(status, open_bench(work, shards));
    SNN_GOTO_DONE(status, take_turns(work, seconds));
    SNN_GOTO_DONE(status, keep_speeds(work, book));
done:
    close_bench(work);
    return status;
}

snn_status snn_calibrate(const snn_network *network, const snn_kernels *kernels, const snn_work *work,
                         int32_t most_shards, double seconds, snn_speed_book *book)
{
    bench one = {.kernels = kernels, .work = work};
    snn_status status;
    SNN_GOTO_DONE(status, snn_network_copy_structure(network, &one.network));
    one.candidates = snn_allocate((size_t)network->population_count, sizeof *one.candidates);
    if (one.candidates == NULL) {
        status = snn_out_of_memory("calibration");
        goto done;
    }
    for (int32_t point = 0; point < SNN_PRICE_POINTS && (point == 0 || 1 << (point - 1) < most_shards); point++) {
        for (int with_image = 0; with_image < 2; with_image++) {
            list_candidates(&one, 1 << point, with_image == 1, book);
            if (one.count > 0) {
                SNN_GOTO_DONE(status, snn_context(measure(&one, 1 << point, seconds, book), "calibration"));
            }
        }
    }
done:
    snn_release(one.candidates);
    snn_network_destroy(one.network);
    return status;
}
