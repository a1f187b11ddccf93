#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/network/network.h"
#include "core/network/spikes.h"
#include "tests/core/network/sample.h"

static snn_window window_of(int32_t kernel, int32_t stride, int32_t pad)
{
    return (snn_window){{kernel, kernel}, {stride, stride}, {1, 1}, {pad, pad}, {pad, pad}};
}

/* image 6x5x3 -> convolution -> maximum -> diagonal and gather -> dense -> readout */
static snn_network *make_network(snn_weight_format format)
{
    const snn_window pool = window_of(3, 2, 1);
    sample made = sample_begin(format, (snn_shape){6, 5, 3}, 4, 7);
    int32_t relu = sample_population(&made, SNN_NEURON_RELU, (snn_shape){6, 5, 8}, NULL, true);
    int32_t maximum = sample_population(&made, SNN_NEURON_MAXIMUM, (snn_shape){6, 5, 8}, &pool, false);
    int32_t leaky = sample_population(&made, SNN_NEURON_LEAKY_RELU, (snn_shape){3, 3, 6}, NULL, false);
    int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, relu,
                      (snn_operator){.kind = SNN_OPERATOR_CONVOLUTION, .window = window_of(3, 1, 1)});
    sample_projection(&made, relu, maximum,
                      (snn_operator){.kind = SNN_OPERATOR_CONVOLUTION, .window = window_of(3, 1, 1), .groups = 4});
    sample_projection(&made, relu, leaky, (snn_operator){.kind = SNN_OPERATOR_GATHER});
    sample_projection(&made, maximum, leaky,
                      (snn_operator){.kind = SNN_OPERATOR_DIAGONAL,
                                     .source_channel = 3,
                                     .source_channels = 5,
                                     .target_channel = 1,
                                     .target_channels = 5});
    sample_projection(&made, leaky, readout,
                      (snn_operator){.kind = SNN_OPERATOR_DENSE, .pooled = true, .pool = window_of(2, 1, 0)});
    sample_finish(&made);
    return made.network;
}

static void good_networks_pass(void **state)
{
    (void)state;
    const snn_weight_format formats[] = {SNN_WEIGHTS_INT16, SNN_WEIGHTS_INT8, SNN_WEIGHTS_FLOAT32};
    for (size_t i = 0; i < 3; i++) {
        snn_network *network = make_network(formats[i]);
        snn_status status = snn_network_check(network);
        assert_string_equal(status.message, "");
        assert_int_equal(snn_network_neurons(network), 6 * 5 * 8 + 3 * 3 * 8 + 3 * 3 * 6);
        snn_network_release_weights(network);
        assert_int_equal(snn_network_check(network).code, SNN_OK);
        snn_network_destroy(network);
    }
    snn_network_destroy(NULL);
}

/* One way to damage the network, and a word that the refusal must contain. */
typedef struct damage {
    void (*apply)(snn_network *network);
    const char *word;
} damage;

#define DAMAGE(name, statement)                                                                                        \
    static void name(snn_network *network)                                                                             \
    {                                                                                                                  \
        statement;                                                                                                     \
    }
DAMAGE(no_model_name, snn_release(network->name); network->name = NULL)
DAMAGE(bad_format, network->format = (snn_weight_format)9)
DAMAGE(empty_image, network->input.width = 0)
DAMAGE(huge_image, network->input.width = INT32_MAX)
DAMAGE(no_classes, network->classes = 0)
DAMAGE(other_classes, network->classes = 5)
DAMAGE(empty_name, network->populations[1].name[0] = '\0')
DAMAGE(same_name, memcpy(network->populations[3].name, network->populations[0].name, 7))
DAMAGE(bad_neuron, network->populations[0].kind = (snn_neuron_kind)-1)
DAMAGE(early_readout, network->populations[0].kind = SNN_NEURON_READOUT)
DAMAGE(no_readout, network->populations[3].kind = SNN_NEURON_RELU)
DAMAGE(negative_shape, network->populations[0].shape.height = -6)
DAMAGE(input_not_output, network->populations[0].input.channels = 7)
DAMAGE(pool_channels, network->populations[1].input.channels = 7)
DAMAGE(pool_shape, network->populations[1].shape.height = 4)
DAMAGE(pool_stride, network->populations[1].window.stride[0] = 0)
DAMAGE(pool_pad, network->populations[1].window.pad_begin[1] = -1)
DAMAGE(pool_kernel, network->populations[1].window.kernel[1] = 100)
DAMAGE(pool_empty, network->populations[1].window.pad_begin[0] = 4; network->populations[1].window.pad_end[0] = 0;
       network->populations[1].shape.height = 4)
