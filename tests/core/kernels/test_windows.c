/* Neurons that fire in windows: every kernel table against one neuron and one step at a time, exactly, with guards
 * around what it may write; bits of other owners stay as they were. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/kernels/kernels.h"
#include "core/kernels/unary.h"
#include "tests/core/kernels/random_case.h"
#include "tests/core/kernels/test_kernels.h"
#include "tests/core/shard/naive_nary.h"
#include "tests/core/shard/naive_sample.h"
#include "tests/core/tables/tables.h"

enum { WINDOW_CASES = 40, GUARD = 64, PER_STEP = 3, PER_CHANNEL = 2 };

typedef struct window_case {
    snn_population population; /* kind, shapes, parameters */
    int32_t images, image, steps, moments;
    int32_t owned_begin, owned_end, held_begin, held_end;
    int64_t position_begin, position_end; /* of the tile */
    bool real, bias_everywhere;
    float *magnitude;                   /* [steps] */
    float *step, *inverse_scale, *bias; /* [held], [owned], [input positions or 1][input channels] */
    float *graded;                      /* [input positions][held], or NULL */
    int32_t *rest;                      /* [owned] */
    float reach, unit;
    int32_t *sums;     /* [moments][tile positions][held], floats if `real` */
    bool no_sums;      /* they are all 0: the kernels see none */
    snn_spikes spikes; /* before */
} window_case;

/* Bits of all planes and images, and counts that begin at 7 because kernels add to them: spikes, flips, error [steps]
 * each, channel_spikes, channel_beyond [owned] each. */
typedef struct window_result {
    uint8_t *bits;
    int64_t *counts;
} window_result;

static bool is_whole_image(snn_neuron_kind kind)
{
    return kind == SNN_NEURON_MAXIMUM || snn_neuron_reads_all_positions(kind);
}

static void random_shapes(snn_population *p)
{
    const bool large = random_int(0, 3) == 0, nary = snn_neuron_reads_all_channels(p->kind);
    snn_shape shape = {random_int(1, 4), random_int(1, large ? 8 : 4), random_int(1, large ? 75 : 12)};
    shape.channels = random_int(0, 2) == 0 ? 8 * random_int(1, 12) : shape.channels; /* spikes without gaps */
    if (random_int(0, 5) == 0 && !snn_neuron_reads_all_positions(p->kind)) {         /* errors are those of a sample */
        shape = (snn_shape){random_int(8, 14), random_int(8, 14), random_int(1, 20)};
    }
    p->groups = nary ? random_int(1, 3) : 1;
    shape.channels = nary ? (shape.channels + p->groups - 1) / p->groups * p->groups : shape.channels;
    const bool attention = nary && is_whole_image(p->kind), parts = attention && random_bool(); /* windows of a row */
    const int32_t heads = p->groups * (parts ? shape.width : (int32_t)snn_shape_positions(shape));
    p->shape = p->input = shape;
    p->alpha = 0.25F;
    p->beta = parts ? (float)shape.width : attention ? 0.0F : 1.5F;
    switch (p->kind) {
    case SNN_NEURON_MAXIMUM:
        for (int axis = 0; axis < 2; axis++) {
            const int32_t size = axis == 0 ? shape.height : shape.width;
            p->window.kernel[axis] = random_int(1, size < 3 ? size : 3);
            p->window.stride[axis] = random_int(1, 3);
            p->window.dilation[axis] = 1;
            p->window.pad_begin[axis] = random_int(0, p->window.kernel[axis] - 1);
            p->window.pad_end[axis] = random_int(0, p->window.kernel[axis] - 1);
        }
        p->shape.height = window_output(&p->window, 0, shape.height);
        p->shape.width = window_output(&p->window, 1, shape.width);
        break;
    case SNN_NEURON_LAYER_NORM:
    case SNN_NEURON_QUOTIENT:
        p->beta = random_bool() ? 1.0F : 0.0F;
        p->input.channels += p->kind == SNN_NEURON_QUOTIENT ? p->groups : 0;
        break;
    case SNN_NEURON_NORMALISE:
        p->input.channels += 1;
        break;
    case SNN_NEURON_PRODUCT:
        p->input.channels *= 2;
        break;
    case SNN_NEURON_SCORES:
        p->input.channels *= 2;
        p->shape.channels = heads;
        break;
    case SNN_NEURON_MIX:
        p->input.channels += heads;
        break;
    case SNN_NEURON_ATTENTION:
        p->input.channels *= 3;
        break;
    default:
        break;
    }
}

static float *random_floats(int64_t count, float low, float high)
{
    float *values = allocate(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = low + (high - low) * (0.5F + random_float(0.5F));
    }
    return values;
}

static void make_whole(float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        values[i] = rintf(values[i]);
    }
}

