/* Convolution as a matrix product whose right-hand matrix, [channel, kernel row, kernel column][output pixel], is
 * packed panel by panel from a zero-padded copy of the image and never stored whole. Kernels over one channel
 * (depthwise) have too few rows for that and are summed directly. */
#include "core/graph/operators_convolution.h"

#include <string.h>

#include "core/graph/gemm.h"
#include "core/graph/operators_internal.h"

typedef struct convolution {
    snn_window window;
    int64_t images;
    int64_t groups;
    int64_t group_channels; /* input channels of one group */
    int64_t group_outputs;  /* output channels of one group */
    int64_t size[2];        /* of the image */
    int64_t padded[2];      /* with its padding */
    int64_t output[2];
} convolution;

static snn_status read_channels(const snn_operator_call *call, convolution *layer)
{
    const snn_tensor *input = call->inputs[0];
    const snn_tensor *weights = call->inputs[1];
    SNN_TRY(snn_operator_expect_type(input, "the input", SNN_TYPE_FLOAT32));
    SNN_TRY(snn_operator_expect_type(weights, "the weights", SNN_TYPE_FLOAT32));
    SNN_TRY(snn_operator_expect_rank(input, "the input (two spatial axes are supported)", 4));
    SNN_TRY(snn_operator_expect_rank(weights, "the weights", 4));
    const int64_t groups = snn_node_integer(call->node, "group", 1);
    const int64_t outputs = weights->dims[0];
    if (groups < 1 || outputs < 1 || outputs % groups != 0) {
        return snn_fail(SNN_INPUT_ERROR, "%lld output channels do not divide into %lld groups", (long long)outputs,
                        (long long)groups);
    }
    int64_t expected; /* the weights' channels count for one group */
    if (__builtin_mul_overflow(weights->dims[1], groups, &expected)) {
        expected = INT64_MAX;
    }
    if (input->dims[1] != expected) {
        return snn_fail(SNN_INPUT_ERROR, "expects %lld input channels, found %lld", (long long)expected,
                        (long long)input->dims[1]);
    }
    layer->images = input->dims[0];
    layer->groups = groups;
    layer->group_channels = weights->dims[1];
    layer->group_outputs = outputs / groups;
    return snn_ok();
}

static snn_status read_layer(const snn_operator_call *call, convolution *layer)
{
    SNN_TRY(read_channels(call, layer));
    memcpy(layer->size, call->inputs[0]->dims + 2, sizeof layer->size);
    SNN_TRY(snn_window_read(call->node, layer->size, call->inputs[1]->dims + 2, &layer->window));
    for (int axis = 0; axis < 2; axis++) {
        layer->padded[axis] = layer->size[axis] + layer->window.pad_begin[axis] + layer->window.pad_end[axis];
        layer->output[axis] = snn_window_output(&layer->window, axis, (int32_t)layer->size[axis]);
    }
    return snn_ok();
}

/* The shape of one image with its padding. */
static snn_status padded_shape(const convolution *layer, snn_tensor *padded)
{
    *padded = (snn_tensor){0};
    const int64_t channels = layer->groups * layer->group_channels;
    return snn_operator_set_shape(padded, SNN_TYPE_FLOAT32, 3,
                                  (const int64_t[]){channels, layer->padded[0], layer->padded[1]});
}

snn_status snn_convolution_infer(const snn_operator_call *call)
{
    convolution layer;
    SNN_TRY(snn_operator_attributes(call->node,
                                    "auto_pad=text dilations=ints group=int kernel_shape=ints pads=ints strides=ints"));
    SNN_TRY(read_layer(call, &layer));
    const int64_t outputs = layer.groups * layer.group_outputs;
    const snn_tensor *bias = snn_operator_input(call, 2);
    if (bias != NULL) {
        SNN_TRY(snn_operator_expect_vector(bias, "the bias", outputs));
    }
    snn_tensor padded;
    SNN_TRY(padded_shape(&layer, &padded));
    const int64_t dims[] = {layer.images, outputs, layer.output[0], layer.output[1]};
    return snn_operator_set_shape(&call->outputs[0], SNN_TYPE_FLOAT32, 4, dims);
}

