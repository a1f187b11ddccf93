#include "tests/comm/alone.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int32_t own_rank, all_ranks = 1, ranks_of_host = 1;
static alone_counts counts;
static int last_received; /* bytes */

void alone_become(int32_t rank, int32_t ranks, int32_t host_ranks)
{
    own_rank = rank;
    all_ranks = ranks;
    ranks_of_host = host_ranks;
    counts = (alone_counts){0};
}

alone_counts alone_counted(void)
{
    return counts;
}

static size_t bytes_of(MPI_Datatype type)
{
    if (type == MPI_INT || type == MPI_INT32_T || type == MPI_FLOAT) {
        return 4;
    }
    return type == MPI_INT64_T || type == MPI_DOUBLE ? 8 : 1;
}

static int count_collective(int64_t bytes)
{
    counts.collectives++;
    counts.collective_bytes += bytes;
    return MPI_SUCCESS;
}

/* ---- beginning and end ---- */

int MPI_Init_thread(int *argc, char ***argv, int required, int *provided)
{
    (void)argc;
    (void)argv;
    *provided = required;
    return MPI_SUCCESS;
}

int MPI_Finalize(void)
{
    return MPI_SUCCESS;
}

int MPI_Abort(MPI_Comm communicator, int code)
{
    (void)communicator;
    exit(code);
}

int MPI_Error_string(int code, char *text, int *length)
{
    *length = snprintf(text, MPI_MAX_ERROR_STRING, "error %d", code);
    return MPI_SUCCESS;
}

int MPI_Get_processor_name(char *name, int *length)
{
    *length = snprintf(name, MPI_MAX_PROCESSOR_NAME, "host%d", (int)(own_rank / ranks_of_host));
    return MPI_SUCCESS;
}

/* ---- communicators: all ranks, and MPI_COMM_SELF for those of the host ---- */

int MPI_Comm_set_errhandler(MPI_Comm communicator, MPI_Errhandler handler)
{
    (void)communicator;
    (void)handler;
    return MPI_SUCCESS;
}

int MPI_Comm_dup(MPI_Comm communicator, MPI_Comm *made)
{
    *made = communicator;
    return count_collective(0);
}

int MPI_Comm_split_type(MPI_Comm communicator, int type, int key, MPI_Info info, MPI_Comm *made)
{
    (void)communicator;
    (void)type;
    (void)key;
    (void)info;
    *made = MPI_COMM_SELF;
    return count_collective(0);
}

int MPI_Comm_free(MPI_Comm *communicator)
{
    *communicator = MPI_COMM_NULL;
    return MPI_SUCCESS;
}

int MPI_Comm_rank(MPI_Comm communicator, int *rank)
{
    (void)communicator;
    *rank = own_rank;
    return MPI_SUCCESS;
}

int MPI_Comm_size(MPI_Comm communicator, int *size)
{
    (void)communicator;
    *size = all_ranks;
    return MPI_SUCCESS;
}

int MPI_Comm_get_attr(MPI_Comm communicator, int key, void *value, int *known)
{
    (void)communicator;
    (void)key;
    (void)value;
    *known = 0;
    return MPI_SUCCESS;
}

/* ---- collectives ---- */

static int32_t first_of_host(int32_t rank)
{
    return rank - rank % ranks_of_host;
}

/* Of a host: its lowest rank. */
int MPI_Bcast(void *buffer, int count, MPI_Datatype type, int root, MPI_Comm communicator)
{
    (void)root;
    if (communicator == MPI_COMM_SELF && count == 1 && type == MPI_INT32_T) {
        const int32_t first = first_of_host(own_rank);
        memcpy(buffer, &first, sizeof first);
    }
    return count_collective((int64_t)count * (int64_t)bytes_of(type));
}

/* Of a host: who uses its processors. */
int MPI_Allreduce(const void *own, void *all, int count, MPI_Datatype type, MPI_Op operation, MPI_Comm communicator)
{
    memcpy(all, own, (size_t)count * bytes_of(type));
    for (int i = 0; i < count && communicator == MPI_COMM_SELF && type == MPI_INT32_T && operation == MPI_SUM; i++) {
        ((int32_t *)all)[i] *= ranks_of_host;
    }
    return count_collective((int64_t)count * (int64_t)bytes_of(type));
}

/* Everybody's lowest rank of its host. */
int MPI_Allgather(const void *own, int own_count, MPI_Datatype own_type, void *all, int count, MPI_Datatype type,
                  MPI_Comm communicator)
{
    (void)own;
    (void)own_count;
    (void)own_type;
    (void)communicator;
    for (int32_t rank = 0; rank < all_ranks && type == MPI_INT32_T && count == 1; rank++) {
        ((int32_t *)all)[rank] = first_of_host(rank);
    }
    return count_collective((int64_t)all_ranks * count * (int64_t)bytes_of(type));
}

