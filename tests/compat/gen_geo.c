/* SPDX-License-Identifier: MIT */
/*
 * Random commands of the geo family. Distances are never stored: versions write their digits differently. A COUNT without ANY may choose
 * among members equally near, so members have positions of their own.
 */
#include <stdbool.h>

#include "tests/compat/gen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void any_of(struct gen *g, const char *const *texts, size_t count)
{
    gen_arg(g, texts[gen_below(g, (uint32_t)count)]);
}

static bool one_in(struct gen *g, uint32_t n) { return gen_below(g, n) == 0; }

static void key(struct gen *g)
{
    if (one_in(g, 10))
        gen_key(g);
    else
        gen_argf(g, "key:%u", gen_below(g, 3));
}

static void member(struct gen *g) { gen_argf(g, "m%u", gen_below(g, 120)); }

/* Some places draw many members, so that small searches find something. */
static void position(struct gen *g)
{
    static const char *const edges[][2] = {{"180", "85.05112878"},
                                           {"-180", "-85.05112878"},
                                           {"179.999", "0"},
                                           {"-179.999", "0"},
                                           {"181", "0"},
                                           {"0", "86"},
                                           {"x", "0"},
                                           {"0", "nan"}};
    static const int places[][2] = {{13, 38}, {179, 10}, {-180, 10}, {0, 0}, {20, 84}, {-100, -84}};
    if (one_in(g, 80)) {
        uint32_t which = gen_below(g, COUNT(edges));
        gen_arg(g, edges[which][0]);
        gen_arg(g, edges[which][1]);
    } else if (one_in(g, 3)) {
        gen_argf(g, "%d.%06u", (int)gen_below(g, 359) - 179, gen_below(g, 1000000));
        gen_argf(g, "%d.%06u", (int)gen_below(g, 169) - 84, gen_below(g, 1000000));
    } else {
        uint32_t which = gen_below(g, COUNT(places));
        gen_argf(g, "%d.%06u", places[which][0], gen_below(g, 1000000));
        gen_argf(g, "%d.%06u", places[which][1], gen_below(g, 1000000));
    }
}

static void unit(struct gen *g)
{
    static const char *const units[] = {"m", "km", "ft", "mi", "KM", "parsec"};
    any_of(g, units, one_in(g, 60) ? COUNT(units) : 5);
}

static void length(struct gen *g)
{
    static const char *const edges[] = {"0", "1e9", "inf", "1e-9", "-1", "x", "40000"};
    if (one_in(g, 25))
        any_of(g, edges, COUNT(edges));
    else
        gen_argf(g, "%u.%u", gen_below(g, one_in(g, 4) ? 20000 : 500), gen_below(g, 100));
}

static void geoadd(struct gen *g)
{
    static const char *const options[] = {"NX", "XX", "CH", "ch"};
    gen_arg(g, "GEOADD");
    key(g);
    for (uint32_t n = one_in(g, 4) ? 1 + gen_below(g, 2) : 0; n > 0; n--) any_of(g, options, COUNT(options));
    for (uint32_t n = 1 + gen_below(g, 4); n > 0; n--) {
        position(g);
        member(g);
    }
}

static void of_members(struct gen *g)
{
    static const char *const names[] = {"GEOPOS", "GEOHASH"};
    any_of(g, names, COUNT(names));
    key(g);
    for (uint32_t n = gen_below(g, 4); n > 0; n--) member(g);
}

static void geodist(struct gen *g)
{
    gen_arg(g, "GEODIST");
    key(g);
    member(g);
    member(g);
    if (!one_in(g, 3)) unit(g);
}

static void common_options(struct gen *g, bool with)
{
    if (one_in(g, 2)) gen_arg(g, one_in(g, 2) ? "ASC" : "DESC");
    if (one_in(g, 3)) {
        gen_arg(g, "COUNT");
        gen_argf(g, "%d", (int)gen_below(g, 12) - (one_in(g, 20) ? 2 : 0));
        if (one_in(g, 3)) gen_arg(g, "ANY");
    }
    if (!with) return;
    if (one_in(g, 3)) gen_arg(g, "WITHDIST");
    if (one_in(g, 3)) gen_arg(g, "WITHCOORD");
    if (one_in(g, 3)) gen_arg(g, "WITHHASH");
}

static void search(struct gen *g)
{
    bool stores = one_in(g, 4);
    gen_arg(g, stores ? "GEOSEARCHSTORE" : "GEOSEARCH");
    if (stores) gen_argf(g, "dst:%u", gen_below(g, 3));
    key(g);
    if (one_in(g, 2)) {
        gen_arg(g, "FROMLONLAT");
        position(g);
    } else {
        gen_arg(g, "FROMMEMBER");
        member(g);
    }
    bool is_box = one_in(g, 2);
    gen_arg(g, is_box ? "BYBOX" : "BYRADIUS");
    length(g);
    if (is_box) length(g);
    unit(g);
    common_options(g, !stores || one_in(g, 20));
}

static void radius(struct gen *g)
{
    static const char *const names[] = {"GEORADIUS", "GEORADIUSBYMEMBER", "GEORADIUS_RO", "GEORADIUSBYMEMBER_RO"};
    uint32_t which = gen_below(g, COUNT(names));
    gen_arg(g, names[which]);
    key(g);
    if (which % 2 == 0)
        position(g);
    else
        member(g);
    length(g);
    unit(g);
    bool stores = which < 2 ? one_in(g, 4) : one_in(g, 40);
    common_options(g, !stores || one_in(g, 20));
    if (!stores) return;
    gen_arg(g, "STORE");
    gen_argf(g, "dst:%u", gen_below(g, 3));
}

static void look(struct gen *g)
{
    static const char *const names[] = {"ZCARD", "ZCARD", "TYPE", "DEL"};
    any_of(g, names, COUNT(names));
    if (one_in(g, 4))
        gen_argf(g, "dst:%u", gen_below(g, 3));
    else
        key(g);
}

static void zset(struct gen *g)
{
    switch (gen_below(g, 3)) {
    case 0:
        gen_arg(g, "ZREM");
        key(g);
        member(g);
        break;
    case 1:
        gen_arg(g, "ZRANGE");
        gen_argf(g, "dst:%u", gen_below(g, 3));
        gen_arg(g, "0");
        gen_arg(g, "-1");
        gen_arg(g, "WITHSCORES");
        break;
    default:
        gen_arg(g, "SET");
        gen_argf(g, "key:%u", 10 + gen_below(g, 14));
        gen_arg(g, "text");
        break;
    }
}

void gen_geo(struct gen *g)
{
    static gen_family_fn *const makers[] = {geoadd, geoadd, geoadd, geoadd, of_members, geodist, search,  search,
                                            search, search, radius, radius, radius,     zset,    geodist, search};
    if (one_in(g, 40))
        look(g);
    else
        makers[gen_below(g, COUNT(makers))](g);
}
