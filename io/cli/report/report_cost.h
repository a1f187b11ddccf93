/* What an image costs, in a report: operations, and energy by two price lists. */
#ifndef SNN_CLI_REPORT_COST_H
#define SNN_CLI_REPORT_COST_H

#include <stdio.h>

#include "io/hdf5/report_data.h"

/* Nothing if the output has no costs. */
void snn_report_put_cost(FILE *file, const snn_report_run *run, int32_t number, int level);

/* Energy of the spiking network over that of the one it is compared with, like with like: by float prices the trained
 * network, by integer prices the quantised one. 0 if the output does not have both. */
double snn_report_energy_ratio(const snn_report_run *run, snn_cost_case spiking, snn_price_list list);

#endif
