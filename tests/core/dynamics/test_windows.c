#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/dynamics/windows.h"

enum { LONGEST = 24 };

static const double ratios[] = {0.5, 0.55, 0.57, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9};
enum { RATIOS = sizeof ratios / sizeof ratios[0] };

static snn_windows window_of(int32_t steps, double ratio)
{
    snn_windows windows;
    assert_string_equal(snn_windows_init(steps, steps, ratio, 0.25, &windows).message, "");
    return windows;
}

static void no_steps_are_no_windows(void **state)
{
    (void)state;
    snn_windows windows;
    memset(&windows, 0x5a, sizeof windows);
    assert_int_equal(snn_windows_init(0, -3, 7.0, -1.0, &windows).code, SNN_OK);
    assert_int_equal(windows.steps, 0);
    assert_int_equal(snn_windows_reach(&windows), 0);
    assert_int_equal(snn_windows_check(&windows).code, SNN_OK);
}

static void arguments_are_kept(void **state)
{
    (void)state;
    snn_windows windows;
    assert_int_equal(snn_windows_init(10, 2, 0.6, 1.5, &windows).code, SNN_OK);
    assert_int_equal(windows.steps, 10);
    assert_int_equal(windows.delay, 2);
    assert_true(windows.ratio == 0.6 && windows.margin == 1.5);
}

static void half_gives_powers_of_two(void **state)
{
    (void)state;
    for (int32_t steps = 1; steps <= 10; steps++) {
        const snn_windows windows = window_of(steps, 0.5);
        for (int32_t j = 0; j < SNN_WINDOW_STEPS; j++) {
            assert_int_equal(windows.magnitude[j], j < steps ? 1 << (steps - 1 - j) : 0);
        }
        assert_int_equal(snn_windows_reach(&windows), (1 << steps) - 1);
    }
}

static void one_gives_equal_steps(void **state)
{
    (void)state;
    for (int32_t steps = 1; steps <= SNN_WINDOW_STEPS; steps++) {
        const snn_windows windows = window_of(steps, 1.0);
        for (int32_t j = 0; j < steps; j++) {
            assert_int_equal(windows.magnitude[j], windows.magnitude[0]);
        }
    }
}

/* Positive, never growing, in range, 0 behind the window; and of the ratio asked for, up to rounding to units. */
static void magnitudes_follow_the_ratio(void **state)
{
    (void)state;
    for (int32_t steps = 1; steps <= SNN_WINDOW_STEPS; steps++) {
        for (size_t i = 0; i < RATIOS; i++) {
            const snn_windows windows = window_of(steps, ratios[i]);
            const int32_t smallest = windows.magnitude[steps - 1];
            int32_t sum = 0;
            assert_true(smallest >= 1);
            for (int32_t j = 0; j < SNN_WINDOW_STEPS; j++) {
                sum += windows.magnitude[j];
                if (j >= steps) {
                    assert_int_equal(windows.magnitude[j], 0);
                } else if (j > 0) {
                    assert_true(windows.magnitude[j] <= windows.magnitude[j - 1]);
                    /* Both are whole numbers of units, half a unit off at most, but for ones that would be below 1. */
                    const double off = fabs(windows.magnitude[j] - ratios[i] * windows.magnitude[j - 1]);
                    assert_true(off <= 0.5 * (1.0 + ratios[i]) + 1e-9 || windows.magnitude[j] == 1);
                }
            }
            assert_int_equal(snn_windows_reach(&windows), sum);
            assert_true(sum <= SNN_CODE_LIMIT / 2);
            assert_int_equal(snn_windows_check(&windows).code, SNN_OK);
        }
    }
}

/* Where a neuron ends whose f(x) is `target`, by the rule of a neuron. */
static int32_t end_of(const snn_windows *windows, int32_t rest, double target, bool strict)
{
    int32_t y = rest;
    for (int32_t j = 0; j < windows->steps; j++) {
        const bool fires = strict ? target < y : target <= y;
        y -= windows->magnitude[j] * (fires ? 1 : -1);
    }
    return y;
}

/* A resting state from which silence ends at 0; if there is none, one that ends as near as any does. Of those that do
 * equally well, none is nearer to what was wanted. */
