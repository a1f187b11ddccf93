/* Small TOML files with a fixed set of keys, read into variables: plans and machines. (The configuration has more to
 * say about its keys and has its own table, io/config/config_keys.h.) */
#ifndef SNN_IO_TOML_FIELDS_H
#define SNN_IO_TOML_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

typedef enum snn_toml_field_type {
    SNN_FIELD_TEXT,    /* char[bytes] */
    SNN_FIELD_INTEGER, /* int64_t */
    SNN_FIELD_REAL,    /* double */
    SNN_FIELD_INTEGERS /* int32_t *, allocated here (snn_release), their number in *count */
} snn_toml_field_type;

typedef struct snn_toml_field {
    const char *key; /* "section.key" */
    snn_toml_field_type type;
    void *value;             /* keeps what it holds where the key is missing */
    double minimum, maximum; /* of numbers */
    int64_t bytes;           /* SNN_FIELD_TEXT */
    int32_t *count;          /* SNN_FIELD_INTEGERS */
    bool required;
    bool found; /* out */
} snn_toml_field;

/* Reads the file `path` (`what` names it: "plan file"). Unknown keys, wrong types, values out of range and missing keys
 * are SNN_INPUT_ERROR with "file:line:column: ...". */
snn_status snn_toml_fields_read(const char *path, const char *what, snn_toml_field *fields, int32_t count);

#endif
