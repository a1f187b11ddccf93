#include "core/base/timers.h"

#include <time.h>

const char *snn_timer_name(snn_timer timer)
{
    static const char *const names[SNN_TIMER_COUNT] = {"compute", "encode", "wait", "communicate", "decode", "io"};
    return names[timer];
}

double snn_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
