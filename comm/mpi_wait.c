#include "comm/mpi_wait.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/memory.h"

enum { SHORTEST_PAUSE = 1000, LONGEST_PAUSE = 128000 }; /* nanoseconds */
enum { LOOKS = 256 };                                   /* at a request, without pauses, between two at the clock */
enum { TAG_HERE = 2, MOST_NAMED = 4 };

static const double LONGEST_STEP = 1.0; /* seconds between two looks at the clock, unless this process was stopped */
static const double STAYS_AWAKE = 2e-3; /* seconds, with processors enough; then it is worth one's while to sleep */
static const double SPEAKS_AFTER = 0.3; /* of the patience: then a rank says that it waits */
/* Times the patience, for others than rank 0, which knows who is missing: for rank 0, for another one, which may itself
 * be waiting for the one that does not come, and for all. */
static const double FOR_RANK_0 = 1.25, FOR_ANOTHER = 1.5, FOR_ALL = 2.0;
/* Collectives by which a rank that waits for a message may be behind: agreements end one round after they begin. */
enum { MOST_BEHIND = 2 };

struct snn_patience {
    MPI_Comm communicator;
    int32_t rank, size;
    bool crowded;
    double seconds; /* 0: for ever */
    snn_world *world;
    void (*give_up)(snn_world *world, snn_status why);
    snn_host_run *hosts;
    int32_t host_count;
    int64_t collectives; /* completed; the same on all ranks when they wait for the next */
    int64_t here;        /* as sent to rank 0 */
    MPI_Request here_request;
};

snn_status snn_patience_create(MPI_Comm communicator, bool crowded, snn_patience **patience)
{
    *patience = NULL;
    snn_patience *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("waiting");
    }
    int rank = 0, size = 1;
    made->communicator = communicator;
    made->crowded = crowded;
    made->here_request = MPI_REQUEST_NULL;
    snn_status status = snn_mpi_check(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank");
    if (!snn_failed(status)) {
        status = snn_mpi_check(MPI_Comm_size(communicator, &size), "MPI_Comm_size");
    }
    if (snn_failed(status)) {
        snn_release(made);
        return status;
    }
    made->rank = rank;
    made->size = size;
    *patience = made;
    return snn_ok();
}

void snn_patience_name_hosts(snn_patience *patience, snn_host_run *runs, int32_t count)
{
    patience->hosts = runs;
    patience->host_count = count;
}

void snn_patience_set(snn_patience *patience, snn_world *world, double seconds,
                      void (*give_up)(snn_world *world, snn_status why))
{
    patience->world = world;
    patience->give_up = give_up;
    patience->seconds = seconds;
}

