#include "comm/exchange.h"

#include "comm/edges.h"
#include "comm/links.h"
#include "comm/mpi_wait.h"
#include "comm/shares.h"
#include "core/base/integers.h"
#include "core/base/memory.h"
#include "core/network/timing.h"

enum { SLOTS = 2 }; /* items in flight per inlet and outlet */

typedef struct inlet {
    int32_t source;   /* population */
    int32_t consumer; /* first population of this rank that needs it */
    int32_t from;     /* rank */
    snn_edge_kind kind;
    snn_packet_coder *coder;
    int bound; /* bytes */
    uint8_t *buffer[SLOTS];
    MPI_Request request[SLOTS];
} inlet;

typedef struct outlet {
    int32_t source;
    snn_edge_kind kind;  /* of the first target */
    double byte_seconds; /* to all targets */
    snn_packet_coder *coder;
    uint8_t *buffer[SLOTS];
    int32_t targets;
    int32_t *to;                 /* [targets]: ranks */
    MPI_Request *request[SLOTS]; /* [targets] */
} outlet;

struct snn_exchange {
    MPI_Comm communicator;
    snn_timers *timers;
    snn_wavefront_traffic traffic;
    snn_codec_workspace *workspace;
    int64_t items; /* announced since the last finish */
    bool crowded;  /* more ranks than processors */
    snn_patience *patience;
    bool running;  /* between begin and finish: messages may be in flight */
    inlet *inlets; /* [inlet_count] */
    int32_t inlet_count;
    outlet *outlets; /* [outlet_count] */
    int32_t outlet_count;
    int32_t *inlet_order; /* inlets by consumer; those of population p are [inlet_begin[p], inlet_begin[p + 1]) */
    int32_t *inlet_begin;
    int32_t *outlet_begin; /* outlets by source, likewise */
    snn_shares *shares;
    int64_t *shared_bytes; /* [populations]: that this rank writes for others in a plane of an image; 0: none */
};

/* --- creation --- */

