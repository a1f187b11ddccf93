/* MPI's error codes as statuses. Included only by the files of comm/ that call MPI. */
#ifndef SNN_COMM_MPI_CHECK_H
#define SNN_COMM_MPI_CHECK_H

#include <mpi.h>

#include "comm/world.h"

/* SNN_OK for MPI_SUCCESS, else an SNN_INTERNAL_ERROR "MPI_Bcast: <what MPI says>". */
snn_status snn_mpi_check(int result, const char *call);

static inline MPI_Comm snn_mpi_communicator(const snn_world *world)
{
    return *(const MPI_Comm *)snn_world_communicator(world);
}

#endif
