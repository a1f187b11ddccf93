#include "comm/agreement.h"

#include <string.h>

#include "comm/mpi_wait.h"
#include "core/base/memory.h"

typedef struct question {
    float own[SNN_AGREEMENT_VALUES], maxima[SNN_AGREEMENT_VALUES];
    MPI_Request request;
} question;

struct snn_agreement {
    MPI_Comm communicator;
    snn_patience *patience;
    int64_t begun, ended; /* question n is in slot n % SNN_AGREEMENTS_IN_FLIGHT */
    question questions[SNN_AGREEMENTS_IN_FLIGHT];
};

snn_status snn_agreement_create(const snn_world *world, snn_agreement **agreement)
{
    *agreement = snn_allocate(1, sizeof **agreement);
    if (*agreement == NULL) {
        return snn_out_of_memory("agreement");
    }
    (*agreement)->communicator = snn_mpi_communicator(world);
    (*agreement)->patience = snn_mpi_patience(world);
    return snn_ok();
}

snn_status snn_agreement_begin(snn_agreement *agreement, const float values[SNN_AGREEMENT_VALUES])
{
    question *asked = &agreement->questions[agreement->begun % SNN_AGREEMENTS_IN_FLIGHT];
    if (snn_agreement_pending(agreement) == SNN_AGREEMENTS_IN_FLIGHT) {
        return snn_fail(SNN_INTERNAL_ERROR, "more than %d agreements in flight", (int)SNN_AGREEMENTS_IN_FLIGHT);
    }
    memcpy(asked->own, values, sizeof asked->own);
    SNN_TRY(snn_mpi_check(MPI_Iallreduce(asked->own, asked->maxima, SNN_AGREEMENT_VALUES, MPI_FLOAT, MPI_MAX,
                                         agreement->communicator, &asked->request),
                          "MPI_Iallreduce"));
    agreement->begun++;
    return snn_ok();
}

snn_status snn_agreement_end(snn_agreement *agreement, float values[SNN_AGREEMENT_VALUES])
{
    question *asked = &agreement->questions[agreement->ended % SNN_AGREEMENTS_IN_FLIGHT];
    if (snn_agreement_pending(agreement) == 0) {
        return snn_fail(SNN_INTERNAL_ERROR, "no agreement has begun");
    }
    SNN_TRY(snn_mpi_wait(agreement->patience, SNN_ALL_RANKS, &asked->request, MPI_STATUS_IGNORE));
    memcpy(values, asked->maxima, sizeof asked->maxima);
    agreement->ended++;
    return snn_ok();
}

int32_t snn_agreement_pending(const snn_agreement *agreement)
{
    return (int32_t)(agreement->begun - agreement->ended);
}

void snn_agreement_destroy(snn_agreement *agreement)
{
    /* MPI may still write into one that a failure left pending: it stays behind, in a process about to end. */
    if (agreement != NULL && snn_agreement_pending(agreement) == 0) {
        snn_release(agreement);
    }
}
