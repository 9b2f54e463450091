/* SPDX-License-Identifier: MIT */
/*
 * The expiry of fields of a hash (Redis 7.4): HEXPIRE and its forms, HTTL and its forms, HPERSIST. Every command names its fields behind the
 * word FIELDS and replies a number for each:
 *
 *   -2  no such field, or no such key    1  set, or taken away
 *   -1  the field has no expiry          2  removed: the time is not in the future
 *    0  the condition does not hold
 */
#include "base/num.h"
#include "commands/commands.h"
#include "commands/hash.h"

enum answer { NO_FIELD = -2, NO_EXPIRY = -1, NOT_MET = 0, DONE = 1, REMOVED = 2 };

/* The largest time a field may expire at: 46 bits of milliseconds. */
#define EXPIRE_AT_MAX_MS ((int64_t)0x3fffffffffff)

/* --- arguments --- */

/* FIELDS numfields field ... from argument i on, to the end; *first: the first field. False: replied. */
static bool parse_fields(struct call *c, unsigned i, const char *bad_count, unsigned *first)
{
    int64_t count;
    if (!call_arg_is(c, i, "fields")) {
        reply_error(c->reply, "ERR Mandatory argument FIELDS is missing or not at the right position");
        return false;
    }
    if (!num_parse_int64(call_arg(c, i + 1), &count) || count < 1) {
        reply_errorf(c->reply, "ERR %s", bad_count);
        return false;
    }
    *first = i + 2;
    if (count == (int64_t)(c->argc - *first)) return true;
    reply_error(c->reply, "ERR The `numfields` parameter must match the number of arguments");
    return false;
}

/* For a key that is not there: -2 for every field. */
static void reply_no_fields(struct call *c, unsigned first)
{
    reply_array(c->reply, c->argc - first);
    for (unsigned i = first; i < c->argc; i++) reply_int(c->reply, NO_FIELD);
}

/* --- HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT --- */

enum condition { IF_ALWAYS, IF_NONE, IF_ANY, IF_LATER, IF_EARLIER };

static enum condition condition_of(struct slice word)
{
    if (slice_is_word(word, "nx")) return IF_NONE;
    if (slice_is_word(word, "xx")) return IF_ANY;
    if (slice_is_word(word, "gt")) return IF_LATER;
    if (slice_is_word(word, "lt")) return IF_EARLIER;
    return IF_ALWAYS;
}

/* A field without expiry lives for ever: later than any time. */
static bool condition_holds(enum condition condition, int64_t present_ms, int64_t wanted_ms)
{
    bool forever = present_ms == HASH_NO_EXPIRY;
    switch (condition) {
    case IF_ALWAYS: return true;
    case IF_NONE: return forever;
    case IF_ANY: return !forever;
    case IF_LATER: return !forever && wanted_ms > present_ms;
    case IF_EARLIER: return forever || wanted_ms < present_ms;
    }
    return false;
}

/* The time argument as milliseconds since the epoch. False: replied. */
static bool parse_time(struct call *c, int64_t base_ms, bool in_seconds, int64_t *at_ms)
{
    int64_t value;
    if (!call_int_arg(c, 2, &value, NULL)) return false;
    if (value < 0) {
        reply_error(c->reply, "ERR invalid expire time, must be >= 0");
        return false;
    }
    if (value <= EXPIRE_AT_MAX_MS / (in_seconds ? 1000 : 1)) {
        value *= in_seconds ? 1000 : 1;
        *at_ms = base_ms + value;
        if (value <= EXPIRE_AT_MAX_MS - base_ms) return true;
    }
    reply_errorf(c->reply, "ERR invalid expire time in '%s' command", c->command->name);
    return false;
}

static enum answer expire_field(struct call *c, struct value_ref *ref, unsigned i, enum condition condition,
                                int64_t at_ms)
{
    struct slice field = call_arg(c, i);
    int64_t present_ms;
    if (ref->e == NULL || !hash_get_field_expiry(ref->e, field, c->now_ms, &present_ms)) return NO_FIELD;
    if (!condition_holds(condition, present_ms, at_ms)) return NOT_MET;
    if (at_ms <= c->now_ms) {
        hash_remove(ref, field, c->now_ms);
        return REMOVED;
    }
    hash_set_field_expiry(ref, field, at_ms, c->now_ms);
    return DONE;
}

static void expire_fields(struct call *c, struct value_ref *ref, unsigned first, enum condition condition,
                          int64_t at_ms)
{
    uint64_t set = 0, removed = 0;
    reply_array(c->reply, c->argc - first);
    for (unsigned i = first; i < c->argc; i++) {
        enum answer answer = expire_field(c, ref, i, condition, at_ms);
        set += answer == DONE;
        removed += answer == REMOVED;
        reply_int(c->reply, answer);
    }
    hash_tell_removed(c, ref, removed);
    if (set == 0) return;
    call_changed(c, c->db, ref->key.name, NOTIFY_HASH, "hexpire");
    call_add_dirty(c, set - 1);
}

static void set_expiry(struct call *c, int64_t base_ms, bool in_seconds)
{
    struct value_ref ref;
    int64_t at_ms;
    unsigned first;
    if (!hash_find_to_write(c, &ref) || !parse_time(c, base_ms, in_seconds, &at_ms)) return;
    enum condition condition = condition_of(call_arg(c, 3));
    unsigned fields_at = condition == IF_ALWAYS ? 3 : 4;
    if (!parse_fields(c, fields_at, "Parameter `numFields` should be greater than 0", &first)) return;
    expire_fields(c, &ref, first, condition, at_ms);
}

static void hexpire_command(struct call *c) { set_expiry(c, c->now_ms, true); }
static void hpexpire_command(struct call *c) { set_expiry(c, c->now_ms, false); }
static void hexpireat_command(struct call *c) { set_expiry(c, 0, true); }
static void hpexpireat_command(struct call *c) { set_expiry(c, 0, false); }

