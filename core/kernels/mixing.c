/* What products that mix positions are besides a matrix product: the matrix as bytes, spikes as bytes, weighted sums.
 */
#include "core/kernels/mixing.h"

#include <immintrin.h>
#include <string.h>

#include "core/base/memory.h"

enum { CHANNELS = SNN_MIXING_LANES * SNN_MIXING_HALVES, LIMBS = 2, LIMB_BITS = 8 };

static int64_t round_up(int64_t value, int64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

bool snn_mixing_suits(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    return op->kind == SNN_OPERATOR_TOKENS && !packed->real && !op->pooled && packed->row_begin < packed->row_end;
}

/* Bytes before the matrix: a cache line's multiple. */
static int64_t weight_bytes(const snn_packed *packed)
{
    return round_up((packed->row_end - packed->row_begin) * (int64_t)sizeof(int32_t), SNN_MIXING_SLICE);
}

static snn_mixing mixing_of(const snn_packed *packed)
{
    const snn_operator *op = &packed->projection->op;
    snn_mixing mixing = {.sources = snn_shape_positions(op->source), .targets = snn_shape_positions(op->target)};
    mixing.slices = (mixing.sources + SNN_MIXING_SLICE - 1) / SNN_MIXING_SLICE;
    /* Rows behind the last target position, for whoever begins at that one. */
    mixing.limb_bytes = (mixing.targets + SNN_MIXING_ROWS - 1) * SNN_MIXING_SLICE;
    if (packed->data != NULL) {
        mixing.weights = packed->data;
        mixing.matrix = (const uint8_t *)packed->data + weight_bytes(packed);
    }
    return mixing;
}

snn_status snn_mixing_pack(const snn_projection *projection, uint8_t flip, snn_packed *packed)
{
    const int64_t rows = packed->row_end - packed->row_begin, skipped = packed->row_begin - projection->row_begin;
    snn_mixing mixing = mixing_of(packed);
    packed->bytes = weight_bytes(packed) + mixing.slices * LIMBS * mixing.limb_bytes;
    packed->data = snn_allocate((size_t)packed->bytes, 1);
    if (packed->data == NULL) {
        return snn_out_of_memory("packed weights");
    }
    memcpy(packed->data, (const int32_t *)projection->weights + skipped, (size_t)rows * sizeof(int32_t));
    uint8_t *matrix = (uint8_t *)packed->data + weight_bytes(packed);
    for (int64_t slice = 0; slice < mixing.slices; slice++) {
        uint8_t *high = matrix + slice * LIMBS * mixing.limb_bytes, *low = high + mixing.limb_bytes;
        memset(high, flip, (size_t)mixing.limb_bytes);
        for (int64_t target = 0; target < mixing.targets; target++) {
            const int64_t begin = slice * SNN_MIXING_SLICE, left = mixing.sources - begin;
            const int64_t count = left < SNN_MIXING_SLICE ? left : SNN_MIXING_SLICE;
            const int16_t *elements = (const int16_t *)projection->mixing + target * mixing.sources + begin;
            for (int64_t k = 0; k < count; k++) {
                high[target * SNN_MIXING_SLICE + k] = (uint8_t)(elements[k] >> LIMB_BITS) ^ flip;
                low[target * SNN_MIXING_SLICE + k] = (uint8_t)elements[k];
            }
        }
    }
    return snn_ok();
}

int64_t snn_mixing_scratch(const snn_packed *packed)
{
    const snn_mixing mixing = mixing_of(packed);
    return mixing.slices * SNN_MIXING_HALVES * SNN_MIXING_HALF_BYTES + (int64_t)sizeof(snn_mixed);
}

/* 32 channels' spikes of one source position, from bit `bit` of its row on; channels behind the last are whatever lies
 * there. */
static uint32_t load_channels(const uint8_t *row, int64_t bit)
{
    uint64_t bits;
    memcpy(&bits, row + bit / 8, sizeof bits); /* arrays have readable bytes behind them */
    return (uint32_t)(bits >> (bit % 8));
}

/* 16 channels' spikes of four source positions as +1 and -1, a channel's four side by side. */
static void expand_quad(const uint32_t bits[SNN_MIXING_QUAD], int shift, int8_t *values)
{
    uint64_t mask = 0;
    for (int i = 0; i < SNN_MIXING_QUAD; i++) {
        mask |= _pdep_u64(bits[i] >> shift & 0xffff, 0x1111111111111111U << i);
    }
    _mm512_store_si512(values, _mm512_mask_set1_epi8(_mm512_set1_epi8(-1), mask, 1));
}

/* One step of one image: 32 channels from `channel` of the source on. Values of source positions behind the last are
 * multiplied with zeros of the matrix; they only have to be there. */
static void expand(const snn_mixing *mixing, const snn_spikes *source, const uint8_t *plane, int64_t channel,
                   int8_t *values)
{
    const uint8_t *row = plane;
    for (int64_t slice = 0; slice < mixing->slices; slice++, values += SNN_MIXING_HALVES * SNN_MIXING_HALF_BYTES) {
        for (int64_t quad = 0; quad < SNN_MIXING_SLICE / SNN_MIXING_QUAD; quad++) {
            const int64_t first = slice * SNN_MIXING_SLICE + quad * SNN_MIXING_QUAD;
            uint32_t bits[SNN_MIXING_QUAD] = {0};
            for (int64_t i = 0; i < SNN_MIXING_QUAD && first + i < mixing->sources; i++, row += source->row_bytes) {
                bits[i] = load_channels(row, channel);
            }
            int8_t *at = values + quad * SNN_MIXING_QUAD * SNN_MIXING_LANES;
            expand_quad(bits, 0, at);
            expand_quad(bits, SNN_MIXING_LANES, at + SNN_MIXING_HALF_BYTES);
        }
    }
}

/* snn_tokens_weighted of 16 channels: the middle 32 of each product's 64 bits, rounded. */
static __m512i weighted(__m512i weights, __m512i sums)
{
    const __m512i half = _mm512_set1_epi64(1 << (SNN_TOKENS_FRACTION_BITS - 1));
    const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(weights, sums), half);
    const __m512i odd =
        _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(weights, 32), _mm512_srli_epi64(sums, 32)), half);
    return _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, SNN_TOKENS_FRACTION_BITS),
                                   _mm512_slli_epi64(odd, 32 - SNN_TOKENS_FRACTION_BITS));
}

