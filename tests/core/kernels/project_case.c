#include "tests/core/kernels/project_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "tests/core/kernels/random_case.h"

enum { GUARD = 64, LARGEST_CODE = 510, MIXING_DIVISOR = 64 };

static bool fires(const project_case *c, int32_t plane, int64_t position, int32_t channel)
{
    return snn_spikes_fired(&c->source, plane, c->tile.image, position, channel);
}

/* A spike, or with codes what the steps of a window add up to. */
static int32_t source_value(const project_case *c, int32_t step, int64_t position, int32_t channel)
{
    if (c->integers != NULL) {
        return c->integers[position * c->projection.op.source.channels + channel];
    }
    if (!c->coded) {
        return fires(c, step, position, channel) ? 1 : -1;
    }
    int32_t value = step < c->codes.rest_steps ? c->codes.rest[channel] : 0;
    for (int32_t j = c->codes.begin[step]; j < c->codes.end[step]; j++) {
        value -= c->codes.magnitude[j] * (fires(c, j, position, channel) ? 1 : -1);
    }
    return value;
}

static int32_t pooled_value(const project_case *c, int32_t step, int32_t row, int32_t column, int32_t channel)
{
    const snn_operator *op = &c->projection.op;
    const snn_window identity = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    const snn_window *pool = op->pooled ? &op->pool : &identity;
    int32_t value = op->pooled == SNN_POOLS_MAXIMA ? INT32_MIN : 0;
    for (int32_t i = 0; i < pool->kernel[0]; i++) {
        for (int32_t j = 0; j < pool->kernel[1]; j++) {
            const int32_t y = row * pool->stride[0] - pool->pad_begin[0] + i * pool->dilation[0];
            const int32_t x = column * pool->stride[1] - pool->pad_begin[1] + j * pool->dilation[1];
            if (y >= 0 && y < op->source.height && x >= 0 && x < op->source.width) {
                const int32_t seen =
                    source_value(c, step, (int64_t)y * op->source.width + x, op->source_channel + channel);
                value = op->pooled == SNN_POOLS_MAXIMA ? (seen > value ? seen : value) : value + seen;
            }
        }
    }
    return value;
}

static snn_shape pooled_shape(const snn_operator *op)
{
    snn_shape shape = {op->source.height, op->source.width, op->source_channels};
    if (op->pooled) {
        shape.height = window_output(&op->pool, 0, op->source.height);
        shape.width = window_output(&op->pool, 1, op->source.width);
    }
    return shape;
}

/* A sum of weights times values, as integer or float32 whichever the format asks for. */
typedef struct naive_sum {
    const project_case *c;
    int64_t whole;
    float real;
} naive_sum;

static void add_product(naive_sum *sum, int64_t weight, int32_t value)
{
    const snn_projection *p = &sum->c->projection;
    if (sum->c->format == SNN_WEIGHTS_FLOAT32) {
        sum->real = sum->real + ((const float *)p->weights)[weight] * (float)value;
    } else if (p->op.kind == SNN_OPERATOR_CONVOLUTION || p->op.kind == SNN_OPERATOR_DENSE) {
        sum->whole += (int64_t)((const int16_t *)p->weights)[weight] * value;
    } else {
        sum->whole += (int64_t)((const int32_t *)p->weights)[weight] * value;
    }
}

static void naive_convolution(naive_sum *sum, int32_t step, int32_t row, int64_t position, int64_t weight)
{
    const snn_operator *op = &sum->c->projection.op;
    const snn_window *window = &op->window;
    const snn_shape pooled = pooled_shape(op);
    const int32_t group_channels = op->source_channels / op->groups;
    const int32_t group = row / (op->target_channels / op->groups);
    for (int32_t i = 0; i < window->kernel[0]; i++) {
        for (int32_t j = 0; j < window->kernel[1]; j++) {
            const int32_t y = (int32_t)(position / op->target.width) * window->stride[0] - window->pad_begin[0] +
                              i * window->dilation[0];
            const int32_t x = (int32_t)(position % op->target.width) * window->stride[1] - window->pad_begin[1] +
                              j * window->dilation[1];
            for (int32_t k = 0; k < group_channels; k++, weight++) {
                if (y >= 0 && y < pooled.height && x >= 0 && x < pooled.width) {
                    add_product(sum, weight, pooled_value(sum->c, step, y, x, group * group_channels + k));
                }
            }
        }
    }
}

