#include "comm/exchange.h"

#include "comm/ends.h"
#include "comm/links.h"
#include "comm/mpi_wait.h"
#include "comm/shares.h"
#include "core/base/integers.h"
#include "core/base/memory.h"
#include "core/network/timing.h"

struct snn_exchange {
    MPI_Comm communicator;
    int unused_tag; /* of no message: those of packets are their populations */
    snn_timers *timers;
    snn_wavefront_traffic traffic;
    snn_codec_workspace *workspace;
    int64_t items; /* announced since the last finish */
    bool crowded;  /* more ranks than processors */
    snn_patience *patience;
    bool running; /* between begin and finish: messages may be in flight */
    snn_ends ends;
    snn_shares *shares;
    int64_t *shared_bytes; /* [populations]: that this rank writes for others in a plane of an image, or a byte of
                              windows; 0: none */
};

/* --- creation --- */

/* Frees everything but the communicator. */
static void release(snn_exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    /* Broken off in the middle of a run, MPI may still read and write packets: they stay behind, in a process that is
     * about to end. */
    snn_ends_clear(&exchange->ends, exchange->running);
    snn_codec_workspace_destroy(exchange->workspace);
    snn_shares_destroy(exchange->shares);
    snn_release(exchange->shared_bytes);
    snn_release(exchange);
}

void snn_exchange_destroy(snn_exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    /* Freeing a communicator takes all ranks; after a broken run this one is on its own. */
    if (!exchange->running) {
        (void)MPI_Comm_free(&exchange->communicator);
    }
    release(exchange);
}

static snn_status weigh_shared(snn_exchange *exchange, const snn_network *network, const snn_plan *plan, int32_t rank)
{
    const snn_place place = snn_plan_place(plan, rank);
    exchange->shared_bytes = snn_allocate((size_t)network->population_count, sizeof *exchange->shared_bytes);
    if (exchange->shared_bytes == NULL) {
        return snn_out_of_memory("exchange");
    }
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population *of = &network->populations[p];
        if (snn_shares_sends(exchange->shares, p)) {
            const int64_t bits = of->kind == SNN_NEURON_STREAM ? 8 * SNN_SUM_BYTES : network->windows.steps > 0 ? 8 : 1;
            const int32_t channels = snn_channel_range_count(snn_plan_owned(plan, network, place, p));
            exchange->shared_bytes[p] = (snn_shape_positions(of->shape) * channels * bits + 7) / 8;
        }
    }
    return snn_ok();
}

/* What each packet costs on its links, which tells coders what compression is worth. Collective. */
static snn_status price(snn_exchange *exchange, snn_world *world, const snn_edges *edges)
{
    snn_links links;
    snn_status status = snn_links_measure(world, exchange->communicator, edges, &links);
    for (int32_t i = 0; i < exchange->ends.outlet_count && !snn_failed(status); i++) {
        snn_outlet *out = &exchange->ends.outlets[i];
        for (int32_t target = 0; target < out->targets; target++) {
            out->byte_seconds += snn_links_byte_seconds(&links, out->to[target]);
        }
        status = snn_packet_coder_set_link(out->coder, out->byte_seconds);
    }
    return status;
}

static snn_status check_tags(MPI_Comm communicator, const snn_network *network)
{
    int *largest = NULL;
    int known = 0;
    SNN_TRY(snn_mpi_check(MPI_Comm_get_attr(communicator, MPI_TAG_UB, &largest, &known), "MPI_Comm_get_attr"));
    if (known && network->population_count > *largest) { /* one is for none */
        return snn_advise(snn_fail(SNN_INTERNAL_ERROR,
                                   "%ld populations, but this MPI library has message tags up to %d only",
                                   (long)network->population_count, *largest),
                          "use one with larger tags, such as Open MPI or MPICH");
    }
    return snn_ok();
}

