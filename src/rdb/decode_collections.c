/* SPDX-License-Identifier: MIT */
/*
 * Every form comes as a row of elements: out of a nested blob (listpack, ziplist, zipmap: one callback serves all three), or as strings of
 * their own. A collector takes them unit by unit (member; field, value; member, score; field, value, expiry):
 *
 *   elements -> unit -> check (score, order, expiry) --+-> gathered, while it is small -> duplicates? -> packed bytes of an entry
 *                                                      |        | over the thresholds
 *                                                      |        v
 *                                                      `-> streamed into the store's large value, which knows duplicates itself
 *
 * A listpack that is small, and whose integers stand as integers, becomes the entry's bytes as it is.
 *
 * Invariants:
 *   1. Nothing is allocated for a count (but the table of a large sorted set, within limits): elements are gathered as they arrive,
 *      and only up to the thresholds.
 *   2. While `is_streaming`, ref.e owns all units so far; else they are in the gather alone.
 */
#include "rdb/decode_collections.h"

#include <inttypes.h>
#include <math.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"
#include "ds/intset.h"
#include "ds/listpack.h"
#include "ds/ziplist.h"
#include "rdb/gather.h"
#include "store/hash.h"
#include "store/set.h"
#include "store/value.h"
#include "store/zset.h"

#define UNIT_MAX 3
/* Thresholds beyond this are treated as this: indexes of the gather are 32 bits. */
#define SMALL_MAX_UNITS ((size_t)1 << 24)
/* A small collection is one listpack, whatever the thresholds say. */
#define SMALL_MAX_BYTES (LISTPACK_MAX_BYTES / 4)
/* The writer's times have 48 bits. */
#define FIELD_EXPIRY_MAX_MS ((INT64_C(1) << 48) - 1)
/* Room is made for so many members before they arrive: a table of some MiB. */
#define EXPECT_MAX_UNITS (SMALL_MAX_UNITS / 16)
#define ZSET_TEXT_NAN 253
#define ZSET_TEXT_INF 254
#define ZSET_TEXT_MINUS_INF 255
#define EVERY_FIELD_MS (-1) /* a time at which no field has expired */

struct collector;

struct kind {
    enum value_type type;
    enum value_encoding packed;
    unsigned unit;                                           /* elements that belong together */
    unsigned value_parts;                                    /* of them, how many the threshold for lengths is about */
    bool (*check)(struct collector *c, const char **reason); /* the unit in part[]; may be NULL */
    bool (*take)(struct collector *c);                       /* into ref; false: it is there already */
    const char *duplicate, *incomplete;
};

struct collector {
    struct rdb_decoder *d;
    struct rdb_gather *g;
    const struct kind *kind;
    struct slice key;
    int64_t expire_at_ms;
    struct value_ref ref;
    struct item part[UNIT_MAX];
    unsigned parts;
    size_t units, bytes;
    size_t max_units, max_value;
    bool is_streaming;
    bool is_loose; /* some text is an integer that is not held as one */
    double score;  /* of the unit in part[]; that of the one before until it is checked */
    struct item last_member;
    int64_t last_expiry;
};

/* --- units --- */

static int compare_texts(const struct item *a, const struct item *b)
{
    char digits_a[NUM_INT64_CHARS], digits_b[NUM_INT64_CHARS];
    struct slice x = item_slice(a, digits_a), y = item_slice(b, digits_b);
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    if (order) return order;
    return (x.len > y.len) - (x.len < y.len);
}

static bool score_of(const struct item *i, double *score)
{
    if (!item_is_int(i)) return num_parse_double(SLICE(i->ptr, i->len), score);
    *score = (double)i->integer;
    return true;
}

