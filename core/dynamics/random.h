/* Random numbers by counter: a number is a function of what it is for, not of what was drawn before it. So every rank
 * draws the same number for the same pixel at the same timestep, whatever the partition, the order or the restart.
 *
 * The function is Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011).
 */
#ifndef SNN_DYNAMICS_RANDOM_H
#define SNN_DYNAMICS_RANDOM_H

#include <stdint.h>

enum { SNN_RANDOM_WORDS = 4 };

typedef struct snn_random_block {
    uint32_t word[SNN_RANDOM_WORDS];
} snn_random_block;

/* Philox 4x32-10: four random words of a counter and a key. */
snn_random_block snn_random_philox(const uint32_t counter[SNN_RANDOM_WORDS], const uint32_t key[2]);

/* The words of SNN_RANDOM_WORDS consecutive timesteps of one pixel, from `step` rounded down to a multiple of them;
 * timestep t takes word t % SNN_RANDOM_WORDS. `image` is the image's number in the data set. */
snn_random_block snn_random_pixel(uint64_t seed, int64_t image, uint32_t pixel, uint32_t step);

/* A multiple of 2^-24 in [0, 1), exact in single precision. */
static inline float snn_random_uniform(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24F;
}

#endif
