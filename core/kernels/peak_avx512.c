#include "core/kernels/peak.h"

#include <immintrin.h>

/* As many chains as cover the latency of five cycles of two units. */
enum { CHAINS = 12, PRODUCTS = 32 };

static void run(int64_t rounds)
{
    __m512i sums[CHAINS];
    __m512i factor = _mm512_set1_epi16(3);
    for (int i = 0; i < CHAINS; i++) {
        sums[i] = _mm512_setzero_si512();
    }
    for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) {
            __asm__ volatile("" : "+v"(factor)); /* compilers must not multiply once for all rounds */
            sums[i] = _mm512_dpwssd_epi32(sums[i], factor, factor);
        }
    }
    for (int i = 0; i < CHAINS; i++) {
        __asm__ volatile("" ::"v"(sums[i])); /* nor leave out what nobody reads */
    }
}

extern const snn_peak snn_peak_avx512;

const snn_peak snn_peak_avx512 = {
    .name = "avx512",
    .instruction = "vpdpwssd",
    .bits = 16,
    .products_per_round = CHAINS * PRODUCTS,
    .run = run,
};
