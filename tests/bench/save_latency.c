/* SPDX-License-Identifier: MIT */
/*
 * What a writer feels while a snapshot is taken: save_latency SOCKET KEYSPACE
 * Starts BGSAVE, then sends SETs of random keys one at a time until the child is done (60 s at most). Prints
 *   requests p50_us p99_us p999_us max_us
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES_MAX 20000000
#define BOUND_S 60

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int is_saving(redisContext *c)
{
    redisReply *r = redisCommand(c, "INFO persistence");
    int saving = r != NULL && r->type == REDIS_REPLY_STRING && strstr(r->str, "rdb_bgsave_in_progress:1") != NULL;
    freeReplyObject(r);
    return saving;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: save_latency SOCKET KEYSPACE\n");
        return 2;
    }
    redisContext *c = redisConnectUnix(argv[1]);
    if (c == NULL || c->err != 0) return 1;
    unsigned long long keys = strtoull(argv[2], NULL, 10), state = 88172645463325252ULL;
    float *us = malloc(SAMPLES_MAX * sizeof(*us));
    if (us == NULL) return 1;
    size_t n = 0;
    freeReplyObject(redisCommand(c, "BGSAVE"));
    double end = now_us() + BOUND_S * 1e6;
    while (n < SAMPLES_MAX && now_us() < end && (n % 1000 != 0 || is_saving(c))) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        double started = now_us();
        redisReply *r = redisCommand(c, "SET key:%012llu vvvvvvvv", state % keys);
        us[n++] = (float)(now_us() - started);
        if (r == NULL) return 1;
        freeReplyObject(r);
    }
    if (n == 0) return 1;
    qsort(us, n, sizeof(*us), by_value);
    printf("%zu %.0f %.0f %.0f %.0f\n", n, us[n / 2], us[n * 99 / 100], us[n * 999 / 1000], us[n - 1]);
    return 0;
}
