#include "tests/core/shard/naive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/dynamics/random.h"
#include "core/kernels/unary.h"
#include "tests/core/shard/naive_nary.h"
#include "tests/core/shard/naive_sample.h"

static void *must_allocate(int64_t count, size_t size)
{
    void *pointer = snn_allocate((size_t)count, size);
    if (pointer == NULL) {
        abort();
    }
    return pointer;
}

/* Row and column that tap (i, j) of a window reaches from output (row, column). */
static int64_t reach(const snn_window *window, int axis, int64_t output, int32_t tap)
{
    return output * window->stride[axis] - window->pad_begin[axis] + (int64_t)tap * window->dilation[axis];
}

/* One element of the pooled, selected source; 0 outside. `source` [positions][channels], whole numbers. */
static int64_t source_value(const snn_operator *op, const int64_t *source, int64_t row, int64_t column, int32_t channel)
{
    const snn_window single = {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    const snn_window *pool = op->pooled ? &op->pool : &single;
    const snn_shape pooled = snn_operator_pooled_shape(op);
    int64_t sum = 0;
    if (row < 0 || row >= pooled.height || column < 0 || column >= pooled.width) {
        return 0;
    }
    for (int32_t i = 0; i < pool->kernel[0]; i++) {
        for (int32_t j = 0; j < pool->kernel[1]; j++) {
            int64_t y = reach(pool, 0, row, i), x = reach(pool, 1, column, j);
            if (y >= 0 && y < op->source.height && x >= 0 && x < op->source.width) {
                sum += source[(y * op->source.width + x) * op->source.channels + op->source_channel + channel];
            }
        }
    }
    return sum;
}

static int64_t weight(const snn_network *network, const snn_projection *projection, int64_t number)
{
    if (network->format == SNN_WEIGHTS_FLOAT32) {
        return (int64_t)((const float *)projection->weights)[number]; /* samples have whole numbers */
    }
    if (projection->op.kind == SNN_OPERATOR_CONVOLUTION || projection->op.kind == SNN_OPERATOR_DENSE) {
        return ((const int16_t *)projection->weights)[number];
    }
    return ((const int32_t *)projection->weights)[number];
}

/* What a projection adds to one neuron of its target. */
/* sum / 2^shift, a half upwards */
static int64_t rounded(int64_t sum, int32_t shift)
{
    return (int64_t)floor(ldexp((double)sum, -shift) + (shift > 0 ? 0.5 : 0.0));
}

int64_t naive_product(const snn_network *network, const snn_projection *projection, const int64_t *source, int64_t row,
                      int64_t column, int32_t channel)
{
    const snn_operator *op = &projection->op;
    const snn_shape pooled = snn_operator_pooled_shape(op);
    const int64_t target = channel - op->target_channel;
    int64_t sum = 0, number;
    if (target < 0 || target >= op->target_channels) {
        return 0;
    }
    switch (op->kind) {
    case SNN_OPERATOR_CONVOLUTION: {
        const int32_t sources = op->source_channels / op->groups, targets = op->target_channels / op->groups;
        number = target * op->window.kernel[0] * op->window.kernel[1] * sources;
        for (int32_t i = 0; i < op->window.kernel[0]; i++) {
            for (int32_t j = 0; j < op->window.kernel[1]; j++) {
                for (int32_t c = 0; c < sources; c++) {
                    sum += weight(network, projection, number++) *
                           source_value(op, source, reach(&op->window, 0, row, i), reach(&op->window, 1, column, j),
                                        (int32_t)(target / targets) * sources + c);
                }
            }
        }
        sum = rounded(sum, projection->shift);
        break;
    }
    case SNN_OPERATOR_DENSE:
        number = target * snn_shape_size(pooled);
        for (int32_t y = 0; y < pooled.height; y++) {
            for (int32_t x = 0; x < pooled.width; x++) {
                for (int32_t c = 0; c < pooled.channels; c++) {
                    sum += weight(network, projection, number++) * source_value(op, source, y, x, c);
                }
            }
        }
        sum = rounded(sum, projection->shift);
        break;
    case SNN_OPERATOR_DIAGONAL:
        sum = weight(network, projection, target) * source_value(op, source, row, column, (int32_t)target);
        sum = rounded(sum, projection->shift);
        break;
    case SNN_OPERATOR_TOKENS:
        for (int32_t y = 0; y < pooled.height; y++) {
            for (int32_t x = 0; x < pooled.width; x++) {
                number = (row * op->target.width + column) * snn_shape_positions(pooled) + y * pooled.width + x;
                sum += (network->format == SNN_WEIGHTS_FLOAT32 ? (int64_t)((const float *)projection->mixing)[number]
                                                               : ((const int16_t *)projection->mixing)[number]) *
                       source_value(op, source, y, x, (int32_t)target);
            }
        }
        sum = rounded(sum, projection->shift) * weight(network, projection, target);
        if (network->format != SNN_WEIGHTS_FLOAT32) { /* 16 fraction bits, a half upwards */
            sum = (int64_t)floor((double)sum / 65536.0 + 0.5);
        }
        break;
    case SNN_OPERATOR_GATHER: {
        number = target * snn_shape_positions(op->target) + row * op->target.width + column;
        const int32_t element = projection->index[number];
        if (element >= 0) {
            const int32_t position = element / pooled.channels;
            sum = weight(network, projection, number) *
                  source_value(op, source, position / pooled.width, position % pooled.width, element % pooled.channels);
        }
        sum = rounded(sum, projection->shift);
        break;
    }
    case SNN_OPERATOR_KIND_COUNT:
        break;
    }
    const bool stream =
        projection->source != SNN_SOURCE_INPUT && network->populations[projection->source].kind == SNN_NEURON_STREAM;
    const bool exact = op->kind == SNN_OPERATOR_DIAGONAL && projection->shift == 0;
    if (stream && !exact && network->format != SNN_WEIGHTS_FLOAT32) {
        sum = sum > 8388608 ? 8388608 : sum < -8388608 ? -8388608 : sum;
    }
    return sum;
}

int64_t naive_pixel(float pixel)
{
    return llrint(fmin(fmax((double)pixel * 65536.0, -INT32_MAX), INT32_MAX));
}

/* State of one image. */
typedef struct simulation {
    const snn_network *network;
    const float *eta;
    float *increments;
    snn_encoding encoding;
    int64_t *image; /* pixels in units of 2^-16, or spikes */
    const float *pixels;
    float *encoder;    /* y_in of the deterministic encoding */
    float **x, **y;    /* [populations] */
    float **graded;    /* [populations]: what x gains per unit of the input's coefficient */
    bool *has_graded;  /* [populations] */
    float coefficient; /* of the graded image: what the increments add up to */
    int64_t **values;  /* [populations]: +1 and -1 of this step, sums of streams */
} simulation;

static void load_image(simulation *s)
{
    for (int64_t i = 0; i < snn_shape_size(s->network->input); i++) {
        s->image[i] = naive_pixel(s->pixels[i]);
        s->encoder[i] = 0.0f;
    }
}

static int64_t input_sum(const simulation *s, int32_t p, int64_t row, int64_t column, int32_t channel, bool image)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < s->network->projection_count; i++) {
        const snn_projection *projection = &s->network->projections[i];
        if (projection->target == p && (projection->source == SNN_SOURCE_INPUT) == image) {
            const int64_t *source = image ? s->image : s->values[projection->source];
            sum += naive_product(s->network, projection, source, row, column, channel);
        }
    }
    return sum;
}

