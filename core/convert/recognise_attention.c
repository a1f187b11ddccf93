/* Attention, and products of matrices that depend on the image.
 *
 * Neurons of scores and mixes have one layout, [position][head, channel of the head], with as many positions on both
 * sides. Heads may lie in any axes, there may be fewer queries than keys, and matrices need not be square: what is
 * missing are zeros. Rows that stand for nothing cost neurons that never fire. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"

static snn_draft_population *last_population(const snn_recognition *recognition)
{
    return &recognition->draft->populations[recognition->draft->population_count - 1];
}

/* ---- stacks of matrices as positions and channels ---- */

/* `count` matrices [rows][columns] one after the other, as positions and channels: [positions][count][width], or of
 * their transposes. */
typedef struct stack {
    int64_t count, rows, columns;
    int64_t positions, width;
    bool transposed;
} stack;

/* Where the element of the stack lies that stands at (position, channel); -1 for zero. */
static int64_t element_at(const stack *matrices, int64_t position, int64_t channel)
{
    const int64_t m = channel / matrices->width, c = channel % matrices->width;
    const int64_t row = matrices->transposed ? c : position, column = matrices->transposed ? position : c;
    return row < matrices->rows && column < matrices->columns ? (m * matrices->rows + row) * matrices->columns + column
                                                              : -1;
}

/* For each position and channel the element, or, if `padded` is false, one nearby. */
static snn_status stack_map(const stack *matrices, bool padded, int32_t **map)
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
    if (status.code == SNN_OK) {
        status = snn_arrange_into(recognition->draft, affine, recognition->node->inputs[i], map, shape,
                                  SNN_ORDER_CHANNELS_LAST);
    }
    snn_release(map);
    if (status.code != SNN_OK) {
        snn_affine_clear(affine);
    }
    return status;
}

/* Input i, which holds these matrices, laid out so. */
static snn_status take_stack(snn_recognition *recognition, int32_t i, const stack *matrices, snn_affine *affine)
{
    const snn_shape shape = {1, (int32_t)matrices->positions, (int32_t)(matrices->count * matrices->width)};
    int32_t *map = NULL;
    SNN_TRY(snn_draft_take(recognition, i, affine));
    const snn_status status = stack_map(matrices, true, &map);
    return lay_out(recognition, i, map, status, shape, affine);
}

/* Gives these matrices, which the affine value (taken) holds, as output 0. */
static snn_status give_stack(snn_recognition *recognition, const stack *matrices, snn_affine *affine)
{
    const snn_tensor *to = snn_recognition_output(recognition, 0);
    const int64_t count = matrices->count * matrices->rows * matrices->columns;
    int32_t *map = snn_allocate((size_t)count, sizeof *map);
    snn_status status = map == NULL ? snn_out_of_memory("map of matrices") : snn_ok();
    for (int64_t e = 0; e < count && status.code == SNN_OK; e++) {
        const int64_t column = e % matrices->columns, row = e / matrices->columns % matrices->rows;
        const int64_t m = e / matrices->columns / matrices->rows;
        map[e] = (int32_t)((row * matrices->count + m) * matrices->width + column);
    }
    if (status.code == SNN_OK) {
        status = snn_arrange(recognition->draft, affine, recognition->node->outputs[0], map, to->dims, to->rank);
    }
    snn_release(map);
    return snn_draft_conclude(recognition, affine, status);
}

