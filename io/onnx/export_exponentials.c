/* The functions of core/base/functions.h that go through exponentials, operation by operation: a runtime's own Exp
 * or Erf would give other bits. Each function here has the name and the lines of the one there. */
#include <math.h>

#include "io/onnx/export_arithmetic.h"
#include "io/onnx/export_internal.h"

enum { LEAST_EXPONENT = -126, LARGEST_EXPONENT = 127 };

#define SUM        snn_export_sum
#define DIFFERENCE snn_export_difference
#define TIMES      snn_export_times
#define PLUS       snn_export_plus
#define SCALED     snn_export_scaled

static snn_onnx_value magnitude(snn_onnx_build *b, snn_onnx_value x)
{
    return snn_onnx_build_unary(b, "Abs", x);
}

static snn_onnx_value copy_sign(snn_onnx_build *b, snn_onnx_value a, snn_onnx_value sign)
{
    return snn_export_signed(b, sign, snn_onnx_build_unary(b, "Neg", a), a);
}

/* x = n ln 2 + r */
typedef struct reduced {
    snn_onnx_value r, n;
} reduced;

static reduced reduce(snn_onnx_build *b, snn_onnx_value x)
{
    snn_onnx_value n = snn_onnx_build_unary(b, "Round", SCALED(b, x, 1.44269504F));
    snn_onnx_value high = SCALED(b, n, 0.693359375F), low = SCALED(b, n, -2.12194440054e-4F);
    return (reduced){.r = DIFFERENCE(b, DIFFERENCE(b, x, high), low), .n = n};
}

/* 2^n, from a table: powers need not be exact. */
static snn_onnx_value power_of_two(snn_onnx_build *b, snn_onnx_value n)
{
    float powers[LARGEST_EXPONENT - LEAST_EXPONENT + 1];
    const int64_t count = LARGEST_EXPONENT - LEAST_EXPONENT + 1;
    for (int i = 0; i < count; i++) {
        powers[i] = ldexpf(1.0F, LEAST_EXPONENT + i);
    }
    snn_onnx_value index = snn_onnx_build_cast(b, PLUS(b, n, -(float)LEAST_EXPONENT), SNN_ONNX_INT32);
    return snn_onnx_build_binary(b, "Gather", snn_onnx_build_constant(b, SNN_ONNX_FLOAT, 1, &count, powers), index);
}

static snn_onnx_value growth(snn_onnx_build *b, snn_onnx_value r)
{
    snn_onnx_value square = TIMES(b, r, r);
    snn_onnx_value low = snn_export_polynomial(b, r, 2, (const float[]){0.5F, 0.166666478F});
    snn_onnx_value middle = snn_export_polynomial(b, r, 2, (const float[]){0.0416664816F, 0.00833784696F});
    snn_onnx_value high = snn_export_polynomial(b, r, 2, (const float[]){0.0013933389F, 0.000173642678F});
    snn_onnx_value rest = SUM(b, low, TIMES(b, square, SUM(b, middle, TIMES(b, square, high))));
    return SUM(b, r, TIMES(b, square, rest));
}

/* `tail` may be NULL. */
static snn_onnx_value exp_bounded(snn_onnx_build *b, snn_onnx_value x, snn_onnx_value tail)
{
    const reduced of = reduce(b, x);
    snn_onnx_value half = snn_onnx_build_unary(b, "Floor", SCALED(b, of.n, 0.5F));
    snn_onnx_value value = PLUS(b, growth(b, tail != NULL ? SUM(b, of.r, tail) : of.r), 1.0F);
    return TIMES(b, TIMES(b, value, power_of_two(b, half)), power_of_two(b, DIFFERENCE(b, of.n, half)));
}

snn_onnx_value snn_export_exp(snn_onnx_build *b, snn_onnx_value x)
{
    return exp_bounded(b, snn_export_at_most(b, snn_export_at_least(b, x, -104.0F), 89.0F), NULL);
}

/* e^-|x| */
static snn_onnx_value decay(snn_onnx_build *b, snn_onnx_value x)
{
    return exp_bounded(b, snn_onnx_build_unary(b, "Neg", snn_export_at_most(b, magnitude(b, x), 104.0F)), NULL);
}

static snn_onnx_value expm1_of(snn_onnx_build *b, snn_onnx_value x)
{
    const reduced of = reduce(b, snn_export_at_most(b, snn_export_at_least(b, x, -32.0F), 88.0F));
    snn_onnx_value power = power_of_two(b, of.n);
    return SUM(b, TIMES(b, power, growth(b, of.r)), PLUS(b, power, -1.0F));
}

