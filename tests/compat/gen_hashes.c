/* SPDX-License-Identifier: MIT */
/* Random commands on hashes: few fields and many, short values and long ones, so that both thresholds are crossed often. */
#include <stdbool.h>

#include "tests/compat/gen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool one_in(struct gen *g, uint32_t n) { return gen_below(g, n) == 0; }

static void any_of(struct gen *g, const char *const *texts, size_t count)
{
    gen_arg(g, texts[gen_below(g, (uint32_t)count)]);
}

/* Few hashes that grow, and now and then a key that may be of another type. */
static void hash_key(struct gen *g)
{
    if (one_in(g, 30))
        gen_key(g);
    else
        gen_argf(g, "hash:%u", gen_below(g, 8));
}

static void field(struct gen *g)
{
    switch (gen_below(g, 40)) {
    case 0: gen_arg(g, ""); break;
    case 1: gen_arg_bytes(g, "f\0\r\n\xff", 5); break;
    case 2: gen_argf(g, "%064u", gen_below(g, 3)); break;
    case 3:
        if (one_in(g, 8))
            gen_argf(g, "%065u", gen_below(g, 3));
        else
            gen_int(g);
        break;
    case 4:
    case 5:
    case 6: gen_argf(g, "%u", gen_below(g, 900)); break;
    default: gen_argf(g, "f%u", gen_below(g, 16)); break;
    }
}

/* Long ones turn a hash into a table for good: rare. */
static void value(struct gen *g)
{
    switch (gen_below(g, 60)) {
    case 0: gen_value(g); break;
    case 1: gen_argf(g, "%064u", gen_below(g, 1000)); break;
    case 2: gen_argf(g, "%0*u", 1 + (int)gen_below(g, 66), 7); break;
    case 3: gen_argf(g, "%d.%u", (int)gen_below(g, 200) - 100, gen_below(g, 1000)); break;
    case 4:
    case 5:
    case 6: gen_int(g); break;
    case 7: gen_arg(g, ""); break;
    default: gen_argf(g, "%d", (int)gen_below(g, 3000) - 1000); break;
    }
}

static void set(struct gen *g)
{
    static const char *const names[] = {"HSET", "HSET", "HSET", "HMSET", "hset"};
    any_of(g, names, COUNT(names));
    hash_key(g);
    uint32_t pairs = one_in(g, 30) ? 100 + gen_below(g, 450) : 1 + gen_below(g, 4);
    for (uint32_t i = 0; i < pairs; i++) {
        if (pairs > 50)
            gen_argf(g, "many%u", i);
        else
            field(g);
        if (pairs > 50)
            gen_argf(g, "%u", i);
        else
            value(g);
    }
    if (one_in(g, 40)) field(g);
}

static void set_new(struct gen *g)
{
    gen_arg(g, "HSETNX");
    hash_key(g);
    field(g);
    value(g);
}

static void read_field(struct gen *g)
{
    static const char *const names[] = {"HGET", "HGET", "HSTRLEN", "HEXISTS"};
    any_of(g, names, COUNT(names));
    hash_key(g);
    field(g);
}

static void several_fields(struct gen *g)
{
    gen_arg(g, one_in(g, 2) ? "HMGET" : "HDEL");
    hash_key(g);
    for (uint32_t n = 1 + gen_below(g, 6); n > 0; n--) field(g);
}

static void whole(struct gen *g)
{
    static const char *const names[] = {"HGETALL", "HKEYS", "HVALS", "HLEN", "HLEN", "TYPE", "EXISTS"};
    any_of(g, names, COUNT(names));
    hash_key(g);
}

static void encoding(struct gen *g)
{
    gen_arg(g, "OBJECT");
    gen_arg(g, "ENCODING");
    hash_key(g);
}

static void count(struct gen *g)
{
    gen_arg(g, "HINCRBY");
    hash_key(g);
    field(g);
    gen_int(g);
}

static void count_fraction(struct gen *g)
{
    static const char *const edges[] = {"inf",    "-inf", "nan", "1e308", "1e4932", "-1e4932", "1e-20",
                                        "1e5000", "",     " 1",  "0x1p3", ".5",     "5.",      "+3",
                                        "-0",     "1e",   "abc", "1 ",    "3.0e3"};
    gen_arg(g, "HINCRBYFLOAT");
    hash_key(g);
    /* Sums without end make fields longer than the threshold: on fields of their own. */
    if (one_in(g, 2))
        gen_argf(g, "float%u", gen_below(g, 4));
    else
        field(g);
    if (one_in(g, 4))
        any_of(g, edges, COUNT(edges));
    else
        gen_argf(g, "%d.%u", (int)gen_below(g, 2000) - 1000, gen_below(g, 100000));
}

static void random_fields(struct gen *g)
{
    static const char *const counts[] = {"0",
                                         "1",
                                         "-1",
                                         "3",
                                         "-5",
                                         "1000",
                                         "x",
                                         "1.5",
                                         "-700",
                                         "4611686018427387904",
                                         "-4611686018427387904",
                                         "9223372036854775808"};
    gen_arg(g, "HRANDFIELD");
    hash_key(g);
    if (one_in(g, 3)) return;
    any_of(g, counts, one_in(g, 3) ? COUNT(counts) - 2 : 5);
    if (one_in(g, 2)) gen_arg(g, one_in(g, 10) ? "WITHVALUE" : "withvalues");
    if (one_in(g, 40)) gen_arg(g, "more");
}

static void scan(struct gen *g)
{
    static const char *const cursors[] = {"0", "0", "0", "abc", "", " 1", "18446744073709551616", "-1"};
    gen_arg(g, "HSCAN");
    hash_key(g);
    any_of(g, cursors, one_in(g, 8) ? COUNT(cursors) : 3);
    if (one_in(g, 2)) {
        gen_arg(g, one_in(g, 2) ? "MATCH" : "match");
        gen_arg(g, one_in(g, 2) ? "f*" : "*1*");
    }
    if (one_in(g, 2)) {
        gen_arg(g, "COUNT");
        if (!one_in(g, 10)) gen_int(g);
    }
}

static void key_only(struct gen *g)
{
    switch (gen_below(g, 6)) {
    case 0:
        gen_arg(g, "RENAME");
        hash_key(g);
        hash_key(g);
        break;
    case 1:
        gen_arg(g, "COPY");
        hash_key(g);
        hash_key(g);
        gen_arg(g, "REPLACE");
        break;
    case 2:
        gen_arg(g, "SET");
        hash_key(g);
        gen_arg(g, "a string");
        break;
    case 3:
        gen_arg(g, "PEXPIRE");
        hash_key(g);
        gen_arg(g, one_in(g, 3) ? "-1" : "90000000");
        break;
    default:
        gen_arg(g, one_in(g, 2) ? "DEL" : "UNLINK");
        hash_key(g);
        break;
    }
}

void gen_hashes(struct gen *g)
{
    static gen_family_fn *const makers[] = {
        set,   set,   set,   set,     set_new,        several_fields, several_fields,
        count, count, whole, scan,    count_fraction, random_fields,  read_field,
        whole, set,   set,   set_new, read_field,     encoding};
    if (one_in(g, 60))
        key_only(g);
    else
        makers[gen_below(g, COUNT(makers))](g);
}
