#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/shard/shard.h"
#include "tests/core/shard/drive.h"
#include "tests/core/shard/examples.h"
#include "tests/core/tables/tables.h"

enum { TIMESTEPS = 12, IMAGES = 5 };

static const snn_kernels *best_kernels(void)
{
    const snn_kernels *kernels = NULL;
    snn_status status = snn_kernels_select(&kernels);
    assert_string_equal(status.message, "");
    return kernels;
}

static void fill_schedule(float *eta, int32_t timesteps)
{
    const snn_schedule schedule = {.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.15, .gamma = 0.95};
    assert_int_equal(snn_schedule_fill(&schedule, timesteps, eta).code, SNN_OK);
}

typedef snn_network *(*make_example)(snn_weight_format format, uint64_t seed);

/* One network and encoding under every setting of the list. */
static void compare(make_example make, snn_weight_format format, snn_encoding encoding, int32_t images,
                    const drive_settings *settings, size_t count)
{
    float eta[TIMESTEPS];
    fill_schedule(eta, TIMESTEPS);
    snn_network *network = make(format, 11 + (uint64_t)format);
    assert_string_equal(snn_network_check(network).message, "");
    float *pixels = example_pixels(network, images, 5);
    naive_result expected = naive_run(network, encoding, eta, TIMESTEPS, pixels, images);
    for (size_t i = 0; i < count; i++) {
        drive_settings one = settings[i];
        one.encoding = encoding;
        one.kernels = one.kernels != NULL ? one.kernels : best_kernels();
        drive_and_compare(network, &one, eta, pixels, &expected);
    }
    naive_clear(&expected, network);
    snn_release(pixels);
    snn_network_destroy(network);
}

static const drive_settings various[] = {
    {.cut = {1, 1}, .block = 1, .group = IMAGES, .threads = 1},
    {.cut = {1, 1}, .block = 3, .group = 2, .threads = 2},
    {.cut = {1, 1}, .block = 8, .group = 4, .threads = 3},
    {.cut = {1, 1}, .block = TIMESTEPS, .group = 1, .threads = 2},
    {.cut = {1, 2}, .block = 3, .group = 2, .threads = 1, .statistics = SNN_STATISTICS_SPIKES},
    {.cut = {1, 3}, .block = 8, .group = IMAGES, .threads = 3},
    {.cut = {1, 3}, .block = 5, .group = 2, .threads = 2, .statistics = SNN_STATISTICS_NONE},
    {.cut = {2, 2}, .block = 5, .group = IMAGES, .threads = 2, .all_rows = true},
    {.cut = {2, 2}, .block = TIMESTEPS, .group = 3, .threads = 2},
    {.cut = {3, 1}, .block = 1, .group = 2, .threads = 1},
    {.cut = {1, 4}, .block = TIMESTEPS + 4, .group = IMAGES, .threads = 2},
};
enum { VARIOUS = sizeof various / sizeof various[0] };

static void residual_network_int16(void **state)
{
    (void)state;
    compare(example_residual, SNN_WEIGHTS_INT16, SNN_ENCODING_FLOAT, IMAGES, various, VARIOUS);
}

static void residual_network_int8_direct(void **state)
{
    (void)state;
    compare(example_residual, SNN_WEIGHTS_INT8, SNN_ENCODING_DIRECT, IMAGES, various, VARIOUS);
}

static void residual_network_float32(void **state)
{
    (void)state;
    compare(example_residual, SNN_WEIGHTS_FLOAT32, SNN_ENCODING_FLOAT, IMAGES, various, VARIOUS);
}

static void residual_network_spiking_image(void **state)
{
    (void)state;
    compare(example_residual, SNN_WEIGHTS_INT16, SNN_ENCODING_DETERMINISTIC, IMAGES, various, VARIOUS);
}

static void image_operators_int16(void **state)
{
    (void)state;
    compare(example_image, SNN_WEIGHTS_INT16, SNN_ENCODING_FLOAT, IMAGES, various, VARIOUS);
}

static void image_operators_float32(void **state)
{
    (void)state;
    compare(example_image, SNN_WEIGHTS_FLOAT32, SNN_ENCODING_DIRECT, IMAGES, various, VARIOUS);
}

static void image_operators_spiking_image(void **state)
{
    (void)state;
    compare(example_image, SNN_WEIGHTS_INT8, SNN_ENCODING_DETERMINISTIC, IMAGES, various, VARIOUS);
}

