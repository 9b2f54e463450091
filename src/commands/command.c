/* SPDX-License-Identifier: MIT */
/* COMMAND: the table of commands as clients see it. Everything here is read from the rows. */
#include <ctype.h>
#include <stdio.h>

#include "base/glob.h"
#include "base/mem.h"
#include "commands/commands.h"
#include "commands/syntax.h"

/* --- COMMAND and COMMAND INFO --- */

struct flag_name {
    unsigned flag;
    const char *name;
};

/* In the order in which clients are told. */
static const struct flag_name command_flag_names[] = {
    {CMD_WRITE, "write"},
    {CMD_READONLY, "readonly"},
    {CMD_DENYOOM, "denyoom"},
    {CMD_ADMIN, "admin"},
    {CMD_PUBSUB, "pubsub"},
    {CMD_NOSCRIPT, "noscript"},
    {CMD_BLOCKING, "blocking"},
    {CMD_LOADING, "loading"},
    {CMD_STALE, "stale"},
    {CMD_SKIP_MONITOR, "skip_monitor"},
    {CMD_SKIP_SLOWLOG, "skip_slowlog"},
    {CMD_FAST, "fast"},
    {CMD_NO_AUTH, "no_auth"},
    {CMD_NO_ASYNC_LOADING, "no_async_loading"},
    {CMD_NO_MULTI, "no_multi"},
    {CMD_MOVABLE_KEYS, "movablekeys"},
    {CMD_ALLOW_BUSY, "allow_busy"},
    {0, NULL},
};

static const struct flag_name key_flag_names[] = {
    {KEY_RO, "RO"},
    {KEY_RW, "RW"},
    {KEY_OW, "OW"},
    {KEY_RM, "RM"},
    {KEY_ACCESS, "access"},
    {KEY_UPDATE, "update"},
    {KEY_INSERT, "insert"},
    {KEY_DELETE, "delete"},
    {KEY_NOT_KEY, "not_key"},
    {KEY_INCOMPLETE, "incomplete"},
    {KEY_VARIABLE, "variable_flags"},
    {0, NULL},
};

static void reply_flags(struct reply *r, unsigned flags, const struct flag_name *names)
{
    size_t count = 0;
    for (const struct flag_name *f = names; f->name != NULL; f++) count += (flags & f->flag) != 0;
    reply_set(r, count);
    for (const struct flag_name *f = names; f->name != NULL; f++) {
        if (flags & f->flag) reply_simple(r, f->name);
    }
}

static void reply_categories(struct reply *r, const struct command *c)
{
    uint64_t categories = command_acl_categories(c);
    reply_set(r, (size_t)__builtin_popcountll(categories));
    for (unsigned bit = 0; command_category_name(bit) != NULL; bit++) {
        if ((categories >> bit & 1) == 0) continue;
        char text[32];
        snprintf(text, sizeof(text), "@%s", command_category_name(bit));
        reply_simple(r, text);
    }
}

static void reply_tips(struct reply *r, const struct command *c)
{
    size_t count = 0;
    while (c->tips != NULL && c->tips[count] != NULL) count++;
    reply_set(r, count);
    for (size_t i = 0; i < count; i++) reply_bulk_cstr(r, c->tips[i]);
}

static void reply_pair(struct reply *r, const char *name, int64_t value)
{
    reply_bulk_cstr(r, name);
    reply_int(r, value);
}

static void reply_unknown_spec(struct reply *r)
{
    reply_bulk_cstr(r, "unknown");
    reply_bulk_cstr(r, "spec");
    reply_map(r, 0);
}

static void reply_begin_search(struct reply *r, const struct key_spec *k)
{
    reply_bulk_cstr(r, "begin_search");
    reply_map(r, 2);
    reply_bulk_cstr(r, "type");
    if (k->is_unknown) {
        reply_unknown_spec(r);
        return;
    }
    reply_bulk_cstr(r, k->keyword == NULL ? "index" : "keyword");
    reply_bulk_cstr(r, "spec");
    reply_map(r, k->keyword == NULL ? 1 : 2);
    if (k->keyword == NULL) {
        reply_pair(r, "index", k->index);
        return;
    }
    reply_bulk_cstr(r, "keyword");
    reply_bulk_cstr(r, k->keyword);
    reply_pair(r, "startfrom", k->index);
}

