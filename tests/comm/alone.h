/* MPI in one process: one rank of many whose others exist but wait. They agree with all that it says, have what it has,
 * and send zeros; so it can be set up as it would be among them, and what that takes be counted. The lowest rank of a
 * host shares memory with the others there; these find none. Link alone.c in front of the MPI library, of which it has
 * the functions that comm/ calls. */
#ifndef SNN_TESTS_ALONE_H
#define SNN_TESTS_ALONE_H

#include <stdint.h>

typedef struct alone_counts {
    int64_t sent, received; /* messages */
    int64_t collectives;
    int64_t collective_bytes; /* of what this rank gets */
} alone_counts;

/* Before snn_world_create. Hosts have `host_ranks` ranks each, one after the other. Counts begin anew. */
void alone_become(int32_t rank, int32_t ranks, int32_t host_ranks);
alone_counts alone_counted(void);

#endif
