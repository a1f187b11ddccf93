/* Neurons that fire in windows: x is a function of exact sums, f(x) is found once for each moment at which they differ,
 * and y goes its steps from the resting state on without ever leaving the processor's caches. Where x and y are kept
 * from timestep to timestep, each timestep is taken as if it were a window of one step.
 *
 * A tile is taken in batches of positions that fit the nearest cache: f(x) of all their outputs first, then their
 * spikes, from groups of neurons whose y and targets are in registers for all steps of a moment, or from numbers whose
 * digits spikes are (digits.c). */
#include "core/kernels/window_neurons.h"
#include "core/kernels/nary.h"

enum {
    BATCH = 8192, /* values of a batch, about */
    WHOLE = 8     /* positions of a batch are a multiple of this: bits of their channels are whole bytes */
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
        }
        if (job->finds && job->constants->bias != NULL) {
            memcpy(s->bias + lane, job->constants->bias + channel, bytes);
        }
    }
}

static void end_strip(const snn_window_job *job, int32_t first, const snn_strip *s)
{
    const int32_t owned = snn_lanes_owned(job->neurons);
    for (int32_t lane = 0, channel = first % owned, count; lane < SNN_STRIP; lane += count, channel = 0) {
        int64_t *restrict spikes = job->counts->channel_spikes;
        count = neighbours(lane, channel, owned);
        for (int32_t i = 0; spikes != NULL && i < count; i++) {
            spikes[channel + i] += s->spikes[lane + i];
        }
        int64_t *restrict beyond = job->counts->channel_beyond; /* which those that are kept need not count */
        for (int32_t i = 0; beyond != NULL && i < count; i++) {
            beyond[channel + i] += s->beyond[lane + i];
        }
    }
}

static inline uint64_t load_bits(const uint8_t *plane, int64_t bit, int32_t lanes, bool bytes)
{
    uint64_t bits = 0;
    if (bytes) {
        memcpy(&bits, plane + bit / 8, SNN_STRIP / 8);
        return bits;
    }
    const int32_t low = lanes < 32 ? lanes : 32;
    bits = snn_lanes_load_bits(plane, bit, low);
    return lanes > low ? bits | (uint64_t)snn_lanes_load_bits(plane, bit + low, lanes - low) << low : bits;
}

/* How a strip's groups are gone through, passed by value: compilers cannot know of what they have stored bits to, and
 * would read all that has an address again. */
typedef struct walk {
    snn_groups groups;
    const float *eta;
    uint8_t *plane; /* of the only step that y is kept over, or of a window's first byte, others so many bytes apart */
    int64_t apart;
    const uint8_t *previous;    /* of the step before, if y is kept; NULL: there is none */
    int32_t window, begin, end; /* steps */
    bool kept, last;            /* y is; these are the last steps of a window */
    bool bytes;                 /* bits of full groups are whole bytes */
    float reach, least, most;
} walk;

static walk walk_of(const snn_window_job *job, int32_t moment, const snn_groups *groups)
{
    const snn_neurons *neurons = job->neurons;
    walk w = {.groups = *groups,
              .eta = neurons->eta,
              .plane = snn_spikes_plane(&neurons->spikes, 0, job->tile->image),
              .apart = snn_spikes_plane_bytes(&neurons->spikes) * neurons->spikes.images,
              .window = job->constants->steps,
              .begin = moment,
              .end = moment + 1 < job->moments ? moment + 1 : job->constants->steps,
              .kept = neurons->y != NULL,
              .bytes = groups->place % 8 == 0 && groups->places_apart % 8 == 0,
              .reach = job->constants->reach + 1.0F,
              .least = job->least,
              .most = job->most};
    w.last = !w.kept && w.end == job->constants->steps;
    w.previous = w.kept && !neurons->first ? neurons->previous : NULL;
    return w;
}

/* f(x) of a vector of group i; finds: of x that is kept and moves by the only step, of which f is no more than limits.
 */
