/* ONNX files that must be refused with one clear message: not supported, inconsistent, damaged, or no model at all. */
#include "io/onnx/onnx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "onnx_sample.h"

static void test_bad_tensors(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    sample.tensors[0].raw_data.len = 12;
    onnx_sample_expect_refused(&sample, "tensor w: float32[1,1,2,2] has 4 elements, its data 12 bytes");
    onnx_sample_init(&sample);
    sample.tensors[1].n_float_data = 0;
    onnx_sample_expect_refused(&sample, "tensor b: float32[1] has 1 elements, its data 0");
    onnx_sample_init(&sample);
    sample.tensors[0].data_type = ONNX__TENSOR_PROTO__DATA_TYPE__STRING;
    onnx_sample_expect_refused(&sample, "tensor w: element type string (8) is not supported");
    onnx_sample_init(&sample);
    sample.tensors[0].data_type = -4;
    onnx_sample_expect_refused(&sample, "tensor w: element type unknown (-4) is not supported");

    int64_t huge[] = {INT64_C(1) << 20, INT64_C(1) << 20, INT64_C(1) << 40, 1, 1, 1, 1, 1, 1};
    onnx_sample_init(&sample);
    sample.tensors[0].dims = huge;
    onnx_sample_expect_refused(&sample, "tensor w: float32[1048576,1048576,1099511627776,1] is not a usable shape");
    sample.tensors[0].n_dims = 9;
    onnx_sample_expect_refused(&sample, "tensor w: 9 dimensions, at most 8 are supported");
    huge[0] = -1;
    sample.tensors[0].n_dims = 1;
    onnx_sample_expect_refused(&sample, "tensor w: float32[-1] is not a usable shape");
    huge[0] = INT64_C(1) << 30;
    onnx_sample_expect_refused(&sample, "has 1073741824 elements, its data 16 bytes");

    float broken[] = {1.0f, NAN, 3.0f, 4.0f};
    onnx_sample_init(&sample);
    onnx_sample_raw(&sample.tensors[0], broken, sizeof broken);
    onnx_sample_expect_refused(&sample, "tensor w: element 1 is not a number");
}

static void test_outputs(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    sample.infos[2].name = "h";
    sample.outputs[sample.graph.n_output++] = &sample.infos[2];
    onnx_sample_expect_refused(&sample, "2 outputs (logits, h), expected one");
    onnx_sample_init(&sample);
    sample.infos[1].name = "scores";
    onnx_sample_expect_refused(&sample, "no node computes the output scores");
}

static void test_bad_names(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    sample.names[1][0] = "nowhere";
    onnx_sample_expect_refused(&sample, "node Flatten_1 (Flatten): input nowhere is neither");
    onnx_sample_init(&sample);
    (void)onnx_sample_node(&sample, "again", "Relu", "x", "h");
    onnx_sample_expect_refused(&sample, "node again (Relu): output h: the name is used twice");
    onnx_sample_init(&sample);
    sample.names[1][1] = "x";
    onnx_sample_expect_refused(&sample, "output x: the name is used twice");
    onnx_sample_init(&sample);
    sample.tensors[1].name = "w";
    onnx_sample_expect_refused(&sample, "tensor w: the name is used twice");
    onnx_sample_init(&sample);
    sample.tensors[1].name = NULL;
    onnx_sample_expect_refused(&sample, "tensor without a name");
    onnx_sample_init(&sample);
    sample.nodes[1].op_type = NULL;
    onnx_sample_expect_refused(&sample, "node 1 () has no operator");
    onnx_sample_init(&sample);
    sample.graph.n_node = 0;
    onnx_sample_expect_refused(&sample, "the graph has no nodes");
    onnx_sample_init(&sample);
    sample.attributes[1].has_type = 0;
    onnx_sample_expect_refused(&sample, "node conv (Conv): attribute group: it has no type");
}

static void test_truncation(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    size_t bytes = 0;
    uint8_t *packed = onnx_sample_pack(&sample, &bytes);
    for (size_t length = 0; length < bytes; length++) {
        snn_graph *graph = NULL;
        assert_int_equal(onnx_sample_read_bytes(packed, length, &graph).code, SNN_INPUT_ERROR);
    }
    free(packed);
}

/* A flipped bit may leave a readable model; it must never do worse than be refused. */
static void test_flipped_bits(void **state)
{
    (void)state;
    onnx_sample sample;
    onnx_sample_init(&sample);
    size_t bytes = 0;
    uint8_t *packed = onnx_sample_pack(&sample, &bytes);
    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        snn_graph *graph = NULL;
        snn_status status = onnx_sample_read_bytes(packed, bytes, &graph);
        assert_true(status.code == SNN_OK || status.code == SNN_INPUT_ERROR);
        snn_graph_destroy(graph);
        packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(packed);
}

/* Graphs in attributes of nodes of graphs, so deep that recursion without a limit would exhaust the stack. */
static void test_deep_nesting(void **state)
{
    (void)state;
    enum { LEVELS = 50000, BYTES = LEVELS * 16 };
    static const uint8_t tags[] = {0x3a, 0x0a, 0x2a, 0x32}; /* ModelProto.graph; .node, .attribute, .g */
    uint8_t *bytes = malloc(BYTES);
    assert_non_null(bytes);
    size_t begin = BYTES;
    for (int level = LEVELS; level-- > 0;) {
        uint8_t length[10];
        size_t digits = 0;
        for (size_t rest = BYTES - begin; digits == 0 || rest > 0; rest >>= 7) {
            length[digits++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
        }
        begin -= digits;
        memcpy(bytes + begin, length, digits);
        bytes[--begin] = level == 0 ? tags[0] : tags[1 + (level - 1) % 3];
    }
    snn_graph *graph = NULL;
    snn_status status = onnx_sample_read_bytes(bytes + begin, BYTES - begin, &graph);
    free(bytes);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, "messages within each other"));
}

static void test_bad_files(void **state)
{
    (void)state;
    snn_graph *graph = NULL;
    snn_status status = snn_onnx_read("no_such_folder/no_such.onnx", &graph);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, "no_such_folder/no_such.onnx: cannot open: No such file"));
    status = snn_onnx_read(".", &graph);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, "a directory, expected a file"));
    status = onnx_sample_read_bytes("", 0, &graph);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, "the file is empty"));
    static const char text[] = "PK\003\004 this is a zip archive, or a PyTorch checkpoint, and no model";
    status = onnx_sample_read_bytes(text, sizeof text, &graph);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, "not an ONNX file"));
    static const uint8_t wrong_type[] = {0x38, 0x01}; /* field 7, the graph, as a number */
    status = onnx_sample_read_bytes(wrong_type, sizeof wrong_type, &graph);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, "not an ONNX file"));
    static const uint8_t no_graph[] = {0x08, 0x07}; /* nothing but an IR version */
    status = onnx_sample_read_bytes(no_graph, sizeof no_graph, &graph);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, "no graph"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_tensors), cmocka_unit_test(test_outputs),      cmocka_unit_test(test_bad_names),
        cmocka_unit_test(test_truncation),  cmocka_unit_test(test_flipped_bits), cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
