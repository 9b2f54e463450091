/* SPDX-License-Identifier: MIT */
/*
 * Any bytes into the RDB decoder. The first byte says how:
 *   'M'  a file in memory, checksum not verified, into a keyspace
 *   'S'  strings one after the other, through a source that gives a few bytes at a time, and in memory
 *   'C'  a file in memory, checksum verified
 *   'D'  a DUMP payload as it is
 *   else a DUMP payload's type and value: version and checksum are put behind it, so that they are looked at
 * What loads is saved in every version that can hold it and loaded again, and must be the same then.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "base/mem.h"
#include "base/num.h"
#include "rdb/decode.h"
#include "rdb/dump.h"
#include "rdb/encode.h"
#include "rdb/load.h"
#include "store/hash.h"
#include "store/list.h"
#include "store/set.h"
#include "store/value.h"
#include "store/zset.h"

#define NOW_MS INT64_C(1700000000000)
#define DATABASES 4

static struct keyspace *load(struct slice file, bool checksum)
{
    struct rdb_load_options options = {.now_ms = NOW_MS, .checksum = checksum, .access_clock = 1000};
    struct rdb_load_result result;
    struct rdb_error error = {.text = ""};
    struct keyspace *ks = keyspace_new(DATABASES);
    if (rdb_load_memory(file, "fuzz", ks, &options, &result, &error) == RDB_LOAD_OK) {
        ASSERT(result.keys_loaded == keyspace_key_count(ks));
        return ks;
    }
    ASSERT(error.text[0] && error.reason[0] && error.offset <= file.len && error.record_offset <= file.len);
    keyspace_free(ks);
    return NULL;
}

/* --- values are the same --- */

#define EVERY_FIELD_MS (-1)

static bool same_text(const struct item *a, const struct item *b)
{
    char digits_a[NUM_INT64_CHARS], digits_b[NUM_INT64_CHARS];
    return slice_eq(item_slice(a, digits_a), item_slice(b, digits_b));
}

static void check_same_list(const struct entry *a, const struct entry *b)
{
    struct list_iter x, y;
    list_iter_init(&x, a, 0, false);
    list_iter_init(&y, b, 0, false);
    while (list_iter_next(&x)) ASSERT(list_iter_next(&y) && same_text(&x.item, &y.item));
    ASSERT(!list_iter_next(&y));
    list_iter_deinit(&x);
    list_iter_deinit(&y);
}

static void check_same_set(const struct entry *a, const struct entry *b)
{
    struct set_iter x;
    char digits[NUM_INT64_CHARS];
    set_iter_init(&x, a);
    while (set_iter_next(&x)) ASSERT(set_has(b, item_slice(&x.item, digits)));
}

static void check_same_hash(const struct entry *a, const struct entry *b)
{
    struct hash_iter x;
    hash_iter_init(&x, a, EVERY_FIELD_MS);
    while (hash_iter_next(&x)) {
        char digits[NUM_INT64_CHARS];
        struct slice field = item_slice(&x.pair.field, digits);
        struct item value;
        int64_t expire_at_ms;
        ASSERT(hash_get(b, field, EVERY_FIELD_MS, &value) && same_text(&x.pair.value, &value));
        ASSERT(hash_get_field_expiry(b, field, EVERY_FIELD_MS, &expire_at_ms));
        ASSERT(expire_at_ms == x.pair.expire_at_ms);
    }
}

static void check_same_zset(const struct entry *a, const struct entry *b)
{
    struct zset_iter x, y;
    zset_iter_init(&x, a, 0, false);
    zset_iter_init(&y, b, 0, false);
    while (zset_iter_next(&x)) {
        ASSERT(zset_iter_next(&y) && same_text(&x.element.member, &y.element.member));
        ASSERT(x.element.score == y.element.score);
    }
}

static void check_same_value(const struct entry *a, const struct entry *b)
{
    char digits_a[NUM_INT64_CHARS], digits_b[NUM_INT64_CHARS];
    ASSERT(entry_is_valid(a) && entry_is_valid(b));
    ASSERT(entry_type(a) == entry_type(b) && entry_expire_at_ms(a) == entry_expire_at_ms(b));
    ASSERT(value_count(a) == value_count(b) && value_count(a) > 0);
    switch (entry_type(a)) {
    case VALUE_STRING: ASSERT(slice_eq(entry_string(a, digits_a), entry_string(b, digits_b))); return;
    case VALUE_LIST: check_same_list(a, b); return;
    case VALUE_SET: check_same_set(a, b); return;
    case VALUE_HASH: check_same_hash(a, b); return;
    case VALUE_ZSET: check_same_zset(a, b); return;
    case VALUE_STREAM: break;
    }
    UNREACHABLE();
}

/* --- files --- */

