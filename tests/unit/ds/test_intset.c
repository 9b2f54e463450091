/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "ds/intset.h"
#include "tests/unit/ds/packed.h"

static void start(struct packed *p)
{
    uint8_t empty[INTSET_EMPTY_BYTES];
    intset_init(empty);
    packed_init(p, empty, sizeof(empty));
}

static void assert_valid(const struct packed *p)
{
    const char *reason;
    assert_true(intset_validate(p->pack.bytes, p->size, &reason));
    assert_int_equal(intset_bytes(p->pack.bytes), p->size);
}

/* The intset of SADD s 1 2 70000, as DUMP shows it. */
static const uint8_t of_redis[] = {4, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0x70, 0x11, 1, 0};

static void test_bytes_are_those_of_redis(void **state)
{
    (void)state;
    static const int64_t values[] = {2, 70000, 1};
    struct packed p;
    start(&p);
    for (size_t i = 0; i < 3; i++) assert_true(intset_add(&p.pack, values[i]));
    assert_int_equal(p.size, sizeof(of_redis));
    assert_memory_equal(p.pack.bytes, of_redis, sizeof(of_redis));
    packed_deinit(&p);
}

static void test_an_empty_one_holds_nothing(void **state)
{
    (void)state;
    struct packed p;
    start(&p);
    assert_int_equal(intset_count(p.pack.bytes), 0);
    assert_false(intset_has(p.pack.bytes, 0));
    assert_false(intset_remove(&p.pack, 0));
    assert_true(intset_add(&p.pack, 0));
    assert_true(intset_remove(&p.pack, 0));
    assert_int_equal(intset_count(p.pack.bytes), 0);
    assert_valid(&p);
    packed_deinit(&p);
}

static void test_a_wider_integer_widens_all(void **state)
{
    (void)state;
    static const int64_t values[] = {5,         -3,        INT16_MAX,        INT16_MIN, INT16_MAX + 1,
                                     INT32_MIN, INT32_MAX, INT64_C(1) << 31, INT64_MIN, INT64_MAX};
    static const size_t widths[] = {2, 2, 2, 2, 4, 4, 4, 8, 8, 8};
    struct packed p;
    start(&p);
    for (size_t i = 0; i < 10; i++) {
        assert_false(intset_has(p.pack.bytes, values[i]));
        assert_false(intset_remove(&p.pack, values[i]));
        assert_true(intset_add(&p.pack, values[i]));
        assert_false(intset_add(&p.pack, values[i]));
        assert_int_equal(p.pack.bytes[0], widths[i]);
        for (size_t k = 0; k <= i; k++) assert_true(intset_has(p.pack.bytes, values[k]));
        assert_valid(&p);
    }
    assert_true(intset_get(p.pack.bytes, 0) == INT64_MIN);
    assert_true(intset_get(p.pack.bytes, 9) == INT64_MAX);
    assert_true(intset_remove(&p.pack, INT64_MIN));
    assert_int_equal(p.pack.bytes[0], 8);
    packed_deinit(&p);
}

/* The one that widens may be the only one. */
static void test_the_first_integer_may_be_wide(void **state)
{
    (void)state;
    static const int64_t values[] = {100000, -100000, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        struct packed p;
        start(&p);
        assert_true(intset_add(&p.pack, values[i]));
        assert_true(intset_get(p.pack.bytes, 0) == values[i]);
        assert_valid(&p);
        packed_deinit(&p);
    }
}

/* --- against a model: a sorted array --- */

struct model {
    int64_t values[1000];
    size_t count;
};

static size_t model_rank(const struct model *m, int64_t v)
{
    size_t i = 0;
    while (i < m->count && m->values[i] < v) i++;
    return i;
}

static bool model_has(const struct model *m, int64_t v)
{
    size_t i = model_rank(m, v);
    return i < m->count && m->values[i] == v;
}

static void model_add(struct model *m, int64_t v)
{
    size_t i = model_rank(m, v);
    memmove(m->values + i + 1, m->values + i, (m->count - i) * sizeof(m->values[0]));
    m->values[i] = v;
    m->count++;
}

static void model_remove(struct model *m, int64_t v)
{
    size_t i = model_rank(m, v);
    memmove(m->values + i, m->values + i + 1, (m->count - i - 1) * sizeof(m->values[0]));
    m->count--;
}

static void random_step(struct rng *r, struct packed *p, struct model *m, unsigned bits)
{
    int64_t v = (int64_t)(rng_next(r) << (64 - bits)) >> (64 - bits);
    if (rng_below(r, 4) == 0 && m->count > 0) v = m->values[rng_below(r, m->count)];
    bool had = model_has(m, v);
    assert_int_equal(intset_has(p->pack.bytes, v), had);
    if (m->count < 1000 && rng_below(r, 5) < 3) {
        assert_int_equal(intset_add(&p->pack, v), !had);
        if (!had) model_add(m, v);
    } else {
        assert_int_equal(intset_remove(&p->pack, v), had);
        if (had) model_remove(m, v);
    }
}

