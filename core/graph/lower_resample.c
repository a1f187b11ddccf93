/* ConvTranspose as a convolution of the image with zeros between its pixels, and Resize by interpolation as a matrix
 * product along each axis. */
#include <math.h>
#include <string.h>

#include "core/graph/lower.h"

/* ---- ConvTranspose ---- */

typedef struct transposed {
    int64_t size, kernel, stride, dilation; /* along one axis */
    int64_t begin, end;                     /* what is cut off the whole result; end may be negative: added */
} transposed;

/* The two numbers of an attribute, one for each axis. */
static void read_pair(snn_expansion *e, const char *name, int64_t fallback, int64_t pair[2])
{
    pair[0] = pair[1] = fallback;
    const size_t count = snn_node_integers(e->node, name, pair, 2);
    if (count != 0 && count != 2) {
        snn_expand_refuse(e, "attribute '%s': expects 2 numbers, found %zu", name, count);
    }
}

static bool is_size(int64_t number)
{
    return number >= 0 && number <= SNN_MAX_ELEMENTS;
}

/* Begin and end of each axis, by the attributes that say so in one of three ways; false if one is no size. */
static bool read_pads(snn_expansion *e, transposed axes[2])
{
    int64_t pads[4] = {0, 0, 0, 0}, added[2], shape[SNN_MAX_RANK] = {0};
    const char *automatic = snn_node_text(e->node, "auto_pad", "NOTSET");
    const bool same = strncmp(automatic, "SAME", 4) == 0;
    read_pair(e, "output_padding", 0, added);
    (void)snn_node_integers(e->node, "pads", pads, 4);
    const size_t given = snn_node_integers(e->node, "output_shape", shape, SNN_MAX_RANK);
    for (int a = 0; a < 2; a++) {
        transposed *axis = &axes[a];
        const size_t at = given >= 2 && given <= SNN_MAX_RANK ? given - 2 + (size_t)a : 0;
        if (!is_size(pads[a]) || !is_size(pads[a + 2]) || !is_size(added[a]) || !is_size(shape[at])) {
            snn_expand_refuse(e, "expects pads and shapes that are not negative");
            return false;
        }
        const int64_t whole = axis->stride * (axis->size - 1) + (axis->kernel - 1) * axis->dilation + 1 + added[a];
        const int64_t wanted = given >= 2 ? shape[at] : same ? axis->size * axis->stride : -1;
        const int64_t total = wanted >= 0 && whole > wanted ? whole - wanted : 0;
        const int64_t more = wanted > whole ? wanted - whole : 0;
        axis->begin = wanted < 0 ? pads[a] : strcmp(automatic, "SAME_UPPER") == 0 ? total / 2 : total - total / 2;
        axis->end = (wanted < 0 ? pads[a + 2] : total - axis->begin) - added[a] - more;
    }
    return true;
}

/* The weights [inputs][outputs / groups][...], as a convolution has them: [outputs][inputs / groups][... turned]. */
static int32_t turned_weights(snn_expansion *e, const snn_tensor *weights, int64_t groups)
{
    const int64_t inputs = weights->dims[0] / groups, outputs = weights->dims[1];
    const int64_t height = weights->dims[2], width = weights->dims[3], taps = height * width;
    float *to = NULL;
    const int32_t turned = snn_expand_floats(e, 4, (const int64_t[]){groups * outputs, inputs, height, width}, &to);
    const float *from = weights->data;
    for (int64_t i = 0; i < groups * inputs && to != NULL; i++) {
        for (int64_t o = 0; o < outputs; o++) {
            const int64_t row = (i / inputs * outputs + o) * inputs + i % inputs;
            for (int64_t t = 0; t < taps; t++) {
                to[row * taps + taps - 1 - t] = from[(i * outputs + o) * taps + t];
            }
        }
    }
    return turned;
}

