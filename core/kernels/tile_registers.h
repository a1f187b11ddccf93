/* Tile registers (AMX): eight of 16 rows of up to 64 bytes. A product adds to each 32-bit element of a tile of sums the
 * products of a row of four-byte groups with a column of them; both factors are bytes. Numbers of registers are
 * constants.
 *
 * Tests put a header of the same names before this one, which does the same in plain C. */
#ifndef SNN_KERNELS_TILE_REGISTERS_H
#define SNN_KERNELS_TILE_REGISTERS_H

#include <immintrin.h>

#define tile_configure(shapes)                        _tile_loadconfig(shapes)
#define tile_zero(tile)                               _tile_zero(tile)
#define tile_load(tile, from, stride)                 _tile_loadd(tile, from, stride)
#define tile_store(tile, to, stride)                  _tile_stored(tile, to, stride)
#define tile_multiply_signed(sums, values, weights)   _tile_dpbusd(sums, values, weights) /* unsigned by signed */
#define tile_multiply_unsigned(sums, values, weights) _tile_dpbuud(sums, values, weights)
#define tile_release()                                _tile_release()

#endif
