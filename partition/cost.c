#include "partition/cost.h"

#include <string.h>

#include "core/base/integers.h"
#include "core/base/memory.h"
#include "partition/moments.h"

enum {
    MOST_SAMPLES = 4, /* shards of a stage that are looked at; they differ little, and may be thousands */
    BUFFERS = 2       /* of an edge: two items under way */
};

/* Who reads a population that is divided into shards. */
enum { SHARING_NONE, SHARING_READOUT, SHARING_ALL };

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

int64_t snn_cost_blocks(const snn_planner_request *request)
{
    return divide_up(request->timesteps, request->block);
}

double snn_cost_items(const snn_planner_request *request, int32_t replicas)
{
    const int64_t groups = request->objective == SNN_OBJECTIVE_LATENCY ? 1 : divide_up(request->groups, replicas);
    return (double)groups * (double)snn_cost_blocks(request);
}

double snn_cost_all_items(const snn_planner_request *request)
{
    const int64_t groups = request->objective == SNN_OBJECTIVE_LATENCY ? 1 : request->groups;
    return (double)groups * (double)snn_cost_blocks(request);
}

/* ---- traffic ---- */

/* The shard that owns a unit: the last k with units * k / shards <= unit. */
static int64_t owner(int64_t units, int64_t shards, int64_t unit)
{
    return divide_up(shards * (unit + 1), units) - 1;
}

/* Shards that own some of a range that is not empty. Between its first and last owner shards are empty only if there
 * are more shards than units, and then each unit has an owner of its own. */
static int32_t count_owners(const snn_population *population, int64_t shards, snn_channel_range range)
{
    const int64_t units = snn_plan_units(population), unit = snn_plan_unit(population);
    const int64_t first = range.begin / unit, last = (range.end - 1) / unit;
    const int64_t span = owner(units, shards, last) - owner(units, shards, first) + 1;
    return (int32_t)(span < last - first + 1 ? span : last - first + 1);
}

static bool is_stream(const snn_cost_model *model, int32_t population)
{
    return model->network->populations[population].kind == SNN_NEURON_STREAM;
}

/* Bits of one value that a population hands to its readers: of a timestep, or of all planes of a window. */
static int64_t value_bits(const snn_cost_model *model, int32_t population)
{
    const int64_t planes = model->timings != NULL ? model->timings[population].planes : 1;
    return planes * (is_stream(model, population) ? 8 * SNN_SUM_BYTES : 1);
}

/* The same in memory (core/network/spikes.h). */
static int64_t memory_bits(const snn_cost_model *model, int32_t population)
{
    const int64_t bits = value_bits(model, population);
    return model->timings != NULL && !is_stream(model, population) ? 8 * divide_up(bits, SNN_BYTE_STEPS) : bits;
}

snn_cost_traffic snn_cost_received(const snn_cost_model *model, int32_t shards, int32_t source,
                                   snn_channel_range needed, snn_channel_range owned)
{
    snn_cost_traffic traffic = {0, 0};
    const snn_channel_range own = snn_channel_range_common(needed, owned);
    const int32_t foreign = snn_channel_range_count(needed) - snn_channel_range_count(own);
    if (foreign == 0) {
        return traffic;
    }
    const snn_shape shape = model->network->populations[source].shape;
    traffic.bits = foreign * snn_shape_positions(shape) * value_bits(model, source);
    traffic.messages =
        count_owners(&model->network->populations[source], shards, needed) - (own.begin < own.end ? 1 : 0);
    return traffic;
}

/* ---- who reads what of whom ---- */

/* A plan of one stage of everything: what a shard owns and needs depends on the number of shards only. */
static snn_plan whole_plan(const snn_network *network, int32_t begin[2], int32_t *shards)
{
    begin[0] = 0;
    begin[1] = network->population_count;
    return (snn_plan){.replicas = 1, .stages = 1, .stage_begin = begin, .shards = shards};
}

/* Whether a population that is divided into so many shards can be shared by ranks of one host (comm/shares.h). */
static bool has_whole_bytes(const snn_cost_model *model, int32_t shards, int32_t population)
{
    const snn_population *of = &model->network->populations[population];
    const int64_t unit = snn_plan_unit(of), units = snn_plan_units(of);
    const bool shares = snn_network_shares_bytes(model->network, population);
    for (int64_t shard = 1; shard < shards && unit % 8 != 0 && shares; shard++) {
        const int64_t begin = units * shard / shards, end = units * (shard + 1) / shards;
        if (begin < end && begin * unit % 8 != 0) {
            return false;
        }
    }
    return true;
}

