#include "core/base/timers.h"

#include <time.h>

#include "core/base/trace.h"

const char *snn_timer_name(snn_timer timer)
{
    static const char *const names[SNN_TIMER_COUNT] = {"compute", "encode", "wait",   "communicate",
                                                       "decode",  "io",     "slowest"};
    return names[timer];
}

double snn_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double snn_timers_charge(snn_timers *timers, snn_timer timer, double since)
{
    double now = snn_seconds();
    timers->seconds[timer] += now - since;
    if (timers->trace != NULL) {
        snn_trace_record(timers->trace, 0, (int32_t)timer, since, now);
    }
    return now;
}
