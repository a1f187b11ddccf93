/* Windows as symbols and their coding, in every instruction set that this machine has, against one neuron at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/kernels/contexts.h"
#include "tests/core/tables/tables.h"

enum {
    LARGEST_FRAME = 200,
    MOST_SYMBOLS = LARGEST_FRAME * 8,
    MOST_BEFORE = 300,
    SLOTS = 1 << SNN_SYMBOL_PRECISION,
    MOST_BYTES = 2 * MOST_SYMBOLS + 64
};

/* splitmix64 */
static uint64_t draw(uint64_t *random)
{
    *random += 0x9e3779b97f4a7c15u;
    uint64_t z = *random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static const snn_symbol_kernels *kernels; /* those under test */

static void test_split_and_join(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 200; i++) {
        const size_t frame = draw(&random) % LARGEST_FRAME + 1;
        const int32_t steps = (int32_t)(draw(&random) % 8) + 1;
        uint8_t *planes = snn_allocate((size_t)steps, frame), *joined = snn_allocate((size_t)steps, frame);
        uint8_t *symbols = snn_allocate(frame, 8);
        for (size_t byte = 0; byte < (size_t)steps * frame; byte++) {
            planes[byte] = (uint8_t)draw(&random);
        }
        kernels->split(planes, frame, steps, symbols);
        for (size_t n = 0; n < 8 * frame; n++) {
            unsigned symbol = 0;
            for (int32_t step = 0; step < steps; step++) {
                symbol = symbol << 1 | ((unsigned)planes[(size_t)step * frame + n / 8] >> n % 8 & 1U);
            }
            assert_int_equal(symbols[n], symbol);
        }
        kernels->join(symbols, frame, steps, joined);
        assert_memory_equal(joined, planes, (size_t)steps * frame);
        snn_release(planes);
        snn_release(joined);
        snn_release(symbols);
    }
}

/* A block of symbols in groups, with what neighbours there are. */
typedef struct example {
    size_t count;
    uint32_t lanes;
    uint8_t symbols[MOST_SYMBOLS], groups[MOST_SYMBOLS];
    uint8_t levels[MOST_BEFORE + MOST_SYMBOLS];
    snn_symbol_neighbours neighbours;
    uint32_t frequency[SNN_SYMBOL_GROUPS][SNN_SYMBOLS];
} example;

static void draw_example(example *made, uint64_t *random)
{
    static const size_t counts[] = {1, 3, 4, 31, 32, 33, 64, 95, 1000, MOST_SYMBOLS};
    made->count = counts[draw(random) % (sizeof counts / sizeof counts[0])];
    made->lanes = draw(random) % 2 == 0 ? SNN_SYMBOL_LANES : 4;
    made->neighbours = (snn_symbol_neighbours){.near = draw(random) % 40 + 1, .far = draw(random) % MOST_BEFORE + 1};
    made->neighbours.levels = made->levels + MOST_BEFORE;
    memset(made->levels, 0, sizeof made->levels);
    const unsigned spread = (unsigned)(draw(random) % SNN_SYMBOLS) + 1;
    for (int i = 0; i < SNN_SYMBOLS; i++) {
        made->neighbours.level[i] = (uint8_t)(draw(random) % SNN_SYMBOL_LEVELS);
    }
    for (int i = 0; i < SNN_SYMBOL_NEIGHBOURS; i++) {
        made->neighbours.group[i] = (uint8_t)(draw(random) % SNN_SYMBOL_GROUPS);
    }
    for (size_t n = 0; n < made->count; n++) {
        made->symbols[n] = (uint8_t)(draw(random) % 2 == 0 ? 255 : draw(random) % spread);
        made->groups[n] = (uint8_t)(draw(random) % SNN_SYMBOL_GROUPS);
    }
}

/* Frequencies of a few symbols that occur and some that do not: whatever adds up will do. */
static void draw_frequencies(example *made, uint64_t *random)
{
    bool occurs[SNN_SYMBOL_GROUPS][SNN_SYMBOLS] = {{false}};
    for (size_t n = 0; n < made->count; n++) {
        occurs[made->groups[n]][made->symbols[n]] = true;
    }
    for (int group = 0; group < SNN_SYMBOL_GROUPS; group++) {
        uint32_t left = SLOTS, *frequency = made->frequency[group];
        for (int symbol = 0; symbol < SNN_SYMBOLS; symbol++) {
            frequency[symbol] = occurs[group][symbol] ? 1 : 0;
            left -= frequency[symbol];
        }
        while (left > 0) {
            const uint32_t more = draw(random) % 8 == 0 ? left : (uint32_t)(draw(random) % left) + 1;
            const unsigned symbol = (unsigned)(draw(random) % SNN_SYMBOLS);
            frequency[symbol] += more;
            left -= more;
        }
    }
}

