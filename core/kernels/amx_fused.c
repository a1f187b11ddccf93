/* Products of tiles with the neuron update as their epilogue.
 *
 * For a block of target channels the row tiles are multiplied two by two. Sums go to a small buffer and from there into
 * the neurons, a *strip* of row tiles at a time: as few as hold whole positions. While the neurons of a strip are at
 * work, the tiles multiply the next one. */
#include "core/kernels/amx_fused.h"
#include "core/kernels/amx.h"
#include "core/kernels/amx_multiply.h"
#include "core/kernels/amx_neurons.h"
#include "core/kernels/portable.h"

enum {
    STEPS_MIN = 4,    /* that are run together: x and y are loaded for them, and stored */
    STRIP_TILES = 16, /* row tiles that a strip is closed at, as soon as it ends with a position */
    TILE_ELEMENTS = SNN_AMX_ROWS * SNN_AMX_TARGETS
};

/* Row tiles that begin and end with positions. */
typedef struct strip {
    int32_t tile_begin, tile_end;
    int32_t position_begin, position_end; /* in the tile of the kernel interface */
} strip;

/* Two row tiles of a strip, or one, that are multiplied side by side. */
typedef struct tile_pair {
    int64_t first, second; /* in bytes of the field; the same if there is only one */
    int32_t strip, tile;   /* number of the first, within the strip */
    bool single, last;     /* of the strip */
} tile_pair;

/* The thread's scratch, cut up. */
typedef struct working {
    snn_amx_piece *pieces;
    int64_t *offsets;
    snn_amx_row_tile *row_tiles;
    strip *strips;
    tile_pair *pairs;
    int32_t *rows; /* [positions]: where a position's sums begin, in rows of its strip */
    void *lanes[SNN_AMX_PAIR];
    uint8_t *bits;
    int32_t *sums; /* per strip [tile of the pair][row][target] */
    uint8_t *field;
    int64_t row_tile_count, pair_count;
    int64_t cuts; /* of the depth */
    int64_t bytes;
} working;

/* More row tiles than any strip has: from where a strip might end to where it does, positions end at the latest after
 * `steps` row tiles. Grows with the steps, so that what suits a block suits the shorter one at the end. */
static int64_t strip_largest(int32_t steps)
{
    return STRIP_TILES + (int64_t)steps;
}

static int64_t cuts_of(const snn_amx_view *view, int64_t row_tiles)
{
    return row_tiles <= SNN_AMX_ROW_TILES ? 1 : (view->slices + SNN_AMX_SLICES_MAX - 1) / SNN_AMX_SLICES_MAX;
}

