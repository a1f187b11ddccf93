/* Shared by the two parts of snn_network_check; nobody else includes this. */
#ifndef SNN_NETWORK_NETWORK_PRIVATE_H
#define SNN_NETWORK_NETWORK_PRIVATE_H

#include "core/network/network.h"

/* Weights held: finite, in the format's range, and no sum of them leaves 32 bits. For networks whose populations and
 * operators were found right. */
snn_status snn_network_check_weights(const snn_network *network);

#endif