static void reply_find_keys(struct reply *r, const struct key_spec *k)
{
    reply_bulk_cstr(r, "find_keys");
    reply_map(r, 2);
    reply_bulk_cstr(r, "type");
    if (k->is_unknown) {
        reply_unknown_spec(r);
        return;
    }
    reply_bulk_cstr(r, k->is_keynum ? "keynum" : "range");
    reply_bulk_cstr(r, "spec");
    reply_map(r, 3);
    reply_pair(r, k->is_keynum ? "keynumidx" : "lastkey", k->last);
    reply_pair(r, k->is_keynum ? "firstkey" : "keystep", k->step);
    reply_pair(r, k->is_keynum ? "keystep" : "limit", k->limit);
}

static unsigned key_spec_count(const struct command *c)
{
    unsigned n = 0;
    while (n < COMMAND_KEY_SPECS && c->keys[n].step > 0) n++;
    return n;
}

static void reply_key_specs(struct reply *r, const struct command *c)
{
    unsigned count = key_spec_count(c);
    reply_set(r, count);
    for (unsigned i = 0; i < count; i++) {
        const struct key_spec *k = &c->keys[i];
        reply_map(r, k->notes == NULL ? 3 : 4);
        if (k->notes != NULL) {
            reply_bulk_cstr(r, "notes");
            reply_bulk_cstr(r, k->notes);
        }
        reply_bulk_cstr(r, "flags");
        reply_flags(r, k->flags, key_flag_names);
        reply_begin_search(r, k);
        reply_find_keys(r, k);
    }
}

/* First key, last key and step as clients knew them before key specs: the plain ranges, joined when they adjoin. */
struct legacy_range {
    int first, last, step;
    bool is_partial; /* there are keys outside the range */
};

static struct legacy_range legacy_range(const struct command *c)
{
    struct legacy_range r = {0, 0, 0, false};
    unsigned count = key_spec_count(c);
    for (unsigned i = 0; i < count; i++) {
        const struct key_spec *k = &c->keys[i];
        bool is_range = !k->is_unknown && k->keyword == NULL && !k->is_keynum && (k->step == 1 || count == 1);
        if (!is_range || (r.first != 0 && (r.last < 0 || k->index != r.last + 1))) {
            r.is_partial = true;
            continue;
        }
        r.is_partial |= (k->flags & KEY_INCOMPLETE) != 0;
        if (r.first == 0) r.first = k->index;
        r.last = k->last < 0 ? k->last : k->index + k->last;
        r.step = k->step;
    }
    return r;
}

static size_t subcommand_count(const struct command *c)
{
    size_t n = 0;
    while (c->subcommands != NULL && c->subcommands[n].name != NULL) n++;
    return n;
}

static void reply_info(struct reply *r, const struct command *c)
{
    char name[64];
    command_full_name(c, name);
    struct legacy_range range = legacy_range(c);
    reply_array(r, 10);
    reply_bulk_cstr(r, name);
    reply_int(r, c->arity);
    reply_flags(r, c->flags | (range.is_partial ? CMD_MOVABLE_KEYS : 0), command_flag_names);
    reply_int(r, range.first);
    reply_int(r, range.last);
    reply_int(r, range.step);
    reply_categories(r, c);
    reply_tips(r, c);
    reply_key_specs(r, c);
    reply_set(r, subcommand_count(c));
    for (size_t i = 0; i < subcommand_count(c); i++) reply_info(r, &c->subcommands[i]);
}

static void each_info(void *ctx, const struct command *c) { reply_info(ctx, c); }

static void command_all(struct call *c)
{
    reply_array(c->reply, command_count());
    command_each(each_info, c->reply);
}

/* "get", "config|set". */
static const struct command *find_by_full_name(struct slice name)
{
    const char *bar = memchr(name.ptr, '|', name.len);
    if (bar == NULL) return command_find(name);
    size_t len = (size_t)(bar - name.ptr);
    const struct command *parent = command_find(SLICE(name.ptr, len));
    return parent == NULL ? NULL : command_find_sub(parent, SLICE(bar + 1, name.len - len - 1));
}

static void command_info(struct call *c)
{
    if (c->argc == 2) {
        command_all(c);
        return;
    }
    reply_array(c->reply, c->argc - 2);
    for (unsigned i = 2; i < c->argc; i++) {
        const struct command *row = find_by_full_name(call_arg(c, i));
        if (row == NULL)
            reply_null(c->reply);
        else
            reply_info(c->reply, row);
    }
}

