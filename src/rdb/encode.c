/* SPDX-License-Identifier: MIT */
/*
 * Everything small is encoded straight into the buffer: `room` makes sure of the place once, then bytes are stored
 * without further checks. Strings past LARGE_STRING_BYTES go to the sink from where they are.
 *
 * Invariants:
 *   1. buf[0 .. len) is not yet checksummed nor handed over; crc and written cover all before it.
 *   2. Once `failed`, len falls back to 0 at every flush: room() stays valid, and nothing reaches the sink any more.
 *   3. Of an encoder in memory, buf is out->data, and out_start .. len are its bytes.
 *
 * LZF on short strings that hold no repetition is the dearest thing here (it tries every position against a table of
 * 256 KiB), and pays nothing. A match needs three bytes that occurred before; `may_repeat` looks for that in a table
 * that fits the first-level cache, and stops at the first one. It only ever says no when LZF could not find a match:
 * what is written is the same with and without it.
 */
#include "rdb/encode.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "base/lzf.h"
#include "base/mem.h"
#include "base/num.h"
#include "rdb/encode_collections.h"
#include "rdb/gather.h"

#define ENCODER_BUFFER_BYTES ((size_t)1 << 20)
#define LARGE_STRING_BYTES ((size_t)64 << 10)
#define SCRATCH_KEPT_BYTES ((size_t)1 << 20)
/* 0xC3 and two lengths, or an expiry, IDLE, FREQ and a type byte. */
#define STRING_HEAD_BYTES (1 + 2 * RDB_LEN_MAX_BYTES)
#define ENTRY_HEAD_BYTES (9 + 1 + RDB_LEN_MAX_BYTES + 2 + 1)
/* Longer strings nearly always repeat something: asking would be in vain. */
#define REPEAT_CHECK_MAX_BYTES 256
#define SEEN_BITS 14
#define SEEN_BYTES ((size_t)1 << SEEN_BITS)

_Static_assert(LARGE_STRING_BYTES + STRING_HEAD_BYTES + ENTRY_HEAD_BYTES < ENCODER_BUFFER_BYTES, "a small string fits");

/* --- the buffer --- */

void rdb_encoder_init(struct rdb_encoder *e, bool (*sink)(void *ctx, const char *bytes, size_t len), void *ctx)
{
    ASSERT(sink != NULL);
    *e = (struct rdb_encoder){.sink = sink,
                              .ctx = ctx,
                              .buf = mem_alloc(ENCODER_BUFFER_BYTES),
                              .cap = ENCODER_BUFFER_BYTES,
                              .seen = mem_calloc(SEEN_BYTES),
                              .version = RDB_VERSION_DEFAULT,
                              .compress = true,
                              .checksum = true};
}

void rdb_encoder_init_memory(struct rdb_encoder *e, struct buf *out)
{
    *e = (struct rdb_encoder){.out = out,
                              .out_start = out->len,
                              .buf = out->data,
                              .len = out->len,
                              .cap = out->cap,
                              .version = RDB_VERSION_DEFAULT,
                              .compress = true,
                              .checksum = true};
}

void rdb_encoder_deinit(struct rdb_encoder *e)
{
    if (!e->out) mem_free(e->buf);
    mem_free(e->scratch);
    mem_free(e->seen);
    if (e->gather) {
        rdb_gather_deinit(e->gather);
        mem_free(e->gather);
    }
    *e = (struct rdb_encoder){0};
}

/* Bytes of the encoder that stand in its buffer. */
static inline size_t buffered(const struct rdb_encoder *e) { return e->len - e->out_start; }

static void hand_over(struct rdb_encoder *e, const char *bytes, size_t len)
{
    if (e->failed || len == 0) return;
    if (e->checksum) e->crc = crc64(e->crc, bytes, len);
    e->failed = !e->sink(e->ctx, bytes, len);
    if (!e->failed) e->written += len;
}

bool rdb_encoder_flush(struct rdb_encoder *e)
{
    if (e->out) {
        e->out->len = e->len;
        return true;
    }
    hand_over(e, e->buf, e->len);
    e->len = 0;
    return !e->failed;
}

