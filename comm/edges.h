/* Edges: which bits or integers a rank owes others and others owe it, every block. Derived from plan and network alone,
 * so that both ends of an edge know it and nothing needs to be agreed upon. A rank looks at nobody's edges but its own:
 * all of a replica's would be millions where it has thousands of shards.
 *
 * An edge is (source population, owner, consumer, channels): what the consumer needs of the channels that the owner
 * has. Replicas have the same edges between their own ranks.
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
    int32_t packet; /* index of the first edge with the same source, owner and channels: its packet serves this one */
    bool common;    /* its packet also serves others of the host of `to` (comm/survey.h) */
} snn_edge;

typedef struct snn_edges {
    snn_edge *edges; /* [count], ordered by source, then `from`, then `to` */
    int32_t count;
} snn_edges;

/* Those from and to `rank`. */
snn_status snn_edges_derive(const snn_plan *plan, const snn_network *network, int32_t rank, snn_edges *edges);

/* The first population of the edge's consumer that needs any of its channels. What a place needs of a source is one
 * range, in which there may be channels that no population needs: they can wait for the last one that reads the
 * source. */
int32_t snn_edge_first_reader(const snn_plan *plan, const snn_network *network, const snn_edge *edge);
/* The last population of the edge's consumer that reads any of the source. */
int32_t snn_edge_last_reader(const snn_plan *plan, const snn_network *network, const snn_edge *edge);

/* What packets of an edge are marked with: the same at both ends, and hardly ever that of another one. */
uint32_t snn_edge_number(const snn_edge *edge);

void snn_edges_clear(snn_edges *edges);

/* begin [populations + 1], whose index p + 1 holds how many belong to p, becomes where those of p begin. */
static inline void snn_edges_accumulate(int32_t *begin, int32_t populations)
{
    for (int32_t p = 0; p < populations; p++) {
        begin[p + 1] += begin[p];
    }
}

#endif
