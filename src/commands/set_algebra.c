/* SPDX-License-Identifier: MIT */
/*
 * Intersections, unions and differences. All three go through members in parts of up to 64: their hashes are computed once, then each
 * other set is asked for all of them together, so that the cache misses of its table overlap. What remains of a part goes to a sink: the
 * reply, a set that is being built, or a counter.
 *
 * A union asks whether a member stands in a set before its own and a difference whether it stands in any other, so that neither builds a
 * set only to reply it. With very many sets that asks too often: then one is built.
 */
#include "commands/set_private.h"

#include <stdlib.h>

#include "base/mem.h"
#include "server/server.h"

/* So many sets a union asks before it builds the result instead. */
#define UNION_ASKS_MAX 8

/* --- sources --- */

struct sources {
    struct entry **sets; /* NULL: no such key */
    unsigned count, missing;
};

/* The sets at arguments first .. first + count - 1. False when one is no set: replied. */
static bool find_sources(struct call *c, unsigned first, unsigned count, struct sources *s)
{
    *s = (struct sources){mem_alloc(count * sizeof(*s->sets)), count, 0};
    for (unsigned i = 0; i < count; i++) {
        s->sets[i] = call_find_read(c, first + i);
        s->missing += s->sets[i] == NULL;
        if (call_wrong_type(c, s->sets[i], VALUE_SET)) {
            mem_free(s->sets);
            return false;
        }
    }
    return true;
}

static void free_sources(struct sources *s) { mem_free(s->sets); }

static void drop_missing(struct sources *s)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < s->count; i++) {
        if (s->sets[i] != NULL) s->sets[kept++] = s->sets[i];
    }
    s->count = kept;
}

static int by_count(const void *a, const void *b)
{
    size_t x = set_count(*(struct entry *const *)a), y = set_count(*(struct entry *const *)b);
    return (x > y) - (x < y);
}

static int by_count_descending(const void *a, const void *b) { return by_count(b, a); }

/* --- sinks --- */

struct sink {
    struct reply *reply;     /* NULL: not replied */
    struct value_ref *built; /* NULL: not stored */
    size_t count, limit;     /* members taken; the last one wanted */
};

/* False when no more are wanted. */
static bool take(struct sink *s, struct slice member)
{
    if (s->built != NULL && !set_add(s->built, member)) return true;
    s->count++;
    if (s->reply != NULL) reply_bulk(s->reply, member);
    return s->count < s->limit;
}

/* --- parts of a walk --- */

struct part {
    struct set_probe probes[SET_PROBES_MAX];
    char digits[SET_PROBES_MAX][NUM_INT64_CHARS];
};

/* The next members of a walk; the answer has a bit for each. */
static uint64_t next_part(struct part *p, struct set_iter *it)
{
    struct item items[SET_PROBES_MAX];
    unsigned n = set_iter_next_many(it, items, SET_PROBES_MAX);
    for (unsigned i = 0; i < n; i++) p->probes[i] = set_probe(item_slice(&items[i], p->digits[i]));
    return n == SET_PROBES_MAX ? UINT64_MAX : ((uint64_t)1 << n) - 1;
}

static bool take_part(struct sink *s, const struct part *p, uint64_t members)
{
    for (; members != 0; members &= members - 1) {
        if (!take(s, p->probes[__builtin_ctzll(members)].member)) return false;
    }
    return true;
}

static void take_all(struct sink *s, const struct entry *set)
{
    char scratch[NUM_INT64_CHARS];
    struct item items[SET_PROBES_MAX];
    struct set_iter it;
    set_iter_init(&it, set);
    for (unsigned n; (n = set_iter_next_many(&it, items, SET_PROBES_MAX)) > 0;) {
        for (unsigned i = 0; i < n; i++) {
            if (!take(s, item_slice(&items[i], scratch))) return;
        }
    }
}

/* Those of a set that none of `others` has. */
static void take_absent(struct sink *s, const struct entry *set, struct entry *const *others, unsigned count)
{
    struct part p;
    struct set_iter it;
    set_iter_init(&it, set);
    for (uint64_t left; (left = next_part(&p, &it)) != 0;) {
        for (unsigned i = 0; i < count && left != 0; i++) left &= ~set_has_many(others[i], p.probes, left);
        if (!take_part(s, &p, left)) return;
    }
}

/* --- the three --- */

static void intersect(struct sources *from, struct sink *to)
{
    if (from->missing > 0) return;
    qsort(from->sets, from->count, sizeof(struct entry *), by_count);
    if (from->count == 1) {
        take_all(to, from->sets[0]);
        return;
    }
    struct part p;
    struct set_iter it;
    set_iter_init(&it, from->sets[0]);
    for (uint64_t left; (left = next_part(&p, &it)) != 0;) {
        for (unsigned i = 1; i < from->count && left != 0; i++) left &= set_has_many(from->sets[i], p.probes, left);
        if (!take_part(to, &p, left)) return;
    }
}

