/* How fast this processor multiplies and adds integers at all: loops over registers alone, no memory, one for each
 * instruction set. The measure that `snn_dist bench` holds the kernels against.
 */
#ifndef SNN_KERNELS_PEAK_H
#define SNN_KERNELS_PEAK_H

#include <stdint.h>

typedef struct snn_peak {
    const char *name;           /* of the kernel table with these instructions */
    const char *instruction;    /* that multiplies */
    int32_t bits;               /* of a weight in one product: a 16-bit weight takes 16 / bits products */
    int64_t products_per_round; /* multiplications, each with its addition */
    /* Runs that many rounds on the calling thread. Only where the table of that name is available. */
    void (*run)(int64_t rounds);
} snn_peak;

/* The loop for a kernel table and weights of so many bits: one of its own for these, if there is one, or else that of
 * 16 bits or fewer. NULL for a name that has none. */
const snn_peak *snn_peak_of(const char *kernels, int32_t bits);

#endif
