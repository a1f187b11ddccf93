#include "io/cli/trained.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/hdf5/network_hash.h"
#include "io/onnx/onnx.h"

/* A model file larger than this is evaluated by rank 0 alone, so that no other rank holds it whole. */
static const int64_t SHARED_MODEL_BYTES = (int64_t)64 << 20;

enum { IMAGES_PER_READ = 256 };

snn_convert_options snn_trained_options(const snn_config *config)
{
    snn_windows windows; /* which the configuration has been checked for */
    (void)snn_windows_init(config->neuron.steps, config->neuron.delay, config->neuron.ratio, config->neuron.margin,
                           &windows);
    return (snn_convert_options){.windows = windows,
                                 .scale = config->neuron.scale,
                                 .maxpool = config->neuron.maxpool,
                                 .format = config->simulation.weights,
                                 .layernorm = config->neuron.layernorm,
                                 .softmax = config->neuron.softmax,
                                 .attention = config->neuron.attention,
                                 .streams = config->neuron.streams,
                                 .ranges = config->neuron.ranges};
}

snn_status snn_trained_uncalibrated(const snn_config *config, snn_network **network)
{
    snn_graph *graph = NULL;
    snn_draft *draft = NULL;
    float *maxima = NULL;
    const snn_convert_options options = snn_trained_options(config);
    snn_status status = snn_ok();
    SNN_GOTO_DONE(status, snn_onnx_open(config->model.onnx, true, &graph));
    SNN_GOTO_DONE(status, snn_onnx_advise(snn_draft_create(graph, &options, NULL, &draft), config->model.onnx));
    maxima = snn_allocate((size_t)snn_draft_maxima_length(draft), sizeof *maxima);
    status = maxima == NULL ? snn_out_of_memory("maxima") : snn_draft_finish(draft, maxima, 1, network);
done:
    snn_release(maxima);
    snn_draft_destroy(draft);
    snn_graph_destroy(graph);
    return status;
}

static snn_status read_model(const snn_config *config, snn_trained *trained)
{
    snn_convert_options options = snn_trained_options(config);
    snn_progress progress =
        snn_progress_begin("model", 1, 0, !trained->quiet && trained->evaluator == 0, trained->progress);
    progress.unit = "files";
    snn_progress_update(&progress, 0);
    snn_status status = snn_onnx_open(config->model.onnx, true, &trained->graph);
    if (!snn_failed(status)) {
        status = snn_onnx_advise(snn_draft_create(trained->graph, &options, NULL, &trained->draft), config->model.onnx);
    }
    if (!snn_failed(status)) {
        snn_progress_update(&progress, 1);
    }
    snn_progress_end(&progress);
    return status;
}

snn_status snn_trained_open(snn_world *world, const snn_config *config, bool everywhere, bool quiet,
                            snn_progress_mode progress, snn_trained *trained)
{
    int64_t bytes = 0;
    memset(trained, 0, sizeof *trained);
    trained->quiet = quiet;
    trained->progress = progress;
    /* Data files are found by reading the model, which one rank may do for all. */
    SNN_TRY(snn_world_agree(
        world, snn_world_rank(world) == 0 ? snn_onnx_hash(config->model.onnx, &trained->hash, &bytes) : snn_ok()));
    SNN_TRY(snn_world_broadcast(world, 0, &trained->hash, sizeof trained->hash));
    SNN_TRY(snn_world_broadcast(world, 0, &bytes, sizeof bytes));
    trained->evaluators = everywhere || bytes <= SHARED_MODEL_BYTES ? snn_world_size(world) : 1;
    trained->evaluator = snn_world_rank(world) < trained->evaluators ? snn_world_rank(world) : -1;
    return snn_world_agree(world, trained->evaluator >= 0 ? read_model(config, trained) : snn_ok());
}

void snn_trained_close(snn_trained *trained)
{
    snn_draft_destroy(trained->draft);
    snn_graph_destroy(trained->graph);
    trained->draft = NULL;
    trained->graph = NULL;
}