static naive_sum naive_tokens(const project_case *c, int32_t step, int32_t row, int64_t position, int64_t weight)
{
    const snn_projection *p = &c->projection;
    const snn_shape pooled = pooled_shape(&p->op);
    const int32_t sources = pooled.height * pooled.width;
    naive_sum sum = {.c = c};
    for (int32_t i = 0; i < sources; i++) {
        const int32_t value = pooled_value(c, step, i / pooled.width, i % pooled.width, row);
        if (c->format == SNN_WEIGHTS_FLOAT32) {
            sum.real = sum.real + ((const float *)p->mixing)[position * sources + i] * (float)value;
        } else {
            sum.whole += (int64_t)((const int16_t *)p->mixing)[position * sources + i] * value;
        }
    }
    if (c->integers != NULL) {
        sum.whole = (int64_t)floor(ldexp((double)sum.whole, -p->shift) + 0.5);
    }
    if (c->format == SNN_WEIGHTS_FLOAT32) {
        sum.real = ((const float *)p->weights)[weight] * sum.real;
    } else {
        /* 16 fraction bits, a half upwards */
        sum.whole = (int64_t)floor((double)sum.whole * ((const int32_t *)p->weights)[weight] / 65536.0 + 0.5);
    }
    return sum;
}

static naive_sum naive_product(const project_case *c, int32_t step, int32_t row, int64_t position)
{
    const snn_projection *p = &c->projection;
    const snn_shape pooled = pooled_shape(&p->op);
    const int64_t first = (row - p->row_begin) * snn_operator_row_length(&p->op);
    naive_sum sum = {.c = c};
    switch (p->op.kind) {
    case SNN_OPERATOR_CONVOLUTION:
        naive_convolution(&sum, step, row, position, first);
        break;
    case SNN_OPERATOR_DENSE:
        for (int32_t k = 0; k < snn_shape_size(pooled); k++) {
            const int32_t at = k / pooled.channels;
            add_product(&sum, first + k,
                        pooled_value(c, step, at / pooled.width, at % pooled.width, k % pooled.channels));
        }
        break;
    case SNN_OPERATOR_DIAGONAL:
        add_product(&sum, first,
                    pooled_value(c, step, (int32_t)(position / pooled.width), (int32_t)(position % pooled.width), row));
        break;
    case SNN_OPERATOR_GATHER: {
        const int32_t index = p->index[first + position];
        if (index >= 0) {
            const int32_t at = index / pooled.channels;
            add_product(&sum, first + position,
                        pooled_value(c, step, at / pooled.width, at % pooled.width, index % pooled.channels));
        }
        break;
    }
    case SNN_OPERATOR_TOKENS:
        return naive_tokens(c, step, row, position, first);
    case SNN_OPERATOR_KIND_COUNT:
        fail();
    }
    return sum;
}

static void random_channels(snn_operator *op)
{
    op->groups = 1;
    op->source_channels = random_int(1, random_bool() ? 70 : 12);
    op->target_channels = random_int(1, random_bool() ? 40 : 6);
    if (op->kind == SNN_OPERATOR_DIAGONAL || op->kind == SNN_OPERATOR_TOKENS) {
        op->target_channels = op->source_channels;
    } else if (op->kind == SNN_OPERATOR_CONVOLUTION && random_bool()) {
        const bool depthwise = random_bool();
        op->groups = random_int(1, depthwise ? 40 : 4);
        op->source_channels = op->groups * (depthwise ? 1 : random_int(1, 9));
        op->target_channels = op->groups * (depthwise && random_bool() ? 1 : random_int(1, 6));
    }
    op->source_channel = random_bool() ? random_int(0, 20) : 0;
    op->target_channel = random_bool() ? random_int(0, 20) : 0;
    op->source.channels = op->source_channel + op->source_channels + random_int(0, 9);
    op->target.channels = op->target_channel + op->target_channels + random_int(0, 9);
}