static void streams_int16(void **state)
{
    (void)state;
    compare(example_streams, SNN_WEIGHTS_INT16, SNN_ENCODING_FLOAT, IMAGES, various, VARIOUS);
}

static void streams_int8_direct(void **state)
{
    (void)state;
    compare(example_streams, SNN_WEIGHTS_INT8, SNN_ENCODING_DIRECT, IMAGES, various, VARIOUS);
}

static void streams_spiking_image(void **state)
{
    (void)state;
    compare(example_streams, SNN_WEIGHTS_INT16, SNN_ENCODING_DETERMINISTIC, IMAGES, various, VARIOUS);
}

static void streams_float32_spiking_image(void **state)
{
    (void)state;
    compare(example_streams, SNN_WEIGHTS_FLOAT32, SNN_ENCODING_DETERMINISTIC, IMAGES, various, VARIOUS);
}

static void neurons_of_all_channels_int16(void **state)
{
    (void)state;
    compare(example_nary, SNN_WEIGHTS_INT16, SNN_ENCODING_FLOAT, IMAGES, various, VARIOUS);
}

static void neurons_of_all_channels_float32(void **state)
{
    (void)state;
    compare(example_nary, SNN_WEIGHTS_FLOAT32, SNN_ENCODING_DIRECT, IMAGES, various, VARIOUS);
}

static void many_tiles(void **state)
{
    (void)state;
    const drive_settings settings[] = {
        {.cut = {1, 1}, .block = TIMESTEPS, .group = 2, .threads = 1},
        {.cut = {1, 1}, .block = 5, .group = 2, .threads = 3},
        {.cut = {1, 2}, .block = TIMESTEPS, .group = 1, .threads = 2},
    };
    compare(example_large, SNN_WEIGHTS_INT16, SNN_ENCODING_FLOAT, 2, settings, 3);
}

static void every_instruction_set(void **state)
{
    (void)state;
    int32_t count = 0;
    const snn_kernels *const *tables = all_tables(&count);
    for (int32_t i = 0; i < count; i++) {
        if (!tables[i]->available()) {
            continue;
        }
        const drive_settings settings = {.cut = {1, 2}, .block = 5, .group = 3, .threads = 2, .kernels = tables[i]};
        compare(example_residual, SNN_WEIGHTS_INT16, SNN_ENCODING_FLOAT, IMAGES, &settings, 1);
        compare(example_image, SNN_WEIGHTS_INT8, SNN_ENCODING_DETERMINISTIC, IMAGES, &settings, 1);
        compare(example_streams, SNN_WEIGHTS_INT16, SNN_ENCODING_FLOAT, IMAGES, &settings, 1);
        compare(example_nary, SNN_WEIGHTS_INT8, SNN_ENCODING_FLOAT, IMAGES, &settings, 1);
    }
}

