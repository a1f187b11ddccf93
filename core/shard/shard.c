#include "core/shard/shard.h"

#include <omp.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/shard/shard_private.h"

static snn_status check_range(snn_channel_range range, int32_t channels)
{
    if (range.begin < 0 || range.begin > range.end || range.end > channels) {
        return snn_fail(SNN_INTERNAL_ERROR, "channels %d..%d of %d", range.begin, range.end, channels);
    }
    return snn_ok();
}

static snn_status check_options(const snn_network *network, const snn_shard_options *options)
{
    const bool windows = network->windows.steps > 0;
    if (windows && options->dynamics != SNN_DYNAMICS_SIGNGD) {
        return snn_fail(SNN_INTERNAL_ERROR, "windows under dynamics that have none");
    }
    if (options->images < 1 ||
        (!windows && (options->block < 1 || options->timesteps < 1 || options->timesteps > SNN_MAX_TIMESTEPS))) {
        return snn_fail(SNN_INTERNAL_ERROR, "%d images, blocks of %d of %d timesteps", options->images, options->block,
                        options->timesteps);
    }
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population *population = &network->populations[p];
        const snn_channel_range owned = options->channels[p];
        SNN_TRY_CONTEXT(check_range(owned, population->shape.channels), "owned of \"%s\"", population->name);
        SNN_TRY_CONTEXT(check_range(options->visible[p], population->shape.channels), "visible of \"%s\"",
                        population->name);
        bool part = owned.begin < owned.end && (owned.begin > 0 || owned.end < population->shape.channels);
        if (population->kind == SNN_NEURON_READOUT && part) {
            return snn_fail(SNN_INTERNAL_ERROR, "the readout is owned in part (channels %d..%d of %d)", owned.begin,
                            owned.end, population->shape.channels);
        }
    }
    return snn_ok();
}

/* The source's channels [begin, end) that `rows` of a projection take must be there. */
static snn_status check_source(const snn_shard *shard, const snn_shard_options *options,
                               const snn_projection *projection, snn_channel_range rows)
{
    snn_channel_range needed;
    const snn_channel_range visible = options->visible[projection->source];
    const snn_channel_range owned = options->channels[projection->source];
    const int32_t first = projection->op.target_channel;
    snn_operator_source_channels(&projection->op, first + rows.begin, first + rows.end, &needed.begin, &needed.end);
    const bool seen = visible.begin <= needed.begin && needed.end <= visible.end;
    const bool held = owned.begin <= needed.begin && needed.end <= owned.end;
    if (!seen && !held) {
        return snn_fail(SNN_INTERNAL_ERROR, "channels %d..%d of \"%s\" are needed, %d..%d are visible", needed.begin,
                        needed.end, shard->network->populations[projection->source].name, visible.begin, visible.end);
    }
    return snn_ok();
}

/* Rows of one projection onto a part: packed for the kernel, or kept for the product with a graded image. */
static snn_status take_rows(snn_shard *shard, snn_part *part, const snn_shard_options *options,
                            const snn_projection *projection, snn_channel_range rows)
{
    const snn_weight_format format = shard->network->format;
    if (rows.begin < projection->row_begin || rows.end > projection->row_end) {
        return snn_fail(SNN_INTERNAL_ERROR, "weight rows %d..%d are needed, %d..%d are held", rows.begin, rows.end,
                        projection->row_begin, projection->row_end);
    }
    if (projection->source != SNN_SOURCE_INPUT) {
        SNN_TRY(check_source(shard, options, projection, rows));
    } else {
        shard->reads_input = true;
        if (shard->increments != NULL) {
            return shard->kernels->pack_image(projection, format, rows.begin, rows.end,
                                              &part->graded_products[part->graded_product_count++]);
        }
    }
    snn_packed *packed = &part->packed[part->packed_count++];
    if (snn_reads_stream(shard, projection)) {
        return shard->kernels->pack_stream(projection, format, rows.begin, rows.end, packed);
    }
    if (shard->timings != NULL) {
        return snn_windows_pack(shard, part, projection, rows, packed);
    }
    return shard->kernels->pack(projection, format, rows.begin, rows.end, packed);
}

static snn_status take_projection(snn_shard *shard, snn_part *part, const snn_shard_options *options, int32_t number)
{
    const snn_projection *projection = &shard->network->projections[number];
    snn_channel_range reads[SNN_MOST_READ];
    const int32_t count = snn_population_reads(&shard->network->populations[projection->target], part->owned.begin,
                                               part->owned.end, reads);
    for (int32_t i = 0; i < count; i++) {
        const snn_channel_range rows = snn_rows_of(&projection->op, reads[i]);
        if (rows.begin < rows.end) {
            SNN_TRY(take_rows(shard, part, options, projection, rows));
        }
    }
    return snn_ok();
}

