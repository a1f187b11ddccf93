/* The cache of speeds, which must never be in the way; and machine files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "io/config/config.h"
#include "io/config/machine_file.h"
#include "io/config/speed_file.h"
#include "tests/io/scratch.h"

static const snn_speed SPEEDS[] = {
    {.key = 1, .step_seconds = 1e-6, .packed_bytes = 4096.0, .confirmed = true},
    {.key = UINT64_C(0xfedcba9876543210), .step_seconds = 2.5e-9, .group_seconds = 3e-7, .fresh = true}};

static void fill(snn_speed_book *book)
{
    for (int i = 0; i < 2; i++) {
        assert_false(snn_failed(snn_speed_book_add(book, SPEEDS[i])));
    }
}

static void speeds_survive_the_file(void **unused)
{
    (void)unused;
    snn_speed_book book = {0}, read = {0};
    fill(&book);
    snn_speed_file_write("speeds.toml", "portable", &book);
    snn_speed_file_read("speeds.toml", &read);
    assert_int_equal(read.count, 2);
    assert_false(read.changed);
    for (int i = 0; i < 2; i++) {
        const snn_speed *speed = snn_speed_book_find(&read, SPEEDS[i].key);
        assert_non_null(speed);
        assert_true(speed->step_seconds == SPEEDS[i].step_seconds && speed->group_seconds == SPEEDS[i].group_seconds);
        assert_true(speed->packed_bytes == SPEEDS[i].packed_bytes);
        assert_int_equal(speed->confirmed, SPEEDS[i].confirmed);
    }
    snn_speed_book_clear(&book);
    snn_speed_book_clear(&read);
}

static void damaged_files_are_as_good_as_none(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"",
                                        "[speed]\nk1 = [1, 2, 3]\n",
                                        "[speed]\nk1 = [1, 2, -3, 0]\n",
                                        "[speed]\nk1 = [1, 2, inf, 0]\n",
                                        "[speed]\nk1z = [1, 2, 3, 0]\n",
                                        "[speed]\nk1 = [1, 2, 3, 0]\nother = 1\n",
                                        "[speed\n",
                                        "\x01\xff"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        snn_speed_book read = {0};
        scratch_write("speeds.toml", texts[i], strlen(texts[i]));
        snn_speed_file_read("speeds.toml", &read);
        assert_int_equal(read.count, 0);
        snn_speed_book_clear(&read);
    }
    snn_speed_book read = {0};
    snn_speed_file_read("none.toml", &read);
    snn_speed_file_read("", &read);
    assert_int_equal(read.count, 0);
}

/* Folders that are missing are made; where that cannot be nothing happens. */
static void folders_are_made(void **unused)
{
    (void)unused;
    snn_speed_book book = {0}, read = {0};
    fill(&book);
    snn_speed_file_write("/proc/none/snn_dist/speeds.toml", "portable", &book);
    snn_speed_file_write("", "portable", &book);
    snn_speed_file_write("one/two/speeds.toml", "portable", &book);
    snn_speed_file_read("one/two/speeds.toml", &read);
    assert_int_equal(read.count, 2);
    assert_int_equal(remove("one/two/speeds.toml") + remove("one/two") + remove("one"), 0);
    snn_speed_book_clear(&book);
    snn_speed_book_clear(&read);
}

static void the_path_follows_the_environment(void **unused)
{
    (void)unused;
    char path[SNN_PATH_BYTES], other[SNN_PATH_BYTES];
    assert_int_equal(setenv("XDG_CACHE_HOME", "/x/y", 1) + setenv("HOME", "/h", 1), 0);
    snn_speed_file_path("amx", path);
    assert_int_equal(strncmp(path, "/x/y/snn_dist/speeds-amx-", 25), 0);
    snn_speed_file_path("portable", other);
    assert_string_not_equal(path, other);
    assert_int_equal(setenv("XDG_CACHE_HOME", "relative", 1), 0);
    snn_speed_file_path("amx", path);
    assert_int_equal(strncmp(path, "/h/.cache/snn_dist/speeds-amx-", 30), 0);
    assert_int_equal(unsetenv("XDG_CACHE_HOME") + unsetenv("HOME"), 0);
    snn_speed_file_path("amx", path);
    assert_string_equal(path, "");
}

static bool near(double a, double b)
{
    return a > b * (1 - 1e-12) && a < b * (1 + 1e-12);
}

static void machines_are_read(void **unused)
{
    (void)unused;
    const char *text = "[rank]\ncores = 11\nspeed = 0.5\nmemory_gb = 2\n[host]\nranks = 16\n"
                       "[link]\nlatency_us = 2.5\nbandwidth_gbs = 12.5\nmessage_us = 0\n";
    snn_machine machine = snn_machine_assumed();
    scratch_write("m.toml", text, strlen(text));
    const snn_status status = snn_machine_file_read("m.toml", 1, &machine);
    assert_string_equal(status.message, "");
    assert_true(near(machine.speed, 0.5 * 10)); /* nine tenths of the ten cores beside the first */
    assert_true(machine.memory_bytes == 2e9);
    assert_int_equal(machine.host_ranks, 16);
    assert_true(near(machine.link.latency_seconds, 2.5e-6) && near(machine.link.byte_seconds, 8e-11));
    assert_true(machine.link.message_seconds == 0.0);
}

/* What a file does not say stays as it is. */
static void machines_may_say_little(void **unused)
{
    (void)unused;
    const snn_machine before = snn_machine_assumed();
    snn_machine machine = before;
    scratch_write("m.toml", "[rank]\ncores = 2\n", 17);
    assert_false(snn_failed(snn_machine_file_read("m.toml", 2, &machine)));
    assert_true(near(machine.speed, 1.0) && machine.memory_bytes == 0.0);
    assert_true(near(machine.link.byte_seconds, before.link.byte_seconds));
    assert_true(near(machine.link.latency_seconds, before.link.latency_seconds));
}

static void bad_machines_are_refused(void **unused)
{
    (void)unused;
    static const char *const cases[][2] = {
        {"[rank]\ncores = 0\n", "m.toml:2:1: rank.cores: expected an integer from 1 to 4096, found 0"},
        {"[rank]\ncores = \"8\"\n", "m.toml:2:1: rank.cores: expected an integer, found a string"},
        {"[link]\nlatency_us = -1.0\n", "m.toml:2:1: link.latency_us: expected a number from 0 to 1000000, found -1"},
        {"[link]\nlatency_ms = 1\n",
         "m.toml:2:1: unknown key link.latency_ms; there are rank.cores, rank.speed, rank.memory_gb, host.ranks, "
         "link.latency_us, link.bandwidth_gbs, link.message_us"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snn_machine machine = snn_machine_assumed();
        scratch_write("m.toml", cases[i][0], strlen(cases[i][0]));
        const snn_status status = snn_machine_file_read("m.toml", 1, &machine);
        assert_int_equal(status.code, SNN_INPUT_ERROR);
        assert_string_equal(status.message, cases[i][1]);
    }
    snn_machine machine = snn_machine_assumed();
    const snn_status status = snn_machine_file_read("none.toml", 1, &machine);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_string_equal(status.message, "cannot open machine file 'none.toml': No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speeds_survive_the_file),  cmocka_unit_test(damaged_files_are_as_good_as_none),
        cmocka_unit_test(folders_are_made),         cmocka_unit_test(the_path_follows_the_environment),
        cmocka_unit_test(machines_are_read),        cmocka_unit_test(machines_may_say_little),
        cmocka_unit_test(bad_machines_are_refused),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
