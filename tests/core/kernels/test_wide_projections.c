/* Convolutions and dense operators of real layers' widths, where matrix hardware works on full tiles: every kernel
 * table against plain loops over the same spikes as bytes, exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/kernels/kernels.h"
#include "tests/core/kernels/random_case.h"
#include "tests/core/kernels/wide_case.h"
#include "tests/core/tables/tables.h"

enum { GUARD = 64 };

/* Taps of a dense operator: the whole source, seen from its one position. */
static snn_window taps_of(const wide_case *c)
{
    if (c->projection.op.kind == SNN_OPERATOR_CONVOLUTION) {
        return c->projection.op.window;
    }
    return (snn_window){.kernel = {c->pooled.height, c->pooled.width}, .stride = {1, 1}, .dilation = {1, 1}};
}

/* Wraps like the kernels' int32 sums: random weights may pass the range that real ones keep to. */
static uint32_t naive_product(const wide_case *c, int32_t step, int32_t row, int64_t position)
{
    const snn_operator *op = &c->projection.op;
    const snn_window taps = taps_of(c);
    const int32_t groups = op->kind == SNN_OPERATOR_CONVOLUTION ? op->groups : 1;
    const int32_t channels = op->source_channels / groups, group = row / (op->target_channels / groups);
    const int16_t *weights =
        (const int16_t *)c->projection.weights + (row - c->projection.row_begin) * snn_operator_row_length(op);
    int64_t sum = 0;
    for (int32_t tap = 0; tap < taps.kernel[0] * taps.kernel[1]; tap++, weights += channels) {
        const int32_t y = (int32_t)(position / op->target.width) * taps.stride[0] - taps.pad_begin[0] +
                          tap / taps.kernel[1] * taps.dilation[0];
        const int32_t x = (int32_t)(position % op->target.width) * taps.stride[1] - taps.pad_begin[1] +
                          tap % taps.kernel[1] * taps.dilation[1];
        if (y < 0 || y >= c->pooled.height || x < 0 || x >= c->pooled.width) {
            continue;
        }
        const int8_t *values =
            c->values +
            (step * snn_shape_positions(c->pooled) + (int64_t)y * c->pooled.width + x) * op->source_channels +
            (int64_t)group * channels;
        for (int32_t channel = 0; channel < channels; channel++) {
            sum += weights[channel] * values[channel];
        }
    }
    return (uint32_t)sum;
}

static void check_wide_case(const snn_kernels *kernels, wide_case *c, const int32_t *before, const int32_t *expected)
{
    const int64_t positions = c->tile.position_end - c->tile.position_begin;
    const int64_t count = c->tile.steps * positions * (c->tile.channel_end - c->tile.channel_begin);
    snn_packed packed;
    assert_int_equal(kernels->pack(&c->projection, SNN_WEIGHTS_INT16, c->row_begin, c->row_end, &packed).code, SNN_OK);
    int32_t *guarded = allocate(count + 2 * GUARD, sizeof *guarded);
    memset(guarded, 0x5a, (size_t)(count + 2 * GUARD) * sizeof *guarded);
    memcpy(guarded + GUARD, before, (size_t)count * sizeof *before);
    const int64_t scratch = kernels->scratch_bytes(&packed, positions, c->tile.steps);
    uint8_t *guarded_scratch = allocate(scratch + GUARD, 1);
    fill_random(guarded_scratch, (size_t)scratch);
    memset(guarded_scratch + scratch, 0x5a, GUARD);

    c->tile.accumulator = guarded + GUARD;
    c->tile.scratch = guarded_scratch;
    kernels->project(&packed, &c->source, &c->tile);
    for (int64_t i = 0; i < count; i++) {
        if (guarded[GUARD + i] != expected[i]) {
            fail_msg("%s: element %lld is %d, expected %d", kernels->name, (long long)i, guarded[GUARD + i],
                     expected[i]);
        }
    }
    for (int i = 0; i < GUARD; i++) {
        assert_int_equal(guarded[i], 0x5a5a5a5a);
        assert_int_equal(guarded[GUARD + count + i], 0x5a5a5a5a);
        assert_int_equal(guarded_scratch[scratch + i], 0x5a);
    }
    snn_release(guarded_scratch);
    snn_release(guarded);
    snn_release(packed.data);
}

static void check_operator(snn_operator op, weight_choice choice)
{
    wide_case c = random_wide_case(op, choice);
    const int64_t positions = c.tile.position_end - c.tile.position_begin;
    const int32_t owned = c.tile.channel_end - c.tile.channel_begin;
    const int64_t count = c.tile.steps * positions * owned;
    int32_t *before = allocate(count, sizeof *before), *expected = allocate(count, sizeof *expected);
    for (int64_t i = 0; i < count; i++) {
        const int32_t row = c.tile.channel_begin + (int32_t)(i % owned) - c.projection.op.target_channel;
        before[i] = expected[i] = random_int(-100000, 100000);
        if (row >= c.row_begin && row < c.row_end) {
            const int32_t step = (int32_t)(i / owned / positions);
            const uint32_t sum = naive_product(&c, step, row, c.tile.position_begin + i / owned % positions);
            expected[i] = (int32_t)((uint32_t)before[i] + sum);
        }
    }
    int32_t tables;
    const snn_kernels *const *all = all_tables(&tables);
    for (int32_t k = 0; k < tables; k++) {
        if (all[k]->available()) {
            check_wide_case(all[k], &c, before, expected);
        }
    }
    snn_release(expected);
    snn_release(before);
    free_wide_case(&c);
}

