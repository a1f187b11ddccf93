/* Neurons that fire in windows: x is a function of exact sums, f(x) is found once for each moment at which they differ,
 * and y goes its steps from the resting state on without ever leaving the processor's caches.
 *
 * A tile is taken in batches of positions that fit the nearest cache: f(x) of all their outputs first, then their
 * spikes, from groups of neurons whose y and targets are in registers for all steps of a moment, or from numbers whose
 * digits spikes are (digits.c). */
#include "core/kernels/nary.h"
#include "core/kernels/strips.h"

enum {
    BATCH = 8192,      /* values of a batch, about */
    LONG_ROW = 256,    /* values that are decoded in one loop, if there are few channels */
    WHOLE = 8,         /* positions of a batch are a multiple of this: their channels fill whole lanes */
    LARGEST_SUMS = 512 /* of so many errors: they fit 32 bits */
};

typedef struct window_job {
    const snn_neurons *neurons;
    const snn_window_constants *constants;
    const snn_tile *tile;
    const snn_tile_counts *counts;
    int32_t moments;
    int32_t together;         /* positions whose x are found in one loop */
    const float *step, *bias; /* of so many positions */
    bool digits;              /* spikes are those of a number */
    float least, most;        /* of f(x) then */
    bool finds;               /* whose values are found with them */
    snn_digit_counts digit_counts;
    int32_t unflushed;                                                    /* errors of a lane */
    _Alignas(SNN_ALIGNMENT) int32_t errors[SNN_WINDOW_STEPS][SNN_VECTOR]; /* unsigned */
    float steps[LONG_ROW], biases[LONG_ROW];                              /* where those of one are repeated */
} window_job;

/* ---- values of f ---- */

/* x of all input channels of `count` positions of the tile. */
static void decode(const window_job *job, int32_t moment, int64_t position, int64_t count, float *restrict x)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t channels = neurons->input_channels, stride = job->constants->bias_stride;
    const int64_t positions = job->tile->position_end - job->tile->position_begin;
    int64_t at = (moment * positions + position - job->tile->position_begin) * channels;
    for (int64_t i = 0; i < count; i += job->together, at += job->together * channels) {
        const int64_t values = channels * (count - i < job->together ? count - i : job->together);
        const float *restrict bias = job->bias + (position + i) * stride, *restrict step = job->step;
        const int32_t *restrict sum = (const int32_t *)job->tile->accumulator + at;
        if (job->tile->accumulator == NULL) {
            for (int64_t c = 0; c < values; c++) {
                x[c] = bias[c] + step[c] * 0.0F;
            }
        } else if (neurons->real) {
            const float *restrict real = (const float *)job->tile->accumulator + at;
            for (int64_t c = 0; c < values; c++) {
                x[c] = bias[c] + step[c] * real[c];
            }
        } else {
            for (int64_t c = 0; c < values; c++) {
                x[c] = bias[c] + step[c] * (float)sum[c];
            }
        }
        if (neurons->graded != NULL) {
            const float *restrict graded = neurons->graded + (position - job->tile->position_begin + i) * channels;
            for (int64_t c = 0; c < values; c++) {
                x[c] = x[c] + graded[c];
            }
        }
        x += values;
    }
}

/* Makes rows of the constants of several positions, so that loops over few channels are long. */
static void lengthen(window_job *job)
{
    const int64_t channels = job->neurons->input_channels, stride = job->constants->bias_stride;
    const int64_t positions = job->tile->position_end - job->tile->position_begin;
    job->together = 1;
    job->step = job->neurons->step;
    job->bias = job->constants->bias;
    if (channels > LONG_ROW / 2 || positions == 1 || (stride != 0 && stride != channels)) {
        return;
    }
    job->together = (int32_t)(LONG_ROW / channels < positions ? LONG_ROW / channels : positions);
    for (int32_t i = 0; i < job->together; i++) {
        memcpy(job->steps + i * channels, job->step, (size_t)channels * sizeof job->step[0]);
        memcpy(job->biases + i * channels, job->bias, (size_t)channels * sizeof job->bias[0]);
    }
    job->step = job->steps;
    job->bias = stride == 0 ? job->biases : job->bias;
}

