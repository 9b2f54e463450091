/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/worker.h"
#include "ds/listpack.h"
#include "store/db.h"
#include "store/field_expiry.h"
#include "store/hash.h"

#define START 1000000
#define TEXT_MAX 96

/* --- a plain model --- */

#define FIELDS_MAX 64

struct model_field {
    bool is_there;
    size_t len;
    char value[TEXT_MAX];
    int64_t expire_at_ms;
};

struct model {
    struct model_field fields[FIELDS_MAX];
    unsigned count; /* names in use */
    int64_t now_ms;
};

/* Of all kinds: integers, empty, short and long, with bytes of any value. */
static struct slice field_name(unsigned i, char *out)
{
    switch (i % 4) {
    case 0: return SLICE(out, (size_t)snprintf(out, TEXT_MAX, "%d", (int)i * 77777 - 500000));
    case 1: return SLICE(out, (size_t)snprintf(out, TEXT_MAX, "field:%u", i));
    case 2: return SLICE(out, i == 2 ? 0 : (size_t)snprintf(out, TEXT_MAX, "%050u", i));
    default: memset(out, (int)i, 3); return SLICE(out, 3);
    }
}

static bool is_live(const struct model *m, unsigned i)
{
    const struct model_field *f = &m->fields[i];
    return f->is_there && (f->expire_at_ms == HASH_NO_EXPIRY || f->expire_at_ms >= m->now_ms);
}

static unsigned live_count(const struct model *m)
{
    unsigned count = 0;
    for (unsigned i = 0; i < m->count; i++) count += is_live(m, i);
    return count;
}

static int64_t next_expiry(const struct model *m)
{
    int64_t next_ms = HASH_NO_EXPIRY;
    for (unsigned i = 0; i < m->count; i++) {
        const struct model_field *f = &m->fields[i];
        if (!f->is_there || f->expire_at_ms == HASH_NO_EXPIRY) continue;
        if (next_ms == HASH_NO_EXPIRY || f->expire_at_ms < next_ms) next_ms = f->expire_at_ms;
    }
    return next_ms;
}

static void model_drop_if_empty(struct model *m)
{
    if (live_count(m) > 0) return;
    for (unsigned i = 0; i < m->count; i++) m->fields[i].is_there = false;
}

/* --- comparing --- */

static bool item_is(const struct item *i, struct slice want)
{
    char scratch[NUM_INT64_CHARS];
    return slice_eq(item_slice(i, scratch), want);
}

static unsigned field_index(const struct model *m, const struct item *field)
{
    char name[TEXT_MAX];
    for (unsigned i = 0; i < m->count; i++)
        if (item_is(field, field_name(i, name))) return i;
    fail_msg("a field that nobody set");
    return 0;
}

static void check_pair(const struct model *m, const struct hash_pair *p, uint64_t *seen)
{
    unsigned i = field_index(m, &p->field);
    assert_true(is_live(m, i));
    assert_false(*seen >> i & 1);
    *seen |= (uint64_t)1 << i;
    assert_true(item_is(&p->value, SLICE(m->fields[i].value, m->fields[i].len)));
    assert_int_equal(p->expire_at_ms, m->fields[i].expire_at_ms);
}

struct scan_check {
    const struct model *m;
    uint64_t seen;
};

static void check_scanned(void *ctx, const struct hash_pair *p)
{
    struct scan_check *s = ctx;
    s->seen |= (uint64_t)1 << field_index(s->m, &p->field);
}

static void check_walks(const struct model *m, const struct entry *e)
{
    uint64_t seen = 0;
    unsigned walked = 0;
    struct hash_iter it;
    hash_iter_init(&it, e, m->now_ms);
    while (hash_iter_next(&it)) {
        check_pair(m, &it.pair, &seen);
        walked++;
    }
    assert_int_equal(walked, live_count(m));
    struct scan_check scan = {m, 0};
    uint64_t cursor = 0;
    do {
        cursor = hash_scan(e, cursor, m->now_ms, check_scanned, &scan);
    } while (cursor != 0);
    assert_true(scan.seen == seen);
}

