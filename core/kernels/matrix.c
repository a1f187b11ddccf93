/* Products of convolutions and dense operators with integer weights.
 *
 * What a target position sees lies in the field in *segments* of words (words.h): rows of taps, or single taps. A
 * vector holds the words of WIDTH rows of weights; a word of values is repeated in all lanes of another, so that each
 * lane adds up the sum of one row, and nothing is left to add across lanes.
 *
 * Where weights are bytes and the values' range allows it (snn_packed.largest), values are bytes, too: a value is
 * byte - zero of its channel, or -2 times that, and what the zeros add to a row's sum is taken from it as a bias. Tile
 * registers (tiles.c) multiply them with weights of two bytes, too, as two limbs, each a vector.
 *
 * Packed: int32_t bias [row] if bytes, then words [group][panel][segment][word][row of the panel]. A panel is up to
 * PANEL_VECTORS vectors of rows; rows behind a group's last, and what is missing of a segment's last word, are 0. */
#include "core/kernels/matrix.h"

#include <string.h>

#include "core/base/memory.h"
#include "core/kernels/words.h"

enum { PANEL_ROWS = PANEL_VECTORS * WIDTH, ROW_BYTES = 64 };
#ifdef SNN_TILES
enum { HAS_TILES = 1, LARGEST = UINT8_MAX };
#else
enum { HAS_TILES = 0, LARGEST = BYTE_LARGEST };
#endif

/* How a product sees its operator. */
typedef struct matrix {
    snn_window taps;
    snn_row_groups groups;
    int32_t segments;
    int64_t length, words; /* of a segment: values, and words that hold them */
    int32_t value_bytes;
    int32_t limbs;   /* of a weight, each a vector */
    bool whole_rows; /* a segment is a row of taps */
    int32_t copied;  /* so many segments are copied one behind the other, and are one; or 0 */
} matrix;

static matrix matrix_of(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    matrix m = {.taps = snn_operator_taps(op),
                .groups = snn_row_groups_of(packed),
                .value_bytes = snn_value_bytes(packed->largest),
                .limbs = packed->wide && packed->largest > 0 ? 2 : 1};
    m.whole_rows = m.groups.end - m.groups.begin == 1 && m.taps.dilation[1] == 1;
    if (op->kind == SNN_OPERATOR_DENSE) {
        m.segments = 1;
        m.length = snn_operator_row_length(op);
    } else {
        m.segments = m.taps.kernel[0] * (m.whole_rows ? 1 : m.taps.kernel[1]);
        m.length = (int64_t)m.groups.channels * (m.whole_rows ? m.taps.kernel[1] : 1);
    }
    /* Segments so short that all a target sees fits a row. */
    if (m.whole_rows && m.value_bytes > 1 && m.segments > 1 && m.segments * m.length * m.value_bytes <= ROW_BYTES) {
        m.copied = m.segments;
        m.length *= m.segments;
        m.segments = 1;
    }
    m.words = (m.length * m.value_bytes + WORD_BYTES - 1) / WORD_BYTES;
#ifdef SNN_TILES
    if (packed->largest > 0) {
        const int64_t together = snn_tiles_words(m.words);
        m.words = (m.words + together - 1) / together * together;
    }
#endif
    return m;
}

static int32_t vectors_of(int32_t rows)
{
    return (rows + WIDTH - 1) / WIDTH;
}

/* Bytes of a vector of rows, all words. */
static int64_t vector_bytes(const matrix *m)
{
    return m->segments * m->words * m->limbs * WIDTH * WORD_BYTES;
}

/* Bytes before the panels. */
static int64_t bias_bytes(const snn_packed *packed)
{
    const int64_t rows = packed->row_end - packed->row_begin + PANEL_ROWS; /* whole vectors are loaded */
    return packed->largest == 0 ? 0 : snn_aligned(rows * WORD_BYTES);
}

