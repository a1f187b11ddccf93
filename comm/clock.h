/* The clocks of the ranks' hosts against each other. */
#ifndef SNN_COMM_CLOCK_H
#define SNN_COMM_CLOCK_H

#include "comm/world.h"

/* Collective. What to add to this rank's snn_seconds() to get rank 0's: exactly 0 on rank 0's host where all ranks
 * share it, elsewhere estimated from a few messages there and back, to half the time of the quickest. */
snn_status snn_clock_offset(snn_world *world, double *seconds);

#endif