snn_status snn_exchange_create(snn_world *world, const snn_network *network, const snn_plan *plan,
                               const snn_wavefront_options *options, snn_timers *timers, snn_exchange **exchange)
{
    *exchange = NULL;
    int32_t rank = snn_world_rank(world);
    snn_edges edges = {0};
    snn_timing *timings = NULL;
    snn_status status = snn_ok();
    MPI_Comm communicator = MPI_COMM_NULL;
    /* First of all, because every rank must take part whatever else fails. */
    SNN_TRY(snn_mpi_check(MPI_Comm_dup(snn_mpi_communicator(world), &communicator), "MPI_Comm_dup"));
    snn_exchange *created = snn_allocate(1, sizeof *created);
    if (created == NULL) {
        SNN_GOTO_DONE(status, snn_out_of_memory("exchange"));
    }
    created->communicator = communicator;
    created->unused_tag = network->population_count;
    created->timers = timers;
    created->crowded = snn_world_crowded(world);
    created->patience = snn_mpi_patience(world);
    SNN_GOTO_DONE(status, snn_codec_workspace_create(options->eta, options->timesteps, &created->workspace));
    SNN_GOTO_DONE(status, check_tags(communicator, network));
    SNN_GOTO_DONE(status, snn_edges_derive(plan, network, rank, &edges));
    if (network->windows.steps > 0) {
        timings = snn_allocate((size_t)network->population_count, sizeof *timings);
        if (timings == NULL) {
            SNN_GOTO_DONE(status, snn_out_of_memory("exchange"));
        }
        snn_network_timings(network, timings);
    }
done:
    status = snn_world_agree(world, status);
    if (!snn_failed(status)) {
        const snn_shares_options shared = {.images = options->images,
                                           .block = (int32_t)snn_smaller(options->block, options->timesteps),
                                           .timings = timings};
        status = snn_shares_create(world, network, plan, &shared, &edges, &created->shares);
    }
    if (!snn_failed(status)) {
        created->traffic.refused = snn_shares_refused(created->shares);
        status = weigh_shared(created, network, plan, rank);
    }
    if (!snn_failed(status)) {
        status = snn_ends_create(network, plan, options, timings, &edges, rank, created->workspace, &created->ends);
    }
    status = snn_world_agree(world, status);
    if (!snn_failed(status)) {
        status = snn_world_agree(world, price(created, world, &edges));
    }
    snn_edges_clear(&edges);
    snn_release(timings);
    if (snn_failed(status)) {
        release(created);
        (void)MPI_Comm_free(&communicator);
        return status;
    }
    *exchange = created;
    return status;
}

const snn_wavefront_traffic *snn_exchange_traffic(const snn_exchange *exchange)
{
    return &exchange->traffic;
}

/* --- messages --- */

/* Adds the seconds since `since` to a timer; returns now. */
static double charge(snn_exchange *exchange, snn_timer timer, double since)
{
    return snn_timers_charge(exchange->timers, timer, since);
}

/* Completes a request: what a look at it takes is communication, what follows is waiting for the peer. */
static snn_status complete(snn_exchange *exchange, int32_t whom, MPI_Request *request, MPI_Status *envelope)
{
    int done = 0;
    double start = snn_seconds();
    SNN_TRY(snn_mpi_check(MPI_Test(request, &done, envelope), "MPI_Test"));
    start = charge(exchange, SNN_TIMER_COMMUNICATE, start);
    if (done) {
        return snn_ok();
    }
    SNN_TRY(snn_mpi_wait(exchange->patience, whom, request, envelope));
    (void)charge(exchange, SNN_TIMER_WAIT, start);
    return snn_ok();
}

static snn_status post(snn_exchange *exchange, snn_inlet *in, int64_t number)
{
    if (number >= exchange->items) {
        return snn_ok();
    }
    double start = snn_seconds();
    int slot = (int)(number % SNN_ITEM_SLOTS);
    SNN_TRY(snn_mpi_check(MPI_Irecv(in->buffer[slot], in->bound, MPI_BYTE, in->from, in->source, exchange->communicator,
                                    &in->request[slot]),
                          "MPI_Irecv"));
    (void)charge(exchange, SNN_TIMER_COMMUNICATE, start);
    return snn_ok();
}

snn_status snn_exchange_extend(snn_exchange *exchange, int64_t items)
{
    const int64_t first = exchange->items;
    exchange->running = true;
    exchange->items += items;
    for (int32_t i = 0; i < exchange->ends.inlet_count; i++) {
        for (int64_t number = first; number < first + SNN_ITEM_SLOTS; number++) {
            SNN_TRY(post(exchange, &exchange->ends.inlets[i], number));
        }
    }
    return snn_ok();
}

static snn_packet_block block_of(const snn_shard *shard, int32_t population)
{
    return (snn_packet_block){.spikes = snn_shard_spikes(shard, population), .sums = snn_shard_sums(shard, population)};
}

/* Whether a population's spikes lie in memory by neuron (core/network/spikes.h). */
static bool has_windows(const snn_shard *shard, int32_t population)
{
    return snn_shard_spikes(shard, population).window > 0 && snn_shard_sums(shard, population).values == NULL;
}

/* Of so many planes of a packet. */
static int64_t planes_in_memory(const snn_shard *shard, int32_t population, int32_t planes)
{
    return has_windows(shard, population) ? (planes + SNN_BYTE_STEPS - 1) / SNN_BYTE_STEPS : planes;
}

