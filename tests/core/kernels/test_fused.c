/* Products with the neuron update behind them, of every kernel table that has such kernels, against the plain C table's
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
    wide_case *added;                               /* a diagonal projection onto the same channels, or NULL */
    int32_t *others;                                /* sums of other projections, or NULL */
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

/* Whole rows of positions, or part of one. */
static void align_tile(snn_tile *tile, snn_shape target)
{
    int32_t begin, end;
    if (random_bool()) {
        random_range(0, target.height, &begin, &end);
        tile->position_begin = (int64_t)begin * target.width;
        tile->position_end = (int64_t)end * target.width;
        return;
    }
    const int64_t row = (int64_t)random_int(0, target.height - 1) * target.width;
    random_range(0, target.width, &begin, &end);
    tile->position_begin = row + begin;
    tile->position_end = row + end;
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

/* Onto all of the channels or some, from the same position or one of several. */
static wide_case *random_diagonal(const fused_case *c)
{
    const wide_case *w = &c->wide;
    const snn_operator *to = &w->projection.op;
    wide_case *d = allocate(1, sizeof *d);
    d->projection = w->projection;
    int32_t first = 0, end = to->target_channels;
    if (random_bool()) {
        random_range(0, to->target_channels, &first, &end);
    }
    const int32_t channels = end - first;
    d->projection.op = (snn_operator){.kind = SNN_OPERATOR_DIAGONAL,
                                      .source = {to->target.height, to->target.width, 0},
                                      .source_channel = random_int(0, 20),
                                      .source_channels = channels,
                                      .target = to->target,
                                      .target_channel = to->target_channel + first,
                                      .target_channels = channels,
                                      .groups = 1};
    snn_operator *op = &d->projection.op;
    if (random_bool()) {
        op->pooled = true;
        op->pool = (snn_window){{1, 1}, {random_int(1, 3), random_int(1, 3)}, {1, 1}, {0, 0}, {0, 0}};
        op->source.height = (to->target.height - 1) * op->pool.stride[0] + 1;
        op->source.width = (to->target.width - 1) * op->pool.stride[1] + 1;
    }
    op->source.channels = op->source_channel + channels + random_int(0, 9);
    /* rows of what the case owns */
    const int32_t from = w->row_begin - first, to_row = w->row_end - first;
    d->row_begin = from < 0 ? 0 : from > channels ? channels : from;
    d->row_end = to_row < d->row_begin ? d->row_begin : to_row > channels ? channels : to_row;
    d->projection.row_begin = 0;
    d->projection.row_end = channels;
    int32_t *weights = allocate(channels, sizeof *weights);
    for (int32_t i = 0; i < channels; i++) {
        weights[i] = random_int(-100000, 100000);
    }
    d->projection.weights = weights;
    d->source = random_spikes(snn_shape_positions(op->source), op->source.channels, c->images, w->tile.steps);
    return d;
}

static fused_case random_fused_case(snn_operator op, weight_choice choice, snn_neuron_kind kind)
{
    fused_case c = {.wide = random_wide_case(op, choice), .images = 0};
    wide_case *w = &c.wide;
    const snn_operator *made = &w->projection.op;
    c.images = w->source.images;
    align_tile(&w->tile, made->target);
    w->tile.channel_begin = made->target_channel + w->row_begin;
    w->tile.channel_end = made->target_channel + w->row_end;
    c.population = (snn_population){.kind = kind, .shape = made->target, .input = made->target, .groups = 1};
    const int32_t owned = owned_of(&c), steps = w->tile.steps;
    if (kind == SNN_NEURON_MAXIMUM) {
        choose_window(&c);
    }
    const snn_shape shape = c.population.shape;
    c.inputs = snn_shape_positions(made->target) * owned;
    c.outputs = snn_shape_positions(shape) * owned;
    c.untracked = random_bool();
    c.elements = steps * (w->tile.position_end - w->tile.position_begin) * owned;
    const int64_t taps = snn_operator_row_length(made);
    c.neurons = (snn_neurons){
        .kind = kind,
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
    if (kind != SNN_NEURON_MAXIMUM && random_int(0, 3) == 0) {
        c.others = allocate(c.elements, sizeof *c.others);
        for (int64_t i = 0; i < c.elements; i++) {
            c.others[i] = random_int(-100000, 100000);
        }
    }
    if (kind != SNN_NEURON_MAXIMUM && random_int(0, 2) == 0) {
        c.added = random_diagonal(&c);
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
    snn_release(c->others);
    if (c->added != NULL) {
        free_wide_case(c->added);
        snn_release(c->added);
    }
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
    if (c->others != NULL) {
        memcpy(sums, c->others, (size_t)c->elements * sizeof *sums);
    }
    tile.accumulator = sums;
    project(kernels, &c->wide, tile);
    if (c->added != NULL) {
        project(kernels, c->added, tile);
    }
    kernels->fire(&neurons, &tile, &counts);
    snn_release(sums);
    return o;
}

static void check_fused(const snn_kernels *kernels, const fused_case *c, const outcome *expected)
{
    snn_packed packed;
    pack(kernels, &c->wide, &packed);
    if (!kernels->fuses(&packed, &c->population) || (c->added != NULL && kernels->adds == NULL)) {
        snn_release(packed.data);
        return;
    }
    snn_neurons neurons;
    snn_tile_counts counts;
    outcome o = outcome_of(c, &neurons, &counts);
    snn_tile tile = c->wide.tile;
    /* of a block that this one is the shorter end of */
    const int64_t bytes = kernels->fused_scratch_bytes(&packed, &c->population, tile.position_end - tile.position_begin,
                                                       tile.steps + random_int(0, 3));
    uint8_t *scratch = allocate(bytes + GUARD, 1);
    fill_random(scratch, (size_t)bytes);
    memset(scratch + bytes, 0x5a, GUARD);
    tile.scratch = scratch;
    tile.accumulator = c->others;
    const snn_feed product = {&packed, c->wide.source};
    snn_packed diagonal = {.data = NULL};
    if (c->added != NULL) {
        pack(kernels, c->added, &diagonal);
        assert_true(kernels->adds(&diagonal));
    }
    const snn_feed added = {&diagonal, c->added != NULL ? c->added->source : c->wide.source};
    kernels->project_and_fire(&product, diagonal.data != NULL ? &added : NULL, &neurons, &tile, &counts);
    snn_release(diagonal.data);
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
        if (all[k]->available() && all[k]->fuses != NULL) {
            check_fused(all[k], c, &expected);
        }
    }
    free_outcome(&expected);
}

static void check_operator(snn_operator op, weight_choice choice, snn_neuron_kind kind)
{
    fused_case c = random_fused_case(op, choice, kind);
    check_case(&c);
    free_fused_case(&c);
}

static void test_layers(void **state)
{
    (void)state;
    const snn_operator layers[] = {
        convolution(6, 64, 64, 1, square_window(3, 1, 1, 1)),  convolution(5, 128, 48, 1, square_window(3, 1, 1, 1)),
        convolution(7, 256, 33, 1, square_window(3, 1, 1, 1)), convolution(6, 256, 64, 1, square_window(1, 1, 1, 0)),
        convolution(7, 64, 128, 1, square_window(1, 2, 1, 0)), convolution(9, 64, 40, 1, square_window(3, 2, 1, 1)),
        convolution(9, 3, 64, 1, square_window(7, 2, 1, 3)),   convolution(6, 128, 64, 2, square_window(3, 1, 1, 1)),
    };
    seed_random(21);
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
            check_operator(layers[i], (weight_choice)(((size_t)round + i) % WEIGHTS_CHOICES),
                           round == 3 ? SNN_NEURON_LINEAR : SNN_NEURON_RELU);
        }
    }
}

