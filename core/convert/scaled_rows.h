/* Internal to core/convert: the rows of a term's weights, and of its token matrix, in what a unit is worth. */
#ifndef SNN_CONVERT_SCALED_ROWS_H
#define SNN_CONVERT_SCALED_ROWS_H

#include "core/convert/draft.h"

#define SNN_LARGEST_SUM 2147483000.0 /* below 2^31, with room for rounding */

/* Convolution and matrix product: weights of 16 or 8 bits. */
bool snn_operator_is_product(snn_operator_kind kind);

/* Source channels that a row of a product takes, at every position of its window, and the first of them. */
int32_t snn_row_inputs(const snn_operator *op);
int32_t snn_row_base(const snn_operator *op, int32_t r);

/* Real weights of target row `r` of a term per unit of its source: times the source's scale, or a stream's step
 * (which must have been chosen). `row`: [row length]. */
void snn_scaled_row(const snn_term *term, const snn_network *network, int32_t r, double *row);

/* Of a token product: the largest sum of magnitudes of a row of its matrix, and what one unit of its integer matrix is
 * worth (1 for float32 weights). */
double snn_mixing_reach(const snn_term *term);
double snn_mixing_unit(const snn_term *term, const snn_network *network);

/* Weights of the draft's longest row. */
int64_t snn_longest_row(const snn_draft *draft);

#endif
