/* SPDX-License-Identifier: MIT */
/* Random commands of the list family. Blocking forms get short time-outs only where there is nothing to wait for. */
#include <stdbool.h>

#include "tests/compat/gen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool one_in(struct gen *g, uint32_t n) { return gen_below(g, n) == 0; }

static void any_of(struct gen *g, const char *const *texts, size_t count)
{
    gen_arg(g, texts[gen_below(g, (uint32_t)count)]);
}

/* Few different ones, so that LREM, LPOS and LINSERT meet. */
static void element(struct gen *g)
{
    if (one_in(g, 40))
        gen_argf(g, "%0*u", 2000 + (int)gen_below(g, 9000), 7u);
    else if (one_in(g, 4))
        gen_value(g);
    else if (one_in(g, 2))
        gen_argf(g, "%u", gen_below(g, 12));
    else
        gen_argf(g, "e%u", gen_below(g, 8));
}

static void index_arg(struct gen *g)
{
    if (one_in(g, 15))
        gen_int(g);
    else
        gen_argf(g, "%d", (int)gen_below(g, 40) - 20);
}

static void side(struct gen *g)
{
    static const char *const sides[] = {"LEFT", "RIGHT", "left", "right", "UP"};
    any_of(g, sides, one_in(g, 30) ? COUNT(sides) : 4);
}

static void push(struct gen *g)
{
    static const char *const names[] = {"LPUSH", "RPUSH", "RPUSH", "LPUSHX", "RPUSHX"};
    any_of(g, names, COUNT(names));
    gen_key(g);
    for (uint32_t n = 1 + gen_below(g, one_in(g, 10) ? 200 : 6); n > 0; n--) element(g);
}

static void pop(struct gen *g)
{
    static const char *const names[] = {"LPOP", "RPOP"};
    any_of(g, names, COUNT(names));
    gen_key(g);
    if (one_in(g, 3)) index_arg(g);
}

static void read_some(struct gen *g)
{
    static const char *const names[] = {"LLEN", "LINDEX", "LRANGE", "LRANGE"};
    uint32_t which = gen_below(g, COUNT(names));
    gen_arg(g, names[which]);
    gen_key(g);
    if (which > 0) index_arg(g);
    if (which > 1) index_arg(g);
}

static void change(struct gen *g)
{
    static const char *const names[] = {"LSET", "LREM", "LTRIM"};
    uint32_t which = gen_below(g, one_in(g, 3) ? 3 : 2);
    gen_arg(g, names[which]);
    gen_key(g);
    index_arg(g);
    if (which == 2)
        index_arg(g);
    else
        element(g);
}

static void insert(struct gen *g)
{
    static const char *const places[] = {"BEFORE", "AFTER", "before", "after", "x"};
    gen_arg(g, "LINSERT");
    gen_key(g);
    any_of(g, places, one_in(g, 30) ? COUNT(places) : 4);
    element(g);
    element(g);
}

static void lpos(struct gen *g)
{
    static const char *const options[] = {"RANK", "COUNT", "MAXLEN", "rank", "FOO"};
    gen_arg(g, "LPOS");
    gen_key(g);
    element(g);
    for (uint32_t n = gen_below(g, 4); n > 0; n--) {
        any_of(g, options, one_in(g, 30) ? COUNT(options) : 4);
        gen_argf(g, "%d", (int)gen_below(g, 8) - (one_in(g, 4) ? 4 : 0));
    }
}

static void move(struct gen *g)
{
    bool is_lmove = !one_in(g, 3);
    gen_arg(g, is_lmove ? "LMOVE" : "RPOPLPUSH");
    gen_key(g);
    gen_key(g);
    if (!is_lmove) return;
    side(g);
    side(g);
}

static void lmpop(struct gen *g)
{
    uint32_t keys = 1 + gen_below(g, 3);
    gen_arg(g, "LMPOP");
    gen_argf(g, "%u", one_in(g, 30) ? gen_below(g, 6) : keys);
    while (keys-- > 0) gen_key(g);
    side(g);
    if (one_in(g, 2)) return;
    gen_arg(g, "COUNT");
    gen_argf(g, "%d", (int)gen_below(g, 12) - (one_in(g, 20) ? 6 : -1));
}

/* The key is made right before it in most streams; with a bad time-out there is nothing to wait for. */
static void blocking_errors(struct gen *g)
{
    static const char *const timeouts[] = {"-1", "x", "", "nan", "-1.5"};
    gen_arg(g, one_in(g, 2) ? "BLPOP" : "BRPOP");
    gen_key(g);
    any_of(g, timeouts, COUNT(timeouts));
}

static void look(struct gen *g)
{
    static const char *const names[] = {"DEL", "TYPE", "SET", "EXISTS", "DUMP"};
    uint32_t which = gen_below(g, one_in(g, 4) ? 4 : 2);
    gen_arg(g, names[which]);
    gen_key(g);
    if (which == 2) gen_value(g);
}

void gen_lists(struct gen *g)
{
    static gen_family_fn *const makers[] = {push,   push,   push, push, pop,   read_some,       read_some, change,
                                            change, insert, lpos, move, lmpop, blocking_errors, look};
    makers[gen_below(g, COUNT(makers))](g);
}
