/* Random numbers and shapes for the kernels' tests, the same on every machine. */
#ifndef TESTS_KERNELS_RANDOM_CASE_H
#define TESTS_KERNELS_RANDOM_CASE_H

#include "core/network/network.h"
#include "core/network/spikes.h"

#include <stddef.h>

void seed_random(uint64_t seed);

/* Uniform in [low, high]. */
int32_t random_int(int32_t low, int32_t high);
bool random_bool(void);
/* Uniform in [-scale, scale]. */
float random_float(float scale);
void fill_random(void *data, size_t bytes);

/* A random half-open range inside [begin, end), not empty. */
void random_range(int32_t begin, int32_t end, int32_t *first, int32_t *last);

/* A window of which at least one position fits into an input of `size`. */
snn_window random_window(const int32_t size[2], int32_t largest_kernel);
int32_t window_output(const snn_window *window, int axis, int32_t size);

/* snn_allocate, and the test fails if that does. */
void *allocate(int64_t count, size_t size);
/* Unused bits of the last bytes are random too: no kernel may count them. Of windows they are 0. */
snn_spikes random_spikes(int64_t positions, int32_t channels, int32_t images, int32_t steps);
snn_spikes random_windows(int64_t positions, int32_t channels, int32_t images, int32_t steps);

#endif
