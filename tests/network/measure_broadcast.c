/* Ways in which what one rank has, or each, comes to all others: a message to each, a binomial tree from each, and what
 * MPI does. broadcast.sh runs it on hosts whose links are slow; prints milliseconds, the fastest of some rounds of the
 * slowest rank.
 *
 *     measure_broadcast BYTES... */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 5, MOST_RANKS = 64, MOST_BYTES = 1 << 24, LEVELS = 6 };

typedef struct exchange {
    int rank, ranks, roots, bytes;
    char *own, *others; /* [bytes], [ranks][bytes] */
} exchange;

static char *from_root(const exchange *with, int root)
{
    return root == with->rank ? with->own : with->others + (size_t)root * (size_t)with->bytes;
}

static void send_directly(const exchange *with)
{
    MPI_Request requests[2 * MOST_RANKS];
    int count = 0;
    for (int root = 0; root < with->roots; root++) {
        if (root != with->rank) {
            MPI_Irecv(from_root(with, root), with->bytes, MPI_BYTE, root, 0, MPI_COMM_WORLD, &requests[count++]);
        }
    }
    for (int step = 1; step < with->ranks && with->rank < with->roots; step++) {
        MPI_Isend(with->own, with->bytes, MPI_BYTE, (with->rank + step) % with->ranks, 0, MPI_COMM_WORLD,
                  &requests[count++]);
    }
    MPI_Waitall(count, requests, MPI_STATUSES_IGNORE);
}

/* What is due below this rank in the tree of `root`: places are counted from the root. */
static int pass_on(const exchange *with, int root, MPI_Request *requests)
{
    const int place = (with->rank - root + with->ranks) % with->ranks;
    const int limit = place == 0 ? with->ranks : place & -place;
    int count = 0;
    for (int step = 1; step < limit && place + step < with->ranks; step *= 2) {
        MPI_Isend(from_root(with, root), with->bytes, MPI_BYTE, (with->rank + step) % with->ranks, root, MPI_COMM_WORLD,
                  &requests[count++]);
    }
    return count;
}

static void send_by_trees(const exchange *with)
{
    MPI_Request sent[LEVELS * MOST_RANKS], awaited[MOST_RANKS];
    int count = 0, missing = 0;
    for (int root = 0; root < with->roots; root++) {
        const int place = (with->rank - root + with->ranks) % with->ranks;
        awaited[root] = MPI_REQUEST_NULL;
        if (place > 0) {
            missing++;
            MPI_Irecv(from_root(with, root), with->bytes, MPI_BYTE, (root + (place & (place - 1))) % with->ranks, root,
                      MPI_COMM_WORLD, &awaited[root]);
        } else {
            count += pass_on(with, root, sent);
        }
    }
    for (; missing > 0; missing--) {
        int root = 0;
        MPI_Waitany(with->roots, awaited, &root, MPI_STATUS_IGNORE);
        count += pass_on(with, root, sent + count);
    }
    MPI_Waitall(count, sent, MPI_STATUSES_IGNORE);
}

static void send_as_mpi_does(const exchange *with)
{
    if (with->roots == 1) {
        MPI_Bcast(from_root(with, 0), with->bytes, MPI_BYTE, 0, MPI_COMM_WORLD);
    } else {
        MPI_Allgather(with->own, with->bytes, MPI_BYTE, with->others, with->bytes, MPI_BYTE, MPI_COMM_WORLD);
    }
}

static double fastest(void (*way)(const exchange *with), const exchange *with)
{
    double least = 0.0;
    way(with); /* opens connections */
    for (int round = 0; round < ROUNDS; round++) {
        double seconds = 0.0;
        MPI_Barrier(MPI_COMM_WORLD);
        const double begun = MPI_Wtime();
        way(with);
        const double own = MPI_Wtime() - begun;
        MPI_Allreduce(&own, &seconds, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
        least = round == 0 || seconds < least ? seconds : least;
    }
    return 1e3 * least;
}

int main(int argc, char **argv)
{
    exchange with = {0};
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &with.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &with.ranks);
    with.own = calloc(1, MOST_BYTES);
    with.others = calloc((size_t)with.ranks, MOST_BYTES);
    if (with.ranks > MOST_RANKS || with.own == NULL || with.others == NULL) {
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    for (int i = 1; i < argc; i++) {
        const long bytes = strtol(argv[i], NULL, 10);
        with.bytes = bytes > 0 && bytes <= MOST_BYTES ? (int)bytes : 1;
        for (int roots = 1; roots <= with.ranks; roots += with.ranks - 1) {
            with.roots = roots;
            const double direct = fastest(send_directly, &with), trees = fastest(send_by_trees, &with);
            const double mpi = fastest(send_as_mpi_does, &with);
            if (with.rank == 0) {
                printf("%d hosts, %d bytes from %-4s  direct %7.1f   tree %7.1f   MPI %7.1f ms\n", with.ranks,
                       with.bytes, roots == 1 ? "one" : "each", direct, trees, mpi);
            }
            if (with.ranks == 1) {
                break;
            }
        }
    }
    free(with.own);
    free(with.others);
    MPI_Finalize();
    return 0;
}
