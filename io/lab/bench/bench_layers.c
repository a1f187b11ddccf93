/* Part of `bench`: layers on all kernels, beside the peak of each instruction set and oneDNN, taking turns. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/lab/bench/bench.h"
#include "io/lab/bench/onednn.h"
#include "io/lab/bench/peak_run.h"

static const char *const precisions[SNN_ONEDNN_PRECISIONS] = {"float32", "int8"};

/* Everything that takes turns on one layer. Timings and contestants: kernels, then their peaks, then oneDNN. */
typedef struct match {
    const snn_bench_layer *layer;
    snn_network *network;
    snn_workload *workloads[SNN_BENCH_MAX_KERNELS];
    snn_peak_run peaks[SNN_BENCH_MAX_KERNELS];
    snn_onednn *peers[SNN_ONEDNN_PRECISIONS]; /* NULL: none */
    int32_t kernel_count;
    double operations, neurons; /* of one image and timestep */
    snn_run_times kernels[SNN_BENCH_MAX_KERNELS], peak_timings[SNN_BENCH_MAX_KERNELS];
    snn_run_times peer_timings[SNN_ONEDNN_PRECISIONS];
} match;

static void clear(match *at)
{
    for (int32_t i = 0; i < SNN_BENCH_MAX_KERNELS; i++) {
        snn_workload_destroy(at->workloads[i]);
    }
    for (int32_t i = 0; i < SNN_ONEDNN_PRECISIONS; i++) {
        snn_onednn_destroy(at->peers[i]);
    }
    snn_network_destroy(at->network);
}

static snn_status prepare(const snn_bench_options *options, match *at)
{
    const snn_bench_layer *layer = at->layer;
    SNN_TRY(snn_bench_layer_network(layer, options->weights, &at->network));
    const snn_network *network = at->network;
    const snn_projection *projection = &network->projections[0];
    at->operations = layer->product == SNN_OPERATOR_DIAGONAL || layer->reads == SNN_BENCH_IMAGE
                         ? 0.0
                         : (double)snn_operator_operations(&projection->op);
    at->neurons = (double)snn_shape_size(network->populations[network->population_count - 2].shape);
    at->kernel_count = options->kernel_count;
    for (int32_t k = 0; k < at->kernel_count; k++) {
        const snn_workload_options workload = {.kernels = options->kernels[k],
                                               .images = layer->images,
                                               .block = options->block,
                                               .timesteps = 8 * options->block,
                                               .threads = 1,
                                               .processor_time = true};
        SNN_TRY(snn_workload_create(network, &workload, &at->workloads[k]));
        at->peaks[k] = snn_peak_run_of(options->kernels[k], options->weights);
    }
    for (int32_t p = 0; p < SNN_ONEDNN_PRECISIONS; p++) {
        SNN_TRY(
            snn_onednn_create(&projection->op, layer->neuron, layer->images, (snn_onednn_precision)p, &at->peers[p]));
    }
    return snn_ok();
}

static snn_status measure(const snn_bench_options *options, match *at)
{
    enum { MOST = 2 * SNN_BENCH_MAX_KERNELS + SNN_ONEDNN_PRECISIONS };
    snn_contestant contestants[MOST];
    snn_run_times timings[MOST], *owners[MOST];
    int32_t count = 0;
    for (int32_t k = 0; k < at->kernel_count; k++) {
        owners[count] = &at->kernels[k];
        contestants[count++] = (snn_contestant){snn_workload_run_block, at->workloads[k]};
        owners[count] = &at->peak_timings[k];
        contestants[count++] = (snn_contestant){snn_peak_run_once, &at->peaks[k]};
    }
    for (int32_t p = 0; p < SNN_ONEDNN_PRECISIONS; p++) {
        if (at->peers[p] != NULL) {
            owners[count] = &at->peer_timings[p];
            contestants[count++] = (snn_contestant){snn_onednn_run, at->peers[p]};
        }
    }
    SNN_TRY(snn_measure(contestants, count, options->seconds, timings));
    for (int32_t i = 0; i < count; i++) {
        *owners[i] = timings[i];
    }
    return snn_ok();
}

static double peak_rate(const match *at, int32_t kernel)
{
    return snn_peak_run_rate(&at->peaks[kernel], at->peak_timings[kernel].median);
}

/* Of the medians: how often a kernel runs a timestep of one image while the peer passes it once; NAN without a peer. */
static double ratio(const match *at, double seconds, int32_t precision)
{
    return at->peers[precision] == NULL ? (double)NAN
                                        : at->peer_timings[precision].median / at->layer->images / seconds;
}

static void print_cell(const char *format, double value, int width)
{
    if (isfinite(value)) {
        printf(format, width, value);
    } else {
        printf(" %*s", width, "-");
    }
}

