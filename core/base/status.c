#include "core/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

snn_status snn_ok(void)
{
    snn_status status;
    status.code = SNN_OK;
    status.advised = false;
    status.message[0] = '\0';
    return status;
}

snn_status snn_fail(snn_code code, const char *format, ...)
{
    snn_status status;
    va_list arguments;
    status.code = code;
    status.advised = false;
    va_start(arguments, format);
    (void)vsnprintf(status.message, sizeof status.message, format, arguments);
    va_end(arguments);
    return status;
}

snn_status snn_context(snn_status status, const char *format, ...)
{
    if (status.code == SNN_OK) {
        return status;
    }
    snn_status outer;
    va_list arguments;
    outer.code = status.code;
    outer.advised = status.advised;
    va_start(arguments, format);
    (void)vsnprintf(outer.message, sizeof outer.message, format, arguments);
    va_end(arguments);
    size_t length = strlen(outer.message); /* what fitted; the inner message fills the rest */
    const char *const parts[] = {": ", status.message};
    for (int i = 0; i < 2; i++) {
        size_t room = sizeof outer.message - 1 - length;
        size_t wanted = strlen(parts[i]);
        size_t taken = wanted < room ? wanted : room;
        memcpy(outer.message + length, parts[i], taken);
        length += taken;
    }
    outer.message[length] = '\0';
    return outer;
}

snn_status snn_advise(snn_status status, const char *format, ...)
{
    const size_t length = strlen(status.message);
    if (status.code == SNN_OK || status.advised || length + 3 > sizeof status.message) {
        return status;
    }
    va_list arguments;
    memcpy(status.message + length, "; ", 3);
    va_start(arguments, format);
    (void)vsnprintf(status.message + length + 2, sizeof status.message - length - 2, format, arguments);
    va_end(arguments);
    status.advised = true;
    return status;
}

snn_status snn_out_of_memory(const char *what)
{
    return snn_advise(snn_fail(SNN_INTERNAL_ERROR, "out of memory: %s", what),
                      "give it more, or less to hold: simulation.batch, OMP_NUM_THREADS, more ranks on more hosts");
}
