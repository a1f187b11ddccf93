/* One value of the configuration: is it of the right type, in range, and where does it go. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "io/config/config_keys.h"

_Static_assert(sizeof(snn_layout) == sizeof(int) && sizeof(snn_codec) == sizeof(int) &&
                   sizeof(snn_schedule_kind) == sizeof(int) && sizeof(snn_form) == sizeof(int) &&
                   sizeof(snn_normalisation) == sizeof(int),
               "words are stored as int");

/* " from 1 to 65536", " above 0", "": what follows "an integer" or "a number". */
static void describe_range(const snn_config_key *key, char *text, size_t bytes)
{
    bool bounded = isfinite(key->maximum);
    text[0] = '\0';
    if (bounded && !key->above_minimum) {
        (void)snprintf(text, bytes, " from %.10g to %.10g", key->minimum, key->maximum);
    } else if (bounded) {
        (void)snprintf(text, bytes, " above %.10g and at most %.10g", key->minimum, key->maximum);
    } else if (isfinite(key->minimum)) {
        (void)snprintf(text, bytes, "%s %.10g", key->above_minimum ? " above" : " of at least", key->minimum);
    }
}

static void describe_words(const snn_config_word *words, char *text, size_t bytes)
{
    size_t length = 0;
    text[0] = '\0';
    for (const snn_config_word *word = words; word->name != NULL && length < bytes; word++) {
        if (word->value != SNN_CONFIG_UNAVAILABLE) {
            length += (size_t)snprintf(text + length, bytes - length, "%s\"%s\"", length == 0 ? "" : ", ", word->name);
        }
    }
}

static int64_t most_numbers(const snn_config_key *key)
{
    return key->type == SNN_CONFIG_NUMBERS ? (int64_t)SNN_MAX_IMAGE_CHANNELS : (int64_t)SNN_MAX_TIMESTEPS;
}

void snn_config_expectation(const snn_config_key *key, char text[SNN_CONFIG_EXPECTATION_BYTES])
{
    const size_t bytes = SNN_CONFIG_EXPECTATION_BYTES;
    char detail[SNN_CONFIG_EXPECTATION_BYTES - 64];
    switch (key->type) {
    case SNN_CONFIG_PATH:
        (void)snprintf(text, bytes, "a path");
        return;
    case SNN_CONFIG_WORD:
        describe_words(key->words, detail, sizeof detail);
        (void)snprintf(text, bytes, "one of %s", detail);
        return;
    case SNN_CONFIG_NUMBERS:
    case SNN_CONFIG_TABLE:
        describe_range(key, detail, sizeof detail);
        (void)snprintf(text, bytes, "1 to %" PRId64 " numbers%s%s", most_numbers(key),
                       detail[0] == '\0' ? "" : ", each", detail);
        return;
    case SNN_CONFIG_INT32:
    case SNN_CONFIG_INT64:
    case SNN_CONFIG_REAL:
        describe_range(key, detail, sizeof detail);
        (void)snprintf(text, bytes, "%s%s", snn_config_type_name(key->type), detail);
        return;
    }
}

static snn_status refuse(const snn_config_key *key, const char *found)
{
    char expectation[SNN_CONFIG_EXPECTATION_BYTES];
    snn_config_expectation(key, expectation);
    return snn_fail(SNN_INPUT_ERROR, "%s.%s: expected %s, found %s", key->section, key->name, expectation, found);
}

static snn_status refuse_type(const snn_config_key *key, const snn_toml_entry *entry)
{
    return snn_fail(SNN_INPUT_ERROR, "%s.%s: expected %s, found %s %s", key->section, key->name,
                    snn_config_type_name(key->type), snn_config_article(entry->type_name), entry->type_name);
}

static bool in_range(const snn_config_key *key, double value)
{
    bool high_enough = key->above_minimum ? value > key->minimum : value >= key->minimum;
    return isfinite(value) && high_enough && value <= key->maximum;
}

static snn_status store_path(const snn_config_key *key, const char *value, const char *folder, char *field)
{
    if (value[0] == '\0' && !key->may_be_empty) {
        return refuse(key, "an empty string");
    }
    bool relative = value[0] != '\0' && value[0] != '/';
    int length = snprintf(field, SNN_PATH_BYTES, "%s%s", relative ? folder : "", value);
    if (length < 0 || length >= SNN_PATH_BYTES) {
        return snn_fail(SNN_INPUT_ERROR, "%s.%s: expected a path of at most %d bytes, found %d", key->section,
                        key->name, SNN_PATH_BYTES - 1, length);
    }
    return snn_ok();
}

