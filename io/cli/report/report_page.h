/* A report as one HTML page with plots as inline SVG; nothing is fetched from anywhere. */
#ifndef SNN_CLI_REPORT_PAGE_H
#define SNN_CLI_REPORT_PAGE_H

#include <stdio.h>

#include "io/hdf5/report_classes.h"
#include "io/hdf5/report_data.h"

/* `classes`: [count], of the runs. `x`, `y`: room for as many values as the longest run has timesteps, the deepest has
 * layers and any has classes. Nothing here fails; the caller asks ferror(file) in the end. */
void snn_report_page(FILE *file, const snn_report_run *runs, const snn_report_classes *classes, int32_t count,
                     double *x, double *y);

#endif
