/* Agreements: maxima over the ranks, in the order in which they began, however late the ranks come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "comm/agreement.h"

static snn_world *world; /* made by main, for all tests */

static void succeeds(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

/* Question n of a rank; negative numbers too. */
static void fill(int64_t question, int32_t rank, float values[SNN_AGREEMENT_VALUES])
{
    for (int32_t i = 0; i < SNN_AGREEMENT_VALUES; i++) {
        values[i] = (float)((question * 7 + i * 5 + rank * 3) % 11) - 20.0f;
    }
}

static void check(int64_t question, const float maxima[SNN_AGREEMENT_VALUES])
{
    float values[SNN_AGREEMENT_VALUES];
    float expected[SNN_AGREEMENT_VALUES];
    fill(question, 0, expected);
    for (int32_t rank = 1; rank < snn_world_size(world); rank++) {
        fill(question, rank, values);
        for (int32_t i = 0; i < SNN_AGREEMENT_VALUES; i++) {
            expected[i] = values[i] > expected[i] ? values[i] : expected[i];
        }
    }
    assert_memory_equal(maxima, expected, sizeof expected);
}

static void test_answers_one_question_late(void **state)
{
    const struct timespec pause = {0, 1000000L * (1 + 5 * (snn_world_rank(world) % 2))};
    snn_agreement *agreement = NULL;
    float values[SNN_AGREEMENT_VALUES];
    (void)state;
    succeeds(snn_agreement_create(world, &agreement));
    for (int64_t question = 0; question < 20; question++) {
        (void)nanosleep(&pause, NULL);
        fill(question, snn_world_rank(world), values);
        succeeds(snn_agreement_begin(agreement, values));
        memset(values, 0, sizeof values); /* ours again */
        if (question > 0) {
            assert_int_equal(snn_agreement_pending(agreement), 2);
            succeeds(snn_agreement_end(agreement, values));
            check(question - 1, values);
        }
    }
    succeeds(snn_agreement_end(agreement, values));
    check(19, values);
    assert_int_equal(snn_agreement_pending(agreement), 0);
    snn_agreement_destroy(agreement);
}

static void test_misuse(void **state)
{
    snn_agreement *agreement = NULL;
    float values[SNN_AGREEMENT_VALUES] = {0};
    (void)state;
    succeeds(snn_agreement_create(world, &agreement));
    assert_int_equal(snn_agreement_end(agreement, values).code, SNN_INTERNAL_ERROR);
    succeeds(snn_agreement_begin(agreement, values));
    succeeds(snn_agreement_begin(agreement, values));
    assert_int_equal(snn_agreement_begin(agreement, values).code, SNN_INTERNAL_ERROR);
    succeeds(snn_agreement_end(agreement, values));
    succeeds(snn_agreement_end(agreement, values));
    snn_agreement_destroy(agreement);
    snn_agreement_destroy(NULL);
}

int main(int argc, char **argv)
{
    if (setenv("CMOCKA_TEST_ABORT", "1", 1) != 0 || snn_failed(snn_world_create(&argc, &argv, &world))) {
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers_one_question_late), cmocka_unit_test(test_misuse)};
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    snn_world_destroy(world);
    return failures;
}