static void command_count_(struct call *c) { reply_int(c->reply, command_count()); }

/* --- COMMAND DOCS --- */

static const char *group_name(enum command_group group)
{
    switch (group) {
    case GROUP_GENERIC: return "generic";
    case GROUP_STRING: return "string";
    case GROUP_LIST: return "list";
    case GROUP_SET: return "set";
    case GROUP_SORTED_SET: return "sorted-set";
    case GROUP_HASH: return "hash";
    case GROUP_PUBSUB: return "pubsub";
    case GROUP_TRANSACTIONS: return "transactions";
    case GROUP_CONNECTION: return "connection";
    case GROUP_SERVER: return "server";
    case GROUP_SCRIPTING: return "scripting";
    case GROUP_HYPERLOGLOG: return "hyperloglog";
    case GROUP_CLUSTER: return "cluster";
    case GROUP_GEO: return "geo";
    case GROUP_STREAM: return "stream";
    case GROUP_BITMAP: return "bitmap";
    }
    return "generic";
}

/* A field of a map when it has a value; returns how many pairs were written. */
static size_t reply_text_field(struct reply *r, const char *name, const char *value)
{
    if (value == NULL) return 0;
    reply_bulk_cstr(r, name);
    reply_bulk_cstr(r, value);
    return 1;
}

struct docs {
    struct reply *reply;
    const struct syntax *syntax;
    unsigned key_specs;
};

static void reply_arguments(const struct docs *d, short first);

static size_t reply_argument_flags(struct reply *r, unsigned flags)
{
    if (flags == 0) return 0;
    reply_bulk_cstr(r, "flags");
    reply_set(r, (size_t)__builtin_popcount(flags));
    if (flags & SYNTAX_OPTIONAL) reply_simple(r, "optional");
    if (flags & SYNTAX_MULTIPLE) reply_simple(r, "multiple");
    if (flags & SYNTAX_MULTIPLE_TOKEN) reply_simple(r, "multiple_token");
    return 1;
}

static void reply_argument(const struct docs *d, const struct syntax_node *n)
{
    struct reply *r = d->reply;
    bool is_key = n->type == SYNTAX_KEY && d->key_specs > 0;
    bool is_list = n->type == SYNTAX_ONEOF || n->type == SYNTAX_BLOCK;
    struct reply_later map = reply_begin(r);
    size_t pairs = reply_text_field(r, "name", n->name);
    pairs += reply_text_field(r, "type", syntax_type_name(n->type == SYNTAX_KEY && !is_key ? SYNTAX_STRING : n->type));
    if (!is_list && n->type != SYNTAX_TOKEN) pairs += reply_text_field(r, "display_text", n->name);
    if (is_key) {
        unsigned index = (unsigned)n->key_index;
        reply_pair(r, "key_spec_index", index < d->key_specs ? index : d->key_specs - 1);
        pairs++;
    }
    if (n->token.len > 0) {
        reply_bulk_cstr(r, "token");
        reply_bulk(r, n->token);
        pairs++;
    }
    pairs += reply_argument_flags(r, n->flags);
    if (is_list) {
        reply_bulk_cstr(r, "arguments");
        reply_arguments(d, n->child);
        pairs++;
    }
    reply_end_map(r, map, pairs);
}

static void reply_arguments(const struct docs *d, short first)
{
    size_t count = 0;
    for (short i = first; i >= 0; i = d->syntax->nodes[i].next) count++;
    reply_array(d->reply, count);
    for (short i = first; i >= 0; i = d->syntax->nodes[i].next) reply_argument(d, &d->syntax->nodes[i]);
}

static size_t reply_syntax(struct reply *r, const struct command *c)
{
    struct syntax syntax;
    if (c->syntax == NULL || !syntax_parse(c->syntax, &syntax) || syntax.first < 0) return 0;
    struct docs d = {r, &syntax, key_spec_count(c)};
    reply_bulk_cstr(r, "arguments");
    reply_arguments(&d, syntax.first);
    return 1;
}

static size_t reply_doc_flags(struct reply *r, const struct command *c)
{
    if (c->deprecated_since == NULL && !c->is_syscmd) return 0;
    reply_bulk_cstr(r, "doc_flags");
    reply_set(r, 1);
    reply_simple(r, c->is_syscmd ? "syscmd" : "deprecated");
    return 1;
}

