/* SPDX-License-Identifier: MIT */
/*
 * A list is a listpack in the entry until list-max-listpack-size is passed, then a quicklist; it goes back to a listpack when removals leave one
 * node that is at most half as large as allowed, so that a list at the edge does not change its form with every command.
 */
#include "store/list.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ds/listpack.h"
#include "store/object.h"

static bool is_packed(const struct entry *e) { return entry_encoding(e) == ENCODING_LISTPACK; }
static struct quicklist *object_of(const struct entry *e) { return value_object(e); }
static int max_size(void) { return value_limits()->list_max_listpack_size; }

static struct slice packed_slice(const struct entry *e)
{
    const uint8_t *lp = value_packed(e);
    return SLICE((const char *)lp, listpack_bytes(lp));
}

/* --- hooks of value.c --- */

void list_object_free(void *object) { quicklist_free(object); }
void *list_object_copy(const void *object) { return quicklist_copy(object); }

size_t list_object_bytes(const void *object, size_t samples)
{
    (void)samples; /* nodes know their bytes */
    return quicklist_memory(object);
}

size_t list_count(const struct entry *e)
{
    return is_packed(e) ? listpack_count(value_packed(e)) : quicklist_count(object_of(e));
}

/* --- conversions --- */

static void become_quicklist(struct value_ref *ref)
{
    struct quicklist *q = quicklist_new(max_size(), value_limits()->list_compress_depth);
    quicklist_append_listpack(q, packed_slice(ref->e));
    value_become_object(ref, ENCODING_QUICKLIST, q);
}

void list_make_room(struct value_ref *ref, const struct slice *elements, size_t n)
{
    if (ref->e == NULL || !is_packed(ref->e)) return;
    const uint8_t *lp = value_packed(ref->e);
    size_t bytes = listpack_bytes(lp);
    for (size_t i = 0; i < n; i++) bytes += elements[i].len;
    if (quicklist_exceeds(max_size(), bytes, listpack_count(lp) + n)) become_quicklist(ref);
}

static void become_listpack(struct value_ref *ref, const uint8_t *lp)
{
    struct entry *old = ref->e;
    struct slice bytes = SLICE((const char *)lp, listpack_bytes(lp));
    struct entry *e = value_new_packed(ref->key.name, VALUE_LIST, ENCODING_LISTPACK, bytes, entry_expire_at_ms(old));
    entry_set_clock(e, entry_clock(old));
    if (ref->db != NULL)
        db_put(ref->db, e, ref->key.hash);
    else
        entry_free(old);
    ref->e = e;
}

/* After removals: an empty list goes, a small one becomes a listpack again. */
static void settle(struct value_ref *ref)
{
    if (list_count(ref->e) == 0) {
        value_drop(ref);
        return;
    }
    if (is_packed(ref->e)) return;
    const uint8_t *lp = quicklist_only_listpack(object_of(ref->e));
    if (lp != NULL && quicklist_is_far_below(max_size(), listpack_bytes(lp), listpack_count(lp)))
        become_listpack(ref, lp);
}

/* --- pushing --- */

void list_push(struct value_ref *ref, enum list_end end, const struct slice *elements, size_t n)
{
    if (n == 0) return;
    if (ref->e == NULL) value_create(ref, VALUE_LIST);
    list_make_room(ref, elements, n);
    if (!is_packed(ref->e)) {
        for (size_t i = 0; i < n; i++) quicklist_push(object_of(ref->e), end == LIST_HEAD, elements[i]);
        return;
    }
    struct pack p = value_pack(ref);
    for (size_t i = 0; i < n; i++) {
        struct item item = item_of(elements[i]);
        if (end == LIST_HEAD)
            listpack_prepend(&p, &item);
        else
            listpack_append(&p, &item);
    }
}

/* --- reading --- */

void list_iter_init(struct list_iter *it, const struct entry *e, int64_t index, bool backwards)
{
    *it = (struct list_iter){.e = e, .backwards = backwards};
    if (is_packed(e)) {
        it->lp = value_packed(e);
        it->at = listpack_seek(it->lp, index);
        return;
    }
    int64_t count = (int64_t)quicklist_count(object_of(e));
    if (index < 0) index += count;
    quicklist_cursor_init(&it->cursor, object_of(e), index < 0 ? SIZE_MAX : (size_t)index, backwards);
}

bool list_iter_next(struct list_iter *it)
{
    if (it->lp == NULL) return quicklist_cursor_next(&it->cursor, &it->item);
    if (it->at == LISTPACK_END) return false;
    if (it->backwards) {
        listpack_get(it->lp, it->at, &it->item);
        it->at = listpack_prev(it->lp, it->at);
    } else {
        it->at = listpack_read(it->lp, it->at, &it->item);
    }
    return true;
}

void list_iter_deinit(struct list_iter *it) { quicklist_cursor_deinit(&it->cursor); }

bool list_get(const struct entry *e, int64_t index, struct list_iter *it)
{
    list_iter_init(it, e, index, false);
    return list_iter_next(it);
}

/* --- removing --- */

static void delete_range(struct value_ref *ref, size_t index, size_t n)
{
    if (n == 0) return;
    if (is_packed(ref->e)) {
        struct pack p = value_pack(ref);
        listpack_delete(&p, listpack_seek(p.bytes, (int64_t)index), n);
    } else {
        quicklist_delete(object_of(ref->e), index, n);
    }
}

void list_pop(struct value_ref *ref, enum list_end end, size_t n, void (*fn)(void *ctx, const struct item *i),
              void *ctx)
{
    struct list_iter it;
    size_t count = list_count(ref->e);
    if (n > count) n = count;
    list_iter_init(&it, ref->e, end == LIST_HEAD ? 0 : -1, end == LIST_TAIL);
    for (size_t i = 0; i < n && list_iter_next(&it); i++) fn(ctx, &it.item);
    list_iter_deinit(&it);
    if (n == count) {
        value_drop(ref);
        return;
    }
    delete_range(ref, end == LIST_HEAD ? 0 : count - n, n);
    settle(ref);
}

