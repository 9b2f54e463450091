/* SPDX-License-Identifier: MIT */
#include "store/due_heap.h"

#include "base/assert.h"
#include "base/mem.h"

#define CAP_MIN 8u

void due_heap_init(struct due_heap *h, void (*set_place)(void *item, size_t place))
{
    *h = (struct due_heap){.set_place = set_place};
}

void due_heap_deinit(struct due_heap *h)
{
    mem_free(h->dues);
    *h = (struct due_heap){.set_place = h->set_place};
}

static inline void put(struct due_heap *h, size_t place, struct due d)
{
    h->dues[place] = d;
    h->set_place(d.item, place);
}

/* Finds the place of d from `place` towards the root. */
static void rise(struct due_heap *h, size_t place, struct due d)
{
    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (h->dues[parent].at_ms <= d.at_ms) break;
        put(h, place, h->dues[parent]);
        place = parent;
    }
    put(h, place, d);
}

static void sink(struct due_heap *h, size_t place, struct due d)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= h->len) break;
        if (child + 1 < h->len && h->dues[child + 1].at_ms < h->dues[child].at_ms) child++;
        if (h->dues[child].at_ms >= d.at_ms) break;
        put(h, place, h->dues[child]);
        place = child;
    }
    put(h, place, d);
}

static void settle(struct due_heap *h, size_t place, struct due d)
{
    if (place > 0 && h->dues[(place - 1) / 2].at_ms > d.at_ms)
        rise(h, place, d);
    else
        sink(h, place, d);
}

void due_heap_add(struct due_heap *h, int64_t at_ms, void *item)
{
    if (h->len == h->cap) {
        h->cap = h->cap == 0 ? CAP_MIN : 2 * h->cap;
        h->dues = mem_realloc(h->dues, h->cap * sizeof(*h->dues));
    }
    rise(h, h->len++, (struct due){at_ms, item});
}

void due_heap_move(struct due_heap *h, size_t place, int64_t at_ms)
{
    ASSERT(place < h->len);
    settle(h, place, (struct due){at_ms, h->dues[place].item});
}

void due_heap_remove(struct due_heap *h, size_t place)
{
    ASSERT(place < h->len);
    struct due last = h->dues[--h->len];
    if (place < h->len) settle(h, place, last);
    if (h->len == 0) {
        due_heap_deinit(h);
    } else if (h->cap > CAP_MIN && h->len <= h->cap / 4) {
        h->cap /= 2;
        h->dues = mem_realloc(h->dues, h->cap * sizeof(*h->dues));
    }
}

static size_t count_below(const struct due_heap *h, size_t place, int64_t now_ms)
{
    if (place >= h->len || h->dues[place].at_ms >= now_ms) return 0;
    return 1 + count_below(h, 2 * place + 1, now_ms) + count_below(h, 2 * place + 2, now_ms);
}

size_t due_heap_count_before(const struct due_heap *h, int64_t now_ms) { return count_below(h, 0, now_ms); }
