/* Expressions of float32 arrays as ONNX nodes, in short words: what export_functions.c, export_exponentials.c and
 * export_nary.c are written in. An operation with a number takes it as a scalar. */
#ifndef SNN_IO_EXPORT_ARITHMETIC_H
#define SNN_IO_EXPORT_ARITHMETIC_H

#include "io/onnx/onnx_build.h"

snn_onnx_value snn_export_sum(snn_onnx_build *build, snn_onnx_value a, snn_onnx_value b);
snn_onnx_value snn_export_difference(snn_onnx_build *build, snn_onnx_value a, snn_onnx_value b);
snn_onnx_value snn_export_times(snn_onnx_build *build, snn_onnx_value a, snn_onnx_value b);
snn_onnx_value snn_export_quotient(snn_onnx_build *build, snn_onnx_value a, snn_onnx_value b);

snn_onnx_value snn_export_plus(snn_onnx_build *build, snn_onnx_value a, float term);
snn_onnx_value snn_export_scaled(snn_onnx_build *build, snn_onnx_value a, float factor);
snn_onnx_value snn_export_at_least(snn_onnx_build *build, snn_onnx_value a, float low);
snn_onnx_value snn_export_at_most(snn_onnx_build *build, snn_onnx_value a, float high);
/* 1 / a, as -1 / -a: of 1 / a times b optimisers make b / a, which may be rounded otherwise. */
snn_onnx_value snn_export_inverse(snn_onnx_build *build, snn_onnx_value a);

/* x > limit ? above : below, and x < 0 ? negative : other */
snn_onnx_value snn_export_above(snn_onnx_build *build, snn_onnx_value x, float limit, snn_onnx_value above,
                                snn_onnx_value below);
snn_onnx_value snn_export_signed(snn_onnx_build *build, snn_onnx_value x, snn_onnx_value negative,
                                 snn_onnx_value other);

/* c[0] + x (c[1] + x (c[2] + ...)) */
snn_onnx_value snn_export_polynomial(snn_onnx_build *build, snn_onnx_value x, int count, const float *coefficients);

/* `a` in other dimensions; 0: as it is. */
snn_onnx_value snn_export_reshape(snn_onnx_build *build, snn_onnx_value a, int count, const int64_t *dims);
/* Axes 1 and 2 of four swapped. */
snn_onnx_value snn_export_swap(snn_onnx_build *build, snn_onnx_value a);
/* Elements begin, begin + step, ... below `end` along an axis. */
snn_onnx_value snn_export_slice(snn_onnx_build *build, snn_onnx_value a, int64_t axis, int64_t begin, int64_t end,
                                int64_t step);
/* Zeros around an array of four dimensions. */
snn_onnx_value snn_export_pad(snn_onnx_build *build, snn_onnx_value a, const int64_t before[4], const int64_t after[4]);

#endif
