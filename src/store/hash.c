/* SPDX-License-Identifier: MIT */
/*
 * The three forms of a hash:
 *
 *   ENCODING_LISTPACK      field, value, field, value ...                         as they came
 *   ENCODING_LISTPACK_EX   field, value, expiry, field, value, expiry ...         by expiry, those without (0) last
 *   ENCODING_HASHTABLE     see hash_object.c
 *
 * A listpack becomes one of triples when a field gets an expiry, and stays one; either becomes a table when it has too many fields or one
 * too long (value_limits), and stays that. In order of time the next field to expire is the first, and the expired ones are a prefix.
 *
 * Whoever changes the time at which the next field of a hash expires tells the database's index (field_expiry.h), here and nowhere else;
 * entries that come into or leave a database whole are told by db.c.
 */
#include "store/hash.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"
#include "ds/listpack.h"
#include "store/db_private.h"
#include "store/field_expiry.h"
#include "store/hash_object.h"

#define RANDOM_TRIES 64

static inline bool is_object(const struct entry *e) { return entry_encoding(e) == ENCODING_HASHTABLE; }
static inline bool is_ex(const struct entry *e) { return entry_encoding(e) == ENCODING_LISTPACK_EX; }
static inline unsigned width_of(const struct entry *e) { return is_ex(e) ? 3 : 2; }
static inline bool is_past(int64_t expire_at_ms, int64_t now_ms)
{
    return expire_at_ms != HASH_NO_EXPIRY && expire_at_ms < now_ms;
}

static inline struct item text_item(struct slice s) { return (struct item){s.len > 0 ? s.ptr : "", s.len, 0}; }
static inline struct item int_item(int64_t n) { return (struct item){NULL, 0, n}; }

/* --- reading the packed forms --- */

/* Reads the pair at a position; returns the position of the next, or LISTPACK_END. */
static inline uint32_t read_pair(const uint8_t *lp, uint32_t at, bool ex, struct hash_pair *out)
{
    at = listpack_read(lp, at, &out->field);
    at = listpack_read(lp, at, &out->value);
    out->expire_at_ms = HASH_NO_EXPIRY;
    if (!ex) return at;
    struct item expiry;
    at = listpack_read(lp, at, &expiry);
    if (expiry.integer != 0) out->expire_at_ms = expiry.integer;
    return at;
}

static uint32_t find_packed(const struct entry *e, struct slice field)
{
    const uint8_t *lp = value_packed(e);
    uint32_t first = listpack_first(lp);
    if (first == LISTPACK_END) return LISTPACK_END;
    struct item wanted = item_of(field);
    return listpack_find(lp, first, &wanted, width_of(e) - 1);
}

/* Fields of a triple listpack that are past their time: they stand first. `end` (may be NULL): the position after them. */
static size_t expired_prefix(const uint8_t *lp, int64_t now_ms)
{
    size_t count = 0;
    struct hash_pair pair;
    for (uint32_t at = listpack_first(lp); at != LISTPACK_END; count++) {
        at = read_pair(lp, at, true, &pair);
        if (!is_past(pair.expire_at_ms, now_ms)) break;
    }
    return count;
}

/* The pair of a field, expired or not. */
static bool find_pair(const struct entry *e, struct slice field, struct hash_pair *out)
{
    if (is_object(e)) return hash_object_get(value_object(e), field, out);
    uint32_t at = find_packed(e, field);
    if (at == LISTPACK_END) return false;
    read_pair(value_packed(e), at, is_ex(e), out);
    return true;
}

/* --- reading --- */

size_t hash_count(const struct entry *e)
{
    if (is_object(e)) return hash_object_count(value_object(e));
    return listpack_count(value_packed(e)) / width_of(e);
}

static size_t expired_count(const struct entry *e, int64_t now_ms)
{
    if (is_object(e)) return hash_object_expired_count(value_object(e), now_ms);
    return is_ex(e) ? expired_prefix(value_packed(e), now_ms) : 0;
}

