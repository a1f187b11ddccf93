/* Bytes of an open file at given places, all of them or an error: what pread and pwrite leave to their callers. */
#ifndef SNN_IO_FILE_BYTES_H
#define SNN_IO_FILE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads up to `bytes` at `offset`: fewer only at the end of the file. Returns how many, or -1 with errno. */
ssize_t snn_file_bytes_read(int descriptor, void *buffer, size_t bytes, int64_t offset);

/* Writes all of `bytes` at `offset`. Returns 0, or -1 with errno. */
int snn_file_bytes_write(int descriptor, const void *buffer, size_t bytes, int64_t offset);

#endif
