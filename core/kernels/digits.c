/* Neurons whose spikes are the digits of a number: each step of the window is twice the next one, and all are taken
 * with the same f(x).
 *
 * A step fires if y has not come below f(x), and then goes down by m, or else up: y ends at rest + (2^n - 1) - 2
 * number, and step by step that is the search for how many of rest + 2^n - 2 k, k = 1 ... 2^n - 1, f(x) does not exceed
 * (or, if strict, is less than). Those are integers, which f(x) does not exceed if its ceiling does not. */
#include <math.h>

#include "core/kernels/strips.h"

enum {
    DIGITS = 8, /* of a byte */
    BYTES = 2,
    LEVELS = 5,
    COUNTED = (1 << LEVELS) - 1
};

typedef int32_t integers __attribute__((vector_size(sizeof(snn_vector))));

/* Of each bit of a vector, how often it was set: bit i of the counts is that of level i. */
typedef struct counter {
    snn_vector_bytes level[LEVELS];
} counter;

/* A strip's constants, and counts that are not yet added to those of steps and channels. */
typedef struct working {
    const snn_neurons *neurons;
    const snn_tile_counts *counts;
    snn_strip *strip;
    uint8_t *plane; /* of the first step; others are so many bytes apart */
    int64_t apart;
    _Alignas(SNN_ALIGNMENT) float low[SNN_STRIP]; /* f(x) in units is taken to be from these on */
    float high[SNN_STRIP];                        /* to these */
    int32_t end[SNN_STRIP];                       /* of all codes, one behind the largest */
    counter spikes[BYTES], flips[BYTES];
    int32_t counted;
} working;

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

/* Counts bits of two groups: the levels above the first see only what it carries. */
static inline void count(counter *c, snn_vector_bytes first, snn_vector_bytes second)
{
    const snn_vector_bytes one = c->level[0] ^ first;
    snn_vector_bytes carried = (c->level[0] & first) | (one & second);
    c->level[0] = one ^ second;
#pragma GCC unroll 5
    for (int l = 1; l < LEVELS; l++) {
        const snn_vector_bytes carry = c->level[l] & carried;
        c->level[l] ^= carried;
        carried = carry;
    }
}

/* How many bits of each byte are set. */
static inline snn_vector_bytes bits_of_bytes(snn_vector_bytes bytes)
{
    bytes -= (bytes >> 1) & 0x55;
    bytes = (bytes & 0x33) + ((bytes >> 2) & 0x33);
    return (bytes + (bytes >> 4)) & 0x0f;
}

static void add_to_steps(const counter *c, int32_t steps, int64_t *totals)
{
    for (int l = 0; l < LEVELS; l++) {
        snn_vector_bytes bits = c->level[l];
        for (int32_t step = 0; step < steps; step++, bits += bits) {
            totals[step] += (int64_t)__builtin_popcountll(snn_vector_highest_bits(bits)) << l;
        }
    }
}

static void add_to_channels(const counter *c, int32_t *restrict spikes)
{
    snn_vector_bytes times = bits_of_bytes(c->level[LEVELS - 1]);
    for (int l = LEVELS - 2; l >= 0; l--) {
        times = times + times + bits_of_bytes(c->level[l]); /* at most DIGITS * COUNTED */
    }
    uint8_t each[SNN_STRIP];
    memcpy(each, &times, sizeof each);
    for (int i = 0; i < SNN_STRIP; i++) {
        spikes[i] += each[i];
    }
}

static inline void clear(working *w)
{
    for (int byte = 0; byte < BYTES; byte++) {
        for (int l = 0; l < LEVELS; l++) {
            w->spikes[byte].level[l] = w->flips[byte].level[l] = (snn_vector_bytes){0};
        }
    }
    w->counted = 0;
}

static void flush(working *w)
{
    const int32_t steps = w->neurons->window_constants.steps;
    for (int32_t byte = 0, first = 0; first < steps; byte++, first += DIGITS) {
        const int32_t digits = steps - first < DIGITS ? steps - first : DIGITS;
        add_to_steps(&w->spikes[byte], digits, w->counts->spikes + first);
        add_to_steps(&w->flips[byte], digits, w->counts->flips + first);
        add_to_channels(&w->spikes[byte], w->strip->spikes);
    }
    clear(w);
}

