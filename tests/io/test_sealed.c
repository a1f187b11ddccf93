/* Sealed files: whole ones verify, and any change to any part of one is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <xxhash.h>

#include "io/config/config.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/sealed.h"
#include "scratch.h"

enum { VALUES = 500 };

static void succeeds(snn_status status)
{
    if (snn_failed(status)) {
        fail_msg("%s", status.message);
    }
}

static void fails(snn_status status, snn_code code, const char *part)
{
    assert_int_equal(status.code, code);
    if (strstr(status.message, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", status.message, part);
    }
}

/* A closed HDF5 file of ours that is not sealed yet. */
static void make_unsealed(const char *path, int first)
{
    hid_t file;
    int values[VALUES];
    for (int i = 0; i < VALUES; i++) {
        values[i] = first + i * i;
    }
    succeeds(snn_sealed_create(path, &file));
    succeeds(snn_hdf5_write_vector(file, "values", H5T_NATIVE_INT, VALUES, values));
    succeeds(snn_hdf5_close_file(file));
}

static void make_sealed(const char *path, snn_file_kind kind, int first)
{
    char temporary[SNN_PATH_BYTES];
    succeeds(snn_sealed_temporary(path, temporary));
    make_unsealed(temporary, first);
    succeeds(snn_sealed_finish(temporary, path, kind, NULL));
}

static char *read_all(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *bytes = (size_t)ftell(file);
    rewind(file);
    char *contents = malloc(*bytes + 1);
    assert_non_null(contents);
    assert_int_equal(fread(contents, 1, *bytes, file), *bytes);
    assert_int_equal(fclose(file), 0);
    return contents;
}

static snn_code verify_code(const char *path)
{
    snn_file_kind kind;
    return snn_sealed_verify(path, &kind).code;
}

static void test_whole_files(void **state)
{
    static const snn_file_kind kinds[] = {SNN_FILE_OUTPUT, SNN_FILE_CHECKPOINT, SNN_FILE_NETWORK};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        snn_file_kind found = kinds[(i + 1) % 3];
        hid_t file;
        int values[VALUES] = {0};
        const int64_t dims[] = {VALUES};
        make_sealed("whole.h5", kinds[i], 3);
        assert_int_equal(access("whole.h5.part", F_OK), -1);
        succeeds(snn_sealed_verify("whole.h5", &found));
        assert_int_equal(found, kinds[i]);
        succeeds(snn_sealed_open("whole.h5", kinds[i], true, &file));
        succeeds(snn_hdf5_read_array(file, "values", H5T_NATIVE_INT, 1, dims, values));
        assert_int_equal(values[VALUES - 1], 3 + (VALUES - 1) * (VALUES - 1));
        assert_true(H5Fclose(file) >= 0);
        fails(snn_sealed_open("whole.h5", kinds[(i + 1) % 3], true, &file), SNN_INPUT_ERROR,
              snn_file_kind_name(kinds[i]));
        assert_true(file < 0);
    }
    /* Plain HDF5 readers need to know nothing of the seal. */
    hid_t plain = H5Fopen("whole.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(plain >= 0);
    assert_true(H5Lexists(plain, "values", H5P_DEFAULT) > 0);
    assert_true(H5Fclose(plain) >= 0);
}

/* The seal against one made here from the whole file at once. */
static void test_seal_contents(void **state)
{
    (void)state;
    size_t bytes;
    make_sealed("seal.h5", SNN_FILE_OUTPUT, 5);
    char *contents = read_all("seal.h5", &bytes);
    XXH128_hash_t hash = XXH3_128bits(contents + SNN_SEAL_BYTES, bytes - SNN_SEAL_BYTES);
    char expected[SNN_SEAL_BYTES] = {0};
    (void)snprintf(expected, sizeof expected, "snn_dist sealed output\nbytes %zu\nxxh3-128 %016llx%016llx\n",
                   bytes - SNN_SEAL_BYTES, (unsigned long long)hash.high64, (unsigned long long)hash.low64);
    assert_memory_equal(contents, expected, SNN_SEAL_BYTES);
    free(contents);
}

/* More than one piece of the streamed checksum. */
static void test_large_file(void **state)
{
    enum { LARGE = 700001 };
    (void)state;
    hid_t file;
    int *values = calloc(LARGE, sizeof *values);
    size_t bytes;
    assert_non_null(values);
    succeeds(snn_sealed_create("large.part", &file));
    succeeds(snn_hdf5_write_vector(file, "values", H5T_NATIVE_INT, LARGE, values));
    succeeds(snn_hdf5_close_file(file));
    succeeds(snn_sealed_finish("large.part", "large.h5", SNN_FILE_NETWORK, NULL));
    assert_int_equal(verify_code("large.h5"), SNN_OK);
    char *contents = read_all("large.h5", &bytes);
    contents[bytes - 1] ^= 1;
    scratch_write("large.h5", contents, bytes);
    assert_int_equal(verify_code("large.h5"), SNN_CHECK_FAILED);
    free(contents);
    free(values);
}

