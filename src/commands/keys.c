/* SPDX-License-Identifier: MIT */
/* Commands on keys of any type: deleting, renaming, copying, moving and walking them. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/glob.h"
#include "base/num.h"
#include "commands/commands.h"
#include "server/server.h"
#include "store/value.h"

#define NO_SUCH_KEY "ERR no such key"
#define SAME_OBJECT "ERR source and destination objects are the same"
#define DB_OUT_OF_RANGE "ERR DB index is out of range"

/* --- DEL, UNLINK, EXISTS, TOUCH, TYPE --- */

static void delete_keys(struct call *c, bool lazily)
{
    int64_t deleted = 0;
    for (unsigned i = 1; i < c->argc; i++) {
        struct key key = call_key(c, i);
        if (!db_delete(c->db, &key, c->now_ms, lazily)) continue;
        call_changed(c, c->db, key.name, NOTIFY_GENERIC, "del");
        deleted++;
    }
    reply_int(c->reply, deleted);
}

static void del_command(struct call *c) { delete_keys(c, server_config(c->server)->lazyfree_lazy_user_del); }
static void unlink_command(struct call *c) { delete_keys(c, true); }

static void exists_command(struct call *c)
{
    int64_t found = 0;
    for (unsigned i = 1; i < c->argc; i++) {
        struct key key = call_key(c, i);
        found += db_find(c->db, &key, c->now_ms, DB_FIND_NO_TOUCH) != NULL;
    }
    reply_int(c->reply, found);
}

static void touch_command(struct call *c)
{
    int64_t touched = 0;
    for (unsigned i = 1; i < c->argc; i++) {
        struct key key = call_key(c, i);
        touched += db_find(c->db, &key, c->now_ms, DB_FIND_READ) != NULL;
    }
    reply_int(c->reply, touched);
}

static void type_command(struct call *c)
{
    struct key key = call_key(c, 1);
    const struct entry *e = db_find(c->db, &key, c->now_ms, DB_FIND_NO_TOUCH);
    reply_simple(c->reply, e == NULL ? "none" : value_type_name(entry_type(e)));
}

/* --- walks: KEYS, SCAN, RANDOMKEY --- */

/* More than these are left to the active cycle: the walk itself must not take memory without bound. */
#define EXPIRED_MAX 4096

/* Entries met on a walk, by pointer. The table does not change before they are used. */
struct met {
    struct buf live, expired; /* of struct entry * */
    int64_t now_ms;
};

#define POINTER_BYTES sizeof(void *)

static size_t met_count(const struct buf *b) { return b->len / POINTER_BYTES; }

static struct entry *met_at(const struct buf *b, size_t i)
{
    struct entry *e;
    memcpy(&e, b->data + i * sizeof(e), sizeof(e));
    return e;
}

static void meet(void *ctx, void *entry)
{
    struct met *m = ctx;
    if (!entry_is_expired(entry, m->now_ms))
        buf_append(&m->live, &entry, POINTER_BYTES);
    else if (met_count(&m->expired) < EXPIRED_MAX)
        buf_append(&m->expired, &entry, POINTER_BYTES);
}

/* Looking for a key past its time removes it. The name is copied: it goes with the entry. */
static void remove_expired(struct call *c, struct met *m)
{
    struct buf name = BUF_INIT;
    for (size_t i = 0; i < met_count(&m->expired); i++) {
        buf_clear(&name);
        buf_append_slice(&name, entry_key(met_at(&m->expired, i)));
        struct key key = key_of(buf_slice(&name));
        db_find(c->db, &key, c->now_ms, DB_FIND_NO_STATS | DB_FIND_NO_TOUCH);
    }
    buf_deinit(&name);
    buf_deinit(&m->expired);
    buf_deinit(&m->live);
}

