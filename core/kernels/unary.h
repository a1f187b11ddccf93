/* f of a neuron of one input by its kind; the functions themselves are in core/base/functions.h. */
#ifndef SNN_KERNELS_UNARY_H
#define SNN_KERNELS_UNARY_H

#include "core/base/functions.h"
#include "core/network/network.h"

/* f of a unary kind (x itself for kinds that have no f of their own), for those who need few values. The same bits as
 * the lanes of the kernels. */
float snn_function_evaluate(snn_neuron_kind kind, float alpha, float beta, float x);

/* snn_function_evaluate itself; with a constant kind nothing but its function is left. */
SNN_FUNCTION float snn_function_value(snn_neuron_kind kind, float alpha, float beta, float x)
{
    switch (kind) {
    case SNN_NEURON_RELU:
        return snn_function_relu(x);
    case SNN_NEURON_LEAKY_RELU:
        return snn_function_leaky_relu(alpha, x);
    case SNN_NEURON_GELU:
        return snn_function_gelu(x);
    case SNN_NEURON_GELU_TANH:
        return snn_function_gelu_tanh(x);
    case SNN_NEURON_ABS:
        return snn_function_abs(x);
    case SNN_NEURON_SQUARE:
        return snn_function_square(x);
    case SNN_NEURON_EXP:
        return snn_function_exp(x);
    case SNN_NEURON_SQRT:
        return snn_function_sqrt(x);
    case SNN_NEURON_RECIPROCAL:
        return snn_function_reciprocal(alpha, x);
    case SNN_NEURON_TANH:
        return snn_function_tanh(x);
    case SNN_NEURON_SIGMOID:
        return snn_function_sigmoid(x);
    case SNN_NEURON_SILU:
        return snn_function_silu(x);
    case SNN_NEURON_ELU:
        return snn_function_elu(alpha, x);
    case SNN_NEURON_SELU:
        return snn_function_selu(alpha, beta, x);
    case SNN_NEURON_CELU:
        return snn_function_celu(alpha, x);
    case SNN_NEURON_SOFTPLUS:
        return snn_function_softplus(x);
    case SNN_NEURON_SOFTSIGN:
        return snn_function_softsign(x);
    case SNN_NEURON_MISH:
        return snn_function_mish(x);
    case SNN_NEURON_HARD_SWISH:
        return snn_function_hard_swish(x);
    case SNN_NEURON_HARD_SIGMOID:
        return snn_function_hard_sigmoid(alpha, beta, x);
    case SNN_NEURON_CLIP:
        return snn_function_clip(alpha, beta, x);
    case SNN_NEURON_THRESHOLDED_RELU:
        return snn_function_thresholded_relu(alpha, x);
    case SNN_NEURON_ERF:
        return snn_function_erf(x);
    case SNN_NEURON_SHRINK:
        return snn_function_shrink(alpha, beta, x);
    case SNN_NEURON_LINEAR:
    case SNN_NEURON_MAXIMUM:
    case SNN_NEURON_READOUT:
    case SNN_NEURON_STREAM:
    case SNN_NEURON_LAYER_NORM:
    case SNN_NEURON_NORMALISE:
    case SNN_NEURON_PRODUCT:
    case SNN_NEURON_QUOTIENT:
    case SNN_NEURON_SCORES:
    case SNN_NEURON_SOFTMAX:
    case SNN_NEURON_SHIFTED_EXP:
    case SNN_NEURON_MIX:
    case SNN_NEURON_ATTENTION:
    case SNN_NEURON_KIND_COUNT:
        break;
    }
    return x;
}

#endif
