/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/worker.h"
#include "store/db.h"

#define NOW 1000000
#define NONE ENTRY_NO_EXPIRY

struct named {
    char text[16];
    struct key key;
};

static void set_name(struct named *n, size_t i)
{
    int len = snprintf(n->text, sizeof(n->text), "key:%zu", i);
    n->key = key_of(SLICE(n->text, (size_t)len));
}

static struct entry *put(struct db *db, size_t i, const char *value, int64_t expire_at_ms)
{
    struct named n;
    set_name(&n, i);
    return db_set_string(db, &n.key, slice_of(value), expire_at_ms);
}

static struct entry *get(struct db *db, size_t i, int64_t now_ms)
{
    struct named n;
    set_name(&n, i);
    return db_find(db, &n.key, now_ms, DB_FIND_READ);
}

static bool holds(const struct entry *e, const char *value)
{
    char scratch[NUM_INT64_CHARS];
    return e && slice_eq(entry_string(e, scratch), slice_of(value));
}

/* Both tables whole, and the index holds exactly the entries with an expiry. */
static void check_db(const struct db *db)
{
    struct hashtable_iter it;
    size_t with_expiry = 0;
    assert_true(hashtable_is_valid(db_keys(db)));
    assert_true(hashtable_is_valid(db_expires(db)));
    hashtable_iter_init(&it, db_keys(db));
    for (struct entry *e; (e = hashtable_iter_next(&it));) {
        assert_true(entry_is_valid(e));
        if (entry_expire_at_ms(e) == NONE) continue;
        struct key key = key_of(entry_key(e));
        with_expiry++;
        assert_ptr_equal(hashtable_find(db_expires(db), key.name.ptr, key.name.len, key.hash), e);
    }
    assert_int_equal(with_expiry, db_expires_count(db));
}

struct expired_log {
    size_t count;
    unsigned last_db;
    char last_name[32];
};

static void log_expired(void *ctx, struct db *db, struct slice name)
{
    struct expired_log *log = ctx;
    log->count++;
    log->last_db = db_index(db);
    snprintf(log->last_name, sizeof(log->last_name), "%.*s", (int)name.len, name.ptr);
}

static struct keyspace *new_keyspace(unsigned dbs, struct expired_log *log)
{
    struct keyspace *ks = keyspace_new(dbs);
    struct keyspace_hooks hooks = {.ctx = log, .on_expired = log_expired};
    *log = (struct expired_log){0};
    keyspace_set_hooks(ks, &hooks);
    keyspace_set_access_clock(ks, 500);
    return ks;
}

static void values_are_found_until_they_expire(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(3, &log);
    struct db *db = keyspace_db(ks, 2);
    put(db, 1, "one", NOW + 5);
    put(db, 2, "two", NONE);
    assert_true(holds(get(db, 1, NOW), "one"));
    assert_true(holds(get(db, 1, NOW + 5), "one"));
    assert_null(get(db, 1, NOW + 6));
    assert_int_equal(log.count, 1);
    assert_int_equal(log.last_db, 2);
    assert_string_equal(log.last_name, "key:1");
    assert_int_equal(db_count(db), 1);
    assert_int_equal(db_expires_count(db), 0);
    assert_null(get(keyspace_db(ks, 0), 2, NOW));
    assert_true(holds(get(db, 2, INT64_MAX), "two"));
    struct keyspace_stats *stats = keyspace_stats(ks);
    assert_int_equal(stats->hits, 3);
    assert_int_equal(stats->misses, 2);
    assert_int_equal(stats->expired_keys, 1);
    keyspace_free(ks);
}

static void access_is_stamped_unless_told_otherwise(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(1, &log);
    struct db *db = keyspace_db(ks, 0);
    struct named n;
    set_name(&n, 1);
    assert_int_equal(entry_clock(put(db, 1, "v", NONE)), 500);
    keyspace_set_access_clock(ks, 600);
    assert_int_equal(entry_clock(db_find(db, &n.key, NOW, DB_FIND_NO_TOUCH)), 500);
    keyspace_set_child_alive(ks, true);
    assert_int_equal(entry_clock(db_find(db, &n.key, NOW, DB_FIND_READ)), 500);
    keyspace_set_child_alive(ks, false);
    assert_int_equal(entry_clock(db_find(db, &n.key, NOW, DB_FIND_WRITE)), 600);
    assert_int_equal(keyspace_stats(ks)->hits, 2);
    struct entry *e = entry_new_string(SLICE_LIT("other"), SLICE_LIT("v"), NONE);
    entry_set_clock(e, 77);
    db_insert(db, e, hash_bytes("other", 5));
    assert_int_equal(entry_clock(e), 77);
    keyspace_free(ks);
}

