/* The table of AVX2: large products are looked up (avx2.h). What is too small for that or sees sums over a pool window,
 * and the neurons, are the "avx2" copy's of portable.h. */
#include "core/kernels/avx2.h"
#include "core/kernels/processor.h"

#include <immintrin.h>
#include <string.h>

enum {
    TARGETS = 8, /* target channels whose sums are turned together into rows of the accumulator */
    /* Tables are made for each tile: it should have many rows, even if its sums leave the second-level cache. */
    TILE_BYTES = 1 << 20,
    ROWS_MIN = 32, /* of a tile: tables are not worth their making for less */
    PANEL_VECTORS = SNN_AVX2_PANEL / SNN_AVX2_VECTOR,
    SUM_VECTORS = SNN_AVX2_VECTOR / 8 /* vectors of int32 sums of a vector of rows */
};

/* Sums of one target channel and 32 rows. Rows of vector v, from its lane 0 on: sum_rows[v]. */
typedef __m256i channel_sums[SUM_VECTORS];

static const int32_t sum_rows[SUM_VECTORS][8] = {{0, 2, 4, 6, 16, 18, 20, 22},
                                                 {8, 10, 12, 14, 24, 26, 28, 30},
                                                 {1, 3, 5, 7, 17, 19, 21, 23},
                                                 {9, 11, 13, 15, 25, 27, 29, 31}};

/* The thread's scratch, cut up. */
typedef struct working {
    int32_t **rows;     /* [rows]: where they are in the accumulator, at the tile's first channel */
    int32_t *outside;   /* [rows]: nibbles of a chunk of the depth that are outside the image */
    snn_avx2_run *runs; /* of all panels */
    int64_t *first_run; /* [panels + 1] */
    uint8_t *panels;    /* [panel][SNN_AVX2_CHUNK][SNN_AVX2_PANEL] */
    uint8_t *tables;    /* [TARGETS][SNN_AVX2_LIMBS][SNN_AVX2_TABLES] */
    int16_t *weights;   /* of a chunk of the depth, where they do not lie side by side */
    uint8_t *planes;
    int64_t bytes;
} working;

static int64_t divide_up(int64_t value, int64_t unit)
{
    return (value + unit - 1) / unit;
}

static bool is_lookup(const snn_operator *op)
{
    if (op->kind == SNN_OPERATOR_CONVOLUTION) {
        return !op->pooled && op->groups < op->target_channels;
    }
    return op->kind == SNN_OPERATOR_DENSE && !op->pooled;
}

static snn_avx2_view view_of(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    const int32_t groups = op->kind == SNN_OPERATOR_CONVOLUTION ? op->groups : 1;
    snn_avx2_view view = {.taps = snn_operator_taps(op),
                          .channels = op->source_channels / groups,
                          .group_rows = op->target_channels / groups};
    view.group_begin = packed->row_begin / view.group_rows;
    view.group_end = (int32_t)divide_up(packed->row_end, view.group_rows);
    view.depth_stride = packed->bytes / (packed->row_end - packed->row_begin) / (int64_t)sizeof(int16_t);
    view.nibbles = divide_up(view.channels, SNN_AVX2_NIBBLE);
    view.depth = view.nibbles * view.taps.kernel[0] * view.taps.kernel[1];
    return view;
}

static void *take(void *base, int64_t *offset, int64_t bytes)
{
    void *taken = base == NULL ? NULL : (uint8_t *)base + *offset;
    *offset += divide_up(bytes, SNN_AVX2_PANEL) * SNN_AVX2_PANEL;
    return taken;
}

static working working_of(const snn_avx2_view *view, const snn_operator *op, int64_t positions, int32_t steps,
                          void *scratch)
{
    const int64_t rows = positions * steps, panels = divide_up(rows, SNN_AVX2_PANEL);
    const int64_t field = snn_field_largest(op, positions, 1);
    working w;
    int64_t bytes = 0;
    w.rows = take(scratch, &bytes, rows * (int64_t)sizeof w.rows[0]);
    w.outside = take(scratch, &bytes, panels * SNN_AVX2_PANEL * (int64_t)sizeof w.outside[0]);
    /* A position's rows are one run, or two where a panel ends among them. */
    w.runs = take(scratch, &bytes, (positions + panels) * (int64_t)sizeof w.runs[0]);
    w.first_run = take(scratch, &bytes, (panels + 1) * (int64_t)sizeof w.first_run[0]);
    w.panels = take(scratch, &bytes, panels * SNN_AVX2_CHUNK * SNN_AVX2_PANEL);
    w.tables = take(scratch, &bytes, TARGETS * SNN_AVX2_LIMBS * SNN_AVX2_TABLES);
    w.weights = take(scratch, &bytes, SNN_AVX2_CHUNK * SNN_AVX2_NIBBLE * (int64_t)sizeof w.weights[0]);
    w.planes = take(scratch, &bytes, view->nibbles * field * snn_avx2_line(1, steps));
    w.bytes = bytes;
    return w;
}

