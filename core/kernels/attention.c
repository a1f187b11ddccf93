/* Neurons over positions of an image: the scores, the mixing and the whole of attention; see nary.h for their sums.
 *
 * Per window and head, keys and values are laid out as panels, SNN_LANES keys or channels side by side; then the
 * queries go by, as many together as have their sums in registers. */
#include "core/kernels/nary.h"

#include <string.h>

enum {
#if defined(__AVX512F__)
    QUERIES = 4
#elif defined(__AVX2__)
    QUERIES = 2
#else
    QUERIES = 1
#endif
};

/* The right factor of a product, [block of SNN_LANES columns][depth][SNN_LANES], missing columns 0. */
typedef struct panel {
    float *data;
    int32_t depth, columns;
} panel;

static int64_t panel_size(int64_t depth, int64_t columns)
{
    return depth * snn_nary_whole_lanes(columns);
}

/* Element (k, column) of the factor is from[k * depth_stride + column * column_stride]. */
static void fill_panel(const panel *factor, const float *restrict from, int64_t depth_stride, int64_t column_stride)
{
    float *restrict to = factor->data;
    for (int32_t first = 0; first < factor->columns; first += SNN_LANES) {
        const int32_t count = (int32_t)snn_smaller(factor->columns - first, SNN_LANES);
        for (int32_t k = 0; k < factor->depth; k++, to += SNN_LANES) {
            const float *row = from + k * depth_stride + first * column_stride;
            for (int i = 0; i < SNN_LANES; i++) {
                to[i] = i < count ? row[i * column_stride] : 0.0F;
            }
        }
    }
}

/* Rows of queries or attention weights, the left factor; the last ones may be repeated to make QUERIES. */
typedef struct rows {
    const float *row[QUERIES];
    int32_t used;
} rows;

static rows rows_from(const float *first, int64_t stride, int64_t left)
{
    rows made = {.used = left < QUERIES ? (int32_t)left : QUERIES};
    for (int i = 0; i < QUERIES; i++) {
        made.row[i] = first + stride * (i < made.used ? i : made.used - 1);
    }
    return made;
}

/* Products of all rows with columns [first, first + SNN_LANES) of a panel, of which there are so many `vectors`. */
static inline __attribute__((always_inline)) void multiply_lanes(const rows *left, const panel *right, int32_t first,
                                                                 snn_vector product[QUERIES][SNN_NARY_VECTORS],
                                                                 const int vectors)
{
    const float *columns = right->data + (int64_t)first * right->depth;
    snn_vector total[QUERIES][SNN_NARY_VECTORS];
#pragma GCC unroll 8
    for (int i = 0; i < QUERIES; i++) {
#pragma GCC unroll 8
        for (int v = 0; v < SNN_NARY_VECTORS; v++) {
            total[i][v] = snn_vector_all(0.0F);
        }
    }
    for (int64_t k = 0; k < right->depth; k++, columns += SNN_LANES) {
        snn_vector column[SNN_NARY_VECTORS];
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++) {
            column[v] = snn_vector_load_whole(columns + v * SNN_VECTOR);
        }
#pragma GCC unroll 8
        for (int i = 0; i < QUERIES; i++) {
            const snn_vector value = snn_vector_all(left->row[i][k]);
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++) {
                total[i][v] = total[i][v] + value * column[v];
            }
        }
    }
    memcpy(product, total, sizeof total);
}

/* The same; columns behind the panel's last are 0. */
static inline __attribute__((always_inline)) void multiply(const rows *left, const panel *right, int32_t first,
                                                           snn_vector product[QUERIES][SNN_NARY_VECTORS])
{
    if (right->columns - first <= SNN_LANES / 2) {
        multiply_lanes(left, right, first, product, SNN_NARY_VECTORS / 2);
    } else {
        multiply_lanes(left, right, first, product, SNN_NARY_VECTORS);
    }
}

/* Their multiples. */
static inline void store_scaled(const snn_vector product[SNN_NARY_VECTORS], float factor, float *to)
{
    for (int v = 0; v < SNN_NARY_VECTORS; v++) {
        snn_vector_store_whole(to + v * SNN_VECTOR, snn_vector_all(factor) * product[v]);
    }
}

/* Values of the outputs from `channel` on of the rows' positions, from `position` on: products times the row's factor.
 */
static void find_products(const snn_nary_job *of, int64_t position, int32_t channel, const rows *left,
                          const panel *right, const float factor[QUERIES])
{
    const int64_t owned = snn_lanes_owned(of->neurons);
    float *values = of->values + position * owned + channel - of->neurons->channel_begin;
    for (int32_t first = 0; first < right->columns; first += SNN_LANES) {
        const int32_t count = (int32_t)snn_smaller(right->columns - first, SNN_LANES);
        snn_vector product[QUERIES][SNN_NARY_VECTORS];
        multiply(left, right, first, product);
        for (int i = 0; i < QUERIES && i < left->used; i++) {
            _Alignas(SNN_ALIGNMENT) float value[SNN_LANES];
            store_scaled(product[i], factor[i], value);
            snn_lanes_store(values + i * owned + first, value, count);
        }
    }
}

/* What attention reads of a window: x [positions][stride], from position `first` of the image on, and one head's share
 * of the outputs. */
typedef struct head {
    const float *x;
    int64_t stride, first;
    int32_t positions, number, width; /* channels of a head in q, k and v */
    snn_range outputs;                /* owned */
} head;

