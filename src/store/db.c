/* SPDX-License-Identifier: MIT */
/*
 * A database is two hashtables over the same entries: `keys` finds them, `expires` is the index that the active expiry
 * walks. An entry that moves (its allocation changes) is updated in both; the invariants stand in db_private.h.
 *
 * A change goes: out of the index when the expiry goes, the entry itself, the slot in `keys`, the index. Between these
 * nothing may look into `expires` that hashes entries, for it could meet one that is freed.
 */
#include "store/db.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/worker.h"
#include "store/db_private.h"
#include "store/field_expiry.h"

/* Both let a million keys live in 2^17 buckets, with chains, rather than in 2^18 half empty ones: 12.7 bytes of
 * table a key
 * instead of 17.5, for some 25 ns more in a batched lookup. The index is walked more than searched: fuller still. */
#define KEYS_MAX_FILL 800
#define EXPIRES_MAX_FILL 850
/* Smaller tables of small values are freed at once, whoever asks: a job costs more. */
#define FLUSH_LAZILY_MIN 64
#define RANDOM_TRIES 100

static uint64_t type_hash_of(const void *e) { return hash_of_entry(e); }

static bool type_has_key(const void *e, const char *key, size_t len)
{
    struct slice name = entry_key(e);
    return name.len == len && bytes_are_same(name.ptr, key, len);
}

static const struct hashtable_type keys_type = {type_hash_of, type_has_key, entry_free, KEYS_MAX_FILL};
static const struct hashtable_type expires_type = {type_hash_of, type_has_key, NULL, EXPIRES_MAX_FILL};

struct key key_of(struct slice name) { return (struct key){name, hash_bytes(name.ptr, name.len)}; }

/* --- the keyspace --- */

static void new_tables(struct db *db)
{
    db->keys = hashtable_new(&keys_type);
    db->expires = hashtable_new(&expires_type);
    hashtable_set_resize_allowed(db->keys, !db->ks->child_alive);
    hashtable_set_resize_allowed(db->expires, !db->ks->child_alive);
    db->field_expiry = NULL;
    db->expire_cursor = 0;
    db->average_ttl_ms = 0;
}

struct keyspace *keyspace_new(unsigned db_count)
{
    ASSERT(db_count > 0);
    struct keyspace *ks = mem_calloc(sizeof(*ks) + db_count * sizeof(struct db));
    ks->db_count = db_count;
    for (unsigned i = 0; i < db_count; i++) {
        ks->dbs[i].ks = ks;
        ks->dbs[i].index = i;
        new_tables(&ks->dbs[i]);
    }
    return ks;
}

void keyspace_free(struct keyspace *ks)
{
    if (!ks) return;
    for (unsigned i = 0; i < ks->db_count; i++) {
        hashtable_free(ks->dbs[i].expires);
        hashtable_free(ks->dbs[i].keys);
        field_expiry_free(ks->dbs[i].field_expiry);
    }
    mem_free(ks->batch.entries);
    mem_free(ks->batch.hashes);
    mem_free(ks);
}

void keyspace_set_hooks(struct keyspace *ks, const struct keyspace_hooks *hooks) { ks->hooks = *hooks; }

unsigned keyspace_db_count(const struct keyspace *ks) { return ks->db_count; }

struct db *keyspace_db(struct keyspace *ks, unsigned index)
{
    ASSERT(index < ks->db_count);
    return &ks->dbs[index];
}

size_t keyspace_key_count(const struct keyspace *ks)
{
    size_t count = 0;
    for (unsigned i = 0; i < ks->db_count; i++) count += db_count(&ks->dbs[i]);
    return count;
}

struct keyspace_stats *keyspace_stats(struct keyspace *ks) { return &ks->stats; }

void keyspace_set_child_alive(struct keyspace *ks, bool alive)
{
    ks->child_alive = alive;
    for (unsigned i = 0; i < ks->db_count; i++) {
        hashtable_set_resize_allowed(ks->dbs[i].keys, !alive);
        hashtable_set_resize_allowed(ks->dbs[i].expires, !alive);
    }
}

void keyspace_set_access_clock(struct keyspace *ks, uint32_t clock24) { ks->access_clock = clock24 & 0xffffff; }

uint32_t keyspace_access_clock(const struct keyspace *ks) { return ks->access_clock; }

/* All but what ties a database to its place. */
static void exchange(struct db *a, struct db *b)
{
    struct db old = *a;
    *a = *b;
    a->ks = old.ks;
    a->index = old.index;
    old.ks = b->ks;
    old.index = b->index;
    *b = old;
}

void keyspace_swap(struct keyspace *ks, unsigned a, unsigned b)
{
    if (a != b) exchange(keyspace_db(ks, a), keyspace_db(ks, b));
}

