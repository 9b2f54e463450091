/* SPDX-License-Identifier: MIT */
/*
 * Few units are compared each with each; more go through a table of marks, open addressing under the keyed hash, so that nobody can
 * make a file that takes quadratic time.
 */
#include "rdb/gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "ds/intset.h"
#include "ds/listpack.h"

#define ITEMS_MIN 64
#define PACK_MIN_BYTES 256
/* What is kept from key to key. */
#define PACK_KEPT_BYTES ((size_t)4 << 20)
#define PAIRWISE_MAX_UNITS 12
#define NO_MARK UINT32_MAX
/* Above this the store builds the value element by element: marks are 32 bits. */
#define INT_BYTES_MAX 8

/* --- the scratch listpack --- */

static uint8_t *resize_scratch(void *owner, size_t size)
{
    struct rdb_gather *g = owner;
    if (size > g->lp_cap) {
        g->lp_cap = size < PACK_MIN_BYTES ? PACK_MIN_BYTES : size + size / 2;
        g->lp.bytes = mem_realloc(g->lp.bytes, g->lp_cap);
    }
    return g->lp.bytes;
}

static void scratch_clear(struct rdb_gather *g)
{
    if (g->lp_cap > PACK_KEPT_BYTES) {
        mem_free(g->lp.bytes);
        g->lp.bytes = NULL;
        g->lp_cap = 0;
    }
    g->lp.resize = resize_scratch;
    g->lp.owner = g;
    pack_resize(&g->lp, LISTPACK_EMPTY_BYTES);
    listpack_init(g->lp.bytes);
}

void rdb_gather_deinit(struct rdb_gather *g)
{
    mem_free(g->items);
    mem_free(g->lp.bytes);
    mem_free(g->marks);
    *g = (struct rdb_gather){0};
}

void rdb_gather_clear(struct rdb_gather *g)
{
    g->count = 0;
    scratch_clear(g);
}

/* --- collecting --- */

void rdb_gather_add(struct rdb_gather *g, const struct item *i)
{
    if (g->count == g->cap) {
        g->cap = g->cap ? 2 * g->cap : ITEMS_MIN;
        g->items = mem_realloc(g->items, g->cap * sizeof(*g->items));
    }
    g->items[g->count++] = *i;
}

bool rdb_gather_keep(struct rdb_gather *g, const struct item *i)
{
    if (!listpack_fits(g->lp.bytes, i->len + 2 * INT_BYTES_MAX)) return false;
    listpack_append(&g->lp, i);
    return true;
}

void rdb_gather_unpack(struct rdb_gather *g)
{
    struct item i;
    g->count = 0;
    for (uint32_t at = listpack_first(g->lp.bytes); at != LISTPACK_END;) {
        at = listpack_read(g->lp.bytes, at, &i);
        rdb_gather_add(g, &i);
    }
}

struct slice rdb_gather_kept(const struct rdb_gather *g)
{
    return SLICE((const char *)g->lp.bytes, listpack_bytes(g->lp.bytes));
}

/* --- packing --- */

struct slice rdb_gather_pack(struct rdb_gather *g)
{
    scratch_clear(g);
    for (size_t k = 0; k < g->count; k++)
        if (!item_is_int(&g->items[k])) g->items[k] = item_of(SLICE(g->items[k].ptr, g->items[k].len));
    listpack_insert_many(&g->lp, LISTPACK_END, g->items, g->count);
    return rdb_gather_kept(g);
}

static int compare_ints(const void *a, const void *b)
{
    int64_t x = ((const struct item *)a)->integer, y = ((const struct item *)b)->integer;
    return (x > y) - (x < y);
}

bool rdb_gather_pack_ints(struct rdb_gather *g, struct slice *out)
{
    for (size_t k = 0; k < g->count; k++)
        if (!item_is_int(&g->items[k])) return false;
    qsort(g->items, g->count, sizeof(*g->items), compare_ints);
    pack_resize(&g->lp, INTSET_EMPTY_BYTES + g->count * INT_BYTES_MAX);
    intset_init(g->lp.bytes);
    for (size_t k = 0; k < g->count; k++) intset_add(&g->lp, g->items[k].integer);
    *out = SLICE((const char *)g->lp.bytes, intset_bytes(g->lp.bytes));
    return true;
}

/* --- duplicates --- */

static bool same_text(const struct item *a, const struct item *b)
{
    char digits_a[NUM_INT64_CHARS], digits_b[NUM_INT64_CHARS];
    if (item_is_int(a) && item_is_int(b)) return a->integer == b->integer;
    if (a->ptr && b->ptr && a->len != b->len) return false;
    return slice_eq(item_slice(a, digits_a), item_slice(b, digits_b));
}

static bool has_duplicate_pairwise(const struct rdb_gather *g, size_t unit)
{
    for (size_t i = unit; i < g->count; i += unit)
        for (size_t k = 0; k < i; k += unit)
            if (same_text(&g->items[i], &g->items[k])) return true;
    return false;
}

static void clear_marks(struct rdb_gather *g, size_t cap)
{
    if (g->marks_cap < cap) {
        mem_free(g->marks);
        g->marks = mem_alloc(cap * sizeof(*g->marks));
        g->marks_cap = cap;
    }
    memset(g->marks, 0xff, cap * sizeof(*g->marks));
}

/* False when an item with the same text is marked already. */
static bool mark(struct rdb_gather *g, size_t mask, uint32_t index)
{
    char digits[NUM_INT64_CHARS];
    struct slice text = item_slice(&g->items[index], digits);
    size_t at = hash_bytes(text.ptr, text.len) & mask;
    for (; g->marks[at] != NO_MARK; at = (at + 1) & mask)
        if (same_text(&g->items[index], &g->items[g->marks[at]])) return false;
    g->marks[at] = index;
    return true;
}

bool rdb_gather_has_duplicate(struct rdb_gather *g, size_t unit)
{
    size_t units = g->count / unit;
    if (units <= PAIRWISE_MAX_UNITS) return has_duplicate_pairwise(g, unit);
    size_t cap = (size_t)1 << (65 - __builtin_clzl(units)); /* two to four times as many */
    clear_marks(g, cap);
    for (size_t i = 0; i < g->count; i += unit)
        if (!mark(g, cap - 1, (uint32_t)i)) return true;
    return false;
}
