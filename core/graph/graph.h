/* The trained network as imported: nodes, values, attributes.
 *
 * A graph is independent of ONNX's wire format (io/onnx/onnx.c fills it) and of the spiking network made from it
 * (core/convert reads it). Batch is bound to 1: every value has one image's shape with a leading 1, so that exported
 * shape arithmetic folds to constants. Values are numbered; nodes name their inputs and outputs by value number.
 * Nodes stand in topological order.
 */
#ifndef SNN_GRAPH_GRAPH_H
#define SNN_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/mapping.h"
#include "core/base/status.h"

enum {
    SNN_MAX_RANK = 8,
    SNN_NO_VALUE = -1,
    SNN_MAX_ELEMENTS = 1 << 30 /* of one tensor: a claim beyond it is damage, not a network for one image */
};

typedef enum snn_type {
    SNN_TYPE_FLOAT32,
    SNN_TYPE_INT64,
    SNN_TYPE_BOOL, /* one byte an element */
    SNN_TYPE_INT8, /* these two: of quantised networks, and only operators that know of them take them */
    SNN_TYPE_UINT8
} snn_type;

/* A dense row-major array. `data` is NULL while only type and shape are known. */
typedef struct snn_tensor {
    snn_type type;
    int32_t rank; /* -1 while the shape is unknown */
    int64_t dims[SNN_MAX_RANK];
    void *data;    /* owned where the tensor is stored by value in a graph, from snn_allocate, unless ... */
    bool borrowed; /* ... it lies in one of the graph's mappings */
} snn_tensor;

typedef enum snn_attribute_kind {
    SNN_ATTRIBUTE_INT,
    SNN_ATTRIBUTE_FLOAT,
    SNN_ATTRIBUTE_TEXT,
    SNN_ATTRIBUTE_INTS,
    SNN_ATTRIBUTE_FLOATS,
    SNN_ATTRIBUTE_TENSOR,
    SNN_ATTRIBUTE_OTHER /* graphs, lists of texts: only the name is kept, as no supported operator reads them */
} snn_attribute_kind;

typedef struct snn_attribute {
    char *name;
    snn_attribute_kind kind;
    int64_t integer;
    float real;
    char *text;
    int64_t *integers; /* [count] */
    float *reals;      /* [count] */
    size_t count;
    snn_tensor tensor;
} snn_attribute;

typedef struct snn_node {
    char *name;      /* as in the model, or "Conv_12" made from operator and number where the model has none */
    char *operator;  /* ONNX operator: "Conv", "Relu", ... */
    char *domain;    /* "" for standard ONNX operators */
    int32_t *inputs; /* [input_count] value numbers; SNN_NO_VALUE for an omitted optional input */
    int32_t input_count;
    int32_t *outputs; /* [output_count] value numbers; SNN_NO_VALUE for an omitted one */
    int32_t output_count;
    snn_attribute *attributes;
    size_t attribute_count;
    bool folded;           /* nothing is left to compute: its outputs are constants, or nobody reads them */
    const char *folded_as; /* in words, where it is not that: a text that nobody owns; NULL otherwise */
    char *refusal;         /* why snn_graph_infer could not give its outputs a shape; NULL where it could */
} snn_node;

typedef struct snn_value {
    char *name;
    snn_tensor tensor; /* shape after snn_graph_infer; data present exactly if constant */
    bool constant;     /* an initializer, or folded by snn_graph_infer */
    int32_t producer;  /* node number, or -1 for the graph input and initializers */
} snn_value;

typedef struct snn_graph {
    char *source; /* file name, for messages */
    int64_t opset;
    snn_value *values;
    int32_t value_count;
    snn_node *nodes;
    int32_t node_count;
    int32_t input;  /* value number of the one image input, shape [1][channels][height][width] or [1][features] */
    int32_t output; /* value number of the logits, shape [1][classes] */
    snn_mapping *mappings; /* [mapping_count] files that hold data of constants; owned */
    int32_t mapping_count;
} snn_graph;

/* Elements of a tensor: the product of its dims (1 for rank 0). -1 if the shape is unknown, a dimension negative, or
 * the product beyond SNN_MAX_ELEMENTS. */
int64_t snn_tensor_elements(const snn_tensor *tensor);
size_t snn_type_bytes(snn_type type);
const char *snn_type_name(snn_type type);
/* Whether all elements, float32 or int64, are one number, which becomes *number. The tensor must have data. */
bool snn_tensor_uniform(const snn_tensor *tensor, float *number);
/* "float32[1,3,32,32]" into `text`; returns `text`. */
const char *snn_tensor_describe(const snn_tensor *tensor, char *text, size_t bytes);
/* Allocates zeroed data for the tensor's type and dims. SNN_INPUT_ERROR if snn_tensor_elements cannot count them. */
snn_status snn_tensor_allocate(snn_tensor *tensor);
/* Releases the data and forgets the shape (rank -1). */
void snn_tensor_clear(snn_tensor *tensor);

/* The attribute of that name, or NULL. The typed readers give `fallback` where the attribute is absent or of another
 * kind; snn_graph_infer has refused nodes where it is of another. */
const snn_attribute *snn_node_attribute(const snn_node *node, const char *name);
int64_t snn_node_integer(const snn_node *node, const char *name, int64_t fallback);
float snn_node_real(const snn_node *node, const char *name, float fallback);
const char *snn_node_text(const snn_node *node, const char *name, const char *fallback);
/* Copies up to `limit` integers of an INTS attribute into `out`; returns how many the attribute has (0 if absent). */
size_t snn_node_integers(const snn_node *node, const char *name, int64_t *out, size_t limit);

/* Puts the nodes into topological order; a graph that is in order keeps it. SNN_INPUT_ERROR if there is a cycle. */
snn_status snn_graph_sort(snn_graph *graph);

/* Puts simpler nodes in place of composite ones (lower.h), gives every value its type and shape and folds every node
 * whose inputs are constants (and Shape, ConstantOfShape) into constants. Refuses an operator that is not in the table
 * of core/graph/operators.h, an operator used outside the opset range or with an attribute that is not supported, and
 * shapes that do not fit: SNN_INPUT_ERROR naming source, node and operator. With `stop_at_first` false it goes on after
 * an unsupported node, noting the reason in node->refusal and leaving its outputs (and what depends on them) without
 * shape (rank -1), and returns SNN_OK; `snn_dist check` uses that. Nodes that the graph's output does not depend on are
 * folded unseen. */
snn_status snn_graph_infer(snn_graph *graph, bool stop_at_first);

/* Drops what stands at the ends of many networks and means nothing to a classification: a softmax of the classes, which
 * does not change their order, and a transposition of the image from channels last to first, in which data sets are
 * read anyway. `output` and `input` become the values before and behind. After snn_graph_infer. */
void snn_graph_drop_ends(snn_graph *graph);

/* The consumers of a value: node numbers into `nodes` (up to `limit`); returns how many there are. */
int32_t snn_graph_consumers(const snn_graph *graph, int32_t value, int32_t *nodes, int32_t limit);

void snn_node_clear(snn_node *node);
void snn_graph_destroy(snn_graph *graph); /* accepts NULL */

#endif
