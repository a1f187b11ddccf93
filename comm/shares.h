/* Spikes and sums that the ranks of a host have in common: written once, by the rank whose neurons fire, and read in
 * place by all that need them.
 *
 * Which populations lie there, and for which of its ranks a packet from another host is, says comm/survey.h. What is
 * left goes by packets from rank to rank.
 *
 * There are a few blocks of each population, for as many items one after the other. Who may read or write follows from
 * two numbers for each rank, which only it writes: how far it has come in the order of items and populations that all
 * ranks follow, and up to which of them it has placed packets. A population may be read when its owner has come past
 * it, or the porter of its packet has placed that, and a block written again when all readers have come past the last
 * population that reads it, in the item that was there before.
 */
#ifndef SNN_COMM_SHARES_H
#define SNN_COMM_SHARES_H

#include <stdatomic.h>

#include "comm/edges.h"
#include "comm/world.h"
#include "core/network/timing.h"
#include "core/shard/shard.h"

typedef struct snn_shares snn_shares;

typedef struct snn_shares_options {
    int32_t images, block;     /* of an item, at most */
    const snn_timing *timings; /* [population_count] of a network with windows, or NULL */
} snn_shares_options;

/* Collective. Takes those of this rank's `edges` that need no packets out of the list; of those that one packet serves
 * the porter's is left, with all that its host needs. */
snn_status snn_shares_create(snn_world *world, const snn_network *network, const snn_plan *plan,
                             const snn_shares_options *options, snn_edges *edges, snn_shares **shares);
/* Accepts NULL. Others may still be reading. */
void snn_shares_destroy(snn_shares *shares);

/* Whether there is something to share, and this host has no memory for it: then it goes by packets, too. */
bool snn_shares_refused(const snn_shares *shares);

/* Whether `population` is the first here to read some rank's part of a shared one, and whether others read its own. */
bool snn_shares_receives(const snn_shares *shares, int32_t population);
bool snn_shares_sends(const snn_shares *shares, int32_t population);

/* Items are numbered 0, 1, ... since the last snn_shares_finish. Tells the shard where the item's blocks are. */
void snn_shares_begin_item(const snn_shares *shares, int64_t item, snn_shard *shard);

/* Somebody who has not come far enough yet. */
typedef struct snn_shares_obstacle {
    int32_t rank;
    const _Atomic int64_t *mark;
    int64_t expected;
} snn_shares_obstacle;

/* Whether this rank has to wait before it places packets that are for others of its host, too, and that `population` is
 * the first to need; for whom first. */
bool snn_shares_full(const snn_shares *shares, int64_t item, int32_t population, snn_shares_obstacle *obstacle);
/* They have been placed: before snn_shares_blocked, so that nobody waits for one that waits. */
void snn_shares_placed(snn_shares *shares, int64_t item, int32_t population);

/* Whether this rank has to wait before it runs populations [begin, end), where nothing is shared in between; for whom
 * first. */
bool snn_shares_blocked(const snn_shares *shares, int64_t item, int32_t begin, int32_t end,
                        snn_shares_obstacle *obstacle);
static inline bool snn_shares_is_past(const snn_shares_obstacle *obstacle)
{
    return atomic_load_explicit(obstacle->mark, memory_order_acquire) >= obstacle->expected;
}

/* This rank is done with the item's populations before `end`. */
void snn_shares_advance(snn_shares *shares, int64_t item, int32_t end);
/* `items` are done since the last time. */
void snn_shares_finish(snn_shares *shares, int64_t items);

#endif
