/* SPDX-License-Identifier: MIT */
/* What the tests of rdb/ share: keyspaces to fill and compare, bytes made by hand. */
#ifndef TESTS_UNIT_RDB_SUPPORT_H
#define TESTS_UNIT_RDB_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "store/db.h"
#include "store/hash.h"
#include "store/list.h"
#include "store/set.h"
#include "store/value.h"
#include "store/zset.h"

#define NOW_MS INT64_C(1700000000000)
#define TEST_DATABASES 16

static inline void set_text(struct keyspace *ks, unsigned db, struct slice name, struct slice value,
                            int64_t expire_at_ms)
{
    struct key key = key_of(name);
    db_set_string(keyspace_db(ks, db), &key, value, expire_at_ms);
}

static inline struct entry *find_entry(struct keyspace *ks, unsigned db, struct slice name)
{
    struct key key = key_of(name);
    return db_find(keyspace_db(ks, db), &key, 0, DB_FIND_NO_TOUCH | DB_FIND_NO_STATS);
}

static inline bool holds_text(struct keyspace *ks, unsigned db, struct slice name, struct slice value)
{
    char digits[NUM_INT64_CHARS];
    const struct entry *e = find_entry(ks, db, name);
    return e && slice_eq(entry_string(e, digits), value);
}

/* --- values as text: the same exactly when they are --- */

#define EVERY_FIELD_MS (-1) /* a time at which no field has expired */

static inline int compare_lines(const void *a, const void *b)
{
    const struct buf *x = a, *y = b;
    int order = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* One line an element; those without an order are sorted. */
struct lines {
    struct buf *line;
    size_t count, cap;
};

static inline struct buf *new_line(struct lines *l)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        l->line = mem_realloc(l->line, l->cap * sizeof(*l->line));
    }
    l->line[l->count] = BUF_INIT;
    return &l->line[l->count++];
}

static inline void append_item(struct buf *b, const struct item *i)
{
    char digits[NUM_INT64_CHARS];
    buf_append_quoted(b, item_slice(i, digits));
}

static inline void list_lines(struct lines *l, const struct entry *e)
{
    struct list_iter it;
    list_iter_init(&it, e, 0, false);
    while (list_iter_next(&it)) append_item(new_line(l), &it.item);
    list_iter_deinit(&it);
}

static inline void set_lines(struct lines *l, const struct entry *e)
{
    struct set_iter it;
    set_iter_init(&it, e);
    while (set_iter_next(&it)) append_item(new_line(l), &it.item);
}

static inline void hash_lines(struct lines *l, const struct entry *e)
{
    struct hash_iter it;
    hash_iter_init(&it, e, EVERY_FIELD_MS);
    while (hash_iter_next(&it)) {
        struct buf *line = new_line(l);
        append_item(line, &it.pair.field);
        buf_append_char(line, '=');
        append_item(line, &it.pair.value);
        if (it.pair.expire_at_ms != HASH_NO_EXPIRY) buf_printf(line, "@%lld", (long long)it.pair.expire_at_ms);
    }
}

static inline void zset_lines(struct lines *l, const struct entry *e)
{
    struct zset_iter it;
    zset_iter_init(&it, e, 0, false);
    while (zset_iter_next(&it)) {
        struct buf *line = new_line(l);
        append_item(line, &it.element.member);
        buf_printf(line, "=%.17g", it.element.score);
    }
}

/* Type, expiry and contents as text. */
static inline void value_text(const struct entry *e, struct buf *out)
{
    struct lines l = {0};
    char digits[NUM_INT64_CHARS];
    buf_clear(out);
    buf_printf(out, "%s @%lld:", value_type_name(entry_type(e)), (long long)entry_expire_at_ms(e));
    switch (entry_type(e)) {
    case VALUE_STRING: buf_append_quoted(new_line(&l), entry_string(e, digits)); break;
    case VALUE_LIST: list_lines(&l, e); break;
    case VALUE_SET: set_lines(&l, e); break;
    case VALUE_HASH: hash_lines(&l, e); break;
    case VALUE_ZSET: zset_lines(&l, e); break;
    case VALUE_STREAM: break;
    }
    bool is_ordered = entry_type(e) != VALUE_SET && entry_type(e) != VALUE_HASH;
    if (!is_ordered && l.count > 1) qsort(l.line, l.count, sizeof(*l.line), compare_lines);
    assert_int_equal(l.count, value_count(e));
    for (size_t i = 0; i < l.count; i++) {
        buf_append_char(out, ' ');
        buf_append_slice(out, buf_slice(&l.line[i]));
        buf_deinit(&l.line[i]);
    }
    mem_free(l.line);
}