/* Whether values are bytes: the largest one, and how they are. */
static void choose_bytes(const snn_operand *operand, snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    const int64_t length = snn_operator_row_length(op), rows = packed->row_end - packed->row_begin;
    const int16_t *weights =
        (const int16_t *)packed->projection->weights + (packed->row_begin - packed->projection->row_begin) * length;
    packed->largest = 0;
    const int64_t largest = operand->single          ? 2 * snn_operator_pool_area(op)
                            : operand->whole != NULL ? snn_codes_bytes(operand->whole, op)
                                                     : 0;
    for (int64_t i = 0; i < rows * length && !packed->wide; i++) {
        packed->wide = weights[i] < INT8_MIN || weights[i] > INT8_MAX;
    }
    if (largest == 0 || largest > LARGEST || (packed->wide && !HAS_TILES)) {
        return;
    }
    packed->coded = !operand->single;
    packed->largest = (int32_t)largest;
}

/* One row into its lane of a panel `width` words wide. */
static void pack_row(const matrix *m, const int16_t *weights, int32_t width, uint8_t *lane)
{
    const int32_t per_word = WORD_BYTES / m->value_bytes;
    for (int32_t segment = 0; segment < m->segments; segment++, lane += m->words * width * WORD_BYTES) {
        for (int64_t k = 0; k < m->length; k++, weights++) {
            uint8_t *to = lane + k / per_word * width * WORD_BYTES + k % per_word * m->value_bytes;
            if (m->limbs == 2) {
                const uint16_t bits = (uint16_t)*weights;
                to[0] = (uint8_t)(bits >> 8);
                to[WIDTH * WORD_BYTES] = (uint8_t)bits;
            } else if (m->value_bytes == 1) {
                *(int8_t *)to = (int8_t)*weights;
            } else {
                memcpy(to, weights, sizeof *weights);
            }
        }
    }
}

/* What a row's sum has too much for its values' zeros, taken from 0. */
static int32_t bias_of(const snn_packed *packed, const snn_codes *whole, int32_t group, const int16_t *weights)
{
    const snn_operator *op = &packed->projection->op;
    const snn_row_groups groups = snn_row_groups_of(packed);
    const int64_t length = snn_operator_row_length(op);
    int64_t bias = 0;
    for (int64_t k = 0; k < length; k++) {
        const int32_t channel = op->source_channel + group * groups.channels + (int32_t)(k % groups.channels);
        bias -= weights[k] * (whole != NULL ? snn_codes_zero(whole, packed->largest, channel) : packed->largest / 2);
    }
    return (int32_t)(uint32_t)(uint64_t)bias; /* sums are taken modulo 2^32 */
}

static bool suits(const snn_packed *packed)
{
    const snn_operator_kind kind = packed->projection->op.kind;
    return kind == SNN_OPERATOR_CONVOLUTION || kind == SNN_OPERATOR_DENSE;
}

static snn_status pack(const snn_operand *operand, snn_packed *packed)
{
    const snn_projection *projection = packed->projection;
    choose_bytes(operand, packed);
    const matrix m = matrix_of(packed);
    const int64_t depth = snn_operator_row_length(&projection->op);
    int64_t vectors = 0;
    for (int32_t group = m.groups.begin; group < m.groups.end; group++) {
        int32_t begin, end;
        snn_rows_of_group(&m.groups, packed, group, &begin, &end);
        vectors += vectors_of(end - begin);
    }
    packed->bytes = bias_bytes(packed) + vectors * vector_bytes(&m);
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    const int16_t *weights = (const int16_t *)projection->weights + (packed->row_begin - projection->row_begin) * depth;
    int32_t *bias = packed->data;
    uint8_t *panel = (uint8_t *)packed->data + bias_bytes(packed);
    for (int32_t group = m.groups.begin; group < m.groups.end; group++) {
        int32_t begin, end;
        snn_rows_of_group(&m.groups, packed, group, &begin, &end);
        for (int32_t row = begin; row < end; row += PANEL_ROWS) {
            const int32_t rows = end - row < PANEL_ROWS ? end - row : PANEL_ROWS;
            const int32_t width = vectors_of(rows) * m.limbs * WIDTH;
            for (int32_t i = 0; i < rows; i++, weights += depth) {
                const int64_t lane = i / WIDTH * m.limbs * WIDTH + i % WIDTH;
                pack_row(&m, weights, width, panel + lane * WORD_BYTES);
                if (packed->largest > 0) {
                    bias[row + i] = bias_of(packed, operand->whole, group, weights);
                }
            }
            panel += vectors_of(rows) * vector_bytes(&m);
        }
    }
    return snn_ok();
}

