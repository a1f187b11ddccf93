#include "core/network/connections.h"

#include "core/base/memory.h"

snn_status snn_connections_create(const snn_network *network, snn_connections **connections)
{
    snn_connections *made = snn_allocate(1, sizeof *made);
    *connections = NULL;
    if (made == NULL) {
        return snn_out_of_memory("counts of weights");
    }
    made->projections = snn_allocate((size_t)network->projection_count, sizeof *made->projections);
    made->count = network->projection_count;
    for (int32_t i = 0; i < made->count; i++) {
        made->length += 2 + 2 * (size_t)network->projections[i].op.source_channels;
    }
    made->counts = snn_allocate(made->length, sizeof *made->counts);
    if (made->projections == NULL || made->counts == NULL) {
        snn_connections_destroy(made);
        return snn_out_of_memory("counts of weights");
    }
    int64_t *next = made->counts;
    for (int32_t i = 0; i < made->count; i++) {
        const int32_t channels = network->projections[i].op.source_channels;
        made->projections[i] = (snn_connection_counts){next, next + 1, next + 2, next + 2 + channels};
        next += 2 + 2 * channels;
    }
    *connections = made;
    return snn_ok();
}

/* Outputs whose tap number `tap` along an axis lies inside the source. */
static int64_t outputs_of_tap(const snn_window *window, int axis, int32_t size, int32_t tap)
{
    int64_t inside = 0;
    const int32_t outputs = snn_window_output(window, axis, size);
    for (int64_t output = 0; output < outputs; output++) {
        const int64_t at =
            output * window->stride[axis] - window->pad_begin[axis] + (int64_t)tap * window->dilation[axis];
        inside += at >= 0 && at < size;
    }
    return inside;
}

static bool is_zero(const snn_network *network, const snn_projection *projection, int64_t element)
{
    if (network->format == SNN_WEIGHTS_FLOAT32) {
        return ((const float *)projection->weights)[element] == 0.0f;
    }
    return snn_weight_bytes(network->format, projection->op.kind) == (int64_t)sizeof(int16_t)
               ? ((const int16_t *)projection->weights)[element] == 0
               : ((const int32_t *)projection->weights)[element] == 0;
}

/* One weight, used `uses` times for each image and timestep. */
static void add_weight(snn_connection_counts *counts, int64_t channel, int64_t uses, bool zero)
{
    (*counts->weights)++;
    *counts->zeros += zero;
    counts->uses[channel] += uses;
    counts->effective[channel] += zero ? 0 : uses;
}

static void add_convolution(snn_connection_counts *counts, const snn_network *network, const snn_projection *projection)
{
    const snn_operator *op = &projection->op;
    const snn_shape pooled = snn_operator_pooled_shape(op);
    const int32_t width = op->source_channels / op->groups, targets = op->target_channels / op->groups;
    const int64_t length = snn_operator_row_length(op);
    for (int32_t i = 0; i < op->window.kernel[0]; i++) {
        const int64_t rows = outputs_of_tap(&op->window, 0, pooled.height, i);
        for (int32_t j = 0; j < op->window.kernel[1]; j++) {
            const int64_t uses = rows * outputs_of_tap(&op->window, 1, pooled.width, j);
            const int64_t tap = ((int64_t)i * op->window.kernel[1] + j) * width;
            for (int32_t row = projection->row_begin; row < projection->row_end; row++) {
                const int64_t begin = (row - projection->row_begin) * length + tap;
                for (int32_t c = 0; c < width; c++) {
                    add_weight(counts, row / targets * width + c, uses, is_zero(network, projection, begin + c));
                }
            }
        }
    }
}

/* A row's weight multiplies a mixture of the channel's positions. */
static void add_tokens(snn_connection_counts *counts, const snn_network *network, const snn_projection *projection)
{
    const snn_operator *op = &projection->op;
    const int64_t mixed = snn_shape_positions(op->target) * snn_shape_positions(snn_operator_pooled_shape(op));
    int64_t zeros = 0;
    for (int64_t i = 0; i < mixed; i++) {
        zeros += network->format == SNN_WEIGHTS_FLOAT32 ? ((const float *)projection->mixing)[i] == 0.0f
                                                        : ((const int16_t *)projection->mixing)[i] == 0;
    }
    for (int32_t row = projection->row_begin; row < projection->row_end; row++) {
        const bool zero = is_zero(network, projection, row - projection->row_begin);
        add_weight(counts, row, mixed, zero);
        counts->effective[row] -= zero ? 0 : zeros;
    }
    if (projection->row_begin == 0 && projection->row_end > 0) {
        *counts->weights += mixed;
        *counts->zeros += zeros;
    }
}

void snn_connections_add(snn_connections *connections, const snn_network *network, int32_t number)
{
    const snn_projection *projection = &network->projections[number];
    const snn_operator *op = &projection->op;
    snn_connection_counts *counts = &connections->projections[number];
    const int64_t length = snn_operator_row_length(op), positions = snn_shape_positions(op->target);
    if (op->kind == SNN_OPERATOR_CONVOLUTION) {
        add_convolution(counts, network, projection);
        return;
    }
    if (op->kind == SNN_OPERATOR_TOKENS) {
        add_tokens(counts, network, projection);
        return;
    }
    for (int32_t row = projection->row_begin; row < projection->row_end; row++) {
        for (int64_t i = 0; i < length; i++) {
            const int64_t element = (row - projection->row_begin) * length + i;
            const bool zero = is_zero(network, projection, element);
            if (op->kind == SNN_OPERATOR_DIAGONAL) {
                add_weight(counts, row, positions, zero);
            } else if (op->kind == SNN_OPERATOR_DENSE) {
                add_weight(counts, i % op->source_channels, 1, zero);
            } else { /* GATHER: an element that takes nothing is like a weight of 0 */
                const int32_t index = projection->index[element];
                add_weight(counts, index < 0 ? 0 : index % op->source_channels, 1, zero || index < 0);
            }
        }
    }
}

void snn_connections_destroy(snn_connections *connections)
{
    if (connections == NULL) {
        return;
    }
    snn_release(connections->projections);
    snn_release(connections->counts);
    snn_release(connections);
}
