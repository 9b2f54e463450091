/* SPDX-License-Identifier: MIT */
/*
 * Snapshots: when to save, the child that does, and what its end means.
 *
 *            snapshot_start                        child exits 0
 *     IDLE ------------------> RUNNING (pid) ------------------------> IDLE, last_save = when it was forked, dirty -= dirty at fork
 *      ^  \                       |  child fails, killed: old file untouched, temp removed, status err, back-off
 *      |   `- snapshot_save_now   `----------------------------------> IDLE
 *
 * The child's exit is the only word of success. BGSAVE SCHEDULE sets `scheduled`, cron starts it when nothing else runs.
 */
#ifndef SERVER_SNAPSHOT_H
#define SERVER_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "rdb/error.h"

struct keyspace;
struct server;

enum snapshot_result { SNAPSHOT_OK, SNAPSHOT_BUSY /* a child runs */, SNAPSHOT_FAILED };

enum snapshot_result snapshot_save_now(struct server *s, struct rdb_error *error); /* SAVE: blocks */
enum snapshot_result snapshot_start(struct server *s);                             /* BGSAVE: forks */
void snapshot_schedule(struct server *s);
bool snapshot_is_running(const struct server *s);
void snapshot_cancel(
    struct server
        *s); /* kills and reaps a running child, removes its temporary file: FLUSHALL, SHUTDOWN, DEBUG RELOAD */
void snapshot_cron(struct server *s);            /* save rules, scheduled saves, retries, progress from the child */
void snapshot_on_child_signal(struct server *s); /* SIGCHLD */
/* stop-writes-on-bgsave-error applies now. */
bool snapshot_writes_are_stopped(const struct server *s);
bool snapshot_has_rules(const struct server *s);
/* The file at start-up into the keyspace; false: refused, the reason is logged. */
bool snapshot_load_at_start(struct server *s);
/* DEBUG RELOAD: what the file holds, into another keyspace with as many databases. */
bool snapshot_read(struct server *s, struct keyspace *into, struct rdb_error *error);

#endif
