/* SPDX-License-Identifier: MIT */
/* The hash family: fields and their values. What concerns the expiry of fields is in hash_expire.c. */
#include "commands/hash.h"

#include <limits.h>

#include "base/buf.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/num.h"
#include "commands/commands.h"
#include "commands/scan.h"
#include "server/server.h"

/* Expired fields that a write removes on its way; the active cycle takes the others. */
#define LAZY_FIELDS 32
/* Of a negative count of HRANDFIELD, which may ask for more than there is: the reply would have no bound. */
#define REPEATED_MAX ((int64_t)1 << 24)

/* --- shared by the handlers --- */

bool hash_find_to_read(struct call *c, const struct entry **e)
{
    *e = call_find_read(c, 1);
    return !call_wrong_type(c, *e, VALUE_HASH);
}

bool hash_find_to_write(struct call *c, struct value_ref *ref)
{
    *ref = (struct value_ref){c->db, call_key(c, 1), call_find_write(c, 1)};
    if (call_wrong_type(c, ref->e, VALUE_HASH)) return false;
    if (ref->e == NULL || hash_expire_fields(ref, c->now_ms, LAZY_FIELDS) == 0) return true;
    call_event(c, c->db, ref->key.name, NOTIFY_HASH, "hexpired");
    if (ref->e == NULL) call_event(c, c->db, ref->key.name, NOTIFY_GENERIC, "del");
    return true;
}

void hash_tell_removed(struct call *c, const struct value_ref *ref, uint64_t count)
{
    if (count == 0) return;
    call_changed(c, c->db, ref->key.name, NOTIFY_HASH, "hdel");
    call_add_dirty(c, count - 1);
    if (ref->e == NULL) call_event(c, c->db, ref->key.name, NOTIFY_GENERIC, "del");
}

static inline void reply_item(struct reply *r, const struct item *i)
{
    if (item_is_int(i))
        reply_bulk_int(r, i->integer);
    else
        reply_bulk(r, SLICE(i->ptr, i->len));
}

/* The value of a field, or null. */
static void reply_field(struct call *c, const struct entry *e, unsigned arg)
{
    struct item value;
    if (e != NULL && hash_get(e, call_arg(c, arg), c->now_ms, &value))
        reply_item(c->reply, &value);
    else
        reply_null(c->reply);
}

/* --- setting --- */

static bool are_pairs(struct call *c)
{
    if (c->argc % 2 == 0) return true;
    reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", c->command->name);
    return false;
}

/* Returns false when it replied an error. A new hash grows outside the database, where nothing has to follow it. */
static bool set_fields(struct call *c, int64_t *created)
{
    struct value_ref ref;
    if (!are_pairs(c) || !hash_find_to_write(c, &ref)) return false;
    bool is_new = ref.e == NULL;
    if (is_new) ref.db = NULL;
    *created = 0;
    for (unsigned i = 2; i < c->argc; i += 2) *created += hash_set(&ref, call_arg(c, i), call_arg(c, i + 1), c->now_ms);
    if (is_new) db_insert(c->db, ref.e, ref.key.hash);
    call_changed(c, c->db, ref.key.name, NOTIFY_HASH, "hset");
    call_add_dirty(c, (c->argc - 2) / 2 - 1);
    return true;
}

static void hset_command(struct call *c)
{
    int64_t created;
    if (set_fields(c, &created)) reply_int(c->reply, created);
}

static void hmset_command(struct call *c)
{
    int64_t created;
    if (set_fields(c, &created)) reply_ok(c->reply);
}

static void hsetnx_command(struct call *c)
{
    struct value_ref ref;
    struct item present;
    if (!hash_find_to_write(c, &ref)) return;
    bool absent = ref.e == NULL || !hash_get(ref.e, call_arg(c, 2), c->now_ms, &present);
    if (absent) {
        hash_set(&ref, call_arg(c, 2), call_arg(c, 3), c->now_ms);
        call_changed(c, c->db, ref.key.name, NOTIFY_HASH, "hset");
    }
    reply_int(c->reply, absent);
}

static void hdel_command(struct call *c)
{
    struct value_ref ref;
    uint64_t removed = 0;
    if (!hash_find_to_write(c, &ref)) return;
    for (unsigned i = 2; i < c->argc && ref.e != NULL; i++) removed += hash_remove(&ref, call_arg(c, i), c->now_ms);
    hash_tell_removed(c, &ref, removed);
    reply_int(c->reply, (int64_t)removed);
}

/* --- counters --- */

