#include "comm/links.h"

#include "comm/mpi_wait.h"
#include "core/base/memory.h"
#include "core/base/timers.h"

enum {
    PROBE_BYTES = 512 * 1024, /* that a rank sends, to all together, */
    LEAST_BYTES = 16 * 1024,  /* and to each at least */
    MORE_PROBES = 4,          /* where one takes no longer than */
    TAG_PROBE = 0,
    TAG_ANSWER = 1
};

#define SHORT_PROBE 0.02 /* seconds */

/* Of a copy within memory: what a host is taken to do where it is not measured. */
#define UNMEASURED_BYTE 0.25e-9

/* Who this rank sends to and receives from in one round. */
typedef struct partners {
    MPI_Comm communicator;
    snn_patience *patience;
    int *to, *from;
    int to_count, from_count;
    int bytes;             /* of each message */
    uint8_t *out, *in;     /* [bytes], [from_count][bytes] */
    uint8_t *answers;      /* [to_count] */
    MPI_Request *requests; /* [2 (to_count + from_count)] */
} partners;

static void partners_clear(partners *with)
{
    snn_release(with->to);
    snn_release(with->from);
    snn_release(with->out);
    snn_release(with->in);
    snn_release(with->answers);
    snn_release(with->requests);
}

/* The ranks at the other ends of this rank's edges that are local, or those that are not. */
static snn_status partners_find(const snn_world *world, const snn_edges *edges, bool local, partners *with)
{
    const int rank = snn_world_rank(world), ranks = snn_world_size(world);
    const size_t most = (size_t)(edges->count < ranks ? edges->count : ranks);
    with->to = snn_allocate(most, sizeof *with->to);
    with->from = snn_allocate(most, sizeof *with->from);
    bool *seen = snn_allocate((size_t)ranks * 2, sizeof *seen);
    if (with->to == NULL || with->from == NULL || seen == NULL) {
        snn_release(seen);
        return snn_out_of_memory("measurement of links");
    }
    for (int32_t i = 0; i < edges->count; i++) {
        const snn_edge *edge = &edges->edges[i];
        if (edge->from == rank && snn_world_same_host(world, edge->to) == local && !seen[edge->to]) {
            seen[edge->to] = true;
            with->to[with->to_count++] = edge->to;
        }
        if (edge->to == rank && snn_world_same_host(world, edge->from) == local && !seen[ranks + edge->from]) {
            seen[ranks + edge->from] = true;
            with->from[with->from_count++] = edge->from;
        }
    }
    snn_release(seen);
    return snn_ok();
}

static snn_status allocate_messages(partners *with)
{
    with->out = snn_allocate((size_t)with->bytes, 1);
    with->in = snn_allocate((size_t)with->from_count, (size_t)with->bytes);
    with->answers = snn_allocate((size_t)with->to_count, 1);
    with->requests = snn_allocate((size_t)(with->to_count + with->from_count) * 2, sizeof(MPI_Request));
    const bool complete = with->out != NULL && with->in != NULL && with->answers != NULL && with->requests != NULL;
    return complete ? snn_ok() : snn_out_of_memory("measurement of links");
}

/* Both ends of a message must agree on its size, so it comes from the rank with most partners. */
static snn_status partners_prepare(snn_world *world, partners *with)
{
    int most = with->to_count;
    MPI_Request request;
    SNN_TRY(snn_mpi_complete(with->patience,
                             MPI_Iallreduce(MPI_IN_PLACE, &most, 1, MPI_INT, MPI_MAX, with->communicator, &request),
                             "MPI_Iallreduce", &request));
    const int share = PROBE_BYTES / (most > 0 ? most : 1);
    with->bytes = share > LEAST_BYTES ? share : LEAST_BYTES;
    return snn_world_agree(world, allocate_messages(with));
}