static bool has_padding(const convolution *layer)
{
    return layer->padded[0] != layer->size[0] || layer->padded[1] != layer->size[1];
}

/* Copies one image into the middle of `padded`, whose border stays zero. */
static void pad_image(const convolution *layer, const float *image, float *padded)
{
    const int64_t channels = layer->groups * layer->group_channels;
    const int64_t begin = layer->window.pad_begin[0] * layer->padded[1] + layer->window.pad_begin[1];
    for (int64_t channel = 0; channel < channels; channel++) {
        float *plane = padded + channel * layer->padded[0] * layer->padded[1] + begin;
        for (int64_t row = 0; row < layer->size[0]; row++) {
            memcpy(plane + row * layer->padded[1], image, (size_t)layer->size[1] * sizeof *image);
            image += layer->size[1];
        }
    }
}

/* ---- The matrix of windows ---- */

/* What pack_windows reads: the padded channels of one group. */
typedef struct window_source {
    const convolution *layer;
    const float *channels;
} window_source;

/* Neighbouring columns of a panel whose pixels are neighbours in the image. */
typedef struct run {
    int32_t begin, length; /* columns of the panel */
    int64_t offset;        /* of the first pixel from the kernel's first tap */
} run;

/* The runs of output pixels [first, first + columns): one for each output row, or for each pixel where the stride
 * leaves gaps between neighbours. */
static int32_t find_runs(const convolution *layer, int64_t first, int32_t columns, run runs[SNN_GEMM_PANEL])
{
    int64_t y = first / layer->output[1];
    int64_t x = first % layer->output[1];
    int32_t count = 0;
    for (int32_t column = 0; column < columns;) {
        const int64_t rest_of_row = layer->window.stride[1] == 1 ? layer->output[1] - x : 1;
        const int32_t length = rest_of_row < columns - column ? (int32_t)rest_of_row : columns - column;
        const int64_t offset = y * layer->window.stride[0] * layer->padded[1] + x * layer->window.stride[1];
        runs[count++] = (run){column, length, offset};
        column += length;
        x += length;
        if (x == layer->output[1]) {
            x = 0;
            y++;
        }
    }
    return count;
}

/* Runs are short: copies of a constant size avoid a call for each. */
static inline void copy_run(float *to, const float *from, int32_t length)
{
    for (; length >= 16; length -= 16, to += 16, from += 16) {
        memcpy(to, from, 16 * sizeof *to);
    }
    for (; length >= 4; length -= 4, to += 4, from += 4) {
        memcpy(to, from, 4 * sizeof *to);
    }
    for (; length > 0; length--) {
        *to++ = *from++;
    }
}

static void pack_windows(const void *source, int64_t row, int32_t rows, int64_t column, int32_t columns, float *panel)
{
    const window_source *windows = source;
    const convolution *layer = windows->layer;
    const int32_t height = layer->window.kernel[0];
    const int32_t width = layer->window.kernel[1];
    run runs[SNN_GEMM_PANEL];
    const int32_t run_count = find_runs(layer, column, columns, runs);
    int64_t channel = row / (height * width);
    int64_t y = row / width % height;
    int64_t x = row % width;
    for (int32_t k = 0; k < rows; k++) {
        const int64_t line = channel * layer->padded[0] + y * layer->window.dilation[0];
        const float *tap = windows->channels + line * layer->padded[1] + x * layer->window.dilation[1];
        float *to = panel + (int64_t)k * SNN_GEMM_PANEL;
        if (layer->window.stride[1] == 1) {
            for (int32_t i = 0; i < run_count; i++) {
                copy_run(to + runs[i].begin, tap + runs[i].offset, runs[i].length);
            }
        } else {
            for (int32_t i = 0; i < run_count; i++) {
                to[i] = tap[runs[i].offset];
            }
        }
        if (++x == width) {
            x = 0;
            if (++y == height) {
                y = 0;
                channel++;
            }
        }
    }
}