static void delete_tells_expired_keys_from_present_ones(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(1, &log);
    struct db *db = keyspace_db(ks, 0);
    struct named n;
    set_name(&n, 1);
    assert_false(db_delete(db, &n.key, NOW, false));
    put(db, 1, "v", NOW + 10);
    assert_true(db_delete(db, &n.key, NOW, false));
    put(db, 1, "v", NOW + 10);
    assert_false(db_delete(db, &n.key, NOW + 11, true));
    assert_int_equal(log.count, 1);
    put(db, 1, "v", NOW + 10);
    struct entry *e = db_take(db, &n.key);
    assert_true(holds(e, "v"));
    assert_null(db_take(db, &n.key));
    assert_int_equal(db_expires_count(db), 0);
    assert_false(db_put(db, e, n.key.hash));
    assert_int_equal(db_expires_count(db), 1);
    assert_true(db_put(db, entry_new_string(n.key.name, SLICE_LIT("w"), NONE), n.key.hash));
    assert_int_equal(db_expires_count(db), 0);
    assert_true(holds(get(db, 1, NOW), "w"));
    keyspace_free(ks);
}

static void large_values_are_freed_in_the_background(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(1, &log);
    struct db *db = keyspace_db(ks, 0);
    struct named n;
    size_t used = mem_used();
    set_name(&n, 1);
    for (int i = 0; i < 3; i++) {
        struct blob *b = blob_new(4 << 20);
        memset(b->data, 'x', b->len = 4 << 20);
        db_set_blob(db, &n.key, b, i == 2 ? NOW : NONE);
        if (i == 0) assert_true(db_delete(db, &n.key, NOW, false));
        if (i == 1) put(db, 1, "small", NONE);
        if (i == 2) assert_null(db_find(db, &n.key, NOW + 1, DB_FIND_READ));
        assert_int_equal(keyspace_stats(ks)->lazyfreed_objects, i + 1);
    }
    worker_drain();
    assert_true(mem_used() < used + (1 << 20));
    keyspace_free(ks);
}

/* --- random operations against a plain model --- */

#define MODEL_KEYS 400

struct model {
    struct named names[MODEL_KEYS];
    struct {
        bool is_present;
        int64_t expire_at_ms;
        size_t len;
        char value[600];
    } keys[MODEL_KEYS];
    int64_t now_ms;
    size_t expired_lazily;
    struct rng rng;
};

static bool is_visible(const struct model *m, size_t i)
{
    return m->keys[i].is_present && (m->keys[i].expire_at_ms == NONE || m->keys[i].expire_at_ms >= m->now_ms);
}

static int64_t random_expiry(struct model *m)
{
    return rng_below(&m->rng, 2) ? NONE : m->now_ms + (int64_t)rng_below(&m->rng, 3000);
}

static void model_set(struct model *m, size_t i, struct slice value, int64_t expire_at_ms)
{
    m->keys[i].is_present = true;
    m->keys[i].expire_at_ms = expire_at_ms;
    m->keys[i].len = value.len;
    memcpy(m->keys[i].value, value.ptr, value.len);
}

static struct slice random_value(struct model *m, char *out)
{
    if (rng_below(&m->rng, 4) == 0) return SLICE(out, num_format_int64(out, (int64_t)rng_next(&m->rng)));
    size_t len = rng_below(&m->rng, rng_below(&m->rng, 2) ? 60 : 500);
    memset(out, 'a' + (int)rng_below(&m->rng, 26), len);
    return SLICE(out, len);
}

static void check_found(struct model *m, size_t i, struct entry *e)
{
    char scratch[NUM_INT64_CHARS];
    assert_int_equal(e != NULL, is_visible(m, i));
    if (!e) {
        m->keys[i].is_present = false;
        return;
    }
    assert_true(slice_eq(entry_key(e), m->names[i].key.name));
    assert_true(slice_eq(entry_string(e, scratch), SLICE(m->keys[i].value, m->keys[i].len)));
    assert_int_equal(entry_expire_at_ms(e), m->keys[i].expire_at_ms);
}

