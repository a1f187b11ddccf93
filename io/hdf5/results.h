/* Results of images on the rank that owns their readout, until they are written. */
#ifndef SNN_IO_RESULTS_H
#define SNN_IO_RESULTS_H

#include <stdint.h>

#include "core/base/status.h"

typedef struct snn_results {
    int32_t timesteps, classes;
    int64_t count, capacity;
    int64_t *image;       /* [count] number in the data set; ascending order not required */
    int32_t *predictions; /* [count][timesteps] */
    float *logits;        /* [count][classes] */
} snn_results;

snn_status snn_results_create(int32_t timesteps, int32_t classes, snn_results **results);
/* Room for so many rows in all: growing to them takes half as much again. What is there stays. */
snn_status snn_results_reserve(snn_results *results, int64_t rows);
/* Appends `count` rows: images [count], predictions [count][timesteps], logits [count][classes]. On failure nothing is
 * appended. */
snn_status snn_results_append(snn_results *results, const int64_t *images, int64_t count, const int32_t *predictions,
                              const float *logits);
void snn_results_destroy(snn_results *results); /* accepts NULL */

#endif
