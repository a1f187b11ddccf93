#define _XOPEN_SOURCE 700 /* realpath */
#include "io/onnx/onnx_external.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/base/memory.h"
#include "io/onnx/onnx.h"
#include "io/onnx/onnx_wire.h"

snn_status snn_onnx_files_init(const char *model_path, snn_onnx_files *files)
{
    memset(files, 0, sizeof *files);
    const char *slash = strrchr(model_path, '/');
    char *folder = snn_duplicate_text(slash == NULL ? "." : model_path);
    if (folder == NULL) {
        return snn_out_of_memory("a folder's name");
    }
    if (slash != NULL) {
        folder[slash == model_path ? 1 : slash - model_path] = '\0';
    }
    char resolved[PATH_MAX];
    const bool found = realpath(folder, resolved) != NULL;
    snn_release(folder);
    if (!found) {
        return snn_fail(SNN_INPUT_ERROR, "the model's folder: %s", strerror(errno));
    }
    files->folder = snn_duplicate_text(resolved);
    return files->folder == NULL ? snn_out_of_memory("a folder's name") : snn_ok();
}

void snn_onnx_files_clear(snn_onnx_files *files)
{
    for (int32_t i = 0; i < files->count; i++) {
        snn_release(files->locations[i]);
        if (files->mappings != NULL) {
            snn_mapping_close(&files->mappings[i]);
        }
    }
    snn_release(files->locations);
    snn_release(files->mappings);
    snn_release(files->folder);
    memset(files, 0, sizeof *files);
}

snn_mapping *snn_onnx_files_take(snn_onnx_files *files, int32_t *count)
{
    snn_mapping *taken = files->mappings;
    *count = files->count;
    files->mappings = NULL;
    return taken;
}

bool snn_onnx_is_external(const Onnx__TensorProto *tensor)
{
    return tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL || tensor->n_external_data > 0;
}

/* The entry of that name, or NULL. */
static const char *entry_of(const Onnx__TensorProto *tensor, const char *key)
{
    for (size_t i = 0; i < tensor->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = tensor->external_data[i];
        if (entry->key != NULL && entry->value != NULL && strcmp(entry->key, key) == 0) {
            return entry->value;
        }
    }
    return NULL;
}

/* A count of bytes, of digits only; `fallback` where the model gives none. */
static snn_status read_count(const Onnx__TensorProto *tensor, const char *key, uint64_t fallback, uint64_t *count)
{
    const char *text = entry_of(tensor, key);
    *count = fallback;
    if (text == NULL) {
        return snn_ok();
    }
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        return snn_fail(SNN_INPUT_ERROR,
                        "its %s in the data file is '%s', expected a number of bytes; export the model again", key,
                        text);
    }
    *count = value;
    return snn_ok();
}

/* Whether a path leads out of where it begins, as it is written. */
static bool leaves_folder(const char *path)
{
    if (path[0] == '/') {
        return true;
    }
    for (const char *part = path; *part != '\0';) {
        const size_t length = strcspn(part, "/");
        if (length == 2 && part[0] == '.' && part[1] == '.') {
            return true;
        }
        part += length + (part[length] == '/');
    }
    return false;
}

/* The file of that name below the model's folder, without symbolic links; `resolved` holds PATH_MAX bytes. */
static snn_status resolve(const snn_onnx_files *files, const char *location, char *resolved)
{
    if (location == NULL || location[0] == '\0') {
        return snn_fail(SNN_INPUT_ERROR, "its data is in another file, which has no name; export the model again");
    }
    if (leaves_folder(location)) {
        return snn_fail(SNN_INPUT_ERROR,
                        "data file %s: outside of the model's folder: refused; copy it beside the model", location);
    }
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s/%s", files->folder, location);
    if (length < 0 || (size_t)length >= sizeof path) {
        return snn_fail(SNN_INPUT_ERROR, "data file %.100s...: the path is too long; give it a shorter name", location);
    }
    if (realpath(path, resolved) == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "data file %s, expected in %s: %s; copy it beside the model", location,
                        files->folder, strerror(errno));
    }
    const size_t folder = strcmp(files->folder, "/") == 0 ? 0 : strlen(files->folder);
    if (strncmp(resolved, files->folder, folder) != 0 || resolved[folder] != '/') {
        return snn_fail(SNN_INPUT_ERROR,
                        "data file %s: a link to %s, outside of the model's folder: refused; copy it beside the model",
                        location, resolved);
    }
    return snn_ok();
}

