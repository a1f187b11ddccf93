/* What failures look like. */
#include <stdarg.h>
#include <stdio.h>

#include "io/cli/verbs.h"

snn_status snn_usage_error(const snn_verb *verb, const char *format, ...)
{
    char message[300];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return snn_fail(SNN_INPUT_ERROR, "%s (see snn_dist %s --help)", message, verb->name);
}

void snn_print_failure(snn_status status, int32_t rank)
{
    if (status.code == SNN_OK || status.message[0] == '\0') {
        return;
    }
    /* Where no place knew better. */
    if (status.code == SNN_FILE_ERROR) {
        status = snn_advise(status, "see to space and permissions there, and run it again");
    } else if (status.code == SNN_INTERNAL_ERROR) {
        status = snn_advise(status, "run it again, and if it fails again, report this with snn_dist --version");
    }
    (void)fflush(stdout);
    fprintf(stderr, "snn_dist: %s", status.code == SNN_STOPPED ? "" : "error: ");
    if (rank >= 0) {
        fprintf(stderr, "rank %d: ", rank);
    }
    fprintf(stderr, "%s\n", status.message);
    (void)fflush(stderr);
}
