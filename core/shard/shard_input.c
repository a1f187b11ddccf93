#include "core/shard/shard_private.h"

#include <string.h>

#include "core/base/integers.h"
#include "core/base/memory.h"

void snn_graded_rows(const snn_shard *shard, int32_t population, const float *pixels, int32_t row, int32_t rows,
                     void *scratch, float *graded)
{
    const snn_part *part = &shard->parts[population];
    const int64_t width = shard->network->populations[population].input.width;
    for (int32_t done = 0, count; done < rows; done += count) {
        count = (int32_t)snn_smaller(rows - done, SNN_IMAGE_ROWS);
        const snn_image_tile tile = {
            .packed = part->graded_products,
            .count = part->graded_product_count,
            .channel_begin = part->held.begin,
            .channel_end = part->held.end,
            .row_begin = row + done,
            .row_end = row + done + count,
            .pixels = pixels,
            .step = shard->network->populations[population].step + part->held.begin,
            .graded = graded + done * width * snn_part_inputs(part),
            .scratch = scratch,
        };
        shard->kernels->project_image(&tile);
    }
}

void snn_graded_compute(const snn_shard *shard, int32_t population, const float *pixels, int32_t image, int32_t row,
                        const snn_worker *worker)
{
    const snn_part *part = &shard->parts[population];
    const snn_shape input = shard->network->populations[population].input;
    snn_graded_rows(shard, population, pixels + image * snn_shape_size(shard->network->input), row,
                    (int32_t)snn_smaller(input.height - row, SNN_IMAGE_ROWS), worker->accumulator,
                    part->graded + ((int64_t)image * input.height + row) * input.width * snn_part_inputs(part));
}

snn_status snn_encoder_init(const snn_shard *shard, snn_encoder *encoder)
{
    const snn_shape input = shard->network->input;
    const snn_footprint footprint = snn_shard_footprint(shard);
    bool complete = true;
    encoder->pixels = snn_shard_allocate(snn_footprint_pixels(&footprint), &complete);
    encoder->y = snn_shard_allocate(snn_footprint_pixels(&footprint), &complete);
    encoder->bits = snn_shard_allocate(snn_footprint_pixel_spikes(&footprint), &complete);
    if (shard->encoding == SNN_ENCODING_STOCHASTIC) {
        if (snn_shape_size(input) > UINT32_MAX) {
            return snn_fail(SNN_INPUT_ERROR,
                            "images of %lld pixels are too large for random spikes; give simulation.encoding = "
                            "\"float\" or \"direct\"",
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
    const snn_shape input = shard->network->input;
    const int64_t positions = shard->images * snn_shape_positions(input), channels = input.channels;
#pragma omp parallel for schedule(static) num_threads(shard->threads)
    for (int64_t i = 0; i < positions; i++) { /* shared out as they are encoded, so that pages lie near who does it */
        memcpy(encoder->pixels + i * channels, pixels + i * channels, (size_t)channels * sizeof(float));
        memset(encoder->y + i * channels, 0, (size_t)channels * sizeof(float));
    }
    if (encoder->numbers != NULL) {
        memcpy(encoder->numbers, numbers, (size_t)shard->images * sizeof *numbers);
    }
    encoder->begin = encoder->end = 0;
}

snn_spikes snn_encoder_spikes(const snn_shard *shard)
{
    const snn_shape input = shard->network->input;
    return snn_spikes_of(shard->encoder.bits, snn_shape_positions(input), input.channels, shard->images, 0);
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
