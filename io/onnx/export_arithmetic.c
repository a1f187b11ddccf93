#include "io/onnx/export_arithmetic.h"

snn_onnx_value snn_export_sum(snn_onnx_build *build, snn_onnx_value a, snn_onnx_value b)
{
    return snn_onnx_build_binary(build, "Add", a, b);
}

snn_onnx_value snn_export_difference(snn_onnx_build *build, snn_onnx_value a, snn_onnx_value b)
{
    return snn_onnx_build_binary(build, "Sub", a, b);
}

snn_onnx_value snn_export_times(snn_onnx_build *build, snn_onnx_value a, snn_onnx_value b)
{
    return snn_onnx_build_binary(build, "Mul", a, b);
}

snn_onnx_value snn_export_quotient(snn_onnx_build *build, snn_onnx_value a, snn_onnx_value b)
{
    return snn_onnx_build_binary(build, "Div", a, b);
}

snn_onnx_value snn_export_plus(snn_onnx_build *build, snn_onnx_value a, float term)
{
    return snn_export_sum(build, a, snn_onnx_build_float(build, term));
}

snn_onnx_value snn_export_scaled(snn_onnx_build *build, snn_onnx_value a, float factor)
{
    return snn_export_times(build, a, snn_onnx_build_float(build, factor));
}

snn_onnx_value snn_export_at_least(snn_onnx_build *build, snn_onnx_value a, float low)
{
    return snn_onnx_build_binary(build, "Max", a, snn_onnx_build_float(build, low));
}

snn_onnx_value snn_export_at_most(snn_onnx_build *build, snn_onnx_value a, float high)
{
    return snn_onnx_build_binary(build, "Min", a, snn_onnx_build_float(build, high));
}

snn_onnx_value snn_export_inverse(snn_onnx_build *build, snn_onnx_value a)
{
    return snn_export_quotient(build, snn_onnx_build_float(build, -1.0F), snn_onnx_build_unary(build, "Neg", a));
}

snn_onnx_value snn_export_above(snn_onnx_build *build, snn_onnx_value x, float limit, snn_onnx_value above,
                                snn_onnx_value below)
{
    snn_onnx_value greater = snn_onnx_build_binary(build, "Greater", x, snn_onnx_build_float(build, limit));
    return snn_onnx_build_ternary(build, "Where", greater, above, below);
}

snn_onnx_value snn_export_signed(snn_onnx_build *build, snn_onnx_value x, snn_onnx_value negative, snn_onnx_value other)
{
    snn_onnx_value less = snn_onnx_build_binary(build, "Less", x, snn_onnx_build_float(build, 0.0F));
    return snn_onnx_build_ternary(build, "Where", less, negative, other);
}

snn_onnx_value snn_export_polynomial(snn_onnx_build *build, snn_onnx_value x, int count, const float *coefficients)
{
    snn_onnx_value sum = snn_onnx_build_float(build, coefficients[count - 1]);
    for (int i = count - 2; i >= 0; i--) {
        sum = snn_export_plus(build, snn_export_times(build, x, sum), coefficients[i]);
    }
    return sum;
}

snn_onnx_value snn_export_reshape(snn_onnx_build *build, snn_onnx_value a, int count, const int64_t *dims)
{
    return snn_onnx_build_binary(build, "Reshape", a, snn_onnx_build_integers(build, count, dims));
}

snn_onnx_value snn_export_slice(snn_onnx_build *build, snn_onnx_value a, int64_t axis, int64_t begin, int64_t end,
                                int64_t step)
{
    return snn_onnx_build_node(
        build, "Slice", 5,
        (const snn_onnx_value[]){a, snn_onnx_build_integers(build, 1, &begin), snn_onnx_build_integers(build, 1, &end),
                                 snn_onnx_build_integers(build, 1, &axis), snn_onnx_build_integers(build, 1, &step)});
}

snn_onnx_value snn_export_pad(snn_onnx_build *build, snn_onnx_value a, const int64_t before[4], const int64_t after[4])
{
    const int64_t pads[] = {before[0], before[1], before[2], before[3], after[0], after[1], after[2], after[3]};
    return snn_onnx_build_binary(build, "Pad", a, snn_onnx_build_integers(build, 8, pads));
}

snn_onnx_value snn_export_swap(snn_onnx_build *build, snn_onnx_value a)
{
    static const int64_t order[4] = {0, 2, 1, 3};
    snn_onnx_value swapped = snn_onnx_build_unary(build, "Transpose", a);
    snn_onnx_build_integers_attribute(build, "perm", 4, order);
    return swapped;
}
