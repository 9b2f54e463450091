/* SPDX-License-Identifier: MIT */
/* Sets: intset, then listpack, then hashtable of members, with Redis 7.2's thresholds. */
#ifndef STORE_SET_H
#define STORE_SET_H

#include "base/rng.h"
#include "ds/item.h"
#include "store/value.h"

size_t set_count(const struct entry *e);
bool set_has(const struct entry *e, struct slice member);
/* ref->e NULL: a new set, put into the database (without db: made). False: there already. */
bool set_add(struct value_ref *ref, struct slice member);
bool set_remove(struct value_ref *ref,
                struct slice member); /* an empty set is taken out of its database (ref->e NULL) */

struct set_iter {
    const struct entry *e;
    struct item item;
    /* private */
    uint32_t at;
    size_t index;
    struct hashtable_iter table;
};
void set_iter_init(struct set_iter *it, const struct entry *e);
bool set_iter_next(struct set_iter *it);

/* A random member, fair. The item is valid until the set changes. */
void set_random(const struct entry *e, struct rng *rng, struct item *out);
/* One step of SSCAN: calls fn, returns the next cursor (0: the end; packed sets come whole in one step). */
uint64_t set_scan(const struct entry *e, uint64_t cursor, void (*fn)(void *ctx, const struct item *i), void *ctx);

#endif
