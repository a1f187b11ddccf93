/* What the trained network computes, for comparison with other executors: trained_values CONFIG.toml IMAGES PREFIX.
 * The first IMAGES images of the config's test set, normalised, go into PREFIX.images, and the outputs of its ONNX
 * model into PREFIX.values: float32, one image after the other, in the model's order of axes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "core/graph/evaluator.h"
#include "io/config/config.h"
#include "io/hdf5/dataset.h"
#include "io/onnx/onnx.h"

static snn_status write_floats(const char *prefix, const char *suffix, const float *values, size_t count)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s.%s", prefix, suffix);
    FILE *file = fopen(path, "wb");
    bool written = file != NULL && fwrite(values, sizeof *values, count, file) == count;
    written = file != NULL && fclose(file) == 0 && written;
    return written ? snn_ok() : snn_fail(SNN_FILE_ERROR, "%s: cannot write it", path);
}

static snn_status evaluate(const snn_graph *graph, const snn_dataset *dataset, int64_t images, const char *prefix)
{
    const int64_t size = snn_tensor_elements(&graph->values[graph->input].tensor);
    const int64_t classes = snn_tensor_elements(&graph->values[graph->output].tensor);
    float *pixels = snn_allocate((size_t)(images * size), sizeof *pixels);
    float *values = snn_allocate((size_t)(images * classes), sizeof *values);
    snn_evaluator *evaluator = NULL;
    snn_status status = snn_ok();
    if (pixels == NULL || values == NULL) {
        status = snn_out_of_memory("images");
        goto done;
    }
    SNN_GOTO_DONE(status, snn_dataset_read(dataset, 0, images, true, pixels));
    SNN_GOTO_DONE(status, snn_evaluator_create(graph, false, &evaluator));
    for (int64_t i = 0; i < images; i++) {
        SNN_GOTO_DONE(status, snn_evaluator_run(evaluator, pixels + i * size));
        const float *output = snn_evaluator_value(evaluator, graph->output);
        for (int64_t c = 0; c < classes; c++) {
            values[i * classes + c] = output[c];
        }
    }
    SNN_GOTO_DONE(status, write_floats(prefix, "images", pixels, (size_t)(images * size)));
    status = write_floats(prefix, "values", values, (size_t)(images * classes));
done:
    snn_evaluator_destroy(evaluator);
    snn_release(pixels);
    snn_release(values);
    return status;
}

/* The data set has images of the size that the model takes, and enough of them. */
static snn_status check(const snn_graph *graph, const snn_dataset *dataset, int64_t images)
{
    const snn_tensor *input = &graph->values[graph->input].tensor;
    const bool image = input->rank == 4;
    const snn_shape shape = {image ? (int32_t)input->dims[2] : 1, image ? (int32_t)input->dims[3] : 1,
                             (int32_t)input->dims[1]};
    if (images < 1 || images > snn_dataset_images(dataset)) {
        return snn_fail(SNN_INPUT_ERROR, "%" PRId64 " images, expected 1 to %" PRId64, images,
                        snn_dataset_images(dataset));
    }
    return snn_dataset_check(dataset, shape, 0, 0);
}

static snn_status run(const char *config_path, int64_t images, const char *prefix)
{
    snn_config *config = NULL;
    snn_dataset *dataset = NULL;
    snn_graph *graph = NULL;
    snn_status status = snn_ok();
    SNN_GOTO_DONE(status, snn_config_read(config_path, NULL, 0, SNN_CONFIG_RUN, &config));
    SNN_GOTO_DONE(status, snn_onnx_read(config->model.onnx, &graph));
    SNN_GOTO_DONE(status, snn_graph_infer(graph, true));
    SNN_GOTO_DONE(status,
                  snn_dataset_open(config->data.test, config->data.layout, config->data.mean, config->data.mean_count,
                                   config->data.std, config->data.std_count, false, &dataset));
    SNN_GOTO_DONE(status, check(graph, dataset, images));
    status = evaluate(graph, dataset, images, prefix);
done:
    snn_dataset_close(dataset);
    snn_graph_destroy(graph);
    snn_config_destroy(config);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: trained_values CONFIG.toml IMAGES PREFIX\n");
        return SNN_INPUT_ERROR;
    }
    const snn_status status = run(argv[1], strtoll(argv[2], NULL, 10), argv[3]);
    if (status.code != SNN_OK) {
        fprintf(stderr, "trained_values: %s\n", status.message);
    }
    return (int)status.code;
}
