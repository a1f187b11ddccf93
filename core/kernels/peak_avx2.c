#include "core/kernels/peak.h"

#include <immintrin.h>

enum { CHAINS = 8, PRODUCTS = 16 };

static void run(int64_t rounds)
{
    __m256i sums[CHAINS];
    __m256i factor = _mm256_set1_epi16(3);
    for (int i = 0; i < CHAINS; i++) {
        sums[i] = _mm256_setzero_si256();
    }
    for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 8
        for (int i = 0; i < CHAINS; i++) {
            __asm__ volatile("" : "+x"(factor)); /* compilers must not multiply once for all rounds */
            sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(factor, factor));
        }
    }
    for (int i = 0; i < CHAINS; i++) {
        __asm__ volatile("" ::"x"(sums[i])); /* nor leave out what nobody reads */
    }
}

extern const snn_peak snn_peak_avx2;

const snn_peak snn_peak_avx2 = {
    .name = "avx2",
    .instruction = "vpmaddwd",
    .bits = 16,
    .products_per_round = CHAINS * PRODUCTS,
    .run = run,
};
