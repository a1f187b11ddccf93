/* Timing of things against each other: they take turns, so that whatever else the machine does disturbs all alike. */
#ifndef SNN_LAB_BENCH_MEASURE_H
#define SNN_LAB_BENCH_MEASURE_H

#include <stdint.h>

#include "core/base/status.h"

/* Something that takes time. `run` does it once and gives the seconds that count. */
typedef struct snn_contestant {
    snn_status (*run)(void *context, double *seconds);
    void *context;
} snn_contestant;

typedef struct snn_run_times {
    int32_t samples;
    double minimum, median; /* seconds of one run */
    double spread;          /* distance between the quartiles, as a fraction of the median */
} snn_run_times;

/* Each contestant runs for `seconds` of its own, and three times at least. timings [count]. */
snn_status snn_measure(const snn_contestant *contestants, int32_t count, double seconds, snn_run_times *timings);

#endif
