/* Neurons that fire in windows: x is a function of exact sums, f(x) is found once for each moment at which they differ,
 * and y goes its steps from the resting state on without ever leaving the processor's caches.
 *
 * Unary kinds take SNN_LANES channels of a position at a time, from sums to spikes. Maxima do the same for a whole
 * image, the other kinds find the targets of all their outputs first. */
#include "core/kernels/lanes.h"
#include "core/kernels/nary.h"
#include "core/kernels/portable.h"

typedef struct window_job {
    const snn_neurons *neurons;
    const snn_window_constants *constants;
    const snn_tile *tile;
    const snn_tile_counts *counts;
    int32_t moments;
} window_job;

/* Lanes of one group: up to SNN_LANES channels from `first` on of one position, or, of populations with few channels,
 * all channels of several positions side by side, whose sums and spikes lie in memory like that too. */
typedef struct strip {
    snn_lanes lanes;
    int32_t first;     /* channel, from the first owned one on */
    int32_t channels;  /* of each position */
    int32_t positions; /* side by side, at most */
    _Alignas(SNN_ALIGNMENT) float rest[SNN_LANES];
} strip;

/* Positions that fit a group whole; 1 where their spikes would have gaps between them. */
static int32_t positions_together(const snn_neurons *neurons)
{
    const int32_t channels = neurons->shape.channels;
    const bool whole = snn_lanes_owned(neurons) == channels && channels % 8 == 0 && SNN_LANES % channels == 0;
    return whole ? SNN_LANES / channels : 1;
}

/* Constants of a group; its count is set by `place`. */
static void begin(const window_job *job, int32_t first, int32_t positions, strip *group)
{
    snn_lanes *lanes = &group->lanes;
    const int32_t left = snn_lanes_owned(job->neurons) - first;
    memset(group, 0, sizeof *group);
    group->first = first;
    group->channels = left < SNN_LANES ? left : SNN_LANES;
    group->positions = positions;
    for (int i = 0; i < group->channels * positions; i++) {
        const int32_t channel = first + i % group->channels;
        lanes->inverse_scale[i] = job->neurons->inverse_scale[channel];
        group->rest[i] = (float)job->constants->rest[channel];
    }
}

/* So many positions are in the lanes now. */
static void place(strip *group, int64_t positions)
{
    const int32_t count = group->channels * (int32_t)(positions < group->positions ? positions : group->positions);
    for (int i = 0; i < SNN_LANES && count != group->lanes.count; i++) {
        group->lanes.used[i] = i < count ? -1 : 0;
    }
    group->lanes.count = count;
}

/* x of `count` input channels from `first` on at one position of the tile; step and bias are those of the lanes. */
static void decode(const window_job *job, int32_t moment, int64_t position, int32_t first, int32_t count,
                   const float *bias, const float *step, float *x)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t channels = neurons->input_channels;
    const int64_t positions = job->tile->position_end - job->tile->position_begin;
    const int64_t sum_at = (moment * positions + position - job->tile->position_begin) * channels + first;
    _Alignas(SNN_ALIGNMENT) float sum[SNN_LANES];
    snn_lanes_load_sums(sum, job->tile, neurons->real, sum_at, count);
    for (int i = 0; i < SNN_LANES; i++) {
        x[i] = bias[i] + step[i] * sum[i];
    }
    if (neurons->graded != NULL) {
        _Alignas(SNN_ALIGNMENT) float graded[SNN_LANES];
        snn_lanes_load(graded, neurons->graded + position * channels + first, count);
        for (int i = 0; i < SNN_LANES; i++) {
            x[i] = x[i] + graded[i];
        }
    }
}

/* Bias of lanes from input channel `first` on at a position: `repeat` times the same where it has none of its own. */
static void load_bias(const window_job *job, int64_t position, int32_t first, int32_t count, int32_t width, float *bias)
{
    const float *from = job->constants->bias + position * job->constants->bias_stride + first;
    if (job->constants->bias_stride != 0 || width == count) {
        snn_lanes_load(bias, from, count);
        return;
    }
    for (int i = 0; i < SNN_LANES; i++) {
        bias[i] = i < count ? from[i % width] : 0.0F;
    }
}

