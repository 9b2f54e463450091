/* SPDX-License-Identifier: MIT */
/* The set family: commands on one set, SMOVE, and the rows of all. */
#include <limits.h>

#include "base/buf.h"
#include "base/glob.h"
#include "commands/commands.h"
#include "commands/scan.h"
#include "commands/set_private.h"
#include "server/server.h"

/* SRANDMEMBER with a negative count repeats members; a reply of more is refused, for the client alone decides how long it is. */
#define RANDOM_REPEATS_MAX ((int64_t)1 << 24)
/* SPOP leaves so few that it is cheaper to keep them than to remove the others one by one. */
#define KEEP_FACTOR 5

/* --- lookups --- */

/* The set at argument i, or NULL. False when another type stands there: replied. */
static bool find_to_read(struct call *c, unsigned i, struct entry **e)
{
    *e = call_find_read(c, i);
    return !call_wrong_type(c, *e, VALUE_SET);
}

static bool find_to_write(struct call *c, unsigned i, struct value_ref *ref)
{
    *ref = (struct value_ref){c->db, call_key(c, i), call_find_write(c, i)};
    return !call_wrong_type(c, ref->e, VALUE_SET);
}

/* After members were removed: the event, and that of the key when it is gone with them. */
static void tell_removed(struct call *c, const struct value_ref *ref, size_t removed, const char *event)
{
    call_changed(c, c->db, ref->key.name, NOTIFY_SET, event);
    if (ref->e == NULL) call_event(c, c->db, ref->key.name, NOTIFY_GENERIC, "del");
    call_add_dirty(c, removed - 1);
}

/* --- adding, removing, asking --- */

static void sadd_command(struct call *c)
{
    struct value_ref ref;
    if (!find_to_write(c, 1, &ref)) return;
    size_t added = 0;
    set_expect(&ref, call_arg(c, 2), c->argc - 2);
    for (unsigned i = 2; i < c->argc; i++) added += set_add(&ref, call_arg(c, i));
    if (added > 0) {
        call_changed(c, c->db, ref.key.name, NOTIFY_SET, "sadd");
        call_add_dirty(c, added - 1);
    }
    reply_int(c->reply, (int64_t)added);
}

static void srem_command(struct call *c)
{
    struct value_ref ref;
    if (!find_to_write(c, 1, &ref)) return;
    size_t removed = 0;
    for (unsigned i = 2; i < c->argc && ref.e != NULL; i++) removed += set_remove(&ref, call_arg(c, i));
    if (removed > 0) tell_removed(c, &ref, removed, "srem");
    reply_int(c->reply, (int64_t)removed);
}

static void scard_command(struct call *c)
{
    struct entry *e;
    if (find_to_read(c, 1, &e)) reply_int(c->reply, e == NULL ? 0 : (int64_t)set_count(e));
}

static void sismember_command(struct call *c)
{
    struct entry *e;
    if (find_to_read(c, 1, &e)) reply_int(c->reply, e != NULL && set_has(e, call_arg(c, 2)));
}

static void smismember_command(struct call *c)
{
    struct entry *e;
    struct set_probe probes[SET_PROBES_MAX];
    if (!find_to_read(c, 1, &e)) return;
    reply_array(c->reply, c->argc - 2);
    for (unsigned i = 2; i < c->argc;) {
        unsigned n = c->argc - i < SET_PROBES_MAX ? c->argc - i : SET_PROBES_MAX;
        for (unsigned k = 0; e != NULL && k < n; k++) probes[k] = set_probe(call_arg(c, i + k));
        uint64_t found = e == NULL ? 0 : set_has_many(e, probes, n == 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1);
        for (unsigned k = 0; k < n; k++) reply_int(c->reply, (int64_t)(found >> k & 1));
        i += n;
    }
}

static void reply_members(struct reply *r, const struct entry *e)
{
    struct item items[SET_PROBES_MAX];
    struct set_iter it;
    set_iter_init(&it, e);
    for (unsigned n; (n = set_iter_next_many(&it, items, SET_PROBES_MAX)) > 0;) {
        for (unsigned i = 0; i < n; i++) reply_item(r, &items[i]);
    }
}

static void smembers_command(struct call *c)
{
    struct entry *e;
    if (!find_to_read(c, 1, &e)) return;
    reply_set(c->reply, e == NULL ? 0 : set_count(e));
    if (e != NULL) reply_members(c->reply, e);
}

