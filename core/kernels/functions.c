/* f(x) of neurons of one input, SNN_LANES of them at a time. */
#include "core/kernels/lanes.h"
#include "core/kernels/portable.h"
#include "core/kernels/unary.h"

/* A case and loop of its own for each kind: with the kind a constant, the loop becomes vector code. */
#define VALUES_OF(KIND)                                                                                                \
    case KIND:                                                                                                         \
        for (int64_t first = 0; first < count; first += SNN_LANES) {                                                   \
            for (int64_t i = first; i < first + SNN_LANES; i++) {                                                      \
                x[i] = snn_function_value(KIND, alpha, beta, x[i]);                                                    \
            }                                                                                                          \
        }                                                                                                              \
        break

void snn_portable_apply(const snn_neurons *neurons, float *x, int64_t count)
{
    const float alpha = neurons->alpha, beta = neurons->beta;
    switch (neurons->kind) {
        VALUES_OF(SNN_NEURON_RELU);
        VALUES_OF(SNN_NEURON_LEAKY_RELU);
        VALUES_OF(SNN_NEURON_LINEAR);
        VALUES_OF(SNN_NEURON_GELU);
        VALUES_OF(SNN_NEURON_GELU_TANH);
        VALUES_OF(SNN_NEURON_ABS);
        VALUES_OF(SNN_NEURON_SQUARE);
        VALUES_OF(SNN_NEURON_EXP);
        VALUES_OF(SNN_NEURON_SQRT);
        VALUES_OF(SNN_NEURON_RECIPROCAL);
        VALUES_OF(SNN_NEURON_TANH);
        VALUES_OF(SNN_NEURON_SIGMOID);
        VALUES_OF(SNN_NEURON_SILU);
        VALUES_OF(SNN_NEURON_ELU);
        VALUES_OF(SNN_NEURON_SELU);
        VALUES_OF(SNN_NEURON_CELU);
        VALUES_OF(SNN_NEURON_SOFTPLUS);
        VALUES_OF(SNN_NEURON_SOFTSIGN);
        VALUES_OF(SNN_NEURON_MISH);
        VALUES_OF(SNN_NEURON_HARD_SWISH);
        VALUES_OF(SNN_NEURON_HARD_SIGMOID);
        VALUES_OF(SNN_NEURON_CLIP);
        VALUES_OF(SNN_NEURON_THRESHOLDED_RELU);
        VALUES_OF(SNN_NEURON_ERF);
        VALUES_OF(SNN_NEURON_SHRINK);
    case SNN_NEURON_MAXIMUM: /* has its own: window_values.c */
    case SNN_NEURON_READOUT: /* these do not fire */
    case SNN_NEURON_STREAM:
    case SNN_NEURON_LAYER_NORM: /* these are in nary.c */
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
}
