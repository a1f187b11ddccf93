/* Neurons that fire in windows: x is a function of exact sums, f(x) is found once for each moment at which they differ,
 * and y goes its steps from the resting state on without ever leaving the processor's caches. Neurons of several inputs
 * whose x and y are kept from timestep to timestep are taken as if each timestep were a window of one step.
 *
 * A tile is taken in batches of positions that fit the nearest cache: f(x) of all their outputs first, then their
 * spikes, from groups of neurons whose y and targets are in registers for all steps of a moment, or from numbers whose
 * digits spikes are (digits.c). */
#include "core/kernels/window_neurons.h"
#include "core/kernels/nary.h"

enum {
    BATCH = 8192, /* values of a batch, about */
    WHOLE = 8     /* positions of a batch are a multiple of this: their channels fill whole lanes */
};

static snn_window_batch batch_of(snn_neuron_kind kind, snn_shape input, snn_shape shape, int32_t owned, int32_t held)
{
    const int64_t all = snn_shape_positions(shape), fit = (BATCH / owned / WHOLE + 1) * WHOLE;
    snn_window_batch b = {.positions = snn_neuron_reads_all_positions(kind) || fit > all ? all : fit};
    b.inputs = kind == SNN_NEURON_MAXIMUM ? input.width : snn_neuron_reads_all_channels(kind) ? b.positions : 0;
    b.inputs = snn_nary_whole_lanes(b.inputs * held);
    b.outputs = snn_nary_whole_lanes(b.positions * owned);
    return b;
}

/* Lanes from `lane` on whose channels, from `channel` on, are neighbours. */
static inline int32_t neighbours(int32_t lane, int32_t channel, int32_t owned)
{
    return SNN_STRIP - lane < owned - channel ? SNN_STRIP - lane : owned - channel;
}

static void begin_strip(const snn_window_job *job, int32_t first, snn_strip *s)
{
    const int32_t owned = snn_lanes_owned(job->neurons);
    memset(s->spikes, 0, sizeof s->spikes);
    memset(s->beyond, 0, sizeof s->beyond);
    for (int32_t lane = 0, channel = first % owned, count; lane < SNN_STRIP; lane += count, channel = 0) {
        count = neighbours(lane, channel, owned);
        const size_t bytes = (size_t)count * sizeof(float);
        const int32_t *restrict rest = job->constants->rest != NULL ? job->constants->rest + channel : NULL;
        memcpy(s->inverse_scale + lane, job->neurons->inverse_scale + channel, bytes);
        for (int32_t i = 0; i < count; i++) {
            s->rest[lane + i] = rest != NULL ? (float)rest[i] : 0.0F;
        }
        if (job->finds) {
            memcpy(s->step + lane, job->neurons->step + channel, bytes);
            memcpy(s->bias + lane, job->constants->bias + channel, bytes);
        }
    }
}

static void end_strip(const snn_window_job *job, int32_t first, const snn_strip *s)
{
    const int32_t owned = snn_lanes_owned(job->neurons);
    for (int32_t lane = 0, channel = first % owned, count; lane < SNN_STRIP; lane += count, channel = 0) {
        int64_t *restrict spikes = job->counts->channel_spikes + channel;
        count = neighbours(lane, channel, owned);
        for (int32_t i = 0; i < count; i++) {
            spikes[i] += s->spikes[lane + i];
        }
        int64_t *restrict beyond = job->counts->channel_beyond; /* which those that are kept need not count */
        for (int32_t i = 0; beyond != NULL && i < count; i++) {
            beyond[channel + i] += s->beyond[lane + i];
        }
    }
}

static uint64_t load_bits(const uint8_t *plane, int64_t bit, int32_t count)
{
    const int32_t low = count < 32 ? count : 32;
    const uint64_t bits = snn_lanes_load_bits(plane, bit, low);
    return count > low ? bits | (uint64_t)snn_lanes_load_bits(plane, bit + low, count - low) << low : bits;
}

/* Steps [begin, end) of a group, whose y is at `y` between moments, or always if it is kept. full: all lanes are used.
 */
typedef struct group {
    const float *values;
    float *y;
    int64_t bit;
    int32_t lanes, begin, end;
} group;

