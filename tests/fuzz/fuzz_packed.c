/* SPDX-License-Identifier: MIT */
/*
 * Any bytes are refused as a listpack, intset, ziplist or zipmap, or hold together: what validates is walked both ways, searched,
 * changed at random and stays valid.
 *
 *   OFFSET  SIZE  MEANING
 *   0       1     bits 0-1: listpack, intset, ziplist, zipmap; bit 2: the totals are mended first, so that mutations get past them
 *   1       1     seed of the changes
 *   2       ...   the bytes
 */
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "ds/intset.h"
#include "ds/listpack.h"
#include "ds/ziplist.h"
#include "tests/unit/ds/packed.h"

#define CHANGES 12
#define SEARCHED_MAX 64 /* elements that are looked for: each search walks */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum kind { KIND_LISTPACK, KIND_INTSET, KIND_ZIPLIST, KIND_ZIPMAP };

static void mend(enum kind kind, uint8_t *bytes, size_t len)
{
    if (len == 0) return;
    switch (kind) {
    case KIND_LISTPACK:
    case KIND_ZIPLIST:
        if (len >= 4) memcpy(bytes, &(uint32_t){(uint32_t)len}, 4);
        bytes[len - 1] = 0xff;
        break;
    case KIND_INTSET:
        if (len >= 8) memcpy(bytes + 4, &(uint32_t){(uint32_t)((len - 8) / (bytes[0] ? bytes[0] : 1))}, 4);
        break;
    case KIND_ZIPMAP: bytes[len - 1] = 0xff; break;
    }
}

static bool same_text(const struct item *a, const struct item *b)
{
    char scratch_a[NUM_INT64_CHARS], scratch_b[NUM_INT64_CHARS];
    return slice_eq(item_slice(a, scratch_a), item_slice(b, scratch_b));
}

/* --- listpack --- */

struct walk {
    const uint8_t *lp;
    uint32_t at;
    size_t count;
};

/* What validation shows is what a walk reads. */
static bool follow(void *ctx, size_t index, const struct item *i, const char **reason)
{
    (void)reason;
    struct walk *w = ctx;
    struct item read;
    ASSERT(index == w->count++ && w->at != LISTPACK_END);
    w->at = listpack_read(w->lp, w->at, &read);
    ASSERT(same_text(&read, i));
    return true;
}

static void check_backwards(const uint8_t *lp, size_t count)
{
    size_t n = count;
    uint32_t follower = LISTPACK_END;
    for (uint32_t at = listpack_last(lp); at != LISTPACK_END; at = listpack_prev(lp, at)) {
        ASSERT(n-- > 0 && listpack_next(lp, at) == follower);
        follower = at;
    }
    ASSERT(n == 0 && follower == listpack_first(lp));
}

static void check_searches(const uint8_t *lp)
{
    size_t n = 0;
    for (uint32_t at = listpack_first(lp); at != LISTPACK_END && n < SEARCHED_MAX; at = listpack_next(lp, at), n++) {
        struct item i, found;
        listpack_get(lp, at, &i);
        ASSERT(listpack_equals(lp, at, &i) && listpack_find(lp, at, &i, 0) == at);
        ASSERT(listpack_seek(lp, (int64_t)n) == at);
        uint32_t first = listpack_find(lp, listpack_first(lp), &i, 0);
        ASSERT(first != LISTPACK_END && first <= at);
        listpack_get(lp, first, &found);
        ASSERT(same_text(&found, &i));
    }
}

/* Past 100 bytes texts take other heads and back lengths. */
static struct item random_item(struct rng *r)
{
    static const char text[200] = "some text";
    if (rng_below(r, 2)) return (struct item){text, rng_below(r, sizeof(text)), 0};
    return (struct item){NULL, 0, (int64_t)(rng_next(r) << rng_below(r, 64)) >> rng_below(r, 64)};
}

static void change_listpack(struct packed *p, struct rng *r)
{
    size_t count = listpack_count(p->pack.bytes), place = rng_below(r, count + 1), n = rng_below(r, 4);
    uint32_t at = listpack_seek(p->pack.bytes, (int64_t)place);
    struct item i = random_item(r), many[] = {i, random_item(r)};
    ASSERT((at == LISTPACK_END) == (place == count));
    switch (rng_below(r, 4)) {
    case 0:
        at = listpack_insert(&p->pack, at, &i);
        ASSERT(listpack_equals(p->pack.bytes, at, &i));
        count++;
        break;
    case 1:
        listpack_insert_many(&p->pack, at, many, 2);
        count += 2;
        break;
    case 2:
        if (at == LISTPACK_END) break;
        listpack_replace(&p->pack, at, &i);
        ASSERT(listpack_equals(p->pack.bytes, at, &i));
        break;
    default: listpack_delete(&p->pack, at, n); count -= n < count - place ? n : count - place;
    }
    ASSERT(listpack_count(p->pack.bytes) == count);
    ASSERT(listpack_bytes(p->pack.bytes) == p->size && listpack_is_valid(p->pack.bytes));
}

