/* core/kernels/assembly.h for AVX-512 in plain C; see immintrin.h beside it. */
#ifndef TESTS_WIDE_ASSEMBLY_H
#define TESTS_WIDE_ASSEMBLY_H

#include <immintrin.h>

#define SNN_OPAQUE(vector) ((void)(vector))

#endif
