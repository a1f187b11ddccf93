/* Neurons whose spikes are the digits of a number: each step of the window is twice the next one, and all are taken
 * with the same f(x).
 *
 * A step fires if y has not come below f(x), and then goes down by m, or else up: y ends at rest + (2^n - 1) - 2
 * number, and step by step that is the search for how many of rest + 2^n - 2 k, k = 1 ... 2^n - 1, f(x) does not exceed
 * (or, if strict, is less than). Those are integers, which f(x) does not exceed if its ceiling does not. */
#include <math.h>

#include "core/base/integers.h"
#include "core/kernels/strips.h"

enum {
    DIGITS = SNN_BYTE_STEPS,
    BYTES = SNN_DIGIT_BYTES,
    TOGETHER = 4, /* groups that are counted together */
    LEVELS = 5,
    BLOCK = 28, /* groups, as many as levels can count */
    TOTAL_LEVELS = SNN_DIGIT_LEVELS,
    TOTAL_COUNTED = (1 << TOTAL_LEVELS) - 1
};

/* Of each bit of a vector, how often it was set: bit i of the counts is that of level i. */
typedef struct counter {
    snn_vector_bytes level[LEVELS];
} counter;

/* A strip's constants, and where its counts go. Limits are of f(x) in units. */
typedef struct working {
    const snn_neurons *neurons;
    const snn_tile_counts *counts;
    snn_strip *strip;
    snn_digit_counts *totals;
    _Alignas(SNN_ALIGNMENT) float least[SNN_STRIP];  /* that f gives, if it does nothing but limit x */
    float most[SNN_STRIP];                           /* that f gives */
    float low[SNN_STRIP], high[SNN_STRIP];           /* that matter */
    int32_t end[SNN_STRIP];                          /* of all codes, one behind the largest */
    float near_low[SNN_STRIP], near_high[SNN_STRIP]; /* nothing between these is beyond reach */
    uint32_t passes_low, passes_high, passes_always; /* f may give what is not between them, or must */
} working;

/* What loops over groups read and write through, passed by value: compilers cannot know of what they have stored bits
 * to, and would read all that has an address again. */
typedef struct places {
    snn_groups groups;
    int64_t whole;      /* groups, the first ones, whose lanes are neighbours, and all used */
    int64_t bias_apart; /* from one group to the next */
    uint8_t *plane;     /* of the first byte; that of the second one is so many bytes on */
    int64_t apart;
    int32_t steps;
} places;

bool snn_are_digits(const snn_neurons *neurons, int32_t moments)
{
    const int32_t steps = neurons->window_constants.steps;
    float step = 1.0F;
    for (int32_t i = steps - 1; i >= 0; i--, step *= 2.0F) {
        if (neurons->eta[i] != step) {
            return false;
        }
    }
    return moments == 1 && steps <= BYTES * DIGITS;
}

static inline counter no_counts(void)
{
    counter c;
#pragma GCC unroll 5
    for (int l = 0; l < LEVELS; l++) {
        c.level[l] = (snn_vector_bytes){0};
    }
    return c;
}

/* Adds three bits: gives the sum, and what it carries. */
static inline snn_vector_bytes add_three(snn_vector_bytes a, snn_vector_bytes b, snn_vector_bytes c,
                                         snn_vector_bytes *carried)
{
    const snn_vector_bytes one = a ^ b;
    *carried = (a & b) | (one & c);
    return one ^ c;
}

/* Adds what is carried to levels [begin, end). */
static inline __attribute__((always_inline)) void carry_on(snn_vector_bytes *level, const int begin, const int end,
                                                           snn_vector_bytes carried)
{
#pragma GCC unroll 8
    for (int l = begin; l < end; l++) {
        const snn_vector_bytes carry = level[l] & carried;
        level[l] ^= carried;
        carried = carry;
    }
}

/* Counts bits of four groups: levels see only what those before them carry. */
static inline void count(counter *c, const snn_vector_bytes bits[TOGETHER])
{
    snn_vector_bytes first, second, carried;
    c->level[0] = add_three(c->level[0], bits[0], bits[1], &first);
    c->level[0] = add_three(c->level[0], bits[2], bits[3], &second);
    c->level[1] = add_three(c->level[1], first, second, &carried);
    carry_on(c->level, 2, LEVELS, carried);
}

