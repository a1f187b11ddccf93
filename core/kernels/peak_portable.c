/* The baseline of the build's architecture. On x86-64 that has SSE2, whose multiplication of int16 pairs compilers find
 * in plain C; elsewhere 32-bit multiplications. */
#include "core/kernels/peak.h"

#ifdef __SSE2__

#include <emmintrin.h>

enum { CHAINS = 6, PRODUCTS = 8 };

static void run(int64_t rounds)
{
    __m128i sums[CHAINS];
    __m128i factor = _mm_set1_epi16(3);
    for (int i = 0; i < CHAINS; i++) {
        sums[i] = _mm_setzero_si128();
    }
    for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 6
        for (int i = 0; i < CHAINS; i++) {
            __asm__ volatile("" : "+x"(factor)); /* compilers must not multiply once for all rounds */
            sums[i] = _mm_add_epi32(sums[i], _mm_madd_epi16(factor, factor));
        }
    }
    for (int i = 0; i < CHAINS; i++) {
        __asm__ volatile("" ::"x"(sums[i])); /* nor leave out what nobody reads */
    }
}

#define INSTRUCTION "pmaddwd"

#else

enum { CHAINS = 8, PRODUCTS = 1 };

static void run(int64_t rounds)
{
    uint32_t sums[CHAINS] = {0};
    uint32_t factor = 3;
    for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 8
        for (int i = 0; i < CHAINS; i++) {
            __asm__ volatile("" : "+r"(factor)); /* compilers must not multiply once for all rounds */
            sums[i] += factor * factor;
        }
    }
    for (int i = 0; i < CHAINS; i++) {
        __asm__ volatile("" ::"r"(sums[i])); /* nor leave out what nobody reads */
    }
}

#define INSTRUCTION "32-bit multiply"

#endif

extern const snn_peak snn_peak_portable;

const snn_peak snn_peak_portable = {
    .name = "portable",
    .instruction = INSTRUCTION,
    .bits = 16,
    .products_per_round = CHAINS * PRODUCTS,
    .run = run,
};
