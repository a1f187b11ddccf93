/* What a byte costs between this rank and those that it sends packets to, measured with all ranks sending at once, as
 * they will: ranks that share a port of the network get their share of it. */
#ifndef SNN_COMM_LINKS_H
#define SNN_COMM_LINKS_H

#include <mpi.h>
#include <stdbool.h>

#include "comm/edges.h"
#include "comm/world.h"

typedef struct snn_links {
    const snn_world *world;
    double local_byte, remote_byte; /* seconds */
} snn_links;

/* Collective, of the world and its duplicate `communicator`: fails on all ranks or, where MPI does, on one. `edges` are
 * those of this rank's replica. Between ranks of one host nothing is measured where they are crowded on its processors:
 * it would take long and say only that they are crowded. */
snn_status snn_links_measure(snn_world *world, MPI_Comm communicator, const snn_edges *edges, snn_links *links);
/* Seconds that a byte takes to `rank`. */
double snn_links_byte_seconds(const snn_links *links, int32_t rank);

#endif