static void test_random_changes_against_a_model(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 77);
    static const unsigned bits[] = {4, 8, 16, 20, 32, 40, 64};
    for (size_t b = 0; b < sizeof(bits) / sizeof(bits[0]); b++) {
        static struct model m;
        struct packed p;
        m.count = 0;
        start(&p);
        for (size_t step = 0; step < 3000; step++) {
            /* Widths mix while the set grows. */
            random_step(&r, &p, &m, step < 500 && bits[b] > 16 ? 16 : bits[b]);
            assert_int_equal(intset_count(p.pack.bytes), m.count);
            if (step % 8 != 0) continue;
            assert_valid(&p);
            for (size_t i = 0; i < m.count; i++) assert_true(intset_get(p.pack.bytes, i) == m.values[i]);
        }
        packed_deinit(&p);
    }
}

/* Every size and every gap: the search goes wrong at ends first. */
static void test_search_at_every_place_of_every_size(void **state)
{
    (void)state;
    static const int64_t factors[] = {10, 100000, INT64_C(10000000000)};
    for (size_t f = 0; f < 3; f++) {
        struct packed p;
        start(&p);
        for (int64_t n = 0; n < 70; n++) {
            for (int64_t i = 0; i < n; i++) {
                assert_true(intset_has(p.pack.bytes, i * factors[f]));
                assert_false(intset_has(p.pack.bytes, i * factors[f] - 1));
                assert_false(intset_has(p.pack.bytes, i * factors[f] + 1));
            }
            assert_false(intset_has(p.pack.bytes, n * factors[f]));
            assert_true(intset_add(&p.pack, n * factors[f]));
        }
        packed_deinit(&p);
    }
}

/* --- untrusted bytes --- */

static void refuse_bytes(const uint8_t *bytes, size_t len, const char *expected)
{
    struct flush_bytes f;
    flush_bytes_init(&f, len);
    const char *reason = NULL;
    assert_false(intset_validate(flush_bytes_put(&f, bytes, len), len, &reason));
    assert_string_equal(reason, expected);
    flush_bytes_deinit(&f);
}

#define REFUSE(expected, ...)                           \
    do {                                                \
        const uint8_t bytes_[] = {__VA_ARGS__};         \
        refuse_bytes(bytes_, sizeof(bytes_), expected); \
    } while (0)

static void test_refusals_name_the_reason(void **state)
{
    (void)state;
    REFUSE("intset shorter than its header", 2, 0, 0, 0, 0, 0, 0);
    REFUSE("intset with an unknown width", 3, 0, 0, 0, 0, 0, 0, 0);
    REFUSE("intset with an unknown width", 2, 0, 0, 1, 0, 0, 0, 0);
    REFUSE("intset of another length than its header says", 2, 0, 0, 0, 1, 0, 0, 0, 7);
    REFUSE("intset of another length than its header says", 2, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0);
    REFUSE("intset of another length than its header says", 8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 7);
    REFUSE("intset whose integers do not ascend", 2, 0, 0, 0, 2, 0, 0, 0, 7, 0, 7, 0);
    REFUSE("intset whose integers do not ascend", 2, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0xff, 0xff);
    REFUSE("intset whose integers do not ascend", 4, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 6, 0, 0, 0);
    REFUSE("intset whose integers do not ascend", 8, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0,
           0x80);
}

static void test_every_corrupt_byte_is_refused_or_harmless(void **state)
{
    (void)state;
    struct flush_bytes f;
    flush_bytes_init(&f, sizeof(of_redis));
    size_t accepted = 0, refused = 0;
    const char *reason;
    for (size_t at = 0; at < sizeof(of_redis); at++) {
        for (unsigned v = 0; v < 256; v++) {
            uint8_t *is = flush_bytes_put(&f, of_redis, sizeof(of_redis));
            is[at] = (uint8_t)v;
            bool ok = intset_validate(is, sizeof(of_redis), &reason);
            accepted += ok;
            refused += !ok;
            if (!ok) continue;
            struct packed p;
            packed_init(&p, is, sizeof(of_redis));
            assert_true(intset_has(is, intset_get(is, 0)));
            assert_true(intset_add(&p.pack, 12345678901234));
            while (intset_count(p.pack.bytes) > 0)
                assert_true(intset_remove(&p.pack, intset_get(p.pack.bytes, intset_count(p.pack.bytes) / 2)));
            packed_deinit(&p);
        }
    }
    /* No byte of the header may change; most of the integers may. */
    assert_true(refused > 8 * 255 && accepted > 4 * 127);
    for (size_t len = 0; len < sizeof(of_redis); len++)
        assert_false(intset_validate(flush_bytes_put(&f, of_redis, len), len, &reason));
    flush_bytes_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_are_those_of_redis),
        cmocka_unit_test(test_an_empty_one_holds_nothing),
        cmocka_unit_test(test_a_wider_integer_widens_all),
        cmocka_unit_test(test_the_first_integer_may_be_wide),
        cmocka_unit_test(test_random_changes_against_a_model),
        cmocka_unit_test(test_search_at_every_place_of_every_size),
        cmocka_unit_test(test_refusals_name_the_reason),
        cmocka_unit_test(test_every_corrupt_byte_is_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