static int64_t clipped(int64_t value, int64_t end)
{
    return value < 0 ? 0 : value < end ? value : end;
}

static inline void raise(float *restrict largest, const float *restrict x, int64_t count)
{
    for (int64_t c = 0; c < count; c++) {
        largest[c] = x[c] > largest[c] ? x[c] : largest[c];
    }
}

/* The largest x that output positions [begin, end) of one row see, of each channel; `x` holds an input row. */
static void find_maxima(const window_job *job, int32_t moment, int64_t begin, int64_t end, float *restrict x,
                        float *restrict largest)
{
    const snn_neurons *neurons = job->neurons;
    const snn_window *window = &neurons->window;
    const int64_t channels = neurons->input_channels, width = neurons->input.width, count = end - begin;
    const int64_t top = begin / neurons->shape.width * window->stride[0] - window->pad_begin[0];
    const int64_t left = begin % neurons->shape.width * window->stride[1] - window->pad_begin[1];
    const int64_t reach = (int64_t)(window->kernel[1] - 1) * window->dilation[1] + 1;
    const int64_t seen = clipped(left, width),
                  seen_end = clipped(left + (count - 1) * window->stride[1] + reach, width);
    for (int64_t c = 0; c < count * channels; c++) {
        largest[c] = -INFINITY;
    }
    for (int32_t i = 0; i < window->kernel[0]; i++) {
        const int64_t row = top + (int64_t)i * window->dilation[0];
        if (row < 0 || row >= neurons->input.height || seen >= seen_end) {
            continue;
        }
        decode(job, moment, row * width + seen, seen_end - seen, x);
        for (int64_t tap = 0; tap < count * window->kernel[1]; tap++) {
            const int64_t output = tap / window->kernel[1], j = tap % window->kernel[1];
            const int64_t column = left + output * window->stride[1] + j * window->dilation[1];
            if (column >= seen && column < seen_end) {
                raise(largest + output * channels, x + (column - seen) * channels, channels);
            }
        }
    }
}

/* How a tile is taken, and the thread's scratch. */
typedef struct batch {
    int64_t positions, inputs, outputs; /* inputs, outputs: floats of the arrays, whole SNN_LANES */
    float *x, *values, *y;              /* x [position][input channel], of maxima a row; the others [position][owned] */
} batch;

static batch batch_of(snn_neuron_kind kind, snn_shape input, snn_shape shape, int32_t owned, int32_t held)
{
    const int64_t all = snn_shape_positions(shape), fit = (BATCH / owned / WHOLE + 1) * WHOLE;
    batch b = {.positions = snn_neuron_reads_all_positions(kind) || fit > all ? all : fit};
    b.inputs = kind == SNN_NEURON_MAXIMUM ? input.width : snn_neuron_reads_all_channels(kind) ? b.positions : 0;
    b.inputs = snn_nary_whole_lanes(b.inputs * held);
    b.outputs = snn_nary_whole_lanes(b.positions * owned);
    return b;
}

/* f(x) of the batch's outputs from position `begin` on. */
static void find_values(const window_job *job, int32_t moment, int64_t begin, int64_t count, const batch *b)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t owned = snn_lanes_owned(neurons);
    if (neurons->kind == SNN_NEURON_MAXIMUM) {
        const int64_t width = neurons->shape.width, end = begin + count;
        float *largest = b->values;
        for (int64_t at = begin, next; at < end; at = next) {
            next = at / width * width + width < end ? at / width * width + width : end;
            find_maxima(job, moment, at, next, b->x, largest);
            largest += (next - at) * owned;
        }
        return;
    }
    const bool nary = snn_neuron_reads_all_channels(neurons->kind);
    decode(job, moment, begin, count, nary ? b->x : b->values);
    if (nary) {
        snn_neurons local = *neurons;
        snn_tile tile = *job->tile;
        local.x = b->x;
        tile.position_begin = 0;
        tile.position_end = count;
        tile.scratch = b->y + b->outputs;
        snn_portable_values_nary(&local, &tile, b->values);
    } else {
        const int64_t whole = snn_nary_whole_lanes(count * owned);
        memset(b->values + count * owned, 0, (size_t)(whole - count * owned) * sizeof b->values[0]);
        snn_portable_apply(neurons, b->values, whole);
    }
}

