/* x of neurons that fire in windows, from exact sums, or kept from timestep to timestep; and f(x) of a batch of them.
 */
#include "core/kernels/nary.h"
#include "core/kernels/window_neurons.h"

/* x of all input channels of `count` positions of the tile. */
static void decode(const snn_window_job *job, int32_t moment, int64_t position, int64_t count, float *restrict x)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t channels = neurons->input_channels, stride = job->constants->bias_stride;
    const int64_t positions = job->tile->position_end - job->tile->position_begin;
    int64_t at = (moment * positions + position - job->tile->position_begin) * channels;
    for (int64_t i = 0; i < count; i += job->together, at += job->together * channels) {
        const int64_t values = channels * (count - i < job->together ? count - i : job->together);
        const float *restrict bias = job->bias + (position + i) * stride, *restrict step = job->step;
        if (job->tile->accumulator == NULL) {
            for (int64_t c = 0; c < values; c++) {
                x[c] = bias[c] + step[c] * 0.0F;
            }
        } else if (neurons->real) {
            const float *restrict real = (const float *)job->tile->accumulator + at;
            for (int64_t c = 0; c < values; c++) {
                x[c] = bias[c] + step[c] * real[c];
            }
        } else {
            const int32_t *restrict sum = (const int32_t *)job->tile->accumulator + at;
            for (int64_t c = 0; c < values; c++) {
                x[c] = bias[c] + step[c] * (float)sum[c];
            }
        }
        if (neurons->graded != NULL) {
            const float *restrict graded = neurons->graded + (position - job->tile->position_begin + i) * channels;
            for (int64_t c = 0; c < values; c++) {
                x[c] = x[c] + graded[c];
            }
        }
        x += values;
    }
}

/* The same where they are: in `x`, unless they are kept. */
static float *find_x(const snn_window_job *job, int32_t moment, int64_t position, int64_t count, float *x)
{
    if (job->neurons->x != NULL) {
        return job->neurons->x + position * job->neurons->input_channels;
    }
    decode(job, moment, position, count, x);
    return x;
}

void snn_window_integrate(const snn_window_job *job, int64_t position, int64_t count)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t channels = neurons->input_channels;
    const float eta = neurons->eta[0], *restrict step = job->step;
    int64_t at = (position - job->tile->position_begin) * channels;
    float *restrict x = neurons->x + position * channels;
    for (int64_t i = 0; i < count; i += job->together) {
        const int64_t values = channels * snn_smaller(count - i, job->together);
        if (neurons->real) {
            const float *restrict real = (const float *)job->tile->accumulator + at;
            for (int64_t c = 0; c < values; c++) {
                x[c] = x[c] - (eta * step[c]) * real[c];
            }
        } else {
            const int32_t *restrict sum = (const int32_t *)job->tile->accumulator + at;
            for (int64_t c = 0; c < values; c++) {
                x[c] = x[c] - (eta * step[c]) * (float)sum[c];
            }
        }
        x += values;
        at += values;
    }
    const float *restrict graded = neurons->graded;
    for (int64_t i = position * channels; graded != NULL && i < (position + count) * channels; i++) {
        neurons->x[i] = neurons->x[i] + neurons->increments[0] * graded[i];
    }
}

void snn_window_lengthen(snn_window_job *job)
{
    const int64_t channels = job->neurons->input_channels, stride = job->constants->bias_stride;
    const int64_t positions = job->tile->position_end - job->tile->position_begin;
    job->together = 1;
    job->step = job->neurons->step;
    job->bias = job->constants->bias;
    if (channels > SNN_LONG_ROW / 2 || positions == 1 || (stride != 0 && stride != channels)) {
        return;
    }
    job->together = (int32_t)(SNN_LONG_ROW / channels < positions ? SNN_LONG_ROW / channels : positions);
    for (int32_t i = 0; i < job->together; i++) {
        memcpy(job->steps + i * channels, job->step, (size_t)channels * sizeof job->step[0]);
        if (job->bias != NULL) {
            memcpy(job->biases + i * channels, job->bias, (size_t)channels * sizeof job->bias[0]);
        }
    }
    job->step = job->steps;
    job->bias = stride == 0 ? job->biases : job->bias;
}