/* A change to the entry of a key that is present. */
static void change_present(struct model *m, struct db *db, size_t i, struct entry *e)
{
    const struct key *key = &m->names[i].key;
    char *place;
    switch (rng_below(&m->rng, 3)) {
    case 0:
        e = db_set_int(db, key, e, 4711);
        model_set(m, i, SLICE_LIT("4711"), m->keys[i].expire_at_ms);
        break;
    case 1:
        m->keys[i].expire_at_ms = random_expiry(m);
        e = db_set_expiry(db, key, e, m->keys[i].expire_at_ms);
        break;
    default: {
        size_t len = rng_below(&m->rng, 600), old_len = m->keys[i].len;
        e = db_make_writable(db, key, e, len, &place);
        if (len > old_len) memset(m->keys[i].value + old_len, 0, len - old_len);
        m->keys[i].len = len;
        if (len > 0) place[len - 1] = m->keys[i].value[len - 1] = 'z';
        break;
    }
    }
    check_found(m, i, e);
}

static void change_any(struct model *m, struct db *db, size_t i)
{
    const struct key *key = &m->names[i].key;
    char text[600];
    struct slice value = random_value(m, text);
    int64_t expire_at_ms = random_expiry(m);
    switch (rng_below(&m->rng, 5)) {
    case 0:
        assert_int_equal(db_delete(db, key, m->now_ms, rng_below(&m->rng, 2)), is_visible(m, i));
        m->keys[i].is_present = false;
        return;
    case 1: db_set_blob(db, key, blob_copy_of(value), expire_at_ms); break;
    case 2: db_put(db, entry_new_string(key->name, value, expire_at_ms), key->hash); break;
    default: db_set_string(db, key, value, expire_at_ms); break;
    }
    model_set(m, i, value, expire_at_ms);
}

static void model_step(struct model *m, struct keyspace *ks, struct db *db)
{
    size_t i = rng_below(&m->rng, MODEL_KEYS);
    unsigned dice = (unsigned)rng_below(&m->rng, 100);
    m->now_ms += (int64_t)rng_below(&m->rng, 10);
    if (dice < 40) {
        change_any(m, db, i);
    } else if (dice < 90) {
        struct entry *e = db_find(db, &m->names[i].key, m->now_ms, DB_FIND_READ);
        check_found(m, i, e);
        if (e && dice < 75) change_present(m, db, i, e);
    } else if (dice < 92) {
        struct entry *e = db_random(db, &m->rng, m->now_ms);
        assert_true(!e || !entry_is_expired(e, m->now_ms));
    } else if (dice < 94) {
        keyspace_set_child_alive(ks, rng_below(&m->rng, 2));
    } else if (dice < 97) {
        keyspace_rehash_step(ks, 3);
    } else {
        keyspace_expire_step(ks, m->now_ms, rng_below(&m->rng, 50));
    }
}

static void random_operations_match_the_model(void **state)
{
    (void)state;
    struct expired_log log;
    size_t used = mem_used();
    struct keyspace *ks = new_keyspace(2, &log);
    struct model *m = mem_calloc(sizeof(*m));
    rng_seed(&m->rng, 17);
    m->now_ms = NOW;
    for (size_t i = 0; i < MODEL_KEYS; i++) set_name(&m->names[i], i);
    for (int step = 0; step < 100000; step++) {
        struct db *db = keyspace_db(ks, 1);
        model_step(m, ks, db);
        if (step % 50 == 0) check_db(db);
        if (step % 20000 == 19999) {
            m->now_ms += 100000; /* everything volatile is due */
            for (int i = 0; i < 2; i++)
                keyspace_expire_step(ks, m->now_ms, 1000 * MODEL_KEYS); /* the rest of a walk, and one */
            assert_int_equal(db_expires_count(db), 0);
        }
    }
    for (size_t i = 0; i < MODEL_KEYS; i++)
        check_found(m, i, db_find(keyspace_db(ks, 1), &m->names[i].key, m->now_ms, DB_FIND_READ));
    assert_int_equal(log.count, keyspace_stats(ks)->expired_keys);
    keyspace_free(ks);
    mem_free(m);
    worker_drain();
    assert_int_equal(mem_used(), used);
}

/* --- active expiry --- */

static void active_expiry_clears_many_keys_of_one_moment(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(16, &log);
    struct db *db = keyspace_db(ks, 5);
    const size_t count = 200000;
    for (size_t i = 0; i < count; i++) put(db, i, "value", i % 10 ? NOW : NONE);
    struct expire_progress p = keyspace_expire_step(ks, NOW, 1000);
    assert_true(p.examined >= 1000 && p.expired == 0);
    size_t expired = 0, calls = 0;
    do {
        p = keyspace_expire_step(ks, NOW + 1, 1000);
        assert_true(p.expired <= p.examined && p.examined <= 1000 + 200);
        expired += p.expired;
        calls++;
    } while (p.expired * 10 > p.examined);
    assert_true(calls < 2 * count / 1000);
    assert_int_equal(expired, count - count / 10);
    assert_int_equal(log.count, expired);
    assert_int_equal(db_count(db), count / 10);
    assert_int_equal(db_expires_count(db), 0);
    check_db(db);
    keyspace_free(ks);
}

