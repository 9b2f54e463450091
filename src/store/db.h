/* SPDX-License-Identifier: MIT */
/*
 * The keyspace: numbered databases of entries, found by key, with an index of those that expire.
 *
 * Rules. Time is an argument (wall clock, ms). A key past its expiry is never returned: whoever finds it removes
 * it first and tells the `on_expired` hook. Entries found here are valid until the next call that changes the same
 * key. Nothing here sends replies, counts `dirty` or notifies anybody else: callers do.
 *
 * The parent tells the store that a snapshot child lives (keyspace_set_child_alive): from then on no rehashing and no
 * access-clock writes on reads, so that pages stay shared.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ds/hashtable.h"
#include "store/entry.h"

struct keyspace;
struct db;

/* A key with its hash (hash_bytes of the name), computed once and carried along. */
struct key {
    struct slice name;
    uint64_t hash;
};
struct key key_of(struct slice name); /* computes the hash */

struct keyspace_stats {
    uint64_t hits, misses;
    uint64_t expired_keys;      /* lazily and actively removed */
    uint64_t lazyfreed_objects; /* values given to the background */
    uint64_t expired_fields;    /* of hashes */
};

struct keyspace_hooks {
    void *ctx;
    /* A key was removed because its time had come; name is valid during the call, which must not change the
     * keyspace. */
    void (*on_expired)(void *ctx, struct db *db, struct slice name);
    /* The active cycle removed fields of a hash, and the key with the last one. The same rules. */
    void (*on_fields_expired)(void *ctx, struct db *db, struct slice name, size_t fields, bool is_gone);
};

/* --- the keyspace --- */
struct keyspace *keyspace_new(unsigned db_count);
void keyspace_free(struct keyspace *ks);
void keyspace_set_hooks(struct keyspace *ks, const struct keyspace_hooks *hooks);
unsigned keyspace_db_count(const struct keyspace *ks);
struct db *keyspace_db(struct keyspace *ks, unsigned index); /* index < db_count */
size_t keyspace_key_count(const struct keyspace *ks);        /* over all databases */
struct keyspace_stats *keyspace_stats(struct keyspace *ks);
void keyspace_set_child_alive(struct keyspace *ks, bool alive);
/* What accessed entries are stamped with: LRU seconds, 24 bits. Cron sets it. */
void keyspace_set_access_clock(struct keyspace *ks, uint32_t clock24);
uint32_t keyspace_access_clock(const struct keyspace *ks);
/* Exchanges the contents of two databases; struct db pointers stay with their index. */
void keyspace_swap(struct keyspace *ks, unsigned a, unsigned b);
/* Exchanges all contents of two keyspaces with the same number of databases. */
void keyspace_exchange(struct keyspace *a, struct keyspace *b);
/* Empties every database; `lazily` gives the old tables to the background. Returns keys removed. */
size_t keyspace_flush(struct keyspace *ks, bool lazily);
/* Table overhead of all databases in bytes (without entries). */
size_t keyspace_overhead(const struct keyspace *ks);
/* Resizing for some time in cron: moves up to `buckets` buckets of one table; false when nothing is left to move. */
bool keyspace_rehash_step(struct keyspace *ks, size_t buckets);

/* --- a database --- */
unsigned db_index(const struct db *db);
struct keyspace *db_keyspace(struct db *db);
size_t db_count(const struct db *db);
size_t db_expires_count(const struct db *db);
size_t db_flush(struct db *db, bool lazily); /* returns keys removed */
/* Room for so many keys (hints from a file; bounded by the caller). False: no memory. */
bool db_expand(struct db *db, size_t keys, size_t expires);
const struct hashtable *db_keys(const struct db *db); /* for walks and statistics */
const struct hashtable *db_expires(const struct db *db);
size_t db_memory_overhead(const struct db *db);

