/* Data movement (Reshape, Transpose, Slice, Pad, Gather, ...) seen as one thing: a map of elements.
 *
 * The map is tested against layouts that cost nothing. In a layout, a map that is cheap takes channel and position
 * apart: channel c' comes from one range of channels, position p' from a strided, zero-padded window of positions.
 */
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/affine.h"

enum { UNSET = -2, NONE = -1, MAX_LAYOUTS = 6 };

typedef struct layout {
    snn_shape shape;
    snn_order order;
} layout;

/* What a separable map does. */
typedef struct movement {
    int32_t channel_from, channel_to, channels; /* a range of channels moves from .. to .. */
    bool same_positions;
    snn_window window; /* 1 x 1, otherwise */
} movement;

static int64_t elements_of(snn_shape shape)
{
    return snn_shape_size(shape);
}

static int64_t element_at(layout at, int64_t position, int32_t channel)
{
    return at.order == SNN_ORDER_CHANNELS_FIRST ? channel * snn_shape_positions(at.shape) + position
                                                : position * at.shape.channels + channel;
}

snn_status snn_affine_natural_layout(const int64_t *dims, int32_t rank, snn_shape *shape, snn_order *order)
{
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++) {
        count *= dims[i];
    }
    if (count < 1 || count > INT32_MAX) {
        return snn_fail(SNN_INPUT_ERROR, "an activation must have 1 to 2^31 elements");
    }
    *order = SNN_ORDER_CHANNELS_FIRST;
    if (rank == 4 && dims[0] == 1) {
        *shape = (snn_shape){(int32_t)dims[2], (int32_t)dims[3], (int32_t)dims[1]};
    } else if (rank > 0 && (rank == 3 || dims[0] != 1)) {
        *shape = (snn_shape){1, (int32_t)(count / dims[rank - 1]), (int32_t)dims[rank - 1]};
        *order = SNN_ORDER_CHANNELS_LAST;
    } else {
        *shape = (snn_shape){1, 1, (int32_t)count};
    }
    return snn_ok();
}

/* Layouts in which a map may cost nothing, likeliest first. */
static int32_t candidate_layouts(const snn_affine *affine, const int64_t *dims, int32_t rank, int64_t count,
                                 layout layouts[MAX_LAYOUTS])
{
    int32_t n = 0;
    int64_t positions = snn_shape_positions(affine->shape);
    bool first = affine->order == SNN_ORDER_CHANNELS_FIRST;
    if (count % positions == 0) { /* the same rows and columns, perhaps fewer or more channels */
        snn_shape shape = {affine->shape.height, affine->shape.width, (int32_t)(count / positions)};
        layouts[n++] = (layout){shape, affine->order};
        layouts[n++] = (layout){shape, first ? SNN_ORDER_CHANNELS_LAST : SNN_ORDER_CHANNELS_FIRST};
    }
    if (rank == 4 && dims[0] == 1) {
        layouts[n++] = (layout){{(int32_t)dims[2], (int32_t)dims[3], (int32_t)dims[1]}, SNN_ORDER_CHANNELS_FIRST};
        layouts[n++] = (layout){{(int32_t)dims[1], (int32_t)dims[2], (int32_t)dims[3]}, SNN_ORDER_CHANNELS_LAST};
    } else if (rank == 3 && dims[0] == 1) {
        layouts[n++] = (layout){{1, (int32_t)dims[1], (int32_t)dims[2]}, SNN_ORDER_CHANNELS_LAST};
        layouts[n++] = (layout){{1, (int32_t)dims[2], (int32_t)dims[1]}, SNN_ORDER_CHANNELS_FIRST};
    } else {
        layouts[n++] = (layout){{1, 1, (int32_t)count}, SNN_ORDER_CHANNELS_FIRST};
    }
    return n;
}

