/* The verbs of the command line: one function each, one file each. A verb prints its own results on stdout; errors come
 * back as a status and are printed by main. */
#ifndef SNN_CLI_VERBS_H
#define SNN_CLI_VERBS_H

#include <stdint.h>

#include "core/base/status.h"

/* `argv[0]` is the verb (or the config file for `run` without a verb). */
typedef snn_status (*snn_verb_function)(int argc, char **argv);

/* `value` is what the user reads after the name, and what completions go by: a name with an ending ("plan.toml") is a
 * file with this ending, FILE any file, DIRECTORY a folder; words with bars between them ("auto|never|FILE") are
 * alternatives; section.key=value is a key of the configuration; anything else is typed. */
typedef struct snn_verb_option {
    const char *name;  /* "--set"; without a dash an argument of the usage line; NULL ends a list */
    const char *value; /* NULL: none */
    const char *meaning;
} snn_verb_option;

/* Options that several verbs take. */
#define SNN_OPTION_SET                                                                                                 \
    {                                                                                                                  \
        "--set", "section.key=value", "override the file (repeatable)"                                                 \
    }
#define SNN_OPTION_QUIET                                                                                               \
    {                                                                                                                  \
        "--quiet", NULL, "print nothing but errors"                                                                    \
    }
#define SNN_OPTION_PROGRESS                                                                                            \
    {                                                                                                                  \
        "--progress", "auto|always|never|json",                                                                        \
            "how far the work is, on stderr; auto (default): where it takes long; json: an object a line"              \
    }

typedef struct snn_verb {
    const char *name;
    const char *usage;              /* what follows the program's name; files as the values of options are */
    const char *summary;            /* one line; NULL: for the build, not for users */
    const snn_verb_option *options; /* NULL: none */
    const char *notes;              /* a paragraph after the options; NULL: none */
    snn_verb_function function;
} snn_verb;

extern const snn_verb snn_verb_run, snn_verb_convert, snn_verb_check, snn_verb_plan, snn_verb_verify, snn_verb_diff,
    snn_verb_report, snn_verb_approx, snn_verb_bench, snn_verb_tune, snn_verb_export, snn_verb_config, snn_verb_show,
    snn_verb_layers, snn_verb_pages, snn_verb_try_data;

/* The version with compiler, MPI, HDF5 and instruction sets, on stdout. */
void snn_print_version(void);

/* The one place where errors are printed; a verb under MPI calls it on rank 0 while all ranks still stand, because a
 * launcher ends the others as soon as one has failed. A status without message prints nothing. `rank`: the one that
 * speaks for itself, or -1. */
void snn_print_failure(snn_status status, int32_t rank);

/* A status for bad usage of a verb: the message and how to get help. */
snn_status snn_usage_error(const snn_verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
