/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/worker.h"
#include "ds/listpack.h"
#include "store/zset.h"

#define MEMBERS 700
#define NOW 1000000

/* The plain model: a score for each name that is there; an order is made by sorting. */
struct named {
    char text[40];
    size_t len;
    bool is_there;
    double score;
};

struct model {
    struct named all[MEMBERS];
    const struct named *sorted[MEMBERS];
    size_t names, count;
    struct rng rng;
};

struct fixture {
    struct keyspace *ks;
    struct value_ref ref;
    struct model m;
};

/* Integers, texts, one beginning with another, the empty one. */
static void name_one(struct named *n, size_t i)
{
    static const char *const forms[] = {"%zu", "m%zu", "-%zu", "m%zu\1x", "0%zu"};
    if (i == 0)
        n->len = 0;
    else
        n->len = (size_t)snprintf(n->text, sizeof(n->text), forms[i % 5], i / 5);
}

static struct slice text_of(const struct named *n) { return SLICE(n->text, n->len); }

static void begin(struct fixture *f, size_t names, uint64_t seed)
{
    *f = (struct fixture){.ks = keyspace_new(1)};
    f->ref = (struct value_ref){.db = keyspace_db(f->ks, 0), .key = key_of(SLICE_LIT("sorted"))};
    f->m.names = names;
    for (size_t i = 0; i < names; i++) name_one(&f->m.all[i], i);
    rng_seed(&f->m.rng, seed);
}

static void end(struct fixture *f) { keyspace_free(f->ks); }

static void limit_to(size_t entries, size_t value)
{
    struct value_limits limits = *value_limits();
    limits.zset_max_listpack_entries = entries;
    limits.zset_max_listpack_value = value;
    value_set_limits(&limits);
}