/* The population added last tracks these matrices of its value. */
static snn_status place_stack(snn_recognition *recognition, const stack *matrices)
{
    snn_draft_population *population = last_population(recognition);
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
static stack result_of(const snn_pattern_match *pattern)
{
    const int64_t count = pattern->joined ? 1 : pattern->groups, width = pattern->width / count;
    return (stack){count, pattern->windows * pattern->queries, width, positions_of(pattern), width, false};
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

snn_status snn_recognise_place_scores(snn_recognition *recognition)
{
    const snn_pattern_match *pattern = recognition->pattern;
    const stack scores = {pattern->groups, pattern->queries, pattern->tokens, pattern->tokens, pattern->tokens, false};
    const int64_t elements = (int64_t)pattern->groups * pattern->queries * pattern->tokens;
    SNN_TRY(place_stack(recognition, &scores));
    return repeat_map(pattern->windows, elements, &last_population(recognition)->value_map);
}

snn_status snn_recognise_place_result(snn_recognition *recognition)
{
    const stack result = result_of(recognition->pattern);
    return recognition->pattern->joined && is_square(recognition->pattern) ? snn_ok()
                                                                           : place_stack(recognition, &result);
}

void snn_recognise_set_window(snn_recognition *recognition)
{
    const snn_pattern_match *pattern = recognition->pattern;
    last_population(recognition)->beta = pattern->windows > 1 ? (float)pattern->tokens : 0.0f;
}

snn_status snn_recognise_give_attention(snn_recognition *recognition, snn_affine *affine)
{
    const stack result = result_of(recognition->pattern);
    if (recognition->pattern->joined && is_square(recognition->pattern)) {
        snn_draft_give(recognition, affine);
        return snn_ok();
    }
    return give_stack(recognition, &result, affine);
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
    SNN_TRY(snn_draft_take(recognition, i, affine));
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
    for (int64_t e = 0; e < count && status.code == SNN_OK; e++) {
        const int64_t row = e / shape.channels;
        map[e] = row < rows ? (int32_t)(row * channels + first + e % shape.channels) : -1;
    }
    return lay_out(recognition, i, map, status, shape, affine);
}

snn_status snn_recognise_take_operand(snn_recognition *recognition, int32_t i, snn_affine *affine)
{
    const snn_pattern_match *pattern = recognition->pattern;
    const int32_t rows = pattern->windows * (i == 0 ? pattern->queries : pattern->tokens);
    const int32_t width = pattern->width / pattern->groups;
    if (pattern->first[i] != SNN_IN_HEADS) {
        return take_channels(recognition, i, rows, affine);
    }
    const stack heads = {.count = pattern->groups,
                         .rows = i == 1 ? width : rows,
                         .columns = i == 1 ? rows : width,
                         .positions = pattern->tokens,
                         .width = width,
                         .transposed = i == 1};
    return take_stack(recognition, i, &heads, affine);
}

static snn_status fused_attention(snn_recognition *recognition)
{
    snn_affine all;
    memset(&all, 0, sizeof all);
    snn_shape shape = {0, 0, 0};
    snn_status status = snn_ok();
    for (int32_t i = 0; i < 3 && status.code == SNN_OK; i++) {
        snn_affine operand;
        status = snn_recognise_take_operand(recognition, i, i == 0 ? &all : &operand);
        if (status.code == SNN_OK && i == 0) {
            shape = all.shape;
        } else if (status.code == SNN_OK) {
            status = snn_affine_concatenate(&all, &operand);
            snn_affine_clear(&operand);
        }
    }
    if (status.code == SNN_OK) {
        /* q, k and v side by side: one stream if they are products. */
        status = snn_draft_stream_affine(recognition->draft, &all, recognition->node->outputs[0]);
    }
    if (status.code != SNN_OK) {
        snn_affine_clear(&all);
        return status;
    }
    SNN_TRY(snn_recognise_nary(recognition, SNN_NEURON_ATTENTION, &all, shape, recognition->pattern->parameter,
                               recognition->pattern->groups));
    snn_recognise_set_window(recognition);
    SNN_TRY(snn_recognise_place_result(recognition));
    all = recognition->draft->affines[recognition->node->outputs[0]];
    memset(&recognition->draft->affines[recognition->node->outputs[0]], 0, sizeof all);
    return snn_recognise_give_attention(recognition, &all);
}

static snn_status convert_attention(snn_recognition *recognition)
{
    const snn_pattern_match *pattern = recognition->pattern;
    if (pattern == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "attention that was not written out"); /* never: lower.h does it */
    }
    for (int32_t i = 0; i < 3; i++) {
        if (!snn_recognition_is_activation(recognition, i)) {
            return snn_fail(SNN_INPUT_ERROR, "queries, keys or values that do not depend on the image");
        }
        SNN_TRY(pattern->first[i] == SNN_IN_HEADS ? snn_ok() : snn_recognise_channels_last(recognition, i));
    }
    const bool masked = pattern->mask_count > 0; /* the fused neuron has no place for it */
    return masked || recognition->draft->options.attention == SNN_FORM_DECOMPOSED ? snn_decompose_attention(recognition)
                                                                                  : fused_attention(recognition);
}

/* ---- products of two activations ---- */

/* The matrices of input i. */
static snn_status matrices_of(const snn_recognition *recognition, int32_t i, stack *found)
{
    const snn_tensor *tensor = snn_recognition_input(recognition, i);
    if (tensor->rank < 2) {
        return snn_fail(SNN_INPUT_ERROR, "product of vectors that depend on the image: not supported");
    }
    *found = (stack){.rows = tensor->dims[tensor->rank - 2], .columns = tensor->dims[tensor->rank - 1]};
    found->count = snn_tensor_elements(tensor) / found->rows / found->columns;
    return snn_ok();
}

/* Scores are products of every position's channels with every position's, a mix is one over positions: whatever needs
 * fewer neurons. */
snn_status snn_recognise_matrix_product(snn_recognition *recognition)
{
    stack left, right;
    SNN_TRY(matrices_of(recognition, 0, &left));
    SNN_TRY(matrices_of(recognition, 1, &right));
    if (left.count != right.count) {
        return snn_fail(SNN_INPUT_ERROR, "product of %lld and %lld matrices that depend on the image: as many expected",
                        (long long)left.count, (long long)right.count);
    }
    const int64_t rows = left.rows, inner = left.columns, columns = right.columns;
    const int64_t side_of_scores = rows > columns ? rows : columns, side_of_mix = rows > inner ? rows : inner;
    const bool scores = side_of_scores * side_of_scores <= side_of_mix * columns;
    const int64_t side = scores ? side_of_scores : side_of_mix;
    left.positions = right.positions = side;
    left.width = scores ? inner : side;
    right.width = scores ? inner : columns;
    right.transposed = scores;
    const stack result = {left.count, rows, columns, side, scores ? side : columns, false};
    snn_affine both, other;
    SNN_TRY(take_stack(recognition, 0, &left, &both));
    snn_status status = snn_draft_stream_affine(recognition->draft, &both, recognition->node->inputs[0]);
    if (status.code == SNN_OK) {
        status = take_stack(recognition, 1, &right, &other);
    }
    if (status.code == SNN_OK) {
        status = snn_draft_stream_affine(recognition->draft, &other, recognition->node->inputs[1]);
        status = status.code == SNN_OK ? snn_affine_concatenate(&both, &other) : status;
        snn_affine_clear(&other);
    }
    if (status.code != SNN_OK) {
        snn_affine_clear(&both);
        return status;
    }
    const snn_shape shape = {1, (int32_t)side, (int32_t)(result.count * result.width)};
    SNN_TRY(snn_recognise_nary(recognition, scores ? SNN_NEURON_SCORES : SNN_NEURON_MIX, &both, shape, 1.0f,
                               (int32_t)result.count));
    if (result.count == 1 && rows == side && columns == result.width) {
        return snn_ok();
    }
    SNN_TRY(place_stack(recognition, &result));
    both = recognition->draft->affines[recognition->node->outputs[0]];
    memset(&recognition->draft->affines[recognition->node->outputs[0]], 0, sizeof both);
    return give_stack(recognition, &result, &both);
}

snn_recogniser snn_recogniser_attention(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {{"Attention", convert_attention}};
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
