#include "io/cli/try_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/cli/verbs.h"
#include "io/hdf5/dataset.h"
#include "io/hdf5/trial.h"

static snn_status try_one(const char *path, snn_layout layout, bool labels)
{
    char number[16];
    (void)snprintf(number, sizeof number, "%d", (int)layout);
    const char *const arguments[] = {"snn_dist", snn_verb_try_data.name, path, number, labels ? "labels" : "", NULL};
    return path[0] != '\0' ? snn_trial_run(path, arguments) : snn_ok();
}

snn_status snn_try_data(const snn_config *config, bool test, bool calibration)
{
    if (test) {
        SNN_TRY(try_one(config->data.test, config->data.layout, true));
    }
    return calibration ? try_one(config->data.calibration, config->data.layout, false) : snn_ok();
}

/* ---- the process that tries ---- */

static snn_status try_data_verb(int argc, char **argv)
{
    if (argc != 4) {
        return snn_usage_error(&snn_verb_try_data, "a file, the number of a layout and \"labels\" or \"\" expected");
    }
    snn_trial_limit();
    snn_trial_answer(snn_dataset_try(argv[1], (snn_layout)atoi(argv[2]), strcmp(argv[3], "labels") == 0));
}

const snn_verb snn_verb_try_data = {
    "try-data", "try-data FILE LAYOUT LABELS", NULL, NULL, NULL, try_data_verb,
};
