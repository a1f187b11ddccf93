/* Errors as values.
 *
 * Whatever can fail returns an snn_status: a code and, when the code is not SNN_OK, a message that says what was
 * expected and what was found. Callers forward a failure with SNN_TRY or SNN_TRY_CONTEXT, which puts the caller's
 * own context in front ("layer3/conv1: weights: out of memory"). Nothing below io/cli prints or exits: the message
 * reaches one place, io/cli/main.c, which prints it from one rank and exits with the code.
 */
#ifndef SNN_BASE_STATUS_H
#define SNN_BASE_STATUS_H

#include <stdbool.h>

/* The values are the process's exit codes (a documented contract). */
typedef enum snn_code {
    SNN_OK = 0,
    SNN_CHECK_FAILED = 1,   /* a comparison or check failed (diff, verify, check) */
    SNN_INPUT_ERROR = 2,    /* bad usage, configuration or input */
    SNN_FILE_ERROR = 3,     /* input/output failure */
    SNN_STOPPED = 4,        /* stopped early, checkpoint written */
    SNN_INTERNAL_ERROR = 70 /* a bug, or resources exhausted */
} snn_code;

enum { SNN_MESSAGE_BYTES = 507 };

typedef struct snn_status {
    snn_code code;
    bool advised;                    /* the message says what to do */
    char message[SNN_MESSAGE_BYTES]; /* empty when code is SNN_OK; truncated, never overflowed */
} snn_status;

snn_status snn_ok(void);

/* A failure with a printf-style message. */
snn_status snn_fail(snn_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The failure `status` with "context: " put in front of its message; returns SNN_OK unchanged. */
snn_status snn_context(snn_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The failure `status` with "; advice" behind its message: what the user can do. Whoever is nearest to the failure
 * knows best, so one that has been advised on is returned unchanged; so is SNN_OK. */
snn_status snn_advise(snn_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The failure for an allocation of `what` that was refused. */
snn_status snn_out_of_memory(const char *what);

static inline int snn_failed(snn_status status)
{
    return status.code != SNN_OK;
}

/* Forward a failure to the caller at once. */
#define SNN_TRY(expression)                                                                                            \
    do {                                                                                                               \
        snn_status try_status_ = (expression);                                                                         \
        if (try_status_.code != SNN_OK) {                                                                              \
            return try_status_;                                                                                        \
        }                                                                                                              \
    } while (0)

/* Forward a failure with printf-style context in front. */
#define SNN_TRY_CONTEXT(expression, ...)                                                                               \
    do {                                                                                                               \
        snn_status try_status_ = (expression);                                                                         \
        if (try_status_.code != SNN_OK) {                                                                              \
            return snn_context(try_status_, __VA_ARGS__);                                                              \
        }                                                                                                              \
    } while (0)

/* In functions that own resources: store into `status` and go to the one cleanup label `done`. */
#define SNN_GOTO_DONE(status, expression)                                                                              \
    do {                                                                                                               \
        (status) = (expression);                                                                                       \
        if ((status).code != SNN_OK) {                                                                                 \
            goto done;                                                                                                 \
        }                                                                                                              \
    } while (0)

#endif
