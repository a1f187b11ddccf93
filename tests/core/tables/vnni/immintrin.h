/* The two instructions of AVX-VNNI that core/kernels uses, by those of AVX2, so that its kernels are tested on any
 * machine with AVX2. Found before the compiler's own header, of which the rest remains. */
#ifndef TESTS_VNNI_IMMINTRIN_H
#define TESTS_VNNI_IMMINTRIN_H

#pragma GCC system_header /* the compiler's own may be macros */
#include_next <immintrin.h>

#include <stdint.h>

#define __AVXVNNI__ 1

#define _mm256_dpwssd_avx_epi32 vnni_dpwssd
#define _mm256_dpbusd_avx_epi32 vnni_dpbusd

static inline __m256i vnni_dpwssd(__m256i sum, __m256i a, __m256i b)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}
/* Even and odd bytes as 16-bit values, of a without and of b with their sign. */
static inline __m256i vnni_dpbusd(__m256i sum, __m256i a, __m256i b)
{
    const __m256i a_even = _mm256_and_si256(a, _mm256_set1_epi16(UINT8_MAX)), a_odd = _mm256_srli_epi16(a, 8);
    const __m256i b_even = _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8), b_odd = _mm256_srai_epi16(b, 8);
    const __m256i even = _mm256_madd_epi16(a_even, b_even), odd = _mm256_madd_epi16(a_odd, b_odd);
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}

#endif
