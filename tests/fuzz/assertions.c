/* What cmocka's assertions call, for helpers of other tests outside its runner: a failure is a fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

void print_error(const char *const format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
}

void _fail(const char *const file, const int line)
{
    print_error("%s:%d: ", file, line);
    fuzz_fault("an assertion does not hold");
}

void _assert_true(const LargestIntegralType result, const char *const expression, const char *const file,
                  const int line)
{
    if (!result) {
        print_error("%s\n", expression);
        _fail(file, line);
    }
}

void _assert_int_equal(const LargestIntegralType a, const LargestIntegralType b, const char *const file, const int line)
{
    _assert_true(a == b, "not equal", file, line);
}

void _assert_memory_equal(const void *const a, const void *const b, const size_t size, const char *const file,
                          const int line)
{
    _assert_true(memcmp(a, b, size) == 0, "other bytes", file, line);
}
