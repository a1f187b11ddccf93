/* Neurons of several inputs. Every kernel table's spikes against f evaluated in long double (they may differ only where
 * f and y meet within rounding), state and counts exactly from those spikes; and the tables against each other, as well
 * as runs that own all outputs in one block against runs by owned ranges in two blocks, exactly. */
#include "tests/core/kernels/test_kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/kernels/kernels.h"
#include "tests/core/kernels/random_case.h"
#include "tests/core/shard/naive_sample.h"
#include "tests/core/tables/tables.h"

enum { NARY_CASES = 60, GUARD = 64, LARGEST_ROW = 512 };

static const long double ROUNDING = 2e-5L; /* of f, relative to the magnitude of its terms */

typedef struct nary_case {
    snn_population population; /* kind, shapes, parameters */
    int32_t images, image, steps;
    int64_t position_begin, position_end; /* of the tile */
    bool real, first;
    float *eta, *step, *inverse_scale;
    float *increments, *graded; /* or NULL */
    float *x, *y;               /* before */
    int32_t *accumulator;
    snn_spikes spikes; /* before */
    uint8_t *previous;
} nary_case;

/* State and counts of all outputs. */
typedef struct nary_result {
    float *x, *y;
    uint8_t *bits;
    int64_t *counts; /* spikes, flips, error [steps] each, channel_spikes [channels] */
    bool untracked;  /* errors are not wanted */
} nary_result;

static float *random_floats(int64_t count, float low, float high)
{
    float *values = allocate(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = low + (high - low) * (0.5F + random_float(0.5F));
    }
    return values;
}

static void random_shapes(snn_population *p)
{
    const bool attention = snn_neuron_reads_all_positions(p->kind), large = random_int(0, 3) == 0;
    snn_shape shape = {random_int(1, large ? 9 : 4), random_int(1, large ? 8 : 5), 0};
    p->groups = random_int(1, random_bool() ? 4 : 2);
    const int32_t width = random_int(1, large ? 70 : 20), channels = width * p->groups;
    p->alpha = attention ? 1.0F / sqrtf((float)width) : 0.05F;
    const bool two_forms = p->kind == SNN_NEURON_LAYER_NORM || p->kind == SNN_NEURON_QUOTIENT;
    p->beta = two_forms && width % 2 == 0 ? 1.0F : 0.0F;                 /* root mean square; divisors of either sign */
    p->beta = attention && random_bool() ? (float)shape.width : p->beta; /* windows */
    const int32_t positions = attention && p->beta > 0.0F ? shape.width : (int32_t)snn_shape_positions(shape);
    p->shape = p->input = shape;
    p->shape.channels = p->input.channels = channels;
    switch (p->kind) {
    case SNN_NEURON_NORMALISE:
        p->input.channels += 1;
        break;
    case SNN_NEURON_PRODUCT:
        p->input.channels *= 2;
        break;
    case SNN_NEURON_QUOTIENT:
        p->input.channels += p->groups;
        break;
    case SNN_NEURON_SCORES:
        p->input.channels *= 2;
        p->shape.channels = p->groups * positions;
        break;
    case SNN_NEURON_MIX:
        p->input.channels += p->groups * positions;
        break;
    case SNN_NEURON_ATTENTION:
        p->input.channels *= 3;
        break;
    default:
        break;
    }
}

