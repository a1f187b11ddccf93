/* Trials in a process of their own, which is this program again: what they say comes back, and what becomes of them is
 * told. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/hdf5/trial.h"

/* ---- the process that tries ---- */

static snn_status allocate(size_t bytes)
{
    void *volatile memory = malloc(bytes); /* compilers may leave out what nobody looks at */
    const snn_status status = memory != NULL ? snn_ok() : snn_out_of_memory("a trial");
    free(memory);
    return status;
}

static _Noreturn void try_it(const char *what, long number)
{
    snn_trial_limit();
    if (strcmp(what, "answer") == 0) {
        snn_trial_answer(number == 0 ? snn_ok() : snn_fail(SNN_CHECK_FAILED, "number %ld", number));
    }
    if (strcmp(what, "end") == 0) { /* as the system ends who used up the time, or wrote where it must not */
        (void)raise((int)number);
    }
    if (strcmp(what, "allocate") == 0) {
        snn_trial_answer(allocate((size_t)number << 30));
    }
    _Exit((int)number);
}

/* ---- the one that has it tried ---- */

static snn_status run(const char *what, long number)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%ld", number);
    const char *const arguments[] = {"test_trial", what, text, NULL};
    return snn_trial_run("f", arguments);
}

static void fails(snn_status status, const char *part)
{
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    if (strstr(status.message, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", status.message, part);
    }
}

static void answers_come_back(void **state)
{
    (void)state;
    assert_int_equal(run("answer", 0).code, SNN_OK);
    const snn_status status = run("answer", 5);
    assert_int_equal(status.code, SNN_CHECK_FAILED);
    assert_string_equal(status.message, "number 5");
}

static void ends_are_told(void **state)
{
    (void)state;
    fails(run("end", SIGXCPU), "f: damaged: HDF5 did not come to an end");
    fails(run("end", SIGKILL), "f: damaged: HDF5 did not come to an end");
    fails(run("end", SIGTRAP), "f: damaged: a process that tried to read it with HDF5 ended with signal");
    fails(run("leave", 3), "f: damaged: a process that tried to read it with HDF5 ended with exit code 3");
    assert_int_equal(run("leave", 127).code, SNN_OK); /* what a program that cannot be started says */
}

/* The limits themselves are in place. Sanitizers need more memory than any limit. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void memory_is_limited(void **state)
{
    (void)state;
    assert_int_equal(run("allocate", 1).code, SNN_OK);
    assert_int_not_equal(run("allocate", 3).code, SNN_OK);
}
#endif

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_back),
        cmocka_unit_test(ends_are_told),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(memory_is_limited),
#endif
    };
    if (argc == 3) {
        try_it(argv[1], atol(argv[2]));
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
