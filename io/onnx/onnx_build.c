#include "io/onnx/onnx_build.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/whole_file.h"
#include "onnx.pb-c.h"

enum {
    NAME_BYTES = 256,
    IR_VERSION = 7,
    FEW = 4 /* attributes of a node */
};

/* Everything that belongs to the model, to be released with it. */
typedef struct memory {
    struct memory *next;
} memory;

/* A growing array of pointers. */
typedef struct list {
    void **items;
    size_t count, capacity;
} list;

struct snn_onnx_build {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto set;
    Onnx__OperatorSetIdProto *sets[1];
    list nodes, inputs, outputs, initializers, metadata;
    memory *memory;
    char scope[NAME_BYTES];
    int64_t values;
    bool failed; /* memory ran out */
};

static void *allocate(snn_onnx_build *build, size_t bytes)
{
    memory *block = snn_allocate(1, SNN_ALIGNMENT + bytes);
    if (block == NULL) {
        build->failed = true;
        return NULL;
    }
    block->next = build->memory;
    build->memory = block;
    return (char *)block + SNN_ALIGNMENT;
}

static void *copy(snn_onnx_build *build, const void *data, size_t bytes)
{
    void *to = allocate(build, bytes);
    if (to != NULL && bytes > 0) {
        memcpy(to, data, bytes);
    }
    return to;
}

static char *copy_text(snn_onnx_build *build, const char *text)
{
    return copy(build, text, strlen(text) + 1);
}

static void append(snn_onnx_build *build, list *to, void *item)
{
    if (item == NULL || build->failed) {
        return;
    }
    if (!snn_grow(&to->items, to->count, &to->capacity, sizeof *to->items)) {
        build->failed = true;
        return;
    }
    to->items[to->count++] = item;
}

snn_onnx_build *snn_onnx_build_create(const char *name, int64_t opset)
{
    snn_onnx_build *build = snn_allocate(1, sizeof *build);
    if (build == NULL) {
        return NULL;
    }
    onnx__model_proto__init(&build->model);
    onnx__graph_proto__init(&build->graph);
    onnx__operator_set_id_proto__init(&build->set);
    build->set.has_version = true;
    build->set.version = opset;
    build->sets[0] = &build->set;
    build->model.has_ir_version = true;
    build->model.ir_version = IR_VERSION;
    build->model.producer_name = copy_text(build, "snn_dist");
    build->model.producer_version = copy_text(build, SNN_DIST_VERSION);
    build->model.n_opset_import = 1;
    build->model.opset_import = build->sets;
    build->model.graph = &build->graph;
    build->graph.name = copy_text(build, name);
    return build;
}

void snn_onnx_build_destroy(snn_onnx_build *build)
{
    if (build == NULL) {
        return;
    }
    while (build->memory != NULL) {
        memory *next = build->memory->next;
        snn_release(build->memory);
        build->memory = next;
    }
    list *const lists[] = {&build->nodes, &build->inputs, &build->outputs, &build->initializers, &build->metadata};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        snn_release(lists[i]->items);
    }
    snn_release(build);
}

void snn_onnx_build_scope(snn_onnx_build *build, const char *scope)
{
    (void)snprintf(build->scope, sizeof build->scope, "%s", scope);
}

/* "relu1/17" */
static char *next_name(snn_onnx_build *build)
{
    char name[NAME_BYTES + 24];
    (void)snprintf(name, sizeof name, "%s/%lld", build->scope, (long long)build->values++);
    return copy_text(build, name);
}

/* ---- inputs, outputs, constants ---- */

static Onnx__TensorShapeProto__Dimension *dimension(snn_onnx_build *build, int64_t size)
{
    Onnx__TensorShapeProto__Dimension *made = allocate(build, sizeof *made);
    if (made != NULL) {
        onnx__tensor_shape_proto__dimension__init(made);
        made->value_case = size == SNN_ONNX_BATCH ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM
                                                  : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (size == SNN_ONNX_BATCH) {
            made->dim_param = copy_text(build, "N");
        } else {
            made->dim_value = size;
        }
    }
    return made;
}

