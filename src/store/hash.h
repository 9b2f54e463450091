/* SPDX-License-Identifier: MIT */
/*
 * Hashes: a listpack of fields and values while small, then a hashtable whose entries hold field and value in one allocation.
 * Fields may have an expiry of their own (Redis 7.4); a hash with one counts as `hash_has_field_expiry`. Expired fields are never returned.
 */
#ifndef STORE_HASH_H
#define STORE_HASH_H

#include "base/rng.h"
#include "ds/item.h"
#include "store/value.h"

#define HASH_NO_EXPIRY (-1)

struct hash_pair {
    struct item field, value;
    int64_t expire_at_ms; /* HASH_NO_EXPIRY: none */
};

size_t hash_count(const struct entry *e); /* expired fields that are not removed yet are counted: what is stored */
size_t hash_live_count(const struct entry *e, int64_t now_ms); /* those that are not expired: what is seen */
bool hash_get(const struct entry *e, struct slice field, int64_t now_ms,
              struct item *value); /* valid until the hash changes */
/* ref->e NULL: a new hash, put into the database (without db: made). True: the field is new. An expiry of the field goes. */
bool hash_set(struct value_ref *ref, struct slice field, struct slice value, int64_t now_ms);
/* The same, but an expiry of the field stays: HINCRBY. */
bool hash_update(struct value_ref *ref, struct slice field, struct slice value, int64_t now_ms);
/* A hash whose last live field goes is taken out (ref->e NULL). */
bool hash_remove(struct value_ref *ref, struct slice field, int64_t now_ms);

struct hash_iter {
    const struct entry *e;
    struct hash_pair pair;
    /* private */
    int64_t now_ms;
    uint32_t at;
    struct hashtable_iter table;
};
/* now_ms < 0: expired fields too (RDB, COPY). */
void hash_iter_init(struct hash_iter *it, const struct entry *e, int64_t now_ms);
bool hash_iter_next(struct hash_iter *it);
/* A fair random pair that is not expired; false when there is none. */
bool hash_random(const struct entry *e, struct rng *rng, int64_t now_ms, struct hash_pair *out);
/* A hash in its packed form comes whole in one step. */
uint64_t hash_scan(const struct entry *e, uint64_t cursor, int64_t now_ms,
                   void (*fn)(void *ctx, const struct hash_pair *p), void *ctx);

/* --- field expiry --- */
bool hash_has_field_expiry(const struct entry *e);
int64_t hash_min_field_expiry(const struct entry *e); /* HASH_NO_EXPIRY: none */
/* False: no such field. HASH_NO_EXPIRY takes it away. */
bool hash_set_field_expiry(struct value_ref *ref, struct slice field, int64_t expire_at_ms, int64_t now_ms);
bool hash_get_field_expiry(const struct entry *e, struct slice field, int64_t now_ms, int64_t *expire_at_ms);
/* Removes fields past their time, at most `max`; returns how many. A hash without a live field is taken out. */
size_t hash_expire_fields(struct value_ref *ref, int64_t now_ms, size_t max);

/* For tests: walks everything. */
bool hash_is_valid(const struct entry *e);

#endif