void keyspace_exchange(struct keyspace *a, struct keyspace *b)
{
    ASSERT(a->db_count == b->db_count);
    for (unsigned i = 0; i < a->db_count; i++) {
        exchange(&a->dbs[i], &b->dbs[i]);
        a->dbs[i].expire_round = b->dbs[i].expire_round = 0;
    }
    keyspace_set_child_alive(a, a->child_alive);
    keyspace_set_child_alive(b, b->child_alive);
}

size_t keyspace_flush(struct keyspace *ks, bool lazily)
{
    size_t removed = 0;
    for (unsigned i = 0; i < ks->db_count; i++) removed += db_flush(&ks->dbs[i], lazily);
    return removed;
}

size_t keyspace_overhead(const struct keyspace *ks)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < ks->db_count; i++) bytes += db_memory_overhead(&ks->dbs[i]);
    return bytes;
}

bool keyspace_rehash_step(struct keyspace *ks, size_t buckets)
{
    if (ks->child_alive) return false;
    for (unsigned tried = 0; tried < 2 * ks->db_count; tried++) {
        struct db *db = &ks->dbs[ks->rehash_next / 2];
        struct hashtable *t = ks->rehash_next % 2 ? db->expires : db->keys;
        hashtable_shrink_if_needed(t);
        if (hashtable_is_rehashing(t)) {
            hashtable_rehash_step(t, buckets);
            return true; /* also when it ended: a shrink may go on */
        }
        ks->rehash_next = (ks->rehash_next + 1) % (2 * ks->db_count);
    }
    return false;
}

/* --- a database --- */

unsigned db_index(const struct db *db) { return db->index; }

struct keyspace *db_keyspace(struct db *db) { return db->ks; }

size_t db_count(const struct db *db) { return hashtable_count(db->keys); }

size_t db_expires_count(const struct db *db) { return hashtable_count(db->expires); }

struct flush_job {
    struct hashtable *keys, *expires;
    struct field_expiry *field_expiry;
};

static void run_flush_job(void *arg)
{
    struct flush_job *job = arg;
    hashtable_free(job->expires);
    hashtable_free(job->keys);
    field_expiry_free(job->field_expiry);
    mem_free_sized(job, sizeof(*job));
}

static bool is_slow_to_flush(const struct db *db)
{
    if (db_count(db) >= FLUSH_LAZILY_MIN) return true;
    struct hashtable_iter it;
    struct entry *e;
    hashtable_iter_init(&it, db->keys);
    do {
        e = hashtable_iter_next(&it);
    } while (e != NULL && !entry_is_slow_to_free(e));
    return e != NULL;
}

size_t db_flush(struct db *db, bool lazily)
{
    size_t removed = db_count(db);
    if (removed == 0) return 0;
    bool in_background = lazily && is_slow_to_flush(db);
    struct flush_job *job = mem_alloc(sizeof(*job));
    *job = (struct flush_job){db->keys, db->expires, db->field_expiry};
    new_tables(db);
    if (in_background) {
        db->ks->stats.lazyfreed_objects += removed;
        worker_submit(run_flush_job, job);
    } else {
        run_flush_job(job);
    }
    return removed;
}

bool db_expand(struct db *db, size_t keys, size_t expires)
{
    return hashtable_expand(db->keys, keys) && hashtable_expand(db->expires, expires);
}

const struct hashtable *db_keys(const struct db *db) { return db->keys; }

const struct hashtable *db_expires(const struct db *db) { return db->expires; }

size_t db_memory_overhead(const struct db *db)
{
    return hashtable_memory(db->keys) + hashtable_memory(db->expires) + field_expiry_bytes(db->field_expiry);
}

/* --- removing --- */

static void discard(struct db *db, struct entry *e)
{
    if (entry_is_slow_to_free(e)) db->ks->stats.lazyfreed_objects++;
    entry_free_lazily(e);
}

static void unindex_expiry(struct db *db, const struct entry *e, uint64_t hash)
{
    if (!e->has_expiry) return;
    bool was_there = hashtable_remove_entry(db->expires, e, hash);
    ASSERT(was_there);
}

/* Out of every index, before the entry goes. */
static void unindex(struct db *db, const struct entry *e, uint64_t hash)
{
    unindex_expiry(db, e, hash);
    field_expiry_note(db, e, hash, false);
}

/* For an entry that is in neither table any more. */
static void report_expired(struct db *db, struct entry *e)
{
    struct keyspace *ks = db->ks;
    ks->stats.expired_keys++;
    if (ks->hooks.on_expired) ks->hooks.on_expired(ks->hooks.ctx, db, entry_key(e));
    discard(db, e);
}

