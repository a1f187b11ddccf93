/* Text files that are complete or absent: written under a temporary name, synced, renamed. */
#ifndef SNN_IO_WHOLE_FILE_H
#define SNN_IO_WHOLE_FILE_H

#include <stdio.h>

#include "core/base/status.h"
#include "io/config/config.h" /* SNN_PATH_BYTES */

typedef struct snn_whole_file {
    FILE *stream; /* write to it; errors are found by snn_whole_file_finish */
    char path[SNN_PATH_BYTES], temporary[SNN_PATH_BYTES];
} snn_whole_file;

snn_status snn_whole_file_create(const char *path, snn_whole_file *file);

/* Puts the file in place if `status` is SNN_OK and all could be written; otherwise nothing is left. Returns the first
 * failure. */
snn_status snn_whole_file_finish(snn_whole_file *file, snn_status status);

#endif
