/* The subgradient dynamics neuron by neuron, with spikes as 0 and 1 from the start. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "tests/core/shard/naive.h"
#include "tests/core/shard/naive_sample.h"

static void *must_allocate(int64_t count, size_t size)
{
    void *pointer = snn_allocate((size_t)count, size);
    if (pointer == NULL) {
        abort();
    }
    return pointer;
}

/* One population's state for one image. */
typedef struct layer {
    float *drive, *x, *y, *x_velocity, *y_velocity;
    int64_t *spikes; /* of this step */
} layer;

typedef struct simulation {
    const snn_network *network;
    snn_encoding encoding;
    const float *eta;
    float momentum;
    layer *layers;
    int64_t *image;
} simulation;

static bool reads_image(const snn_network *network, int32_t p)
{
    for (int32_t i = 0; i < network->projection_count; i++) {
        if (network->projections[i].target == p && network->projections[i].source == SNN_SOURCE_INPUT) {
            return true;
        }
    }
    return false;
}

static int64_t input_sum(const simulation *s, int32_t p, int64_t i, bool image)
{
    const snn_shape input = s->network->populations[p].input;
    const int64_t position = i / input.channels;
    int64_t sum = 0;
    for (int32_t n = 0; n < s->network->projection_count; n++) {
        const snn_projection *projection = &s->network->projections[n];
        if (projection->target == p && (projection->source == SNN_SOURCE_INPUT) == image) {
            sum += naive_product(s->network, projection, image ? s->image : s->layers[projection->source].spikes,
                                 position / input.width, position % input.width, (int32_t)(i % input.channels));
        }
    }
    return sum;
}

static void begin_image(const simulation *s, const float *pixels)
{
    for (int64_t i = 0; i < snn_shape_size(s->network->input); i++) {
        s->image[i] = naive_pixel(pixels[i]);
    }
    for (int32_t p = 0; p < s->network->population_count; p++) {
        const snn_population *population = &s->network->populations[p];
        const layer *l = &s->layers[p];
        for (int64_t i = 0; i < snn_shape_size(population->input); i++) {
            const int64_t c = i % population->input.channels;
            const float bias = population->bias[population->bias_positions == 1 ? c : i];
            l->drive[i] = l->x[i] = bias;
            l->y[i] = l->x_velocity[i] = l->y_velocity[i] = 0.0f;
            if (reads_image(s->network, p)) {
                const double sum = (double)input_sum(s, p, i, true);
                const float graded = s->network->format == SNN_WEIGHTS_FLOAT32
                                         ? (float)(sum / 65536.0) * population->step[c]
                                         : (float)(sum * (double)population->step[c] / 65536.0);
                l->drive[i] = graded + bias;
                l->x[i] = s->encoding == SNN_ENCODING_DIRECT ? l->drive[i] : bias;
            }
        }
    }
}

static void step_population(const simulation *s, int32_t p, int32_t t, const uint8_t *previous, uint8_t *spikes,
                            const snn_population_counts *counts)
{
    const snn_population *population = &s->network->populations[p];
    const layer *l = &s->layers[p];
    const float eta = s->eta[t];
    for (int64_t i = 0; i < snn_shape_size(population->shape); i++) {
        const int64_t c = i % population->shape.channels;
        const float current = l->drive[i] + population->step[c] * (float)input_sum(s, p, i, false);
        l->x_velocity[i] = s->momentum * l->x_velocity[i] + (l->x[i] - current);
        l->x[i] = l->x[i] - eta * l->x_velocity[i];
        if (population->kind == SNN_NEURON_READOUT) {
            continue;
        }
        const float scaled = l->x[i] * (1.0f / population->scale[c]);
        l->y_velocity[i] = s->momentum * l->y_velocity[i] + l->y[i];
        const float rest = l->y[i] - eta * l->y_velocity[i];
        const bool fires = scaled > rest;
        l->y[i] = rest + (fires ? eta : 0.0f);
        l->y_velocity[i] -= fires ? 1.0f : 0.0f;
        l->spikes[i] = spikes[i] = fires;
        const float error = fabsf(l->y[i] - fmaxf(scaled, 0.0f));
        if (naive_is_tracked(i / population->shape.channels, population->shape)) {
            counts->error[t] += lrintf(fminf(error, 127.0f) * 65536.0f);
        }
        counts->spikes[t] += fires;
        counts->channel_spikes[c] += fires;
        counts->flips[t] += t > 0 && previous[i] != spikes[i];
    }
}

static void run_image(const simulation *s, naive_result *result, int32_t image)
{
    const snn_network *network = s->network;
    const int32_t last = network->population_count - 1;
    const float *logits = s->layers[last].x;
    for (int32_t t = 0; t < result->timesteps; t++) {
        for (int32_t p = 0; p < network->population_count; p++) {
            const int64_t size = snn_shape_size(network->populations[p].shape);
            uint8_t *spikes = result->spikes[p] + ((int64_t)t * result->images + image) * size;
            const snn_population_counts counts = snn_statistics_population(result->statistics, network, p);
            step_population(s, p, t, t > 0 ? spikes - result->images * size : NULL, spikes, &counts);
        }
        int32_t best = 0;
        for (int32_t c = 1; c < network->classes; c++) {
            best = logits[c] > logits[best] ? c : best;
        }
        result->predictions[(int64_t)image * result->timesteps + t] = best;
    }
    memcpy(result->logits + (int64_t)image * network->classes, logits, (size_t)network->classes * sizeof(float));
}

naive_result naive_baseline_run(const snn_network *network, snn_encoding encoding, const float *eta, float momentum,
                                int32_t timesteps, const float *pixels, int32_t images)
{
    const int32_t populations = network->population_count;
    naive_result result = {.timesteps = timesteps,
                           .images = images,
                           .latency = timesteps,
                           .spikes = must_allocate(populations, sizeof(uint8_t *)),
                           .sums = must_allocate(populations, sizeof(int64_t *)), /* no streams */
                           .predictions = must_allocate((int64_t)images * timesteps, sizeof(int32_t)),
                           .logits = must_allocate((int64_t)images * network->classes, sizeof(float))};
    const simulation s = {network,
                          encoding,
                          eta,
                          momentum,
                          must_allocate(populations, sizeof(layer)),
                          must_allocate(snn_shape_size(network->input), sizeof(int64_t))};
    if (snn_failed(snn_statistics_create(network, timesteps, &result.statistics))) {
        abort();
    }
    for (int32_t p = 0; p < populations; p++) {
        const int64_t size = snn_shape_size(network->populations[p].shape);
        s.layers[p] = (layer){must_allocate(size, sizeof(float)), must_allocate(size, sizeof(float)),
                              must_allocate(size, sizeof(float)), must_allocate(size, sizeof(float)),
                              must_allocate(size, sizeof(float)), must_allocate(size, sizeof(int64_t))};
        result.spikes[p] = must_allocate(size * timesteps * images, 1);
    }
    for (int32_t image = 0; image < images; image++) {
        begin_image(&s, pixels + image * snn_shape_size(network->input));
        run_image(&s, &result, image);
    }
    for (int32_t p = 0; p < populations; p++) {
        snn_release(s.layers[p].drive);
        snn_release(s.layers[p].x);
        snn_release(s.layers[p].y);
        snn_release(s.layers[p].x_velocity);
        snn_release(s.layers[p].y_velocity);
        snn_release(s.layers[p].spikes);
    }
    snn_release(s.layers);
    snn_release(s.image);
    return result;
}