/* A sink that stores needs no asking: it keeps a member once. */
static void unite_into_set(const struct sources *from, struct sink *to)
{
    for (unsigned i = 0; i < from->count; i++) take_all(to, from->sets[i]);
}

static void unite(struct sources *from, struct sink *to)
{
    drop_missing(from);
    if (to->built != NULL) {
        unite_into_set(from, to);
    } else if (from->count > UNION_ASKS_MAX) {
        struct value_ref built = {.key = key_of(SLICE("", 0))};
        struct sink result = *to;
        result.built = &built;
        unite_into_set(from, &result);
        to->count = result.count;
        entry_free_lazily(built.e);
    } else {
        for (unsigned i = 0; i < from->count; i++) take_absent(to, from->sets[i], from->sets, i);
    }
}

/* Whether it is cheaper to gather all that is taken away than to ask each set for each member. */
static bool is_better_gathered(const struct sources *from)
{
    size_t all = 0;
    for (unsigned i = 0; i < from->count; i++) all += set_count(from->sets[i]);
    return from->count > UNION_ASKS_MAX && set_count(from->sets[0]) * (from->count - 1) / 2 > all;
}

static void subtract(struct sources *from, struct sink *to)
{
    if (from->sets[0] == NULL) return;
    drop_missing(from);
    qsort(from->sets + 1, from->count - 1, sizeof(struct entry *), by_count_descending);
    if (!is_better_gathered(from)) {
        take_absent(to, from->sets[0], from->sets + 1, from->count - 1);
        return;
    }
    struct value_ref gone = {.key = key_of(SLICE("", 0))};
    struct sink gather = {.built = &gone, .limit = SIZE_MAX};
    struct sources others = {from->sets + 1, from->count - 1, 0};
    unite_into_set(&others, &gather);
    take_absent(to, from->sets[0], &gone.e, 1);
    entry_free_lazily(gone.e);
}

/* --- commands --- */

typedef void set_operation(struct sources *from, struct sink *to);

static void reply_result(struct call *c, set_operation *operation)
{
    struct sources from;
    if (!find_sources(c, 1, c->argc - 1, &from)) return;
    struct reply_later later = reply_begin(c->reply);
    struct sink to = {.reply = c->reply, .limit = SIZE_MAX};
    operation(&from, &to);
    reply_end_set(c->reply, later, to.count);
    free_sources(&from);
}

static void store_result(struct call *c, set_operation *operation, const char *event)
{
    struct sources from;
    if (!find_sources(c, 2, c->argc - 2, &from)) return;
    struct key key = call_key(c, 1);
    struct value_ref built = {.key = key};
    struct sink to = {.built = &built, .limit = SIZE_MAX};
    operation(&from, &to);
    free_sources(&from);
    if (built.e != NULL) {
        db_put(c->db, built.e, key.hash);
        call_changed(c, c->db, key.name, NOTIFY_SET, event);
    } else if (db_delete(c->db, &key, c->now_ms, server_config(c->server)->lazyfree_lazy_server_del)) {
        call_changed(c, c->db, key.name, NOTIFY_GENERIC, "del");
    }
    reply_int(c->reply, (int64_t)to.count);
}

void sinter_command(struct call *c) { reply_result(c, intersect); }
void sinterstore_command(struct call *c) { store_result(c, intersect, "sinterstore"); }
void sunion_command(struct call *c) { reply_result(c, unite); }
void sunionstore_command(struct call *c) { store_result(c, unite, "sunionstore"); }
void sdiff_command(struct call *c) { reply_result(c, subtract); }
void sdiffstore_command(struct call *c) { store_result(c, subtract, "sdiffstore"); }

/* False and an error replied when the arguments are wrong. A limit of 0 is none. */
static bool parse_sintercard(struct call *c, unsigned *keys, size_t *limit)
{
    int64_t count, number = 0;
    if (!num_parse_int64(call_arg(c, 1), &count) || count < 1) {
        reply_error(c->reply, "ERR numkeys should be greater than 0");
        return false;
    }
    if (count > (int64_t)c->argc - 2) {
        reply_error(c->reply, "ERR Number of keys can't be greater than number of args");
        return false;
    }
    for (unsigned i = 2 + (unsigned)count; i < c->argc; i += 2) {
        if (!call_arg_is(c, i, "limit") || i + 1 == c->argc) {
            call_syntax_error(c);
            return false;
        }
        if (!num_parse_int64(call_arg(c, i + 1), &number) || number < 0) {
            reply_error(c->reply, "ERR LIMIT can't be negative");
            return false;
        }
    }
    *keys = (unsigned)count;
    *limit = number == 0 ? SIZE_MAX : (size_t)number;
    return true;
}

void sintercard_command(struct call *c)
{
    unsigned keys;
    struct sink to = {0};
    struct sources from;
    if (!parse_sintercard(c, &keys, &to.limit) || !find_sources(c, 2, keys, &from)) return;
    intersect(&from, &to);
    free_sources(&from);
    reply_int(c->reply, (int64_t)to.count);
}
