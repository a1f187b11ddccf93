/* Attention in one node: ONNX's own (opset 23), onnxruntime's, and rotary position embeddings. Written out as products,
 * softmax and movements, which the converter recognises as attention wherever they come from. */
#include <math.h>
#include <string.h>

#include "core/graph/lower.h"

static const char MICROSOFT[] = "com.microsoft";

/* One of q, k and v as [images][heads][tokens][width]. */
typedef struct operand {
    int32_t value;
    int64_t heads, tokens, width;
} operand;

/* [images][tokens][heads * width] into heads. */
static operand split_heads(snn_expansion *e, int32_t value, int64_t images, int64_t tokens, int64_t channels,
                           int64_t heads)
{
    operand split = {SNN_NO_VALUE, heads, tokens, 0};
    if (heads < 1 || channels < heads || channels % heads != 0) {
        snn_expand_refuse(e, "%lld channels for %lld heads", (long long)channels, (long long)heads);
        split.heads = split.width = 1; /* of use to whoever goes on with it */
        return split;
    }
    split.width = channels / heads;
    split.value = snn_expand_reshape(e, value, 4, (const int64_t[]){images, tokens, heads, split.width});
    split.value = snn_expand_transpose(e, split.value, 4, (const int64_t[]){0, 2, 1, 3});
    return split;
}

/* Input i, which has its heads already or as many as the attribute says. */
static operand operand_of(snn_expansion *e, int32_t i, const char *heads)
{
    const snn_tensor *shape = snn_expand_shape(e, i);
    if (shape->rank == 4) {
        return (operand){snn_expand_input(e, i), shape->dims[1], shape->dims[2], shape->dims[3]};
    }
    if (shape->rank != 3) {
        snn_expand_refuse(e, "input %d: expects 3 or 4 axes, found %d", i, shape->rank);
        return (operand){SNN_NO_VALUE, 1, 1, 1};
    }
    return split_heads(e, snn_expand_input(e, i), shape->dims[0], shape->dims[1], shape->dims[2],
                       snn_node_integer(e->node, heads, 0));
}

/* Each head of k and v for several of q. */
static void share_heads(snn_expansion *e, operand *shared, int64_t images, int64_t heads)
{
    if (shared->heads == heads || snn_failed(e->status)) {
        return;
    }
    if (shared->heads < 1 || heads % shared->heads != 0) {
        snn_expand_refuse(e, "%lld heads of k and v for %lld of q", (long long)shared->heads, (long long)heads);
        return;
    }
    const int64_t apart[] = {images, shared->heads, 1, shared->tokens, shared->width};
    const int64_t repeated[] = {images, shared->heads, heads / shared->heads, shared->tokens, shared->width};
    const int64_t together[] = {images, heads, shared->tokens, shared->width};
    const int32_t value = snn_expand_reshape(e, shared->value, 5, apart);
    shared->value = SNN_EXPAND(e, "Expand", value, snn_expand_list(e, 5, repeated));
    shared->value = snn_expand_reshape(e, shared->value, 4, together);
    shared->heads = heads;
}

/* What is added to the scores: the mask, true for what may be seen or numbers, and nothing of later tokens. */
static int32_t whole_mask(snn_expansion *e, int32_t mask, bool causal, int64_t rows, int64_t columns)
{
    const snn_tensor none = {.type = SNN_TYPE_FLOAT32, .rank = 2, .dims = {1, 1}, .data = &(float){0.0f}};
    const snn_tensor *given = mask == SNN_NO_VALUE ? &none : &e->graph->values[mask].tensor;
    if (mask == SNN_NO_VALUE && !causal) {
        return SNN_NO_VALUE;
    }
    if (given->data == NULL) {
        if (causal || given->type != SNN_TYPE_FLOAT32) {
            snn_expand_refuse(e, "a mask that depends on the image: not supported");
        }
        return mask;
    }
    const int32_t rank = given->rank;
    const int64_t *dims = given->dims;
    if (rank < 2 || rank > 4 || given->type == SNN_TYPE_INT64 || (dims[rank - 1] != 1 && dims[rank - 1] != columns) ||
        (dims[rank - 2] != 1 && dims[rank - 2] != rows)) {
        char text[128];
        snn_expand_refuse(e, "the mask is %s; float32 or bool [%lld,%lld], of each head or of all, expected",
                          snn_tensor_describe(given, text, sizeof text), (long long)rows, (long long)columns);
        return SNN_NO_VALUE;
    }
    int64_t result[SNN_MAX_RANK], outer = 1;
    memcpy(result, dims, sizeof result);
    result[rank - 2] = rows;
    result[rank - 1] = columns;
    for (int32_t axis = 0; axis < rank - 2; axis++) {
        outer *= dims[axis];
    }
    float *elements = NULL;
    const int32_t merged = snn_expand_floats(e, rank, result, &elements);
    for (int64_t i = 0; i < outer * rows * columns && elements != NULL; i++) {
        const int64_t column = i % columns, row = i / columns % rows;
        const int64_t at = (i / columns / rows * dims[rank - 2] + (dims[rank - 2] == 1 ? 0 : row)) * dims[rank - 1] +
                           (dims[rank - 1] == 1 ? 0 : column);
        const bool seen = !causal || column <= row;
        const float added = given->type == SNN_TYPE_FLOAT32                 ? ((const float *)given->data)[at]
                            : ((const unsigned char *)given->data)[at] != 0 ? 0.0f
                                                                            : -INFINITY;
        elements[i] = seen ? added : -INFINITY;
    }
    return merged;
}

