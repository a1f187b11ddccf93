#include "io/cli/tune/tune_measure.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "core/base/functions.h"
#include "core/base/memory.h"
#include "core/base/timers.h"
#include "core/dynamics/schedule.h"
#include "core/network/timing.h"
#include "core/shard/shard.h"
#include "io/onnx/onnx.h"

enum { PARTS = 3, MOST_HELD = 384, LARGEST_BATCH = 8, LARGEST_BLOCK = 16 };

const double snn_tune_quantiles[SNN_TUNE_QUANTILES] = {0.9999, 0.999};

static const int64_t MOST_COUNT_BYTES = (int64_t)1 << 30;   /* of histograms */
static const int64_t MOST_PIXEL_BYTES = (int64_t)512 << 20; /* of held images, on all ranks */

/* Number of image `image` among those held back, or -1: the last of every PARTS, thinned by `thin`. */
static int32_t held_number(int64_t image, int64_t thin)
{
    const int64_t part = image / PARTS;
    return image % PARTS == PARTS - 1 && part % thin == 0 ? (int32_t)(part / thin) : -1;
}

typedef struct observation {
    snn_tune_data *data;
    float *maxima; /* [threads][length] */
    int64_t length;
} observation;

static void observe(void *context, int32_t thread, int64_t image, const snn_evaluator *evaluator)
{
    const observation *at = context;
    snn_tune_data *data = at->data;
    const int32_t held = held_number(image, at->data->thin);
    if (held < 0) {
        snn_draft_observe(data->trained.draft, evaluator, at->maxima + thread * at->length);
        return;
    }
    const float *logits = snn_evaluator_value(evaluator, data->trained.graph->output);
    memcpy(data->logits + (int64_t)(held - data->begin) * data->classes, logits,
           (size_t)data->classes * sizeof *logits);
}

static snn_status read_held(snn_tune_data *data, const snn_dataset *dataset, int64_t first, int64_t last)
{
    const int64_t size = snn_shape_size(snn_dataset_shape(dataset));
    for (int64_t image = first; image < last; image++) {
        const int32_t held = held_number(image, data->thin);
        if (held >= 0) {
            SNN_TRY(snn_dataset_read(dataset, image, 1, false, data->pixels + (held - data->begin) * size));
        }
    }
    return snn_ok();
}

/* The difference between the two largest. */
static float gap_of(const float *logits, int32_t classes)
{
    float first = -INFINITY, second = -INFINITY;
    for (int32_t c = 0; c < classes; c++) {
        if (logits[c] > first) {
            second = first;
            first = logits[c];
        } else if (logits[c] > second) {
            second = logits[c];
        }
    }
    return classes > 1 ? first - second : INFINITY;
}

/* Mean, variance and gaps of the trained network's logits; every rank gets those of all. */
static snn_status describe_logits(snn_tune_data *data)
{
    enum { UNITS = 1 << 20 }; /* sums over ranks are whole numbers, so that they have no order */
    int64_t sums[3] = {0, 0, 0};
    for (int32_t i = 0; i < data->held; i++) {
        data->gap[i] = -INFINITY;
    }
    for (int32_t i = data->begin; i < data->end; i++) {
        const float *logits = data->logits + (int64_t)(i - data->begin) * data->classes;
        data->gap[i] = gap_of(logits, data->classes);
        for (int32_t c = 0; c < data->classes; c++) {
            sums[0] += llrint((double)logits[c] * UNITS);
            sums[1] += llrint((double)logits[c] * (double)logits[c] * UNITS);
        }
    }
    SNN_TRY(snn_world_sum(data->world, sums, 2));
    SNN_TRY(snn_world_maximum(data->world, data->gap, (size_t)data->held));
    const double count = (double)data->held * (double)data->classes;
    const double mean = (double)sums[0] / UNITS / count;
    data->variance = (double)sums[1] / UNITS / count - mean * mean;
    return snn_ok();
}