static int compare_text(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_named(const void *a, const void *b)
{
    const struct named *x = *(const struct named *const *)a, *y = *(const struct named *const *)b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return compare_text(text_of(x), text_of(y));
}

static void sort_model(struct model *m)
{
    m->count = 0;
    for (size_t i = 0; i < m->names; i++)
        if (m->all[i].is_there) m->sorted[m->count++] = &m->all[i];
    qsort(m->sorted, m->count, sizeof(*m->sorted), compare_named);
}

static double draw_score(struct rng *rng)
{
    static const double special[] = {
        -INFINITY, INFINITY,         0.0,           1e300, -1e-300, 0.1, 1e19, 4611686018427387904.0, 5e18,
        -1.5e-7,   3.14159265358979, 1234567890.125};
    switch (rng_below(rng, 4)) {
    case 0: return special[rng_below(rng, sizeof(special) / sizeof(*special))];
    case 1: return (double)rng_below(rng, 1000) / 8 - 50;
    case 2: return (double)(int64_t)rng_next(rng) / 1e10;
    }
    return (double)rng_below(rng, 20) - 10;
}

static void check_element(const struct zset_element *el, const struct named *n)
{
    char digits[NUM_INT64_CHARS];
    assert_true(slice_eq(item_slice(&el->member, digits), text_of(n)));
    assert_true(el->score == n->score);
}

static void check_walk(const struct fixture *f, size_t from, bool backwards)
{
    struct zset_iter it;
    zset_iter_init(&it, f->ref.e, from, backwards);
    for (size_t i = from; i < f->m.count; i += backwards ? (size_t)-1 : 1) {
        assert_true(zset_iter_next(&it));
        check_element(&it.element, f->m.sorted[i]);
    }
    assert_false(zset_iter_next(&it));
}

static void check_members(const struct fixture *f)
{
    for (size_t i = 0; i < f->m.names; i++) {
        const struct named *n = &f->m.all[i];
        double score = 0, with_rank = 0;
        size_t rank = 0;
        assert_int_equal(zset_score(f->ref.e, text_of(n), &score), n->is_there);
        assert_int_equal(zset_rank(f->ref.e, text_of(n), &rank, &with_rank), n->is_there);
        if (!n->is_there) continue;
        assert_true(score == n->score && with_rank == n->score);
        assert_ptr_equal(f->m.sorted[rank], n);
    }
}

static bool in_score_range(const struct zset_score_range *r, double s)
{
    return (r->min_open ? s > r->min : s >= r->min) && (r->max_open ? s < r->max : s <= r->max);
}

static void check_score_range(struct fixture *f)
{
    struct rng *rng = &f->m.rng;
    struct zset_score_range r = {.min = draw_score(rng), .max = draw_score(rng)};
    r.min_open = rng_below(rng, 2);
    r.max_open = rng_below(rng, 2);
    size_t first, count, expected = 0, from = 0;
    for (size_t i = f->m.count; i-- > 0;) {
        if (!in_score_range(&r, f->m.sorted[i]->score)) continue;
        expected++;
        from = i;
    }
    zset_ranks_by_score(f->ref.e, &r, &first, &count);
    assert_int_equal(count, expected);
    if (count > 0) assert_int_equal(first, from);
}

static void check_all(struct fixture *f)
{
    sort_model(&f->m);
    if (f->m.count == 0) {
        assert_null(f->ref.e);
        assert_null(db_find(f->ref.db, &f->ref.key, NOW, DB_FIND_NO_STATS));
        return;
    }
    assert_ptr_equal(db_find(f->ref.db, &f->ref.key, NOW, DB_FIND_NO_STATS), f->ref.e);
    assert_true(zset_is_valid(f->ref.e));
    assert_int_equal(zset_count(f->ref.e), f->m.count);
    check_walk(f, 0, false);
    check_walk(f, f->m.count - 1, true);
    check_walk(f, rng_below(&f->m.rng, f->m.count), rng_below(&f->m.rng, 2));
    check_members(f);
    for (int i = 0; i < 10; i++) check_score_range(f);
}

static struct named *any_name(struct fixture *f) { return &f->m.all[rng_below(&f->m.rng, f->m.names)]; }

static void set_one(struct fixture *f, struct named *n, double score)
{
    assert_int_equal(zset_set(&f->ref, text_of(n), score), !n->is_there);
    n->is_there = true;
    n->score = score;
}

static void set_any(struct fixture *f)
{
    struct named *n = any_name(f);
    double score = draw_score(&f->m.rng);
    if (n->is_there && rng_below(&f->m.rng, 3) == 0) score = n->score + 0.125;
    set_one(f, n, score);
}

static void remove_any(struct fixture *f)
{
    struct named *n = any_name(f);
    if (!f->ref.e) return;
    assert_int_equal(zset_remove(&f->ref, text_of(n)), n->is_there);
    n->is_there = false;
}

struct seen {
    struct fixture *f;
    size_t next;
};

static void check_next(void *ctx, const struct zset_element *el)
{
    struct seen *s = ctx;
    check_element(el, s->f->m.sorted[s->next++]);
}

static void remove_ranks(struct fixture *f, size_t first, size_t count, bool shown)
{
    sort_model(&f->m);
    struct seen seen = {f, first};
    zset_remove_ranks(&f->ref, first, count, shown ? check_next : NULL, &seen);
    size_t last = count < f->m.count - first ? first + count : f->m.count;
    if (shown) assert_int_equal(seen.next, last);
    for (size_t i = first; i < last; i++) f->m.all[f->m.sorted[i] - f->m.all].is_there = false;
}

static void remove_some_ranks(struct fixture *f)
{
    if (!f->ref.e) return;
    size_t first = rng_below(&f->m.rng, zset_count(f->ref.e));
    remove_ranks(f, first, rng_below(&f->m.rng, 9), rng_below(&f->m.rng, 2));
}

static void random_steps(struct fixture *f, int steps, unsigned sets_of_16)
{
    for (int i = 0; i < steps; i++) {
        uint64_t what = rng_below(&f->m.rng, 16);
        if (what < sets_of_16)
            set_any(f);
        else if (what < 15)
            remove_any(f);
        else
            remove_some_ranks(f);
        if (i % 7 == 0) check_all(f);
    }
    check_all(f);
}

static void packed_sets_match_the_model(void **state)
{
    (void)state;
    struct fixture f;
    limit_to(128, 64);
    begin(&f, 60, 1);
    random_steps(&f, 3000, 11);
    random_steps(&f, 3000, 5);
    assert_true(!f.ref.e || entry_encoding(f.ref.e) == ENCODING_LISTPACK);
    end(&f);
}

static void large_sets_match_the_model(void **state)
{
    (void)state;
    struct fixture f;
    limit_to(0, 64);
    begin(&f, MEMBERS, 2);
    random_steps(&f, 3000, 12);
    assert_int_equal(entry_encoding(f.ref.e), ENCODING_SKIPLIST);
    random_steps(&f, 3000, 5);
    end(&f);
}

static void sets_around_the_limit_match_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct fixture f;
        limit_to(1 + seed, 64);
        begin(&f, 40, 100 + seed);
        random_steps(&f, 300, 10);
        end(&f);
    }
    limit_to(128, 64);
}

