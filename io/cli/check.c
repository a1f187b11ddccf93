/* The verb `check`: what becomes of every node of a model, and how deep the network is. */
#include <stdio.h>

#include "core/base/memory.h"
#include "core/convert/convert.h"
#include "core/network/timing.h"
#include "io/cli/advice.h"
#include "io/cli/progress.h"
#include "io/cli/verbs.h"
#include "io/onnx/onnx.h"

static const char *const verdicts[SNN_VERDICT_COUNT] = {
    [SNN_VERDICT_UNJUDGED] = "?", [SNN_VERDICT_NEURON] = "neurons", [SNN_VERDICT_LINEAR] = "linear",
    [SNN_VERDICT_PART] = "part",  [SNN_VERDICT_FOLDED] = "folded",  [SNN_VERDICT_REFUSED] = "REFUSED",
};

static snn_status print_table(const snn_graph *graph, const snn_node_report *reports)
{
    int32_t counts[SNN_VERDICT_COUNT] = {0};
    printf("%-8s %-22s %-34s %s\n", "becomes", "operator", "node", "how");
    for (int32_t n = 0; n < graph->node_count; n++) {
        const snn_node *node = &graph->nodes[n];
        counts[reports[n].verdict]++;
        printf("%-8s %-22s %-34s %s\n", verdicts[reports[n].verdict], node->operator, node->name,
               reports[n].verdict == SNN_VERDICT_UNJUDGED ? "not judged" : reports[n].text);
    }
    printf("\n%d nodes: %d neurons, %d linear, %d part of others, %d folded, %d refused", graph->node_count,
           counts[SNN_VERDICT_NEURON], counts[SNN_VERDICT_LINEAR], counts[SNN_VERDICT_PART], counts[SNN_VERDICT_FOLDED],
           counts[SNN_VERDICT_REFUSED]);
    if (counts[SNN_VERDICT_UNJUDGED] > 0) {
        printf(", %d not judged", counts[SNN_VERDICT_UNJUDGED]);
    }
    printf("\n");
    if (counts[SNN_VERDICT_REFUSED] > 0) {
        const char *advice = snn_advice_find(graph, reports);
        snn_advice_print_kinds(graph, reports);
        printf("advice: %s\n",
               advice != NULL
                   ? advice
                   : "write the layer with operators that convert (io/README.md), or export with another opset");
    }
    return counts[SNN_VERDICT_REFUSED] == 0 ? snn_ok()
                                            : snn_fail(SNN_CHECK_FAILED, "%s: %d of %d nodes cannot be converted",
                                                       graph->source, counts[SNN_VERDICT_REFUSED], graph->node_count);
}

/* Windows whose latency is told: the steps that lose nothing on most networks, and inputs that stand still. */
enum { EXAMPLE_STEPS = 8, EXAMPLE_DELAY = 8 };

/* How deep the network is does not depend on scales, so it is made without a calibration. */
static snn_status print_depth(snn_draft *draft)
{
    snn_network *network = NULL;
    float *maxima = snn_allocate((size_t)snn_draft_maxima_length(draft), sizeof *maxima);
    snn_status status = maxima == NULL ? snn_out_of_memory("maxima") : snn_draft_finish(draft, maxima, 1, &network);
    if (!snn_failed(status)) {
        const int32_t depth = snn_network_depth(network);
        printf("depth %d: so many populations of neurons on the longest path\n", depth);
        if (depth > 0) {
            printf(
                "latency steps + delay x (depth - 1): with windows of %d steps and a delay of %d it is %d timesteps\n",
                EXAMPLE_STEPS, EXAMPLE_DELAY, snn_network_latency(network));
        }
    }
    snn_network_destroy(network);
    snn_release(maxima);
    return status;
}

/* Both read and converted, with a word on a terminal, since large models take seconds. */
static snn_status read_model(const char *path, snn_progress_mode mode, const snn_convert_options *options,
                             snn_graph **graph, snn_node_report **reports, snn_draft **draft, snn_status *drafted)
{
    snn_progress progress = snn_progress_begin("model", 1, 0, true, mode);
    progress.unit = "files";
    snn_progress_update(&progress, 0);
    snn_status status = snn_onnx_open(path, false, graph);
    if (!snn_failed(status)) {
        *reports = snn_allocate((size_t)(*graph)->node_count, sizeof **reports);
        status = *reports == NULL ? snn_out_of_memory("reports") : snn_ok();
    }
    if (!snn_failed(status)) {
        *drafted = snn_draft_create(*graph, options, *reports, draft);
    }
    if (!snn_failed(status)) {
        snn_progress_update(&progress, 1);
    }
    snn_progress_end(&progress);
    return status;
}

static snn_status check(const char *path, snn_progress_mode mode)
{
    snn_graph *graph = NULL;
    snn_draft *draft = NULL;
    snn_node_report *reports = NULL;
    snn_convert_options options = {.scale = SNN_SCALE_CHANNEL, .format = SNN_WEIGHTS_INT16};
    snn_status status = snn_ok(), drafted = snn_ok();
    SNN_GOTO_DONE(status, snn_windows_init(EXAMPLE_STEPS, EXAMPLE_DELAY, 0.5, 0.25, &options.windows));
    SNN_GOTO_DONE(status, read_model(path, mode, &options, &graph, &reports, &draft, &drafted));
    SNN_GOTO_DONE(status, print_table(graph, reports));
    SNN_GOTO_DONE(status, drafted); /* what is wrong with the model as a whole, such as an output that is no vector */
    status = print_depth(draft);
done:
    snn_release(reports);
    snn_draft_destroy(draft);
    snn_graph_destroy(graph);
    return status;
}

static snn_status check_verb(int argc, char **argv)
{
    snn_options options;
    SNN_TRY(snn_options_parse(&snn_verb_check, "g", argc, argv, &options));
    return check(options.config, options.progress);
}

static const snn_verb_option options_taken[] = {
    SNN_OPTION_PROGRESS,
    {NULL, NULL, NULL},
};

const snn_verb snn_verb_check = {
    "check",
    "check model.onnx",
    "what becomes of every node: neurons, linear operator, folded, or refused and why; depth and latency",
    options_taken,
    "exit code 0 only if every node converts, 1 otherwise",
    check_verb,
};