static void keys_command(struct call *c)
{
    struct slice pattern = call_arg(c, 1);
    bool all = glob_is_everything(pattern);
    struct met met = {.now_ms = c->now_ms};
    struct reply_later later = reply_begin(c->reply);
    size_t count = 0;
    struct hashtable_iter it;
    hashtable_iter_init(&it, db_keys(c->db));
    for (struct entry *e; (e = hashtable_iter_next(&it)) != NULL;) {
        if (!all && !glob_match(pattern, entry_key(e))) continue;
        if (entry_is_expired(e, c->now_ms)) {
            meet(&met, e);
            continue;
        }
        reply_bulk(c->reply, entry_key(e));
        count++;
    }
    reply_end_array(c->reply, later, count);
    remove_expired(c, &met);
}

struct scan_options {
    struct slice match, type; /* ptr NULL: not given */
    int64_t count;
};

/* As strtoul takes it, without leading space. */
static bool parse_cursor(struct slice text, uint64_t *cursor)
{
    char digits[48];
    if (text.len >= sizeof(digits) || (text.len > 0 && isspace((unsigned char)text.ptr[0]))) return false;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    char *end;
    errno = 0;
    *cursor = strtoul(digits, &end, 10);
    return errno != ERANGE && *end == '\0' && (size_t)(end - digits) == strlen(digits);
}

