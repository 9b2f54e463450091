/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/worker.h"
#include "store/object.h"
#include "store/set.h"

#define UNIVERSE 1500

/* The model: which members of a fixed universe are in the set. Some are integers of every width, some are text, some are long. */
static char *names[UNIVERSE];
static struct slice members[UNIVERSE];

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNIVERSE; i++) {
        char text[512];
        switch (i % 5) {
        case 0: snprintf(text, sizeof(text), "%zu", i); break;
        case 1: snprintf(text, sizeof(text), "-%llu", (unsigned long long)i << (i % 48)); break;
        case 2: snprintf(text, sizeof(text), "member:%zu", i); break;
        case 3: snprintf(text, sizeof(text), "0%zu", i); break; /* no canonical integer */
        case 4: snprintf(text, sizeof(text), "%0*zu-long", (int)(20 + i % 400), i); break;
        }
        names[i] = mem_strdup(text);
        members[i] = slice_of(names[i]);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNIVERSE; i++) mem_free(names[i]);
    return 0;
}

struct fixture {
    struct keyspace *ks;
    struct value_ref ref;
    struct rng rng;
};

static void begin(struct fixture *f)
{
    f->ks = keyspace_new(1);
    f->ref = (struct value_ref){keyspace_db(f->ks, 0), key_of(SLICE_LIT("a key of a set")), NULL};
    rng_seed(&f->rng, 11);
}

static void end(struct fixture *f)
{
    keyspace_free(f->ks);
    worker_drain();
}

static void use_limits(size_t ints, size_t entries, size_t value)
{
    struct value_limits l = *value_limits();
    l.set_max_intset_entries = ints;
    l.set_max_listpack_entries = entries;
    l.set_max_listpack_value = value;
    value_set_limits(&l);
}

static void use_default_limits(void) { use_limits(512, 128, 64); }

static size_t index_of(const struct item *i)
{
    char scratch[NUM_INT64_CHARS];
    struct slice text = item_slice(i, scratch);
    for (size_t k = 0; k < UNIVERSE; k++) {
        if (slice_eq(members[k], text)) return k;
    }
    fail_msg("a member that was never added: %.*s", (int)text.len, text.ptr);
    return 0;
}

static void note_scanned(void *ctx, const struct item *i)
{
    bool *seen = ctx;
    seen[index_of(i)] = true;
}

static void check_against(const struct entry *e, const bool *in, size_t count, size_t universe)
{
    bool seen[UNIVERSE] = {false};
    assert_int_equal(e == NULL ? 0 : set_count(e), count);
    if (e == NULL) return;
    assert_true(entry_is_valid(e));
    for (size_t i = 0; i < universe; i++) assert_int_equal(set_has(e, members[i]), in[i]);
    struct set_iter it;
    size_t walked = 0;
    set_iter_init(&it, e);
    while (set_iter_next(&it)) {
        size_t k = index_of(&it.item);
        assert_true(in[k] && !seen[k]);
        seen[k] = true;
        walked++;
    }
    assert_int_equal(walked, count);
    struct item items[SET_PROBES_MAX];
    set_iter_init(&it, e);
    for (unsigned n; (n = set_iter_next_many(&it, items, 1 + (unsigned)(count % SET_PROBES_MAX))) > 0; walked -= n) {
        for (unsigned i = 0; i < n; i++) assert_true(seen[index_of(&items[i])]);
    }
    assert_int_equal(walked, 0);
    memset(seen, 0, sizeof(seen));
    uint64_t cursor = 0;
    do {
        cursor = set_scan(e, cursor, note_scanned, seen);
    } while (cursor != 0);
    assert_memory_equal(seen, in, universe * sizeof(bool));
}

/* Adds and removes members of the first `universe` at random; growth and shrinking take turns. */
static void run_random(struct fixture *f, size_t universe, unsigned steps)
{
    bool in[UNIVERSE] = {false};
    size_t count = 0;
    for (unsigned step = 0; step < steps; step++) {
        size_t i = rng_below(&f->rng, universe);
        bool grows = step / universe % 3 != 2;
        if (rng_below(&f->rng, 10) < (grows ? 8 : 2)) {
            assert_int_equal(set_add(&f->ref, members[i]), !in[i]);
            count += !in[i];
            in[i] = true;
        } else if (f->ref.e != NULL) {
            assert_int_equal(set_remove(&f->ref, members[i]), in[i]);
            count -= in[i];
            in[i] = false;
        }
        assert_int_equal(f->ref.e == NULL, count == 0);
        if (f->ref.db != NULL) assert_ptr_equal(db_find(f->ref.db, &f->ref.key, 0, DB_FIND_NO_STATS), f->ref.e);
        if (step % 97 == 0) check_against(f->ref.e, in, count, universe);
    }
    check_against(f->ref.e, in, count, universe);
}