static void test_kinds(void **state)
{
    (void)state;
    seed_random(22);
    for (int kind = 0; kind < SNN_NEURON_KIND_COUNT; kind++) {
        if (!snn_neuron_spikes(kind) || snn_neuron_reads_all_channels(kind) || snn_neuron_reads_all_positions(kind)) {
            continue;
        }
        check_operator(convolution(4, random_int(16, 80), random_int(8, 40), 1, square_window(3, 1, 1, 1)), WEIGHTS_ANY,
                       kind);
    }
}

static void test_dense_layers(void **state)
{
    (void)state;
    static const int32_t sizes[][3] = {{1, 512, 100}, {4, 64, 40}, {3, 50, 20}, {1, 2049, 10}, {5, 7, 64}};
    seed_random(23);
    for (size_t i = 0; i < 3 * sizeof sizes / sizeof sizes[0]; i++) {
        const int32_t *size = sizes[i % (sizeof sizes / sizeof sizes[0])];
        const snn_operator op = {.kind = SNN_OPERATOR_DENSE,
                                 .source = {size[0], size[0] + random_int(0, 1), 0},
                                 .source_channels = size[1],
                                 .target_channels = size[2],
                                 .groups = 1};
        check_operator(op, (weight_choice)(i / (sizeof sizes / sizeof sizes[0])), SNN_NEURON_RELU);
    }
}

static void test_random_layers(void **state)
{
    (void)state;
    seed_random(24);
    for (int i = 0; i < 80; i++) {
        const int32_t groups = random_int(0, 3) == 0 ? random_int(2, 4) : 1;
        snn_operator op = {.kind = SNN_OPERATOR_CONVOLUTION,
                           .source = {random_int(1, 9), random_int(1, 20), 0},
                           .source_channels = groups * random_int(1, 140 / groups),
                           .target_channels = groups * random_int(1, 80 / groups),
                           .groups = groups};
        op.window = random_window((const int32_t[]){op.source.height, op.source.width}, 4);
        check_operator(op, (weight_choice)random_int(0, WEIGHTS_CHOICES - 1),
                       random_bool() ? SNN_NEURON_RELU : SNN_NEURON_GELU);
    }
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
        fused_case c = random_fused_case(op, WEIGHTS_ANY, SNN_NEURON_MAXIMUM);
        check_case(&c);
        free_fused_case(&c);
    }
}

