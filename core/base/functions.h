/* The program's own functions of one variable, in float32: the nonlinearities of neurons, in kernels as in the
 * evaluation of the trained network, so that neither depends on the C library.
 *
 * Each is a short sequence of + - * /, square roots, comparisons, selects and moves of bits, without branches or calls:
 * in a loop over lanes compilers make vector code of it, and since IEEE 754 leaves no choice in the result of any of
 * these (and nothing is contracted), scalar and vector code of every instruction set give the same bits.
 *
 * NaN gives NaN. Infinities give the limit of f, zeros f(0), but a zero as result may have either sign. The comments
 * say how large the error can be, in ulp: units in the last place of the result, or of 2^-116 if that is larger. They
 * are what test_functions.c checks against long double.
 */
#ifndef SNN_BASE_FUNCTIONS_H
#define SNN_BASE_FUNCTIONS_H

#include <stdint.h>
#include <string.h>

/* Whatever the compiler thinks of their size: a call in a loop would keep it from becoming vector code. */
#define SNN_FUNCTION static inline __attribute__((always_inline))

SNN_FUNCTION uint32_t snn_function_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

SNN_FUNCTION float snn_function_from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

SNN_FUNCTION float snn_function_abs(float x)
{
    return snn_function_from_bits(snn_function_bits(x) & 0x7FFFFFFFU);
}

SNN_FUNCTION float snn_function_copy_sign(float magnitude, float sign)
{
    return snn_function_from_bits(snn_function_bits(magnitude) | (snn_function_bits(sign) & 0x80000000U));
}

/* max(x, low) and min(x, high), NaN where x is. */
SNN_FUNCTION float snn_function_at_least(float x, float low)
{
    return x < low ? low : x;
}

SNN_FUNCTION float snn_function_at_most(float x, float high)
{
    return x > high ? high : x;
}

/* x = n ln 2 + r with |r| <= ln 2 / 2; |x| < 2^8. */
typedef struct snn_function_reduced {
    float r;
    uint32_t n; /* two's complement; anything where x is NaN */
} snn_function_reduced;

SNN_FUNCTION snn_function_reduced snn_function_reduce(float x)
{
    const float round = 12582912.0F;                           /* 1.5 2^23: floats near it are integers */
    const float high = 0.693359375F, low = -2.12194440054e-4F; /* ln 2 in two parts; n high is exact */
    const float shifted = x * 1.44269504F + round;
    const float n = shifted - round;
    return (snn_function_reduced){.r = (x - n * high) - n * low,
                                  .n = snn_function_bits(shifted) - snn_function_bits(round)};
}

/* 2^n for n in [-126, 127]. */
SNN_FUNCTION float snn_function_power_of_two(uint32_t n)
{
    return snn_function_from_bits((n + 127U) << 23);
}

/* e^r - 1 for |r| <= 0.41; the polynomial's error is below 2^-29. */
SNN_FUNCTION float snn_function_growth(float r)
{
    const float square = r * r;
    const float low = 0.5F + r * 0.166666478F, middle = 0.0416664816F + r * 0.00833784696F;
    const float high = 0.0013933389F + r * 0.000173642678F;
    return r + square * (low + square * (middle + square * high));
}

/* e^(x + tail) for |x| < 150, |tail| < 1/16: the tail is what x lacks of a number with more than 24 bits. */
SNN_FUNCTION float snn_function_exp_bounded(float x, float tail)
{
    const snn_function_reduced reduced = snn_function_reduce(x);
    /* 2^n in two factors, so that infinity and the numbers below 2^-126 are reached by rounding. */
    const uint32_t half = (uint32_t)((int32_t)reduced.n >> 1);
    const float value = 1.0F + snn_function_growth(reduced.r + tail);
    return value * snn_function_power_of_two(half) * snn_function_power_of_two(reduced.n - half);
}

/* e^x: 1 ulp. */
SNN_FUNCTION float snn_function_exp(float x)
{
    return snn_function_exp_bounded(snn_function_at_most(snn_function_at_least(x, -104.0F), 89.0F), 0.0F);
}

/* e^-|x|: 1 ulp. */
SNN_FUNCTION float snn_function_decay(float x)
{
    return snn_function_exp_bounded(-snn_function_at_most(snn_function_abs(x), 104.0F), 0.0F);
}

