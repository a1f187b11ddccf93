/* The image as random spikes (SNN_ENCODING_STOCHASTIC). */
#include <string.h>

#include "core/base/functions.h"
#include "core/dynamics/random.h"
#include "core/shard/shard_private.h"

/* One pixel of one image over the block; bit `channel` of its row is cleared already. */
static void encode_pixel(const snn_shard *shard, const snn_spikes *spikes, int32_t image, int64_t position,
                         int32_t channel)
{
    const snn_encoder *encoder = &shard->encoder;
    const int64_t element = position * spikes->channels + channel;
    const int64_t offset = image * spikes->positions * spikes->channels + element;
    const float pixel = encoder->pixels[offset];
    float y = encoder->y[offset];
    snn_random_block block = {{0}};
    for (int32_t step = encoder->begin; step < encoder->end; step++) {
        if (step == encoder->begin || step % SNN_RANDOM_WORDS == 0) {
            block = snn_random_pixel(shard->seed, encoder->numbers[image], (uint32_t)element, (uint32_t)step);
        }
        const float draw = snn_random_uniform(block.word[step % SNN_RANDOM_WORDS]);
        const bool fires = draw < snn_function_sigmoid(y - pixel);
        uint8_t *row = snn_spikes_plane(spikes, step - encoder->begin, image) + position * spikes->row_bytes;
        row[channel / 8] = (uint8_t)(row[channel / 8] | fires << channel % 8);
        y = fires ? y - shard->eta[step] : y + shard->eta[step];
    }
    encoder->y[offset] = y;
}

void snn_encode_stochastic(const snn_shard *shard, const snn_spikes *spikes, int32_t image, int64_t position)
{
    for (int32_t step = 0; step < shard->encoder.end - shard->encoder.begin; step++) {
        memset(snn_spikes_plane(spikes, step, image) + position * spikes->row_bytes, 0, (size_t)spikes->row_bytes);
    }
    for (int32_t channel = 0; channel < spikes->channels; channel++) {
        encode_pixel(shard, spikes, image, position, channel);
    }
}
