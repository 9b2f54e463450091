/* SPDX-License-Identifier: MIT */
/*
 * The request parser: a pure function over bytes, resumable at any cut, never rescanning. It takes RESP multibulk
 * requests and inline commands, and fills a batch with every complete command that is in the buffer. Arguments are
 * slices of that buffer: no allocation. It knows no socket and no command.
 *
 * A bulk of RESP_BIG_BULK bytes or more that is not wholly in the buffer is read by the connection straight into a
 * blob (resp_parser_target / resp_parser_filled), which may become the value without a copy.
 *
 * How a connection proceeds:
 *
 *   bytes = kept + newly read
 *   do {
 *       status = resp_parse(bytes, &consumed); execute the batch; resp_batch_clear; drop `consumed` bytes
 *   } while (status == RESP_FULL)
 *   RESP_ERROR: reply p->error, close.  RESP_MORE: keep the rest (none is left while a target is wanted).
 *   next read: into the target while resp_parser_target says so; resp_parser_filled(n); when nothing is wanted
 *   any more resp_parse(kept bytes, perhaps none, plus what was read behind them), as above.
 *
 * When a big bulk begins, the parser takes all bytes of the buffer: what is there of the bulk moves into the blob, the
 * arguments before it into memory of its own (it later belongs to the batch). So `*consumed` is the whole buffer, and
 * nothing is kept meanwhile. The target ends exactly behind the bulk's CRLF; the call of resp_parse after it completes
 * the command even when no further byte is there (buf may then be NULL and len 0).
 */
#ifndef RESP_PARSER_H
#define RESP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/slice.h"

#define RESP_BIG_BULK (32 * 1024)
#define RESP_INLINE_MAX (64 * 1024) /* bytes before the line end, in inline commands and length lines */
#define RESP_BATCH_COMMANDS 128
#define RESP_MULTIBULK_MAX INT32_MAX /* what Redis 7 takes */
#define RESP_UNAUTH_MULTIBULK 10
#define RESP_UNAUTH_BULK 16384

struct arg {
    const char *ptr;
    size_t len;
    uint64_t hash; /* of a key argument, when hashed; the parser sets 0 */
    struct blob
        *blob; /* owner of ptr when it came as a big bulk, else NULL. A handler may take it: set to NULL then. */
};
static inline struct slice arg_slice(const struct arg *a) { return SLICE(a->ptr, a->len); }

struct resp_command {
    struct arg *argv;
    unsigned argc; /* 0 for an empty line or multibulk: ignored by the caller */
    size_t wire_bytes;
};

/* Private: a growing list of arguments. */
struct resp_args {
    struct arg *items;
    size_t len, cap;
};

/* The commands of one parse. Reused for every connection; the arguments live here. Everything in it is valid until
 * resp_batch_clear, as long as the parsed buffer stays where it is. */
struct resp_batch {
    struct resp_command commands[RESP_BATCH_COMMANDS];
    unsigned count;
    /* private from here */
    struct resp_args args;
    bool has_blobs;
    struct resp_frozen *frozen;     /* argument bytes that were taken off a buffer */
    struct resp_line *inline_words; /* words of inline commands */
};
void resp_batch_init(struct resp_batch *b);
/* Frees blobs that no handler took and words of inline commands; keeps the storage (up to a bound). */
void resp_batch_clear(struct resp_batch *b);
void resp_batch_deinit(struct resp_batch *b);

struct resp_limits {
    size_t max_bulk_bytes;  /* proto-max-bulk-len */
    size_t max_multibulk;   /* RESP_MULTIBULK_MAX; before authentication RESP_UNAUTH_MULTIBULK at most counts */
    size_t max_unauth_bulk; /* RESP_UNAUTH_BULK; unused when authenticated */
    bool authenticated;     /* false: a batch holds one command, since AUTH may lift the limits of the next */
};

enum resp_status {
    RESP_MORE,  /* all complete commands taken; the rest of the buffer is the start of another (or there is none) */
    RESP_FULL,  /* the batch is full: execute and clear it and call again with what is left (some bytes always are) */
    RESP_ERROR, /* the commands before the error are in the batch; then reply `error` and close. Stays so. */
};

struct resp_parser {
    const char *error; /* after RESP_ERROR: text after "-ERR ", Redis's own, as "Protocol error: invalid bulk length" */
    /* private from here */
    uint8_t state;
    char error_text[64];
    size_t offset;            /* from the start of the partial command: where to go on */
    size_t scanned;           /* how far behind offset the line end was already looked for */
    uint64_t args_missing;    /* of the partial command */
    uint64_t bulk_len;        /* of the bulk that is waited for */
    struct resp_args partial; /* its arguments so far: offsets in `hash`, but addresses in the frozen ones */
    size_t frozen_count;      /* arguments whose bytes no longer stand in the caller's buffer */
    struct resp_frozen *frozen;
    size_t frozen_bytes; /* heap bytes of those, finished big bulks included */
    size_t taken_bytes;  /* wire bytes of the partial command that were consumed already */
    struct blob *big;    /* bulk being filled */
    size_t big_filled;   /* bytes in it, CRLF counted */
};

void resp_parser_init(struct resp_parser *p);
void resp_parser_deinit(struct resp_parser *p);

/* Parses buf[0..len). `*consumed` bytes belong to the commands in the batch (or were taken) and may be dropped once
 * they are executed; the rest must be the start of the buffer of the next call (it may move). Bytes given while a
 * target is wanted are copied there. */
enum resp_status resp_parse(struct resp_parser *p, const struct resp_limits *limits, struct resp_batch *batch,
                            const char *buf, size_t len, size_t *consumed);

/* Where the next bytes of the socket should go instead of the buffer: true while a big bulk is being filled. After
 * resp_parser_filled(n) with nothing wanted any more, call resp_parse with the bytes kept. False also when memory was
 * refused: resp_parse reports it. */
bool resp_parser_target(struct resp_parser *p, char **ptr, size_t *len);
void resp_parser_filled(struct resp_parser *p, size_t bytes);
/* True when a command has begun and is not complete. */
bool resp_parser_is_partial(const struct resp_parser *p);
/* Heap bytes held (partial arguments and the big bulk). */
size_t resp_parser_memory(const struct resp_parser *p);

#endif
