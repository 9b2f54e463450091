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
#include "ds/hashtable.h"

struct item {
    char key[16];
    size_t len;
    uint64_t hash;
    bool is_present;
    unsigned seen;
};

static size_t freed_count;

static uint64_t item_hash(const void *entry) { return ((const struct item *)entry)->hash; }

static bool item_has_key(const void *entry, const char *key, size_t len)
{
    const struct item *item = entry;
    return slice_eq(SLICE(item->key, item->len), SLICE(key, len));
}

static void item_free(void *entry)
{
    freed_count++;
    mem_free(entry);
}

static const struct hashtable_type type_700 = {item_hash, item_has_key, NULL, 700};
static const struct hashtable_type type_850 = {item_hash, item_has_key, NULL, 850};
static const struct hashtable_type type_owner = {item_hash, item_has_key, item_free, 700};

static void set_item(struct item *item, size_t i)
{
    *item = (struct item){.is_present = false};
    item->len = (size_t)snprintf(item->key, sizeof(item->key), "item%zu", i);
    item->hash = hash_bytes(item->key, item->len);
}

static struct item *new_items(size_t count)
{
    struct item *items = mem_alloc(count * sizeof(*items));
    for (size_t i = 0; i < count; i++) set_item(&items[i], i);
    return items;
}

static void insert(struct hashtable *t, struct item *item)
{
    hashtable_insert(t, item, item->hash);
    item->is_present = true;
}

static void take(struct hashtable *t, struct item *item)
{
    assert_ptr_equal(hashtable_remove(t, item->key, item->len, item->hash), item);
    item->is_present = false;
}

static void *find(struct hashtable *t, const struct item *item)
{
    return hashtable_find(t, item->key, item->len, item->hash);
}

static void check_all(struct hashtable *t, struct item *items, size_t count)
{
    size_t present = 0;
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(find(t, &items[i]), items[i].is_present ? &items[i] : NULL);
        present += items[i].is_present;
    }
    assert_int_equal(hashtable_count(t), present);
}

static void mark_seen(void *ctx, void *entry)
{
    (void)ctx;
    ((struct item *)entry)->seen++;
}

static void empty_table_answers_everything(void **state)
{
    (void)state;
    struct hashtable *t = hashtable_new(&type_700);
    struct hashtable_iter it;
    struct hashtable_stats stats;
    struct item item;
    struct rng rng;
    void *out[4];
    rng_seed(&rng, 1);
    set_item(&item, 1);
    assert_int_equal(hashtable_count(t), 0);
    assert_null(find(t, &item));
    assert_null(hashtable_find_slot_of(t, &item, item.hash));
    assert_null(hashtable_remove(t, item.key, item.len, item.hash));
    assert_false(hashtable_remove_entry(t, &item, item.hash));
    hashtable_prefetch_bucket(t, item.hash);
    assert_false(hashtable_prefetch_entry(t, item.hash));
    assert_int_equal(hashtable_scan(t, 0, mark_seen, NULL), 0);
    assert_int_equal(hashtable_scan(t, 12345, mark_seen, NULL), 0);
    assert_null(hashtable_random(t, &rng));
    assert_int_equal(hashtable_sample(t, &rng, out, 4), 0);
    hashtable_iter_init(&it, t);
    assert_null(hashtable_iter_next(&it));
    hashtable_stats(t, &stats);
    assert_int_equal(stats.buckets[0], 0);
    assert_false(hashtable_rehash_step(t, 10));
    hashtable_shrink_if_needed(t);
    assert_true(hashtable_is_valid(t));
    hashtable_clear(t);
    hashtable_free(t);
    hashtable_free(NULL);
}

/* One random operation on the table and the model. */
static void random_operation(struct hashtable *t, struct item *items, size_t count, struct rng *rng,
                             unsigned insert_percent)
{
    struct item *item = &items[rng_below(rng, count)];
    unsigned dice = (unsigned)rng_below(rng, 1000);
    if (dice < 5) {
        hashtable_set_resize_allowed(t, rng_below(rng, 3) != 0);
    } else if (dice < 20) {
        hashtable_rehash_step(t, rng_below(rng, 5));
    } else if (dice < 22) {
        assert_true(hashtable_expand(t, rng_below(rng, 2 * count)));
    } else if (dice < 30) {
        hashtable_shrink_if_needed(t);
    } else if (item->is_present && rng_below(rng, 100) >= insert_percent) {
        if (dice % 2) {
            take(t, item);
        } else {
            assert_true(hashtable_remove_entry(t, item, item->hash));
            item->is_present = false;
        }
    } else if (item->is_present) {
        void **slot = hashtable_find_slot(t, item->key, item->len, item->hash);
        assert_ptr_equal(slot, hashtable_find_slot_of(t, item, item->hash));
        assert_ptr_equal(*slot, item);
    } else if (rng_below(rng, 100) < insert_percent) {
        assert_null(hashtable_remove(t, item->key, item->len, item->hash));
        insert(t, item);
    }
    assert_ptr_equal(find(t, item), item->is_present ? item : NULL);
}

