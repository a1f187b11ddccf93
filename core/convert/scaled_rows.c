#include "core/convert/scaled_rows.h"

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
