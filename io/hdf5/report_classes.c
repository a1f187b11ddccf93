#include "io/hdf5/report_classes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/sealed.h"

/* ---- reading ---- */

typedef struct answers {
    int64_t images;
    int32_t *label, *spiking, *trained; /* [images]; trained: NULL if nobody asked it */
} answers;

static snn_status read_extents(hid_t file, const char *name, hsize_t extents[2])
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = dataset < 0 ? H5I_INVALID_HID : H5Dget_space(dataset);
    snn_status status = snn_ok();
    if (space < 0 || H5Sget_simple_extent_ndims(space) != 2 || H5Sget_simple_extent_dims(space, extents, NULL) < 0 ||
        extents[0] < 1 || extents[1] < 1 || extents[0] > INT64_MAX || extents[1] > INT32_MAX) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, file, name, "is not there or has other dimensions than expected");
    }
    snn_hdf5_close(space);
    snn_hdf5_close(dataset);
    return status;
}

/* The last column of an int32 table of `extents`. */
static snn_status read_last_column(hid_t file, const char *name, const hsize_t extents[2], int32_t *values)
{
    const hsize_t from[2] = {0, extents[1] - 1}, size[2] = {extents[0], 1};
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t column = dataset < 0 ? H5I_INVALID_HID : H5Dget_space(dataset);
    hid_t memory = H5Screate_simple(1, size, NULL);
    snn_status status = snn_ok();
    if (column < 0 || memory < 0 || H5Sselect_hyperslab(column, H5S_SELECT_SET, from, NULL, size, NULL) < 0 ||
        H5Dread(dataset, H5T_NATIVE_INT32, memory, column, H5P_DEFAULT, values) < 0) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, file, name, "cannot read");
    }
    snn_hdf5_close(memory);
    snn_hdf5_close(column);
    snn_hdf5_close(dataset);
    return status;
}

static snn_status check_answers(hid_t file, const char *name, const int32_t *values, int64_t images, int32_t classes)
{
    for (int64_t i = 0; i < images; i++) {
        if (values[i] < 0 || values[i] >= classes) {
            return snn_hdf5_failure(SNN_INPUT_ERROR, file, name, "has a number that is no class");
        }
    }
    return snn_ok();
}

static snn_status read_answers(hid_t file, answers *read, int32_t *classes)
{
    hsize_t logits[2], snn[2];
    SNN_TRY(read_extents(file, "predictions/logits", logits));
    SNN_TRY(read_extents(file, "predictions/snn", snn));
    const int64_t images[] = {(int64_t)snn[0]};
    const bool trained = H5Lexists(file, "predictions/ann", H5P_DEFAULT) > 0;
    *classes = (int32_t)logits[1];
    read->images = images[0];
    read->label = snn_allocate(snn[0], sizeof *read->label);
    read->spiking = snn_allocate(snn[0], sizeof *read->spiking);
    read->trained = trained ? snn_allocate(snn[0], sizeof *read->trained) : NULL;
    if (read->label == NULL || read->spiking == NULL || (trained && read->trained == NULL)) {
        return snn_out_of_memory("report");
    }
    SNN_TRY(snn_hdf5_read_array(file, "predictions/label", H5T_NATIVE_INT32, 1, images, read->label));
    SNN_TRY(check_answers(file, "predictions/label", read->label, images[0], *classes));
    SNN_TRY(read_last_column(file, "predictions/snn", snn, read->spiking));
    SNN_TRY(check_answers(file, "predictions/snn", read->spiking, images[0], *classes));
    if (!trained) {
        return snn_ok();
    }
    SNN_TRY(snn_hdf5_read_array(file, "predictions/ann", H5T_NATIVE_INT32, 1, images, read->trained));
    return check_answers(file, "predictions/ann", read->trained, images[0], *classes);
}

/* Names are the test set's, of fixed or variable length; the class's number does where there is none. */
static snn_status read_names(hid_t file, snn_report_classes *classes)
{
    static const char name[] = "predictions/label_names";
    if (H5Lexists(file, name, H5P_DEFAULT) <= 0) {
        return snn_ok();
    }
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), type = H5Tcopy(H5T_C_S1);
    hid_t space = dataset < 0 ? H5I_INVALID_HID : H5Dget_space(dataset);
    hid_t stored = dataset < 0 ? H5I_INVALID_HID : H5Dget_type(dataset);
    const hssize_t count = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    char *fixed = NULL, **texts = NULL;
    snn_status status = snn_ok();
    if (count < 0 || stored < 0 || type < 0) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, file, name, "cannot read");
        goto done;
    }
    const bool variable = H5Tis_variable_str(stored) > 0;
    const size_t length = variable ? 0 : H5Tget_size(stored) + 1; /* with an end, whatever it is padded with */
    fixed = variable ? NULL : snn_allocate((size_t)count, length);
    texts = variable ? snn_allocate((size_t)count, sizeof *texts) : NULL;
    if (fixed == NULL && texts == NULL) {
        status = snn_out_of_memory("names of classes");
        goto done;
    }
    if (H5Tset_size(type, variable ? H5T_VARIABLE : length) < 0 || H5Tset_cset(type, H5Tget_cset(stored)) < 0 ||
        H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, variable ? (void *)texts : (void *)fixed) < 0) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, file, name, "cannot read");
        goto done;
    }
    for (hssize_t i = 0; i < count && i < classes->count && !snn_failed(status); i++) {
        const char *text = variable ? texts[i] : fixed + (size_t)i * length;
        if (text != NULL && text[0] != '\0') {
            const size_t size = strlen(text) + 1;
            classes->classes[i].name = snn_allocate(size, 1);
            if (classes->classes[i].name == NULL) {
                status = snn_out_of_memory("names of classes");
                break;
            }
            memcpy(classes->classes[i].name, text, size);
        }
    }
    if (variable) {
        (void)H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
    }