static void hincrby_command(struct call *c)
{
    struct value_ref ref;
    struct item present;
    int64_t delta, value = 0;
    if (!call_int_arg(c, 3, &delta, NULL) || !hash_find_to_write(c, &ref)) return;
    if (ref.e != NULL && hash_get(ref.e, call_arg(c, 2), c->now_ms, &present)) {
        value = present.integer;
        if (!item_is_int(&present) && !num_parse_int64(SLICE(present.ptr, present.len), &value)) {
            reply_error(c->reply, "ERR hash value is not an integer");
            return;
        }
    }
    if (__builtin_add_overflow(value, delta, &value)) {
        reply_error(c->reply, "ERR increment or decrement would overflow");
        return;
    }
    char digits[NUM_INT64_CHARS];
    hash_update(&ref, call_arg(c, 2), SLICE(digits, num_format_int64(digits, value)), c->now_ms);
    call_changed(c, c->db, ref.key.name, NOTIFY_HASH, "hincrby");
    reply_int(c->reply, value);
}

/* The number in the field, 0 without one. False: replied. */
static bool float_of(struct call *c, const struct entry *e, long double *value)
{
    struct item present;
    char scratch[NUM_INT64_CHARS];
    *value = 0;
    if (e == NULL || !hash_get(e, call_arg(c, 2), c->now_ms, &present)) return true;
    if (num_parse_long_double(item_slice(&present, scratch), value)) return true;
    reply_error(c->reply, "ERR hash value is not a float");
    return false;
}

static bool is_finite(struct call *c, long double value, const char *error)
{
    if (!__builtin_isnan(value) && !__builtin_isinf(value)) return true;
    reply_error(c->reply, error);
    return false;
}

static void hincrbyfloat_command(struct call *c)
{
    struct value_ref ref;
    long double delta, value;
    if (!num_parse_long_double(call_arg(c, 3), &delta)) {
        reply_error(c->reply, "ERR value is not a valid float");
        return;
    }
    if (!is_finite(c, delta, "ERR value is NaN or Infinity")) return;
    if (!hash_find_to_write(c, &ref) || !float_of(c, ref.e, &value)) return;
    value += delta;
    if (!is_finite(c, value, "ERR increment would produce NaN or Infinity")) return;
    char text[NUM_LONG_DOUBLE_CHARS];
    struct slice s = SLICE(text, num_format_long_double(text, value));
    hash_update(&ref, call_arg(c, 2), s, c->now_ms);
    call_changed(c, c->db, ref.key.name, NOTIFY_HASH, "hincrbyfloat");
    reply_bulk(c->reply, s);
}

/* --- reading fields --- */

static void hget_command(struct call *c)
{
    const struct entry *e;
    if (hash_find_to_read(c, &e)) reply_field(c, e, 2);
}

static void hmget_command(struct call *c)
{
    const struct entry *e;
    if (!hash_find_to_read(c, &e)) return;
    reply_array(c->reply, c->argc - 2);
    for (unsigned i = 2; i < c->argc; i++) reply_field(c, e, i);
}

static void hlen_command(struct call *c)
{
    const struct entry *e;
    if (hash_find_to_read(c, &e)) reply_int(c->reply, e == NULL ? 0 : (int64_t)hash_live_count(e, c->now_ms));
}

static void hstrlen_command(struct call *c)
{
    const struct entry *e;
    struct item value;
    char scratch[NUM_INT64_CHARS];
    if (!hash_find_to_read(c, &e)) return;
    bool found = e != NULL && hash_get(e, call_arg(c, 2), c->now_ms, &value);
    reply_int(c->reply, found ? (int64_t)item_slice(&value, scratch).len : 0);
}

static void hexists_command(struct call *c)
{
    const struct entry *e;
    struct item value;
    if (!hash_find_to_read(c, &e)) return;
    reply_int(c->reply, e != NULL && hash_get(e, call_arg(c, 2), c->now_ms, &value));
}

/* --- reading everything --- */

enum parts { FIELDS = 1, VALUES = 2 };

static void reply_pair(struct call *c, const struct hash_pair *p, unsigned parts)
{
    if (parts & FIELDS) reply_item(c->reply, &p->field);
    if (parts & VALUES) reply_item(c->reply, &p->value);
}