/* --- looking up --- */
enum db_find_flags {
    DB_FIND_READ = 0,     /* counts a hit or miss, stamps the access clock */
    DB_FIND_NO_TOUCH = 1, /* leaves the access clock */
    DB_FIND_NO_STATS = 2, /* counts nothing: writes, OBJECT */
};
#define DB_FIND_WRITE DB_FIND_NO_STATS
struct entry *db_find(struct db *db, const struct key *key, int64_t now_ms, unsigned flags);
/* For batches of keys: db_prefetch_bucket for each, then db_prefetch_entry for each, then db_prefetch_child_entry
 * for those that returned true. */
void db_prefetch_bucket(const struct db *db, uint64_t hash);
bool db_prefetch_entry(const struct db *db, uint64_t hash);
void db_prefetch_child_entry(const struct db *db, uint64_t hash);

/* --- changing; each returns the entry where it is now --- */

/* Sets a string, over a value of any type; the old value's expiry is replaced by `expire_at_ms`. One table walk. */
struct entry *db_set_string(struct db *db, const struct key *key, struct slice value, int64_t expire_at_ms);
struct entry *db_set_blob(struct db *db, const struct key *key, struct blob *value,
                          int64_t expire_at_ms); /* takes value */
/* `e` is the present entry of `key` in all of these. */
struct entry *db_set_int(struct db *db, const struct key *key, struct entry *e, int64_t value);
struct entry *db_make_writable(struct db *db, const struct key *key, struct entry *e, size_t len, char **bytes);
struct entry *db_set_expiry(struct db *db, const struct key *key, struct entry *e, int64_t expire_at_ms);
/* Of a packed collection; see entry_resize_packed and entry_become_object. No table walk when the entry stays. */
struct entry *db_resize_packed(struct db *db, const struct key *key, struct entry *e, size_t size, uint8_t **bytes);
struct entry *db_become_object(struct db *db, const struct key *key, struct entry *e, enum value_encoding encoding,
                               void *object);
/* Puts a new entry in (takes it over). The key must be absent. An access clock of 0 becomes the present one. */
void db_insert(struct db *db, struct entry *e, uint64_t hash);
/* Puts an entry in as db_insert does, over one with the same key, which is freed (lazily when large). True when there
 * was one. */
bool db_put(struct db *db, struct entry *e, uint64_t hash);
/* Takes an entry out; the caller owns it. NULL when absent. Does not look at the expiry. */
struct entry *db_take(struct db *db, const struct key *key);
/* Deletes a key that exists and is not expired; `lazily` frees large values in the background (always done for
 * values that take long). False when absent. */
bool db_delete(struct db *db, const struct key *key, int64_t now_ms, bool lazily);

/* --- walking --- */
/* hashtable_scan over the keys; fn gets `struct entry *`, expired ones too (the caller filters and removes). */
uint64_t db_scan(struct db *db, uint64_t cursor, void (*fn)(void *ctx, void *entry), void *ctx);
/* A random key that is not expired, NULL when there is none; expired ones met are removed. */
struct entry *db_random(struct db *db, struct rng *rng, int64_t now_ms);

/* --- active expiry --- */
struct expire_progress {
    size_t examined;
    size_t expired;
};
/* Examines up to about `max_entries` volatile entries from where the last call ended, the databases in turns, and
 * removes
 * those past their time; less when it comes to the end of every index, where the next call begins again. Cron
 * calls it until its time or the work is spent: when few of the examined ones were expired. */
struct expire_progress keyspace_expire_step(struct keyspace *ks, int64_t now_ms, size_t max_entries);
/* Removes fields of hashes past their time, up to `max`, a part of a hash at a time, the databases in turns. Returns how many; 0:
 * none is due. */
size_t keyspace_expire_fields_step(struct keyspace *ks, int64_t now_ms, size_t max);
size_t db_field_expiry_count(const struct db *db); /* hashes with a field that expires */
/* Average TTL in ms of the volatile keys, sampled by the active cycle; 0 when there are none. */
int64_t db_average_ttl_ms(const struct db *db);

#endif
