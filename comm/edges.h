/* Edges: which bits or integers each shard owes another, every block. Derived from plan and network alone, so that
 * every rank has the same list with the same numbers and nothing needs to be agreed upon.
 *
 * An edge is (source population, owner, consumer, channels): what the consumer needs of the channels that the owner
 * has. Replicas have the same edges between their own ranks; a list is that of one replica.
 */
#ifndef SNN_COMM_EDGES_H
#define SNN_COMM_EDGES_H

#include "comm/packet.h" /* snn_payload */
#include "partition/plan.h"

typedef struct snn_edge {
    int32_t source;             /* population */
    int32_t from, to;           /* ranks of the replica, from != to */
    snn_channel_range channels; /* of the source population, not empty */
    snn_payload payload;        /* spikes, or integers where the source is a stream */
    /* Number of the first edge with the same source, owner and channels: its packet serves this edge too. */
    int32_t packet;
} snn_edge;

typedef struct snn_edges {
    snn_edge *edges; /* [count], ordered by source, then `from`, then `to`; the index is the edge's number */
    int32_t count;
} snn_edges;

snn_status snn_edges_derive(const snn_plan *plan, const snn_network *network, int32_t replica, snn_edges *edges);
void snn_edges_clear(snn_edges *edges);

#endif
