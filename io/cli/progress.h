/* What a long phase shows while it runs: one line that is rewritten on a terminal, plain lines now and then otherwise.
 * Only rank 0 has one that prints. For programs (SNN_PROGRESS_JSON) each line is an object on stderr: the first when
 * the stage begins, then at most one every half second, the last of a stage that succeeds with `done` equal to `of`:
 *
 *     {"stage": "evaluation", "done": 32, "of": 450, "unit": "images", "seconds": 1.204, "left": 15.7}
 *
 * `seconds` since this process began the stage, `left` until its end, null before anything is done. Stages may lie
 * within each other (those of `tune`, whose `of` grows as well); warnings and errors, which begin otherwise, may stand
 * between these lines. */
#ifndef SNN_CLI_PROGRESS_H
#define SNN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "io/cli/options.h"

typedef struct snn_progress {
    bool enabled, terminal, json;
    const char *what; /* "calibration", "evaluation" */
    const char *unit; /* of what is counted: "images", unless the caller says otherwise */
    int64_t total, resumed;
    int64_t told; /* the last `done` that was printed; -1: none */
    double begun, last;
} snn_progress;

/* `resumed`: images done before this process began (a restart). */
snn_progress snn_progress_begin(const char *what, int64_t total, int64_t resumed, bool enabled, snn_progress_mode mode);
/* `done` images of the total, with images per second and the time left; 0, or those resumed, when the stage begins.
 * Cheap to call often. */
void snn_progress_update(snn_progress *progress, int64_t done);
/* Before rows of a table are printed: they begin where the line of a terminal stands. It comes back with the next
 * update. */
void snn_progress_hide(const snn_progress *progress);
void snn_progress_end(snn_progress *progress);

#endif
