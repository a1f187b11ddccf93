#include "core/kernels/symbol_planes.h"

#include <string.h>

#ifdef __AVX2__
#include <immintrin.h>
#endif

enum { BYTE_BITS = 8 };

#define LOW_BITS 0x0101010101010101u

#if defined(__AVX512BW__)

enum { MANY_BYTES = 8 }; /* of a plane: a symbol for each bit fills a vector */

static inline __m512i split_many(const uint8_t *planes, size_t frame_bytes, int32_t steps)
{
    __m512i symbols = _mm512_setzero_si512();
    for (int32_t step = 0; step < steps; step++) {
        uint64_t spikes;
        memcpy(&spikes, planes + (size_t)step * frame_bytes, sizeof spikes);
        symbols = _mm512_add_epi8(symbols, symbols);
        symbols = _mm512_mask_add_epi8(symbols, spikes, symbols, _mm512_set1_epi8(1));
    }
    return symbols;
}

static inline void join_many(__m512i symbols, size_t frame_bytes, int32_t steps, uint8_t *planes)
{
    for (int32_t step = 0; step < steps; step++) {
        const uint64_t spikes = _mm512_test_epi8_mask(symbols, _mm512_set1_epi8((char)(1 << (steps - 1 - step))));
        memcpy(planes + (size_t)step * frame_bytes, &spikes, sizeof spikes);
    }
}

typedef __m512i many;

#elif defined(__AVX2__)

enum { MANY_BYTES = 4 };

static inline __m256i split_many(const uint8_t *planes, size_t frame_bytes, int32_t steps)
{
    const __m256i byte = _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0);
    const __m256i bit = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    __m256i symbols = _mm256_setzero_si256();
    for (int32_t step = 0; step < steps; step++) {
        int32_t word;
        memcpy(&word, planes + (size_t)step * frame_bytes, sizeof word);
        const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(word), byte);
        const __m256i spikes = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
        symbols = _mm256_sub_epi8(_mm256_add_epi8(symbols, symbols), spikes);
    }
    return symbols;
}

static inline void join_many(__m256i symbols, size_t frame_bytes, int32_t steps, uint8_t *planes)
{
    for (int32_t step = 0; step < steps; step++) {
        /* The step's bits become the highest of their bytes. */
        const int32_t word = _mm256_movemask_epi8(_mm256_slli_epi16(symbols, BYTE_BITS - steps + step));
        memcpy(planes + (size_t)step * frame_bytes, &word, sizeof word);
    }
}

typedef __m256i many;

#else

enum { MANY_BYTES = 1 };

/* Bit i of a byte to byte i of a word: seven by a product, which cannot carry, and the last. */
static inline uint64_t spread(uint8_t byte)
{
    const uint64_t low = (byte & 0x7fu) * (uint64_t)0x0002040810204081 & LOW_BITS;
    return low | (uint64_t)(byte >> 7) << 56;
}

static inline uint64_t split_many(const uint8_t *planes, size_t frame_bytes, int32_t steps)
{
    uint64_t symbols = 0;
    for (int32_t step = 0; step < steps; step++) {
        symbols = symbols << 1 | spread(planes[(size_t)step * frame_bytes]);
    }
    return symbols;
}

static inline void join_many(uint64_t symbols, size_t frame_bytes, int32_t steps, uint8_t *planes)
{
    for (int32_t step = 0; step < steps; step++) {
        const uint64_t bits = symbols >> (steps - 1 - step) & LOW_BITS;
        planes[(size_t)step * frame_bytes] = (uint8_t)((bits * 0x0102040810204080u) >> 56);
    }
}

typedef uint64_t many; /* the first symbol lowest */

#endif

#ifdef __AVX2__

static inline void store_many(uint8_t *to, many symbols)
{
    memcpy(to, &symbols, sizeof symbols);
}

static inline many load_many(const uint8_t *from)
{
    many symbols;
    memcpy(&symbols, from, sizeof symbols);
    return symbols;
}

#else

static inline void store_many(uint8_t *to, many symbols)
{
    for (int i = 0; i < BYTE_BITS; i++) {
        to[i] = (uint8_t)(symbols >> (BYTE_BITS * i));
    }
}

static inline many load_many(const uint8_t *from)
{
    many symbols = 0;
    for (int i = 0; i < BYTE_BITS; i++) {
        symbols |= (many)from[i] << (BYTE_BITS * i);
    }
    return symbols;
}

#endif

/* Symbols of fewer bytes than a vector takes, one at a time. */
static void split_rest(const uint8_t *planes, size_t frame_bytes, int32_t steps, size_t byte, uint8_t *symbols)
{
    for (size_t n = byte * BYTE_BITS; n < frame_bytes * BYTE_BITS; n++) {
        unsigned symbol = 0;
        for (int32_t step = 0; step < steps; step++) {
            const unsigned spikes = planes[(size_t)step * frame_bytes + n / BYTE_BITS];
            symbol = symbol << 1 | (spikes >> n % BYTE_BITS & 1);
        }
        symbols[n] = (uint8_t)symbol;
    }
}

static void join_rest(const uint8_t *symbols, size_t frame_bytes, int32_t steps, size_t byte, uint8_t *planes)
{
    for (int32_t step = 0; step < steps; step++) {
        for (size_t at = byte; at < frame_bytes; at++) {
            unsigned spikes = 0;
            for (unsigned bit = 0; bit < BYTE_BITS; bit++) {
                spikes |= ((unsigned)symbols[at * BYTE_BITS + bit] >> (steps - 1 - step) & 1) << bit;
            }
            planes[(size_t)step * frame_bytes + at] = (uint8_t)spikes;
        }
    }
}

void snn_symbols_split(const uint8_t *planes, size_t frame_bytes, int32_t steps, uint8_t *symbols)
{
    size_t byte = 0;
    for (; byte + MANY_BYTES <= frame_bytes; byte += MANY_BYTES) {
        store_many(symbols + byte * BYTE_BITS, split_many(planes + byte, frame_bytes, steps));
    }
    split_rest(planes, frame_bytes, steps, byte, symbols);
}

void snn_symbols_join(const uint8_t *symbols, size_t frame_bytes, int32_t steps, uint8_t *planes)
{
    size_t byte = 0;
    for (; byte + MANY_BYTES <= frame_bytes; byte += MANY_BYTES) {
        join_many(load_many(symbols + byte * BYTE_BITS), frame_bytes, steps, planes + byte);
    }
    join_rest(symbols, frame_bytes, steps, byte, planes);
}
