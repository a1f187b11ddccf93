#include "node_case.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"

const char node_case_expected_name[] = "snn_expected";
const char node_case_image_name[] = "snn_image_values";

/* Of the nodes and tensors that a variant adds. */
static char image_name[] = "snn_image", shape_name[] = "snn_shape", number_name[] = "snn_number";

enum { MAX_RANK = 8 };

static snn_status read_file(const char *path, uint8_t **bytes, size_t *count)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return snn_fail(SNN_FILE_ERROR, "%s: %s", path, strerror(errno));
    }
    snn_status status = snn_ok();
    *bytes = NULL;
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0) {
        status = snn_fail(SNN_FILE_ERROR, "%s: cannot tell its size", path);
        goto done;
    }
    *count = (size_t)size;
    *bytes = snn_allocate(*count, 1);
    if (*bytes == NULL) {
        status = snn_out_of_memory("a file");
    } else if (fread(*bytes, 1, *count, file) != *count) {
        status = snn_fail(SNN_FILE_ERROR, "%s: cannot read it", path);
    }
done:
    (void)fclose(file);
    return status;
}

/* Tensor `number` of that kind ("input", "output") of a data set. */
static snn_status read_tensor(const char *folder, int set, const char *kind, size_t number, Onnx__TensorProto **tensor)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/test_data_set_%d/%s_%zu.pb", folder, set, kind, number);
    uint8_t *bytes = NULL;
    size_t count = 0;
    snn_status status = read_file(path, &bytes, &count);
    if (status.code == SNN_OK) {
        *tensor = onnx__tensor_proto__unpack(NULL, count, bytes);
        if (*tensor == NULL) {
            status = snn_fail(SNN_CHECK_FAILED, "%s %zu is no tensor", kind, number);
        }
    }
    snn_release(bytes);
    return status;
}

static bool is_tensor(const Onnx__ValueInfoProto *info)
{
    return info->type != NULL && info->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
}

static snn_status read_tensors(const char *folder, int set, const char *kind, Onnx__ValueInfoProto *const *infos,
                               size_t count, Onnx__TensorProto **tensors)
{
    if (count > NODE_CASE_TENSORS) {
        return snn_fail(SNN_CHECK_FAILED, "more %ss than this program has room for", kind);
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_tensor(infos[i])) {
            return snn_fail(SNN_CHECK_FAILED, "%s %zu is no tensor", kind, i);
        }
        SNN_TRY(read_tensor(folder, set, kind, i, &tensors[i]));
    }
    return snn_ok();
}

snn_status node_case_read(const char *folder, int set, node_case *test)
{
    char path[1024];
    uint8_t *bytes = NULL;
    size_t count = 0;
    *test = (node_case){0};
    (void)snprintf(path, sizeof path, "%s/model.onnx", folder);
    snn_status status = read_file(path, &bytes, &count);
    test->model = status.code == SNN_OK ? onnx__model_proto__unpack(NULL, count, bytes) : NULL;
    snn_release(bytes);
    SNN_TRY(status);
    if (test->model == NULL || test->model->graph == NULL) {
        return snn_fail(SNN_FILE_ERROR, "%s: not an ONNX model", path);
    }
    const Onnx__GraphProto *graph = test->model->graph;
    SNN_TRY(read_tensors(folder, set, "input", graph->input, graph->n_input, test->inputs));
    return read_tensors(folder, set, "output", graph->output, graph->n_output, test->outputs);
}

static int64_t elements_of(const Onnx__TensorProto *tensor)
{
    int64_t elements = 1;
    for (size_t axis = 0; axis < tensor->n_dims; axis++) {
        elements *= tensor->dims[axis];
    }
    return elements;
}

static bool is_real(const Onnx__TensorProto *tensor)
{
    return tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT ||
           tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE ||
           tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16 ||
           tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16;
}

int node_case_image(const node_case *test)
{
    for (size_t i = 0; i < test->model->graph->n_input; i++) {
        const Onnx__TensorProto *input = test->inputs[i];
        if (is_real(input) && elements_of(input) > 0 && input->n_dims <= MAX_RANK) {
            return (int)i;
        }
    }
    return NODE_CASE_ALL_FOLD;
}

