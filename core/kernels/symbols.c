/* Compiled once per instruction set, as portable.h says. */
#include "core/kernels/symbols.h"

#include <string.h>

#include "core/base/memory.h"
#include "core/kernels/portable.h"
#include "core/kernels/symbol_planes.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

enum {
    SLOTS = 1 << SNN_SYMBOL_PRECISION,
    FEW_LANES = 4,
    VECTOR_LANES = 16,
    HALVES = 32, /* 16-bit values of a vector */
    WORD_BITS = 16,
    FULL_SHIFT = 15 + WORD_BITS - SNN_SYMBOL_PRECISION /* a frequency shifted so far is where a state is full */
};

/* --- contexts --- */

#ifdef __AVX512BW__

/* What neighbours say, in registers: groups by sum, and levels, four of four bits each a word. */
typedef struct lookup {
    __m512i groups, levels[2];
} lookup;

static inline lookup make_lookup(const snn_symbol_neighbours *neighbours)
{
    uint16_t levels[SNN_SYMBOLS / 4] = {0};
    for (int symbol = 0; symbol < SNN_SYMBOLS; symbol++) {
        levels[symbol / 4] = (uint16_t)(levels[symbol / 4] | neighbours->level[symbol] << symbol % 4 * 4);
    }
    return (lookup){_mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)neighbours->group)),
                    {_mm512_loadu_si512(levels), _mm512_loadu_si512(levels + SNN_SYMBOLS / 8)}};
}

#define LOWER_HALVES 0x55555555 /* of words of 32 bits */

/* Of symbols in words of 16 bits; of words of 32 the lower halves are right. */
static inline __m512i look_up_levels(const lookup *known, __m512i symbols)
{
    const __m512i four = _mm512_permutex2var_epi16(known->levels[0], _mm512_srli_epi16(symbols, 2), known->levels[1]);
    const __m512i shift = _mm512_slli_epi16(_mm512_and_si512(symbols, _mm512_set1_epi16(3)), 2);
    return _mm512_and_si512(_mm512_srlv_epi16(four, shift), _mm512_set1_epi16(SNN_SYMBOL_LEVELS - 1));
}

static inline __m512i load_halves(const uint8_t *from)
{
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)from));
}

static inline void store_halves(uint8_t *to, __m512i values)
{
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtepi16_epi8(values));
}

/* As many as whole vectors do; returns how many those are. */
static size_t find_most_levels(const uint8_t *symbols, size_t count, const snn_symbol_neighbours *neighbours)
{
    const lookup known = make_lookup(neighbours);
    size_t n = 0;
    for (; n + HALVES <= count; n += HALVES) {
        store_halves(neighbours->levels + n, look_up_levels(&known, load_halves(symbols + n)));
    }
    return n;
}

static size_t find_most_groups(size_t count, const snn_symbol_neighbours *neighbours, uint8_t *groups)
{
    const uint8_t *near = neighbours->levels - neighbours->near, *far = neighbours->levels - neighbours->far;
    const __m512i table = load_halves(neighbours->group);
    size_t n = 0;
    for (; n + HALVES <= count; n += HALVES) {
        const __m512i sum = _mm512_add_epi16(load_halves(near + n), load_halves(far + n));
        store_halves(groups + n, _mm512_permutexvar_epi16(sum, table));
    }
    return n;
}

#else

static size_t find_most_levels(const uint8_t *symbols, size_t count, const snn_symbol_neighbours *neighbours)
{
    (void)symbols, (void)count, (void)neighbours;
    return 0;
}

static size_t find_most_groups(size_t count, const snn_symbol_neighbours *neighbours, uint8_t *groups)
{
    (void)count, (void)neighbours, (void)groups;
    return 0;
}

#endif

static inline size_t first_group(const snn_symbol_neighbours *neighbours, size_t n)
{
    const uint8_t *level = neighbours->levels + n;
    return neighbours->group[*(level - neighbours->near) + *(level - neighbours->far)];
}

static void find_levels(const uint8_t *symbols, size_t count, const snn_symbol_neighbours *neighbours)
{
    for (size_t n = find_most_levels(symbols, count, neighbours); n < count; n++) {
        neighbours->levels[n] = neighbours->level[symbols[n]];
    }
}

static void group_first(size_t count, const snn_symbol_neighbours *neighbours, uint8_t *groups)
{
    for (size_t n = find_most_groups(count, neighbours, groups); n < count; n++) {
        groups[n] = (uint8_t)first_group(neighbours, n);
    }
}

