/* What to do about nodes that cannot be converted, for `check`. */
#ifndef SNN_IO_CLI_ADVICE_H
#define SNN_IO_CLI_ADVICE_H

#include "core/convert/convert.h"

/* Prints refused nodes counted by kind: operator and reason. Those that only stand behind refused ones are one kind. */
void snn_advice_print_kinds(const snn_graph *graph, const snn_node_report *reports);

/* One line for the first refused node that there is a cure for; NULL if there is none. */
const char *snn_advice_find(const snn_graph *graph, const snn_node_report *reports);

#endif
