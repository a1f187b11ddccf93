/* Compiled once per instruction set, as portable.h says. Vectors are the compiler's, as wide as the registers are. */
#include "core/kernels/contexts.h"

#include <string.h>

#include "core/kernels/portable.h"

#ifdef __BMI2__
#include <immintrin.h>
#endif

enum { VECTOR_WORDS = SNN_VECTOR_BYTES / 8, VECTORS = SNN_CONTEXT_WORDS / VECTOR_WORDS, CHUNK_BITS = 512 };

typedef uint64_t vector __attribute__((vector_size(SNN_VECTOR_BYTES), aligned(8), may_alias));

#if defined(__AVX512F__)

enum { SELECT = 0xca, ODD = 0x96, MAJORITY = 0xe8 };
#define THREE(a, b, c, function) (vector) _mm512_ternarylogic_epi64((__m512i)(a), (__m512i)(b), (__m512i)(c), function)

static inline vector select_bits(vector which, vector one, vector zero)
{
    return THREE(which, one, zero, SELECT);
}

static inline vector odd(vector a, vector b, vector c)
{
    return THREE(a, b, c, ODD);
}

static inline vector majority(vector a, vector b, vector c)
{
    return THREE(a, b, c, MAJORITY);
}

#else

static inline vector select_bits(vector which, vector one, vector zero)
{
    return zero ^ (which & (one ^ zero));
}

static inline vector odd(vector a, vector b, vector c)
{
    return a ^ b ^ c;
}

static inline vector majority(vector a, vector b, vector c)
{
    return (a & b) | (c & (a | b));
}

#endif

#ifdef __BMI2__

static inline uint64_t gather_bits(uint64_t value, uint64_t mask)
{
    return _pext_u64(value, mask);
}

static inline uint64_t scatter_bits(uint64_t value, uint64_t mask)
{
    return _pdep_u64(value, mask);
}

#else

static inline uint64_t gather_bits(uint64_t value, uint64_t mask)
{
    uint64_t result = 0;
    for (uint64_t bit = 1; mask != 0; bit <<= 1) {
        result |= (value & mask & -mask) != 0 ? bit : 0;
        mask &= mask - 1;
    }
    return result;
}

static inline uint64_t scatter_bits(uint64_t value, uint64_t mask)
{
    uint64_t result = 0;
    for (; mask != 0; value >>= 1) {
        result |= (value & 1) != 0 ? mask & -mask : 0;
        mask &= mask - 1;
    }
    return result;
}

#endif

static inline unsigned count_bits(uint64_t word)
{
    return (unsigned)__builtin_popcountll(word);
}

static inline vector all_of(uint64_t word)
{
    return word - (vector){0};
}

static inline vector load(const uint64_t *words)
{
    return *(const vector *)words;
}

static inline void store(uint64_t *words, vector value)
{
    *(vector *)words = value;
}

/* --- a chunk's state --- */

/* Words [first, first + VECTOR_WORDS) of a chunk: y falls by the increment where a neuron fired and rises elsewhere. */
static inline void move_on(snn_context_chunk *chunk, int first, vector spikes, uint16_t increment)
{
    /* y - i is y + ~i + 1: where a spike is, bits are turned over and a one carried in. */
    vector carry = spikes;
    for (int bit = 0; bit < SNN_CONTEXT_LEVEL_BITS; bit++) {
        const vector add = (increment >> bit & 1) != 0 ? ~spikes : spikes;
        const vector level = load(&chunk->level[bit][first]);
        store(&chunk->level[bit][first], odd(level, add, carry));
        carry = majority(level, add, carry);
    }
    for (int ago = SNN_CONTEXT_RECENT - 1; ago > 0; ago--) {
        store(&chunk->recent[ago][first], load(&chunk->recent[ago - 1][first]));
    }
    store(&chunk->recent[0][first], spikes);
}

/* One bit of the codes of 64 neurons a word, chosen by their contexts. */
static inline vector code_bit(const uint64_t *bit, const snn_context_chunk *chunk, int first)
{
    const vector negative = load(&chunk->level[SNN_CONTEXT_LEVEL_BITS - 1][first]);
    const vector recent[SNN_CONTEXT_RECENT] = {load(&chunk->recent[2][first]), load(&chunk->recent[1][first]),
                                               load(&chunk->recent[0][first])};
    vector choice[SNN_CONTEXTS / 2];
    for (int i = 0; i < SNN_CONTEXTS / 2; i++) {
        choice[i] = select_bits(negative, all_of(bit[2 * i + 1]), all_of(bit[2 * i]));
    }
    for (int i = 0; i < SNN_CONTEXTS / 4; i++) {
        choice[i] = select_bits(recent[0], choice[2 * i + 1], choice[2 * i]);
    }
    for (int i = 0; i < SNN_CONTEXTS / 8; i++) {
        choice[i] = select_bits(recent[1], choice[2 * i + 1], choice[2 * i]);
    }
    return select_bits(recent[2], choice[1], choice[0]);
}

