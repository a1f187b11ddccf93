/* The cache of measured speeds: $XDG_CACHE_HOME/snn_dist or ~/.cache/snn_dist, one file for each processor, instruction
 * set and build of the program. It only saves time: whatever is wrong with it, speeds are measured anew, and where it
 * cannot be written it is not. */
#ifndef SNN_IO_SPEED_FILE_H
#define SNN_IO_SPEED_FILE_H

#include "partition/speeds.h"

/* The file's path for this machine and program; "" where there is no home. `path` has SNN_PATH_BYTES. */
void snn_speed_file_path(const char *kernels, char *path);

/* Fills an empty book with what the file holds; nothing if it is missing, damaged or of another kind. */
void snn_speed_file_read(const char *path, snn_speed_book *book);

/* Writes the steady speeds of the book, and the folders above it. What fails is left. */
void snn_speed_file_write(const char *path, const char *kernels, const snn_speed_book *book);

#endif
