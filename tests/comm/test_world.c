/* The world of ranks, run at several rank counts: every expected value is a closed form of rank and size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "comm/world.h"
#include "core/base/memory.h"

/* More than one piece of the transfers, which are split far below MPI's limit. */
enum { LARGE = (1 << 22) + 12345 };

static void succeeds(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

static int start(void **state)
{
    snn_world *world = NULL;
    snn_status status = snn_world_create(NULL, NULL, &world);
    *state = world;
    return (int)status.code;
}

static int stop(void **state)
{
    snn_world_destroy(*state);
    return 0;
}

static void test_names(void **state)
{
    const snn_world *world = *state;
    int major = 0;
    int minor = 0;
    char name[16] = "";
    assert_true(snn_world_rank(world) >= 0 && snn_world_rank(world) < snn_world_size(world));
    assert_true(strlen(snn_world_host(world)) > 0);
    assert_true(snn_world_one_host(world)); /* mpirun without hosts */
    assert_int_equal(snn_world_crowded(world), snn_world_size(world) > sysconf(_SC_NPROCESSORS_ONLN));
    /* Whether the launcher bound the ranks or not, together they have no more threads than there are processors. */
    int64_t threads = snn_world_threads(world);
    double processors = 0.0;
    assert_true(threads >= 1);
    succeeds(snn_world_processors(world, &processors));
    assert_true(processors > 0.99 && processors < (double)sysconf(_SC_NPROCESSORS_ONLN) + 0.01);
    succeeds(snn_world_sum(*state, &threads, 1));
    assert_true(threads == snn_world_size(world) || threads <= sysconf(_SC_NPROCESSORS_ONLN));
    assert_non_null(snn_world_communicator(world));
    assert_int_equal(sscanf(snn_world_library(), "Open %15[A-Z] %d.%d", name, &major, &minor), 3);
    assert_string_equal(name, "MPI");
    assert_true(major >= 1);
}

static void test_pretended_hosts(void **state)
{
    snn_world *world = *state;
    const int32_t rank = snn_world_rank(world), size = snn_world_size(world);
    for (int32_t each = 1; each <= size; each++) {
        snn_world_pretend_hosts(world, each);
        for (int32_t other = 0; other < size; other++) {
            assert_int_equal(snn_world_same_host(world, other), other / each == rank / each);
        }
        assert_int_equal(snn_world_one_host(world), each == size);
    }
    snn_world_pretend_hosts(world, 0);
    assert_true(snn_world_one_host(world));
}

static void test_agree(void **state)
{
    snn_world *world = *state;
    int32_t rank = snn_world_rank(world);
    int32_t size = snn_world_size(world);
    succeeds(snn_world_agree(world, snn_ok()));
    for (int32_t lowest = 0; lowest < size; lowest++) {
        /* Ranks from `lowest` on fail, each with its own code and message. */
        snn_status mine = rank < lowest ? snn_ok()
                                        : snn_fail(rank == lowest ? SNN_FILE_ERROR : SNN_INPUT_ERROR,
                                                   "rank %d of %d cannot", (int)rank, (int)size);
        char expected[64];
        (void)snprintf(expected, sizeof expected, "rank %d of %d cannot", (int)lowest, (int)size);
        snn_status agreed = snn_world_agree(world, mine);
        assert_int_equal(agreed.code, SNN_FILE_ERROR);
        assert_string_equal(agreed.message, expected);
    }
    /* The longest message arrives whole. */
    char text[SNN_MESSAGE_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    snn_status agreed = snn_world_agree(world, rank == size - 1 ? snn_fail(SNN_STOPPED, "%s", text) : snn_ok());
    assert_int_equal(agreed.code, SNN_STOPPED);
    assert_string_equal(agreed.message, text);
    assert_false(agreed.advised);
    succeeds(snn_world_agree(world, snn_ok()));
    const snn_status advised = snn_advise(snn_fail(SNN_FILE_ERROR, "no room"), "remove something");
    assert_true(snn_world_agree(world, rank == 0 ? advised : snn_ok()).advised);
}

static void test_broadcast(void **state)
{
    snn_world *world = *state;
    for (int32_t root = 0; root < snn_world_size(world); root++) {
        int32_t value = snn_world_rank(world) == root ? 1000 + root : -1;
        succeeds(snn_world_broadcast(world, root, &value, sizeof value));
        assert_int_equal(value, 1000 + root);
        succeeds(snn_world_broadcast(world, root, NULL, 0));
    }
}

static void check_broadcast_buffer(snn_world *world, int32_t root, size_t bytes)
{
    int is_root = snn_world_rank(world) == root;
    uint8_t *data = NULL;
    if (is_root) {
        data = snn_allocate(bytes, 1);
        assert_non_null(data);
        for (size_t i = 0; i < bytes; i++) {
            data[i] = (uint8_t)(i * 7 + (size_t)root);
        }
    }
    void *shared = data;
    size_t length = is_root ? bytes : 999;
    succeeds(snn_world_broadcast_buffer(world, root, &shared, &length));
    assert_int_equal(length, bytes);
    assert_non_null(shared);
    if (is_root) {
        assert_ptr_equal(shared, data);
    }
    const uint8_t *received = shared;
    size_t wrong = 0;
    for (size_t i = 0; i < bytes; i++) {
        wrong += received[i] != (uint8_t)(i * 7 + (size_t)root);
    }
    assert_int_equal(wrong, 0);
    snn_release(shared);
}

static void test_broadcast_buffer(void **state)
{
    snn_world *world = *state;
    check_broadcast_buffer(world, 0, 0);
    check_broadcast_buffer(world, snn_world_size(world) - 1, 1);
    check_broadcast_buffer(world, 0, LARGE);
}

static void test_sum(void **state)
{
    snn_world *world = *state;
    int64_t size = snn_world_size(world);
    int64_t *values = snn_allocate(LARGE, sizeof *values);
    assert_non_null(values);
    for (int64_t i = 0; i < LARGE; i++) {
        values[i] = (i << 30) + snn_world_rank(world);
    }
    succeeds(snn_world_sum(world, values, LARGE));
    int64_t wrong = 0;
    for (int64_t i = 0; i < LARGE; i++) {
        wrong += values[i] != size * (i << 30) + size * (size - 1) / 2;
    }
    assert_int_equal(wrong, 0);
    succeeds(snn_world_sum(world, NULL, 0));
    snn_release(values);
}

static void test_maximum(void **state)
{
    snn_world *world = *state;
    int32_t size = snn_world_size(world);
    int32_t rank = snn_world_rank(world);
    float values[3] = {(float)rank, (float)-rank - 1.0f, rank == size / 2 ? 1e30f : -1e30f};
    succeeds(snn_world_maximum(world, values, 3));
    assert_true(values[0] == (float)(size - 1));
    assert_true(values[1] == -1.0f);
    assert_true(values[2] == 1e30f);
}

static void test_gather(void **state)
{
    snn_world *world = *state;
    int32_t size = snn_world_size(world);
    int32_t rank = snn_world_rank(world);
    size_t count = LARGE / 8 + 5; /* in bytes more than one piece */
    double *values = snn_allocate(count, sizeof *values);
    double *gathered = rank == 0 ? snn_allocate(count * (size_t)size, sizeof *gathered) : NULL;
    for (size_t i = 0; i < count; i++) {
        values[i] = (double)i + 0.25 * rank;
    }
    succeeds(snn_world_gather_doubles(world, values, count, gathered));
    size_t wrong = 0;
    for (size_t i = 0; rank == 0 && i < count * (size_t)size; i++) {
        wrong += gathered[i] != (double)(i % count) + 0.25 * (double)(i / count);
    }
    assert_int_equal(wrong, 0);
    snn_release(values);
    snn_release(gathered);

    char text[24] = "";
    char *texts = rank == 0 ? snn_allocate(sizeof text, (size_t)size) : NULL;
    (void)snprintf(text, sizeof text, "rank%d", (int)rank);
    succeeds(snn_world_gather_text(world, text, sizeof text, texts));
    for (int32_t from = 0; rank == 0 && from < size; from++) {
        char expected[24];
        (void)snprintf(expected, sizeof expected, "rank%d", (int)from);
        assert_string_equal(texts + (size_t)from * sizeof text, expected);
    }
    snn_release(texts);
}

/* Round the ring, rank 0 first, more than a piece and nothing at all. */
static void test_send_receive(void **state)
{
    snn_world *world = *state;
    int32_t size = snn_world_size(world);
    int32_t rank = snn_world_rank(world);
    if (size == 1) {
        return;
    }
    const size_t lengths[] = {0, 1, LARGE};
    for (size_t l = 0; l < 3; l++) {
        uint8_t *data = snn_allocate(lengths[l], 1);
        assert_non_null(data);
        for (size_t i = 0; rank == 0 && i < lengths[l]; i++) {
            data[i] = (uint8_t)(i * i);
        }
        if (rank > 0) {
            succeeds(snn_world_receive(world, rank - 1, data, lengths[l]));
        }
        succeeds(snn_world_send(world, (rank + 1) % size, data, lengths[l]));
        if (rank == 0) {
            memset(data, 0, lengths[l]);
            succeeds(snn_world_receive(world, size - 1, data, lengths[l]));
        }
        size_t wrong = 0;
        for (size_t i = 0; i < lengths[l]; i++) {
            wrong += data[i] != (uint8_t)(i * i);
        }
        assert_int_equal(wrong, 0);
        snn_release(data);
    }
}

/* A message of another size than expected is an error, not a truncated success. */
static void test_receive_wrong_size(void **state)
{
    snn_world *world = *state;
    uint8_t data[8] = {0};
    if (snn_world_size(world) == 1) {
        return;
    }
    if (snn_world_rank(world) == 0) {
        succeeds(snn_world_send(world, 1, data, 4));
        succeeds(snn_world_send(world, 1, data, 8));
    } else if (snn_world_rank(world) == 1) {
        snn_status shorter = snn_world_receive(world, 0, data, 8);
        snn_status longer = snn_world_receive(world, 0, data, 4);
        assert_int_equal(shorter.code, SNN_INTERNAL_ERROR);
        assert_non_null(strstr(shorter.message, "expected 8 bytes from rank 0, received 4"));
        assert_int_equal(longer.code, SNN_INTERNAL_ERROR);
        assert_non_null(strstr(longer.message, "MPI_Test: "));
    }
    succeeds(snn_world_barrier(world));
}

static void test_offset(void **state)
{
    snn_world *world = *state;
    int64_t size = snn_world_size(world);
    int64_t rank = snn_world_rank(world);
    int64_t offset = -1;
    int64_t total = -1;
    succeeds(snn_world_offset(world, 10 * (rank + 1), &offset, &total));
    assert_int_equal(offset, 5 * rank * (rank + 1));
    assert_int_equal(total, 5 * size * (size + 1));
}

int main(void)
{
    /* A failed assertion ends the process and with it the job; the other ranks would wait for it. */
    if (setenv("CMOCKA_TEST_ABORT", "1", 1) != 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_pretended_hosts),
        cmocka_unit_test(test_agree),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_broadcast_buffer),
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_gather),
        cmocka_unit_test(test_send_receive),
        cmocka_unit_test(test_receive_wrong_size),
        cmocka_unit_test(test_offset),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