DAMAGE(pool_behind, network->populations[1].window.pad_begin[0] = 0; network->populations[1].window.pad_end[0] = 4;
       network->populations[1].shape.height = 4)
DAMAGE(bad_alpha, network->populations[2].alpha = NAN)
DAMAGE(zero_scale, network->populations[0].scale[3] = 0.0f)
DAMAGE(tiny_scale, network->populations[0].scale[3] = 1e-45f)
DAMAGE(infinite_scale, network->populations[0].scale[3] = INFINITY)
DAMAGE(no_scale, snn_release(network->populations[0].scale); network->populations[0].scale = NULL)
DAMAGE(negative_step, network->populations[2].step[5] = -1.0f)
DAMAGE(nan_step, network->populations[2].step[5] = NAN)
DAMAGE(nan_bias, network->populations[0].bias[6 * 5 * 8 - 1] = NAN)
DAMAGE(some_bias, network->populations[0].bias_positions = 2)
DAMAGE(no_target, network->projections[4].target = 4)
DAMAGE(source_after, network->projections[3].source = 2)
DAMAGE(source_below, network->projections[0].source = -2)
DAMAGE(order_of_sources, network->projections[2].source = 1;
       network->projections[2].op.source = network->populations[1].shape; network->projections[2].row_end = 0;
       network->projections[3].source = 0)
DAMAGE(order_of_targets, network->projections[4].source = 0; network->projections[4].target = 1)
DAMAGE(source_shape, network->projections[1].op.source.height = 7)
DAMAGE(target_shape, network->projections[1].op.target.height = 7)
DAMAGE(bad_operator, network->projections[1].op.kind = SNN_OPERATOR_KIND_COUNT)
DAMAGE(source_range, network->projections[3].op.source_channel = 4)
DAMAGE(negative_range, network->projections[3].op.source_channel = -1)
DAMAGE(huge_range, network->projections[3].op.target_channel = INT32_MAX)
DAMAGE(empty_range, network->projections[3].op.target_channels = 0)
DAMAGE(unequal_range, network->projections[3].op.target_channels = 4)
DAMAGE(diagonal_size, network->projections[3].op.pooled = true; network->projections[3].op.pool = window_of(2, 1, 0))
DAMAGE(no_pool, network->projections[4].op.pool.kernel[0] = 0)
DAMAGE(zero_groups, network->projections[1].op.groups = 0)
DAMAGE(odd_groups, network->projections[1].op.groups = 3)
DAMAGE(convolution_size, network->projections[1].op.window.pad_end[0] = 2)
DAMAGE(wide_dilation, network->projections[1].op.window.dilation[0] = 1 << 20)
DAMAGE(dense_positions, network->projections[2].op.kind = SNN_OPERATOR_DENSE)
DAMAGE(row_order, network->projections[0].row_begin = 9)
DAMAGE(row_count, network->projections[0].row_end = 9)
DAMAGE(negative_row, network->projections[0].row_begin = -1)
DAMAGE(no_weights, snn_release(network->projections[0].weights); network->projections[0].weights = NULL)
DAMAGE(no_index, snn_release(network->projections[2].index); network->projections[2].index = NULL)
DAMAGE(index_above, network->projections[2].index[7] = 6 * 5 * 8)
DAMAGE(index_below, network->projections[2].index[7] = -2)
DAMAGE(overflow, ((int32_t *)network->projections[3].weights)[2] = INT32_MAX)
DAMAGE(lowest, ((int32_t *)network->projections[3].weights)[2] = INT32_MIN)
DAMAGE(shift_of_spikes, network->projections[1].shift = 1)
DAMAGE(rest_without_windows, network->populations[0].rest = snn_allocate(8, sizeof(int32_t)))

