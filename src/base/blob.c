/* SPDX-License-Identifier: MIT */
#include "base/blob.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

_Static_assert(sizeof(struct blob) == 16, "two words stand before the bytes");

/* The allocation for `cap` bytes of content; false when that is no size at all. */
static bool alloc_bytes_for(size_t cap, size_t *bytes)
{
    if (cap > PTRDIFF_MAX - sizeof(struct blob)) return false;
    *bytes = mem_good_size(sizeof(struct blob) + cap);
    return true;
}

struct blob *blob_try_new(size_t cap)
{
    size_t bytes;
    if (!alloc_bytes_for(cap, &bytes)) return NULL;
    struct blob *b = mem_try_alloc(bytes);
    if (b == NULL) return NULL;
    b->len = 0;
    b->cap = bytes - sizeof(struct blob);
    return b;
}

struct blob *blob_new(size_t cap)
{
    size_t bytes;
    ASSERT(alloc_bytes_for(cap, &bytes));
    struct blob *b = mem_alloc(bytes);
    b->len = 0;
    b->cap = bytes - sizeof(struct blob);
    return b;
}

struct blob *blob_copy_of(struct slice bytes)
{
    struct blob *b = blob_new(bytes.len);
    if (bytes.len > 0) memcpy(b->data, bytes.ptr, bytes.len);
    b->len = bytes.len;
    return b;
}

struct blob *blob_try_reserve(struct blob *b, size_t cap)
{
    size_t bytes;
    if (b->cap >= cap) return b;
    if (!alloc_bytes_for(cap, &bytes)) return NULL;
    struct blob *moved = mem_try_realloc(b, bytes);
    if (moved == NULL) return NULL;
    moved->cap = bytes - sizeof(struct blob);
    return moved;
}

struct blob *blob_reserve(struct blob *b, size_t cap)
{
    size_t bytes;
    if (b->cap >= cap) return b;
    ASSERT(alloc_bytes_for(cap, &bytes));
    b = mem_realloc(b, bytes);
    b->cap = bytes - sizeof(struct blob);
    return b;
}

struct blob *blob_trim(struct blob *b, size_t slack)
{
    ASSERT(b->len <= b->cap);
    if (b->cap - b->len <= slack) return b;
    size_t bytes = mem_good_size(sizeof(struct blob) + b->len);
    if (bytes == blob_alloc_bytes(b)) return b;
    b = mem_realloc(b, bytes);
    b->cap = bytes - sizeof(struct blob);
    return b;
}

void blob_free(struct blob *b)
{
    if (b != NULL) mem_free_sized(b, sizeof(struct blob) + b->cap);
}

size_t blob_alloc_bytes(const struct blob *b) { return sizeof(struct blob) + b->cap; }
