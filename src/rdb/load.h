/* SPDX-License-Identifier: MIT */
/*
 * A file into a keyspace. Tables are presized from RESIZEDB (bounded by what the file can hold) or from the density
 * seen so far; records are decoded in batches whose table lookups overlap. A failure leaves what was loaded so far in
 * the keyspace: the caller decides (at start-up the server exits).
 *
 * Refused, with place and reason: a version above 12, a database the keyspace does not have, a key that occurs twice,
 * value types that are not built, functions and module data, bytes after the end, an expiry or access time that no
 * key follows, and whatever does not decode. AUX fields with unknown names and SLOT_INFO are hints and are passed
 * over.
 */
#ifndef RDB_LOAD_H
#define RDB_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "rdb/error.h"
#include "store/db.h"

struct rdb_load_options {
    int64_t now_ms; /* keys past their expiry are left out */
    bool checksum;  /* verify it */
    /* Entries are stamped with it; IDLE takes its seconds off. */
    uint32_t access_clock;
    /* The clock is of the LFU kind: FREQ gives the counter, and IDLE does not count. */
    bool access_is_lfu;
    /* Called every 2 MiB or so, also in the middle of a large value; must not change the keyspace. NULL: not. */
    void (*on_progress)(void *ctx, uint64_t bytes_done, uint64_t keys_done);
    void *ctx;
};

struct rdb_load_result {
    uint64_t bytes;
    uint64_t keys_loaded;
    uint64_t keys_expired; /* left out: their time had come */
    int version;
    char writer_version[32]; /* redis-ver AUX, printable */
    int64_t created_at_s;    /* ctime AUX; 0 unknown */
    uint64_t used_memory;    /* used-mem AUX */
};

enum rdb_load_status { RDB_LOAD_OK, RDB_LOAD_ABSENT /* no such file */, RDB_LOAD_FAILED };
/* `result` is filled in as far as the load came; `error` (may be NULL) only when it failed. */
enum rdb_load_status rdb_load(const char *path, struct keyspace *ks, const struct rdb_load_options *options,
                              struct rdb_load_result *result, struct rdb_error *error);
/* The same from bytes in memory; `name` stands for the file in errors. Never RDB_LOAD_ABSENT. */
enum rdb_load_status rdb_load_memory(struct slice bytes, const char *name, struct keyspace *ks,
                                     const struct rdb_load_options *options, struct rdb_load_result *result,
                                     struct rdb_error *error);

#endif
