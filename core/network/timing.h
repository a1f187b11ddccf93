/* When the populations of a network with windows fire, and what they see of each other.
 *
 * What a source gives comes in *planes*, one for each timestep at which it changes: the spikes of a window, or a
 * stream's sums, of which plane 0 is all that it has gathered when its first readers begin. A reader goes through
 * *moments*, the timesteps of its window at which its input differs from the one before: one if its sources are done
 * when it begins, `steps` if they fire along with it. At moment 0 it takes a source's planes up to an offset, at moment
 * i > 0 the one plane that lies i behind that offset, if there is one.
 *
 * The readout has no window. Its moments are all timesteps from its first source's first plane to the last timestep.
 */
#ifndef SNN_NETWORK_TIMING_H
#define SNN_NETWORK_TIMING_H

#include "core/network/network.h"

typedef struct snn_timing {
    int32_t start;   /* timestep of plane 0, or of the readout's moment 0 */
    int32_t planes;  /* 0 of the readout */
    int32_t moments; /* at least 1 */
} snn_timing;

/* Fills `depth` of all populations, which are in topological order. */
void snn_network_find_depths(snn_network *network);

/* The network's depth: spiking populations on the longest path through it, 0 if there are none. */
int32_t snn_network_depth(const snn_network *network);

/* Timesteps until the last window ends: steps + delay (depth of the network - 1). */
int32_t snn_network_latency(const snn_network *network);

/* Of all populations: timings [population_count]. The network has windows. */
void snn_network_timings(const snn_network *network, snn_timing *timings);

/* The planes of population `source` that population `reader` takes at a moment: [*begin, *end), none if they are equal.
 */
void snn_timing_planes(const snn_network *network, const snn_timing *timings, int32_t source, int32_t reader,
                       int32_t moment, int32_t *begin, int32_t *end);

#endif
