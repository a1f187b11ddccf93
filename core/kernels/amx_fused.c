/* Products of tiles with the neuron update as their epilogue.
 *
 * For a block of target channels the row tiles are multiplied two by two. Sums go to a small buffer and from there into
 * the neurons, a *strip* of row tiles at a time: as few as hold whole positions. While the neurons of a strip are at
 * work, the tiles multiply the next one. */
#include "core/kernels/amx_fused.h"
#include "core/kernels/amx.h"
#include "core/kernels/amx_multiply.h"
#include "core/kernels/amx_steps.h"
#include "core/kernels/portable.h"

enum {
    STRIP_TILES = 16, /* row tiles that a strip is closed at, as soon as it ends with a position */
    TILE_ELEMENTS = SNN_AMX_ROWS * SNN_AMX_TARGETS
};

#define STEP_UNIT 256U

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
    void *expanding;
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

/* The neurons of a strip whose sums are complete: two positions of one vector of neurons after the other. */
typedef struct firing {
    const working *w;
    const snn_tile *tile;
    block *b;
    const strip *s;
    const int32_t *sums[SNN_AMX_PAIR];
    int32_t position, lane; /* of the neurons at work */
    bool busy;
    uint32_t rate, due;  /* steps to run behind an instruction of the tiles, in units of 1 / STEP_UNIT, and by now */
    snn_amx_units units; /* the neurons at work, unless they are a simple case */
} firing;

static const int32_t *sums_of(const firing *f, int tile, int32_t position)
{
    return f->sums[tile] + (int64_t)f->w->rows[position] * SNN_AMX_TARGETS;
}

static void begin_units(firing *f)
{
    const int32_t left = f->s->position_end - f->position;
    snn_amx_units *units = &f->units;
    units->count = left < SNN_AMX_UNITS ? left : SNN_AMX_UNITS;
    units->two_limbs = f->b->limbs == 2;
    for (int32_t u = 0; u < units->count; u++) {
        units->position[u] = f->tile->position_begin + f->position + u;
        units->high[u] = sums_of(f, 0, f->position + u);
        units->low[u] = sums_of(f, units->two_limbs ? 1 : f->lane, f->position + u);
    }
    snn_amx_units_begin(units, &f->b->lanes[f->lane]);
}

static inline void go_on(firing *f)
{
    f->lane = f->lane + 1 < f->b->lane_count ? f->lane + 1 : 0;
    f->position += f->lane == 0 ? SNN_AMX_UNITS : 0;
    f->busy = f->position < f->s->position_end;
}

/* A last position that is alone. */
static void fire_alone(firing *f)
{
    begin_units(f);
    snn_amx_units_run(&f->units, INT32_MAX);
    snn_amx_units_end(&f->units);
    go_on(f);
}

SNN_AMX_INLINE snn_amx_lanes *lanes_of(const firing *f, snn_amx_case is)
{
    return &f->b->lanes[is.two_limbs ? 0 : f->lane];
}

SNN_AMX_INLINE void begin_positions(firing *f, snn_amx_stepper *at, snn_amx_case is)
{
    while (is.simple && f->busy && f->position + 1 == f->s->position_end) {
        fire_alone(f);
    }
    if (!f->busy) {
        return;
    }
    if (!is.simple) {
        begin_units(f);
        return;
    }
    const int low = is.two_limbs ? 1 : f->lane;
    snn_amx_stepper_begin(at, lanes_of(f, is), f->position, sums_of(f, low, f->position),
                          sums_of(f, low, f->position + 1), f->sums[0] - f->sums[1], is);
}

SNN_AMX_INLINE void end_positions(firing *f, snn_amx_stepper *at, snn_amx_case is)
{
    if (is.simple) {
        snn_amx_stepper_end(at, lanes_of(f, is), f->position);
    } else {
        snn_amx_units_end(&f->units);
    }
    go_on(f);
    begin_positions(f, at, is);
}

/* Up to `steps` steps. */
SNN_AMX_INLINE void fire_steps(firing *f, snn_amx_stepper *at, int32_t steps, snn_amx_case is)
{
    while (f->busy && steps > 0) {
        if (is.simple) {
            snn_amx_step(at, lanes_of(f, is), is);
            steps--;
        } else {
            const int32_t before = f->units.step;
            snn_amx_units_run(&f->units, steps);
            steps -= f->units.step - before;
        }
        if (is.simple ? at->step == at->end : f->units.step == f->tile->steps) {
            end_positions(f, at, is);
        }
    }
}

