/* SPDX-License-Identifier: MIT */
/*
 * The configuration: one struct of typed values, filled from defaults, redis.conf, the command line and CONFIG
 * SET. Every directive is a row of one table (config_table.c): name, kind, place, bounds, whether it may change at
 * run time, and what has to happen when it does.
 *
 * A directive whose feature is not built is in the table too: accepted at its default, refused with a clear
 * message at any other value.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "store/value.h"

struct save_rule {
    int64_t seconds;
    uint64_t changes;
};

enum client_class { CLIENT_CLASS_NORMAL, CLIENT_CLASS_REPLICA, CLIENT_CLASS_PUBSUB, CLIENT_CLASSES };

struct output_limit {
    uint64_t hard_bytes, soft_bytes;
    int64_t soft_seconds;
};

enum supervised_mode { SUPERVISED_NO, SUPERVISED_AUTO, SUPERVISED_SYSTEMD, SUPERVISED_UPSTART };
enum yes_no_local { GUARD_NO, GUARD_YES, GUARD_LOCAL };

struct config {
    /* network */
    char **bind; /* as written ("-::1" keeps its '-') */
    unsigned bind_count;
    int port;         /* 0: no TCP */
    char *unixsocket; /* NULL: none */
    unsigned unixsocketperm;
    int tcp_backlog, tcp_keepalive_s, timeout_s;
    unsigned maxclients;
    bool protected_mode;
    char *requirepass; /* NULL or "": none */
    struct output_limit output_limits[CLIENT_CLASSES];
    uint64_t client_query_buffer_limit;
    uint64_t proto_max_bulk_len;
    uint64_t hll_sparse_max_bytes;
    /* process */
    bool daemonize;
    char *pidfile; /* NULL: none */
    char *logfile; /* "": standard output */
    int loglevel;  /* enum log_level */
    bool syslog_enabled;
    char *syslog_ident;
    int syslog_facility;
    bool always_show_logo, set_proc_title;
    char *proc_title_template;
    enum supervised_mode supervised;
    bool disable_thp; /* known for compatibility; huge pages are wanted here */
    bool crash_log_enabled;
    unsigned databases;
    int hz;
    bool dynamic_hz;
    bool activerehashing;
    int active_expire_effort;
    enum yes_no_local enable_debug_command, enable_protected_configs;
    int64_t slowlog_log_slower_than_us;
    uint64_t slowlog_max_len;
    bool latency_tracking;
    bool lazyfree_lazy_expire, lazyfree_lazy_server_del, lazyfree_lazy_user_del, lazyfree_lazy_user_flush;
    /* persistence */
    struct save_rule *save_rules;
    unsigned save_rule_count;
    char *dir; /* as given; after start the absolute working directory */
    char *dbfilename;
    bool rdbcompression, rdbchecksum, rdb_save_incremental_fsync, stop_writes_on_bgsave_error;
    int rdb_version; /* Keepsake's own: 0 ("auto") or 6..12 */
    int shutdown_timeout_s;
    /* enum shutdown_flags bits of server.h: what the signal asks for */
    unsigned shutdown_on_sigint, shutdown_on_sigterm;
    struct value_limits limits; /* up to where collections are packed */
    uint64_t maxmemory;         /* 0 until eviction is built */
    bool oom_score_adj_enabled;
    /* where it came from */
    char *file; /* absolute path, NULL when started without one */
    /* private: kept by config*.c */
    struct config_known *known; /* values of directives whose feature is not built, by row of the table */
    /* the first line of a file or the command line replaces the default, the next ones add */
    bool save_is_given, dir_is_given;
};

void config_init(struct config *cfg); /* the defaults */
void config_deinit(struct config *cfg);
void config_copy(struct config *to, const struct config *from); /* deep; `to` holds nothing yet */

/* Why a configuration was refused. The caller prints it as a block: file and line, the line's text, the reason.
 * Texts that are too long are cut. */
struct config_error {
    /* all of it in one line: "redis.conf:12: 'port abc': argument couldn't be parsed into an integer" */
    char text[1152];
    char file[256]; /* as it was named; "standard input", "the command line" */
    unsigned line;  /* from 1; of the command line, which option. 0: the file itself could not be read */
    char line_text[256];
    char reason[512];
};

/* Reads a file ("-": standard input) and its includes into cfg. */
bool config_load_file(struct config *cfg, const char *path, struct config_error *error);
/* The text of a whole configuration file, named `name` in errors; what config_load_file and the fuzzer call. */
bool config_load_text(struct config *cfg, struct slice text, const char *name, struct config_error *error);
/* "--port 7000 --save 60 1 --save 300 10": argv from after the file name. Adds to what a file said before. */
bool config_load_args(struct config *cfg, int argc, char **argv, struct config_error *error);

/* What CONFIG GET shows for a directive; false when it has no such row. */
bool config_get(const struct config *cfg, struct slice name, struct buf *value);
typedef void config_visit_fn(void *ctx, struct slice name, struct slice value);
/* Directives whose name matches the glob pattern (any case), in the table's order. A name without wildcards is
 * given back as it was spelt. */
void config_each_match(const struct config *cfg, struct slice pattern,
                       void (*fn)(void *ctx, const char *name, struct slice value), void *ctx);
/* The same for several patterns; a directive that several match comes once. Returns how many came. */
size_t config_each_match_any(const struct config *cfg, const struct slice *patterns, size_t count, config_visit_fn *fn,
                             void *ctx);

/* CONFIG SET of several at once, all or nothing: values are parsed into a copy, the copy is put into cfg, then
 * `apply` is called once for each group that changed, with one bit of enum config_effect. When it returns false
 * (a reason written, its own group left as it was), cfg is put back and apply is called again with old and new
 * exchanged for the groups that had succeeded. */
enum config_effect {
    CONFIG_EFFECT_NONE = 0,
    CONFIG_EFFECT_LISTEN = 1, /* bind, port, unixsocket: listen anew */
    CONFIG_EFFECT_LOG = 2,
    CONFIG_EFFECT_DIR = 4,        /* chdir */
    CONFIG_EFFECT_MAXCLIENTS = 8, /* raise RLIMIT_NOFILE, grow */
    CONFIG_EFFECT_TITLE = 16,
    CONFIG_EFFECT_HZ = 32,
    CONFIG_EFFECT_KEEPALIVE = 64,
    CONFIG_EFFECT_LIMITS = 128, /* value_set_limits */
};
struct config_change {
    struct slice name, value;
};
typedef bool config_apply_fn(void *ctx, const struct config *old_values, const struct config *new_values,
                             unsigned effects, char *reason, size_t reason_size);
/* error gets the whole text after "ERR ": "CONFIG SET failed (possibly related to argument 'maxclients') - ..." or
 * "Unknown option or number of arguments for CONFIG SET - 'x'". */
bool config_set(struct config *cfg, const struct config_change *changes, size_t count, bool allow_protected,
                config_apply_fn *apply, void *ctx, char *error, size_t error_size);

#endif