static void random_changes_equal_a_plain_model(void **state)
{
    (void)state;
    static const size_t universes[] = {10, 100, 500, UNIVERSE};
    for (size_t i = 0; i < sizeof(universes) / sizeof(universes[0]); i++) {
        struct fixture f;
        begin(&f);
        run_random(&f, universes[i], 3000);
        end(&f);
    }
}

static void random_changes_equal_the_model_whatever_the_limits(void **state)
{
    (void)state;
    static const size_t limits[][3] = {{0, 0, 0}, {0, 500, 1000}, {100000, 10, 8}, {4, 4, 4}, {100000, 100000, 100000}};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct fixture f;
        use_limits(limits[i][0], limits[i][1], limits[i][2]);
        begin(&f);
        run_random(&f, 400, 2500);
        end(&f);
    }
    use_default_limits();
}

static void a_set_outside_a_database_is_the_same(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    f.ref.db = NULL;
    run_random(&f, 400, 2500);
    entry_free(f.ref.e);
    end(&f);
}

static void add_numbers(struct value_ref *ref, int from, int to)
{
    for (int i = from; i < to; i++) {
        char text[16];
        int len = snprintf(text, sizeof(text), "%d", i);
        set_add(ref, SLICE(text, (size_t)len));
    }
}

static void assert_encoding(const struct value_ref *ref, const char *name)
{
    assert_string_equal(entry_encoding_name(ref->e), name);
}

static void encodings_change_at_the_limits(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    add_numbers(&f.ref, 0, 512);
    assert_encoding(&f.ref, "intset");
    add_numbers(&f.ref, 0, 512);
    assert_encoding(&f.ref, "intset");
    add_numbers(&f.ref, 512, 513);
    assert_encoding(&f.ref, "hashtable");
    value_drop(&f.ref);
    assert_null(f.ref.e);

    add_numbers(&f.ref, 0, 127);
    set_add(&f.ref, SLICE_LIT("text"));
    assert_encoding(&f.ref, "listpack");
    set_add(&f.ref, SLICE_LIT("text"));
    assert_encoding(&f.ref, "listpack");
    set_add(&f.ref, SLICE_LIT("more"));
    assert_encoding(&f.ref, "hashtable");
    value_drop(&f.ref);

    add_numbers(&f.ref, 0, 128);
    set_add(&f.ref, SLICE_LIT("text"));
    assert_encoding(&f.ref, "hashtable");
    assert_int_equal(set_count(f.ref.e), 129);
    value_drop(&f.ref);

    char longest[65];
    memset(longest, 'x', sizeof(longest));
    set_add(&f.ref, SLICE(longest, 64));
    assert_encoding(&f.ref, "listpack");
    set_add(&f.ref, SLICE(longest, 65));
    assert_encoding(&f.ref, "hashtable");
    end(&f);
}

static void expecting_many_goes_to_the_hashtable_at_once(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    set_expect(&f.ref, SLICE_LIT("1"), 512);
    assert_encoding(&f.ref, "intset");
    value_drop(&f.ref);
    set_expect(&f.ref, SLICE_LIT("1"), 513);
    assert_encoding(&f.ref, "hashtable");
    value_drop(&f.ref);
    set_expect(&f.ref, SLICE_LIT("a"), 128);
    assert_encoding(&f.ref, "listpack");
    set_expect(&f.ref, SLICE_LIT("a"), 129);
    assert_encoding(&f.ref, "hashtable");
    end(&f);
}

static void many_lookups_at_once_find_what_single_ones_find(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 50, 120, 1000};
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        struct fixture f;
        begin(&f);
        for (size_t i = 0; i < counts[c]; i++) set_add(&f.ref, members[rng_below(&f.rng, UNIVERSE)]);
        for (unsigned round = 0; round < 50; round++) {
            struct set_probe probes[SET_PROBES_MAX];
            uint64_t asked = rng_next(&f.rng), expected = 0;
            asked |= rng_next(&f.rng); /* three in four */
            for (unsigned i = 0; i < SET_PROBES_MAX; i++) {
                probes[i] = set_probe(members[rng_below(&f.rng, UNIVERSE)]);
                if ((asked >> i & 1) != 0 && set_has(f.ref.e, probes[i].member)) expected |= (uint64_t)1 << i;
            }
            assert_int_equal(set_has_many(f.ref.e, probes, asked), expected);
        }
        end(&f);
    }
}

