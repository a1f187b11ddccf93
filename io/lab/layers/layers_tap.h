/* Networks whose neurons can be looked into: before every population of neurons there is a stream that gathers what the
 * population reads. A stream is exact, so nothing else changes, and its sums say what x is. */
#ifndef SNN_LAB_LAYERS_TAP_H
#define SNN_LAB_LAYERS_TAP_H

#include "core/network/network.h"

/* Puts a stream before every population that spikes. `place` [populations before]: where each of them is afterwards;
 * its stream is the one before. After a failure the network can only be destroyed. */
snn_status snn_layers_tap(snn_network *network, int32_t *place);

/* Variances of what populations receive if the errors of those that spike are independent of each other, as weights
 * have it: `variance` [populations][channels of its shape, of the readout's input], given for those that spike, in
 * units of their y, and filled for streams and the readout, in units of their sums. Errors are alike at all positions.
 */
void snn_layers_spread(const snn_network *network, double *const *variance);

#endif