/* Segments of the field, which differ from those of a row where they are copied. */
static int32_t seen_segments(const matrix *m)
{
    return m->copied > 0 ? m->copied : m->segments;
}

enum { ROWS_MOST = 12, VECTORS_MOST = 4 };

static inline __attribute__((always_inline)) void clear(vector total[ROWS_MOST][VECTORS_MOST], const int count,
                                                        const int vectors)
{
#pragma GCC unroll 12
    for (int i = 0; i < count; i++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            total[i][v] = repeat_word(0);
        }
    }
}

/* Adds sums of `count` targets to those that are there; `first`: and the bias. */
static inline __attribute__((always_inline)) void add_up(const job *j, vector total[ROWS_MOST][VECTORS_MOST],
                                                         int32_t *sums, bool first, const int count, const int vectors,
                                                         const bool bytes)
{
#pragma GCC unroll 12
    for (int i = 0; i < count; i++, sums += j->stride) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            vector sum = total[i][v];
            if (bytes) {
                sum = widen(sum);
                sum = first ? sum + load_words(j->bias + v * WIDTH) : sum;
                sum = j->coded ? repeat_word(0) - sum - sum : sum;
            }
            add_sums(sums + v * WIDTH, sum, v + 1 < vectors ? WIDTH : j->last, first && j->fresh);
        }
    }
}

/* What a vector of values is. */
typedef enum values_form { PAIRS, PAIRS_IN_ROWS, BYTES } values_form;

/* Adds the products of `count` targets, which see values from seen[i] on, or in rows from seen[0] on, with a panel of
 * `vectors` vectors. */
static inline __attribute__((always_inline)) void multiply(const job *j, const int64_t *seen, int32_t *sums,
                                                           const int count, const int vectors, const values_form form)
{
    const bool bytes = form == BYTES;
    vector total[ROWS_MOST][VECTORS_MOST];
    const uint8_t *weights = j->weights;
    bool first = true;
    clear(total, count, vectors);
    for (int32_t segment = 0; segment < j->segment_count; segment++) {
        const uint8_t *values[ROWS_MOST];
#pragma GCC unroll 12
        for (int i = 0; i < count; i++) {
            values[i] = form == PAIRS_IN_ROWS ? j->values + seen[0] + i * ROW_BYTES
                                              : j->values + seen[i] + j->segments[segment];
        }
        for (int64_t k = 0; k < j->words;) {
            const int64_t end = bytes && NARROW && j->words - k > j->together ? k + j->together : j->words;
            for (; k < end; k++, weights += vectors * WIDTH * WORD_BYTES) {
                vector panel[VECTORS_MOST];
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++) {
                    panel[v] = load_words(weights + v * WIDTH * WORD_BYTES);
                }
#pragma GCC unroll 12
                for (int i = 0; i < count; i++) {
                    int32_t word;
                    memcpy(&word, values[i] + k * WORD_BYTES, sizeof word);
                    const vector repeated = repeat_word(word);
#pragma GCC unroll 4
                    for (int v = 0; v < vectors; v++) {
                        total[i][v] = bytes ? add_quads(total[i][v], panel[v], repeated)
                                            : add_pairs(total[i][v], panel[v], repeated);
                    }
                }
            }
            if (bytes && NARROW) {
                add_up(j, total, sums, first, count, vectors, bytes);
                first = false;
                clear(total, count, vectors);
            }
        }
    }
    if (!bytes || !NARROW) {
        add_up(j, total, sums, true, count, vectors, bytes);
    }
}

/* As many targets as registers hold, at most `left`; how many that were. */
static inline __attribute__((always_inline)) int32_t multiply_some(const job *j, const int64_t *seen, int64_t left,
                                                                   int32_t *sums, const int most, const int vectors,
                                                                   const values_form form)
{
    if (left >= most) {
        multiply(j, seen, sums, most, vectors, form);
        return most;
    }
    if (left >= 4) {
        multiply(j, seen, sums, 4, vectors, form);
        return 4;
    }
    if (left >= 2) {
        multiply(j, seen, sums, 2, vectors, form);
        return 2;
    }
    multiply(j, seen, sums, 1, vectors, form);
    return 1;
}