static void becomes_large_past_either_limit(void **state)
{
    (void)state;
    struct fixture f;
    char text[65];
    memset(text, 'x', sizeof(text));
    limit_to(3, 64);
    begin(&f, 0, 1);
    zset_set(&f.ref, SLICE_LIT("1"), 1);
    zset_set(&f.ref, SLICE(text, 64), 2.5);
    zset_set(&f.ref, SLICE_LIT("c"), -3);
    assert_int_equal(entry_encoding(f.ref.e), ENCODING_LISTPACK);
    zset_set(&f.ref, SLICE_LIT("c"), 7);
    assert_int_equal(entry_encoding(f.ref.e), ENCODING_LISTPACK);
    zset_set(&f.ref, SLICE_LIT("d"), 8);
    assert_int_equal(entry_encoding(f.ref.e), ENCODING_SKIPLIST);
    assert_true(zset_is_valid(f.ref.e));
    zset_remove_ranks(&f.ref, 0, 3, NULL, NULL);
    assert_int_equal(entry_encoding(f.ref.e), ENCODING_SKIPLIST);
    zset_remove(&f.ref, SLICE_LIT("d"));
    assert_null(f.ref.e);
    zset_set(&f.ref, SLICE(text, 65), 1);
    assert_int_equal(entry_encoding(f.ref.e), ENCODING_SKIPLIST);
    assert_int_equal(zset_count(f.ref.e), 1);
    end(&f);
    limit_to(128, 64);
}

static bool in_lex_range(const struct zset_lex_range *r, struct slice s)
{
    int low = compare_text(s, r->min), high = compare_text(s, r->max);
    bool above = r->min_infinite ? r->min_infinite < 0 : r->min_open ? low > 0 : low >= 0;
    bool below = r->max_infinite ? r->max_infinite > 0 : r->max_open ? high < 0 : high <= 0;
    return above && below;
}

static void check_lex_range(struct fixture *f)
{
    static const int8_t infinite[] = {0, 0, 0, 0, -1, 1};
    struct rng *rng = &f->m.rng;
    struct zset_lex_range r = {.min = text_of(any_name(f)), .max = text_of(any_name(f))};
    r.min_open = rng_below(rng, 2);
    r.max_open = rng_below(rng, 2);
    r.min_infinite = infinite[rng_below(rng, 6)];
    r.max_infinite = infinite[rng_below(rng, 6)];
    size_t first, count, expected = 0, from = 0;
    for (size_t i = f->m.count; i-- > 0;) {
        if (!in_lex_range(&r, text_of(f->m.sorted[i]))) continue;
        expected++;
        from = i;
    }
    zset_ranks_by_lex(f->ref.e, &r, &first, &count);
    assert_int_equal(count, expected);
    if (count > 0) assert_int_equal(first, from);
}

