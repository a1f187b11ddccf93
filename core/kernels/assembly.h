/* Instructions that have no intrinsic in a copy of the kernels, private to this folder. Tests have theirs in plain C.
 */
#ifndef SNN_KERNELS_ASSEMBLY_H
#define SNN_KERNELS_ASSEMBLY_H

#include <stdbool.h>

/* Compilers know nothing more of the vector. */
#ifdef __SSE2__
#include <immintrin.h>
#define SNN_OPAQUE(vector) __asm__ volatile("" : "+v"(vector))
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define SNN_NEON
#define SNN_OPAQUE(vector) __asm__ volatile("" : "+w"(vector))
#else
#define SNN_OPAQUE(vector) __asm__ volatile("" : "+r"(vector))
#endif

#ifdef __AVX512F__

/* Whether the processor has the two below, for which this instruction set does not ask. */
static inline bool snn_processor_turns_bits(void)
{
    return __builtin_cpu_supports("gfni") && __builtin_cpu_supports("avx512vbmi");
}
/* Each byte as a column of bits, multiplied by the matrix whose row i is byte 7 - i of the same 8 bytes of `rows`. */
static inline __m512i snn_multiply_bits(__m512i rows, __m512i bytes)
{
    __asm__("vgf2p8affineqb $0, %1, %2, %0" : "=v"(bytes) : "v"(rows), "v"(bytes));
    return bytes;
}
/* Byte i is bytes[order[i]]. */
static inline __m512i snn_permute_bytes(__m512i order, __m512i bytes)
{
    __asm__("vpermb %1, %2, %0" : "=v"(bytes) : "v"(bytes), "v"(order));
    return bytes;
}

#endif

#endif
