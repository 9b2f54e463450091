/* SPDX-License-Identifier: MIT */
/*
 * A blob: heap bytes with length and capacity, passed by ownership: a large bulk read from
 * a socket becomes a value without a copy.
 *
 *   0        8          16
 *   +--------+----------+----------- ... -----------+
 *   | len    | capacity | bytes                     |
 *   +--------+----------+----------- ... -----------+
 */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include <stddef.h>

#include "base/slice.h"

struct blob {
    size_t len;
    size_t cap; /* bytes that `data` may hold */
    char data[];
};

/* Empty, room for at least `cap` bytes; the capacity is rounded up to the size class. */
struct blob *blob_new(size_t cap);
struct blob *blob_try_new(size_t cap); /* NULL when there is no memory */
struct blob *blob_copy_of(struct slice bytes);
/* May move. Room for at least `cap` bytes; never shrinks. */
struct blob *blob_reserve(struct blob *b, size_t cap);
struct blob *blob_try_reserve(struct blob *b, size_t cap); /* NULL: no memory, b stays valid */
/* May move. Gives back slack when more than `slack` bytes are unused. */
struct blob *blob_trim(struct blob *b, size_t slack);
void blob_free(struct blob *b);                /* NULL is fine */
size_t blob_alloc_bytes(const struct blob *b); /* what it occupies */

static inline struct slice blob_slice(const struct blob *b) { return SLICE(b->data, b->len); }

#endif