/* What is expected of a chunk's neurons at a step, and of which class each is. */
typedef struct expectation {
    _Alignas(SNN_ALIGNMENT) uint64_t spikes[SNN_CONTEXT_WORDS];
    uint64_t sure[SNN_CONTEXT_WORDS]; /* class 0 */
    uint64_t stream[SNN_CONTEXT_STREAMS][SNN_CONTEXT_WORDS];
} expectation;

static inline void expect(const snn_context_codes *codes, const snn_context_chunk *chunk, const uint64_t *valid,
                          expectation *expected)
{
    for (int v = 0; v < VECTORS; v++) {
        const int first = v * VECTOR_WORDS;
        const vector inside = load(valid + first);
        const vector low = code_bit(codes->bit[0], chunk, first), middle = code_bit(codes->bit[1], chunk, first);
        const vector high = code_bit(codes->bit[2], chunk, first);
        store(expected->spikes + first, code_bit(codes->bit[3], chunk, first) & inside);
        store(expected->sure + first, ~(low | middle | high) & inside);
        store(expected->stream[0] + first, low & ~middle & inside);
        store(expected->stream[1] + first, middle & ~low & inside);
        store(expected->stream[2] + first, low & middle & inside);
        store(expected->stream[3] + first, high & inside);
    }
}

/* --- planes --- */

static inline size_t chunk_bytes(const snn_context_block *block, size_t chunk)
{
    const size_t left = block->frame_bytes - chunk * SNN_CONTEXT_CHUNK_BYTES;
    return left < SNN_CONTEXT_CHUNK_BYTES ? left : SNN_CONTEXT_CHUNK_BYTES;
}

/* Spikes of a chunk; a short one is filled up with zeros. Bytes are words of the machine, which is the same at both
 * ends of an edge. */
static inline void read_chunk(const snn_context_block *block, int32_t step, size_t chunk, uint64_t *words)
{
    const uint8_t *from = block->planes + (size_t)step * block->frame_bytes + chunk * SNN_CONTEXT_CHUNK_BYTES;
    const size_t bytes = chunk_bytes(block, chunk);
    if (bytes == SNN_CONTEXT_CHUNK_BYTES) {
        memcpy(words, from, SNN_CONTEXT_CHUNK_BYTES);
    } else {
        memset(words, 0, SNN_CONTEXT_CHUNK_BYTES);
        memcpy(words, from, bytes);
    }
}

static inline void write_chunk(const snn_context_block *block, int32_t step, size_t chunk, const uint64_t *words)
{
    uint8_t *to = block->planes + (size_t)step * block->frame_bytes + chunk * SNN_CONTEXT_CHUNK_BYTES;
    memcpy(to, words, chunk_bytes(block, chunk));
}

/* Ones where a chunk has neurons. */
static inline void find_valid(const snn_context_block *block, size_t chunk, uint64_t *valid)
{
    memset(valid, 0, SNN_CONTEXT_CHUNK_BYTES);
    memset(valid, 0xff, chunk_bytes(block, chunk));
}

static inline void move_chunk(const snn_context_block *block, int32_t step, snn_context_chunk *chunk,
                              const uint64_t *spikes)
{
    for (int v = 0; v < VECTORS; v++) {
        move_on(chunk, v * VECTOR_WORDS, load(spikes + v * VECTOR_WORDS), block->increments[step]);
    }
}

static void follow(const snn_context_block *block)
{
    const size_t chunks = snn_context_chunks(block->frame_bytes);
    _Alignas(SNN_ALIGNMENT) uint64_t spikes[SNN_CONTEXT_WORDS];
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        for (int32_t step = 0; step < block->steps; step++) {
            read_chunk(block, step, chunk, spikes);
            move_chunk(block, step, &block->chunks[chunk], spikes);
        }
    }
}

/* --- counting --- */

