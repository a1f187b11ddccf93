#include "comm/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/mpi_wait.h"
#include "comm/processors.h"
#include "core/base/memory.h"

/* MPI counts are int: longer transfers go in pieces of this many elements. Far below INT_MAX, because pieces of this
 * size cost nothing in speed and let a test cover the splitting. */
enum { PIECE = 1 << 22 };

enum { TAG_SETUP = 1 };

struct snn_world {
    MPI_Comm communicator; /* our own, so that no library's messages meet ours */
    int32_t rank, size;
    int32_t *hosts;        /* [size]: the lowest rank on each rank's host */
    int32_t ranks_of_host; /* 0: as many as are there */
    double processors;     /* this rank's share of its host's */
    snn_patience *patience;
    char host[MPI_MAX_PROCESSOR_NAME];
};

static int piece_of(size_t left)
{
    return left < PIECE ? (int)left : PIECE;
}

static snn_status find_host(snn_world *world)
{
    MPI_Comm host = MPI_COMM_NULL;
    int32_t allowed[SNN_PROCESSORS], users[SNN_PROCESSORS], lowest = world->rank;
    snn_processors_allowed(allowed);
    SNN_TRY(snn_mpi_check(MPI_Comm_split_type(world->communicator, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host),
                          "MPI_Comm_split_type"));
    SNN_TRY(snn_mpi_check(MPI_Bcast(&lowest, 1, MPI_INT32_T, 0, host), "MPI_Bcast"));
    SNN_TRY(snn_mpi_check(MPI_Allreduce(allowed, users, SNN_PROCESSORS, MPI_INT32_T, MPI_SUM, host), "MPI_Allreduce"));
    SNN_TRY(snn_mpi_check(MPI_Comm_free(&host), "MPI_Comm_free"));
    world->processors = snn_processors_share(allowed, users);
    world->hosts = snn_allocate((size_t)world->size, sizeof *world->hosts);
    if (world->hosts == NULL) {
        return snn_out_of_memory("hosts of the ranks");
    }
    return snn_mpi_check(MPI_Allgather(&lowest, 1, MPI_INT32_T, world->hosts, 1, MPI_INT32_T, world->communicator),
                         "MPI_Allgather");
}

