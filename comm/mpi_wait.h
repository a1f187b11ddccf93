/* Waiting for other ranks, with an end to it. Included only by the files of comm/ that call MPI.
 *
 * A rank that is stopped, or whose host or network is gone, would have the others wait for ever. So all waiting is done
 * here, and what takes longer than the world's patience (snn_world_set_patience) ends the job, with a message that
 * names who did not come. Whoever has waited for a while says so to rank 0, which ends the job first: it names who it
 * waits for or, if that one waits too or it is a collective, those who have said nothing. If rank 0 does not come the
 * others end the job, after at most twice the patience.
 *
 * Time in which this process itself was stopped does not count: a job that is suspended as a whole goes on. */
#ifndef SNN_COMM_MPI_WAIT_H
#define SNN_COMM_MPI_WAIT_H

#include <stdbool.h>

#include "comm/mpi_check.h"

enum { SNN_ALL_RANKS = -1, SNN_HOST_BYTES = 64 };

typedef struct snn_patience snn_patience;

/* Without end, for now. `crowded`: ranks outnumber processors, so looks at a request have longer and longer pauses
 * between them. The communicator must outlive it. */
snn_status snn_patience_create(MPI_Comm communicator, bool crowded, snn_patience **patience);
void snn_patience_destroy(snn_patience *patience); /* accepts NULL */

/* Where ranks are: runs of them on one host, because launchers fill one host after the other. */
typedef struct snn_host_run {
    int32_t first; /* rank, up to the next run's */
    char name[SNN_HOST_BYTES];
} snn_host_run;

/* For messages; once. Takes `runs` [count] over, ascending, the first from rank 0. */
void snn_patience_name_hosts(snn_patience *patience, snn_host_run *runs, int32_t count);

/* After these: an end after `seconds` (0: none) of waiting; `give_up` must not return. */
void snn_patience_set(snn_patience *patience, snn_world *world, double seconds,
                      void (*give_up)(snn_world *world, snn_status why));

/* The world's. */
snn_patience *snn_mpi_patience(const snn_world *world);

/* Whether what is waited for has come; called again and again. */
typedef snn_status snn_mpi_look(void *context, bool *done);

/* Waits for rank `whom`, until a look finds it done or fails. */
snn_status snn_mpi_wait_until(snn_patience *patience, int32_t whom, snn_mpi_look *look, void *context);

/* Completes a request: a message from or to rank `whom` of the communicator, or a collective of SNN_ALL_RANKS. */
snn_status snn_mpi_wait(snn_patience *patience, int32_t whom, MPI_Request *request, MPI_Status *envelope);

/* A collective that has just been started with this result. */
snn_status snn_mpi_complete(snn_patience *patience, int result, const char *call, MPI_Request *request);

#endif
