/* How the positions of a population are cut into tiles. */
#include "core/base/integers.h"
#include "core/shard/shard_private.h"

enum {
    ACCUMULATOR_BYTES = 192 * 1024, /* fits a second-level cache beside the weights in use; unless the kernels know */
    POSITION_MULTIPLE = 16          /* whole vector and matrix registers */
};

void snn_tiles_plan(const snn_shard *shard, const snn_population *population, snn_part *part)
{
    const int64_t positions = snn_shape_positions(population->input);
    const int64_t position_bytes = (int64_t)snn_part_inputs(part) * SNN_ACCUMULATOR_ELEMENT;
    const int64_t tile_bytes = shard->kernels->tile_bytes > 0 ? shard->kernels->tile_bytes : ACCUMULATOR_BYTES;
    if (snn_neuron_reads_all_positions(population->kind)) {
        /* A tile is an image; what is too large for the cache is cut along time instead. */
        part->tile_positions = (int32_t)positions;
        const int64_t fit = snn_larger(1, tile_bytes / (positions * position_bytes));
        part->tile_steps = (int32_t)snn_smaller(shard->block, fit);
        return;
    }
    int64_t count = snn_larger(1, tile_bytes / (shard->block * position_bytes));
    if (count > POSITION_MULTIPLE) {
        count -= count % POSITION_MULTIPLE;
    }
    part->tile_positions = (int32_t)snn_smaller(count, positions);
    part->tile_steps = shard->block;
}