/* ---- spikes ---- */

/* Lanes from `lane` on whose channels, from `channel` on, are neighbours. */
static inline int32_t neighbours(int32_t lane, int32_t channel, int32_t owned)
{
    return SNN_STRIP - lane < owned - channel ? SNN_STRIP - lane : owned - channel;
}

static void begin_strip(const window_job *job, int32_t first, snn_strip *s)
{
    const int32_t owned = snn_lanes_owned(job->neurons);
    memset(s->spikes, 0, sizeof s->spikes);
    memset(s->beyond, 0, sizeof s->beyond);
    for (int32_t lane = 0, channel = first % owned, count; lane < SNN_STRIP; lane += count, channel = 0) {
        count = neighbours(lane, channel, owned);
        const size_t bytes = (size_t)count * sizeof(float);
        const int32_t *restrict rest = job->constants->rest + channel;
        memcpy(s->inverse_scale + lane, job->neurons->inverse_scale + channel, bytes);
        for (int32_t i = 0; i < count; i++) {
            s->rest[lane + i] = (float)rest[i];
        }
        if (job->finds) {
            memcpy(s->step + lane, job->neurons->step + channel, bytes);
            memcpy(s->bias + lane, job->constants->bias + channel, bytes);
        }
    }
}

static void end_strip(const window_job *job, int32_t first, const snn_strip *s)
{
    const int32_t owned = snn_lanes_owned(job->neurons);
    for (int32_t lane = 0, channel = first % owned, count; lane < SNN_STRIP; lane += count, channel = 0) {
        int64_t *restrict spikes = job->counts->channel_spikes + channel;
        int64_t *restrict beyond = job->counts->channel_beyond + channel;
        count = neighbours(lane, channel, owned);
        for (int32_t i = 0; i < count; i++) {
            spikes[i] += s->spikes[lane + i];
            beyond[i] += s->beyond[lane + i];
        }
    }
}

static uint64_t load_bits(const uint8_t *plane, int64_t bit, int32_t count)
{
    const int32_t low = count < 32 ? count : 32;
    const uint64_t bits = snn_lanes_load_bits(plane, bit, low);
    return count > low ? bits | (uint64_t)snn_lanes_load_bits(plane, bit + low, count - low) << low : bits;
}

/* Steps [begin, end) of a group, whose y is at `y` between moments. full: all lanes are used. */
typedef struct group {
    const float *values;
    float *y;
    int64_t bit;
    int32_t lanes, begin, end;
} group;

static inline __attribute__((always_inline)) void run(const window_job *job, snn_strip *s, const group *g,
                                                      const bool full, const bool strict)
{
    const snn_spikes *spikes = &job->neurons->spikes;
    const int64_t plane_bytes = snn_spikes_plane_bytes(spikes) * spikes->images;
    const snn_vector reach = snn_vector_all(job->constants->reach + 1.0F);
    const snn_vector_mask all = snn_vector_first(SNN_VECTOR);
    const bool last = g->end == job->constants->steps, bytes = full && g->bit % 8 == 0;
    uint8_t *plane = snn_spikes_plane(spikes, g->begin, job->tile->image);
    uint64_t before = g->begin == 0 ? 0 : load_bits(plane - plane_bytes, g->bit, g->lanes);
    snn_vector y[SNN_STRIP_VECTORS], target[SNN_STRIP_VECTORS];
    snn_vector_int fired_times[SNN_STRIP_VECTORS];
    snn_vector_mask used[SNN_STRIP_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        const int at = v * SNN_VECTOR;
        used[v] = full ? all : snn_vector_first(g->lanes - at);
        const snn_vector rest = snn_vector_load(s->rest + at, all);
        const snn_vector value = snn_vector_load(g->values + at, used[v]);
        target[v] = snn_vector_multiply(value, snn_vector_load(s->inverse_scale + at, all));
        y[v] = g->begin == 0 ? rest : snn_vector_load(g->y + at, used[v]);
        fired_times[v] = snn_vector_load_int(s->spikes + at);
        const snn_vector_mask beyond = snn_vector_beyond(used[v], snn_vector_subtract(target[v], rest), reach);
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
        job->counts->flips[step] += step == 0 ? 0 : __builtin_popcountll(bits ^ before);
        before = bits;
    }
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        snn_vector_store_int(s->spikes + v * SNN_VECTOR, fired_times[v]);
        if (!last) {
            snn_vector_store(g->y + v * SNN_VECTOR, y[v], used[v]);
        }
    }
}

