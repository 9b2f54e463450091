/* SPDX-License-Identifier: MIT */
/* Random commands on keys, with strings to work on. Expiries are far off or past: both servers see the same keys. */
#include "tests/compat/gen.h"

static const char *pick(struct gen *g, const char *const *words, uint32_t count) { return words[gen_below(g, count)]; }

#define PICK(g, words) pick(g, words, sizeof(words) / sizeof((words)[0]))

static void several_keys(struct gen *g, const char *command)
{
    gen_arg(g, command);
    for (uint32_t n = gen_below(g, 5); n > 0 || gen_below(g, 8) == 0; n -= n > 0) gen_key(g);
}

static void set_string(struct gen *g)
{
    gen_arg(g, "SET");
    gen_key(g);
    gen_value(g);
    switch (gen_below(g, 6)) {
    case 0:
        gen_arg(g, "PXAT");
        gen_argf(g, "%llu", 4102444800000ull + gen_below(g, 1000));
        break;
    case 1: gen_arg(g, "KEEPTTL"); break;
    default: break;
    }
}

static void change_string(struct gen *g)
{
    static const char *const commands[] = {"APPEND", "GETSET", "INCRBY"};
    const char *command = PICK(g, commands);
    gen_arg(g, command);
    gen_key(g);
    if (command[0] == 'I')
        gen_int(g);
    else
        gen_value(g);
}

static void database(struct gen *g)
{
    static const char *const odd[] = {"0", "-1", "16", "x", "", "99999999999", "1.5", "9223372036854775808"};
    if (gen_below(g, 6) == 0)
        gen_arg(g, PICK(g, odd));
    else
        gen_argf(g, "%u", 1 + gen_below(g, 3));
}

static void copy(struct gen *g)
{
    static const char *const odd[] = {"FOO", "DB", "replace"};
    gen_arg(g, "COPY");
    gen_key(g);
    gen_key(g);
    if (gen_below(g, 3) == 0) {
        gen_arg(g, "DB");
        database(g);
    }
    if (gen_below(g, 2) == 0) gen_arg(g, "REPLACE");
    if (gen_below(g, 16) == 0) gen_arg(g, PICK(g, odd));
}

static void move(struct gen *g)
{
    gen_arg(g, "MOVE");
    gen_key(g);
    database(g);
}

static void rename_key(struct gen *g)
{
    static const char *const commands[] = {"RENAME", "RENAMENX"};
    gen_arg(g, PICK(g, commands));
    gen_key(g);
    gen_key(g);
}

static void walk(struct gen *g)
{
    static const char *const patterns[] = {"*",  "key:1*", "key:?", "*[0-4]",   "[^k]*", "",
                                           "k*", "nosuch", "*1",    "key:1\\0", "[k",    "*\\"};
    static const char *const cursors[] = {"0", "0", "0", "x", "", "-1x", "18446744073709551616", "1.0"};
    if (gen_below(g, 2) == 0) {
        gen_arg(g, "KEYS");
        gen_arg(g, PICK(g, patterns));
        return;
    }
    gen_arg(g, "SCAN");
    gen_arg(g, PICK(g, cursors));
    if (gen_below(g, 2) == 0) {
        gen_arg(g, "MATCH");
        gen_arg(g, PICK(g, patterns));
    }
    if (gen_below(g, 2) == 0) {
        gen_arg(g, "COUNT");
        gen_int(g);
    }
    if (gen_below(g, 4) == 0) {
        gen_arg(g, "TYPE");
        gen_arg(g, gen_below(g, 2) == 0 ? "string" : "list");
    }
}

static void look(struct gen *g)
{
    static const char *const commands[] = {"TYPE", "DUMP", "STRLEN", "GET", "PEXPIRETIME", "OBJECT"};
    const char *command = PICK(g, commands);
    gen_arg(g, command);
    if (command[0] == 'O') gen_arg(g, "ENCODING");
    gen_key(g);
    if (gen_below(g, 40) == 0) gen_arg(g, "more");
}

static void restore(struct gen *g)
{
    static const char good[] = "\x00\xc0\x0c\n\x00<*\xf8Q\\\x04\xbc\xd5";
    static const char *const options[] = {"REPLACE", "REPLACE", "ABSTTL", "FOO", "IDLETIME", "FREQ"};
    char payload[sizeof(good) - 1];
    for (unsigned i = 0; i < sizeof(payload); i++) payload[i] = good[i];
    if (gen_below(g, 4) == 0) payload[gen_below(g, sizeof(payload))] ^= (char)(1u << gen_below(g, 8));
    gen_arg(g, "RESTORE");
    gen_key(g);
    switch (gen_below(g, 5)) {
    case 0: gen_arg(g, "-1"); break;
    case 1: gen_argf(g, "%llu", 4102444800000ull + gen_below(g, 1000)); break;
    case 2: gen_arg(g, "x"); break;
    default: gen_arg(g, "0"); break;
    }
    gen_arg_bytes(g, payload, sizeof(payload));
    for (uint32_t n = gen_below(g, 3); n > 0; n--) {
        const char *option = PICK(g, options);
        gen_arg(g, option);
        if (option[0] == 'I' || option[0] == 'F') gen_int(g);
    }
}

static void count_or_random(struct gen *g)
{
    static const char *const commands[] = {"DBSIZE", "RANDOMKEY", "DBSIZE"};
    gen_arg(g, PICK(g, commands));
}

void gen_keys(struct gen *g)
{
    uint32_t which = gen_below(g, 100);
    if (which < 25)
        set_string(g);
    else if (which < 30)
        change_string(g);
    else if (which < 36)
        several_keys(g, gen_below(g, 2) == 0 ? "DEL" : "UNLINK");
    else if (which < 44)
        several_keys(g, gen_below(g, 2) == 0 ? "EXISTS" : "TOUCH");
    else if (which < 56)
        rename_key(g);
    else if (which < 66)
        copy(g);
    else if (which < 72)
        move(g);
    else if (which < 78)
        walk(g);
    else if (which < 90)
        look(g);
    else if (which < 96)
        restore(g);
    else
        count_or_random(g);
}
