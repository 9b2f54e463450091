/* SPDX-License-Identifier: MIT */
/*
 * Every directive that Redis 7.2 knows, with its default, in groups. BUILT rows have a field in struct config.
 * KNOWN rows have none: any valid value is taken and shown back, for the feature that would read it is not built.
 * ASKS rows take their default only, since another value would ask for that feature.
 */
#include <limits.h>
#include <syslog.h>

#include "base/log.h"
#include "server/config_private.h"
#include "server/server.h"

static const struct config_choice log_levels[] = {{"debug", LOG_LEVEL_DEBUG},     {"verbose", LOG_LEVEL_VERBOSE},
                                                  {"notice", LOG_LEVEL_NOTICE},   {"warning", LOG_LEVEL_WARNING},
                                                  {"nothing", LOG_LEVEL_NOTHING}, {NULL, 0}};
static const struct config_choice facilities[] = {{"user", LOG_USER},     {"local0", LOG_LOCAL0},
                                                  {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2},
                                                  {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},
                                                  {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},
                                                  {"local7", LOG_LOCAL7}, {NULL, 0}};
static const struct config_choice supervisors[] = {{"upstart", SUPERVISED_UPSTART},
                                                   {"systemd", SUPERVISED_SYSTEMD},
                                                   {"auto", SUPERVISED_AUTO},
                                                   {"no", SUPERVISED_NO},
                                                   {NULL, 0}};
static const struct config_choice guards[] = {{"no", GUARD_NO}, {"yes", GUARD_YES}, {"local", GUARD_LOCAL}, {NULL, 0}};
static const struct config_choice shutdown_bits[] = {{"default", SHUTDOWN_DEFAULT}, {"save", SHUTDOWN_SAVE},
                                                     {"nosave", SHUTDOWN_NOSAVE},   {"now", SHUTDOWN_NOW},
                                                     {"force", SHUTDOWN_FORCE},     {NULL, 0}};
static const struct config_choice rdb_versions[] = {{"auto", 0}, {"6", 6},   {"7", 7},   {"8", 8}, {"9", 9},
                                                    {"10", 10},  {"11", 11}, {"12", 12}, {NULL, 0}};
static const struct config_choice eviction_policies[] = {
    {"volatile-lru", 0},   {"volatile-lfu", 1}, {"volatile-random", 2},
    {"volatile-ttl", 3},   {"allkeys-lru", 4},  {"allkeys-lfu", 5},
    {"allkeys-random", 6}, {"noeviction", 7},   {NULL, 0}};
static const struct config_choice fsync_policies[] = {{"everysec", 0}, {"always", 1}, {"no", 2}, {NULL, 0}};
static const struct config_choice diskless_loads[] = {{"disabled", 0}, {"on-empty-db", 1}, {"swapdb", 2}, {NULL, 0}};
static const struct config_choice oom_modes[] = {{"no", 0}, {"yes", 1}, {"relative", 1}, {"absolute", 2}, {NULL, 0}};
static const struct config_choice channel_defaults[] = {{"allchannels", 0}, {"resetchannels", 1}, {NULL, 0}};
static const struct config_choice sanitizing[] = {{"no", 0}, {"yes", 1}, {"clients", 2}, {NULL, 0}};
static const struct config_choice propagation_errors[] = {
    {"ignore", 0}, {"panic", 1}, {"panic-on-replicas", 2}, {NULL, 0}};
static const struct config_choice endpoint_types[] = {{"ip", 0}, {"hostname", 1}, {"unknown-endpoint", 2}, {NULL, 0}};
static const struct config_choice tls_client_auth[] = {{"no", 0}, {"yes", 1}, {"optional", 2}, {NULL, 0}};

#define ACL_FEATURE "access control lists are"
#define AOF_FEATURE "the append-only file is"
#define CLUSTER_FEATURE "cluster mode is"
#define DEFRAG_FEATURE "active defragmentation is"
#define EVICTION_FEATURE "a memory limit is"
#define MODULE_FEATURE "loading modules is"
#define REPLICATION_FEATURE "replication is"
#define THREADS_FEATURE "threaded input and output is"
#define TLS_FEATURE "TLS is"

