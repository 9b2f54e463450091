/* SPDX-License-Identifier: MIT */
/*
 * A packed structure (listpack, intset) whose bytes belong to somebody: the inside of an entry, a node of a quicklist, a heap block. Functions that
 * change the size ask the owner for room, and the bytes may move then: positions are offsets, never pointers, across such a call.
 */
#ifndef DS_PACK_H
#define DS_PACK_H

#include <stddef.h>
#include <stdint.h>

struct pack {
    uint8_t *bytes;
    /* Makes the structure `size` bytes long, keeping the first min(old, new) bytes, and returns where they are now. Called before growing
     * and after shrinking. */
    uint8_t *(*resize)(void *owner, size_t size);
    void *owner;
};

static inline void pack_resize(struct pack *p, size_t size) { p->bytes = p->resize(p->owner, size); }

#endif