static void active_expiry_starves_no_database(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(16, &log);
    for (size_t i = 0; i < 50000; i++) put(keyspace_db(ks, 0), i, "v", NOW);
    for (unsigned d = 1; d < 16; d++)
        for (size_t i = 0; i < 20; i++) put(keyspace_db(ks, d), i, "v", NOW);
    keyspace_expire_step(ks, NOW + 1, 2000);
    for (unsigned d = 1; d < 16; d++) assert_int_equal(db_count(keyspace_db(ks, d)), 0);
    assert_true(db_count(keyspace_db(ks, 0)) > 40000);
    keyspace_free(ks);
}

static void active_expiry_step_looks_at_each_entry_once(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(4, &log);
    for (size_t i = 0; i < 100; i++) put(keyspace_db(ks, 3), i, "v", NOW + 1000);
    assert_int_equal(db_average_ttl_ms(keyspace_db(ks, 3)), 0);
    struct expire_progress p = keyspace_expire_step(ks, NOW, 100000);
    assert_int_equal(p.examined, 100);
    assert_int_equal(p.expired, 0);
    assert_int_equal(db_average_ttl_ms(keyspace_db(ks, 3)), 1000);
    p = keyspace_expire_step(ks, NOW, 100000);
    assert_int_equal(p.examined, 100);
    keyspace_free(ks);
}

static void active_expiry_works_while_a_child_lives(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(1, &log);
    struct db *db = keyspace_db(ks, 0);
    for (size_t i = 0; i < 20000; i++) put(db, i, "v", NOW + (i == 7));
    size_t bytes = db_memory_overhead(db);
    keyspace_set_child_alive(ks, true);
    for (int i = 0; i < 3000 && db_count(db) > 1; i++) keyspace_expire_step(ks, NOW + 1, 1000);
    assert_int_equal(db_count(db), 1);
    assert_true(db_memory_overhead(db) > bytes / 2);
    keyspace_set_child_alive(ks, false);
    for (int i = 0; i < 100000 && keyspace_rehash_step(ks, 64); i++) continue;
    assert_true(db_memory_overhead(db) < 10000);
    check_db(db);
    keyspace_free(ks);
}

/* --- walking, sampling, whole databases --- */

static void count_entry(void *ctx, void *entry)
{
    (void)entry;
    ++*(size_t *)ctx;
}

static void scan_meets_every_key(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(1, &log);
    struct db *db = keyspace_db(ks, 0);
    size_t seen = 0;
    uint64_t cursor = 0;
    for (size_t i = 0; i < 5000; i++) put(db, i, "v", NONE);
    do {
        cursor = db_scan(db, cursor, count_entry, &seen);
    } while (cursor != 0);
    assert_true(seen >= 5000);
    keyspace_free(ks);
}

static void random_key_is_never_an_expired_one(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(1, &log);
    struct db *db = keyspace_db(ks, 0);
    struct rng rng;
    rng_seed(&rng, 2);
    assert_null(db_random(db, &rng, NOW));
    for (size_t i = 0; i < 5000; i++) put(db, i, "v", i == 4321 ? NONE : NOW);
    struct entry *e = db_random(db, &rng, NOW + 1);
    assert_true(e && slice_eq(entry_key(e), SLICE_LIT("key:4321")));
    assert_true(log.count > 0 && log.count <= 100);
    struct named n;
    set_name(&n, 4321);
    assert_true(db_delete(db, &n.key, NOW, false));
    assert_null(db_random(db, &rng, NOW + 1));
    check_db(db);
    keyspace_free(ks);
}

static void swapped_databases_keep_their_index(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(3, &log);
    struct db *first = keyspace_db(ks, 0), *third = keyspace_db(ks, 2);
    put(first, 1, "a", NOW);
    put(third, 1, "b", NONE);
    put(third, 2, "c", NONE);
    keyspace_swap(ks, 0, 2);
    keyspace_swap(ks, 1, 1);
    assert_int_equal(db_index(first), 0);
    assert_int_equal(db_index(third), 2);
    assert_ptr_equal(db_keyspace(third), ks);
    assert_int_equal(db_count(first), 2);
    assert_true(holds(get(first, 1, NOW), "b"));
    assert_true(holds(get(third, 1, NOW), "a"));
    assert_null(get(third, 1, NOW + 1));
    assert_int_equal(log.last_db, 2);
    keyspace_free(ks);
}

