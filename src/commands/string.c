/* SPDX-License-Identifier: MIT */
/*
 * The string family: GET, SET and what grew around them, ranges of bytes, counters.
 *
 * GET and SET without options are the two commands that matter most: each is one call of the store and one reply.
 * A value that came as a big bulk is handed to the store, not copied. Counters change in place.
 */
#include "commands/commands.h"

#include "base/num.h"
#include "commands/lcs.h"
#include "server/server.h"

/* --- shared by the handlers --- */

/* The string at argument i, or NULL. False when another type stands there: replied. */
static inline bool find_to_read(struct call *c, unsigned i, struct entry **e)
{
    *e = call_find_read(c, i);
    return !call_wrong_type(c, *e, VALUE_STRING);
}

static inline bool find_to_write(struct call *c, unsigned i, struct entry **e)
{
    *e = call_find_write(c, i);
    return !call_wrong_type(c, *e, VALUE_STRING);
}

/* Stores the argument `value` under the key at `key`, over whatever is there. A big bulk becomes the value itself. */
static inline void store_argument(struct call *c, unsigned key, unsigned value, int64_t expire_at_ms)
{
    struct key k = call_key(c, key);
    struct arg *v = &c->argv[value];
    if (__builtin_expect(v->blob != NULL, 0)) {
        db_set_blob(c->db, &k, v->blob, expire_at_ms);
        v->blob = NULL;
        return;
    }
    db_set_string(c->db, &k, arg_slice(v), expire_at_ms);
}

static inline void set_and_tell(struct call *c, unsigned key, unsigned value, int64_t expire_at_ms)
{
    store_argument(c, key, value, expire_at_ms);
    call_changed(c, c->db, call_arg(c, key), NOTIFY_STRING, "set");
}

/* Replies the string or null. */
static void reply_string(struct call *c, const struct entry *e)
{
    if (e == NULL) {
        reply_null(c->reply);
        return;
    }
    char scratch[NUM_INT64_CHARS];
    reply_bulk(c->reply, entry_string(e, scratch));
}

/* A string of `len` bytes with `more` written behind them may be no longer than a bulk; if it would, an error is
 * replied. */
