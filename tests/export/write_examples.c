/* Writes what steps.js compares: random networks that use every operator and kind of neuron, exported, with images and
 * with what the naive simulation makes of them; and each kind's function by itself. write_examples FOLDER; names of the
 * cases come on stdout. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "io/onnx/export.h"
#include "io/onnx/export_internal.h"
#include "tests/core/shard/examples.h"
#include "tests/core/shard/naive.h"

enum { TIMESTEPS = 12, IMAGES = 3, PATH_BYTES = 512, ELEMENTS = 20000 };

typedef struct example {
    const char *name;
    snn_network *(*make)(snn_weight_format format, uint64_t seed);
} example;

static const example examples[] = {
    {"residual", example_residual}, {"image", example_image}, {"rectified", example_rectified},
    {"streams", example_streams},   {"pools", example_pools}, {"tail", example_tail},
    {"unary", example_unary},       {"nary", example_nary},
};

typedef struct window_setting {
    int32_t steps, delay;
    double ratio, margin;
} window_setting;

static const window_setting windows_of[] = {{8, 3, 0.57, 0.25}, {8, 8, 0.5, 0.25}, {5, 0, 0.8, 0.5}, {4, 9, 0.5, 0.1}};

static const snn_encoding encodings[] = {SNN_ENCODING_FLOAT, SNN_ENCODING_DIRECT, SNN_ENCODING_DETERMINISTIC};
static const char *const encoding_names[] = {"float", "direct", "deterministic"};

static void stop(const char *name, const char *reason)
{
    fprintf(stderr, "%s: %s\n", name, reason);
    exit(1);
}

static void try(const char *name, snn_status status)
{
    if (snn_failed(status)) {
        stop(name, status.message);
    }
}

static void write_array(const char *folder, const char *name, const char *suffix, const void *data, size_t bytes)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s.%s", folder, name, suffix);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0) {
        stop(path, "cannot write");
    }
}

static float *must_allocate(int64_t count)
{
    float *values = snn_allocate((size_t)count, sizeof *values);
    if (values == NULL) {
        stop("write_examples", "out of memory");
    }
    return values;
}

/* [positions][channels] becomes [channels][positions]. */
static void write_images(const char *folder, const char *name, const char *suffix, snn_shape shape, int64_t images,
                         const float *values)
{
    const int64_t size = snn_shape_size(shape), positions = snn_shape_positions(shape);
    float *turned = must_allocate(images * size);
    for (int64_t i = 0; i < images * size; i++) {
        const int64_t image = i / size, position = i % size / shape.channels, c = i % shape.channels;
        turned[image * size + c * positions + position] = values[i];
    }
    write_array(folder, name, suffix, turned, (size_t)(images * size) * sizeof *turned);
    snn_release(turned);
}

static void write_case(const char *folder, const char *name, const snn_network *network,
                       const snn_export_dynamics *dynamics, const float *pixels, naive_result *expected)
{
    char path[PATH_BYTES];
    snn_export_summary summary;
    (void)snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    try(name, snn_export_step(network, dynamics, path, &summary));
    if (summary.timesteps != expected->latency) {
        stop(name, "the export and the simulation differ in their timesteps");
    }
    write_images(folder, name, "images", network->input, IMAGES, pixels);
    write_array(folder, name, "predictions", expected->predictions,
                (size_t)(IMAGES * expected->latency) * sizeof *expected->predictions);
    write_array(folder, name, "logits", expected->logits, (size_t)(IMAGES * network->classes) * sizeof(float));
    naive_clear(expected, network);
    puts(name);
}

static void write_windows(const char *folder, const example *of, const window_setting *setting)
{
    char name[64];
    snn_windows windows;
    const snn_export_dynamics none = {0};
    (void)snprintf(name, sizeof name, "%s_%d_%d", of->name, setting->steps, setting->delay);
    snn_network *network = of->make(SNN_WEIGHTS_INT16, 11);
    try(name, snn_windows_init(setting->steps, setting->delay, setting->ratio, setting->margin, &windows));
    sample_windows(network, &windows, 5);
    float *pixels = example_pixels(network, IMAGES, 5);
    naive_result expected = naive_windows_run(network, pixels, IMAGES, 0);
    write_case(folder, name, network, &none, pixels, &expected);
    snn_release(pixels);
    snn_network_destroy(network);
}