static void ranges_by_member_match_the_model(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 50, 120, 129, MEMBERS};
    limit_to(128, 64);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        struct fixture f;
        begin(&f, sizes[s], s);
        for (size_t i = 0; i < sizes[s]; i++)
            if (i == 0 || rng_below(&f.m.rng, 8)) set_one(&f, &f.m.all[i], 0);
        check_all(&f);
        for (int i = 0; i < 1000; i++) check_lex_range(&f);
        end(&f);
    }
}

/* What servers of the family write: whole numbers as integers, with one sign of zero. */
static void packed_scores_are_integers_or_shortest_texts(void **state)
{
    (void)state;
    static const struct {
        double score;
        const char *text; /* NULL: an integer */
    } rows[] = {{3, NULL},
                {-7, NULL},
                {-0.0, NULL},
                {4503599627370496.0, NULL},
                {0.1, "0.1"},
                {-2.5, "-2.5"},
                {INFINITY, "inf"},
                {-INFINITY, "-inf"},
                {1e-7, "1e-7"},
                {1e300, "1e+300"},
                {1.0 / 3, "0.3333333333333333"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fixture f;
        struct item score;
        double back;
        begin(&f, 0, 1);
        zset_set(&f.ref, SLICE_LIT("m"), rows[i].score);
        const uint8_t *lp = value_packed(f.ref.e);
        listpack_get(lp, listpack_last(lp), &score);
        assert_int_equal(item_is_int(&score), rows[i].text == NULL);
        if (rows[i].text) assert_true(slice_eq(SLICE(score.ptr, score.len), slice_of(rows[i].text)));
        assert_true(zset_score(f.ref.e, SLICE_LIT("m"), &back));
        assert_true(back == rows[i].score);
        end(&f);
    }
}

static void large_sets_keep_the_sign_of_zero(void **state)
{
    (void)state;
    struct fixture f;
    double score;
    limit_to(0, 64);
    begin(&f, 0, 1);
    zset_set(&f.ref, SLICE_LIT("m"), -0.0);
    assert_false(zset_set(&f.ref, SLICE_LIT("m"), 0.0));
    assert_true(zset_score(f.ref.e, SLICE_LIT("m"), &score));
    assert_true(signbit(score));
    end(&f);
    limit_to(128, 64);
}

/* Any text that strtod takes may stand in a file; each double reads back as it was. */
static void packed_score_texts_read_back_exactly(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "3",  "-3.0", "0.1",  "123456789012345",     "1234567.89012345",  "12345678901234567890", ".5", "5.",
        "-0", "1e5",  "0x10", "0.30000000000000004", "0.000000000000001", "99999999999999.9"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        uint8_t bytes[128];
        size_t len = strlen(texts[i]);
        double score;
        listpack_init(bytes);
        bytes[6] = 0x81, bytes[7] = 'm', bytes[8] = 2;
        bytes[9] = (uint8_t)(0x80 | len);
        memcpy(bytes + 10, texts[i], len);
        bytes[10 + len] = (uint8_t)(len + 1);
        bytes[11 + len] = 0xff;
        bytes[0] = (uint8_t)(12 + len);
        bytes[4] = 2;
        assert_true(listpack_is_valid(bytes));
        struct entry *e = value_new_packed(SLICE_LIT("k"), VALUE_ZSET, ENCODING_LISTPACK,
                                           SLICE((char *)bytes, 12 + len), ENTRY_NO_EXPIRY);
        assert_true(zset_score(e, SLICE_LIT("m"), &score));
        assert_true(score == strtod(texts[i], NULL));
        entry_free(e);
    }
}

static uint8_t *into_array(void *owner, size_t size)
{
    assert_in_range(size, 0, 1024);
    return owner;
}

