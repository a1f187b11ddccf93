/* Maxima over windows with the product that feeds them in one, of every kernel table, against the plain C table's
 * product and update one after the other: state, spikes and counts, exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "tests/core/kernels/random_case.h"
#include "tests/core/kernels/wide_case.h"
#include "tests/core/tables/tables.h"

enum { GUARD = 64 };

/* What a population of the operator's targets has, all rows packed. */
typedef struct fused_case {
    wide_case wide;
    snn_population population;
    snn_neurons neurons;
    int32_t images;
    bool untracked;                                 /* without tracking errors */
    int64_t inputs, outputs, spike_bytes, elements; /* neurons of x and of y; sums */
} fused_case;

typedef struct outcome {
    float *x, *y;
    uint8_t *bits;
    int64_t *counts; /* spikes, flips, error [steps] each, channel_spikes [owned] */
} outcome;

static float *floats(int64_t count, float low, float high)
{
    float *values = allocate(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = low + (random_float(0.5F) + 0.5F) * (high - low);
    }
    return values;
}

static int32_t owned_of(const fused_case *c)
{
    return c->wide.row_end - c->wide.row_begin;
}

/* Windows that leave no position unseen: x of those that no window sees may be anything. The tile is the image. */
static void choose_window(fused_case *c)
{
    snn_population *p = &c->population;
    for (int axis = 0; axis < 2; axis++) {
        const int32_t size = axis == 0 ? p->input.height : p->input.width;
        const int32_t kernel = random_int(1, size < 3 ? size : 3), pad = random_int(0, kernel - 1);
        p->window.kernel[axis] = kernel;
        p->window.stride[axis] = random_int(1, kernel);
        p->window.dilation[axis] = 1;
        p->window.pad_begin[axis] = p->window.pad_end[axis] = pad;
        while ((size + 2 * pad - kernel) % p->window.stride[axis] > pad) {
            p->window.stride[axis]--;
        }
    }
    p->shape.height = window_output(&p->window, 0, p->input.height);
    p->shape.width = window_output(&p->window, 1, p->input.width);
    c->wide.tile.position_begin = 0;
    c->wide.tile.position_end = snn_shape_positions(p->input);
}

static fused_case random_fused_case(snn_operator op)
{
    fused_case c = {.wide = random_wide_case(op, WEIGHTS_ANY), .images = 0};
    wide_case *w = &c.wide;
    const snn_operator *made = &w->projection.op;
    c.images = w->source.images;
    w->tile.channel_begin = made->target_channel + w->row_begin;
    w->tile.channel_end = made->target_channel + w->row_end;
    c.population =
        (snn_population){.kind = SNN_NEURON_MAXIMUM, .shape = made->target, .input = made->target, .groups = 1};
    const int32_t owned = owned_of(&c), steps = w->tile.steps;
    choose_window(&c);
    const snn_shape shape = c.population.shape;
    c.inputs = snn_shape_positions(made->target) * owned;
    c.outputs = snn_shape_positions(shape) * owned;
    c.untracked = random_bool();
    c.elements = steps * (w->tile.position_end - w->tile.position_begin) * owned;
    const int64_t taps = snn_operator_row_length(made);
    c.neurons = (snn_neurons){
        .kind = SNN_NEURON_MAXIMUM,
        .alpha = 0.25F,
        .beta = 1.5F,
        .groups = 1,
        .input_channels = owned,
        .eta = floats(steps, 0.01F, 0.2F),
        .step = floats(owned, 1e-5F, 0.003F / (float)taps),
        .inverse_scale = floats(owned, 0.2F, 3.0F),
        .x = floats(c.inputs, -2.0F, 2.0F),
        .y = floats(c.outputs, -1.0F, 1.5F),
        .spikes = random_spikes(snn_shape_positions(shape), shape.channels, c.images, steps),
        .previous = random_spikes(snn_shape_positions(shape), shape.channels, 1, 1).bits,
        .first = random_bool(),
        .input = made->target,
        .shape = shape,
        .window = c.population.window,
        .channel_begin = w->tile.channel_begin,
        .channel_end = w->tile.channel_end,
    };
    c.spike_bytes = snn_spikes_plane_bytes(&c.neurons.spikes) * c.images * steps;
    if (random_int(0, 3) == 0) {
        c.neurons.increments = floats(steps, -0.2F, 0.2F);
        c.neurons.graded = floats(c.inputs, -1.0F, 1.0F);
    }
    return c;
}

static void free_fused_case(fused_case *c)
{
    snn_release((void *)c->neurons.eta);
    snn_release((void *)c->neurons.step);
    snn_release((void *)c->neurons.inverse_scale);
    snn_release((void *)c->neurons.increments);
    snn_release((void *)c->neurons.graded);
    snn_release((void *)c->neurons.previous);
    snn_release(c->neurons.x);
    snn_release(c->neurons.y);
    snn_release(c->neurons.spikes.bits);
    free_wide_case(&c->wide);
}

static void *copy_of(const void *data, int64_t bytes)
{
    void *copy = allocate(bytes, 1);
    memcpy(copy, data, (size_t)bytes);
    return copy;
}

