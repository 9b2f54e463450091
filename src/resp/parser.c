/* SPDX-License-Identifier: MIT */
/*
 * Two ways through a request.
 *
 * The quick way (quick_command) takes commands of the usual form, digits inline and bounds checked once an argument,
 * straight into the batch. Whatever it does not like, be it cut, odd or wrong, it hands over at the element where it
 * stopped: the arguments so far become offsets in `partial`, and the careful way goes on from there, one element at a
 * time, over as many calls as it takes. Only the careful way reports errors.
 *
 *   IDLE --quick_command--> IDLE                      a whole command
 *   IDLE --quick_command, multibulk_header--> ARGS    its count is known
 *   ARGS --bulk_header--> BULK --bulk_body--> ARGS    one argument
 *   BULK --begin_big--> BIG --resp_parser_filled--> ARGS
 *   ARGS --finish_partial--> IDLE                     no argument missing
 *   any --fail--> BROKEN                              for good
 *
 * Invariants:
 *   1. `start` is where the current command begins; everything before it is consumed.
 *   2. partial.items[i] has an offset from `start` in `hash` and no ptr for i >= frozen_count, else an address in ptr.
 *   3. In IDLE there is no partial argument; in BIG every one is frozen and start == end of the buffer.
 *   4. No list grows by a number that was announced: only by bytes that arrived.
 */
#include "resp/parser.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/words.h"

#define ARGS_KEEP 4096                                            /* a cleared batch keeps room for so many arguments */
#define BIG_FIRST_BYTES (16u * 1024 * 1024 - sizeof(struct blob)) /* of a big bulk, before any of it has arrived */
#define ARG_WIRE_MIN 6                                            /* "$0\r\n\r\n" */
#define QUICK_DIGITS 9                                            /* fit 32 bits */

enum state { IDLE, ARGS, BULK, BIG, BROKEN };
enum outcome { DONE, MORE, FAIL };

struct resp_frozen {
    struct resp_frozen *next;
    char bytes[];
};

struct resp_line {
    struct resp_line *next;
    struct words words;
};

/* What one call of resp_parse works on. */
struct run {
    struct resp_parser *p;
    const struct resp_limits *limits;
    struct resp_batch *batch;
    const char *start, *pos, *end;
    uint32_t quick_args_max, quick_bulk_max; /* the quick way takes no more */
};

/* --- lists and batches --- */

static bool args_reserve(struct resp_args *a, size_t more)
{
    if (a->cap - a->len >= more) return true;
    size_t cap = a->cap * 2 > a->len + more ? a->cap * 2 : a->len + more;
    struct arg *items = mem_try_realloc(a->items, cap * sizeof(*items));
    if (items == NULL) return false;
    a->items = items;
    a->cap = cap;
    return true;
}

static void args_deinit(struct resp_args *a)
{
    mem_free(a->items);
    *a = (struct resp_args){0};
}

static void args_free_blobs(struct resp_args *a)
{
    for (size_t i = 0; i < a->len; i++) blob_free(a->items[i].blob);
}

/* The commands' arguments stand one behind the other, so that argv can be found again when the list has moved. */
static bool batch_reserve(struct resp_batch *b, size_t more)
{
    if (__builtin_expect(b->args.cap - b->args.len >= more, 1)) return true;
    if (!args_reserve(&b->args, more < 64 ? 64 : more)) return false;
    struct arg *next = b->args.items;
    for (unsigned i = 0; i < b->count; i++) {
        b->commands[i].argv = next;
        next += b->commands[i].argc;
    }
    return true;
}

/* The last `argc` arguments of the list become a command. */
static inline void batch_commit(struct resp_batch *b, unsigned argc, size_t wire_bytes)
{
    struct arg *argv = argc > 0 ? b->args.items + b->args.len - argc : b->args.items;
    b->commands[b->count++] = (struct resp_command){argv, argc, wire_bytes};
}

static void frozen_free(struct resp_frozen *f)
{
    while (f != NULL) {
        struct resp_frozen *next = f->next;
        mem_free(f);
        f = next;
    }
}

void resp_batch_init(struct resp_batch *b)
{
    b->count = 0;
    b->args = (struct resp_args){0};
    b->has_blobs = false;
    b->frozen = NULL;
    b->inline_words = NULL;
}

static void free_inline_words(struct resp_batch *b)
{
    while (b->inline_words != NULL) {
        struct resp_line *line = b->inline_words;
        b->inline_words = line->next;
        words_deinit(&line->words);
        mem_free(line);
    }
}