/* Sends `bytes` to everyone and waits until everyone has answered: a send is done long before its bytes are there. */
static snn_status exchange(partners *with, int bytes, double *seconds)
{
    MPI_Comm communicator = with->communicator;
    MPI_Request barrier;
    const int from = with->from_count, to = with->to_count;
    MPI_Request *next = with->requests;
    SNN_TRY(snn_mpi_complete(with->patience, MPI_Ibarrier(communicator, &barrier), "MPI_Ibarrier", &barrier));
    const double start = snn_seconds();
    for (int i = 0; i < from; i++) {
        SNN_TRY(snn_mpi_check(MPI_Irecv(with->in + (size_t)i * (size_t)with->bytes, bytes, MPI_BYTE, with->from[i],
                                        TAG_PROBE, communicator, next++),
                              "MPI_Irecv"));
    }
    for (int i = 0; i < to; i++) {
        SNN_TRY(snn_mpi_check(MPI_Irecv(with->answers + i, 1, MPI_BYTE, with->to[i], TAG_ANSWER, communicator, next++),
                              "MPI_Irecv"));
        SNN_TRY(snn_mpi_check(MPI_Isend(with->out, bytes, MPI_BYTE, with->to[i], TAG_PROBE, communicator, next++),
                              "MPI_Isend"));
    }
    for (int i = 0; i < from; i++) {
        SNN_TRY(snn_mpi_wait(with->patience, with->from[i], &with->requests[i], MPI_STATUS_IGNORE));
    }
    for (int i = 0; i < from; i++) {
        SNN_TRY(snn_mpi_check(MPI_Isend(with->out, 1, MPI_BYTE, with->from[i], TAG_ANSWER, communicator, next++),
                              "MPI_Isend"));
    }
    for (int i = 0; i < 2 * to; i++) {
        SNN_TRY(snn_mpi_wait(with->patience, with->to[i / 2], &with->requests[from + i], MPI_STATUS_IGNORE));
    }
    for (int i = 0; i < from; i++) {
        SNN_TRY(snn_mpi_wait(with->patience, with->from[i], &with->requests[from + 2 * to + i], MPI_STATUS_IGNORE));
    }
    *seconds = snn_seconds() - start;
    return snn_ok();
}

/* The fastest of `more` and one, unless they take long: others may use the network or the processors, but not all the
 * time. */
static snn_status exchange_probes(partners *with, int more, double *seconds)
{
    SNN_TRY(exchange(with, with->bytes, seconds));
    double longest = *seconds;
    MPI_Request request;
    SNN_TRY(snn_mpi_complete(
        with->patience, MPI_Iallreduce(MPI_IN_PLACE, &longest, 1, MPI_DOUBLE, MPI_MAX, with->communicator, &request),
        "MPI_Iallreduce", &request));
    for (int i = 0; i < more && longest < SHORT_PROBE; i++) {
        double again = 0.0;
        SNN_TRY(exchange(with, with->bytes, &again));
        *seconds = again < *seconds ? again : *seconds;
    }
    return snn_ok();
}

static snn_status measure(snn_world *world, MPI_Comm communicator, const snn_edges *edges, bool local,
                          double *byte_seconds)
{
    partners with = {.communicator = communicator, .patience = snn_mpi_patience(world)};
    double latency = 0.0, seconds = 0.0;
    snn_status status = partners_find(world, edges, local, &with);
    SNN_GOTO_DONE(status, snn_world_agree(world, status));
    SNN_GOTO_DONE(status, partners_prepare(world, &with));
    /* The first messages open connections. */
    SNN_GOTO_DONE(status, exchange(&with, 1, &latency));
    SNN_GOTO_DONE(status, exchange(&with, 1, &latency));
    SNN_GOTO_DONE(status, exchange_probes(&with, local ? 1 : MORE_PROBES, &seconds));
    if (with.to_count > 0 && seconds > latency) {
        *byte_seconds = (seconds - latency) / ((double)with.bytes * with.to_count);
    }
done:
    partners_clear(&with);
    return status;
}

snn_status snn_links_measure(snn_world *world, MPI_Comm communicator, const snn_edges *edges, snn_links *links)
{
    const int rank = snn_world_rank(world), ranks = snn_world_size(world);
    *links = (snn_links){.world = world, .local_byte = UNMEASURED_BYTE, .remote_byte = UNMEASURED_BYTE};
    if (ranks == 1) {
        return snn_ok();
    }
    enum { HAS_LOCAL, HAS_REMOTE, CROWDED, PROPERTIES };
    int any[PROPERTIES] = {0, 0, snn_world_crowded(world)};
    for (int32_t i = 0; i < edges->count; i++) {
        if (edges->edges[i].from == rank) {
            any[snn_world_same_host(world, edges->edges[i].to) ? HAS_LOCAL : HAS_REMOTE] = 1;
        }
    }
    MPI_Request request;
    SNN_TRY(snn_mpi_complete(snn_mpi_patience(world),
                             MPI_Iallreduce(MPI_IN_PLACE, any, PROPERTIES, MPI_INT, MPI_MAX, communicator, &request),
                             "MPI_Iallreduce", &request));
    if (any[HAS_LOCAL] && !any[CROWDED]) {
        SNN_TRY(measure(world, communicator, edges, true, &links->local_byte));
    }
    return any[HAS_REMOTE] ? measure(world, communicator, edges, false, &links->remote_byte) : snn_ok();
}

double snn_links_byte_seconds(const snn_links *links, int32_t rank)
{
    return snn_world_same_host(links->world, rank) ? links->local_byte : links->remote_byte;
}
