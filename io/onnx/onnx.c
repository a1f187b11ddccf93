#include "io/onnx/onnx.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/onnx/name_table.h"
#include "io/onnx/onnx_functions.h"
#include "io/onnx/onnx_tensor.h"
#include "io/onnx/onnx_wire.h"

enum { MIN_OPSET = 7, MAX_OPSET = 24 };

/* A graph being made from a model. */
typedef struct importer {
    const Onnx__GraphProto *model;
    snn_onnx_files *files;
    snn_graph *graph;
    snn_name_table values; /* names to value numbers; the names are the model's */
    snn_name_table nodes;  /* names to node numbers */
} importer;

/* protobuf-c gives NULL for a text that is absent; ONNX means the same as by an empty one. */
static const char *text_of(const char *text)
{
    return text == NULL ? "" : text;
}

static snn_status copy_text(const char *text, char **copy)
{
    *copy = snn_duplicate_text(text_of(text));
    return *copy == NULL ? snn_out_of_memory("text of a model") : snn_ok();
}

static snn_status read_opset(const Onnx__ModelProto *model, int64_t *opset)
{
    *opset = 0;
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const char *domain = text_of(model->opset_import[i]->domain);
        if (domain[0] != '\0' && strcmp(domain, "ai.onnx") != 0) {
            continue;
        }
        if (*opset != 0) {
            return snn_fail(SNN_INPUT_ERROR, "two opset versions of the standard domain; export the model again");
        }
        *opset = model->opset_import[i]->version;
        if (*opset < MIN_OPSET || *opset > MAX_OPSET) {
            return snn_fail(SNN_INPUT_ERROR,
                            "opset %" PRId64 " is not supported, expected %d to %d; export it with one of these",
                            *opset, (int)MIN_OPSET, (int)MAX_OPSET);
        }
    }
    if (*opset == 0) {
        return snn_fail(
            SNN_INPUT_ERROR,
            "no opset version of the standard domain: not an ONNX file, or truncated; export or copy it again");
    }
    return snn_ok();
}

/* Adds a value of that name, without shape. `what` says what it is, for the message about a name used twice. */
static snn_status add_value(importer *import, const char *name, const char *what, int32_t *number)
{
    snn_graph *graph = import->graph;
    if (name[0] == '\0') {
        return snn_fail(SNN_INPUT_ERROR, "%s without a name", what);
    }
    if (!snn_name_table_add(&import->values, name, graph->value_count)) {
        return snn_fail(SNN_INPUT_ERROR, "%s %s: the name is used twice; export the model again", what, name);
    }
    snn_value *value = &graph->values[graph->value_count];
    value->producer = -1;
    value->tensor.rank = -1;
    SNN_TRY(copy_text(name, &value->name));
    *number = graph->value_count++;
    return snn_ok();
}

static snn_status add_weights(importer *import)
{
    const Onnx__GraphProto *model = import->model;
    if (model->n_sparse_initializer > 0) {
        return snn_fail(SNN_INPUT_ERROR, "sparse weights are not supported; export it with dense ones");
    }
    for (size_t i = 0; i < model->n_initializer; i++) {
        const char *name = text_of(model->initializer[i]->name);
        int32_t number = SNN_NO_VALUE;
        SNN_TRY(add_value(import, name, "tensor", &number));
        snn_value *value = &import->graph->values[number];
        value->constant = true;
        SNN_TRY_CONTEXT(snn_onnx_tensor(model->initializer[i], import->files, &value->tensor), "tensor %s", name);
    }
    return snn_ok();
}

/* Makes "a, b, c" for messages; what does not fit is left out. */
static void append_name(char *names, size_t bytes, const char *name)
{
    size_t used = strlen(names);
    (void)snprintf(names + used, bytes - used, "%s%s", used > 0 ? ", " : "", name);
}

