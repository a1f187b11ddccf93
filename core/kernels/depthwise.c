/* Depthwise convolutions of spikes: 32 channels side by side, two neighbouring taps of a row in each product.
 *
 * Packed: int16_t [slab of 32 channels][tap row][pair of taps][channel][2]; missing taps and channels are 0. The spikes
 * of a slab are laid out as pairs too: at (row, column) of the field every channel's +1 / -1 there and one tap further
 * to the right, 0 outside the image; so a pair serves all outputs and taps that see it.
 */
#include "core/kernels/portable.h"

#include "core/base/memory.h"
#include "core/kernels/pairs.h"

enum {
    LANES = 32, /* channels of a slab */
    VECTORS = LANES / WIDTH,
    SLAB = 2 * LANES, /* int16 values of a position, or of a pair of taps */
    POSITIONS = PAIR_ROWS
};

bool snn_depthwise_suits(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    return op->kind == SNN_OPERATOR_CONVOLUTION && op->groups == op->source_channels &&
           op->groups == op->target_channels && !op->pooled && !packed->real;
}

static int32_t pairs_of(const snn_operator *op)
{
    return (op->window.kernel[1] + 1) / 2;
}

static int64_t slab_weights(const snn_operator *op)
{
    return (int64_t)op->window.kernel[0] * pairs_of(op) * SLAB;
}

snn_status snn_depthwise_pack(const snn_projection *projection, snn_packed *packed)
{
    const snn_operator *op = &projection->op;
    const int64_t rows = packed->row_end - packed->row_begin, skipped = packed->row_begin - projection->row_begin;
    const int64_t slabs = (rows + LANES - 1) / LANES;
    packed->bytes = slabs * slab_weights(op) * (int64_t)sizeof(int16_t);
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    const int16_t *weights = (const int16_t *)projection->weights + skipped * snn_operator_row_length(op);
    int16_t *pairs = packed->data;
    for (int64_t row = 0; row < rows; row++) {
        int16_t *lane = pairs + row / LANES * slab_weights(op) + row % LANES * 2;
        for (int32_t i = 0; i < op->window.kernel[0]; i++, lane += pairs_of(op) * SLAB) {
            for (int32_t j = 0; j < op->window.kernel[1]; j++) {
                lane[j / 2 * SLAB + j % 2] = *weights++;
            }
        }
    }
    return snn_ok();
}

int64_t snn_depthwise_scratch(const snn_packed *packed, int64_t positions)
{
    return snn_field_largest(&packed->projection->op, positions, SLAB) * (int64_t)sizeof(int16_t);
}

/* 32 channels' spikes from bit `bit` of a row on; behind the last channel there are whatever bits. */
static uint32_t load_channels(const uint8_t *row, int64_t bit)
{
    uint64_t bits;
    memcpy(&bits, row + bit / 8, sizeof bits); /* arrays have readable bytes behind them */
    return (uint32_t)(bits >> (bit % 8));
}

/* One step's spikes of the slab that begins at `channel`. */
static void expand(const snn_field *field, const snn_operator *op, const uint8_t *plane, int32_t row_bytes,
                   int64_t channel, int16_t *pairs)
{
    const int32_t width = op->source.width, next = op->window.dilation[1];
    for (int32_t i = field->row; i < field->row + field->rows; i++) {
        if (i < 0 || i >= op->source.height) {
            memset(pairs, 0, (size_t)field->columns * SLAB * sizeof pairs[0]);
            pairs += (int64_t)field->columns * SLAB;
            continue;
        }
        const uint8_t *row = plane + (int64_t)i * width * row_bytes;
        for (int32_t j = field->column; j < field->column + field->columns; j++, pairs += SLAB) {
            const bool here = j >= 0 && j < width, there = j + next >= 0 && j + next < width;
            const uint32_t first = here ? load_channels(row + (int64_t)j * row_bytes, channel) : 0;
            const uint32_t second = there ? load_channels(row + (int64_t)(j + next) * row_bytes, channel) : 0;
            const uint32_t inside = (here ? 0xffffU : 0) | (there ? 0xffff0000U : 0);
            for (int v = 0; v < VECTORS; v++) {
                store_pairs(pairs + v * 2 * WIDTH,
                            keep_pairs(pairs_of_spikes(first >> (v * WIDTH), second >> (v * WIDTH)), inside));
            }
        }
    }
}

