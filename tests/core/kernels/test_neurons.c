/* The neuron step of every kernel table against a scalar one, exactly; bits of other owners stay as they were. */
#include "tests/core/kernels/test_kernels.h"

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
#include "tests/core/shard/naive_sample.h"
#include "tests/core/tables/tables.h"

enum { CASES_PER_KIND = 40 };

typedef struct fire_case {
    snn_neurons neurons; /* x, y and spikes: as before the call */
    snn_tile tile;
    int32_t images;
    int64_t x_count, y_count, spike_bytes;
} fire_case;

typedef struct fire_result {
    float *x, *y;
    uint8_t *bits;
    int64_t *counts; /* spikes, flips, error [steps] each, channel_spikes [owned] */
} fire_result;

static float *random_floats(int64_t count, float scale, bool positive)
{
    float *values = allocate(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = random_float(scale);
        values[i] = positive ? fabsf(values[i]) + 0.1F : values[i];
    }
    return values;
}

/* Multiples of 1/4, so that ties of y and f(x) are common. */
static void make_coarse(float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        values[i] = nearbyintf(values[i] * 4.0F) / 4.0F;
    }
}

static void random_population(fire_case *c, snn_neuron_kind kind)
{
    snn_neurons *n = &c->neurons;
    n->kind = kind;
    n->alpha = 0.25F;
    n->beta = 1.5F;
    n->groups = 1;
    n->real = random_bool();
    n->first = random_bool();
    n->shape = n->input = (snn_shape){random_int(1, 5), random_int(1, 5), random_int(1, 75)};
    if (kind == SNN_NEURON_MAXIMUM) {
        const int32_t size[2] = {n->input.height, n->input.width};
        n->window = random_window(size, 3);
        for (int axis = 0; axis < 2; axis++) { /* pooling pads less than its window: every window sees a neuron */
            n->window.dilation[axis] = 1;
            n->window.kernel[axis] = n->window.kernel[axis] < size[axis] ? n->window.kernel[axis] : size[axis];
            n->window.pad_begin[axis] = random_int(0, n->window.kernel[axis] - 1);
            n->window.pad_end[axis] = random_int(0, n->window.kernel[axis] - 1);
        }
        n->shape.height = window_output(&n->window, 0, size[0]);
        n->shape.width = window_output(&n->window, 1, size[1]);
    }
    random_range(0, n->shape.channels, &n->channel_begin, &n->channel_end);
    n->input_channels = n->channel_end - n->channel_begin;
}

static fire_case random_fire_case(snn_neuron_kind kind)
{
    fire_case c = {.images = random_int(1, 3)};
    snn_neurons *n = &c.neurons;
    random_population(&c, kind);
    const int32_t owned = n->channel_end - n->channel_begin,
                  steps = random_int(0, 3) == 0 ? random_int(10, 40) : random_int(1, 9);
    const bool coarse = random_bool(), graded = random_bool();
    c.x_count = snn_shape_positions(n->input) * owned;
    c.y_count = snn_shape_positions(n->shape) * owned;

    c.tile = (snn_tile){.image = random_int(0, c.images - 1),
                        .position_end = snn_shape_positions(n->input),
                        .steps = steps,
                        .channel_begin = n->channel_begin,
                        .channel_end = n->channel_end};
    if (kind != SNN_NEURON_MAXIMUM) {
        int32_t begin, end;
        random_range(0, (int32_t)c.tile.position_end, &begin, &end);
        c.tile.position_begin = begin;
        c.tile.position_end = end;
    }
    const int64_t sums = steps * (c.tile.position_end - c.tile.position_begin) * owned;
    float *eta = random_floats(steps, 0.5F, true), *step = random_floats(owned, 0.001F, true);
    float *inverse_scale = random_floats(owned, 2.0F, true);
    n->x = random_floats(c.x_count, random_int(0, 9) == 0 ? 5000.0F : 2.0F, false);
    n->y = random_floats(c.y_count, 2.0F, false);
    c.tile.accumulator = random_floats(sums, 20.0F, false);
    if (coarse) {
        for (int32_t i = 0; i < steps; i++) {
            eta[i] = 0.25F;
        }
        for (int32_t i = 0; i < owned; i++) {
            step[i] = inverse_scale[i] = 1.0F;
        }
        make_coarse(n->x, c.x_count);
        make_coarse(n->y, c.y_count);
    }
    if (!n->real) {
        int32_t *whole = c.tile.accumulator;
        for (int64_t i = 0; i < sums; i++) { /* large sums round when they become floats */
            whole[i] = coarse ? random_int(-2, 2) : random_int(-50000000, 50000000) >> random_int(0, 20);
        }
    }
    n->eta = eta;
    n->step = step;
    n->inverse_scale = inverse_scale;
    if (graded) {
        n->increments = random_floats(steps, 1.0F, false);
        n->graded = random_floats(c.x_count, 1.0F, false);
    }
    n->spikes = random_spikes(snn_shape_positions(n->shape), n->shape.channels, c.images, steps);
    c.spike_bytes = snn_spikes_plane_bytes(&n->spikes) * c.images * steps;
    n->previous = random_spikes(snn_shape_positions(n->shape), n->shape.channels, 1, 1).bits;
    return c;
}