static snn_operator random_operator(snn_operator_kind kind)
{
    snn_operator op = {.kind = kind, .source = {random_int(1, 7), random_int(1, 7), 0}};
    if (kind == SNN_OPERATOR_TOKENS && random_bool()) {
        op.source.height = random_int(8, 25);
    }
    random_channels(&op);
    op.pooled = random_int(0, 2) == 0 ? SNN_POOLS_SUMS : SNN_POOLS_NOTHING;
    if (op.pooled) {
        op.pool = random_window((const int32_t[]){op.source.height, op.source.width}, 4);
    }
    const snn_shape pooled = pooled_shape(&op);
    switch (kind) {
    case SNN_OPERATOR_CONVOLUTION:
        op.window = random_window((const int32_t[]){pooled.height, pooled.width}, 5);
        op.target.height = window_output(&op.window, 0, pooled.height);
        op.target.width = window_output(&op.window, 1, pooled.width);
        break;
    case SNN_OPERATOR_DENSE:
        op.target.height = op.target.width = 1;
        break;
    case SNN_OPERATOR_TOKENS: /* more positions than a tile has rows, more sources than a slice of the matrix */
        op.target.height = random_int(1, random_bool() ? 12 : 5);
        op.target.width = random_int(1, 5);
        break;
    case SNN_OPERATOR_GATHER:
        op.target.height = random_int(1, 5);
        op.target.width = random_int(1, 5);
        break;
    case SNN_OPERATOR_DIAGONAL:
    case SNN_OPERATOR_KIND_COUNT:
        op.target.height = pooled.height;
        op.target.width = pooled.width;
        break;
    }
    return op;
}

/* Whether all windows of the pool see some position, as those of maxima do. */
static bool sees_everywhere(const snn_operator *op)
{
    const snn_shape pooled = pooled_shape(op);
    bool sees = true;
    for (int axis = 0; axis < 2; axis++) {
        const int32_t size = axis == 0 ? op->source.height : op->source.width;
        for (int32_t i = 0; i < (axis == 0 ? pooled.height : pooled.width); i++) {
            bool some = false;
            for (int32_t j = 0; j < op->pool.kernel[axis]; j++) {
                const int32_t at = i * op->pool.stride[axis] - op->pool.pad_begin[axis] + j * op->pool.dilation[axis];
                some = some || (at >= 0 && at < size);
            }
            sees = sees && some;
        }
    }
    return sees;
}

/* Up to which weights sums of codes stay within 32 bits. */
static int32_t largest_weight(const project_case *c)
{
    const snn_operator *op = &c->projection.op;
    const double area = op->pooled ? op->pool.kernel[0] * op->pool.kernel[1] : 1;
    const bool product = op->kind == SNN_OPERATOR_CONVOLUTION || op->kind == SNN_OPERATOR_DENSE;
    const double terms = product ? (double)snn_operator_row_length(op) : 1.0;
    return (int32_t)(2e9 / (terms * area * c->largest_code));
}

static void random_weights(project_case *c)
{
    snn_projection *p = &c->projection;
    const int64_t count = (p->row_end - p->row_begin) * snn_operator_row_length(&p->op);
    const bool narrow = p->op.kind == SNN_OPERATOR_CONVOLUTION || p->op.kind == SNN_OPERATOR_DENSE;
    /* What tokens mix is weighted again: small weights keep the sums in range. */
    int32_t wide = p->op.kind == SNN_OPERATOR_TOKENS ? 2000000 : 10000000, largest = INT16_MAX;
    if (c->coded) {
        wide = p->op.kind == SNN_OPERATOR_TOKENS ? 3 << SNN_TOKENS_FRACTION_BITS : largest_weight(c);
        largest = largest_weight(c) < largest ? largest_weight(c) : largest;
    }
    const bool bytes = largest >= INT8_MAX && random_bool();
    largest = bytes ? INT8_MAX : largest;
    p->weights = allocate(count, sizeof(int32_t));
    for (int64_t i = 0; i < count; i++) {
        if (c->format == SNN_WEIGHTS_FLOAT32) {
            ((float *)p->weights)[i] = random_float(1.0F);
        } else if (narrow) {
            ((int16_t *)p->weights)[i] = (int16_t)random_int(-largest - (c->coded ? 0 : 1), largest);
        } else {
            ((int32_t *)p->weights)[i] = random_int(-wide, wide);
        }
    }
    if (p->op.kind == SNN_OPERATOR_GATHER) {
        const int32_t elements = (int32_t)snn_shape_size(pooled_shape(&p->op));
        p->index = allocate(count, sizeof p->index[0]);
        for (int64_t i = 0; i < count; i++) {
            p->index[i] = random_int(-1, elements - 1);
        }
    }
}