static void random_constants(window_case *c)
{
    const int32_t owned = c->owned_end - c->owned_begin, held = c->held_end - c->held_begin;
    const snn_shape input = c->population.input;
    const int64_t positions = snn_shape_positions(input);
    const int64_t biases = (c->bias_everywhere ? positions : 1) * input.channels;
    const bool coarse = random_bool(); /* all whole: ties of y and f(x) are common */
    const bool doubling = c->steps <= 16 && random_bool();
    c->magnitude = allocate(c->steps, sizeof *c->magnitude);
    for (int32_t j = 0; j < c->steps; j++) {
        c->magnitude[j] = doubling ? (float)(1 << (c->steps - 1 - j)) : (float)random_int(1, coarse ? 3 : 60);
        c->reach += c->magnitude[j];
    }
    c->unit = coarse ? 1.0F : 1.25F / c->reach;
    c->step = random_floats(held, 0.0001F, 0.001F);
    c->inverse_scale = random_floats(owned, 0.2F * c->reach, 0.7F * c->reach);
    c->bias = random_floats(biases, coarse ? -3.0F : -1.0F, coarse ? 3.0F : 1.0F);
    c->graded = random_bool() ? random_floats(positions * held, -2.0F, 2.0F) : NULL;
    c->rest = allocate(owned, sizeof *c->rest);
    for (int32_t i = 0; i < owned; i++) {
        c->rest[i] = random_int(-(int32_t)c->reach, (int32_t)c->reach);
        c->inverse_scale[i] = coarse ? 1.0F : c->inverse_scale[i];
    }
    for (int32_t i = 0; i < held && coarse; i++) {
        c->step[i] = 1.0F;
    }
    if (coarse) {
        make_whole(c->bias, biases);
        make_whole(c->graded, c->graded != NULL ? positions * held : 0);
    }
    if (c->population.kind == SNN_NEURON_LINEAR) { /* beyond all codes */
        c->bias[random_int(0, (int32_t)biases - 1)] = random_bool() ? 1e30F : -1e30F;
    }
    const int64_t sums = c->moments * (c->position_end - c->position_begin) * held;
    c->no_sums = c->graded != NULL && random_bool();
    c->sums = (int32_t *)random_floats(sums, -2000.0F, 2000.0F);
    memset(c->sums, 0, c->no_sums ? (size_t)sums * sizeof *c->sums : 0);
    for (int64_t i = 0; i < sums && !c->no_sums; i++) {
        const int32_t whole = coarse ? random_int(-3, 3) : random_int(-50000000, 50000000) >> random_int(10, 25);
        const float real = (float)whole;
        if (!c->real) {
            c->sums[i] = whole;
        } else if (coarse) {
            memcpy(&c->sums[i], &real, sizeof real);
        }
    }
}

static window_case random_window_case(snn_neuron_kind kind)
{
    window_case c = {
        .population.kind = kind, .images = random_int(1, 3), .steps = random_int(1, random_bool() ? 12 : 30)};
    random_shapes(&c.population);
    const snn_population *p = &c.population;
    int32_t begin = 0, end = (int32_t)snn_shape_positions(p->input);
    if (!is_whole_image(kind)) {
        random_range(0, end, &begin, &end);
    }
    c.position_begin = begin;
    c.position_end = end;
    c.image = random_int(0, c.images - 1);
    c.moments = random_bool() ? 1 : random_int(1, c.steps);
    c.real = random_bool();
    c.bias_everywhere = random_bool();
    c.owned_end = p->shape.channels;
    const int32_t share = 1 << random_int(0, 6); /* lanes of vectors, and of several */
    if (random_bool()) {
        random_range(0, p->shape.channels, &c.owned_begin, &c.owned_end);
    } else if (share < p->shape.channels && random_bool()) {
        c.owned_begin = random_int(0, p->shape.channels - share);
        c.owned_begin -= random_bool() ? c.owned_begin % 8 : 0;
        c.owned_end = c.owned_begin + share;
    }
    const bool all = snn_neuron_reads_all_channels(kind);
    c.held_begin = all ? 0 : c.owned_begin;
    c.held_end = all ? p->input.channels : c.owned_end;
    random_constants(&c);
    c.spikes = random_windows(snn_shape_positions(p->shape), p->shape.channels, c.images, c.steps);
    return c;
}

static void free_window_case(window_case *c)
{
    snn_release(c->magnitude);
    snn_release(c->step);
    snn_release(c->inverse_scale);
    snn_release(c->bias);
    snn_release(c->graded);
    snn_release(c->rest);
    snn_release(c->sums);
    snn_release(c->spikes.bits);
}

static int64_t bit_bytes(const window_case *c)
{
    return snn_spikes_block_bytes(&c->spikes, c->steps);
}