/* The shape of the image input, with the batch dimension bound to 1. */
static snn_status read_input_shape(const Onnx__ValueInfoProto *info, snn_tensor *tensor)
{
    if (info->type == NULL || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ||
        info->type->tensor_type->shape == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "expected a tensor with a shape");
    }
    SNN_TRY(snn_onnx_type(info->type->tensor_type->elem_type, &tensor->type));
    if (tensor->type != SNN_TYPE_FLOAT32) {
        return snn_fail(
            SNN_INPUT_ERROR,
            "expected elements of type float; take casts out of the model: data.mean and data.std scale bytes");
    }
    const Onnx__TensorShapeProto *shape = info->type->tensor_type->shape;
    if (shape->n_dim != 4 && shape->n_dim != 2) {
        return snn_fail(SNN_INPUT_ERROR,
                        "%zu dimensions, expected 4 (batch, channels, height, width) or 2 (batch, "
                        "features)",
                        shape->n_dim);
    }
    tensor->rank = (int32_t)shape->n_dim;
    tensor->dims[0] = 1;
    for (size_t axis = 1; axis < shape->n_dim; axis++) {
        const Onnx__TensorShapeProto__Dimension *dimension = shape->dim[axis];
        if (dimension->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE) {
            bool named = dimension->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            return snn_fail(
                SNN_INPUT_ERROR,
                "dimension %zu is %s, expected a number: only the batch may be open; export it with one size of images",
                axis, named ? text_of(dimension->dim_param) : "not given");
        }
        tensor->dims[axis] = dimension->dim_value;
    }
    if (snn_tensor_elements(tensor) <= 0) {
        char description[256];
        return snn_fail(SNN_INPUT_ERROR, "%s is not a usable shape",
                        snn_tensor_describe(tensor, description, sizeof description));
    }
    return snn_ok();
}

/* Exporters before IR version 4 list weights as inputs too; what is left must be the image. */
static snn_status add_input(importer *import)
{
    const Onnx__GraphProto *model = import->model;
    char names[256] = "";
    size_t images = 0;
    const Onnx__ValueInfoProto *image = NULL;
    for (size_t i = 0; i < model->n_input; i++) {
        const char *name = text_of(model->input[i]->name);
        if (snn_name_table_find(&import->values, name) >= 0) {
            continue;
        }
        append_name(names, sizeof names, name);
        image = model->input[i];
        images++;
    }
    if (images != 1) {
        return snn_fail(SNN_INPUT_ERROR,
                        "%zu inputs (%s), expected one: the image; export it so that the others are constants", images,
                        names);
    }
    snn_graph *graph = import->graph;
    SNN_TRY(add_value(import, text_of(image->name), "input", &graph->input));
    SNN_TRY_CONTEXT(read_input_shape(image, &graph->values[graph->input].tensor), "input %s", image->name);
    return snn_ok();
}

/* Unique names: the first node of a name keeps it; one without gets its operator and number, as in "Conv_12". */
static snn_status name_nodes(importer *import)
{
    const Onnx__GraphProto *model = import->model;
    for (int32_t i = 0; i < import->graph->node_count; i++) {
        const char *given = text_of(model->node[i]->name);
        if (given[0] != '\0' && snn_name_table_add(&import->nodes, given, i)) {
            SNN_TRY(copy_text(given, &import->graph->nodes[i].name));
        }
    }
    for (int32_t i = 0; i < import->graph->node_count; i++) {
        snn_node *node = &import->graph->nodes[i];
        if (node->name != NULL) {
            continue;
        }
        const char *given = text_of(model->node[i]->name);
        const char *stem = given[0] != '\0' ? given : node->operator;
        size_t bytes = strlen(stem) + 16; /* "_" and a number */
        node->name = snn_allocate(bytes, 1);
        if (node->name == NULL) {
            return snn_out_of_memory("name of a node");
        }
        int64_t suffix = i;
        do {
            (void)snprintf(node->name, bytes, "%s_%" PRId64, stem, suffix++);
        } while (!snn_name_table_add(&import->nodes, node->name, i));
    }
    return snn_ok();
}