static void random_mixing(project_case *c)
{
    snn_projection *p = &c->projection;
    const snn_shape pooled = pooled_shape(&p->op);
    const int64_t count = snn_shape_positions(p->op.target) * snn_shape_positions(pooled);
    /* Codes of some hundred positions must stay in range. */
    const int32_t divisor = c->coded ? MIXING_DIVISOR * c->largest_code / LARGEST_CODE : 1;
    p->mixing = allocate(count, sizeof(float));
    for (int64_t i = 0; i < count; i++) {
        if (c->format == SNN_WEIGHTS_FLOAT32) {
            ((float *)p->mixing)[i] = random_float(1.0F);
        } else {
            /* The ends, and where a limb carries, as well as anything between. */
            static const int16_t special[] = {INT16_MIN, INT16_MAX, -1, 127, 128, 255, 256, -128, -129, -256, -257};
            ((int16_t *)p->mixing)[i] = random_int(0, 3) == 0
                                            ? special[random_int(0, (int32_t)(sizeof special / sizeof special[0]) - 1)]
                                            : (int16_t)random_int(INT16_MIN, INT16_MAX);
            ((int16_t *)p->mixing)[i] = (int16_t)(((int16_t *)p->mixing)[i] / divisor);
        }
    }
}

/* All steps of the window at every step, and resting states that make 0 a code, or close to it. */
static void make_codes_whole(project_case *c, int32_t *rest, const int32_t *magnitude)
{
    int32_t sum = 0;
    for (int32_t j = 0; j < c->planes; j++) {
        sum += magnitude[j];
    }
    const int32_t off = random_int(0, 3) == 0 ? random_int(0, 3) : 0; /* then some are no bytes */
    for (int32_t i = 0; i < c->projection.op.source.channels; i++) {
        rest[i] = sum - 2 * random_int(0, sum) + off;
    }
    c->codes.rest_steps = c->tile.steps;
    for (int32_t step = 0; step < c->tile.steps; step++) {
        c->codes.begin[step] = 0;
        c->codes.end[step] = c->planes;
    }
}

/* Steps of the window that steps take one by one, several at a time, over and over, or not at all. */
static void random_codes(project_case *c)
{
    const int32_t planes = c->planes;
    const bool doubling = planes <= 8 && random_bool(); /* bytes as they are */
    int32_t *rest = allocate(c->projection.op.source.channels, sizeof *rest);
    int32_t *magnitude = allocate(planes, sizeof *magnitude);
    for (int32_t i = 0; i < c->projection.op.source.channels; i++) {
        rest[i] = random_int(-c->largest_code / 2, c->largest_code / 2);
    }
    for (int32_t j = 0; j < planes; j++) {
        magnitude[j] = doubling ? 1 << (planes - 1 - j) : random_int(1, c->largest_code / 2 / planes);
    }
    c->codes.rest = rest;
    c->codes.magnitude = magnitude;
    c->codes.rest_steps = random_int(0, c->tile.steps);
    for (int32_t step = 0; step < c->tile.steps; step++) {
        c->codes.begin[step] = random_int(0, planes);
        c->codes.end[step] = random_bool() ? planes : random_int(c->codes.begin[step], planes);
    }
    c->whole = random_bool();
    if (c->whole) {
        make_codes_whole(c, rest, magnitude);
    }
}

