#include "io/lab/layers/layers_measure.h"

#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/dynamics/random.h"
#include "core/network/timing.h"
#include "io/lab/layers/layers_tap.h"

/* f(x) is found by the kernels themselves, whatever the kind of neuron: as what a window of so many halving steps ends
 * on, which reaches so many sigma up and down. */
enum { FINE_STEPS = 16, FINE_REACH = (1 << FINE_STEPS) - 1, FINE_SIGMAS = 4 };

static const snn_population *population_of(const snn_layers *layers, int32_t layer)
{
    return &layers->network->populations[layers->layers[layer].place];
}

/* A unit of y in units of sigma. */
static double unit_of(const snn_population *population)
{
    return population->unit > 0.0F ? (double)population->unit : 1.0;
}

static bool is_readout(const snn_population *population)
{
    return population->kind == SNN_NEURON_READOUT;
}

static snn_status make_layer(const snn_population *population, snn_layer *layer)
{
    const size_t inputs = (size_t)snn_shape_size(population->input),
                 outputs = (size_t)snn_shape_size(population->shape);
    const size_t channels = (size_t)population->shape.channels;
    layer->x = snn_allocate(inputs, sizeof *layer->x);
    layer->y = snn_allocate(outputs, sizeof *layer->y);
    layer->f = snn_allocate(outputs, sizeof *layer->f);
    layer->squares = snn_allocate(channels, sizeof *layer->squares);
    layer->sums = snn_allocate(channels, sizeof *layer->sums);
    layer->counts = snn_allocate(channels, sizeof *layer->counts);
    const bool made = layer->x != NULL && layer->y != NULL && layer->f != NULL && layer->squares != NULL &&
                      layer->sums != NULL && layer->counts != NULL;
    return made ? snn_ok() : snn_out_of_memory("layer");
}

static snn_status make_shard(snn_encoding encoding, snn_layers *layers)
{
    const snn_network *network = layers->network;
    snn_channel_range *all = snn_allocate((size_t)network->population_count, sizeof *all);
    if (all == NULL) {
        return snn_out_of_memory("channel ranges");
    }
    for (int32_t p = 0; p < network->population_count; p++) {
        all[p].end = network->populations[p].shape.channels;
    }
    const bool windows = network->windows.steps > 0;
    const snn_shard_options options = {.images = 1,
                                       .block = 1,
                                       .timesteps = windows ? 0 : layers->timesteps,
                                       .eta = layers->eta,
                                       .encoding = windows ? SNN_ENCODING_DIRECT : encoding,
                                       .channels = all,
                                       .visible = all};
    const snn_status status = snn_shard_create(network, layers->kernels, &options, &layers->shard);
    snn_release(all);
    return status;
}

snn_status snn_layers_init(const snn_network *network, const int32_t *place, int32_t count, const float *eta,
                           int32_t timesteps, snn_encoding encoding, snn_layers *layers)
{
    *layers = (snn_layers){.network = network, .eta = eta, .timesteps = timesteps};
    SNN_TRY(snn_kernels_select(&layers->kernels));
    layers->layers = snn_allocate((size_t)count, sizeof *layers->layers);
    if (layers->layers == NULL) {
        return snn_out_of_memory("layers");
    }
    layers->count = count;
    for (int32_t i = 0; i < count; i++) {
        layers->layers[i].place = place[i];
        SNN_TRY(make_layer(population_of(layers, i), &layers->layers[i]));
    }
    return make_shard(encoding, layers);
}

void snn_layers_clear(snn_layers *layers)
{
    for (int32_t i = 0; i < layers->count; i++) {
        snn_layer *layer = &layers->layers[i];
        snn_release(layer->x);
        snn_release(layer->y);
        snn_release(layer->f);
        snn_release(layer->squares);
        snn_release(layer->sums);
        snn_release(layer->counts);
    }
    snn_release(layers->layers);
    snn_shard_destroy(layers->shard);
    *layers = (snn_layers){0};
}

/* ---- an image ---- */

