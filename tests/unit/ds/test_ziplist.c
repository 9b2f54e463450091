/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "ds/ziplist.h"
#include "tests/unit/ds/packed.h"

typedef bool reader(const uint8_t *bytes, size_t len, const char **reason,
                    bool (*fn)(void *ctx, size_t index, const struct item *i, const char **reason), void *ctx);

/* What a reader must show, in order. */
struct expected {
    const struct item *items;
    size_t count, seen;
};

static bool expect_item(void *ctx, size_t index, const struct item *i, const char **reason)
{
    (void)reason;
    struct expected *e = ctx;
    assert_int_equal(index, e->seen);
    assert_true(index < e->count);
    const struct item *want = &e->items[e->seen++];
    assert_int_equal(item_is_int(i), item_is_int(want));
    if (item_is_int(i))
        assert_true(i->integer == want->integer);
    else
        assert_true(slice_eq(SLICE(i->ptr, i->len), SLICE(want->ptr, want->len)));
    return true;
}

static void assert_reads(reader *read, const uint8_t *bytes, size_t len, const struct item *items, size_t count)
{
    struct flush_bytes f;
    flush_bytes_init(&f, len);
    uint8_t *flush = flush_bytes_put(&f, bytes, len);
    struct expected e = {items, count, 0};
    const char *reason = NULL;
    if (!read(flush, len, &reason, expect_item, &e)) fail_msg("%s", reason);
    assert_int_equal(e.seen, count);
    assert_true(read(flush, len, &reason, NULL, NULL));
    flush_bytes_deinit(&f);
}

/* The same bytes out of the writer, and the items back out of the reader. */
static void assert_writes(const struct item *items, size_t count, const uint8_t *expected, size_t len)
{
    struct ziplist_writer w;
    ziplist_writer_init(&w);
    for (size_t i = 0; i < count; i++) ziplist_writer_add(&w, &items[i]);
    ziplist_writer_finish(&w);
    if (expected != NULL) {
        assert_int_equal(w.len, len);
        assert_memory_equal(w.bytes, expected, len);
    }
    assert_reads(ziplist_read, w.bytes, w.len, items, count);
    ziplist_writer_deinit(&w);
    assert_null(w.bytes);
}

/* --- ziplists --- */

/* A list as Redis 2.6 saved it. */
static const int64_t integers[] = {0,  1,  2,  3,  4,   5,  6,     7,      8,     9,      10,      11,
                                   12, -2, 13, 25, -61, 63, 16380, -16000, 65535, -65523, 4194304, INT64_MAX};
static const uint8_t ziplist_of_integers[] = {
    0x55, 0,    0,    0,    0x4a, 0,    0,    0,    0x18, 0,    0,    0xf1, 0x02, 0xf2, 0x02, 0xf3, 0x02,
    0xf4, 0x02, 0xf5, 0x02, 0xf6, 0x02, 0xf7, 0x02, 0xf8, 0x02, 0xf9, 0x02, 0xfa, 0x02, 0xfb, 0x02, 0xfc,
    0x02, 0xfd, 0x02, 0xfe, 0xfe, 0x03, 0xfe, 0x0d, 0x03, 0xfe, 0x19, 0x03, 0xfe, 0xc3, 0x03, 0xfe, 0x3f,
    0x03, 0xc0, 0xfc, 0x3f, 0x04, 0xc0, 0x80, 0xc1, 0x04, 0xf0, 0xff, 0xff, 0x00, 0x05, 0xf0, 0x0d, 0x00,
    0xff, 0x05, 0xf0, 0x00, 0x00, 0x40, 0x05, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff};

static void test_integers_are_those_of_redis(void **state)
{
    (void)state;
    enum { N = sizeof(integers) / sizeof(integers[0]) };
    struct item items[N];
    for (size_t i = 0; i < N; i++) items[i] = packed_int(integers[i]);
    assert_reads(ziplist_read, ziplist_of_integers, sizeof(ziplist_of_integers), items, N);
    assert_writes(items, N, ziplist_of_integers, sizeof(ziplist_of_integers));
}

