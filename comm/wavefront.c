#include "comm/wavefront.h"

#include <stdbool.h>

#include "comm/exchange.h"
#include "core/base/memory.h"

/* Why no rank waits for ever.
 *
 * Number the items of a replica in the order in which all its ranks run them, and call (item, population) an event;
 * every rank goes through its events in lexicographic order. A rank waits at four places only:
 *  - at event (i, p), for a source s < p (the network is feed-forward) of item i: for its packet, or in shared memory
 *    until its owner has come past it. The owner sends it, or says so, at the end of event (i, s), which is smaller.
 *  - at event (i, p), before it writes to shared memory, until all readers there have come past the item that had its
 *    place before, i - 2 or i - 3: a smaller event. A rank says how far it is after every stretch and every item, and
 *    does not wait within a stretch.
 *  - at event (i, p), for a porter that places what others of its host read, too (comm/survey.h), at an event (i, q)
 *    with q <= p. A rank places its own packets before it waits for a porter, and for them it needs only what the first
 *    kind waits for and, as in the second kind, readers of an item before. So count an event as two,
 *    placing and running: running (i, p) waits for placing (i, q), which is smaller even if q = p.
 *  - at event (i, p), before it codes a packet into a buffer, until the packet of item i - 2 in that buffer has left.
 *    That needs at most that its receiver has posted the receive for item i - 2, which happened when the receiver had
 *    decoded item i - 4, in an event of item i - 4, which is smaller, or when the run that item i - 2 belongs to began
 *    there, after an event of item i - 3 or less.
 * Whoever waits keeps messages moving (exchange.c): large ones need both ends to.
 * Finishing waits as in the last kind, for the last two items. So the rank at the smallest unfinished event of the
 * replica never waits for anything unfinished and goes on; events are finite, so all of them finish. Replicas do not
 * wait for each other. Between two runs the caller may wait until all ranks have done an earlier run, which the rank at
 * the smallest event has. Messages cannot be confused: between two ranks there is one edge per source
 * population, the tag is that population, and MPI keeps the order of equal tags. */

struct snn_wavefront {
    const snn_network *network;
    snn_shard *shard;
    snn_wavefront_options options;
    snn_wavefront_hooks hooks;
    int32_t replica, replicas;
    bool *owned;       /* [populations]: whether this rank owns channels of it */
    int32_t *stretch;  /* [populations]: where the stretch that begins at one ends */
    snn_status failed; /* what went wrong in the middle of a stretch */
    double since;      /* when the work now in progress began */
    bool owns_any, owns_readout;
    float *pixels;    /* [images][height][width][channels]; NULL on ranks that do not read the input */
    int64_t *numbers; /* [images], likewise; NULL without the hook */
    snn_exchange *exchange;
    int64_t number; /* items since the last finish */
    snn_timers timers;
};

/* What every rank sees alike, so that all fail alike. */
static snn_status check_arguments(const snn_world *world, const snn_network *network, const snn_plan *plan,
                                  const snn_wavefront_options *options)
{
    if (snn_plan_ranks(plan) != snn_world_size(world)) {
        return snn_fail(SNN_INTERNAL_ERROR, "the plan is for %ld ranks, there are %ld", (long)snn_plan_ranks(plan),
                        (long)snn_world_size(world));
    }
    if (network->population_count < 1 || options->timesteps < 1 || options->block < 1 || options->images < 1) {
        return snn_fail(SNN_INTERNAL_ERROR,
                        "%ld populations, %ld timesteps, blocks of %ld, groups of %ld: all must be "
                        "at least 1",
                        (long)network->population_count, (long)options->timesteps, (long)options->block,
                        (long)options->images);
    }
    return snn_ok();
}

/* This rank's own part, without the other ranks. */
static snn_status prepare(snn_wavefront *wavefront, const snn_plan *plan, snn_place place)
{
    const snn_network *network = wavefront->network;
    int32_t populations = network->population_count;
    wavefront->owned = snn_allocate((size_t)populations, sizeof *wavefront->owned);
    wavefront->stretch = snn_allocate((size_t)populations, sizeof *wavefront->stretch);
    if (wavefront->owned == NULL || wavefront->stretch == NULL) {
        return snn_out_of_memory("wavefront");
    }
    for (int32_t population = 0; population < populations; population++) {
        snn_channel_range range = snn_plan_owned(plan, network, place, population);
        wavefront->owned[population] = range.begin < range.end;
        wavefront->owns_any = wavefront->owns_any || range.begin < range.end;
    }
    wavefront->owns_readout = wavefront->owned[populations - 1];
    if (snn_shard_reads_input(wavefront->shard)) {
        size_t size = (size_t)snn_shape_size(network->input);
        wavefront->pixels = snn_allocate(size, (size_t)wavefront->options.images * sizeof *wavefront->pixels);
        if (wavefront->pixels == NULL) {
            return snn_out_of_memory("images");
        }
        if (wavefront->hooks.numbers != NULL) {
            wavefront->numbers = snn_allocate((size_t)wavefront->options.images, sizeof *wavefront->numbers);
            if (wavefront->numbers == NULL) {
                return snn_out_of_memory("images");
            }
        }
    }
    return snn_ok();
}