size_t hash_live_count(const struct entry *e, int64_t now_ms) { return hash_count(e) - expired_count(e, now_ms); }

bool hash_get(const struct entry *e, struct slice field, int64_t now_ms, struct item *value)
{
    struct hash_pair pair;
    if (!find_pair(e, field, &pair) || is_past(pair.expire_at_ms, now_ms)) return false;
    *value = pair.value;
    return true;
}

bool hash_get_field_expiry(const struct entry *e, struct slice field, int64_t now_ms, int64_t *expire_at_ms)
{
    struct hash_pair pair;
    if (!find_pair(e, field, &pair) || is_past(pair.expire_at_ms, now_ms)) return false;
    *expire_at_ms = pair.expire_at_ms;
    return true;
}

int64_t hash_min_field_expiry(const struct entry *e)
{
    if (is_object(e)) return hash_object_min_expiry(value_object(e));
    if (!is_ex(e)) return HASH_NO_EXPIRY;
    const uint8_t *lp = value_packed(e);
    uint32_t first = listpack_first(lp);
    struct hash_pair pair = {.expire_at_ms = HASH_NO_EXPIRY};
    if (first != LISTPACK_END) read_pair(lp, first, true, &pair);
    return pair.expire_at_ms;
}

bool hash_has_field_expiry(const struct entry *e) { return hash_min_field_expiry(e) != HASH_NO_EXPIRY; }

/* --- walks --- */

void hash_iter_init(struct hash_iter *it, const struct entry *e, int64_t now_ms)
{
    it->e = e;
    it->now_ms = now_ms;
    if (is_object(e))
        hashtable_iter_init(&it->table, hash_object_table(value_object(e)));
    else
        it->at = listpack_first(value_packed(e));
}

bool hash_iter_next(struct hash_iter *it)
{
    do {
        if (is_object(it->e)) {
            const void *entry = hashtable_iter_next(&it->table);
            if (entry == NULL) return false;
            hash_object_pair_of(value_object(it->e), entry, &it->pair);
        } else {
            if (it->at == LISTPACK_END) return false;
            it->at = read_pair(value_packed(it->e), it->at, is_ex(it->e), &it->pair);
        }
    } while (it->now_ms >= 0 && is_past(it->pair.expire_at_ms, it->now_ms));
    return true;
}

/* The n-th live pair of a walk. */
static bool nth_pair(const struct entry *e, int64_t now_ms, size_t n, struct hash_pair *out)
{
    struct hash_iter it;
    hash_iter_init(&it, e, now_ms);
    do {
        if (!hash_iter_next(&it)) return false;
    } while (n-- > 0);
    *out = it.pair;
    return true;
}

bool hash_random(const struct entry *e, struct rng *rng, int64_t now_ms, struct hash_pair *out)
{
    size_t live = hash_live_count(e, now_ms);
    if (live == 0) return false;
    if (!is_object(e)) {
        size_t index = hash_count(e) - live + rng_below(rng, live);
        read_pair(value_packed(e), listpack_seek(value_packed(e), (int64_t)(index * width_of(e))), is_ex(e), out);
        return true;
    }
    const struct hash_object *o = value_object(e);
    for (int i = 0; i < RANDOM_TRIES; i++) {
        hash_object_pair_of(o, hashtable_random(hash_object_table(o), rng), out);
        if (!is_past(out->expire_at_ms, now_ms)) return true;
    }
    return nth_pair(e, now_ms, rng_below(rng, live), out); /* nearly all are expired */
}

struct scan {
    const struct hash_object *object;
    int64_t now_ms;
    void (*fn)(void *ctx, const struct hash_pair *p);
    void *ctx;
};

static void scan_one(void *ctx, void *entry)
{
    const struct scan *s = ctx;
    struct hash_pair pair;
    hash_object_pair_of(s->object, entry, &pair);
    if (!is_past(pair.expire_at_ms, s->now_ms)) s->fn(s->ctx, &pair);
}