/* Of networks with windows. */
DAMAGE(many_steps, network->windows.steps = SNN_WINDOW_STEPS + 1)
DAMAGE(negative_delay, network->windows.delay = -1)
DAMAGE(growing_step, network->windows.magnitude[3] = network->windows.magnitude[2] + 1)
DAMAGE(no_step, network->windows.magnitude[7] = 0)
DAMAGE(large_steps, network->windows.magnitude[0] = SNN_CODE_LIMIT)
DAMAGE(no_rest, snn_release(network->populations[2].rest); network->populations[2].rest = NULL)
DAMAGE(rest_of_readout, network->populations[3].rest = snn_allocate(4, sizeof(int32_t)))
DAMAGE(rest_above, network->populations[1].rest[7] = 256)
DAMAGE(rest_below, network->populations[1].rest[7] = -256)
DAMAGE(no_unit, network->populations[0].unit = 0.0f)
DAMAGE(nan_unit, network->populations[0].unit = NAN)
DAMAGE(infinite_unit, network->populations[0].unit = INFINITY)
DAMAGE(negative_shift, network->projections[1].shift = -1)
DAMAGE(large_shift, network->projections[1].shift = SNN_LARGEST_SHIFT + 1)
DAMAGE(overflow_of_codes, ((int32_t *)network->projections[3].weights)[2] = INT32_MAX / 255)
#undef DAMAGE

static void expect_refusals(snn_network *(*make)(void), const damage *damages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        snn_network *network = make();
        assert_string_equal(snn_network_check(network).message, "");
        damages[i].apply(network);
        snn_status status = snn_network_check(network);
        if (status.code != SNN_INPUT_ERROR || strstr(status.message, damages[i].word) == NULL) {
            fail_msg("damage %zu: \"%s\" does not name %s", i, status.message, damages[i].word);
        }
        snn_network_destroy(network);
    }
}

static snn_network *make_synchronous(void)
{
    return make_network(SNN_WEIGHTS_INT16);
}

/* Windows of 8 steps that reach 255. */
static snn_network *make_windowed(void)
{
    snn_network *network = make_network(SNN_WEIGHTS_INT16);
    snn_windows windows;
    assert_int_equal(snn_windows_init(8, 3, 0.5, 0.25, &windows).code, SNN_OK);
    sample_windows(network, &windows, 3);
    return network;
}

static void damaged_networks_are_refused_by_name(void **state)
{
    (void)state;
    const damage damages[] = {
        {no_model_name, "name"},
        {bad_format, "format"},
        {empty_image, "image"},
        {huge_image, "2^31"},
        {no_classes, "classes"},
        {other_classes, "1x1x5"},
        {empty_name, "population 1"},
        {same_name, "relu_0"},
        {bad_neuron, "kind"},
        {early_readout, "readout"},
        {no_readout, "readout"},
        {negative_shape, "relu_0"},
        {input_not_output, "relu_0"},
        {pool_channels, "channels"},
        {pool_shape, "window gives"},
        {pool_stride, "stride 0"},
        {pool_pad, "padding -1"},
        {pool_kernel, "spans"},
        {pool_empty, "padding"},
        {pool_behind, "padding"},
        {bad_alpha, "alpha"},
        {zero_scale, "scale[3]"},
        {tiny_scale, "scale[3]"},
        {infinite_scale, "scale[3]"},
        {no_scale, "scale"},
        {negative_step, "step[5]"},
        {nan_step, "step[5]"},
        {nan_bias, "bias[239]"},
        {some_bias, "bias"},
        {no_target, "target population 4"},
        {source_after, "source population 2"},
        {source_below, "source population -2"},
        {order_of_sources, "order"},
        {order_of_targets, "projection 4: not in order"},
        {source_shape, "projection 1: source"},
        {target_shape, "projection 1: target"},
        {bad_operator, "operator"},
        {source_range, "source channels"},
        {negative_range, "source channels"},
        {huge_range, "target channels"},
        {empty_range, "target channels"},
        {unequal_range, "equal numbers"},
        {diagonal_size, "equal sizes"},
        {no_pool, "pooling"},
        {zero_groups, "groups"},
        {odd_groups, "groups"},
        {convolution_size, "window gives"},
        {wide_dilation, "dilation"},
        {dense_positions, "expected one"},
        {row_order, "rows"},
        {row_count, "rows"},
        {negative_row, "rows"},
        {no_weights, "weights are missing"},
        {no_index, "weights are missing"},
        {index_above, "index 7"},
        {index_below, "index 7"},
        {overflow, "2^31"},
        {lowest, "2^31"},
        {shift_of_spikes, "projection 1: shift 1"},
        {rest_without_windows, "resting states without windows"},
    };
    expect_refusals(make_synchronous, damages, sizeof damages / sizeof damages[0]);
}