/* Splits the map into channel and position parts: false if it does not separate. */
static bool separate(const snn_affine *affine, const int32_t *map, layout to, int32_t *channel_of, int32_t *position_of)
{
    int64_t positions = snn_shape_positions(to.shape);
    int64_t from_positions = snn_shape_positions(affine->shape);
    for (int32_t c = 0; c < to.shape.channels; c++) {
        channel_of[c] = UNSET;
    }
    for (int64_t p = 0; p < positions; p++) {
        position_of[p] = UNSET;
    }
    for (int32_t c = 0; c < to.shape.channels; c++) {
        for (int64_t p = 0; p < positions; p++) {
            int32_t element = map[element_at(to, p, c)];
            if (element == NONE) {
                continue;
            }
            bool first = affine->order == SNN_ORDER_CHANNELS_FIRST;
            int32_t channel = (int32_t)(first ? element / from_positions : element % affine->shape.channels);
            int32_t position = (int32_t)(first ? element % from_positions : element / affine->shape.channels);
            if ((channel_of[c] != UNSET && channel_of[c] != channel) ||
                (position_of[p] != UNSET && position_of[p] != position)) {
                return false;
            }
            channel_of[c] = channel;
            position_of[p] = position;
        }
    }
    for (int32_t c = 0; c < to.shape.channels; c++) {
        for (int64_t p = 0; p < positions; p++) {
            bool present = channel_of[c] != UNSET && position_of[p] != UNSET;
            if (present != (map[element_at(to, p, c)] != NONE)) {
                return false;
            }
        }
    }
    return true;
}

static bool read_channels(const int32_t *channel_of, int32_t channels, movement *move)
{
    int32_t begin = 0;
    while (begin < channels && channel_of[begin] == UNSET) {
        begin++;
    }
    int32_t end = begin;
    while (end < channels && channel_of[end] == channel_of[begin] + (end - begin)) {
        end++;
    }
    for (int32_t c = end; c < channels; c++) {
        if (channel_of[c] != UNSET) {
            return false;
        }
    }
    move->channel_from = begin < end ? channel_of[begin] : 0;
    move->channel_to = begin;
    move->channels = end - begin;
    return true;
}

/* One axis as at[i] = i * stride - pad where that is inside [0, size), nothing elsewhere. */
static bool read_axis(const int32_t *at, int32_t count, int32_t size, int axis, snn_window *window)
{
    int32_t first = 0;
    while (first < count && at[first] == UNSET) {
        first++;
    }
    if (first == count) {
        return false;
    }
    bool several = first + 1 < count && at[first + 1] != UNSET;
    int32_t stride = several ? at[first + 1] - at[first] : 1;
    int32_t pad = first * stride - at[first];
    if (stride < 1 || pad < 0) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        int32_t expected = i * stride - pad;
        if (at[i] != (expected >= 0 && expected < size ? expected : UNSET)) {
            return false;
        }
    }
    int32_t missing = (count - 1) * stride + 1 - size - pad;
    window->kernel[axis] = 1;
    window->dilation[axis] = 1;
    window->stride[axis] = stride;
    window->pad_begin[axis] = pad;
    window->pad_end[axis] = missing > 0 ? missing : 0;
    return snn_window_output(window, axis, size) == count;
}

static bool read_positions(const snn_affine *affine, const int32_t *position_of, snn_shape shape, int32_t *rows,
                           int32_t *columns, movement *move)
{
    int64_t positions = snn_shape_positions(shape);
    int32_t width = affine->shape.width;
    move->same_positions = positions == snn_shape_positions(affine->shape);
    for (int64_t p = 0; p < positions && move->same_positions; p++) {
        move->same_positions = position_of[p] == p;
    }
    if (move->same_positions) {
        return true;
    }
    for (int32_t r = 0; r < shape.height; r++) {
        rows[r] = UNSET;
    }
    for (int32_t q = 0; q < shape.width; q++) {
        columns[q] = UNSET;
    }
    for (int64_t p = 0; p < positions; p++) {
        if (position_of[p] == UNSET) {
            continue;
        }
        int32_t *row = &rows[p / shape.width];
        int32_t *column = &columns[p % shape.width];
        if ((*row != UNSET && *row != position_of[p] / width) ||
            (*column != UNSET && *column != position_of[p] % width)) {
            return false;
        }
        *row = position_of[p] / width;
        *column = position_of[p] % width;
    }
    for (int64_t p = 0; p < positions; p++) {
        bool present = rows[p / shape.width] != UNSET && columns[p % shape.width] != UNSET;
        if (present != (position_of[p] != UNSET)) {
            return false;
        }
    }
    return read_axis(rows, shape.height, affine->shape.height, 0, &move->window) &&
           read_axis(columns, shape.width, affine->shape.width, 1, &move->window);
}

static bool window_is_unpadded(const snn_window *window)
{
    return window->pad_begin[0] == 0 && window->pad_begin[1] == 0 && window->pad_end[0] == 0 && window->pad_end[1] == 0;
}

