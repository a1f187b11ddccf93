/* Averages over positions. */
#include <stdio.h>
#include <string.h>

#include "core/convert/draft_internal.h"
#include "core/graph/operators.h" /* snn_window_read */

/* Sums over positions fold behind plain terms, of streams too, unless windows at the border divide by fewer positions.
 */
static snn_status take_for_average(snn_recognition *recognition, bool same_divisor, snn_affine *affine)
{
    snn_affine *now = &recognition->draft->affines[recognition->node->inputs[0]];
    if (!same_divisor) {
        SNN_TRY(snn_draft_take_spikes(recognition, 0, affine));
    } else {
        SNN_TRY(snn_draft_stream_affine(recognition->draft, now, recognition->node->inputs[0]));
        SNN_TRY(snn_draft_take(recognition, 0, affine));
    }
    return snn_affine_is_plain(affine, true)
               ? snn_ok()
               : snn_draft_relay_affine(recognition->draft, affine, recognition->node->inputs[0]);
}

snn_status snn_recognise_average(snn_recognition *recognition, const snn_window *window, bool count_padding)
{
    snn_affine affine;
    memset(&affine, 0, sizeof affine);
    bool padded =
        window->pad_begin[0] > 0 || window->pad_begin[1] > 0 || window->pad_end[0] > 0 || window->pad_end[1] > 0;
    snn_status status = take_for_average(recognition, count_padding || !padded, &affine);
    if (status.code == SNN_OK) {
        status = snn_affine_average(&affine, window, count_padding);
    }
    (void)snprintf(recognition->text, sizeof recognition->text, "average of %d x %d", window->kernel[0],
                   window->kernel[1]);
    return snn_draft_conclude(recognition, &affine, status);
}

static snn_status convert_average_pool(snn_recognition *recognition)
{
    snn_shape shape;
    snn_window window;
    SNN_TRY(snn_recognition_image_shape(snn_recognition_input(recognition, 0), &shape));
    SNN_TRY(snn_draft_require_layout(recognition, 0, shape, SNN_ORDER_CHANNELS_FIRST));
    const int64_t size[2] = {shape.height, shape.width};
    SNN_TRY(snn_window_read(recognition->node, size, NULL, &window));
    if (snn_node_integer(recognition->node, "ceil_mode", 0) != 0 &&
        snn_node_integer(recognition->node, "count_include_pad", 0) != 0) {
        return snn_fail(SNN_INPUT_ERROR, "ceil_mode together with count_include_pad is not supported");
    }
    return snn_recognise_average(recognition, &window,
                                 snn_node_integer(recognition->node, "count_include_pad", 0) != 0);
}

static snn_window whole(snn_shape shape)
{
    return (snn_window){{shape.height, shape.width}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
}

static snn_status convert_global_average_pool(snn_recognition *recognition)
{
    snn_shape shape;
    SNN_TRY(snn_recognition_image_shape(snn_recognition_input(recognition, 0), &shape));
    SNN_TRY(snn_draft_require_layout(recognition, 0, shape, SNN_ORDER_CHANNELS_FIRST));
    snn_window window = whole(shape);
    return snn_recognise_average(recognition, &window, true);
}

snn_recogniser snn_recogniser_average(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"AveragePool", convert_average_pool},
        {"GlobalAveragePool", convert_global_average_pool},
    };
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
