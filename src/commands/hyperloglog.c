/* SPDX-License-Identifier: MIT */
/*
 * The HyperLogLog family: strings taken as sketches. What is done to the bytes is in store/hyperloglog.c; here are arguments, keys and
 * replies.
 *
 * A string that is no HyperLogLog is refused before anything is done. One that has the header but not the inside is found out
 * later: what was added before stays added.
 */
#include "commands/commands.h"

#include "base/mem.h"
#include "base/num.h"
#include "server/server.h"
#include "store/hyperloglog.h"

/* --- shared by the handlers --- */

/* False: replied. e may be NULL. */
static bool is_sketch(struct call *c, const struct entry *e, struct slice *bytes)
{
    char scratch[NUM_INT64_CHARS];
    int64_t n;
    if (call_wrong_type(c, e, VALUE_STRING)) return false;
    if (e == NULL) return true;
    *bytes = entry_string(e, scratch);
    if (!entry_int(e, &n) && hll_is_one(*bytes)) return true;
    reply_error(c->reply, "WRONGTYPE Key is not a valid HyperLogLog string value.");
    return false;
}

static void reply_corrupt(struct call *c) { reply_error(c->reply, "INVALIDOBJ Corrupted HLL object detected"); }

/* The sketch at a key, as the owner of its bytes. */
struct owner {
    struct db *db;
    struct key key;
    struct entry *entry;
};

static uint8_t *resize(void *owner, size_t len)
{
    struct owner *o = owner;
    char *bytes;
    o->entry = db_make_writable(o->db, &o->key, o->entry, len, &bytes);
    return (uint8_t *)bytes;
}

/* `e`: the entry at argument i; NULL: a new one is made. */
static void open_sketch(struct call *c, unsigned i, struct entry *e, struct owner *o, struct hll *h)
{
    char scratch[NUM_INT64_CHARS];
    *o = (struct owner){c->db, call_key(c, i), e};
    *h = (struct hll){.pack = {.resize = resize, .owner = o},
                      .sparse_max_bytes = server_config(c->server)->hll_sparse_max_bytes};
    if (e == NULL) {
        uint8_t empty[HLL_EMPTY_BYTES];
        hll_init(empty);
        h->len = sizeof(empty);
        o->entry = entry_new_raw(o->key.name, SLICE((const char *)empty, sizeof(empty)), ENTRY_NO_EXPIRY);
        db_insert(c->db, o->entry, o->key.hash);
    } else {
        h->len = entry_string(e, scratch).len;
    }
    pack_resize(&h->pack, h->len);
}

static struct slice sketch_bytes(const struct hll *h) { return SLICE((const char *)h->pack.bytes, h->len); }

/* --- PFADD, PFCOUNT, PFMERGE --- */

/* False: corrupt. */
static bool add_elements(struct call *c, struct hll *h, uint64_t *changes)
{
    for (unsigned i = 2; i < c->argc; i++) {
        enum hll_result result = hll_add(h, call_arg(c, i));
        if (result == HLL_CORRUPT) return false;
        *changes += result == HLL_CHANGED;
    }
    return true;
}

static void pfadd_command(struct call *c)
{
    struct slice bytes;
    struct owner o;
    struct hll h;
    struct entry *e = call_find_write(c, 1);
    uint64_t changes = e == NULL;
    if (!is_sketch(c, e, &bytes)) return;
    open_sketch(c, 1, e, &o, &h);
    if (!add_elements(c, &h, &changes)) {
        reply_corrupt(c);
        return;
    }
    if (changes > 0) {
        hll_forget_count(h.pack.bytes);
        call_changed(c, c->db, o.key.name, NOTIFY_STRING, "pfadd");
        call_add_dirty(c, changes - 1);
    }
    reply_int(c->reply, changes > 0);
}

/* A count that is worked out is kept in the value: a change of its bytes, though not of what they mean, and no event. */
static void count_one(struct call *c)
{
    struct slice bytes;
    struct owner o;
    struct hll h;
    uint64_t count = 0;
    struct entry *e = call_find_read(c, 1);
    if (!is_sketch(c, e, &bytes)) return;
    if (e != NULL) {
        open_sketch(c, 1, e, &o, &h);
        if (!hll_cached_count(sketch_bytes(&h), &count)) {
            if (!hll_count(sketch_bytes(&h), &count)) {
                reply_corrupt(c);
                return;
            }
            hll_keep_count(h.pack.bytes, count);
            call_add_dirty(c, 1);
        }
    }
    reply_int(c->reply, (int64_t)count);
}

struct merged {
    uint8_t registers[HLL_REGISTERS];
    bool has_dense;
};

