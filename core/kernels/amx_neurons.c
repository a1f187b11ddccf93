#include "core/kernels/amx_neurons.h"

#include "core/kernels/lanes.h"
#include "core/kernels/portable.h"

enum {
    WIDTH = 16, /* channels */
    AHEAD = 8,  /* positions whose state is fetched before it is needed: each is a cache line behind a long stride */
    FLUSH_POSITIONS = 48,               /* errors of so many fit uint32_t */
    PLANE = WIDTH * (int)sizeof(float), /* bytes of a vector */
    LANE_BYTES = WIDTH / 8
};

int64_t snn_amx_lanes_bytes(int32_t steps)
{
    return 2 * (int64_t)steps * PLANE + SNN_AMX_UNITS * PLANE;
}

void snn_amx_lanes_begin(snn_amx_lanes *lanes, const snn_neurons *neurons, const snn_tile *tile,
                         const snn_tile_counts *counts, const snn_feed *added, const snn_amx_bits *bits, int32_t first,
                         int32_t count, void *scratch)
{
    const int32_t steps = tile->steps;
    *lanes = (snn_amx_lanes){.neurons = neurons,
                             .tile = tile,
                             .counts = counts,
                             .bits = *bits,
                             .first = first,
                             .count = count < WIDTH ? count : WIDTH,
                             .eta_step = scratch,
                             .channel_spikes = _mm512_setzero_si512()};
    lanes->mask = (__mmask16)((1U << lanes->count) - 1);
    lanes->simple = lanes->count == WIDTH && neurons->kind == SNN_NEURON_RELU && neurons->graded == NULL;
    if (added != NULL) {
        lanes->added = added;
        lanes->plus = _mm512_maskz_loadu_epi32(lanes->mask, (const int32_t *)added->packed->data + first);
        lanes->minus = _mm512_sub_epi32(_mm512_setzero_si512(), lanes->plus);
    }
    lanes->errors = (uint32_t(*)[WIDTH])(lanes->eta_step + steps);
    lanes->inverse_scale = (float *)(lanes->errors + steps);
    memset(lanes->errors, 0, (size_t)steps * PLANE);
    const __m512 step = _mm512_maskz_loadu_ps(lanes->mask, neurons->step + first);
    for (int32_t s = 0; s < steps; s++) {
        _mm512_store_ps(lanes->eta_step[s], _mm512_mul_ps(_mm512_set1_ps(neurons->eta[s]), step));
    }
    const __m512 inverse_scale = _mm512_maskz_loadu_ps(lanes->mask, neurons->inverse_scale + first);
    for (int u = 0; u < SNN_AMX_UNITS; u++) {
        _mm512_store_ps(lanes->inverse_scale + u * WIDTH, inverse_scale);
    }
}

/* Moves the errors to the counts of steps. */
static void flush(snn_amx_lanes *lanes)
{
    for (int32_t s = 0; s < lanes->tile->steps; s++) {
        const __m512i errors = _mm512_load_si512(lanes->errors[s]);
        const __m512i even = _mm512_and_si512(errors, _mm512_set1_epi64(UINT32_MAX));
        lanes->counts->error[s] += _mm512_reduce_add_epi64(_mm512_add_epi64(even, _mm512_srli_epi64(errors, 32)));
    }
    memset(lanes->errors, 0, (size_t)lanes->tile->steps * PLANE);
    lanes->positions = 0;
}

void snn_amx_lanes_end(snn_amx_lanes *lanes)
{
    flush(lanes);
    _Alignas(SNN_ALIGNMENT) int32_t spikes[WIDTH];
    _mm512_store_si512(spikes, lanes->channel_spikes);
    for (int i = 0; i < lanes->count; i++) {
        lanes->counts->channel_spikes[lanes->first + i] += spikes[i];
    }
}