/* Runs the images [first, last) that were read into `pixels`, shared out over threads; `before` images were done
 * before. The first thread tells of all. */
static snn_status run_images(const snn_trained *trained, snn_evaluator **evaluators, const snn_image_visitor *visitor,
                             int64_t first, int64_t last, int64_t size, const float *pixels, int64_t before,
                             snn_progress *progress)
{
    snn_status failure = snn_ok();
    int64_t done = before;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = first; i < last; i++) {
        int32_t thread = omp_get_thread_num();
        snn_status status = snn_evaluator_run(evaluators[thread], pixels + (i - first) * size);
        if (status.code == SNN_OK) {
            visitor->visit(visitor->context, thread, i, evaluators[thread]);
        } else {
#pragma omp critical(snn_trained_failure)
            failure = snn_context(status, "%s", trained->graph->source);
        }
        int64_t so_far;
#pragma omp atomic capture
        so_far = ++done;
        if (thread == 0) {
            snn_progress_update(progress, so_far);
        }
    }
    return failure;
}

void snn_trained_share(const snn_trained *trained, int64_t images, int64_t *begin, int64_t *end)
{
    *begin = trained->evaluator < 0 ? 0 : images * trained->evaluator / trained->evaluators;
    *end = trained->evaluator < 0 ? 0 : images * (trained->evaluator + 1) / trained->evaluators;
}

snn_status snn_trained_visit(const snn_trained *trained, const snn_dataset *dataset, int64_t images,
                             const snn_image_visitor *visitor)
{
    if (trained->evaluator < 0) {
        return snn_ok();
    }
    int64_t begin, end;
    snn_trained_share(trained, images, &begin, &end);
    int64_t size = snn_shape_size(snn_dataset_shape(dataset));
    int32_t threads = omp_get_max_threads();
    snn_progress progress = snn_progress_begin(visitor->what, end - begin, 0,
                                               !trained->quiet && trained->evaluator == 0, trained->progress);
    snn_progress_update(&progress, 0);
    snn_evaluator **evaluators = snn_allocate((size_t)threads, sizeof(snn_evaluator *));
    float *pixels = snn_allocate((size_t)(IMAGES_PER_READ * size), sizeof *pixels);
    snn_status status = evaluators == NULL || pixels == NULL ? snn_out_of_memory("evaluators") : snn_ok();
    for (int32_t t = 0; t < threads && status.code == SNN_OK; t++) {
        status = snn_evaluator_create(trained->graph, visitor->keep_all, &evaluators[t]);
    }
    for (int64_t first = begin; first < end && status.code == SNN_OK; first += IMAGES_PER_READ) {
        int64_t last = first + IMAGES_PER_READ < end ? first + IMAGES_PER_READ : end;
        status = snn_dataset_read(dataset, first, last - first, true, pixels);
        if (status.code == SNN_OK) {
            status = run_images(trained, evaluators, visitor, first, last, size, pixels, first - begin, &progress);
        }
        snn_progress_update(&progress, last - begin);
    }
    snn_progress_end(&progress);
    for (int32_t t = 0; t < threads && evaluators != NULL; t++) {
        snn_evaluator_destroy(evaluators[t]);
    }
    snn_release(evaluators);
    snn_release(pixels);
    return status;
}

typedef struct calibration {
    const snn_draft *draft;
    float *maxima;            /* [threads][length] */
    int64_t length;           /* twice the channels */
    snn_histogram *histogram; /* of the second pass */
} calibration;

static void observe(void *context, int32_t thread, int64_t image, const snn_evaluator *evaluator)
{
    const calibration *at = context;
    (void)image;
    snn_draft_observe(at->draft, evaluator, at->maxima + thread * at->length);
}