/* All images of a dense layer in one tile, against one image after the other. */
static void check_gathered(const snn_kernels *kernels, fused_case *c, int32_t images, const snn_kernels *reference)
{
    snn_packed packed;
    pack(kernels, &c->wide, &packed);
    assert_true(kernels->gathers(&packed));
    if (!kernels->fuses(&packed, &c->population)) { /* too few channels */
        snn_release(packed.data);
        return;
    }
    outcome expected = {0}, whole = {0};
    snn_neurons neurons;
    snn_tile_counts counts;
    const snn_neurons all = c->neurons;
    expected = outcome_of(c, &neurons, &counts);
    snn_tile tile = c->wide.tile;
    tile.accumulator = allocate(c->elements, sizeof(int32_t));
    for (tile.image = 0; tile.image < images; tile.image++) {
        snn_neurons one = neurons;
        one.x += tile.image * owned_of(c);
        one.y += tile.image * owned_of(c);
        one.previous += tile.image * all.spikes.row_bytes;
        memset(tile.accumulator, 0, (size_t)c->elements * sizeof(int32_t));
        project(reference, &c->wide, tile);
        reference->fire(&one, &tile, &counts);
    }
    snn_release(tile.accumulator);

    whole = outcome_of(c, &neurons, &counts);
    const snn_spikes from = c->wide.source;
    const int32_t row_bytes = (int32_t)snn_spikes_plane_bytes(&from);
    const snn_feed product = {&packed, {from.bits, images, 8 * row_bytes, row_bytes, 1}};
    neurons.spikes.positions = images;
    neurons.spikes.images = 1;
    neurons.input.width = neurons.shape.width = images;
    const int64_t bytes = kernels->fused_scratch_bytes(&packed, &c->population, images, tile.steps);
    tile = (snn_tile){.position_end = images,
                      .steps = tile.steps,
                      .channel_begin = tile.channel_begin,
                      .channel_end = tile.channel_end,
                      .scratch = allocate(bytes, 1)};
    kernels->project_and_fire(&product, NULL, &neurons, &tile, &counts);
    assert_memory_equal(whole.x, expected.x, (size_t)c->inputs * sizeof(float));
    assert_memory_equal(whole.y, expected.y, (size_t)c->outputs * sizeof(float));
    assert_memory_equal(whole.bits, expected.bits, (size_t)c->spike_bytes);
    assert_memory_equal(whole.counts, expected.counts, (size_t)(3 * tile.steps + owned_of(c)) * sizeof(int64_t));
    snn_release(tile.scratch);
    snn_release(packed.data);
    free_outcome(&expected);
    free_outcome(&whole);
}

static void test_gathered_images(void **state)
{
    (void)state;
    enum { IMAGES_MAX = 2 }; /* that random cases have */
    int32_t tables;
    const snn_kernels *const *all = all_tables(&tables);
    seed_random(26);
    for (int i = 0; i < 40; i++) {
        const int32_t size = random_int(1, 4), targets = random_int(20, 70);
        const snn_operator op = {.kind = SNN_OPERATOR_DENSE,
                                 .source = {size, size, 0},
                                 .source_channels = 8 * random_int(2, 20),
                                 .target_channels = targets,
                                 .groups = 1};
        fused_case c = random_fused_case(op, (weight_choice)(i % WEIGHTS_CHOICES), SNN_NEURON_RELU);
        const snn_operator *made = &c.wide.projection.op;
        const bool plain = made->source_channels == made->source.channels && c.neurons.graded == NULL &&
                           c.others == NULL && c.added == NULL && c.images <= IMAGES_MAX;
        if (plain) { /* state of one image is not enough */
            const int64_t states = (int64_t)c.images * owned_of(&c),
                          rows = (int64_t)c.images * c.neurons.spikes.row_bytes;
            snn_release(c.neurons.x);
            snn_release(c.neurons.y);
            snn_release((void *)c.neurons.previous);
            c.neurons.x = floats(states, -2.0F, 2.0F);
            c.neurons.y = floats(states, -1.0F, 1.5F);
            uint8_t *previous = allocate(rows, 1);
            fill_random(previous, (size_t)rows);
            c.neurons.previous = previous;
            c.inputs = c.outputs = states;
        }
        for (int32_t k = 0; k < tables && plain; k++) {
            if (all[k]->available() && all[k]->gathers != NULL) {
                check_gathered(all[k], &c, c.images, all[tables - 1]);
            }
        }
        free_fused_case(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),        cmocka_unit_test(test_kinds),  cmocka_unit_test(test_dense_layers),
        cmocka_unit_test(test_random_layers), cmocka_unit_test(test_maxima), cmocka_unit_test(test_gathered_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
