/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "store/hyperloglog.h"

#define SPARSE_MAX 3000

/* A sketch whose last byte stands before an unmapped page, wherever its length goes. */
struct sketch {
    struct hll hll;
    uint8_t *end;
};

#define ROOM (1 << 20)

static uint8_t *resize(void *owner, size_t len)
{
    struct sketch *s = owner;
    uint8_t *to = s->end - len;
    size_t kept = s->hll.len < len ? s->hll.len : len;
    assert_in_range(len, 1, ROOM);
    memmove(to, s->end - s->hll.len, kept);
    if (len > kept) memset(to + kept, 0xee, len - kept);
    return to;
}

static void sketch_set(struct sketch *s, const void *bytes, size_t len)
{
    s->hll.len = len;
    s->hll.pack = (struct pack){s->end - len, resize, s};
    memcpy(s->hll.pack.bytes, bytes, len);
}

static void sketch_init(struct sketch *s)
{
    uint8_t empty[HLL_EMPTY_BYTES];
    uint8_t *room = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(room, MAP_FAILED);
    assert_int_equal(mprotect(room + ROOM, 4096, PROT_NONE), 0);
    s->end = room + ROOM;
    s->hll.sparse_max_bytes = SPARSE_MAX;
    hll_init(empty);
    sketch_set(s, empty, sizeof(empty));
}

static void sketch_deinit(struct sketch *s) { munmap(s->end - ROOM, ROOM + 4096); }

static struct slice bytes_of(const struct sketch *s) { return SLICE((const char *)s->hll.pack.bytes, s->hll.len); }
static bool is_sparse(const struct sketch *s) { return hll_encoding_of(bytes_of(s)) == HLL_SPARSE; }

static uint64_t count_of(const struct sketch *s)
{
    uint64_t count;
    assert_true(hll_count(bytes_of(s), &count));
    return count;
}

static enum hll_result add_number(struct sketch *s, uint64_t n)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
    return hll_add(&s->hll, SLICE(text, (size_t)len));
}

static enum hll_result raise_one(struct sketch *s, unsigned index, uint8_t value)
{
    uint8_t registers[HLL_REGISTERS] = {0};
    registers[index] = value;
    return hll_raise(&s->hll, registers);
}

static void assert_described(const struct sketch *s, const char *text)
{
    struct buf b = BUF_INIT;
    hll_describe_sparse(bytes_of(s), &b);
    assert_string_equal(buf_cstr(&b), text);
    buf_deinit(&b);
}

static void assert_same_registers(const struct sketch *a, const struct sketch *b)
{
    uint8_t x[HLL_REGISTERS] = {0}, y[HLL_REGISTERS] = {0};
    assert_true(hll_merge_into(bytes_of(a), x));
    assert_true(hll_merge_into(bytes_of(b), y));
    assert_memory_equal(x, y, sizeof(x));
}

/* --- bytes --- */

static void test_empty_sketch(void **state)
{
    (void)state;
    struct sketch s;
    uint64_t count = 1;
    sketch_init(&s);
    assert_memory_equal(s.hll.pack.bytes, "HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", 18);
    assert_true(hll_is_one(bytes_of(&s)));
    assert_true(hll_cached_count(bytes_of(&s), &count));
    assert_int_equal(count, 0);
    assert_int_equal(count_of(&s), 0);
    assert_described(&s, "Z:16384");
    sketch_deinit(&s);
}

/* As redis-server 7.0.15 places them. */
static void test_elements_go_where_redis_puts_them(void **state)
{
    (void)state;
    static const char *const elements[] = {"a", "b", "c", "hello", "", "12345678", "1234567890"};
    struct sketch s;
    sketch_init(&s);
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        assert_int_equal(hll_add(&s.hll, slice_of(elements[i])), HLL_CHANGED);
        assert_int_equal(hll_add(&s.hll, slice_of(elements[i])), HLL_UNCHANGED);
    }
    assert_described(&s,
                     "Z:1971 v:3,1 Z:3966 v:2,1 Z:2497 v:1,1 Z:779 v:1,1 Z:1362 v:3,1 Z:2131 v:2,1 Z:3068 v:1,1 Z:603");
    assert_int_equal(count_of(&s), 7);
    sketch_deinit(&s);
}

