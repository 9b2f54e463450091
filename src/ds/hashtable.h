/* SPDX-License-Identifier: MIT */
/*
 * Hashtable: a set of entries, each found by the key bytes it holds itself. Power-of-two arrays of
 * 64-byte buckets (7 entry pointers with a tag byte each), chained only when full; grown and shrunk
 * incrementally with two arrays. The layout is drawn in hashtable.c.
 *
 * The table stores pointers and never looks inside entries but through `struct hashtable_type`.
 * It does not own the key of a call. `hash` arguments are always hash_bytes(key, len), computed by the
 * caller once.
 *
 * Every pointer to a slot is valid until the next call that may change the table (insert, remove,
 * rehash, resize), not longer. hashtable_find and the prefetchers never change it.
 */
#ifndef DS_HASHTABLE_H
#define DS_HASHTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/slice.h"

struct hashtable;

struct hashtable_type {
    uint64_t (*hash_of)(const void *entry); /* hash_bytes of its key; used when rehashing */
    bool (*has_key)(const void *entry, const char *key, size_t len);
    void (*free_entry)(void *entry); /* NULL: the table does not own its entries */
    /* Average entries a bucket, times 100, that trigger growth: 700 is "full"; up to 900 trades
     * speed for memory. */
    unsigned max_fill;
};

struct hashtable *hashtable_new(const struct hashtable_type *type);
void hashtable_free(struct hashtable *t); /* with its entries, when the type owns them */
/* Empties it, freeing entries and arrays. */
void hashtable_clear(struct hashtable *t);

static inline size_t hashtable_count(const struct hashtable *t);
/* Bytes of the bucket arrays, chained buckets and the struct, without the entries. */
size_t hashtable_memory(const struct hashtable *t);

/* --- one entry --- */

void *hashtable_find(const struct hashtable *t, const char *key, size_t len, uint64_t hash);
/* The place that holds the entry, or NULL. Writing another entry with the same key there replaces it
 * (the old one is the caller's again). */
void **hashtable_find_slot(struct hashtable *t, const char *key, size_t len, uint64_t hash);
/* The place that holds exactly this pointer, or NULL. */
void **hashtable_find_slot_of(struct hashtable *t, const void *entry, uint64_t hash);
/* The key must not be in the table. Does one step of a resize that is under way. */
void hashtable_insert(struct hashtable *t, void *entry, uint64_t hash);
/* Takes the entry out and returns it, or NULL. The caller owns it then. */
void *hashtable_remove(struct hashtable *t, const char *key, size_t len, uint64_t hash);
/* Takes out exactly this pointer, without looking at any entry. False when it is not there. */
bool hashtable_remove_entry(struct hashtable *t, const void *entry, uint64_t hash);

/* --- batches: overlap the cache misses of several lookups --- */

/* Call for every key of a batch, then hashtable_prefetch_entry for every key, then hashtable_prefetch_child_entry
 * for those
 * that returned true (their entry may be in a chained bucket: up to a quarter of them in a full table), then find. */
void hashtable_prefetch_bucket(const struct hashtable *t, uint64_t hash);
bool hashtable_prefetch_entry(const struct hashtable *t, uint64_t hash);
void hashtable_prefetch_child_entry(const struct hashtable *t, uint64_t hash);

/* --- sizing --- */

/* Room for `count` entries without growing. False when there is no memory for it. While resizing is not allowed a table
 * that holds entries stays as it is (true). */
bool hashtable_expand(struct hashtable *t, size_t count);
bool hashtable_is_rehashing(const struct hashtable *t);
/* Moves up to `buckets` buckets; false when no resize is under way (any more). */
bool hashtable_rehash_step(struct hashtable *t, size_t buckets);
/* While a snapshot child lives: no moving; growth only when chains get long (fill over 3 times max_fill). */
void hashtable_set_resize_allowed(struct hashtable *t, bool allowed);
/* Starts shrinking when less than an eighth is used; cheap. Removals do it, and do a step of a resize, too. */
void hashtable_shrink_if_needed(struct hashtable *t);

/* --- walks --- */

/* Calls fn for the entries of some buckets and returns the next cursor, 0 at the end. Every entry present
 * from the first call to the last is returned at least once, whatever resizes happen between calls. fn must not
 * change the table. */
uint64_t hashtable_scan(const struct hashtable *t, uint64_t cursor, void (*fn)(void *ctx, void *entry), void *ctx);

/* A walk over all entries of a table that does not change meanwhile; it prefetches ahead. */
struct hashtable_iter {
    const struct hashtable *table;
    size_t bucket; /* private from here */
    const void *current;
    unsigned array, slot;
};
void hashtable_iter_init(struct hashtable_iter *it, const struct hashtable *t);
void *hashtable_iter_next(struct hashtable_iter *it); /* NULL at the end */

/* A uniformly random entry (fair whatever the chains), NULL when empty. */
void *hashtable_random(const struct hashtable *t, struct rng *rng);
/* Up to n entries from random places, cheap and less fair: for sampling. Returns how many; may repeat. */
size_t hashtable_sample(const struct hashtable *t, struct rng *rng, void **out, size_t n);

/* --- for DEBUG HTSTATS and tests --- */

struct hashtable_stats {
    size_t buckets[2]; /* top-level buckets of both arrays */
    size_t entries[2];
    size_t chained_buckets;
    size_t longest_chain;
    size_t rehash_position; /* next bucket to move */
};
void hashtable_stats(const struct hashtable *t, struct hashtable_stats *out);
/* Walks everything; true when all invariants hold. */
bool hashtable_is_valid(const struct hashtable *t);

/* --- private part: only for inlining --- */

struct hashtable_counts {
    size_t entries[2];
};
static inline size_t hashtable_count(const struct hashtable *t)
{
    const struct hashtable_counts *c = (const struct hashtable_counts *)(const void *)t;
    return c->entries[0] + c->entries[1];
}

#endif
