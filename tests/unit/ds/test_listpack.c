/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "ds/listpack.h"
#include "tests/unit/ds/packed.h"

static struct packed new_listpack(void)
{
    uint8_t empty[LISTPACK_EMPTY_BYTES];
    listpack_init(empty);
    struct packed p;
    packed_init(&p, empty, sizeof(empty));
    return p;
}

/* packed_init stores its own address; a copy has another one. */
#define NEW_LISTPACK(name)               \
    struct packed name = new_listpack(); \
    name.pack.owner = &name

static void append_text(struct packed *p, const char *text)
{
    struct item i = packed_text(text);
    listpack_append(&p->pack, &i);
}

static void assert_element(const uint8_t *lp, uint32_t at, const char *text)
{
    struct item i;
    char scratch[NUM_INT64_CHARS];
    assert_int_not_equal(at, LISTPACK_END);
    listpack_get(lp, at, &i);
    struct slice s = item_slice(&i, scratch);
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.ptr, text, s.len);
}

static void assert_valid(const struct packed *p)
{
    assert_true(listpack_is_valid(p->pack.bytes));
    assert_int_equal(listpack_bytes(p->pack.bytes), p->size);
}

/* --- the bytes --- */

static void test_bytes_are_those_of_redis(void **state)
{
    (void)state;
    /* What DUMP tells of RPUSH l a 1 -1 127 128 -4096 4095 -4097 32767 32768 -8388608 8388608 2147483647 ... */
    static const char *const texts[] = {"a",          "1",          "-1",
                                        "127",        "128",        "-4096",
                                        "4095",       "-4097",      "32767",
                                        "32768",      "-8388608",   "8388608",
                                        "2147483647", "2147483648", "-9223372036854775808",
                                        "",           "007",        "99999999999999999999"};
    static const uint8_t expected[] = {
        0x69, 0,    0,    0,    0x12, 0,    0x81, 0x61, 0x02, 0x01, 0x01, 0xdf, 0xff, 0x02, 0x7f, 0x01, 0xc0, 0x80,
        0x02, 0xd0, 0,    0x02, 0xcf, 0xff, 0x02, 0xf1, 0xff, 0xef, 0x03, 0xf1, 0xff, 0x7f, 0x03, 0xf2, 0,    0x80,
        0,    0x04, 0xf2, 0,    0,    0x80, 0x04, 0xf3, 0,    0,    0x80, 0,    0x05, 0xf3, 0xff, 0xff, 0xff, 0x7f,
        0x05, 0xf4, 0,    0,    0,    0x80, 0,    0,    0,    0,    0x09, 0xf4, 0,    0,    0,    0,    0,    0,
        0,    0x80, 0x09, 0x80, 0x01, 0x83, 0x30, 0x30, 0x37, 0x04, 0x94, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39,
        0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x39, 0x15, 0xff};
    NEW_LISTPACK(p);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) append_text(&p, texts[i]);
    assert_int_equal(p.size, sizeof(expected));
    assert_memory_equal(p.pack.bytes, expected, sizeof(expected));
    packed_deinit(&p);
}