void snn_amx_units_begin(snn_amx_units *units, snn_amx_lanes *lanes)
{
    const snn_neurons *neurons = lanes->neurons;
    const snn_tile *tile = lanes->tile;
    const int64_t owned = snn_lanes_owned(neurons);
    units->lanes = lanes;
    units->step = 0;
    for (int u = 0; u < SNN_AMX_UNITS; u++) {
        /* A position that is missing is the first once more, with no channel in use. */
        const bool used = u < units->count;
        const int64_t position = used ? units->position[u] : units->position[0];
        const int64_t state = position * owned + lanes->first, in_tile = position - tile->position_begin;
        units->mask[u] = used ? lanes->mask : 0;
        units->position[u] = position;
        units->high[u] = used ? units->high[u] : units->high[0];
        units->low[u] = used ? units->low[u] : units->low[0];
        const float *const later_x = neurons->x + state + AHEAD * owned, *const later_y =
                                                                             neurons->y + state + AHEAD * owned;
        _mm_prefetch((const char *)later_x, _MM_HINT_T0);
        _mm_prefetch((const char *)later_y, _MM_HINT_T0);
        units->x[u] = _mm512_maskz_loadu_ps(lanes->mask, neurons->x + state);
        units->y[u] = _mm512_maskz_loadu_ps(lanes->mask, neurons->y + state);
        units->graded[u] =
            neurons->graded == NULL ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(lanes->mask, neurons->graded + state);
        units->others[u] =
            tile->accumulator == NULL ? NULL : (const int32_t *)tile->accumulator + in_tile * owned + lanes->first;
        if (lanes->added != NULL) {
            const snn_spikes *source = &lanes->added->source;
            units->added[u] = snn_spikes_plane(source, 0, tile->image) + position * source->row_bytes;
        }
        const int64_t place = used ? in_tile : tile->position_end - tile->position_begin;
        units->row[u] = lanes->bits.bytes + place * lanes->bits.row_bytes + lanes->first / WIDTH * LANE_BYTES;
    }
}

void snn_amx_units_end(snn_amx_units *units)
{
    snn_amx_lanes *lanes = units->lanes;
    const snn_neurons *neurons = lanes->neurons;
    for (int u = 0; u < units->count; u++) {
        const int64_t state = units->position[u] * snn_lanes_owned(neurons) + lanes->first;
        _mm512_mask_storeu_ps(neurons->x + state, lanes->mask, units->x[u]);
        _mm512_mask_storeu_ps(neurons->y + state, lanes->mask, units->y[u]);
    }
    lanes->positions += units->count;
    if (lanes->positions > FLUSH_POSITIONS - SNN_AMX_UNITS) {
        flush(lanes);
    }
}

/* |y - target| as the statistics have it: the minimum of magnitudes and the conversion do what snn_lanes_measure_error
 * says, also with NaN. */
