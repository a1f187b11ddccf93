/* Streams, neurons of several inputs, and products over positions: what a network with them must keep to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/network/network.h"
#include "tests/core/network/sample.h"

static void refused(const snn_network *network, const char *word)
{
    const snn_status status = snn_network_check(network);
    if (status.code != SNN_INPUT_ERROR || strstr(status.message, word) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", status.message, word);
    }
}

static void accepted(const snn_network *network)
{
    assert_string_equal(snn_network_check(network).message, "");
}

static const snn_operator diagonal = {.kind = SNN_OPERATOR_DIAGONAL};
static const snn_operator dense = {.kind = SNN_OPERATOR_DENSE};

static void names_and_traits(void **state)
{
    (void)state;
    for (int kind = 0; kind < SNN_NEURON_KIND_COUNT; kind++) {
        assert_non_null(snn_neuron_kind_name((snn_neuron_kind)kind));
        for (int other = 0; other < kind; other++) {
            assert_string_not_equal(snn_neuron_kind_name((snn_neuron_kind)kind),
                                    snn_neuron_kind_name((snn_neuron_kind)other));
        }
        const bool silent = kind == SNN_NEURON_READOUT || kind == SNN_NEURON_STREAM;
        assert_int_equal(snn_neuron_spikes((snn_neuron_kind)kind), !silent);
        const bool strict = kind == SNN_NEURON_LEAKY_RELU || kind == SNN_NEURON_GELU || kind == SNN_NEURON_GELU_TANH;
        assert_int_equal(snn_neuron_is_strict((snn_neuron_kind)kind), strict);
        const bool nary = kind >= SNN_NEURON_LAYER_NORM && kind <= SNN_NEURON_ATTENTION;
        assert_int_equal(snn_neuron_reads_all_channels((snn_neuron_kind)kind), nary);
    }
    assert_true(snn_neuron_reads_all_positions(SNN_NEURON_MAXIMUM));
    assert_true(snn_neuron_reads_all_positions(SNN_NEURON_SCORES));
    assert_true(snn_neuron_reads_all_positions(SNN_NEURON_MIX));
    assert_true(snn_neuron_reads_all_positions(SNN_NEURON_ATTENTION));
    assert_false(snn_neuron_reads_all_positions(SNN_NEURON_SOFTMAX));
    assert_string_equal(snn_neuron_kind_name(SNN_NEURON_LAYER_NORM), "layer_norm");
    assert_string_equal(snn_operator_kind_name(SNN_OPERATOR_TOKENS), "tokens");
}

/* A population of 2x3 positions, and the readout. */
static void check_kind(snn_neuron_kind kind, int32_t inputs, int32_t outputs, int32_t groups, const char *word)
{
    sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){2, 3, 1}, 2, 1);
    const int32_t neurons = sample_nary(&made, kind, (snn_shape){2, 3, inputs}, outputs, groups, 0.5f);
    const int32_t readout = sample_readout(&made);
    sample_projection(&made, neurons, readout, dense);
    sample_finish(&made);
    if (word == NULL) {
        accepted(made.network);
    } else {
        refused(made.network, word);
    }
    snn_network_destroy(made.network);
}

/* Attention in windows of `beta` of 6 positions. */
static void check_windows(float beta, int32_t inputs, const char *word)
{
    sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){2, 3, 1}, 2, 1);
    const int32_t neurons = sample_nary(&made, SNN_NEURON_MIX, (snn_shape){2, 3, inputs}, 8, 2, 0.5f);
    const int32_t readout = sample_readout(&made);
    made.network->populations[neurons].beta = beta;
    sample_projection(&made, neurons, readout, dense);
    sample_finish(&made);
    if (word == NULL) {
        accepted(made.network);
    } else {
        refused(made.network, word);
    }
    snn_network_destroy(made.network);
}

static void windows_divide_the_positions(void **state)
{
    (void)state;
    check_windows(3.0f, 2 * 3 + 8, NULL);
    check_windows(6.0f, 2 * 6 + 8, NULL);
    check_windows(3.0f, 2 * 6 + 8, "expected 14");
    check_windows(4.0f, 2 * 4 + 8, "beta is 4, expected 0 or a divisor of 6, the positions");
    check_windows(1.5f, 2 * 1 + 8, "beta is 1.5");
    check_windows(-3.0f, 2 * 3 + 8, "beta is -3");
    check_windows(INFINITY, 2 * 6 + 8, "beta is inf");
    check_windows(NAN, 2 * 6 + 8, "beta is nan");
}

