#include "io/cli/json.h"

#include <math.h>
#include <stddef.h>

static void indent(const snn_json *json)
{
    (void)fputc('\n', json->file);
    for (int32_t i = 0; i < json->depth; i++) {
        (void)fputs("  ", json->file);
    }
}

static void write_text(const snn_json *json, const char *text)
{
    (void)fputc('"', json->file);
    for (const char *at = text; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;
        if (byte < 0x20) {
            (void)fprintf(json->file, "\\u%04x", byte);
        } else if (byte == '"' || byte == '\\') {
            (void)fprintf(json->file, "\\%c", byte);
        } else {
            (void)fputc(byte, json->file);
        }
    }
    (void)fputc('"', json->file);
}

/* The comma and the key of what comes next. */
static void begin_value(snn_json *json, const char *key)
{
    if (json->depth > 0) {
        if (json->filled[json->depth - 1]) {
            (void)fputc(',', json->file);
        }
        json->filled[json->depth - 1] = true;
        indent(json);
    }
    if (key != NULL) {
        write_text(json, key);
        (void)fputs(": ", json->file);
    }
}

static void begin(snn_json *json, const char *key, char bracket)
{
    if (json->file == NULL) {
        return;
    }
    begin_value(json, key);
    (void)fputc(bracket, json->file);
    json->filled[json->depth++] = false;
}

static void end(snn_json *json, char bracket)
{
    if (json->file == NULL) {
        return;
    }
    const bool filled = json->filled[--json->depth];
    if (filled) {
        indent(json);
    }
    (void)fputc(bracket, json->file);
    if (json->depth == 0) {
        (void)fputc('\n', json->file);
    }
}

void snn_json_begin_object(snn_json *json, const char *key)
{
    begin(json, key, '{');
}

void snn_json_end_object(snn_json *json)
{
    end(json, '}');
}

void snn_json_begin_array(snn_json *json, const char *key)
{
    begin(json, key, '[');
}

void snn_json_end_array(snn_json *json)
{
    end(json, ']');
}

void snn_json_text(snn_json *json, const char *key, const char *text)
{
    if (json->file == NULL) {
        return;
    }
    begin_value(json, key);
    if (text == NULL) {
        (void)fputs("null", json->file);
    } else {
        write_text(json, text);
    }
}

void snn_json_integer(snn_json *json, const char *key, int64_t value)
{
    if (json->file != NULL) {
        begin_value(json, key);
        (void)fprintf(json->file, "%lld", (long long)value);
    }
}

void snn_json_number(snn_json *json, const char *key, double value)
{
    if (json->file == NULL) {
        return;
    }
    begin_value(json, key);
    if (isfinite(value)) {
        (void)fprintf(json->file, "%.6g", value);
    } else {
        (void)fputs("null", json->file);
    }
}
