/* SPDX-License-Identifier: MIT */
/*
 * What each value becomes, by its encoding and the target version:
 *
 *                     6              7              8   9     10                  11             12
 *   list  listpack    LIST_ZIPLIST   LIST_QUICKLIST           LIST_QUICKLIST_2
 *         quicklist   LIST           LIST_QUICKLIST           LIST_QUICKLIST_2
 *   set   intset      SET_INTSET
 *         listpack    SET                                                         SET_LISTPACK
 *         hashtable   SET
 *   zset  listpack    ZSET_ZIPLIST                            ZSET_LISTPACK
 *         skiplist    ZSET           ZSET           ZSET_2
 *   hash  listpack    HASH_ZIPLIST                            HASH_LISTPACK
 *         hashtable   HASH
 *         a field expires: cannot be written                                                     HASH_LISTPACK_EX, HASH_METADATA
 *
 * An empty cell is as the one to its left. From 10 on packed bytes are written as they stand in memory.
 *
 * A payload is the same bytes as the distribution's server gives, which has two habits of its own: scores in a listpack are written
 * with 17 digits, and an element of a list is alone in a node for its length, but never plain below 1 GiB.
 */
#include "rdb/encode_collections.h"

#include <math.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"
#include "ds/intset.h"
#include "ds/listpack.h"
#include "ds/ziplist.h"
#include "rdb/gather.h"
#include "store/hash.h"
#include "store/list.h"
#include "store/set.h"
#include "store/value.h"
#include "store/zset.h"

#define CONTAINER_PLAIN 1
#define CONTAINER_PACKED 2
#define ZSET_TEXT_INF 254
#define ZSET_TEXT_MINUS_INF 255
#define EVERY_FIELD_MS (-1)
/* A ziplist has 32 bits for its length; lists that are not far below it are written element by element. */
#define QUICKLIST_MAX_BYTES ((size_t)1 << 30)
#define PAYLOAD_PLAIN_BYTES ((size_t)1 << 30)
/* Whole numbers up to this are written as integers by the servers that use 17 digits. */
#define WHOLE_SCORE_MAX 4611686018427387904.0

/* --- the type --- */

static uint8_t list_type(const struct entry *entry, int version)
{
    if (version >= RDB_VERSION_LISTPACKS) return RDB_TYPE_LIST_QUICKLIST_2;
    bool is_packed = entry_is_packed(entry);
    if (version < RDB_VERSION_QUICKLIST) return is_packed ? RDB_TYPE_LIST_ZIPLIST : RDB_TYPE_LIST;
    return is_packed || value_object_bytes(entry, 0) < QUICKLIST_MAX_BYTES ? RDB_TYPE_LIST_QUICKLIST : RDB_TYPE_LIST;
}

static uint8_t set_type(const struct entry *entry, int version)
{
    if (entry_encoding(entry) == ENCODING_INTSET) return RDB_TYPE_SET_INTSET;
    return entry_is_packed(entry) && version >= RDB_VERSION_SET_LISTPACKS ? RDB_TYPE_SET_LISTPACK : RDB_TYPE_SET;
}

static uint8_t zset_type(const struct entry *entry, int version)
{
    if (!entry_is_packed(entry)) return version >= RDB_VERSION_BINARY_SCORES ? RDB_TYPE_ZSET_2 : RDB_TYPE_ZSET;
    return version >= RDB_VERSION_LISTPACKS ? RDB_TYPE_ZSET_LISTPACK : RDB_TYPE_ZSET_ZIPLIST;
}

static uint8_t hash_type(const struct entry *entry, int version)
{
    bool is_packed = entry_is_packed(entry);
    if (hash_has_field_expiry(entry)) return is_packed ? RDB_TYPE_HASH_LISTPACK_EX : RDB_TYPE_HASH_METADATA;
    if (!is_packed) return RDB_TYPE_HASH;
    return version >= RDB_VERSION_LISTPACKS ? RDB_TYPE_HASH_LISTPACK : RDB_TYPE_HASH_ZIPLIST;
}

uint8_t rdb_collection_type(const struct entry *entry, int version)
{
    switch (entry_type(entry)) {
    case VALUE_LIST: return list_type(entry, version);
    case VALUE_SET: return set_type(entry, version);
    case VALUE_ZSET: return zset_type(entry, version);
    case VALUE_HASH: return hash_type(entry, version);
    case VALUE_STRING:
    case VALUE_STREAM: break;
    }
    UNREACHABLE();
}

int rdb_version_needed(const struct entry *entry)
{
    bool expires = entry_type(entry) == VALUE_HASH && hash_has_field_expiry(entry);
    return expires ? RDB_VERSION_FIELD_EXPIRY : RDB_VERSION_WRITE_MIN;
}

/* --- what all use --- */

static inline void put_item(struct rdb_encoder *e, const struct item *i)
{
    if (item_is_int(i))
        rdb_put_int_string(e, i->integer);
    else
        rdb_put_string(e, SLICE(i->ptr, i->len));
}

