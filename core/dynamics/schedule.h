/* Step sizes eta(t), one table made once: exponential eta0 gamma^t, inverse eta0/(t+1), polynomial eta0/(t+1)^power,
 * constant eta0, or given. And the coefficient of graded input encodings. */
#ifndef SNN_DYNAMICS_SCHEDULE_H
#define SNN_DYNAMICS_SCHEDULE_H

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
    SNN_ENCODING_DIRECT         /* y_in = p from the first step */
} snn_encoding;

/* eta(t) for t in [0, timesteps), evaluated in double and rounded once. Refuses values that are not finite or not
 * positive and a table that is too short. */
snn_status snn_schedule_fill(const snn_schedule *schedule, int32_t timesteps, float *eta);

/* Graded encodings: y_in(t) = c(t) p. Fills the increments c(t) - c(t-1), c(-1) = 0, for the input that populations see
 * at step t (after the input's own update at t). DETERMINISTIC gives zeros. */
void snn_encoding_increments(snn_encoding encoding, const float *eta, int32_t timesteps, float *increments);

#endif
