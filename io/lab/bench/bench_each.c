/* What the parts of `bench` share: the layers that are asked for, one after the other, and their timing. */
#include <stdio.h>
#include <string.h>

#include "io/lab/bench/bench.h"

bool snn_bench_wants(const snn_bench_options *options, const snn_bench_layer *layer)
{
    return options->layers == NULL || strstr(layer->network, options->layers) != NULL ||
           strstr(layer->name, options->layers) != NULL;
}

void snn_bench_write_timing(snn_json *json, const snn_run_times *timing, double count)
{
    snn_json_integer(json, "samples", timing->samples);
    snn_json_number(json, "seconds_minimum", timing->minimum / count);
    snn_json_number(json, "seconds_median", timing->median / count);
    snn_json_number(json, "spread", timing->spread);
}

snn_status snn_bench_each_layer(const snn_bench_options *options, const char *what, snn_bench_part part, snn_json *json)
{
    int32_t count = 0, wanted = 0, done = 0;
    const snn_bench_layer *layers = snn_bench_layers(&count);
    for (int32_t i = 0; i < count; i++) {
        wanted += snn_bench_wants(options, &layers[i]);
    }
    (void)fflush(stdout);
    snn_progress *progress = options->progress;
    *progress = snn_progress_begin(what, wanted, 0, true, options->progress_mode);
    progress->unit = "layers";
    snn_progress_update(progress, 0);
    snn_status status = snn_ok();
    for (int32_t i = 0; i < count && !snn_failed(status); i++) {
        if (snn_bench_wants(options, &layers[i])) {
            status = part(options, &layers[i], json);
            if (!snn_failed(status)) {
                snn_progress_update(progress, ++done);
            }
        }
    }
    snn_progress_end(progress);
    return status;
}