/* x of all input channels of a position. */
static void decode_position(const window_job *job, int32_t moment, int64_t position, float *x)
{
    for (int32_t first = 0; first < job->neurons->input_channels; first += SNN_LANES) {
        const int32_t left = job->neurons->input_channels - first, count = left < SNN_LANES ? left : SNN_LANES;
        _Alignas(SNN_ALIGNMENT) float lanes[SNN_LANES], bias[SNN_LANES], step[SNN_LANES];
        load_bias(job, position, first, count, count, bias);
        snn_lanes_load(step, job->neurons->step + first, count);
        decode(job, moment, position, first, count, bias, step, lanes);
        snn_lanes_store(x + first, lanes, count);
    }
}

static void rest(strip *group)
{
    memcpy(group->lanes.y, group->rest, sizeof group->rest);
}

/* Steps that are fired with the targets of a moment: its own, and after the last one all that are left. */
static int32_t steps_end(const window_job *job, int32_t moment)
{
    return moment + 1 < job->moments ? moment + 1 : job->constants->steps;
}

#ifdef __AVX2__
enum { VECTORS = SNN_LANES / SNN_VECTOR };

/* The lanes in registers, for as many steps as there are. */
typedef struct registers {
    snn_vector y[VECTORS], target[VECTORS];
    snn_vector_int spikes[VECTORS];
    snn_vector_mask used[VECTORS];
} registers;

static inline void enter(const snn_lanes *lanes, registers *r)
{
    const snn_vector_mask all = snn_vector_first(SNN_VECTOR);
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) {
        r->y[v] = snn_vector_load(lanes->y + v * SNN_VECTOR, all);
        r->target[v] = snn_vector_load(lanes->target + v * SNN_VECTOR, all);
        r->spikes[v] = snn_vector_load_int(lanes->spikes + v * SNN_VECTOR);
        r->used[v] = snn_vector_first(lanes->count - v * SNN_VECTOR);
    }
}

static inline void leave(snn_lanes *lanes, const registers *r)
{
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) {
        snn_vector_store(lanes->y + v * SNN_VECTOR, r->y[v], snn_vector_first(SNN_VECTOR));
        snn_vector_store_int(lanes->spikes + v * SNN_VECTOR, r->spikes[v]);
    }
}

/* As snn_lanes_fire. */
static inline uint32_t fire_step(registers *r, float eta, float unit, bool strict, uint32_t *error)
{
    const snn_vector step = snn_vector_all(eta);
    snn_vector_int errors = snn_vector_no_int();
    uint32_t bits = 0;
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) {
        const snn_vector_mask fired = snn_vector_reaches(r->used[v], r->target[v], r->y[v], strict);
        bits |= snn_vector_bits(fired) << (v * SNN_VECTOR);
        r->y[v] = snn_vector_move(r->y[v], step, fired);
        r->spikes[v] = snn_vector_count(r->spikes[v], fired);
        errors = snn_vector_add_rounded(errors, snn_vector_error(r->y[v], r->target[v], unit), r->used[v]);
    }
    *error = snn_vector_sum_int(errors);
    return bits;
}
#else
typedef snn_lanes registers;

static inline void enter(const snn_lanes *lanes, registers *r)
{
    *r = *lanes;
}

static inline void leave(snn_lanes *lanes, const registers *r)
{
    *lanes = *r;
}

static inline uint32_t fire_step(registers *r, float eta, float unit, bool strict, uint32_t *error)
{
    return snn_lanes_fire(r, eta, unit, strict, error);
}
#endif

/* The group's neurons from one output position on, from step `moment` on: y, bits, counts. */
static void fire(const window_job *job, strip *group, int32_t moment, int64_t position, bool strict)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t bit = neurons->channel_begin + group->first, row = position * neurons->spikes.row_bytes;
    const int32_t end = steps_end(job, moment), count = group->lanes.count;
    uint8_t *bits_of = snn_spikes_plane(&neurons->spikes, moment, job->tile->image) + row;
    const int64_t plane = snn_spikes_plane_bytes(&neurons->spikes) * neurons->spikes.images;
    uint32_t before = moment == 0 ? 0 : snn_lanes_load_bits(bits_of - plane, bit, count);
    registers r;
    enter(&group->lanes, &r);
    for (int32_t step = moment; step < end; step++, bits_of += plane) {
        uint32_t error;
        const uint32_t bits = fire_step(&r, neurons->eta[step], job->constants->unit, strict, &error);
        snn_lanes_store_bits(bits_of, bit, count, bits);
        snn_lanes_count_spikes(job->counts, step, bits, step == 0 ? bits : before, error);
        before = bits;
    }
    leave(&group->lanes, &r);
}