/* softmax(scale q k^T + mask) v as [images][heads][tokens][width]. */
static int32_t attend(snn_expansion *e, const operand *q, const operand *k, const operand *v, float scale, int32_t mask)
{
    if (q->width != k->width || k->tokens != v->tokens) {
        snn_expand_refuse(e, "q, k and v do not fit each other");
    }
    scale = scale != 0.0f ? scale : 1.0f / sqrtf((float)q->width);
    const int32_t scaled = SNN_EXPAND(e, "Mul", q->value, snn_expand_scalar(e, scale));
    const int32_t turned = snn_expand_transpose(e, k->value, 4, (const int64_t[]){0, 1, 3, 2});
    const int32_t scores = SNN_EXPAND(e, "MatMul", scaled, turned);
    const int32_t masked = mask == SNN_NO_VALUE ? scores : SNN_EXPAND(e, "Add", scores, mask);
    return SNN_EXPAND(e, "MatMul", snn_expand_softmax(e, masked, 3), v->value);
}

/* [images][heads][tokens][width] as [images][tokens][channels]. */
static int32_t join_heads(snn_expansion *e, int32_t value, int64_t images, const operand *q, const operand *v)
{
    const int32_t turned = snn_expand_transpose(e, value, 4, (const int64_t[]){0, 2, 1, 3});
    return snn_expand_reshape(e, turned, 3, (const int64_t[]){images, q->tokens, q->heads * v->width});
}

/* Q, K, V, mask; what follows are keys and values of earlier tokens, which a classifier has not. */
static void lower_attention(snn_expansion *e)
{
    snn_expand_attributes(e, "is_causal=int kv_num_heads=int q_num_heads=int qk_matmul_output_mode=int scale=float "
                             "softcap=float softmax_precision=int");
    if (snn_node_real(e->node, "softcap", 0.0f) != 0.0f) {
        snn_expand_refuse(e, "softcap is not supported");
    }
    const int64_t images = snn_expand_shape(e, 0)->rank > 0 ? snn_expand_shape(e, 0)->dims[0] : 1;
    const operand q = operand_of(e, 0, "q_num_heads");
    operand k = operand_of(e, 1, "kv_num_heads"), v = operand_of(e, 2, "kv_num_heads");
    share_heads(e, &k, images, q.heads);
    share_heads(e, &v, images, q.heads);
    const int32_t mask =
        whole_mask(e, snn_expand_input(e, 3), snn_node_integer(e->node, "is_causal", 0) != 0, q.tokens, k.tokens);
    const int32_t mixed = attend(e, &q, &k, &v, snn_node_real(e->node, "scale", 0.0f), mask);
    snn_expand_result(e, snn_expand_shape(e, 0)->rank == 4 ? mixed : join_heads(e, mixed, images, &q, &v));
}

/* A third of the channels of `value`, [images][tokens][3 * channels]. */
static operand third(snn_expansion *e, int32_t value, int64_t images, int64_t tokens, int64_t channels, int64_t heads,
                     int64_t i)
{
    const int32_t part = snn_expand_slice(e, value, 2, i * channels, (i + 1) * channels);
    return split_heads(e, part, images, tokens, channels, heads);
}

/* onnxruntime's: the tokens, the weights of q, k and v side by side, their bias; and of what follows a bias of the
 * scores. */