static void put_listpack(struct rdb_encoder *e, const uint8_t *lp)
{
    rdb_put_string(e, SLICE((const char *)lp, listpack_bytes(lp)));
}

static struct rdb_gather *gather_of(struct rdb_encoder *e)
{
    if (!e->gather) e->gather = mem_calloc(sizeof(*e->gather));
    rdb_gather_clear(e->gather);
    return e->gather;
}

static void put_ziplist(struct rdb_encoder *e, struct ziplist_writer *w)
{
    ziplist_writer_finish(w);
    rdb_put_string(e, SLICE((const char *)w->bytes, w->len));
    ziplist_writer_deinit(w);
}

static void put_listpack_as_ziplist(struct rdb_encoder *e, const uint8_t *lp)
{
    struct ziplist_writer w;
    struct item i;
    ziplist_writer_init(&w);
    for (uint32_t at = listpack_first(lp); at != LISTPACK_END;) {
        at = listpack_read(lp, at, &i);
        ziplist_writer_add(&w, &i);
    }
    put_ziplist(e, &w);
}

static void put_packed(struct rdb_encoder *e, const uint8_t *lp)
{
    if (e->version >= RDB_VERSION_LISTPACKS)
        put_listpack(e, lp);
    else
        put_listpack_as_ziplist(e, lp);
}

/* --- lists --- */

static void put_item_as_listpack(struct rdb_encoder *e, const struct item *i)
{
    struct rdb_gather *g = gather_of(e);
    rdb_gather_add(g, i);
    struct slice lp = rdb_gather_pack(g);
    rdb_put_string(e, lp);
    rdb_gather_clear(g);
}

static void put_item_as_ziplist(struct rdb_encoder *e, const struct item *i)
{
    struct ziplist_writer w;
    ziplist_writer_init(&w);
    ziplist_writer_add(&w, i);
    put_ziplist(e, &w);
}

static void put_plain_node(struct rdb_encoder *e, struct slice bytes)
{
    struct item i = {bytes.len ? bytes.ptr : "", bytes.len, 0};
    if (e->version < RDB_VERSION_LISTPACKS) {
        put_item_as_ziplist(e, &i);
        return;
    }
    bool stays_plain = !e->is_payload || bytes.len >= PAYLOAD_PLAIN_BYTES;
    rdb_put_len(e, stays_plain ? CONTAINER_PLAIN : CONTAINER_PACKED);
    if (stays_plain)
        rdb_put_string(e, bytes);
    else
        put_item_as_listpack(e, &i);
}

static void put_packed_node(struct rdb_encoder *e, const uint8_t *lp)
{
    if (e->version >= RDB_VERSION_LISTPACKS) rdb_put_len(e, CONTAINER_PACKED);
    put_packed(e, lp);
}

static bool put_node(void *ctx, const struct list_node_view *n)
{
    if (n->is_plain)
        put_plain_node(ctx, n->bytes);
    else
        put_packed_node(ctx, (const uint8_t *)n->bytes.ptr);
    return true;
}

static bool count_node(void *ctx, const struct list_node_view *n)
{
    (void)n;
    ++*(size_t *)ctx;
    return true;
}

static void put_elements(struct rdb_encoder *e, const struct entry *entry)
{
    struct list_iter it;
    rdb_put_len(e, list_count(entry));
    list_iter_init(&it, entry, 0, false);
    while (list_iter_next(&it)) put_item(e, &it.item);
    list_iter_deinit(&it);
}

static void put_list(struct rdb_encoder *e, const struct entry *entry)
{
    switch (list_type(entry, e->version)) {
    case RDB_TYPE_LIST: put_elements(e, entry); return;
    case RDB_TYPE_LIST_ZIPLIST: put_listpack_as_ziplist(e, value_packed(entry)); return;
    default: break;
    }
    if (entry_is_packed(entry)) {
        rdb_put_len(e, 1);
        put_packed_node(e, value_packed(entry));
        return;
    }
    size_t nodes = 0;
    list_each_node(entry, count_node, &nodes);
    rdb_put_len(e, nodes);
    list_each_node(entry, put_node, e);
}

/* --- sets --- */

static void put_set(struct rdb_encoder *e, const struct entry *entry)
{
    if (entry_encoding(entry) == ENCODING_INTSET) {
        const uint8_t *is = value_packed(entry);
        rdb_put_string(e, SLICE((const char *)is, intset_bytes(is)));
        return;
    }
    if (entry_is_packed(entry) && e->version >= RDB_VERSION_SET_LISTPACKS) {
        put_listpack(e, value_packed(entry));
        return;
    }
    struct set_iter it;
    rdb_put_len(e, set_count(entry));
    set_iter_init(&it, entry);
    while (set_iter_next(&it)) put_item(e, &it.item);
}

/* --- sorted sets --- */

static void put_text_score(struct rdb_encoder *e, double score)
{
    char text[NUM_DOUBLE_CHARS];
    if (isinf(score)) {
        rdb_put_byte(e, score > 0 ? ZSET_TEXT_INF : ZSET_TEXT_MINUS_INF);
        return;
    }
    unsigned len = num_format_double(text, score);
    rdb_put_byte(e, (uint8_t)len);
    rdb_put_raw(e, SLICE(text, len));
}