static void begin_layer(const snn_population *population, snn_layer *layer)
{
    const int64_t inputs = snn_shape_size(population->input), outputs = snn_shape_size(population->shape);
    const int32_t channels = population->shape.channels;
    for (int64_t i = 0; i < inputs; i++) {
        layer->x[i] = (double)population->bias[population->bias_positions == 1 ? i % population->input.channels : i];
    }
    for (int64_t i = 0; i < outputs; i++) {
        layer->y[i] = population->rest != NULL ? (float)population->rest[i % channels] : 0.0F;
    }
}

/* x += factor * step * sums. */
static void add_sums(const snn_network *network, const snn_population *population, snn_sums sums, int32_t plane,
                     double factor, double *x)
{
    const int64_t inputs = snn_shape_size(population->input);
    const int32_t channels = population->input.channels;
    const void *values = snn_sums_plane(&sums, plane, 0);
    const bool real = network->format == SNN_WEIGHTS_FLOAT32;
    for (int64_t i = 0; i < inputs; i++) {
        const double sum = real ? (double)((const float *)values)[i] : (double)((const int32_t *)values)[i];
        x[i] += factor * (double)population->step[i % channels] * sum;
    }
}

/* y -= step (2 s - 1). */
static void add_spikes(snn_spikes spikes, int32_t number, float step, float *y)
{
    for (int64_t p = 0; p < spikes.positions; p++, y += spikes.channels) {
        for (int32_t c = 0; c < spikes.channels; c++) {
            y[c] -= snn_spikes_fired(&spikes, number, 0, p, c) ? step : -step;
        }
    }
}

static snn_status run_windows(snn_layers *layers)
{
    const snn_network *network = layers->network;
    const int32_t steps = network->windows.steps;
    for (int32_t p = 0; p < network->population_count; p++) {
        SNN_TRY(snn_shard_run(layers->shard, p, 0, steps));
    }
    for (int32_t i = 0; i < layers->count; i++) {
        snn_layer *layer = &layers->layers[i];
        const snn_population *population = population_of(layers, i);
        if (!snn_neuron_spikes(population->kind)) {
            continue;
        }
        const int32_t last = snn_shard_planes(layers->shard, layer->place - 1, steps) - 1;
        add_sums(network, population, snn_shard_sums(layers->shard, layer->place - 1), last, 1.0, layer->x);
        for (int32_t j = 0; j < steps; j++) {
            add_spikes(snn_shard_spikes(layers->shard, layer->place), j, (float)network->windows.magnitude[j],
                       layer->y);
        }
    }
    return snn_ok();
}

static snn_status run_synchronous(snn_layers *layers)
{
    const snn_network *network = layers->network;
    for (int32_t t = 0; t < layers->timesteps; t++) {
        for (int32_t p = 0; p < network->population_count; p++) {
            SNN_TRY(snn_shard_run(layers->shard, p, t, 1));
        }
        for (int32_t i = 0; i < layers->count; i++) {
            snn_layer *layer = &layers->layers[i];
            const snn_population *population = population_of(layers, i);
            if (snn_neuron_spikes(population->kind)) {
                add_sums(network, population, snn_shard_sums(layers->shard, layer->place - 1), 0,
                         -(double)layers->eta[t], layer->x);
                add_spikes(snn_shard_spikes(layers->shard, layer->place), 0, layers->eta[t], layer->y);
            }
        }
    }
    return snn_ok();
}

/* What the kernels need to evaluate f of all neurons of a population at once. */
typedef struct fine {
    float *x, *step, *bias, *inverse_scale, *eta;
    int32_t *rest;
    uint8_t *bits;
    void *scratch;
    int64_t *counts;
} fine;

