/* MaxPool, AveragePool and their global forms. */
#include <math.h>
#include <string.h>

#include "core/graph/operators_internal.h"

typedef struct pool {
    snn_window window;
    int64_t planes; /* images x channels */
    int64_t size[2];
    int64_t output[2];
} pool;

static snn_status check_image(const snn_tensor *input)
{
    SNN_TRY(snn_operator_expect_type(input, "the input", SNN_TYPE_FLOAT32));
    return snn_operator_expect_rank(input, "the input (two spatial axes are supported)", 4);
}

static snn_status read_pool(const snn_operator_call *call, pool *layer)
{
    const snn_tensor *input = call->inputs[0];
    SNN_TRY(check_image(input));
    layer->planes = input->dims[0] * input->dims[1];
    memcpy(layer->size, input->dims + 2, sizeof layer->size);
    SNN_TRY(snn_window_read(call->node, layer->size, NULL, &layer->window));
    for (int axis = 0; axis < 2; axis++) {
        layer->output[axis] = snn_window_output(&layer->window, axis, (int32_t)layer->size[axis]);
    }
    return snn_ok();
}

static snn_status infer_pool(const snn_operator_call *call)
{
    pool layer;
    SNN_TRY(read_pool(call, &layer));
    const int64_t *dims = call->inputs[0]->dims;
    return snn_operator_set_shape(&call->outputs[0], SNN_TYPE_FLOAT32, 4,
                                  (const int64_t[]){dims[0], dims[1], layer.output[0], layer.output[1]});
}

static snn_status max_pool_infer(const snn_operator_call *call)
{
    SNN_TRY(snn_operator_attributes(
        call->node,
        "auto_pad=text ceil_mode=int dilations=ints kernel_shape=ints pads=ints storage_order=int strides=ints"));
    return infer_pool(call);
}

static snn_status average_pool_infer(const snn_operator_call *call)
{
    SNN_TRY(snn_operator_attributes(
        call->node,
        "auto_pad=text ceil_mode=int count_include_pad=int dilations=ints kernel_shape=ints pads=ints strides=ints"));
    return infer_pool(call);
}

static float window_max(const pool *layer, const float *plane, snn_taps rows, snn_taps columns)
{
    float most = -INFINITY;
    for (int64_t i = rows.begin; i < rows.end; i++) {
        const float *row = plane + (rows.start + i * layer->window.dilation[0]) * layer->size[1];
        for (int64_t j = columns.begin; j < columns.end; j++) {
            const float value = row[columns.start + j * layer->window.dilation[1]];
            most = value > most || isnan(value) ? value : most;
        }
    }
    return most;
}

static snn_status max_pool_evaluate(const snn_operator_call *call)
{
    pool layer;
    SNN_TRY(read_pool(call, &layer));
    const float *plane = call->inputs[0]->data;
    float *output = call->outputs[0].data;
    for (int64_t i = 0; i < layer.planes; i++) {
        for (int64_t y = 0; y < layer.output[0]; y++) {
            const snn_taps rows = snn_window_taps(&layer.window, 0, layer.size[0], y);
            for (int64_t x = 0; x < layer.output[1]; x++) {
                *output++ = window_max(&layer, plane, rows, snn_window_taps(&layer.window, 1, layer.size[1], x));
            }
        }
        plane += layer.size[0] * layer.size[1];
    }
    return snn_ok();
}

static float window_sum(const pool *layer, const float *plane, snn_taps rows, snn_taps columns)
{
    float sum = 0.0F;
    for (int64_t i = rows.begin; i < rows.end; i++) {
        const float *row = plane + (rows.start + i * layer->window.dilation[0]) * layer->size[1];
        for (int64_t j = columns.begin; j < columns.end; j++) {
            sum += row[columns.start + j * layer->window.dilation[1]];
        }
    }
    return sum;
}

