#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/dynamics/schedule.h"

enum { STEPS = 256 };

static void check_relative(float found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance * fabs(expected))) {
        fail_msg("found %.9g, expected %.9g", (double)found, expected);
    }
}

static void exponential_is_a_power_of_gamma(void **state)
{
    (void)state;
    float eta[STEPS];
    const snn_schedule schedule = {.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.15, .gamma = 0.95};
    assert_int_equal(snn_schedule_fill(&schedule, STEPS, eta).code, SNN_OK);
    assert_true(eta[0] == 0.15f);
    assert_true(eta[1] == (float)(0.15 * 0.95));
    for (int t = 0; t < STEPS; t++) {
        check_relative(eta[t], 0.15 * pow(0.95, t), 1e-7);
    }
}

static void inverse_constant_and_table_are_exact(void **state)
{
    (void)state;
    float eta[4];
    const double table[] = {0.5, 0.1, 1e-3, 2.0, -1.0};
    snn_schedule schedule = {.kind = SNN_SCHEDULE_INVERSE, .eta0 = 1.0};
    assert_int_equal(snn_schedule_fill(&schedule, 4, eta).code, SNN_OK);
    assert_true(eta[0] == 1.0f && eta[1] == 0.5f && eta[2] == (float)(1.0 / 3.0) && eta[3] == 0.25f);
    schedule = (snn_schedule){.kind = SNN_SCHEDULE_CONSTANT, .eta0 = 0.3};
    assert_int_equal(snn_schedule_fill(&schedule, 4, eta).code, SNN_OK);
    assert_true(eta[0] == 0.3f && eta[3] == 0.3f);
    schedule = (snn_schedule){.kind = SNN_SCHEDULE_TABLE, .table = table, .table_length = 5};
    assert_int_equal(snn_schedule_fill(&schedule, 4, eta).code, SNN_OK);
    for (int t = 0; t < 4; t++) {
        assert_true(eta[t] == (float)table[t]);
    }
}

static void polynomial_is_a_power_of_the_step(void **state)
{
    (void)state;
    static const double powers[] = {0.0, 0.5, 0.1, 1.0, 1.5, 2.0, 3.7, 0.999999};
    for (size_t i = 0; i < sizeof powers / sizeof powers[0]; i++) {
        float eta[STEPS];
        const snn_schedule schedule = {.kind = SNN_SCHEDULE_POLYNOMIAL, .eta0 = 0.25, .power = powers[i]};
        assert_int_equal(snn_schedule_fill(&schedule, STEPS, eta).code, SNN_OK);
        for (int t = 0; t < STEPS; t++) {
            check_relative(eta[t], 0.25 / pow(t + 1.0, powers[i]), 1e-7);
        }
    }
}

static void expect_refusal(snn_schedule schedule, int32_t timesteps, const char *word)
{
    static float eta[SNN_MAX_TIMESTEPS];
    snn_status status = snn_schedule_fill(&schedule, timesteps, eta);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    if (strstr(status.message, word) == NULL) {
        fail_msg("\"%s\" does not name %s", status.message, word);
    }
}

static void bad_schedules_are_refused(void **state)
{
    (void)state;
    const double table[] = {0.5, 0.0, 0.1};
    const double nan_table[] = {0.5, NAN, 0.1};
    const snn_schedule good = {.kind = SNN_SCHEDULE_CONSTANT, .eta0 = 0.1};
    expect_refusal(good, 0, "timesteps");
    expect_refusal(good, SNN_MAX_TIMESTEPS + 1, "timesteps");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_CONSTANT, .eta0 = 0.0}, 2, "eta0");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_CONSTANT, .eta0 = -1.0}, 2, "eta0");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_INVERSE, .eta0 = NAN}, 2, "eta0");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_INVERSE, .eta0 = 1e300}, 2, "eta(0)");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.1, .gamma = 0.0}, 2, "gamma");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.1, .gamma = INFINITY}, 2, "gamma");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.1, .gamma = 1e-20}, 8, "eta(3)");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_POLYNOMIAL, .eta0 = 0.1, .power = -1.0}, 2, "power");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_POLYNOMIAL, .eta0 = 0.1, .power = NAN}, 2, "power");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_TABLE, .table = table, .table_length = 3}, 3, "eta(1)");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_TABLE, .table = nan_table, .table_length = 3}, 3, "eta(1)");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_TABLE, .table = table, .table_length = 3}, 4, "table of 3");
    expect_refusal((snn_schedule){.kind = SNN_SCHEDULE_TABLE}, 1, "table of 0");
}

/* The populations see y_in after its own update: y_in <- y_in - eta (y_in - p), here with p = 1. */
static void increments_of_the_float_encoding_add_up_to_the_input(void **state)
{
    (void)state;
    float eta[STEPS], increments[STEPS];
    const snn_schedule schedule = {.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.15, .gamma = 0.95};
    assert_int_equal(snn_schedule_fill(&schedule, STEPS, eta).code, SNN_OK);
    snn_encoding_increments(SNN_ENCODING_FLOAT, eta, STEPS, increments);
    assert_true(increments[0] == eta[0]);
    double y = 0.0, sum = 0.0;
    for (int t = 0; t < STEPS; t++) {
        double before = y;
        y -= eta[t] * (y - 1.0);
        sum += increments[t];
        assert_true(fabs(sum - y) < 1e-6);
        assert_true(fabs(increments[t] - (y - before)) < 1e-9 + 1e-6 * fabs(y - before));
    }
    assert_true(y > 0.9);
}

static void direct_arrives_at_once_and_spikes_bring_no_current(void **state)
{
    (void)state;
    const float eta[3] = {0.1f, 0.2f, 0.3f};
    float increments[3] = {7.0f, 7.0f, 7.0f};
    snn_encoding_increments(SNN_ENCODING_DIRECT, eta, 3, increments);
    assert_true(increments[0] == 1.0f && increments[1] == 0.0f && increments[2] == 0.0f);
    increments[0] = 7.0f;
    snn_encoding_increments(SNN_ENCODING_DETERMINISTIC, eta, 3, increments);
    assert_true(increments[0] == 0.0f && increments[1] == 0.0f && increments[2] == 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponential_is_a_power_of_gamma),
        cmocka_unit_test(inverse_constant_and_table_are_exact),
        cmocka_unit_test(polynomial_is_a_power_of_the_step),
        cmocka_unit_test(bad_schedules_are_refused),
        cmocka_unit_test(increments_of_the_float_encoding_add_up_to_the_input),
        cmocka_unit_test(direct_arrives_at_once_and_spikes_bring_no_current),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
