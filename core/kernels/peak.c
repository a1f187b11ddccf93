/* Compiled once per instruction set, as portable.h says. */
#include "core/kernels/peak.h"

#include "core/kernels/matrix.h"
#include "core/kernels/words.h"

#ifdef SNN_TILES

static const snn_peak of_bytes = {"tdpbusd", 8, SNN_TILES_PRODUCTS, snn_tiles_run};

const snn_peak *const snn_peaks[] = {&of_bytes, &of_bytes};

#else

/* As many chains as products of matrices have: they cover the latency of a product. */
enum { CHAINS = ROWS_OF_1, PAIRS = CHAINS * WIDTH * 2, BYTES = CHAINS * WIDTH * 4 };

static inline __attribute__((always_inline)) void run(int64_t rounds, const bool bytes)
{
    vector sums[CHAINS], factor = repeat_word(0x01010101);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) {
        sums[i] = repeat_word(0);
    }
    for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++) {
            factor = opaque(factor); /* compilers must not multiply once for all rounds */
            sums[i] = bytes ? add_quads(sums[i], factor, factor) : add_pairs(sums[i], factor, factor);
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) {
        (void)opaque(sums[i]); /* nor leave out what nobody reads */
    }
}

static void run_pairs(int64_t rounds)
{
    run(rounds, false);
}

static void run_bytes(int64_t rounds)
{
    run(rounds, true);
}

static const snn_peak of_pairs = {PAIRS_INSTRUCTION, 16, PAIRS, run_pairs};
static const snn_peak of_bytes = {BYTES_INSTRUCTION, 8, BYTES, run_bytes};

const snn_peak *const snn_peaks[] = {&of_pairs, BYTE_LARGEST == UINT8_MAX ? &of_bytes : &of_pairs};

#endif