static void group_next(const uint8_t *before, size_t count, uint8_t usual, const uint8_t *group, uint8_t *quiet,
                       uint8_t *groups)
{
    for (size_t n = 0; n < count; n++) {
        quiet[n] = (uint8_t)(quiet[n] & (before[n] == usual));
        groups[n] = group[(before[n] & ((1 << SNN_SYMBOL_RECENT) - 1)) << 1 | quiet[n]];
    }
}

/* Counts go to several tables in turn: one of them would be waited for wherever a symbol repeats. */
enum { TURNS = 4 };

static void count_symbols(const uint8_t *symbols, const uint8_t *groups, size_t count,
                          uint32_t counts[SNN_SYMBOL_GROUPS][SNN_SYMBOLS])
{
    uint32_t tables[TURNS][SNN_SYMBOL_GROUPS][SNN_SYMBOLS];
    memset(tables, 0, sizeof tables);
    size_t n = 0;
    for (; n + TURNS <= count; n += TURNS) {
        tables[0][groups[n]][symbols[n]]++;
        tables[1][groups[n + 1]][symbols[n + 1]]++;
        tables[2][groups[n + 2]][symbols[n + 2]]++;
        tables[3][groups[n + 3]][symbols[n + 3]]++;
    }
    for (; n < count; n++) {
        tables[0][groups[n]][symbols[n]]++;
    }
    for (int group = 0; group < SNN_SYMBOL_GROUPS; group++) {
        for (int symbol = 0; symbol < SNN_SYMBOLS; symbol++) {
            counts[group][symbol] = tables[0][group][symbol] + tables[1][group][symbol] + tables[2][group][symbol] +
                                    tables[3][group][symbol];
        }
    }
}

/* --- coding --- */

/* Without branches: whether a word comes is a matter of luck. */
static inline uint8_t *encode_symbol(uint32_t *state, uint32_t share, uint64_t reciprocal, uint8_t *at)
{
    const uint32_t before = *state, frequency = (share & UINT16_MAX) + 1;
    const uint32_t full = before >= frequency << FULL_SHIFT;
    at[-2] = (uint8_t)before;
    at[-1] = (uint8_t)(before >> 8);
    const uint32_t kept = before >> (WORD_BITS * full);
    const uint32_t quotient = (uint32_t)((kept * reciprocal) >> 44);
    *state = kept + (share >> 16) + quotient * (SLOTS - frequency);
    return at - 2 * (size_t)full;
}

static inline __attribute__((always_inline)) uint8_t *encode_batch(const uint8_t *symbols, const uint8_t *groups,
                                                                   size_t batch, const snn_symbol_codes *codes,
                                                                   uint32_t *state, uint8_t *at)
{
    for (size_t lane = batch; lane > 0; lane--) {
        const size_t group = groups[lane - 1], symbol = symbols[lane - 1];
        at = encode_symbol(&state[lane - 1], codes->share[group][symbol], codes->reciprocal[group][symbol], at);
    }
    return at;
}

#ifdef __AVX512BW__

static inline __m512i bytes_to_words(const uint8_t *from)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)from));
}

/* Symbols of as many lanes as a vector has, from `from` on. */
static inline uint8_t *encode_vector(const uint8_t *symbols, const uint8_t *groups, const snn_symbol_codes *codes,
                                     uint32_t *state, uint8_t *at)
{
    const __m512i one = _mm512_set1_epi32(1), before = _mm512_loadu_si512(state);
    const __m512i index = _mm512_or_si512(_mm512_slli_epi32(bytes_to_words(groups), 8), bytes_to_words(symbols));
    const __m512i share = _mm512_i32gather_epi32(index, codes->share, 4);
    const __m512i frequency = _mm512_add_epi32(_mm512_and_si512(share, _mm512_set1_epi32(UINT16_MAX)), one);
    const __mmask16 full = _mm512_cmpge_epu32_mask(before, _mm512_slli_epi32(frequency, FULL_SHIFT));
    const unsigned words = (unsigned)__builtin_popcount(full);
    at -= 2 * words;
    _mm256_mask_storeu_epi16(at, (__mmask16)((1u << words) - 1),
                             _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(full, before)));
    const __m512i kept = _mm512_mask_srli_epi32(before, full, before, WORD_BITS);
    /* The quotient has at most 19 bits, so that a float's 24 miss it by no more than 1. */
    __m512i quotient = _mm512_cvttps_epu32(_mm512_div_ps(_mm512_cvtepu32_ps(kept), _mm512_cvtepu32_ps(frequency)));
    __m512i rest = _mm512_sub_epi32(kept, _mm512_mullo_epi32(quotient, frequency));
    const __mmask16 above = _mm512_cmplt_epi32_mask(rest, _mm512_setzero_si512());
    quotient = _mm512_mask_sub_epi32(quotient, above, quotient, one);
    rest = _mm512_mask_add_epi32(rest, above, rest, frequency);
    const __mmask16 below = _mm512_cmpge_epi32_mask(rest, frequency);
    quotient = _mm512_mask_add_epi32(quotient, below, quotient, one);
    rest = _mm512_mask_sub_epi32(rest, below, rest, frequency);
    const __m512i begin = _mm512_srli_epi32(share, 16);
    _mm512_storeu_si512(
        state, _mm512_add_epi32(_mm512_slli_epi32(quotient, SNN_SYMBOL_PRECISION), _mm512_add_epi32(rest, begin)));
    return at;
}

