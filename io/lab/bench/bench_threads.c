/* Part of `bench`: threads of one process beside as many processes, taking turns with one thread. */
#include <stdio.h>

#include "io/lab/bench/bench.h"
#include "io/lab/bench/bench_processes.h"

enum { ONE, THREADS, PROCESSES, KINDS };

typedef struct team {
    snn_network *network;
    snn_workload *workloads[2];
    snn_processes *processes;
    snn_run_times timings[KINDS];
} team;

static snn_status run_team(const snn_bench_options *options, const snn_bench_layer *layer, team *at)
{
    snn_workload_options workload = {.kernels = options->kernels[0],
                                     .images = layer->images,
                                     .block = options->block,
                                     .timesteps = 8 * options->block,
                                     .threads = 1};
    SNN_TRY(snn_bench_layer_network(layer, options->weights, &at->network));
    SNN_TRY(snn_processes_create(at->network, &workload, options->threads, &at->processes));
    SNN_TRY(snn_workload_create(at->network, &workload, &at->workloads[ONE]));
    workload.threads = options->threads;
    SNN_TRY(snn_workload_create(at->network, &workload, &at->workloads[THREADS]));
    const snn_contestant contestants[KINDS] = {{snn_workload_run_block, at->workloads[ONE]},
                                               {snn_workload_run_block, at->workloads[THREADS]},
                                               {snn_processes_run, at->processes}};
    return snn_measure(contestants, KINDS, options->seconds, at->timings);
}

/* How often the threads or processes do what one thread does once, by medians or by minima: other work on the machine
 * takes processors away from a team sooner than from one thread, and hardly any from its best run. */
static double speedup(const snn_bench_options *options, const team *at, int kind, bool best)
{
    const snn_run_times *one = &at->timings[ONE], *many = &at->timings[kind];
    const double runs = kind == PROCESSES ? options->threads : 1.0;
    return runs * (best ? one->minimum / many->minimum : one->median / many->median);
}

static void report(const snn_bench_options *options, const snn_bench_layer *layer, const team *at, snn_json *json)
{
    static const char *const keys[KINDS][2] = {[THREADS] = {"speedup_threads", "speedup_threads_best"},
                                               [PROCESSES] = {"speedup_processes", "speedup_processes_best"}};
    const double each = (double)layer->images * options->block;
    printf("%-11s %-15s %-9s %10.1f", layer->network, layer->name, options->kernels[0]->name,
           1e6 * at->timings[ONE].minimum / each);
    snn_json_begin_object(json, NULL);
    snn_json_text(json, "network", layer->network);
    snn_json_text(json, "layer", layer->name);
    snn_json_text(json, "kernels", options->kernels[0]->name);
    snn_json_integer(json, "threads", options->threads);
    snn_bench_write_timing(json, &at->timings[ONE], each);
    for (int best = 1; best >= 0; best--) {
        const double threads = speedup(options, at, THREADS, best), processes = speedup(options, at, PROCESSES, best);
        printf("   %8.2f %9.2f %8.2f", threads, processes, threads / processes);
        snn_json_number(json, keys[THREADS][best], threads);
        snn_json_number(json, keys[PROCESSES][best], processes);
    }
    putchar('\n');
    snn_json_end_object(json);
    (void)fflush(stdout);
}

static snn_status run_layer(const snn_bench_options *options, const snn_bench_layer *layer, snn_json *json)
{
    team at = {0};
    const snn_status status = run_team(options, layer, &at);
    if (status.code == SNN_OK) {
        snn_progress_hide(options->progress);
        report(options, layer, &at, json);
    }
    snn_processes_destroy(at.processes);
    snn_workload_destroy(at.workloads[ONE]);
    snn_workload_destroy(at.workloads[THREADS]);
    snn_network_destroy(at.network);
    return snn_context(status, "%s %s", layer->network, layer->name);
}

snn_status snn_bench_run_threads(const snn_bench_options *options, snn_json *json)
{
    printf("\nspeed-up over one thread: %d threads, and %d independent processes of one thread\n", options->threads,
           options->threads);
    printf("%-11s %-15s %-9s %10s   %-27s   %s\n", "", "", "", "", "best runs", "medians");
    printf("%-11s %-15s %-9s %10s   %8s %9s %8s   %8s %9s %8s\n", "network", "layer", "kernels", "us/step", "threads",
           "processes", "of that", "threads", "processes", "of that");
    snn_json_begin_array(json, "thread_scaling");
    SNN_TRY(snn_bench_each_layer(options, "threads", run_layer, json));
    snn_json_end_array(json);
    return snn_ok();
}
