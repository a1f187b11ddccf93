/* The networks of the approximation experiment, and a shard that holds one of them. */
#ifndef SNN_LAB_APPROX_BUILD_H
#define SNN_LAB_APPROX_BUILD_H

#include "core/shard/shard.h"
#include "io/lab/approx/approx_network.h"

enum { SNN_APPROX_POPULATIONS = 3 }; /* at most: source, neuron, readout */

/* The network of a function whose sweep is made. `windows`: NULL, or those of its neurons. Destroy *network whatever
 * comes of it. */
snn_status snn_approx_network_create(const snn_approx_result *result, snn_approx_input input,
                                     const snn_windows *windows, snn_network **network);

/* All of the network on this process, with a group of one image begun. `eta` [timesteps] and `timesteps` are not looked
 * at if it has windows. Destroy *shard, NULL at first, whatever comes of it. */
snn_status snn_approx_shard_create(const snn_network *network, const float *eta, int32_t timesteps, snn_shard **shard);

/* How far y [SNN_APPROX_POINTS] is from the targets: mean and maximum over x. */
void snn_approx_measure(const snn_approx_result *result, const float *y, double *mean, double *maximum);

/* All windows of result->windows (approx_windows.c). */
snn_status snn_approx_run_windows(snn_approx_result *result);

#endif
