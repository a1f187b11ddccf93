#include "io/hdf5/diff_values.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/hdf5/hdf5_helpers.h"

enum { ELEMENT_TEXT_BYTES = 72, PIECE_ELEMENTS = 1 << 17 };

void snn_comparison_report(snn_comparison *comparison, const char *format, ...)
{
    char line[SNN_COMPARISON_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (comparison->differences == 0) {
        memcpy(comparison->first, line, sizeof line);
    }
    comparison->differences++;
    if (comparison->report != NULL) {
        comparison->report(comparison->context, line);
    }
}

/* ---- elements ---- */

typedef enum element_class {
    ELEMENT_SIGNED,
    ELEMENT_UNSIGNED,
    ELEMENT_FLOAT,
    ELEMENT_DOUBLE,
    ELEMENT_TEXT
} element_class;

/* A data set or an attribute, opened. */
struct values {
    hid_t id;
    bool attribute;
    hid_t type, space;
    element_class class;
    hid_t memory_type;
    size_t size; /* of an element in memory, bytes */
};

/* One type of memory for each class of elements that outputs have. The width of floats stays, so that bits do. */
static snn_status choose_memory_type(struct values *values, const char *path)
{
    switch (H5Tget_class(values->type)) {
    case H5T_INTEGER:
        values->class = H5Tget_sign(values->type) == H5T_SGN_NONE ? ELEMENT_UNSIGNED : ELEMENT_SIGNED;
        values->memory_type = H5Tcopy(values->class == ELEMENT_SIGNED ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64);
        break;
    case H5T_FLOAT:
        values->class = H5Tget_size(values->type) <= sizeof(float) ? ELEMENT_FLOAT : ELEMENT_DOUBLE;
        values->memory_type = H5Tcopy(values->class == ELEMENT_FLOAT ? H5T_NATIVE_FLOAT : H5T_NATIVE_DOUBLE);
        break;
    case H5T_STRING:
        values->class = ELEMENT_TEXT;
        values->memory_type = H5Tis_variable_str(values->type) > 0 ? H5Tcopy(values->type) : H5I_INVALID_HID;
        break;
    default:
        break;
    }
    if (values->memory_type < 0) {
        return snn_fail(SNN_INPUT_ERROR, "%s: holds elements of a kind that outputs do not have", path);
    }
    values->size = H5Tget_size(values->memory_type);
    return snn_ok();
}

static snn_status describe_values(hid_t id, bool attribute, const char *path, struct values *described)
{
    *described = (struct values){.id = id, .attribute = attribute, .memory_type = H5I_INVALID_HID};
    described->type = attribute ? H5Aget_type(id) : H5Dget_type(id);
    described->space = attribute ? H5Aget_space(id) : H5Dget_space(id);
    if (described->type < 0 || described->space < 0) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, id, NULL, "cannot be read");
    }
    return choose_memory_type(described, path);
}

static void clear_values(struct values *values)
{
    snn_hdf5_close(values->memory_type);
    snn_hdf5_close(values->space);
    snn_hdf5_close(values->type);
}

static bool elements_equal(const struct values *values, const char *a, const char *b)
{
    if (values->class == ELEMENT_TEXT) {
        const char *texts[2];
        memcpy(&texts[0], a, sizeof texts[0]);
        memcpy(&texts[1], b, sizeof texts[1]);
        return texts[0] == texts[1] || (texts[0] != NULL && texts[1] != NULL && strcmp(texts[0], texts[1]) == 0);
    }
    return memcmp(a, b, values->size) == 0; /* bit for bit: -0 is not 0, and a NaN equals itself */
}