static void smove_command(struct call *c)
{
    struct slice member = call_arg(c, 3);
    struct value_ref from = {c->db, call_key(c, 1), call_find_write(c, 1)};
    if (from.e == NULL) {
        reply_int(c->reply, 0);
        return;
    }
    struct value_ref to = {c->db, call_key(c, 2), call_find_write(c, 2)};
    if (call_wrong_type(c, from.e, VALUE_SET) || call_wrong_type(c, to.e, VALUE_SET)) return;
    if (from.e == to.e) {
        reply_int(c->reply, set_has(from.e, member));
        return;
    }
    bool is_moved = set_remove(&from, member);
    if (is_moved) {
        tell_removed(c, &from, 1, "srem");
        if (set_add(&to, member)) call_changed(c, c->db, to.key.name, NOTIFY_SET, "sadd");
    }
    reply_int(c->reply, is_moved);
}

/* --- random members --- */

static void reply_drawn(void *ctx, const struct item *i, bool is_drawn)
{
    if (is_drawn) reply_item(ctx, i);
}

static void reply_one(void *ctx, const struct item *i) { reply_item(ctx, i); }

static void reply_different(struct call *c, const struct entry *e, size_t n)
{
    size_t count = set_count(e);
    if (n > count) n = count;
    reply_array(c->reply, n);
    if (n == count)
        reply_members(c->reply, e);
    else if (n > count / 3 || entry_encoding(e) != ENCODING_HASHTABLE)
        set_draw(e, server_rng(c->server), n, reply_drawn, c->reply);
    else
        set_draw_few(e, server_rng(c->server), n, reply_one, c->reply);
}

static void reply_repeated(struct call *c, const struct entry *e, int64_t n)
{
    struct item i;
    reply_array(c->reply, (size_t)n);
    for (; n > 0; n--) {
        set_random(e, server_rng(c->server), &i);
        reply_item(c->reply, &i);
    }
}

static void srandmember_count(struct call *c)
{
    int64_t n;
    struct entry *e;
    if (c->argc > 3) {
        call_syntax_error(c);
        return;
    }
    if (!call_int_arg(c, 2, &n, NULL)) return;
    if (n == INT64_MIN) {
        reply_errorf(c->reply, "ERR value is out of range, value must between %lld and %lld", -LLONG_MAX, LLONG_MAX);
        return;
    }
    if (!find_to_read(c, 1, &e)) return;
    if (e == NULL || n == 0)
        reply_empty_array(c->reply);
    else if (n > 0)
        reply_different(c, e, (size_t)n);
    else if (-n > RANDOM_REPEATS_MAX)
        reply_error(c->reply, "ERR value is out of range");
    else
        reply_repeated(c, e, -n);
}

static void srandmember_command(struct call *c)
{
    struct entry *e;
    struct item i;
    if (c->argc > 2) {
        srandmember_count(c);
        return;
    }
    if (!find_to_read(c, 1, &e)) return;
    if (e == NULL) {
        reply_null(c->reply);
        return;
    }
    set_random(e, server_rng(c->server), &i);
    reply_item(c->reply, &i);
}

/* Replies a random member and removes it. */
static void pop_one(struct call *c, struct value_ref *ref)
{
    char scratch[NUM_INT64_CHARS];
    struct item i;
    set_random(ref->e, server_rng(c->server), &i);
    struct slice member = item_slice(&i, scratch);
    reply_bulk(c->reply, member);
    set_remove(ref, member);
}

struct keeping {
    struct reply *reply;
    struct value_ref kept;
};

static void keep_or_reply(void *ctx, const struct item *i, bool is_drawn)
{
    struct keeping *k = ctx;
    char scratch[NUM_INT64_CHARS];
    if (is_drawn)
        set_add(&k->kept, item_slice(i, scratch));
    else
        reply_item(k->reply, i);
}

/* Replies all but `n` random members, which stay as a new set in the place of the old one. */
static void pop_all_but(struct call *c, struct value_ref *ref, size_t n)
{
    struct keeping k = {c->reply, {.key = ref->key}};
    set_draw(ref->e, server_rng(c->server), n, keep_or_reply, &k);
    struct entry *kept = k.kept.e;
    if (entry_expire_at_ms(ref->e) != ENTRY_NO_EXPIRY) kept = entry_set_expiry(kept, entry_expire_at_ms(ref->e));
    entry_set_clock(kept, entry_clock(ref->e));
    db_put(c->db, kept, ref->key.hash);
    ref->e = kept;
}