/* The sketches of all keys from argument 1 on. False: replied. */
static bool merge_keys(struct call *c, struct merged *m)
{
    memset(m, 0, sizeof(*m));
    for (unsigned i = 1; i < c->argc; i++) {
        struct slice bytes;
        struct entry *e = call_find_read(c, i);
        if (!is_sketch(c, e, &bytes)) return false;
        if (e == NULL) continue;
        if (!hll_merge_into(bytes, m->registers)) {
            reply_corrupt(c);
            return false;
        }
        m->has_dense |= hll_encoding_of(bytes) == HLL_DENSE;
    }
    return true;
}

static void pfcount_command(struct call *c)
{
    struct merged m;
    if (c->argc == 2)
        count_one(c);
    else if (merge_keys(c, &m))
        reply_int(c->reply, (int64_t)hll_count_registers(m.registers));
}

static void pfmerge_command(struct call *c)
{
    struct merged m;
    struct owner o;
    struct hll h;
    if (!merge_keys(c, &m)) return;
    open_sketch(c, 1, call_find_write(c, 1), &o, &h);
    if ((m.has_dense && hll_make_dense(&h) == HLL_CORRUPT) || hll_raise(&h, m.registers) == HLL_CORRUPT) {
        reply_corrupt(c);
        return;
    }
    hll_forget_count(h.pack.bytes);
    call_changed(c, c->db, o.key.name, NOTIFY_STRING, "pfadd");
    reply_ok(c->reply);
}

/* --- PFDEBUG --- */

#define NAME_SHOWN_MAX 4096

/* False: corrupt, replied. */
static bool make_dense(struct call *c, struct hll *h, bool *was_sparse)
{
    enum hll_result result = hll_make_dense(h);
    *was_sparse = result == HLL_CHANGED;
    if (result == HLL_CHANGED) call_add_dirty(c, 1);
    if (result == HLL_CORRUPT) reply_corrupt(c);
    return result != HLL_CORRUPT;
}

static void debug_registers(struct call *c, struct hll *h)
{
    uint8_t registers[HLL_REGISTERS] = {0};
    bool was_sparse;
    if (!make_dense(c, h, &was_sparse)) return;
    hll_merge_into(sketch_bytes(h), registers);
    reply_array(c->reply, HLL_REGISTERS);
    for (unsigned i = 0; i < HLL_REGISTERS; i++) reply_int(c->reply, registers[i]);
}

static void debug_decode(struct call *c, const struct hll *h)
{
    struct buf text = BUF_INIT;
    if (hll_encoding_of(sketch_bytes(h)) != HLL_SPARSE) {
        reply_error(c->reply, "ERR HLL encoding is not sparse");
        return;
    }
    hll_describe_sparse(sketch_bytes(h), &text);
    reply_bulk(c->reply, buf_slice(&text));
    buf_deinit(&text);
}

static void debug_to_dense(struct call *c, struct hll *h)
{
    bool was_sparse;
    if (make_dense(c, h, &was_sparse)) reply_int(c->reply, was_sparse);
}

static void pfdebug_command(struct call *c)
{
    struct slice bytes, word = call_arg(c, 1);
    struct owner o;
    struct hll h;
    struct entry *e = call_find_write(c, 2);
    if (e == NULL) {
        reply_error(c->reply, "ERR The specified key does not exist");
        return;
    }
    if (!is_sketch(c, e, &bytes)) return;
    open_sketch(c, 2, e, &o, &h);
    if (slice_is_word(word, "getreg"))
        debug_registers(c, &h);
    else if (slice_is_word(word, "decode"))
        debug_decode(c, &h);
    else if (slice_is_word(word, "encoding"))
        reply_simple(c->reply, hll_encoding_of(sketch_bytes(&h)) == HLL_DENSE ? "dense" : "sparse");
    else if (slice_is_word(word, "todense"))
        debug_to_dense(c, &h);
    else
        reply_errorf(c->reply, "ERR Unknown PFDEBUG subcommand '%.*s'",
                     (int)(word.len < NAME_SHOWN_MAX ? word.len : NAME_SHOWN_MAX), word.ptr);
}

/* --- PFSELFTEST --- */

/* A sketch of the test's own, dense from the start or sparse for as long as it may be. */
struct trial {
    uint8_t *bytes;
    struct hll hll;
};

static uint8_t *resize_trial(void *owner, size_t len)
{
    struct trial *t = owner;
    t->bytes = mem_realloc(t->bytes, len);
    return t->bytes;
}

static void trial_init(struct trial *t, bool is_dense)
{
    t->bytes = mem_alloc(HLL_EMPTY_BYTES);
    hll_init(t->bytes);
    t->hll = (struct hll){{t->bytes, resize_trial, t}, HLL_EMPTY_BYTES, 3000};
    if (is_dense) hll_make_dense(&t->hll);
}

