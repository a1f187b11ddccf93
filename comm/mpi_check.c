#include "comm/mpi_check.h"

snn_status snn_mpi_check(int result, const char *call)
{
    if (result == MPI_SUCCESS) {
        return snn_ok();
    }
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    if (MPI_Error_string(result, text, &length) != MPI_SUCCESS) {
        return snn_advise(snn_fail(SNN_INTERNAL_ERROR, "%s: MPI error %d", call, result),
                          "see to hosts and network, and run it again: it goes on from its last checkpoint");
    }
    return snn_advise(snn_fail(SNN_INTERNAL_ERROR, "%s: %s", call, text),
                      "see to hosts and network, and run it again: it goes on from its last checkpoint");
}
