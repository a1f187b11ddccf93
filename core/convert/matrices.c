#include "core/convert/matrices.h"

#include "core/base/memory.h"
#include "core/convert/arrange.h"

/* Where the element of the stack lies that stands at (position, channel); -1 for zero. */
static int64_t element_at(const snn_matrices *matrices, int64_t position, int64_t channel)
{
    const int64_t m = channel / matrices->width, c = channel % matrices->width;
    const int64_t row = matrices->transposed ? c : position, column = matrices->transposed ? position : c;
    return row < matrices->rows && column < matrices->columns ? (m * matrices->rows + row) * matrices->columns + column
                                                              : -1;
}

/* For each position and channel the element, or, if `padded` is false, one nearby. */
static snn_status stack_map(const snn_matrices *matrices, bool padded, int32_t **map)
{
    const int64_t channels = matrices->count * matrices->width;
    *map = snn_allocate((size_t)(matrices->positions * channels), sizeof **map);
    if (*map == NULL) {
        return snn_out_of_memory("map of matrices");
    }
    for (int64_t e = 0; e < matrices->positions * channels; e++) {
        int64_t p = e / channels, c = e % channels;
        if (!padded) {
            p = p < matrices->rows ? p : matrices->rows - 1;
            c = c % matrices->width < matrices->columns ? c : c - c % matrices->width;
        }
        (*map)[e] = (int32_t)element_at(matrices, p, c);
    }
    return snn_ok();
}

/* Lays input i, taken, out by a map, which goes; `status` says whether there is one. Clears the value on failure. */
static snn_status lay_out(snn_recognition *recognition, int32_t i, int32_t *map, snn_status status, snn_shape shape,
                          snn_affine *affine)
{
    if (!snn_failed(status)) {
        status = snn_arrange_into(recognition->draft, affine, recognition->node->inputs[i], map, shape,
                                  SNN_ORDER_CHANNELS_LAST);
    }
    snn_release(map);
    if (snn_failed(status)) {
        snn_affine_clear(affine);
    }
    return status;
}

snn_status snn_matrices_take(snn_recognition *recognition, int32_t i, const snn_matrices *matrices, snn_affine *affine)
{
    const snn_shape shape = {1, (int32_t)matrices->positions, (int32_t)(matrices->count * matrices->width)};
    int32_t *map = NULL;
    SNN_TRY(snn_recognition_take(recognition, i, affine));
    const snn_status status = stack_map(matrices, true, &map);
    return lay_out(recognition, i, map, status, shape, affine);
}

snn_status snn_matrices_give(snn_recognition *recognition, const snn_matrices *matrices, snn_affine *affine)
{
    const snn_tensor *to = snn_recognition_output(recognition, 0);
    const int64_t count = matrices->count * matrices->rows * matrices->columns;
    int32_t *map = snn_allocate((size_t)count, sizeof *map);
    snn_status status = map == NULL ? snn_out_of_memory("map of matrices") : snn_ok();
    for (int64_t e = 0; e < count && !snn_failed(status); e++) {
        const int64_t column = e % matrices->columns, row = e / matrices->columns % matrices->rows;
        const int64_t m = e / matrices->columns / matrices->rows;
        map[e] = (int32_t)((row * matrices->count + m) * matrices->width + column);
    }
    if (!snn_failed(status)) {
        status = snn_arrange(recognition->draft, affine, recognition->node->outputs[0], map, to->dims, to->rank);
    }
    snn_release(map);
    return snn_recognition_conclude(recognition, affine, status);
}

snn_status snn_matrices_place(snn_recognition *recognition, const snn_matrices *matrices)
{
    snn_draft_population *population = snn_draft_last(recognition->draft);
    snn_release(population->value_map);
    population->value_map = NULL;
    return stack_map(matrices, false, &population->value_map);
}

/* ---- attention ---- */

static bool is_square(const snn_pattern_match *pattern)
{
    return pattern->queries == pattern->tokens;
}

static int32_t positions_of(const snn_pattern_match *pattern)
{
    return pattern->windows * pattern->tokens;
}

/* The result in heads, or as the only matrix of all channels. */
static snn_matrices result_of(const snn_pattern_match *pattern)
{
    const int64_t count = pattern->joined ? 1 : pattern->groups, width = pattern->width / count;
    return (snn_matrices){count, pattern->windows * pattern->queries, width, positions_of(pattern), width, false};
}

