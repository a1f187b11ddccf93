/* Memory in common: every rank sees what every other has written, or no rank has any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "comm/segment.h"

enum { MOST_RANKS = 8, WORDS = 5000 };

static snn_world *world; /* made by main, for all tests */

static void succeeds(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

/* Ranks first, first + step, ...; how many. */
static int32_t list(int32_t first, int32_t step, int32_t ranks[MOST_RANKS])
{
    int32_t count = 0;
    for (int32_t rank = first; rank < snn_world_size(world); rank += step) {
        ranks[count++] = rank;
    }
    return count;
}

static void check_exchange(const int32_t *ranks, int32_t count)
{
    snn_segment *segment = NULL;
    const int32_t rank = snn_world_rank(world);
    succeeds(snn_segment_create(world, ranks, count, (size_t)count * WORDS * sizeof(int32_t), &segment));
    assert_non_null(segment);
    int32_t *words = snn_segment_memory(segment);
    assert_int_equal((uintptr_t)words % 4096, 0);
    for (int32_t i = 0; i < count * WORDS; i++) {
        assert_int_equal(words[i], 0);
    }
    succeeds(snn_world_barrier(world));
    for (int32_t i = 0; i < count; i++) {
        for (int32_t w = 0; ranks[i] == rank && w < WORDS; w++) {
            words[i * WORDS + w] = rank * WORDS + w + 1;
        }
    }
    succeeds(snn_world_barrier(world));
    for (int32_t i = 0; i < count; i++) {
        for (int32_t w = 0; w < WORDS; w++) {
            assert_int_equal(words[i * WORDS + w], ranks[i] * WORDS + w + 1);
        }
    }
    snn_segment_destroy(segment);
}

static void test_all_ranks(void **unused)
{
    int32_t ranks[MOST_RANKS];
    (void)unused;
    for (int i = 0; i < 3; i++) {
        check_exchange(ranks, list(0, 1, ranks));
    }
}

/* Groups that know nothing of each other. */
static void test_groups(void **unused)
{
    int32_t ranks[MOST_RANKS];
    (void)unused;
    const int32_t count = list(snn_world_rank(world) % 2, 2, ranks);
    if (count > 1) {
        check_exchange(ranks, count);
    } else { /* the other group's barriers */
        succeeds(snn_world_barrier(world));
        succeeds(snn_world_barrier(world));
    }
}

static void test_too_large(void **unused)
{
    int32_t ranks[MOST_RANKS];
    snn_segment *segment = NULL;
    (void)unused;
    const int32_t count = list(0, 1, ranks);
    succeeds(snn_segment_create(world, ranks, count, (size_t)1 << 60, &segment));
    assert_null(segment);
    snn_segment_destroy(segment);
    check_exchange(ranks, count);
}

int main(void)
{
    /* A failed assertion ends the process and with it the job; the other ranks would wait for it. */
    if (setenv("CMOCKA_TEST_ABORT", "1", 1) != 0 || snn_failed(snn_world_create(NULL, NULL, &world))) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_ranks),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_too_large),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snn_world_destroy(world);
    return failed;
}
