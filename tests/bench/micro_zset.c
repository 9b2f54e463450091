/* SPDX-License-Identifier: MIT */
/*
 * What the large sorted set costs without a server around it: bytes an element, CPU nanoseconds an operation.
 *
 *   micro_zset [members]
 *
 * The same figures of a redis-server: MEMORY USAGE key SAMPLES 0, and usec_per_call of INFO commandstats.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "store/zset.h"

#define MEMBER_BYTES 16
#define RANGE 10

struct bench {
    const char *name;
    double (*score_of)(struct bench *b, size_t i);
    size_t members;
    size_t resident_before, used_before;
    char *names;
    uint32_t *order; /* the members in random order */
    struct value_ref ref;
    struct rng rng;
};

static double random_score(struct bench *b, size_t i)
{
    (void)i;
    return (double)(rng_next(&b->rng) >> 12);
}

static double rising_score(struct bench *b, size_t i)
{
    (void)b;
    return 1.7e9 + (double)i;
}

static double equal_score(struct bench *b, size_t i)
{
    (void)b;
    (void)i;
    return 0;
}

static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static size_t resident_bytes(void)
{
    unsigned long total = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%lu %lu", &total, &resident) != 2) exit(1);
    fclose(f);
    return resident * 4096;
}

static struct slice name_of(const struct bench *b, size_t i)
{
    return SLICE(b->names + i * MEMBER_BYTES, MEMBER_BYTES);
}

static void make_names(struct bench *b)
{
    b->names = malloc(b->members * MEMBER_BYTES + 1);
    b->order = malloc(b->members * sizeof(*b->order));
    if (!b->names || !b->order) exit(1);
    for (size_t i = 0; i < b->members; i++) {
        char text[32];
        snprintf(text, sizeof(text), "member:%09zu", i % 1000000000);
        memcpy(b->names + i * MEMBER_BYTES, text, MEMBER_BYTES);
        b->order[i] = (uint32_t)i;
    }
    for (size_t i = b->members - 1; i > 0; i--) {
        size_t j = rng_below(&b->rng, i + 1);
        uint32_t other = b->order[j];
        b->order[j] = b->order[i];
        b->order[i] = other;
    }
}

static void report(const char *what, int64_t since_us, size_t ops)
{
    printf("  %-34s %8.1f ns\n", what, 1000.0 * (double)(cpu_us() - since_us) / (double)ops);
}

static void run_add(struct bench *b)
{
    int64_t start = cpu_us();
    for (size_t i = 0; i < b->members; i++) zset_set(&b->ref, name_of(b, b->order[i]), b->score_of(b, i));
    report("add", start, b->members);
    size_t resident = resident_bytes() - b->resident_before;
    double n = (double)b->members;
    printf("  %-34s %8.2f bytes\n", "resident an element", (double)resident / n);
    printf("  %-34s %8.2f bytes\n", "allocated an element", (double)(mem_used() - b->used_before) / n);
}

static void run_reads(struct bench *b)
{
    size_t sum = 0, rank, first, count;
    double score;
    int64_t start = cpu_us();
    for (size_t i = 0; i < b->members; i++) sum += zset_score(b->ref.e, name_of(b, b->order[i]), &score);
    report("score of a member", start, b->members);
    start = cpu_us();
    for (size_t i = 0; i < b->members; i++)
        if (zset_rank(b->ref.e, name_of(b, b->order[i]), &rank, &score)) sum += rank;
    report("rank of a member", start, b->members);
    start = cpu_us();
    for (size_t i = 0; i < b->members; i++) {
        struct zset_score_range r = {.min = b->score_of(b, i), .max = b->score_of(b, i)};
        zset_ranks_by_score(b->ref.e, &r, &first, &count);
        sum += first;
    }
    report("ranks of a range of scores", start, b->members);
    if (sum == 0) exit(1);
}

static void run_walks(struct bench *b)
{
    struct zset_iter it;
    size_t sum = 0;
    int64_t start = cpu_us();
    for (size_t i = 0; i < b->members / RANGE; i++) {
        zset_iter_init(&it, b->ref.e, rng_below(&b->rng, b->members), i % 2);
        for (int k = 0; k < RANGE && zset_iter_next(&it); k++) sum += (unsigned char)it.element.member.ptr[15];
    }
    report("range of 10 from a random rank", start, b->members / RANGE);
    for (int backwards = 0; backwards < 2; backwards++) {
        start = cpu_us();
        zset_iter_init(&it, b->ref.e, backwards ? b->members - 1 : 0, backwards);
        while (zset_iter_next(&it)) sum += (unsigned char)it.element.member.ptr[15];
        report(backwards ? "walk down over all, an element" : "walk up over all, an element", start, b->members);
    }
    if (sum == 0) exit(1);
}

static void run_changes(struct bench *b)
{
    double score;
    int64_t start = cpu_us();
    for (size_t i = 0; i < b->members; i++) {
        struct slice name = name_of(b, b->order[i]);
        if (zset_score(b->ref.e, name, &score)) zset_set(&b->ref, name, score + 1);
    }
    report("score + 1 (two look-ups)", start, b->members);
    start = cpu_us();
    for (size_t i = 0; i < b->members; i++) zset_set(&b->ref, name_of(b, b->order[i]), random_score(b, i));
    report("another random score", start, b->members);
    start = cpu_us();
    for (size_t i = 0; i < b->members / 2; i++) zset_remove(&b->ref, name_of(b, b->order[i]));
    report("remove a member", start, b->members / 2);
    start = cpu_us();
    size_t left = zset_count(b->ref.e);
    while (zset_count(b->ref.e) > 100) zset_remove_ranks(&b->ref, 10, 80, NULL, NULL);
    report("remove 80 ranks at a time, an element", start, left);
}

static void run(struct bench *b)
{
    rng_seed(&b->rng, 7);
    make_names(b);
    printf("%s, %zu members of %d bytes\n", b->name, b->members, MEMBER_BYTES);
    b->ref = (struct value_ref){.key = key_of(SLICE_LIT("zset"))};
    b->resident_before = resident_bytes();
    b->used_before = mem_used();
    run_add(b);
    run_reads(b);
    run_walks(b);
    run_changes(b);
    entry_free(b->ref.e);
    b->ref.e = NULL;
    free(b->names);
    free(b->order);
}

int main(int argc, char **argv)
{
    static struct bench shapes[] = {
        {.name = "random scores", .score_of = random_score},
        {.name = "rising scores", .score_of = rising_score},
        {.name = "equal scores", .score_of = equal_score},
    };
    size_t members = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    if (members < 1000 || members > 1000000000) return 1;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        /* Each in a process of its own: what one leaves in the allocator must not count for the next. */
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            mem_init();
            shapes[i].members = members;
            run(&shapes[i]);
            fflush(stdout);
            _exit(0);
        }
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) return 1;
    }
    return 0;
}