static void damaged_windows_are_refused_by_name(void **state)
{
    (void)state;
    const damage damages[] = {
        {many_steps, "65 steps"},
        {negative_delay, "delay of -1"},
        {growing_step, "step 3 of a window is 33 units"},
        {no_step, "step 7"},
        {large_steps, "add up to 4223"},
        {no_rest, "\"leaky_relu_2\"): resting states are missing"},
        {rest_of_readout, "\"readout_3\"): resting states without windows"},
        {rest_above, "rest[7] is 256, expected -255..255"},
        {rest_below, "rest[7] is -256"},
        {no_unit, "\"relu_0\"): unit is 0"},
        {nan_unit, "unit"},
        {infinite_unit, "unit"},
        {negative_shift, "projection 1: shift -1"},
        {large_shift, "projection 1: shift 41"},
        {overflow_of_codes, "projection 3: row 2"},
    };
    expect_refusals(make_windowed, damages, sizeof damages / sizeof damages[0]);
}

/* Products of the image are added up before anything is made of their fraction bits. */
static void products_of_the_image_have_one_shift(void **state)
{
    (void)state;
    sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){2, 2, 3}, 3, 1);
    const int32_t relu = sample_population(&made, SNN_NEURON_RELU, (snn_shape){2, 2, 3}, NULL, false);
    const int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, relu, (snn_operator){.kind = SNN_OPERATOR_DIAGONAL});
    sample_projection(&made, SNN_SOURCE_INPUT, relu, (snn_operator){.kind = SNN_OPERATOR_DIAGONAL});
    sample_projection(&made, SNN_SOURCE_INPUT, readout, (snn_operator){.kind = SNN_OPERATOR_DENSE});
    sample_projection(&made, relu, readout, (snn_operator){.kind = SNN_OPERATOR_DENSE});
    sample_finish(&made);
    snn_windows windows;
    assert_int_equal(snn_windows_init(4, 4, 0.5, 0.0, &windows).code, SNN_OK);
    sample_windows(made.network, &windows, 1);
    for (int32_t i = 0; i < 4; i++) {
        made.network->projections[i].shift = i < 2 ? 5 : i;
    }
    assert_string_equal(snn_network_check(made.network).message, "");
    made.network->projections[1].shift = 4;
    assert_non_null(strstr(snn_network_check(made.network).message, "projection 1: shift 4, expected 5"));
    snn_network_destroy(made.network);
}

