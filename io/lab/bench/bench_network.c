/* Part of `bench`: the whole network of a config, with random images, beside passes of its convolutions and linear
 * layers by oneDNN: as many as it has timesteps, or with windows a single one, which is what a trained network takes.
 * Where its time goes, population by population. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "io/cli/plan/planning.h"
#include "io/cli/trained.h"
#include "io/config/config.h"
#include "io/hdf5/network_file.h"
#include "io/lab/bench/bench.h"
#include "io/lab/bench/onednn.h"
#include "io/lab/bench/peak_run.h"
#include "partition/moments.h"

/* The layers that oneDNN has, run one after the other for a whole group. */
typedef struct pass {
    snn_onednn **layers; /* [projection_count]; NULL where there is no counterpart */
    double *seconds;     /* [projection_count] in all runs */
    int32_t count, runs;
} pass;

typedef struct comparison {
    snn_config *config;
    snn_network *network;
    snn_workload *workload;
    snn_timing *timings; /* [population_count] with windows, else NULL */
    int32_t times; /* what is reported is for an image and timestep, so many of an image; with windows for an image */
    pass passes[SNN_ONEDNN_PRECISIONS];
    snn_peak_run peak;
    snn_run_times timing, peak_timing, pass_timings[SNN_ONEDNN_PRECISIONS];
} comparison;

static snn_status read_network(const snn_config *config, snn_network **network)
{
    snn_network_origin origin;
    if (config->model.network[0] == '\0') {
        return snn_trained_uncalibrated(config, network); /* scales do not change what it costs */
    }
    return snn_network_file_read_whole(config->model.network, network, &origin);
}

static snn_status run_pass(void *context, double *seconds)
{
    pass *at = context;
    *seconds = 0.0;
    for (int32_t i = 0; i < at->count; i++) {
        double of_layer;
        if (at->layers[i] != NULL) {
            SNN_TRY(snn_onednn_run(at->layers[i], &of_layer));
            at->seconds[i] += of_layer;
            *seconds += of_layer;
        }
    }
    at->runs++;
    return snn_ok();
}

static snn_status prepare_pass(const snn_network *network, int32_t images, snn_onednn_precision precision, pass *made)
{
    made->layers = snn_allocate((size_t)network->projection_count, sizeof(snn_onednn *));
    made->seconds = snn_allocate((size_t)network->projection_count, sizeof *made->seconds);
    if (made->layers == NULL || made->seconds == NULL) {
        return snn_out_of_memory("layers");
    }
    made->count = network->projection_count;
    for (int32_t i = 0; i < made->count; i++) {
        const snn_projection *projection = &network->projections[i];
        SNN_TRY(snn_onednn_create(&projection->op, network->populations[projection->target].kind, images, precision,
                                  &made->layers[i]));
    }
    return snn_ok();
}

static snn_status measure(const snn_bench_options *options, comparison *at)
{
    const snn_config *config = at->config;
    const snn_workload_options workload = {.kernels = options->kernels[0],
                                           .images = config->simulation.batch,
                                           .block = config->simulation.block,
                                           .timesteps = snn_planning_steps(config, at->network),
                                           .threads = options->threads,
                                           .processor_time = options->threads == 1,
                                           .whole = true,
                                           .encoding = config->simulation.encoding,
                                           .statistics = config->statistics};
    SNN_TRY(snn_workload_create(at->network, &workload, &at->workload));
    enum { OURS = 2, MOST = OURS + SNN_ONEDNN_PRECISIONS };
    at->peak = snn_peak_run_of(options->kernels[0], at->network->format);
    snn_contestant contestants[MOST] = {{snn_workload_run_group, at->workload}, {snn_peak_run_once, &at->peak}};
    snn_run_times timings[MOST];
    int32_t count = OURS;
    for (int32_t p = 0; p < SNN_ONEDNN_PRECISIONS && snn_onednn_version() != NULL; p++) {
        SNN_TRY(prepare_pass(at->network, config->simulation.batch, (snn_onednn_precision)p, &at->passes[p]));
        contestants[count++] = (snn_contestant){run_pass, &at->passes[p]};
    }
    SNN_TRY(snn_measure(contestants, count, options->seconds, timings));
    at->timing = timings[0];
    at->peak_timing = timings[1];
    for (int32_t i = OURS; i < count; i++) {
        at->pass_timings[i - OURS] = timings[i];
    }
    return snn_ok();
}

/* Seconds that oneDNN took for what leads into a population, for one image; NAN where it has nothing of that. */
static double pass_seconds(const comparison *at, int32_t population, int32_t precision)
{
    const pass *of = &at->passes[precision];
    double seconds = 0.0;
    bool any = false;
    for (int32_t i = 0; i < of->count; i++) {
        if (at->network->projections[i].target == population && of->layers[i] != NULL) {
            seconds += of->seconds[i];
            any = true;
        }
    }
    return any && of->runs > 0 ? seconds / of->runs / at->config->simulation.batch : (double)NAN;
}

/* Additions of a timestep, or of a window; the product with a graded image is one, and without windows made at
 * the beginning. */
