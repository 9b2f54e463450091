/* SPDX-License-Identifier: MIT */
/* Random commands of the string family. Expiries are hours away or long past. */
#include <stdbool.h>

#include "tests/compat/gen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void any_of(struct gen *g, const char *const *texts, size_t count)
{
    gen_arg(g, texts[gen_below(g, (uint32_t)count)]);
}

static bool one_in(struct gen *g, uint32_t n) { return gen_below(g, n) == 0; }

/* A word in small or in capital letters. */
static void word(struct gen *g, const char *lower, const char *upper) { gen_arg(g, one_in(g, 2) ? lower : upper); }

static void bad_duration(struct gen *g)
{
    static const char *const texts[] = {"0",   "-1", "9223372036854775807", "-9223372036854775808", "abc", "",
                                        "1.5", "07"};
    any_of(g, texts, COUNT(texts));
}

static void duration_ms(struct gen *g)
{
    if (one_in(g, 5))
        bad_duration(g);
    else
        gen_argf(g, "%u", 40000000 + gen_below(g, 1000000));
}

static void duration_s(struct gen *g)
{
    if (one_in(g, 5))
        bad_duration(g);
    else
        gen_argf(g, "%u", 40000 + gen_below(g, 1000));
}

/* Past times for GETEX alone, which deletes at once: a key that SET made in the past is counted by DBSIZE and DEBUG
 * DIGEST of Redis until it finds the time to remove it. */
static void expiry(struct gen *g, bool may_be_past)
{
    switch (gen_below(g, 6)) {
    case 0:
        word(g, "ex", "EX");
        duration_s(g);
        break;
    case 1:
        word(g, "px", "PX");
        duration_ms(g);
        break;
    case 2:
        word(g, "exat", "EXAT");
        gen_arg(g, may_be_past && one_in(g, 4) ? "1" : one_in(g, 3) ? "9223372036854775" : "33000000000");
        break;
    case 3:
        word(g, "pxat", "PXAT");
        gen_arg(g, may_be_past && one_in(g, 4) ? "1" : "33000000000000");
        break;
    case 4: word(g, "ex", "EX"); break;
    default:
        gen_arg(g, one_in(g, 2) ? "PXAT" : "EXAT");
        bad_duration(g);
        break;
    }
}

static void set(struct gen *g)
{
    gen_arg(g, "SET");
    gen_key(g);
    gen_value(g);
    for (uint32_t options = one_in(g, 2) ? 0 : gen_below(g, 4); options > 0; options--) {
        switch (gen_below(g, 8)) {
        case 0: word(g, "nx", "NX"); break;
        case 1: word(g, "xx", "XX"); break;
        case 2: word(g, "get", "GET"); break;
        case 3: word(g, "keepttl", "KEEPTTL"); break;
        case 4: gen_arg(g, one_in(g, 4) ? "PERSIST" : "GET"); break;
        default: expiry(g, false); break;
        }
    }
}

static void getex(struct gen *g)
{
    gen_arg(g, "GETEX");
    gen_key(g);
    if (one_in(g, 4)) return;
    if (one_in(g, 4))
        word(g, "persist", "PERSIST");
    else
        expiry(g, true);
    if (one_in(g, 10)) gen_arg(g, one_in(g, 2) ? "KEEPTTL" : "PERSIST");
}

static void set_expiring(struct gen *g)
{
    bool in_seconds = one_in(g, 2);
    gen_arg(g, in_seconds ? "SETEX" : "PSETEX");
    gen_key(g);
    if (in_seconds)
        duration_s(g);
    else
        duration_ms(g);
    gen_value(g);
}

static void key_and_value(struct gen *g)
{
    static const char *const names[] = {"SETNX", "GETSET", "APPEND", "APPEND"};
    any_of(g, names, COUNT(names));
    gen_key(g);
    gen_value(g);
}

static void key_only(struct gen *g)
{
    static const char *const names[] = {"GET",  "GET",  "GET", "STRLEN", "GETDEL",
                                        "INCR", "DECR", "TTL", "EXISTS", "DEL"};
    any_of(g, names, COUNT(names));
    gen_key(g);
}

static void encoding(struct gen *g)
{
    gen_arg(g, "OBJECT");
    gen_arg(g, "ENCODING");
    gen_key(g);
}

static void several_keys(struct gen *g)
{
    static const char *const names[] = {"MGET", "MSET", "MSETNX"};
    uint32_t which = gen_below(g, COUNT(names)), pairs = gen_below(g, 5);
    gen_arg(g, names[which]);
    for (uint32_t i = 0; i <= pairs; i++) {
        gen_key(g);
        if (which > 0) gen_value(g);
    }
    if (which > 0 && one_in(g, 20)) gen_key(g);
}

static void count(struct gen *g)
{
    static const char *const names[] = {"INCRBY", "DECRBY", "INCRBY", "DECRBY"};
    any_of(g, names, COUNT(names));
    gen_key(g);
    gen_int(g);
}

static void count_fraction(struct gen *g)
{
    static const char *const edges[] = {"inf", "-inf", "nan", "1e308", "1e4932", "-1e4932", "1e-20", "1e5000", "0x1p3",
                                        "",    " 1",   "1 ",  ".5",    "5.",     "+3",      "-0",    "1e",     "3.0e3"};
    gen_arg(g, "INCRBYFLOAT");
    gen_key(g);
    if (one_in(g, 4))
        any_of(g, edges, COUNT(edges));
    else if (one_in(g, 2))
        gen_int(g);
    else
        gen_argf(g, "%d.%u", (int)gen_below(g, 2000) - 1000, gen_below(g, 100000));
}

static void range(struct gen *g)
{
    gen_arg(g, one_in(g, 4) ? "SUBSTR" : "GETRANGE");
    gen_key(g);
    gen_int(g);
    gen_int(g);
}

static void setrange(struct gen *g)
{
    static const char *const edges[] = {"-1", "536870912", "536870911", "9223372036854775807", "abc"};
    gen_arg(g, "SETRANGE");
    gen_key(g);
    uint32_t which = gen_below(g, COUNT(edges) * 5);
    if (which < COUNT(edges)) {
        gen_arg(g, edges[which]);
        /* Two bytes: past the limit in each case. */
        gen_arg(g, one_in(g, 4) ? "" : "xy");
        return;
    }
    gen_argf(g, "%u", gen_below(g, one_in(g, 8) ? 3000 : 60));
    gen_value(g);
}

static void lcs(struct gen *g)
{
    gen_arg(g, "LCS");
    gen_key(g);
    gen_key(g);
    for (uint32_t options = gen_below(g, 4); options > 0; options--) {
        switch (gen_below(g, 8)) {
        case 0: word(g, "len", "LEN"); break;
        case 1: word(g, "withmatchlen", "WITHMATCHLEN"); break;
        case 2:
        case 3:
            gen_arg(g, "MINMATCHLEN");
            if (!one_in(g, 20)) gen_argf(g, "%d", (int)gen_below(g, 8) - 1);
            break;
        default: word(g, "idx", "IDX"); break;
        }
    }
}

void gen_strings(struct gen *g)
{
    static gen_family_fn *const makers[] = {set,           set,           set,          set,          key_only,
                                            key_only,      key_only,      count,        count,        count_fraction,
                                            key_and_value, key_and_value, several_keys, set_expiring, getex,
                                            range,         setrange,      encoding};
    if (one_in(g, 40))
        lcs(g);
    else
        makers[gen_below(g, COUNT(makers))](g);
}
