/* SPDX-License-Identifier: MIT */
/*
 * Random commands on times to live. Nothing may expire while a run lasts, and nothing may hang on the millisecond in
 * which a command came: relative times are hours to days or past, absolute ones past or after 2100, and GT and LT go
 * with absolute ones only.
 */
#include <stdbool.h>

#include "tests/compat/gen.h"

static const char *pick(struct gen *g, const char *const *words, uint32_t count) { return words[gen_below(g, count)]; }

#define PICK(g, words) pick(g, words, sizeof(words) / sizeof((words)[0]))

/* What is no time, or one that does not fit. */
static bool odd_time(struct gen *g)
{
    static const char *const odd[] = {"x",
                                      "",
                                      "1.5",
                                      "9223372036854775807",
                                      "9223372036854775808",
                                      "-9223372036854775808",
                                      "9223372036854776",
                                      "-9223372036854776",
                                      " 1",
                                      "+5000",
                                      "-1",
                                      "0",
                                      "1e9"};
    if (gen_below(g, 6) != 0) return false;
    gen_arg(g, PICK(g, odd));
    return true;
}

static void conditions(struct gen *g, uint32_t kinds)
{
    static const char *const words[] = {"NX", "XX", "nx", "xX", "FOO", "GT", "LT", "gt", "lT"};
    if (gen_below(g, 2) == 0) return;
    for (uint32_t n = 1 + (gen_below(g, 4) == 0); n > 0; n--) gen_arg(g, pick(g, words, kinds));
}

static void relative(struct gen *g)
{
    bool in_ms = gen_below(g, 2) == 0;
    gen_arg(g, in_ms ? "PEXPIRE" : "EXPIRE");
    gen_key(g);
    if (!odd_time(g)) gen_argf(g, "%llu", (10000ull + gen_below(g, 100) * 10000) * (in_ms ? 1000 : 1));
    conditions(g, 5);
}

static void absolute(struct gen *g)
{
    bool in_ms = gen_below(g, 2) == 0;
    gen_arg(g, in_ms ? "PEXPIREAT" : "EXPIREAT");
    gen_key(g);
    if (!odd_time(g)) {
        if (gen_below(g, 8) == 0)
            gen_argf(g, "%u", gen_below(g, 1700000000));
        else if (in_ms)
            gen_argf(g, "%llu", 4102444800000ull + gen_below(g, 3000));
        else
            gen_argf(g, "%llu", 4102444800ull + gen_below(g, 4));
    }
    conditions(g, 9);
}

static void ask(struct gen *g)
{
    static const char *const commands[] = {"TTL",    "PTTL", "EXPIRETIME", "PEXPIRETIME",
                                           "EXISTS", "GET",  "STRLEN",     "DUMP"};
    gen_arg(g, PICK(g, commands));
    gen_key(g);
    if (gen_below(g, 50) == 0) gen_key(g);
}

static void set_string(struct gen *g)
{
    gen_arg(g, "SET");
    gen_key(g);
    gen_value(g);
    switch (gen_below(g, 8)) {
    case 0: gen_arg(g, "KEEPTTL"); break;
    case 1:
        gen_arg(g, "EXAT");
        gen_argf(g, "%llu", 4102444800ull + gen_below(g, 4));
        break;
    case 2:
        gen_arg(g, "EX");
        gen_argf(g, "%u", 10000 + gen_below(g, 100000));
        break;
    default: break;
    }
}

static void change(struct gen *g)
{
    static const char *const commands[] = {"APPEND", "GETSET", "PERSIST", "PERSIST", "INCR", "DEL", "GETDEL", "GETEX"};
    const char *command = PICK(g, commands);
    gen_arg(g, command);
    gen_key(g);
    if (command[0] == 'A' || (command[0] == 'G' && command[3] == 'S')) gen_value(g);
    if (command[0] == 'G' && command[3] == 'E') gen_arg(g, "PERSIST");
}

static void rename_or_copy(struct gen *g)
{
    static const char *const commands[] = {"RENAME", "RENAMENX", "COPY"};
    const char *command = PICK(g, commands);
    gen_arg(g, command);
    gen_key(g);
    gen_key(g);
    if (command[0] == 'C' && gen_below(g, 2) == 0) gen_arg(g, "REPLACE");
}

void gen_expiry(struct gen *g)
{
    uint32_t which = gen_below(g, 100);
    if (which < 20)
        set_string(g);
    else if (which < 35)
        relative(g);
    else if (which < 60)
        absolute(g);
    else if (which < 85)
        ask(g);
    else if (which < 95)
        change(g);
    else
        rename_or_copy(g);
}
