/* SPDX-License-Identifier: MIT */
/*
 * Numbers and text: strict parsers and exact formatters, with the rules of Redis.
 */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define NUM_INT64_CHARS 20         /* "-9223372036854775808"; no NUL */
#define NUM_DOUBLE_CHARS 64        /* room for num_format_double, with a NUL */
#define NUM_LONG_DOUBLE_CHARS 5120 /* room for num_format_long_double: long double has 4933 digits */

/* Canonical decimal only: no spaces, no '+', no leading zeros, no "-0"; in range. */
bool num_parse_int64(struct slice s, int64_t *out);
bool num_parse_uint64(struct slice s, uint64_t *out);

/* Writes the digits (no NUL) and returns how many: 1 to NUM_INT64_CHARS. */
unsigned num_format_int64(char *out, int64_t value);
unsigned num_format_uint64(char *out, uint64_t value);
unsigned num_digits_uint64(uint64_t value);

/* A whole string that is a number for strtod; "inf" forms allowed, NaN and leading spaces are not, nor
 * numbers too large or too small for a double, nor texts of NUM_LONG_DOUBLE_CHARS bytes and more. */
bool num_parse_double(struct slice s, double *out);
/* As INCRBYFLOAT reads its numbers: long double; NaN and leading spaces refused; inf accepted (the caller decides). */
bool num_parse_long_double(struct slice s, long double *out);
/* As INCRBYFLOAT and HINCRBYFLOAT write: %.17Lf with trailing zeros (and a trailing point) removed,
 * "-0" as "0". `out` has NUM_LONG_DOUBLE_CHARS bytes; NUL-terminated. Returns the length. */
unsigned num_format_long_double(char *out, long double value);
/* The shortest text that reads back as the same double, "inf"/"-inf"/"nan"; integers to 2^62 without
 * exponent; laid out as Redis 7.2 replies doubles ("1e-7", "1.5e+25"). Redis 7.0 and older write "%.17g"
 * instead. Returns the length; NUL-terminated. */
unsigned num_format_double(char *out, double value);

/* "1gb", "10k", "512" and so on: k=1000, kb=1024, m, mb, g, gb, b; case-insensitive. */
bool num_parse_memory(struct slice s, uint64_t *out);
/* "1.50M" as INFO's *_human fields: B, K, M, G, T, P. `out` has 32 bytes; NUL-terminated. */
void num_format_human_bytes(char *out, uint64_t bytes);

#endif
