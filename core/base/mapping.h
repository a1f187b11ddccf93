/* A file's bytes in memory without reading them: pages come as they are looked at, and processes share them. */
#ifndef SNN_BASE_MAPPING_H
#define SNN_BASE_MAPPING_H

#include <stddef.h>

#include "core/base/status.h"

typedef struct snn_mapping {
    const void *bytes; /* [size], read-only; behind them zeros up to the end of a page */
    size_t size;
} snn_mapping;

/* Maps a regular file, which must not be cut short while it is mapped. SNN_INPUT_ERROR without the path: it cannot be
 * opened, is no regular file, or is empty. */
snn_status snn_mapping_open(const char *path, snn_mapping *mapping);

/* Accepts what was never opened, all zeros. */
void snn_mapping_close(snn_mapping *mapping);

#endif