static void put_score(struct rdb_encoder *e, double score)
{
    uint64_t bits;
    memcpy(&bits, &score, sizeof(bits));
    if (e->version >= RDB_VERSION_BINARY_SCORES)
        rdb_put_u64(e, bits);
    else
        put_text_score(e, score);
}

/* From the highest down: so servers write it. */
static void put_tree(struct rdb_encoder *e, const struct entry *entry)
{
    struct zset_iter it;
    size_t count = zset_count(entry);
    rdb_put_len(e, count);
    zset_iter_init(&it, entry, count - 1, true);
    while (zset_iter_next(&it)) {
        put_item(e, &it.element.member);
        put_score(e, it.element.score);
    }
}

/* Whether a score is an integer in both ways of writing it. */
static bool is_common_score(const struct item *i)
{
    return item_is_int(i) && fabs((double)i->integer) <= WHOLE_SCORE_MAX;
}

static bool has_common_scores(const uint8_t *lp)
{
    struct item i;
    for (uint32_t at = listpack_first(lp); at != LISTPACK_END;) {
        at = listpack_read(lp, listpack_next(lp, at), &i);
        if (!is_common_score(&i)) return false;
    }
    return true;
}

static struct item payload_score(double score, char text[NUM_DOUBLE_CHARS])
{
    if (fabs(score) <= WHOLE_SCORE_MAX && score == (double)(int64_t)score)
        return (struct item){.integer = (int64_t)score};
    return item_of(SLICE(text, (size_t)snprintf(text, NUM_DOUBLE_CHARS, "%.17g", score)));
}

/* The listpack with its scores written in 17 digits. */
static void put_payload_zset(struct rdb_encoder *e, const struct entry *entry)
{
    struct rdb_gather *g = gather_of(e);
    struct zset_iter it;
    zset_iter_init(&it, entry, 0, false);
    while (zset_iter_next(&it)) {
        char text[NUM_DOUBLE_CHARS];
        struct item score = payload_score(it.element.score, text);
        rdb_gather_keep(g, &it.element.member);
        rdb_gather_keep(g, &score);
    }
    rdb_put_string(e, rdb_gather_kept(g));
}

static void put_zset(struct rdb_encoder *e, const struct entry *entry)
{
    if (!entry_is_packed(entry))
        put_tree(e, entry);
    else if (e->is_payload && !has_common_scores(value_packed(entry)))
        put_payload_zset(e, entry);
    else
        put_packed(e, value_packed(entry));
}

/* --- hashes --- */

/* min_ms: what times are counted from; HASH_NO_EXPIRY: no field has one, and none is written. */
static void put_pairs(struct rdb_encoder *e, const struct entry *entry, int64_t min_ms)
{
    struct hash_iter it;
    rdb_put_len(e, hash_count(entry));
    hash_iter_init(&it, entry, EVERY_FIELD_MS);
    while (hash_iter_next(&it)) {
        int64_t at_ms = it.pair.expire_at_ms;
        if (min_ms != HASH_NO_EXPIRY) rdb_put_len(e, at_ms == HASH_NO_EXPIRY ? 0 : (uint64_t)(at_ms - min_ms) + 1);
        put_item(e, &it.pair.field);
        put_item(e, &it.pair.value);
    }
}

/* A listpack with room for expiries, none of which is left: field and value only. */
static void put_without_expiries(struct rdb_encoder *e, const struct entry *entry)
{
    struct rdb_gather *g = gather_of(e);
    struct hash_iter it;
    hash_iter_init(&it, entry, EVERY_FIELD_MS);
    while (hash_iter_next(&it)) {
        rdb_gather_keep(g, &it.pair.field);
        rdb_gather_keep(g, &it.pair.value);
    }
    put_packed(e, (const uint8_t *)rdb_gather_kept(g).ptr);
}

static void put_hash(struct rdb_encoder *e, const struct entry *entry)
{
    bool expires = hash_has_field_expiry(entry);
    int64_t min_ms = expires ? hash_min_field_expiry(entry) : HASH_NO_EXPIRY;
    ASSERT(!expires || e->version >= RDB_VERSION_FIELD_EXPIRY);
    if (expires) rdb_put_u64(e, (uint64_t)min_ms);
    if (entry_encoding(entry) == ENCODING_LISTPACK_EX && !expires)
        put_without_expiries(e, entry);
    else if (entry_is_packed(entry))
        put_packed(e, value_packed(entry));
    else
        put_pairs(e, entry, min_ms);
}

void rdb_put_collection(struct rdb_encoder *e, const struct entry *entry)
{
    switch (entry_type(entry)) {
    case VALUE_LIST: put_list(e, entry); return;
    case VALUE_SET: put_set(e, entry); return;
    case VALUE_ZSET: put_zset(e, entry); return;
    case VALUE_HASH: put_hash(e, entry); return;
    case VALUE_STRING:
    case VALUE_STREAM: break;
    }
    UNREACHABLE();
}
