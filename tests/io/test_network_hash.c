/* The hash of a network: every number in it counts, names do not, and a file keeps it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "io/hdf5/network_file.h"
#include "io/hdf5/network_hash.h"
#include "scratch.h"
#include "small_network.h"
#include "tests/core/shard/examples.h"

static void succeeds(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

static uint64_t hash_of(const snn_network *network)
{
    uint64_t hash = 0;
    succeeds(snn_network_hash(network, &hash));
    return hash;
}

/* Flips the lowest bit of a number in the network, and back. */
#define COUNTS(network, number) assert_counts((network), &(number), #number)

static void assert_counts(const snn_network *network, void *number, const char *what)
{
    const uint64_t before = hash_of(network);
    unsigned char *lowest = number;
    *lowest ^= 1;
    if (hash_of(network) == before) {
        fail_msg("%s does not count", what);
    }
    *lowest ^= 1;
    assert_true(hash_of(network) == before);
}

static int64_t weights_of(const snn_projection *projection)
{
    return projection->op.target_channels * snn_operator_row_length(&projection->op);
}

static void every_number_counts(void **state)
{
    (void)state;
    snn_network *network = small_network_create(SNN_WEIGHTS_INT16);
    assert_non_null(network);
    COUNTS(network, network->input.height);
    COUNTS(network, network->classes);
    snn_population *population = &network->populations[2]; /* with a bias per position */
    COUNTS(network, population->kind);
    COUNTS(network, population->shape.height);
    COUNTS(network, population->input.width);
    COUNTS(network, population->window.kernel[0]);
    COUNTS(network, population->window.dilation[1]);
    COUNTS(network, population->alpha);
    COUNTS(network, population->beta);
    COUNTS(network, population->groups);
    COUNTS(network, population->scale[population->shape.channels - 1]);
    COUNTS(network, population->step[population->input.channels - 1]);
    COUNTS(network, population->bias[population->bias_positions * population->input.channels - 1]);
    snn_projection *convolution = &network->projections[0];
    COUNTS(network, convolution->source);
    COUNTS(network, convolution->target);
    COUNTS(network, convolution->shift);
    COUNTS(network, convolution->op.source.height);
    COUNTS(network, convolution->op.source_channel);
    COUNTS(network, convolution->op.target.width);
    COUNTS(network, convolution->op.target_channel);
    COUNTS(network, convolution->op.pool.stride[0]);
    COUNTS(network, convolution->op.window.stride[1]);
    COUNTS(network, ((int16_t *)convolution->weights)[0]);
    COUNTS(network, ((int16_t *)convolution->weights)[weights_of(convolution) - 1]);
    snn_projection *gather = &network->projections[2];
    assert_int_equal(gather->op.kind, SNN_OPERATOR_GATHER);
    COUNTS(network, ((int32_t *)gather->weights)[weights_of(gather) - 1]);
    COUNTS(network, gather->index[weights_of(gather) - 1]);
    snn_network_destroy(network);
}

static void mixing_counts(void **state)
{
    (void)state;
    snn_network *network = example_streams(SNN_WEIGHTS_INT16, 5);
    bool found = false;
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_operator *op = &network->projections[i].op;
        if (op->kind == SNN_OPERATOR_TOKENS) {
            int64_t count = snn_shape_positions(op->target) * snn_shape_positions(snn_operator_pooled_shape(op));
            COUNTS(network, ((int16_t *)network->projections[i].mixing)[count - 1]);
            found = true;
        }
    }
    assert_true(found);
    snn_network_destroy(network);
}

static void windows_count(void **state)
{
    (void)state;
    snn_network *network = example_streams(SNN_WEIGHTS_INT16, 5);
    const uint64_t synchronous = hash_of(network);
    snn_windows windows;
    succeeds(snn_windows_init(8, 3, 0.5, 0.25, &windows));
    network->windows = windows;
    assert_true(hash_of(network) != synchronous);
    sample_windows(network, &windows, 2);
    COUNTS(network, network->windows.steps);
    COUNTS(network, network->windows.delay);
    COUNTS(network, network->windows.magnitude[0]);
    COUNTS(network, network->windows.magnitude[7]);
    COUNTS(network, network->populations[1].unit);
    COUNTS(network, network->populations[1].rest[0]);
    COUNTS(network, network->populations[1].rest[network->populations[1].shape.channels - 1]);
    snn_network_destroy(network);
}

static void names_do_not_count(void **state)
{
    (void)state;
    snn_network *network = small_network_create(SNN_WEIGHTS_INT16);
    const uint64_t before = hash_of(network);
    network->populations[1].name[0] = 'X';
    assert_true(hash_of(network) == before);
    snn_network_destroy(network);
}

/* A slice has no hash: it would be another on every rank. */
static void slices_are_refused(void **state)
{
    (void)state;
    uint64_t hash = 0;
    snn_network *network = small_network_create(SNN_WEIGHTS_INT16);
    network->projections[1].row_end--;
    snn_status status = snn_network_hash(network, &hash);
    assert_int_equal(status.code, SNN_INTERNAL_ERROR);
    snn_network_destroy(network);
}

static void a_file_keeps_it(void **state)
{
    (void)state;
    const snn_weight_format formats[] = {SNN_WEIGHTS_INT16, SNN_WEIGHTS_INT8, SNN_WEIGHTS_FLOAT32};
    for (int i = 0; i < 6; i++) {
        snn_network *full = i < 3 ? small_network_create(formats[i]) : example_streams(formats[i - 3], 5);
        snn_network *read = NULL;
        snn_network_origin origin = {.model = "x.onnx", .settings = "", .content_hash = hash_of(full)};
        snn_network_origin found;
        succeeds(snn_network_file_write("net.snn.h5", full, &origin));
        succeeds(snn_network_file_read_whole("net.snn.h5", &read, &found));
        assert_true(found.content_hash == origin.content_hash);
        assert_true(hash_of(read) == origin.content_hash);
        snn_network_destroy(read);
        snn_network_destroy(full);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_counts), cmocka_unit_test(mixing_counts),
        cmocka_unit_test(names_do_not_count),  cmocka_unit_test(windows_count),
        cmocka_unit_test(slices_are_refused),  cmocka_unit_test(a_file_keeps_it),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