static nary_case random_nary_case(snn_neuron_kind kind)
{
    nary_case c = {.population.kind = kind, .images = random_int(1, 3), .steps = random_int(1, 4)};
    random_shapes(&c.population);
    const snn_shape input = c.population.input, shape = c.population.shape;
    const int32_t positions = (int32_t)snn_shape_positions(shape);
    int32_t begin = 0, end = positions;
    if (!snn_neuron_reads_all_positions(kind)) {
        random_range(0, positions, &begin, &end);
    }
    c.position_begin = begin;
    c.position_end = end;
    c.image = random_int(0, c.images - 1);
    c.real = random_bool();
    c.first = random_bool();
    c.eta = random_floats(c.steps, 0.1F, 0.5F);
    c.step = random_floats(input.channels, 0.0001F, 0.001F);
    c.inverse_scale = random_floats(shape.channels, 0.5F, 2.0F);
    if (random_bool()) {
        c.increments = random_floats(c.steps, -0.2F, 0.2F);
        c.graded = random_floats(snn_shape_size(input), -1.0F, 1.0F);
    }
    c.x = random_floats(snn_shape_size(input), -2.0F, 2.0F);
    c.y = random_floats(snn_shape_size(shape), -1.0F, 1.0F);
    const int64_t sums = c.steps * (c.position_end - c.position_begin) * input.channels;
    c.accumulator = (int32_t *)random_floats(sums, -500.0F, 500.0F);
    for (int64_t i = 0; i < sums && !c.real; i++) {
        c.accumulator[i] = random_int(-500, 500);
    }
    c.spikes = random_spikes(positions, shape.channels, c.images, c.steps);
    c.previous = random_spikes(positions, shape.channels, 1, 1).bits;
    return c;
}

static void free_nary_case(nary_case *c)
{
    snn_release(c->eta);
    snn_release(c->step);
    snn_release(c->inverse_scale);
    snn_release(c->increments);
    snn_release(c->graded);
    snn_release(c->x);
    snn_release(c->y);
    snn_release(c->accumulator);
    snn_release(c->spikes.bits);
    snn_release(c->previous);
}

static int64_t spike_bytes(const nary_case *c)
{
    return snn_spikes_plane_bytes(&c->spikes) * c->images * c->steps;
}

static int64_t count_count(const nary_case *c)
{
    return 3 * c->steps + c->population.shape.channels;
}

/* A copy with guards behind it. */
static void *guarded_copy(const void *from, int64_t bytes)
{
    uint8_t *copy = allocate(bytes + GUARD, 1);
    if (from != NULL) {
        memcpy(copy, from, (size_t)bytes);
    }
    memset(copy + bytes, 0x5a, GUARD);
    return copy;
}

static void check_guard(const void *copy, int64_t bytes)
{
    for (int i = 0; i < GUARD; i++) {
        assert_int_equal(((const uint8_t *)copy)[bytes + i], 0x5a);
    }
}

static nary_result result_of(const nary_case *c)
{
    return (nary_result){
        .x = guarded_copy(c->x, snn_shape_size(c->population.input) * (int64_t)sizeof(float)),
        .y = guarded_copy(c->y, snn_shape_size(c->population.shape) * (int64_t)sizeof(float)),
        .bits = guarded_copy(c->spikes.bits, spike_bytes(c)),
        .counts = guarded_copy(NULL, count_count(c) * (int64_t)sizeof(int64_t)),
    };
}

static void free_nary_result(nary_result *r)
{
    snn_release(r->x);
    snn_release(r->y);
    snn_release(r->bits);
    snn_release(r->counts);
}

