/* SPDX-License-Identifier: MIT */
/*
 * Sorted sets, member by member: adding, removing, scores, ranks, popping, random members, walking. Ranges are in zset_range.c, operations on
 * several sorted sets in zset_algebra.c.
 */
#include "commands/zset_private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/glob.h"
#include "base/mem.h"
#include "commands/commands.h"
#include "server/blocking.h"
#include "server/server.h"

/* --- what the family shares --- */

bool zsets_find_read(struct call *c, unsigned i, struct entry **e)
{
    *e = call_find_read(c, i);
    return !call_wrong_type(c, *e, VALUE_ZSET);
}

bool zsets_find_write(struct call *c, unsigned i, struct entry **e)
{
    *e = call_find_write(c, i);
    return !call_wrong_type(c, *e, VALUE_ZSET);
}

struct value_ref zsets_ref(struct call *c, unsigned i, struct entry *e)
{
    return (struct value_ref){.db = c->db, .key = call_key(c, i), .e = e};
}

bool zsets_double_arg(struct call *c, unsigned i, double *out, const char *error)
{
    if (num_parse_double(call_arg(c, i), out)) return true;
    reply_errorf(c->reply, "ERR %s", error != NULL ? error : "value is not a valid float");
    return false;
}

bool zsets_count_arg(struct call *c, unsigned i, int64_t min, int64_t *out, const char *error)
{
    if (num_parse_int64(call_arg(c, i), out) && *out >= min) return true;
    reply_errorf(c->reply, "ERR %s", error);
    return false;
}

void zsets_reply_header(struct reply *r, size_t count, bool with_scores)
{
    reply_array(r, with_scores && r->resp == 2 ? 2 * count : count);
}

void zsets_reply_member(struct reply *r, const struct item *member)
{
    if (item_is_int(member))
        reply_bulk_int(r, member->integer);
    else
        reply_bulk(r, SLICE(member->ptr, member->len));
}

void zsets_reply_element(struct reply *r, const struct zset_element *el, bool with_scores)
{
    if (with_scores && r->resp > 2) reply_array(r, 2);
    zsets_reply_member(r, &el->member);
    if (with_scores) reply_double(r, el->score);
}

void zsets_tell(struct call *c, unsigned key, size_t n, const char *event)
{
    if (n == 0) return;
    call_changed(c, c->db, call_arg(c, key), NOTIFY_ZSET, event);
    call_add_dirty(c, n - 1);
}

void zsets_tell_removed(struct call *c, unsigned key, const struct value_ref *ref, size_t n, const char *event)
{
    zsets_tell(c, key, n, event);
    if (n > 0 && ref->e == NULL) call_event(c, c->db, call_arg(c, key), NOTIFY_GENERIC, "del");
}

void zsets_store(struct call *c, unsigned dst, struct entry *result, size_t dirty, const char *event)
{
    struct key key = call_key(c, dst);
    size_t count = result == NULL ? 0 : zset_count(result);
    if (count > 0) {
        db_put(c->db, result, key.hash);
        zsets_tell(c, dst, dirty, event);
    } else {
        if (result != NULL) entry_free(result);
        if (db_delete(c->db, &key, c->now_ms, false)) call_changed(c, c->db, key.name, NOTIFY_GENERIC, "del");
    }
    reply_int(c->reply, (int64_t)count);
}

/* --- ZADD, ZINCRBY --- */

static void update_one(struct value_ref *ref, struct slice member, double score, const struct zset_found *found,
                       const struct zsets_add_options *o, struct zsets_added *sum)
{
    double old = found->score;
    if (o->nx) return;
    if (o->incr) score += old;
    if (isnan(score)) {
        sum->is_nan = true;
        return;
    }
    if ((o->lt && score >= old) || (o->gt && score <= old)) return;
    sum->is_done = true;
    sum->score = score;
    if (score == old) return;
    zset_set_found(ref, member, score, found);
    sum->updated++;
}