static void check_hash(const struct model *m, struct db *db, const struct key *key, struct rng *rng)
{
    struct entry *e = db_find(db, key, m->now_ms, DB_FIND_WRITE);
    assert_int_equal(e != NULL, live_count(m) > 0);
    if (e == NULL) {
        assert_int_equal(field_expiry_get(db, key), HASH_NO_EXPIRY);
        return;
    }
    assert_true(entry_is_valid(e));
    assert_true(hash_is_valid(e));
    assert_int_equal(hash_live_count(e, m->now_ms), live_count(m));
    assert_int_equal(hash_min_field_expiry(e), next_expiry(m));
    assert_int_equal(field_expiry_get(db, key), next_expiry(m));
    for (unsigned i = 0; i < m->count; i++) {
        char name[TEXT_MAX];
        struct item value;
        int64_t at_ms;
        bool found = hash_get(e, field_name(i, name), m->now_ms, &value);
        assert_int_equal(found, is_live(m, i));
        assert_int_equal(hash_get_field_expiry(e, field_name(i, name), m->now_ms, &at_ms), found);
        if (!found) continue;
        assert_true(item_is(&value, SLICE(m->fields[i].value, m->fields[i].len)));
        assert_int_equal(at_ms, m->fields[i].expire_at_ms);
    }
    check_walks(m, e);
    struct hash_pair random;
    uint64_t seen = 0;
    assert_true(hash_random(e, rng, m->now_ms, &random));
    check_pair(m, &random, &seen);
}

/* --- random operations --- */

struct run {
    struct model model;
    struct keyspace *ks;
    struct db *db;
    struct key key;
    struct rng rng;
    bool with_expiry;
};

static struct value_ref ref_of(struct run *r)
{
    return (struct value_ref){r->db, r->key, db_find(r->db, &r->key, r->model.now_ms, DB_FIND_WRITE)};
}

static size_t random_value(struct run *r, char *out)
{
    switch (rng_below(&r->rng, 6)) {
    case 0: return 0;
    case 1: return (size_t)snprintf(out, TEXT_MAX, "%lld", (long long)rng_next(&r->rng));
    case 2: return (size_t)snprintf(out, TEXT_MAX, "%d", (int)rng_below(&r->rng, 300) - 100);
    case 3: {
        size_t len = rng_below(&r->rng, 64);
        for (size_t i = 0; i < len; i++) out[i] = (char)rng_next(&r->rng);
        return len;
    }
    case 4: return (size_t)snprintf(out, TEXT_MAX, "%0*u", (int)rng_below(&r->rng, 60) + 1, 7);
    default: return (size_t)snprintf(out, TEXT_MAX, "value");
    }
}

static void step_set(struct run *r, unsigned i, bool keep_expiry)
{
    char name[TEXT_MAX];
    struct model_field *f = &r->model.fields[i];
    struct value_ref ref = ref_of(r);
    bool is_new = !is_live(&r->model, i);
    f->len = random_value(r, f->value);
    struct slice value = SLICE(f->value, f->len);
    bool told_new = keep_expiry ? hash_update(&ref, field_name(i, name), value, r->model.now_ms)
                                : hash_set(&ref, field_name(i, name), value, r->model.now_ms);
    assert_int_equal(told_new, is_new);
    if (is_new || !keep_expiry) f->expire_at_ms = HASH_NO_EXPIRY;
    f->is_there = true;
}

static void step_remove(struct run *r, unsigned i)
{
    char name[TEXT_MAX];
    struct value_ref ref = ref_of(r);
    if (ref.e == NULL) return;
    bool was_live = is_live(&r->model, i);
    assert_int_equal(hash_remove(&ref, field_name(i, name), r->model.now_ms), was_live);
    if (!was_live) return;
    r->model.fields[i].is_there = false;
    model_drop_if_empty(&r->model);
    assert_int_equal(ref.e == NULL, live_count(&r->model) == 0);
}

static void step_expiry(struct run *r, unsigned i)
{
    char name[TEXT_MAX];
    struct value_ref ref = ref_of(r);
    if (ref.e == NULL) return;
    bool takes_away = rng_below(&r->rng, 4) == 0;
    int64_t at_ms = takes_away ? HASH_NO_EXPIRY : r->model.now_ms + 1 + (int64_t)rng_below(&r->rng, 200);
    bool was_live = is_live(&r->model, i);
    assert_int_equal(hash_set_field_expiry(&ref, field_name(i, name), at_ms, r->model.now_ms), was_live);
    if (was_live) r->model.fields[i].expire_at_ms = at_ms;
}

/* Removes a bounded number; the earliest go first. */
static void step_expire(struct run *r)
{
    struct value_ref ref = ref_of(r);
    if (ref.e == NULL) return;
    size_t max = 1 + rng_below(&r->rng, 4);
    size_t removed = hash_expire_fields(&ref, r->model.now_ms, max);
    assert_true(removed <= max);
    for (unsigned i = 0; i < r->model.count; i++) {
        struct model_field *f = &r->model.fields[i];
        if (!f->is_there || is_live(&r->model, i)) continue;
        char name[TEXT_MAX];
        bool is_stored = false;
        struct hash_iter it;
        if (ref.e != NULL) hash_iter_init(&it, ref.e, -1);
        while (ref.e != NULL && hash_iter_next(&it)) is_stored |= item_is(&it.pair.field, field_name(i, name));
        if (is_stored) continue;
        f->is_there = false;
        removed--;
    }
    assert_int_equal(removed, 0);
}

