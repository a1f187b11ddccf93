#include "core/shard/shard_private.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "core/base/memory.h"

/* Graded inputs are rounded to fixed point, so that their products are integer sums and exact in any order. */
enum { PIXEL_FRACTION_BITS = 16 };

static const double pixel_unit = 1.0 / (1 << PIXEL_FRACTION_BITS);

static int64_t graded_rows(const snn_graded_product *product)
{
    return product->row_end - product->row_begin;
}

/* Weights of the rows, transposed: channels innermost, as the sums are. */
static void transpose_rows(const snn_shard *shard, const snn_projection *projection, snn_graded_product *product)
{
    const int64_t length = snn_operator_row_length(&projection->op);
    const int64_t rows = graded_rows(product);
    const bool narrow = snn_weight_bytes(shard->network->format, projection->op.kind) == (int64_t)sizeof(int16_t);
    for (int64_t row = 0; row < rows; row++) {
        int64_t from = (row + product->row_begin - projection->row_begin) * length;
        for (int64_t tap = 0; tap < length; tap++) {
            int64_t to = tap * rows + row;
            if (shard->real) {
                ((float *)product->weights)[to] = ((const float *)projection->weights)[from + tap];
            } else if (narrow) {
                ((int32_t *)product->weights)[to] = ((const int16_t *)projection->weights)[from + tap];
            } else {
                ((int32_t *)product->weights)[to] = ((const int32_t *)projection->weights)[from + tap];
            }
            if (product->index != NULL) {
                product->index[to] = projection->index[from + tap];
            }
        }
    }
}

snn_status snn_graded_product_init(const snn_shard *shard, const snn_projection *projection, snn_channel_range rows,
                                   snn_graded_product *product)
{
    const snn_operator *op = &projection->op;
    product->op = op;
    product->shift = projection->shift;
    product->row_begin = rows.begin;
    product->row_end = rows.end;
    product->pooled = snn_operator_pooled_shape(op);
    const size_t count = (size_t)snn_operator_row_length(op) * (size_t)graded_rows(product);
    product->weights = snn_allocate(count, sizeof(int32_t)); /* float has the same size */
    product->pixels = snn_allocate((size_t)shard->capacity * (size_t)snn_shape_size(product->pooled), sizeof(int64_t));
    product->largest = snn_allocate((size_t)shard->capacity, sizeof *product->largest);
    bool complete = product->weights != NULL && product->pixels != NULL && product->largest != NULL;
    if (op->kind == SNN_OPERATOR_GATHER) {
        product->index = snn_allocate(count, sizeof *product->index);
        complete = complete && product->index != NULL;
    }
    if (!complete) {
        return snn_out_of_memory("weights of the image");
    }
    transpose_rows(shard, projection, product);
    return snn_graded_exact_init(shard, product);
}

void snn_graded_product_clear(snn_graded_product *product)
{
    snn_release(product->weights);
    snn_release(product->index);
    snn_release(product->pixels);
    snn_release(product->largest);
    snn_release(product->exact);
}

int64_t snn_graded_product_bytes(const snn_graded_product *product, const snn_shard *shard, bool weights)
{
    if (!weights) {
        return shard->capacity * snn_shape_size(product->pooled) * (int64_t)sizeof(int64_t);
    }
    int64_t count = snn_operator_row_length(product->op) * graded_rows(product);
    const int64_t again = product->exact != NULL ? count * (int64_t)sizeof *product->exact : 0;
    return count * (int64_t)sizeof(int32_t) * (product->index != NULL ? 2 : 1) + again;
}

int64_t snn_graded_sums_bytes(int32_t channels)
{
    return channels * (int64_t)sizeof(int64_t);
}

static int64_t quantise(float pixel)
{
    const double limit = INT32_MAX;
    double scaled = (double)pixel * (1 << PIXEL_FRACTION_BITS);
    scaled = scaled < limit ? scaled : limit; /* a NaN becomes the limit: the same everywhere */
    scaled = scaled > -limit ? scaled : -limit;
    return llrint(scaled);
}