static inline bool same_value(const struct entry *a, const struct entry *b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    value_text(a, &x);
    value_text(b, &y);
    bool same = slice_eq(buf_slice(&x), buf_slice(&y));
    buf_deinit(&x);
    buf_deinit(&y);
    return same;
}

static inline bool same_entry(const struct entry *a, const struct entry *b)
{
    return slice_eq(entry_key(a), entry_key(b)) && same_value(a, b);
}

/* Every key of `a` is in `b` with the same value and expiry. */
static inline bool is_part_of(struct keyspace *a, struct keyspace *b)
{
    for (unsigned i = 0; i < keyspace_db_count(a); i++) {
        struct hashtable_iter it;
        hashtable_iter_init(&it, db_keys(keyspace_db(a, i)));
        for (const struct entry *e; (e = hashtable_iter_next(&it));) {
            const struct entry *other = find_entry(b, i, entry_key(e));
            if (!other || !same_entry(e, other)) return false;
        }
    }
    return true;
}

static inline bool same_keyspace(struct keyspace *a, struct keyspace *b)
{
    for (unsigned i = 0; i < TEST_DATABASES; i++) {
        if (db_count(keyspace_db(a, i)) != db_count(keyspace_db(b, i))) return false;
        if (db_expires_count(keyspace_db(a, i)) != db_expires_count(keyspace_db(b, i))) return false;
    }
    return is_part_of(a, b);
}

/* A string of some kind: digits, repetitive, or random bytes. */
static inline void random_text(struct rng *rng, struct buf *out, size_t max)
{
    size_t len = rng_below(rng, max + 1);
    buf_clear(out);
    switch (rng_below(rng, 4)) {
    case 0: buf_printf(out, "%lld", (long long)(int64_t)(rng_next(rng) >> rng_below(rng, 64))); return;
    case 1: buf_printf(out, "-%llu", (unsigned long long)(rng_next(rng) >> rng_below(rng, 64))); return;
    case 2:
        for (size_t i = 0; i < len; i++)
            buf_append_char(out, (char)("abcdefghijklmnop"[i * i % 7 + rng_below(rng, 2)]));
        return;
    default:
        for (size_t i = 0; i < len; i++) buf_append_char(out, (char)rng_next(rng));
    }
}

static inline struct keyspace *random_keyspace(uint64_t seed, size_t keys)
{
    struct rng rng;
    rng_seed(&rng, seed);
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    struct buf name = BUF_INIT, value = BUF_INIT;
    for (size_t i = 0; i < keys; i++) {
        random_text(&rng, &name, rng_below(&rng, 50) ? 40 : 6000);
        random_text(&rng, &value, rng_below(&rng, 10) ? 300 : 5000);
        int64_t expire_at_ms = rng_below(&rng, 3) ? ENTRY_NO_EXPIRY : NOW_MS + (int64_t)rng_below(&rng, 1000000000);
        unsigned db = rng_below(&rng, 4) ? 0 : (unsigned)rng_below(&rng, TEST_DATABASES);
        set_text(ks, db, buf_slice(&name), buf_slice(&value), expire_at_ms);
    }
    buf_deinit(&name);
    buf_deinit(&value);
    return ks;
}

/* --- bytes made by hand --- */

#define BYTES(literal) SLICE("" literal, sizeof(literal) - 1)

static inline void append_file_header(struct buf *b, int version) { buf_printf(b, "REDIS%04d", version); }

/* --- folders --- */

static inline void make_folder(char *path, size_t size)
{
    const char *base = getenv("TMPDIR");
    snprintf(path, size, "%s/keepsake-rdb-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline void write_file(const char *path, struct slice bytes)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
    assert_int_equal(fclose(f), 0);
}

static inline void read_whole_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    for (size_t n = 1; n > 0;) {
        n = fread(buf_reserve(out, 65536), 1, 65536, f);
        out->len += n;
    }
    fclose(f);
}

#endif
