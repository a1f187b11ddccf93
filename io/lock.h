/* One job at a time for what jobs would overwrite for each other: a file that says who has it, with a lock of the
 * system on it. The lock ends with its process, however that ends, and works over NFS. */
#ifndef SNN_IO_LOCK_H
#define SNN_IO_LOCK_H

#include "core/base/status.h"
#include "io/config/config.h" /* SNN_PATH_BYTES */

typedef struct snn_lock {
    int descriptor; /* -1: not held */
    char path[SNN_PATH_BYTES];
} snn_lock;

/* Takes the lock in the file `path`, which is made and removed again at its release. SNN_INPUT_ERROR if another process
 * has it, saying which and that `what` is in use; SNN_FILE_ERROR if the file cannot be made. Where the file system has
 * no locks nothing is held, and that is SNN_OK. One rank calls it. */
snn_status snn_lock_take(const char *path, const char *what, snn_lock *lock);
void snn_lock_release(snn_lock *lock); /* accepts one that is not held */

#endif