static snn_status write_model(const Onnx__ModelProto *model, const char *path)
{
    size_t count = onnx__model_proto__get_packed_size(model);
    uint8_t *bytes = snn_allocate(count, 1);
    FILE *file = fopen(path, "wb");
    snn_status status = snn_ok();
    if (bytes == NULL) {
        status = snn_out_of_memory("a model");
    } else if (file == NULL || fwrite(bytes, 1, onnx__model_proto__pack(model, bytes), file) != count) {
        status = snn_fail(SNN_FILE_ERROR, "%s: cannot write it: %s", path, strerror(errno));
    }
    if (file != NULL && fclose(file) != 0 && status.code == SNN_OK) {
        status = snn_fail(SNN_FILE_ERROR, "%s: cannot write it: %s", path, strerror(errno));
    }
    snn_release(bytes);
    return status;
}

/* float[1, elements]: the graph input of a variant, with what it points to. */
typedef struct image_info {
    Onnx__ValueInfoProto info;
    Onnx__TypeProto type;
    Onnx__TypeProto__Tensor tensor;
    Onnx__TensorShapeProto shape;
    Onnx__TensorShapeProto__Dimension dims[2], *dim_list[2];
} image_info;

static void init_image(image_info *image, int64_t elements)
{
    onnx__value_info_proto__init(&image->info);
    onnx__type_proto__init(&image->type);
    onnx__type_proto__tensor__init(&image->tensor);
    onnx__tensor_shape_proto__init(&image->shape);
    for (int axis = 0; axis < 2; axis++) {
        onnx__tensor_shape_proto__dimension__init(&image->dims[axis]);
        image->dims[axis].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        image->dims[axis].dim_value = axis == 0 ? 1 : elements;
        image->dim_list[axis] = &image->dims[axis];
    }
    image->info.name = image_name;
    image->info.type = &image->type;
    image->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    image->type.tensor_type = &image->tensor;
    image->tensor.has_elem_type = 1;
    image->tensor.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    image->tensor.shape = &image->shape;
    image->shape.n_dim = 2;
    image->shape.dim = image->dim_list;
}

/* Reshape of the image into what the model reads, before its nodes. */
typedef struct image_reader {
    Onnx__NodeProto node;
    Onnx__TensorProto shape;
    char *inputs[2], *outputs[1];
    int64_t rank;
} image_reader;

static void init_reader(image_reader *reader, const Onnx__TensorProto *input, char *name)
{
    onnx__node_proto__init(&reader->node);
    onnx__tensor_proto__init(&reader->shape);
    reader->rank = (int64_t)input->n_dims;
    reader->shape.name = shape_name;
    reader->shape.has_data_type = 1;
    reader->shape.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    reader->shape.n_dims = 1;
    reader->shape.dims = &reader->rank;
    reader->shape.n_int64_data = input->n_dims;
    reader->shape.int64_data = input->dims;
    reader->inputs[0] = image_name;
    reader->inputs[1] = shape_name;
    reader->outputs[0] = name;
    reader->node.op_type = "Reshape";
    reader->node.n_input = 2;
    reader->node.input = reader->inputs;
    reader->node.n_output = 1;
    reader->node.output = reader->outputs;
}

/* Cast of the model's output to float, behind its nodes: an evaluator gives no other values. */
typedef struct output_cast {
    Onnx__NodeProto node;
    Onnx__AttributeProto to, *attributes[1];
    Onnx__ValueInfoProto info;
    char *inputs[1], *outputs[1];
} output_cast;

static void init_cast(output_cast *cast, char *name)
{
    onnx__node_proto__init(&cast->node);
    onnx__attribute_proto__init(&cast->to);
    onnx__value_info_proto__init(&cast->info);
    cast->to.name = "to";
    cast->to.has_type = cast->to.has_i = 1;
    cast->to.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    cast->to.i = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    cast->attributes[0] = &cast->to;
    cast->inputs[0] = name;
    cast->outputs[0] = number_name;
    cast->info.name = number_name;
    cast->node.op_type = "Cast";
    cast->node.n_attribute = 1;
    cast->node.attribute = cast->attributes;
    cast->node.n_input = cast->node.n_output = 1;
    cast->node.input = cast->inputs;
    cast->node.output = cast->outputs;
}

