/* How weights come to the ranks. Out of a converted network each rank reads its own rows. After a conversion rank 0 has
 * all: it sends the ranks of the first replica theirs, and what they have goes on from replica to replica as a binomial
 * tree, so that nobody sends the same rows more than log2(replicas) times. */
#include <string.h>

#include "core/base/memory.h"
#include "io/cli/run/run_state.h"
#include "io/cli/run/session.h"

static size_t row_bytes(const snn_network *network, const snn_projection *projection)
{
    return (size_t)(snn_operator_row_length(&projection->op) * snn_weight_bytes(network->format, projection->op.kind));
}

static size_t index_row_bytes(const snn_projection *projection)
{
    bool gathers = projection->op.kind == SNN_OPERATOR_GATHER;
    return gathers ? (size_t)snn_operator_row_length(&projection->op) * sizeof *projection->index : 0;
}

/* Makes room for rows [begin, end) of a projection that holds none. */
static snn_status allocate_rows(const snn_network *network, snn_projection *projection, int32_t begin, int32_t end)
{
    size_t rows = (size_t)(end - begin);
    projection->weights = snn_allocate(rows, row_bytes(network, projection));
    projection->index = index_row_bytes(projection) > 0 ? snn_allocate(rows, index_row_bytes(projection)) : NULL;
    if (projection->weights == NULL || (index_row_bytes(projection) > 0 && projection->index == NULL)) {
        return snn_out_of_memory("weights of this rank's shard");
    }
    projection->row_begin = begin;
    projection->row_end = end;
    return snn_ok();
}

/* ---- after a conversion ---- */

/* Rows [begin, end), all of which `from` holds. */
static snn_status send_rows(snn_world *world, int32_t rank, const snn_network *network, const snn_projection *from,
                            int32_t begin, int32_t end)
{
    const size_t rows = (size_t)(end - begin), first = (size_t)(begin - from->row_begin);
    const size_t bytes = row_bytes(network, from), index_bytes = index_row_bytes(from);
    SNN_TRY(snn_world_send(world, rank, (const char *)from->weights + first * bytes, rows * bytes));
    return index_bytes > 0
               ? snn_world_send(world, rank, (const char *)from->index + first * index_bytes, rows * index_bytes)
               : snn_ok();
}

static snn_status receive_rows(snn_world *world, int32_t rank, const snn_network *network, snn_projection *projection,
                               int32_t begin, int32_t end)
{
    const size_t rows = (size_t)(end - begin), index_bytes = index_row_bytes(projection);
    SNN_TRY(allocate_rows(network, projection, begin, end));
    SNN_TRY(snn_world_receive(world, rank, projection->weights, rows * row_bytes(network, projection)));
    return index_bytes > 0 ? snn_world_receive(world, rank, projection->index, rows * index_bytes) : snn_ok();
}

/* Rank 0, to the others of its replica; `full` has all rows. */
static snn_status send_to_replica(const snn_run *run, const snn_network *full)
{
    for (int32_t rank = 1; rank < snn_plan_ranks_per_replica(run->plan); rank++) {
        const snn_place place = snn_plan_place(run->plan, rank);
        for (int32_t p = 0; p < full->projection_count; p++) {
            int32_t begin, end;
            snn_plan_rows(run->plan, full, place, p, &begin, &end);
            if (begin < end) {
                SNN_TRY(send_rows(run->world, rank, full, &full->projections[p], begin, end));
            }
        }
    }
    return snn_ok();
}

/* The tree: replica k hears from k without its lowest bit, and tells k + 1, k + 2, k + 4, ... below k + that bit. */
static int32_t lowest_bit(int32_t replica)
{
    return replica & -replica;
}

static snn_status pass_on(const snn_run *run, const snn_network *network, const snn_projection *projection)
{
    const int32_t rank = snn_world_rank(run->world), ranks = snn_plan_ranks_per_replica(run->plan);
    const int32_t replica = rank / ranks, replicas = run->plan->replicas;
    const int32_t limit = replica == 0 ? replicas : lowest_bit(replica);
    for (int32_t step = 1; step < limit && replica + step < replicas; step *= 2) {
        SNN_TRY(send_rows(run->world, rank + step * ranks, network, projection, projection->row_begin,
                          projection->row_end));
    }
    return snn_ok();
}

/* Moves rows [begin, end) out of a projection that holds all; its other rows are given up. */
static snn_status take_rows(const snn_network *network, snn_projection *full, int32_t begin, int32_t end,
                            snn_projection *projection)
{
    const bool whole = begin == full->row_begin && end == full->row_end;
    if (whole) {
        projection->weights = full->weights;
        projection->index = full->index;
        projection->row_begin = begin;
        projection->row_end = end;
    } else {
        const size_t rows = (size_t)(end - begin);
        const size_t bytes = row_bytes(network, projection), index_bytes = index_row_bytes(projection);
        SNN_TRY(allocate_rows(network, projection, begin, end));
        memcpy(projection->weights, (const char *)full->weights + (size_t)begin * bytes, rows * bytes);
        if (index_bytes > 0) {
            memcpy(projection->index, (const char *)full->index + (size_t)begin * index_bytes, rows * index_bytes);
        }
        snn_release(full->weights);
        snn_release(full->index);
    }
    full->weights = NULL;
    full->index = NULL;
    full->row_begin = full->row_end = 0;
    return snn_ok();
}

