/* Internal to core/graph: composite operators in terms of those in the table of operators.h.
 *
 * snn_graph_infer puts the simpler nodes in place of a composite one as soon as the shapes of its inputs are known.
 * The rest of the program, evaluation and conversion, then never sees it. A new composite operator is a function that
 * writes down its definition (expand.h) and a line in a family's table:
 *
 *     static void lower_swish(snn_expansion *e)
 *     {
 *         int32_t gate = SNN_EXPAND(e, "Sigmoid", snn_expand_input(e, 0));
 *         snn_expand_result(e, SNN_EXPAND(e, "Mul", snn_expand_input(e, 0), gate));
 *     }
 */
#ifndef SNN_GRAPH_LOWER_H
#define SNN_GRAPH_LOWER_H

#include "core/graph/expand.h"

typedef struct snn_lowering {
    const char *domain, *name;
    int32_t min_inputs, max_inputs;
    void (*lower)(snn_expansion *expansion);
    bool (*applies)(const snn_graph *graph,
                    const snn_node *node); /* whether a node of that operator is composite; NULL: always */
} snn_lowering;

/* The families; each table ends with an entry whose name is NULL. */
extern const snn_lowering snn_lowerings_attention[];
extern const snn_lowering snn_lowerings_einsum[];
extern const snn_lowering snn_lowerings_function[];
extern const snn_lowering snn_lowerings_product[];
extern const snn_lowering snn_lowerings_quantised[];
extern const snn_lowering snn_lowerings_resample[];
extern const snn_lowering snn_lowerings_sequence[];

/* Replaces node `number` if it is composite; *lowered says whether. The shapes of its inputs must be known. */
snn_status snn_graph_lower(snn_graph *graph, int32_t number, bool *lowered);

#endif
