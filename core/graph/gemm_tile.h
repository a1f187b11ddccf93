/* The register tile of snn_gemm: one source file, compiled once per instruction set. */
#ifndef SNN_GRAPH_GEMM_TILE_H
#define SNN_GRAPH_GEMM_TILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/graph/gemm.h"

enum {
    SNN_GEMM_ROWS = 4,     /* rows of C in one tile, at most */
    SNN_GEMM_COLUMNS = 16, /* a tile's columns are a multiple of this */
};

/* C[rows][columns] += A[rows][depth] panel[depth][SNN_GEMM_PANEL]; 1 <= rows <= SNN_GEMM_ROWS; columns a multiple of
 * SNN_GEMM_COLUMNS, at most SNN_GEMM_PANEL. `panel` is aligned to 64 bytes. */
typedef void (*snn_gemm_tile)(int32_t rows, int32_t columns, int32_t depth, const float *a, int64_t a_stride,
                              const float *panel, float *c, int64_t c_stride);

void snn_gemm_tile_portable(int32_t rows, int32_t columns, int32_t depth, const float *a, int64_t a_stride,
                            const float *panel, float *c, int64_t c_stride);
void snn_gemm_tile_avx2(int32_t rows, int32_t columns, int32_t depth, const float *a, int64_t a_stride,
                        const float *panel, float *c, int64_t c_stride);
void snn_gemm_tile_avx512(int32_t rows, int32_t columns, int32_t depth, const float *a, int64_t a_stride,
                          const float *panel, float *c, int64_t c_stride);

typedef struct snn_gemm_variant {
    const char *name;
    bool supported; /* by this processor */
    snn_gemm_tile tile;
} snn_gemm_variant;

/* Fills `variants` with those built in, slowest first, and returns how many there are. The first runs everywhere. */
enum { SNN_GEMM_VARIANTS = 3 };
int snn_gemm_variants(snn_gemm_variant variants[SNN_GEMM_VARIANTS]);

/* snn_gemm_packed with a tile of the caller's choice: tests compare the variants. */
void snn_gemm_with_tile(snn_gemm_tile tile, int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride,
                        snn_gemm_pack pack, const void *source, float *c, int64_t c_stride);

#endif
