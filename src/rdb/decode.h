/* SPDX-License-Identifier: MIT */
/*
 * The decoder: records out of a source of bytes, through a large buffer. It trusts nothing: every length is bounded
 * by what the source can still hold before memory is taken for it. It reports {offset, reason} and never logs, exits
 * or asserts on input. Sticky: after an error every call fails. Twin of encode.h.
 */
#ifndef RDB_DECODE_H
#define RDB_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/slice.h"
#include "ds/item.h"
#include "rdb/error.h"
#include "rdb/format.h"
#include "store/entry.h"

struct rdb_decoder {
    char *buf;
    size_t pos, len, cap;
    /* Reads up to len bytes; 0 at the end, -1 on failure (errno). NULL: buf holds all there is. */
    long (*source)(void *ctx, char *bytes, size_t len);
    void *ctx;
    uint64_t base;  /* offset of buf[0] in the file */
    uint64_t total; /* size of the whole input: bounds every length */
    uint64_t crc;   /* of all bytes before buf[crc_pos] */
    size_t crc_pos;
    bool checksum;      /* compute it and compare; on unless the caller says otherwise */
    int version;        /* from the header */
    const char *reason; /* static text or `reason_text`; NULL while all is well */
    char reason_text[256];
    uint64_t error_offset; /* first byte of the item that does not hold */
    uint64_t item_offset;  /* first byte of the item being read, or read last */
    int sys_errno;
    char *scratch; /* decompressed strings */
    size_t scratch_cap;
    struct rdb_gather *gather; /* small collections; made when the first one comes */
};

void rdb_decoder_init_source(struct rdb_decoder *d, long (*source)(void *ctx, char *bytes, size_t len), void *ctx,
                             uint64_t total);
void rdb_decoder_init_memory(struct rdb_decoder *d, struct slice bytes);
void rdb_decoder_deinit(struct rdb_decoder *d);
uint64_t rdb_decoder_offset(const struct rdb_decoder *d);
uint64_t rdb_decoder_left(const struct rdb_decoder *d); /* bytes from there to the end of the input */
/* Records the first error, at the item read last; returns false for `return rdb_decoder_fail(...)`. */
bool rdb_decoder_fail(struct rdb_decoder *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

bool rdb_get_header(struct rdb_decoder *d); /* sets version */
bool rdb_get_byte(struct rdb_decoder *d, uint8_t *b);
bool rdb_get_len(struct rdb_decoder *d, uint64_t *len);
bool rdb_get_u32(struct rdb_decoder *d, uint32_t *v);
bool rdb_get_u64(struct rdb_decoder *d, uint64_t *v);

/* A string in whatever form. The slice (up to ENTRY_INLINE_VALUE_MAX bytes) is valid until the next call, or an
 * integer, or a longer string as a blob (owned by the caller). */
struct rdb_string {
    enum { RDB_GOT_SLICE, RDB_GOT_INT, RDB_GOT_BLOB } kind;
    struct slice slice;
    int64_t integer;
    struct blob *blob;
};
bool rdb_get_string(struct rdb_decoder *d, struct rdb_string *out);
/* The same as plain bytes in `d`'s buffer or scratch, at most `max` of them: keys and AUX fields. Valid until the
 * next call. */
bool rdb_get_bytes(struct rdb_decoder *d, struct slice *out, size_t max);
/* The same as an item: the smallest form of the text. */
bool rdb_get_item(struct rdb_decoder *d, struct item *out);
/* So many bytes, the rest of the item that begins with a length read before. Valid until the next call. */
bool rdb_get_raw(struct rdb_decoder *d, struct slice *out, uint8_t len);
/* A value of this RDB type for that key as a new entry (the caller's). False: the reason names the type when it is
 * not built. `key` must not stand in `d`'s own memory. */
bool rdb_get_value(struct rdb_decoder *d, uint8_t type, struct slice key, int64_t expire_at_ms, struct entry **out);
/* The opcodes of modules and functions, whose payload is of no use without them: fails, with their name in the
 * reason. */
bool rdb_refuse_opcode(struct rdb_decoder *d, uint8_t opcode);
/* After the EOF opcode: checksum (when version >= 5, stored and asked for) and nothing behind it. */
bool rdb_get_eof(struct rdb_decoder *d);
const char *rdb_type_name(uint8_t type); /* "LIST_QUICKLIST_2"; NULL for no type */

#endif