#endif

static inline __attribute__((always_inline)) bool encode_lanes(const uint8_t *symbols, const uint8_t *groups,
                                                               size_t count, const snn_symbol_codes *codes,
                                                               snn_symbol_stream *stream, size_t lanes)
{
    _Alignas(SNN_ALIGNMENT) uint32_t state[SNN_SYMBOL_LANES];
    memcpy(state, stream->state, sizeof state);
    uint8_t *at = stream->at;
    size_t n = count;
    while (n > 0) {
        /* Down to a multiple of the lanes. Each of them writes a word at most. */
        const size_t batch = (n - 1) % lanes + 1;
        if ((size_t)(at - stream->limit) < 2 * lanes) {
            return false;
        }
        n -= batch;
#ifdef __AVX512BW__
        if (batch == SNN_SYMBOL_LANES) {
            for (size_t first = SNN_SYMBOL_LANES; first > 0; first -= VECTOR_LANES) {
                const size_t lane = first - VECTOR_LANES;
                at = encode_vector(symbols + n + lane, groups + n + lane, codes, state + lane, at);
            }
            continue;
        }
#endif
        at = encode_batch(symbols + n, groups + n, batch, codes, state, at);
    }
    memcpy(stream->state, state, sizeof state);
    stream->at = at;
    return true;
}

static bool encode(const uint8_t *symbols, const uint8_t *groups, size_t count, const snn_symbol_codes *codes,
                   snn_symbol_stream *stream)
{
    return stream->lanes == SNN_SYMBOL_LANES ? encode_lanes(symbols, groups, count, codes, stream, SNN_SYMBOL_LANES)
                                             : encode_lanes(symbols, groups, count, codes, stream, FEW_LANES);
}

/* Returns the symbol; *at moves on by a word where the state has become too small. */
static inline uint8_t decode_symbol(uint32_t *state, const uint32_t *slots, uint8_t **at)
{
    const uint32_t before = *state;
    const uint32_t slot = slots[before % SLOTS];
    const uint32_t after = ((slot >> 8) % SLOTS + 1) * (before >> SNN_SYMBOL_PRECISION) + (slot >> 20);
    const uint32_t word = (uint32_t)(*at)[0] | (uint32_t)(*at)[1] << 8;
    const uint32_t small = after < SNN_SYMBOL_STATE;
    *state = after << (WORD_BITS * small) | (word & -small);
    *at += 2 * (size_t)small;
    return (uint8_t)slot;
}

/* neighbours == NULL: groups are known. */
static inline __attribute__((always_inline)) uint8_t *decode_batch(const snn_symbol_neighbours *neighbours,
                                                                   const uint8_t *groups, size_t first, size_t batch,
                                                                   const uint32_t *slots, uint32_t *state, uint8_t *at,
                                                                   uint8_t *symbols)
{
    for (size_t lane = 0; lane < batch; lane++) {
        const size_t n = first + lane, group = neighbours == NULL ? groups[n] : first_group(neighbours, n);
        const uint8_t symbol = decode_symbol(&state[lane], slots + group * SLOTS, &at);
        symbols[n] = symbol;
        if (neighbours != NULL) {
            neighbours->levels[n] = neighbours->level[symbol];
        }
    }
    return at;
}

#ifdef __AVX512BW__