/* The case's state and spikes, all other counts 7 because kernels add to them, through which `run` is to go. */
static outcome outcome_of(const fused_case *c, snn_neurons *neurons, snn_tile_counts *counts)
{
    const int32_t steps = c->wide.tile.steps;
    outcome o = {.x = copy_of(c->neurons.x, c->inputs * (int64_t)sizeof(float)),
                 .y = copy_of(c->neurons.y, c->outputs * (int64_t)sizeof(float)),
                 .bits = copy_of(c->neurons.spikes.bits, c->spike_bytes),
                 .counts = allocate(3 * steps + owned_of(c), sizeof(int64_t))};
    for (int32_t i = 0; i < 3 * steps + owned_of(c); i++) {
        o.counts[i] = 7;
    }
    *neurons = c->neurons;
    neurons->x = o.x;
    neurons->y = o.y;
    neurons->spikes.bits = o.bits;
    *counts = (snn_tile_counts){o.counts, o.counts + steps, c->untracked ? NULL : o.counts + 2 * steps,
                                o.counts + 3 * steps, NULL};
    return o;
}

static void free_outcome(outcome *o)
{
    snn_release(o->x);
    snn_release(o->y);
    snn_release(o->bits);
    snn_release(o->counts);
}

static void pack(const snn_kernels *kernels, const wide_case *w, snn_packed *packed)
{
    const snn_status status = kernels->pack(&w->projection, SNN_WEIGHTS_INT16, w->row_begin, w->row_end, packed);
    assert_int_equal(status.code, SNN_OK);
}

static void project(const snn_kernels *kernels, const wide_case *w, snn_tile tile)
{
    snn_packed packed;
    pack(kernels, w, &packed);
    tile.scratch =
        allocate(kernels->scratch_bytes(&packed, tile.position_end - tile.position_begin, tile.steps) + 1, 1);
    kernels->project(&packed, &w->source, &tile);
    snn_release(tile.scratch);
    snn_release(packed.data);
}

/* One after the other. */
static outcome run_apart(const fused_case *c, const snn_kernels *kernels)
{
    snn_neurons neurons;
    snn_tile_counts counts;
    outcome o = outcome_of(c, &neurons, &counts);
    snn_tile tile = c->wide.tile;
    int32_t *sums = allocate(c->elements, sizeof *sums);
    tile.accumulator = sums;
    project(kernels, &c->wide, tile);
    kernels->fire(&neurons, &tile, &counts);
    snn_release(sums);
    return o;
}

static void check_fused(const snn_kernels *kernels, const fused_case *c, const outcome *expected)
{
    snn_packed packed;
    pack(kernels, &c->wide, &packed);
    assert_true(kernels->fuses(&packed, &c->population));
    snn_neurons neurons;
    snn_tile_counts counts;
    outcome o = outcome_of(c, &neurons, &counts);
    snn_tile tile = c->wide.tile;
    /* of a block that this one is the shorter end of */
    const int64_t bytes = kernels->fused_scratch_bytes(&c->population, tile.steps + random_int(0, 3));
    uint8_t *scratch = allocate(bytes + GUARD, 1);
    fill_random(scratch, (size_t)bytes);
    memset(scratch + bytes, 0x5a, GUARD);
    tile.scratch = scratch;
    kernels->project_and_fire(&packed, &c->wide.source, &neurons, &tile, &counts);
    for (int i = 0; i < GUARD; i++) {
        assert_int_equal(scratch[bytes + i], 0x5a);
    }
    assert_memory_equal(o.x, expected->x, (size_t)c->inputs * sizeof(float));
    assert_memory_equal(o.y, expected->y, (size_t)c->outputs * sizeof(float));
    assert_memory_equal(o.bits, expected->bits, (size_t)c->spike_bytes);
    for (int32_t i = 0; i < 3 * tile.steps + owned_of(c); i++) {
        if (o.counts[i] != expected->counts[i]) {
            fail_msg("%s: count %d of %d steps is %lld, expected %lld", kernels->name, i, tile.steps,
                     (long long)o.counts[i], (long long)expected->counts[i]);
        }
    }
    free_outcome(&o);
    snn_release(scratch);
    snn_release(packed.data);
}

static void check_case(const fused_case *c)
{
    int32_t tables;
    const snn_kernels *const *all = all_tables(&tables);
    outcome expected = run_apart(c, all[tables - 1]);
    for (int32_t k = 0; k < tables; k++) {
        if (all[k]->available()) {
            check_fused(all[k], c, &expected);
        }
    }
    free_outcome(&expected);
}

/* Maxima over windows of the spikes of a population of the same channels. */
static void test_maxima(void **state)
{
    (void)state;
    seed_random(25);
    for (int i = 0; i < 60; i++) {
        const int32_t channels = random_int(1, 70), size[2] = {random_int(2, 9), random_int(2, 9)};
        snn_operator op = {.kind = SNN_OPERATOR_DIAGONAL,
                           .source = {size[0], size[1], 0},
                           .source_channels = channels,
                           .target_channels = channels,
                           .groups = 1};
        fused_case c = random_fused_case(op);
        check_case(&c);
        free_fused_case(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maxima),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
