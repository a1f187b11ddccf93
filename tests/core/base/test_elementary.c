/* Logarithms, powers, sines and cosines against the C library's in long double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/base/elementary.h"

static const long double TOLERANCE = 0x1p-40L;

static void expect(double found, long double exact)
{
    if (isnan(exact)) {
        assert_true(isnan(found));
    } else if (exact == 0 || isinf((double)exact)) {
        assert_true((signbit(found) != 0) == (signbit(exact) != 0) &&
                    (fabs(found) == fabs((double)exact) || fabs(found) > 0x1.fffffp1023));
    } else {
        assert_true(fabsl(found - exact) <= TOLERANCE * fabsl(exact) + 0x1p-1070L);
    }
}

/* Floats of every size and sign, NaN and infinities among them. */
static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void expect_angle(float x)
{
    expect(snn_elementary_sine(x), sinl(x));
    expect(snn_elementary_cosine(x), cosl(x));
}

static void sines_and_cosines_of_all_sizes(void **state)
{
    (void)state;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 20011) {
        expect_angle(float_of((uint32_t)bits));
    }
    for (int32_t i = -40000; i <= 40000; i++) {
        expect_angle((float)i * 1.5707963267948966F); /* where one of them is near 0 */
    }
    expect_angle(16367173.0F * 0x1p72F); /* of all floats the one nearest to a multiple of pi / 2 */
    expect_angle(-INFINITY);
}

static void logarithms_of_all_sizes(void **state)
{
    (void)state;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 20011) {
        const double x = (double)float_of((uint32_t)bits);
        expect(snn_elementary_log(x), logl(x));
    }
    for (int32_t i = -1000; i <= 1000; i++) {
        expect(snn_elementary_log(1.0 + i * 0x1p-50), logl(1.0 + i * 0x1p-50));
    }
    expect(snn_elementary_log(0x1.8p-1070), logl(0x1.8p-1070));
}

static void powers_of_all_sizes(void **state)
{
    (void)state;
    uint32_t y_bits = 0;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 20011) {
        const float x = float_of((uint32_t)bits);
        y_bits = y_bits * 1664525U + 1013904223U;
        expect(snn_elementary_power(x, float_of(y_bits)), powl(x, float_of(y_bits)));
        const double ordinary = (double)y_bits * 0x1p-28 - 8.0; /* in [-8, 8) */
        expect(snn_elementary_power(x, ordinary), powl(x, ordinary));
        expect(snn_elementary_power(x, floor(ordinary * 4.0) / 4.0), powl(x, floor(ordinary * 4.0) / 4.0));
    }
}

static void powers_of_special_values_are_those_of_c(void **state)
{
    (void)state;
    static const double values[] = {0.0, -0.0, 1.0,  -1.0,  0.5,   -0.5,     2.0,       -2.0,
                                    3.0, -3.0, 1e30, -1e30, 1e-30, INFINITY, -INFINITY, NAN};
    enum { VALUES = sizeof values / sizeof values[0] };
    for (int i = 0; i < VALUES; i++) {
        for (int j = 0; j < VALUES; j++) {
            expect(snn_elementary_power(values[i], values[j]), powl(values[i], values[j]));
        }
    }
}

static void powers_that_can_be_exact_are(void **state)
{
    (void)state;
    assert_true(snn_elementary_power(10.0, 15.0) == 1e15);
    assert_true(snn_elementary_power(-3.0, 5.0) == -243.0);
    assert_true(snn_elementary_power(16.0, 0.25) == 2.0);
    assert_true(snn_elementary_power(81.0, 1.75) == 2187.0);
    assert_true(snn_elementary_power(4.0, -1.5) == 0.125);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sines_and_cosines_of_all_sizes),
        cmocka_unit_test(logarithms_of_all_sizes),
        cmocka_unit_test(powers_of_all_sizes),
        cmocka_unit_test(powers_of_special_values_are_those_of_c),
        cmocka_unit_test(powers_that_can_be_exact_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