static snn_status start(int *argc, char ***argv, snn_world *world)
{
    int provided = MPI_THREAD_SINGLE;
    int length = 0;
    SNN_TRY(snn_mpi_check(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread"));
    if (provided < MPI_THREAD_FUNNELED) {
        return snn_advise(
            snn_fail(SNN_INTERNAL_ERROR, "this MPI library does not support threads (MPI_THREAD_FUNNELED)"),
            "use one that does, such as Open MPI or MPICH");
    }
    SNN_TRY(snn_mpi_check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler"));
    SNN_TRY(snn_mpi_check(MPI_Comm_dup(MPI_COMM_WORLD, &world->communicator), "MPI_Comm_dup"));
    SNN_TRY(snn_mpi_check(MPI_Comm_set_errhandler(world->communicator, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler"));
    SNN_TRY(snn_mpi_check(MPI_Comm_rank(world->communicator, &world->rank), "MPI_Comm_rank"));
    SNN_TRY(snn_mpi_check(MPI_Comm_size(world->communicator, &world->size), "MPI_Comm_size"));
    SNN_TRY(snn_mpi_check(MPI_Get_processor_name(world->host, &length), "MPI_Get_processor_name"));
    SNN_TRY(find_host(world));
    return snn_patience_create(world->communicator, snn_world_crowded(world), &world->patience);
}

snn_status snn_world_create(int *argc, char ***argv, snn_world **world)
{
    *world = NULL;
    snn_world *created = snn_allocate(1, sizeof *created);
    if (created == NULL) {
        return snn_out_of_memory("the world of ranks");
    }
    snn_status status = start(argc, argv, created);
    if (snn_failed(status)) {
        snn_release(created->hosts);
        snn_release(created); /* not MPI_Finalize, which would wait for ranks that did not fail */
        return snn_context(status, "starting MPI");
    }
    *world = created;
    return status;
}

void snn_world_destroy(snn_world *world)
{
    if (world == NULL) {
        return;
    }
    snn_patience_destroy(world->patience);
    /* Nothing is left to be told about a failure here. */
    (void)MPI_Comm_free(&world->communicator);
    (void)MPI_Finalize();
    snn_release(world->hosts);
    snn_release(world);
}

void snn_world_abort(snn_world *world, int exit_code)
{
    (void)MPI_Abort(world->communicator, exit_code);
    _Exit(exit_code);
}

snn_patience *snn_mpi_patience(const snn_world *world)
{
    return world->patience;
}

int32_t snn_world_rank(const snn_world *world)
{
    return world->rank;
}

int32_t snn_world_size(const snn_world *world)
{
    return world->size;
}

const char *snn_world_host(const snn_world *world)
{
    return world->host;
}

void snn_world_pretend_hosts(snn_world *world, int32_t ranks_each)
{
    world->ranks_of_host = ranks_each;
}

int64_t snn_world_host_of(const snn_world *world, int32_t rank)
{
    const int32_t each = world->ranks_of_host;
    return (int64_t)world->hosts[rank] * world->size + (each > 0 ? rank / each : 0);
}

bool snn_world_same_host(const snn_world *world, int32_t rank)
{
    return snn_world_host_of(world, rank) == snn_world_host_of(world, world->rank);
}

int32_t snn_world_host_ranks(const snn_world *world)
{
    int32_t count = 0;
    for (int32_t rank = 0; rank < world->size; rank++) {
        count += snn_world_same_host(world, rank);
    }
    return count;
}

bool snn_world_one_host(const snn_world *world)
{
    return snn_world_host_ranks(world) == world->size;
}

int32_t snn_world_threads(const snn_world *world)
{
    return snn_processors_threads(world->processors);
}

snn_status snn_world_processors(const snn_world *world, double *processors)
{
    MPI_Request request;
    *processors = world->processors;
    return snn_mpi_complete(
        world->patience,
        MPI_Iallreduce(MPI_IN_PLACE, processors, 1, MPI_DOUBLE, MPI_SUM, world->communicator, &request),
        "MPI_Iallreduce", &request);
}

bool snn_world_crowded(const snn_world *world)
{
    return world->processors < 1.0;
}

const void *snn_world_communicator(const snn_world *world)
{
    return &world->communicator;
}

#define TEXT_OF(value)       #value
#define TEXT_OF_VALUE(macro) TEXT_OF(macro)

const char *snn_world_library(void)
{
    /* From the header rather than MPI_Get_library_version: a constant, and the same within one binary interface. */
#if defined(OMPI_MAJOR_VERSION)
    return "Open MPI " TEXT_OF_VALUE(OMPI_MAJOR_VERSION) "." TEXT_OF_VALUE(OMPI_MINOR_VERSION) "." TEXT_OF_VALUE(
        OMPI_RELEASE_VERSION);
#elif defined(MPICH_VERSION)
    return "MPICH " MPICH_VERSION;
#else
    return "MPI " TEXT_OF_VALUE(MPI_VERSION) "." TEXT_OF_VALUE(MPI_SUBVERSION);
#endif
}

snn_status snn_world_agree(snn_world *world, snn_status status)
{
    int32_t lowest = snn_failed(status) ? world->rank : world->size;
    MPI_Request request;
    snn_status failure = snn_mpi_complete(
        world->patience, MPI_Iallreduce(MPI_IN_PLACE, &lowest, 1, MPI_INT32_T, MPI_MIN, world->communicator, &request),
        "MPI_Iallreduce", &request);
    if (snn_failed(failure)) {
        return snn_failed(status) ? status : failure;
    }
    if (lowest == world->size) {
        return snn_ok();
    }
    snn_status agreed;
    memset(&agreed, 0, sizeof agreed); /* whole, because whole is how it travels */
    if (lowest == world->rank) {
        agreed.code = status.code;
        agreed.advised = status.advised;
        (void)snprintf(agreed.message, sizeof agreed.message, "%s", status.message);
    }
    failure = snn_world_broadcast(world, lowest, &agreed, sizeof agreed);
    if (snn_failed(failure)) {
        return snn_failed(status) ? status : failure;
    }
    return agreed;
}

/* Rank 0: `names` [ranks][SNN_HOST_BYTES] as runs. */
static snn_status find_host_runs(const snn_world *world, const char *names, snn_host_run **runs, size_t *count)
{
    *count = 0;
    for (int32_t rank = 0; rank < world->size; rank++) {
        const char *name = names + (size_t)rank * SNN_HOST_BYTES;
        *count += rank == 0 || memcmp(name, name - SNN_HOST_BYTES, SNN_HOST_BYTES) != 0;
    }
    *runs = snn_allocate(*count, sizeof **runs);
    if (*runs == NULL) {
        return snn_out_of_memory("names of hosts");
    }
    snn_host_run *next = *runs;
    for (int32_t rank = 0; rank < world->size; rank++) {
        const char *name = names + (size_t)rank * SNN_HOST_BYTES;
        if (rank == 0 || memcmp(name, name - SNN_HOST_BYTES, SNN_HOST_BYTES) != 0) {
            next->first = rank;
            memcpy(next->name, name, SNN_HOST_BYTES);
            next++;
        }
    }
    return snn_ok();
}

/* Rank 0 alone has the names of all ranks' hosts for a moment; what ranks keep grows with the hosts. */
static snn_status name_hosts(snn_world *world)
{
    char own[SNN_HOST_BYTES] = "", *names = NULL;
    snn_host_run *runs = NULL;
    size_t count = 0;
    snn_status status = snn_ok();
    if (world->rank == 0) {
        names = snn_allocate((size_t)world->size, SNN_HOST_BYTES);
        status = names == NULL ? snn_out_of_memory("names of hosts") : snn_ok();
    }
    (void)snprintf(own, sizeof own, "%.*s", SNN_HOST_BYTES - 1, world->host);
    SNN_GOTO_DONE(status, snn_world_agree(world, status));
    SNN_GOTO_DONE(status, snn_world_gather_text(world, own, sizeof own, names));
    status = world->rank == 0 ? find_host_runs(world, names, &runs, &count) : snn_ok();
    SNN_GOTO_DONE(status, snn_world_agree(world, status));
    void *bytes = runs;
    size_t size = count * sizeof *runs;
    status = snn_world_broadcast_buffer(world, 0, &bytes, &size);
    if (snn_failed(status)) {
        snn_release(runs);
        goto done;
    }
    snn_patience_name_hosts(world->patience, bytes, (int32_t)(size / sizeof *runs));
done:
    snn_release(names);
    return status;
}

snn_status snn_world_set_patience(snn_world *world, double seconds, void (*give_up)(snn_world *world, snn_status why))
{
    SNN_TRY(name_hosts(world));
    snn_patience_set(world->patience, world, seconds, give_up);
    return snn_ok();
}

snn_status snn_world_barrier(snn_world *world)
{
    MPI_Request request;
    return snn_mpi_complete(world->patience, MPI_Ibarrier(world->communicator, &request), "MPI_Ibarrier", &request);
}

snn_status snn_world_broadcast(snn_world *world, int32_t root, void *data, size_t bytes)
{
    char *at = data;
    for (size_t left = bytes; left > 0;) {
        int piece = piece_of(left);
        MPI_Request request;
        SNN_TRY(snn_mpi_complete(world->patience, MPI_Ibcast(at, piece, MPI_BYTE, root, world->communicator, &request),
                                 "MPI_Ibcast", &request));
        at += piece;
        left -= (size_t)piece;
    }
    return snn_ok();
}

snn_status snn_world_broadcast_buffer(snn_world *world, int32_t root, void **data, size_t *bytes)
{
    uint64_t length = world->rank == root ? *bytes : 0;
    SNN_TRY(snn_world_broadcast(world, root, &length, sizeof length));
    snn_status status = snn_ok();
    void *buffer = world->rank == root ? *data : snn_allocate((size_t)length, 1);
    if (world->rank != root && buffer == NULL) {
        char what[64];
        (void)snprintf(what, sizeof what, "%llu bytes from rank %d", (unsigned long long)length, (int)root);
        status = snn_out_of_memory(what);
    }
    /* One rank short of memory must not leave the others waiting for it in the broadcast. */
    status = snn_world_agree(world, status);
    if (!snn_failed(status)) {
        status = snn_world_broadcast(world, root, buffer, (size_t)length);
    }
    if (world->rank == root) {
        return status;
    }
    if (snn_failed(status)) {
        snn_release(buffer);
        buffer = NULL;
        length = 0;
    }
    *data = buffer;
    *bytes = (size_t)length;
    return status;
}

/* `count` values of `bytes` bytes each, in place. */
static snn_status reduce(snn_world *world, void *values, size_t count, size_t bytes, MPI_Datatype type,
                         MPI_Op operation)
{
    char *at = values;
    for (size_t left = count; left > 0;) {
        int piece = piece_of(left);
        MPI_Request request;
        SNN_TRY(snn_mpi_complete(
            world->patience, MPI_Iallreduce(MPI_IN_PLACE, at, piece, type, operation, world->communicator, &request),
            "MPI_Iallreduce", &request));
        at += (size_t)piece * bytes;
        left -= (size_t)piece;
    }
    return snn_ok();
}

snn_status snn_world_sum(snn_world *world, int64_t *values, size_t count)
{
    return reduce(world, values, count, sizeof *values, MPI_INT64_T, MPI_SUM);
}

snn_status snn_world_maximum(snn_world *world, float *values, size_t count)
{
    return reduce(world, values, count, sizeof *values, MPI_FLOAT, MPI_MAX);
}

/* Bytes [offset, offset + piece) of every rank's `bytes`, to where they belong in rank 0's [ranks][bytes]. */
static snn_status gather_piece(snn_world *world, const char *values, size_t bytes, size_t offset, int piece,
                               char *gathered)
{
    MPI_Datatype dense = MPI_DATATYPE_NULL;
    MPI_Datatype spaced = MPI_DATATYPE_NULL; /* a piece, whose successor begins `bytes` further on */
    char *target = world->rank == 0 ? gathered + offset : NULL;
    SNN_TRY(snn_mpi_check(MPI_Type_contiguous(piece, MPI_BYTE, &dense), "MPI_Type_contiguous"));
    SNN_TRY(snn_mpi_check(MPI_Type_create_resized(dense, 0, (MPI_Aint)bytes, &spaced), "MPI_Type_create_resized"));
    SNN_TRY(snn_mpi_check(MPI_Type_commit(&spaced), "MPI_Type_commit"));
    MPI_Request request;
    SNN_TRY(snn_mpi_complete(
        world->patience,
        MPI_Igather(values + offset, piece, MPI_BYTE, target, 1, spaced, 0, world->communicator, &request),
        "MPI_Igather", &request));
    SNN_TRY(snn_mpi_check(MPI_Type_free(&spaced), "MPI_Type_free"));
    return snn_mpi_check(MPI_Type_free(&dense), "MPI_Type_free");
}

static snn_status gather(snn_world *world, const void *values, size_t bytes, void *gathered)
{
    for (size_t offset = 0; offset < bytes;) {
        int piece = piece_of(bytes - offset);
        SNN_TRY(gather_piece(world, values, bytes, offset, piece, gathered));
        offset += (size_t)piece;
    }
    return snn_ok();
}

snn_status snn_world_gather_doubles(snn_world *world, const double *values, size_t count, double *gathered)
{
    return gather(world, values, count * sizeof *values, gathered);
}

snn_status snn_world_gather_text(snn_world *world, const char *text, size_t bytes, char *gathered)
{
    return gather(world, text, bytes, gathered);
}

snn_status snn_world_send(snn_world *world, int32_t to, const void *data, size_t bytes)
{
    const char *at = data;
    for (size_t left = bytes; left > 0;) {
        int piece = piece_of(left);
        MPI_Request request;
        SNN_TRY(
            snn_mpi_check(MPI_Isend(at, piece, MPI_BYTE, to, TAG_SETUP, world->communicator, &request), "MPI_Isend"));
        SNN_TRY(snn_mpi_wait(world->patience, to, &request, MPI_STATUS_IGNORE));
        at += piece;
        left -= (size_t)piece;
    }
    return snn_ok();
}

snn_status snn_world_receive(snn_world *world, int32_t from, void *data, size_t bytes)
{
    char *at = data;
    for (size_t left = bytes; left > 0;) {
        int piece = piece_of(left);
        MPI_Request request;
        MPI_Status envelope;
        int received = 0;
        SNN_TRY(
            snn_mpi_check(MPI_Irecv(at, piece, MPI_BYTE, from, TAG_SETUP, world->communicator, &request), "MPI_Irecv"));
        SNN_TRY(snn_mpi_wait(world->patience, from, &request, &envelope));
        SNN_TRY(snn_mpi_check(MPI_Get_count(&envelope, MPI_BYTE, &received), "MPI_Get_count"));
        if (received != piece) {
            return snn_fail(SNN_INTERNAL_ERROR, "expected %d bytes from rank %d, received %d", piece, (int)from,
                            received);
        }
        at += piece;
        left -= (size_t)piece;
    }
    return snn_ok();
}

snn_status snn_world_offset(snn_world *world, int64_t value, int64_t *offset, int64_t *total)
{
    int64_t before = 0; /* MPI_Exscan leaves rank 0's untouched */
    int64_t all = value;
    MPI_Request request;
    SNN_TRY(snn_mpi_complete(world->patience,
                             MPI_Iexscan(&value, &before, 1, MPI_INT64_T, MPI_SUM, world->communicator, &request),
                             "MPI_Iexscan", &request));
    SNN_TRY(snn_world_sum(world, &all, 1));
    *offset = world->rank == 0 ? 0 : before;
    *total = all;
    return snn_ok();
}