/* Everything that the measurements depend on, but the choices. */
static snn_status find_fingerprint(snn_tune_data *data, int64_t images)
{
    const snn_config *config = data->config;
    char text[512];
    uint64_t hash = 0;
    int64_t bytes = 0;
    SNN_TRY(snn_file_hash(config->data.calibration, &hash, &bytes));
    const int used = snprintf(text, sizeof text, "tune 3 %016llx %016llx %lld %d %d %d %d %d %d %d %d",
                              (unsigned long long)data->trained.hash, (unsigned long long)hash, (long long)images,
                              (int)config->data.layout, (int)config->neuron.scale, (int)config->neuron.maxpool,
                              (int)config->neuron.layernorm, (int)config->neuron.softmax, (int)config->neuron.attention,
                              (int)config->neuron.streams, (int)config->neuron.ranges);
    data->fingerprint = XXH3_64bits(text, used > 0 ? (size_t)used : 0);
    data->fingerprint =
        XXH3_64bits_withSeed(config->data.mean, (size_t)config->data.mean_count * sizeof(double), data->fingerprint);
    data->fingerprint =
        XXH3_64bits_withSeed(config->data.std, (size_t)config->data.std_count * sizeof(double), data->fingerprint);
    return snn_ok();
}

/* Which images are held back, and room for this rank's. */
static snn_status hold_back(snn_tune_data *data, const snn_dataset *dataset, int64_t images)
{
    const int64_t size = snn_shape_size(snn_dataset_shape(dataset));
    const int64_t fit = MOST_PIXEL_BYTES / (size * (int64_t)sizeof(float));
    const int64_t most = fit < 1 ? 1 : fit < MOST_HELD ? fit : MOST_HELD;
    const int64_t candidates = images / PARTS;
    if (candidates < 1) {
        return snn_fail(SNN_INPUT_ERROR,
                        "%s: %lld images; tune takes some for ranges and holds others back: at least %d",
                        data->config->data.calibration, (long long)images, PARTS);
    }
    data->thin = (candidates + most - 1) / most;
    int64_t first, last;
    snn_trained_share(&data->trained, images, &first, &last);
    data->begin = data->end = -1;
    for (int64_t image = 0; image < images; image++) {
        const int32_t held = held_number(image, data->thin);
        data->held += held >= 0;
        data->images += held < 0;
        if (held >= 0 && image >= first && image < last) {
            data->begin = data->begin < 0 ? held : data->begin;
            data->end = held + 1;
        }
    }
    data->image_size = size;
    data->begin = data->begin < 0 ? 0 : data->begin;
    data->end = data->end < 0 ? 0 : data->end;
    const snn_graph *graph = data->trained.graph;
    data->classes = (int32_t)snn_tensor_elements(&graph->values[graph->output].tensor);
    const size_t own = (size_t)(data->end - data->begin);
    data->pixels = snn_allocate(own, (size_t)size * sizeof *data->pixels);
    data->logits = snn_allocate(own, (size_t)data->classes * sizeof *data->logits);
    data->gap = snn_allocate((size_t)data->held, sizeof *data->gap);
    const bool complete = data->pixels != NULL && data->logits != NULL && data->gap != NULL;
    return complete ? snn_ok() : snn_out_of_memory("held images");
}

static snn_status look_at_images(snn_tune_data *data, const snn_dataset *dataset, int64_t images)
{
    const int32_t threads = omp_get_max_threads();
    observation at = {.data = data, .length = snn_draft_maxima_length(data->trained.draft)};
    SNN_TRY(hold_back(data, dataset, images));
    at.maxima = snn_allocate((size_t)at.length, (size_t)threads * sizeof *at.maxima);
    if (at.maxima == NULL) {
        return snn_out_of_memory("maxima");
    }
    data->maxima = at.maxima;
    const snn_image_visitor visitor = {observe, &at, true, "trained network"};
    SNN_TRY(snn_trained_visit(&data->trained, dataset, images, &visitor));
    for (int64_t i = at.length; i < at.length * threads; i++) {
        float *maximum = &at.maxima[i % at.length];
        *maximum = at.maxima[i] > *maximum ? at.maxima[i] : *maximum;
    }
    int64_t first, last;
    snn_trained_share(&data->trained, images, &first, &last);
    return read_held(data, dataset, first, last);
}