/* Layers of ResNet, VGG and the like, and neighbours of theirs that leave tiles half full. */
static void test_layers(void **state)
{
    (void)state;
    const snn_operator layers[] = {
        convolution(6, 64, 64, 1, square_window(3, 1, 1, 1)),  convolution(5, 128, 48, 1, square_window(3, 1, 1, 1)),
        convolution(4, 256, 33, 1, square_window(3, 1, 1, 1)), convolution(6, 256, 64, 1, square_window(1, 1, 1, 0)),
        convolution(7, 64, 128, 1, square_window(1, 2, 1, 0)), convolution(9, 64, 40, 1, square_window(3, 2, 1, 1)),
        convolution(9, 70, 31, 1, square_window(3, 1, 2, 2)),  convolution(7, 65, 17, 1, square_window(3, 3, 2, 2)),
        convolution(8, 16, 16, 1, square_window(3, 1, 1, 1)),  convolution(6, 32, 32, 1, square_window(3, 1, 1, 1)),
        convolution(9, 24, 20, 1, square_window(3, 2, 1, 1)),  convolution(11, 3, 64, 1, square_window(7, 2, 1, 3)),
        convolution(16, 3, 96, 1, square_window(4, 4, 1, 0)),  convolution(9, 13, 30, 1, square_window(5, 1, 2, 3)),
        convolution(6, 128, 64, 2, square_window(3, 1, 1, 1)), convolution(5, 96, 128, 4, square_window(3, 2, 1, 1)),
        convolution(5, 60, 200, 5, square_window(1, 1, 1, 0)), convolution(4, 200, 50, 1, square_window(2, 1, 1, 1)),
    };
    seed_random(11);
    for (int round = 0; round < WEIGHTS_CHOICES; round++) {
        for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
            check_operator(layers[i], (weight_choice)(((size_t)round + i) % WEIGHTS_CHOICES));
        }
    }
}

/* Depthwise layers, and such of small groups that begin and end anywhere in a vector. */
static void test_group_layers(void **state)
{
    (void)state;
    const snn_operator layers[] = {
        convolution(9, 40, 40, 40, square_window(7, 1, 1, 3)),  convolution(15, 33, 33, 33, square_window(3, 1, 1, 1)),
        convolution(12, 48, 48, 48, square_window(5, 2, 1, 2)), convolution(11, 20, 20, 20, square_window(3, 1, 2, 2)),
        convolution(7, 10, 30, 10, square_window(3, 1, 1, 1)),  convolution(9, 64, 64, 8, square_window(3, 1, 1, 1)),
        convolution(8, 64, 64, 16, square_window(3, 2, 1, 1)),  convolution(8, 21, 35, 7, square_window(3, 1, 1, 1)),
        convolution(8, 40, 24, 8, square_window(1, 1, 1, 0)),   convolution(6, 28, 12, 4, square_window(2, 1, 3, 1)),
        convolution(6, 36, 72, 4, square_window(3, 1, 1, 1)),   convolution(13, 24, 24, 24, square_window(4, 1, 2, 3)),
    };
    seed_random(15);
    for (int round = 0; round < WEIGHTS_CHOICES; round++) {
        for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
            check_operator(layers[i], (weight_choice)(((size_t)round + i) % WEIGHTS_CHOICES));
        }
    }
}

static void test_pooled_layers(void **state)
{
    (void)state;
    seed_random(12);
    for (int round = 0; round < 12; round++) {
        snn_operator op = convolution(9, random_int(8, 90), random_int(8, 60), 1, square_window(3, 1, 1, 1));
        op.pooled = true;
        op.pool = random_bool() ? square_window(2, 2, 1, 0) : random_window((const int32_t[]){9, 9}, 4);
        if (round % 3 == 0) {
            op.kind = SNN_OPERATOR_DENSE;
        }
        check_operator(op, (weight_choice)(round % WEIGHTS_CHOICES));
    }
}

static void test_dense_layers(void **state)
{
    (void)state;
    static const int32_t sizes[][3] = {{1, 512, 100}, {1, 1000, 33}, {4, 64, 40}, {3, 50, 20},
                                       {7, 3, 16},    {1, 2049, 10}, {2, 72, 70}, {5, 7, 64}};
    seed_random(13);
    for (size_t i = 0; i < 3 * sizeof sizes / sizeof sizes[0]; i++) {
        const int32_t *size = sizes[i % (sizeof sizes / sizeof sizes[0])];
        const snn_operator op = {.kind = SNN_OPERATOR_DENSE,
                                 .source = {size[0], size[0] + random_int(0, 1), 0},
                                 .source_channels = size[1],
                                 .target_channels = size[2],
                                 .groups = 1};
        check_operator(op, (weight_choice)(i / (sizeof sizes / sizeof sizes[0])));
    }
}

static void test_random_layers(void **state)
{
    (void)state;
    seed_random(14);
    for (int i = 0; i < 60; i++) {
        const int32_t groups = random_int(0, 3) == 0 ? random_int(2, 4) : 1;
        snn_operator op = {.kind = SNN_OPERATOR_CONVOLUTION,
                           .source = {random_int(1, 9), random_int(1, 20), 0},
                           .source_channels = groups * random_int(1, 140 / groups),
                           .target_channels = groups * random_int(1, 80 / groups),
                           .groups = groups};
        op.window = random_window((const int32_t[]){op.source.height, op.source.width}, 4);
        check_operator(op, (weight_choice)random_int(0, WEIGHTS_CHOICES - 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),       cmocka_unit_test(test_group_layers),  cmocka_unit_test(test_pooled_layers),
        cmocka_unit_test(test_dense_layers), cmocka_unit_test(test_random_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