/* Independent of the naive simulator: after many steps the readout is the trained network's result. */
static void readout_approaches_the_trained_network(void **state)
{
    (void)state;
    enum { STEPS = 128 };
    const snn_encoding encodings[] = {SNN_ENCODING_FLOAT, SNN_ENCODING_DIRECT, SNN_ENCODING_DETERMINISTIC};
    const float image[2] = {0.75f, -0.5f};
    float eta[STEPS];
    fill_schedule(eta, STEPS);
    for (size_t e = 0; e < 3; e++) {
        sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){1, 1, 2}, 2, 1);
        int32_t relu = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, 3}, NULL, false);
        int32_t readout = sample_readout(&made);
        sample_projection(&made, SNN_SOURCE_INPUT, relu, (snn_operator){.kind = SNN_OPERATOR_DENSE});
        sample_projection(&made, relu, readout, (snn_operator){.kind = SNN_OPERATOR_DENSE});
        snn_network *network = made.network;
        const int16_t first[6] = {1000, 200, -500, 800, 300, -900};
        const int16_t second[6] = {400, -700, 600, -100, 900, 800};
        memcpy(network->projections[0].weights, first, sizeof first);
        memcpy(network->projections[1].weights, second, sizeof second);
        float hidden[3], arrived = 1.0f; /* how much of the image */
        for (int t = 0; t < STEPS && encodings[e] == SNN_ENCODING_FLOAT; t++) {
            arrived = t == 0 ? eta[0] : arrived + eta[t] * (1.0f - arrived);
        }
        for (int c = 0; c < 3; c++) {
            snn_population *population = &network->populations[0];
            population->step[c] = 1e-3f;
            const float x = population->bias[c] +
                            1e-3f * arrived * ((float)first[2 * c] * image[0] + (float)first[2 * c + 1] * image[1]);
            /* Channel 0 stays at its largest value, but for errors; that of channel 2 was found too small. */
            population->scale[c] = c == 0 ? x * 0.97f : c == 1 ? 1.0f : 0.4f;
            hidden[c] = (x > 0.0f ? x : 0.0f) / population->scale[c];
            assert_true(c == 2 ? hidden[c] > 1.2f : hidden[c] < 1.04f);
        }
        const snn_channel_range all[2] = {{0, 3}, {0, 2}};
        const snn_shard_options options = {.images = 1,
                                           .block = 16,
                                           .timesteps = STEPS,
                                           .eta = eta,
                                           .encoding = encodings[e],
                                           .channels = all,
                                           .visible = all};
        snn_shard *shard = NULL;
        network->populations[1].step[0] = network->populations[1].step[1] = 1e-3f;
        assert_string_equal(snn_shard_create(network, best_kernels(), &options, &shard).message, "");
        assert_int_equal(snn_shard_begin_group(shard, 1, image, NULL).code, SNN_OK);
        for (int32_t t = 0; t < STEPS; t += 16) {
            assert_int_equal(snn_shard_run(shard, 0, t, 16).code, SNN_OK);
            assert_int_equal(snn_shard_run(shard, 1, t, 16).code, SNN_OK);
        }
        for (int c = 0; c < 2; c++) {
            float want = network->populations[1].bias[c];
            for (int i = 0; i < 3; i++) {
                want += 1e-3f * (float)second[3 * c + i] * hidden[i];
            }
            const float found = snn_shard_logits(shard)[c];
            if (!(fabsf(found - want) < 0.02f)) {
                fail_msg("encoding %zu, class %d: %g, expected %g", e, c, (double)found, (double)want);
            }
        }
        const snn_population_counts counts = snn_statistics_population(snn_shard_statistics(shard), network, relu);
        for (int c = 0; c < 3; c++) {
            assert_int_equal(counts.channel_beyond[c], c == 2);
        }
        snn_shard_destroy(shard);
        snn_network_destroy(network);
    }
}

/* A stream passes a graded image on: what a reader of it decodes differs from the image's share by what one integer is
 * worth at most, without it for float weights. */
static void graded_image_through_a_stream(void **state)
{
    (void)state;
    enum { STEPS = 40 };
    const snn_encoding encodings[] = {SNN_ENCODING_FLOAT, SNN_ENCODING_DIRECT};
    const snn_weight_format formats[] = {SNN_WEIGHTS_INT16, SNN_WEIGHTS_FLOAT32};
    const float image[2] = {0.75f, -0.5f};
    float eta[STEPS];
    fill_schedule(eta, STEPS);
    for (size_t i = 0; i < 4; i++) {
        const bool real = formats[i / 2] == SNN_WEIGHTS_FLOAT32;
        sample made = sample_begin(formats[i / 2], (snn_shape){1, 1, 2}, 2, 1);
        int32_t stream = sample_population(&made, SNN_NEURON_STREAM, (snn_shape){1, 1, 2}, NULL, false);
        int32_t readout = sample_readout(&made);
        sample_projection(&made, SNN_SOURCE_INPUT, stream, (snn_operator){.kind = SNN_OPERATOR_DIAGONAL});
        sample_projection(&made, stream, readout, (snn_operator){.kind = SNN_OPERATOR_DIAGONAL});
        for (int p = 0; p < 2; p++) {
            for (int c = 0; c < 2; c++) {
                made.network->populations[p].step[c] = 0.01f;
                ((int32_t *)made.network->projections[p].weights)[c] = p == 0 ? 150 : 1;
                if (real) {
                    ((float *)made.network->projections[p].weights)[c] = p == 0 ? 150.0f : 1.0f;
                }
            }
        }
        const snn_channel_range all[2] = {{0, 2}, {0, 2}};
        const snn_shard_options options = {.images = 1,
                                           .block = 7,
                                           .timesteps = STEPS,
                                           .eta = eta,
                                           .encoding = encodings[i % 2],
                                           .channels = all,
                                           .visible = all};
        snn_shard *shard = NULL;
        assert_string_equal(snn_shard_create(made.network, best_kernels(), &options, &shard).message, "");
        assert_int_equal(snn_shard_begin_group(shard, 1, image, NULL).code, SNN_OK);
        double arrived = encodings[i % 2] == SNN_ENCODING_DIRECT;
        for (int32_t t = 0; t < STEPS; t++) {
            arrived += (double)eta[t] * (1.0 - arrived);
            assert_int_equal(snn_shard_run(shard, 0, t, 1).code, SNN_OK);
            assert_int_equal(snn_shard_run(shard, 1, t, 1).code, SNN_OK);
            for (int c = 0; c < 2; c++) {
                const double want = 0.01 * 150.0 * (double)image[c] * arrived;
                const double found = (double)(snn_shard_logits(shard)[c] - made.network->populations[1].bias[c]);
                const double allowed = 1e-5 + (real ? 0.0 : 0.5 * 0.01 * (double)eta[t]);
                if (!(fabs(found - want) <= allowed)) {
                    fail_msg("case %zu, timestep %d, channel %d: %g, expected %g", i, t, c, found, want);
                }
            }
        }
        snn_shard_destroy(shard);
        snn_network_destroy(made.network);
    }
}

