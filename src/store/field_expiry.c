/* SPDX-License-Identifier: MIT */
/*
 * A hashtable finds the node of a key, a heap the node that is due next. A node knows its place in the heap; the heap holds its time.
 *
 * Invariant: a hash in the database is here exactly when a field of it has an expiry, with the earliest of them.
 */
#include "store/field_expiry.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/db_private.h"
#include "store/due_heap.h"
#include "store/hash.h"

#define MAX_FILL 800
/* Fields removed from one hash before the next one has its turn. */
#define PART_FIELDS 64

struct node {
    size_t place;
    size_t key_len;
    char key[];
};

struct field_expiry {
    struct hashtable *nodes;
    struct due_heap dues;
};

static uint64_t node_hash_of(const void *n)
{
    const struct node *node = n;
    return hash_bytes(node->key, node->key_len);
}

static bool node_has_key(const void *n, const char *key, size_t len)
{
    const struct node *node = n;
    return node->key_len == len && (len == 0 || memcmp(node->key, key, len) == 0);
}

static void node_free(void *n) { mem_free(n); }

static void node_set_place(void *n, size_t place) { ((struct node *)n)->place = place; }

static const struct hashtable_type nodes_type = {node_hash_of, node_has_key, node_free, MAX_FILL};

static struct node *node_new(struct slice key)
{
    struct node *n = mem_alloc(sizeof(*n) + key.len);
    n->key_len = key.len;
    if (key.len > 0) memcpy(n->key, key.ptr, key.len);
    return n;
}

/* --- the index --- */

static struct field_expiry *index_of(struct db *db)
{
    if (db->field_expiry == NULL) {
        db->field_expiry = mem_alloc(sizeof(*db->field_expiry));
        db->field_expiry->nodes = hashtable_new(&nodes_type);
        due_heap_init(&db->field_expiry->dues, node_set_place);
    }
    return db->field_expiry;
}

void field_expiry_free(struct field_expiry *index)
{
    if (index == NULL) return;
    hashtable_free(index->nodes);
    due_heap_deinit(&index->dues);
    mem_free_sized(index, sizeof(*index));
}

size_t field_expiry_bytes(const struct field_expiry *index)
{
    if (index == NULL) return 0;
    return sizeof(*index) + hashtable_memory(index->nodes) + index->dues.cap * sizeof(struct due) +
           hashtable_count(index->nodes) * sizeof(struct node);
}

static struct node *find(const struct db *db, const struct key *key)
{
    if (db->field_expiry == NULL) return NULL;
    return hashtable_find(db->field_expiry->nodes, key->name.ptr, key->name.len, key->hash);
}

static void forget(struct db *db, const struct key *key)
{
    struct field_expiry *index = db->field_expiry;
    if (index == NULL) return;
    hashtable_set_resize_allowed(index->nodes, !db->ks->child_alive);
    struct node *n = hashtable_remove(index->nodes, key->name.ptr, key->name.len, key->hash);
    if (n == NULL) return;
    due_heap_remove(&index->dues, n->place);
    node_free(n);
}

void field_expiry_set(struct db *db, const struct key *key, int64_t next_ms)
{
    if (next_ms == HASH_NO_EXPIRY) {
        forget(db, key);
        return;
    }
    struct field_expiry *index = index_of(db);
    struct node *n = find(db, key);
    if (n != NULL) {
        due_heap_move(&index->dues, n->place, next_ms);
        return;
    }
    n = node_new(key->name);
    hashtable_set_resize_allowed(index->nodes, !db->ks->child_alive);
    hashtable_insert(index->nodes, n, key->hash);
    due_heap_add(&index->dues, next_ms, n);
}

int64_t field_expiry_get(const struct db *db, const struct key *key)
{
    const struct node *n = find(db, key);
    return n == NULL ? HASH_NO_EXPIRY : db->field_expiry->dues.dues[n->place].at_ms;
}

void field_expiry_note_slow(struct db *db, const struct entry *e, uint64_t hash, bool is_there)
{
    struct key key = {entry_key(e), hash};
    if (!is_there)
        forget(db, &key);
    else if (hash_has_field_expiry(e))
        field_expiry_set(db, &key, hash_min_field_expiry(e));
}

size_t db_field_expiry_count(const struct db *db)
{
    return db->field_expiry == NULL ? 0 : hashtable_count(db->field_expiry->nodes);
}

/* --- active expiry --- */

static const struct due *next_due(const struct db *db, int64_t now_ms)
{
    const struct field_expiry *index = db->field_expiry;
    if (index == NULL || index->dues.len == 0 || index->dues.dues[0].at_ms >= now_ms) return NULL;
    return &index->dues.dues[0];
}

/* Removes fields of the hash that is due first. The node goes or gets another time on the way. */
static size_t expire_next(struct db *db, const struct due *due, int64_t now_ms, size_t max)
{
    struct keyspace *ks = db->ks;
    const struct node *n = due->item;
    struct buf name = BUF_INIT;
    buf_append(&name, n->key, n->key_len);
    struct value_ref ref = {db, key_of(buf_slice(&name)), NULL};
    ref.e = db_find(db, &ref.key, now_ms, DB_FIND_NO_STATS | DB_FIND_NO_TOUCH);
    size_t removed = 0;
    if (ref.e != NULL) {
        removed = hash_expire_fields(&ref, now_ms, max);
        ASSERT(removed > 0);
        if (ks->hooks.on_fields_expired)
            ks->hooks.on_fields_expired(ks->hooks.ctx, db, ref.key.name, removed, ref.e == NULL);
    }
    buf_deinit(&name);
    return removed;
}

size_t keyspace_expire_fields_step(struct keyspace *ks, int64_t now_ms, size_t max)
{
    size_t removed = 0, looked = 0;
    unsigned idle = 0;
    while (idle < ks->db_count && removed < max && looked < max) {
        struct db *db = &ks->dbs[ks->field_expire_next];
        ks->field_expire_next = (ks->field_expire_next + 1) % ks->db_count;
        const struct due *due = next_due(db, now_ms);
        if (due == NULL) {
            idle++;
            continue;
        }
        idle = 0;
        looked++;
        size_t left = max - removed;
        removed += expire_next(db, due, now_ms, left < PART_FIELDS ? left : PART_FIELDS);
    }
    return removed;
}