static inline __attribute__((always_inline)) void run(const snn_window_job *job, snn_strip *s, const group *g,
                                                      const bool full, const bool strict)
{
    const snn_spikes *spikes = &job->neurons->spikes;
    const int64_t plane_bytes = snn_spikes_plane_bytes(spikes) * spikes->images;
    const snn_vector reach = snn_vector_all(job->constants->reach + 1.0F);
    const snn_vector_mask all = snn_vector_first(SNN_VECTOR);
    const bool last = g->end == job->constants->steps, bytes = full && g->bit % 8 == 0, kept = job->neurons->y != NULL;
    const bool starts = g->begin == 0 && (!kept || job->neurons->first);
    uint8_t *plane = snn_spikes_plane(spikes, g->begin, job->tile->image);
    uint64_t before = starts ? 0 : load_bits(kept ? job->neurons->previous : plane - plane_bytes, g->bit, g->lanes);
    snn_vector y[SNN_STRIP_VECTORS], target[SNN_STRIP_VECTORS];
    snn_vector_int fired_times[SNN_STRIP_VECTORS];
    snn_vector_mask used[SNN_STRIP_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        const int at = v * SNN_VECTOR;
        used[v] = full ? all : snn_vector_first(g->lanes - at);
        const snn_vector rest = snn_vector_load_whole(s->rest + at);
        const snn_vector value = snn_vector_of(g->values + at, used[v], full);
        target[v] = value * snn_vector_load_whole(s->inverse_scale + at);
        y[v] = g->begin == 0 && !kept ? rest : snn_vector_of(g->y + at, used[v], full);
        fired_times[v] = snn_vector_load_int(s->spikes + at);
        const snn_vector_mask beyond = snn_vector_beyond(used[v], target[v] - rest, reach);
        if (last) {
            snn_vector_store_int(s->beyond + at, snn_vector_count(snn_vector_load_int(s->beyond + at), beyond));
        }
    }
    for (int32_t step = g->begin; step < g->end; step++, plane += plane_bytes) {
        const snn_vector eta = snn_vector_all(job->neurons->eta[step]);
        uint64_t bits = 0;
#pragma GCC unroll 4
        for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
            const snn_vector_mask fired = snn_vector_reaches(used[v], target[v], y[v], strict);
            bits |= (uint64_t)snn_vector_bits(fired) << (v * SNN_VECTOR);
            y[v] = snn_vector_move(y[v], eta, fired);
            fired_times[v] = snn_vector_count(fired_times[v], fired);
        }
        snn_group_store(plane, g->bit, g->lanes, bytes, bits);
        job->counts->spikes[step] += __builtin_popcountll(bits);
        job->counts->flips[step] += starts && step == 0 ? 0 : __builtin_popcountll(bits ^ before);
        before = bits;
    }
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        snn_vector_store_int(s->spikes + v * SNN_VECTOR, fired_times[v]);
        if (!last || kept) {
            snn_vector_give(g->y + v * SNN_VECTOR, y[v], used[v], full);
        }
    }
}

static void run_groups(const snn_window_job *job, int32_t moment, snn_strip *s, const snn_groups *groups)
{
    const bool strict = snn_neuron_is_strict(job->neurons->kind);
    group g = {.values = groups->values,
               .y = groups->y,
               .bit = groups->bit,
               .begin = moment,
               .end = moment + 1 < job->moments ? moment + 1 : job->constants->steps};
    for (int64_t i = 0; i < groups->count; i++) {
        g.lanes = snn_group_lanes(groups, i);
        if (g.lanes == SNN_STRIP && !strict) {
            run(job, s, &g, true, false);
        } else {
            run(job, s, &g, g.lanes == SNN_STRIP, strict);
        }
        g.values += groups->values_apart;
        g.y += groups->values_apart;
        g.bit += groups->bits_apart;
    }
}

static int32_t common_divisor(int32_t a, int32_t b)
{
    return b == 0 ? a : common_divisor(b, a % b);
}

/* Whether values are found with the digits, of the whole tile in one batch. */
static bool finds_with_digits(snn_window_job *job)
{
    const int64_t stride = job->constants->bias_stride;
    return job->digits && snn_limits_of(job->neurons, &job->least, &job->most) && !job->neurons->real &&
           (stride == 0 || stride == snn_lanes_owned(job->neurons));
}

/* What values of a whole tile's groups, from lane `first` on, are found from. */
static void find_with_groups(const snn_window_job *job, int32_t first, snn_groups *groups)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t stride = job->constants->bias_stride;
    groups->sums = job->tile->accumulator != NULL ? (const int32_t *)job->tile->accumulator + first : NULL;
    groups->graded = neurons->graded != NULL ? neurons->graded + first : NULL;
    groups->bias = stride != 0 ? job->constants->bias + job->tile->position_begin * stride + first : NULL;
}

