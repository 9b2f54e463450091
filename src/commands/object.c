/* SPDX-License-Identifier: MIT */
/* What a key is made of: OBJECT, MEMORY, and its value as a payload: DUMP, RESTORE. */
#include "base/mem.h"
#include "commands/commands.h"
#include "rdb/dump.h"
#include "server/server.h"
#include "store/value.h"

#define LFU_NOT_SELECTED                                                                                          \
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching " \
    "between policies at runtime LRU and LFU data will take some time to adjust."

/* What clients know as the count of the shared small integers. */
#define SHARED_INTEGERS 10000
#define SHARED_REFCOUNT INT32_MAX

/* --- OBJECT --- */

/* Looks without leaving a trace. Replies null when there is no such key. */
static const struct entry *inspect(struct call *c, unsigned i)
{
    struct key key = call_key(c, i);
    const struct entry *e = db_find(c->db, &key, c->now_ms, DB_FIND_NO_TOUCH | DB_FIND_NO_STATS);
    if (e == NULL) reply_null(c->reply);
    return e;
}

static void object_encoding(struct call *c)
{
    const struct entry *e = inspect(c, 2);
    if (e != NULL) reply_bulk_cstr(c->reply, entry_encoding_name(e));
}

static void object_refcount(struct call *c)
{
    const struct entry *e = inspect(c, 2);
    if (e == NULL) return;
    int64_t value;
    bool is_shared = entry_int(e, &value) && value >= 0 && value < SHARED_INTEGERS;
    reply_int(c->reply, is_shared ? SHARED_REFCOUNT : 1);
}

static void object_idletime(struct call *c)
{
    const struct entry *e = inspect(c, 2);
    if (e == NULL) return;
    uint32_t now = keyspace_access_clock(server_keyspace(c->server));
    reply_int(c->reply, (now - entry_clock(e)) & 0xffffff); /* the clock wraps at 24 bits */
}

static void object_freq(struct call *c)
{
    if (inspect(c, 2) != NULL) reply_error(c->reply, LFU_NOT_SELECTED);
}

static void object_help(struct call *c)
{
    static const char *const lines[] = {
        "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ENCODING <key>",
        "    Return how the value of the key is held in memory.",
        "FREQ <key>",
        "    Return the access frequency counter of the key (with an LFU policy only).",
        "IDLETIME <key>",
        "    Return the seconds since the key was used last.",
        "REFCOUNT <key>",
        "    Return the number of references to the value of the key.",
        "HELP",
        "    Print this help.",
        NULL,
    };
    reply_help(c->reply, lines);
}

/* --- MEMORY --- */

/* Elements of a large collection that MEMORY USAGE looks at when it is not told. */
#define DEFAULT_SAMPLES 5

static bool parse_samples(struct call *c, int64_t *samples)
{
    for (unsigned i = 3; i < c->argc; i += 2) {
        if (!call_arg_is(c, i, "samples") || i + 1 == c->argc) {
            call_syntax_error(c);
            return false;
        }
        if (!call_int_arg(c, i + 1, samples, NULL)) return false;
        if (*samples < 0) {
            call_syntax_error(c);
            return false;
        }
    }
    return true;
}

/* A key's share of a table, rounded up. */
static size_t table_share(const struct hashtable *t)
{
    size_t count = hashtable_count(t);
    return count == 0 ? 0 : (hashtable_memory(t) + count - 1) / count;
}

static void memory_usage(struct call *c)
{
    int64_t samples = DEFAULT_SAMPLES;
    if (!parse_samples(c, &samples)) return;
    const struct entry *e = inspect(c, 2);
    if (e == NULL) return;
    size_t bytes = entry_own_bytes(e) + value_object_bytes(e, (size_t)samples) + table_share(db_keys(c->db));
    if (entry_expire_at_ms(e) != ENTRY_NO_EXPIRY) bytes += table_share(db_expires(c->db));
    reply_int(c->reply, (int64_t)bytes);
}

static void memory_purge(struct call *c)
{
    mem_purge();
    reply_ok(c->reply);
}

static void memory_help(struct call *c)
{
    static const char *const lines[] = {
        "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "PURGE",
        "    Give free memory of the allocator back to the system.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return the bytes that the key, its value and its share of the tables take.",
        "HELP",
        "    Print this help.",
        NULL,
    };
    reply_help(c->reply, lines);
}

