#include "tests/core/kernels/test_kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kernels/kernels.h"

static void test_select(void **state)
{
    (void)state;
    int32_t count;
    const snn_kernels *const *all = snn_kernels_all(&count);
    const snn_kernels *selected = NULL;
    assert_true(count > 0);
    assert_string_equal(all[count - 1]->name, "portable");
    assert_true(all[count - 1]->available());

    for (int set_empty = 0; set_empty < 2; set_empty++) {
        assert_int_equal(set_empty ? setenv("SNN_DIST_ISA", "", 1) : unsetenv("SNN_DIST_ISA"), 0);
        assert_int_equal(snn_kernels_select(&selected).code, SNN_OK);
        int32_t best = 0;
        while (!all[best]->available()) {
            best++;
        }
        assert_ptr_equal(selected, all[best]);
    }
    for (int32_t k = 0; k < count; k++) {
        assert_int_equal(setenv("SNN_DIST_ISA", all[k]->name, 1), 0);
        const snn_status status = snn_kernels_select(&selected);
        assert_int_equal(status.code, all[k]->available() ? SNN_OK : SNN_INPUT_ERROR);
        if (all[k]->available()) {
            assert_ptr_equal(selected, all[k]);
        }
    }
    assert_int_equal(setenv("SNN_DIST_ISA", "abacus", 1), 0);
    const snn_status status = snn_kernels_select(&selected);
    assert_int_equal(status.code, SNN_INPUT_ERROR);
    assert_non_null(strstr(status.message, "SNN_DIST_ISA"));
    assert_non_null(strstr(status.message, "abacus"));
    for (int32_t k = 0; k < count; k++) {
        if (all[k]->available()) {
            assert_non_null(strstr(status.message, all[k]->name));
        }
    }
    assert_int_equal(unsetenv("SNN_DIST_ISA"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select),      cmocka_unit_test(test_known_product), cmocka_unit_test(test_pack_limits),
        cmocka_unit_test(test_convolution), cmocka_unit_test(test_dense),         cmocka_unit_test(test_diagonal),
        cmocka_unit_test(test_gather),      cmocka_unit_test(test_tokens),        cmocka_unit_test(test_fire),
        cmocka_unit_test(test_images),      cmocka_unit_test(test_nary),          cmocka_unit_test(test_streams),
        cmocka_unit_test(test_codes),       cmocka_unit_test(test_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