snn_status snn_trained_calibration(const snn_config *config, const snn_trained *trained, snn_dataset **dataset,
                                   int64_t *images)
{
    SNN_TRY(snn_dataset_open(config->data.calibration, config->data.layout, config->data.mean, config->data.mean_count,
                             config->data.std, config->data.std_count, false, dataset));
    *images = snn_dataset_images(*dataset);
    if (config->data.calibration_images > *images) {
        return snn_fail(SNN_INPUT_ERROR,
                        "%s has %lld images, data.calibration_images asks for %lld; lower it, or give 0 for all",
                        config->data.calibration, (long long)*images, (long long)config->data.calibration_images);
    }
    *images = config->data.calibration_images > 0 ? config->data.calibration_images : *images;
    if (trained->graph == NULL) {
        return snn_ok();
    }
    const snn_tensor *input = &trained->graph->values[trained->graph->input].tensor;
    snn_shape shape = {1, 1, (int32_t)input->dims[1]};
    if (input->rank == 4) {
        shape.height = (int32_t)input->dims[2];
        shape.width = (int32_t)input->dims[3];
    }
    return snn_dataset_check(*dataset, shape, 0, 0);
}

static void count(void *context, int32_t thread, int64_t image, const snn_evaluator *evaluator)
{
    const calibration *at = context;
    (void)thread;
    (void)image;
    snn_draft_count(at->draft, evaluator, at->histogram);
}

/* A second pass over the images: the maxima become quantiles. */
static snn_status take_quantiles(snn_world *world, const snn_trained *trained, const snn_dataset *dataset,
                                 int64_t images, double quantile, calibration *at)
{
    snn_status status = snn_world_agree(world, snn_histogram_create(at->maxima, at->length / 2, &at->histogram));
    if (status.code == SNN_OK) {
        snn_image_visitor visitor = {count, at, true, "calibration, second pass"};
        status = snn_world_agree(world, snn_trained_visit(trained, dataset, images, &visitor));
    }
    if (status.code == SNN_OK) {
        status = snn_world_sum(world, at->histogram->counts, (size_t)snn_histogram_length(at->histogram));
    }
    if (status.code == SNN_OK) {
        snn_histogram_quantiles(at->histogram, quantile, at->maxima);
    }
    snn_histogram_destroy(at->histogram);
    return status;
}

/* Length of the maxima on every rank, also on those without a draft. */
static snn_status agree_on_length(snn_world *world, const snn_trained *trained, int64_t *length)
{
    *length = trained->draft != NULL ? snn_draft_maxima_length(trained->draft) : 0;
    return snn_world_broadcast(world, 0, length, sizeof *length);
}

static snn_status fill_origin(const snn_config *config, const snn_trained *trained, int64_t images,
                              snn_network_origin *origin)
{
    static const char *const forms[] = {"fused", "decomposed"};
    int64_t bytes = 0;
    const char *slash = strrchr(config->model.onnx, '/');
    memset(origin, 0, sizeof *origin);
    (void)snprintf(origin->model, sizeof origin->model, "%.255s", slash != NULL ? slash + 1 : config->model.onnx);
    origin->model_hash = trained->hash;
    origin->calibration_images = images;
    (void)snprintf(origin->settings, sizeof origin->settings,
                   "scale = %s, quantile = %.17g, maxpool = %s, layernorm = %s, softmax = %s, attention = %s, "
                   "streams = %s, ranges = %s, weights = %s, steps = %d, delay = %d, ratio = %.17g, margin = %.17g",
                   config->neuron.scale == SNN_SCALE_CHANNEL ? "channel" : "layer", config->data.calibration_quantile,
                   forms[config->neuron.maxpool], forms[config->neuron.layernorm], forms[config->neuron.softmax],
                   forms[config->neuron.attention],
                   config->neuron.streams == SNN_STREAMS_INTEGERS ? "integers" : "spikes",
                   config->neuron.ranges == SNN_RANGES_CALIBRATED ? "calibrated" : "quantised",
                   snn_weight_format_name(config->simulation.weights), config->neuron.steps, config->neuron.delay,
                   config->neuron.ratio, config->neuron.margin);
    return snn_file_hash(config->data.calibration, &origin->calibration_hash, &bytes);
}

