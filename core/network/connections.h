/* How often the weights of a network are used, and how many of them are zero: what counts of operations rest on. */
#ifndef SNN_NETWORK_CONNECTIONS_H
#define SNN_NETWORK_CONNECTIONS_H

#include <stddef.h>

#include "core/network/network.h"

/* Of one projection. "Uses" are for one image and timestep: a tap that lies outside the source is none. Those of a pool
 * before the operator are not in them; they have no weights. */
typedef struct snn_connection_counts {
    int64_t *weights, *zeros; /* [1]: as stored; of TOKENS also the mixing */
    int64_t *uses;            /* [source channels of the operator]: of weights that read the channel */
    int64_t *effective;       /* [the same]: of weights other than 0 */
} snn_connection_counts;

typedef struct snn_connections {
    int32_t count; /* projections */
    snn_connection_counts *projections;
    int64_t *counts; /* [length]: all of them, to be added up over those who count */
    size_t length;
} snn_connections;

/* All counts zero. Destroy it afterwards. */
snn_status snn_connections_create(const snn_network *network, snn_connections **connections);
/* Adds the rows of weights that projection `number` holds. */
void snn_connections_add(snn_connections *connections, const snn_network *network, int32_t number);
void snn_connections_destroy(snn_connections *connections); /* accepts NULL */

#endif
