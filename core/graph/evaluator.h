/* Runs the trained network in float32, one image at a time: for calibration and for the trained network's accuracy.
 * An evaluator is one thread's workspace; a graph may be shared by many evaluators. */
#ifndef SNN_GRAPH_EVALUATOR_H
#define SNN_GRAPH_EVALUATOR_H

#include "core/graph/graph.h"

typedef struct snn_evaluator snn_evaluator;

/* The graph must have passed snn_graph_infer and outlive the evaluator. With `keep_all` every value stays readable
 * after a run (calibration); otherwise only the graph's output does and memory is reused. */
snn_status snn_evaluator_create(const snn_graph *graph, bool keep_all, snn_evaluator **evaluator);

/* `image`: normalised pixels, float32, in the shape of the graph's input. */
snn_status snn_evaluator_run(snn_evaluator *evaluator, const float *image);

/* A float32 value of the last run, in the shape of graph->values[value].tensor; valid until the next run. NULL if the
 * value was not kept. Constants are readable too. */
const float *snn_evaluator_value(const snn_evaluator *evaluator, int32_t value);

void snn_evaluator_destroy(snn_evaluator *evaluator);

#endif