/* Head and back length at the bounds of string lengths, as DUMP shows them. */
static void test_heads_and_back_lengths_at_their_bounds(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint8_t head[5], head_len, back[4], back_len;
    } cases[] = {
        {63, {0xbf}, 1, {64}, 1},
        {64, {0xe0, 0x40}, 2, {66}, 1},
        {125, {0xe0, 0x7d}, 2, {127}, 1},
        {126, {0xe0, 0x7e}, 2, {0x01, 0x80}, 2},
        {4095, {0xef, 0xff}, 2, {0x20, 0x81}, 2},
        {4096, {0xf0, 0x00, 0x10, 0, 0}, 5, {0x20, 0x85}, 2},
        {16377, {0xf0, 0xf9, 0x3f, 0, 0}, 5, {0x7f, 0xfe}, 2},
        {16378, {0xf0, 0xfa, 0x3f, 0, 0}, 5, {0x00, 0xff, 0xff}, 3},
        {2097145, {0xf0, 0xf9, 0xff, 0x1f, 0}, 5, {0x7f, 0xff, 0xfe}, 3},
        {2097146, {0xf0, 0xfa, 0xff, 0x1f, 0}, 5, {0x00, 0xff, 0xff, 0xff}, 4},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        char *text = mem_alloc(cases[c].len);
        memset(text, 'x', cases[c].len);
        struct item i = item_of(SLICE(text, cases[c].len)), got;
        NEW_LISTPACK(p);
        listpack_append(&p.pack, &i);
        append_text(&p, "z");
        const uint8_t *e = p.pack.bytes + 6;
        assert_memory_equal(e, cases[c].head, cases[c].head_len);
        assert_memory_equal(e + cases[c].head_len + cases[c].len, cases[c].back, cases[c].back_len);
        assert_int_equal(listpack_element_bytes(&i), cases[c].head_len + cases[c].len + cases[c].back_len);
        assert_int_equal(listpack_prev(p.pack.bytes, listpack_last(p.pack.bytes)), 6);
        assert_int_equal(listpack_next(p.pack.bytes, 6), listpack_last(p.pack.bytes));
        listpack_get(p.pack.bytes, 6, &got);
        assert_true(slice_eq(SLICE(got.ptr, got.len), SLICE(text, cases[c].len)));
        assert_int_equal(listpack_find(p.pack.bytes, 6, &i, 0), 6);
        assert_valid(&p);
        packed_deinit(&p);
        mem_free(text);
    }
}

static void test_integers_at_their_bounds(void **state)
{
    (void)state;
    static const int64_t bounds[] = {0,          127,     -4096,     4095,      INT16_MIN,      INT16_MAX,
                                     -(1 << 23), 1 << 23, INT32_MIN, INT32_MAX, INT64_MIN,      INT64_MAX,
                                     1LL << 40,  -1,      (1 << 12), 65535,     (1LL << 31) + 1};
    for (size_t b = 0; b < sizeof(bounds) / sizeof(bounds[0]); b++) {
        for (int64_t d = -2; d <= 2; d++) {
            int64_t v;
            if (__builtin_add_overflow(bounds[b], d, &v)) continue;
            NEW_LISTPACK(p);
            struct item i = packed_int(v), got;
            listpack_append(&p.pack, &i);
            listpack_get(p.pack.bytes, listpack_first(p.pack.bytes), &got);
            assert_true(item_is_int(&got));
            assert_true(got.integer == v);
            assert_true(listpack_equals(p.pack.bytes, 6, &i));
            assert_int_equal(p.size, LISTPACK_EMPTY_BYTES + listpack_element_bytes(&i));
            assert_valid(&p);
            packed_deinit(&p);
        }
    }
}

/* --- changes --- */

static void test_an_empty_one_has_no_elements(void **state)
{
    (void)state;
    NEW_LISTPACK(p);
    struct item i = packed_text("a");
    assert_int_equal(listpack_count(p.pack.bytes), 0);
    assert_int_equal(listpack_first(p.pack.bytes), LISTPACK_END);
    assert_int_equal(listpack_last(p.pack.bytes), LISTPACK_END);
    assert_int_equal(listpack_seek(p.pack.bytes, 0), LISTPACK_END);
    assert_int_equal(listpack_seek(p.pack.bytes, -1), LISTPACK_END);
    assert_int_equal(listpack_find(p.pack.bytes, listpack_first(p.pack.bytes), &i, 0), LISTPACK_END);
    assert_int_equal(listpack_delete(&p.pack, LISTPACK_END, 3), LISTPACK_END);
    assert_valid(&p);
    packed_deinit(&p);
}