static snn_status pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin, int32_t row_end,
                       snn_packed *packed)
{
    SNN_TRY(snn_portable_pack(projection, format, row_begin, row_end, packed));
    if (packed->real || row_begin == row_end || !is_lookup(&projection->op)) {
        return snn_ok();
    }
    const snn_avx2_view view = view_of(packed);
    packed->limbs = snn_avx2_limbs(packed->data, row_end - row_begin, view.depth_stride,
                                   (int64_t)view.taps.kernel[0] * view.taps.kernel[1], view.channels);
    return snn_ok();
}

static int64_t scratch_bytes(const snn_packed *packed, int64_t positions, int32_t steps)
{
    if (packed->limbs == 0) {
        return snn_portable_scratch(packed, positions, steps);
    }
    const snn_avx2_view view = view_of(packed);
    const int64_t lookups = working_of(&view, &packed->projection->op, positions, steps, NULL).bytes;
    const int64_t few = positions < ROWS_MIN ? positions : ROWS_MIN;
    const int64_t products = snn_portable_scratch(packed, few, steps);
    return lookups > products ? lookups : products;
}

/* Where the rows of the tile are in the planes, cut at the ends of panels. */
static void find_runs(const snn_avx2_planes *planes, const snn_avx2_view *view, const snn_operator *op,
                      const snn_tile *tile, const working *w)
{
    const snn_field *field = &planes->field;
    int64_t row = 0, count = 0;
    w->first_run[0] = 0;
    for (int64_t position = tile->position_begin; position < tile->position_end;) {
        const int64_t target_row = position / op->target.width, target_column = position % op->target.width;
        const int64_t line_end = (target_row + 1) * op->target.width;
        int64_t together = field->column_stride == 1 ? line_end - position : 1;
        together = together < tile->position_end - position ? together : tile->position_end - position;
        int64_t from = (target_row - field->target_row) * field->row_stride * view->nibbles * planes->line +
                       (target_column - field->target_column) * field->column_stride * planes->steps;
        for (int64_t left = together * planes->steps; left > 0;) {
            const int64_t to = row % SNN_AVX2_PANEL, space = SNN_AVX2_PANEL - to;
            const int64_t length = left < space ? left : space;
            w->runs[count++] = (snn_avx2_run){from, (int32_t)to, (int32_t)length};
            w->first_run[row / SNN_AVX2_PANEL + 1] = count;
            row += length;
            from += length;
            left -= length;
        }
        position += together;
    }
}

static void find_rows(const snn_tile *tile, const working *w)
{
    const int64_t owned = tile->channel_end - tile->channel_begin;
    const int64_t positions = tile->position_end - tile->position_begin;
    int32_t **row = w->rows;
    for (int64_t position = 0; position < positions; position++) {
        for (int64_t step = 0; step < tile->steps; step++) {
            *row++ = (int32_t *)tile->accumulator + (step * positions + position) * owned;
        }
    }
}

/* Nibbles of a panel's rows that are outside. */
static void count_outside(const uint8_t *panel, int64_t nibbles, int32_t *outside)
{
    for (int vector = 0; vector < PANEL_VECTORS; vector++, panel += SNN_AVX2_VECTOR) {
        __m256i count = _mm256_setzero_si256(); /* a chunk has fewer than 256 nibbles */
        for (int64_t n = 0; n < nibbles; n++) {
            const __m256i row = _mm256_loadu_si256((const __m256i *)(panel + n * SNN_AVX2_PANEL));
            count = _mm256_sub_epi8(count, _mm256_cmpgt_epi8(_mm256_setzero_si256(), row));
        }
        uint8_t counts[SNN_AVX2_VECTOR];
        _mm256_storeu_si256((__m256i *)counts, count);
        for (int i = 0; i < SNN_AVX2_VECTOR; i++) {
            *outside++ = counts[i];
        }
    }
}

static inline __m256i look_up(__m256i table, const uint8_t *nibbles)
{
    return _mm256_shuffle_epi8(table, _mm256_load_si256((const __m256i *)nibbles));
}