/* How many bits of each byte are set. */
static inline snn_vector_bytes bits_of_bytes(snn_vector_bytes bytes)
{
    bytes -= (bytes >> 1) & 0x55;
    bytes = (bytes & 0x33) + ((bytes >> 2) & 0x33);
    return (bytes + (bytes >> 4)) & 0x0f;
}

/* Adds counts to larger ones. */
static inline void add_to_totals(const counter *c, snn_vector_bytes *restrict total)
{
    snn_vector_bytes carried = {0};
#pragma GCC unroll 5
    for (int l = 0; l < LEVELS; l++) {
        total[l] = add_three(total[l], c->level[l], carried, &carried);
    }
    carry_on(total, LEVELS, TOTAL_LEVELS, carried);
}

static void add_to_steps(snn_vector_bytes *level, int32_t levels, int32_t steps, int64_t *totals)
{
    for (int l = 0; l < levels; l++) {
        snn_vector_bytes bits = level[l];
        bits = snn_vector_moved_up(bits, DIGITS - steps);
        for (int32_t step = 0; step < steps; step++, bits += bits) {
            totals[step] += (int64_t)__builtin_popcountll(snn_vector_highest_bits(bits)) << l;
        }
        level[l] = (snn_vector_bytes){0};
    }
}

void snn_count_digits(const snn_neurons *neurons, const snn_tile_counts *counts, snn_digit_counts *totals)
{
    const int32_t steps = neurons->window_constants.steps;
    int32_t levels = 0;
    if (totals->largest == 0) {
        return;
    }
    while (totals->largest >> levels != 0) {
        levels++;
    }
    for (int32_t byte = 0, first = 0; first < steps; byte++, first += DIGITS) {
        const int32_t digits = snn_spikes_byte_steps(steps, byte);
        add_to_steps(totals->spikes[byte], levels, digits, counts->spikes + first);
        add_to_steps(totals->flips[byte], levels, digits, counts->flips + first);
    }
    totals->largest = 0;
}

static void add_to_channels(const counter *c, snn_strip *strip)
{
    snn_vector_bytes times = bits_of_bytes(c->level[LEVELS - 1]);
    for (int l = LEVELS - 2; l >= 0; l--) {
        times = times + times + bits_of_bytes(c->level[l]); /* at most DIGITS * BLOCK */
    }
    snn_strip_count(strip, times);
}

bool snn_limits_of(const snn_neurons *neurons, float *least, float *most)
{
    const bool clip = neurons->kind == SNN_NEURON_CLIP;
    *least = clip ? neurons->alpha : neurons->kind == SNN_NEURON_RELU ? 0.0F : -INFINITY;
    *most = clip ? neurons->beta : INFINITY;
    return clip || neurons->kind == SNN_NEURON_RELU || neurons->kind == SNN_NEURON_LINEAR;
}

static inline snn_vector within(snn_vector values, snn_vector low, snn_vector high)
{
    return snn_vector_larger(snn_vector_smaller(values, high), low);
}