void db_remove_expired(struct db *db, struct entry *e, uint64_t hash)
{
    unindex(db, e, hash);
    bool was_there = hashtable_remove_entry(db->keys, e, hash);
    ASSERT(was_there);
    report_expired(db, e);
}

struct entry *db_take(struct db *db, const struct key *key)
{
    struct entry *e = hashtable_remove(db->keys, key->name.ptr, key->name.len, key->hash);
    if (e) unindex(db, e, key->hash);
    return e;
}

bool db_delete(struct db *db, const struct key *key, int64_t now_ms, bool lazily)
{
    struct entry *e = db_take(db, key);
    if (!e) return false;
    if (entry_is_expired(e, now_ms)) {
        report_expired(db, e);
        return false;
    }
    if (lazily || entry_is_slow_to_free(e))
        discard(db, e);
    else
        entry_free(e);
    return true;
}

/* --- looking up --- */

static __attribute__((noinline)) void expire_found(struct db *db, struct entry *e, uint64_t hash)
{
    db_remove_expired(db, e, hash);
}

struct entry *db_find(struct db *db, const struct key *key, int64_t now_ms, unsigned flags)
{
    struct keyspace *ks = db->ks;
    struct entry *e = hashtable_find(db->keys, key->name.ptr, key->name.len, key->hash);
    if (e && __builtin_expect(entry_is_expired(e, now_ms), 0)) {
        expire_found(db, e, key->hash);
        e = NULL;
    }
    if (!(flags & DB_FIND_NO_STATS)) {
        ks->stats.hits += e != NULL;
        ks->stats.misses += e == NULL;
    }
    if (e && !(flags & DB_FIND_NO_TOUCH) && !ks->child_alive && entry_clock(e) != ks->access_clock)
        entry_set_clock(e, ks->access_clock);
    return e;
}

void db_prefetch_bucket(const struct db *db, uint64_t hash) { hashtable_prefetch_bucket(db->keys, hash); }

bool db_prefetch_entry(const struct db *db, uint64_t hash) { return hashtable_prefetch_entry(db->keys, hash); }

void db_prefetch_child_entry(const struct db *db, uint64_t hash) { hashtable_prefetch_child_entry(db->keys, hash); }

/* --- changing --- */

/* An entry before a change that may move or free it. */
struct before {
    uintptr_t address;
    uintptr_t slow_value; /* its pointer, when freeing that is slow; else 0 */
    bool is_indexed;
};

static inline uintptr_t slow_value(const struct entry *e)
{
    return entry_is_slow_to_free(e) ? (uintptr_t)entry_pointer(e) : 0;
}

static inline struct before before_change(struct db *db, const struct entry *e, uint64_t hash, bool stays_indexed)
{
    if (!stays_indexed) unindex_expiry(db, e, hash);
    return (struct before){(uintptr_t)e, slow_value(e), e->has_expiry && stays_indexed};
}

/* The entry moved: nothing is at the old address any more, which is only compared with. */
static void replace_address(struct hashtable *t, uintptr_t old, struct entry *e, uint64_t hash)
{
    void **slot = hashtable_find_slot_of(t, (const void *)old, hash); /* NOLINT(performance-no-int-to-ptr) */
    ASSERT(slot);
    *slot = e;
}

/* Brings the index up to date with the entry as it is now. */
static inline void after_change(struct db *db, const struct before *old, struct entry *e, uint64_t hash)
{
    if (!e->has_expiry) return;
    if (!old->is_indexed) {
        hashtable_insert(db->expires, e, hash);
    } else if (old->address != (uintptr_t)e) {
        replace_address(db->expires, old->address, e, hash);
    }
}

/* The same for changes that know no slot in `keys`. */
static struct entry *settle_change(struct db *db, const struct before *old, struct entry *e, uint64_t hash)
{
    if (old->address != (uintptr_t)e) replace_address(db->keys, old->address, e, hash);
    after_change(db, old, e, hash);
    return e;
}

static inline void stamp(struct db *db, struct entry *e) { entry_set_clock(e, db->ks->access_clock); }

/* After a new value was set over another. */
static inline struct entry *settle_overwrite(struct db *db, const struct before *old, struct entry *e, uint64_t hash)
{
    if (__builtin_expect(old->slow_value != 0, 0) && old->slow_value != slow_value(e))
        db->ks->stats.lazyfreed_objects++;
    after_change(db, old, e, hash);
    stamp(db, e);
    return e;
}

