#include "comm/planes.h"

#include <stdbool.h>
#include <string.h>

/* Bits moved at once: any 56 bits lie within the 8 bytes that begin at the byte of the first one. */
enum { CHUNK_BITS = 56, WORD_BYTES = 8 };

/* The little-endian word at `at`, of which only `available` bytes may be read (the rest is 0). */
static inline uint64_t load_word(const uint8_t *at, size_t available)
{
    if (available >= WORD_BYTES) {
        /* Written out so that compilers make it one load. */
        return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
               (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
    }
    uint64_t word = 0;
    for (size_t i = 0; i < available; i++) {
        word |= (uint64_t)at[i] << (8 * i);
    }
    return word;
}

static inline void store_word(uint8_t *at, size_t available, uint64_t word)
{
    if (available >= WORD_BYTES) {
        at[0] = (uint8_t)word;
        at[1] = (uint8_t)(word >> 8);
        at[2] = (uint8_t)(word >> 16);
        at[3] = (uint8_t)(word >> 24);
        at[4] = (uint8_t)(word >> 32);
        at[5] = (uint8_t)(word >> 40);
        at[6] = (uint8_t)(word >> 48);
        at[7] = (uint8_t)(word >> 56);
        return;
    }
    for (size_t i = 0; i < available; i++) {
        at[i] = (uint8_t)(word >> (8 * i));
    }
}

/* `count` <= CHUNK_BITS bits from bit `first` of an array of `bytes` bytes. */
static inline uint64_t read_bits(const uint8_t *array, size_t bytes, size_t first, unsigned count)
{
    size_t byte = first / 8;
    return (load_word(array + byte, bytes - byte) >> (first % 8)) & (((uint64_t)1 << count) - 1);
}

static inline void write_bits(uint8_t *array, size_t bytes, size_t first, unsigned count, uint64_t value)
{
    size_t byte = first / 8;
    uint64_t mask = (((uint64_t)1 << count) - 1) << (first % 8);
    uint64_t word = load_word(array + byte, bytes - byte);
    store_word(array + byte, bytes - byte, (word & ~mask) | (value << (first % 8)));
}

static size_t range_channels(const snn_plane_shape *shape)
{
    return (size_t)(shape->channel_end - shape->channel_begin);
}

size_t snn_plane_packed_bytes(const snn_plane_shape *shape)
{
    return ((size_t)shape->positions * range_channels(shape) + 7) / 8;
}

static size_t rows_bytes(const snn_plane_shape *shape)
{
    return (size_t)shape->positions * (size_t)shape->row_bytes;
}

static bool whole_bytes(const snn_plane_shape *shape)
{
    return shape->channel_begin % 8 == 0 && shape->channel_end % 8 == 0;
}

static inline __attribute__((always_inline)) void copy_each(uint8_t *restrict to, size_t to_stride,
                                                            const uint8_t *restrict from, size_t from_stride,
                                                            size_t bytes, int64_t positions)
{
    for (int64_t position = 0; position < positions; position++) {
        memcpy(to + (size_t)position * to_stride, from + (size_t)position * from_stride, bytes);
    }
}

/* Copies `bytes` bytes per position between arrays whose positions lie `from_stride` and `to_stride` bytes apart. Rows
 * of layers cut into shards are a few bytes long: a call for each would take longer than its copy. */
static void copy_rows(uint8_t *restrict to, size_t to_stride, const uint8_t *restrict from, size_t from_stride,
                      size_t bytes, int64_t positions)
{
    if (to_stride == bytes && from_stride == bytes) {
        memcpy(to, from, bytes * (size_t)positions);
        return;
    }
    switch (bytes) {
    case 1:
        copy_each(to, to_stride, from, from_stride, 1, positions);
        break;
    case 2:
        copy_each(to, to_stride, from, from_stride, 2, positions);
        break;
    case 4:
        copy_each(to, to_stride, from, from_stride, 4, positions);
        break;
    case 8:
        copy_each(to, to_stride, from, from_stride, 8, positions);
        break;
    default:
        copy_each(to, to_stride, from, from_stride, bytes, positions);
        break;
    }
}

void snn_plane_pack(const snn_plane_shape *shape, const uint8_t *restrict rows, uint8_t *restrict packed)
{
    size_t channels = range_channels(shape);
    size_t stride = (size_t)shape->row_bytes;
    if (whole_bytes(shape)) {
        copy_rows(packed, channels / 8, rows + shape->channel_begin / 8, stride, channels / 8, shape->positions);
        return;
    }
    size_t available = rows_bytes(shape);
    uint8_t *end = packed + snn_plane_packed_bytes(shape);
    uint64_t pending = 0; /* bits that do not fill a byte yet, fewer than 8 of them */
    unsigned filled = 0;
    for (int64_t position = 0; position < shape->positions; position++) {
        size_t first = (size_t)position * stride * 8 + (size_t)shape->channel_begin;
        for (size_t done = 0; done < channels; done += CHUNK_BITS) {
            unsigned count = channels - done < CHUNK_BITS ? (unsigned)(channels - done) : CHUNK_BITS;
            pending |= read_bits(rows, available, first + done, count) << filled;
            filled += count;
            store_word(packed, (size_t)(end - packed), pending);
            packed += filled / 8;
            pending >>= filled & ~7u;
            filled %= 8;
        }
    }
}

void snn_plane_unpack(const snn_plane_shape *shape, const uint8_t *restrict packed, uint8_t *restrict rows)
{
    size_t channels = range_channels(shape);
    size_t stride = (size_t)shape->row_bytes;
    if (whole_bytes(shape)) {
        copy_rows(rows + shape->channel_begin / 8, stride, packed, channels / 8, channels / 8, shape->positions);
        return;
    }
    size_t available = rows_bytes(shape);
    size_t packed_bytes = snn_plane_packed_bytes(shape);
    size_t from = 0; /* bit of packed */
    for (int64_t position = 0; position < shape->positions; position++) {
        size_t first = (size_t)position * stride * 8 + (size_t)shape->channel_begin;
        for (size_t done = 0; done < channels; done += CHUNK_BITS) {
            unsigned count = channels - done < CHUNK_BITS ? (unsigned)(channels - done) : CHUNK_BITS;
            write_bits(rows, available, first + done, count, read_bits(packed, packed_bytes, from, count));
            from += count;
        }
    }
}

/* ---- windows ---- */

enum { NEURONS = 512 }; /* at once */

/* Bit j of byte i becomes bit i of byte j (Warren, Hacker's Delight, 7-3). */
static inline uint64_t turned(uint64_t x)
{
    uint64_t t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aaU;
    x ^= t ^ (t << 7);
    t = (x ^ (x >> 14)) & 0x0000cccc0000ccccU;
    x ^= t ^ (t << 14);
    t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0U;
    return x ^ t ^ (t << 28);
}

/* Bytes of `count` neurons, zeros behind them, into the planes' next bytes. */
static void turn(const uint8_t *neurons, size_t count, int32_t steps, size_t apart, uint8_t *packed)
{
    for (size_t i = 0; i < count; i += WORD_BYTES, packed++) {
        const uint64_t planes = turned(load_word(neurons + i, WORD_BYTES));
        for (int32_t step = 0; step < steps; step++) {
            packed[(size_t)step * apart] = (uint8_t)(planes >> (8 * (steps - 1 - step)));
        }
    }
}

static void turn_back(const uint8_t *packed, size_t count, int32_t steps, size_t apart, uint8_t *neurons)
{
    for (size_t i = 0; i < count; i += WORD_BYTES, packed++) {
        uint64_t planes = 0;
        for (int32_t step = 0; step < steps; step++) {
            planes |= (uint64_t)packed[(size_t)step * apart] << (8 * (steps - 1 - step));
        }
        store_word(neurons + i, WORD_BYTES, turned(planes));
    }
}

/* Where in the rows neuron n of the range is, and how many of those from it on lie side by side. */
static size_t place_of(const snn_plane_shape *shape, size_t n, size_t *beside)
{
    const size_t channels = range_channels(shape), stride = (size_t)shape->row_bytes;
    if (channels == stride) {
        *beside = (size_t)shape->positions * channels - n;
        return n;
    }
    *beside = channels - n % channels;
    return n / channels * stride + (size_t)shape->channel_begin + n % channels;
}

void snn_plane_pack_windows(const snn_plane_shape *shape, const uint8_t *restrict rows, int32_t steps, size_t apart,
                            uint8_t *restrict packed)
{
    const size_t all = (size_t)shape->positions * range_channels(shape);
    for (size_t first = 0; first < all; first += NEURONS) {
        uint8_t neurons[NEURONS];
        const size_t count = all - first < NEURONS ? all - first : NEURONS;
        for (size_t n = 0, beside; n < count; n += beside) {
            const size_t place = place_of(shape, first + n, &beside);
            beside = beside < count - n ? beside : count - n;
            memcpy(neurons + n, rows + place, beside);
        }
        memset(neurons + count, 0, NEURONS - count);
        turn(neurons, count, steps, apart, packed + first / WORD_BYTES);
    }
}

void snn_plane_unpack_windows(const snn_plane_shape *shape, const uint8_t *restrict packed, int32_t steps, size_t apart,
                              uint8_t *restrict rows)
{
    const size_t all = (size_t)shape->positions * range_channels(shape);
    for (size_t first = 0; first < all; first += NEURONS) {
        uint8_t neurons[NEURONS];
        const size_t count = all - first < NEURONS ? all - first : NEURONS;
        turn_back(packed + first / WORD_BYTES, count, steps, apart, neurons);
        for (size_t n = 0, beside; n < count; n += beside) {
            const size_t place = place_of(shape, first + n, &beside);
            beside = beside < count - n ? beside : count - n;
            memcpy(rows + place, neurons + n, beside);
        }
    }
}
