/* The plain C kernels, private to this folder.
 *
 * The same sources are compiled once for the baseline ("portable") and again with the compiler's flags for wider
 * vectors ("avx2", "avxvnni", "avx512", "amx": with tile registers), which give the same bits. SNN_ISA is the copy's
 * name; it ends the name of each function that crosses a file, so that the copies can be linked together.
 *
 *   images    products with a graded image
 *   values    spikes of positions as int16 values or bytes, pools: their sums over windows, or maxima; field: those of
 *             all that a tile sees (values.h; steps.h and planes.h: spikes as vectors)
 *   products  projections: which product multiplies them
 *   matrix    convolutions and dense operators with integer weights; tiles: in tile registers
 *   reals     the same with float32 weights, and of streams
 *   limbs     products of integers of more than 16 bits; streams: of a stream's
 *   narrow    convolutions of narrow groups, depthwise ones among them
 *   elements  projections of one element for each target: diagonal ones, and gathers
 *   tokens    projections that mix positions
 *   contexts  sorting of spikes for packets; symbols: coding of windows
 *   words     vectors of pairs of int16 or of four bytes, which all of them multiply
 *   functions f of a batch of neurons of one input, by unary.h
 *   window_neurons  the neuron step, in windows or one timestep at a time: window_values, window_errors; digits: of
 *             neurons whose spikes are the digits of a number
 *   nary      f of neurons with several inputs, attention of those over the positions of an image
 */
#ifndef SNN_KERNELS_PORTABLE_H
#define SNN_KERNELS_PORTABLE_H

#include "core/base/memory.h"
#include "core/kernels/kernels.h"
#include "core/kernels/vectors.h"

#ifndef SNN_ISA
#define SNN_ISA portable
#endif
#define SNN_ISA_JOIN(name, isa)   name##_##isa
#define SNN_ISA_EXPAND(name, isa) SNN_ISA_JOIN(name, isa)
#define SNN_ISA_NAME(name)        SNN_ISA_EXPAND(name, SNN_ISA)

#define snn_field_of_tile           SNN_ISA_NAME(snn_field_of_tile)
#define snn_field_largest           SNN_ISA_NAME(snn_field_largest)
#define snn_field_in_place          SNN_ISA_NAME(snn_field_in_place)
#define snn_field_expand            SNN_ISA_NAME(snn_field_expand)
#define snn_portable_project_codes  SNN_ISA_NAME(snn_portable_project_codes)
#define snn_contexts                SNN_ISA_NAME(snn_contexts)
#define snn_symbols                 SNN_ISA_NAME(snn_symbols)
#define snn_portable_clear          SNN_ISA_NAME(snn_portable_clear)
#define snn_portable_fire_scratch   SNN_ISA_NAME(snn_portable_fire_scratch)
#define snn_portable_fire_window    SNN_ISA_NAME(snn_portable_fire_window)
#define snn_operator_taps           SNN_ISA_NAME(snn_operator_taps)
#define snn_portable_pack_codes     SNN_ISA_NAME(snn_portable_pack_codes)
#define snn_field_scratch           SNN_ISA_NAME(snn_field_scratch)
#define snn_are_digits              SNN_ISA_NAME(snn_are_digits)
#define snn_fire_digits             SNN_ISA_NAME(snn_fire_digits)
#define snn_limits_of               SNN_ISA_NAME(snn_limits_of)
#define snn_count_digits            SNN_ISA_NAME(snn_count_digits)
#define snn_streams_add_rounded     SNN_ISA_NAME(snn_streams_add_rounded)
#define snn_codes_bytes             SNN_ISA_NAME(snn_codes_bytes)
#define snn_matrix_multiply         SNN_ISA_NAME(snn_matrix_multiply)
#define snn_tiles_words             SNN_ISA_NAME(snn_tiles_words)
#define snn_tiles_multiply          SNN_ISA_NAME(snn_tiles_multiply)
#define snn_streams_scratch         SNN_ISA_NAME(snn_streams_scratch)
#define snn_streams_project         SNN_ISA_NAME(snn_streams_project)
#define snn_values_bytes            SNN_ISA_NAME(snn_values_bytes)
#define snn_matrix_product          SNN_ISA_NAME(snn_matrix_product)
#define snn_narrow_product          SNN_ISA_NAME(snn_narrow_product)
#define snn_elements_product        SNN_ISA_NAME(snn_elements_product)
#define snn_tokens_product          SNN_ISA_NAME(snn_tokens_product)
#define snn_reals_product           SNN_ISA_NAME(snn_reals_product)
#define snn_portable_project_source SNN_ISA_NAME(snn_portable_project_source)
#define snn_peaks                   SNN_ISA_NAME(snn_peaks)
#define snn_tiles_run               SNN_ISA_NAME(snn_tiles_run)
#define snn_portable_pack           SNN_ISA_NAME(snn_portable_pack)
#define snn_portable_scratch        SNN_ISA_NAME(snn_portable_scratch)
#define snn_portable_project        SNN_ISA_NAME(snn_portable_project)
#define snn_portable_image_scratch  SNN_ISA_NAME(snn_portable_image_scratch)
#define snn_portable_project_image  SNN_ISA_NAME(snn_portable_project_image)
#define snn_portable_fire           SNN_ISA_NAME(snn_portable_fire)
#define snn_portable_apply          SNN_ISA_NAME(snn_portable_apply)