static void test_insert_replace_delete_merge(void **state)
{
    (void)state;
    NEW_LISTPACK(p);
    NEW_LISTPACK(q);
    append_text(&p, "b");
    struct item a = packed_text("a"), seven = packed_text("7"), many[] = {packed_text("x"), packed_text("-5")};
    listpack_prepend(&p.pack, &a);
    uint32_t at = listpack_insert(&p.pack, listpack_seek(p.pack.bytes, 1), &seven);
    assert_element(p.pack.bytes, at, "7");
    listpack_insert_many(&p.pack, at, many, 2);
    listpack_insert_many(&p.pack, LISTPACK_END, many, 2); /* a x -5 7 b x -5 */
    assert_element(p.pack.bytes, listpack_seek(p.pack.bytes, 1), "x");
    assert_element(p.pack.bytes, listpack_seek(p.pack.bytes, -1), "-5");
    struct item longer = packed_text("a rather longer text than there was");
    at = listpack_replace(&p.pack, listpack_seek(p.pack.bytes, 3), &longer);
    assert_element(p.pack.bytes, at, longer.ptr);
    at = listpack_delete(&p.pack, listpack_seek(p.pack.bytes, 1), 3);
    assert_element(p.pack.bytes, at, "b"); /* a b x -5 */
    append_text(&q, "q");
    listpack_merge(&q.pack, p.pack.bytes);
    assert_int_equal(listpack_count(q.pack.bytes), 5);
    assert_element(q.pack.bytes, listpack_seek(q.pack.bytes, 4), "-5");
    assert_int_equal(listpack_delete(&p.pack, listpack_seek(p.pack.bytes, 2), 99), LISTPACK_END);
    assert_int_equal(listpack_count(p.pack.bytes), 2);
    assert_valid(&p);
    assert_valid(&q);
    packed_deinit(&p);
    packed_deinit(&q);
}

static void test_a_replacement_of_the_same_size_moves_nothing(void **state)
{
    (void)state;
    NEW_LISTPACK(p);
    append_text(&p, "abc");
    size_t resizes = p.resizes;
    struct item i = packed_text("xyz");
    listpack_replace(&p.pack, 6, &i);
    assert_int_equal(p.resizes, resizes);
    assert_element(p.pack.bytes, 6, "xyz");
    packed_deinit(&p);
}

static void test_counts_past_65534_are_walked(void **state)
{
    (void)state;
    enum { N = 65533 };
    struct item *items = mem_alloc(N * sizeof(*items));
    for (size_t i = 0; i < N; i++) items[i] = packed_int((int64_t)i);
    NEW_LISTPACK(p);
    listpack_insert_many(&p.pack, LISTPACK_END, items, N);
    append_text(&p, "a");
    assert_int_equal(listpack_count(p.pack.bytes), 65534);
    assert_int_equal(p.pack.bytes[4] | p.pack.bytes[5] << 8, 65534);
    append_text(&p, "b");
    append_text(&p, "c");
    assert_int_equal(listpack_count(p.pack.bytes), 65536);
    assert_int_equal(p.pack.bytes[4] & p.pack.bytes[5], 255);
    assert_element(p.pack.bytes, listpack_seek(p.pack.bytes, 65535), "c");
    assert_element(p.pack.bytes, listpack_seek(p.pack.bytes, -65536), "0");
    assert_int_equal(listpack_seek(p.pack.bytes, 65536), LISTPACK_END);
    assert_int_equal(listpack_seek(p.pack.bytes, -65537), LISTPACK_END);
    assert_int_equal(listpack_seek(p.pack.bytes, INT64_MIN), LISTPACK_END);
    listpack_delete(&p.pack, listpack_first(p.pack.bytes), 65530);
    assert_int_equal(listpack_count(p.pack.bytes), 6);
    assert_valid(&p);
    packed_deinit(&p);
    mem_free(items);
}

static void test_what_fits(void **state)
{
    (void)state;
    uint8_t lp[LISTPACK_EMPTY_BYTES];
    listpack_init(lp);
    assert_true(listpack_fits(lp, LISTPACK_MAX_BYTES - LISTPACK_EMPTY_BYTES));
    assert_false(listpack_fits(lp, LISTPACK_MAX_BYTES - LISTPACK_EMPTY_BYTES + 1));
    assert_false(listpack_fits(lp, SIZE_MAX));
}

