/* What the program says of itself: one source for `--help`, the manual pages and the completions of shells. */
#ifndef SNN_CLI_HELP_H
#define SNN_CLI_HELP_H

#include "io/cli/verbs.h"

/* The verbs in the order of the help; NULL ends the list. */
extern const snn_verb *const snn_verbs[];

typedef struct snn_exit_code {
    int code;
    const char *meaning; /* NULL ends a list */
} snn_exit_code;

extern const snn_exit_code snn_exit_codes[];

extern const char snn_help_purpose[]; /* of the program, a sentence */

/* The verb called `name`, or NULL. */
const snn_verb *snn_verb_find(const char *name);

void snn_help_print(void);
void snn_help_print_verb(const snn_verb *verb);

#endif
