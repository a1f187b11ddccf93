/* Models, up to a converted network: read, infer, draft, one image through the evaluator as a calibration, network.
 *
 * The first two bytes are the length of model.onnx, which follows; the rest is the data file "data.bin" beside it. */
#include "core/base/memory.h"
#include "core/convert/convert.h"
#include "fuzz.h"
#include "io/onnx/onnx.h"

/* Of all values together: more is no error, but slow to fuzz. */
enum { MOST_ELEMENTS = 1 << 18 };

static int64_t count_elements(const snn_graph *graph)
{
    int64_t elements = 0;
    for (int32_t i = 0; i < graph->value_count && elements <= MOST_ELEMENTS; i++) {
        const int64_t more = graph->values[i].tensor.rank < 0 ? 0 : snn_tensor_elements(&graph->values[i].tensor);
        elements += more < 0 ? 0 : more;
    }
    return elements;
}

static void calibrate(const snn_graph *graph, snn_draft *draft)
{
    snn_network *network = NULL;
    snn_evaluator *evaluator = NULL;
    const int64_t pixels = snn_tensor_elements(&graph->values[graph->input].tensor);
    float *image = snn_allocate((size_t)pixels, sizeof *image);
    float *maxima = snn_allocate((size_t)snn_draft_maxima_length(draft), sizeof *maxima);
    if (image == NULL || maxima == NULL) {
        fuzz_fault("no memory");
    }
    for (int64_t i = 0; i < pixels; i++) {
        image[i] = (float)(i % 17) / 8.0F - 1.0F;
    }
    snn_status status = snn_evaluator_create(graph, true, &evaluator);
    if (!snn_failed(status)) {
        status = snn_evaluator_run(evaluator, image);
    }
    if (!snn_failed(status)) {
        snn_draft_observe(draft, evaluator, maxima);
        status = snn_draft_finish(draft, maxima, 1, &network);
    }
    if (!snn_failed(status) && snn_failed(snn_network_check(network))) {
        fuzz_fault("a conversion made a network that is none");
    }
    snn_network_destroy(network);
    snn_evaluator_destroy(evaluator);
    snn_release(maxima);
    snn_release(image);
}

static void convert(const snn_graph *graph, const snn_convert_options *options)
{
    snn_draft *draft = NULL;
    snn_node_report *reports = snn_allocate((size_t)graph->node_count, sizeof *reports);
    if (reports == NULL) {
        fuzz_fault("no memory");
    }
    const snn_status status = snn_draft_create(graph, options, reports, &draft);
    if (!snn_failed(status) && draft != NULL) {
        calibrate(graph, draft);
    }
    snn_draft_destroy(draft);
    snn_release(reports);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    snn_graph *graph = NULL;
    snn_convert_options options = {.scale = SNN_SCALE_CHANNEL, .format = SNN_WEIGHTS_INT16};
    if (size < 2 || snn_failed(snn_windows_init(8, 8, 0.5, 0.25, &options.windows))) {
        return 0;
    }
    size_t model = (size_t)data[0] | (size_t)data[1] << 8;
    model = model > size - 2 ? size - 2 : model;
    (void)fuzz_file("data.bin", data + 2 + model, size - 2 - model);
    if (snn_failed(snn_onnx_open(fuzz_file("model.onnx", data + 2, model), false, &graph))) {
        return 0;
    }
    if (count_elements(graph) <= MOST_ELEMENTS) {
        convert(graph, &options);
        options = (snn_convert_options){.scale = SNN_SCALE_LAYER,
                                        .format = SNN_WEIGHTS_INT8,
                                        .maxpool = SNN_FORM_DECOMPOSED,
                                        .layernorm = SNN_FORM_DECOMPOSED,
                                        .softmax = SNN_FORM_DECOMPOSED,
                                        .attention = SNN_FORM_DECOMPOSED};
        convert(graph, &options);
    }
    snn_graph_destroy(graph);
    return 0;
}