/* A stretch ends before a population that waits for packets and after one whose spikes are sent. */
static void find_stretches(snn_wavefront *wavefront)
{
    const int32_t populations = wavefront->network->population_count;
    for (int32_t p = populations - 1; p >= 0; p--) {
        const bool ends = p + 1 == populations || snn_exchange_sends(wavefront->exchange, p) ||
                          snn_exchange_receives(wavefront->exchange, p + 1);
        wavefront->stretch[p] = ends ? p + 1 : wavefront->stretch[p + 1];
    }
}

snn_status snn_wavefront_create(snn_world *world, const snn_network *network, const snn_plan *plan, snn_shard *shard,
                                const snn_wavefront_options *options, const snn_wavefront_hooks *hooks,
                                snn_wavefront **wavefront)
{
    *wavefront = NULL;
    SNN_TRY(check_arguments(world, network, plan, options));
    const snn_place place = snn_plan_place(plan, snn_world_rank(world));
    snn_status status = snn_ok();
    snn_wavefront *created = snn_allocate(1, sizeof *created);
    if (created == NULL) {
        status = snn_out_of_memory("wavefront");
    } else {
        created->network = network;
        created->shard = shard;
        created->options = *options;
        created->hooks = *hooks;
        created->timers.trace = options->trace;
        created->replica = place.replica;
        created->replicas = plan->replicas;
        status = prepare(created, plan, place);
    }
    /* Before the exchange, whose making takes all ranks. */
    SNN_GOTO_DONE(status, snn_world_agree(world, status));
    SNN_GOTO_DONE(status,
                  snn_exchange_create(world, network, plan, &created->options, &created->timers, &created->exchange));
    find_stretches(created);
    *wavefront = created;
    created = NULL;
done:
    snn_wavefront_destroy(created);
    return status;
}

/* Adds the seconds since `since` to a timer; returns now. */
static double charge(snn_wavefront *wavefront, snn_timer timer, double since)
{
    return snn_timers_charge(&wavefront->timers, timer, since);
}

static snn_status begin_group(snn_wavefront *wavefront, int64_t group, int32_t images)
{
    double start = snn_seconds();
    if (wavefront->pixels != NULL) {
        SNN_TRY(wavefront->hooks.load(wavefront->hooks.context, group, wavefront->pixels));
        start = charge(wavefront, SNN_TIMER_IO, start);
    }
    if (wavefront->numbers != NULL) {
        wavefront->hooks.numbers(wavefront->hooks.context, group, wavefront->numbers);
    }
    SNN_TRY(snn_shard_begin_group(wavefront->shard, images, wavefront->pixels, wavefront->numbers));
    (void)charge(wavefront, SNN_TIMER_COMPUTE, start);
    return snn_ok();
}

/* Between two populations of a stretch: whatever other threads still do. */
static void population_done(void *context, int32_t population)
{
    snn_wavefront *wavefront = context;
    snn_trace_set_population(wavefront->options.trace, population);
    wavefront->since = charge(wavefront, SNN_TIMER_COMPUTE, wavefront->since);
    if (!snn_failed(wavefront->failed)) {
        wavefront->failed = snn_exchange_progress(wavefront->exchange);
        wavefront->since = snn_seconds();
    }
}

static snn_status run_stretch(snn_wavefront *wavefront, int32_t begin, const snn_item *item)
{
    const snn_shard_stretch stretch = {.begin = begin,
                                       .end = wavefront->stretch[begin],
                                       .first = item->first_step,
                                       .steps = item->steps,
                                       .done = population_done,
                                       .context = wavefront};
    snn_trace_set_work(wavefront->options.trace, item->group, item->first_step, begin);
    SNN_TRY(snn_exchange_receive(wavefront->exchange, begin, stretch.end, item, wavefront->shard));
    wavefront->since = snn_seconds();
    SNN_TRY(snn_shard_run_stretch(wavefront->shard, &stretch));
    (void)charge(wavefront, SNN_TIMER_COMPUTE, wavefront->since);
    SNN_TRY(wavefront->failed);
    SNN_TRY(snn_exchange_send(wavefront->exchange, stretch.end, item, wavefront->shard));
    return snn_exchange_progress(wavefront->exchange);
}

