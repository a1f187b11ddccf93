#include "partition/cost.h"

/* What work costs, in seconds; only the ratios matter to the choice. Measured on one core of an x86 server with AVX2: a
 * 16-bit multiply-add, and decay, compare and step of a neuron's two values in cache. A pair of Open MPI messages over
 * shared memory takes 0.4 to 2 microseconds and moves 20 GB/s; packing and a cluster's network make that the figures
 * here. */
static const double OPERATION_SECONDS = 3e-11;
static const double VALUE_SECONDS = 1e-10;    /* one x or y, one timestep */
static const double FUNCTION_SECONDS = 1e-10; /* a float32 multiply-add within a tile that is in cache */
static const double MESSAGE_SECONDS = 2e-6;
static const double BYTE_SECONDS = 1e-10;

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t blocks_of(const snn_planner_request *request)
{
    return divide_up(request->timesteps, request->block);
}

/* The shard that owns `channel`: the last k with channels * k / shards <= channel. */
static int64_t owner(int64_t channels, int64_t shards, int64_t channel)
{
    return divide_up(shards * (channel + 1), channels) - 1;
}

/* Shards that own some of a range that is not empty. Between its first and last owner shards are empty only if there
 * are more shards than channels, and then each channel has an owner of its own. */
static int32_t count_owners(int64_t channels, int64_t shards, snn_channel_range range)
{
    const int64_t span = owner(channels, shards, range.end - 1) - owner(channels, shards, range.begin) + 1;
    const int64_t count = snn_channel_range_count(range);
    return (int32_t)(span < count ? span : count);
}

static void add_projection(snn_rank_cost *cost, const snn_plan *plan, const snn_network *network, snn_place place,
                           int32_t projection)
{
    const snn_operator *op = &network->projections[projection].op;
    int32_t begin, end;
    snn_plan_rows(plan, network, place, projection, &begin, &end);
    const int64_t rows = end - begin;
    if (rows == 0) {
        return;
    }
    cost->operations += snn_operator_operations(op) * rows / op->target_channels;
    cost->weight_bytes += rows * snn_operator_row_length(op) * snn_weight_bytes(network->format, op->kind);
    if (op->kind == SNN_OPERATOR_TOKENS) {
        const int64_t mixing = snn_shape_positions(op->target) * snn_shape_positions(snn_operator_pooled_shape(op));
        const bool real = network->format == SNN_WEIGHTS_FLOAT32;
        cost->weight_bytes += mixing * (int64_t)(real ? sizeof(float) : sizeof(int16_t)); /* whole on every rank */
    }
    if (op->kind == SNN_OPERATOR_GATHER) {
        cost->weight_bytes += rows * snn_shape_positions(op->target) * (int64_t)sizeof(int32_t); /* its index */
    }
}

/* Functions over an image take each position with every other. Others cost as much as their values do. */
static int64_t function_operations(const snn_population *neurons, int64_t channels)
{
    const int64_t positions = snn_shape_positions(neurons->shape);
    const int64_t groups = neurons->groups > 0 ? neurons->groups : 1;
    switch (neurons->kind) {
    case SNN_NEURON_SCORES: /* one product of a head's channels for each output */
        return positions * channels * (neurons->input.channels / (2 * groups));
    case SNN_NEURON_MIX:
        return positions * positions * channels;
    case SNN_NEURON_ATTENTION: /* a head's scores, then their mix */
        return 2 * positions * positions * channels;
    default:
        return 0;
    }
}

/* Bits of one value that a population hands to its readers. */
static int64_t value_bits(const snn_population *population)
{
    return population->kind == SNN_NEURON_STREAM ? 8 * SNN_SUM_BYTES : 1;
}

void snn_cost_add_population(snn_rank_cost *cost, const snn_plan *plan, const snn_network *network,
                             const snn_planner_request *request, snn_place place, int32_t population)
{
    const snn_population *neurons = &network->populations[population];
    const int64_t channels = snn_channel_range_count(snn_plan_owned(plan, network, place, population));
    const int64_t decoded = snn_channel_range_count(snn_plan_decoded(plan, network, place, population));
    int64_t values = neurons->kind == SNN_NEURON_STREAM ? 0 : snn_shape_positions(neurons->input) * decoded; /* x */
    if (snn_neuron_spikes(neurons->kind)) {
        cost->neurons += snn_shape_positions(neurons->shape) * channels;
        values += snn_shape_positions(neurons->shape) * channels; /* y */
    }
    cost->function_operations += function_operations(neurons, channels);
    cost->state_bytes += values * request->images * (int64_t)sizeof(float);
    const int32_t last = snn_plan_first_projection(network, population + 1);
    for (int32_t i = snn_plan_first_projection(network, population); i < last; i++) {
        add_projection(cost, plan, network, place, i);
    }
}

snn_cost_traffic snn_cost_received(const snn_plan *plan, const snn_network *network, int32_t source,
                                   snn_channel_range needed, snn_channel_range owned)
{
    snn_cost_traffic traffic = {0, 0};
    const snn_channel_range own = snn_channel_range_common(needed, owned);
    const int32_t foreign = snn_channel_range_count(needed) - snn_channel_range_count(own);
    if (foreign == 0) {
        return traffic;
    }
    const snn_shape shape = network->populations[source].shape;
    const int32_t shards = plan->shards[snn_plan_stage_of(plan, source)];
    traffic.bits = foreign * snn_shape_positions(shape) * value_bits(&network->populations[source]);
    traffic.messages = count_owners(shape.channels, shards, needed) - (own.begin < own.end ? 1 : 0);
    return traffic;
}

