/* Outputs that would replace what they are made from. */
#ifndef SNN_CLI_OVERWRITE_H
#define SNN_CLI_OVERWRITE_H

#include "io/cli/options.h"

/* SNN_INPUT_ERROR if `output` is the file `input`, by whatever name; `what` says what that is ("data.test"). Files that
 * are not there and inputs NULL or "" are no matter. */
snn_status snn_overwrite_check(const char *output, const char *input, const char *what);

/* The same for all that the options and the configuration read. */
snn_status snn_overwrite_check_all(const char *output, const snn_options *options, const snn_config *config);

#endif
