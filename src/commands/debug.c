/* SPDX-License-Identifier: MIT */
/* DEBUG: looking inside the server. Off unless enable-debug-command allows it: some blocks, some replaces the data. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/glob.h"
#include "commands/commands.h"
#include "commands/digest.h"
#include "rdb/dump.h"
#include "server/client.h"
#include "server/server.h"
#include "server/snapshot.h"
#include "store/value.h"

#define SLEEP_MAX_S 1e9
/* Of a DUMP payload, what is not the value: the type before it, version and checksum behind. */
#define DUMP_FRAME_BYTES 11

/* A word of a client as a number, as atof and atoi read it: what is none is 0. */
static double loose_number(struct slice s)
{
    char text[64];
    size_t len = s.len < sizeof(text) - 1 ? s.len : sizeof(text) - 1;
    memcpy(text, s.ptr, len);
    text[len] = '\0';
    double value = strtod(text, NULL);
    return value == value ? value : 0; /* not a number */
}

static void debug_digest(struct call *c)
{
    char hex[2 * DIGEST_BYTES + 1];
    struct digest d = digest_keyspace(server_keyspace(c->server), c->now_ms);
    digest_hex(&d, hex);
    reply_simple(c->reply, hex);
}

static void debug_digest_value(struct call *c)
{
    reply_array(c->reply, c->argc - 2);
    for (unsigned i = 2; i < c->argc; i++) {
        char hex[2 * DIGEST_BYTES + 1];
        struct key key = call_key(c, i);
        struct digest d = digest_value(db_find(c->db, &key, c->now_ms, DB_FIND_NO_TOUCH | DB_FIND_NO_STATS), c->now_ms);
        digest_hex(&d, hex);
        reply_simple(c->reply, hex);
    }
}

static void append_table_stats(struct buf *out, const char *title, const struct hashtable *t)
{
    struct hashtable_stats s;
    hashtable_stats(t, &s);
    buf_printf(out, "[%s]\n", title);
    for (unsigned i = 0; i < 2; i++) {
        if (s.buckets[i] == 0) continue;
        buf_printf(out, "Hash table %u stats (%s):\n", i, i == 0 ? "main hash table" : "rehashing target");
        buf_printf(out, " buckets: %zu\n number of elements: %zu\n", s.buckets[i], s.entries[i]);
        buf_printf(out, " elements a bucket: %.2f\n", (double)s.entries[i] / (double)s.buckets[i]);
    }
    buf_printf(out, "Chained buckets: %zu\nLongest chain: %zu\n", s.chained_buckets, s.longest_chain);
    if (hashtable_is_rehashing(t)) buf_printf(out, "Rehashing position: %zu\n", s.rehash_position);
    buf_printf(out, "Memory of the table: %zu\n", hashtable_memory(t));
}

static void debug_htstats(struct call *c)
{
    int64_t index;
    struct keyspace *ks = server_keyspace(c->server);
    if (!call_int_arg(c, 2, &index, NULL)) return;
    if (index < 0 || index >= (int64_t)keyspace_db_count(ks)) {
        reply_error(c->reply, "ERR Out of range database");
        return;
    }
    const struct db *db = keyspace_db(ks, (unsigned)index);
    struct buf text = BUF_INIT;
    append_table_stats(&text, "Dictionary HT", db_keys(db));
    append_table_stats(&text, "Expires HT", db_expires(db));
    reply_verbatim(c->reply, "txt", buf_slice(&text));
    buf_deinit(&text);
}

static void debug_object(struct call *c)
{
    struct key key = call_key(c, 2);
    const struct entry *e = db_find(c->db, &key, c->now_ms, DB_FIND_NO_TOUCH | DB_FIND_NO_STATS);
    if (e == NULL) {
        reply_error(c->reply, "ERR no such key");
        return;
    }
    struct buf payload = BUF_INIT;
    rdb_dump(e, server_config(c->server)->rdbcompression, &payload);
    uint32_t idle_s = (keyspace_access_clock(server_keyspace(c->server)) - entry_clock(e)) & 0xffffff;
    char text[256];
    snprintf(text, sizeof(text), "Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%u",
             (const void *)e, entry_encoding_name(e), payload.len - DUMP_FRAME_BYTES, (unsigned)entry_clock(e),
             (unsigned)idle_s);
    buf_deinit(&payload);
    reply_simple(c->reply, text);
}

/* --- DEBUG RELOAD --- */

struct reload_options {
    bool save, flush, merge;
};

