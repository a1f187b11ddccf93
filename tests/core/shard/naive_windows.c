/* Neurons that fire in windows, one timestep of the whole network at a time: every population and stream is looked at
 * in every timestep, and everything that it depends on is added up anew from what its sources are worth at that time.
 * Without codes, planes, moments or anything else that takes steps together. */
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

/* A population of one image. */
typedef struct layer {
    int32_t start, end; /* timesteps in which it changes: [start, end) */
    int64_t *y;         /* [output]: units, or a stream's sums */
    float *graded;      /* [input]: the image's current; NULL if it gets none */
    float *x, *target;  /* [input], [output]: at the timestep looked at last */
} layer;

typedef struct simulation {
    const snn_network *network;
    int32_t latency, end; /* of the time that is looked at: streams may begin when all neurons are done */
    layer *layers;        /* [populations] */
    int64_t *image;       /* pixels in units of 2^-16 */
} simulation;

static bool is_stream(const snn_network *network, int32_t p)
{
    return p != SNN_SOURCE_INPUT && network->populations[p].kind == SNN_NEURON_STREAM;
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* When everything fires. A stream begins when its first readers do. */
static void find_times(simulation *s, naive_result *result)
{
    const snn_network *network = s->network;
    const int32_t steps = network->windows.steps, delay = network->windows.delay;
    int32_t *depth = must_allocate(network->population_count, sizeof *depth);
    s->latency = steps; /* also of a network without neurons */
    for (int32_t p = 0; p < network->population_count; p++) {
        int32_t sources_end = 0;
        for (int32_t i = 0; i < network->projection_count; i++) {
            const int32_t source = network->projections[i].source;
            if (network->projections[i].target == p && source != SNN_SOURCE_INPUT) {
                depth[p] = larger(depth[p], depth[source] + (is_stream(network, source) ? 0 : 1));
                sources_end = larger(sources_end, s->layers[source].end);
            }
        }
        s->layers[p].start = delay * depth[p];
        s->layers[p].end = s->layers[p].start + steps;
        if (is_stream(network, p)) {
            s->layers[p].end = larger(s->layers[p].start + 1, sources_end);
        } else if (p < network->population_count - 1) {
            s->latency = larger(s->latency, s->layers[p].end);
        }
        s->end = larger(s->end, s->layers[p].end);
        result->planes[p] = s->layers[p].end - s->layers[p].start;
    }
    snn_release(depth);
}

/* The image's current is no integer: nothing is rounded to the shift, which are the weights' fraction bits. */
static int64_t image_sum(const simulation *s, int32_t p, int64_t i, int32_t *shift)
{
    const snn_shape input = s->network->populations[p].input;
    const int64_t position = i / input.channels;
    int64_t sum = 0;
    for (int32_t k = 0; k < s->network->projection_count; k++) {
        snn_projection projection = s->network->projections[k];
        if (projection.target == p && projection.source == SNN_SOURCE_INPUT) {
            *shift = projection.shift;
            projection.shift = 0;
            sum += naive_product(s->network, &projection, s->image, position / input.width, position % input.width,
                                 (int32_t)(i % input.channels));
        }
    }
    return sum;
}

static void begin_image(const simulation *s, const float *pixels)
{
    const snn_network *network = s->network;
    for (int64_t i = 0; i < snn_shape_size(network->input); i++) {
        s->image[i] = naive_pixel(pixels[i]);
    }
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population *population = &network->populations[p];
        const layer *of = &s->layers[p];
        for (int64_t i = 0; of->graded != NULL && i < snn_shape_size(population->input); i++) {
            const float step = population->step[i % population->input.channels];
            int32_t shift = 0;
            const double sum = (double)image_sum(s, p, i, &shift);
            of->graded[i] = network->format == SNN_WEIGHTS_FLOAT32 ? (float)(sum / 65536.0) * step
                                                                   : (float)ldexp(sum * (double)step, -16 - shift);
        }
        for (int64_t i = 0; i < snn_shape_size(population->shape); i++) {
            of->y[i] = population->rest != NULL ? population->rest[i % population->shape.channels] : 0;
        }
    }
}

/* What input element `i` of a population gets at timestep t from all of its sources but the image. The readout alone
 * may look at a stream before its time, and finds nothing; at the last timestep all is there. */
