/* SPDX-License-Identifier: MIT */
/*
 * The list family. The blocking forms try what their plain forms do and wait for their keys when there is nothing to take; the server executes
 * the request again when a key is there.
 */
#include "commands/commands.h"

#include "base/mem.h"
#include "base/num.h"
#include "server/blocking.h"
#include "server/server.h"
#include "store/list.h"

#define WORDS_ON_STACK 64

/* --- shared by the handlers --- */

static const char *const end_names[][2] = {{"lpush", "lpop"}, {"rpush", "rpop"}};

/* The list at argument i as a ref; ref.e NULL: absent. False when another type stands there: replied. */
static bool find_to_write(struct call *c, unsigned i, struct value_ref *ref)
{
    *ref = (struct value_ref){c->db, call_key(c, i), call_find_write(c, i)};
    return !call_wrong_type(c, ref->e, VALUE_LIST);
}

static bool find_to_read(struct call *c, unsigned i, const struct entry **e)
{
    *e = call_find_read(c, i);
    return !call_wrong_type(c, *e, VALUE_LIST);
}

static inline void reply_item(struct reply *r, const struct item *i)
{
    if (item_is_int(i))
        reply_bulk_int(r, i->integer);
    else
        reply_bulk(r, SLICE(i->ptr, i->len));
}

static void reply_popped(void *ctx, const struct item *i) { reply_item(ctx, i); }

/* `changes` elements went or came; an empty list is gone by now. */
static void tell(struct call *c, const struct value_ref *ref, const char *event, size_t changes)
{
    if (changes > 0)
        call_changed(c, c->db, ref->key.name, NOTIFY_LIST, event);
    else
        call_event(c, c->db, ref->key.name, NOTIFY_LIST, event);
    if (changes > 1) call_add_dirty(c, changes - 1);
    if (ref->e == NULL) call_event(c, c->db, ref->key.name, NOTIFY_GENERIC, "del");
}

/* LEFT or RIGHT at argument i; else a syntax error is replied. */
static bool end_arg(struct call *c, unsigned i, enum list_end *end)
{
    *end = call_arg_is(c, i, "left") ? LIST_HEAD : LIST_TAIL;
    if (*end == LIST_HEAD || call_arg_is(c, i, "right")) return true;
    call_syntax_error(c);
    return false;
}

/* A number from `least` on; else `error` is replied. */
static bool count_arg(struct call *c, unsigned i, int64_t least, const char *error, int64_t *out)
{
    if (num_parse_int64(call_arg(c, i), out) && *out >= least) return true;
    reply_errorf(c->reply, "ERR %s", error);
    return false;
}

/* --- pushing and popping --- */

static void push(struct call *c, enum list_end end, bool only_present)
{
    struct value_ref ref;
    if (!find_to_write(c, 1, &ref)) return;
    if (ref.e == NULL && only_present) {
        reply_int(c->reply, 0);
        return;
    }
    struct slice few[WORDS_ON_STACK];
    size_t n = c->argc - 2;
    struct slice *elements = n <= WORDS_ON_STACK ? few : mem_alloc(n * sizeof(*elements));
    for (size_t i = 0; i < n; i++) elements[i] = call_arg(c, (unsigned)i + 2);
    list_push(&ref, end, elements, n);
    if (elements != few) mem_free(elements);
    reply_int(c->reply, (int64_t)list_count(ref.e));
    tell(c, &ref, end_names[end][0], n);
}

static void lpush_command(struct call *c) { push(c, LIST_HEAD, false); }
static void rpush_command(struct call *c) { push(c, LIST_TAIL, false); }
static void lpushx_command(struct call *c) { push(c, LIST_HEAD, true); }
static void rpushx_command(struct call *c) { push(c, LIST_TAIL, true); }

static void pop_and_reply(struct call *c, struct value_ref *ref, enum list_end end, size_t n)
{
    list_pop(ref, end, n, reply_popped, c->reply);
    tell(c, ref, end_names[end][1], n);
}

static void pop_several(struct call *c, struct value_ref *ref, enum list_end end, int64_t count)
{
    size_t have = ref->e == NULL ? 0 : list_count(ref->e);
    size_t n = (uint64_t)count < have ? (size_t)count : have;
    if (ref->e == NULL) {
        reply_null_array(c->reply);
    } else if (n == 0) {
        reply_empty_array(c->reply);
    } else {
        reply_array(c->reply, n);
        pop_and_reply(c, ref, end, n);
    }
}

