/* What one rank hands to others and gets from them: by memory to ranks of its host (comm/shares.h), by packets to
 * others. Here are the messages in flight; comm/ends.h has the ends that they go between.
 *
 * Inlets (one per edge to this rank) hold two buffers each with receives posted for the next two items; outlets (one
 * per packet, which may serve several edges) hold two buffers each, so that an item's packets may still be under way
 * while the next item's are coded.
 *
 * MPI matches messages by sender, tag and order. The tag is the source population: between two ranks there is at most
 * one edge per source, and each edge sends one packet per item, in the order of items.
 */
#ifndef SNN_COMM_EXCHANGE_H
#define SNN_COMM_EXCHANGE_H

#include <stdbool.h>

#include "comm/wavefront.h"

/* The unit that moves through the wavefront. */
typedef struct snn_item {
    int64_t number; /* 0, 1, ... in the order in which this replica runs them */
    int64_t group;
    int32_t images;
    int32_t first_step, steps;
} snn_item;

typedef struct snn_exchange snn_exchange;

/* Collective: fails on all ranks or on none. Seconds go to `timers`, which must outlive it. */
snn_status snn_exchange_create(snn_world *world, const snn_network *network, const snn_plan *plan,
                               const snn_wavefront_options *options, snn_timers *timers, snn_exchange **exchange);

/* `items` more items will come, numbered on; all announced before have been received. Posts the first receives. */
snn_status snn_exchange_extend(snn_exchange *exchange, int64_t items);

/* Whether `population` is the first here to need what some other rank has, and whether others need what this one has
 * of it. */
bool snn_exchange_receives(const snn_exchange *exchange, int32_t population);
bool snn_exchange_sends(const snn_exchange *exchange, int32_t population);

/* Before the item's first population. */
void snn_exchange_begin_item(const snn_exchange *exchange, const snn_item *item, snn_shard *shard);

/* Before populations [begin, end) run, between which nothing is received or sent: waits until what `begin` is the first
 * to need here is in place, and until the last one's spikes may be. */
snn_status snn_exchange_receive(snn_exchange *exchange, int32_t begin, int32_t end, const snn_item *item,
                                const snn_shard *shard);

/* After they have run: hands this rank's spikes or sums of the last one to all that need them. Waits only if the
 * packets of two items before are still under way. */
snn_status snn_exchange_send(snn_exchange *exchange, int32_t end, const snn_item *item, const snn_shard *shard);

/* After the item's last population. */
void snn_exchange_end_item(snn_exchange *exchange, const snn_item *item);

/* Lets MPI move messages in flight. Without a progress thread a large message stands still while its sender or receiver
 * computes, so this is called between populations. Does nothing where ranks outnumber processors: there MPI gives the
 * processor away at each look, and somebody else is in MPI all the time anyway. */
snn_status snn_exchange_progress(snn_exchange *exchange);

/* All announced items are done: waits until every packet sent has left. Items are then numbered from 0 again. */
snn_status snn_exchange_finish(snn_exchange *exchange);

const snn_wavefront_traffic *snn_exchange_traffic(const snn_exchange *exchange);

/* Collective, unless a run was broken off by a failure; accepts NULL. */
void snn_exchange_destroy(snn_exchange *exchange);

#endif