static inline __attribute__((always_inline)) void multiply_panel(const job *j, int32_t vectors, const int64_t *seen,
                                                                 int64_t count, int32_t *sums, const values_form form)
{
    for (int64_t i = 0; i < count;) {
        int32_t *to = sums + i * j->stride;
        switch (vectors) {
        case 1:
            i += multiply_some(j, seen + i, count - i, to, ROWS_OF_1, 1, form);
            break;
        case 2:
            i += multiply_some(j, seen + i, count - i, to, ROWS_OF_2, 2, form);
            break;
        case 3:
            i += multiply_some(j, seen + i, count - i, to, ROWS_OF_3, 3, form);
            break;
        default:
            i += multiply_some(j, seen + i, count - i, to, ROWS_OF_4, 4, form);
            break;
        }
    }
}

void snn_matrix_multiply(const job *j, int32_t vectors, const int64_t *seen, int64_t count, int32_t *sums)
{
    multiply_panel(j, vectors, seen, count, sums, PAIRS);
}

/* All that a target sees, its segments of so many bytes one behind the other. */
static void copy_to_row(const job *j, int64_t seen, int64_t bytes, uint8_t *row)
{
    for (int32_t segment = 0; segment < j->segment_count; segment++, row += bytes) {
        const uint8_t *from = j->values + seen + j->segments[segment];
        memcpy(row, from, ROW_BYTES / 2); /* what is too much is written over, or meets weights that are 0 */
        if (bytes > ROW_BYTES / 2) {
            memcpy(row + ROW_BYTES / 2, from + ROW_BYTES / 2, ROW_BYTES / 2);
        }
    }
}

/* `bytes`: of a segment in the field. */
static void multiply_rows(const job *j, int64_t bytes, int32_t vectors, const int64_t *seen, int64_t count,
                          int32_t *sums)
{
    enum { TOGETHER = 96 };
    uint8_t rows[(TOGETHER + 1) * ROW_BYTES]; /* and what is copied too much of the last */
    int64_t row_seen[TOGETHER];
    const int64_t whole = 0;
    job of_rows = *j;
    of_rows.values = rows;
    of_rows.segments = &whole;
    of_rows.segment_count = 1;
    for (int64_t first = 0; first < count; first += TOGETHER) {
        const int64_t some = count - first < TOGETHER ? count - first : TOGETHER;
        for (int64_t i = 0; i < some; i++) {
            row_seen[i] = i * ROW_BYTES;
            copy_to_row(j, seen[first + i], bytes, rows + row_seen[i]);
        }
        multiply_panel(&of_rows, vectors, row_seen, some, sums + first * j->stride, PAIRS_IN_ROWS);
    }
}

static void multiply_bytes(const job *j, int32_t vectors, const int64_t *seen, int64_t count, int32_t *sums)
{
#ifdef SNN_TILES
    snn_tiles_multiply(j, vectors, seen, count, sums);
#else
    if (BYTE_LARGEST > 0) {
        multiply_panel(j, vectors, seen, count, sums, BYTES);
    }
#endif
}

/* Where segments begin in a target's sight, and each target's sight, row by row of the sums, in the field's values. */
static void find_values(const matrix *m, const snn_operator *op, const snn_field *field, const snn_tile *tile,
                        int64_t *segments, int64_t *seen)
{
    for (int32_t i = 0; i < seen_segments(m); i++) {
        segments[i] = snn_field_tap(field, &m->taps, m->whole_rows ? i * m->taps.kernel[1] : i) * m->value_bytes;
    }
    const int64_t width = op->target.width, positions = tile->position_end - tile->position_begin;
    const int64_t next = (int64_t)field->column_stride * field->channels * m->value_bytes;
    for (int64_t position = tile->position_begin; position < tile->position_end;) {
        int64_t at = snn_field_first(field, op, position) * m->value_bytes, end = (position / width + 1) * width;
        end = end < tile->position_end ? end : tile->position_end;
        for (; position < end; position++, at += next) {
            seen[position - tile->position_begin] = at;
        }
    }
    const int64_t step_bytes = snn_field_size(field) * m->value_bytes;
    for (int64_t i = positions; i < positions * tile->steps; i++) {
        seen[i] = seen[i - positions] + step_bytes;
    }
}