static void random_members_are_fair(void **state)
{
    (void)state;
    static const size_t counts[] = {20, 100, 700};
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        struct fixture f;
        begin(&f);
        /* Of one kind each: integers make an intset, the rest a listpack and a hashtable. */
        for (size_t i = 0; i < counts[c]; i++) set_add(&f.ref, members[c == 0 ? i * 5 : i]);
        unsigned drawn[UNIVERSE] = {0};
        unsigned draws = (unsigned)counts[c] * 200;
        for (unsigned i = 0; i < draws; i++) {
            struct item item;
            set_random(f.ref.e, &f.rng, &item);
            drawn[index_of(&item)]++;
        }
        double chi2 = 0;
        for (size_t i = 0; i < counts[c]; i++) {
            double d = drawn[c == 0 ? i * 5 : i] - 200.0;
            chi2 += d * d / 200.0;
        }
        double n = (double)counts[c]; /* mean n - 1, deviation sqrt(2n): six of these are far out */
        assert_true(chi2 < n + 6 * sqrt(2 * n));
        end(&f);
    }
}

struct draws {
    unsigned drawn[UNIVERSE];
    bool seen[UNIVERSE];
    size_t count;
};

static void note_draw(void *ctx, const struct item *i)
{
    struct draws *d = ctx;
    size_t k = index_of(i);
    assert_false(d->seen[k]);
    d->seen[k] = true;
    d->drawn[k]++;
    d->count++;
}

static void note_walked(void *ctx, const struct item *i, bool is_drawn)
{
    if (is_drawn) note_draw(ctx, i);
}

static void drawn_members_are_different_and_fair(void **state)
{
    (void)state;
    for (unsigned few = 0; few < 2; few++) {
        struct fixture f;
        struct draws d = {.count = 0};
        begin(&f);
        for (size_t i = 0; i < 200; i++) set_add(&f.ref, members[i]);
        assert_encoding(&f.ref, "hashtable");
        for (unsigned round = 0; round < 1000; round++) {
            memset(d.seen, 0, sizeof(d.seen));
            d.count = 0;
            if (few)
                set_draw_few(f.ref.e, &f.rng, 50, note_draw, &d);
            else
                set_draw(f.ref.e, &f.rng, 50, note_walked, &d);
            assert_int_equal(d.count, 50);
        }
        /* Each 250 times, give or take seven deviations. */
        for (size_t i = 0; i < 200; i++) assert_in_range(d.drawn[i], 250 - 100, 250 + 100);
        end(&f);
    }
}

static void a_copy_is_deep(void **state)
{
    (void)state;
    static const size_t counts[] = {3, 100, 1000};
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        struct fixture f;
        bool in[UNIVERSE] = {false};
        begin(&f);
        for (size_t i = 0; i < counts[c]; i++) in[i] = set_add(&f.ref, members[i]);
        struct entry *copy = value_copy(f.ref.e, SLICE_LIT("other"), 77);
        assert_int_equal(entry_expire_at_ms(copy), 77);
        value_drop(&f.ref);
        worker_drain();
        check_against(copy, in, counts[c], UNIVERSE);
        entry_free(copy);
        end(&f);
    }
}

static void a_member_of_16_bytes_takes_32(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    for (unsigned i = 0; i < 1000; i++) {
        char text[17];
        snprintf(text, sizeof(text), "member:%09u", i);
        set_add(&f.ref, slice_of(text));
    }
    const void *object = value_object(f.ref.e);
    size_t bytes = set_object_bytes(object, 0) - hashtable_memory(object);
    assert_int_equal(bytes, 1000 * mem_good_size(17));
    assert_true(mem_good_size(17) <= 32);
    assert_int_equal(set_object_bytes(object, 5), set_object_bytes(object, 0));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_equal_a_plain_model),
        cmocka_unit_test(random_changes_equal_the_model_whatever_the_limits),
        cmocka_unit_test(a_set_outside_a_database_is_the_same),
        cmocka_unit_test(encodings_change_at_the_limits),
        cmocka_unit_test(expecting_many_goes_to_the_hashtable_at_once),
        cmocka_unit_test(many_lookups_at_once_find_what_single_ones_find),
        cmocka_unit_test(random_members_are_fair),
        cmocka_unit_test(drawn_members_are_different_and_fair),
        cmocka_unit_test(a_copy_is_deep),
        cmocka_unit_test(a_member_of_16_bytes_takes_32),
    };
    mem_init();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
