/* Differences between outputs: every kind of difference is found, named and counted, and nothing else is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/output.h"
#include "io/hdf5/sealed.h"
#include "scratch.h"

enum { LINES = 8, LINE_BYTES = 512, LONG = 300000 };

typedef struct lines {
    int count;
    char text[LINES][LINE_BYTES];
} lines;

static void succeeds(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

static void keep_line(void *context, const char *line)
{
    lines *kept = context;
    assert_true(kept->count < LINES);
    (void)snprintf(kept->text[kept->count++], LINE_BYTES, "%s", line);
}

/* What a file of the test holds; the tests change one thing at a time. */
typedef struct contents {
    int64_t correct[4];
    float logits[2][3];
    double rate;
    const char *name;       /* text attribute of /layers/0_a */
    const char *text;       /* data set of texts */
    const char *extra;      /* name of one more group, or NULL */
    const char *left_out;   /* contents of /config */
    int64_t long_last;      /* last element of a data set of several pieces */
    int64_t neurons;        /* attribute */
    bool wide;              /* /accuracy/total as int64 or as int32 */
    int64_t rows;           /* of /rows: 1 or more */
    bool dataset_for_group; /* /energy is a data set */
} contents;

static contents usual(void)
{
    return (contents){.correct = {5, 6, 7, 8},
                      .logits = {{1, 2, 3}, {4, 5, 6}},
                      .rate = 0.5,
                      .name = "a",
                      .text = "second",
                      .left_out = "x",
                      .long_last = 1,
                      .neurons = 12,
                      .rows = 2};
}

static void write_groups(hid_t file, const contents *what)
{
    const int64_t dims[] = {2, 3};
    const int32_t narrow = 9;
    const int64_t wide = 9;
    const char *texts[] = {"first", what->text};
    hid_t accuracy;
    hid_t layers;
    hid_t layer;
    succeeds(snn_hdf5_create_group(file, "accuracy", &accuracy));
    succeeds(snn_hdf5_write_vector(accuracy, "correct", H5T_NATIVE_INT64, 4, what->correct));
    succeeds(what->wide ? snn_hdf5_write_scalar(accuracy, "total", H5T_NATIVE_INT64, &wide)
                        : snn_hdf5_write_scalar(accuracy, "total", H5T_NATIVE_INT32, &narrow));
    succeeds(snn_hdf5_write_array(accuracy, "logits", H5T_NATIVE_FLOAT, 2, dims, what->logits));
    succeeds(snn_hdf5_create_group(file, "layers", &layers));
    succeeds(snn_hdf5_create_group(layers, "0_a", &layer));
    succeeds(snn_hdf5_write_text_attribute(layer, "name", what->name));
    succeeds(snn_hdf5_write_attribute(layer, "neurons", H5T_NATIVE_INT64, 0, &what->neurons));
    succeeds(snn_hdf5_write_scalar(layer, "rate", H5T_NATIVE_DOUBLE, &what->rate));
    succeeds(snn_hdf5_write_texts(layer, "texts", texts, 2));
    assert_true(H5Gclose(layer) >= 0 && H5Gclose(layers) >= 0 && H5Gclose(accuracy) >= 0);
}

static void write_rest(hid_t file, const contents *what)
{
    static int64_t values[LONG];
    hid_t group;
    values[LONG - 1] = what->long_last;
    succeeds(snn_hdf5_write_vector(file, "long", H5T_NATIVE_INT64, LONG, values));
    succeeds(snn_hdf5_write_vector(file, "rows", H5T_NATIVE_INT64, what->rows, values));
    succeeds(snn_hdf5_write_text(file, "config", what->left_out));
    succeeds(snn_hdf5_create_group(file, "timers", &group));
    succeeds(snn_hdf5_write_text(group, "seconds", what->left_out));
    assert_true(H5Gclose(group) >= 0);
    if (what->dataset_for_group) {
        succeeds(snn_hdf5_write_vector(file, "energy", H5T_NATIVE_INT64, 2, values));
    } else {
        succeeds(snn_hdf5_create_group(file, "energy", &group));
        assert_true(H5Gclose(group) >= 0);
    }
    if (what->extra != NULL) {
        succeeds(snn_hdf5_create_group(file, what->extra, &group));
        assert_true(H5Gclose(group) >= 0);
    }
}

static void write_file(const char *path, snn_file_kind kind, const contents *what)
{
    hid_t file;
    succeeds(snn_sealed_create("temporary", &file));
    write_groups(file, what);
    write_rest(file, what);
    succeeds(snn_hdf5_close_file(file));
    succeeds(snn_sealed_finish("temporary", path, kind, NULL));
}

/* Compares usual contents with `what`: exactly one line is reported. */
static void check_one(const contents *what, const char *expected)
{
    const contents base = usual();
    lines kept = {0};
    int64_t differences = -1;
    write_file("a.h5", SNN_FILE_OUTPUT, &base);
    write_file("b.h5", SNN_FILE_OUTPUT, what);
    snn_status status = snn_output_diff("a.h5", "b.h5", keep_line, &kept, &differences);
    assert_int_equal(status.code, SNN_CHECK_FAILED);
    assert_int_equal(differences, 1);
    assert_int_equal(kept.count, 1);
    assert_string_equal(kept.text[0], expected);
    assert_non_null(strstr(status.message, expected));
}

