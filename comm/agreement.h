/* What all ranks agree upon while they work: maxima over the ranks of a few numbers, asked for now and needed later, so
 * that nobody stands still until the slowest rank has come. */
#ifndef SNN_COMM_AGREEMENT_H
#define SNN_COMM_AGREEMENT_H

#include "comm/world.h"

enum { SNN_AGREEMENT_VALUES = 5, SNN_AGREEMENTS_IN_FLIGHT = 2 };

typedef struct snn_agreement snn_agreement;

/* The world must outlive it. */
snn_status snn_agreement_create(const snn_world *world, snn_agreement **agreement);

/* Collective: every rank begins and ends agreements in the same order, between its other collectives. At most
 * SNN_AGREEMENTS_IN_FLIGHT may have begun and not ended. */
snn_status snn_agreement_begin(snn_agreement *agreement, const float values[SNN_AGREEMENT_VALUES]);

/* The maxima of the oldest agreement that has not ended. Waits until every rank has begun it. */
snn_status snn_agreement_end(snn_agreement *agreement, float values[SNN_AGREEMENT_VALUES]);

/* How many have begun and not ended. */
int32_t snn_agreement_pending(const snn_agreement *agreement);

/* Accepts NULL. None may be pending, unless the ranks are about to be ended. */
void snn_agreement_destroy(snn_agreement *agreement);

#endif