static double operations_into(const comparison *at, int32_t population)
{
    const bool begun = at->timings == NULL && snn_encoding_is_graded(at->config->simulation.encoding);
    double operations = 0.0;
    for (int32_t i = 0; i < at->network->projection_count; i++) {
        const snn_projection *projection = &at->network->projections[i];
        const bool once = projection->source == SNN_SOURCE_INPUT && begun;
        if (projection->target == population && projection->op.kind != SNN_OPERATOR_DIAGONAL && !once) {
            const int32_t products =
                at->timings != NULL ? snn_moments_products(at->network, at->timings, projection) : 1;
            operations += products * (double)snn_operator_operations(&projection->op);
        }
    }
    return operations;
}

static void print_cell(double value)
{
    if (value > 0.0) {
        printf(" %10.1f", value);
    } else {
        printf(" %10s", "-");
    }
}

/* Mean seconds over all runs, also those that only warmed up. */
static void report_populations(const comparison *at, snn_json *json)
{
    const snn_network *network = at->network;
    double beginning, total = 0.0;
    const double *seconds = snn_workload_seconds(at->workload, &beginning);
    const double items = (double)at->config->simulation.batch * at->times;
    for (int32_t p = 0; p < network->population_count; p++) {
        total += seconds[p];
    }
    total += beginning;
    const double scale = at->timing.median / items / total; /* of all runs to one image and timestep */
    printf("\nmicroseconds for %s\n",
           at->timings != NULL ? "one image" : "one timestep of one image (oneDNN: for one image)");
    printf("%-32s %-12s %10s %6s %10s %10s %10s\n", "population", "neuron", "us", "share", "GMAC/s", "dnnl f32",
           "dnnl i8");
    printf("%-32s %-12s %10.1f %5.1f%%\n", at->timings != NULL ? "(begin)" : "(begin: product with the image)", "",
           1e6 * beginning * scale, 100.0 * beginning / total);
    snn_json_begin_array(json, "populations");
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population *population = &network->populations[p];
        const double of_one = seconds[p] * scale, operations = operations_into(at, p);
        printf("%-32.32s %-12s %10.1f %5.1f%%", population->name, snn_neuron_kind_name(population->kind), 1e6 * of_one,
               100.0 * seconds[p] / total);
        print_cell(1e-9 * operations / of_one);
        print_cell(1e6 * pass_seconds(at, p, SNN_ONEDNN_FLOAT32));
        print_cell(1e6 * pass_seconds(at, p, SNN_ONEDNN_INT8));
        putchar('\n');
        snn_json_begin_object(json, NULL);
        snn_json_text(json, "name", population->name);
        snn_json_text(json, "neuron", snn_neuron_kind_name(population->kind));
        snn_json_number(json, "seconds", of_one);
        snn_json_number(json, "share", seconds[p] / total);
        snn_json_integer(json, "macs", (int64_t)operations);
        snn_json_number(json, "seconds_onednn_float32", pass_seconds(at, p, SNN_ONEDNN_FLOAT32));
        snn_json_number(json, "seconds_onednn_int8", pass_seconds(at, p, SNN_ONEDNN_INT8));
        snn_json_end_object(json);
    }
    snn_json_end_array(json);
}

static void report_pass(const comparison *at, int32_t precision, const char *name, snn_json *json)
{
    char key[64];
    const int32_t passes = at->times;
    const double images = at->config->simulation.batch;
    const bool measured = at->passes[precision].runs > 0;
    const double seconds = measured ? at->pass_timings[precision].median / images : (double)NAN;
    const double ratio = seconds * passes * images / at->timing.median;
    const double of_best = measured ? at->pass_timings[precision].minimum * passes / at->timing.minimum : (double)NAN;
    (void)snprintf(key, sizeof key, "seconds_onednn_%s", name);
    snn_json_number(json, key, seconds);
    (void)snprintf(key, sizeof key, "ratio_onednn_%s", name);
    snn_json_number(json, key, ratio);
    (void)snprintf(key, sizeof key, "ratio_of_best_onednn_%s", name);
    snn_json_number(json, key, of_best);
    if (measured) {
        printf("oneDNN %-8s %.4g s for %d pass%s of one image (1 thread): the spiking network is %.2f times as fast "
               "(best runs: %.2f)\n",
               name, seconds * passes, passes, passes == 1 ? "" : "es", ratio, of_best);
    }
}

/* What the products alone take at the rate of the instruction that makes them: no evaluation takes less. */
static void report_roofline(const comparison *at, snn_json *json)
{
    double products = 0.0;
    for (int32_t p = 0; p < at->network->population_count; p++) {
        products += at->times * at->peak.products_each * operations_into(at, p);
    }
    const double rate = snn_peak_run_rate(&at->peak, at->peak_timing.median), seconds = products / rate;
    const double images = at->config->simulation.batch;
    if (isnan(products)) {
        return; /* the loop is no measure of float weights */
    }
    printf(
        "roofline    %.4g s for an image's %.0f million products at the peak of %s, %.1f G/s in turns: %.0f%% of the "
        "time",
        seconds, 1e-6 * products, at->peak.peak->instruction, 1e-9 * rate,
        100.0 * seconds / (at->timing.median / images));
    if (at->passes[SNN_ONEDNN_FLOAT32].runs > 0) {
        printf(", %.2f passes", seconds / (at->pass_timings[SNN_ONEDNN_FLOAT32].median / images));
    }
    putchar('\n');
    snn_json_number(json, "products", products);
    snn_json_number(json, "peak_gproducts", 1e-9 * rate);
}

