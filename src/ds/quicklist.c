/* SPDX-License-Identifier: MIT */
/*
 *   quicklist          node                      node
 *   +------------+    +-----------------+       +--------+
 *   | head       | -> | prev, next      | <---> | ...    | <- tail
 *   | tail       |    | bytes ----------+-> listpack, element, or LZF of either
 *   | count      |    | size, stored    |
 *   | node_count |    | count, flags    |
 *   +------------+    +-----------------+
 *
 * Invariants:
 *   1. No node is empty; count is the sum of the nodes' counts, a plain node counts 1.
 *   2. `size` is the length of the listpack or element; `stored` is what is allocated: room to grow, or the length of the LZF form.
 *   3. Only nodes deeper than compress_depth from both ends are in LZF form. Changes unpack a node first and pack it when they are done.
 *   4. A node that grows stays within max_size; nodes appended as they are may be larger.
 *
 * The node stands apart from its bytes, so that a full node of 8 KiB takes a size class of 8 KiB.
 */
#include "ds/quicklist.h"

#include "base/assert.h"
#include "base/lzf.h"
#include "base/mem.h"
#include "ds/listpack.h"

#define SAFE_BYTES 8192                      /* of a node whose limit is a number of elements */
#define ELEMENT_OVERHEAD 8                   /* about what a listpack adds to an element's bytes */
#define COMPRESS_MIN_BYTES 48                /* shorter ones are not worth it */
#define COMPRESS_GAIN_BYTES 8                /* nor is less than this */
#define COMPRESS_MAX_BYTES ((size_t)1 << 20) /* longer ones would hold up the loop */

struct quicklist_node {
    struct quicklist_node *prev, *next;
    uint8_t *bytes;
    uint64_t size : 62;
    uint64_t is_plain : 1;
    uint64_t is_packed : 1; /* LZF */
    uint64_t stored;
    uint64_t count;
};
_Static_assert(sizeof(struct quicklist_node) == 48, "a size class");

struct quicklist {
    struct quicklist_node *head, *tail;
    size_t count, node_count;
    int max_size;
    int compress_depth;
};

/* --- limits --- */

static void limits_of(int max_size, size_t *bytes, size_t *count)
{
    *bytes = *count = SIZE_MAX;
    if (max_size >= 0)
        *count = max_size == 0 ? 1 : (size_t)max_size;
    else
        *bytes = (size_t)4096 << (max_size < -5 ? 4 : -1 - max_size);
}

bool quicklist_exceeds(int max_size, size_t bytes, size_t count)
{
    size_t max_bytes, max_count;
    limits_of(max_size, &max_bytes, &max_count);
    if (max_bytes != SIZE_MAX) return bytes > max_bytes;
    return bytes > SAFE_BYTES || count > max_count;
}

bool quicklist_is_far_below(int max_size, size_t bytes, size_t count)
{
    size_t max_bytes, max_count;
    limits_of(max_size, &max_bytes, &max_count);
    return bytes <= max_bytes / 2 && count <= max_count / 2;
}

bool quicklist_is_large(int max_size, size_t bytes)
{
    size_t max_bytes, max_count;
    limits_of(max_size, &max_bytes, &max_count);
    return bytes > (max_bytes != SIZE_MAX ? max_bytes : SAFE_BYTES);
}

static bool has_room(const struct quicklist *q, const struct quicklist_node *n, size_t element_bytes)
{
    return n != NULL && !n->is_plain && !quicklist_is_large(q->max_size, element_bytes) &&
           !quicklist_exceeds(q->max_size, n->size + element_bytes + ELEMENT_OVERHEAD, n->count + 1);
}

/* --- bytes of a node --- */

static void give_bytes(struct quicklist_node *n, const void *bytes, size_t len, size_t room)
{
    n->bytes = mem_alloc(room);
    memcpy(n->bytes, bytes, len);
    n->size = len;
    n->stored = room;
}

/* A node of a long list grows to its limit: each growth doubles. */
static uint8_t *resize_node(void *owner, size_t size)
{
    struct quicklist_node *n = owner;
    if (size > n->stored) {
        size_t room = size < 2 * n->stored ? 2 * n->stored : size;
        if (room > SAFE_BYTES && size <= SAFE_BYTES) room = SAFE_BYTES;
        if (size > SAFE_BYTES) room = size;
        n->stored = mem_good_size(room);
        n->bytes = mem_realloc(n->bytes, n->stored);
    }
    n->size = size;
    return n->bytes;
}

static struct pack pack_of(struct quicklist_node *n) { return (struct pack){n->bytes, resize_node, n}; }

