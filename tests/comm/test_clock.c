/* Offsets between the clocks of hosts: none on one host, exact with clocks that are made up here, within the time that
 * it takes with real ones. The linker puts this file's clock and this file's answer about hosts in the place of the
 * real. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "comm/clock.h"

enum { TRIALS = 8, READINGS = 64 };

static snn_world *world; /* made by main, for all tests */
static bool one_host, made_up;
static double readings[READINGS]; /* of the made-up clock, in order */
static int read_count, reading_count;

double __real_snn_seconds(void);
double __wrap_snn_seconds(void);
bool __wrap_snn_world_one_host(const snn_world *of);

double __wrap_snn_seconds(void)
{
    if (!made_up) {
        return __real_snn_seconds();
    }
    assert_true(read_count < reading_count);
    return readings[read_count++];
}

bool __wrap_snn_world_one_host(const snn_world *of)
{
    (void)of;
    return one_host;
}

static void use_readings(void)
{
    made_up = true;
    read_count = reading_count = 0;
}

static double offset_of(void)
{
    double seconds = -1.0;
    const snn_status status = snn_clock_offset(world, &seconds);
    assert_string_equal(status.message, "");
    return seconds;
}

static void one_host_has_one_clock(void **unused)
{
    (void)unused;
    use_readings(); /* none: nobody may look */
    one_host = true;
    assert_true(offset_of() == 0.0);
}

/* Rank 0's clock when it answers trial `trial` of `rank`. */
static double answer_of(int32_t rank, int trial)
{
    return 5000.0 + 10.0 * (TRIALS * (rank - 1) + trial);
}

static void the_quickest_trial_counts(void **unused)
{
    static const double trips[TRIALS] = {8.0, 4.0, 2.0, 6.0, 0.5, 3.0, 1.0, 7.0};
    const int quickest = 4;
    const int32_t rank = snn_world_rank(world), ranks = snn_world_size(world);
    const double begin = 100000.0 * rank;
    (void)unused;
    use_readings();
    one_host = false;
    for (int32_t other = 1; rank == 0 && other < ranks; other++) {
        for (int trial = 0; trial < TRIALS; trial++) {
            readings[reading_count++] = answer_of(other, trial);
        }
    }
    for (int trial = 0; rank > 0 && trial < TRIALS; trial++) {
        readings[reading_count++] = begin + 10.0 * trial;
        readings[reading_count++] = begin + 10.0 * trial + trips[trial];
    }
    const double offset = offset_of();
    assert_int_equal(read_count, reading_count);
    const double expected = answer_of(rank, quickest) - (begin + 10.0 * quickest + 0.5 * trips[quickest]);
    assert_true(offset == (rank == 0 ? 0.0 : expected)); /* multiples of 1/4 */
}

/* These ranks share a host and its clock, which is all that the estimate may be wrong by. */
static void real_clocks_agree(void **unused)
{
    (void)unused;
    made_up = false;
    one_host = false;
    const double begin = __real_snn_seconds();
    const double offset = offset_of();
    const double end = __real_snn_seconds();
    assert_true(isfinite(offset) && fabs(offset) <= end - begin);
    assert_true(snn_world_rank(world) != 0 || offset == 0.0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_host_has_one_clock),
        cmocka_unit_test(the_quickest_trial_counts),
        cmocka_unit_test(real_clocks_agree),
    };
    /* A failed assertion ends the process and with it the job; the other ranks would wait for it. */
    if (setenv("CMOCKA_TEST_ABORT", "1", 1) != 0 || snn_failed(snn_world_create(&argc, &argv, &world))) {
        return 1;
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    made_up = false;
    snn_world_destroy(world);
    return failed;
}
