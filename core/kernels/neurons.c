/* The neuron step of unary kinds.
 *
 * A vector holds neighbouring channels of one position; several positions are run side by side over the block's steps,
 * with x and y in registers: each step of a neuron waits for the one before it, so that one position alone would leave
 * most of the processor idle. */
#include "core/kernels/strips.h"

enum {
    UNITS = SNN_LANES / SNN_VECTOR, /* positions side by side: as many as the functions' loops take at once */
    STEPS = 16,                     /* of a block that are run at once */
    FLUSH_POSITIONS = 48            /* errors of so many fit 32 bits */
};

/* Up to SNN_VECTOR channels of a tile over up to STEPS steps. */
typedef struct strip {
    const snn_neurons *neurons;
    const snn_tile *tile;
    const snn_tile_counts *counts;
    int32_t first, count; /* channels, from the first owned one on */
    int32_t step, steps;  /* from the tile's first step on */
    bool strict;
    bool limits; /* are all that f does to x */
    bool whole;  /* all lanes are used, their bits are whole bytes (of so many), and nothing but sums comes in */
    float least, most;
    snn_vector_mask mask;
    snn_vector step_size, inverse_scale;
    snn_vector_int spikes; /* of the channels */
    int32_t unflushed;     /* positions */
    _Alignas(SNN_ALIGNMENT) float eta_step[STEPS][SNN_VECTOR];
    int32_t errors[STEPS][SNN_VECTOR]; /* unsigned */
} strip;

/* Positions of the image that are run side by side: `count` neighbours, the last repeated where that is fewer. */
typedef struct units {
    int32_t count;
    const int32_t *sums[UNITS]; /* at the first step */
    float *x[UNITS], *y[UNITS];
    const float *graded[UNITS];
    uint8_t *bits[UNITS]; /* row of the first step */
    uint32_t before[UNITS];
    bool tracked[UNITS], any_tracked; /* errors are wanted */
} units;

static void begin(strip *s, int32_t step)
{
    const int32_t left = s->tile->steps - step;
    s->step = step;
    s->steps = left < STEPS ? left : STEPS;
    s->unflushed = 0;
    memset(s->errors, 0, sizeof s->errors);
    for (int32_t i = 0; i < s->steps; i++) {
        const snn_vector eta = snn_vector_all(s->neurons->eta[step + i]);
        snn_vector_store_whole(s->eta_step[i], eta * s->step_size);
    }
}

/* Moves the errors to the counts of steps, if they are wanted. */
static void flush(strip *s)
{
    for (int32_t i = 0; s->counts->error != NULL && i < s->steps; i++) {
        int64_t sum = 0;
        for (int lane = 0; lane < SNN_VECTOR; lane++) {
            sum += (uint32_t)s->errors[i][lane];
        }
        s->counts->error[s->step + i] += sum;
    }
    memset(s->errors, 0, sizeof s->errors);
    s->unflushed = 0;
}

static void find_units(const strip *s, int64_t position, units *u)
{
    const snn_neurons *neurons = s->neurons;
    const snn_tile *tile = s->tile;
    const int64_t owned = snn_lanes_owned(neurons), positions = tile->position_end - tile->position_begin;
    const int64_t left = tile->position_end - position, bit = neurons->channel_begin + s->first;
    const uint8_t *previous =
        s->step == 0 ? neurons->previous : snn_spikes_plane(&neurons->spikes, s->step - 1, tile->image);
    uint8_t *plane = snn_spikes_plane(&neurons->spikes, s->step, tile->image);
    u->count = left < UNITS ? (int32_t)left : UNITS;
    u->any_tracked = false;
    for (int32_t i = 0; i < UNITS; i++) {
        const int64_t at = position + (i < u->count ? i : u->count - 1), state = at * owned + s->first;
        const int64_t row = at * neurons->spikes.row_bytes;
        u->sums[i] =
            (const int32_t *)tile->accumulator + (s->step * positions + at - tile->position_begin) * owned + s->first;
        u->tracked[i] = i < u->count && snn_lanes_are_tracked(neurons, s->counts, at);
        u->any_tracked = u->any_tracked || u->tracked[i];
        u->x[i] = neurons->x + state;
        u->y[i] = neurons->y + state;
        u->graded[i] = neurons->graded == NULL ? NULL : neurons->graded + state;
        u->bits[i] = plane + row;
        u->before[i] = neurons->first && s->step == 0 ? 0 : snn_lanes_load_bits(previous + row, bit, s->count);
    }
}

static inline snn_vector integrate(const strip *s, const units *u, int i, int32_t step, int64_t stride, snn_vector x,
                                   const bool whole)
{
    const int32_t *from = u->sums[i] + step * stride;
    const snn_vector sum = !whole && s->neurons->real ? snn_vector_load((const float *)from, s->mask)
                                                      : snn_vector_of_sums(from, s->mask, whole);
    x = x - snn_vector_load_whole(s->eta_step[step]) * sum;
    if (!whole && s->neurons->graded != NULL) {
        const snn_vector increment = snn_vector_all(s->neurons->increments[s->step + step]);
        x = x + increment * snn_vector_load(u->graded[i], s->mask);
    }
    return x;
}

/* All steps of the strip at up to UNITS positions. limits: that is all that f does. whole: as in the strip, and all
 * UNITS positions are used. tracked: errors of some are wanted. Units come by value: compilers cannot know of what has
 * an address that no bits are stored there. */