/* What is due behind one of the tiles' instructions. Neurons of other kinds than the simple ones fire behind every
 * fourth, for they have x and y to load. */
SNN_AMX_INLINE void fire_due(firing *f, snn_amx_stepper *at, bool fourth, snn_amx_case is)
{
    f->due += f->rate;
    if (is.simple || fourth) {
        const uint32_t steps = f->due / STEP_UNIT;
        f->due %= STEP_UNIT;
        fire_steps(f, at, (int32_t)steps, is);
    }
}

/* Begins with a strip when the one before is done; `next` is the one that the tiles multiply meanwhile. */
SNN_AMX_INLINE void begin_firing(firing *f, snn_amx_stepper *at, int32_t number, const strip *next, snn_amx_case is)
{
    fire_steps(f, at, INT32_MAX, is);
    f->s = &f->w->strips[number];
    f->sums[0] = strip_sums(f->w, number, f->tile->steps);
    f->sums[1] = f->sums[0] + (int64_t)(f->s->tile_end - f->s->tile_begin) * TILE_ELEMENTS;
    f->position = f->s->position_begin;
    f->lane = 0;
    f->busy = true;
    f->due = 0;
    const int64_t pairs = (next->tile_end - next->tile_begin + SNN_AMX_ROW_TILES - 1) / SNN_AMX_ROW_TILES;
    const int64_t instructions = pairs * f->b->slices * SNN_AMX_ROW_TILES * SNN_AMX_PAIR;
    const int64_t units = (f->s->position_end - f->s->position_begin + SNN_AMX_UNITS - 1) / SNN_AMX_UNITS;
    const int64_t steps = units * f->b->lane_count * f->tile->steps;
    f->rate = (uint32_t)((steps * STEP_UNIT + instructions - 1) / instructions);
    begin_positions(f, at, is);
}

/* Where the four tiles of sums of a pair of row tiles go. */
typedef struct sums_place {
    int32_t *first, *second; /* of each tile of weights; the second row tile's lies behind the first's */
    bool single;
} sums_place;

static sums_place place_of(const working *w, const tile_pair *pair, int32_t steps)
{
    const strip *s = &w->strips[pair->strip];
    int32_t *first = strip_sums(w, pair->strip, steps) + (int64_t)pair->tile * TILE_ELEMENTS;
    return (sums_place){first, first + (s->tile_end - s->tile_begin) * TILE_ELEMENTS, pair->single};
}

/* Stores one register of the sums of the pair before (none: NULL), and begins those of this pair. Registers must be
 * named when this is compiled. */
#define TURN_OVER(REGISTER, TILE, BEHIND, before, place, again)                                                        \
    do {                                                                                                               \
        if ((before)->first != NULL && !((BEHIND) && (before)->single)) {                                              \
            _tile_stored(REGISTER, (before)->TILE + ((BEHIND) ? TILE_ELEMENTS : 0), SNN_AMX_ROW_BYTES);                \
        }                                                                                                              \
        if (again) {                                                                                                   \
            _tile_loadd(REGISTER, (place)->TILE + ((BEHIND) && !(place)->single ? TILE_ELEMENTS : 0),                  \
                        SNN_AMX_ROW_BYTES);                                                                            \
        } else {                                                                                                       \
            _tile_zero(REGISTER);                                                                                      \
        }                                                                                                              \
    } while (0)

static inline void multiply_low(int32_t limbs, bool second)
{
    if (second && limbs == 2) {
        _tile_dpbsud(3, 5, 7);
    } else if (second) {
        _tile_dpbssd(3, 5, 7);
    } else if (limbs == 2) {
        _tile_dpbsud(1, 4, 7);
    } else {
        _tile_dpbssd(1, 4, 7);
    }
}

/* One cut of a block. Each register is loaded for the next slice as soon as it has been multiplied for the last time,
 * and a pair's sums are stored while the next pair's first slice is multiplied; behind each instruction neurons fire.
 */
