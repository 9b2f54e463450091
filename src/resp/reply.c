/* SPDX-License-Identifier: MIT */
/*
 * A chain of chunks:
 *
 *   head                                      tail
 *   +---------------+    +---------------+    +----------------------+
 *   | sent | unsent | -> | len bytes     | -> | written | pos .. end |
 *   +---------------+    +---------------+    +----------------------+
 *
 * Invariants:
 *   1. Only the tail is written to; the `len` of the others is final (but for a header's gap, closed by reply_end_*).
 *   2. sealed_bytes is the sum of `len` of all chunks but the tail, less `sent` when head is not the tail.
 *   3. pos and end point into the tail; all four pointers are NULL when nothing is pending.
 *   4. The bytes are a stream: a value may cross chunks, a header of a value never does.
 */
#include "resp/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"

#define HEADER_BYTES (1 + NUM_INT64_CHARS + 2) /* kind, digits, CRLF */

struct reply_chunk {
    struct reply_chunk *next;
    size_t len; /* once it is not the tail any more */
    size_t cap;
    char data[];
};

/* --- chunks --- */

static struct reply_chunk *pool;
static unsigned pool_count;

static size_t chunk_bytes(const struct reply_chunk *c) { return sizeof(*c) + c->cap; }

static struct reply_chunk *chunk_new(size_t bytes)
{
    struct reply_chunk *c = pool;
    if (bytes == REPLY_CHUNK_BYTES && c != NULL) {
        pool = c->next;
        pool_count--;
    } else {
        if (bytes > REPLY_CHUNK_BYTES) bytes = mem_good_size(bytes);
        c = mem_alloc(bytes);
        c->cap = bytes - sizeof(*c);
    }
    c->next = NULL;
    c->len = 0;
    return c;
}

static void chunk_free(struct reply_chunk *c)
{
    if (chunk_bytes(c) == REPLY_CHUNK_BYTES && pool_count < REPLY_POOL_CHUNKS) {
        c->next = pool;
        pool = c;
        pool_count++;
    } else {
        mem_free_sized(c, chunk_bytes(c));
    }
}

/* Each chunk for small replies is twice as large as the one before: a long chain stays short. */
static size_t next_chunk_bytes(struct reply *r)
{
    size_t bytes = r->next_chunk_bytes;
    if (bytes < REPLY_CHUNK_BYTES_MAX) r->next_chunk_bytes = (uint32_t)(bytes * 2);
    return bytes;
}

static void seal_tail(struct reply *r)
{
    struct reply_chunk *c = r->tail;
    c->len = (size_t)(r->pos - c->data);
    r->sealed_bytes += c->len - (c == r->head ? r->sent : 0);
}

/* A new tail with room for at least `room` bytes. */
static void open_chunk(struct reply *r, size_t room)
{
    size_t least = sizeof(struct reply_chunk) + room;
    struct reply_chunk *c = chunk_new(least > r->next_chunk_bytes ? least : next_chunk_bytes(r));
    if (r->tail != NULL) {
        seal_tail(r);
        r->tail->next = c;
    } else {
        r->head = c;
    }
    r->tail = c;
    r->pos = c->data;
    r->end = c->data + c->cap;
    r->chunk_bytes += chunk_bytes(c);
}

static void drop_head(struct reply *r)
{
    struct reply_chunk *c = r->head;
    r->head = c->next;
    r->sent = 0;
    if (r->head == NULL) {
        r->tail = NULL;
        r->pos = r->end = NULL;
        r->next_chunk_bytes = REPLY_CHUNK_BYTES;
    }
    r->chunk_bytes -= chunk_bytes(c);
    chunk_free(c);
}

/* --- the chain --- */

void reply_init(struct reply *r)
{
    memset(r, 0, sizeof(*r));
    r->resp = 2;
    r->next_chunk_bytes = REPLY_CHUNK_BYTES;
}

void reply_deinit(struct reply *r) { reply_discard(r); }

void reply_discard(struct reply *r)
{
    while (r->head != NULL) drop_head(r);
    r->sealed_bytes = 0;
    r->open_count = 0;
}

size_t reply_pending(const struct reply *r)
{
    if (r->tail == NULL) return 0;
    return r->sealed_bytes + (size_t)(r->pos - r->tail->data) - (r->head == r->tail ? r->sent : 0);
}

size_t reply_memory(const struct reply *r) { return r->chunk_bytes; }

static size_t chunk_len(const struct reply *r, const struct reply_chunk *c)
{
    return c == r->tail ? (size_t)(r->pos - c->data) : c->len;
}

int reply_iov(const struct reply *r, struct iovec *iov, int n)
{
    ASSERT(r->open_count == 0);
    int count = 0;
    size_t skip = r->sent;
    for (struct reply_chunk *c = r->head; c != NULL && count < n; c = c->next) {
        size_t len = chunk_len(r, c) - skip;
        if (len > 0) iov[count++] = (struct iovec){c->data + skip, len};
        skip = 0;
    }
    return count;
}