/* Scores out of order and a member that comes twice: found by a checker or not, nothing may break. */
static void disorder_from_a_file_does_no_harm(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    struct pack p = {bytes, into_array, bytes};
    listpack_init(bytes);
    for (int i = 0; i < 20; i++) {
        char text[8];
        struct item pair[2] = {item_of(SLICE(text, (size_t)snprintf(text, sizeof(text), "m%d", i % 15))),
                               {NULL, 0, i * 7 % 11}};
        listpack_insert_many(&p, LISTPACK_END, pair, 2);
    }
    struct value_ref ref = {.key = key_of(SLICE_LIT("k"))};
    ref.e = value_new_packed(SLICE_LIT("k"), VALUE_ZSET, ENCODING_LISTPACK, SLICE((char *)bytes, listpack_bytes(bytes)),
                             ENTRY_NO_EXPIRY);
    assert_false(zset_is_valid(ref.e));
    zset_set(&ref, SLICE_LIT("m3"), 5.5);
    zset_remove(&ref, SLICE_LIT("m4"));
    zset_expect(&ref, 1000, 1);
    assert_int_equal(entry_encoding(ref.e), ENCODING_SKIPLIST);
    assert_true(zset_is_valid(ref.e));
    assert_int_equal(zset_count(ref.e), 15);
    entry_free(ref.e);
}

static void count_seen(void *ctx, const struct zset_element *el)
{
    struct fixture *f = ctx;
    char digits[NUM_INT64_CHARS];
    struct slice member = item_slice(&el->member, digits);
    for (size_t i = 0; i < f->m.names; i++)
        if (slice_eq(text_of(&f->m.all[i]), member)) f->m.all[i].score = -1;
}

static void scan_meets_every_member(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 100, MEMBERS};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        struct fixture f;
        begin(&f, sizes[s], s);
        for (size_t i = 0; i < sizes[s]; i++) set_one(&f, &f.m.all[i], (double)i);
        uint64_t cursor = 0;
        do {
            cursor = zset_scan(f.ref.e, cursor, count_seen, &f);
        } while (cursor != 0);
        for (size_t i = 0; i < sizes[s]; i++) assert_true(f.m.all[i].score == -1);
        end(&f);
    }
}

static void random_members_are_fair(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 20, 200};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        struct fixture f;
        unsigned hits[200] = {0};
        struct zset_element el;
        begin(&f, sizes[s], s);
        for (size_t i = 0; i < sizes[s]; i++) set_one(&f, &f.m.all[i], (double)i);
        for (size_t i = 0; i < 400 * sizes[s]; i++) {
            zset_random(f.ref.e, &f.m.rng, &el);
            check_element(&el, &f.m.all[(size_t)el.score]);
            hits[(size_t)el.score]++;
        }
        for (size_t i = 0; i < sizes[s]; i++) assert_in_range(hits[i], 300, 500); /* five deviations */
        end(&f);
    }
}

static void copies_are_whole_and_apart(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 100, MEMBERS};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        struct fixture f;
        begin(&f, sizes[s], s);
        for (size_t i = 0; i < sizes[s]; i++) set_one(&f, &f.m.all[i], draw_score(&f.m.rng));
        struct entry *original = f.ref.e, *copy = value_copy(f.ref.e, SLICE_LIT("other"), ENTRY_NO_EXPIRY);
        sort_model(&f.m);
        assert_true(zset_is_valid(copy));
        assert_int_equal(entry_encoding(copy), entry_encoding(original));
        f.ref.e = copy;
        check_walk(&f, 0, false);
        f.ref.e = original;
        remove_ranks(&f, 0, sizes[s], true);
        assert_int_equal(zset_count(copy), sizes[s]);
        entry_free(copy);
        end(&f);
    }
}

