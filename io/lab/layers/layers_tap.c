#include "io/lab/layers/layers_tap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/network/timing.h"

static snn_status ones(snn_weight_format format, int32_t count, void **weights)
{
    int32_t *made = snn_allocate((size_t)count, sizeof *made);
    *weights = made;
    if (made == NULL) {
        return snn_out_of_memory("weights");
    }
    for (int32_t i = 0; i < count; i++) {
        if (format == SNN_WEIGHTS_FLOAT32) {
            ((float *)*weights)[i] = 1.0F;
        } else {
            made[i] = 1;
        }
    }
    return snn_ok();
}

/* The stream that gathers what `reader` reads. */
static snn_status make_stream(const snn_population *reader, snn_population *stream)
{
    char name[256];
    const int32_t channels = reader->input.channels;
    (void)snprintf(name, sizeof name, "input of %.200s", reader->name);
    *stream = (snn_population){.name = snn_duplicate_text(name),
                               .kind = SNN_NEURON_STREAM,
                               .shape = reader->input,
                               .input = reader->input,
                               .groups = 1,
                               .scale = snn_allocate((size_t)channels, sizeof(float)),
                               .step = snn_allocate((size_t)channels, sizeof(float)),
                               .bias = snn_allocate((size_t)channels, sizeof(float)),
                               .bias_positions = 1};
    if (stream->name == NULL || stream->scale == NULL || stream->step == NULL || stream->bias == NULL) {
        return snn_out_of_memory("stream");
    }
    for (int32_t c = 0; c < channels; c++) {
        stream->scale[c] = 1.0F;
        stream->step[c] = reader->step[c];
    }
    return snn_ok();
}

/* Channel by channel from the stream to its reader, the population after it. */
static snn_status join(snn_network *network, int32_t stream)
{
    snn_projection *projection = &network->projections[network->projection_count++];
    const snn_shape shape = network->populations[stream].shape;
    *projection = (snn_projection){.source = stream,
                                   .target = stream + 1,
                                   .op = {.kind = SNN_OPERATOR_DIAGONAL,
                                          .source = shape,
                                          .source_channels = shape.channels,
                                          .target = shape,
                                          .target_channels = shape.channels},
                                   .row_end = shape.channels};
    return ones(network->format, shape.channels, &projection->weights);
}

/* Moves population `number` of `old` over, with its projections from *next on. */
static snn_status move(snn_network *old, int32_t number, int32_t *next, snn_network *network, int32_t *place)
{
    snn_population *population = &old->populations[number];
    const bool taps = snn_neuron_spikes(population->kind);
    const int32_t reader = network->population_count;
    if (taps) {
        SNN_TRY(make_stream(population, &network->populations[network->population_count++]));
    }
    place[number] = network->population_count;
    network->populations[network->population_count++] = *population;
    *population = (snn_population){0};
    for (; *next < old->projection_count && old->projections[*next].target == number; ++*next) {
        snn_projection *projection = &network->projections[network->projection_count++];
        *projection = old->projections[*next];
        old->projections[*next] = (snn_projection){0};
        projection->target = reader;
        projection->source = projection->source == SNN_SOURCE_INPUT ? SNN_SOURCE_INPUT : place[projection->source];
    }
    return taps ? join(network, reader) : snn_ok();
}

snn_status snn_layers_tap(snn_network *network, int32_t *place)
{
    snn_network old = *network;
    int32_t next = 0;
    network->populations = snn_allocate((size_t)(2 * old.population_count), sizeof *network->populations);
    network->projections =
        snn_allocate((size_t)(old.projection_count + old.population_count), sizeof *network->projections);
    network->population_count = network->projection_count = 0;
    snn_status status =
        network->populations == NULL || network->projections == NULL ? snn_out_of_memory("network") : snn_ok();
    for (int32_t p = 0; p < old.population_count && !snn_failed(status); p++) {
        status = move(&old, p, &next, network, place);
    }
    /* What has not been moved, and the arrays. */
    snn_network *rest = snn_allocate(1, sizeof *rest);
    if (rest != NULL) {
        *rest = old;
        rest->name = NULL;
        snn_network_destroy(rest);
    } else if (!snn_failed(status)) {
        status = snn_out_of_memory("network");
    }
    if (!snn_failed(status)) {
        snn_network_find_depths(network);
        status = snn_network_check(network);
    }
    return status;
}

