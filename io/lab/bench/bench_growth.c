/* Part of `bench`: how times grow with the work. Twice the images, output channels or rows should take twice as long,
 * and timesteps 65 to 128 as long as 1 to 64. */
#include <math.h>
#include <stdio.h>

#include "io/lab/bench/bench.h"

enum { BASE, IMAGES, CHANNELS, PIXELS, SIZES, EARLY = SIZES, LATE, KINDS };
enum { HALF = 64 }; /* timesteps */

static const char *const names[SIZES] = {"base", "images", "channels", "pixels"};

/* Half of a group's timesteps. */
typedef struct half {
    snn_workload *workload;
    int32_t first;
} half;

static snn_status run_half(void *context, double *seconds)
{
    const half *at = context;
    return snn_workload_run_steps(at->workload, at->first, at->first + HALF, seconds);
}

typedef struct growth {
    snn_network *networks[SIZES];
    snn_workload *workloads[SIZES]; /* NULL: the layer cannot grow that way */
    snn_workload *group;            /* of both halves */
    snn_run_times timings[KINDS];
} growth;

/* The layer, grown; false where it has no such dimension to grow in. */
static bool grow(const snn_bench_layer *layer, int size, snn_bench_layer *grown)
{
    *grown = *layer;
    switch (size) {
    case BASE:
        return true;
    case IMAGES:
        grown->images *= 2;
        return true;
    case CHANNELS:
        grown->channels *= 2;
        return layer->groups <= 1 &&
               (layer->product == SNN_OPERATOR_CONVOLUTION || layer->product == SNN_OPERATOR_DENSE) &&
               layer->neuron != SNN_NEURON_ATTENTION;
    default:
        grown->source.height *= 2;
        return layer->product != SNN_OPERATOR_DENSE && layer->product != SNN_OPERATOR_TOKENS &&
               layer->neuron != SNN_NEURON_ATTENTION;
    }
}

static snn_status run_growth(const snn_bench_options *options, const snn_bench_layer *layer, growth *at)
{
    snn_contestant contestants[KINDS];
    snn_run_times timings[KINDS];
    int32_t owners[KINDS], count = 0;
    snn_workload_options workload = {.kernels = options->kernels[0],
                                     .block = options->block,
                                     .timesteps = 2 * HALF,
                                     .threads = 1,
                                     .processor_time = true};
    for (int size = BASE; size < SIZES; size++) {
        snn_bench_layer grown;
        if (!grow(layer, size, &grown)) {
            continue;
        }
        workload.images = grown.images;
        SNN_TRY(snn_bench_layer_network(&grown, options->weights, &at->networks[size]));
        SNN_TRY(snn_workload_create(at->networks[size], &workload, &at->workloads[size]));
        owners[count] = size;
        contestants[count++] = (snn_contestant){snn_workload_run_block, at->workloads[size]};
    }
    workload.images = layer->images;
    SNN_TRY(snn_workload_create(at->networks[BASE], &workload, &at->group));
    half halves[2] = {{at->group, 0}, {at->group, HALF}};
    for (int i = 0; i < 2; i++) {
        owners[count] = EARLY + i;
        contestants[count++] = (snn_contestant){run_half, &halves[i]};
    }
    SNN_TRY(snn_measure(contestants, count, options->seconds, timings));
    for (int32_t i = 0; i < count; i++) {
        at->timings[owners[i]] = timings[i];
    }
    return snn_ok();
}

static void report(const snn_bench_options *options, const snn_bench_layer *layer, const growth *at, snn_json *json)
{
    printf("%-11s %-15s %-9s", layer->network, layer->name, options->kernels[0]->name);
    snn_json_begin_object(json, NULL);
    snn_json_text(json, "network", layer->network);
    snn_json_text(json, "layer", layer->name);
    snn_json_text(json, "kernels", options->kernels[0]->name);
    snn_json_number(json, "seconds_median", at->timings[BASE].median / ((double)layer->images * options->block));
    for (int size = IMAGES; size < SIZES; size++) {
        const bool grew = at->workloads[size] != NULL;
        const double ratio = grew ? at->timings[size].median / at->timings[BASE].median : (double)NAN;
        snn_json_number(json, names[size], ratio);
        if (grew) {
            printf(" %10.2f", ratio);
        } else {
            printf(" %10s", "-");
        }
    }
    const double late = at->timings[LATE].median / at->timings[EARLY].median;
    printf(" %10.2f\n", late);
    snn_json_number(json, "late_timesteps", late);
    snn_json_end_object(json);
    (void)fflush(stdout);
}

static snn_status run_layer(const snn_bench_options *options, const snn_bench_layer *layer, snn_json *json)
{
    growth at = {0};
    const snn_status status = run_growth(options, layer, &at);
    if (status.code == SNN_OK) {
        snn_progress_hide(options->progress);
        report(options, layer, &at, json);
    }
    snn_workload_destroy(at.group);
    for (int size = BASE; size < SIZES; size++) {
        snn_workload_destroy(at.workloads[size]);
        snn_network_destroy(at.networks[size]);
    }
    return snn_context(status, "%s %s", layer->network, layer->name);
}

snn_status snn_bench_run_growth(const snn_bench_options *options, snn_json *json)
{
    puts(
        "\ntime with twice the images, output channels and pixels over the layer's own (2 expected), and of timesteps");
    puts("65 to 128 over 1 to 64 (1 expected)");
    printf("%-11s %-15s %-9s %10s %10s %10s %10s\n", "network", "layer", "kernels", "images", "channels", "pixels",
           "late");
    snn_json_begin_array(json, "growth");
    SNN_TRY(snn_bench_each_layer(options, "growth", run_layer, json));
    snn_json_end_array(json);
    return snn_ok();
}
