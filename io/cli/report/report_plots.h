/* The curves of a report: accuracy over time, layers, tracking errors. `x`, `y`: room for as many values as the longest
 * run has timesteps and the deepest has layers. */
#ifndef SNN_CLI_REPORT_PLOTS_H
#define SNN_CLI_REPORT_PLOTS_H

#include <stdio.h>

#include "io/hdf5/report_data.h"

/* Of all outputs in one plot. */
void snn_report_put_accuracy(FILE *file, const snn_report_run *runs, int32_t count, double *x, double *y);

/* Rates, errors and saturation of one output's layers: plots and a table. `number`: of the output on its page. */
void snn_report_put_layers(FILE *file, const snn_report_run *run, int32_t number, int level, double *x, double *y);

#endif
