/* Comparison of two outputs: both trees are walked together in the order of names. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "io/hdf5/diff_values.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/output.h"
#include "io/hdf5/sealed.h"

enum { NAME_BYTES = 512, PATH_BYTES = 1024 };

/* What may differ between runs with the same results. */
static const char *const LEFT_OUT[] = {"/timers", "/communication", "/provenance", "/config"};

/* ---- names ---- */

/* Members of a group, or attributes of an object, in the order of names. */
struct names {
    hid_t object;
    bool attributes;
    hsize_t count, next;
    char name[NAME_BYTES]; /* of `next`; "" at the end */
};

static snn_status advance(struct names *names)
{
    ssize_t length;
    names->name[0] = '\0';
    if (names->next >= names->count) {
        return snn_ok();
    }
    if (names->attributes) {
        length = H5Aget_name_by_idx(names->object, ".", H5_INDEX_NAME, H5_ITER_INC, names->next, names->name,
                                    sizeof names->name, H5P_DEFAULT);
    } else {
        length = H5Lget_name_by_idx(names->object, ".", H5_INDEX_NAME, H5_ITER_INC, names->next, names->name,
                                    sizeof names->name, H5P_DEFAULT);
    }
    if (length <= 0 || length >= NAME_BYTES) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, names->object, NULL, "cannot list its members");
    }
    names->next++;
    return snn_ok();
}

static snn_status begin_names(hid_t object, bool attributes, struct names *names)
{
    H5G_info_t information = {.nlinks = 0};
    int count = 0;
    herr_t result;
    if (attributes) {
        result = count = H5Aget_num_attrs(object);
    } else {
        result = H5Gget_info(object, &information);
    }
    if (result < 0) {
        return snn_hdf5_failure(SNN_INPUT_ERROR, object, NULL, "cannot count its members");
    }
    names->object = object;
    names->attributes = attributes;
    names->count = attributes ? (hsize_t)count : information.nlinks;
    names->next = 0;
    return advance(names);
}

static bool left_out(const char *path)
{
    for (size_t i = 0; i < sizeof LEFT_OUT / sizeof LEFT_OUT[0]; i++) {
        if (strcmp(path, LEFT_OUT[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- the walk ---- */

/* What to do with a name that both have. */
typedef snn_status (*visitor)(snn_comparison *comparison, const char *path, const char *name, hid_t a, hid_t b);

/* Visits the names that both have and reports those that only one has. */
static snn_status merge(snn_comparison *comparison, const char *path, hid_t a, hid_t b, bool attributes, visitor visit)
{
    struct names left;
    struct names right;
    SNN_TRY(begin_names(a, attributes, &left));
    SNN_TRY(begin_names(b, attributes, &right));
    while (left.name[0] != '\0' || right.name[0] != '\0') {
        char member[PATH_BYTES];
        int order = strcmp(left.name, right.name);
        if (left.name[0] == '\0' || right.name[0] == '\0') {
            order = left.name[0] == '\0' ? 1 : -1;
        }
        const char *name = order <= 0 ? left.name : right.name;
        (void)snprintf(member, sizeof member, "%s%s%s", path, attributes ? "@" : "/", name);
        if (left_out(member)) {
            /* may differ, and may be missing */
        } else if (order == 0) {
            SNN_TRY(visit(comparison, member, name, a, b));
        } else {
            snn_comparison_report(comparison, "%s: only in %s", member, comparison->file[order < 0 ? 0 : 1]);
        }
        if (order <= 0) {
            SNN_TRY(advance(&left));
        }
        if (order >= 0) {
            SNN_TRY(advance(&right));
        }
    }
    return snn_ok();
}

static snn_status visit_attribute(snn_comparison *comparison, const char *path, const char *name, hid_t a, hid_t b)
{
    snn_status status;
    hid_t left = H5Aopen(a, name, H5P_DEFAULT);
    hid_t right = H5Aopen(b, name, H5P_DEFAULT);
    if (left < 0 || right < 0) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, a, name, "attribute cannot be read");
    } else {
        status = snn_comparison_values(comparison, path, left, right, true);
    }
    snn_hdf5_close(left);
    snn_hdf5_close(right);
    return status;
}

static snn_status visit_member(snn_comparison *comparison, const char *path, const char *name, hid_t a, hid_t b);

static snn_status compare_objects(snn_comparison *comparison, const char *path, hid_t a, hid_t b)
{
    const H5I_type_t kinds[2] = {H5Iget_type(a), H5Iget_type(b)};
    if (kinds[0] != kinds[1]) {
        snn_comparison_report(comparison, "%s: a group in one file, not in the other", path);
        return snn_ok();
    }
    SNN_TRY(merge(comparison, path, a, b, true, visit_attribute));
    if (kinds[0] == H5I_DATASET) {
        return snn_comparison_values(comparison, path, a, b, false);
    }
    return merge(comparison, path, a, b, false, visit_member);
}

static snn_status visit_member(snn_comparison *comparison, const char *path, const char *name, hid_t a, hid_t b)
{
    snn_status status;
    hid_t left = H5Oopen(a, name, H5P_DEFAULT);
    hid_t right = H5Oopen(b, name, H5P_DEFAULT);
    if (left < 0 || right < 0) {
        status = snn_hdf5_failure(SNN_INPUT_ERROR, a, name, "cannot be opened");
    } else {
        status = compare_objects(comparison, path, left, right);
    }
    snn_hdf5_close(left);
    snn_hdf5_close(right);
    return status;
}

static snn_status compare_files(snn_comparison *comparison)
{
    hid_t files[2] = {H5I_INVALID_HID, H5I_INVALID_HID};
    hid_t roots[2] = {H5I_INVALID_HID, H5I_INVALID_HID};
    snn_status status;
    for (int i = 0; i < 2; i++) {
        SNN_GOTO_DONE(status, snn_sealed_open(comparison->file[i], SNN_FILE_OUTPUT, true, &files[i]));
        SNN_GOTO_DONE(status, snn_hdf5_open_group(files[i], "/", &roots[i]));
    }
    status = compare_objects(comparison, "", roots[0], roots[1]);
done:
    for (int i = 0; i < 2; i++) {
        snn_hdf5_close(roots[i]);
        snn_hdf5_close(files[i]);
    }
    return status;
}

snn_status snn_output_diff(const char *a, const char *b, void (*report)(void *context, const char *line), void *context,
                           int64_t *differences)
{
    snn_comparison comparison = {.file = {a, b}, .report = report, .context = context};
    snn_status status = compare_files(&comparison);
    *differences = comparison.differences;
    SNN_TRY(status);
    if (comparison.differences == 0) {
        return snn_ok();
    }
    return snn_fail(SNN_CHECK_FAILED, "%" PRId64 " difference%s, the first: %s", comparison.differences,
                    comparison.differences == 1 ? "" : "s", comparison.first);
}