/* The image [N,C,H,W] with stride - 1 zeros between its pixels, and then less by `cut` at the end of each axis. */
static int32_t spread_pixels(snn_expansion *e, const snn_tensor *shape, const transposed axes[2], const int64_t cut[2])
{
    const int64_t images = shape->dims[0] * shape->dims[1];
    const int64_t height = axes[0].size * axes[0].stride, width = axes[1].size * axes[1].stride;
    int32_t x = snn_expand_input(e, 0);
    if (axes[0].stride > 1 || axes[1].stride > 1) {
        const int64_t pads[10] = {0, 0, 0, 0, 0, 0, 0, axes[0].stride - 1, 0, axes[1].stride - 1};
        x = snn_expand_reshape(e, x, 5, (const int64_t[]){images, axes[0].size, 1, axes[1].size, 1});
        x = snn_expand_pad(e, x, 5, pads);
        x = snn_expand_reshape(e, x, 4, (const int64_t[]){shape->dims[0], shape->dims[1], height, width});
    }
    x = cut[0] > 0 ? snn_expand_slice(e, x, 2, 0, height - cut[0]) : x;
    return cut[1] > 0 ? snn_expand_slice(e, x, 3, 0, width - cut[1]) : x;
}

static void lower_conv_transpose(snn_expansion *e)
{
    const snn_tensor *shape = snn_expand_shape(e, 0), *weights = snn_expand_weights(e, 1, "the weights");
    const int64_t groups = snn_node_integer(e->node, "group", 1);
    int64_t strides[2], dilations[2], cut[2], pads[4];
    snn_expand_attributes(e, "auto_pad=text dilations=ints group=int kernel_shape=ints output_padding=ints "
                             "output_shape=ints pads=ints strides=ints");
    if (weights == NULL || shape->rank != 4 || weights->rank != 4 || groups < 1 || weights->dims[0] % groups != 0 ||
        weights->dims[0] != shape->dims[1] || weights->dims[2] < 1 || weights->dims[3] < 1) {
        snn_expand_refuse(e, "expects an image [N,C,H,W] and weights [C,outputs,H,W]");
        return;
    }
    read_pair(e, "strides", 1, strides);
    read_pair(e, "dilations", 1, dilations);
    transposed axes[2];
    for (int a = 0; a < 2; a++) {
        axes[a] = (transposed){
            .size = shape->dims[2 + a], .kernel = weights->dims[2 + a], .stride = strides[a], .dilation = dilations[a]};
        if (strides[a] < 1 || dilations[a] < 1 || strides[a] > SNN_MAX_ELEMENTS || dilations[a] > SNN_MAX_ELEMENTS) {
            snn_expand_refuse(e, "expects strides and dilations of at least 1");
            return;
        }
    }
    if (!read_pads(e, axes)) {
        return;
    }
    for (int a = 0; a < 2; a++) {
        const int64_t reach = axes[a].dilation * (axes[a].kernel - 1);
        const int64_t behind = reach - axes[a].end - (axes[a].stride - 1); /* the last pixel has zeros behind it, too */
        pads[a] = reach - axes[a].begin;
        pads[a + 2] = behind > 0 ? behind : 0;
        cut[a] = behind < 0 ? -behind : 0;
        if (pads[a] < 0 || cut[a] >= axes[a].size * axes[a].stride) {
            snn_expand_refuse(e, "pads that are wider than the kernel are not supported");
            return;
        }
    }
    const int32_t x = spread_pixels(e, shape, axes, cut), turned = turned_weights(e, weights, groups);
    const int32_t bias = snn_expand_input(e, 2);
    const int32_t y = bias == SNN_NO_VALUE ? SNN_EXPAND(e, "Conv", x, turned) : SNN_EXPAND(e, "Conv", x, turned, bias);
    snn_expand_integers(e, "pads", 4, pads);
    snn_expand_integers(e, "dilations", 2, dilations);
    snn_expand_integer(e, "group", groups);
    snn_expand_result(e, y);
}

/* ---- Resize by interpolation ---- */

typedef struct resize {
    const char *coordinates;
    bool cubic;
    double a; /* of the cubic */
    bool exclude_outside;
} resize;

