/* The sorting of spikes by context, in every instruction set that this machine has, against one neuron at a time. */
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
    MOST_STEPS = 5,
    MOST_BITS = LARGEST_FRAME * 8 * MOST_STEPS,
    STREAM_WORDS = MOST_BITS / 64 + 2
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

static bool bit_of(const void *bytes, size_t bit)
{
    return (((const uint8_t *)bytes)[bit / 8] >> bit % 8 & 1) != 0;
}

/* One block: what is given, and what a neuron at a time makes of it. */
typedef struct example {
    size_t frame_bytes;
    int32_t steps;
    uint8_t planes[LARGEST_FRAME * MOST_STEPS];
    uint16_t increments[MOST_STEPS];
    uint8_t code[MOST_STEPS][SNN_CONTEXTS];
    snn_context_codes codes[MOST_STEPS];
    uint16_t level[LARGEST_FRAME * 8];
    uint8_t recent[LARGEST_FRAME * 8]; /* bit 0: the step before */
    uint32_t counts[MOST_STEPS][SNN_CONTEXTS][2];
    bool stream[SNN_CONTEXT_STREAMS][MOST_BITS];
    size_t bits[SNN_CONTEXT_STREAMS];
    size_t rare; /* surprises of class 0 */
} example;

static unsigned context_of(const example *made, size_t neuron)
{
    const unsigned recent = made->recent[neuron];
    return (recent & 1) << 3 | (recent & 2) << 1 | (recent & 4) >> 1 | made->level[neuron] >> 15;
}

/* Neurons come in the order of chunks, within them of steps. */
static void run_naively(example *made)
{
    memset(made->counts, 0, sizeof made->counts);
    memset(made->bits, 0, sizeof made->bits);
    made->rare = 0;
    for (size_t begin = 0; begin < made->frame_bytes * 8; begin += 512) {
        const size_t end = begin + 512 < made->frame_bytes * 8 ? begin + 512 : made->frame_bytes * 8;
        for (int32_t step = 0; step < made->steps; step++) {
            for (size_t neuron = begin; neuron < end; neuron++) {
                const bool spike = bit_of(made->planes + (size_t)step * made->frame_bytes, neuron);
                const unsigned context = context_of(made, neuron), code = made->code[step][context], class = code & 7;
                const bool surprise = spike != (code >> 3 != 0);
                made->counts[step][context][0]++;
                made->counts[step][context][1] += spike;
                if (class == 0) {
                    made->rare += surprise;
                } else {
                    made->stream[class - 1][made->bits[class - 1]++] = surprise;
                }
                const int32_t change = spike ? -(int32_t)made->increments[step] : made->increments[step];
                made->level[neuron] = (uint16_t)(made->level[neuron] + change);
                made->recent[neuron] = (uint8_t)(made->recent[neuron] << 1 | spike);
            }
        }
    }
}

static void draw_block(example *made, uint64_t *random)
{
    for (size_t i = 0; i < sizeof made->planes; i++) {
        made->planes[i] = (uint8_t)draw(random);
    }
    for (int32_t step = 0; step < made->steps; step++) {
        made->increments[step] = (uint16_t)(draw(random) % 9000 + 1);
        for (int context = 0; context < SNN_CONTEXTS; context++) {
            const unsigned code = (unsigned)(draw(random) % (SNN_CONTEXT_STREAMS + 1) | (draw(random) & 8));
            made->code[step][context] = (uint8_t)code;
            for (int bit = 0; bit < SNN_CONTEXT_CODE_BITS; bit++) {
                made->codes[step].bit[bit][context] = (code >> bit & 1) != 0 ? UINT64_MAX : 0;
            }
        }
    }
}

/* Arrays of one instruction set. */
typedef struct sorted {
    snn_context_chunk *chunks[3]; /* of who sorts, restores, follows */
    uint64_t *words[SNN_CONTEXT_STREAMS];
    uint8_t *distances;
    uint8_t restored[LARGEST_FRAME * MOST_STEPS + 16];
} sorted;

static void sorted_begin(sorted *made, size_t frame_bytes)
{
    for (int i = 0; i < 3; i++) {
        made->chunks[i] = snn_allocate(snn_context_chunks(frame_bytes), sizeof *made->chunks[i]);
    }
    for (int s = 0; s < SNN_CONTEXT_STREAMS; s++) {
        made->words[s] = snn_allocate(STREAM_WORDS, sizeof *made->words[s]);
    }
    made->distances = snn_allocate(MOST_BITS, 1);
}

static void sorted_end(sorted *made)
{
    for (int i = 0; i < 3; i++) {
        snn_release(made->chunks[i]);
    }
    for (int s = 0; s < SNN_CONTEXT_STREAMS; s++) {
        snn_release(made->words[s]);
    }
    snn_release(made->distances);
}

static snn_context_streams streams_of(const sorted *made, size_t distance_bytes)
{
    snn_context_streams streams = {.distances = made->distances, .distance_bytes = distance_bytes};
    memcpy(streams.words, made->words, sizeof streams.words);
    return streams;
}