static snn_status fine_init(const snn_kernels *kernels, const snn_population *population, fine *made)
{
    const int32_t inputs = population->input.channels, outputs = population->shape.channels;
    const int64_t positions = snn_shape_positions(population->shape);
    const snn_spikes spikes = snn_spikes_of(NULL, positions, outputs, 1, FINE_STEPS);
    *made = (fine){.x = snn_allocate((size_t)snn_shape_size(population->input), sizeof(float)),
                   .step = snn_allocate((size_t)inputs, sizeof(float)),
                   .bias = snn_allocate((size_t)inputs, sizeof(float)),
                   .inverse_scale = snn_allocate((size_t)outputs, sizeof(float)),
                   .eta = snn_allocate(FINE_STEPS, sizeof(float)),
                   .rest = snn_allocate((size_t)outputs, sizeof(int32_t)),
                   .bits = snn_allocate((size_t)snn_spikes_block_bytes(&spikes, FINE_STEPS), 1),
                   .scratch = snn_allocate((size_t)kernels->fire_scratch_bytes(population, outputs, inputs), 1),
                   .counts = snn_allocate((size_t)(2 * FINE_STEPS + 2 * outputs), sizeof(int64_t))};
    if (made->x == NULL || made->step == NULL || made->bias == NULL || made->inverse_scale == NULL ||
        made->eta == NULL || made->rest == NULL || made->bits == NULL || made->scratch == NULL ||
        made->counts == NULL) {
        return snn_out_of_memory("values of a layer");
    }
    const double units = FINE_REACH / (double)FINE_SIGMAS * unit_of(population);
    for (int32_t c = 0; c < inputs; c++) {
        made->step[c] = 1.0F;
    }
    for (int32_t c = 0; c < outputs; c++) {
        made->inverse_scale[c] = (float)(units / (double)population->scale[c]);
        made->rest[c] = 1; /* so that f = 0 ends at exactly 0 */
    }
    for (int32_t j = 0; j < FINE_STEPS; j++) {
        made->eta[j] = ldexpf(1.0F, FINE_STEPS - 1 - j);
    }
    return snn_ok();
}

static void fine_clear(fine *made)
{
    snn_release(made->x);
    snn_release(made->step);
    snn_release(made->bias);
    snn_release(made->inverse_scale);
    snn_release(made->eta);
    snn_release(made->rest);
    snn_release(made->bits);
    snn_release(made->scratch);
    snn_release(made->counts);
}

/* f(x) [positions][channels] in units of y, of the x in made->x. */
static void evaluate(const snn_kernels *kernels, const snn_population *population, const fine *made, float *values)
{
    const snn_shape shape = population->shape;
    const int64_t positions = snn_shape_positions(shape), outputs = snn_shape_size(shape);
    const snn_neurons neurons = {
        .kind = population->kind,
        .alpha = population->alpha,
        .beta = population->beta,
        .groups = population->groups,
        .input_channels = population->input.channels,
        .real = true,
        .eta = made->eta,
        .step = made->step,
        .inverse_scale = made->inverse_scale,
        .spikes = snn_spikes_of(made->bits, positions, shape.channels, 1, FINE_STEPS),
        .window = population->window,
        .input = population->input,
        .shape = shape,
        .channel_end = shape.channels,
        .window_constants = {.steps = FINE_STEPS,
                             .reach = FINE_REACH,
                             .unit = 1.0F,
                             .rest = made->rest,
                             .bias = made->bias,
                             .bias_stride = 0},
    };
    const snn_tile tile = {.position_end = snn_shape_positions(population->input),
                           .steps = 1,
                           .channel_end = population->input.channels,
                           .accumulator = made->x,
                           .scratch = made->scratch};
    const snn_tile_counts counts = {.spikes = made->counts,
                                    .flips = made->counts + FINE_STEPS,
                                    .channel_spikes = made->counts + 2 * FINE_STEPS,
                                    .channel_beyond = made->counts + 2 * FINE_STEPS + shape.channels};
    kernels->fire_window(&neurons, &tile, &counts);
    for (int64_t i = 0; i < outputs; i++) {
        values[i] = (float)made->rest[i % shape.channels];
    }
    for (int32_t j = 0; j < FINE_STEPS; j++) {
        add_spikes(neurons.spikes, j, made->eta[j], values);
    }
    const double units = FINE_REACH / (double)FINE_SIGMAS * unit_of(population);
    for (int64_t i = 0; i < outputs; i++) {
        values[i] = (float)((double)values[i] / units);
    }
}