SNN_AMX_INLINE void run_cut(const working *w, const snn_tile *tile, block *b, snn_amx_case is)
{
    firing f = {.w = w, .tile = tile, .b = b};
    snn_amx_stepper at = {.step = NULL};
    sums_place before = {.first = NULL};
    const int32_t limbs = is.simple ? (is.two_limbs ? 2 : 1) : b->limbs;
    const tile_pair *pair = w->pairs, *const end = w->pairs + w->pair_count;
    snn_amx_load_slice(w->field + pair->first + b->offsets[0], w->field + pair->second + b->offsets[0], b->weights);
    for (; pair < end; pair++) {
        const sums_place place = place_of(w, pair, tile->steps);
        for (int64_t slice = 0; slice < b->slices; slice++) {
            const bool more = slice + 1 < b->slices, turn = slice == 0;
            const tile_pair *of_next = more || pair + 1 == end ? pair : pair + 1;
            const int64_t next = more ? slice + 1 : 0;
            const uint8_t *weights = b->weights + next * SNN_AMX_PAIR_BYTES;
            const uint8_t *values = w->field + b->offsets[next];
            if (turn) {
                TURN_OVER(0, first, false, &before, &place, !b->first);
            }
            _tile_dpbssd(0, 4, 6);
            fire_due(&f, &at, false, is);
            if (turn) {
                TURN_OVER(2, first, true, &before, &place, !b->first);
            }
            _tile_dpbssd(2, 5, 6);
            _tile_loadd(6, weights, SNN_AMX_ROW_BYTES);
            fire_due(&f, &at, false, is);
            if (turn) {
                TURN_OVER(1, second, false, &before, &place, !b->first);
            }
            multiply_low(limbs, false);
            _tile_stream_loadd(4, values + of_next->first, SNN_AMX_ROW_BYTES);
            fire_due(&f, &at, false, is);
            if (turn) {
                TURN_OVER(3, second, true, &before, &place, !b->first);
            }
            multiply_low(limbs, true);
            _tile_loadd(7, weights + SNN_AMX_TILE_BYTES, SNN_AMX_ROW_BYTES);
            _tile_stream_loadd(5, values + of_next->second, SNN_AMX_ROW_BYTES);
            fire_due(&f, &at, true, is);
            if (turn && b->last && pair > w->pairs && pair[-1].last) {
                begin_firing(&f, &at, pair[-1].strip, &w->strips[pair->strip], is);
            }
        }
        before = place;
    }
    _tile_stored(0, before.first, SNN_AMX_ROW_BYTES);
    _tile_stored(1, before.second, SNN_AMX_ROW_BYTES);
    if (!before.single) {
        _tile_stored(2, before.first + TILE_ELEMENTS, SNN_AMX_ROW_BYTES);
        _tile_stored(3, before.second + TILE_ELEMENTS, SNN_AMX_ROW_BYTES);
    }
    if (b->last) {
        begin_firing(&f, &at, end[-1].strip, &w->strips[end[-1].strip], is);
        fire_steps(&f, &at, INT32_MAX, is);
    }
}

static void run_general(const working *w, const snn_tile *tile, block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = false});
}

static void run_limbs(const working *w, const snn_tile *tile, block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = true, .two_limbs = true});
}

static void run_limbs_added(const working *w, const snn_tile *tile, block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = true, .two_limbs = true, .added = true});
}

static void run_limbs_others(const working *w, const snn_tile *tile, block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = true, .two_limbs = true, .others = true});
}

static void run_bytes(const working *w, const snn_tile *tile, block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = true});
}

static void run_bytes_added(const working *w, const snn_tile *tile, block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = true, .added = true});
}

static void run_bytes_others(const working *w, const snn_tile *tile, block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = true, .others = true});
}

/* The copy of run_cut for a block. */
static void (*run_of(const block *b))(const working *, const snn_tile *, block *)
{
    const snn_amx_lanes *last = &b->lanes[b->lane_count - 1];
    const bool added = last->added != NULL, others = last->tile->accumulator != NULL;
    if (!last->simple || (added && others)) {
        return run_general;
    }
    if (b->limbs == 2) {
        return added ? run_limbs_added : others ? run_limbs_others : run_limbs;
    }
    return added ? run_bytes_added : others ? run_bytes_others : run_bytes;
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
        run_of (&b)(w, tile, &b);
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