snn_status snn_trained_convert(snn_world *world, const snn_config *config, const snn_trained *trained,
                               snn_network **network, snn_network_origin *origin)
{
    snn_dataset *dataset = NULL;
    int64_t images = 0;
    calibration at = {trained->draft, NULL, 0, NULL};
    int32_t threads = omp_get_max_threads();
    *network = NULL;
    snn_status status = snn_world_agree(world, snn_trained_calibration(config, trained, &dataset, &images));
    if (status.code != SNN_OK) {
        goto done;
    }
    SNN_GOTO_DONE(status, agree_on_length(world, trained, &at.length));
    at.maxima = snn_allocate((size_t)(at.length * threads), sizeof *at.maxima);
    status = at.maxima == NULL ? snn_out_of_memory("maxima") : snn_ok();
    if (status.code == SNN_OK) {
        snn_image_visitor visitor = {observe, &at, true, "calibration"};
        status = snn_trained_visit(trained, dataset, images, &visitor);
    }
    SNN_GOTO_DONE(status, snn_world_agree(world, status));
    for (int64_t i = at.length; i < at.length * threads; i++) {
        float *maximum = &at.maxima[i % at.length];
        *maximum = at.maxima[i] > *maximum ? at.maxima[i] : *maximum;
    }
    SNN_GOTO_DONE(status, snn_world_maximum(world, at.maxima, (size_t)at.length));
    if (config->data.calibration_quantile < 1.0) {
        SNN_GOTO_DONE(status, take_quantiles(world, trained, dataset, images, config->data.calibration_quantile, &at));
    }
    if (snn_world_rank(world) == 0) {
        status = snn_draft_finish(trained->draft, at.maxima, images, network);
        if (status.code == SNN_OK) {
            status = fill_origin(config, trained, images, origin);
        }
        if (status.code == SNN_OK) {
            status = snn_network_hash(*network, &origin->content_hash);
        }
    }
    status = snn_world_agree(world, status);
done:
    snn_dataset_close(dataset);
    snn_release(at.maxima);
    return status;
}

typedef struct prediction {
    int32_t output;
    int32_t classes;
    int32_t *predictions;
} prediction;

static void predict(void *context, int32_t thread, int64_t image, const snn_evaluator *evaluator)
{
    const prediction *at = context;
    (void)thread;
    at->predictions[image] = snn_index_of_largest(snn_evaluator_value(evaluator, at->output), at->classes);
}

snn_status snn_trained_predict(snn_world *world, const snn_trained *trained, const snn_dataset *dataset, int64_t images,
                               int32_t *predictions)
{
    int64_t *sums = snn_allocate((size_t)images, sizeof *sums);
    snn_status status = sums == NULL ? snn_out_of_memory("predictions") : snn_ok();
    for (int64_t i = 0; i < images; i++) {
        predictions[i] = -1;
    }
    if (status.code == SNN_OK && trained->graph != NULL) {
        const snn_graph *graph = trained->graph;
        const int64_t classes = snn_tensor_elements(&graph->values[graph->output].tensor); /* of 2^30 at most */
        prediction at = {graph->output, (int32_t)classes, predictions};
        snn_image_visitor visitor = {predict, &at, false, "trained network"};
        status = snn_trained_visit(trained, dataset, images, &visitor);
    }
    status = snn_world_agree(world, status);
    if (status.code == SNN_OK) {
        for (int64_t i = 0; i < images; i++) {
            sums[i] = predictions[i] + 1; /* one rank has the image, the others add 0 */
        }
        status = snn_world_sum(world, sums, (size_t)images);
        for (int64_t i = 0; i < images; i++) {
            predictions[i] = (int32_t)sums[i] - 1;
        }
    }
    snn_release(sums);
    return status;
}