/* `second` (1 x 1) behind `first`: exact if nothing is padded in between. */
static bool compose_windows(const snn_window *first, const snn_window *second, snn_shape source, snn_shape target,
                            snn_window *both)
{
    if (!window_is_unpadded(second)) {
        return false;
    }
    *both = *first;
    const int32_t size[2] = {source.height, source.width};
    const int32_t count[2] = {target.height, target.width};
    for (int axis = 0; axis < 2; axis++) {
        both->stride[axis] = first->stride[axis] * second->stride[axis];
        both->pad_end[axis] = 0;
        int32_t missing = (count[axis] - 1) * both->stride[axis] + (both->kernel[axis] - 1) * both->dilation[axis] + 1 -
                          size[axis] - both->pad_begin[axis];
        both->pad_end[axis] = missing > 0 ? missing : 0;
        if (snn_window_output(both, axis, size[axis]) != count[axis]) {
            return false;
        }
    }
    return true;
}

/* The term behind the movement; false if this term cannot express it. With `apply` false nothing is changed. */
static bool move_term(snn_term *term, const movement *move, snn_shape shape, bool apply)
{
    snn_operator op = term->op;
    bool same_labels = shape.height == op.target.height && shape.width == op.target.width;
    if (move->same_positions && !same_labels && op.kind != SNN_OPERATOR_TOKENS) {
        return false; /* its geometry depends on rows and columns */
    }
    if (!move->same_positions) {
        if (op.kind != SNN_OPERATOR_DIAGONAL) {
            return false;
        }
        if (!op.pooled) {
            op.pool = move->window;
        } else if (!compose_windows(&term->op.pool, &move->window, op.source, shape, &op.pool)) {
            return false;
        }
        op.pooled = true;
    }
    /* Channels of the term that survive. */
    int32_t begin = op.target_channel > move->channel_from ? op.target_channel : move->channel_from;
    int32_t term_end = op.target_channel + op.target_channels;
    int32_t move_end = move->channel_from + move->channels;
    int32_t end = term_end < move_end ? term_end : move_end;
    int32_t kept = end > begin ? end - begin : 0;
    if (kept < op.target_channels && op.groups > 1 && op.kind == SNN_OPERATOR_CONVOLUTION) {
        return false;
    }
    if (!apply) {
        return true;
    }
    int32_t skipped = kept > 0 ? begin - op.target_channel : 0;
    size_t row = (size_t)snn_operator_row_length(&op);
    memmove(term->weights, term->weights + (size_t)skipped * row, (size_t)kept * row * sizeof *term->weights);
    if (term->index != NULL) {
        memmove(term->index, term->index + (size_t)skipped * row, (size_t)kept * row * sizeof *term->index);
    }
    if (op.kind == SNN_OPERATOR_DIAGONAL) {
        op.source_channel += skipped;
        op.source_channels = kept;
    }
    op.target = shape;
    op.target_channel = begin - move->channel_from + move->channel_to;
    op.target_channels = kept;
    term->op = op;
    return true;
}

static void drop_empty_terms(snn_affine *affine)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < affine->term_count; i++) {
        if (affine->terms[i].op.target_channels > 0) {
            affine->terms[kept++] = affine->terms[i];
        } else {
            snn_release(affine->terms[i].weights);
            snn_release(affine->terms[i].index);
            snn_release(affine->terms[i].mixing);
        }
    }
    affine->term_count = kept;
}

/* Moves the offset by the map itself. */
static snn_status move_offset(snn_affine *affine, const int32_t *map, layout to)
{
    if (affine->offset == NULL) {
        return snn_ok();
    }
    SNN_TRY(snn_affine_expand_offset(affine));
    float *moved = snn_allocate((size_t)elements_of(to.shape), sizeof *moved);
    if (moved == NULL) {
        return snn_out_of_memory("offsets");
    }
    layout from = {affine->shape, affine->order};
    int64_t from_positions = snn_shape_positions(from.shape);
    for (int64_t p = 0; p < snn_shape_positions(to.shape); p++) {
        for (int32_t c = 0; c < to.shape.channels; c++) {
            int32_t element = map[element_at(to, p, c)];
            if (element == NONE) {
                continue;
            }
            bool first = from.order == SNN_ORDER_CHANNELS_FIRST;
            int64_t channel = first ? element / from_positions : element % from.shape.channels;
            int64_t position = first ? element % from_positions : element / from.shape.channels;
            moved[p * to.shape.channels + c] = affine->offset[position * from.shape.channels + channel];
        }
    }
    snn_release(affine->offset);
    affine->offset = moved;
    affine->offset_positions = (int32_t)snn_shape_positions(to.shape);
    return snn_ok();
}

