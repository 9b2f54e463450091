/* SPDX-License-Identifier: MIT */
/* The server and its snapshots: INFO, TIME, DBSIZE, SAVE, BGSAVE, LASTSAVE, SHUTDOWN, FLUSHDB, FLUSHALL, SWAPDB. */
#include "server/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "commands/commands.h"
#include "server/blocking.h"
#include "server/client.h"
#include "server/snapshot.h"

#define INFO_SECTIONS_MAX 64

/* --- telling --- */

static void info(struct call *c)
{
    struct slice sections[INFO_SECTIONS_MAX];
    unsigned count = 0;
    for (unsigned i = 1; i < c->argc && count < INFO_SECTIONS_MAX; i++) sections[count++] = call_arg(c, i);
    struct buf text = BUF_INIT;
    info_render(c->server, sections, count, &text);
    reply_verbatim(c->reply, "txt", text.data != NULL ? buf_slice(&text) : SLICE_LIT(""));
    buf_deinit(&text);
}

static void tell_time(struct call *c)
{
    int64_t us = clock_wall_us();
    reply_array(c->reply, 2);
    reply_bulk_int(c->reply, us / 1000000);
    reply_bulk_int(c->reply, us % 1000000);
}

static void dbsize(struct call *c) { reply_int(c->reply, (int64_t)db_count(c->db)); }

/* --- snapshots --- */

static void lastsave(struct call *c) { reply_int(c->reply, server_persistence(c->server)->last_save_s); }

static void save(struct call *c)
{
    struct rdb_error error;
    switch (snapshot_save_now(c->server, &error)) {
    case SNAPSHOT_OK: reply_ok(c->reply); return;
    case SNAPSHOT_BUSY: reply_error(c->reply, "ERR Background save already in progress"); return;
    case SNAPSHOT_FAILED: reply_errorf(c->reply, "ERR %s", error.text); return;
    }
}

static void bgsave(struct call *c)
{
    bool schedule = c->argc == 2 && call_arg_is(c, 1, "schedule");
    if (c->argc > 1 && !schedule) {
        call_syntax_error(c);
        return;
    }
    if (schedule && snapshot_is_running(c->server)) {
        snapshot_schedule(c->server);
        reply_simple(c->reply, "Background saving scheduled");
        return;
    }
    switch (snapshot_start(c->server)) {
    case SNAPSHOT_OK: reply_simple(c->reply, "Background saving started"); return;
    case SNAPSHOT_BUSY: reply_error(c->reply, "ERR Background save already in progress"); return;
    case SNAPSHOT_FAILED:
        reply_error(c->reply, "ERR Background save could not start: fork failed, the log has the reason");
        return;
    }
}

/* --- SHUTDOWN --- */

static bool parse_shutdown(struct call *c, unsigned *flags, bool *abort)
{
    for (unsigned i = 1; i < c->argc; i++) {
        if (call_arg_is(c, i, "nosave"))
            *flags |= SHUTDOWN_NOSAVE;
        else if (call_arg_is(c, i, "save"))
            *flags |= SHUTDOWN_SAVE;
        else if (call_arg_is(c, i, "now"))
            *flags |= SHUTDOWN_NOW;
        else if (call_arg_is(c, i, "force"))
            *flags |= SHUTDOWN_FORCE;
        else if (call_arg_is(c, i, "abort"))
            *abort = true;
        else
            return false;
    }
    bool both = (*flags & SHUTDOWN_NOSAVE) != 0 && (*flags & SHUTDOWN_SAVE) != 0;
    return !both && !(*abort && *flags != 0);
}

static void shutdown_server(struct call *c)
{
    unsigned flags = SHUTDOWN_DEFAULT;
    bool abort = false;
    char error[256];
    if (!parse_shutdown(c, &flags, &abort)) {
        call_syntax_error(c);
    } else if (abort) {
        if (server_shutdown_abort(c->server))
            reply_ok(c->reply);
        else
            reply_error(c->reply, "ERR No shutdown in progress.");
    } else if (!server_shutdown(c->server, flags, error, sizeof(error))) {
        reply_error(c->reply, error);
    }
}

/* --- emptying and exchanging databases --- */

/* Nobody has to wait for memory unless he says SYNC, whatever lazyfree-lazy-user-flush is: the keys are gone at once
 * either way. */
static bool parse_flush(struct call *c, bool *lazily)
{
    *lazily = true;
    if (c->argc == 1) return true;
    *lazily = call_arg_is(c, 1, "async");
    if (c->argc == 2 && (*lazily || call_arg_is(c, 1, "sync"))) return true;
    call_syntax_error(c);
    return false;
}

static void flushdb(struct call *c)
{
    bool lazily;
    if (!parse_flush(c, &lazily)) return;
    call_add_dirty(c, db_flush(c->db, lazily));
    reply_ok(c->reply);
}

/* As in Redis, the emptied state is saved on the spot when there are save rules: a running child would
 * put back what was just removed. */
static void flushall(struct call *c)
{
    bool lazily;
    if (!parse_flush(c, &lazily)) return;
    call_add_dirty(c, keyspace_flush(server_keyspace(c->server), lazily));
    snapshot_cancel(c->server);
    if (snapshot_has_rules(c->server)) {
        struct rdb_error error;
        snapshot_save_now(c->server, &error); /* logs its own failure; dirty stays then */
    }
    reply_ok(c->reply);
}

