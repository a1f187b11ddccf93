/* Products of a stream's integers, in every table of kernels, against sums written down plainly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "tests/core/kernels/project_case.h"
#include "tests/core/kernels/random_case.h"
#include "tests/core/kernels/test_kernels.h"
#include "tests/core/tables/tables.h"

enum { CASES = 240, INTEGER_BITS = 27, MIXING_BITS = 15 + 8 }; /* of some hundred positions */

/* Of any size, up to 27 bits: sums of some hundred products with 16 bits are exact in doubles. */
static int32_t *random_integers(int64_t count, int32_t *bits)
{
    int32_t *integers = allocate(count, sizeof *integers);
    const int shift = random_int(0, 1) == 0 ? 32 - INTEGER_BITS : random_int(32 - INTEGER_BITS, 30);
    fill_random(integers, (size_t)count * sizeof *integers);
    *bits = 32 - shift;
    for (int64_t i = 0; i < count; i++) {
        integers[i] >>= shift;
    }
    return integers;
}

void test_streams(void **state)
{
    (void)state;
    static const snn_operator_kind kinds[] = {SNN_OPERATOR_CONVOLUTION, SNN_OPERATOR_DENSE, SNN_OPERATOR_TOKENS,
                                              SNN_OPERATOR_DIAGONAL};
    int32_t count;
    const snn_kernels *const *all = all_tables(&count);
    seed_random(5);
    for (int i = 0; i < CASES; i++) {
        const snn_weight_format format = random_bool() ? SNN_WEIGHTS_INT16 : SNN_WEIGHTS_INT8;
        project_case c = random_project_case(kinds[i % 4], format, false);
        if (c.projection.op.pooled && kinds[i % 4] != SNN_OPERATOR_DIAGONAL) { /* other streams are not */
            free_project_case(&c);
            continue;
        }
        const snn_operator *op = &c.projection.op;
        int32_t bits;
        c.integers = random_integers(snn_shape_positions(op->source) * op->source.channels, &bits);
        /* Most are within the limit with shifts from some 20 on; smaller ones for integers of few limbs. */
        const int32_t least = op->kind == SNN_OPERATOR_TOKENS ? 28 : 20;
        c.projection.shift = random_bool() ? random_int(least, 34) : random_int(least - 18, least);
        if (op->kind == SNN_OPERATOR_TOKENS && c.projection.shift < bits + MIXING_BITS - 31) {
            c.projection.shift = bits + MIXING_BITS - 31; /* what is mixed fits 32 bits once it is rounded */
        }
        c.tile.steps = 1;
        for (int32_t k = 0; k < count; k++) {
            if (all[k]->available()) {
                check_stream_case(all[k], &c);
            }
        }
        free_project_case(&c);
    }
}
