/* Quantiles by histogram against those of the sorted values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "core/convert/histogram.h"

enum { CHANNELS = 3, VALUES = 20000 };

static float values[CHANNELS][VALUES];

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float magnitude_of(uint64_t *random)
{
    *random = *random * 6364136223846793005U + 1442695040888963407U;
    return (float)(*random >> 40) * 0x1p-24f;
}

static void fill_values(float maxima[CHANNELS])
{
    uint64_t random = 1;
    for (int c = 0; c < CHANNELS; c++) {
        maxima[c] = 0.0f;
        for (int i = 0; i < VALUES; i++) {
            const float u = magnitude_of(&random);
            /* even, with a long tail, and few distinct values */
            values[c][i] = c == 0 ? u : c == 1 ? u * u * u * u * u * u * 300.0f : floorf(u * 4.0f);
            values[c][i] = i % 2 == 0 ? values[c][i] : -values[c][i];
            maxima[c] = fmaxf(maxima[c], fabsf(values[c][i]));
        }
    }
}

static snn_histogram *count_values(const float *maxima, int threads, int first, int end)
{
    snn_histogram *histogram = NULL;
    assert_int_equal(snn_histogram_create(maxima, CHANNELS, &histogram).code, SNN_OK);
#pragma omp parallel for num_threads(threads)
    for (int i = first; i < end; i++) {
        for (int c = 0; c < CHANNELS; c++) {
            snn_histogram_add(histogram, c, values[c][i]);
        }
    }
    return histogram;
}

static void quantiles_bound_the_sorted_values(void **state)
{
    (void)state;
    static const double quantiles[] = {1e-9, 0.01, 0.5, 0.9, 0.99, 0.999, 0.9999};
    float maxima[CHANNELS];
    fill_values(maxima);
    snn_histogram *histogram = count_values(maxima, 1, 0, VALUES);
    for (int c = 0; c < CHANNELS; c++) {
        float sorted[VALUES];
        for (int i = 0; i < VALUES; i++) {
            sorted[i] = fabsf(values[c][i]);
        }
        qsort(sorted, VALUES, sizeof sorted[0], ascending);
        for (size_t q = 0; q < sizeof quantiles / sizeof quantiles[0]; q++) {
            float found[CHANNELS];
            snn_histogram_quantiles(histogram, quantiles[q], found);
            const float exact = sorted[(int)ceil(quantiles[q] * VALUES) - 1];
            assert_true(found[c] >= exact);
            assert_true(found[c] <= exact + maxima[c] * 1.001f / SNN_HISTOGRAM_BINS);
        }
        float found[CHANNELS];
        snn_histogram_quantiles(histogram, 1.0, found);
        assert_true(found[c] == maxima[c]);
    }
    snn_histogram_destroy(histogram);
}

/* However the images lie on ranks and threads, the counts are the same. */
static void counts_do_not_depend_on_who_counts(void **state)
{
    (void)state;
    float maxima[CHANNELS];
    fill_values(maxima);
    snn_histogram *whole = count_values(maxima, 1, 0, VALUES);
    snn_histogram *first = count_values(maxima, 4, 0, 777), *rest = count_values(maxima, 3, 777, VALUES);
    assert_int_equal(snn_histogram_length(whole), CHANNELS * SNN_HISTOGRAM_BINS);
    int64_t total = 0;
    for (int64_t i = 0; i < snn_histogram_length(whole); i++) {
        assert_int_equal(whole->counts[i], first->counts[i] + rest->counts[i]);
        total += whole->counts[i];
    }
    assert_int_equal(total, CHANNELS * VALUES);
    snn_histogram_destroy(whole);
    snn_histogram_destroy(first);
    snn_histogram_destroy(rest);
}

/* Magnitudes on a bin's upper edge belong to it: with a maximum of BINS, bin b ends at b + 1 exactly. */
static void edges_belong_to_the_bin_below(void **state)
{
    (void)state;
    const float maximum[1] = {SNN_HISTOGRAM_BINS};
    snn_histogram *histogram = NULL;
    assert_int_equal(snn_histogram_create(maximum, 1, &histogram).code, SNN_OK);
    for (int i = 1; i <= SNN_HISTOGRAM_BINS; i++) {
        snn_histogram_add(histogram, 0, (float)i);
        assert_int_equal(histogram->counts[i - 1], 1);
    }
    snn_histogram_add(histogram, 0, 0.0f);
    snn_histogram_add(histogram, 0, -0.5f);
    assert_int_equal(histogram->counts[0], 3);
    float found[1];
    snn_histogram_quantiles(histogram, 0.5, found);
    assert_true(found[0] == SNN_HISTOGRAM_BINS / 2 - 1);
    snn_histogram_destroy(histogram);
}

static void odd_channels_keep_their_maximum(void **state)
{
    (void)state;
    const float maxima[4] = {0.0f, INFINITY, 2.0f, 3.0f};
    snn_histogram *histogram = NULL;
    assert_int_equal(snn_histogram_create(maxima, 4, &histogram).code, SNN_OK);
    snn_histogram_add(histogram, 0, 0.0f);
    snn_histogram_add(histogram, 1, 1.0f);
    snn_histogram_add(histogram, 2, NAN);
    snn_histogram_add(histogram, 3, 100.0f); /* beyond the maximum: the last bin */
    float found[4];
    snn_histogram_quantiles(histogram, 0.5, found);
    assert_memory_equal(found, maxima, sizeof maxima);
    snn_histogram_destroy(histogram);
    snn_histogram_destroy(NULL);
    assert_int_equal(snn_histogram_create(maxima, INT64_MAX, &histogram).code, SNN_INTERNAL_ERROR);
    assert_null(histogram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_bound_the_sorted_values),
        cmocka_unit_test(counts_do_not_depend_on_who_counts),
        cmocka_unit_test(edges_belong_to_the_bin_below),
        cmocka_unit_test(odd_channels_keep_their_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
