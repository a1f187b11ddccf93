/* Products of bytes in tile registers: 16 target positions in the rows of two tiles of values each, the words of WIDTH
 * rows of weights in the rows of two tiles of weights, four tiles of sums.
 *
 * Values are read in place where neighbouring targets see them at equal distances, and copied where a tile goes over
 * the end of a row of positions. */
#include "core/kernels/tile_registers.h"

#include <string.h>

#include "core/kernels/matrix.h"
#include "core/kernels/words.h"

enum { ROWS = 16, SLICE_WORDS = 16, SLICE_BYTES = SLICE_WORDS * WORD_BYTES, TILES = 8, SUM_TILES = 4 };

typedef struct tile_shapes {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

int64_t snn_tiles_words(int64_t words)
{
    const int64_t slices = (words + SLICE_WORDS - 1) / SLICE_WORDS;
    return (words + slices - 1) / slices;
}

static void configure(int64_t words)
{
    tile_shapes shapes = {.palette = 1};
    for (int tile = 0; tile < TILES; tile++) {
        const bool values = tile == SUM_TILES || tile == SUM_TILES + 1, sums = tile < SUM_TILES;
        shapes.rows[tile] = (uint8_t)(values || sums ? ROWS : words);
        shapes.row_bytes[tile] = (uint16_t)(values ? words * WORD_BYTES : WIDTH * WORD_BYTES);
    }
    tile_configure(&shapes);
}

/* What up to 16 targets see. */
typedef struct sight {
    const uint8_t *first; /* of the first target, in the field */
    int64_t stride;       /* from one to the next, or 0: they are copied to */
    uint8_t *copies;      /* [ROWS][SLICE_BYTES] */
    const int64_t *seen;
    int32_t count;
} sight;

static sight sight_of(const job *j, const int64_t *seen, int64_t left, uint8_t *copies)
{
    sight s = {.first = j->values + seen[0], .copies = copies, .seen = seen};
    s.count = (int32_t)(left < ROWS ? left : ROWS);
    s.stride = s.count == ROWS ? seen[1] - seen[0] : 0;
    for (int32_t i = 1; i + 1 < s.count; i++) {
        s.stride = seen[i + 1] - seen[i] == s.stride ? s.stride : 0;
    }
    return s;
}

/* A tile's worth of what the targets see, from `offset` on; its place and the distance of its rows. */
static const uint8_t *place(const sight *s, int64_t offset, int64_t bytes, int64_t *stride)
{
    if (s->stride != 0) {
        *stride = s->stride;
        return s->first + offset;
    }
    for (int32_t i = 0; i < s->count; i++) {
        memcpy(s->copies + (int64_t)i * SLICE_BYTES, s->first + (s->seen[i] - s->seen[0]) + offset, (size_t)bytes);
    }
    *stride = SLICE_BYTES;
    return s->copies;
}

/* Sums of up to 32 targets with the vectors (or limbs) `weights` and, if `two`, the next one; `second`: NULL if there
 * are no more than 16. */
static inline __attribute__((always_inline)) void multiply(const job *j, const uint8_t *weights, int64_t row_bytes,
                                                           const sight *first, const sight *second, const bool two,
                                                           const bool limbs)
{
    const int64_t words = snn_tiles_words(j->words), bytes = words * WORD_BYTES;
    tile_zero(0);
    tile_zero(1);
    tile_zero(2);
    tile_zero(3);
    for (int32_t segment = 0; segment < j->segment_count; segment++) {
        for (int64_t word = 0; word < j->words; word += words, weights += words * row_bytes) {
            const int64_t offset = j->segments[segment] + word * WORD_BYTES;
            int64_t stride;
            const uint8_t *values = place(first, offset, bytes, &stride);
            __asm__ volatile("" ::: "memory"); /* compilers do not know what tile loads read */
            tile_load(4, values, stride);
            tile_load(6, weights, row_bytes);
            tile_multiply_signed(0, 4, 6);
            if (two) {
                tile_load(7, weights + WIDTH * WORD_BYTES, row_bytes);
                if (limbs) {
                    tile_multiply_unsigned(1, 4, 7);
                } else {
                    tile_multiply_signed(1, 4, 7);
                }
            }
            if (second == NULL) {
                continue;
            }
            values = place(second, offset, bytes, &stride);
            __asm__ volatile("" ::: "memory");
            tile_load(5, values, stride);
            tile_multiply_signed(2, 5, 6);
            if (two) {
                if (limbs) {
                    tile_multiply_unsigned(3, 5, 7);
                } else {
                    tile_multiply_signed(3, 5, 7);
                }
            }
        }
    }
}

/* Adds the first `count` rows of tile sums to `rows` rows of weights. `low`: NULL, or the sums of their low limbs. */
static void add_up(const job *j, const int32_t (*high)[WIDTH], const int32_t (*low)[WIDTH], const int32_t *bias,
                   int32_t count, int32_t rows, int32_t *sums)
{
    for (int32_t i = 0; i < count; i++, sums += j->stride) {
        int32_t total[WIDTH];
        for (int w = 0; w < WIDTH; w++) {
            uint32_t sum = (uint32_t)high[i][w]; /* modulo 2^32 */
            sum = low != NULL ? (sum << 8) + (uint32_t)low[i][w] : sum;
            sum += (uint32_t)bias[w];
            total[w] = (int32_t)(j->coded ? 0 - sum - sum : sum);
        }
        add_sums(sums, load_words(total), rows, j->fresh);
    }
}

/* All that is seen by up to 32 targets, with a pair of vectors or one in two limbs, or a single vector. */
static void run_block(const job *j, int32_t vectors, int32_t index, const sight *first, const sight *second,
                      int32_t *sums)
{
    _Alignas(SNN_ALIGNMENT) int32_t tiles[SUM_TILES][ROWS][WIDTH];
    const bool limbs = j->limbs == 2, two = limbs || index + 1 < vectors;
    const int64_t row_bytes = (int64_t)vectors * j->limbs * WIDTH * WORD_BYTES;
    const uint8_t *weights = j->weights + (int64_t)index * j->limbs * WIDTH * WORD_BYTES;
    if (limbs) {
        multiply(j, weights, row_bytes, first, second, true, true);
    } else if (two) {
        multiply(j, weights, row_bytes, first, second, true, false);
    } else {
        multiply(j, weights, row_bytes, first, second, false, false);
    }
    tile_store(0, tiles[0], WIDTH * WORD_BYTES);
    tile_store(1, tiles[1], WIDTH * WORD_BYTES);
    tile_store(2, tiles[2], WIDTH * WORD_BYTES);
    tile_store(3, tiles[3], WIDTH * WORD_BYTES);
    __asm__ volatile("" ::: "memory");
    for (int32_t v = index; v < vectors && v < index + (limbs ? 1 : 2); v++) {
        const int32_t tile = v - index, rows = v + 1 < vectors ? WIDTH : j->last, *bias = j->bias + v * WIDTH;
        int32_t *to = sums + v * WIDTH;
        add_up(j, tiles[tile], limbs ? tiles[1] : NULL, bias, first->count, rows, to);
        if (second != NULL) {
            add_up(j, tiles[tile + 2], limbs ? tiles[3] : NULL, bias, second->count, rows, to + ROWS * j->stride);
        }
    }
}

void snn_tiles_multiply(const job *j, int32_t vectors, const int64_t *seen, int64_t count, int32_t *sums)
{
    _Alignas(SNN_ALIGNMENT) uint8_t copies[2][ROWS * SLICE_BYTES] = {{0}};
    const int32_t together = j->limbs == 2 ? 1 : 2;
    configure(snn_tiles_words(j->words));
    for (int64_t i = 0; i < count; i += 2 * ROWS) {
        const bool both = count - i > ROWS;
        const sight first = sight_of(j, seen + i, count - i, copies[0]);
        const sight second = both ? sight_of(j, seen + i + ROWS, count - i - ROWS, copies[1]) : first;
        for (int32_t index = 0; index < vectors; index += together) {
            run_block(j, vectors, index, &first, both ? &second : NULL, sums + i * j->stride);
        }
    }
    tile_release(); /* so that the system need not save the registers */
}

void snn_tiles_run(int64_t rounds)
{
    configure(SLICE_WORDS);
    for (int64_t round = 0; round < rounds; round++) {
        tile_multiply_signed(0, 4, 6);
        tile_multiply_signed(1, 4, 7);
        tile_multiply_signed(2, 5, 6);
        tile_multiply_signed(3, 5, 7);
    }
    tile_release();
}
