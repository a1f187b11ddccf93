/* What a report begins with: figures of one output in large type, and all outputs side by side. */
#ifndef SNN_CLI_REPORT_SUMMARY_H
#define SNN_CLI_REPORT_SUMMARY_H

#include <stdio.h>

#include "io/hdf5/report_classes.h"
#include "io/hdf5/report_data.h"

/* The figures of one output, and what it says of the trained network in a sentence. */
void snn_report_put_figures(FILE *file, const snn_report_run *run, const snn_report_classes *classes);

/* A table with an output a column. `classes`: [count]. */
void snn_report_put_outputs(FILE *file, const snn_report_run *runs, const snn_report_classes *classes, int32_t count);

#endif