static void test_integers_at_their_bounds(void **state)
{
    (void)state;
    static const int64_t bounds[] = {0,          12,      INT8_MIN,  INT8_MAX,  INT16_MIN, INT16_MAX,
                                     -(1 << 23), 1 << 23, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
    struct item items[64];
    size_t n = 0;
    for (size_t b = 0; b < sizeof(bounds) / sizeof(bounds[0]); b++) {
        for (int64_t d = -2, v; d <= 2; d++)
            if (!__builtin_add_overflow(bounds[b], d, &v)) items[n++] = packed_int(v);
    }
    assert_writes(items, n, NULL, 0);
}

static void test_strings_at_the_bounds_of_their_heads(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 63, 64, 247, 248, 249, 250, 251, 252, 253, 254, 255, 16383, 16384, 70000};
    enum { N = sizeof(lens) / sizeof(lens[0]) };
    static char text[70000];
    memset(text, 'q', sizeof(text));
    struct item items[N];
    for (size_t i = 0; i < N; i++) items[i] = (struct item){text, lens[i], 0};
    assert_writes(items, N, NULL, 0);
    for (size_t i = 0; i < N; i++) assert_writes(&items[i], 1, NULL, 0);
}

static void test_an_empty_ziplist(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {11, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0xff};
    assert_writes(NULL, 0, bytes, sizeof(bytes));
}

/* Heads of 14 and 32 bits for short texts, previous lengths of 5 bytes, integers wider than needed. */
static void test_longer_forms_are_read(void **state)
{
    (void)state;
    uint8_t bytes[] = {43,   0,    0,   0,   35,  0,    0,    0,   5, 0,      /* header */
                       0,    0x40, 2,   'a', 'b',                             /* 5 bytes at 10 */
                       0xfe, 5,    0,   0,   0,   0xbf, 0,    0,   0, 1, 'c', /* 11 bytes at 15 */
                       11,   1,    '7',                                       /* 3 bytes at 26 */
                       3,    0xd0, 9,   0,   0,   0,                          /* 6 bytes at 29 */
                       0xfe, 6,    0,   0,   0,   0xfe, 0x80, 0xff};          /* 7 bytes at 35 */
    struct item items[] = {packed_text("ab"), packed_text("c"), packed_int(7), packed_int(9), packed_int(-128)};
    assert_reads(ziplist_read, bytes, sizeof(bytes), items, 5);
    bytes[8] = bytes[9] = 0xff; /* an unknown count */
    assert_reads(ziplist_read, bytes, sizeof(bytes), items, 5);
}

static void test_more_entries_than_the_count_can_tell(void **state)
{
    (void)state;
    enum { N = 65540 };
    struct item *items = mem_alloc(N * sizeof(*items));
    for (size_t i = 0; i < N; i++) items[i] = packed_int((int64_t)i);
    assert_writes(items, 65534, NULL, 0);
    assert_writes(items, 65535, NULL, 0);
    assert_writes(items, N, NULL, 0);
    mem_free(items);
}

static void test_random_items_come_back(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 9);
    static char text[400];
    memset(text, 'r', sizeof(text));
    for (size_t round = 0; round < 300; round++) {
        struct item items[100];
        size_t n = rng_below(&r, 100);
        for (size_t i = 0; i < n; i++) {
            items[i] = packed_int((int64_t)(rng_next(&r) << rng_below(&r, 64)) >> rng_below(&r, 64));
            if (rng_below(&r, 2)) items[i] = (struct item){text, rng_below(&r, sizeof(text)), 0};
        }
        assert_writes(items, n, NULL, 0);
    }
}

/* --- refusals --- */

static void refuse_bytes(reader *read, const uint8_t *bytes, size_t len, const char *expected)
{
    struct flush_bytes f;
    flush_bytes_init(&f, len);
    const char *reason = "accepted";
    assert_false(read(flush_bytes_put(&f, bytes, len), len, &reason, NULL, NULL));
    assert_string_equal(reason, expected);
    flush_bytes_deinit(&f);
}

#define REFUSE(read, expected, ...)                           \
    do {                                                      \
        const uint8_t bytes_[] = {__VA_ARGS__};               \
        refuse_bytes(read, bytes_, sizeof(bytes_), expected); \
    } while (0)