/* Neurons and spikes of one word in each context: counts [SNN_CONTEXTS][2]. */
static inline void count_word(const snn_context_chunk *chunk, int word, uint64_t valid, uint64_t spikes,
                              uint32_t *counts)
{
    const uint64_t property[] = {chunk->recent[0][word], chunk->recent[1][word], chunk->recent[2][word],
                                 chunk->level[SNN_CONTEXT_LEVEL_BITS - 1][word]};
    uint64_t members[SNN_CONTEXTS];
    members[0] = valid;
    for (int p = 0, sets = 1; sets < SNN_CONTEXTS; p++, sets *= 2) {
        for (int i = sets - 1; i >= 0; i--) {
            members[2 * i + 1] = members[i] & property[p];
            members[2 * i] = members[i] & ~property[p];
        }
    }
    for (int i = 0; i < SNN_CONTEXTS; i++) {
        counts[2 * i] += count_bits(members[i]);
        counts[2 * i + 1] += count_bits(members[i] & spikes);
    }
}

static void count(const snn_context_block *block, size_t stride, uint32_t *counts)
{
    const size_t chunks = snn_context_chunks(block->frame_bytes);
    memset(counts, 0, (size_t)block->steps * SNN_CONTEXTS * 2 * sizeof *counts);
    for (size_t chunk = 0; chunk < chunks; chunk += stride) {
        snn_context_chunk state = block->chunks[chunk];
        _Alignas(SNN_ALIGNMENT) uint64_t valid[SNN_CONTEXT_WORDS], spikes[SNN_CONTEXT_WORDS];
        find_valid(block, chunk, valid);
        for (int32_t step = 0; step < block->steps; step++) {
            read_chunk(block, step, chunk, spikes);
            for (int word = 0; word < SNN_CONTEXT_WORDS; word++) {
                count_word(&state, word, valid[word], spikes[word], counts + (size_t)step * SNN_CONTEXTS * 2);
            }
            move_chunk(block, step, &state, spikes);
        }
    }
}

/* --- streams --- */

typedef struct writer {
    uint64_t *at;
    uint64_t pending; /* bits of *at so far */
    unsigned filled;  /* how many, below 64 */
} writer;

/* `value` has no bits from `bits` on. Without a branch, because how many bits come is a matter of luck. */
static inline void write_bits(writer *to, uint64_t value, unsigned bits)
{
    to->pending |= value << to->filled;
    *to->at = to->pending;
    const unsigned filled = to->filled + bits;
    const uint64_t rest = value >> 1 >> (63 - to->filled);
    const bool full = filled >= 64;
    to->at += full;
    to->pending = full ? rest : to->pending;
    to->filled = filled % 64;
}

static inline uint64_t read_bits(const uint64_t *words, size_t at)
{
    const unsigned shift = (unsigned)(at % 64);
    return words[at / 64] >> shift | words[at / 64 + 1] << 1 << (63 - shift);
}

/* Longer than any block, and short enough that a sum does not wrap around. */
#define LONGEST_DISTANCE ((uint64_t)1 << 40)

typedef struct distances {
    uint8_t *at, *end;
    uint64_t last; /* where the one before was, counted from 1; 0: none yet */
    bool fit;
} distances;

static void write_distance(distances *to, uint64_t place)
{
    uint64_t distance = place - to->last;
    to->last = place;
    while (to->at < to->end) {
        const bool more = distance >= 0x80;
        *to->at = (uint8_t)((distance & 0x7f) | (more ? 0x80 : 0));
        to->at++;
        if (!more) {
            return;
        }
        distance >>= 7;
    }
    to->fit = false;
}

/* Moves on to the next place; UINT64_MAX behind the last. */
static void read_distance(distances *from)
{
    if (from->at == from->end) {
        from->last = UINT64_MAX;
        return;
    }
    uint64_t distance = 0;
    for (unsigned shift = 0; shift < 63 && from->at < from->end; shift += 7) {
        const uint8_t byte = *from->at;
        from->at++;
        distance |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            from->last += distance;
            from->fit = from->fit && distance > 0 && distance < LONGEST_DISTANCE;
            from->last = from->fit ? from->last : UINT64_MAX;
            return;
        }
    }
    from->fit = false;
    from->last = UINT64_MAX;
}

static void write_surprises(distances *to, const uint64_t *surprises, uint64_t place)
{
    for (int word = 0; word < SNN_CONTEXT_WORDS; word++) {
        for (uint64_t left = surprises[word]; left != 0; left &= left - 1) {
            write_distance(to, place + (uint64_t)word * 64 + (uint64_t)__builtin_ctzll(left) + 1);
        }
    }
}

