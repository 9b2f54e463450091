/* SPDX-License-Identifier: MIT */
#include "base/num.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"

/* --- parsing integers --- */

/* A value of up to this many digits fits in 63 bits. */
#define SAFE_DIGITS 18

/* Eight ASCII digits at once: true and their value when all are digits. */
static inline bool parse_8_digits(const char *p, uint64_t *out)
{
    uint64_t w;
    memcpy(&w, p, 8);
    w = le64toh(w);
    const uint64_t zeros = UINT64_C(0x3030303030303030);
    /* The high half of each byte must be 3 and stay 3 after adding 6. */
    uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0);
    if ((w & high) != zeros || ((w + UINT64_C(0x0606060606060606)) & high) != zeros) return false;
    w -= zeros;
    w = w * 10 + (w >> 8); /* pairs, in every second byte */
    const uint64_t mask = UINT64_C(0x000000ff000000ff);
    uint64_t outer = (w & mask) * (100 + (UINT64_C(1000000) << 32));
    uint64_t inner = ((w >> 16) & mask) * (1 + (UINT64_C(10000) << 32));
    *out = (outer + inner) >> 32;
    return true;
}

/* Digits without a leading zero; the caller has seen that there is at least one character. */
static bool parse_magnitude(const char *p, size_t len, uint64_t *out)
{
    if (*p == '0') {
        *out = 0;
        return len == 1;
    }
    uint64_t value = 0, chunk;
    size_t safe = len < SAFE_DIGITS ? len : SAFE_DIGITS;
    const char *end = p + len;
    const char *safe_end = p + safe;
    for (; safe_end - p >= 8; p += 8) {
        if (!parse_8_digits(p, &chunk)) return false;
        value = value * 100000000 + chunk;
    }
    for (; p < safe_end; p++) {
        unsigned digit = (unsigned char)*p - (unsigned)'0';
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    for (; p < end; p++) {
        unsigned digit = (unsigned char)*p - (unsigned)'0';
        if (digit > 9) return false;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value)) return false;
    }
    *out = value;
    return true;
}

bool num_parse_uint64(struct slice s, uint64_t *out)
{
    if (s.len == 0 || s.len > NUM_INT64_CHARS) return false;
    return parse_magnitude(s.ptr, s.len, out);
}

bool num_parse_int64(struct slice s, int64_t *out)
{
    if (s.len == 0 || s.len > NUM_INT64_CHARS) return false;
    uint64_t magnitude;
    if (s.ptr[0] != '-') {
        if (!parse_magnitude(s.ptr, s.len, &magnitude) || magnitude > INT64_MAX) return false;
        *out = (int64_t)magnitude;
        return true;
    }
    if (s.len == 1 || s.ptr[1] == '0') return false;
    if (!parse_magnitude(s.ptr + 1, s.len - 1, &magnitude) || magnitude > (uint64_t)INT64_MAX + 1) return false;
    *out = (int64_t)-magnitude;
    return true;
}

/* --- formatting integers --- */

static const uint64_t powers_of_ten[] = {
    UINT64_C(0), /* 0 has one digit too */
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000),
};

/* log10 is estimated from log2 (1233 / 4096 is a little over log10(2)) and corrected by one comparison. */
unsigned num_digits_uint64(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned estimate = (bits * 1233) >> 12;
    return estimate + (value >= powers_of_ten[estimate]);
}

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                  "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                  "8081828384858687888990919293949596979899";

