/* SPDX-License-Identifier: MIT */
/*
 * Fills a server with keys of one shape, through a unix socket: populate SOCKET SHAPE COUNT
 *   16+8     16-byte keys, 8-byte values that are not integers
 *   20+64    20-byte keys, 64-byte random values
 *   ttl      16-byte keys, 32-byte values, all with a TTL
 *   mixed    half 8-byte values, half 64-byte values that compress
 *   kib      16-byte keys, 1,000-byte values
 *   hash5, set5, zset5, list5   16-byte keys, five small elements each; the set's are integers
 *   types    of 19 keys ten as 16+8, five with 64 bytes that compress, one of each small collection
 *   bigset, bighash, bigzset    one collection of COUNT 16-byte members (values of 16 bytes, random scores)
 *   ranks    one sorted set, scores 0 to COUNT - 1
 *   list     one list
 *   sets     two sets of COUNT / 2 members each, half of them in both
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIPELINE 1000

static unsigned long long mix(unsigned long long x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
}

static void fill(char *out, size_t len, unsigned long long seed)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    for (size_t i = 0; i < len; i++) {
        if (i % 8 == 0) seed = mix(seed + i + 1);
        out[i] = letters[(seed >> (i % 8 * 6)) & 63];
    }
}

static void fill_compressible(char *out, size_t len, unsigned long long seed)
{
    int n = snprintf(out, len, "{\"id\":%llu,\"name\":\"user-%llu\"}", seed, seed);
    for (size_t i = (size_t)n; i < len; i++) out[i] = ' ';
}

typedef unsigned long long number;

/* --- strings --- */

static void set_string(redisContext *c, number i, size_t len)
{
    char value[1024];
    fill(value, len, i);
    redisAppendCommand(c, "SET key:%012llu %b", i, value, len);
}

static void short_string(redisContext *c, number i, number count)
{
    (void)count;
    set_string(c, i, 8);
}

static void long_key_string(redisContext *c, number i, number count)
{
    char value[64];
    (void)count;
    fill(value, sizeof(value), i);
    redisAppendCommand(c, "SET key:%016llu %b", i, value, sizeof(value));
}

static void expiring_string(redisContext *c, number i, number count)
{
    char value[32];
    (void)count;
    fill(value, sizeof(value), i);
    redisAppendCommand(c, "SET key:%012llu %b EX 1000000", i, value, sizeof(value));
}

static void kib_string(redisContext *c, number i, number count)
{
    (void)count;
    set_string(c, i, 1000);
}

static void compressible_string(redisContext *c, number i)
{
    char value[65];
    fill_compressible(value, sizeof(value), i);
    redisAppendCommand(c, "SET key:%012llu %b", i, value, sizeof(value) - 1);
}

static void mixed_string(redisContext *c, number i, number count)
{
    if (i % 2 == 1)
        compressible_string(c, i);
    else
        short_string(c, i, count);
}

/* --- small collections, a key each --- */

static void small_hash(redisContext *c, number i, number count)
{
    (void)count;
    redisAppendCommand(c, "HSET key:%012llu name user%llu age %llu city town%llu score %llu state on", i, i % 100000,
                       i % 90, i % 1000, i % 100000);
}

static void small_set(redisContext *c, number i, number count)
{
    (void)count;
    number n = i * 7 % 30000;
    redisAppendCommand(c, "SADD key:%012llu %llu %llu %llu %llu %llu", i, n, n + 1, n + 17, n + 300, n + 2000);
}

static void small_zset(redisContext *c, number i, number count)
{
    (void)count;
    redisAppendCommand(c, "ZADD key:%012llu %llu ann %llu bob %llu cy %llu dan %llu eve", i, i % 100, i % 1000, i % 70,
                       i % 5000, i % 31);
}

static void small_list(redisContext *c, number i, number count)
{
    (void)count;
    redisAppendCommand(c, "RPUSH key:%012llu item%llu item%llu item%llu %llu %llu", i, i % 1000, i % 997, i % 10000,
                       i % 100, i % 30000);
}

