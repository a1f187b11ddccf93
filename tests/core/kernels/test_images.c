/* What a graded image adds, of every kernel table, against loops over the taps of one element in 64-bit integers, or in
 * floats: the same bits, with guards around what may be written. */
#include "tests/core/kernels/test_kernels.h"

#include <math.h>
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

enum { GUARD = 64, MOST_PRODUCTS = 2, CASES = 500 };

/* Projections from one image onto channels [begin, end) of one target. */
typedef struct image_case {
    project_case of[MOST_PRODUCTS];
    int32_t count, begin, end;
    float *pixels, *step;
} image_case;

/* A sum of weights times pixels. */
typedef struct naive_sum {
    int64_t whole;
    float real;
} naive_sum;

static void add_pixel(naive_sum *sum, const image_case *c, const snn_operator *op, int64_t y, int64_t x,
                      int64_t channel)
{
    if (y < 0 || y >= op->source.height || x < 0 || x >= op->source.width) {
        return;
    }
    const float pixel = c->pixels[(y * op->source.width + x) * op->source.channels + op->source_channel + channel];
    const double limit = INT32_MAX, scaled = isnan(pixel) ? limit : (double)pixel * 65536.0;
    sum->whole += llrint(fmin(fmax(scaled, -limit), limit));
    sum->real += pixel;
}

/* What a weight has to do with an element of the pooled source. */
static void add_tap(naive_sum *sum, const image_case *c, const project_case *of, int64_t weight, int64_t y, int64_t x,
                    int64_t channel)
{
    const snn_operator *op = &of->projection.op;
    const snn_shape pooled = snn_operator_pooled_shape(op);
    if (y < 0 || y >= pooled.height || x < 0 || x >= pooled.width) {
        return;
    }
    naive_sum element = {0};
    if (!op->pooled) {
        add_pixel(&element, c, op, y, x, channel);
    }
    for (int64_t i = 0; op->pooled && i < op->pool.kernel[0]; i++) {
        for (int64_t j = 0; j < op->pool.kernel[1]; j++) {
            add_pixel(&element, c, op, y * op->pool.stride[0] - op->pool.pad_begin[0] + i * op->pool.dilation[0],
                      x * op->pool.stride[1] - op->pool.pad_begin[1] + j * op->pool.dilation[1], channel);
        }
    }
    const void *weights = of->projection.weights;
    if (of->format == SNN_WEIGHTS_FLOAT32) {
        sum->real += ((const float *)weights)[weight] * element.real;
    } else if (snn_weight_bytes(of->format, op->kind) == (int64_t)sizeof(int16_t)) {
        sum->whole += ((const int16_t *)weights)[weight] * element.whole;
    } else {
        sum->whole += ((const int32_t *)weights)[weight] * element.whole;
    }
}

static void add_row(naive_sum *sum, const image_case *c, const project_case *of, int32_t row, int64_t position)
{
    const snn_projection *p = &of->projection;
    const snn_operator *op = &p->op;
    const snn_window *window = &op->window;
    const snn_shape pooled = snn_operator_pooled_shape(op);
    const int64_t length = snn_operator_row_length(op), first = (row - p->row_begin) * length;
    const int64_t y = position / op->target.width, x = position % op->target.width;
    for (int64_t k = 0; op->kind == SNN_OPERATOR_CONVOLUTION && k < length; k++) {
        const int32_t sources = op->source_channels / op->groups, targets = op->target_channels / op->groups;
        add_tap(sum, c, of, first + k,
                y * window->stride[0] - window->pad_begin[0] + k / sources / window->kernel[1] * window->dilation[0],
                x * window->stride[1] - window->pad_begin[1] + k / sources % window->kernel[1] * window->dilation[1],
                row / targets * sources + k % sources);
    }
    for (int64_t k = 0; op->kind == SNN_OPERATOR_DENSE && k < length; k++) {
        const int64_t at = k / pooled.channels;
        add_tap(sum, c, of, first + k, at / pooled.width, at % pooled.width, k % pooled.channels);
    }
    if (op->kind == SNN_OPERATOR_DIAGONAL) {
        add_tap(sum, c, of, first, y, x, row);
    }
    if (op->kind == SNN_OPERATOR_GATHER && p->index[first + position] >= 0) {
        const int64_t element = p->index[first + position], at = element / pooled.channels;
        add_tap(sum, c, of, first + position, at / pooled.width, at % pooled.width, element % pooled.channels);
    }
}

