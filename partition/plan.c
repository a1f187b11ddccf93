#include "partition/plan.h"

#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"

static snn_status check_stages(int32_t stages, const int32_t *stage_begin, int32_t population_count)
{
    if (stage_begin[0] != 0 || stage_begin[stages] != population_count) {
        return snn_fail(SNN_INPUT_ERROR, "plan: stages cover populations [%d, %d), the network has [0, %d)",
                        stage_begin[0], stage_begin[stages], population_count);
    }
    for (int32_t stage = 0; stage < stages; stage++) {
        if (stage_begin[stage] > stage_begin[stage + 1]) {
            return snn_fail(SNN_INPUT_ERROR, "plan: stage %d begins at population %d, the next one at %d", stage,
                            stage_begin[stage], stage_begin[stage + 1]);
        }
    }
    return snn_ok();
}

static snn_status check_ranks(int32_t replicas, int32_t stages, const int32_t *shards)
{
    int64_t ranks = 0; /* of a replica; stays below 2^51 */
    for (int32_t stage = 0; stage < stages; stage++) {
        if (shards[stage] < 1) {
            return snn_fail(SNN_INPUT_ERROR, "plan: stage %d has %d shards, must be 1 or more", stage, shards[stage]);
        }
        ranks += shards[stage];
    }
    if (ranks > SNN_PLAN_MAX_RANKS || ranks * replicas > SNN_PLAN_MAX_RANKS) {
        return snn_fail(SNN_INPUT_ERROR, "plan: %d replicas of %lld ranks each; at most %d ranks are supported",
                        replicas, (long long)ranks, SNN_PLAN_MAX_RANKS);
    }
    return snn_ok();
}

snn_status snn_plan_create(int32_t replicas, int32_t stages, const int32_t *stage_begin, const int32_t *shards,
                           int32_t population_count, snn_plan **plan)
{
    *plan = NULL;
    if (replicas < 1 || stages < 1 || stages > SNN_PLAN_MAX_RANKS) {
        return snn_fail(SNN_INPUT_ERROR, "plan: %d replicas of %d stages; both must be 1 or more, stages at most %d",
                        replicas, stages, SNN_PLAN_MAX_RANKS);
    }
    SNN_TRY(check_stages(stages, stage_begin, population_count));
    SNN_TRY(check_ranks(replicas, stages, shards));
    snn_plan *created = snn_allocate(1, sizeof *created);
    if (created == NULL) {
        return snn_out_of_memory("plan");
    }
    created->replicas = replicas;
    created->stages = stages;
    created->stage_begin = snn_allocate((size_t)stages + 1, sizeof *created->stage_begin);
    created->shards = snn_allocate((size_t)stages, sizeof *created->shards);
    if (created->stage_begin == NULL || created->shards == NULL) {
        snn_plan_destroy(created);
        return snn_out_of_memory("stages of the plan");
    }
    memcpy(created->stage_begin, stage_begin, ((size_t)stages + 1) * sizeof *stage_begin);
    memcpy(created->shards, shards, (size_t)stages * sizeof *shards);
    *plan = created;
    return snn_ok();
}

int32_t snn_plan_ranks_per_replica(const snn_plan *plan)
{
    int32_t ranks = 0;
    for (int32_t stage = 0; stage < plan->stages; stage++) {
        ranks += plan->shards[stage];
    }
    return ranks;
}

int32_t snn_plan_ranks(const snn_plan *plan)
{
    return plan->replicas * snn_plan_ranks_per_replica(plan);
}

snn_place snn_plan_place(const snn_plan *plan, int32_t rank)
{
    const int32_t ranks = snn_plan_ranks_per_replica(plan);
    snn_place place = {.replica = rank / ranks, .stage = 0, .shard = rank % ranks};
    while (place.shard >= plan->shards[place.stage]) {
        place.shard -= plan->shards[place.stage];
        place.stage++;
    }
    return place;
}

int32_t snn_plan_rank(const snn_plan *plan, snn_place place)
{
    int32_t rank = place.replica * snn_plan_ranks_per_replica(plan) + place.shard;
    for (int32_t stage = 0; stage < place.stage; stage++) {
        rank += plan->shards[stage];
    }
    return rank;
}