static int64_t placed_bytes(const snn_inlet *in, const snn_shard *shard, int32_t planes, int32_t images)
{
    const int64_t plane = (int64_t)snn_packet_raw_bytes(in->coder, 1, images);
    return planes_in_memory(shard, in->source, planes) * plane * (has_windows(shard, in->source) ? SNN_BYTE_STEPS : 1);
}

static snn_status receive_packet(snn_exchange *exchange, snn_inlet *in, const snn_item *item, const snn_shard *shard)
{
    int slot = (int)(item->number % SNN_ITEM_SLOTS);
    int bytes = 0;
    MPI_Status envelope;
    SNN_TRY_CONTEXT(complete(exchange, in->from, &in->request[slot], &envelope), "receiving from rank %ld",
                    (long)in->from);
    SNN_TRY(snn_mpi_check(MPI_Get_count(&envelope, MPI_BYTE, &bytes), "MPI_Get_count"));
    double start = snn_seconds();
    const snn_packet_block block = block_of(shard, in->source);
    const int32_t planes = snn_shard_planes(shard, in->source, item->steps);
    SNN_TRY_CONTEXT(snn_packet_decode(in->coder, in->buffer[slot], (size_t)bytes, (uint32_t)item->group,
                                      (uint32_t)item->first_step, planes, item->images, &block),
                    "from rank %ld", (long)in->from);
    if (in->common) {
        exchange->traffic.shared_blocks++;
        exchange->traffic.shared_bytes += placed_bytes(in, shard, planes, item->images);
    }
    exchange->traffic.lines[in->kind][snn_packet_coder_chosen(in->coder)].decode_seconds +=
        charge(exchange, SNN_TIMER_DECODE, start) - start;
    return post(exchange, in, item->number + SNN_ITEM_SLOTS);
}

/* Asks for what never comes: MPI answers at once, without moving anything, where it has what is asked for, such as a
 * packet of an item that is not wanted yet. */
static snn_status move_messages(const snn_exchange *exchange)
{
    int arrived = 0;
    MPI_Status envelope;
    return snn_mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, exchange->unused_tag, exchange->communicator, &arrived, &envelope),
                         "MPI_Iprobe");
}

void snn_exchange_begin_item(const snn_exchange *exchange, const snn_item *item, snn_shard *shard)
{
    snn_shares_begin_item(exchange->shares, item->number, shard);
}

typedef struct awaited {
    snn_exchange *exchange;
    snn_shares_obstacle obstacle;
} awaited;

/* Messages have to move meanwhile, those that say who waits, too. */
static snn_status look_at_obstacle(void *context, bool *done)
{
    const awaited *of = context;
    *done = snn_shares_is_past(&of->obstacle);
    return *done ? snn_ok() : move_messages(of->exchange);
}

static snn_status await(awaited *of)
{
    const double start = snn_seconds();
    SNN_TRY_CONTEXT(snn_mpi_wait_until(of->exchange->patience, of->obstacle.rank, look_at_obstacle, of),
                    "waiting for rank %ld", (long)of->obstacle.rank);
    (void)charge(of->exchange, SNN_TIMER_WAIT, start);
    return snn_ok();
}

/* Those that `population` is the first to need. */
static snn_status receive_packets(snn_exchange *exchange, int32_t population, const snn_item *item,
                                  const snn_shard *shard)
{
    const int32_t begin = exchange->ends.inlet_begin[population], end = exchange->ends.inlet_begin[population + 1];
    awaited of = {.exchange = exchange};
    if (begin == end) {
        return snn_ok();
    }
    while (snn_shares_full(exchange->shares, item->number, population, &of.obstacle)) {
        SNN_TRY(await(&of));
    }
    for (int32_t i = begin; i < end; i++) {
        SNN_TRY(receive_packet(exchange, &exchange->ends.inlets[exchange->ends.inlet_order[i]], item, shard));
    }
    snn_shares_placed(exchange->shares, item->number, population);
    return snn_ok();
}

snn_status snn_exchange_receive(snn_exchange *exchange, int32_t begin, int32_t end, const snn_item *item,
                                const snn_shard *shard)
{
    awaited of = {.exchange = exchange};
    SNN_TRY(receive_packets(exchange, begin, item, shard));
    while (snn_shares_blocked(exchange->shares, item->number, begin, end, &of.obstacle)) {
        SNN_TRY(await(&of));
    }
    return snn_ok();
}

bool snn_exchange_receives(const snn_exchange *exchange, int32_t population)
{
    return exchange->ends.inlet_begin[population] < exchange->ends.inlet_begin[population + 1] ||
           snn_shares_receives(exchange->shares, population);
}

