#include "core/kernels/amx.h"

#include <immintrin.h>
#include <string.h>

enum { WORD_BITS = 64, BYTE_BITS = 8 };

/* A column of a lane sees its own and the next merged - 1 taps' columns; group g of merged taps begins `tap_offset`
 * columns behind the first. */
static int32_t tap_offset(const snn_amx_view *view, int32_t tap_column)
{
    return tap_column * view->merged * view->taps.dilation[1];
}

/* Columns of a lane that taps see: of target_columns neighbouring target positions through the farthest tap. */
static int32_t lane_columns(const snn_amx_view *view, int32_t lane, int32_t target_columns)
{
    const int32_t stride = view->taps.stride[1];
    int32_t columns = 0;
    for (int32_t g = 0; g < view->tap_columns; g++) { /* offsets ascend */
        const int32_t offset = tap_offset(view, g);
        columns = offset % stride == lane ? offset / stride + target_columns : columns;
    }
    return columns;
}

static int64_t lane_bytes(const snn_amx_view *view, int32_t lane, int32_t target_columns, int32_t steps)
{
    return (int64_t)lane_columns(view, lane, target_columns) * view->words * steps * SNN_AMX_ROW_BYTES;
}

static int64_t row_bytes(const snn_amx_view *view, int32_t target_columns, int32_t steps)
{
    int64_t bytes = 0;
    for (int32_t lane = 0; lane < view->taps.stride[1]; lane++) {
        bytes += lane_bytes(view, lane, target_columns, steps);
    }
    return bytes;
}

/* Source rows that neighbouring target rows see. */
static int32_t row_extent(const snn_amx_view *view, int32_t target_rows)
{
    return (target_rows - 1) * view->taps.stride[0] + (view->taps.kernel[0] - 1) * view->taps.dilation[0] + 1;
}

snn_amx_field snn_amx_field_of_tile(const snn_amx_view *view, int64_t begin, int64_t end, int32_t steps)
{
    const int32_t width = view->target_width;
    const int32_t first_row = (int32_t)(begin / width), last_row = (int32_t)((end - 1) / width);
    const int32_t first_column = (int32_t)(begin % width), end_column = (int32_t)((end - 1) % width) + 1;
    snn_amx_field field = {.target_row = first_row, .target_rows = last_row - first_row + 1, .steps = steps};
    if (field.target_rows == 1) {
        field.target_column = first_column;
        field.target_columns = field.last_end = end_column - first_column;
    } else {
        field.target_columns = width;
        field.first_begin = first_column;
        field.last_end = end_column;
    }
    field.row = first_row * view->taps.stride[0] - view->taps.pad_begin[0];
    field.column = field.target_column * view->taps.stride[1] - view->taps.pad_begin[1];
    field.rows = row_extent(view, field.target_rows);
    field.row_bytes = row_bytes(view, field.target_columns, steps);
    return field;
}

int64_t snn_amx_field_largest(const snn_amx_view *view, int64_t positions, int32_t steps)
{
    const int32_t width = view->target_width;
    /* Positions that begin at the end of a row reach into one row more than their number says. */
    int64_t rows = positions < 2 ? 1 : (positions - 2) / width + 2;
    rows = rows < view->target_height ? rows : view->target_height;
    const int32_t columns = rows == 1 && positions < width ? (int32_t)positions : width;
    /* The last tile of a target row may reach behind the field. */
    return row_extent(view, (int32_t)rows) * row_bytes(view, columns, steps) + SNN_AMX_TILE_BYTES;
}

int64_t snn_amx_field_aligned(const snn_amx_view *view, int64_t positions, int32_t steps)
{
    const int64_t width = view->target_width, rows = (positions + width - 1) / width;
    const int32_t columns = (int32_t)(positions < width ? positions : width);
    return row_extent(view, (int32_t)rows) * row_bytes(view, columns, steps) + SNN_AMX_TILE_BYTES;
}

void snn_amx_field_offsets(const snn_amx_view *view, const snn_amx_field *field, int64_t *offsets)
{
    const int32_t stride = view->taps.stride[1];
    for (int32_t i = 0; i < view->taps.kernel[0]; i++) {
        for (int32_t g = 0; g < view->tap_columns; g++) {
            const int32_t lane = tap_offset(view, g) % stride, column = tap_offset(view, g) / stride;
            int64_t offset = (int64_t)i * view->taps.dilation[0] * field->row_bytes;
            for (int32_t before = 0; before < lane; before++) {
                offset += lane_bytes(view, before, field->target_columns, field->steps);
            }
            offset += (int64_t)column * field->steps * SNN_AMX_ROW_BYTES;
            for (int32_t word = 0; word < view->words; word++) {
                *offsets++ = offset;
                offset += lane_bytes(view, lane, field->target_columns, field->steps) / view->words;
            }
        }
    }
}

int64_t snn_amx_pieces_largest(const snn_amx_view *view)
{
    return 2 * ((int64_t)view->words + view->merged); /* ends of words, of taps, and of what one load reaches */
}