/* The rectangle of a projection's pooled source that a tile's target positions see. Its values, int16_t
 * [rows][columns][channels], are the source's +1 / -1 (or their sums over the pool window), and 0 outside the image. */
typedef struct snn_field {
    int32_t row, column;               /* of the first value, in the pooled source; negative in the padding */
    int32_t rows, columns;             /* > 0 */
    int32_t channel, channels;         /* of the source population */
    int32_t row_stride, column_stride; /* of the window: from one target position to the next */
    int32_t target_row, target_column; /* target position that sees the rectangle's first value */
} snn_field;

static inline int64_t snn_field_size(const snn_field *field)
{
    return (int64_t)field->rows * field->columns * field->channels;
}

/* The window through which a target position sees the pooled source: of convolutions their own, of dense operators the
 * whole source, of diagonal ones a single tap. */
snn_window snn_operator_taps(const snn_operator *op);

/* The field of target positions [begin, end), source channels [channel, channel + channels). */
snn_field snn_field_of_tile(const snn_operator *op, int64_t begin, int64_t end, int32_t channel, int32_t channels);

/* An upper bound of the size of the field of any `positions` target positions. */
int64_t snn_field_largest(const snn_operator *op, int64_t positions, int32_t channels);

/* What a projection takes: +1 / -1 for the spikes of a step, or the values that `codes` make of them, or the limbs of
 * integers (limbs.h), a limb a step, or floats as they are. Integers and floats lie in planes [position][channel] of
 * what is already pooled, from row `row` of it on. */
typedef struct snn_source {
    const snn_spikes *spikes;
    const snn_codes *codes; /* NULL: single spikes */
    int32_t image;
    const int32_t *integers;
    int32_t row, limb_bits, limbs;
    const float *reals;
} snn_source;

/* Bytes of a value, of which the largest byte is `largest`; 0: values are int16_t. */
static inline int32_t snn_value_bytes(int32_t largest)
{
    return largest > 0 ? (int32_t)sizeof(uint8_t) : (int32_t)sizeof(int16_t);
}

/* The largest byte, if the codes of a projection's source are 2 (zero - byte): what steps that fired add up to, with a
 * zero that is a byte, too. Else 0. */
int64_t snn_codes_bytes(const snn_codes *codes, const snn_operator *op);

/* The zero of a channel's codes, of which the largest byte is `largest`. */
static inline int32_t snn_codes_zero(const snn_codes *codes, int32_t largest, int32_t channel)
{
    return (largest + codes->rest[channel]) / 2;
}

/* Values of a step: int16_t, or bytes up to `largest` (snn_packed) that are by their zero larger than single spikes or
 * their sums over a pool, or by half a code smaller than its zero. Writes up to a vector behind the last; `scratch` is
 * snn_field_scratch bytes. */
void snn_field_expand(const snn_field *field, const snn_operator *op, const snn_source *source, int32_t step,
                      int32_t largest, void *values, void *scratch);
int64_t snn_field_scratch(const snn_operator *op, int32_t channels);

/* Where bytes of a step are what spikes of windows are, too, and all of them are inside the image: these, in place, and
 * `field` becomes one of as many columns and channels as they lie in. Else NULL. */
const uint8_t *snn_field_in_place(const snn_operator *op, const snn_source *source, int32_t step, snn_field *field);

/* Bytes up to where another array may begin. */
static inline int64_t snn_aligned(int64_t bytes)
{
    return (bytes + SNN_ALIGNMENT - 1) / SNN_ALIGNMENT * SNN_ALIGNMENT;
}

/* Offset of a tap's values from what a target sees first; taps are numbered along the rows. */
static inline int64_t snn_field_tap(const snn_field *field, const snn_window *taps, int32_t tap)
{
    const int64_t row = (int64_t)(tap / taps->kernel[1]) * taps->dilation[0];
    const int64_t column = (int64_t)(tap % taps->kernel[1]) * taps->dilation[1];
    return (row * field->columns + column) * field->channels;
}

/* Offset in a step's field values of what target position `position` sees first. */
static inline int64_t snn_field_first(const snn_field *field, const snn_operator *op, int64_t position)
{
    const int64_t row = (position / op->target.width - field->target_row) * field->row_stride;
    const int64_t column = (position % op->target.width - field->target_column) * field->column_stride;
    return (row * field->columns + column) * field->channels;
}

