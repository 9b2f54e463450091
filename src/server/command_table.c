/* SPDX-License-Identifier: MIT */
/*
 * The command table: every row under its name, subcommands under their container.
 *
 * A name is found by a folded key of two words, so that a lookup is a few loads, a multiplication and one compare:
 *
 *   length     low                           high
 *   1..3       first, middle, last byte      0
 *   4..7       first 4 and last 4 bytes      0
 *   8..16      first 8 bytes                 last 8 bytes (they may overlap)
 *   over 16    first 8 bytes                 last 8 bytes; then the whole name is compared
 *
 * Upper-case letters are folded first. With the length these words tell any two names of up to 16 bytes apart.
 * The slots are open-addressed, at most half full, never removed from. A second table finds the record of a row by
 * its address: parent and statistics live there, as rows are constant.
 *
 * The table is the one process-wide object of this folder: rows are program text, the same for every server.
 */
#include "server/command.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"

struct record {
    const struct command *row;
    const struct command *parent; /* NULL: top level */
    struct command_stats stats;
};

struct name_slot {
    uint64_t low, high;
    const struct record *record; /* NULL: free */
    uint32_t len;
};

static struct {
    struct record **records; /* each an allocation of its own: they never move */
    unsigned record_count, record_cap;
    struct record **top; /* top-level ones in order of name */
    unsigned top_count;
    struct name_slot *names; /* `slots` of them */
    struct record **by_row;  /* `slots` of them, by address of the row */
    unsigned slots, slot_bits;
} table;

/* --- folded names --- */

struct folded {
    uint64_t low, high;
    uint32_t len;
};

/* Eight bytes at once: adds 0x20 to those in 'A'..'Z'. */
static uint64_t fold_word(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t low7 = w & (0x7f * ones);
    uint64_t from_a = low7 + ones * (0x80 - 'A');
    uint64_t over_z = low7 + ones * (0x7f - 'Z');
    uint64_t upper = (from_a & ~over_z) & ~w & (0x80 * ones);
    return w | (upper >> 2);
}