static void test_contexts(void **state)
{
    (void)state;
    uint64_t random = 2;
    static example made;
    for (int i = 0; i < 100; i++) {
        uint8_t groups[MOST_SYMBOLS], quiet[MOST_SYMBOLS], was_quiet[MOST_SYMBOLS];
        static uint32_t counts[SNN_SYMBOL_GROUPS][SNN_SYMBOLS], expected[SNN_SYMBOL_GROUPS][SNN_SYMBOLS];
        draw_example(&made, &random);
        const snn_symbol_neighbours *neighbours = &made.neighbours;
        kernels->find_levels(made.symbols, made.count, neighbours);
        kernels->group_first(made.count, neighbours, groups);
        kernels->count(made.symbols, groups, made.count, counts);
        memset(expected, 0, sizeof expected);
        for (size_t n = 0; n < made.count; n++) {
            const unsigned near = n < neighbours->near ? 0 : neighbours->level[made.symbols[n - neighbours->near]];
            const unsigned far = n < neighbours->far ? 0 : neighbours->level[made.symbols[n - neighbours->far]];
            assert_int_equal(groups[n], neighbours->group[near + far]);
            expected[groups[n]][made.symbols[n]]++;
            quiet[n] = was_quiet[n] = (uint8_t)(draw(&random) % 2);
        }
        assert_memory_equal(counts, expected, sizeof counts);
        kernels->group_next(made.symbols, made.count, 255, neighbours->group, quiet, groups);
        for (size_t n = 0; n < made.count; n++) {
            const unsigned still = was_quiet[n] != 0 && made.symbols[n] == 255 ? 1 : 0;
            assert_int_equal(quiet[n], still);
            assert_int_equal(groups[n], neighbours->group[made.symbols[n] % 8 * 2 + still]);
        }
    }
}

static uint32_t beginning_of(const example *made, size_t n)
{
    uint32_t begin = 0;
    for (int symbol = 0; symbol < made->symbols[n]; symbol++) {
        begin += made->frequency[made->groups[n]][symbol];
    }
    return begin;
}

/* Words as the definition has them, the last written first; states at the end. Returns how many words. */
static size_t encode_naively(const example *made, uint32_t state[SNN_SYMBOL_LANES], uint16_t *words)
{
    size_t count = 0;
    for (uint32_t lane = 0; lane < SNN_SYMBOL_LANES; lane++) {
        state[lane] = SNN_SYMBOL_STATE;
    }
    for (size_t n = made->count; n-- > 0;) {
        uint32_t *of = &state[n % made->lanes];
        const uint64_t frequency = made->frequency[made->groups[n]][made->symbols[n]];
        /* Coding must keep a state below 2^31. */
        if ((*of / frequency << SNN_SYMBOL_PRECISION) >= (uint64_t)1 << 31) {
            words[count] = (uint16_t)*of;
            count++;
            *of >>= 16;
        }
        *of = (uint32_t)((*of / frequency << SNN_SYMBOL_PRECISION) + *of % frequency + beginning_of(made, n));
    }
    return count;
}

static void fill_codes(const example *made, snn_symbol_codes *codes, uint32_t *slots)
{
    for (int group = 0; group < SNN_SYMBOL_GROUPS; group++) {
        uint32_t begin = 0;
        for (uint32_t symbol = 0; symbol < SNN_SYMBOLS; symbol++) {
            const uint32_t frequency = made->frequency[group][symbol];
            if (frequency > 0) {
                codes->reciprocal[group][symbol] = (((uint64_t)1 << 44) + frequency - 1) / frequency;
                codes->share[group][symbol] = begin << 16 | (frequency - 1);
            }
            for (uint32_t within = 0; within < frequency; within++) {
                slots[group * SLOTS + (int)begin] = snn_symbol_slot(symbol, frequency, within);
                begin++;
            }
        }
        assert_int_equal(begin, SLOTS);
    }
}

