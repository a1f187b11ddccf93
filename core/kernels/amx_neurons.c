#include "core/kernels/amx_neurons.h"

#include "core/kernels/amx_steps.h"
#include "core/kernels/lanes.h"
#include "core/kernels/portable.h"

enum {
    WIDTH = SNN_AMX_WIDTH,
    LANE_BYTES = SNN_AMX_LANE_BYTES,
    BYTE_BITS = 8,
    COUNT_BITS = 31,
    PLANE = WIDTH * (int)sizeof(float) /* bytes of a vector */
};

int64_t snn_amx_lanes_bytes(int32_t steps)
{
    return steps * (int64_t)sizeof(snn_amx_lane_step) + SNN_AMX_UNITS * PLANE;
}

/* The diagonal's weights of the channels, 0 for those that it does not add to, and where its source's bits lie. */
static void take_added(snn_amx_lanes *lanes, const snn_feed *added)
{
    const snn_packed *packed = added->packed;
    const snn_operator *op = &packed->projection->op;
    const int32_t row = lanes->neurons->channel_begin + lanes->first - op->target_channel; /* of the first lane */
    const int32_t begin = packed->row_begin - row, end = packed->row_end - row;
    const uint32_t below = begin > 0 ? (1U << (begin < WIDTH ? begin : WIDTH)) - 1 : 0;
    const uint32_t up_to = end > 0 ? (1U << (end < WIDTH ? end : WIDTH)) - 1 : 0;
    const __mmask16 in_use = (__mmask16)(up_to & ~below & lanes->mask);
    const int32_t bit = in_use != 0 ? op->source_channel + row : 0; /* may be before the first */
    lanes->added = added;
    lanes->added_stride = snn_spikes_plane_bytes(&added->source) * added->source.images;
    lanes->added_bytes = snn_spikes_plane(&added->source, 0, lanes->tile->image) + (bit > 0 ? bit / BYTE_BITS : 0);
    lanes->added_shift = bit > 0 ? bit % BYTE_BITS : bit;
    lanes->plus = _mm512_maskz_loadu_epi32(in_use, (const int32_t *)packed->data - begin);
    lanes->minus = _mm512_sub_epi32(_mm512_setzero_si512(), lanes->plus);
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
                             .steps = scratch};
    lanes->mask = (__mmask16)((1U << lanes->count) - 1);
    lanes->simple = lanes->count == WIDTH && neurons->kind == SNN_NEURON_RELU && neurons->graded == NULL;
    lanes->others_stride = (tile->position_end - tile->position_begin) * (tile->channel_end - tile->channel_begin);
    if (added != NULL) {
        take_added(lanes, added);
    }
    lanes->inverse_scale = (float *)(lanes->steps + steps);
    const __m512 step = _mm512_maskz_loadu_ps(lanes->mask, neurons->step + first);
    for (int32_t s = 0; s < steps; s++) {
        const __m512 eta = _mm512_set1_ps(neurons->eta[s]);
        _mm512_store_ps(lanes->steps[s].eta, eta);
        _mm512_store_ps(lanes->steps[s].eta_step, _mm512_mul_ps(eta, step));
        _mm512_store_si512(lanes->steps[s].errors, _mm512_setzero_si512());
    }
    const __m512 inverse_scale = _mm512_maskz_loadu_ps(lanes->mask, neurons->inverse_scale + first);
    for (int u = 0; u < SNN_AMX_UNITS; u++) {
        _mm512_store_ps(lanes->inverse_scale + u * WIDTH, inverse_scale);
    }
}

/* Moves the errors to the counts of steps, if they are wanted. */
static void flush(snn_amx_lanes *lanes)
{
    const __m512i bias = _mm512_set1_epi32((int32_t)((uint32_t)lanes->biased * SNN_AMX_ERROR_BIAS));
    for (int32_t s = 0; s < lanes->tile->steps; s++) {
        const __m512i errors = _mm512_sub_epi32(_mm512_load_si512(lanes->steps[s].errors), bias);
        const __m512i even = _mm512_and_si512(errors, _mm512_set1_epi64(UINT32_MAX));
        if (lanes->counts->error != NULL) {
            lanes->counts->error[s] += _mm512_reduce_add_epi64(_mm512_add_epi64(even, _mm512_srli_epi64(errors, 32)));
        }
        _mm512_store_si512(lanes->steps[s].errors, _mm512_setzero_si512());
    }
    lanes->positions = lanes->biased = 0;
}

