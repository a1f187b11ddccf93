#include "core/base/memory.h"
#include "core/kernels/amx.h"

#include <immintrin.h>
#include <string.h>

enum { WORD_BITS = 64, BYTE_BITS = 8, COPIES_BYTES = 24 * 1024 /* half of a first-level cache */ };

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

int64_t snn_amx_field_working(const snn_amx_view *view)
{
    const int64_t pieces =
        2 * ((int64_t)view->words + view->merged); /* ends of words, of taps, of what a load reaches */
    return COPIES_BYTES + pieces * (int64_t)sizeof(snn_amx_piece);
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

/* Bits of the source: planes of steps, or copies of a part of them. */
typedef struct planes {
    const uint8_t *bits; /* step 0 */
    int64_t begin;       /* byte of a plane that they begin with */
    int64_t step_bytes;
} planes;

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
static void place_word(const snn_amx_view *view, const snn_spikes *source, const planes *from, int32_t row,
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
            const uint8_t *bits =
                from->bits + (y * view->source_width + x) * source->row_bytes + piece->byte - from->begin;
            place_piece(word,
                        (placed_piece){bits, piece->shift, piece->to, __builtin_popcountll(piece->mask), piece->mask});
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

/* Writes, or adds, a word at every step. */
static void expand_placed(const placed_word *word, int64_t step_bytes, int32_t steps, bool add, uint8_t *to)
{
    const placed_piece *piece = word->pieces;
    if (word->count == 1 && piece->shift == 0 && piece->to == 0 && word->inside == UINT64_MAX && !add) {
        write_word(piece->bits, step_bytes, steps, to);
    } else if (word->count == 1 && !add) {
        write_piece(word, step_bytes, steps, to);
    } else {
        add_word(word, step_bytes, steps, add, to);
    }
}

/* Whether a position of the pooled source is another than the same of the source. */
static bool is_pooled(const snn_amx_view *view)
{
    const snn_window *pool = &view->pool;
    return pool->kernel[0] * pool->kernel[1] > 1 || pool->stride[0] > 1 || pool->stride[1] > 1 ||
           pool->pad_begin[0] > 0 || pool->pad_begin[1] > 0;
}

/* One word at (row, column) of a pooled source, all steps. */
static void expand_pooled(const snn_amx_view *view, const snn_spikes *source, const planes *from, int32_t steps,
                          int32_t row, int32_t column, const snn_amx_piece *first, const snn_amx_piece *end,
                          uint8_t *to)
{
    bool written = false;
    int32_t tap[2];
    for (tap[0] = 0; tap[0] < view->pool.kernel[0]; tap[0]++) {
        for (tap[1] = 0; tap[1] < view->pool.kernel[1]; tap[1]++) {
            placed_word word;
            place_word(view, source, from, row, column, tap, first, end, &word);
            if (word.count > 0) {
                expand_placed(&word, from->step_bytes, steps, written, to);
                written = true;
            }
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
typedef struct lane_word {
    const snn_amx_piece *first, *end; /* of the word */
    int32_t row, lane;                /* row of the field */
    viewers seen;
} lane_word;

/* Words of neighbouring columns whose taps all lie in the image differ in the place of their bits alone. */
static void expand_lane(const snn_amx_view *view, const snn_amx_field *field, const snn_spikes *source,
                        const planes *from, const lane_word *at, uint8_t *to)
{
    static const int32_t only_tap[2] = {0, 0};
    const int32_t columns = lane_columns(view, at->lane, field->target_columns);
    const int32_t reach = columns - field->target_columns, stride = view->taps.stride[1];
    const int32_t extent = (view->merged - 1) * view->taps.dilation[1];
    const bool pooled = is_pooled(view);
    placed_word word = {.count = 0};
    bool placed = false;
    for (int32_t c = 0; c < columns; c++, to += (int64_t)field->steps * SNN_AMX_ROW_BYTES) {
        const int32_t row = field->row + at->row, column = field->column + at->lane + c * stride;
        if (!(at->seen.middle || (at->seen.first && c >= field->first_begin) ||
              (at->seen.last && c < field->last_end + reach))) {
            placed = false;
            continue;
        }
        if (pooled) {
            expand_pooled(view, source, from, field->steps, row, column, at->first, at->end, to);
            continue;
        }
        const bool whole = column >= 0 && column + extent < view->width;
        if (placed && whole) {
            for (int32_t i = 0; i < word.count; i++) {
                word.pieces[i].bits += (int64_t)stride * source->row_bytes;
            }
        } else {
            place_word(view, source, from, row, column, only_tap, at->first, at->end, &word);
        }
        placed = whole;
        if (word.count > 0) {
            expand_placed(&word, from->step_bytes, field->steps, false, to);
        } else {
            memset(to, 0, (size_t)field->steps * SNN_AMX_ROW_BYTES);
        }
    }
}

/* Columns of the source that the field sees. */
typedef struct seen_columns {
    int32_t begin, end;
    int64_t step_bytes; /* of a copy of them: an odd number of cache lines */
} seen_columns;

static seen_columns columns_seen(const snn_amx_view *view, const snn_amx_field *field, const snn_spikes *source)
{
    const snn_window *taps = &view->taps;
    const int32_t first = field->column > 0 ? field->column : 0;
    const int32_t last =
        field->column + (field->target_columns - 1) * taps->stride[1] + (taps->kernel[1] - 1) * taps->dilation[1];
    seen_columns seen = {first, last < view->width ? last + 1 : view->width, 0};
    seen.end = seen.end > seen.begin ? seen.end : seen.begin;
    const int64_t bytes = (seen.end - seen.begin) * source->row_bytes + SNN_PADDING;
    seen.step_bytes = ((bytes + SNN_ALIGNMENT - 1) / SNN_ALIGNMENT | 1) * SNN_ALIGNMENT;
    return seen;
}

/* Copies what the field sees of a source row, all steps side by side: the steps of a population's array often lie a
 * multiple of 4 KiB apart, where a cache holds a few of them only, while each column reads all. */
static planes copy_row(const snn_amx_view *view, const snn_amx_field *field, const snn_spikes *source, int32_t image,
                       int32_t row, const seen_columns *seen, uint8_t *copies)
{
    const int64_t from = ((int64_t)row * view->source_width + seen->begin) * source->row_bytes;
    const size_t bytes = (size_t)((seen->end - seen->begin) * source->row_bytes);
    for (int32_t step = 0; step < field->steps; step++) {
        memcpy(copies + step * seen->step_bytes, snn_spikes_plane(source, step, image) + from, bytes);
    }
    return (planes){copies, from, seen->step_bytes};
}

void snn_amx_field_expand(const snn_amx_view *view, const snn_amx_field *field, const snn_spikes *source, int32_t image,
                          int32_t channel, void *working, uint8_t *bytes)
{
    uint8_t *const copies = working;
    snn_amx_piece *const pieces = (snn_amx_piece *)(copies + COPIES_BYTES);
    const snn_amx_piece *const end = pieces + cut_pieces(view, channel, pieces);
    const planes whole = {snn_spikes_plane(source, 0, image), 0, snn_spikes_plane_bytes(source) * source->images};
    const seen_columns seen = columns_seen(view, field, source);
    /* A dense operator may see all positions as one. */
    const bool same = (int64_t)view->source_height * view->source_width == source->positions && !is_pooled(view);
    const bool copied = same && seen.step_bytes * field->steps <= COPIES_BYTES;
    for (int32_t row = 0; row < field->rows; row++) {
        uint8_t *to = bytes + row * field->row_bytes;
        const bool inside = is_inside(field->row + row, view->height);
        const planes from =
            copied && inside ? copy_row(view, field, source, image, field->row + row, &seen, copies) : whole;
        lane_word at = {.row = row, .seen = viewers_of(view, field, row)};
        for (at.lane = 0; at.lane < view->taps.stride[1]; at.lane++) {
            const int64_t word_bytes = lane_bytes(view, at.lane, field->target_columns, field->steps) / view->words;
            at.first = at.end = pieces;
            for (int32_t word = 0; word < view->words && word_bytes > 0; word++, at.first = at.end, to += word_bytes) {
                while (at.end < end && at.end->word == word) {
                    at.end++;
                }
                expand_lane(view, field, source, &from, &at, to);
            }
        }
    }
}
