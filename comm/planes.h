/* Bit planes: a channel range of a population's spikes of one (step, image), packed without gaps.
 *
 * Channels [begin, end) of every position, position after position, least significant bit first, padded with zeros to a
 * whole byte. Ranges that are whole bytes in the spikes are copied; others are shifted 56 bits at a time. Of windows,
 * whose spikes are kept by neuron, the bytes of 8 neurons are turned into those of 8 planes.
 */
#ifndef SNN_COMM_PLANES_H
#define SNN_COMM_PLANES_H

#include <stddef.h>
#include <stdint.h>

typedef struct snn_plane_shape {
    int64_t positions;
    int32_t row_bytes;                  /* bytes of a position in the unpacked spikes */
    int32_t channel_begin, channel_end; /* half-open, not empty, within the row */
} snn_plane_shape;

/* Bytes of the packed plane. */
size_t snn_plane_packed_bytes(const snn_plane_shape *shape);

/* rows [positions][row_bytes] -> packed. Writes exactly snn_plane_packed_bytes bytes, reads only the rows. */
void snn_plane_pack(const snn_plane_shape *shape, const uint8_t *restrict rows, uint8_t *restrict packed);

/* packed -> the range's bits of rows; other bits stay. Touches no byte outside the rows. */
void snn_plane_unpack(const snn_plane_shape *shape, const uint8_t *restrict packed, uint8_t *restrict rows);

/* The same of a byte of windows, rows [positions][row_bytes], which has `steps` steps: a plane each, `apart` bytes from
 * one to the next. */
void snn_plane_pack_windows(const snn_plane_shape *shape, const uint8_t *restrict rows, int32_t steps, size_t apart,
                            uint8_t *restrict packed);
void snn_plane_unpack_windows(const snn_plane_shape *shape, const uint8_t *restrict packed, int32_t steps, size_t apart,
                              uint8_t *restrict rows);

#endif