static bool db_index_arg(struct call *c, unsigned i, unsigned *out, const char *error)
{
    int64_t index;
    if (!call_int_arg(c, i, &index, error)) return false;
    if (index < 0 || index >= keyspace_db_count(server_keyspace(c->server))) {
        reply_error(c->reply, "ERR DB index is out of range");
        return false;
    }
    *out = (unsigned)index;
    return true;
}

static void swapdb(struct call *c)
{
    int64_t first, second;
    if (!call_int_arg(c, 1, &first, "invalid first DB index") ||
        !call_int_arg(c, 2, &second, "invalid second DB index"))
        return;
    unsigned a, b;
    if (!db_index_arg(c, 1, &a, NULL) || !db_index_arg(c, 2, &b, NULL)) return;
    keyspace_swap(server_keyspace(c->server), a, b);
    blocking_database_changed(c->server, keyspace_db(server_keyspace(c->server), a));
    blocking_database_changed(c->server, keyspace_db(server_keyspace(c->server), b));
    call_add_dirty(c, 1);
    reply_ok(c->reply);
}

/* --- rows --- */

static const char *const INFO_TIPS[] = {"nondeterministic_output", "request_policy:all_shards",
                                        "response_policy:special", NULL};
static const char *const VARIES_TIPS[] = {"nondeterministic_output", NULL};
static const char *const FLUSH_TIPS[] = {"request_policy:all_shards", "response_policy:all_succeeded", NULL};
static const char *const SUM_TIPS[] = {"request_policy:all_shards", "response_policy:agg_sum", NULL};

static const struct command ROWS[] = {
    {.name = "info",
     .handler = info,
     .arity = -1,
     .flags = CMD_LOADING | CMD_STALE,
     .categories = CAT_DANGEROUS,
     .group = GROUP_SERVER,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Figures and state of the server, in sections.",
     .syntax = "[section [section ...]]",
     .tips = INFO_TIPS},
    {.name = "time",
     .handler = tell_time,
     .arity = 1,
     .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
     .group = GROUP_SERVER,
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "The server's time: Unix seconds and microseconds.",
     .tips = VARIES_TIPS},
    {.name = "dbsize",
     .handler = dbsize,
     .arity = 1,
     .flags = CMD_READONLY | CMD_FAST,
     .categories = CAT_KEYSPACE,
     .group = GROUP_SERVER,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "How many keys the database holds.",
     .tips = SUM_TIPS},
    {.name = "lastsave",
     .handler = lastsave,
     .arity = 1,
     .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
     .categories = CAT_ADMIN | CAT_DANGEROUS,
     .group = GROUP_SERVER,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Unix time of the last successful snapshot.",
     .tips = VARIES_TIPS},
    {.name = "save",
     .handler = save,
     .arity = 1,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI,
     .group = GROUP_SERVER,
     .since = "1.0.0",
     .complexity = "O(N) with N the number of keys",
     .summary = "Writes a snapshot now; the server does nothing else meanwhile."},
    {.name = "bgsave",
     .handler = bgsave,
     .arity = -1,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING,
     .group = GROUP_SERVER,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Writes a snapshot in a child process.",
     .syntax = "[SCHEDULE]"},
    {.name = "shutdown",
     .handler = shutdown_server,
     .arity = -1,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_NO_MULTI | CMD_ALLOW_BUSY,
     .group = GROUP_SERVER,
     .since = "1.0.0",
     .complexity = "O(N) with N the number of keys when a snapshot is written, else O(1)",
     .summary = "Ends the server, after a snapshot when there are save rules and something changed.",
     .syntax = "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]"},
    {.name = "flushall",
     .handler = flushall,
     .arity = -1,
     .flags = CMD_WRITE,
     .categories = CAT_KEYSPACE | CAT_DANGEROUS,
     .group = GROUP_SERVER,
     .since = "1.0.0",
     .complexity = "O(N) with N the number of keys of all databases",
     .summary = "Removes all keys of all databases.",
     .syntax = "[ASYNC | SYNC]",
     .tips = FLUSH_TIPS},
    {.name = "flushdb",
     .handler = flushdb,
     .arity = -1,
     .flags = CMD_WRITE,
     .categories = CAT_KEYSPACE | CAT_DANGEROUS,
     .group = GROUP_SERVER,
     .since = "1.0.0",
     .complexity = "O(N) with N the number of keys of the database",
     .summary = "Removes all keys of the database.",
     .syntax = "[ASYNC | SYNC]",
     .tips = FLUSH_TIPS},
    {.name = "swapdb",
     .handler = swapdb,
     .arity = 3,
     .flags = CMD_WRITE | CMD_FAST,
     .categories = CAT_KEYSPACE | CAT_DANGEROUS,
     .group = GROUP_SERVER,
     .since = "4.0.0",
     .complexity = "O(1)",
     .summary = "Exchanges the contents of two databases.",
     .syntax = "index1 index2"},
    {.name = NULL},
};

const struct command *server_commands(void) { return ROWS; }
