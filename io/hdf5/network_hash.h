/* What of a network decides results, as one number. */
#ifndef SNN_IO_NETWORK_HASH_H
#define SNN_IO_NETWORK_HASH_H

#include "core/network/network.h"

/* XXH3 of the full network (all rows of weights): format, shapes, populations and projections with all their numbers.
 * Names are left out. Equal for a network and for what is read back of its file. */
snn_status snn_network_hash(const snn_network *network, uint64_t *hash);

#endif
