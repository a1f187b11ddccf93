/* Products of a stream's integers, in every table of kernels, against sums written down plainly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/kernels/kernels.h"
#include "tests/core/kernels/random_case.h"
#include "tests/core/kernels/test_kernels.h"

enum { CASES = 200, DEPTH = 40, STRIDE = 50 };

/* The processor multiplies the low halves of 64 bits: all 32 of them, with their sign. */
static int32_t random_integer(void)
{
    int32_t bits;
    fill_random(&bits, sizeof bits);
    return random_bool() ? bits : random_int(0, 6) == 0 ? INT32_MIN : bits >> 16;
}

static void check_table(const snn_kernels *table, const snn_sums_product *product)
{
    int64_t total[SNN_SUMS_ROWS][SNN_SUMS_COLUMNS];
    for (int32_t i = 0; i < SNN_SUMS_ROWS; i++) {
        for (int32_t j = 0; j < SNN_SUMS_COLUMNS; j++) {
            total[i][j] = 1000 * i - j;
        }
    }
    table->multiply_sums(product, total);
    for (int32_t i = 0; i < SNN_SUMS_ROWS; i++) {
        for (int32_t j = 0; j < SNN_SUMS_COLUMNS; j++) {
            int64_t expected = 1000 * i - j;
            for (int32_t k = 0; k < product->depth && j < product->columns; k++) {
                expected += (int64_t)product->left[i][k] * product->right[k * product->stride + j];
            }
            if (total[i][j] != expected) {
                fail_msg("%s: row %d, column %d of %d, depth %d", table->name, i, j, product->columns, product->depth);
            }
        }
    }
}

void test_sums(void **state)
{
    (void)state;
    static int32_t left[SNN_SUMS_ROWS][DEPTH], right[DEPTH * STRIDE];
    int32_t count;
    const snn_kernels *const *all = snn_kernels_all(&count);
    seed_random(5);
    for (int c = 0; c < CASES; c++) {
        const int32_t columns = random_int(1, SNN_SUMS_COLUMNS);
        snn_sums_product product = {
            .right = right, .stride = random_int(columns, STRIDE), .depth = random_int(0, DEPTH), .columns = columns};
        for (int32_t i = 0; i < DEPTH * STRIDE; i++) {
            right[i] = random_integer() >> 8; /* the sums of DEPTH products must fit */
        }
        for (int32_t i = 0; i < SNN_SUMS_ROWS; i++) {
            product.left[i] = left[i];
            for (int32_t k = 0; k < DEPTH; k++) {
                left[i][k] = random_integer();
            }
        }
        for (int32_t k = 0; k < count; k++) {
            if (all[k]->available()) {
                check_table(all[k], &product);
            }
        }
    }
}
