/* SPDX-License-Identifier: MIT */
#include "base/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/rng.h"

static bool matches(const char *pattern, const char *text) { return glob_match(slice_of(pattern), slice_of(text)); }

struct example {
    const char *pattern, *text;
    bool is_match;
};

static void check_all(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool found = matches(examples[i].pattern, examples[i].text);
        if (found != examples[i].is_match) fail_msg("%s against %s", examples[i].pattern, examples[i].text);
    }
}

static void patterns_match_as_documented(void **state)
{
    (void)state;
    const struct example examples[] = {
        {"h?llo", "hello", true},
        {"h?llo", "hllo", false},
        {"h*llo", "heeello", true},
        {"h*llo", "hllo", true},
        {"h[ae]llo", "hallo", true},
        {"h[ae]llo", "hillo", false},
        {"h[^e]llo", "hallo", true},
        {"h[^e]llo", "hello", false},
        {"h[a-b]llo", "hbllo", true},
        {"h[a-b]llo", "hcllo", false},
        {"h\\*llo", "h*llo", true},
        {"h\\*llo", "hxllo", false},
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"*", "anything", true},
        {"**", "x", true},
        {"a*", "a", true},
        {"*a*b*c*", "xxaxxbxxcxx", true},
        {"*a*b*c", "abcd", false},
        {"*abc", "ababc", true},
        {"a*?", "a", false},
        {"a*?", "ab", true},
        {"user:*:name", "user:17:name", true},
        {"user:*:name", "user:17:nam", false},
    };
    check_all(examples, sizeof(examples) / sizeof(examples[0]));
}

static void odd_patterns_match_as_in_redis(void **state)
{
    (void)state;
    const struct example examples[] = {
        {"[", "[", false},       {"[", "a", false},        {"[a", "a", true},       {"[a", "b", false},
        {"[ab", "b", true},      {"[^", "x", true},        {"[^a", "a", false},     {"[^a", "b", true},
        {"[]", "]", false},      {"[]a", "a", false},      {"[^]", "x", true},      {"[^]a", "xa", true},
        {"[c-a]", "b", true},    {"[c-a]", "d", false},    {"[a-]", "a", true},     {"[a-]", "-", false},
        {"[a-]", "]", true},     {"[a-", "-", true},       {"[a-", "b", false},     {"[\\]]", "]", true},
        {"[\\", "\\", true},     {"[a\\", "\\", true},     {"\\", "\\", true},      {"a\\", "a\\", true},
        {"a\\", "a", false},     {"*\\", "x\\", true},     {"\\\\", "\\", true},    {"\\a", "a", true},
        {"[[]", "[", true},      {"[*]", "*", true},       {"[*]", "a", false},     {"[?]", "b", false},
        {"*", "", true},         {"**", "", false},        {"?", "", false},        {"[^a]", "", false},
        {"[\xff-^]", "A", true}, {"[\xff-^]", "_", false}, {"[\\a-c]", "b", false}, {"[\\a-c]", "-", true},
    };
    check_all(examples, sizeof(examples) / sizeof(examples[0]));
}

static void nuls_are_bytes_like_others(void **state)
{
    (void)state;
    assert_true(glob_match(SLICE("a\0*", 3), SLICE("a\0b", 3)));
    assert_false(glob_match(SLICE("a\0c", 3), SLICE("a\0b", 3)));
    assert_true(glob_match(SLICE("?", 1), SLICE("\0", 1)));
}

static void case_is_folded_when_asked(void **state)
{
    (void)state;
    const struct example examples[] = {
        {"MAX*", "maxmemory", true}, {"max*", "MAXMEMORY", true}, {"[A-C]x", "bX", true},
        {"[a-c]x", "BX", true},      {"[^B]", "b", false},        {"\\P", "p", true},
        {"[\\P]", "p", false},       {"[\\p]", "p", true},        {"\xc3\x84", "\xc3\xa4", false},
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct slice pattern = slice_of(examples[i].pattern), text = slice_of(examples[i].text);
        assert_int_equal(glob_match_nocase(pattern, text), examples[i].is_match);
    }
    assert_false(matches("A", "a"));
}