static bool parse_reload(struct call *c, struct reload_options *o)
{
    *o = (struct reload_options){.save = true, .flush = true};
    for (unsigned i = 2; i < c->argc; i++) {
        if (call_arg_is(c, i, "nosave")) {
            o->save = false;
        } else if (call_arg_is(c, i, "noflush")) {
            o->flush = false;
        } else if (call_arg_is(c, i, "merge")) {
            o->merge = true;
        } else {
            reply_error(c->reply, "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
            return false;
        }
    }
    return true;
}

/* Puts every entry of `from` into `to`. With check_only nothing is put: false and a reason when one is there. */
static bool merge_keys(struct db *to, const struct db *from, bool check_only, int64_t now_ms, char *reason, size_t size)
{
    struct hashtable_iter it;
    hashtable_iter_init(&it, db_keys(from));
    for (const struct entry *e; (e = hashtable_iter_next(&it)) != NULL;) {
        struct slice name = entry_key(e);
        struct key key = key_of(name);
        if (!check_only) {
            db_put(to, value_copy(e, name, entry_expire_at_ms(e)), key.hash);
        } else if (db_find(to, &key, now_ms, DB_FIND_NO_STATS | DB_FIND_NO_TOUCH) != NULL) {
            snprintf(reason, size, "database %u, key \"%.*s\": it exists already, and MERGE is not given", db_index(to),
                     (int)(name.len < 128 ? name.len : 128), name.ptr);
            return false;
        }
    }
    return true;
}

/* Loads beside the present data, which stays until the file has proved good; then takes its place or joins it. */
static bool reload(struct call *c, const struct reload_options *o, struct rdb_error *error)
{
    struct keyspace *present = server_keyspace(c->server);
    unsigned count = keyspace_db_count(present);
    struct keyspace *loaded = keyspace_new(count);
    bool ok = snapshot_read(c->server, loaded, error);
    if (ok && o->flush) keyspace_exchange(present, loaded);
    for (unsigned pass = o->merge ? 1 : 0; pass < 2 && !o->flush; pass++) {
        for (unsigned i = 0; ok && i < count; i++) {
            ok = merge_keys(keyspace_db(present, i), keyspace_db(loaded, i), pass == 0, c->now_ms, error->text,
                            sizeof(error->text));
        }
    }
    keyspace_free(loaded);
    return ok;
}

static void debug_reload(struct call *c)
{
    struct reload_options o;
    struct rdb_error error = {.text = "a background save is running"};
    if (!parse_reload(c, &o)) return;
    if (o.save && snapshot_save_now(c->server, &error) != SNAPSHOT_OK) {
        reply_errorf(c->reply, "ERR Error trying to save the RDB dump: %s", error.text);
        return;
    }
    if (reload(c, &o, &error))
        reply_ok(c->reply);
    else
        reply_errorf(c->reply, "ERR Error trying to load the RDB dump: %s", error.text);
}

/* --- the others --- */

static void debug_set_active_expire(struct call *c)
{
    server_set_active_expire(c->server, (int64_t)loose_number(call_arg(c, 2)) != 0);
    reply_ok(c->reply);
}

static void debug_sleep(struct call *c)
{
    double seconds = loose_number(call_arg(c, 2));
    if (seconds > SLEEP_MAX_S) seconds = SLEEP_MAX_S;
    int64_t until_us = clock_mono_us() + (seconds > 0 ? (int64_t)(seconds * 1e6) : 0);
    for (int64_t left_us; (left_us = until_us - clock_mono_us()) > 0;) {
        struct timespec t = {left_us / 1000000, left_us % 1000000 * 1000};
        nanosleep(&t, NULL);
    }
    reply_ok(c->reply);
}

static void debug_stringmatch_len(struct call *c) { reply_int(c->reply, glob_match(call_arg(c, 2), call_arg(c, 3))); }

static void debug_help(struct call *c)
{
    static const char *const lines[] = {
        "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "DIGEST",
        "    Return a signature of the whole keyspace in hexadecimal digits.",
        "DIGEST-VALUE <key> [<key> ...]",
        "    Return signatures of the values of the keys.",
        "HTSTATS <dbid>",
        "    Return statistics of the hash tables of a database.",
        "OBJECT <key>",
        "    Return how the key and its value are held.",
        "RELOAD [option ...]",
        "    Save the data and load it again. Options:",
        "    * NOSAVE: load what the file holds already.",
        "    * NOFLUSH: keep the present keys.",
        "    * MERGE: with NOFLUSH, keys of the file replace present ones (else these are an error).",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Switch the removal of expired keys in the background off or on.",
        "SLEEP <seconds>",
        "    Stop the server for so long. Decimals are allowed.",
        "STRINGMATCH-LEN <pattern> <string>",
        "    Return 1 if the glob pattern matches the string, else 0.",
        "HELP",
        "    Print this help.",
        NULL,
    };
    reply_help(c->reply, lines);
}

/* With the least and the most arguments, the two names included. */
static const struct action {
    const char *name;
    void (*run)(struct call *c);
    unsigned min_argc, max_argc;
} actions[] = {
    {"digest", debug_digest, 2, 2},
    {"digest-value", debug_digest_value, 2, UINT32_MAX},
    {"help", debug_help, 2, 2},
    {"htstats", debug_htstats, 3, 3},
    {"object", debug_object, 3, 3},
    {"reload", debug_reload, 2, UINT32_MAX},
    {"set-active-expire", debug_set_active_expire, 3, 3},
    {"sleep", debug_sleep, 3, 3},
    {"stringmatch-len", debug_stringmatch_len, 4, 4},
};

static bool is_allowed(const struct call *c)
{
    switch (server_config(c->server)->enable_debug_command) {
    case GUARD_NO: return false;
    case GUARD_YES: return true;
    case GUARD_LOCAL: return c->client->is_local;
    }
    return false;
}

static void debug_command(struct call *c)
{
    if (!is_allowed(c)) {
        reply_error(c->reply, "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", "
                              "you can run it from a "
                              "local connection, otherwise you need to set this option in the configuration file, and "
                              "then restart the server.");
        return;
    }
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (!call_arg_is(c, 1, actions[i].name) || c->argc < actions[i].min_argc || c->argc > actions[i].max_argc)
            continue;
        actions[i].run(c);
        return;
    }
    struct slice name = call_arg(c, 1);
    reply_errorf(c->reply, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG HELP.",
                 (int)(name.len < 128 ? name.len : 128), name.ptr);
}

static const struct command rows[] = {
    {.name = "debug",
     .handler = debug_command,
     .arity = -2,
     .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
     .group = GROUP_SERVER,
     .since = "1.0.0",
     .complexity = "Depends on the subcommand",
     .summary = "Commands for debugging",
     .syntax = "subcommand [argument [argument ...]]"},
    {0},
};

const struct command *debug_commands(void) { return rows; }
