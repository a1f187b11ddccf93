/* How the positions of a population are cut into tiles, and which of its projections is multiplied and fired in one. */
#include "core/shard/shard_private.h"

enum {
    ACCUMULATOR_BYTES = 192 * 1024, /* fits a second-level cache beside the weights in use; unless the kernels know */
    GATHERED_BYTES =
        4096 * 1024,           /* the same of dense layers: their weights come from memory, values need not be near */
    FUSED_BYTES = 1280 * 1024, /* the same without accumulators */
    POSITION_MULTIPLE = 16     /* whole vector and matrix registers */
};

static int64_t at_least_one(int64_t value)
{
    return value > 1 ? value : 1;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool takes_spikes(const snn_shard *shard, const snn_part *part, int32_t i)
{
    return part->packed[i].data != NULL &&
           !snn_reads_stream(shard, &shard->network->projections[part->projection_begin + i]);
}

/* Whether the part's projection `i` takes spikes, onto all of the part's channels. */
static bool covers(const snn_shard *shard, const snn_part *part, int32_t i)
{
    const snn_channel_range rows = snn_part_rows(part, &shard->network->projections[part->projection_begin + i]);
    return takes_spikes(shard, part, i) && rows.end - rows.begin == snn_part_inputs(part);
}

static bool can_add(const snn_shard *shard, const snn_population *population, const snn_part *part, int32_t i)
{
    return shard->kernels->adds != NULL && !snn_neuron_reads_all_positions(population->kind) &&
           takes_spikes(shard, part, i) && shard->kernels->adds(&part->packed[i]);
}

/* The largest of the projections that the kernels can multiply and fire in one. */
static void choose_fused(const snn_shard *shard, const snn_population *population, snn_part *part)
{
    int64_t most = 0;
    part->fused = part->added = -1;
    part->summed = false;
    for (int32_t i = 0; i < part->projection_end - part->projection_begin; i++) {
        const snn_operator *op = &shard->network->projections[part->projection_begin + i].op;
        const int64_t operations = snn_operator_operations(op);
        if (shard->kernels->fuses != NULL && shard->dynamics == SNN_DYNAMICS_SIGNGD && covers(shard, part, i) &&
            operations > most && shard->kernels->fuses(&part->packed[i], population)) {
            part->fused = i;
            most = operations;
        }
    }
    for (int32_t i = 0; i < part->projection_end - part->projection_begin; i++) {
        const bool apart = part->packed[i].data != NULL && i != part->fused;
        if (apart && part->fused >= 0 && part->added < 0 && can_add(shard, population, part, i)) {
            part->added = i;
        } else {
            part->summed = part->summed || apart;
        }
    }
    if (part->summed && snn_neuron_reads_all_positions(population->kind)) {
        part->fused = -1; /* an image's sums would not fit a cache */
    }
}

/* Populations of one position have work for tiles only if several images share them. */
static bool can_gather(const snn_shard *shard, const snn_population *population, const snn_part *part)
{
    return part->fused >= 0 && part->added < 0 && !part->summed && snn_shape_positions(population->input) == 1 &&
           snn_shape_positions(population->shape) == 1 && shard->kernels->gathers != NULL &&
           shard->kernels->gathers(&part->packed[part->fused]);
}

/* As many images as fit the cache. */
static int64_t gathered_positions(const snn_shard *shard, const snn_population *population, const snn_part *part)
{
    int64_t count = (shard->capacity + shard->threads - 1) / shard->threads;
    while (count > 1 && snn_fused_scratch_bytes(shard, population, part, count) > GATHERED_BYTES) {
        count = (count + 1) / 2;
    }
    return count;
}

int64_t snn_fused_scratch_bytes(const snn_shard *shard, const snn_population *population, const snn_part *part,
                                int64_t positions)
{
    return shard->kernels->fused_scratch_bytes(&part->packed[part->fused], population, positions, shard->block);
}

/* Bytes that a fused tile of so many positions goes through again and again. */
static int64_t fused_bytes(const snn_shard *shard, const snn_population *population, const snn_part *part,
                           int64_t positions)
{
    const int64_t sums = positions * shard->block * snn_part_inputs(part) * SNN_ACCUMULATOR_ELEMENT;
    return snn_fused_scratch_bytes(shard, population, part, positions) + (part->summed ? sums : 0);
}

/* As many whole rows as fit the cache, or else equal parts of a row. */
static int64_t fused_positions(const snn_shard *shard, const snn_population *population, const snn_part *part,
                               int64_t share)
{
    const int64_t width = population->input.width;
    int64_t rows = population->input.height;
    while (rows > 1 && (rows * width > share || fused_bytes(shard, population, part, rows * width) > FUSED_BYTES)) {
        rows--;
    }
    rows = (population->input.height + (population->input.height + rows - 1) / rows - 1) /
           ((population->input.height + rows - 1) / rows);
    int64_t count = rows * width;
    for (int64_t parts = 2; count > 1 && (count > share || fused_bytes(shard, population, part, count) > FUSED_BYTES);
         parts++) {
        count = (width + parts - 1) / parts;
    }
    return count;
}

void snn_tiles_plan(const snn_shard *shard, const snn_population *population, snn_part *part)
{
    choose_fused(shard, population, part);
    const int64_t positions = snn_shape_positions(population->input);
    const int64_t position_bytes = (int64_t)snn_part_inputs(part) * SNN_ACCUMULATOR_ELEMENT;
    const int64_t tile_bytes = shard->kernels->tile_bytes > 0 ? shard->kernels->tile_bytes : ACCUMULATOR_BYTES;
    if (snn_neuron_reads_all_positions(population->kind)) {
        /* A tile is an image; what is too large for the cache is cut along time instead. */
        part->tile_positions = (int32_t)positions;
        const int64_t fit = at_least_one(tile_bytes / (positions * position_bytes));
        part->tile_steps = (int32_t)(part->fused >= 0 ? shard->block : smaller(shard->block, fit));
        return;
    }
    int64_t count = at_least_one(tile_bytes / (shard->block * position_bytes));
    if (count > POSITION_MULTIPLE) {
        count -= count % POSITION_MULTIPLE;
    }
    /* At least one tile for each thread where there is that much work. */
    const int64_t share = (shard->capacity * positions + shard->threads - 1) / shard->threads;
    part->gathered = can_gather(shard, population, part);
    if (part->gathered) {
        part->tile_positions = (int32_t)gathered_positions(shard, population, part);
        part->tile_steps = shard->block;
        return;
    }
    if (part->fused >= 0) {
        part->tile_positions = (int32_t)fused_positions(shard, population, part, share);
        part->tile_steps = shard->block;
        return;
    }
    count = smaller(count, share);
    part->tile_positions = (int32_t)smaller(count, positions);
    part->tile_steps = shard->block;
}

snn_tiling snn_tiling_of(const snn_shard *shard, const snn_population *population, const snn_part *part)
{
    snn_tiling t = {.images = shard->images,
                    .rows = 1,
                    .width = snn_shape_positions(population->input),
                    .length = part->tile_positions};
    if (part->gathered) {
        t.images = 1;
        t.width = shard->images;
    } else if (part->fused >= 0 && t.length < population->input.width) {
        t.rows = population->input.height;
        t.width = population->input.width;
    }
    t.row_tiles = (t.width + t.length - 1) / t.length;
    return t;
}
