#include "io/lab/bench/peak_run.h"

#include <math.h>

#include "core/base/timers.h"

static const double PEAK_SECONDS = 0.001;

snn_peak_run snn_peak_run_of(const snn_kernels *kernels, snn_weight_format weights)
{
    const int32_t bits = weights == SNN_WEIGHTS_INT8 ? 8 : 16;
    snn_peak_run run = {.peak = kernels->peaks[bits == 8], .rounds = 1024};
    for (double seconds = 0.0; seconds < PEAK_SECONDS; run.rounds *= 2) {
        const double begun = snn_thread_seconds();
        run.peak->run(run.rounds);
        seconds = snn_thread_seconds() - begun;
    }
    run.rounds /= 2;
    run.products_each =
        weights == SNN_WEIGHTS_FLOAT32 ? (double)NAN : (double)((bits + run.peak->bits - 1) / run.peak->bits);
    return run;
}

snn_status snn_peak_run_once(void *context, double *seconds)
{
    const snn_peak_run *run = context;
    const double begun = snn_thread_seconds();
    run->peak->run(run->rounds);
    *seconds = snn_thread_seconds() - begun;
    return snn_ok();
}

double snn_peak_run_rate(const snn_peak_run *run, double seconds)
{
    return (double)(run->rounds * run->peak->products_per_round) / seconds;
}