/* The last stage that begins at or before the population: those before it with the same beginning are empty. */
int32_t snn_plan_stage_of(const snn_plan *plan, int32_t population)
{
    int32_t low = 0, high = plan->stages; /* the stage lies in [low, high) */
    while (high - low > 1) {
        const int32_t middle = low + (high - low) / 2;
        if (plan->stage_begin[middle] <= population) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

int32_t snn_plan_unit(const snn_population *population)
{
    enum { BYTE = 8, VECTOR = 16, WIDE = 64 };
    const int32_t together = snn_population_unit(population), channels = population->shape.channels;
    return together > 1 ? together : channels >= WIDE ? VECTOR : channels >= VECTOR ? BYTE : 1;
}

int32_t snn_plan_units(const snn_population *population)
{
    const int32_t unit = snn_plan_unit(population);
    return (population->shape.channels + unit - 1) / unit;
}

snn_channel_range snn_plan_unit_range(const snn_population *population, int64_t begin, int64_t end)
{
    const int64_t unit = snn_plan_unit(population), channels = population->shape.channels;
    const int64_t first = begin * unit, last = end * unit;
    return (snn_channel_range){(int32_t)(first < channels ? first : channels),
                               (int32_t)(last < channels ? last : channels)};
}

snn_channel_range snn_plan_owned(const snn_plan *plan, const snn_network *network, snn_place place, int32_t population)
{
    snn_channel_range owned = {0, 0};
    if (population < plan->stage_begin[place.stage] || population >= plan->stage_begin[place.stage + 1]) {
        return owned;
    }
    const snn_population *neurons = &network->populations[population];
    if (neurons->kind == SNN_NEURON_READOUT) {
        owned.end = place.shard == 0 ? neurons->shape.channels : 0;
        return owned;
    }
    const int64_t units = snn_plan_units(neurons), shards = plan->shards[place.stage];
    return snn_plan_unit_range(neurons, units * place.shard / shards, units * (place.shard + 1) / shards);
}

int32_t snn_plan_next_owner(const snn_plan *plan, const snn_network *network, int32_t population, int32_t shard)
{
    const snn_population *neurons = &network->populations[population];
    const int64_t units = snn_plan_units(neurons), shards = plan->shards[snn_plan_stage_of(plan, population)];
    if (neurons->kind == SNN_NEURON_READOUT) {
        return shard <= 0 ? 0 : (int32_t)shards;
    }
    const int64_t unit = units * shard / shards; /* that the shard begins with, if it has any */
    const int64_t owner = ((unit + 1) * shards + units - 1) / units - 1;
    return (int32_t)(unit < units ? owner : shards);
}

snn_channel_range snn_plan_decoded(const snn_plan *plan, const snn_network *network, snn_place place,
                                   int32_t population)
{
    const snn_population *neurons = &network->populations[population];
    snn_channel_range decoded = snn_plan_owned(plan, network, place, population);
    if (decoded.begin < decoded.end && snn_neuron_reads_all_channels(neurons->kind)) {
        decoded = (snn_channel_range){0, neurons->input.channels};
    }
    return decoded;
}

snn_channel_range snn_plan_sources(const snn_plan *plan, const snn_network *network, snn_place place,
                                   const snn_projection *projection)
{
    const snn_channel_range owned = snn_plan_owned(plan, network, place, projection->target);
    snn_channel_range reads[SNN_MOST_READ], sources = {0, 0};
    const int32_t count =
        snn_population_reads(&network->populations[projection->target], owned.begin, owned.end, reads);
    for (int32_t i = 0; i < count; i++) {
        snn_channel_range part;
        snn_operator_source_channels(&projection->op, reads[i].begin, reads[i].end, &part.begin, &part.end);
        sources = snn_channel_range_hull(sources, part);
    }
    return sources;
}

int32_t snn_plan_first_projection(const snn_network *network, int32_t population)
{
    int32_t low = 0, high = network->projection_count;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (network->projections[middle].target < population) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

snn_channel_range snn_plan_needed(const snn_plan *plan, const snn_network *network, snn_place place, int32_t source)
{
    snn_channel_range needed = {0, 0};
    const int32_t first = snn_plan_first_projection(network, plan->stage_begin[place.stage]);
    const int32_t last = snn_plan_first_projection(network, plan->stage_begin[place.stage + 1]);
    for (int32_t i = first; i < last; i++) {
        const snn_projection *projection = &network->projections[i];
        if (projection->source != source) {
            continue;
        }
        needed = snn_channel_range_hull(needed, snn_plan_sources(plan, network, place, projection));
    }
    return needed;
}

void snn_plan_rows(const snn_plan *plan, const snn_network *network, snn_place place, int32_t projection,
                   int32_t *begin, int32_t *end)
{
    const snn_operator *op = &network->projections[projection].op;
    const int32_t target = network->projections[projection].target;
    const snn_channel_range owned = snn_plan_owned(plan, network, place, target);
    const snn_channel_range all = {op->target_channel, op->target_channel + op->target_channels};
    snn_channel_range reads[SNN_MOST_READ], rows = {0, 0};
    const int32_t count = snn_population_reads(&network->populations[target], owned.begin, owned.end, reads);
    for (int32_t i = 0; i < count; i++) {
        rows = snn_channel_range_hull(rows, snn_channel_range_common(all, reads[i]));
    }
    *begin = rows.begin < rows.end ? rows.begin - op->target_channel : 0;
    *end = rows.begin < rows.end ? rows.end - op->target_channel : 0;
}

int32_t snn_plan_row_count(const snn_plan *plan, const snn_network *network, snn_place place, int32_t projection)
{
    const snn_operator *op = &network->projections[projection].op;
    const int32_t target = network->projections[projection].target;
    const snn_channel_range owned = snn_plan_owned(plan, network, place, target);
    return snn_plan_rows_read(&network->populations[target], op, owned);
}

int32_t snn_plan_rows_read(const snn_population *target, const snn_operator *op, snn_channel_range owned)
{
    const snn_channel_range all = {op->target_channel, op->target_channel + op->target_channels};
    snn_channel_range reads[SNN_MOST_READ];
    const int32_t count = snn_population_reads(target, owned.begin, owned.end, reads);
    int32_t rows = 0;
    for (int32_t i = 0; i < count; i++) {
        rows += snn_channel_range_count(snn_channel_range_common(all, reads[i]));
    }
    return rows;
}

static bool shard_is_idle(const snn_plan *plan, const snn_network *network, snn_place place)
{
    for (int32_t p = plan->stage_begin[place.stage]; p < plan->stage_begin[place.stage + 1]; p++) {
        if (snn_channel_range_count(snn_plan_owned(plan, network, place, p)) > 0) {
            return false;
        }
    }
    return true;
}

int32_t snn_plan_idle_ranks(const snn_plan *plan, const snn_network *network, int64_t groups)
{
    const int32_t busy = groups < plan->replicas ? (int32_t)groups : plan->replicas; /* replicas */
    int32_t idle = 0;
    for (int32_t stage = 0; stage < plan->stages; stage++) {
        for (int32_t shard = 0; shard < plan->shards[stage]; shard++) {
            idle += shard_is_idle(plan, network, (snn_place){0, stage, shard});
        }
    }
    return idle * busy + (plan->replicas - busy) * snn_plan_ranks_per_replica(plan);
}

/* Adds to `text`, of which `used` bytes are taken; returns the bytes taken then, at most bytes - 1. */
static size_t add_number(char *text, size_t bytes, size_t used, const char *format, int32_t number)
{
    const int length = snprintf(text + used, bytes - used, format, number);
    if (length < 0 || (size_t)length >= bytes - used) {
        return bytes - 1;
    }
    return used + (size_t)length;
}

const char *snn_plan_describe(const snn_plan *plan, char *text, size_t bytes)
{
    if (bytes == 0) {
        return text;
    }
    bool uniform = true;
    for (int32_t stage = 1; stage < plan->stages; stage++) {
        uniform = uniform && plan->shards[stage] == plan->shards[0];
    }
    if (uniform) {
        (void)snprintf(text, bytes, "%dx%dx%d", plan->replicas, plan->stages, plan->shards[0]);
        return text;
    }
    size_t used = add_number(text, bytes, 0, "%dx", plan->replicas);
    for (int32_t stage = 0; stage < plan->stages; stage++) {
        used = add_number(text, bytes, used, stage == 0 ? "[%d" : ",%d", plan->shards[stage]);
    }
    const bool whole = used + 1 < bytes;
    (void)snprintf(text + used, bytes - used, "]");
    if (!whole && bytes > 4) {
        memcpy(text + bytes - 4, "...", 4);
    }
    return text;
}

void snn_plan_destroy(snn_plan *plan)
{
    if (plan != NULL) {
        snn_release(plan->stage_begin);
        snn_release(plan->shards);
        snn_release(plan);
    }
}
