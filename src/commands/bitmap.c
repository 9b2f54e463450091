/* SPDX-License-Identifier: MIT */
/*
 * The bitmap family: strings taken as rows of bits. What is done to the bytes is in bits.c; here are arguments, keys
 * and replies.
 *
 * A bit offset that a client names is refused before anything is looked up or made when its byte would lie beyond
 * proto-max-bulk-len.
 */
#include "commands/commands.h"

#include "base/blob.h"
#include "base/mem.h"
#include "base/num.h"
#include "commands/bits.h"
#include "server/server.h"

/* --- shared by the handlers --- */

/* The bytes of the string at argument i, none without a key. */
struct bitmap {
    struct entry *entry; /* NULL: no key */
    struct slice bytes;
    char scratch[NUM_INT64_CHARS];
};

/* False when another type stands there: replied. `b` may not move afterwards. */
static bool read_bitmap(struct call *c, unsigned i, struct bitmap *b)
{
    b->entry = call_find_read(c, i);
    if (call_wrong_type(c, b->entry, VALUE_STRING)) return false;
    b->bytes = b->entry == NULL ? SLICE("", 0) : entry_string(b->entry, b->scratch);
    return true;
}

struct writable {
    char *bytes;
    size_t len;
    bool has_grown; /* or was made */
};

/* The string at argument 1, made or grown so far that `last_bit` is in it. False when another type stands there. */
static bool write_bitmap(struct call *c, uint64_t last_bit, struct writable *w)
{
    struct key k = call_key(c, 1);
    struct entry *e = call_find_write(c, 1);
    if (call_wrong_type(c, e, VALUE_STRING)) return false;
    size_t len = e == NULL ? 0 : entry_string_len(e);
    w->len = last_bit / 8 + 1;
    w->has_grown = w->len > len;
    if (!w->has_grown) w->len = len;
    if (e == NULL) e = db_set_string(c->db, &k, SLICE("", 0), ENTRY_NO_EXPIRY);
    db_make_writable(c->db, &k, e, w->len, &w->bytes);
    return true;
}

static bool is_bit_allowed(const struct call *c, uint64_t bit)
{
    return bit / 8 < server_config(c->server)->proto_max_bulk_len;
}

static void reply_bad_offset(struct call *c)
{
    reply_error(c->reply, "ERR bit offset is not an integer or out of range");
}

/* A bit offset. "#n" is the n-th field of that width. */
static bool parse_offset(struct call *c, unsigned i, bool by_field, unsigned width, uint64_t *out)
{
    struct slice s = call_arg(c, i);
    int64_t offset;
    bool counts_fields = by_field && s.len > 0 && s.ptr[0] == '#';
    if (counts_fields) s = SLICE(s.ptr + 1, s.len - 1);
    if (num_parse_int64(s, &offset) && offset >= 0 &&
        !__builtin_mul_overflow(offset, counts_fields ? (int64_t)width : 1, &offset) &&
        is_bit_allowed(c, (uint64_t)offset)) {
        *out = (uint64_t)offset;
        return true;
    }
    reply_bad_offset(c);
    return false;
}

/* --- single bits --- */

static void setbit_command(struct call *c)
{
    static const char bad_bit[] = "bit is not an integer or out of range";
    uint64_t offset;
    int64_t bit;
    struct writable w;
    if (!parse_offset(c, 2, false, 1, &offset) || !call_int_arg(c, 3, &bit, bad_bit)) return;
    if (bit != 0 && bit != 1) {
        reply_errorf(c->reply, "ERR %s", bad_bit);
        return;
    }
    if (!write_bitmap(c, offset, &w)) return;
    const struct bits_field field = {.offset = offset, .width = 1};
    uint64_t before = bits_get_field(SLICE(w.bytes, w.len), &field);
    if (w.has_grown || before != (uint64_t)bit) {
        bits_set_field(w.bytes, &field, (uint64_t)bit);
        call_changed(c, c->db, call_arg(c, 1), NOTIFY_STRING, "setbit");
    }
    reply_int(c->reply, (int64_t)before);
}

static void getbit_command(struct call *c)
{
    uint64_t offset;
    struct bitmap b;
    if (!parse_offset(c, 2, false, 1, &offset) || !read_bitmap(c, 1, &b)) return;
    const struct bits_field field = {.offset = offset, .width = 1};
    reply_int(c->reply, (int64_t)bits_get_field(b.bytes, &field));
}

/* --- ranges: BITCOUNT and BITPOS --- */

struct range {
    int64_t start, end; /* both inclusive, negative ones from the end */
    bool has_start, has_end, in_bits;
};