static bool check_scored(struct collector *c, const char **reason)
{
    double before = c->score;
    if (!score_of(&c->part[1], &c->score)) {
        *reason = "a score is not a number";
        return false;
    }
    if (c->units > 0 &&
        (c->score < before || (c->score == before && compare_texts(&c->last_member, &c->part[0]) >= 0))) {
        *reason = "members are not in the order of their scores";
        return false;
    }
    c->last_member = c->part[0];
    return true;
}

static bool check_expiring(struct collector *c, const char **reason)
{
    const struct item *at = &c->part[2];
    if (!item_is_int(at) || at->integer < 0 || at->integer > FIELD_EXPIRY_MAX_MS) {
        *reason = "the expiry of a field is out of range";
        return false;
    }
    int64_t expiry = at->integer ? at->integer : INT64_MAX;
    if (c->units > 0 && expiry < c->last_expiry) {
        *reason = "fields are not in the order of their expiries";
        return false;
    }
    c->last_expiry = expiry;
    return true;
}

static bool take_member(struct collector *c)
{
    char digits[NUM_INT64_CHARS];
    return set_add(&c->ref, item_slice(&c->part[0], digits));
}

static bool take_pair(struct collector *c)
{
    char digits[2][NUM_INT64_CHARS];
    return hash_set(&c->ref, item_slice(&c->part[0], digits[0]), item_slice(&c->part[1], digits[1]), EVERY_FIELD_MS);
}

static bool take_scored(struct collector *c)
{
    char digits[NUM_INT64_CHARS];
    double score;
    bool ok = score_of(&c->part[1], &score);
    ASSERT(ok); /* it was checked */
    return zset_set(&c->ref, item_slice(&c->part[0], digits), score);
}

static bool take_expiring(struct collector *c)
{
    char digits[NUM_INT64_CHARS];
    if (!take_pair(c)) return false;
    if (c->part[2].integer)
        hash_set_field_expiry(&c->ref, item_slice(&c->part[0], digits), c->part[2].integer, EVERY_FIELD_MS);
    return true;
}

static const struct kind set_kind = {
    .type = VALUE_SET,
    .packed = ENCODING_LISTPACK,
    .unit = 1,
    .value_parts = 1,
    .take = take_member,
    .duplicate = "a member occurs twice",
    .incomplete = "",
};

static const struct kind hash_kind = {
    .type = VALUE_HASH,
    .packed = ENCODING_LISTPACK,
    .unit = 2,
    .value_parts = 2,
    .take = take_pair,
    .duplicate = "a field occurs twice",
    .incomplete = "a field without a value",
};

static const struct kind expiring_hash_kind = {
    .type = VALUE_HASH,
    .packed = ENCODING_LISTPACK_EX,
    .unit = 3,
    .value_parts = 2,
    .check = check_expiring,
    .take = take_expiring,
    .duplicate = "a field occurs twice",
    .incomplete = "a field without value and expiry",
};

static const struct kind zset_kind = {
    .type = VALUE_ZSET,
    .packed = ENCODING_LISTPACK,
    .unit = 2,
    .value_parts = 1,
    .check = check_scored,
    .take = take_scored,
    .duplicate = "a member occurs twice",
    .incomplete = "a member without a score",
};

/* --- the collector --- */

static void set_limits(struct collector *c)
{
    const struct value_limits *l = value_limits();
    switch (c->kind->type) {
    case VALUE_SET:
        c->max_units = l->set_max_listpack_entries;
        c->max_value = l->set_max_listpack_value;
        break;
    case VALUE_HASH:
        c->max_units = l->hash_max_listpack_entries;
        c->max_value = l->hash_max_listpack_value;
        break;
    case VALUE_ZSET:
        c->max_units = l->zset_max_listpack_entries;
        c->max_value = l->zset_max_listpack_value;
        break;
    case VALUE_STRING:
    case VALUE_LIST:
    case VALUE_STREAM: UNREACHABLE();
    }
    if (c->max_units > SMALL_MAX_UNITS) c->max_units = SMALL_MAX_UNITS;
}

