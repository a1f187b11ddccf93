/* Elements repeated or moved between channels and positions: Resize (nearest), Upsample, Tile, DepthToSpace,
 * SpaceToDepth. */
#include <math.h>
#include <string.h>

#include "core/graph/operators_internal.h"

/* Where the output element of that index (one number for each axis) comes from, as an index into the input. */
typedef void (*source_of)(const void *context, const int64_t index[SNN_MAX_RANK], int64_t source[SNN_MAX_RANK]);

static void copy_from_sources(const snn_tensor *output, const snn_tensor *input, source_of source, const void *context)
{
    const size_t bytes = snn_type_bytes(input->type);
    const int64_t elements = snn_tensor_elements(output);
    int64_t strides[SNN_MAX_RANK], index[SNN_MAX_RANK] = {0}, from[SNN_MAX_RANK] = {0};
    unsigned char *to = output->data;
    snn_operator_strides(input, strides);
    for (int64_t i = 0; i < elements; i++) {
        int64_t offset = 0;
        source(context, index, from);
        for (int32_t axis = 0; axis < input->rank; axis++) {
            offset += from[axis] * strides[axis];
        }
        memcpy(to, (const unsigned char *)input->data + (size_t)offset * bytes, bytes);
        to += bytes;
        for (int32_t axis = output->rank - 1; axis >= 0 && ++index[axis] == output->dims[axis]; axis--) {
            index[axis] = 0;
        }
    }
}

/* ---- Resize and Upsample ---- */

typedef enum coordinates { HALF_PIXEL, PYTORCH_HALF_PIXEL, ASYMMETRIC, ALIGN_CORNERS, TF_HALF_PIXEL } coordinates;
typedef enum rounding { PREFER_FLOOR, PREFER_CEIL, DOWN, UP } rounding;

typedef struct resize {
    int32_t rank;
    int64_t from[SNN_MAX_RANK], to[SNN_MAX_RANK];
    double scale[SNN_MAX_RANK];
    coordinates coordinates;
    rounding rounding;
} resize;

/* The number of the attribute's text among `names`; refuses any other. */
static snn_status read_choice(const snn_node *node, const char *name, const char *fallback, const char *const *names,
                              int count, int *choice)
{
    const char *text = snn_node_text(node, name, fallback);
    for (*choice = 0; *choice < count; ++*choice) {
        if (strcmp(text, names[*choice]) == 0) {
            return snn_ok();
        }
    }
    return snn_fail(SNN_INPUT_ERROR, "attribute '%s': %s is not supported", name, text);
}

static snn_status read_scales(const snn_operator_call *call, const snn_tensor *scales, resize *now)
{
    const float *attribute = NULL;
    const snn_attribute *given = snn_node_attribute(call->node, "scales"); /* Upsample before opset 9 */
    int64_t count = 0;
    if (scales != NULL) {
        SNN_TRY(snn_operator_expect_type(scales, "'scales'", SNN_TYPE_FLOAT32));
        attribute = scales->data;
        count = snn_tensor_elements(scales);
    } else if (given != NULL && given->kind == SNN_ATTRIBUTE_FLOATS) {
        attribute = given->reals;
        count = (int64_t)given->count;
    }
    if (attribute == NULL || count != now->rank) {
        return snn_fail(SNN_INPUT_ERROR, "expects a constant factor for each of the %d axes, found %lld", now->rank,
                        (long long)(attribute == NULL ? 0 : count));
    }
    for (int32_t axis = 0; axis < now->rank; axis++) {
        now->scale[axis] = (double)attribute[axis];
        if (!(attribute[axis] > 0.0F) || !(now->scale[axis] * (double)now->from[axis] < (double)SNN_MAX_ELEMENTS)) {
            return snn_fail(SNN_INPUT_ERROR, "axis %d: a factor of %g", axis, now->scale[axis]);
        }
        now->to[axis] = (int64_t)floor(now->scale[axis] * (double)now->from[axis]);
    }
    return snn_ok();
}

static snn_status read_sizes(const snn_tensor *sizes, resize *now)
{
    snn_integers wanted;
    SNN_TRY(snn_operator_read_integers(sizes, "'sizes'", &wanted));
    if (wanted.count != now->rank) {
        return snn_fail(SNN_INPUT_ERROR, "'sizes': expects %d integers, found %d", now->rank, wanted.count);
    }
    for (int32_t axis = 0; axis < now->rank; axis++) {
        now->to[axis] = wanted.values[axis];
        now->scale[axis] = (double)wanted.values[axis] / (double)now->from[axis];
    }
    return snn_ok();
}