static uint64_t load_4(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static uint64_t load_8(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static struct folded fold_name(struct slice s)
{
    const char *p = s.ptr;
    size_t n = s.len;
    uint64_t low = 0;
    uint64_t high = 0;
    if (n >= 8) {
        low = load_8(p);
        high = load_8(p + n - 8);
    } else if (n >= 4) {
        low = load_4(p) | load_4(p + n - 4) << 32;
    } else if (n > 0) {
        low = (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[n / 2] << 8 |
              (uint64_t)(unsigned char)p[n - 1] << 16;
    }
    return (struct folded){fold_word(low), fold_word(high), (uint32_t)(n > UINT32_MAX ? UINT32_MAX : n)};
}

static unsigned name_home(const struct folded *f, const struct command *parent)
{
    uint64_t h = (f->low ^ (f->high << 1 | f->high >> 63) ^ f->len ^ (uintptr_t)parent) * 0x9e3779b97f4a7c15u;
    return (unsigned)(h >> (64 - table.slot_bits));
}

static unsigned row_home(const struct command *row)
{
    return (unsigned)(((uintptr_t)row * 0x9e3779b97f4a7c15u) >> (64 - table.slot_bits));
}

static const struct record *find_record(struct slice name, const struct command *parent)
{
    if (table.slots == 0) return NULL;
    struct folded f = fold_name(name);
    for (unsigned i = name_home(&f, parent);; i = (i + 1) & (table.slots - 1)) {
        const struct name_slot *s = &table.names[i];
        if (s->record == NULL) return NULL;
        if (s->low != f.low || s->high != f.high || s->len != f.len || s->record->parent != parent) continue;
        if (name.len <= 16 || slice_is_word(name, s->record->row->name)) return s->record;
    }
}

static struct record *record_of(const struct command *row)
{
    ASSERT(table.slots > 0);
    for (unsigned i = row_home(row);; i = (i + 1) & (table.slots - 1)) {
        struct record *r = table.by_row[i];
        ASSERT(r != NULL); /* a row that was never added */
        if (r->row == row) return r;
    }
}

/* --- filling --- */

static void place(struct record *r)
{
    struct folded f = fold_name(slice_of(r->row->name));
    unsigned i = name_home(&f, r->parent);
    while (table.names[i].record != NULL) i = (i + 1) & (table.slots - 1);
    table.names[i] = (struct name_slot){f.low, f.high, r, f.len};
    i = row_home(r->row);
    while (table.by_row[i] != NULL) i = (i + 1) & (table.slots - 1);
    table.by_row[i] = r;
}

static void grow_slots(void)
{
    mem_free(table.names);
    mem_free(table.by_row);
    table.slot_bits = table.slot_bits == 0 ? 9 : table.slot_bits + 1;
    table.slots = 1u << table.slot_bits;
    table.names = mem_calloc(table.slots * sizeof(*table.names));
    table.by_row = mem_calloc(table.slots * sizeof(struct record *));
    for (unsigned i = 0; i < table.record_count; i++) place(table.records[i]);
}

static struct record *add_record(const struct command *row, const struct command *parent)
{
    ASSERT(find_record(slice_of(row->name), parent) == NULL);
    if (table.record_count == table.record_cap) {
        table.record_cap = table.record_cap == 0 ? 64 : table.record_cap * 2;
        table.records = mem_realloc(table.records, table.record_cap * sizeof(struct record *));
        table.top = mem_realloc(table.top, table.record_cap * sizeof(struct record *));
    }
    struct record *r = mem_calloc(sizeof(*r));
    r->row = row;
    r->parent = parent;
    if ((table.record_count + 1) * 2 > table.slots) grow_slots();
    table.records[table.record_count++] = r;
    place(r);
    return r;
}

static int by_name(const void *a, const void *b)
{
    const struct record *const *x = a;
    const struct record *const *y = b;
    return strcmp((*x)->row->name, (*y)->row->name);
}

void command_table_add(const struct command *rows)
{
    for (const struct command *row = rows; row->name != NULL; row++) {
        ASSERT(row->handler != NULL || row->subcommands != NULL);
        struct record *r = add_record(row, NULL);
        table.top[table.top_count++] = r;
        if (row->subcommands == NULL) continue;
        for (const struct command *sub = row->subcommands; sub->name != NULL; sub++) add_record(sub, row);
    }
    if (table.top_count > 0) qsort(table.top, table.top_count, sizeof(struct record *), by_name);
}

/* --- finding --- */

const struct command *command_find(struct slice name)
{
    const struct record *r = find_record(name, NULL);
    return r == NULL ? NULL : r->row;
}

const struct command *command_find_sub(const struct command *parent, struct slice name)
{
    const struct record *r = find_record(name, parent);
    return r == NULL ? NULL : r->row;
}

const struct command *command_resolve(const struct arg *argv, unsigned argc)
{
    if (argc == 0) return NULL;
    const struct command *c = command_find(arg_slice(&argv[0]));
    if (c == NULL || c->subcommands == NULL || argc == 1) return c;
    return command_find_sub(c, arg_slice(&argv[1]));
}

void command_each(void (*fn)(void *ctx, const struct command *c), void *ctx)
{
    for (unsigned i = 0; i < table.top_count; i++) fn(ctx, table.top[i]->row);
}

unsigned command_count(void) { return table.top_count; }
const struct command *command_parent(const struct command *c) { return record_of(c)->parent; }

void command_full_name(const struct command *c, char out[64])
{
    const struct command *parent = command_parent(c);
    if (parent == NULL)
        snprintf(out, 64, "%s", c->name);
    else
        snprintf(out, 64, "%s|%s", parent->name, c->name);
}

/* --- categories --- */

/* In the order of ACL CAT, which COMMAND INFO keeps. */
enum acl_category {
    ACL_KEYSPACE,
    ACL_READ,
    ACL_WRITE,
    ACL_SET,
    ACL_SORTEDSET,
    ACL_LIST,
    ACL_HASH,
    ACL_STRING,
    ACL_BITMAP,
    ACL_HYPERLOGLOG,
    ACL_GEO,
    ACL_STREAM,
    ACL_PUBSUB,
    ACL_ADMIN,
    ACL_FAST,
    ACL_SLOW,
    ACL_BLOCKING,
    ACL_DANGEROUS,
    ACL_CONNECTION,
    ACL_TRANSACTION,
    ACL_SCRIPTING,
    ACL_CATEGORIES,
};

static const char *const acl_names[ACL_CATEGORIES] = {
    [ACL_KEYSPACE] = "keyspace",
    [ACL_READ] = "read",
    [ACL_WRITE] = "write",
    [ACL_SET] = "set",
    [ACL_SORTEDSET] = "sortedset",
    [ACL_LIST] = "list",
    [ACL_HASH] = "hash",
    [ACL_STRING] = "string",
    [ACL_BITMAP] = "bitmap",
    [ACL_HYPERLOGLOG] = "hyperloglog",
    [ACL_GEO] = "geo",
    [ACL_STREAM] = "stream",
    [ACL_PUBSUB] = "pubsub",
    [ACL_ADMIN] = "admin",
    [ACL_FAST] = "fast",
    [ACL_SLOW] = "slow",
    [ACL_BLOCKING] = "blocking",
    [ACL_DANGEROUS] = "dangerous",
    [ACL_CONNECTION] = "connection",
    [ACL_TRANSACTION] = "transaction",
    [ACL_SCRIPTING] = "scripting",
};

static const struct {
    enum command_category category;
    enum acl_category acl;
} explicit_categories[] = {
    {CAT_KEYSPACE, ACL_KEYSPACE},
    {CAT_STRING, ACL_STRING},
    {CAT_BITMAP, ACL_BITMAP},
    {CAT_CONNECTION, ACL_CONNECTION},
    {CAT_LIST, ACL_LIST},
    {CAT_TRANSACTION, ACL_TRANSACTION},
    {CAT_SCRIPTING, ACL_SCRIPTING},
    {CAT_DANGEROUS, ACL_DANGEROUS},
    {CAT_SET, ACL_SET},
    {CAT_SORTEDSET, ACL_SORTEDSET},
    {CAT_HASH, ACL_HASH},
    {CAT_HYPERLOGLOG, ACL_HYPERLOGLOG},
    {CAT_GEO, ACL_GEO},
    {CAT_STREAM, ACL_STREAM},
    {CAT_ADMIN, ACL_ADMIN},
};

#define ACL_BIT(category) (UINT64_C(1) << (category))

uint64_t command_acl_categories(const struct command *c)
{
    uint64_t acl = c->flags & CMD_FAST ? ACL_BIT(ACL_FAST) : ACL_BIT(ACL_SLOW);
    if (c->flags & CMD_WRITE) acl |= ACL_BIT(ACL_WRITE);
    /* Scripts that promise to read are not "read" themselves: what they call is. */
    if ((c->flags & CMD_READONLY) && !(c->categories & CAT_SCRIPTING)) acl |= ACL_BIT(ACL_READ);
    if (c->flags & CMD_ADMIN) acl |= ACL_BIT(ACL_ADMIN) | ACL_BIT(ACL_DANGEROUS);
    if (c->flags & CMD_PUBSUB) acl |= ACL_BIT(ACL_PUBSUB);
    if (c->flags & CMD_BLOCKING) acl |= ACL_BIT(ACL_BLOCKING);
    for (size_t i = 0; i < sizeof(explicit_categories) / sizeof(explicit_categories[0]); i++) {
        if (c->categories & explicit_categories[i].category) acl |= ACL_BIT(explicit_categories[i].acl);
    }
    return acl;
}

const char *command_category_name(unsigned bit) { return bit < ACL_CATEGORIES ? acl_names[bit] : NULL; }

/* --- keys of a request --- */

/* Where the keys of a spec begin: an index, or the argument after a keyword. 0: nowhere. */
static int spec_begin(const struct key_spec *spec, const struct arg *argv, int argc)
{
    if (spec->keyword == NULL) return spec->index;
    int step = spec->index < 0 ? -1 : 1;
    for (int i = spec->index < 0 ? argc + spec->index : spec->index; i > 0 && i < argc; i += step) {
        if (slice_is_word(arg_slice(&argv[i]), spec->keyword)) return i + 1;
    }
    return 0;
}

struct key_range {
    int first, last, step;
};

/* False when the arguments do not fit the spec. */
static bool spec_range(const struct key_spec *spec, const struct arg *argv, int argc, struct key_range *out)
{
    int begin = spec_begin(spec, argv, argc);
    if (begin <= 0 || begin >= argc) return false;
    *out = (struct key_range){begin, begin + spec->last, spec->step};
    if (spec->is_keynum) {
        int64_t count;
        if (out->last >= argc || !num_parse_int64(arg_slice(&argv[out->last]), &count) || count < 1 || count > argc)
            return false;
        out->first = begin + spec->step;
        out->step = spec->limit;
        out->last = out->first + ((int)count - 1) * out->step;
    } else if (spec->last < 0) {
        out->last = spec->limit > 1 ? begin + (argc - begin) / spec->limit + spec->last : argc + spec->last;
    }
    return out->step > 0 && out->first < argc && out->last < argc && out->last >= out->first;
}

static int keys_by_specs(const struct command *c, const struct arg *argv, unsigned argc, unsigned *out, unsigned *flags,
                         unsigned max)
{
    unsigned n = 0;
    for (unsigned i = 0; i < COMMAND_KEY_SPECS && c->keys[i].step > 0; i++) {
        const struct key_spec *spec = &c->keys[i];
        struct key_range r;
        if (spec->is_unknown || (spec->flags & KEY_NOT_KEY)) continue;
        if (!spec_range(spec, argv, (int)argc, &r)) return -1;
        for (int k = r.first; k <= r.last && n < max; k += r.step, n++) {
            out[n] = (unsigned)k;
            if (flags != NULL) flags[n] = spec->flags;
        }
    }
    return n == 0 ? -1 : (int)n;
}

/* Of a row's own get_keys: the first key goes with the first spec, the others with the last one. */
static unsigned flags_of_found(const struct command *c, int i)
{
    unsigned last = 0;
    while (i > 0 && last + 1 < COMMAND_KEY_SPECS && c->keys[last + 1].step > 0) last++;
    return c->keys[last].flags;
}

int command_get_keys_and_flags(const struct command *c, struct arg *argv, unsigned argc, unsigned *out, unsigned *flags,
                               unsigned max)
{
    if (argc == 0 || argc > INT_MAX) return -1;
    int n = c->get_keys == NULL ? keys_by_specs(c, argv, argc, out, flags, max) : c->get_keys(argv, argc, out, max);
    if (flags == NULL) return n;
    for (int i = 0; i < n; i++) {
        if (c->get_keys != NULL) flags[i] = flags_of_found(c, i);
        if (c->key_flags != NULL) flags[i] = c->key_flags(argv, argc);
        flags[i] &= ~(unsigned)KEY_VARIABLE;
    }
    return n;
}

int command_get_keys(const struct command *c, struct arg *argv, unsigned argc, unsigned *out, unsigned max)
{
    return command_get_keys_and_flags(c, argv, argc, out, NULL, max);
}

/* --- statistics --- */

struct command_stats *command_stats(const struct command *c) { return &record_of(c)->stats; }

uint64_t command_stats_total_ticks(void)
{
    uint64_t ticks = 0;
    for (unsigned i = 0; i < table.record_count; i++) ticks += table.records[i]->stats.ticks;
    return ticks;
}

void command_stats_reset(void)
{
    for (unsigned i = 0; i < table.record_count; i++) table.records[i]->stats = (struct command_stats){0};
}