/* --- finding --- */

static void test_find_skips_and_starts_anywhere(void **state)
{
    (void)state;
    NEW_LISTPACK(p);
    static const char *const texts[] = {"f1", "v", "f2", "f3", "f3", "f1", "12", "v", "v", "12"};
    for (size_t i = 0; i < 10; i++) append_text(&p, texts[i]);
    struct item f3 = packed_text("f3"), v = packed_text("v"), twelve = packed_text("12"), none = packed_text("f4");
    const uint8_t *lp = p.pack.bytes;
    uint32_t first = listpack_first(lp);
    assert_int_equal(listpack_find(lp, first, &f3, 0), listpack_seek(lp, 3));
    assert_int_equal(listpack_find(lp, first, &f3, 1), listpack_seek(lp, 4));
    assert_int_equal(listpack_find(lp, first, &v, 1), listpack_seek(lp, 8));
    assert_int_equal(listpack_find(lp, first, &v, 0), listpack_seek(lp, 1));
    assert_int_equal(listpack_find(lp, listpack_seek(lp, 2), &v, 0), listpack_seek(lp, 7));
    assert_int_equal(listpack_find(lp, first, &twelve, 1), listpack_seek(lp, 6));
    assert_int_equal(listpack_find(lp, first, &twelve, 2), listpack_seek(lp, 6));
    assert_int_equal(listpack_find(lp, listpack_seek(lp, 1), &twelve, 1), listpack_seek(lp, 9));
    assert_int_equal(listpack_find(lp, first, &none, 0), LISTPACK_END);
    assert_int_equal(listpack_find(lp, first, &f3, 100), LISTPACK_END);
    packed_deinit(&p);
}

/* Texts of every length, alike but for one byte, with values that hold the texts within. */
static void test_find_tells_alike_texts_apart(void **state)
{
    (void)state;
    for (size_t len = 1; len < 150; len++) {
        char text[150], value[170];
        memset(text, 'k', len);
        NEW_LISTPACK(p);
        for (size_t i = 0; i < 20; i++) {
            text[i * (len - 1) / 19] = (char)('A' + i);
            struct item field = item_of(SLICE(text, len));
            memcpy(value, "xx", 2);
            memcpy(value + 2, text, len);
            struct item v = item_of(SLICE(value, len + 2));
            listpack_append(&p.pack, &field);
            listpack_append(&p.pack, i % 2 ? &v : &field);
        }
        memset(text, 'k', len);
        for (uint32_t i = 0; i < 20; i++) {
            text[i * (len - 1) / 19] = (char)('A' + i);
            struct item field = item_of(SLICE(text, len));
            assert_int_equal(listpack_find(p.pack.bytes, 6, &field, 1), listpack_seek(p.pack.bytes, 2 * i));
        }
        text[len - 1] = '-';
        struct item none = item_of(SLICE(text, len));
        assert_int_equal(listpack_find(p.pack.bytes, 6, &none, 1), LISTPACK_END);
        assert_int_equal(listpack_find(p.pack.bytes, 6, &none, 0), LISTPACK_END);
        packed_deinit(&p);
    }
}

/* Other programs may have written longer forms than needed. */
static void test_longer_forms_are_found_by_their_text(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {47,   0, 0,   0,   5, 0,   0x81, '5', 0x02,    /* "5" as a string */
                                    0xf4, 6, 0,   0,   0, 0,   0,    0,   0,    9, /* 6 in 64 bits */
                                    0xf0, 2, 0,   0,   0, 'a', 'b',  7,            /* "ab", 32 bits of length */
                                    0xe0, 2, '-', '7', 4,                          /* "-7" as a string */
                                    0xf0, 8, 0,   0,   0, 'n', 'o',  ' ', 'n',  'u', 'm', 'b', '.', 13, 0xff};
    const char *reason;
    assert_true(listpack_validate(bytes, sizeof(bytes), &reason, NULL, NULL));
    static const char *const texts[] = {"5", "6", "ab", "-7", "no numb."};
    for (uint32_t k = 0; k < 5; k++) {
        struct item i = packed_text(texts[k]), raw = {texts[k], strlen(texts[k]), 0};
        assert_int_equal(listpack_find(bytes, 6, &i, 0), listpack_seek(bytes, k));
        assert_int_equal(listpack_find(bytes, 6, &raw, 0), listpack_seek(bytes, k));
        assert_true(listpack_equals(bytes, listpack_seek(bytes, k), &raw));
    }
}

