/* SPDX-License-Identifier: MIT */
/*
 * Ranges of sorted sets: by rank, by score, by member bytes, up and down. Whatever a range is given by, the store turns it into ranks: first and
 * count. Reading, storing, counting and removing then are walks over ranks.
 */
#include "commands/zset_private.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "commands/commands.h"

/* --- bounds --- */

/* Scores of ranges are read as strtod reads them: spaces before, the empty text as 0, too large as infinite. */
static bool parse_bound(struct slice text, double *value, bool *is_open)
{
    char small[128], *end;
    *is_open = text.len > 0 && text.ptr[0] == '(';
    if (*is_open) text = SLICE(text.ptr + 1, text.len - 1);
    char *copy = text.len < sizeof(small) ? small : mem_alloc(text.len + 1);
    if (text.len > 0) memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *value = strtod(copy, &end);
    bool ok = *end == '\0' && !isnan(*value);
    if (copy != small) mem_free(copy);
    return ok;
}

bool zsets_score_range_arg(struct call *c, unsigned min, unsigned max, struct zset_score_range *out)
{
    if (parse_bound(call_arg(c, min), &out->min, &out->min_open) &&
        parse_bound(call_arg(c, max), &out->max, &out->max_open))
        return true;
    reply_error(c->reply, "ERR min or max is not a float");
    return false;
}

/* A sign alone ends at its end or at a NUL. */
static bool parse_lex_bound(struct slice text, struct slice *bound, bool *is_open, int8_t *infinite)
{
    *bound = SLICE("", 0);
    *is_open = false;
    *infinite = 0;
    if (text.len == 0) return false;
    switch (text.ptr[0]) {
    case '-':
    case '+': *infinite = text.ptr[0] == '-' ? -1 : 1; return text.len == 1 || text.ptr[1] == '\0';
    case '(':
    case '[':
        *is_open = text.ptr[0] == '(';
        *bound = SLICE(text.ptr + 1, text.len - 1);
        return true;
    default: return false;
    }
}

bool zsets_lex_range_arg(struct call *c, unsigned min, unsigned max, struct zset_lex_range *out)
{
    if (parse_lex_bound(call_arg(c, min), &out->min, &out->min_open, &out->min_infinite) &&
        parse_lex_bound(call_arg(c, max), &out->max, &out->max_open, &out->max_infinite))
        return true;
    reply_error(c->reply, "ERR min or max not valid string range item");
    return false;
}

/* --- a range of any kind --- */

enum range_kind { RANGE_RANK, RANGE_SCORE, RANGE_LEX };

struct range {
    enum range_kind kind;
    union {
        struct {
            int64_t start, stop;
        } rank;
        struct zset_score_range score;
        struct zset_lex_range lex;
    };
};

/* The bounds at arguments min and max. False: replied. */
static bool parse_range(struct call *c, unsigned min, unsigned max, enum range_kind kind, struct range *out)
{
    out->kind = kind;
    switch (kind) {
    case RANGE_RANK: return call_int_arg(c, min, &out->rank.start, NULL) && call_int_arg(c, max, &out->rank.stop, NULL);
    case RANGE_SCORE: return zsets_score_range_arg(c, min, max, &out->score);
    case RANGE_LEX: return zsets_lex_range_arg(c, min, max, &out->lex);
    }
    return false;
}

/* Elements [first, first + count) of those in a walk from one end: negative numbers count from the other end. */
static void ranks_of_indexes(int64_t start, int64_t stop, size_t size, size_t *first, size_t *count)
{
    int64_t n = (int64_t)size;
    if (start < 0) start = start < -n ? 0 : start + n;
    if (stop < 0) stop += n;
    if (stop >= n) stop = n - 1;
    *first = (size_t)start;
    *count = start > stop ? 0 : (size_t)(stop - start + 1);
}

