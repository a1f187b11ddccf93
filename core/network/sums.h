/* Streams in memory: the integer sums of one STREAM population for a block of timesteps and a group of images, one
 * array values [step][image][position][channels] of int32_t, or float in networks with float32 weights.
 */
#ifndef SNN_NETWORK_SUMS_H
#define SNN_NETWORK_SUMS_H

#include <stdint.h>

enum { SNN_SUM_BYTES = 4 }; /* of a value, of either type */

typedef struct snn_sums {
    void *values; /* not owned */
    int64_t positions;
    int32_t channels;
    int32_t images; /* images the array is laid out for (the group's size) */
} snn_sums;

/* Bytes of one step of one image. */
static inline int64_t snn_sums_plane_bytes(const snn_sums *sums)
{
    return sums->positions * sums->channels * SNN_SUM_BYTES;
}

/* The plane of (step within the block, image within the group). */
static inline void *snn_sums_plane(const snn_sums *sums, int32_t step, int32_t image)
{
    return (uint8_t *)sums->values + ((int64_t)step * sums->images + image) * snn_sums_plane_bytes(sums);
}

#endif