/* --- DUMP --- */

static void dump_command(struct call *c)
{
    const struct entry *e = call_find_read(c, 1);
    if (e == NULL) {
        reply_null(c->reply);
        return;
    }
    struct buf payload = BUF_INIT;
    rdb_dump(e, server_config(c->server)->rdbcompression, &payload);
    reply_bulk(c->reply, buf_slice(&payload));
    buf_deinit(&payload);
}

/* --- RESTORE --- */

struct restore_options {
    bool replace, is_absolute;
    int64_t idle_s, freq; /* -1: not given */
};

static bool parse_restore_number(struct call *c, unsigned i, int64_t max, const char *error, int64_t *out)
{
    if (!call_int_arg(c, i, out, NULL)) return false;
    if (*out >= 0 && *out <= max) return true;
    reply_error(c->reply, error);
    return false;
}

static bool parse_restore_options(struct call *c, struct restore_options *o)
{
    for (unsigned i = 4; i < c->argc; i++) {
        bool has_value = i + 1 < c->argc;
        if (call_arg_is(c, i, "replace")) {
            o->replace = true;
        } else if (call_arg_is(c, i, "absttl")) {
            o->is_absolute = true;
        } else if (has_value && o->freq < 0 && call_arg_is(c, i, "idletime")) {
            if (!parse_restore_number(c, ++i, INT64_MAX, "ERR Invalid IDLETIME value, must be >= 0", &o->idle_s))
                return false;
        } else if (has_value && o->idle_s < 0 && call_arg_is(c, i, "freq")) {
            if (!parse_restore_number(c, ++i, 255, "ERR Invalid FREQ value, must be >= 0 and <= 255", &o->freq))
                return false;
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    return true;
}

/* When the key expires, ENTRY_NO_EXPIRY for a TTL of 0. False and an error replied when the argument is no time. */
static bool parse_restore_ttl(struct call *c, const struct restore_options *o, int64_t *at_ms)
{
    int64_t ttl_ms;
    if (!parse_restore_number(c, 2, INT64_MAX, "ERR Invalid TTL value, must be >= 0", &ttl_ms)) return false;
    *at_ms = ttl_ms;
    if (ttl_ms == 0) {
        *at_ms = ENTRY_NO_EXPIRY;
    } else if (!o->is_absolute && __builtin_add_overflow(ttl_ms, c->now_ms, at_ms)) {
        reply_error(c->reply, "ERR invalid expire time in 'restore' command");
        return false;
    }
    return true;
}

/* The value out of the payload, or NULL with an error replied. */
static struct entry *decode_payload(struct call *c, int64_t at_ms)
{
    struct entry *e = NULL;
    struct rdb_error error;
    switch (rdb_restore(call_arg(c, 3), call_arg(c, 1), at_ms, &e, &error)) {
    case RDB_RESTORE_OK: return e;
    case RDB_RESTORE_BAD_VERSION_OR_CHECKSUM:
        reply_error(c->reply, "ERR DUMP payload version or checksum are wrong");
        break;
    case RDB_RESTORE_BAD_FORMAT: reply_error(c->reply, "ERR Bad data format"); break;
    }
    return NULL;
}

/* A value whose time is over already only takes the old one away. */
static void restore_expired(struct call *c, const struct key *key)
{
    bool lazily = server_config(c->server)->lazyfree_lazy_server_del;
    if (db_delete(c->db, key, c->now_ms, lazily)) call_changed(c, c->db, key->name, NOTIFY_GENERIC, "del");
    reply_ok(c->reply);
}

static void restore_command(struct call *c)
{
    struct restore_options o = {.idle_s = -1, .freq = -1};
    if (!parse_restore_options(c, &o)) return;
    struct key key = call_key(c, 1);
    if (!o.replace && db_find(c->db, &key, c->now_ms, DB_FIND_WRITE) != NULL) {
        reply_error(c->reply, "BUSYKEY Target key name already exists.");
        return;
    }
    int64_t at_ms;
    if (!parse_restore_ttl(c, &o, &at_ms)) return;
    struct entry *e = decode_payload(c, at_ms);
    if (e == NULL) return;
    if (at_ms != ENTRY_NO_EXPIRY && at_ms <= c->now_ms) {
        entry_free(e);
        restore_expired(c, &key);
        return;
    }
    uint32_t now = keyspace_access_clock(server_keyspace(c->server));
    uint32_t idle_s = o.idle_s < 0 ? 0 : o.idle_s > 0xffffff ? 0xffffff : (uint32_t)o.idle_s;
    entry_set_clock(e, now - idle_s);
    db_put(c->db, e, key.hash);
    call_changed(c, c->db, key.name, NOTIFY_GENERIC, "restore");
    reply_ok(c->reply);
}

/* --- the rows --- */

static const char *const tips_varies[] = {"nondeterministic_output", NULL};
static const char *const tips_purge[] = {"request_policy:all_shards", "response_policy:all_succeeded", NULL};

#define OBJECT_ROW(name_, fn)                                                                        \
    .name = (name_), .handler = (fn), .arity = 3, .flags = CMD_READONLY, .categories = CAT_KEYSPACE, \
    .group = GROUP_GENERIC, .complexity = "O(1)", .syntax = "key", .keys = {KEY_AT(2, KEY_RO)}, .tips = tips_varies

static const struct command object_rows[] = {
    {OBJECT_ROW("encoding", object_encoding), .since = "2.2.3", .summary = "How a value is held in memory"},
    {OBJECT_ROW("freq", object_freq), .since = "4.0.0", .summary = "The access frequency counter of a key"},
    {.name = "help",
     .handler = object_help,
     .arity = 2,
     .flags = CMD_LOADING | CMD_STALE,
     .categories = CAT_KEYSPACE,
     .group = GROUP_GENERIC,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "What the subcommands do"},
    {OBJECT_ROW("idletime", object_idletime), .since = "2.2.3", .summary = "Seconds since a key was used last"},
    {OBJECT_ROW("refcount", object_refcount), .since = "2.2.3", .summary = "The number of references to a value"},
    {0},
};

static const struct command memory_rows[] = {
    {.name = "help",
     .handler = memory_help,
     .arity = 2,
     .flags = CMD_LOADING | CMD_STALE,
     .group = GROUP_SERVER,
     .since = "4.0.0",
     .complexity = "O(1)",
     .summary = "What the subcommands do"},
    {.name = "purge",
     .handler = memory_purge,
     .arity = 2,
     .group = GROUP_SERVER,
     .since = "4.0.0",
     .complexity = "Depends on how much memory is free",
     .summary = "Give free memory back to the system",
     .tips = tips_purge},
    {.name = "usage",
     .handler = memory_usage,
     .arity = -3,
     .flags = CMD_READONLY,
     .group = GROUP_SERVER,
     .since = "4.0.0",
     .complexity = "O(N) where N is the number of samples",
     .summary = "The memory that a key and its value take",
     .syntax = "key [SAMPLES count]",
     .keys = {KEY_AT(2, KEY_RO)}},
    {0},
};

static const struct command rows[] = {
    {.name = "dump",
     .handler = dump_command,
     .arity = 2,
     .flags = CMD_READONLY,
     .categories = CAT_KEYSPACE,
     .group = GROUP_GENERIC,
     .since = "2.6.0",
     .complexity = "O(N) in the size of the value",
     .summary = "The value of a key as bytes that RESTORE takes",
     .syntax = "key",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
     .tips = tips_varies},
    {.name = "memory",
     .arity = -2,
     .group = GROUP_SERVER,
     .since = "4.0.0",
     .complexity = "Depends on the subcommand",
     .summary = "Commands on memory",
     .subcommands = memory_rows},
    {.name = "object",
     .arity = -2,
     .group = GROUP_GENERIC,
     .since = "2.2.3",
     .complexity = "Depends on the subcommand",
     .summary = "Commands that look into a key",
     .subcommands = object_rows},
    {.name = "restore",
     .handler = restore_command,
     .arity = -4,
     .flags = CMD_WRITE | CMD_DENYOOM,
     .categories = CAT_KEYSPACE | CAT_DANGEROUS,
     .group = GROUP_GENERIC,
     .since = "2.6.0",
     .complexity = "O(N) in the size of the value",
     .summary = "Create a key from the bytes that DUMP gave",
     .syntax = "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME idle-seconds] [FREQ frequency]",
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE)}},
    {0},
};

const struct command *object_commands(void) { return rows; }
