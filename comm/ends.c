#include "comm/ends.h"

#include "core/base/memory.h"

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

static snn_status create_buffers(const snn_packet_coder *coder, uint8_t *buffer[SNN_ITEM_SLOTS])
{
    for (int slot = 0; slot < SNN_ITEM_SLOTS; slot++) {
        buffer[slot] = snn_allocate(snn_packet_bound(coder), 1);
        if (buffer[slot] == NULL) {
            return snn_out_of_memory("packet buffer");
        }
    }
    return snn_ok();
}

static snn_status create_inlet(const snn_network *network, const snn_plan *plan, const snn_wavefront_options *options,
                               snn_codec_workspace *workspace, const snn_edge *edge, snn_inlet *created)
{
    created->source = edge->source;
    created->from = edge->from;
    created->common = edge->common;
    created->kind = kind_of(plan, edge);
    created->consumer = snn_edge_first_reader(plan, network, edge);
    SNN_TRY(create_coder(network, options, workspace, edge, &created->coder));
    created->bound = (int)snn_packet_bound(created->coder);
    return create_buffers(created->coder, created->buffer);
}

/* `edge` is the first edge of a packet, number `first` of the list. */
static snn_status create_outlet(const snn_network *network, const snn_plan *plan, const snn_wavefront_options *options,
                                snn_codec_workspace *workspace, const snn_edges *edges, int32_t first,
                                snn_outlet *created)
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
    for (int slot = 0; slot < SNN_ITEM_SLOTS; slot++) {
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

static snn_status create_index(snn_ends *ends, int32_t populations)
{
    ends->inlet_begin = snn_allocate((size_t)populations + 1, sizeof *ends->inlet_begin);
    ends->outlet_begin = snn_allocate((size_t)populations + 1, sizeof *ends->outlet_begin);
    ends->inlet_order = snn_allocate((size_t)ends->inlet_count, sizeof *ends->inlet_order);
    if (ends->inlet_begin == NULL || ends->outlet_begin == NULL || ends->inlet_order == NULL) {
        return snn_out_of_memory("exchange");
    }
    for (int32_t i = 0; i < ends->inlet_count; i++) {
        ends->inlet_begin[ends->inlets[i].consumer + 1]++;
    }
    for (int32_t i = 0; i < ends->outlet_count; i++) {
        ends->outlet_begin[ends->outlets[i].source + 1]++;
    }
    snn_edges_accumulate(ends->inlet_begin, populations);
    snn_edges_accumulate(ends->outlet_begin, populations);
    /* Outlets are in the order of sources already. */
    int32_t next = 0;
    for (int32_t population = 0; population < populations; population++) {
        for (int32_t i = 0; i < ends->inlet_count; i++) {
            if (ends->inlets[i].consumer == population) {
                ends->inlet_order[next] = i;
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

snn_status snn_ends_create(const snn_network *network, const snn_plan *plan, const snn_wavefront_options *options,
                           const snn_timing *timings, const snn_edges *edges, int32_t rank,
                           snn_codec_workspace *workspace, snn_ends *ends)
{
    int32_t inlets = 0;
    int32_t outlets = 0;
    for (int32_t i = 0; i < edges->count; i++) {
        inlets += edges->edges[i].to == rank;
        outlets += edges->edges[i].from == rank && edges->edges[i].packet == i;
    }
    ends->inlets = snn_allocate((size_t)inlets, sizeof *ends->inlets);
    ends->outlets = snn_allocate((size_t)outlets, sizeof *ends->outlets);
    if (ends->inlets == NULL || ends->outlets == NULL) {
        return snn_out_of_memory("exchange");
    }
    for (int32_t i = 0; i < edges->count; i++) {
        const snn_edge *edge = &edges->edges[i];
        const snn_wavefront_options own = options_of(options, timings, edge->source);
        if (edge->to == rank) {
            snn_inlet *created = &ends->inlets[ends->inlet_count];
            ends->inlet_count++; /* counted first, so that a half-made one is cleaned up */
            created->request[0] = created->request[1] = MPI_REQUEST_NULL;
            SNN_TRY(create_inlet(network, plan, &own, workspace, edge, created));
        } else if (edge->from == rank && edge->packet == i) {
            snn_outlet *created = &ends->outlets[ends->outlet_count];
            ends->outlet_count++;
            SNN_TRY(create_outlet(network, plan, &own, workspace, edges, i, created));
        }
    }
    return create_index(ends, network->population_count);
}

void snn_ends_clear(snn_ends *ends, bool in_flight)
{
    for (int32_t i = 0; i < ends->inlet_count; i++) {
        snn_packet_coder_destroy(ends->inlets[i].coder);
    }
    for (int32_t i = 0; i < ends->outlet_count; i++) {
        snn_packet_coder_destroy(ends->outlets[i].coder);
        snn_release(ends->outlets[i].to);
    }
    for (int slot = 0; slot < SNN_ITEM_SLOTS && !in_flight; slot++) {
        for (int32_t i = 0; i < ends->inlet_count; i++) {
            snn_release(ends->inlets[i].buffer[slot]);
        }
        for (int32_t i = 0; i < ends->outlet_count; i++) {
            snn_release(ends->outlets[i].buffer[slot]);
            snn_release(ends->outlets[i].request[slot]);
        }
    }
    snn_release(ends->inlets);
    snn_release(ends->outlets);
    snn_release(ends->inlet_order);
    snn_release(ends->inlet_begin);
    snn_release(ends->outlet_begin);
}