static snn_status create_state(const snn_shard *shard, int32_t number, snn_part *part)
{
    const snn_population *population = &shard->network->populations[number];
    const size_t channels = (size_t)snn_part_channels(part);
    const snn_footprint footprint = snn_shard_footprint(shard);
    const snn_holding holding = snn_shard_holding(shard, number);
    const snn_neuron_bytes bytes = snn_footprint_neurons(&footprint, &holding);
    bool complete = true;
    part->x = snn_shard_allocate(bytes.x, &complete);
    part->y = snn_shard_allocate(bytes.y, &complete);
    part->previous = snn_shard_allocate(bytes.previous, &complete);
    part->graded = snn_shard_allocate(bytes.graded, &complete);
    part->decoded = snn_shard_allocate(bytes.decoded, &complete);
    if (population->kind != SNN_NEURON_STREAM) {
        part->inverse_scale = snn_allocate(channels, sizeof(float));
        complete = complete && part->inverse_scale != NULL;
    }
    if (!complete) {
        return snn_out_of_memory("neuron state");
    }
    for (size_t c = 0; c < channels && part->inverse_scale != NULL; c++) {
        part->inverse_scale[c] = 1.0f / population->scale[(size_t)part->owned.begin + c];
    }
    return snn_ok();
}

/* The array of spikes, or of a stream's sums, that are owned or come from other ranks. */
static snn_status create_block(const snn_shard *shard, int32_t number, snn_part *part)
{
    const snn_footprint footprint = snn_shard_footprint(shard);
    bool complete = true;
    void *array = snn_shard_allocate(snn_footprint_block(&footprint, number), &complete);
    if (shard->network->populations[number].kind == SNN_NEURON_STREAM) {
        part->sums = array;
    } else {
        part->bits = array;
    }
    return complete ? snn_ok() : snn_out_of_memory("spikes");
}

static snn_status create_part(snn_shard *shard, const snn_shard_options *options, int32_t number)
{
    const snn_population *population = &shard->network->populations[number];
    const snn_channel_range visible = options->visible[number];
    snn_part *part = &shard->parts[number];
    part->owned = options->channels[number];
    const bool owner = part->owned.begin < part->owned.end;
    if (owner || visible.begin < visible.end) {
        SNN_TRY(create_block(shard, number, part));
    }
    if (!owner) {
        return snn_ok();
    }
    part->held = part->owned;
    if (snn_neuron_reads_all_channels(population->kind)) {
        part->held = (snn_channel_range){0, population->input.channels};
    }
    const snn_network *network = shard->network;
    while (part->projection_begin < network->projection_count &&
           network->projections[part->projection_begin].target < number) {
        part->projection_begin++;
    }
    part->projection_end = part->projection_begin;
    while (part->projection_end < network->projection_count &&
           network->projections[part->projection_end].target == number) {
        part->projection_end++;
    }
    const size_t most = SNN_MOST_READ * (size_t)(part->projection_end - part->projection_begin);
    part->packed = snn_allocate(most, sizeof *part->packed);
    part->graded_products = snn_allocate(most, sizeof *part->graded_products);
    if (part->packed == NULL || part->graded_products == NULL) {
        return snn_out_of_memory("projections");
    }
    if (shard->timings != NULL) {
        SNN_TRY(snn_windows_prepare_part(shard, number, part));
    }
    for (int32_t i = part->projection_begin; i < part->projection_end; i++) {
        SNN_TRY_CONTEXT(take_projection(shard, part, options, i), "projection %d", i);
        if (options->spent != NULL) {
            snn_projection_release_weights(&options->spent->projections[i]);
        }
    }
    if (shard->timings != NULL) {
        SNN_TRY(snn_windows_order(shard, number, part));
    }
    SNN_TRY(create_state(shard, number, part));
    const snn_footprint footprint = snn_shard_footprint(shard);
    const snn_holding holding = snn_shard_holding(shard, number);
    part->tiling = snn_footprint_tiling(&footprint, &holding);
    return snn_ok();
}

/* A window's steps are those of the network; its pixels come directly, whatever the options say. */
static snn_status create_windows(snn_shard *shard)
{
    const snn_windows *windows = &shard->network->windows;
    shard->timings = snn_allocate((size_t)shard->network->population_count, sizeof *shard->timings);
    if (shard->timings == NULL) {
        return snn_out_of_memory("windows");
    }
    snn_network_timings(shard->network, shard->timings);
    for (int32_t j = 0; j < windows->steps; j++) {
        shard->eta[j] = (float)windows->magnitude[j];
    }
    return snn_ok();
}

