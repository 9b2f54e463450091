/* SPDX-License-Identifier: MIT */
/*
 * Keys of all types together: every family's commands at keys of any type, and what works on all of them: DEL, RENAME, COPY, expiries, DUMP
 * and RESTORE.
 *
 *   u:<n>  any type
 *   e:<n>  values whose OBJECT ENCODING Redis 7.0 and 7.2 agree on: strings, hashes, sorted sets, sets of integers
 *   d:<n>  such values, so small that their DUMP is the same in both
 */
#include <stdbool.h>
#include <string.h>

#include "base/crc64.h"
#include "tests/compat/gen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool one_in(struct gen *g, uint32_t n) { return gen_below(g, n) == 0; }

static void key_of_kind(struct gen *g, char kind) { gen_argf(g, "%c:%u", kind, gen_below(g, kind == 'u' ? 16 : 8)); }

static void any_kind(struct gen *g) { key_of_kind(g, "uuude"[gen_below(g, 5)]); }

static void member(struct gen *g) { gen_argf(g, one_in(g, 3) ? "%u" : "m%u", gen_below(g, 12)); }

/* --- the families, at keys that hold something else more often than not --- */

/* K: a key, M: a member or field, V: a value, N: an integer; anything else is meant as it stands. */
static const char *const templates[] = {
    "GET K",
    "SET K V",
    "SET K V NX",
    "SET K V XX GET",
    "SET K V KEEPTTL",
    "GETSET K V",
    "GETDEL K",
    "GETEX K PERSIST",
    "APPEND K V",
    "STRLEN K",
    "INCR K",
    "INCRBYFLOAT K 1",
    "SETRANGE K 3 abc",
    "GETRANGE K 0 5",
    "MGET K K K",
    "MSET K V K V",
    "MSETNX K V K V",
    "SETBIT K 9 1",
    "GETBIT K 9",
    "BITCOUNT K",
    "BITOP OR K K K",
    "BITFIELD K GET u8 0",
    "LCS K K LEN",
    "PFADD K M",
    "PFCOUNT K",
    "PFMERGE K K",
    "LPUSH K M M",
    "RPUSH K V M",
    "LPUSHX K M",
    "RPUSHX K M",
    "LPOP K",
    "RPOP K 2",
    "LLEN K",
    "LINDEX K 0",
    "LSET K 0 M",
    "LRANGE K 0 -1",
    "LTRIM K 0 5",
    "LREM K 1 M",
    "LINSERT K BEFORE M M",
    "LPOS K M",
    "LMOVE K K LEFT RIGHT",
    "RPOPLPUSH K K",
    "LMPOP 2 K K LEFT",
    "SADD K M M",
    "SADD K 1 2 3",
    "SREM K M",
    "SCARD K",
    "SISMEMBER K M",
    "SMISMEMBER K M M",
    "SMOVE K K M",
    "SINTERSTORE K K K",
    "SUNIONSTORE K K K",
    "SDIFFSTORE K K K",
    "SINTERCARD 2 K K",
    "HSET K M V",
    "HSET K M 1 M 2",
    "HMSET K M V",
    "HSETNX K M V",
    "HGET K M",
    "HMGET K M M",
    "HDEL K M",
    "HLEN K",
    "HSTRLEN K M",
    "HEXISTS K M",
    "HINCRBY K M 3",
    "HINCRBYFLOAT K M 2",
    "ZADD K 1 M 2 M",
    "ZADD K NX 3 M",
    "ZADD K XX CH 4 M",
    "ZINCRBY K 2 M",
    "ZREM K M",
    "ZCARD K",
    "ZCOUNT K -inf +inf",
    "ZLEXCOUNT K - +",
    "ZSCORE K M",
    "ZMSCORE K M M",
    "ZRANK K M",
    "ZREVRANK K M",
    "ZRANGE K 0 -1 WITHSCORES",
    "ZRANGEBYSCORE K 1 3",
    "ZRANGESTORE K K 0 -1",
    "ZREMRANGEBYRANK K 0 0",
    "ZPOPMIN K",
    "ZPOPMAX K 2",
    "ZMPOP 2 K K MIN",
    "ZUNIONSTORE K 2 K K",
    "ZINTERSTORE K 2 K K",
    "ZDIFFSTORE K 2 K K",
    "ZINTERCARD 2 K K",
    "GEOADD K 13.361389 38.115556 M",
    "GEOPOS K M",
    "GEODIST K M M",
    "SORT K ALPHA STORE K",
};

