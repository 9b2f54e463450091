/* SPDX-License-Identifier: MIT */
/*
 * Listpack: a list of short strings and integers in one run of bytes, walked both ways; the very bytes that RDB files of version 10 on
 * hold. The layout is drawn in listpack.c. Integers in canonical form are stored as integers.
 *
 * Positions are offsets of an element's first byte; LISTPACK_END (0) means "no element". Nothing here reads past the total that the header
 * claims, but only a validated listpack may be walked: listpack_validate takes any bytes.
 */
#ifndef DS_LISTPACK_H
#define DS_LISTPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ds/item.h"
#include "ds/pack.h"

#define LISTPACK_END 0u
#define LISTPACK_EMPTY_BYTES 7
#define LISTPACK_MAX_BYTES ((size_t)1 << 30) /* inserting past it is a bug of the caller: see listpack_fits */

void listpack_init(uint8_t out[LISTPACK_EMPTY_BYTES]); /* an empty one */
size_t listpack_bytes(const uint8_t *lp);
size_t listpack_count(const uint8_t *lp); /* O(1) below 65535, else walks */
/* True when `more` bytes of element can be added safely. */
bool listpack_fits(const uint8_t *lp, size_t more);
size_t listpack_element_bytes(const struct item *i); /* what it adds to the total */

/* --- walking --- */
uint32_t listpack_first(const uint8_t *lp);
uint32_t listpack_last(const uint8_t *lp);
uint32_t listpack_next(const uint8_t *lp, uint32_t at);
uint32_t listpack_prev(const uint8_t *lp, uint32_t at);
uint32_t listpack_seek(const uint8_t *lp, int64_t index); /* negative: from the end */
void listpack_get(const uint8_t *lp, uint32_t at, struct item *out);
/* Reads the element and returns the position of the next: for loops. */
uint32_t listpack_read(const uint8_t *lp, uint32_t at, struct item *out);
/* Equal means equal texts, however the element is encoded. */
bool listpack_equals(const uint8_t *lp, uint32_t at, const struct item *i);
/* From `at` on, every (skip+1)th element is compared; the position of the first equal one or LISTPACK_END. */
uint32_t listpack_find(const uint8_t *lp, uint32_t at, const struct item *i, unsigned skip);

/* --- changing; the item must not point into the same listpack --- */
void listpack_append(struct pack *p, const struct item *i);
void listpack_prepend(struct pack *p, const struct item *i);
/* Before the element at `at` (LISTPACK_END: at the end). Returns the position of the new element. */
uint32_t listpack_insert(struct pack *p, uint32_t at, const struct item *i);
/* In place; returns its position (the same). */
uint32_t listpack_replace(struct pack *p, uint32_t at, const struct item *i);
/* Several at once, in order, before `at`: one move of the bytes behind. */
void listpack_insert_many(struct pack *p, uint32_t at, const struct item *items, size_t n);
/* Removes n elements from `at` on, or all that follow when they are fewer; returns the position of what follows, or LISTPACK_END. */
uint32_t listpack_delete(struct pack *p, uint32_t at, size_t n);
/* Appends the elements of another listpack (not of the same bytes). */
void listpack_merge(struct pack *p, const uint8_t *other);

/* --- untrusted bytes --- */
/* True when the bytes are one whole listpack: total, every encoding and back length, terminator, count. Else *reason is a static text. fn (may be NULL) is
 * called for each element in order; false stops with the reason it set. */
bool listpack_validate(const uint8_t *bytes, size_t len, const char **reason,
                       bool (*fn)(void *ctx, size_t index, const struct item *i, const char **reason), void *ctx);
bool listpack_is_valid(const uint8_t *lp); /* for tests and debug builds */

#endif