/* Runs a block of steps of the owned outputs [begin, end). y [positions][owned]. */
static void run_block(const snn_kernels *kernels, const nary_case *c, int32_t begin, int32_t end, int32_t first_step,
                      int32_t last_step, float *x, float *y, nary_result *r)
{
    const snn_population *p = &c->population;
    snn_spikes spikes = c->spikes;
    spikes.bits = r->bits;
    const int64_t scratch = kernels->fire_scratch_bytes(p, end - begin, p->input.channels);
    const int64_t tile_positions = c->position_end - c->position_begin;
    uint8_t *guarded_scratch = guarded_copy(NULL, scratch);
    fill_random(guarded_scratch, (size_t)scratch);
    snn_neurons neurons = {.kind = p->kind,
                           .alpha = p->alpha,
                           .beta = p->beta,
                           .groups = p->groups,
                           .input_channels = p->input.channels,
                           .real = c->real,
                           .eta = c->eta + first_step,
                           .step = c->step,
                           .inverse_scale = c->inverse_scale + begin,
                           .increments = c->increments != NULL ? c->increments + first_step : NULL,
                           .graded = c->graded,
                           .x = x,
                           .y = y,
                           .spikes = spikes,
                           .previous = c->previous,
                           .first = c->first && first_step == 0,
                           .input = p->input,
                           .shape = p->shape,
                           .channel_begin = begin,
                           .channel_end = end};
    if (first_step > 0) {
        neurons.previous = snn_spikes_plane(&spikes, first_step - 1, c->image);
        neurons.spikes.bits = snn_spikes_plane(&spikes, first_step, 0);
    }
    const snn_tile tile = {.image = c->image,
                           .position_begin = c->position_begin,
                           .position_end = c->position_end,
                           .steps = last_step - first_step,
                           .channel_end = p->input.channels,
                           .accumulator = c->accumulator + first_step * tile_positions * p->input.channels,
                           .scratch = guarded_scratch};
    const snn_tile_counts counts = {.spikes = r->counts + first_step,
                                    .flips = r->counts + c->steps + first_step,
                                    .error = r->untracked ? NULL : r->counts + 2 * c->steps + first_step,
                                    .channel_spikes = r->counts + 3 * c->steps + begin};
    kernels->fire(&neurons, &tile, &counts);
    check_guard(guarded_scratch, scratch);
    snn_release(guarded_scratch);
}

/* All steps of the owned outputs [begin, end), in blocks [0, split) and [split, steps). */
static void run_range(const snn_kernels *kernels, const nary_case *c, int32_t begin, int32_t end, int32_t split,
                      nary_result *r)
{
    const int64_t owned = end - begin, channels = c->population.shape.channels;
    const int64_t positions = snn_shape_positions(c->population.shape);
    const int64_t x_bytes = snn_shape_size(c->population.input) * (int64_t)sizeof(float);
    const int64_t y_bytes = positions * owned * (int64_t)sizeof(float);
    float *y = guarded_copy(NULL, y_bytes);
    for (int64_t i = 0; i < positions * owned; i++) {
        y[i] = c->y[i / owned * channels + begin + i % owned];
    }
    memcpy(r->x, c->x, (size_t)x_bytes);
    if (split > 0) {
        run_block(kernels, c, begin, end, 0, split, r->x, y, r);
    }
    if (split < c->steps) {
        run_block(kernels, c, begin, end, split, c->steps, r->x, y, r);
    }
    for (int64_t i = 0; i < positions * owned; i++) {
        r->y[i / owned * channels + begin + i % owned] = y[i];
    }
    check_guard(y, y_bytes);
    check_guard(r->x, x_bytes);
    check_guard(r->bits, spike_bytes(c));
    check_guard(r->counts, count_count(c) * (int64_t)sizeof(int64_t));
    snn_release(y);
}

static void check_equal(const nary_case *c, const nary_result *a, const nary_result *b)
{
    assert_memory_equal(a->x, b->x, (size_t)snn_shape_size(c->population.input) * sizeof(float));
    assert_memory_equal(a->y, b->y, (size_t)snn_shape_size(c->population.shape) * sizeof(float));
    assert_memory_equal(a->bits, b->bits, (size_t)spike_bytes(c));
    assert_memory_equal(a->counts, b->counts, (size_t)count_count(c) * sizeof(int64_t));
}

/* f of the outputs of one position, and the magnitude of the terms that it comes from. */
typedef struct naive_row {
    long double value[LARGEST_ROW], magnitude[LARGEST_ROW];
} naive_row;

static void naive_softmax(long double *values, int32_t count)
{
    long double sum = 0.0L;
    for (int32_t i = 0; i < count; i++) {
        values[i] = expl(values[i]);
        sum += values[i];
    }
    for (int32_t i = 0; i < count; i++) {
        values[i] /= sum;
    }
}

