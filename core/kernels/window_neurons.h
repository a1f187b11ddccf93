/* What neurons that fire in windows share, private to them: window_neurons.c, whose values window_values.c finds and
 * whose tracking errors window_errors.c. */
#ifndef SNN_KERNELS_WINDOW_NEURONS_H
#define SNN_KERNELS_WINDOW_NEURONS_H

#include "core/kernels/strips.h"

enum { SNN_LONG_ROW = 256 }; /* values that are decoded in one loop, if there are few channels */

typedef struct snn_window_job {
    const snn_neurons *neurons;
    const snn_window_constants *constants;
    const snn_tile *tile;
    const snn_tile_counts *counts;
    int32_t moments;
    int32_t together;         /* positions whose x are found in one loop */
    const float *step, *bias; /* of so many positions */
    bool digits;              /* spikes are those of a number */
    float least, most;        /* of f(x) then */
    bool finds;               /* values are found with the spikes */
    snn_digit_counts digit_counts;
    int32_t unflushed;                                                    /* errors of a lane */
    _Alignas(SNN_ALIGNMENT) int32_t errors[SNN_WINDOW_STEPS][SNN_VECTOR]; /* unsigned */
    float steps[SNN_LONG_ROW], biases[SNN_LONG_ROW];                      /* where those of one are repeated */
} snn_window_job;

/* How a tile is taken, and the thread's scratch. */
typedef struct snn_window_batch {
    int64_t positions, inputs, outputs; /* inputs, outputs: floats of the arrays, whole SNN_LANES */
    float *x, *values, *y;              /* x [position][input channel], of maxima a row; the others [position][owned] */
    void *scratch;                      /* of neurons of several inputs */
} snn_window_batch;

#define snn_window_lengthen     SNN_ISA_NAME(snn_window_lengthen)
#define snn_window_integrate    SNN_ISA_NAME(snn_window_integrate)
#define snn_window_find_values  SNN_ISA_NAME(snn_window_find_values)
#define snn_window_track        SNN_ISA_NAME(snn_window_track)
#define snn_window_flush_errors SNN_ISA_NAME(snn_window_flush_errors)

/* Makes rows of the constants of several positions, so that loops over few channels are long. */
void snn_window_lengthen(snn_window_job *job);
/* Moves x, which is kept, at input positions [position, position + count) by the tile's only step. */
void snn_window_integrate(const snn_window_job *job, int64_t position, int64_t count);
/* f(x) of the batch's outputs at positions [begin, begin + count). */
void snn_window_find_values(const snn_window_job *job, int32_t moment, int64_t begin, int64_t count,
                            const snn_window_batch *b);
/* Errors of a moment's steps at those of the batch's positions that are of the sample, before it is fired. */
void snn_window_track(snn_window_job *job, int32_t moment, int64_t begin, int64_t count, const snn_window_batch *b);
/* Moves errors to the counts of steps. */
void snn_window_flush_errors(snn_window_job *job);

#endif