/* f(x) is cut off where numbers end, so that they need not be. What is no number is as if it were too large. */
static void begin(working *w, bool strict)
{
    const float most = (float)((1 << w->neurons->window_constants.steps) - 1);
    const snn_vector below = snn_vector_all(strict ? -most - 1.0F : 1.0F - most);
    const snn_vector above = snn_vector_all(strict ? most : most + 1.0F), ends = snn_vector_all(most + 1.0F);
    const snn_vector_mask all = snn_vector_first(SNN_VECTOR);
    float least_value, most_value;
    (void)snn_limits_of(w->neurons, &least_value, &most_value);
    w->passes_low = w->passes_high = w->passes_always = 0;
    for (int at = 0; at < SNN_STRIP; at += SNN_VECTOR) {
        const snn_vector rest = snn_vector_load_whole(w->strip->rest + at);
        const snn_vector scale = snn_vector_load_whole(w->strip->inverse_scale + at);
        const snn_vector largest = snn_vector_all(most_value) * scale;
        const snn_vector least = snn_vector_smaller(snn_vector_all(least_value) * scale, largest);
        const snn_vector low = rest + below, high = rest + above;
        const snn_vector reach = snn_vector_all(w->neurons->window_constants.reach + 1.0F);
        const snn_vector near_low = rest - reach, near_high = rest + reach;
        w->passes_low |= snn_vector_bits(snn_vector_reaches(all, least, near_low, true));
        w->passes_high |= snn_vector_bits(snn_vector_reaches(all, near_high, largest, true));
        w->passes_always |= snn_vector_bits(snn_vector_reaches(all, near_high, least, true));
        w->passes_always |= snn_vector_bits(snn_vector_reaches(all, largest, near_low, true));
        snn_vector_store_whole(w->least + at, least);
        snn_vector_store_whole(w->most + at, largest);
        snn_vector_store_whole(w->low + at, within(least, low, high));
        snn_vector_store_whole(w->high + at, within(largest, low, high));
        snn_vector_store_whole(w->near_low + at, near_low);
        snn_vector_store_whole(w->near_high + at, near_high);
        snn_vector_store_int(w->end + at, snn_vector_up(rest + ends));
    }
}

/* x of a group from what is not NULL. */
static inline __attribute__((always_inline)) void find_x(const snn_strip *strip, const int32_t *sums, const float *bias,
                                                         const float *graded, int32_t lanes, const bool full,
                                                         snn_vector *x)
{
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        const int at = v * SNN_VECTOR;
        x[v] = snn_vector_x(strip->step + at, sums == NULL ? NULL : sums + at, bias + at,
                            graded == NULL ? NULL : graded + at, snn_vector_first(lanes - at), full);
    }
}

/* f(x) in units of group i, or of its first `lanes`; full: which are all. Limits are yet to come. */
static inline __attribute__((always_inline)) void find_targets(const working *w, const places *p, int64_t i,
                                                               int32_t lanes, const bool full, snn_vector *targets)
{
    const int64_t offset = i * p->groups.values_apart;
    const snn_strip *strip = w->strip;
    snn_vector all[SNN_STRIP_VECTORS];
    if (p->groups.values == NULL) {
        const int32_t *sums = p->groups.sums;
        const float *bias = p->groups.bias + i * p->bias_apart, *graded = p->groups.graded;
        if (graded == NULL) { /* loops of their own */
            find_x(strip, sums == NULL ? NULL : sums + offset, bias, NULL, lanes, full, all);
        } else if (sums == NULL) {
            find_x(strip, NULL, bias, graded + offset, lanes, full, all);
        } else {
            find_x(strip, sums + offset, bias, graded + offset, lanes, full, all);
        }
    } else {
        const float *values = p->groups.values + offset;
#pragma GCC unroll 4
        for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
            const int at = v * SNN_VECTOR;
            all[v] = snn_vector_of(values + at, snn_vector_first(lanes - at), full);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        const snn_vector scale = snn_vector_load_whole(strip->inverse_scale + v * SNN_VECTOR);
        targets[v] = all[v] * scale;
    }
}

/* Whether there may be targets that are beyond reach: if there are, which is rare. */
static inline __attribute__((always_inline)) bool any_beyond(const working *w, const snn_vector *targets)
{
    const snn_vector_mask all = snn_vector_first(SNN_VECTOR);
    snn_vector_mask far = snn_vector_first(0);
    if (w->passes_low != 0) {
#pragma GCC unroll 4
        for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
            const snn_vector near_low = snn_vector_load_whole(w->near_low + v * SNN_VECTOR);
            far |= snn_vector_reaches(all, targets[v], near_low, true);
        }
    }
    if (w->passes_high != 0) {
#pragma GCC unroll 4
        for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
            const snn_vector near_high = snn_vector_load_whole(w->near_high + v * SNN_VECTOR);
            far |= snn_vector_reaches(all, near_high, targets[v], true);
        }
    }
    return (w->passes_always | snn_vector_bits(far)) != 0;
}

