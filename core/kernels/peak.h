/* How fast this processor multiplies and adds integers at all: loops over registers alone, no memory, one or two for
 * each kernel table. The measure that `snn_dist bench` holds the kernels against.
 */
#ifndef SNN_KERNELS_PEAK_H
#define SNN_KERNELS_PEAK_H

#include <stdint.h>

typedef struct snn_peak {
    const char *instruction;    /* that multiplies */
    int32_t bits;               /* of a weight in one product: a 16-bit weight takes 16 / bits products */
    int64_t products_per_round; /* multiplications, each with its addition */
    /* Runs that many rounds on the calling thread. Only where the table is available. */
    void (*run)(int64_t rounds);
} snn_peak;

#endif