#define SELFTEST_ELEMENTS 200000
#define STANDARD_ERROR (1.04 / 128) /* of 2^14 registers */

/* NULL, or what does not hold after n different elements. Both sketches have to say the same, and be near the truth. */
static const char *check_trials(const struct trial *a, const struct trial *b, uint64_t n)
{
    uint64_t x, y;
    if (!hll_count(sketch_bytes(&a->hll), &x) || !hll_count(sketch_bytes(&b->hll), &y)) return "a sketch is corrupt";
    if (x != y) return "sparse and dense do not agree";
    double error = x > n ? (double)(x - n) : (double)(n - x);
    return error > 6 * STANDARD_ERROR * (double)n + 1 ? "the estimate is too far off" : NULL;
}

static void pfselftest_command(struct call *c)
{
    struct trial sparse, dense;
    const char *failure = NULL;
    trial_init(&sparse, false);
    trial_init(&dense, true);
    for (uint64_t n = 1, check = 1; n <= SELFTEST_ELEMENTS && failure == NULL; n++) {
        uint64_t element = (server_start_s(c->server) << 20) + n;
        enum hll_result x = hll_add(&sparse.hll, SLICE((const char *)&element, sizeof(element)));
        enum hll_result y = hll_add(&dense.hll, SLICE((const char *)&element, sizeof(element)));
        if (x != y) failure = "sparse and dense do not agree on a change";
        if (n < check || failure != NULL) continue;
        check = n < 100 ? n + 1 : n + n / 10;
        failure = check_trials(&sparse, &dense, n);
    }
    mem_free(sparse.bytes);
    mem_free(dense.bytes);
    if (failure != NULL)
        reply_errorf(c->reply, "TESTFAILED %s", failure);
    else
        reply_ok(c->reply);
}

/* --- the table --- */

/* clang-format off */
static const struct command rows[] = {
    {.name = "pfadd", .handler = pfadd_command, .arity = -2, .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
     .categories = CAT_HYPERLOGLOG, .group = GROUP_HYPERLOGLOG, .since = "2.8.9", .complexity = "O(1) for each element.",
     .summary = "Adds elements to a HyperLogLog, which is made when there is none.",
     .syntax = "key [element [element ...]]",
     .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)}},
    {.name = "pfcount", .handler = pfcount_command, .arity = -2, .flags = CMD_READONLY,
     .categories = CAT_HYPERLOGLOG, .group = GROUP_HYPERLOGLOG, .since = "2.8.9",
     .complexity = "O(1) for one key whose estimate is kept; O(N) for N keys, with 16,384 registers each.",
     .summary = "Returns the estimated number of different elements in one HyperLogLog, or in the union of several.",
     .syntax = "key [key ...]",
     .keys = {{.flags = KEY_RW | KEY_ACCESS, .index = 1, .last = -1, .step = 1,
               .notes = "RW because it may change the internal representation of the key, and propagate to replicas"}}},
    {.name = "pfmerge", .handler = pfmerge_command, .arity = -2, .flags = CMD_WRITE | CMD_DENYOOM,
     .categories = CAT_HYPERLOGLOG, .group = GROUP_HYPERLOGLOG, .since = "2.8.9",
     .complexity = "O(N), N being the number of keys, with 16,384 registers each.",
     .summary = "Merges HyperLogLogs into one, which keeps what it holds.",
     .syntax = "destkey [sourcekey [sourcekey ...]]",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_INSERT), KEYS_FROM(2, KEY_RO | KEY_ACCESS)}},
    {.name = "pfdebug", .handler = pfdebug_command, .arity = 3, .flags = CMD_WRITE | CMD_DENYOOM | CMD_ADMIN,
     .categories = CAT_HYPERLOGLOG, .group = GROUP_HYPERLOGLOG, .since = "2.8.9", .complexity = "N/A", .is_syscmd = true,
     .summary = "Looks inside a HyperLogLog: GETREG, DECODE, ENCODING, TODENSE.",
     .syntax = "subcommand key",
     .keys = {KEY_AT(2, KEY_RW | KEY_ACCESS)}},
    {.name = "pfselftest", .handler = pfselftest_command, .arity = 1, .flags = CMD_ADMIN,
     .categories = CAT_HYPERLOGLOG, .group = GROUP_HYPERLOGLOG, .since = "2.8.9", .complexity = "N/A", .is_syscmd = true,
     .summary = "Checks the HyperLogLog code: sparse against dense, estimates against the truth.",
     .syntax = ""},
    {0},
};
/* clang-format on */

const struct command *hyperloglog_commands(void) { return rows; }