/* Counts targets that are beyond reach. */
static inline __attribute__((always_inline)) void count_beyond(const working *w, const snn_vector *targets)
{
    const snn_vector reach = snn_vector_all(w->neurons->window_constants.reach + 1.0F);
    const snn_vector_mask all = snn_vector_first(SNN_VECTOR);
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        const int at = v * SNN_VECTOR;
        int32_t *counts = w->strip->beyond + at;
        snn_vector target = snn_vector_larger(snn_vector_load_whole(w->least + at), targets[v]);
        target = snn_vector_smaller(snn_vector_load_whole(w->most + at), target);
        const snn_vector far = target - snn_vector_load_whole(w->strip->rest + at);
        const snn_vector_mask beyond = snn_vector_beyond(all, far, reach);
        snn_vector_store_int(counts, snn_vector_count(snn_vector_load_int(counts), beyond));
    }
}

/* The numbers of a group. */
static inline __attribute__((always_inline)) void find_numbers(const working *w, const snn_vector *targets,
                                                               const bool strict, snn_vector_int *numbers)
{
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        const int at = v * SNN_VECTOR;
        snn_vector target = snn_vector_smaller(targets[v], snn_vector_load_whole(w->high + at));
        target = snn_vector_larger(target, snn_vector_load_whole(w->low + at));
        const snn_vector_int least = strict ? snn_vector_down(target) + 1 : snn_vector_up(target);
        numbers[v] = (snn_vector_load_int(w->end + at) - least) >> 1;
    }
}

/* A byte of each number, of which no other bits are left. */
static inline snn_vector_bytes bytes_of(const snn_vector_int *numbers, const int32_t shift, const int32_t mask)
{
    snn_vector_int bytes[SNN_STRIP_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        bytes[v] = (numbers[v] >> shift) & mask;
    }
    return snn_vector_narrowed(bytes);
}

/* Digits of neighbouring groups, as spikes of windows are kept. */
typedef struct block {
    int64_t begin, end; /* groups */
    snn_vector_bytes digits[BYTES][BLOCK];
} block;

static inline __attribute__((always_inline)) void find_digits(const working *w, const places *p,
                                                              const snn_vector *targets, snn_vector_bytes *first,
                                                              snn_vector_bytes *second, const bool strict,
                                                              const bool two)
{
    snn_vector_int numbers[SNN_STRIP_VECTORS];
    if (any_beyond(w, targets)) {
        count_beyond(w, targets);
    }
    find_numbers(w, targets, strict, numbers);
    if (two) {
        const int32_t others = p->steps - DIGITS;
        *first = bytes_of(numbers, others, -1);
        *second = bytes_of(numbers, 0, (1 << others) - 1);
    } else {
        *first = bytes_of(numbers, 0, -1);
    }
}

/* Of a group that may use fewer lanes. */
static __attribute__((noinline)) void find_some(const working *w, const places p, int64_t i, snn_vector_bytes *first,
                                                snn_vector_bytes *second)
{
    const int32_t lanes = snn_group_lanes(&p.groups, i);
    _Alignas(SNN_ALIGNMENT) float some[SNN_STRIP];
    snn_vector targets[SNN_STRIP_VECTORS];
    find_targets(w, &p, i, lanes, false, targets);
    memcpy(some, targets, sizeof some);
    for (int lane = lanes; lane < SNN_STRIP; lane++) {
        some[lane] = NAN; /* which is not beyond reach */
    }
    memcpy(targets, some, sizeof some);
    find_digits(w, &p, targets, first, second, snn_neuron_is_strict(w->neurons->kind), p.steps > DIGITS);
    memset((uint8_t *)first + lanes, 0, (size_t)(SNN_STRIP - lanes));
    memset((uint8_t *)second + lanes, 0, (size_t)(SNN_STRIP - lanes));
}

static inline __attribute__((always_inline)) void find_block(const working *w, const places *p, block *b,
                                                             const bool strict, const bool two)
{
    const int64_t whole = snn_smaller(p->whole, b->end);
    for (int64_t i = b->begin; i < whole; i++) {
        snn_vector targets[SNN_STRIP_VECTORS];
        find_targets(w, p, i, SNN_STRIP, true, targets);
        find_digits(w, p, targets, &b->digits[0][i - b->begin], &b->digits[1][i - b->begin], strict, two);
    }
    for (int64_t i = snn_larger(whole, b->begin); i < b->end; i++) {
        find_some(w, *p, i, &b->digits[0][i - b->begin], &b->digits[1][i - b->begin]);
    }
}

