/* Failures with contexts in front and advice behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/status.h"

static void context_goes_in_front(void **unused)
{
    (void)unused;
    const snn_status inner = snn_fail(SNN_INPUT_ERROR, "%d images", 3);
    const snn_status outer = snn_context(inner, "%s.h5", "test");
    assert_int_equal(outer.code, SNN_INPUT_ERROR);
    assert_string_equal(outer.message, "test.h5: 3 images");
    assert_int_equal(snn_context(snn_ok(), "test.h5").code, SNN_OK);
    assert_string_equal(snn_context(snn_ok(), "test.h5").message, "");
}

/* Whoever is nearest knows best: later advice, also behind a context, changes nothing. */
static void the_first_advice_counts(void **unused)
{
    (void)unused;
    snn_status status = snn_fail(SNN_FILE_ERROR, "no room");
    assert_false(status.advised);
    status = snn_advise(status, "remove %s", "something");
    assert_string_equal(status.message, "no room; remove something");
    assert_int_equal(status.code, SNN_FILE_ERROR);
    status = snn_advise(snn_context(status, "out.h5"), "run it again");
    assert_string_equal(status.message, "out.h5: no room; remove something");
    assert_false(snn_advise(snn_ok(), "run it again").advised);
    assert_string_equal(snn_advise(snn_ok(), "run it again").message, "");
}

/* What is too long is cut, and nothing behind it is touched. */
static void long_messages_are_cut(void **unused)
{
    (void)unused;
    char text[SNN_MESSAGE_BYTES];
    for (int length = SNN_MESSAGE_BYTES - 8; length < SNN_MESSAGE_BYTES; length++) {
        memset(text, 'x', sizeof text);
        text[length] = '\0';
        const snn_status status = snn_advise(snn_fail(SNN_INPUT_ERROR, "%s", text), "lower it");
        assert_true(strlen(status.message) < SNN_MESSAGE_BYTES);
        assert_memory_equal(status.message, text, (size_t)length);
        assert_int_equal(snn_context(status, "%s", text).code, SNN_INPUT_ERROR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_goes_in_front),
        cmocka_unit_test(the_first_advice_counts),
        cmocka_unit_test(long_messages_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