/* After the last step: which neurons f(x) has left the codes behind. Few, if any. */
static void count_beyond(const window_job *job, const strip *group)
{
    const float reach = job->constants->reach + 1.0F;
    int32_t beyond = 0;
    for (int i = 0; i < SNN_LANES; i++) {
        beyond |= fabsf(group->lanes.target[i] - group->rest[i]) > reach ? group->lanes.used[i] : 0;
    }
    for (int i = 0; i < group->lanes.count && beyond != 0; i++) {
        const float distance = fabsf(group->lanes.target[i] - group->rest[i]);
        job->counts->channel_beyond[group->first + i % group->channels] += distance > reach ? 1 : 0;
    }
}

static void count_channels(const window_job *job, const strip *group)
{
    for (int i = 0; i < group->channels * group->positions; i++) {
        job->counts->channel_spikes[group->first + i % group->channels] += group->lanes.spikes[i];
    }
}

/* Of the group's lanes, for kinds whose inputs are their outputs' channels. */
static void load_steps(const window_job *job, const strip *group, float *step)
{
    for (int i = 0; i < SNN_LANES; i++) {
        const bool used = i < group->channels * group->positions;
        step[i] = used ? job->neurons->step[group->first + i % group->channels] : 0.0F;
    }
}

static void fire_unary(const window_job *job)
{
    const bool strict = snn_neuron_is_strict(job->neurons->kind);
    const int32_t together = positions_together(job->neurons);
    for (int32_t first = 0; first < snn_lanes_owned(job->neurons); first += SNN_LANES) {
        strip group;
        _Alignas(SNN_ALIGNMENT) float bias[SNN_LANES], step[SNN_LANES];
        begin(job, first, together, &group);
        load_steps(job, &group, step);
        if (job->constants->bias_stride == 0) {
            load_bias(job, 0, first, group.channels * together, group.channels, bias);
        }
        for (int64_t position = job->tile->position_begin; position < job->tile->position_end; position += together) {
            place(&group, job->tile->position_end - position);
            if (job->constants->bias_stride != 0) {
                load_bias(job, position, first, group.lanes.count, group.channels, bias);
            }
            rest(&group);
            for (int32_t moment = 0; moment < job->moments; moment++) {
                decode(job, moment, position, first, group.lanes.count, bias, step, group.lanes.x);
                snn_portable_find_targets(group.lanes.target, job->neurons, group.lanes.x, group.lanes.inverse_scale);
                fire(job, &group, moment, position, strict);
            }
            count_beyond(job, &group);
        }
        count_channels(job, &group);
    }
}

/* y of the tile's outputs between moments, lane by lane. */
static void keep(float *y, const strip *group, bool last)
{
    if (!last) {
        snn_lanes_store(y, group->lanes.y, group->lanes.count);
    }
}

static void recall(const float *y, int32_t moment, strip *group)
{
    if (moment == 0) {
        rest(group);
    } else {
        snn_lanes_load(group->lanes.y, y, group->lanes.count);
    }
}

/* The largest inputs of the group's positions, x [input position][channels of the group]. */
static void find_maxima(const window_job *job, strip *group, const float *x, int64_t position)
{
    const int32_t width = job->neurons->shape.width;
    for (int32_t i = 0; i * group->channels < group->lanes.count; i++) {
        _Alignas(SNN_ALIGNMENT) float largest[SNN_LANES];
        snn_portable_maximum(job->neurons, x, group->channels, group->channels, (int32_t)((position + i) / width),
                             (int32_t)((position + i) % width), largest);
        memcpy(group->lanes.target + i * group->channels, largest, (size_t)group->channels * sizeof largest[0]);
    }
    for (int i = 0; i < SNN_LANES; i++) {
        group->lanes.target[i] = group->lanes.target[i] * group->lanes.inverse_scale[i];
    }
}

