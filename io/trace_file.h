/* A run's timeline in the format of Chrome's about:tracing, which Perfetto (ui.perfetto.dev) reads too. */
#ifndef SNN_IO_TRACE_FILE_H
#define SNN_IO_TRACE_FILE_H

#include "comm/world.h"
#include "core/base/trace.h"
#include "core/network/network.h"
#include "partition/plan.h"

/* Collective. Writes what all ranks recorded, complete or absent: a process per rank, named after its place in the
 * plan, and a thread per OpenMP thread; times in microseconds since `begun` of rank 0. *lost: intervals of all ranks
 * that were recorded but not kept, on every rank. */
snn_status snn_trace_write(snn_world *world, const char *path, const snn_trace *trace, const snn_network *network,
                           const snn_plan *plan, double begun, int64_t *lost);

#endif
