/* Internal to the verb `bench`: its options, and its parts. */
#ifndef SNN_LAB_BENCH_H
#define SNN_LAB_BENCH_H

#include "core/kernels/kernels.h"
#include "io/cli/json.h"
#include "io/cli/options.h"
#include "io/cli/progress.h"
#include "io/lab/bench/layers.h"
#include "io/lab/bench/measure.h"
#include "io/lab/bench/workload.h"

enum { SNN_BENCH_MAX_KERNELS = 8 };

typedef struct snn_bench_options {
    const char *config; /* NULL: layers */
    const char *overrides[SNN_MAX_OVERRIDES];
    size_t override_count;
    const char *json;        /* file, or NULL */
    const char *layers;      /* part of a layer's or its network's name, or NULL: all */
    const char *kernel_name; /* or NULL: all that this machine can run */
    snn_weight_format weights;
    int32_t block, threads;
    bool scaling;                                      /* also how times grow with the work */
    double seconds;                                    /* each thing is measured for */
    const snn_kernels *kernels[SNN_BENCH_MAX_KERNELS]; /* to measure, best first */
    int32_t kernel_count;
    snn_progress_mode progress_mode;
    snn_progress *progress; /* of the part that runs; hidden before rows are printed */
} snn_bench_options;

/* Runs all layers that are asked for, with progress; `what` names the part. */
typedef snn_status (*snn_bench_part)(const snn_bench_options *options, const snn_bench_layer *layer, snn_json *json);
snn_status snn_bench_each_layer(const snn_bench_options *options, const char *what, snn_bench_part part,
                                snn_json *json);

/* Whether a layer is asked for. */
bool snn_bench_wants(const snn_bench_options *options, const snn_bench_layer *layer);

/* A layer's timing as keys of the object that is open: seconds for each of `count` things that a run did. */
void snn_bench_write_timing(snn_json *json, const snn_run_times *timing, double count);

/* The layers on all kernels and oneDNN, against the peak (bench_layers.c). */
snn_status snn_bench_run_layers(const snn_bench_options *options, snn_json *json);
/* One thread, several threads, several processes (bench_threads.c). */
snn_status snn_bench_run_threads(const snn_bench_options *options, snn_json *json);
/* Twice the images, channels or pixels, and late timesteps against early ones (bench_growth.c). */
snn_status snn_bench_run_growth(const snn_bench_options *options, snn_json *json);
/* The network of a config (bench_network.c). */
snn_status snn_bench_run_network(const snn_bench_options *options, snn_json *json);

#endif