static snn_status read_resize(const snn_operator_call *call, resize *now)
{
    static const char *const modes[] = {"nearest"};
    static const char *const transformations[] = {"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners",
                                                  "tf_half_pixel_for_nn"};
    static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    const bool early = strcmp(call->node->operator, "Upsample") == 0 || call->opset < 11;
    int mode = 0, transformation = 0, round = 0;
    *now = (resize){.rank = call->inputs[0]->rank};
    memcpy(now->from, call->inputs[0]->dims, sizeof now->from);
    SNN_TRY(snn_operator_expect_elements(call->inputs[0], "the input"));
    SNN_TRY(read_choice(call->node, "mode", "nearest", modes, 1, &mode));
    SNN_TRY(read_choice(call->node, "coordinate_transformation_mode", early ? "asymmetric" : "half_pixel",
                        transformations, 5, &transformation));
    SNN_TRY(read_choice(call->node, "nearest_mode", early ? "floor" : "round_prefer_floor", roundings, 4, &round));
    now->coordinates = (coordinates)transformation;
    now->rounding = (rounding)round;
    const snn_tensor *scales = snn_operator_input(call, early ? 1 : 2);
    const snn_tensor *sizes = early ? NULL : snn_operator_input(call, 3);
    return sizes != NULL ? read_sizes(sizes, now) : read_scales(call, scales, now);
}

static snn_status resize_infer(const snn_operator_call *call)
{
    resize now;
    SNN_TRY(snn_operator_attributes(
        call->node, "mode=text scales=floats coordinate_transformation_mode=text nearest_mode=text cubic_coeff_a=float "
                    "extrapolation_value=float exclude_outside=int antialias=int"));
    SNN_TRY(read_resize(call, &now));
    return snn_operator_set_shape(&call->outputs[0], call->inputs[0]->type, now.rank, now.to);
}

static void resize_source(const void *context, const int64_t index[SNN_MAX_RANK], int64_t source[SNN_MAX_RANK])
{
    const resize *now = context;
    for (int32_t axis = 0; axis < now->rank; axis++) {
        double at = (double)index[axis];
        bool single = now->to[axis] == 1;
        if (now->coordinates == ASYMMETRIC) {
            at = at / now->scale[axis];
        } else if (now->coordinates == ALIGN_CORNERS) {
            at = single ? 0.0 : at * (double)(now->from[axis] - 1) / (double)(now->to[axis] - 1);
        } else if (now->coordinates == TF_HALF_PIXEL) {
            at = (at + 0.5) / now->scale[axis];
        } else {
            at = single && now->coordinates == PYTORCH_HALF_PIXEL ? 0.0 : (at + 0.5) / now->scale[axis] - 0.5;
        }
        at = now->rounding == PREFER_FLOOR  ? ceil(at - 0.5)
             : now->rounding == PREFER_CEIL ? floor(at + 0.5)
             : now->rounding == DOWN        ? floor(at)
                                            : ceil(at);
        double last = (double)(now->from[axis] - 1);
        source[axis] = (int64_t)(at < 0.0 ? 0.0 : at > last ? last : at);
    }
}

static snn_status resize_evaluate(const snn_operator_call *call)
{
    resize now;
    SNN_TRY(read_resize(call, &now));
    copy_from_sources(&call->outputs[0], call->inputs[0], resize_source, &now);
    return snn_ok();
}

/* ---- Tile ---- */

static snn_status tile_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    snn_integers repeats;
    int64_t dims[SNN_MAX_RANK];
    SNN_TRY(snn_operator_attributes(call->node, ""));
    SNN_TRY(snn_operator_read_integers(call->inputs[1], "'repeats'", &repeats));
    if (repeats.count != input->rank) {
        return snn_fail(SNN_INPUT_ERROR, "'repeats': expects %d integers, found %d", input->rank, repeats.count);
    }
    for (int32_t axis = 0; axis < input->rank; axis++) {
        if (__builtin_mul_overflow(input->dims[axis], repeats.values[axis], &dims[axis])) {
            return snn_fail(SNN_INPUT_ERROR, "axis %d: repeated too often", axis);
        }
    }
    return snn_operator_set_shape(&call->outputs[0], input->type, input->rank, dims);
}

static void tile_source(const void *context, const int64_t index[SNN_MAX_RANK], int64_t source[SNN_MAX_RANK])
{
    const snn_tensor *input = context;
    for (int32_t axis = 0; axis < input->rank; axis++) {
        source[axis] = index[axis] % input->dims[axis];
    }
}