/* --- against a model --- */

#define MODEL_MAX 300

struct model {
    char *texts[MODEL_MAX];
    size_t lens[MODEL_MAX];
    size_t count;
};

static void model_insert(struct model *m, size_t at, struct slice text)
{
    memmove(m->texts + at + 1, m->texts + at, (m->count - at) * sizeof(m->texts[0]));
    memmove(m->lens + at + 1, m->lens + at, (m->count - at) * sizeof(m->lens[0]));
    m->texts[at] = mem_strndup(text.ptr, text.len);
    m->lens[at] = text.len;
    m->count++;
}

static void model_delete(struct model *m, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i++) mem_free(m->texts[at + i]);
    memmove(m->texts + at, m->texts + at + n, (m->count - at - n) * sizeof(m->texts[0]));
    memmove(m->lens + at, m->lens + at + n, (m->count - at - n) * sizeof(m->lens[0]));
    m->count -= n;
}

static struct slice model_text(const struct model *m, size_t at) { return SLICE(m->texts[at], m->lens[at]); }

static void assert_equals_model(const struct packed *p, const struct model *m)
{
    const uint8_t *lp = p->pack.bytes;
    char scratch[NUM_INT64_CHARS];
    struct item i;
    assert_valid(p);
    assert_int_equal(listpack_count(lp), m->count);
    size_t n = 0;
    for (uint32_t at = listpack_first(lp), next; at != LISTPACK_END; at = next, n++) {
        next = listpack_read(lp, at, &i);
        assert_int_equal(next, listpack_next(lp, at));
        assert_true(slice_eq(item_slice(&i, scratch), model_text(m, n)));
    }
    assert_int_equal(n, m->count);
    for (uint32_t at = listpack_last(lp); at != LISTPACK_END; at = listpack_prev(lp, at)) {
        listpack_get(lp, at, &i);
        assert_true(slice_eq(item_slice(&i, scratch), model_text(m, --n)));
    }
    assert_int_equal(n, 0);
}

/* Some repeat, some are integers, few are long. */
static struct slice random_text(struct rng *r, char *out)
{
    uint64_t kind = rng_below(r, 10);
    if (kind < 4) {
        uint64_t v = rng_next(r) >> rng_below(r, 64);
        return SLICE(out, num_format_int64(out, rng_below(r, 2) ? (int64_t)v : (int64_t)-v));
    }
    size_t len = kind < 8 ? rng_below(r, 4) : rng_below(r, kind == 8 ? 200 : 5000);
    for (size_t i = 0; i < len; i++) out[i] = (char)('a' + rng_below(r, 3));
    return SLICE(out, len);
}

static void random_find(struct rng *r, const struct packed *p, const struct model *m, struct slice text)
{
    struct item i = item_of(text);
    unsigned skip = (unsigned)rng_below(r, 3);
    size_t from = rng_below(r, m->count + 1), found = from;
    while (found < m->count && !slice_eq(model_text(m, found), text)) found += skip + 1;
    uint32_t at = from < m->count ? listpack_seek(p->pack.bytes, (int64_t)from) : LISTPACK_END;
    uint32_t expected = found < m->count ? listpack_seek(p->pack.bytes, (int64_t)found) : LISTPACK_END;
    assert_int_equal(listpack_find(p->pack.bytes, at, &i, skip), expected);
}

