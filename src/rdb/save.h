/* SPDX-License-Identifier: MIT */
/*
 * A whole keyspace into a file, atomically: temp-<pid>.rdb in the folder of the target, written, fsynced, closed,
 * renamed over the target, and the folder fsynced. Whatever fails, the old file is as it was and the temporary one is
 * gone.
 */
#ifndef RDB_SAVE_H
#define RDB_SAVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "rdb/error.h"
#include "store/db.h"

struct rdb_save_options {
    /* 0: the oldest that holds what there is to say: 7 (AUX and RESIZEDB: metadata, and hints that make loading fast), 9
     * with write_idle or write_freq, 12 when fields of hashes expire. 6 to 12 fix it: below 7 there is no AUX and RESIZEDB, below 9 no
     * IDLE and FREQ; a field that expires fails the save below 12.
     */
    int version;
    bool compress, checksum;
    bool incremental_fsync; /* sync every 4 MiB, so that the last fsync is short */
    /* Seconds since the last access, by the entry's clock and keyspace_access_clock; or the LFU counter as it is. */
    bool write_idle, write_freq;
    const char *server_version; /* for the redis-ver AUX field */
    int64_t now_ms;
    size_t used_memory;
    /* Called every 4096 keys; NULL: not. */
    void (*on_progress)(void *ctx, uint64_t keys_done);
    void *ctx;
};

struct rdb_save_result {
    uint64_t keys;
    uint64_t bytes;
};

bool rdb_save(const char *path, struct keyspace *ks, const struct rdb_save_options *options,
              struct rdb_save_result *result, struct rdb_error *error);
/* Removes the temporary file of a child that died: async-signal unsafe, quiet. */
void rdb_remove_temp_file(const char *path, pid_t pid);
/* Sweeps temp-<pid>.rdb files whose process is gone, or that bear our own pid, out of the folder of `path`. Not to be
 * called while a save of this process runs. Returns how many. */
int rdb_sweep_temp_files(const char *path);

#endif
