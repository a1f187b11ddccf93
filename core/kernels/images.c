/* Products with a graded image.
 *
 * Pixels are rounded to fixed point, so that sums are those of integers: exact, in any order. Convolutions and dense
 * operators take them limb by limb (limbs.h). A network's sums of weights fit 32 bits (network_weights.c), so that the
 * whole fits 64 bits for any image. With float32 weights sums are floats, of taps in the order of a row. */
#include <math.h>
#include <string.h>

#include "core/base/integers.h"
#include "core/base/memory.h"
#include "core/kernels/limbs.h"

enum { PIXEL_FRACTION_BITS = 16, LOW_BITS = 16, REPEATED = 64 };

/* What a tile sees of a product's pooled source, as integers: where windows are pooled a sum may have 64 bits, and is
 * 2^LOW_BITS times what the second plane has, and what the first one has. */
typedef struct seen {
    snn_source planes[2];
    int32_t bits[2]; /* of the largest integer; 0: no such plane */
    int32_t values[];
} seen;

static int32_t rows_of(const snn_packed *packed)
{
    return packed->row_end - packed->row_begin;
}

/* ---- pixels ---- */

/* To fixed point, even at a tie; what has no place there, or is no number, becomes the largest that has. */
static void quantise(const float *restrict pixels, int64_t count, int32_t *restrict to)
{
    const snn_vector unit = snn_vector_all((float)(1 << PIXEL_FRACTION_BITS)), end = snn_vector_all(0x1p31F);
    for (int64_t i = 0; i < count; i += SNN_VECTOR) {
        const int64_t left = count - i < SNN_VECTOR ? count - i : SNN_VECTOR;
        snn_vector scaled = snn_vector_load(pixels + i, snn_vector_first((int32_t)left));
        scaled = snn_vector_smaller(scaled * unit, end);
        scaled = snn_vector_larger(scaled, snn_vector_all(-0x1p31F));
        snn_vector_int whole = snn_vector_nearest(scaled);
        whole ^= scaled >= end;      /* INT32_MIN -> INT32_MAX */
        whole -= whole == INT32_MIN; /* true is -1 */
        if (left == SNN_VECTOR) {
            memcpy(to + i, &whole, sizeof whole);
        } else {
            memcpy(to + i, &whole, (size_t)left * sizeof to[0]);
        }
    }
}