void resp_batch_clear(struct resp_batch *b)
{
    if (b->has_blobs) args_free_blobs(&b->args);
    b->has_blobs = false;
    b->count = 0;
    b->args.len = 0;
    if (b->args.cap > ARGS_KEEP) args_deinit(&b->args);
    if (b->frozen != NULL) frozen_free(b->frozen);
    b->frozen = NULL;
    if (b->inline_words != NULL) free_inline_words(b);
}

void resp_batch_deinit(struct resp_batch *b)
{
    resp_batch_clear(b);
    args_deinit(&b->args);
}

/* --- the parser's own state --- */

void resp_parser_init(struct resp_parser *p) { memset(p, 0, sizeof(*p)); }

static void drop_partial(struct resp_parser *p)
{
    args_free_blobs(&p->partial);
    args_deinit(&p->partial);
    frozen_free(p->frozen);
    p->frozen = NULL;
    p->frozen_count = p->frozen_bytes = p->taken_bytes = 0;
    blob_free(p->big);
    p->big = NULL;
    p->offset = p->scanned = 0;
}

void resp_parser_deinit(struct resp_parser *p)
{
    drop_partial(p);
    p->state = IDLE;
}

static enum outcome fail(struct resp_parser *p, const char *error)
{
    drop_partial(p);
    p->error = error;
    p->state = BROKEN;
    return FAIL;
}

static enum outcome fail_memory(struct resp_parser *p)
{
    return fail(p, "Protocol error: not enough memory for the request");
}

static enum outcome fail_expected_bulk(struct resp_parser *p, char got)
{
    if (got == '\r' || got == '\n' || got == '\0') got = ' '; /* as it would break the reply line or its C string */
    snprintf(p->error_text, sizeof(p->error_text), "Protocol error: expected '$', got '%c'", got);
    return fail(p, p->error_text);
}

bool resp_parser_is_partial(const struct resp_parser *p) { return p->state != IDLE || p->scanned > 0; }

size_t resp_parser_memory(const struct resp_parser *p)
{
    size_t big = p->big != NULL ? blob_alloc_bytes(p->big) : 0;
    return p->partial.cap * sizeof(struct arg) + p->frozen_bytes + big;
}

/* --- lines --- */

/* The number of "<kind><digits>\r\n" in its usual form. Returns the bytes of the line; 0 when it is cut or odd, which
 * the careful way tells apart. */
static inline unsigned quick_number(const char *pos, const char *end, uint32_t *out)
{
    if (end - pos < 4) return 0;
    uint32_t value = (unsigned char)pos[1] - (uint32_t)'0';
    if (value > 9) return 0;
    *out = value;
    if (__builtin_expect(pos[2] == '\r', 1)) return 4;
    if (value == 0) return 0;
    const char *q = pos + 2;
    const char *last = end - pos > QUICK_DIGITS + 2 ? pos + QUICK_DIGITS : end - 2;
    for (; q <= last; q++) {
        uint32_t digit = (unsigned char)*q - (uint32_t)'0';
        if (digit > 9) break;
        value = value * 10 + digit;
    }
    if (q > end - 2 || *q != '\r') return 0;
    *out = value;
    return (unsigned)(q + 2 - pos);
}

/* Looks for the line's end behind pos, going on where the last call stopped. */
static enum outcome find_line_end(struct run *r, char mark, const char *too_big, const char **at)
{
    struct resp_parser *p = r->p;
    size_t have = (size_t)(r->end - r->pos);
    if (have > RESP_INLINE_MAX + 1) have = RESP_INLINE_MAX + 1;
    const char *q = have > p->scanned ? memchr(r->pos + p->scanned, mark, have - p->scanned) : NULL;
    if (q != NULL) {
        p->scanned = (size_t)(q - r->pos);
        *at = q;
        return DONE;
    }
    if (have > RESP_INLINE_MAX) return fail(p, too_big);
    p->scanned = have;
    return MORE;
}

/* Takes "<kind><number>\r\n". The byte behind the CR is not looked at, as Redis does not. */
static enum outcome take_number_line(struct run *r, const char *too_big, bool *is_number, int64_t *value)
{
    const char *cr;
    enum outcome o = find_line_end(r, '\r', too_big, &cr);
    if (o != DONE) return o;
    if (cr + 1 == r->end) return MORE;
    *is_number = cr > r->pos && num_parse_int64(SLICE(r->pos + 1, (size_t)(cr - r->pos) - 1), value);
    r->pos = cr + 2;
    r->p->scanned = 0;
    return DONE;
}

/* --- big bulks --- */

/* Copies the bytes of the partial arguments off the caller's buffer. A large one gets a blob, so that it is not copied
 * again when it becomes a value. */