/* e^x - 1: 2 ulp. x up to 88; what is above counts as 88. */
SNN_FUNCTION float snn_function_expm1(float x)
{
    const float bounded = snn_function_at_most(snn_function_at_least(x, -32.0F), 88.0F);
    const snn_function_reduced reduced = snn_function_reduce(bounded);
    const float power = snn_function_power_of_two(reduced.n);
    return power * snn_function_growth(reduced.r) + (power - 1.0F);
}

/* ln(1 + x) for x in [0, 1]: 2 ulp. The series of 2 artanh(x / (2 + x)). */
SNN_FUNCTION float snn_function_log1p(float x)
{
    const float s = x / (2.0F + x), z = s * s;
    const float low = 0.666666746F + z * 0.399989486F, high = 0.286152124F + z * (0.214438885F + z * 0.242452279F);
    return (s + s) + s * z * (low + z * z * high);
}

/* The normal distribution's share beyond a, Phi(-a), for a in [0, 15]: 8 ulp, also where it is tiny.
 * e^(-a^2 / 2) times a quotient of polynomials with positive coefficients (its error is below 2^-26). The square is
 * taken in two parts, a 12-bit one that is exact and the rest. */
SNN_FUNCTION float snn_function_normal_tail(float a)
{
    const float head = snn_function_from_bits(snn_function_bits(a) & 0xFFFFF000U);
    const float gauss = snn_function_exp_bounded(-0.5F * head * head, -0.5F * (a - head) * (a + head));
    const float numerator = 0.5F + a * (0.437188417F + a * (0.182389542F + a * (0.0403406471F + a * 0.00407063356F)));
    const float denominator =
        1.0F + a * (1.67226171F + a * (1.19904697F + a * (0.467231542F + a * (0.101125732F + a * 0.0102034388F))));
    return gauss * (numerator / denominator);
}

/* max(x, 0): exact. */
SNN_FUNCTION float snn_function_relu(float x)
{
    return snn_function_at_least(x, 0.0F);
}

/* x > 0 ? x : alpha x: 1/2 ulp. */
SNN_FUNCTION float snn_function_leaky_relu(float alpha, float x)
{
    return x > 0.0F ? x : alpha * x;
}

/* x Phi(x) = max(x, 0) - |x| Phi(-|x|): 9 ulp, on either side of 0. */
SNN_FUNCTION float snn_function_gelu(float x)
{
    const float a = snn_function_at_most(snn_function_abs(x), 15.0F);
    return snn_function_relu(x) - a * snn_function_normal_tail(a);
}

/* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 = x / (1 + e^-u), u twice the tanh's argument: 3 ulp for x >= -1,
 * absolute 2^-24 below. */
SNN_FUNCTION float snn_function_gelu_tanh(float x)
{
    const float bounded = snn_function_at_least(x, -20.0F); /* where it is 0 */
    const float u = bounded * (1.59576912F + 0.0713548163F * (bounded * bounded));
    const float e = snn_function_decay(u);
    return (bounded < 0.0F ? bounded * e : bounded) / (1.0F + e);
}

/* x^2: 1/2 ulp. */
SNN_FUNCTION float snn_function_square(float x)
{
    return x * x;
}

/* Square root of max(x, 0): 1/2 ulp. */
SNN_FUNCTION float snn_function_sqrt(float x)
{
    return __builtin_sqrtf(snn_function_at_least(x, 0.0F));
}

/* x with its sign and a magnitude of at least alpha: exact. */
SNN_FUNCTION float snn_function_divisor(float alpha, float x)
{
    return x < 0.0F ? snn_function_at_most(x, -alpha) : snn_function_at_least(x, alpha);
}

/* 1 / x with |x| at least alpha: 1/2 ulp. */
SNN_FUNCTION float snn_function_reciprocal(float alpha, float x)
{
    return 1.0F / snn_function_divisor(alpha, x);
}

/* With e = e^(2|x|) - 1: e / (e + 2): 3 ulp. */
SNN_FUNCTION float snn_function_tanh(float x)
{
    const float a = snn_function_at_most(snn_function_abs(x), 10.0F); /* where it is 1 */
    const float e = snn_function_expm1(a + a);
    return snn_function_copy_sign(e / (e + 2.0F), x);
}

/* 1 / (1 + e^-x): 3 ulp. */
SNN_FUNCTION float snn_function_sigmoid(float x)
{
    const float e = snn_function_decay(x);
    return (x < 0.0F ? e : 1.0F) / (1.0F + e);
}