uint64_t rdb_encoder_offset(const struct rdb_encoder *e) { return e->written + buffered(e); }

static __attribute__((noinline)) void make_room(struct rdb_encoder *e, size_t bytes)
{
    rdb_encoder_flush(e);
    if (e->out) {
        buf_reserve(e->out, bytes);
        e->buf = e->out->data;
        e->cap = e->out->cap;
    }
    ASSERT(e->cap - e->len >= bytes);
}

/* A place for `bytes` bytes; the caller adds to len what it stored. */
static inline char *room(struct rdb_encoder *e, size_t bytes)
{
    if (__builtin_expect(e->cap - e->len < bytes, 0)) make_room(e, bytes);
    return e->buf + e->len;
}

static inline void stored_up_to(struct rdb_encoder *e, const char *end) { e->len = (size_t)(end - e->buf); }

static void put_bytes(struct rdb_encoder *e, const char *bytes, size_t len)
{
    if (e->out || len <= LARGE_STRING_BYTES) {
        char *p = room(e, len);
        if (len) memcpy(p, bytes, len);
        e->len += len;
        return;
    }
    rdb_encoder_flush(e);
    while (len > 0) {
        size_t n = len < ENCODER_BUFFER_BYTES ? len : ENCODER_BUFFER_BYTES;
        hand_over(e, bytes, n);
        bytes += n;
        len -= n;
    }
}

/* --- numbers --- */

