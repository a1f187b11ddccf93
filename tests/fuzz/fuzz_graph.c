/* Small random networks of supported operators, converted and run: synchronously and with windows, on two cuts over
 * ranks, compared bit for bit with the definition written down as loops (tests/core/shard/naive.h); and, where it is
 * exact enough, the limit that the spiking network tends to compared with the trained network.
 *
 * Every byte is a choice: shape of the input, weights, dynamics, then operators on values that are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/convert/convert.h"
#include "fuzz.h"
#include "tests/core/convert/graph_builder.h"
#include "tests/core/convert/network_limit.h"
#include "tests/core/shard/drive.h"

enum { IMAGES = 2, TIMESTEPS = 7, MOST_OPERATORS = 9, MOST_VALUES = MOST_OPERATORS + 1, MOST_POPULATIONS = 30 };

typedef struct choices {
    const uint8_t *data;
    size_t size, at;
} choices;

/* In [0, count); 0 when the bytes are used up. */
static int64_t choose(choices *from, int64_t count)
{
    return from->at < from->size ? from->data[from->at++] % count : 0;
}

typedef struct image_value {
    int32_t number;
    int64_t channels, height, width;
} image_value;

typedef struct drawing {
    builder b;
    choices *from;
    image_value values[MOST_VALUES];
    int32_t count;
} drawing;

static void add(drawing *d, int32_t number, int64_t channels, int64_t height, int64_t width)
{
    d->values[d->count++] = (image_value){number, channels, height, width};
}

static void with_ints(drawing *d, const char *name, int64_t first, int64_t second, int64_t third, int64_t fourth)
{
    const int64_t integers[] = {first, second, third, fourth};
    with_integers(&d->b, name, third < 0 ? 2 : 4, integers);
}

static void draw_convolution(drawing *d, image_value x)
{
    const int64_t kernel = 1 + choose(d->from, x.height < x.width ? x.height : x.width < 3 ? x.width : 3);
    const int64_t pad = choose(d->from, 2), stride = 1 + choose(d->from, 2);
    const bool depthwise = choose(d->from, 4) == 0;
    const int64_t groups = depthwise ? x.channels : 1, inputs = x.channels / groups;
    const int64_t outputs = depthwise ? x.channels : 1 + choose(d->from, 5);
    builder *b = &d->b;
    const int32_t weights =
        constant(b, 1.7f / sqrtf((float)(inputs * kernel * kernel)), DIMS(outputs, inputs, kernel, kernel));
    const int32_t y = NODE(b, "Conv", x.number, weights, constant(b, 0.2f, DIMS(outputs)));
    with_ints(d, "pads", pad, pad, pad, pad);
    with_ints(d, "strides", stride, stride, -1, -1);
    with_integer(b, "group", groups);
    add(d, y, outputs, (x.height + 2 * pad - kernel) / stride + 1, (x.width + 2 * pad - kernel) / stride + 1);
}

static void draw_pool(drawing *d, image_value x)
{
    static const char *const kinds[] = {"MaxPool", "AveragePool"};
    const int64_t kernel = x.height > 1 && x.width > 1 ? 2 : 1, stride = 1 + choose(d->from, 2);
    const int32_t y = NODE(&d->b, kinds[choose(d->from, 2)], x.number);
    with_ints(d, "kernel_shape", kernel, kernel, -1, -1);
    with_ints(d, "strides", stride, stride, -1, -1);
    add(d, y, x.channels, (x.height - kernel) / stride + 1, (x.width - kernel) / stride + 1);
}

static void draw_unary(drawing *d, image_value x)
{
    static const char *const kinds[] = {"Relu",        "Sigmoid", "Tanh",     "Gelu", "LeakyRelu", "HardSwish",
                                        "HardSigmoid", "Elu",     "Identity", "Neg",  "Softplus",  "Abs"};
    const int64_t kind = choose(d->from, (int64_t)(sizeof kinds / sizeof kinds[0]));
    add(d, NODE(&d->b, kinds[kind], x.number), x.channels, x.height, x.width);
}

/* With a constant for each channel. */
static void draw_affine(drawing *d, image_value x)
{
    static const char *const kinds[] = {"Add", "Sub", "Mul", "Div"};
    const int64_t kind = choose(d->from, 4);
    const int32_t other =
        kind < 2 ? constant(&d->b, 0.7f, DIMS(x.channels, 1, 1)) : positive(&d->b, DIMS(x.channels, 1, 1));
    add(d, NODE(&d->b, kinds[kind], x.number, other), x.channels, x.height, x.width);
}