static bool parse_unit(struct call *c, unsigned i, struct range *r)
{
    r->in_bits = call_arg_is(c, i, "BIT");
    if (r->in_bits || call_arg_is(c, i, "BYTE")) return true;
    call_syntax_error(c);
    return false;
}

/* [start [end [BYTE | BIT]]] from argument i on. The unit is looked at before the end, as Redis does for BITPOS; for
 * BITCOUNT after it: `unit_last`. */
static bool parse_range(struct call *c, unsigned i, bool unit_last, struct range *r)
{
    *r = (struct range){.start = 0, .end = -1};
    unsigned count = c->argc - i;
    if (count > 3) {
        call_syntax_error(c);
        return false;
    }
    r->has_start = count >= 1;
    r->has_end = count >= 2;
    if (r->has_start && !call_int_arg(c, i, &r->start, NULL)) return false;
    if (count == 3 && !unit_last && !parse_unit(c, i + 2, r)) return false;
    if (r->has_end && !call_int_arg(c, i + 1, &r->end, NULL)) return false;
    return count < 3 || !unit_last || parse_unit(c, i + 2, r);
}

/* The range in a string of `len` bytes as bits [*from, *end); false when it is empty. */
static bool place_range(const struct range *r, size_t len, uint64_t *from, uint64_t *end)
{
    int64_t total = (int64_t)len * (r->in_bits ? 8 : 1), unit = r->in_bits ? 1 : 8;
    int64_t first = r->start < 0 ? r->start + total : r->start, last = r->end < 0 ? r->end + total : r->end;
    if (first < 0) first = 0;
    if (last < 0) last = 0;
    if (last >= total) last = total - 1;
    if (first > last) return false;
    *from = (uint64_t)(first * unit);
    *end = (uint64_t)((last + 1) * unit);
    return true;
}

static void bitcount_command(struct call *c)
{
    struct range r;
    struct bitmap b;
    uint64_t from, end;
    if (c->argc == 3) {
        call_syntax_error(c);
        return;
    }
    if (!parse_range(c, 2, true, &r) || !read_bitmap(c, 1, &b)) return;
    /* Before bounds are put in, where both could end at the first byte. */
    bool is_reversed = r.start < 0 && r.end < 0 && r.start > r.end;
    bool is_empty = is_reversed || !place_range(&r, b.bytes.len, &from, &end);
    reply_int(c->reply, is_empty ? 0 : (int64_t)bits_count(b.bytes.ptr, from, end));
}

/* A string without an end given goes on with zeros for ever: a clear bit is found in any of them. */
static int64_t find_bit(const struct bitmap *b, const struct range *r, bool wanted)
{
    uint64_t from, end;
    if (b->entry == NULL) return wanted ? -1 : 0;
    if (!place_range(r, b->bytes.len, &from, &end)) return -1;
    uint64_t found = bits_find(b->bytes.ptr, from, end, wanted);
    if (found != BITS_NONE) return (int64_t)found;
    return wanted || r->has_end ? -1 : (int64_t)end;
}

static void bitpos_command(struct call *c)
{
    int64_t bit;
    struct range r;
    struct bitmap b;
    if (!call_int_arg(c, 2, &bit, NULL)) return;
    if (bit != 0 && bit != 1) {
        reply_error(c->reply, "ERR The bit argument must be 1 or 0.");
        return;
    }
    if (parse_range(c, 3, false, &r) && read_bitmap(c, 1, &b)) reply_int(c->reply, find_bit(&b, &r, bit == 1));
}

/* --- BITOP --- */

static bool parse_operation(struct call *c, enum bits_operation *op)
{
    if (call_arg_is(c, 1, "AND"))
        *op = BITS_AND;
    else if (call_arg_is(c, 1, "OR"))
        *op = BITS_OR;
    else if (call_arg_is(c, 1, "XOR"))
        *op = BITS_XOR;
    else if (call_arg_is(c, 1, "NOT"))
        *op = BITS_NOT;
    else {
        call_syntax_error(c);
        return false;
    }
    if (*op != BITS_NOT || c->argc == 4) return true;
    reply_error(c->reply, "ERR BITOP NOT must be called with a single source key.");
    return false;
}

/* The sources, arguments 3 and on, and the length of the longest. Those held as integers are written out behind the
 * slices. False: replied. */