bool snn_exchange_sends(const snn_exchange *exchange, int32_t population)
{
    return exchange->ends.outlet_begin[population] < exchange->ends.outlet_begin[population + 1] ||
           snn_shares_sends(exchange->shares, population);
}

static snn_status drain(snn_exchange *exchange, snn_outlet *out, int slot)
{
    for (int32_t target = 0; target < out->targets; target++) {
        MPI_Status envelope;
        SNN_TRY_CONTEXT(complete(exchange, out->to[target], &out->request[slot][target], &envelope),
                        "sending to rank %ld", (long)out->to[target]);
    }
    return snn_ok();
}

static void count_packet(snn_exchange *exchange, const snn_outlet *out, size_t raw_bytes, size_t sent_bytes,
                         double encode_seconds)
{
    snn_wavefront_traffic *traffic = &exchange->traffic;
    traffic->packets += out->targets;
    traffic->raw_bytes += out->targets * (int64_t)raw_bytes;
    traffic->sent_bytes += out->targets * (int64_t)sent_bytes;
    snn_traffic_line *line = &traffic->lines[out->kind][snn_packet_coder_chosen(out->coder)];
    line->packets += out->targets;
    line->raw_bytes += out->targets * (double)raw_bytes;
    line->sent_bytes += out->targets * (double)sent_bytes;
    line->encode_seconds += encode_seconds;
    if (raw_bytes > sent_bytes) {
        line->saved_seconds += (double)(raw_bytes - sent_bytes) * out->byte_seconds;
    }
}

static snn_status send_packet(snn_exchange *exchange, snn_outlet *out, const snn_item *item, const snn_shard *shard)
{
    int slot = (int)(item->number % SNN_ITEM_SLOTS);
    size_t bytes = 0;
    SNN_TRY(drain(exchange, out, slot));
    double start = snn_seconds();
    const snn_packet_block block = block_of(shard, out->source);
    const int32_t planes = snn_shard_planes(shard, out->source, item->steps);
    SNN_TRY(snn_packet_encode(out->coder, &block, (uint32_t)item->group, (uint32_t)item->first_step, planes,
                              item->images, out->buffer[slot], &bytes));
    double coded = charge(exchange, SNN_TIMER_ENCODE, start);
    count_packet(exchange, out, snn_packet_raw_bytes(out->coder, planes, item->images), bytes, coded - start);
    for (int32_t target = 0; target < out->targets; target++) {
        SNN_TRY(snn_mpi_check(MPI_Isend(out->buffer[slot], (int)bytes, MPI_BYTE, out->to[target], out->source,
                                        exchange->communicator, &out->request[slot][target]),
                              "MPI_Isend"));
    }
    (void)charge(exchange, SNN_TIMER_COMMUNICATE, coded);
    return snn_ok();
}

snn_status snn_exchange_send(snn_exchange *exchange, int32_t end, const snn_item *item, const snn_shard *shard)
{
    const int32_t population = end - 1;
    snn_shares_advance(exchange->shares, item->number, end);
    if (exchange->shared_bytes[population] > 0) {
        exchange->traffic.shared_blocks++;
        exchange->traffic.shared_bytes +=
            planes_in_memory(shard, population, snn_shard_planes(shard, population, item->steps)) * item->images *
            exchange->shared_bytes[population];
    }
    for (int32_t i = exchange->ends.outlet_begin[population]; i < exchange->ends.outlet_begin[population + 1]; i++) {
        SNN_TRY(send_packet(exchange, &exchange->ends.outlets[i], item, shard));
    }
    return snn_ok();
}

void snn_exchange_end_item(snn_exchange *exchange, const snn_item *item)
{
    snn_shares_advance(exchange->shares, item->number + 1, 0);
}

snn_status snn_exchange_progress(snn_exchange *exchange)
{
    if (exchange->crowded || exchange->ends.inlet_count + exchange->ends.outlet_count == 0) {
        return snn_ok();
    }
    const double start = snn_seconds();
    SNN_TRY(move_messages(exchange));
    (void)charge(exchange, SNN_TIMER_COMMUNICATE, start);
    return snn_ok();
}

snn_status snn_exchange_finish(snn_exchange *exchange)
{
    for (int32_t i = 0; i < exchange->ends.outlet_count; i++) {
        for (int slot = 0; slot < SNN_ITEM_SLOTS; slot++) {
            SNN_TRY(drain(exchange, &exchange->ends.outlets[i], slot));
        }
    }
    snn_shares_finish(exchange->shares, exchange->items);
    exchange->running = false;
    exchange->items = 0;
    return snn_ok();
}