static void test_headers_that_are_refused(void **state)
{
    (void)state;
    char dense[HLL_DENSE_BYTES + 1] = "HYLL";
    assert_false(hll_is_one(SLICE("", 0)));
    assert_false(hll_is_one(SLICE("HYLL\x01\0\0\0\0\0\0\0\0\0\0", 15)));
    assert_true(hll_is_one(SLICE("HYLL\x01\0\0\0\0\0\0\0\0\0\0\0", 16)));
    assert_false(hll_is_one(SLICE("HYLm\x01\0\0\0\0\0\0\0\0\0\0\0", 16)));
    assert_false(hll_is_one(SLICE("HYLL\x02\0\0\0\0\0\0\0\0\0\0\0", 16)));
    assert_false(hll_is_one(SLICE("HYLL\xff\0\0\0\0\0\0\0\0\0\0\0", 16)));
    assert_true(hll_is_one(SLICE(dense, HLL_DENSE_BYTES)));
    assert_false(hll_is_one(SLICE(dense, HLL_DENSE_BYTES - 1)));
    assert_false(hll_is_one(SLICE(dense, HLL_DENSE_BYTES + 1)));
}

static void test_kept_count(void **state)
{
    (void)state;
    struct sketch s;
    uint64_t count;
    sketch_init(&s);
    hll_keep_count(s.hll.pack.bytes, 0x0123456789abcdefull);
    assert_true(hll_cached_count(bytes_of(&s), &count));
    assert_true(count == 0x0123456789abcdefull);
    hll_forget_count(s.hll.pack.bytes);
    assert_false(hll_cached_count(bytes_of(&s), &count));
    hll_keep_count(s.hll.pack.bytes, 3);
    assert_int_equal(add_number(&s, 1), HLL_CHANGED);
    assert_false(hll_cached_count(bytes_of(&s), &count));
    hll_keep_count(s.hll.pack.bytes, 1);
    assert_int_equal(add_number(&s, 1), HLL_UNCHANGED);
    assert_true(hll_cached_count(bytes_of(&s), &count));
    sketch_deinit(&s);
}

/* --- operations --- */

static void test_splitting_and_joining(void **state)
{
    (void)state;
    struct sketch s;
    sketch_init(&s);
    raise_one(&s, 64, 5);
    assert_described(&s, "z:64 v:5,1 Z:16319");
    raise_one(&s, 130, 5);
    assert_described(&s, "z:64 v:5,1 Z:65 v:5,1 Z:16253");
    raise_one(&s, 129, 5);
    assert_described(&s, "z:64 v:5,1 z:64 v:5,2 Z:16253");
    raise_one(&s, 132, 5);
    raise_one(&s, 131, 5);
    assert_described(&s, "z:64 v:5,1 z:64 v:5,4 Z:16251");
    raise_one(&s, 133, 5);
    assert_described(&s, "z:64 v:5,1 z:64 v:5,4 v:5,1 Z:16250");
    assert_int_equal(raise_one(&s, 130, 5), HLL_UNCHANGED);
    raise_one(&s, 130, 32);
    assert_described(&s, "z:64 v:5,1 z:64 v:5,1 v:32,1 v:5,3 Z:16250");
    raise_one(&s, 16383, 1);
    raise_one(&s, 0, 1);
    assert_described(&s, "v:1,1 z:63 v:5,1 z:64 v:5,1 v:32,1 v:5,3 Z:16249 v:1,1");
    assert_true(is_sparse(&s));
    raise_one(&s, 1, 33);
    assert_false(is_sparse(&s));
    sketch_deinit(&s);
}

static void test_dense_at_the_limit(void **state)
{
    (void)state;
    struct sketch s;
    sketch_init(&s);
    size_t largest = 0;
    for (uint64_t n = 0; is_sparse(&s); n++) {
        if (s.hll.len > largest) largest = s.hll.len;
        add_number(&s, n);
    }
    assert_in_range(largest, SPARSE_MAX - 3, SPARSE_MAX);
    assert_int_equal(s.hll.len, HLL_DENSE_BYTES);
    assert_int_equal(hll_make_dense(&s.hll), HLL_UNCHANGED);
    sketch_deinit(&s);
}