void zsets_add_one(struct value_ref *ref, struct slice member, double score, const struct zsets_add_options *o,
                   struct zsets_added *sum)
{
    struct zset_found found;
    zset_find(ref, member, &found);
    sum->is_done = false;
    if (found.is_there) {
        update_one(ref, member, score, &found, o, sum);
        return;
    }
    if (o->xx) return;
    zset_set_found(ref, member, score, &found);
    sum->added++;
    sum->is_done = true;
    sum->score = score;
}

static bool parse_add_option(struct slice word, struct zsets_add_options *o)
{
    if (slice_is_word(word, "nx"))
        o->nx = true;
    else if (slice_is_word(word, "xx"))
        o->xx = true;
    else if (slice_is_word(word, "gt"))
        o->gt = true;
    else if (slice_is_word(word, "lt"))
        o->lt = true;
    else if (slice_is_word(word, "ch"))
        o->ch = true;
    else if (slice_is_word(word, "incr"))
        o->incr = true;
    else
        return false;
    return true;
}

static const char *add_options_error(const struct zsets_add_options *o, unsigned pairs)
{
    if (o->nx && o->xx) return "ERR XX and NX options at the same time are not compatible";
    if ((o->nx && (o->gt || o->lt)) || (o->gt && o->lt))
        return "ERR GT, LT, and/or NX options at the same time are not compatible";
    if (o->incr && pairs > 1) return "ERR INCR option supports a single increment-element pair";
    return NULL;
}

/* Options; *first is where the pairs begin. Every score is a number afterwards. */
static bool parse_add(struct call *c, struct zsets_add_options *o, unsigned *first)
{
    *first = 2;
    while (*first < c->argc && parse_add_option(call_arg(c, *first), o)) ++*first;
    unsigned left = c->argc - *first;
    if (left == 0 || left % 2 != 0) {
        call_syntax_error(c);
        return false;
    }
    const char *error = add_options_error(o, left / 2);
    if (error != NULL) {
        reply_error(c->reply, error);
        return false;
    }
    double score;
    for (unsigned i = *first; i < c->argc; i += 2) {
        if (!zsets_double_arg(c, i, &score, NULL)) return false;
    }
    return true;
}

static void reply_added(struct call *c, const struct zsets_added *sum, const struct zsets_add_options *o)
{
    if (!o->incr)
        reply_int(c->reply, (int64_t)(sum->added + (o->ch ? sum->updated : 0)));
    else if (sum->is_done)
        reply_double(c->reply, sum->score);
    else
        reply_null(c->reply);
}

static void add(struct call *c, struct zsets_add_options options)
{
    unsigned first;
    struct entry *e;
    struct zsets_added sum = {0};
    if (!parse_add(c, &options, &first) || !zsets_find_write(c, 1, &e)) return;
    struct value_ref ref = zsets_ref(c, 1, e);
    if (e == NULL && options.xx) {
        reply_added(c, &sum, &options);
        return;
    }
    for (unsigned i = first; i < c->argc; i += 2) {
        double score = 0;
        num_parse_double(call_arg(c, i), &score);
        zsets_add_one(&ref, call_arg(c, i + 1), score, &options, &sum);
        if (!sum.is_nan) continue;
        reply_error(c->reply, "ERR resulting score is not a number (NaN)");
        return;
    }
    zsets_tell(c, 1, sum.added + sum.updated, options.incr ? "zincr" : "zadd");
    reply_added(c, &sum, &options);
}

static void zadd_command(struct call *c) { add(c, (struct zsets_add_options){0}); }
static void zincrby_command(struct call *c) { add(c, (struct zsets_add_options){.incr = true}); }

/* --- ZREM, ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK --- */

static void zrem_command(struct call *c)
{
    struct entry *e;
    if (!zsets_find_write(c, 1, &e)) return;
    struct value_ref ref = zsets_ref(c, 1, e);
    size_t removed = 0;
    for (unsigned i = 2; i < c->argc && ref.e != NULL; i++) removed += zset_remove(&ref, call_arg(c, i));
    zsets_tell_removed(c, 1, &ref, removed, "zrem");
    reply_int(c->reply, (int64_t)removed);
}

static void zcard_command(struct call *c)
{
    struct entry *e;
    if (zsets_find_read(c, 1, &e)) reply_int(c->reply, e == NULL ? 0 : (int64_t)zset_count(e));
}

