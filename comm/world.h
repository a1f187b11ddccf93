/* The ranks: the only header (with its .c and the exchange) that knows MPI. A world of one is ordinary.
 *
 * Collective functions must be called by every rank. Errors: MPI failures come back as SNN_INTERNAL_ERROR.
 */
#ifndef SNN_COMM_WORLD_H
#define SNN_COMM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/base/timers.h"

typedef struct snn_world snn_world;

/* Starts MPI (thread level FUNNELED; HDF5 and the exchange run on the main thread). */
snn_status snn_world_create(int *argc, char ***argv, snn_world **world);
/* Ends MPI. After a failure that not every rank shares use snn_world_abort instead. */
void snn_world_destroy(snn_world *world);
/* Ends all ranks at once with that exit code: the last resort for a rank that fails alone between collectives. */
void snn_world_abort(snn_world *world, int exit_code) __attribute__((noreturn));

/* Collective: an end to waiting for other ranks. Where it takes longer than `seconds` (0, and until this is called: no
 * end), one rank calls `give_up` with a message that names who did not come; it must not return. Time in which this
 * process was stopped does not count. Not under it: MPI's own start and end. */
snn_status snn_world_set_patience(snn_world *world, double seconds, void (*give_up)(snn_world *world, snn_status why));

int32_t snn_world_rank(const snn_world *world);
int32_t snn_world_size(const snn_world *world);
const char *snn_world_host(const snn_world *world);
/* Whether `rank` runs on this rank's host. */
bool snn_world_same_host(const snn_world *world, int32_t rank);
/* A number that ranks of one host have alike, and no others. */
int64_t snn_world_host_of(const snn_world *world, int32_t rank);
/* From now on no more than so many ranks, [k n, (k + 1) n), count as being on one host; 0: all that are there. For
 * tests and studies, which have one host and want to see what several would do. Processors are shared out as before. */
void snn_world_pretend_hosts(snn_world *world, int32_t ranks_each);
/* How many do, this one included. */
int32_t snn_world_host_ranks(const snn_world *world);
/* True if every rank runs on this rank's host. */
bool snn_world_one_host(const snn_world *world);
/* Threads that suit this rank: the processors that it may run on, shared out among the ranks of its host that may run
 * on them too; at least 1. */
int32_t snn_world_threads(const snn_world *world);
/* Collective: the processors that all ranks have together, those that several may run on counted once. */
snn_status snn_world_processors(const snn_world *world, double *processors);
/* True if these ranks outnumber these processors: who waits should leave the processor to others. */
bool snn_world_crowded(const snn_world *world);
/* "Open MPI 4.1.4" */
const char *snn_world_library(void);

/* Collective: every rank passes its own status; all get the same: SNN_OK if all were, else that of the lowest failing
 * rank (its message arrives at every rank; rank 0 prints it). This is how an error ends a run without a hang. */
snn_status snn_world_agree(snn_world *world, snn_status status);

snn_status snn_world_barrier(snn_world *world);
snn_status snn_world_broadcast(snn_world *world, int32_t root, void *data, size_t bytes);
/* Broadcasts a length and then that many bytes; ranks other than root get a fresh buffer (snn_release). */
snn_status snn_world_broadcast_buffer(snn_world *world, int32_t root, void **data, size_t *bytes);
/* Elementwise over ranks, result on every rank. Integer sums and float maxima do not depend on the order. */
snn_status snn_world_sum(snn_world *world, int64_t *values, size_t count);
snn_status snn_world_maximum(snn_world *world, float *values, size_t count);
/* Every rank's `count` doubles, on rank 0 as [ranks][count] (NULL elsewhere). */
snn_status snn_world_gather_doubles(snn_world *world, const double *values, size_t count, double *gathered);
/* Every rank's text of up to `bytes` bytes, on rank 0 as [ranks][bytes]. */
snn_status snn_world_gather_text(snn_world *world, const char *text, size_t bytes, char *gathered);
/* Blocking point-to-point for set-up (weights); any size. */
snn_status snn_world_send(snn_world *world, int32_t to, const void *data, size_t bytes);
snn_status snn_world_receive(snn_world *world, int32_t from, void *data, size_t bytes);
/* This rank's offset: sum of `value` over lower ranks; *total over all. */
snn_status snn_world_offset(snn_world *world, int64_t value, int64_t *offset, int64_t *total);

/* The communicator, as an opaque pointer to an MPI_Comm, for the files of comm/ that call MPI (mpi_check.h). */
const void *snn_world_communicator(const snn_world *world);

#endif
