#include "io/lab/approx/approx_network.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/lab/approx/approx_build.h"

enum { POINTS = SNN_APPROX_POINTS };

const int32_t snn_approx_reports[SNN_APPROX_REPORTS] = {8, 16, 32, 64, 128};

/* First steps such that each reaches f(x) / scale = 1 within 32 steps: the sum of its steps is at least 1 by then. */
const snn_approx_schedule snn_approx_schedules[SNN_APPROX_SCHEDULES] = {
    {"exponential", "0.15 0.95^t", {.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.15, .gamma = 0.95}},
    {"inverse", "1 / (t + 1)", {.kind = SNN_SCHEDULE_INVERSE, .eta0 = 1.0}},
    {"polynomial", "0.15 / (t + 1)^0.5", {.kind = SNN_SCHEDULE_POLYNOMIAL, .eta0 = 0.15, .power = 0.5}},
    {"constant", "0.05", {.kind = SNN_SCHEDULE_CONSTANT, .eta0 = 0.05}},
};

int32_t snn_approx_report_count(int32_t timesteps)
{
    int32_t count = 0;
    while (count < SNN_APPROX_REPORTS && snn_approx_reports[count] <= timesteps) {
        count++;
    }
    return count;
}

/* Timestep by timestep, so that the readout is seen after each. */
static snn_status run_network(const snn_network *network, const float *eta, int32_t timesteps, float *y)
{
    snn_shard *shard = NULL;
    snn_status status;
    SNN_GOTO_DONE(status, snn_approx_shard_create(network, eta, timesteps, &shard));
    for (int32_t t = 0; t < timesteps; t++) {
        for (int32_t p = 0; p < network->population_count; p++) {
            SNN_GOTO_DONE(status, snn_shard_run(shard, p, t, 1));
        }
        memcpy(y + (size_t)t * POINTS, snn_shard_logits(shard), POINTS * sizeof *y);
    }
done:
    snn_shard_destroy(shard);
    return status;
}

static void measure(const snn_approx_result *result, snn_approx_curve *curve)
{
    for (int32_t t = 0; t < result->timesteps; t++) {
        snn_approx_measure(result, curve->y + (size_t)t * POINTS, &curve->mean[t], &curve->maximum[t]);
    }
}

static snn_status run_curve(const snn_approx_result *result, const snn_schedule *schedule, snn_approx_input input,
                            snn_approx_curve *curve)
{
    const size_t timesteps = (size_t)result->timesteps;
    snn_network *network = NULL;
    snn_status status;
    float *eta = snn_allocate(timesteps, sizeof *eta);
    curve->y = snn_allocate(timesteps, POINTS * sizeof *curve->y);
    curve->mean = snn_allocate(timesteps, sizeof *curve->mean);
    curve->maximum = snn_allocate(timesteps, sizeof *curve->maximum);
    if (eta == NULL || curve->y == NULL || curve->mean == NULL || curve->maximum == NULL) {
        status = snn_out_of_memory("curve");
        goto done;
    }
    SNN_GOTO_DONE(status, snn_schedule_fill(schedule, result->timesteps, eta));
    SNN_GOTO_DONE(status, snn_approx_network_create(result, input, NULL, &network));
    SNN_GOTO_DONE(status, run_network(network, eta, result->timesteps, curve->y));
    measure(result, curve);
done:
    snn_network_destroy(network);
    snn_release(eta);
    return status;
}

static void sweep(snn_approx_result *result)
{
    const snn_approx_function *function = result->function;
    double largest = 0.0;
    for (int32_t i = 0; i < POINTS; i++) {
        const float part = (float)i / (float)(POINTS - 1);
        result->x[i] = function->low + (function->high - function->low) * part;
        result->target[i] = snn_approx_function_value(function, result->x[i]);
        largest = fmax(largest, fabs(result->target[i]));
    }
    result->scale = (float)largest;
    for (int32_t i = 0; i < POINTS; i++) {
        result->target[i] /= (double)result->scale;
    }
}

/* A step is so little work that threads would only wait for each other: one does all. */
static snn_status run_curves(snn_approx_result *result)
{
    const int threads = omp_get_max_threads();
    snn_status status = snn_ok();
    omp_set_num_threads(1);
    for (int32_t s = 0; s < SNN_APPROX_SCHEDULES && !snn_failed(status); s++) {
        for (int32_t i = 0; i < SNN_APPROX_INPUT_KINDS && !snn_failed(status); i++) {
            status = run_curve(result, &snn_approx_schedules[s].schedule, (snn_approx_input)i, &result->curves[s][i]);
            status =
                snn_context(status, "schedule %s, %s input", snn_approx_schedules[s].name, snn_approx_input_names[i]);
        }
    }
    if (!snn_failed(status)) {
        status = snn_approx_run_windows(result);
    }
    omp_set_num_threads(threads);
    return status;
}

snn_status snn_approx_run(const snn_approx_function *function, int32_t timesteps, snn_approx_result **result)
{
    *result = NULL;
    if (timesteps < 1 || timesteps > SNN_APPROX_MAX_TIMESTEPS) {
        return snn_fail(SNN_INPUT_ERROR, "%d timesteps, expected 1..%d", timesteps, SNN_APPROX_MAX_TIMESTEPS);
    }
    snn_approx_result *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("result");
    }
    made->function = function;
    made->timesteps = timesteps;
    sweep(made);
    const snn_status status = run_curves(made);
    if (snn_failed(status)) {
        snn_approx_result_destroy(made);
        return snn_context(status, "%s", snn_approx_function_name(function));
    }
    *result = made;
    return snn_ok();
}

void snn_approx_result_destroy(snn_approx_result *result)
{
    for (int32_t s = 0; s < SNN_APPROX_SCHEDULES && result != NULL; s++) {
        for (int32_t i = 0; i < SNN_APPROX_INPUT_KINDS; i++) {
            snn_release(result->curves[s][i].y);
            snn_release(result->curves[s][i].mean);
            snn_release(result->curves[s][i].maximum);
        }
    }
    snn_release(result);
}
