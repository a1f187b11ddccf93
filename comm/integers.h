/* Integer planes: a channel range of a stream's sums of one (step, image), as bytes.
 *
 * Channels [begin, end) of every position, position after position, zigzag coded (0, -1, 1, -2, ... become 0, 1, 2, 3,
 * ...), as four planes of bytes, lowest bytes first: most sums are small, so that the last planes are nearly all zeros,
 * which coders like. Floats travel the same way as the 32 bits that they are. The bytes do not depend on the machine.
 */
#ifndef SNN_COMM_INTEGERS_H
#define SNN_COMM_INTEGERS_H

#include <stddef.h>
#include <stdint.h>

typedef struct snn_integers_shape {
    int64_t positions;
    int32_t channels;                   /* of a position in the sums */
    int32_t channel_begin, channel_end; /* half-open, not empty, within them */
} snn_integers_shape;

/* Bytes of the packed plane. */
size_t snn_integers_packed_bytes(const snn_integers_shape *shape);

/* values [positions][channels] of 4 bytes -> packed. before: NULL, or likewise those that both ends have of the step
 * before, which the values are a little more or less than: then the differences are packed. The arrays are distinct. */
void snn_integers_pack(const snn_integers_shape *shape, const void *values, const void *before, uint8_t *packed);

/* packed -> the range's values; others stay. */
void snn_integers_unpack(const snn_integers_shape *shape, const uint8_t *packed, const void *before, void *values);

#endif