static void reply_docs(struct reply *r, const struct command *c)
{
    char name[64];
    command_full_name(c, name);
    reply_bulk_cstr(r, name);
    struct reply_later map = reply_begin(r);
    size_t pairs = reply_text_field(r, "summary", c->summary);
    pairs += reply_text_field(r, "since", c->since);
    pairs += reply_text_field(r, "group", group_name(c->group));
    pairs += reply_text_field(r, "complexity", c->complexity);
    pairs += reply_doc_flags(r, c);
    pairs += reply_text_field(r, "deprecated_since", c->deprecated_since);
    pairs += reply_text_field(r, "replaced_by", c->replaced_by);
    pairs += reply_syntax(r, c);
    if (c->subcommands != NULL) {
        reply_bulk_cstr(r, "subcommands");
        reply_map(r, subcommand_count(c));
        for (size_t i = 0; i < subcommand_count(c); i++) reply_docs(r, &c->subcommands[i]);
        pairs++;
    }
    reply_end_map(r, map, pairs);
}

static void each_docs(void *ctx, const struct command *c) { reply_docs(ctx, c); }

static void command_docs(struct call *c)
{
    if (c->argc == 2) {
        reply_map(c->reply, command_count());
        command_each(each_docs, c->reply);
        return;
    }
    struct reply_later map = reply_begin(c->reply);
    size_t pairs = 0;
    for (unsigned i = 2; i < c->argc; i++) {
        const struct command *row = find_by_full_name(call_arg(c, i));
        if (row == NULL) continue;
        reply_docs(c->reply, row);
        pairs++;
    }
    reply_end_map(c->reply, map, pairs);
}

/* --- COMMAND LIST --- */

struct list_filter {
    enum { LIST_ALL, LIST_MODULE, LIST_CATEGORY, LIST_PATTERN } kind;
    struct slice text;
    uint64_t category;
    struct reply *reply;
    size_t count;
};

static bool list_passes(const struct list_filter *f, const struct command *c, const char *name)
{
    switch (f->kind) {
    case LIST_ALL: return true;
    case LIST_MODULE: return false;
    case LIST_CATEGORY: return (command_acl_categories(c) & f->category) != 0;
    case LIST_PATTERN: return glob_match_nocase(f->text, slice_of(name));
    }
    return false;
}

static void list_one(void *ctx, const struct command *c)
{
    struct list_filter *f = ctx;
    char name[64];
    command_full_name(c, name);
    if (list_passes(f, c, name)) {
        reply_bulk_cstr(f->reply, name);
        f->count++;
    }
    for (size_t i = 0; i < subcommand_count(c); i++) list_one(f, &c->subcommands[i]);
}

static uint64_t category_bit(struct slice name)
{
    for (unsigned bit = 0; command_category_name(bit) != NULL; bit++) {
        if (slice_is_word(name, command_category_name(bit))) return UINT64_C(1) << bit;
    }
    return 0;
}

static void command_list(struct call *c)
{
    struct list_filter f = {.kind = LIST_ALL, .reply = c->reply};
    bool is_filtered = c->argc == 5 && call_arg_is(c, 2, "filterby");
    if (c->argc != 2 && !is_filtered) {
        call_syntax_error(c);
        return;
    }
    if (is_filtered) {
        f.text = call_arg(c, 4);
        if (call_arg_is(c, 3, "module")) {
            f.kind = LIST_MODULE;
        } else if (call_arg_is(c, 3, "aclcat")) {
            f.kind = LIST_CATEGORY;
            f.category = category_bit(f.text);
        } else if (call_arg_is(c, 3, "pattern")) {
            f.kind = LIST_PATTERN;
        } else {
            call_syntax_error(c);
            return;
        }
    }
    struct reply_later later = reply_begin(c->reply);
    command_each(list_one, &f);
    reply_end_array(c->reply, later, f.count);
}

/* --- COMMAND GETKEYS --- */

static bool takes_keys(const struct command *row)
{
    if (row->get_keys != NULL) return true;
    for (unsigned i = 0; i < key_spec_count(row); i++) {
        if ((row->keys[i].flags & KEY_NOT_KEY) == 0) return true;
    }
    return false;
}