snn_status snn_tune_data_open(snn_world *world, const snn_config *config, bool quiet, snn_progress_mode progress,
                              snn_tune_data *data)
{
    snn_dataset *dataset = NULL;
    int64_t images = 0;
    *data = (snn_tune_data){.world = world, .config = config};
    SNN_TRY(snn_world_agree(world, snn_kernels_select(&data->kernels)));
    SNN_TRY(snn_trained_open(world, config, true, quiet, progress, &data->trained));
    snn_status status = snn_world_agree(world, snn_trained_calibration(config, &data->trained, &dataset, &images));
    if (!snn_failed(status)) {
        status = snn_world_agree(world, look_at_images(data, dataset, images));
    }
    if (!snn_failed(status)) {
        status = snn_world_maximum(world, data->maxima, (size_t)snn_draft_maxima_length(data->trained.draft));
    }
    if (!snn_failed(status)) {
        status = describe_logits(data);
    }
    if (!snn_failed(status)) {
        status = snn_world_agree(world, find_fingerprint(data, images));
    }
    snn_dataset_close(dataset);
    return status;
}

void snn_tune_data_close(snn_tune_data *data)
{
    snn_trained_close(&data->trained);
    snn_release(data->maxima);
    for (int32_t q = 0; q < SNN_TUNE_QUANTILES; q++) {
        snn_release(data->quantiles[q]);
    }
    snn_release(data->pixels);
    snn_release(data->logits);
    snn_release(data->gap);
}

/* ---- quantiles ---- */

typedef struct counting {
    const snn_tune_data *data;
    snn_histogram *histogram;
} counting;

static void count(void *context, int32_t thread, int64_t image, const snn_evaluator *evaluator)
{
    const counting *at = context;
    (void)thread;
    if (held_number(image, at->data->thin) < 0) {
        snn_draft_count(at->data->trained.draft, evaluator, at->histogram);
    }
}

static snn_status take_quantiles(snn_tune_data *data, const snn_histogram *histogram)
{
    const size_t length = (size_t)snn_draft_maxima_length(data->trained.draft);
    for (int32_t q = 0; q < SNN_TUNE_QUANTILES; q++) {
        data->quantiles[q] = snn_allocate(length, sizeof *data->quantiles[q]);
        if (data->quantiles[q] == NULL) {
            return snn_out_of_memory("quantiles");
        }
        memcpy(data->quantiles[q], data->maxima, length * sizeof *data->maxima);
        snn_histogram_quantiles(histogram, snn_tune_quantiles[q], data->quantiles[q]);
    }
    return snn_ok();
}

snn_status snn_tune_find_quantiles(snn_tune_data *data, bool *available)
{
    const int64_t channels = snn_draft_channels(data->trained.draft);
    counting at = {.data = data};
    snn_dataset *dataset = NULL;
    int64_t images = 0;
    *available = channels * SNN_HISTOGRAM_BINS * (int64_t)sizeof(int64_t) <= MOST_COUNT_BYTES;
    if (!*available || data->quantiles[0] != NULL) {
        return snn_ok();
    }
    snn_status status = snn_trained_calibration(data->config, &data->trained, &dataset, &images);
    if (!snn_failed(status)) {
        status = snn_histogram_create(data->maxima, channels, &at.histogram);
    }
    if (!snn_failed(status)) {
        const snn_image_visitor visitor = {count, &at, true, "quantiles"};
        status = snn_trained_visit(&data->trained, dataset, images, &visitor);
    }
    status = snn_world_agree(data->world, status);
    if (!snn_failed(status)) {
        status = snn_world_sum(data->world, at.histogram->counts, (size_t)snn_histogram_length(at.histogram));
    }
    if (!snn_failed(status)) {
        status = snn_world_agree(data->world, take_quantiles(data, at.histogram));
    }
    snn_histogram_destroy(at.histogram);
    snn_dataset_close(dataset);
    return status;
}

/* ---- one choice ---- */

static const float *maxima_of(const snn_tune_data *data, const snn_tune_choice *choice)
{
    for (int32_t q = 0; q < SNN_TUNE_QUANTILES; q++) {
        if (choice->quantile == snn_tune_quantiles[q]) {
            return data->quantiles[q];
        }
    }
    return data->maxima;
}

static snn_status convert(const snn_tune_data *data, const snn_tune_choice *choice, snn_network **network)
{
    snn_windows windows;
    SNN_TRY(snn_windows_init(choice->steps, choice->delay, choice->ratio, choice->margin, &windows));
    snn_draft_set_windows(data->trained.draft, &windows, choice->format);
    return snn_draft_finish(data->trained.draft, maxima_of(data, choice), data->images, network);
}

int32_t snn_tune_spikes(const snn_tune_choice *choice)
{
    return choice->steps > 0 ? choice->steps : choice->timesteps;
}

