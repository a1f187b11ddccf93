#include "io/hdf5/diff_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/hdf5/hdf5_helpers.h"
#include "io/hdf5/sealed.h"

enum { SENTENCE_BYTES = 1024, NAME_BYTES = 512, PIECE_ELEMENTS = 1 << 17 };

typedef struct explanation {
    const hid_t *files;
    const char *const *names;
    void (*say)(void *context, const char *sentence);
    void *context;
} explanation;

static void say(const explanation *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const explanation *to, const char *format, ...)
{
    char sentence[SENTENCE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    to->say(to->context, sentence);
}

/* ---- settings ---- */

/* A line "key = value" of the effective configuration, in a section "[name]". */
typedef struct setting {
    const char *section, *key, *value, *next; /* `next`: the line after it; NULL section: no more */
    size_t section_length, key_length, value_length;
} setting;

static bool is_name(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && strncmp(text, name, length) == 0;
}

/* Settings that have no part in results. */
static bool is_without_effect(const setting *at)
{
    static const char *const sections[] = {"parallel", "comm", "output", "checkpoint"};
    static const char *const simulation[] = {"batch", "block"};
    bool found = false;
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        found = found || is_name(at->section, at->section_length, sections[i]);
    }
    for (size_t i = 0; i < sizeof simulation / sizeof simulation[0]; i++) {
        found = found || (is_name(at->section, at->section_length, "simulation") &&
                          is_name(at->key, at->key_length, simulation[i]));
    }
    return found;
}

static setting next_setting(const char *line, const char *section, size_t section_length)
{
    while (*line != '\0') {
        const size_t length = strcspn(line, "\n");
        const char *next = line + length + (line[length] == '\n');
        const char *equals = memchr(line, '=', length);
        if (line[0] == '[') {
            section = line + 1;
            section_length = strcspn(section, "]\n");
        } else if (section != NULL && equals != NULL && equals - line > 1 && equals + 2 <= line + length) {
            return (setting){section,
                             line,
                             equals + 2,
                             next,
                             section_length,
                             (size_t)(equals - line) - 1,
                             (size_t)(line + length - equals) - 2};
        }
        line = next;
    }
    return (setting){.next = line};
}

static setting find_setting(const char *text, const setting *like)
{
    setting at = next_setting(text, NULL, 0);
    while (at.section != NULL && (at.section_length != like->section_length || at.key_length != like->key_length ||
                                  strncmp(at.section, like->section, at.section_length) != 0 ||
                                  strncmp(at.key, like->key, at.key_length) != 0)) {
        at = next_setting(at.next, at.section, at.section_length);
    }
    return at;
}

/* Settings of one text that are another in the other; `missing`: only those that the other lacks. */
static void compare_settings(const explanation *to, char *const texts[2], int own, bool missing)
{
    setting at = next_setting(texts[own], NULL, 0);
    for (; at.section != NULL; at = next_setting(at.next, at.section, at.section_length)) {
        const setting other = find_setting(texts[1 - own], &at);
        const bool path = at.value[0] == '"' && memchr(at.value, '/', at.value_length) != NULL; /* hashes tell */
        if (is_without_effect(&at) || path) {
            continue;
        }
        if (other.section == NULL) {
            say(to, "%.*s.%.*s is %.*s in %s and not set in %s", (int)at.section_length, at.section, (int)at.key_length,
                at.key, (int)at.value_length, at.value, to->names[own], to->names[1 - own]);
        } else if (!missing &&
                   (at.value_length != other.value_length || strncmp(at.value, other.value, at.value_length) != 0)) {
            say(to, "%.*s.%.*s is %.*s in %s and %.*s in %s", (int)at.section_length, at.section, (int)at.key_length,
                at.key, (int)at.value_length, at.value, to->names[own], (int)other.value_length, other.value,
                to->names[1 - own]);
        }
    }
}

static void explain_settings(const explanation *to)
{
    char *texts[2] = {NULL, NULL};
    const bool both = !snn_failed(snn_hdf5_read_text(to->files[0], "config", &texts[0])) &&
                      !snn_failed(snn_hdf5_read_text(to->files[1], "config", &texts[1]));
    if (both) {
        compare_settings(to, texts, 0, false);
        compare_settings(to, texts, 1, true);
    }
    snn_release(texts[0]);
    snn_release(texts[1]);
}