/* --- against each other --- */

static void test_sparse_and_dense_agree(void **state)
{
    (void)state;
    struct sketch sparse, dense;
    sketch_init(&sparse);
    sketch_init(&dense);
    sparse.hll.sparse_max_bytes = ROOM;
    assert_int_equal(hll_make_dense(&dense.hll), HLL_CHANGED);
    for (uint64_t n = 0; n < 40000; n++) {
        assert_int_equal(add_number(&sparse, n), add_number(&dense, n));
        if (n % 4000 == 0) assert_same_registers(&sparse, &dense);
    }
    assert_same_registers(&sparse, &dense);
    assert_int_equal(count_of(&sparse), count_of(&dense));
    sketch_deinit(&sparse);
    sketch_deinit(&dense);
}

static void test_estimates_are_near(void **state)
{
    (void)state;
    struct sketch s;
    sketch_init(&s);
    uint64_t check = 1;
    for (uint64_t n = 1; n <= 1000000; n++) {
        add_number(&s, n * 7919);
        if (n < check) continue;
        check = n + n / 5 + 1;
        uint64_t count = count_of(&s), allowed = n * 4 / 123 + 1; /* four standard errors */
        assert_in_range(count, n - (n < allowed ? n : allowed), n + allowed);
    }
    sketch_deinit(&s);
}

/* Registers raised together leave the bytes that raising one after the other leaves. */
static void test_raising_many_is_raising_each(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    for (unsigned round = 0; round < 60; round++) {
        struct sketch many, each;
        uint8_t registers[HLL_REGISTERS] = {0};
        sketch_init(&many);
        sketch_init(&each);
        many.hll.sparse_max_bytes = each.hll.sparse_max_bytes = round % 3 == 0 ? 400 : SPARSE_MAX;
        for (uint64_t n = rng_below(&rng, 300); n > 0; n--) {
            uint64_t element = rng_next(&rng);
            hll_add(&many.hll, SLICE((const char *)&element, 8));
            hll_add(&each.hll, SLICE((const char *)&element, 8));
        }
        uint64_t near = 1 + rng_below(&rng, HLL_REGISTERS - 1);
        for (uint64_t n = rng_below(&rng, 600); n > 0; n--)
            registers[rng_below(&rng, near)] = (uint8_t)(1 + rng_below(&rng, round % 2 == 0 ? 3 : 32));
        enum hll_result expected = HLL_UNCHANGED;
        for (unsigned i = 0; i < HLL_REGISTERS; i++) {
            if (registers[i] > 0 && raise_one(&each, i, registers[i]) == HLL_CHANGED) expected = HLL_CHANGED;
        }
        assert_int_equal(hll_raise(&many.hll, registers), expected);
        assert_int_equal(many.hll.len, each.hll.len);
        assert_memory_equal(many.hll.pack.bytes, each.hll.pack.bytes, many.hll.len);
        sketch_deinit(&many);
        sketch_deinit(&each);
    }
}

static void test_merging_is_the_union(void **state)
{
    (void)state;
    struct sketch parts[3], whole;
    uint8_t registers[HLL_REGISTERS] = {0};
    sketch_init(&whole);
    for (unsigned p = 0; p < 3; p++) {
        sketch_init(&parts[p]);
        for (uint64_t n = 0; n < 50 * (p + 1) * (p + 1) * (p + 1); n++) {
            add_number(&parts[p], p * 100 + n);
            add_number(&whole, p * 100 + n);
        }
        assert_true(hll_merge_into(bytes_of(&parts[p]), registers));
    }
    assert_int_equal(hll_count_registers(registers), count_of(&whole));
    assert_int_not_equal(hll_raise(&parts[0].hll, registers), HLL_CORRUPT);
    assert_same_registers(&parts[0], &whole);
    for (unsigned p = 0; p < 3; p++) sketch_deinit(&parts[p]);
    sketch_deinit(&whole);
}

/* --- damage --- */

