/* SPDX-License-Identifier: MIT */
/*
 * Ziplist and zipmap, the packed forms of RDB files before version 10: read once, front to back, from untrusted bytes; and ziplists
 * written for old servers. The layouts are drawn in ziplist.c.
 */
#ifndef DS_ZIPLIST_H
#define DS_ZIPLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ds/item.h"

/* Validates everything (total, tail offset, count, previous lengths, encodings, terminator) while calling fn (may be NULL) for each
 * element in order; false from fn stops with the reason it set. Texts that are canonical integers come as integers, however they are
 * stored. False: *reason is a static text, and fn may have seen elements already. An empty ziplist is valid. */
bool ziplist_read(const uint8_t *bytes, size_t len, const char **reason,
                  bool (*fn)(void *ctx, size_t index, const struct item *i, const char **reason), void *ctx);
/* The same for a zipmap: fields and values in turn. */
bool zipmap_read(const uint8_t *bytes, size_t len, const char **reason,
                 bool (*fn)(void *ctx, size_t index, const struct item *i, const char **reason), void *ctx);

/* Writes a ziplist for old servers (RDB version below 10) from items: the bytes that those servers write. At most 4 GiB. */
struct ziplist_writer {
    uint8_t *bytes; /* heap (mem_alloc), the caller's after finish */
    size_t len, cap, count, last_len, last_offset;
};
void ziplist_writer_init(struct ziplist_writer *w);
void ziplist_writer_add(struct ziplist_writer *w, const struct item *i);
void ziplist_writer_finish(struct ziplist_writer *w); /* header and terminator; bytes[0..len) is the ziplist */
/* Frees the bytes; a caller that keeps them sets `bytes` to NULL before, or does not call it. */
void ziplist_writer_deinit(struct ziplist_writer *w);

#endif