static snn_status create_schedule(snn_shard *shard, const snn_shard_options *options)
{
    const size_t timesteps = (size_t)shard->timesteps;
    shard->eta = snn_allocate(timesteps, sizeof *shard->eta);
    if (shard->eta == NULL) {
        return snn_out_of_memory("schedule");
    }
    if (shard->network->windows.steps > 0) {
        SNN_TRY(create_windows(shard));
    } else {
        memcpy(shard->eta, options->eta, timesteps * sizeof *shard->eta);
    }
    if (!snn_encoding_is_graded(shard->encoding)) {
        return snn_ok();
    }
    shard->increments = snn_allocate(timesteps, sizeof *shard->increments);
    shard->coefficients = snn_allocate(timesteps, sizeof *shard->coefficients);
    if (shard->increments == NULL || shard->coefficients == NULL) {
        return snn_out_of_memory("schedule");
    }
    snn_encoding_increments(shard->encoding, shard->eta, shard->timesteps, shard->increments);
    float coefficient = 0.0f;
    for (size_t t = 0; t < timesteps; t++) {
        coefficient = coefficient + shard->increments[t];
        shard->coefficients[t] = coefficient;
    }
    return snn_ok();
}

static snn_status fill_shard(snn_shard *shard, const snn_shard_options *options)
{
    const snn_network *network = shard->network;
    SNN_TRY(create_schedule(shard, options));
    SNN_TRY(snn_statistics_create(network, shard->timesteps, &shard->statistics));
    shard->parts = snn_allocate((size_t)network->population_count, sizeof *shard->parts);
    if (shard->parts == NULL) {
        return snn_out_of_memory("populations");
    }
    for (int32_t p = 0; p < network->population_count; p++) {
        SNN_TRY_CONTEXT(create_part(shard, options, p), "population \"%s\"", network->populations[p].name);
    }
    if (shard->reads_input && shard->increments == NULL) {
        SNN_TRY(snn_encoder_init(shard, &shard->encoder));
    }
    if (snn_part_channels(&shard->parts[network->population_count - 1]) > 0) {
        const size_t images = (size_t)options->images;
        shard->predictions = snn_allocate(images * (size_t)snn_shard_latency(shard), sizeof *shard->predictions);
        shard->logits = snn_allocate(images * (size_t)network->classes, sizeof *shard->logits);
        if (shard->predictions == NULL || shard->logits == NULL) {
            return snn_out_of_memory("predictions");
        }
    }
    SNN_TRY(snn_workers_create(shard));
    return shard->dynamics == SNN_DYNAMICS_SUBGRADIENT ? snn_baseline_create(shard) : snn_ok();
}

snn_status snn_shard_create(const snn_network *network, const snn_kernels *kernels, const snn_shard_options *options,
                            snn_shard **shard)
{
    *shard = NULL;
    SNN_TRY_CONTEXT(check_options(network, options), "shard");
    SNN_TRY_CONTEXT(snn_network_check(network), "shard");
    snn_shard *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("shard");
    }
    made->network = network;
    made->kernels = kernels;
    made->capacity = made->images = options->images;
    const bool windows = network->windows.steps > 0;
    made->block = windows ? network->windows.steps : options->block;
    made->timesteps = windows ? network->windows.steps : options->timesteps;
    made->latency = options->timesteps > 0 ? options->timesteps : snn_network_latency(network);
    made->dynamics = options->dynamics;
    made->encoding = windows ? SNN_ENCODING_DIRECT : options->encoding;
    made->momentum = options->momentum;
    made->detail = options->statistics;
    made->seed = options->seed;
    made->trace = options->trace;
    made->real = network->format == SNN_WEIGHTS_FLOAT32;
    made->threads = omp_get_max_threads();
    snn_status status = fill_shard(made, options);
    if (snn_failed(status)) {
        snn_shard_destroy(made);
        return snn_context(status, "shard");
    }
    *shard = made;
    return snn_ok();
}

bool snn_shard_reads_input(const snn_shard *shard)
{
    return shard->reads_input;
}