static struct collector collector_of(struct rdb_decoder *d, const struct kind *kind, struct slice key,
                                     int64_t expire_at_ms)
{
    struct collector c = {.d = d, .g = rdb_decoder_gather(d), .kind = kind, .key = key, .expire_at_ms = expire_at_ms};
    c.ref.key.name = key;
    set_limits(&c);
    return c;
}

static void drop(struct collector *c)
{
    if (c->is_streaming && c->ref.e) entry_free(c->ref.e);
    c->ref.e = NULL;
}

static bool take(struct collector *c, const char **reason)
{
    if (c->kind->take(c)) return true;
    *reason = c->kind->duplicate;
    return false;
}

/* From now on into the store's own value; part[] keeps what it holds. */
static bool begin_streaming(struct collector *c, const char **reason)
{
    struct item held[UNIT_MAX];
    memcpy(held, c->part, sizeof(held));
    c->is_streaming = true;
    c->ref.e = value_new_empty(c->key, c->kind->type, c->expire_at_ms);
    for (size_t at = 0; at < c->g->count; at += c->kind->unit) {
        memcpy(c->part, c->g->items + at, c->kind->unit * sizeof(*held));
        if (!take(c, reason)) return false;
    }
    memcpy(c->part, held, sizeof(held));
    return true;
}

static inline bool is_loose_text(const struct item *i)
{
    if (item_is_int(i) || i->len - 1 >= NUM_INT64_CHARS) return false;
    if ((unsigned char)(i->ptr[i->len - 1] - '0') > 9) return false;
    struct item tight = item_of(SLICE(i->ptr, i->len));
    return item_is_int(&tight);
}

static bool is_short(const struct item *i, size_t max)
{
    char digits[NUM_INT64_CHARS];
    if (!item_is_int(i)) return i->len <= max;
    return max >= NUM_INT64_CHARS || num_format_int64(digits, i->integer) <= max;
}

/* Whether the unit in part[] leaves a collection small. */
static bool stays_small(struct collector *c)
{
    if (c->units >= c->max_units) return false;
    for (unsigned k = 0; k < c->kind->value_parts; k++)
        if (!is_short(&c->part[k], c->max_value)) return false;
    for (unsigned k = 0; k < c->kind->unit; k++) {
        c->bytes += listpack_element_bytes(&c->part[k]);
        if (is_loose_text(&c->part[k])) c->is_loose = true;
    }
    return c->bytes <= SMALL_MAX_BYTES;
}

/* The unit in part[] is complete. */
static bool add_unit(struct collector *c, const char **reason)
{
    c->parts = 0;
    if (c->kind->check && !c->kind->check(c, reason)) return false;
    if (!c->is_streaming && !stays_small(c) && !begin_streaming(c, reason)) return false;
    c->units++;
    if (c->is_streaming) return take(c, reason);
    for (unsigned k = 0; k < c->kind->unit; k++) rdb_gather_add(c->g, &c->part[k]);
    return true;
}

/* The callback of listpack_validate, ziplist_read and zipmap_read. */
static bool add_element(void *ctx, size_t index, const struct item *i, const char **reason)
{
    struct collector *c = ctx;
    (void)index;
    c->part[c->parts++] = *i;
    return c->parts < c->kind->unit || add_unit(c, reason);
}

/* All elements came. `packed` (may be NULL): they are a listpack already. */
static bool finish(struct collector *c, const struct slice *packed, struct entry **out, const char **reason)
{
    if (c->parts) {
        *reason = c->kind->incomplete;
        return false;
    }
    if (c->units == 0) {
        *reason = "it is empty";
        return false;
    }
    if (!c->is_streaming && rdb_gather_has_duplicate(c->g, c->kind->unit)) {
        *reason = c->kind->duplicate;
        return false;
    }
    /* Without any expiry it is a hash like others. */
    bool is_plain = c->kind == &expiring_hash_kind && c->g->count > 0 && c->g->items[2].integer == 0;
    if (is_plain && !c->is_streaming && !begin_streaming(c, reason)) return false;
    if (c->is_streaming) {
        *out = c->ref.e;
        return true;
    }
    struct slice bytes = packed && !c->is_loose ? *packed : rdb_gather_pack(c->g);
    *out = value_new_packed(c->key, c->kind->type, c->kind->packed, bytes, c->expire_at_ms);
    return true;
}