static void report_speed(const snn_bench_options *options, const comparison *at, snn_json *json)
{
    const snn_config *config = at->config;
    const snn_windows *windows = &at->network->windows;
    const double items = (double)config->simulation.batch * at->times;
    const bool timesteps = windows->steps == 0;
    snn_bench_write_timing(json, &at->timing, items);
    snn_json_number(json, timesteps ? "image_timesteps_per_second" : "images_per_second", items / at->timing.median);
    printf("network     %s: %d images, ", at->network->name, config->simulation.batch);
    if (timesteps) {
        printf("%d timesteps in blocks of %d", config->simulation.timesteps, config->simulation.block);
    } else {
        printf("latency %d timesteps, interval %d timesteps, %d spikes per neuron (delay %d)",
               snn_network_latency(at->network), windows->steps, windows->steps, windows->delay);
    }
    printf(", %d thread(s), kernels %s\n", options->threads, options->kernels[0]->name);
    printf("speed       %.1f images%s per second (median of %d; best %.1f; spread %.0f%%)\n", items / at->timing.median,
           timesteps ? " x timesteps" : "", at->timing.samples, items / at->timing.minimum, 100.0 * at->timing.spread);
}

static void report(const snn_bench_options *options, const comparison *at, snn_json *json)
{
    const snn_config *config = at->config;
    const snn_windows *windows = &at->network->windows;
    int64_t weights, state, spikes;
    snn_workload_memory(at->workload, &weights, &state, &spikes);
    snn_json_begin_object(json, "network");
    snn_json_text(json, "name", at->network->name);
    snn_json_text(json, "kernels", options->kernels[0]->name);
    snn_json_text(json, "weights", snn_weight_format_name(at->network->format));
    snn_json_integer(json, "images", config->simulation.batch);
    if (windows->steps > 0) {
        snn_json_integer(json, "steps", windows->steps);
        snn_json_integer(json, "delay", windows->delay);
        snn_json_integer(json, "latency", snn_network_latency(at->network));
    } else {
        snn_json_integer(json, "timesteps", config->simulation.timesteps);
        snn_json_integer(json, "block", config->simulation.block);
    }
    snn_json_integer(json, "neurons", snn_network_neurons(at->network));
    snn_json_integer(json, "weight_bytes", weights);
    snn_json_integer(json, "state_bytes", state);
    snn_json_integer(json, "spike_bytes", spikes);
    report_speed(options, at, json);
    printf(
        "memory      weights %.1f MB, state %.1f MB (%.1f bytes for each of %lld neurons and image), spikes %.1f MB\n",
        1e-6 * (double)weights, 1e-6 * (double)state,
        (double)state / config->simulation.batch / (double)snn_network_neurons(at->network),
        (long long)snn_network_neurons(at->network), 1e-6 * (double)spikes);
    report_pass(at, SNN_ONEDNN_FLOAT32, "float32", json);
    report_pass(at, SNN_ONEDNN_INT8, "int8", json);
    report_roofline(at, json);
    report_populations(at, json);
    snn_json_end_object(json);
}

snn_status snn_bench_run_network(const snn_bench_options *options, snn_json *json)
{
    comparison at = {0};
    snn_status status = snn_ok();
    snn_progress *progress = options->progress;
    (void)fflush(stdout);
    *progress = snn_progress_begin("network", 1, 0, true, options->progress_mode);
    progress->unit = "networks";
    snn_progress_update(progress, 0);
    SNN_GOTO_DONE(status, snn_config_read(options->config, options->overrides, options->override_count, SNN_CONFIG_PLAN,
                                          &at.config));
    SNN_GOTO_DONE(status, read_network(at.config, &at.network));
    SNN_GOTO_DONE(status, snn_planning_settle(at.config, at.network));
    SNN_GOTO_DONE(status, snn_moments_create(at.network, &at.timings));
    at.times = at.timings != NULL ? 1 : at.config->simulation.timesteps;
    SNN_GOTO_DONE(status, measure(options, &at));
    snn_progress_update(progress, 1);
    snn_progress_hide(progress);
    report(options, &at, json);
done:
    snn_progress_end(progress);
    for (int32_t p = 0; p < SNN_ONEDNN_PRECISIONS; p++) {
        for (int32_t i = 0; i < at.passes[p].count; i++) {
            snn_onednn_destroy(at.passes[p].layers[i]);
        }
        snn_release(at.passes[p].layers);
        snn_release(at.passes[p].seconds);
    }
    snn_workload_destroy(at.workload);
    snn_release(at.timings);
    snn_network_destroy(at.network);
    snn_config_destroy(at.config);
    return status;
}