static void reply_score(struct call *c, const struct entry *e, unsigned member)
{
    double score;
    if (e != NULL && zset_score(e, call_arg(c, member), &score))
        reply_double(c->reply, score);
    else
        reply_null(c->reply);
}

static void zscore_command(struct call *c)
{
    struct entry *e;
    if (zsets_find_read(c, 1, &e)) reply_score(c, e, 2);
}

static void zmscore_command(struct call *c)
{
    struct entry *e;
    if (!zsets_find_read(c, 1, &e)) return;
    reply_array(c->reply, c->argc - 2);
    for (unsigned i = 2; i < c->argc; i++) reply_score(c, e, i);
}

static void rank(struct call *c, bool from_top)
{
    bool with_score = c->argc == 4;
    struct entry *e;
    if (c->argc > 4) {
        reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", c->command->name);
        return;
    }
    if (with_score && !call_arg_is(c, 3, "withscore")) {
        call_syntax_error(c);
        return;
    }
    if (!zsets_find_read(c, 1, &e)) return;
    size_t at;
    double score;
    if (e == NULL || !zset_rank(e, call_arg(c, 2), &at, &score)) {
        if (with_score)
            reply_null_array(c->reply);
        else
            reply_null(c->reply);
        return;
    }
    if (with_score) reply_array(c->reply, 2);
    reply_int(c->reply, (int64_t)(from_top ? zset_count(e) - 1 - at : at));
    if (with_score) reply_double(c->reply, score);
}

static void zrank_command(struct call *c) { rank(c, false); }
static void zrevrank_command(struct call *c) { rank(c, true); }

/* --- ZPOPMIN, ZPOPMAX, ZMPOP and their blocking forms --- */

struct pop {
    bool from_top;
    bool names_key; /* the reply begins with the key's name */
    bool nested;    /* elements are pairs, whatever the protocol */
    int64_t count;  /* at most so many */
};

static void reply_popped_header(struct call *c, unsigned key, size_t count, const struct pop *p)
{
    if (p->names_key) {
        reply_array(c->reply, p->nested ? 2 : 1 + 2 * count);
        reply_bulk(c->reply, call_arg(c, key));
        if (p->nested) reply_array(c->reply, count);
    } else {
        reply_array(c->reply, p->nested ? count : 2 * count);
    }
}

/* From the sorted set at argument `key`, which is there. */
static void pop_from(struct call *c, unsigned key, struct entry *e, const struct pop *p)
{
    struct value_ref ref = zsets_ref(c, key, e);
    size_t size = zset_count(e);
    size_t count = (uint64_t)p->count < size ? (size_t)p->count : size;
    struct zset_iter it;
    reply_popped_header(c, key, count, p);
    zset_iter_init(&it, e, p->from_top ? size - 1 : 0, p->from_top);
    for (size_t i = 0; i < count && zset_iter_next(&it); i++) {
        if (p->nested) reply_array(c->reply, 2);
        zsets_reply_member(c->reply, &it.element.member);
        reply_double(c->reply, it.element.score);
    }
    zset_remove_ranks(&ref, p->from_top ? size - count : 0, count, NULL, NULL);
    zsets_tell_removed(c, key, &ref, count, p->from_top ? "zpopmax" : "zpopmin");
}

/* The first of the keys at arguments first .. end - 1 that holds a sorted set: 0 when none does, and false when one holds another type. */
static bool first_to_pop(struct call *c, unsigned first, unsigned end, unsigned *key, struct entry **e)
{
    *key = 0;
    for (unsigned i = first; i < end; i++) {
        if (!zsets_find_write(c, i, e)) return false;
        if (*e == NULL) continue;
        *key = i;
        return true;
    }
    return true;
}

static void pop_ends(struct call *c, bool from_top)
{
    struct pop p = {.from_top = from_top, .count = 1};
    struct entry *e;
    if (c->argc > 3) {
        call_syntax_error(c);
        return;
    }
    if (c->argc == 3) {
        if (!zsets_count_arg(c, 2, 0, &p.count, "value is out of range, must be positive")) return;
        p.nested = c->reply->resp > 2;
    }
    if (!zsets_find_write(c, 1, &e)) return;
    if (e == NULL || p.count == 0)
        reply_empty_array(c->reply);
    else
        pop_from(c, 1, e, &p);
}