snn_status snn_layers_run(snn_layers *layers, const float *pixels)
{
    SNN_TRY(snn_shard_begin_group(layers->shard, 1, pixels, NULL));
    for (int32_t i = 0; i < layers->count; i++) {
        begin_layer(population_of(layers, i), &layers->layers[i]);
    }
    SNN_TRY(layers->network->windows.steps > 0 ? run_windows(layers) : run_synchronous(layers));
    for (int32_t i = 0; i < layers->count; i++) {
        snn_layer *layer = &layers->layers[i];
        const snn_population *population = population_of(layers, i);
        if (is_readout(population)) {
            memcpy(layer->y, snn_shard_logits(layers->shard), (size_t)population->shape.channels * sizeof *layer->y);
            memcpy(layer->f, layer->y, (size_t)population->shape.channels * sizeof *layer->f);
        }
        if (!snn_neuron_spikes(population->kind)) {
            continue;
        }
        fine made;
        snn_status status = fine_init(layers->kernels, population, &made);
        if (!snn_failed(status)) {
            for (int64_t k = 0; k < snn_shape_size(population->input); k++) {
                made.x[k] = (float)layer->x[k];
            }
            evaluate(layers->kernels, population, &made, layer->f);
        }
        fine_clear(&made);
        SNN_TRY(status);
    }
    return snn_ok();
}

static double square(double x)
{
    return x * x;
}

void snn_layers_compare(snn_layers *layers, int32_t layer, const float *trained)
{
    snn_layer *of = &layers->layers[layer];
    const snn_population *population = population_of(layers, layer);
    const int32_t channels = population->shape.channels;
    const bool readout = is_readout(population);
    double middle = 0.0;
    for (int32_t c = 0; c < channels && readout; c++) {
        middle += (double)trained[c] / channels;
    }
    of->known = true;
    memset(of->sums, 0, (size_t)channels * sizeof *of->sums);
    for (int64_t i = 0; i < snn_shape_size(population->shape); i++) {
        const int32_t c = (int32_t)(i % channels);
        if (isnan(trained[i])) {
            continue;
        }
        const double target = readout ? (double)trained[i] : (double)trained[i] / (double)population->scale[c];
        const double y = (double)of->y[i], f = (double)of->f[i];
        of->count++;
        of->counts[c]++;
        of->signal += square(target - middle);
        of->own += square(y - f);
        of->own_magnitude += fabs(y - f);
        of->inherited += square(f - target);
        of->total += square(y - target);
        of->squares[c] += square(y - target);
        of->sums[c] += y - target;
    }
    for (int32_t c = 0; c < channels; c++) {
        of->common += square(of->sums[c] / (double)snn_shape_positions(population->shape));
    }
    if (readout) {
        layers->images++;
        layers->agreeing += snn_index_of_largest(of->y, channels) == snn_index_of_largest(trained, channels);
    }
}

double snn_layer_rms(const snn_layers *layers, int32_t layer, double squares)
{
    const snn_layer *of = &layers->layers[layer];
    return of->count > 0 ? sqrt(squares / (double)of->count) * unit_of(population_of(layers, layer)) : 0.0;
}

double snn_layer_predicted(const snn_layers *layers, int32_t layer)
{
    const snn_layer *of = &layers->layers[layer];
    return of->predictions > 0 ? sqrt(of->predicted / (double)of->predictions) * unit_of(population_of(layers, layer))
                               : 0.0;
}

double snn_layer_common(const snn_layers *layers, int32_t layer)
{
    const snn_population *population = population_of(layers, layer);
    const double positions = (double)snn_shape_positions(population->shape);
    return snn_layer_rms(layers, layer, layers->layers[layer].common * positions);
}

/* ---- predictions ---- */

