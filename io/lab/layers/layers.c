/* The verb `layers`: how far every layer of a network is from its function and from the trained network. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/cli/plan/planning.h"
#include "io/cli/run/session.h"
#include "io/cli/trained.h"
#include "io/hdf5/output.h"
#include "io/lab/layers/layers_measure.h"
#include "io/lab/layers/layers_tap.h"

enum { FEW_IMAGES = 20, PREDICTED_IMAGES = 2 };

typedef struct layers_work {
    snn_session *session;
    snn_trained trained;
    snn_network *network; /* tapped */
    int32_t *place;       /* [count] */
    int32_t count;        /* of its populations before */
    float *eta;           /* without windows */
    snn_dataset *dataset;
    snn_evaluator *evaluator;
    float *pixels, *first_pixels, *values; /* of an image, channels last and first; of a layer */
    snn_layers layers;
} layers_work;

static snn_status convert(layers_work *work)
{
    snn_config *config = work->session->config;
    snn_world *world = work->session->world;
    snn_network_origin origin;
    const snn_options *options = &work->session->options;
    if (snn_world_size(world) > 1) {
        return snn_fail(SNN_INPUT_ERROR, "%d ranks: `layers` works on one, start it without mpirun",
                        snn_world_size(world));
    }
    if (config->neuron.dynamics != SNN_DYNAMICS_SIGNGD || config->simulation.encoding == SNN_ENCODING_STOCHASTIC) {
        return snn_fail(SNN_INPUT_ERROR, "neuron.dynamics = \"subgradient\" and simulation.encoding = \"stochastic\": "
                                         "`layers` takes neither");
    }
    if (config->model.onnx[0] == '\0') {
        return snn_fail(SNN_INPUT_ERROR, "%s: missing key model.onnx, the trained network to compare with",
                        options->config);
    }
    SNN_TRY(snn_trained_open(world, config, true, options->quiet, options->progress, &work->trained));
    SNN_TRY(snn_trained_convert(world, config, &work->trained, &work->network, &origin));
    SNN_TRY(snn_planning_settle(config, work->network));
    work->count = work->network->population_count;
    work->place = snn_allocate((size_t)work->count, sizeof *work->place);
    return work->place == NULL ? snn_out_of_memory("layers") : snn_layers_tap(work->network, work->place);
}

static snn_status open_images(layers_work *work)
{
    const snn_config *config = work->session->config;
    SNN_TRY(snn_dataset_open(config->data.test, config->data.layout, config->data.mean, config->data.mean_count,
                             config->data.std, config->data.std_count, false, &work->dataset));
    const size_t size = (size_t)snn_shape_size(work->network->input);
    SNN_TRY(snn_dataset_check(work->dataset, work->network->input, 0, 0));
    SNN_TRY(snn_evaluator_create(work->trained.graph, true, &work->evaluator));
    size_t largest = 0;
    for (int32_t i = 0; i < work->count; i++) {
        const size_t layer = (size_t)snn_shape_size(work->network->populations[work->place[i]].shape);
        largest = layer > largest ? layer : largest;
    }
    work->pixels = snn_allocate(size, sizeof *work->pixels);
    work->first_pixels = snn_allocate(size, sizeof *work->first_pixels);
    work->values = snn_allocate(largest, sizeof *work->values);
    return work->pixels == NULL || work->first_pixels == NULL || work->values == NULL ? snn_out_of_memory("images")
                                                                                      : snn_ok();
}

static snn_status fill_steps(layers_work *work)
{
    const snn_config *config = work->session->config;
    const int32_t timesteps = config->simulation.timesteps;
    const snn_schedule schedule = {config->neuron.schedule, config->neuron.eta0, config->neuron.gamma,
                                   config->neuron.power,    config->table,       config->table_length};
    if (work->network->windows.steps > 0) {
        return snn_ok();
    }
    work->eta = snn_allocate((size_t)timesteps, sizeof *work->eta);
    return work->eta == NULL ? snn_out_of_memory("schedule") : snn_schedule_fill(&schedule, timesteps, work->eta);
}

static snn_status run_image(layers_work *work, int64_t image)
{
    SNN_TRY(snn_dataset_read(work->dataset, image, 1, false, work->pixels));
    return snn_layers_run(&work->layers, work->pixels);
}

static snn_status compare_image(layers_work *work, int64_t image)
{
    const snn_graph *graph = work->trained.graph;
    SNN_TRY(run_image(work, image));
    SNN_TRY(snn_dataset_read(work->dataset, image, 1, true, work->first_pixels));
    SNN_TRY(snn_evaluator_run(work->evaluator, work->first_pixels));
    for (int32_t i = 0; i < work->count - 1; i++) {
        if (snn_draft_tracked(work->trained.draft, work->evaluator, i, work->values)) {
            snn_layers_compare(&work->layers, i, work->values);
        }
    }
    snn_layers_compare(&work->layers, work->count - 1, snn_evaluator_value(work->evaluator, graph->output));
    return snn_ok();
}

