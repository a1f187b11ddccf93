/* What `tune` has measured so far, kept beside the checkpoints: the same command goes on where it was ended. */
#ifndef SNN_CLI_TUNE_FILE_H
#define SNN_CLI_TUNE_FILE_H

#include "io/cli/tune/tune_search.h"

/* The entries of an earlier search with that fingerprint; none if there is no such file, or another's. */
snn_status snn_tune_file_read(const char *path, uint64_t fingerprint, snn_tune_list *list);

/* Complete or absent: written to a temporary name and renamed. */
snn_status snn_tune_file_write(const char *path, uint64_t fingerprint, const snn_tune_list *list);

#endif
