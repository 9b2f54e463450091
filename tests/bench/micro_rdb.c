/* SPDX-License-Identifier: MIT */
/*
 * Nanoseconds per key of saving and loading, without the server: two shapes of strings, half of each, then of 19 keys
 * 10 short strings, 5 of 64 bytes, and one each of hash, set, sorted set and list with 5 elements.
 *   micro_rdb [keys] [folder]      2,000,000 keys into /dev/shm unless said otherwise
 * With the third argument the file of the last shape is kept, so that another server can be timed on it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rdb/format.h"
#include "rdb/load.h"
#include "rdb/save.h"
#include "store/hash.h"
#include "store/list.h"
#include "store/set.h"
#include "store/zset.h"

#define ROUNDS 3

#define ELEMENTS 5

enum shape { SHAPE_SMALL, SHAPE_COMPRESSIBLE, SHAPE_MIXED, SHAPE_ALL_TYPES };

static const char *const shape_names[] = {"8 B values", "64 B compressible", "half of each", "all types"};

static size_t make_value(char out[64], enum shape shape, size_t i)
{
    if (shape == SHAPE_SMALL || (shape == SHAPE_MIXED && i % 2 == 0)) {
        memcpy(out, "v:000000", 8);
        for (size_t k = 7, n = i; k > 1; k--, n /= 10) out[k] = (char)('0' + n % 10);
        return 8;
    }
    char unit[20];
    int len = snprintf(unit, sizeof unit, "value:%08zu;", i % 100000000);
    for (int k = 0; k < 64; k++) out[k] = unit[k % len];
    return 64;
}

static void add_element(struct value_ref *ref, enum value_type type, size_t i, int k)
{
    char name[32], value[32];
    struct slice n = SLICE(name, (size_t)snprintf(name, sizeof name, "element:%d:%zu", k, i % 1000));
    struct slice v = SLICE(value, (size_t)snprintf(value, sizeof value, "value:%zu", i * 7 + (size_t)k));
    switch (type) {
    case VALUE_HASH: hash_set(ref, n, v, -1); break;
    case VALUE_SET: set_add(ref, v); break;
    case VALUE_ZSET: zset_set(ref, n, (double)(i % 1000 + (size_t)k)); break;
    case VALUE_LIST: list_push(ref, LIST_TAIL, &v, 1); break;
    case VALUE_STRING:
    case VALUE_STREAM: break;
    }
}

static struct entry *make_collection(struct slice key, enum value_type type, size_t i)
{
    struct value_ref ref = {.key.name = key};
    for (int k = 0; k < ELEMENTS; k++) add_element(&ref, type, i, k);
    return ref.e;
}

static struct entry *make_entry(struct slice key, enum shape shape, size_t i)
{
    char value[64];
    if (shape != SHAPE_ALL_TYPES) return entry_new_string(key, SLICE(value, make_value(value, shape, i)), -1);
    switch (i % 19) {
    case 15: return make_collection(key, VALUE_HASH, i);
    case 16: return make_collection(key, VALUE_SET, i);
    case 17: return make_collection(key, VALUE_ZSET, i);
    case 18: return make_collection(key, VALUE_LIST, i);
    default: shape = i % 19 < 10 ? SHAPE_SMALL : SHAPE_COMPRESSIBLE;
    }
    return entry_new_string(key, SLICE(value, make_value(value, shape, i)), -1);
}

static struct keyspace *filled(enum shape shape, size_t keys)
{
    struct keyspace *ks = keyspace_new(16);
    db_expand(keyspace_db(ks, 0), keys, 0);
    for (size_t i = 0; i < keys; i++) {
        char name[32];
        int len = snprintf(name, sizeof name, "key:%012zu", i);
        struct key key = key_of(SLICE(name, (size_t)len));
        db_insert(keyspace_db(ks, 0), make_entry(key.name, shape, i), key.hash);
    }
    return ks;
}

static double best(double a, double b) { return a == 0 || b < a ? b : a; }

static double save_once(const char *path, struct keyspace *ks, int version, bool compress,
                        struct rdb_save_result *result)
{
    struct rdb_save_options options = {
        .version = version, .compress = compress, .checksum = true, .now_ms = clock_wall_ms()};
    struct rdb_error error;
    int64_t start = clock_mono_us();
    if (!rdb_save(path, ks, &options, result, &error)) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    return (double)(clock_mono_us() - start) * 1000;
}

static double load_once(const char *path)
{
    struct rdb_load_options options = {.checksum = true, .now_ms = clock_wall_ms()};
    struct rdb_load_result result;
    struct rdb_error error;
    struct keyspace *ks = keyspace_new(16);
    int64_t start = clock_mono_us();
    if (rdb_load(path, ks, &options, &result, &error) != RDB_LOAD_OK) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    double ns = (double)(clock_mono_us() - start) * 1000;
    keyspace_free(ks);
    return ns;
}

static void measure(const char *path, struct keyspace *ks, const char *name, int version)
{
    struct rdb_save_result result = {0};
    double save = 0, save_raw = 0, load = 0, n = (double)keyspace_key_count(ks);
    for (int i = 0; i < ROUNDS; i++) save_raw = best(save_raw, save_once(path, ks, version, false, &result));
    for (int i = 0; i < ROUNDS; i++) save = best(save, save_once(path, ks, version, true, &result));
    for (int i = 0; i < ROUNDS; i++) load = best(load, load_once(path));
    printf("%-20s version %2d  save %6.1f ns/key (%5.1f without LZF)  load %6.1f ns/key  %5.1f bytes/key\n", name,
           version, save / n, save_raw / n, load / n, (double)result.bytes / n);
}

static void measure_shape(const char *folder, enum shape shape, size_t keys, bool keep)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/micro_rdb.%d.rdb", folder, (int)getpid());
    struct keyspace *ks = filled(shape, keys);
    if (shape == SHAPE_ALL_TYPES) measure(path, ks, shape_names[shape], RDB_VERSION_SET_LISTPACKS);
    measure(path, ks, shape_names[shape], RDB_VERSION_DEFAULT);
    keyspace_free(ks);
    if (keep)
        printf("kept: %s\n", path);
    else
        unlink(path);
}

int main(int argc, char **argv)
{
    mem_init();
    size_t keys = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000000;
    const char *folder = argc > 2 ? argv[2] : "/dev/shm";
    for (enum shape shape = SHAPE_SMALL; shape <= SHAPE_ALL_TYPES; shape++)
        measure_shape(folder, shape, keys ? keys : 1, argc > 3 && shape == SHAPE_ALL_TYPES);
    return 0;
}
