/* SPDX-License-Identifier: MIT */
/*
 * The active expiry: removes keys whose time has come though nobody asks for them.
 *
 * It walks the `expires` index of each database by scan cursor, so that it comes around to every volatile key whatever
 * resizes happen, in parts of some dozens of entries: gather them (their headers are prefetched), pick the expired ones
 * (their buckets in `keys` are prefetched), remove them. The cache misses of a part overlap; one removal then costs
 * little more than its frees.
 *
 * Databases take turns, a part each, so that a million keys due in one of them hold up no other. A step ends when its
 * entries are examined, or when every database has come around to where its index starts.
 */
#include "base/mem.h"
#include "store/db.h"
#include "store/db_private.h"

/* A part of the walk: ends at so many entries, or buckets when they are nearly empty. */
#define PART_ENTRIES 64
#define PART_BUCKETS 64
/* Weight of one part's mean in the moving average of TTLs. */
#define AVERAGE_WEIGHT 0.02

static void gather(void *ctx, void *entry)
{
    struct expire_batch *batch = ctx;
    if (batch->len == batch->cap) {
        batch->cap = batch->cap ? 2 * batch->cap : 4 * PART_ENTRIES;
        batch->entries = mem_realloc(batch->entries, batch->cap * sizeof(void *));
        batch->hashes = mem_realloc(batch->hashes, batch->cap * sizeof(*batch->hashes));
    }
    batch->entries[batch->len++] = entry;
}

static void note_ttls(struct db *db, double sum_ms, size_t count)
{
    if (count == 0) return;
    double mean = sum_ms / (double)count;
    if (db->average_ttl_ms == 0)
        db->average_ttl_ms = mean;
    else
        db->average_ttl_ms += AVERAGE_WEIGHT * (mean - db->average_ttl_ms);
}

/* Keeps the expired entries of the batch, with their hashes. */
static void pick_expired(struct db *db, struct expire_batch *batch, int64_t now_ms)
{
    double ttl_sum_ms = 0;
    size_t kept = 0;
    for (size_t i = 0; i < batch->len; i++) {
        struct entry *e = batch->entries[i];
        if (!entry_is_expired(e, now_ms)) {
            ttl_sum_ms += (double)(entry_expire_at_ms(e) - now_ms);
            continue;
        }
        batch->hashes[kept] = hash_of_entry(e);
        batch->entries[kept] = e;
        hashtable_prefetch_bucket(db->keys, batch->hashes[kept]);
        kept++;
    }
    note_ttls(db, ttl_sum_ms, batch->len - kept);
    batch->len = kept;
}

/* One part in one database. Returns the buckets looked at. */
static size_t expire_part(struct db *db, int64_t now_ms, size_t max_entries, struct expire_progress *progress)
{
    struct expire_batch *batch = &db->ks->batch;
    size_t buckets = 0;
    batch->len = 0;
    do {
        db->expire_cursor = hashtable_scan(db->expires, db->expire_cursor, gather, batch);
        buckets++;
    } while (db->expire_cursor != 0 && batch->len < max_entries && buckets < PART_BUCKETS);
    if (db->expire_cursor == 0) db->expire_round = db->ks->expire_round;
    progress->examined += batch->len;
    pick_expired(db, batch, now_ms);
    progress->expired += batch->len;
    for (size_t i = 0; i < batch->len; i++) db_remove_expired(db, batch->entries[i], batch->hashes[i]);
    return buckets;
}

static bool has_part(const struct db *db)
{
    return hashtable_count(db->expires) > 0 && db->expire_round != db->ks->expire_round;
}

struct expire_progress keyspace_expire_step(struct keyspace *ks, int64_t now_ms, size_t max_entries)
{
    struct expire_progress progress = {0};
    size_t buckets = 0;
    unsigned idle = 0;
    ks->expire_round++;
    while (idle < ks->db_count && progress.examined < max_entries && buckets < max_entries) {
        struct db *db = &ks->dbs[ks->expire_next];
        ks->expire_next = (ks->expire_next + 1) % ks->db_count;
        if (!has_part(db)) {
            idle++;
            continue;
        }
        idle = 0;
        size_t left = max_entries - progress.examined;
        buckets += expire_part(db, now_ms, left < PART_ENTRIES ? left : PART_ENTRIES, &progress);
    }
    return progress;
}

int64_t db_average_ttl_ms(const struct db *db)
{
    return hashtable_count(db->expires) > 0 ? (int64_t)db->average_ttl_ms : 0;
}
