/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "base/worker.h"
#include "store/entry.h"

#define BIG ((size_t)3 << 20)

static char bytes[BIG + 4096];

static const size_t key_lens[] = {0, 1, 7, 8, 16, 40, 4095, 4096, 70000};
static const size_t value_lens[] = {0, 1, 8, 20, 21, 44, 45, 100, 191, 192, 193, 1000, 40000};
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct slice some_key(size_t len) { return SLICE(bytes + 100, len); }
static struct slice some_value(size_t len) { return SLICE(bytes + 7, len); }

static void check(const struct entry *e, struct slice key, struct slice value, int64_t expire_at_ms)
{
    char scratch[NUM_INT64_CHARS];
    assert_true(entry_is_valid(e));
    assert_int_equal(entry_type(e), VALUE_STRING);
    assert_true(slice_eq(entry_key(e), key));
    assert_true(slice_eq(entry_string(e, scratch), value));
    assert_int_equal(entry_string_len(e), value.len);
    assert_int_equal(entry_expire_at_ms(e), expire_at_ms);
    assert_true(entry_memory(e) >=
                sizeof(struct entry) + key.len + (entry_encoding(e) == ENCODING_INT ? 8 : value.len));
}

static void sizes_meet_the_plan(void **state)
{
    (void)state;
    struct entry *e = entry_new_string(some_key(16), some_value(8), ENTRY_NO_EXPIRY);
    assert_int_equal(entry_memory(e), 32);
    entry_free(e);
    e = entry_new_string(some_key(20), some_value(64), ENTRY_NO_EXPIRY);
    assert_int_equal(entry_memory(e), 96);
    entry_free(e);
    e = entry_new_string(some_key(16), some_value(32), 1000);
    assert_int_equal(entry_memory(e), 64);
    entry_free(e);
    e = entry_new_int(some_key(16), 1, ENTRY_NO_EXPIRY);
    assert_int_equal(entry_memory(e), 32);
    entry_free(e);
}

static void memory_is_what_the_allocator_counts(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(key_lens); k++) {
        for (size_t v = 0; v < COUNT(value_lens); v++) {
            size_t used = mem_used();
            struct entry *e = entry_new_string(some_key(key_lens[k]), some_value(value_lens[v]), 5);
            check(e, some_key(key_lens[k]), some_value(value_lens[v]), 5);
#ifndef MEM_PLAIN_MALLOC
            assert_int_equal(mem_used() - used, entry_memory(e));
#endif
            entry_free(e);
            assert_int_equal(mem_used(), used);
        }
    }
}

static void integers_are_recognised_as_text_demands(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_int;
    } cases[] = {
        {"0", true},
        {"-1", true},
        {"9223372036854775807", true},
        {"-9223372036854775808", true},
        {"12345", true},
        {"", false},
        {"-", false},
        {"9223372036854775808", false},
        {"-9223372036854775809", false},
        {"01", false},
        {"-0", false},
        {"+1", false},
        {" 1", false},
        {"1 ", false},
        {"1.0", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slice value = slice_of(cases[i].text);
        struct entry *e = entry_new_string(some_key(5), value, ENTRY_NO_EXPIRY);
        int64_t n;
        check(e, some_key(5), value, ENTRY_NO_EXPIRY);
        assert_int_equal(entry_int(e, &n), cases[i].is_int);
        assert_string_equal(entry_encoding_name(e), cases[i].is_int ? "int" : "embstr");
        e = entry_set_string(e, some_value(60), ENTRY_NO_EXPIRY);
        e = entry_set_string(e, value, ENTRY_NO_EXPIRY);
        check(e, some_key(5), value, ENTRY_NO_EXPIRY);
        assert_int_equal(entry_int(e, &n), cases[i].is_int);
        entry_free(e);
    }
}

static void encoding_names_are_those_clients_know(void **state)
{
    (void)state;
    char *place;
    struct entry *e = entry_new_string(some_key(5), some_value(44), ENTRY_NO_EXPIRY);
    assert_string_equal(entry_encoding_name(e), "embstr");
    e = entry_make_writable(e, 45, &place);
    assert_string_equal(entry_encoding_name(e), "raw");
    e = entry_make_writable(e, 3, &place);
    assert_string_equal(entry_encoding_name(e), "raw");
    e = entry_set_string(e, some_value(45), ENTRY_NO_EXPIRY);
    assert_string_equal(entry_encoding_name(e), "raw");
    e = entry_set_string(e, some_value(4), ENTRY_NO_EXPIRY);
    assert_string_equal(entry_encoding_name(e), "embstr");
    entry_free(e);
    e = entry_new_raw(some_key(5), SLICE_LIT("12"), ENTRY_NO_EXPIRY);
    assert_string_equal(entry_encoding_name(e), "raw");
    entry_free(e);
    e = entry_new_text(some_key(5), SLICE_LIT("12"), ENTRY_NO_EXPIRY);
    assert_string_equal(entry_encoding_name(e), "embstr");
    entry_free(e);
    e = entry_new_string(some_key(5), some_value(1000), ENTRY_NO_EXPIRY);
    assert_string_equal(entry_encoding_name(e), "raw");
    entry_free(e);
    assert_string_equal(value_type_name(VALUE_STRING), "string");
    assert_string_equal(value_type_name(VALUE_ZSET), "zset");
}