/* --- what decode_list.c needs too --- */

struct rdb_gather *rdb_decoder_gather(struct rdb_decoder *d)
{
    if (!d->gather) d->gather = mem_calloc(sizeof(*d->gather));
    rdb_gather_clear(d->gather);
    return d->gather;
}

bool rdb_fail_value(struct rdb_decoder *d, uint8_t type, const char *reason)
{
    return rdb_decoder_fail(d, "%s: %s", rdb_type_name(type), reason);
}

bool rdb_get_count(struct rdb_decoder *d, uint8_t type, unsigned min_bytes, uint64_t *count)
{
    if (!rdb_get_len(d, count)) return false;
    if (*count == 0) return rdb_fail_value(d, type, "it is empty");
    if (*count <= rdb_decoder_left(d) / min_bytes) return true;
    return rdb_decoder_fail(d, "%s: %" PRIu64 " elements cannot stand in the %" PRIu64 " bytes that are left",
                            rdb_type_name(type), *count, rdb_decoder_left(d));
}

/* --- nested blobs --- */

enum blob_form { BLOB_LISTPACK, BLOB_ZIPLIST, BLOB_ZIPMAP };

static bool read_blob(struct collector *c, enum blob_form form, struct slice blob, const char **reason)
{
    const uint8_t *bytes = (const uint8_t *)blob.ptr;
    switch (form) {
    case BLOB_LISTPACK: return listpack_validate(bytes, blob.len, reason, add_element, c);
    case BLOB_ZIPLIST: return ziplist_read(bytes, blob.len, reason, add_element, c);
    case BLOB_ZIPMAP: return zipmap_read(bytes, blob.len, reason, add_element, c);
    }
    UNREACHABLE();
}

static bool get_blob_value(struct collector *c, uint8_t type, enum blob_form form, struct entry **out)
{
    struct slice blob;
    const char *reason = "";
    if (!rdb_get_bytes(c->d, &blob, SIZE_MAX)) return false;
    bool ok = read_blob(c, form, blob, &reason) && finish(c, form == BLOB_LISTPACK ? &blob : NULL, out, &reason);
    if (ok) return true;
    drop(c);
    return rdb_fail_value(c->d, type, reason);
}

/* --- sets of strings, intsets --- */

static struct collector set_collector(struct rdb_decoder *d, struct slice key, int64_t expire_at_ms)
{
    return collector_of(d, &set_kind, key, expire_at_ms);
}

static bool get_intset(struct rdb_decoder *d, struct slice key, int64_t expire_at_ms, struct entry **out)
{
    struct slice blob;
    const char *reason = "";
    if (!rdb_get_bytes(d, &blob, SIZE_MAX)) return false;
    const uint8_t *is = (const uint8_t *)blob.ptr;
    if (!intset_validate(is, blob.len, &reason)) return rdb_fail_value(d, RDB_TYPE_SET_INTSET, reason);
    size_t count = intset_count(is);
    if (count == 0) return rdb_fail_value(d, RDB_TYPE_SET_INTSET, "it is empty");
    if (count <= value_limits()->set_max_intset_entries) {
        *out = value_new_packed(key, VALUE_SET, ENCODING_INTSET, blob, expire_at_ms);
        return true;
    }
    struct collector c = set_collector(d, key, expire_at_ms);
    if (!begin_streaming(&c, &reason)) UNREACHABLE();
    for (size_t i = 0; i < count; i++) {
        c.part[0] = (struct item){.integer = intset_get(is, i)};
        bool is_new = take_member(&c);
        ASSERT(is_new); /* they are in order */
    }
    *out = c.ref.e;
    return true;
}