static void free_fire_case(fire_case *c)
{
    snn_release((void *)c->neurons.eta);
    snn_release((void *)c->neurons.step);
    snn_release((void *)c->neurons.inverse_scale);
    snn_release((void *)c->neurons.increments);
    snn_release((void *)c->neurons.graded);
    snn_release((void *)c->neurons.previous);
    snn_release(c->neurons.spikes.bits);
    snn_release(c->neurons.x);
    snn_release(c->neurons.y);
    snn_release(c->tile.accumulator);
}

/* A result that begins as a copy of the case, counts at 7 because kernels add to them. */
static fire_result result_of(const fire_case *c)
{
    const int64_t counts = 3 * c->tile.steps + c->neurons.channel_end - c->neurons.channel_begin;
    fire_result r = {.x = allocate(c->x_count, sizeof(float)),
                     .y = allocate(c->y_count, sizeof(float)),
                     .bits = allocate(c->spike_bytes, 1),
                     .counts = allocate(counts, sizeof(int64_t))};
    memcpy(r.x, c->neurons.x, (size_t)c->x_count * sizeof(float));
    memcpy(r.y, c->neurons.y, (size_t)c->y_count * sizeof(float));
    memcpy(r.bits, c->neurons.spikes.bits, (size_t)c->spike_bytes);
    for (int64_t i = 0; i < counts; i++) {
        r.counts[i] = 7;
    }
    return r;
}

static void free_result(fire_result *r)
{
    snn_release(r->x);
    snn_release(r->y);
    snn_release(r->bits);
    snn_release(r->counts);
}

static void naive_integrate(const fire_case *c, fire_result *r, int32_t step, int64_t position, int32_t channel)
{
    const snn_neurons *n = &c->neurons;
    const int32_t owned = n->channel_end - n->channel_begin;
    const int64_t positions = c->tile.position_end - c->tile.position_begin;
    const int64_t sum_at = (step * positions + position - c->tile.position_begin) * owned + channel;
    const float sum =
        n->real ? ((const float *)c->tile.accumulator)[sum_at] : (float)((const int32_t *)c->tile.accumulator)[sum_at];
    float *x = &r->x[position * owned + channel];
    *x = *x - (n->eta[step] * n->step[channel]) * sum;
    if (n->graded != NULL) {
        *x = *x + n->increments[step] * n->graded[position * owned + channel];
    }
}

static float naive_maximum(const fire_case *c, const fire_result *r, int64_t position, int32_t channel)
{
    const snn_neurons *n = &c->neurons;
    const snn_window *w = &n->window;
    float largest = -INFINITY;
    for (int32_t tap = 0; tap < w->kernel[0] * w->kernel[1]; tap++) {
        const int32_t row =
            (int32_t)(position / n->shape.width) * w->stride[0] - w->pad_begin[0] + tap / w->kernel[1] * w->dilation[0];
        const int32_t column =
            (int32_t)(position % n->shape.width) * w->stride[1] - w->pad_begin[1] + tap % w->kernel[1] * w->dilation[1];
        if (row >= 0 && row < n->input.height && column >= 0 && column < n->input.width) {
            largest = fmaxf(largest, r->x[((int64_t)row * n->input.width + column) * n->input_channels + channel]);
        }
    }
    return largest;
}

/* The functions themselves are test_functions.c's matter; some are written out all the same. */
static float naive_function(const fire_case *c, const fire_result *r, int64_t position, int32_t channel)
{
    const snn_neurons *n = &c->neurons;
    if (n->kind == SNN_NEURON_MAXIMUM) {
        return naive_maximum(c, r, position, channel);
    }
    const float x = r->x[position * n->input_channels + channel];
    if (n->kind == SNN_NEURON_RELU) {
        return fmaxf(x, 0.0F);
    }
    if (n->kind == SNN_NEURON_LEAKY_RELU) {
        return x > 0.0F ? x : n->alpha * x;
    }
    if (n->kind == SNN_NEURON_CLIP) {
        return fminf(fmaxf(x, n->alpha), n->beta);
    }
    if (n->kind == SNN_NEURON_HARD_SIGMOID) {
        return fminf(fmaxf(n->alpha * x + n->beta, 0.0F), 1.0F);
    }
    return n->kind == SNN_NEURON_LINEAR ? x : snn_function_evaluate(n->kind, n->alpha, n->beta, x);
}

static bool naive_is_strict(snn_neuron_kind kind)
{
    return kind == SNN_NEURON_LEAKY_RELU || kind == SNN_NEURON_GELU || kind == SNN_NEURON_GELU_TANH;
}