void snn_amx_lanes_count(snn_amx_lanes *lanes, int32_t positions, bool biased)
{
    lanes->positions += positions;
    lanes->biased += biased ? positions : 0;
    if (lanes->positions > SNN_AMX_FLUSH_POSITIONS - SNN_AMX_UNITS) {
        flush(lanes);
    }
}

void snn_amx_lanes_end(snn_amx_lanes *lanes)
{
    flush(lanes);
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
        snn_amx_prefetch_state(neurons, state);
        units->x[u] = _mm512_maskz_loadu_ps(lanes->mask, neurons->x + state);
        units->y[u] = _mm512_maskz_loadu_ps(lanes->mask, neurons->y + state);
        units->graded[u] =
            neurons->graded == NULL ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(lanes->mask, neurons->graded + state);
        units->others[u] =
            tile->accumulator == NULL ? NULL : (const int32_t *)tile->accumulator + in_tile * owned + lanes->first;
        if (lanes->added != NULL) {
            units->added[u] = snn_amx_added_row(lanes, position);
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
    snn_amx_lanes_count(lanes, units->count, false);
}

/* One step of any kind, with what else adds to x. */
static void run_step(snn_amx_units *units, int32_t step)
{
    snn_amx_lanes *lanes = units->lanes;
    const snn_neurons *neurons = lanes->neurons;
    const bool strict = snn_neuron_is_strict(neurons->kind);
    const __m512 eta = _mm512_set1_ps(neurons->eta[step]), eta_step = _mm512_load_ps(lanes->steps[step].eta_step);
    _Alignas(SNN_ALIGNMENT) float values[SNN_AMX_UNITS * WIDTH];
    for (int u = 0; u < SNN_AMX_UNITS; u++) {
        __m512i sum = snn_amx_limbs_sum(units->high[u] + step * WIDTH, units->low[u] + step * WIDTH, units->two_limbs);
        if (lanes->added != NULL) {
            sum = _mm512_add_epi32(sum, snn_amx_added_sum(units->added[u] + step * lanes->added_stride, lanes));
        }
        if (units->others[u] != NULL) {
            const int32_t *others = units->others[u] + step * lanes->others_stride;
            sum = _mm512_add_epi32(sum, _mm512_maskz_loadu_epi32(lanes->mask, others));
        }
        __m512 x = _mm512_sub_ps(units->x[u], _mm512_mul_ps(eta_step, _mm512_cvtepi32_ps(sum)));
        if (neurons->graded != NULL) {
            x = _mm512_add_ps(x, _mm512_mul_ps(_mm512_set1_ps(neurons->increments[step]), units->graded[u]));
        }
        units->x[u] = x;
        _mm512_store_ps(values + u * WIDTH, x);
    }
    snn_portable_apply(neurons, values, SNN_AMX_UNITS * WIDTH);
    __m512i errors = _mm512_load_si512(lanes->steps[step].errors);
    for (int u = 0; u < SNN_AMX_UNITS; u++) {
        const __m512 inverse_scale = _mm512_load_ps(lanes->inverse_scale + u * WIDTH), y = units->y[u];
        const __m512 target = _mm512_mul_ps(_mm512_load_ps(values + u * WIDTH), inverse_scale);
        const __mmask16 mask = units->mask[u];
        const __mmask16 fired = strict ? _mm512_mask_cmp_ps_mask(mask, target, y, _CMP_LT_OQ)
                                       : _mm512_mask_cmp_ps_mask(mask, target, y, _CMP_LE_OQ);
        units->y[u] = snn_amx_move(y, eta, fired);
        const __m512i error =
            _mm512_sub_epi32(snn_amx_biased_error(units->y[u], target), _mm512_set1_epi32((int32_t)SNN_AMX_ERROR_BIAS));
        errors = _mm512_mask_add_epi32(errors, mask, errors, error);
        snn_amx_store_bits(units->row[u] + step * lanes->bits.step_bytes, fired);
    }
    _mm512_store_si512(lanes->steps[step].errors, errors);
}

void snn_amx_units_run(snn_amx_units *units, int32_t steps)
{
    const int32_t left = units->lanes->tile->steps - units->step, end = units->step + (steps < left ? steps : left);
    while (units->step < end) {
        run_step(units, units->step++);
    }
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

static int64_t spikes_bytes(int32_t channels)
{
    return row_bytes_of(channels) * BYTE_BITS * (int64_t)sizeof(int32_t);
}

int64_t snn_amx_bits_bytes(int64_t positions, int32_t steps, int32_t channels)
{
    return spikes_bytes(channels) + step_bytes_of(positions, channels) * (steps + 1) + SNN_PADDING;
}

snn_amx_bits snn_amx_bits_of(void *bytes, int64_t positions, int32_t channels)
{
    return (snn_amx_bits){.spikes = bytes,
                          .bytes = (uint8_t *)bytes + spikes_bytes(channels),
                          .row_bytes = row_bytes_of(channels),
                          .step_bytes = step_bytes_of(positions, channels)};
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

/* Bits that are set in the steps' bytes [at, at + 64) of the tile, one number of up to COUNT_BITS binary digits for
 * each: digits[k] has every number's k-th. Returns how many digits there are. */
static int32_t count_steps(const snn_amx_bits *bits, int32_t steps, int64_t at, __mmask64 bytes,
                           __m512i digits[COUNT_BITS])
{
    enum { ODD = 0x96, AT_LEAST_TWO = 0xe8 }; /* of three */
    int32_t count = 1;
    digits[0] = _mm512_setzero_si512();
    for (int32_t step = 0; step < steps; step += 2) {
        const uint8_t *from = bits->bytes + step * bits->step_bytes + at;
        const __m512i first = _mm512_maskz_loadu_epi8(bytes, from);
        const __m512i second =
            step + 1 < steps ? _mm512_maskz_loadu_epi8(bytes, from + bits->step_bytes) : _mm512_setzero_si512();
        __m512i carry = _mm512_ternarylogic_epi32(digits[0], first, second, AT_LEAST_TWO);
        digits[0] = _mm512_ternarylogic_epi32(digits[0], first, second, ODD);
        while (1 << count <= step + 2) {
            digits[count++] = _mm512_setzero_si512();
        }
        for (int32_t k = 1; k < count; k++) {
            const __m512i sum = _mm512_xor_si512(digits[k], carry);
            carry = _mm512_and_si512(digits[k], carry);
            digits[k] = sum;
        }
    }
    return count;
}

/* Spikes of each channel: those of 512 neurons are counted over the steps together, then the neurons of a channel. */
static void count_channels(const snn_amx_bits *bits, const snn_neurons *neurons, const snn_tile *tile,
                           const snn_tile_counts *counts)
{
    const int64_t bytes = (tile->position_end - tile->position_begin) * bits->row_bytes;
    memset(bits->spikes, 0, (size_t)(bits->row_bytes * BYTE_BITS) * sizeof *bits->spikes);
    int32_t *const end = bits->spikes + bits->row_bytes * BYTE_BITS, *spikes = bits->spikes;
    for (int64_t at = 0; at < bytes; at += (int64_t)sizeof(__m512i)) {
        const int64_t left = bytes - at;
        const __mmask64 mask = left < (int64_t)sizeof(__m512i) ? (1ULL << left) - 1 : UINT64_MAX;
        __m512i digits[COUNT_BITS];
        _Alignas(SNN_ALIGNMENT) uint16_t lanes[COUNT_BITS][sizeof(__m512i) / sizeof(uint16_t)];
        const int32_t count = count_steps(bits, tile->steps, at, mask, digits);
        for (int32_t k = 0; k < count; k++) {
            _mm512_store_si512(lanes[k], digits[k]);
        }
        for (int32_t lane = 0; lane < (int32_t)sizeof(__m512i) / LANE_BYTES && lane * LANE_BYTES < left; lane++) {
            __m512i sum = _mm512_load_si512(spikes);
            for (int32_t k = 0; k < count; k++) {
                sum = _mm512_mask_add_epi32(sum, lanes[k][lane], sum, _mm512_set1_epi32(1 << k));
            }
            _mm512_store_si512(spikes, sum);
            spikes = spikes + WIDTH < end ? spikes + WIDTH : bits->spikes;
        }
    }
    for (int32_t c = 0; c < snn_lanes_owned(neurons); c++) {
        counts->channel_spikes[c] += bits->spikes[c];
    }
}

void snn_amx_bits_store(const snn_amx_bits *bits, const snn_neurons *neurons, const snn_tile *tile,
                        const snn_tile_counts *counts)
{
    const int64_t bytes = (tile->position_end - tile->position_begin) * bits->row_bytes;
    count_channels(bits, neurons, tile, counts);
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