/* f(x) is cut off where numbers end, so that they need not be. What is no number is as if it were too large. */
static void begin(const snn_neurons *neurons, int32_t image, const snn_tile_counts *counts, snn_strip *strip,
                  bool strict, working *w)
{
    const int32_t most = (1 << neurons->window_constants.steps) - 1;
    w->neurons = neurons;
    w->counts = counts;
    w->strip = strip;
    w->plane = snn_spikes_plane(&neurons->spikes, 0, image);
    w->apart = snn_spikes_plane_bytes(&neurons->spikes) * neurons->spikes.images;
    clear(w);
    for (int i = 0; i < SNN_STRIP; i++) {
        const int32_t rest = (int32_t)strip->rest[i];
        w->end[i] = rest + most + 1;
        w->high[i] = (float)(strict ? rest + most : rest + most + 1);
        w->low[i] = (float)(strict ? rest - most - 1 : rest - most + 1);
    }
}

/* The numbers of a group, as `bits` bits with the first digit in the highest. */
static inline __attribute__((always_inline)) void find_numbers(const working *w, const float *values, int32_t bits,
                                                               const bool strict, integers *numbers)
{
    const snn_vector reach = snn_vector_all(w->neurons->window_constants.reach + 1.0F);
    const snn_vector_mask all = snn_vector_first(SNN_VECTOR);
    const int32_t shift = bits - w->neurons->window_constants.steps;
    snn_vector_mask far[SNN_STRIP_VECTORS];
    uint32_t beyond = 0;
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        const int at = v * SNN_VECTOR;
        const snn_vector scale = snn_vector_load(w->strip->inverse_scale + at, all);
        const snn_vector rest = snn_vector_load(w->strip->rest + at, all);
        snn_vector target = snn_vector_multiply(snn_vector_load(values + at, all), scale);
        far[v] = snn_vector_beyond(all, snn_vector_subtract(target, rest), reach);
        beyond |= snn_vector_bits(far[v]);
        target = snn_vector_smaller(target, snn_vector_load(w->high + at, all));
        target = snn_vector_larger(target, snn_vector_load(w->low + at, all));
        const integers least = strict ? (integers)snn_vector_down(target) + 1 : (integers)snn_vector_up(target);
        numbers[v] = (((integers)snn_vector_load_int(w->end + at) - least) >> 1) << shift;
    }
    for (int v = 0; v < SNN_STRIP_VECTORS && beyond != 0; v++) { /* as only few are */
        int32_t *counts = w->strip->beyond + v * SNN_VECTOR;
        snn_vector_store_int(counts, snn_vector_count(snn_vector_load_int(counts), far[v]));
    }
}

/* A byte of each number, of which no other bits are left. */
static inline snn_vector_bytes bytes_of(const integers *numbers, const int32_t shift, const int32_t mask)
{
    snn_vector_int bytes[SNN_STRIP_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < SNN_STRIP_VECTORS; v++) {
        bytes[v] = (snn_vector_int)((numbers[v] >> shift) & mask);
    }
    return snn_vector_narrowed(bytes);
}

/* `first`: of the digits' steps, in a plane of its own each. */
static inline __attribute__((always_inline)) void give_digits(const working *w, const snn_groups *groups, int32_t first,
                                                              int64_t bit, int32_t lanes, const bool bytes,
                                                              snn_vector_bytes digits)
{
    const int32_t steps = w->neurons->window_constants.steps, end = steps - first < DIGITS ? steps : first + DIGITS;
    uint8_t *plane = w->plane + first * w->apart;
    for (int32_t step = first; step < end; step++, plane += w->apart, digits += digits) {
        if (bytes) {
            snn_group_store(plane, bit, lanes, true, snn_vector_highest_bits(digits));
        } else {
            snn_group_store_rows(groups, plane, bit, lanes, snn_vector_highest_bits(digits));
        }
    }
}

/* Digits of a group, the first ones in the highest bits of the first bytes. */
typedef struct digits_of_group {
    snn_vector_bytes first, second;
} digits_of_group;