/* x / (1 + e^-x): 4 ulp. */
SNN_FUNCTION float snn_function_silu(float x)
{
    const float bounded = snn_function_at_least(x, -110.0F); /* where it is 0 */
    const float e = snn_function_decay(bounded);
    return (bounded < 0.0F ? bounded * e : bounded) / (1.0F + e);
}

/* x > 0 ? x : alpha (e^x - 1): 3 ulp. */
SNN_FUNCTION float snn_function_elu(float alpha, float x)
{
    return x > 0.0F ? x : alpha * snn_function_expm1(snn_function_at_most(x, 0.0F));
}

/* beta (x > 0 ? x : alpha (e^x - 1)): 3 ulp. */
SNN_FUNCTION float snn_function_selu(float alpha, float beta, float x)
{
    return beta * snn_function_elu(alpha, x);
}

/* x > 0 ? x : alpha (e^(x / alpha) - 1), alpha > 0: 4 ulp. */
SNN_FUNCTION float snn_function_celu(float alpha, float x)
{
    return x > 0.0F ? x : alpha * snn_function_expm1(snn_function_at_most(x, 0.0F) / alpha);
}

/* ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|): 3 ulp. */
SNN_FUNCTION float snn_function_softplus(float x)
{
    return snn_function_relu(x) + snn_function_log1p(snn_function_decay(x));
}

/* x / (1 + |x|): 2 ulp. */
SNN_FUNCTION float snn_function_softsign(float x)
{
    const float large = 1073741824.0F; /* where it is 1 */
    const float bounded = snn_function_at_most(snn_function_at_least(x, -large), large);
    return bounded / (1.0F + snn_function_abs(bounded));
}

/* x tanh(ln(1 + e^x)) = x (n + 2) n / ((n + 2) n + 2), n = e^x: 5 ulp. For x > 0 all is divided by n^2. */
SNN_FUNCTION float snn_function_mish(float x)
{
    const float bounded = snn_function_at_least(x, -110.0F); /* where it is 0 */
    const float e = snn_function_decay(bounded);
    const float left = e * (e + 2.0F), right = 1.0F + (e + e);
    const float numerator = bounded < 0.0F ? left : right;
    const float denominator = bounded < 0.0F ? left + 2.0F : right + 2.0F * (e * e);
    return bounded * numerator / denominator;
}

/* x clip(x / 6 + 1 / 2, 0, 1): 3 ulp. */
SNN_FUNCTION float snn_function_hard_swish(float x)
{
    const float bounded = snn_function_at_least(x, -3.0F); /* where it is 0 */
    return bounded * snn_function_at_most((bounded + 3.0F) * 0.166666672F, 1.0F);
}

/* clip(alpha x + beta, 0, 1): absolute 2^-23 (1 + |beta|). */
SNN_FUNCTION float snn_function_hard_sigmoid(float alpha, float beta, float x)
{
    return snn_function_at_most(snn_function_at_least(alpha * x + beta, 0.0F), 1.0F);
}

/* min(max(x, alpha), beta): exact. */
SNN_FUNCTION float snn_function_clip(float alpha, float beta, float x)
{
    return snn_function_at_most(snn_function_at_least(x, alpha), beta);
}

/* x > alpha ? x : 0: exact. */
SNN_FUNCTION float snn_function_thresholded_relu(float alpha, float x)
{
    return x <= alpha ? 0.0F : x;
}

/* x < -alpha ? x + beta : x > alpha ? x - beta : 0: 1/2 ulp. */
SNN_FUNCTION float snn_function_shrink(float alpha, float beta, float x)
{
    const float below = x + beta, above = x <= alpha ? 0.0F : x - beta;
    return x < -alpha ? below : above;
}

/* 2 ulp. x P(x^2) up to 1, from there on 1 - 2 Phi(-sqrt(2) |x|). */
SNN_FUNCTION float snn_function_erf(float x)
{
    const float a = snn_function_abs(x), z = a * a;
    const float low = 0.128379166F + z * -0.37612626F, middle = 0.112835787F + z * -0.0268533472F;
    const float high = 0.0051871622F + z * (-0.000799785252F + z * 7.80689661e-05F);
    const float small = a + a * (low + z * z * (middle + z * z * high));
    const float tail = snn_function_normal_tail(snn_function_at_most(1.41421356F * a, 15.0F));
    return snn_function_copy_sign(a < 1.0F ? small : 1.0F - (tail + tail), x);
}

#endif
