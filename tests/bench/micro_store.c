/* SPDX-License-Identifier: MIT */
/*
 * What one operation of the keyspace costs, without sockets: nanoseconds an operation and resident bytes a key, for the
 * three shapes that the design plans for. Usage: micro_store [keys, default 1000000]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "store/db.h"

#define BATCH 64
#define NOW_MS 1000000
#define ROUNDS 3

struct shape {
    const char *name;
    size_t key_len, value_len;
    int64_t expire_at_ms;
};

struct bench {
    const struct shape *shape;
    struct keyspace *ks;
    struct db *db;
    size_t keys;
    uint32_t *order; /* key numbers, shuffled */
    char *names;
    size_t resident_before;
};

/* The second number of statm, in pages. */
static size_t resident_bytes(void)
{
    char line[256] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || !fgets(line, sizeof(line), f)) exit(1);
    fclose(f);
    char *second = strchr(line, ' ');
    return second ? strtoul(second, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

/* CPU time: other work on the machine should not count. */
static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static struct slice name_of(const struct bench *b, size_t i)
{
    return SLICE(b->names + i * b->shape->key_len, b->shape->key_len);
}

/* Not a number, so that 8 bytes are 8 bytes. */
static struct slice value_of(const struct bench *b, size_t i, char *out)
{
    memset(out, 'v', b->shape->value_len);
    out[1] = (char)('a' + i % 16);
    return SLICE(out, b->shape->value_len);
}

static void make_names(struct bench *b)
{
    struct rng rng;
    rng_seed(&rng, 7);
    b->names = malloc(b->keys * b->shape->key_len + 1);
    b->order = malloc(b->keys * sizeof(*b->order));
    if (!b->names || !b->order) exit(1);
    for (size_t i = 0; i < b->keys; i++) {
        char text[64];
        snprintf(text, sizeof(text), "key:%0*zu", (int)b->shape->key_len - 4, i);
        memcpy(b->names + i * b->shape->key_len, text, b->shape->key_len);
        b->order[i] = (uint32_t)i;
    }
    for (size_t i = b->keys - 1; i > 0; i--) {
        size_t j = rng_below(&rng, i + 1);
        uint32_t other = b->order[j];
        b->order[j] = b->order[i];
        b->order[i] = other;
    }
}

static void report(const struct bench *b, const char *what, int64_t since_us)
{
    printf("  %-28s %8.1f ns\n", what, 1000.0 * (double)(cpu_us() - since_us) / (double)b->keys);
}

static void run_insert(struct bench *b)
{
    char value[256];
    int64_t start = cpu_us(), slowest = 0, last = start;
    for (size_t i = 0; i < b->keys; i++) {
        struct key key = key_of(name_of(b, i));
        db_set_string(b->db, &key, value_of(b, i, value), b->shape->expire_at_ms);
        if (i % 64 == 0) {
            int64_t now = cpu_us();
            if (now - last > slowest) slowest = now - last;
            last = now;
        }
    }
    report(b, "insert", start);
    printf("  %-28s %8lld us\n", "slowest 64 inserts", (long long)slowest);
}

/* The names from `at` on, hashed, as a pipeline of requests would be looked up. */
static void take_batch(struct bench *b, size_t at, struct key *keys, bool with_prefetch)
{
    size_t chained[BATCH], chained_len = 0;
    for (size_t i = 0; i < BATCH; i++) {
        keys[i] = key_of(name_of(b, b->order[at + i]));
        if (with_prefetch) db_prefetch_bucket(b->db, keys[i].hash);
    }
    for (size_t i = 0; with_prefetch && i < BATCH; i++)
        if (db_prefetch_entry(b->db, keys[i].hash)) chained[chained_len++] = i;
    for (size_t i = 0; i < chained_len; i++) db_prefetch_child_entry(b->db, keys[chained[i]].hash);
}

static void run_find(struct bench *b, bool with_prefetch)
{
    size_t found = 0, sum = 0;
    char scratch[NUM_INT64_CHARS];
    int64_t start = cpu_us();
    for (size_t i = 0; i + BATCH <= b->keys; i += BATCH) {
        struct key keys[BATCH];
        take_batch(b, i, keys, with_prefetch);
        for (size_t j = 0; j < BATCH; j++) {
            struct entry *e = db_find(b->db, &keys[j], NOW_MS, DB_FIND_READ);
            if (!e) continue;
            struct slice s = entry_string(e, scratch);
            found++;
            sum += (unsigned char)s.ptr[s.len - 1];
        }
    }
    report(b, with_prefetch ? "find, batches prefetched" : "find", start);
    if (found < b->keys - BATCH || sum == 0) exit(1);
}

static void run_hash(struct bench *b)
{
    uint64_t sum = 0;
    int64_t start = cpu_us();
    for (size_t i = 0; i < b->keys; i++) sum ^= key_of(name_of(b, b->order[i])).hash;
    report(b, "(of which the hash)", start);
    if (sum == 1) puts("");
}

static void run_overwrite(struct bench *b)
{
    char value[256];
    int64_t start = cpu_us();
    for (size_t i = 0; i + BATCH <= b->keys; i += BATCH) {
        struct key keys[BATCH];
        take_batch(b, i, keys, true);
        for (size_t j = 0; j < BATCH; j++)
            db_set_string(b->db, &keys[j], value_of(b, i, value), b->shape->expire_at_ms);
    }
    report(b, "overwrite, prefetched", start);
}

static void run_iterate(struct bench *b)
{
    struct hashtable_iter it;
    char scratch[NUM_INT64_CHARS];
    size_t bytes = 0;
    int64_t start = cpu_us();
    hashtable_iter_init(&it, db_keys(b->db));
    for (struct entry *e; (e = hashtable_iter_next(&it));) {
        struct slice s = entry_string(e, scratch);
        bytes += entry_key(e).len + (unsigned char)s.ptr[s.len - 1];
    }
    report(b, "iterate, reading all", start);
    if (bytes == 0) exit(1);
}

static void count_entry(void *ctx, void *entry)
{
    size_t *bytes = ctx;
    *bytes += entry_key(entry).len;
}

static void run_scan(struct bench *b)
{
    size_t bytes = 0;
    uint64_t cursor = 0;
    int64_t start = cpu_us();
    do {
        cursor = db_scan(b->db, cursor, count_entry, &bytes);
    } while (cursor != 0);
    report(b, "scan, reading keys", start);
    if (bytes == 0) exit(1);
}

static void run_remove(struct bench *b)
{
    int64_t start = cpu_us();
    if (b->shape->expire_at_ms != ENTRY_NO_EXPIRY) {
        size_t steps = 0;
        while (db_count(b->db) > 0 && steps++ < b->keys) keyspace_expire_step(b->ks, b->shape->expire_at_ms + 1, 1000);
        report(b, "active expiry", start);
        return;
    }
    for (size_t i = 0; i + BATCH <= b->keys; i += BATCH) {
        struct key keys[BATCH];
        take_batch(b, i, keys, true);
        for (size_t j = 0; j < BATCH; j++) db_delete(b->db, &keys[j], NOW_MS, false);
    }
    report(b, "delete, prefetched", start);
}

static void print_memory(const struct bench *b)
{
    size_t resident = resident_bytes() - b->resident_before;
    printf("  %-28s %8.2f bytes\n", "resident a key", (double)resident / (double)b->keys);
    printf("  %-28s %8.2f bytes\n", "(of which tables)", (double)keyspace_overhead(b->ks) / (double)b->keys);
}

static void run_shape(const struct shape *shape, size_t keys)
{
    struct bench b = {.shape = shape, .keys = keys};
    printf("%s, %zu keys\n", shape->name, keys);
    make_names(&b);
    b.ks = keyspace_new(16);
    b.db = keyspace_db(b.ks, 0);
    b.resident_before = resident_bytes();
    run_insert(&b);
    print_memory(&b);
    for (int round = 0; round < ROUNDS; round++) {
        run_find(&b, false);
        run_find(&b, true);
        run_hash(&b);
        run_overwrite(&b);
        run_iterate(&b);
        run_scan(&b);
    }
    run_remove(&b);
    run_insert(&b);
    int64_t start = cpu_us();
    keyspace_flush(b.ks, false);
    report(&b, "flush", start);
    keyspace_free(b.ks);
    free(b.names);
    free(b.order);
}

int main(int argc, char **argv)
{
    static const struct shape shapes[] = {
        {"16 byte key, 8 byte value", 16, 8, ENTRY_NO_EXPIRY},
        {"20 byte key, 64 byte value", 20, 64, ENTRY_NO_EXPIRY},
        {"16 byte key, 32 byte value, expiring", 16, 32, 10 * NOW_MS},
    };
    size_t keys = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    if (keys < BATCH || keys > 1000000000) return 1;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        /* Each in a process of its own: what one leaves in the allocator must not count for the next. */
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            mem_init();
            run_shape(&shapes[i], keys);
            return 0;
        }
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) return 1;
    }
    return 0;
}