static void zpopmin_command(struct call *c) { pop_ends(c, false); }
static void zpopmax_command(struct call *c) { pop_ends(c, true); }

/* Pops from the keys at arguments first .. first + keys - 1, or waits for them. */
static void pop_or_wait(struct call *c, unsigned first, unsigned keys, unsigned timeout, const struct pop *p)
{
    int64_t timeout_ms;
    unsigned key;
    struct entry *e;
    if (!blocking_timeout_arg(c, timeout, &timeout_ms) || !first_to_pop(c, first, first + keys, &key, &e)) return;
    if (key != 0)
        pop_from(c, key, e, p);
    else
        blocking_wait(c, first, keys, VALUE_ZSET, timeout_ms, BLOCKING_REPLY_NULL_ARRAY);
}

static void bzpopmin_command(struct call *c)
{
    pop_or_wait(c, 1, c->argc - 2, c->argc - 1, &(struct pop){.names_key = true, .count = 1});
}

static void bzpopmax_command(struct call *c)
{
    pop_or_wait(c, 1, c->argc - 2, c->argc - 1, &(struct pop){.from_top = true, .names_key = true, .count = 1});
}

/* numkeys key [key ...] MIN|MAX [COUNT count], from argument i on. */
static bool parse_mpop(struct call *c, unsigned i, struct pop *p, unsigned *keys)
{
    int64_t numkeys;
    *p = (struct pop){.names_key = true, .nested = true, .count = 1};
    if (!zsets_count_arg(c, i, 1, &numkeys, "numkeys should be greater than 0")) return false;
    if (numkeys >= (int64_t)(c->argc - i - 1)) goto syntax;
    *keys = (unsigned)numkeys;
    unsigned where = i + 1 + *keys;
    p->from_top = call_arg_is(c, where, "max");
    if (!p->from_top && !call_arg_is(c, where, "min")) goto syntax;
    unsigned left = c->argc - where - 1;
    if (left == 0) return true;
    if (left < 2 || !call_arg_is(c, where + 1, "count")) goto syntax;
    if (!zsets_count_arg(c, where + 2, 1, &p->count, "count should be greater than 0")) return false;
    if (left == 2) return true;
syntax:
    call_syntax_error(c);
    return false;
}

static void zmpop_command(struct call *c)
{
    struct pop p;
    unsigned keys, key;
    struct entry *e;
    if (!parse_mpop(c, 1, &p, &keys) || !first_to_pop(c, 2, 2 + keys, &key, &e)) return;
    if (key == 0)
        reply_null_array(c->reply);
    else
        pop_from(c, key, e, &p);
}

static void bzmpop_command(struct call *c)
{
    struct pop p;
    unsigned keys;
    if (parse_mpop(c, 2, &p, &keys)) pop_or_wait(c, 3, keys, 1, &p);
}

/* --- ZRANDMEMBER --- */

/* A reply that repeats members is as long as the client asks: it has to end somewhere. */
#define REPEATS_MAX (INT64_C(1) << 24)

static void random_repeating(struct call *c, const struct entry *e, int64_t count, bool with_scores)
{
    zsets_reply_header(c->reply, (size_t)count, with_scores);
    for (int64_t i = 0; i < count; i++) {
        struct zset_element el;
        zset_random(e, server_rng(c->server), &el);
        zsets_reply_element(c->reply, &el, with_scores);
    }
}

/* One walk that takes each element with the probability of what is still wanted to what is left. Of all of them: from the top, as
 * Redis gives them. */
static void random_by_walk(struct call *c, const struct entry *e, size_t count, bool with_scores)
{
    size_t left = zset_count(e);
    struct zset_iter it;
    zset_iter_init(&it, e, left - 1, true);
    for (; count > 0 && zset_iter_next(&it); left--) {
        if (count < left && rng_below(server_rng(c->server), left) >= count) continue;
        zsets_reply_element(c->reply, &it.element, with_scores);
        count--;
    }
}

