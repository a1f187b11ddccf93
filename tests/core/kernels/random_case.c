#include "tests/core/kernels/random_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"

static uint64_t random_state;

void seed_random(uint64_t seed)
{
    random_state = seed;
}

static uint64_t random_bits(void) /* splitmix64 */
{
    random_state += 0x9E3779B97F4A7C15U;
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

int32_t random_int(int32_t low, int32_t high)
{
    return low + (int32_t)(random_bits() % (uint64_t)(high - low + 1));
}

bool random_bool(void)
{
    return random_int(0, 1) != 0;
}

float random_float(float scale)
{
    return scale * ((float)random_int(-1000000, 1000000) / 1000000.0F);
}

void fill_random(void *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        ((uint8_t *)data)[i] = (uint8_t)random_bits();
    }
}

void *allocate(int64_t count, size_t size)
{
    void *data = snn_allocate((size_t)count, size);
    assert_non_null(data);
    return data;
}

snn_spikes random_spikes(int64_t positions, int32_t channels, int32_t images, int32_t steps)
{
    snn_spikes spikes = snn_spikes_of(NULL, positions, channels, images, 0);
    const int64_t bytes = snn_spikes_block_bytes(&spikes, steps);
    spikes.bits = allocate(bytes, 1);
    fill_random(spikes.bits, (size_t)bytes);
    return spikes;
}

snn_spikes random_windows(int64_t positions, int32_t channels, int32_t images, int32_t steps)
{
    snn_spikes spikes = snn_spikes_of(NULL, positions, channels, images, steps);
    const int64_t bytes = snn_spikes_block_bytes(&spikes, steps);
    spikes.bits = allocate(bytes, 1);
    fill_random(spikes.bits, (size_t)bytes);
    snn_spikes_clear_unused(&spikes, steps);
    return spikes;
}

int32_t window_output(const snn_window *window, int axis, int32_t size)
{
    return (size + window->pad_begin[axis] + window->pad_end[axis] -
            window->dilation[axis] * (window->kernel[axis] - 1) - 1) /
               window->stride[axis] +
           1;
}

snn_window random_window(const int32_t size[2], int32_t largest_kernel)
{
    snn_window window;
    for (int axis = 0; axis < 2; axis++) {
        window.kernel[axis] = random_int(1, largest_kernel);
        window.stride[axis] = random_int(1, 3);
        window.dilation[axis] = random_int(0, 3) == 0 ? random_int(2, 3) : 1;
        window.pad_begin[axis] = random_int(0, window.kernel[axis] - 1);
        window.pad_end[axis] = random_int(0, window.kernel[axis] - 1);
        const int32_t missing = window.dilation[axis] * (window.kernel[axis] - 1) + 1 - size[axis] -
                                window.pad_begin[axis] - window.pad_end[axis];
        window.pad_end[axis] += missing > 0 ? missing : 0;
    }
    return window;
}

void random_range(int32_t begin, int32_t end, int32_t *first, int32_t *last)
{
    *first = random_bool() ? begin : random_int(begin, end - 1);
    *last = random_bool() ? end : random_int(*first + 1, end);
}
