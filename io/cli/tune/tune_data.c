#include "io/cli/tune/tune_data.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "core/base/memory.h"
#include "io/onnx/onnx.h"

enum { PARTS = 3, MOST_HELD = 384 };

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
