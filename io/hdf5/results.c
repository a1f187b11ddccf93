#include "io/hdf5/results.h"

#include <string.h>

#include "core/base/memory.h"

snn_status snn_results_create(int32_t timesteps, int32_t classes, snn_results **results)
{
    *results = NULL;
    if (timesteps < 1 || classes < 1) {
        return snn_fail(SNN_INTERNAL_ERROR, "results of %d timesteps and %d classes", timesteps, classes);
    }
    snn_results *made = snn_allocate(1, sizeof *made);
    if (made == NULL) {
        return snn_out_of_memory("results");
    }
    made->timesteps = timesteps;
    made->classes = classes;
    *results = made;
    return snn_ok();
}

/* All three arrays grow or none. */
static snn_status grow(snn_results *results, int64_t capacity)
{
    const size_t timesteps = (size_t)results->timesteps;
    const size_t classes = (size_t)results->classes;
    int64_t *image = snn_allocate((size_t)capacity, sizeof *image);
    int32_t *predictions = snn_allocate((size_t)capacity, timesteps * sizeof *predictions);
    float *logits = snn_allocate((size_t)capacity, classes * sizeof *logits);
    if (image == NULL || predictions == NULL || logits == NULL) {
        snn_release(image);
        snn_release(predictions);
        snn_release(logits);
        return snn_out_of_memory("results");
    }
    if (results->count > 0) {
        const size_t count = (size_t)results->count;
        memcpy(image, results->image, count * sizeof *image);
        memcpy(predictions, results->predictions, count * timesteps * sizeof *predictions);
        memcpy(logits, results->logits, count * classes * sizeof *logits);
    }
    snn_release(results->image);
    snn_release(results->predictions);
    snn_release(results->logits);
    results->image = image;
    results->predictions = predictions;
    results->logits = logits;
    results->capacity = capacity;
    return snn_ok();
}

snn_status snn_results_reserve(snn_results *results, int64_t rows)
{
    return rows > results->capacity ? grow(results, rows) : snn_ok();
}

snn_status snn_results_append(snn_results *results, const int64_t *images, int64_t count, const int32_t *predictions,
                              const float *logits)
{
    if (count < 0 || count > INT64_MAX / 2 - results->count) {
        return snn_fail(SNN_INTERNAL_ERROR, "results of %lld images", (long long)count);
    }
    if (count == 0) {
        return snn_ok();
    }
    const int64_t needed = results->count + count;
    if (needed > results->capacity) {
        const int64_t doubled = 2 * results->capacity;
        SNN_TRY(grow(results, needed > doubled ? needed : doubled));
    }
    const size_t rows = (size_t)count;
    const size_t first = (size_t)results->count;
    const size_t timesteps = (size_t)results->timesteps;
    const size_t classes = (size_t)results->classes;
    memcpy(results->image + first, images, rows * sizeof *images);
    memcpy(results->predictions + first * timesteps, predictions, rows * timesteps * sizeof *predictions);
    memcpy(results->logits + first * classes, logits, rows * classes * sizeof *logits);
    results->count = needed;
    return snn_ok();
}

void snn_results_destroy(snn_results *results)
{
    if (results == NULL) {
        return;
    }
    snn_release(results->image);
    snn_release(results->predictions);
    snn_release(results->logits);
    snn_release(results);
}