static void pop_several(struct call *c, struct value_ref *ref, size_t n)
{
    size_t count = set_count(ref->e);
    if (n > count) n = count;
    reply_set(c->reply, n);
    if (n == count) {
        reply_members(c->reply, ref->e);
        value_drop(ref);
    } else if (n > (count - n) * KEEP_FACTOR) {
        pop_all_but(c, ref, count - n);
    } else {
        for (size_t i = 0; i < n; i++) pop_one(c, ref);
    }
    tell_removed(c, ref, n, "spop");
}

static void spop_count(struct call *c)
{
    int64_t n;
    struct value_ref ref;
    if (c->argc > 3) {
        call_syntax_error(c);
        return;
    }
    if (!num_parse_int64(call_arg(c, 2), &n) || n < 0) {
        reply_error(c->reply, "ERR value is out of range, must be positive");
        return;
    }
    if (!find_to_write(c, 1, &ref)) return;
    if (ref.e == NULL || n == 0)
        reply_set(c->reply, 0);
    else
        pop_several(c, &ref, (size_t)n);
}

static void spop_command(struct call *c)
{
    struct value_ref ref;
    if (c->argc > 2) {
        spop_count(c);
        return;
    }
    if (!find_to_write(c, 1, &ref)) return;
    if (ref.e == NULL) {
        reply_null(c->reply);
        return;
    }
    pop_one(c, &ref);
    tell_removed(c, &ref, 1, "spop");
}

/* --- SSCAN --- */

/* The cursor stands before the members in the reply but is known after them: they are noted first. */
struct scan_walk {
    const struct scan_args *args;
    uint64_t examined;
    struct buf passed; /* of struct item */
};

static void scan_one(void *ctx, const struct item *i)
{
    struct scan_walk *w = ctx;
    char scratch[NUM_INT64_CHARS];
    w->examined++;
    if (w->args->match.ptr != NULL && !glob_match(w->args->match, item_slice(i, scratch))) return;
    buf_append(&w->passed, i, sizeof(*i));
}

static void reply_scanned(struct call *c, uint64_t cursor, const struct buf *passed)
{
    size_t count = passed->len / sizeof(struct item);
    reply_array(c->reply, 2);
    reply_bulkf(c->reply, "%llu", (unsigned long long)cursor);
    reply_array(c->reply, count);
    for (size_t k = 0; k < count; k++) {
        struct item i;
        memcpy(&i, passed->data + k * sizeof(i), sizeof(i));
        reply_item(c->reply, &i);
    }
}

static void sscan_command(struct call *c)
{
    struct entry *e;
    struct scan_args args = {0};
    struct scan_walk walk = {.args = &args, .passed = BUF_INIT};
    if (!scan_cursor_arg(c, &args.cursor) || !find_to_read(c, 1, &e)) return;
    if (e == NULL) {
        scan_reply_nothing(c);
        return;
    }
    if (!scan_option_args(c, false, &args)) return;
    uint64_t cursor = args.cursor, wanted = (uint64_t)args.count, steps = scan_step_limit(&args);
    do {
        cursor = set_scan(e, cursor, scan_one, &walk);
    } while (cursor != 0 && --steps > 0 && walk.examined < wanted);
    reply_scanned(c, cursor, &walk.passed);
    buf_deinit(&walk.passed);
}

/* --- the rows --- */

static const char *const tips_order[] = {"nondeterministic_output_order", NULL};
static const char *const tips_random[] = {"nondeterministic_output", NULL};

#define SET_ROW(name_, fn, arity_, flags_) \
    .name = (name_), .handler = (fn), .arity = (arity_), .flags = (flags_), .categories = CAT_SET, .group = GROUP_SET
#define INTER_COST "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets."
#define ALL_COST "O(N) where N is the total number of elements in all given sets."

