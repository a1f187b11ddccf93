/* Writes what steps.js compares: random networks that use every operator, exported, with images and with what the naive
 * simulation makes of them. write_examples FOLDER; names of the cases come on stdout. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "io/export.h"
#include "tests/core/shard/examples.h"
#include "tests/core/shard/naive.h"

enum { TIMESTEPS = 12, IMAGES = 3, PATH_BYTES = 512 };

typedef struct example {
    const char *name;
    snn_network *(*make)(snn_weight_format format, uint64_t seed);
} example;

static const example examples[] = {
    {"residual", example_residual},
    {"image", example_image},
    {"rectified", example_rectified},
    {"streams", example_streams},
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

/* [positions][channels] becomes [channels][positions]. */
static void write_images(const char *folder, const char *name, const snn_network *network, const float *pixels)
{
    const int64_t size = snn_shape_size(network->input), positions = snn_shape_positions(network->input);
    float *turned = snn_allocate((size_t)(IMAGES * size), sizeof *turned);
    if (turned == NULL) {
        stop(name, "out of memory");
    }
    for (int64_t i = 0; i < IMAGES * size; i++) {
        const int64_t image = i / size, position = i % size / network->input.channels, c = i % network->input.channels;
        turned[image * size + c * positions + position] = pixels[i];
    }
    write_array(folder, name, "images", turned, (size_t)(IMAGES * size) * sizeof *turned);
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
    write_images(folder, name, network, pixels);
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

int main(int argc, char **argv)
{
    if (argc != 2) {
        stop("write_examples", "a folder expected");
    }
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        for (size_t j = 0; j < sizeof windows_of / sizeof windows_of[0]; j++) {
            write_windows(argv[1], &examples[i], &windows_of[j]);
        }
        for (int j = 0; j < (int)(sizeof encodings / sizeof encodings[0]); j++) {
            write_synchronous(argv[1], &examples[i], j);
        }
    }
    return 0;
}
