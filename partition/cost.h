/* The cost model inside: what a stage costs one of its shards, population by population. Internal to partition/. */
#ifndef SNN_PARTITION_COST_H
#define SNN_PARTITION_COST_H

#include <stdbool.h>

#include "core/shard/footprint.h"
#include "partition/planner.h"

struct snn_cost_model {
    const snn_network *network;
    const snn_planner_request *request;
    snn_machine machine;
    snn_timing *timings;                 /* [populations] with windows, else NULL */
    snn_footprint footprint;             /* of a shard, with plain C's kernels */
    int32_t *first_reader, *last_reader; /* [populations]: that read a population; the population itself if none do */
    int32_t *projection_begin;           /* [populations + 1]: those into population p are [begin[p], begin[p + 1]) */
    int64_t structure_bytes, passing_bytes; /* network_bytes and passing_bytes of any rank */
    int32_t shards;                         /* that `sharing` is for */
    uint8_t *sharing;                       /* [populations] */
    bool *whole_bytes;                      /* [populations]: that no two of these shards have spikes in one byte */
    snn_channel_range *needed;              /* [populations], of the scan under way */
};

/* Walks along the populations from `first` on, as one shard of a stage of so many; `cost` is that of the stage of
 * populations [first, last). One scan at a time: it uses the model's memory. */
typedef struct snn_stage_scan {
    snn_cost_model *model;
    int32_t shards, shard, first, last;
    bool encodes; /* the image, into spikes */
    snn_thread_bytes thread;
    snn_rank_cost cost;
} snn_stage_scan;

void snn_stage_scan_begin(snn_stage_scan *scan, snn_cost_model *model, int32_t shards, int32_t shard, int32_t first);
void snn_stage_scan_extend(snn_stage_scan *scan);

/* Shards of a stage that stand for all: the ones at both ends and some between. The i-th of snn_shard_samples. */
int32_t snn_shard_samples(int32_t shards);
int32_t snn_shard_sample(int32_t shards, int32_t i);

typedef struct snn_cost_traffic {
    int64_t bits;     /* per image and timestep; a value of a stream has 32. With windows per image */
    int32_t messages; /* per item */
} snn_cost_traffic;

/* What a rank receives from the other owners of population `source`, divided into `shards`, when it needs the channels
 * `needed` of it and owns `owned`. */
snn_cost_traffic snn_cost_received(const snn_cost_model *model, int32_t shards, int32_t source,
                                   snn_channel_range needed, snn_channel_range owned);

/* What every rank has of the network, whatever its part: fills structure_bytes and passing_bytes of the model. */
void snn_cost_weigh_structure(snn_cost_model *model);

/* Rounded up to four digits, which %.4g prints: whoever sets this much memory has enough. */
double snn_cost_gigabytes_up(double bytes);

int64_t snn_cost_blocks(const snn_planner_request *request); /* items of a group */
/* Items of a replica: those that count for the objective. */
double snn_cost_items(const snn_planner_request *request, int32_t replicas);
/* Items of all replicas: likewise. */
double snn_cost_all_items(const snn_planner_request *request);
/* Seconds that all processors take at least for the work of ranks that sums up to `work` seconds; 0 where each rank has
 * its own. */
double snn_cost_shared(const snn_cost_model *model, double work);
/* Bytes of an item, of one image, for each bit that a rank's costs count. */
double snn_cost_item_bytes(const snn_rank_cost *cost, const snn_planner_request *request);
/* Seconds of computation of an item. */
double snn_cost_compute(const snn_rank_cost *cost, const snn_planner_request *request);

/* Seconds of a pipeline: every item passes the slowest stage; the pipeline fills and drains through the others. */
static inline double snn_cost_pipeline(double items, double slowest_stage, double all_stages)
{
    return items * slowest_stage + (all_stages - slowest_stage);
}

#endif