static snn_onnx_value log1p_of(snn_onnx_build *b, snn_onnx_value x)
{
    snn_onnx_value s = snn_export_quotient(b, x, PLUS(b, x, 2.0F)), z = TIMES(b, s, s);
    snn_onnx_value low = snn_export_polynomial(b, z, 2, (const float[]){0.666666746F, 0.399989486F});
    snn_onnx_value high = snn_export_polynomial(b, z, 3, (const float[]){0.286152124F, 0.214438885F, 0.242452279F});
    snn_onnx_value series = SUM(b, low, TIMES(b, TIMES(b, z, z), high));
    return SUM(b, SUM(b, s, s), TIMES(b, TIMES(b, s, z), series));
}

/* The leading 12 bits of a >= 0. There are no operators on bits: the power of two below `a` is guessed by a logarithm,
 * and put right. Where `a` is below 2^-20 it does not matter what comes out. */
static snn_onnx_value head_of(snn_onnx_build *b, snn_onnx_value a)
{
    snn_onnx_value logarithm = snn_onnx_build_unary(b, "Log", snn_export_at_least(b, a, 0x1p-20F));
    snn_onnx_value guess = power_of_two(b, snn_onnx_build_unary(b, "Floor", SCALED(b, logarithm, 1.44269504F)));
    snn_onnx_value over = snn_onnx_build_binary(b, "Greater", guess, a);
    guess = snn_onnx_build_ternary(b, "Where", over, SCALED(b, guess, 0.5F), guess);
    snn_onnx_value twice = SCALED(b, guess, 2.0F);
    guess = snn_onnx_build_ternary(b, "Where", snn_onnx_build_binary(b, "LessOrEqual", twice, a), twice, guess);
    snn_onnx_value unit = SCALED(b, guess, 0x1p-11F);
    return TIMES(b, snn_onnx_build_unary(b, "Floor", snn_export_quotient(b, a, unit)), unit);
}

static snn_onnx_value normal_tail(snn_onnx_build *b, snn_onnx_value a)
{
    static const float above[] = {0.5F, 0.437188417F, 0.182389542F, 0.0403406471F, 0.00407063356F};
    static const float below[] = {1.0F, 1.67226171F, 1.19904697F, 0.467231542F, 0.101125732F, 0.0102034388F};
    snn_onnx_value head = head_of(b, a);
    snn_onnx_value tail = TIMES(b, SCALED(b, DIFFERENCE(b, a, head), -0.5F), SUM(b, a, head));
    snn_onnx_value gauss = exp_bounded(b, TIMES(b, SCALED(b, head, -0.5F), head), tail);
    return TIMES(b, gauss,
                 snn_export_quotient(b, snn_export_polynomial(b, a, 5, above), snn_export_polynomial(b, a, 6, below)));
}

static snn_onnx_value gelu(snn_onnx_build *b, snn_onnx_value x)
{
    snn_onnx_value a = snn_export_at_most(b, magnitude(b, x), 15.0F);
    return DIFFERENCE(b, snn_onnx_build_unary(b, "Relu", x), TIMES(b, a, normal_tail(b, a)));
}

/* x / (1 + e^-u), u of the sign of x */
static snn_onnx_value gated(snn_onnx_build *b, snn_onnx_value x, snn_onnx_value u)
{
    snn_onnx_value e = decay(b, u);
    return snn_export_quotient(b, snn_export_signed(b, x, TIMES(b, x, e), x), PLUS(b, e, 1.0F));
}

static snn_onnx_value gelu_tanh(snn_onnx_build *b, snn_onnx_value x)
{
    snn_onnx_value bounded = snn_export_at_least(b, x, -20.0F);
    snn_onnx_value factor = PLUS(b, SCALED(b, TIMES(b, bounded, bounded), 0.0713548163F), 1.59576912F);
    return gated(b, bounded, TIMES(b, bounded, factor));
}

static snn_onnx_value silu(snn_onnx_build *b, snn_onnx_value x)
{
    snn_onnx_value bounded = snn_export_at_least(b, x, -110.0F);
    return gated(b, bounded, bounded);
}

static snn_onnx_value tanh_of(snn_onnx_build *b, snn_onnx_value x)
{
    snn_onnx_value a = snn_export_at_most(b, magnitude(b, x), 10.0F), e = expm1_of(b, SUM(b, a, a));
    return copy_sign(b, snn_export_quotient(b, e, PLUS(b, e, 2.0F)), x);
}