/* Adds `rows` positions' weighted sums of up to 32 channels into the accumulator [position][owned]. */
static void add_sums(const snn_mixed *sums, const int32_t *weights, int32_t channels, int64_t rows, int64_t owned,
                     int32_t *accumulator)
{
    for (int half = 0; half * SNN_MIXING_LANES < channels; half++) {
        const int32_t left = channels - half * SNN_MIXING_LANES;
        const uint32_t all = 0xffff;
        const __mmask16 mask = (__mmask16)(left >= SNN_MIXING_LANES ? all : all >> (SNN_MIXING_LANES - left));
        const __m512i weight = _mm512_maskz_loadu_epi32(mask, weights + half * SNN_MIXING_LANES);
        int32_t *to = accumulator + half * SNN_MIXING_LANES;
        for (int64_t row = 0; row < rows; row++, to += owned) {
            const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(_mm512_load_si512(sums->high[half][row]), LIMB_BITS),
                                                 _mm512_load_si512(sums->low[half][row]));
            const __m512i before = _mm512_maskz_loadu_epi32(mask, to);
            _mm512_mask_storeu_epi32(to, mask, _mm512_add_epi32(before, weighted(weight, sum)));
        }
    }
}

void snn_mixing_project(const snn_packed *packed, const snn_spikes *source, const snn_tile *tile,
                        snn_mixing_multiply *multiply)
{
    const snn_operator *op = &packed->projection->op;
    const snn_mixing mixing = mixing_of(packed);
    const int32_t rows = packed->row_end - packed->row_begin;
    const int64_t positions = tile->position_end - tile->position_begin;
    const int64_t owned = tile->channel_end - tile->channel_begin;
    snn_mixed *sums = tile->scratch;
    int8_t *values = (int8_t *)(sums + 1);
    int32_t *step_sums = (int32_t *)tile->accumulator + op->target_channel + packed->row_begin - tile->channel_begin;
    for (int32_t step = 0; step < tile->steps; step++, step_sums += positions * owned) {
        const uint8_t *plane = snn_spikes_plane(source, step, tile->image);
        for (int32_t first = 0; first < rows; first += CHANNELS) {
            expand(&mixing, source, plane, op->source_channel + packed->row_begin + first, values);
            for (int64_t i = 0; i < positions; i += SNN_MIXING_ROWS) {
                const int64_t left = positions - i;
                multiply(&mixing, mixing.matrix + (tile->position_begin + i) * SNN_MIXING_SLICE, values, sums);
                add_sums(sums, mixing.weights + first, rows - first < CHANNELS ? rows - first : CHANNELS,
                         left < SNN_MIXING_ROWS ? left : SNN_MIXING_ROWS, owned, step_sums + i * owned + first);
            }
        }
    }
}
