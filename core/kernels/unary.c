#include "core/kernels/unary.h"

float snn_function_evaluate(snn_neuron_kind kind, float alpha, float beta, float x)
{
    return snn_function_value(kind, alpha, beta, x);
}
