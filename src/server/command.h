/* SPDX-License-Identifier: MIT */
/*
 * Commands: the row that describes one (it stands beside its handler in commands/), what a handler is given, and the table that finds one by name.
 */
#ifndef SERVER_COMMAND_H
#define SERVER_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "resp/parser.h"
#include "resp/reply.h"
#include "store/db.h"

struct server;
struct client;
struct command;

/* What a handler gets. Everything is valid during the call only. */
struct call {
    struct server *server;
    struct client *client;
    struct reply *reply;
    struct db *db; /* the client's selected database */
    struct arg *argv;
    unsigned argc; /* arity is checked already */
    const struct command *command;
    int64_t now_ms; /* wall clock, the same for the whole command */
};
typedef void command_fn(struct call *c);

enum command_flags {
    CMD_WRITE = 1 << 0,
    CMD_READONLY = 1 << 1,
    CMD_DENYOOM = 1 << 2,
    CMD_ADMIN = 1 << 3,
    CMD_PUBSUB = 1 << 4,
    CMD_NOSCRIPT = 1 << 5,
    CMD_BLOCKING = 1 << 6,
    CMD_LOADING = 1 << 7, /* allowed while loading */
    CMD_STALE = 1 << 8,
    CMD_SKIP_MONITOR = 1 << 9,
    CMD_SKIP_SLOWLOG = 1 << 10,
    CMD_FAST = 1 << 11,
    CMD_NO_AUTH = 1 << 12, /* allowed before AUTH */
    CMD_MAY_REPLICATE = 1 << 13,
    CMD_NO_ASYNC_LOADING = 1 << 14,
    CMD_NO_MULTI = 1 << 15,
    CMD_ALLOW_BUSY = 1 << 16,
    CMD_MOVABLE_KEYS = 1 << 17,
};

/* ACL categories beyond those that follow from flags (write, read, admin+dangerous, pubsub, blocking, fast/slow). */
enum command_category {
    CAT_KEYSPACE = 1 << 0,
    CAT_STRING = 1 << 1,
    CAT_BITMAP = 1 << 2,
    CAT_CONNECTION = 1 << 3,
    CAT_TRANSACTION = 1 << 4,
    CAT_SCRIPTING = 1 << 5,
    CAT_DANGEROUS = 1 << 6,
    CAT_LIST = 1 << 7,
    CAT_SET = 1 << 8,
    CAT_SORTEDSET = 1 << 9,
    CAT_HASH = 1 << 10,
    CAT_HYPERLOGLOG = 1 << 11,
    CAT_GEO = 1 << 12,
    CAT_STREAM = 1 << 13,
    CAT_ADMIN = 1 << 14, /* for the few that are @admin without the flag: LASTSAVE */
};

enum command_group {
    GROUP_GENERIC,
    GROUP_STRING,
    GROUP_LIST,
    GROUP_SET,
    GROUP_SORTED_SET,
    GROUP_HASH,
    GROUP_PUBSUB,
    GROUP_TRANSACTIONS,
    GROUP_CONNECTION,
    GROUP_SERVER,
    GROUP_SCRIPTING,
    GROUP_HYPERLOGLOG,
    GROUP_CLUSTER,
    GROUP_GEO,
    GROUP_STREAM,
    GROUP_BITMAP
};

/* Key specifications as COMMAND INFO and DOCS tell them (Redis 7). */
enum key_flags {
    KEY_RO = 1,
    KEY_RW = 2,
    KEY_OW = 4,
    KEY_RM = 8,
    KEY_ACCESS = 16,
    KEY_UPDATE = 32,
    KEY_INSERT = 64,
    KEY_DELETE = 128,
    KEY_NOT_KEY = 256,
    KEY_INCOMPLETE = 512,
    KEY_VARIABLE = 1024
};
struct key_spec {
    uint16_t flags;
    int16_t index;       /* of the first key; or, with a keyword, where to begin to look */
    const char *keyword; /* NULL: by index */
    /* range: last key relative to the first (negative: from the end), step, limit; keynum when is_keynum: position of the
     * count relative to begin, first key relative to begin, step */
    bool is_keynum;
    int16_t last, step, limit;
    bool is_unknown; /* where keys are is not for a spec to say: shown, never looked at */
    const char *notes;
};
#define COMMAND_KEY_SPECS 3