static int64_t count_count(const window_case *c)
{
    return PER_STEP * c->steps + PER_CHANNEL * (c->owned_end - c->owned_begin);
}

static window_result result_of(const window_case *c)
{
    window_result r = {.bits = allocate(bit_bytes(c) + GUARD, 1),
                       .counts = allocate(count_count(c) + GUARD, sizeof(int64_t))};
    memset(r.bits, 0x5a, (size_t)bit_bytes(c) + GUARD);
    memcpy(r.bits, c->spikes.bits, (size_t)bit_bytes(c));
    for (int64_t i = 0; i < count_count(c) + GUARD; i++) {
        r.counts[i] = 7;
    }
    return r;
}

static void free_result(window_result *r)
{
    snn_release(r->bits);
    snn_release(r->counts);
}

/* x of all input positions and held channels (others are 0) at a moment: [position][input channels]. */
static void naive_decode(const window_case *c, int32_t moment, float *x)
{
    const int32_t held = c->held_end - c->held_begin, channels = c->population.input.channels;
    for (int64_t position = c->position_begin; position < c->position_end; position++) {
        for (int32_t i = 0; i < held; i++) {
            const int64_t rows = moment * (c->position_end - c->position_begin) + position - c->position_begin;
            const int32_t whole = c->sums[rows * held + i];
            float sum = (float)whole;
            if (c->real) {
                memcpy(&sum, &whole, sizeof sum);
            }
            const int64_t at = c->held_begin + i;
            float value = c->bias[(c->bias_everywhere ? position * channels : 0) + at] + c->step[i] * sum;
            value = c->graded != NULL ? value + c->graded[position * held + i] : value;
            x[position * channels + at] = value;
        }
    }
}

static float naive_maximum(const snn_population *p, const float *x, int64_t position, int32_t channel)
{
    const snn_window *w = &p->window;
    float largest = -INFINITY;
    for (int32_t i = 0; i < w->kernel[0]; i++) {
        for (int32_t j = 0; j < w->kernel[1]; j++) {
            const int64_t row = position / p->shape.width * w->stride[0] - w->pad_begin[0] + i;
            const int64_t column = position % p->shape.width * w->stride[1] - w->pad_begin[1] + j;
            if (row >= 0 && row < p->input.height && column >= 0 && column < p->input.width) {
                largest = fmaxf(largest, x[(row * p->input.width + column) * p->input.channels + channel]);
            }
        }
    }
    return largest;
}

static float naive_function(const snn_population *p, const float *x, int64_t position, int32_t channel)
{
    if (p->kind == SNN_NEURON_MAXIMUM) {
        return naive_maximum(p, x, position, channel);
    }
    if (snn_neuron_reads_all_channels(p->kind)) {
        return naive_nary(p, x, position, channel);
    }
    return snn_function_evaluate(p->kind, p->alpha, p->beta, x[position * p->input.channels + channel]);
}

/* One neuron's window. x: [moments][input]. */
static void naive_fire(const window_case *c, const float *x, int64_t position, int32_t channel, window_result *r)
{
    const snn_population *p = &c->population;
    const bool strict =
        p->kind == SNN_NEURON_LEAKY_RELU || p->kind == SNN_NEURON_GELU || p->kind == SNN_NEURON_GELU_TANH;
    const int32_t i = channel - c->owned_begin, owned = c->owned_end - c->owned_begin;
    snn_spikes spikes = c->spikes;
    int32_t y = c->rest[i];
    float target = 0.0F;
    bool before = false;
    spikes.bits = r->bits;
    for (int32_t j = 0; j < c->steps; j++) {
        const int32_t moment = j < c->moments ? j : c->moments - 1;
        target = naive_function(p, x + moment * snn_shape_size(p->input), position, channel) * c->inverse_scale[i];
        const bool fired = strict ? target < (float)y : target <= (float)y;
        y -= (fired ? 1 : -1) * (int32_t)c->magnitude[j];
        snn_spikes_set(&spikes, j, c->image, position, channel, fired);
        r->counts[j] += fired;
        r->counts[c->steps + j] += j > 0 && fired != before;
        if (naive_is_tracked(position, p->shape)) {
            r->counts[2 * c->steps + j] += lrintf(fminf(fabsf((float)y - target) * c->unit, 127.0F) * 65536.0F);
        }
        r->counts[PER_STEP * c->steps + i] += fired;
        before = fired;
    }
    r->counts[PER_STEP * c->steps + owned + i] += fabsf(target - (float)c->rest[i]) > c->reach + 1.0F;
}