unsigned num_format_uint64(char *out, uint64_t value)
{
    unsigned len = num_digits_uint64(value);
    char *end = out + len;
    while (value >= 100) {
        end -= 2;
        memcpy(end, digit_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(end - 2, digit_pairs + 2 * value, 2);
    else
        end[-1] = (char)('0' + value);
    return len;
}

unsigned num_format_int64(char *out, int64_t value)
{
    if (value >= 0) return num_format_uint64(out, (uint64_t)value);
    *out = '-';
    return 1 + num_format_uint64(out + 1, -(uint64_t)value);
}

/* --- floating point: parsing --- */

/* strtod wants a terminated string; a longer number than this is refused. */
#define FLOAT_TEXT_MAX NUM_LONG_DOUBLE_CHARS

static bool terminate(struct slice s, char *text)
{
    if (s.len == 0 || s.len >= FLOAT_TEXT_MAX) return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return !isspace((unsigned char)text[0]);
}

/* Out of range means too large or so small that nothing is left; a denormal result is a number. */
bool num_parse_double(struct slice s, double *out)
{
    char text[FLOAT_TEXT_MAX];
    char *end;
    if (!terminate(s, text)) return false;
    errno = 0;
    double value = strtod(text, &end);
    if (end != text + s.len || isnan(value)) return false;
    if (errno == ERANGE && (isinf(value) || value == 0)) return false;
    *out = value;
    return true;
}

bool num_parse_long_double(struct slice s, long double *out)
{
    char text[FLOAT_TEXT_MAX];
    char *end;
    if (!terminate(s, text)) return false;
    errno = 0;
    long double value = strtold(text, &end);
    if (end != text + s.len || isnan(value)) return false;
    if (errno == ERANGE && (isinf(value) || value == 0)) return false;
    *out = value;
    return true;
}

/* --- floating point: formatting --- */

static unsigned put_text(char *out, const char *text)
{
    size_t len = strlen(text);
    memcpy(out, text, len + 1);
    return (unsigned)len;
}

unsigned num_format_long_double(char *out, long double value)
{
    if (isnan(value)) return put_text(out, "nan");
    if (isinf(value)) return put_text(out, value > 0 ? "inf" : "-inf");
    int n = snprintf(out, NUM_LONG_DOUBLE_CHARS, "%.17Lf", value);
    ASSERT(n > 0 && n < NUM_LONG_DOUBLE_CHARS);
    unsigned len = (unsigned)n;
    while (out[len - 1] == '0') len--;
    if (out[len - 1] == '.') len--;
    if (len == 2 && out[0] == '-' && out[1] == '0') {
        out[0] = '0';
        len = 1;
    }
    out[len] = '\0';
    return len;
}

/* The digits of a finite number that is not 0: value = 0.DIGITS * 10^point, sign aside. */
struct decimal {
    char digits[20];
    int count;
    int point;
};

static bool reads_back(const char *text, double value) { return strtod(text, NULL) == value; }

/* 15 digits identify every decimal that short, 17 every double. Denormal numbers have fewer digits to
 * begin with, so the search starts at one. */
static void shortest_digits(double value, struct decimal *out)
{
    char text[32];
    int precision = fabs(value) < DBL_MIN ? 1 : DBL_DIG;
    do {
        snprintf(text, sizeof(text), "%.*e", precision - 1, value);
    } while (!reads_back(text, value) && ++precision <= DBL_DECIMAL_DIG);
    out->count = 0;
    const char *p = text;
    for (; *p != 'e'; p++) {
        if (*p != '.') out->digits[out->count++] = *p;
    }
    out->point = (int)strtol(p + 1, NULL, 10) + 1;
    while (out->count > 1 && out->digits[out->count - 1] == '0') out->count--;
}

static char *put_digits(char *out, const char *digits, int count)
{
    memcpy(out, digits, (size_t)count);
    return out + count;
}

static char *put_zeros(char *out, int count)
{
    memset(out, '0', (size_t)count);
    return out + count;
}

static char *put_plain(char *out, const struct decimal *d)
{
    if (d->point >= d->count) {
        out = put_digits(out, d->digits, d->count);
        return put_zeros(out, d->point - d->count);
    }
    if (d->point > 0) {
        out = put_digits(out, d->digits, d->point);
        *out++ = '.';
        return put_digits(out, d->digits + d->point, d->count - d->point);
    }
    *out++ = '0';
    *out++ = '.';
    out = put_zeros(out, -d->point);
    return put_digits(out, d->digits, d->count);
}

static char *put_scientific(char *out, const struct decimal *d)
{
    int exponent = d->point - 1;
    *out++ = d->digits[0];
    if (d->count > 1) {
        *out++ = '.';
        out = put_digits(out, d->digits + 1, d->count - 1);
    }
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    return out + num_format_uint64(out, (uint64_t)abs(exponent));
}

/* Redis 7.2 writes a number out in full while at most 6 zeros are to be added behind its digits, or when
 * at most 6 of its digits stand behind the point, or when its magnitude is 0.001 to 9999. */
static bool is_plain(const struct decimal *d)
{
    int exponent = d->point - 1;
    int scale = d->point - d->count; /* value = DIGITS * 10^scale */
    if (scale >= 0) return abs(exponent) < d->count + 7;
    return scale > -7 || abs(exponent) < 4;
}

/* Integers up to here are written by their digits, whatever is_plain would say. */
#define WHOLE_NUMBER_MAX 4611686018427387904.0 /* 2^62 */

unsigned num_format_double(char *out, double value)
{
    if (isnan(value)) return put_text(out, "nan");
    if (isinf(value)) return put_text(out, value > 0 ? "inf" : "-inf");
    if (value == 0) return put_text(out, signbit(value) ? "-0" : "0");
    char *at = out;
    if (fabs(value) <= WHOLE_NUMBER_MAX && value == (double)(int64_t)value) {
        at += num_format_int64(at, (int64_t)value);
    } else {
        struct decimal d;
        shortest_digits(fabs(value), &d);
        if (value < 0) *at++ = '-';
        at = is_plain(&d) ? put_plain(at, &d) : put_scientific(at, &d);
    }
    *at = '\0';
    return (unsigned)(at - out);
}

/* --- memory sizes --- */

static bool unit_of(struct slice s, uint64_t *out)
{
    static const struct {
        const char *name;
        uint64_t bytes;
    } units[] = {
        {"", 1},           {"b", 1},        {"k", 1000},     {"m", 1000000},
        {"g", 1000000000}, {"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!slice_is_word(s, units[i].name)) continue;
        *out = units[i].bytes;
        return true;
    }
    return false;
}

bool num_parse_memory(struct slice s, uint64_t *out)
{
    uint64_t value = 0, unit;
    size_t i = 0;
    for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++) {
        unsigned digit = (unsigned)(s.ptr[i] - '0');
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value)) return false;
    }
    if (i == 0 || !unit_of(SLICE(s.ptr + i, s.len - i), &unit)) return false;
    return !__builtin_mul_overflow(value, unit, out);
}

void num_format_human_bytes(char *out, uint64_t bytes)
{
    static const char units[] = "BKMGTP";
    unsigned unit = 0;
    double scaled = (double)bytes;
    for (uint64_t rest = bytes; rest >= 1024 && unit < sizeof(units) - 2; rest /= 1024) {
        scaled /= 1024;
        unit++;
    }
    if (unit == 0)
        snprintf(out, 32, "%lluB", (unsigned long long)bytes);
    else
        snprintf(out, 32, "%.2f%c", scaled, units[unit]);
}
