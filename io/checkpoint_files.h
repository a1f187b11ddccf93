/* The checkpoint files of one name in one folder: NAME.<sequence>.ckpt.h5. Rank 0 alone uses these. */
#ifndef SNN_IO_CHECKPOINT_FILES_H
#define SNN_IO_CHECKPOINT_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

typedef struct snn_checkpoint_list {
    int64_t *sequences; /* [count], newest first; snn_release it */
    size_t count;
} snn_checkpoint_list;

/* DIRECTORY/NAME.<sequence>.ckpt.h5 into `path` (SNN_PATH_BYTES). */
snn_status snn_checkpoint_path(const char *directory, const char *name, int64_t sequence, char *path);

/* Makes the folder and those above it. */
snn_status snn_checkpoint_make_folder(const char *directory);

/* Finished checkpoints; none if there is no such folder. */
snn_status snn_checkpoint_list_read(const char *directory, const char *name, snn_checkpoint_list *list);

/* Of the checkpoints up to `sequence` removes all but the newest `keep`, and what a killed run left unfinished. Newer
 * ones are not touched: they are another run's of the same name. */
snn_status snn_checkpoint_prune(const char *directory, const char *name, int64_t sequence, int32_t keep);

#endif