/* Ranks, counted from the lowest. Indexes of a reversed range count from the highest. */
static void ranks_of_range(const struct entry *e, const struct range *r, bool reverse, size_t *first, size_t *count)
{
    switch (r->kind) {
    case RANGE_RANK:
        ranks_of_indexes(r->rank.start, r->rank.stop, zset_count(e), first, count);
        if (reverse && *count > 0) *first = zset_count(e) - *first - *count;
        return;
    case RANGE_SCORE: zset_ranks_by_score(e, &r->score, first, count); return;
    case RANGE_LEX: zset_ranks_by_lex(e, &r->lex, first, count); return;
    }
}

/* --- ZCOUNT, ZLEXCOUNT, ZREMRANGEBY... --- */

static void count_range(struct call *c, enum range_kind kind)
{
    struct range r;
    struct entry *e;
    size_t first = 0, count = 0;
    if (!parse_range(c, 2, 3, kind, &r) || !zsets_find_read(c, 1, &e)) return;
    if (e != NULL) ranks_of_range(e, &r, false, &first, &count);
    reply_int(c->reply, (int64_t)count);
}

static void zcount_command(struct call *c) { count_range(c, RANGE_SCORE); }
static void zlexcount_command(struct call *c) { count_range(c, RANGE_LEX); }

static void remove_range(struct call *c, enum range_kind kind, const char *event)
{
    struct range r;
    struct entry *e;
    size_t first = 0, count = 0;
    if (!parse_range(c, 2, 3, kind, &r) || !zsets_find_write(c, 1, &e)) return;
    if (e != NULL) ranks_of_range(e, &r, false, &first, &count);
    if (count > 0) {
        struct value_ref ref = zsets_ref(c, 1, e);
        zset_remove_ranks(&ref, first, count, NULL, NULL);
        zsets_tell_removed(c, 1, &ref, count, event);
    }
    reply_int(c->reply, (int64_t)count);
}

static void zremrangebyrank_command(struct call *c) { remove_range(c, RANGE_RANK, "zremrangebyrank"); }
static void zremrangebyscore_command(struct call *c) { remove_range(c, RANGE_SCORE, "zremrangebyscore"); }
static void zremrangebylex_command(struct call *c) { remove_range(c, RANGE_LEX, "zremrangebylex"); }

/* --- ZRANGE and all that it replaces --- */

/* What a command's name says already; the others are said by arguments. */
struct form {
    bool any_kind, any_direction;
    enum range_kind kind;
    bool reverse;
    bool stores; /* the destination comes before the source */
};

struct query {
    struct range range;
    bool reverse, with_scores;
    int64_t offset, limit; /* limit negative: none */
};

/* The option at argument i; *i is moved to its last argument. False: it is none, or replied. */
static bool parse_option(struct call *c, unsigned *i, const struct form *f, struct query *q)
{
    unsigned left = c->argc - *i - 1;
    bool any_kind = f->any_kind && q->range.kind == RANGE_RANK;
    if (!f->stores && call_arg_is(c, *i, "withscores")) {
        q->with_scores = true;
    } else if (left >= 2 && call_arg_is(c, *i, "limit")) {
        if (!call_int_arg(c, *i + 1, &q->offset, NULL) || !call_int_arg(c, *i + 2, &q->limit, NULL)) return false;
        *i += 2;
    } else if (f->any_direction && !q->reverse && call_arg_is(c, *i, "rev")) {
        q->reverse = true;
    } else if (any_kind && call_arg_is(c, *i, "bylex")) {
        q->range.kind = RANGE_LEX;
    } else if (any_kind && call_arg_is(c, *i, "byscore")) {
        q->range.kind = RANGE_SCORE;
    } else {
        call_syntax_error(c);
        return false;
    }
    return true;
}

