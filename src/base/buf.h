/* SPDX-License-Identifier: MIT */
/*
 * A growing byte buffer, for text that is built up: INFO, log lines, DUMP payloads.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

#include "base/slice.h"

struct buf {
    char *data; /* NULL while empty and never grown */
    size_t len;
    size_t cap;
};

#define BUF_INIT ((struct buf){0})

void buf_deinit(struct buf *b); /* leaves it empty and usable */
/* Room for `more` bytes after `len`; returns where they start. */
char *buf_reserve(struct buf *b, size_t more);
void buf_append(struct buf *b, const void *bytes, size_t len);
void buf_append_slice(struct buf *b, struct slice s);
void buf_append_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends the bytes as Redis quotes them in MONITOR and CLI output: "...\x00\n\"..." with the quotes. */
void buf_append_quoted(struct buf *b, struct slice s);
/* NUL-terminates (the NUL is not counted in len) and returns data. */
const char *buf_cstr(struct buf *b);

static inline void buf_clear(struct buf *b) { b->len = 0; }
static inline struct slice buf_slice(const struct buf *b) { return SLICE(b->data, b->len); }

#endif
