/* SPDX-License-Identifier: MIT */
/*
 * A line has at most half as many words as bytes, and the words with their NULs need at most one byte more
 * than the line. So one allocation, made first, holds the slices and the bytes:
 *
 *   +------------------------+--------------------------+
 *   | struct slice items[]   | "set\0" "key\0" "x y\0"  |
 *   +------------------------+--------------------------+
 *   ^ storage, items
 */
#include "base/words.h"

#include "base/mem.h"

struct reader {
    const char *p;
    const char *end;
    char *out; /* where the next byte of a word goes */
};

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Vertical tabs and form feeds are skipped between words but belong to a word inside one, as in Redis. */
static bool ends_word(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static char unescape(char c)
{
    switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
    }
}

/* A closing quote ends the word: only a blank or the end of the line may follow. */
static bool is_closed_well(const struct reader *r) { return r->p == r->end || is_blank(*r->p); }

/* Behind the opening quote. False when the line ends inside. */
static bool read_double_quoted(struct reader *r)
{
    while (r->p < r->end) {
        const char *p = r->p;
        size_t left = (size_t)(r->end - p);
        if (*p == '"') {
            r->p++;
            return is_closed_well(r);
        }
        if (*p == '\\' && left >= 4 && p[1] == 'x' && hex_digit(p[2]) >= 0 && hex_digit(p[3]) >= 0) {
            *r->out++ = (char)(hex_digit(p[2]) * 16 + hex_digit(p[3]));
            r->p += 4;
        } else if (*p == '\\' && left >= 2) {
            *r->out++ = unescape(p[1]);
            r->p += 2;
        } else {
            *r->out++ = *p;
            r->p++;
        }
    }
    return false;
}

static bool read_single_quoted(struct reader *r)
{
    while (r->p < r->end) {
        if (*r->p == '\'') {
            r->p++;
            return is_closed_well(r);
        }
        if (*r->p == '\\' && r->end - r->p >= 2 && r->p[1] == '\'') r->p++;
        *r->out++ = *r->p++;
    }
    return false;
}

/* The first character is not a blank. A quote may also open in the middle of a word. */
static bool read_word(struct reader *r)
{
    while (r->p < r->end && !ends_word(*r->p)) {
        char c = *r->p++;
        if (c == '"') return read_double_quoted(r);
        if (c == '\'') return read_single_quoted(r);
        *r->out++ = c;
    }
    return true;
}

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && is_blank(*r->p)) r->p++;
}

bool words_split(struct slice line, struct words *out)
{
    if (line.len == 0) line = SLICE_LIT("");
    const char *nul = memchr(line.ptr, '\0', line.len);
    if (nul != NULL) line.len = (size_t)(nul - line.ptr);
    size_t most = line.len / 2 + 1;
    char *storage = mem_alloc(most * sizeof(struct slice) + line.len + 2);
    *out = (struct words){.items = (struct slice *)(void *)storage, .storage = storage};
    struct reader r = {line.ptr, line.ptr + line.len, storage + most * sizeof(struct slice)};
    for (skip_blanks(&r); r.p < r.end; skip_blanks(&r)) {
        const char *start = r.out;
        if (!read_word(&r)) {
            words_deinit(out);
            return false;
        }
        out->items[out->count++] = SLICE(start, (size_t)(r.out - start));
        *r.out++ = '\0';
    }
    return true;
}

void words_deinit(struct words *w)
{
    mem_free(w->storage);
    *w = (struct words){0};
}