static void lower_microsoft_attention(snn_expansion *e)
{
    const snn_tensor *tokens = snn_expand_shape(e, 0), *weights = snn_expand_shape(e, 1);
    const int64_t heads = snn_node_integer(e->node, "num_heads", 0);
    snn_expand_attributes(e, "num_heads=int unidirectional=int scale=float mask_filter_value=float "
                             "qkv_hidden_sizes=ints do_rotary=int past_present_share_buffer=int");
    int64_t sizes[3] = {1, 1, 1};
    const size_t given = snn_node_integers(e->node, "qkv_hidden_sizes", sizes, 3);
    if (tokens->rank != 3 || weights->rank != 2 || weights->dims[1] % 3 != 0 || (given != 0 && given != 3) ||
        sizes[0] != sizes[1] || sizes[1] != sizes[2] || snn_node_integer(e->node, "do_rotary", 0) != 0) {
        snn_expand_refuse(e, "expects tokens [1,T,C] and weights of q, k and v alike, without rotary embeddings");
    }
    if (snn_expand_input(e, 3) != SNN_NO_VALUE || snn_expand_input(e, 4) != SNN_NO_VALUE) {
        snn_expand_refuse(e, "masks by length and past tokens are not supported");
    }
    if (snn_failed(e->status)) {
        return;
    }
    const int64_t images = tokens->dims[0], count = tokens->dims[1], channels = weights->dims[1] / 3;
    int32_t all = SNN_EXPAND(e, "MatMul", snn_expand_input(e, 0), snn_expand_input(e, 1));
    if (snn_expand_input(e, 2) != SNN_NO_VALUE) {
        all = SNN_EXPAND(e, "Add", all, snn_expand_input(e, 2));
    }
    const operand q = third(e, all, images, count, channels, heads, 0);
    const operand k = third(e, all, images, count, channels, heads, 1);
    const operand v = third(e, all, images, count, channels, heads, 2);
    const int32_t mask =
        whole_mask(e, snn_expand_input(e, 5), snn_node_integer(e->node, "unidirectional", 0) != 0, count, count);
    const int32_t mixed = attend(e, &q, &k, &v, snn_node_real(e->node, "scale", 0.0f), mask);
    snn_expand_result(e, join_heads(e, mixed, images, &q, &v));
}

/* Input i of [1,T,C], plus its part of the bias that q, k and v have in common. */
static operand biased(snn_expansion *e, int32_t i, int64_t heads)
{
    const snn_tensor *shape = snn_expand_shape(e, i), *bias = snn_expand_shape(e, 3);
    const int64_t first = i == 0 ? 0 : i == 1 ? snn_expand_shape(e, 0)->dims[2] : 2 * snn_expand_shape(e, 0)->dims[2];
    int32_t value = snn_expand_input(e, i);
    if (bias->rank == 1) {
        value =
            SNN_EXPAND(e, "Add", value, snn_expand_slice(e, snn_expand_input(e, 3), 0, first, first + shape->dims[2]));
    }
    return split_heads(e, value, shape->dims[0], shape->dims[1], shape->dims[2], heads);
}

/* onnxruntime's, with q, k and v apart: and a bias, a mask of keys, a bias of the scores. */
static void lower_multi_head_attention(snn_expansion *e)
{
    const int64_t heads = snn_node_integer(e->node, "num_heads", 0);
    snn_expand_attributes(e, "num_heads=int unidirectional=int scale=float mask_filter_value=float");
    for (int32_t i = 0; i < 3; i++) {
        if (snn_expand_shape(e, i)->rank != 3) {
            snn_expand_refuse(e, "expects q, k and v as [1,T,C]");
        }
    }
    if (snn_expand_input(e, 4) != SNN_NO_VALUE) {
        snn_expand_refuse(e, "a mask of keys is not supported");
    }
    if (snn_failed(e->status)) {
        return;
    }
    const operand q = biased(e, 0, heads), k = biased(e, 1, heads), v = biased(e, 2, heads);
    const int32_t mask =
        whole_mask(e, snn_expand_input(e, 5), snn_node_integer(e->node, "unidirectional", 0) != 0, q.tokens, k.tokens);
    const int32_t mixed = attend(e, &q, &k, &v, snn_node_real(e->node, "scale", 0.0f), mask);
    snn_expand_result(e, join_heads(e, mixed, snn_expand_shape(e, 0)->dims[0], &q, &v));
}

/* ---- rotary position embeddings ---- */

/* Cosines or sines as [images or 1][1][tokens][half], from [images][tokens][half] or a cache of all positions. */
static int32_t angles(snn_expansion *e, int32_t cache, int32_t positions, int64_t tokens, int64_t half)
{
    const snn_tensor *given = &e->graph->values[cache].tensor;
    const int64_t images = positions != SNN_NO_VALUE ? e->graph->values[positions].tensor.dims[0]
                           : given->rank == 3        ? given->dims[0]
                                                     : 1;
    int32_t found = cache;
    if (positions != SNN_NO_VALUE) {
        found = SNN_EXPAND(e, "Gather", cache, positions);
        snn_expand_integer(e, "axis", 0);
    }
    return snn_expand_reshape(e, found, 4, (const int64_t[]){images, 1, tokens, half});
}