static bool freeze_partial(struct run *r)
{
    struct resp_parser *p = r->p;
    size_t small_bytes = 0;
    for (size_t i = p->frozen_count; i < p->partial.len; i++) {
        if (p->partial.items[i].len < RESP_BIG_BULK) small_bytes += p->partial.items[i].len;
    }
    struct resp_frozen *f = mem_try_alloc(sizeof(*f) + small_bytes);
    if (f == NULL) return false;
    f->next = p->frozen;
    p->frozen = f;
    p->frozen_bytes += sizeof(*f) + small_bytes;
    char *to = f->bytes;
    for (size_t i = p->frozen_count; i < p->partial.len; i++, p->frozen_count++) {
        struct arg *a = &p->partial.items[i];
        const char *from = r->start + a->hash;
        a->hash = 0;
        if (a->len < RESP_BIG_BULK) {
            memcpy(to, from, a->len);
            a->ptr = to;
            to += a->len;
            continue;
        }
        a->blob = blob_try_new(a->len);
        if (a->blob == NULL) return false;
        memcpy(a->blob->data, from, a->len);
        a->blob->len = a->len;
        a->ptr = a->blob->data;
        p->frozen_bytes += blob_alloc_bytes(a->blob);
    }
    return true;
}

static enum outcome begin_big(struct run *r)
{
    struct resp_parser *p = r->p;
    size_t have = (size_t)(r->end - r->pos);
    size_t cap = p->bulk_len + 2 < BIG_FIRST_BYTES ? p->bulk_len + 2 : BIG_FIRST_BYTES;
    if (!freeze_partial(r)) return fail_memory(p);
    p->big = blob_try_new(cap > have ? cap : have);
    if (p->big == NULL) return fail_memory(p);
    p->state = BIG;
    p->offset = p->scanned = 0;
    p->taken_bytes += (size_t)(r->pos - r->start);
    p->big_filled = 0;
    if (have > 0) memcpy(p->big->data, r->pos, have);
    r->start = r->pos = r->end;
    resp_parser_filled(p, have);
    return p->state == BROKEN ? FAIL : MORE;
}

/* The blob is complete and becomes an argument. */
static void finish_big(struct resp_parser *p)
{
    if (!args_reserve(&p->partial, 1)) {
        fail_memory(p);
        return;
    }
    struct blob *b = p->big;
    b->len = p->bulk_len;
    p->partial.items[p->partial.len++] = (struct arg){b->data, b->len, 0, b};
    p->frozen_count = p->partial.len;
    p->frozen_bytes += blob_alloc_bytes(b);
    p->big = NULL;
    p->args_missing--;
    p->state = ARGS;
}

static void grow_big(struct resp_parser *p)
{
    size_t whole = p->bulk_len + 2;
    size_t cap = p->big->cap * 2 < whole ? p->big->cap * 2 : whole;
    struct blob *b = blob_try_reserve(p->big, cap);
    if (b == NULL)
        fail_memory(p);
    else
        p->big = b;
}

bool resp_parser_target(struct resp_parser *p, char **ptr, size_t *len)
{
    if (p->state != BIG) return false;
    size_t missing = p->bulk_len + 2 - p->big_filled;
    size_t room = p->big->cap - p->big_filled;
    *ptr = p->big->data + p->big_filled;
    *len = room < missing ? room : missing;
    return true;
}

void resp_parser_filled(struct resp_parser *p, size_t bytes)
{
    ASSERT(p->state == BIG);
    ASSERT(bytes <= p->big->cap - p->big_filled && bytes <= p->bulk_len + 2 - p->big_filled);
    p->big_filled += bytes;
    p->taken_bytes += bytes;
    if (p->big_filled == p->bulk_len + 2)
        finish_big(p);
    else if (p->big_filled == p->big->cap)
        grow_big(p);
}

/* For a caller that reads into its own buffer all the same. */
static enum outcome feed_big(struct run *r)
{
    char *to;
    size_t room;
    while (r->pos < r->end && resp_parser_target(r->p, &to, &room)) {
        size_t n = (size_t)(r->end - r->pos) < room ? (size_t)(r->end - r->pos) : room;
        memcpy(to, r->pos, n);
        r->pos += n;
        resp_parser_filled(r->p, n);
    }
    r->start = r->pos;
    if (r->p->state == BROKEN) return FAIL;
    return r->p->state == BIG ? MORE : DONE;
}

/* --- the careful way --- */

