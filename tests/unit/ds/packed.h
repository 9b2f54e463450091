/* SPDX-License-Identifier: MIT */
/* What the tests of packed structures share: an owner that moves the bytes at every change of size, and bytes that end
 * flush against an unmapped page. */
#ifndef TESTS_UNIT_DS_PACKED_H
#define TESTS_UNIT_DS_PACKED_H

#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/mem.h"
#include "ds/item.h"
#include "ds/pack.h"

/* Every change of size is a new block of exactly that size: stale pointers and writes behind the end do not stay unseen by a
 * sanitizer. */
struct packed {
    struct pack pack;
    size_t size;
    size_t resizes;
};

static inline uint8_t *packed_resize(void *owner, size_t size)
{
    struct packed *p = owner;
    uint8_t *bytes = mem_alloc(size);
    memcpy(bytes, p->pack.bytes, size < p->size ? size : p->size);
    mem_free(p->pack.bytes);
    p->size = size;
    p->resizes++;
    return bytes;
}

static inline void packed_init(struct packed *p, const void *bytes, size_t size)
{
    *p = (struct packed){.pack = {mem_alloc(size), packed_resize, p}, .size = size};
    memcpy(p->pack.bytes, bytes, size);
}

static inline void packed_deinit(struct packed *p) { mem_free(p->pack.bytes); }

/* Room for `size` bytes whose last one is the last of a page; the next page is not mapped. */
struct flush_bytes {
    uint8_t *map;
    size_t room;
};

static inline void flush_bytes_init(struct flush_bytes *f, size_t size)
{
    f->room = (size + 4095) / 4096 * 4096;
    f->map = mmap(NULL, f->room + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(f->map != MAP_FAILED && mprotect(f->map + f->room, 4096, PROT_NONE) == 0);
}

static inline uint8_t *flush_bytes_put(struct flush_bytes *f, const void *bytes, size_t size)
{
    ASSERT(size <= f->room);
    uint8_t *at = f->map + f->room - size;
    if (size > 0) memcpy(at, bytes, size);
    return at;
}

static inline void flush_bytes_deinit(struct flush_bytes *f) { munmap(f->map, f->room + 4096); }

static inline struct item packed_text(const char *text) { return item_of(SLICE(text, strlen(text))); }
static inline struct item packed_int(int64_t v) { return (struct item){NULL, 0, v}; }

#endif