/* The root of alpha is divided by where the inputs are all equal. */
static void normalisations_need_a_positive_alpha(void **state)
{
    (void)state;
    static const snn_neuron_kind kinds[] = {SNN_NEURON_LAYER_NORM, SNN_NEURON_NORMALISE};
    for (int32_t i = 0; i < 2; i++) {
        sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){2, 3, 1}, 2, 1);
        const int32_t neurons = sample_nary(&made, kinds[i], (snn_shape){2, 3, 12 + i}, 12, 1, 0.0f);
        const int32_t readout = sample_readout(&made);
        sample_projection(&made, neurons, readout, dense);
        sample_finish(&made);
        refused(made.network, "alpha is 0, expected a positive number");
        made.network->populations[neurons].alpha = 1e-6f;
        made.network->populations[neurons].beta = i == 0 ? 0.5f : 0.0f;
        if (i == 0) {
            refused(made.network, "beta is 0.5, expected 0 or 1");
            made.network->populations[neurons].beta = 1.0f;
        }
        accepted(made.network);
        snn_network_destroy(made.network);
    }
}

static void inputs_follow_the_kind(void **state)
{
    (void)state;
    check_kind(SNN_NEURON_LAYER_NORM, 12, 12, 3, NULL);
    check_kind(SNN_NEURON_LAYER_NORM, 12, 11, 1, "expected 11");
    check_kind(SNN_NEURON_LAYER_NORM, 12, 12, 5, "groups");
    check_kind(SNN_NEURON_LAYER_NORM, 12, 12, 0, "groups");
    check_kind(SNN_NEURON_NORMALISE, 13, 12, 1, NULL);
    check_kind(SNN_NEURON_NORMALISE, 24, 12, 1, "expected 13");
    check_kind(SNN_NEURON_PRODUCT, 24, 12, 1, NULL);
    check_kind(SNN_NEURON_PRODUCT, 12, 12, 1, "expected 24");
    check_kind(SNN_NEURON_QUOTIENT, 15, 12, 3, NULL);
    check_kind(SNN_NEURON_QUOTIENT, 13, 12, 3, "expected 15");
    check_kind(SNN_NEURON_QUOTIENT, 17, 12, 5, "groups");
    check_kind(SNN_NEURON_SOFTMAX, 12, 12, 4, NULL);
    check_kind(SNN_NEURON_SOFTMAX, 12, 12, -1, "groups");
    check_kind(SNN_NEURON_SHIFTED_EXP, 12, 12, 4, NULL);
    check_kind(SNN_NEURON_SHIFTED_EXP, 13, 12, 4, "expected 12");
    check_kind(SNN_NEURON_SHIFTED_EXP, 12, 12, 5, "groups");
    check_kind(SNN_NEURON_SCORES, 16, 12, 2, NULL);
    check_kind(SNN_NEURON_SCORES, 17, 12, 2, "equal parts");
    check_kind(SNN_NEURON_SCORES, 16, 13, 2, "2 heads of 6 positions");
    check_kind(SNN_NEURON_SCORES, 16, 18, 3, "groups");
    check_kind(SNN_NEURON_MIX, 12 + 8, 8, 2, NULL);
    check_kind(SNN_NEURON_MIX, 12 + 9, 8, 2, "expected 20");
    check_kind(SNN_NEURON_ATTENTION, 24, 8, 4, NULL);
    check_kind(SNN_NEURON_ATTENTION, 25, 8, 4, "expected 24");
    check_kind(SNN_NEURON_GELU, 9, 8, 1, "expected 8");
}

static void parameters_are_checked(void **state)
{
    (void)state;
    sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){1, 1, 1}, 2, 1);
    const int32_t clip = sample_population(&made, SNN_NEURON_CLIP, (snn_shape){1, 1, 4}, NULL, false);
    const int32_t readout = sample_readout(&made);
    sample_projection(&made, clip, readout, dense);
    sample_finish(&made);
    snn_population *population = &made.network->populations[clip];
    population->beta = INFINITY;
    accepted(made.network);
    population->alpha = NAN;
    refused(made.network, "expected a range");
    population->alpha = 7.0f;
    population->beta = 6.0f;
    refused(made.network, "expected a range");
    population->kind = SNN_NEURON_SELU;
    population->beta = INFINITY;
    refused(made.network, "beta");
    snn_network_destroy(made.network);
}

/* image -> stream -> relu (pooled) -> readout; the stream has two channels. */
static snn_network *make_stream(bool graded)
{
    sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){1, 4, 1}, 2, 1);
    int32_t first = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 4, 2}, NULL, false);
    int32_t stream = sample_population(&made, SNN_NEURON_STREAM, (snn_shape){1, 4, 2}, NULL, true);
    int32_t relu = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, 2}, NULL, false);
    int32_t readout = sample_readout(&made);
    if (graded) {
        sample_projection(&made, SNN_SOURCE_INPUT, stream,
                          (snn_operator){.kind = SNN_OPERATOR_DIAGONAL, .target_channel = 1, .target_channels = 1});
    }
    sample_projection(&made, first, stream, diagonal);
    snn_operator pooled = diagonal;
    pooled.pooled = true;
    pooled.pool = (snn_window){{1, 4}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    sample_projection(&made, stream, relu, pooled);
    sample_projection(&made, relu, readout, diagonal);
    sample_finish(&made);
    return made.network;
}

