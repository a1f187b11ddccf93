/* core/kernels/assembly.h for AVX-512 in plain C; see immintrin.h beside it. */
#ifndef TESTS_WIDE_ASSEMBLY_H
#define TESTS_WIDE_ASSEMBLY_H

#include <immintrin.h>

#define SNN_OPAQUE(vector) ((void)(vector))

/* One of the two copies does without. */
static inline bool snn_processor_turns_bits(void)
{
#ifdef SNN_TILES
    return false;
#else
    return true;
#endif
}
static inline __m512i snn_multiply_bits(__m512i rows, __m512i bytes)
{
    wide_u8 made = {0};
    for (int i = 0; i < 64; i++) {
        for (int bit = 0; bit < 8; bit++) {
            const int row = ((wide_u8)rows)[i / 8 * 8 + 7 - bit], column = ((wide_u8)bytes)[i];
            made[i] |= (uint8_t)((__builtin_popcount((unsigned)(row & column)) & 1) << bit);
        }
    }
    return (__m512i)made;
}
static inline __m512i snn_permute_bytes(__m512i order, __m512i bytes)
{
    return (__m512i)WIDE_LANES(wide_u8, 64, ((wide_u8)bytes)[((wide_u8)order)[i] & 63]);
}

#endif