/* One element of the pooled source: the sum over its window of the image's pixels. */
static void pool_element(const snn_graded_product *product, bool real, const float *image, int32_t row, int32_t column,
                         int32_t channel, void *result)
{
    static const snn_window single = {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    const snn_operator *op = product->op;
    const snn_window *window = op->pooled ? &op->pool : &single;
    int64_t sum = 0;
    float real_sum = 0.0f;
    for (int32_t i = 0; i < window->kernel[0]; i++) {
        int64_t y = (int64_t)row * window->stride[0] - window->pad_begin[0] + (int64_t)i * window->dilation[0];
        for (int32_t j = 0; j < window->kernel[1]; j++) {
            int64_t x = (int64_t)column * window->stride[1] - window->pad_begin[1] + (int64_t)j * window->dilation[1];
            if (y < 0 || y >= op->source.height || x < 0 || x >= op->source.width) {
                continue;
            }
            float pixel = image[(y * op->source.width + x) * op->source.channels + op->source_channel + channel];
            if (real) {
                real_sum += pixel;
            } else {
                sum += quantise(pixel);
            }
        }
    }
    if (real) {
        *(float *)result = real_sum;
    } else {
        *(int64_t *)result = sum;
    }
}

static size_t pixel_bytes(bool real)
{
    return real ? sizeof(float) : sizeof(int64_t);
}

/* The pooled source of one image, as pixels for the product. */
static void *product_image(const snn_graded_product *product, bool real, int32_t image)
{
    return (uint8_t *)product->pixels + (size_t)image * (size_t)snn_shape_size(product->pooled) * pixel_bytes(real);
}

static int64_t largest_magnitude(const int64_t *pixels, int64_t count)
{
    int64_t largest = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t magnitude = pixels[i] < 0 ? -pixels[i] : pixels[i];
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

static void pool_image(const snn_shard *shard, const snn_graded_product *product, const float *pixels, int32_t image)
{
    const snn_shape pooled = product->pooled;
    const float *from = pixels + image * snn_shape_size(shard->network->input);
    uint8_t *to = product_image(product, shard->real, image);
    for (int32_t row = 0; row < pooled.height; row++) {
        for (int32_t column = 0; column < pooled.width; column++) {
            for (int32_t channel = 0; channel < pooled.channels; channel++) {
                pool_element(product, shard->real, from, row, column, channel, to);
                to += pixel_bytes(shard->real);
            }
        }
    }
    if (!shard->real) {
        product->largest[image] = largest_magnitude(product_image(product, false, image), snn_shape_size(pooled));
    }
}

/* One position's sums in the making. */
typedef struct graded_sums {
    const snn_graded_product *product;
    const void *image; /* the pooled source */
    bool real;
    void *sums; /* [rows] int64_t, or float */
} graded_sums;

/* sums[row] += weights[tap][row] * image[element] for held rows [begin, end), counted from the first held one. */
static void add_tap(const graded_sums *state, int64_t tap, int64_t element, int64_t begin, int64_t end)
{
    const int64_t offset = tap * graded_rows(state->product);
    if (state->real) {
        const float *weights = (const float *)state->product->weights + offset;
        const float pixel = ((const float *)state->image)[element];
        float *sums = state->sums;
        for (int64_t row = begin; row < end; row++) {
            sums[row] += weights[row] * pixel;
        }
    } else {
        const int32_t *weights = (const int32_t *)state->product->weights + offset;
        const int64_t pixel = ((const int64_t *)state->image)[element];
        int64_t *sums = state->sums;
        for (int64_t row = begin; row < end; row++) {
            sums[row] += weights[row] * pixel;
        }
    }
}

static void add_convolution(const graded_sums *state, int64_t position)
{
    const snn_graded_product *product = state->product;
    const snn_operator *op = product->op;
    const snn_window *window = &op->window;
    const snn_shape source = product->pooled;
    const int32_t sources = op->source_channels / op->groups; /* channels of a group */
    const int32_t targets = op->target_channels / op->groups;
    const int64_t top = position / op->target.width * window->stride[0] - window->pad_begin[0];
    const int64_t left = position % op->target.width * window->stride[1] - window->pad_begin[1];
    for (int32_t i = 0; i < window->kernel[0]; i++) {
        for (int32_t j = 0; j < window->kernel[1]; j++) {
            int64_t y = top + (int64_t)i * window->dilation[0];
            int64_t x = left + (int64_t)j * window->dilation[1];
            if (y < 0 || y >= source.height || x < 0 || x >= source.width) {
                continue;
            }
            int64_t tap = ((int64_t)i * window->kernel[1] + j) * sources;
            for (int32_t row = product->row_begin; row < product->row_end;) {
                int32_t group = row / targets;
                int32_t end = (group + 1) * targets < product->row_end ? (group + 1) * targets : product->row_end;
                int64_t element = (y * source.width + x) * source.channels + (int64_t)group * sources;
                for (int32_t channel = 0; channel < sources; channel++) {
                    add_tap(state, tap + channel, element + channel, row - product->row_begin,
                            end - product->row_begin);
                }
                row = end;
            }
        }
    }
}

/* Adds one projection's product at one target position. Taps are added in the order of a row. */
static void add_product(const graded_sums *state, int64_t position)
{
    const snn_graded_product *product = state->product;
    const int64_t rows = graded_rows(product);
    switch (product->op->kind) {
    case SNN_OPERATOR_CONVOLUTION:
        add_convolution(state, position);
        break;
    case SNN_OPERATOR_DENSE:
        for (int64_t element = 0; element < snn_shape_size(product->pooled); element++) {
            add_tap(state, element, element, 0, rows);
        }
        break;
    case SNN_OPERATOR_DIAGONAL:
        for (int64_t row = 0; row < rows; row++) {
            add_tap(state, 0, position * product->pooled.channels + product->row_begin + row, row, row + 1);
        }
        break;
    case SNN_OPERATOR_GATHER:
        for (int64_t row = 0; row < rows; row++) {
            int32_t element = product->index[position * rows + row];
            if (element >= 0) {
                add_tap(state, position, element, row, row + 1);
            }
        }
        break;
    case SNN_OPERATOR_TOKENS: /* takes spikes only */
    case SNN_OPERATOR_KIND_COUNT:
        break;
    }
}

/* `shift`: fraction bits of the weights, the same for all products of a part. */
static float current_of(double sum, float step, int32_t shift)
{
    return (float)ldexp(sum * (double)step * pixel_unit, -shift);
}

void snn_graded_store(float *graded, const double *sums, const float *step, int32_t shift, int64_t count)
{
    for (int64_t c = 0; c < count; c++) {
        graded[c] = current_of(sums[c], step[c], shift);
    }
}

static void compute_position(const snn_shard *shard, int32_t population, int32_t image, int64_t position, void *sums)
{
    const snn_part *part = &shard->parts[population];
    const int32_t channels = snn_part_inputs(part);
    const size_t element_bytes = pixel_bytes(shard->real);
    memset(sums, 0, (size_t)channels * element_bytes);
    for (int32_t i = 0; i < part->graded_product_count; i++) {
        const snn_graded_product *product = &part->graded_products[i];
        int32_t channel = product->op->target_channel + product->row_begin - part->held.begin;
        graded_sums state = {product, product_image(product, shard->real, image), shard->real,
                             (uint8_t *)sums + (size_t)channel * element_bytes};
        add_product(&state, position);
    }
    const float *step = shard->network->populations[population].step + part->held.begin;
    const int64_t positions = snn_shape_positions(shard->network->populations[population].input);
    float *graded = part->graded + (image * positions + position) * channels;
    for (int32_t c = 0; c < channels; c++) {
        graded[c] = shard->real
                        ? ((const float *)sums)[c] * step[c]
                        : current_of((double)((const int64_t *)sums)[c], step[c], part->graded_products[0].shift);
    }
}

void snn_graded_compute(const snn_shard *shard, int32_t population, const float *pixels)
{
    const snn_part *part = &shard->parts[population];
    const int64_t positions = snn_shape_positions(shard->network->populations[population].input);
#pragma omp parallel num_threads(shard->threads)
    {
        void *sums = shard->workers[omp_get_thread_num()].accumulator;
        for (int32_t i = 0; i < part->graded_product_count; i++) {
#pragma omp for schedule(static)
            for (int32_t image = 0; image < shard->images; image++) {
                pool_image(shard, &part->graded_products[i], pixels, image);
            }
        }
        for (int32_t image = 0; image < shard->images; image++) {
            if (snn_graded_is_exact(part, image)) {
                snn_graded_compute_exact(shard, population, image, sums);
                continue;
            }
#pragma omp for schedule(static)
            for (int64_t position = 0; position < positions; position++) {
                compute_position(shard, population, image, position, sums);
            }
        }
    }
}

snn_status snn_encoder_init(const snn_shard *shard, snn_encoder *encoder)
{
    const snn_shape input = shard->network->input;
    const size_t elements = (size_t)shard->capacity * (size_t)snn_shape_size(input);
    const size_t rows = (size_t)shard->block * (size_t)shard->capacity * (size_t)snn_shape_positions(input);
    encoder->pixels = snn_allocate(elements, sizeof *encoder->pixels);
    encoder->y = snn_allocate(elements, sizeof *encoder->y);
    encoder->bits = snn_allocate(rows, (size_t)snn_spikes_row_bytes(input.channels));
    bool complete = encoder->pixels != NULL && encoder->y != NULL && encoder->bits != NULL;
    if (shard->encoding == SNN_ENCODING_STOCHASTIC) {
        if (snn_shape_size(input) > UINT32_MAX) {
            return snn_fail(SNN_INPUT_ERROR, "images of %lld pixels are too large for random spikes",
                            (long long)snn_shape_size(input));
        }
        encoder->numbers = snn_allocate((size_t)shard->capacity, sizeof *encoder->numbers);
        complete = complete && encoder->numbers != NULL;
    }
    return complete ? snn_ok() : snn_out_of_memory("encoder of the image");
}

void snn_encoder_clear(snn_encoder *encoder)
{
    snn_release(encoder->pixels);
    snn_release(encoder->y);
    snn_release(encoder->numbers);
    snn_release(encoder->bits);
}

void snn_encoder_begin_group(snn_shard *shard, const float *pixels, const int64_t *numbers)
{
    snn_encoder *encoder = &shard->encoder;
    const size_t bytes = (size_t)shard->images * (size_t)snn_shape_size(shard->network->input) * sizeof(float);
    memcpy(encoder->pixels, pixels, bytes);
    memset(encoder->y, 0, bytes);
    if (encoder->numbers != NULL) {
        memcpy(encoder->numbers, numbers, (size_t)shard->images * sizeof *numbers);
    }
    encoder->begin = encoder->end = 0;
}

snn_spikes snn_encoder_spikes(const snn_shard *shard)
{
    const snn_shape input = shard->network->input;
    snn_spikes spikes = {shard->encoder.bits, snn_shape_positions(input), input.channels,
                         snn_spikes_row_bytes(input.channels), shard->images};
    return spikes;
}

/* One position of one image over the block: s = [y >= p], y <- y - eta (2 s - 1). */
static void encode_position(const snn_shard *shard, const snn_spikes *spikes, int32_t image, int64_t position)
{
    const snn_encoder *encoder = &shard->encoder;
    const int64_t offset = (image * spikes->positions + position) * spikes->channels;
    const float *pixels = encoder->pixels + offset;
    float *y = encoder->y + offset;
    for (int32_t step = 0; step < encoder->end - encoder->begin; step++) {
        uint8_t *row = snn_spikes_plane(spikes, step, image) + position * spikes->row_bytes;
        const float eta = shard->eta[encoder->begin + step];
        memset(row, 0, (size_t)spikes->row_bytes);
        for (int32_t c = 0; c < spikes->channels; c++) {
            bool fires = y[c] >= pixels[c];
            y[c] = fires ? y[c] - eta : y[c] + eta;
            row[c / 8] = (uint8_t)(row[c / 8] | fires << c % 8);
        }
    }
}

snn_status snn_encoder_run(snn_shard *shard, int32_t first, int32_t steps)
{
    snn_encoder *encoder = &shard->encoder;
    if (encoder->begin == first && encoder->end == first + steps) {
        return snn_ok();
    }
    if (encoder->end != first) {
        return snn_fail(SNN_INTERNAL_ERROR, "steps %d..%d of the image asked for after step %d", first, first + steps,
                        encoder->end);
    }
    encoder->begin = first;
    encoder->end = first + steps;
    const snn_spikes spikes = snn_encoder_spikes(shard);
    const int64_t jobs = shard->images * spikes.positions;
#pragma omp parallel for schedule(static) num_threads(shard->threads)
    for (int64_t job = 0; job < jobs; job++) {
        const int32_t image = (int32_t)(job / spikes.positions);
        if (shard->encoding == SNN_ENCODING_STOCHASTIC) {
            snn_encode_stochastic(shard, &spikes, image, job % spikes.positions);
        } else {
            encode_position(shard, &spikes, image, job % spikes.positions);
        }
    }
    return snn_ok();
}
