/* Products with a graded image: the sums that 64-bit integers give, up to the limit of what doubles hold exactly. */
#include "tests/core/kernels/test_kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/dynamics/random.h"
#include "core/kernels/kernels.h"

static int64_t random_within(uint32_t *counter, int64_t limit)
{
    const uint32_t key[2] = {3, 5};
    const uint32_t counters[SNN_RANDOM_WORDS] = {(*counter)++, 0, 0, 0};
    const snn_random_block block = snn_random_philox(counters, key);
    const uint64_t word = (uint64_t)block.word[0] << 32 | block.word[1];
    return (int64_t)(word % (uint64_t)(2 * limit + 1)) - limit;
}

static void fill(double *values, int64_t count, int64_t limit, uint32_t *counter)
{
    for (int64_t i = 0; i < count; i++) {
        values[i] = (double)random_within(counter, limit);
    }
}

/* Sum of weight times value, in whole numbers. */
static int64_t sum_of(const snn_image_product *product, int64_t position, int64_t row)
{
    int64_t sum = 0;
    for (int64_t k = 0; k < product->depth; k++) {
        sum += (int64_t)product->weights[k * product->rows + row] *
               (int64_t)product->values[position * product->depth + k];
    }
    return sum;
}

static void check_product(const snn_kernels *kernels, int64_t positions, int64_t depth, int64_t rows, uint32_t *counter)
{
    const int64_t weight_limit = INT16_MAX;
    const int64_t value_limit = ((int64_t)1 << 53) / weight_limit / depth;
    double *weights = snn_allocate((size_t)(depth * rows), sizeof *weights);
    double *values = snn_allocate((size_t)(positions * depth), sizeof *values);
    double *sums = snn_allocate((size_t)(positions * rows) + 1, sizeof *sums);
    assert_true(weights != NULL && values != NULL && sums != NULL);
    fill(weights, depth * rows, weight_limit, counter);
    fill(values, positions * depth, value_limit, counter);
    for (int64_t k = 0; k < depth; k++) { /* one sum at the limit */
        weights[k * rows] = (double)weight_limit;
        values[k] = (double)value_limit;
    }
    fill(sums, positions * rows + 1, 7, counter); /* is overwritten */
    const double guard = sums[positions * rows];
    const snn_image_product product = {weights, values, sums, positions, depth, rows};
    kernels->multiply(&product);
    for (int64_t position = 0; position < positions; position++) {
        for (int64_t row = 0; row < rows; row++) {
            assert_true((int64_t)sums[position * rows + row] == sum_of(&product, position, row));
        }
    }
    assert_true(sums[positions * rows] == guard);
    snn_release(weights);
    snn_release(values);
    snn_release(sums);
}

void test_images(void **state)
{
    (void)state;
    int32_t count = 0;
    uint32_t counter = 0;
    const snn_kernels *const *all = snn_kernels_all(&count);
    for (int32_t k = 0; k < count; k++) {
        if (!all[k]->available()) {
            continue;
        }
        for (int64_t positions = 1; positions <= 9; positions++) {
            check_product(all[k], positions, 27, SNN_IMAGE_ROWS, &counter);
        }
        check_product(all[k], 3, 1, 3 * SNN_IMAGE_ROWS, &counter);
        check_product(all[k], 16, 147, 4 * SNN_IMAGE_ROWS, &counter);
    }
}