/* The arguments behind the key at argument `key`. False: replied. */
static bool parse_query(struct call *c, unsigned key, const struct form *f, struct query *q)
{
    *q = (struct query){.reverse = f->reverse, .range.kind = f->kind, .limit = -1};
    for (unsigned i = key + 3; i < c->argc; i++) {
        if (!parse_option(c, &i, f, q)) return false;
    }
    if (q->limit != -1 && q->range.kind == RANGE_RANK) {
        reply_error(c->reply, "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
        return false;
    }
    if (q->with_scores && q->range.kind == RANGE_LEX) {
        reply_error(c->reply, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        return false;
    }
    bool swap = q->reverse && q->range.kind != RANGE_RANK;
    return parse_range(c, key + 1 + swap, key + 2 - swap, q->range.kind, &q->range);
}

/* The walk that gives the elements: where it begins and how many it takes. LIMIT has no meaning for ranks; a negative offset skips all. */
static size_t start_of_query(const struct entry *e, const struct query *q, size_t *count)
{
    size_t first, size, skip = 0;
    ranks_of_range(e, &q->range, q->reverse, &first, &size);
    *count = size;
    if (q->range.kind != RANGE_RANK) {
        skip = (uint64_t)q->offset < size ? (size_t)q->offset : size;
        *count = size - skip;
        if ((uint64_t)q->limit < *count) *count = (size_t)q->limit;
    }
    if (*count == 0) return 0;
    return q->reverse ? first + size - 1 - skip : first + skip;
}

static void reply_query(struct call *c, const struct entry *e, const struct query *q)
{
    size_t count;
    size_t start = start_of_query(e, q, &count);
    zsets_reply_header(c->reply, count, q->with_scores);
    if (count == 0) return;
    struct zset_iter it;
    zset_iter_init(&it, e, start, q->reverse);
    for (size_t i = 0; i < count && zset_iter_next(&it); i++)
        zsets_reply_element(c->reply, &it.element, q->with_scores);
}

static void range(struct call *c, const struct form *f)
{
    struct query q;
    struct entry *e;
    if (!parse_query(c, 1, f, &q) || !zsets_find_read(c, 1, &e)) return;
    if (e == NULL)
        reply_empty_array(c->reply);
    else
        reply_query(c, e, &q);
}

static void zrange_command(struct call *c) { range(c, &(struct form){.any_kind = true, .any_direction = true}); }
static void zrevrange_command(struct call *c) { range(c, &(struct form){.reverse = true}); }
static void zrangebyscore_command(struct call *c) { range(c, &(struct form){.kind = RANGE_SCORE}); }
static void zrangebylex_command(struct call *c) { range(c, &(struct form){.kind = RANGE_LEX}); }

static void zrevrangebyscore_command(struct call *c) { range(c, &(struct form){.kind = RANGE_SCORE, .reverse = true}); }

static void zrevrangebylex_command(struct call *c) { range(c, &(struct form){.kind = RANGE_LEX, .reverse = true}); }

/* The elements of a query as an entry of its own under the key at argument dst; NULL when there are none. */
static struct entry *query_as_entry(struct call *c, unsigned dst, const struct entry *e, const struct query *q)
{
    size_t count;
    size_t start = start_of_query(e, q, &count);
    struct value_ref ref = {.key = call_key(c, dst)};
    if (count == 0) return NULL;
    struct zset_iter it;
    zset_iter_init(&it, e, start, q->reverse);
    for (size_t i = 0; i < count && zset_iter_next(&it); i++) {
        char scratch[NUM_INT64_CHARS];
        zset_set(&ref, item_slice(&it.element.member, scratch), it.element.score);
    }
    return ref.e;
}

static void zrangestore_command(struct call *c)
{
    static const struct form form = {.any_kind = true, .any_direction = true, .stores = true};
    struct query q;
    struct entry *e;
    if (!parse_query(c, 2, &form, &q) || !zsets_find_read(c, 2, &e)) return;
    zsets_store(c, 1, e == NULL ? NULL : query_as_entry(c, 1, e, &q), 1, "zrangestore");
}

/* --- the table --- */

#define RANGE_ROW(name_, fn, arity_, flags_)                                                             \
    .name = (name_), .handler = (fn), .arity = (arity_), .flags = (flags_), .categories = CAT_SORTEDSET, \
    .group = GROUP_SORTED_SET
#define LOG_N "O(log(N)) with N being the number of elements in the sorted set."
#define LOG_N_M "O(log(N)+M) with N being the number of elements in the sorted set and M the number of elements "
#define READ_KEYS                      \
    {                                  \
        KEY_AT(1, KEY_RO | KEY_ACCESS) \
    }
#define REMOVE_KEYS                    \
    {                                  \
        KEY_AT(1, KEY_RW | KEY_DELETE) \
    }

/* clang-format off */
static const struct command rows[] = {
    {RANGE_ROW("zcount", zcount_command, 4, CMD_READONLY | CMD_FAST), .since = "2.0.0", .complexity = LOG_N,
     .summary = "Counts the members with scores in a range.", .syntax = "key min max", .keys = READ_KEYS},
    {RANGE_ROW("zlexcount", zlexcount_command, 4, CMD_READONLY | CMD_FAST), .since = "2.8.9", .complexity = LOG_N,
     .summary = "Counts the members in a range of texts.", .syntax = "key min max", .keys = READ_KEYS},
    {RANGE_ROW("zrange", zrange_command, -4, CMD_READONLY), .since = "1.2.0", .complexity = LOG_N_M "returned.",
     .summary = "Returns the members in a range of positions, scores or texts.",
     .syntax = "key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]", .keys = READ_KEYS},
    {RANGE_ROW("zrangestore", zrangestore_command, -5, CMD_WRITE | CMD_DENYOOM), .since = "6.2.0",
     .complexity = LOG_N_M "stored into the destination key.",
     .summary = "Stores the members in a range of positions, scores or texts under another key.",
     .syntax = "dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEY_AT(2, KEY_RO | KEY_ACCESS)}},
    {RANGE_ROW("zrevrange", zrevrange_command, -4, CMD_READONLY), .since = "1.2.0", .complexity = LOG_N_M "returned.",
     .summary = "Returns the members in a range of positions, from the highest score down.",
     .syntax = "key start stop [WITHSCORES]", .keys = READ_KEYS,
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `REV` argument"},
    {RANGE_ROW("zrangebyscore", zrangebyscore_command, -4, CMD_READONLY), .since = "1.0.5",
     .complexity = LOG_N_M "being returned.", .summary = "Returns the members with scores in a range.",
     .syntax = "key min max [WITHSCORES] [LIMIT offset count]", .keys = READ_KEYS,
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `BYSCORE` argument"},
    {RANGE_ROW("zrevrangebyscore", zrevrangebyscore_command, -4, CMD_READONLY), .since = "2.2.0",
     .complexity = LOG_N_M "being returned.", .summary = "Returns the members with scores in a range, from the highest score down.",
     .syntax = "key max min [WITHSCORES] [LIMIT offset count]", .keys = READ_KEYS,
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments"},
    {RANGE_ROW("zrangebylex", zrangebylex_command, -4, CMD_READONLY), .since = "2.8.9",
     .complexity = LOG_N_M "being returned.", .summary = "Returns the members in a range of texts.",
     .syntax = "key min max [LIMIT offset count]", .keys = READ_KEYS,
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `BYLEX` argument"},
    {RANGE_ROW("zrevrangebylex", zrevrangebylex_command, -4, CMD_READONLY), .since = "2.8.9",
     .complexity = LOG_N_M "being returned.", .summary = "Returns the members in a range of texts, from the last one down.",
     .syntax = "key max min [LIMIT offset count]", .keys = READ_KEYS,
     .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments"},
    {RANGE_ROW("zremrangebyrank", zremrangebyrank_command, 4, CMD_WRITE), .since = "2.0.0",
     .complexity = LOG_N_M "removed by the operation.", .summary = "Removes the members in a range of positions.",
     .syntax = "key start stop", .keys = REMOVE_KEYS},
    {RANGE_ROW("zremrangebyscore", zremrangebyscore_command, 4, CMD_WRITE), .since = "1.2.0",
     .complexity = LOG_N_M "removed by the operation.", .summary = "Removes the members with scores in a range.",
     .syntax = "key min max", .keys = REMOVE_KEYS},
    {RANGE_ROW("zremrangebylex", zremrangebylex_command, 4, CMD_WRITE), .since = "2.8.9",
     .complexity = LOG_N_M "removed by the operation.", .summary = "Removes the members in a range of texts.",
     .syntax = "key min max", .keys = REMOVE_KEYS},
    {0},
};
/* clang-format on */

const struct command *zset_range_commands(void) { return rows; }