static inline void give_block(const places *p, const block *b, int32_t byte)
{
    const snn_vector_bytes *digits = b->digits[byte];
    uint8_t *plane = p->plane + byte * p->apart;
    for (int64_t i = b->begin; i < b->end; i++) {
        snn_group_store_bytes(&p->groups, i, digits[i - b->begin], plane);
    }
}

/* Where `steps` digits differ from those before them; `before`: those of the byte before, or NULL, then the first ones
 * do not. */
static inline snn_vector_bytes flips_of(snn_vector_bytes digits, int32_t steps, const snn_vector_bytes *before)
{
    const snn_vector_bytes flips = digits ^ (digits >> 1);
    return before == NULL ? flips & (uint8_t)((1 << (steps - 1)) - 1)
                          : flips ^ snn_vector_moved_up(*before & 1, steps - 1);
}

static inline void count_block(const working *w, const block *b, int32_t byte)
{
    const int32_t steps = snn_spikes_byte_steps(w->neurons->window_constants.steps, byte);
    const int64_t groups = b->end - b->begin;
    const snn_vector_bytes *digits = b->digits[byte];
    counter spikes = no_counts(), flips = no_counts();
    for (int64_t i = 0; i < groups; i += TOGETHER) {
        snn_vector_bytes bits[TOGETHER], changes[TOGETHER];
#pragma GCC unroll 4
        for (int j = 0; j < TOGETHER; j++) {
            bits[j] = i + j < groups ? digits[i + j] : (snn_vector_bytes){0};
            changes[j] = flips_of(bits[j], steps, byte == 0 ? NULL : &b->digits[byte - 1][i + j]);
            changes[j] = i + j < groups ? changes[j] : (snn_vector_bytes){0};
        }
        count(&spikes, bits);
        count(&flips, changes);
    }
    add_to_totals(&spikes, w->totals->spikes[byte]);
    add_to_totals(&flips, w->totals->flips[byte]);
    add_to_channels(&spikes, w->strip);
}

static inline __attribute__((always_inline)) void fire_blocks(const working *w, const places p, const bool strict,
                                                              const bool two)
{
    const bool counts = w->counts->spikes != NULL;
    block b;
    for (b.begin = 0; b.begin < p.groups.count; b.begin = b.end) {
        b.end = snn_smaller(b.begin + BLOCK, p.groups.count);
        find_block(w, &p, &b, strict, two);
        if (w->totals->largest + BLOCK > TOTAL_COUNTED) {
            snn_count_digits(w->neurons, w->counts, w->totals);
        }
        for (int32_t byte = 0; byte < (two ? BYTES : 1); byte++) {
            give_block(&p, &b, byte);
            if (counts) {
                count_block(w, &b, byte);
            }
        }
        w->totals->largest += counts ? BLOCK : 0;
    }
}

void snn_fire_digits(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts, snn_strip *strip,
                     const snn_groups *groups, snn_digit_counts *totals)
{
    const bool strict = snn_neuron_is_strict(neurons->kind), two = neurons->window_constants.steps > DIGITS;
    working w; /* of which most is filled in where it is needed */
    w.neurons = neurons;
    w.counts = counts;
    w.strip = strip;
    w.totals = totals;
    places p = {.groups = *groups,
                .whole = groups->last_lanes == SNN_STRIP ? groups->count : groups->count - 1,
                .bias_apart = groups->bias != NULL ? groups->values_apart : 0,
                .plane = snn_spikes_plane(&neurons->spikes, 0, tile->image),
                .apart = snn_spikes_plane_bytes(&neurons->spikes) * neurons->spikes.images,
                .steps = neurons->window_constants.steps};
    p.whole = groups->row_lanes == 0 && groups->lanes == SNN_STRIP ? p.whole : 0;
    p.groups.bias = groups->bias != NULL ? groups->bias : strip->bias;
    begin(&w, strict);
    if (!strict && !two) { /* what most neurons are, with all known when compiled */
        fire_blocks(&w, p, false, false);
    } else if (!two) {
        fire_blocks(&w, p, true, false);
    } else {
        fire_blocks(&w, p, strict, true);
    }
}
