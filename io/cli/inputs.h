/* Files that a configuration names, before anything long begins: that one is missing is said with its key. */
#ifndef SNN_CLI_INPUTS_H
#define SNN_CLI_INPUTS_H

#include "io/config/config.h"

/* SNN_INPUT_ERROR if a file that such a use opens cannot be read. `path` is the configuration's, for the message. */
snn_status snn_inputs_check(const char *path, const snn_config *config, snn_config_use use);

#endif
