/* Waiting for a message. Included only by the files of comm/ that call MPI. */
#ifndef SNN_COMM_MPI_WAIT_H
#define SNN_COMM_MPI_WAIT_H

#include <stdbool.h>

#include "comm/mpi_check.h"

/* Completes a request. `crowded`: ranks outnumber processors, so looks at the request have longer and longer pauses
 * between them. */
snn_status snn_mpi_wait(MPI_Request *request, MPI_Status *envelope, bool crowded);

#endif
