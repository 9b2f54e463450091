/* SPDX-License-Identifier: MIT */
#include "base/num.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define ROUNDS 200000

static struct rng rng;

/* All lengths alike, and the neighbours of powers of ten and of two. */
static uint64_t random_uint64(void)
{
    uint64_t near = 1;
    switch (rng_below(&rng, 3)) {
    case 0: return rng_next(&rng) >> rng_below(&rng, 64);
    case 1:
        for (uint64_t n = rng_below(&rng, 20); n > 0; n--) near *= 10;
        return near + rng_below(&rng, 3) - 1;
    default: return (UINT64_C(1) << rng_below(&rng, 64)) + rng_below(&rng, 3) - 1;
    }
}

static void check_uint64(uint64_t value)
{
    char expected[32], text[NUM_INT64_CHARS + 1];
    int len = snprintf(expected, sizeof(expected), "%" PRIu64, value);
    text[NUM_INT64_CHARS] = '#';
    assert_int_equal(num_format_uint64(text, value), len);
    assert_memory_equal(text, expected, (size_t)len);
    assert_int_equal(text[NUM_INT64_CHARS], '#');
    assert_int_equal(num_digits_uint64(value), len);
    uint64_t back;
    assert_true(num_parse_uint64(SLICE(text, (size_t)len), &back));
    assert_true(back == value);
}

static void check_int64(int64_t value)
{
    char expected[32], text[NUM_INT64_CHARS];
    int len = snprintf(expected, sizeof(expected), "%" PRId64, value);
    assert_int_equal(num_format_int64(text, value), len);
    assert_memory_equal(text, expected, (size_t)len);
    int64_t back;
    assert_true(num_parse_int64(SLICE(text, (size_t)len), &back));
    assert_true(back == value);
}

static void integers_are_written_and_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t value = random_uint64();
        check_uint64(value);
        check_int64((int64_t)value);
        check_int64(-(int64_t)(value >> 1));
    }
    for (uint64_t i = 0; i < 100000; i++) check_uint64(i);
    check_uint64(UINT64_MAX);
    check_int64(INT64_MAX);
    check_int64(INT64_MIN);
}

static bool parses_int64(const char *text)
{
    int64_t out;
    return num_parse_int64(slice_of(text), &out);
}

static void only_canonical_integers_are_read(void **state)
{
    (void)state;
    const char *const bad[] = {"",
                               "-",
                               "+1",
                               " 1",
                               "1 ",
                               "01",
                               "00",
                               "-0",
                               "-01",
                               "1.0",
                               "0x1",
                               "1e3",
                               "--1",
                               "1-",
                               "a",
                               "12345678a",
                               "9223372036854775808",
                               "-9223372036854775809",
                               "99999999999999999999",
                               "-99999999999999999999",
                               "18446744073709551616",
                               "111111111111111111111",
                               "1234567:",
                               "1234567/",
                               "12345678:",
                               ":2345678",
                               "/2345678"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) assert_false(parses_int64(bad[i]));
    assert_true(parses_int64("0"));
    assert_true(parses_int64("9223372036854775807"));
    assert_true(parses_int64("-9223372036854775808"));
    uint64_t value;
    assert_false(num_parse_uint64(slice_of("18446744073709551616"), &value));
    assert_false(num_parse_uint64(slice_of("-1"), &value));
    assert_false(num_parse_uint64(slice_of("00"), &value));
    assert_true(num_parse_uint64(slice_of("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_false(num_parse_int64(SLICE("1\0", 2), &(int64_t){0}));
}

/* One byte of a good number replaced by any other byte: digits stay good, nothing else does. */
static void a_foreign_byte_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 19; len++) {
        for (size_t at = 0; at < len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                char text[20];
                memset(text, '1', len);
                text[at] = (char)byte;
                bool is_good = (byte >= '1' && byte <= '9') || (byte == '0' && (at > 0 || len == 1)) ||
                               (byte == '-' && at == 0 && len > 1);
                if (len == 19 && byte == '9' && at == 0) continue; /* 9111... still fits; below */
                int64_t value;
                assert_int_equal(num_parse_int64(SLICE(text, len), &value), is_good);
                if (!is_good) continue;
                char terminated[21] = {0};
                memcpy(terminated, text, len);
                assert_true(value == strtoll(terminated, NULL, 10));
            }
        }
    }
}

/* --- floating point --- */

static double random_double(void)
{
    uint64_t bits = rng_next(&rng);
    double value;
    switch (rng_below(&rng, 4)) {
    case 0: /* any bit pattern */ memcpy(&value, &bits, sizeof(value)); return isnan(value) ? 0.5 : value;
    case 1: return (double)(int64_t)bits / 1000.0;
    case 2: return (double)(bits >> rng_below(&rng, 64)) * pow(10, (double)rng_below(&rng, 20) - 12);
    default: return (double)rng_below(&rng, 100000) / 100.0;
    }
}

/* True when some text with fewer significant digits reads back as the value. */
static bool has_shorter(double value, int digits)
{
    char text[40];
    for (int precision = 1; precision < digits; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision - 1, value);
        if (strtod(text, NULL) == value) return true;
    }
    return false;
}

static int significant_digits(const char *text)
{
    int count = 0, zeros = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && count == 0)) continue;
        count++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return count - zeros;
}

static void doubles_are_short_and_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS / 4; i++) {
        double value = random_double(), back;
        char text[NUM_DOUBLE_CHARS];
        unsigned len = num_format_double(text, value);
        assert_int_equal(strlen(text), len);
        assert_true(len < NUM_DOUBLE_CHARS);
        assert_true(num_parse_double(SLICE(text, len), &back));
        assert_memory_equal(&back, &value, sizeof(value));
        if (fabs(value) > 4.7e18 && !isinf(value)) assert_false(has_shorter(value, significant_digits(text)));
        if (fabs(value) < 1 && value != 0) assert_false(has_shorter(value, significant_digits(text)));
    }
}