/* One limb's sums of `vectors` vectors of rows over the quads of a chunk: those of even rows, then of odd ones. */
static inline __attribute__((always_inline)) void add_limb(const uint8_t *panel, int64_t quads, const uint8_t *tables,
                                                           const int vectors, __m256i sums[PANEL_VECTORS][2])
{
    __m256i pairs[PANEL_VECTORS], odd[PANEL_VECTORS]; /* 256 odd + even, modulo 2^16 */
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        pairs[v] = odd[v] = _mm256_setzero_si256();
    }
    for (int64_t quad = 0; quad < quads; quad++) {
        const __m128i *const of_quad = (const __m128i *)tables + quad * SNN_AVX2_QUAD;
        const __m256i table0 = _mm256_broadcastsi128_si256(_mm_load_si128(of_quad));
        const __m256i table1 = _mm256_broadcastsi128_si256(_mm_load_si128(of_quad + 1));
        const __m256i table2 = _mm256_broadcastsi128_si256(_mm_load_si128(of_quad + 2));
        const __m256i table3 = _mm256_broadcastsi128_si256(_mm_load_si128(of_quad + 3));
        const uint8_t *nibbles = panel + quad * SNN_AVX2_QUAD * SNN_AVX2_PANEL;
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++, nibbles += SNN_AVX2_VECTOR) {
            const __m256i first = _mm256_add_epi8(look_up(table0, nibbles), look_up(table1, nibbles + SNN_AVX2_PANEL));
            const __m256i second = _mm256_add_epi8(look_up(table2, nibbles + 2 * SNN_AVX2_PANEL),
                                                   look_up(table3, nibbles + 3 * SNN_AVX2_PANEL));
            const __m256i bytes = _mm256_add_epi8(first, second);
            pairs[v] = _mm256_add_epi16(pairs[v], bytes);
            odd[v] = _mm256_add_epi16(odd[v], _mm256_srli_epi16(bytes, 8));
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        sums[v][0] = _mm256_sub_epi16(pairs[v], _mm256_slli_epi16(odd[v], 8));
        sums[v][1] = odd[v];
    }
}

/* Limbs, 16 rows, to int32 sums: low + 2^6 middle + 2^12 high, the upper ones 0 where there are fewer. */
static inline void join_limbs(__m256i low, __m256i middle, __m256i high, __m256i *first, __m256i *second)
{
    const __m256i weights = _mm256_set1_epi32(1 | 1 << (16 + SNN_AVX2_LIMB_BITS)), zero = _mm256_setzero_si256();
    const __m256i low_first = _mm256_madd_epi16(_mm256_unpacklo_epi16(low, middle), weights);
    const __m256i low_second = _mm256_madd_epi16(_mm256_unpackhi_epi16(low, middle), weights);
    const __m256i high_first = _mm256_slli_epi32(_mm256_unpacklo_epi16(high, zero), 2 * SNN_AVX2_LIMB_BITS);
    const __m256i high_second = _mm256_slli_epi32(_mm256_unpackhi_epi16(high, zero), 2 * SNN_AVX2_LIMB_BITS);
    *first = _mm256_add_epi32(low_first, high_first);
    *second = _mm256_add_epi32(low_second, high_second);
}

/* Sums of one target channel with a panel over a chunk. */
static inline __attribute__((always_inline)) void multiply(const uint8_t *panel, int64_t quads, const uint8_t *tables,
                                                           int32_t limbs, const int vectors,
                                                           channel_sums sums[PANEL_VECTORS])
{
    __m256i of_limbs[SNN_AVX2_LIMBS][PANEL_VECTORS][2];
    for (int32_t limb = 0; limb < limbs; limb++) {
        add_limb(panel, quads, tables + limb * SNN_AVX2_TABLES, vectors, of_limbs[limb]);
    }
    for (int v = 0; v < vectors; v++) {
        for (int i = 0; i < 2; i++) {
            const __m256i zero = _mm256_setzero_si256();
            join_limbs(of_limbs[0][v][i], limbs > 1 ? of_limbs[1][v][i] : zero, limbs > 2 ? of_limbs[2][v][i] : zero,
                       &sums[v][2 * i], &sums[v][2 * i + 1]);
        }
    }
}