static void set_weights(snn_projection *projection, int32_t first, int32_t second)
{
    ((int32_t *)projection->weights)[0] = first;
    ((int32_t *)projection->weights)[1] = second;
}

static void streams_are_plain_sums(void **state)
{
    (void)state;
    snn_network *network = make_stream(false);
    set_weights(&network->projections[1], 1, 1);
    accepted(network);
    assert_int_equal(snn_network_neurons(network), 4 * 2 + 2);
    network->populations[1].bias[5] = 0.5f;
    refused(network, "bias[5] is 0.5, expected 0");
    network->populations[1].bias[5] = 0.0f;
    network->populations[1].scale[1] = 2.0f;
    refused(network, "scale[1] is 2, expected 1");
    network->populations[1].scale[1] = 1.0f;
    network->projections[1].op.kind = SNN_OPERATOR_DENSE;
    refused(network, "reads the stream \"stream_1\": expected a diagonal operator or a product that is not pooled");
    network->projections[1].op.kind = SNN_OPERATOR_CONVOLUTION;
    refused(network, "reads the stream \"stream_1\": expected a diagonal operator or a product that is not pooled");
    network->projections[1].op.kind = SNN_OPERATOR_DIAGONAL;
    network->populations[3].kind = SNN_NEURON_STREAM;
    refused(network, "readout");
    snn_network_destroy(network);
}

/* A product of a stream may be wider than 32 bits before it is rounded; what is left of it has a limit. */
static void products_of_streams_have_a_limit(void **state)
{
    (void)state;
    const snn_window point = {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){1, 2, 1}, 2, 1);
    const int32_t first = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 2, 2}, NULL, false);
    const int32_t stream = sample_population(&made, SNN_NEURON_STREAM, (snn_shape){1, 2, 2}, NULL, false);
    const int32_t mean = sample_population(&made, SNN_NEURON_STREAM, (snn_shape){1, 2, 1}, NULL, false);
    const int32_t relay = sample_population(&made, SNN_NEURON_LINEAR, (snn_shape){1, 2, 1}, NULL, false);
    const int32_t readout = sample_readout(&made);
    sample_projection(&made, first, stream, diagonal);
    sample_projection(&made, stream, mean,
                      (snn_operator){.kind = SNN_OPERATOR_CONVOLUTION, .window = point, .groups = 1});
    sample_projection(&made, mean, relay, diagonal);
    sample_projection(&made, relay, readout, dense);
    sample_finish(&made);
    set_weights(&made.network->projections[0], 1 << 10, 1 << 18);
    snn_projection *into = &made.network->projections[1];
    int16_t *weights = into->weights;
    int32_t *factor = made.network->projections[2].weights;
    weights[0] = -(1 << 14); /* 2^24 + 2^31 */
    weights[1] = 1 << 13;
    into->shift = 9; /* 2^15 + 2^22 */
    factor[0] = 507;
    accepted(made.network);
    factor[0] = 509;
    refused(made.network, "projection 2: row 0");
    into->shift = 0;
    factor[0] = 255;
    accepted(made.network); /* within 2^23 */
    factor[0] = 256;
    refused(made.network, "projection 2: row 0");
    weights[1] = 0; /* channels reach differently far */
    into->shift = 2;
    accepted(made.network);
    snn_network_destroy(made.network);
}

/* Many positions are added up: what the stream reaches times the reader's weight times their number. */
static void sums_of_streams_must_not_overflow(void **state)
{
    (void)state;
    snn_network *network = make_stream(false);
    snn_projection *into = &network->projections[0], *out = &network->projections[1];
    set_weights(into, 1 << 29, (1 << 29) - 1);
    set_weights(out, 0, 1);
    accepted(network);
    set_weights(out, -1, 1);
    refused(network, "projection 1: row 0");
    set_weights(into, -5, 1 << 20);
    set_weights(out, 1 << 20, 1 << 8);
    accepted(network);
    set_weights(out, 1 << 20, 1 << 9);
    refused(network, "projection 1: row 1");
    snn_network_release_weights(network);
    accepted(network); /* nothing is known of a stream that others hold */
    snn_network_destroy(network);

    network = make_stream(true); /* of the second channel the image is a part, which may be as large as the limit */
    set_weights(&network->projections[1], 1, 1);
    set_weights(&network->projections[2], 128, 127);
    accepted(network);
    set_weights(&network->projections[2], 128, 128);
    refused(network, "projection 2: row 1");
    set_weights(&network->projections[2], 1, 1);
    network->projections[2].op.pool.kernel[1] = 1;
    network->projections[2].op.pool.stride[1] = 4;
    accepted(network);
    set_weights(&network->projections[1], 1, INT32_MAX - SNN_GRADED_LIMIT);
    accepted(network);
    set_weights(&network->projections[1], 1, INT32_MAX - SNN_GRADED_LIMIT + 1);
    refused(network, "projection 1: row 1");
    snn_network_destroy(network);
}