static inline __attribute__((always_inline)) __m512i error_of(__m512 y, __m512 target)
{
    enum { SMALLER_MAGNITUDE = 2, NO_SIGN = 8 };
    const __m512 distance =
        _mm512_range_ps(_mm512_sub_ps(y, target), _mm512_set1_ps(SNN_ERROR_LARGEST), SMALLER_MAGNITUDE | NO_SIGN);
    return _mm512_cvt_roundps_epi32(_mm512_mul_ps(distance, _mm512_set1_ps(SNN_ERROR_UNIT)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline __attribute__((always_inline)) __m512i limbs_sum(const snn_amx_units *units, int u, int32_t step,
                                                               bool two_limbs)
{
    const __m512i low = _mm512_load_si512(units->low[u] + step * WIDTH);
    return two_limbs ? _mm512_add_epi32(_mm512_slli_epi32(_mm512_load_si512(units->high[u] + step * WIDTH), 8), low)
                     : low;
}

/* Where a lane's bits lie in a row of the diagonal's source, and how far the rows of two steps are apart. */
typedef struct added_bits {
    int64_t step_stride, byte;
    int shift;
} added_bits;

static inline added_bits added_bits_of(const snn_amx_lanes *lanes)
{
    if (lanes->added == NULL) {
        return (added_bits){0, 0, 0};
    }
    const snn_packed *packed = lanes->added->packed;
    const snn_spikes *source = &lanes->added->source;
    const int64_t bit = packed->projection->op.source_channel + packed->row_begin + lanes->first;
    return (added_bits){snn_spikes_plane_bytes(source) * source->images, bit / 8, (int)(bit % 8)};
}

/* +weight where the diagonal's source fired, -weight elsewhere. */
static inline __attribute__((always_inline)) __m512i added_sum(const uint8_t *row, added_bits bits, int32_t step,
                                                               __m512i plus, __m512i minus)
{
    uint32_t word;
    memcpy(&word, row + step * bits.step_stride + bits.byte, sizeof word);
    return _mm512_mask_mov_epi32(minus, (__mmask16)(word >> bits.shift), plus);
}

/* Both positions' y, from fired spikes on. */
static inline __attribute__((always_inline)) __m512 move_y(__m512 y, __m512 eta, __mmask16 fired)
{
    return _mm512_mask_sub_ps(_mm512_add_ps(y, eta), fired, y, eta);
}

static inline void store_bits(uint8_t *row, __mmask16 fired)
{
    const uint16_t bits = (uint16_t)_cvtmask16_u32(fired);
    memcpy(row, &bits, sizeof bits);
}

/* Between two steps of the other projections' sums. */
static inline int64_t sum_stride_of(const snn_amx_lanes *lanes)
{
    const snn_tile *tile = lanes->tile;
    return (tile->position_end - tile->position_begin) * (tile->channel_end - tile->channel_begin);
}

/* The case that networks spend their time in. */
static inline __attribute__((always_inline)) void run_simple(snn_amx_units *units, int32_t end, bool two_limbs,
                                                             bool added, bool others)
{
    snn_amx_lanes *const lanes = units->lanes;
    const float *const etas = lanes->neurons->eta;
    float(*const eta_steps)[WIDTH] = lanes->eta_step;
    uint32_t(*const error_sums)[WIDTH] = lanes->errors;
    const int64_t step_bytes = lanes->bits.step_bytes;
    const __m512 inverse_scale = _mm512_load_ps(lanes->inverse_scale);
    const __m512i one = _mm512_set1_epi32(1), plus = lanes->plus, minus = lanes->minus;
    const added_bits bits = added_bits_of(lanes);
    const uint8_t *const added0 = units->added[0], *const added1 = units->added[1];
    const int64_t sum_stride = sum_stride_of(lanes);
    const int32_t *const others0 = units->others[0], *const others1 = units->others[1];
    __m512i spikes = lanes->channel_spikes;
    __m512 x0 = units->x[0], x1 = units->x[1], y0 = units->y[0], y1 = units->y[1];
    int32_t step = units->step;
    uint8_t *row0 = units->row[0] + step * step_bytes, *row1 = units->row[1] + step * step_bytes;
    for (; step < end; step++, row0 += step_bytes, row1 += step_bytes) {
        const __m512 eta = _mm512_set1_ps(etas[step]), eta_step = _mm512_load_ps(eta_steps[step]);
        __m512i sum0 = limbs_sum(units, 0, step, two_limbs), sum1 = limbs_sum(units, 1, step, two_limbs);
        if (added) {
            sum0 = _mm512_add_epi32(sum0, added_sum(added0, bits, step, plus, minus));
            sum1 = _mm512_add_epi32(sum1, added_sum(added1, bits, step, plus, minus));
        }
        if (others) {
            sum0 = _mm512_add_epi32(sum0, _mm512_loadu_si512(others0 + step * sum_stride));
            sum1 = _mm512_add_epi32(sum1, _mm512_loadu_si512(others1 + step * sum_stride));
        }
        x0 = _mm512_sub_ps(x0, _mm512_mul_ps(eta_step, _mm512_cvtepi32_ps(sum0)));
        x1 = _mm512_sub_ps(x1, _mm512_mul_ps(eta_step, _mm512_cvtepi32_ps(sum1)));
        /* of two zeros, and with NaN, the maximum is the second: x as it is */
        const __m512 target0 = _mm512_mul_ps(_mm512_max_ps(_mm512_setzero_ps(), x0), inverse_scale);
        const __m512 target1 = _mm512_mul_ps(_mm512_max_ps(_mm512_setzero_ps(), x1), inverse_scale);
        const __mmask16 fired0 = _mm512_cmp_ps_mask(target0, y0, _CMP_LE_OQ);
        const __mmask16 fired1 = _mm512_cmp_ps_mask(target1, y1, _CMP_LE_OQ);
        y0 = move_y(y0, eta, fired0);
        y1 = move_y(y1, eta, fired1);
        spikes = _mm512_mask_add_epi32(spikes, fired0, spikes, one);
        spikes = _mm512_mask_add_epi32(spikes, fired1, spikes, one);
        const __m512i errors = _mm512_add_epi32(error_of(y0, target0), error_of(y1, target1));
        _mm512_store_si512(error_sums[step], _mm512_add_epi32(_mm512_load_si512(error_sums[step]), errors));
        store_bits(row0, fired0);
        store_bits(row1, fired1);
    }
    units->x[0] = x0;
    units->x[1] = x1;
    units->y[0] = y0;
    units->y[1] = y1;
    lanes->channel_spikes = spikes;
}

/* One step of any kind, with what else adds to x. */
static void run_step(snn_amx_units *units, int32_t step)
{
    snn_amx_lanes *lanes = units->lanes;
    const snn_neurons *neurons = lanes->neurons;
    const int64_t sum_stride = sum_stride_of(lanes);
    const added_bits bits = added_bits_of(lanes);
    const bool strict = snn_neuron_is_strict(neurons->kind);
    const __m512 eta = _mm512_set1_ps(neurons->eta[step]), eta_step = _mm512_load_ps(lanes->eta_step[step]);
    _Alignas(SNN_ALIGNMENT) float targets[SNN_AMX_UNITS * WIDTH], inputs[SNN_AMX_UNITS * WIDTH];
    for (int u = 0; u < SNN_AMX_UNITS; u++) {
        __m512i sum = limbs_sum(units, u, step, units->two_limbs);
        if (lanes->added != NULL) {
            sum = _mm512_add_epi32(sum, added_sum(units->added[u], bits, step, lanes->plus, lanes->minus));
        }
        if (units->others[u] != NULL) {
            sum = _mm512_add_epi32(sum, _mm512_maskz_loadu_epi32(lanes->mask, units->others[u] + step * sum_stride));
        }
        __m512 x = _mm512_sub_ps(units->x[u], _mm512_mul_ps(eta_step, _mm512_cvtepi32_ps(sum)));
        if (neurons->graded != NULL) {
            x = _mm512_add_ps(x, _mm512_mul_ps(_mm512_set1_ps(neurons->increments[step]), units->graded[u]));
        }
        units->x[u] = x;
        _mm512_store_ps(inputs + u * WIDTH, x);
    }
    snn_portable_find_targets(targets, neurons, inputs, lanes->inverse_scale);
    __m512i errors = _mm512_load_si512(lanes->errors[step]);
    for (int u = 0; u < SNN_AMX_UNITS; u++) {
        const __m512 target = _mm512_load_ps(targets + u * WIDTH), y = units->y[u];
        const __mmask16 mask = units->mask[u];
        const __mmask16 fired = strict ? _mm512_mask_cmp_ps_mask(mask, target, y, _CMP_LT_OQ)
                                       : _mm512_mask_cmp_ps_mask(mask, target, y, _CMP_LE_OQ);
        units->y[u] = move_y(y, eta, fired);
        errors = _mm512_mask_add_epi32(errors, mask, errors, error_of(units->y[u], target));
        lanes->channel_spikes =
            _mm512_mask_add_epi32(lanes->channel_spikes, fired, lanes->channel_spikes, _mm512_set1_epi32(1));
        store_bits(units->row[u] + step * lanes->bits.step_bytes, fired);
    }
    _mm512_store_si512(lanes->errors[step], errors);
}

/* A copy of the loop for each case, so that it has no branches. */
static void run_simple_limbs(snn_amx_units *units, int32_t end, bool added, bool others)
{
    if (others) {
        if (added) {
            run_simple(units, end, true, true, true);
        } else {
            run_simple(units, end, true, false, true);
        }
    } else if (added) {
        run_simple(units, end, true, true, false);
    } else {
        run_simple(units, end, true, false, false);
    }
}

static void run_simple_bytes(snn_amx_units *units, int32_t end)
{
    run_simple(units, end, false, false, false);
}

void snn_amx_units_run(snn_amx_units *units, int32_t steps)
{
    const int32_t left = units->lanes->tile->steps - units->step, end = units->step + (steps < left ? steps : left);
    const bool added = units->lanes->added != NULL, others = units->others[0] != NULL;
    if (units->lanes->simple && units->count == SNN_AMX_UNITS && units->two_limbs) {
        run_simple_limbs(units, end, added, others);
    } else if (units->lanes->simple && units->count == SNN_AMX_UNITS && !added && !others) {
        run_simple_bytes(units, end);
    } else {
        for (int32_t step = units->step; step < end; step++) {
            run_step(units, step);
        }
    }
    units->step = end;
}

static int64_t row_bytes_of(int32_t channels)
{
    return (int64_t)(channels + WIDTH - 1) / WIDTH * LANE_BYTES;
}

/* An odd number of cache lines, so that steps lie in different sets of a cache. */
static int64_t step_bytes_of(int64_t positions, int32_t channels)
{
    const int64_t lines = ((positions + 1) * row_bytes_of(channels) + SNN_ALIGNMENT - 1) / SNN_ALIGNMENT;
    return (lines | 1) * SNN_ALIGNMENT;
}

int64_t snn_amx_bits_bytes(int64_t positions, int32_t steps, int32_t channels)
{
    return step_bytes_of(positions, channels) * (steps + 1) + SNN_PADDING;
}

snn_amx_bits snn_amx_bits_of(void *bytes, int64_t positions, int32_t channels)
{
    return (snn_amx_bits){
        .bytes = bytes, .row_bytes = row_bytes_of(channels), .step_bytes = step_bytes_of(positions, channels)};
}

/* Channels of a position, 32 at a time, between the tile's rows and the population's, which may begin anywhere. */
static void copy_row(uint8_t *row, int64_t bit, uint8_t *local, int32_t channels, bool store)
{
    enum { CHUNK = 32 };
    for (int32_t c = 0; c < channels; c += CHUNK, bit += CHUNK, local += CHUNK / 8) {
        const int32_t count = channels - c < CHUNK ? channels - c : CHUNK;
        if (store) {
            snn_lanes_store_bits(row, bit, count, snn_lanes_load_bits(local, 0, count));
        } else {
            snn_lanes_store_bits(local, 0, count, snn_lanes_load_bits(row, bit, count));
        }
    }
}

/* All positions of a step of the tile, from or to a plane of the population. */
static void copy_plane(const snn_amx_bits *bits, const snn_neurons *neurons, const snn_tile *tile, uint8_t *plane,
                       uint8_t *local, bool store)
{
    const int64_t positions = tile->position_end - tile->position_begin, row_bytes = neurons->spikes.row_bytes;
    const int32_t owned = snn_lanes_owned(neurons);
    uint8_t *rows = plane + tile->position_begin * row_bytes;
    if (owned == neurons->spikes.channels && owned % WIDTH == 0) {
        memcpy(store ? rows : local, store ? local : rows, (size_t)(positions * row_bytes));
        return;
    }
    for (int64_t p = 0; p < positions; p++) {
        copy_row(rows + p * row_bytes, neurons->channel_begin, local + p * bits->row_bytes, owned, store);
    }
}

/* Bits that are set in `a` where b is NULL, else that differ. Whole words; what is behind the last byte is 0. */
static int64_t count_bits(const uint8_t *a, const uint8_t *b, int64_t bytes)
{
    int64_t count = 0;
    for (int64_t i = 0; i < bytes; i += (int64_t)sizeof(uint64_t)) {
        uint64_t word, other = 0;
        memcpy(&word, a + i, sizeof word);
        if (b != NULL) {
            memcpy(&other, b + i, sizeof other);
        }
        word ^= other;
        word = bytes - i < (int64_t)sizeof word ? word & (UINT64_MAX >> (64 - 8 * (bytes - i))) : word;
        count += __builtin_popcountll(word);
    }
    return count;
}

void snn_amx_bits_store(const snn_amx_bits *bits, const snn_neurons *neurons, const snn_tile *tile,
                        const snn_tile_counts *counts)
{
    const int64_t bytes = (tile->position_end - tile->position_begin) * bits->row_bytes;
    for (int32_t step = 0; step < tile->steps; step++) {
        uint8_t *local = bits->bytes + step * bits->step_bytes;
        copy_plane(bits, neurons, tile, snn_spikes_plane(&neurons->spikes, step, tile->image), local, true);
        counts->spikes[step] += count_bits(local, NULL, bytes);
        if (step > 0) {
            counts->flips[step] += count_bits(local, local - bits->step_bytes, bytes);
        } else if (!neurons->first) {
            uint8_t *before = bits->bytes + tile->steps * bits->step_bytes;
            memset(before, 0, (size_t)bits->step_bytes);
            copy_plane(bits, neurons, tile, (uint8_t *)neurons->previous, before, false);
            counts->flips[step] += count_bits(local, before, bytes);
        }
    }
}