uint64_t hash_scan(const struct entry *e, uint64_t cursor, int64_t now_ms,
                   void (*fn)(void *ctx, const struct hash_pair *p), void *ctx)
{
    if (is_object(e)) {
        struct scan s = {value_object(e), now_ms, fn, ctx};
        return hashtable_scan(hash_object_table(s.object), cursor, scan_one, &s);
    }
    struct hash_iter it;
    hash_iter_init(&it, e, now_ms);
    while (hash_iter_next(&it)) fn(ctx, &it.pair);
    return 0;
}

/* --- from one form to another --- */

static void become_object(struct value_ref *ref)
{
    struct hash_object *o = hash_object_new(hash_count(ref->e) + 1);
    struct hash_iter it;
    char field_text[NUM_INT64_CHARS], value_text[NUM_INT64_CHARS];
    hash_iter_init(&it, ref->e, -1);
    while (hash_iter_next(&it)) {
        struct slice field = item_slice(&it.pair.field, field_text);
        hash_object_set(o, field, item_slice(&it.pair.value, value_text), false);
        if (it.pair.expire_at_ms != HASH_NO_EXPIRY) hash_object_set_expiry(o, field, it.pair.expire_at_ms);
    }
    value_become_object(ref, ENCODING_HASHTABLE, o);
}

static uint8_t *resize_buf(void *owner, size_t size)
{
    struct buf *b = owner;
    if (size > b->cap) buf_reserve(b, size - b->len);
    b->len = size;
    return (uint8_t *)b->data;
}

/* Pairs become triples without expiry. */
static void become_ex(struct value_ref *ref)
{
    struct buf bytes = BUF_INIT;
    struct pack p = {resize_buf(&bytes, LISTPACK_EMPTY_BYTES), resize_buf, &bytes};
    struct hash_iter it;
    listpack_init(p.bytes);
    hash_iter_init(&it, ref->e, -1);
    while (hash_iter_next(&it)) {
        struct item triple[3] = {it.pair.field, it.pair.value, int_item(0)};
        listpack_insert_many(&p, LISTPACK_END, triple, 3);
    }
    value_become_packed(ref, ENCODING_LISTPACK_EX, buf_slice(&bytes));
    buf_deinit(&bytes);
}

/* Room for a pair of these in the packed form, an expiry included. */
static bool fits_packed(const struct entry *e, struct slice field, struct slice value)
{
    const struct value_limits *limits = value_limits();
    if (field.len > limits->hash_max_listpack_value || value.len > limits->hash_max_listpack_value) return false;
    struct item i = text_item(field), v = text_item(value), x = int_item(INT64_MAX);
    return listpack_fits(value_packed(e),
                         listpack_element_bytes(&i) + listpack_element_bytes(&v) + listpack_element_bytes(&x));
}

/* --- changing --- */

static struct hash_object *object_to_change(const struct value_ref *ref)
{
    struct hash_object *o = value_object(ref->e);
    if (ref->db != NULL) hash_object_set_resize_allowed(o, !ref->db->ks->child_alive);
    return o;
}

/* Tells the index when the next expiry is another one than before. */
static inline void settle(const struct value_ref *ref, int64_t next_before_ms)
{
    if (ref->db == NULL) return;
    int64_t next_ms = hash_min_field_expiry(ref->e);
    if (next_ms != next_before_ms) field_expiry_set(ref->db, &ref->key, next_ms);
}

static bool put_object(struct value_ref *ref, struct slice field, struct slice value, int64_t now_ms, bool keep_expiry)
{
    struct hash_object *o = object_to_change(ref);
    struct hash_pair pair;
    if (is_past(hash_object_min_expiry(o), now_ms) && hash_object_get(o, field, &pair) &&
        is_past(pair.expire_at_ms, now_ms))
        hash_object_remove(o, field);
    return hash_object_set(o, field, value, keep_expiry);
}

static void append_packed(struct value_ref *ref, struct slice field, struct slice value)
{
    struct pack p = value_pack(ref);
    struct item triple[3] = {item_of(field), item_of(value), int_item(0)};
    listpack_insert_many(&p, LISTPACK_END, triple, width_of(ref->e));
}