/* relu 2x2x3 -> tokens -> relu 1x3x2 -> readout */
static snn_network *make_tokens(snn_weight_format format)
{
    sample made = sample_begin(format, (snn_shape){1, 1, 1}, 2, 1);
    int32_t first = sample_population(&made, SNN_NEURON_RELU, (snn_shape){2, 2, 3}, NULL, false);
    int32_t second = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 3, 2}, NULL, false);
    int32_t readout = sample_readout(&made);
    sample_projection(
        &made, first, second,
        (snn_operator){.kind = SNN_OPERATOR_TOKENS, .source_channel = 1, .source_channels = 2, .target_channels = 2});
    sample_projection(&made, second, readout, dense);
    sample_finish(&made);
    return made.network;
}

static void tokens_mix_positions(void **state)
{
    (void)state;
    snn_network *network = make_tokens(SNN_WEIGHTS_INT16);
    snn_projection *tokens = &network->projections[0];
    int32_t begin, end;
    accepted(network);
    assert_int_equal(snn_operator_row_length(&tokens->op), 1);
    assert_int_equal(snn_operator_operations(&tokens->op), 3 * 4 * 2);
    assert_int_equal(snn_weight_bytes(SNN_WEIGHTS_INT16, SNN_OPERATOR_TOKENS), 4);
    snn_operator_source_channels(&tokens->op, 1, 2, &begin, &end);
    assert_int_equal(begin, 2);
    assert_int_equal(end, 3);
    /* The largest sum of a position's mixing, times the row's weight. */
    int16_t *mixing = tokens->mixing;
    for (int i = 0; i < 12; i++) {
        mixing[i] = (int16_t)(i / 4 == 1 ? (i % 2 == 0 ? 16384 : -16384) : 1);
    }
    set_weights(tokens, INT32_MAX - 1, -(INT32_MAX - 1)); /* 16 fraction bits each */
    accepted(network);
    set_weights(tokens, 1, INT32_MIN);
    refused(network, "projection 0: row 1");
    tokens->op.target_channels = 1;
    refused(network, "equal numbers");
    tokens->op.target_channels = 2;
    snn_release(tokens->mixing);
    tokens->mixing = NULL;
    refused(network, "mixing weights are missing");
    snn_network_destroy(network);

    network = make_tokens(SNN_WEIGHTS_INT8);
    ((int16_t *)network->projections[0].mixing)[6] = 200;
    refused(network, "mixing of position 1: weight 2 is 200, expected 8 bits");
    snn_network_destroy(network);
    network = make_tokens(SNN_WEIGHTS_FLOAT32);
    accepted(network);
    ((float *)network->projections[0].mixing)[11] = INFINITY;
    refused(network, "mixing of position 2: weight 3 is not finite");
    snn_network_destroy(network);
}

/* Mixing belongs to the structure: copies have it, releasing weights leaves it. */
static void mixing_is_structure(void **state)
{
    (void)state;
    const snn_weight_format formats[] = {SNN_WEIGHTS_INT16, SNN_WEIGHTS_FLOAT32};
    for (size_t f = 0; f < 2; f++) {
        snn_network *network = make_tokens(formats[f]), *expected = make_tokens(formats[f]), *copy = NULL;
        assert_int_equal(snn_network_copy_structure(network, &copy).code, SNN_OK);
        snn_network_destroy(network);
        snn_network_release_weights(copy);
        accepted(copy);
        assert_null(copy->projections[0].weights);
        assert_memory_equal(copy->projections[0].mixing, expected->projections[0].mixing,
                            12 * (formats[f] == SNN_WEIGHTS_FLOAT32 ? sizeof(float) : sizeof(int16_t)));
        snn_network_destroy(copy);
        snn_network_destroy(expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_traits),
        cmocka_unit_test(normalisations_need_a_positive_alpha),
        cmocka_unit_test(inputs_follow_the_kind),
        cmocka_unit_test(windows_divide_the_positions),
        cmocka_unit_test(parameters_are_checked),
        cmocka_unit_test(streams_are_plain_sums),
        cmocka_unit_test(tokens_mix_positions),
        cmocka_unit_test(sums_of_streams_must_not_overflow),
        cmocka_unit_test(products_of_streams_have_a_limit),
        cmocka_unit_test(mixing_is_structure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
