/* SPDX-License-Identifier: MIT */
/*
 * Random commands of the sorted set family. Scores are quarters, and what is stored is never a source again: sums stay exact and short, so that
 * every version writes them with the same digits. ZRANDMEMBER asks for all or none; ZSCAN is in streams/zsets.txt.
 */
#include <stdbool.h>
#include <string.h>

#include "tests/compat/gen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void any_of(struct gen *g, const char *const *texts, size_t count)
{
    gen_arg(g, texts[gen_below(g, (uint32_t)count)]);
}

static bool one_in(struct gen *g, uint32_t n) { return gen_below(g, n) == 0; }

static void destination(struct gen *g) { gen_argf(g, "dst:%u", gen_below(g, 6)); }

static void key(struct gen *g)
{
    if (one_in(g, 6))
        destination(g);
    else if (one_in(g, 3))
        gen_key(g);
    else
        gen_argf(g, "key:%u", gen_below(g, 5));
}

static void source(struct gen *g)
{
    if (one_in(g, 4))
        gen_key(g);
    else
        gen_argf(g, "key:%u", gen_below(g, 5));
}

static void member(struct gen *g)
{
    static char long_member[80];
    switch (gen_below(g, 40)) {
    case 0: gen_arg(g, ""); break;
    case 1: gen_arg_bytes(g, "m\0\r\n\xff", 5); break;
    case 2:
        memset(long_member, 'm', sizeof(long_member));
        gen_arg_bytes(g, long_member, 64 + gen_below(g, 3));
        break;
    case 3: gen_int(g); break;
    case 4:
    case 5:
    case 6:
    case 7: gen_argf(g, "%d", (int)gen_below(g, 20) - 5); break;
    default: gen_argf(g, "m%u", gen_below(g, one_in(g, 10) ? 400 : 30)); break;
    }
}

static void score(struct gen *g)
{
    static const char *const edges[] = {"inf", "-inf", "+inf", "1e10", "-0", "0x1p3", "123456789"};
    static const char *const bad[] = {"nan", "", "x", "1x", " 1", "1e400"};
    if (one_in(g, 30))
        any_of(g, edges, COUNT(edges));
    else if (one_in(g, 150))
        any_of(g, bad, COUNT(bad));
    else if (one_in(g, 2))
        gen_argf(g, "%d", (int)gen_below(g, 20) - 5);
    else
        gen_argf(g, "%d.%02u", (int)gen_below(g, 20) - 5, 25 * gen_below(g, 4));
}

/* Ranges of texts have a meaning among equal scores only. */
static void lex_key(struct gen *g) { gen_argf(g, "lex:%u", gen_below(g, 3)); }

static void lex_add(struct gen *g)
{
    gen_arg(g, "ZADD");
    lex_key(g);
    for (uint32_t n = 1 + gen_below(g, 6); n > 0; n--) {
        gen_arg(g, "0");
        member(g);
    }
}

static void zadd(struct gen *g)
{
    static const char *const options[] = {"NX", "XX", "GT", "LT", "CH", "INCR", "ch", "gt"};
    gen_arg(g, "ZADD");
    source(g);
    for (uint32_t n = one_in(g, 3) ? gen_below(g, 4) : 0; n > 0; n--) any_of(g, options, COUNT(options));
    for (uint32_t n = one_in(g, 60) ? 150 : 1 + gen_below(g, 4); n > 0; n--) {
        score(g);
        member(g);
    }
    if (one_in(g, 60)) score(g);
}

static void zincrby(struct gen *g)
{
    gen_arg(g, "ZINCRBY");
    source(g);
    score(g);
    member(g);
}

static void zrem(struct gen *g)
{
    gen_arg(g, "ZREM");
    key(g);
    for (uint32_t n = 1 + gen_below(g, 4); n > 0; n--) member(g);
}

