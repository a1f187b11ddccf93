/* Internal to core/convert: how the converter sees a value of the graph.
 *
 * Between nonlinearities everything is linear, so a value is *affine*: a sum of terms, each a linear operator on the
 * real-valued output of one population (or on the image), plus a constant offset. Terms carry float weights on values;
 * scales and integers come later (quantise.c). A term of kind DIAGONAL is *plain*: it passes channels through, scaled,
 * perhaps pooled or subsampled, so one more operator can still be folded behind it. Behind any other kind only scaling
 * and addition fold; anything else needs a relay population first.
 */
#ifndef SNN_CONVERT_AFFINE_H
#define SNN_CONVERT_AFFINE_H

#include "core/network/network.h"

/* In which order the elements of the ONNX value (row-major) run through the affine value's shape. */
typedef enum snn_order {
    SNN_ORDER_CHANNELS_FIRST, /* [channel][row][column] */
    SNN_ORDER_CHANNELS_LAST   /* [row][column][channel] */
} snn_order;

typedef struct snn_term {
    int32_t source;  /* population of the draft, or SNN_SOURCE_INPUT */
    snn_operator op; /* op.target is the affine value's shape */
    float *weights;  /* [op.target_channels][row length], owned */
    float *mixing;   /* tokens: [target positions][source positions], owned */
    int32_t *index;  /* gather: [op.target_channels][positions], owned */
} snn_term;

typedef struct snn_affine {
    snn_shape shape; /* channels 0: the value is not an activation (constant or unreachable) */
    snn_order order;
    snn_term *terms; /* [term_count], owned */
    int32_t term_count;
    float *offset; /* [offset_positions][channels], or NULL for zero; owned */
    int32_t offset_positions;
} snn_affine;

/* The identity on all channels of a population or the image. */
snn_status snn_affine_identity(snn_affine *affine, int32_t source, snn_shape shape, snn_order order);
snn_status snn_affine_copy(const snn_affine *affine, snn_affine *copy);
void snn_affine_clear(snn_affine *affine);
void snn_term_clear(snn_term *term);

/* Whether the term hands its whole source on as it is, perhaps with the other sign; the target may have more channels
 * behind it. */
bool snn_term_is_unchanged(const snn_term *term);

/* True if every term is plain; `unpooled`: and none is pooled either. */
bool snn_affine_is_plain(const snn_affine *affine, bool unpooled);

/* Whether a term reads the image itself. */
bool snn_affine_reads_image(const snn_affine *affine);

/* Flat element of the ONNX value for (position, channel), and how many elements there are. */
int64_t snn_affine_element(const snn_affine *affine, int64_t position, int32_t channel);

/* True if elements run alike: same shape, and the same order or one that makes no difference. */
bool snn_affine_layout_is(const snn_affine *affine, snn_shape shape, snn_order order);

/* Makes room for the offset of every position (zeros or a copy of the channel's). */
snn_status snn_affine_expand_offset(snn_affine *affine);

/* value <- gain[c] value + shift[c]; either may be NULL. */
snn_status snn_affine_scale(snn_affine *affine, const float *gain, const float *shift);

snn_status snn_affine_negate(snn_affine *affine);

/* value <- sign * value + constant_sign * constant; `values` [positions][channels], of which the first row stands for
 * all if `per_channel`. */
snn_status snn_affine_add_constant(snn_affine *affine, const float *values, bool per_channel, float sign,
                                   float constant_sign);

/* affine <- affine + sign * other. Both must have the same shape and order. Takes other's terms (other is cleared). */
snn_status snn_affine_add(snn_affine *affine, snn_affine *other, float sign);

/* Puts `other`'s channels behind the affine value's; same positions and order. Takes other's terms (other is cleared).
 */
snn_status snn_affine_concatenate(snn_affine *affine, snn_affine *other);

/* Averages over a window of positions: plain, unpooled terms only (SNN_INTERNAL_ERROR otherwise). Without
 * `count_padding` border windows divide by the positions that lie inside. */
snn_status snn_affine_average(snn_affine *affine, const snn_window *window, bool count_padding);

/* Convolution of plain terms; `weights` [outputs][inputs / groups][kernel height][kernel width] as in ONNX, `bias`
 * [outputs] or NULL. *possible is false, and the affine value unchanged, if groups cut through a term. */
snn_status snn_affine_convolve(snn_affine *affine, const snn_window *window, int32_t groups, int32_t outputs,
                               const float *weights, const float *bias, bool *possible);

/* Matrix product over all elements of plain terms: `weights` [outputs][elements in the ONNX value's order]. */
snn_status snn_affine_dense(snn_affine *affine, int32_t outputs, const float *weights, const float *bias);

/* Mixes positions, the same way in every channel, of plain terms: `weights` [outputs][positions]. */
snn_status snn_affine_mix_positions(snn_affine *affine, int32_t outputs, const float *weights);

/* Labels rows and columns anew (same number of positions); *possible is false, and nothing changed, if a term's
 * geometry depends on them. */
void snn_affine_relabel(snn_affine *affine, int32_t height, int32_t width, bool *possible);

/* Where the elements of a rearranged value come from: map[o] is the flat ONNX element of the affine value for flat
 * element o of the result, or -1 for zero. Tries to express it by relabelling axes, taking a range of channels, or
 * subsampling and padding positions; *possible is false (affine unchanged) if that is not enough for these terms. */
snn_status snn_affine_rearrange(snn_affine *affine, const int32_t *map, const int64_t *dims, int32_t rank,
                                bool *possible);

/* The same into one given layout, which must have as many elements as the map. */
snn_status snn_affine_rearrange_into(snn_affine *affine, const int32_t *map, snn_shape shape, snn_order order,
                                     bool *possible);

/* The fallback for any map: gathers into the given layout from an affine value that is the plain identity of one
 * population (a relay); SNN_INTERNAL_ERROR for any other affine. */
snn_status snn_affine_gather(snn_affine *affine, const int32_t *map, snn_shape shape, snn_order order);

/* The shape and order that the converter gives a value of these dims when nothing else decides:
 * [1,C,H,W] channels first, [1,T,C] channels last, [1,F] features as channels; with more than one in front, the last
 * axis as channels. */
snn_status snn_affine_natural_layout(const int64_t *dims, int32_t rank, snn_shape *shape, snn_order *order);

#endif
