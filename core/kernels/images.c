/* Products with a graded image.
 *
 * Pixels are rounded to fixed point, so that sums are those of integers: exact, in any order. Convolutions and dense
 * operators take them as matrix.c takes values: cut into limbs, each a step of the source. Limbs are as short as it
 * takes for their sums over a row's taps to fit 32 bits, and are put together in 64 bits. A network's sums of weights
 * fit 32 bits (network_weights.c), so that limbs of one bit always do, and the whole fits 64 bits for any image. With
 * float32 weights sums are floats, of taps in the order of a row. */
#include "core/kernels/portable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"

enum { CHUNK = 32, PIXEL_FRACTION_BITS = 16 }; /* CHUNK: positions whose sums are made together */

/* What a tile sees of a product's source. */
typedef struct source {
    snn_field field;
    int64_t limbs;    /* in use */
    int16_t values[]; /* [limbs] fields, or float */
} source;

/* One element of the pooled source, or a sum. */
typedef union number {
    int64_t whole;
    float real;
} number;

/* One tap for each target: no field. */
static bool is_single(const snn_packed *packed)
{
    const snn_operator_kind kind = packed->projection->op.kind;
    return kind == SNN_OPERATOR_DIAGONAL || kind == SNN_OPERATOR_GATHER;
}

static int32_t rows_of(const snn_packed *packed)
{
    return packed->row_end - packed->row_begin;
}

snn_status snn_portable_pack_image(const snn_projection *projection, snn_weight_format format, int32_t row_begin,
                                   int32_t row_end, snn_packed *packed)
{
    *packed = (snn_packed){
        .projection = projection, .row_begin = row_begin, .row_end = row_end, .real = format == SNN_WEIGHTS_FLOAT32};
    if (is_single(packed)) {
        return snn_portable_pack_codes(projection, format, row_begin, row_end, NULL, packed);
    }
    if (packed->real) {
        packed->product = &snn_reals_product;
        return packed->product->pack(&(snn_operand){.whole = NULL}, packed);
    }
    const int64_t length = snn_operator_row_length(&projection->op);
    int64_t reach = INT32_MAX / INT16_MAX; /* limbs are int16_t, however small the weights */
    for (int32_t row = row_begin - projection->row_begin; row < row_end - projection->row_begin; row++) {
        int64_t sum = 0;
        for (int64_t k = row * length; k < (row + 1) * length; k++) {
            sum += abs(((const int16_t *)projection->weights)[k]);
        }
        reach = sum > reach ? sum : reach;
    }
    if (reach > INT32_MAX) {
        return snn_fail(SNN_INTERNAL_ERROR, "weights of the image that add up to more than 32 bits");
    }
    packed->limb = (int32_t)(INT32_MAX / reach);
    packed->product = &snn_matrix_product;
    return packed->product->pack(&(snn_operand){.whole = NULL}, packed);
}

static int32_t limb_bits(const snn_packed *packed)
{
    int32_t bits = 1;
    while (1 << bits <= packed->limb) {
        bits++;
    }
    return bits;
}

/* How many limbs hold integers of up to `largest`. */
static int64_t limbs_of(const snn_packed *packed, int64_t largest)
{
    const int32_t bits = limb_bits(packed);
    int64_t limbs = 1;
    for (; largest > packed->limb; limbs++) {
        largest = (largest + (1 << (bits - 1))) >> bits;
    }
    return limbs;
}

static int64_t limbs_most(const snn_packed *packed)
{
    return limbs_of(packed, INT32_MAX * snn_operator_pool_area(&packed->projection->op));
}

static snn_field field_of(const snn_packed *packed, int32_t row_begin, int32_t row_end)
{
    const snn_operator *op = &packed->projection->op;
    const snn_row_groups groups = snn_row_groups_of(packed);
    const int64_t width = op->target.width;
    return snn_field_of_tile(op, row_begin * width, row_end * width,
                             op->source_channel + groups.begin * groups.channels,
                             (groups.end - groups.begin) * groups.channels);
}

/* Elements that a tile sees. */
static int64_t field_size(const snn_packed *packed)
{
    const int32_t height = packed->projection->op.target.height;
    const snn_field field = field_of(packed, 0, height < SNN_IMAGE_ROWS ? height : SNN_IMAGE_ROWS);
    return snn_field_size(&field);
}

static int64_t source_bytes(const snn_packed *packed)
{
    if (is_single(packed)) {
        return 0;
    }
    const int64_t element = packed->real ? (int64_t)sizeof(float) : limbs_most(packed) * (int64_t)sizeof(int16_t);
    return snn_aligned((int64_t)sizeof(source) + field_size(packed) * element +
                       SNN_ALIGNMENT); /* read behind the last */
}