static void begin_image(simulation *s)
{
    const snn_network *network = s->network;
    load_image(s);
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population *population = &network->populations[p];
        const snn_shape input = population->input;
        for (int32_t row = 0; row < input.height; row++) {
            for (int32_t column = 0; column < input.width; column++) {
                for (int32_t c = 0; c < input.channels; c++) {
                    const int64_t position = (int64_t)row * input.width + column;
                    const int64_t i = position * input.channels + c;
                    s->x[p][i] = population->bias[population->bias_positions == 1 ? c : i];
                    if (snn_encoding_is_graded(s->encoding)) {
                        const int64_t sum = input_sum(s, p, row, column, c, true);
                        /* Float weights: the samples' sums are exact in float, so are these in double. */
                        s->graded[p][i] = network->format == SNN_WEIGHTS_FLOAT32
                                              ? (float)((double)sum / 65536.0) * population->step[c]
                                              : (float)((double)sum * (double)population->step[c] / 65536.0);
                    }
                }
            }
        }
        memset(s->y[p], 0, (size_t)snn_shape_size(population->shape) * sizeof(float));
        s->has_graded[p] = false;
        for (int32_t i = 0; i < network->projection_count; i++) {
            s->has_graded[p] |= network->projections[i].target == p &&
                                network->projections[i].source == SNN_SOURCE_INPUT &&
                                snn_encoding_is_graded(s->encoding);
        }
    }
}

