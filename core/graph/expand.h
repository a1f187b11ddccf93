/* Internal to core/graph: what definitions of composite operators (lower.h) are written with. Values are numbers;
 * SNN_NO_VALUE stands for an omitted input. */
#ifndef SNN_GRAPH_EXPAND_H
#define SNN_GRAPH_EXPAND_H

#include "core/graph/graph.h"

/* The nodes and values that will stand for one node. */
typedef struct snn_expansion {
    const snn_graph *graph;
    const snn_node *node; /* the composite one */
    snn_node *nodes;      /* [node_count] */
    snn_value *values;    /* [value_count] numbered from graph->value_count on */
    int32_t node_count, value_count;
    size_t node_room, value_room;
    uint32_t given;    /* bit i: output i */
    snn_status status; /* the first failure; what follows it does nothing */
} snn_expansion;

/* Input i of the composite node, or SNN_NO_VALUE. */
int32_t snn_expand_input(const snn_expansion *expansion, int32_t i);
/* Its shape; an empty tensor of rank -1 where it is omitted. */
const snn_tensor *snn_expand_shape(const snn_expansion *expansion, int32_t i);
/* The constant that input i has to be, float32 with data; fails and gives NULL otherwise. */
const snn_tensor *snn_expand_weights(snn_expansion *expansion, int32_t i, const char *what);

/* A node of the standard domain; gives its output. */
int32_t snn_expand_node(snn_expansion *expansion, const char *operator, int32_t count, const int32_t *inputs);
#define SNN_EXPAND(expansion, operator, ...)                                                                           \
    snn_expand_node((expansion), (operator), (int32_t)(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t)),            \
                    (int32_t[]){__VA_ARGS__})
/* Attributes of the node appended last. */
void snn_expand_integer(snn_expansion *expansion, const char *name, int64_t integer);
void snn_expand_real(snn_expansion *expansion, const char *name, float real);
void snn_expand_text(snn_expansion *expansion, const char *name, const char *text);
void snn_expand_integers(snn_expansion *expansion, const char *name, int32_t count, const int64_t *integers);
/* A copy of the composite node's attribute, if it has one. */
void snn_expand_attribute(snn_expansion *expansion, const char *name);
/* Copies of all that it has. */
void snn_expand_same_attributes(snn_expansion *expansion);

/* Constants. `elements` NULL: zeros, to be filled through the pointer (NULL after a failure). */
int32_t snn_expand_scalar(snn_expansion *expansion, float value);
int32_t snn_expand_list(snn_expansion *expansion, int32_t count, const int64_t *integers);
int32_t snn_expand_floats(snn_expansion *expansion, int32_t rank, const int64_t *dims, float **elements);

/* Nodes that differ from opset to opset, or that do nothing: then they give x itself. */
/* x plus the composite node's input i, where it is given. */
int32_t snn_expand_plus(snn_expansion *expansion, int32_t x, int32_t i);
int32_t snn_expand_reduce(snn_expansion *expansion, const char *operator, int32_t x, int32_t count, const int64_t *axes,
                          bool keep);
int32_t snn_expand_reshape(snn_expansion *expansion, int32_t x, int32_t rank, const int64_t *dims);
int32_t snn_expand_transpose(snn_expansion *expansion, int32_t x, int32_t rank, const int64_t *perm);
int32_t snn_expand_pad(snn_expansion *expansion, int32_t x, int32_t rank, const int64_t *pads);
int32_t snn_expand_slice(snn_expansion *expansion, int32_t x, int32_t axis, int64_t begin, int64_t end);
int32_t snn_expand_softmax(snn_expansion *expansion, int32_t x, int32_t last);

/* `value` is the composite node's output i; snn_expand_result: the first. */
void snn_expand_output(snn_expansion *expansion, int32_t i, int32_t value);
void snn_expand_result(snn_expansion *expansion, int32_t value);
/* Refuses the node. */
void snn_expand_refuse(snn_expansion *expansion, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for attributes as snn_operator_attributes. */
void snn_expand_attributes(snn_expansion *expansion, const char *known);

#endif
