/* Step sizes eta(t), one table made once: exponential eta0 gamma^t, inverse eta0/(t+1), polynomial eta0/(t+1)^power,
 * constant eta0, or given. And the coefficient of graded input encodings. */
#ifndef SNN_DYNAMICS_SCHEDULE_H
#define SNN_DYNAMICS_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { SNN_MAX_TIMESTEPS = 65535 }; /* a spike packet counts the steps of its block in 16 bits */

typedef enum snn_schedule_kind {
    SNN_SCHEDULE_EXPONENTIAL,
    SNN_SCHEDULE_INVERSE,
    SNN_SCHEDULE_POLYNOMIAL,
    SNN_SCHEDULE_CONSTANT,
    SNN_SCHEDULE_TABLE
} snn_schedule_kind;

typedef struct snn_schedule {
    snn_schedule_kind kind;
    double eta0, gamma, power;
    const double *table; /* SNN_SCHEDULE_TABLE: [table_length] */
    size_t table_length; /* at least the number of timesteps */
} snn_schedule;

typedef enum snn_encoding {
    SNN_ENCODING_FLOAT,         /* graded current: y_in <- y_in - eta (y_in - p) */
    SNN_ENCODING_DETERMINISTIC, /* spikes: s = [y_in >= p], y_in <- y_in - eta (2 s - 1) */
    SNN_ENCODING_DIRECT,        /* y_in = p from the first step */
    SNN_ENCODING_STOCHASTIC     /* spikes: s = 1 with probability sigmoid(y_in - p), y_in as for DETERMINISTIC */
} snn_encoding;

/* Whether pixels enter as real values; otherwise as spikes. */
static inline bool snn_encoding_is_graded(snn_encoding encoding)
{
    return encoding == SNN_ENCODING_FLOAT || encoding == SNN_ENCODING_DIRECT;
}

/* The rule by which neurons fire and move. */
typedef enum snn_dynamics {
    SNN_DYNAMICS_SIGNGD,     /* sign gradient descent */
    SNN_DYNAMICS_SUBGRADIENT /* the baseline, integrate-and-fire: core/kernels/subgradient.h */
} snn_dynamics;

/* eta(t) for t in [0, timesteps), evaluated in double and rounded once. Refuses values that are not finite or not
 * positive and a table that is too short. */
snn_status snn_schedule_fill(const snn_schedule *schedule, int32_t timesteps, float *eta);

/* Graded encodings: y_in(t) = c(t) p. Fills the increments c(t) - c(t-1), c(-1) = 0, for the input that populations see
 * at step t (after the input's own update at t). Encodings by spikes give zeros. */
void snn_encoding_increments(snn_encoding encoding, const float *eta, int32_t timesteps, float *increments);

#endif
