/* SPDX-License-Identifier: MIT */
/*
 * What a writer feels of a snapshot: save_latency SOCKET KEYSPACE
 * Starts BGSAVE, then sends SETs of random keys one at a time for WINDOW_S seconds, or until the child is done if that takes longer (60 s at
 * most). Prints
 *   requests p50_us p99_us p999_us max_us    while the child lived
 *   requests p50_us p99_us p999_us max_us    in the whole window
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES_MAX 20000000
#define BOUND_S 60
#define WINDOW_S 4

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

static void print_quantiles(float *us, size_t n)
{
    qsort(us, n, sizeof(*us), by_value);
    printf("%zu %.0f %.0f %.0f %.0f\n", n, us[n / 2], us[n * 99 / 100], us[n * 999 / 1000], us[n - 1]);
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
    size_t n = 0, saving = 0;
    freeReplyObject(redisCommand(c, "BGSAVE"));
    double begin = now_us();
    while (n < SAMPLES_MAX && now_us() < begin + BOUND_S * 1e6) {
        if (n % 1000 == 0 && saving == 0 && n > 0 && !is_saving(c)) saving = n;
        if (saving != 0 && now_us() > begin + WINDOW_S * 1e6) break;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        double started = now_us();
        redisReply *r = redisCommand(c, "SET key:%012llu vvvvvvvv", state % keys);
        us[n++] = (float)(now_us() - started);
        if (r == NULL) return 1;
        freeReplyObject(r);
    }
    if (saving == 0) saving = n;
    if (n == 0) return 1;
    print_quantiles(us, saving);
    print_quantiles(us, n);
    return 0;
}