struct command {
    const char *name;    /* lower-case; of a subcommand its last word */
    command_fn *handler; /* NULL with subcommands: the bare name is an error */
    int arity;           /* Redis's: counts the name; negative: at least */
    uint32_t flags, categories;
    enum command_group group;
    const char *since;
    const char *complexity;
    const char *summary; /* one line, our own words */
    const char *
        syntax; /* of the arguments, as redis-cli hints them: "key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]" */
    struct key_spec keys[COMMAND_KEY_SPECS]; /* those with step > 0 count */
    /* Positions of the keys when the specs do not suffice: writes argument indexes, returns how many, -1 on bad syntax. */
    int (*get_keys)(struct arg *argv, unsigned argc, unsigned *out, unsigned max);
    const struct command *subcommands; /* NULL, or rows up to one without a name */
    const char *const *tips;           /* NULL-terminated, or NULL */
    const char *deprecated_since, *replaced_by;
    bool is_syscmd; /* documented as internal */
    /* Flags of the keys (enum key_flags) of this very request, for rows with KEY_VARIABLE; NULL: as the specs say. */
    unsigned (*key_flags)(const struct arg *argv, unsigned argc);
};
/* One key argument at `i`, and `n` of them up to the end. */
#define KEY_AT(i, flags_)                                     \
    {                                                         \
        .flags = (flags_), .index = (i), .last = 0, .step = 1 \
    }
#define KEYS_FROM(i, flags_)                                   \
    {                                                          \
        .flags = (flags_), .index = (i), .last = -1, .step = 1 \
    }

/* --- what handlers use beside the store and the reply --- */

/* The key at argument i with its hash (computed once, kept in the argument). */
static inline struct key call_key(const struct call *c, unsigned i)
{
    struct arg *a = &c->argv[i];
    if (a->hash == 0) a->hash = key_of(arg_slice(a)).hash;
    return (struct key){arg_slice(a), a->hash};
}
static inline struct slice call_arg(const struct call *c, unsigned i) { return arg_slice(&c->argv[i]); }
static inline bool call_arg_is(const struct call *c, unsigned i, const char *word)
{
    return slice_is_word(call_arg(c, i), word);
}

/* The entry of the key at argument i, or NULL. The type is not looked at: see call_wrong_type. */
struct entry *call_find_read(struct call *c, unsigned i);
struct entry *call_find_write(struct call *c, unsigned i);
/* True (and replied WRONGTYPE) when e exists and is of another type. */
bool call_wrong_type(struct call *c, const struct entry *e, enum value_type want);
/* Parses an argument; on failure replies "ERR value is not an integer or out of range" (or `error`) and returns false. */
bool call_int_arg(struct call *c, unsigned i, int64_t *out, const char *error);
void call_syntax_error(struct call *c); /* ERR syntax error */

/* Keyspace event classes, as notify-keyspace-events names them. */
enum notify_class {
    NOTIFY_GENERIC = 1,
    NOTIFY_STRING = 2,
    NOTIFY_LIST = 4,
    NOTIFY_SET = 8,
    NOTIFY_HASH = 16,
    NOTIFY_ZSET = 32,
    NOTIFY_EXPIRED = 64,
    NOTIFY_EVICTED = 128,
    NOTIFY_STREAM = 256,
    NOTIFY_KEY_MISS = 512,
    NOTIFY_MODULE = 1024,
    NOTIFY_NEW = 2048
};
/* A key was changed: counts it in `dirty`. Later: watchers, tracking, notifications. `event` is Redis's name ("set", "expire", "del"). */
void call_changed(struct call *c, struct db *db, struct slice key, enum notify_class cls, const char *event);
/* An event that changes nothing more (no dirty): a second event of the same command. */
void call_event(struct call *c, struct db *db, struct slice key, enum notify_class cls, const char *event);
void call_add_dirty(struct call *c, uint64_t n); /* changes that no single key stands for: FLUSHALL */
uint64_t call_dirty(const struct call *c);

/* --- the table --- */
/* Adds rows up to one without a name. Rows live as long as the program. Aborts on a name that is there already. */
void command_table_add(const struct command *rows);
const struct command *command_find(struct slice name); /* NULL: unknown; any case */
const struct command *command_find_sub(const struct command *parent, struct slice name);
/* "get", "config|set": the resolved row of a request, its container's handling included. NULL: unknown. */
const struct command *command_resolve(const struct arg *argv, unsigned argc);
void command_each(void (*fn)(void *ctx, const struct command *c), void *ctx); /* top-level rows in order of name */
unsigned command_count(void);
const struct command *command_parent(const struct command *c); /* NULL for a top-level one */
/* "config|set" for a subcommand, "get" else. */
void command_full_name(const struct command *c, char out[64]);
uint64_t
command_acl_categories(const struct command *c); /* bits of enum acl_category in acl order; see command_category_name */
const char *command_category_name(unsigned bit); /* "keyspace", "read", ...; NULL past the last */
/* Argument indexes of the keys of a request; -1: the command has none or the arguments do not fit. */
int command_get_keys(const struct command *c, struct arg *argv, unsigned argc, unsigned *out, unsigned max);
/* The same with the enum key_flags of each. */
int command_get_keys_and_flags(const struct command *c, struct arg *argv, unsigned argc, unsigned *out, unsigned *flags,
                               unsigned max);

/* Statistics of one command (commandstats), kept by dispatch. */
struct command_stats {
    uint64_t calls, rejected, failed;
    uint64_t ticks; /* base/ticks.h */
};
struct command_stats *command_stats(const struct command *c);
uint64_t command_stats_total_ticks(void); /* of all commands */
void command_stats_reset(void);

#endif