static void pop(struct call *c, enum list_end end)
{
    int64_t count = 0;
    struct value_ref ref;
    if (c->argc > 3) {
        reply_errorf(c->reply, "ERR wrong number of arguments for '%s' command", c->command->name);
        return;
    }
    if (c->argc == 3 && !count_arg(c, 2, 0, "value is out of range, must be positive", &count)) return;
    if (!find_to_write(c, 1, &ref)) return;
    if (c->argc == 3)
        pop_several(c, &ref, end, count);
    else if (ref.e == NULL)
        reply_null(c->reply);
    else
        pop_and_reply(c, &ref, end, 1);
}

static void lpop_command(struct call *c) { pop(c, LIST_HEAD); }
static void rpop_command(struct call *c) { pop(c, LIST_TAIL); }

/* --- reading --- */

static void llen_command(struct call *c)
{
    const struct entry *e;
    if (find_to_read(c, 1, &e)) reply_int(c->reply, e == NULL ? 0 : (int64_t)list_count(e));
}

static void lindex_command(struct call *c)
{
    const struct entry *e;
    int64_t index;
    struct list_iter it;
    if (!find_to_read(c, 1, &e)) return;
    if (e == NULL) {
        reply_null(c->reply);
        return;
    }
    if (!call_int_arg(c, 2, &index, NULL)) return;
    if (list_get(e, index, &it))
        reply_item(c->reply, &it.item);
    else
        reply_null(c->reply);
    list_iter_deinit(&it);
}

/* Start and end at arguments 2 and 3, both inclusive. */
struct range {
    int64_t start, end;
};

static bool range_arg(struct call *c, struct range *r)
{
    return call_int_arg(c, 2, &r->start, NULL) && call_int_arg(c, 3, &r->end, NULL);
}

/* Within 0 .. count - 1, and how many they are. */
static int64_t range_clamp(struct range *r, int64_t count)
{
    if (r->start < 0) r->start = r->start < -count ? 0 : r->start + count;
    if (r->end < 0) r->end = r->end < -count ? -1 : r->end + count;
    if (r->end >= count) r->end = count - 1;
    return r->start > r->end ? 0 : r->end - r->start + 1;
}

static void lrange_command(struct call *c)
{
    const struct entry *e;
    struct range range;
    struct list_iter it;
    if (!range_arg(c, &range) || !find_to_read(c, 1, &e)) return;
    int64_t n = e == NULL ? 0 : range_clamp(&range, (int64_t)list_count(e));
    if (n == 0) {
        reply_empty_array(c->reply);
        return;
    }
    reply_array(c->reply, (size_t)n);
    list_iter_init(&it, e, range.start, false);
    while (n-- > 0 && list_iter_next(&it)) reply_item(c->reply, &it.item);
    list_iter_deinit(&it);
}

/* --- LPOS --- */

struct lpos_options {
    int64_t rank, count, max_len;
    bool has_count;
};

static bool lpos_rank(struct call *c, unsigned i, struct lpos_options *o)
{
    if (!call_int_arg(c, i, &o->rank, NULL)) return false;
    if (o->rank == INT64_MIN) {
        reply_error(c->reply, "ERR value is out of range, value must between -9223372036854775807 and "
                              "9223372036854775807");
        return false;
    }
    if (o->rank != 0) return true;
    reply_error(c->reply, "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
                          "negative to start from the end of the list");
    return false;
}