/* Gives room back that a node at rest does not need. */
static void fit(struct quicklist_node *n)
{
    if (n->is_packed || n->stored <= mem_good_size(n->size)) return;
    n->stored = n->size;
    n->bytes = mem_realloc(n->bytes, n->stored);
}

static uint8_t *unpacked_copy(const struct quicklist_node *n)
{
    uint8_t *out = mem_alloc(n->size);
    bool whole = lzf_unpack(n->bytes, n->stored, out, n->size);
    ASSERT(whole);
    return out;
}

static void unpack(struct quicklist_node *n)
{
    if (!n->is_packed) return;
    uint8_t *bytes = unpacked_copy(n);
    mem_free(n->bytes);
    n->bytes = bytes;
    n->stored = n->size;
    n->is_packed = 0;
}

static void pack(struct quicklist_node *n)
{
    if (n->is_packed || n->size < COMPRESS_MIN_BYTES || n->size > COMPRESS_MAX_BYTES) return;
    size_t room = n->size - COMPRESS_GAIN_BYTES;
    uint8_t *out = mem_alloc(room);
    size_t len = lzf_pack(n->bytes, n->size, out, room);
    if (len == 0) {
        mem_free(out);
        return;
    }
    mem_free(n->bytes);
    n->bytes = mem_realloc(out, len);
    n->stored = len;
    n->is_packed = 1;
}

/* --- links --- */

static struct quicklist_node *node_new(bool is_plain)
{
    struct quicklist_node *n = mem_calloc(sizeof(*n));
    n->is_plain = is_plain;
    return n;
}

static void link_after(struct quicklist *q, struct quicklist_node *prev, struct quicklist_node *n)
{
    n->prev = prev;
    n->next = prev != NULL ? prev->next : q->head;
    *(n->prev != NULL ? &n->prev->next : &q->head) = n;
    *(n->next != NULL ? &n->next->prev : &q->tail) = n;
    q->node_count++;
    q->count += n->count;
}

static void drop(struct quicklist *q, struct quicklist_node *n)
{
    *(n->prev != NULL ? &n->prev->next : &q->head) = n->next;
    *(n->next != NULL ? &n->next->prev : &q->tail) = n->prev;
    q->node_count--;
    q->count -= n->count;
    mem_free(n->bytes);
    mem_free_sized(n, sizeof(*n));
}

/* Restores invariant 3 around the ends, after nodes came or went, and for a node that was changed (NULL: none). */
static void settle(struct quicklist *q, struct quicklist_node *changed)
{
    size_t depth = (size_t)q->compress_depth;
    if (depth == 0) return;
    struct quicklist_node *front = q->head, *back = q->tail;
    bool near_end = false;
    for (size_t i = 0; i < depth && front != NULL; i++, front = front->next, back = back->prev) {
        unpack(front);
        unpack(back);
        near_end |= front == changed || back == changed;
    }
    if (q->node_count <= 2 * depth) return;
    if (changed != NULL && !near_end) pack(changed);
    pack(front);
    pack(back);
}

/* --- making --- */

struct quicklist *quicklist_new(int max_size, int compress_depth)
{
    struct quicklist *q = mem_calloc(sizeof(*q));
    q->max_size = max_size;
    q->compress_depth = compress_depth < 0 ? 0 : compress_depth;
    return q;
}

void quicklist_free(struct quicklist *q)
{
    if (q == NULL) return;
    while (q->head != NULL) drop(q, q->head);
    mem_free_sized(q, sizeof(*q));
}

struct quicklist *quicklist_copy(const struct quicklist *q)
{
    struct quicklist *copy = quicklist_new(q->max_size, q->compress_depth);
    for (const struct quicklist_node *n = q->head; n != NULL; n = n->next) {
        struct quicklist_node *m = node_new(n->is_plain);
        size_t len = n->is_packed ? n->stored : n->size;
        give_bytes(m, n->bytes, len, len > 0 ? len : 1);
        m->size = n->size;
        m->is_packed = n->is_packed;
        m->count = n->count;
        link_after(copy, copy->tail, m);
    }
    return copy;
}

size_t quicklist_count(const struct quicklist *q) { return q->count; }
size_t quicklist_node_count(const struct quicklist *q) { return q->node_count; }

size_t quicklist_memory(const struct quicklist *q)
{
    size_t bytes = mem_good_size(sizeof(*q));
    for (const struct quicklist_node *n = q->head; n != NULL; n = n->next)
        bytes += sizeof(*n) + mem_good_size(n->stored);
    return bytes;
}