/* Whether that is done, by the ranks of a stage of so many shards (inside) or of two such stages. Where a replica has
 * several hosts, a stage of many shards may still have one of its own. */
static bool share_memory(const snn_cost_model *model, int32_t shards, bool inside, bool whole_bytes)
{
    const int32_t together = model->machine.host_ranks;
    return whole_bytes && together > 1 && (together >= model->request->ranks || (inside && together % shards == 0));
}

/* Whether shards need more of a source than they own. */
static void find_sharing(snn_cost_model *model, int32_t shards)
{
    if (model->shards == shards) {
        return;
    }
    for (int32_t i = 0; i < model->network->population_count; i++) {
        model->whole_bytes[i] = has_whole_bytes(model, shards, i);
    }
    const snn_network *network = model->network;
    int32_t begin[2];
    const snn_plan plan = whole_plan(network, begin, &shards);
    memset(model->sharing, SHARING_NONE, (size_t)network->population_count);
    for (int32_t i = 0; i < network->projection_count && shards > 1; i++) {
        const snn_projection *projection = &network->projections[i];
        if (projection->source == SNN_SOURCE_INPUT) {
            continue;
        }
        const bool readout = network->populations[projection->target].kind == SNN_NEURON_READOUT;
        for (int32_t end = 0; end < 2; end++) {
            const snn_place place = {.shard = end * (shards - 1)};
            const snn_channel_range owned = snn_plan_owned(&plan, network, place, projection->source);
            const snn_channel_range needed = snn_plan_sources(&plan, network, place, projection);
            if (snn_cost_received(model, shards, projection->source, needed, owned).bits > 0) {
                uint8_t *sharing = &model->sharing[projection->source];
                *sharing = readout && *sharing != SHARING_ALL ? SHARING_READOUT : SHARING_ALL;
            }
        }
    }
    model->shards = shards;
}

/* ---- the scan ---- */

static void add_projection(snn_stage_scan *scan, const snn_plan *plan, snn_place place, int32_t number)
{
    const snn_cost_model *model = scan->model;
    const snn_network *network = model->network;
    const snn_operator *op = &network->projections[number].op;
    const int64_t images = model->request->images;
    snn_rank_cost *cost = &scan->cost;
    int32_t begin, end;
    snn_plan_rows(plan, network, place, number, &begin, &end);
    const int64_t rows = end - begin;
    if (rows == 0) {
        return;
    }
    const int32_t products =
        model->timings != NULL ? snn_moments_products(network, model->timings, &network->projections[number]) : 1;
    const int64_t used = snn_plan_row_count(plan, network, place, number);
    cost->operations += products * snn_operator_operations(op) * used / op->target_channels;
    const snn_channel_range read = snn_plan_sources(plan, network, place, &network->projections[number]);
    cost->values += products * snn_shape_positions(op->source) * snn_channel_range_count(read);
    int64_t weights = rows * snn_operator_row_length(op) * snn_weight_bytes(network->format, op->kind);
    if (op->kind == SNN_OPERATOR_TOKENS) {
        const int64_t mixing = snn_shape_positions(op->target) * snn_shape_positions(snn_operator_pooled_shape(op));
        const bool real = network->format == SNN_WEIGHTS_FLOAT32;
        weights += mixing * (int64_t)(real ? sizeof(float) : sizeof(int16_t)); /* whole on every rank */
    }
    if (op->kind == SNN_OPERATOR_GATHER) {
        weights += rows * snn_shape_positions(op->target) * (int64_t)sizeof(int32_t); /* its index */
    }
    cost->weight_bytes += weights;
    cost->largest_bytes = weights > cost->largest_bytes ? weights : cost->largest_bytes;
    if (network->projections[number].source != SNN_SOURCE_INPUT) {
        return;
    }
    /* The wavefront's. */
    cost->image_bytes = images * (snn_shape_size(network->input) * (int64_t)sizeof(float) + (int64_t)sizeof(int64_t));
    if (!snn_encoding_is_graded(model->footprint.encoding) && !scan->encodes) {
        scan->encodes = true;
        cost->state_bytes += 2 * snn_footprint_pixels(&model->footprint);
        cost->spike_bytes += snn_footprint_pixel_spikes(&model->footprint);
    }
}

