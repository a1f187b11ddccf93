/* The verbs of the command line: one function each, one file each. A verb prints its own results on stdout; errors come
 * back as a status and are printed by main. */
#ifndef SNN_CLI_VERBS_H
#define SNN_CLI_VERBS_H

#include "core/base/status.h"

/* `argv[0]` is the verb (or the config file for `run` without a verb). */
typedef snn_status (*snn_verb_function)(int argc, char **argv);

typedef struct snn_verb {
    const char *name;
    const char *usage;   /* what follows the program's name */
    const char *summary; /* one line */
    const char *help;    /* options, one a line, for VERB --help */
    snn_verb_function function;
} snn_verb;

extern const snn_verb snn_verb_run, snn_verb_convert, snn_verb_check, snn_verb_plan, snn_verb_verify, snn_verb_diff,
    snn_verb_report, snn_verb_approx, snn_verb_bench, snn_verb_tune, snn_verb_export;

/* The version with compiler, MPI, HDF5 and instruction sets, on stdout. */
void snn_print_version(void);

/* The one place where errors are printed; a verb under MPI calls it on rank 0 while all ranks still stand, because a
 * launcher ends the others as soon as one has failed. A status without message prints nothing. */
void snn_print_failure(snn_status status);

/* A status for bad usage of a verb: the message and how to get help. */
snn_status snn_usage_error(const snn_verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
