/* The spiking network itself on one image: its decoded logits after T timesteps. cmocka.h comes first. */
#ifndef TESTS_SPIKING_RUN_H
#define TESTS_SPIKING_RUN_H

#include <string.h>

#include "core/base/memory.h"
#include "core/shard/shard.h"

/* `pixels`: [height][width][channels]; the image stands at its value from the first step (direct encoding). Networks
 * with windows run theirs, whatever `timesteps` says. */
static inline void spiking_logits(const snn_network *network, const float *pixels, int32_t timesteps, double *logits)
{
    enum { BLOCK = 32 };
    const int32_t steps_of_window = network->windows.steps, block = steps_of_window > 0 ? steps_of_window : BLOCK;
    timesteps = steps_of_window > 0 ? steps_of_window : timesteps;
    const snn_schedule schedule = {.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.15, .gamma = 0.97};
    const snn_kernels *kernels = NULL;
    snn_shard *shard = NULL;
    float *eta = snn_allocate((size_t)timesteps, sizeof *eta);
    snn_channel_range *all = snn_allocate((size_t)network->population_count, sizeof *all);
    assert_int_equal(snn_schedule_fill(&schedule, timesteps, eta).code, SNN_OK);
    assert_int_equal(snn_kernels_select(&kernels).code, SNN_OK);
    for (int32_t p = 0; p < network->population_count; p++) {
        all[p].end = network->populations[p].shape.channels;
    }
    snn_shard_options options;
    memset(&options, 0, sizeof options);
    options.images = 1;
    options.block = block;
    options.timesteps = steps_of_window > 0 ? 0 : timesteps; /* 0: until the last window ends */
    options.eta = eta;
    options.encoding = SNN_ENCODING_DIRECT;
    options.channels = all;
    options.visible = all;
    snn_status status = snn_shard_create(network, kernels, &options, &shard);
    if (status.code == SNN_OK) {
        status = snn_shard_begin_group(shard, 1, pixels, NULL);
    }
    for (int32_t t = 0; t < timesteps && status.code == SNN_OK; t += block) {
        int32_t steps = timesteps - t < block ? timesteps - t : block;
        for (int32_t p = 0; p < network->population_count && status.code == SNN_OK; p++) {
            status = snn_shard_run(shard, p, t, steps);
        }
    }
    if (status.code != SNN_OK) {
        fail_msg("%s", status.message);
    }
    for (int32_t c = 0; c < network->classes; c++) {
        logits[c] = (double)snn_shard_logits(shard)[c];
    }
    snn_shard_destroy(shard);
    snn_release(eta);
    snn_release(all);
}

#endif
