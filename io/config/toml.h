/* toml++ behind C: the one C++ file of the program is toml.cpp. A document is a flat list of keys in file order. A
 * table is seen through its keys; an empty one is an entry of its own (SNN_TOML_OTHER, "table"). */
#ifndef SNN_IO_TOML_H
#define SNN_IO_TOML_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum snn_toml_type {
    SNN_TOML_INTEGER,
    SNN_TOML_REAL,
    SNN_TOML_TEXT,
    SNN_TOML_BOOLEAN,
    SNN_TOML_NUMBERS, /* array of numbers */
    SNN_TOML_OTHER    /* dates, mixed arrays, tables in arrays */
} snn_toml_type;

typedef struct snn_toml_entry {
    char *key;       /* "section.key"; parts that are no bare keys keep their quotes */
    char *type_name; /* as toml calls it, for messages: "string", "integer", "array", ... */
    snn_toml_type type;
    int64_t integer; /* booleans too */
    double real;     /* integers too */
    char *text;
    double *numbers;
    size_t count;
    int line, column; /* of the key, 1-based */
} snn_toml_entry;

typedef struct snn_toml {
    snn_toml_entry *entries;
    size_t count;
    char error[400]; /* "" if parsed */
    int error_line, error_column;
} snn_toml;

/* Parses text (not a file). Always returns a document (NULL only when memory is short); look at `error`. */
snn_toml *snn_toml_parse(const char *text);
void snn_toml_destroy(snn_toml *document);

#ifdef __cplusplus
}
#endif

#endif