static bool read_sources(struct call *c, struct slice *sources, char (*digits)[NUM_INT64_CHARS], size_t *max_len)
{
    *max_len = 0;
    for (unsigned i = 3; i < c->argc; i++) {
        struct entry *e = call_find_read(c, i);
        if (call_wrong_type(c, e, VALUE_STRING)) return false;
        struct slice *s = &sources[i - 3];
        *s = e == NULL ? SLICE("", 0) : entry_string(e, digits[i - 3]);
        if (s->len > *max_len) *max_len = s->len;
    }
    return true;
}

static void delete_result(struct call *c)
{
    struct key k = call_key(c, 2);
    bool lazily = server_config(c->server)->lazyfree_lazy_server_del;
    if (db_delete(c->db, &k, c->now_ms, lazily)) call_changed(c, c->db, k.name, NOTIFY_GENERIC, "del");
}

/* A result small enough for the stack; the destination may be a source, so it is written only now. */
static void store_small(struct call *c, const char *result, size_t len)
{
    struct key k = call_key(c, 2);
    char *bytes;
    struct entry *e = db_set_string(c->db, &k, SLICE("", 0), ENTRY_NO_EXPIRY);
    db_make_writable(c->db, &k, e, len, &bytes);
    memcpy(bytes, result, len);
}

/* False: no memory, replied. */
static bool store_combined(struct call *c, enum bits_operation op, const struct slice *sources, size_t len)
{
    char small[ENTRY_INLINE_VALUE_MAX];
    size_t count = c->argc - 3;
    if (len <= sizeof small) {
        bits_combine(op, sources, count, small, len);
        store_small(c, small, len);
        return true;
    }
    struct blob *result = blob_try_new(len);
    if (result == NULL) {
        reply_error(c->reply, "ERR Insufficient memory for the result of BITOP");
        return false;
    }
    struct key k = call_key(c, 2);
    bits_combine(op, sources, count, result->data, len);
    result->len = len;
    db_set_blob(c->db, &k, result, ENTRY_NO_EXPIRY);
    return true;
}

#define BITOP_STACK_SOURCES 16

static void combine_sources(struct call *c, enum bits_operation op, struct slice *sources,
                            char (*digits)[NUM_INT64_CHARS])
{
    size_t len;
    if (!read_sources(c, sources, digits, &len)) return;
    if (len == 0) {
        delete_result(c);
    } else {
        if (!store_combined(c, op, sources, len)) return;
        call_changed(c, c->db, call_arg(c, 2), NOTIFY_STRING, "set");
    }
    reply_int(c->reply, (int64_t)len);
}

static void bitop_command(struct call *c)
{
    enum bits_operation op;
    size_t count = c->argc - 3;
    if (!parse_operation(c, &op)) return;
    if (count <= BITOP_STACK_SOURCES) {
        struct slice sources[BITOP_STACK_SOURCES];
        char digits[BITOP_STACK_SOURCES][NUM_INT64_CHARS];
        combine_sources(c, op, sources, digits);
        return;
    }
    struct slice *sources = mem_alloc(count * sizeof *sources);
    char(*digits)[NUM_INT64_CHARS] = mem_alloc(count * sizeof *digits);
    combine_sources(c, op, sources, digits);
    mem_free(digits);
    mem_free(sources);
}

/* --- BITFIELD --- */

enum field_action { FIELD_GET, FIELD_SET, FIELD_INCRBY };

struct field_op {
    enum field_action action;
    enum bits_overflow overflow;
    struct bits_field field;
    int64_t operand; /* of SET and INCRBY */
};

/* A walk over the operations in the arguments. Done twice: all are checked before the first is carried out. */
struct field_walk {
    unsigned i; /* the next argument */
    enum bits_overflow overflow;
};
enum field_step { FIELD_STEP_OP, FIELD_STEP_END, FIELD_STEP_ERROR /* replied */ };

/* "i5", "u63" and so on. */
static bool parse_field_type(struct call *c, unsigned i, struct bits_field *f)
{
    struct slice s = call_arg(c, i);
    int64_t width;
    bool has_sign = s.len > 1 && (s.ptr[0] == 'i' || s.ptr[0] == 'u');
    f->is_signed = has_sign && s.ptr[0] == 'i';
    if (has_sign && num_parse_int64(SLICE(s.ptr + 1, s.len - 1), &width) && width >= 1 &&
        width <= (f->is_signed ? 64 : 63)) {
        f->width = (unsigned)width;
        return true;
    }
    reply_error(c->reply, "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "
                          "i64 is.");
    return false;
}

static bool parse_overflow(struct call *c, unsigned i, enum bits_overflow *out)
{
    if (call_arg_is(c, i, "WRAP"))
        *out = BITS_WRAP;
    else if (call_arg_is(c, i, "SAT"))
        *out = BITS_SATURATE;
    else if (call_arg_is(c, i, "FAIL"))
        *out = BITS_FAIL;
    else {
        reply_error(c->reply, "ERR Invalid OVERFLOW type specified");
        return false;
    }
    return true;
}

