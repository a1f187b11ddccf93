#include "partition/cost.h"

/* ---- a rank, for an item ---- */

double snn_cost_item_bytes(const snn_rank_cost *cost, const snn_planner_request *request)
{
    return cost->times / (double)snn_cost_blocks(request) / 8; /* on average: the last item may be shorter */
}

double snn_cost_compute(const snn_rank_cost *cost, const snn_planner_request *request)
{
    const double speed = request->machine != NULL ? request->machine->speed : 1.0;
    const double blocks = (double)snn_cost_blocks(request);
    return request->images * (cost->step_seconds * request->timesteps + cost->group_seconds) / blocks / speed;
}

static bool outnumbers(const snn_planner_request *request, const snn_machine *machine)
{
    return machine->processors > 0.0 && request->ranks > machine->processors;
}

double snn_cost_shared(const snn_cost_model *model, double work)
{
    const snn_machine *machine = &model->machine;
    return machine->processors > 0.0 ? work * machine->threads / machine->processors : 0.0;
}

double snn_rank_seconds(const snn_rank_cost *cost, const snn_planner_request *request)
{
    const snn_machine machine = request->machine != NULL ? *request->machine : snn_machine_assumed();
    const snn_packet_speed *packet = &machine.packets;
    const double bytes = request->images * snn_cost_item_bytes(cost, request);
    const int64_t integers = cost->integer_bits_received - cost->shared_integer_bits;
    const double received[SNN_PAYLOADS] = {(double)(cost->bits_received - cost->shared_bits - integers) * bytes,
                                           (double)integers * bytes};
    const double encoded[SNN_PAYLOADS] = {(double)(cost->encoded_bits - cost->encoded_integer_bits) * bytes,
                                          (double)cost->encoded_integer_bits * bytes};
    const int32_t messages = cost->messages - cost->shared_messages;
    double packing = (cost->packets + messages) * packet->packet_seconds;
    double link = (cost->sends + messages) * machine.link.message_seconds + cost->rounds * machine.link.latency_seconds;
    link += cost->shared_rounds * machine.share.notice_seconds +
            (double)cost->shared_bits * bytes * machine.share.byte_seconds;
    if (outnumbers(request, &machine)) {
        link += cost->messages * machine.switch_seconds;
    }
    for (int i = 0; i < SNN_PAYLOADS; i++) {
        packing += encoded[i] * packet->encode_byte_seconds[i] + received[i] * packet->decode_byte_seconds[i];
        link += received[i] / packet->ratio[i] * machine.link.byte_seconds;
    }
    return snn_cost_compute(cost, request) + packing / machine.core_speed + link;
}

/* ---- a plan ---- */

/* Of a stage, over its shards, for one item. */
typedef struct stage_sum {
    double slowest;              /* seconds of the slowest shard */
    double compute, communicate; /* seconds of all shards */
    double bytes;                /* received by all shards, in packets */
    double shared;               /* bytes that they write for others in memory */
    double memory;               /* of the shard that needs most */
} stage_sum;

static snn_rank_cost cost_of_shard(snn_cost_model *model, int32_t shards, int32_t shard, int32_t first, int32_t last)
{
    snn_stage_scan scan;
    snn_stage_scan_begin(&scan, model, shards, shard, first);
    while (scan.last < last) {
        snn_stage_scan_extend(&scan);
    }
    return scan.cost;
}