static int64_t limb_sums_bytes(const snn_packed *packed, int64_t limbs)
{
    return snn_aligned(limbs * CHUNK * rows_of(packed) * (int64_t)sizeof(int32_t));
}

int64_t snn_portable_image_scratch(const snn_packed *packed, int32_t count, int32_t channels)
{
    int64_t bytes = snn_aligned((int64_t)CHUNK * channels * (int64_t)sizeof(number)), most = 0;
    for (int32_t i = 0; i < count; i++) {
        bytes += source_bytes(&packed[i]);
        if (!is_single(&packed[i]) && !packed[i].real) {
            const int64_t whole = field_size(&packed[i]) * (int64_t)sizeof(int64_t), limbs = limbs_most(&packed[i]);
            const int64_t sums =
                limb_sums_bytes(&packed[i], limbs) + snn_matrix_scratch(&packed[i], CHUNK, (int32_t)limbs);
            most = whole > most ? whole : most;
            most = sums > most ? sums : most;
        }
    }
    return bytes + most;
}

static inline int32_t quantise(float pixel)
{
    const double limit = INT32_MAX;
    const double rounding = 0x1.8p52; /* numbers of that size have no fraction: they are rounded, to even at a tie */
    double scaled = (double)pixel * (1 << PIXEL_FRACTION_BITS) + rounding - rounding;
    scaled = scaled < limit ? scaled : limit; /* a NaN becomes the limit: the same everywhere */
    scaled = scaled > -limit ? scaled : -limit;
    return (int32_t)scaled;
}

