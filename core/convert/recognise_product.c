/* Products with constants: convolutions and matrix products. */
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/convert/arrange.h"
#include "core/convert/matrices.h"
#include "core/convert/neurons.h"
#include "core/convert/recognise.h"
#include "core/graph/operators.h" /* snn_window_read */

static snn_status convert_conv(snn_recognition *recognition)
{
    const snn_tensor *weights = NULL;
    const snn_tensor *bias = NULL;
    snn_shape shape;
    snn_window window;
    snn_affine affine;
    SNN_TRY(snn_recognition_constant(recognition, 1, &weights));
    if (recognition->node->input_count > 2 && recognition->node->inputs[2] != SNN_NO_VALUE) {
        SNN_TRY(snn_recognition_constant(recognition, 2, &bias));
    }
    SNN_TRY(snn_recognition_image_shape(snn_recognition_input(recognition, 0), &shape));
    SNN_TRY(snn_recognition_require_layout(recognition, 0, shape, SNN_ORDER_CHANNELS_FIRST));
    const int64_t size[2] = {shape.height, shape.width};
    SNN_TRY(snn_window_read(recognition->node, size, weights->dims + 2, &window));
    int32_t groups = (int32_t)snn_node_integer(recognition->node, "group", 1);
    int32_t outputs = (int32_t)weights->dims[0];
    const float *bias_data = bias != NULL ? bias->data : NULL;
    bool possible = false;
    const snn_affine *now = &recognition->draft->affines[recognition->node->inputs[0]];
    bool depthwise = groups == shape.channels && outputs == shape.channels;
    if (depthwise && snn_affine_is_plain(now, true) && snn_draft_reads_stream(recognition->draft, now)) {
        SNN_TRY(snn_recognition_take(recognition, 0, &affine)); /* cheap, and so not asked for */
    } else {
        SNN_TRY(snn_recognition_take_factor(recognition, 0, &affine));
    }
    snn_status status = snn_affine_convolve(&affine, &window, groups, outputs, weights->data, bias_data, &possible);
    if (!snn_failed(status) && !possible) {
        status = snn_draft_relay_affine(recognition->draft, &affine, recognition->node->inputs[0]);
        if (!snn_failed(status)) {
            status = snn_affine_convolve(&affine, &window, groups, outputs, weights->data, bias_data, &possible);
        }
    }
    (void)snprintf(recognition->text, sizeof recognition->text, "convolution %d x %d, %d to %d channels%s",
                   window.kernel[0], window.kernel[1], shape.channels, outputs, groups > 1 ? ", grouped" : "");
    return snn_recognition_conclude(recognition, &affine, status);
}

/* `matrix` as [outputs][inputs] and scaled, where `rows_are_outputs` says how it lies: the matrix's own data where they
 * are that already (matrices may be most of a model), or a copy, which the caller releases as *copy. */
static snn_status oriented(const snn_tensor *matrix, bool rows_are_outputs, float alpha, const float **weights,
                           float **copy)
{
    int64_t rows = matrix->dims[matrix->rank - 2];
    int64_t columns = matrix->dims[matrix->rank - 1];
    const float *data = matrix->data;
    *copy = NULL;
    *weights = data;
    if (rows_are_outputs && alpha == 1.0f) {
        return snn_ok();
    }
    *copy = snn_allocate((size_t)(rows * columns), sizeof **copy);
    if (*copy == NULL) {
        return snn_out_of_memory("matrix");
    }
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < columns; c++) {
            int64_t at = rows_are_outputs ? r * columns + c : c * rows + r;
            (*copy)[at] = alpha * data[r * columns + c];
        }
    }
    *weights = *copy;
    return snn_ok();
}

/* The bias of Gemm times beta, broadcast to the result and laid out like it; NULL if there is none. */
static snn_status gemm_bias(const snn_recognition *recognition, const snn_affine *result, float **bias,
                            bool *per_channel)
{
    const snn_node *node = recognition->node;
    *bias = NULL;
    if (node->input_count < 3 || node->inputs[2] == SNN_NO_VALUE) {
        return snn_ok();
    }
    float beta = snn_node_real(node, "beta", 1.0f);
    SNN_TRY(snn_arrange_constant(recognition, 2, result, bias, per_channel));
    for (int64_t i = 0; i < snn_shape_size(result->shape); i++) {
        (*bias)[i] *= beta;
    }
    return snn_ok();
}

/* Whether input i is one vector and not the rows of a matrix. */
static bool has_one_row(const snn_recognition *recognition, int32_t i)
{
    const snn_tensor *input = snn_recognition_input(recognition, i);
    return input->rank == 2 && input->dims[0] == 1;
}