static void update_inputs(simulation *s, int32_t p, int32_t t)
{
    const snn_population *population = &s->network->populations[p];
    const snn_shape input = population->input;
    for (int32_t row = 0; row < input.height; row++) {
        for (int32_t column = 0; column < input.width; column++) {
            for (int32_t c = 0; c < input.channels; c++) {
                const int64_t i = ((int64_t)row * input.width + column) * input.channels + c;
                int64_t sum = input_sum(s, p, row, column, c, false);
                if (!snn_encoding_is_graded(s->encoding)) {
                    sum += input_sum(s, p, row, column, c, true);
                }
                float x = s->x[p][i];
                x = x - (s->eta[t] * population->step[c]) * (float)sum;
                if (s->has_graded[p]) {
                    x = x + s->increments[t] * s->graded[p][i];
                }
                s->x[p][i] = x;
            }
        }
    }
}

/* Sums of a stream, and the graded image as whole numbers; x holds what they add up to. */
static void run_stream(simulation *s, int32_t p, int32_t t)
{
    const snn_population *population = &s->network->populations[p];
    const snn_shape shape = population->shape;
    for (int64_t i = 0; i < snn_shape_size(shape); i++) {
        const int32_t c = (int32_t)(i % shape.channels);
        const int64_t position = i / shape.channels;
        int64_t sum = input_sum(s, p, position / shape.width, position % shape.width, c, false);
        if (!snn_encoding_is_graded(s->encoding)) {
            sum += input_sum(s, p, position / shape.width, position % shape.width, c, true);
        }
        if (s->has_graded[p]) {
            const float unit = s->eta[t] * population->step[c];
            const float wanted = rintf((s->coefficient * s->graded[p][i] - s->x[p][i]) / -unit);
            const float sent = fminf(fmaxf(wanted, -4194304.0f), 4194304.0f);
            s->x[p][i] = s->x[p][i] - unit * sent;
            sum += (int64_t)sent;
        }
        s->values[p][i] = sum;
    }
}

float naive_activation(const snn_population *population, const float *x, int64_t position, int32_t channel)
{
    const snn_shape input = population->input;
    const int32_t width = population->shape.width;
    if (population->kind == SNN_NEURON_MAXIMUM) {
        float largest = -INFINITY;
        for (int32_t i = 0; i < population->window.kernel[0]; i++) {
            for (int32_t j = 0; j < population->window.kernel[1]; j++) {
                int64_t r = reach(&population->window, 0, position / width, i);
                int64_t c = reach(&population->window, 1, position % width, j);
                if (r >= 0 && r < input.height && c >= 0 && c < input.width) {
                    float tap = x[(r * input.width + c) * input.channels + channel];
                    largest = tap > largest ? tap : largest;
                }
            }
        }
        return largest;
    }
    if (snn_neuron_reads_all_channels(population->kind)) {
        return naive_nary(population, x, position, channel);
    }
    return snn_function_evaluate(population->kind, population->alpha, population->beta,
                                 x[position * input.channels + channel]);
}