/* The sum over its window of the image's pixels; `channel` of the image. */
static number pool_element(const snn_packed *packed, const float *pixels, int64_t row, int64_t column, int32_t channel)
{
    static const snn_window single = {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    const snn_operator *op = &packed->projection->op;
    const snn_window *window = op->pooled ? &op->pool : &single;
    int64_t whole = 0;
    float real = 0.0f;
    for (int32_t i = 0; i < window->kernel[0]; i++) {
        const int64_t y = row * window->stride[0] - window->pad_begin[0] + (int64_t)i * window->dilation[0];
        for (int32_t j = 0; j < window->kernel[1]; j++) {
            const int64_t x = column * window->stride[1] - window->pad_begin[1] + (int64_t)j * window->dilation[1];
            if (y >= 0 && y < op->source.height && x >= 0 && x < op->source.width) {
                const float pixel = pixels[(y * op->source.width + x) * op->source.channels + channel];
                whole += quantise(pixel);
                real += pixel;
            }
        }
    }
    return packed->real ? (number){.real = real} : (number){.whole = whole};
}

/* A line of the field, line `y` of the pooled source: int64_t, or floats. */
static void expand_line(const snn_packed *packed, const snn_field *field, const float *pixels, int64_t y, void *line)
{
    const snn_operator *op = &packed->projection->op;
    const snn_shape pooled = snn_operator_pooled_shape(op);
    const int64_t channels = field->channels;
    const size_t size = (size_t)channels * (packed->real ? sizeof(float) : sizeof(int64_t)); /* of a position */
    int64_t begin = field->column < 0 ? -(int64_t)field->column : 0, end = pooled.width - (int64_t)field->column;
    end = end < field->columns ? end : field->columns;
    if (y < 0 || y >= pooled.height || begin >= end) {
        memset(line, 0, (size_t)field->columns * size);
        return;
    }
    memset(line, 0, (size_t)begin * size);
    memset((uint8_t *)line + (size_t)end * size, 0, (size_t)(field->columns - end) * size);
    float *real = (float *)line + begin * channels;
    int64_t *restrict whole = (int64_t *)line + begin * channels;
    const int64_t count = (end - begin) * channels;
    if (op->pooled || channels != op->source.channels || packed->real) {
        for (int64_t i = 0; i < count; i++) {
            const number sum = pool_element(packed, pixels, y, field->column + begin + i / channels,
                                            field->channel + (int32_t)(i % channels));
            if (packed->real) {
                real[i] = sum.real;
            } else {
                whole[i] = sum.whole;
            }
        }
        return;
    }
    const float *from = pixels + (y * pooled.width + field->column + begin) * channels;
    for (int64_t i = 0; i < count; i++) {
        whole[i] = quantise(from[i]);
    }
}

/* Cuts integers into limbs, the lowest first, each rounded to the nearest. */
static void cut(const snn_packed *packed, int64_t *restrict whole, source *to)
{
    const int64_t size = snn_field_size(&to->field);
    const int32_t bits = limb_bits(packed);
    int64_t largest = 0;
    for (int64_t i = 0; i < size; i++) {
        const int64_t magnitude = whole[i] < 0 ? -whole[i] : whole[i];
        largest = magnitude > largest ? magnitude : largest;
    }
    to->limbs = limbs_of(packed, largest);
    int16_t *restrict limb = to->values;
    for (int64_t l = 1; l < to->limbs; l++, limb += size) {
        for (int64_t i = 0; i < size; i++) {
            const int64_t rest = (whole[i] + (1 << (bits - 1))) >> bits;
            limb[i] = (int16_t)(whole[i] - (int64_t)((uint64_t)rest << bits));
            whole[i] = rest;
        }
    }
    for (int64_t i = 0; i < size; i++) {
        limb[i] = (int16_t)whole[i];
    }
}

/* `whole`: for integers, before they are cut. */
static void expand(const snn_packed *packed, const snn_image_tile *tile, int64_t *whole, source *to)
{
    to->field = field_of(packed, tile->row_begin, tile->row_end);
    const int64_t line = (int64_t)to->field.columns * to->field.channels;
    for (int32_t i = 0; i < to->field.rows; i++) {
        expand_line(packed, &to->field, tile->pixels, to->field.row + i,
                    packed->real ? (void *)((float *)(void *)to->values + i * line) : (void *)(whole + i * line));
    }
    if (!packed->real) {
        cut(packed, whole, to);
    }
}

static void add_limb(const int32_t *restrict sums, int32_t shift, int64_t rows, int64_t *restrict totals)
{
    for (int64_t r = 0; r < rows; r++) {
        totals[r] += (int64_t)((uint64_t)sums[r] << shift);
    }
}

/* The products at positions [begin, end), limb by limb: sums [limb][position][row]. */
static const int32_t *multiply_limbs(const snn_packed *packed, const source *from, int64_t begin, int64_t end,
                                     uint8_t *working)
{
    const int32_t first = packed->projection->op.target_channel + packed->row_begin;
    const int64_t rows = rows_of(packed);
    const snn_tile tile = {.position_begin = begin,
                           .position_end = end,
                           .steps = (int32_t)from->limbs,
                           .channel_begin = first,
                           .channel_end = first + rows_of(packed),
                           .accumulator = working};
    memset(working, 0, (size_t)(from->limbs * (end - begin) * rows) * sizeof(int32_t));
    snn_matrix_project(packed, &from->field, from->values, &tile, working + limb_sums_bytes(packed, from->limbs));
    return (const int32_t *)(const void *)working;
}

/* The same, added to totals [position][stride]. */
static void add_limbs(const snn_packed *packed, const source *from, int64_t begin, int64_t end, uint8_t *working,
                      number *totals, int64_t stride)
{
    const int32_t *sum = multiply_limbs(packed, from, begin, end, working);
    const int32_t bits = limb_bits(packed);
    const int64_t rows = rows_of(packed);
    for (int32_t l = 0; l < from->limbs; l++) {
        for (int64_t p = 0; p < end - begin; p++, sum += rows) {
            add_limb(sum, l * bits, rows, &totals[p * stride].whole);
        }
    }
}

/* The same with float32 weights at one position. */
static void add_floats(const snn_packed *packed, const source *from, int64_t position, number *totals)
{
    const snn_operator *op = &packed->projection->op;
    const snn_window taps = snn_operator_taps(op);
    const snn_row_groups groups = snn_row_groups_of(packed);
    const float *weights = packed->data;
    for (int32_t group = groups.begin; group < groups.end; group++) {
        int32_t begin, end;
        snn_rows_of_group(&groups, packed, group, &begin, &end);
        for (int32_t tap = 0; tap < taps.kernel[0] * taps.kernel[1]; tap++) {
            const float *seen = (const float *)(const void *)from->values +
                                snn_field_first(&from->field, op, position) + snn_field_tap(&from->field, &taps, tap) +
                                (int64_t)(group - groups.begin) * groups.channels;
            for (int32_t k = 0; k < groups.channels; k++, weights += end - begin) {
                for (int32_t r = begin; r < end; r++) {
                    totals[r].real += weights[r - begin] * seen[k];
                }
            }
        }
    }
}

/* One tap for each target of a position. */
static void add_singles(const snn_packed *packed, const float *pixels, int64_t position, number *totals)
{
    const snn_operator *op = &packed->projection->op;
    const bool gather = op->kind == SNN_OPERATOR_GATHER;
    const int32_t width = snn_operator_pooled_shape(op).width;
    const int64_t rows = rows_of(packed), first = gather ? position * rows : 0;
    const int32_t *weights = packed->data, *elements = weights + rows * snn_shape_positions(op->target);
    for (int64_t r = 0; r < rows; r++) {
        const int64_t element = gather ? elements[first + r] : position * op->source_channels + packed->row_begin + r;
        if (element < 0) {
            continue;
        }
        const int64_t at = element / op->source_channels;
        const number pixel = pool_element(packed, pixels, at / width, at % width,
                                          op->source_channel + (int32_t)(element % op->source_channels));
        if (packed->real) {
            totals[r].real += ((const float *)packed->data)[first + r] * pixel.real;
        } else {
            totals[r].whole += weights[first + r] * pixel.whole;
        }
    }
}

static void add_product(const snn_packed *packed, const snn_image_tile *tile, const source *from, int64_t begin,
                        int64_t end, uint8_t *working, number *totals)
{
    const int64_t stride = tile->channel_end - tile->channel_begin;
    totals += packed->projection->op.target_channel + packed->row_begin - tile->channel_begin;
    if (!is_single(packed) && !packed->real) {
        add_limbs(packed, from, begin, end, working, totals, stride);
        return;
    }
    for (int64_t position = begin; position < end; position++, totals += stride) {
        if (is_single(packed)) {
            add_singles(packed, tile->pixels, position, totals);
        } else {
            add_floats(packed, from, position, totals);
        }
    }
}

static void store(const snn_image_tile *tile, const number *totals, double unit, float *restrict graded)
{
    const int32_t channels = tile->channel_end - tile->channel_begin;
    const float *step = tile->step;
    const bool real = tile->packed[0].real;
    for (int32_t c = 0; real && c < channels; c++) {
        graded[c] = totals[c].real * step[c];
    }
    for (int32_t c = 0; !real && c < channels; c++) {
        graded[c] = (float)((double)totals[c].whole * (double)step[c] * unit);
    }
}

/* A single product onto all channels, whose pixels have one or two limbs, as most have: numbers are exact as doubles,
 * too, and need not be kept. */
static bool is_short(const snn_image_tile *tile, const source *from)
{
    const snn_packed *packed = &tile->packed[0];
    return tile->count == 1 && !is_single(packed) && !packed->real && from->limbs <= 2 &&
           rows_of(packed) == tile->channel_end - tile->channel_begin;
}

static void store_short(const snn_image_tile *tile, const source *from, int64_t begin, int64_t end, uint8_t *working,
                        double unit, float *restrict graded)
{
    const snn_packed *packed = &tile->packed[0];
    const int64_t rows = rows_of(packed), count = (end - begin) * rows;
    const int32_t *restrict low = multiply_limbs(packed, from, begin, end, working);
    const int32_t *restrict high = from->limbs == 2 ? low + count : low;
    const double factor = from->limbs == 2 ? (double)((int64_t)1 << limb_bits(packed)) : 0.0;
    const float *restrict step = tile->step;
    for (int64_t i = 0; i < count; i += rows) {
        for (int64_t r = 0; r < rows; r++) {
            const double whole = (double)low[i + r] + factor * (double)high[i + r];
            graded[i + r] = (float)(whole * (double)step[r] * unit);
        }
    }
}

void snn_portable_project_image(const snn_image_tile *tile)
{
    const snn_projection *projection = tile->packed[0].projection;
    const int64_t channels = tile->channel_end - tile->channel_begin, width = projection->op.target.width;
    const int64_t last = tile->row_end * width;
    const double unit = ldexp(1.0, -PIXEL_FRACTION_BITS - projection->shift); /* a power of two: rounded once only */
    number *totals = tile->scratch;
    uint8_t *sources = (uint8_t *)tile->scratch + snn_aligned(CHUNK * channels * (int64_t)sizeof *totals);
    uint8_t *working = sources, *at = sources;
    for (int32_t i = 0; i < tile->count; i++) {
        working += source_bytes(&tile->packed[i]);
    }
    for (int32_t i = 0; i < tile->count; at += source_bytes(&tile->packed[i++])) {
        if (!is_single(&tile->packed[i])) {
            expand(&tile->packed[i], tile, (int64_t *)(void *)working, (source *)(void *)at);
        }
    }
    for (int64_t begin = tile->row_begin * width; begin < last; begin += CHUNK) {
        const int64_t end = last - begin < CHUNK ? last : begin + CHUNK;
        float *graded = tile->graded + (begin - tile->row_begin * width) * channels;
        at = sources;
        if (is_short(tile, (const source *)(const void *)at)) {
            store_short(tile, (const source *)(const void *)at, begin, end, working, unit, graded);
            continue;
        }
        memset(totals, 0, (size_t)((end - begin) * channels) * sizeof *totals);
        for (int32_t i = 0; i < tile->count; at += source_bytes(&tile->packed[i++])) {
            add_product(&tile->packed[i], tile, (const source *)(void *)at, begin, end, working, totals);
        }
        for (int64_t p = 0; p < end - begin; p++) {
            store(tile, totals + p * channels, unit, graded + p * channels);
        }
    }
}
