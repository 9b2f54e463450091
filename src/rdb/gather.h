/* SPDX-License-Identifier: MIT */
/*
 * The elements of a small collection on their way between a file and packed bytes, in memory that is used again for every key:
 * collected as items, compared with each other, packed. Units are what belongs together: a member (1), field and value or member and
 * score (2), field, value and expiry (3).
 */
#ifndef RDB_GATHER_H
#define RDB_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "ds/item.h"
#include "ds/pack.h"

struct rdb_gather {
    struct item *items;
    size_t count, cap;
    struct pack lp; /* a listpack; bytes NULL: not made yet */
    size_t lp_cap;
    uint32_t *marks; /* for looking for duplicates: indexes into items, open addressing */
    size_t marks_cap;
};

void rdb_gather_deinit(struct rdb_gather *g); /* leaves it empty and usable */
void rdb_gather_clear(struct rdb_gather *g);
/* The bytes of the item stay the caller's, and where they are. */
void rdb_gather_add(struct rdb_gather *g, const struct item *i);
/* Copies the item into the listpack instead; rdb_gather_unpack makes items of them. False: it does not fit any more. */
bool rdb_gather_keep(struct rdb_gather *g, const struct item *i);
void rdb_gather_unpack(struct rdb_gather *g);
/* The items as a listpack, every text that is an integer as one. Valid until the next call. */
struct slice rdb_gather_pack(struct rdb_gather *g);
/* The same of what was kept. */
struct slice rdb_gather_kept(const struct rdb_gather *g);
/* When all items are integers: as an intset (valid until the next call), false and nothing else. There are no duplicates. */
bool rdb_gather_pack_ints(struct rdb_gather *g, struct slice *out);
/* Whether the first items of two units have the same text. */
bool rdb_gather_has_duplicate(struct rdb_gather *g, size_t unit);

#endif