void reply_mark_sent(struct reply *r, size_t bytes)
{
    ASSERT(r->open_count == 0);
    ASSERT(bytes <= reply_pending(r));
    while (r->head != NULL) {
        bool is_tail = r->head == r->tail;
        size_t left = chunk_len(r, r->head) - r->sent;
        size_t now = bytes < left ? bytes : left;
        r->sent += now;
        bytes -= now;
        if (!is_tail) r->sealed_bytes -= now;
        if (now < left) return;
        drop_head(r);
    }
}

/* --- bytes --- */

/* Room for `bytes` in one piece; they are few. */
static inline char *reserve(struct reply *r, size_t bytes)
{
    if (__builtin_expect((size_t)(r->end - r->pos) < bytes, 0)) open_chunk(r, bytes);
    return r->pos;
}

static __attribute__((noinline)) void append_slowly(struct reply *r, const char *bytes, size_t len)
{
    size_t now = (size_t)(r->end - r->pos);
    if (now > 0) {
        memcpy(r->pos, bytes, now);
        r->pos += now;
    }
    open_chunk(r, len - now + 2); /* the CRLF of a value goes in, too */
    memcpy(r->pos, bytes + now, len - now);
    r->pos += len - now;
}

static void append(struct reply *r, const char *bytes, size_t len)
{
    if (len == 0) return;
    if ((size_t)(r->end - r->pos) < len) {
        append_slowly(r, bytes, len);
        return;
    }
    memcpy(r->pos, bytes, len);
    r->pos += len;
}

/* Short copies by two overlapping moves: cheaper than a call. */
static inline void copy_value(char *to, const char *from, size_t len)
{
    if (len > 32 || len < 4) {
        if (len >= 4)
            memcpy(to, from, len);
        else
            for (size_t i = 0; i < len; i++) to[i] = from[i];
    } else if (len >= 16) {
        memcpy(to, from, 16);
        memcpy(to + len - 16, from + len - 16, 16);
    } else if (len >= 8) {
        memcpy(to, from, 8);
        memcpy(to + len - 8, from + len - 8, 8);
    } else {
        memcpy(to, from, 4);
        memcpy(to + len - 4, from + len - 4, 4);
    }
}

