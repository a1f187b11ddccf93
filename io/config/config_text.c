/* The configuration as text: the effective one as TOML, and the reference of all keys. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "io/config/config_keys.h"

static void write_string(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (const char *c = text; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte == '"' || byte == '\\') {
            (void)fprintf(out, "\\%c", byte);
        } else if (byte < 0x20 || byte == 0x7f) {
            (void)fprintf(out, "\\u%04X", byte);
        } else {
            (void)fputc(byte, out);
        }
    }
    (void)fputc('"', out);
}

/* The shortest decimal that reads back as the same double. */
static void write_real(FILE *out, double value)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    (void)fputs(text, out);
}

static void write_numbers(FILE *out, const double *numbers, size_t count)
{
    (void)fputc('[', out);
    for (size_t i = 0; i < count; i++) {
        (void)fputs(i == 0 ? "" : ", ", out);
        write_real(out, numbers[i]);
    }
    (void)fputc(']', out);
}

static void write_path(FILE *out, const char *path, const char *working_directory)
{
    if (path[0] == '\0' || path[0] == '/') {
        write_string(out, path);
        return;
    }
    char absolute[2 * SNN_PATH_BYTES];
    const char *slash = strcmp(working_directory, "/") == 0 ? "" : "/";
    (void)snprintf(absolute, sizeof absolute, "%s%s%s", working_directory, slash, path);
    write_string(out, absolute);
}

static void write_word(FILE *out, const snn_config_word *words, int value)
{
    for (const snn_config_word *word = words; word->name != NULL; word++) {
        if (word->value == value) {
            write_string(out, word->name);
            return;
        }
    }
}

/* A key that was not given and has no default has no value to write. */
static bool has_value(const snn_config_key *key, const snn_config *config)
{
    const void *field = snn_config_field(key, config);
    switch (key->type) {
    case SNN_CONFIG_PATH:
        return key->may_be_empty || *(const char *)field != '\0';
    case SNN_CONFIG_NUMBERS:
    case SNN_CONFIG_TABLE:
        return snn_config_count(key, config) > 0;
    default:
        return true;
    }
}

static void write_value(FILE *out, const snn_config_key *key, const snn_config *config, const char *working_directory)
{
    const void *field = snn_config_field(key, config);
    switch (key->type) {
    case SNN_CONFIG_PATH:
        write_path(out, field, working_directory);
        break;
    case SNN_CONFIG_WORD:
        write_word(out, key->words, *(const int *)field);
        break;
    case SNN_CONFIG_INT32:
        (void)fprintf(out, "%" PRId32, *(const int32_t *)field);
        break;
    case SNN_CONFIG_INT64:
        (void)fprintf(out, "%" PRId64, *(const int64_t *)field);
        break;
    case SNN_CONFIG_REAL:
        write_real(out, *(const double *)field);
        break;
    case SNN_CONFIG_NUMBERS:
        write_numbers(out, field, snn_config_count(key, config));
        break;
    case SNN_CONFIG_TABLE:
        write_numbers(out, *(double *const *)field, snn_config_count(key, config));
        break;
    }
}

static void write_keys(FILE *out, const snn_config *config, const char *working_directory)
{
    const char *section = "";
    for (int i = 0; i < SNN_CONFIG_KEYS; i++) {
        const snn_config_key *key = &snn_config_keys[i];
        if (!has_value(key, config)) {
            continue;
        }
        if (strcmp(section, key->section) != 0) {
            section = key->section;
            (void)fprintf(out, "[%s]\n", section);
        }
        (void)fprintf(out, "%s = ", key->name);
        write_value(out, key, config, working_directory);
        (void)fputc('\n', out);
    }
}

snn_status snn_config_write_text(const snn_config *config, char **text)
{
    char working_directory[SNN_PATH_BYTES];
    char *buffer = NULL;
    size_t length = 0;
    *text = NULL;
    if (getcwd(working_directory, sizeof working_directory) == NULL) {
        return snn_advise(snn_fail(SNN_FILE_ERROR, "cannot name the working directory: %s", strerror(errno)),
                          "run it from another folder");
    }
    FILE *out = open_memstream(&buffer, &length);
    if (out == NULL) {
        return snn_out_of_memory("effective configuration");
    }
    write_keys(out, config, working_directory);
    bool written = ferror(out) == 0;
    written = fclose(out) == 0 && written;
    *text = written ? snn_duplicate_text(buffer) : NULL;
    free(buffer);
    return *text != NULL ? snn_ok() : snn_out_of_memory("effective configuration");
}

/* ---- what there is to say of the keys ---- */

static void list_words(const snn_config_word *words, char *text, size_t bytes)
{
    size_t length = 0;
    text[0] = '\0';
    for (const snn_config_word *word = words; word != NULL && word->name != NULL && length < bytes; word++) {
        if (word->value != SNN_CONFIG_UNAVAILABLE) {
            length += (size_t)snprintf(text + length, bytes - length, "%s%s", length == 0 ? "" : " ", word->name);
        }
    }
}

void snn_config_describe(void (*see)(void *context, const snn_config_description *key), void *context)
{
    char takes[SNN_CONFIG_EXPECTATION_BYTES], words[SNN_CONFIG_EXPECTATION_BYTES];
    for (int i = 0; i < SNN_CONFIG_KEYS; i++) {
        const snn_config_key *key = &snn_config_keys[i];
        const snn_config_section *section = snn_config_find_section(key->section);
        snn_config_expectation(key, takes);
        list_words(key->words, words, sizeof words);
        const snn_config_description description = {
            .section = key->section,
            .section_meaning = section != NULL ? section->meaning : "",
            .name = key->name,
            .fallback = key->fallback,
            .example = key->example,
            .needed = key->needed,
            .takes = takes,
            .words = words,
            .path = key->type == SNN_CONFIG_PATH,
            .meaning = key->meaning,
        };
        see(context, &description);
    }
}

typedef struct template_writer {
    FILE *out;
    const char *section; /* of the key before; "" at first */
} template_writer;

/* Comments of at most so many columns. */
static void write_comment(FILE *out, const char *text)
{
    enum { WIDTH = 118 };
    while (*text != '\0') {
        size_t length = strlen(text);
        if (length > WIDTH) {
            length = WIDTH;
            while (length > 1 && text[length] != ' ') {
                length--;
            }
        }
        (void)fprintf(out, "# %.*s\n", (int)length, text);
        text += length;
        text += *text == ' ';
    }
}

static void write_template_key(void *context, const snn_config_description *key)
{
    template_writer *writer = context;
    char text[3 * SNN_CONFIG_EXPECTATION_BYTES];
    if (strcmp(writer->section, key->section) != 0) {
        writer->section = key->section;
        (void)fputc('\n', writer->out);
        write_comment(writer->out, key->section_meaning);
        (void)fprintf(writer->out, "[%s]\n", key->section);
    }
    (void)snprintf(text, sizeof text, "%s: %s", key->takes, key->meaning);
    write_comment(writer->out, text);
    (void)fprintf(writer->out, "%s%s = %s\n", key->needed ? "" : "#", key->name,
                  key->fallback != NULL ? key->fallback : key->example);
}

void snn_config_write_template(FILE *out)
{
    template_writer writer = {.out = out, .section = ""};
    (void)fputs(
        "# Configuration of snn_dist: every key. Those behind a # have the default that is shown, or none and an\n"
        "# example is shown. Relative paths start at the folder of this file.\n",
        out);
    snn_config_describe(write_template_key, &writer);
}
