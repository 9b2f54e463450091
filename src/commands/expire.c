/* SPDX-License-Identifier: MIT */
/* Commands on the time to live. All of them meet in one absolute time in milliseconds. */
#include "commands/commands.h"
#include "server/server.h"

/* --- EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT --- */

enum expire_conditions { IF_NONE = 1, IF_ANY = 2, IF_LATER = 4, IF_EARLIER = 8 };

/* NX, XX, GT, LT from argument 3 on. */
static bool parse_conditions(struct call *c, unsigned *conditions)
{
    *conditions = 0;
    for (unsigned i = 3; i < c->argc; i++) {
        if (call_arg_is(c, i, "nx")) {
            *conditions |= IF_NONE;
        } else if (call_arg_is(c, i, "xx")) {
            *conditions |= IF_ANY;
        } else if (call_arg_is(c, i, "gt")) {
            *conditions |= IF_LATER;
        } else if (call_arg_is(c, i, "lt")) {
            *conditions |= IF_EARLIER;
        } else {
            struct slice word = call_arg(c, i);
            reply_errorf(c->reply, "ERR Unsupported option %.*s", (int)(word.len < 4096 ? word.len : 4096), word.ptr);
            return false;
        }
    }
    if ((*conditions & IF_NONE) != 0 && *conditions != IF_NONE) {
        reply_error(c->reply, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if ((*conditions & IF_LATER) != 0 && (*conditions & IF_EARLIER) != 0) {
        reply_error(c->reply, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

/* A key without expiry lives for ever: later than any time. */
static bool conditions_hold(unsigned conditions, int64_t present_ms, int64_t wanted_ms)
{
    bool forever = present_ms == ENTRY_NO_EXPIRY;
    if ((conditions & IF_NONE) && !forever) return false;
    if ((conditions & IF_ANY) && forever) return false;
    if ((conditions & IF_LATER) && (forever || wanted_ms <= present_ms)) return false;
    return !(conditions & IF_EARLIER) || forever || wanted_ms < present_ms;
}

/* The time argument as milliseconds since the epoch; false and an error replied when it does not fit. */
static bool parse_time(struct call *c, int64_t base_ms, bool in_seconds, int64_t *at_ms)
{
    int64_t value;
    if (!call_int_arg(c, 2, &value, NULL)) return false;
    if ((in_seconds && __builtin_mul_overflow(value, 1000, &value)) || __builtin_add_overflow(value, base_ms, at_ms)) {
        reply_errorf(c->reply, "ERR invalid expire time in '%s' command", c->command->name);
        return false;
    }
    return true;
}

static void set_expiry(struct call *c, int64_t base_ms, bool in_seconds)
{
    unsigned conditions;
    int64_t at_ms;
    if (!parse_conditions(c, &conditions) || !parse_time(c, base_ms, in_seconds, &at_ms)) return;
    struct key key = call_key(c, 1);
    struct entry *e = call_find_write(c, 1);
    if (e == NULL || !conditions_hold(conditions, entry_expire_at_ms(e), at_ms)) {
        reply_int(c->reply, 0);
        return;
    }
    if (at_ms <= c->now_ms) {
        db_delete(c->db, &key, c->now_ms, server_config(c->server)->lazyfree_lazy_expire);
        call_changed(c, c->db, key.name, NOTIFY_GENERIC, "del");
    } else {
        db_set_expiry(c->db, &key, e, at_ms);
        call_changed(c, c->db, key.name, NOTIFY_GENERIC, "expire");
    }
    reply_int(c->reply, 1);
}

static void expire_command(struct call *c) { set_expiry(c, c->now_ms, true); }
static void pexpire_command(struct call *c) { set_expiry(c, c->now_ms, false); }
static void expireat_command(struct call *c) { set_expiry(c, 0, true); }
static void pexpireat_command(struct call *c) { set_expiry(c, 0, false); }

/* --- TTL, PTTL, EXPIRETIME, PEXPIRETIME, PERSIST --- */

/* Rounds to the nearest second; the largest time does not overflow. */
static int64_t to_seconds(int64_t ms) { return ms / 1000 + (ms % 1000 >= 500); }

/* Replies -2 or -1 when there is no time to tell, and returns false. */
static bool find_expiry(struct call *c, int64_t *at_ms)
{
    struct key key = call_key(c, 1);
    const struct entry *e = db_find(c->db, &key, c->now_ms, DB_FIND_NO_TOUCH);
    *at_ms = e == NULL ? ENTRY_NO_EXPIRY : entry_expire_at_ms(e);
    if (*at_ms != ENTRY_NO_EXPIRY) return true;
    reply_int(c->reply, e == NULL ? -2 : -1);
    return false;
}

static void ttl_command(struct call *c)
{
    int64_t at_ms;
    if (find_expiry(c, &at_ms)) reply_int(c->reply, to_seconds(at_ms - c->now_ms));
}

static void pttl_command(struct call *c)
{
    int64_t at_ms;
    if (find_expiry(c, &at_ms)) reply_int(c->reply, at_ms - c->now_ms);
}

static void expiretime_command(struct call *c)
{
    int64_t at_ms;
    if (find_expiry(c, &at_ms)) reply_int(c->reply, to_seconds(at_ms));
}

static void pexpiretime_command(struct call *c)
{
    int64_t at_ms;
    if (find_expiry(c, &at_ms)) reply_int(c->reply, at_ms);
}

static void persist_command(struct call *c)
{
    struct key key = call_key(c, 1);
    struct entry *e = call_find_write(c, 1);
    bool has_expiry = e != NULL && entry_expire_at_ms(e) != ENTRY_NO_EXPIRY;
    if (has_expiry) {
        db_set_expiry(c->db, &key, e, ENTRY_NO_EXPIRY);
        call_changed(c, c->db, key.name, NOTIFY_GENERIC, "persist");
    }
    reply_int(c->reply, has_expiry);
}

/* --- the rows --- */

static const char *const tips_time[] = {"nondeterministic_output", NULL};

#define EXPIRE_ROW(name_, fn)                                                                                 \
    .name = (name_), .handler = (fn), .arity = -3, .flags = CMD_WRITE | CMD_FAST, .categories = CAT_KEYSPACE, \
    .group = GROUP_GENERIC, .complexity = "O(1)", .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}
#define TIME_ROW(name_, fn)                                                                                     \
    .name = (name_), .handler = (fn), .arity = 2, .flags = CMD_READONLY | CMD_FAST, .categories = CAT_KEYSPACE, \
    .group = GROUP_GENERIC, .complexity = "O(1)", .syntax = "key", .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}

static const struct command rows[] = {
    {EXPIRE_ROW("expire", expire_command), .since = "1.0.0", .summary = "Let a key live for so many seconds",
     .syntax = "key seconds [NX | XX | GT | LT]"},
    {EXPIRE_ROW("expireat", expireat_command), .since = "1.2.0",
     .summary = "Let a key live until a time in seconds since the epoch",
     .syntax = "key unix-time-seconds [NX | XX | GT | LT]"},
    {TIME_ROW("expiretime", expiretime_command), .since = "7.0.0",
     .summary = "When a key expires, in seconds since the epoch"},
    {.name = "persist",
     .handler = persist_command,
     .arity = 2,
     .flags = CMD_WRITE | CMD_FAST,
     .categories = CAT_KEYSPACE,
     .group = GROUP_GENERIC,
     .since = "2.2.0",
     .complexity = "O(1)",
     .summary = "Let a key live for ever",
     .syntax = "key",
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}},
    {EXPIRE_ROW("pexpire", pexpire_command), .since = "2.6.0", .summary = "Let a key live for so many milliseconds",
     .syntax = "key milliseconds [NX | XX | GT | LT]"},
    {EXPIRE_ROW("pexpireat", pexpireat_command), .since = "2.6.0",
     .summary = "Let a key live until a time in milliseconds since the epoch",
     .syntax = "key unix-time-milliseconds [NX | XX | GT | LT]"},
    {TIME_ROW("pexpiretime", pexpiretime_command), .since = "7.0.0",
     .summary = "When a key expires, in milliseconds since the epoch"},
    {TIME_ROW("pttl", pttl_command), .since = "2.6.0", .summary = "How many milliseconds a key has to live",
     .tips = tips_time},
    {TIME_ROW("ttl", ttl_command), .since = "1.0.0", .summary = "How many seconds a key has to live",
     .tips = tips_time},
    {0},
};

const struct command *expire_commands(void) { return rows; }