/* --- adding --- */

/* A node with this one element, linked behind prev. */
static struct quicklist_node *add_node(struct quicklist *q, struct quicklist_node *prev, struct slice element)
{
    bool is_plain = quicklist_is_large(q->max_size, element.len);
    struct quicklist_node *n = node_new(is_plain);
    if (is_plain) {
        give_bytes(n, element.ptr, element.len, element.len);
    } else {
        uint8_t empty[LISTPACK_EMPTY_BYTES];
        struct item i = item_of(element);
        listpack_init(empty);
        give_bytes(n, empty, sizeof(empty), LISTPACK_EMPTY_BYTES + listpack_element_bytes(&i));
        struct pack p = pack_of(n);
        listpack_append(&p, &i);
    }
    n->count = 1;
    link_after(q, prev, n);
    return n;
}

static void append_node(struct quicklist *q, bool is_plain, size_t count, struct slice bytes)
{
    struct quicklist_node *n = node_new(is_plain);
    give_bytes(n, bytes.ptr, bytes.len, bytes.len > 0 ? bytes.len : 1);
    n->count = count;
    link_after(q, q->tail, n);
    settle(q, NULL);
}

void quicklist_append_listpack(struct quicklist *q, struct slice listpack)
{
    size_t count = listpack_count((const uint8_t *)listpack.ptr);
    if (count > 0) append_node(q, false, count, listpack);
}

void quicklist_append_plain(struct quicklist *q, struct slice element) { append_node(q, true, 1, element); }

/* Adds at one end of a node that has room. */
static void add_to_node(struct quicklist *q, struct quicklist_node *n, bool at_head, struct slice element)
{
    struct item i = item_of(element);
    unpack(n);
    struct pack p = pack_of(n);
    if (at_head)
        listpack_prepend(&p, &i);
    else
        listpack_append(&p, &i);
    n->count++;
    q->count++;
}

void quicklist_push(struct quicklist *q, bool at_head, struct slice element)
{
    struct quicklist_node *n = at_head ? q->head : q->tail;
    if (has_room(q, n, element.len)) {
        add_to_node(q, n, at_head, element);
        return;
    }
    if (n != NULL) fit(n);
    add_node(q, at_head ? NULL : q->tail, element);
    settle(q, NULL);
}

/* --- finding --- */

/* The node that holds the element at *index; *index becomes its place there. */
static struct quicklist_node *find(const struct quicklist *q, size_t *index)
{
    struct quicklist_node *n;
    if (*index < q->count / 2) {
        for (n = q->head; *index >= n->count; n = n->next) *index -= n->count;
        return n;
    }
    size_t behind = q->count - 1 - *index; /* elements after it */
    for (n = q->tail; behind >= n->count; n = n->prev) behind -= n->count;
    *index = n->count - 1 - behind;
    return n;
}

/* --- splitting and merging --- */

/* Moves the elements from `at` on (0 < at < count) into a new node behind n. */
static void split(struct quicklist *q, struct quicklist_node *n, size_t at)
{
    struct quicklist_node *right = node_new(false);
    give_bytes(right, n->bytes, n->size, n->size);
    struct pack p = pack_of(right);
    listpack_delete(&p, listpack_first(right->bytes), at);
    right->count = n->count - at;
    fit(right);
    p = pack_of(n);
    listpack_delete(&p, listpack_seek(n->bytes, (int64_t)at), n->count - at);
    q->count -= n->count - at;
    n->count = at;
    fit(n);
    link_after(q, n, right);
}

/* Joins n with the node behind it when both fit into one. */
static void merge_next(struct quicklist *q, struct quicklist_node *n)
{
    struct quicklist_node *next = n->next;
    if (next == NULL || n->is_plain || next->is_plain) return;
    if (quicklist_exceeds(q->max_size, n->size + next->size - LISTPACK_EMPTY_BYTES, n->count + next->count)) return;
    unpack(n);
    unpack(next);
    struct pack p = pack_of(n);
    listpack_merge(&p, next->bytes);
    n->count += next->count;
    q->count += next->count;
    drop(q, next);
}

/* --- changing in the middle --- */

static void insert_inside(struct quicklist *q, struct quicklist_node *n, size_t at, struct slice element)
{
    struct item i = item_of(element);
    struct pack p = pack_of(n);
    listpack_insert(&p, listpack_seek(n->bytes, (int64_t)at), &i);
    n->count++;
    q->count++;
}

