/* Spikes in memory, in one of two layouts. Channels of a position lie side by side in both, because products run over
 * channels.
 *
 * Spikes of single timesteps are a bit each: those of one population for a block of timesteps and a group of images are
 *     bytes [step][image][position][row_bytes],   row_bytes = ceil(channels / 8)
 * bit (c % 8) of byte (c / 8) of a row is channel c; unused bits of the last byte are 0.
 *
 * Spikes of windows are kept by neuron:
 *     bytes [byte][image][position][channel]
 * Up to 8 steps of a neuron's window are a byte, the last of them its lowest bit; unused bits are 0. Where each step is
 * twice the next one, a byte is what the neuron gives, in binary, and products take it as it is.
 */
#ifndef SNN_NETWORK_SPIKES_H
#define SNN_NETWORK_SPIKES_H

#include <stdbool.h>
#include <stdint.h>

enum { SNN_BYTE_STEPS = 8 };

typedef struct snn_spikes {
    uint8_t *bits; /* in either layout; not owned; SNN_PADDING readable bytes behind */
    int64_t positions;
    int32_t channels;
    int32_t row_bytes; /* of a position */
    int32_t images;    /* images the array is laid out for (the group's size) */
    int32_t window;    /* steps of a neuron's window; 0: spikes of single timesteps */
} snn_spikes;

/* Bytes of a position where spikes are a bit each. */
static inline int32_t snn_spikes_row_bytes(int32_t channels)
{
    return (channels + 7) / 8;
}

static inline snn_spikes snn_spikes_of(uint8_t *bits, int64_t positions, int32_t channels, int32_t images,
                                       int32_t window)
{
    return (snn_spikes){bits,   positions, channels, window > 0 ? channels : snn_spikes_row_bytes(channels),
                        images, window};
}

/* Bytes of one image of a plane. */
static inline int64_t snn_spikes_plane_bytes(const snn_spikes *spikes)
{
    return spikes->positions * spikes->row_bytes;
}

/* Bytes of a block of so many steps. */
static inline int64_t snn_spikes_block_bytes(const snn_spikes *spikes, int32_t steps)
{
    const int32_t planes = spikes->window > 0 ? (steps + SNN_BYTE_STEPS - 1) / SNN_BYTE_STEPS : steps;
    return (int64_t)planes * spikes->images * snn_spikes_plane_bytes(spikes);
}

/* The plane of (step within the block, or byte of the window; image within the group). */
static inline uint8_t *snn_spikes_plane(const snn_spikes *spikes, int32_t plane, int32_t image)
{
    return spikes->bits + ((int64_t)plane * spikes->images + image) * snn_spikes_plane_bytes(spikes);
}

/* Steps in a byte of a window. */
static inline int32_t snn_spikes_byte_steps(int32_t window, int32_t byte)
{
    const int32_t left = window - byte * SNN_BYTE_STEPS;
    return left < SNN_BYTE_STEPS ? left : SNN_BYTE_STEPS;
}

/* The bit of a step of a window in its byte. */
static inline int32_t snn_spikes_step_bit(int32_t window, int32_t step)
{
    return snn_spikes_byte_steps(window, step / SNN_BYTE_STEPS) - 1 - step % SNN_BYTE_STEPS;
}

/* Clears the bits of a block that are not used. */
static inline void snn_spikes_clear_unused(const snn_spikes *spikes, int32_t steps)
{
    const int64_t bytes = snn_spikes_block_bytes(spikes, steps);
    if (spikes->window > 0) {
        const int32_t last = (spikes->window - 1) / SNN_BYTE_STEPS;
        const int64_t first = last * spikes->images * snn_spikes_plane_bytes(spikes);
        for (int64_t i = first; i < bytes; i++) {
            spikes->bits[i] &= (uint8_t)((1 << snn_spikes_byte_steps(spikes->window, last)) - 1);
        }
        return;
    }
    for (int64_t end = spikes->row_bytes; end <= bytes && spikes->channels % 8 != 0; end += spikes->row_bytes) {
        spikes->bits[end - 1] &= (uint8_t)((1 << spikes->channels % 8) - 1);
    }
}

/* The byte in which a neuron's spike of a step is, and which bit of it that is. */
static inline uint8_t *snn_spikes_byte(const snn_spikes *spikes, int32_t step, int32_t image, int64_t position,
                                       int32_t channel, int32_t *bit)
{
    if (spikes->window > 0) {
        *bit = snn_spikes_step_bit(spikes->window, step);
        return snn_spikes_plane(spikes, step / SNN_BYTE_STEPS, image) + position * spikes->row_bytes + channel;
    }
    *bit = channel % 8;
    return snn_spikes_plane(spikes, step, image) + position * spikes->row_bytes + channel / 8;
}

static inline bool snn_spikes_fired(const snn_spikes *spikes, int32_t step, int32_t image, int64_t position,
                                    int32_t channel)
{
    int32_t bit;
    const uint8_t *byte = snn_spikes_byte(spikes, step, image, position, channel, &bit);
    return (*byte >> bit & 1) != 0;
}

static inline void snn_spikes_set(const snn_spikes *spikes, int32_t step, int32_t image, int64_t position,
                                  int32_t channel, bool fired)
{
    int32_t bit;
    uint8_t *byte = snn_spikes_byte(spikes, step, image, position, channel, &bit);
    *byte = (uint8_t)((*byte & ~(1U << bit)) | (unsigned)fired << bit);
}

#endif