/* Where the pixel of the result lies in the input; -1: unknown kind of coordinates. */
static bool place_of(const resize *now, int64_t pixel, int64_t from, int64_t to, double scale, double *place)
{
    const double whole = (double)pixel;
    if (strcmp(now->coordinates, "half_pixel") == 0) {
        *place = (whole + 0.5) / scale - 0.5;
    } else if (strcmp(now->coordinates, "pytorch_half_pixel") == 0) {
        *place = to > 1 ? (whole + 0.5) / scale - 0.5 : 0.0;
    } else if (strcmp(now->coordinates, "align_corners") == 0) {
        *place = to > 1 ? whole * (double)(from - 1) / (double)(to - 1) : 0.0;
    } else if (strcmp(now->coordinates, "asymmetric") == 0) {
        *place = whole / scale;
    } else if (strcmp(now->coordinates, "half_pixel_symmetric") == 0) {
        const double exact = (double)from * scale;
        *place = (double)from / 2.0 * (1.0 - (double)to / exact) + (whole + 0.5) / scale - 0.5;
    } else {
        return false;
    }
    return true;
}

/* Weight of a pixel at that distance from the place. */
static double weight_at(const resize *now, double distance)
{
    const double d = fabs(distance), a = now->a;
    if (!now->cubic) {
        return d < 1.0 ? 1.0 - d : 0.0;
    }
    return d <= 1.0  ? ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
           : d < 2.0 ? ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a
                     : 0.0;
}

/* The matrix [from][to] of one axis; pixels at the border stand for those outside. */
static int32_t matrix(snn_expansion *e, const resize *now, int64_t from, int64_t to, double scale)
{
    float *elements = NULL;
    const int32_t value = snn_expand_floats(e, 2, (const int64_t[]){from, to}, &elements);
    for (int64_t o = 0; o < to && elements != NULL; o++) {
        double place = 0.0, sum = 0.0;
        if (!place_of(now, o, from, to, scale, &place)) {
            snn_expand_refuse(e, "attribute 'coordinate_transformation_mode': %s is not supported", now->coordinates);
            return SNN_NO_VALUE;
        }
        const int64_t first = (int64_t)floor(place) - 1;
        for (int64_t i = first; i < first + 4; i++) {
            const bool outside = i < 0 || i >= from;
            sum += now->exclude_outside && outside ? 0.0 : weight_at(now, place - (double)i);
        }
        for (int64_t i = first; i < first + 4; i++) {
            const int64_t at = i < 0 ? 0 : i >= from ? from - 1 : i;
            if (at == i || !now->exclude_outside) {
                elements[at * to + o] += (float)(weight_at(now, place - (double)i) / sum);
            }
        }
    }
    return value;
}

/* x times the matrix along one axis. */
static int32_t along(snn_expansion *e, int32_t x, int32_t rank, int32_t axis, int32_t weights)
{
    int64_t perm[SNN_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) {
        perm[i] = i == axis ? rank - 1 : i == rank - 1 ? axis : i;
    }
    x = snn_expand_transpose(e, x, rank, perm);
    x = SNN_EXPAND(e, "MatMul", x, weights);
    return snn_expand_transpose(e, x, rank, perm);
}

/* Factors and sizes of the axes named by the attribute, or of all. Inputs: x, region, factors, sizes; Upsample and
 * opset 10 have the factors in the second place, Upsample before opset 9 as an attribute. */
