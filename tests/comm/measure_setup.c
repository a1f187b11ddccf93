/* What setting up one rank of many takes, without the others:
 *
 *     measure_setup NETWORK.snn.h5 REPLICASxSTAGESxSHARDS [RANKS_PER_HOST [RANK...]]
 *
 * prints for each rank (default: the first, one in the middle, the last, which owns something of every population of
 * its stage) its edges, what it allocates because there are others and how much it holds of the network, messages and
 * collectives of the set-up, look-ups at what ranks own, and processor seconds, those for reading its weights and
 * packing them too. Stages are of equally many populations, hosts of one rank unless more are asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/memory.h"
#include "io/hdf5/network_file.h"
#include "tests/comm/setup.h"

enum { IMAGES = 1 };

static double processor_seconds(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static snn_status make_plan(const snn_network *network, const long layout[3], snn_plan **plan)
{
    int32_t *begin = snn_allocate((size_t)layout[1] + 1, sizeof *begin);
    int32_t *shards = snn_allocate((size_t)layout[1], sizeof *shards);
    snn_status status = begin != NULL && shards != NULL ? snn_ok() : snn_out_of_memory("a plan");
    for (long stage = 0; stage < layout[1] && !snn_failed(status); stage++) {
        begin[stage + 1] = (int32_t)(network->population_count * (stage + 1) / layout[1]);
        shards[stage] = (int32_t)layout[2];
    }
    if (!snn_failed(status)) {
        status =
            snn_plan_create((int32_t)layout[0], (int32_t)layout[1], begin, shards, network->population_count, plan);
    }
    snn_release(begin);
    snn_release(shards);
    return status;
}

static snn_status measure_rank(const char *path, const long layout[3], int32_t rank, int32_t host_ranks)
{
    snn_network_origin origin;
    snn_network *network = NULL;
    snn_network_file *file = NULL;
    snn_plan *plan = NULL;
    setup_cost cost;
    snn_status status;
    SNN_GOTO_DONE(status, snn_network_file_read(path, &network, &origin));
    SNN_GOTO_DONE(status, make_plan(network, layout, &plan));
    const double begun = processor_seconds();
    SNN_GOTO_DONE(status, snn_network_file_open(path, &file));
    const snn_place place = snn_plan_place(plan, rank);
    for (int32_t p = 0; p < network->projection_count; p++) {
        int32_t begin, end;
        snn_plan_rows(plan, network, place, p, &begin, &end);
        if (begin < end) {
            SNN_GOTO_DONE(status, snn_network_file_read_rows(file, network, p, begin, end));
        }
    }
    const setup of = {.network = network, .plan = plan, .rank = rank, .host_ranks = host_ranks, .images = IMAGES};
    SNN_GOTO_DONE(status, setup_measure(&of, &cost));
    printf("%8d %8lld %12.3f %12.3f %8lld %11lld %10lld %10.4f\n", (int)rank, (long long)cost.edges,
           (double)cost.bytes * 1e-6, (double)cost.shard_bytes * 1e-6,
           (long long)(cost.messages.sent + cost.messages.received), (long long)cost.messages.collectives,
           (long long)cost.lookups, processor_seconds() - begun);
done:
    snn_network_file_close(file);
    snn_plan_destroy(plan);
    snn_network_destroy(network);
    return status;
}

int main(int argc, char **argv)
{
    long layout[3] = {0, 0, 0};
    char rest = 0;
    if (argc < 3 || sscanf(argv[2], "%ldx%ldx%ld%c", &layout[0], &layout[1], &layout[2], &rest) != 3 || layout[0] < 1 ||
        layout[1] < 1 || layout[2] < 1 || layout[0] * layout[1] * layout[2] > SNN_PLAN_MAX_RANKS) {
        (void)fputs("usage: measure_setup NETWORK.snn.h5 REPLICASxSTAGESxSHARDS [RANKS_PER_HOST [RANK...]]\n", stderr);
        return 2;
    }
    const long ranks = layout[0] * layout[1] * layout[2];
    const int32_t host_ranks = argc > 3 ? (int32_t)strtol(argv[3], NULL, 10) : 1;
    const long usual[] = {0, ranks / 2, ranks - 1};
    snn_status status = snn_ok();
    puts("    rank    edges comm_MB     shard_MB messages collectives    lookups    seconds");
    for (int i = 0; i < (argc > 4 ? argc - 4 : 3) && !snn_failed(status); i++) {
        const long rank = argc > 4 ? strtol(argv[4 + i], NULL, 10) : usual[i];
        status = rank >= 0 && rank < ranks
                     ? measure_rank(argv[1], layout, (int32_t)rank, host_ranks < 1 ? 1 : host_ranks)
                     : snn_fail(SNN_INPUT_ERROR, "rank %ld of %ld", rank, ranks);
    }
    if (snn_failed(status)) {
        (void)fprintf(stderr, "measure_setup: %s\n", status.message);
        return 1;
    }
    return 0;
}
