/* Spikes in memory: one bit a neuron and timestep.
 *
 * The spikes of one population for a block of timesteps and a group of images are one array
 *     bytes [step][image][position][row_bytes],   row_bytes = ceil(channels / 8)
 * bit (c % 8) of byte (c / 8) of a row is channel c; unused bits of the last byte are 0. Channels of a position lie
 * side by side because products run over channels: a kernel expands a row's bits to bytes without a gather.
 */
#ifndef SNN_NETWORK_SPIKES_H
#define SNN_NETWORK_SPIKES_H

#include <stdint.h>

typedef struct snn_spikes {
    uint8_t *bits; /* not owned; SNN_PADDING readable bytes behind */
    int64_t positions;
    int32_t channels;
    int32_t row_bytes;
    int32_t images; /* images the array is laid out for (the group's size) */
} snn_spikes;

static inline int32_t snn_spikes_row_bytes(int32_t channels)
{
    return (channels + 7) / 8;
}

/* Bytes of one step of one image. */
static inline int64_t snn_spikes_plane_bytes(const snn_spikes *spikes)
{
    return spikes->positions * spikes->row_bytes;
}

/* The plane of (step within the block, image within the group). */
static inline uint8_t *snn_spikes_plane(const snn_spikes *spikes, int32_t step, int32_t image)
{
    return spikes->bits + ((int64_t)step * spikes->images + image) * snn_spikes_plane_bytes(spikes);
}

#endif