void list_trim(struct value_ref *ref, int64_t keep_from, int64_t keep_count)
{
    size_t count = list_count(ref->e);
    size_t end = (size_t)keep_from + (size_t)keep_count;
    ASSERT(keep_from >= 0 && keep_count >= 0 && end <= count);
    if (keep_count == 0) {
        value_drop(ref);
        return;
    }
    delete_range(ref, end, count - end);
    delete_range(ref, 0, (size_t)keep_from);
    settle(ref);
}

static size_t remove_from_listpack(struct pack *p, const struct item *want, size_t max, bool from_tail)
{
    size_t removed = 0;
    uint32_t at = from_tail ? listpack_last(p->bytes) : listpack_first(p->bytes);
    while (at != LISTPACK_END && removed < max) {
        bool is_equal = listpack_equals(p->bytes, at, want);
        uint32_t before = from_tail ? listpack_prev(p->bytes, at) : LISTPACK_END;
        uint32_t after = is_equal ? listpack_delete(p, at, 1) : listpack_next(p->bytes, at);
        removed += is_equal;
        at = from_tail ? before : after;
    }
    return removed;
}

size_t list_remove_equal(struct value_ref *ref, struct slice element, size_t n, bool from_tail)
{
    size_t max = n == 0 ? SIZE_MAX : n, removed;
    if (is_packed(ref->e)) {
        struct item want = item_of(element);
        struct pack p = value_pack(ref);
        removed = remove_from_listpack(&p, &want, max, from_tail);
    } else {
        removed = quicklist_delete_equal(object_of(ref->e), element, max, from_tail);
    }
    if (removed > 0) settle(ref);
    return removed;
}

/* --- changing --- */

bool list_set(struct value_ref *ref, int64_t index, struct slice element)
{
    list_make_room(ref, &element, 1);
    int64_t count = (int64_t)list_count(ref->e);
    if (index < 0) index += count;
    if (index < 0 || index >= count) return false;
    if (is_packed(ref->e)) {
        struct item i = item_of(element);
        struct pack p = value_pack(ref);
        listpack_replace(&p, listpack_seek(p.bytes, index), &i);
    } else {
        quicklist_replace(object_of(ref->e), (size_t)index, element);
        settle(ref);
    }
    return true;
}

static bool item_equals(const struct item *a, const struct item *b)
{
    if (item_is_int(a) && item_is_int(b)) return a->integer == b->integer;
    char text_a[NUM_INT64_CHARS], text_b[NUM_INT64_CHARS];
    return slice_eq(item_slice(a, text_a), item_slice(b, text_b));
}

/* Index of the first element that equals want, or -1. */
static int64_t index_of(const struct entry *e, const struct item *want)
{
    struct list_iter it;
    int64_t index = 0;
    list_iter_init(&it, e, 0, false);
    while (list_iter_next(&it) && !item_equals(&it.item, want)) index++;
    list_iter_deinit(&it);
    return index < (int64_t)list_count(e) ? index : -1;
}

bool list_insert(struct value_ref *ref, struct slice pivot, bool before, struct slice element)
{
    list_make_room(ref, &element, 1);
    struct item want = item_of(pivot);
    int64_t index = index_of(ref->e, &want);
    if (index < 0) return false;
    if (!before) index++;
    if (is_packed(ref->e)) {
        struct item i = item_of(element);
        struct pack p = value_pack(ref);
        listpack_insert(&p, listpack_seek(p.bytes, index), &i);
    } else {
        quicklist_insert(object_of(ref->e), (size_t)index, element);
    }
    return true;
}

/* --- nodes --- */

struct node_walk {
    bool (*fn)(void *ctx, const struct list_node_view *n);
    void *ctx;
};

static bool show_node(void *ctx, bool is_plain, struct slice bytes)
{
    struct node_walk *w = ctx;
    struct list_node_view view = {is_plain, bytes};
    return w->fn(w->ctx, &view);
}

void list_each_node(const struct entry *e, bool (*fn)(void *ctx, const struct list_node_view *n), void *ctx)
{
    struct node_walk w = {fn, ctx};
    if (is_packed(e))
        show_node(&w, false, packed_slice(e));
    else
        quicklist_each_node(object_of(e), show_node, &w);
}

/* A first listpack within the limit stays one. */
static void append_first(struct value_ref *ref, const struct list_node_view *n)
{
    size_t count = n->is_plain ? 1 : listpack_count((const uint8_t *)n->bytes.ptr);
    if (n->is_plain || quicklist_exceeds(max_size(), n->bytes.len, count)) {
        become_quicklist(ref);
        list_append_node(ref, n);
        return;
    }
    struct pack p = value_pack(ref);
    pack_resize(&p, n->bytes.len);
    memcpy(p.bytes, n->bytes.ptr, n->bytes.len);
}

void list_append_node(struct value_ref *ref, const struct list_node_view *n)
{
    if (ref->e == NULL) value_create(ref, VALUE_LIST);
    if (is_packed(ref->e)) {
        if (list_count(ref->e) == 0) {
            append_first(ref, n);
            return;
        }
        become_quicklist(ref);
    }
    if (n->is_plain && n->bytes.len <= NUM_INT64_CHARS) /* may be a number: those stand in listpacks only */
        quicklist_push(object_of(ref->e), false, n->bytes);
    else if (n->is_plain)
        quicklist_append_plain(object_of(ref->e), n->bytes);
    else
        quicklist_append_listpack(object_of(ref->e), n->bytes);
}
