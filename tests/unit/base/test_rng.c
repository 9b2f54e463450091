/* SPDX-License-Identifier: MIT */
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The first outputs of xoshiro256** from the state 1, 2, 3, 4, as its authors' program gives them. */
static void the_generator_is_xoshiro256starstar(void **state)
{
    (void)state;
    struct rng r = {.s = {1, 2, 3, 4}};
    const uint64_t expected[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) assert_true(rng_next(&r) == expected[i]);
}

static void a_seed_repeats_and_another_differs(void **state)
{
    (void)state;
    struct rng a, b, c;
    rng_seed(&a, 0);
    rng_seed(&b, 0);
    rng_seed(&c, 1);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = rng_next(&a);
        assert_true(value == rng_next(&b));
        same += value == rng_next(&c);
    }
    assert_int_equal(same, 0);
    rng_seed_from_system(&a);
    rng_seed_from_system(&b);
    assert_true(rng_next(&a) != rng_next(&b));
}

/* Chi squared over the cells; the bound is some 6 standard deviations above its mean. */
static void check_fair(struct rng *r, unsigned cells, unsigned draws)
{
    unsigned counts[256] = {0};
    for (unsigned i = 0; i < draws; i++) {
        uint64_t cell = rng_below(r, cells);
        assert_true(cell < cells);
        counts[cell]++;
    }
    double expected = (double)draws / cells, chi2 = 0;
    for (unsigned i = 0; i < cells; i++) chi2 += (counts[i] - expected) * (counts[i] - expected) / expected;
    double freedom = cells - 1;
    double distance = chi2 - freedom;
    assert_true(distance * distance < 36 * 2 * freedom || distance < 20);
}

static void below_is_fair(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 99);
    const unsigned cells[] = {2, 3, 6, 7, 10, 64, 100, 255};
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) check_fair(&r, cells[i], 200000);
    for (int i = 0; i < 100; i++) assert_int_equal(rng_below(&r, 1), 0);
}

/* With a bound of 3/4 of the range a plain remainder would give the lowest third twice as often. */
static void a_bound_near_the_range_is_fair(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 5);
    const uint64_t bound = UINT64_C(3) << 62;
    unsigned thirds[3] = {0};
    for (int i = 0; i < 90000; i++) {
        uint64_t value = rng_below(&r, bound);
        assert_true(value < bound);
        thirds[value >> 62]++;
    }
    for (int i = 0; i < 3; i++) assert_in_range(thirds[i], 29000, 31000);
}

static void system_bytes_and_digits(void **state)
{
    (void)state;
    unsigned char a[1000], b[1000];
    rng_system_bytes(a, sizeof(a));
    rng_system_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    char hex[42];
    memset(hex, '#', sizeof(hex));
    rng_system_hex(hex, 40);
    assert_int_equal(strlen(hex), 40);
    assert_int_equal(strspn(hex, "0123456789abcdef"), 40);
    assert_int_equal(hex[41], '#');
    rng_system_bytes(a, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_is_xoshiro256starstar),
        cmocka_unit_test(a_seed_repeats_and_another_differs),
        cmocka_unit_test(below_is_fair),
        cmocka_unit_test(a_bound_near_the_range_is_fair),
        cmocka_unit_test(system_bytes_and_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