static void test_ziplist_refusals_name_the_reason(void **state)
{
    (void)state;
    const char *past = "ziplist entry runs past the end",
               *previous = "ziplist entry with a wrong length of the previous one";
    REFUSE(ziplist_read, "ziplist shorter than its header", 10, 0, 0, 0, 10, 0, 0, 0, 0, 0);
    REFUSE(ziplist_read, "ziplist of another length than its header says", 12, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0xff);
    REFUSE(ziplist_read, "ziplist without a terminator", 11, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0xfe);
    REFUSE(ziplist_read, "ziplist with a wrong tail offset", 11, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0xff);
    REFUSE(ziplist_read, "ziplist with a wrong tail offset", 15, 0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0xf1, 2, 0xf1, 0xff);
    REFUSE(ziplist_read, "ziplist of another count of entries than its header says", 13, 0, 0, 0, 10, 0, 0, 0, 2, 0, 0,
           0xf1, 0xff);
    REFUSE(ziplist_read, previous, 13, 0, 0, 0, 10, 0, 0, 0, 1, 0, 1, 0xf1, 0xff);
    REFUSE(ziplist_read, previous, 13, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0xff, 0xf1, 0xff);
    REFUSE(ziplist_read, previous, 13, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0xfe, 0xf1, 0xff);
    REFUSE(ziplist_read, previous, 15, 0, 0, 0, 12, 0, 0, 0, 2, 0, 0, 0xf1, 1, 0xf1, 0xff);
    REFUSE(ziplist_read, past, 12, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0xff);
    REFUSE(ziplist_read, past, 14, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 2, 'a', 0xff);
    REFUSE(ziplist_read, past, 13, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0x40, 0xff);
    REFUSE(ziplist_read, past, 16, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0x80, 0, 0, 0, 0xff);
    REFUSE(ziplist_read, past, 17, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff);
    REFUSE(ziplist_read, past, 14, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0xc0, 0, 0xff);
    REFUSE(ziplist_read, past, 20, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0xff);
    REFUSE(ziplist_read, "ziplist entry with an unknown encoding", 14, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0xc1, 0, 0xff);
    REFUSE(ziplist_read, "ziplist entry with an unknown encoding", 13, 0, 0, 0, 10, 0, 0, 0, 1, 0, 0, 0xff, 0xff);
}

/* --- zipmaps --- */

/* A hash as Redis 2.4 saved it. */
static const uint8_t zipmap[] = {2,   6,   'M', 'K', 'D', '1', 'G', '6', 1,   0,   '2', 5,
                                 'Y', 'N', 'N', 'X', 'K', 4,   0,   'F', '7', 'T', 'I', 0xff};

static void test_a_zipmap_is_read(void **state)
{
    (void)state;
    struct item items[] = {packed_text("MKD1G6"), packed_int(2), packed_text("YNNXK"), packed_text("F7TI")};
    assert_reads(zipmap_read, zipmap, sizeof(zipmap), items, 4);
    static const uint8_t none[] = {0, 0xff};
    assert_reads(zipmap_read, none, sizeof(none), NULL, 0);
}

static void test_zipmap_lengths_free_bytes_and_unknown_counts(void **state)
{
    (void)state;
    struct item items[] = {packed_text("f"), packed_text("vw"), packed_text(""), packed_text("")};
    /* Free bytes of any content, the terminator's too; an empty field is as good as any. */
    static const uint8_t two[] = {2, 0xfe, 1, 0, 0, 0, 'f', 2, 3, 'v', 'w', 0xff, 0, 1, 0, 0, 1, 9, 0xff};
    assert_reads(zipmap_read, two, sizeof(two), items, 4);
    uint8_t unknown[sizeof(two)];
    memcpy(unknown, two, sizeof(two));
    unknown[0] = 254;
    assert_reads(zipmap_read, unknown, sizeof(unknown), items, 4);

    static uint8_t big[1 + 2 + 5 + 1 + 300 + 1];
    memcpy(big, (uint8_t[]){1, 1, 'f', 0xfe, 0x2c, 1, 0, 0, 0}, 9);
    memset(big + 9, 'b', 300);
    big[sizeof(big) - 1] = 0xff;
    struct item of_big[] = {packed_text("f"), {(char *)big + 9, 300, 0}};
    assert_reads(zipmap_read, big, sizeof(big), of_big, 2);
}

static void test_zipmap_refusals_name_the_reason(void **state)
{
    (void)state;
    REFUSE(zipmap_read, "zipmap shorter than its header", 0xff);
    REFUSE(zipmap_read, "zipmap without a terminator", 0, 0);
    REFUSE(zipmap_read, "zipmap of another count of fields than its header says", 1, 0xff);
    REFUSE(zipmap_read, "zipmap of another count of fields than its header says", 2, 1, 'f', 1, 0, 'v', 0xff);
    REFUSE(zipmap_read, "zipmap with a bad length", 1, 0xff, 0xff);
    REFUSE(zipmap_read, "zipmap with a bad length", 1, 0xfe, 0, 0, 0, 0xff);
    REFUSE(zipmap_read, "zipmap with a bad length", 1, 1, 'f', 0xff);
    REFUSE(zipmap_read, "zipmap field runs past the end", 1, 2, 'f', 0xff);
    REFUSE(zipmap_read, "zipmap field runs past the end", 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff);
    REFUSE(zipmap_read, "zipmap value runs past the end", 1, 1, 'f', 1, 0xff);
    REFUSE(zipmap_read, "zipmap value runs past the end", 1, 1, 'f', 1, 0, 0xff);
    REFUSE(zipmap_read, "zipmap value runs past the end", 1, 1, 'f', 1, 1, 'v', 0xff);
}