static void write_synchronous(const char *folder, const example *of, int encoding)
{
    char name[64];
    float eta[TIMESTEPS];
    const snn_schedule schedule = {.kind = SNN_SCHEDULE_EXPONENTIAL, .eta0 = 0.15, .gamma = 0.95};
    (void)snprintf(name, sizeof name, "%s_%s", of->name, encoding_names[encoding]);
    try(name, snn_schedule_fill(&schedule, TIMESTEPS, eta));
    const snn_export_dynamics dynamics = {TIMESTEPS, eta, encodings[encoding]};
    snn_network *network = of->make(SNN_WEIGHTS_INT16, 11);
    float *pixels = example_pixels(network, IMAGES, 5);
    naive_result expected = naive_run(network, encodings[encoding], eta, TIMESTEPS, pixels, IMAGES);
    write_case(folder, name, network, &dynamics, pixels, &expected);
    snn_release(pixels);
    snn_network_destroy(network);
}

/* f of a population of its own, on numbers of all sizes: one of them in four is within [-4, 4]. */
static void write_function(const char *folder, const char *name, const snn_population *population)
{
    const snn_shape input = population->input, shape = population->shape;
    const int64_t inputs = snn_shape_size(input), outputs = snn_shape_size(shape);
    const int64_t images = (ELEMENTS + inputs - 1) / inputs;
    const int64_t from[] = {SNN_ONNX_BATCH, input.channels, input.height, input.width};
    const int64_t to[] = {SNN_ONNX_BATCH, shape.channels, shape.height, shape.width};
    char path[PATH_BYTES];
    uint64_t random = 3;
    float *x = must_allocate(images * inputs), *y = must_allocate(images * outputs);
    for (int64_t i = 0; i < images * inputs; i++) {
        const double size = i % 4 == 0 ? 1.0 : pow(10.0, sample_uniform(&random, -8.0, 1.5));
        x[i] = (float)(size * sample_uniform(&random, -4.0, 4.0));
    }
    for (int64_t i = 0; i < images * outputs; i++) {
        const float *of_image = x + i / outputs * inputs;
        y[i] = naive_activation(population, of_image, i % outputs / shape.channels, (int32_t)(i % shape.channels));
    }
    snn_onnx_build *build = snn_onnx_build_create(name, 13);
    if (build == NULL) {
        stop(name, "out of memory");
    }
    snn_onnx_value in = snn_onnx_build_input(build, "x", SNN_ONNX_FLOAT, 4, from);
    snn_onnx_build_output(build, snn_export_function(build, population, in), "y", SNN_ONNX_FLOAT, 4, to);
    (void)snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    try(name, snn_onnx_build_write(build, path));
    snn_onnx_build_destroy(build);
    write_images(folder, name, "x", input, images, x);
    write_images(folder, name, "y", shape, images, y);
    snn_release(x);
    snn_release(y);
    puts(name);
}

/* Of every population of a network that spikes. */
static void write_functions(const char *folder, const example *of)
{
    snn_network *network = of->make(SNN_WEIGHTS_INT16, 11);
    for (int32_t p = 0; p < network->population_count; p++) {
        const snn_population *population = &network->populations[p];
        char name[64];
        (void)snprintf(name, sizeof name, "f_%s_%s_%d", of->name, snn_neuron_kind_name(population->kind), p);
        if (snn_neuron_spikes(population->kind)) {
            write_function(folder, name, population);
        }
    }
    snn_network_destroy(network);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        stop("write_examples", "a folder expected");
    }
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        write_functions(argv[1], &examples[i]);
        for (size_t j = 0; j < sizeof windows_of / sizeof windows_of[0]; j++) {
            write_windows(argv[1], &examples[i], &windows_of[j]);
        }
        for (int j = 0; j < (int)(sizeof encodings / sizeof encodings[0]); j++) {
            write_synchronous(argv[1], &examples[i], j);
        }
    }
    return 0;
}