static void run_random_operations(const struct hashtable_type *type, struct item *items, size_t count, size_t steps,
                                  size_t check_every)
{
    struct hashtable *t = hashtable_new(type);
    struct rng rng;
    rng_seed(&rng, count);
    for (size_t i = 0; i < steps; i++) {
        /* Waves: filling, then emptying. */
        random_operation(t, items, count, &rng, i / (2 * count) % 2 ? 10 : 90);
        if (i % check_every == 0) assert_true(hashtable_is_valid(t));
    }
    check_all(t, items, count);
    hashtable_free(t);
}

static void random_operations_match_the_model(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 8, 30, 300, 5000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        struct item *items = new_items(counts[i]);
        run_random_operations(&type_700, items, counts[i], 40 * counts[i] + 2000, counts[i] / 30 + 1);
        mem_free(items);
        items = new_items(counts[i]);
        run_random_operations(&type_850, items, counts[i], 40 * counts[i] + 2000, counts[i] / 30 + 1);
        mem_free(items);
    }
}

/* All in four buckets, whatever the size of the array, with few tags: long chains and tags that are equal for
 * other keys. */
static void colliding_hashes_match_the_model(void **state)
{
    (void)state;
    struct item *items = new_items(120);
    for (size_t i = 0; i < 120; i++) items[i].hash = (i % 4) | (uint64_t)(i % 3 * 127) << 56;
    run_random_operations(&type_700, items, 120, 20000, 1);
    mem_free(items);
}

static void chains_stay_compact(void **state)
{
    (void)state;
    struct hashtable *t = hashtable_new(&type_850);
    struct hashtable_stats stats;
    struct item *items = new_items(40);
    hashtable_set_resize_allowed(t, false);
    for (size_t i = 0; i < 20; i++) insert(t, &items[i]);
    hashtable_stats(t, &stats);
    assert_int_equal(stats.buckets[0], 1);
    assert_int_equal(stats.longest_chain, 4); /* 6 + 6 + 6 + 2 */
    assert_int_equal(stats.chained_buckets, 3);
    for (size_t i = 0; i < 20; i++) {
        size_t left = 19 - i;
        take(t, &items[i]);
        hashtable_stats(t, &stats);
        assert_int_equal(stats.longest_chain, left <= 7 ? 1 : (left - 2) / 6 + 1);
        assert_true(hashtable_is_valid(t));
        check_all(t, items, 40);
    }
    assert_int_equal(stats.chained_buckets, 0);
    mem_free(items);
    hashtable_free(t);
}

static void grows_and_shrinks_a_step_at_a_time(void **state)
{
    (void)state;
    const size_t count = 300000;
    struct item *items = new_items(count);
    struct hashtable *t = hashtable_new(&type_700);
    struct hashtable_stats stats;
    size_t used = mem_used();
    for (size_t i = 0; i < count; i++) insert(t, &items[i]);
    assert_true(hashtable_is_valid(t));
    check_all(t, items, count);
    hashtable_stats(t, &stats);
    assert_int_equal(stats.buckets[0], 65536);
    assert_int_equal(stats.buckets[1], 0);
    /* Growth begins at 7 a bucket and ends well before the next would. */
    assert_true(mem_used() - used >= hashtable_memory(t) - 4096 && mem_used() - used <= hashtable_memory(t) + 65536);
    for (size_t i = 0; i < count - 20; i++) take(t, &items[i]);
    for (int i = 0; i < 5000; i++) {
        if (!hashtable_rehash_step(t, 100)) hashtable_shrink_if_needed(t);
    }
    assert_true(hashtable_is_valid(t));
    check_all(t, items, count);
    hashtable_stats(t, &stats);
    assert_true(stats.buckets[0] <= 16);
    for (size_t i = count - 20; i < count; i++) take(t, &items[i]);
    assert_int_equal(hashtable_count(t), 0);
    hashtable_free(t);
    mem_free(items);
}