/* A map of one window becomes that of `windows`, which follow each other on both sides. */
static snn_status repeat_map(int64_t windows, int64_t elements, int32_t **map)
{
    if (windows == 1) {
        return snn_ok();
    }
    int32_t *all = snn_allocate((size_t)(windows * elements), sizeof *all);
    if (all == NULL) {
        return snn_out_of_memory("map of windows");
    }
    for (int64_t e = 0; e < windows * elements; e++) {
        all[e] = (int32_t)(e / elements * elements) + (*map)[e % elements];
    }
    snn_release(*map);
    *map = all;
    return snn_ok();
}

snn_status snn_matrices_place_scores(snn_recognition *recognition)
{
    const snn_pattern_match *pattern = recognition->pattern;
    const snn_matrices scores = {pattern->groups, pattern->queries, pattern->tokens,
                                 pattern->tokens, pattern->tokens,  false};
    const int64_t elements = (int64_t)pattern->groups * pattern->queries * pattern->tokens;
    SNN_TRY(snn_matrices_place(recognition, &scores));
    return repeat_map(pattern->windows, elements, &snn_draft_last(recognition->draft)->value_map);
}

snn_status snn_matrices_place_result(snn_recognition *recognition)
{
    const snn_matrices result = result_of(recognition->pattern);
    return recognition->pattern->joined && is_square(recognition->pattern) ? snn_ok()
                                                                           : snn_matrices_place(recognition, &result);
}

void snn_matrices_set_window(snn_recognition *recognition)
{
    const snn_pattern_match *pattern = recognition->pattern;
    snn_draft_last(recognition->draft)->beta = pattern->windows > 1 ? (float)pattern->tokens : 0.0f;
}

snn_status snn_matrices_give_attention(snn_recognition *recognition, snn_affine *affine)
{
    const snn_matrices result = result_of(recognition->pattern);
    if (recognition->pattern->joined && is_square(recognition->pattern)) {
        snn_recognition_give(recognition, affine);
        return snn_ok();
    }
    return snn_matrices_give(recognition, &result, affine);
}

/* Whether operands stand in one row of positions; else in the rows and columns of the image that they come from, which
 * are the same for all. */
static bool is_in_one_row(const snn_pattern_match *pattern)
{
    bool found = !is_square(pattern);
    for (int32_t i = 0; i < 3; i++) {
        found = found || pattern->first[i] == SNN_IN_HEADS;
    }
    return found;
}

/* Tokens as rows: channels [first, first + width) of them. */
static snn_status take_channels(snn_recognition *recognition, int32_t i, int32_t rows, snn_affine *affine)
{
    SNN_TRY(snn_recognition_take(recognition, i, affine));
    const snn_pattern_match *pattern = recognition->pattern;
    const int32_t first = pattern->first[i];
    const int32_t channels = affine->shape.channels;
    const bool flat = is_in_one_row(pattern);
    const snn_shape shape = {flat ? 1 : affine->shape.height, flat ? positions_of(pattern) : affine->shape.width,
                             pattern->width};
    if (snn_affine_layout_is(affine, shape, SNN_ORDER_CHANNELS_LAST)) {
        return snn_ok();
    }
    const int64_t count = snn_shape_size(shape);
    int32_t *map = snn_allocate((size_t)count, sizeof *map);
    snn_status status = map == NULL ? snn_out_of_memory("map") : snn_ok();
    for (int64_t e = 0; e < count && !snn_failed(status); e++) {
        const int64_t row = e / shape.channels;
        map[e] = row < rows ? (int32_t)(row * channels + first + e % shape.channels) : -1;
    }
    return lay_out(recognition, i, map, status, shape, affine);
}

snn_status snn_matrices_take_operand(snn_recognition *recognition, int32_t i, snn_affine *affine)
{
    const snn_pattern_match *pattern = recognition->pattern;
    const int32_t rows = pattern->windows * (i == 0 ? pattern->queries : pattern->tokens);
    const int32_t width = pattern->width / pattern->groups;
    if (pattern->first[i] != SNN_IN_HEADS) {
        return take_channels(recognition, i, rows, affine);
    }
    const snn_matrices heads = {.count = pattern->groups,
                                .rows = i == 1 ? width : rows,
                                .columns = i == 1 ? rows : width,
                                .positions = pattern->tokens,
                                .width = width,
                                .transposed = i == 1};
    return snn_matrices_take(recognition, i, &heads, affine);
}