static void explain_origin(const explanation *to)
{
    static const struct {
        const char *name, *what;
    } hashes[] = {{"provenance/model_hash", "the models are not the same file"},
                  {"provenance/calibration_hash", "the calibration data are not the same"},
                  {"provenance/network_hash", "the converted networks are not the same"},
                  {"provenance/data_hash", "the test data are not the same"}};
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        uint64_t values[2];
        bool both = true;
        for (int side = 0; side < 2; side++) {
            both = both && H5Lexists(to->files[side], "provenance", H5P_DEFAULT) > 0 &&
                   H5Lexists(to->files[side], hashes[i].name, H5P_DEFAULT) > 0 &&
                   !snn_failed(
                       snn_hdf5_read_array(to->files[side], hashes[i].name, H5T_NATIVE_UINT64, 0, NULL, &values[side]));
        }
        if (both && values[0] != values[1]) {
            say(to, "%s (%s)", hashes[i].what, hashes[i].name);
        }
    }
}

/* ---- arrays that both have ---- */

/* The dimensions of `name`, if both files have it with the same ones, `rank` of them. */
static bool same_dims(const explanation *to, const char *name, int rank, int64_t *dims)
{
    hsize_t extents[2][H5S_MAX_RANK] = {{0}};
    bool same = true;
    for (int side = 0; side < 2 && same; side++) {
        hid_t dataset = H5Dopen2(to->files[side], name, H5P_DEFAULT);
        hid_t space = dataset < 0 ? H5I_INVALID_HID : H5Dget_space(dataset);
        same = space >= 0 && H5Sget_simple_extent_ndims(space) == rank &&
               H5Sget_simple_extent_dims(space, extents[side], NULL) == rank;
        snn_hdf5_close(space);
        snn_hdf5_close(dataset);
    }
    for (int i = 0; i < rank && same; i++) {
        same = extents[0][i] == extents[1][i] && extents[0][i] > 0;
        dims[i] = (int64_t)extents[0][i];
    }
    return same;
}

/* ---- layers ---- */

/* The group of the layer that comes first in the network, behind `after`; its number, or -1. */
static long next_layer(hid_t layers, long after, char *name)
{
    H5G_info_t information;
    long first = -1;
    if (H5Gget_info(layers, &information) < 0) {
        return -1;
    }
    for (hsize_t i = 0; i < information.nlinks; i++) {
        char candidate[NAME_BYTES];
        char *end = NULL;
        if (H5Lget_name_by_idx(layers, ".", H5_INDEX_NAME, H5_ITER_INC, i, candidate, sizeof candidate, H5P_DEFAULT) <
            0) {
            return -1;
        }
        const long number = strtol(candidate, &end, 10);
        if (end != candidate && *end == '_' && number > after && (first < 0 || number < first)) {
            first = number;
            (void)snprintf(name, NAME_BYTES, "%s", candidate);
        }
    }
    return first;
}

/* Whether the layer's neurons fired otherwise, and says so. */
static snn_status explain_layer(const explanation *to, const char *layer, bool *differs)
{
    char name[NAME_BYTES + 32];
    int64_t dims[1];
    int64_t *counts[2] = {NULL, NULL};
    snn_status status = snn_ok();
    (void)snprintf(name, sizeof name, "layers/%s/channel_spikes", layer);
    if (!same_dims(to, name, 1, dims)) {
        say(to, "layer %s is not in both with the same channels", layer);
        *differs = true;
        return snn_ok();
    }
    for (int side = 0; side < 2; side++) {
        counts[side] = snn_allocate((size_t)dims[0], sizeof *counts[side]);
        SNN_GOTO_DONE(status, counts[side] == NULL ? snn_out_of_memory("comparison") : snn_ok());
        SNN_GOTO_DONE(status, snn_hdf5_read_array(to->files[side], name, H5T_NATIVE_INT64, 1, dims, counts[side]));
    }
    int64_t other = 0, first = -1;
    for (int64_t c = 0; c < dims[0]; c++) {
        first = first < 0 && counts[0][c] != counts[1][c] ? c : first;
        other += counts[0][c] != counts[1][c];
    }
    *differs = other > 0;
    if (*differs) {
        say(to,
            "the first layer whose neurons fired otherwise is %s: in channel %" PRId64 " %" PRId64 " spikes in %s and "
            "%" PRId64 " in %s (%" PRId64 " of %" PRId64 " channels differ)",
            layer, first, counts[0][first], to->names[0], counts[1][first], to->names[1], other, dims[0]);
    }
done:
    snn_release(counts[0]);
    snn_release(counts[1]);
    return status;
}

