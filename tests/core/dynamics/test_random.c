#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "core/dynamics/random.h"

/* The known answers that the authors of the generator publish (Random123, kat_vectors, "philox4x32 10"). */
static void published_vectors(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U}},
        {{0xffffffffU, 0xffffffffU, 0xffffffffU, 0xffffffffU},
         {0xffffffffU, 0xffffffffU},
         {0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU}},
        {{0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U},
         {0xa4093822U, 0x299f31d0U},
         {0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const snn_random_block block = snn_random_philox(vectors[i].counter, vectors[i].key);
        assert_memory_equal(block.word, vectors[i].answer, sizeof block.word);
    }
}

/* Image, pixel, step and seed lie where they cannot collide: as the published vector in its own words. */
static void pixel_is_a_counter(void **state)
{
    (void)state;
    const uint32_t counter[4] = {0x13198a2eU, 0x03707344U, 17, 5}, key[2] = {0xa4093822U, 0x299f31d0U};
    const snn_random_block expected = snn_random_philox(counter, key);
    for (uint32_t step = 20; step < 24; step++) {
        const snn_random_block block = snn_random_pixel(0x299f31d0a4093822U, 0x0370734413198a2e, 17, step);
        assert_memory_equal(&block, &expected, sizeof block);
    }
    const snn_random_block others[] = {
        snn_random_pixel(0x299f31d0a4093823U, 0x0370734413198a2e, 17, 20),
        snn_random_pixel(0x299f31d1a4093822U, 0x0370734413198a2e, 17, 20),
        snn_random_pixel(0x299f31d0a4093822U, 0x0370734413198a2f, 17, 20),
        snn_random_pixel(0x299f31d0a4093822U, 0x0370734513198a2e, 17, 20),
        snn_random_pixel(0x299f31d0a4093822U, 0x0370734413198a2e, 18, 20),
        snn_random_pixel(0x299f31d0a4093822U, 0x0370734413198a2e, 17, 24),
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_memory_not_equal(&others[i], &expected, sizeof expected);
    }
}

static void uniform_is_in_range_and_exact(void **state)
{
    (void)state;
    assert_true(snn_random_uniform(0) == 0.0F);
    assert_true(snn_random_uniform(0x80000000U) == 0.5F);
    assert_true(snn_random_uniform(0xffffffffU) == 1.0F - 0x1p-24F);
}

/* Means of the words, and of products of neighbours in each of the three directions that counters vary in, lie within
 * five standard deviations of those of independent uniform numbers. */
static void numbers_are_uniform_and_independent(void **state)
{
    (void)state;
    enum { IMAGES = 40, PIXELS = 40, STEPS = 40 };
    static float u[IMAGES][PIXELS][STEPS];
    for (uint32_t image = 0; image < IMAGES; image++) {
        for (uint32_t pixel = 0; pixel < PIXELS; pixel++) {
            for (uint32_t step = 0; step < STEPS; step++) {
                u[image][pixel][step] = snn_random_uniform(snn_random_pixel(1, image, pixel, step).word[step % 4]);
            }
        }
    }
    double sum = 0.0, along[3] = {0.0};
    for (int i = 1; i < IMAGES; i++) {
        for (int p = 1; p < PIXELS; p++) {
            for (int s = 1; s < STEPS; s++) {
                const double centred = (double)u[i][p][s] - 0.5;
                sum += centred;
                along[0] += centred * ((double)u[i - 1][p][s] - 0.5);
                along[1] += centred * ((double)u[i][p - 1][s] - 0.5);
                along[2] += centred * ((double)u[i][p][s - 1] - 0.5);
            }
        }
    }
    const double count = 39.0 * 39.0 * 39.0;
    assert_true(fabs(sum) < 5.0 * sqrt(count / 12.0));
    for (int i = 0; i < 3; i++) {
        assert_true(fabs(along[i]) < 5.0 * sqrt(count) / 12.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(pixel_is_a_counter),
        cmocka_unit_test(uniform_is_in_range_and_exact),
        cmocka_unit_test(numbers_are_uniform_and_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