static snn_onnx_value sigmoid(snn_onnx_build *b, snn_onnx_value x)
{
    snn_onnx_value e = decay(b, x), one = snn_onnx_build_float(b, 1.0F);
    return snn_export_quotient(b, snn_export_signed(b, x, e, one), PLUS(b, e, 1.0F));
}

static snn_onnx_value elu(snn_onnx_build *b, snn_onnx_value x, float alpha)
{
    return snn_export_above(b, x, 0.0F, x, SCALED(b, expm1_of(b, snn_export_at_most(b, x, 0.0F)), alpha));
}

static snn_onnx_value celu(snn_onnx_build *b, snn_onnx_value x, float alpha)
{
    snn_onnx_value divided = snn_export_quotient(b, snn_export_at_most(b, x, 0.0F), snn_onnx_build_float(b, alpha));
    return snn_export_above(b, x, 0.0F, x, SCALED(b, expm1_of(b, divided), alpha));
}

static snn_onnx_value softplus(snn_onnx_build *b, snn_onnx_value x)
{
    return SUM(b, snn_onnx_build_unary(b, "Relu", x), log1p_of(b, decay(b, x)));
}

static snn_onnx_value mish(snn_onnx_build *b, snn_onnx_value x)
{
    snn_onnx_value bounded = snn_export_at_least(b, x, -110.0F), e = decay(b, bounded);
    snn_onnx_value left = TIMES(b, e, PLUS(b, e, 2.0F)), right = PLUS(b, SUM(b, e, e), 1.0F);
    snn_onnx_value numerator = snn_export_signed(b, bounded, left, right);
    snn_onnx_value denominator =
        snn_export_signed(b, bounded, PLUS(b, left, 2.0F), SUM(b, right, SCALED(b, TIMES(b, e, e), 2.0F)));
    return snn_export_quotient(b, TIMES(b, bounded, numerator), denominator);
}

static snn_onnx_value erf_of(snn_onnx_build *b, snn_onnx_value x)
{
    snn_onnx_value a = magnitude(b, x), z = TIMES(b, a, a), fourth = TIMES(b, z, z);
    snn_onnx_value low = snn_export_polynomial(b, z, 2, (const float[]){0.128379166F, -0.37612626F});
    snn_onnx_value middle = snn_export_polynomial(b, z, 2, (const float[]){0.112835787F, -0.0268533472F});
    snn_onnx_value high =
        snn_export_polynomial(b, z, 3, (const float[]){0.0051871622F, -0.000799785252F, 7.80689661e-05F});
    snn_onnx_value inner = SUM(b, low, TIMES(b, fourth, SUM(b, middle, TIMES(b, fourth, high))));
    snn_onnx_value small = SUM(b, a, TIMES(b, a, inner));
    snn_onnx_value tail = normal_tail(b, snn_export_at_most(b, SCALED(b, a, 1.41421356F), 15.0F));
    snn_onnx_value large = DIFFERENCE(b, snn_onnx_build_float(b, 1.0F), SUM(b, tail, tail));
    snn_onnx_value is_small = snn_onnx_build_binary(b, "Less", a, snn_onnx_build_float(b, 1.0F));
    return copy_sign(b, snn_onnx_build_ternary(b, "Where", is_small, small, large), x);
}

snn_onnx_value snn_export_exponential(snn_onnx_build *b, snn_neuron_kind kind, float alpha, float beta,
                                      snn_onnx_value x)
{
    switch (kind) {
    case SNN_NEURON_GELU:
        return gelu(b, x);
    case SNN_NEURON_GELU_TANH:
        return gelu_tanh(b, x);
    case SNN_NEURON_EXP:
        return snn_export_exp(b, x);
    case SNN_NEURON_TANH:
        return tanh_of(b, x);
    case SNN_NEURON_SIGMOID:
        return sigmoid(b, x);
    case SNN_NEURON_SILU:
        return silu(b, x);
    case SNN_NEURON_ELU:
        return elu(b, x, alpha);
    case SNN_NEURON_SELU:
        return SCALED(b, elu(b, x, alpha), beta);
    case SNN_NEURON_CELU:
        return celu(b, x, alpha);
    case SNN_NEURON_SOFTPLUS:
        return softplus(b, x);
    case SNN_NEURON_MISH:
        return mish(b, x);
    case SNN_NEURON_ERF:
        return erf_of(b, x);
    default:
        return NULL;
    }
}