static void fire_maxima(const window_job *job)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t inputs = snn_shape_positions(neurons->input), outputs = snn_shape_positions(neurons->shape);
    const int32_t together = positions_together(neurons);
    float *x = job->tile->scratch, *y = x + inputs * SNN_LANES;
    for (int32_t first = 0; first < snn_lanes_owned(neurons); first += SNN_LANES) {
        strip group;
        _Alignas(SNN_ALIGNMENT) float bias[SNN_LANES], step[SNN_LANES], lanes[SNN_LANES];
        begin(job, first, together, &group);
        load_steps(job, &group, step);
        if (job->constants->bias_stride == 0) {
            load_bias(job, 0, first, group.channels * together, group.channels, bias);
        }
        for (int32_t moment = 0; moment < job->moments; moment++) {
            const bool last = moment + 1 == job->moments;
            for (int64_t i = 0; i < inputs; i += together) {
                const int32_t count = group.channels * (int32_t)(inputs - i < together ? inputs - i : together);
                if (job->constants->bias_stride != 0) {
                    load_bias(job, i, first, count, group.channels, bias);
                }
                decode(job, moment, i, first, count, bias, step, lanes);
                snn_lanes_store(x + i * group.channels, lanes, count);
            }
            for (int64_t position = 0; position < outputs; position += together) {
                place(&group, outputs - position);
                find_maxima(job, &group, x, position);
                recall(y + position * group.channels, moment, &group);
                fire(job, &group, moment, position, false);
                keep(y + position * group.channels, &group, last);
                if (last) {
                    count_beyond(job, &group);
                }
            }
        }
        count_channels(job, &group);
    }
}

/* Outputs of positions [begin, end) at one moment, whose targets are [position - begin][owned], y likewise. */
static void fire_outputs(const window_job *job, int32_t moment, int64_t begin_at, int64_t end, const float *targets,
                         float *y)
{
    const int32_t owned = snn_lanes_owned(job->neurons);
    const bool last = moment + 1 == job->moments;
    for (int32_t first = 0; first < owned; first += SNN_LANES) {
        strip group;
        begin(job, first, 1, &group);
        place(&group, 1);
        for (int64_t position = begin_at; position < end; position++) {
            const int64_t at = (position - begin_at) * owned + first;
            snn_lanes_load(group.lanes.target, targets + at, group.lanes.count);
            recall(y + at, moment, &group);
            fire(job, &group, moment, position, false);
            keep(y + at, &group, last);
            if (last) {
                count_beyond(job, &group);
            }
        }
        count_channels(job, &group);
    }
}

static int64_t padded_floats(int64_t count)
{
    return snn_nary_whole_lanes(count);
}

/* Kinds of several inputs: all positions of the image at once, or one after the other. */
static void fire_nary(const window_job *job)
{
    const snn_neurons *neurons = job->neurons;
    const bool all = snn_neuron_reads_all_positions(neurons->kind);
    const int64_t together = all ? snn_shape_positions(neurons->input) : 1;
    const int64_t owned = snn_lanes_owned(neurons), channels = neurons->input_channels;
    float *x = job->tile->scratch, *targets = x + padded_floats(together * channels);
    float *y = targets + padded_floats(together * owned);
    snn_neurons local = *neurons;
    snn_tile tile = *job->tile;
    local.x = x;
    tile.position_begin = 0;
    tile.position_end = together;
    tile.scratch = y + padded_floats(together * owned);
    for (int64_t position = job->tile->position_begin; position < job->tile->position_end; position += together) {
        for (int32_t moment = 0; moment < job->moments; moment++) {
            for (int64_t i = 0; i < together; i++) {
                decode_position(job, moment, position + i, x + i * channels);
            }
            snn_portable_targets_nary(&local, &tile, targets);
            fire_outputs(job, moment, position, position + together, targets, y);
        }
    }
}

int64_t snn_portable_window_scratch(const snn_population *population, int32_t owned, int32_t held)
{
    int64_t floats = 0;
    if (population->kind == SNN_NEURON_MAXIMUM) {
        floats = (snn_shape_positions(population->input) + snn_shape_positions(population->shape)) * SNN_LANES;
    } else if (snn_neuron_reads_all_channels(population->kind)) {
        const int64_t together =
            snn_neuron_reads_all_positions(population->kind) ? snn_shape_positions(population->input) : 1;
        floats = padded_floats(together * held) + 2 * padded_floats(together * owned);
    }
    return floats * (int64_t)sizeof(float) + snn_portable_nary_scratch_bytes(population);
}

void snn_portable_fire_window(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts)
{
    const window_job job = {neurons, &neurons->window_constants, tile, counts, tile->steps};
    if (neurons->kind == SNN_NEURON_MAXIMUM) {
        fire_maxima(&job);
    } else if (snn_neuron_reads_all_channels(neurons->kind)) {
        fire_nary(&job);
    } else {
        fire_unary(&job);
    }
}