static void naive_run(const window_case *c, window_result *r)
{
    const snn_population *p = &c->population;
    const bool image = is_whole_image(p->kind);
    const int64_t begin = image ? 0 : c->position_begin;
    const int64_t end = image ? snn_shape_positions(p->shape) : c->position_end;
    float *x = allocate(c->moments * snn_shape_size(p->input), sizeof *x);
    for (int32_t moment = 0; moment < c->moments; moment++) {
        naive_decode(c, moment, x + moment * snn_shape_size(p->input));
    }
    for (int64_t position = begin; position < end; position++) {
        for (int32_t channel = c->owned_begin; channel < c->owned_end; channel++) {
            naive_fire(c, x, position, channel, r);
        }
    }
    snn_release(x);
}

/* tracked: errors are wanted. */
static void check_window_case(const snn_kernels *kernels, const window_case *c, const window_result *expected,
                              bool tracked)
{
    const snn_population *p = &c->population;
    const int32_t owned = c->owned_end - c->owned_begin, held = c->held_end - c->held_begin;
    const int64_t scratch = kernels->fire_scratch_bytes(p, owned, held);
    uint8_t *guarded = allocate(scratch + GUARD, 1);
    window_result r = result_of(c);
    snn_spikes spikes = c->spikes;
    spikes.bits = r.bits;
    fill_random(guarded, (size_t)scratch);
    memset(guarded + scratch, 0x5a, GUARD);
    const snn_neurons neurons = {
        .kind = p->kind,
        .alpha = p->alpha,
        .beta = p->beta,
        .groups = p->groups,
        .input_channels = held,
        .real = c->real,
        .eta = c->magnitude,
        .step = c->step,
        .inverse_scale = c->inverse_scale,
        .graded = c->graded != NULL ? c->graded + c->position_begin * held : NULL,
        .spikes = spikes,
        .window = p->window,
        .input = p->input,
        .shape = p->shape,
        .channel_begin = c->owned_begin,
        .channel_end = c->owned_end,
        .window_constants = {.steps = c->steps,
                             .reach = c->reach,
                             .unit = c->unit,
                             .rest = c->rest,
                             .bias = c->bias + c->held_begin,
                             .bias_stride = c->bias_everywhere ? p->input.channels : 0},
    };
    const snn_tile tile = {.image = c->image,
                           .position_begin = c->position_begin,
                           .position_end = c->position_end,
                           .steps = c->moments,
                           .channel_begin = c->held_begin,
                           .channel_end = c->held_end,
                           .accumulator = c->no_sums ? NULL : c->sums,
                           .scratch = guarded};
    const snn_tile_counts counts = {.spikes = r.counts,
                                    .flips = r.counts + c->steps,
                                    .error = tracked ? r.counts + 2 * c->steps : NULL,
                                    .channel_spikes = r.counts + PER_STEP * c->steps,
                                    .channel_beyond = r.counts + PER_STEP * c->steps + owned};
    kernels->fire_window(&neurons, &tile, &counts);
    for (int64_t i = 0; i < bit_bytes(c) + GUARD; i++) {
        if (r.bits[i] != expected->bits[i]) {
            fail_msg("%s: %s: byte %lld of %lld of the spikes is %02x, expected %02x (%d steps, %d moments)",
                     kernels->name, snn_neuron_kind_name(p->kind), (long long)i, (long long)bit_bytes(c), r.bits[i],
                     expected->bits[i], c->steps, c->moments);
        }
    }
    for (int64_t i = 0; i < count_count(c) + GUARD; i++) {
        const int64_t want = tracked || i / c->steps != 2 ? expected->counts[i] : 7;
        if (r.counts[i] != want) {
            fail_msg("%s: %s: count %lld of %d steps is %lld, expected %lld", kernels->name,
                     snn_neuron_kind_name(p->kind), (long long)i, c->steps, (long long)r.counts[i], (long long)want);
        }
    }
    for (int i = 0; i < GUARD; i++) {
        assert_int_equal(guarded[scratch + i], 0x5a);
    }
    free_result(&r);
    snn_release(guarded);
}

void test_windows(void **state)
{
    (void)state;
    int32_t count;
    const snn_kernels *const *all = all_tables(&count);
    for (int kind = 0; kind < SNN_NEURON_KIND_COUNT; kind++) {
        seed_random(500 + (uint64_t)kind);
        for (int i = 0; i < WINDOW_CASES && snn_neuron_spikes((snn_neuron_kind)kind); i++) {
            window_case c = random_window_case((snn_neuron_kind)kind);
            window_result expected = result_of(&c);
            naive_run(&c, &expected);
            for (int32_t k = 0; k < count; k++) {
                if (all[k]->available()) {
                    check_window_case(all[k], &c, &expected, true);
                    check_window_case(all[k], &c, &expected, false);
                }
            }
            free_result(&expected);
            free_window_case(&c);
        }
    }
}