static inline __attribute__((always_inline)) snn_vector
value_of(const walk *w, int64_t at, snn_vector step, snn_vector_mask used, const bool full, const bool finds)
{
    if (!finds) {
        return snn_vector_of(w->groups.values + at, used, full);
    }
    const snn_vector x = snn_vector_moved_x(w->groups.x + at, step, w->groups.sums + at, used, full);
    snn_vector_give(w->groups.x + at, x, used, full);
    return snn_vector_smaller(snn_vector_all(w->most), snn_vector_larger(snn_vector_all(w->least), x));
}

/* The byte that has a step. */
static inline uint8_t *byte_of(const walk *w, int32_t step)
{
    return w->plane + step / SNN_BYTE_STEPS * w->apart;
}

/* What a group's neurons have done before the first step: *number: the steps of its byte so far. */
static inline uint64_t bits_before(const walk *w, int64_t i, snn_vector_bytes *number)
{
    const int32_t step = w->begin - 1;
    const snn_vector_bytes digits =
        snn_group_load_bytes(&w->groups, i, byte_of(w, step)) >> snn_spikes_step_bit(w->window, step);
    *number = w->begin % SNN_BYTE_STEPS != 0 ? digits : *number;
    return snn_vector_highest_bits(snn_vector_moved_up(digits, SNN_BYTE_STEPS - 1)); /* the last one's alone */
}

/* Groups [first, end), whose y is in memory between moments, or always if it is kept. full: all lanes are used. */
static inline __attribute__((always_inline)) void run(const snn_tile_counts *counts, snn_strip *s, const walk w,
                                                      int64_t first, int64_t end, const bool full, const bool strict,
                                                      const bool finds)
{
    const snn_vector reach = snn_vector_all(w.reach);
    const bool bytes = full && w.bytes, begins = w.kept ? w.previous == NULL : w.begin == 0;
    int32_t spikes[SNN_WINDOW_STEPS] = {0}, flips[SNN_WINDOW_STEPS] = {0}, counted = 0;
    snn_vector step_size[SNN_STRIP_VECTORS];
    snn_vector_bytes times = {0}; /* that each has fired, at most `counted` */
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        step_size[v] = snn_vector_all(w.eta[0]) * snn_vector_load_whole(s->step + v * SNN_VECTOR);
    }
    for (int64_t i = first; i < end; i++) {
        const int32_t lanes = full ? SNN_STRIP : snn_group_lanes(&w.groups, i);
        const int64_t place = w.groups.place + i * w.groups.places_apart;
        snn_vector y[SNN_STRIP_VECTORS], target[SNN_STRIP_VECTORS];
        snn_vector_mask used[SNN_STRIP_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
            const int lane = v * SNN_VECTOR;
            const int64_t at = i * w.groups.values_apart + lane;
            const snn_vector rest = snn_vector_load_whole(s->rest + lane);
            used[v] = snn_vector_first(full ? SNN_VECTOR : lanes - lane);
            target[v] =
                value_of(&w, at, step_size[v], used[v], full, finds) * snn_vector_load_whole(s->inverse_scale + lane);
            y[v] = w.begin == 0 && !w.kept ? rest : snn_vector_of(w.groups.y + at, used[v], full);
            if (w.last) {
                const snn_vector_mask beyond = snn_vector_beyond(used[v], target[v] - rest, reach);
                snn_vector_store_int(s->beyond + lane, snn_vector_count(snn_vector_load_int(s->beyond + lane), beyond));
            }
        }
        snn_vector_bytes number = {0}; /* steps of the byte so far, as digits */
        uint64_t before = begins   ? 0
                          : w.kept ? load_bits(w.previous, place, lanes, bytes)
                                   : bits_before(&w, i, &number);
        for (int32_t step = w.begin; step < w.end; step++) {
            const snn_vector eta = snn_vector_all(w.eta[step]);
            snn_vector_mask fired[SNN_STRIP_VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
                fired[v] = snn_vector_reaches(used[v], target[v], y[v], strict);
                y[v] = snn_vector_move(y[v], eta, fired[v]);
            }
            uint64_t bits;
            const snn_vector_bytes chosen = snn_vector_mask_bytes(fired, &bits);
            number = number + number - chosen;
            times -= chosen;
            before = begins && step == w.begin ? bits : before;
            spikes[step] += __builtin_popcountll(bits);
            flips[step] += __builtin_popcountll(bits ^ before);
            before = bits;
            if (w.kept) {
                snn_group_store(w.plane, place, lanes, bytes, bits);
            } else if (step + 1 == w.end || (step + 1) % SNN_BYTE_STEPS == 0) {
                number = snn_vector_moved_up(number, snn_spikes_step_bit(w.window, step));
                snn_group_store_bytes(&w.groups, i, number, byte_of(&w, step));
                number = (snn_vector_bytes){0};
            }
        }
        counted += w.end - w.begin;
        if (counted > UINT8_MAX - (w.end - w.begin) || i + 1 == end) {
            snn_strip_count(s, times);
            times = (snn_vector_bytes){0};
            counted = 0;
        }
        if (w.last) {
            continue;
        }
#pragma GCC unroll 4
        for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
            snn_vector_give(w.groups.y + i * w.groups.values_apart + v * SNN_VECTOR, y[v], used[v], full);
        }
    }
    for (int32_t step = w.begin; counts->spikes != NULL && step < w.end; step++) {
        counts->spikes[step] += spikes[step];
        counts->flips[step] += flips[step];
    }
}

