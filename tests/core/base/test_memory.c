/* Blocks are aligned, zero, with bytes to read behind them; large ones are pages that nobody has touched. */
#define _DEFAULT_SOURCE /* mincore */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/memory.h"

static void test_sizes(void **state)
{
    enum { BLOCKS = 300 };
    uint8_t *blocks[BLOCKS];
    (void)state;
    for (int round = 0; round < 2; round++) { /* the second one gets what the first one has used */
        for (size_t bytes = 0; bytes < BLOCKS; bytes++) {
            uint8_t *block = snn_allocate(bytes, 1);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % SNN_ALIGNMENT, 0);
            for (size_t i = 0; i < bytes + SNN_PADDING; i++) {
                assert_int_equal(block[i], 0);
            }
            memset(block, 0xa5, bytes + SNN_PADDING);
            blocks[bytes] = block;
        }
        for (size_t bytes = 0; bytes < BLOCKS; bytes++) {
            for (size_t i = 0; i < bytes + SNN_PADDING; i++) {
                assert_int_equal(blocks[bytes][i], 0xa5);
            }
            snn_release(blocks[bytes]);
        }
    }
    snn_release(NULL);
}

static void test_too_large(void **state)
{
    (void)state;
    assert_null(snn_allocate(SIZE_MAX, 1));
    assert_null(snn_allocate(SIZE_MAX / 2, 3));
    assert_null(snn_allocate(SIZE_MAX - SNN_PADDING, 1));
}

/* Pages in memory of a block's inside. */
static size_t pages_of(const uint8_t *block, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const uint8_t *begin = block + (page - (uintptr_t)block % page);
    const size_t pages = bytes / page - 2;
    unsigned char *there = malloc(pages);
    size_t count = 0;
    assert_non_null(there);
    assert_int_equal(mincore((void *)(uintptr_t)begin, pages * page, there), 0);
    for (size_t i = 0; i < pages; i++) {
        count += there[i] & 1;
    }
    free(there);
    return count;
}

static void test_untouched(void **state)
{
    const size_t bytes = (size_t)64 << 20, page = (size_t)sysconf(_SC_PAGESIZE);
    (void)state;
    uint8_t *block = snn_allocate(bytes, 1);
    assert_non_null(block);
    assert_true(pages_of(block, bytes) <= bytes / page / 8); /* a large page, perhaps, beside its beginning */
    for (size_t i = 0; i < bytes; i += page) {
        assert_int_equal(block[i], 0);
        block[i] = 1;
    }
    assert_int_equal(pages_of(block, bytes), bytes / page - 2);
    snn_release(block);
}

static void test_grow(void **state)
{
    int32_t *values = NULL;
    size_t capacity = 0;
    (void)state;
    for (size_t count = 0; count < 1000; count++) {
        assert_true(snn_grow(&values, count, &capacity, sizeof *values));
        assert_true(capacity > count);
        assert_int_equal(values[count], 0);
        values[count] = (int32_t)count;
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(values[i], i);
    }
    snn_release(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_untouched),
        cmocka_unit_test(test_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