static void same_class_stays_in_place_without_the_allocator(void **state)
{
    (void)state;
    struct entry *e = entry_new_string(some_key(16), some_value(8), ENTRY_NO_EXPIRY), *old = e;
    e = entry_set_string(e, some_value(1), ENTRY_NO_EXPIRY);
    assert_ptr_equal(e, old);
    e = entry_set_int(e, 77);
    assert_ptr_equal(e, old);
    e = entry_set_expiry(e, ENTRY_NO_EXPIRY);
    assert_ptr_equal(e, old);
    check(e, some_key(16), SLICE_LIT("77"), ENTRY_NO_EXPIRY);
    entry_free(e);
    /* 8 + 16 + 20 and 8 + 8 + 16 + 12: one class, the key moves within it. */
    e = old = entry_new_string(some_key(16), some_value(12), ENTRY_NO_EXPIRY);
    e = entry_set_expiry(e, 99);
    assert_ptr_equal(e, old);
    check(e, some_key(16), some_value(12), 99);
    e = entry_set_string(e, some_value(20), ENTRY_NO_EXPIRY);
    assert_ptr_equal(e, old);
    check(e, some_key(16), some_value(20), ENTRY_NO_EXPIRY);
    entry_free(e);
}

static void blob_is_reused_when_it_fits(void **state)
{
    (void)state;
    struct entry *e = entry_new_string(some_key(16), some_value(5000), ENTRY_NO_EXPIRY);
    const char *place = entry_string(e, NULL).ptr;
    e = entry_set_string(e, some_value(4000), 12);
    assert_ptr_equal(entry_string(e, NULL).ptr, place);
    check(e, some_key(16), some_value(4000), 12);
    e = entry_set_string(e, some_value(300), 12);
    assert_true(entry_memory(e) < 1000);
    check(e, some_key(16), some_value(300), 12);
    entry_free(e);
}

static void blobs_are_taken_over(void **state)
{
    (void)state;
    size_t used = mem_used();
    struct blob *b = blob_copy_of(some_value(50000));
    const char *place = b->data;
    struct entry *e = entry_new_string_blob(some_key(9), b, ENTRY_NO_EXPIRY);
    assert_ptr_equal(entry_string(e, NULL).ptr, place);
    check(e, some_key(9), some_value(50000), ENTRY_NO_EXPIRY);
    e = entry_set_string_blob(e, blob_copy_of(SLICE_LIT("-42")), 8);
    check(e, some_key(9), SLICE_LIT("-42"), 8);
    assert_string_equal(entry_encoding_name(e), "int");
    e = entry_set_string_blob(e, blob_reserve(blob_copy_of(some_value(40000)), 4000000), 9);
    check(e, some_key(9), some_value(40000), 9);
    assert_true(entry_memory(e) < 60000);
    entry_free(e);
    e = entry_new_string_blob(some_key(9), blob_copy_of(some_value(192)), ENTRY_NO_EXPIRY);
    check(e, some_key(9), some_value(192), ENTRY_NO_EXPIRY);
    assert_true(entry_memory(e) < 300);
    entry_free(e);
    assert_int_equal(mem_used(), used);
}

static void writable_bytes_double_only_when_changed_again(void **state)
{
    (void)state;
    char *place;
    struct entry *e = entry_new_string(some_key(5), some_value(100), ENTRY_NO_EXPIRY);
    e = entry_make_writable(e, 1000, &place);
    assert_memory_equal(place, some_value(100).ptr, 100);
    for (size_t i = 100; i < 1000; i++) assert_int_equal(place[i], 0);
    assert_true(entry_memory(e) < 1100 + 32);
    e = entry_make_writable(e, 1200, &place);
    assert_true(entry_memory(e) >= 2400);
    char *before = place;
    e = entry_make_writable(e, 2400, &place);
    assert_ptr_equal(place, before);
    e = entry_make_writable(e, BIG, &place);
    assert_true(entry_memory(e) >= BIG + (1 << 20) && entry_memory(e) <= BIG + (3 << 20));
    assert_true(entry_is_slow_to_free(e));
    entry_free_lazily(e);
    worker_drain();
}

/* --- random changes against a plain model --- */

struct model {
    size_t key_len;
    int64_t expire_at_ms;
    struct entry *e;
    char *value;
    size_t len;
};

static void model_value(struct model *m, struct slice value)
{
    memcpy(m->value, value.ptr, value.len);
    m->len = value.len;
}

static struct slice random_value(struct rng *rng, char *scratch)
{
    if (rng_below(rng, 4) == 0)
        return SLICE(scratch, num_format_int64(scratch, (int64_t)(rng_next(rng) >> rng_below(rng, 64))));
    size_t len = value_lens[rng_below(rng, COUNT(value_lens))];
    return SLICE(bytes + rng_below(rng, 1000), rng_below(rng, 2) ? len : rng_below(rng, len + 1));
}