/* Where a projection's sums go: rows (step, position) of the tile's accumulator, at the first packed row's channel. */
typedef struct snn_sum_rows {
    int64_t rows, positions;
    int64_t stride; /* owned channels */
    int64_t offset; /* of the first packed row */
    void *data;
} snn_sum_rows;

static inline snn_sum_rows snn_sum_rows_of(const snn_packed *packed, const snn_tile *tile)
{
    const int64_t positions = tile->position_end - tile->position_begin;
    return (snn_sum_rows){.rows = positions * tile->steps,
                          .positions = positions,
                          .stride = tile->channel_end - tile->channel_begin,
                          .offset = packed->projection->op.target_channel + packed->row_begin - tile->channel_begin,
                          .data = tile->accumulator};
}

/* Groups of a convolution that have packed rows, each with target rows and source channels of its own; of a dense
 * operator one. */
typedef struct snn_row_groups {
    int32_t rows, channels; /* of each */
    int32_t begin, end;
} snn_row_groups;

static inline snn_row_groups snn_row_groups_of(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    const int32_t groups = op->kind == SNN_OPERATOR_CONVOLUTION ? op->groups : 1;
    const int32_t rows = op->target_channels / groups, begin = packed->row_begin / rows;
    return (snn_row_groups){.rows = rows,
                            .channels = op->source_channels / groups,
                            .begin = begin,
                            .end = packed->row_end > packed->row_begin ? (packed->row_end - 1) / rows + 1 : begin};
}

/* Packed rows [begin, end) of a group, from the first packed one on. */
static inline void snn_rows_of_group(const snn_row_groups *groups, const snn_packed *packed, int32_t group,
                                     int32_t *begin, int32_t *end)
{
    const int32_t first = group * groups->rows, last = first + groups->rows;
    *begin = (first > packed->row_begin ? first : packed->row_begin) - packed->row_begin;
    *end = (last < packed->row_end ? last : packed->row_end) - packed->row_begin;
}

/* What weights are packed for: single spikes, or codes, which are `whole` or that is NULL. */
typedef struct snn_operand {
    bool single;
    const snn_codes *whole;
} snn_operand;

/* One way to multiply packed weights with what a source gives. */
typedef struct snn_product {
    const char *name;
    bool begins; /* it looks at tile->fresh; its sums are cleared before where it does not */
    /* Whether it multiplies this projection; `packed` has all but product, bytes and data set. */
    bool (*suits)(const snn_packed *packed);
    snn_status (*pack)(const snn_operand *operand, snn_packed *packed);
    /* Bytes of a tile's scratch, for tiles of up to so many positions and steps. */
    int64_t (*scratch)(const snn_packed *packed, int64_t positions, int32_t steps);
    /* Adds into the tile's accumulator. */
    void (*project)(const snn_packed *packed, const snn_source *source, const snn_tile *tile);
} snn_product;

extern const snn_product snn_matrix_product, snn_narrow_product, snn_elements_product, snn_tokens_product,
    snn_reals_product;

/* Bytes of a field's values of all steps, and of what is written behind them. */
int64_t snn_values_bytes(const snn_packed *packed, int64_t field_size, int32_t steps);

snn_status snn_portable_pack(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                             int32_t row_end, snn_packed *packed);
snn_status snn_portable_pack_codes(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                                   int32_t row_end, const snn_codes *whole, snn_packed *packed);
int64_t snn_portable_scratch(const snn_packed *packed, int64_t positions, int32_t steps);
void snn_portable_project(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile);
/* Clears the packed rows' sums. */
void snn_portable_clear(const snn_packed *packed, const snn_tile *tile);
/* Of any source, step by step (products.c). */
void snn_portable_project_source(const snn_packed *packed, const snn_source *source, const snn_tile *tile);
void snn_portable_project_codes(const snn_packed *packed, const snn_spikes *source, const snn_codes *codes,
                                const snn_tile *tile);
int64_t snn_portable_image_scratch(const snn_packed *packed, int32_t count, int32_t channels);
void snn_portable_project_image(const snn_image_tile *tile);
/* x <- f(x) of `count` neurons of a unary kind, a multiple of SNN_LANES (functions.c). */
void snn_portable_apply(const snn_neurons *neurons, float *x, int64_t count);
/* As in the table (peak.c, contexts.c, symbols.c). */
extern const struct snn_peak *const snn_peaks[2];
extern const struct snn_context_kernels snn_contexts;
extern const struct snn_symbol_kernels snn_symbols;
/* window_neurons.c, as in the table. */
int64_t snn_portable_fire_scratch(const snn_population *population, int32_t owned, int32_t held);
void snn_portable_fire(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts);
void snn_portable_fire_window(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts);
/* As in the table (streams.c). */
int64_t snn_streams_scratch(const snn_packed *packed, int64_t positions);
void snn_streams_project(const snn_packed *packed, const void *plane, const snn_tile *tile);
void snn_streams_add_rounded(const snn_added_rows *rows);

#endif