/* The product with all elements of input i; `bias` may be NULL. */
static snn_status dense(snn_recognition *recognition, int32_t i, int32_t outputs, const float *weights,
                        const float *bias)
{
    snn_affine affine;
    SNN_TRY(snn_recognition_take_factor(recognition, i, &affine));
    return snn_recognition_conclude(recognition, &affine, snn_affine_dense(&affine, outputs, weights, bias));
}

/* A product along one axis of a token matrix: over positions where that axis runs over them, else a 1 x 1 convolution
 * in the layout where it runs over the channels. */
static snn_status token_product(snn_recognition *recognition, int32_t activation, bool left, int32_t outputs,
                                const float *weights)
{
    const snn_tensor *input = snn_recognition_input(recognition, activation);
    int64_t last = input->dims[input->rank - 1];
    int64_t others = snn_tensor_elements(input) / last;
    if (left && (input->rank < 2 || input->dims[input->rank - 2] != others)) {
        return snn_fail(SNN_INPUT_ERROR, "constant matrix times several matrices of an image; one expected");
    }
    int64_t contracted = left ? others : last;
    snn_shape shape = {1, (int32_t)(left ? last : others), (int32_t)contracted};
    snn_order over_channels = left ? SNN_ORDER_CHANNELS_FIRST : SNN_ORDER_CHANNELS_LAST;
    const snn_affine *now = &recognition->draft->affines[recognition->node->inputs[activation]];
    bool over_positions = now->order != over_channels && snn_shape_positions(now->shape) == contracted;
    if (now->order == over_channels && now->shape.channels == contracted) {
        shape = now->shape; /* keeps rows and columns of an image apart */
    }
    if (over_positions && snn_affine_reads_image(now)) { /* positions are mixed of spikes only */
        SNN_TRY(snn_recognition_relay(recognition, activation));
        over_positions = !snn_affine_reads_image(now); /* the image as it is takes no relay */
    }
    if (!over_positions) {
        SNN_TRY(snn_recognition_require_layout(recognition, activation, shape, over_channels));
    }
    snn_affine affine;
    SNN_TRY(snn_recognition_take_factor(recognition, activation, &affine));
    snn_status status = snn_ok();
    if (over_positions) {
        status = snn_affine_mix_positions(&affine, outputs, weights);
    } else {
        const snn_window window = {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
        bool possible = false;
        status = snn_affine_convolve(&affine, &window, 1, outputs, weights, NULL, &possible);
    }
    return snn_recognition_conclude(recognition, &affine, status);
}

/* One row: the bias stands with the outputs, which are the channels. */
static snn_status gemm_of_row(snn_recognition *recognition, int32_t outputs, const float *weights)
{
    const snn_affine result = {.shape = {1, 1, outputs}, .order = SNN_ORDER_CHANNELS_FIRST};
    float *bias = NULL;
    bool per_channel = false;
    snn_status status = gemm_bias(recognition, &result, &bias, &per_channel);
    if (!snn_failed(status)) {
        status = dense(recognition, 0, outputs, weights, bias);
    }
    snn_release(bias);
    return status;
}

/* Several rows: outputs may have become channels or positions, and the bias is added to whatever they are. */
static snn_status gemm_of_rows(snn_recognition *recognition, int32_t outputs, const float *weights)
{
    float *bias = NULL;
    bool per_channel = false;
    SNN_TRY(token_product(recognition, 0, false, outputs, weights));
    snn_affine *result = &recognition->draft->affines[recognition->node->outputs[0]];
    snn_status status = gemm_bias(recognition, result, &bias, &per_channel);
    if (!snn_failed(status) && bias != NULL) {
        status = snn_affine_add_constant(result, bias, per_channel, 1.0f, 1.0f);
    }
    snn_release(bias);
    return status;
}

static snn_status convert_gemm(snn_recognition *recognition)
{
    const snn_node *node = recognition->node;
    const snn_tensor *matrix = NULL;
    const float *weights = NULL;
    float *copy = NULL;
    SNN_TRY(snn_recognition_constant(recognition, 1, &matrix));
    bool transposed = snn_node_integer(node, "transB", 0) != 0;
    int32_t outputs = (int32_t)(transposed ? matrix->dims[0] : matrix->dims[1]);
    SNN_TRY(oriented(matrix, transposed, snn_node_real(node, "alpha", 1.0f), &weights, &copy));
    snn_status status = has_one_row(recognition, 0) ? gemm_of_row(recognition, outputs, weights)
                                                    : gemm_of_rows(recognition, outputs, weights);
    snn_release(copy);
    (void)snprintf(recognition->text, sizeof recognition->text, "matrix product, %lld to %d",
                   (long long)(snn_tensor_elements(matrix) / outputs), outputs);
    return status;
}

/* ---- products of two activations ---- */

/* The matrices of input i. */
static snn_status matrices_of(const snn_recognition *recognition, int32_t i, snn_matrices *found)
{
    const snn_tensor *tensor = snn_recognition_input(recognition, i);
    if (tensor->rank < 2) {
        return snn_fail(SNN_INPUT_ERROR, "product of vectors that depend on the image: not supported");
    }
    *found = (snn_matrices){.rows = tensor->dims[tensor->rank - 2], .columns = tensor->dims[tensor->rank - 1]};
    found->count = snn_tensor_elements(tensor) / found->rows / found->columns;
    return snn_ok();
}

/* Scores are products of every position's channels with every position's, a mix is one over positions: whatever needs
 * fewer neurons. */
static snn_status of_two_activations(snn_recognition *recognition)
{
    snn_matrices left, right;
    SNN_TRY(matrices_of(recognition, 0, &left));
    SNN_TRY(matrices_of(recognition, 1, &right));
    if (left.count != right.count) {
        return snn_fail(SNN_INPUT_ERROR, "product of %lld and %lld matrices that depend on the image: as many expected",
                        (long long)left.count, (long long)right.count);
    }
    const int64_t rows = left.rows, inner = left.columns, columns = right.columns;
    const int64_t side_of_scores = rows > columns ? rows : columns, side_of_mix = rows > inner ? rows : inner;
    const bool scores = side_of_scores * side_of_scores <= side_of_mix * columns;
    const int64_t side = scores ? side_of_scores : side_of_mix;
    left.positions = right.positions = side;
    left.width = scores ? inner : side;
    right.width = scores ? inner : columns;
    right.transposed = scores;
    const snn_matrices result = {left.count, rows, columns, side, scores ? side : columns, false};
    snn_affine both, other;
    SNN_TRY(snn_matrices_take(recognition, 0, &left, &both));
    snn_status status = snn_draft_stream_affine(recognition->draft, &both, recognition->node->inputs[0]);
    if (!snn_failed(status)) {
        status = snn_matrices_take(recognition, 1, &right, &other);
    }
    if (!snn_failed(status)) {
        status = snn_draft_stream_affine(recognition->draft, &other, recognition->node->inputs[1]);
        status = !snn_failed(status) ? snn_affine_concatenate(&both, &other) : status;
        snn_affine_clear(&other);
    }
    if (snn_failed(status)) {
        snn_affine_clear(&both);
        return status;
    }
    const snn_shape shape = {1, (int32_t)side, (int32_t)(result.count * result.width)};
    SNN_TRY(snn_neurons_nary(recognition, scores ? SNN_NEURON_SCORES : SNN_NEURON_MIX, &both, shape, 1.0f,
                             (int32_t)result.count));
    if (result.count == 1 && rows == side && columns == result.width) {
        return snn_ok();
    }
    SNN_TRY(snn_matrices_place(recognition, &result));
    both = recognition->draft->affines[recognition->node->outputs[0]];
    memset(&recognition->draft->affines[recognition->node->outputs[0]], 0, sizeof both);
    return snn_matrices_give(recognition, &result, &both);
}

static snn_status convert_matmul(snn_recognition *recognition)
{
    bool left = snn_recognition_is_constant(recognition, 0);
    int32_t activation = left ? 1 : 0;
    const snn_tensor *matrix = NULL;
    const float *weights = NULL;
    float *copy = NULL;
    if (snn_recognition_is_activation(recognition, 0) && snn_recognition_is_activation(recognition, 1)) {
        return of_two_activations(recognition);
    }
    SNN_TRY(snn_recognition_constant(recognition, left ? 0 : 1, &matrix));
    if (matrix->rank != 2) {
        return snn_fail(SNN_INPUT_ERROR, "constant of rank %d; a matrix expected", matrix->rank);
    }
    int32_t outputs = (int32_t)matrix->dims[left ? 0 : 1];
    SNN_TRY(oriented(matrix, left, 1.0f, &weights, &copy));
    snn_status status;
    if (!left && has_one_row(recognition, activation)) {
        status = dense(recognition, activation, outputs, weights, NULL);
    } else {
        status = token_product(recognition, activation, left, outputs, weights);
    }
    snn_release(copy);
    (void)snprintf(recognition->text, sizeof recognition->text, "matrix product, %lld to %d",
                   (long long)(snn_tensor_elements(matrix) / outputs), outputs);
    return status;
}

snn_recogniser snn_recogniser_product(const char *operator_name)
{
    static const snn_recogniser_entry table[] = {
        {"Conv", convert_conv},
        {"Gemm", convert_gemm},
        {"MatMul", convert_matmul},
    };
    return snn_recogniser_in(table, sizeof table / sizeof table[0], operator_name);
}