/* ---- One output channel from one input channel ---- */

static void add_row(float *output, float weight, const float *input, int64_t stride, int64_t length)
{
    if (stride == 1) {
        for (int64_t x = 0; x < length; x++) {
            output[x] += weight * input[x];
        }
    } else {
        for (int64_t x = 0; x < length; x++) {
            output[x] += weight * input[x * stride];
        }
    }
}

static void convolve_plane(const convolution *layer, const float *weights, const float *plane, float *output)
{
    const snn_window *window = &layer->window;
    for (int64_t row = 0; row < layer->output[0]; row++) {
        const float *from = plane + row * window->stride[0] * layer->padded[1];
        for (int64_t y = 0; y < window->kernel[0]; y++) {
            for (int64_t x = 0; x < window->kernel[1]; x++) {
                const float *tap = from + y * window->dilation[0] * layer->padded[1] + x * window->dilation[1];
                add_row(output, weights[y * window->kernel[1] + x], tap, window->stride[1], layer->output[1]);
            }
        }
        output += layer->output[1];
    }
}

/* ---- Images and groups ---- */

static void convolve_group(const convolution *layer, const float *weights, const float *channels, float *output)
{
    const snn_window *window = &layer->window;
    const int64_t pixels = layer->output[0] * layer->output[1];
    const int64_t taps = layer->group_channels * window->kernel[0] * window->kernel[1];
    const bool pointwise = window->kernel[0] == 1 && window->kernel[1] == 1 && window->stride[0] == 1 &&
                           window->stride[1] == 1; /* the image itself is the matrix */
    if (layer->group_channels == 1) {
        for (int64_t i = 0; i < layer->group_outputs; i++) {
            convolve_plane(layer, weights + i * taps, channels, output + i * pixels);
        }
    } else if (pointwise) {
        snn_gemm(layer->group_outputs, pixels, taps, weights, taps, channels, pixels, output, pixels);
    } else {
        const window_source source = {layer, channels};
        snn_gemm_packed(layer->group_outputs, pixels, taps, weights, taps, pack_windows, &source, output, pixels);
    }
}

static void fill_bias(const snn_tensor *bias, int64_t outputs, int64_t pixels, float *output)
{
    for (int64_t channel = 0; channel < outputs; channel++) {
        const float start = bias != NULL ? ((const float *)bias->data)[channel] : 0.0F;
        for (int64_t pixel = 0; pixel < pixels; pixel++) {
            *output++ = start;
        }
    }
}

snn_status snn_convolution_evaluate(const snn_operator_call *call)
{
    convolution layer;
    snn_tensor padded;
    SNN_TRY(read_layer(call, &layer));
    SNN_TRY(padded_shape(&layer, &padded));
    if (has_padding(&layer)) {
        SNN_TRY(snn_tensor_allocate(&padded));
    }
    const int64_t outputs = layer.groups * layer.group_outputs;
    const int64_t pixels = layer.output[0] * layer.output[1];
    const int64_t image_elements = layer.groups * layer.group_channels * layer.size[0] * layer.size[1];
    const int64_t group_elements = layer.group_channels * layer.padded[0] * layer.padded[1];
    const int64_t group_weights =
        layer.group_outputs * layer.group_channels * layer.window.kernel[0] * layer.window.kernel[1];
    for (int64_t image = 0; image < layer.images; image++) {
        const float *channels = (const float *)call->inputs[0]->data + image * image_elements;
        float *output = (float *)call->outputs[0].data + image * outputs * pixels;
        if (padded.data != NULL) {
            pad_image(&layer, channels, padded.data);
            channels = padded.data;
        }
        fill_bias(snn_operator_input(call, 2), outputs, pixels, output);
        for (int64_t group = 0; group < layer.groups; group++) {
            convolve_group(&layer, (const float *)call->inputs[1]->data + group * group_weights,
                           channels + group * group_elements, output + group * layer.group_outputs * pixels);
        }
    }
    snn_tensor_clear(&padded);
    return snn_ok();
}
