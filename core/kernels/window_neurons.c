/* Neurons that fire in windows: x is a function of exact sums, f(x) is found once for each moment at which they differ,
 * and y goes its steps from the resting state on without ever leaving the processor's caches.
 *
 * A tile is taken in batches of positions that fit the nearest cache: f(x) of all their outputs first, then their
 * spikes, from LANES neurons at a time whose y and targets are in registers for all steps of a moment. Where each step
 * is twice the next one, and all are taken with the same f(x), spikes are the digits of a number: see run_digits. */
#include "core/kernels/lanes.h"
#include "core/kernels/nary.h"
#include "core/kernels/portable.h"

enum {
    VECTORS = 4, /* side by side: each step of a neuron waits for the one before it */
    LANES = VECTORS * SNN_VECTOR,
    BATCH = 8192,       /* values of a batch, about */
    LONG_ROW = 256,     /* values that are decoded in one loop, if there are few channels */
    WHOLE = 8,          /* positions of a batch are a multiple of this: their channels fill whole lanes */
    LARGEST_SUMS = 512, /* of so many errors: they fit 32 bits */
    BYTE_DIGITS = 8
};

typedef struct window_job {
    const snn_neurons *neurons;
    const snn_window_constants *constants;
    const snn_tile *tile;
    const snn_tile_counts *counts;
    int32_t moments;
    int32_t together;                                                     /* positions whose x are found in one loop */
    const float *step, *bias;                                             /* of so many positions */
    bool digits;                                                          /* spikes are those of a number */
    int32_t unflushed;                                                    /* groups of lanes */
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
        if (neurons->real) {
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

/* Lanes that are the same neurons of every `period` values: some channels of one position, or, where bits of positions
 * lie side by side without gaps, of several. */
typedef struct strip {
    _Alignas(SNN_ALIGNMENT) float rest[LANES];
    float inverse_scale[LANES];
    int32_t spikes[LANES], beyond[LANES]; /* counts: as those of channels */
    snn_vector_bytes times;               /* spikes that are still to be added to them */
    int32_t pending;                      /* of each lane at most */
} strip;

static inline int32_t neighbours(int32_t lane, int32_t channel, int32_t owned)
{
    return LANES - lane < owned - channel ? LANES - lane : owned - channel;
}

static void begin_strip(const window_job *job, int32_t first, strip *s)
{
    const int32_t owned = snn_lanes_owned(job->neurons);
    memset(s->spikes, 0, sizeof s->spikes);
    memset(s->beyond, 0, sizeof s->beyond);
    memset(&s->times, 0, sizeof s->times);
    s->pending = 0;
    for (int32_t lane = 0, count; lane < LANES; lane += count) {
        const int32_t channel = (first + lane) % owned;
        count = neighbours(lane, channel, owned);
        for (int32_t i = 0; i < count; i++) {
            s->rest[lane + i] = (float)job->constants->rest[channel + i];
            s->inverse_scale[lane + i] = job->neurons->inverse_scale[channel + i];
        }
    }
}

static void add_times(strip *s)
{
    uint8_t times[LANES];
    memcpy(times, &s->times, sizeof times);
    for (int i = 0; i < LANES; i++) {
        s->spikes[i] += times[i];
    }
    memset(&s->times, 0, sizeof s->times);
    s->pending = 0;
}

static void end_strip(const window_job *job, int32_t first, strip *s)
{
    const int32_t owned = snn_lanes_owned(job->neurons);
    add_times(s);
    for (int32_t lane = 0, count; lane < LANES; lane += count) {
        const int32_t channel = (first + lane) % owned;
        int64_t *restrict spikes = job->counts->channel_spikes + channel;
        int64_t *restrict beyond = job->counts->channel_beyond + channel;
        count = neighbours(lane, channel, owned);
        for (int32_t i = 0; i < count; i++) {
            spikes[i] += s->spikes[lane + i];
            beyond[i] += s->beyond[lane + i];
        }
    }
}

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

/* A strip's neurons of one moment at one place. */
typedef struct group {
    const float *values;
    float *y;    /* between moments */
    int64_t bit; /* of the first in a plane */
    int32_t count;
    int32_t begin, end; /* steps that are fired with these values */
} group;

static inline void store_bits(uint8_t *plane, int64_t bit, int32_t count, uint64_t bits)
{
    for (; count > 32; count -= 32, bit += 32, bits >>= 32) {
        snn_lanes_store_bits(plane, bit, 32, (uint32_t)bits);
    }
    snn_lanes_store_bits(plane, bit, count, (uint32_t)bits);
}

static uint64_t load_bits(const uint8_t *plane, int64_t bit, int32_t count)
{
    const int32_t low = count < 32 ? count : 32;
    const uint64_t bits = snn_lanes_load_bits(plane, bit, low);
    return count > low ? bits | (uint64_t)snn_lanes_load_bits(plane, bit + low, count - low) << low : bits;
}

/* What a group fired at a step: its bits in that step's plane, and counts. bytes: they are whole ones. */
static inline void give_step(const group *g, bool bytes, uint8_t *plane, uint64_t bits, uint64_t before, int64_t *fired,
                             int64_t *flips)
{
    if (bytes) {
        memcpy(plane + g->bit / 8, &bits, LANES / 8);
    } else {
        store_bits(plane, g->bit, g->count, bits);
    }
    *fired += __builtin_popcountll(bits);
    *flips += __builtin_popcountll(bits ^ before);
}

/* Errors of lanes [first, behind), before the group is fired. */
static void track(window_job *job, const strip *s, const group *g, int32_t first, int32_t behind)
{
    const bool strict = snn_neuron_is_strict(job->neurons->kind);
    const snn_vector unit = snn_vector_all(job->constants->unit * SNN_ERROR_UNIT);
    const snn_vector_mask all = snn_vector_first(SNN_VECTOR);
    snn_vector y[VECTORS], target[VECTORS];
    snn_vector_mask used[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) {
        const int at = v * SNN_VECTOR;
        used[v] = (snn_vector_mask)(snn_vector_first(behind - at) & ~snn_vector_first(first - at));
        target[v] =
            snn_vector_multiply(snn_vector_load(g->values + at, used[v]), snn_vector_load(s->inverse_scale + at, all));
        y[v] = g->begin == 0 ? snn_vector_load(s->rest + at, all) : snn_vector_load(g->y + at, used[v]);
    }
    for (int32_t step = g->begin; step < g->end; step++) {
        const snn_vector eta = snn_vector_all(job->neurons->eta[step]);
        snn_vector_int errors = snn_vector_load_int(job->errors[step]);
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) {
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

/* Errors of those of a group, whose first neuron is value `at` of the batch, that are of the sample. */
static void track_sample(window_job *job, const strip *s, const group *g, int64_t batch_begin, int64_t at)
{
    const int64_t owned = snn_lanes_owned(job->neurons);
    const int64_t positions = snn_shape_positions(job->neurons->shape);
    int64_t position = batch_begin + at / owned;
    while (job->counts->error != NULL) {
        int64_t begin, end;
        snn_next_tracked(position, positions, &begin, &end);
        position = end;
        begin = (begin - batch_begin) * owned - at;
        end = (end - batch_begin) * owned - at;
        if (begin >= g->count) {
            return;
        }
        track(job, s, g, (int32_t)(begin < 0 ? 0 : begin), (int32_t)(end < g->count ? end : g->count));
    }
}

/* full: all lanes are used. */
static inline __attribute__((always_inline)) void run(const window_job *job, strip *s, const group *g, const bool full,
                                                      const bool strict)
{
    const snn_spikes *spikes = &job->neurons->spikes;
    const int64_t plane_bytes = snn_spikes_plane_bytes(spikes) * spikes->images;
    const snn_vector reach = snn_vector_all(job->constants->reach + 1.0F);
    const snn_vector_mask all = snn_vector_first(SNN_VECTOR);
    const bool last = g->end == job->constants->steps, bytes = full && g->bit % 8 == 0;
    const float *etas = job->neurons->eta;
    int64_t *fired_at = job->counts->spikes, *flips_at = job->counts->flips;
    uint8_t *plane = snn_spikes_plane(spikes, g->begin, job->tile->image);
    uint64_t before = g->begin == 0 ? 0 : load_bits(plane - plane_bytes, g->bit, g->count);
    snn_vector y[VECTORS], target[VECTORS];
    snn_vector_int fired_times[VECTORS];
    snn_vector_mask used[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) {
        const int at = v * SNN_VECTOR;
        used[v] = full ? all : snn_vector_first(g->count - at);
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
        const snn_vector eta = snn_vector_all(etas[step]);
        uint64_t bits = 0;
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) {
            const snn_vector_mask fired = snn_vector_reaches(used[v], target[v], y[v], strict);
            bits |= (uint64_t)snn_vector_bits(fired) << (v * SNN_VECTOR);
            y[v] = snn_vector_move(y[v], eta, fired);
            fired_times[v] = snn_vector_count(fired_times[v], fired);
        }
        give_step(g, bytes, plane, bits, step == 0 ? bits : before, &fired_at[step], &flips_at[step]);
        before = bits;
    }
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) {
        snn_vector_store_int(s->spikes + v * SNN_VECTOR, fired_times[v]);
        if (!last) {
            snn_vector_store(g->y + v * SNN_VECTOR, y[v], used[v]);
        }
    }
}

/* Whether spikes of a whole window are the digits of a number: each step is twice the next one, a unit the last. */
static bool are_digits(const window_job *job)
{
    const int32_t steps = job->constants->steps;
    float step = 1.0F;
    for (int32_t i = steps - 1; i >= 0; i--, step *= 2.0F) {
        if (job->neurons->eta[i] != step) {
            return false;
        }
    }
    return job->moments == 1 && steps <= 2 * BYTE_DIGITS;
}

/* The numbers whose digits, the highest first, are the spikes of a window's steps, in the highest bits of two bytes.
 *
 * A step fires if y has not come below f(x), and then goes down by m, or else up: y ends at rest + (2^n - 1) - 2
 * number, and step by step that is the search for how many of rest + 2^n - 2 k, k = 1 ... 2^n - 1, f(x) does not exceed
 * (or, if strict, is less than). Those are integers, which f(x) does not exceed if its ceiling does not. */
static inline __attribute__((always_inline)) void find_digits(const window_job *job, const strip *s,
                                                              const float *restrict values, const bool strict,
                                                              int32_t *restrict beyond, uint16_t *restrict digits)
{
    enum { FAR = 1 << 20 }; /* beyond all codes */
    const int32_t steps = job->constants->steps, most = (1 << steps) - 1;
    const float reach = job->constants->reach + 1.0F;
    const float *restrict rest = s->rest, *restrict inverse_scale = s->inverse_scale;
    _Alignas(SNN_ALIGNMENT) float target[LANES];
    _Alignas(SNN_ALIGNMENT) int32_t number[LANES];
    /* One limit a loop: compilers make branches of two. */
    for (int i = 0; i < LANES; i++) {
        target[i] = values[i] * inverse_scale[i];
        beyond[i] += fabsf(target[i] - rest[i]) > reach;
    }
    for (int i = 0; i < LANES; i++) {
        target[i] = target[i] < (float)FAR ? target[i] : (float)FAR; /* what is no number fires never */
    }
    for (int i = 0; i < LANES; i++) {
        target[i] = target[i] > (float)-FAR ? target[i] : (float)-FAR;
    }
    for (int i = 0; i < LANES; i++) {
        const int32_t whole = (int32_t)target[i];
        const int32_t least = strict ? whole + 1 - ((float)whole > target[i]) : whole + ((float)whole < target[i]);
        number[i] = ((int32_t)rest[i] + most + 1 - least) >> 1;
        number[i] = number[i] < 0 ? 0 : number[i];
    }
    for (int i = 0; i < LANES; i++) {
        const int32_t digit = number[i] < most ? number[i] : most;
        digits[i] = (uint16_t)(digit << (2 * BYTE_DIGITS - steps));
    }
}

/* The high bytes of so many digits, or the low ones. */
static inline snn_vector_bytes bytes_of(const uint16_t *restrict digits, int shift)
{
    uint8_t bytes[LANES];
    snn_vector_bytes values;
    for (int i = 0; i < LANES; i++) {
        bytes[i] = (uint8_t)(digits[i] >> shift);
    }
    memcpy(&values, bytes, sizeof values);
    return values;
}

static inline __attribute__((always_inline)) void run_digits(const window_job *job, strip *s, const group *g,
                                                             const bool full, const bool strict)
{
    const snn_spikes *spikes = &job->neurons->spikes;
    const int64_t plane_bytes = snn_spikes_plane_bytes(spikes) * spikes->images;
    const bool bytes = full && g->bit % 8 == 0;
    const int32_t steps = job->constants->steps;
    _Alignas(SNN_ALIGNMENT) uint16_t all[LANES];
    float values[LANES];
    for (int i = 0; !full && i < LANES; i++) {
        values[i] = i < g->count ? g->values[i] : NAN;
    }
    find_digits(job, s, full ? g->values : values, strict, s->beyond, all);
    int64_t *fired_at = job->counts->spikes, *flips_at = job->counts->flips;
    uint8_t *plane = snn_spikes_plane(spikes, 0, job->tile->image);
    snn_vector_bytes digits = bytes_of(all, BYTE_DIGITS), times = s->times;
    uint64_t before = snn_vector_highest_bits(digits); /* there are no flips at the first step */
    for (int32_t step = 0; step < steps; step++, plane += plane_bytes) {
        if (step == BYTE_DIGITS) {
            digits = bytes_of(all, 0);
        }
        const uint64_t bits = snn_vector_highest_bits(digits);
        times += digits >> (BYTE_DIGITS - 1);
        digits += digits;
        give_step(g, bytes, plane, bits, before, &fired_at[step], &flips_at[step]);
        before = bits;
    }
    s->times = times;
    s->pending += steps;
    if (s->pending > UINT8_MAX - steps) {
        add_times(s);
    }
}

static void run_group(const window_job *job, strip *s, const group *g)
{
    const bool strict = snn_neuron_is_strict(job->neurons->kind), full = g->count == LANES;
    if (job->digits && full && !strict) { /* what most neurons are, with all known when compiled */
        run_digits(job, s, g, true, false);
    } else if (job->digits && full) {
        run_digits(job, s, g, true, true);
    } else if (job->digits) {
        run_digits(job, s, g, false, strict);
    } else if (full && !strict) {
        run(job, s, g, true, false);
    } else {
        run(job, s, g, full, strict);
    }
}

static int32_t common_divisor(int32_t a, int32_t b)
{
    return b == 0 ? a : common_divisor(b, a % b);
}

/* The batch's outputs from position `begin` on at one moment: y, bits, counts. */
static void fire(window_job *job, int32_t moment, int64_t begin, int64_t count, const batch *b)
{
    const snn_neurons *neurons = job->neurons;
    const int32_t owned = snn_lanes_owned(neurons);
    const bool whole = owned == neurons->shape.channels && owned % 8 == 0;
    const int64_t size = count * owned, period = whole ? (int64_t)owned / common_divisor(owned, LANES) * LANES : owned;
    const int64_t row = (int64_t)neurons->spikes.row_bytes * 8, bits = whole ? period : row;
    group g = {.begin = moment, .end = moment + 1 < job->moments ? moment + 1 : job->constants->steps};
    for (int32_t first = 0; first < period && first < size; first += LANES) {
        strip s;
        begin_strip(job, first, &s);
        g.bit = begin * row + neurons->channel_begin + first;
        for (int64_t at = first; at < size; at += period, g.bit += bits) {
            const int64_t left = whole ? size - at : owned - first;
            g.values = b->values + at;
            g.y = b->y + at;
            g.count = left < LANES ? (int32_t)left : LANES;
            track_sample(job, &s, &g, begin, at);
            run_group(job, &s, &g);
        }
        end_strip(job, first, &s);
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
    job.digits = are_digits(&job);
    for (int64_t position = tile->position_begin; position < end; position += b.positions) {
        const int64_t left = end - position, count = left < b.positions ? left : b.positions;
        for (int32_t moment = 0; moment < job.moments; moment++) {
            find_values(&job, moment, position, count, &b);
            fire(&job, moment, position, count, &b);
        }
    }
    flush(&job);
}