static inline char *store_u16(char *p, uint16_t v)
{
    v = htole16(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline char *store_u32(char *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline char *store_u64(char *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline unsigned len_bytes(uint64_t len)
{
    if (len < 1u << 6) return 1;
    if (len < 1u << 14) return 2;
    return len <= UINT32_MAX ? 5 : 9;
}

static inline char *store_len(char *p, uint64_t len)
{
    if (len < 1u << 6) {
        *p++ = (char)(RDB_LEN_6BIT << 6 | len);
    } else if (len < 1u << 14) {
        *p++ = (char)(RDB_LEN_14BIT << 6 | len >> 8);
        *p++ = (char)len;
    } else if (len <= UINT32_MAX) {
        *p++ = (char)RDB_LEN_32BIT;
        p = store_u32(p, __builtin_bswap32((uint32_t)len));
    } else {
        *p++ = (char)RDB_LEN_64BIT;
        p = store_u64(p, __builtin_bswap64(len));
    }
    return p;
}

static inline char special(enum rdb_string_form form) { return (char)(RDB_LEN_SPECIAL << 6 | form); }

/* The 8, 16 and 32-bit forms; up to 5 bytes. */
static inline char *store_int(char *p, int32_t value)
{
    if (value == (int8_t)value) {
        *p++ = special(RDB_STRING_INT8);
        *p++ = (char)value;
        return p;
    }
    if (value == (int16_t)value) {
        *p++ = special(RDB_STRING_INT16);
        return store_u16(p, (uint16_t)value);
    }
    *p++ = special(RDB_STRING_INT32);
    return store_u32(p, (uint32_t)value);
}

void rdb_put_byte(struct rdb_encoder *e, uint8_t b)
{
    *room(e, 1) = (char)b;
    e->len++;
}

void rdb_put_len(struct rdb_encoder *e, uint64_t len) { stored_up_to(e, store_len(room(e, RDB_LEN_MAX_BYTES), len)); }

void rdb_put_u32(struct rdb_encoder *e, uint32_t v) { stored_up_to(e, store_u32(room(e, sizeof v), v)); }

void rdb_put_u64(struct rdb_encoder *e, uint64_t v) { stored_up_to(e, store_u64(room(e, sizeof v), v)); }

/* --- strings --- */

void rdb_put_int_string(struct rdb_encoder *e, int64_t value)
{
    char *p = room(e, 1 + NUM_INT64_CHARS);
    if (value == (int32_t)value) {
        stored_up_to(e, store_int(p, (int32_t)value));
        return;
    }
    unsigned digits = num_format_int64(p + 1, value);
    *p = (char)digits;
    e->len += 1 + digits;
}

/* True when the text is the canonical form of a 32-bit integer. */
static inline bool is_int32_text(struct slice s, int32_t *out)
{
    if (s.len - 1 >= RDB_INT_MAX_CHARS) return false;
    if ((unsigned char)(s.ptr[s.len - 1] - '0') > 9) return false;
    int64_t value;
    if (!num_parse_int64(s, &value) || value != (int32_t)value) return false;
    *out = (int32_t)value;
    return true;
}

/* Whether three bytes in a row occur twice in a string (or seem to: a hash decides). */
static bool may_repeat(struct rdb_encoder *e, struct slice s)
{
    if (!e->seen || s.len > REPEAT_CHECK_MAX_BYTES) return true;
    if (++e->seen_round == 0) {
        memset(e->seen, 0, SEEN_BYTES);
        e->seen_round = 1;
    }
    uint8_t *seen = e->seen, round = e->seen_round;
    const unsigned char *p = (const unsigned char *)s.ptr, *end = p + s.len - 2;
    uint32_t three = (uint32_t)p[0] << 8 | p[1];
    for (; p < end; p++) {
        three = (three << 8 | p[2]) & 0xffffff;
        uint8_t *mark = seen + (three * 0x9e3779b1u >> (32 - SEEN_BITS));
        if (*mark == round) return true;
        *mark = round;
    }
    return false;
}

static inline char *store_lzf_head(char *p, size_t packed, size_t len)
{
    *p++ = special(RDB_STRING_LZF);
    p = store_len(p, packed);
    return store_len(p, len);
}

/* Packs where the bytes will stand, behind a head of the likely size, and moves them when the guess was wrong.
 * NULL when it does not pay. */
static char *store_packed(struct rdb_encoder *e, char *p, struct slice s)
{
    if (!may_repeat(e, s)) return NULL;
    size_t most = s.len - RDB_COMPRESS_MIN_SAVED;
    char *body = p + 1 + len_bytes(most) + len_bytes(s.len);
    size_t packed = lzf_pack(s.ptr, s.len, body, most);
    if (packed == 0) return NULL;
    char *end = store_lzf_head(p, packed, s.len);
    if (end != body) memmove(end, body, packed);
    return end + packed;
}

/* Past the buffer: packed in a scratch of its own. False when it does not pay, or memory is short: raw is always
 * right. */
static bool put_large_packed(struct rdb_encoder *e, struct slice s)
{
    if (s.len > UINT32_MAX) return false;
    size_t most = s.len - RDB_COMPRESS_MIN_SAVED;
    if (e->scratch_cap < most) {
        mem_free(e->scratch);
        e->scratch = mem_try_alloc(most);
        e->scratch_cap = e->scratch ? most : 0;
        if (!e->scratch) return false;
    }
    size_t packed = lzf_pack(s.ptr, s.len, e->scratch, most);
    if (packed > 0) {
        stored_up_to(e, store_lzf_head(room(e, STRING_HEAD_BYTES), packed, s.len));
        put_bytes(e, e->scratch, packed);
    }
    if (e->scratch_cap > SCRATCH_KEPT_BYTES) {
        mem_free(e->scratch);
        e->scratch = NULL;
        e->scratch_cap = 0;
    }
    return packed > 0;
}

static __attribute__((noinline)) void put_large_string(struct rdb_encoder *e, struct slice s)
{
    if (e->compress && put_large_packed(e, s)) return;
    rdb_put_len(e, s.len);
    put_bytes(e, s.ptr, s.len);
}

/* `p` has room for the string and STRING_HEAD_BYTES more. */
static inline char *store_string(struct rdb_encoder *e, char *p, struct slice s)
{
    int32_t value;
    if (is_int32_text(s, &value)) return store_int(p, value);
    if (e->compress && s.len >= RDB_COMPRESS_MIN_BYTES) {
        char *end = store_packed(e, p, s);
        if (end) return end;
    }
    p = store_len(p, s.len);
    if (s.len) memcpy(p, s.ptr, s.len);
    return p + s.len;
}

void rdb_put_string(struct rdb_encoder *e, struct slice s)
{
    if (s.len > LARGE_STRING_BYTES) {
        put_large_string(e, s);
        return;
    }
    char *p = room(e, s.len + STRING_HEAD_BYTES);
    stored_up_to(e, store_string(e, p, s));
}

void rdb_put_raw(struct rdb_encoder *e, struct slice s) { put_bytes(e, s.ptr, s.len); }

/* --- records --- */

void rdb_put_header(struct rdb_encoder *e)
{
    char header[RDB_HEADER_BYTES + 1];
    ASSERT(e->version >= RDB_VERSION_MIN && e->version <= RDB_VERSION_MAX);
    snprintf(header, sizeof header, RDB_MAGIC "%04u", (unsigned)e->version % 10000);
    put_bytes(e, header, RDB_HEADER_BYTES);
}

void rdb_put_aux(struct rdb_encoder *e, const char *name, struct slice value)
{
    if (e->version < RDB_VERSION_HINTS) return;
    rdb_put_byte(e, RDB_OP_AUX);
    rdb_put_string(e, slice_of(name));
    rdb_put_string(e, value);
}

void rdb_put_select_db(struct rdb_encoder *e, unsigned db)
{
    rdb_put_byte(e, RDB_OP_SELECTDB);
    rdb_put_len(e, db);
}

void rdb_put_resize_db(struct rdb_encoder *e, uint64_t keys, uint64_t expires)
{
    if (e->version < RDB_VERSION_HINTS) return;
    rdb_put_byte(e, RDB_OP_RESIZEDB);
    rdb_put_len(e, keys);
    rdb_put_len(e, expires);
}

void rdb_put_value(struct rdb_encoder *e, const struct entry *entry)
{
    int64_t value;
    if (entry_type(entry) != VALUE_STRING) {
        rdb_put_collection(e, entry);
        return;
    }
    if (entry_int(entry, &value)) {
        rdb_put_int_string(e, value);
        return;
    }
    char scratch[NUM_INT64_CHARS];
    rdb_put_string(e, entry_string(entry, scratch));
}

uint8_t rdb_type_of(const struct entry *entry, int version)
{
    return entry_type(entry) == VALUE_STRING ? RDB_TYPE_STRING : rdb_collection_type(entry, version);
}

static char *store_access(char *p, const struct rdb_entry_extra *extra)
{
    if (extra->idle_s >= 0) {
        *p++ = (char)RDB_OP_IDLE;
        p = store_len(p, (uint64_t)extra->idle_s);
    }
    if (extra->freq >= 0) {
        *p++ = (char)RDB_OP_FREQ;
        *p++ = (char)extra->freq;
    }
    return p;
}

/* Nearly every key is small: head and key are stored in one go. */
void rdb_put_entry(struct rdb_encoder *e, const struct entry *entry, const struct rdb_entry_extra *extra)
{
    struct slice key = entry_key(entry);
    bool is_large_key = key.len > LARGE_STRING_BYTES;
    char *p = room(e, ENTRY_HEAD_BYTES + STRING_HEAD_BYTES + (is_large_key ? 0 : key.len));
    int64_t expire_at_ms = entry_expire_at_ms(entry);
    if (expire_at_ms != ENTRY_NO_EXPIRY) {
        *p++ = (char)RDB_OP_EXPIRETIME_MS;
        p = store_u64(p, (uint64_t)expire_at_ms);
    }
    if (extra && e->version >= RDB_VERSION_ACCESS) p = store_access(p, extra);
    *p++ = (char)rdb_type_of(entry, e->version);
    if (!is_large_key) p = store_string(e, p, key);
    stored_up_to(e, p);
    if (is_large_key) put_large_string(e, key);
    rdb_put_value(e, entry);
}

bool rdb_put_eof(struct rdb_encoder *e)
{
    rdb_put_byte(e, RDB_OP_EOF);
    if (e->version >= RDB_VERSION_CHECKSUM) {
        room(e, RDB_CHECKSUM_BYTES); /* a flush would take the bytes away */
        uint64_t crc = e->checksum ? crc64(e->crc, e->buf + e->out_start, buffered(e)) : 0;
        rdb_put_u64(e, crc);
    }
    return rdb_encoder_flush(e);
}
