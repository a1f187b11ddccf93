/* Maxima over windows of positions, fed by one diagonal projection: its products are as many as the spikes, so they are
 * made where they are needed, and every position's x is read and written once a block.
 *
 * A window's x are brought forward together with its output, all steps. Where windows overlap, several bring the same
 * x forward, and the last one to do so writes it. */
#include <string.h>

#include "core/kernels/lanes.h"
#include "core/kernels/portable.h"

/* A position that a window sees. */
typedef struct tap {
    _Alignas(SNN_ALIGNMENT) float x[SNN_LANES];
    float graded[SNN_LANES];
    const uint8_t *bits; /* of the source at the first step */
    int64_t state;       /* of x */
    bool last;           /* no window behind this one sees it */
} tap;

/* The thread's scratch, cut up. */
typedef struct working {
    tap *taps;                 /* [window area] */
    float (*moves)[SNN_LANES]; /* [steps]: what a spike takes from x */
    int32_t *last_viewers[2];  /* per axis, [positions of the input]: the last output that sees them */
    int64_t bytes;
} working;

static void *take(void *base, int64_t *offset, int64_t bytes)
{
    void *taken = base == NULL ? NULL : (uint8_t *)base + *offset;
    *offset += (bytes + SNN_ALIGNMENT - 1) / SNN_ALIGNMENT * SNN_ALIGNMENT;
    return taken;
}

static working working_of(const snn_window *window, snn_shape input, int32_t steps, void *scratch)
{
    working w;
    int64_t bytes = 0;
    w.taps = take(scratch, &bytes, (int64_t)window->kernel[0] * window->kernel[1] * (int64_t)sizeof *w.taps);
    w.moves = take(scratch, &bytes, steps * (int64_t)sizeof *w.moves);
    w.last_viewers[0] = take(scratch, &bytes, input.height * (int64_t)sizeof(int32_t));
    w.last_viewers[1] = take(scratch, &bytes, input.width * (int64_t)sizeof(int32_t));
    w.bytes = bytes;
    return w;
}

bool snn_portable_fuses(const snn_packed *packed, const snn_population *population)
{
    const snn_operator *op = &packed->projection->op;
    return population->kind == SNN_NEURON_MAXIMUM && op->kind == SNN_OPERATOR_DIAGONAL && !op->pooled && !packed->real;
}

int64_t snn_portable_fused_scratch(const snn_population *population, int32_t steps)
{
    return working_of(&population->window, population->input, steps, NULL).bytes;
}

static void find_last_viewers(const snn_window *window, int axis, int32_t size, int32_t outputs, int32_t *last)
{
    for (int32_t output = 0; output < outputs; output++) {
        for (int32_t i = 0; i < window->kernel[axis]; i++) {
            const int32_t seen = output * window->stride[axis] - window->pad_begin[axis] + i * window->dilation[axis];
            if (seen >= 0 && seen < size) {
                last[seen] = output;
            }
        }
    }
}

/* The taps of output (row, column) that are inside the input; their number. */
static int32_t load_taps(const snn_spikes *source, const snn_neurons *neurons, const snn_tile *tile, const working *w,
                         int32_t first, int32_t count, int32_t row, int32_t column)
{
    const snn_window *window = &neurons->window;
    const uint8_t *plane = snn_spikes_plane(source, 0, tile->image);
    int32_t taps = 0;
    for (int32_t i = 0; i < window->kernel[0]; i++) {
        const int32_t y = row * window->stride[0] - window->pad_begin[0] + i * window->dilation[0];
        for (int32_t j = 0; j < window->kernel[1] && y >= 0 && y < neurons->input.height; j++) {
            const int32_t x = column * window->stride[1] - window->pad_begin[1] + j * window->dilation[1];
            if (x < 0 || x >= neurons->input.width) {
                continue;
            }
            const int64_t position = (int64_t)y * neurons->input.width + x;
            tap *t = &w->taps[taps++];
            t->state = position * snn_lanes_owned(neurons) + first;
            t->bits = plane + position * source->row_bytes;
            t->last = w->last_viewers[0][y] == row && w->last_viewers[1][x] == column;
            snn_lanes_load(t->x, neurons->x + t->state, count);
            if (neurons->graded != NULL) {
                snn_lanes_load(t->graded, neurons->graded + t->state, count);
            }
        }
    }
    return taps;
}

/* x <- x -+ move, by the bits of spikes; then the graded input, which may be NULL. */
static inline void move_tap(tap *restrict t, const float *restrict move, uint32_t bits, bool graded, float increment)
{
    static const uint32_t lane_bit[SNN_LANES] = {
        1U << 0,  1U << 1,  1U << 2,  1U << 3,  1U << 4,  1U << 5,  1U << 6,  1U << 7,  1U << 8,  1U << 9,  1U << 10,
        1U << 11, 1U << 12, 1U << 13, 1U << 14, 1U << 15, 1U << 16, 1U << 17, 1U << 18, 1U << 19, 1U << 20, 1U << 21,
        1U << 22, 1U << 23, 1U << 24, 1U << 25, 1U << 26, 1U << 27, 1U << 28, 1U << 29, 1U << 30, 1U << 31,
    };
    for (int i = 0; i < SNN_LANES; i++) {
        t->x[i] = t->x[i] - ((bits & lane_bit[i]) != 0 ? move[i] : -move[i]);
    }
    if (graded) {
        for (int i = 0; i < SNN_LANES; i++) {
            t->x[i] = t->x[i] + increment * t->graded[i];
        }
    }
}

