/* SPDX-License-Identifier: MIT */
/*
 * A ziplist:
 *
 *   0             4             8       10                              total-1
 *   +-------------+-------------+-------+---------+---------+-- ... --+----+
 *   | total bytes | tail offset | count | entry 0 | entry 1 |         | FF |     little-endian; count 65535: unknown
 *   +-------------+-------------+-------+---------+---------+-- ... --+----+
 *
 * The tail offset is that of the last entry, or of the terminator when there is none. An entry is `previous | head | data`:
 *
 *   previous   the bytes of the entry before it, 0 for the first: one byte below 254, or FE and 32 bits. Servers leave the
 *              long form for short lengths, too.
 *   00llllll data               a string of l bytes
 *   01llllll llllllll data      a string of l bytes, high bits first
 *   10...... llllllll x4 data   a string of l bytes, high byte first; the low bits of the head mean nothing
 *   C0 x2, F0 x3, D0 x4, E0 x8  an integer of 16, 24, 32, 64 bits, little-endian
 *   FE x1                       an integer of 8 bits
 *   F1 .. FD                    the integers 0 .. 12
 *
 * A zipmap:
 *
 *   0       1                                                                       len-1
 *   +-------+--------+-------+--------+------+-------+------------+-- ... --+----+
 *   | count | length | field | length | free | value | free bytes | ...     | FF |
 *   +-------+--------+-------+--------+------+-------+------------+-- ... --+----+
 *
 *   count      pairs; 254 and more: unknown
 *   length     one byte below 254, or FE and 32 bits little-endian
 *   free       one byte: bytes of any content behind the value
 */
#include "ds/ziplist.h"

#include <endian.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

#define HEADER_BYTES 10u
#define TAIL_OFFSET 4u
#define COUNT_OFFSET 8u
#define TERMINATOR 0xffu
#define COUNT_UNKNOWN 65535u
#define LONG_LENGTH 0xfeu /* 32 bits follow */
#define ZIPMAP_COUNT_UNKNOWN 254u

#define STRING_14BIT 0x40u
#define STRING_32BIT 0x80u
#define INT_16BIT 0xc0u
#define INT_24BIT 0xf0u
#define INT_32BIT 0xd0u
#define INT_64BIT 0xe0u
#define INT_8BIT 0xfeu
#define INT_SMALLEST 0xf1u /* 0 */
#define INT_GREATEST 0xfdu /* 12 */

#define WRITER_FIRST_BYTES 128u
#define ENTRY_HEAD_MAX_BYTES 14u /* previous and head: 5 and 9, or 5 and 5 */

static inline uint16_t load_u16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return le16toh(v);
}

static inline uint32_t load_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

static inline uint32_t load_u32_big(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return be32toh(v);
}

/* The low `bytes` bytes of v. */
static inline void store_low(uint8_t *p, uint64_t v, size_t bytes)
{
    v = htole64(v);
    memcpy(p, &v, bytes);
}

static bool refuse(const char **reason, const char *text)
{
    *reason = text;
    return false;
}

/* --- reading --- */

/* Untrusted bytes that are taken from the front. Neither reader takes the terminator, so that `left` does not count it. */
struct cursor {
    const uint8_t *p;
    size_t left;
};

/* NULL when there are not so many. */
static inline const uint8_t *take(struct cursor *c, size_t bytes)
{
    if (bytes > c->left) return NULL;
    const uint8_t *p = c->p;
    c->p += bytes;
    c->left -= bytes;
    return p;
}

static inline struct item text_item(const uint8_t *p, size_t len) { return item_of(SLICE((const char *)p, len)); }

static inline struct item int_item(int64_t v) { return (struct item){NULL, 0, v}; }

/* The form of lengths that both formats share: one byte, or FE and 32 bits. */
static bool take_length(struct cursor *c, size_t *len)
{
    const uint8_t *p = take(c, 1);
    if (p == NULL || *p == TERMINATOR) return false;
    *len = *p;
    if (*p != LONG_LENGTH) return true;
    p = take(c, 4);
    if (p == NULL) return false;
    *len = load_u32(p);
    return true;
}

/* The length of a string, by its head that was taken already. */
static bool take_string_length(struct cursor *c, uint8_t head, size_t *len)
{
    *len = head & 63;
    if (head < STRING_14BIT) return true;
    const uint8_t *p = take(c, head < STRING_32BIT ? 1 : 4);
    if (p == NULL) return false;
    *len = head < STRING_32BIT ? *len << 8 | *p : load_u32_big(p);
    return true;
}

