/* Memory that some ranks of a host have in common. */
#ifndef SNN_COMM_SEGMENT_H
#define SNN_COMM_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "comm/world.h"

typedef struct snn_segment snn_segment;

/* Each of `ranks` [count], ascending and at least two, calls it with the same list and size. Zeroed memory, aligned to
 * a page; NULL on all of them where one cannot have it, because there is not enough or they do not see each other's
 * processes. It is gone with the last of them, however they end. */
snn_status snn_segment_create(snn_world *world, const int32_t *ranks, int32_t count, size_t bytes,
                              snn_segment **segment);
void *snn_segment_memory(const snn_segment *segment);
/* Has the system find the pages of a part now, near the processor that asks, and not while somebody measures. */
void snn_segment_touch(const snn_segment *segment, size_t begin, size_t bytes);
/* Not collective; accepts NULL. */
void snn_segment_destroy(snn_segment *segment);

#endif