static snn_price price_of(const snn_cost_model *model, int32_t population, int32_t channels)
{
    const snn_planner_request *request = model->request;
    if (request->prices != NULL) {
        return snn_prices_of(request->prices, population, channels);
    }
    const snn_work work = {.encoding = request->encoding};
    return snn_price_assumed(model->network, model->timings, &work, population, channels);
}

/* Whether the image, graded, reaches what a shard has of a population. */
static bool sees_image(const snn_cost_model *model, const snn_plan *plan, snn_place place, int32_t number)
{
    bool sees = false;
    for (int32_t i = model->projection_begin[number]; i < model->projection_begin[number + 1] && !sees; i++) {
        int32_t begin, end;
        if (model->network->projections[i].source != SNN_SOURCE_INPUT) {
            break; /* it comes before other sources */
        }
        snn_plan_rows(plan, model->network, place, i, &begin, &end);
        sees = begin < end;
    }
    return sees && snn_encoding_is_graded(model->footprint.encoding);
}

/* Maxima of codes are taken to be such: their weights are what a scale is multiplied with, and seldom negative. */
static snn_holding holding_of(const snn_cost_model *model, const snn_plan *plan, snn_place place, int32_t number)
{
    return (snn_holding){
        .population = number,
        .owned = snn_channel_range_count(snn_plan_owned(plan, model->network, place, number)),
        .held = snn_channel_range_count(snn_plan_decoded(plan, model->network, place, number)),
        .image = sees_image(model, plan, place, number),
        .codes = snn_footprint_compares_codes(&model->footprint, number, model->projection_begin[number],
                                              model->projection_begin[number + 1]),
    };
}

/* Of the channels that the owned outputs depend on: per timestep, or at every moment of the window. */
static int64_t count_inputs(const snn_cost_model *model, const snn_plan *plan, snn_place place, int32_t number)
{
    const snn_population *neurons = &model->network->populations[number];
    const snn_channel_range owned = snn_plan_owned(plan, model->network, place, number);
    snn_channel_range reads[SNN_MOST_READ];
    const int32_t count = snn_population_reads(neurons, owned.begin, owned.end, reads);
    int64_t channels = 0;
    for (int32_t i = 0; i < count; i++) {
        channels += snn_channel_range_count(reads[i]);
    }
    const int32_t moments = model->timings != NULL ? model->timings[number].moments : 1;
    return moments * snn_shape_positions(neurons->input) * channels;
}

/* What a shard computes and keeps for the channels that it owns. */
static void add_population(snn_stage_scan *scan, const snn_plan *plan, snn_place place, int32_t number)
{
    const snn_cost_model *model = scan->model;
    const snn_network *network = model->network;
    const snn_population *neurons = &network->populations[number];
    const snn_holding part = holding_of(model, plan, place, number);
    if (part.owned == 0) {
        return;
    }
    const snn_neuron_bytes bytes = snn_footprint_neurons(&model->footprint, &part);
    const snn_price price = price_of(model, number, part.owned);
    snn_rank_cost *cost = &scan->cost;
    cost->neurons += snn_neuron_spikes(neurons->kind) ? snn_shape_positions(neurons->shape) * part.owned : 0;
    cost->inputs += count_inputs(model, plan, place, number);
    cost->classes = neurons->kind == SNN_NEURON_READOUT ? part.owned : cost->classes;
    cost->state_bytes += snn_footprint_state(&bytes);
    cost->spike_bytes += bytes.previous + snn_footprint_block(&model->footprint, number);
    snn_thread_bytes *thread = &scan->thread;
    snn_footprint_add_thread(&model->footprint, &part, thread);
    cost->scratch_bytes = thread->sums + thread->rounded + thread->spare + thread->graded + thread->neurons;
    cost->step_seconds += price.step_seconds;
    cost->group_seconds += price.group_seconds;
    cost->packed_bytes += (int64_t)price.packed_bytes;
    for (int32_t i = model->projection_begin[number]; i < model->projection_begin[number + 1]; i++) {
        add_projection(scan, plan, place, i);
    }
}