static bool insert_rank(uint64_t *slots, size_t mask, uint64_t rank)
{
    size_t i = (size_t)(rank * 0x9e3779b97f4a7c15u) & mask;
    for (; slots[i] != 0; i = (i + 1) & mask) {
        if (slots[i] == rank + 1) return false;
    }
    slots[i] = rank + 1;
    return true;
}

/* Few of many: ranks drawn until so many different ones are there. */
static void random_by_rank(struct call *c, const struct entry *e, size_t count, bool with_scores)
{
    size_t size = 4;
    while (size < count * 2) size *= 2;
    uint64_t *slots = mem_calloc(size * sizeof(*slots));
    while (count > 0) {
        size_t at = (size_t)rng_below(server_rng(c->server), zset_count(e));
        struct zset_iter it;
        if (!insert_rank(slots, size - 1, at)) continue;
        zset_iter_init(&it, e, at, false);
        if (!zset_iter_next(&it)) break;
        zsets_reply_element(c->reply, &it.element, with_scores);
        count--;
    }
    mem_free(slots);
}

static void random_different(struct call *c, const struct entry *e, int64_t wanted, bool with_scores)
{
    size_t size = zset_count(e);
    size_t count = (uint64_t)wanted < size ? (size_t)wanted : size;
    zsets_reply_header(c->reply, count, with_scores);
    if (count > size / 4)
        random_by_walk(c, e, count, with_scores);
    else
        random_by_rank(c, e, count, with_scores);
}

static bool parse_random(struct call *c, int64_t *count, bool *with_scores)
{
    if (!call_int_arg(c, 2, count, NULL)) return false;
    if (*count == INT64_MIN) {
        reply_errorf(c->reply, "ERR value is out of range, value must between %lld and %lld", (long long)-INT64_MAX,
                     (long long)INT64_MAX);
        return false;
    }
    *with_scores = c->argc == 4;
    if (c->argc > 4 || (*with_scores && !call_arg_is(c, 3, "withscores"))) {
        call_syntax_error(c);
        return false;
    }
    bool too_many = *with_scores && (*count < -INT64_MAX / 2 || *count > INT64_MAX / 2);
    if (!too_many && *count >= -REPEATS_MAX) return true;
    reply_error(c->reply, "ERR value is out of range");
    return false;
}

static void zrandmember_command(struct call *c)
{
    int64_t count = 0;
    bool with_scores = false;
    struct entry *e;
    if (c->argc > 2 && !parse_random(c, &count, &with_scores)) return;
    if (!zsets_find_read(c, 1, &e)) return;
    if (c->argc == 2) {
        struct zset_element el;
        if (e == NULL) {
            reply_null(c->reply);
            return;
        }
        zset_random(e, server_rng(c->server), &el);
        zsets_reply_member(c->reply, &el.member);
    } else if (e == NULL || count == 0) {
        reply_empty_array(c->reply);
    } else if (count < 0) {
        random_repeating(c, e, -count, with_scores);
    } else {
        random_different(c, e, count, with_scores);
    }
}

/* --- ZSCAN --- */

struct scan {
    struct slice match; /* ptr NULL: everything */
    int64_t count;
    uint64_t examined;
    struct buf found; /* of struct zset_element */
};

static void scan_one(void *ctx, const struct zset_element *el)
{
    struct scan *s = ctx;
    char scratch[NUM_INT64_CHARS];
    s->examined++;
    if (s->match.ptr != NULL && !glob_match(s->match, item_slice(&el->member, scratch))) return;
    buf_append(&s->found, el, sizeof(*el));
}

/* As strtoul takes it, without leading space. */
static bool parse_cursor(struct slice text, uint64_t *cursor)
{
    char digits[48], *end;
    if (text.len >= sizeof(digits) ||
        (text.len > 0 && (text.ptr[0] == ' ' || (text.ptr[0] >= '\t' && text.ptr[0] <= '\r'))))
        return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    errno = 0;
    *cursor = strtoul(digits, &end, 10);
    return errno != ERANGE && *end == '\0' && (size_t)(end - digits) == text.len;
}