/* 0: no integer has this head. */
static size_t int_bytes(uint8_t head)
{
    switch (head) {
    case INT_8BIT: return 1;
    case INT_16BIT: return 2;
    case INT_24BIT: return 3;
    case INT_32BIT: return 4;
    case INT_64BIT: return 8;
    default: return 0;
    }
}

/* Two's complement of so many bytes. */
static int64_t load_int(const uint8_t *p, size_t bytes)
{
    uint64_t v = 0;
    memcpy(&v, p, bytes);
    unsigned shift = 64 - 8 * (unsigned)bytes;
    return (int64_t)(le64toh(v) << shift) >> shift;
}

static bool read_data(struct cursor *c, struct item *out, const char **reason)
{
    const uint8_t *p = take(c, 1);
    if (p == NULL) return refuse(reason, "ziplist entry runs past the end");
    uint8_t head = *p;
    size_t bytes;
    if (head < INT_16BIT) {
        p = take_string_length(c, head, &bytes) ? take(c, bytes) : NULL;
        if (p == NULL) return refuse(reason, "ziplist entry runs past the end");
        *out = text_item(p, bytes);
        return true;
    }
    if (head >= INT_SMALLEST && head <= INT_GREATEST) {
        *out = int_item(head - (int)INT_SMALLEST);
        return true;
    }
    bytes = int_bytes(head);
    if (bytes == 0) return refuse(reason, "ziplist entry with an unknown encoding");
    p = take(c, bytes);
    if (p == NULL) return refuse(reason, "ziplist entry runs past the end");
    *out = int_item(load_int(p, bytes));
    return true;
}

static bool check_ziplist_frame(const uint8_t *bytes, size_t len, const char **reason)
{
    if (len < HEADER_BYTES + 1) return refuse(reason, "ziplist shorter than its header");
    if (load_u32(bytes) != len) return refuse(reason, "ziplist of another length than its header says");
    if (bytes[len - 1] != TERMINATOR) return refuse(reason, "ziplist without a terminator");
    return true;
}

bool ziplist_read(const uint8_t *bytes, size_t len, const char **reason,
                  bool (*fn)(void *ctx, size_t index, const struct item *i, const char **reason), void *ctx)
{
    if (!check_ziplist_frame(bytes, len, reason)) return false;
    struct cursor c = {bytes + HEADER_BYTES, len - HEADER_BYTES - 1};
    const uint8_t *last = c.p;
    size_t count = 0, last_len = 0;
    for (; c.left > 0; count++) {
        const uint8_t *entry = c.p;
        size_t told;
        struct item i;
        if (!take_length(&c, &told) || told != last_len)
            return refuse(reason, "ziplist entry with a wrong length of the previous one");
        if (!read_data(&c, &i, reason)) return false;
        if (fn != NULL && !fn(ctx, count, &i, reason)) return false;
        last = entry;
        last_len = (size_t)(c.p - entry);
    }
    if (load_u32(bytes + TAIL_OFFSET) != (size_t)(last - bytes))
        return refuse(reason, "ziplist with a wrong tail offset");
    size_t told = load_u16(bytes + COUNT_OFFSET);
    if (told != COUNT_UNKNOWN && told != count)
        return refuse(reason, "ziplist of another count of entries than its header says");
    return true;
}

/* A field, or a value with its free bytes. */
static bool read_zipmap_text(struct cursor *c, bool is_value, struct item *out, const char **reason)
{
    size_t len, free_bytes = 0;
    if (!take_length(c, &len)) return refuse(reason, "zipmap with a bad length");
    if (is_value) {
        const uint8_t *p = take(c, 1);
        if (p == NULL) return refuse(reason, "zipmap value runs past the end");
        free_bytes = *p;
    }
    const uint8_t *text = take(c, len);
    if (text == NULL || take(c, free_bytes) == NULL)
        return refuse(reason, is_value ? "zipmap value runs past the end" : "zipmap field runs past the end");
    *out = text_item(text, len);
    return true;
}

