/* The neuron step that networks spend their time in, inline: ReLU, 16 channels of two positions side by side, x and y
 * in registers from the first step of a block to the last. What multiplies puts single steps between the tiles'
 * instructions (amx_fused.c): the processor then finds work for its vector units wherever tiles keep it waiting. A few
 * steps at a time would fill what it looks ahead, and tiles and vectors would take turns.
 *
 * The same operations on the same values as in neurons.c. */
#ifndef SNN_KERNELS_AMX_STEPS_H
#define SNN_KERNELS_AMX_STEPS_H

#include <string.h>

#include "core/kernels/amx_neurons.h"
#include "core/kernels/lanes.h"

#define SNN_AMX_INLINE static inline __attribute__((always_inline))

/* What a caller knows when it is compiled, so that a step has no branches. */
typedef struct snn_amx_case {
    bool simple;    /* what this file is for; else the other members do not matter */
    bool two_limbs; /* 256 high + low; else low alone */
    bool added;     /* the sums of a diagonal projection */
    bool others;    /* those of other projections */
} snn_amx_case;

/* Two positions at work: a local variable of the caller, that compilers keep in registers. Pointers are those of the
 * next step. */
typedef struct snn_amx_stepper {
    __m512 x0, x1, y0, y1;
    snn_amx_lane_step *step, *end;
    const int32_t *low0, *low1; /* sums [step][16] */
    int64_t high;               /* from these to the sums of the high limb */
    const int32_t *others0, *others1;
    const uint8_t *added0, *added1;
    uint8_t *row0, *row1;
} snn_amx_stepper;

/* Floats from 128 to 256 are multiples of 2^-16, the unit of tracking errors: as integers they count up with the error
 * from that of 128 on. */
#define SNN_AMX_ERROR_ZERO 128.0F
#define SNN_AMX_ERROR_BIAS 0x43000000U

/* |y - target| in units of the statistics, rounded, and SNN_AMX_ERROR_BIAS: what snn_vector_error says, also
 * with NaN. The magnitude is the smaller one of the distance's and the limit's. */
SNN_AMX_INLINE __m512i snn_amx_biased_error(__m512 y, __m512 target)
{
    enum { SMALLER_MAGNITUDE = 2, NO_SIGN = 8 };
    const __m512 distance =
        _mm512_range_ps(_mm512_sub_ps(y, target), _mm512_set1_ps(SNN_ERROR_LARGEST), SMALLER_MAGNITUDE | NO_SIGN);
    return _mm512_castps_si512(_mm512_add_ps(distance, _mm512_set1_ps(SNN_AMX_ERROR_ZERO)));
}

/* Where fired, y goes down by eta, else up. */
SNN_AMX_INLINE __m512 snn_amx_move(__m512 y, __m512 eta, __mmask16 fired)
{
    return _mm512_mask_sub_ps(_mm512_add_ps(y, eta), fired, y, eta);
}

SNN_AMX_INLINE void snn_amx_store_bits(uint8_t *row, __mmask16 fired)
{
    const uint16_t bits = (uint16_t)_cvtmask16_u32(fired);
    memcpy(row, &bits, sizeof bits);
}

/* +weight where the diagonal's source fired, -weight elsewhere. */
SNN_AMX_INLINE __m512i snn_amx_added_sum(const uint8_t *row, const snn_amx_lanes *lanes)
{
    uint32_t word;
    memcpy(&word, row, sizeof word);
    const uint64_t shifted = (uint64_t)word << SNN_AMX_WIDTH >> (SNN_AMX_WIDTH + lanes->added_shift);
    return _mm512_mask_mov_epi32(lanes->minus, (__mmask16)shifted, lanes->plus);
}

SNN_AMX_INLINE __m512i snn_amx_limbs_sum(const int32_t *high, const int32_t *low, bool two_limbs)
{
    const __m512i sum = _mm512_load_si512(low);
    return two_limbs ? _mm512_add_epi32(_mm512_slli_epi32(_mm512_load_si512(high), 8), sum) : sum;
}

/* x from the sum, y from x; adds to the errors. Returns what fired. */
SNN_AMX_INLINE __mmask16 snn_amx_relu(__m512 *x, __m512 *y, __m512i sum, __m512 eta, __m512 eta_step,
                                      __m512 inverse_scale, __m512i *errors)
{
    *x = _mm512_sub_ps(*x, _mm512_mul_ps(eta_step, _mm512_cvtepi32_ps(sum)));
    /* of two zeros, and with NaN, the maximum is the second: x as it is */
    const __m512 target = _mm512_mul_ps(_mm512_max_ps(_mm512_setzero_ps(), *x), inverse_scale);
    const __mmask16 fired = _mm512_cmp_ps_mask(target, *y, _CMP_LE_OQ);
    *y = snn_amx_move(*y, eta, fired);
    *errors = _mm512_add_epi32(*errors, snn_amx_biased_error(*y, target));
    return fired;
}

