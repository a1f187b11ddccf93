/* What the verbs `plan` and `run` ask of the planner, and what they tell it: measured speeds and the machine. */
#ifndef SNN_CLI_PLANNING_H
#define SNN_CLI_PLANNING_H

#include "core/kernels/kernels.h"
#include "io/config.h"
#include "partition/planner.h"

typedef struct snn_planning {
    snn_planner_request request; /* points to the members below: do not copy */
    snn_machine machine;
    snn_prices *prices;
    const char *speeds; /* where they come from, for the user */
} snn_planning;

/* For `groups` image groups on up to `ranks` ranks. Measures what the cache lacks (a second or two). `machine`: what is
 * known of links; the machine file goes before it. `to_show`: speeds are wanted even where they decide nothing. */
snn_status snn_planning_begin(const snn_config *config, const snn_network *network, const snn_kernels *kernels,
                              const snn_machine *machine, int32_t ranks, int64_t groups, bool to_show,
                              snn_planning *planning);
void snn_planning_end(snn_planning *planning);

#endif