static void only_a_lone_star_is_everything(void **state)
{
    (void)state;
    assert_true(glob_is_everything(slice_of("*")));
    assert_false(glob_is_everything(slice_of("**")));
    assert_false(glob_is_everything(slice_of("")));
    assert_false(glob_is_everything(slice_of("?")));
}

/* The definition, exponential and without classes, as the model. */
static bool model(const char *p, const char *p_end, const char *t, const char *t_end)
{
    if (p == p_end) return t == t_end;
    if (*p == '*') {
        for (const char *rest = t; rest <= t_end; rest++) {
            if (model(p + 1, p_end, rest, t_end)) return true;
        }
        return false;
    }
    return t < t_end && (*p == '?' || *p == *t) && model(p + 1, p_end, t + 1, t_end);
}

/* Both end flush with their allocations, for the sanitizer's eyes. */
static char *exact_copy(const char *bytes, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, bytes, len);
    return copy;
}

static size_t random_text(struct rng *rng, char *out, size_t max, const char *alphabet)
{
    size_t len = rng_below(rng, max + 1);
    for (size_t i = 0; i < len; i++) out[i] = alphabet[rng_below(rng, strlen(alphabet))];
    return len;
}

static void random_patterns_equal_the_definition(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    for (int round = 0; round < 50000; round++) {
        char p[10], t[12];
        size_t p_len = random_text(&rng, p, sizeof(p), "ab*?");
        size_t t_len = 1 + random_text(&rng, t, sizeof(t) - 1, "ab"); /* an empty text is a case of its own */
        t[t_len - 1] = 'a';
        assert_int_equal(glob_match(SLICE(p, p_len), SLICE(t, t_len)), model(p, p + p_len, t, t + t_len));
    }
}

static void nothing_is_read_outside_the_pattern(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 4);
    size_t hits = 0;
    for (int round = 0; round < 50000; round++) {
        char p[8], t[6];
        size_t p_len = random_text(&rng, p, sizeof(p), "a-]^\\[*?[");
        size_t t_len = random_text(&rng, t, sizeof(t), "a-]^\\[");
        char *p_exact = exact_copy(p, p_len), *t_exact = exact_copy(t, t_len);
        bool exact = glob_match(SLICE(p_exact, p_len), SLICE(t_exact, t_len));
        assert_int_equal(exact, glob_match(SLICE(p, p_len), SLICE(t, t_len)));
        hits += exact;
        free(p_exact);
        free(t_exact);
    }
    assert_true(hits > 100);
}

static void many_stars_do_not_hang(void **state)
{
    (void)state;
    enum { STARS = 1000, TEXT = 20000 };
    char *pattern = malloc(2 * STARS + 1), *text = malloc(TEXT);
    for (size_t i = 0; i < STARS; i++) pattern[2 * i] = '*', pattern[2 * i + 1] = 'a';
    pattern[2 * STARS] = 'b';
    memset(text, 'a', TEXT);
    int64_t start_us = clock_mono_us();
    assert_false(glob_match(SLICE(pattern, 2 * STARS + 1), SLICE(text, TEXT)));
    assert_true(clock_mono_us() - start_us < 20000000);
    free(pattern);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_as_documented),        cmocka_unit_test(odd_patterns_match_as_in_redis),
        cmocka_unit_test(nuls_are_bytes_like_others),          cmocka_unit_test(case_is_folded_when_asked),
        cmocka_unit_test(only_a_lone_star_is_everything),      cmocka_unit_test(random_patterns_equal_the_definition),
        cmocka_unit_test(nothing_is_read_outside_the_pattern), cmocka_unit_test(many_stars_do_not_hang),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