static float naive_current(const image_case *c, int64_t position, int32_t channel)
{
    naive_sum sum = {0};
    for (int32_t i = 0; i < c->count; i++) {
        const int32_t row = channel - c->of[i].projection.op.target_channel;
        if (row >= c->of[i].row_begin && row < c->of[i].row_end) {
            naive_sum product = {0};
            add_row(&product, c, &c->of[i], row, position);
            sum.whole += product.whole;
            sum.real += product.real;
        }
    }
    const float step = c->step[channel - c->begin];
    return c->of[0].format == SNN_WEIGHTS_FLOAT32
               ? sum.real * step
               : (float)ldexp((double)sum.whole * step, -16 - c->of[0].projection.shift);
}

/* Pixels as images have them, or such that fixed point ends. */
static void random_pixels(image_case *c, int64_t count)
{
    static const float scales[] = {1e-4F, 1.0F, 2.7F, 300.0F, 32767.0F};
    static const float special[] = {32767.9F, -32768.0F, 1e30F, -INFINITY, NAN, -0.0F, 1.5F / 65536, 2.5F / 65536};
    const float scale = scales[random_int(0, 4)];
    const bool strange = c->of[0].format != SNN_WEIGHTS_FLOAT32 && random_int(0, 3) == 0;
    c->pixels = allocate(count, sizeof *c->pixels);
    for (int64_t i = 0; i < count; i++) {
        c->pixels[i] = strange && random_bool() ? special[random_int(0, 7)] : random_float(scale);
    }
}

/* An image of the usual kind: several blocks of positions and rows, all channels. */
static void make_image(project_case *of)
{
    snn_projection *p = &of->projection;
    snn_operator *op = &p->op;
    snn_release(p->weights);
    op->pooled = op->pooled && random_bool();
    op->groups = 1;
    op->source = (snn_shape){random_int(1, 24), random_int(1, 40), random_int(1, 4)};
    op->source_channel = 0;
    op->source_channels = op->source.channels;
    if (op->pooled) {
        op->pool = random_window((const int32_t[]){op->source.height, op->source.width}, 3);
    }
    const snn_shape pooled = snn_operator_pooled_shape(op);
    op->window = random_window((const int32_t[]){pooled.height, pooled.width}, 7);
    op->target.height = window_output(&op->window, 0, pooled.height);
    op->target.width = window_output(&op->window, 1, pooled.width);
    const int64_t count = (p->row_end - p->row_begin) * snn_operator_row_length(op);
    const bool largest = random_int(0, 3) == 0;
    p->weights = allocate(count, sizeof(int32_t));
    for (int64_t i = 0; i < count; i++) {
        if (of->format == SNN_WEIGHTS_FLOAT32) {
            ((float *)p->weights)[i] = random_float(1.0F);
        } else {
            ((int16_t *)p->weights)[i] = (int16_t)(largest ? INT16_MIN : random_int(INT16_MIN, INT16_MAX));
        }
    }
}

static image_case random_image_case(snn_operator_kind kind, snn_weight_format format, bool image)
{
    image_case c = {.count = 1, .of = {random_project_case(kind, format, false)}};
    if (image) {
        make_image(&c.of[0]);
    }
    const snn_operator *op = &c.of[0].projection.op;
    c.begin = op->target_channel + c.of[0].row_begin;
    c.end = op->target_channel + c.of[0].row_end;
    c.of[0].projection.shift = random_int(0, 3);
    if (random_bool()) { /* the same again, a channel further on */
        c.of[c.count] = c.of[0];
        c.of[c.count++].projection.op.target_channel++;
        c.end++;
    }
    c.begin = random_int(0, c.begin);
    c.end += random_int(0, 3);
    c.step = allocate(c.end - c.begin, sizeof *c.step);
    for (int32_t i = 0; i < c.end - c.begin; i++) {
        c.step[i] = random_float(1e-3F);
    }
    random_pixels(&c, snn_shape_size(op->source));
    return c;
}

