/* How many timesteps to do at once where the user leaves that open. Results do not depend on it. */
#ifndef SNN_SHARD_BLOCK_H
#define SNN_SHARD_BLOCK_H

#include "core/network/network.h"

/* In [1, timesteps]. Long blocks read weights, and read and write neurons, less often; they are too long where
 *   - a window of source rows, expanded to bytes for all steps, no longer fits beside other things in `cache_bytes`,
 * the second-level cache of a core, or
 *   - spikes and streams of a block would need more memory than the neurons' state.
 * More than 16 steps gain little, and stages of a pipeline wait longer for each other. */
int32_t snn_block_suggested(const snn_network *network, int32_t timesteps, int64_t cache_bytes);

#endif
