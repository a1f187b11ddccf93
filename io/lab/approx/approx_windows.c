/* One neuron with windows: its networks for every length, and the search for the windows that serve a function best. */
#include <math.h>
#include <string.h>

#include "io/lab/approx/approx_build.h"

enum { POINTS = SNN_APPROX_POINTS };

const char *const snn_approx_window_names[SNN_APPROX_WINDOW_KINDS] = {"window", "tuned", "overlap"};

const char *const snn_approx_window_formulas[SNN_APPROX_WINDOW_KINDS] = {
    "T steps, each half of the one before, margin 0.25; f fires after x has come",
    "T steps, ratio and margin of least mean error; f fires after x has come",
    "likewise, but f begins to fire when a quarter of x has come",
};

const int32_t snn_approx_lengths[SNN_APPROX_LENGTHS] = {2, 4, 6, 8, 10, 12, 16, 32, 64};

/* What the search tries; the larger ratios only where inputs move while a neuron fires. */
static const double ratios[] = {0.5, 0.55, 0.6, 0.65, 0.7, 0.8};
static const double margins[] = {0.0, 0.25};
enum {
    STILL_RATIOS = 3,
    RATIOS = sizeof ratios / sizeof ratios[0],
    MARGINS = sizeof margins / sizeof margins[0],
    DEFAULT_MARGIN = 1
};

int32_t snn_approx_length_count(int32_t timesteps)
{
    int32_t count = 0;
    while (count < SNN_APPROX_LENGTHS && snn_approx_lengths[count] <= timesteps) {
        count++;
    }
    return count;
}

int32_t snn_approx_length_of(int32_t steps)
{
    for (int32_t i = 0; i < SNN_APPROX_LENGTHS; i++) {
        if (snn_approx_lengths[i] == steps) {
            return i;
        }
    }
    return -1;
}

bool snn_approx_window_applies(snn_approx_window_kind kind, snn_approx_input input)
{
    return kind != SNN_APPROX_WINDOW_OVERLAP || input == SNN_APPROX_TRAIN;
}

/* y [POINTS] after all windows. */
static snn_status run_network(const snn_network *network, float *y)
{
    snn_shard *shard = NULL;
    snn_status status;
    SNN_GOTO_DONE(status, snn_approx_shard_create(network, NULL, 0, &shard));
    for (int32_t p = 0; p < network->population_count; p++) {
        SNN_GOTO_DONE(status, snn_shard_run(shard, p, 0, network->windows.steps));
    }
    memcpy(y, snn_shard_logits(shard), POINTS * sizeof *y);
done:
    snn_shard_destroy(shard);
    return status;
}

/* Of the neuron before the readout, in units of its scale. */
static double last_step(const snn_network *network)
{
    const snn_windows *windows = &network->windows;
    return (double)network->populations[network->population_count - 2].unit * windows->magnitude[windows->steps - 1];
}

/* Runs with these windows, and keeps what came of it in entry `at` of the curve if it is better than what is there. */
static snn_status try_windows(const snn_approx_result *result, snn_approx_input input, const snn_windows *windows,
                              int32_t at, snn_approx_window_curve *curve)
{
    float y[POINTS];
    double mean, maximum, last = 0.0;
    snn_network *network = NULL;
    snn_status status = snn_approx_network_create(result, input, windows, &network);
    if (!snn_failed(status)) {
        last = last_step(network);
        status = run_network(network, y);
    }
    snn_network_destroy(network);
    SNN_TRY(status);
    snn_approx_measure(result, y, &mean, &maximum);
    if (mean < curve->mean[at]) {
        memcpy(curve->y[at], y, sizeof y);
        curve->windows[at] = *windows;
        curve->mean[at] = mean;
        curve->maximum[at] = maximum;
        curve->last_step[at] = last;
    }
    return snn_ok();
}

static snn_status run_length(const snn_approx_result *result, snn_approx_window_kind kind, snn_approx_input input,
                             int32_t at, snn_approx_window_curve *curve)
{
    const bool halving = kind == SNN_APPROX_WINDOW_HALVING;
    const int32_t steps = snn_approx_lengths[at];
    const int32_t delay = kind == SNN_APPROX_WINDOW_OVERLAP ? (steps + 3) / 4 : steps;
    curve->mean[at] = INFINITY;
    for (int32_t r = 0; r < (halving ? 1 : delay < steps ? RATIOS : STILL_RATIOS); r++) {
        for (int32_t m = halving ? DEFAULT_MARGIN : 0; m < (halving ? DEFAULT_MARGIN + 1 : MARGINS); m++) {
            snn_windows windows;
            SNN_TRY(snn_windows_init(steps, delay, ratios[r], margins[m], &windows));
            SNN_TRY(try_windows(result, input, &windows, at, curve));
        }
    }
    return snn_ok();
}

snn_status snn_approx_run_windows(snn_approx_result *result)
{
    const int32_t count = snn_approx_length_count(result->timesteps);
    for (int kind = 0; kind < SNN_APPROX_WINDOW_KINDS; kind++) {
        for (int input = 0; input < SNN_APPROX_INPUT_KINDS; input++) {
            for (int32_t at = 0; at < count; at++) {
                if (snn_approx_window_applies((snn_approx_window_kind)kind, (snn_approx_input)input)) {
                    SNN_TRY_CONTEXT(run_length(result, (snn_approx_window_kind)kind, (snn_approx_input)input, at,
                                               &result->windows[kind][input]),
                                    "%s of %d steps, %s input", snn_approx_window_names[kind], snn_approx_lengths[at],
                                    snn_approx_input_names[input]);
                }
            }
        }
    }
    return snn_ok();
}
