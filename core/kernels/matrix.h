/* What the products of matrix.c are made of, private to them and to tokens.c: a panel of weights and the rows of values
 * that it is multiplied with. */
#ifndef SNN_KERNELS_MATRIX_H
#define SNN_KERNELS_MATRIX_H

#include "core/kernels/portable.h"

enum { WORD_BYTES = sizeof(int32_t) };

typedef struct job {
    const uint8_t *values, *weights;
    const int32_t *bias;     /* of the panel's rows, if values are bytes */
    const int64_t *segments; /* where each begins, from what a target sees first on, in bytes */
    int32_t segment_count;
    int64_t words;
    int64_t together; /* words whose sums can be added before they are widened */
    int64_t stride;   /* between rows of sums */
    int32_t last;     /* rows of weights in the panel's last vector */
    int32_t limbs;    /* of a weight: one, or two vectors of bytes, 256 high + low */
    bool coded;       /* sums are taken twice from 0 */
    bool fresh;       /* as that of a tile */
} job;

/* Adds the products of `count` targets, which see pairs of values from seen[i] on, with a panel of `vectors` vectors.
 */
void snn_matrix_multiply(const job *j, int32_t vectors, const int64_t *seen, int64_t count, int32_t *sums);

#ifdef SNN_TILES
/* Words of a segment that one tile of values takes, of `words` in all: tiles share them evenly. */
int64_t snn_tiles_words(int64_t words);
/* Adds the products of `count` targets, which see values from seen[i] on, with a panel of `vectors` vectors. `words` is
 * a multiple of snn_tiles_words. */
void snn_tiles_multiply(const job *j, int32_t vectors, const int64_t *seen, int64_t count, int32_t *sums);
/* Rounds of products alone, as many in one as registers hold (peak.c). */
enum { SNN_TILES_PRODUCTS = 4 * 16 * 16 * 64 };
void snn_tiles_run(int64_t rounds);
#endif

#endif
