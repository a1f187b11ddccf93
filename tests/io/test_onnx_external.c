#define _XOPEN_SOURCE 700 /* mkdtemp, strdup, fseeko */
/* Models whose weights lie in files beside them: read as if they were inside, mapped where large, and refused with one
 * clear message where a file is missing, too short, or outside of the model's folder. */
#include "io/onnx/onnx.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "onnx_sample.h"

enum { LARGE = 1 << 16 }; /* elements: 256 KiB */

/* A folder for a model and its data, made and left by every test. */
static int enter_folder(void **state)
{
    char name[] = "test_external_XXXXXX";
    *state = mkdtemp(name) == NULL ? NULL : strdup(name);
    return *state == NULL || chdir(*state) != 0;
}

static int leave_folder(void **state)
{
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", (char *)*state);
    int failed = chdir("..") != 0 || system(command) != 0;
    free(*state);
    return failed;
}

static void write_file(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

/* The entries of one tensor's data file. */
typedef struct place {
    Onnx__StringStringEntryProto entries[3], *list[3];
} place;

/* Moves the tensor's data to that place: NULL for an entry that is left out. */
static void move_data(Onnx__TensorProto *tensor, place *at, char *location, char *offset, char *length)
{
    char *const texts[3][2] = {{"location", location}, {"offset", offset}, {"length", length}};
    tensor->n_external_data = 0;
    for (int i = 0; i < 3; i++) {
        if (texts[i][1] != NULL) {
            Onnx__StringStringEntryProto *entry = &at->entries[tensor->n_external_data];
            onnx__string_string_entry_proto__init(entry);
            entry->key = texts[i][0];
            entry->value = texts[i][1];
            at->list[tensor->n_external_data++] = entry;
        }
    }
    tensor->external_data = at->list;
    tensor->has_data_location = 1;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    tensor->has_raw_data = 0;
    tensor->n_float_data = 0;
}

static void test_several_files(void **state)
{
    (void)state;
    onnx_sample sample;
    place first, second;
    onnx_sample_init(&sample);
    assert_int_equal(mkdir("data", 0755), 0);
    char bytes[3 + sizeof onnx_sample_weights] = "abc";
    memcpy(bytes + 3, onnx_sample_weights, sizeof onnx_sample_weights);
    write_file("data/w.bin", bytes, sizeof bytes);
    write_file("b.bin", onnx_sample_bias, sizeof onnx_sample_bias);
    move_data(&sample.tensors[0], &first, "data/w.bin", "3", "16"); /* where no float is aligned */
    move_data(&sample.tensors[1], &second, "./b.bin", NULL, NULL);
    snn_graph *graph = onnx_sample_read(&sample);
    assert_memory_equal(onnx_sample_value(graph, "w")->tensor.data, onnx_sample_weights, sizeof onnx_sample_weights);
    assert_memory_equal(onnx_sample_value(graph, "b")->tensor.data, onnx_sample_bias, sizeof onnx_sample_bias);
    assert_false(onnx_sample_value(graph, "w")->tensor.borrowed);
    snn_graph_destroy(graph);
}

/* A large tensor is used where it lies, unless it ends where its file's pages do. */
static void test_large_tensors_stay_in_their_file(void **state)
{
    (void)state;
    onnx_sample sample;
    place at;
    int64_t dims[] = {LARGE};
    float *elements = calloc(2 * LARGE + 16, sizeof *elements);
    assert_non_null(elements);
    for (int i = 0; i < LARGE; i++) {
        elements[LARGE + i] = (float)i;
    }
    for (int behind = 0; behind < 2; behind++) {
        write_file("large.bin", elements, 2 * LARGE * sizeof *elements + (behind ? 64 : 0));
        onnx_sample_init(&sample);
        Onnx__TensorProto *tensor = onnx_sample_tensor(&sample, "large", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, dims, 1);
        move_data(tensor, &at, "large.bin", "262144", NULL);
        snn_graph *graph = onnx_sample_read(&sample);
        const snn_tensor *found = &onnx_sample_value(graph, "large")->tensor;
        assert_int_equal(found->borrowed, behind);
        assert_memory_equal(found->data, elements + LARGE, LARGE * sizeof *elements);
        snn_graph_destroy(graph);
    }
    free(elements);
}

static void test_offsets_beyond_four_gigabytes(void **state)
{
    (void)state;
    onnx_sample sample;
    place at;
    FILE *file = fopen("sparse.bin", "wb");
    assert_non_null(file);
    assert_int_equal(fseeko(file, INT64_C(5) << 30, SEEK_SET), 0);
    assert_int_equal(fwrite(onnx_sample_weights, 1, sizeof onnx_sample_weights, file), sizeof onnx_sample_weights);
    assert_int_equal(fclose(file), 0);
    onnx_sample_init(&sample);
    move_data(&sample.tensors[0], &at, "sparse.bin", "5368709120", "16");
    snn_graph *graph = onnx_sample_read(&sample);
    assert_memory_equal(onnx_sample_value(graph, "w")->tensor.data, onnx_sample_weights, sizeof onnx_sample_weights);
    snn_graph_destroy(graph);
}

static void test_refused(void **state)
{
    (void)state;
    char page[64] = "weights";
    write_file("short.bin", page, sizeof page);
    write_file("empty.bin", page, 0);
    write_file("../test_external_outside.bin", page, sizeof page);
    assert_int_equal(symlink("../test_external_outside.bin", "link.bin"), 0);
    assert_int_equal(symlink("/", "root"), 0);
    assert_int_equal(mkdir("folder", 0755), 0);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    static const struct {
        char *location, *offset, *length;
        const char *part;
    } rows[] = {
        {"none.bin", NULL, NULL, "tensor w: data file none.bin, expected in /"},
        {"none.bin", NULL, NULL, ": No such file or directory"},
        {NULL, NULL, NULL, "tensor w: its data is in another file, which has no name"},
        {"short.bin", "49", NULL,
         "data file short.bin: 64 bytes, the tensor's 16 begin at 49: truncated, or of another"},
        {"short.bin", "18446744073709551615", NULL, "begin at 18446744073709551615: truncated"},
        {"short.bin", "18446744073709551616", NULL, "its offset in the data file is '18446744073709551616', expected"},
        {"short.bin", "-1", NULL, "its offset in the data file is '-1', expected a number of bytes"},
        {"short.bin", "1x", NULL, "its offset in the data file is '1x', expected a number of bytes"},
        {"short.bin", "0", "12", "data file short.bin: 12 bytes for a tensor of 16"},
        {"empty.bin", NULL, NULL, "data file empty.bin: the file is empty"},
        {"folder", NULL, NULL, "data file folder: not a regular file"},
        {"pipe", NULL, NULL, "data file pipe: not a regular file"},
        {"../test_external_outside.bin", NULL, NULL, "outside.bin: outside of the model's folder: refused"},
        {"folder/../../test_external_outside.bin", NULL, NULL, "outside of the model's folder: refused"},
        {"/etc/hostname", NULL, NULL, "data file /etc/hostname: outside of the model's folder: refused"},
        {"link.bin", NULL, NULL, "data file link.bin: a link to /"},
        {"link.bin", NULL, NULL, "test_external_outside.bin, outside of the model's folder: refused"},
        {"root/etc/passwd", NULL, NULL, "data file root/etc/passwd: a link to /etc/passwd, outside"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        onnx_sample sample;
        place at;
        onnx_sample_init(&sample);
        move_data(&sample.tensors[0], &at, rows[i].location, rows[i].offset, rows[i].length);
        onnx_sample_expect_refused(&sample, rows[i].part);
    }
    assert_int_equal(unlink("../test_external_outside.bin"), 0);
}

/* Provenance: the same weights in another file of the same model are another model. */
static void test_hash_covers_the_data(void **state)
{
    (void)state;
    onnx_sample sample;
    place at;
    uint64_t inside = 0, alone = 0, first = 0, second = 0;
    int64_t bytes = 0, alone_bytes = 0;
    size_t count = 0;
    onnx_sample_init(&sample);
    uint8_t *packed = onnx_sample_pack(&sample, &count);
    write_file("model.onnx", packed, count);
    free(packed);
    assert_int_equal(snn_onnx_hash("model.onnx", &inside, &bytes).code, SNN_OK);
    assert_int_equal(snn_file_hash("model.onnx", &alone, &alone_bytes).code, SNN_OK);
    assert_true(inside == alone && bytes == alone_bytes);

    move_data(&sample.tensors[0], &at, "w.bin", NULL, NULL);
    packed = onnx_sample_pack(&sample, &count);
    write_file("model.onnx", packed, count);
    free(packed);
    assert_int_equal(snn_onnx_hash("model.onnx", &first, &bytes).code, SNN_INPUT_ERROR);
    write_file("w.bin", onnx_sample_weights, sizeof onnx_sample_weights);
    assert_int_equal(snn_onnx_hash("model.onnx", &first, &bytes).code, SNN_OK);
    assert_int_equal(bytes, count + sizeof onnx_sample_weights);
    float other[4] = {0.0f};
    write_file("w.bin", other, sizeof other);
    assert_int_equal(snn_onnx_hash("model.onnx", &second, &bytes).code, SNN_OK);
    assert_true(first != second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_several_files, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_large_tensors_stay_in_their_file, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_offsets_beyond_four_gigabytes, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_refused, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_hash_covers_the_data, enter_folder, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