/* Frees everything but the communicator. */
static void release(snn_exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    for (int32_t i = 0; i < exchange->inlet_count; i++) {
        snn_packet_coder_destroy(exchange->inlets[i].coder);
    }
    for (int32_t i = 0; i < exchange->outlet_count; i++) {
        snn_packet_coder_destroy(exchange->outlets[i].coder);
        snn_release(exchange->outlets[i].to);
    }
    /* Broken off in the middle of a run, MPI may still read and write packets: they stay behind, in a process that is
     * about to end. */
    for (int slot = 0; slot < SLOTS && !exchange->running; slot++) {
        for (int32_t i = 0; i < exchange->inlet_count; i++) {
            snn_release(exchange->inlets[i].buffer[slot]);
        }
        for (int32_t i = 0; i < exchange->outlet_count; i++) {
            snn_release(exchange->outlets[i].buffer[slot]);
            snn_release(exchange->outlets[i].request[slot]);
        }
    }
    snn_codec_workspace_destroy(exchange->workspace);
    snn_release(exchange->inlets);
    snn_release(exchange->outlets);
    snn_release(exchange->inlet_order);
    snn_release(exchange->inlet_begin);
    snn_release(exchange->outlet_begin);
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

const char *snn_edge_kind_name(snn_edge_kind kind)
{
    static const char *const names[SNN_EDGE_KIND_COUNT] = {"spikes between stages", "spikes between shards",
                                                           "sums between stages", "sums between shards"};
    return names[kind];
}

static snn_edge_kind kind_of(const snn_plan *plan, const snn_edge *edge)
{
    const bool stages = snn_plan_place(plan, edge->from).stage != snn_plan_place(plan, edge->to).stage;
    if (edge->payload == SNN_PAYLOAD_INTEGERS) {
        return stages ? SNN_EDGE_SUMS_STAGES : SNN_EDGE_SUMS_SHARDS;
    }
    return stages ? SNN_EDGE_SPIKES_STAGES : SNN_EDGE_SPIKES_SHARDS;
}

static snn_status create_coder(const snn_network *network, const snn_wavefront_options *options,
                               snn_codec_workspace *workspace, const snn_edge *edge, snn_packet_coder **coder)
{
    const snn_population *population = &network->populations[edge->source];
    const snn_packet_shape shape = {.edge = snn_edge_number(edge),
                                    .payload = edge->payload,
                                    .positions = snn_shape_positions(population->shape),
                                    .channel_begin = edge->channels.begin,
                                    .channel_end = edge->channels.end,
                                    .images = options->images,
                                    .block = options->block < options->timesteps ? options->block : options->timesteps,
                                    .width = network->windows.steps > 0 ? population->shape.width : 0};
    SNN_TRY_CONTEXT(snn_packet_coder_create(&shape, options->codec, workspace, coder), "%s of %s",
                    edge->payload == SNN_PAYLOAD_INTEGERS ? "sums" : "spikes", population->name);
    return snn_ok();
}

static snn_status create_buffers(const snn_packet_coder *coder, uint8_t *buffer[SLOTS])
{
    for (int slot = 0; slot < SLOTS; slot++) {
        buffer[slot] = snn_allocate(snn_packet_bound(coder), 1);
        if (buffer[slot] == NULL) {
            return snn_out_of_memory("packet buffer");
        }
    }
    return snn_ok();
}

static snn_status create_inlet(const snn_network *network, const snn_plan *plan, const snn_wavefront_options *options,
                               snn_codec_workspace *workspace, const snn_edge *edge, inlet *created)
{
    created->source = edge->source;
    created->from = edge->from;
    created->kind = kind_of(plan, edge);
    created->consumer = snn_edge_first_reader(plan, network, edge);
    SNN_TRY(create_coder(network, options, workspace, edge, &created->coder));
    created->bound = (int)snn_packet_bound(created->coder);
    return create_buffers(created->coder, created->buffer);
}

/* `edge` is the first edge of a packet, number `first` of the list. */
static snn_status create_outlet(const snn_network *network, const snn_plan *plan, const snn_wavefront_options *options,
                                snn_codec_workspace *workspace, const snn_edges *edges, int32_t first, outlet *created)
{
    const snn_edge *edge = &edges->edges[first];
    created->source = edge->source;
    created->kind = kind_of(plan, edge);
    SNN_TRY(create_coder(network, options, workspace, edge, &created->coder));
    SNN_TRY(create_buffers(created->coder, created->buffer));
    int32_t targets = 0;
    for (int32_t i = first; i < edges->count && edges->edges[i].source == edge->source; i++) {
        targets += edges->edges[i].packet == first;
    }
    created->to = snn_allocate((size_t)targets, sizeof *created->to);
    if (created->to == NULL) {
        return snn_out_of_memory("packet receivers");
    }
    for (int slot = 0; slot < SLOTS; slot++) {
        created->request[slot] = snn_allocate((size_t)targets, sizeof(MPI_Request));
        if (created->request[slot] == NULL) {
            return snn_out_of_memory("packet receivers");
        }
        for (int32_t target = 0; target < targets; target++) {
            created->request[slot][target] = MPI_REQUEST_NULL;
        }
    }
    for (int32_t i = first; created->targets < targets; i++) {
        if (edges->edges[i].packet == first) {
            created->to[created->targets] = edges->edges[i].to;
            created->targets++;
        }
    }
    return snn_ok();
}

/* Number of counters `begin`, whose index p + 1 holds how many belong to p, into beginnings. */
static void accumulate(int32_t *begin, int32_t populations)
{
    for (int32_t population = 0; population < populations; population++) {
        begin[population + 1] += begin[population];
    }
}

static snn_status create_index(snn_exchange *exchange, int32_t populations)
{
    exchange->inlet_begin = snn_allocate((size_t)populations + 1, sizeof *exchange->inlet_begin);
    exchange->outlet_begin = snn_allocate((size_t)populations + 1, sizeof *exchange->outlet_begin);
    exchange->inlet_order = snn_allocate((size_t)exchange->inlet_count, sizeof *exchange->inlet_order);
    if (exchange->inlet_begin == NULL || exchange->outlet_begin == NULL || exchange->inlet_order == NULL) {
        return snn_out_of_memory("exchange");
    }
    for (int32_t i = 0; i < exchange->inlet_count; i++) {
        exchange->inlet_begin[exchange->inlets[i].consumer + 1]++;
    }
    for (int32_t i = 0; i < exchange->outlet_count; i++) {
        exchange->outlet_begin[exchange->outlets[i].source + 1]++;
    }
    accumulate(exchange->inlet_begin, populations);
    accumulate(exchange->outlet_begin, populations);
    /* Outlets are in the order of sources already. */
    int32_t next = 0;
    for (int32_t population = 0; population < populations; population++) {
        for (int32_t i = 0; i < exchange->inlet_count; i++) {
            if (exchange->inlets[i].consumer == population) {
                exchange->inlet_order[next] = i;
                next++;
            }
        }
    }
    return snn_ok();
}

/* What the packets of a source carry at most: with windows its planes, which of streams may be few. */
static snn_wavefront_options options_of(const snn_wavefront_options *options, const snn_timing *timings, int32_t source)
{
    snn_wavefront_options own = *options;
    own.block = timings != NULL ? timings[source].planes : options->block;
    return own;
}

/* `timings` [population_count]: of a network with windows, else NULL. */
static snn_status create_ends(snn_exchange *exchange, const snn_network *network, const snn_plan *plan,
                              const snn_wavefront_options *options, const snn_timing *timings, const snn_edges *edges,
                              int32_t rank)
{
    int32_t inlets = 0;
    int32_t outlets = 0;
    for (int32_t i = 0; i < edges->count; i++) {
        inlets += edges->edges[i].to == rank;
        outlets += edges->edges[i].from == rank && edges->edges[i].packet == i;
    }
    exchange->inlets = snn_allocate((size_t)inlets, sizeof *exchange->inlets);
    exchange->outlets = snn_allocate((size_t)outlets, sizeof *exchange->outlets);
    if (exchange->inlets == NULL || exchange->outlets == NULL) {
        return snn_out_of_memory("exchange");
    }
    for (int32_t i = 0; i < edges->count; i++) {
        const snn_edge *edge = &edges->edges[i];
        const snn_wavefront_options own = options_of(options, timings, edge->source);
        if (edge->to == rank) {
            inlet *created = &exchange->inlets[exchange->inlet_count];
            exchange->inlet_count++; /* counted first, so that a half-made one is cleaned up */
            created->request[0] = created->request[1] = MPI_REQUEST_NULL;
            SNN_TRY(create_inlet(network, plan, &own, exchange->workspace, edge, created));
        } else if (edge->from == rank && edge->packet == i) {
            outlet *created = &exchange->outlets[exchange->outlet_count];
            exchange->outlet_count++;
            SNN_TRY(create_outlet(network, plan, &own, exchange->workspace, edges, i, created));
        }
    }
    return create_index(exchange, network->population_count);
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
            const int64_t bits = of->kind == SNN_NEURON_STREAM ? 8 * SNN_SUM_BYTES : 1;
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
    for (int32_t i = 0; i < exchange->outlet_count && !snn_failed(status); i++) {
        outlet *out = &exchange->outlets[i];
        for (int32_t target = 0; target < out->targets; target++) {
            out->byte_seconds += snn_links_byte_seconds(&links, out->to[target]);
        }
        status = snn_packet_coder_set_link(out->coder, out->byte_seconds);
    }
    snn_links_clear(&links);
    return status;
}

static snn_status check_tags(MPI_Comm communicator, const snn_network *network)
{
    int *largest = NULL;
    int known = 0;
    SNN_TRY(snn_mpi_check(MPI_Comm_get_attr(communicator, MPI_TAG_UB, &largest, &known), "MPI_Comm_get_attr"));
    if (known && network->population_count - 1 > *largest) {
        return snn_fail(SNN_INTERNAL_ERROR, "%ld populations, but this MPI library has message tags up to %d only",
                        (long)network->population_count, *largest);
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
        status = create_ends(created, network, plan, options, timings, &edges, rank);
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

static snn_status post(snn_exchange *exchange, inlet *in, int64_t number)
{
    if (number >= exchange->items) {
        return snn_ok();
    }
    double start = snn_seconds();
    int slot = (int)(number % SLOTS);
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
    for (int32_t i = 0; i < exchange->inlet_count; i++) {
        for (int64_t number = first; number < first + SLOTS; number++) {
            SNN_TRY(post(exchange, &exchange->inlets[i], number));
        }
    }
    return snn_ok();
}

static snn_packet_block block_of(const snn_shard *shard, int32_t population)
{
    return (snn_packet_block){.spikes = snn_shard_spikes(shard, population), .sums = snn_shard_sums(shard, population)};
}

static snn_status receive_packet(snn_exchange *exchange, inlet *in, const snn_item *item, const snn_shard *shard)
{
    int slot = (int)(item->number % SLOTS);
    int bytes = 0;
    MPI_Status envelope;
    SNN_TRY_CONTEXT(complete(exchange, in->from, &in->request[slot], &envelope), "receiving from rank %ld",
                    (long)in->from);
    SNN_TRY(snn_mpi_check(MPI_Get_count(&envelope, MPI_BYTE, &bytes), "MPI_Get_count"));
    double start = snn_seconds();
    const snn_packet_block block = block_of(shard, in->source);
    SNN_TRY_CONTEXT(snn_packet_decode(in->coder, in->buffer[slot], (size_t)bytes, (uint32_t)item->group,
                                      (uint32_t)item->first_step, snn_shard_planes(shard, in->source, item->steps),
                                      item->images, &block),
                    "from rank %ld", (long)in->from);
    exchange->traffic.lines[in->kind][snn_packet_coder_chosen(in->coder)].decode_seconds +=
        charge(exchange, SNN_TIMER_DECODE, start) - start;
    return post(exchange, in, item->number + SLOTS);
}

static snn_status move_messages(const snn_exchange *exchange)
{
    int arrived = 0;
    MPI_Status envelope;
    return snn_mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, exchange->communicator, &arrived, &envelope),
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

static snn_status await_shared(snn_exchange *exchange, int32_t begin, int32_t end, const snn_item *item)
{
    awaited of = {.exchange = exchange};
    const double start = snn_seconds();
    bool waited = false;
    while (snn_shares_blocked(exchange->shares, item->number, begin, end, &of.obstacle)) {
        waited = true;
        SNN_TRY_CONTEXT(snn_mpi_wait_until(exchange->patience, of.obstacle.rank, look_at_obstacle, &of),
                        "waiting for rank %ld", (long)of.obstacle.rank);
    }
    if (waited) {
        (void)charge(exchange, SNN_TIMER_WAIT, start);
    }
    return snn_ok();
}

snn_status snn_exchange_receive(snn_exchange *exchange, int32_t begin, int32_t end, const snn_item *item,
                                const snn_shard *shard)
{
    for (int32_t i = exchange->inlet_begin[begin]; i < exchange->inlet_begin[begin + 1]; i++) {
        SNN_TRY(receive_packet(exchange, &exchange->inlets[exchange->inlet_order[i]], item, shard));
    }
    return await_shared(exchange, begin, end, item);
}

bool snn_exchange_receives(const snn_exchange *exchange, int32_t population)
{
    return exchange->inlet_begin[population] < exchange->inlet_begin[population + 1] ||
           snn_shares_receives(exchange->shares, population);
}

bool snn_exchange_sends(const snn_exchange *exchange, int32_t population)
{
    return exchange->outlet_begin[population] < exchange->outlet_begin[population + 1] ||
           snn_shares_sends(exchange->shares, population);
}

static snn_status drain(snn_exchange *exchange, outlet *out, int slot)
{
    for (int32_t target = 0; target < out->targets; target++) {
        MPI_Status envelope;
        SNN_TRY_CONTEXT(complete(exchange, out->to[target], &out->request[slot][target], &envelope),
                        "sending to rank %ld", (long)out->to[target]);
    }
    return snn_ok();
}

static void count_packet(snn_exchange *exchange, const outlet *out, size_t raw_bytes, size_t sent_bytes,
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

static snn_status send_packet(snn_exchange *exchange, outlet *out, const snn_item *item, const snn_shard *shard)
{
    int slot = (int)(item->number % SLOTS);
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
            snn_shard_planes(shard, population, item->steps) * item->images * exchange->shared_bytes[population];
    }
    for (int32_t i = exchange->outlet_begin[population]; i < exchange->outlet_begin[population + 1]; i++) {
        SNN_TRY(send_packet(exchange, &exchange->outlets[i], item, shard));
    }
    return snn_ok();
}

void snn_exchange_end_item(snn_exchange *exchange, const snn_item *item)
{
    snn_shares_advance(exchange->shares, item->number + 1, 0);
}

snn_status snn_exchange_progress(snn_exchange *exchange)
{
    if (exchange->crowded || exchange->inlet_count + exchange->outlet_count == 0) {
        return snn_ok();
    }
    const double start = snn_seconds();
    SNN_TRY(move_messages(exchange));
    (void)charge(exchange, SNN_TIMER_COMMUNICATE, start);
    return snn_ok();
}

snn_status snn_exchange_finish(snn_exchange *exchange)
{
    for (int32_t i = 0; i < exchange->outlet_count; i++) {
        for (int slot = 0; slot < SLOTS; slot++) {
            SNN_TRY(drain(exchange, &exchange->outlets[i], slot));
        }
    }
    snn_shares_finish(exchange->shares, exchange->items);
    exchange->running = false;
    exchange->items = 0;
    return snn_ok();
}