static void growth_ends_before_the_next_begins(void **state)
{
    (void)state;
    struct item *items = new_items(60000);
    struct hashtable *t = hashtable_new(&type_850);
    bool was_rehashing = false;
    size_t began_at = 0;
    for (size_t i = 0; i < 60000; i++) {
        insert(t, &items[i]);
        bool is_rehashing = hashtable_is_rehashing(t);
        if (is_rehashing && !was_rehashing) began_at = i;
        if (!is_rehashing && was_rehashing) assert_true(i - began_at <= began_at / 4);
        was_rehashing = is_rehashing;
    }
    hashtable_free(t);
    mem_free(items);
}

static void emptying_with_moves_forbidden_and_refilling_stays_fast(void **state)
{
    (void)state;
    const size_t count = 40000;
    struct item *items = new_items(count);
    struct hashtable *t = hashtable_new(&type_700);
    struct hashtable_stats stats;
    for (size_t i = 0; i < count; i++) insert(t, &items[i]);
    for (size_t i = 0; i < count - 100; i++) take(t, &items[i]);
    assert_true(hashtable_is_rehashing(t));
    hashtable_set_resize_allowed(t, false);
    hashtable_stats(t, &stats);
    size_t position = stats.rehash_position;
    for (size_t i = 0; i < 50; i++) insert(t, &items[i]);
    hashtable_stats(t, &stats);
    assert_int_equal(stats.rehash_position, position);
    for (size_t i = 50; i < count - 100; i++) insert(t, &items[i]);
    assert_true(hashtable_is_valid(t));
    check_all(t, items, count);
    hashtable_stats(t, &stats);
    assert_true(stats.longest_chain <= 9);
    hashtable_free(t);
    mem_free(items);
}

static void forbidden_resizes_wait_until_chains_are_long(void **state)
{
    (void)state;
    struct item *items = new_items(2000);
    struct hashtable *t = hashtable_new(&type_700);
    struct hashtable_stats stats;
    for (size_t i = 0; i < 100; i++) insert(t, &items[i]);
    while (hashtable_rehash_step(t, 100)) continue;
    hashtable_stats(t, &stats);
    assert_int_equal(stats.buckets[0], 16); /* room for 112 */
    hashtable_set_resize_allowed(t, false);
    for (size_t i = 100; i < 336; i++) insert(t, &items[i]);
    hashtable_stats(t, &stats);
    assert_int_equal(stats.buckets[0], 16);
    assert_false(hashtable_is_rehashing(t));
    for (size_t i = 336; i < 2000; i++) insert(t, &items[i]);
    hashtable_stats(t, &stats);
    assert_true(stats.buckets[0] >= 64);
    assert_true(hashtable_is_valid(t));
    check_all(t, items, 2000);
    for (size_t i = 0; i < 1999; i++) take(t, &items[i]);
    size_t buckets = stats.buckets[0] + stats.buckets[1];
    hashtable_stats(t, &stats);
    assert_int_equal(stats.buckets[0] + stats.buckets[1], buckets);
    hashtable_free(t);
    mem_free(items);
}

static void expand_makes_room_at_once(void **state)
{
    (void)state;
    struct item *items = new_items(100000);
    struct hashtable *t = hashtable_new(&type_700);
    assert_true(hashtable_expand(t, 90000));
    for (size_t i = 0; i < 90000; i++) {
        insert(t, &items[i]);
        assert_false(hashtable_is_rehashing(t));
    }
    assert_true(hashtable_expand(t, 10)); /* never shrinks */
    assert_false(hashtable_is_rehashing(t));
    assert_true(hashtable_expand(t, 200000));
    assert_true(hashtable_is_rehashing(t));
    assert_true(hashtable_expand(t, 2000000));
    assert_true(hashtable_is_valid(t));
    check_all(t, items, 100000);
    assert_false(hashtable_expand(t, SIZE_MAX));
    assert_false(hashtable_expand(t, (size_t)1 << 42));
    check_all(t, items, 100000);
    hashtable_free(t);
    mem_free(items);
}

/* Between two calls of a scan: nothing, or a burst that may start, drive or end a resize either way. */
static void disturb(struct hashtable *t, struct item *items, size_t from, size_t count, struct rng *rng)
{
    unsigned kind = (unsigned)rng_below(rng, 8);
    size_t burst = rng_below(rng, kind < 2 ? count : 20);
    if (kind == 7) hashtable_rehash_step(t, rng_below(rng, 50));
    if (kind == 6) hashtable_set_resize_allowed(t, rng_below(rng, 2));
    if (kind == 5 && rng_below(rng, 10) == 0) assert_true(hashtable_expand(t, rng_below(rng, 4 * count)));
    if (kind > 4) return;
    for (size_t i = 0; i < burst; i++) {
        struct item *item = &items[from + rng_below(rng, count - from)];
        if (item->is_present && kind % 2)
            take(t, item);
        else if (!item->is_present && kind % 2 == 0)
            insert(t, item);
    }
}