static inline char *put_crlf(char *to)
{
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

/* "<kind><n>\r\n"; returns behind it. */
static inline char *put_header(char *to, char kind, uint64_t n)
{
    *to++ = kind;
    if (n < 10)
        *to++ = (char)('0' + n);
    else
        to += num_format_uint64(to, n);
    return put_crlf(to);
}

static void write_header(struct reply *r, char kind, uint64_t n)
{
    if (r->muted) return;
    r->pos = put_header(reserve(r, HEADER_BYTES), kind, n);
}

/* "<kind><text>\r\n" */
static void write_line(struct reply *r, char kind, const char *text, size_t len)
{
    if (r->muted) return;
    append(r, &kind, 1);
    append(r, text, len);
    append(r, "\r\n", 2);
}

void reply_raw(struct reply *r, const void *bytes, size_t len)
{
    if (!r->muted) append(r, bytes, len);
}

/* --- one value --- */

void reply_ok(struct reply *r) { reply_raw(r, "+OK\r\n", 5); }

void reply_simple(struct reply *r, const char *text) { write_line(r, '+', text, strlen(text)); }

static void note_error(struct reply *r, const char *text)
{
    r->error_count++;
    size_t len = strnlen(text, sizeof(r->last_error) - 1);
    memcpy(r->last_error, text, len);
    r->last_error[len] = '\0';
}

void reply_error(struct reply *r, const char *text)
{
    note_error(r, text);
    if (r->muted) return;
    append(r, "-", 1);
    for (;;) {
        size_t len = strcspn(text, "\r\n");
        append(r, text, len);
        if (text[len] == '\0') break;
        append(r, " ", 1);
        text += len + 1;
    }
    append(r, "\r\n", 2);
}

/* The formatted text: in `small` when it fits, else on the heap. */
static char *__attribute__((format(printf, 4, 0)))
format(char *small, size_t small_size, size_t *len, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(small, small_size, fmt, args);
    *len = n > 0 ? (size_t)n : 0;
    char *text = small;
    if (*len >= small_size) {
        text = mem_alloc(*len + 1);
        vsnprintf(text, *len + 1, fmt, again);
    }
    va_end(again);
    return text;
}

void reply_errorf(struct reply *r, const char *fmt, ...)
{
    char small[512];
    size_t len;
    va_list args;
    va_start(args, fmt);
    char *text = format(small, sizeof(small), &len, fmt, args);
    va_end(args);
    reply_error(r, text);
    if (text != small) mem_free(text);
}

void reply_bulkf(struct reply *r, const char *fmt, ...)
{
    if (r->muted) return;
    char small[512];
    size_t len;
    va_list args;
    va_start(args, fmt);
    char *text = format(small, sizeof(small), &len, fmt, args);
    va_end(args);
    reply_bulk(r, SLICE(text, len));
    if (text != small) mem_free(text);
}

void reply_int(struct reply *r, int64_t value)
{
    if (r->muted) return;
    char *to = reserve(r, HEADER_BYTES);
    *to++ = ':';
    to += num_format_int64(to, value);
    r->pos = put_crlf(to);
}

static __attribute__((noinline)) void bulk_slowly(struct reply *r, struct slice s)
{
    write_header(r, '$', s.len);
    append(r, s.ptr, s.len);
    append(r, "\r\n", 2);
}

void reply_bulk(struct reply *r, struct slice s)
{
    if (r->muted) return;
    size_t room = (size_t)(r->end - r->pos);
    if (__builtin_expect(room < HEADER_BYTES + 2 || s.len > room - HEADER_BYTES - 2, 0)) {
        bulk_slowly(r, s);
        return;
    }
    char *to = put_header(r->pos, '$', s.len);
    copy_value(to, s.ptr, s.len);
    r->pos = put_crlf(to + s.len);
}

void reply_bulk_cstr(struct reply *r, const char *s) { reply_bulk(r, slice_of(s)); }

void reply_bulk_int(struct reply *r, int64_t value)
{
    char digits[NUM_INT64_CHARS];
    reply_bulk(r, SLICE(digits, num_format_int64(digits, value)));
}

void reply_null(struct reply *r)
{
    if (r->resp == 3)
        reply_raw(r, "_\r\n", 3);
    else
        reply_raw(r, "$-1\r\n", 5);
}

void reply_null_array(struct reply *r)
{
    if (r->resp == 3)
        reply_raw(r, "_\r\n", 3);
    else
        reply_raw(r, "*-1\r\n", 5);
}

void reply_bool(struct reply *r, bool value)
{
    if (r->resp == 3)
        reply_raw(r, value ? "#t\r\n" : "#f\r\n", 4);
    else
        reply_raw(r, value ? ":1\r\n" : ":0\r\n", 4);
}

void reply_double(struct reply *r, double value)
{
    char text[NUM_DOUBLE_CHARS];
    unsigned len = num_format_double(text, value);
    if (r->resp == 3)
        write_line(r, ',', text, len);
    else
        reply_bulk(r, SLICE(text, len));
}

void reply_long_double(struct reply *r, long double value)
{
    char text[NUM_LONG_DOUBLE_CHARS];
    reply_bulk(r, SLICE(text, num_format_long_double(text, value)));
}

void reply_verbatim(struct reply *r, const char ext[3], struct slice s)
{
    if (r->resp != 3) {
        reply_bulk(r, s);
        return;
    }
    if (r->muted) return;
    write_header(r, '=', s.len + 4);
    append(r, ext, 3);
    append(r, ":", 1);
    append(r, s.ptr, s.len);
    append(r, "\r\n", 2);
}

void reply_empty_array(struct reply *r) { reply_raw(r, "*0\r\n", 4); }

void reply_help(struct reply *r, const char *const *lines)
{
    size_t count = 0;
    while (lines[count] != NULL) count++;
    reply_array(r, count);
    for (size_t i = 0; i < count; i++) reply_simple(r, lines[i]);
}

/* --- aggregates --- */

static void aggregate(struct reply *r, char kind3, uint64_t len3, uint64_t len2)
{
    if (r->resp == 3)
        write_header(r, kind3, len3);
    else
        write_header(r, '*', len2);
}

void reply_array(struct reply *r, size_t len) { write_header(r, '*', len); }
void reply_map(struct reply *r, size_t pairs) { aggregate(r, '%', pairs, pairs * 2); }
void reply_set(struct reply *r, size_t len) { aggregate(r, '~', len, len); }
void reply_push(struct reply *r, size_t len) { aggregate(r, '>', len, len); }

/* Leaves HEADER_BYTES open: more than the header will take. */
struct reply_later reply_begin(struct reply *r)
{
    if (r->muted) return (struct reply_later){NULL, 0};
    char *at = reserve(r, HEADER_BYTES);
    r->pos += HEADER_BYTES;
    r->open_count++;
    return (struct reply_later){r->tail, (size_t)(at - r->tail->data)};
}

/* Writes the header into the open place, then moves what follows it in its chunk down to it. */
static void end_with(struct reply *r, struct reply_later l, char kind, uint64_t n)
{
    struct reply_chunk *c = l.chunk;
    if (c == NULL) return;
    ASSERT(r->open_count > 0);
    r->open_count--;
    char *body = c->data + l.at + HEADER_BYTES;
    size_t body_len = chunk_len(r, c) - l.at - HEADER_BYTES;
    char *behind = put_header(c->data + l.at, kind, n);
    size_t gap = (size_t)(body - behind);
    memmove(behind, body, body_len);
    if (c == r->tail) {
        r->pos -= gap;
    } else {
        c->len -= gap;
        r->sealed_bytes -= gap;
    }
}

void reply_end_array(struct reply *r, struct reply_later l, size_t len) { end_with(r, l, '*', len); }

void reply_end_map(struct reply *r, struct reply_later l, size_t pairs)
{
    end_with(r, l, r->resp == 3 ? '%' : '*', r->resp == 3 ? pairs : pairs * 2);
}

void reply_end_set(struct reply *r, struct reply_later l, size_t len) { end_with(r, l, r->resp == 3 ? '~' : '*', len); }