static snn_status run_item(snn_wavefront *wavefront, const snn_item *item)
{
    const int32_t populations = wavefront->network->population_count;
    snn_exchange_begin_item(wavefront->exchange, item, wavefront->shard);
    for (int32_t p = 0; p < populations; p++) {
        if (wavefront->owned[p]) {
            SNN_TRY_CONTEXT(run_stretch(wavefront, p, item), "steps %ld to %ld from %s on", (long)item->first_step,
                            (long)item->first_step + item->steps, wavefront->network->populations[p].name);
            p = wavefront->stretch[p] - 1;
        }
    }
    snn_exchange_end_item(wavefront->exchange, item);
    if (wavefront->hooks.item != NULL) {
        wavefront->hooks.item(wavefront->hooks.context, item->group, item->first_step, item->steps);
    }
    return snn_ok();
}

static snn_status run_group(snn_wavefront *wavefront, int64_t group)
{
    const snn_wavefront_options *options = &wavefront->options;
    int32_t images = wavefront->hooks.images(wavefront->hooks.context, group);
    if (images < 1 || images > options->images) {
        return snn_fail(SNN_INTERNAL_ERROR, "%ld images, expected 1 to %ld", (long)images, (long)options->images);
    }
    snn_trace_set_work(options->trace, group, -1, -1);
    SNN_TRY(begin_group(wavefront, group, images));
    for (int32_t first = 0; first < options->timesteps;) {
        int32_t left = options->timesteps - first;
        const snn_item item = {.number = wavefront->number,
                               .group = group,
                               .images = images,
                               .first_step = first,
                               .steps = left < options->block ? left : options->block};
        SNN_TRY(run_item(wavefront, &item));
        first += item.steps;
        wavefront->number++;
    }
    snn_trace_set_work(options->trace, group, -1, -1);
    if (wavefront->owns_readout) {
        double start = snn_seconds();
        SNN_TRY(wavefront->hooks.done(wavefront->hooks.context, group, snn_shard_predictions(wavefront->shard),
                                      snn_shard_logits(wavefront->shard)));
        (void)charge(wavefront, SNN_TIMER_IO, start);
    }
    return snn_ok();
}

/* The first group >= `first` that is this replica's. */
static int64_t first_group(const snn_wavefront *wavefront, int64_t first)
{
    int64_t ahead = (wavefront->replica - first % wavefront->replicas + wavefront->replicas) % wavefront->replicas;
    return first + ahead;
}

snn_status snn_wavefront_run(snn_wavefront *wavefront, int64_t first, int64_t last)
{
    if (first < 0 || last > UINT32_MAX) {
        return snn_fail(SNN_INTERNAL_ERROR, "groups [%lld, %lld) do not fit a packet's header", (long long)first,
                        (long long)last);
    }
    int64_t begin = first_group(wavefront, first);
    if (!wavefront->owns_any || begin >= last) {
        return snn_ok();
    }
    const snn_wavefront_options *options = &wavefront->options;
    int64_t groups = (last - begin + wavefront->replicas - 1) / wavefront->replicas;
    int64_t blocks = (options->timesteps + (int64_t)options->block - 1) / options->block;
    SNN_TRY(snn_exchange_extend(wavefront->exchange, groups * blocks));
    for (int64_t group = begin; group < last; group += wavefront->replicas) {
        SNN_TRY_CONTEXT(run_group(wavefront, group), "image group %lld", (long long)group);
    }
    return snn_ok();
}

snn_status snn_wavefront_finish(snn_wavefront *wavefront)
{
    wavefront->number = 0;
    return snn_exchange_finish(wavefront->exchange);
}

snn_codec snn_wavefront_codec(const snn_wavefront *wavefront)
{
    return wavefront->options.codec;
}

snn_timers *snn_wavefront_timers(snn_wavefront *wavefront)
{
    return &wavefront->timers;
}

const snn_wavefront_traffic *snn_wavefront_traffic_of(const snn_wavefront *wavefront)
{
    return snn_exchange_traffic(wavefront->exchange);
}

void snn_wavefront_destroy(snn_wavefront *wavefront)
{
    if (wavefront == NULL) {
        return;
    }
    snn_exchange_destroy(wavefront->exchange);
    snn_release(wavefront->owned);
    snn_release(wavefront->stretch);
    snn_release(wavefront->pixels);
    snn_release(wavefront->numbers);
    snn_release(wavefront);
}
