/* SPDX-License-Identifier: MIT */
/*
 * The reply writer: RESP2 and RESP3 into a chain of chunks that the connection sends with writev. Small replies are a
 * few stores into the current chunk. Chunks of REPLY_CHUNK_BYTES come from a small pool, so that an idle connection
 * holds none; a value that does not fit gets a chunk of its size (it is copied once), and each chunk for small
 * replies is twice as large as the one before. The pool is the only state that is not in `struct reply`: a static
 * free list of at most REPLY_POOL_CHUNKS, so all replies are written by one thread.
 *
 * Types without a RESP2 form fall back as Redis does: map -> array of twice the length, set and push -> array, double
 * -> bulk, bool -> integer, null -> $-1 or *-1, verbatim -> bulk.
 */
#ifndef RESP_REPLY_H
#define RESP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/slice.h"

#define REPLY_CHUNK_BYTES (16 * 1024)
#define REPLY_CHUNK_BYTES_MAX (1024 * 1024) /* how large chunks grow, but for a single larger value */
#define REPLY_POOL_CHUNKS 64

struct reply_chunk;

struct reply {
    char *pos, *end;          /* free room of the last chunk; equal when there is none */
    struct reply_chunk *head; /* first unsent */
    struct reply_chunk *tail;
    size_t sent;               /* bytes of head already sent */
    size_t sealed_bytes;       /* payload of the chunks before tail, less sent */
    uint8_t resp;              /* 2 or 3 */
    bool muted;                /* CLIENT REPLY OFF or SKIP: nothing is written */
    uint64_t error_count;      /* errors written so far: dispatch looks whether a command failed */
    char last_error[64];       /* start of the last error, for errorstats ("ERR ...") */
    size_t chunk_bytes;        /* private: heap held by the chain */
    uint32_t next_chunk_bytes; /* private: of the next chunk for small replies */
    unsigned open_count;       /* private: begun and not ended */
};

void reply_init(struct reply *r);
void reply_deinit(struct reply *r);
size_t reply_pending(const struct reply *r); /* bytes not sent yet */
size_t reply_memory(const struct reply *r);  /* heap held by chunks */
/* The unsent bytes as iovecs, at most n of them; returns how many. Then tell what was sent. Not between a reply_begin
 * and its end. */
int reply_iov(const struct reply *r, struct iovec *iov, int n);
void reply_mark_sent(struct reply *r, size_t bytes);
/* Drops everything that is not sent. */
void reply_discard(struct reply *r);

/* --- one value --- */
void reply_ok(struct reply *r);                       /* +OK */
void reply_simple(struct reply *r, const char *text); /* +text */
/* -text: "ERR syntax error"; CR and LF become spaces. Counted, and kept in last_error, even when muted. */
void reply_error(struct reply *r, const char *text);
void reply_errorf(struct reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_int(struct reply *r, int64_t value);
void reply_bulk(struct reply *r, struct slice s);
void reply_bulk_cstr(struct reply *r, const char *s);
void reply_bulkf(struct reply *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_bulk_int(struct reply *r, int64_t value);                     /* the digits as a bulk */
void reply_null(struct reply *r);                                        /* $-1 or _ */
void reply_null_array(struct reply *r);                                  /* *-1 or _ */
void reply_bool(struct reply *r, bool value);                            /* :1 or #t */
void reply_double(struct reply *r, double value);                        /* bulk or , */
void reply_long_double(struct reply *r, long double value);              /* bulk, as INCRBYFLOAT (human form) */
void reply_verbatim(struct reply *r, const char ext[3], struct slice s); /* bulk or =txt: */
void reply_empty_array(struct reply *r);
/* Several lines as an array of simple strings: HELP. NULL ends the list. The lines are complete already, the heading
 * "CMD <subcommand> [<arg> [value] [opt] ...]. Subcommands are:" and the closing HELP lines too. */
void reply_help(struct reply *r, const char *const *lines);

/* --- aggregates with a known length --- */
void reply_array(struct reply *r, size_t len);
void reply_map(struct reply *r, size_t pairs);
void reply_set(struct reply *r, size_t len);
void reply_push(struct reply *r, size_t len);

/* --- aggregates whose length is known later; may be nested --- */
struct reply_later {
    struct reply_chunk *chunk; /* private: where the header will stand; NULL when muted */
    size_t at;
};
/* Each begin has one end, the inner ones first. The header's place is left open in the chunk; the end closes it. */
struct reply_later reply_begin(struct reply *r);
void reply_end_array(struct reply *r, struct reply_later l, size_t len);
void reply_end_map(struct reply *r, struct reply_later l, size_t pairs);
void reply_end_set(struct reply *r, struct reply_later l, size_t len);

/* Bytes that are RESP already: shared messages. */
void reply_raw(struct reply *r, const void *bytes, size_t len);

#endif