static bool put_packed(struct value_ref *ref, struct slice field, struct slice value, int64_t now_ms, bool keep_expiry)
{
    uint32_t at = find_packed(ref->e, field);
    if (at == LISTPACK_END) {
        append_packed(ref, field, value);
        return true;
    }
    struct hash_pair pair;
    struct pack p = value_pack(ref);
    read_pair(p.bytes, at, is_ex(ref->e), &pair);
    bool was_past = is_past(pair.expire_at_ms, now_ms);
    if (pair.expire_at_ms != HASH_NO_EXPIRY && (was_past || !keep_expiry)) {
        listpack_delete(&p, at, 3);
        append_packed(ref, field, value);
    } else {
        struct item v = item_of(value);
        listpack_replace(&p, listpack_next(p.bytes, at), &v);
    }
    return was_past;
}

static bool put(struct value_ref *ref, struct slice field, struct slice value, int64_t now_ms, bool keep_expiry)
{
    int64_t next_before_ms = hash_min_field_expiry(ref->e);
    bool is_new;
    if (!is_object(ref->e) && !fits_packed(ref->e, field, value)) become_object(ref);
    if (is_object(ref->e)) {
        is_new = put_object(ref, field, value, now_ms, keep_expiry);
    } else {
        is_new = put_packed(ref, field, value, now_ms, keep_expiry);
        if (is_new && hash_count(ref->e) > value_limits()->hash_max_listpack_entries) become_object(ref);
    }
    settle(ref, next_before_ms);
    return is_new;
}

/* Made outside its database: what moves while it grows is in no table yet. */
static void put_first(struct value_ref *ref, struct slice field, struct slice value, int64_t now_ms)
{
    struct value_ref made = {NULL, ref->key, NULL};
    value_create(&made, VALUE_HASH);
    put(&made, field, value, now_ms, false);
    ref->e = made.e;
    if (ref->db != NULL) db_insert(ref->db, ref->e, ref->key.hash);
}

bool hash_set(struct value_ref *ref, struct slice field, struct slice value, int64_t now_ms)
{
    if (ref->e != NULL) return put(ref, field, value, now_ms, false);
    put_first(ref, field, value, now_ms);
    return true;
}

bool hash_update(struct value_ref *ref, struct slice field, struct slice value, int64_t now_ms)
{
    if (ref->e != NULL) return put(ref, field, value, now_ms, true);
    put_first(ref, field, value, now_ms);
    return true;
}

/* After fields went: a hash in which nobody can see a field is none. */
static void drop_or_settle(struct value_ref *ref, int64_t next_before_ms, int64_t now_ms)
{
    if (hash_live_count(ref->e, now_ms) == 0)
        value_drop(ref);
    else
        settle(ref, next_before_ms);
}

bool hash_remove(struct value_ref *ref, struct slice field, int64_t now_ms)
{
    int64_t next_before_ms = hash_min_field_expiry(ref->e), expire_at_ms;
    bool may_be_past = is_past(next_before_ms, now_ms);
    if (may_be_past && !hash_get_field_expiry(ref->e, field, now_ms, &expire_at_ms)) return false;
    if (is_object(ref->e)) {
        if (!hash_object_remove(object_to_change(ref), field)) return false;
    } else {
        uint32_t at = find_packed(ref->e, field);
        if (at == LISTPACK_END) return false;
        struct pack p = value_pack(ref);
        listpack_delete(&p, at, width_of(ref->e));
    }
    drop_or_settle(ref, next_before_ms, now_ms);
    return true;
}

/* --- field expiry --- */

/* Where a triple with this expiry belongs: before the first that goes later. */
static uint32_t place_of(const uint8_t *lp, int64_t expire_at_ms)
{
    if (expire_at_ms == HASH_NO_EXPIRY) return LISTPACK_END;
    struct hash_pair pair;
    uint32_t at = listpack_first(lp);
    while (at != LISTPACK_END) {
        uint32_t next = read_pair(lp, at, true, &pair);
        if (pair.expire_at_ms == HASH_NO_EXPIRY || pair.expire_at_ms > expire_at_ms) break;
        at = next;
    }
    return at;
}