static void report_kernel(const snn_bench_options *options, const match *at, int32_t kernel, snn_json *json)
{
    const double each = (double)at->layer->images * options->block;
    const double seconds = at->kernels[kernel].median / each;
    const double rate = at->operations > 0.0 ? at->operations / seconds : (double)NAN;
    const double fraction = rate * at->peaks[kernel].products_each / peak_rate(at, kernel);
    printf("%-11s %-15s %-9s", at->layer->network, at->layer->name, options->kernels[kernel]->name);
    printf(" %9.1f %9.1f %5.0f%%", 1e6 * at->kernels[kernel].minimum / each, 1e6 * seconds,
           100.0 * at->kernels[kernel].spread);
    print_cell(" %*.1f", 1e-9 * rate, 8);
    print_cell(" %*.1f", 100.0 * fraction, 7);
    print_cell(" %*.2f", ratio(at, seconds, SNN_ONEDNN_FLOAT32), 7);
    print_cell(" %*.2f", ratio(at, seconds, SNN_ONEDNN_INT8), 7);
    print_cell(" %*.1f", 1e-6 * at->neurons / seconds, 9);
    putchar('\n');
    snn_json_begin_object(json, NULL);
    snn_json_text(json, "kernels", options->kernels[kernel]->name);
    snn_bench_write_timing(json, &at->kernels[kernel], each);
    snn_json_number(json, "gmacs", 1e-9 * rate);
    snn_json_number(json, "peak_gproducts", 1e-9 * peak_rate(at, kernel));
    snn_json_number(json, "products_per_mac", at->peaks[kernel].products_each);
    snn_json_number(json, "fraction_of_peak", fraction);
    snn_json_number(json, "ratio_onednn_float32", ratio(at, seconds, SNN_ONEDNN_FLOAT32));
    snn_json_number(json, "ratio_onednn_int8", ratio(at, seconds, SNN_ONEDNN_INT8));
    snn_json_number(json, "mega_neurons_per_second", 1e-6 * at->neurons / seconds);
    snn_json_end_object(json);
}

static void report_peer(const match *at, int32_t precision, snn_json *json)
{
    const snn_run_times *timing = &at->peer_timings[precision];
    const double each = at->layer->images;
    const double rate = (double)snn_operator_operations(&at->network->projections[0].op) * each / timing->median;
    if (at->peers[precision] == NULL) {
        return;
    }
    printf("%-11s %-15s dnnl %-4s %9.1f %9.1f %5.0f%% %8.1f\n", at->layer->network, at->layer->name,
           precision == SNN_ONEDNN_INT8 ? "i8" : "f32", 1e6 * timing->minimum / each, 1e6 * timing->median / each,
           100.0 * timing->spread, 1e-9 * rate);
    snn_json_begin_object(json, NULL);
    snn_json_text(json, "precision", precisions[precision]);
    snn_bench_write_timing(json, timing, each);
    snn_json_number(json, "gmacs", 1e-9 * rate);
    snn_json_end_object(json);
}

static void report_layer(const snn_bench_options *options, const match *at, snn_json *json)
{
    const snn_bench_layer *layer = at->layer;
    snn_json_begin_object(json, NULL);
    snn_json_text(json, "network", layer->network);
    snn_json_text(json, "layer", layer->name);
    snn_json_text(json, "operator", snn_operator_kind_name(layer->product));
    snn_json_text(json, "neuron", snn_neuron_kind_name(layer->neuron));
    snn_json_integer(json, "images", layer->images);
    snn_json_integer(json, "macs", (int64_t)at->operations);
    snn_json_integer(json, "neurons", (int64_t)at->neurons);
    snn_json_begin_array(json, "results");
    for (int32_t k = 0; k < at->kernel_count; k++) {
        report_kernel(options, at, k, json);
    }
    snn_json_end_array(json);
    snn_json_begin_array(json, "onednn");
    for (int32_t p = 0; p < SNN_ONEDNN_PRECISIONS; p++) {
        report_peer(at, p, json);
    }
    snn_json_end_array(json);
    snn_json_end_object(json);
    (void)fflush(stdout);
}

static snn_status run_layer(const snn_bench_options *options, const snn_bench_layer *layer, snn_json *json)
{
    match at = {.layer = layer};
    snn_status status = prepare(options, &at);
    if (status.code == SNN_OK) {
        status = measure(options, &at);
    }
    if (status.code == SNN_OK) {
        snn_progress_hide(options->progress);
        report_layer(options, &at, json);
    }
    clear(&at);
    return snn_context(status, "%s %s", layer->network, layer->name);
}

static snn_status report_peaks(const snn_bench_options *options, snn_json *json)
{
    puts("peak: products of integers in registers alone, one thread");
    snn_json_begin_array(json, "peaks");
    for (int32_t k = 0; k < options->kernel_count; k++) {
        const snn_kernels *kernels = options->kernels[k];
        snn_peak_run run = snn_peak_run_of(kernels, options->weights);
        const snn_peak *peak = run.peak;
        const snn_contestant contestant = {snn_peak_run_once, &run};
        snn_run_times timing;
        SNN_TRY(snn_measure(&contestant, 1, options->seconds, &timing));
        printf("  %-9s %-16s %2d-bit weights  %9.1f G/s  spread %.0f%%\n", kernels->name, peak->instruction, peak->bits,
               1e-9 * snn_peak_run_rate(&run, timing.median), 100.0 * timing.spread);
        snn_json_begin_object(json, NULL);
        snn_json_text(json, "kernels", kernels->name);
        snn_json_text(json, "instruction", peak->instruction);
        snn_json_integer(json, "bits", peak->bits);
        snn_json_number(json, "gproducts", 1e-9 * snn_peak_run_rate(&run, timing.median));
        snn_json_number(json, "gproducts_best", 1e-9 * snn_peak_run_rate(&run, timing.minimum));
        snn_json_number(json, "spread", timing.spread);
        snn_json_end_object(json);
    }
    snn_json_end_array(json);
    return snn_ok();
}

snn_status snn_bench_run_layers(const snn_bench_options *options, snn_json *json)
{
    SNN_TRY(report_peaks(options, json));
    puts("\nmicroseconds of processor time for one timestep of one image (oneDNN: for one image), one thread");
    printf("%-11s %-15s %-9s %9s %9s %6s %8s %7s %7s %7s %9s\n", "network", "layer", "kernels", "minimum", "median",
           "spread", "GMAC/s", "% peak", "x f32", "x int8", "Mneuron/s");
    snn_json_begin_array(json, "layers");
    SNN_TRY(snn_bench_each_layer(options, "layers", run_layer, json));
    snn_json_end_array(json);
    return snn_ok();
}
