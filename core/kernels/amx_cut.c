/* One cut of the depth of a block of target channels: tiles multiply a strip while the neurons of the one before fire.
 */
#include "core/kernels/amx_steps.h"
#include "core/kernels/amx_strips.h"

#define STEP_UNIT 256U

/* The neurons of a strip whose sums are complete: two positions of one vector of neurons after the other. */
typedef struct firing {
    const snn_amx_working *w;
    const snn_tile *tile;
    snn_amx_block *b;
    const snn_amx_strip *s;
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
SNN_AMX_INLINE void begin_firing(firing *f, snn_amx_stepper *at, int32_t number, const snn_amx_strip *next,
                                 snn_amx_case is)
{
    fire_steps(f, at, INT32_MAX, is);
    f->s = &f->w->strips[number];
    f->sums[0] = snn_amx_strip_sums(f->w, number, f->tile->steps);
    f->sums[1] = f->sums[0] + (int64_t)(f->s->tile_end - f->s->tile_begin) * SNN_AMX_TILE_ELEMENTS;
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

static sums_place place_of(const snn_amx_working *w, const snn_amx_tile_pair *pair, int32_t steps)
{
    const snn_amx_strip *s = &w->strips[pair->strip];
    int32_t *first = snn_amx_strip_sums(w, pair->strip, steps) + (int64_t)pair->tile * SNN_AMX_TILE_ELEMENTS;
    return (sums_place){first, first + (s->tile_end - s->tile_begin) * SNN_AMX_TILE_ELEMENTS, pair->single};
}

/* Stores one register of the sums of the pair before (none: NULL), and begins those of this pair. Registers must be
 * named when this is compiled. */
#define TURN_OVER(REGISTER, TILE, BEHIND, before, place, again)                                                        \
    do {                                                                                                               \
        if ((before)->first != NULL && !((BEHIND) && (before)->single)) {                                              \
            _tile_stored(REGISTER, (before)->TILE + ((BEHIND) ? SNN_AMX_TILE_ELEMENTS : 0), SNN_AMX_ROW_BYTES);        \
        }                                                                                                              \
        if (again) {                                                                                                   \
            _tile_loadd(REGISTER, (place)->TILE + ((BEHIND) && !(place)->single ? SNN_AMX_TILE_ELEMENTS : 0),          \
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
SNN_AMX_INLINE void run_cut(const snn_amx_working *w, const snn_tile *tile, snn_amx_block *b, snn_amx_case is)
{
    firing f = {.w = w, .tile = tile, .b = b};
    snn_amx_stepper at = {.step = NULL};
    sums_place before = {.first = NULL};
    const int32_t limbs = is.simple ? (is.two_limbs ? 2 : 1) : b->limbs;
    const snn_amx_tile_pair *pair = w->pairs, *const end = w->pairs + w->pair_count;
    snn_amx_load_slice(w->field + pair->first + b->offsets[0], w->field + pair->second + b->offsets[0], b->weights);
    for (; pair < end; pair++) {
        const sums_place place = place_of(w, pair, tile->steps);
        for (int64_t slice = 0; slice < b->slices; slice++) {
            const bool more = slice + 1 < b->slices, turn = slice == 0;
            const snn_amx_tile_pair *of_next = more || pair + 1 == end ? pair : pair + 1;
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
        _tile_stored(2, before.first + SNN_AMX_TILE_ELEMENTS, SNN_AMX_ROW_BYTES);
        _tile_stored(3, before.second + SNN_AMX_TILE_ELEMENTS, SNN_AMX_ROW_BYTES);
    }
    if (b->last) {
        begin_firing(&f, &at, end[-1].strip, &w->strips[end[-1].strip], is);
        fire_steps(&f, &at, INT32_MAX, is);
    }
}

static void run_general(const snn_amx_working *w, const snn_tile *tile, snn_amx_block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = false});
}

static void run_limbs(const snn_amx_working *w, const snn_tile *tile, snn_amx_block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = true, .two_limbs = true});
}

static void run_limbs_added(const snn_amx_working *w, const snn_tile *tile, snn_amx_block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = true, .two_limbs = true, .added = true});
}

static void run_limbs_others(const snn_amx_working *w, const snn_tile *tile, snn_amx_block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = true, .two_limbs = true, .others = true});
}

static void run_bytes(const snn_amx_working *w, const snn_tile *tile, snn_amx_block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = true});
}

static void run_bytes_added(const snn_amx_working *w, const snn_tile *tile, snn_amx_block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = true, .added = true});
}

static void run_bytes_others(const snn_amx_working *w, const snn_tile *tile, snn_amx_block *b)
{
    run_cut(w, tile, b, (snn_amx_case){.simple = true, .others = true});
}

/* The copy of run_cut for a block. */
static void (*run_of(const snn_amx_block *b))(const snn_amx_working *, const snn_tile *, snn_amx_block *)
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

void snn_amx_run_cut(const snn_amx_working *w, const snn_tile *tile, snn_amx_block *b)
{
    run_of(b)(w, tile, b);
}
