/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void pieces_are_appended(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    assert_string_equal(buf_cstr(&b), "");
    buf_append(&b, NULL, 0);
    buf_append(&b, "ab", 2);
    buf_append_slice(&b, SLICE_LIT("cd"));
    buf_append_char(&b, '\0');
    buf_printf(&b, "%d-%s", 42, "x");
    assert_int_equal(b.len, 9);
    assert_memory_equal(b.data, "abcd\00042-x", 9);
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(buf_cstr(&b), "");
    buf_deinit(&b);
    assert_null(b.data);
    buf_append_char(&b, 'z');
    assert_string_equal(buf_cstr(&b), "z");
    buf_deinit(&b);
}

static void a_buffer_grows_as_far_as_needed(void **state)
{
    (void)state;
    size_t before = mem_used();
    struct buf b = BUF_INIT;
    for (int i = 0; i < 100000; i++) buf_append_char(&b, (char)i);
    assert_int_equal(b.len, 100000);
    for (int i = 0; i < 100000; i++) assert_int_equal(b.data[i], (char)i);
    char *at = buf_reserve(&b, 1000000);
    assert_ptr_equal(at, b.data + b.len);
    memset(at, 'x', 1000000);
    assert_true(b.cap >= b.len + 1000000);
    buf_deinit(&b);
    assert_int_equal(mem_used(), before);
}

static void formatted_text_of_any_length_is_whole(void **state)
{
    (void)state;
    for (int len = 0; len < 300; len++) {
        char expected[320];
        struct buf b = BUF_INIT;
        int n = snprintf(expected, sizeof(expected), "<%*d>", len, 7);
        buf_printf(&b, "<%*d>", len, 7);
        assert_int_equal(b.len, n);
        assert_string_equal(buf_cstr(&b), expected);
        buf_deinit(&b);
    }
}

static void bytes_are_quoted_as_redis_does(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    buf_append_quoted(&b, SLICE("a \"b\\\n\r\t\a\b\0\x1f\x7f\xff~", 15));
    assert_string_equal(buf_cstr(&b), "\"a \\\"b\\\\\\n\\r\\t\\a\\b\\x00\\x1f\\x7f\\xff~\"");
    buf_clear(&b);
    buf_append_quoted(&b, SLICE(NULL, 0));
    assert_string_equal(buf_cstr(&b), "\"\"");
    buf_deinit(&b);
}

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_appended),
        cmocka_unit_test(a_buffer_grows_as_far_as_needed),
        cmocka_unit_test(formatted_text_of_any_length_is_whole),
        cmocka_unit_test(bytes_are_quoted_as_redis_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
