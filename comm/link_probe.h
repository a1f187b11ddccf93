/* A link between ranks present, measured for the planner: before there is a plan, and so before it is known who sends
 * to whom (that is comm/links.h). */
#ifndef SNN_COMM_LINK_PROBE_H
#define SNN_COMM_LINK_PROBE_H

#include "comm/world.h"
#include "partition/machine.h"

/* Collective, some milliseconds: messages between rank 0 and its neighbour, and between rank 0 and the last rank; the
 * slower link counts. The result is the same on every rank. Where ranks outnumber processors, and on a single rank,
 * `link` stays as it is: only who is waiting for a processor could be measured. */
snn_status snn_link_probe(snn_world *world, snn_link *link);

#endif