static inline __attribute__((always_inline)) void run(strip *s, units u, const bool limits, const bool whole,
                                                      const bool tracked)
{
    const int64_t stride = (s->tile->position_end - s->tile->position_begin) * (int64_t)snn_lanes_owned(s->neurons);
    const int64_t step_bytes = snn_spikes_plane_bytes(&s->neurons->spikes) * s->neurons->spikes.images;
    const int64_t bit = s->neurons->channel_begin + s->first;
    const bool at_start = s->neurons->first && s->step == 0, strict = s->strict;
    const snn_vector_mask mask = whole ? snn_vector_first(SNN_VECTOR) : s->mask;
    const snn_vector unit = snn_vector_all(SNN_ERROR_UNIT), inverse_scale = s->inverse_scale;
    const snn_vector least = snn_vector_all(s->least), most = snn_vector_all(s->most);
    snn_vector x[UNITS], y[UNITS];
    snn_vector_int spikes = s->spikes;
#pragma GCC unroll 8
    for (int i = 0; i < UNITS; i++) {
        x[i] = snn_vector_of(u.x[i], mask, whole);
        y[i] = snn_vector_of(u.y[i], mask, whole);
    }
    for (int32_t step = 0; step < s->steps; step++) {
        const snn_vector eta = snn_vector_all(s->neurons->eta[s->step + step]);
        _Alignas(SNN_ALIGNMENT) float values[SNN_LANES];
        snn_vector_int errors = tracked ? snn_vector_load_int(s->errors[step]) : (snn_vector_int){0};
        int32_t fired_count = 0, flips = 0;
#pragma GCC unroll 8
        for (int i = 0; i < UNITS; i++) {
            x[i] = integrate(s, &u, i, step, stride, x[i], whole);
            if (!limits) {
                snn_vector_store_whole(values + i * SNN_VECTOR, x[i]);
            }
        }
        if (!limits) {
            snn_portable_apply(s->neurons, values, SNN_LANES);
        }
#pragma GCC unroll 8
        for (int i = 0; i < UNITS; i++) {
            if (whole || i < u.count) {
                const snn_vector value = limits ? snn_vector_smaller(most, snn_vector_larger(least, x[i]))
                                                : snn_vector_of(values + i * SNN_VECTOR, mask, whole);
                const snn_vector target = value * inverse_scale;
                const snn_vector_mask fired = snn_vector_reaches(mask, target, y[i], strict);
                const uint32_t bits = snn_vector_bits(fired);
                y[i] = snn_vector_move(y[i], eta, fired);
                spikes = snn_vector_count(spikes, fired);
                if (tracked && u.tracked[i]) {
                    errors = snn_vector_add_rounded(errors, snn_vector_error(y[i], target, unit), mask);
                }
                if (whole && SNN_VECTOR % 8 == 0) {
                    memcpy(u.bits[i] + bit / 8, &bits, SNN_VECTOR / 8);
                } else {
                    snn_lanes_store_bits(u.bits[i], bit, s->count, bits);
                }
                u.bits[i] += step_bytes;
                fired_count += __builtin_popcount(bits);
                flips += __builtin_popcount(bits ^ (at_start && step == 0 ? bits : u.before[i]));
                u.before[i] = bits;
            }
        }
        if (tracked) {
            snn_vector_store_int(s->errors[step], errors);
        }
        s->counts->spikes[s->step + step] += fired_count;
        s->counts->flips[s->step + step] += flips;
    }
#pragma GCC unroll 8
    for (int i = 0; i < UNITS; i++) {
        if (whole || i < u.count) {
            snn_vector_give(u.x[i], x[i], mask, whole);
            snn_vector_give(u.y[i], y[i], mask, whole);
        }
    }
    s->spikes = spikes;
}

static void run_units(strip *s, const units *u)
{
    const bool whole = s->whole && u->count == UNITS;
    if (s->limits && whole && u->any_tracked) {
        run(s, *u, true, true, true);
    } else if (s->limits && whole) { /* what most neurons are, with all in registers */
        run(s, *u, true, true, false);
    } else if (s->limits) {
        run(s, *u, true, false, u->any_tracked);
    } else if (whole) {
        run(s, *u, false, true, u->any_tracked);
    } else {
        run(s, *u, false, false, u->any_tracked);
    }
}

static void fire_strip(strip *s)
{
    s->spikes = (snn_vector_int){0};
    for (int32_t step = 0; step < s->tile->steps; step += STEPS) {
        begin(s, step);
        for (int64_t position = s->tile->position_begin; position < s->tile->position_end; position += UNITS) {
            units u;
            find_units(s, position, &u);
            run_units(s, &u);
            s->unflushed += UNITS;
            if (s->unflushed > FLUSH_POSITIONS - UNITS) {
                flush(s);
            }
        }
        flush(s);
    }
    int32_t spikes[SNN_VECTOR];
    snn_vector_store_int(spikes, s->spikes);
    for (int32_t i = 0; i < s->count; i++) {
        s->counts->channel_spikes[s->first + i] += spikes[i];
    }
}

void snn_vectors_fire(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts)
{
    const int32_t owned = snn_lanes_owned(neurons);
    for (int32_t first = 0; first < owned; first += SNN_VECTOR) {
        strip s = {.neurons = neurons, .tile = tile, .counts = counts, .first = first};
        s.count = owned - first < SNN_VECTOR ? owned - first : SNN_VECTOR;
        s.strict = snn_neuron_is_strict(neurons->kind);
        s.limits = snn_limits_of(neurons, &s.least, &s.most);
        s.whole = s.count == SNN_VECTOR && (SNN_VECTOR < 8 || (neurons->channel_begin + first) % 8 == 0) &&
                  !neurons->real && neurons->graded == NULL;
        s.mask = snn_vector_first(s.count);
        s.step_size = snn_vector_load(neurons->step + first, s.mask);
        s.inverse_scale = snn_vector_load(neurons->inverse_scale + first, s.mask);
        fire_strip(&s);
    }
}
