/* SPDX-License-Identifier: MIT */
/*
 * Random SORT and SORT_RO over lists, sets and sorted sets, with weights and fields to sort by and to get.
 *
 * Numbers that no double can hold are left to streams/sort.txt: Redis goes on refusing every number afterwards, until errno changes. Left
 * out is what no two servers need to agree on: the order of a set that is not sorted, and the order of equal weights under
 * ALPHA in anything but a whole list. Sorted sets hold a long member from the start, since SORT gives small ones of Redis the large form.
 */
#include <stdbool.h>

#include "tests/compat/gen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LONG_MEMBER "0000000000000000000000000000000000000000000000000000000000000000000007"

enum source { SOURCE_LIST, SOURCE_TEXTS, SOURCE_SET, SOURCE_ZSET, SOURCE_OTHER };

static bool one_in(struct gen *g, uint32_t n) { return gen_below(g, n) == 0; }

static void any_of(struct gen *g, const char *const *texts, size_t count)
{
    gen_arg(g, texts[gen_below(g, (uint32_t)count)]);
}

static void source(struct gen *g, enum source s)
{
    static const char *const names[] = {"list", "texts", "set", "zset"};
    if (s == SOURCE_OTHER)
        gen_argf(g, "w_%u", gen_below(g, 70));
    else
        gen_argf(g, "%s:%u", names[s], gen_below(g, 3));
}

static void number(struct gen *g)
{
    static const char *const odd[] = {"inf", "-inf", "1e3", "0x10", "-0", "1.50", "-2.25", "+3", "1e-3", "007"};
    if (one_in(g, 15))
        any_of(g, odd, COUNT(odd));
    else
        gen_argf(g, "%d", (int)gen_below(g, 70) - 5);
}

static void not_always_a_number(struct gen *g)
{
    static const char *const odd[] = {"nan", "abc", "", " 1", "1 ", "0x", "1e", "--1"};
    if (one_in(g, 60))
        any_of(g, odd, COUNT(odd));
    else
        number(g);
}

/* --- data --- */

static void push(struct gen *g)
{
    bool is_text = one_in(g, 3);
    gen_arg(g, one_in(g, 2) ? "RPUSH" : "LPUSH");
    source(g, is_text ? SOURCE_TEXTS : SOURCE_LIST);
    for (uint32_t n = 1 + gen_below(g, one_in(g, 20) ? 300 : 6); n > 0; n--) {
        if (is_text)
            gen_value(g);
        else
            number(g);
    }
}

static void shrink(struct gen *g)
{
    gen_arg(g, "LTRIM");
    source(g, one_in(g, 2) ? SOURCE_TEXTS : SOURCE_LIST);
    gen_argf(g, "%u", gen_below(g, 4));
    gen_argf(g, "%u", gen_below(g, 60));
}

static void add_members(struct gen *g)
{
    gen_arg(g, one_in(g, 4) ? "SREM" : "SADD");
    source(g, SOURCE_SET);
    for (uint32_t n = 1 + gen_below(g, one_in(g, 20) ? 100 : 6); n > 0; n--) number(g);
}

static void add_scored(struct gen *g)
{
    gen_arg(g, "ZADD");
    source(g, SOURCE_ZSET);
    gen_arg(g, "1");
    gen_arg(g, LONG_MEMBER);
    for (uint32_t n = 1 + gen_below(g, one_in(g, 20) ? 100 : 6); n > 0; n--) {
        gen_argf(g, "%d", (int)gen_below(g, 30) - 10);
        number(g);
    }
}

static void set_weight(struct gen *g)
{
    if (one_in(g, 8)) {
        gen_arg(g, "DEL");
        gen_argf(g, "%s_%u", one_in(g, 2) ? "w" : "h", gen_below(g, 70));
    } else if (one_in(g, 2)) {
        gen_arg(g, "SET");
        gen_argf(g, "w_%u", gen_below(g, 70));
        not_always_a_number(g);
    } else {
        gen_arg(g, "HSET");
        gen_argf(g, "h_%u", gen_below(g, 70));
        gen_arg(g, one_in(g, 3) ? "a" : "f");
        not_always_a_number(g);
    }
}

/* --- the commands --- */