static int64_t random_expiry(struct rng *rng)
{
    return rng_below(rng, 2) ? ENTRY_NO_EXPIRY : (int64_t)rng_below(rng, 1ULL << 50);
}

static void resize_model(struct model *m, struct rng *rng)
{
    char *place;
    size_t len = value_lens[rng_below(rng, COUNT(value_lens))];
    m->e = entry_make_writable(m->e, len, &place);
    if (len > m->len) memset(m->value + m->len, 0, len - m->len);
    m->len = len;
    for (size_t i = 0; i < 3 && len > 0; i++) {
        size_t at = rng_below(rng, len);
        place[at] = m->value[at] = (char)rng_next(rng);
    }
}

static void rename_model(struct model *m, struct rng *rng)
{
    m->key_len = key_lens[rng_below(rng, COUNT(key_lens))];
    if (rng_below(rng, 2)) {
        uint32_t clock = entry_clock(m->e);
        m->e = entry_rekey(m->e, some_key(m->key_len));
        assert_int_equal(entry_clock(m->e), clock);
        return;
    }
    m->expire_at_ms = random_expiry(rng);
    struct entry *copy = entry_copy(m->e, some_key(m->key_len), m->expire_at_ms);
    assert_string_equal(entry_encoding_name(copy), entry_encoding_name(m->e));
    entry_free(m->e);
    m->e = copy;
    entry_set_clock(copy, 0xabcdef);
}

static void change_model(struct model *m, struct rng *rng)
{
    char scratch[NUM_INT64_CHARS];
    struct slice value = random_value(rng, scratch);
    switch (rng_below(rng, 6)) {
    case 0:
        m->e = entry_set_string(m->e, value, m->expire_at_ms = random_expiry(rng));
        model_value(m, value);
        break;
    case 1:
        m->e = entry_set_string_blob(m->e, blob_copy_of(value), m->expire_at_ms = random_expiry(rng));
        model_value(m, value);
        break;
    case 2:
        m->e = entry_set_int(m->e, -1234567);
        model_value(m, SLICE_LIT("-1234567"));
        break;
    case 3: m->e = entry_set_expiry(m->e, m->expire_at_ms = random_expiry(rng)); break;
    case 4: resize_model(m, rng); break;
    default: rename_model(m, rng); break;
    }
    check(m->e, some_key(m->key_len), SLICE(m->value, m->len), m->expire_at_ms);
    assert_int_equal(entry_clock(m->e), 0xabcdef);
}

static void random_changes_match_the_model(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 11);
    size_t used = mem_used();
    struct model m = {.value = mem_alloc(100000), .expire_at_ms = ENTRY_NO_EXPIRY, .key_len = 3};
    m.e = entry_new_string(some_key(3), SLICE_LIT("x"), ENTRY_NO_EXPIRY);
    model_value(&m, SLICE_LIT("x"));
    entry_set_clock(m.e, 0xabcdef);
    for (int i = 0; i < 60000; i++) change_model(&m, &rng);
    entry_free(m.e);
    mem_free(m.value);
    assert_int_equal(mem_used(), used);
}

static void expiry_is_passed_only_after_its_millisecond(void **state)
{
    (void)state;
    struct entry *e = entry_new_string(some_key(3), some_value(3), 1000);
    assert_false(entry_is_expired(e, 999));
    assert_false(entry_is_expired(e, 1000));
    assert_true(entry_is_expired(e, 1001));
    e = entry_set_expiry(e, ENTRY_NO_EXPIRY);
    assert_false(entry_is_expired(e, INT64_MAX));
    entry_free(e);
}

static void slow_values_are_freed_in_the_background(void **state)
{
    (void)state;
    size_t used = mem_used();
    struct entry *e = entry_new_string(some_key(3), some_value(BIG), ENTRY_NO_EXPIRY);
    assert_true(entry_is_slow_to_free(e));
    e = entry_set_string(e, some_value(10), ENTRY_NO_EXPIRY);
    assert_false(entry_is_slow_to_free(e));
    worker_drain();
    assert_true(mem_used() < used + BIG / 2);
    check(e, some_key(3), some_value(10), ENTRY_NO_EXPIRY);
    entry_free_lazily(e);
    entry_free(NULL);
}

int main(void)
{
    struct rng rng;
    mem_init();
    rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof(bytes); i++) bytes[i] = (char)('a' + rng_below(&rng, 26));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_meet_the_plan),
        cmocka_unit_test(memory_is_what_the_allocator_counts),
        cmocka_unit_test(integers_are_recognised_as_text_demands),
        cmocka_unit_test(encoding_names_are_those_clients_know),
        cmocka_unit_test(same_class_stays_in_place_without_the_allocator),
        cmocka_unit_test(blob_is_reused_when_it_fits),
        cmocka_unit_test(blobs_are_taken_over),
        cmocka_unit_test(writable_bytes_double_only_when_changed_again),
        cmocka_unit_test(random_changes_match_the_model),
        cmocka_unit_test(expiry_is_passed_only_after_its_millisecond),
        cmocka_unit_test(slow_values_are_freed_in_the_background),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
