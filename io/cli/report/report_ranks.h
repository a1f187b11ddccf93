/* Where the ranks' time goes and what they send, in a report. */
#ifndef SNN_CLI_REPORT_RANKS_H
#define SNN_CLI_REPORT_RANKS_H

#include <stdio.h>

#include "io/hdf5/report_data.h"

/* Bytes of weights, state and spikes of the rank that holds the most. */
int64_t snn_report_fullest_rank(const snn_report_run *run);

void snn_report_put_traffic(FILE *file, const snn_report_run *run, int32_t number, int level);
void snn_report_put_times(FILE *file, const snn_report_run *run, int32_t number, int level);

#endif