/* Of the source population. */
static void channels_of(const snn_packed *packed, int32_t *channel, int32_t *channels)
{
    const snn_row_groups groups = snn_row_groups_of(packed);
    *channel = packed->projection->op.source_channel + groups.begin * groups.channels;
    *channels = (groups.end - groups.begin) * groups.channels;
}

static int64_t scratch(const snn_packed *packed, int64_t positions, int32_t steps)
{
    const snn_operator *op = &packed->projection->op;
    const matrix m = matrix_of(packed);
    int32_t channel, channels;
    channels_of(packed, &channel, &channels);
    return snn_values_bytes(packed, snn_field_largest(op, positions, channels), steps) +
           snn_aligned(snn_field_scratch(op, channels)) +
           (positions * steps + seen_segments(&m)) * (int64_t)sizeof(int64_t);
}

/* Values of all steps of what a tile sees, in place or in its scratch; *rest is what is left of that. */
static snn_field find_field(const snn_packed *packed, const matrix *m, const snn_source *source, const snn_tile *tile,
                            const uint8_t **found, void **rest)
{
    const snn_operator *op = &packed->projection->op;
    int32_t channel, channels;
    channels_of(packed, &channel, &channels);
    snn_field field = snn_field_of_tile(op, tile->position_begin, tile->position_end, channel, channels);
    const bool single = op->kind == SNN_OPERATOR_DENSE ? snn_shape_positions(op->source) == 1
                                                       : !m->whole_rows || m->taps.kernel[1] == 1;
    const bool beside = single || channels == op->source.channels; /* what a segment has */
    const int64_t size = snn_field_size(&field);
    uint8_t *values = tile->scratch, *working = values + snn_values_bytes(packed, size, tile->steps);
    *found = packed->largest > 0 && tile->steps == 1 && beside ? snn_field_in_place(op, source, 0, &field) : NULL;
    *rest = working + snn_aligned(snn_field_scratch(op, channels));
    if (*found != NULL) {
        return field;
    }
    *found = values;
    for (int32_t step = 0; step < tile->steps; step++) {
        snn_field_expand(&field, op, source, step, packed->largest,
                         values + step * size * snn_value_bytes(packed->largest), working);
    }
    return field;
}

static void project(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    const matrix m = matrix_of(packed);
    const snn_sum_rows out = snn_sum_rows_of(packed, tile);
    const uint8_t *values;
    void *rest;
    const snn_field field = find_field(packed, &m, source, tile, &values, &rest);
    int64_t *segments = rest, *seen = segments + seen_segments(&m);
    find_values(&m, &packed->projection->op, &field, tile, segments, seen);
    job j = {.weights = (const uint8_t *)packed->data + bias_bytes(packed),
             .segments = segments,
             .segment_count = seen_segments(&m),
             .words = m.words,
             .limbs = m.limbs,
             .stride = out.stride,
             .coded = packed->coded,
             .fresh = tile->fresh};
    j.together = packed->largest > 0 ? INT16_MAX / (2 * -INT8_MIN * packed->largest) : 0;
    for (int32_t group = m.groups.begin; group < m.groups.end; group++) {
        int32_t begin, end;
        snn_rows_of_group(&m.groups, packed, group, &begin, &end);
        j.values = values + (int64_t)(group - m.groups.begin) * m.groups.channels * m.value_bytes;
        for (int32_t row = begin; row < end; row += PANEL_ROWS) {
            const int32_t vectors = vectors_of(end - row < PANEL_ROWS ? end - row : PANEL_ROWS);
            const int32_t left = end - row - (vectors - 1) * WIDTH;
            int32_t *sums = (int32_t *)out.data + out.offset + row;
            j.last = left < WIDTH ? left : WIDTH;
            j.bias = (const int32_t *)packed->data + row;
            if (packed->largest > 0) {
                multiply_bytes(&j, vectors, seen, out.rows, sums);
            } else if (m.copied > 0) {
                multiply_rows(&j, m.length / m.copied * m.value_bytes, vectors, seen, out.rows, sums);
            } else {
                snn_matrix_multiply(&j, vectors, seen, out.rows, sums);
            }
            j.weights += vectors * vector_bytes(&m);
        }
    }
}

const snn_product snn_matrix_product = {"matrix", true, suits, pack, scratch, project};
