/* The stochastic encoding of the image. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/base/memory.h"
#include "tests/core/shard/drive.h"
#include "tests/core/shard/examples.h"

enum { TIMESTEPS = 12, IMAGES = 5 };

static const snn_kernels *best_kernels(void)
{
    const snn_kernels *kernels = NULL;
    assert_int_equal(snn_kernels_select(&kernels).code, SNN_OK);
    return kernels;
}

/* Cuts, groups, blocks (also across the words of one draw) and threads change no bit. */
static void same_spikes_at_any_cut(void **state)
{
    (void)state;
    static const drive_settings various[] = {
        {.cut = {1, 1}, .block = 1, .group = IMAGES, .threads = 1},
        {.cut = {1, 1}, .block = 3, .group = 2, .threads = 3},
        {.cut = {1, 1}, .block = TIMESTEPS, .group = 1, .threads = 2},
        {.cut = {1, 3}, .block = 5, .group = IMAGES, .threads = 2},
        {.cut = {2, 2}, .block = 7, .group = 3, .threads = 1},
    };
    const snn_schedule schedule = {.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.15, .gamma = 0.95};
    float eta[TIMESTEPS];
    assert_int_equal(snn_schedule_fill(&schedule, TIMESTEPS, eta).code, SNN_OK);
    snn_network *network = example_image(SNN_WEIGHTS_INT16, 1);
    float *pixels = example_pixels(network, IMAGES, 5);
    naive_result expected = naive_run(network, SNN_ENCODING_STOCHASTIC, eta, TIMESTEPS, pixels, IMAGES);
    for (size_t i = 0; i < sizeof various / sizeof various[0]; i++) {
        drive_settings settings = various[i];
        settings.kernels = best_kernels();
        settings.encoding = SNN_ENCODING_STOCHASTIC;
        drive_and_compare(network, &settings, eta, pixels, &expected);
    }
    naive_clear(&expected, network);
    snn_release(pixels);
    snn_network_destroy(network);
}

/* A network whose readout is the decoded image: logit c = y_in of pixel c. */
static snn_network *decoder(void)
{
    sample made = sample_begin(SNN_WEIGHTS_INT16, (snn_shape){1, 1, 3}, 3, 1);
    const int32_t readout = sample_readout(&made);
    sample_projection(&made, SNN_SOURCE_INPUT, readout, (snn_operator){.kind = SNN_OPERATOR_DENSE});
    const int16_t identity[9] = {1000, 0, 0, 0, 1000, 0, 0, 0, 1000};
    memcpy(made.network->projections[0].weights, identity, sizeof identity);
    for (int c = 0; c < 3; c++) {
        made.network->populations[readout].step[c] = 1e-3f;
        made.network->populations[readout].bias[c] = 0.0f;
    }
    return made.network;
}

typedef struct decoded {
    double mean[3], product[3]; /* over images: of y_in, and of its centred products for neighbouring channels */
} decoded;

static decoded run_decoder(const float pixels[3], const float *eta, int32_t steps, uint64_t seed, int64_t images)
{
    enum { GROUP = 100 };
    snn_network *network = decoder();
    const snn_channel_range all[1] = {{0, 3}};
    const snn_shard_options options = {.images = GROUP,
                                       .block = 8,
                                       .timesteps = steps,
                                       .eta = eta,
                                       .encoding = SNN_ENCODING_STOCHASTIC,
                                       .channels = all,
                                       .visible = all,
                                       .seed = seed};
    float group[GROUP * 3];
    int64_t numbers[GROUP];
    snn_shard *shard = NULL;
    decoded result = {{0.0}, {0.0}};
    for (int i = 0; i < GROUP * 3; i++) {
        group[i] = pixels[i % 3];
    }
    assert_string_equal(snn_shard_create(network, best_kernels(), &options, &shard).message, "");
    for (int64_t first = 0; first < images; first += GROUP) {
        for (int i = 0; i < GROUP; i++) {
            numbers[i] = first + i;
        }
        assert_int_equal(snn_shard_begin_group(shard, GROUP, group, numbers).code, SNN_OK);
        for (int32_t t = 0; t < steps; t += 8) {
            assert_int_equal(snn_shard_run(shard, 0, t, steps - t < 8 ? steps - t : 8).code, SNN_OK);
        }
        const float *logits = snn_shard_logits(shard);
        for (int i = 0; i < GROUP; i++) {
            for (int c = 0; c < 3; c++) {
                const double value = (double)logits[3 * i + c], other = (double)logits[3 * i + (c + 1) % 3];
                result.mean[c] += value / (double)images;
                result.product[c] += value * other / (double)images;
            }
        }
    }
    for (int c = 0; c < 3; c++) {
        result.product[c] -= result.mean[c] * result.mean[(c + 1) % 3];
    }
    snn_shard_destroy(shard);
    snn_network_destroy(network);
    return result;
}