static void silence_ends_at_zero(void **state)
{
    (void)state;
    for (int32_t steps = 1; steps <= LONGEST; steps++) {
        for (size_t i = 0; i < RATIOS; i++) {
            const snn_windows windows = window_of(steps, ratios[i]);
            const int32_t reach = snn_windows_reach(&windows);
            const double wanted[] = {0.0, 0.5 * reach, reach / (1.0 + 2.0 * windows.margin), -0.3 * reach, 2.0 * reach};
            for (int strict = 0; strict < 2; strict++) {
                int32_t least = INT32_MAX;
                for (int32_t rest = -reach; rest <= reach; rest++) {
                    const int32_t end = abs(end_of(&windows, rest, 0.0, strict));
                    least = end < least ? end : least;
                }
                for (size_t w = 0; w < sizeof wanted / sizeof wanted[0]; w++) {
                    const int32_t rest = snn_windows_rest(&windows, wanted[w], strict);
                    const double distance = fabs(rest - fmin(wanted[w], reach));
                    if (abs(rest) > reach || abs(end_of(&windows, rest, 0.0, strict)) != least) {
                        fail_msg("%d steps, ratio %g, %s: from %d to %d, expected within %d and %d", steps, ratios[i],
                                 strict ? "strict" : "not strict", rest, end_of(&windows, rest, 0.0, strict), reach,
                                 least);
                    }
                    for (int32_t other = -reach; other <= reach; other++) {
                        if (fabs(other - fmin(wanted[w], reach)) < distance - 1.0 &&
                            abs(end_of(&windows, other, 0.0, strict)) == least) {
                            fail_msg("%d steps, ratio %g: rests at %d, but %d is nearer to %g", steps, ratios[i], rest,
                                     other, wanted[w]);
                        }
                    }
                }
            }
        }
    }
}

/* With ratio 1/2 there always is one. */
static void half_has_a_code_for_zero(void **state)
{
    (void)state;
    for (int32_t steps = 1; steps <= 10; steps++) {
        const snn_windows windows = window_of(steps, 0.5);
        for (int strict = 0; strict < 2; strict++) {
            assert_int_equal(end_of(&windows, snn_windows_rest(&windows, 0.0, strict), 0.0, strict), 0);
            assert_int_equal(end_of(&windows, snn_windows_rest(&windows, 0.5 * (1 << steps), strict), 0.0, strict), 0);
        }
    }
}

/* Inputs stand still. With ratio 1/2 no step is larger than the later ones and the last together, so the error ends
 * within the last step wherever in the window's range the target lies. */
static void half_ends_within_the_last_step(void **state)
{
    (void)state;
    for (int32_t steps = 1; steps <= 10; steps++) {
        const snn_windows windows = window_of(steps, 0.5);
        const int32_t reach = snn_windows_reach(&windows);
        const int32_t rest = snn_windows_rest(&windows, 0.5 * reach, false);
        for (int32_t quarter = 4 * (rest - reach - 1); quarter <= 4 * (rest + reach + 1); quarter++) {
            const double target = 0.25 * quarter;
            for (int strict = 0; strict < 2; strict++) {
                const int32_t end = end_of(&windows, rest, target, strict);
                if (!(fabs(end - target) <= windows.magnitude[steps - 1])) {
                    fail_msg("%d steps: %g ends at %d", steps, target, end);
                }
                /* The code next to the target: codes are rest - reach, rest - reach + 2, ... */
                const double code = rest - reach + 2.0 * rint((target - (rest - reach)) / 2.0);
                assert_true(fabs(end - target) <= fabs(code - target));
            }
        }
    }
}

/* From ratio 1/2 on steps can make up for one another: within range the error is no larger than the last step, or the
 * unit where steps were rounded to it. */