static void test_flipped_bits(void **state)
{
    (void)state;
    size_t bytes;
    make_sealed("good.h5", SNN_FILE_CHECKPOINT, 7);
    char *contents = read_all("good.h5", &bytes);
    FILE *file = fopen("good.h5", "r+b");
    assert_non_null(file);
    assert_int_equal(setvbuf(file, NULL, _IONBF, 0), 0);
    for (size_t i = 0; i < bytes; i += i < SNN_SEAL_BYTES ? 1 : 13) {
        char flipped = (char)(contents[i] ^ (1 << (i % 8)));
        assert_int_equal(fseek(file, (long)i, SEEK_SET), 0);
        assert_int_equal(fwrite(&flipped, 1, 1, file), 1);
        if (verify_code("good.h5") != SNN_CHECK_FAILED) {
            fail_msg("a flipped bit in byte %zu was not found", i);
        }
        assert_int_equal(fseek(file, (long)i, SEEK_SET), 0);
        assert_int_equal(fwrite(&contents[i], 1, 1, file), 1);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(verify_code("good.h5"), SNN_OK); /* all undone */
    free(contents);
}

static void test_other_lengths(void **state)
{
    (void)state;
    size_t bytes;
    snn_file_kind kind;
    hid_t file;
    make_sealed("length.h5", SNN_FILE_OUTPUT, 9);
    char *contents = read_all("length.h5", &bytes);
    for (size_t length = 0; length < bytes; length += 101) {
        scratch_write("short.h5", contents, length);
        assert_int_equal(verify_code("short.h5"), SNN_CHECK_FAILED);
    }
    scratch_write("short.h5", contents, bytes - 1);
    fails(snn_sealed_verify("short.h5", &kind), SNN_CHECK_FAILED, "truncated");
    /* Whoever needs the file finds the length wrong without reading all of it. */
    fails(snn_sealed_open("short.h5", SNN_FILE_OUTPUT, false, &file), SNN_INPUT_ERROR, "truncated");
    contents[bytes] = '\0'; /* read_all left room */
    scratch_write("long.h5", contents, bytes + 1);
    fails(snn_sealed_verify("long.h5", &kind), SNN_CHECK_FAILED, "too long");
    free(contents);
}

static void test_not_ours(void **state)
{
    (void)state;
    snn_file_kind kind;
    fails(snn_sealed_verify("nowhere.h5", &kind), SNN_INPUT_ERROR, "nowhere.h5: cannot open: No such file");
    fails(snn_sealed_verify(".", &kind), SNN_INPUT_ERROR, "not a regular file");
    scratch_write("empty.h5", "", 0);
    fails(snn_sealed_verify("empty.h5", &kind), SNN_CHECK_FAILED, "no seal");
    make_unsealed("unsealed.h5", 1);
    fails(snn_sealed_verify("unsealed.h5", &kind), SNN_CHECK_FAILED, "no seal");
}

static void test_replacing(void **state)
{
    (void)state;
    size_t before;
    size_t after;
    make_sealed("a.h5", SNN_FILE_OUTPUT, 1);
    char *old = read_all("a.h5", &before);
    make_unsealed("a.h5.part", 2);
    succeeds(snn_sealed_finish("a.h5.part", "a.h5", SNN_FILE_OUTPUT, "a.old.h5"));
    char *rotated = read_all("a.old.h5", &after);
    assert_int_equal(before, after);
    assert_memory_equal(old, rotated, before);
    assert_int_equal(verify_code("a.h5"), SNN_OK);
    free(rotated);
    /* What cannot be sealed does not touch what is there. */
    scratch_write("b.part", old, SNN_SEAL_BYTES);
    fails(snn_sealed_finish("b.part", "a.h5", SNN_FILE_OUTPUT, NULL), SNN_INTERNAL_ERROR, "b.part");
    assert_int_equal(verify_code("a.h5"), SNN_OK);
    fails(snn_sealed_finish("missing.part", "a.h5", SNN_FILE_OUTPUT, NULL), SNN_FILE_ERROR, "missing.part");
    make_unsealed("c.part", 3);
    fails(snn_sealed_finish("c.part", "no/such/folder.h5", SNN_FILE_OUTPUT, NULL), SNN_FILE_ERROR, "no/such/folder.h5");
    free(old);
}

static void test_long_names(void **state)
{
    (void)state;
    static char path[SNN_PATH_BYTES];
    char temporary[SNN_PATH_BYTES];
    memset(path, 'x', sizeof path - 6);
    succeeds(snn_sealed_temporary(path, temporary));
    assert_string_equal(temporary + SNN_PATH_BYTES - 6, ".part");
    path[SNN_PATH_BYTES - 6] = 'x';
    fails(snn_sealed_temporary(path, temporary), SNN_INPUT_ERROR, "longer than");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_files),  cmocka_unit_test(test_seal_contents), cmocka_unit_test(test_large_file),
        cmocka_unit_test(test_flipped_bits), cmocka_unit_test(test_other_lengths), cmocka_unit_test(test_not_ours),
        cmocka_unit_test(test_replacing),    cmocka_unit_test(test_long_names),
    };
    return cmocka_run_group_tests(tests, scratch_enter, scratch_leave);
}