static snn_status add_file(snn_onnx_files *files, const char *location, const snn_mapping *mapping)
{
    const size_t count = (size_t)files->count;
    if (!snn_grow(&files->locations, count, &files->location_room, sizeof *files->locations) ||
        !snn_grow(&files->mappings, count, &files->mapping_room, sizeof *files->mappings)) {
        return snn_out_of_memory("data files of a model");
    }
    files->locations[count] = snn_duplicate_text(location);
    if (files->locations[count] == NULL) {
        return snn_out_of_memory("name of a data file");
    }
    files->mappings[count] = *mapping;
    files->count++;
    return snn_ok();
}

static snn_status find_file(snn_onnx_files *files, const char *location, const snn_mapping **found)
{
    for (int32_t i = files->count - 1; location != NULL && i >= 0; i--) { /* mostly the last one again */
        if (strcmp(files->locations[i], location) == 0) {
            *found = &files->mappings[i];
            return snn_ok();
        }
    }
    char resolved[PATH_MAX];
    snn_mapping mapping;
    SNN_TRY(resolve(files, location, resolved));
    SNN_TRY_CONTEXT(snn_mapping_open(resolved, &mapping), "data file %s", location);
    snn_status status = add_file(files, location, &mapping);
    if (snn_failed(status)) {
        snn_mapping_close(&mapping);
        return status;
    }
    *found = &files->mappings[files->count - 1];
    return snn_ok();
}

snn_status snn_onnx_external_data(snn_onnx_files *files, const Onnx__TensorProto *tensor, size_t bytes,
                                  const uint8_t **data, size_t *room)
{
    const char *location = entry_of(tensor, "location");
    const snn_mapping *file = NULL;
    uint64_t offset = 0, length = 0;
    SNN_TRY(read_count(tensor, "offset", 0, &offset));
    SNN_TRY(read_count(tensor, "length", bytes, &length));
    if (length != bytes) {
        return snn_fail(SNN_INPUT_ERROR, "data file %s: %" PRIu64 " bytes for a tensor of %zu; export the model again",
                        location == NULL ? "" : location, length, bytes);
    }
    SNN_TRY(find_file(files, location, &file));
    if (offset > file->size || bytes > file->size - offset) {
        return snn_fail(SNN_INPUT_ERROR,
                        "data file %s: %zu bytes, the tensor's %zu begin at %" PRIu64
                        ": truncated, or of another model; copy it again",
                        location, file->size, bytes, offset);
    }
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *data = (const uint8_t *)file->bytes + offset;
    *room = (file->size + page - 1) / page * page - offset;
    return snn_ok();
}

/* Maps the files of all initializers. Tensors in nodes' attributes are small, and stay in the model. */
static snn_status find_files(const Onnx__ModelProto *model, snn_onnx_files *files)
{
    const snn_mapping *unused = NULL;
    for (size_t i = 0; model->graph != NULL && i < model->graph->n_initializer; i++) {
        const Onnx__TensorProto *tensor = model->graph->initializer[i];
        if (snn_onnx_is_external(tensor)) {
            SNN_TRY_CONTEXT(find_file(files, entry_of(tensor, "location"), &unused), "tensor %s",
                            tensor->name == NULL ? "" : tensor->name);
        }
    }
    return snn_ok();
}

snn_status snn_onnx_hash(const char *path, uint64_t *hash, int64_t *bytes)
{
    uint8_t *loaded = NULL;
    size_t count = 0;
    Onnx__ModelProto *model = NULL;
    snn_onnx_files files;
    memset(&files, 0, sizeof files);
    SNN_TRY(snn_onnx_load(path, &loaded, &count));
    *hash = XXH3_64bits(loaded, count); /* as snn_file_hash */
    *bytes = (int64_t)count;
    snn_status status = snn_onnx_unpack(loaded, count, &model);
    snn_release(loaded);
    SNN_GOTO_DONE(status, status);
    SNN_GOTO_DONE(status, snn_onnx_files_init(path, &files));
    SNN_GOTO_DONE(status, find_files(model, &files));
    for (int32_t i = 0; i < files.count; i++) {
        *hash = XXH3_64bits_withSeed(files.mappings[i].bytes, files.mappings[i].size, *hash);
        *bytes += (int64_t)files.mappings[i].size;
    }
done:
    if (model != NULL) {
        onnx__model_proto__free_unpacked(model, NULL);
    }
    snn_onnx_files_clear(&files);
    return snn_context(status, "%s", path);
}