static void try_listpack(const uint8_t *bytes, size_t len, struct rng *r)
{
    const char *reason = NULL;
    if (!listpack_validate(bytes, len, &reason, NULL, NULL)) {
        ASSERT(reason != NULL);
        return;
    }
    struct walk w = {bytes, listpack_first(bytes), 0};
    ASSERT(listpack_validate(bytes, len, &reason, follow, &w) && w.at == LISTPACK_END);
    ASSERT(listpack_count(bytes) == w.count);
    check_backwards(bytes, w.count);
    check_searches(bytes);
    struct packed p;
    packed_init(&p, bytes, len);
    for (unsigned i = 0; i < CHANGES; i++) change_listpack(&p, r);
    size_t before = listpack_count(p.pack.bytes);
    listpack_merge(&p.pack, bytes);
    ASSERT(listpack_is_valid(p.pack.bytes) && listpack_count(p.pack.bytes) == before + w.count);
    packed_deinit(&p);
}

/* --- intset --- */

static void change_intset(struct packed *p, struct rng *r)
{
    int64_t v = (int64_t)(rng_next(r) << rng_below(r, 64)) >> rng_below(r, 64);
    size_t count = intset_count(p->pack.bytes);
    if (count > 0 && rng_below(r, 2)) v = intset_get(p->pack.bytes, rng_below(r, count));
    bool had = intset_has(p->pack.bytes, v), is_add = rng_below(r, 2) == 0;
    ASSERT((is_add ? intset_add(&p->pack, v) : intset_remove(&p->pack, v)) == (is_add ? !had : had));
    ASSERT(intset_has(p->pack.bytes, v) == is_add);
    const char *reason;
    ASSERT(intset_bytes(p->pack.bytes) == p->size && intset_validate(p->pack.bytes, p->size, &reason));
}

static void try_intset(const uint8_t *bytes, size_t len, struct rng *r)
{
    const char *reason = NULL;
    if (!intset_validate(bytes, len, &reason)) {
        ASSERT(reason != NULL);
        return;
    }
    size_t count = intset_count(bytes);
    for (size_t i = 0; i < count; i++) ASSERT(intset_has(bytes, intset_get(bytes, i)));
    struct packed p;
    packed_init(&p, bytes, len);
    for (unsigned i = 0; i < CHANGES; i++) change_intset(&p, r);
    packed_deinit(&p);
}

/* --- ziplist and zipmap: read, written as a ziplist and as a listpack, and read again --- */

struct copies {
    struct ziplist_writer ziplist;
    struct packed listpack;
};

static bool copy_item(void *ctx, size_t index, const struct item *i, const char **reason)
{
    (void)index;
    (void)reason;
    struct copies *c = ctx;
    ziplist_writer_add(&c->ziplist, i);
    listpack_append(&c->listpack.pack, i);
    return true;
}

static void try_old_form(enum kind kind, const uint8_t *bytes, size_t len)
{
    struct copies c;
    uint8_t empty[LISTPACK_EMPTY_BYTES];
    const char *reason = NULL;
    listpack_init(empty);
    packed_init(&c.listpack, empty, sizeof(empty));
    ziplist_writer_init(&c.ziplist);
    bool ok = (kind == KIND_ZIPMAP ? zipmap_read : ziplist_read)(bytes, len, &reason, copy_item, &c);
    ASSERT(ok || reason != NULL);
    if (ok) {
        const uint8_t *lp = c.listpack.pack.bytes;
        struct walk w = {lp, listpack_first(lp), 0};
        ziplist_writer_finish(&c.ziplist);
        ASSERT(ziplist_read(c.ziplist.bytes, c.ziplist.len, &reason, follow, &w));
        ASSERT(w.at == LISTPACK_END && w.count == listpack_count(lp) && listpack_is_valid(lp));
    }
    ziplist_writer_deinit(&c.ziplist);
    packed_deinit(&c.listpack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    enum kind kind = data[0] & 3;
    size_t len = size - 2;
    uint8_t *bytes = mem_alloc(len);
    memcpy(bytes, data + 2, len);
    if (data[0] & 4) mend(kind, bytes, len);
    struct rng r;
    rng_seed(&r, data[1]);
    switch (kind) {
    case KIND_LISTPACK: try_listpack(bytes, len, &r); break;
    case KIND_INTSET: try_intset(bytes, len, &r); break;
    case KIND_ZIPLIST:
    case KIND_ZIPMAP: try_old_form(kind, bytes, len); break;
    }
    mem_free(bytes);
    return 0;
}
