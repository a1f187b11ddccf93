#include "core/kernels/subgradient.h"

#include <math.h>
#include <stddef.h>

/* Of the statistics: see SNN_ERROR_FRACTION_BITS. */
static const float ERROR_LARGEST = 127.0F;
static const float ERROR_UNIT = 65536.0F;

snn_status snn_subgradient_check(const snn_network *network)
{
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population *population = &network->populations[p];
        if (population->kind != SNN_NEURON_RELU && population->kind != SNN_NEURON_READOUT) {
            return snn_fail(
                SNN_INPUT_ERROR,
                "population \"%s\" has %s neurons; dynamics = \"subgradient\" runs ReLU networks only: the "
                "rate of an integrate-and-fire neuron can follow no other function; give neuron.dynamics = \"signgd\"",
                population->name, snn_neuron_kind_name(population->kind));
        }
    }
    return snn_ok();
}

/* W s of element `sum_at` of the accumulator and `ones_at` of the sums of ones. */
static float half_sum(const snn_neurons *neurons, const snn_subgradient *baseline, const snn_tile *tile, int64_t sum_at,
                      int64_t ones_at)
{
    if (neurons->real) {
        return (((const float *)tile->accumulator)[sum_at] + ((const float *)baseline->ones)[ones_at]) * 0.5F;
    }
    const int64_t sum = (int64_t)((const int32_t *)tile->accumulator)[sum_at];
    return (float)((sum + ((const int32_t *)baseline->ones)[ones_at]) / 2);
}

/* The velocity of a descent after one more gradient; `velocity` is NULL without momentum. */
static float descend(float *velocity, float momentum, float gradient)
{
    if (velocity == NULL) {
        return gradient;
    }
    *velocity = momentum * *velocity + gradient;
    return *velocity;
}

void snn_subgradient_integrate(const snn_neurons *neurons, const snn_subgradient *baseline, const snn_tile *tile,
                               int32_t step, int64_t position)
{
    const int32_t owned = neurons->channel_end - neurons->channel_begin;
    const int64_t positions = tile->position_end - tile->position_begin;
    const int64_t sums = (step * positions + position - tile->position_begin) * owned, state = position * owned;
    for (int32_t c = 0; c < owned; c++) {
        float *x = &neurons->x[state + c];
        float *velocity = baseline->x_velocity != NULL ? &baseline->x_velocity[state + c] : NULL;
        const float product = half_sum(neurons, baseline, tile, sums + c, state + c);
        const float current = baseline->drive[state + c] + neurons->step[c] * product;
        *x = *x - neurons->eta[step] * descend(velocity, baseline->momentum, *x - current);
    }
}

static bool bit_of(const uint8_t *row, int32_t bit)
{
    return (row[bit / 8] >> bit % 8 & 1) != 0;
}

static void set_bit(uint8_t *row, int32_t bit, bool value)
{
    row[bit / 8] = (uint8_t)((row[bit / 8] & ~(1 << bit % 8)) | value << bit % 8);
}

static int64_t error_of(float y, float target)
{
    const float error = fabsf(y - target);
    return lrintf((error < ERROR_LARGEST ? error : ERROR_LARGEST) * ERROR_UNIT);
}

/* One step of all owned channels at one position. */
static void fire_position(const snn_neurons *neurons, const snn_subgradient *baseline, const snn_tile *tile,
                          const snn_tile_counts *counts, int32_t step, int64_t position)
{
    const int32_t owned = neurons->channel_end - neurons->channel_begin;
    const int64_t state = position * owned, byte = position * neurons->spikes.row_bytes;
    const float eta = neurons->eta[step];
    const bool tracked =
        counts->error != NULL && position % snn_tracked_apart(snn_shape_positions(neurons->shape)) == 0;
    uint8_t *row = snn_spikes_plane(&neurons->spikes, step, tile->image) + byte;
    const uint8_t *before =
        byte + (step == 0 ? neurons->previous : snn_spikes_plane(&neurons->spikes, step - 1, tile->image));
    for (int32_t c = 0; c < owned; c++) {
        const int32_t bit = neurons->channel_begin + c;
        float *y = &neurons->y[state + c];
        float *velocity = baseline->y_velocity != NULL ? &baseline->y_velocity[state + c] : NULL;
        const float scaled = neurons->x[state + c] * neurons->inverse_scale[c];
        const float rest = *y - eta * descend(velocity, baseline->momentum, *y);
        const bool fires = scaled > rest;
        if (fires && velocity != NULL) {
            *velocity = *velocity - 1.0F; /* the gradient is y - 1, not y */
        }
        *y = fires ? rest + eta : rest;
        set_bit(row, bit, fires);
        if (counts->spikes != NULL) {
            counts->spikes[step] += fires;
            counts->flips[step] += !(neurons->first && step == 0) && fires != bit_of(before, bit);
            counts->channel_spikes[c] += fires;
        }
        if (tracked) {
            counts->error[step] += error_of(*y, scaled > 0.0F ? scaled : 0.0F);
        }
    }
}

void snn_subgradient_fire(const snn_neurons *neurons, const snn_subgradient *baseline, const snn_tile *tile,
                          const snn_tile_counts *counts)
{
    for (int32_t step = 0; step < tile->steps; step++) {
        for (int64_t position = tile->position_begin; position < tile->position_end; position++) {
            snn_subgradient_integrate(neurons, baseline, tile, step, position);
            fire_position(neurons, baseline, tile, counts, step, position);
        }
    }
}