static const struct command rows[] = {
    {SET_ROW("sadd", sadd_command, -3, CMD_WRITE | CMD_DENYOOM | CMD_FAST), .since = "1.0.0",
     .complexity =
         "O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.",
     .summary = "Add members to a set; it is created when there is none", .syntax = "key member [member ...]",
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}},
    {SET_ROW("scard", scard_command, 2, CMD_READONLY | CMD_FAST), .since = "1.0.0", .complexity = "O(1)",
     .summary = "The number of members of a set", .syntax = "key", .keys = {KEY_AT(1, KEY_RO)}},
    {SET_ROW("sdiff", sdiff_command, -2, CMD_READONLY), .since = "1.0.0", .complexity = ALL_COST,
     .summary = "The members of the first set that no other set has", .syntax = "key [key ...]",
     .keys = {KEYS_FROM(1, KEY_RO | KEY_ACCESS)}, .tips = tips_order},
    {SET_ROW("sdiffstore", sdiffstore_command, -3, CMD_WRITE | CMD_DENYOOM), .since = "1.0.0", .complexity = ALL_COST,
     .summary = "Store the members of the first set that no other set has", .syntax = "destination key [key ...]",
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEYS_FROM(2, KEY_RO | KEY_ACCESS)}},
    {SET_ROW("sinter", sinter_command, -2, CMD_READONLY), .since = "1.0.0", .complexity = INTER_COST,
     .summary = "The members that all sets have", .syntax = "key [key ...]",
     .keys = {KEYS_FROM(1, KEY_RO | KEY_ACCESS)}, .tips = tips_order},
    {SET_ROW("sintercard", sintercard_command, -3, CMD_READONLY | CMD_MOVABLE_KEYS), .since = "7.0.0",
     .complexity = INTER_COST, .summary = "Count the members that all sets have",
     .syntax = "numkeys key [key ...] [LIMIT limit]",
     .keys = {{.flags = KEY_RO | KEY_ACCESS, .index = 1, .is_keynum = true, .last = 0, .step = 1, .limit = 1}}},
    {SET_ROW("sinterstore", sinterstore_command, -3, CMD_WRITE | CMD_DENYOOM), .since = "1.0.0",
     .complexity = INTER_COST, .summary = "Store the members that all sets have", .syntax = "destination key [key ...]",
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE), KEYS_FROM(2, KEY_RO | KEY_ACCESS)}},
    {SET_ROW("sismember", sismember_command, 3, CMD_READONLY | CMD_FAST), .since = "1.0.0", .complexity = "O(1)",
     .summary = "Whether a set has a member", .syntax = "key member", .keys = {KEY_AT(1, KEY_RO)}},
    {SET_ROW("smembers", smembers_command, 2, CMD_READONLY), .since = "1.0.0",
     .complexity = "O(N) where N is the set cardinality.", .summary = "All members of a set", .syntax = "key",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .tips = tips_order},
    {SET_ROW("smismember", smismember_command, -3, CMD_READONLY | CMD_FAST), .since = "6.2.0",
     .complexity = "O(N) where N is the number of elements being checked for membership",
     .summary = "Which of several members a set has", .syntax = "key member [member ...]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {SET_ROW("smove", smove_command, 4, CMD_WRITE | CMD_FAST), .since = "1.0.0", .complexity = "O(1)",
     .summary = "Move a member from one set to another", .syntax = "source destination member",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_RW | KEY_INSERT)}},
    {SET_ROW("spop", spop_command, -2, CMD_WRITE | CMD_FAST), .since = "1.0.0",
     .complexity = "Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
     .summary = "Take random members out of a set", .syntax = "key [count]",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)}, .tips = tips_random},
    {SET_ROW("srandmember", srandmember_command, -2, CMD_READONLY), .since = "1.0.0",
     .complexity = "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.",
     .summary = "Random members of a set: different ones, or with a negative count any", .syntax = "key [count]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .tips = tips_random},
    {SET_ROW("srem", srem_command, -3, CMD_WRITE | CMD_FAST), .since = "1.0.0",
     .complexity = "O(N) where N is the number of members to be removed.", .summary = "Remove members from a set",
     .syntax = "key member [member ...]", .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}},
    {SET_ROW("sscan", sscan_command, -3, CMD_READONLY), .since = "2.8.0",
     .complexity = "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor "
                   "to return back to 0. N is the number of elements inside the collection..",
     .summary = "Walk over the members of a set in steps", .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .tips = tips_random},
    {SET_ROW("sunion", sunion_command, -2, CMD_READONLY), .since = "1.0.0", .complexity = ALL_COST,
     .summary = "The members that any of the sets has", .syntax = "key [key ...]",
     .keys = {KEYS_FROM(1, KEY_RO | KEY_ACCESS)}, .tips = tips_order},
    {SET_ROW("sunionstore", sunionstore_command, -3, CMD_WRITE | CMD_DENYOOM), .since = "1.0.0", .complexity = ALL_COST,
     .summary = "Store the members that any of the sets has", .syntax = "destination key [key ...]",
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEYS_FROM(2, KEY_RO | KEY_ACCESS)}},
    {0},
};

const struct command *set_commands(void) { return rows; }