static void word(struct gen *g, const char *text, size_t len)
{
    char first = len == 1 ? text[0] : '\0';
    if (first == 'K')
        key_of_kind(g, 'u');
    else if (first == 'M')
        member(g);
    else if (first == 'V')
        gen_value(g);
    else if (first == 'N')
        gen_int(g);
    else
        gen_arg_bytes(g, text, len);
}

static void use_template(struct gen *g, const char *text)
{
    for (size_t len; *text != '\0'; text += len + (text[len] == ' ')) {
        len = strcspn(text, " ");
        word(g, text, len);
    }
}

static void family(struct gen *g) { use_template(g, templates[gen_below(g, COUNT(templates))]); }

/* --- values of which the bytes or the encoding are the same --- */

static void small_value(struct gen *g)
{
    if (one_in(g, 2))
        member(g);
    else
        gen_argf(g, "%d", (int)gen_below(g, 100000) - 50000);
}

static void fill(struct gen *g, char kind, uint32_t most)
{
    static const char *const names[] = {"HSET", "ZADD", "SADD", "SET"};
    uint32_t which = gen_below(g, COUNT(names));
    gen_arg(g, names[which]);
    key_of_kind(g, kind);
    if (which == 3) {
        small_value(g);
        return;
    }
    for (uint32_t n = 1 + gen_below(g, most); n > 0; n--) {
        if (which == 0) member(g);
        if (which == 1) gen_argf(g, "%d", (int)gen_below(g, 300) - 100);
        if (which == 2)
            gen_argf(g, "%d", (int)gen_below(g, most > 20 ? 5000 : 20));
        else
            small_value(g);
    }
}

static void fill_small(struct gen *g) { fill(g, 'd', 5); }
static void fill_encoded(struct gen *g) { fill(g, 'e', one_in(g, 10) ? 700 : 20); }

/* A member or value over the limit of 64 bytes, or at it. */
static void fill_long(struct gen *g)
{
    static const char text[] = "----------------------------------------------------------------+";
    bool is_hash = one_in(g, 2);
    gen_arg(g, is_hash ? "HSET" : "ZADD");
    key_of_kind(g, 'e');
    gen_arg(g, is_hash ? "field" : "1");
    gen_arg_bytes(g, text, one_in(g, 2) ? 64 : 65);
}

static void show_encoding(struct gen *g)
{
    gen_arg(g, "OBJECT");
    gen_arg(g, "ENCODING");
    key_of_kind(g, 'e');
}

static void dump(struct gen *g)
{
    gen_arg(g, "DUMP");
    key_of_kind(g, 'd');
}

/* --- what works on all types --- */

/* Both keys of one namespace, so that each keeps its promise. */
static void rename_or_copy(struct gen *g)
{
    static const char *const names[] = {"RENAME", "RENAMENX", "COPY", "COPY"};
    uint32_t which = gen_below(g, COUNT(names));
    char kind = "uude"[gen_below(g, 4)];
    gen_arg(g, names[which]);
    key_of_kind(g, kind);
    key_of_kind(g, kind);
    if (which < 2) return;
    if (one_in(g, 4)) {
        gen_arg(g, "DB");
        gen_argf(g, "%u", gen_below(g, 3));
    }
    if (one_in(g, 2)) gen_arg(g, "REPLACE");
}

static void move(struct gen *g)
{
    gen_arg(g, "MOVE");
    any_kind(g);
    gen_argf(g, "%u", 1 + gen_below(g, 2));
}

static void keys_only(struct gen *g)
{
    static const char *const names[] = {"DEL", "UNLINK", "EXISTS", "TOUCH"};
    gen_arg(g, names[gen_below(g, COUNT(names))]);
    for (uint32_t n = one_in(g, 2) ? 1 : 1 + gen_below(g, 4); n > 0; n--) any_kind(g);
}

