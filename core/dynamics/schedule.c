#include "core/dynamics/schedule.h"

#include <math.h>
#include <stdbool.h>

/* Only operations that IEEE 754 rounds correctly (+ - * / sqrt) are used here: the C library's pow differs between
 * machines in the last bit, and with it a spike. */

enum { POWER_LIMIT = 1024 };

static double integer_power(double base, int64_t exponent)
{
    double result = 1.0;
    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2 == 1) {
            result *= base;
        }
        base *= base;
    }
    return result;
}

/* base^exponent for base >= 1 and 0 <= exponent <= POWER_LIMIT: the fraction's binary digits select repeated square
 * roots of the base. */
static double real_power(double base, double exponent)
{
    int64_t whole = (int64_t)exponent;
    double fraction = exponent - (double)whole;
    double result = integer_power(base, whole);
    for (double root = base; fraction > 0.0;) {
        root = sqrt(root);
        fraction *= 2.0;
        if (fraction >= 1.0) {
            result *= root;
            fraction -= 1.0;
        }
    }
    return result;
}

static snn_status check(const snn_schedule *schedule, int32_t timesteps)
{
    if (timesteps < 1 || timesteps > SNN_MAX_TIMESTEPS) {
        return snn_fail(SNN_INPUT_ERROR, "%d timesteps, expected 1..%d", timesteps, SNN_MAX_TIMESTEPS);
    }
    if (schedule->kind == SNN_SCHEDULE_TABLE) {
        if (schedule->table == NULL || schedule->table_length < (size_t)timesteps) {
            return snn_fail(SNN_INPUT_ERROR, "a table of %zu steps for %d timesteps",
                            schedule->table == NULL ? (size_t)0 : schedule->table_length, timesteps);
        }
        return snn_ok();
    }
    if (!isfinite(schedule->eta0) || schedule->eta0 <= 0.0) {
        return snn_fail(SNN_INPUT_ERROR, "eta0 = %g, expected a positive number", schedule->eta0);
    }
    if (schedule->kind == SNN_SCHEDULE_EXPONENTIAL && (!isfinite(schedule->gamma) || schedule->gamma <= 0.0)) {
        return snn_fail(SNN_INPUT_ERROR, "gamma = %g, expected a positive number", schedule->gamma);
    }
    bool power_fits = schedule->power >= 0.0 && schedule->power <= POWER_LIMIT; /* false for NaN */
    if (schedule->kind == SNN_SCHEDULE_POLYNOMIAL && !power_fits) {
        return snn_fail(SNN_INPUT_ERROR, "power = %g, expected 0..%d", schedule->power, POWER_LIMIT);
    }
    return snn_ok();
}

snn_status snn_schedule_fill(const snn_schedule *schedule, int32_t timesteps, float *eta)
{
    SNN_TRY_CONTEXT(check(schedule, timesteps), "schedule");
    double power_of_gamma = 1.0;
    for (int32_t t = 0; t < timesteps; t++) {
        double value = schedule->eta0;
        switch (schedule->kind) {
        case SNN_SCHEDULE_EXPONENTIAL:
            value *= power_of_gamma;
            power_of_gamma *= schedule->gamma;
            break;
        case SNN_SCHEDULE_INVERSE:
            value /= t + 1;
            break;
        case SNN_SCHEDULE_POLYNOMIAL:
            value /= real_power(t + 1, schedule->power);
            break;
        case SNN_SCHEDULE_CONSTANT:
            break;
        case SNN_SCHEDULE_TABLE:
            value = schedule->table[t];
            break;
        }
        eta[t] = (float)value;
        if (!isfinite(eta[t]) || eta[t] <= 0.0f) {
            return snn_fail(SNN_INPUT_ERROR,
                            "schedule: eta(%d) = %g, expected a positive single precision number; take a schedule that "
                            "falls more slowly, or fewer timesteps",
                            t, value);
        }
    }
    return snn_ok();
}

void snn_encoding_increments(snn_encoding encoding, const float *eta, int32_t timesteps, float *increments)
{
    double remaining = 1.0; /* 1 - c(t - 1) = product of (1 - eta) so far */
    for (int32_t t = 0; t < timesteps; t++) {
        switch (encoding) {
        case SNN_ENCODING_FLOAT:
            increments[t] = (float)(eta[t] * remaining);
            remaining *= 1.0 - eta[t];
            break;
        case SNN_ENCODING_DIRECT:
            increments[t] = t == 0 ? 1.0f : 0.0f;
            break;
        case SNN_ENCODING_DETERMINISTIC:
        case SNN_ENCODING_STOCHASTIC:
            increments[t] = 0.0f;
            break;
        }
    }
}