struct entry *db_set_string(struct db *db, const struct key *key, struct slice value, int64_t expire_at_ms)
{
    void **slot = hashtable_find_slot(db->keys, key->name.ptr, key->name.len, key->hash);
    if (!slot) {
        struct entry *e = entry_new_string(key->name, value, expire_at_ms);
        db_insert(db, e, key->hash);
        return e;
    }
    field_expiry_note(db, *slot, key->hash, false);
    struct before old = before_change(db, *slot, key->hash, expire_at_ms != ENTRY_NO_EXPIRY);
    struct entry *e = *slot = entry_set_string(*slot, value, expire_at_ms);
    return settle_overwrite(db, &old, e, key->hash);
}

struct entry *db_set_blob(struct db *db, const struct key *key, struct blob *value, int64_t expire_at_ms)
{
    void **slot = hashtable_find_slot(db->keys, key->name.ptr, key->name.len, key->hash);
    if (!slot) {
        struct entry *e = entry_new_string_blob(key->name, value, expire_at_ms);
        db_insert(db, e, key->hash);
        return e;
    }
    field_expiry_note(db, *slot, key->hash, false);
    struct before old = before_change(db, *slot, key->hash, expire_at_ms != ENTRY_NO_EXPIRY);
    struct entry *e = *slot = entry_set_string_blob(*slot, value, expire_at_ms);
    return settle_overwrite(db, &old, e, key->hash);
}

struct entry *db_set_int(struct db *db, const struct key *key, struct entry *e, int64_t value)
{
    struct before old = before_change(db, e, key->hash, true);
    return settle_change(db, &old, entry_set_int(e, value), key->hash);
}

struct entry *db_make_writable(struct db *db, const struct key *key, struct entry *e, size_t len, char **bytes)
{
    struct before old = before_change(db, e, key->hash, true);
    return settle_change(db, &old, entry_make_writable(e, len, bytes), key->hash);
}

struct entry *db_set_expiry(struct db *db, const struct key *key, struct entry *e, int64_t expire_at_ms)
{
    struct before old = before_change(db, e, key->hash, expire_at_ms != ENTRY_NO_EXPIRY);
    return settle_change(db, &old, entry_set_expiry(e, expire_at_ms), key->hash);
}

/* Where a packed value is changed in its size class, nothing moves and no table is looked at. */
static struct entry *settle_move(struct db *db, const struct key *key, const struct entry *old, struct entry *e)
{
    if (old == e) return e;
    replace_address(db->keys, (uintptr_t)old, e, key->hash);
    if (e->has_expiry) replace_address(db->expires, (uintptr_t)old, e, key->hash);
    return e;
}

struct entry *db_resize_packed(struct db *db, const struct key *key, struct entry *e, size_t size, uint8_t **bytes)
{
    return settle_move(db, key, e, entry_resize_packed(e, size, bytes));
}

struct entry *db_become_object(struct db *db, const struct key *key, struct entry *e, enum value_encoding encoding,
                               void *object)
{
    return settle_move(db, key, e, entry_become_object(e, encoding, object));
}

void db_insert(struct db *db, struct entry *e, uint64_t hash)
{
    if (entry_clock(e) == 0) stamp(db, e);
    hashtable_insert(db->keys, e, hash);
    if (e->has_expiry) hashtable_insert(db->expires, e, hash);
    field_expiry_note(db, e, hash, true);
}

bool db_put(struct db *db, struct entry *e, uint64_t hash)
{
    struct slice name = entry_key(e);
    void **slot = hashtable_find_slot(db->keys, name.ptr, name.len, hash);
    if (!slot) {
        db_insert(db, e, hash);
        return false;
    }
    struct entry *old = *slot;
    unindex(db, old, hash);
    *slot = e;
    if (entry_clock(e) == 0) stamp(db, e);
    if (e->has_expiry) hashtable_insert(db->expires, e, hash);
    field_expiry_note(db, e, hash, true);
    discard(db, old);
    return true;
}

/* --- walking --- */

uint64_t db_scan(struct db *db, uint64_t cursor, void (*fn)(void *ctx, void *entry), void *ctx)
{
    return hashtable_scan(db->keys, cursor, fn, ctx);
}

/* When nearly all keys are expired and the active cycle has not come to them yet. */
static struct entry *first_live(const struct db *db, int64_t now_ms)
{
    struct hashtable_iter it;
    struct entry *e;
    hashtable_iter_init(&it, db->keys);
    do {
        e = hashtable_iter_next(&it);
    } while (e && entry_is_expired(e, now_ms));
    return e;
}

struct entry *db_random(struct db *db, struct rng *rng, int64_t now_ms)
{
    for (int i = 0; i < RANDOM_TRIES; i++) {
        struct entry *e = hashtable_random(db->keys, rng);
        if (!e || !entry_is_expired(e, now_ms)) return e;
        db_remove_expired(db, e, hash_of_entry(e));
    }
    return first_live(db, now_ms);
}
