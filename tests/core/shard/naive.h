/* The whole network simulated neuron by neuron, timestep by timestep, image by image: the definition written down as
 * loops, without blocks, tiles, bits, packing or threads. */
#ifndef SNN_TESTS_NAIVE_H
#define SNN_TESTS_NAIVE_H

#include "core/dynamics/schedule.h"
#include "core/network/network.h"
#include "core/shard/statistics.h"

typedef struct naive_result {
    int32_t timesteps, images;
    uint8_t **spikes;     /* [populations]: [timesteps][images][positions][channels], 0 or 1 */
    int32_t *predictions; /* [images][timesteps] */
    float *logits;        /* [images][classes] */
    snn_statistics *statistics;
} naive_result;

/* `pixels` [images][input]. */
naive_result naive_run(const snn_network *network, snn_encoding encoding, const float *eta, int32_t timesteps,
                       const float *pixels, int32_t images);
void naive_clear(naive_result *result, const snn_network *network);

#endif
