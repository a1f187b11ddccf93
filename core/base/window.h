/* Windows of convolutions and pools. */
#ifndef SNN_BASE_WINDOW_H
#define SNN_BASE_WINDOW_H

#include <stdint.h>

/* Two spatial axes: [0] height, [1] width. */
typedef struct snn_window {
    int32_t kernel[2], stride[2], dilation[2], pad_begin[2], pad_end[2];
} snn_window;

/* Rows (or columns) from the first tap to the last. */
static inline int64_t snn_window_extent(const snn_window *window, int axis)
{
    return (int64_t)(window->kernel[axis] - 1) * window->dilation[axis] + 1;
}

/* Output size of a window along axis 0 (height) or 1 (width) for an input of that size. */
static inline int32_t snn_window_output(const snn_window *window, int axis, int32_t size)
{
    const int64_t padded = (int64_t)size + window->pad_begin[axis] + window->pad_end[axis];
    return (int32_t)((padded - snn_window_extent(window, axis)) / window->stride[axis] + 1);
}

/* Taps [begin, end) of an output's window along one axis, those inside the input; tap 0 is at `start`. */
typedef struct snn_taps {
    int64_t start, begin, end;
} snn_taps;

static inline snn_taps snn_window_taps(const snn_window *window, int axis, int64_t size, int64_t output)
{
    const int64_t kernel = window->kernel[axis], dilation = window->dilation[axis];
    const int64_t start = output * window->stride[axis] - window->pad_begin[axis];
    int64_t begin = start < 0 ? (-start + dilation - 1) / dilation : 0;
    int64_t end = start < size ? (size - 1 - start) / dilation + 1 : 0;
    begin = begin < kernel ? begin : kernel;
    end = end < kernel ? end : kernel;
    return (snn_taps){start, begin, end > begin ? end : begin};
}

#endif