/* --- damage --- */

static bool sum_items(void *ctx, size_t index, const struct item *i, const char **reason)
{
    (void)index;
    (void)reason;
    size_t *sum = ctx;
    if (item_is_int(i)) *sum += (size_t)i->integer;
    for (size_t k = 0; !item_is_int(i) && k < i->len; k++) *sum += (unsigned char)i->ptr[k];
    return true;
}

/* Every cut and every other value of every byte is read safely or refused. Returns how many damaged ones were accepted. */
static size_t damage(reader *read, const uint8_t *bytes, size_t len)
{
    struct flush_bytes f;
    flush_bytes_init(&f, len);
    size_t sum = 0, accepted = 0;
    const char *reason;
    for (size_t n = 0; n < len; n++) {
        reason = NULL;
        assert_false(read(flush_bytes_put(&f, bytes, n), n, &reason, sum_items, &sum));
        assert_non_null(reason);
    }
    for (size_t at = 0; at < len; at++) {
        for (unsigned v = 0; v < 256; v++) {
            if (v == bytes[at]) continue;
            uint8_t *copy = flush_bytes_put(&f, bytes, len);
            copy[at] = (uint8_t)v;
            reason = NULL;
            bool ok = read(copy, len, &reason, sum_items, &sum);
            assert_true(ok || reason != NULL);
            accepted += ok;
        }
    }
    flush_bytes_deinit(&f);
    return accepted;
}

static void test_every_corrupt_byte_is_refused_or_harmless(void **state)
{
    (void)state;
    /* 31 bytes of integers, half bytes of the heads of the small ones, count 65535: no more may pass. */
    size_t accepted = damage(ziplist_read, ziplist_of_integers, sizeof(ziplist_of_integers));
    assert_true(accepted > 0 && accepted < 40 * 255);
    accepted = damage(zipmap_read, zipmap, sizeof(zipmap));
    /* 16 bytes of texts; a few ways to move a byte from a value to its free bytes. */
    assert_true(accepted >= 16 * 255 && accepted < 17 * 255);
}

struct stop {
    size_t seen;
};

static bool stop_at_third(void *ctx, size_t index, const struct item *i, const char **reason)
{
    (void)i;
    struct stop *s = ctx;
    s->seen++;
    if (index < 2) return true;
    *reason = "enough";
    return false;
}

static void test_the_caller_may_stop_with_a_reason(void **state)
{
    (void)state;
    struct stop s = {0};
    const char *reason = NULL;
    assert_false(ziplist_read(ziplist_of_integers, sizeof(ziplist_of_integers), &reason, stop_at_third, &s));
    assert_string_equal(reason, "enough");
    assert_int_equal(s.seen, 3);
    reason = NULL;
    assert_false(zipmap_read(zipmap, sizeof(zipmap), &reason, stop_at_third, &s));
    assert_string_equal(reason, "enough");
    assert_int_equal(s.seen, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_are_those_of_redis),
        cmocka_unit_test(test_integers_at_their_bounds),
        cmocka_unit_test(test_strings_at_the_bounds_of_their_heads),
        cmocka_unit_test(test_an_empty_ziplist),
        cmocka_unit_test(test_longer_forms_are_read),
        cmocka_unit_test(test_more_entries_than_the_count_can_tell),
        cmocka_unit_test(test_random_items_come_back),
        cmocka_unit_test(test_ziplist_refusals_name_the_reason),
        cmocka_unit_test(test_a_zipmap_is_read),
        cmocka_unit_test(test_zipmap_lengths_free_bytes_and_unknown_counts),
        cmocka_unit_test(test_zipmap_refusals_name_the_reason),
        cmocka_unit_test(test_every_corrupt_byte_is_refused_or_harmless),
        cmocka_unit_test(test_the_caller_may_stop_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
