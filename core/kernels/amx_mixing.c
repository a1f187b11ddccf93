/* Mixing of positions by tiles: rows of the matrix are source tiles, a half of 16 channels' spikes a tile of weights.
 */
#include "core/kernels/mixing.h"

#include <immintrin.h>

enum { SUM_ROW_BYTES = SNN_MIXING_LANES * (int)sizeof(int32_t) };

void snn_amx_mix(const snn_mixing *mixing, const uint8_t *rows, const int8_t *values, snn_mixed *sums)
{
    __asm__ volatile("" ::: "memory"); /* compilers do not know what tile loads read */
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t slice = 0; slice < mixing->slices; slice++) {
        _tile_loadd(4, rows, SNN_MIXING_SLICE);
        _tile_loadd(6, values, SUM_ROW_BYTES);
        _tile_loadd(5, rows + mixing->limb_bytes, SNN_MIXING_SLICE);
        _tile_loadd(7, values + SNN_MIXING_HALF_BYTES, SUM_ROW_BYTES);
        _tile_dpbssd(0, 4, 6);
        _tile_dpbusd(1, 5, 6);
        _tile_dpbssd(2, 4, 7);
        _tile_dpbusd(3, 5, 7);
        rows += 2 * mixing->limb_bytes;
        values += SNN_MIXING_HALVES * SNN_MIXING_HALF_BYTES;
    }
    _tile_stored(0, sums->high[0][0], SUM_ROW_BYTES);
    _tile_stored(1, sums->low[0][0], SUM_ROW_BYTES);
    _tile_stored(2, sums->high[1][0], SUM_ROW_BYTES);
    _tile_stored(3, sums->low[1][0], SUM_ROW_BYTES);
}
