/* SPDX-License-Identifier: MIT */
/*
 * Random commands of the set family. Members come from small ranges, so that sets meet, and from around the limits of the encodings: widths
 * of integers, 64 bytes, 128 and 512 members. SPOP takes nothing or everything: which members it takes else is each server's own.
 */
#include <stdbool.h>
#include <string.h>

#include "tests/compat/gen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool one_in(struct gen *g, uint32_t n) { return gen_below(g, n) == 0; }

static void any_of(struct gen *g, const char *const *texts, size_t count)
{
    gen_arg(g, texts[gen_below(g, (uint32_t)count)]);
}

static void wide_integer(struct gen *g)
{
    static const char *const edges[] = {"32767",
                                        "32768",
                                        "-32768",
                                        "-32769",
                                        "2147483647",
                                        "2147483648",
                                        "-2147483648",
                                        "-2147483649",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "9223372036854775808",
                                        "-0",
                                        "007",
                                        "+7",
                                        " 7",
                                        "1e3"};
    any_of(g, edges, COUNT(edges));
}

static void member(struct gen *g)
{
    static char text[80];
    switch (gen_below(g, 24)) {
    case 0: wide_integer(g); break;
    case 1: gen_value(g); break;
    case 2:
        memset(text, 'a' + (int)gen_below(g, 3), sizeof(text));
        gen_arg_bytes(g, text, 62 + gen_below(g, 5));
        break;
    case 3: gen_arg_bytes(g, "m\0\r\n\xff", 1 + gen_below(g, 5)); break;
    case 4:
    case 5:
    case 6:
    case 7: gen_argf(g, "member:%u", gen_below(g, 200)); break;
    case 8: gen_argf(g, "%d", (int)gen_below(g, 100000) - 50000); break;
    default: gen_argf(g, "%u", gen_below(g, one_in(g, 3) ? 700 : 40)); break;
    }
}

static void members(struct gen *g, uint32_t most)
{
    for (uint32_t n = 1 + gen_below(g, most); n > 0; n--) member(g);
}

static void keys(struct gen *g, uint32_t most)
{
    for (uint32_t n = 1 + gen_below(g, most); n > 0; n--) gen_key(g);
}

/* Enough integers, or enough of anything, to come to a limit at once. */
static void add_many(struct gen *g)
{
    static const uint32_t sizes[] = {100, 127, 128, 129, 130, 500, 511, 512, 513, 514};
    uint32_t n = sizes[gen_below(g, COUNT(sizes))], from = gen_below(g, 300);
    const char *format = one_in(g, 3) ? "member:%u" : "%u";
    gen_arg(g, "SADD");
    gen_key(g);
    for (uint32_t i = 0; i < n; i++) {
        if (format[0] == '%')
            gen_argf(g, "%u", from + i);
        else
            gen_argf(g, "member:%u", from + i);
    }
}

static void add(struct gen *g)
{
    if (one_in(g, 12)) {
        add_many(g);
        return;
    }
    gen_arg(g, "SADD");
    gen_key(g);
    members(g, one_in(g, 6) ? 40 : 4);
}

static void remove_some(struct gen *g)
{
    gen_arg(g, "SREM");
    gen_key(g);
    members(g, one_in(g, 3) ? 60 : 3);
}

static void ask(struct gen *g)
{
    static const char *const single[] = {"SCARD", "SMEMBERS", "SRANDMEMBER", "TYPE", "EXISTS", "PERSIST"};
    if (one_in(g, 2)) {
        any_of(g, single, COUNT(single));
        gen_key(g);
        return;
    }
    bool is_many = one_in(g, 2);
    gen_arg(g, is_many ? "SMISMEMBER" : "SISMEMBER");
    gen_key(g);
    members(g, is_many ? 80 : 1);
}

static void move(struct gen *g)
{
    gen_arg(g, "SMOVE");
    gen_key(g);
    gen_key(g);
    member(g);
}

static void pop(struct gen *g)
{
    static const char *const counts[] = {"0", "100000", "9223372036854775807", "-1", "9223372036854775808", "x", ""};
    gen_arg(g, "SPOP");
    gen_key(g);
    any_of(g, counts, COUNT(counts));
}

static void draw(struct gen *g)
{
    static const char *const edges[] = {"0", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "x"};
    gen_arg(g, "SRANDMEMBER");
    gen_key(g);
    if (one_in(g, 6))
        any_of(g, edges, COUNT(edges));
    else
        gen_argf(g, "%d", (int)gen_below(g, 400) - 100);
}

static void combine(struct gen *g)
{
    static const char *const replying[] = {"SINTER", "SUNION", "SDIFF"};
    any_of(g, replying, COUNT(replying));
    keys(g, one_in(g, 10) ? 16 : 3);
}

static void combine_and_store(struct gen *g)
{
    static const char *const storing[] = {"SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"};
    any_of(g, storing, COUNT(storing));
    gen_key(g);
    keys(g, one_in(g, 10) ? 16 : 3);
}

static void count_common(struct gen *g)
{
    uint32_t n = 1 + gen_below(g, 3);
    gen_arg(g, "SINTERCARD");
    if (one_in(g, 12))
        gen_int(g);
    else
        gen_argf(g, "%u", n);
    for (uint32_t i = 0; i < n; i++) gen_key(g);
    if (!one_in(g, 3)) return;
    gen_arg(g, "LIMIT");
    if (one_in(g, 6))
        gen_int(g);
    else
        gen_argf(g, "%u", gen_below(g, 50));
}

static void scan(struct gen *g)
{
    gen_arg(g, "SSCAN");
    gen_key(g);
    gen_arg(g, "0");
    if (one_in(g, 2)) {
        gen_arg(g, "COUNT");
        gen_argf(g, "%u", 1 + gen_below(g, 100));
    }
}

/* Keys of other types, expiries, and what moves values as a whole. */
static void around(struct gen *g)
{
    static const char *const moving[] = {"RENAME", "RENAMENX", "COPY"};
    switch (gen_below(g, 6)) {
    case 0:
        gen_arg(g, "SET");
        gen_key(g);
        gen_value(g);
        break;
    case 1:
        gen_arg(g, one_in(g, 2) ? "DEL" : "UNLINK");
        gen_key(g);
        break;
    case 2:
        gen_arg(g, "PEXPIREAT");
        gen_key(g);
        gen_arg(g, one_in(g, 4) ? "1" : "4102444800000");
        break;
    case 3:
        gen_arg(g, "COPY");
        gen_key(g);
        gen_key(g);
        gen_arg(g, "REPLACE");
        break;
    case 4:
        gen_arg(g, "MOVE");
        gen_key(g);
        gen_argf(g, "%u", gen_below(g, 3));
        break;
    default:
        any_of(g, moving, COUNT(moving));
        gen_key(g);
        gen_key(g);
        break;
    }
}

void gen_sets(struct gen *g)
{
    static const struct {
        uint32_t weight;
        gen_family_fn *make;
    } kinds[] = {{30, add},    {12, remove_some},      {14, ask},         {5, move}, {2, pop},   {4, draw},
                 {8, combine}, {8, combine_and_store}, {5, count_common}, {3, scan}, {9, around}};
    uint32_t at = gen_below(g, 100);
    size_t i = 0;
    while (at >= kinds[i].weight) at -= kinds[i++].weight;
    kinds[i].make(g);
}
