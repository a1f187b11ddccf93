/* A hand-made graph converted and compared with itself: the network in the limit of exact tracking against the trained
 * network's logits, for all weight formats and scale modes. cmocka.h comes first. */
#ifndef TESTS_CONVERT_COMPARISON_H
#define TESTS_CONVERT_COMPARISON_H

#include "core/convert/convert.h"
#include "tests/core/convert/graph_builder.h"
#include "tests/core/convert/network_limit.h"
#include "tests/core/convert/spiking_run.h"

/* Ends the graph with Flatten and a matrix product to five logits. */
static inline void finish_with_classifier(builder *b, int32_t value, int64_t features)
{
    int32_t flat = NODE(b, "Flatten", value);
    int32_t weights = constant(b, 1.0f / sqrtf((float)features), DIMS(5, features));
    int32_t bias = constant(b, 0.1f, DIMS(5));
    (void)NODE(b, "Gemm", flat, weights, bias);
    with_integer(b, "transB", 1);
}

static inline int32_t convolution(builder *b, int32_t value, int64_t outputs, int64_t inputs, int64_t kernel)
{
    int32_t weights =
        constant(b, 1.7f / sqrtf((float)(inputs * kernel * kernel)), DIMS(outputs, inputs, kernel, kernel));
    int32_t bias = constant(b, 0.2f, DIMS(outputs));
    return NODE(b, "Conv", value, weights, bias);
}

typedef struct comparison {
    int32_t populations; /* found, without the readout */
    double error;        /* largest difference of logits over the images */
    double range;        /* of the logits */
    double early, late;  /* largest difference of the spiking network's logits after few and after many timesteps */
} comparison;

/* Converts the graph and compares the limit with the trained network on random images. */
static inline comparison compare(builder *b, const snn_convert_options *options)
{
    enum { IMAGES = 6 };
    snn_graph *graph = b->graph;
    snn_draft *draft = NULL;
    snn_evaluator *evaluator = NULL;
    snn_network *network = NULL;
    snn_status status = snn_graph_infer(graph, true);
    if (status.code == SNN_OK) {
        status = snn_draft_create(graph, options, NULL, &draft);
    }
    if (status.code != SNN_OK) {
        fail_msg("%s", status.message);
    }
    assert_int_equal(snn_evaluator_create(graph, true, &evaluator).code, SNN_OK);
    const snn_tensor *input = &graph->values[graph->input].tensor;
    int64_t size = snn_tensor_elements(input);
    float *images = snn_allocate((size_t)(IMAGES * size), sizeof *images);
    float *maxima = snn_allocate((size_t)snn_draft_maxima_length(draft), sizeof *maxima);
    for (int64_t i = 0; i < IMAGES * size; i++) {
        images[i] = 2.0f * builder_random(b);
    }
    for (int i = 0; i < IMAGES; i++) {
        assert_int_equal(snn_evaluator_run(evaluator, images + i * size).code, SNN_OK);
        snn_draft_observe(draft, evaluator, maxima);
    }
    status = snn_draft_finish(draft, maxima, 1, &network);
    if (status.code != SNN_OK) {
        fail_msg("%s", status.message);
    }
    comparison result = {network->population_count - 1, 0.0, 0.0, 0.0, 0.0};
    float *spiking = snn_allocate((size_t)size, sizeof *spiking);
    double *pixels = calloc((size_t)size, sizeof *pixels);
    double logits[16];
    int64_t positions = snn_shape_positions(network->input);
    for (int i = 0; i < IMAGES; i++) {
        const float *image = images + i * size;
        for (int64_t p = 0; p < positions; p++) {
            for (int32_t c = 0; c < network->input.channels; c++) {
                pixels[p * network->input.channels + c] = (double)image[c * positions + p];
                spiking[p * network->input.channels + c] = image[c * positions + p];
            }
        }
        assert_int_equal(snn_evaluator_run(evaluator, image).code, SNN_OK);
        const float *expected = snn_evaluator_value(evaluator, graph->output);
        double early[16], late[16];
        spiking_logits(network, spiking, 16, early);
        spiking_logits(network, spiking, 192, late);
        limit_logits(network, pixels, logits);
        for (int32_t k = 0; k < network->classes; k++) {
            double difference = fabs(logits[k] - (double)expected[k]);
            result.early = fmax(result.early, fabs(early[k] - (double)expected[k]));
            result.late = fmax(result.late, fabs(late[k] - (double)expected[k]));
            result.error = difference > result.error ? difference : result.error;
            result.range = fabs((double)expected[k]) > result.range ? fabs((double)expected[k]) : result.range;
        }
    }
    free(pixels);
    snn_release(spiking);
    snn_release(images);
    snn_release(maxima);
    snn_network_destroy(network);
    snn_evaluator_destroy(evaluator);
    snn_draft_destroy(draft);
    return result;
}

/* Checks all formats and scale modes, in that form of normalisation, softmax and attention; `populations` is what the
 * conversion should need. */
static inline void check_form(builder *b, snn_form form, int32_t populations)
{
    static const struct {
        snn_scale_mode scale;
        snn_weight_format format;
        double tolerance; /* of the range of the logits */
    } cases[] = {
        {SNN_SCALE_CHANNEL, SNN_WEIGHTS_FLOAT32, 1e-5},
        {SNN_SCALE_CHANNEL, SNN_WEIGHTS_INT16, 1e-3},
        {SNN_SCALE_LAYER, SNN_WEIGHTS_INT16, 1e-3},
        {SNN_SCALE_CHANNEL, SNN_WEIGHTS_INT8, 8e-2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const snn_convert_options options = {
            .scale = cases[i].scale, .format = cases[i].format, .layernorm = form, .softmax = form, .attention = form};
        comparison result = compare(b, &options);
        assert_int_equal(result.populations, populations);
        assert_true(result.range > 0.05); /* the comparison would be empty otherwise */
        /* The spiking network comes close to the trained one as time goes on; 8-bit weights leave an error of their
         * own. */
        if (cases[i].format != SNN_WEIGHTS_INT8 &&
            !(result.late <= 0.04 * result.range && result.late < 0.5 * result.early)) {
            fail_msg("case %zu: spiking logits differ by %g after 16 steps and %g after 192, of %g", i, result.early,
                     result.late, result.range);
        }
        if (!(result.error <= cases[i].tolerance * result.range)) {
            fail_msg("case %zu: logits differ by %g of %g", i, result.error, result.range);
        }
    }
}

/* The same in fused forms, for graphs that have no other; ends the graph. */
static inline void check(builder *b, int32_t populations)
{
    check_form(b, SNN_FORM_FUSED, populations);
    snn_graph_destroy(b->graph);
}

#endif