/* No node near has room: the element gets one of its own, and small neighbours join. */
static void insert_between(struct quicklist *q, struct quicklist_node *n, size_t at, struct slice element)
{
    if (at > 0) split(q, n, at);
    struct quicklist_node *before = at > 0 ? n : n->prev;
    struct quicklist_node *added = add_node(q, before, element);
    merge_next(q, added);
    merge_next(q, before);
    n = before;
    for (int i = 0; i < 3 && n != NULL; i++, n = n->next) settle(q, n);
}

void quicklist_insert(struct quicklist *q, size_t index, struct slice element)
{
    ASSERT(index <= q->count);
    if (index == 0 || index == q->count) {
        quicklist_push(q, index == 0, element);
        return;
    }
    size_t at = index;
    struct quicklist_node *n = find(q, &at);
    unpack(n);
    if (has_room(q, n, element.len)) {
        insert_inside(q, n, at, element);
    } else if (at == 0 && has_room(q, n->prev, element.len)) {
        add_to_node(q, n->prev, false, element);
        settle(q, n->prev);
    } else {
        insert_between(q, n, at, element);
        return;
    }
    settle(q, n);
}

static void replace_inside(struct quicklist *q, struct quicklist_node *n, size_t at, struct slice element)
{
    struct item i = item_of(element);
    struct pack p = pack_of(n);
    listpack_replace(&p, listpack_seek(n->bytes, (int64_t)at), &i);
    settle(q, n);
}

void quicklist_replace(struct quicklist *q, size_t index, struct slice element)
{
    ASSERT(index < q->count);
    size_t at = index;
    struct quicklist_node *n = find(q, &at);
    unpack(n);
    if (n->is_plain && quicklist_is_large(q->max_size, element.len)) {
        mem_free(n->bytes);
        give_bytes(n, element.ptr, element.len, element.len);
        settle(q, n);
    } else if (!n->is_plain && !quicklist_is_large(q->max_size, element.len) &&
               !quicklist_exceeds(q->max_size, n->size + element.len + ELEMENT_OVERHEAD, n->count)) {
        replace_inside(q, n, at, element);
    } else {
        quicklist_insert(q, index + 1, element);
        quicklist_delete(q, index, 1);
    }
}

void quicklist_delete(struct quicklist *q, size_t index, size_t n)
{
    ASSERT(index <= q->count && n <= q->count - index);
    if (n == 0) return;
    size_t at = index;
    struct quicklist_node *node = find(q, &at), *touched = NULL;
    while (n > 0) {
        struct quicklist_node *next = node->next;
        size_t here = node->count - at < n ? node->count - at : n;
        if (here == node->count) {
            drop(q, node);
        } else {
            unpack(node);
            struct pack p = pack_of(node);
            listpack_delete(&p, listpack_seek(node->bytes, (int64_t)at), here);
            node->count -= here;
            q->count -= here;
            if (node->stored > 2 * node->size + 64) fit(node);
            if (touched != NULL) settle(q, touched);
            touched = node;
        }
        n -= here;
        node = next;
        at = 0;
    }
    settle(q, touched);
}

/* Removes equal ones from a node, at most max; true when the node is gone. */
static bool delete_equal_inside(struct quicklist *q, struct quicklist_node *n, const struct item *want, size_t max,
                                bool from_tail, size_t *removed)
{
    struct pack p = pack_of(n);
    uint32_t at = from_tail ? listpack_last(p.bytes) : listpack_first(p.bytes);
    *removed = 0;
    while (at != LISTPACK_END && *removed < max) {
        bool is_equal = listpack_equals(p.bytes, at, want);
        uint32_t before = from_tail ? listpack_prev(p.bytes, at) : LISTPACK_END;
        uint32_t after = is_equal ? listpack_delete(&p, at, 1) : listpack_next(p.bytes, at);
        *removed += is_equal;
        at = from_tail ? before : after;
    }
    n->count -= *removed;
    q->count -= *removed;
    if (n->count > 0) return false;
    drop(q, n);
    return true;
}

static bool bytes_equal(const struct quicklist_node *n, struct slice element)
{
    return n->size == element.len && memcmp(n->bytes, element.ptr, element.len) == 0;
}

size_t quicklist_delete_equal(struct quicklist *q, struct slice element, size_t max, bool from_tail)
{
    size_t total = 0;
    struct item want = item_of(element);
    struct quicklist_node *n = from_tail ? q->tail : q->head;
    while (n != NULL && total < max) {
        struct quicklist_node *following = from_tail ? n->prev : n->next;
        bool was_packed = n->is_packed, is_gone = false;
        size_t removed = 0;
        unpack(n);
        if (n->is_plain) {
            is_gone = bytes_equal(n, element);
            if (is_gone) drop(q, n);
            removed = is_gone;
        } else {
            is_gone = delete_equal_inside(q, n, &want, max - total, from_tail, &removed);
        }
        if (!is_gone && was_packed) pack(n);
        total += removed;
        n = following;
    }
    if (total > 0) settle(q, NULL);
    return total;
}

