/* SPDX-License-Identifier: MIT */
/* Lists: a listpack while small (ENCODING_LISTPACK), a quicklist above (ENCODING_QUICKLIST), as list-max-listpack-size says. */
#ifndef STORE_LIST_H
#define STORE_LIST_H

#include "ds/item.h"
#include "ds/quicklist.h"
#include "store/value.h"

enum list_end { LIST_HEAD, LIST_TAIL };

size_t list_count(const struct entry *e);
/* ref->e NULL: a new list is put into the database (or, without db, made). The elements are pushed one after the other. */
void list_push(struct value_ref *ref, enum list_end end, const struct slice *elements, size_t n);
/* A position in a list, for reading; valid until the list changes. */
struct list_iter {
    const struct entry *e;
    struct item item; /* the current element */
    /* private */
    const uint8_t *lp; /* NULL: a quicklist, or nothing left */
    uint32_t at;
    bool backwards;
    struct quicklist_cursor cursor;
};
void list_iter_init(struct list_iter *it, const struct entry *e, int64_t index,
                    bool backwards);       /* index may be negative */
bool list_iter_next(struct list_iter *it); /* false at the end */
void list_iter_deinit(struct list_iter *it);

/* --- changing; a list that becomes empty is taken out of its database (ref->e is NULL then) --- */
/* Calls fn for each popped element (up to n), in order. */
void list_pop(struct value_ref *ref, enum list_end end, size_t n, void (*fn)(void *ctx, const struct item *i),
              void *ctx);
bool list_get(const struct entry *e, int64_t index,
              struct list_iter *it); /* positions `it` on it; the caller deinits. False: out of range */
/* Before elements are put in: a listpack that would become too large with them becomes a quicklist. */
void list_make_room(struct value_ref *ref, const struct slice *elements, size_t n);
bool list_set(struct value_ref *ref, int64_t index, struct slice element);    /* false: out of range */
void list_trim(struct value_ref *ref, int64_t keep_from, int64_t keep_count); /* within range */
/* LREM: up to n equal ones (0: all) from the head, or from the tail. Returns how many. */
size_t list_remove_equal(struct value_ref *ref, struct slice element, size_t n, bool from_tail);
bool list_insert(struct value_ref *ref, struct slice pivot, bool before, struct slice element); /* false: no pivot */

/* For RDB: quicklist nodes in order, packed (a listpack) or plain (one large element). */
struct list_node_view {
    bool is_plain;
    struct slice bytes; /* listpack or the element; valid until the next call */
};
void list_each_node(const struct entry *e, bool (*fn)(void *ctx, const struct list_node_view *n), void *ctx);
/* Builds from nodes that were validated: appends a listpack's elements or one plain element, as they are. */
void list_append_node(struct value_ref *ref, const struct list_node_view *n);

#endif
