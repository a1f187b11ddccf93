#include "core/kernels/amx.h"
#include "core/kernels/portable.h"

enum {
    POOL_AREA_MAX = 127, /* sums of spikes that fit int8_t */
    /* Tiles multiply this many times faster than vectors do, so they may be this empty. */
    EMPTINESS_MAX = 16
};

static int64_t divide_up(int64_t value, int64_t unit)
{
    return (value + unit - 1) / unit;
}

static const snn_window single_tap = {
    .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}, .pad_begin = {0, 0}, .pad_end = {0, 0}};

static bool is_single_tap(const snn_window *window)
{
    return window->kernel[0] == 1 && window->kernel[1] == 1 && window->stride[0] == 1 && window->stride[1] == 1 &&
           window->pad_begin[0] == 0 && window->pad_begin[1] == 0;
}

static void view_convolution(snn_amx_view *view, const snn_operator *op)
{
    view->channels = op->source_channels / op->groups;
    view->group_rows = op->target_channels / op->groups;
    view->taps = op->window;
    view->target_height = op->target.height;
    view->target_width = op->target.width;
    if (!op->pooled && is_single_tap(&view->taps) && op->target.width == view->width &&
        op->target.height == view->height) {
        view->source_width = view->width = view->target_width = view->width * view->height;
        view->source_height = view->height = view->target_height = 1;
    }
    int32_t fit = SNN_AMX_ROW_BYTES / view->channels;
    fit = fit < 1 ? 1 : fit;
    view->tap_columns = (int32_t)divide_up(view->taps.kernel[1], fit);
    view->merged = (int32_t)divide_up(view->taps.kernel[1], view->tap_columns);
}

static void view_dense(snn_amx_view *view, const snn_operator *op)
{
    view->channels = op->source_channels;
    view->group_rows = op->target_channels;
    view->taps = single_tap;
    view->target_height = view->target_width = 1;
    if (!op->pooled) {
        view->source_width = view->width = view->width * view->height;
        view->source_height = view->height = 1;
        if (op->source.channels == op->source_channels && op->source_channels % 8 == 0) {
            view->channels *= view->width; /* no unused bits between positions */
            view->source_width = view->width = 1;
        }
    }
    view->taps.kernel[0] = view->height;
    view->taps.kernel[1] = view->merged = view->width;
    view->tap_columns = 1;
}

snn_amx_view snn_amx_view_of(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    const snn_shape pooled = snn_operator_pooled_shape(op);
    snn_amx_view view = {.source_height = op->source.height,
                         .source_width = op->source.width,
                         .pool = op->pooled ? op->pool : single_tap,
                         .height = pooled.height,
                         .width = pooled.width};
    if (op->kind == SNN_OPERATOR_CONVOLUTION) {
        view_convolution(&view, op);
    } else {
        view_dense(&view, op);
    }
    view.words = (int32_t)divide_up((int64_t)view.merged * view.channels, SNN_AMX_ROW_BYTES);
    view.slices = (int64_t)view.taps.kernel[0] * view.tap_columns * view.words;
    view.group_begin = packed->row_begin / view.group_rows;
    view.group_end = (int32_t)divide_up(packed->row_end, view.group_rows);
    return view;
}

bool snn_amx_suits(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    if (packed->real || packed->row_begin == packed->row_end || snn_narrow_suits(packed) ||
        (op->kind != SNN_OPERATOR_CONVOLUTION && op->kind != SNN_OPERATOR_DENSE) ||
        (op->pooled && (int64_t)op->pool.kernel[0] * op->pool.kernel[1] > POOL_AREA_MAX)) {
        return false;
    }
    const snn_amx_view view = snn_amx_view_of(packed);
    const int64_t rows = packed->row_end - packed->row_begin, groups = view.group_end - view.group_begin;
    const int64_t used = snn_operator_row_length(op) * rows;
    const int64_t group_targets = divide_up(divide_up(rows, groups), SNN_AMX_TARGETS) * SNN_AMX_TARGETS;
    return groups * group_targets * view.slices * SNN_AMX_ROW_BYTES <= used * EMPTINESS_MAX;
}

void snn_amx_group_rows(const snn_amx_view *view, const snn_packed *packed, int32_t group, int32_t *begin, int32_t *end)
{
    const int32_t first = group * view->group_rows, last = first + view->group_rows;
    *begin = first > packed->row_begin ? first : packed->row_begin;
    *end = last < packed->row_end ? last : packed->row_end;
}
