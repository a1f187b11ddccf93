#include "core/kernels/peak.h"

#include <immintrin.h>

/* As many chains as cover the latency of five cycles of two units. `multiply` is an intrinsic. Compilers must neither
 * multiply once for all rounds, nor leave out what nobody reads. */
enum { CHAINS = 12 };

#define RUN(name, multiply)                                                                                            \
    static void name(int64_t rounds)                                                                                   \
    {                                                                                                                  \
        __m512i sums[CHAINS];                                                                                          \
        __m512i factor = _mm512_set1_epi8(3);                                                                          \
        for (int i = 0; i < CHAINS; i++) {                                                                             \
            sums[i] = _mm512_setzero_si512();                                                                          \
        }                                                                                                              \
        for (int64_t round = 0; round < rounds; round++) {                                                             \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++)                                                  \
            {                                                                                                          \
                __asm__ volatile("" : "+v"(factor));                                                                   \
                sums[i] = multiply(sums[i], factor, factor);                                                           \
            }                                                                                                          \
        }                                                                                                              \
        for (int i = 0; i < CHAINS; i++) {                                                                             \
            __asm__ volatile("" ::"v"(sums[i]));                                                                       \
        }                                                                                                              \
    }

RUN(run_pairs, _mm512_dpwssd_epi32)
RUN(run_bytes, _mm512_dpbusd_epi32)

extern const snn_peak snn_peak_avx512, snn_peak_avx512_bytes;

const snn_peak snn_peak_avx512 = {
    .name = "avx512",
    .instruction = "vpdpwssd",
    .bits = 16,
    .products_per_round = CHAINS * 32,
    .run = run_pairs,
};

const snn_peak snn_peak_avx512_bytes = {
    .name = "avx512",
    .instruction = "vpdpbusd",
    .bits = 8,
    .products_per_round = CHAINS * 64,
    .run = run_bytes,
};