/* The same with the values of codes: as many channels as the slab has. */
static void expand_codes(const snn_field *field, const snn_operator *op, const snn_source *source, int32_t step,
                         int32_t channel, int32_t channels, int16_t *pairs)
{
    const int32_t width = op->source.width, next = op->window.dilation[1];
    for (int32_t i = field->row; i < field->row + field->rows; i++) {
        for (int32_t j = field->column; j < field->column + field->columns; j++, pairs += SLAB) {
            int16_t both[2][LANES] = {{0}};
            for (int32_t side = 0; side < 2; side++) {
                const int32_t column = j + side * next;
                if (i >= 0 && i < op->source.height && column >= 0 && column < width) {
                    snn_source_values(source, step, (int64_t)i * width + column, channel, channels, both[side]);
                }
            }
            for (int32_t c = 0; c < LANES; c++) {
                pairs[2 * c] = both[0][c];
                pairs[2 * c + 1] = both[1][c];
            }
        }
    }
}

/* Sums of POSITIONS target positions, each of which sees pairs from seen[i] on. */
static void multiply(const snn_field *field, const snn_window *taps, const int16_t *const seen[POSITIONS],
                     const int16_t *weights, int32_t sums[POSITIONS][LANES])
{
    const int64_t row_step = (int64_t)taps->dilation[0] * field->columns * SLAB;
    const int64_t pair_step = (int64_t)2 * taps->dilation[1] * SLAB;
    const int32_t pairs = (taps->kernel[1] + 1) / 2;
    vector total[POSITIONS][VECTORS];
    memset(total, 0, sizeof total);
    for (int32_t i = 0; i < taps->kernel[0]; i++) {
        for (int32_t j = 0; j < pairs; j++, weights += SLAB) {
            const int64_t offset = i * row_step + j * pair_step;
            for (int v = 0; v < VECTORS; v++) {
                const vector weight = load_pairs(weights + v * 2 * WIDTH);
                for (int p = 0; p < POSITIONS; p++) {
                    total[p][v] = add_products(total[p][v], load_pairs(seen[p] + offset + v * 2 * WIDTH), weight);
                }
            }
        }
    }
    for (int p = 0; p < POSITIONS; p++) {
        for (int v = 0; v < VECTORS; v++) {
            store_sums(&sums[p][v * WIDTH], total[p][v]);
        }
    }
}

static void add_sums(const int32_t *restrict sums, int32_t channels, int32_t *restrict accumulator)
{
    if (channels >= LANES) {
        for (int c = 0; c < LANES; c++) {
            accumulator[c] += sums[c];
        }
        return;
    }
    for (int32_t c = 0; c < channels; c++) {
        accumulator[c] += sums[c];
    }
}

/* One step of a slab of up to 32 channels into `accumulator` [position][owned]. */
static void project_slab(const snn_operator *op, const snn_field *field, const int16_t *pairs, const int16_t *weights,
                         const snn_tile *tile, int32_t channels, int32_t *accumulator)
{
    const int64_t owned = tile->channel_end - tile->channel_begin, width = op->target.width;
    for (int64_t position = tile->position_begin; position < tile->position_end;) {
        const int64_t column = position % width, row = position / width - field->target_row;
        int64_t used = tile->position_end - position;
        used = used < width - column ? used : width - column; /* one row of targets at a time */
        used = used < POSITIONS ? used : POSITIONS;
        const int16_t *seen[POSITIONS];
        for (int64_t p = 0; p < POSITIONS; p++) { /* the last position is repeated, its sums not used */
            const int64_t seen_column = (column + (p < used ? p : used - 1) - field->target_column);
            seen[p] = pairs + (row * field->row_stride * field->columns + seen_column * field->column_stride) * SLAB;
        }
        int32_t sums[POSITIONS][LANES];
        multiply(field, &op->window, seen, weights, sums);
        for (int64_t p = 0; p < used; p++, accumulator += owned) {
            add_sums(sums[p], channels, accumulator);
        }
        position += used;
    }
}

void snn_depthwise_project(const snn_packed *packed, const snn_source *source, const snn_tile *tile)
{
    const snn_operator *op = &packed->projection->op;
    const int64_t step_sums = (tile->position_end - tile->position_begin) * (tile->channel_end - tile->channel_begin);
    const int32_t rows = packed->row_end - packed->row_begin;
    const int64_t offset = op->target_channel + packed->row_begin - tile->channel_begin;
    const snn_field field = snn_field_of_tile(op, tile->position_begin, tile->position_end, 0, 1);
    int16_t *pairs = tile->scratch;
    for (int32_t step = 0; step < tile->steps; step++) {
        const int16_t *weights = packed->data;
        for (int32_t first = 0; first < rows; first += LANES, weights += slab_weights(op)) {
            const int32_t channel = op->source_channel + packed->row_begin + first;
            if (source->codes != NULL) {
                const int32_t channels = rows - first < LANES ? rows - first : LANES;
                expand_codes(&field, op, source, step, channel, channels, pairs);
            } else {
                expand(&field, op, snn_spikes_plane(source->spikes, step, source->image), source->spikes->row_bytes,
                       channel, pairs);
            }
            project_slab(op, &field, pairs, weights, tile, rows - first,
                         (int32_t *)tile->accumulator + step * step_sums + offset + first);
        }
    }
}