static void print_element(const struct values *values, const char *element, char *text)
{
    union {
        int64_t integer;
        uint64_t natural;
        float single;
        double real;
        const char *text;
    } value = {0};
    memcpy(&value, element, values->size < sizeof value ? values->size : sizeof value);
    switch (values->class) {
    case ELEMENT_SIGNED:
        (void)snprintf(text, ELEMENT_TEXT_BYTES, "%" PRId64, value.integer);
        break;
    case ELEMENT_UNSIGNED:
        (void)snprintf(text, ELEMENT_TEXT_BYTES, "%" PRIu64, value.natural);
        break;
    case ELEMENT_FLOAT:
        (void)snprintf(text, ELEMENT_TEXT_BYTES, "%.9g", (double)value.single);
        break;
    case ELEMENT_DOUBLE:
        (void)snprintf(text, ELEMENT_TEXT_BYTES, "%.17g", value.real);
        break;
    case ELEMENT_TEXT:
        (void)snprintf(text, ELEMENT_TEXT_BYTES, "\"%.64s\"", value.text != NULL ? value.text : "");
        break;
    }
}

/* ---- the data of one data set or attribute ---- */

/* What was found so far. */
typedef struct findings {
    int64_t elements, differing;
    int64_t first; /* element number of the first difference */
    char first_text[2][ELEMENT_TEXT_BYTES];
} findings;

static void compare_buffers(const struct values *values, const char *a, const char *b, int64_t count, findings *found)
{
    for (int64_t i = 0; i < count; i++) {
        const char *elements[2] = {a + (size_t)i * values->size, b + (size_t)i * values->size};
        if (elements_equal(values, elements[0], elements[1])) {
            continue;
        }
        if (found->differing++ == 0) {
            found->first = found->elements + i;
            print_element(values, elements[0], found->first_text[0]);
            print_element(values, elements[1], found->first_text[1]);
        }
    }
    found->elements += count;
}

/* Rows [begin, begin + rows) along the first dimension, or everything if `rows` is 0. */
static snn_status read_values(const struct values *values, int64_t begin, int64_t rows, void *buffer)
{
    hsize_t start[H5S_MAX_RANK] = {0};
    hsize_t count[H5S_MAX_RANK] = {0};
    herr_t result;
    if (values->attribute) {
        result = H5Aread(values->id, values->memory_type, buffer);
    } else if (rows == 0) {
        result = H5Dread(values->id, values->memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer);
    } else {
        int rank = H5Sget_simple_extent_dims(values->space, count, NULL);
        start[0] = (hsize_t)begin;
        count[0] = (hsize_t)rows;
        hid_t memory = H5Screate_simple(rank, count, NULL);
        result = H5Sselect_hyperslab(values->space, H5S_SELECT_SET, start, NULL, count, NULL);
        result =
            result < 0 ? result : H5Dread(values->id, values->memory_type, memory, values->space, H5P_DEFAULT, buffer);
        snn_hdf5_close(memory);
    }
    return result < 0 ? snn_hdf5_failure(SNN_INPUT_ERROR, values->id, NULL, "cannot be read") : snn_ok();
}

static void release_texts(const struct values *values, char *buffer, int64_t count)
{
    for (int64_t i = 0; i < count && values->class == ELEMENT_TEXT; i++) {
        char *text;
        memcpy(&text, buffer + (size_t)i * values->size, sizeof text);
        (void)H5free_memory(text);
    }
}

static snn_status compare_piece(const struct values pair[2], int64_t begin, int64_t rows, int64_t count,
                                char *buffers[2], findings *found)
{
    for (int side = 0; side < 2; side++) {
        memset(buffers[side], 0, (size_t)count * pair[side].size);
    }
    snn_status status = read_values(&pair[0], begin, rows, buffers[0]);
    if (!snn_failed(status)) {
        status = read_values(&pair[1], begin, rows, buffers[1]);
    }
    if (!snn_failed(status)) {
        compare_buffers(&pair[0], buffers[0], buffers[1], count, found);
    }
    release_texts(&pair[0], buffers[0], count);
    release_texts(&pair[1], buffers[1], count);
    return status;
}