/* A model that is made of a case: its lists are owned, what they point to is the case's or in here. */
typedef struct variant {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__ValueInfoProto *inputs[1], *outputs[1];
    Onnx__TensorProto named[NODE_CASE_TENSORS + 2]; /* fed inputs under the names that the graph gives them, and what
                                                       the comparison needs */
    size_t named_count;
    image_info image;
    image_reader reader;
    output_cast cast;
} variant;

static void add_weight(variant *made, const Onnx__TensorProto *tensor, const char *name)
{
    Onnx__TensorProto *named = &made->named[made->named_count++];
    *named = *tensor;
    named->name = (char *)name;
    made->graph.initializer[made->graph.n_initializer++] = named;
}

/* The input is the image in another shape. */
static void add_reader(variant *made, const Onnx__TensorProto *input, char *name)
{
    init_image(&made->image, elements_of(input));
    init_reader(&made->reader, input, name);
    made->graph.node[made->graph.n_node++] = &made->reader.node;
    made->graph.initializer[made->graph.n_initializer++] = &made->reader.shape;
    add_weight(made, input, node_case_image_name);
}

static void add_cast(variant *made, char *name)
{
    init_cast(&made->cast, name);
    made->graph.node[made->graph.n_node++] = &made->cast.node;
    made->outputs[0] = &made->cast.info;
}

static void fill_variant(const node_case *test, int image, size_t output, variant *made)
{
    const Onnx__GraphProto *given = test->model->graph;
    for (size_t i = 0; i < given->n_initializer; i++) {
        made->graph.initializer[made->graph.n_initializer++] = given->initializer[i];
    }
    init_image(&made->image, 1);
    for (size_t i = 0; i < given->n_input; i++) {
        if ((int)i == image) {
            add_reader(made, test->inputs[i], given->input[i]->name);
        } else {
            add_weight(made, test->inputs[i], given->input[i]->name);
        }
    }
    add_weight(made, test->outputs[output], node_case_expected_name);
    for (size_t i = 0; i < given->n_node; i++) {
        made->graph.node[made->graph.n_node++] = given->node[i];
    }
    if (image != NODE_CASE_ALL_FOLD && !is_real(test->outputs[output])) {
        add_cast(made, given->output[output]->name);
    }
}

snn_status node_case_write(const node_case *test, int image, size_t output, const char *path)
{
    const Onnx__GraphProto *given = test->model->graph;
    variant made = {.model = *test->model, .graph = *given};
    made.model.graph = &made.graph;
    made.inputs[0] = &made.image.info;
    made.outputs[0] = given->output[output];
    made.graph.input = made.inputs;
    made.graph.output = made.outputs;
    made.graph.n_input = made.graph.n_output = 1;
    made.graph.n_node = made.graph.n_initializer = 0;
    made.graph.node = snn_allocate(given->n_node + 2, sizeof(Onnx__NodeProto *));
    made.graph.initializer = snn_allocate(given->n_initializer + given->n_input + 3, sizeof(Onnx__TensorProto *));
    snn_status status = snn_ok();
    if (made.graph.node == NULL || made.graph.initializer == NULL) {
        status = snn_out_of_memory("a model");
    } else {
        fill_variant(test, image, output, &made);
        status = write_model(&made.model, path);
    }
    snn_release(made.graph.node);
    snn_release(made.graph.initializer);
    return status;
}

void node_case_clear(node_case *test)
{
    for (int i = 0; i < NODE_CASE_TENSORS; i++) {
        if (test->inputs[i] != NULL) {
            onnx__tensor_proto__free_unpacked(test->inputs[i], NULL);
        }
        if (test->outputs[i] != NULL) {
            onnx__tensor_proto__free_unpacked(test->outputs[i], NULL);
        }
    }
    if (test->model != NULL) {
        onnx__model_proto__free_unpacked(test->model, NULL);
    }
    *test = (node_case){0};
}
