#include "comm/integers.h"

#include <stddef.h>

enum { VALUE_BYTES = 4 };

static int64_t value_count(const snn_integers_shape *shape)
{
    return shape->positions * (shape->channel_end - shape->channel_begin);
}

size_t snn_integers_packed_bytes(const snn_integers_shape *shape)
{
    return (size_t)value_count(shape) * VALUE_BYTES;
}

/* All ones if the highest bit is set, else zeros. */
static uint32_t sign_mask(uint32_t highest)
{
    return 0U - highest;
}

static inline __attribute__((always_inline)) void pack(const snn_integers_shape *shape, const uint32_t *restrict values,
                                                       const uint32_t *restrict before, uint8_t *restrict packed)
{
    const int64_t count = value_count(shape);
    const int32_t width = shape->channel_end - shape->channel_begin;
    for (int64_t position = 0; position < shape->positions; position++) {
        const int64_t row = position * shape->channels + shape->channel_begin;
        uint8_t *bytes = packed + position * width;
        for (int32_t c = 0; c < width; c++) {
            const uint32_t integer = values[row + c] - (before == NULL ? 0 : before[row + c]);
            const uint32_t value = integer << 1 ^ sign_mask(integer >> 31);
            bytes[c] = (uint8_t)value;
            bytes[count + c] = (uint8_t)(value >> 8);
            bytes[2 * count + c] = (uint8_t)(value >> 16);
            bytes[3 * count + c] = (uint8_t)(value >> 24);
        }
    }
}

void snn_integers_pack(const snn_integers_shape *shape, const void *values, const void *before, uint8_t *packed)
{
    if (before == NULL) {
        pack(shape, values, NULL, packed);
    } else {
        pack(shape, values, before, packed);
    }
}

static inline __attribute__((always_inline)) void unpack(const snn_integers_shape *shape,
                                                         const uint8_t *restrict packed,
                                                         const uint32_t *restrict before, uint32_t *restrict values)
{
    const int64_t count = value_count(shape);
    const int32_t width = shape->channel_end - shape->channel_begin;
    for (int64_t position = 0; position < shape->positions; position++) {
        const int64_t row = position * shape->channels + shape->channel_begin;
        const uint8_t *bytes = packed + position * width;
        for (int32_t c = 0; c < width; c++) {
            const uint32_t value = bytes[c] | (uint32_t)bytes[count + c] << 8 | (uint32_t)bytes[2 * count + c] << 16 |
                                   (uint32_t)bytes[3 * count + c] << 24;
            values[row + c] = (value >> 1 ^ sign_mask(value & 1)) + (before == NULL ? 0 : before[row + c]);
        }
    }
}

void snn_integers_unpack(const snn_integers_shape *shape, const uint8_t *packed, const void *before, void *values)
{
    if (before == NULL) {
        unpack(shape, packed, NULL, values);
    } else {
        unpack(shape, packed, before, values);
    }
}
