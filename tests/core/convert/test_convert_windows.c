/* What conversion chooses for windows: units, scales, resting states, depths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/convert/convert.h"
#include "core/network/timing.h"
#include "tests/core/convert/graph_builder.h"

enum { CHANNELS = 3, PIXELS = 4, ELEMENTS = CHANNELS * PIXELS };

/* Relu, read by a Tanh, read by a Sigmoid: positive, of both signs, positive; converted on a few images. */
typedef struct converted {
    snn_network *network;
    float *maxima; /* channels of all populations in order: the largest magnitudes, then the largest -values */
    int64_t channels;
} converted;

static void must(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

/* `images`: as many as the maxima are said to be of. */
static converted convert(const snn_windows *windows, int64_t images)
{
    const snn_convert_options options = {.format = SNN_WEIGHTS_INT16, .windows = *windows};
    converted made = {NULL, NULL, 0};
    snn_draft *draft = NULL;
    snn_evaluator *evaluator = NULL;
    builder b = builder_begin(DIMS(1, CHANNELS, 2, 2));
    int32_t relu = NODE(&b, "Relu", 0);
    int32_t tanh_of = NODE(&b, "Tanh", NODE(&b, "Sub", relu, scalar(&b, 0.5f)));
    int32_t sigmoid = NODE(&b, "Sigmoid", tanh_of);
    (void)NODE(&b, "Reshape", sigmoid, integers(&b, 2, (int64_t[]){1, ELEMENTS}));
    must(snn_graph_infer(b.graph, true));
    must(snn_draft_create(b.graph, &options, NULL, &draft));
    must(snn_evaluator_create(b.graph, true, &evaluator));
    made.maxima = snn_allocate((size_t)snn_draft_maxima_length(draft), sizeof *made.maxima);
    for (int i = 0; i < 5; i++) {
        float image[ELEMENTS];
        for (int k = 0; k < ELEMENTS; k++) {
            image[k] = builder_random(&b) * (float)(1 + k / PIXELS);
        }
        must(snn_evaluator_run(evaluator, image));
        snn_draft_observe(draft, evaluator, made.maxima);
    }
    made.channels = snn_draft_channels(draft);
    must(snn_draft_finish(draft, made.maxima, images, &made.network));
    snn_evaluator_destroy(evaluator);
    snn_draft_destroy(draft);
    snn_graph_destroy(b.graph);
    return made;
}

static void convert_end(converted *made)
{
    snn_network_destroy(made->network);
    snn_release(made->maxima);
}

static void expect_near(double found, double expected, double allowed)
{
    if (!(fabs(found - expected) <= allowed)) {
        fail_msg("%g, expected %g within %g", found, expected, allowed);
    }
}

/* The range of a channel of `population` (Relu, Tanh, Sigmoid): what was seen and the margin, no further than the
 * function goes if nothing moves while it fires. */
static void expected_range(const snn_windows *windows, int32_t population, double largest, double negative, double *low,
                           double *high)
{
    static const double ends[3][2] = {{0.0, INFINITY}, {-1.0, 1.0}, {0.0, 1.0}};
    *low = -negative - windows->margin * largest;
    *high = largest + windows->margin * largest;
    if (windows->delay >= windows->steps - 1) {
        *low = fmax(*low, ends[population][0]);
        *high = fmin(*high, ends[population][1]);
    }
}

/* y goes from one end of the channel's range to the other; the resting state is the middle, but for what makes 0 a
 * code. The maxima are said to be of so many images that nothing is added for their being few. */
static void windows_reach_as_far_as_calibration_and_margin(void **state)
{
    (void)state;
    static const struct {
        int32_t steps, delay;
        double ratio, margin;
    } cases[] = {{8, 2, 0.5, 0.25}, {8, 8, 0.5, 0.25}, {6, 5, 0.6, 0.0}, {12, 1, 0.7, 1.0}, {3, 0, 0.5, 0.1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snn_windows windows;
        must(snn_windows_init(cases[i].steps, cases[i].delay, cases[i].ratio, cases[i].margin, &windows));
        converted made = convert(&windows, 1 << 20);
        const snn_network *network = made.network;
        const int32_t reach = snn_windows_reach(&windows);
        const float *maxima = made.maxima;
        assert_memory_equal(&network->windows, &windows, sizeof windows);
        assert_int_equal(network->population_count, 4);
        for (int32_t p = 0; p < 3; p++, maxima += CHANNELS) {
            const snn_population *population = &network->populations[p];
            double units = 0.0;
            assert_int_equal(population->depth, p);
            for (int32_t c = 0; c < CHANNELS; c++) {
                const double largest = (double)maxima[c];
                double low, high;
                expected_range(&windows, p, largest, (double)maxima[made.channels + c], &low, &high);
                const double unit = (high - low) / (2.0 * reach);
                expect_near((double)population->scale[c], unit, 1e-6);
                expect_near(population->rest[c], (high + low) / 2.0 / unit, windows.magnitude[0]);
                int32_t y = population->rest[c];
                for (int32_t j = 0; j < windows.steps; j++) {
                    y += y >= 0 ? -windows.magnitude[j] : windows.magnitude[j];
                }
                assert_int_equal(y, 0);
                units += unit / largest / CHANNELS;
            }
            expect_near((double)population->unit, units, 1e-6);
        }
        const snn_population *readout = &network->populations[3];
        assert_null(readout->rest);
        assert_int_equal(readout->depth, 3);
        assert_int_equal(snn_network_latency(network), cases[i].steps + 2 * cases[i].delay);
        convert_end(&made);
    }
}

/* The largest of few values is soon passed. */
static void few_images_ask_for_more_room(void **state)
{
    (void)state;
    static const int64_t images[] = {1 << 20, 1000, 30, 3};
    snn_windows windows;
    double before = 0.0;
    must(snn_windows_init(8, 8, 0.5, 0.25, &windows));
    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) {
        converted made = convert(&windows, images[i]);
        const double scale = (double)made.network->populations[0].scale[0];
        assert_true(scale > before);
        before = scale;
        convert_end(&made);
    }
}

/* Without windows there are no resting states, and a scale is the largest value. */
static void synchronous_networks_have_none(void **state)
{
    (void)state;
    snn_windows none;
    must(snn_windows_init(0, 0, 0.5, 0.0, &none));
    converted made = convert(&none, 5);
    for (int32_t p = 0; p < 4; p++) {
        assert_null(made.network->populations[p].rest);
        assert_true(made.network->populations[p].unit == 0.0f);
        for (int32_t c = 0; c < CHANNELS && p < 3; c++) {
            assert_true(made.network->populations[p].scale[c] == made.maxima[p * CHANNELS + c]);
        }
    }
    for (int32_t i = 0; i < made.network->projection_count; i++) {
        assert_int_equal(made.network->projections[i].shift, 0);
    }
    convert_end(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_reach_as_far_as_calibration_and_margin),
        cmocka_unit_test(few_images_ask_for_more_room),
        cmocka_unit_test(synchronous_networks_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
