/* The list of backend tests that are known to fail, with the reason: a text file.
 *
 *     # for people
 *     > part of the message that a test of this group fails with
 *     test_name          in every variant
 *     test_name:image    in that one
 */
#ifndef SNN_TESTS_ONNX_KNOWN_FAILURES_H
#define SNN_TESTS_ONNX_KNOWN_FAILURES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

typedef struct known_failure {
    const char *test; /* with ":variant" where the list says so */
    const char *reason;
    bool met; /* set by who runs the tests */
} known_failure;

typedef struct known_failures {
    char *text;
    known_failure *entries; /* [count] */
    size_t count;
} known_failures;

/* SNN_FILE_ERROR: cannot read; SNN_INPUT_ERROR: a test twice, or before any reason. */
snn_status known_failures_read(const char *path, known_failures *list);

/* The entry of a test's variant, or the test's, or NULL. */
known_failure *known_failures_find(const known_failures *list, const char *test, const char *variant);

void known_failures_clear(known_failures *list);

#endif