static Onnx__ValueInfoProto *describe(snn_onnx_build *build, const char *name, snn_onnx_element element, int rank,
                                      const int64_t *dims)
{
    Onnx__ValueInfoProto *info = allocate(build, sizeof *info);
    Onnx__TypeProto *type = allocate(build, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = allocate(build, sizeof *tensor);
    Onnx__TensorShapeProto *shape = allocate(build, sizeof *shape);
    Onnx__TensorShapeProto__Dimension **dim = allocate(build, (size_t)rank * sizeof *dim);
    if (build->failed) {
        return NULL;
    }
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    info->name = copy_text(build, name);
    info->type = type;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    tensor->has_elem_type = true;
    tensor->elem_type = (int32_t)element;
    tensor->shape = shape;
    shape->n_dim = (size_t)rank;
    shape->dim = dim;
    for (int i = 0; i < rank; i++) {
        dim[i] = dimension(build, dims[i]);
    }
    return info;
}

snn_onnx_value snn_onnx_build_input(snn_onnx_build *build, const char *name, snn_onnx_element element, int rank,
                                    const int64_t *dims)
{
    Onnx__ValueInfoProto *info = describe(build, name, element, rank, dims);
    append(build, &build->inputs, info);
    return info != NULL ? info->name : NULL;
}

static size_t element_bytes(snn_onnx_element element)
{
    switch (element) {
    case SNN_ONNX_INT16:
        return 2;
    case SNN_ONNX_FLOAT:
    case SNN_ONNX_INT32:
        return 4;
    case SNN_ONNX_INT64:
    case SNN_ONNX_DOUBLE:
        return 8;
    }
    return 0;
}

snn_onnx_value snn_onnx_build_constant(snn_onnx_build *build, snn_onnx_element element, int rank, const int64_t *dims,
                                       const void *data)
{
    size_t bytes = element_bytes(element);
    for (int i = 0; i < rank; i++) {
        bytes *= (size_t)dims[i];
    }
    Onnx__TensorProto *tensor = allocate(build, sizeof *tensor);
    if (tensor == NULL) {
        return NULL;
    }
    onnx__tensor_proto__init(tensor);
    tensor->name = next_name(build);
    tensor->n_dims = (size_t)rank;
    tensor->dims = copy(build, dims, (size_t)rank * sizeof *dims);
    tensor->has_data_type = true;
    tensor->data_type = (int32_t)element;
    tensor->has_raw_data = true;
    tensor->raw_data.len = bytes;
    tensor->raw_data.data = copy(build, data, bytes);
    append(build, &build->initializers, tensor);
    return tensor->name;
}

snn_onnx_value snn_onnx_build_float(snn_onnx_build *build, float value)
{
    return snn_onnx_build_constant(build, SNN_ONNX_FLOAT, 0, NULL, &value);
}

snn_onnx_value snn_onnx_build_double(snn_onnx_build *build, double value)
{
    return snn_onnx_build_constant(build, SNN_ONNX_DOUBLE, 0, NULL, &value);
}

snn_onnx_value snn_onnx_build_integers(snn_onnx_build *build, int count, const int64_t *values)
{
    return snn_onnx_build_constant(build, SNN_ONNX_INT64, 1, &(int64_t){count}, values);
}

/* ---- nodes ---- */

static snn_onnx_value add_node(snn_onnx_build *build, const char *operator, int count, const snn_onnx_value *inputs,
                               char *output)
{
    Onnx__NodeProto *node = allocate(build, sizeof *node);
    char **names = allocate(build, (size_t)(count + 1) * sizeof *names);
    Onnx__AttributeProto **attributes = allocate(build, FEW * sizeof(Onnx__AttributeProto *));
    if (build->failed) {
        return NULL;
    }
    onnx__node_proto__init(node);
    for (int i = 0; i < count; i++) {
        build->failed = build->failed || inputs[i] == NULL; /* its maker ran out of memory */
        names[i] = build->failed ? NULL : copy_text(build, inputs[i]);
    }
    names[count] = output;
    node->n_input = (size_t)count;
    node->input = names;
    node->n_output = 1;
    node->output = names + count;
    node->name = output;
    node->op_type = copy_text(build, operator);
    node->attribute = attributes;
    append(build, &build->nodes, node);
    return output;
}

snn_onnx_value snn_onnx_build_node(snn_onnx_build *build, const char *operator, int count, const snn_onnx_value *inputs)
{
    char *output = next_name(build);
    return add_node(build, operator, count, inputs, output);
}

snn_onnx_value snn_onnx_build_unary(snn_onnx_build *build, const char *operator, snn_onnx_value a)
{
    return snn_onnx_build_node(build, operator, 1, &a);
}

snn_onnx_value snn_onnx_build_binary(snn_onnx_build *build, const char *operator, snn_onnx_value a, snn_onnx_value b)
{
    return snn_onnx_build_node(build, operator, 2, (const snn_onnx_value[]){a, b});
}

snn_onnx_value snn_onnx_build_ternary(snn_onnx_build *build, const char *operator, snn_onnx_value a, snn_onnx_value b,
                                      snn_onnx_value c)
{
    return snn_onnx_build_node(build, operator, 3, (const snn_onnx_value[]){a, b, c});
}

snn_onnx_value snn_onnx_build_cast(snn_onnx_build *build, snn_onnx_value a, snn_onnx_element element)
{
    snn_onnx_value made = snn_onnx_build_unary(build, "Cast", a);
    snn_onnx_build_integer_attribute(build, "to", (int64_t)element);
    return made;
}

void snn_onnx_build_output(snn_onnx_build *build, snn_onnx_value value, const char *name, snn_onnx_element element,
                           int rank, const int64_t *dims)
{
    append(build, &build->outputs, describe(build, name, element, rank, dims));
    (void)add_node(build, "Identity", 1, &value, copy_text(build, name));
}

static Onnx__AttributeProto *add_attribute(snn_onnx_build *build, const char *name,
                                           Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *attribute = allocate(build, sizeof *attribute);
    if (build->failed) {
        return NULL;
    }
    Onnx__NodeProto *node = build->nodes.items[build->nodes.count - 1];
    onnx__attribute_proto__init(attribute);
    attribute->name = copy_text(build, name);
    attribute->has_type = true;
    attribute->type = type;
    node->attribute[node->n_attribute++] = attribute;
    return attribute;
}

void snn_onnx_build_integer_attribute(snn_onnx_build *build, const char *name, int64_t value)
{
    Onnx__AttributeProto *attribute = add_attribute(build, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (attribute != NULL) {
        attribute->has_i = true;
        attribute->i = value;
    }
}

void snn_onnx_build_integers_attribute(snn_onnx_build *build, const char *name, int count, const int64_t *values)
{
    Onnx__AttributeProto *attribute = add_attribute(build, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    if (attribute != NULL) {
        attribute->n_ints = (size_t)count;
        attribute->ints = copy(build, values, (size_t)count * sizeof *values);
    }
}

/* ---- the file ---- */

void snn_onnx_build_metadata(snn_onnx_build *build, const char *key, const char *value)
{
    Onnx__StringStringEntryProto *entry = allocate(build, sizeof *entry);
    if (entry != NULL) {
        onnx__string_string_entry_proto__init(entry);
        entry->key = copy_text(build, key);
        entry->value = copy_text(build, value);
        append(build, &build->metadata, entry);
    }
}

void snn_onnx_build_description(snn_onnx_build *build, const char *text)
{
    build->model.doc_string = copy_text(build, text);
}

snn_status snn_onnx_build_write(const snn_onnx_build *build, const char *path)
{
    if (build->failed) {
        return snn_out_of_memory("ONNX model");
    }
    Onnx__ModelProto model = build->model;
    Onnx__GraphProto graph = build->graph;
    graph.n_node = build->nodes.count;
    graph.node = (Onnx__NodeProto **)build->nodes.items;
    graph.n_input = build->inputs.count;
    graph.input = (Onnx__ValueInfoProto **)build->inputs.items;
    graph.n_output = build->outputs.count;
    graph.output = (Onnx__ValueInfoProto **)build->outputs.items;
    graph.n_initializer = build->initializers.count;
    graph.initializer = (Onnx__TensorProto **)build->initializers.items;
    model.graph = &graph;
    model.n_metadata_props = build->metadata.count;
    model.metadata_props = (Onnx__StringStringEntryProto **)build->metadata.items;

    const size_t bytes = onnx__model_proto__get_packed_size(&model);
    if (bytes > INT32_MAX) {
        return snn_fail(
            SNN_INPUT_ERROR,
            "%s: the model would have %zu bytes, an ONNX file has less than 2 GiB; export a smaller network", path,
            bytes);
    }
    uint8_t *packed = snn_allocate(bytes, 1);
    if (packed == NULL) {
        return snn_out_of_memory("ONNX model");
    }
    (void)onnx__model_proto__pack(&model, packed);
    snn_whole_file file;
    snn_status status = snn_whole_file_create(path, &file);
    if (!snn_failed(status)) {
        (void)fwrite(packed, 1, bytes, file.stream);
        status = snn_whole_file_finish(&file, status);
    }
    snn_release(packed);
    return status;
}
