/* What bench measures and how it sums up; never how fast anything is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels/peak.h"
#include "io/lab/bench/layers.h"
#include "io/lab/bench/measure.h"
#include "io/lab/bench/workload.h"

/* A contestant whose seconds are written down. */
typedef struct script {
    const double *seconds;
    int32_t count, next;
} script;

static snn_status run_script(void *context, double *seconds)
{
    script *at = context;
    assert_true(at->next < at->count);
    *seconds = at->seconds[at->next++];
    return snn_ok();
}

static void sums_up_exactly(void **state)
{
    (void)state;
    /* Long runs count at once, but for the first; 1 + 4 + 2 + 5 + 3 >= 15 ends it. */
    const double slow[] = {9.0, 1.0, 4.0, 2.0, 5.0, 3.0};
    /* Short runs count every other time, three times at least. */
    const double fast[] = {9.0, 0.004, 9.0, 0.001, 9.0, 0.002};
    script scripts[] = {{slow, 6, 0}, {fast, 6, 0}};
    const snn_contestant contestants[] = {{run_script, &scripts[0]}, {run_script, &scripts[1]}};
    snn_run_times timings[2];
    assert_int_equal(snn_measure(contestants, 1, 15.0, timings).code, SNN_OK);
    assert_int_equal(timings[0].samples, 5);
    assert_true(timings[0].minimum == 1.0 && timings[0].median == 3.0);
    assert_true(timings[0].spread == 2.0 / 3.0); /* quartiles 2 and 4 */
    assert_int_equal(snn_measure(contestants + 1, 1, 0.0, timings).code, SNN_OK);
    assert_int_equal(timings[0].samples, 3);
    assert_true(timings[0].minimum == 0.001 && timings[0].median == 0.002);
}

static snn_status fail_second(void *context, double *seconds)
{
    int32_t *runs = context;
    *seconds = 1.0;
    return ++*runs == 2 ? snn_fail(SNN_INTERNAL_ERROR, "broken") : snn_ok();
}

static void forwards_failures(void **state)
{
    (void)state;
    int32_t runs = 0;
    const snn_contestant contestant = {fail_second, &runs};
    snn_run_times timing;
    const snn_status status = snn_measure(&contestant, 1, 1.0, &timing);
    assert_int_equal(status.code, SNN_INTERNAL_ERROR);
    assert_string_equal(status.message, "broken");
}

/* Fewer positions and channels, sooner done. */
static void make_smaller(snn_bench_layer *layer)
{
    const int32_t parts = layer->channels / layer->source.channels;
    if (layer->product == SNN_OPERATOR_DENSE) {
        layer->source.channels = layer->channels = 256;
        return;
    }
    layer->source.height = layer->source.height > 10 ? 10 : layer->source.height;
    layer->source.width = layer->source.width > 10 ? 10 : layer->source.width;
    if (layer->product == SNN_OPERATOR_CONVOLUTION && layer->groups == 1 && layer->source.channels > 96) {
        layer->source.channels = 96;
        layer->channels = parts > 1 ? 96 * parts : 96;
    }
}

/* Every layer is a network that a shard accepts and runs, in every format. */
static void runs_every_layer(void **state)
{
    (void)state;
    const snn_kernels *kernels = NULL;
    int32_t count = 0;
    const snn_bench_layer *layers = snn_bench_layers(&count);
    assert_int_equal(snn_kernels_select(&kernels).code, SNN_OK);
    for (int32_t i = 0; i < count; i++) {
        for (int format = SNN_WEIGHTS_INT16; format <= SNN_WEIGHTS_FLOAT32; format++) {
            const snn_workload_options options = {
                .kernels = kernels, .images = 1, .block = 2, .timesteps = 2, .threads = 1};
            snn_bench_layer layer = layers[i];
            snn_network *network = NULL;
            snn_workload *workload = NULL;
            double seconds = -1.0;
            make_smaller(&layer);
            assert_int_equal(snn_bench_layer_network(&layer, (snn_weight_format)format, &network).code, SNN_OK);
            assert_int_equal(snn_network_check(network).code, SNN_OK);
            assert_int_equal(snn_workload_create(network, &options, &workload).code, SNN_OK);
            assert_int_equal(snn_workload_run_block(workload, &seconds).code, SNN_OK);
            assert_true(seconds >= 0.0);
            assert_int_equal(snn_workload_run_block(workload, &seconds).code, SNN_OK); /* the next group */
            snn_workload_destroy(workload);
            snn_network_destroy(network);
        }
    }
}

/* What a rank holds: 2 bytes a weight at most, and 8 bytes of state a neuron and image. */
static void holds_no_more_than_it_must(void **state)
{
    (void)state;
    const snn_bench_layer layer = {.network = "test",
                                   .name = "convolution",
                                   .product = SNN_OPERATOR_CONVOLUTION,
                                   .source = {8, 8, 256},
                                   .channels = 256,
                                   .kernel = 3,
                                   .stride = 1,
                                   .groups = 1,
                                   .neuron = SNN_NEURON_RELU,
                                   .images = 3};
    const int64_t weights = 256 * 256 * 9, neurons = 3 * 8 * 8 * 256;
    for (int format = SNN_WEIGHTS_INT16; format <= SNN_WEIGHTS_INT8; format++) {
        int32_t count = 0;
        const snn_kernels *const *all = snn_kernels_all(&count);
        snn_network *network = NULL;
        assert_int_equal(snn_bench_layer_network(&layer, (snn_weight_format)format, &network).code, SNN_OK);
        for (int32_t k = 0; k < count; k++) {
            const snn_workload_options options = {
                .kernels = all[k], .images = layer.images, .block = 4, .timesteps = 8, .threads = 1};
            snn_workload *workload = NULL;
            int64_t weight_bytes, state_bytes, spike_bytes;
            if (!all[k]->available()) {
                continue;
            }
            assert_int_equal(snn_workload_create(network, &options, &workload).code, SNN_OK);
            snn_workload_memory(workload, &weight_bytes, &state_bytes, &spike_bytes);
            assert_in_range(weight_bytes, 0, 2 * weights + weights / 32);
            assert_int_equal(state_bytes, 8 * neurons);
            assert_int_equal(spike_bytes, (4 + 4 + 1) * neurons / 8); /* source, own, own of the step before */
            snn_workload_destroy(workload);
        }
        snn_network_destroy(network);
    }
}

static void names_layers_once(void **state)
{
    (void)state;
    int32_t count = 0;
    const snn_bench_layer *layers = snn_bench_layers(&count);
    for (int32_t i = 0; i < count; i++) {
        for (int32_t j = 0; j < i; j++) {
            assert_true(strcmp(layers[i].network, layers[j].network) != 0 ||
                        strcmp(layers[i].name, layers[j].name) != 0);
        }
    }
}

/* Every kernel table has its measure, which runs where the table does. */
static void has_a_peak_for_all_kernels(void **state)
{
    (void)state;
    int32_t count = 0;
    const snn_kernels *const *all = snn_kernels_all(&count);
    for (int32_t i = 0; i < count; i++) {
        for (int32_t bits = 8; bits <= 16; bits += 8) {
            const snn_peak *peak = all[i]->peaks[bits == 8];
            assert_true(peak->bits >= 8 && peak->bits <= 16 && peak->products_per_round > 0);
            if (all[i]->available()) {
                peak->run(3);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_no_more_than_it_must), cmocka_unit_test(sums_up_exactly),
        cmocka_unit_test(forwards_failures),          cmocka_unit_test(runs_every_layer),
        cmocka_unit_test(names_layers_once),          cmocka_unit_test(has_a_peak_for_all_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