/* Piece by piece along the first dimension, so that memory does not grow with the data set. */
static snn_status compare_data(const struct values pair[2], findings *found)
{
    hsize_t dims[H5S_MAX_RANK];
    const int64_t total = (int64_t)H5Sget_simple_extent_npoints(pair[0].space);
    const int rank = H5Sget_simple_extent_dims(pair[0].space, dims, NULL);
    const bool whole = rank < 1 || pair[0].attribute;
    if (total == 0) {
        return snn_ok();
    }
    const int64_t rows = whole ? 1 : (int64_t)dims[0];
    const int64_t row_elements = total / rows;
    int64_t rows_at_once = PIECE_ELEMENTS / row_elements;
    rows_at_once = rows_at_once < 1 ? 1 : rows_at_once;
    rows_at_once = rows_at_once > rows ? rows : rows_at_once;
    snn_status status = snn_ok();
    char *buffers[2];
    for (int side = 0; side < 2; side++) {
        buffers[side] = snn_allocate((size_t)(rows_at_once * row_elements), pair[side].size);
    }
    if (buffers[0] == NULL || buffers[1] == NULL) {
        status = snn_out_of_memory("comparison");
    }
    for (int64_t begin = 0; begin < rows && !snn_failed(status); begin += rows_at_once) {
        int64_t count = rows - begin < rows_at_once ? rows - begin : rows_at_once;
        status = compare_piece(pair, begin, whole ? 0 : count, count * row_elements, buffers, found);
    }
    snn_release(buffers[0]);
    snn_release(buffers[1]);
    return status;
}

/* "[2][7]" of an element's number. */
static void print_index(hid_t space, int64_t element, char *text, size_t bytes)
{
    hsize_t dims[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    int64_t stride = (int64_t)H5Sget_simple_extent_npoints(space);
    size_t length = 0;
    text[0] = '\0';
    for (int i = 0; i < rank && length < bytes; i++) {
        stride /= (int64_t)dims[i];
        length += (size_t)snprintf(text + length, bytes - length, "[%" PRId64 "]", element / stride);
        element %= stride;
    }
}

static void report_findings(snn_comparison *comparison, const char *path, hid_t space, const findings *found)
{
    char index[96];
    char count[80] = "";
    if (found->elements > 1) {
        (void)snprintf(count, sizeof count, " (%" PRId64 " of %" PRId64 " elements differ)", found->differing,
                       found->elements);
    }
    print_index(space, found->first, index, sizeof index);
    snn_comparison_report(comparison, "%s%s: %s in %s, %s in %s%s", path, index, found->first_text[0],
                          comparison->file[0], found->first_text[1], comparison->file[1], count);
}

static void print_shape(hid_t space, char *text, size_t bytes)
{
    hsize_t dims[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    size_t length = 0;
    (void)snprintf(text, bytes, "a scalar");
    for (int i = 0; i < rank && length < bytes; i++) {
        length += (size_t)snprintf(text + length, bytes - length, "[%" PRId64 "]", (int64_t)dims[i]);
    }
}

snn_status snn_comparison_values(snn_comparison *comparison, const char *path, hid_t a, hid_t b, bool attribute)
{
    struct values pair[2] = {{.type = -1, .space = -1, .memory_type = -1},
                             {.type = -1, .space = -1, .memory_type = -1}};
    findings found = {0};
    snn_status status;
    SNN_GOTO_DONE(status, describe_values(a, attribute, path, &pair[0]));
    SNN_GOTO_DONE(status, describe_values(b, attribute, path, &pair[1]));
    if (H5Tequal(pair[0].type, pair[1].type) <= 0) {
        snn_comparison_report(comparison, "%s: the types of elements differ", path);
        goto done;
    }
    if (H5Sextent_equal(pair[0].space, pair[1].space) <= 0) {
        char shapes[2][ELEMENT_TEXT_BYTES];
        print_shape(pair[0].space, shapes[0], sizeof shapes[0]);
        print_shape(pair[1].space, shapes[1], sizeof shapes[1]);
        snn_comparison_report(comparison, "%s: %s in %s, %s in %s", path, shapes[0], comparison->file[0], shapes[1],
                              comparison->file[1]);
        goto done;
    }
    SNN_GOTO_DONE(status, compare_data(pair, &found));
    if (found.differing > 0) {
        report_findings(comparison, path, pair[0].space, &found);
    }
done:
    clear_values(&pair[0]);
    clear_values(&pair[1]);
    return status;
}