static inline void raise(float *restrict largest, const float *restrict x)
{
    for (int i = 0; i < SNN_LANES; i++) {
        largest[i] = x[i] > largest[i] ? x[i] : largest[i];
    }
}

/* Bits [bit, bit + 32) of a row; those behind the row's end may be anything. */
static uint32_t load_word(const uint8_t *row, int64_t bit)
{
    uint64_t word;
    memcpy(&word, row + bit / 8, sizeof word);
    return (uint32_t)(word >> bit % 8);
}

/* SNN_LANES channels of one output, all steps. `bit`: of the first channel in a row of the source. */
static void run_window(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts,
                       const snn_spikes *source, const working *w, int32_t taps, snn_lanes *group, int32_t first,
                       int64_t position, int64_t bit)
{
    const int64_t source_stride = snn_spikes_plane_bytes(source) * source->images;
    const int64_t state = position * snn_lanes_owned(neurons) + first, to = neurons->channel_begin + first;
    const int64_t row = position * neurons->spikes.row_bytes;
    const bool graded = neurons->graded != NULL, tracked = snn_lanes_are_tracked(neurons, counts, position);
    uint32_t before = neurons->first ? 0 : snn_lanes_load_bits(neurons->previous + row, to, group->count);
    snn_lanes_load(group->y, neurons->y + state, group->count);
    memset(group->spikes, 0, sizeof group->spikes);
    for (int32_t step = 0; step < tile->steps; step++) {
        _Alignas(SNN_ALIGNMENT) float largest[SNN_LANES];
        for (int i = 0; i < SNN_LANES; i++) {
            largest[i] = -INFINITY;
        }
        for (int32_t i = 0; i < taps; i++) {
            tap *t = &w->taps[i];
            move_tap(t, w->moves[step], load_word(t->bits + step * source_stride, bit), graded,
                     graded ? neurons->increments[step] : 0.0F);
            raise(largest, t->x);
        }
        for (int i = 0; i < SNN_LANES; i++) {
            group->target[i] = largest[i] * group->inverse_scale[i];
        }
        const uint32_t fired = snn_lanes_fire(group, counts, step, neurons->eta[step], false, tracked);
        snn_lanes_store_bits(snn_spikes_plane(&neurons->spikes, step, tile->image) + row, to, group->count, fired);
        before = neurons->first && step == 0 ? fired : before;
        snn_lanes_count_spikes(counts, step, fired, before);
        before = fired;
    }
    snn_lanes_store(neurons->y + state, group->y, group->count);
    snn_lanes_count_channels(counts, group, first);
    for (int32_t i = 0; i < taps; i++) {
        if (w->taps[i].last) {
            snn_lanes_store(neurons->x + w->taps[i].state, w->taps[i].x, group->count);
        }
    }
}

/* (eta step) weight of SNN_LANES channels; a spike that is missing takes as much to the other side. */
static void find_moves(const snn_packed *packed, const snn_neurons *neurons, int32_t steps, const snn_lanes *group,
                       int32_t first, float (*moves)[SNN_LANES])
{
    const int32_t *weights = (const int32_t *)packed->data + first;
    for (int32_t step = 0; step < steps; step++) {
        for (int i = 0; i < SNN_LANES; i++) {
            moves[step][i] =
                i < group->count ? (neurons->eta[step] * neurons->step[first + i]) * (float)weights[i] : 0.0F;
        }
    }
}

void snn_portable_project_and_fire(const snn_packed *packed, const snn_spikes *source, const snn_neurons *neurons,
                                   const snn_tile *tile, const snn_tile_counts *counts)
{
    const snn_shape input = neurons->input, shape = neurons->shape;
    const working w = working_of(&neurons->window, input, tile->steps, tile->scratch);
    find_last_viewers(&neurons->window, 0, input.height, shape.height, w.last_viewers[0]);
    find_last_viewers(&neurons->window, 1, input.width, shape.width, w.last_viewers[1]);
    for (int32_t first = 0; first < snn_lanes_owned(neurons); first += SNN_LANES) {
        const int64_t bit = packed->projection->op.source_channel + packed->row_begin + first;
        snn_lanes group;
        snn_lanes_begin(&group, neurons, first);
        find_moves(packed, neurons, tile->steps, &group, first, w.moves);
        for (int32_t row = 0; row < shape.height; row++) {
            for (int32_t column = 0; column < shape.width; column++) {
                const int32_t taps = load_taps(source, neurons, tile, &w, first, group.count, row, column);
                run_window(neurons, tile, counts, source, &w, taps, &group, first, (int64_t)row * shape.width + column,
                           bit);
            }
        }
    }
}