done:
    snn_release(fixed);
    snn_release(texts);
    snn_hdf5_close(type);
    snn_hdf5_close(stored);
    snn_hdf5_close(space);
    snn_hdf5_close(dataset);
    return status;
}

/* ---- counting ---- */

static void count_classes(const answers *read, snn_report_classes *classes)
{
    for (int64_t i = 0; i < read->images; i++) {
        snn_report_class *of = &classes->classes[read->label[i]];
        const bool right = read->spiking[i] == read->label[i];
        of->images++;
        of->correct += right;
        if (read->trained != NULL) {
            const bool was_right = read->trained[i] == read->label[i];
            const bool same = read->spiking[i] == read->trained[i];
            of->trained_correct += was_right;
            classes->same += same;
            classes->lost += was_right && !right;
            classes->won += right && !was_right;
            classes->astray += !same && !right && !was_right;
        }
    }
}

static int by_pair(const void *a, const void *b)
{
    const snn_report_confusion *left = a, *right = b;
    if (left->label != right->label) {
        return left->label < right->label ? -1 : 1;
    }
    return (left->answer > right->answer) - (left->answer < right->answer);
}

static int by_difference(const void *a, const void *b)
{
    const snn_report_confusion *left = a, *right = b;
    const int64_t one = llabs(left->spiking - left->trained), other = llabs(right->spiking - right->trained);
    return one != other ? (one < other ? 1 : -1) : by_pair(a, b);
}

/* A row for each wrong answer, sorted and added up: the number of pairs of a thousand classes does not matter. */
static snn_status count_confusions(const answers *read, snn_report_classes *classes)
{
    snn_report_confusion *rows = snn_allocate(2 * (size_t)read->images, sizeof *rows);
    int64_t count = 0, kept = 0;
    if (rows == NULL) {
        return snn_out_of_memory("confusions");
    }
    for (int64_t i = 0; i < read->images; i++) {
        if (read->spiking[i] != read->label[i]) {
            rows[count++] = (snn_report_confusion){read->label[i], read->spiking[i], 1, 0};
        }
        if (read->trained[i] != read->label[i]) {
            rows[count++] = (snn_report_confusion){read->label[i], read->trained[i], 0, 1};
        }
    }
    qsort(rows, (size_t)count, sizeof *rows, by_pair);
    for (int64_t i = 0; i < count;) {
        snn_report_confusion sum = {rows[i].label, rows[i].answer, 0, 0};
        for (; i < count && rows[i].label == sum.label && rows[i].answer == sum.answer; i++) {
            sum.spiking += rows[i].spiking;
            sum.trained += rows[i].trained;
        }
        if (sum.spiking != sum.trained) {
            rows[kept++] = sum;
        }
    }
    qsort(rows, (size_t)kept, sizeof *rows, by_difference);
    classes->confusions = rows;
    classes->confusion_count = kept;
    return snn_ok();
}

snn_status snn_report_classes_read(const char *path, snn_report_classes *classes)
{
    hid_t file;
    answers read = {0, NULL, NULL, NULL};
    *classes = (snn_report_classes){0};
    SNN_TRY(snn_sealed_open(path, SNN_FILE_OUTPUT, false, &file));
    snn_status status;
    SNN_GOTO_DONE(status, read_answers(file, &read, &classes->count));
    classes->classes = snn_allocate((size_t)classes->count, sizeof *classes->classes);
    SNN_GOTO_DONE(status, classes->classes == NULL ? snn_out_of_memory("classes") : snn_ok());
    SNN_GOTO_DONE(status, read_names(file, classes));
    count_classes(&read, classes);
    classes->trained = read.trained != NULL;
    status = classes->trained ? count_confusions(&read, classes) : snn_ok();
done:
    snn_release(read.label);
    snn_release(read.spiking);
    snn_release(read.trained);
    snn_hdf5_close(file);
    return status;
}

void snn_report_classes_clear(snn_report_classes *classes)
{
    for (int32_t i = 0; classes->classes != NULL && i < classes->count; i++) {
        snn_release(classes->classes[i].name);
    }
    snn_release(classes->classes);
    snn_release(classes->confusions);
    *classes = (snn_report_classes){0};
}
