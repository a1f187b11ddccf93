/* What windows make of a population's work: how often its products are made, and what else that time depends on.
 */
#ifndef SNN_PARTITION_MOMENTS_H
#define SNN_PARTITION_MOMENTS_H

#include "core/network/timing.h"

/* The timings of all populations, which the caller releases; NULL for a network without windows. */
snn_status snn_moments_create(const snn_network *network, snn_timing **timings);

/* How often a projection is multiplied in a window of its target: at the moments at which its source brings something
 * new, or at all of them where the sums so far are rounded as a whole. Once for the image. */
int32_t snn_moments_products(const snn_network *network, const snn_timing *timings, const snn_projection *projection);

/* Adds what the time of a population's window depends on beside its shape and operators; `timings` NULL: that there is
 * no window. */
uint64_t snn_moments_add(uint64_t fingerprint, const snn_network *network, const snn_timing *timings,
                         int32_t population);

#endif
