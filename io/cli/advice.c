#include "io/cli/advice.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Refusals whose cure is known: by the operator, by a part of the reason, or by both. The first that fits is given. */
typedef struct cure {
    const char *operators; /* between blanks; NULL: any */
    const char *reason;    /* NULL: any */
    const char *advice;
} cure;

static const cure cures[] = {
    {" LSTM GRU RNN ", NULL, "recurrent layers do not convert: only networks that an image passes once"},
    {" If Loop Scan SequenceAt SequenceConstruct SplitToSequence ", NULL,
     "control flow does not convert: export with fixed shapes but the batch, so that it folds away"},
    {" NonMaxSuppression RoiAlign TopK MaxRoiPool ", NULL,
     "detection networks do not convert: export the backbone with its classifier alone"},
    {" QAttention QLinearReduceMean QLinearWhere DynamicQuantizeLSTM MatMulNBits ", NULL,
     "quantise in QDQ format: quantize_static(..., quant_format=QuantFormat.QDQ) in onnxruntime"},
    {" BatchNormalization Dropout ", NULL, "export for inference: model.eval() before torch.onnx.export"},
    {" Resize Upsample ", "antialias", "resize without antialias: interpolate(..., antialias=False)"},
    {" AveragePool ", "ceil_mode", "set ceil_mode or count_include_pad to False in the model and export again"},
    {" Conv ConvTranspose MaxPool AveragePool ", "axes",
     "only layers over two axes of an image convert: 1-D and 3-D do not"},
    {" Conv ConvTranspose MaxPool AveragePool ", "rank",
     "only layers over two axes of an image convert: 1-D and 3-D do not"},
    {NULL, "must be constant", "weights have to be constants: export with constant folding (the default of exporters)"},
    {NULL, "mask that depends", "masks have to be constants: export with fixed shapes but the batch"},
    {NULL, "indices that depend", "indices have to be constants: export with fixed shapes but the batch"},
    {NULL, "operator of the domain",
     "export again without an optimiser's fused operators, or with onnxruntime's level ORT_ENABLE_BASIC"},
    {" Where ", "its condition",
     "write the choice as an activation (Relu, LeakyRelu, Clip, Max, ...): neurons cannot choose between two values"},
    {" ReduceLogSum ReduceLogSumExp LogSoftmax ", NULL,
     "logarithms are dropped at the end of a network only: return the values before them"},
    {NULL, "no spiking neuron and no linear operator stands for",
     "no neuron has this function: replace the activation (any of Relu, Gelu, Silu, Tanh, Sigmoid, ... in the README)"},
};

static bool is_in(const char *operators, const char *name)
{
    char between[128];
    (void)snprintf(between, sizeof between, " %.120s ", name);
    return strstr(operators, between) != NULL;
}

static const char *cure_of(const snn_node *node, const char *reason)
{
    for (size_t i = 0; i < sizeof cures / sizeof cures[0]; i++) {
        if ((cures[i].operators == NULL || is_in(cures[i].operators, node->operator)) &&
            (cures[i].reason == NULL || strstr(reason, cures[i].reason) != NULL)) {
            return cures[i].advice;
        }
    }
    return NULL;
}

/* Refused only because something before it was. */
static bool is_consequence(const char *reason)
{
    return strncmp(reason, "the shape of its input", 22) == 0 || strcmp(reason, "its input has no known shape") == 0;
}

/* Whether two refused nodes are of one kind. */
static bool is_alike(const snn_graph *graph, const snn_node_report *reports, int32_t a, int32_t b)
{
    const bool behind = is_consequence(reports[a].text);
    return behind == is_consequence(reports[b].text) &&
           (behind || (strcmp(graph->nodes[a].operator, graph->nodes[b].operator) == 0 &&
                       strcmp(reports[a].text, reports[b].text) == 0));
}

void snn_advice_print_kinds(const snn_graph *graph, const snn_node_report *reports)
{
    for (int32_t n = 0; n < graph->node_count; n++) {
        int32_t count = 0;
        bool first = reports[n].verdict == SNN_VERDICT_REFUSED;
        for (int32_t other = 0; other < graph->node_count && first; other++) {
            const bool alike = reports[other].verdict == SNN_VERDICT_REFUSED && is_alike(graph, reports, n, other);
            first = !(alike && other < n);
            count += alike;
        }
        if (first && is_consequence(reports[n].text)) {
            printf("refused %4d  behind refused nodes, so without a known shape\n", count);
        } else if (first) {
            printf("refused %4d  %s: %s\n", count, graph->nodes[n].operator, reports[n].text);
        }
    }
}

const char *snn_advice_find(const snn_graph *graph, const snn_node_report *reports)
{
    for (int32_t n = 0; n < graph->node_count; n++) {
        const char *found = reports[n].verdict == SNN_VERDICT_REFUSED && !is_consequence(reports[n].text)
                                ? cure_of(&graph->nodes[n], reports[n].text)
                                : NULL;
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}
