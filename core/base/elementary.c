#include "core/base/elementary.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

static const double HALF_PI = 1.5707963267948966, ROOT_HALF = 0.70710678118654752;
/* ln 2 in two parts; the first ends in 16 zeros, so that its products with exponents are exact. */
static const double LN2_HIGH = 0x1.62e42fefap-1, LN2_LOW = 0x1.cf79abc9e3b3ap-40;

double snn_elementary_log(double x)
{
    if (!(x > 0.0) || isinf(x)) {
        return x == 0.0 ? -INFINITY : x < 0.0 ? NAN : x;
    }
    int exponent;
    double fraction = frexp(x, &exponent); /* x = fraction 2^exponent, brought to [sqrt(1/2), sqrt(2)) */
    if (fraction < ROOT_HALF) {
        fraction *= 2.0;
        exponent--;
    }
    /* 2 artanh(s) = 2 (s + s^3 / 3 + s^5 / 5 + ...), |s| < 0.172 */
    const double s = (fraction - 1.0) / (fraction + 1.0), square = s * s;
    double series = 0.0;
    for (int odd = 21; odd >= 3; odd -= 2) {
        series = (series + 1.0 / odd) * square;
    }
    return exponent * LN2_HIGH + (2.0 * s + (2.0 * s * series + exponent * LN2_LOW));
}

static double exponential(double x)
{
    if (!(fabs(x) < 800.0)) {
        return x > 0.0 ? INFINITY : x < 0.0 ? 0.0 : x;
    }
    const double n = nearbyint(x / (LN2_HIGH + LN2_LOW)), r = (x - n * LN2_HIGH) - n * LN2_LOW;
    double series = 1.0; /* 1 + r (1 + r / 2 (1 + r / 3 (...))), |r| < 0.35 */
    for (int order = 14; order >= 1; order--) {
        series = 1.0 + series * r / order;
    }
    return ldexp(series, (int)n);
}

static double whole_power(double x, int32_t exponent)
{
    double power = 1.0;
    for (double factor = x; exponent > 0; exponent /= 2, factor *= factor) {
        power = exponent % 2 != 0 ? power * factor : power;
    }
    return power;
}

/* 0 < x < infinity. Small whole parts of the exponent by products and its quarters by square roots, so that what can be
 * exact is. */
static double positive_power(double x, double y)
{
    const double magnitude = fabs(y), whole = floor(magnitude), quarters = (magnitude - whole) * 4.0;
    if (magnitude > 64.0 || quarters != floor(quarters)) {
        return exponential(y * snn_elementary_log(x));
    }
    const double root = sqrt(x), quarter_root = sqrt(root);
    const double fraction = quarters == 0.0   ? 1.0
                            : quarters == 1.0 ? quarter_root
                            : quarters == 2.0 ? root
                                              : root * quarter_root;
    const double power = whole_power(x, (int32_t)whole) * fraction;
    return y < 0.0 ? 1.0 / power : power;
}

double snn_elementary_power(double x, double y)
{
    const double magnitude = fabs(x);
    if (y == 0.0 || x == 1.0) {
        return 1.0;
    }
    if (isnan(x) || isnan(y)) {
        return NAN;
    }
    if (isinf(y)) {
        return magnitude == 1.0 ? 1.0 : (magnitude > 1.0) == (y > 0.0) ? INFINITY : 0.0;
    }
    const bool whole = y == floor(y), odd = whole && fabs(fmod(y, 2.0)) == 1.0;
    double power;
    if (magnitude == 0.0 || isinf(x)) {
        power = (magnitude == 0.0) == (y > 0.0) ? 0.0 : INFINITY;
    } else if (x < 0.0 && !whole) {
        return NAN;
    } else {
        power = positive_power(magnitude, y);
    }
    return odd ? copysign(power, x) : power;
}

/* x as `quadrants` times pi / 2 (modulo 4) and an angle in [-pi / 4, pi / 4], which is returned. */
static double reduce(float x, int32_t *quadrants)
{
    /* The bits of 2 / pi behind its point, 32 zeros before them. */
    static const uint32_t two_over_pi[] = {0,          0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                           0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
    *quadrants = 0;
    if (fabsf(x) < (float)(HALF_PI / 2.0)) {
        return (double)x;
    }
    int exponent;
    const uint64_t fraction = (uint64_t)ldexpf(frexpf(fabsf(x), &exponent), 24); /* |x| = fraction 2^(exponent - 24) */
    /* Of fraction * 2 / pi what counts modulo 4: 96 bits of 2 / pi from the one that gives twos on. */
    const int first = 32 + exponent - 24 - 2; /* in the table, from 0 */
    uint64_t window[3];
    for (int i = 0; i < 3; i++) {
        const int word = (first + 32 * i) / 32, shift = (first + 32 * i) % 32;
        const uint64_t pair = ((uint64_t)two_over_pi[word] << 32) | two_over_pi[word + 1];
        window[i] = (pair >> (32 - shift)) & 0xFFFFFFFFU;
    }
    const uint64_t low = fraction * window[2], middle = fraction * window[1] + (low >> 32);
    const uint64_t turns = ((fraction * window[0] + (middle >> 32)) << 32) | (middle & 0xFFFFFFFFU); /* of 2^-62 */
    const uint64_t nearest = (turns + (UINT64_C(1) << 61)) >> 62;
    const uint64_t rest = turns - (nearest << 62); /* two's complement */
    const double signed_rest = rest >> 63 != 0 ? -(double)(0 - rest) : (double)rest;
    const double angle = (signed_rest + (double)(low & 0xFFFFFFFFU) * 0x1p-32) * 0x1p-62 * HALF_PI;
    *quadrants = (int32_t)(x < 0.0F ? (4 - nearest) % 4 : nearest % 4);
    return x < 0.0F ? -angle : angle;
}

/* sin(x + quadrants pi / 2), the series of sine and cosine: 1 - x^2 / (k (k + 1)) (1 - ...). */
static double sine_of(double x, int32_t quadrants)
{
    const bool cosine = quadrants % 2 != 0;
    double series = 1.0;
    for (int order = cosine ? 19 : 20; order >= 2; order -= 2) {
        series = 1.0 - series * x * x / (order * (order + 1.0));
    }
    if (cosine) {
        series = 1.0 - series * x * x / 2.0;
    } else {
        series *= x;
    }
    return quadrants >= 2 ? -series : series;
}

double snn_elementary_sine(float x)
{
    if (!isfinite(x)) {
        return NAN;
    }
    int32_t quadrants;
    const double angle = reduce(x, &quadrants);
    return sine_of(angle, quadrants);
}

double snn_elementary_cosine(float x)
{
    if (!isfinite(x)) {
        return NAN;
    }
    int32_t quadrants;
    const double angle = reduce(x, &quadrants);
    return sine_of(angle, (quadrants + 1) % 4);
}