static void draw_normalisation(drawing *d, image_value x)
{
    builder *b = &d->b;
    const int32_t y =
        NODE(b, "BatchNormalization", x.number, positive(b, DIMS(x.channels)), constant(b, 0.3f, DIMS(x.channels)),
             constant(b, 0.3f, DIMS(x.channels)), positive(b, DIMS(x.channels)));
    add(d, y, x.channels, x.height, x.width);
}

/* Of two values of one shape: the same twice if there is no other. */
static void draw_binary(drawing *d, image_value x)
{
    static const char *const kinds[] = {"Add", "Add", "Mul", "Max", "Sub", "Concat"};
    const int64_t kind = choose(d->from, 6);
    image_value y = d->values[choose(d->from, d->count)];
    y = y.channels == x.channels && y.height == x.height && y.width == x.width ? y : x;
    const int32_t z = NODE(&d->b, kinds[kind], x.number, y.number);
    if (kind == 5) {
        with_integer(&d->b, "axis", 1);
    }
    add(d, z, kind == 5 ? 2 * x.channels : x.channels, x.height, x.width);
}

static void draw_other(drawing *d, image_value x)
{
    builder *b = &d->b;
    switch (choose(d->from, 3)) {
    case 0:
        add(d, NODE(b, "GlobalAveragePool", x.number), x.channels, 1, 1);
        break;
    case 1: {
        const int32_t y = NODE(b, "Softmax", x.number);
        with_integer(b, "axis", 1);
        add(d, y, x.channels, x.height, x.width);
        break;
    }
    default: {
        const int32_t y = NODE(b, "Pad", x.number, integers(b, 8, (int64_t[]){0, 0, 1, 0, 0, 0, 0, 1}));
        add(d, y, x.channels, x.height + 1, x.width + 1);
    }
    }
}

static snn_graph *draw(choices *from)
{
    static void (*const kinds[])(drawing * d, image_value x) = {draw_convolution, draw_convolution,   draw_pool,
                                                                draw_unary,       draw_unary,         draw_affine,
                                                                draw_binary,      draw_normalisation, draw_other};
    const int64_t channels = 1 + choose(from, 4), height = 1 + choose(from, 5), width = 1 + choose(from, 5);
    drawing d = {.b = builder_begin(DIMS(1, channels, height, width)), .from = from};
    d.b.random += (uint64_t)choose(from, 256);
    add(&d, 0, channels, height, width);
    const int64_t operators = 1 + choose(from, MOST_OPERATORS);
    for (int64_t i = 0; i < operators; i++) {
        /* Mostly the last value, so that there are long paths. */
        const int64_t back = choose(from, 8);
        const image_value x = d.values[back < 6 ? d.count - 1 : choose(from, d.count)];
        kinds[choose(from, (int64_t)(sizeof kinds / sizeof kinds[0]))](&d, x);
    }
    const image_value last = d.values[d.count - 1];
    const int64_t features = last.channels * last.height * last.width, classes = 2 + choose(from, 4);
    const int32_t flat = NODE(&d.b, "Flatten", last.number);
    (void)NODE(&d.b, "Gemm", flat, constant(&d.b, 1.0f / sqrtf((float)features), DIMS(classes, features)),
               constant(&d.b, 0.1f, DIMS(classes)));
    with_integer(&d.b, "transB", 1);
    return d.b.graph;
}

/* Pixels as the evaluator reads them to those of the network, [positions][channels]. */
static void reorder(const snn_network *network, const float *image, float *pixels)
{
    const int64_t positions = snn_shape_positions(network->input);
    for (int64_t p = 0; p < positions; p++) {
        for (int32_t c = 0; c < network->input.channels; c++) {
            pixels[p * network->input.channels + c] = image[c * positions + p];
        }
    }
}

/* What the network tends to is what the trained one says; division and the like make errors larger, so that only
 * what no rounding explains is told. */
static void check_limit(const snn_network *network, const float *pixels, const float *expected)
{
    double logits[16], exact[1024], range = 1.0;
    const int64_t size = snn_shape_size(network->input);
    for (int64_t i = 0; i < size; i++) {
        exact[i] = (double)pixels[i];
    }
    limit_logits(network, exact, logits);
    for (int32_t k = 0; k < network->classes; k++) {
        range = fmax(range, fabs((double)expected[k]));
    }
    for (int32_t k = 0; k < network->classes; k++) {
        if (!(fabs(logits[k] - (double)expected[k]) <= 1e-2 * range)) {
            char what[120];
            (void)snprintf(what, sizeof what, "logit %d tends to %g, the trained network says %g", (int)k, logits[k],
                           (double)expected[k]);
            fuzz_fault(what);
        }
    }
}