static bool read_scales(snn_expansion *e, const snn_tensor *x, double scale[SNN_MAX_RANK], int64_t to[SNN_MAX_RANK])
{
    const bool early = e->graph->opset < 11 || strcmp(e->node->operator, "Upsample") == 0;
    const snn_tensor *factors = snn_expand_shape(e, early ? 1 : 2), *sizes = snn_expand_shape(e, early ? 4 : 3);
    const snn_attribute *attribute = snn_node_attribute(e->node, "scales");
    const float *reals = factors->type == SNN_TYPE_FLOAT32 ? factors->data : NULL;
    int64_t count = reals != NULL ? snn_tensor_elements(factors) : 0;
    int64_t axes[SNN_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    const size_t named = snn_node_integers(e->node, "axes", axes, SNN_MAX_RANK);
    const int64_t wanted = named > 0 ? (int64_t)named : x->rank;
    if (attribute != NULL && attribute->kind == SNN_ATTRIBUTE_FLOATS) {
        reals = attribute->reals;
        count = (int64_t)attribute->count;
    }
    const bool by_size = count == 0 && sizes->type == SNN_TYPE_INT64 && sizes->data != NULL;
    if ((by_size ? snn_tensor_elements(sizes) : count) != wanted) {
        snn_expand_refuse(e, "expects a constant factor or size for each of the %lld axes", (long long)wanted);
        return false;
    }
    for (int32_t axis = 0; axis < x->rank; axis++) {
        scale[axis] = 1.0;
        to[axis] = x->dims[axis];
    }
    for (int64_t i = 0; i < wanted; i++) {
        const int64_t axis = axes[i] < 0 ? axes[i] + x->rank : axes[i];
        if (axis < 0 || axis >= x->rank) {
            snn_expand_refuse(e, "axis %lld is out of range", (long long)axes[i]);
            return false;
        }
        const double from = (double)x->dims[axis];
        scale[axis] = by_size ? (double)((const int64_t *)sizes->data)[i] / from : (double)reals[i];
        if (!(scale[axis] > 0.0) || !(scale[axis] * from < (double)SNN_MAX_ELEMENTS)) {
            snn_expand_refuse(e, "axis %lld: a factor of %g", (long long)axis, scale[axis]);
            return false;
        }
        to[axis] = by_size ? ((const int64_t *)sizes->data)[i] : (int64_t)floor(scale[axis] * from);
    }
    return true;
}

static void lower_resize(snn_expansion *e)
{
    const snn_tensor *x = snn_expand_shape(e, 0);
    const bool early = e->graph->opset < 11 || strcmp(e->node->operator, "Upsample") == 0;
    const resize now = {snn_node_text(e->node, "coordinate_transformation_mode", early ? "asymmetric" : "half_pixel"),
                        strcmp(snn_node_text(e->node, "mode", ""), "cubic") == 0,
                        (double)snn_node_real(e->node, "cubic_coeff_a", -0.75f),
                        snn_node_integer(e->node, "exclude_outside", 0) != 0};
    double scale[SNN_MAX_RANK];
    int64_t to[SNN_MAX_RANK];
    if (snn_node_integer(e->node, "antialias", 0) != 0) {
        snn_expand_refuse(e, "antialias is not supported");
    }
    if (strcmp(snn_node_text(e->node, "keep_aspect_ratio_policy", "stretch"), "stretch") != 0) {
        snn_expand_refuse(e, "attribute 'keep_aspect_ratio_policy': stretch expected");
    }
    if (!read_scales(e, x, scale, to)) {
        return;
    }
    int32_t y = snn_expand_input(e, 0);
    for (int32_t axis = 0; axis < x->rank && !snn_failed(e->status); axis++) {
        if (to[axis] != x->dims[axis] || scale[axis] != 1.0) {
            y = along(e, y, x->rank, axis, matrix(e, &now, x->dims[axis], to[axis], scale[axis]));
        }
    }
    snn_expand_result(e, y);
}

/* By the nearest pixel it only moves elements: an operator of its own. */
static bool interpolates(const snn_graph *graph, const snn_node *node)
{
    (void)graph;
    const char *mode = snn_node_text(node, "mode", "nearest");
    return strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0 || strcmp(mode, "cubic") == 0;
}

const snn_lowering snn_lowerings_resample[] = {
    {"", "ConvTranspose", 2, 3, lower_conv_transpose, NULL},
    {"", "Resize", 1, 4, lower_resize, interpolates},
    {"", "Upsample", 1, 2, lower_resize, interpolates},
    {0},
};