static inline __attribute__((always_inline)) digits_of_group fire_group(const working *w, const snn_groups *groups,
                                                                        const float *values, int64_t bit, int32_t lanes,
                                                                        const bool bytes, const bool strict,
                                                                        const bool two)
{
    digits_of_group digits = {{0}, {0}};
    integers numbers[SNN_STRIP_VECTORS];
    find_numbers(w, values, two ? BYTES * DIGITS : DIGITS, strict, numbers);
    digits.first = bytes_of(numbers, two ? DIGITS : 0, -1);
    give_digits(w, groups, 0, bit, lanes, bytes, digits.first);
    if (two) {
        digits.second = bytes_of(numbers, 0, UINT8_MAX);
        give_digits(w, groups, DIGITS, bit, lanes, bytes, digits.second);
    }
    return digits;
}

/* One that may use fewer lanes, begin between bytes, or be of several rows. */
static __attribute__((noinline)) digits_of_group fire_some(const working *w, const snn_groups *groups,
                                                           const float *values, int64_t bit, int32_t lanes)
{
    const bool strict = snn_neuron_is_strict(w->neurons->kind);
    float some[SNN_STRIP];
    for (int lane = 0; lane < SNN_STRIP; lane++) {
        some[lane] = lane < lanes ? values[lane] : NAN; /* which does not fire */
    }
    return w->neurons->window_constants.steps > DIGITS ? fire_group(w, groups, some, bit, lanes, false, strict, true)
                                                       : fire_group(w, groups, some, bit, lanes, false, strict, false);
}

/* Where digits differ from those before them: none of the first ones. */
static inline snn_vector_bytes first_flips(digits_of_group digits)
{
    return (digits.first ^ (digits.first >> 1)) & INT8_MAX;
}

static inline snn_vector_bytes second_flips(digits_of_group digits)
{
    return digits.second ^ ((digits.second >> 1) | (digits.first << (DIGITS - 1)));
}

static inline __attribute__((always_inline)) void count_groups(working *w, digits_of_group a, digits_of_group b,
                                                               const bool two)
{
    count(&w->spikes[0], a.first, b.first);
    count(&w->flips[0], first_flips(a), first_flips(b));
    if (two) {
        count(&w->spikes[1], a.second, b.second);
        count(&w->flips[1], second_flips(a), second_flips(b));
    }
    w->counted += 2;
    if (w->counted + 2 > COUNTED) {
        flush(w);
    }
}

static inline __attribute__((always_inline)) digits_of_group fire(const working *w, const snn_groups *groups, int64_t i,
                                                                  const bool strict, const bool two)
{
    const float *values = groups->values + i * groups->values_apart;
    const int64_t bit = groups->bit + i * groups->bits_apart;
    const int32_t lanes = snn_group_lanes(groups, i);
    return lanes == SNN_STRIP && bit % 8 == 0 && groups->row_lanes == 0
               ? fire_group(w, groups, values, bit, SNN_STRIP, true, strict, two)
               : fire_some(w, groups, values, bit, lanes);
}

static inline __attribute__((always_inline)) void fire_groups(working *w, const snn_groups *groups, const bool strict,
                                                              const bool two)
{
    const digits_of_group none = {{0}, {0}};
    for (int64_t i = 0; i < groups->count; i += 2) {
        const digits_of_group a = fire(w, groups, i, strict, two);
        count_groups(w, a, i + 1 < groups->count ? fire(w, groups, i + 1, strict, two) : none, two);
    }
}

void snn_fire_digits(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts, snn_strip *strip,
                     const snn_groups *groups)
{
    const bool strict = snn_neuron_is_strict(neurons->kind), two = neurons->window_constants.steps > DIGITS;
    working w;
    begin(neurons, tile->image, counts, strip, strict, &w);
    if (!strict && !two) { /* what most neurons are, with all known when compiled */
        fire_groups(&w, groups, false, false);
    } else if (!two) {
        fire_groups(&w, groups, true, false);
    } else {
        fire_groups(&w, groups, strict, true);
    }
    flush(&w);
}
