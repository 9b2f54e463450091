/* SPDX-License-Identifier: MIT */
/*
 * Dispatch: from parsed requests to handlers. A batch goes through three passes, so that the cache misses of its lookups
 * overlap: resolve names and hash keys (prefetching buckets), prefetch entries, then check and execute each request in order.
 *
 * Checks, in the order of Redis: known, arity, authentication, loading, writes stopped by a failed save.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/ticks.h"
#include "server/state.h"

#define PREFETCH_KEYS_MAX 256

/* A batch on its way through the passes. */
struct pass {
    const struct command *commands[RESP_BATCH_COMMANDS];
    uint64_t hashes[PREFETCH_KEYS_MAX];
    unsigned hash_count;
    const struct command *counted; /* the command that `stats` belongs to: pipelines repeat themselves */
    struct command_stats *stats;
};

/* --- pass 1: names and hashes --- */

static void hash_keys(struct pass *pass, const struct db *db, const struct command *cmd,
                      const struct resp_command *request)
{
    const struct key_spec *spec = &cmd->keys[0];
    if (spec->step <= 0 || spec->keyword != NULL || spec->is_keynum || (spec->flags & KEY_NOT_KEY) != 0) return;
    int argc = (int)request->argc;
    int last = spec->last < 0 ? argc + spec->last : spec->index + spec->last;
    for (int i = spec->index; i <= last && i < argc && pass->hash_count < PREFETCH_KEYS_MAX; i += spec->step) {
        struct arg *key = &request->argv[i];
        key->hash = hash_bytes(key->ptr, key->len);
        pass->hashes[pass->hash_count++] = key->hash;
        db_prefetch_bucket(db, key->hash);
    }
}

static void prepare(struct client *c, struct resp_batch *batch, struct pass *pass)
{
    pass->hash_count = 0;
    pass->counted = NULL;
    pass->stats = NULL;
    for (unsigned i = 0; i < batch->count; i++) {
        const struct resp_command *request = &batch->commands[i];
        if (request->argc == 0) continue;
        const struct command *cmd = pass->commands[i] = command_resolve(request->argv, request->argc);
        if (cmd != NULL && batch->count > 1) hash_keys(pass, c->db, cmd, request);
    }
    unsigned in_child = 0; /* of a chain: those need one more step */
    for (unsigned i = 0; i < pass->hash_count; i++) {
        if (db_prefetch_entry(c->db, pass->hashes[i])) pass->hashes[in_child++] = pass->hashes[i];
    }
    for (unsigned i = 0; i < in_child; i++) db_prefetch_child_entry(c->db, pass->hashes[i]);
}

/* --- pass 2: checks --- */

/* An HTTP request through a browser tricked by a page: nothing of it is executed, or answered. */
static bool is_http(struct slice name) { return slice_is_word(name, "post") || slice_is_word(name, "host:"); }

static void reject_unknown(struct client *c, const struct resp_command *request)
{
    struct slice name = arg_slice(&request->argv[0]);
    if (is_http(name)) {
        log_warning("Possible SECURITY ATTACK: POST or Host: commands from %s. It is likely due to somebody using "
                    "Cross Protocol "
                    "Scripting to compromise this server. Connection aborted.",
                    c->peer);
        client_close_later(c);
        return;
    }
    const struct command *container = command_find(name);
    if (container != NULL) {
        char upper[32];
        size_t n = 0;
        for (; container->name[n] != '\0' && n + 1 < sizeof(upper); n++) upper[n] = (char)(container->name[n] & ~0x20);
        upper[n] = '\0';
        struct slice sub = arg_slice(&request->argv[1]);
        reply_errorf(&c->reply, "ERR unknown subcommand '%.*s'. Try %s HELP.", (int)(sub.len < 128 ? sub.len : 128),
                     sub.ptr, upper);
        return;
    }
    char args[160];
    size_t len = 0;
    for (unsigned i = 1; i < request->argc && len < 128; i++) {
        struct slice a = arg_slice(&request->argv[i]);
        size_t room = 128 - len;
        len += (size_t)snprintf(args + len, sizeof(args) - len, "'%.*s' ", (int)(a.len < room ? a.len : room), a.ptr);
    }
    args[len] = '\0';
    reply_errorf(&c->reply, "ERR unknown command '%.*s', with args beginning with: %s",
                 (int)(name.len < 128 ? name.len : 128), name.ptr, args);
}

