/* A process's share of the processors: what it may run on, and hand-made cases of sharing. */
#define _GNU_SOURCE /* sched_setaffinity */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "comm/processors.h"

static void test_allowed(void **state)
{
    static int32_t allowed[SNN_PROCESSORS];
    cpu_set_t before, one;
    int count = 0, first = -1;
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    snn_processors_allowed(allowed);
    for (int p = 0; p < SNN_PROCESSORS; p++) {
        assert_true(allowed[p] == 0 || allowed[p] == 1);
        first = first < 0 && allowed[p] == 1 ? p : first;
        count += allowed[p];
    }
    assert_int_equal(count, CPU_COUNT(&before));
    /* Bound to one of them, only that one is left. */
    CPU_ZERO(&one);
    CPU_SET((size_t)first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    snn_processors_allowed(allowed);
    for (int p = 0; p < SNN_PROCESSORS; p++) {
        assert_int_equal(allowed[p], p == first);
    }
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

/* Share of a process on processors [0, own) of which the first `shared` have `users` users and the others one. */
static double share_of(int own, int shared, int32_t users)
{
    static int32_t allowed[SNN_PROCESSORS], all[SNN_PROCESSORS];
    memset(allowed, 0, sizeof allowed);
    memset(all, 0, sizeof all); /* users of processors that are not its own must not matter */
    for (int p = 0; p < own; p++) {
        allowed[p] = 1;
        all[p] = p < shared ? users : 1;
    }
    return snn_processors_share(allowed, all);
}

static void test_share(void **state)
{
    (void)state;
    assert_int_equal((int)share_of(8, 0, 1), 8); /* alone, or bound apart from the others */
    assert_int_equal((int)share_of(8, 8, 4), 2);
    assert_int_equal((int)share_of(7, 7, 2), 3);
    assert_int_equal((int)share_of(4, 1, 2), 3); /* one of four shared with a process bound to it */
    for (int n = 1; n <= 300; n++) {
        assert_int_equal((int)share_of(n, n, n), 1); /* however n n-ths add up */
    }
    assert_true(share_of(2, 2, 3) < 1.0);
    assert_true(share_of(3, 3, 3) >= 1.0);
}

static void test_threads(void **state)
{
    (void)state;
    assert_int_equal(snn_processors_threads(1.0 / 3.0), 1); /* more processes than processors */
    assert_int_equal(snn_processors_threads(1.9), 1);
    assert_int_equal(snn_processors_threads(2.0), 2);
    assert_int_equal(snn_processors_threads(7.0 / 2.0), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allowed), cmocka_unit_test(test_share),
                                       cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
