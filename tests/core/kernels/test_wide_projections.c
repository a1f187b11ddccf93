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

enum { GUARD = 64 };

/* Which weights: the whole range, its ends and the places where a byte carries, or what fits a byte. */
typedef enum weight_choice { WEIGHTS_ANY, WEIGHTS_EXTREME, WEIGHTS_BYTES, WEIGHTS_CHOICES } weight_choice;

typedef struct wide_case {
    snn_projection projection;
    snn_spikes source;
    snn_tile tile;
    int32_t row_begin, row_end; /* packed */
    snn_shape pooled;
    int8_t *values; /* [step][pooled position][source channel of the operator] */
} wide_case;

static int16_t random_weight(weight_choice choice)
{
    static const int16_t extremes[] = {-32768, -32767, 32767, 32513, 32640, -32513, -129, -128, -127, -1,  0,
                                       1,      127,    128,   129,   255,   256,    257,  -255, -256, -257};
    switch (choice) {
    case WEIGHTS_EXTREME:
        return extremes[random_int(0, (int32_t)(sizeof extremes / sizeof extremes[0]) - 1)];
    case WEIGHTS_BYTES:
        return (int16_t)random_int(INT8_MIN, INT8_MAX);
    case WEIGHTS_ANY:
    case WEIGHTS_CHOICES:
        break;
    }
    return (int16_t)random_int(INT16_MIN, INT16_MAX);
}

/* Spikes of the operator's source channels as +1 / -1, summed over the pool window. */
static void expand_values(wide_case *c)
{
    const snn_operator *op = &c->projection.op;
    const snn_window identity = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    const snn_window *pool = op->pooled ? &op->pool : &identity;
    const int64_t positions = snn_shape_positions(c->pooled);
    c->values = allocate(c->tile.steps * positions * op->source_channels, 1);
    for (int64_t i = 0; i < c->tile.steps * positions * op->source_channels; i++) {
        const int32_t bit = op->source_channel + (int32_t)(i % op->source_channels);
        const int32_t position = (int32_t)(i / op->source_channels % positions);
        const int32_t step = (int32_t)(i / op->source_channels / positions);
        const int32_t row = position / c->pooled.width, column = position % c->pooled.width;
        for (int32_t tap = 0; tap < pool->kernel[0] * pool->kernel[1]; tap++) {
            const int32_t y = row * pool->stride[0] - pool->pad_begin[0] + tap / pool->kernel[1] * pool->dilation[0];
            const int32_t x = column * pool->stride[1] - pool->pad_begin[1] + tap % pool->kernel[1] * pool->dilation[1];
            if (y >= 0 && y < op->source.height && x >= 0 && x < op->source.width) {
                const uint8_t *bits = snn_spikes_plane(&c->source, step, c->tile.image) +
                                      ((int64_t)y * op->source.width + x) * c->source.row_bytes;
                c->values[i] = (int8_t)(c->values[i] + ((bits[bit / 8] >> (bit % 8) & 1) != 0 ? 1 : -1));
            }
        }
    }
}

static wide_case random_wide_case(snn_operator op, weight_choice choice)
{
    wide_case c = {.projection = {.source = 0, .target = 1}, .pooled = {op.source.height, op.source.width, 0}};
    if (op.pooled) {
        c.pooled.height = window_output(&op.pool, 0, op.source.height);
        c.pooled.width = window_output(&op.pool, 1, op.source.width);
    }
    op.target.height = op.target.width = 1;
    if (op.kind == SNN_OPERATOR_CONVOLUTION) {
        op.target.height = window_output(&op.window, 0, c.pooled.height);
        op.target.width = window_output(&op.window, 1, c.pooled.width);
    }
    op.source_channel = random_bool() ? random_int(0, 70) : 0;
    op.target_channel = random_bool() ? random_int(0, 20) : 0;
    op.source.channels = op.source_channel + op.source_channels + (random_bool() ? random_int(0, 9) : 0);
    op.target.channels = op.target_channel + op.target_channels + random_int(0, 9);
    snn_projection *p = &c.projection;
    p->op = op;
    random_range(0, op.target_channels, &p->row_begin, &p->row_end);
    random_range(p->row_begin, p->row_end, &c.row_begin, &c.row_end);
    const int64_t count = (p->row_end - p->row_begin) * snn_operator_row_length(&op);
    int16_t *weights = allocate(count, sizeof *weights);
    for (int64_t i = 0; i < count; i++) {
        weights[i] = random_weight(choice);
    }
    p->weights = weights;

    c.tile.steps = random_bool() ? 1 << random_int(0, 4) : random_int(1, 16);
    const int32_t images = random_int(1, 2);
    c.tile.image = images - 1;
    c.source = random_spikes(snn_shape_positions(op.source), op.source.channels, images, c.tile.steps);
    int32_t begin, end;
    random_range(0, (int32_t)snn_shape_positions(op.target), &begin, &end);
    c.tile.position_begin = begin;
    c.tile.position_end = end;
    c.tile.channel_begin = random_int(0, op.target_channel + c.row_begin);
    c.tile.channel_end = random_int(op.target_channel + c.row_end, op.target.channels);
    expand_values(&c);
    return c;
}

static void free_wide_case(wide_case *c)
{
    snn_release(c->values);
    snn_release(c->source.bits);
    snn_release(c->projection.weights);
}

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
    const snn_kernels *const *all = snn_kernels_all(&tables);
    for (int32_t k = 0; k < tables; k++) {
        if (all[k]->available()) {
            check_wide_case(all[k], &c, before, expected);
        }
    }
    snn_release(expected);
    snn_release(before);
    free_wide_case(&c);
}

static snn_window square_window(int32_t kernel, int32_t stride, int32_t dilation, int32_t pad)
{
    return (snn_window){.kernel = {kernel, kernel},
                        .stride = {stride, stride},
                        .dilation = {dilation, dilation},
                        .pad_begin = {pad, pad},
                        .pad_end = {pad, pad}};
}

static snn_operator convolution(int32_t size, int32_t source_channels, int32_t target_channels, int32_t groups,
                                snn_window window)
{
    return (snn_operator){.kind = SNN_OPERATOR_CONVOLUTION,
                          .source = {size, size, 0},
                          .source_channels = source_channels,
                          .target_channels = target_channels,
                          .groups = groups,
                          .window = window};
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
    for (int round = 0; round < 3; round++) {
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
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_pooled_layers),
        cmocka_unit_test(test_dense_layers),
        cmocka_unit_test(test_random_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