/* The word at the walk's place when enough arguments follow it. */
static bool is_op(const struct call *c, const struct field_walk *w, const char *word, unsigned arguments)
{
    return c->argc - w->i > arguments && call_arg_is(c, w->i, word);
}

static bool parse_action(struct call *c, const struct field_walk *w, enum field_action *action)
{
    if (is_op(c, w, "GET", 2))
        *action = FIELD_GET;
    else if (is_op(c, w, "SET", 3))
        *action = FIELD_SET;
    else if (is_op(c, w, "INCRBY", 3))
        *action = FIELD_INCRBY;
    else {
        call_syntax_error(c);
        return false;
    }
    return true;
}

static enum field_step next_field_op(struct call *c, struct field_walk *w, struct field_op *op)
{
    for (; w->i < c->argc && is_op(c, w, "OVERFLOW", 1); w->i += 2) {
        if (!parse_overflow(c, w->i + 1, &w->overflow)) return FIELD_STEP_ERROR;
    }
    if (w->i >= c->argc) return FIELD_STEP_END;
    op->overflow = w->overflow;
    if (!parse_action(c, w, &op->action) || !parse_field_type(c, w->i + 1, &op->field) ||
        !parse_offset(c, w->i + 2, true, op->field.width, &op->field.offset)) {
        return FIELD_STEP_ERROR;
    }
    bool has_operand = op->action != FIELD_GET;
    if (has_operand && !is_bit_allowed(c, op->field.offset + op->field.width - 1)) {
        reply_bad_offset(c);
        return FIELD_STEP_ERROR;
    }
    if (has_operand && !call_int_arg(c, w->i + 3, &op->operand, NULL)) return FIELD_STEP_ERROR;
    w->i += has_operand ? 4 : 3;
    return FIELD_STEP_OP;
}

struct field_plan {
    unsigned count;
    bool writes;
    uint64_t last_written_bit;
};

/* False: an operation is not valid, replied. */
static bool plan_field_ops(struct call *c, struct field_plan *plan)
{
    struct field_walk walk = {.i = 2, .overflow = BITS_WRAP};
    struct field_op op;
    enum field_step step;
    *plan = (struct field_plan){0};
    while ((step = next_field_op(c, &walk, &op)) == FIELD_STEP_OP) {
        plan->count++;
        if (op.action == FIELD_GET) continue;
        uint64_t last = op.field.offset + op.field.width - 1;
        if (last > plan->last_written_bit) plan->last_written_bit = last;
        plan->writes = true;
    }
    return step == FIELD_STEP_END;
}

/* SET or INCRBY; true when the value is another one now. */
static bool write_field(struct call *c, const struct writable *w, const struct field_op *op)
{
    uint64_t before = bits_get_field(SLICE(w->bytes, w->len), &op->field), after;
    bool fits;
    if (op->action == FIELD_SET)
        fits = bits_add(&op->field, (uint64_t)op->operand, 0, op->overflow, &after);
    else
        fits = bits_add(&op->field, before, op->operand, op->overflow, &after);
    if (!fits && op->overflow == BITS_FAIL) {
        reply_null(c->reply);
        return false;
    }
    bits_set_field(w->bytes, &op->field, after);
    reply_int(c->reply, (int64_t)(op->action == FIELD_SET ? before : after));
    return w->has_grown || before != after;
}

static void read_fields(struct call *c, const struct field_plan *plan)
{
    struct bitmap b;
    struct field_op op;
    struct field_walk walk = {.i = 2, .overflow = BITS_WRAP};
    if (!read_bitmap(c, 1, &b)) return;
    reply_array(c->reply, plan->count);
    while (next_field_op(c, &walk, &op) == FIELD_STEP_OP) {
        reply_int(c->reply, (int64_t)bits_get_field(b.bytes, &op.field));
    }
}

static void write_fields(struct call *c, const struct field_plan *plan)
{
    struct writable w;
    struct field_op op;
    struct field_walk walk = {.i = 2, .overflow = BITS_WRAP};
    uint64_t changes = 0;
    if (!write_bitmap(c, plan->last_written_bit, &w)) return;
    reply_array(c->reply, plan->count);
    while (next_field_op(c, &walk, &op) == FIELD_STEP_OP) {
        if (op.action == FIELD_GET)
            reply_int(c->reply, (int64_t)bits_get_field(SLICE(w.bytes, w.len), &op.field));
        else
            changes += write_field(c, &w, &op);
    }
    if (changes == 0) return;
    call_changed(c, c->db, call_arg(c, 1), NOTIFY_STRING, "setbit");
    call_add_dirty(c, changes - 1);
}