/* What the stage receives because of one more projection. */
static void add_received(snn_stage_scan *scan, const snn_plan *plan, snn_place place, const snn_projection *projection)
{
    snn_cost_model *model = scan->model;
    const int32_t source = projection->source;
    const snn_channel_range part = source != SNN_SOURCE_INPUT
                                       ? snn_plan_sources(plan, model->network, place, projection)
                                       : (snn_channel_range){0, 0};
    if (part.begin == part.end) {
        return;
    }
    snn_rank_cost *cost = &scan->cost;
    const snn_channel_range nothing = {0, 0};
    const bool inside = source >= scan->first;
    const snn_channel_range owned = inside ? snn_plan_owned(plan, model->network, place, source) : nothing;
    const snn_channel_range before = model->needed[source];
    const snn_channel_range after = snn_channel_range_hull(before, part);
    const snn_cost_traffic less = snn_cost_received(model, scan->shards, source, before, owned);
    const snn_cost_traffic more = snn_cost_received(model, scan->shards, source, after, owned);
    const bool integers = is_stream(model, source);
    cost->bits_received += more.bits - less.bits;
    cost->integer_bits_received += integers ? more.bits - less.bits : 0;
    cost->messages += more.messages - less.messages;
    const bool round = inside && less.bits == 0 && more.bits > 0;
    if (share_memory(model, scan->shards, inside, model->whole_bytes[source])) {
        cost->shared_bits += more.bits - less.bits;
        cost->shared_integer_bits += integers ? more.bits - less.bits : 0;
        cost->shared_messages += more.messages - less.messages;
        cost->shared_rounds += round;
    } else {
        cost->rounds += round;
    }
    if (before.begin == before.end && after.begin < after.end && owned.begin == owned.end) {
        cost->spike_bytes += snn_footprint_block(&model->footprint, source);
    }
    model->needed[source] = after;
}

/* What the shard sends of its own population `source` if the stage ends before `last`, times `sign`. */
static void add_sent(snn_stage_scan *scan, const snn_plan *plan, snn_place place, int32_t source, int32_t last,
                     int32_t sign)
{
    const snn_cost_model *model = scan->model;
    const snn_channel_range owned = snn_plan_owned(plan, model->network, place, source);
    if (owned.begin == owned.end) {
        return;
    }
    const uint8_t sharing = model->sharing[source];
    const bool inside = sharing != SHARING_NONE && model->first_reader[source] < last;
    const bool outside = model->last_reader[source] >= last && model->last_reader[source] != source;
    if (!inside && !outside) {
        return;
    }
    const snn_population *population = &model->network->populations[source];
    const int64_t values = sign * snn_shape_positions(population->shape) * snn_channel_range_count(owned);
    const int64_t bits = values * value_bits(model, source);
    const bool whole_bytes = model->whole_bytes[source];
    const bool packets_inside = inside && !share_memory(model, scan->shards, true, whole_bytes);
    const bool packets_outside = outside && !share_memory(model, scan->shards, false, whole_bytes);
    if (packets_inside != inside || packets_outside != outside) {
        scan->cost.placed_bits += values * memory_bits(model, source);
    }
    if (!packets_inside && !packets_outside) {
        return;
    }
    const int32_t own_stage = sharing == SHARING_ALL ? scan->shards - 1 : scan->shard > 0;
    const int32_t next_stage = sharing == SHARING_ALL ? scan->shards : 1;
    scan->cost.encoded_bits += bits;
    scan->cost.encoded_integer_bits += is_stream(model, source) ? bits : 0;
    scan->cost.packets += sign;
    scan->cost.sends += sign * ((packets_inside ? own_stage : 0) + (packets_outside ? next_stage : 0));
}

void snn_stage_scan_begin(snn_stage_scan *scan, snn_cost_model *model, int32_t shards, int32_t shard, int32_t first)
{
    *scan = (snn_stage_scan){.model = model, .shards = shards, .shard = shard, .first = first, .last = first};
    find_sharing(model, shards);
    scan->cost.times = model->timings != NULL ? 1 : model->request->timesteps;
    scan->cost.network_bytes = model->structure_bytes;
    scan->cost.passing_bytes = model->passing_bytes;
    memset(model->needed, 0, (size_t)model->network->population_count * sizeof *model->needed);
}