static int64_t sum_of_sources(const simulation *s, int32_t p, int64_t i, int32_t t)
{
    const snn_shape input = s->network->populations[p].input;
    const int64_t position = i / input.channels;
    int64_t sum = 0;
    for (int32_t k = 0; k < s->network->projection_count; k++) {
        const snn_projection *projection = &s->network->projections[k];
        const int32_t source = projection->source;
        const bool early = p == s->network->population_count - 1 && is_stream(s->network, source) &&
                           t < s->layers[source].start && t < s->latency - 1;
        if (projection->target == p && source != SNN_SOURCE_INPUT && !early) {
            sum += naive_product(s->network, projection, s->layers[source].y, position / input.width,
                                 position % input.width, (int32_t)(i % input.channels));
        }
    }
    return sum;
}

static void decode(const simulation *s, int32_t p, int32_t t)
{
    const snn_population *population = &s->network->populations[p];
    const layer *of = &s->layers[p];
    for (int64_t i = 0; i < snn_shape_size(population->input); i++) {
        const int32_t c = (int32_t)(i % population->input.channels);
        const float bias = population->bias[population->bias_positions == 1 ? c : i];
        of->x[i] = bias + population->step[c] * (float)sum_of_sources(s, p, i, t);
        if (of->graded != NULL) {
            of->x[i] = of->x[i] + of->graded[i];
        }
    }
}

/* The image as a whole number of a stream's units. */
static int64_t image_units(const simulation *s, int32_t p, int64_t i)
{
    const snn_population *population = &s->network->populations[p];
    const float step = population->step[i % population->shape.channels];
    const float units = step != 0.0f ? s->layers[p].graded[i] / step : 0.0f;
    if (s->network->format == SNN_WEIGHTS_FLOAT32 && units != rintf(units)) {
        abort(); /* sums would no longer be whole */
    }
    return (int64_t)fminf(fmaxf(rintf(units), -268435456.0f), 268435456.0f);
}

static void add_up_stream(const simulation *s, int32_t p, int32_t t)
{
    const layer *of = &s->layers[p];
    for (int64_t i = 0; i < snn_shape_size(s->network->populations[p].shape); i++) {
        of->y[i] = sum_of_sources(s, p, i, t) + (of->graded != NULL ? image_units(s, p, i) : 0);
    }
}

static void fire(const simulation *s, int32_t p, int32_t step, uint8_t *spikes, const uint8_t *previous,
                 const snn_population_counts *counts)
{
    const snn_population *population = &s->network->populations[p];
    const layer *of = &s->layers[p];
    const int32_t magnitude = s->network->windows.magnitude[step];
    const int32_t channels = population->shape.channels;
    for (int64_t i = 0; i < snn_shape_size(population->shape); i++) {
        const int32_t c = (int32_t)(i % channels);
        const float target = naive_activation(population, of->x, i / channels, c) * (1.0f / population->scale[c]);
        const float before = (float)of->y[i];
        const bool fires = naive_is_strict(population->kind) ? target < before : target <= before;
        of->target[i] = target;
        of->y[i] += fires ? -magnitude : magnitude;
        spikes[i] = fires;
        const float error = fabsf((float)of->y[i] - target) * population->unit;
        if (naive_is_tracked(i / channels, population->shape)) {
            counts->error[step] += lrintf((error < 127.0f ? error : 127.0f) * 65536.0f);
        }
        counts->spikes[step] += fires;
        counts->channel_spikes[c] += fires;
        counts->flips[step] += step > 0 && previous[i] != fires;
    }
}

/* Neurons whose target no sum of steps comes near. */
static void count_beyond(const simulation *s, int32_t p, const snn_population_counts *counts)
{
    const snn_population *population = &s->network->populations[p];
    int32_t reach = 0;
    for (int32_t j = 0; j < s->network->windows.steps; j++) {
        reach += s->network->windows.magnitude[j];
    }
    for (int64_t i = 0; i < snn_shape_size(population->shape); i++) {
        const int32_t c = (int32_t)(i % population->shape.channels);
        counts->channel_beyond[c] += fabsf(s->layers[p].target[i] - (float)population->rest[c]) > (float)(reach + 1);
    }
}