/* x times the cosine plus x, with the two halves of each pair exchanged, times -sine and sine. */
static int32_t rotated(snn_expansion *e, operand x, int64_t images, int32_t cosine, int32_t sine, int64_t half,
                       bool interleaved)
{
    const int32_t axis = interleaved ? 4 : 3;
    const int64_t pairs[] = {images, x.heads, x.tokens, interleaved ? half : 2, interleaved ? 2 : half};
    const int64_t whole[] = {1, 1, x.tokens, 2 * half};
    const int64_t apart[] = {1, 1, x.tokens, interleaved ? half : 1, interleaved ? 1 : half};
    const int32_t split = snn_expand_reshape(e, x.value, 5, pairs);
    const int32_t second = snn_expand_slice(e, split, axis, 1, 2);
    int32_t exchanged = SNN_EXPAND(e, "Concat", second, snn_expand_slice(e, split, axis, 0, 1));
    snn_expand_integer(e, "axis", axis);
    exchanged = snn_expand_reshape(e, exchanged, 4, (const int64_t[]){images, x.heads, x.tokens, 2 * half});
    cosine = snn_expand_reshape(e, cosine, 5, apart);
    sine = snn_expand_reshape(e, sine, 5, apart);
    int32_t cosines = SNN_EXPAND(e, "Concat", cosine, cosine);
    snn_expand_integer(e, "axis", axis);
    int32_t sines = SNN_EXPAND(e, "Concat", SNN_EXPAND(e, "Neg", sine), sine);
    snn_expand_integer(e, "axis", axis);
    cosines = snn_expand_reshape(e, cosines, 4, whole);
    sines = snn_expand_reshape(e, sines, 4, whole);
    return SNN_EXPAND(e, "Add", SNN_EXPAND(e, "Mul", x.value, cosines), SNN_EXPAND(e, "Mul", exchanged, sines));
}

/* ONNX: x, cosines, sines, positions; onnxruntime: x, positions, cosines, sines. */
static void lower_rotary_embedding(snn_expansion *e)
{
    const bool microsoft = e->node->domain[0] != '\0';
    const snn_tensor *shape = snn_expand_shape(e, 0);
    const int32_t cosine = snn_expand_input(e, microsoft ? 2 : 1), sine = snn_expand_input(e, microsoft ? 3 : 2);
    const int32_t positions = snn_expand_input(e, microsoft ? 1 : 3);
    snn_expand_attributes(e,
                          "interleaved=int num_heads=int rotary_embedding_dim=int scale=float is_packed_batching=int");
    const snn_tensor *cache = &e->graph->values[cosine].tensor;
    const int64_t half = cache->rank > 0 ? cache->dims[cache->rank - 1] : 0;
    const int64_t images = shape->rank > 0 ? shape->dims[0] : 0;
    int64_t heads = snn_node_integer(e->node, "num_heads", 0);
    if (half < 1 || shape->rank < 3 || shape->rank > 4 || images != 1 ||
        (positions != SNN_NO_VALUE && e->graph->values[positions].tensor.rank != 2)) {
        snn_expand_refuse(e, "expects x as [1,T,C] or [1,H,T,C], and a position for each token");
        return;
    }
    heads = shape->rank == 4 || heads > 0 ? heads : shape->dims[2] / (2 * half);
    operand x = shape->rank == 4
                    ? (operand){snn_expand_input(e, 0), shape->dims[1], shape->dims[2], shape->dims[3]}
                    : split_heads(e, snn_expand_input(e, 0), images, shape->dims[1], shape->dims[2], heads);
    if (x.width < 2 * half) {
        snn_expand_refuse(e, "%lld angles for heads of %lld channels", (long long)half, (long long)x.width);
        return;
    }
    const int32_t cosines = angles(e, cosine, positions, x.tokens, half);
    const int32_t sines = angles(e, sine, positions, x.tokens, half);
    operand turned = x;
    if (x.width > 2 * half) { /* the other channels stay as they are */
        turned.value = snn_expand_slice(e, x.value, 3, 0, 2 * half);
    }
    int32_t y = rotated(e, turned, images, cosines, sines, half, snn_node_integer(e->node, "interleaved", 0) != 0);
    if (x.width > 2 * half) {
        y = SNN_EXPAND(e, "Concat", y, snn_expand_slice(e, x.value, 3, 2 * half, x.width));
        snn_expand_integer(e, "axis", 3);
    }
    snn_expand_result(e, shape->rank == 4 ? y : join_heads(e, y, images, &x, &x));
}

const snn_lowering snn_lowerings_attention[] = {
    {"", "Attention", 3, 4, lower_attention, NULL},
    {"", "RotaryEmbedding", 3, 4, lower_rotary_embedding, NULL},
    {MICROSOFT, "Attention", 2, 6, lower_microsoft_attention, NULL},
    {MICROSOFT, "MultiHeadAttention", 3, 6, lower_multi_head_attention, NULL},
    {MICROSOFT, "RotaryEmbedding", 4, 4, lower_rotary_embedding, NULL},
    {0},
};
