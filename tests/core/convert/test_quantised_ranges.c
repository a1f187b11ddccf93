/* Ranges of activations that a model quantises: calibrated as all others, or the model's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/convert/convert.h"
#include "tests/core/convert/graph_builder.h"
#include "tests/core/convert/spiking_run.h"

enum { FEATURES = 6, STEPS = 8, LEVELS = 255 };

static void must(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

static int32_t small_integer(builder *b, snn_type type, int number)
{
    int32_t v = builder_value(b, "zero");
    snn_tensor *tensor = &b->graph->values[v].tensor;
    tensor->type = type;
    b->graph->values[v].constant = true;
    must(snn_tensor_allocate(tensor));
    *(unsigned char *)tensor->data = (unsigned char)number;
    return v;
}

static int32_t quantised(builder *b, int32_t x, float unit, snn_type type, int zero)
{
    int32_t scale = scalar(b, unit), point = small_integer(b, type, zero);
    return NODE(b, "DequantizeLinear", NODE(b, "QuantizeLinear", x, scale, point), scale, point);
}

/* A range of -1 to 255 / 64 - 1 behind a Tanh; then one of 0 to 255 / 128, which stands for a ReLU. */
static builder network_of_two(void)
{
    builder b = builder_begin(DIMS(1, FEATURES));
    int32_t x = quantised(&b, NODE(&b, "Tanh", 0), 1.0f / 64.0f, SNN_TYPE_UINT8, 64);
    (void)quantised(&b, NODE(&b, "Mul", x, scalar(&b, 2.0f)), 1.0f / 128.0f, SNN_TYPE_INT8, -128);
    must(snn_graph_infer(b.graph, true));
    return b;
}

/* As if every channel had reached `largest` on one image. */
static snn_network *convert(const builder *b, snn_range_source ranges, float largest)
{
    snn_convert_options options = {.format = SNN_WEIGHTS_INT16, .ranges = ranges};
    snn_network *network = NULL;
    snn_draft *draft = NULL;
    must(snn_windows_init(STEPS, STEPS, 0.5, 0.25, &options.windows));
    must(snn_draft_create(b->graph, &options, NULL, &draft));
    float *maxima = snn_allocate((size_t)snn_draft_maxima_length(draft), sizeof *maxima);
    for (int64_t i = 0; i < snn_draft_maxima_length(draft); i++) {
        maxima[i] = largest;
    }
    must(snn_draft_finish(draft, maxima, 1, &network));
    snn_release(maxima);
    snn_draft_destroy(draft);
    return network;
}

static void test_calibrated(void **state)
{
    (void)state;
    builder b = network_of_two();
    snn_network *narrow = convert(&b, SNN_RANGES_CALIBRATED, 0.5f), *wide = convert(&b, SNN_RANGES_CALIBRATED, 0.9f);
    assert_int_equal(narrow->population_count, 3);
    assert_int_equal(narrow->populations[1].kind, SNN_NEURON_CLIP);
    assert_true(narrow->populations[1].scale[0] < wide->populations[1].scale[0]);
    snn_network_destroy(narrow);
    snn_network_destroy(wide);
    snn_graph_destroy(b.graph);
}

/* As many codes as the model has levels: so the windows answer as the quantised network does, whatever was calibrated.
 */
static void test_of_the_model(void **state)
{
    (void)state;
    builder b = network_of_two();
    snn_evaluator *evaluator = NULL;
    must(snn_evaluator_create(b.graph, true, &evaluator));
    for (int i = 0; i < 2; i++) {
        snn_network *network = convert(&b, SNN_RANGES_QUANTISED, i == 0 ? 0.01f : 100.0f);
        for (int c = 0; c < FEATURES; c++) {
            assert_float_equal(network->populations[0].scale[c], 1.0f / LEVELS, 1e-6f); /* Tanh ends at 1 */
            assert_float_equal(network->populations[1].scale[c], 0.5f / 128.0f, 1e-6f); /* codes are 2 units apart */
        }
        for (int image = 0; image < 20; image++) {
            float x[FEATURES];
            double found[FEATURES];
            for (int c = 0; c < FEATURES; c++) {
                x[c] = 2.0f * builder_random(&b);
            }
            must(snn_evaluator_run(evaluator, x));
            spiking_logits(network, x, 0, found);
            const float *expected = snn_evaluator_value(evaluator, b.graph->output);
            for (int c = 0; c < FEATURES; c++) {
                assert_true(fabs(found[c] - (double)expected[c]) < 0.04); /* a level of the first, twice, and some */
            }
        }
        snn_network_destroy(network);
    }
    snn_evaluator_destroy(evaluator);
    snn_graph_destroy(b.graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calibrated),
        cmocka_unit_test(test_of_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
