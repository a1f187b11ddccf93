/* Spikes, codes and limbs of neighbouring positions as values, private to field.c, which lays out what a tile sees, and
 * to pools.c, which adds them up or compares them. */
#ifndef SNN_KERNELS_VALUES_H
#define SNN_KERNELS_VALUES_H

#include "core/kernels/steps.h"

#define snn_values_scratch SNN_ISA_NAME(snn_values_scratch)
#define snn_values_begin   SNN_ISA_NAME(snn_values_begin)
#define snn_values_inside  SNN_ISA_NAME(snn_values_inside)
#define snn_values_outside SNN_ISA_NAME(snn_values_outside)
#define snn_pool_expand    SNN_ISA_NAME(snn_pool_expand)
#define snn_pool_scratch   SNN_ISA_NAME(snn_pool_scratch)

enum { SNN_VALUES_BEHIND = 64 }; /* values that are written behind a run, at most */

/* A step's values of some channels of a source. */
typedef struct snn_values {
    const snn_source *source;
    int32_t step, largest;          /* as snn_field_expand has them */
    int32_t width, source_channels; /* of the source's rows of positions; of its planes of integers */
    int32_t channel, channels;
    /* snn_values_scratch bytes, aligned: of codes what they are where no bit is set or, if they are bytes, what stands
     * for 0. */
    union {
        int16_t *base;
        uint8_t *zeros;
    };
    snn_steps steps; /* of codes, at the source's first position */
} snn_values;

int64_t snn_values_scratch(int32_t channels);
/* Fills `base` or `zeros`, and `steps`; before the next two. */
void snn_values_begin(snn_values *v);
/* Of positions [column, column + columns) of a row of the source, and up to a vector behind them. */
void snn_values_inside(const snn_values *v, int32_t row, int32_t column, int32_t columns, void *values);
/* Of so many positions outside the image. */
void snn_values_outside(const snn_values *v, int64_t positions, uint8_t *to);

/* Neighbouring positions of a row of the pooled source. */
typedef struct snn_pool_row {
    int32_t row, column, columns;
} snn_pool_row;

/* Their values: sums over pool windows of `v`, or of codes what is largest there, as words. `scratch`: snn_pool_scratch
 * bytes, aligned. */
void snn_pool_expand(const snn_pool_row *pooled, const snn_operator *op, const snn_values *v, void *values,
                     void *scratch);
int64_t snn_pool_scratch(const snn_operator *op, int32_t channels);

#endif