/* The triple is taken out and put in again where its time belongs; its texts are kept aside meanwhile. */
static void move_triple(struct value_ref *ref, uint32_t at, int64_t expire_at_ms)
{
    char field_text[NUM_INT64_CHARS], value_text[NUM_INT64_CHARS];
    struct hash_pair pair;
    struct buf texts = BUF_INIT;
    struct pack p = value_pack(ref);
    read_pair(p.bytes, at, true, &pair);
    struct slice field = item_slice(&pair.field, field_text), value = item_slice(&pair.value, value_text);
    buf_append_slice(&texts, field);
    buf_append_slice(&texts, value);
    listpack_delete(&p, at, 3);
    struct item triple[3] = {item_of(SLICE(texts.data, field.len)),
                             item_of(SLICE(texts.data == NULL ? "" : texts.data + field.len, value.len)),
                             int_item(expire_at_ms == HASH_NO_EXPIRY ? 0 : expire_at_ms)};
    listpack_insert_many(&p, place_of(p.bytes, expire_at_ms), triple, 3);
    buf_deinit(&texts);
}

bool hash_set_field_expiry(struct value_ref *ref, struct slice field, int64_t expire_at_ms, int64_t now_ms)
{
    int64_t next_before_ms = hash_min_field_expiry(ref->e), present_ms;
    if (!hash_get_field_expiry(ref->e, field, now_ms, &present_ms)) return false;
    if (present_ms == expire_at_ms) return true;
    if (!is_object(ref->e) && !listpack_fits(value_packed(ref->e), 16 * hash_count(ref->e))) become_object(ref);
    if (is_object(ref->e)) {
        hash_object_set_expiry(object_to_change(ref), field, expire_at_ms);
    } else {
        if (!is_ex(ref->e)) become_ex(ref);
        move_triple(ref, find_packed(ref->e, field), expire_at_ms);
    }
    settle(ref, next_before_ms);
    return true;
}

size_t hash_expire_fields(struct value_ref *ref, int64_t now_ms, size_t max)
{
    int64_t next_before_ms = hash_min_field_expiry(ref->e);
    if (!is_past(next_before_ms, now_ms) || max == 0) return 0;
    size_t removed = 0;
    if (is_object(ref->e)) {
        struct hash_object *o = object_to_change(ref);
        for (; removed < max && is_past(hash_object_min_expiry(o), now_ms); removed++) hash_object_remove_next(o);
    } else {
        struct pack p = value_pack(ref);
        size_t expired = expired_prefix(p.bytes, now_ms);
        removed = expired < max ? expired : max;
        listpack_delete(&p, listpack_first(p.bytes), 3 * removed);
    }
    if (ref->db != NULL) ref->db->ks->stats.expired_fields += removed;
    if (hash_count(ref->e) == 0)
        value_drop(ref);
    else
        settle(ref, next_before_ms);
    return removed;
}

/* --- validation --- */

static bool packed_is_valid(const struct entry *e)
{
    const uint8_t *lp = value_packed(e);
    if (!listpack_is_valid(lp) || listpack_count(lp) == 0 || listpack_count(lp) % width_of(e) != 0) return false;
    struct hash_pair pair;
    int64_t last_ms = 0;
    for (uint32_t at = listpack_first(lp); at != LISTPACK_END;) {
        at = read_pair(lp, at, is_ex(e), &pair);
        int64_t at_ms = pair.expire_at_ms == HASH_NO_EXPIRY ? INT64_MAX : pair.expire_at_ms;
        if (is_ex(e) && at_ms < last_ms) return false;
        last_ms = at_ms;
    }
    return true;
}

bool hash_is_valid(const struct entry *e)
{
    if (entry_type(e) != VALUE_HASH) return false;
    if (is_object(e)) return hash_object_count(value_object(e)) > 0 && hash_object_is_valid(value_object(e));
    return packed_is_valid(e);
}