static bool sort(const snn_context_block *block, const snn_context_codes *codes, snn_context_streams *streams)
{
    const size_t chunks = snn_context_chunks(block->frame_bytes);
    writer to[SNN_CONTEXT_STREAMS] = {{0}};
    for (int s = 0; s < SNN_CONTEXT_STREAMS; s++) {
        to[s].at = streams->words[s];
    }
    distances far = {streams->distances, streams->distances + streams->distance_bytes, 0, true};
    uint64_t place = 0;
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        snn_context_chunk *state = &block->chunks[chunk];
        _Alignas(SNN_ALIGNMENT) uint64_t valid[SNN_CONTEXT_WORDS], spikes[SNN_CONTEXT_WORDS];
        _Alignas(SNN_ALIGNMENT) uint64_t surprise[SNN_CONTEXT_WORDS], rare[SNN_CONTEXT_WORDS];
        find_valid(block, chunk, valid);
        for (int32_t step = 0; step < block->steps; step++) {
            expectation expected;
            uint64_t any = 0;
            read_chunk(block, step, chunk, spikes);
            expect(&codes[step], state, valid, &expected);
            for (int word = 0; word < SNN_CONTEXT_WORDS; word++) {
                surprise[word] = spikes[word] ^ expected.spikes[word];
                rare[word] = surprise[word] & expected.sure[word];
                any |= rare[word];
            }
            if (any != 0) {
                write_surprises(&far, rare, place);
            }
            for (int s = 0; s < SNN_CONTEXT_STREAMS; s++) {
                writer stream = to[s];
                for (int word = 0; word < SNN_CONTEXT_WORDS; word++) {
                    const uint64_t mask = expected.stream[s][word];
                    write_bits(&stream, gather_bits(surprise[word], mask), count_bits(mask));
                }
                to[s] = stream;
            }
            move_chunk(block, step, state, spikes);
            place += CHUNK_BITS;
        }
    }
    for (int s = 0; s < SNN_CONTEXT_STREAMS; s++) {
        streams->bits[s] = (size_t)(to[s].at - streams->words[s]) * 64 + to[s].filled;
        to[s].at[0] = to[s].pending;
    }
    streams->distance_bytes = (size_t)(far.at - streams->distances);
    return far.fit;
}

static bool restore(const snn_context_block *block, const snn_context_codes *codes, snn_context_streams *streams)
{
    const size_t chunks = snn_context_chunks(block->frame_bytes);
    size_t at[SNN_CONTEXT_STREAMS] = {0};
    distances far = {streams->distances, streams->distances + streams->distance_bytes, 0, true};
    uint64_t place = 0;
    read_distance(&far);
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        snn_context_chunk *state = &block->chunks[chunk];
        _Alignas(SNN_ALIGNMENT) uint64_t valid[SNN_CONTEXT_WORDS], spikes[SNN_CONTEXT_WORDS];
        find_valid(block, chunk, valid);
        for (int32_t step = 0; step < block->steps; step++) {
            expectation expected;
            expect(&codes[step], state, valid, &expected);
            memcpy(spikes, expected.spikes, sizeof spikes);
            for (; far.last <= place + CHUNK_BITS; read_distance(&far)) {
                const uint64_t bit = far.last - place - 1;
                spikes[bit / 64] ^= (uint64_t)1 << (bit % 64) & expected.sure[bit / 64];
            }
            for (int s = 0; s < SNN_CONTEXT_STREAMS; s++) {
                size_t next = at[s];
                for (int word = 0; word < SNN_CONTEXT_WORDS; word++) {
                    const uint64_t mask = expected.stream[s][word];
                    spikes[word] ^= scatter_bits(read_bits(streams->words[s], next), mask);
                    next += count_bits(mask);
                }
                at[s] = next;
            }
            write_chunk(block, step, chunk, spikes);
            move_chunk(block, step, state, spikes);
            place += CHUNK_BITS;
        }
    }
    memcpy(streams->bits, at, sizeof at);
    streams->distance_bytes = (size_t)(far.at - streams->distances);
    return far.fit && far.last == UINT64_MAX;
}

const snn_context_kernels snn_contexts = {
    .count = count,
    .sort = sort,
    .restore = restore,
    .follow = follow,
    .symbols = &snn_symbols,
};
