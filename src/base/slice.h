/* SPDX-License-Identifier: MIT */
/*
 * A slice: bytes that somebody else owns. Not terminated; may hold NULs.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct slice {
    const char *ptr;
    size_t len;
};

#define SLICE(ptr_, len_) ((struct slice){(ptr_), (len_)})
/* A string literal as a slice. */
#define SLICE_LIT(s) ((struct slice){("" s), sizeof(s) - 1})

static inline struct slice slice_of(const char *cstr) { return (struct slice){cstr, strlen(cstr)}; }

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* For keys of tables, mostly 8 to 32 bytes: compared by words that overlap, without a call. */
static inline bool bytes_are_same(const char *a, const char *b, size_t len)
{
    if (len < 8 || len > 32) return len == 0 || memcmp(a, b, len) == 0;
    uint64_t x, y, differs = 0;
    for (size_t i = 0; i + 8 < len; i += 8) {
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        differs |= x ^ y;
    }
    memcpy(&x, a + len - 8, 8);
    memcpy(&y, b + len - 8, 8);
    return (differs | (x ^ y)) == 0;
}

/* ASCII case-insensitive comparison with a C string, as option words are compared. */
static inline bool slice_is_word(struct slice a, const char *word)
{
    return strlen(word) == a.len && strncasecmp(a.ptr, word, a.len) == 0;
}

#endif
