/* What a plan makes all its ranks compute together: the work of every rank of a replica, one after the other, on an
 * image of random spikes.
 *
 *     for ranks in 1 4 16; do
 *       snn_dist plan CONFIG.toml --ranks $ranks --layout 1x1x$ranks -o plan.toml
 *       valgrind --tool=callgrind --collect-atstart=no --toggle-collect=snn_shard_run_stretch \
 *         --callgrind-out-file=/dev/null measure_inflation NETWORK.snn.h5 plan.toml 2>&1 | grep Collected
 *     done
 *
 * counts the instructions of it (of AVX2, which is what valgrind knows: SNN_DIST_ISA=avx2). */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/config/plan_file.h"
#include "io/hdf5/network_file.h"
#include "partition/plan.h"

enum { IMAGES = 1, TIMESTEPS = 8, RANGE = 1 << 12 };

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

/* Spikes or sums that others own; what does not matter is overwritten by their owner. */
static void fill_sources(const snn_network *network, const snn_shard *shard, int32_t steps)
{
    uint32_t seed = 1;
    for (int32_t p = 0; p < network->population_count; p++) {
        const int32_t planes = snn_shard_planes(shard, p, steps);
        const snn_spikes spikes = snn_shard_spikes(shard, p);
        const snn_sums sums = snn_shard_sums(shard, p);
        for (int64_t row = 0; spikes.bits != NULL && row < planes * spikes.images * spikes.positions; row++) {
            uint8_t *bits = spikes.bits + row * spikes.row_bytes;
            for (int32_t i = 0; i < spikes.channels; i++) {
                bits[i / 8] = (uint8_t)(bits[i / 8] | (draw(&seed) & 1) << i % 8);
            }
        }
        for (int64_t i = 0; sums.values != NULL && i < planes * snn_sums_plane_bytes(&sums) / SNN_SUM_BYTES; i++) {
            const int32_t value = (int32_t)(draw(&seed) % (2 * RANGE)) - RANGE;
            const float real = (float)value;
            memcpy((uint8_t *)sums.values + i * SNN_SUM_BYTES,
                   network->format == SNN_WEIGHTS_FLOAT32 ? (const void *)&real : (const void *)&value, SNN_SUM_BYTES);
        }
    }
}

static snn_status run_rank(const snn_network *network, const snn_kernels *kernels, const snn_plan *plan, int32_t rank)
{
    const size_t count = (size_t)network->population_count;
    const snn_place place = snn_plan_place(plan, rank);
    const int32_t steps = network->windows.steps > 0 ? network->windows.steps : TIMESTEPS;
    const float eta[TIMESTEPS] = {0.5F, 0.4F, 0.3F, 0.2F, 0.1F, 0.1F, 0.1F, 0.1F};
    snn_channel_range *owned = snn_allocate(count, sizeof *owned), *visible = snn_allocate(count, sizeof *visible);
    float *pixels = snn_allocate((size_t)snn_shape_size(network->input) * IMAGES, sizeof *pixels);
    snn_shard *shard = NULL;
    snn_status status = owned != NULL && visible != NULL && pixels != NULL ? snn_ok() : snn_out_of_memory("a rank");
    SNN_GOTO_DONE(status, status);
    for (int32_t p = 0; p < network->population_count; p++) {
        owned[p] = snn_plan_owned(plan, network, place, p);
        visible[p] = snn_channel_range_hull(owned[p], snn_plan_needed(plan, network, place, p));
    }
    const snn_shard_options options = {.images = IMAGES,
                                       .timesteps = network->windows.steps > 0 ? 0 : TIMESTEPS,
                                       .block = TIMESTEPS,
                                       .eta = eta,
                                       .encoding = SNN_ENCODING_DIRECT,
                                       .channels = owned,
                                       .visible = visible};
    SNN_GOTO_DONE(status, snn_shard_create(network, kernels, &options, &shard));
    SNN_GOTO_DONE(status, snn_shard_begin_group(shard, IMAGES, pixels, NULL));
    fill_sources(network, shard, steps);
    for (int32_t p = 0; p < network->population_count; p++) {
        SNN_GOTO_DONE(status, snn_shard_run(shard, p, 0, steps));
    }
done:
    snn_shard_destroy(shard);
    snn_release(owned);
    snn_release(visible);
    snn_release(pixels);
    return status;
}

static snn_status run(const char *path, const char *plan_path)
{
    const snn_kernels *kernels = NULL;
    snn_network *network = NULL;
    snn_network_origin origin;
    snn_plan *plan = NULL;
    snn_status status = snn_kernels_select(&kernels);
    SNN_GOTO_DONE(status, status);
    SNN_GOTO_DONE(status, snn_network_file_read_whole(path, &network, &origin));
    SNN_GOTO_DONE(status, snn_plan_file_read(plan_path, network, 0, &plan));
    for (int32_t rank = 0; rank < snn_plan_ranks_per_replica(plan) && !snn_failed(status); rank++) {
        status = run_rank(network, kernels, plan, rank);
    }
done:
    snn_plan_destroy(plan);
    snn_network_destroy(network);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fputs("usage: measure_inflation NETWORK.snn.h5 PLAN.toml\n", stderr);
        return 2;
    }
    const snn_status status = run(argv[1], argv[2]);
    if (snn_failed(status)) {
        (void)fprintf(stderr, "measure_inflation: %s\n", status.message);
        return 1;
    }
    return 0;
}
