/* Internal to core/convert: the step delta of every channel of every population. */
#ifndef SNN_CONVERT_STEPS_H
#define SNN_CONVERT_STEPS_H

#include "core/convert/draft.h"

/* Convolution and matrix product: weights of 16 or 8 bits. */
bool snn_operator_is_product(snn_operator_kind kind);

/* Real weights of target row `r` of a term per unit of its source: times the source's scale, or a stream's step
 * (which must have been chosen). `row`: [row length]. */
void snn_scaled_row(const snn_term *term, const snn_network *network, int32_t r, double *row);

/* What one unit of a token product's integer matrix is worth; 1 for float32 weights. */
double snn_mixing_unit(const snn_term *term, const snn_network *network);

/* Weights of the draft's longest row. */
int64_t snn_longest_row(const snn_draft *draft);

/* Fills `step` of all populations of `network`, whose scales are known, and `shift` of its projections-to-be, one for
 * each term in order. */
snn_status snn_steps_choose(const snn_draft *draft, snn_network *network);

#endif