static void naive_fire(const fire_case *c, fire_result *r, int32_t step, int64_t position, int32_t channel)
{
    const snn_neurons *n = &c->neurons;
    const int32_t owned = n->channel_end - n->channel_begin, bit = n->channel_begin + channel;
    const float target = naive_function(c, r, position, channel) * n->inverse_scale[channel];
    float *y = &r->y[position * owned + channel];
    const bool fired = naive_is_strict(n->kind) ? target < *y : target <= *y;
    *y = fired ? *y - n->eta[step] : *y + n->eta[step];

    snn_spikes spikes = n->spikes;
    spikes.bits = r->bits;
    const int64_t byte = position * spikes.row_bytes + bit / 8;
    const uint8_t before = step == 0 ? n->previous[byte] : snn_spikes_plane(&spikes, step - 1, c->tile.image)[byte];
    uint8_t *now = &snn_spikes_plane(&spikes, step, c->tile.image)[byte];
    *now = (uint8_t)((*now & ~(1U << (bit % 8))) | (unsigned)fired << (bit % 8));
    r->counts[step] += fired;
    if (!(n->first && step == 0)) {
        r->counts[c->tile.steps + step] += ((before >> (bit % 8)) & 1) != fired;
    }
    if (naive_is_tracked(position, n->shape)) {
        r->counts[2 * c->tile.steps + step] +=
            (int64_t)nearbyint((double)(fminf(fabsf(*y - target), 127.0F) * 65536.0F));
    }
    r->counts[3 * c->tile.steps + channel] += fired;
}

static void naive_run(const fire_case *c, fire_result *r)
{
    const int32_t owned = c->neurons.channel_end - c->neurons.channel_begin;
    const bool image = c->neurons.kind == SNN_NEURON_MAXIMUM;
    const int64_t first = image ? 0 : c->tile.position_begin;
    const int64_t last = image ? snn_shape_positions(c->neurons.shape) : c->tile.position_end;
    for (int32_t step = 0; step < c->tile.steps; step++) {
        for (int64_t i = c->tile.position_begin; i < c->tile.position_end; i++) {
            for (int32_t channel = 0; channel < owned; channel++) {
                naive_integrate(c, r, step, i, channel);
            }
        }
        for (int64_t i = first; i < last; i++) {
            for (int32_t channel = 0; channel < owned; channel++) {
                naive_fire(c, r, step, i, channel);
            }
        }
    }
}

/* tracked: errors are wanted. */
static void check_fire_case(const snn_kernels *kernels, const fire_case *c, const fire_result *expected, bool tracked)
{
    const int32_t steps = c->tile.steps, owned = c->neurons.channel_end - c->neurons.channel_begin;
    fire_result r = result_of(c);
    snn_neurons neurons = c->neurons;
    neurons.x = r.x;
    neurons.y = r.y;
    neurons.spikes.bits = r.bits;
    const snn_population population = {.kind = neurons.kind, .input = neurons.input, .shape = neurons.shape};
    const int64_t scratch = kernels->fire_scratch_bytes(&population, owned, owned);
    snn_tile tile = c->tile;
    tile.scratch = snn_allocate((size_t)scratch, 1);
    assert_non_null(tile.scratch);
    const snn_tile_counts counts = {.spikes = r.counts,
                                    .flips = r.counts + steps,
                                    .error = tracked ? r.counts + 2 * steps : NULL,
                                    .channel_spikes = r.counts + 3 * steps};
    kernels->fire(&neurons, &tile, &counts);
    snn_release(tile.scratch);
    assert_memory_equal(r.x, expected->x, (size_t)c->x_count * sizeof(float));
    assert_memory_equal(r.y, expected->y, (size_t)c->y_count * sizeof(float));
    assert_memory_equal(r.bits, expected->bits, (size_t)c->spike_bytes);
    for (int32_t i = 0; i < 3 * steps + owned; i++) {
        const int64_t want = tracked || i / steps != 2 ? expected->counts[i] : 7;
        if (r.counts[i] != want) {
            fail_msg("%s: %s: count %d of %d steps is %lld, expected %lld", kernels->name,
                     snn_neuron_kind_name(c->neurons.kind), i, steps, (long long)r.counts[i], (long long)want);
        }
    }
    free_result(&r);
}

void test_fire(void **state)
{
    (void)state;
    int32_t count;
    const snn_kernels *const *all = all_tables(&count);
    seed_random(99);
    for (snn_neuron_kind kind = 0; kind < SNN_NEURON_KIND_COUNT; kind++) {
        if (!snn_neuron_spikes(kind) || snn_neuron_reads_all_channels(kind)) { /* the latter: test_nary.c */
            continue;
        }
        for (int i = 0; i < CASES_PER_KIND; i++) {
            fire_case c = random_fire_case(kind);
            fire_result expected = result_of(&c);
            naive_run(&c, &expected);
            for (int32_t k = 0; k < count; k++) {
                if (all[k]->available()) {
                    check_fire_case(all[k], &c, &expected, true);
                    check_fire_case(all[k], &c, &expected, false);
                }
            }
            free_result(&expected);
            free_fire_case(&c);
        }
    }
}