static void of_member(struct gen *g)
{
    static const char *const names[] = {"ZSCORE", "ZRANK", "ZREVRANK", "ZMSCORE"};
    any_of(g, names, COUNT(names));
    key(g);
    member(g);
}

static void rank(struct gen *g)
{
    if (one_in(g, 40))
        gen_int(g);
    else
        gen_argf(g, "%d", (int)gen_below(g, 40) - 15);
}

static void score_bound(struct gen *g)
{
    static const char *const edges[] = {"-inf", "+inf", "(inf", "(-inf", "", "(", "x", "[1", "nan"};
    if (one_in(g, 5))
        any_of(g, edges, one_in(g, 8) ? COUNT(edges) : 4);
    else
        gen_argf(g, "%s%d.%02u", one_in(g, 3) ? "(" : "", (int)gen_below(g, 20) - 5, 25 * gen_below(g, 4));
}

static void lex_bound(struct gen *g)
{
    static const char *const edges[] = {"-", "+", "[", "(", "", "x", "-x"};
    if (one_in(g, 4))
        any_of(g, edges, one_in(g, 8) ? COUNT(edges) : 2);
    else
        gen_argf(g, "%sm%u", one_in(g, 2) ? "(" : "[", gen_below(g, 30));
}

typedef void bound_fn(struct gen *g);
static bound_fn *const bounds[] = {rank, score_bound, lex_bound};

static void limit(struct gen *g)
{
    gen_arg(g, "LIMIT");
    gen_argf(g, "%d", (int)gen_below(g, 12) - 2);
    gen_argf(g, "%d", (int)gen_below(g, 12) - 2);
}

static void two_bounds(struct gen *g, uint32_t kind)
{
    bounds[kind](g);
    bounds[kind](g);
}

static void zrange(struct gen *g)
{
    static const char *const kinds[] = {NULL, "BYSCORE", "BYLEX"};
    uint32_t kind = gen_below(g, 3);
    bool stores = one_in(g, 4);
    gen_arg(g, stores ? "ZRANGESTORE" : "ZRANGE");
    if (stores) destination(g);
    if (kind == 2)
        lex_key(g);
    else
        source(g);
    two_bounds(g, one_in(g, 60) ? gen_below(g, 3) : kind);
    if (kinds[kind] != NULL) gen_arg(g, kinds[kind]);
    if (one_in(g, 2)) gen_arg(g, "REV");
    if (kind > 0 ? one_in(g, 3) : one_in(g, 40)) limit(g);
    if (!stores && kind < 2 ? one_in(g, 2) : one_in(g, 60)) gen_arg(g, "WITHSCORES");
}

static void old_range(struct gen *g)
{
    static const struct {
        const char *name;
        uint32_t kind;
    } names[] = {{"ZREVRANGE", 0},        {"ZRANGEBYSCORE", 1}, {"ZREVRANGEBYSCORE", 1}, {"ZRANGEBYLEX", 2},
                 {"ZREVRANGEBYLEX", 2},   {"ZCOUNT", 1},        {"ZLEXCOUNT", 2},        {"ZREMRANGEBYRANK", 0},
                 {"ZREMRANGEBYSCORE", 1}, {"ZREMRANGEBYLEX", 2}};
    uint32_t which = gen_below(g, COUNT(names));
    gen_arg(g, names[which].name);
    if (names[which].kind == 2)
        lex_key(g);
    else
        key(g);
    two_bounds(g, names[which].kind);
    if (which > 4) return;
    if (one_in(g, 3)) gen_arg(g, "WITHSCORES");
    if (one_in(g, 4)) limit(g);
}

static void pop(struct gen *g)
{
    gen_arg(g, one_in(g, 2) ? "ZPOPMIN" : "ZPOPMAX");
    key(g);
    if (one_in(g, 2)) gen_argf(g, "%d", (int)gen_below(g, 8) - 1);
}