static bool arity_fits(const struct command *cmd, unsigned argc)
{
    return cmd->arity >= 0 ? argc == (unsigned)cmd->arity : argc >= (unsigned)-cmd->arity;
}

#define MISCONF                                                                                                       \
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that " \
    "may modify the "                                                                                                 \
    "data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting "  \
    "fails "                                                                                                          \
    "(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error."

/* NULL, or why the command must not run now. */
static const char *refusal(const struct client *c, const struct command *cmd)
{
    if (!c->is_authenticated && (cmd->flags & CMD_NO_AUTH) == 0) return "NOAUTH Authentication required.";
    if (c->server->persistence.loading && (cmd->flags & CMD_LOADING) == 0)
        return "LOADING Redis is loading the dataset in memory";
    if (__builtin_expect(!snapshot_writes_are_stopped(c->server), 1)) return NULL;
    return (cmd->flags & CMD_WRITE) != 0 || strcmp(cmd->name, "ping") == 0 ? MISCONF : NULL;
}

/* True when the request may be executed; else the error is replied and counted. */
static bool admit(struct client *c, const struct command *cmd, const struct resp_command *request)
{
    if (cmd == NULL) {
        reject_unknown(c, request);
        return false;
    }
    const char *why = NULL;
    if (!arity_fits(cmd, request->argc)) {
        char name[64];
        command_full_name(cmd, name);
        reply_errorf(&c->reply, "ERR wrong number of arguments for '%s' command", name);
    } else if ((why = refusal(c, cmd)) != NULL) {
        reply_error(&c->reply, why);
    } else {
        return true;
    }
    command_stats(cmd)->rejected++;
    return false;
}

/* --- pass 3: execution --- */

void server_refresh_clock(struct server *s)
{
    s->now_ms = clock_wall_ms();
    s->now_ticks = s->clock_read_ticks = ticks_now();
}

/* CLIENT REPLY SKIP silences exactly the command after it. */
static void advance_reply_mode(struct client *c)
{
    if (c->reply_mode == CLIENT_REPLY_SKIPPING) {
        c->reply_mode = CLIENT_REPLY_ON;
        c->reply.muted = false;
    } else if (c->reply_mode == CLIENT_REPLY_SKIP_NEXT) {
        c->reply_mode = CLIENT_REPLY_SKIPPING;
        c->reply.muted = true;
    }
}

static void execute(struct client *c, struct pass *pass, const struct command *cmd, const struct resp_command *request)
{
    struct server *s = c->server;
    struct call call = {
        .server = s,
        .client = c,
        .reply = &c->reply,
        .db = c->db,
        .argv = request->argv,
        .argc = request->argc,
        .command = cmd,
        .now_ms = s->now_ms,
    };
    uint64_t errors = c->reply.error_count;
    uint64_t started = s->now_ticks;
    cmd->handler(&call);
    uint64_t ended = ticks_now();
    if (pass->counted != cmd) {
        pass->counted = cmd;
        pass->stats = command_stats(cmd);
    }
    s->now_ticks = ended;
    s->stats.commands_processed++;
    c->commands++;
    if (__builtin_expect(c->is_blocked, 0)) return; /* counted once it has a reply */
    pass->stats->calls++;
    pass->stats->ticks += ended > started ? ended - started : 0;
    pass->stats->failed += c->reply.error_count != errors;
}

static void run_one(struct client *c, struct pass *pass, const struct command *cmd, const struct resp_command *request,
                    uint64_t stale_ticks)
{
    struct server *s = c->server;
    uint64_t errors = c->reply.error_count;
    /* A command that took long leaves an old clock behind: no expired key may be seen through it. */
    if (s->now_ticks - s->clock_read_ticks > stale_ticks) server_refresh_clock(s);
    if (admit(c, cmd, request)) {
        c->last_command = cmd;
        execute(c, pass, cmd, request);
    }
    if (c->reply.error_count != errors) errors_count(s, c->reply.last_error);
    if (c->reply_mode != CLIENT_REPLY_ON && !c->is_blocked) advance_reply_mode(c);
    if (__builtin_expect(s->blocking.ready != NULL, 0)) blocking_serve(s);
}

void dispatch_replied(struct client *c)
{
    if (c->reply_mode != CLIENT_REPLY_ON) advance_reply_mode(c);
}

void dispatch_one(struct client *c, const struct command *cmd, const struct resp_command *request)
{
    struct pass pass;
    pass.counted = NULL;
    server_refresh_clock(c->server);
    run_one(c, &pass, cmd, request, ticks_per_ms() / 2);
}

/* --- requests that wait --- */

struct request *request_save(const struct command *cmd, const struct resp_command *args)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < args->argc; i++) bytes += args->argv[i].blob == NULL ? args->argv[i].len : 0;
    struct request *r = mem_alloc(sizeof(*r) + args->argc * sizeof(struct arg) + bytes);
    char *to = (char *)&r->argv[args->argc];
    for (unsigned i = 0; i < args->argc; i++) {
        struct arg *a = &args->argv[i];
        r->argv[i] = *a;
        if (a->blob != NULL) {
            a->blob = NULL;
            continue;
        }
        if (a->len > 0) memcpy(to, a->ptr, a->len);
        r->argv[i].ptr = to;
        to += a->len;
    }
    r->next = NULL;
    r->command = cmd;
    r->args = *args;
    r->args.argv = r->argv;
    return r;
}