static void step_time(struct run *r)
{
    r->model.now_ms += (int64_t)rng_below(&r->rng, 30);
    /* No live field: the active cycle takes the key away. */
    if (live_count(&r->model) > 0) return;
    while (keyspace_expire_fields_step(r->ks, r->model.now_ms, 16) > 0) continue;
    model_drop_if_empty(&r->model);
}

/* To another database and back, as a copy, over itself: the index follows. */
static void step_move(struct run *r)
{
    struct value_ref ref = ref_of(r);
    if (ref.e == NULL) return;
    struct db *other = keyspace_db(r->ks, 1);
    if (rng_below(&r->rng, 2) == 0) {
        struct entry *copy = value_copy(ref.e, r->key.name, ENTRY_NO_EXPIRY);
        assert_int_equal(db_put(r->db, copy, r->key.hash), 1);
        return;
    }
    db_insert(other, db_take(r->db, &r->key), r->key.hash);
    check_hash(&r->model, other, &r->key, &r->rng);
    assert_int_equal(db_field_expiry_count(r->db), 0);
    keyspace_swap(r->ks, 0, 1);
}

static void random_step(struct run *r)
{
    unsigned i = (unsigned)rng_below(&r->rng, r->model.count);
    switch (rng_below(&r->rng, r->with_expiry ? 12 : 6)) {
    case 0:
    case 1:
    case 2: step_set(r, i, false); return;
    case 3: step_set(r, i, true); return;
    case 4: step_remove(r, i); return;
    case 5: step_move(r); return;
    case 6:
    case 7:
    case 8: step_expiry(r, i); return;
    case 9: step_expire(r); return;
    default: step_time(r); return;
    }
}

static void run_steps(uint64_t seed, unsigned fields, bool with_expiry, unsigned steps)
{
    struct run r = {.model = {.count = fields, .now_ms = START}, .with_expiry = with_expiry};
    r.ks = keyspace_new(2);
    r.db = keyspace_db(r.ks, 0);
    r.key = key_of(SLICE_LIT("some hash"));
    rng_seed(&r.rng, seed);
    for (unsigned i = 0; i < steps; i++) {
        random_step(&r);
        check_hash(&r.model, r.db, &r.key, &r.rng);
    }
    keyspace_free(r.ks);
}

static void set_limits(size_t entries, size_t value)
{
    struct value_limits limits = *value_limits();
    limits.hash_max_listpack_entries = entries;
    limits.hash_max_listpack_value = value;
    value_set_limits(&limits);
}

static void random_operations_match_the_model(void **state)
{
    (void)state;
    /* Packed always; a table always; across both thresholds. */
    static const size_t limits[][2] = {{512, 64}, {0, 0}, {10, 64}, {512, 49}, {20, 30}};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        set_limits(limits[i][0], limits[i][1]);
        for (unsigned fields = 1; fields <= FIELDS_MAX; fields *= 4) {
            run_steps(i * 100 + fields, fields, false, 400);
            run_steps(i * 100 + fields, fields, true, 1500);
        }
    }
    set_limits(512, 64);
}

/* --- particular behaviours --- */

struct fixture {
    struct keyspace *ks;
    struct value_ref ref;
};

static struct fixture new_hash(void)
{
    struct fixture f = {keyspace_new(2), {0}};
    f.ref = (struct value_ref){keyspace_db(f.ks, 0), key_of(SLICE_LIT("h")), NULL};
    return f;
}

static void set(struct fixture *f, const char *field, const char *value)
{
    hash_set(&f->ref, slice_of(field), slice_of(value), START);
}

static void forms_change_at_the_thresholds(void **state)
{
    (void)state;
    struct fixture f = new_hash();
    char name[32];
    for (int i = 0; i < 512; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        set(&f, name, "v");
    }
    assert_int_equal(entry_encoding(f.ref.e), ENCODING_LISTPACK);
    set(&f, "f5", "another");
    assert_int_equal(entry_encoding(f.ref.e), ENCODING_LISTPACK);
    set(&f, "one more", "v");
    assert_string_equal(entry_encoding_name(f.ref.e), "hashtable");
    assert_int_equal(hash_count(f.ref.e), 513);
    keyspace_free(f.ks);

    f = new_hash();
    set(&f, "f", "1234567890123456789012345678901234567890123456789012345678901234");
    assert_string_equal(entry_encoding_name(f.ref.e), "listpack");
    assert_true(hash_set_field_expiry(&f.ref, SLICE_LIT("f"), START + 5, START));
    assert_string_equal(entry_encoding_name(f.ref.e), "listpackex");
    set(&f, "f", "12345678901234567890123456789012345678901234567890123456789012345");
    assert_string_equal(entry_encoding_name(f.ref.e), "hashtable");
    assert_int_equal(field_expiry_get(f.ref.db, &f.ref.key), HASH_NO_EXPIRY);
    keyspace_free(f.ks);
}