/* The kept members as a packed set, or as whatever the store makes of them. */
static bool finish_small_set(struct collector *c, struct entry **out, const char **reason)
{
    struct slice bytes;
    rdb_gather_unpack(c->g);
    if (rdb_gather_has_duplicate(c->g, 1)) {
        *reason = c->kind->duplicate;
        return false;
    }
    bool few_ints = c->g->count <= value_limits()->set_max_intset_entries;
    if (few_ints && rdb_gather_pack_ints(c->g, &bytes)) {
        *out = value_new_packed(c->key, VALUE_SET, ENCODING_INTSET, bytes, c->expire_at_ms);
        return true;
    }
    if (c->g->count > c->max_units) {
        if (!begin_streaming(c, reason)) UNREACHABLE();
        *out = c->ref.e;
        return true;
    }
    *out = value_new_packed(c->key, VALUE_SET, ENCODING_LISTPACK, rdb_gather_kept(c->g), c->expire_at_ms);
    return true;
}

/* A member into the listpack of the gather, or where all go once that is too much. */
static bool add_member(struct collector *c, const char **reason)
{
    if (!c->is_streaming) {
        if (is_short(&c->part[0], c->max_value) && rdb_gather_keep(c->g, &c->part[0])) return true;
        rdb_gather_unpack(c->g);
        if (!begin_streaming(c, reason)) return false;
    }
    return take(c, reason);
}

static bool get_set(struct rdb_decoder *d, struct slice key, int64_t expire_at_ms, struct entry **out)
{
    uint64_t count;
    const char *reason = "";
    if (!rdb_get_count(d, RDB_TYPE_SET, 1, &count)) return false;
    struct collector c = set_collector(d, key, expire_at_ms);
    const struct value_limits *l = value_limits();
    size_t few = l->set_max_intset_entries > c.max_units ? l->set_max_intset_entries : c.max_units;
    if (count > few && !begin_streaming(&c, &reason)) UNREACHABLE();
    for (uint64_t i = 0; i < count; i++) {
        if (!rdb_get_item(d, &c.part[0])) break;
        if (!add_member(&c, &reason)) {
            rdb_fail_value(d, RDB_TYPE_SET, reason);
            break;
        }
    }
    if (d->reason) {
        drop(&c);
        return false;
    }
    if (!c.is_streaming) return finish_small_set(&c, out, &reason) || rdb_fail_value(d, RDB_TYPE_SET, reason);
    *out = c.ref.e;
    return true;
}

/* --- hashes and sorted sets of strings --- */

/* An item that outlives the next read. */
static bool get_kept_item(struct rdb_decoder *d, struct buf *copy, struct item *out)
{
    if (!rdb_get_item(d, out)) return false;
    if (item_is_int(out)) return true;
    buf_clear(copy);
    buf_reserve(copy, out->len + 1); /* an empty text has an address too */
    buf_append(copy, out->ptr, out->len);
    out->ptr = copy->data;
    return true;
}

static bool get_text_score(struct rdb_decoder *d, double *score)
{
    uint8_t len;
    if (!rdb_get_byte(d, &len)) return false;
    if (len == ZSET_TEXT_INF || len == ZSET_TEXT_MINUS_INF) {
        *score = len == ZSET_TEXT_INF ? (double)INFINITY : -(double)INFINITY;
        return true;
    }
    struct slice text;
    if (len == ZSET_TEXT_NAN) return rdb_fail_value(d, RDB_TYPE_ZSET, "a score is not a number");
    if (!rdb_get_raw(d, &text, len)) return false;
    return num_parse_double(text, score) || rdb_fail_value(d, RDB_TYPE_ZSET, "a score is not a number");
}

