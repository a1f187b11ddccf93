/* The approximation experiment: how well a spiking neuron's y follows f(x) / scale.
 *
 * x is swept over a range, one neuron for each value, in a network of up to three populations that runs on the same
 * shard and kernels as any other:
 *
 *     static:  f (x is the neuron's bias, there from the first step)         -> readout
 *     train:   linear neurons (their bias is x) -> f (x is what it decodes)  -> readout
 *
 * The readout decodes y with weights of one, so its logits after step t are y(t).
 *
 * Beside the schedules, with which all neurons fire at every timestep, stand windows: there y after n spikes is that of
 * neurons whose windows have n steps, one network for each n.
 */
#ifndef SNN_LAB_APPROX_NETWORK_H
#define SNN_LAB_APPROX_NETWORK_H

#include "core/dynamics/schedule.h"
#include "core/dynamics/windows.h"
#include "io/lab/approx/approx_functions.h"

enum {
    SNN_APPROX_POINTS = 401, /* values of x */
    SNN_APPROX_SCHEDULES = 4,
    SNN_APPROX_REPORTS = 5,
    SNN_APPROX_LENGTHS = 9,
    SNN_APPROX_MAX_TIMESTEPS = 4096
};

typedef enum snn_approx_input { SNN_APPROX_STATIC, SNN_APPROX_TRAIN, SNN_APPROX_INPUT_KINDS } snn_approx_input;

extern const char *const snn_approx_input_names[SNN_APPROX_INPUT_KINDS]; /* "static", "train" */

typedef struct snn_approx_schedule {
    const char *name, *formula;
    snn_schedule schedule;
} snn_approx_schedule;

/* The numbers of steps T after which errors are reported: 8 to 128. */
extern const int32_t snn_approx_reports[SNN_APPROX_REPORTS];
/* How many of them there are up to `timesteps`. */
int32_t snn_approx_report_count(int32_t timesteps);

extern const snn_approx_schedule snn_approx_schedules[SNN_APPROX_SCHEDULES];

typedef enum snn_approx_window_kind {
    SNN_APPROX_WINDOW_HALVING, /* ratio 1/2, the default margin; inputs stand still */
    SNN_APPROX_WINDOW_TUNED,   /* ratio and margin of least mean error; inputs stand still */
    SNN_APPROX_WINDOW_OVERLAP, /* likewise, but neurons begin when a quarter of their input's window is over. Only where
                                  x arrives as a spike train */
    SNN_APPROX_WINDOW_KINDS
} snn_approx_window_kind;

extern const char *const snn_approx_window_names[SNN_APPROX_WINDOW_KINDS];    /* "window", "tuned", "overlap" */
extern const char *const snn_approx_window_formulas[SNN_APPROX_WINDOW_KINDS]; /* what they are, in words */

/* Steps of the windows, ascending; those of snn_approx_reports that a window can have are among them. */
extern const int32_t snn_approx_lengths[SNN_APPROX_LENGTHS];
/* How many of them there are up to `timesteps`. */
int32_t snn_approx_length_count(int32_t timesteps);
/* Which of them has `steps` steps, or -1. */
int32_t snn_approx_length_of(int32_t steps);
/* Whether a kind has results for such an input. */
bool snn_approx_window_applies(snn_approx_window_kind kind, snn_approx_input input);

/* What became of one function with windows of one kind, for each of their lengths. */
typedef struct snn_approx_window_curve {
    snn_windows windows[SNN_APPROX_LENGTHS];
    float y[SNN_APPROX_LENGTHS][SNN_APPROX_POINTS]; /* in units of the scale, after the last step */
    double mean[SNN_APPROX_LENGTHS], maximum[SNN_APPROX_LENGTHS];
    double
        last_step[SNN_APPROX_LENGTHS]; /* in units of the scale: what the error is bounded by, where x stands still */
} snn_approx_window_curve;

/* What became of one function with one schedule and one kind of input. */
typedef struct snn_approx_curve {
    float *y;               /* [timesteps][SNN_APPROX_POINTS] */
    double *mean, *maximum; /* [timesteps] of |y - f(x) / scale| over x, after each step */
} snn_approx_curve;

typedef struct snn_approx_result {
    const snn_approx_function *function;
    int32_t timesteps;
    float scale;                      /* maximum of |f| over the range */
    float x[SNN_APPROX_POINTS];       /* evenly spaced */
    double target[SNN_APPROX_POINTS]; /* f(x) / scale */
    snn_approx_curve curves[SNN_APPROX_SCHEDULES][SNN_APPROX_INPUT_KINDS];
    snn_approx_window_curve windows[SNN_APPROX_WINDOW_KINDS][SNN_APPROX_INPUT_KINDS]; /* lengths up to `timesteps` */
} snn_approx_result;

/* Runs one function with all schedules, windows and kinds of input; 1 <= timesteps <= SNN_APPROX_MAX_TIMESTEPS. */
snn_status snn_approx_run(const snn_approx_function *function, int32_t timesteps, snn_approx_result **result);

void snn_approx_result_destroy(snn_approx_result *result); /* accepts NULL */

#endif
