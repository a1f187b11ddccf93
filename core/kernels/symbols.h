/* Symbols: windows of spikes as bytes, and their entropy coding in contexts that both ends know.
 *
 * Up to 8 steps of a neuron's window are a *symbol*, the first spike its highest bit; a longer window is several. With
 * steps that halve, a symbol is what the neuron gives, in binary. A symbol is coded by range asymmetric numeral systems
 * (Duda, arXiv 1311.2540; rANS), with one table of frequencies for each group of contexts:
 *   the first symbol of a window: by the levels of the neurons one position before and one row above, added up: how
 *   large among all is what they give;
 *   every other: by the last spikes of the symbol before, and whether the neuron has been like most so far.
 *
 * Symbol n is coded by state n % lanes, so that many are in work at once. The states share one sequence of 16-bit
 * words, least significant byte first. An encoder goes from the last symbol to the first and writes backwards; states
 * begin at SNN_SYMBOL_STATE, which is where those of a decoder must end.
 */
#ifndef SNN_KERNELS_SYMBOLS_H
#define SNN_KERNELS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SNN_SYMBOL_STEPS = 8,
    SNN_SYMBOLS = 256,
    SNN_SYMBOL_LEVELS = 16,     /* of first symbols */
    SNN_SYMBOL_NEIGHBOURS = 32, /* sums of two levels, and one more */
    SNN_SYMBOL_RECENT = 3,      /* spikes before a symbol that its context knows */
    SNN_SYMBOL_GROUPS = 16,     /* of contexts, at most: with a table each */
    SNN_SYMBOL_PRECISION = 12,  /* bits of a frequency */
    SNN_SYMBOL_LANES = 32,      /* at most */
    SNN_SYMBOL_STATE = 1 << 15, /* smallest */
    SNN_SYMBOL_MARGIN = 128     /* bytes behind the words that a decoder may read */
};

/* How to encode. */
typedef struct snn_symbol_codes {
    uint64_t reciprocal[SNN_SYMBOL_GROUPS][SNN_SYMBOLS]; /* of the frequency, times 2^44, rounded up */
    /* The frequency less 1 in the low half, in the high one the sum of those before. */
    uint32_t share[SNN_SYMBOL_GROUPS][SNN_SYMBOLS];
} snn_symbol_codes;

/* How to decode: an entry of each of a group's 2^precision slots. */
static inline uint32_t snn_symbol_slot(uint32_t symbol, uint32_t frequency, uint32_t within)
{
    return symbol | (frequency - 1) << 8 | within << 20;
}

/* Contexts of first symbols, from neurons before. */
typedef struct snn_symbol_neighbours {
    size_t near, far;                     /* symbols back, at least 1 */
    uint8_t level[SNN_SYMBOLS];           /* below SNN_SYMBOL_LEVELS */
    uint8_t group[SNN_SYMBOL_NEIGHBOURS]; /* of a sum of levels */
    uint8_t *levels;                      /* of each symbol; before them max(near, far) zeros */
} snn_symbol_neighbours;

/* Coding under way. */
typedef struct snn_symbol_stream {
    uint32_t lanes; /* SNN_SYMBOL_LANES or 4 */
    uint32_t state[SNN_SYMBOL_LANES];
    uint8_t *at;    /* words: encoded from here on, or decoded before */
    uint8_t *limit; /* encoders write no words before, decoders may read none from here on */
} snn_symbol_stream;

typedef struct snn_symbol_kernels {
    /* planes [steps][frame_bytes] -> symbols [8 frame_bytes], steps <= 8; and back. */
    void (*split)(const uint8_t *planes, size_t frame_bytes, int32_t steps, uint8_t *symbols);
    void (*join)(const uint8_t *symbols, size_t frame_bytes, int32_t steps, uint8_t *planes);
    /* Levels of all symbols. */
    void (*find_levels)(const uint8_t *symbols, size_t count, const snn_symbol_neighbours *neighbours);
    /* Groups of all symbols from the levels. */
    void (*group_first)(size_t count, const snn_symbol_neighbours *neighbours, uint8_t *groups);
    /* Of symbols behind `before`: groups by `group` [2^RECENT][2]. quiet: whether the neuron has been like most, 1 or
     * 0; updated for `before`, most often `usual`. */
    void (*group_next)(const uint8_t *before, size_t count, uint8_t usual, const uint8_t *group, uint8_t *quiet,
                       uint8_t *groups);
    /* How often each symbol is in each group. */
    void (*count)(const uint8_t *symbols, const uint8_t *groups, size_t count,
                  uint32_t counts[SNN_SYMBOL_GROUPS][SNN_SYMBOLS]);
    /* False if there is no room. */
    bool (*encode)(const uint8_t *symbols, const uint8_t *groups, size_t count, const snn_symbol_codes *codes,
                   snn_symbol_stream *stream);
    /* slots [groups][2^precision]. Symbols of known groups, or first ones, whose levels are filled in too. False if the
     * words do not suffice. */
    bool (*decode)(const uint8_t *groups, size_t count, const uint32_t *slots, snn_symbol_stream *stream,
                   uint8_t *symbols);
    bool (*decode_first)(const snn_symbol_neighbours *neighbours, size_t count, const uint32_t *slots,
                         snn_symbol_stream *stream, uint8_t *symbols);
} snn_symbol_kernels;

#endif
