/* One of ONNX's backend tests of a node: a folder with model.onnx, the inputs that are fed to it and the outputs that
 * are expected. */
#ifndef SNN_TESTS_ONNX_NODE_CASE_H
#define SNN_TESTS_ONNX_NODE_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "onnx.pb-c.h"

enum { NODE_CASE_TENSORS = 16, NODE_CASE_ALL_FOLD = -1 };

/* Names of weights that a variant has for who runs it: what the output has to be, and the image if one is read. */
extern const char node_case_expected_name[], node_case_image_name[];

typedef struct node_case {
    Onnx__ModelProto *model;
    Onnx__TensorProto *inputs[NODE_CASE_TENSORS];  /* [model->graph->n_input]; NULL: not fed */
    Onnx__TensorProto *outputs[NODE_CASE_TENSORS]; /* [model->graph->n_output] */
} node_case;

/* Reads model.onnx and data set `set` of `folder`; the case is valid for node_case_clear whatever comes back.
 * SNN_CHECK_FAILED: an input or output is no tensor, or there are too many. SNN_FILE_ERROR: no such data set. */
snn_status node_case_read(const char *folder, int set, node_case *test);

/* The first fed input that can be made of an image: floating-point, with elements. NODE_CASE_ALL_FOLD if there is none.
 */
int node_case_image(const node_case *test);

/* Writes to `path` a model of one image and one output, as the importer wants them: the fed inputs become weights, but
 * for `image`, which is the image given another shape. With NODE_CASE_ALL_FOLD nothing reads the image. The output is
 * number `output`, as float where an image is read. */
snn_status node_case_write(const node_case *test, int image, size_t output, const char *path);

void node_case_clear(node_case *test);

#endif
