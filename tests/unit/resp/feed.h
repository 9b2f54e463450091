/* SPDX-License-Identifier: MIT */
/*
 * A connection without a socket: feeds bytes to the request parser piece by piece, as a connection does, and writes
 * down what it parsed. What the transcript says must not depend on the pieces. Every buffer that the parser sees has a
 * new address; with a guard page it ends flush against unmapped memory.
 */
#ifndef TESTS_UNIT_RESP_FEED_H
#define TESTS_UNIT_RESP_FEED_H

#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/mem.h"
#include "resp/parser.h"

struct feed {
    struct resp_parser parser;
    struct resp_batch batch;
    struct resp_limits limits;
    struct buf kept;
    struct buf transcript; /* "[wire argc len:bytes len:bytes]" a command; "!text" for an error */
    char *guarded_end;     /* NULL: plain heap buffers */
    bool ignore_target;    /* hands the bytes of big bulks to resp_parse all the same */
    bool failed;
    size_t full_batches, big_arguments;
};

static inline struct resp_limits feed_limits(bool authenticated)
{
    return (struct resp_limits){.max_bulk_bytes = 512u * 1024 * 1024,
                                .max_multibulk = RESP_MULTIBULK_MAX,
                                .max_unauth_bulk = RESP_UNAUTH_BULK,
                                .authenticated = authenticated};
}

static inline void feed_init(struct feed *f, struct resp_limits limits)
{
    memset(f, 0, sizeof(*f));
    resp_parser_init(&f->parser);
    resp_batch_init(&f->batch);
    f->limits = limits;
}

static inline void feed_deinit(struct feed *f)
{
    resp_parser_deinit(&f->parser);
    resp_batch_deinit(&f->batch);
    buf_deinit(&f->kept);
    buf_deinit(&f->transcript);
}

/* Bytes that are mapped, behind them a page that is not; returns the end. */
static inline char *feed_guarded_end(size_t bytes)
{
    size_t mapped = (bytes + 4095) / 4096 * 4096;
    char *p = mmap(NULL, mapped + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(p != MAP_FAILED && mprotect(p + mapped, 4096, PROT_NONE) == 0);
    return p + mapped;
}

static inline void feed_free_guarded(char *end, size_t bytes)
{
    size_t mapped = (bytes + 4095) / 4096 * 4096;
    munmap(end - mapped, mapped + 4096);
}

static inline void feed_write_down(struct feed *f)
{
    for (unsigned i = 0; i < f->batch.count; i++) {
        struct resp_command *c = &f->batch.commands[i];
        buf_printf(&f->transcript, "[%zu %u", c->wire_bytes, c->argc);
        for (unsigned k = 0; k < c->argc; k++) {
            struct arg *a = &c->argv[k];
            ASSERT(a->hash == 0);
            ASSERT(a->blob == NULL || (a->blob->data == a->ptr && a->blob->len == a->len));
            buf_printf(&f->transcript, " %zu:", a->len);
            buf_append(&f->transcript, a->ptr, a->len);
            if (a->blob == NULL) continue;
            f->big_arguments++;
            if (k % 2 == 0) continue; /* one handler takes it, another leaves it */
            blob_free(a->blob);
            a->blob = NULL;
        }
        buf_append(&f->transcript, "]", 1);
    }
}

/* Parses kept + bytes, moved to a place of their own. */
static inline void feed_parse(struct feed *f, const char *bytes, size_t len)
{
    if (len > 0) buf_append(&f->kept, bytes, len);
    size_t total = f->kept.len, dropped = 0;
    char *copy = f->guarded_end != NULL ? f->guarded_end - total : mem_alloc(total);
    if (total > 0) memcpy(copy, f->kept.data, total);
    enum resp_status status;
    do {
        size_t consumed;
        status = resp_parse(&f->parser, &f->limits, &f->batch, copy + dropped, total - dropped, &consumed);
        dropped += consumed;
        ASSERT(dropped <= total);
        ASSERT(status != RESP_FULL || dropped < total);
        feed_write_down(f);
        resp_batch_clear(&f->batch);
        if (status == RESP_FULL) f->full_batches++;
    } while (status == RESP_FULL);
    buf_clear(&f->kept);
    if (dropped < total) buf_append(&f->kept, copy + dropped, total - dropped);
    if (f->guarded_end == NULL) mem_free(copy);
    ASSERT(status == RESP_ERROR || f->kept.len == 0 || resp_parser_is_partial(&f->parser));
    if (status != RESP_ERROR) return;
    buf_printf(&f->transcript, "!%s", f->parser.error);
    f->failed = true;
}

/* A piece as it comes from a socket: first into the target as far as one is wanted, the rest through the buffer. */
static inline void feed(struct feed *f, const char *bytes, size_t len)
{
    char *to;
    size_t room;
    while (!f->failed && !f->ignore_target && len > 0 && resp_parser_target(&f->parser, &to, &room)) {
        ASSERT(f->kept.len == 0 && room > 0);
        size_t n = len < room ? len : room;
        memcpy(to, bytes, n);
        resp_parser_filled(&f->parser, n);
        bytes += n;
        len -= n;
    }
    if (!f->failed && !(len == 0 && resp_parser_target(&f->parser, &to, &room))) feed_parse(f, bytes, len);
}

#endif
