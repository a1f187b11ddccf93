#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/hdf5/results.h"

enum { TIMESTEPS = 3, CLASSES = 2, MOST = 40 };

/* What row `image` must hold. */
static int32_t prediction_of(int64_t image, int step)
{
    return (int32_t)(image * 10 + step);
}

static float logit_of(int64_t image, int c)
{
    return (float)image + (float)c / 4.0F;
}

static void append_rows(snn_results *results, int64_t first, int64_t count)
{
    int64_t images[MOST];
    int32_t predictions[MOST * TIMESTEPS];
    float logits[MOST * CLASSES];
    for (int64_t i = 0; i < count; i++) {
        images[i] = first - i; /* descending: order is the caller's */
        for (int step = 0; step < TIMESTEPS; step++) {
            predictions[i * TIMESTEPS + step] = prediction_of(images[i], step);
        }
        for (int c = 0; c < CLASSES; c++) {
            logits[i * CLASSES + c] = logit_of(images[i], c);
        }
    }
    assert_int_equal(snn_results_append(results, images, count, predictions, logits).code, SNN_OK);
}

static void rows_survive_growth(void **state)
{
    static const int64_t counts[] = {1, 1, 0, 2, MOST, 5, 1};
    (void)state;
    snn_results *results;
    assert_int_equal(snn_results_create(TIMESTEPS, CLASSES, &results).code, SNN_OK);
    assert_int_equal(results->count, 0);
    for (size_t call = 0; call < sizeof counts / sizeof counts[0]; call++) {
        append_rows(results, 1000 * (int64_t)(call + 1), counts[call]);
    }
    int64_t row = 0;
    for (size_t call = 0; call < sizeof counts / sizeof counts[0]; call++) {
        for (int64_t i = 0; i < counts[call]; i++, row++) {
            const int64_t image = 1000 * (int64_t)(call + 1) - i;
            assert_int_equal(results->image[row], image);
            for (int step = 0; step < TIMESTEPS; step++) {
                assert_int_equal(results->predictions[row * TIMESTEPS + step], prediction_of(image, step));
            }
            for (int c = 0; c < CLASSES; c++) {
                assert_true(results->logits[row * CLASSES + c] == logit_of(image, c));
            }
        }
    }
    assert_int_equal(results->count, row);
    assert_true(results->capacity >= row);
    snn_results_destroy(results);
}

static void reserved_rows_stay_where_they_are(void **state)
{
    (void)state;
    snn_results *results;
    assert_int_equal(snn_results_create(TIMESTEPS, CLASSES, &results).code, SNN_OK);
    append_rows(results, 100, 2);
    assert_int_equal(snn_results_reserve(results, 5).code, SNN_OK);
    assert_int_equal(results->capacity, 5);
    const int64_t *image = results->image;
    append_rows(results, 200, 3);
    assert_int_equal(snn_results_reserve(results, 1).code, SNN_OK); /* nothing is taken away */
    assert_ptr_equal(results->image, image);
    assert_int_equal(results->capacity, 5);
    assert_int_equal(results->image[1], 99);
    assert_int_equal(results->image[4], 198);
    assert_int_equal(snn_results_reserve(results, INT64_MAX / 4).code, SNN_INTERNAL_ERROR);
    assert_int_equal(results->count, 5);
    snn_results_destroy(results);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    snn_results *results;
    assert_int_equal(snn_results_create(0, CLASSES, &results).code, SNN_INTERNAL_ERROR);
    assert_null(results);
    assert_int_equal(snn_results_create(TIMESTEPS, 0, &results).code, SNN_INTERNAL_ERROR);
    assert_null(results);

    assert_int_equal(snn_results_create(TIMESTEPS, CLASSES, &results).code, SNN_OK);
    append_rows(results, 7, 1);
    assert_int_equal(snn_results_append(results, NULL, -1, NULL, NULL).code, SNN_INTERNAL_ERROR);
    assert_int_equal(snn_results_append(results, NULL, INT64_MAX, NULL, NULL).code, SNN_INTERNAL_ERROR);
    /* memory for that is refused, and what was there stays */
    assert_int_equal(snn_results_append(results, NULL, INT64_MAX / 4, NULL, NULL).code, SNN_INTERNAL_ERROR);
    assert_int_equal(results->count, 1);
    assert_int_equal(results->image[0], 7);
    assert_int_equal(results->predictions[2], prediction_of(7, 2));
    snn_results_destroy(results);
    snn_results_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_survive_growth),
        cmocka_unit_test(reserved_rows_stay_where_they_are),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
