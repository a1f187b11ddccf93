/* The float32 matrix product of the trained network: C[m][n] += A[m][k] B[k][n].
 *
 * Every element of C is summed over k in ascending order, starting from the value that C holds, with a separate
 * multiply and add. The blocking only decides which elements are summed side by side, so the result is the same for
 * every instruction set and block size, bit for bit.
 *
 * B is read in panels of SNN_GEMM_PANEL columns that a pack function fills: a stored matrix (snn_gemm), a transposed
 * one (snn_gemm_transposed), or something that never exists as a matrix, such as the windows of a convolution
 * (snn_gemm_packed). Strides count elements. No function here allocates.
 */
#ifndef SNN_GRAPH_GEMM_H
#define SNN_GRAPH_GEMM_H

#include <stdint.h>

enum {
    SNN_GEMM_PANEL = 64,  /* columns of B in one panel */
    SNN_GEMM_DEPTH = 128, /* rows of B in one panel, at most: a panel fits the first-level cache */
};

/* Writes B[row .. row + rows)[column .. column + columns) to `panel` [rows][SNN_GEMM_PANEL]. Columns behind `columns`
 * may be left as they are. */
typedef void (*snn_gemm_pack)(const void *source, int64_t row, int32_t rows, int64_t column, int32_t columns,
                              float *panel);

/* C[m][n] += A[m][k] B[k][n]. */
void snn_gemm(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride, const float *b, int64_t b_stride,
              float *c, int64_t c_stride);

/* C[m][n] += A[m][k] B[n][k] transposed: B as dense layers store it, one row per output. */
void snn_gemm_transposed(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride, const float *b,
                         int64_t b_stride, float *c, int64_t c_stride);

/* C[m][n] += A[m][k] B[k][n], where `pack` gives the panels of B from `source`. */
void snn_gemm_packed(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_stride, snn_gemm_pack pack,
                     const void *source, float *c, int64_t c_stride);

#endif