/* --- HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME --- */

static int64_t time_of(struct call *c, const struct entry *e, unsigned i, int64_t base_ms, bool in_seconds)
{
    int64_t at_ms;
    if (!hash_get_field_expiry(e, call_arg(c, i), c->now_ms, &at_ms)) return NO_FIELD;
    if (at_ms == HASH_NO_EXPIRY) return NO_EXPIRY;
    int64_t ms = at_ms - base_ms;
    return in_seconds ? (ms + 999) / 1000 : ms; /* never 0 before it is gone */
}

static void reply_times(struct call *c, int64_t base_ms, bool in_seconds)
{
    const struct entry *e;
    unsigned first;
    if (!hash_find_to_read(c, &e)) return;
    if (!parse_fields(c, 2, "Number of fields must be a positive integer", &first)) return;
    if (e == NULL) {
        reply_no_fields(c, first);
        return;
    }
    reply_array(c->reply, c->argc - first);
    for (unsigned i = first; i < c->argc; i++) reply_int(c->reply, time_of(c, e, i, base_ms, in_seconds));
}

static void httl_command(struct call *c) { reply_times(c, c->now_ms, true); }
static void hpttl_command(struct call *c) { reply_times(c, c->now_ms, false); }
static void hexpiretime_command(struct call *c) { reply_times(c, 0, true); }
static void hpexpiretime_command(struct call *c) { reply_times(c, 0, false); }

/* --- HPERSIST --- */

static enum answer persist_field(struct call *c, struct value_ref *ref, unsigned i)
{
    int64_t at_ms;
    if (!hash_get_field_expiry(ref->e, call_arg(c, i), c->now_ms, &at_ms)) return NO_FIELD;
    if (at_ms == HASH_NO_EXPIRY) return NO_EXPIRY;
    hash_set_field_expiry(ref, call_arg(c, i), HASH_NO_EXPIRY, c->now_ms);
    return DONE;
}

static void hpersist_command(struct call *c)
{
    struct value_ref ref;
    unsigned first;
    if (!hash_find_to_write(c, &ref)) return;
    if (!parse_fields(c, 2, "Number of fields must be a positive integer", &first)) return;
    if (ref.e == NULL) {
        reply_no_fields(c, first);
        return;
    }
    bool changed = false;
    reply_array(c->reply, c->argc - first);
    for (unsigned i = first; i < c->argc; i++) {
        enum answer answer = persist_field(c, &ref, i);
        changed |= answer == DONE;
        reply_int(c->reply, answer);
    }
    if (changed) call_changed(c, c->db, ref.key.name, NOTIFY_HASH, "hpersist");
}

/* --- the rows --- */

static const char *const tips_time[] = {"nondeterministic_output", NULL};

#define FIELDS_SYNTAX "<FIELDS numfields field [field ...]>"
#define EXPIRE_ROW(name_, fn)                                                                   \
    .name = (name_), .handler = (fn), .arity = -6, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST, \
    .categories = CAT_HASH, .group = GROUP_HASH, .since = "7.4.0",                              \
    .complexity = "O(N), N being the number of fields named.", .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}
#define TIME_ROW(name_, fn)                                                                                  \
    .name = (name_), .handler = (fn), .arity = -5, .flags = CMD_READONLY | CMD_FAST, .categories = CAT_HASH, \
    .group = GROUP_HASH, .since = "7.4.0", .complexity = "O(N), N being the number of fields named.",        \
    .syntax = "key " FIELDS_SYNTAX, .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}

/* clang-format off */
static const struct command rows[] = {
    {EXPIRE_ROW("hexpire", hexpire_command), .summary = "Lets fields of a hash live for so many seconds.",
     .syntax = "key seconds [NX | XX | GT | LT] " FIELDS_SYNTAX},
    {EXPIRE_ROW("hpexpire", hpexpire_command), .summary = "Lets fields of a hash live for so many milliseconds.",
     .syntax = "key milliseconds [NX | XX | GT | LT] " FIELDS_SYNTAX},
    {EXPIRE_ROW("hexpireat", hexpireat_command),
     .summary = "Lets fields of a hash live until a time in seconds since the epoch.",
     .syntax = "key unix-time-seconds [NX | XX | GT | LT] " FIELDS_SYNTAX},
    {EXPIRE_ROW("hpexpireat", hpexpireat_command),
     .summary = "Lets fields of a hash live until a time in milliseconds since the epoch.",
     .syntax = "key unix-time-milliseconds [NX | XX | GT | LT] " FIELDS_SYNTAX},
    {TIME_ROW("httl", httl_command), .summary = "Tells how many seconds fields of a hash have to live.",
     .tips = tips_time},
    {TIME_ROW("hpttl", hpttl_command), .summary = "Tells how many milliseconds fields of a hash have to live.",
     .tips = tips_time},
    {TIME_ROW("hexpiretime", hexpiretime_command),
     .summary = "Tells when fields of a hash expire, in seconds since the epoch."},
    {TIME_ROW("hpexpiretime", hpexpiretime_command),
     .summary = "Tells when fields of a hash expire, in milliseconds since the epoch."},
    {.name = "hpersist", .handler = hpersist_command, .arity = -5, .flags = CMD_WRITE | CMD_FAST,
     .categories = CAT_HASH, .group = GROUP_HASH, .since = "7.4.0",
     .complexity = "O(N), N being the number of fields named.",
     .summary = "Lets fields of a hash live for ever.",
     .syntax = "key " FIELDS_SYNTAX, .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}},
    {0},
};
/* clang-format on */

const struct command *hash_expire_commands(void) { return rows; }