/* Two numbers of a normal distribution, the same for the same counter. */
static void draw(uint64_t counter, uint32_t layer, double normal[2])
{
    const uint32_t words[SNN_RANDOM_WORDS] = {(uint32_t)counter, (uint32_t)(counter >> 32), layer, 0};
    const uint32_t key[2] = {1, 0};
    const double turn = 6.283185307179586;
    const snn_random_block block = snn_random_philox(words, key);
    const double radius = sqrt(-2.0 * log(1.0 - (double)snn_random_uniform(block.word[0])));
    normal[0] = radius * cos(turn * (double)snn_random_uniform(block.word[1]));
    normal[1] = radius * sin(turn * (double)snn_random_uniform(block.word[1]));
}

/* f at x with errors of these variances (in units of the sums) minus f at x. */
static snn_status predict(const snn_layers *layers, int32_t layer, const double *variance)
{
    snn_layer *of = &layers->layers[layer];
    const snn_population *population = population_of(layers, layer);
    const int64_t inputs = snn_shape_size(population->input), outputs = snn_shape_size(population->shape);
    const int32_t channels = population->input.channels;
    fine made;
    float *values = snn_allocate((size_t)outputs, sizeof *values);
    snn_status status = fine_init(layers->kernels, population, &made);
    if (!snn_failed(status) && values == NULL) {
        status = snn_out_of_memory("values of a layer");
    }
    if (!snn_failed(status)) {
        for (int64_t i = 0; i < inputs; i += 2) {
            double normal[2];
            draw((uint64_t)i + (uint64_t)of->predictions * (uint64_t)inputs, (uint32_t)layer, normal);
            for (int64_t k = i; k < i + 2 && k < inputs; k++) {
                const double deviation = (double)population->step[k % channels] * sqrt(variance[k % channels]);
                made.x[k] = (float)(of->x[k] + deviation * normal[k - i]);
            }
        }
        evaluate(layers->kernels, population, &made, values);
        for (int64_t i = 0; i < outputs; i++) {
            of->predicted += square((double)values[i] - (double)of->f[i]);
        }
        of->predictions += outputs;
    }
    snn_release(values);
    fine_clear(&made);
    return status;
}

/* The logits' own variance, without any draw. */
static void predict_logits(const snn_population *population, const double *variance, snn_layer *layer)
{
    for (int32_t c = 0; c < population->shape.channels; c++) {
        layer->predicted += square((double)population->step[c]) * variance[c];
        layer->predictions++;
    }
}

/* [populations][channels] of the errors that were measured, and what they make of streams and the readout. */
static snn_status find_variances(const snn_layers *layers, double **variance)
{
    const snn_network *network = layers->network;
    for (int32_t p = 0; p < network->population_count; p++) {
        variance[p] = snn_allocate((size_t)network->populations[p].shape.channels, sizeof *variance[p]);
        if (variance[p] == NULL) {
            return snn_out_of_memory("variances");
        }
    }
    for (int32_t i = 0; i < layers->count; i++) {
        const snn_layer *layer = &layers->layers[i];
        for (int32_t c = 0; c < network->populations[layer->place].shape.channels; c++) {
            variance[layer->place][c] = layer->counts[c] > 0 ? layer->squares[c] / (double)layer->counts[c] : 0.0;
        }
    }
    snn_layers_spread(network, variance);
    return snn_ok();
}

snn_status snn_layers_predict(snn_layers *layers)
{
    const snn_network *network = layers->network;
    double **variance = snn_allocate((size_t)network->population_count, sizeof *variance);
    snn_status status = variance == NULL ? snn_out_of_memory("variances") : find_variances(layers, variance);
    for (int32_t i = 0; i < layers->count && !snn_failed(status); i++) {
        const int32_t place = layers->layers[i].place;
        const snn_population *population = &network->populations[place];
        if (is_readout(population)) {
            predict_logits(population, variance[place], &layers->layers[i]);
        } else if (snn_neuron_spikes(population->kind)) {
            status = predict(layers, i, variance[place - 1]);
        }
    }
    for (int32_t p = 0; p < network->population_count && variance != NULL; p++) {
        snn_release(variance[p]);
    }
    snn_release(variance);
    return status;
}