static snn_status measure(layers_work *work)
{
    const snn_config *config = work->session->config;
    const snn_options *options = &work->session->options;
    int64_t images = config->data.images > 0 ? config->data.images : FEW_IMAGES;
    images = images < snn_dataset_images(work->dataset) ? images : snn_dataset_images(work->dataset);
    SNN_TRY(snn_layers_init(work->network, work->place, work->count, work->eta, config->simulation.timesteps,
                            config->simulation.encoding, &work->layers));
    snn_progress progress = snn_progress_begin("layers", images, 0, !options->quiet, options->progress);
    snn_progress_update(&progress, 0);
    snn_status status = snn_ok();
    for (int64_t image = 0; image < images && !snn_failed(status); image++) {
        status = compare_image(work, image);
        snn_progress_update(&progress, image + 1);
    }
    for (int64_t image = 0; image < PREDICTED_IMAGES && image < images && !snn_failed(status); image++) {
        status = run_image(work, image);
        if (!snn_failed(status)) {
            status = snn_layers_predict(&work->layers);
        }
    }
    snn_progress_end(&progress);
    return status;
}

/* ---- what was found ---- */

static bool is_shown(const layers_work *work, int32_t layer)
{
    return work->layers.layers[layer].known;
}

static void print(const layers_work *work)
{
    const snn_layers *layers = &work->layers;
    puts("root mean squares in units of a neuron's scale (logits: as they are)");
    puts("own: y - f(x); inherited: f(x) - f(x trained); total: y - f(x trained); predicted: inherited, if the errors");
    puts("of the sources were independent of each other; common: total, of the mean over a channel's positions\n");
    printf("%-32s %-12s %5s  %8s %9s %9s %9s %9s %9s\n", "layer", "neuron", "depth", "signal", "own", "inherited",
           "predicted", "total", "common");
    for (int32_t i = 0; i < work->count; i++) {
        const snn_layer *layer = &layers->layers[i];
        const snn_population *population = &work->network->populations[layer->place];
        if (is_shown(work, i)) {
            printf("%-32.32s %-12.12s %5d  %8.4f %9.5f %9.5f %9.5f %9.5f %9.5f\n", population->name,
                   snn_neuron_kind_name(population->kind), population->depth, snn_layer_rms(layers, i, layer->signal),
                   snn_layer_rms(layers, i, layer->own), snn_layer_rms(layers, i, layer->inherited),
                   snn_layer_predicted(layers, i), snn_layer_rms(layers, i, layer->total), snn_layer_common(layers, i));
        }
    }
    printf("\n%d of %d images answered as by the trained network\n", layers->agreeing, layers->images);
}

static snn_status write_csv(const layers_work *work, const char *path)
{
    const snn_layers *layers = &work->layers;
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return snn_fail(SNN_FILE_ERROR, "%s: cannot be created", path);
    }
    fprintf(file, "layer,neuron,depth,neurons,images,agreeing,signal,own,own_mean,inherited,predicted,total,common\n");
    for (int32_t i = 0; i < work->count; i++) {
        const snn_layer *layer = &layers->layers[i];
        const snn_population *population = &work->network->populations[layer->place];
        if (is_shown(work, i)) {
            const double mean = layer->count > 0 ? layer->own_magnitude / (double)layer->count : 0.0;
            const double unit = population->unit > 0.0F ? (double)population->unit : 1.0;
            fprintf(file, "\"%s\",%s,%d,%lld,%d,%d,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g\n", population->name,
                    snn_neuron_kind_name(population->kind), population->depth,
                    (long long)snn_shape_size(population->shape), layers->images, layers->agreeing,
                    snn_layer_rms(layers, i, layer->signal), snn_layer_rms(layers, i, layer->own), mean * unit,
                    snn_layer_rms(layers, i, layer->inherited), snn_layer_predicted(layers, i),
                    snn_layer_rms(layers, i, layer->total), snn_layer_common(layers, i));
        }
    }
    const bool failed = ferror(file) != 0;
    return fclose(file) != 0 || failed ? snn_fail(SNN_FILE_ERROR, "%s: cannot be written", path) : snn_ok();
}

static snn_status find(layers_work *work)
{
    const snn_options *options = &work->session->options;
    SNN_TRY(snn_session_read_config(work->session, SNN_CONFIG_RUN));
    if (options->output != NULL) {
        SNN_TRY(snn_session_probe(work->session, options->output));
    }
    SNN_TRY(convert(work));
    SNN_TRY(fill_steps(work));
    SNN_TRY(open_images(work));
    SNN_TRY(measure(work));
    if (!options->quiet) {
        print(work);
    }
    return options->output != NULL ? write_csv(work, options->output) : snn_ok();
}

static void clear(layers_work *work)
{
    snn_layers_clear(&work->layers);
    snn_evaluator_destroy(work->evaluator);
    snn_dataset_close(work->dataset);
    snn_network_destroy(work->network);
    snn_trained_close(&work->trained);
    snn_release(work->place);
    snn_release(work->eta);
    snn_release(work->pixels);
    snn_release(work->first_pixels);
    snn_release(work->values);
}

static snn_status layers_verb(int argc, char **argv)
{
    snn_session session;
    layers_work work = {.session = &session};
    snn_status status = snn_session_begin(&snn_verb_layers, "sqgo", argc, argv, &session);
    if (status.code == SNN_OK) {
        status = find(&work);
    }
    clear(&work);
    status = snn_session_tell(&session, status);
    snn_session_end(&session);
    return status;
}

static const snn_verb_option options_taken[] = {
    {"-o", "layers.csv", "also write the table as CSV"},
    SNN_OPTION_SET,
    SNN_OPTION_QUIET,
    SNN_OPTION_PROGRESS,
    {NULL, NULL, NULL},
};

const snn_verb snn_verb_layers = {
    "layers",
    "layers CONFIG.toml [-o layers.csv]",
    "how far every layer is from its function and from the trained network: own and inherited errors",
    options_taken,
    "Of data.images test images, or 20. Neurons are compared after their last spike.",
    layers_verb,
};