void request_free(struct request *r)
{
    for (unsigned i = 0; i < r->args.argc; i++) blob_free(r->argv[i].blob);
    mem_free(r);
}

static void queue_rest(struct client *c, const struct pass *pass, const struct resp_batch *batch, unsigned i)
{
    for (; i < batch->count; i++) {
        if (batch->commands[i].argc == 0) continue;
        struct request *r = request_save(pass->commands[i], &batch->commands[i]);
        *(c->queued_last != NULL ? &c->queued_last->next : &c->queued) = r;
        c->queued_last = r;
    }
}

void dispatch_batch(struct client *c, struct resp_batch *batch)
{
    struct server *s = c->server;
    struct pass pass;
    prepare(c, batch, &pass);
    server_refresh_clock(s);
    uint64_t stale_ticks = ticks_per_ms() / 2;
    for (unsigned i = 0; i < batch->count && !c->is_closing && !c->close_after_reply; i++) {
        const struct resp_command *request = &batch->commands[i];
        if (request->argc > 0) run_one(c, &pass, pass.commands[i], request, stale_ticks);
        if (__builtin_expect(c->is_blocked, 0)) {
            queue_rest(c, &pass, batch, i + 1);
            return;
        }
    }
}

/* --- error statistics --- */

void errors_count(struct server *s, const char *error)
{
    s->stats.error_replies++;
    size_t len = strcspn(error, " ");
    if (len >= sizeof(s->errors[0].name)) len = sizeof(s->errors[0].name) - 1;
    for (unsigned i = 0; i < s->error_kind_count; i++) {
        struct error_kind *k = &s->errors[i];
        if (strncmp(k->name, error, len) == 0 && k->name[len] == '\0') {
            k->count++;
            return;
        }
    }
    if (s->error_kind_count == ERROR_KINDS_MAX) return;
    struct error_kind *k = &s->errors[s->error_kind_count++];
    memcpy(k->name, error, len);
    k->name[len] = '\0';
    k->count = 1;
}