/* Encodes an example, against the definition; its words in `bytes` end at MOST_BYTES. */
static void check_encoding(const example *made, const snn_symbol_codes *codes, uint8_t *bytes,
                           snn_symbol_stream *stream)
{
    static uint16_t words[MOST_SYMBOLS];
    uint32_t state[SNN_SYMBOL_LANES];
    const size_t count = encode_naively(made, state, words);
    *stream = (snn_symbol_stream){.lanes = made->lanes, .at = bytes + MOST_BYTES, .limit = bytes};
    for (uint32_t lane = 0; lane < SNN_SYMBOL_LANES; lane++) {
        stream->state[lane] = SNN_SYMBOL_STATE;
    }
    assert_true(kernels->encode(made->symbols, made->groups, made->count, codes, stream));
    assert_int_equal(bytes + MOST_BYTES - stream->at, 2 * count);
    for (size_t word = 0; word < count; word++) {
        const uint8_t *at = bytes + MOST_BYTES - 2 * (word + 1);
        assert_int_equal(at[0] | at[1] << 8, words[word]);
    }
    assert_memory_equal(stream->state, state, sizeof state);
    snn_symbol_stream narrow = *stream;
    narrow.at = bytes + MOST_BYTES;
    narrow.limit = narrow.at - (count > 0 ? 2 * count - 1 : 0);
    memcpy(narrow.state, stream->state, sizeof narrow.state);
    if (count > 0) { /* a byte too few */
        static uint8_t copy[MOST_BYTES];
        memcpy(copy, bytes, MOST_BYTES);
        for (uint32_t lane = 0; lane < SNN_SYMBOL_LANES; lane++) {
            narrow.state[lane] = SNN_SYMBOL_STATE;
        }
        assert_false(kernels->encode(made->symbols, made->groups, made->count, codes, &narrow));
        assert_memory_equal(bytes, copy, (size_t)(narrow.limit - bytes));
        memcpy(bytes, copy, MOST_BYTES);
    }
}

/* first: groups are those of neighbours. */
static void check_decoding(const example *made, bool first, const uint32_t *slots, uint8_t *bytes,
                           const snn_symbol_stream *encoded)
{
    static uint8_t symbols[MOST_SYMBOLS], levels[MOST_BEFORE + MOST_SYMBOLS];
    snn_symbol_neighbours neighbours = made->neighbours;
    memset(levels, 0, sizeof levels);
    neighbours.levels = levels + MOST_BEFORE;
    for (int missing = 0; missing < 2; missing++) {
        snn_symbol_stream stream = *encoded;
        stream.limit = bytes + MOST_BYTES - missing;
        memset(symbols, 0, sizeof symbols);
        const bool whole = first ? kernels->decode_first(&neighbours, made->count, slots, &stream, symbols)
                                 : kernels->decode(made->groups, made->count, slots, &stream, symbols);
        if (missing > 0) {
            assert_int_equal(whole, encoded->at == bytes + MOST_BYTES ? whole : false);
            continue;
        }
        assert_true(whole);
        assert_memory_equal(symbols, made->symbols, made->count);
        assert_ptr_equal(stream.at, bytes + MOST_BYTES);
        for (uint32_t lane = 0; lane < made->lanes; lane++) {
            assert_int_equal(stream.state[lane], SNN_SYMBOL_STATE);
        }
        if (first) {
            assert_memory_equal(levels, made->levels, MOST_BEFORE + made->count);
        }
    }
}

static void test_coding(void **state)
{
    (void)state;
    uint64_t random = 3;
    static example made;
    static uint8_t bytes[MOST_BYTES + SNN_SYMBOL_MARGIN];
    snn_symbol_codes *codes = snn_allocate(1, sizeof *codes);
    uint32_t *slots = snn_allocate((size_t)SNN_SYMBOL_GROUPS * SLOTS, sizeof *slots);
    for (int i = 0; i < 150; i++) {
        const bool first = i % 2 != 0;
        snn_symbol_stream stream;
        draw_example(&made, &random);
        kernels->find_levels(made.symbols, made.count, &made.neighbours);
        if (first) {
            kernels->group_first(made.count, &made.neighbours, made.groups);
        }
        draw_frequencies(&made, &random);
        fill_codes(&made, codes, slots);
        check_encoding(&made, codes, bytes, &stream);
        check_decoding(&made, first, slots, bytes, &stream);
    }
    snn_release(codes);
    snn_release(slots);
}

int main(void)
{
    int32_t tables = 0;
    const snn_kernels *const *all = all_tables(&tables);
    int failed = 0;
    for (int32_t table = 0; table < tables; table++) {
        if (!all[table]->available()) {
            print_message("%s: not on this machine\n", all[table]->name);
            continue;
        }
        kernels = all[table]->contexts->symbols;
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_split_and_join),
            cmocka_unit_test(test_contexts),
            cmocka_unit_test(test_coding),
        };
        failed += cmocka_run_group_tests_name(all[table]->name, tests, NULL, NULL);
    }
    return failed;
}