static void doubles_are_laid_out_as_in_replies(void **state)
{
    (void)state;
    const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1, "-1"},
        {3.14, "3.14"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {100000, "100000"},
        {1e15, "1000000000000000"},
        {123456789012345680.0, "123456789012345680"},
        {1e18, "1000000000000000000"},
        {-1e18, "-1000000000000000000"},
        {1e19, "1e+19"},
        {12345678e18, "1.2345678e+25"},
        {1.5e300, "1.5e+300"},
        {0.001, "0.001"},
        {0.000001, "0.000001"},
        {0.0000001, "1e-7"},
        {0.00012345, "1.2345e-4"},
        {1.25e-10, "1.25e-10"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {1.0 / 3, "0.3333333333333333"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[NUM_DOUBLE_CHARS];
        assert_int_equal(num_format_double(text, cases[i].value), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void doubles_are_read_strictly(void **state)
{
    (void)state;
    const char *const bad[] = {"", " 1", "1 ", "abc", "1a", "nan", "-nan", "1e999", "-1e999", "1e-999", "1,5", "--1"};
    const char *const good[] = {"1",     "-1.5", "+3", "inf",  "-inf", "+inf", "Infinity",
                                "1e308", ".5",   "5.", "0x10", "-0",   "007",  "4e-320"};
    double value;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(num_parse_double(slice_of(bad[i]), &value));
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(num_parse_double(slice_of(good[i]), &value));
        assert_true(value == strtod(good[i], NULL));
    }
    assert_false(num_parse_double(SLICE("1\0", 2), &value));
    /* The slice ends before the text does. */
    assert_true(num_parse_double(SLICE("1234", 2), &value));
    assert_true(value == 12);
    char *zeros = calloc(1, 100000);
    memset(zeros, '0', 99999);
    assert_false(num_parse_double(SLICE(zeros, 99999), &value));
    free(zeros);
}

static void long_doubles_follow_incrbyfloat(void **state)
{
    (void)state;
    const struct {
        const char *in;
        const char *out; /* NULL: refused */
    } cases[] = {
        {"0", "0"},
        {"-0", "0"},
        {"10.50", "10.5"},
        {"3.0e3", "3000"},
        {"5.0e-2", "0.05"},
        {"1e-18", "0"},
        {"-1e-18", "0"},
        {"100", "100"},
        {"1e20", "100000000000000000000"},
        {"0.1", "0.1"},
        {"inf", "inf"},
        {"-inf", "-inf"},
        {"nan", NULL},
        {" 1", NULL},
        {"1 ", NULL},
        {"", NULL},
        {"1x", NULL},
        {"1e5000", NULL},
        {"1e-5000", NULL},
        {"123456789.123", "123456789.12299999999959255"},
    };
    char text[NUM_LONG_DOUBLE_CHARS];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        long double value;
        bool ok = num_parse_long_double(slice_of(cases[i].in), &value);
        assert_int_equal(ok, cases[i].out != NULL);
        if (!ok) continue;
        assert_int_equal(num_format_long_double(text, value), strlen(cases[i].out));
        assert_string_equal(text, cases[i].out);
    }
    assert_string_equal((num_format_long_double(text, NAN), text), "nan");
    assert_true(num_format_long_double(text, -LDBL_MAX) < NUM_LONG_DOUBLE_CHARS);
}

/* --- sizes --- */

static void memory_sizes_have_units(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},
                {"512", 512},
                {"512b", 512},
                {"10k", 10000},
                {"10kb", 10240},
                {"1M", 1000000},
                {"1Mb", 1048576},
                {"2g", 2000000000},
                {"2GB", UINT64_C(2) << 30},
                {"18446744073709551615", UINT64_MAX}};
    const char *const bad[] = {
        "", "kb", "-1", "1.5gb", "1t", "1 kb", "18446744073709551616", "18446744073709551615k", "99999999999gb"};
    uint64_t bytes;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(num_parse_memory(slice_of(good[i].text), &bytes));
        assert_true(bytes == good[i].bytes);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) assert_false(num_parse_memory(slice_of(bad[i]), &bytes));
}

static void sizes_are_shown_in_the_largest_unit(void **state)
{
    (void)state;
    const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {{0, "0B"},
                 {1023, "1023B"},
                 {1024, "1.00K"},
                 {1536, "1.50K"},
                 {(1 << 20) - 1, "1024.00K"},
                 {1 << 20, "1.00M"},
                 {UINT64_C(5) << 30, "5.00G"},
                 {UINT64_C(1) << 40, "1.00T"},
                 {UINT64_C(1) << 50, "1.00P"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];
        num_format_human_bytes(text, cases[i].bytes);
        assert_string_equal(text, cases[i].text);
    }
    char text[32];
    num_format_human_bytes(text, UINT64_MAX);
    assert_string_equal(text, "16384.00P");
}

int main(void)
{
    rng_seed(&rng, 42);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_written_and_read_back),  cmocka_unit_test(only_canonical_integers_are_read),
        cmocka_unit_test(a_foreign_byte_anywhere_is_refused),  cmocka_unit_test(doubles_are_short_and_read_back),
        cmocka_unit_test(doubles_are_laid_out_as_in_replies),  cmocka_unit_test(doubles_are_read_strictly),
        cmocka_unit_test(long_doubles_follow_incrbyfloat),     cmocka_unit_test(memory_sizes_have_units),
        cmocka_unit_test(sizes_are_shown_in_the_largest_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