/* The parts of a row. */
#define FIELD(member) .offset = offsetof(struct config, member), .width = sizeof(((struct config *)0)->member)
#define LIMIT(member) FIELD(limits.member), EFFECT(CONFIG_EFFECT_LIMITS)
#define BOOL(name_, default_) .name = (name_), .kind = KIND_BOOL, .number = (default_)
#define INT(name_, min_, max_, default_) \
    .name = (name_), .kind = KIND_INT, .min = (min_), .max = (max_), .number = (default_)
#define MEMORY(name_, min_, max_, default_) \
    .name = (name_), .kind = KIND_MEMORY, .min = (min_), .max = (max_), .number = (default_)
#define CHOICE(name_, choices_, default_) \
    .name = (name_), .kind = KIND_CHOICE, .choices = (choices_), .number = (default_)
#define TEXT(name_, default_) .name = (name_), .kind = KIND_TEXT, .text = (default_)
#define LIST(name_, default_) .name = (name_), .kind = KIND_LIST, .text = (default_)
#define CUSTOM(name_, set_, show_) .name = (name_), .kind = KIND_CUSTOM, .set = (set_), .show = (show_)
#define ALIAS(name_) .alias = (name_)
#define CHECK(fn) .check = (fn)
#define EFFECT(bit) .effect = (bit)
#define ASKS(feature) .asks_for = (feature)
#define IMMUTABLE .flags = ROW_IMMUTABLE
#define PROTECTED .flags = ROW_PROTECTED
#define HIDDEN .flags = ROW_HIDDEN
#define NO_TEXT NULL
#define KB 1024
#define MB (1024 * 1024)
#define GB (1024 * 1024 * 1024)
#define ANY_MEMORY (-1) /* as unsigned: all 64 bits */