static void naive_shifted_exp(long double *values, int32_t count)
{
    long double largest = values[0];
    for (int32_t i = 1; i < count; i++) {
        largest = fmaxl(largest, values[i]);
    }
    for (int32_t i = 0; i < count; i++) {
        values[i] = expl(values[i] - largest);
    }
}

static void naive_layer_norm(const snn_population *p, const float *x, naive_row *row)
{
    const int32_t length = p->shape.channels / p->groups;
    for (int32_t c = 0; c < p->shape.channels; c++) {
        const float *group = x + c / length * length;
        long double mean = 0.0L, variance = 0.0L;
        for (int32_t i = 0; i < length && p->beta == 0.0F; i++) {
            mean += group[i] / (long double)length;
        }
        for (int32_t i = 0; i < length; i++) {
            variance += (group[i] - mean) * (group[i] - mean) / (long double)length;
        }
        row->value[c] = (x[c] - mean) / sqrtl(variance + p->alpha);
        row->magnitude[c] = 10.0L;
    }
}

/* alpha q . k of the query of one position with the key of another. */
static long double naive_score(const snn_population *p, const float *x, int64_t query, int64_t key, int32_t head)
{
    const int32_t stride = p->input.channels;
    const int32_t channels = p->kind == SNN_NEURON_SCORES ? stride / 2 : p->shape.channels,
                  width = channels / p->groups;
    long double sum = 0.0L;
    for (int32_t d = head * width; d < (head + 1) * width; d++) {
        sum += (long double)x[query * stride + d] * x[key * stride + channels + d];
    }
    return p->alpha * sum;
}

/* The attention kinds. x of the whole image. */
static void naive_attention(const snn_population *p, const float *x, int64_t position, naive_row *row)
{
    const int32_t positions = (int32_t)(p->beta > 0.0F ? p->beta : (float)snn_shape_positions(p->input));
    const int32_t width = p->shape.channels / p->groups, stride = p->input.channels;
    x += position / positions * positions * stride; /* the window's */
    position %= positions;
    for (int32_t head = 0; head < p->groups; head++) {
        long double weight[LARGEST_ROW];
        for (int32_t j = 0; j < positions; j++) {
            weight[j] = p->kind == SNN_NEURON_MIX ? x[position * stride + head * positions + j]
                                                  : naive_score(p, x, position, j, head);
        }
        if (p->kind == SNN_NEURON_SCORES) {
            for (int32_t j = 0; j < positions; j++) {
                row->value[head * positions + j] = weight[j];
                row->magnitude[head * positions + j] = 10.0L;
            }
            continue;
        }
        if (p->kind == SNN_NEURON_ATTENTION) {
            naive_softmax(weight, positions);
        }
        for (int32_t c = head * width; c < (head + 1) * width; c++) {
            row->value[c] = 0.0L;
            row->magnitude[c] = 1.0L;
            for (int32_t j = 0; j < positions; j++) {
                const int32_t values = p->kind == SNN_NEURON_MIX ? p->groups * positions : 2 * p->shape.channels;
                const long double term = weight[j] * x[j * stride + values + c];
                row->value[c] += term;
                row->magnitude[c] += fabsl(term);
            }
        }
    }
}