bool zipmap_read(const uint8_t *bytes, size_t len, const char **reason,
                 bool (*fn)(void *ctx, size_t index, const struct item *i, const char **reason), void *ctx)
{
    if (len < 2) return refuse(reason, "zipmap shorter than its header");
    if (bytes[len - 1] != TERMINATOR) return refuse(reason, "zipmap without a terminator");
    struct cursor c = {bytes + 1, len - 2};
    size_t index = 0;
    while (c.left > 0 || index % 2 != 0) {
        struct item i;
        if (!read_zipmap_text(&c, index % 2 != 0, &i, reason)) return false;
        if (fn != NULL && !fn(ctx, index, &i, reason)) return false;
        index++;
    }
    if (bytes[0] < ZIPMAP_COUNT_UNKNOWN && bytes[0] != index / 2)
        return refuse(reason, "zipmap of another count of fields than its header says");
    return true;
}

/* --- writing --- */

void ziplist_writer_init(struct ziplist_writer *w)
{
    *w = (struct ziplist_writer){.bytes = mem_alloc(WRITER_FIRST_BYTES),
                                 .len = HEADER_BYTES,
                                 .cap = WRITER_FIRST_BYTES,
                                 .last_offset = HEADER_BYTES};
}

static void make_room(struct ziplist_writer *w, size_t more)
{
    ASSERT(more <= UINT32_MAX && w->len + more <= UINT32_MAX);
    if (more <= w->cap - w->len) return;
    w->cap = w->len + more > 2 * w->cap ? w->len + more : 2 * w->cap;
    w->bytes = mem_realloc(w->bytes, w->cap);
}

/* Writers of the format take texts of up to 31 bytes for integers where they can: every canonical one is shorter. */
static size_t write_int(uint8_t *out, int64_t v)
{
    if (v >= 0 && v <= 12) {
        out[0] = (uint8_t)(INT_SMALLEST + (unsigned)v);
        return 1;
    }
    out[0] = INT_64BIT;
    if (v >= INT8_MIN && v <= INT8_MAX)
        out[0] = INT_8BIT;
    else if (v >= INT16_MIN && v <= INT16_MAX)
        out[0] = INT_16BIT;
    else if (v >= -(1 << 23) && v < 1 << 23)
        out[0] = INT_24BIT;
    else if (v >= INT32_MIN && v <= INT32_MAX)
        out[0] = INT_32BIT;
    size_t bytes = int_bytes(out[0]);
    store_low(out + 1, (uint64_t)v, bytes);
    return 1 + bytes;
}

static size_t write_string_head(uint8_t *out, size_t len)
{
    if (len < 64) {
        out[0] = (uint8_t)len;
        return 1;
    }
    if (len < 16384) {
        out[0] = (uint8_t)(STRING_14BIT | len >> 8);
        out[1] = (uint8_t)len;
        return 2;
    }
    uint32_t big = htobe32((uint32_t)len);
    out[0] = STRING_32BIT;
    memcpy(out + 1, &big, sizeof(big));
    return 5;
}

static size_t write_previous(uint8_t *out, size_t len)
{
    out[0] = len < LONG_LENGTH ? (uint8_t)len : LONG_LENGTH;
    if (len < LONG_LENGTH) return 1;
    store_low(out + 1, len, 4);
    return 5;
}

void ziplist_writer_add(struct ziplist_writer *w, const struct item *i)
{
    bool is_int = item_is_int(i);
    make_room(w, ENTRY_HEAD_MAX_BYTES + (is_int ? 0 : i->len));
    uint8_t *entry = w->bytes + w->len, *p = entry;
    p += write_previous(p, w->last_len);
    if (is_int) {
        p += write_int(p, i->integer);
    } else {
        p += write_string_head(p, i->len);
        memcpy(p, i->ptr, i->len);
        p += i->len;
    }
    w->last_offset = w->len;
    w->last_len = (size_t)(p - entry);
    w->len += w->last_len;
    w->count++;
}

void ziplist_writer_finish(struct ziplist_writer *w)
{
    make_room(w, 1);
    w->bytes[w->len++] = TERMINATOR;
    store_low(w->bytes, w->len, 4);
    store_low(w->bytes + TAIL_OFFSET, w->last_offset, 4);
    store_low(w->bytes + COUNT_OFFSET, w->count < COUNT_UNKNOWN ? w->count : COUNT_UNKNOWN, 2);
}

void ziplist_writer_deinit(struct ziplist_writer *w)
{
    mem_free(w->bytes);
    *w = (struct ziplist_writer){.bytes = NULL};
}