int32_t snn_tune_latency(const snn_tune_choice *choice, int32_t depth)
{
    return choice->steps > 0 ? choice->steps + choice->delay * (depth - 1) : choice->timesteps;
}

snn_status snn_tune_depth(const snn_tune_data *data, int32_t *depth)
{
    const snn_tune_choice least = {.steps = 1, .delay = 1, .ratio = 0.5, .margin = 0.25};
    snn_network *network = NULL;
    *depth = 0;
    snn_status status = snn_world_agree(data->world, convert(data, &least, &network));
    if (!snn_failed(status)) {
        *depth = snn_network_latency(network);
    }
    snn_network_destroy(network);
    return status;
}

/* A window is one block. */
static int32_t block_of(const snn_tune_choice *choice)
{
    return choice->steps > 0 || choice->timesteps < LARGEST_BLOCK ? snn_tune_spikes(choice) : LARGEST_BLOCK;
}

/* The network whole on this rank, for groups of so many images. */
static snn_status make_shard(const snn_tune_data *data, const snn_tune_choice *choice, int32_t images,
                             snn_network *network, snn_shard **shard)
{
    const int32_t timesteps = snn_tune_spikes(choice);
    const snn_schedule schedule = {.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = choice->eta0, .gamma = choice->gamma};
    snn_channel_range *all = snn_allocate((size_t)network->population_count, sizeof *all);
    float *eta = snn_allocate((size_t)timesteps, sizeof *eta);
    snn_status status = all == NULL || eta == NULL ? snn_out_of_memory("channel ranges") : snn_ok();
    if (!snn_failed(status) && choice->steps == 0) {
        status = snn_schedule_fill(&schedule, timesteps, eta);
    }
    for (int32_t p = 0; p < network->population_count && all != NULL; p++) {
        all[p].end = network->populations[p].shape.channels;
    }
    if (!snn_failed(status)) {
        const snn_shard_options options = {.images = images,
                                           .block = block_of(choice),
                                           .timesteps = choice->steps > 0 ? 0 : timesteps,
                                           .eta = eta,
                                           .encoding = SNN_ENCODING_DIRECT,
                                           .channels = all,
                                           .visible = all,
                                           .dynamics = SNN_DYNAMICS_SIGNGD,
                                           .statistics = SNN_STATISTICS_SPIKES,
                                           .spent = network};
        status = snn_shard_create(network, data->kernels, &options, shard);
    }
    snn_release(all);
    snn_release(eta);
    return status;
}

static snn_status run_group(snn_shard *shard, const snn_network *network, const snn_tune_choice *choice)
{
    const int32_t steps = snn_tune_spikes(choice), block = block_of(choice);
    for (int32_t first = 0; first < steps; first += block) {
        const int32_t count = steps - first < block ? steps - first : block;
        for (int32_t p = 0; p < network->population_count; p++) {
            SNN_TRY(snn_shard_run(shard, p, first, count));
        }
    }
    return snn_ok();
}

/* Which of the held images is number i of `images`: they are spread over all, and so over all ranks. */
static int32_t spread(const snn_tune_data *data, int32_t i, int32_t images)
{
    return (int32_t)((int64_t)i * data->held / images);
}

/* What was found of one image, both arrays [images] of what run_images finds. */
static void compare(const snn_tune_data *data, const float *spiking, int32_t held, float *error, float *agrees)
{
    const float *trained = data->logits + (int64_t)(held - data->begin) * data->classes;
    double sum = 0.0;
    for (int32_t c = 0; c < data->classes; c++) {
        const double difference = (double)spiking[c] - (double)trained[c];
        sum += difference * difference;
    }
    *error = (float)(sum / data->classes);
    *agrees =
        snn_index_of_largest(spiking, data->classes) == snn_index_of_largest(trained, data->classes) ? 1.0F : 0.0F;
}

/* Signed additions of an image: one for each spike and synapse. */
static double operations_of(const snn_network *network, const snn_tune_choice *choice)
{
    double additions = 0.0;
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_projection *projection = &network->projections[i];
        const bool spikes =
            projection->source != SNN_SOURCE_INPUT && snn_neuron_spikes(network->populations[projection->source].kind);
        additions += spikes ? (double)snn_operator_operations(&projection->op) : 0.0;
    }
    return additions * snn_tune_spikes(choice);
}