static void run_groups(const window_job *job, int32_t moment, snn_strip *s, const snn_groups *groups)
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
static bool finds_with_digits(window_job *job)
{
    const int64_t stride = job->constants->bias_stride;
    return job->digits && snn_limits_of(job->neurons, &job->least, &job->most) && !job->neurons->real &&
           (stride == 0 || stride == snn_lanes_owned(job->neurons));
}

/* What values of a whole tile's groups, from lane `first` on, are found from. */
static void find_with_groups(const window_job *job, int32_t first, snn_groups *groups)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t stride = job->constants->bias_stride;
    groups->sums = job->tile->accumulator != NULL ? (const int32_t *)job->tile->accumulator + first : NULL;
    groups->graded = neurons->graded != NULL ? neurons->graded + first : NULL;
    groups->bias = stride != 0 ? job->constants->bias + job->tile->position_begin * stride + first : NULL;
}

/* The batch's outputs from position `begin` on at one moment: y, bits, counts. */
static void fire(window_job *job, int32_t moment, int64_t begin, int64_t count, const batch *b)
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

/* ---- tracking errors ---- */

/* Moves the errors to the counts of steps. */
static void flush(window_job *job)
{
    for (int32_t step = 0; job->counts->error != NULL && step < job->constants->steps; step++) {
        int64_t sum = 0;
        for (int i = 0; i < SNN_VECTOR; i++) {
            sum += (uint32_t)job->errors[step][i];
            job->errors[step][i] = 0;
        }
        job->counts->error[step] += sum;
    }
    job->unflushed = 0;
}

/* A vector's neurons of one position, from a channel on; none if there are no `lanes`. */
typedef struct sampled {
    int64_t position, at; /* and that of the first neuron in the batch's values */
    int32_t channel, lanes;
} sampled;

/* f(x) where it is nothing but limits, straight from sums. */
static snn_vector find_limited(const window_job *job, const sampled *of, snn_vector_mask used)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t in_tile = of->position - job->tile->position_begin;
    const int64_t at = in_tile * neurons->input_channels + of->channel;
    const float *bias = job->constants->bias + of->position * job->constants->bias_stride + of->channel;
    const int32_t *sums = job->tile->accumulator;
    const snn_vector sum = sums == NULL ? snn_vector_all(0.0F) : snn_vector_converted(sums + at, used);
    const snn_vector product = snn_vector_multiply(snn_vector_load(neurons->step + of->channel, used), sum);
    snn_vector x = snn_vector_add(snn_vector_load(bias, used), product);
    if (neurons->graded != NULL) {
        x = snn_vector_add(x, snn_vector_load(neurons->graded + at, used));
    }
    return snn_vector_smaller(snn_vector_all(job->most), snn_vector_larger(snn_vector_all(job->least), x));
}