static void scan_returns_what_stays_whatever_resizes_happen(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 42);
    size_t resizes_met = 0;
    for (int round = 0; round < 300; round++) {
        size_t count = 50 + rng_below(&rng, 4000), stable = 1 + rng_below(&rng, 40);
        struct item *items = new_items(count);
        struct hashtable *t = hashtable_new(round % 2 ? &type_700 : &type_850);
        for (size_t i = 0; i < stable; i++) insert(t, &items[i]);
        for (int i = 0; i < 3; i++) disturb(t, items, stable, count, &rng);
        uint64_t cursor = 0;
        size_t calls = 0;
        do {
            cursor = hashtable_scan(t, cursor, mark_seen, NULL);
            disturb(t, items, stable, count, &rng);
            resizes_met += hashtable_is_rehashing(t);
            assert_true(++calls < 100000);
        } while (cursor != 0);
        for (size_t i = 0; i < stable; i++) assert_true(items[i].seen >= 1);
        assert_true(hashtable_is_valid(t));
        hashtable_free(t);
        mem_free(items);
    }
    assert_true(resizes_met > 1000);
}

static void scan_without_changes_returns_everything_once(void **state)
{
    (void)state;
    struct item *items = new_items(3000);
    struct hashtable *t = hashtable_new(&type_850);
    for (size_t i = 0; i < 3000; i++) {
        insert(t, &items[i]);
        if (i % 500 != 499 && i != 1100) continue;
        uint64_t cursor = 0;
        do {
            cursor = hashtable_scan(t, cursor, mark_seen, NULL);
        } while (cursor != 0);
        for (size_t j = 0; j <= i; j++) {
            assert_int_equal(items[j].seen, 1);
            items[j].seen = 0;
        }
    }
    hashtable_free(t);
    mem_free(items);
}

static void check_iteration(struct hashtable *t, struct item *items, size_t count)
{
    struct hashtable_iter it;
    hashtable_iter_init(&it, t);
    for (struct item *item; (item = hashtable_iter_next(&it));) item->seen++;
    assert_null(hashtable_iter_next(&it));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(items[i].seen, items[i].is_present);
        items[i].seen = 0;
    }
}

static void iteration_meets_every_entry_once(void **state)
{
    (void)state;
    struct item *items = new_items(2000);
    struct hashtable *t = hashtable_new(&type_850);
    bool met_rehashing = false;
    check_iteration(t, items, 2000);
    for (size_t i = 0; i < 2000; i++) {
        insert(t, &items[i]);
        met_rehashing |= hashtable_is_rehashing(t);
        if (i < 200 || i % 37 == 0 || hashtable_is_rehashing(t)) check_iteration(t, items, 2000);
    }
    assert_true(met_rehashing);
    hashtable_free(t);
    mem_free(items);
}

/* Sum of (seen - expected)^2 / expected over all present entries. */
static double chi_square(struct item *items, size_t count, double expected)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[i].is_present) sum += (items[i].seen - expected) * (items[i].seen - expected) / expected;
        items[i].seen = 0;
    }
    return sum;
}

static void check_fairness(struct hashtable *t, struct item *items, size_t count)
{
    struct rng rng;
    rng_seed(&rng, 5);
    size_t present = hashtable_count(t);
    for (size_t i = 0; i < 200 * present; i++) ((struct item *)hashtable_random(t, &rng))->seen++;
    /* Mean is present - 1, variance twice that: 6 standard deviations. */
    double limit = (double)present + 6.0 * __builtin_sqrt(2.0 * (double)present);
    double got = chi_square(items, count, 200);
    assert_true(got < limit);
    assert_true(present < 50 || got > (double)present / 3);
}

static void random_is_fair_over_chains_and_resizes(void **state)
{
    (void)state;
    struct item *items = new_items(1200);
    struct hashtable *t = hashtable_new(&type_850);
    struct hashtable_stats stats;
    for (size_t i = 0; i < 540; i++) insert(t, &items[i]);
    hashtable_stats(t, &stats);
    assert_true(stats.chained_buckets > 10 && !hashtable_is_rehashing(t));
    check_fairness(t, items, 1200);
    for (size_t i = 540; i < 555; i++) insert(t, &items[i]);
    assert_true(hashtable_is_rehashing(t));
    check_fairness(t, items, 1200);
    hashtable_set_resize_allowed(t, false);
    for (size_t i = 0; i < 545; i++) take(t, &items[i]);
    check_fairness(t, items, 1200);
    hashtable_free(t);
    mem_free(items);
}