/* Cuts the string of bits, [merged][channels], at the ends of words, of taps and of 64-bit loads. */
static int64_t cut_pieces(const snn_amx_view *view, int32_t channel, snn_amx_piece *pieces)
{
    int64_t count = 0, at = 0;
    for (int32_t tap = 0; tap < view->merged; tap++) {
        for (int32_t c = 0; c < view->channels;) {
            snn_amx_piece piece = {.word = (int32_t)(at / WORD_BITS),
                                   .tap = tap,
                                   .byte = (channel + c) / BYTE_BITS,
                                   .shift = (channel + c) % BYTE_BITS,
                                   .to = (int32_t)(at % WORD_BITS)};
            const int32_t word_left = WORD_BITS - piece.to, load_left = WORD_BITS - piece.shift;
            int32_t bits = view->channels - c;
            bits = word_left < bits ? word_left : bits;
            bits = load_left < bits ? load_left : bits;
            piece.mask = UINT64_MAX >> (WORD_BITS - bits);
            pieces[count++] = piece;
            c += bits;
            at += bits;
        }
    }
    return count;
}

/* A piece at one place of the source: address at the first step. */
typedef struct placed_piece {
    const uint8_t *bits;
    int32_t shift, to;
    int32_t count; /* of bits */
    uint64_t mask;
} placed_piece;

typedef struct placed_word {
    int32_t count;
    placed_piece pieces[WORD_BITS];
    uint64_t inside; /* bits that a piece gives; the others count 0 */
} placed_word;

static bool is_inside(int64_t value, int32_t size)
{
    return value >= 0 && value < size;
}

/* Adds a piece, or lengthens the last one where it lies behind it in memory and in the word: channels of neighbouring
 * positions often do. */
static void place_piece(placed_word *word, placed_piece piece)
{
    placed_piece *last = &word->pieces[word->count > 0 ? word->count - 1 : 0];
    word->inside |= piece.mask << piece.to;
    if (word->count > 0 && piece.to == last->to + last->count && last->shift + last->count + piece.count <= WORD_BITS &&
        (piece.bits - last->bits) * BYTE_BITS + piece.shift == last->shift + last->count) {
        last->count += piece.count;
        last->mask = UINT64_MAX >> (WORD_BITS - last->count);
        return;
    }
    word->pieces[word->count++] = piece;
}

/* Pieces [first, end) of one word, seen from (row, column) of the pooled source through tap (i, j) of the pool window.
 */
static void place_word(const snn_amx_view *view, const snn_spikes *source, const uint8_t *plane, int32_t row,
                       int32_t column, const int32_t pool_tap[2], const snn_amx_piece *first, const snn_amx_piece *end,
                       placed_word *word)
{
    const snn_window *pool = &view->pool;
    word->count = 0;
    word->inside = 0;
    const int64_t y = (int64_t)row * pool->stride[0] - pool->pad_begin[0] + (int64_t)pool_tap[0] * pool->dilation[0];
    if (!is_inside(row, view->height) || !is_inside(y, view->source_height)) {
        return;
    }
    for (const snn_amx_piece *piece = first; piece < end; piece++) {
        const int64_t seen = column + (int64_t)piece->tap * view->taps.dilation[1];
        const int64_t x = seen * pool->stride[1] - pool->pad_begin[1] + (int64_t)pool_tap[1] * pool->dilation[1];
        if (is_inside(seen, view->width) && is_inside(x, view->source_width)) {
            place_piece(word, (placed_piece){plane + (y * view->source_width + x) * source->row_bytes + piece->byte,
                                             piece->shift, piece->to, __builtin_popcountll(piece->mask), piece->mask});
        }
    }
}

static uint64_t load_bits(const uint8_t *bits)
{
    uint64_t word;
    memcpy(&word, bits, sizeof word);
    return word;
}

/* Adds +1 / -1 for the bits of a word at every step. */
static void add_word(const placed_word *word, int64_t step_bytes, int32_t steps, bool add, uint8_t *to)
{
    const __m512i plus = _mm512_set1_epi8(1), minus = _mm512_set1_epi8(-1);
    for (int32_t step = 0; step < steps; step++, to += SNN_AMX_ROW_BYTES) {
        uint64_t bits = 0;
        for (int32_t i = 0; i < word->count; i++) {
            const placed_piece *piece = &word->pieces[i];
            bits |= (load_bits(piece->bits + step * step_bytes) >> piece->shift & piece->mask) << piece->to;
        }
        __m512i values = _mm512_mask_mov_epi8(_mm512_maskz_mov_epi8(word->inside, minus), bits, plus);
        if (add) {
            values = _mm512_add_epi8(values, _mm512_load_si512(to));
        }
        _mm512_store_si512(to, values);
    }
}