static void check_same(const contents *a, const contents *b)
{
    int64_t differences = -1;
    write_file("a.h5", SNN_FILE_OUTPUT, a);
    write_file("b.h5", SNN_FILE_OUTPUT, b);
    succeeds(snn_output_diff("a.h5", "b.h5", NULL, NULL, &differences));
    assert_int_equal(differences, 0);
}

static void test_same(void **state)
{
    (void)state;
    contents a = usual();
    contents b = usual();
    check_same(&a, &b);
    b.left_out = "much else";
    check_same(&a, &b);
    b.extra = "provenance"; /* may be missing in one, too */
    check_same(&a, &b);
    a.rate = b.rate = NAN; /* the same bits */
    check_same(&a, &b);
    int64_t differences = -1;
    succeeds(snn_output_diff("a.h5", "a.h5", NULL, NULL, &differences));
}

static void test_values(void **state)
{
    (void)state;
    contents what = usual();
    what.correct[3] = 17;
    check_one(&what, "/accuracy/correct[3]: 8 in a.h5, 17 in b.h5 (1 of 4 elements differ)");
    what = usual();
    what.logits[0][2] = -3.5f;
    what.logits[1][1] = 0.0f;
    check_one(&what, "/accuracy/logits[0][2]: 3 in a.h5, -3.5 in b.h5 (2 of 6 elements differ)");
    what = usual();
    what.rate = nextafter(0.5, 1.0);
    check_one(&what, "/layers/0_a/rate: 0.5 in a.h5, 0.50000000000000011 in b.h5");
    what = usual();
    what.long_last = -2;
    check_one(&what, "/long[299999]: 1 in a.h5, -2 in b.h5 (1 of 300000 elements differ)");
    what = usual();
    what.text = "third";
    check_one(&what, "/layers/0_a/texts[1]: \"second\" in a.h5, \"third\" in b.h5 (1 of 2 elements differ)");
}

static void test_zero_has_a_sign(void **state)
{
    (void)state;
    contents a = usual();
    contents b = usual();
    int64_t differences = -1;
    a.logits[1][0] = 0.0f;
    b.logits[1][0] = -0.0f;
    write_file("a.h5", SNN_FILE_OUTPUT, &a);
    write_file("b.h5", SNN_FILE_OUTPUT, &b);
    assert_int_equal(snn_output_diff("a.h5", "b.h5", NULL, NULL, &differences).code, SNN_CHECK_FAILED);
    assert_int_equal(differences, 1);
}

static void test_structure(void **state)
{
    (void)state;
    contents what = usual();
    what.neurons = 13;
    check_one(&what, "/layers/0_a@neurons: 12 in a.h5, 13 in b.h5");
    what = usual();
    what.name = "b";
    check_one(&what, "/layers/0_a@name: \"a\" in a.h5, \"b\" in b.h5");
    what = usual();
    what.extra = "zebra";
    check_one(&what, "/zebra: only in b.h5");
    what.extra = "aardvark";
    check_one(&what, "/aardvark: only in b.h5");
    what = usual();
    what.wide = true;
    check_one(&what, "/accuracy/total: the types of elements differ");
    what = usual();
    what.rows = 3;
    check_one(&what, "/rows: [2] in a.h5, [3] in b.h5");
    what = usual();
    what.dataset_for_group = true;
    check_one(&what, "/energy: a group in one file, not in the other");
}

/* In the order of names, and the message tells the first. */
static void test_several(void **state)
{
    (void)state;
    const contents base = usual();
    contents what = usual();
    lines kept = {0};
    int64_t differences = -1;
    what.extra = "zebra";
    what.neurons = 1;
    what.correct[0] = 0;
    write_file("a.h5", SNN_FILE_OUTPUT, &base);
    write_file("b.h5", SNN_FILE_OUTPUT, &what);
    snn_status status = snn_output_diff("b.h5", "a.h5", keep_line, &kept, &differences);
    assert_int_equal(status.code, SNN_CHECK_FAILED);
    assert_int_equal(differences, 3);
    assert_string_equal(kept.text[0], "/accuracy/correct[0]: 0 in b.h5, 5 in a.h5 (1 of 4 elements differ)");
    assert_string_equal(kept.text[1], "/layers/0_a@neurons: 1 in b.h5, 12 in a.h5");
    assert_string_equal(kept.text[2], "/zebra: only in b.h5");
    assert_non_null(strstr(status.message, "3 differences, the first: /accuracy/correct[0]"));
}

static void test_bad_files(void **state)
{
    (void)state;
    const contents base = usual();
    int64_t differences = -1;
    write_file("a.h5", SNN_FILE_OUTPUT, &base);
    write_file("network.h5", SNN_FILE_NETWORK, &base);
    assert_int_equal(snn_output_diff("a.h5", "network.h5", NULL, NULL, &differences).code, SNN_INPUT_ERROR);
    assert_int_equal(snn_output_diff("nowhere.h5", "a.h5", NULL, NULL, &differences).code, SNN_INPUT_ERROR);
    FILE *file = fopen("a.h5", "ab");
    assert_int_equal(fputc('x', file), 'x');
    assert_int_equal(fclose(file), 0);
    snn_status status = snn_output_diff("a.h5", "a.h5", NULL, NULL, &differences);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, "damaged"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),      cmocka_unit_test(test_values),  cmocka_unit_test(test_zero_has_a_sign),
        cmocka_unit_test(test_structure), cmocka_unit_test(test_several), cmocka_unit_test(test_bad_files),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
