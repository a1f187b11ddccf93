/* The neuron step by kind, and that of maxima: SNN_LANES channels of one position at a time. */
#include "core/kernels/lanes.h"
#include "core/kernels/portable.h"

/* target = maximum of x over the window of output position (row, column), in units of the scale. */
static void find_maximum(const snn_neurons *neurons, snn_lanes *group, int32_t first, int32_t row, int32_t column)
{
    const snn_window *window = &neurons->window;
    const float *x = neurons->x + first;
    _Alignas(SNN_ALIGNMENT) float largest[SNN_LANES];
    for (int i = 0; i < SNN_LANES; i++) {
        largest[i] = -INFINITY;
    }
    for (int32_t i = 0; i < window->kernel[0]; i++) {
        const int64_t y = (int64_t)row * window->stride[0] - window->pad_begin[0] + (int64_t)i * window->dilation[0];
        if (y < 0 || y >= neurons->input.height) {
            continue;
        }
        for (int32_t j = 0; j < window->kernel[1]; j++) {
            const int64_t at =
                (int64_t)column * window->stride[1] - window->pad_begin[1] + (int64_t)j * window->dilation[1];
            if (at < 0 || at >= neurons->input.width) {
                continue;
            }
            _Alignas(SNN_ALIGNMENT) float tap[SNN_LANES];
            snn_lanes_load(tap, x + (y * neurons->input.width + at) * snn_lanes_owned(neurons), group->count);
            for (int lane = 0; lane < SNN_LANES; lane++) {
                largest[lane] = tap[lane] > largest[lane] ? tap[lane] : largest[lane];
            }
        }
    }
    for (int i = 0; i < SNN_LANES; i++) {
        group->target[i] = largest[i] * group->inverse_scale[i];
    }
}

/* All steps of SNN_LANES channels of all positions of the image: each step's maxima need every x of that step. */
static void run_windows(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts,
                        snn_lanes *group, int32_t first)
{
    const int64_t inputs = snn_shape_positions(neurons->input);
    for (int32_t step = 0; step < tile->steps; step++) {
        int64_t position = 0;
        for (int64_t i = 0; i < inputs; i++) {
            snn_lanes_integrate_state(neurons, tile, first, step, i);
        }
        for (int32_t row = 0; row < neurons->shape.height; row++) {
            for (int32_t column = 0; column < neurons->shape.width; column++, position++) {
                find_maximum(neurons, group, first, row, column);
                snn_lanes_fire_state(neurons, tile, counts, group, first, step, position, false);
            }
        }
    }
    snn_lanes_count_channels(counts, group, first);
}

void snn_portable_fire(const snn_neurons *neurons, const snn_tile *tile, const snn_tile_counts *counts)
{
    if (snn_neuron_reads_all_channels(neurons->kind)) {
        snn_portable_fire_nary(neurons, tile, counts);
        return;
    }
    const int32_t owned = snn_lanes_owned(neurons);
    if (neurons->kind != SNN_NEURON_MAXIMUM) {
        snn_vectors_fire(neurons, tile, counts);
        return;
    }
    for (int32_t first = 0; first < owned; first += SNN_LANES) {
        snn_lanes group;
        snn_lanes_begin(&group, neurons, first);
        run_windows(neurons, tile, counts, &group, first);
    }
}