/* Bits of population `source` that `place` sends to the shards of one stage. */
static int64_t bits_to_stage(const snn_plan *plan, const snn_network *network, snn_place place, int32_t source,
                             int32_t stage)
{
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
    return channels * snn_shape_positions(population->shape) * value_bits(population);
}

static int64_t bits_sent(const snn_plan *plan, const snn_network *network, snn_place place, int32_t source)
{
    int64_t bits = 0;
    int32_t done = -1; /* the last stage looked at; targets, and so their stages, come in order */
    for (int32_t i = snn_plan_first_projection(network, source + 1); i < network->projection_count; i++) {
        if (network->projections[i].source != source) {
            continue;
        }
        const int32_t stage = snn_plan_stage_of(plan, network->projections[i].target);
        if (stage != done) {
            bits += bits_to_stage(plan, network, place, source, stage);
            done = stage;
        }
    }
    return bits;
}

static int64_t spike_bytes(const snn_population *population, const snn_planner_request *request)
{
    const int64_t row = population->kind == SNN_NEURON_STREAM ? population->shape.channels * (int64_t)SNN_SUM_BYTES
                                                              : snn_spikes_row_bytes(population->shape.channels);
    const int64_t plane = snn_shape_positions(population->shape) * row;
    return plane * request->images * request->block;
}

/* All but what it sends, which takes a look at every reader and has no part in the time. */
static snn_rank_cost cost_without_sends(const snn_plan *plan, const snn_network *network,
                                        const snn_planner_request *request, snn_place place)
{
    snn_rank_cost cost = {0};
    const int32_t end = plan->stage_begin[place.stage + 1];
    for (int32_t population = plan->stage_begin[place.stage]; population < end; population++) {
        snn_cost_add_population(&cost, plan, network, request, place, population);
    }
    for (int32_t source = 0; source < end; source++) {
        if (network->populations[source].kind == SNN_NEURON_READOUT) {
            continue; /* hands nothing on */
        }
        const snn_channel_range needed = snn_plan_needed(plan, network, place, source);
        const snn_channel_range owned = snn_plan_owned(plan, network, place, source);
        const snn_cost_traffic traffic = snn_cost_received(plan, network, source, needed, owned);
        cost.bits_received += traffic.bits;
        cost.messages += traffic.messages;
        if (needed.begin < needed.end || owned.begin < owned.end) {
            cost.spike_bytes += spike_bytes(&network->populations[source], request);
        }
    }
    return cost;
}

snn_rank_cost snn_plan_cost(const snn_plan *plan, const snn_network *network, const snn_planner_request *request,
                            int32_t rank)
{
    const snn_place place = snn_plan_place(plan, rank);
    snn_rank_cost cost = cost_without_sends(plan, network, request, place);
    const int32_t end = plan->stage_begin[place.stage + 1];
    for (int32_t population = plan->stage_begin[place.stage]; population < end; population++) {
        cost.bits_sent += bits_sent(plan, network, place, population);
    }
    return cost;
}

static double compute_seconds(const snn_rank_cost *cost, const snn_planner_request *request)
{
    const double steps = (double)request->timesteps / (double)blocks_of(request); /* of an item, on average */
    const double operations = (double)cost->operations * request->images;
    const double values = (double)cost->state_bytes / (double)sizeof(float);
    const double functions = (double)cost->function_operations * request->images;
    return steps * (operations * OPERATION_SECONDS + values * VALUE_SECONDS + functions * FUNCTION_SECONDS);
}

double snn_rank_seconds(const snn_rank_cost *cost, const snn_planner_request *request)
{
    const double steps = (double)request->timesteps / (double)blocks_of(request);
    const double bytes = (double)cost->bits_received / 8 * request->images * steps;
    return compute_seconds(cost, request) + cost->messages * MESSAGE_SECONDS + bytes * BYTE_SECONDS;
}

double snn_cost_pipeline(const snn_planner_request *request, int32_t replicas, double slowest_stage, double all_stages)
{
    const double items = (double)(divide_up(request->groups, replicas) * blocks_of(request));
    return items * slowest_stage + (all_stages - slowest_stage);
}

double snn_plan_predict(const snn_plan *plan, const snn_network *network, const snn_planner_request *request,
                        double *efficiency)
{
    double slowest = 0, all = 0, computed = 0;
    for (int32_t stage = 0; stage < plan->stages; stage++) {
        double seconds = 0;
        for (int32_t shard = 0; shard < plan->shards[stage]; shard++) {
            const snn_place place = {.replica = 0, .stage = stage, .shard = shard}; /* none has more groups */
            const snn_rank_cost cost = cost_without_sends(plan, network, request, place);
            const double needed = snn_rank_seconds(&cost, request);
            seconds = needed > seconds ? needed : seconds;
            computed += compute_seconds(&cost, request);
        }
        slowest = seconds > slowest ? seconds : slowest;
        all += seconds;
    }
    const double predicted = snn_cost_pipeline(request, plan->replicas, slowest, all);
    if (efficiency != NULL) {
        const double useful = computed * (double)(request->groups * blocks_of(request));
        const double share = predicted > 0 ? useful / (predicted * snn_plan_ranks(plan)) : 1;
        *efficiency = share < 1 ? share : 1; /* rounding may exceed 1 */
    }
    return predicted;
}