/* 8 x 8 numbers, rows to columns. */
static inline void transpose(__m256i rows[TARGETS])
{
    __m256i pairs[TARGETS], fours[TARGETS];
#pragma GCC unroll 4
    for (int i = 0; i < TARGETS; i += 2) {
        pairs[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < TARGETS; i += 4) {
        fours[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm256_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm256_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        rows[i] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x20);
        rows[i + 4] = _mm256_permute2x128_si256(fours[i], fours[i + 4], 0x31);
    }
}

/* Where the sums of up to TARGETS target channels go. */
typedef struct target {
    int64_t channel; /* the first, in a row of the accumulator */
    __m256i mask;    /* of those in use */
    int32_t bias;    /* of each nibble of the chunk that is inside */
    int32_t nibbles; /* of the chunk */
} target;

/* Adds the sums of a vector of rows. */
static void add_sums(const target *to, int32_t *const *rows, const int32_t *outside, int32_t count,
                     const channel_sums *const sums[TARGETS])
{
    for (int vector = 0; vector < SUM_VECTORS; vector++) {
        __m256i turned[TARGETS];
#pragma GCC unroll 8
        for (int i = 0; i < TARGETS; i++) {
            turned[i] = (*sums[i])[vector];
        }
        transpose(turned);
#pragma GCC unroll 8
        for (int i = 0; i < TARGETS; i++) {
            const int32_t row = sum_rows[vector][i];
            if (row < count) {
                int32_t *at = rows[row] + to->channel;
                const __m256i bias = _mm256_set1_epi32(to->bias * (to->nibbles - outside[row]));
                const __m256i sum = _mm256_add_epi32(_mm256_maskload_epi32(at, to->mask), turned[i]);
                _mm256_maskstore_epi32(at, to->mask, _mm256_sub_epi32(sum, bias));
            }
        }
    }
}

/* One panel with the tables of TARGETS target channels. */
static void project_panel(const working *w, int64_t panel, int64_t rows, int64_t quads, int32_t limbs, const target *to)
{
    const uint8_t *nibbles = w->panels + panel * SNN_AVX2_CHUNK * SNN_AVX2_PANEL;
    const int64_t first = panel * SNN_AVX2_PANEL;
    const int64_t left = rows - first < SNN_AVX2_PANEL ? rows - first : SNN_AVX2_PANEL;
    channel_sums sums[TARGETS][PANEL_VECTORS];
    for (int channel = 0; channel < TARGETS; channel++) {
        const uint8_t *tables = w->tables + channel * SNN_AVX2_LIMBS * SNN_AVX2_TABLES;
        if (left > 2 * SNN_AVX2_VECTOR) {
            multiply(nibbles, quads, tables, limbs, PANEL_VECTORS, sums[channel]);
        } else if (left > SNN_AVX2_VECTOR) {
            multiply(nibbles, quads, tables, limbs, 2, sums[channel]);
        } else {
            multiply(nibbles, quads, tables, limbs, 1, sums[channel]);
        }
    }
    for (int64_t row = 0, vector = 0; row < left; row += SNN_AVX2_VECTOR, vector++) {
        const channel_sums *of_channels[TARGETS];
        for (int channel = 0; channel < TARGETS; channel++) {
            of_channels[channel] = &sums[channel][vector];
        }
        const int64_t count = left - row < SNN_AVX2_VECTOR ? left - row : SNN_AVX2_VECTOR;
        add_sums(to, w->rows + first + row, w->outside + first + row, (int32_t)count, of_channels);
    }
}

/* Weights of nibbles [first, first + count) of the depth, each nibble's four side by side. */
static const int16_t *chunk_weights(const snn_avx2_view *view, const int16_t *row, int64_t first, int64_t count,
                                    int16_t *together)
{
    if (view->channels % SNN_AVX2_NIBBLE == 0) {
        return row + first * SNN_AVX2_NIBBLE; /* behind the last are zeros, or weights whose nibbles are outside */
    }
    memset(together, 0, SNN_AVX2_CHUNK * SNN_AVX2_NIBBLE * sizeof together[0]);
    for (int64_t n = 0; n < count; n++) {
        const int64_t channel = (first + n) % view->nibbles * SNN_AVX2_NIBBLE;
        const int64_t left = view->channels - channel;
        memcpy(together + n * SNN_AVX2_NIBBLE, row + (first + n) / view->nibbles * view->channels + channel,
               (size_t)(left < SNN_AVX2_NIBBLE ? left : SNN_AVX2_NIBBLE) * sizeof together[0]);
    }
    return together;
}

/* All packed rows of a group over nibbles [first, first + count) of the depth. */
static void project_chunk(const snn_packed *packed, const snn_avx2_view *view, const working *w, const snn_tile *tile,
                          int32_t group, int64_t first, int64_t count)
{
    const int64_t rows = (tile->position_end - tile->position_begin) * tile->steps;
    const int64_t quads = divide_up(count, SNN_AVX2_QUAD);
    const int32_t offset = packed->projection->op.target_channel - tile->channel_begin;
    const int32_t group_begin = group * view->group_rows, group_end = group_begin + view->group_rows;
    const int32_t begin = group_begin > packed->row_begin ? group_begin : packed->row_begin;
    const int32_t end = group_end < packed->row_end ? group_end : packed->row_end;
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int32_t row = begin; row < end; row += TARGETS) {
        const target to = {.channel = offset + row,
                           .mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(end - row), lanes),
                           .bias = SNN_AVX2_BIAS << (SNN_AVX2_LIMB_BITS * (packed->limbs - 1)),
                           .nibbles = (int32_t)count};
        for (int32_t i = 0; i < TARGETS && row + i < end; i++) {
            const int16_t *weights = (const int16_t *)packed->data + (row + i - packed->row_begin) * view->depth_stride;
            snn_avx2_make_tables(chunk_weights(view, weights, first, count, w->weights), quads, packed->limbs,
                                 w->tables + i * SNN_AVX2_LIMBS * SNN_AVX2_TABLES);
        }
        for (int64_t panel = 0; panel * SNN_AVX2_PANEL < rows; panel++) {
            project_panel(w, panel, rows, quads, packed->limbs, &to);
        }
    }
}

