/* Internal to core/convert: stacks of matrices, and the operands and results of attention, as positions and channels.
 *
 * Neurons of scores and mixes have one layout, [position][head, channel of the head], with as many positions on both
 * sides. Heads may lie in any axes, there may be fewer queries than keys, and matrices need not be square: what is
 * missing are zeros. Rows that stand for nothing cost neurons that never fire. */
#ifndef SNN_CONVERT_MATRICES_H
#define SNN_CONVERT_MATRICES_H

#include "core/convert/recognition.h"

/* `count` matrices [rows][columns] one after the other, as positions and channels: [positions][count][width], or of
 * their transposes. */
typedef struct snn_matrices {
    int64_t count, rows, columns;
    int64_t positions, width;
    bool transposed;
} snn_matrices;

/* Input i, which holds these matrices, laid out so. */
snn_status snn_matrices_take(snn_recognition *recognition, int32_t i, const snn_matrices *matrices, snn_affine *affine);
/* The population added last tracks these matrices of its value. */
snn_status snn_matrices_place(snn_recognition *recognition, const snn_matrices *matrices);
/* Gives these matrices, which the affine value (taken) holds, as output 0. */
snn_status snn_matrices_give(snn_recognition *recognition, const snn_matrices *matrices, snn_affine *affine);

/* Operand i of the pattern Attention as [token][head, channel of the head], with zeros for tokens that it has not. */
snn_status snn_matrices_take_operand(snn_recognition *recognition, int32_t i, snn_affine *affine);
/* Tells the population added last, of the pattern Attention, how its value lies: [head][query][token] (scores) or the
 * pattern's result. */
snn_status snn_matrices_place_scores(snn_recognition *recognition);
snn_status snn_matrices_place_result(snn_recognition *recognition);
/* Its tokens attend to those of their window, where the pattern has several. */
void snn_matrices_set_window(snn_recognition *recognition);
/* Gives the pattern's output 0 from what its last population makes, [token][head, channel of the head]. */
snn_status snn_matrices_give_attention(snn_recognition *recognition, snn_affine *affine);

#endif
