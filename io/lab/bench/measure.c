#include "io/lab/bench/measure.h"

#include <stdbool.h>
#include <stdlib.h>

#include "core/base/memory.h"

enum { LEAST_SAMPLES = 3, MOST_SAMPLES = 301 };

/* A run shorter than this is repeated before it counts, so that it finds its data in the caches again. */
static const double WARM_SECONDS = 0.02;

typedef struct samples {
    double *seconds; /* [MOST_SAMPLES] */
    int32_t count;
    double total, last;
} samples;

static snn_status take_turn(const snn_contestant *contestant, samples *taken)
{
    double seconds;
    if (taken->last < WARM_SECONDS) {
        SNN_TRY(contestant->run(contestant->context, &seconds));
    }
    SNN_TRY(contestant->run(contestant->context, &seconds));
    taken->seconds[taken->count++] = taken->last = seconds;
    taken->total += seconds;
    return snn_ok();
}

static int compare(const void *a, const void *b)
{
    const double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static snn_run_times summarise(samples *taken)
{
    const int32_t count = taken->count;
    qsort(taken->seconds, (size_t)count, sizeof *taken->seconds, compare);
    const double median = 0.5 * (taken->seconds[(count - 1) / 2] + taken->seconds[count / 2]);
    const double quartiles = taken->seconds[count - 1 - count / 4] - taken->seconds[count / 4];
    return (snn_run_times){count, taken->seconds[0], median, median > 0.0 ? quartiles / median : 0.0};
}

static snn_status take_turns(const snn_contestant *contestants, int32_t count, double seconds, samples *taken)
{
    for (bool more = true; more;) {
        more = false;
        for (int32_t i = 0; i < count; i++) {
            samples *of = &taken[i];
            if (of->count < LEAST_SAMPLES || (of->total < seconds && of->count < MOST_SAMPLES)) {
                SNN_TRY(take_turn(&contestants[i], of));
                more = true;
            }
        }
    }
    return snn_ok();
}

snn_status snn_measure(const snn_contestant *contestants, int32_t count, double seconds, snn_run_times *timings)
{
    samples *taken = snn_allocate((size_t)count, sizeof *taken);
    double *values = snn_allocate((size_t)count * MOST_SAMPLES, sizeof *values);
    snn_status status = taken == NULL || values == NULL ? snn_out_of_memory("timings") : snn_ok();
    if (status.code == SNN_OK) {
        for (int32_t i = 0; i < count; i++) {
            taken[i].seconds = values + (int64_t)i * MOST_SAMPLES;
        }
        status = take_turns(contestants, count, seconds, taken);
    }
    for (int32_t i = 0; i < count && status.code == SNN_OK; i++) {
        timings[i] = summarise(&taken[i]);
    }
    snn_release(taken);
    snn_release(values);
    return status;
}