static snn_status explain_layers(const explanation *to)
{
    hid_t layers;
    char name[NAME_BYTES];
    bool differs = false;
    if (H5Lexists(to->files[0], "layers", H5P_DEFAULT) <= 0 || H5Lexists(to->files[1], "layers", H5P_DEFAULT) <= 0) {
        return snn_ok();
    }
    SNN_TRY(snn_hdf5_open_group(to->files[0], "layers", &layers));
    snn_status status = snn_ok();
    long number = next_layer(layers, -1, name);
    for (; number >= 0 && !differs && !snn_failed(status); number = next_layer(layers, number, name)) {
        status = explain_layer(to, name, &differs);
    }
    snn_hdf5_close(layers);
    return status;
}

/* ---- answers ---- */

/* What an image's rows differ in: the first timestep, and what was answered there. */
static void say_image(const explanation *to, int64_t image, int64_t timestep, const int32_t answers[2], int64_t images)
{
    say(to,
        "the first image with another answer is number %" PRId64 " (from 0, of %" PRId64 "): after timestep %" PRId64
        " class %" PRId32 " in %s and class %" PRId32 " in %s",
        image, images, timestep + 1, answers[0], to->names[0], answers[1], to->names[1]);
}

static snn_status explain_answers(const explanation *to)
{
    static const char name[] = "predictions/snn";
    int64_t dims[2];
    int32_t *rows[2] = {NULL, NULL};
    snn_status status = snn_ok();
    if (H5Lexists(to->files[0], "predictions", H5P_DEFAULT) <= 0 || !same_dims(to, name, 2, dims)) {
        return snn_ok();
    }
    const int64_t at_once = PIECE_ELEMENTS / dims[1] > 0 ? PIECE_ELEMENTS / dims[1] : 1;
    for (int side = 0; side < 2; side++) {
        rows[side] = snn_allocate((size_t)(at_once * dims[1]), sizeof *rows[side]);
        SNN_GOTO_DONE(status, rows[side] == NULL ? snn_out_of_memory("comparison") : snn_ok());
    }
    for (int64_t begin = 0; begin < dims[0]; begin += at_once) {
        const int64_t end = begin + at_once < dims[0] ? begin + at_once : dims[0];
        for (int side = 0; side < 2; side++) {
            SNN_GOTO_DONE(status,
                          snn_hdf5_read_rows(to->files[side], name, H5T_NATIVE_INT32, 2, dims, begin, end, rows[side]));
        }
        for (int64_t i = 0; i < (end - begin) * dims[1]; i++) {
            if (rows[0][i] != rows[1][i]) {
                say_image(to, begin + i / dims[1], i % dims[1], (const int32_t[2]){rows[0][i], rows[1][i]}, dims[0]);
                goto done;
            }
        }
    }
    say(to, "all images have the same answers after all timesteps");
done:
    snn_release(rows[0]);
    snn_release(rows[1]);
    return status;
}

snn_status snn_output_explain(const char *a, const char *b, void (*say_it)(void *context, const char *sentence),
                              void *context)
{
    const char *const names[2] = {a, b};
    hid_t files[2] = {H5I_INVALID_HID, H5I_INVALID_HID};
    const explanation to = {files, names, say_it, context};
    snn_status status;
    for (int side = 0; side < 2; side++) {
        SNN_GOTO_DONE(status, snn_sealed_open(names[side], SNN_FILE_OUTPUT, false, &files[side]));
    }
    explain_settings(&to);
    explain_origin(&to);
    SNN_GOTO_DONE(status, explain_layers(&to));
    status = explain_answers(&to);
done:
    snn_hdf5_close(files[0]);
    snn_hdf5_close(files[1]);
    return status;
}
