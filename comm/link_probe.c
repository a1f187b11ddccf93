#include "comm/link_probe.h"

#include "comm/mpi_wait.h"
#include "core/base/memory.h"

enum { SMALL_BYTES = 64, LARGE_BYTES = 1 << 18, PINGS = 100, STREAM = 64, LARGE_PINGS = 10, TURNS = 3, TAG = 1 };

typedef struct pair {
    MPI_Comm communicator;
    snn_patience *patience;
    int32_t other; /* rank; rank 0 leads */
    bool leads;
    uint8_t *buffer; /* [STREAM][SMALL_BYTES], or [LARGE_BYTES] */
} pair;

static snn_status start(const pair *with, bool sends, uint8_t *at, int bytes, MPI_Request *request)
{
    return sends ? snn_mpi_check(MPI_Isend(at, bytes, MPI_BYTE, with->other, TAG, with->communicator, request),
                                 "MPI_Isend")
                 : snn_mpi_check(MPI_Irecv(at, bytes, MPI_BYTE, with->other, TAG, with->communicator, request),
                                 "MPI_Irecv");
}

/* There and back, `count` times. */
static snn_status ping(const pair *with, int bytes, int count)
{
    MPI_Request request;
    for (int i = 0; i < 2 * count; i++) {
        SNN_TRY(start(with, (i % 2 == 0) == with->leads, with->buffer, bytes, &request));
        SNN_TRY(snn_mpi_wait(with->patience, with->other, &request, MPI_STATUS_IGNORE));
    }
    return snn_ok();
}

/* Many small messages at once to rank 0, then an answer. */
static snn_status stream(const pair *with)
{
    MPI_Request requests[STREAM];
    for (int i = 0; i < STREAM; i++) {
        SNN_TRY(start(with, !with->leads, with->buffer + (size_t)i * SMALL_BYTES, SMALL_BYTES, &requests[i]));
    }
    for (int i = 0; i < STREAM; i++) {
        SNN_TRY(snn_mpi_wait(with->patience, with->other, &requests[i], MPI_STATUS_IGNORE));
    }
    return snn_ok();
}

static void keep_fastest(double *fastest, double seconds)
{
    *fastest = *fastest == 0.0 || seconds < *fastest ? seconds : *fastest;
}

static snn_status measure_pair(const pair *with, snn_link *link)
{
    double small = 0, large = 0, message = 0;
    for (int turn = 0; turn <= TURNS; turn++) { /* the first opens the connection */
        double begun = snn_seconds();
        SNN_TRY(ping(with, SMALL_BYTES, PINGS));
        const double pinged = snn_seconds();
        SNN_TRY(stream(with));
        const double streamed = snn_seconds();
        SNN_TRY(ping(with, LARGE_BYTES, LARGE_PINGS));
        if (turn > 0) {
            keep_fastest(&small, (pinged - begun) / (2 * PINGS));
            keep_fastest(&message, (streamed - pinged) / STREAM);
            keep_fastest(&large, (snn_seconds() - streamed) / (2 * LARGE_PINGS));
        }
    }
    const double bytes = (large - small) / (LARGE_BYTES - SMALL_BYTES);
    link->latency_seconds = small > link->latency_seconds ? small : link->latency_seconds;
    link->message_seconds = message > link->message_seconds ? message : link->message_seconds;
    link->byte_seconds = bytes > link->byte_seconds ? bytes : link->byte_seconds;
    return snn_ok();
}

/* Rank 0 with `other`; the rest have nothing to do. */
static snn_status measure_with(const snn_world *world, int32_t other, uint8_t *buffer, snn_link *link)
{
    const int32_t rank = snn_world_rank(world);
    if (rank != 0 && rank != other) {
        return snn_ok();
    }
    const pair with = {.communicator = snn_mpi_communicator(world),
                       .patience = snn_mpi_patience(world),
                       .other = rank == 0 ? other : 0,
                       .leads = rank == 0,
                       .buffer = buffer};
    return measure_pair(&with, link);
}

snn_status snn_link_probe(snn_world *world, snn_link *link)
{
    const int32_t last = snn_world_size(world) - 1;
    float crowded = snn_world_crowded(world) ? 1.0f : 0.0f;
    SNN_TRY(snn_world_maximum(world, &crowded, 1));
    if (last == 0 || crowded > 0.0f) {
        return snn_ok();
    }
    snn_link found = {0};
    uint8_t *buffer = snn_allocate(LARGE_BYTES, 1);
    snn_status status;
    SNN_GOTO_DONE(status, snn_world_agree(world, buffer != NULL ? snn_ok() : snn_out_of_memory("messages")));
    SNN_GOTO_DONE(status, measure_with(world, 1, buffer, &found));
    if (last > 1) {
        SNN_GOTO_DONE(status, measure_with(world, last, buffer, &found));
    }
    SNN_GOTO_DONE(status, snn_world_broadcast(world, 0, &found, sizeof found));
    *link = found;
done:
    snn_release(buffer);
    return status;
}