static int64_t clipped(int64_t value, int64_t end)
{
    return value < 0 ? 0 : value < end ? value : end;
}

static inline void raise(float *restrict largest, const float *restrict x, int64_t count)
{
    for (int64_t c = 0; c < count; c++) {
        largest[c] = x[c] > largest[c] ? x[c] : largest[c];
    }
}

/* The largest x that output positions [begin, end) of one row see, of each channel; `x` has room for an input row. */
static void find_maxima(const snn_window_job *job, int32_t moment, int64_t begin, int64_t end, float *restrict x,
                        float *restrict largest)
{
    const snn_neurons *neurons = job->neurons;
    const snn_window *window = &neurons->window;
    const int64_t channels = neurons->input_channels, width = neurons->input.width, count = end - begin;
    const int64_t top = begin / neurons->shape.width * window->stride[0] - window->pad_begin[0];
    const int64_t left = begin % neurons->shape.width * window->stride[1] - window->pad_begin[1];
    const int64_t reach = (int64_t)(window->kernel[1] - 1) * window->dilation[1] + 1;
    const int64_t seen = clipped(left, width),
                  seen_end = clipped(left + (count - 1) * window->stride[1] + reach, width);
    for (int64_t c = 0; c < count * channels; c++) {
        largest[c] = -INFINITY;
    }
    for (int32_t i = 0; i < window->kernel[0]; i++) {
        const int64_t row = top + (int64_t)i * window->dilation[0];
        if (row < 0 || row >= neurons->input.height || seen >= seen_end) {
            continue;
        }
        const float *seen_x = find_x(job, moment, row * width + seen, seen_end - seen, x);
        for (int64_t tap = 0; tap < count * window->kernel[1]; tap++) {
            const int64_t output = tap / window->kernel[1], j = tap % window->kernel[1];
            const int64_t column = left + output * window->stride[1] + j * window->dilation[1];
            if (column >= seen && column < seen_end) {
                raise(largest + output * channels, seen_x + (column - seen) * channels, channels);
            }
        }
    }
}

void snn_window_find_values(const snn_window_job *job, int32_t moment, int64_t begin, int64_t count,
                            const snn_window_batch *b)
{
    const snn_neurons *neurons = job->neurons;
    const int64_t owned = snn_lanes_owned(neurons);
    if (neurons->kind == SNN_NEURON_MAXIMUM) {
        const int64_t width = neurons->shape.width, end = begin + count;
        float *largest = b->values;
        for (int64_t at = begin, next; at < end; at = next) {
            next = at / width * width + width < end ? at / width * width + width : end;
            find_maxima(job, moment, at, next, b->x, largest);
            largest += (next - at) * owned;
        }
        return;
    }
    if (neurons->x != NULL) {
        snn_window_integrate(job, begin, count);
    }
    if (snn_neuron_reads_all_channels(neurons->kind)) {
        const snn_nary_job of = {.neurons = neurons,
                                 .positions = count,
                                 .x = find_x(job, moment, begin, count, b->x),
                                 .values = b->values,
                                 .scratch = b->scratch};
        snn_nary_find(&of);
        return;
    }
    const int64_t whole = snn_nary_whole_lanes(count * owned);
    if (neurons->x != NULL) {
        memcpy(b->values, neurons->x + begin * owned, (size_t)(count * owned) * sizeof b->values[0]);
    } else {
        decode(job, moment, begin, count, b->values);
    }
    memset(b->values + count * owned, 0, (size_t)(whole - count * owned) * sizeof b->values[0]);
    snn_portable_apply(neurons, b->values, whole);
}