static void repeat(float factor[QUERIES], float value)
{
    for (int i = 0; i < QUERIES; i++) {
        factor[i] = value;
    }
}

/* alpha q_p . k_j */
static void find_scores(const snn_nary_job *of, const head *h)
{
    const snn_neurons *neurons = of->neurons;
    const int32_t channels = neurons->groups * h->width, first_key = h->outputs.begin - h->number * h->positions;
    const panel keys = {of->scratch, h->width, h->outputs.end - h->outputs.begin};
    fill_panel(&keys, h->x + first_key * h->stride + channels + h->number * h->width, 1, h->stride);
    float factor[QUERIES];
    repeat(factor, neurons->alpha);
    for (int64_t p = 0; p < h->positions; p += QUERIES) {
        const rows queries = rows_from(h->x + p * h->stride + h->number * h->width, h->stride, h->positions - p);
        find_products(of, h->first + p, h->outputs.begin, &queries, &keys, factor);
    }
}

/* sum_j a_pj v_j */
static void find_mix(const snn_nary_job *of, const head *h)
{
    const int64_t weights = (int64_t)of->neurons->groups * h->positions;
    const panel values = {of->scratch, h->positions, h->outputs.end - h->outputs.begin};
    fill_panel(&values, h->x + weights + h->outputs.begin, h->stride, 1);
    float factor[QUERIES];
    repeat(factor, 1.0F);
    for (int64_t p = 0; p < h->positions; p += QUERIES) {
        const rows mixed =
            rows_from(h->x + p * h->stride + (int64_t)h->number * h->positions, h->stride, h->positions - p);
        find_products(of, h->first + p, h->outputs.begin, &mixed, &values, factor);
    }
}

/* softmax_j(alpha q_p . k_j) v_j */
static void find_attention(const snn_nary_job *of, const head *h)
{
    const snn_neurons *neurons = of->neurons;
    const int32_t channels = neurons->shape.channels;
    const panel keys = {of->scratch, h->width, h->positions};
    const panel values = {keys.data + panel_size(keys.depth, keys.columns), h->positions,
                          h->outputs.end - h->outputs.begin};
    float *scores = values.data + panel_size(values.depth, values.columns);
    const int64_t padded = snn_nary_whole_lanes(h->positions);
    fill_panel(&keys, h->x + channels + h->number * h->width, 1, h->stride);
    fill_panel(&values, h->x + 2 * (int64_t)channels + h->outputs.begin, h->stride, 1);
    for (int64_t p = 0; p < h->positions; p += QUERIES) {
        const rows queries = rows_from(h->x + p * h->stride + h->number * h->width, h->stride, h->positions - p);
        const rows weights = rows_from(scores, padded, h->positions - p);
        float factor[QUERIES] = {0};
        for (int32_t first = 0; first < h->positions; first += SNN_LANES) {
            snn_vector product[QUERIES][SNN_NARY_VECTORS];
            multiply(&queries, &keys, first, product);
            for (int i = 0; i < queries.used; i++) {
                store_scaled(product[i], neurons->alpha, scores + i * padded + first);
            }
        }
        for (int i = 0; i < queries.used; i++) {
            factor[i] = 1.0F / snn_nary_exponentials(scores + i * padded, h->positions);
        }
        find_products(of, h->first + p, h->outputs.begin, &weights, &values, factor);
    }
}

/* All heads of a window. */
static void find_window(const snn_nary_job *of, head *h)
{
    const snn_neurons *neurons = of->neurons;
    const int32_t outputs = neurons->shape.channels / neurons->groups; /* of a head */
    for (h->number = 0; h->number < neurons->groups; h->number++) {
        h->outputs = snn_nary_owned(neurons, h->number * outputs, (h->number + 1) * outputs);
        if (h->outputs.begin >= h->outputs.end) {
            continue;
        }
        switch (neurons->kind) {
        case SNN_NEURON_SCORES:
            find_scores(of, h);
            break;
        case SNN_NEURON_MIX:
            find_mix(of, h);
            break;
        default:
            find_attention(of, h);
            break;
        }
    }
}

void snn_attention_find(const snn_nary_job *of)
{
    const snn_neurons *neurons = of->neurons;
    const int32_t outputs = neurons->shape.channels / neurons->groups;
    const int64_t positions = snn_shape_positions(neurons->input);
    head h = {.stride = neurons->input_channels,
              .positions = (int32_t)snn_attention_positions(neurons->beta, neurons->input),
              .width = neurons->kind == SNN_NEURON_SCORES ? neurons->input_channels / neurons->groups / 2 : outputs};
    for (h.first = 0; h.first < positions; h.first += h.positions) {
        h.x = of->x + h.first * h.stride;
        find_window(of, &h);
    }
}

int64_t snn_attention_scratch(const snn_population *population)
{
    const int64_t positions = snn_attention_positions(population->beta, population->input);
    int64_t floats = 0;
    if (population->kind == SNN_NEURON_SCORES) {
        floats = panel_size(population->input.channels / population->groups / 2, positions);
    } else if (population->kind == SNN_NEURON_MIX) {
        floats = panel_size(positions, population->shape.channels / population->groups);
    } else if (population->kind == SNN_NEURON_ATTENTION) {
        const int64_t width = population->shape.channels / population->groups;
        floats =
            panel_size(width, positions) + panel_size(positions, width) + QUERIES * snn_nary_whole_lanes(positions);
    }
    return floats * (int64_t)sizeof(float);
}
