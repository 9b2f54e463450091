/* SPDX-License-Identifier: MIT */
#include "base/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"

/* `joined` is the expected words, each with a '|' behind it; NULL: unbalanced. */
static void check(const char *line, const char *joined)
{
    struct words words;
    bool ok = words_split(slice_of(line), &words);
    assert_int_equal(ok, joined != NULL);
    if (!ok) {
        assert_int_equal(words.count, 0);
        assert_null(words.items);
        return;
    }
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < words.count; i++) {
        assert_int_equal(words.items[i].ptr[words.items[i].len], '\0');
        buf_append_slice(&b, words.items[i]);
        buf_append_char(&b, '|');
    }
    assert_string_equal(buf_cstr(&b), joined);
    buf_deinit(&b);
    words_deinit(&words);
    words_deinit(&words); /* a second time is harmless */
}

static void spaces_part_words(void **state)
{
    (void)state;
    check("", "");
    check("   \t\r\n", "");
    check("get", "get|");
    check("  set  key\tvalue \r\n", "set|key|value|");
    check(" \v\fa\vb\fc \"d\"\ve", "a\vb\fc|d|e|");
    check("x y", "x|y|");
}

static void double_quotes_understand_escapes(void **state)
{
    (void)state;
    check("set k \"two words\"", "set|k|two words|");
    check("\"\"", "|");
    check("\"\" a \"\"", "|a||");
    check("\"\\n\\r\\t\\b\\a\\\\\\\"\"", "\n\r\t\b\a\\\"|");
    check("\"\\x41\\x4a\\x7A\"", "AJz|");
    check("\"\\x4\" \"\\xg1\" \"\\q\"", "x4|xg1|q|");
    check("pre\"fix ed\"", "prefix ed|");
    check("a'b c'", "ab c|");
    check("a\\nb", "a\\nb|");
}

static void single_quotes_understand_only_themselves(void **state)
{
    (void)state;
    check("'two words'", "two words|");
    check("'it\\'s'", "it's|");
    check("'\\n\"'", "\\n\"|");
    check("''", "|");
}

static void unbalanced_quotes_are_refused(void **state)
{
    (void)state;
    check("\"", NULL);
    check("'", NULL);
    check("a \"b", NULL);
    check("a 'b", NULL);
    check("\"a\\\"", NULL);
    check("'a\\'", NULL);
    check("\"a\"b", NULL);
    check("'a'b", NULL);
    check("'a''b'", NULL);
    check("ok \"a\"\"b\"", NULL);
}

static void a_nul_ends_the_line_but_an_escaped_one_does_not(void **state)
{
    (void)state;
    struct words words;
    assert_true(words_split(SLICE("a b\0c d", 7), &words));
    assert_int_equal(words.count, 2);
    words_deinit(&words);
    assert_false(words_split(SLICE("\"a\0b\"", 5), &words));
    assert_true(words_split(slice_of("\"a\\x00b\""), &words));
    assert_int_equal(words.count, 1);
    assert_true(slice_eq(words.items[0], SLICE("a\0b", 3)));
    words_deinit(&words);
    assert_true(words_split(SLICE(NULL, 0), &words));
    assert_int_equal(words.count, 0);
    words_deinit(&words);
}

/* What buf_append_quoted writes, words_split reads. */
static void quoted_bytes_come_back(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 11);
    for (int round = 0; round < 20000; round++) {
        unsigned char bytes[3][12];
        size_t lens[3];
        struct buf b = BUF_INIT;
        for (int i = 0; i < 3; i++) {
            lens[i] = rng_below(&rng, 13);
            for (size_t j = 0; j < lens[i]; j++) bytes[i][j] = (unsigned char)rng_below(&rng, 256);
            buf_append_quoted(&b, SLICE((char *)bytes[i], lens[i]));
            buf_append_char(&b, ' ');
        }
        struct words words;
        assert_true(words_split(buf_slice(&b), &words));
        assert_int_equal(words.count, 3);
        for (int i = 0; i < 3; i++) assert_true(slice_eq(words.items[i], SLICE((char *)bytes[i], lens[i])));
        words_deinit(&words);
        buf_deinit(&b);
    }
}

static void any_bytes_are_split_within_bounds(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 12);
    size_t before = mem_used(), most = 0;
    for (int round = 0; round < 100000; round++) {
        static const char alphabet[] = "a \"'\\x4n";
        size_t len = rng_below(&rng, 20);
        char *line = malloc(len + 1);
        for (size_t i = 0; i < len; i++) line[i] = alphabet[rng_below(&rng, sizeof(alphabet) - 1)];
        struct words words;
        if (words_split(SLICE(line, len), &words)) {
            assert_true(words.count <= len / 2 + 1);
            if (words.count > most) most = words.count;
            words_deinit(&words);
        }
        free(line);
    }
    assert_true(most >= 5);
    assert_int_equal(mem_used(), before);
}

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spaces_part_words),
        cmocka_unit_test(double_quotes_understand_escapes),
        cmocka_unit_test(single_quotes_understand_only_themselves),
        cmocka_unit_test(unbalanced_quotes_are_refused),
        cmocka_unit_test(a_nul_ends_the_line_but_an_escaped_one_does_not),
        cmocka_unit_test(quoted_bytes_come_back),
        cmocka_unit_test(any_bytes_are_split_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
