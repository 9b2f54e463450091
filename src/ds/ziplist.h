/* SPDX-License-Identifier: MIT */
/* Ziplist and zipmap, the packed forms of RDB files before version 10: read only, from untrusted bytes. */
#ifndef DS_ZIPLIST_H
#define DS_ZIPLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ds/item.h"

/* Validates everything (total, tail offset, count, previous lengths, encodings, terminator) while calling fn for each element in order. False: *reason is a
 * static text. */
bool ziplist_read(const uint8_t *bytes, size_t len, const char **reason,
                  bool (*fn)(void *ctx, size_t index, const struct item *i, const char **reason), void *ctx);
/* Fields and values in turn. */
bool zipmap_read(const uint8_t *bytes, size_t len, const char **reason,
                 bool (*fn)(void *ctx, size_t index, const struct item *i, const char **reason), void *ctx);
/* Writes a ziplist for old servers (RDB version below 10) from items. */
struct ziplist_writer {
    uint8_t *bytes; /* heap (mem_alloc), the caller's after finish */
    size_t len, cap, count, last_len, last_offset;
};
void ziplist_writer_init(struct ziplist_writer *w);
void ziplist_writer_add(struct ziplist_writer *w, const struct item *i);
void ziplist_writer_finish(struct ziplist_writer *w); /* header and terminator; bytes[0..len) is the ziplist */
void ziplist_writer_deinit(struct ziplist_writer *w);

#endif