static void exchanged_keyspaces_resize_by_their_own_child(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *a = new_keyspace(2, &log), *b = new_keyspace(2, &log);
    keyspace_set_child_alive(a, true);
    put(keyspace_db(a, 0), 1, "a", NONE);
    put(keyspace_db(b, 1), 1, "b", NOW + 5);
    keyspace_exchange(a, b);
    assert_null(get(keyspace_db(a, 0), 1, NOW));
    assert_true(holds(get(keyspace_db(a, 1), 1, NOW), "b"));
    assert_true(holds(get(keyspace_db(b, 0), 1, NOW), "a"));
    assert_ptr_equal(db_keyspace(keyspace_db(a, 1)), a);
    assert_int_equal(keyspace_key_count(a), 1);
    struct hashtable_stats stats;
    for (size_t i = 0; i < 20; i++) put(keyspace_db(b, 0), i, "x", NONE);
    for (size_t i = 0; i < 20; i++) put(keyspace_db(a, 1), i, "x", NONE);
    hashtable_stats(db_keys(keyspace_db(b, 0)), &stats);
    assert_true(stats.buckets[0] + stats.buckets[1] > 1);
    hashtable_stats(db_keys(keyspace_db(a, 1)), &stats);
    assert_int_equal(stats.buckets[0] + stats.buckets[1], 1);
    keyspace_free(a);
    keyspace_free(b);
}

static void flushing_empties_at_once_and_gives_memory_back(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(4, &log);
    put(keyspace_db(ks, 0), 1, "v", NONE);
    keyspace_flush(ks, false);
    size_t used = mem_used();
    for (int lazily = 0; lazily < 2; lazily++) {
        for (size_t i = 0; i < 30000; i++) put(keyspace_db(ks, i % 2), i, "some value", i % 3 ? NONE : NOW);
        put(keyspace_db(ks, 3), 1, "v", NONE);
        keyspace_set_child_alive(ks, true);
        assert_int_equal(db_flush(keyspace_db(ks, 3), lazily), 1);
        assert_int_equal(keyspace_flush(ks, lazily), 30000);
        assert_int_equal(keyspace_key_count(ks), 0);
        assert_int_equal(db_expires_count(keyspace_db(ks, 0)), 0);
        worker_drain();
        assert_true(mem_used() <= used + 4096);
        for (size_t i = 0; i < 20; i++) put(keyspace_db(ks, 0), i, "x", NONE);
        struct hashtable_stats stats;
        hashtable_stats(db_keys(keyspace_db(ks, 0)), &stats);
        assert_int_equal(stats.buckets[0] + stats.buckets[1], 1); /* the new tables know of the child */
        keyspace_set_child_alive(ks, false);
        keyspace_flush(ks, false);
    }
    assert_int_equal(keyspace_stats(ks)->lazyfreed_objects, 30000);
    assert_int_equal(log.count, 0);
    keyspace_free(ks);
}

static void expanded_tables_take_their_keys_without_resizing(void **state)
{
    (void)state;
    struct expired_log log;
    struct keyspace *ks = new_keyspace(1, &log);
    struct db *db = keyspace_db(ks, 0);
    assert_true(db_expand(db, 10000, 5000));
    size_t bytes = keyspace_overhead(ks);
    for (size_t i = 0; i < 10000; i++) put(db, i, "v", i % 2 ? NOW : NONE);
    assert_false(keyspace_rehash_step(ks, 1));
    assert_true(keyspace_overhead(ks) < bytes * 2);
    assert_false(db_expand(db, SIZE_MAX, 0));
    check_db(db);
    keyspace_free(ks);
}

int main(void)
{
    static const uint8_t key[16] = "a key for tests";
    mem_init();
    hash_set_key(key);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_until_they_expire),
        cmocka_unit_test(access_is_stamped_unless_told_otherwise),
        cmocka_unit_test(delete_tells_expired_keys_from_present_ones),
        cmocka_unit_test(large_values_are_freed_in_the_background),
        cmocka_unit_test(random_operations_match_the_model),
        cmocka_unit_test(active_expiry_clears_many_keys_of_one_moment),
        cmocka_unit_test(active_expiry_starves_no_database),
        cmocka_unit_test(active_expiry_step_looks_at_each_entry_once),
        cmocka_unit_test(active_expiry_works_while_a_child_lives),
        cmocka_unit_test(scan_meets_every_key),
        cmocka_unit_test(random_key_is_never_an_expired_one),
        cmocka_unit_test(swapped_databases_keep_their_index),
        cmocka_unit_test(exchanged_keyspaces_resize_by_their_own_child),
        cmocka_unit_test(flushing_empties_at_once_and_gives_memory_back),
        cmocka_unit_test(expanded_tables_take_their_keys_without_resizing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