static bool lpos_options(struct call *c, struct lpos_options *o)
{
    *o = (struct lpos_options){.rank = 1, .count = 1};
    for (unsigned i = 3; i < c->argc; i += 2) {
        bool has_value = i + 1 < c->argc;
        if (has_value && call_arg_is(c, i, "rank")) {
            if (!lpos_rank(c, i + 1, o)) return false;
        } else if (has_value && call_arg_is(c, i, "count")) {
            if (!count_arg(c, i + 1, 0, "COUNT can't be negative", &o->count)) return false;
            o->has_count = true;
        } else if (has_value && call_arg_is(c, i, "maxlen")) {
            if (!count_arg(c, i + 1, 0, "MAXLEN can't be negative", &o->max_len)) return false;
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    return true;
}

static inline bool item_is(const struct item *i, const struct item *want, struct slice text)
{
    if (item_is_int(i)) return item_is_int(want) && i->integer == want->integer;
    return slice_eq(SLICE(i->ptr, i->len), text);
}

/* Replies the indexes as they are found; the first one alone without COUNT. Returns how many. */
static size_t lpos_search(struct call *c, const struct entry *e, const struct lpos_options *o)
{
    struct slice text = call_arg(c, 2);
    struct item want = item_of(text);
    bool backwards = o->rank < 0;
    int64_t skip = (backwards ? -o->rank : o->rank) - 1;
    int64_t total = (int64_t)list_count(e), found = 0;
    int64_t limit = o->max_len == 0 || o->max_len > total ? total : o->max_len;
    struct list_iter it;
    list_iter_init(&it, e, backwards ? -1 : 0, backwards);
    for (int64_t i = 0; i < limit && list_iter_next(&it); i++) {
        if (!item_is(&it.item, &want, text) || skip-- > 0) continue;
        reply_int(c->reply, backwards ? total - 1 - i : i);
        if (++found == o->count) break;
    }
    list_iter_deinit(&it);
    return (size_t)found;
}

static void lpos_command(struct call *c)
{
    struct lpos_options o;
    const struct entry *e;
    if (!lpos_options(c, &o) || !find_to_read(c, 1, &e)) return;
    if (o.has_count) {
        struct reply_later later = reply_begin(c->reply);
        reply_end_array(c->reply, later, e == NULL ? 0 : lpos_search(c, e, &o));
    } else if (e == NULL || lpos_search(c, e, &o) == 0) {
        reply_null(c->reply);
    }
}

/* --- changing --- */

static void lset_command(struct call *c)
{
    struct value_ref ref;
    int64_t index;
    ref = (struct value_ref){c->db, call_key(c, 1), call_find_write(c, 1)};
    if (ref.e == NULL) {
        reply_error(c->reply, "ERR no such key");
        return;
    }
    if (call_wrong_type(c, ref.e, VALUE_LIST) || !call_int_arg(c, 2, &index, NULL)) return;
    if (!list_set(&ref, index, call_arg(c, 3))) {
        reply_error(c->reply, "ERR index out of range");
        return;
    }
    reply_ok(c->reply);
    tell(c, &ref, "lset", 1);
}

static void ltrim_command(struct call *c)
{
    struct value_ref ref;
    struct range range;
    if (!range_arg(c, &range) || !find_to_write(c, 1, &ref)) return;
    if (ref.e != NULL) {
        int64_t count = (int64_t)list_count(ref.e);
        int64_t keep = range_clamp(&range, count);
        list_trim(&ref, keep == 0 ? 0 : range.start, keep);
        tell(c, &ref, "ltrim", (size_t)(count - keep));
    }
    reply_ok(c->reply);
}

static void lrem_command(struct call *c)
{
    struct value_ref ref;
    int64_t count;
    if (!call_int_arg(c, 2, &count, NULL) || !find_to_write(c, 1, &ref)) return;
    size_t removed = 0;
    if (ref.e != NULL) {
        uint64_t max = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
        removed = list_remove_equal(&ref, call_arg(c, 3), max, count < 0);
    }
    if (removed > 0) tell(c, &ref, "lrem", removed);
    reply_int(c->reply, (int64_t)removed);
}

static void linsert_command(struct call *c)
{
    struct value_ref ref;
    bool before = call_arg_is(c, 2, "before");
    if (!before && !call_arg_is(c, 2, "after")) {
        call_syntax_error(c);
        return;
    }
    if (!find_to_write(c, 1, &ref)) return;
    if (ref.e == NULL) {
        reply_int(c->reply, 0);
    } else if (!list_insert(&ref, call_arg(c, 3), before, call_arg(c, 4))) {
        reply_int(c->reply, -1);
    } else {
        reply_int(c->reply, (int64_t)list_count(ref.e));
        tell(c, &ref, "linsert", 1);
    }
}

/* --- moving --- */

struct move {
    enum list_end from, to;
};

struct taken {
    struct item item;
    char *bytes; /* a copy: the source changes before the target */
};

static void take(void *ctx, const struct item *i)
{
    struct taken *t = ctx;
    t->item = *i;
    if (item_is_int(i)) return;
    t->bytes = mem_alloc(i->len);
    memcpy(t->bytes, i->ptr, i->len);
    t->item.ptr = t->bytes;
}

static void peek_only(const struct entry *e, void (*fn)(void *ctx, const struct item *i), void *ctx)
{
    struct list_iter it;
    if (list_get(e, 0, &it)) fn(ctx, &it.item);
    list_iter_deinit(&it);
}

/* The source at argument 1 exists; the target at 2 may be the same. */
static void move_element(struct call *c, struct value_ref *source, struct move m)
{
    struct value_ref target;
    struct taken taken = {.bytes = NULL};
    char digits[NUM_INT64_CHARS];
    if (!find_to_write(c, 2, &target)) return;
    bool is_same = slice_eq(source->key.name, target.key.name);
    if (is_same) target.e = source->e;
    bool is_gone = list_count(source->e) == 1;
    if (is_same && is_gone) /* it stays the same list, with its expiry */
        peek_only(source->e, take, &taken);
    else
        list_pop(source, m.from, 1, take, &taken);
    struct slice element = item_slice(&taken.item, digits);
    if (is_same) target.e = source->e;
    if (!is_same || !is_gone) list_push(&target, m.to, &element, 1);
    reply_bulk(c->reply, element);
    mem_free(taken.bytes);
    call_event(c, c->db, target.key.name, NOTIFY_LIST, end_names[m.to][0]);
    call_changed(c, c->db, source->key.name, NOTIFY_LIST, end_names[m.from][1]);
    if (is_gone && !is_same) call_event(c, c->db, source->key.name, NOTIFY_GENERIC, "del");
}

/* timeout_ms < 0: does not wait. */
static void move_or_wait(struct call *c, struct move m, int64_t timeout_ms)
{
    struct value_ref source;
    if (!find_to_write(c, 1, &source)) return;
    if (source.e != NULL)
        move_element(c, &source, m);
    else if (timeout_ms < 0)
        reply_null(c->reply);
    else
        blocking_wait(c, 1, 1, VALUE_LIST, timeout_ms, BLOCKING_REPLY_NULL_ARRAY);
}

static void lmove_command(struct call *c)
{
    struct move m;
    if (end_arg(c, 3, &m.from) && end_arg(c, 4, &m.to)) move_or_wait(c, m, -1);
}

static void rpoplpush_command(struct call *c) { move_or_wait(c, (struct move){LIST_TAIL, LIST_HEAD}, -1); }

static void blmove_command(struct call *c)
{
    struct move m;
    int64_t timeout_ms;
    if (end_arg(c, 3, &m.from) && end_arg(c, 4, &m.to) && blocking_timeout_arg(c, 5, &timeout_ms))
        move_or_wait(c, m, timeout_ms);
}

static void brpoplpush_command(struct call *c)
{
    int64_t timeout_ms;
    if (blocking_timeout_arg(c, 3, &timeout_ms)) move_or_wait(c, (struct move){LIST_TAIL, LIST_HEAD}, timeout_ms);
}

/* --- popping from the first of several --- */

/* The first key of those at first .. end - 1 that holds a list. False: replied an error. */
static bool find_first(struct call *c, unsigned first, unsigned end, struct value_ref *ref)
{
    ref->e = NULL;
    for (unsigned i = first; i < end && ref->e == NULL; i++) {
        if (!find_to_write(c, i, ref)) return false;
    }
    return true;
}

static void blocking_pop(struct call *c, enum list_end end)
{
    struct value_ref ref;
    int64_t timeout_ms;
    unsigned last = c->argc - 1;
    if (!blocking_timeout_arg(c, last, &timeout_ms) || !find_first(c, 1, last, &ref)) return;
    if (ref.e == NULL) {
        blocking_wait(c, 1, last - 1, VALUE_LIST, timeout_ms, BLOCKING_REPLY_NULL_ARRAY);
        return;
    }
    reply_array(c->reply, 2);
    reply_bulk(c->reply, ref.key.name);
    pop_and_reply(c, &ref, end, 1);
}

static void blpop_command(struct call *c) { blocking_pop(c, LIST_HEAD); }
static void brpop_command(struct call *c) { blocking_pop(c, LIST_TAIL); }

struct mpop {
    unsigned first, end; /* of the keys */
    enum list_end from;
    int64_t count;
};

/* numkeys key [key ...] LEFT|RIGHT [COUNT count], from argument i on. */
static bool mpop_args(struct call *c, unsigned i, struct mpop *m)
{
    int64_t keys;
    bool has_count = false;
    m->count = 1;
    if (!count_arg(c, i, 1, "numkeys should be greater than 0", &keys)) return false;
    if (keys >= (int64_t)(c->argc - i - 1)) {
        call_syntax_error(c);
        return false;
    }
    m->first = i + 1;
    m->end = m->first + (unsigned)keys;
    if (!end_arg(c, m->end, &m->from)) return false;
    for (unsigned k = m->end + 1; k < c->argc; k += 2) {
        if (has_count || k + 1 == c->argc || !call_arg_is(c, k, "count")) {
            call_syntax_error(c);
            return false;
        }
        if (!count_arg(c, k + 1, 1, "count should be greater than 0", &m->count)) return false;
        has_count = true;
    }
    return true;
}

/* True when there was something to take, or an error was replied. */
static bool mpop(struct call *c, const struct mpop *m)
{
    struct value_ref ref;
    if (!find_first(c, m->first, m->end, &ref)) return true;
    if (ref.e == NULL) return false;
    reply_array(c->reply, 2);
    reply_bulk(c->reply, ref.key.name);
    pop_several(c, &ref, m->from, m->count);
    return true;
}

static void lmpop_command(struct call *c)
{
    struct mpop m;
    if (mpop_args(c, 1, &m) && !mpop(c, &m)) reply_null_array(c->reply);
}

static void blmpop_command(struct call *c)
{
    struct mpop m;
    int64_t timeout_ms;
    if (!mpop_args(c, 2, &m) || !blocking_timeout_arg(c, 1, &timeout_ms) || mpop(c, &m)) return;
    blocking_wait(c, m.first, m.end - m.first, VALUE_LIST, timeout_ms, BLOCKING_REPLY_NULL_ARRAY);
}

/* --- the table --- */

/* clang-format off */
#define ROW(name_, arity_, flags_, since_, complexity_, syntax_, summary_, ...)                                        \
    {.name = #name_, .handler = name_##_command, .arity = (arity_), .flags = (flags_), .categories = CAT_LIST,          \
     .group = GROUP_LIST, .since = (since_), .complexity = (complexity_), .syntax = (syntax_), .summary = (summary_),  \
     __VA_ARGS__}
#define PUSH_FLAGS (CMD_WRITE | CMD_DENYOOM | CMD_FAST)
#define INSERT_KEY .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}
#define POP_KEY KEY_RW | KEY_ACCESS | KEY_DELETE
#define MOVE_KEYS .keys = {KEY_AT(1, POP_KEY), KEY_AT(2, KEY_RW | KEY_INSERT)}
#define KEYNUM(i) .keys = {{.flags = POP_KEY, .index = (i), .is_keynum = true, .last = 0, .step = 1, .limit = 1}}
#define EACH_ADDED "O(1) for each element that is added."
#define N_KEYS "O(N) where N is the number of given keys."
#define N_AND_M "O(N+M) where N is the number of given keys and M the number of elements returned."

static const struct command rows[] = {
    ROW(lpush, -3, PUSH_FLAGS, "1.0.0", EACH_ADDED, "key element [element ...]",
        "Puts elements before the head of a list, one after the other; the list is made when it is missing.", INSERT_KEY),
    ROW(rpush, -3, PUSH_FLAGS, "1.0.0", EACH_ADDED, "key element [element ...]",
        "Puts elements behind the tail of a list; the list is made when it is missing.", INSERT_KEY),
    ROW(lpushx, -3, PUSH_FLAGS, "2.2.0", EACH_ADDED, "key element [element ...]",
        "Puts elements before the head of a list that exists.", INSERT_KEY),
    ROW(rpushx, -3, PUSH_FLAGS, "2.2.0", EACH_ADDED, "key element [element ...]",
        "Puts elements behind the tail of a list that exists.", INSERT_KEY),
    ROW(lpop, -2, CMD_WRITE | CMD_FAST, "1.0.0", "O(N) where N is the number of elements returned.", "key [count]",
        "Takes elements off the head of a list.", .keys = {KEY_AT(1, POP_KEY)}),
    ROW(rpop, -2, CMD_WRITE | CMD_FAST, "1.0.0", "O(N) where N is the number of elements returned.", "key [count]",
        "Takes elements off the tail of a list.", .keys = {KEY_AT(1, POP_KEY)}),
    ROW(llen, 2, CMD_READONLY | CMD_FAST, "1.0.0", "O(1)", "key", "Returns the length of a list.",
        .keys = {KEY_AT(1, KEY_RO)}),
    ROW(lindex, 3, CMD_READONLY, "1.0.0", "O(N) where N is the number of nodes to the nearer end; O(1) at the ends.",
        "key index", "Returns the element at an index.", .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}),
    ROW(lset, 4, CMD_WRITE | CMD_DENYOOM, "1.0.0",
        "O(N) where N is the number of nodes to the nearer end; O(1) at the ends.", "key index element",
        "Replaces the element at an index.", .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}),
    ROW(lrange, 4, CMD_READONLY, "1.0.0",
        "O(S+N) where S is the distance of the range from the nearer end and N the number of its elements.",
        "key start stop", "Returns a range of elements.", .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}),
    ROW(ltrim, 4, CMD_WRITE, "1.0.0", "O(N) where N is the number of elements that go.", "key start stop",
        "Keeps a range of a list and removes the rest.", .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}),
    ROW(lrem, 4, CMD_WRITE, "1.0.0", "O(N) where N is the length of the list.", "key count element",
        "Removes elements that are equal to a given one.", .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}),
    ROW(linsert, 5, CMD_WRITE | CMD_DENYOOM, "2.2.0", "O(N) where N is the number of elements before the pivot.",
        "key <BEFORE | AFTER> pivot element", "Puts an element before or behind another one.", INSERT_KEY),
    ROW(lpos, -3, CMD_READONLY, "6.0.6", "O(N) where N is the number of elements looked at.",
        "key element [RANK rank] [COUNT num-matches] [MAXLEN len]", "Returns the indexes of elements that match.",
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}),
    ROW(lmove, 5, CMD_WRITE | CMD_DENYOOM, "6.2.0", "O(1)", "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
        "Moves an element from an end of a list to an end of another and returns it.", MOVE_KEYS),
    ROW(rpoplpush, 3, CMD_WRITE | CMD_DENYOOM, "1.2.0", "O(1)", "source destination",
        "Moves the last element of a list to the head of another and returns it.", MOVE_KEYS,
        .deprecated_since = "6.2.0", .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments"),
    ROW(lmpop, -4, CMD_WRITE | CMD_MOVABLE_KEYS, "7.0.0", N_AND_M, "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        "Takes elements off the first of the lists that exists.", KEYNUM(1)),
    ROW(blpop, -3, CMD_WRITE | CMD_NOSCRIPT | CMD_BLOCKING, "2.0.0", N_KEYS, "key [key ...] timeout",
        "Takes the first element of a list, or waits for one.",
        .keys = {{.flags = POP_KEY, .index = 1, .last = -2, .step = 1}}),
    ROW(brpop, -3, CMD_WRITE | CMD_NOSCRIPT | CMD_BLOCKING, "2.0.0", N_KEYS, "key [key ...] timeout",
        "Takes the last element of a list, or waits for one.",
        .keys = {{.flags = POP_KEY, .index = 1, .last = -2, .step = 1}}),
    ROW(blmove, 6, CMD_WRITE | CMD_DENYOOM | CMD_NOSCRIPT | CMD_BLOCKING, "6.2.0", "O(1)",
        "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
        "Moves an element from one list to another and returns it, or waits for one.", MOVE_KEYS),
    ROW(brpoplpush, 4, CMD_WRITE | CMD_DENYOOM | CMD_NOSCRIPT | CMD_BLOCKING, "2.2.0", "O(1)",
        "source destination timeout",
        "Moves the last element of a list to the head of another and returns it, or waits for one.", MOVE_KEYS,
        .deprecated_since = "6.2.0", .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments"),
    ROW(blmpop, -5, CMD_WRITE | CMD_BLOCKING | CMD_MOVABLE_KEYS, "7.0.0", N_AND_M,
        "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        "Takes elements off the first of the lists that exists, or waits for some.", KEYNUM(2)),
    {0},
};
/* clang-format on */

const struct command *list_commands(void) { return rows; }