/* The next step. */
SNN_AMX_INLINE void snn_amx_step(snn_amx_stepper *at, const snn_amx_lanes *lanes, snn_amx_case is)
{
    const __m512 eta = _mm512_load_ps(at->step->eta), eta_step = _mm512_load_ps(at->step->eta_step);
    const __m512 inverse_scale = _mm512_load_ps(lanes->inverse_scale);
    __m512i sum0 = snn_amx_limbs_sum(at->low0 + at->high, at->low0, is.two_limbs);
    __m512i sum1 = snn_amx_limbs_sum(at->low1 + at->high, at->low1, is.two_limbs);
    at->low0 += SNN_AMX_WIDTH;
    at->low1 += SNN_AMX_WIDTH;
    if (is.added) {
        sum0 = _mm512_add_epi32(sum0, snn_amx_added_sum(at->added0, lanes));
        sum1 = _mm512_add_epi32(sum1, snn_amx_added_sum(at->added1, lanes));
        at->added0 += lanes->added_stride;
        at->added1 += lanes->added_stride;
    }
    if (is.others) {
        sum0 = _mm512_add_epi32(sum0, _mm512_loadu_si512(at->others0));
        sum1 = _mm512_add_epi32(sum1, _mm512_loadu_si512(at->others1));
        at->others0 += lanes->others_stride;
        at->others1 += lanes->others_stride;
    }
    __m512i errors = _mm512_load_si512(at->step->errors);
    const __mmask16 fired0 = snn_amx_relu(&at->x0, &at->y0, sum0, eta, eta_step, inverse_scale, &errors);
    const __mmask16 fired1 = snn_amx_relu(&at->x1, &at->y1, sum1, eta, eta_step, inverse_scale, &errors);
    _mm512_store_si512(at->step->errors, errors);
    snn_amx_store_bits(at->row0, fired0);
    snn_amx_store_bits(at->row1, fired1);
    at->row0 += lanes->bits.step_bytes;
    at->row1 += lanes->bits.step_bytes;
    at->step++;
}

/* The tile's position `position` and the one behind it. low0, low1: their sums at step 0, high: from these to the sums
 * of the high limb. */
SNN_AMX_INLINE void snn_amx_stepper_begin(snn_amx_stepper *at, const snn_amx_lanes *lanes, int64_t position,
                                          const int32_t *low0, const int32_t *low1, int64_t high, snn_amx_case is)
{
    const snn_neurons *neurons = lanes->neurons;
    const int64_t owned = snn_lanes_owned(neurons);
    const int64_t state = (lanes->tile->position_begin + position) * owned + lanes->first;
    snn_amx_prefetch_state(neurons, state);
    snn_amx_prefetch_state(neurons, state + owned);
    at->x0 = _mm512_loadu_ps(neurons->x + state);
    at->x1 = _mm512_loadu_ps(neurons->x + state + owned);
    at->y0 = _mm512_loadu_ps(neurons->y + state);
    at->y1 = _mm512_loadu_ps(neurons->y + state + owned);
    at->low0 = low0;
    at->low1 = low1;
    at->high = high;
    if (is.others) {
        at->others0 = (const int32_t *)lanes->tile->accumulator + position * owned + lanes->first;
        at->others1 = at->others0 + owned;
    }
    if (is.added) {
        at->added0 = snn_amx_added_row(lanes, lanes->tile->position_begin + position);
        at->added1 = snn_amx_added_row(lanes, lanes->tile->position_begin + position + 1);
    }
    at->row0 = lanes->bits.bytes + position * lanes->bits.row_bytes + lanes->first / SNN_AMX_WIDTH * SNN_AMX_LANE_BYTES;
    at->row1 = at->row0 + lanes->bits.row_bytes;
    at->step = lanes->steps;
    at->end = at->step + lanes->tile->steps;
}

/* After the last step. */
SNN_AMX_INLINE void snn_amx_stepper_end(const snn_amx_stepper *at, snn_amx_lanes *lanes, int64_t position)
{
    const snn_neurons *neurons = lanes->neurons;
    const int64_t owned = snn_lanes_owned(neurons);
    const int64_t state = (lanes->tile->position_begin + position) * owned + lanes->first;
    _mm512_storeu_ps(neurons->x + state, at->x0);
    _mm512_storeu_ps(neurons->x + state + owned, at->x1);
    _mm512_storeu_ps(neurons->y + state, at->y0);
    _mm512_storeu_ps(neurons->y + state + owned, at->y1);
    snn_amx_lanes_count(lanes, SNN_AMX_UNITS, true);
}

#endif