static snn_status add_outputs(importer *import, int32_t number)
{
    const Onnx__NodeProto *model = import->model->node[number];
    snn_node *node = &import->graph->nodes[number];
    node->outputs = snn_allocate(model->n_output, sizeof *node->outputs);
    if (node->outputs == NULL) {
        return snn_out_of_memory("outputs of a node");
    }
    node->output_count = (int32_t)model->n_output;
    for (size_t i = 0; i < model->n_output; i++) {
        node->outputs[i] = SNN_NO_VALUE;
        if (model->output[i][0] != '\0') {
            SNN_TRY(add_value(import, model->output[i], "output", &node->outputs[i]));
            import->graph->values[node->outputs[i]].producer = number;
        }
    }
    return snn_ok();
}

static snn_status add_attributes(importer *import, const Onnx__NodeProto *model, snn_node *node)
{
    node->attributes = snn_allocate(model->n_attribute, sizeof *node->attributes);
    if (node->attributes == NULL) {
        return snn_out_of_memory("attributes of a node");
    }
    for (size_t i = 0; i < model->n_attribute; i++) {
        node->attribute_count++;
        SNN_TRY(snn_onnx_attribute(model->attribute[i], import->files, &node->attributes[i]));
    }
    return snn_ok();
}

/* Everything of a node but its inputs, which may be outputs of nodes that come later in the file. */
static snn_status add_node(importer *import, int32_t number)
{
    snn_node *node = &import->graph->nodes[number];
    SNN_TRY_CONTEXT(add_outputs(import, number), "node %s (%s)", node->name, node->operator);
    SNN_TRY_CONTEXT(add_attributes(import, import->model->node[number], node), "node %s (%s)", node->name,
                    node->operator);
    return snn_ok();
}

static snn_status add_nodes(importer *import)
{
    const Onnx__GraphProto *model = import->model;
    snn_graph *graph = import->graph;
    if (model->n_node == 0) {
        return snn_fail(SNN_INPUT_ERROR, "the graph has no nodes; export the model again");
    }
    graph->nodes = snn_allocate(model->n_node, sizeof *graph->nodes);
    if (graph->nodes == NULL) {
        return snn_out_of_memory("nodes");
    }
    graph->node_count = (int32_t)model->n_node;
    for (size_t i = 0; i < model->n_node; i++) {
        snn_node *node = &graph->nodes[i];
        SNN_TRY(copy_text(model->node[i]->op_type, &node->operator));
        const char *domain = text_of(model->node[i]->domain);
        SNN_TRY(copy_text(strcmp(domain, "ai.onnx") == 0 ? "" : domain, &node->domain)); /* it has two names */
        if (node->operator[0] == '\0') {
            return snn_fail(SNN_INPUT_ERROR, "node %zu (%s) has no operator; export the model again", i,
                            text_of(model->node[i]->name));
        }
    }
    SNN_TRY(name_nodes(import));
    for (int32_t number = 0; number < graph->node_count; number++) {
        SNN_TRY(add_node(import, number));
    }
    return snn_ok();
}

static snn_status connect_node(importer *import, int32_t number)
{
    const Onnx__NodeProto *model = import->model->node[number];
    snn_node *node = &import->graph->nodes[number];
    node->inputs = snn_allocate(model->n_input, sizeof *node->inputs);
    if (node->inputs == NULL) {
        return snn_out_of_memory("inputs of a node");
    }
    node->input_count = (int32_t)model->n_input;
    for (size_t i = 0; i < model->n_input; i++) {
        const char *name = model->input[i];
        node->inputs[i] = name[0] == '\0' ? SNN_NO_VALUE : snn_name_table_find(&import->values, name);
        if (name[0] != '\0' && node->inputs[i] < 0) {
            return snn_fail(SNN_INPUT_ERROR,
                            "node %s (%s): input %s is neither the graph's input, nor a tensor, nor a node's output; "
                            "export the model again",
                            node->name, node->operator, name);
        }
    }
    return snn_ok();
}

static snn_status find_output(importer *import)
{
    const Onnx__GraphProto *model = import->model;
    if (model->n_output != 1) {
        char names[256] = "";
        for (size_t i = 0; i < model->n_output; i++) {
            append_name(names, sizeof names, text_of(model->output[i]->name));
        }
        return snn_fail(SNN_INPUT_ERROR, "%zu outputs (%s), expected one: the logits; export it with these alone",
                        model->n_output, names);
    }
    const char *name = text_of(model->output[0]->name);
    import->graph->output = snn_name_table_find(&import->values, name);
    if (import->graph->output < 0) {
        return snn_fail(SNN_INPUT_ERROR, "no node computes the output %s; export the model again", name);
    }
    return snn_ok();
}

