#include "core/kernels/symbol_planes.h"

#include <string.h>

#include "core/kernels/planes.h"
#include "core/kernels/symbols.h"

/* As many bytes of a plane as have bits for the bytes of a vector. Words of planes are read, so that the last bytes are
 * copied to where that many are. */
enum { PLANE_BYTES = SNN_VECTOR_BYTES / SNN_BITS, WORD = sizeof(uint64_t) };

void snn_symbols_split(const uint8_t *planes, size_t frame_bytes, int32_t steps, uint8_t *symbols)
{
    snn_vector_bytes amounts[SNN_SYMBOL_STEPS];
    for (int32_t step = 0; step < steps; step++) {
        amounts[step] = (snn_vector_bytes){0} + (uint8_t)(1 << (steps - 1 - step));
    }
    size_t byte = 0;
    for (; byte + WORD <= frame_bytes; byte += PLANE_BYTES) {
        const snn_vector_bytes made = snn_planes_add(planes + byte, (int64_t)frame_bytes, 0, amounts, steps);
        memcpy(symbols + byte * SNN_BITS, &made, sizeof made);
    }
    const size_t left = frame_bytes - byte;
    uint8_t last[SNN_SYMBOL_STEPS][2 * WORD] = {{0}}, last_symbols[WORD * SNN_BITS];
    for (int32_t step = 0; step < steps; step++) {
        memcpy(last[step], planes + (size_t)step * frame_bytes + byte, left);
    }
    for (size_t at = 0; at < left; at += PLANE_BYTES) {
        const snn_vector_bytes made = snn_planes_add(&last[0][at], sizeof last[0], 0, amounts, steps);
        memcpy(last_symbols + at * SNN_BITS, &made, sizeof made);
    }
    memcpy(symbols + byte * SNN_BITS, last_symbols, left * SNN_BITS);
}

/* A vector's symbols into `bytes` bytes of each plane. */
static inline void join_some(const uint8_t *symbols, size_t frame_bytes, int32_t steps, size_t bytes, uint8_t *planes)
{
    snn_vector_bytes bits;
    memcpy(&bits, symbols, sizeof bits);
    for (bits <<= SNN_SYMBOL_STEPS - steps; steps > 0; steps--, planes += frame_bytes, bits += bits) {
        const uint64_t word = snn_vector_highest_bits(bits);
        memcpy(planes, &word, bytes);
    }
}

void snn_symbols_join(const uint8_t *symbols, size_t frame_bytes, int32_t steps, uint8_t *planes)
{
    size_t byte = 0;
    for (; byte + PLANE_BYTES <= frame_bytes; byte += PLANE_BYTES) {
        join_some(symbols + byte * SNN_BITS, frame_bytes, steps, PLANE_BYTES, planes + byte);
    }
    uint8_t last[SNN_VECTOR_BYTES] = {0};
    memcpy(last, symbols + byte * SNN_BITS, (frame_bytes - byte) * SNN_BITS);
    join_some(last, frame_bytes, steps, frame_bytes - byte, planes + byte);
}