static void reply_all(struct call *c, unsigned parts)
{
    const struct entry *e;
    if (!hash_find_to_read(c, &e)) return;
    size_t count = e == NULL ? 0 : hash_live_count(e, c->now_ms);
    if (parts == (FIELDS | VALUES))
        reply_map(c->reply, count);
    else
        reply_array(c->reply, count);
    if (count == 0) return;
    struct hash_iter it;
    hash_iter_init(&it, e, c->now_ms);
    while (hash_iter_next(&it)) reply_pair(c, &it.pair, parts);
}

static void hgetall_command(struct call *c) { reply_all(c, FIELDS | VALUES); }
static void hkeys_command(struct call *c) { reply_all(c, FIELDS); }
static void hvals_command(struct call *c) { reply_all(c, VALUES); }

/* --- HRANDFIELD --- */

/* In RESP3 pairs are arrays of their own. */
static void begin_pairs(struct call *c, size_t count, unsigned parts)
{
    bool flat = (parts & VALUES) && c->reply->resp == 2;
    reply_array(c->reply, flat ? 2 * count : count);
}

static void reply_random_pair(struct call *c, const struct hash_pair *p, unsigned parts)
{
    if ((parts & VALUES) && c->reply->resp == 3) reply_array(c->reply, 2);
    reply_pair(c, p, parts);
}

/* Packed pairs are found by walking: once, for all that will be drawn. */
static void reply_repeated_packed(struct call *c, const struct entry *e, size_t count, unsigned parts)
{
    struct buf pairs = BUF_INIT;
    struct hash_iter it;
    hash_iter_init(&it, e, c->now_ms);
    while (hash_iter_next(&it)) buf_append(&pairs, &it.pair, sizeof(it.pair));
    for (size_t i = 0; i < count; i++) {
        struct hash_pair pair;
        size_t at = rng_below(server_rng(c->server), pairs.len / sizeof(pair));
        memcpy(&pair, pairs.data + at * sizeof(pair), sizeof(pair));
        reply_random_pair(c, &pair, parts);
    }
    buf_deinit(&pairs);
}

static void reply_repeated(struct call *c, const struct entry *e, size_t count, unsigned parts)
{
    struct hash_pair pair;
    begin_pairs(c, count, parts);
    if (entry_encoding(e) != ENCODING_HASHTABLE) {
        reply_repeated_packed(c, e, count, parts);
        return;
    }
    for (size_t i = 0; i < count && hash_random(e, server_rng(c->server), c->now_ms, &pair); i++)
        reply_random_pair(c, &pair, parts);
}

/* One walk: each pair is taken with the chance that makes all choices of `count` equally likely. */
static void reply_sampled_walk(struct call *c, const struct entry *e, size_t live, size_t count, unsigned parts)
{
    struct hash_iter it;
    size_t wanted = count;
    hash_iter_init(&it, e, c->now_ms);
    for (size_t left = live; wanted > 0 && hash_iter_next(&it); left--) {
        if (wanted < left && rng_below(server_rng(c->server), left) >= wanted) continue;
        reply_random_pair(c, &it.pair, parts);
        wanted--;
    }
}

/* Puts an address into an open table of 2^bits places. False: it is there already. */
static bool note_address(uintptr_t *places, unsigned bits, uintptr_t address)
{
    size_t at = (size_t)(((uint64_t)address * 0x9e3779b97f4a7c15u) >> (64 - bits));
    while (places[at] != 0) {
        if (places[at] == address) return false;
        at = (at + 1) & (((size_t)1 << bits) - 1);
    }
    places[at] = address;
    return true;
}

/* A few of many: drawn until they are enough different ones. Fields of a table stand at addresses of their own. */
static void reply_drawn(struct call *c, const struct entry *e, size_t count, unsigned parts)
{
    unsigned bits = 4;
    while (((size_t)1 << bits) < 2 * count) bits++;
    size_t bytes = sizeof(uintptr_t) << bits;
    uintptr_t *places = mem_calloc(bytes);
    struct hash_pair pair;
    for (size_t got = 0; got < count;) {
        if (!hash_random(e, server_rng(c->server), c->now_ms, &pair)) break;
        if (!note_address(places, bits, (uintptr_t)pair.field.ptr)) continue;
        reply_random_pair(c, &pair, parts);
        got++;
    }
    mem_free_sized(places, bytes);
}

static void reply_distinct(struct call *c, const struct entry *e, size_t count, unsigned parts)
{
    size_t live = hash_live_count(e, c->now_ms);
    if (count > live) count = live;
    begin_pairs(c, count, parts);
    if (entry_encoding(e) == ENCODING_HASHTABLE && count < live / 16)
        reply_drawn(c, e, count, parts);
    else
        reply_sampled_walk(c, e, live, count, parts);
}

