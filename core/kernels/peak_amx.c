#include "core/kernels/peak.h"

#include <immintrin.h>

enum { CHAINS = 4, ROWS = 16, ROW_BYTES = 64, PRODUCTS = ROWS * ROWS * ROW_BYTES };

typedef struct tile_configuration {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_configuration;

static const tile_configuration configuration = {.palette = 1,
                                                 .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                                 .rows = {ROWS, ROWS, ROWS, ROWS, ROWS, ROWS, ROWS, ROWS}};

/* Four tiles of sums, two of each factor, as products use them. */
static void run(int64_t rounds)
{
    _tile_loadconfig(&configuration);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (int64_t round = 0; round < rounds; round++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    _tile_release();
}

extern const snn_peak snn_peak_amx;

const snn_peak snn_peak_amx = {
    .name = "amx",
    .instruction = "tdpbssd",
    .bits = 8,
    .products_per_round = CHAINS * PRODUCTS,
    .run = run,
};