static void larger_ratios_end_near_the_target(void **state)
{
    (void)state;
    for (size_t i = 0; i < RATIOS; i++) {
        const snn_windows windows = window_of(8, ratios[i]);
        const int32_t reach = snn_windows_reach(&windows);
        int32_t gap = windows.magnitude[7]; /* by how much a step may exceed the later ones and the last */
        for (int32_t j = 0, later = reach; j < 8; j++) {
            later -= windows.magnitude[j];
            const int32_t excess = windows.magnitude[j] - later;
            gap = excess > gap ? excess : gap;
        }
        for (int32_t target = -reach; target <= reach; target++) {
            assert_true(abs(end_of(&windows, 0, target, false) - target) <= gap);
        }
    }
}

static void expect_refusal(int32_t steps, int32_t delay, double ratio, double margin, const char *word)
{
    snn_windows windows;
    const snn_status status = snn_windows_init(steps, delay, ratio, margin, &windows);
    if (status.code != SNN_INPUT_ERROR || strstr(status.message, word) == NULL) {
        fail_msg("\"%s\" does not name %s", status.message, word);
    }
}

static void what_is_out_of_range_is_refused(void **state)
{
    (void)state;
    expect_refusal(-1, 1, 0.5, 0.0, "-1 steps");
    expect_refusal(SNN_WINDOW_STEPS + 1, 1, 0.5, 0.0, "65 steps");
    expect_refusal(8, -1, 0.5, 0.0, "delay -1");
    expect_refusal(8, 65536, 0.5, 0.0, "delay of 65536");
    expect_refusal(8, 1, 0.0, 0.0, "ratio 0");
    expect_refusal(8, 1, -0.5, 0.0, "ratio -0.5");
    expect_refusal(8, 1, 1.01, 0.0, "ratio 1.01");
    expect_refusal(8, 1, NAN, 0.0, "ratio");
    expect_refusal(8, 1, 0.5, -0.1, "margin -0.1");
    expect_refusal(8, 1, 0.5, NAN, "margin");
    expect_refusal(8, 1, 0.5, INFINITY, "margin inf");
}

static void bad_magnitudes_are_refused(void **state)
{
    (void)state;
    snn_windows windows = window_of(4, 0.5); /* 8 4 2 1 */
    windows.magnitude[2] = 5;
    assert_non_null(strstr(snn_windows_check(&windows).message, "step 2 of a window is 5 units, expected 1..4"));
    windows.magnitude[2] = 4;
    assert_int_equal(snn_windows_check(&windows).code, SNN_OK);
    windows.magnitude[3] = 0;
    assert_non_null(strstr(snn_windows_check(&windows).message, "step 3"));
    windows.magnitude[3] = -1;
    assert_non_null(strstr(snn_windows_check(&windows).message, "step 3"));
    windows.magnitude[3] = 1;
    windows.magnitude[0] = SNN_CODE_LIMIT / 2 - 9;
    assert_int_equal(snn_windows_check(&windows).code, SNN_OK);
    windows.magnitude[0]++;
    assert_non_null(strstr(snn_windows_check(&windows).message, "add up to 2049"));
    windows.magnitude[0] = INT32_MAX;
    assert_int_equal(snn_windows_check(&windows).code, SNN_INPUT_ERROR);
    windows = window_of(4, 0.5);
    windows.steps = SNN_WINDOW_STEPS + 1;
    assert_non_null(strstr(snn_windows_check(&windows).message, "65 steps"));
    windows.steps = -1;
    assert_non_null(strstr(snn_windows_check(&windows).message, "-1 steps"));
    windows.steps = 4;
    windows.delay = -2;
    assert_non_null(strstr(snn_windows_check(&windows).message, "delay of -2"));
    windows.delay = 65536;
    assert_non_null(strstr(snn_windows_check(&windows).message, "delay of 65536"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_steps_are_no_windows),           cmocka_unit_test(arguments_are_kept),
        cmocka_unit_test(half_gives_powers_of_two),          cmocka_unit_test(one_gives_equal_steps),
        cmocka_unit_test(magnitudes_follow_the_ratio),       cmocka_unit_test(silence_ends_at_zero),
        cmocka_unit_test(half_has_a_code_for_zero),          cmocka_unit_test(half_ends_within_the_last_step),
        cmocka_unit_test(larger_ratios_end_near_the_target), cmocka_unit_test(what_is_out_of_range_is_refused),
        cmocka_unit_test(bad_magnitudes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
