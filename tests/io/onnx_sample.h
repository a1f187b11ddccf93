/* A small ONNX model under construction, for tests to change, write and read back. */
#ifndef SNN_TESTS_IO_ONNX_SAMPLE_H
#define SNN_TESTS_IO_ONNX_SAMPLE_H

#include "core/graph/graph.h"
#include "onnx.pb-c.h"

enum { ROOM = 8 };

/* A model under construction: two nodes and two tensors to start with, and all that they point to. */
typedef struct onnx_sample {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, *opsets[2];
    Onnx__NodeProto nodes[ROOM], *node_list[ROOM];
    Onnx__TensorProto tensors[ROOM], *tensor_list[ROOM];
    Onnx__AttributeProto attributes[ROOM], *attribute_list[ROOM];
    Onnx__ValueInfoProto infos[ROOM], *inputs[ROOM], *outputs[ROOM];
    Onnx__TypeProto type;
    Onnx__TypeProto__Tensor tensor_type;
    Onnx__TensorShapeProto shape;
    Onnx__TensorShapeProto__Dimension dims[ROOM], *dim_list[ROOM];
    char *names[ROOM][2];
} onnx_sample;

/* The tensors w and b. */
extern float onnx_sample_weights[4];
extern float onnx_sample_bias[1];

/* x [N,1,2,2] -> "conv" with weights w (raw) and bias b (typed) -> h -> Flatten without a name -> logits. */
void onnx_sample_init(onnx_sample *sample);

/* A further node of one input and one output. */
Onnx__NodeProto *onnx_sample_node(onnx_sample *sample, char *name, char *op_type, char *input, char *output);
/* A further attribute of "conv". */
Onnx__AttributeProto *onnx_sample_attribute(onnx_sample *sample, char *name, Onnx__AttributeProto__AttributeType type);
/* A further tensor, still without data. */
Onnx__TensorProto *onnx_sample_tensor(onnx_sample *sample, char *name, int32_t data_type, int64_t *dims, size_t rank);
void onnx_sample_raw(Onnx__TensorProto *tensor, void *data, size_t bytes);
/* A dimension of the input. */
void onnx_sample_number(Onnx__TensorShapeProto__Dimension *dimension, int64_t value);
void onnx_sample_symbol(Onnx__TensorShapeProto__Dimension *dimension, char *symbol);

/* The model as bytes; free them. */
uint8_t *onnx_sample_pack(const onnx_sample *sample, size_t *bytes);
/* Reads a file of these bytes; *graph is NULL if it is refused. */
snn_status onnx_sample_read_bytes(const void *bytes, size_t count, snn_graph **graph);
/* The graph of a model that must be readable. */
snn_graph *onnx_sample_read(const onnx_sample *sample);
/* The value of that name, which there must be. */
const snn_value *onnx_sample_value(const snn_graph *graph, const char *name);
/* Fails the test unless reading the model is refused with a message that has this part. */
void onnx_sample_expect_refused(const onnx_sample *sample, const char *part);

#endif