static void naive_functions(const snn_population *p, const float *image, int64_t position, naive_row *row)
{
    const float *x = image + position * p->input.channels;
    const int32_t channels = p->shape.channels, length = channels / p->groups;
    for (int32_t c = 0; c < channels && c < p->input.channels; c++) { /* scores may be more than inputs */
        row->value[c] = row->magnitude[c] = x[c];
    }
    switch (p->kind) {
    case SNN_NEURON_LAYER_NORM:
        naive_layer_norm(p, x, row);
        return;
    case SNN_NEURON_SOFTMAX:
        for (int32_t begin = 0; begin < channels; begin += length) {
            naive_softmax(row->value + begin, length);
        }
        return;
    case SNN_NEURON_SHIFTED_EXP:
        for (int32_t begin = 0; begin < channels; begin += length) {
            naive_shifted_exp(row->value + begin, length);
        }
        return;
    case SNN_NEURON_NORMALISE:
        for (int32_t c = 0; c < channels; c++) {
            row->value[c] = x[c] / sqrtl(fmaxl(x[channels], 0.0L) + p->alpha);
            row->magnitude[c] = row->value[c];
        }
        return;
    case SNN_NEURON_PRODUCT:
        for (int32_t c = 0; c < channels; c++) {
            row->value[c] *= x[channels + c];
            row->magnitude[c] = row->value[c];
        }
        return;
    case SNN_NEURON_QUOTIENT:
        for (int32_t c = 0; c < channels; c++) {
            const long double divisor = x[channels + c / length], least = p->alpha;
            const bool negative = p->beta == 1.0F && divisor < 0.0L;
            row->value[c] /= negative ? fminl(divisor, -least) : fmaxl(divisor, least);
            row->magnitude[c] = row->value[c];
        }
        return;
    default:
        naive_attention(p, image, position, row);
        return;
    }
}

static bool bit_of(const uint8_t *row, int32_t channel)
{
    return (row[channel / 8] >> (channel % 8) & 1) != 0;
}

/* Updates naive x of the tile's positions. */
static void naive_integrate(const nary_case *c, int32_t step, float *x)
{
    const int32_t channels = c->population.input.channels;
    const int64_t sums = (c->position_end - c->position_begin) * channels;
    for (int64_t i = 0; i < sums; i++) {
        const int32_t whole = c->accumulator[step * sums + i];
        const int64_t at = c->position_begin * channels + i;
        float sum = (float)whole;
        if (c->real) {
            memcpy(&sum, &whole, sizeof sum);
        }
        x[at] = x[at] - (c->eta[step] * c->step[i % channels]) * sum;
        if (c->graded != NULL) {
            x[at] = x[at] + c->increments[step] * c->graded[at];
        }
    }
}

/* One neuron's step, given what it fired; `expected` takes y and counts. Gives by how much its error may be off. */
static long double naive_step(const nary_case *c, int32_t step, int64_t position, int32_t channel, const naive_row *row,
                              const nary_result *r, nary_result *expected)
{
    const snn_population *p = &c->population;
    snn_spikes spikes = c->spikes;
    spikes.bits = r->bits;
    const int64_t byte = position * spikes.row_bytes;
    const bool fired = bit_of(snn_spikes_plane(&spikes, step, c->image) + byte, channel);
    const long double target = row->value[channel] * c->inverse_scale[channel];
    const long double tolerance = ROUNDING * (1.0L + fabsl(row->magnitude[channel])) * c->inverse_scale[channel];
    float *y = &expected->y[position * p->shape.channels + channel];
    if (fired != (target <= *y) && fabsl(target - *y) > tolerance) {
        fail_msg("%s: step %d position %lld channel %d of %d: fired %d, target %Lg, y %g",
                 snn_neuron_kind_name(p->kind), step, (long long)position, channel, p->shape.channels, fired, target,
                 (double)*y);
    }
    *y = *y - (fired ? c->eta[step] : -c->eta[step]);
    if (step > 0 || !c->first) {
        const uint8_t *before = step > 0 ? snn_spikes_plane(&spikes, step - 1, c->image) : c->previous;
        expected->counts[c->steps + step] += bit_of(before + byte, channel) != fired;
    }
    expected->counts[step] += fired;
    expected->counts[3 * c->steps + channel] += fired;
    if (!naive_is_tracked(position, p->shape)) {
        return 0.0L;
    }
    expected->counts[2 * c->steps + step] += llrintl(fminl(fabsl(*y - target), 127.0L) * 65536.0L);
    return tolerance * 65536.0L + 1.0L;
}