static bool parse_scan_options(struct call *c, struct scan *s)
{
    for (unsigned i = 3; i < c->argc; i += 2) {
        bool has_value = i + 1 < c->argc;
        if (has_value && call_arg_is(c, i, "count")) {
            if (!call_int_arg(c, i + 1, &s->count, NULL)) return false;
            if (s->count >= 1) continue;
        } else if (has_value && call_arg_is(c, i, "match")) {
            s->match = call_arg(c, i + 1);
            if (glob_is_everything(s->match)) s->match.ptr = NULL;
            continue;
        }
        call_syntax_error(c);
        return false;
    }
    return true;
}

static void reply_scanned(struct call *c, uint64_t cursor, const struct buf *found)
{
    size_t count = found->len / sizeof(struct zset_element);
    reply_array(c->reply, 2);
    reply_bulkf(c->reply, "%llu", (unsigned long long)cursor);
    reply_array(c->reply, 2 * count);
    for (size_t i = 0; i < count; i++) {
        struct zset_element el;
        char score[NUM_DOUBLE_CHARS];
        memcpy(&el, found->data + i * sizeof(el), sizeof(el));
        zsets_reply_member(c->reply, &el.member);
        reply_bulk(c->reply, SLICE(score, num_format_double(score, el.score)));
    }
}

static void zscan_command(struct call *c)
{
    uint64_t cursor;
    struct entry *e;
    struct scan scan = {.count = 10};
    if (!parse_cursor(call_arg(c, 2), &cursor)) {
        reply_error(c->reply, "ERR invalid cursor");
        return;
    }
    if (!zsets_find_read(c, 1, &e)) return;
    if (e == NULL) {
        reply_scanned(c, 0, &scan.found);
        return;
    }
    if (!parse_scan_options(c, &scan)) return;
    /* Sparse tables: so many steps a call at most, whatever they hold. */
    uint64_t wanted = (uint64_t)scan.count;
    uint64_t steps = wanted > UINT64_MAX / 10 ? UINT64_MAX : wanted * 10;
    do {
        cursor = zset_scan(e, cursor, scan_one, &scan);
    } while (cursor != 0 && --steps > 0 && scan.examined < wanted);
    reply_scanned(c, cursor, &scan.found);
    buf_deinit(&scan.found);
}

/* --- the table --- */

static const char *const random_tips[] = {"nondeterministic_output", NULL};

#define ZSET_ROW(name_, fn, arity_, flags_)                                                              \
    .name = (name_), .handler = (fn), .arity = (arity_), .flags = (flags_), .categories = CAT_SORTEDSET, \
    .group = GROUP_SORTED_SET
#define POP_KEYS (KEY_RW | KEY_ACCESS | KEY_DELETE)

