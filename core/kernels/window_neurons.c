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

/* x of `count` input channels from `first` on at one position of the tile. */
static void decode(const window_job *job, int32_t moment, int64_t position, int32_t first, int32_t count, float *x)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t channels = neurons->input_channels;
    const int64_t positions = job->tile->position_end - job->tile->position_begin;
    const int64_t sum_at = (moment * positions + position - job->tile->position_begin) * channels + first;
    _Alignas(SNN_ALIGNMENT) float bias[SNN_LANES], step[SNN_LANES], sum[SNN_LANES];
    snn_lanes_load(bias, job->constants->bias + position * job->constants->bias_stride + first, count);
    snn_lanes_load(step, neurons->step + first, count);
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

/* x of all input channels of a position. */
static void decode_position(const window_job *job, int32_t moment, int64_t position, float *x)
{
    for (int32_t first = 0; first < job->neurons->input_channels; first += SNN_LANES) {
        const int32_t left = job->neurons->input_channels - first, count = left < SNN_LANES ? left : SNN_LANES;
        _Alignas(SNN_ALIGNMENT) float lanes[SNN_LANES];
        decode(job, moment, position, first, count, lanes);
        snn_lanes_store(x + first, lanes, count);
    }
}

static void rest(const window_job *job, int32_t first, snn_lanes *group)
{
    for (int i = 0; i < SNN_LANES; i++) {
        group->y[i] = i < group->count ? (float)job->constants->rest[first + i] : 0.0F;
    }
}

/* Steps that are fired with the targets of a moment: its own, and after the last one all that are left. */
static int32_t steps_end(const window_job *job, int32_t moment)
{
    return moment + 1 < job->moments ? moment + 1 : job->constants->steps;
}

/* The group's neurons at one output position, from step `moment` on: y, bits, counts. */
static void fire(const window_job *job, snn_lanes *group, int32_t first, int32_t moment, int64_t position, bool strict)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t bit = neurons->channel_begin + first, row = position * neurons->spikes.row_bytes;
    const int32_t end = steps_end(job, moment);
    uint8_t *bits_of = snn_spikes_plane(&neurons->spikes, moment, job->tile->image) + row;
    const int64_t plane = snn_spikes_plane_bytes(&neurons->spikes) * neurons->spikes.images;
    uint32_t before = moment == 0 ? 0 : snn_lanes_load_bits(bits_of - plane, bit, group->count);
    for (int32_t step = moment; step < end; step++, bits_of += plane) {
        uint32_t error;
        const uint32_t bits = snn_lanes_fire(group, neurons->eta[step], job->constants->unit, strict, &error);
        snn_lanes_store_bits(bits_of, bit, group->count, bits);
        snn_lanes_count_spikes(job->counts, step, bits, step == 0 ? bits : before, error);
        before = bits;
    }
}

/* After the last step: which neurons f(x) has left the codes behind. */
static void count_beyond(const window_job *job, const snn_lanes *group, int32_t first)
{
    for (int i = 0; i < group->count; i++) {
        const float distance = group->target[i] - (float)job->constants->rest[first + i];
        job->counts->channel_beyond[first + i] += fabsf(distance) > job->constants->reach + 1.0F ? 1 : 0;
    }
}

static snn_lanes begin(const window_job *job, int32_t first)
{
    snn_lanes group;
    snn_lanes_begin(&group, job->neurons, first);
    return group;
}

static void fire_unary(const window_job *job)
{
    const bool strict = snn_neuron_is_strict(job->neurons->kind);
    for (int32_t first = 0; first < snn_lanes_owned(job->neurons); first += SNN_LANES) {
        snn_lanes group = begin(job, first);
        for (int64_t position = job->tile->position_begin; position < job->tile->position_end; position++) {
            rest(job, first, &group);
            for (int32_t moment = 0; moment < job->moments; moment++) {
                decode(job, moment, position, first, group.count, group.x);
                snn_portable_find_targets(group.target, job->neurons, group.x, group.inverse_scale);
                fire(job, &group, first, moment, position, strict);
            }
            count_beyond(job, &group, first);
        }
        snn_lanes_count_channels(job->counts, &group, first);
    }
}

/* y of the tile's outputs between moments, [output position][owned] or [output position][SNN_LANES] of a group. */
static void keep(float *y, const snn_lanes *group, bool last)
{
    if (!last) {
        snn_lanes_store(y, group->y, group->count);
    }
}

static void recall(const window_job *job, const float *y, int32_t first, int32_t moment, snn_lanes *group)
{
    if (moment == 0) {
        rest(job, first, group);
    } else {
        snn_lanes_load(group->y, y, group->count);
    }
}

static void fire_maxima(const window_job *job)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t inputs = snn_shape_positions(neurons->input);
    float *x = job->tile->scratch, *y = x + inputs * SNN_LANES;
    for (int32_t first = 0; first < snn_lanes_owned(neurons); first += SNN_LANES) {
        snn_lanes group = begin(job, first);
        for (int32_t moment = 0; moment < job->moments; moment++) {
            const bool last = moment + 1 == job->moments;
            int64_t position = 0;
            for (int64_t i = 0; i < inputs; i++) {
                decode(job, moment, i, first, group.count, x + i * SNN_LANES);
            }
            for (int32_t row = 0; row < neurons->shape.height; row++) {
                for (int32_t column = 0; column < neurons->shape.width; column++, position++) {
                    _Alignas(SNN_ALIGNMENT) float largest[SNN_LANES];
                    snn_portable_maximum(neurons, x, SNN_LANES, SNN_LANES, row, column, largest);
                    for (int i = 0; i < SNN_LANES; i++) {
                        group.target[i] = largest[i] * group.inverse_scale[i];
                    }
                    recall(job, y + position * SNN_LANES, first, moment, &group);
                    fire(job, &group, first, moment, position, false);
                    keep(y + position * SNN_LANES, &group, last);
                    if (last) {
                        count_beyond(job, &group, first);
                    }
                }
            }
        }
        snn_lanes_count_channels(job->counts, &group, first);
    }
}

/* Outputs of positions [begin, end) at one moment, whose targets are [position - begin][owned], y likewise. */
static void fire_outputs(const window_job *job, int32_t moment, int64_t begin_at, int64_t end, const float *targets,
                         float *y)
{
    const int32_t owned = snn_lanes_owned(job->neurons);
    const bool last = moment + 1 == job->moments;
    for (int32_t first = 0; first < owned; first += SNN_LANES) {
        snn_lanes group = begin(job, first);
        for (int64_t position = begin_at; position < end; position++) {
            const int64_t at = (position - begin_at) * owned + first;
            snn_lanes_load(group.target, targets + at, group.count);
            recall(job, y + at, first, moment, &group);
            fire(job, &group, first, moment, position, false);
            keep(y + at, &group, last);
            if (last) {
                count_beyond(job, &group, first);
            }
        }
        snn_lanes_count_channels(job->counts, &group, first);
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
