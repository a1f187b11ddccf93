/* The search for stages: dynamic programming over contiguous populations. Internal to partition/.
 *
 * For a number of shards a table says what an item would take in a stage of populations [first, last), or INFINITY
 * where a rank would need too much memory. From the tables come the best cut into a given number of stages that are all
 * divided alike, and the best cut for a given number of ranks whose stages may be divided differently. Networks of
 * very many populations are cut at some places only, which have about the same work between them; where the number of
 * stages is given, which may be greater than that of these places, without tables anywhere (search_stages.c). Who wants
 * the least memory gets it by the same search: bytes take the place of seconds everywhere.
 */
#ifndef SNN_PARTITION_SEARCH_H
#define SNN_PARTITION_SEARCH_H

#include "partition/cost.h"

enum { SNN_MOST_CUTS = 160 };

typedef struct snn_search_table {
    int32_t shards;
    double *seconds; /* [atoms + 1][atoms + 1] */
} snn_search_table;

typedef struct snn_search {
    snn_cost_model *model;
    const snn_planner_request *request;
    int32_t most_channels;    /* of any population */
    int32_t atoms;            /* pieces that are not cut */
    int32_t *position;        /* [atoms + 1]: first population of each */
    snn_search_table *tables; /* [table_count], for as many numbers of shards as were asked for */
    int32_t table_count, table_room;
    double *slowest, *all; /* [atoms + 1][atoms + 1]: [stages][last]: of the best cut of atoms [0, last) */
    int32_t *last_begin;   /* likewise: where its last stage begins */
    int32_t *needed;       /* [atoms + 1]: ranks for atoms [0, last) */
    int32_t *needed_begin, *needed_shards; /* [atoms + 1]: the last stage of these */
    int32_t *widths;                       /* [width_count]: numbers of shards that stages may have, ascending */
    int32_t width_count;
    bool anywhere;   /* no tables: snn_search_stages */
    double *lengths; /* [populations + 1]: seconds of stages of so many populations, for snn_search_stages */
} snn_search;

/* What counts of a stage, by what it costs one of its shards: seconds of an item, bytes for SNN_OBJECTIVE_MEMORY, or
 * INFINITY where it does not fit the memory. */
double snn_search_price(const snn_search *search, const snn_rank_cost *cost);

/* Stages that were found. */
typedef struct snn_cut {
    int32_t stages;
    int32_t *begin, *shards; /* [stages + 1], [stages], owned, with room */
    double slowest, all;     /* seconds of an item in the slowest stage and in all */
    double work;             /* likewise, of all ranks */
} snn_cut;

snn_status snn_search_create(const snn_network *network, const snn_planner_request *request, snn_search *search);
void snn_search_clear(snn_search *search);

snn_status snn_cut_create(const snn_search *search, snn_cut *cut);
void snn_cut_clear(snn_cut *cut);

/* Prepares snn_search_uniform for stages of `shards` shards, of which there may be up to `most_stages`. */
snn_status snn_search_cuts(snn_search *search, int32_t shards, int32_t most_stages);
/* The cut into at most `stages` stages whose slowest stage is the fastest; none is empty if the request says how many
 * there are to be, as long as there are populations for them. */
void snn_search_uniform(const snn_search *search, int32_t shards, int32_t stages, snn_cut *cut);

/* The same, by bisection; not finite if the memory does not suffice. */
void snn_search_stages(const snn_search *search, int32_t shards, int32_t stages, snn_cut *cut);

/* Before any other search: the tables that snn_search_mixed needs. */
snn_status snn_search_prepare_mixed(snn_search *search);
/* The cut for at most `ranks` ranks whose slowest stage is the fastest, if that is faster than `seconds`: true. */
bool snn_search_mixed(snn_search *search, int32_t ranks, double seconds, snn_cut *cut);

/* Bytes of the rank with the readout, the one whose need depends on the replicas, which prices do not know unless they
 * are given; 0 where memory does not matter. */
double snn_search_readout(const snn_search *search, int32_t replicas, const snn_cut *cut);

#endif