static bool get_binary_score(struct rdb_decoder *d, double *score)
{
    uint64_t bits;
    if (!rdb_get_u64(d, &bits)) return false;
    memcpy(score, &bits, sizeof(bits));
    return !isnan(*score) || rdb_fail_value(d, RDB_TYPE_ZSET_2, "a score is not a number");
}

static bool get_scored_member(struct collector *c, uint8_t type, struct buf *copy)
{
    char digits[NUM_INT64_CHARS];
    double score;
    if (!get_kept_item(c->d, copy, &c->part[0])) return false;
    uint64_t offset = c->d->item_offset;
    if (!(type == RDB_TYPE_ZSET ? get_text_score(c->d, &score) : get_binary_score(c->d, &score))) return false;
    if (zset_set(&c->ref, item_slice(&c->part[0], digits), score)) return true;
    c->d->item_offset = offset;
    return rdb_fail_value(c->d, type, c->kind->duplicate);
}

static bool get_pair(struct collector *c, uint8_t type, struct buf *copy)
{
    if (!get_kept_item(c->d, copy, &c->part[0])) return false;
    uint64_t offset = c->d->item_offset;
    if (!rdb_get_item(c->d, &c->part[1])) return false;
    if (c->kind->take(c)) return true;
    c->d->item_offset = offset;
    return rdb_fail_value(c->d, type, c->kind->duplicate);
}

/* `base_ms` is what the times are counted from. */
static bool get_expiring_pair(struct collector *c, uint8_t type, int64_t base_ms, struct buf *copy)
{
    uint64_t ttl;
    if (!rdb_get_len(c->d, &ttl)) return false;
    if (ttl > (uint64_t)(FIELD_EXPIRY_MAX_MS - base_ms))
        return rdb_fail_value(c->d, type, "the expiry of a field is out of range");
    c->part[2] = (struct item){.integer = ttl ? (int64_t)ttl + base_ms : 0};
    return get_pair(c, type, copy);
}

/* Element by element into the store, which picks the encoding. */
static bool get_elements(struct collector *c, uint8_t type, uint64_t count, int64_t base_ms)
{
    struct buf copy = BUF_INIT;
    const char *reason;
    bool ok = begin_streaming(c, &reason);
    if (c->kind == &zset_kind)
        zset_expect(&c->ref, count < EXPECT_MAX_UNITS ? (size_t)count : EXPECT_MAX_UNITS, SIZE_MAX);
    for (uint64_t i = 0; ok && i < count; i++) {
        if (c->kind == &zset_kind)
            ok = get_scored_member(c, type, &copy);
        else if (c->kind == &expiring_hash_kind)
            ok = get_expiring_pair(c, type, base_ms, &copy);
        else
            ok = get_pair(c, type, &copy);
    }
    buf_deinit(&copy);
    if (!ok) drop(c);
    return ok;
}

/* A tree that came to hold few and short members goes to the packed form. Only then: that knows no score of -0. */
static void pack_small_zset(struct collector *c)
{
    struct entry *large = c->ref.e;
    struct zset_iter it;
    char digits[NUM_INT64_CHARS];
    if (zset_count(large) > c->max_units) return;
    zset_iter_init(&it, large, 0, false);
    while (zset_iter_next(&it))
        if (!is_short(&it.element.member, c->max_value)) return;
    c->ref.e = value_new_empty(c->key, VALUE_ZSET, c->expire_at_ms);
    zset_iter_init(&it, large, 0, false);
    while (zset_iter_next(&it)) zset_set(&c->ref, item_slice(&it.element.member, digits), it.element.score);
    entry_free(large);
}

static bool get_element_value(struct collector *c, uint8_t type, int64_t base_ms, struct entry **out)
{
    uint64_t count;
    unsigned min_bytes = type == RDB_TYPE_ZSET_2 ? 1 + sizeof(double) : c->kind->unit;
    if (!rdb_get_count(c->d, type, min_bytes, &count)) return false;
    if (!get_elements(c, type, count, base_ms)) return false;
    if (c->kind == &zset_kind) pack_small_zset(c);
    *out = c->ref.e;
    return true;
}