/* ---- variances ---- */

static double weight_of(const snn_network *network, const snn_projection *projection, int64_t at)
{
    const snn_operator_kind kind = projection->op.kind;
    if (network->format == SNN_WEIGHTS_FLOAT32) {
        return (double)((const float *)projection->weights)[at];
    }
    const double weight = kind == SNN_OPERATOR_CONVOLUTION || kind == SNN_OPERATOR_DENSE
                              ? (double)((const int16_t *)projection->weights)[at]
                              : (double)((const int32_t *)projection->weights)[at];
    return ldexp(weight, -projection->shift - (kind == SNN_OPERATOR_TOKENS ? SNN_TOKENS_FRACTION_BITS : 0));
}

/* The mean over target positions of the sum of squares of what they mix. */
static double mixed_squares(const snn_network *network, const snn_projection *projection)
{
    const int64_t targets = snn_shape_positions(projection->op.target);
    const int64_t sources = snn_shape_positions(snn_operator_pooled_shape(&projection->op));
    double sum = 0.0;
    for (int64_t i = 0; i < targets * sources; i++) {
        const double mix = network->format == SNN_WEIGHTS_FLOAT32 ? (double)((const float *)projection->mixing)[i]
                                                                  : (double)((const int16_t *)projection->mixing)[i];
        sum += mix * mix;
    }
    return sum / (double)targets;
}

/* What a row adds to the variance of its target channel; `source`: variances of the channels that the operator reads.
 */
static double row_variance(const snn_network *network, const snn_projection *projection, int32_t row,
                           const double *source)
{
    const snn_operator *op = &projection->op;
    const int64_t length = snn_operator_row_length(op);
    const int32_t group_channels = op->kind == SNN_OPERATOR_CONVOLUTION ? op->source_channels / op->groups : 0;
    double sum = 0.0;
    for (int64_t k = 0; k < length; k++) {
        const double weight = weight_of(network, projection, row * length + k);
        double variance = 0.0;
        switch (op->kind) {
        case SNN_OPERATOR_CONVOLUTION:
            variance = source[row / (op->target_channels / op->groups) * group_channels + k % group_channels];
            break;
        case SNN_OPERATOR_DENSE:
            variance = source[k % op->source_channels];
            break;
        case SNN_OPERATOR_GATHER: {
            const int32_t index = projection->index[row * length + k];
            variance = index < 0 ? 0.0 : source[index % op->source_channels] / (double)length;
            break;
        }
        default:
            variance = source[row];
            break;
        }
        sum += weight * weight * variance;
    }
    return sum;
}

void snn_layers_spread(const snn_network *network, double *const *variance)
{
    for (int32_t i = 0; i < network->projection_count; i++) {
        const snn_projection *projection = &network->projections[i];
        const snn_operator *op = &projection->op;
        if (snn_neuron_spikes(network->populations[projection->target].kind)) {
            continue; /* reads the stream before it */
        }
        double *target = variance[projection->target];
        if (i == 0 || projection[-1].target != projection->target) {
            memset(target, 0, (size_t)op->target.channels * sizeof *target);
        }
        if (projection->source == SNN_SOURCE_INPUT) {
            continue;
        }
        const double factor = (double)snn_operator_pool_area(op) *
                              (op->kind == SNN_OPERATOR_TOKENS ? mixed_squares(network, projection) : 1.0);
        for (int32_t row = projection->row_begin; row < projection->row_end; row++) {
            target[op->target_channel + row] +=
                factor * row_variance(network, projection, row, variance[projection->source] + op->source_channel);
        }
    }
}