/* Count, sort, restore and follow one block, each from the same beginning. */
static void check_block(const snn_context_kernels *kernels, example *made, sorted *arrays)
{
    snn_context_block block = {.planes = made->planes,
                               .frame_bytes = made->frame_bytes,
                               .steps = made->steps,
                               .increments = made->increments,
                               .chunks = arrays->chunks[0]};
    uint32_t counts[MOST_STEPS][SNN_CONTEXTS][2];
    kernels->count(&block, 1, &counts[0][0][0]);
    assert_memory_equal(counts, made->counts, (size_t)made->steps * sizeof counts[0]);

    snn_context_streams streams = streams_of(arrays, MOST_BITS);
    assert_true(kernels->sort(&block, made->codes, &streams));
    for (int s = 0; s < SNN_CONTEXT_STREAMS; s++) {
        assert_int_equal(streams.bits[s], made->bits[s]);
        for (size_t bit = 0; bit < made->bits[s]; bit++) {
            assert_int_equal(bit_of(streams.words[s], bit), made->stream[s][bit]);
        }
    }
    assert_true(streams.distance_bytes >= made->rare);
    assert_true(made->rare > 0 || streams.distance_bytes == 0);

    const size_t bytes = made->frame_bytes * (size_t)made->steps;
    memset(arrays->restored, 0xa5, sizeof arrays->restored);
    block.planes = arrays->restored;
    block.chunks = arrays->chunks[1];
    streams = streams_of(arrays, streams.distance_bytes);
    assert_true(kernels->restore(&block, made->codes, &streams));
    assert_memory_equal(arrays->restored, made->planes, bytes);
    assert_int_equal(arrays->restored[bytes], 0xa5);
    for (int s = 0; s < SNN_CONTEXT_STREAMS; s++) {
        assert_int_equal(streams.bits[s], made->bits[s]);
    }

    block.planes = made->planes;
    block.chunks = arrays->chunks[2];
    kernels->follow(&block);
    const size_t state = snn_context_chunks(made->frame_bytes) * sizeof(snn_context_chunk);
    assert_memory_equal(arrays->chunks[0], arrays->chunks[1], state);
    assert_memory_equal(arrays->chunks[0], arrays->chunks[2], state);
}

static void check_tables(void (*check)(const snn_context_kernels *kernels))
{
    int32_t tables = 0;
    const snn_kernels *const *all = all_tables(&tables);
    for (int32_t i = 0; i < tables; i++) {
        if (all[i]->available()) {
            check(all[i]->contexts);
        }
    }
}

static void check_sorting(const snn_context_kernels *kernels)
{
    uint64_t random = 1;
    example *made = snn_allocate(1, sizeof *made);
    for (int i = 0; i < 60; i++) {
        memset(made, 0, sizeof *made);
        made->frame_bytes = 1 + draw(&random) % LARGEST_FRAME;
        sorted arrays;
        sorted_begin(&arrays, made->frame_bytes);
        for (int block = 0; block < 3; block++) {
            made->steps = 1 + (int32_t)(draw(&random) % MOST_STEPS);
            draw_block(made, &random);
            run_naively(made);
            check_block(kernels, made, &arrays);
        }
        sorted_end(&arrays);
    }
    snn_release(made);
}

static void test_sorting(void **state)
{
    (void)state;
    check_tables(check_sorting);
}

/* Distances that do not fit, and such as no encoder writes. */
static void check_distances(const snn_context_kernels *kernels)
{
    example *made = snn_allocate(1, sizeof *made);
    uint64_t random = 2;
    made->frame_bytes = 150;
    made->steps = 3;
    draw_block(made, &random);
    memset(made->codes, 0, sizeof made->codes); /* all silent and sure: each spike is a surprise of class 0 */
    memset(made->planes, 0, sizeof made->planes);
    made->planes[2] = 1;            /* chunk 0, step 0, neuron 16 */
    made->planes[150 + 149] = 0x80; /* chunk 2, step 1, neuron 1199 */
    sorted arrays;
    sorted_begin(&arrays, made->frame_bytes);
    snn_context_block block = {made->planes, made->frame_bytes, made->steps, made->increments, arrays.chunks[0]};
    snn_context_streams streams = streams_of(&arrays, 2);
    assert_false(kernels->sort(&block, made->codes, &streams)); /* three bytes would do */
    block.chunks = arrays.chunks[1];
    kernels->follow(&block);
    assert_memory_equal(arrays.chunks[0], arrays.chunks[1], 3 * sizeof(snn_context_chunk));

    memset(arrays.chunks[0], 0, 3 * sizeof(snn_context_chunk));
    block.chunks = arrays.chunks[0];
    streams = streams_of(&arrays, MOST_BITS);
    assert_true(kernels->sort(&block, made->codes, &streams));
    const unsigned second = 2 * 3 * 512 + 512 + 1199 - 1024 + 1, distance = second - 17; /* places count from 1 */
    assert_int_equal(streams.distance_bytes, 3);
    assert_int_equal(arrays.distances[0], 17);
    assert_int_equal(arrays.distances[1], 0x80 | (distance & 0x7f));
    assert_int_equal(arrays.distances[2], distance >> 7);

    static const uint8_t wrong[][12] = {{1, 0},                /* no distance */
                                        {2, 5, 0x85},          /* goes on behind the end */
                                        {3, 0xff, 0xff, 0x7f}, /* behind the block */
                                        {10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 127}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        memcpy(arrays.distances, wrong[i] + 1, wrong[i][0]);
        streams = streams_of(&arrays, wrong[i][0]);
        block.planes = arrays.restored;
        assert_false(kernels->restore(&block, made->codes, &streams));
    }
    sorted_end(&arrays);
    snn_release(made);
}

static void test_distances(void **state)
{
    (void)state;
    check_tables(check_distances);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorting),
        cmocka_unit_test(test_distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
