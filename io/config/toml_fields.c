#include "io/config/toml_fields.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/config/config_keys.h"
#include "io/config/text_file.h"
#include "io/config/toml.h"

/* Room for a plan of half a million stages. */
enum { MOST_BYTES = 8 << 20 };

static const char *type_name(snn_toml_field_type type)
{
    static const char *const names[] = {"a string", "an integer", "a number", "an array of integers"};
    return names[type];
}

static snn_status refuse_type(const snn_toml_field *field, const snn_toml_entry *entry)
{
    return snn_fail(SNN_INPUT_ERROR, "%s: expected %s, found %s %s", field->key, type_name(field->type),
                    snn_config_article(entry->type_name), entry->type_name);
}

static snn_status check_range(const snn_toml_field *field, double value)
{
    if (isfinite(value) && value >= field->minimum && value <= field->maximum) {
        return snn_ok();
    }
    return snn_fail(SNN_INPUT_ERROR, "%s: expected %s from %.10g to %.10g, found %.10g", field->key,
                    field->type == SNN_FIELD_REAL ? "a number" : "an integer", field->minimum, field->maximum, value);
}

static snn_status store_text(const snn_toml_field *field, const char *text)
{
    if ((int64_t)strlen(text) >= field->bytes) {
        return snn_fail(SNN_INPUT_ERROR, "%s: expected a string of at most %lld bytes, found %zu", field->key,
                        (long long)field->bytes - 1, strlen(text));
    }
    memcpy(field->value, text, strlen(text) + 1);
    return snn_ok();
}

static snn_status store_integers(const snn_toml_field *field, const snn_toml_entry *entry)
{
    int32_t *values = snn_allocate(entry->count, sizeof *values);
    if (values == NULL) {
        return snn_out_of_memory(field->key);
    }
    snn_status status = snn_ok();
    for (size_t i = 0; i < entry->count && !snn_failed(status); i++) {
        status = check_range(field, entry->numbers[i]);
        if (!snn_failed(status) && entry->numbers[i] != floor(entry->numbers[i])) {
            status = snn_fail(SNN_INPUT_ERROR, "%s: expected integers, found %g", field->key, entry->numbers[i]);
        }
        values[i] = snn_failed(status) ? 0 : (int32_t)entry->numbers[i];
    }
    if (snn_failed(status)) {
        snn_release(values);
        return status;
    }
    *(int32_t **)field->value = values;
    *field->count = (int32_t)entry->count;
    return status;
}

static snn_status store(const snn_toml_field *field, const snn_toml_entry *entry)
{
    const bool number = entry->type == SNN_TOML_INTEGER || entry->type == SNN_TOML_REAL;
    switch (field->type) {
    case SNN_FIELD_TEXT:
        return entry->type == SNN_TOML_TEXT ? store_text(field, entry->text) : refuse_type(field, entry);
    case SNN_FIELD_INTEGERS:
        return entry->type == SNN_TOML_NUMBERS ? store_integers(field, entry) : refuse_type(field, entry);
    case SNN_FIELD_INTEGER:
        if (entry->type != SNN_TOML_INTEGER) {
            return refuse_type(field, entry);
        }
        SNN_TRY(check_range(field, entry->real));
        *(int64_t *)field->value = entry->integer;
        return snn_ok();
    case SNN_FIELD_REAL:
        if (!number) {
            return refuse_type(field, entry);
        }
        SNN_TRY(check_range(field, entry->real));
        *(double *)field->value = entry->real;
        return snn_ok();
    }
    return snn_fail(SNN_INTERNAL_ERROR, "%s: unknown type", field->key);
}

static snn_status unknown(const snn_toml_entry *entry, const snn_toml_field *fields, int32_t count)
{
    char names[300] = "";
    size_t length = 0;
    for (int32_t i = 0; i < count && length < sizeof names; i++) {
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%s", i == 0 ? "" : ", ", fields[i].key);
    }
    return snn_fail(SNN_INPUT_ERROR, "unknown key %s; there are %s", entry->key, names);
}

static snn_status read_entry(const snn_toml_entry *entry, snn_toml_field *fields, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (strcmp(entry->key, fields[i].key) == 0) {
            fields[i].found = true;
            return store(&fields[i], entry);
        }
    }
    return unknown(entry, fields, count);
}

static snn_status read_document(const snn_toml *document, const char *path, snn_toml_field *fields, int32_t count)
{
    if (document->error[0] != '\0') {
        return snn_fail(SNN_INPUT_ERROR, "%s:%d:%d: %s", path, document->error_line, document->error_column,
                        document->error);
    }
    for (size_t i = 0; i < document->count; i++) {
        const snn_toml_entry *entry = &document->entries[i];
        SNN_TRY_CONTEXT(read_entry(entry, fields, count), "%s:%d:%d", path, entry->line, entry->column);
    }
    for (int32_t i = 0; i < count; i++) {
        if (fields[i].required && !fields[i].found) {
            return snn_fail(SNN_INPUT_ERROR, "%s: missing key %s", path, fields[i].key);
        }
    }
    return snn_ok();
}

snn_status snn_toml_fields_read(const char *path, const char *what, snn_toml_field *fields, int32_t count)
{
    char *text;
    SNN_TRY(snn_text_file_read(path, what, MOST_BYTES, &text));
    snn_toml *document = snn_toml_parse(text);
    snn_status status =
        document == NULL ? snn_out_of_memory("TOML document") : read_document(document, path, fields, count);
    snn_toml_destroy(document);
    snn_release(text);
    return status;
}