/* The first of equal classes wins. */
static void lowest_class_wins_a_tie(void **state)
{
    (void)state;
    const float eta[2] = {0.5f, 0.25f};
    sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){1, 1, 1}, 3, 1);
    int32_t relu = sample_population(&made, SNN_NEURON_RELU, (snn_shape){1, 1, 1}, NULL, false);
    int32_t readout = sample_readout(&made);
    sample_projection(&made, relu, readout, (snn_operator){.kind = SNN_OPERATOR_DENSE});
    sample_finish(&made);
    const float bias[3] = {-1.0f, 2.0f, 2.0f};
    memcpy(made.network->populations[1].bias, bias, sizeof bias);
    memset(made.network->projections[0].weights, 0, 3 * sizeof(int16_t));
    const snn_channel_range all[2] = {{0, 1}, {0, 3}};
    const snn_shard_options options = {.images = 1,
                                       .block = 2,
                                       .timesteps = 2,
                                       .eta = eta,
                                       .encoding = SNN_ENCODING_FLOAT,
                                       .channels = all,
                                       .visible = all};
    snn_shard *shard = NULL;
    assert_int_equal(snn_shard_create(made.network, best_kernels(), &options, &shard).code, SNN_OK);
    assert_false(snn_shard_reads_input(shard));
    assert_int_equal(snn_shard_begin_group(shard, 1, NULL, NULL).code, SNN_OK);
    assert_int_equal(snn_shard_run(shard, 0, 0, 2).code, SNN_OK);
    assert_int_equal(snn_shard_run(shard, 1, 0, 2).code, SNN_OK);
    assert_int_equal(snn_shard_predictions(shard)[0], 1);
    assert_int_equal(snn_shard_predictions(shard)[1], 1);
    assert_memory_equal(snn_shard_logits(shard), bias, sizeof bias);
    snn_shard_destroy(shard);
    snn_network_destroy(made.network);
}

static void statistics_lie_side_by_side(void **state)
{
    (void)state;
    snn_network *network = example_residual(SNN_WEIGHTS_INT16, 1);
    snn_statistics *statistics = NULL;
    assert_int_equal(snn_statistics_create(network, 7, &statistics).code, SNN_OK);
    assert_int_equal(statistics->timesteps, 7);
    assert_int_equal(statistics->populations, network->population_count);
    int64_t *next = statistics->counts;
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population_counts counts = snn_statistics_population(statistics, network, p);
        assert_ptr_equal(counts.spikes, next);
        assert_ptr_equal(counts.flips, next + 7);
        assert_ptr_equal(counts.error, next + 14);
        assert_ptr_equal(counts.channel_spikes, next + 21);
        assert_ptr_equal(counts.channel_beyond, next + 21 + network->populations[p].shape.channels);
        next += 21 + 2 * network->populations[p].shape.channels;
    }
    assert_ptr_equal(next, statistics->counts + statistics->length);
    for (size_t i = 0; i < statistics->length; i++) {
        assert_int_equal(statistics->counts[i], 0);
    }
    snn_statistics_destroy(statistics);
    snn_statistics_destroy(NULL);
    assert_int_equal(snn_statistics_create(network, 0, &statistics).code, SNN_INTERNAL_ERROR);
    assert_null(statistics);
    snn_network_destroy(network);
}