/* Rank 0 moves its rows out of `full`, NULL elsewhere; `network` holds none yet. */
static snn_status distribute(const snn_run *run, snn_network *network, snn_network *full)
{
    const int32_t rank = snn_world_rank(run->world), ranks = snn_plan_ranks_per_replica(run->plan);
    const int32_t from = rank < ranks ? 0 : rank - lowest_bit(rank / ranks) * ranks;
    const snn_place place = snn_plan_place(run->plan, rank);
    if (full != NULL) {
        SNN_TRY(send_to_replica(run, full));
    }
    for (int32_t p = 0; p < network->projection_count; p++) {
        snn_projection *projection = &network->projections[p];
        int32_t begin, end;
        snn_plan_rows(run->plan, network, place, p, &begin, &end);
        if (begin == end) {
            continue;
        }
        SNN_TRY(full != NULL ? take_rows(network, &full->projections[p], begin, end, projection)
                             : receive_rows(run->world, from, network, projection, begin, end));
        SNN_TRY(pass_on(run, network, projection));
    }
    return snn_ok();
}

/* Replaces rank 0's network by its slice, and adds weights to those of others. */
static snn_status take_from_rank_0(snn_run *run)
{
    const bool owner = snn_world_rank(run->world) == 0;
    snn_network *slice = run->network;
    snn_status status = owner ? snn_network_copy_structure(run->network, &slice) : snn_ok();
    if (!snn_failed(status)) {
        status = distribute(run, slice, owner ? run->network : NULL);
    }
    if (snn_failed(status)) {
        /* Who fails alone would leave its partners waiting. */
        snn_session_abort(run->world, status);
    }
    if (owner) {
        snn_network_destroy(run->network);
        run->network = slice;
    }
    return status;
}

/* ---- out of a file ---- */

static snn_status read_own_rows(const snn_run *run, const snn_network_file *file)
{
    const snn_place place = snn_plan_place(run->plan, snn_world_rank(run->world));
    for (int32_t p = 0; p < run->network->projection_count; p++) {
        int32_t begin, end;
        snn_plan_rows(run->plan, run->network, place, p, &begin, &end);
        if (begin < end) {
            SNN_TRY(snn_network_file_read_rows(file, run->network, p, begin, end));
        }
    }
    return snn_ok();
}

/* ---- counts ---- */

/* All that rank 0 has, or this rank's share of the rows in the file, some at a time. */
static snn_status count_rows(const snn_run *run, const snn_network_file *file)
{
    enum { BYTES_AT_A_TIME = 1 << 24 };
    const int64_t rank = snn_world_rank(run->world), ranks = snn_world_size(run->world);
    snn_network *network = run->network;
    for (int32_t p = 0; p < network->projection_count; p++) {
        snn_projection *projection = &network->projections[p];
        if (file == NULL) {
            snn_connections_add(run->connections, network, p);
            continue;
        }
        const int64_t rows = projection->op.target_channels;
        const int32_t last = (int32_t)(rows * (rank + 1) / ranks);
        const size_t fit = BYTES_AT_A_TIME / (row_bytes(network, projection) + index_row_bytes(projection));
        const int32_t most = fit < 1 ? 1 : fit < (size_t)rows ? (int32_t)fit : (int32_t)rows;
        for (int32_t begin = (int32_t)(rows * rank / ranks); begin < last; begin += most) {
            const int32_t end = last - begin < most ? last : begin + most;
            SNN_TRY(snn_network_file_read_rows(file, network, p, begin, end));
            snn_connections_add(run->connections, network, p);
            snn_projection_release_weights(projection);
        }
    }
    return snn_ok();
}

/* Rank 0 keeps the counts: of its own, or of all ranks. */
static snn_status count_connections(snn_run *run, const snn_network_file *file)
{
    const bool counts = file != NULL || snn_world_rank(run->world) == 0;
    snn_status status = counts ? snn_connections_create(run->network, &run->connections) : snn_ok();
    if (counts && !snn_failed(status)) {
        status = count_rows(run, file);
    }
    SNN_TRY(snn_world_agree(run->world, status));
    if (file != NULL) {
        SNN_TRY(snn_world_sum(run->world, run->connections->counts, run->connections->length));
    }
    if (snn_world_rank(run->world) != 0) {
        snn_connections_destroy(run->connections);
        run->connections = NULL;
    }
    return snn_ok();
}

snn_status snn_run_take_weights(snn_run *run)
{
    const bool from_file = run->config->model.network[0] != '\0';
    snn_network_file *file = NULL;
    snn_status status = from_file ? snn_network_file_open(run->config->model.network, &file) : snn_ok();
    status = snn_world_agree(run->world, status);
    if (!snn_failed(status)) {
        status = count_connections(run, file);
    }
    if (!snn_failed(status)) {
        status = from_file ? read_own_rows(run, file) : take_from_rank_0(run);
        status = snn_world_agree(run->world, status);
    }
    snn_network_file_close(file);
    return status;
}