static stage_sum add_up_stage(snn_cost_model *model, int32_t replicas, int32_t shards, int32_t first, int32_t last)
{
    const snn_planner_request *request = model->request;
    const int32_t samples = snn_shard_samples(shards);
    const double weight = (double)shards / samples; /* of a sample */
    stage_sum sum = {0};
    for (int32_t i = 0; i < samples; i++) {
        const snn_rank_cost cost = cost_of_shard(model, shards, snn_shard_sample(shards, i), first, last);
        const double seconds = snn_rank_seconds(&cost, request);
        const double compute = snn_cost_compute(&cost, request);
        const double memory = snn_rank_memory(&cost, request, replicas);
        sum.slowest = seconds > sum.slowest ? seconds : sum.slowest;
        sum.memory = memory > sum.memory ? memory : sum.memory;
        sum.compute += weight * compute;
        sum.communicate += weight * (seconds - compute);
        const double integers = (double)(cost.integer_bits_received - cost.shared_integer_bits);
        const double spikes = (double)(cost.bits_received - cost.shared_bits) - integers;
        const double *ratio = model->machine.packets.ratio;
        const double item_bytes = request->images * snn_cost_item_bytes(&cost, request);
        sum.shared += weight * (double)cost.placed_bits * item_bytes;
        sum.bytes += weight * (spikes / ratio[0] + integers / ratio[1]) * item_bytes;
    }
    return sum;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

snn_prediction snn_plan_predict(snn_cost_model *model, const snn_plan *plan)
{
    const snn_planner_request *request = model->request;
    const double blocks = (double)snn_cost_blocks(request);
    const double groups = (double)request->groups;
    const double most_groups = (double)((request->groups + plan->replicas - 1) / plan->replicas); /* of a replica */
    stage_sum sum = {0};
    double slowest = 0, all = 0;
    for (int32_t stage = 0; stage < plan->stages; stage++) {
        const int32_t first = plan->stage_begin[stage], last = plan->stage_begin[stage + 1];
        if (first == last) {
            continue;
        }
        const stage_sum part = add_up_stage(model, plan->replicas, plan->shards[stage], first, last);
        slowest = part.slowest > slowest ? part.slowest : slowest;
        all += part.slowest;
        sum.compute += part.compute;
        sum.communicate += part.communicate;
        sum.bytes += part.bytes;
        sum.shared += part.shared;
        sum.memory = part.memory > sum.memory ? part.memory : sum.memory;
    }
    const stage_sum alone = add_up_stage(model, 1, 1, 0, model->network->population_count);
    const double pipeline = snn_cost_pipeline(most_groups * blocks, slowest, all);
    const double shared = snn_cost_shared(model, blocks * (sum.compute + sum.communicate)); /* for a group */
    snn_prediction result = {
        .seconds = larger(pipeline, groups * shared),
        .group_seconds = larger(snn_cost_pipeline(blocks, slowest, all), shared),
        .one_rank_seconds = groups * blocks * alone.compute,
        .bytes_sent = groups * blocks * sum.bytes,
        .bytes_shared = groups * blocks * sum.shared,
        .memory_bytes = sum.memory,
    };
    const double time = result.seconds * snn_plan_ranks(plan);
    if (time > 0) {
        result.efficiency = result.one_rank_seconds / time;
        result.compute = groups * blocks * sum.compute / time;
        result.communicate = groups * blocks * sum.communicate / time;
        result.bubble = (all - slowest) / result.seconds;
        result.crowding = 1 - pipeline / result.seconds;
        result.imbalance = 1 - result.compute - result.communicate - result.bubble - result.crowding;
        result.imbalance = result.imbalance > 0 ? result.imbalance : 0; /* rounding */
    }
    return result;
}

static double times(int64_t all, int64_t alone)
{
    return alone > 0 ? (double)all / (double)alone : 1.0;
}

snn_inflation snn_plan_inflation(snn_cost_model *model, const snn_plan *plan)
{
    const snn_rank_cost alone = cost_of_shard(model, 1, 0, 0, model->network->population_count);
    int64_t products = 0, values = 0, inputs = 0; /* of a replica: the others have images of their own */
    for (int32_t stage = 0; stage < plan->stages; stage++) {
        const int32_t first = plan->stage_begin[stage], last = plan->stage_begin[stage + 1];
        for (int32_t shard = 0; shard < plan->shards[stage] && first < last; shard++) {
            const snn_rank_cost cost = cost_of_shard(model, plan->shards[stage], shard, first, last);
            products += cost.operations;
            values += cost.values;
            inputs += cost.inputs;
        }
    }
    return (snn_inflation){.products = times(products, alone.operations),
                           .values = times(values, alone.values),
                           .inputs = times(inputs, alone.inputs)};
}

snn_status snn_plan_check_memory(snn_cost_model *model, const snn_plan *plan)
{
    const double limit = model->machine.memory_bytes;
    double most = 0.0;
    int32_t rank = 0, stage_rank = 0; /* of the first replica: the others are like it */
    for (int32_t stage = 0; stage < plan->stages && limit > 0.0; stage++) {
        const int32_t shards = plan->shards[stage];
        for (int32_t i = 0; i < snn_shard_samples(shards); i++) {
            const int32_t shard = snn_shard_sample(shards, i);
            const snn_rank_cost cost =
                cost_of_shard(model, shards, shard, plan->stage_begin[stage], plan->stage_begin[stage + 1]);
            const double memory = snn_rank_memory(&cost, model->request, plan->replicas);
            rank = memory > most ? stage_rank + shard : rank;
            most = larger(most, memory);
        }
        stage_rank += shards;
    }
    if (most > limit) {
        return snn_fail(SNN_INPUT_ERROR,
                        "rank %d of the plan would need %.4g GB of memory, a rank may use %.4g GB; take another plan, "
                        "or raise parallel.memory_gb",
                        rank, snn_cost_gigabytes_up(most), limit / 1e9);
    }
    return snn_ok();
}