/* The sum over its window of the image's pixels; `channel` of the image. */
static int64_t pool_pixels(const snn_operator *op, const float *pixels, int64_t row, int64_t column, int32_t channel,
                           float *real)
{
    static const snn_window single = {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    const snn_window *window = op->pooled ? &op->pool : &single;
    const snn_taps down = snn_window_taps(window, 0, op->source.height, row);
    const snn_taps across = snn_window_taps(window, 1, op->source.width, column);
    int64_t whole = 0;
    *real = 0.0F;
    for (int64_t i = down.begin; i < down.end; i++) {
        for (int64_t j = across.begin; j < across.end; j++) {
            const int64_t y = down.start + i * window->dilation[0], x = across.start + j * window->dilation[1];
            const float *pixel = pixels + (y * op->source.width + x) * op->source.channels + channel;
            int32_t quantised;
            quantise(pixel, 1, &quantised);
            whole += quantised;
            *real += *pixel;
        }
    }
    return whole;
}

static int64_t row_size(const snn_operator *op)
{
    return (int64_t)snn_operator_pooled_shape(op).width * op->source.channels;
}

/* As many values as a tile may see. */
static int64_t most_seen(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    const snn_window taps = snn_operator_taps(op);
    const int32_t height = snn_operator_pooled_shape(op).height;
    const int64_t rows =
        (SNN_IMAGE_ROWS - 1) * (int64_t)taps.stride[0] + (int64_t)(taps.kernel[0] - 1) * taps.dilation[0] + 1;
    return snn_smaller(rows, height) * row_size(op);
}

static int64_t seen_bytes(const snn_packed *packed)
{
    const int32_t planes = packed->projection->op.pooled && !packed->real ? 2 : 1;
    return snn_limbs_is_single(packed)
               ? 0
               : snn_aligned((int64_t)sizeof(seen) + planes * most_seen(packed) * (int64_t)sizeof(int32_t));
}

/* The same of windows' sums. */
static void pool(const snn_packed *packed, const float *pixels, int32_t row_begin, int32_t row_end, seen *to)
{
    const snn_operator *op = &packed->projection->op;
    const int64_t channels = op->source.channels, row = row_size(op), size = (row_end - row_begin) * row;
    for (int64_t i = 0; i < size; i++) {
        float real;
        const int64_t whole =
            pool_pixels(op, pixels, row_begin + i / row, i % row / channels, (int32_t)(i % channels), &real);
        if (packed->real) {
            ((float *)to->values)[i] = real;
        } else {
            to->values[i] = (int32_t)(whole & ((1 << LOW_BITS) - 1));
            to->values[size + i] = (int32_t)(whole >> LOW_BITS);
        }
    }
}

static void see(const snn_packed *packed, const snn_image_tile *tile, seen *to)
{
    const snn_operator *op = &packed->projection->op;
    const int64_t width = op->target.width;
    int32_t begin, end;
    snn_limbs_rows(op, tile->row_begin * width, tile->row_end * width, &begin, &end);
    const int64_t size = (end - begin) * row_size(op);
    *to = (seen){.planes = {{.row = begin, .integers = to->values}, {.row = begin, .integers = to->values + size}}};
    if (op->pooled) {
        pool(packed, tile->pixels, begin, end, to);
    } else if (!packed->real) {
        quantise(tile->pixels + begin * row_size(op), size, to->values);
    }
    if (packed->real) {
        to->planes[0] = op->pooled ? (snn_source){.row = begin, .reals = (const float *)(const void *)to->values}
                                   : (snn_source){.reals = tile->pixels};
        return;
    }
    for (int plane = 0; plane < (op->pooled ? 2 : 1); plane++) {
        to->bits[plane] = snn_limbs_bits(to->planes[plane].integers, size);
    }
}

/* ---- sums ---- */

/* Taken together, at most. */
static int64_t positions_of(const snn_packed *packed)
{
    const snn_shape target = packed->projection->op.target;
    return snn_limbs_most(packed, snn_smaller(target.height, SNN_IMAGE_ROWS) * (int64_t)target.width);
}

static int64_t totals_bytes(const snn_packed *packed, int64_t channels)
{
    return snn_aligned((positions_of(packed) + REPEATED) * channels * (int64_t)sizeof(int64_t));
}

int64_t snn_portable_image_scratch(const snn_packed *packed, int32_t count, int32_t channels)
{
    int64_t bytes = count > 0 ? totals_bytes(&packed[0], channels) : 0, most = 0;
    for (int32_t i = 0; i < count; i++) {
        if (!snn_limbs_is_single(&packed[i])) {
            const int64_t positions = positions_of(&packed[0]);
            const int64_t product = packed[i].real ? snn_portable_scratch(&packed[i], positions, 1)
                                                   : snn_limbs_scratch(&packed[i], positions);
            bytes += seen_bytes(&packed[i]);
            most = snn_larger(most, product);
        }
    }
    return bytes + most;
}

/* Part of an image tile: target positions [begin, end). */
typedef struct part {
    const snn_image_tile *tile;
    int64_t begin, end;
    void *totals; /* int64_t or float [position][channel held] */
    void *scratch;
} part;

static int64_t held(const part *of)
{
    return of->tile->channel_end - of->tile->channel_begin;
}

/* Of the first packed row, from the channels held on. */
static int64_t offset_of(const part *of, const snn_packed *packed)
{
    return packed->projection->op.target_channel + packed->row_begin - of->tile->channel_begin;
}

static void add_limbs(const part *of, const snn_packed *packed, const seen *from)
{
    const int64_t rows = rows_of(packed);
    for (int plane = 0; plane < 2 && from->bits[plane] > 0; plane++) {
        const snn_limb_sums sums =
            snn_limbs_project(packed, from->planes[plane], from->bits[plane], of->begin, of->end, of->scratch);
        int64_t *totals = (int64_t *)of->totals + offset_of(of, packed);
        for (int64_t i = 0; i < sums.count; i += rows, totals += held(of)) {
            for (int64_t r = 0; r < rows; r++) {
                totals[r] += (int64_t)((uint64_t)snn_limbs_whole(&sums, i + r, sums.limbs) << plane * LOW_BITS);
            }
        }
    }
}

static void add_floats(const part *of, const snn_packed *packed, const seen *from)
{
    const snn_tile tile = {.position_begin = of->begin,
                           .position_end = of->end,
                           .steps = 1,
                           .channel_begin = of->tile->channel_begin,
                           .channel_end = of->tile->channel_end,
                           .accumulator = of->totals,
                           .scratch = of->scratch};
    snn_portable_project_source(packed, &from->planes[0], &tile);
}

/* One tap for each target of a position. */
static void add_singles(const part *of, const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    const bool gather = op->kind == SNN_OPERATOR_GATHER;
    const int32_t width = snn_operator_pooled_shape(op).width;
    const int64_t rows = rows_of(packed);
    const int32_t *weights = packed->data, *elements = weights + rows * snn_shape_positions(op->target);
    int64_t to = offset_of(of, packed);
    for (int64_t position = of->begin; position < of->end; position++, to += held(of)) {
        const int64_t first = gather ? position * rows : 0;
        for (int64_t r = 0; r < rows; r++) {
            const int64_t element =
                gather ? elements[first + r] : position * op->source_channels + packed->row_begin + r;
            if (element < 0) {
                continue;
            }
            const int64_t at = element / op->source_channels;
            float real;
            const int64_t whole = pool_pixels(op, of->tile->pixels, at / width, at % width,
                                              op->source_channel + (int32_t)(element % op->source_channels), &real);
            if (packed->real) {
                ((float *)of->totals)[to + r] += ((const float *)packed->data)[first + r] * real;
            } else {
                ((int64_t *)of->totals)[to + r] += weights[first + r] * whole;
            }
        }
    }
}

static void add_all(const part *of, const uint8_t *sources)
{
    const snn_image_tile *tile = of->tile;
    for (int32_t i = 0; i < tile->count; sources += seen_bytes(&tile->packed[i++])) {
        const snn_packed *packed = &tile->packed[i];
        if (snn_limbs_is_single(packed)) {
            add_singles(of, packed);
        } else if (packed->real) {
            add_floats(of, packed, (const seen *)(const void *)sources);
        } else {
            add_limbs(of, packed, (const seen *)(const void *)sources);
        }
    }
}

/* ---- what the image adds ---- */

static void store(const part *of, double unit, float *restrict graded)
{
    const int64_t channels = held(of), count = (of->end - of->begin) * channels;
    const float *restrict step = of->tile->step;
    for (int64_t i = 0; i < count; i++) {
        graded[i] = of->tile->packed[0].real
                        ? ((const float *)of->totals)[i] * step[i % channels]
                        : (float)((double)((const int64_t *)of->totals)[i] * (double)step[i % channels] * unit);
    }
}

/* A single product onto all channels, whose pixels have one or two limbs, as most have: numbers are exact as doubles,
 * too, and need not be kept. */
static bool is_short(const snn_image_tile *tile, const seen *from)
{
    const snn_packed *packed = &tile->packed[0];
    return tile->count == 1 && !snn_limbs_is_single(packed) && !packed->real && !packed->projection->op.pooled &&
           from->bits[0] <= 2 * packed->limb_bits && rows_of(packed) == tile->channel_end - tile->channel_begin;
}

/* Of so many channels that loops over few of them are long. */
static int64_t repeated(int64_t channels)
{
    return channels * (REPEATED / channels + 1);
}

/* A channel's step times the unit, in place of totals. */
static void repeat_steps(const part *of, double unit)
{
    double *steps = of->totals;
    for (int64_t c = 0, channel = 0; c < repeated(held(of)); c++, channel = channel + 1 < held(of) ? channel + 1 : 0) {
        steps[c] = (double)of->tile->step[channel] * unit;
    }
}

static void store_short(const part *of, const seen *from, float *restrict graded)
{
    const snn_limb_sums sums =
        snn_limbs_project(&of->tile->packed[0], from->planes[0], from->bits[0], of->begin, of->end, of->scratch);
    const int32_t *restrict low = sums.sums, *restrict high = sums.limbs == 2 ? low + sums.count : low;
    const double factor = sums.limbs == 2 ? (double)((int32_t)1 << sums.bits) : 0.0;
    const double *restrict steps = of->totals;
    const int64_t period = repeated(held(of));
    for (int64_t i = 0; i < sums.count; i += period) {
        const int64_t count = sums.count - i < period ? sums.count - i : period;
        for (int64_t c = 0; c < count; c++) {
            graded[i + c] = (float)(((double)low[i + c] + factor * (double)high[i + c]) * steps[c]);
        }
    }
}

void snn_portable_project_image(const snn_image_tile *tile)
{
    const snn_projection *projection = tile->packed[0].projection;
    const int64_t channels = tile->channel_end - tile->channel_begin, width = projection->op.target.width;
    const double unit = ldexp(1.0, -PIXEL_FRACTION_BITS - projection->shift); /* a power of two: rounded once only */
    part of = {.tile = tile, .totals = tile->scratch};
    uint8_t *sources = (uint8_t *)tile->scratch + totals_bytes(&tile->packed[0], channels);
    uint8_t *at = sources;
    for (int32_t i = 0; i < tile->count; at += seen_bytes(&tile->packed[i++])) {
        if (!snn_limbs_is_single(&tile->packed[i])) {
            see(&tile->packed[i], tile, (seen *)(void *)at);
        }
    }
    of.scratch = at;
    float *graded = tile->graded;
    const seen *from = (const seen *)(const void *)sources; /* of the first product */
    const bool short_sums = is_short(tile, from);
    if (short_sums) {
        repeat_steps(&of, unit);
    }
    for (of.begin = tile->row_begin * width; of.begin < tile->row_end * width; of.begin = of.end) {
        of.end = snn_limbs_next(&tile->packed[0], of.begin, tile->row_end * width);
        if (short_sums) {
            store_short(&of, from, graded);
        } else {
            memset(of.totals, 0, (size_t)((of.end - of.begin) * channels) * sizeof(int64_t));
            add_all(&of, sources);
            store(&of, unit, graded);
        }
        graded += (of.end - of.begin) * channels;
    }
}