/* One million short strings to half a million of 64 bytes and a tenth of a million of each small collection. */
static void mixed_types(redisContext *c, number i, number count)
{
    switch (i % 19) {
    case 15: small_hash(c, i, count); break;
    case 16: small_set(c, i, count); break;
    case 17: small_zset(c, i, count); break;
    case 18: small_list(c, i, count); break;
    default:
        if (i % 19 < 10)
            short_string(c, i, count);
        else
            compressible_string(c, i);
    }
}

/* --- one large collection --- */

static void big_set(redisContext *c, number i, number count)
{
    (void)count;
    redisAppendCommand(c, "SADD big elem:%011llu", i);
}

static void big_hash(redisContext *c, number i, number count)
{
    (void)count;
    redisAppendCommand(c, "HSET big elem:%011llu val:%012llu", i, i);
}

static void big_zset(redisContext *c, number i, number count)
{
    (void)count;
    redisAppendCommand(c, "ZADD big %llu elem:%011llu", mix(i) % 1000000, i);
}

/* Scores and members are the numbers that redis-benchmark asks for. */
static void ranks(redisContext *c, number i, number count)
{
    (void)count;
    redisAppendCommand(c, "ZADD ranks %llu element:%012llu", i, i);
}

static void big_list(redisContext *c, number i, number count)
{
    (void)count;
    redisAppendCommand(c, "RPUSH mylist data:%07llu", i);
}

/* Two sets of which half the members are in both. */
static void two_sets(redisContext *c, number i, number count)
{
    redisAppendCommand(c, "SADD set:%s member:%llu", i % 2 == 0 ? "a" : "b", i % 2 == 0 ? i / 2 : i / 2 + count / 4);
}

static const struct shape {
    const char *name;
    void (*append)(redisContext *c, number i, number count);
} shapes[] = {
    {"16+8", short_string}, {"20+64", long_key_string}, {"ttl", expiring_string}, {"mixed", mixed_string},
    {"kib", kib_string},    {"hash5", small_hash},      {"set5", small_set},      {"zset5", small_zset},
    {"list5", small_list},  {"types", mixed_types},     {"bigset", big_set},      {"bighash", big_hash},
    {"bigzset", big_zset},  {"ranks", ranks},           {"list", big_list},       {"sets", two_sets},
};

static const struct shape *find_shape(const char *name)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (strcmp(shapes[i].name, name) == 0) return &shapes[i];
    }
    return NULL;
}

static int drain(redisContext *c, unsigned long long n)
{
    for (unsigned long long i = 0; i < n; i++) {
        redisReply *r = NULL;
        if (redisGetReply(c, (void **)&r) != REDIS_OK || r->type == REDIS_REPLY_ERROR) {
            fprintf(stderr, "populate: %s\n", r != NULL ? r->str : c->errstr);
            return -1;
        }
        freeReplyObject(r);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct shape *shape = argc == 4 ? find_shape(argv[2]) : NULL;
    if (shape == NULL) {
        fprintf(stderr, "usage: populate SOCKET SHAPE COUNT\nshapes:");
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) fprintf(stderr, " %s", shapes[i].name);
        fputc('\n', stderr);
        return 2;
    }
    redisContext *c = redisConnectUnix(argv[1]);
    if (c == NULL || c->err != 0) {
        fprintf(stderr, "populate: %s: %s\n", argv[1], c != NULL ? c->errstr : "no memory");
        return 1;
    }
    unsigned long long count = strtoull(argv[3], NULL, 10);
    for (unsigned long long done = 0; done < count;) {
        unsigned long long n = count - done < PIPELINE ? count - done : PIPELINE;
        for (unsigned long long i = 0; i < n; i++) shape->append(c, done + i, count);
        if (drain(c, n) != 0) return 1;
        done += n;
    }
    redisFree(c);
    return 0;
}
