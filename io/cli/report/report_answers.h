/* Accuracy of classes, and confusions that the trained network does not have. */
#ifndef SNN_CLI_REPORT_ANSWERS_H
#define SNN_CLI_REPORT_ANSWERS_H

#include <stdio.h>

#include "io/hdf5/report_classes.h"

/* Classes by accuracy. `x`, `y`: room for as many values as there are classes. */
void snn_report_put_class_plot(FILE *file, const snn_report_classes *classes, double *x, double *y);

/* Classes, the most changed ones if there are many, beside confusions. `run` numbers the outputs of a page. */
void snn_report_put_class_tables(FILE *file, const snn_report_classes *classes, int32_t run);

#endif
