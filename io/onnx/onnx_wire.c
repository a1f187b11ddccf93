#include "io/onnx/onnx_wire.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "core/base/memory.h"
#include "io/onnx/onnx.h"

enum {
    MAX_DEPTH = 100, /* messages within messages: protobuf's own limit in other languages */
    CHUNK_BYTES = 1 << 20
};

/* The wire types of protobuf that ONNX uses; 3 and 4 were groups. */
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

static snn_status open_regular(const char *path, FILE **file, size_t *bytes)
{
    *file = NULL;
    struct stat about;
    if (stat(path, &about) != 0) {
        return snn_fail(SNN_INPUT_ERROR, "%s: cannot open: %s", path, strerror(errno));
    }
    if (!S_ISREG(about.st_mode)) {
        return snn_fail(SNN_INPUT_ERROR, "%s: %s, expected a file", path,
                        S_ISDIR(about.st_mode) ? "a directory" : "not a regular file");
    }
    *file = fopen(path, "rb");
    if (*file == NULL) {
        return snn_fail(SNN_INPUT_ERROR, "%s: cannot open: %s", path, strerror(errno));
    }
    *bytes = (size_t)about.st_size;
    return snn_ok();
}

snn_status snn_onnx_load(const char *path, uint8_t **bytes, size_t *count)
{
    *bytes = NULL;
    *count = 0;
    FILE *file = NULL;
    size_t size = 0;
    SNN_TRY(open_regular(path, &file, &size));
    snn_status status = snn_ok();
    uint8_t *read = NULL;
    if (size == 0) {
        status = snn_fail(SNN_INPUT_ERROR, "%s: the file is empty; export or copy it again", path);
        goto done;
    }
    if (size > INT32_MAX) {
        status =
            snn_fail(SNN_INPUT_ERROR,
                     "%s: %zu bytes, an ONNX file has less than 2 GiB; save it with its weights in a file beside it",
                     path, size);
        goto done;
    }
    read = snn_allocate(size, 1);
    if (read == NULL) {
        status = snn_out_of_memory(path);
        goto done;
    }
    if (fread(read, 1, size, file) != size) {
        status = snn_fail(SNN_FILE_ERROR, "%s: cannot read its %zu bytes", path, size);
        goto done;
    }
    *bytes = read;
    *count = size;
    read = NULL;
done:
    snn_release(read);
    (void)fclose(file); /* only read from: nothing can be lost */
    return status;
}

snn_status snn_file_hash(const char *path, uint64_t *hash, int64_t *bytes)
{
    *hash = 0;
    *bytes = 0;
    FILE *file = NULL;
    size_t size = 0;
    SNN_TRY(open_regular(path, &file, &size));
    snn_status status = snn_ok();
    XXH3_state_t *state = XXH3_createState();
    uint8_t *chunk = snn_allocate(CHUNK_BYTES, 1);
    if (state == NULL || chunk == NULL || XXH3_64bits_reset(state) != XXH_OK) {
        status = snn_out_of_memory("hash of a file");
        goto done;
    }
    int64_t total = 0;
    for (size_t got = CHUNK_BYTES; got == CHUNK_BYTES; total += (int64_t)got) {
        got = fread(chunk, 1, CHUNK_BYTES, file);
        (void)XXH3_64bits_update(state, chunk, got); /* fails for NULL only */
    }
    if (ferror(file) != 0) {
        status = snn_fail(SNN_FILE_ERROR, "%s: cannot read beyond byte %lld", path, (long long)total);
        goto done;
    }
    *hash = XXH3_64bits_digest(state);
    *bytes = total;
done:
    snn_release(chunk);
    (void)XXH3_freeState(state);
    (void)fclose(file);
    return status;
}

/* A position in the file; `end` is that of the message being looked at. */
typedef struct wire_cursor {
    const uint8_t *bytes;
    size_t at, end;
} wire_cursor;

static bool read_varint(wire_cursor *cursor, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
        uint8_t byte = cursor->bytes[cursor->at++];
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            return true;
        }
    }
    return false;
}

/* Reads a field's header: its number and how many bytes follow. */
static bool read_field(wire_cursor *cursor, uint32_t *number, unsigned *wire, size_t *length)
{
    uint64_t tag = 0;
    uint64_t value = 0;
    if (!read_varint(cursor, &tag) || tag > UINT32_MAX || tag >> 3 == 0) {
        return false;
    }
    *number = (uint32_t)(tag >> 3);
    *wire = (unsigned)(tag & 7);
    switch (*wire) {
    case WIRE_VARINT:
        *length = 0;
        return read_varint(cursor, &value);
    case WIRE_FIXED64:
        *length = 8;
        break;
    case WIRE_FIXED32:
        *length = 4;
        break;
    case WIRE_BYTES:
        if (!read_varint(cursor, &value) || value > SIZE_MAX) {
            return false;
        }
        *length = (size_t)value;
        break;
    default:
        return false;
    }
    return *length <= cursor->end - cursor->at;
}

/* Walks the fields of one message and of those within it. protobuf-c unpacks messages by unbounded recursion, so a
 * small hostile file could exhaust the stack; this bounds the depth first, and finds where a damaged file breaks. */
static snn_status check_message(const ProtobufCMessageDescriptor *descriptor, wire_cursor cursor, int depth)
{
    if (depth > MAX_DEPTH) {
        return snn_fail(SNN_INPUT_ERROR, "more than %d messages within each other at byte %zu; export or copy it again",
                        (int)MAX_DEPTH, cursor.at);
    }
    while (cursor.at < cursor.end) {
        size_t start = cursor.at;
        uint32_t number = 0;
        unsigned wire = 0;
        size_t length = 0;
        if (!read_field(&cursor, &number, &wire, &length)) {
            return snn_fail(SNN_INPUT_ERROR,
                            "not an ONNX file, or truncated: no whole field at byte %zu; export or copy it again",
                            start);
        }
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(descriptor, number);
        if (wire == WIRE_BYTES && field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE) {
            wire_cursor inner = {cursor.bytes, cursor.at, cursor.at + length};
            SNN_TRY(check_message(field->descriptor, inner, depth + 1));
        }
        cursor.at += length;
    }
    return snn_ok();
}

snn_status snn_onnx_unpack(const uint8_t *bytes, size_t count, Onnx__ModelProto **model)
{
    *model = NULL;
    wire_cursor whole = {bytes, 0, count};
    SNN_TRY(check_message(&onnx__model_proto__descriptor, whole, 1));
    *model = onnx__model_proto__unpack(NULL, count, bytes);
    if (*model == NULL) {
        return snn_fail(SNN_INPUT_ERROR,
                        "not an ONNX file: its protobuf fields are not those of a model; export or copy it again");
    }
    return snn_ok();
}