/* --- hashes whose fields expire --- */

static bool get_min_expiry(struct rdb_decoder *d, uint8_t type, int64_t *ms)
{
    uint64_t v;
    if (!rdb_get_u64(d, &v)) return false;
    *ms = (int64_t)v;
    return v <= (uint64_t)FIELD_EXPIRY_MAX_MS || rdb_fail_value(d, type, "the first expiry is out of range");
}

static bool get_expiring_hash(struct collector *c, uint8_t type, struct entry **out)
{
    int64_t min_ms = 1;
    if (type >= RDB_TYPE_HASH_METADATA && !get_min_expiry(c->d, type, &min_ms)) return false;
    if (type == RDB_TYPE_HASH_LISTPACK_EX || type == RDB_TYPE_HASH_LISTPACK_EX_RC)
        return get_blob_value(c, type, BLOB_LISTPACK, out);
    return get_element_value(c, type, min_ms - 1, out);
}

/* --- by type --- */

static const struct kind *kind_of(uint8_t type)
{
    switch (type) {
    case RDB_TYPE_SET_LISTPACK: return &set_kind;
    case RDB_TYPE_ZSET:
    case RDB_TYPE_ZSET_2:
    case RDB_TYPE_ZSET_ZIPLIST:
    case RDB_TYPE_ZSET_LISTPACK: return &zset_kind;
    case RDB_TYPE_HASH:
    case RDB_TYPE_HASH_ZIPMAP:
    case RDB_TYPE_HASH_ZIPLIST:
    case RDB_TYPE_HASH_LISTPACK: return &hash_kind;
    case RDB_TYPE_HASH_METADATA_RC:
    case RDB_TYPE_HASH_LISTPACK_EX_RC:
    case RDB_TYPE_HASH_METADATA:
    case RDB_TYPE_HASH_LISTPACK_EX: return &expiring_hash_kind;
    default: return NULL;
    }
}

static bool is_list(uint8_t type)
{
    return type == RDB_TYPE_LIST || type == RDB_TYPE_LIST_ZIPLIST || type == RDB_TYPE_LIST_QUICKLIST ||
           type == RDB_TYPE_LIST_QUICKLIST_2;
}

bool rdb_is_collection(uint8_t type)
{
    return is_list(type) || type == RDB_TYPE_SET || type == RDB_TYPE_SET_INTSET || kind_of(type) != NULL;
}

bool rdb_get_collection(struct rdb_decoder *d, uint8_t type, struct slice key, int64_t expire_at_ms, struct entry **out)
{
    if (is_list(type)) return rdb_get_list(d, type, key, expire_at_ms, out);
    if (type == RDB_TYPE_SET) return get_set(d, key, expire_at_ms, out);
    if (type == RDB_TYPE_SET_INTSET) return get_intset(d, key, expire_at_ms, out);
    struct collector c = collector_of(d, kind_of(type), key, expire_at_ms);
    switch (type) {
    case RDB_TYPE_HASH_ZIPMAP: return get_blob_value(&c, type, BLOB_ZIPMAP, out);
    case RDB_TYPE_HASH_ZIPLIST:
    case RDB_TYPE_ZSET_ZIPLIST: return get_blob_value(&c, type, BLOB_ZIPLIST, out);
    case RDB_TYPE_SET_LISTPACK:
    case RDB_TYPE_HASH_LISTPACK:
    case RDB_TYPE_ZSET_LISTPACK: return get_blob_value(&c, type, BLOB_LISTPACK, out);
    case RDB_TYPE_HASH:
    case RDB_TYPE_ZSET:
    case RDB_TYPE_ZSET_2: return get_element_value(&c, type, 0, out);
    default: return get_expiring_hash(&c, type, out);
    }
}
