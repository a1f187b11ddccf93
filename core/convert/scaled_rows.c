#include "core/convert/scaled_rows.h"

#include <math.h>

bool snn_operator_is_product(snn_operator_kind kind)
{
    return kind == SNN_OPERATOR_CONVOLUTION || kind == SNN_OPERATOR_DENSE;
}

int32_t snn_row_inputs(const snn_operator *op)
{
    return op->kind == SNN_OPERATOR_CONVOLUTION ? op->source_channels / op->groups : op->source_channels;
}

int32_t snn_row_base(const snn_operator *op, int32_t r)
{
    return op->kind == SNN_OPERATOR_CONVOLUTION ? r / (op->target_channels / op->groups) * snn_row_inputs(op) : 0;
}

void snn_scaled_row(const snn_term *term, const snn_network *network, int32_t r, double *row)
{
    const snn_operator *op = &term->op;
    const snn_population *source = term->source == SNN_SOURCE_INPUT ? NULL : &network->populations[term->source];
    const float *unit = source == NULL ? NULL : source->kind == SNN_NEURON_STREAM ? source->step : source->scale;
    const int64_t length = snn_operator_row_length(op);
    const float *weights = term->weights + r * length;
    unit = unit == NULL ? NULL : unit + op->source_channel;
    for (int64_t k = 0; k < length; k++) {
        row[k] = (double)weights[k];
    }
    if (unit == NULL) {
        return;
    }
    if (op->kind == SNN_OPERATOR_DIAGONAL || op->kind == SNN_OPERATOR_TOKENS) {
        row[0] *= (double)unit[r];
    } else if (op->kind == SNN_OPERATOR_GATHER) {
        const int32_t *index = term->index + r * length;
        for (int64_t k = 0; k < length; k++) {
            row[k] *= (double)unit[index[k] < 0 ? 0 : index[k] % op->source_channels];
        }
    } else {
        const int32_t inputs = snn_row_inputs(op);
        const float *of_group = unit + snn_row_base(op, r);
        for (int64_t k = 0; k < length; k += inputs) {
            for (int32_t i = 0; i < inputs; i++) {
                row[k + i] *= (double)of_group[i];
            }
        }
    }
}

int64_t snn_longest_row(const snn_draft *draft)
{
    int64_t longest = 1;
    for (int32_t p = 0; p < draft->population_count; p++) {
        const snn_affine *input = &draft->populations[p].input;
        for (int32_t t = 0; t < input->term_count; t++) {
            int64_t length = snn_operator_row_length(&input->terms[t].op);
            longest = length > longest ? length : longest;
        }
    }
    return longest;
}

double snn_mixing_reach(const snn_term *term)
{
    int64_t sources = snn_shape_positions(snn_operator_pooled_shape(&term->op));
    double largest = 0.0;
    for (int64_t p = 0; p < snn_shape_positions(term->op.target); p++) {
        double sum = 0.0;
        for (int64_t s = 0; s < sources; s++) {
            sum += fabs((double)term->mixing[p * sources + s]);
        }
        largest = fmax(largest, sum);
    }
    return largest;
}

double snn_mixing_unit(const snn_term *term, const snn_network *network)
{
    const snn_weight_format format = network->format;
    int64_t count = snn_shape_positions(term->op.target) * snn_shape_positions(snn_operator_pooled_shape(&term->op));
    double largest = 0.0;
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)term->mixing[i]));
    }
    double levels = format == SNN_WEIGHTS_INT8 ? 127.0 : 32767.0;
    if (format == SNN_WEIGHTS_FLOAT32 || largest == 0.0) {
        return 1.0;
    }
    /* Codes times the matrix's integers, rounded, fit 32 bits. */
    const double sources = (double)snn_shape_positions(snn_operator_pooled_shape(&term->op));
    const double reach =
        (double)snn_network_source_reach(network, term->source) * (double)snn_operator_pool_area(&term->op);
    const double room = fmax(SNN_LARGEST_SUM - sources * reach, 1.0);
    return fmax(largest / levels, snn_mixing_reach(term) * reach / room);
}