int MPI_Iallreduce(const void *own, void *all, int count, MPI_Datatype type, MPI_Op operation, MPI_Comm communicator,
                   MPI_Request *request)
{
    (void)communicator;
    if (own != MPI_IN_PLACE) {
        memcpy(all, own, (size_t)count * bytes_of(type));
    }
    for (int i = 0; i < count && operation == MPI_SUM; i++) {
        if (type == MPI_INT64_T) {
            ((int64_t *)all)[i] *= all_ranks;
        } else if (type == MPI_DOUBLE) {
            ((double *)all)[i] *= all_ranks;
        }
    }
    *request = MPI_REQUEST_NULL;
    return count_collective((int64_t)count * (int64_t)bytes_of(type));
}

int MPI_Ibcast(void *buffer, int count, MPI_Datatype type, int root, MPI_Comm communicator, MPI_Request *request)
{
    (void)buffer;
    (void)root;
    (void)communicator;
    *request = MPI_REQUEST_NULL;
    return count_collective((int64_t)count * (int64_t)bytes_of(type));
}

int MPI_Ibarrier(MPI_Comm communicator, MPI_Request *request)
{
    (void)communicator;
    *request = MPI_REQUEST_NULL;
    return count_collective(0);
}

int MPI_Iexscan(const void *own, void *before, int count, MPI_Datatype type, MPI_Op operation, MPI_Comm communicator,
                MPI_Request *request)
{
    (void)own;
    (void)before;
    (void)operation;
    (void)communicator;
    *request = MPI_REQUEST_NULL;
    return count_collective((int64_t)count * (int64_t)bytes_of(type));
}

/* Pieces of a text, of which the test asks for none: rank 0 gets nothing from others. */
int MPI_Igather(const void *own, int own_count, MPI_Datatype own_type, void *all, int count, MPI_Datatype type,
                int root, MPI_Comm communicator, MPI_Request *request)
{
    (void)own;
    (void)own_type;
    (void)all;
    (void)count;
    (void)type;
    (void)communicator;
    *request = MPI_REQUEST_NULL;
    return count_collective(own_rank == root ? (int64_t)own_count * all_ranks : 0);
}

int MPI_Type_contiguous(int count, MPI_Datatype old, MPI_Datatype *made)
{
    (void)count;
    *made = old;
    return MPI_SUCCESS;
}

int MPI_Type_create_resized(MPI_Datatype old, MPI_Aint lower, MPI_Aint extent, MPI_Datatype *made)
{
    (void)lower;
    (void)extent;
    *made = old;
    return MPI_SUCCESS;
}

int MPI_Type_commit(MPI_Datatype *type)
{
    (void)type;
    return MPI_SUCCESS;
}

int MPI_Type_free(MPI_Datatype *type)
{
    *type = MPI_DATATYPE_NULL;
    return MPI_SUCCESS;
}

/* ---- messages ---- */

int MPI_Isend(const void *buffer, int count, MPI_Datatype type, int to, int tag, MPI_Comm communicator,
              MPI_Request *request)
{
    (void)buffer;
    (void)count;
    (void)type;
    (void)to;
    (void)tag;
    (void)communicator;
    counts.sent++;
    *request = MPI_REQUEST_NULL;
    return MPI_SUCCESS;
}

/* Zeros; and to the lowest rank of a host, which asks whether others have mapped its memory (one byte): yes. */
int MPI_Irecv(void *buffer, int count, MPI_Datatype type, int from, int tag, MPI_Comm communicator,
              MPI_Request *request)
{
    (void)from;
    (void)tag;
    (void)communicator;
    last_received = count * (int)bytes_of(type);
    memset(buffer, last_received == 1 && own_rank == first_of_host(own_rank), (size_t)last_received);
    counts.received++;
    *request = MPI_REQUEST_NULL;
    return MPI_SUCCESS;
}

int MPI_Recv(void *buffer, int count, MPI_Datatype type, int from, int tag, MPI_Comm communicator, MPI_Status *envelope)
{
    MPI_Request request;
    (void)envelope;
    return MPI_Irecv(buffer, count, type, from, tag, communicator, &request);
}

int MPI_Iprobe(int from, int tag, MPI_Comm communicator, int *arrived, MPI_Status *envelope)
{
    (void)from;
    (void)tag;
    (void)communicator;
    (void)envelope;
    *arrived = 0;
    return MPI_SUCCESS;
}

int MPI_Test(MPI_Request *request, int *done, MPI_Status *envelope)
{
    (void)request;
    (void)envelope;
    *done = 1;
    return MPI_SUCCESS;
}

int MPI_Get_count(const MPI_Status *envelope, MPI_Datatype type, int *count)
{
    (void)envelope;
    *count = last_received / (int)bytes_of(type);
    return MPI_SUCCESS;
}

int MPI_Request_free(MPI_Request *request)
{
    *request = MPI_REQUEST_NULL;
    return MPI_SUCCESS;
}