/* The bytes that RDB files hold: by expiry, those without one last. */
static void triples_stand_in_order_of_expiry(void **state)
{
    (void)state;
    struct fixture f = new_hash();
    set(&f, "a", "1");
    set(&f, "b", "2");
    set(&f, "c", "3");
    hash_set_field_expiry(&f.ref, SLICE_LIT("c"), START + 10, START);
    hash_set_field_expiry(&f.ref, SLICE_LIT("b"), START + 5, START);
    static const char *const want[] = {"b", "2", "1000005", "c", "3", "1000010", "a", "1", "0"};
    const uint8_t *lp = value_packed(f.ref.e);
    assert_int_equal(listpack_count(lp), 9);
    struct item item;
    uint32_t at = listpack_first(lp);
    for (int i = 0; i < 9; i++) {
        at = listpack_read(lp, at, &item);
        assert_true(item_is(&item, slice_of(want[i])));
    }
    keyspace_free(f.ks);
}

struct fields_log {
    size_t calls, fields, gone;
};

static void log_fields(void *ctx, struct db *db, struct slice name, size_t fields, bool is_gone)
{
    struct fields_log *log = ctx;
    (void)db;
    assert_true(name.len > 0);
    log->calls++;
    log->fields += fields;
    log->gone += is_gone;
}

/* Many hashes in two databases, each with many fields due at other times: none is forgotten, none goes early. */
static void active_cycle_finds_everything_due(void **state)
{
    (void)state;
    enum { HASHES = 50, FIELDS = 40 };
    struct keyspace *ks = keyspace_new(4);
    struct fields_log log = {0};
    struct keyspace_hooks hooks = {.ctx = &log, .on_fields_expired = log_fields};
    keyspace_set_hooks(ks, &hooks);
    for (int h = 0; h < HASHES; h++) {
        char name[32], field[32];
        struct slice key = SLICE(name, (size_t)snprintf(name, sizeof(name), "hash:%d", h));
        struct value_ref ref = {keyspace_db(ks, h % 2 ? 1 : 3), key_of(key), NULL};
        set_limits(h % 3 ? 512 : 4, 64);
        for (int i = 0; i < FIELDS; i++) {
            struct slice s = SLICE(field, (size_t)snprintf(field, sizeof(field), "f%d", i));
            hash_set(&ref, s, SLICE_LIT("v"), START);
            assert_true(hash_set_field_expiry(&ref, s, START + 10 * i, START));
        }
    }
    set_limits(512, 64);
    assert_int_equal(db_field_expiry_count(keyspace_db(ks, 1)) + db_field_expiry_count(keyspace_db(ks, 3)), HASHES);
    assert_int_equal(keyspace_expire_fields_step(ks, START, 1000), 0);
    assert_int_equal(keyspace_expire_fields_step(ks, START + 1, 7), 7);
    size_t removed = 7;
    for (size_t n; (n = keyspace_expire_fields_step(ks, START + 101, 16)) > 0; removed += n) assert_true(n <= 16);
    assert_int_equal(removed, HASHES * 11);
    while ((removed += keyspace_expire_fields_step(ks, START + 10 * FIELDS, 1000)) < HASHES * FIELDS) continue;
    assert_int_equal(keyspace_key_count(ks), 0);
    assert_int_equal(log.fields, HASHES * FIELDS);
    assert_int_equal(log.gone, HASHES);
    assert_int_equal(keyspace_stats(ks)->expired_fields, HASHES * FIELDS);
    assert_int_equal(db_field_expiry_count(keyspace_db(ks, 1)) + db_field_expiry_count(keyspace_db(ks, 3)), 0);
    keyspace_free(ks);
}