static void bitfield_command(struct call *c)
{
    struct field_plan plan;
    if (!plan_field_ops(c, &plan)) return;
    if (plan.writes)
        write_fields(c, &plan);
    else
        read_fields(c, &plan);
}

static void bitfield_ro_command(struct call *c)
{
    struct field_plan plan;
    if (!plan_field_ops(c, &plan)) return;
    if (plan.writes)
        reply_error(c->reply, "ERR BITFIELD_RO only supports the GET subcommand");
    else
        read_fields(c, &plan);
}

/* --- the table --- */

/* clang-format off */
/* BITFIELD with nothing but GETs only reads. */
static unsigned bitfield_key_flags(const struct arg *argv, unsigned argc)
{
    for (unsigned i = 2; i < argc; i++) {
        struct slice word = arg_slice(&argv[i]);
        if (slice_is_word(word, "get")) i += 2;
        else if (slice_is_word(word, "overflow")) i += 1;
        else return KEY_RW | KEY_ACCESS | KEY_UPDATE;
    }
    return KEY_RO | KEY_ACCESS;
}

static const struct command rows[] = {
    {.name = "setbit", .handler = setbit_command, .arity = 4, .flags = CMD_WRITE | CMD_DENYOOM,
     .categories = CAT_BITMAP, .group = GROUP_BITMAP, .since = "2.2.0", .complexity = "O(1)",
     .summary = "Sets or clears one bit of a string, which grows as needed.",
     .syntax = "key offset value",
     .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)}},
    {.name = "getbit", .handler = getbit_command, .arity = 3, .flags = CMD_READONLY | CMD_FAST,
     .categories = CAT_BITMAP, .group = GROUP_BITMAP, .since = "2.2.0", .complexity = "O(1)",
     .summary = "Returns one bit of a string.",
     .syntax = "key offset",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {.name = "bitcount", .handler = bitcount_command, .arity = -2, .flags = CMD_READONLY, .categories = CAT_BITMAP,
     .group = GROUP_BITMAP, .since = "2.6.0", .complexity = "O(N)",
     .summary = "Counts the bits that are set in a string or a part of it.",
     .syntax = "key [start end [BYTE | BIT]]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {.name = "bitpos", .handler = bitpos_command, .arity = -3, .flags = CMD_READONLY, .categories = CAT_BITMAP,
     .group = GROUP_BITMAP, .since = "2.8.7", .complexity = "O(N)",
     .summary = "Finds the first bit that is set, or clear, in a string or a part of it.",
     .syntax = "key bit [start [end [BYTE | BIT]]]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {.name = "bitop", .handler = bitop_command, .arity = -4, .flags = CMD_WRITE | CMD_DENYOOM,
     .categories = CAT_BITMAP, .group = GROUP_BITMAP, .since = "2.6.0", .complexity = "O(N)",
     .summary = "Combines strings bit by bit and keeps the result under a key.",
     .syntax = "<AND | OR | XOR | NOT> destkey key [key ...]",
     .keys = {KEY_AT(2, KEY_OW | KEY_UPDATE), KEYS_FROM(3, KEY_RO | KEY_ACCESS)}},
    {.name = "bitfield", .handler = bitfield_command, .arity = -2, .flags = CMD_WRITE | CMD_DENYOOM,
     .categories = CAT_BITMAP, .group = GROUP_BITMAP, .since = "3.2.0",
     .complexity = "O(1) for each operation.",
     .summary = "Reads, sets and increments integers of any width inside a string.",
     .syntax = "key [<GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | "
               "INCRBY encoding offset increment>> ...]",
     .key_flags = bitfield_key_flags,
     .keys = {{.flags = KEY_RW | KEY_ACCESS | KEY_UPDATE | KEY_VARIABLE, .index = 1, .step = 1,
               .notes = "Reads the key as well as changing it"}}},
    {.name = "bitfield_ro", .handler = bitfield_ro_command, .arity = -2, .flags = CMD_READONLY | CMD_FAST,
     .categories = CAT_BITMAP, .group = GROUP_BITMAP, .since = "6.0.0",
     .complexity = "O(1) for each operation.",
     .summary = "Reads integers of any width inside a string.",
     .syntax = "key [<GET encoding offset> ...]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {0},
};
/* clang-format on */

const struct command *bitmap_commands(void) { return rows; }
