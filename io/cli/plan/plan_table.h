/* Plans as tables for people. */
#ifndef SNN_CLI_PLAN_TABLE_H
#define SNN_CLI_PLAN_TABLE_H

#include "io/cli/plan/planning.h"

/* What the plan is predicted to take, from what, and what its ranks hold; snn_release the text. */
snn_status snn_plan_table(const snn_network *network, const snn_plan *plan, snn_cost_model *model,
                          const snn_planning *planning, char **text);

/* A table of predicted scaling, line by line to stdout. */
void snn_scaling_head(const snn_network *network, const snn_planning *planning);
void snn_scaling_line(const snn_plan *plan, snn_cost_model *model, const snn_planning *planning);

#endif
