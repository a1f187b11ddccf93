/* What the planner learns of links: figures that can be, the same on every rank. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "comm/link_probe.h"

static snn_world *world;

static void links_are_the_same_for_all(void **unused)
{
    (void)unused;
    const snn_link before = snn_machine_assumed().link;
    snn_link link = before, first;
    const snn_status status = snn_link_probe(world, &link);
    assert_string_equal(status.message, "");
    first = link;
    assert_false(snn_failed(snn_world_broadcast(world, 0, &first, sizeof first)));
    assert_memory_equal(&link, &first, sizeof link);
    assert_true(isfinite(link.latency_seconds) && link.latency_seconds > 0 && link.latency_seconds < 10);
    assert_true(isfinite(link.message_seconds) && link.message_seconds > 0 && link.message_seconds < 10);
    assert_true(isfinite(link.byte_seconds) && link.byte_seconds >= 0 && link.byte_seconds < 1);
    if (snn_world_size(world) == 1) {
        assert_memory_equal(&link, &before, sizeof link);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_are_the_same_for_all),
    };
    if (snn_failed(snn_world_create(&argc, &argv, &world))) {
        return 1;
    }
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snn_world_destroy(world);
    return failed;
}
