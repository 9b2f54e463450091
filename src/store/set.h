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

/* Before `count` members are added, of which `first` is the first: goes to the encoding in which they will probably end. An absent key
 * is created, and holds nothing yet. */
void set_expect(struct value_ref *ref, struct slice first, size_t count);

/* Many lookups whose cache misses overlap: up to 64 members, each with its hash, which is the same for every set. `asked` has a bit for
 * each probe that counts; the answer has the bits of those that are in the set. */
#define SET_PROBES_MAX 64
struct set_probe {
    struct slice member;
    uint64_t hash;
};
struct set_probe set_probe(struct slice member);
uint64_t set_has_many(const struct entry *e, const struct set_probe *probes, uint64_t asked);

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
/* The next up to `max` (at most SET_PROBES_MAX) at once, which lets the memory of large sets arrive meanwhile. Returns how many, 0 at
 * the end. */
unsigned set_iter_next_many(struct set_iter *it, struct item *out, unsigned max);

/* A random member, fair. The item is valid until the set changes. */
void set_random(const struct entry *e, struct rng *rng, struct item *out);
/* Different members, drawn without preference. In one walk over all: each is drawn with the chance that those still wanted have among
 * those still to come. n is at most the count. */
void set_draw(const struct entry *e, struct rng *rng, size_t n,
              void (*fn)(void *ctx, const struct item *i, bool is_drawn), void *ctx);
/* The same for few out of a hashtable, at most half: drawn again until they are different. */
void set_draw_few(const struct entry *e, struct rng *rng, size_t n, void (*fn)(void *ctx, const struct item *i),
                  void *ctx);
/* One step of SSCAN: calls fn, returns the next cursor (0: the end; packed sets come whole in one step). */
uint64_t set_scan(const struct entry *e, uint64_t cursor, void (*fn)(void *ctx, const struct item *i), void *ctx);

#endif
