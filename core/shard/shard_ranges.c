/* Neurons whose value left the range that calibration found for their channel. A scale is the largest value seen there,
 * so |y| stays below 1 for images like those of the calibration; where it does not, the channel's resolution was chosen
 * for smaller values.
 *
 * Many channels sit at their largest value: constants, clipped functions, maxima over windows. Their y is not still but
 * wanders around 1, by its own steps and by what the errors of its inputs add: some hundredths at T = 64, more at fewer
 * timesteps. So less than a tenth beyond, or two of the last steps, is not counted; such an excess costs no resolution
 * to speak of. A schedule whose steps sum to less than that cannot show an excess at all. */
#include <math.h>

#include "core/shard/shard_private.h"

void snn_ranges_count(const snn_shard *shard, int32_t population, snn_image_range images, snn_statistics *statistics)
{
    const snn_part *part = &shard->parts[population];
    /* The baseline's y is a firing rate: it cannot exceed 1, so it cannot show what did. */
    if (part->y == NULL || shard->dynamics != SNN_DYNAMICS_SIGNGD) {
        return;
    }
    const int32_t owned = snn_part_channels(part);
    const snn_shape shape = shard->network->populations[population].shape;
    const int64_t positions = snn_shape_positions(shape);
    const float limit = 1.0F + fmaxf(2.0F * shard->eta[shard->timesteps - 1], 0.1F);
    int64_t *counts = snn_statistics_population(statistics, shard->network, population).channel_beyond;
    for (int64_t i = images.begin * positions; i < images.end * positions; i++) {
        for (int32_t c = 0; c < owned; c++) {
            counts[part->owned.begin + c] += fabsf(part->y[i * owned + c]) > limit;
        }
    }
}