/* --- reading --- */

static void enter(struct quicklist_cursor *c, const struct quicklist_node *n)
{
    mem_free(c->unpacked);
    c->unpacked = NULL;
    c->node = n;
    c->lp = NULL;
    if (n == NULL) return;
    if (n->is_packed) c->unpacked = unpacked_copy(n);
    if (!n->is_plain) c->lp = c->unpacked != NULL ? c->unpacked : n->bytes;
}

void quicklist_cursor_init(struct quicklist_cursor *c, const struct quicklist *q, size_t index, bool backwards)
{
    *c = (struct quicklist_cursor){.backwards = backwards};
    if (index >= q->count) return;
    size_t at = index;
    enter(c, find(q, &at));
    if (c->lp != NULL)
        c->at = listpack_seek(c->lp, at < c->node->count / 2 ? (int64_t)at : (int64_t)at - (int64_t)c->node->count);
}

static void enter_following(struct quicklist_cursor *c)
{
    enter(c, c->backwards ? c->node->prev : c->node->next);
    if (c->lp != NULL) c->at = c->backwards ? listpack_last(c->lp) : listpack_first(c->lp);
}

bool quicklist_cursor_next(struct quicklist_cursor *c, struct item *out)
{
    if (c->node != NULL && c->lp != NULL && c->at == LISTPACK_END) enter_following(c);
    if (c->node == NULL) return false;
    if (c->lp == NULL) {
        /* A plain node is left by `at`: it is 0 before its element was given. */
        if (c->at == UINT32_MAX) {
            c->at = 0;
            enter_following(c);
            return quicklist_cursor_next(c, out);
        }
        *out = (struct item){(const char *)(c->unpacked != NULL ? c->unpacked : c->node->bytes), c->node->size, 0};
        c->at = UINT32_MAX;
        return true;
    }
    if (c->backwards) {
        listpack_get(c->lp, c->at, out);
        c->at = listpack_prev(c->lp, c->at);
    } else {
        c->at = listpack_read(c->lp, c->at, out);
    }
    return true;
}

void quicklist_cursor_deinit(struct quicklist_cursor *c)
{
    mem_free(c->unpacked);
    c->unpacked = NULL;
}

void quicklist_each_node(const struct quicklist *q, bool (*fn)(void *ctx, bool is_plain, struct slice bytes), void *ctx)
{
    struct quicklist_cursor c = {0};
    for (const struct quicklist_node *n = q->head; n != NULL; n = n->next) {
        enter(&c, n);
        if (!fn(ctx, n->is_plain, SLICE((const char *)(c.unpacked != NULL ? c.unpacked : n->bytes), n->size))) break;
    }
    quicklist_cursor_deinit(&c);
}

const uint8_t *quicklist_only_listpack(const struct quicklist *q)
{
    return q->node_count == 1 && !q->head->is_plain && !q->head->is_packed ? q->head->bytes : NULL;
}

/* --- checking --- */

static bool node_is_valid(const struct quicklist *q, const struct quicklist_node *n, size_t from_head)
{
    size_t depth = (size_t)q->compress_depth, from_tail = q->node_count - 1 - from_head;
    if (n->is_packed && (depth == 0 || from_head < depth || from_tail < depth)) return false;
    if (n->is_plain) return n->count == 1;
    uint8_t *copy = n->is_packed ? unpacked_copy(n) : NULL;
    const uint8_t *lp = copy != NULL ? copy : n->bytes;
    bool ok = listpack_bytes(lp) == n->size && listpack_is_valid(lp) && listpack_count(lp) == n->count && n->count > 0;
    mem_free(copy);
    return ok && (n->is_packed || n->stored >= n->size);
}

bool quicklist_is_valid(const struct quicklist *q)
{
    size_t nodes = 0, count = 0;
    const struct quicklist_node *prev = NULL;
    for (const struct quicklist_node *n = q->head; n != NULL; prev = n, n = n->next) {
        if (n->prev != prev || !node_is_valid(q, n, nodes)) return false;
        nodes++;
        count += n->count;
    }
    return q->tail == prev && nodes == q->node_count && count == q->count;
}