/* Codes summed over 65 positions reach 65 (255 + 255); what is mixed of them has to fit 16 bits. */
static void mixed_pools_must_fit_16_bits(void **state)
{
    (void)state;
    const snn_weight_format formats[] = {SNN_WEIGHTS_INT16, SNN_WEIGHTS_FLOAT32};
    for (int i = 0; i < 4; i++) {
        const snn_window pool = {{i % 2 == 0 ? 64 : 65, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
        const bool fits = i % 2 == 0 || formats[i / 2] == SNN_WEIGHTS_FLOAT32;
        sample made = sample_begin(formats[i / 2], (snn_shape){66, 1, 2}, 2, 1);
        const int32_t relu = sample_population(&made, SNN_NEURON_RELU, (snn_shape){66, 1, 2}, NULL, false);
        const int32_t readout = sample_readout(&made);
        sample_projection(&made, SNN_SOURCE_INPUT, relu, (snn_operator){.kind = SNN_OPERATOR_DIAGONAL});
        sample_projection(&made, relu, readout,
                          (snn_operator){.kind = SNN_OPERATOR_TOKENS, .pooled = true, .pool = pool});
        sample_finish(&made);
        snn_windows windows;
        assert_int_equal(snn_windows_init(8, 8, 0.5, 0.0, &windows).code, SNN_OK);
        sample_windows(made.network, &windows, 1);
        made.network->populations[relu].rest[1] = -255;
        const snn_status status = snn_network_check(made.network);
        assert_int_equal(status.code, fits ? SNN_OK : SNN_INPUT_ERROR);
        assert_true(fits || strstr(status.message, "can reach 33150") != NULL);
        snn_network_destroy(made.network);
    }
}

static void weights_out_of_their_format_are_refused(void **state)
{
    (void)state;
    snn_network *network = make_network(SNN_WEIGHTS_INT8);
    ((int16_t *)network->projections[0].weights)[30] = 128;
    assert_non_null(strstr(snn_network_check(network).message, "row 1: weight 3 "));
    snn_network_destroy(network);
    network = make_network(SNN_WEIGHTS_FLOAT32);
    ((float *)network->projections[0].weights)[30] = NAN;
    assert_non_null(strstr(snn_network_check(network).message, "row 1: weight 3 "));
    snn_network_destroy(network);
}

/* Several projections share one sum. */
static void sums_over_projections_must_not_overflow(void **state)
{
    (void)state;
    snn_network *network = make_network(SNN_WEIGHTS_INT16);
    int32_t *gather = network->projections[2].weights;   /* onto channel 1, 9 positions a row */
    int32_t *diagonal = network->projections[3].weights; /* row 0 is channel 1 */
    for (int i = 0; i < 9; i++) {
        gather[9 + i] = 1 << 30;
    }
    diagonal[0] = (1 << 30) - 1;
    assert_string_equal(snn_network_check(network).message, "");
    diagonal[0] = -(1 << 30);
    assert_non_null(strstr(snn_network_check(network).message, "projection 3: row 0: "));
    snn_network_destroy(network);
}

static void check_copy(snn_network *(*make)(void))
{
    snn_network *network = make();
    snn_network *copy = NULL;
    assert_int_equal(snn_network_copy_structure(network, &copy).code, SNN_OK);
    snn_network *expected = make();
    snn_network_destroy(network);
    assert_int_equal(snn_network_check(copy).code, SNN_OK);
    assert_string_equal(copy->name, expected->name);
    assert_int_equal(copy->classes, expected->classes);
    assert_memory_equal(&copy->windows, &expected->windows, sizeof copy->windows);
    assert_int_equal(copy->population_count, expected->population_count);
    assert_int_equal(copy->projection_count, expected->projection_count);
    for (int32_t i = 0; i < copy->population_count; i++) {
        const snn_population *a = &copy->populations[i], *b = &expected->populations[i];
        const size_t channels = (size_t)a->input.channels;
        assert_string_equal(a->name, b->name);
        assert_memory_equal(&a->shape, &b->shape, sizeof a->shape);
        assert_memory_equal(a->scale, b->scale, channels * sizeof *a->scale);
        assert_memory_equal(a->step, b->step, channels * sizeof *a->step);
        assert_memory_equal(a->bias, b->bias, (size_t)a->bias_positions * channels * sizeof *a->bias);
        assert_int_equal(a->depth, b->depth);
        assert_true(a->unit == b->unit);
        assert_int_equal(a->rest != NULL, b->rest != NULL);
        if (b->rest != NULL) {
            assert_memory_equal(a->rest, b->rest, channels * sizeof *a->rest);
        }
    }
    for (int32_t i = 0; i < copy->projection_count; i++) {
        const snn_projection *a = &copy->projections[i], *b = &expected->projections[i];
        assert_int_equal(a->source, b->source);
        assert_int_equal(a->target, b->target);
        assert_int_equal(a->op.source_channel, b->op.source_channel);
        assert_int_equal(a->shift, b->shift);
        assert_int_equal(a->row_begin, a->row_end);
        assert_null(a->weights);
        assert_null(a->index);
    }
    snn_network_destroy(copy);
    snn_network_destroy(expected);
}

static void structure_is_copied_deeply(void **state)
{
    (void)state;
    check_copy(make_synchronous);
    check_copy(make_windowed);
}

static void expect_channels(const snn_operator *op, int32_t begin, int32_t end, int32_t want_begin, int32_t want_end)
{
    int32_t found_begin = -1, found_end = -1;
    snn_operator_source_channels(op, begin, end, &found_begin, &found_end);
    assert_true(found_begin <= found_end);
    if (want_begin == want_end) {
        assert_int_equal(found_begin, found_end);
    } else {
        assert_int_equal(found_begin, want_begin);
        assert_int_equal(found_end, want_end);
    }
}

static void source_channels_follow_the_operator(void **state)
{
    (void)state;
    const snn_operator grouped = {.kind = SNN_OPERATOR_CONVOLUTION,
                                  .source_channel = 2,
                                  .source_channels = 9,
                                  .target_channel = 5,
                                  .target_channels = 6,
                                  .groups = 3};
    expect_channels(&grouped, 0, 5, 0, 0);
    expect_channels(&grouped, 0, 6, 2, 5);
    expect_channels(&grouped, 6, 8, 2, 8);
    expect_channels(&grouped, 7, 9, 5, 8);
    expect_channels(&grouped, 10, 20, 8, 11);
    expect_channels(&grouped, 11, 20, 0, 0);
    expect_channels(&grouped, 7, 7, 0, 0);
    snn_operator diagonal = grouped;
    diagonal.kind = SNN_OPERATOR_DIAGONAL;
    diagonal.target_channels = 9;
    expect_channels(&diagonal, 0, 7, 2, 4);
    expect_channels(&diagonal, 7, 100, 4, 11);
    expect_channels(&diagonal, 14, 100, 0, 0);
    snn_operator dense = grouped;
    dense.kind = SNN_OPERATOR_DENSE;
    expect_channels(&dense, 6, 7, 2, 11);
    expect_channels(&dense, 0, 5, 0, 0);
    snn_operator gather = grouped;
    gather.kind = SNN_OPERATOR_GATHER;
    expect_channels(&gather, 6, 7, 2, 11);
}

/* Counted by walking over every tap. */
static int64_t count_taps(const snn_window *window, int32_t height, int32_t width)
{
    int64_t taps = 0;
    for (int32_t row = 0; row < snn_window_output(window, 0, height); row++) {
        for (int32_t column = 0; column < snn_window_output(window, 1, width); column++) {
            for (int32_t i = 0; i < window->kernel[0]; i++) {
                for (int32_t j = 0; j < window->kernel[1]; j++) {
                    int32_t y = row * window->stride[0] - window->pad_begin[0] + i * window->dilation[0];
                    int32_t x = column * window->stride[1] - window->pad_begin[1] + j * window->dilation[1];
                    taps += y >= 0 && y < height && x >= 0 && x < width;
                }
            }
        }
    }
    return taps;
}

static void operations_count_taps_inside_the_source(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int round = 0; round < 200; round++) {
        snn_window window;
        for (int axis = 0; axis < 2; axis++) {
            window.kernel[axis] = 1 + (int32_t)(sample_random(&random) % 4);
            window.stride[axis] = 1 + (int32_t)(sample_random(&random) % 3);
            window.dilation[axis] = 1 + (int32_t)(sample_random(&random) % 3);
            window.pad_begin[axis] = (int32_t)(sample_random(&random) % 4);
            window.pad_end[axis] = (int32_t)(sample_random(&random) % 4);
        }
        snn_operator op = {.kind = SNN_OPERATOR_CONVOLUTION,
                           .source = {12, 11, 6},
                           .source_channels = 6,
                           .target_channels = 4,
                           .window = window,
                           .groups = 2};
        op.target = (snn_shape){snn_window_output(&window, 0, 12), snn_window_output(&window, 1, 11), 4};
        assert_int_equal(snn_operator_operations(&op), count_taps(&window, 12, 11) * 3 * 4);
        snn_operator pooled = {.kind = SNN_OPERATOR_DIAGONAL,
                               .source = {12, 11, 6},
                               .source_channels = 6,
                               .target_channels = 6,
                               .target = {op.target.height, op.target.width, 6},
                               .pooled = true,
                               .pool = window};
        assert_int_equal(snn_operator_operations(&pooled),
                         count_taps(&window, 12, 11) * 6 + snn_shape_size(pooled.target));
    }
    const snn_network *network = make_network(SNN_WEIGHTS_INT8);
    assert_int_equal(snn_operator_operations(&network->projections[4].op), 2 * 2 * 4 * 6 + 4 * 2 * 2 * 6);
    assert_int_equal(snn_operator_row_length(&network->projections[4].op), 2 * 2 * 6);
    assert_int_equal(snn_operator_row_length(&network->projections[1].op), 3 * 3 * 2);
    assert_int_equal(snn_operator_row_length(&network->projections[2].op), 9);
    assert_int_equal(snn_operator_row_length(&network->projections[3].op), 1);
    snn_network_destroy((snn_network *)network);
}

/* Samples of tracking errors are not of the same few columns: their distances are primes, and widths no multiples. */
static void samples_are_large_and_spread(void **state)
{
    (void)state;
    static const struct {
        int32_t width;
        int64_t apart, count;
    } wanted[] = {{1, 1, 1},    {4, 1, 16},   {5, 11, 3},    {14, 11, 18},   {19, 11, 33},
                  {20, 23, 18}, {32, 47, 22}, {56, 193, 17}, {112, 769, 17}, {224, 1543, 33}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const int64_t width = wanted[i].width, apart = snn_tracked_apart(width * width);
        assert_int_equal(apart, wanted[i].apart);
        assert_int_equal(snn_tracked_positions(width * width), wanted[i].count);
        for (int64_t divisor = 2; width > 4 && divisor < apart; divisor++) {
            assert_int_not_equal(apart % divisor, 0);
            assert_int_not_equal(width % apart, 0);
        }
    }
}

static void names_and_sizes(void **state)
{
    (void)state;
    assert_string_equal(snn_neuron_kind_name(SNN_NEURON_LEAKY_RELU), "leaky_relu");
    assert_string_equal(snn_neuron_kind_name(SNN_NEURON_READOUT), "readout");
    assert_string_equal(snn_neuron_kind_name((snn_neuron_kind)77), "unknown");
    assert_string_equal(snn_operator_kind_name(SNN_OPERATOR_GATHER), "gather");
    assert_string_equal(snn_operator_kind_name((snn_operator_kind)77), "unknown");
    assert_int_equal(snn_weight_bytes(SNN_WEIGHTS_INT8, SNN_OPERATOR_DENSE), 2);
    assert_int_equal(snn_weight_bytes(SNN_WEIGHTS_INT16, SNN_OPERATOR_CONVOLUTION), 2);
    assert_int_equal(snn_weight_bytes(SNN_WEIGHTS_INT16, SNN_OPERATOR_DIAGONAL), 4);
    assert_int_equal(snn_weight_bytes(SNN_WEIGHTS_FLOAT32, SNN_OPERATOR_DENSE), 4);
    assert_int_equal(snn_spikes_row_bytes(8), 1);
    assert_int_equal(snn_spikes_row_bytes(9), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_networks_pass),
        cmocka_unit_test(damaged_networks_are_refused_by_name),
        cmocka_unit_test(damaged_windows_are_refused_by_name),
        cmocka_unit_test(products_of_the_image_have_one_shift),
        cmocka_unit_test(mixed_pools_must_fit_16_bits),
        cmocka_unit_test(weights_out_of_their_format_are_refused),
        cmocka_unit_test(sums_over_projections_must_not_overflow),
        cmocka_unit_test(structure_is_copied_deeply),
        cmocka_unit_test(source_channels_follow_the_operator),
        cmocka_unit_test(operations_count_taps_inside_the_source),
        cmocka_unit_test(samples_are_large_and_spread),
        cmocka_unit_test(names_and_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
