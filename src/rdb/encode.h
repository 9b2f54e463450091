/* SPDX-License-Identifier: MIT */
/*
 * The encoder: RDB records into a large buffer, handed to a sink when full, checksummed as it goes. Sticky: after a
 * failed sink every call does nothing, and rdb_encoder_flush and rdb_put_eof tell. Twin of decode.h: the functions
 * mirror one by one.
 *
 * What is written suits the target `version`, which the caller sets before rdb_put_header: AUX and RESIZEDB from 7 on,
 * IDLE and FREQ from 9 on, a checksum from 5 on; below that they are left out. Collections take the forms of that version
 * (drawn in encode_collections.c).
 * Lengths over 4 GiB take the 64-bit form, which servers know from version 8 on, whatever the target is.
 */
#ifndef RDB_ENCODE_H
#define RDB_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "rdb/format.h"
#include "store/entry.h"

struct rdb_encoder {
    char *buf;
    size_t len, cap;
    /* Writes all bytes or returns false. NULL: everything stays in `out`. */
    bool (*sink)(void *ctx, const char *bytes, size_t len);
    void *ctx;
    struct buf *out;  /* of an encoder in memory; its len is set by rdb_encoder_flush */
    size_t out_start; /* where in `out` the encoder began */
    uint64_t crc;
    uint64_t written; /* bytes handed to the sink */
    int version;      /* target RDB version */
    bool compress, checksum;
    bool failed;
    char *scratch; /* for compression */
    size_t scratch_cap;
    uint8_t *seen; /* which 3-byte sequences a short string holds: see encode.c */
    uint8_t seen_round;
    struct rdb_gather *gather; /* for small collections that are put together anew */
    bool is_payload;           /* of DUMP: the forms of the distribution's server */
};

/* Compresses and checksums, for version RDB_VERSION_DEFAULT, unless the caller sets the fields otherwise. */
void rdb_encoder_init(struct rdb_encoder *e, bool (*sink)(void *ctx, const char *bytes, size_t len), void *ctx);
/* Appends to `out`, which nobody else may touch until rdb_encoder_flush. */
void rdb_encoder_init_memory(struct rdb_encoder *e, struct buf *out);
void rdb_encoder_deinit(struct rdb_encoder *e);
bool rdb_encoder_flush(struct rdb_encoder *e); /* false when failed */
uint64_t rdb_encoder_offset(const struct rdb_encoder *e);

void rdb_put_header(struct rdb_encoder *e);
void rdb_put_byte(struct rdb_encoder *e, uint8_t b);
void rdb_put_len(struct rdb_encoder *e, uint64_t len);
void rdb_put_u32(struct rdb_encoder *e, uint32_t v);
void rdb_put_u64(struct rdb_encoder *e, uint64_t v);
void rdb_put_string(struct rdb_encoder *e, struct slice s); /* integer, LZF or raw, whatever is smallest */
void rdb_put_int_string(struct rdb_encoder *e, int64_t value);
void rdb_put_raw(struct rdb_encoder *e, struct slice s); /* the bytes alone */
void rdb_put_aux(struct rdb_encoder *e, const char *name, struct slice value);
void rdb_put_select_db(struct rdb_encoder *e, unsigned db);
void rdb_put_resize_db(struct rdb_encoder *e, uint64_t keys, uint64_t expires);
void rdb_put_value(struct rdb_encoder *e, const struct entry *entry); /* without type and key: also DUMP's */
uint8_t rdb_type_of(const struct entry *entry, int version);
/* The oldest version that can hold the value. */
int rdb_version_needed(const struct entry *entry);
/* expiry, IDLE or FREQ when asked for, type, key, value; extra may be NULL */
struct rdb_entry_extra {
    int64_t idle_s; /* -1: do not write */
    int freq;       /* -1: do not write */
};
void rdb_put_entry(struct rdb_encoder *e, const struct entry *entry, const struct rdb_entry_extra *extra);
/* EOF opcode and checksum, flush. */
bool rdb_put_eof(struct rdb_encoder *e);

#endif