/* The batch's outputs from position `begin` on at one moment: y, bits, counts. */
static void fire(snn_window_job *job, int32_t moment, int64_t begin, int64_t count, const snn_window_batch *b)
{
    const snn_neurons *neurons = job->neurons;
    const int32_t owned = snn_lanes_owned(neurons);
    const bool whole = owned == neurons->shape.channels && owned % 8 == 0; /* rows of bits have no gaps */
    /* Rows of a narrow shard, of which some fill a group. */
    const bool rows = !whole && job->digits && owned < SNN_STRIP && SNN_STRIP % owned == 0;
    const int64_t row = (int64_t)neurons->spikes.row_bytes * 8, size = count * owned;
    const int64_t period = whole  ? (int64_t)owned / common_divisor(owned, SNN_STRIP) * SNN_STRIP
                           : rows ? SNN_STRIP
                                  : owned;
    for (int32_t first = 0; first < period && first < size; first += SNN_STRIP) {
        snn_groups groups = {.values = job->finds ? NULL : b->values + first,
                             .y = b->y + first,
                             .values_apart = period,
                             .bit = begin * row + neurons->channel_begin + first,
                             .bits_apart = whole  ? period
                                           : rows ? SNN_STRIP / owned * row
                                                  : row,
                             .row_lanes = rows ? owned : 0,
                             .rows_apart = row,
                             .count = (size - first + period - 1) / period};
        groups.lanes = (int32_t)snn_smaller(period - first, SNN_STRIP);
        groups.last_lanes = (int32_t)snn_smaller(size - (groups.count - 1) * period - first, groups.lanes);
        snn_strip s;
        begin_strip(job, first, &s);
        if (job->finds) {
            find_with_groups(job, first, &groups);
        }
        if (job->digits) {
            snn_fire_digits(neurons, job->tile, job->counts, &s, &groups, &job->digit_counts);
        } else {
            run_groups(job, moment, &s, &groups);
        }
        end_strip(job, first, &s);
    }
}

int64_t snn_portable_fire_scratch(const snn_population *population, int32_t owned, int32_t held)
{
    const snn_window_batch b = batch_of(population->kind, population->input, population->shape, owned, held);
    const int64_t floats = b.inputs + 2 * b.outputs;
    return floats * (int64_t)sizeof(float) + snn_nary_scratch(population);
}

void snn_portable_fire_window(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts)
{
    snn_window_job job = {.neurons = neurons,
                          .constants = &neurons->window_constants,
                          .tile = tile,
                          .counts = counts,
                          .moments = tile->steps};
    snn_window_batch b =
        batch_of(neurons->kind, neurons->input, neurons->shape, snn_lanes_owned(neurons), neurons->input_channels);
    b.x = tile->scratch;
    b.values = b.x + b.inputs;
    b.y = b.values + b.outputs;
    b.scratch = b.y + b.outputs;
    const bool maxima = neurons->kind == SNN_NEURON_MAXIMUM; /* whose tile is the whole image of their inputs */
    const int64_t end = maxima ? snn_shape_positions(neurons->shape) : tile->position_end;
    const bool kept = neurons->y != NULL;
    if (!kept) {
        snn_window_lengthen(&job);
    }
    job.digits = !kept && snn_are_digits(neurons, job.moments);
    job.finds = finds_with_digits(&job);
    b.positions = job.finds ? end - tile->position_begin : b.positions;
    for (int64_t position = tile->position_begin; position < end; position += b.positions) {
        const int64_t left = end - position, count = left < b.positions ? left : b.positions;
        b.y = kept ? neurons->y + position * snn_lanes_owned(neurons) : b.y;
        for (int32_t moment = 0; moment < job.moments; moment++) {
            if (!job.finds) {
                snn_window_find_values(&job, moment, position, count, &b);
            }
            snn_window_track(&job, moment, position, count, &b);
            fire(&job, moment, position, count, &b);
        }
    }
    if (job.digits) {
        snn_count_digits(neurons, counts, &job.digit_counts);
    }
    snn_window_flush_errors(&job);
}

void snn_portable_fire(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts)
{
    if (neurons->kind != SNN_NEURON_MAXIMUM && !snn_neuron_reads_all_channels(neurons->kind)) {
        snn_vectors_fire(neurons, tile, counts);
        return;
    }
    snn_neurons now = *neurons;
    snn_tile one = *tile;
    now.window_constants = (snn_window_constants){.steps = 1, .reach = INFINITY, .unit = 1.0F};
    now.graded = NULL;
    one.steps = 1;
    for (int32_t step = 0; step < tile->steps; step++) {
        const snn_tile_counts at = {counts->spikes + step, counts->flips + step,
                                    counts->error != NULL ? counts->error + step : NULL, counts->channel_spikes,
                                    counts->channel_beyond};
        snn_window_integrate(neurons, tile, step);
        now.eta = neurons->eta + step;
        now.spikes.bits = snn_spikes_plane(&neurons->spikes, step, 0);
        now.previous = step == 0 ? neurons->previous : snn_spikes_plane(&neurons->spikes, step - 1, tile->image);
        now.first = neurons->first && step == 0;
        snn_portable_fire_window(&now, &one, &at);
    }
}