/* What was found of `images` held images: [2][images], the mean square of the logits' errors and whether the answers
 * are the same; other ranks' images stay as they are. */
static snn_status run_images(const snn_tune_data *data, const snn_tune_choice *choice, int32_t images, float *found,
                             double *seconds, double *operations)
{
    snn_network *network = NULL;
    snn_shard *shard = NULL;
    const int32_t batch =
        data->config->simulation.batch < LARGEST_BATCH ? data->config->simulation.batch : LARGEST_BATCH;
    const int64_t size = data->end > data->begin ? data->image_size : 0;
    float *pixels = snn_allocate((size_t)batch, (size_t)size * sizeof *pixels);
    snn_status status = pixels == NULL ? snn_out_of_memory("images") : snn_ok();
    double begun = 0.0;
    int32_t done = 0;
    for (int32_t next = 0; next < images && !snn_failed(status);) {
        int32_t members[LARGEST_BATCH], count = 0;
        for (; next < images && count < batch; next++) {
            const int32_t held = spread(data, next, images);
            if (held >= data->begin && held < data->end) {
                memcpy(pixels + count * size, data->pixels + (held - data->begin) * size,
                       (size_t)size * sizeof *pixels);
                members[count++] = next;
            }
        }
        if (count == 0) {
            break;
        }
        if (shard == NULL) {
            SNN_GOTO_DONE(status, convert(data, choice, &network));
            *operations = operations_of(network, choice);
            SNN_GOTO_DONE(status, make_shard(data, choice, batch, network, &shard));
            begun = snn_seconds();
        }
        SNN_GOTO_DONE(status, snn_shard_begin_group(shard, count, pixels, NULL));
        SNN_GOTO_DONE(status, run_group(shard, network, choice));
        for (int32_t i = 0; i < count; i++) {
            compare(data, snn_shard_logits(shard) + (int64_t)i * data->classes, spread(data, members[i], images),
                    &found[members[i]], &found[images + members[i]]);
        }
        done += count;
    }
    *seconds = done > 0 ? (snn_seconds() - begun) / done : 0.0;
done:
    snn_shard_destroy(shard);
    snn_network_destroy(network);
    snn_release(pixels);
    return status;
}

/* The chance that errors of that mean square, independent and normal, leave a gap between two logits open. */
static double chance_to_agree(double mean_square, double gap)
{
    return mean_square > 0.0 ? 0.5 * (1.0 + (double)snn_function_erf((float)(gap / (2.0 * sqrt(mean_square))))) : 1.0;
}

static void summarise(const snn_tune_data *data, const float *found, int32_t images, snn_tune_result *result)
{
    double error = 0.0, agreed = 0.0, agreement = 0.0;
    for (int32_t i = 0; i < images; i++) {
        error += (double)found[i] / images;
        agreed += (double)found[images + i] / images;
        for (int32_t j = 0; j < data->held; j++) {
            agreement += chance_to_agree((double)found[i], (double)data->gap[j]) / images / data->held;
        }
    }
    result->images = images;
    result->error = data->variance > 0.0 ? error / data->variance : error;
    result->agreed = agreed;
    result->agreement = agreement;
}

snn_status snn_tune_measure(const snn_tune_data *data, const snn_tune_choice *choice, int32_t images,
                            snn_tune_result *result)
{
    double seconds = 0.0, operations = 0.0;
    images = images < data->held ? images : data->held;
    float *found = snn_allocate((size_t)images, 2 * sizeof *found);
    for (int32_t i = 0; i < 2 * images && found != NULL; i++) {
        found[i] = -1.0F;
    }
    snn_status status =
        found == NULL ? snn_out_of_memory("errors") : run_images(data, choice, images, found, &seconds, &operations);
    status = snn_world_agree(data->world, status);
    if (!snn_failed(status)) {
        status = snn_world_maximum(data->world, found, 2 * (size_t)images);
    }
    float slowest[2] = {(float)seconds, (float)operations};
    if (!snn_failed(status)) {
        status = snn_world_maximum(data->world, slowest, 2);
    }
    if (!snn_failed(status)) {
        summarise(data, found, images, result);
        result->seconds = (double)slowest[0];
        result->operations = (double)slowest[1];
    }
    snn_release(found);
    return status;
}
