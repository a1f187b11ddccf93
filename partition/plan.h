/* Which rank holds what: replicas (image groups) x stages (contiguous populations) x channel shards.
 *
 * Ranks are numbered replica by replica, stage by stage, shard by shard. The number of shards may differ from stage to
 * stage. Shard k of n owns channels [C k / n, C (k+1) / n) of every population of its stage; the readout is owned whole
 * by shard 0. A stage may be empty and a shard may own nothing: such ranks take part in collective calls only.
 */
#ifndef SNN_PARTITION_PLAN_H
#define SNN_PARTITION_PLAN_H

#include <stddef.h>

#include "core/base/status.h"
#include "core/network/network.h"
#include "core/shard/shard.h" /* snn_channel_range */

enum { SNN_PLAN_MAX_RANKS = 1 << 20 }; /* far above what the planner is meant for; keeps products from overflowing */

static inline int32_t snn_channel_range_count(snn_channel_range range)
{
    return range.end - range.begin;
}
/* What both hold; {0, 0} for nothing. */
static inline snn_channel_range snn_channel_range_common(snn_channel_range a, snn_channel_range b)
{
    const snn_channel_range common = {a.begin > b.begin ? a.begin : b.begin, a.end < b.end ? a.end : b.end};
    return common.begin < common.end ? common : (snn_channel_range){0, 0};
}
/* The smallest range that holds both; an empty one adds nothing. */
static inline snn_channel_range snn_channel_range_hull(snn_channel_range a, snn_channel_range b)
{
    if (b.begin == b.end) {
        return a;
    }
    if (a.begin == a.end) {
        return b;
    }
    return (snn_channel_range){a.begin < b.begin ? a.begin : b.begin, a.end > b.end ? a.end : b.end};
}

typedef struct snn_plan {
    int32_t replicas, stages;
    int32_t *stage_begin; /* [stages + 1]: stage s holds populations [stage_begin[s], stage_begin[s + 1]) */
    int32_t *shards;      /* [stages] */
} snn_plan;

typedef struct snn_place {
    int32_t replica, stage, shard;
} snn_place;

/* A plan for a network of `population_count` populations; copies stage_begin [stages + 1] and shards [stages].
 * SNN_INPUT_ERROR unless the stages cover all populations in order, every stage has a shard, and there are at most
 * SNN_PLAN_MAX_RANKS ranks. */
snn_status snn_plan_create(int32_t replicas, int32_t stages, const int32_t *stage_begin, const int32_t *shards,
                           int32_t population_count, snn_plan **plan);

int32_t snn_plan_ranks_per_replica(const snn_plan *plan);
int32_t snn_plan_ranks(const snn_plan *plan);
snn_place snn_plan_place(const snn_plan *plan, int32_t rank);
int32_t snn_plan_rank(const snn_plan *plan, snn_place place);
int32_t snn_plan_stage_of(const snn_plan *plan, int32_t population);
/* Ranks that have nothing to do: those of an empty stage, shards beyond the units of every population of theirs, and
 * replicas beyond the image groups. */
int32_t snn_plan_idle_ranks(const snn_plan *plan, const snn_network *network, int64_t groups);

/* Channels that stay together, from the first on (the last ones may be fewer): those of a head, which read the same
 * inputs; or a vector's 16 where there are 64 or more, of which a shard of fewer takes as long, and reads as much; or,
 * where there are 16 or more, the 8 whose spikes are a byte, which only one rank can write (comm/shares.h). */
int32_t snn_plan_unit(const snn_population *population);
/* Of a population, how many. */
int32_t snn_plan_units(const snn_population *population);
/* The part of units [begin, end). */
snn_channel_range snn_plan_unit_range(const snn_population *population, int64_t begin, int64_t end);
/* Channels of `population` that a place owns, of its output. */
snn_channel_range snn_plan_owned(const snn_plan *plan, const snn_network *network, snn_place place, int32_t population);
/* Of the shards from number `shard` on, the first that owns any of the population; the stage's number of shards if none
 * does. There may be thousands more shards than a population has units: this skips them. */
int32_t snn_plan_next_owner(const snn_plan *plan, const snn_network *network, int32_t population, int32_t shard);
/* Channels of its input that a place keeps: the owned ones, or all if it owns any and the kind reads all channels. */
snn_channel_range snn_plan_decoded(const snn_plan *plan, const snn_network *network, snn_place place,
                                   int32_t population);
/* Channels of a projection's source that a place needs for the outputs that it owns: the smallest range, {0, 0} when
 * none are. */
snn_channel_range snn_plan_sources(const snn_plan *plan, const snn_network *network, snn_place place,
                                   const snn_projection *projection);
/* Channels of `source` (a population or SNN_SOURCE_INPUT) that a place needs as input of the populations it owns
 * channels of: the smallest range that holds them all. Owned ones included only if needed. {0, 0} when none are. */
snn_channel_range snn_plan_needed(const snn_plan *plan, const snn_network *network, snn_place place, int32_t source);
/* Weight rows of `projection` that a place holds, [begin, end): the smallest range of those that it uses. */
void snn_plan_rows(const snn_plan *plan, const snn_network *network, snn_place place, int32_t projection,
                   int32_t *begin, int32_t *end);

/* How many of them it uses; and outputs `owned` of a population, whosever they are. */
int32_t snn_plan_row_count(const snn_plan *plan, const snn_network *network, snn_place place, int32_t projection);
int32_t snn_plan_rows_read(const snn_population *target, const snn_operator *op, snn_channel_range owned);

/* The projections into populations [a, b) are those from snn_plan_first_projection(network, a) up to, not including,
 * snn_plan_first_projection(network, b): projections are ordered by target. */
int32_t snn_plan_first_projection(const snn_network *network, int32_t population);

/* "1x2x2" (shards uniform) or "1x[2,1]" for shards that differ; into `text`; returns it. What does not fit into `bytes`
 * ends in "..." (if that fits). */
const char *snn_plan_describe(const snn_plan *plan, char *text, size_t bytes);

void snn_plan_destroy(snn_plan *plan); /* accepts NULL */

#endif