static uint32_t some_keys(struct gen *g)
{
    uint32_t n = 1 + gen_below(g, one_in(g, 10) ? 12 : 4);
    gen_argf(g, "%d", one_in(g, 60) ? (int)gen_below(g, 12) - 3 : (int)n);
    for (uint32_t i = 0; i < n; i++) source(g);
    return n;
}

static void mpop(struct gen *g)
{
    gen_arg(g, "ZMPOP");
    some_keys(g);
    gen_arg(g, one_in(g, 2) ? "MIN" : one_in(g, 30) ? "MID" : "max");
    if (one_in(g, 2)) return;
    gen_arg(g, "COUNT");
    gen_argf(g, "%d", (int)gen_below(g, 9) - (one_in(g, 10) ? 1 : 0));
}

static void options(struct gen *g, uint32_t keys)
{
    static const char *const weights[] = {"1", "2", "-1", "0", "3", "inf", "-inf", "x"};
    static const char *const aggregates[] = {"SUM", "MIN", "MAX", "avg"};
    if (one_in(g, 3)) {
        gen_arg(g, "WEIGHTS");
        for (uint32_t i = 0; i < keys; i++) any_of(g, weights, one_in(g, 10) ? COUNT(weights) : 5);
    }
    if (one_in(g, 3)) {
        gen_arg(g, "AGGREGATE");
        any_of(g, aggregates, one_in(g, 20) ? COUNT(aggregates) : 3);
    }
}

static void algebra(struct gen *g)
{
    static const char *const names[] = {"ZUNION", "ZINTER", "ZDIFF"};
    static const char *const storing[] = {"ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"};
    uint32_t which = gen_below(g, 3);
    bool stores = one_in(g, 2);
    gen_arg(g, stores ? storing[which] : names[which]);
    if (stores) destination(g);
    uint32_t keys = some_keys(g);
    if (which < 2 || one_in(g, 30)) options(g, keys);
    if (stores ? one_in(g, 40) : one_in(g, 2)) gen_arg(g, "WITHSCORES");
}

static void card(struct gen *g)
{
    gen_arg(g, "ZINTERCARD");
    some_keys(g);
    if (one_in(g, 2)) return;
    gen_arg(g, "LIMIT");
    gen_argf(g, "%d", (int)gen_below(g, 6) - 1);
}

static void random_member(struct gen *g)
{
    gen_arg(g, "ZRANDMEMBER");
    key(g);
    gen_arg(g, one_in(g, 4) ? "0" : "100000");
    if (one_in(g, 2)) gen_arg(g, "WITHSCORES");
}

static void sadd(struct gen *g)
{
    gen_arg(g, "SADD");
    source(g);
    for (uint32_t n = 1 + gen_below(g, 10); n > 0; n--) member(g);
}

/* The encoding of sorted sets only: those of sets differ between versions. */
static void look(struct gen *g)
{
    switch (gen_below(g, 8)) {
    case 0:
        gen_arg(g, "DEL");
        key(g);
        break;
    case 1:
        gen_arg(g, "OBJECT");
        gen_arg(g, "ENCODING");
        destination(g);
        break;
    case 2:
        gen_arg(g, "TYPE");
        key(g);
        break;
    default:
        gen_arg(g, "ZCARD");
        key(g);
        break;
    }
}

static void set(struct gen *g)
{
    gen_arg(g, "SET");
    gen_argf(g, "key:%u", 10 + gen_below(g, 14));
    gen_arg(g, "text");
}

void gen_zsets(struct gen *g)
{
    static gen_family_fn *const makers[] = {
        lex_add,   zadd,    zadd,    zadd,    zadd,   zadd,          zadd,      zincrby,   zincrby,   zrem,
        of_member, zrange,  zrange,  zrange,  zrange, old_range,     old_range, old_range, old_range, pop,
        mpop,      algebra, algebra, algebra, card,   random_member, sadd,      look,      look};
    if (one_in(g, 100))
        set(g);
    else
        makers[gen_below(g, COUNT(makers))](g);
}