/* Shards that own nothing take part and do nothing. */
static void empty_shard_is_ordinary(void **state)
{
    (void)state;
    const float eta[4] = {0.1f, 0.1f, 0.1f, 0.1f};
    snn_network *network = example_image(SNN_WEIGHTS_INT16, 1);
    const snn_channel_range none[16] = {{0, 0}};
    const snn_shard_options options = {.images = 2,
                                       .block = 2,
                                       .timesteps = 4,
                                       .eta = eta,
                                       .encoding = SNN_ENCODING_DETERMINISTIC,
                                       .channels = none,
                                       .visible = none};
    int64_t weights, bytes, spikes;
    snn_shard *shard = NULL;
    snn_network_release_weights(network);
    assert_string_equal(snn_shard_create(network, best_kernels(), &options, &shard).message, "");
    assert_false(snn_shard_reads_input(shard));
    assert_int_equal(snn_shard_begin_group(shard, 2, NULL, NULL).code, SNN_OK);
    assert_int_equal(snn_shard_run(shard, 0, 0, 2).code, SNN_OK);
    assert_null(snn_shard_spikes(shard, 0).bits);
    assert_null(snn_shard_predictions(shard));
    assert_null(snn_shard_logits(shard));
    snn_shard_memory(shard, &weights, &bytes, &spikes);
    assert_int_equal(weights + bytes + spikes, 0);
    snn_shard_destroy(shard);
    snn_shard_destroy(NULL);
    snn_network_destroy(network);
}

static void memory_is_what_is_held(void **state)
{
    (void)state;
    const float eta[4] = {0.1f, 0.1f, 0.1f, 0.1f};
    sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){4, 4, 3}, 2, 1);
    int32_t relu = sample_population(&made, SNN_NEURON_RELU, (snn_shape){4, 4, 10}, NULL, false);
    int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, relu,
                      (snn_operator){.kind = SNN_OPERATOR_DIAGONAL, .target_channels = 3});
    sample_projection(&made, relu, readout, (snn_operator){.kind = SNN_OPERATOR_DENSE});
    sample_finish(&made);
    const snn_channel_range all[2] = {{0, 10}, {0, 2}};
    const snn_shard_options options = {.images = 5,
                                       .block = 3,
                                       .timesteps = 4,
                                       .eta = eta,
                                       .encoding = SNN_ENCODING_FLOAT,
                                       .channels = all,
                                       .visible = all};
    int64_t weights, bytes, spikes;
    snn_shard *shard = NULL;
    assert_string_equal(snn_shard_create(made.network, best_kernels(), &options, &shard).message, "");
    assert_true(snn_shard_reads_input(shard));
    snn_shard_memory(shard, &weights, &bytes, &spikes);
    assert_true(weights >= 3 * 4 + 160 * 2 * 2);
    assert_int_equal(spikes, 5 * 16 * 2 * (3 + 1));           /* the block and the step before it */
    assert_int_equal(bytes, 5 * 16 * 10 * 4 * 3 + 5 * 2 * 4); /* x, y, W p; readout */
    snn_shard_destroy(shard);
    snn_network_destroy(made.network);
}

static void expect_refusal(const snn_network *network, const snn_shard_options *options, const char *word)
{
    snn_shard *shard = NULL;
    snn_status status = snn_shard_create(network, best_kernels(), options, &shard);
    if (!snn_failed(status) || strstr(status.message, word) == NULL) {
        fail_msg("\"%s\" does not name %s", status.message, word);
    }
    assert_null(shard);
}