bool naive_is_strict(snn_neuron_kind kind)
{
    return kind == SNN_NEURON_LEAKY_RELU || kind == SNN_NEURON_GELU || kind == SNN_NEURON_GELU_TANH;
}

static void fire(simulation *s, int32_t p, int32_t t, uint8_t *spikes, const uint8_t *previous,
                 const snn_population_counts *counts)
{
    const snn_population *population = &s->network->populations[p];
    const snn_shape shape = population->shape;
    for (int64_t i = 0; i < snn_shape_size(shape); i++) {
        const int32_t c = (int32_t)(i % shape.channels);
        const int64_t position = i / shape.channels;
        const float target = naive_activation(population, s->x[p], position, c) * (1.0f / population->scale[c]);
        float y = s->y[p][i];
        const bool fires = naive_is_strict(population->kind) ? target < y : target <= y;
        y = fires ? y - s->eta[t] : y + s->eta[t];
        s->y[p][i] = y;
        spikes[i] = fires;
        s->values[p][i] = fires ? 1 : -1;
        const float error = fabsf(y - target);
        if (naive_is_tracked(position, shape)) {
            counts->error[t] += lrintf((error < 127.0f ? error : 127.0f) * 65536.0f);
        }
        counts->spikes[t] += fires;
        counts->channel_spikes[c] += fires;
        counts->flips[t] += t > 0 && previous[i] != spikes[i];
    }
}

/* Channels with |y| a tenth or two last steps above 1 at the end, y decoded from the spikes. */
static void count_beyond(const simulation *s, naive_result *result, int32_t image)
{
    const float limit = 1.0f + fmaxf(2.0f * s->eta[result->timesteps - 1], 0.1f);
    for (int32_t p = 0; p < s->network->population_count - 1; p++) {
        const snn_shape shape = s->network->populations[p].shape;
        const int64_t size = snn_shape_size(shape);
        const snn_population_counts counts = snn_statistics_population(result->statistics, s->network, p);
        for (int64_t i = 0; s->network->populations[p].kind != SNN_NEURON_STREAM && i < size; i++) {
            float y = 0.0f;
            for (int32_t t = 0; t < result->timesteps; t++) {
                const bool fires = result->spikes[p][((int64_t)t * result->images + image) * size + i] != 0;
                y = fires ? y - s->eta[t] : y + s->eta[t];
            }
            counts.channel_beyond[i % shape.channels] += y > limit || y < -limit;
        }
    }
}

static bool input_fires(const simulation *s, int32_t image, int32_t t, uint32_t i)
{
    const uint64_t number = (uint64_t)naive_image_number(image);
    const uint32_t key[2] = {NAIVE_SEED, 0};
    const uint32_t counter[4] = {(uint32_t)number, (uint32_t)(number >> 32), i, (uint32_t)t / 4};
    if (s->encoding == SNN_ENCODING_DETERMINISTIC) {
        return s->encoder[i] >= s->pixels[i];
    }
    const float draw = snn_random_uniform(snn_random_philox(counter, key).word[t % 4]);
    return draw < snn_function_sigmoid(s->encoder[i] - s->pixels[i]);
}

static void run_image(simulation *s, naive_result *result, int32_t image)
{
    const snn_network *network = s->network;
    const int32_t last = network->population_count - 1;
    begin_image(s);
    s->coefficient = 0.0f;
    for (int32_t t = 0; t < result->timesteps; t++) {
        for (int64_t i = 0; !snn_encoding_is_graded(s->encoding) && i < snn_shape_size(network->input); i++) {
            const int sign = input_fires(s, image, t, (uint32_t)i) ? 1 : -1;
            s->encoder[i] = s->encoder[i] - s->eta[t] * (float)sign;
            s->image[i] = sign;
        }
        s->coefficient = s->coefficient + s->increments[t];
        for (int32_t p = 0; p < last; p++) {
            const int64_t size = snn_shape_size(network->populations[p].shape);
            if (network->populations[p].kind == SNN_NEURON_STREAM) {
                run_stream(s, p, t);
                memcpy(result->sums[p] + ((int64_t)t * result->images + image) * size, s->values[p],
                       (size_t)size * sizeof(int64_t));
                continue;
            }
            uint8_t *spikes = result->spikes[p] + ((int64_t)t * result->images + image) * size;
            const snn_population_counts counts = snn_statistics_population(result->statistics, network, p);
            update_inputs(s, p, t);
            fire(s, p, t, spikes, t > 0 ? spikes - result->images * size : NULL, &counts);
        }
        update_inputs(s, last, t);
        int32_t best = 0;
        for (int32_t c = 1; c < network->classes; c++) {
            best = s->x[last][c] > s->x[last][best] ? c : best;
        }
        result->predictions[(int64_t)image * result->timesteps + t] = best;
    }
    count_beyond(s, result, image);
    memcpy(result->logits + (int64_t)image * network->classes, s->x[last], (size_t)network->classes * sizeof(float));
}