static void project_group(const snn_packed *packed, const snn_avx2_view *view, const snn_avx2_planes *planes,
                          const working *w, const snn_tile *tile, int32_t group)
{
    const int64_t rows = (tile->position_end - tile->position_begin) * tile->steps;
    for (int64_t first = 0; first < view->depth; first += SNN_AVX2_CHUNK) {
        const int64_t count = view->depth - first < SNN_AVX2_CHUNK ? view->depth - first : SNN_AVX2_CHUNK;
        for (int64_t panel = 0; panel * SNN_AVX2_PANEL < rows; panel++) {
            uint8_t *to = w->panels + panel * SNN_AVX2_CHUNK * SNN_AVX2_PANEL;
            const snn_avx2_run *runs = w->runs + w->first_run[panel];
            snn_avx2_fill_panel(view, planes, runs, w->first_run[panel + 1] - w->first_run[panel], first, count, to);
            count_outside(to, count, w->outside + panel * SNN_AVX2_PANEL);
            memset(to + count * SNN_AVX2_PANEL, SNN_AVX2_OUTSIDE,
                   (size_t)(-count & (SNN_AVX2_QUAD - 1)) * SNN_AVX2_PANEL);
        }
        project_chunk(packed, view, w, tile, group, first, count);
    }
}

static void project(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile)
{
    const int64_t positions = tile->position_end - tile->position_begin;
    if (packed->limbs == 0 || positions * tile->steps < ROWS_MIN) {
        snn_portable_project(packed, source, tile);
        return;
    }
    const snn_operator *op = &packed->projection->op;
    const snn_avx2_view view = view_of(packed);
    const working w = working_of(&view, op, positions, tile->steps, tile->scratch);
    snn_avx2_planes planes = {
        .field = snn_field_of_tile(op, tile->position_begin, tile->position_end, op->source_channel, view.channels),
        .steps = tile->steps,
        .bytes = w.planes};
    planes.line = snn_avx2_line(planes.field.columns, tile->steps);
    find_runs(&planes, &view, op, tile, &w);
    find_rows(tile, &w);
    for (int32_t group = view.group_begin; group < view.group_end; group++) {
        snn_avx2_expand(&view, &planes, op, source, tile->image, op->source_channel + group * view.channels);
        project_group(packed, &view, &planes, &w, tile, group);
    }
}

extern const snn_kernels snn_kernels_avx2;

const snn_kernels snn_kernels_avx2 = {
    .name = "avx2",
    .available = snn_processor_runs_avx2,
    .tile_bytes = TILE_BYTES,
    .pack = pack,
    .scratch_bytes = scratch_bytes,
    .project = project,
    .pack_codes = snn_portable_pack,
    .codes_scratch_bytes = snn_portable_codes_scratch,
    .project_codes = snn_portable_project_codes,
    .multiply_sums = snn_sums_multiply,
    .neuron_scratch_bytes = snn_portable_nary_scratch_bytes,
    .fire = snn_portable_fire,
    .window_scratch_bytes = snn_portable_window_scratch,
    .fire_window = snn_portable_fire_window,
    .scale_sums = snn_sums_scale,
    .tap_sums = snn_sums_tap,
    .multiply = snn_portable_multiply,
    .fuses = snn_portable_fuses,
    .fused_scratch_bytes = snn_portable_fused_scratch,
    .project_and_fire = snn_portable_project_and_fire,
};
