/* SPDX-License-Identifier: MIT */
/*
 * Quicklist: a doubly linked list of nodes, each a listpack of bounded size, or one large element by itself (a plain node). With a compress
 * depth the nodes further than that from both ends are held in LZF while nobody changes them. The layout is drawn in quicklist.c.
 *
 * Indexes are 0 .. count - 1. Items may not point into the quicklist that is changed.
 */
#ifndef DS_QUICKLIST_H
#define DS_QUICKLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ds/item.h"

struct quicklist;
struct quicklist_node;

/* --- limits: list-max-listpack-size, also for the listpack of a list that is no quicklist yet --- */
/* max_size: negative -1 .. -5: 4 .. 64 KiB a node; positive: so many elements (and 8 KiB). True when a listpack of such a size is too large. */
bool quicklist_exceeds(int max_size, size_t bytes, size_t count);
/* True when it is at most half of what is allowed: small enough to be no quicklist any more. */
bool quicklist_is_far_below(int max_size, size_t bytes, size_t count);
/* True when an element of so many bytes gets a node by itself. */
bool quicklist_is_large(int max_size, size_t bytes);

struct quicklist *quicklist_new(int max_size, int compress_depth);
void quicklist_free(struct quicklist *q); /* NULL is fine */
struct quicklist *quicklist_copy(const struct quicklist *q);
size_t quicklist_count(const struct quicklist *q);
size_t quicklist_node_count(const struct quicklist *q);
size_t quicklist_memory(const struct quicklist *q); /* bytes of everything */

/* --- changing --- */
void quicklist_push(struct quicklist *q, bool at_head, struct slice element);
/* Appends nodes as they are: a whole listpack with elements, one plain element. */
void quicklist_append_listpack(struct quicklist *q, struct slice listpack);
void quicklist_append_plain(struct quicklist *q, struct slice element);
void quicklist_insert(struct quicklist *q, size_t index,
                      struct slice element); /* before it; index == count: at the end */
void quicklist_replace(struct quicklist *q, size_t index, struct slice element);
void quicklist_delete(struct quicklist *q, size_t index, size_t n); /* within range */
/* Up to max equal ones, from an end. Returns how many. */
size_t quicklist_delete_equal(struct quicklist *q, struct slice element, size_t max, bool from_tail);

/* --- reading: valid until the quicklist changes --- */
struct quicklist_cursor {
    const struct quicklist_node *node; /* private, all of it; NULL: past the end */
    const uint8_t *lp;                 /* NULL: a plain node */
    uint32_t at;
    bool backwards;
    uint8_t *unpacked;
};
/* Next to give: the element at index (out of range: none). Forwards or backwards from there. */
void quicklist_cursor_init(struct quicklist_cursor *c, const struct quicklist *q, size_t index, bool backwards);
bool quicklist_cursor_next(struct quicklist_cursor *c, struct item *out); /* false at the end */
void quicklist_cursor_deinit(struct quicklist_cursor *c);

/* The nodes in order; bytes are those of the listpack or the element, valid during the call. False from fn stops. */
void quicklist_each_node(const struct quicklist *q, bool (*fn)(void *ctx, bool is_plain, struct slice bytes),
                         void *ctx);
/* The listpack when there is exactly one node, and that is packed; else NULL. */
const uint8_t *quicklist_only_listpack(const struct quicklist *q);

bool quicklist_is_valid(const struct quicklist *q); /* walks everything: for tests */

#endif
