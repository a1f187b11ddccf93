/* The verb `show`: the summary that a run printed, again. */
#include <stdio.h>

#include "io/cli/run/summary.h"
#include "io/cli/verbs.h"

static snn_status show_verb(int argc, char **argv)
{
    snn_report_run run;
    if (argc != 2 || argv[1][0] == '-') {
        return snn_usage_error(&snn_verb_show, "one output file expected");
    }
    snn_status status = snn_report_read(argv[1], true, &run);
    if (!snn_failed(status)) {
        printf("%s: %s, started %s\n", argv[1], run.model, run.started);
        snn_summary_print(&run);
    }
    snn_report_clear(&run);
    return status;
}

const snn_verb snn_verb_show = {
    "show", "show out.h5", "prints the summary of a run again, from its output", NULL, NULL, show_verb,
};
