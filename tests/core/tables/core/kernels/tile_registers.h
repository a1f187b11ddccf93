/* Tile registers in plain C, so that products in tiles are tested on any machine: what core/kernels/tile_registers.h
 * names, by the description of the instructions. */
#ifndef TESTS_TILE_REGISTERS_H
#define TESTS_TILE_REGISTERS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define tile_configure(shapes)                        software_configure(shapes)
#define tile_zero(tile)                               software_zero(tile)
#define tile_load(tile, from, stride)                 software_load(tile, from, stride)
#define tile_store(tile, to, stride)                  software_store(tile, to, stride)
#define tile_multiply_signed(sums, values, weights)   software_multiply(sums, values, weights, true)
#define tile_multiply_unsigned(sums, values, weights) software_multiply(sums, values, weights, false)
#define tile_release()                                memset(&registers, 0, sizeof registers)

enum { SOFTWARE_TILES = 8, SOFTWARE_ROWS = 16, SOFTWARE_BYTES = 64 };

/* The configuration as it lies in memory, and what it configures. */
static _Thread_local struct {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shapes;
    uint8_t data[SOFTWARE_TILES][SOFTWARE_ROWS][SOFTWARE_BYTES];
} registers;

static inline void software_configure(const void *shapes)
{
    memset(&registers, 0, sizeof registers);
    memcpy(&registers.shapes, shapes, sizeof registers.shapes);
    assert(registers.shapes.palette == 1);
    for (int i = 0; i < SOFTWARE_TILES; i++) {
        assert(registers.shapes.rows[i] <= SOFTWARE_ROWS && registers.shapes.row_bytes[i] <= SOFTWARE_BYTES);
    }
}

static inline void software_zero(int tile)
{
    assert(registers.shapes.palette == 1);
    memset(registers.data[tile], 0, sizeof registers.data[tile]);
}

static inline void software_load(int tile, const void *from, int64_t stride)
{
    software_zero(tile); /* what is behind the shape */
    for (int i = 0; i < registers.shapes.rows[tile]; i++) {
        memcpy(registers.data[tile][i], (const uint8_t *)from + i * stride, registers.shapes.row_bytes[tile]);
    }
}

static inline void software_store(int tile, void *to, int64_t stride)
{
    for (int i = 0; i < registers.shapes.rows[tile]; i++) {
        memcpy((uint8_t *)to + i * stride, registers.data[tile][i], registers.shapes.row_bytes[tile]);
    }
}

static inline void software_multiply(int sums, int values, int weights, bool is_signed)
{
    assert(registers.shapes.rows[sums] == registers.shapes.rows[values]);
    assert(registers.shapes.row_bytes[sums] == registers.shapes.row_bytes[weights]);
    assert(registers.shapes.row_bytes[values] == 4 * registers.shapes.rows[weights]);
    for (int i = 0; i < registers.shapes.rows[sums]; i++) {
        for (int column = 0; column < registers.shapes.row_bytes[sums] / 4; column++) {
            uint32_t sum;
            memcpy(&sum, &registers.data[sums][i][4 * column], sizeof sum);
            for (int k = 0; k < registers.shapes.row_bytes[values]; k++) {
                const uint8_t byte = registers.data[weights][k / 4][4 * column + k % 4];
                const int32_t weight = is_signed ? (int8_t)byte : byte;
                sum += (uint32_t)(registers.data[values][i][k] * weight);
            }
            memcpy(&registers.data[sums][i][4 * column], &sum, sizeof sum);
        }
    }
}

#endif