/* Not snn_seconds: times that are measured, or made up by tests, are none of this. */
static double clock_now(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static const char *host_of(const snn_patience *patience, int32_t rank)
{
    int32_t run = patience->host_count - 1;
    while (run > 0 && patience->hosts[run].first > rank) {
        run--;
    }
    return patience->hosts[run].name;
}

/* ---- who waits, and who is missing ---- */

static snn_status say_here(snn_patience *patience)
{
    int done = 0;
    /* Where the last one is still on its way, rank 0 has not been there for long. */
    SNN_TRY(snn_mpi_check(MPI_Test(&patience->here_request, &done, MPI_STATUS_IGNORE), "MPI_Test"));
    if (!done) {
        return snn_ok();
    }
    patience->here = patience->collectives;
    return snn_mpi_check(
        MPI_Isend(&patience->here, 1, MPI_INT64_T, 0, TAG_HERE, patience->communicator, &patience->here_request),
        "MPI_Isend");
}

/* Rank 0: takes what there is; marks those who wait as it does in `waits`, which may be NULL. */
static snn_status hear(const snn_patience *patience, bool *waits)
{
    for (;;) {
        int arrived = 0;
        int64_t which = -1;
        MPI_Status envelope;
        SNN_TRY(snn_mpi_check(MPI_Iprobe(MPI_ANY_SOURCE, TAG_HERE, patience->communicator, &arrived, &envelope),
                              "MPI_Iprobe"));
        if (!arrived) {
            return snn_ok();
        }
        SNN_TRY(snn_mpi_check(
            MPI_Recv(&which, 1, MPI_INT64_T, envelope.MPI_SOURCE, TAG_HERE, patience->communicator, MPI_STATUS_IGNORE),
            "MPI_Recv"));
        if (waits != NULL && which >= patience->collectives - MOST_BEHIND) {
            waits[envelope.MPI_SOURCE] = true;
        }
    }
}

static void name_rank(const snn_patience *patience, int32_t rank, char *text, size_t bytes)
{
    (void)snprintf(text, bytes, "rank %d on %s", (int)rank, host_of(patience, rank));
}

/* Rank 0: "rank 3 on node7, rank 4 on node7 and 2 more"; `whom` if that one does not wait itself. */
static void name_missing(const snn_patience *patience, int32_t whom, char *text, size_t bytes)
{
    int32_t missing = 0;
    size_t at = 0;
    bool *waits = snn_allocate((size_t)patience->size, sizeof *waits);
    (void)snprintf(text, bytes, "other ranks");
    if (waits == NULL || snn_failed(hear(patience, waits))) {
        snn_release(waits);
        return;
    }
    if (whom != SNN_ALL_RANKS && !waits[whom]) {
        name_rank(patience, whom, text, bytes);
        snn_release(waits);
        return;
    }
    for (int32_t rank = 1; rank < patience->size; rank++) {
        if (!waits[rank] && missing++ < MOST_NAMED && at < bytes) {
            at += (size_t)snprintf(text + at, bytes - at, "%srank %d on %s", missing > 1 ? ", " : "", (int)rank,
                                   host_of(patience, rank));
        }
    }
    if (missing > MOST_NAMED && at < bytes) {
        (void)snprintf(text + at, bytes - at, " and %d more", (int)(missing - MOST_NAMED));
    }
    snn_release(waits);
}

void snn_patience_destroy(snn_patience *patience)
{
    if (patience == NULL) {
        return;
    }
    if (patience->rank == 0) {
        (void)hear(patience, NULL);
    } else if (patience->here_request != MPI_REQUEST_NULL) {
        (void)MPI_Request_free(&patience->here_request);
    }
    snn_release(patience->hosts);
    snn_release(patience);
}

/* ---- waiting ---- */

static void give_up(const snn_patience *patience, int32_t whom, double waited)
{
    char names[MOST_NAMED * (SNN_HOST_BYTES + 24)];
    if (patience->rank == 0) {
        name_missing(patience, whom, names, sizeof names);
    } else {
        name_rank(patience, whom == SNN_ALL_RANKS ? 0 : whom, names, sizeof names);
    }
    patience->give_up(patience->world,
                      snn_advise(snn_fail(SNN_INTERNAL_ERROR,
                                          "gave up after waiting %.0f s for %s: stopped, or its host or network "
                                          "is gone",
                                          waited, names),
                                 "run it again without that host, or raise comm.patience_minutes if it is only slow"));
}

typedef struct waiting {
    double last, waited; /* 0 before the first look at the clock */
    bool spoken;
} waiting;

static double limit_of(const snn_patience *patience, int32_t whom)
{
    const double others = whom == SNN_ALL_RANKS ? FOR_ALL : whom == 0 ? FOR_RANK_0 : FOR_ANOTHER;
    return patience->seconds * (patience->rank == 0 ? 1.0 : others);
}

/* Every now and then while a request is not complete. */
static snn_status look_at_clock(snn_patience *patience, int32_t whom, waiting *at)
{
    const double now = clock_now();
    const double step = at->last > 0.0 ? now - at->last : 0.0;
    at->last = now;
    at->waited += step < LONGEST_STEP ? step : LONGEST_STEP;
    if (patience->seconds == 0.0) {
        return snn_ok();
    }
    if (patience->rank != 0 && !at->spoken && at->waited >= SPEAKS_AFTER * patience->seconds) {
        at->spoken = true;
        SNN_TRY(say_here(patience));
    }
    if (at->waited >= limit_of(patience, whom)) {
        give_up(patience, whom, at->waited);
    }
    return snn_ok();
}

/* Measured with 64 ranks on 2 processors, where MPI_Wait keeps the processor busy or yields it to others that wait:
 * pauses make it twice to three times as fast. */
static void pause_longer(struct timespec *pause)
{
    (void)nanosleep(pause, NULL); /* a signal may cut it short: no harm */
    if (pause->tv_nsec < LONGEST_PAUSE) {
        pause->tv_nsec *= 2;
    }
}

snn_status snn_mpi_wait_until(snn_patience *patience, int32_t whom, snn_mpi_look *look, void *context)
{
    struct timespec pause = {.tv_sec = 0, .tv_nsec = SHORTEST_PAUSE};
    waiting at = {0};
    for (int64_t looks = 1;; looks++) {
        bool done = false;
        SNN_TRY(look(context, &done));
        if (done) {
            return snn_ok();
        }
        const bool long_since = at.waited > STAYS_AWAKE;
        if (patience->crowded) {
            pause_longer(&pause);
        } else if (long_since) {
            (void)nanosleep(&pause, NULL);
        }
        if (patience->crowded || long_since || looks % LOOKS == 0) {
            SNN_TRY(look_at_clock(patience, whom, &at));
        }
    }
}

typedef struct awaited {
    MPI_Request *request;
    MPI_Status *envelope;
} awaited;

static snn_status look_at_request(void *context, bool *done)
{
    const awaited *of = context;
    int completed = 0;
    SNN_TRY(snn_mpi_check(MPI_Test(of->request, &completed, of->envelope), "MPI_Test"));
    *done = completed;
    return snn_ok();
}

snn_status snn_mpi_wait(snn_patience *patience, int32_t whom, MPI_Request *request, MPI_Status *envelope)
{
    awaited of = {request, envelope};
    SNN_TRY(snn_mpi_wait_until(patience, whom, look_at_request, &of));
    patience->collectives += whom == SNN_ALL_RANKS;
    return snn_ok();
}

snn_status snn_mpi_complete(snn_patience *patience, int result, const char *call, MPI_Request *request)
{
    SNN_TRY(snn_mpi_check(result, call));
    return snn_mpi_wait(patience, SNN_ALL_RANKS, request, MPI_STATUS_IGNORE);
}