static enum outcome bulk_header(struct run *r)
{
    struct resp_parser *p = r->p;
    const struct resp_limits *limits = r->limits;
    char kind = r->pos < r->end ? *r->pos : '$';
    int64_t n = 0;
    bool is_number;
    enum outcome o = take_number_line(r, "Protocol error: too big bulk count string", &is_number, &n);
    if (o != DONE) return o;
    if (kind != '$') return fail_expected_bulk(p, kind);
    if (!is_number || n < 0 || (uint64_t)n > limits->max_bulk_bytes || n > INT64_MAX / 4) {
        return fail(p, "Protocol error: invalid bulk length");
    }
    if (!limits->authenticated && (uint64_t)n > limits->max_unauth_bulk) {
        return fail(p, "Protocol error: unauthenticated bulk length");
    }
    p->bulk_len = (uint64_t)n;
    p->state = BULK;
    return DONE;
}

static enum outcome bulk_body(struct run *r)
{
    struct resp_parser *p = r->p;
    if ((size_t)(r->end - r->pos) < p->bulk_len + 2) return p->bulk_len >= RESP_BIG_BULK ? begin_big(r) : MORE;
    if (!args_reserve(&p->partial, 1)) return fail_memory(p);
    p->partial.items[p->partial.len++] = (struct arg){NULL, p->bulk_len, (uint64_t)(r->pos - r->start), NULL};
    p->args_missing--;
    r->pos += p->bulk_len + 2;
    p->state = ARGS;
    return DONE;
}

/* Gives the frozen bytes and blobs to the batch, with the arguments. */
static enum outcome finish_partial(struct run *r)
{
    struct resp_parser *p = r->p;
    struct resp_batch *b = r->batch;
    size_t argc = p->partial.len;
    if (!batch_reserve(b, argc)) return fail_memory(p);
    struct arg *to = b->args.items + b->args.len;
    memcpy(to, p->partial.items, argc * sizeof(*to));
    for (size_t i = p->frozen_count; i < argc; i++) {
        to[i].ptr = r->start + to[i].hash;
        to[i].hash = 0;
    }
    b->args.len += argc;
    if (p->frozen_count > 0) b->has_blobs = true;
    while (p->frozen != NULL) {
        struct resp_frozen *f = p->frozen;
        p->frozen = f->next;
        f->next = b->frozen;
        b->frozen = f;
    }
    batch_commit(b, (unsigned)argc, p->taken_bytes + (size_t)(r->pos - r->start));
    p->partial.len = 0; /* its blobs are the batch's now */
    drop_partial(p);
    p->state = IDLE;
    return DONE;
}

/* Goes on with the partial command at r->pos. */
static enum outcome continue_command(struct run *r)
{
    struct resp_parser *p = r->p;
    enum outcome o = p->state == BIG ? feed_big(r) : DONE;
    while (o == DONE && p->args_missing > 0) {
        if (p->state == ARGS) o = bulk_header(r);
        if (o == DONE) o = bulk_body(r);
    }
    if (o == DONE) return finish_partial(r);
    if (o == MORE) p->offset = (size_t)(r->pos - r->start);
    return o;
}

static enum outcome empty_command(struct run *r)
{
    batch_commit(r->batch, 0, (size_t)(r->pos - r->start));
    return DONE;
}

static enum outcome multibulk_header(struct run *r)
{
    struct resp_parser *p = r->p;
    const struct resp_limits *limits = r->limits;
    int64_t n = 0;
    bool is_number;
    enum outcome o = take_number_line(r, "Protocol error: too big mbulk count string", &is_number, &n);
    if (o != DONE) return o;
    int64_t max = RESP_MULTIBULK_MAX;
    if (limits->authenticated && limits->max_multibulk < RESP_MULTIBULK_MAX) max = (int64_t)limits->max_multibulk;
    if (!is_number || n > max) return fail(p, "Protocol error: invalid multibulk length");
    if (!limits->authenticated && n > (int64_t)r->quick_args_max) {
        return fail(p, "Protocol error: unauthenticated multibulk length");
    }
    if (n <= 0) return empty_command(r);
    p->args_missing = (uint64_t)n;
    p->state = ARGS;
    return continue_command(r);
}