static snn_status store_word(const snn_config_key *key, const char *value, int *field)
{
    for (const snn_config_word *word = key->words; word->name != NULL; word++) {
        if (strcmp(value, word->name) == 0 && word->value == SNN_CONFIG_UNAVAILABLE) {
            char words[SNN_CONFIG_EXPECTATION_BYTES];
            describe_words(key->words, words, sizeof words);
            return snn_fail(SNN_INPUT_ERROR, "%s.%s: \"%s\" is not available in this version (available: %s)",
                            key->section, key->name, value, words);
        }
        if (strcmp(value, word->name) == 0) {
            *field = word->value;
            return snn_ok();
        }
    }
    char found[64];
    (void)snprintf(found, sizeof found, "\"%.50s\"", value);
    return refuse(key, found);
}

static snn_status store_integer(const snn_config_key *key, int64_t value, void *field)
{
    if (!in_range(key, (double)value)) {
        char found[32];
        (void)snprintf(found, sizeof found, "%" PRId64, value);
        return refuse(key, found);
    }
    if (key->type == SNN_CONFIG_INT64) {
        *(int64_t *)field = value;
    } else {
        *(int32_t *)field = (int32_t)value;
    }
    return snn_ok();
}

static snn_status store_real(const snn_config_key *key, double value, double *field)
{
    if (!in_range(key, value)) {
        char found[32];
        (void)snprintf(found, sizeof found, "%g", value);
        return refuse(key, found);
    }
    *field = value;
    return snn_ok();
}

static snn_status store_numbers(const snn_config_key *key, const snn_toml_entry *entry, snn_config *config)
{
    char found[64];
    if (entry->count == 0 || entry->count > (size_t)most_numbers(key)) {
        (void)snprintf(found, sizeof found, "%zu", entry->count);
        return refuse(key, found);
    }
    for (size_t i = 0; i < entry->count; i++) {
        if (!in_range(key, entry->numbers[i])) {
            (void)snprintf(found, sizeof found, "%g (the number at index %zu)", entry->numbers[i], i);
            return refuse(key, found);
        }
    }
    char *field = (char *)config + key->offset;
    char *count = (char *)config + key->count_offset;
    if (key->type == SNN_CONFIG_NUMBERS) {
        memcpy(field, entry->numbers, entry->count * sizeof(double));
        *(int32_t *)(void *)count = (int32_t)entry->count;
        return snn_ok();
    }
    double *table = snn_allocate(entry->count, sizeof(double));
    if (table == NULL) {
        return snn_out_of_memory("configuration");
    }
    memcpy(table, entry->numbers, entry->count * sizeof(double));
    double **owner = (double **)(void *)field;
    snn_release(*owner);
    *owner = table;
    *(size_t *)(void *)count = entry->count;
    return snn_ok();
}

snn_status snn_config_store(const snn_config_key *key, const snn_toml_entry *entry, const char *folder,
                            snn_config *config)
{
    void *field = (char *)config + key->offset;
    switch (key->type) {
    case SNN_CONFIG_PATH:
        return entry->type == SNN_TOML_TEXT ? store_path(key, entry->text, folder, field) : refuse_type(key, entry);
    case SNN_CONFIG_WORD:
        return entry->type == SNN_TOML_TEXT ? store_word(key, entry->text, field) : refuse_type(key, entry);
    case SNN_CONFIG_INT32:
    case SNN_CONFIG_INT64:
        return entry->type == SNN_TOML_INTEGER ? store_integer(key, entry->integer, field) : refuse_type(key, entry);
    case SNN_CONFIG_REAL:
        return entry->type == SNN_TOML_REAL || entry->type == SNN_TOML_INTEGER ? store_real(key, entry->real, field)
                                                                               : refuse_type(key, entry);
    case SNN_CONFIG_NUMBERS:
    case SNN_CONFIG_TABLE:
        return entry->type == SNN_TOML_NUMBERS ? store_numbers(key, entry, config) : refuse_type(key, entry);
    }
    return snn_fail(SNN_INTERNAL_ERROR, "%s.%s: unknown type %d", key->section, key->name, (int)key->type);
}
