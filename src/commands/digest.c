/* SPDX-License-Identifier: MIT */
#include "commands/digest.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/num.h"
#include "store/hash.h"
#include "store/list.h"
#include "store/set.h"
#include "store/zset.h"

_Static_assert(VALUE_STRING == 0 && VALUE_LIST == 1 && VALUE_SET == 2 && VALUE_ZSET == 3 && VALUE_HASH == 4,
               "the type goes into the digest by its number");

/* SHA-1 with its algorithm fetched once for a whole walk. */
struct hasher {
    EVP_MD *sha1;
    EVP_MD_CTX *ctx;
};

static struct hasher hasher_init(void)
{
    struct hasher h = {EVP_MD_fetch(NULL, "SHA1", NULL), EVP_MD_CTX_new()};
    ASSERT(h.sha1 != NULL && h.ctx != NULL);
    return h;
}

static void hasher_deinit(struct hasher *h)
{
    EVP_MD_CTX_free(h->ctx);
    EVP_MD_free(h->sha1);
}

static void sha1(const struct hasher *h, const void *bytes, size_t len, uint8_t out[DIGEST_BYTES])
{
    bool ok = EVP_DigestInit_ex(h->ctx, h->sha1, NULL) && EVP_DigestUpdate(h->ctx, bytes, len) &&
              EVP_DigestFinal_ex(h->ctx, out, NULL);
    ASSERT(ok);
}

static void xor_in(const struct hasher *h, struct digest *d, const void *bytes, size_t len)
{
    uint8_t sum[DIGEST_BYTES];
    sha1(h, bytes, len, sum);
    for (unsigned i = 0; i < DIGEST_BYTES; i++) d->bytes[i] ^= sum[i];
}

static void mix_in(const struct hasher *h, struct digest *d, const void *bytes, size_t len)
{
    xor_in(h, d, bytes, len);
    struct digest before = *d;
    sha1(h, before.bytes, DIGEST_BYTES, d->bytes);
}

static void mix_number(const struct hasher *h, struct digest *d, uint32_t n)
{
    uint8_t bytes[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
    mix_in(h, d, bytes, sizeof(bytes));
}

/* --- values --- */

static void mix_item(const struct hasher *h, struct digest *d, const struct item *i)
{
    char scratch[NUM_INT64_CHARS];
    struct slice text = item_slice(i, scratch);
    mix_in(h, d, text.ptr, text.len);
}

static void mix_string(const struct hasher *h, struct digest *d, const struct entry *e)
{
    char scratch[NUM_INT64_CHARS];
    struct slice value = entry_string(e, scratch);
    mix_in(h, d, value.ptr, value.len);
}

static void mix_list(const struct hasher *h, struct digest *d, const struct entry *e)
{
    struct list_iter it;
    list_iter_init(&it, e, 0, false);
    while (list_iter_next(&it)) mix_item(h, d, &it.item);
    list_iter_deinit(&it);
}

static void mix_set(const struct hasher *h, struct digest *d, const struct entry *e)
{
    char scratch[NUM_INT64_CHARS];
    struct set_iter it;
    set_iter_init(&it, e);
    while (set_iter_next(&it)) {
        struct slice text = item_slice(&it.item, scratch);
        xor_in(h, d, text.ptr, text.len);
    }
}

static void mix_zset(const struct hasher *h, struct digest *d, const struct entry *e)
{
    struct zset_iter it;
    zset_iter_init(&it, e, 0, false);
    while (zset_iter_next(&it)) {
        struct digest one = {{0}};
        char score[64];
        int len = snprintf(score, sizeof(score), "%.17g", it.element.score);
        mix_item(h, &one, &it.element.member);
        mix_in(h, &one, score, (size_t)len);
        xor_in(h, d, one.bytes, DIGEST_BYTES);
    }
}

static void mix_hash(const struct hasher *h, struct digest *d, const struct entry *e, int64_t now_ms)
{
    struct hash_iter it;
    hash_iter_init(&it, e, now_ms);
    while (hash_iter_next(&it)) {
        struct digest one = {{0}};
        mix_item(h, &one, &it.pair.field);
        mix_item(h, &one, &it.pair.value);
        if (it.pair.expire_at_ms != HASH_NO_EXPIRY) xor_in(h, &one, "!!hexpire!!", 11);
        xor_in(h, d, one.bytes, DIGEST_BYTES);
    }
}

static void mix_content(const struct hasher *h, struct digest *d, const struct entry *e, int64_t now_ms)
{
    switch (entry_type(e)) {
    case VALUE_STRING: mix_string(h, d, e); return;
    case VALUE_LIST: mix_list(h, d, e); return;
    case VALUE_SET: mix_set(h, d, e); return;
    case VALUE_ZSET: mix_zset(h, d, e); return;
    case VALUE_HASH: mix_hash(h, d, e, now_ms); return;
    case VALUE_STREAM: break;
    }
    UNREACHABLE();
}

static void mix_value(const struct hasher *h, struct digest *d, const struct entry *e, int64_t now_ms)
{
    mix_number(h, d, (uint32_t)entry_type(e));
    mix_content(h, d, e, now_ms);
    if (entry_expire_at_ms(e) != ENTRY_NO_EXPIRY) xor_in(h, d, "!!expire!!", 10);
}

/* --- keyspaces --- */

static void mix_database(const struct hasher *h, struct digest *total, const struct db *db, int64_t now_ms)
{
    bool is_empty = true;
    struct hashtable_iter it;
    hashtable_iter_init(&it, db_keys(db));
    for (struct entry *e; (e = hashtable_iter_next(&it)) != NULL;) {
        if (entry_is_expired(e, now_ms)) continue;
        if (is_empty) mix_number(h, total, db_index(db));
        is_empty = false;
        struct digest d = {{0}};
        struct slice name = entry_key(e);
        mix_in(h, &d, name.ptr, name.len);
        mix_value(h, &d, e, now_ms);
        xor_in(h, total, d.bytes, DIGEST_BYTES);
    }
}

struct digest digest_keyspace(struct keyspace *ks, int64_t now_ms)
{
    struct hasher h = hasher_init();
    struct digest total = {{0}};
    for (unsigned i = 0; i < keyspace_db_count(ks); i++) mix_database(&h, &total, keyspace_db(ks, i), now_ms);
    hasher_deinit(&h);
    return total;
}

struct digest digest_value(const struct entry *e, int64_t now_ms)
{
    struct digest d = {{0}};
    if (e == NULL) return d;
    struct hasher h = hasher_init();
    mix_value(&h, &d, e, now_ms);
    hasher_deinit(&h);
    return d;
}

void digest_hex(const struct digest *d, char out[2 * DIGEST_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = digits[d->bytes[i] >> 4];
        out[2 * i + 1] = digits[d->bytes[i] & 15];
    }
    out[2 * DIGEST_BYTES] = '\0';
}
