/* Averages and sums over positions and axes: linear, whatever they run over. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/recognise.h"
#include "core/convert/reduction.h"
#include "core/graph/operators.h" /* snn_window_read */

/* Sums over positions fold behind plain terms, of streams too, unless windows at the border divide by fewer positions.
 */
static snn_status take_for_average(snn_recognition *recognition, bool same_divisor, snn_affine *affine)
{
    snn_affine *now = &recognition->draft->affines[recognition->node->inputs[0]];
    if (!same_divisor) {
        SNN_TRY(snn_recognition_take_spikes(recognition, 0, affine));
    } else {
        SNN_TRY(snn_draft_stream_affine(recognition->draft, now, recognition->node->inputs[0]));
        SNN_TRY(snn_recognition_take(recognition, 0, affine));
    }
    return snn_affine_is_plain(affine, true)
               ? snn_ok()
               : snn_draft_relay_affine(recognition->draft, affine, recognition->node->inputs[0]);
}

static snn_status average(snn_recognition *recognition, const snn_window *window, bool count_padding)
{
    snn_affine affine;
    memset(&affine, 0, sizeof affine);
    bool padded =
        window->pad_begin[0] > 0 || window->pad_begin[1] > 0 || window->pad_end[0] > 0 || window->pad_end[1] > 0;
    snn_status status = take_for_average(recognition, count_padding || !padded, &affine);
    if (!snn_failed(status)) {
        status = snn_affine_average(&affine, window, count_padding);
    }
    (void)snprintf(recognition->text, sizeof recognition->text, "average of %d x %d", window->kernel[0],
                   window->kernel[1]);
    return snn_recognition_conclude(recognition, &affine, status);
}

static snn_status convert_average_pool(snn_recognition *recognition)
{
    snn_shape shape;
    snn_window window;
    SNN_TRY(snn_recognition_image_shape(snn_recognition_input(recognition, 0), &shape));
    SNN_TRY(snn_recognition_require_layout(recognition, 0, shape, SNN_ORDER_CHANNELS_FIRST));
    const int64_t size[2] = {shape.height, shape.width};
    SNN_TRY(snn_window_read(recognition->node, size, NULL, &window));
    if (snn_node_integer(recognition->node, "ceil_mode", 0) != 0 &&
        snn_node_integer(recognition->node, "count_include_pad", 0) != 0) {
        return snn_fail(SNN_INPUT_ERROR, "ceil_mode together with count_include_pad is not supported");
    }
    return average(recognition, &window, snn_node_integer(recognition->node, "count_include_pad", 0) != 0);
}

static snn_window whole(snn_shape shape)
{
    return (snn_window){{shape.height, shape.width}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
}

static snn_status convert_global_average_pool(snn_recognition *recognition)
{
    snn_shape shape;
    SNN_TRY(snn_recognition_image_shape(snn_recognition_input(recognition, 0), &shape));
    SNN_TRY(snn_recognition_require_layout(recognition, 0, shape, SNN_ORDER_CHANNELS_FIRST));
    snn_window window = whole(shape);
    return average(recognition, &window, true);
}

/* ---- over axes ---- */

/* Sums that run over channels are products with equal weights. */
static snn_status sum_channels(snn_recognition *recognition, const snn_window *window, float weight)
{
    snn_affine affine;
    SNN_TRY(snn_recognition_take_spikes(recognition, 0, &affine));
    bool possible = false;
    size_t count = (size_t)affine.shape.channels * (size_t)window->kernel[0] * (size_t)window->kernel[1];
    float *weights = snn_allocate(count, sizeof *weights);
    snn_status status = weights == NULL ? snn_out_of_memory("weights of a sum") : snn_ok();
    for (size_t i = 0; i < count && !snn_failed(status); i++) {
        weights[i] = weight;
    }
    if (!snn_failed(status)) {
        status = snn_affine_convolve(&affine, window, 1, 1, weights, NULL, &possible);
    }
    snn_release(weights);
    return snn_recognition_conclude(recognition, &affine, status);
}

static snn_status scale_all(snn_affine *affine, float factor)
{
    float *gain = snn_allocate((size_t)affine->shape.channels, sizeof *gain);
    if (gain == NULL) {
        return snn_out_of_memory("gains");
    }
    for (int32_t c = 0; c < affine->shape.channels; c++) {
        gain[c] = factor;
    }
    snn_status status = snn_affine_scale(affine, gain, NULL);
    snn_release(gain);
    return status;
}

static snn_status reduce(snn_recognition *recognition, bool mean)
{
    snn_reduction reduction;
    SNN_TRY(snn_reduction_read(recognition, &reduction));
    snn_shape shape = recognition->draft->affines[recognition->node->inputs[0]].shape;
    snn_window window = snn_reduction_window(&reduction, shape);
    float area = (float)(window.kernel[0] * window.kernel[1]);
    if (reduction.channels) {
        SNN_TRY(sum_channels(recognition, &window, mean ? 1.0f / (area * (float)shape.channels) : 1.0f));
    } else {
        SNN_TRY(average(recognition, &window, true));
        SNN_TRY(mean ? snn_ok() : scale_all(&recognition->draft->affines[recognition->node->outputs[0]], area));
    }
    (void)snprintf(recognition->text, sizeof recognition->text, "%s of %d x %d%s", mean ? "average" : "sum",
                   window.kernel[0], window.kernel[1], reduction.channels ? ", over channels" : "");
    return snn_ok();
}

static snn_status convert_reduce_mean(snn_recognition *recognition)
{
    return reduce(recognition, true);
}

static snn_status convert_reduce_sum(snn_recognition *recognition)
{
    return reduce(recognition, false);
}

snn_recogniser snn_recogniser_average(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"AveragePool", convert_average_pool},
        {"GlobalAveragePool", convert_global_average_pool},
        {"ReduceMean", convert_reduce_mean},
        {"ReduceSum", convert_reduce_sum},
    };
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
