/* Products with a graded image by the kernels' `multiply`: with doubles that stand for whole numbers below 2^53, so
 * that every sum is the one that 64-bit integers give. What does not suit that is left to shard_input.c. */
#include <stdlib.h>

#include "core/base/memory.h"
#include "core/shard/shard_private.h"

enum {
    CHUNK = 16,               /* positions multiplied at once */
    LARGEST_WEIGHTS = 1 << 20 /* elements: larger matrices would take too much memory a second time */
};

static const int64_t EXACT_LIMIT = (int64_t)1 << 53;

static int64_t rows_of(const snn_graded_product *product)
{
    return product->row_end - product->row_begin;
}

/* Rows as `multiply` wants them. */
static int64_t padded_rows(const snn_graded_product *product)
{
    return (rows_of(product) + SNN_IMAGE_ROWS - 1) / SNN_IMAGE_ROWS * SNN_IMAGE_ROWS;
}

snn_status snn_graded_exact_init(const snn_shard *shard, snn_graded_product *product)
{
    const snn_operator *op = product->op;
    const bool suits = (op->kind == SNN_OPERATOR_CONVOLUTION && op->groups == 1) || op->kind == SNN_OPERATOR_DENSE;
    const int64_t depth = snn_operator_row_length(op), rows = rows_of(product), padded = padded_rows(product);
    if (shard->real || !suits || depth * padded > LARGEST_WEIGHTS) {
        return snn_ok();
    }
    product->exact = snn_allocate((size_t)(depth * padded), sizeof *product->exact);
    if (product->exact == NULL) {
        return snn_out_of_memory("weights of the image");
    }
    for (int64_t row = 0; row < rows; row++) {
        int64_t sum = 0;
        for (int64_t k = 0; k < depth; k++) {
            const int32_t weight = ((const int32_t *)product->weights)[k * rows + row];
            product->exact[k * padded + row] = (double)weight;
            sum += llabs(weight);
        }
        product->reach = sum > product->reach ? sum : product->reach;
    }
    return snn_ok();
}

int64_t snn_graded_exact_bytes(const snn_graded_product *product)
{
    const int64_t depth = snn_operator_row_length(product->op);
    return product->exact == NULL ? 0 : CHUNK * (depth + padded_rows(product)) * (int64_t)sizeof(double);
}

bool snn_graded_is_exact(const snn_part *part, int32_t image)
{
    const snn_graded_product *product = &part->graded_products[0];
    return part->graded_product_count == 1 && product->exact != NULL && rows_of(product) == snn_part_inputs(part) &&
           (product->largest[image] == 0 || product->reach <= EXACT_LIMIT / product->largest[image]);
}

/* `count` neighbouring pixels from column x of row y on; 0 outside the image. */
static void gather_row(const int64_t *image, snn_shape source, int64_t y, int64_t x, int32_t count, double *values)
{
    int64_t begin = x < 0 ? -x : 0, end = source.width - x;
    end = end < count ? end : count;
    if (y < 0 || y >= source.height || begin >= end) {
        begin = end = 0;
    }
    const int64_t first = begin < end ? (y * source.width + x) * source.channels : 0;
    for (int64_t k = 0; k < begin * source.channels; k++) {
        values[k] = 0.0;
    }
    for (int64_t k = begin * source.channels; k < end * source.channels; k++) {
        values[k] = (double)image[first + k];
    }
    for (int64_t k = end * source.channels; k < (int64_t)count * source.channels; k++) {
        values[k] = 0.0;
    }
}

/* The pixels that a target position sees, in the order of a row of weights; 0 outside the image. */
static void gather(const snn_graded_product *product, const int64_t *image, int64_t position, double *values)
{
    const snn_operator *op = product->op;
    const snn_window *window = &op->window;
    const snn_shape source = product->pooled;
    if (op->kind == SNN_OPERATOR_DENSE) {
        for (int64_t i = 0; i < snn_shape_size(source); i++) {
            values[i] = (double)image[i];
        }
        return;
    }
    const int64_t top = position / op->target.width * window->stride[0] - window->pad_begin[0];
    const int64_t left = position % op->target.width * window->stride[1] - window->pad_begin[1];
    /* Neighbouring taps lie side by side unless they are dilated. */
    const int32_t together = window->dilation[1] == 1 ? window->kernel[1] : 1;
    for (int32_t i = 0; i < window->kernel[0]; i++) {
        const int64_t y = top + (int64_t)i * window->dilation[0];
        for (int32_t j = 0; j < window->kernel[1]; j += together) {
            const int64_t x = left + (int64_t)j * window->dilation[1];
            gather_row(image, source, y, x, together, values);
            values += (int64_t)together * source.channels;
        }
    }
}

void snn_graded_compute_exact(const snn_shard *shard, int32_t population, int32_t image, void *memory)
{
    const snn_part *part = &shard->parts[population];
    const snn_graded_product *product = &part->graded_products[0];
    const int64_t positions = snn_shape_positions(product->op->target), rows = rows_of(product);
    const int64_t *pixels = (const int64_t *)product->pixels + image * snn_shape_size(product->pooled);
    const float *step = shard->network->populations[population].step + part->held.begin;
    double *values = memory;
    snn_image_product chunk = {.weights = product->exact,
                               .values = values,
                               .depth = snn_operator_row_length(product->op),
                               .rows = padded_rows(product)};
    chunk.sums = values + CHUNK * chunk.depth;
#pragma omp for schedule(static)
    for (int64_t first = 0; first < positions; first += CHUNK) {
        chunk.positions = positions - first < CHUNK ? positions - first : CHUNK;
        for (int64_t p = 0; p < chunk.positions; p++) {
            gather(product, pixels, first + p, values + p * chunk.depth);
        }
        shard->kernels->multiply(&chunk);
        for (int64_t p = 0; p < chunk.positions; p++) {
            snn_graded_store(part->graded + (image * positions + first + p) * rows, chunk.sums + p * chunk.rows, step,
                             product->shift, rows);
        }
    }
}