static void limit(struct gen *g)
{
    gen_arg(g, one_in(g, 2) ? "LIMIT" : "limit");
    for (unsigned i = 0; i < 2; i++) {
        if (one_in(g, 8))
            gen_int(g);
        else
            gen_argf(g, "%d", (int)gen_below(g, 14) - 2);
    }
}

static void get(struct gen *g)
{
    static const char *const patterns[] = {"w_*", "w_*",    "h_*->f", "h_*->f", "h_*->a", "#",  "#",    "h_*->",
                                           "h_*", "w_*->f", "*",      "no",     "",       "->", "*->*", "w_*x"};
    gen_arg(g, one_in(g, 2) ? "GET" : "get");
    any_of(g, patterns, COUNT(patterns));
}

static void by(struct gen *g, bool may_keep_order)
{
    static const char *const patterns[] = {"w_*", "w_*", "h_*->f", "h_*->f", "h_*->nosuch", "nosuch_*", "*"};
    static const char *const none[] = {"nosort", "", "#", "h->f"};
    gen_arg(g, one_in(g, 2) ? "BY" : "by");
    if (may_keep_order && one_in(g, 3))
        any_of(g, none, COUNT(none));
    else
        any_of(g, patterns, COUNT(patterns));
}

struct plan {
    enum source from;
    bool is_read_only, stores, has_by, is_alpha, has_limit;
};

static struct plan make_plan(struct gen *g)
{
    struct plan p = {.from = (enum source)gen_below(g, SOURCE_OTHER)};
    if (one_in(g, 60)) p.from = SOURCE_OTHER;
    p.is_read_only = one_in(g, 4);
    p.stores = !p.is_read_only && one_in(g, 4);
    p.has_by = one_in(g, 2);
    p.is_alpha = p.from == SOURCE_TEXTS ? !one_in(g, 10) : one_in(g, 4);
    p.has_limit = one_in(g, 3);
    bool is_list = p.from == SOURCE_LIST || p.from == SOURCE_TEXTS;
    if (p.has_by && p.is_alpha && !is_list) p.is_alpha = false;
    if (p.has_by && p.is_alpha) p.has_limit = false;
    return p;
}

static void options(struct gen *g, const struct plan *p)
{
    if (p->has_by) by(g, p->from != SOURCE_SET || p->stores);
    if (p->has_limit) limit(g);
    for (uint32_t n = one_in(g, 2) ? gen_below(g, 4) : 0; n > 0; n--) get(g);
    if (p->is_alpha) gen_arg(g, one_in(g, 2) ? "ALPHA" : "alpha");
    if (one_in(g, 3)) gen_arg(g, one_in(g, 2) ? "DESC" : "desc");
    if (one_in(g, 6)) gen_arg(g, "ASC");
    if (!p->stores) return;
    gen_arg(g, one_in(g, 2) ? "STORE" : "store");
    gen_argf(g, one_in(g, 4) ? "texts:%u" : "dst:%u", gen_below(g, 3));
}

static void sort(struct gen *g)
{
    static const char *const odd[] = {"LIMIT", "BY", "GET", "STORE", "nosuch", "", "WITHSCORES"};
    struct plan p = make_plan(g);
    gen_arg(g, p.is_read_only ? "SORT_RO" : "SORT");
    source(g, p.from);
    options(g, &p);
    /* Without an argument behind it, or none at all: refused. */
    if (one_in(g, 40)) any_of(g, odd, COUNT(odd));
}

static void look(struct gen *g)
{
    static const char *const commands[] = {"LRANGE", "LLEN", "DEL", "TYPE"};
    uint32_t which = gen_below(g, COUNT(commands));
    gen_arg(g, commands[which]);
    gen_argf(g, which == 2 && one_in(g, 4) ? "list:%u" : "dst:%u", gen_below(g, 3));
    if (which > 0) return;
    gen_arg(g, "0");
    gen_arg(g, "-1");
}

void gen_sort(struct gen *g)
{
    static gen_family_fn *const makers[] = {push,       push,       shrink, add_members, add_scored, set_weight,
                                            set_weight, set_weight, sort,   sort,        sort,       sort,
                                            sort,       sort,       sort,   look};
    makers[gen_below(g, COUNT(makers))](g);
}