static bool parse_scan_options(struct call *c, struct scan_options *o)
{
    for (unsigned i = 2; i < c->argc; i += 2) {
        bool has_value = i + 1 < c->argc;
        if (has_value && call_arg_is(c, i, "count")) {
            if (!call_int_arg(c, i + 1, &o->count, NULL)) return false;
            if (o->count < 1) {
                call_syntax_error(c);
                return false;
            }
        } else if (has_value && call_arg_is(c, i, "match")) {
            o->match = call_arg(c, i + 1);
        } else if (has_value && call_arg_is(c, i, "type")) {
            o->type = call_arg(c, i + 1);
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    if (o->match.ptr != NULL && glob_is_everything(o->match)) o->match.ptr = NULL;
    return true;
}

struct scan_walk {
    struct met met; /* what passed the filters */
    const struct scan_options *options;
    uint64_t examined;
};

static void scan_one(void *ctx, void *entry)
{
    struct scan_walk *w = ctx;
    const struct scan_options *o = w->options;
    w->examined++;
    if (o->match.ptr != NULL && !glob_match(o->match, entry_key(entry))) return;
    if (o->type.ptr != NULL && !slice_is_word(o->type, value_type_name(entry_type(entry)))) return;
    meet(&w->met, entry);
}

static void scan_command(struct call *c)
{
    uint64_t cursor;
    struct scan_options options = {.count = 10};
    if (!parse_cursor(call_arg(c, 1), &cursor)) {
        reply_error(c->reply, "ERR invalid cursor");
        return;
    }
    if (!parse_scan_options(c, &options)) return;
    struct scan_walk walk = {.met = {.now_ms = c->now_ms}, .options = &options};
    /* Sparse tables: so many buckets a call at most, whatever they hold. */
    uint64_t wanted = (uint64_t)options.count;
    uint64_t steps = wanted > UINT64_MAX / 10 ? UINT64_MAX : wanted * 10;
    do {
        cursor = db_scan(c->db, cursor, scan_one, &walk);
    } while (cursor != 0 && --steps > 0 && walk.examined < wanted);
    reply_array(c->reply, 2);
    reply_bulkf(c->reply, "%llu", (unsigned long long)cursor);
    reply_array(c->reply, met_count(&walk.met.live));
    for (size_t i = 0; i < met_count(&walk.met.live); i++) reply_bulk(c->reply, entry_key(met_at(&walk.met.live, i)));
    remove_expired(c, &walk.met);
}

static void randomkey_command(struct call *c)
{
    const struct entry *e = db_random(c->db, server_rng(c->server), c->now_ms);
    if (e == NULL)
        reply_null(c->reply);
    else
        reply_bulk(c->reply, entry_key(e));
}

/* --- RENAME, RENAMENX --- */

static void rename_key(struct call *c, bool only_new)
{
    struct key from = call_key(c, 1);
    struct key to = call_key(c, 2);
    if (db_find(c->db, &from, c->now_ms, DB_FIND_WRITE) == NULL) {
        reply_error(c->reply, NO_SUCH_KEY);
        return;
    }
    bool is_same = slice_eq(from.name, to.name);
    /* Looked up in any case: a key past its time is not what RENAMENX finds. */
    bool is_taken = !is_same && db_find(c->db, &to, c->now_ms, DB_FIND_WRITE | DB_FIND_NO_TOUCH) != NULL;
    if (!is_same && !(only_new && is_taken)) {
        struct entry *e = db_take(c->db, &from);
        db_put(c->db, entry_rekey(e, to.name), to.hash);
        call_changed(c, c->db, from.name, NOTIFY_GENERIC, "rename_from");
        call_event(c, c->db, to.name, NOTIFY_GENERIC, "rename_to");
    }
    if (only_new)
        reply_int(c->reply, !is_same && !is_taken);
    else
        reply_ok(c->reply);
}

static void rename_command(struct call *c) { rename_key(c, false); }
static void renamenx_command(struct call *c) { rename_key(c, true); }

/* --- COPY, MOVE --- */

/* NULL and an error replied when the argument does not name a database. */
static struct db *db_arg(struct call *c, unsigned i)
{
    int64_t index;
    if (!call_int_arg(c, i, &index, NULL)) return NULL;
    if (index < INT_MIN || index > INT_MAX) {
        reply_errorf(c->reply, "ERR value is out of range, value must between %d and %d", INT_MIN, INT_MAX);
        return NULL;
    }
    struct keyspace *ks = server_keyspace(c->server);
    if (index < 0 || index >= (int64_t)keyspace_db_count(ks)) {
        reply_error(c->reply, DB_OUT_OF_RANGE);
        return NULL;
    }
    return keyspace_db(ks, (unsigned)index);
}

static void copy_command(struct call *c)
{
    struct db *target = c->db;
    bool replace = false;
    for (unsigned i = 3; i < c->argc; i++) {
        if (call_arg_is(c, i, "replace")) {
            replace = true;
        } else if (call_arg_is(c, i, "db") && i + 1 < c->argc) {
            if ((target = db_arg(c, ++i)) == NULL) return;
        } else {
            call_syntax_error(c);
            return;
        }
    }
    struct key from = call_key(c, 1);
    struct key to = call_key(c, 2);
    if (target == c->db && slice_eq(from.name, to.name)) {
        reply_error(c->reply, SAME_OBJECT);
        return;
    }
    /* The target first: finding it may remove it, and what was found before would not be valid any more. */
    bool is_taken = db_find(target, &to, c->now_ms, DB_FIND_WRITE | DB_FIND_NO_TOUCH) != NULL;
    const struct entry *e = call_find_read(c, 1);
    if (e == NULL || (is_taken && !replace)) {
        reply_int(c->reply, 0);
        return;
    }
    db_put(target, value_copy(e, to.name, entry_expire_at_ms(e)), to.hash);
    call_changed(c, target, to.name, NOTIFY_GENERIC, "copy_to");
    reply_int(c->reply, 1);
}

static void move_command(struct call *c)
{
    struct db *target = db_arg(c, 2);
    if (target == NULL) return;
    if (target == c->db) {
        reply_error(c->reply, SAME_OBJECT);
        return;
    }
    struct key key = call_key(c, 1);
    if (call_find_write(c, 1) == NULL || db_find(target, &key, c->now_ms, DB_FIND_WRITE | DB_FIND_NO_TOUCH) != NULL) {
        reply_int(c->reply, 0);
        return;
    }
    db_insert(target, db_take(c->db, &key), key.hash);
    call_changed(c, c->db, key.name, NOTIFY_GENERIC, "move_from");
    call_event(c, target, key.name, NOTIFY_GENERIC, "move_to");
    reply_int(c->reply, 1);
}

/* --- the rows --- */

static const char *const tips_sum[] = {"request_policy:multi_shard", "response_policy:agg_sum", NULL};
static const char *const tips_keys[] = {"request_policy:all_shards", "nondeterministic_output_order", NULL};
static const char *const tips_random[] = {"request_policy:all_shards", "nondeterministic_output", NULL};
static const char *const tips_scan[] = {"nondeterministic_output", "request_policy:special", NULL};

#define KEYS_ROW(name_, fn, arity_, flags_)                                                             \
    .name = (name_), .handler = (fn), .arity = (arity_), .flags = (flags_), .categories = CAT_KEYSPACE, \
    .group = GROUP_GENERIC

static const struct command rows[] = {
    {KEYS_ROW("copy", copy_command, -3, CMD_WRITE | CMD_DENYOOM), .since = "6.2.0",
     .complexity = "O(N) in the size of the value", .summary = "Copy the value of a key to another key",
     .syntax = "source destination [DB destination-db] [REPLACE]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS), KEY_AT(2, KEY_OW | KEY_UPDATE)}},
    {KEYS_ROW("del", del_command, -2, CMD_WRITE), .since = "1.0.0", .complexity = "O(N) where N is the number of keys",
     .summary = "Delete keys", .syntax = "key [key ...]", .keys = {KEYS_FROM(1, KEY_RM | KEY_DELETE)},
     .tips = tips_sum},
    {KEYS_ROW("exists", exists_command, -2, CMD_READONLY | CMD_FAST), .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys", .summary = "Count those of the given keys that exist",
     .syntax = "key [key ...]", .keys = {KEYS_FROM(1, KEY_RO)}, .tips = tips_sum},
    {.name = "keys",
     .handler = keys_command,
     .arity = 2,
     .flags = CMD_READONLY,
     .categories = CAT_KEYSPACE | CAT_DANGEROUS,
     .group = GROUP_GENERIC,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys in the database",
     .summary = "All key names that match a pattern",
     .syntax = "pattern",
     .tips = tips_keys},
    {KEYS_ROW("move", move_command, 3, CMD_WRITE | CMD_FAST), .since = "1.0.0", .complexity = "O(1)",
     .summary = "Move a key to another database", .syntax = "key db",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}},
    {KEYS_ROW("randomkey", randomkey_command, 1, CMD_READONLY), .since = "1.0.0", .complexity = "O(1)",
     .summary = "The name of a random key", .tips = tips_random},
    {KEYS_ROW("rename", rename_command, 3, CMD_WRITE), .since = "1.0.0", .complexity = "O(1)",
     .summary = "Give a key another name, over a key that has it", .syntax = "key newkey",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_OW | KEY_UPDATE)}},
    {KEYS_ROW("renamenx", renamenx_command, 3, CMD_WRITE | CMD_FAST), .since = "1.0.0", .complexity = "O(1)",
     .summary = "Give a key another name when no key has it", .syntax = "key newkey",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_OW | KEY_INSERT)}},
    {KEYS_ROW("scan", scan_command, -2, CMD_READONLY), .since = "2.8.0",
     .complexity = "O(1) a call, O(N) for a whole iteration over N keys",
     .summary = "Walk over the key names, some at a call", .syntax = "cursor [MATCH pattern] [COUNT count] [TYPE type]",
     .tips = tips_scan},
    {KEYS_ROW("touch", touch_command, -2, CMD_READONLY | CMD_FAST), .since = "3.2.1",
     .complexity = "O(N) where N is the number of keys", .summary = "Mark keys as just used and count those that exist",
     .syntax = "key [key ...]", .keys = {KEYS_FROM(1, KEY_RO)}, .tips = tips_sum},
    {KEYS_ROW("type", type_command, 2, CMD_READONLY | CMD_FAST), .since = "1.0.0", .complexity = "O(1)",
     .summary = "The type of the value of a key", .syntax = "key", .keys = {KEY_AT(1, KEY_RO)}},
    {KEYS_ROW("unlink", unlink_command, -2, CMD_WRITE | CMD_FAST), .since = "4.0.0",
     .complexity = "O(N) where N is the number of keys; memory is given back in the background",
     .summary = "Delete keys, freeing their values in the background", .syntax = "key [key ...]",
     .keys = {KEYS_FROM(1, KEY_RM | KEY_DELETE)}, .tips = tips_sum},
    {0},
};

const struct command *keys_commands(void) { return rows; }
