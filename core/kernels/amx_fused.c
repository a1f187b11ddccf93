/* Products of tiles with the neuron update as their epilogue.
 *
 * For a block of target channels the row tiles are multiplied two by two. Sums go to a small buffer and from there into
 * the neurons, a *strip* of row tiles at a time: as few as hold whole positions. While the neurons of a strip are at
 * work, the tiles multiply the next one. */
#include "core/kernels/amx_fused.h"
#include "core/kernels/amx.h"
#include "core/kernels/amx_strips.h"
#include "core/kernels/portable.h"

static int64_t cuts_of(const snn_amx_view *view, int64_t row_tiles)
{
    return row_tiles <= SNN_AMX_ROW_TILES ? 1 : (view->slices + SNN_AMX_SLICES_MAX - 1) / SNN_AMX_SLICES_MAX;
}

static snn_amx_working working_of(const snn_amx_view *view, int64_t positions, int32_t steps, int32_t channels,
                                  void *scratch)
{
    snn_amx_working w = {.row_tile_count = snn_amx_row_tiles_largest(view, positions, steps)};
    int64_t bytes = 0;
    w.expanding = snn_amx_take(scratch, &bytes, snn_amx_field_working(view));
    w.offsets = snn_amx_take(scratch, &bytes, view->slices * (int64_t)sizeof *w.offsets);
    w.row_tiles = snn_amx_take(scratch, &bytes, w.row_tile_count * (int64_t)sizeof *w.row_tiles);
    w.strips = snn_amx_take(scratch, &bytes, w.row_tile_count * (int64_t)sizeof *w.strips);
    w.pairs = snn_amx_take(scratch, &bytes, w.row_tile_count * (int64_t)sizeof *w.pairs);
    w.rows = snn_amx_take(scratch, &bytes, positions * (int64_t)sizeof *w.rows);
    for (int i = 0; i < SNN_AMX_PAIR; i++) {
        w.lanes[i] = snn_amx_take(scratch, &bytes, snn_amx_lanes_bytes(steps));
    }
    w.bits = snn_amx_take(scratch, &bytes, snn_amx_bits_bytes(positions, steps, channels));
    w.cuts = cuts_of(view, w.row_tile_count);
    /* Tiles with fewer positions than this may have no cuts. */
    int64_t sums = SNN_AMX_PAIR * snn_amx_strip_largest(steps);
    sums = w.cuts > 1 && w.row_tile_count > sums ? w.row_tile_count : sums;
    w.sums = snn_amx_take(scratch, &bytes, sums * SNN_AMX_PAIR * SNN_AMX_TILE_ELEMENTS * (int64_t)sizeof *w.sums);
    w.field = snn_amx_take(scratch, &bytes, snn_amx_field_aligned(view, positions, steps));
    w.bytes = bytes;
    return w;
}

/* A dense operator sees its images side by side, as positions of one row. */
static snn_amx_view view_of(const snn_packed *packed, int64_t images)
{
    snn_amx_view view = snn_amx_view_of(packed);
    if (packed->projection->op.kind == SNN_OPERATOR_DENSE && images > 1) {
        view.source_width = view.width = view.target_width = (int32_t)images;
    }
    return view;
}

bool snn_amx_gathers(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    return op->kind == SNN_OPERATOR_DENSE && !op->pooled && op->source_channels == op->source.channels &&
           op->source_channels % 8 == 0;
}

int64_t snn_amx_fused_scratch_bytes(const snn_packed *packed, const snn_population *population, int64_t positions,
                                    int32_t steps)
{
    if (population->kind == SNN_NEURON_MAXIMUM) {
        return snn_portable_fused_scratch(packed, population, positions, steps);
    }
    const snn_amx_view view = view_of(packed, positions);
    return working_of(&view, positions, steps, packed->row_end - packed->row_begin, NULL).bytes;
}

/* Row tile after which the strip that begins at row tile `begin` ends. */
static int32_t strip_end(const snn_amx_working *w, int32_t begin)
{
    for (int32_t end = begin + 1; end < w->row_tile_count; end++) {
        const int32_t tiles = end - begin;
        const int64_t whole = w->row_tiles[end].position - w->row_tiles[begin].position;
        const bool paired = tiles % SNN_AMX_ROW_TILES == 0 && whole >= SNN_AMX_UNITS;
        if (w->row_tiles[end].step == 0 && (paired || tiles >= SNN_AMX_STRIP_TILES)) {
            return end;
        }
    }
    return (int32_t)w->row_tile_count;
}

/* Rows of the strip's sums where its positions begin. */
static void place_positions(const snn_amx_working *w, const snn_amx_strip *s, int32_t steps)
{
    for (int32_t t = s->tile_begin; t < s->tile_end; t++) {
        const snn_amx_row_tile *tile = &w->row_tiles[t];
        int64_t position = tile->position + (tile->step > 0);
        for (int32_t row = tile->step > 0 ? steps - tile->step : 0; row < tile->rows; row += steps) {
            w->rows[position++] = (t - s->tile_begin) * SNN_AMX_ROWS + row;
        }
    }
}

static void cut_pairs(snn_amx_working *w, const snn_amx_strip *s, int32_t number)
{
    for (int32_t t = s->tile_begin; t < s->tile_end; t += SNN_AMX_ROW_TILES) {
        const bool single = t + 1 == s->tile_end;
        w->pairs[w->pair_count++] = (snn_amx_tile_pair){.first = w->row_tiles[t].field,
                                                        .second = w->row_tiles[single ? t : t + 1].field,
                                                        .strip = number,
                                                        .tile = t - s->tile_begin,
                                                        .single = single,
                                                        .last = t + SNN_AMX_ROW_TILES >= s->tile_end};
    }
}