/* Overwritten, flushed, deleted, gone with the key's own expiry: nothing is left in the index. */
static void index_forgets_hashes_that_go(void **state)
{
    (void)state;
    struct fixture f = new_hash();
    struct db *db = f.ref.db;
    for (int how = 0; how < 6; how++) {
        f.ref.e = NULL;
        set(&f, "f", "v");
        set(&f, "g", "v");
        hash_set_field_expiry(&f.ref, SLICE_LIT("f"), START + 50, START);
        assert_int_equal(db_field_expiry_count(db), 1);
        switch (how) {
        case 0: db_delete(db, &f.ref.key, START, false); break;
        case 1: db_set_string(db, &f.ref.key, SLICE_LIT("text"), ENTRY_NO_EXPIRY); break;
        case 2: db_flush(db, true); break;
        case 3:
            db_set_expiry(db, &f.ref.key, f.ref.e, START + 1);
            assert_int_equal(db_field_expiry_count(db), 1);
            assert_null(db_find(db, &f.ref.key, START + 2, DB_FIND_READ));
            break;
        case 4: db_put(db, entry_new_string(f.ref.key.name, SLICE_LIT("x"), ENTRY_NO_EXPIRY), f.ref.key.hash); break;
        default: hash_remove(&f.ref, SLICE_LIT("f"), START); break;
        }
        assert_int_equal(db_field_expiry_count(db), 0);
        assert_int_equal(keyspace_expire_fields_step(f.ks, START + 100, 10), 0);
        db_delete(db, &f.ref.key, START, false);
    }
    keyspace_free(f.ks);
}

static void random_fields_are_fair(void **state)
{
    (void)state;
    enum { FIELDS = 16, DRAWS = 32000 };
    for (int table = 0; table < 2; table++) {
        struct fixture f = new_hash();
        struct rng rng;
        unsigned drawn[FIELDS] = {0};
        rng_seed(&rng, 7);
        set_limits(table ? 4 : 512, 64);
        for (int i = 0; i < FIELDS; i++) {
            char name[16];
            snprintf(name, sizeof(name), "%d", i);
            set(&f, name, "v");
            if (i % 4 == 0) hash_set_field_expiry(&f.ref, slice_of(name), START + 5, START);
        }
        for (int i = 0; i < DRAWS; i++) {
            struct hash_pair p;
            char scratch[NUM_INT64_CHARS];
            int64_t n;
            assert_true(hash_random(f.ref.e, &rng, START + 6, &p));
            assert_true(num_parse_int64(item_slice(&p.field, scratch), &n));
            drawn[n]++;
        }
        for (int i = 0; i < FIELDS; i++) {
            if (i % 4 == 0)
                assert_int_equal(drawn[i], 0);
            else
                assert_in_range(drawn[i], DRAWS / 12 * 8 / 10, DRAWS / 12 * 12 / 10);
        }
        keyspace_free(f.ks);
    }
    set_limits(512, 64);
}

/* Lengths around what one, two and three bytes of varint and the size classes can say. */
static void values_of_any_length_are_kept(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 62, 63, 64, 127, 128, 129, 8191, 8192, 16383, 16384, 100000, 3000000, 5};
    char *text = malloc(3000000);
    assert_non_null(text);
    for (size_t i = 0; i < 3000000; i++) text[i] = (char)(i * 7);
    struct fixture f = new_hash();
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
            struct slice field = SLICE(text, lengths[i] % 20000), value = SLICE(text, lengths[i]);
            hash_set(&f.ref, field, value, START);
            if (round == 1) hash_set_field_expiry(&f.ref, field, START + 9, START);
            struct item got;
            assert_true(hash_get(f.ref.e, field, START, &got));
            assert_true(item_is(&got, value));
            hash_update(&f.ref, SLICE_LIT("same"), value, START);
            assert_true(hash_get(f.ref.e, SLICE_LIT("same"), START, &got));
            assert_true(item_is(&got, value));
            assert_true(hash_is_valid(f.ref.e));
        }
    }
    struct entry *copy = value_copy(f.ref.e, SLICE_LIT("copy"), ENTRY_NO_EXPIRY);
    assert_true(hash_is_valid(copy));
    assert_int_equal(hash_count(copy), hash_count(f.ref.e));
    assert_int_equal(hash_min_field_expiry(copy), START + 9);
    assert_true(value_object_bytes(copy, 0) > 3000000);
    entry_free(copy);
    keyspace_free(f.ks);
    free(text);
}

static int start(void **state)
{
    (void)state;
    mem_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_match_the_model), cmocka_unit_test(forms_change_at_the_thresholds),
        cmocka_unit_test(triples_stand_in_order_of_expiry),  cmocka_unit_test(active_cycle_finds_everything_due),
        cmocka_unit_test(index_forgets_hashes_that_go),      cmocka_unit_test(random_fields_are_fair),
        cmocka_unit_test(values_of_any_length_are_kept),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