static snn_status tile_evaluate(const snn_operator_call *call)
{
    copy_from_sources(&call->outputs[0], call->inputs[0], tile_source, call->inputs[0]);
    return snn_ok();
}

/* ---- DepthToSpace and SpaceToDepth: blocks of b x b positions as channels ---- */

typedef struct blocks {
    int64_t size, channels; /* of a block; of the side with the larger image */
    bool channels_before_blocks;
} blocks;

static snn_status read_blocks(const snn_operator_call *call, blocks *now)
{
    static const char *const modes[] = {"DCR", "CRD"};
    const snn_tensor *input = call->inputs[0];
    const bool to_space = strcmp(call->node->operator, "DepthToSpace") == 0;
    int mode = 0;
    SNN_TRY(snn_operator_attributes(call->node, to_space ? "blocksize=int mode=text" : "blocksize=int"));
    SNN_TRY(snn_operator_expect_rank(input, "the input", 4));
    SNN_TRY(read_choice(call->node, "mode", "DCR", modes, 2, &mode));
    now->size = snn_node_integer(call->node, "blocksize", 0);
    now->channels_before_blocks = mode == 1;
    const int64_t area = now->size * now->size;
    if (now->size < 1 || now->size > 65536 ||
        (to_space ? input->dims[1] % area != 0 : input->dims[2] % now->size != 0 || input->dims[3] % now->size != 0)) {
        return snn_fail(SNN_INPUT_ERROR, "attribute 'blocksize': %lld does not fit %lld channels of %lld x %lld",
                        (long long)now->size, (long long)input->dims[1], (long long)input->dims[2],
                        (long long)input->dims[3]);
    }
    now->channels = to_space ? input->dims[1] / area : input->dims[1];
    return snn_ok();
}

static snn_status depth_to_space_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    blocks now;
    SNN_TRY(read_blocks(call, &now));
    return snn_operator_set_shape(
        &call->outputs[0], input->type, 4,
        (const int64_t[]){input->dims[0], now.channels, input->dims[2] * now.size, input->dims[3] * now.size});
}

static void depth_to_space_source(const void *context, const int64_t index[SNN_MAX_RANK], int64_t source[SNN_MAX_RANK])
{
    const blocks *now = context;
    const int64_t block = index[2] % now->size * now->size + index[3] % now->size;
    source[0] = index[0];
    source[1] =
        now->channels_before_blocks ? index[1] * now->size * now->size + block : block * now->channels + index[1];
    source[2] = index[2] / now->size;
    source[3] = index[3] / now->size;
}

static snn_status depth_to_space_evaluate(const snn_operator_call *call)
{
    blocks now;
    SNN_TRY(read_blocks(call, &now));
    copy_from_sources(&call->outputs[0], call->inputs[0], depth_to_space_source, &now);
    return snn_ok();
}

static snn_status space_to_depth_infer(const snn_operator_call *call)
{
    const snn_tensor *input = call->inputs[0];
    blocks now;
    SNN_TRY(read_blocks(call, &now));
    return snn_operator_set_shape(&call->outputs[0], input->type, 4,
                                  (const int64_t[]){input->dims[0], now.channels * now.size * now.size,
                                                    input->dims[2] / now.size, input->dims[3] / now.size});
}

static void space_to_depth_source(const void *context, const int64_t index[SNN_MAX_RANK], int64_t source[SNN_MAX_RANK])
{
    const blocks *now = context;
    const int64_t block = index[1] / now->channels;
    source[0] = index[0];
    source[1] = index[1] % now->channels;
    source[2] = index[2] * now->size + block / now->size;
    source[3] = index[3] * now->size + block % now->size;
}

static snn_status space_to_depth_evaluate(const snn_operator_call *call)
{
    blocks now;
    SNN_TRY(read_blocks(call, &now));
    copy_from_sources(&call->outputs[0], call->inputs[0], space_to_depth_source, &now);
    return snn_ok();
}

const snn_graph_operator snn_operators_resample[] = {
    {"Resize", 1, 4, 1, resize_infer, resize_evaluate},
    {"Upsample", 1, 2, 1, resize_infer, resize_evaluate},
    {"Tile", 2, 2, 1, tile_infer, tile_evaluate},
    {"DepthToSpace", 1, 1, 1, depth_to_space_infer, depth_to_space_evaluate},
    {"SpaceToDepth", 1, 1, 1, space_to_depth_infer, space_to_depth_evaluate},
    {0},
};