project_case random_project_case(snn_operator_kind kind, snn_weight_format format, bool coded)
{
    project_case c = {
        .format = format, .coded = coded, .projection = {.source = 0, .target = 1, .op = random_operator(kind)}};
    snn_projection *p = &c.projection;
    c.largest_code = LARGEST_CODE; /* of which steps add up to a byte */
    if (random_int(0, 3) == 0) {   /* or more; sums over a pool still are words */
        c.largest_code = SNN_CODE_LIMIT / (p->op.pooled != SNN_POOLS_NOTHING ? 2 : 1);
    }
    if (coded && p->op.pooled != SNN_POOLS_NOTHING && sees_everywhere(&p->op) && random_bool()) {
        p->op.pooled = SNN_POOLS_MAXIMA;
    }
    random_range(0, p->op.target_channels, &p->row_begin, &p->row_end);
    random_range(p->row_begin, p->row_end, &c.row_begin, &c.row_end);
    random_weights(&c);
    if (kind == SNN_OPERATOR_TOKENS) {
        random_mixing(&c);
    }

    c.tile.steps = random_int(1, 9);
    const int32_t images = random_int(1, 3);
    c.tile.image = random_int(0, images - 1);
    c.planes = coded ? random_int(1, 10) : c.tile.steps;
    c.source = (coded ? random_windows : random_spikes)(snn_shape_positions(p->op.source), p->op.source.channels,
                                                        images, c.planes);
    if (coded) {
        random_codes(&c);
        c.tile.steps = c.whole && random_bool() ? 1 : c.tile.steps; /* where bytes are read in place */
    }
    int32_t begin, end;
    random_range(0, (int32_t)snn_shape_positions(p->op.target), &begin, &end);
    c.tile.position_begin = begin;
    c.tile.position_end = end;
    c.tile.channel_begin = random_int(0, p->op.target_channel + c.row_begin);
    c.tile.channel_end = random_int(p->op.target_channel + c.row_end, p->op.target.channels);
    c.tile.fresh = random_bool();
    return c;
}

static void check_projected(const project_case *c, const int32_t *before, const int32_t *after, const char *isa)
{
    const int64_t positions = c->tile.position_end - c->tile.position_begin;
    const int32_t owned = c->tile.channel_end - c->tile.channel_begin;
    for (int64_t i = 0; i < c->tile.steps * positions * owned; i++) {
        const int32_t row = c->tile.channel_begin + (int32_t)(i % owned) - c->projection.op.target_channel;
        int32_t expected = before[i];
        if (row >= c->row_begin && row < c->row_end) {
            const int32_t step = (int32_t)(i / owned / positions), start = c->tile.fresh ? 0 : before[i]; /* or 0.0F */
            const naive_sum sum = naive_product(c, step, row, c->tile.position_begin + i / owned % positions);
            if (c->format == SNN_WEIGHTS_FLOAT32) {
                float real;
                memcpy(&real, &start, sizeof real);
                real = real + sum.real;
                memcpy(&expected, &real, sizeof real);
            } else {
                expected = (int32_t)(start + sum.whole);
            }
        }
        if (after[i] != expected) {
            fail_msg("%s: %s: element %lld is %d, expected %d", isa, snn_operator_kind_name(c->projection.op.kind),
                     (long long)i, after[i], expected);
        }
    }
}

