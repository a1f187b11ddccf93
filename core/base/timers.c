#include "core/base/timers.h"

#include <time.h>

#include "core/base/trace.h"

const char *snn_timer_name(snn_timer timer)
{
    static const char *const names[SNN_TIMER_COUNT] = {"compute", "encode", "wait",   "communicate",
                                                       "decode",  "io",     "slowest"};
    return names[timer];
}

static double read_clock(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double snn_seconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double snn_thread_seconds(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
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