static void run_population(const simulation *s, int32_t p, int32_t t, naive_result *result, int32_t image)
{
    const layer *of = &s->layers[p];
    const int64_t size = snn_shape_size(s->network->populations[p].shape);
    const int64_t at = ((int64_t)(t - of->start) * result->images + image) * size;
    const snn_population_counts counts = snn_statistics_population(result->statistics, s->network, p);
    const bool now = t >= of->start && t < of->end;
    if (is_stream(s->network, p)) {
        add_up_stream(s, p, t);
        if (now) {
            memcpy(result->sums[p] + at, of->y, (size_t)size * sizeof *of->y);
        }
    } else if (now) {
        uint8_t *spikes = result->spikes[p] + at;
        decode(s, p, t);
        fire(s, p, t - of->start, spikes, t > of->start ? spikes - result->images * size : NULL, &counts);
        if (t == of->end - 1) {
            count_beyond(s, p, &counts);
        }
    }
}

static void run_image(const simulation *s, naive_result *result, int32_t image)
{
    const snn_network *network = s->network;
    const int32_t readout = network->population_count - 1;
    const float *logits = s->layers[readout].x;
    for (int32_t t = 0; t < larger(s->end, result->latency); t++) {
        for (int32_t p = 0; p < readout; p++) {
            run_population(s, p, t, result, image);
        }
        if (t >= result->latency) {
            continue; /* nobody looks any more */
        }
        decode(s, readout, t);
        int32_t best = 0;
        for (int32_t c = 1; c < network->classes; c++) {
            best = logits[c] > logits[best] ? c : best;
        }
        result->predictions[(int64_t)image * result->latency + t] = best;
        memcpy(result->logits + (int64_t)image * network->classes, logits, (size_t)network->classes * sizeof *logits);
    }
}

naive_result naive_windows_run(const snn_network *network, const float *pixels, int32_t images, int32_t latency)
{
    const int32_t populations = network->population_count, steps = network->windows.steps;
    naive_result result = {.timesteps = steps,
                           .images = images,
                           .spikes = must_allocate(populations, sizeof(uint8_t *)),
                           .sums = must_allocate(populations, sizeof(int64_t *)),
                           .planes = must_allocate(populations, sizeof(int32_t)),
                           .logits = must_allocate((int64_t)images * network->classes, sizeof(float))};
    simulation s = {.network = network,
                    .layers = must_allocate(populations, sizeof(layer)),
                    .image = must_allocate(snn_shape_size(network->input), sizeof(int64_t))};
    if (snn_failed(snn_statistics_create(network, steps, &result.statistics))) {
        abort();
    }
    find_times(&s, &result);
    result.latency = latency > 0 ? latency : s.latency;
    result.predictions = must_allocate((int64_t)images * result.latency, sizeof(int32_t));
    for (int32_t p = 0; p < populations; p++) {
        const int64_t inputs = snn_shape_size(network->populations[p].input);
        const int64_t outputs = snn_shape_size(network->populations[p].shape);
        layer *of = &s.layers[p];
        of->y = must_allocate(outputs, sizeof *of->y);
        of->x = must_allocate(inputs, sizeof *of->x);
        of->target = must_allocate(outputs, sizeof *of->target);
        result.sums[p] = must_allocate(outputs * result.planes[p] * images, sizeof(int64_t));
        result.spikes[p] = must_allocate(outputs * steps * images, 1);
    }
    for (int32_t i = 0; i < network->projection_count; i++) {
        const int32_t p = network->projections[i].target;
        if (network->projections[i].source == SNN_SOURCE_INPUT && s.layers[p].graded == NULL) {
            s.layers[p].graded = must_allocate(snn_shape_size(network->populations[p].input), sizeof(float));
        }
    }
    for (int32_t image = 0; image < images; image++) {
        begin_image(&s, pixels + image * snn_shape_size(network->input));
        run_image(&s, &result, image);
    }
    for (int32_t p = 0; p < populations; p++) {
        snn_release(s.layers[p].y);
        snn_release(s.layers[p].x);
        snn_release(s.layers[p].target);
        snn_release(s.layers[p].graded);
    }
    snn_release(s.layers);
    snn_release(s.image);
    return result;
}
