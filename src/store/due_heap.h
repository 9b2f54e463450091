/* SPDX-License-Identifier: MIT */
/*
 * What is due next: a binary min-heap of items by time. Each item is told its place whenever that changes, so that it can be moved or taken
 * out from anywhere in O(log n) without a search.
 */
#ifndef STORE_DUE_HEAP_H
#define STORE_DUE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct due {
    int64_t at_ms;
    void *item;
};

struct due_heap {
    struct due *dues; /* [0] is the next one */
    size_t len, cap;
    void (*set_place)(void *item, size_t place);
};

void due_heap_init(struct due_heap *h, void (*set_place)(void *item, size_t place));
void due_heap_deinit(struct due_heap *h); /* the items are the caller's */
void due_heap_add(struct due_heap *h, int64_t at_ms, void *item);
/* Another time for the item at `place`. */
void due_heap_move(struct due_heap *h, size_t place, int64_t at_ms);
void due_heap_remove(struct due_heap *h, size_t place);
/* How many are due before now_ms: looks at these and their neighbours only. */
size_t due_heap_count_before(const struct due_heap *h, int64_t now_ms);

#endif
