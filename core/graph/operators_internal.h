/* What the operator families share: the family tables, checks of inputs and attributes, broadcasting. */
#ifndef SNN_GRAPH_OPERATORS_INTERNAL_H
#define SNN_GRAPH_OPERATORS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/graph/operators.h"

/* The families; each table ends with an entry whose name is NULL. */
extern const snn_graph_operator snn_operators_linear[];      /* Conv, Gemm, MatMul */
extern const snn_graph_operator snn_operators_pool[];        /* windows */
extern const snn_graph_operator snn_operators_reduce[];      /* reductions over axes */
extern const snn_graph_operator snn_operators_normalize[];   /* batch and layer normalisation, softmax */
extern const snn_graph_operator snn_operators_elementwise[]; /* functions of one element */
extern const snn_graph_operator snn_operators_binary[];      /* arithmetic with broadcasting */
extern const snn_graph_operator snn_operators_logic[];       /* comparisons and selection */
extern const snn_graph_operator snn_operators_constant[];    /* values from attributes and shapes */
extern const snn_graph_operator snn_operators_shape[];       /* the same elements in another shape */
extern const snn_graph_operator snn_operators_index[];       /* parts of tensors */
extern const snn_graph_operator snn_operators_scatter[];     /* triangles, and elements at given indices */
extern const snn_graph_operator snn_operators_quantise[];    /* integers for reals and back */
extern const snn_graph_operator snn_operators_resample[];    /* repeated elements, blocks of positions */

enum { SNN_ANY_OUTPUTS = INT32_MAX }; /* an entry without a limit on its outputs */

/* Checks, for `infer`. Each failure is an SNN_INPUT_ERROR that says what was expected and what was found. */

/* Refuses attributes of the node that are not in `known` or not of the kind that it names: "axis=int epsilon=float
 * mode=text perm=ints scales=floats value=tensor". So the getters of graph.h find what they ask for, or nothing. */
snn_status snn_operator_attributes(const snn_node *node, const char *known);
/* `what` names the input in the message: "the weights". */
snn_status snn_operator_expect_type(const snn_tensor *input, const char *what, snn_type type);
snn_status snn_operator_expect_rank(const snn_tensor *input, const char *what, int32_t rank);
/* At least one element: for readers that divide by sizes. */
snn_status snn_operator_expect_elements(const snn_tensor *input, const char *what);
/* A vector of `length` float32 elements, one for each channel. */
snn_status snn_operator_expect_vector(const snn_tensor *input, const char *what, int64_t length);
/* Counts a negative axis from the end; refuses what is outside [0, rank). */
snn_status snn_operator_axis(int64_t axis, int32_t rank, int32_t *normalised);

/* The input of that number, or NULL where the node has fewer or omits it. */
const snn_tensor *snn_operator_input(const snn_operator_call *call, int32_t number);

/* Refuses an omitted input, for operators that take any number of them. */
snn_status snn_operator_expect_all(const snn_operator_call *call);

/* Sets type, rank and dims; refuses more than SNN_MAX_RANK axes, a negative size, and more elements than fit. */
snn_status snn_operator_set_shape(snn_tensor *output, snn_type type, int32_t rank, const int64_t *dims);
/* The type and shape of `input`, without its data. */
void snn_operator_copy_shape(snn_tensor *output, const snn_tensor *input);
/* The shape that all inputs broadcast to; `output->type` becomes `type`. */
snn_status snn_operator_broadcast(const snn_tensor *const *inputs, int32_t count, snn_type type, snn_tensor *output);

/* A list of integers that an operator takes as an attribute in old opsets and as an int64 input in newer ones. */
typedef struct snn_integers {
    bool present;
    int32_t count;
    int64_t values[2 * SNN_MAX_RANK];
} snn_integers;

/* Reads the attribute `name` before opset `since`, and the constant input `number` from it on. */
snn_status snn_operator_integers(const snn_operator_call *call, const char *name, int32_t number, int64_t since,
                                 snn_integers *integers);
/* The same from an input, whatever the opset; `what` names it in messages. */
snn_status snn_operator_read_integers(const snn_tensor *input, const char *what, snn_integers *integers);
/* The list as a set of axes of a tensor of rank `rank`; refuses an axis that is out of range or named twice. */
snn_status snn_operator_axis_set(const snn_integers *axes, int32_t rank, bool in_set[SNN_MAX_RANK]);

/* As snn_window_read, without what ceil_mode adds to pad_end. */
snn_status snn_window_read_declared(const snn_node *node, const int64_t size[2], const int64_t *kernel,
                                    snn_window *window);

/* A walk over `dims` in row-major order, one innermost row at a time, with the offset (in elements) of each row in up
 * to SNN_WALK_OPERANDS arrays whose strides may be zero (broadcast) or negative. Axes that lie behind each other in
 * all operands are joined first, so rows are as long as can be.
 *
 *     snn_walk walk;
 *     for (snn_walk_begin(&walk, rank, dims, operands, strides); walk.more; snn_walk_next(&walk)) {
 *         ... walk.length elements; operand i starts at walk.offset[i] and goes on by walk.step[i] ...
 *     }
 */
enum { SNN_WALK_OPERANDS = 4 };
typedef struct snn_walk {
    bool more;
    int64_t length;                    /* of the row */
    int64_t offset[SNN_WALK_OPERANDS]; /* of the row */
    int64_t step[SNN_WALK_OPERANDS];   /* within the row */
    int32_t operands;
    int32_t rank; /* axes outside the row */
    int64_t dims[SNN_MAX_RANK];
    int64_t index[SNN_MAX_RANK];
    int64_t strides[SNN_WALK_OPERANDS][SNN_MAX_RANK];
} snn_walk;

void snn_walk_begin(snn_walk *walk, int32_t rank, const int64_t *dims, int32_t operands,
                    const int64_t (*strides)[SNN_MAX_RANK]);
void snn_walk_next(snn_walk *walk);
/* The walk over `output` with inputs that broadcast to it; operand 0 is the output, operand i + 1 input i. */
void snn_walk_broadcast(snn_walk *walk, const snn_tensor *output, const snn_tensor *const *inputs, int32_t count);

/* Row-major strides of a shape. */
void snn_operator_strides(const snn_tensor *tensor, int64_t strides[SNN_MAX_RANK]);
/* output[i] = input[offset + sum over axes of index * strides]: transposes, slices, broadcasts. */
void snn_operator_copy_strided(const snn_tensor *output, const snn_tensor *input, int64_t offset,
                               const int64_t strides[SNN_MAX_RANK]);

#endif