static void random_change(struct rng *r, struct packed *p, struct model *m)
{
    static char buffer[5000];
    struct slice text = random_text(r, buffer);
    struct item i = item_of(text);
    size_t place = rng_below(r, m->count + 1);
    uint32_t at = place < m->count ? listpack_seek(p->pack.bytes, (int64_t)place - (int64_t)m->count) : LISTPACK_END;
    switch (rng_below(r, 8)) {
    case 0:
        listpack_prepend(&p->pack, &i);
        model_insert(m, 0, text);
        return;
    case 1:
        listpack_append(&p->pack, &i);
        model_insert(m, m->count, text);
        return;
    case 2:
    case 3: {
        at = listpack_insert(&p->pack, at, &i);
        assert_true(listpack_equals(p->pack.bytes, at, &i));
        model_insert(m, place, text);
        return;
    }
    case 4: {
        struct item items[] = {i, packed_int(77), i};
        listpack_insert_many(&p->pack, at, items, 3);
        model_insert(m, place, text);
        model_insert(m, place, SLICE_LIT("77"));
        model_insert(m, place, text);
        return;
    }
    case 5:
        if (at == LISTPACK_END) return;
        assert_int_equal(listpack_replace(&p->pack, at, &i), at);
        model_delete(m, place, 1);
        model_insert(m, place, text);
        return;
    case 6: {
        size_t n = rng_below(r, 4), most = m->count - place;
        uint32_t next = listpack_delete(&p->pack, at, n);
        n = n < most ? n : most;
        model_delete(m, place, n);
        if (at != LISTPACK_END) assert_int_equal(next, place < m->count ? at : LISTPACK_END);
        return;
    }
    default: random_find(r, p, m, text);
    }
}

static void test_random_changes_against_a_model(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 20250301);
    struct model m = {.count = 0};
    NEW_LISTPACK(p);
    for (size_t step = 0; step < 20000; step++) {
        random_change(&r, &p, &m);
        if (m.count > MODEL_MAX - 4) {
            listpack_delete(&p.pack, listpack_first(p.pack.bytes), 290);
            model_delete(&m, 0, 290);
        }
        if (m.count < 20 || step % 16 == 0) assert_equals_model(&p, &m);
    }
    assert_equals_model(&p, &m);
    model_delete(&m, 0, m.count);
    packed_deinit(&p);
}

/* --- untrusted bytes --- */

static void refuse_bytes(const uint8_t *bytes, size_t len, const char *expected)
{
    struct flush_bytes f;
    flush_bytes_init(&f, len);
    const char *reason = NULL;
    assert_false(listpack_validate(flush_bytes_put(&f, bytes, len), len, &reason, NULL, NULL));
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
    REFUSE("listpack shorter than its header", 6, 0, 0, 0, 0, 0);
    REFUSE("listpack of another length than its header says", 8, 0, 0, 0, 0, 0, 0xff);
    REFUSE("listpack without a terminator", 7, 0, 0, 0, 0, 0, 0xfe);
    REFUSE("listpack of another count of elements than its header says", 7, 0, 0, 0, 1, 0, 0xff);
    REFUSE("listpack of another count of elements than its header says", 9, 0, 0, 0, 2, 0, 1, 1, 0xff);
    REFUSE("listpack element with an unknown encoding", 9, 0, 0, 0, 1, 0, 0xf5, 1, 0xff);
    REFUSE("listpack element with an unknown encoding", 10, 0, 0, 0, 1, 0, 1, 1, 0xff, 0xff);
    REFUSE("listpack element with a wrong back length", 9, 0, 0, 0, 1, 0, 1, 2, 0xff);
    REFUSE("listpack element with a wrong back length", 10, 0, 0, 0, 1, 0, 1, 0, 0x81, 0xff);
    REFUSE("listpack element with a wrong back length", 11, 0, 0, 0, 1, 0, 0xe0, 1, 'a', 4, 0xff);
    REFUSE("listpack element runs past the end", 8, 0, 0, 0, 1, 0, 1, 0xff);
    REFUSE("listpack element runs past the end", 9, 0, 0, 0, 1, 0, 0x82, 'a', 0xff);
    REFUSE("listpack element runs past the end", 8, 0, 0, 0, 1, 0, 0xe0, 0xff);
    REFUSE("listpack element runs past the end", 10, 0, 0, 0, 1, 0, 0xe1, 0, 'a', 0xff);
    REFUSE("listpack element runs past the end", 11, 0, 0, 0, 1, 0, 0xf0, 0xff, 0xff, 0xff, 0xff);
    REFUSE("listpack element runs past the end", 12, 0, 0, 0, 1, 0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff);
    REFUSE("listpack element runs past the end", 15, 0, 0, 0, 1, 0, 0xf4, 0, 0, 0, 0, 0, 0, 0, 0xff);
}

