#include "tests/comm/setup.h"

#include "comm/edges.h"
#include "comm/wavefront.h"
#include "core/base/memory.h"

enum { TIMESTEPS = 8 };

static int64_t allocated, lookups;

/* The linker gives these names. NOLINTBEGIN(bugprone-reserved-identifier) */
void *__real_snn_allocate(size_t count, size_t size);
void *__wrap_snn_allocate(size_t count, size_t size);
snn_channel_range __real_snn_plan_owned(const snn_plan *plan, const snn_network *network, snn_place place,
                                        int32_t population);
snn_channel_range __wrap_snn_plan_owned(const snn_plan *plan, const snn_network *network, snn_place place,
                                        int32_t population);

void *__wrap_snn_allocate(size_t count, size_t size)
{
    allocated += (int64_t)(count * size);
    return __real_snn_allocate(count, size);
}

snn_channel_range __wrap_snn_plan_owned(const snn_plan *plan, const snn_network *network, snn_place place,
                                        int32_t population)
{
    lookups++;
    return __real_snn_plan_owned(plan, network, place, population);
}
/* NOLINTEND(bugprone-reserved-identifier) */

static void give_up(snn_world *world, snn_status why)
{
    (void)why;
    snn_world_abort(world, (int)SNN_INTERNAL_ERROR);
}

static snn_status make_shard(const setup *of, const float *eta, snn_shard **shard)
{
    const size_t count = (size_t)of->network->population_count;
    const snn_place place = snn_plan_place(of->plan, of->rank);
    const snn_kernels *kernels = NULL;
    snn_channel_range *owned = snn_allocate(count, sizeof *owned), *visible = snn_allocate(count, sizeof *visible);
    snn_status status = owned != NULL && visible != NULL ? snn_kernels_select(&kernels) : snn_out_of_memory("a rank");
    SNN_GOTO_DONE(status, status);
    for (int32_t p = 0; p < of->network->population_count; p++) {
        owned[p] = snn_plan_owned(of->plan, of->network, place, p);
        visible[p] = snn_channel_range_hull(owned[p], snn_plan_needed(of->plan, of->network, place, p));
    }
    const snn_shard_options options = {.images = of->images,
                                       .timesteps = of->network->windows.steps > 0 ? 0 : TIMESTEPS,
                                       .block = TIMESTEPS,
                                       .eta = eta,
                                       .encoding = SNN_ENCODING_FLOAT,
                                       .channels = owned,
                                       .visible = visible};
    status = snn_shard_create(of->network, kernels, &options, shard);
done:
    snn_release(owned);
    snn_release(visible);
    return status;
}

snn_status setup_measure(const setup *of, setup_cost *cost)
{
    const float eta[TIMESTEPS] = {0.5F, 0.4F, 0.3F, 0.2F, 0.1F, 0.1F, 0.1F, 0.1F};
    const snn_wavefront_options options = {
        .codec = SNN_CODEC_AUTO, .timesteps = TIMESTEPS, .block = TIMESTEPS, .images = of->images, .eta = eta};
    const snn_wavefront_hooks hooks = {0};
    snn_world *world = NULL;
    snn_shard *shard = NULL;
    snn_wavefront *wavefront = NULL;
    snn_edges edges = {0};
    snn_status status = snn_edges_derive(of->plan, of->network, of->rank, &edges);
    SNN_GOTO_DONE(status, status);
    *cost = (setup_cost){.edges = edges.count};
    SNN_GOTO_DONE(status, make_shard(of, eta, &shard));
    int64_t parts[3];
    snn_shard_memory(shard, &parts[0], &parts[1], &parts[2]);
    cost->shard_bytes = parts[0] + parts[1] + parts[2];
    alone_become(of->rank, snn_plan_ranks(of->plan), of->host_ranks);
    allocated = lookups = 0;
    SNN_GOTO_DONE(status, snn_world_create(NULL, NULL, &world));
    SNN_GOTO_DONE(status, snn_world_set_patience(world, 60.0, give_up));
    SNN_GOTO_DONE(status, snn_wavefront_create(world, of->network, of->plan, shard, &options, &hooks, &wavefront));
    cost->bytes = allocated;
    cost->lookups = lookups;
    cost->messages = alone_counted();
done:
    snn_edges_clear(&edges);
    snn_wavefront_destroy(wavefront);
    snn_shard_destroy(shard);
    snn_world_destroy(world);
    return status;
}
