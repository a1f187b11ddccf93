/* Projections of every kernel table against loops that read one bit at a time (project_case.h), of spikes and of the
 * codes of windows. */
#include "tests/core/kernels/test_kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/kernels/kernels.h"
#include "tests/core/kernels/project_case.h"
#include "tests/core/kernels/random_case.h"
#include "tests/core/tables/tables.h"

enum { PROJECT_CASES = 400 };

static void check_projections(snn_operator_kind kind, bool coded)
{
    static const snn_weight_format formats[] = {SNN_WEIGHTS_INT16, SNN_WEIGHTS_FLOAT32, SNN_WEIGHTS_INT8};
    int32_t count;
    const snn_kernels *const *all = all_tables(&count);
    seed_random((coded ? 101 : 1) + (uint64_t)kind);
    for (int i = 0; i < PROJECT_CASES; i++) {
        project_case c = random_project_case(kind, formats[i % 3], coded);
        for (int32_t k = 0; k < count; k++) {
            if (all[k]->available()) {
                check_project_case(all[k], &c);
            }
        }
        free_project_case(&c);
    }
}

void test_convolution(void **state)
{
    (void)state;
    check_projections(SNN_OPERATOR_CONVOLUTION, false);
}

void test_dense(void **state)
{
    (void)state;
    check_projections(SNN_OPERATOR_DENSE, false);
}

void test_diagonal(void **state)
{
    (void)state;
    check_projections(SNN_OPERATOR_DIAGONAL, false);
}

void test_gather(void **state)
{
    (void)state;
    check_projections(SNN_OPERATOR_GATHER, false);
}

void test_tokens(void **state)
{
    (void)state;
    check_projections(SNN_OPERATOR_TOKENS, false);
}

void test_codes(void **state)
{
    (void)state;
    for (int kind = 0; kind < SNN_OPERATOR_KIND_COUNT; kind++) {
        check_projections((snn_operator_kind)kind, true);
    }
}

/* A hand-made case: 1 x 2 positions of 2 channels, one output that sees both positions. */
void test_known_product(void **state)
{
    (void)state;
    int16_t weights[] = {1, 10, 100, 1000};
    snn_projection projection = {.op = {.kind = SNN_OPERATOR_DENSE,
                                        .source = {1, 2, 2},
                                        .source_channels = 2,
                                        .target = {1, 1, 1},
                                        .target_channels = 1},
                                 .row_end = 1,
                                 .weights = weights};
    snn_spikes source = snn_spikes_of(allocate(2, 1), 2, 2, 1, 0);
    source.bits[0] = 1; /* channels + - */
    source.bits[1] = 2; /* channels - + */
    int32_t count;
    const snn_kernels *const *all = all_tables(&count);
    for (int32_t k = 0; k < count; k++) {
        if (!all[k]->available()) {
            continue;
        }
        int32_t sum = 5;
        snn_packed packed;
        assert_int_equal(all[k]->pack(&projection, SNN_WEIGHTS_INT16, 0, 1, &packed).code, SNN_OK);
        void *scratch = allocate(all[k]->scratch_bytes(&packed, 1, 1), 1);
        snn_tile tile = {.position_end = 1, .steps = 1, .channel_end = 1, .accumulator = &sum, .scratch = scratch};
        all[k]->project(&packed, &source, &tile);
        assert_int_equal(sum, 5 + 1 - 10 - 100 + 1000);
        snn_release(scratch);
        snn_release(packed.data);
    }
    snn_release(source.bits);
}

/* Sums over a pool window must fit 16 bits; a layer without owned rows is ordinary. */
void test_pack_limits(void **state)
{
    (void)state;
    int16_t weight = 1;
    snn_projection projection = {.op = {.kind = SNN_OPERATOR_DENSE,
                                        .source = {200, 200, 1},
                                        .source_channels = 1,
                                        .pooled = true,
                                        .pool = {.kernel = {200, 200}, .stride = {1, 1}, .dilation = {1, 1}},
                                        .target = {1, 1, 1},
                                        .target_channels = 1},
                                 .row_end = 1,
                                 .weights = &weight};
    int32_t count;
    const snn_kernels *const *all = all_tables(&count);
    for (int32_t k = 0; k < count; k++) {
        snn_packed packed;
        if (!all[k]->available()) {
            continue;
        }
        projection.op.source = (snn_shape){200, 200, 1};
        projection.op.pool.kernel[0] = projection.op.pool.kernel[1] = 200;
        const snn_status status = all[k]->pack(&projection, SNN_WEIGHTS_INT16, 0, 1, &packed);
        assert_int_equal(status.code, SNN_INPUT_ERROR);
        assert_non_null(strstr(status.message, "200 x 200"));
        projection.op.source = (snn_shape){181, 181, 1};
        projection.op.pool.kernel[0] = projection.op.pool.kernel[1] = 181;
        assert_int_equal(all[k]->pack(&projection, SNN_WEIGHTS_INT16, 0, 1, &packed).code, SNN_OK);
        snn_release(packed.data);
        assert_int_equal(all[k]->pack(&projection, SNN_WEIGHTS_INT16, 0, 0, &packed).code, SNN_OK);
        assert_int_equal(packed.bytes, 0);
        snn_release(packed.data);
    }
}