static enum outcome inline_command(struct run *r)
{
    struct resp_parser *p = r->p;
    const char *newline;
    enum outcome o = find_line_end(r, '\n', "Protocol error: too big inline request", &newline);
    if (o != DONE) return o;
    struct slice text = SLICE(r->pos, (size_t)(newline - r->pos));
    if (text.len > 0 && text.ptr[text.len - 1] == '\r') text.len--;
    p->scanned = 0;
    struct words words;
    if (!words_split(text, &words)) return fail(p, "Protocol error: unbalanced quotes in request");
    struct resp_batch *b = r->batch;
    struct resp_line *line = words.count > 0 ? mem_try_alloc(sizeof(*line)) : NULL;
    if (words.count > 0 && (line == NULL || !batch_reserve(b, words.count))) {
        words_deinit(&words);
        mem_free(line);
        return fail_memory(p);
    }
    r->pos = newline + 1;
    if (line == NULL) {
        words_deinit(&words);
        return empty_command(r);
    }
    *line = (struct resp_line){b->inline_words, words};
    b->inline_words = line;
    for (size_t i = 0; i < words.count; i++) {
        b->args.items[b->args.len++] = (struct arg){words.items[i].ptr, words.items[i].len, 0, NULL};
    }
    batch_commit(b, (unsigned)words.count, (size_t)(r->pos - r->start));
    return DONE;
}

/* --- the quick way --- */

/* Hands over to the careful way: the `count` arguments behind the batch's list become the partial command. */
static __attribute__((noinline)) enum outcome spill(struct run *r, size_t count, uint32_t missing)
{
    struct resp_parser *p = r->p;
    if (!args_reserve(&p->partial, count)) return fail_memory(p);
    const struct arg *from = r->batch->args.items + r->batch->args.len;
    for (size_t i = 0; i < count; i++) {
        p->partial.items[i] = (struct arg){NULL, from[i].len, (uint64_t)(from[i].ptr - r->start), NULL};
    }
    p->partial.len = count;
    p->args_missing = missing;
    p->state = ARGS;
    return continue_command(r);
}

static inline enum outcome quick_command(struct run *r)
{
    const char *pos = r->pos, *end = r->end;
    uint32_t count;
    unsigned head = quick_number(pos, end, &count);
    if (head == 0 || count - 1 >= r->quick_args_max) return multibulk_header(r); /* 0 is more than all */
    r->p->scanned = 0;
    pos += head;
    struct resp_batch *b = r->batch;
    size_t can_come = (size_t)(end - pos) / ARG_WIRE_MIN + 1;
    if (!batch_reserve(b, count < can_come ? count : can_come)) return fail_memory(r->p);
    struct arg *first = b->args.items + b->args.len, *a = first;
    uint32_t missing = count;
    while (missing > 0) {
        uint32_t len;
        if (pos >= end || *pos != '$') break;
        head = quick_number(pos, end, &len);
        if (head == 0 || len > r->quick_bulk_max) break;
        if ((size_t)(end - pos) < (size_t)head + len + 2) break;
        *a++ = (struct arg){pos + head, len, 0, NULL};
        pos += (size_t)head + len + 2;
        missing--;
    }
    r->pos = pos;
    if (__builtin_expect(missing > 0, 0)) return spill(r, (size_t)(a - first), missing);
    b->args.len += count;
    batch_commit(b, count, (size_t)(pos - r->start));
    return DONE;
}

static uint32_t quick_limit(size_t limit) { return limit < INT32_MAX ? (uint32_t)limit : INT32_MAX; }

static void set_quick_limits(struct run *r)
{
    const struct resp_limits *l = r->limits;
    size_t args = l->max_multibulk, bulk = l->max_bulk_bytes;
    if (!l->authenticated && args > RESP_UNAUTH_MULTIBULK) args = RESP_UNAUTH_MULTIBULK;
    if (!l->authenticated && bulk > l->max_unauth_bulk) bulk = l->max_unauth_bulk;
    r->quick_args_max = quick_limit(args);
    r->quick_bulk_max = quick_limit(bulk);
}

enum resp_status resp_parse(struct resp_parser *p, const struct resp_limits *limits, struct resp_batch *batch,
                            const char *buf, size_t len, size_t *consumed)
{
    if (buf == NULL) buf = "";
    struct run r = {.p = p, .limits = limits, .batch = batch, .start = buf, .pos = buf, .end = buf + len};
    unsigned batch_max = limits->authenticated ? RESP_BATCH_COMMANDS : 1;
    enum outcome o = DONE;
    *consumed = 0;
    if (p->state == BROKEN) return RESP_ERROR;
    if (batch->count >= batch_max) return RESP_FULL;
    set_quick_limits(&r);
    if (p->state != IDLE) {
        ASSERT(len >= p->offset + p->scanned);
        r.pos += p->offset;
        o = continue_command(&r);
    }
    while (o == DONE) {
        r.start = r.pos;
        if (r.pos == r.end || batch->count >= batch_max) break;
        o = *r.pos == '*' ? quick_command(&r) : inline_command(&r);
    }
    *consumed = (size_t)(r.start - buf);
    if (o == FAIL) return RESP_ERROR;
    return o == DONE && r.pos < r.end ? RESP_FULL : RESP_MORE;
}