static void bad_shards_are_refused(void **state)
{
    (void)state;
    const float eta[4] = {0.1f, 0.1f, 0.1f, 0.1f};
    snn_network *network = example_residual(SNN_WEIGHTS_INT16, 1);
    snn_channel_range owned[16] = {{0, 0}}, visible[16] = {{0, 0}};
    for (int32_t p = 0; p < network->population_count; p++) {
        owned[p].end = visible[p].end = network->populations[p].shape.channels;
    }
    snn_shard_options options = {.images = 2,
                                 .block = 2,
                                 .timesteps = 4,
                                 .eta = eta,
                                 .encoding = SNN_ENCODING_FLOAT,
                                 .channels = owned,
                                 .visible = visible};
    options.images = 0;
    expect_refusal(network, &options, "images");
    options.images = 2;
    options.block = 0;
    expect_refusal(network, &options, "blocks");
    options.block = 2;
    options.timesteps = 0;
    expect_refusal(network, &options, "timesteps");
    options.timesteps = 4;
    owned[1].end = 13;
    expect_refusal(network, &options, "relu_1");
    owned[1].end = 12;
    owned[7].end = 3;
    expect_refusal(network, &options, "readout");
    owned[7].end = 5;
    owned[0].end = owned[0].begin = 0;
    visible[0].end = 9;
    expect_refusal(network, &options, "channels 0..10 of \"relu_0\" are needed");
    visible[0].end = 10;
    network->projections[3].row_begin = 7; /* none held */
    expect_refusal(network, &options, "projection 3");
    network->projections[3].row_begin = 0;
    network->populations[2].scale[0] = -1.0f;
    expect_refusal(network, &options, "scale[0]");
    snn_network_destroy(network);
}

static void steps_out_of_order_are_refused(void **state)
{
    (void)state;
    const float eta[4] = {0.1f, 0.1f, 0.1f, 0.1f};
    snn_network *network = example_image(SNN_WEIGHTS_INT16, 1);
    snn_channel_range owned[16] = {{0, 0}};
    for (int32_t p = 0; p < network->population_count; p++) {
        owned[p].end = network->populations[p].shape.channels;
    }
    const snn_shard_options options = {.images = 2,
                                       .block = 2,
                                       .timesteps = 4,
                                       .eta = eta,
                                       .encoding = SNN_ENCODING_DETERMINISTIC,
                                       .channels = owned,
                                       .visible = owned};
    float *pixels = example_pixels(network, 3, 1);
    snn_shard *shard = NULL;
    assert_string_equal(snn_shard_create(network, best_kernels(), &options, &shard).message, "");
    assert_int_equal(snn_shard_begin_group(shard, 3, pixels, NULL).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_shard_begin_group(shard, 0, pixels, NULL).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_shard_begin_group(shard, 2, NULL, NULL).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_shard_begin_group(shard, 2, pixels, NULL).code, SNN_OK);
    assert_int_equal(snn_shard_run(shard, -1, 0, 2).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_shard_run(shard, network->population_count, 0, 2).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_shard_run(shard, 0, 1, 2).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_shard_run(shard, 0, 0, 3).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_shard_run(shard, 0, 0, 0).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_shard_run(shard, 0, 0, 2).code, SNN_OK);
    assert_int_equal(snn_shard_run(shard, 0, 0, 2).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_shard_run(shard, 0, 2, 2).code, SNN_OK);
    assert_int_equal(snn_shard_run(shard, 0, 4, 1).code, SNN_INTERNAL_ERROR);
    /* The image's spikes of the first block are gone. */
    assert_non_null(strstr(snn_shard_run(shard, 1, 0, 2).message, "of the image asked for"));
    snn_shard_destroy(shard);
    snn_release(pixels);
    snn_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(residual_network_int16),
        cmocka_unit_test(residual_network_int8_direct),
        cmocka_unit_test(residual_network_float32),
        cmocka_unit_test(residual_network_spiking_image),
        cmocka_unit_test(image_operators_int16),
        cmocka_unit_test(image_operators_float32),
        cmocka_unit_test(image_operators_spiking_image),
        cmocka_unit_test(many_tiles),
        cmocka_unit_test(streams_int16),
        cmocka_unit_test(streams_int8_direct),
        cmocka_unit_test(streams_spiking_image),
        cmocka_unit_test(streams_float32_spiking_image),
        cmocka_unit_test(neurons_of_all_channels_int16),
        cmocka_unit_test(neurons_of_all_channels_float32),
        cmocka_unit_test(every_instruction_set),
        cmocka_unit_test(readout_approaches_the_trained_network),
        cmocka_unit_test(graded_image_through_a_stream),
        cmocka_unit_test(lowest_class_wins_a_tie),
        cmocka_unit_test(statistics_lie_side_by_side),
        cmocka_unit_test(empty_shard_is_ordinary),
        cmocka_unit_test(memory_is_what_is_held),
        cmocka_unit_test(bad_shards_are_refused),
        cmocka_unit_test(steps_out_of_order_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