static inline __attribute__((always_inline)) uint8_t *decode_vector(const snn_symbol_neighbours *neighbours,
                                                                    const lookup *known, const uint8_t *groups,
                                                                    size_t n, const uint32_t *slots, uint32_t *state,
                                                                    uint8_t *at, uint8_t *symbols)
{
    const __m512i before = _mm512_loadu_si512(state), low = _mm512_set1_epi32(SLOTS - 1);
    __m512i group;
    if (neighbours == NULL) {
        group = bytes_to_words(groups + n);
    } else {
        const uint8_t *level = neighbours->levels + n;
        const __m512i sum =
            _mm512_add_epi32(bytes_to_words(level - neighbours->near), bytes_to_words(level - neighbours->far));
        group = _mm512_maskz_permutexvar_epi16(LOWER_HALVES, sum, known->groups);
    }
    const __m512i index =
        _mm512_or_si512(_mm512_slli_epi32(group, SNN_SYMBOL_PRECISION), _mm512_and_si512(before, low));
    const __m512i slot = _mm512_i32gather_epi32(index, slots, 4);
    const __m512i frequency = _mm512_add_epi32(_mm512_and_si512(_mm512_srli_epi32(slot, 8), low), _mm512_set1_epi32(1));
    const __m512i after = _mm512_add_epi32(
        _mm512_mullo_epi32(frequency, _mm512_srli_epi32(before, SNN_SYMBOL_PRECISION)), _mm512_srli_epi32(slot, 20));
    const __mmask16 small = _mm512_cmplt_epu32_mask(after, _mm512_set1_epi32(SNN_SYMBOL_STATE));
    const __m512i words = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)at));
    const __m512i filled =
        _mm512_or_si512(_mm512_slli_epi32(after, WORD_BITS), _mm512_maskz_expand_epi32(small, words));
    _mm512_storeu_si512(state, _mm512_mask_mov_epi32(after, small, filled));
    _mm_storeu_si128((__m128i *)(symbols + n), _mm512_cvtepi32_epi8(slot));
    if (neighbours != NULL) {
        const __m512i level = look_up_levels(known, _mm512_and_si512(slot, _mm512_set1_epi32(SNN_SYMBOLS - 1)));
        _mm_storeu_si128((__m128i *)(neighbours->levels + n), _mm512_cvtepi32_epi8(level));
    }
    return at + 2 * (unsigned)__builtin_popcount(small);
}

#endif

static inline __attribute__((always_inline)) bool decode_lanes(const snn_symbol_neighbours *neighbours,
                                                               const uint8_t *groups, size_t count,
                                                               const uint32_t *slots, snn_symbol_stream *stream,
                                                               uint8_t *symbols, size_t lanes)
{
    _Alignas(SNN_ALIGNMENT) uint32_t state[SNN_SYMBOL_LANES];
    memcpy(state, stream->state, sizeof state);
    uint8_t *at = stream->at;
#ifdef __AVX512BW__
    lookup known = {0};
    if (neighbours != NULL) {
        known = make_lookup(neighbours);
    }
    const bool vectors = lanes == SNN_SYMBOL_LANES &&
                         (neighbours == NULL || (neighbours->near >= VECTOR_LANES && neighbours->far >= VECTOR_LANES));
#endif
    for (size_t n = 0; n < count; n += lanes) {
        const size_t batch = count - n < lanes ? count - n : lanes;
#ifdef __AVX512BW__
        if (vectors && batch == SNN_SYMBOL_LANES) {
            for (size_t lane = 0; lane < SNN_SYMBOL_LANES; lane += VECTOR_LANES) {
                at = decode_vector(neighbours, &known, groups, n + lane, slots, state + lane, at, symbols);
            }
        } else {
            at = decode_batch(neighbours, groups, n, batch, slots, state, at, symbols);
        }
#else
        at = decode_batch(neighbours, groups, n, batch, slots, state, at, symbols);
#endif
        if (at > stream->limit) {
            return false;
        }
    }
    memcpy(stream->state, state, sizeof state);
    stream->at = at;
    return true;
}

static bool decode(const uint8_t *groups, size_t count, const uint32_t *slots, snn_symbol_stream *stream,
                   uint8_t *symbols)
{
    return stream->lanes == SNN_SYMBOL_LANES
               ? decode_lanes(NULL, groups, count, slots, stream, symbols, SNN_SYMBOL_LANES)
               : decode_lanes(NULL, groups, count, slots, stream, symbols, FEW_LANES);
}

static bool decode_first(const snn_symbol_neighbours *neighbours, size_t count, const uint32_t *slots,
                         snn_symbol_stream *stream, uint8_t *symbols)
{
    const snn_symbol_neighbours known = *neighbours; /* where no store can reach it */
    return stream->lanes == SNN_SYMBOL_LANES
               ? decode_lanes(&known, NULL, count, slots, stream, symbols, SNN_SYMBOL_LANES)
               : decode_lanes(&known, NULL, count, slots, stream, symbols, FEW_LANES);
}

const snn_symbol_kernels snn_symbols = {
    .split = snn_symbols_split,
    .join = snn_symbols_join,
    .find_levels = find_levels,
    .group_first = group_first,
    .group_next = group_next,
    .count = count_symbols,
    .encode = encode,
    .decode = decode,
    .decode_first = decode_first,
};