static void expecting_many_makes_a_large_set_at_once(void **state)
{
    (void)state;
    struct value_ref ref = {.key = key_of(SLICE_LIT("built"))};
    zset_expect(&ref, 128, 64);
    assert_null(ref.e);
    zset_expect(&ref, 129, 1);
    assert_int_equal(entry_encoding(ref.e), ENCODING_SKIPLIST);
    assert_int_equal(zset_count(ref.e), 0);
    assert_true(zset_is_valid(ref.e));
    zset_set(&ref, SLICE_LIT("a"), 1);
    zset_expect(&ref, 5000, 1);
    assert_true(zset_is_valid(ref.e));
    entry_free(ref.e);
    ref.e = NULL;
    zset_expect(&ref, 1, 65);
    assert_int_equal(entry_encoding(ref.e), ENCODING_SKIPLIST);
    entry_free(ref.e);
    struct fixture f;
    begin(&f, 0, 1);
    zset_expect(&f.ref, 1000, 1);
    assert_null(f.ref.e);
    end(&f);
}

static void found_members_are_set_without_another_look(void **state)
{
    (void)state;
    for (size_t names = 100; names <= MEMBERS; names += 600) {
        struct fixture f;
        begin(&f, names, names);
        for (size_t i = 0; i < 4 * names; i++) {
            struct named *n = any_name(&f);
            struct zset_found found;
            double score = draw_score(&f.m.rng);
            zset_find(&f.ref, text_of(n), &found);
            assert_int_equal(found.is_there, n->is_there);
            if (n->is_there) assert_true(found.score == n->score);
            assert_int_equal(zset_set_found(&f.ref, text_of(n), score, &found), !n->is_there);
            n->is_there = true;
            n->score = score;
        }
        check_all(&f);
        end(&f);
    }
}

static void bytes_are_what_the_allocator_gave(void **state)
{
    (void)state;
    struct value_ref ref = {.key = key_of(SLICE_LIT("k"))};
    size_t before = mem_used();
    for (size_t i = 0; i < 20000; i++) {
        char text[32];
        zset_set(&ref, SLICE(text, (size_t)snprintf(text, sizeof(text), "member:%09zu", i)),
                 (double)(i * 7919 % 20000));
    }
    size_t used = mem_used() - before, told = value_object_bytes(ref.e, 0), sampled = value_object_bytes(ref.e, 50);
    assert_in_range(used, told, told * 5 / 4);
    assert_in_range(sampled, told * 9 / 10, told * 11 / 10);
    entry_free(ref.e);
    assert_int_equal(mem_used(), before);
}

static void grows_while_a_snapshot_child_lives(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, MEMBERS, 9);
    keyspace_set_child_alive(f.ks, true);
    random_steps(&f, 1500, 13);
    keyspace_set_child_alive(f.ks, false);
    random_steps(&f, 1500, 6);
    end(&f);
}

int main(void)
{
    static const uint8_t key[16] = "a key for tests";
    mem_init();
    hash_set_key(key);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_sets_match_the_model),
        cmocka_unit_test(large_sets_match_the_model),
        cmocka_unit_test(sets_around_the_limit_match_the_model),
        cmocka_unit_test(becomes_large_past_either_limit),
        cmocka_unit_test(ranges_by_member_match_the_model),
        cmocka_unit_test(packed_scores_are_integers_or_shortest_texts),
        cmocka_unit_test(large_sets_keep_the_sign_of_zero),
        cmocka_unit_test(packed_score_texts_read_back_exactly),
        cmocka_unit_test(disorder_from_a_file_does_no_harm),
        cmocka_unit_test(scan_meets_every_member),
        cmocka_unit_test(random_members_are_fair),
        cmocka_unit_test(copies_are_whole_and_apart),
        cmocka_unit_test(expecting_many_makes_a_large_set_at_once),
        cmocka_unit_test(found_members_are_set_without_another_look),
        cmocka_unit_test(bytes_are_what_the_allocator_gave),
        cmocka_unit_test(grows_while_a_snapshot_child_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