static void run_groups(const snn_window_job *job, int32_t moment, snn_strip *s, const snn_groups *groups)
{
    const walk w = walk_of(job, moment, groups);
    const bool strict = snn_neuron_is_strict(job->neurons->kind), finds = groups->values == NULL;
    const int64_t full = groups->lanes < SNN_STRIP ? 0 : groups->count - (groups->last_lanes < SNN_STRIP);
    if (finds && !strict) { /* what most neurons are, with all known when compiled */
        run(job->counts, s, w, 0, full, true, false, true);
    } else if (finds) {
        run(job->counts, s, w, 0, full, true, true, true);
    } else {
        run(job->counts, s, w, 0, full, true, strict, false);
    }
    if (full < groups->count) {
        run(job->counts, s, w, full, groups->count, false, strict, finds);
    }
}

static int32_t common_divisor(int32_t a, int32_t b)
{
    return b == 0 ? a : common_divisor(b, a % b);
}

/* Whether values are found with the digits, or where x is kept, of the whole tile in one batch. */
static bool finds_with_spikes(snn_window_job *job)
{
    const int64_t stride = job->constants->bias_stride;
    const bool kept = job->neurons->x != NULL && job->neurons->graded == NULL;
    return (job->digits || kept) && snn_limits_of(job->neurons, &job->least, &job->most) && !job->neurons->real &&
           (stride == 0 || stride == snn_lanes_owned(job->neurons));
}

/* What values of a whole tile's groups, from lane `first` on, are found from. */
static void find_with_groups(const snn_window_job *job, int32_t first, snn_groups *groups)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t stride = job->constants->bias_stride;
    groups->sums = job->tile->accumulator != NULL ? (const int32_t *)job->tile->accumulator + first : NULL;
    groups->graded = neurons->graded != NULL ? neurons->graded + first : NULL;
    groups->x = neurons->x != NULL ? neurons->x + job->tile->position_begin * snn_lanes_owned(neurons) + first : NULL;
    groups->bias = stride != 0 ? job->constants->bias + job->tile->position_begin * stride + first : NULL;
}

