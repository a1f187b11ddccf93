/* What a long phase shows while it runs: one line that is rewritten on a terminal, plain lines now and then otherwise.
 * Only rank 0 has one that prints. */
#ifndef SNN_CLI_PROGRESS_H
#define SNN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "io/cli/options.h"

typedef struct snn_progress {
    bool enabled, terminal;
    const char *what; /* "calibration", "evaluation" */
    const char *unit; /* of what is counted: "images", unless the caller says otherwise */
    int64_t total, resumed;
    double begun, last;
} snn_progress;

/* `resumed`: images done before this process began (a restart). */
snn_progress snn_progress_begin(const char *what, int64_t total, int64_t resumed, bool enabled, snn_progress_mode mode);
/* `done` images of the total, with images per second and the time left. Cheap to call often. */
void snn_progress_update(snn_progress *progress, int64_t done);
void snn_progress_end(snn_progress *progress);

#endif
