/* Independent processes that work at the same time: what the machine gives two programs is the measure of what two
 * threads of one can reach. Each process makes its own workload, on one thread.
 */
#ifndef SNN_LAB_BENCH_PROCESSES_H
#define SNN_LAB_BENCH_PROCESSES_H

#include "io/lab/bench/workload.h"

typedef struct snn_processes snn_processes;

/* Starts `count` processes; returns when all are ready. */
snn_status snn_processes_create(const snn_network *network, const snn_workload_options *options, int32_t count,
                                snn_processes **processes);

/* All run a block at once; the seconds until the last is done. A snn_contestant's `run`. */
snn_status snn_processes_run(void *processes, double *seconds);

void snn_processes_destroy(snn_processes *processes); /* accepts NULL */

#endif