struct seen {
    size_t count;
    size_t stop_at;
};

static bool see(void *ctx, size_t index, const struct item *i, const char **reason)
{
    struct seen *s = ctx;
    assert_int_equal(index, s->count);
    assert_true(item_is_int(i) ? i->integer == (int64_t)index : i->len > 0);
    if (s->count++ != s->stop_at) return true;
    *reason = "enough";
    return false;
}

static void test_validation_shows_the_elements_in_order(void **state)
{
    (void)state;
    NEW_LISTPACK(p);
    append_text(&p, "0");
    append_text(&p, "text");
    append_text(&p, "2");
    const char *reason = NULL;
    struct seen s = {0, 99};
    assert_true(listpack_validate(p.pack.bytes, p.size, &reason, see, &s));
    assert_int_equal(s.count, 3);
    s = (struct seen){0, 1};
    assert_false(listpack_validate(p.pack.bytes, p.size, &reason, see, &s));
    assert_int_equal(s.count, 2);
    assert_string_equal(reason, "enough");
    packed_deinit(&p);
}

static struct packed new_sample(void)
{
    struct packed p = new_listpack();
    p.pack.owner = &p;
    char text[200];
    memset(text, 't', sizeof(text));
    struct item long_text = item_of(SLICE(text, 200));
    static const char *const texts[] = {"", "a", "42", "-1", "300", "-40000", "1000000", "3000000000", "9000000000000"};
    for (size_t i = 0; i < 9; i++) append_text(&p, texts[i]);
    listpack_append(&p.pack, &long_text);
    append_text(&p, "last");
    return p;
}

static void test_every_cut_is_refused(void **state)
{
    (void)state;
    struct packed p = new_sample();
    struct flush_bytes f;
    flush_bytes_init(&f, p.size);
    const char *reason;
    for (size_t len = 0; len < p.size; len++) {
        reason = NULL;
        assert_false(listpack_validate(flush_bytes_put(&f, p.pack.bytes, len), len, &reason, NULL, NULL));
        assert_non_null(reason);
        if (len < LISTPACK_EMPTY_BYTES) continue;
        /* Also when the header knows of the cut. */
        uint8_t *cut = flush_bytes_put(&f, p.pack.bytes, len);
        memcpy(cut, &(uint32_t){(uint32_t)len}, 4);
        assert_false(listpack_validate(cut, len, &reason, NULL, NULL));
        cut[len - 1] = 0xff;
        assert_false(listpack_validate(cut, len, &reason, NULL, NULL));
    }
    assert_true(listpack_validate(flush_bytes_put(&f, p.pack.bytes, p.size), p.size, &reason, NULL, NULL));
    flush_bytes_deinit(&f);
    packed_deinit(&p);
}