static bool fits(snn_affine *affine, const int32_t *map, layout to, int32_t *scratch, movement *move)
{
    int32_t *channel_of = scratch;
    int32_t *position_of = channel_of + to.shape.channels;
    int32_t *rows = position_of + snn_shape_positions(to.shape);
    int32_t *columns = rows + to.shape.height;
    memset(move, 0, sizeof *move);
    if (!separate(affine, map, to, channel_of, position_of) || !read_channels(channel_of, to.shape.channels, move) ||
        move->channels == 0 || !read_positions(affine, position_of, to.shape, rows, columns, move)) {
        return false;
    }
    for (int32_t t = 0; t < affine->term_count; t++) {
        if (!move_term(&affine->terms[t], move, to.shape, false)) {
            return false;
        }
    }
    return true;
}

snn_status snn_affine_rearrange_into(snn_affine *affine, const int32_t *map, snn_shape shape, snn_order order,
                                     bool *possible)
{
    const layout to = {shape, order};
    movement move;
    int32_t *scratch = snn_allocate((size_t)(4 * elements_of(shape) + 4), sizeof *scratch);
    if (scratch == NULL) {
        return snn_out_of_memory("map");
    }
    *possible = fits(affine, map, to, scratch, &move);
    snn_release(scratch);
    if (!*possible) {
        return snn_ok();
    }
    SNN_TRY(move_offset(affine, map, to));
    for (int32_t t = 0; t < affine->term_count; t++) {
        (void)move_term(&affine->terms[t], &move, shape, true);
    }
    drop_empty_terms(affine);
    affine->shape = shape;
    affine->order = order;
    return snn_ok();
}

snn_status snn_affine_rearrange(snn_affine *affine, const int32_t *map, const int64_t *dims, int32_t rank,
                                bool *possible)
{
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++) {
        count *= dims[i];
    }
    layout layouts[MAX_LAYOUTS];
    int32_t candidates = candidate_layouts(affine, dims, rank, count, layouts);
    *possible = false;
    for (int32_t i = 0; i < candidates && !*possible; i++) {
        SNN_TRY(snn_affine_rearrange_into(affine, map, layouts[i].shape, layouts[i].order, possible));
    }
    return snn_ok();
}

snn_status snn_affine_gather(snn_affine *affine, const int32_t *map, snn_shape shape, snn_order order)
{
    if (affine->term_count != 1 || !snn_affine_is_plain(affine, true) || affine->offset != NULL ||
        affine->terms[0].op.source_channels != affine->shape.channels) {
        return snn_fail(SNN_INTERNAL_ERROR, "gather behind an operator");
    }
    size_t count = (size_t)snn_shape_size(shape);
    float *weights = snn_allocate(count, sizeof *weights);
    int32_t *index = snn_allocate(count, sizeof *index);
    if (weights == NULL || index == NULL) {
        snn_release(weights);
        snn_release(index);
        return snn_out_of_memory("gather");
    }
    snn_term *term = &affine->terms[0];
    layout to = {shape, order};
    int64_t positions = snn_shape_positions(shape);
    int64_t from_positions = snn_shape_positions(affine->shape);
    bool first = affine->order == SNN_ORDER_CHANNELS_FIRST;
    for (int32_t c = 0; c < shape.channels; c++) {
        for (int64_t p = 0; p < positions; p++) {
            int32_t element = map[element_at(to, p, c)];
            int64_t channel = first ? element / from_positions : element % affine->shape.channels;
            int64_t position = first ? element % from_positions : element / affine->shape.channels;
            index[c * positions + p] = element == NONE ? NONE : (int32_t)(position * affine->shape.channels + channel);
            weights[c * positions + p] = element == NONE ? 0.0f : term->weights[channel];
        }
    }
    snn_release(term->weights);
    term->weights = weights;
    term->index = index;
    term->op.kind = SNN_OPERATOR_GATHER;
    term->op.target = shape;
    term->op.target_channel = 0;
    term->op.target_channels = shape.channels;
    affine->shape = shape;
    affine->order = order;
    return snn_ok();
}
