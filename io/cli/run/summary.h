/* The summary of a run: what `run` prints at its end and `show` at any time, from the output file. */
#ifndef SNN_CLI_SUMMARY_H
#define SNN_CLI_SUMMARY_H

#include "io/hdf5/report_data.h"

/* Accuracy, dynamics, costs, packets, times, on stdout. */
void snn_summary_print(const snn_report_run *run);

/* A warning on stderr if neurons left the range that calibration found for them, more than new data explain. */
void snn_summary_warn(const snn_report_run *run);

#endif