static void random_finds_the_last_entries_of_a_huge_table(void **state)
{
    (void)state;
    struct item *items = new_items(3);
    struct hashtable *t = hashtable_new(&type_700);
    assert_true(hashtable_expand(t, 700000));
    for (size_t i = 0; i < 3; i++) insert(t, &items[i]);
    struct rng rng;
    rng_seed(&rng, 9);
    for (int i = 0; i < 60; i++) ((struct item *)hashtable_random(t, &rng))->seen++;
    for (size_t i = 0; i < 3; i++) assert_true(items[i].seen > 5);
    hashtable_free(t);
    mem_free(items);
}

static void sample_returns_present_entries(void **state)
{
    (void)state;
    struct item *items = new_items(500);
    struct hashtable *t = hashtable_new(&type_700);
    struct rng rng;
    void *out[16];
    rng_seed(&rng, 3);
    for (size_t i = 0; i < 500; i++) insert(t, &items[i]);
    for (size_t i = 0; i < 450; i++) take(t, &items[i]);
    for (int i = 0; i < 2000; i++) {
        size_t n = hashtable_sample(t, &rng, out, 1 + rng_below(&rng, 16));
        assert_true(n >= 1 && n <= 16);
        for (size_t j = 0; j < n; j++) {
            assert_true(((struct item *)out[j])->is_present);
            ((struct item *)out[j])->seen++;
        }
    }
    for (size_t i = 450; i < 500; i++) assert_true(items[i].seen > 0);
    hashtable_free(t);
    mem_free(items);
}

static void owner_frees_entries_of_both_arrays(void **state)
{
    (void)state;
    size_t used = mem_used();
    struct hashtable *t = hashtable_new(&type_owner);
    for (int round = 0; round < 2; round++) {
        size_t inserted = 0;
        freed_count = 0;
        while (inserted < 3000 || !hashtable_is_rehashing(t)) {
            struct item *item = mem_alloc(sizeof(*item));
            set_item(item, inserted++);
            insert(t, item);
        }
        if (round == 0) hashtable_clear(t);
        if (round == 0) assert_int_equal(hashtable_count(t), 0);
        if (round == 0) assert_true(hashtable_is_valid(t));
        if (round == 1) hashtable_free(t);
        assert_int_equal(freed_count, inserted);
    }
    assert_int_equal(mem_used(), used);
}

static void slot_takes_another_entry_with_the_same_key(void **state)
{
    (void)state;
    struct item *items = new_items(100), twin = items[50];
    struct hashtable *t = hashtable_new(&type_700);
    for (size_t i = 0; i < 100; i++) insert(t, &items[i]);
    void **slot = hashtable_find_slot(t, twin.key, twin.len, twin.hash);
    assert_ptr_equal(*slot, &items[50]);
    *slot = &twin;
    assert_ptr_equal(find(t, &items[50]), &twin);
    assert_false(hashtable_remove_entry(t, &items[50], items[50].hash));
    assert_true(hashtable_remove_entry(t, &twin, twin.hash));
    assert_null(find(t, &twin));
    assert_true(hashtable_is_valid(t));
    hashtable_free(t);
    mem_free(items);
}

int main(void)
{
    static const uint8_t key[16] = "a key for tests";
    mem_init();
    hash_set_key(key);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_table_answers_everything),
        cmocka_unit_test(random_operations_match_the_model),
        cmocka_unit_test(colliding_hashes_match_the_model),
        cmocka_unit_test(chains_stay_compact),
        cmocka_unit_test(grows_and_shrinks_a_step_at_a_time),
        cmocka_unit_test(growth_ends_before_the_next_begins),
        cmocka_unit_test(emptying_with_moves_forbidden_and_refilling_stays_fast),
        cmocka_unit_test(forbidden_resizes_wait_until_chains_are_long),
        cmocka_unit_test(expand_makes_room_at_once),
        cmocka_unit_test(scan_returns_what_stays_whatever_resizes_happen),
        cmocka_unit_test(scan_without_changes_returns_everything_once),
        cmocka_unit_test(iteration_meets_every_entry_once),
        cmocka_unit_test(random_is_fair_over_chains_and_resizes),
        cmocka_unit_test(random_finds_the_last_entries_of_a_huge_table),
        cmocka_unit_test(sample_returns_present_entries),
        cmocka_unit_test(owner_frees_entries_of_both_arrays),
        cmocka_unit_test(slot_takes_another_entry_with_the_same_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
