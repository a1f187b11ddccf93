/* The table of what an image costs, in a report. */
#ifndef SNN_CLI_REPORT_COST_H
#define SNN_CLI_REPORT_COST_H

#include <stdio.h>

#include "io/report_data.h"

/* Nothing if the output has no costs. */
void snn_report_put_cost(FILE *file, const snn_report_run *run);

#endif
