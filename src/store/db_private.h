/* SPDX-License-Identifier: MIT */
/*
 * The bodies of the keyspace and its databases, for the modules of this folder only.
 *
 * Invariants:
 *   1. `expires` holds exactly the entries of `keys` that have an expiry, the same pointers.
 *   2. Entries belong to `keys`; `expires` never frees one and may be freed before or after it.
 *   3. The tables of every database resize as child_alive says.
 */
#ifndef STORE_DB_PRIVATE_H
#define STORE_DB_PRIVATE_H

#include "base/hash.h"
#include "store/db.h"

struct db {
    struct hashtable *keys;
    struct hashtable *expires;
    struct field_expiry *field_expiry; /* NULL until a field of a hash expires */
    struct keyspace *ks;
    unsigned index;
    uint64_t expire_cursor; /* of the active cycle in `expires` */
    uint64_t expire_round;  /* the last step in which the cycle came around here */
    double average_ttl_ms;  /* moving; 0 unknown */
};

/* Volatile entries on their way through one part of the active cycle. */
struct expire_batch {
    struct entry **entries;
    uint64_t *hashes; /* of those that are expired */
    size_t len, cap;
};

struct keyspace {
    struct keyspace_stats stats;
    struct keyspace_hooks hooks;
    uint32_t access_clock;
    bool child_alive;
    unsigned db_count;
    unsigned rehash_next; /* table to look at first: 2 * database, + 1 for its expires */
    unsigned expire_next; /* database to look at first */
    unsigned field_expire_next;
    uint64_t expire_round;
    struct expire_batch batch;
    struct db dbs[];
};

static inline uint64_t hash_of_entry(const struct entry *e)
{
    struct slice key = entry_key(e);
    return hash_bytes(key.ptr, key.len);
}

/* Takes the entry out of both tables, counts it, tells the hook and frees it. */
void db_remove_expired(struct db *db, struct entry *e, uint64_t hash);

#endif
