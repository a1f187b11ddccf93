#include "io/onnx/onnx_functions.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEEPEST = 64,              /* functions within each other */
    MOST_NODES = 1 << 20,      /* a claim beyond it is damage, not a network */
    ATTRIBUTES_WITH_VALUE = 11 /* the field of a function's attributes with defaults, unknown to older onnx.proto */
};

/* The model's nodes with functions written out. Messages are protobuf-c's own: allocated with malloc. */
typedef struct expansion {
    const Onnx__ModelProto *model;
    Onnx__NodeProto **nodes; /* [count] */
    size_t count, room, calls;
} expansion;

static const char *text_of(const char *text)
{
    return text == NULL ? "" : text;
}

static bool is_standard(const char *domain)
{
    return domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0;
}

static const Onnx__FunctionProto *function_of(const Onnx__ModelProto *model, const Onnx__NodeProto *node)
{
    for (size_t i = 0; i < model->n_functions; i++) {
        const Onnx__FunctionProto *function = model->functions[i];
        if (strcmp(text_of(function->name), text_of(node->op_type)) == 0 &&
            strcmp(text_of(function->domain), text_of(node->domain)) == 0) {
            return function;
        }
    }
    return NULL;
}

/* The version of the standard domain; 0: none. */
static int64_t standard_opset(Onnx__OperatorSetIdProto *const *imports, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_standard(text_of(imports[i]->domain))) {
            return imports[i]->version;
        }
    }
    return 0;
}

static snn_status replace_text(char **text, const char *first, const char *separator, const char *second)
{
    const size_t bytes = strlen(first) + strlen(separator) + strlen(second) + 1;
    char *made = malloc(bytes);
    if (made == NULL) {
        return snn_out_of_memory("names of a function");
    }
    (void)snprintf(made, bytes, "%s%s%s", first, separator, second);
    free(*text);
    *text = made;
    return snn_ok();
}

static snn_status copy_message(const ProtobufCMessage *message, ProtobufCMessage **copy)
{
    const size_t bytes = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(bytes > 0 ? bytes : 1);
    *copy = NULL;
    if (packed != NULL) {
        (void)protobuf_c_message_pack(message, packed);
        *copy = protobuf_c_message_unpack(message->descriptor, NULL, bytes, packed);
    }
    free(packed);
    return *copy != NULL ? snn_ok() : snn_out_of_memory("nodes of a function");
}

/* ---- names ---- */

/* What a value of the function is called where it is called: the caller's input or output, or the function's own name
 * behind that of the call. */
static snn_status rename_value(const Onnx__FunctionProto *function, const Onnx__NodeProto *call, const char *prefix,
                               char **name)
{
    for (size_t i = 0; i < function->n_input; i++) {
        if (strcmp(function->input[i], *name) == 0) {
            return replace_text(name, i < call->n_input ? call->input[i] : "", "", "");
        }
    }
    for (size_t i = 0; i < function->n_output; i++) {
        if (strcmp(function->output[i], *name) == 0 && i < call->n_output && call->output[i][0] != '\0') {
            return replace_text(name, call->output[i], "", "");
        }
    }
    return (*name)[0] == '\0' ? snn_ok() : replace_text(name, prefix, "/", *name);
}

static snn_status rename_node(const Onnx__FunctionProto *function, const Onnx__NodeProto *call, const char *prefix,
                              Onnx__NodeProto *node)
{
    for (size_t i = 0; i < node->n_input; i++) {
        SNN_TRY(rename_value(function, call, prefix, &node->input[i]));
    }
    for (size_t i = 0; i < node->n_output; i++) {
        SNN_TRY(rename_value(function, call, prefix, &node->output[i]));
    }
    const char *own = text_of(node->name);
    return replace_text(&node->name, prefix, "/", own[0] != '\0' ? own : text_of(node->op_type));
}

/* ---- attributes ---- */

static const Onnx__AttributeProto *given_attribute(const Onnx__NodeProto *call, const char *name)
{
    for (size_t i = 0; i < call->n_attribute; i++) {
        if (strcmp(text_of(call->attribute[i]->name), name) == 0) {
            return call->attribute[i];
        }
    }
    return NULL;
}

/* The function's default for that attribute, for onnx__attribute_proto__free_unpacked; NULL: none. */
static Onnx__AttributeProto *default_attribute(const Onnx__FunctionProto *function, const char *name)
{
    for (unsigned i = 0; i < function->base.n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &function->base.unknown_fields[i];
        if (field->tag != ATTRIBUTES_WITH_VALUE || field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
            continue;
        }
        size_t prefix = 0; /* the length, in bytes of seven bits */
        while (prefix < field->len && (field->data[prefix] & 0x80) != 0) {
            prefix++;
        }
        prefix++;
        Onnx__AttributeProto *found =
            prefix > field->len ? NULL : onnx__attribute_proto__unpack(NULL, field->len - prefix, field->data + prefix);
        if (found != NULL && strcmp(text_of(found->name), name) == 0) {
            return found;
        }
        if (found != NULL) {
            onnx__attribute_proto__free_unpacked(found, NULL);
        }
    }
    return NULL;
}

/* What an attribute that refers to one of the function's stands for: *bound is NULL if it was left out. */
static snn_status bind_attribute(const Onnx__FunctionProto *function, const Onnx__NodeProto *call,
                                 const Onnx__AttributeProto *reference, Onnx__AttributeProto **bound)
{
    const Onnx__AttributeProto *given = given_attribute(call, reference->ref_attr_name);
    *bound = NULL;
    if (given != NULL) {
        ProtobufCMessage *copy = NULL;
        SNN_TRY(copy_message(&given->base, &copy));
        *bound = (Onnx__AttributeProto *)copy;
    } else {
        *bound = default_attribute(function, reference->ref_attr_name);
    }
    if (*bound == NULL) {
        return snn_ok();
    }
    snn_status status = replace_text(&(*bound)->name, text_of(reference->name), "", "");
    if (snn_failed(status)) {
        onnx__attribute_proto__free_unpacked(*bound, NULL);
        *bound = NULL;
    }
    return status;
}

