/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

#define FIRST_CAP 64

void buf_deinit(struct buf *b)
{
    mem_free(b->data);
    *b = BUF_INIT;
}

static void grow(struct buf *b, size_t needed)
{
    size_t cap = b->cap < FIRST_CAP ? FIRST_CAP : b->cap;
    while (cap < needed) cap *= 2;
    cap = mem_good_size(cap);
    b->data = mem_realloc(b->data, cap);
    b->cap = cap;
}

char *buf_reserve(struct buf *b, size_t more)
{
    ASSERT(more <= PTRDIFF_MAX - b->len);
    if (b->data == NULL || b->cap - b->len < more) grow(b, b->len + more);
    return b->data + b->len;
}

void buf_append(struct buf *b, const void *bytes, size_t len)
{
    if (len == 0) return;
    memcpy(buf_reserve(b, len), bytes, len);
    b->len += len;
}

void buf_append_slice(struct buf *b, struct slice s) { buf_append(b, s.ptr, s.len); }

void buf_append_char(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->len++;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    char *at = buf_reserve(b, FIRST_CAP);
    size_t room = b->cap - b->len;
    int n = vsnprintf(at, room, fmt, args);
    ASSERT(n >= 0);
    if ((size_t)n >= room) vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
    b->len += (size_t)n;
    va_end(again);
    va_end(args);
}

/* The letter after a backslash for bytes that have one, else 0. */
static char escape_letter(unsigned char c)
{
    switch (c) {
    case '\\': return '\\';
    case '"': return '"';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    case '\a': return 'a';
    case '\b': return 'b';
    default: return 0;
    }
}

static char *put_quoted_byte(char *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char letter = escape_letter(c);
    if (letter != 0) {
        *out++ = '\\';
        *out++ = letter;
    } else if (c >= 0x20 && c < 0x7f) {
        *out++ = (char)c;
    } else {
        *out++ = '\\';
        *out++ = 'x';
        *out++ = hex[c >> 4];
        *out++ = hex[c & 15];
    }
    return out;
}

void buf_append_quoted(struct buf *b, struct slice s)
{
    buf_append_char(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        char *start = buf_reserve(b, 4);
        b->len += (size_t)(put_quoted_byte(start, (unsigned char)s.ptr[i]) - start);
    }
    buf_append_char(b, '"');
}

const char *buf_cstr(struct buf *b)
{
    *buf_reserve(b, 1) = '\0';
    return b->data;
}