static void cut_strips(snn_amx_working *w, int64_t positions, int32_t steps)
{
    w->pair_count = 0;
    for (int32_t begin = 0, number = 0; begin < w->row_tile_count; number++) {
        snn_amx_strip *s = &w->strips[number];
        const int32_t end = strip_end(w, begin);
        const int64_t behind = end < w->row_tile_count ? w->row_tiles[end].position : positions;
        *s = (snn_amx_strip){begin, end, (int32_t)w->row_tiles[begin].position, (int32_t)behind};
        place_positions(w, s, steps);
        cut_pairs(w, s, number);
        begin = end;
    }
}

/* Target channels of the owned one `channel` on, with their weights in `weights`. */
static void run_block(const snn_amx_view *view, const snn_amx_working *w, const uint8_t *weights, int32_t limbs,
                      int32_t channel, int32_t channels, const snn_neurons *neurons, const snn_tile *tile,
                      const snn_tile_counts *counts, const snn_feed *added, const snn_amx_bits *bits)
{
    snn_amx_block b = {.limbs = limbs, .lane_count = limbs == 2 || channels <= SNN_AMX_TARGETS ? 1 : SNN_AMX_PAIR};
    for (int32_t i = 0; i < b.lane_count; i++) {
        const int32_t skipped = i * SNN_AMX_TARGETS;
        snn_amx_lanes_begin(&b.lanes[i], neurons, tile, counts, added, bits, channel + skipped, channels - skipped,
                            w->lanes[i]);
    }
    for (int64_t cut = 0; cut < w->cuts; cut++) {
        const int64_t begin = view->slices * cut / w->cuts;
        b.slices = view->slices * (cut + 1) / w->cuts - begin;
        b.weights = weights + begin * SNN_AMX_PAIR_BYTES;
        b.offsets = w->offsets + begin;
        b.first = cut == 0;
        b.last = cut == w->cuts - 1;
        snn_amx_run_cut(w, tile, &b);
    }
    for (int32_t i = 0; i < b.lane_count; i++) {
        snn_amx_lanes_end(&b.lanes[i]);
    }
}

/* Every block of target channels begins a vector's width, or several, behind the first channel. */
static bool blocks_align(const snn_packed *packed)
{
    const snn_amx_view view = snn_amx_view_of(packed);
    return view.group_end - view.group_begin == 1 ||
           (view.group_rows % SNN_AMX_TARGETS == 0 && packed->row_begin % SNN_AMX_TARGETS == 0);
}

bool snn_amx_fuses(const snn_packed *packed, const snn_population *population)
{
    if (population->kind == SNN_NEURON_MAXIMUM) {
        return snn_portable_fuses(packed, population);
    }
    return snn_amx_suits(packed) && blocks_align(packed) && snn_neuron_spikes(population->kind) &&
           !snn_neuron_reads_all_channels(population->kind) && !snn_neuron_reads_all_positions(population->kind);
}

bool snn_amx_adds(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    const snn_window *pool = &op->pool;
    const bool single = !op->pooled || (pool->kernel[0] == 1 && pool->kernel[1] == 1 && pool->pad_begin[0] == 0 &&
                                        pool->pad_begin[1] == 0 && pool->pad_end[0] == 0 && pool->pad_end[1] == 0);
    return op->kind == SNN_OPERATOR_DIAGONAL && single && !packed->real;
}

void snn_amx_project_and_fire(const snn_feed *product, const snn_feed *added, const snn_neurons *neurons,
                              const snn_tile *tile, const snn_tile_counts *counts)
{
    if (neurons->kind == SNN_NEURON_MAXIMUM) {
        snn_portable_project_and_fire(product, added, neurons, tile, counts);
        return;
    }
    const int64_t positions = tile->position_end - tile->position_begin;
    if (positions == 0) {
        return;
    }
    const snn_packed *packed = product->packed;
    const snn_operator *op = &packed->projection->op;
    const snn_amx_view view = view_of(packed, snn_shape_positions(neurons->input));
    const snn_amx_field field = snn_amx_field_of_tile(&view, tile->position_begin, tile->position_end, tile->steps);
    const int32_t owned = neurons->channel_end - neurons->channel_begin;
    snn_amx_working w = working_of(&view, positions, tile->steps, owned, tile->scratch);
    const snn_amx_bits bits = snn_amx_bits_of(w.bits, positions, owned);
    w.row_tile_count = snn_amx_cut_row_tiles(&view, &field, tile, w.row_tiles);
    cut_strips(&w, positions, tile->steps);
    snn_amx_field_offsets(&view, &field, w.offsets);

    const snn_amx_weights *packed_weights = packed->data;
    const uint8_t *weights = packed_weights->tiles;
    const int32_t targets = snn_amx_block_targets(packed_weights->limbs);
    _tile_loadconfig(&snn_amx_registers);
    for (int32_t group = view.group_begin; group < view.group_end; group++) {
        snn_amx_field_expand(&view, &field, &product->source, tile->image, op->source_channel + group * view.channels,
                             w.expanding, w.field);
        __asm__ volatile("" ::: "memory"); /* compilers do not know what tile loads read */
        int32_t begin, end;
        snn_amx_group_rows(&view, packed, group, &begin, &end);
        for (int32_t row = begin; row < end; row += targets) {
            const int32_t channel = op->target_channel + row - neurons->channel_begin;
            run_block(&view, &w, weights, packed_weights->limbs, channel, end - row, neurons, tile, counts, added,
                      &bits);
            weights += view.slices * SNN_AMX_PAIR_BYTES;
        }
    }
    snn_amx_bits_store(&bits, neurons, tile, counts);
    _tile_release(); /* so that the system need not save the registers */
}