static snn_status bind_attributes(const Onnx__FunctionProto *function, const Onnx__NodeProto *call,
                                  Onnx__NodeProto *node)
{
    size_t kept = 0;
    snn_status status = snn_ok();
    for (size_t i = 0; i < node->n_attribute; i++) {
        Onnx__AttributeProto *attribute = node->attribute[i];
        if (!snn_failed(status) && text_of(attribute->ref_attr_name)[0] != '\0') {
            Onnx__AttributeProto *bound = NULL;
            status = bind_attribute(function, call, attribute, &bound);
            onnx__attribute_proto__free_unpacked(attribute, NULL);
            attribute = bound;
        }
        if (attribute != NULL) {
            node->attribute[kept++] = attribute;
        }
    }
    node->n_attribute = kept;
    return status;
}

/* ---- writing out ---- */

/* Takes the node. */
static snn_status push(expansion *all, Onnx__NodeProto *node)
{
    snn_status status = snn_ok();
    if (all->count == MOST_NODES) {
        status =
            snn_fail(SNN_INPUT_ERROR, "more than %d nodes once functions are written out; export it without functions",
                     (int)MOST_NODES);
    } else if (all->count == all->room) {
        const size_t room = all->room == 0 ? 64 : 2 * all->room;
        Onnx__NodeProto **nodes = realloc(all->nodes, room * sizeof(Onnx__NodeProto *));
        all->nodes = nodes != NULL ? nodes : all->nodes;
        all->room = nodes != NULL ? room : all->room;
        status = nodes != NULL ? snn_ok() : snn_out_of_memory("nodes of functions");
    }
    if (snn_failed(status)) {
        onnx__node_proto__free_unpacked(node, NULL);
    } else {
        all->nodes[all->count++] = node;
    }
    return status;
}

static snn_status expand(expansion *all, Onnx__NodeProto *node, int depth);

/* Writes out one node of the function. */
static snn_status expand_inner(expansion *all, const Onnx__FunctionProto *function, const Onnx__NodeProto *call,
                               const char *prefix, size_t number, int depth)
{
    ProtobufCMessage *copy = NULL;
    SNN_TRY(copy_message(&function->node[number]->base, &copy));
    Onnx__NodeProto *node = (Onnx__NodeProto *)copy;
    snn_status status = bind_attributes(function, call, node);
    if (!snn_failed(status)) {
        status = rename_node(function, call, prefix, node);
    }
    if (snn_failed(status)) {
        onnx__node_proto__free_unpacked(node, NULL);
        return status;
    }
    return expand(all, node, depth + 1);
}

/* Takes the node: the nodes of its function, or itself. */
static snn_status expand(expansion *all, Onnx__NodeProto *node, int depth)
{
    const Onnx__FunctionProto *function = function_of(all->model, node);
    if (function == NULL) {
        return push(all, node);
    }
    char *prefix = NULL;
    snn_status status = snn_ok();
    const int64_t opset = standard_opset(function->opset_import, function->n_opset_import);
    const int64_t expected = standard_opset(all->model->opset_import, all->model->n_opset_import);
    if (++all->calls > MOST_NODES) {
        status =
            snn_fail(SNN_INPUT_ERROR, "more than %d calls of functions; export it without functions", (int)MOST_NODES);
    } else if (depth > DEEPEST) {
        status = snn_fail(SNN_INPUT_ERROR,
                          "function %s: more than %d functions within each other; export it without functions",
                          text_of(function->name), (int)DEEPEST);
    } else if (opset != 0 && expected != 0 && opset != expected) {
        status = snn_fail(SNN_INPUT_ERROR,
                          "function %s is of opset %" PRId64 ", the model of %" PRId64 "; export it without functions",
                          text_of(function->name), opset, expected);
    } else if (text_of(node->name)[0] != '\0') {
        status = replace_text(&prefix, node->name, "", "");
    } else {
        char number[32];
        (void)snprintf(number, sizeof number, "_%zu", all->count);
        status = replace_text(&prefix, text_of(function->name), number, "");
    }
    for (size_t i = 0; i < function->n_node && !snn_failed(status); i++) {
        status = expand_inner(all, function, node, prefix, i, depth);
    }
    free(prefix);
    onnx__node_proto__free_unpacked(node, NULL);
    return status;
}

snn_status snn_onnx_inline_functions(Onnx__ModelProto *model)
{
    Onnx__GraphProto *graph = model->graph;
    if (graph == NULL || model->n_functions == 0) {
        return snn_ok();
    }
    expansion all = {.model = model};
    snn_status status = snn_ok();
    for (size_t i = 0; i < graph->n_node && !snn_failed(status); i++) {
        Onnx__NodeProto *node = graph->node[i];
        graph->node[i] = NULL; /* protobuf-c frees what is left */
        status = expand(&all, node, 0);
    }
    if (snn_failed(status)) {
        for (size_t i = 0; i < all.count; i++) {
            onnx__node_proto__free_unpacked(all.nodes[i], NULL);
        }
        free(all.nodes);
        return status;
    }
    free(graph->node);
    graph->node = all.nodes;
    graph->n_node = all.count;
    return snn_ok();
}
