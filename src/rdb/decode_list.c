/* SPDX-License-Identifier: MIT */
/*
 * Lists: a row of nodes. A node that is a valid listpack of our own size is taken over; what comes in another form (ziplist, single
 * strings, a node far over list-max-listpack-size) is packed into nodes of that size. An element that does not fit a
 * node stands alone, plain.
 */
#include "rdb/decode_collections.h"

#include "base/mem.h"
#include "ds/listpack.h"
#include "ds/ziplist.h"
#include "rdb/gather.h"
#include "store/list.h"

/* Containers of LIST_QUICKLIST_2. */
#define CONTAINER_PLAIN 1
#define CONTAINER_PACKED 2
/* With a limit of entries, a node is still no longer than this. */
#define ENTRIES_NODE_MAX_BYTES 8192u
/* Nodes up to so many times our own size are taken as they are: a ziplist is a little longer as a listpack. */
#define TAKEN_OVER_TIMES 2

struct list_builder {
    struct rdb_decoder *d;
    struct rdb_gather *g;
    struct value_ref ref;
    uint8_t type;
    size_t max_bytes, max_count; /* of a node */
    size_t slack;                /* times the limits that the node at hand may reach */
    size_t bytes, count;         /* of the elements that are gathered or kept */
    bool is_loose;               /* an integer that is a text: the bytes are not taken over */
    bool is_split;               /* the node at hand was too large */
};

static void set_limits(struct list_builder *b)
{
    int limit = value_limits()->list_max_listpack_size;
    b->max_count = SIZE_MAX / TAKEN_OVER_TIMES;
    b->max_bytes = ENTRIES_NODE_MAX_BYTES;
    if (limit < 0)
        b->max_bytes = (size_t)2048 << (limit < -5 ? 5 : -limit);
    else
        b->max_count = limit > 0 ? (size_t)limit : 1;
}

static void append_node(struct list_builder *b, bool is_plain, struct slice bytes)
{
    struct list_node_view view = {.is_plain = is_plain, .bytes = bytes};
    list_append_node(&b->ref, &view);
}

static void append_plain(struct list_builder *b, const struct item *i) { append_node(b, true, SLICE(i->ptr, i->len)); }

static bool is_too_long(const struct list_builder *b, const struct item *i)
{
    return !item_is_int(i) && i->len > b->max_bytes;
}

/* Whether one more element makes the node too large. */
static bool overflows(const struct list_builder *b, const struct item *i)
{
    if (b->count == 0) return false;
    return b->count >= b->slack * b->max_count || b->bytes + listpack_element_bytes(i) > b->slack * b->max_bytes;
}

static void count_in(struct list_builder *b, const struct item *i)
{
    b->count++;
    b->bytes += listpack_element_bytes(i);
}

static void start_node(struct list_builder *b)
{
    rdb_gather_clear(b->g);
    b->bytes = LISTPACK_EMPTY_BYTES;
    b->count = 0;
}

/* --- nested blobs --- */

static void append_gathered(struct list_builder *b)
{
    if (b->count > 0) append_node(b, false, rdb_gather_pack(b->g));
    start_node(b);
}

/* The callback of listpack_validate and ziplist_read: elements stay where they are. */
static bool add_element(void *ctx, size_t index, const struct item *i, const char **reason)
{
    struct list_builder *b = ctx;
    (void)index;
    (void)reason;
    bool is_long = is_too_long(b, i);
    if (is_long || overflows(b, i)) {
        b->is_split = true;
        append_gathered(b);
    }
    if (is_long) {
        append_plain(b, i);
        return true;
    }
    struct item tight = item_is_int(i) ? *i : item_of(SLICE(i->ptr, i->len));
    if (item_is_int(&tight) != item_is_int(i)) b->is_loose = true;
    count_in(b, &tight);
    rdb_gather_add(b->g, &tight);
    return true;
}

static bool get_node(struct list_builder *b, bool is_ziplist)
{
    struct slice blob;
    const char *reason = "";
    if (!rdb_get_bytes(b->d, &blob, SIZE_MAX)) return false;
    b->is_loose = b->is_split = false;
    b->slack = TAKEN_OVER_TIMES;
    start_node(b);
    const uint8_t *bytes = (const uint8_t *)blob.ptr;
    bool ok = is_ziplist ? ziplist_read(bytes, blob.len, &reason, add_element, b)
                         : listpack_validate(bytes, blob.len, &reason, add_element, b);
    if (!ok) return rdb_fail_value(b->d, b->type, reason);
    if (is_ziplist || b->is_loose || b->is_split)
        append_gathered(b);
    else if (b->count > 0)
        append_node(b, false, blob);
    return true;
}

static bool get_plain_node(struct list_builder *b)
{
    struct slice bytes;
    if (!rdb_get_bytes(b->d, &bytes, SIZE_MAX)) return false;
    if (bytes.len == 0) bytes.ptr = ""; /* a place in any case */
    append_node(b, true, bytes);
    return true;
}

static bool get_contained_node(struct list_builder *b)
{
    uint64_t container;
    if (!rdb_get_len(b->d, &container)) return false;
    if (container == CONTAINER_PLAIN) return get_plain_node(b);
    if (container == CONTAINER_PACKED) return get_node(b, false);
    return rdb_fail_value(b->d, b->type, "a node is neither plain nor packed");
}

/* --- strings --- */

static void append_kept(struct list_builder *b)
{
    if (b->count > 0) append_node(b, false, rdb_gather_kept(b->g));
    start_node(b);
}

static bool get_string(struct list_builder *b)
{
    struct item i;
    if (!rdb_get_item(b->d, &i)) return false;
    bool is_long = is_too_long(b, &i);
    if (is_long || overflows(b, &i)) append_kept(b);
    if (is_long) {
        append_plain(b, &i);
        return true;
    }
    count_in(b, &i);
    rdb_gather_keep(b->g, &i); /* nodes are far below its limit */
    return true;
}

static bool get_strings(struct list_builder *b, uint64_t count)
{
    b->slack = 1;
    start_node(b);
    for (uint64_t i = 0; i < count; i++)
        if (!get_string(b)) return false;
    append_kept(b);
    return true;
}

/* --- the value --- */

static bool get_nodes(struct list_builder *b)
{
    uint64_t count;
    if (b->type == RDB_TYPE_LIST_ZIPLIST) return get_node(b, true);
    if (!rdb_get_count(b->d, b->type, b->type == RDB_TYPE_LIST_QUICKLIST_2 ? 2 : 1, &count)) return false;
    if (b->type == RDB_TYPE_LIST) return get_strings(b, count);
    for (uint64_t i = 0; i < count; i++)
        if (!(b->type == RDB_TYPE_LIST_QUICKLIST ? get_node(b, true) : get_contained_node(b))) return false;
    return true;
}

/* Nodes without elements are passed over, as servers do that once wrote them; a list of nothing else is refused. */
bool rdb_get_list(struct rdb_decoder *d, uint8_t type, struct slice key, int64_t expire_at_ms, struct entry **out)
{
    struct list_builder b = {.d = d, .g = rdb_decoder_gather(d), .type = type};
    b.ref.key.name = key;
    set_limits(&b);
    b.ref.e = value_new_empty(key, VALUE_LIST, expire_at_ms);
    bool ok = get_nodes(&b);
    if (ok && list_count(b.ref.e) == 0) ok = rdb_fail_value(d, type, "it is empty");
    if (ok)
        *out = b.ref.e;
    else
        entry_free(b.ref.e);
    return ok;
}