/* The same for a word of one piece, and not added. */
static void write_piece(const placed_word *word, int64_t step_bytes, int32_t steps, uint8_t *to)
{
    const placed_piece piece = word->pieces[0];
    const __m512i plus = _mm512_set1_epi8(1), silent = _mm512_maskz_mov_epi8(word->inside, _mm512_set1_epi8(-1));
    for (int32_t step = 0; step < steps; step++, to += SNN_AMX_ROW_BYTES) {
        const uint64_t bits = (load_bits(piece.bits + step * step_bytes) >> piece.shift & piece.mask) << piece.to;
        _mm512_store_si512(to, _mm512_mask_mov_epi8(silent, bits, plus));
    }
}

/* The same for a word that is 64 bits of memory, and not added. */
static void write_word(const uint8_t *bits, int64_t step_bytes, int32_t steps, uint8_t *to)
{
    const __m512i plus = _mm512_set1_epi8(1), minus = _mm512_set1_epi8(-1);
    for (int32_t step = 0; step < steps; step++, bits += step_bytes, to += SNN_AMX_ROW_BYTES) {
        _mm512_store_si512(to, _mm512_mask_mov_epi8(minus, load_bits(bits), plus));
    }
}

/* One word at (row, column) of the pooled source, all steps. */
static void expand_word(const snn_amx_view *view, const snn_spikes *source, int32_t image, int32_t steps, int32_t row,
                        int32_t column, const snn_amx_piece *first, const snn_amx_piece *end, uint8_t *to)
{
    const uint8_t *plane = snn_spikes_plane(source, 0, image);
    const int64_t step_bytes = snn_spikes_plane_bytes(source) * source->images;
    bool written = false;
    int32_t tap[2];
    for (tap[0] = 0; tap[0] < view->pool.kernel[0]; tap[0]++) {
        for (tap[1] = 0; tap[1] < view->pool.kernel[1]; tap[1]++) {
            placed_word word;
            place_word(view, source, plane, row, column, tap, first, end, &word);
            if (word.count == 0) {
                continue;
            }
            if (word.count == 1 && word.pieces[0].shift == 0 && word.pieces[0].to == 0 && word.inside == UINT64_MAX &&
                !written) {
                write_word(word.pieces[0].bits, step_bytes, steps, to);
            } else if (word.count == 1 && !written) {
                write_piece(&word, step_bytes, steps, to);
            } else {
                add_word(&word, step_bytes, steps, written, to);
            }
            written = true;
        }
    }
    if (!written) {
        memset(to, 0, (size_t)steps * SNN_AMX_ROW_BYTES);
    }
}

/* Which target rows of the field see a source row. */
typedef struct viewers {
    bool first, middle, last;
} viewers;

static viewers viewers_of(const snn_amx_view *view, const snn_amx_field *field, int32_t row)
{
    viewers seen = {false, false, false};
    for (int32_t i = 0; i < view->taps.kernel[0]; i++) {
        const int32_t offset = row - i * view->taps.dilation[0], target = offset / view->taps.stride[0];
        if (offset >= 0 && offset % view->taps.stride[0] == 0 && target < field->target_rows) {
            seen.first |= target == 0;
            seen.last |= target == field->target_rows - 1;
            seen.middle |= target > 0 && target < field->target_rows - 1;
        }
    }
    return seen;
}

/* One word of a lane of a source row, where target positions see it. */
static void expand_lane(const snn_amx_view *view, const snn_amx_field *field, const snn_spikes *source, int32_t image,
                        int32_t row, int32_t lane, const snn_amx_piece *first, const snn_amx_piece *end, uint8_t *to)
{
    const viewers seen = viewers_of(view, field, row);
    const int32_t columns = lane_columns(view, lane, field->target_columns);
    const int32_t reach = columns - field->target_columns;
    const int32_t stride = view->taps.stride[1];
    for (int32_t column = 0; column < columns; column++) {
        if (seen.middle || (seen.first && column >= field->first_begin) ||
            (seen.last && column < field->last_end + reach)) {
            expand_word(view, source, image, field->steps, field->row + row, field->column + lane + column * stride,
                        first, end, to + (int64_t)column * field->steps * SNN_AMX_ROW_BYTES);
        }
    }
}

void snn_amx_field_expand(const snn_amx_view *view, const snn_amx_field *field, const snn_spikes *source, int32_t image,
                          int32_t channel, snn_amx_piece *pieces, uint8_t *bytes)
{
    const snn_amx_piece *const end = pieces + cut_pieces(view, channel, pieces);
    for (int32_t row = 0; row < field->rows; row++) {
        uint8_t *to = bytes + row * field->row_bytes;
        for (int32_t lane = 0; lane < view->taps.stride[1]; lane++) {
            const int64_t word_bytes = lane_bytes(view, lane, field->target_columns, field->steps) / view->words;
            const snn_amx_piece *first = pieces, *last = pieces;
            for (int32_t word = 0; word < view->words && word_bytes > 0; word++, first = last, to += word_bytes) {
                while (last < end && last->word == word) {
                    last++;
                }
                expand_lane(view, field, source, image, row, lane, first, last, to);
            }
        }
    }
}