static int version_needed(struct keyspace *ks)
{
    for (unsigned i = 0; i < DATABASES; i++)
        if (db_field_expiry_count(keyspace_db(ks, i))) return RDB_VERSION_FIELD_EXPIRY;
    return RDB_VERSION_WRITE_MIN;
}

static void encode_again(struct keyspace *ks, int version, struct buf *out)
{
    struct rdb_encoder e;
    rdb_encoder_init_memory(&e, out);
    e.version = version;
    rdb_put_header(&e);
    for (unsigned i = 0; i < DATABASES; i++) {
        struct hashtable_iter it;
        rdb_put_select_db(&e, i);
        hashtable_iter_init(&it, db_keys(keyspace_db(ks, i)));
        for (const struct entry *entry; (entry = hashtable_iter_next(&it));) {
            ASSERT(rdb_version_needed(entry) <= version);
            rdb_put_entry(&e, entry, NULL);
        }
    }
    rdb_put_eof(&e);
    rdb_encoder_deinit(&e);
}

static void check_same(struct keyspace *a, struct keyspace *b)
{
    ASSERT(keyspace_key_count(a) == keyspace_key_count(b));
    for (unsigned i = 0; i < DATABASES; i++) {
        struct hashtable_iter it;
        hashtable_iter_init(&it, db_keys(keyspace_db(a, i)));
        for (const struct entry *e; (e = hashtable_iter_next(&it));) {
            struct key key = key_of(entry_key(e));
            const struct entry *other = db_find(keyspace_db(b, i), &key, 0, DB_FIND_NO_TOUCH | DB_FIND_NO_STATS);
            ASSERT(other != NULL);
            check_same_value(e, other);
        }
    }
}

static void load_and_again(struct slice file, bool checksum)
{
    struct keyspace *ks = load(file, checksum);
    if (!ks) return;
    for (int version = version_needed(ks); version <= RDB_VERSION_MAX; version++) {
        struct buf again = BUF_INIT;
        encode_again(ks, version, &again);
        struct keyspace *back = load(buf_slice(&again), true);
        ASSERT(back != NULL);
        check_same(ks, back);
        keyspace_free(back);
        buf_deinit(&again);
    }
    keyspace_free(ks);
}

struct pieces {
    struct slice left;
    size_t step;
};

static long next_piece(void *ctx, char *bytes, size_t len)
{
    struct pieces *p = ctx;
    p->step = p->step % 7 + 1;
    size_t n = p->step < p->left.len ? p->step : p->left.len;
    if (n > len) n = len;
    if (n) memcpy(bytes, p->left.ptr, n);
    p->left = SLICE(p->left.ptr + n, p->left.len - n);
    return (long)n;
}

/* Strings one after the other: in pieces and in memory they must be the same. */
static void read_in_pieces(struct slice file)
{
    struct pieces pieces = {.left = file};
    struct rdb_decoder a, b;
    rdb_decoder_init_source(&a, next_piece, &pieces, file.len);
    rdb_decoder_init_memory(&b, file);
    for (bool more = true; more;) {
        struct slice from_pieces, from_memory;
        more = rdb_get_bytes(&a, &from_pieces, SIZE_MAX);
        ASSERT(more == rdb_get_bytes(&b, &from_memory, SIZE_MAX));
        if (more) ASSERT(slice_eq(from_pieces, from_memory));
    }
    ASSERT(strcmp(a.reason, b.reason) == 0 && a.error_offset == b.error_offset);
    rdb_decoder_deinit(&a);
    rdb_decoder_deinit(&b);
}

static void restore(struct slice payload)
{
    struct entry *e = NULL, *back = NULL;
    struct rdb_error error = {.text = ""};
    if (rdb_restore(payload, SLICE_LIT("key"), ENTRY_NO_EXPIRY, &e, &error) != RDB_RESTORE_OK) {
        ASSERT(!e && error.text[0]);
        return;
    }
    struct buf again = BUF_INIT;
    rdb_dump(e, true, &again);
    ASSERT(rdb_restore(buf_slice(&again), SLICE_LIT("key"), ENTRY_NO_EXPIRY, &back, NULL) == RDB_RESTORE_OK);
    check_same_value(e, back);
    entry_free(e);
    entry_free(back);
    buf_deinit(&again);
}

static void restore_sealed(struct slice value)
{
    struct buf payload = BUF_INIT;
    buf_append_slice(&payload, value);
    buf_append(&payload, "\x0c\x00", 2);
    uint64_t crc = crc64(0, payload.data, payload.len);
    buf_append(&payload, &crc, sizeof crc);
    restore(buf_slice(&payload));
    buf_deinit(&payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct slice rest = SLICE((const char *)data + 1, size - 1);
    switch (data[0]) {
    case 'M': load_and_again(rest, false); break;
    case 'C': load_and_again(rest, true); break;
    case 'S': read_in_pieces(rest); break;
    case 'D': restore(rest); break;
    default: restore_sealed(SLICE((const char *)data, size));
    }
    return 0;
}