static bool is_length_allowed(struct call *c, uint64_t len, uint64_t more)
{
    uint64_t max = server_config(c->server)->proto_max_bulk_len;
    if (len <= max && more <= max - len) return true;
    reply_error(c->reply, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

/* The value as `len` bytes to write into; a missing key is made. */
static char *writable_bytes(struct call *c, unsigned key, struct entry *e, size_t len)
{
    struct key k = call_key(c, key);
    char *bytes;
    if (e == NULL) e = db_set_string(c->db, &k, SLICE("", 0), ENTRY_NO_EXPIRY);
    db_make_writable(c->db, &k, e, len, &bytes);
    return bytes;
}

#define PREFETCH_KEYS 16

/* Asks for the memory of the next keys, every `step` arguments from i on, so that their cache misses overlap. */
static void prefetch_keys(struct call *c, unsigned i, unsigned step)
{
    unsigned end = c->argc - i > PREFETCH_KEYS * step ? i + PREFETCH_KEYS * step : c->argc;
    for (unsigned k = i; k < end; k += step) db_prefetch_bucket(c->db, call_key(c, k).hash);
    for (unsigned k = i; k < end; k += step) db_prefetch_entry(c->db, c->argv[k].hash);
}

/* --- options of SET and GETEX --- */

enum set_condition { SET_ALWAYS, SET_IF_ABSENT, SET_IF_PRESENT };
enum expiry_form { EXPIRY_NONE, EXPIRY_EX, EXPIRY_PX, EXPIRY_EXAT, EXPIRY_PXAT };

struct options {
    enum set_condition condition;
    enum expiry_form expiry;
    unsigned expiry_arg; /* where its number stands */
    bool get, keep_ttl, persist;
};

static enum expiry_form expiry_form_of(struct slice word)
{
    if (slice_is_word(word, "EX")) return EXPIRY_EX;
    if (slice_is_word(word, "PX")) return EXPIRY_PX;
    if (slice_is_word(word, "EXAT")) return EXPIRY_EXAT;
    if (slice_is_word(word, "PXAT")) return EXPIRY_PXAT;
    return EXPIRY_NONE;
}

/* An option that SET alone has. False: it is none, or contradicts another. */
static bool parse_set_option(struct slice word, struct options *o)
{
    if (slice_is_word(word, "NX") && o->condition != SET_IF_PRESENT) {
        o->condition = SET_IF_ABSENT;
    } else if (slice_is_word(word, "XX") && o->condition != SET_IF_ABSENT) {
        o->condition = SET_IF_PRESENT;
    } else if (slice_is_word(word, "GET")) {
        o->get = true;
    } else if (slice_is_word(word, "KEEPTTL") && o->expiry == EXPIRY_NONE) {
        o->keep_ttl = true;
    } else {
        return false;
    }
    return true;
}

/* The arguments from `i` on. An option may be repeated, the last one counts; one of another kind beside it may not
 * stand. */
static bool parse_options(struct call *c, unsigned i, bool is_set, struct options *o)
{
    *o = (struct options){0};
    for (; i < c->argc; i++) {
        struct slice word = call_arg(c, i);
        enum expiry_form form = expiry_form_of(word);
        if (form != EXPIRY_NONE) {
            bool alone = !o->keep_ttl && !o->persist && (o->expiry == EXPIRY_NONE || o->expiry == form);
            if (!alone || i + 1 == c->argc) break;
            o->expiry = form;
            o->expiry_arg = ++i;
        } else if (is_set) {
            if (!parse_set_option(word, o)) break;
        } else {
            if (!slice_is_word(word, "PERSIST") || o->expiry != EXPIRY_NONE) break;
            o->persist = true;
        }
    }
    if (i == c->argc) return true;
    call_syntax_error(c);
    return false;
}

/* The number at argument i as a moment of wall time. False: replied. */
static bool parse_expiry(struct call *c, enum expiry_form form, unsigned i, int64_t *at_ms)
{
    int64_t value;
    if (!call_int_arg(c, i, &value, NULL)) return false;
    bool in_seconds = form == EXPIRY_EX || form == EXPIRY_EXAT;
    bool relative = form == EXPIRY_EX || form == EXPIRY_PX;
    if (value > 0 && !__builtin_mul_overflow(value, (int64_t)(in_seconds ? 1000 : 1), &value) &&
        !__builtin_add_overflow(value, relative ? c->now_ms : 0, at_ms)) {
        return true;
    }
    reply_errorf(c->reply, "ERR invalid expire time in '%s' command", c->command->name);
    return false;
}

/* --- GET, SET and relatives --- */

static void get_command(struct call *c)
{
    struct entry *e;
    if (find_to_read(c, 1, &e)) reply_string(c, e);
}

static void set_with_options(struct call *c)
{
    struct options o;
    int64_t expire_at_ms = ENTRY_NO_EXPIRY;
    struct entry *e = NULL;
    if (!parse_options(c, 3, true, &o)) return;
    if (o.expiry != EXPIRY_NONE && !parse_expiry(c, o.expiry, o.expiry_arg, &expire_at_ms)) return;
    if (o.get) {
        if (!find_to_read(c, 1, &e)) return;
        reply_string(c, e);
    }
    if (o.condition != SET_ALWAYS || o.keep_ttl) e = call_find_write(c, 1);
    if ((o.condition == SET_IF_ABSENT && e != NULL) || (o.condition == SET_IF_PRESENT && e == NULL)) {
        if (!o.get) reply_null(c->reply);
        return;
    }
    if (o.keep_ttl && e != NULL) expire_at_ms = entry_expire_at_ms(e);
    set_and_tell(c, 1, 2, expire_at_ms);
    if (o.expiry != EXPIRY_NONE) call_event(c, c->db, call_arg(c, 1), NOTIFY_GENERIC, "expire");
    if (!o.get) reply_ok(c->reply);
}

static void set_command(struct call *c)
{
    if (__builtin_expect(c->argc > 3, 0)) {
        set_with_options(c);
        return;
    }
    set_and_tell(c, 1, 2, ENTRY_NO_EXPIRY);
    reply_ok(c->reply);
}

static void setnx_command(struct call *c)
{
    bool absent = call_find_write(c, 1) == NULL;
    if (absent) set_and_tell(c, 1, 2, ENTRY_NO_EXPIRY);
    reply_int(c->reply, absent);
}

static void set_expiring(struct call *c, enum expiry_form form)
{
    int64_t expire_at_ms;
    if (!parse_expiry(c, form, 2, &expire_at_ms)) return;
    set_and_tell(c, 1, 3, expire_at_ms);
    call_event(c, c->db, call_arg(c, 1), NOTIFY_GENERIC, "expire");
    reply_ok(c->reply);
}

static void setex_command(struct call *c) { set_expiring(c, EXPIRY_EX); }
static void psetex_command(struct call *c) { set_expiring(c, EXPIRY_PX); }

static void getset_command(struct call *c)
{
    struct entry *e;
    if (!find_to_read(c, 1, &e)) return;
    reply_string(c, e);
    set_and_tell(c, 1, 2, ENTRY_NO_EXPIRY);
}

static void getdel_command(struct call *c)
{
    struct entry *e;
    if (!find_to_read(c, 1, &e)) return;
    reply_string(c, e);
    if (e == NULL) return;
    struct key k = call_key(c, 1);
    db_delete(c->db, &k, c->now_ms, server_config(c->server)->lazyfree_lazy_user_del);
    call_changed(c, c->db, k.name, NOTIFY_GENERIC, "del");
}

/* What GETEX does to the expiry of the entry, once the value is replied. */
static void change_expiry(struct call *c, struct entry *e, const struct options *o, int64_t at_ms)
{
    struct key k = call_key(c, 1);
    if ((o->expiry == EXPIRY_EXAT || o->expiry == EXPIRY_PXAT) && at_ms <= c->now_ms) {
        db_delete(c->db, &k, c->now_ms, server_config(c->server)->lazyfree_lazy_expire);
        call_changed(c, c->db, k.name, NOTIFY_GENERIC, "del");
    } else if (o->expiry != EXPIRY_NONE) {
        db_set_expiry(c->db, &k, e, at_ms);
        call_changed(c, c->db, k.name, NOTIFY_GENERIC, "expire");
    } else if (o->persist && entry_expire_at_ms(e) != ENTRY_NO_EXPIRY) {
        db_set_expiry(c->db, &k, e, ENTRY_NO_EXPIRY);
        call_changed(c, c->db, k.name, NOTIFY_GENERIC, "persist");
    }
}

static void getex_command(struct call *c)
{
    struct options o;
    struct entry *e;
    int64_t at_ms = ENTRY_NO_EXPIRY;
    if (!parse_options(c, 2, false, &o) || !find_to_read(c, 1, &e)) return;
    if (e == NULL) {
        reply_null(c->reply);
        return;
    }
    if (o.expiry != EXPIRY_NONE && !parse_expiry(c, o.expiry, o.expiry_arg, &at_ms)) return;
    reply_string(c, e);
    change_expiry(c, e, &o, at_ms);
}

/* --- several keys --- */

static void mget_command(struct call *c)
{
    reply_array(c->reply, c->argc - 1);
    for (unsigned i = 1; i < c->argc; i++) {
        if ((i - 1) % PREFETCH_KEYS == 0) prefetch_keys(c, i, 1);
        struct entry *e = call_find_read(c, i);
        reply_string(c, e != NULL && entry_type(e) == VALUE_STRING ? e : NULL);
    }
}

static bool are_pairs(struct call *c)
{
    if (c->argc % 2 == 1) return true;
    reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", c->command->name);
    return false;
}

/* In order: of a key that is named twice the last value stays. */
static void set_pairs(struct call *c)
{
    for (unsigned i = 1; i < c->argc; i += 2) {
        if ((i - 1) % (2 * PREFETCH_KEYS) == 0) prefetch_keys(c, i, 2);
        set_and_tell(c, i, i + 1, ENTRY_NO_EXPIRY);
    }
}

static void mset_command(struct call *c)
{
    if (!are_pairs(c)) return;
    set_pairs(c);
    reply_ok(c->reply);
}

static void msetnx_command(struct call *c)
{
    if (!are_pairs(c)) return;
    for (unsigned i = 1; i < c->argc; i += 2) {
        if (call_find_write(c, i) != NULL) {
            reply_int(c->reply, 0);
            return;
        }
    }
    set_pairs(c);
    reply_int(c->reply, 1);
}

/* --- bytes of a value --- */

static void append_command(struct call *c)
{
    struct entry *e;
    if (!find_to_write(c, 1, &e)) return;
    struct slice more = call_arg(c, 2);
    size_t len = e == NULL ? 0 : entry_string_len(e);
    if (e == NULL) {
        store_argument(c, 1, 2, ENTRY_NO_EXPIRY);
    } else {
        if (!is_length_allowed(c, len, more.len)) return;
        char *bytes = writable_bytes(c, 1, e, len + more.len);
        memcpy(bytes + len, more.ptr, more.len);
    }
    call_changed(c, c->db, call_arg(c, 1), NOTIFY_STRING, "append");
    reply_int(c->reply, (int64_t)(len + more.len));
}

static void strlen_command(struct call *c)
{
    struct entry *e;
    if (find_to_read(c, 1, &e)) reply_int(c->reply, e == NULL ? 0 : (int64_t)entry_string_len(e));
}

static void setrange_command(struct call *c)
{
    int64_t offset;
    struct entry *e;
    if (!call_int_arg(c, 2, &offset, NULL)) return;
    if (offset < 0) {
        reply_error(c->reply, "ERR offset is out of range");
        return;
    }
    if (!find_to_write(c, 1, &e)) return;
    struct slice patch = call_arg(c, 3);
    size_t len = e == NULL ? 0 : entry_string_len(e);
    if (patch.len > 0) {
        if (!is_length_allowed(c, (uint64_t)offset, patch.len)) return;
        size_t end = (size_t)offset + patch.len;
        if (end > len) len = end;
        char *bytes = writable_bytes(c, 1, e, len);
        memcpy(bytes + offset, patch.ptr, patch.len);
        call_changed(c, c->db, call_arg(c, 1), NOTIFY_STRING, "setrange");
    }
    reply_int(c->reply, (int64_t)len);
}

/* The part of `s` from start to end, both inclusive, negative ones counted from the end. */
static struct slice slice_range(struct slice s, int64_t start, int64_t end)
{
    int64_t len = (int64_t)s.len;
    if (start < 0 && end < 0 && start > end) return SLICE("", 0);
    if (start < 0) start = start + len < 0 ? 0 : start + len;
    if (end < 0) end = end + len < 0 ? 0 : end + len;
    if (end >= len) end = len - 1;
    if (start > end) return SLICE("", 0);
    return SLICE(s.ptr + start, (size_t)(end - start + 1));
}

static void getrange_command(struct call *c)
{
    int64_t start, end;
    struct entry *e;
    if (!call_int_arg(c, 2, &start, NULL) || !call_int_arg(c, 3, &end, NULL)) return;
    if (!find_to_read(c, 1, &e)) return;
    char scratch[NUM_INT64_CHARS];
    struct slice s = e == NULL ? SLICE("", 0) : entry_string(e, scratch);
    reply_bulk(c->reply, slice_range(s, start, end));
}

/* --- counters --- */

/* The value as an integer, 0 without an entry. False: replied. */
static bool integer_of(struct call *c, const struct entry *e, int64_t *value)
{
    *value = 0;
    if (e == NULL || entry_int(e, value)) return true;
    char scratch[NUM_INT64_CHARS];
    if (num_parse_int64(entry_string(e, scratch), value)) return true;
    reply_error(c->reply, "ERR value is not an integer or out of range");
    return false;
}

static void add_integer(struct call *c, int64_t delta)
{
    struct entry *e;
    int64_t value;
    if (!find_to_write(c, 1, &e) || !integer_of(c, e, &value)) return;
    if (__builtin_add_overflow(value, delta, &value)) {
        reply_error(c->reply, "ERR increment or decrement would overflow");
        return;
    }
    struct key k = call_key(c, 1);
    if (e != NULL) {
        db_set_int(c->db, &k, e, value);
    } else {
        char digits[NUM_INT64_CHARS];
        db_set_string(c->db, &k, SLICE(digits, num_format_int64(digits, value)), ENTRY_NO_EXPIRY);
    }
    call_changed(c, c->db, k.name, NOTIFY_STRING, "incrby");
    reply_int(c->reply, value);
}

static void incr_command(struct call *c) { add_integer(c, 1); }
static void decr_command(struct call *c) { add_integer(c, -1); }

static void incrby_command(struct call *c)
{
    int64_t delta;
    if (call_int_arg(c, 2, &delta, NULL)) add_integer(c, delta);
}

static void decrby_command(struct call *c)
{
    int64_t delta;
    if (!call_int_arg(c, 2, &delta, NULL)) return;
    if (delta == INT64_MIN) {
        reply_error(c->reply, "ERR decrement would overflow");
        return;
    }
    add_integer(c, -delta);
}

static bool parse_float(struct call *c, struct slice s, long double *out)
{
    if (num_parse_long_double(s, out)) return true;
    reply_error(c->reply, "ERR value is not a valid float");
    return false;
}

static void incrbyfloat_command(struct call *c)
{
    struct entry *e;
    long double value = 0, delta;
    char scratch[NUM_INT64_CHARS], text[NUM_LONG_DOUBLE_CHARS];
    if (!find_to_write(c, 1, &e)) return;
    if (e != NULL && !parse_float(c, entry_string(e, scratch), &value)) return;
    if (!parse_float(c, call_arg(c, 2), &delta)) return;
    value += delta;
    if (__builtin_isnan(value) || __builtin_isinf(value)) {
        reply_error(c->reply, "ERR increment would produce NaN or Infinity");
        return;
    }
    struct slice s = SLICE(text, num_format_long_double(text, value));
    struct key k = call_key(c, 1);
    /* Stays text even when it reads as an integer: the next one is likely to have a fraction again. */
    db_put(c->db, entry_new_text(k.name, s, e == NULL ? ENTRY_NO_EXPIRY : entry_expire_at_ms(e)), k.hash);
    call_changed(c, c->db, k.name, NOTIFY_STRING, "incrbyfloat");
    reply_bulk(c->reply, s);
}

/* --- the table --- */

static const char *const mget_tips[] = {"request_policy:multi_shard", NULL};
static const char *const mset_tips[] = {"request_policy:multi_shard", "response_policy:all_succeeded", NULL};
static const char *const msetnx_tips[] = {"request_policy:multi_shard", "response_policy:agg_min", NULL};

/* clang-format off */
/* SET reads its key only with GET. */
static unsigned set_key_flags(const struct arg *argv, unsigned argc)
{
    for (unsigned i = 3; i < argc; i++) {
        if (slice_is_word(arg_slice(&argv[i]), "get")) return KEY_RW | KEY_ACCESS | KEY_UPDATE;
    }
    return KEY_OW | KEY_UPDATE;
}

static const struct command rows[] = {
    {.name = "get", .handler = get_command, .arity = 2, .flags = CMD_READONLY | CMD_FAST, .categories = CAT_STRING,
     .group = GROUP_STRING, .since = "1.0.0", .complexity = "O(1)",
     .summary = "Returns the string that a key holds.",
     .syntax = "key",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {.name = "set", .handler = set_command, .arity = -3, .flags = CMD_WRITE | CMD_DENYOOM, .categories = CAT_STRING,
     .group = GROUP_STRING, .since = "1.0.0", .complexity = "O(1)",
     .summary = "Sets a key to a string, whatever it held before, with conditions and an expiry if wanted.",
     .syntax = "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | "
               "PXAT unix-time-milliseconds | KEEPTTL]",
     .key_flags = set_key_flags,
     .keys = {{.flags = KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE, .index = 1, .step = 1,
               .notes = "Reads the key as well when the optional `GET` argument is given"}}},
    {.name = "setnx", .handler = setnx_command, .arity = 3, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .categories = CAT_STRING, .group = GROUP_STRING, .since = "1.0.0", .complexity = "O(1)",
     .summary = "Sets a key to a string unless the key exists.",
     .syntax = "key value",
     .keys = {KEY_AT(1, KEY_OW | KEY_INSERT)},
     .deprecated_since = "2.6.12", .replaced_by = "`SET` with the `NX` argument"},
    {.name = "setex", .handler = setex_command, .arity = 4, .flags = CMD_WRITE | CMD_DENYOOM, .categories = CAT_STRING,
     .group = GROUP_STRING, .since = "2.0.0", .complexity = "O(1)",
     .summary = "Sets a key to a string that expires after so many seconds.",
     .syntax = "key seconds value",
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE)},
     .deprecated_since = "2.6.12", .replaced_by = "`SET` with the `EX` argument"},
    {.name = "psetex", .handler = psetex_command, .arity = 4, .flags = CMD_WRITE | CMD_DENYOOM,
     .categories = CAT_STRING, .group = GROUP_STRING, .since = "2.6.0", .complexity = "O(1)",
     .summary = "Sets a key to a string that expires after so many milliseconds.",
     .syntax = "key milliseconds value",
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE)},
     .deprecated_since = "2.6.12", .replaced_by = "`SET` with the `PX` argument"},
    {.name = "getset", .handler = getset_command, .arity = 3, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .categories = CAT_STRING, .group = GROUP_STRING, .since = "1.0.0", .complexity = "O(1)",
     .summary = "Sets a key to a string and returns what it held before.",
     .syntax = "key value",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
     .deprecated_since = "6.2.0", .replaced_by = "`SET` with the `!GET` argument"},
    {.name = "getdel", .handler = getdel_command, .arity = 2, .flags = CMD_WRITE | CMD_FAST, .categories = CAT_STRING,
     .group = GROUP_STRING, .since = "6.2.0", .complexity = "O(1)",
     .summary = "Returns the string that a key holds and deletes the key.",
     .syntax = "key",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)}},
    {.name = "getex", .handler = getex_command, .arity = -2, .flags = CMD_WRITE | CMD_FAST, .categories = CAT_STRING,
     .group = GROUP_STRING, .since = "6.2.0", .complexity = "O(1)",
     .summary = "Returns the string that a key holds and sets or takes away its expiry.",
     .syntax = "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
     .keys = {{.flags = KEY_RW | KEY_ACCESS | KEY_UPDATE, .index = 1, .step = 1,
               .notes = "A write because the expiry may change"}}},
    {.name = "mget", .handler = mget_command, .arity = -2, .flags = CMD_READONLY | CMD_FAST, .categories = CAT_STRING,
     .group = GROUP_STRING, .since = "1.0.0", .complexity = "O(N), N being the number of keys asked for.",
     .summary = "Returns the strings of all the keys given, null for each that has none.",
     .syntax = "key [key ...]",
     .keys = {KEYS_FROM(1, KEY_RO | KEY_ACCESS)}, .tips = mget_tips},
    {.name = "mset", .handler = mset_command, .arity = -3, .flags = CMD_WRITE | CMD_DENYOOM, .categories = CAT_STRING,
     .group = GROUP_STRING, .since = "1.0.1", .complexity = "O(N), N being the number of keys set.",
     .summary = "Sets several keys to a string each, in one step.",
     .syntax = "key value [key value ...]",
     .keys = {{.flags = KEY_OW | KEY_UPDATE, .index = 1, .last = -1, .step = 2}}, .tips = mset_tips},
    {.name = "msetnx", .handler = msetnx_command, .arity = -3, .flags = CMD_WRITE | CMD_DENYOOM,
     .categories = CAT_STRING, .group = GROUP_STRING, .since = "1.0.1",
     .complexity = "O(N), N being the number of keys set.",
     .summary = "Sets several keys to a string each, or none at all when one of them exists.",
     .syntax = "key value [key value ...]",
     .keys = {{.flags = KEY_OW | KEY_INSERT, .index = 1, .last = -1, .step = 2}}, .tips = msetnx_tips},
    {.name = "append", .handler = append_command, .arity = 3, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .categories = CAT_STRING, .group = GROUP_STRING, .since = "2.0.0",
     .complexity = "O(1) amortised: a growing value is given room ahead of its need.",
     .summary = "Adds bytes at the end of a string, which is made when there is none.",
     .syntax = "key value",
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}},
    {.name = "strlen", .handler = strlen_command, .arity = 2, .flags = CMD_READONLY | CMD_FAST,
     .categories = CAT_STRING, .group = GROUP_STRING, .since = "2.2.0", .complexity = "O(1)",
     .summary = "Returns the length of a string in bytes.",
     .syntax = "key",
     .keys = {KEY_AT(1, KEY_RO)}},
    {.name = "setrange", .handler = setrange_command, .arity = 4, .flags = CMD_WRITE | CMD_DENYOOM,
     .categories = CAT_STRING, .group = GROUP_STRING, .since = "2.2.0",
     .complexity = "O(M), M being the length of the value written, and that of the zeros before it when the string grows.",
     .summary = "Overwrites a part of a string from an offset on, filling a gap with zero bytes.",
     .syntax = "key offset value",
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}},
    {.name = "getrange", .handler = getrange_command, .arity = 4, .flags = CMD_READONLY, .categories = CAT_STRING,
     .group = GROUP_STRING, .since = "2.4.0", .complexity = "O(N), N being the length of what is returned.",
     .summary = "Returns a part of a string, given by its first and last byte.",
     .syntax = "key start end",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {.name = "substr", .handler = getrange_command, .arity = 4, .flags = CMD_READONLY, .categories = CAT_STRING,
     .group = GROUP_STRING, .since = "1.0.0", .complexity = "O(N), N being the length of what is returned.",
     .summary = "Returns a part of a string: the old name of GETRANGE.",
     .syntax = "key start end",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
     .deprecated_since = "2.0.0", .replaced_by = "`GETRANGE`"},
    {.name = "incr", .handler = incr_command, .arity = 2, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .categories = CAT_STRING, .group = GROUP_STRING, .since = "1.0.0", .complexity = "O(1)",
     .summary = "Adds one to the integer a key holds, 0 when there is none.",
     .syntax = "key",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}},
    {.name = "decr", .handler = decr_command, .arity = 2, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .categories = CAT_STRING, .group = GROUP_STRING, .since = "1.0.0", .complexity = "O(1)",
     .summary = "Takes one from the integer a key holds, 0 when there is none.",
     .syntax = "key",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}},
    {.name = "incrby", .handler = incrby_command, .arity = 3, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .categories = CAT_STRING, .group = GROUP_STRING, .since = "1.0.0", .complexity = "O(1)",
     .summary = "Adds a number to the integer a key holds, 0 when there is none.",
     .syntax = "key increment",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}},
    {.name = "decrby", .handler = decrby_command, .arity = 3, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .categories = CAT_STRING, .group = GROUP_STRING, .since = "1.0.0", .complexity = "O(1)",
     .summary = "Takes a number from the integer a key holds, 0 when there is none.",
     .syntax = "key decrement",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}},
    {.name = "incrbyfloat", .handler = incrbyfloat_command, .arity = 3, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .categories = CAT_STRING, .group = GROUP_STRING, .since = "2.6.0", .complexity = "O(1)",
     .summary = "Adds a decimal fraction to the number a key holds, 0 when there is none.",
     .syntax = "key increment",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}},
    {.name = "lcs", .handler = lcs_command, .arity = -3, .flags = CMD_READONLY, .categories = CAT_STRING,
     .group = GROUP_STRING, .since = "7.0.0", .complexity = "O(N*M/64), N and M being the lengths of the two strings.",
     .summary = "Finds the longest common subsequence of two strings.",
     .syntax = "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
     .keys = {{.flags = KEY_RO | KEY_ACCESS, .index = 1, .last = 1, .step = 1}}},
    {0},
};
/* clang-format on */

const struct command *string_commands(void) { return rows; }
