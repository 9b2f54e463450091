/* SPDX-License-Identifier: MIT */
/*
 * Fills a server with keys of one shape, through a unix socket: populate SOCKET SHAPE COUNT
 *   16+8     16-byte keys, 8-byte values that are not integers
 *   20+64    20-byte keys, 64-byte random values
 *   ttl      16-byte keys, 32-byte values, all with a TTL
 *   mixed    half 8-byte values, half 64-byte values that compress
 *   kib      16-byte keys, 1,000-byte values
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

static void append(redisContext *c, const char *shape, unsigned long long i)
{
    char key[32], value[1024];
    size_t value_len = 8;
    snprintf(key, sizeof(key), strcmp(shape, "20+64") == 0 ? "key:%016llu" : "key:%012llu", i);
    if (strcmp(shape, "20+64") == 0) value_len = 64;
    if (strcmp(shape, "ttl") == 0) value_len = 32;
    if (strcmp(shape, "kib") == 0) value_len = 1000;
    fill(value, value_len, i);
    if (strcmp(shape, "mixed") == 0 && i % 2 == 1) {
        value_len = 64;
        fill_compressible(value, value_len + 1, i);
    }
    if (strcmp(shape, "ttl") == 0)
        redisAppendCommand(c, "SET %s %b EX 1000000", key, value, value_len);
    else
        redisAppendCommand(c, "SET %s %b", key, value, value_len);
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
    if (argc != 4) {
        fprintf(stderr, "usage: populate SOCKET (16+8|20+64|ttl|mixed|kib) COUNT\n");
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
        for (unsigned long long i = 0; i < n; i++) append(c, argv[2], done + i);
        if (drain(c, n) != 0) return 1;
        done += n;
    }
    redisFree(c);
    return 0;
}
