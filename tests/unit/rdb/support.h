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

static inline bool same_entry(const struct entry *a, const struct entry *b)
{
    char digits_a[NUM_INT64_CHARS], digits_b[NUM_INT64_CHARS];
    return slice_eq(entry_key(a), entry_key(b)) && slice_eq(entry_string(a, digits_a), entry_string(b, digits_b)) &&
           entry_expire_at_ms(a) == entry_expire_at_ms(b);
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