/* Steps [begin, end) of some neurons. */
static void track(window_job *job, const batch *b, const sampled *of, int32_t begin, int32_t end)
{
    const snn_neurons *neurons = job->neurons;
    const bool strict = snn_neuron_is_strict(neurons->kind);
    const snn_vector unit = snn_vector_all(job->constants->unit * SNN_ERROR_UNIT);
    snn_vector y[SNN_STRIP_VECTORS], target[SNN_STRIP_VECTORS];
    snn_vector_mask used[SNN_STRIP_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        used[v] = snn_vector_first(of[v].lanes);
        const snn_vector value =
            job->finds ? find_limited(job, &of[v], used[v]) : snn_vector_load(b->values + of[v].at, used[v]);
        const snn_vector scale = snn_vector_load(neurons->inverse_scale + of[v].channel, used[v]);
        target[v] = snn_vector_multiply(value, scale);
        y[v] = begin == 0 ? snn_vector_converted(job->constants->rest + of[v].channel, used[v])
                          : snn_vector_load(b->y + of[v].at, used[v]);
    }
    for (int32_t step = begin; step < end; step++) {
        const snn_vector eta = snn_vector_all(neurons->eta[step]);
        snn_vector_int errors = snn_vector_load_int(job->errors[step]);
#pragma GCC unroll 4
        for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
            y[v] = snn_vector_move(y[v], eta, snn_vector_reaches(used[v], target[v], y[v], strict));
            errors = snn_vector_add_rounded(errors, snn_vector_error(y[v], target[v], unit), used[v]);
        }
        snn_vector_store_int(job->errors[step], errors);
    }
    job->unflushed++;
    if (job->unflushed == LARGEST_SUMS) {
        flush(job);
    }
}

/* Errors of a moment's steps at those of the batch's positions that are of the sample, before it is fired. */
static void track_sample(window_job *job, int32_t moment, int64_t batch_begin, int64_t count, const batch *b)
{
    const int64_t positions = snn_shape_positions(job->neurons->shape), owned = snn_lanes_owned(job->neurons);
    const int32_t steps_end = moment + 1 < job->moments ? moment + 1 : job->constants->steps;
    sampled some[SNN_STRIP_VECTORS] = {{0}};
    int64_t begin, end;
    int found = 0;
    for (int64_t at = batch_begin; job->counts->error != NULL; at = end) {
        snn_next_tracked(at, positions, &begin, &end);
        if (begin >= batch_begin + count) {
            break;
        }
        for (int64_t i = begin; i < end && i < batch_begin + count; i++) {
            for (int32_t channel = 0; channel < owned; channel += SNN_VECTOR) {
                const int32_t lanes = (int32_t)snn_smaller(owned - channel, SNN_VECTOR);
                some[found++] = (sampled){i, (i - batch_begin) * owned + channel, channel, lanes};
                if (found == SNN_STRIP_VECTORS) {
                    track(job, b, some, moment, steps_end);
                    found = 0;
                }
            }
        }
    }
    for (int i = found; i < SNN_STRIP_VECTORS; i++) {
        some[i].lanes = 0;
    }
    if (found > 0) {
        track(job, b, some, moment, steps_end);
    }
}

int64_t snn_portable_window_scratch(const snn_population *population, int32_t owned, int32_t held)
{
    const batch b = batch_of(population->kind, population->input, population->shape, owned, held);
    const int64_t floats = b.inputs + 2 * b.outputs;
    return floats * (int64_t)sizeof(float) + snn_portable_nary_scratch_bytes(population);
}

void snn_portable_fire_window(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts)
{
    window_job job = {.neurons = neurons,
                      .constants = &neurons->window_constants,
                      .tile = tile,
                      .counts = counts,
                      .moments = tile->steps};
    batch b =
        batch_of(neurons->kind, neurons->input, neurons->shape, snn_lanes_owned(neurons), neurons->input_channels);
    b.x = tile->scratch;
    b.values = b.x + b.inputs;
    b.y = b.values + b.outputs;
    const bool maxima = neurons->kind == SNN_NEURON_MAXIMUM; /* whose tile is the whole image of their inputs */
    const int64_t end = maxima ? snn_shape_positions(neurons->shape) : tile->position_end;
    lengthen(&job);
    job.digits = snn_are_digits(neurons, job.moments);
    job.finds = finds_with_digits(&job);
    b.positions = job.finds ? end - tile->position_begin : b.positions;
    for (int64_t position = tile->position_begin; position < end; position += b.positions) {
        const int64_t left = end - position, count = left < b.positions ? left : b.positions;
        for (int32_t moment = 0; moment < job.moments; moment++) {
            if (!job.finds) {
                find_values(&job, moment, position, count, &b);
            }
            track_sample(&job, moment, position, count, &b);
            fire(&job, moment, position, count, &b);
        }
    }
    snn_count_digits(neurons, counts, &job.digit_counts);
    flush(&job);
}
