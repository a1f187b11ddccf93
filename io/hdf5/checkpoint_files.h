/* The checkpoint files of one run in one folder: NAME.<fingerprint>.<sequence>.ckpt.h5. Rank 0 alone uses these. */
#ifndef SNN_IO_CHECKPOINT_FILES_H
#define SNN_IO_CHECKPOINT_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* The checkpoints of a run. Runs that share folder and name, but not the fingerprint, share no files. */
typedef struct snn_checkpoint_series {
    const char *directory, *name;
    uint64_t fingerprint; /* 16 hexadecimal digits in file names */
} snn_checkpoint_series;

enum { SNN_FILE_NAME_BYTES = 256 };

typedef struct snn_checkpoint_list {
    int64_t *sequences; /* [count], newest first; snn_release it */
    size_t count;
    size_t other_count;              /* files of this name with other fingerprints */
    char other[SNN_FILE_NAME_BYTES]; /* the first of them in the order of the alphabet, without the folder */
} snn_checkpoint_list;

/* The path of one checkpoint into `path` (SNN_PATH_BYTES). */
snn_status snn_checkpoint_path(const snn_checkpoint_series *series, int64_t sequence, char *path);

/* Makes the folder and those above it. */
snn_status snn_checkpoint_make_folder(const char *directory);

/* Finished checkpoints; none if there is no such folder. */
snn_status snn_checkpoint_list_read(const snn_checkpoint_series *series, snn_checkpoint_list *list);

/* Of the checkpoints up to `sequence` removes all but the newest `keep`, and what a killed run left unfinished. Newer
 * ones are not touched: an earlier job of this run came further than this one, which started anew. */
snn_status snn_checkpoint_prune(const snn_checkpoint_series *series, int64_t sequence, int32_t keep);

#endif