/* Reads, both ways, finds, and deletes all of it; sums lengths so that every byte is looked at. */
static size_t use_all(uint8_t *lp)
{
    size_t sum = 0, forwards = 0, backwards = 0, len = listpack_bytes(lp);
    struct item i;
    for (uint32_t at = listpack_first(lp); at != LISTPACK_END; forwards++) {
        uint32_t here = at;
        at = listpack_read(lp, at, &i);
        for (size_t k = 0; !item_is_int(&i) && k < i.len; k++) sum += (unsigned char)i.ptr[k];
        assert_int_not_equal(listpack_find(lp, listpack_first(lp), &i, 0), LISTPACK_END);
        assert_true(listpack_equals(lp, here, &i));
    }
    for (uint32_t at = listpack_last(lp); at != LISTPACK_END; at = listpack_prev(lp, at)) backwards++;
    assert_int_equal(forwards, backwards);
    assert_int_equal(forwards, listpack_count(lp));
    struct packed copy;
    packed_init(&copy, lp, len);
    append_text(&copy, "appended");
    assert_int_equal(listpack_delete(&copy.pack, listpack_first(copy.pack.bytes), forwards + 1), LISTPACK_END);
    assert_valid(&copy);
    packed_deinit(&copy);
    return sum;
}

static void test_every_corrupt_byte_is_refused_or_harmless(void **state)
{
    (void)state;
    struct packed p = new_sample();
    struct flush_bytes f;
    flush_bytes_init(&f, p.size);
    size_t accepted = 0, refused = 0, sum = 0;
    for (size_t at = 0; at < p.size; at++) {
        for (unsigned v = 0; v < 256; v++) {
            uint8_t *bytes = flush_bytes_put(&f, p.pack.bytes, p.size);
            bytes[at] = (uint8_t)v;
            const char *reason = NULL;
            bool ok = listpack_validate(bytes, p.size, &reason, NULL, NULL);
            assert_true(ok || reason != NULL);
            if (ok) sum += use_all(bytes);
            accepted += ok;
            refused += !ok;
        }
    }
    /* All of the long text may change, and no back length. */
    assert_true(accepted > 200 * 256 && refused > 11 * 255 && sum > 0);
    flush_bytes_deinit(&f);
    packed_deinit(&p);
}

/* The search looks at many bytes at once: none of them behind the end. */
static void test_find_reads_nothing_behind_the_end(void **state)
{
    (void)state;
    struct flush_bytes f;
    flush_bytes_init(&f, 4096);
    NEW_LISTPACK(p);
    static const char *const needles[] = {
        "", "a", "ab", "abc", "12", "abcdefghijklmnop", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzz"};
    for (size_t n = 0; p.size < 400; n++) {
        append_text(&p, n % 3 ? "abcd" : "17");
        uint8_t *lp = flush_bytes_put(&f, p.pack.bytes, p.size);
        for (size_t k = 0; k < sizeof(needles) / sizeof(needles[0]); k++) {
            struct item i = packed_text(needles[k]);
            for (uint32_t at = listpack_first(lp); at != LISTPACK_END; at = listpack_next(lp, at))
                assert_int_equal(listpack_find(lp, at, &i, 0), LISTPACK_END);
        }
    }
    flush_bytes_deinit(&f);
    packed_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_are_those_of_redis),
        cmocka_unit_test(test_heads_and_back_lengths_at_their_bounds),
        cmocka_unit_test(test_integers_at_their_bounds),
        cmocka_unit_test(test_an_empty_one_has_no_elements),
        cmocka_unit_test(test_insert_replace_delete_merge),
        cmocka_unit_test(test_a_replacement_of_the_same_size_moves_nothing),
        cmocka_unit_test(test_counts_past_65534_are_walked),
        cmocka_unit_test(test_what_fits),
        cmocka_unit_test(test_find_skips_and_starts_anywhere),
        cmocka_unit_test(test_find_tells_alike_texts_apart),
        cmocka_unit_test(test_longer_forms_are_found_by_their_text),
        cmocka_unit_test(test_random_changes_against_a_model),
        cmocka_unit_test(test_refusals_name_the_reason),
        cmocka_unit_test(test_validation_shows_the_elements_in_order),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_every_corrupt_byte_is_refused_or_harmless),
        cmocka_unit_test(test_find_reads_nothing_behind_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