static void test_operations_that_do_not_add_up(void **state)
{
    (void)state;
    static const struct {
        const char *ops;
        size_t len;
    } bad[] = {{"", 0}, {"\x7f\xfe", 2}, {"\x7f", 1}, {"\x7f\xff\0", 3}, {"\x7f\xff\x80", 3}, {"\x7f\xff\x7f", 3}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sketch s;
        char bytes[32] = "HYLL\x01";
        uint64_t count;
        uint8_t registers[HLL_REGISTERS] = {0};
        sketch_init(&s);
        memcpy(bytes + HLL_HEADER_BYTES, bad[i].ops, bad[i].len);
        sketch_set(&s, bytes, HLL_HEADER_BYTES + bad[i].len);
        assert_true(hll_is_one(bytes_of(&s)));
        assert_false(hll_count(bytes_of(&s), &count));
        assert_false(hll_merge_into(bytes_of(&s), registers));
        assert_int_equal(hll_make_dense(&s.hll), HLL_CORRUPT);
        assert_int_equal(s.hll.len, HLL_HEADER_BYTES + bad[i].len);
        assert_int_equal(raise_one(&s, 5, 40), HLL_CORRUPT);
        sketch_deinit(&s);
    }
}

static void damage(struct sketch *s, struct rng *rng)
{
    size_t len = s->hll.len;
    if (rng_below(rng, 4) == 0 && is_sparse(s)) {
        len = HLL_HEADER_BYTES + rng_below(rng, len - HLL_HEADER_BYTES + 1);
        s->hll.pack.bytes = resize(s, len);
        s->hll.len = len;
    }
    for (uint64_t n = 1 + rng_below(rng, 6); n > 0 && len > HLL_HEADER_BYTES; n--)
        s->hll.pack.bytes[HLL_HEADER_BYTES + rng_below(rng, len - HLL_HEADER_BYTES)] = (uint8_t)rng_next(rng);
}

static void test_random_damage(void **state)
{
    (void)state;
    struct rng rng;
    struct sketch s;
    size_t corrupt = 0, fine = 0;
    rng_seed(&rng, 11);
    sketch_init(&s);
    for (unsigned round = 0; round < 4000; round++) {
        uint8_t bytes[HLL_EMPTY_BYTES], registers[HLL_REGISTERS] = {0};
        uint64_t count;
        struct buf text = BUF_INIT;
        hll_init(bytes);
        sketch_set(&s, bytes, sizeof(bytes));
        for (uint64_t n = rng_below(&rng, round % 50 == 0 ? 3000 : 100); n > 0; n--) add_number(&s, rng_next(&rng));
        if (round % 3 == 0) hll_make_dense(&s.hll);
        damage(&s, &rng);
        bool is_whole = hll_count(bytes_of(&s), &count);
        assert_int_equal(hll_merge_into(bytes_of(&s), registers), is_whole);
        hll_describe_sparse(bytes_of(&s), &text);
        for (uint64_t n = 0; n < 50; n++) {
            enum hll_result result = add_number(&s, rng_next(&rng));
            if (is_whole) assert_int_not_equal(result, HLL_CORRUPT);
        }
        if (is_whole) assert_int_not_equal(hll_raise(&s.hll, registers), HLL_CORRUPT);
        if (is_whole) assert_int_not_equal(hll_make_dense(&s.hll), HLL_CORRUPT);
        if (!is_whole) hll_raise(&s.hll, registers);
        assert_true(hll_is_one(bytes_of(&s)));
        *(is_whole ? &fine : &corrupt) += 1;
        buf_deinit(&text);
    }
    assert_true(corrupt > 500 && fine > 500);
    sketch_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_sketch),
        cmocka_unit_test(test_elements_go_where_redis_puts_them),
        cmocka_unit_test(test_headers_that_are_refused),
        cmocka_unit_test(test_kept_count),
        cmocka_unit_test(test_splitting_and_joining),
        cmocka_unit_test(test_dense_at_the_limit),
        cmocka_unit_test(test_sparse_and_dense_agree),
        cmocka_unit_test(test_estimates_are_near),
        cmocka_unit_test(test_raising_many_is_raising_each),
        cmocka_unit_test(test_merging_is_the_union),
        cmocka_unit_test(test_operations_that_do_not_add_up),
        cmocka_unit_test(test_random_damage),
    };
    mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
