/* Writing JSON to a stream. Nothing here fails; the caller asks ferror(file) in the end. Without a stream (NULL)
 * nothing happens, so that callers need not ask whether a file is wanted.
 */
#ifndef SNN_CLI_JSON_H
#define SNN_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SNN_JSON_DEPTH = 16 };

typedef struct snn_json {
    FILE *file;
    int32_t depth;
    bool filled[SNN_JSON_DEPTH]; /* whether the object or array at that depth has something in it */
} snn_json;

/* `key`: the name within an object; NULL within an array and for the outermost value. */
void snn_json_begin_object(snn_json *json, const char *key);
void snn_json_end_object(snn_json *json);
void snn_json_begin_array(snn_json *json, const char *key);
void snn_json_end_array(snn_json *json);

void snn_json_text(snn_json *json, const char *key, const char *text); /* NULL: null */
void snn_json_integer(snn_json *json, const char *key, int64_t value);
void snn_json_number(snn_json *json, const char *key, double value); /* not finite: null */

#endif