void snn_stage_scan_extend(snn_stage_scan *scan)
{
    const snn_network *network = scan->model->network;
    const snn_planner_request *request = scan->model->request;
    int32_t begin[2];
    const snn_plan plan = whole_plan(network, begin, &scan->shards);
    const snn_place place = {.shard = scan->shard};
    const int32_t added = scan->last++;
    add_population(scan, &plan, place, added);
    int32_t done = SNN_SOURCE_INPUT; /* projections into a population are ordered by source */
    const int32_t *projections = scan->model->projection_begin + added;
    for (int32_t i = projections[0]; i < projections[1]; i++) {
        const int32_t source = network->projections[i].source;
        add_received(scan, &plan, place, &network->projections[i]);
        if (source >= scan->first && source != done) {
            add_sent(scan, &plan, place, source, added, -1);
            add_sent(scan, &plan, place, source, added + 1, 1);
            done = source;
        }
    }
    add_sent(scan, &plan, place, added, added + 1, 1);
    const int64_t times = scan->model->timings != NULL ? 1 : request->block; /* in the longest item */
    const int64_t bits = scan->cost.bits_received + scan->cost.encoded_bits + scan->cost.placed_bits;
    scan->cost.buffer_bytes = BUFFERS * (int64_t)request->images * times * divide_up(bits, 8);
}

int32_t snn_shard_samples(int32_t shards)
{
    return shards < MOST_SAMPLES ? shards : MOST_SAMPLES;
}

int32_t snn_shard_sample(int32_t shards, int32_t i)
{
    const int64_t apart = snn_shard_samples(shards) > 1 ? snn_shard_samples(shards) - 1 : 1;
    return (int32_t)((int64_t)i * (shards - 1) / apart);
}

/* ---- a rank of a plan ---- */

/* Bits of population `source` that `place` sends to the shards of one stage. */
static int64_t bits_to_stage(const snn_cost_model *model, const snn_plan *plan, snn_place place, int32_t source,
                             int32_t stage)
{
    const snn_network *network = model->network;
    const snn_channel_range owned = snn_plan_owned(plan, network, place, source);
    if (owned.begin == owned.end) {
        return 0;
    }
    int64_t channels = 0;
    for (int32_t shard = 0; shard < plan->shards[stage]; shard++) {
        if (stage == place.stage && shard == place.shard) {
            continue;
        }
        const snn_place reader = {place.replica, stage, shard};
        const snn_channel_range needed = snn_plan_needed(plan, network, reader, source);
        channels += snn_channel_range_count(snn_channel_range_common(owned, needed));
    }
    const snn_population *population = &network->populations[source];
    return channels * snn_shape_positions(population->shape) * value_bits(model, source);
}

static int64_t bits_sent(const snn_cost_model *model, const snn_plan *plan, snn_place place, int32_t source)
{
    const snn_network *network = model->network;
    int64_t bits = 0;
    int32_t done = -1; /* the last stage looked at; targets, and so their stages, come in order */
    for (int32_t i = snn_plan_first_projection(network, source + 1); i < network->projection_count; i++) {
        if (network->projections[i].source != source) {
            continue;
        }
        const int32_t stage = snn_plan_stage_of(plan, network->projections[i].target);
        if (stage != done) {
            bits += bits_to_stage(model, plan, place, source, stage);
            done = stage;
        }
    }
    return bits;
}

snn_rank_cost snn_plan_cost(snn_cost_model *model, const snn_plan *plan, int32_t rank)
{
    const snn_network *network = model->network;
    const snn_place place = snn_plan_place(plan, rank);
    const int32_t first = plan->stage_begin[place.stage], end = plan->stage_begin[place.stage + 1];
    snn_stage_scan scan;
    snn_stage_scan_begin(&scan, model, plan->shards[place.stage], place.shard, first);
    while (scan.last < end) {
        snn_stage_scan_extend(&scan);
    }
    snn_rank_cost cost = scan.cost;
    cost.bits_received = cost.shared_bits = 0;
    cost.messages = cost.shared_messages = 0;
    for (int32_t source = 0; source < end; source++) {
        const snn_channel_range owned = snn_plan_owned(plan, network, place, source);
        const int32_t shards = plan->shards[snn_plan_stage_of(plan, source)];
        const snn_cost_traffic traffic = snn_cost_received(model, shards, source, model->needed[source], owned);
        cost.bits_received += traffic.bits;
        cost.messages += traffic.messages;
        if (share_memory(model, shards, source >= first, has_whole_bytes(model, shards, source))) {
            cost.shared_bits += traffic.bits;
            cost.shared_messages += traffic.messages;
        }
        cost.bits_sent += source >= first ? bits_sent(model, plan, place, source) : 0;
    }
    return cost;
}