static void check_image(const snn_kernels *kernels, const image_case *c, const float *expected)
{
    const snn_shape target = c->of[0].projection.op.target;
    const int64_t count = snn_shape_positions(target) * (c->end - c->begin);
    snn_packed packed[MOST_PRODUCTS];
    for (int32_t i = 0; i < c->count; i++) {
        const project_case *of = &c->of[i];
        assert_int_equal(kernels->pack_image(&of->projection, of->format, of->row_begin, of->row_end, &packed[i]).code,
                         SNN_OK);
    }
    const int64_t bytes = kernels->image_scratch_bytes(packed, c->count, c->end - c->begin);
    uint8_t *scratch = allocate(bytes + GUARD, 1), *graded = allocate(count * 4 + 2 * GUARD, 1);
    fill_random(scratch, (size_t)bytes);
    memset(scratch + bytes, 0x5a, GUARD);
    memset(graded, 0x5a, (size_t)count * sizeof(float) + 2 * GUARD);
    snn_image_tile tile = {.packed = packed,
                           .count = c->count,
                           .channel_begin = c->begin,
                           .channel_end = c->end,
                           .pixels = c->pixels,
                           .step = c->step,
                           .scratch = scratch};
    const int64_t row = (int64_t)target.width * (c->end - c->begin);
    for (; tile.row_begin < target.height; tile.row_begin = tile.row_end) {
        const int32_t rest = target.height - tile.row_begin;
        tile.row_end = tile.row_begin + random_int(1, rest < SNN_IMAGE_ROWS ? rest : SNN_IMAGE_ROWS);
        tile.graded = (float *)(void *)(graded + GUARD) + tile.row_begin * row;
        kernels->project_image(&tile);
    }
    if (memcmp(graded + GUARD, expected, (size_t)count * sizeof *expected) != 0) {
        fail_msg("%s: %s differs", kernels->name, snn_operator_kind_name(c->of[0].projection.op.kind));
    }
    for (int i = 0; i < GUARD; i++) {
        assert_int_equal(scratch[bytes + i], 0x5a);
        assert_int_equal(graded[i], 0x5a);
        assert_int_equal(graded[GUARD + count * (int64_t)sizeof(float) + i], 0x5a);
    }
    for (int32_t i = 0; i < c->count; i++) {
        snn_release(packed[i].data);
    }
    snn_release(scratch);
    snn_release(graded);
}

static void check_images(snn_operator_kind kind, snn_weight_format format, bool image)
{
    int32_t count;
    const snn_kernels *const *all = all_tables(&count);
    image_case c = random_image_case(kind, format, image);
    const int64_t positions = snn_shape_positions(c.of[0].projection.op.target), channels = c.end - c.begin;
    float *expected = allocate(positions * channels, sizeof *expected);
    for (int64_t i = 0; i < positions * channels; i++) {
        expected[i] = naive_current(&c, i / channels, c.begin + (int32_t)(i % channels));
    }
    for (int32_t k = 0; k < count; k++) {
        if (all[k]->available()) {
            check_image(all[k], &c, expected);
        }
    }
    snn_release(expected);
    snn_release(c.pixels);
    snn_release(c.step);
    free_project_case(&c.of[0]);
}

void test_images(void **state)
{
    (void)state;
    static const snn_operator_kind kinds[] = {SNN_OPERATOR_CONVOLUTION, SNN_OPERATOR_DENSE, SNN_OPERATOR_DIAGONAL,
                                              SNN_OPERATOR_GATHER};
    static const snn_weight_format formats[] = {SNN_WEIGHTS_INT16, SNN_WEIGHTS_FLOAT32, SNN_WEIGHTS_INT8};
    seed_random(301);
    for (int i = 0; i < CASES; i++) {
        check_images(kinds[i % 4], formats[i % 3], false);
    }
    for (int i = 0; i < CASES / 5; i++) {
        check_images(SNN_OPERATOR_CONVOLUTION, formats[i % 2], true);
    }
}
