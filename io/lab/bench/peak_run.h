/* The peak of an instruction set's products as one of those that take turns. */
#ifndef SNN_LAB_BENCH_PEAK_RUN_H
#define SNN_LAB_BENCH_PEAK_RUN_H

#include "core/kernels/kernels.h"
#include "core/kernels/peak.h"
#include "core/network/network.h"
#include "io/lab/bench/measure.h"

typedef struct snn_peak_run {
    const snn_peak *peak;
    int64_t rounds; /* that take about a millisecond */
    double
        products_each; /* that a multiplication with a weight takes; NAN where the loop is no measure (float weights) */
} snn_peak_run;

/* For the products of a kernel table with weights of a format. */
snn_peak_run snn_peak_run_of(const snn_kernels *kernels, snn_weight_format weights);
/* A contestant's `run`; the context is a snn_peak_run. */
snn_status snn_peak_run_once(void *context, double *seconds);
/* Products a second. */
double snn_peak_run_rate(const snn_peak_run *run, double seconds);

#endif