/* clang-format off */
static const struct command rows[] = {
    {ZSET_ROW("zadd", zadd_command, -4, CMD_WRITE | CMD_DENYOOM | CMD_FAST), .since = "1.2.0",
     .complexity = "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
     .summary = "Adds members with their scores, or changes the scores of those that are there.",
     .syntax = "key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}},
    {ZSET_ROW("zincrby", zincrby_command, 4, CMD_WRITE | CMD_DENYOOM | CMD_FAST), .since = "1.2.0",
     .complexity = "O(log(N)) where N is the number of elements in the sorted set.",
     .summary = "Adds to the score of a member.", .syntax = "key increment member",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}},
    {ZSET_ROW("zrem", zrem_command, -3, CMD_WRITE | CMD_FAST), .since = "1.2.0",
     .complexity = "O(M*log(N)) with N being the number of elements in the sorted set and M the number of elements to be removed.",
     .summary = "Removes members.", .syntax = "key member [member ...]",
     .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}},
    {ZSET_ROW("zcard", zcard_command, 2, CMD_READONLY | CMD_FAST), .since = "1.2.0", .complexity = "O(1)",
     .summary = "Returns how many members a sorted set has.", .syntax = "key",
     .keys = {KEY_AT(1, KEY_RO)}},
    {ZSET_ROW("zscore", zscore_command, 3, CMD_READONLY | CMD_FAST), .since = "1.2.0", .complexity = "O(1)",
     .summary = "Returns the score of a member.", .syntax = "key member",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {ZSET_ROW("zmscore", zmscore_command, -3, CMD_READONLY | CMD_FAST), .since = "6.2.0",
     .complexity = "O(N) where N is the number of members being requested.",
     .summary = "Returns the scores of several members.", .syntax = "key member [member ...]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {ZSET_ROW("zrank", zrank_command, -3, CMD_READONLY | CMD_FAST), .since = "2.0.0", .complexity = "O(log(N))",
     .summary = "Returns the position of a member, counted from the lowest score.", .syntax = "key member [WITHSCORE]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {ZSET_ROW("zrevrank", zrevrank_command, -3, CMD_READONLY | CMD_FAST), .since = "2.0.0", .complexity = "O(log(N))",
     .summary = "Returns the position of a member, counted from the highest score.", .syntax = "key member [WITHSCORE]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {ZSET_ROW("zpopmin", zpopmin_command, -2, CMD_WRITE | CMD_FAST), .since = "5.0.0",
     .complexity = "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.",
     .summary = "Removes and returns the members with the lowest scores.", .syntax = "key [count]",
     .keys = {KEY_AT(1, POP_KEYS)}},
    {ZSET_ROW("zpopmax", zpopmax_command, -2, CMD_WRITE | CMD_FAST), .since = "5.0.0",
     .complexity = "O(log(N)*M) with N being the number of elements in the sorted set, and M being the number of elements popped.",
     .summary = "Removes and returns the members with the highest scores.", .syntax = "key [count]",
     .keys = {KEY_AT(1, POP_KEYS)}},
    {ZSET_ROW("bzpopmin", bzpopmin_command, -3, CMD_WRITE | CMD_NOSCRIPT | CMD_BLOCKING | CMD_FAST), .since = "5.0.0",
     .complexity = "O(log(N)) with N being the number of elements in the sorted set.",
     .summary = "Removes and returns the member with the lowest score of the first sorted set that has any; waits for one.",
     .syntax = "key [key ...] timeout",
     .keys = {{.flags = POP_KEYS, .index = 1, .last = -2, .step = 1}}},
    {ZSET_ROW("bzpopmax", bzpopmax_command, -3, CMD_WRITE | CMD_NOSCRIPT | CMD_BLOCKING | CMD_FAST), .since = "5.0.0",
     .complexity = "O(log(N)) with N being the number of elements in the sorted set.",
     .summary = "Removes and returns the member with the highest score of the first sorted set that has any; waits for one.",
     .syntax = "key [key ...] timeout",
     .keys = {{.flags = POP_KEYS, .index = 1, .last = -2, .step = 1}}},
    {ZSET_ROW("zmpop", zmpop_command, -4, CMD_WRITE | CMD_MOVABLE_KEYS), .since = "7.0.0",
     .complexity = "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.",
     .summary = "Removes and returns members from one end of the first sorted set that has any.",
     .syntax = "numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .keys = {{.flags = POP_KEYS, .index = 1, .is_keynum = true, .last = 0, .step = 1, .limit = 1}}},
    {ZSET_ROW("bzmpop", bzmpop_command, -5, CMD_WRITE | CMD_BLOCKING | CMD_MOVABLE_KEYS), .since = "7.0.0",
     .complexity = "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of elements in the sorted set, and M being the number of elements popped.",
     .summary = "Removes and returns members from one end of the first sorted set that has any; waits for one.",
     .syntax = "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
     .keys = {{.flags = POP_KEYS, .index = 2, .is_keynum = true, .last = 0, .step = 1, .limit = 1}}},
    {ZSET_ROW("zrandmember", zrandmember_command, -2, CMD_READONLY), .since = "6.2.0",
     .complexity = "O(N) where N is the number of elements returned",
     .summary = "Returns random members: different ones, or with a negative count any.",
     .syntax = "key [count [WITHSCORES]]", .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .tips = random_tips},
    {ZSET_ROW("zscan", zscan_command, -3, CMD_READONLY), .since = "2.8.0",
     .complexity = "O(1) for every call. O(N) for a complete iteration over N elements.",
     .summary = "Walks over the members and their scores, some at a call.",
     .syntax = "key cursor [MATCH pattern] [COUNT count]", .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .tips = random_tips},
    {0},
};
/* clang-format on */

const struct command *zset_commands(void) { return rows; }