static const struct config_row rows[] = {
    /* --- network --- */
    {CUSTOM("bind", config_set_bind, config_show_bind), EFFECT(CONFIG_EFFECT_LISTEN)},
    {INT("port", 0, 65535, 6379), FIELD(port), EFFECT(CONFIG_EFFECT_LISTEN)},
    {TEXT("unixsocket", NO_TEXT), FIELD(unixsocket), IMMUTABLE},
    {.name = "unixsocketperm", .kind = KIND_OCTAL, .min = 0, .max = 0777, FIELD(unixsocketperm), IMMUTABLE},
    {INT("tcp-backlog", 0, INT_MAX, 511), FIELD(tcp_backlog), IMMUTABLE},
    {INT("tcp-keepalive", 0, INT_MAX, 300), FIELD(tcp_keepalive_s), EFFECT(CONFIG_EFFECT_KEEPALIVE)},
    {INT("timeout", 0, INT_MAX, 0), FIELD(timeout_s)},
    {INT("maxclients", 1, UINT_MAX, 10000), FIELD(maxclients), EFFECT(CONFIG_EFFECT_MAXCLIENTS)},
    {BOOL("protected-mode", true), FIELD(protected_mode)},
    {TEXT("requirepass", NO_TEXT), FIELD(requirepass)},
    {CUSTOM("client-output-buffer-limit", config_set_output_limits, config_show_output_limits)},
    {MEMORY("client-query-buffer-limit", MB, LONG_MAX, GB), FIELD(client_query_buffer_limit)},
    {MEMORY("proto-max-bulk-len", MB, LONG_MAX, 512 * MB), FIELD(proto_max_bulk_len)},
    {TEXT("bind-source-addr", NO_TEXT)},
    {INT("socket-mark-id", 0, UINT_MAX, 0), ASKS("marking sockets is"), IMMUTABLE},
    /* --- process --- */
    {BOOL("daemonize", false), FIELD(daemonize), IMMUTABLE},
    {TEXT("pidfile", NO_TEXT), FIELD(pidfile), IMMUTABLE},
    {TEXT("logfile", ""), FIELD(logfile), IMMUTABLE},
    {CHOICE("loglevel", log_levels, LOG_LEVEL_NOTICE), FIELD(loglevel), EFFECT(CONFIG_EFFECT_LOG)},
    {BOOL("syslog-enabled", false), FIELD(syslog_enabled), IMMUTABLE},
    {TEXT("syslog-ident", "redis"), FIELD(syslog_ident), IMMUTABLE},
    {CHOICE("syslog-facility", facilities, LOG_LOCAL0), FIELD(syslog_facility), IMMUTABLE},
    {BOOL("always-show-logo", false), FIELD(always_show_logo), IMMUTABLE},
    {BOOL("set-proc-title", true), FIELD(set_proc_title), IMMUTABLE},
    {TEXT("proc-title-template", "{title} {listen-addr} {server-mode}"), FIELD(proc_title_template),
     CHECK(config_check_title_template), EFFECT(CONFIG_EFFECT_TITLE)},
    {CHOICE("supervised", supervisors, SUPERVISED_NO), FIELD(supervised), IMMUTABLE},
    {BOOL("disable-thp", true), FIELD(disable_thp), IMMUTABLE},
    {BOOL("crash-log-enabled", true), FIELD(crash_log_enabled)},
    {BOOL("crash-memcheck-enabled", true)},
    {TEXT("ignore-warnings", "")},
    {INT("databases", 1, INT_MAX, 16), FIELD(databases), IMMUTABLE},
    {INT("hz", 0, INT_MAX, 10), FIELD(hz), EFFECT(CONFIG_EFFECT_HZ), .flags = ROW_CLAMP_HZ},
    {BOOL("dynamic-hz", true), FIELD(dynamic_hz)},
    {BOOL("activerehashing", true), FIELD(activerehashing)},
    {INT("active-expire-effort", 1, 10, 1), FIELD(active_expire_effort)},
    {CHOICE("enable-debug-command", guards, GUARD_NO), FIELD(enable_debug_command), IMMUTABLE},
    {CHOICE("enable-protected-configs", guards, GUARD_NO), FIELD(enable_protected_configs), IMMUTABLE},
    {CHOICE("enable-module-command", guards, GUARD_NO), ASKS(MODULE_FEATURE), IMMUTABLE},
    {.name = "shutdown-on-sigint",
     .kind = KIND_FLAGS,
     .choices = shutdown_bits,
     FIELD(shutdown_on_sigint),
     CHECK(config_check_shutdown_flags)},
    {.name = "shutdown-on-sigterm",
     .kind = KIND_FLAGS,
     .choices = shutdown_bits,
     FIELD(shutdown_on_sigterm),
     CHECK(config_check_shutdown_flags)},
    {INT("shutdown-timeout", 0, INT_MAX, 10), FIELD(shutdown_timeout_s)},
    {CHOICE("oom-score-adj", oom_modes, 0), ASKS("adjusting the OOM score is")},
    {LIST("oom-score-adj-values", "0 200 800"), CHECK(config_check_oom_values)},
    {TEXT("server_cpulist", NO_TEXT), ASKS("pinning to processors is"), IMMUTABLE},
    {TEXT("bio_cpulist", NO_TEXT), ASKS("pinning to processors is"), IMMUTABLE},
    {TEXT("aof_rewrite_cpulist", NO_TEXT), ASKS("pinning to processors is"), IMMUTABLE},
    {TEXT("bgsave_cpulist", NO_TEXT), ASKS("pinning to processors is"), IMMUTABLE},
    {INT("io-threads", 1, 128, 1), ASKS(THREADS_FEATURE), IMMUTABLE},
    {BOOL("io-threads-do-reads", false), IMMUTABLE},
    {BOOL("jemalloc-bg-thread", true)},
    {TEXT("locale-collate", ""), ASKS("sorting by a locale is")},
    /* --- snapshots --- */
    {CUSTOM("save", config_set_save, config_show_save)},
    {CUSTOM("dir", config_set_dir, config_show_dir), EFFECT(CONFIG_EFFECT_DIR), PROTECTED},
    {TEXT("dbfilename", "dump.rdb"), FIELD(dbfilename), CHECK(config_check_file_name), PROTECTED},
    {CHOICE("rdb-version", rdb_versions, 0), FIELD(rdb_version)},
    {BOOL("rdbcompression", true), FIELD(rdbcompression)},
    {BOOL("rdbchecksum", true), FIELD(rdbchecksum), IMMUTABLE},
    {BOOL("rdb-save-incremental-fsync", true), FIELD(rdb_save_incremental_fsync)},
    {BOOL("stop-writes-on-bgsave-error", true), FIELD(stop_writes_on_bgsave_error)},
    {BOOL("rdb-del-sync-files", false)},
    {CHOICE("sanitize-dump-payload", sanitizing, 0)},
    /* --- freeing in the background --- */
    {BOOL("lazyfree-lazy-expire", false), FIELD(lazyfree_lazy_expire)},
    {BOOL("lazyfree-lazy-server-del", false), FIELD(lazyfree_lazy_server_del)},
    {BOOL("lazyfree-lazy-user-del", false), FIELD(lazyfree_lazy_user_del)},
    {BOOL("lazyfree-lazy-user-flush", false), FIELD(lazyfree_lazy_user_flush)},
    {BOOL("lazyfree-lazy-eviction", false)},
    /* --- watching --- */
    {INT("slowlog-log-slower-than", -1, LLONG_MAX, 10000), FIELD(slowlog_log_slower_than_us)},
    {INT("slowlog-max-len", 0, LONG_MAX, 128), FIELD(slowlog_max_len)},
    {INT("latency-monitor-threshold", 0, LLONG_MAX, 0), ASKS("the latency monitor is")},
    {BOOL("latency-tracking", true), FIELD(latency_tracking)},
    {LIST("latency-tracking-info-percentiles", "50 99 99.9"), CHECK(config_check_percentiles)},
    {TEXT("notify-keyspace-events", ""), ASKS("telling keyspace events is"), CHECK(config_check_notify_classes)},
    {INT("tracking-table-max-keys", 0, LONG_MAX, 1000000)},
    /* --- memory limits --- */
    {MEMORY("maxmemory", 0, ANY_MEMORY, 0), FIELD(maxmemory), ASKS(EVICTION_FEATURE)},
    {.name = "maxmemory-clients", .kind = KIND_MEMORY_OR_PERCENT, ASKS("evicting clients is")},
    {CHOICE("maxmemory-policy", eviction_policies, 7), CHECK(config_check_eviction_policy)},
    {INT("maxmemory-samples", 1, INT_MAX, 5)},
    {INT("maxmemory-eviction-tenacity", 0, 100, 10)},
    {INT("lfu-log-factor", 0, INT_MAX, 10)},
    {INT("lfu-decay-time", 0, INT_MAX, 1)},
    {BOOL("activedefrag", false), ASKS(DEFRAG_FEATURE)},
    {MEMORY("active-defrag-ignore-bytes", 1, LLONG_MAX, 100 * MB)},
    {INT("active-defrag-threshold-lower", 0, 1000, 10)},
    {INT("active-defrag-threshold-upper", 0, 1000, 100)},
    {INT("active-defrag-cycle-min", 1, 99, 1)},
    {INT("active-defrag-cycle-max", 1, 99, 25)},
    {INT("active-defrag-max-scan-fields", 1, LONG_MAX, 1000)},
    /* --- small encodings of values that are not built --- */
    {INT("hash-max-listpack-entries", 0, LONG_MAX, 512), LIMIT(hash_max_listpack_entries),
     ALIAS("hash-max-ziplist-entries")},
    {MEMORY("hash-max-listpack-value", 0, LONG_MAX, 64), LIMIT(hash_max_listpack_value),
     ALIAS("hash-max-ziplist-value")},
    {INT("list-max-listpack-size", INT_MIN, INT_MAX, -2), LIMIT(list_max_listpack_size),
     ALIAS("list-max-ziplist-size")},
    {INT("list-compress-depth", 0, INT_MAX, 0), LIMIT(list_compress_depth)},
    {INT("set-max-intset-entries", 0, LONG_MAX, 512), LIMIT(set_max_intset_entries)},
    {INT("set-max-listpack-entries", 0, LONG_MAX, 128), LIMIT(set_max_listpack_entries)},
    {MEMORY("set-max-listpack-value", 0, LONG_MAX, 64), LIMIT(set_max_listpack_value)},
    {INT("zset-max-listpack-entries", 0, LONG_MAX, 128), LIMIT(zset_max_listpack_entries),
     ALIAS("zset-max-ziplist-entries")},
    {MEMORY("zset-max-listpack-value", 0, LONG_MAX, 64), LIMIT(zset_max_listpack_value),
     ALIAS("zset-max-ziplist-value")},
    {MEMORY("hll-sparse-max-bytes", 0, LONG_MAX, 3000), FIELD(hll_sparse_max_bytes)},
    {MEMORY("stream-node-max-bytes", 0, LONG_MAX, 4096)},
    {INT("stream-node-max-entries", 0, LLONG_MAX, 100)},
    /* --- append-only file --- */
    {BOOL("appendonly", false), ASKS(AOF_FEATURE)},
    {TEXT("appendfilename", "appendonly.aof"), CHECK(config_check_file_name), IMMUTABLE},
    {TEXT("appenddirname", "appendonlydir"), CHECK(config_check_file_name), IMMUTABLE},
    {CHOICE("appendfsync", fsync_policies, 0)},
    {BOOL("no-appendfsync-on-rewrite", false)},
    {INT("auto-aof-rewrite-percentage", 0, INT_MAX, 100)},
    {MEMORY("auto-aof-rewrite-min-size", 0, LLONG_MAX, 64 * MB)},
    {BOOL("aof-load-truncated", true)},
    {BOOL("aof-use-rdb-preamble", true)},
    {BOOL("aof-timestamp-enabled", false)},
    {BOOL("aof-rewrite-incremental-fsync", true)},
    {BOOL("aof-disable-auto-gc", false)},
    /* --- replication --- */
    {CUSTOM("replicaof", config_set_replicaof, config_show_nothing), ALIAS("slaveof"), IMMUTABLE},
    {TEXT("masterauth", NO_TEXT)},
    {TEXT("masteruser", NO_TEXT)},
    {BOOL("replica-serve-stale-data", true), ALIAS("slave-serve-stale-data")},
    {BOOL("replica-read-only", true), ALIAS("slave-read-only")},
    {BOOL("replica-lazy-flush", false), ALIAS("slave-lazy-flush")},
    {BOOL("replica-ignore-maxmemory", true), ALIAS("slave-ignore-maxmemory")},
    {BOOL("replica-ignore-disk-write-errors", false)},
    {BOOL("replica-announced", true)},
    {INT("replica-priority", 0, INT_MAX, 100), ALIAS("slave-priority")},
    {TEXT("replica-announce-ip", NO_TEXT), ALIAS("slave-announce-ip")},
    {INT("replica-announce-port", 0, 65535, 0), ALIAS("slave-announce-port")},
    {INT("min-replicas-to-write", 0, INT_MAX, 0), ALIAS("min-slaves-to-write"), ASKS(REPLICATION_FEATURE)},
    {INT("min-replicas-max-lag", 0, INT_MAX, 10), ALIAS("min-slaves-max-lag")},
    {BOOL("repl-diskless-sync", true)},
    {INT("repl-diskless-sync-delay", 0, INT_MAX, 5)},
    {INT("repl-diskless-sync-max-replicas", 0, INT_MAX, 0)},
    {CHOICE("repl-diskless-load", diskless_loads, 0)},
    {BOOL("repl-disable-tcp-nodelay", false)},
    {INT("repl-ping-replica-period", 1, INT_MAX, 10), ALIAS("repl-ping-slave-period")},
    {INT("repl-timeout", 1, INT_MAX, 60)},
    {MEMORY("repl-backlog-size", 1, LLONG_MAX, MB)},
    {INT("repl-backlog-ttl", 0, LONG_MAX, 3600)},
    {CHOICE("propagation-error-behavior", propagation_errors, 0)},
    /* --- access control --- */
    {TEXT("aclfile", ""), ASKS(ACL_FEATURE), IMMUTABLE},
    {CHOICE("acl-pubsub-default", channel_defaults, 1)},
    {INT("acllog-max-len", 0, LONG_MAX, 128)},
    /* --- scripts --- */
    {INT("busy-reply-threshold", 0, LONG_MAX, 5000), ALIAS("lua-time-limit")},
    /* --- cluster --- */
    {BOOL("cluster-enabled", false), ASKS(CLUSTER_FEATURE), IMMUTABLE},
    {TEXT("cluster-config-file", "nodes.conf"), IMMUTABLE},
    {INT("cluster-node-timeout", 0, LLONG_MAX, 15000)},
    {INT("cluster-port", 0, 65535, 0), IMMUTABLE},
    {INT("cluster-replica-validity-factor", 0, INT_MAX, 10), ALIAS("cluster-slave-validity-factor")},
    {INT("cluster-migration-barrier", 0, INT_MAX, 1)},
    {BOOL("cluster-allow-replica-migration", true)},
    {BOOL("cluster-require-full-coverage", true)},
    {BOOL("cluster-replica-no-failover", false), ALIAS("cluster-slave-no-failover")},
    {BOOL("cluster-allow-reads-when-down", false)},
    {BOOL("cluster-allow-pubsubshard-when-down", true)},
    {MEMORY("cluster-link-sendbuf-limit", 0, ANY_MEMORY, 0)},
    {TEXT("cluster-announce-ip", NO_TEXT)},
    {TEXT("cluster-announce-hostname", NO_TEXT), CHECK(config_check_hostname)},
    {TEXT("cluster-announce-human-nodename", NO_TEXT), CHECK(config_check_hostname)},
    {INT("cluster-announce-port", 0, 65535, 0)},
    {INT("cluster-announce-tls-port", 0, 65535, 0)},
    {INT("cluster-announce-bus-port", 0, 65535, 0)},
    {CHOICE("cluster-preferred-endpoint-type", endpoint_types, 0)},
    /* --- TLS --- */
    {INT("tls-port", 0, 65535, 0), ASKS(TLS_FEATURE)},
    {BOOL("tls-replication", false), ASKS(TLS_FEATURE)},
    {BOOL("tls-cluster", false), ASKS(TLS_FEATURE)},
    {CHOICE("tls-auth-clients", tls_client_auth, 1)},
    {TEXT("tls-cert-file", NO_TEXT)},
    {TEXT("tls-key-file", NO_TEXT)},
    {TEXT("tls-key-file-pass", NO_TEXT)},
    {TEXT("tls-client-cert-file", NO_TEXT)},
    {TEXT("tls-client-key-file", NO_TEXT)},
    {TEXT("tls-client-key-file-pass", NO_TEXT)},
    {TEXT("tls-dh-params-file", NO_TEXT)},
    {TEXT("tls-ca-cert-file", NO_TEXT)},
    {TEXT("tls-ca-cert-dir", NO_TEXT)},
    {TEXT("tls-protocols", NO_TEXT)},
    {TEXT("tls-ciphers", NO_TEXT)},
    {TEXT("tls-ciphersuites", NO_TEXT)},
    {BOOL("tls-prefer-server-ciphers", false)},
    {BOOL("tls-session-caching", true)},
    {INT("tls-session-cache-size", 0, INT_MAX, 20480)},
    {INT("tls-session-cache-timeout", 0, INT_MAX, 300)},
    /* --- for debugging; Redis does not list them either --- */
    {INT("watchdog-period", 0, INT_MAX, 0), ASKS("the software watchdog is"), HIDDEN},
    {INT("key-load-delay", INT_MIN, INT_MAX, 0), ASKS("slowing down a load is"), HIDDEN},
    {INT("rdb-key-save-delay", INT_MIN, INT_MAX, 0), ASKS("slowing down a save is"), HIDDEN},
    {BOOL("use-exit-on-panic", false), HIDDEN},
    {MEMORY("loading-process-events-interval-bytes", KB, INT_MAX, 2 * MB), HIDDEN},
};

const struct config_row *config_rows(size_t *count)
{
    *count = sizeof(rows) / sizeof(rows[0]);
    return rows;
}
