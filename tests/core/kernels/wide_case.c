#include "tests/core/kernels/wide_case.h"

#include "core/base/memory.h"
#include "tests/core/kernels/random_case.h"

static int16_t random_weight(weight_choice choice)
{
    static const int16_t extremes[] = {-32768, -32767, 32767, 32513, 32640, -32513, -129, -128, -127, -1,  0,
                                       1,      127,    128,   129,   255,   256,    257,  -255, -256, -257};
    switch (choice) {
    case WEIGHTS_EXTREME:
        return extremes[random_int(0, (int32_t)(sizeof extremes / sizeof extremes[0]) - 1)];
    case WEIGHTS_LOWEST:
        return (int16_t)(random_int(0, 3) == 0 ? INT16_MAX : INT16_MIN);
    case WEIGHTS_TERNARY:
        return (int16_t)random_int(-1, 1);
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

wide_case random_wide_case(snn_operator op, weight_choice choice)
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
    if (op.kind == SNN_OPERATOR_DIAGONAL) {
        op.target.height = op.source.height;
        op.target.width = op.source.width;
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
    p->weights = allocate(count, sizeof(int32_t)); /* of diagonal operators; half would do for the others */
    for (int64_t i = 0; i < count; i++) {
        if (op.kind == SNN_OPERATOR_DIAGONAL) {
            ((int32_t *)p->weights)[i] = random_int(-1000000, 1000000);
        } else {
            ((int16_t *)p->weights)[i] = random_weight(choice);
        }
    }

    c.tile.steps = random_bool() ? 1 << random_int(0, 5) : random_int(1, 20);
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

void free_wide_case(wide_case *c)
{
    snn_release(c->values);
    snn_release(c->source.bits);
    snn_release(c->projection.weights);
}

snn_window square_window(int32_t kernel, int32_t stride, int32_t dilation, int32_t pad)
{
    return (snn_window){.kernel = {kernel, kernel},
                        .stride = {stride, stride},
                        .dilation = {dilation, dilation},
                        .pad_begin = {pad, pad},
                        .pad_end = {pad, pad}};
}

snn_operator convolution(int32_t size, int32_t source_channels, int32_t target_channels, int32_t groups,
                         snn_window window)
{
    return (snn_operator){.kind = SNN_OPERATOR_CONVOLUTION,
                          .source = {size, size, 0},
                          .source_channels = source_channels,
                          .target_channels = target_channels,
                          .groups = groups,
                          .window = window};
}
