/* Options of `run` (some are shared by `convert` and `plan`). */
#ifndef SNN_CLI_OPTIONS_H
#define SNN_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/cli/verbs.h"
#include "io/config/config.h"

typedef enum snn_progress_mode {
    SNN_PROGRESS_AUTO,
    SNN_PROGRESS_ALWAYS,
    SNN_PROGRESS_NEVER,
    SNN_PROGRESS_JSON
} snn_progress_mode;

enum { SNN_MAX_OVERRIDES = 64 }; /* --layout counts as three */
enum { SNN_MAX_RANK_COUNTS = 64 };

typedef struct snn_options {
    const char *config;                       /* path */
    const char *overrides[SNN_MAX_OVERRIDES]; /* of --set */
    size_t override_count;
    const char *restart; /* "auto", "never" or a file */
    double max_hours;    /* 0: no limit */
    char layout[3][48];  /* --layout, as the three overrides that it stands for */
    const char *plan;    /* plan file, or NULL */
    const char *trace;   /* timeline to write, or NULL */
    bool quiet;
    snn_progress_mode progress;
    const char *output;                 /* -o */
    int32_t ranks[SNN_MAX_RANK_COUNTS]; /* --ranks of `plan` */
    int32_t rank_counts;
    int32_t steps, latency;            /* --steps, --latency of `tune`; 0: no bound */
    double agreement;                  /* --agreement, likewise */
    char machine[SNN_PATH_BYTES + 32]; /* --machine, as the override that it stands for */
} snn_options;

/* The value of --progress, also for verbs whose other options are their own. */
snn_status snn_options_progress(const snn_verb *verb, const char *text, snn_progress_mode *mode);

/* Which options a verb takes, as a string of their letters: s(et) r(estart) m(ax-hours) l(ayout) p(lan) q(uiet)
 * t(race) g (progress) o(utput) n (ranks) c (machine) S(teps) L(atency) A(greement). */
snn_status snn_options_parse(const snn_verb *verb, const char *allowed, int argc, char **argv, snn_options *options);

#endif