static bool parse_random_args(struct call *c, int64_t *count, unsigned *parts)
{
    *parts = FIELDS;
    if (!call_int_arg(c, 2, count, NULL)) return false;
    if (*count == INT64_MIN) {
        reply_errorf(c->reply, "ERR value is out of range, value must between %ld and %ld", -LONG_MAX, LONG_MAX);
        return false;
    }
    if (c->argc > 4 || (c->argc == 4 && !call_arg_is(c, 3, "withvalues"))) {
        call_syntax_error(c);
        return false;
    }
    if (c->argc == 4) *parts |= VALUES;
    bool too_many = c->argc == 4 && (*count < -LONG_MAX / 2 || *count > LONG_MAX / 2);
    if (!too_many && *count >= -REPEATED_MAX) return true;
    reply_error(c->reply, "ERR value is out of range");
    return false;
}

static void reply_random_fields(struct call *c)
{
    const struct entry *e;
    int64_t count;
    unsigned parts;
    if (!parse_random_args(c, &count, &parts) || !hash_find_to_read(c, &e)) return;
    if (e == NULL || count == 0 || hash_live_count(e, c->now_ms) == 0)
        reply_empty_array(c->reply);
    else if (count < 0)
        reply_repeated(c, e, (size_t)-count, parts);
    else
        reply_distinct(c, e, (size_t)count, parts);
}

static void hrandfield_command(struct call *c)
{
    const struct entry *e;
    struct hash_pair pair;
    if (c->argc > 2) {
        reply_random_fields(c);
        return;
    }
    if (!hash_find_to_read(c, &e)) return;
    if (e != NULL && hash_random(e, server_rng(c->server), c->now_ms, &pair))
        reply_item(c->reply, &pair.field);
    else
        reply_null(c->reply);
}

/* --- HSCAN --- */

/* The cursor stands before the elements in the reply, so these are gathered first; they point into the hash. */
struct scan_walk {
    const struct scan_args *args;
    uint64_t examined;
    struct buf items; /* of struct item */
};

static void scan_one(void *ctx, const struct hash_pair *p)
{
    struct scan_walk *w = ctx;
    char scratch[NUM_INT64_CHARS];
    w->examined++;
    if (w->args->match.ptr != NULL && !glob_match(w->args->match, item_slice(&p->field, scratch))) return;
    buf_append(&w->items, &p->field, sizeof(p->field));
    if (!w->args->no_values) buf_append(&w->items, &p->value, sizeof(p->value));
}

static void reply_scan(struct call *c, uint64_t cursor, const struct buf *items)
{
    reply_array(c->reply, 2);
    reply_bulkf(c->reply, "%llu", (unsigned long long)cursor);
    reply_array(c->reply, items->len / sizeof(struct item));
    for (size_t at = 0; at < items->len; at += sizeof(struct item)) {
        struct item i;
        memcpy(&i, items->data + at, sizeof(i));
        reply_item(c->reply, &i);
    }
}

static void hscan_command(struct call *c)
{
    struct scan_args args = {0};
    const struct entry *e;
    if (!scan_cursor_arg(c, &args.cursor) || !hash_find_to_read(c, &e)) return;
    if (e == NULL) {
        scan_reply_nothing(c);
        return;
    }
    if (!scan_option_args(c, true, &args)) return;
    struct scan_walk walk = {.args = &args, .items = BUF_INIT};
    uint64_t cursor = args.cursor, steps = scan_step_limit(&args);
    do {
        cursor = hash_scan(e, cursor, c->now_ms, scan_one, &walk);
    } while (cursor != 0 && --steps > 0 && walk.examined < (uint64_t)args.count);
    reply_scan(c, cursor, &walk.items);
    buf_deinit(&walk.items);
}

/* --- the rows --- */

static const char *const tips_order[] = {"nondeterministic_output_order", NULL};
static const char *const tips_random[] = {"nondeterministic_output", NULL};

#define HASH_ROW(name_, fn, arity_, flags_) \
    .name = (name_), .handler = (fn), .arity = (arity_), .flags = (flags_), .categories = CAT_HASH, .group = GROUP_HASH