snn_status snn_shard_begin_group(snn_shard *shard, int32_t images, const float *pixels, const int64_t *numbers)
{
    if (images < 1 || images > shard->capacity) {
        return snn_fail(SNN_INTERNAL_ERROR, "shard: a group of %d images, made for up to %d", images, shard->capacity);
    }
    if (shard->reads_input && pixels == NULL) {
        return snn_fail(SNN_INTERNAL_ERROR, "shard: a group without its images");
    }
    if (shard->encoder.numbers != NULL && numbers == NULL) {
        return snn_fail(SNN_INTERNAL_ERROR, "shard: a group without its images' numbers");
    }
    shard->images = images;
    shard->pixels = pixels;
    snn_threads_begin_group(shard, pixels);
    if (shard->encoder.bits != NULL) {
        snn_encoder_begin_group(shard, pixels, numbers);
    }
    return snn_ok();
}

int32_t snn_shard_latency(const snn_shard *shard)
{
    return shard->latency;
}

static bool reads_encoder(const snn_part *part)
{
    for (int32_t i = 0; i < part->packed_count; i++) {
        if (part->packed[i].projection->source == SNN_SOURCE_INPUT) {
            return true;
        }
    }
    return false;
}

/* Whether the steps are the ones that are next for a population. */
static snn_status check_steps(const snn_shard *shard, int32_t population, int32_t first, int32_t steps)
{
    const int32_t next = shard->parts[population].next_step;
    if (shard->timings != NULL && (first != 0 || steps != shard->timesteps)) {
        return snn_fail(SNN_INTERNAL_ERROR, "shard: population %d: steps %d..%d of windows of %d asked for", population,
                        first, first + steps, shard->timesteps);
    }
    if (first != next || steps < 1 || steps > shard->block || steps > shard->timesteps - first) {
        return snn_fail(SNN_INTERNAL_ERROR,
                        "shard: population %d: steps %d..%d asked for, expected up to %d from %d on and before %d",
                        population, first, first + steps, shard->block, next, shard->timesteps);
    }
    return snn_ok();
}

snn_status snn_shard_run_stretch(snn_shard *shard, const snn_shard_stretch *stretch)
{
    if (stretch->begin < 0 || stretch->end > shard->network->population_count) {
        return snn_fail(SNN_INTERNAL_ERROR, "shard: no populations %d..%d", stretch->begin, stretch->end);
    }
    for (int32_t p = stretch->begin; p < stretch->end; p++) {
        snn_part *part = &shard->parts[p];
        if (snn_part_channels(part) == 0) {
            continue;
        }
        SNN_TRY(check_steps(shard, p, stretch->first, stretch->steps));
        if (reads_encoder(part)) {
            SNN_TRY_CONTEXT(snn_encoder_run(shard, stretch->first, stretch->steps), "shard: population %d", p);
        }
        part->next_step = stretch->first + stretch->steps;
    }
    snn_threads_run(shard, stretch);
    return snn_ok();
}

snn_status snn_shard_run(snn_shard *shard, int32_t population, int32_t first, int32_t steps)
{
    const snn_shard_stretch one = {.begin = population, .end = population + 1, .first = first, .steps = steps};
    return snn_shard_run_stretch(shard, &one);
}

const int32_t *snn_shard_predictions(const snn_shard *shard)
{
    return shard->predictions;
}

const float *snn_shard_logits(const snn_shard *shard)
{
    return shard->logits;
}

snn_statistics *snn_shard_statistics(snn_shard *shard)
{
    snn_threads_collect(shard);
    return shard->statistics;
}

static void clear_part(snn_part *part)
{
    snn_release(part->inverse_scale);
    snn_release(part->x);
    snn_release(part->y);
    snn_release(part->graded);
    snn_release(part->decoded);
    if (!part->placed) {
        snn_release(part->bits);
        snn_release(part->sums);
    }
    snn_release(part->previous);
    snn_baseline_clear(&part->baseline);
    for (int32_t i = 0; i < part->packed_count; i++) {
        snn_release(part->packed[i].data);
    }
    snn_release(part->packed);
    snn_release(part->begins);
    snn_release(part->largest_codes);
    for (int32_t i = 0; i < part->graded_product_count; i++) {
        snn_release(part->graded_products[i].data);
    }
    snn_release(part->graded_products);
}

void snn_shard_destroy(snn_shard *shard)
{
    if (shard == NULL) {
        return;
    }
    for (int32_t p = 0; shard->parts != NULL && p < shard->network->population_count; p++) {
        clear_part(&shard->parts[p]);
    }
    snn_encoder_clear(&shard->encoder);
    snn_workers_destroy(shard);
    snn_statistics_destroy(shard->statistics);
    snn_release(shard->parts);
    snn_release(shard->predictions);
    snn_release(shard->logits);
    snn_release(shard->timings);
    snn_release(shard->eta);
    snn_release(shard->increments);
    snn_release(shard->coefficients);
    snn_release(shard);
}