static void run(const snn_network *network, const float *pixels)
{
    static const drive_cut cuts[] = {{1, 1}, {2, 2}};
    const bool windows = network->windows.steps > 0;
    const snn_kernels *kernels = NULL;
    float eta[TIMESTEPS];
    for (int t = 0; t < TIMESTEPS; t++) {
        eta[t] = t == 0 ? 0.3f : eta[t - 1] * 0.8f;
    }
    if (snn_failed(snn_kernels_select(&kernels))) {
        fuzz_fault("no kernels");
    }
    naive_result expected = windows ? naive_windows_run(network, pixels, IMAGES, 0)
                                    : naive_run(network, SNN_ENCODING_FLOAT, eta, TIMESTEPS, pixels, IMAGES);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        const drive_settings settings = {.cut = cuts[i],
                                         .block = windows ? network->windows.steps : 3,
                                         .group = IMAGES - (int32_t)i,
                                         .threads = 1 + (int32_t)i,
                                         .kernels = kernels,
                                         .encoding = SNN_ENCODING_FLOAT};
        drive_and_compare(network, &settings, windows ? NULL : eta, pixels, &expected);
    }
    naive_clear(&expected, network);
}

static bool is_finite(const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (!(fabsf(values[i]) < 1e4f)) {
            return false;
        }
    }
    return true;
}

/* Calibrates on the images that are run, and runs them; `b` makes them. */
static void calibrate(snn_graph *graph, snn_draft *draft, bool exact)
{
    snn_evaluator *evaluator = NULL;
    snn_network *network = NULL;
    uint64_t random = 1;
    const int64_t size = snn_tensor_elements(&graph->values[graph->input].tensor);
    const int64_t classes = snn_tensor_elements(&graph->values[graph->output].tensor);
    float *images = snn_allocate((size_t)(2 * IMAGES * size), sizeof *images), *pixels = images + IMAGES * size;
    float *maxima = snn_allocate((size_t)snn_draft_maxima_length(draft), sizeof *maxima), logits[16];
    builder noise = {graph, random};
    bool finite = true;
    if (images == NULL || maxima == NULL || snn_failed(snn_evaluator_create(graph, true, &evaluator))) {
        fuzz_fault("no memory");
    }
    for (int64_t i = 0; i < IMAGES * size; i++) {
        images[i] = 2.0f * builder_random(&noise);
    }
    for (int i = 0; i < IMAGES && finite; i++) {
        finite = !snn_failed(snn_evaluator_run(evaluator, images + i * size)) &&
                 is_finite(snn_evaluator_value(evaluator, graph->output), classes);
        snn_draft_observe(draft, evaluator, maxima);
    }
    if (finite && !snn_failed(snn_draft_finish(draft, maxima, IMAGES, &network)) &&
        network->population_count <= MOST_POPULATIONS) {
        memcpy(logits, snn_evaluator_value(evaluator, graph->output), (size_t)classes * sizeof *logits);
        for (int i = 0; i < IMAGES; i++) {
            reorder(network, images + i * size, pixels + i * size);
        }
        if (exact) {
            check_limit(network, pixels + (IMAGES - 1) * size, logits);
        }
        run(network, pixels);
    }
    snn_network_destroy(network);
    snn_evaluator_destroy(evaluator);
    snn_release(maxima);
    snn_release(images);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    choices from = {data, size, 0};
    const int64_t dynamics = choose(&from, 4);
    snn_convert_options options = {.scale = (snn_scale_mode)choose(&from, 2)};
    options.format = choose(&from, 2) == 0 ? SNN_WEIGHTS_INT16 : SNN_WEIGHTS_INT8;
    options.maxpool = options.softmax = (snn_form)choose(&from, 2);
    options.streams = (snn_stream_reading)choose(&from, 2);
    if (dynamics > 0 && snn_failed(snn_windows_init(2 + 2 * (int32_t)dynamics, (int32_t)choose(&from, 9), 0.6, 0.25,
                                                    &options.windows))) {
        fuzz_fault("no windows");
    }
    snn_draft *draft = NULL;
    snn_graph *graph = draw(&from);
    if (!snn_failed(snn_graph_infer(graph, true)) && !snn_failed(snn_draft_create(graph, &options, NULL, &draft)) &&
        draft != NULL) {
        calibrate(graph, draft, dynamics == 0 && options.format == SNN_WEIGHTS_INT16);
    }
    snn_draft_destroy(draft);
    snn_graph_destroy(graph);
    return 0;
}