static void check_naive(const snn_kernels *kernels, const nary_case *c, const nary_result *r)
{
    nary_result expected = result_of(c);
    naive_row row;
    for (int32_t step = 0; step < c->steps; step++) {
        long double slack = 0.0L;
        naive_integrate(c, step, expected.x);
        for (int64_t position = c->position_begin; position < c->position_end; position++) {
            naive_functions(&c->population, expected.x, position, &row);
            for (int32_t channel = 0; channel < c->population.shape.channels; channel++) {
                slack += naive_step(c, step, position, channel, &row, r, &expected);
            }
        }
        int64_t *error = &expected.counts[2 * c->steps + step];
        if (fabsl((long double)(*error - r->counts[2 * c->steps + step])) > slack) {
            fail_msg("%s: %s: step %d: error %lld, expected %lld", kernels->name,
                     snn_neuron_kind_name(c->population.kind), step, (long long)r->counts[2 * c->steps + step],
                     (long long)*error);
        }
        *error = r->counts[2 * c->steps + step];
    }
    memcpy(expected.bits, r->bits, (size_t)spike_bytes(c));
    check_equal(c, &expected, r);
    free_nary_result(&expected);
}

/* Bits of other images, positions and of no channel are as before. */
static void check_others_bits(const nary_case *c, const nary_result *r)
{
    const int64_t row_bytes = c->spikes.row_bytes, positions = c->spikes.positions;
    for (int64_t i = 0; i < spike_bytes(c); i++) {
        const int64_t position = i / row_bytes % positions, image = i / row_bytes / positions % c->images;
        unsigned written = 0;
        if (image == c->image && position >= c->position_begin && position < c->position_end) {
            const int64_t used = c->population.shape.channels - i % row_bytes * 8;
            written = used >= 8 ? 0xffU : (1U << used) - 1U;
        }
        assert_int_equal((r->bits[i] ^ c->spikes.bits[i]) & ~written & 0xffU, 0);
    }
}

static void check_nary_case(const nary_case *c)
{
    int32_t count;
    const snn_kernels *const *all = all_tables(&count);
    const int32_t channels = c->population.shape.channels;
    nary_result whole = result_of(c);
    run_range(all[count - 1], c, 0, channels, c->steps, &whole);
    check_others_bits(c, &whole);
    check_naive(all[count - 1], c, &whole);
    for (int32_t k = 0; k < count; k++) {
        if (!all[k]->available()) {
            continue;
        }
        nary_result r = result_of(c);
        run_range(all[k], c, 0, channels, c->steps, &r);
        check_equal(c, &r, &whole);
        free_nary_result(&r);

        r = result_of(c);
        r.untracked = random_bool();
        const int32_t first = random_int(0, channels), second = random_int(first, channels);
        const int32_t bounds[] = {0, first, second, channels};
        for (int i = 0; i < 3; i++) {
            if (bounds[i] < bounds[i + 1]) {
                run_range(all[k], c, bounds[i], bounds[i + 1], random_int(0, c->steps), &r);
            }
        }
        for (int32_t i = 2 * c->steps; i < 3 * c->steps && r.untracked; i++) {
            assert_int_equal(r.counts[i], 0);
            r.counts[i] = whole.counts[i];
        }
        check_equal(c, &r, &whole);
        free_nary_result(&r);
    }
    free_nary_result(&whole);
}

void test_nary(void **state)
{
    (void)state;
    static const snn_neuron_kind kinds[] = {SNN_NEURON_LAYER_NORM, SNN_NEURON_NORMALISE, SNN_NEURON_PRODUCT,
                                            SNN_NEURON_QUOTIENT,   SNN_NEURON_SCORES,    SNN_NEURON_SOFTMAX,
                                            SNN_NEURON_MIX,        SNN_NEURON_ATTENTION, SNN_NEURON_SHIFTED_EXP};
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        seed_random(1000 + kind);
        for (int i = 0; i < NARY_CASES; i++) {
            nary_case c = random_nary_case(kinds[kind]);
            check_nary_case(&c);
            free_nary_case(&c);
        }
    }
}