/* clang-format off */
static const struct command rows[] = {
    {HASH_ROW("hset", hset_command, -4, CMD_WRITE | CMD_DENYOOM | CMD_FAST), .since = "2.0.0",
     .complexity = "O(N), N being the number of fields set.",
     .summary = "Sets fields of a hash, which is made when there is none.",
     .syntax = "key field value [field value ...]",
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}},
    {HASH_ROW("hmset", hmset_command, -4, CMD_WRITE | CMD_DENYOOM | CMD_FAST), .since = "2.0.0",
     .complexity = "O(N), N being the number of fields set.",
     .summary = "Sets fields of a hash: the old name of HSET.",
     .syntax = "key field value [field value ...]",
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
     .deprecated_since = "4.0.0", .replaced_by = "`HSET` with multiple field-value pairs"},
    {HASH_ROW("hsetnx", hsetnx_command, 4, CMD_WRITE | CMD_DENYOOM | CMD_FAST), .since = "2.0.0", .complexity = "O(1)",
     .summary = "Sets a field of a hash unless the field exists.",
     .syntax = "key field value",
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}},
    {HASH_ROW("hget", hget_command, 3, CMD_READONLY | CMD_FAST), .since = "2.0.0", .complexity = "O(1)",
     .summary = "Returns the value of a field of a hash.",
     .syntax = "key field",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {HASH_ROW("hmget", hmget_command, -3, CMD_READONLY | CMD_FAST), .since = "2.0.0",
     .complexity = "O(N), N being the number of fields asked for.",
     .summary = "Returns the values of several fields of a hash, null for each that it has not.",
     .syntax = "key field [field ...]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {HASH_ROW("hgetall", hgetall_command, 2, CMD_READONLY), .since = "2.0.0",
     .complexity = "O(N), N being the number of fields.",
     .summary = "Returns all fields of a hash with their values.",
     .syntax = "key",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .tips = tips_order},
    {HASH_ROW("hdel", hdel_command, -3, CMD_WRITE | CMD_FAST), .since = "2.0.0",
     .complexity = "O(N), N being the number of fields named.",
     .summary = "Removes fields of a hash, and the key with the last one.",
     .syntax = "key field [field ...]",
     .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}},
    {HASH_ROW("hlen", hlen_command, 2, CMD_READONLY | CMD_FAST), .since = "2.0.0", .complexity = "O(1)",
     .summary = "Returns the number of fields of a hash.",
     .syntax = "key",
     .keys = {KEY_AT(1, KEY_RO)}},
    {HASH_ROW("hstrlen", hstrlen_command, 3, CMD_READONLY | CMD_FAST), .since = "3.2.0", .complexity = "O(1)",
     .summary = "Returns the length in bytes of the value of a field.",
     .syntax = "key field",
     .keys = {KEY_AT(1, KEY_RO)}},
    {HASH_ROW("hexists", hexists_command, 3, CMD_READONLY | CMD_FAST), .since = "2.0.0", .complexity = "O(1)",
     .summary = "Tells whether a hash has a field.",
     .syntax = "key field",
     .keys = {KEY_AT(1, KEY_RO)}},
    {HASH_ROW("hkeys", hkeys_command, 2, CMD_READONLY), .since = "2.0.0",
     .complexity = "O(N), N being the number of fields.",
     .summary = "Returns all fields of a hash.",
     .syntax = "key",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .tips = tips_order},
    {HASH_ROW("hvals", hvals_command, 2, CMD_READONLY), .since = "2.0.0",
     .complexity = "O(N), N being the number of fields.",
     .summary = "Returns all values of a hash.",
     .syntax = "key",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .tips = tips_order},
    {HASH_ROW("hincrby", hincrby_command, 4, CMD_WRITE | CMD_DENYOOM | CMD_FAST), .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Adds a number to the integer in a field of a hash, 0 when there is none.",
     .syntax = "key field increment",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}},
    {HASH_ROW("hincrbyfloat", hincrbyfloat_command, 4, CMD_WRITE | CMD_DENYOOM | CMD_FAST), .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Adds a decimal fraction to the number in a field of a hash, 0 when there is none.",
     .syntax = "key field increment",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}},
    {HASH_ROW("hrandfield", hrandfield_command, -2, CMD_READONLY), .since = "6.2.0",
     .complexity = "O(N), N being the number of fields returned.",
     .summary = "Returns one or more random fields of a hash.",
     .syntax = "key [count [WITHVALUES]]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .tips = tips_random},
    {HASH_ROW("hscan", hscan_command, -3, CMD_READONLY), .since = "2.8.0",
     .complexity = "O(1) a call, O(N) for a whole iteration over N fields.",
     .summary = "Walks over the fields of a hash, some at a call.",
     .syntax = "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .tips = tips_random},
    {0},
};
/* clang-format on */

const struct command *hash_commands(void) { return rows; }