naive_result naive_run(const snn_network *network, snn_encoding encoding, const float *eta, int32_t timesteps,
                       const float *pixels, int32_t images)
{
    const int32_t populations = network->population_count;
    naive_result result = {.timesteps = timesteps,
                           .images = images,
                           .latency = timesteps,
                           .spikes = must_allocate(populations, sizeof(uint8_t *)),
                           .sums = must_allocate(populations, sizeof(int64_t *)),
                           .predictions = must_allocate((int64_t)images * timesteps, sizeof(int32_t)),
                           .logits = must_allocate((int64_t)images * network->classes, sizeof(float))};
    simulation s = {.network = network,
                    .eta = eta,
                    .increments = must_allocate(timesteps, sizeof(float)),
                    .encoding = encoding,
                    .image = must_allocate(snn_shape_size(network->input), sizeof(int64_t)),
                    .encoder = must_allocate(snn_shape_size(network->input), sizeof(float)),
                    .x = must_allocate(populations, sizeof(float *)),
                    .y = must_allocate(populations, sizeof(float *)),
                    .graded = must_allocate(populations, sizeof(float *)),
                    .has_graded = must_allocate(populations, sizeof(bool)),
                    .values = must_allocate(populations, sizeof(int64_t *))};
    if (snn_failed(snn_statistics_create(network, timesteps, &result.statistics))) {
        abort();
    }
    snn_encoding_increments(encoding, eta, timesteps, s.increments);
    for (int32_t p = 0; p < populations; p++) {
        const int64_t inputs = snn_shape_size(network->populations[p].input);
        const int64_t outputs = snn_shape_size(network->populations[p].shape);
        s.x[p] = must_allocate(inputs, sizeof(float));
        s.y[p] = must_allocate(outputs, sizeof(float));
        s.graded[p] = must_allocate(inputs, sizeof(float));
        s.values[p] = must_allocate(outputs, sizeof(int64_t));
        result.sums[p] = must_allocate(outputs * timesteps * images, sizeof(int64_t));
        result.spikes[p] = must_allocate(outputs * timesteps * images, 1);
    }
    for (int32_t image = 0; image < images; image++) {
        s.pixels = pixels + image * snn_shape_size(network->input);
        run_image(&s, &result, image);
    }
    for (int32_t p = 0; p < populations; p++) {
        snn_release(s.x[p]);
        snn_release(s.y[p]);
        snn_release(s.graded[p]);
        snn_release(s.values[p]);
    }
    snn_release(s.x);
    snn_release(s.y);
    snn_release(s.graded);
    snn_release(s.has_graded);
    snn_release(s.values);
    snn_release(s.increments);
    snn_release(s.image);
    snn_release(s.encoder);
    return result;
}

void naive_clear(naive_result *result, const snn_network *network)
{
    for (int32_t p = 0; p < network->population_count; p++) {
        snn_release(result->spikes[p]);
        snn_release(result->sums[p]);
    }
    snn_release(result->spikes);
    snn_release(result->sums);
    snn_release(result->planes);
    snn_release(result->predictions);
    snn_release(result->logits);
    snn_statistics_destroy(result->statistics);
}