/* After one step y_in is eta (1 - 2 s) with s = 1 as likely as sigmoid(-p): five standard deviations. Channels are not
 * correlated. */
static void first_spikes_have_their_probability(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    const float pixels[3] = {-1.5f, 0.25f, 2.0f}, eta[1] = {1.0f};
    const decoded found = run_decoder(pixels, eta, 1, 5, DRAWS);
    for (int c = 0; c < 3; c++) {
        const double probability = 1.0 / (1.0 + exp((double)pixels[c]));
        const double deviation = 2.0 * sqrt(probability * (1.0 - probability) / DRAWS);
        assert_true(fabs(found.mean[c] - (1.0 - 2.0 * probability)) < 5.0 * deviation);
        assert_true(fabs(found.product[c]) < 5.0 / sqrt(DRAWS));
    }
}

/* The decoded image drifts to the pixel: its mean obeys m <- m - eta E(2 s - 1), which is where p is attracting. */
static void decoded_image_approaches_the_pixel(void **state)
{
    (void)state;
    enum { STEPS = 400, DRAWS = 2000 };
    const float pixels[3] = {-0.75f, 0.0f, 0.5f};
    float eta[STEPS];
    for (int t = 0; t < STEPS; t++) {
        eta[t] = 0.05f;
    }
    const decoded found = run_decoder(pixels, eta, STEPS, 6, DRAWS);
    for (int c = 0; c < 3; c++) {
        assert_true(fabs(found.mean[c] - (double)pixels[c]) < 0.03);
    }
}

/* Another seed draws other numbers; a missing list of numbers is refused. */
static void seed_and_numbers_matter(void **state)
{
    (void)state;
    const float pixels[3] = {0.1f, 0.2f, 0.3f}, eta[4] = {0.1f, 0.1f, 0.1f, 0.1f};
    const decoded first = run_decoder(pixels, eta, 4, 1, 100), again = run_decoder(pixels, eta, 4, 1, 100);
    const decoded other = run_decoder(pixels, eta, 4, 2, 100);
    assert_memory_equal(&first, &again, sizeof first);
    assert_memory_not_equal(&first, &other, sizeof first);

    snn_network *network = decoder();
    const snn_channel_range all[1] = {{0, 3}};
    const snn_shard_options options = {.images = 1,
                                       .block = 1,
                                       .timesteps = 4,
                                       .eta = eta,
                                       .encoding = SNN_ENCODING_STOCHASTIC,
                                       .channels = all,
                                       .visible = all};
    snn_shard *shard = NULL;
    assert_int_equal(snn_shard_create(network, best_kernels(), &options, &shard).code, SNN_OK);
    const snn_status status = snn_shard_begin_group(shard, 1, pixels, NULL);
    assert_int_equal(status.code, SNN_INTERNAL_ERROR);
    assert_non_null(strstr(status.message, "numbers"));
    snn_shard_destroy(shard);
    snn_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_spikes_at_any_cut),
        cmocka_unit_test(first_spikes_have_their_probability),
        cmocka_unit_test(decoded_image_approaches_the_pixel),
        cmocka_unit_test(seed_and_numbers_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