static working working_of(const snn_amx_view *view, int64_t positions, int32_t steps, int32_t channels, void *scratch)
{
    working w = {.row_tile_count = snn_amx_row_tiles_largest(view, positions, steps)};
    int64_t bytes = 0;
    w.pieces = snn_amx_take(scratch, &bytes, snn_amx_pieces_largest(view) * (int64_t)sizeof *w.pieces);
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
    int64_t sums = SNN_AMX_PAIR * strip_largest(steps);
    sums = w.cuts > 1 && w.row_tile_count > sums ? w.row_tile_count : sums;
    w.sums = snn_amx_take(scratch, &bytes, sums * SNN_AMX_PAIR * TILE_ELEMENTS * (int64_t)sizeof *w.sums);
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
static int32_t strip_end(const working *w, int32_t begin)
{
    for (int32_t end = begin + 1; end < w->row_tile_count; end++) {
        const int32_t tiles = end - begin;
        const int64_t whole = w->row_tiles[end].position - w->row_tiles[begin].position;
        const bool paired = tiles % SNN_AMX_ROW_TILES == 0 && whole >= SNN_AMX_UNITS;
        if (w->row_tiles[end].step == 0 && (paired || tiles >= STRIP_TILES)) {
            return end;
        }
    }
    return (int32_t)w->row_tile_count;
}

/* Rows of the strip's sums where its positions begin. */
static void place_positions(const working *w, const strip *s, int32_t steps)
{
    for (int32_t t = s->tile_begin; t < s->tile_end; t++) {
        const snn_amx_row_tile *tile = &w->row_tiles[t];
        int64_t position = tile->position + (tile->step > 0);
        for (int32_t row = tile->step > 0 ? steps - tile->step : 0; row < tile->rows; row += steps) {
            w->rows[position++] = (t - s->tile_begin) * SNN_AMX_ROWS + row;
        }
    }
}

static void cut_pairs(working *w, const strip *s, int32_t number)
{
    for (int32_t t = s->tile_begin; t < s->tile_end; t += SNN_AMX_ROW_TILES) {
        const bool single = t + 1 == s->tile_end;
        w->pairs[w->pair_count++] = (tile_pair){.first = w->row_tiles[t].field,
                                                .second = w->row_tiles[single ? t : t + 1].field,
                                                .strip = number,
                                                .tile = t - s->tile_begin,
                                                .single = single,
                                                .last = t + SNN_AMX_ROW_TILES >= s->tile_end};
    }
}

static void cut_strips(working *w, int64_t positions, int32_t steps)
{
    w->pair_count = 0;
    for (int32_t begin = 0, number = 0; begin < w->row_tile_count; number++) {
        strip *s = &w->strips[number];
        const int32_t end = strip_end(w, begin);
        const int64_t behind = end < w->row_tile_count ? w->row_tiles[end].position : positions;
        *s = (strip){begin, end, (int32_t)w->row_tiles[begin].position, (int32_t)behind};
        place_positions(w, s, steps);
        cut_pairs(w, s, number);
        begin = end;
    }
}

/* A block of target channels: one or two vectors of neurons. */
typedef struct block {
    const uint8_t *weights; /* of the cut's first slice */
    const int64_t *offsets; /* likewise */
    int64_t slices;         /* of the cut */
    int32_t limbs;
    bool first, last; /* cut */
    int32_t lane_count;
    snn_amx_lanes lanes[SNN_AMX_PAIR];
} block;

/* Sums of a strip of tiles. All strips' are kept where the depth is cut, else those of the last two. */
static int32_t *strip_sums(const working *w, int32_t number, int32_t steps)
{
    const int64_t tile = w->cuts > 1 ? w->strips[number].tile_begin : number % 2 * strip_largest(steps);
    return w->sums + tile * SNN_AMX_PAIR * TILE_ELEMENTS;
}

/* The neurons of a strip whose sums are complete. */
typedef struct firing {
    const working *w;
    const snn_tile *tile;
    block *b;
    const strip *s;
    const int32_t *sums[SNN_AMX_PAIR];
    int32_t position, lane; /* of the units at work */
    bool busy;
    snn_amx_units units;
} firing;

static void begin_units(firing *f)
{
    const int32_t left = f->s->position_end - f->position;
    snn_amx_units *units = &f->units;
    units->count = left < SNN_AMX_UNITS ? left : SNN_AMX_UNITS;
    units->two_limbs = f->b->limbs == 2;
    for (int32_t u = 0; u < units->count; u++) {
        const int64_t row = (int64_t)f->w->rows[f->position + u] * SNN_AMX_TARGETS;
        units->position[u] = f->tile->position_begin + f->position + u;
        units->high[u] = f->sums[0] + row;
        units->low[u] = f->sums[units->two_limbs ? 1 : f->lane] + row;
    }
    snn_amx_units_begin(units, &f->b->lanes[f->lane]);
}

static void begin_firing(firing *f, int32_t number)
{
    f->s = &f->w->strips[number];
    f->sums[0] = strip_sums(f->w, number, f->tile->steps);
    f->sums[1] = f->sums[0] + (int64_t)(f->s->tile_end - f->s->tile_begin) * TILE_ELEMENTS;
    f->position = f->s->position_begin;
    f->lane = 0;
    f->busy = true;
    begin_units(f);
}

/* Up to `steps` steps, each of two positions of one vector of neurons. */
static inline void fire_some(firing *f, int32_t steps)
{
    while (f->busy && steps > 0) {
        const int32_t before = f->units.step;
        snn_amx_units_run(&f->units, steps);
        steps -= f->units.step - before;
        if (f->units.step < f->tile->steps) {
            return;
        }
        snn_amx_units_end(&f->units);
        f->lane = f->lane + 1 < f->b->lane_count ? f->lane + 1 : 0;
        f->position += f->lane == 0 ? SNN_AMX_UNITS : 0;
        f->busy = f->position < f->s->position_end;
        if (f->busy) {
            begin_units(f);
        }
    }
}

/* Steps to run behind each slice of a strip so that the strip before it is done with it. */
static int32_t steps_per_slice(const firing *f, const strip *next, int64_t slices)
{
    const strip *s = f->s;
    const int64_t pairs = (next->tile_end - next->tile_begin + SNN_AMX_ROW_TILES - 1) / SNN_AMX_ROW_TILES;
    const int64_t units = (s->position_end - s->position_begin + SNN_AMX_UNITS - 1) / SNN_AMX_UNITS;
    const int64_t steps = (units * f->b->lane_count * f->tile->steps + pairs * slices - 1) / (pairs * slices);
    return (int32_t)(steps > STEPS_MIN ? steps : STEPS_MIN);
}

static inline void load_sums(const int32_t *first, const int32_t *second, bool single)
{
    _tile_loadd(0, first, SNN_AMX_ROW_BYTES);
    _tile_loadd(1, second, SNN_AMX_ROW_BYTES);
    if (!single) {
        _tile_loadd(2, first + TILE_ELEMENTS, SNN_AMX_ROW_BYTES);
        _tile_loadd(3, second + TILE_ELEMENTS, SNN_AMX_ROW_BYTES);
    }
}

/* In the order in which they are complete. */
static inline void store_sums(int32_t *first, int32_t *second, bool single)
{
    _tile_stored(0, first, SNN_AMX_ROW_BYTES);
    if (!single) {
        _tile_stored(2, first + TILE_ELEMENTS, SNN_AMX_ROW_BYTES);
    }
    _tile_stored(1, second, SNN_AMX_ROW_BYTES);
    if (!single) {
        _tile_stored(3, second + TILE_ELEMENTS, SNN_AMX_ROW_BYTES);
    }
}

/* Adds the product of a pair of row tiles, whose first slice has been loaded; loads the first slice of the pair behind
 * it. Behind each slice neurons fire, while the tiles multiply it and the next one is on its way. */
static void multiply_pair(const working *w, const tile_pair *pair, bool more, const block *b, firing *f, int32_t steps)
{
    const uint8_t *first = w->field + pair->first, *second = w->field + pair->second;
    for (int64_t slice = 1; slice < b->slices; slice++) {
        snn_amx_multiply_slice(b->limbs);
        snn_amx_load_slice(first + b->offsets[slice], second + b->offsets[slice],
                           b->weights + slice * SNN_AMX_PAIR_BYTES);
        if (f->busy) {
            fire_some(f, steps);
        }
    }
    snn_amx_multiply_slice(b->limbs);
    if (more) {
        snn_amx_load_slice(w->field + pair[1].first + b->offsets[0], w->field + pair[1].second + b->offsets[0],
                           b->weights);
    }
    if (f->busy) {
        fire_some(f, pair->last ? INT32_MAX : steps);
    }
}

/* One cut of a block. The next pair's first slice is loaded before sums are stored: they fill 4 KiB, so any read behind
 * them looks like one of what they write, and waits. */
static void run_cut(const working *w, const snn_tile *tile, block *b)
{
    firing f = {.w = w, .tile = tile, .b = b};
    int32_t steps = 0;
    const tile_pair *pair = w->pairs, *const end = w->pairs + w->pair_count;
    snn_amx_load_slice(w->field + pair->first + b->offsets[0], w->field + pair->second + b->offsets[0], b->weights);
    for (; pair < end; pair++) {
        const strip *s = &w->strips[pair->strip];
        int32_t *first = strip_sums(w, pair->strip, tile->steps) + (int64_t)pair->tile * TILE_ELEMENTS;
        int32_t *second = first + (s->tile_end - s->tile_begin) * TILE_ELEMENTS;
        if (b->first) {
            snn_amx_zero_sums();
        } else {
            load_sums(first, second, pair->single);
        }
        if (pair->tile == 0 && f.busy) {
            steps = steps_per_slice(&f, s, b->slices);
        }
        multiply_pair(w, pair, pair + 1 < end, b, &f, steps);
        store_sums(first, second, pair->single);
        if (b->last && pair->last) {
            begin_firing(&f, pair->strip);
        }
    }
    fire_some(&f, INT32_MAX);
}

/* Target channels of the owned one `channel` on, with their weights in `weights`. */
static void run_block(const snn_amx_view *view, const working *w, const uint8_t *weights, int32_t limbs,
                      int32_t channel, int32_t channels, const snn_neurons *neurons, const snn_tile *tile,
                      const snn_tile_counts *counts, const snn_feed *added, const snn_amx_bits *bits)
{
    block b = {.limbs = limbs, .lane_count = limbs == 2 || channels <= SNN_AMX_TARGETS ? 1 : SNN_AMX_PAIR};
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
        run_cut(w, tile, &b);
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
    return op->kind == SNN_OPERATOR_DIAGONAL && !op->pooled && !packed->real;
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
    working w = working_of(&view, positions, tile->steps, owned, tile->scratch);
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
                             w.pieces, w.field);
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