/* Room for all values and names, so that neither grows. */
static snn_status make_room(importer *import)
{
    const Onnx__GraphProto *model = import->model;
    size_t values = model->n_initializer + 1;
    for (size_t i = 0; i < model->n_node; i++) {
        values += model->node[i]->n_output;
    }
    import->graph->values = snn_allocate(values, sizeof *import->graph->values);
    if (import->graph->values == NULL) {
        return snn_out_of_memory("values");
    }
    SNN_TRY(snn_name_table_init(&import->values, values));
    return snn_name_table_init(&import->nodes, model->n_node);
}

static snn_status fill_graph(const Onnx__ModelProto *model, snn_onnx_files *files, snn_graph *graph)
{
    if (model->graph == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "no graph: not an ONNX file, or truncated; export or copy it again");
    }
    SNN_TRY(read_opset(model, &graph->opset));
    importer import = {.model = model->graph, .files = files, .graph = graph};
    snn_status status = snn_ok();
    SNN_GOTO_DONE(status, make_room(&import));
    SNN_GOTO_DONE(status, add_weights(&import));
    SNN_GOTO_DONE(status, add_input(&import));
    SNN_GOTO_DONE(status, add_nodes(&import));
    for (int32_t number = 0; number < graph->node_count; number++) {
        SNN_GOTO_DONE(status, connect_node(&import, number));
    }
    SNN_GOTO_DONE(status, find_output(&import));
    SNN_GOTO_DONE(status, snn_graph_sort(graph));
done:
    snn_name_table_clear(&import.values);
    snn_name_table_clear(&import.nodes);
    return status;
}

snn_status snn_onnx_read(const char *path, snn_graph **graph)
{
    *graph = NULL;
    uint8_t *bytes = NULL;
    size_t count = 0;
    Onnx__ModelProto *model = NULL;
    snn_graph *made = NULL;
    snn_onnx_files files;
    memset(&files, 0, sizeof files);
    SNN_TRY(snn_onnx_load(path, &bytes, &count));
    snn_status status = snn_onnx_unpack(bytes, count, &model);
    snn_release(bytes); /* unpacking copied it all */
    if (snn_failed(status)) {
        goto done;
    }
    made = snn_allocate(1, sizeof *made);
    if (made != NULL) {
        made->source = snn_duplicate_text(path);
    }
    if (made == NULL || made->source == NULL) {
        status = snn_out_of_memory("a graph");
        goto done;
    }
    SNN_GOTO_DONE(status, snn_onnx_inline_functions(model));
    SNN_GOTO_DONE(status, snn_onnx_files_init(path, &files));
    SNN_GOTO_DONE(status, fill_graph(model, &files, made));
    made->mappings = snn_onnx_files_take(&files, &made->mapping_count);
    *graph = made;
    made = NULL;
done:
    if (model != NULL) {
        onnx__model_proto__free_unpacked(model, NULL);
    }
    snn_graph_destroy(made);
    snn_onnx_files_clear(&files);
    return snn_context(status, "%s", path);
}

snn_status snn_onnx_advise(snn_status status, const char *path)
{
    return status.code == SNN_INPUT_ERROR
               ? snn_advise(status, "snn_dist check %s lists all nodes, with cures where there are any", path)
               : status;
}

snn_status snn_onnx_open(const char *path, bool stop_at_first, snn_graph **graph)
{
    snn_graph *made = NULL;
    *graph = NULL;
    snn_status status = snn_onnx_read(path, &made);
    if (!snn_failed(status)) {
        status = snn_onnx_advise(snn_graph_infer(made, stop_at_first), path);
    }
    if (snn_failed(status)) {
        snn_graph_destroy(made);
        return status;
    }
    snn_graph_drop_ends(made);
    *graph = made;
    return snn_ok();
}