static void reply_keys(struct call *c, bool with_flags)
{
    struct arg *argv = c->argv + 2;
    unsigned argc = c->argc - 2;
    const struct command *row = command_resolve(argv, argc);
    if (row == NULL) {
        reply_error(c->reply, "ERR Invalid command specified");
    } else if (!takes_keys(row)) {
        reply_error(c->reply, "ERR The command has no key arguments");
    } else if (row->arity > 0 ? argc != (unsigned)row->arity : argc < (unsigned)-row->arity) {
        reply_error(c->reply, "ERR Invalid number of arguments specified for command");
    } else {
        unsigned *found = mem_alloc(2u * argc * sizeof(*found));
        unsigned *flags = found + argc;
        int count = command_get_keys_and_flags(row, argv, argc, found, flags, argc);
        if (count <= 0)
            reply_error(c->reply, "ERR Invalid arguments specified for command");
        else
            reply_array(c->reply, (size_t)count);
        for (int i = 0; i < count; i++) {
            if (with_flags) reply_array(c->reply, 2);
            reply_bulk(c->reply, arg_slice(&argv[found[i]]));
            if (with_flags) reply_flags(c->reply, flags[i], key_flag_names);
        }
        mem_free(found);
    }
}

static void command_getkeys(struct call *c) { reply_keys(c, false); }
static void command_getkeysandflags(struct call *c) { reply_keys(c, true); }

/* --- COMMAND HELP and the rows --- */

static void command_help(struct call *c)
{
    static const char *const lines[] = {
        "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "(no subcommand)",
        "    Return details about all commands.",
        "COUNT",
        "    Return the number of commands in this server.",
        "LIST [FILTERBY (MODULE <name> | ACLCAT <category> | PATTERN <pattern>)]",
        "    Return the names of all commands, or of those that the filter leaves.",
        "INFO [<command-name> ...]",
        "    Return details about the named commands, about all when none is named.",
        "DOCS [<command-name> ...]",
        "    Return the documentation of the named commands, of all when none is named.",
        "GETKEYS <full-command>",
        "    Return the keys of a full command.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys of a full command with how it accesses each.",
        "HELP",
        "    Print this help.",
        NULL,
    };
    reply_help(c->reply, lines);
}

static const char *const unordered[] = {"nondeterministic_output_order", NULL};

#define COMMAND_ROW(name_, fn, arity_)                                                     \
    .name = (name_), .handler = (fn), .arity = (arity_), .flags = CMD_LOADING | CMD_STALE, \
    .categories = CAT_CONNECTION, .group = GROUP_SERVER

static const struct command subcommands[] = {
    {COMMAND_ROW("count", command_count_, 2), .since = "2.8.13", .complexity = "O(1)",
     .summary = "How many commands the server knows"},
    {COMMAND_ROW("docs", command_docs, -2), .since = "7.0.0",
     .complexity = "O(N) where N is the number of commands asked for",
     .summary = "Documentation of commands: summary, group, complexity, arguments",
     .syntax = "[command-name [command-name ...]]", .tips = unordered},
    {COMMAND_ROW("getkeys", command_getkeys, -4), .since = "2.8.13",
     .complexity = "O(N) where N is the number of arguments of the command",
     .summary = "The keys that a full command names", .syntax = "command [arg [arg ...]]"},
    {COMMAND_ROW("getkeysandflags", command_getkeysandflags, -4), .since = "7.0.0",
     .complexity = "O(N) where N is the number of arguments of the command",
     .summary = "The keys that a full command names, and how it accesses each", .syntax = "command [arg [arg ...]]"},
    {COMMAND_ROW("help", command_help, 2), .since = "5.0.0", .complexity = "O(1)",
     .summary = "What the subcommands do"},
    {COMMAND_ROW("info", command_info, -2), .since = "2.8.13",
     .complexity = "O(N) where N is the number of commands asked for",
     .summary = "Arity, flags, key positions and categories of commands", .syntax = "[command-name [command-name ...]]",
     .tips = unordered},
    {COMMAND_ROW("list", command_list, -2), .since = "7.0.0", .complexity = "O(N) where N is the number of commands",
     .summary = "The names of the commands",
     .syntax = "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]", .tips = unordered},
    {0},
};

static const struct command rows[] = {
    {COMMAND_ROW("command", command_all, -1), .since = "2.8.13", .complexity = "O(N) where N is the number of commands",
     .summary = "Details about every command", .tips = unordered, .subcommands = subcommands},
    {0},
};

const struct command *command_commands(void) { return rows; }