/* The batch's outputs from position `begin` on at one moment: y, bits, counts. */
static void fire(snn_window_job *job, int32_t moment, int64_t begin, int64_t count, const snn_window_batch *b)
{
    const snn_neurons *neurons = job->neurons;
    const int32_t owned = snn_lanes_owned(neurons);
    const bool windows = neurons->spikes.window > 0;
    /* Rows have no gaps. */
    const bool whole = owned == neurons->shape.channels && (windows || owned % 8 == 0);
    /* Rows of a narrow shard, of which some fill a group. */
    const bool rows = !whole && job->digits && owned < SNN_STRIP && SNN_STRIP % owned == 0;
    const int64_t row = (int64_t)neurons->spikes.row_bytes * (windows ? 1 : 8), size = count * owned;
    const int64_t period = whole  ? (int64_t)owned / common_divisor(owned, SNN_STRIP) * SNN_STRIP
                           : rows ? SNN_STRIP
                                  : owned;
    for (int32_t first = 0; first < period && first < size; first += SNN_STRIP) {
        snn_groups groups = {.values = job->finds ? NULL : b->values + first,
                             .y = b->y + first,
                             .values_apart = period,
                             .place = begin * row + neurons->channel_begin + first,
                             .places_apart = whole  ? period
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

/* All moments of the tile, in batches. */
static void run_tile(snn_window_job *job)
{
    const snn_neurons *neurons = job->neurons;
    const int32_t owned = snn_lanes_owned(neurons);
    const bool maxima = neurons->kind == SNN_NEURON_MAXIMUM; /* whose tile is the whole image of their inputs */
    const int64_t end = maxima ? snn_shape_positions(neurons->shape) : job->tile->position_end;
    snn_window_batch b = batch_of(neurons->kind, neurons->input, neurons->shape, owned, neurons->input_channels);
    b.x = job->tile->scratch;
    b.values = b.x + b.inputs;
    b.y = b.values + b.outputs;
    b.scratch = b.y + b.outputs;
    b.positions = job->finds ? end - job->tile->position_begin : b.positions;
    for (int64_t position = job->tile->position_begin; position < end; position += b.positions) {
        const int64_t count = snn_smaller(end - position, b.positions);
        b.y = neurons->y != NULL ? neurons->y + position * owned : b.y;
        for (int32_t moment = 0; moment < job->moments; moment++) {
            if (!job->finds) {
                snn_window_find_values(job, moment, position, count, &b);
            }
            snn_window_track(job, moment, position, count, &b);
            fire(job, moment, position, count, &b);
        }
    }
    snn_window_flush_errors(job);
}

void snn_portable_fire_window(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts)
{
    snn_window_job job = {.neurons = neurons,
                          .constants = &neurons->window_constants,
                          .tile = tile,
                          .counts = counts,
                          .moments = tile->steps};
    snn_window_lengthen(&job);
    job.digits = snn_are_digits(neurons, job.moments);
    job.finds = finds_with_spikes(&job);
    run_tile(&job);
    if (job.digits) {
        snn_count_digits(neurons, counts, &job.digit_counts);
    }
}

void snn_portable_fire(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts)
{
    snn_neurons now = *neurons;
    snn_tile one = *tile;
    snn_tile_counts at = *counts;
    snn_window_job job = {
        .neurons = &now, .constants = &now.window_constants, .tile = &one, .counts = &at, .moments = 1};
    now.window_constants = (snn_window_constants){.steps = 1, .reach = INFINITY, .unit = 1.0F};
    one.steps = 1;
    snn_window_lengthen(&job);
    job.finds = finds_with_spikes(&job);
    for (int32_t step = 0; step < tile->steps; step++) {
        const int64_t sums = (tile->position_end - tile->position_begin) * neurons->input_channels;
        now.eta = neurons->eta + step;
        now.increments = neurons->increments != NULL ? neurons->increments + step : NULL;
        now.spikes.bits = snn_spikes_plane(&neurons->spikes, step, 0);
        now.previous = step == 0 ? neurons->previous : snn_spikes_plane(&neurons->spikes, step - 1, tile->image);
        now.first = neurons->first && step == 0;
        one.accumulator = (int32_t *)tile->accumulator + step * sums; /* or float */
        at.spikes = counts->spikes != NULL ? counts->spikes + step : NULL;
        at.flips = counts->spikes != NULL ? counts->flips + step : NULL;
        at.error = counts->error != NULL ? counts->error + step : NULL;
        if (neurons->kind == SNN_NEURON_MAXIMUM) { /* which look at many */
            snn_window_integrate(&job, 0, tile->position_end);
        }
        run_tile(&job);
    }
}