static void one_key(struct gen *g)
{
    static const char *const names[] = {"TYPE", "TYPE", "TTL", "PERSIST", "EXPIRETIME"};
    gen_arg(g, names[gen_below(g, COUNT(names))]);
    any_kind(g);
}

static void expire(struct gen *g)
{
    static const char *const conditions[] = {"NX", "XX", "GT", "LT"};
    gen_arg(g, "PEXPIREAT");
    any_kind(g);
    if (one_in(g, 8))
        gen_arg(g, "1");
    else
        gen_argf(g, "%llu", 4102444800000ull + gen_below(g, 1000));
    if (one_in(g, 3)) gen_arg(g, conditions[gen_below(g, COUNT(conditions))]);
}

/* --- RESTORE of payloads made here, in the plain forms of old versions --- */

struct payload {
    char bytes[512];
    size_t len;
};

static void put(struct payload *p, const void *bytes, size_t len)
{
    memcpy(p->bytes + p->len, bytes, len);
    p->len += len;
}

static void put_byte(struct payload *p, unsigned byte)
{
    char b = (char)byte;
    put(p, &b, 1);
}

static void put_string(struct payload *p, char letter, unsigned n)
{
    char text[3] = {letter, (char)('a' + n), (char)('a' + n % 3)};
    put_byte(p, sizeof(text));
    put(p, text, sizeof(text));
}

static void put_score(struct payload *p, unsigned type, unsigned n)
{
    double score = n * 1.5;
    if (type == 5) {
        put(p, &score, sizeof(score));
    } else {
        put_byte(p, 1);
        put_byte(p, '0' + n);
    }
}

static void put_intset(struct payload *p, unsigned count)
{
    put_byte(p, 8 + 2 * count);
    put(p, "\x02\0\0\0", 4);
    for (unsigned shift = 0; shift < 32; shift += 8) put_byte(p, count >> shift & 0xff);
    for (unsigned i = 0; i < count; i++) {
        put_byte(p, i * 3);
        put_byte(p, 0);
    }
}

/* 1 list, 2 set, 3 sorted set with scores as text, 4 hash, 5 sorted set, 11 intset. */
static void put_value(struct payload *p, unsigned type, unsigned count)
{
    put_byte(p, type);
    if (type == 11) {
        put_intset(p, count);
        return;
    }
    put_byte(p, count);
    for (unsigned i = 0; i < count; i++) {
        put_string(p, 'm', i);
        if (type == 4) put_string(p, 'v', i);
        if (type == 3 || type == 5) put_score(p, type, i);
    }
}

static void seal(struct gen *g, struct payload *p)
{
    bool is_bad = one_in(g, 10);
    put(p, one_in(g, 2) ? "\x0a\0" : "\x06\0", 2);
    uint64_t crc = crc64(0, p->bytes, p->len) ^ is_bad;
    put(p, &crc, sizeof(crc));
}

static void restore(struct gen *g)
{
    static const unsigned char types[] = {1, 2, 3, 4, 5, 11};
    struct payload p = {.len = 0};
    put_value(&p, types[gen_below(g, COUNT(types))], one_in(g, 10) ? 0 : 1 + gen_below(g, 9));
    if (one_in(g, 30)) p.bytes[0] = (char)(200 + gen_below(g, 40)); /* no type at all */
    seal(g, &p);
    gen_arg(g, "RESTORE");
    key_of_kind(g, 'u');
    gen_arg(g, one_in(g, 4) ? "100000000" : "0");
    gen_arg_bytes(g, p.bytes, p.len);
    if (!one_in(g, 3)) gen_arg(g, "REPLACE");
}

void gen_types(struct gen *g)
{
    static gen_family_fn *const makers[] = {family,       family,    family, family,         family,     family,
                                            family,       family,    family, family,         fill_small, fill_small,
                                            fill_encoded, fill_long, dump,   rename_or_copy, move,       keys_only,
                                            one_key,      expire,    expire, restore,        restore,    show_encoding};
    makers[gen_below(g, COUNT(makers))](g);
}