/* Taps of a window along one axis that lie before `end`, padding included. */
static int64_t counted_taps(const pool *layer, int axis, int64_t start, int64_t end)
{
    int64_t count = layer->window.kernel[axis];
    while (count > 0 && start + (count - 1) * layer->window.dilation[axis] >= end) {
        count--;
    }
    return count;
}

static snn_status average_pool_evaluate(const snn_operator_call *call)
{
    pool layer;
    snn_window declared; /* its padding counts with count_include_pad; what ceil_mode adds to it does not */
    SNN_TRY(read_pool(call, &layer));
    SNN_TRY(snn_window_read_declared(call->node, layer.size, NULL, &declared));
    const int64_t end[2] = {layer.size[0] + declared.pad_end[0], layer.size[1] + declared.pad_end[1]};
    const bool include_padding = snn_node_integer(call->node, "count_include_pad", 0) != 0;
    const float *plane = call->inputs[0]->data;
    float *output = call->outputs[0].data;
    for (int64_t i = 0; i < layer.planes; i++) {
        for (int64_t y = 0; y < layer.output[0]; y++) {
            const snn_taps rows = snn_window_taps(&layer.window, 0, layer.size[0], y);
            for (int64_t x = 0; x < layer.output[1]; x++) {
                const snn_taps columns = snn_window_taps(&layer.window, 1, layer.size[1], x);
                int64_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
                if (include_padding) {
                    count =
                        counted_taps(&layer, 0, rows.start, end[0]) * counted_taps(&layer, 1, columns.start, end[1]);
                }
                const float sum = window_sum(&layer, plane, rows, columns);
                *output++ = count > 0 ? sum / (float)count : 0.0F;
            }
        }
        plane += layer.size[0] * layer.size[1];
    }
    return snn_ok();
}

static snn_status global_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    SNN_TRY(snn_operator_attributes(call->node, ""));
    SNN_TRY(check_image(input));
    if (input->dims[2] * input->dims[3] == 0) {
        return snn_fail(SNN_INPUT_ERROR, "expects at least one pixel, found none");
    }
    return snn_operator_set_shape(&call->outputs[0], SNN_TYPE_FLOAT32, 4,
                                  (const int64_t[]){input->dims[0], input->dims[1], 1, 1});
}

static snn_status global_average_evaluate(const snn_operator_call *call)
{
    const int64_t *dims = call->inputs[0]->dims;
    const int64_t pixels = dims[2] * dims[3];
    const float *plane = call->inputs[0]->data;
    float *output = call->outputs[0].data;
    for (int64_t i = 0; i < dims[0] * dims[1]; i++) {
        double sum = 0.0;
        for (int64_t pixel = 0; pixel < pixels; pixel++) {
            sum += (double)plane[pixel];
        }
        output[i] = (float)(sum / (double)pixels);
        plane += pixels;
    }
    return snn_ok();
}

static snn_status global_max_evaluate(const snn_operator_call *call)
{
    const int64_t *dims = call->inputs[0]->dims;
    const int64_t pixels = dims[2] * dims[3];
    const float *plane = call->inputs[0]->data;
    float *output = call->outputs[0].data;
    for (int64_t i = 0; i < dims[0] * dims[1]; i++) {
        float most = plane[0];
        for (int64_t pixel = 1; pixel < pixels; pixel++) {
            most = plane[pixel] > most || isnan(plane[pixel]) ? plane[pixel] : most;
        }
        output[i] = most;
        plane += pixels;
    }
    return snn_ok();
}

const snn_graph_operator snn_operators_pool[] = {
    {"MaxPool", 1, 1, 1, max_pool_infer, max_pool_evaluate},
    {"AveragePool", 1, 1, 1, average_pool_infer, average_pool_evaluate},
    {"GlobalAveragePool", 1, 1, 1, global_infer, global_average_evaluate},
    {"GlobalMaxPool", 1, 1, 1, global_infer, global_max_evaluate},
    {0},
};
