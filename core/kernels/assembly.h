/* What compilers are told in assembly, private to this folder. Tests of other instruction sets have theirs. */
#ifndef SNN_KERNELS_ASSEMBLY_H
#define SNN_KERNELS_ASSEMBLY_H

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

#endif