void check_project_case(const snn_kernels *kernels, project_case *c)
{
    const int64_t positions = c->tile.position_end - c->tile.position_begin;
    const int64_t count = c->tile.steps * positions * (c->tile.channel_end - c->tile.channel_begin);
    snn_packed packed;
    const snn_status status = c->coded ? kernels->pack_codes(&c->projection, c->format, c->row_begin, c->row_end,
                                                             c->whole ? &c->codes : NULL, &packed)
                                       : kernels->pack(&c->projection, c->format, c->row_begin, c->row_end, &packed);
    assert_int_equal(status.code, SNN_OK);
    assert_ptr_equal(packed.projection, &c->projection);
    assert_int_equal(packed.row_begin, c->row_begin);
    assert_int_equal(packed.row_end, c->row_end);
    assert_int_equal(packed.real, c->format == SNN_WEIGHTS_FLOAT32);
    assert_true(packed.bytes > 0);

    int32_t *before = allocate(count, sizeof *before), *guarded = allocate(count + 2 * GUARD, sizeof *guarded);
    for (int64_t i = 0; i < count; i++) {
        const float real = random_float(10.0F);
        before[i] = random_int(-100000, 100000);
        if (packed.real) {
            memcpy(&before[i], &real, sizeof real);
        }
    }
    memset(guarded, 0x5a, (size_t)(count + 2 * GUARD) * sizeof *guarded);
    memcpy(guarded + GUARD, before, (size_t)count * sizeof *before);
    const int64_t scratch = kernels->scratch_bytes(&packed, positions, c->tile.steps);
    uint8_t *guarded_scratch = allocate(scratch + GUARD, 1);
    fill_random(guarded_scratch, (size_t)scratch);
    memset(guarded_scratch + scratch, 0x5a, GUARD);

    c->tile.accumulator = guarded + GUARD;
    c->tile.scratch = guarded_scratch;
    if (c->coded) {
        kernels->project_codes(&packed, &c->source, &c->codes, &c->tile);
    } else {
        kernels->project(&packed, &c->source, &c->tile);
    }
    check_projected(c, before, guarded + GUARD, kernels->name);
    for (int i = 0; i < GUARD; i++) {
        assert_int_equal(guarded[i], 0x5a5a5a5a);
        assert_int_equal(guarded[GUARD + count + i], 0x5a5a5a5a);
        assert_int_equal(guarded_scratch[scratch + i], 0x5a);
    }
    snn_release(guarded_scratch);
    snn_release(guarded);
    snn_release(before);
    snn_release(packed.data);
}

/* A value plus what the stream's product adds. */
static int32_t with_stream(const project_case *c, int32_t before, int32_t row, int64_t position)
{
    double added = (double)naive_product(c, 0, row, position).whole;
    if (c->projection.op.kind != SNN_OPERATOR_TOKENS) {
        added = floor(ldexp(added, -c->projection.shift) + 0.5);
    }
    return before + (int32_t)fmax(-SNN_PRODUCT_LIMIT, fmin(added, SNN_PRODUCT_LIMIT));
}

void check_stream_case(const snn_kernels *kernels, project_case *c)
{
    const snn_operator *op = &c->projection.op;
    const int64_t positions = c->tile.position_end - c->tile.position_begin;
    const int32_t owned = c->tile.channel_end - c->tile.channel_begin;
    snn_packed packed;
    assert_int_equal(kernels->pack_stream(&c->projection, c->format, c->row_begin, c->row_end, &packed).code, SNN_OK);
    int32_t *sums = allocate(positions * owned, sizeof *sums);
    const int64_t scratch = kernels->stream_scratch_bytes(&packed, positions);
    uint8_t *guarded_scratch = allocate(scratch + GUARD, 1);
    memset(guarded_scratch + scratch, 0x5a, GUARD);
    for (int64_t i = 0; i < positions * owned; i++) {
        sums[i] = (int32_t)i - 5;
    }
    c->tile.accumulator = sums;
    c->tile.scratch = guarded_scratch;
    kernels->project_stream(&packed, c->integers, &c->tile);
    for (int64_t i = 0; i < positions * owned; i++) {
        const int32_t row = c->tile.channel_begin + (int32_t)(i % owned) - op->target_channel;
        int32_t expected = (int32_t)i - 5;
        if (row >= c->row_begin && row < c->row_end) {
            expected = with_stream(c, c->tile.fresh ? 0 : expected, row, c->tile.position_begin + i / owned);
        }
        if (sums[i] != expected) {
            fail_msg("%s: %s of a stream: element %lld is %d, expected %d", kernels->name,
                     snn_operator_kind_name(op->kind), (long long)i, sums[i], expected);
        }
    }
    for (int i = 0; i < GUARD; i++) {
        assert_int_equal(guarded_scratch[scratch + i], 0x5a);
    }
    snn_release(guarded_scratch);
    snn_release(sums);
    snn_release(packed.data);
}

void free_project_case(project_case *c)
{
    snn_release((void *)c->codes.rest);
    snn_release((void *)c->codes.magnitude);
    snn_release((void *)c->integers);
    snn_release(c->source.bits);
    snn_release(c->projection.index);
    snn_release(c->projection.weights);
    snn_release(c->projection.mixing);
}
