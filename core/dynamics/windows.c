#include "core/dynamics/windows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/dynamics/schedule.h"

/* Steps add up to this many units at most. */
enum { LONGEST_REACH = 1023 };

/* Steps are rounded by no more than this part of them where that is possible: where windows overlap, rounding takes
 * from what later steps can make up for. Finer units than that leave fewer bits for the weights of long rows. */
static const double ROUNDING = 0.02;

/* m(j) = multiple * ratio^(j - (steps - 1)), rounded, at least 1. Gives their sum, and in *error how far the worst is
 * from what it stands for, as a fraction of that. */
static int64_t fill(double multiple, snn_windows *windows, double *error)
{
    int64_t sum = 0;
    double ideal = multiple;
    *error = 0.0;
    for (int32_t j = windows->steps - 1; j >= 0; j--, ideal /= windows->ratio) {
        const double rounded = fmin(fmax(nearbyint(ideal), 1.0), (double)SNN_CODE_LIMIT);
        *error = fmax(*error, fabs(rounded - ideal) / ideal);
        windows->magnitude[j] = (int32_t)rounded;
        sum += windows->magnitude[j];
    }
    return sum;
}

static void choose_magnitudes(snn_windows *windows)
{
    double error = 0.0, least = INFINITY, best = 1.0;
    int64_t sum = fill(1.0, windows, &error);
    if (sum > LONGEST_REACH) { /* the smallest steps become one unit each */
        double scaled = 1.0;
        for (; sum > LONGEST_REACH + windows->steps; sum = fill(scaled, windows, &error)) {
            scaled *= (double)LONGEST_REACH / (double)sum;
        }
        return;
    }
    for (double multiple = 1.0; sum <= LONGEST_REACH && least > ROUNDING; multiple += 1.0) {
        if (error < least * (1.0 - 1e-9)) {
            least = error;
            best = multiple;
        }
        sum = fill(multiple + 1.0, windows, &error);
    }
    (void)fill(best, windows, &error);
}

snn_status snn_windows_init(int32_t steps, int32_t delay, double ratio, double margin, snn_windows *windows)
{
    memset(windows, 0, sizeof *windows);
    if (steps == 0) {
        return snn_ok();
    }
    if (steps < 1 || steps > SNN_WINDOW_STEPS) {
        return snn_fail(SNN_INPUT_ERROR, "windows of %d steps, expected 1..%d", steps, SNN_WINDOW_STEPS);
    }
    if (delay < 0 || !(ratio > 0.0 && ratio <= 1.0) || !(margin >= 0.0 && isfinite(margin))) {
        return snn_fail(SNN_INPUT_ERROR,
                        "windows with delay %d, ratio %g and margin %g: expected no negative delay, a ratio in (0, 1] "
                        "and no negative margin",
                        delay, ratio, margin);
    }
    windows->steps = steps;
    windows->delay = delay;
    windows->ratio = ratio;
    windows->margin = margin;
    choose_magnitudes(windows);
    return snn_windows_check(windows);
}

int32_t snn_windows_reach(const snn_windows *windows)
{
    int32_t sum = 0;
    for (int32_t j = 0; j < windows->steps; j++) {
        sum += windows->magnitude[j];
    }
    return sum;
}

/* Where a neuron ends that rests at `rest` and whose f(x) is 0. */
static int32_t end_of_silence(const snn_windows *windows, int32_t rest, bool strict)
{
    int32_t y = rest;
    for (int32_t j = 0; j < windows->steps; j++) {
        const bool fires = strict ? y > 0 : y >= 0;
        y += fires ? -windows->magnitude[j] : windows->magnitude[j];
    }
    return y;
}

int32_t snn_windows_rest(const snn_windows *windows, double wanted, bool strict)
{
    const int32_t reach = snn_windows_reach(windows);
    const int32_t first = (int32_t)nearbyint(fmin(fmax(wanted, -reach), reach));
    int32_t best = first, least = abs(end_of_silence(windows, first, strict));
    for (int32_t distance = 1; distance <= reach && least > 0; distance++) {
        for (int32_t side = -1; side <= 1; side += 2) {
            const int32_t rest = first + side * distance, end = abs(end_of_silence(windows, rest, strict));
            if (end < least && abs(rest) <= reach) {
                best = rest;
                least = end;
            }
        }
    }
    return best;
}

snn_status snn_windows_check(const snn_windows *windows)
{
    int64_t sum = 0;
    if (windows->steps < 0 || windows->steps > SNN_WINDOW_STEPS || windows->delay < 0 ||
        windows->delay > SNN_MAX_TIMESTEPS) {
        return snn_fail(SNN_INPUT_ERROR,
                        "windows of %d steps with a delay of %d: expected 0..%d steps and a delay in 0..%d",
                        windows->steps, windows->delay, SNN_WINDOW_STEPS, SNN_MAX_TIMESTEPS);
    }
    for (int32_t j = 0; j < windows->steps; j++) {
        const int32_t before = j == 0 ? SNN_CODE_LIMIT : windows->magnitude[j - 1];
        if (windows->magnitude[j] < 1 || windows->magnitude[j] > before) {
            return snn_fail(SNN_INPUT_ERROR, "step %d of a window is %d units, expected 1..%d", j,
                            windows->magnitude[j], before);
        }
        sum += windows->magnitude[j];
    }
    if (sum > SNN_CODE_LIMIT / 2) {
        return snn_fail(SNN_INPUT_ERROR, "the steps of a window add up to %lld units, expected at most %d",
                        (long long)sum, SNN_CODE_LIMIT / 2);
    }
    return snn_ok();
}
