/* SPDX-License-Identifier: MIT */
/*
 * INFO: one function a section, with Redis's field names in Redis's order, so that every tool that reads them
 * finds what it knows. Fields of features that are not built show what a Redis without that feature in use would
 * show. Fields of Keepsake's own stand at the end of a section.
 */
#include "server/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hugepage.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/ticks.h"
#include "base/worker.h"
#include "server/state.h"

#define SECONDS_PER_DAY (3600 * 24)
#define NO_REPLID "0000000000000000000000000000000000000000"

/* --- one field --- */

static void put_int(struct buf *out, const char *name, int64_t value)
{
    buf_printf(out, "%s:%" PRId64 "\r\n", name, value);
}

static void put_count(struct buf *out, const char *name, uint64_t value)
{
    buf_printf(out, "%s:%" PRIu64 "\r\n", name, value);
}

static void put_text(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s:%s\r\n", name, value);
}

static void put_ratio(struct buf *out, const char *name, double value) { buf_printf(out, "%s:%.2f\r\n", name, value); }

static void put_percent(struct buf *out, const char *name, double value)
{
    buf_printf(out, "%s:%.2f%%\r\n", name, value);
}

/* `<name>_human`. */
static void put_human(struct buf *out, const char *name, uint64_t bytes)
{
    char text[32];
    num_format_human_bytes(text, bytes);
    buf_printf(out, "%s_human:%s\r\n", name, text);
}

static void put_bytes(struct buf *out, const char *name, uint64_t bytes)
{
    put_count(out, name, bytes);
    put_human(out, name, bytes);
}

/* Several fields that are constant because their feature is not in use. */
static void put_zeros(struct buf *out, const char *const *names)
{
    for (; *names; names++) put_count(out, *names, 0);
}

static double divide(double a, double b) { return b > 0 ? a / b : 0; }

/* --- server --- */

static const char *supervisor_name(const struct server *s)
{
    if (!s->is_supervised) return "no";
    return s->config.supervised == SUPERVISED_UPSTART ? "upstart" : "systemd";
}

static void put_listeners(const struct config *cfg, struct buf *out)
{
    unsigned n = 0;
    if (cfg->port > 0 && cfg->bind_count > 0) {
        buf_printf(out, "listener%u:name=tcp", n++);
        for (unsigned i = 0; i < cfg->bind_count; i++) buf_printf(out, ",bind=%s", cfg->bind[i]);
        buf_printf(out, ",port=%d\r\n", cfg->port);
    }
    if (cfg->unixsocket) buf_printf(out, "listener%u:name=unix,bind=%s\r\n", n, cfg->unixsocket);
}

static void put_build(struct buf *out)
{
    struct utsname os = {0};
    uname(&os);
    put_text(out, "redis_version", REDIS_COMPAT_VERSION);
    put_text(out, "redis_git_sha1", "00000000");
    put_text(out, "redis_git_dirty", "0");
    put_text(out, "redis_build_id", KEEPSAKE_VERSION);
    put_text(out, "redis_mode", "standalone");
    buf_printf(out, "os:%s %s %s\r\n", os.sysname, os.release, os.machine);
    put_count(out, "arch_bits", sizeof(void *) * 8);
    put_text(out, "monotonic_clock", "POSIX clock_gettime");
    put_text(out, "multiplexing_api", "epoll");
    put_text(out, "atomicvar_api", "c11-builtin");
#ifdef __clang__
    put_text(out, "gcc_version", "0.0.0");
#else
    buf_printf(out, "gcc_version:%d.%d.%d\r\n", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

static void section_server(struct server *s, struct buf *out)
{
    const struct config *cfg = &s->config;
    int64_t now_us = clock_wall_us();
    int64_t uptime_s = now_us / 1000000 - s->start_s;
    put_build(out);
    put_int(out, "process_id", getpid());
    put_text(out, "process_supervised", supervisor_name(s));
    put_text(out, "run_id", s->run_id);
    put_int(out, "tcp_port", cfg->port);
    put_int(out, "server_time_usec", now_us);
    put_int(out, "uptime_in_seconds", uptime_s);
    put_int(out, "uptime_in_days", uptime_s / SECONDS_PER_DAY);
    put_int(out, "hz", s->hz);
    put_int(out, "configured_hz", cfg->hz);
    put_count(out, "lru_clock", keyspace_access_clock(s->keyspace));
    put_text(out, "executable", s->executable);
    put_text(out, "config_file", cfg->file ? cfg->file : "");
    put_int(out, "io_threads_active", 0);
    put_listeners(cfg, out);
    put_text(out, "server_name", "keepsake");
    put_text(out, "keepsake_version", KEEPSAKE_VERSION);
}

/* --- clients --- */

struct client_memory {
    size_t total, max_input, max_output;
};

static struct client_memory measure_clients(struct server *s)
{
    struct client_memory m = {0};
    for (const struct client *c = clients_first(s); c; c = c->next) {
        size_t input = c->kept_cap + resp_parser_memory(&c->parser);
        size_t output = reply_memory(&c->reply);
        m.total += sizeof(*c) + input + output;
        if (input > m.max_input) m.max_input = input;
        if (output > m.max_output) m.max_output = output;
    }
    return m;
}

static void section_clients(struct server *s, struct buf *out)
{
    struct client_memory m = measure_clients(s);
    put_count(out, "connected_clients", clients_count(s));
    put_count(out, "cluster_connections", 0);
    put_count(out, "maxclients", s->config.maxclients);
    put_count(out, "client_recent_max_input_buffer", m.max_input);
    put_count(out, "client_recent_max_output_buffer", m.max_output);
    put_count(out, "blocked_clients", s->blocking.clients);
    put_count(out, "tracking_clients", 0);
    put_count(out, "clients_in_timeout_table", s->blocking.deadline_count);
    put_count(out, "total_blocking_keys", s->blocking.keys);
    put_count(out, "total_blocking_keys_on_nokey", 0);
}

/* --- memory --- */

/* Bytes present in memory, as the kernel counts them; 0 when it does not tell. */
static uint64_t resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL) return 0;
    char line[128], *second = NULL;
    if (fgets(line, sizeof(line), f)) second = strchr(line, ' '); /* size, resident, ... in pages */
    fclose(f);
    return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t system_memory_bytes(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
}

struct memory_figures {
    uint64_t used, rss, peak, overhead, startup, dataset;
    size_t clients;
};

static struct memory_figures measure_memory(struct server *s)
{
    struct memory_figures m = {.used = mem_used(), .rss = resident_bytes(), .startup = s->startup_memory};
    m.peak = s->stats.peak_memory > m.used ? s->stats.peak_memory : m.used;
    m.clients = measure_clients(s).total;
    m.overhead = m.startup + m.clients + keyspace_overhead(s->keyspace);
    m.dataset = m.used > m.overhead ? m.used - m.overhead : 0;
    return m;
}

static void put_used_memory(const struct memory_figures *m, struct buf *out)
{
    put_bytes(out, "used_memory", m->used);
    put_bytes(out, "used_memory_rss", m->rss);
    put_bytes(out, "used_memory_peak", m->peak);
    put_percent(out, "used_memory_peak_perc", divide((double)m->used * 100, (double)m->peak));
    put_count(out, "used_memory_overhead", m->overhead);
    put_count(out, "used_memory_startup", m->startup);
    put_count(out, "used_memory_dataset", m->dataset);
    double net = m->used > m->startup ? (double)(m->used - m->startup) : 0;
    put_percent(out, "used_memory_dataset_perc", divide((double)m->dataset * 100, net));
}

/* No scripts and no functions are held. */
static void put_script_memory(struct buf *out)
{
    put_count(out, "used_memory_lua", 0);
    put_count(out, "used_memory_vm_eval", 0);
    put_human(out, "used_memory_lua", 0);
    static const char *const scripts[] = {"used_memory_scripts_eval", "number_of_cached_scripts", "number_of_functions",
                                          "number_of_libraries",      "used_memory_vm_functions", NULL};
    put_zeros(out, scripts);
    put_bytes(out, "used_memory_vm_total", 0);
    put_count(out, "used_memory_functions", 0);
    put_bytes(out, "used_memory_scripts", 0);
}

static void put_fragmentation(const struct memory_figures *m, const struct mem_stats *a, struct buf *out)
{
    put_ratio(out, "allocator_frag_ratio", divide((double)a->active, (double)a->allocated));
    put_int(out, "allocator_frag_bytes", (int64_t)a->active - (int64_t)a->allocated);
    put_ratio(out, "allocator_rss_ratio", divide((double)a->resident, (double)a->active));
    put_int(out, "allocator_rss_bytes", (int64_t)a->resident - (int64_t)a->active);
    put_ratio(out, "rss_overhead_ratio", divide((double)m->rss, (double)a->resident));
    put_int(out, "rss_overhead_bytes", (int64_t)m->rss - (int64_t)a->resident);
    put_ratio(out, "mem_fragmentation_ratio", divide((double)m->rss, (double)m->used));
    put_int(out, "mem_fragmentation_bytes", (int64_t)m->rss - (int64_t)m->used);
}

static void put_policy(const struct config *cfg, struct buf *out)
{
    struct buf policy = BUF_INIT;
    config_get(cfg, SLICE_LIT("maxmemory-policy"), &policy);
    put_text(out, "maxmemory_policy", buf_cstr(&policy));
    buf_deinit(&policy);
}

static void section_memory(struct server *s, struct buf *out)
{
    struct memory_figures m = measure_memory(s);
    struct mem_stats a;
    mem_stats_read(&a);
    put_used_memory(&m, out);
    put_count(out, "allocator_allocated", a.allocated);
    put_count(out, "allocator_active", a.active);
    put_count(out, "allocator_resident", a.resident);
    put_count(out, "allocator_muzzy", a.muzzy);
    put_bytes(out, "total_system_memory", system_memory_bytes());
    put_script_memory(out);
    put_bytes(out, "maxmemory", s->config.maxmemory);
    put_policy(&s->config, out);
    put_fragmentation(&m, &a, out);
    static const char *const replication[] = {"mem_not_counted_for_evict", "mem_replication_backlog",
                                              "mem_total_replication_buffers", "mem_clients_slaves", NULL};
    put_zeros(out, replication);
    put_count(out, "mem_clients_normal", m.clients);
    put_count(out, "mem_cluster_links", 0);
    put_count(out, "mem_aof_buffer", 0);
    put_text(out, "mem_allocator", a.allocator);
    put_count(out, "active_defrag_running", 0);
    put_count(out, "lazyfree_pending_objects", worker_pending());
    put_count(out, "lazyfreed_objects", keyspace_stats(s->keyspace)->lazyfreed_objects);
    put_count(out, "anon_huge_pages", hugepage_resident_bytes());
}

/* --- persistence --- */

static void put_loading(const struct persistence_stats *p, struct buf *out)
{
    int64_t elapsed_s = time(NULL) - p->loading_start_s;
    uint64_t loaded = p->loading_loaded_bytes, total = p->loading_total_bytes;
    /* Redis tells a second while nothing is known yet. */
    int64_t eta_s = 1;
    if (loaded > 0 && elapsed_s > 0)
        eta_s = total > loaded ? (int64_t)((double)elapsed_s * (double)(total - loaded) / (double)loaded) : 0;
    put_int(out, "loading_start_time", p->loading_start_s);
    put_count(out, "loading_total_bytes", total);
    put_count(out, "loading_rdb_used_mem", p->loading_rdb_used_memory);
    put_count(out, "loading_loaded_bytes", loaded);
    put_percent(out, "loading_loaded_perc", divide((double)loaded * 100, (double)total));
    put_int(out, "loading_eta_seconds", eta_s);
}

/* As a Redis with appendonly no. */
static void put_aof(struct buf *out)
{
    static const char *const before[] = {"aof_enabled", "aof_rewrite_in_progress", "aof_rewrite_scheduled", NULL};
    put_zeros(out, before);
    put_int(out, "aof_last_rewrite_time_sec", -1);
    put_int(out, "aof_current_rewrite_time_sec", -1);
    put_text(out, "aof_last_bgrewrite_status", "ok");
    put_count(out, "aof_rewrites", 0);
    put_count(out, "aof_rewrites_consecutive_failures", 0);
    put_text(out, "aof_last_write_status", "ok");
    static const char *const after[] = {"aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size",
                                        NULL};
    put_zeros(out, after);
}

static void section_persistence(struct server *s, struct buf *out)
{
    const struct persistence_stats *p = &s->persistence;
    bool is_saving = snapshot_is_running(s);
    put_int(out, "loading", p->loading);
    put_int(out, "async_loading", 0);
    put_count(out, "current_cow_peak", is_saving ? p->current_cow_peak_bytes : 0);
    put_count(out, "current_cow_size", is_saving ? p->current_cow_bytes : 0);
    put_count(out, "current_cow_size_age", is_saving ? p->current_cow_age_s : 0);
    double done =
        is_saving ? divide((double)p->current_save_keys_processed * 100, (double)p->current_save_keys_total) : 0;
    put_ratio(out, "current_fork_perc", done);
    put_count(out, "current_save_keys_processed", is_saving ? p->current_save_keys_processed : 0);
    put_count(out, "current_save_keys_total", is_saving ? p->current_save_keys_total : 0);
    put_count(out, "rdb_changes_since_last_save", server_dirty(s));
    put_int(out, "rdb_bgsave_in_progress", is_saving);
    put_int(out, "rdb_last_save_time", p->last_save_s);
    put_text(out, "rdb_last_bgsave_status", p->last_bgsave_ok ? "ok" : "err");
    put_int(out, "rdb_last_bgsave_time_sec", p->last_bgsave_time_s);
    put_int(out, "rdb_current_bgsave_time_sec", is_saving ? time(NULL) - p->current_bgsave_start_s : -1);
    put_count(out, "rdb_saves", p->saves);
    put_count(out, "rdb_last_cow_size", p->last_cow_bytes);
    put_count(out, "rdb_last_load_keys_expired", p->last_load_keys_expired);
    put_count(out, "rdb_last_load_keys_loaded", p->last_load_keys_loaded);
    put_aof(out);
    if (p->loading) put_loading(p, out);
}

/* --- stats --- */

static void put_traffic(const struct server_stats *st, struct buf *out)
{
    put_count(out, "total_connections_received", st->connections_received);
    put_count(out, "total_commands_processed", st->commands_processed);
    put_int(out, "instantaneous_ops_per_sec", (int64_t)st->ops_per_second);
    put_count(out, "total_net_input_bytes", st->net_input_bytes);
    put_count(out, "total_net_output_bytes", st->net_output_bytes);
    put_count(out, "total_net_repl_input_bytes", 0);
    put_count(out, "total_net_repl_output_bytes", 0);
    put_ratio(out, "instantaneous_input_kbps", st->input_kbps);
    put_ratio(out, "instantaneous_output_kbps", st->output_kbps);
    put_ratio(out, "instantaneous_input_repl_kbps", 0);
    put_ratio(out, "instantaneous_output_repl_kbps", 0);
    put_count(out, "rejected_connections", st->connections_rejected);
    static const char *const syncs[] = {"sync_full", "sync_partial_ok", "sync_partial_err", NULL};
    put_zeros(out, syncs);
}

static void put_key_stats(struct server *s, struct buf *out)
{
    const struct keyspace_stats *k = keyspace_stats(s->keyspace);
    const struct server_stats *st = &s->stats;
    put_count(out, "expired_keys", k->expired_keys);
    put_count(out, "expired_subkeys", k->expired_fields); /* fields of hashes */
    put_ratio(out, "expired_stale_perc", st->expired_stale_percent);
    put_count(out, "expired_time_cap_reached_count", st->expired_time_cap_reached);
    put_count(out, "expire_cycle_cpu_milliseconds", st->expire_cycle_cpu_us / 1000);
    static const char *const evictions[] = {"evicted_keys", "evicted_clients", "total_eviction_exceeded_time",
                                            "current_eviction_exceeded_time", NULL};
    put_zeros(out, evictions);
    put_count(out, "keyspace_hits", k->hits);
    put_count(out, "keyspace_misses", k->misses);
}

static void put_loop_stats(const struct server_stats *st, struct buf *out)
{
    put_count(out, "eventloop_cycles", st->loop_turns);
    put_count(out, "eventloop_duration_sum", st->loop_busy_us);
    put_count(out, "eventloop_duration_cmd_sum", ticks_to_ns(0, command_stats_total_ticks()) / 1000);
}

static void section_stats(struct server *s, struct buf *out)
{
    const struct server_stats *st = &s->stats;
    put_traffic(st, out);
    put_key_stats(s, out);
    static const char *const channels[] = {"pubsub_channels", "pubsub_patterns", "pubsubshard_channels", NULL};
    put_zeros(out, channels);
    put_int(out, "latest_fork_usec", s->persistence.latest_fork_usec);
    put_count(out, "total_forks", st->total_forks);
    static const char *const unused[] = {"migrate_cached_sockets",
                                         "slave_expires_tracked_keys",
                                         "active_defrag_hits",
                                         "active_defrag_misses",
                                         "active_defrag_key_hits",
                                         "active_defrag_key_misses",
                                         "total_active_defrag_time",
                                         "current_active_defrag_time",
                                         "tracking_total_keys",
                                         "tracking_total_items",
                                         "tracking_total_prefixes",
                                         "unexpected_error_replies",
                                         NULL};
    put_zeros(out, unused);
    put_count(out, "total_error_replies", st->error_replies);
    put_count(out, "dump_payload_sanitizations", 0);
    put_count(out, "total_reads_processed", st->reads_processed);
    put_count(out, "total_writes_processed", st->writes_processed);
    static const char *const threads[] = {"io_threaded_reads_processed", "io_threaded_writes_processed", NULL};
    put_zeros(out, threads);
    put_count(out, "client_query_buffer_limit_disconnections", st->query_buffer_limit_disconnections);
    put_count(out, "client_output_buffer_limit_disconnections", st->output_buffer_limit_disconnections);
    static const char *const buffers[] = {"reply_buffer_shrinks", "reply_buffer_expands", NULL};
    put_zeros(out, buffers);
    put_loop_stats(st, out);
    put_count(out, "acl_access_denied_auth", st->auth_failures);
    static const char *const denials[] = {"acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel",
                                          NULL};
    put_zeros(out, denials);
}

/* --- replication: a master without replicas --- */

static void section_replication(struct server *s, struct buf *out)
{
    put_text(out, "role", "master");
    put_count(out, "connected_slaves", 0);
    put_text(out, "master_failover_state", "no-failover");
    put_text(out, "master_replid", s->run_id);
    put_text(out, "master_replid2", NO_REPLID);
    put_int(out, "master_repl_offset", 0);
    put_int(out, "second_repl_offset", -1);
    put_int(out, "repl_backlog_active", 0);
    struct buf size = BUF_INIT;
    config_get(&s->config, SLICE_LIT("repl-backlog-size"), &size);
    put_text(out, "repl_backlog_size", buf_cstr(&size));
    buf_deinit(&size);
    put_int(out, "repl_backlog_first_byte_offset", 0);
    put_int(out, "repl_backlog_histlen", 0);
}

/* --- cpu --- */

static void put_seconds(struct buf *out, const char *name, struct timeval t)
{
    buf_printf(out, "%s:%ld.%06ld\r\n", name, (long)t.tv_sec, (long)t.tv_usec);
}

static void section_cpu(struct server *s, struct buf *out)
{
    (void)s;
    struct rusage self, children, thread;
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    getrusage(RUSAGE_THREAD, &thread);
    put_seconds(out, "used_cpu_sys", self.ru_stime);
    put_seconds(out, "used_cpu_user", self.ru_utime);
    put_seconds(out, "used_cpu_sys_children", children.ru_stime);
    put_seconds(out, "used_cpu_user_children", children.ru_utime);
    put_seconds(out, "used_cpu_sys_main_thread", thread.ru_stime);
    put_seconds(out, "used_cpu_user_main_thread", thread.ru_utime);
}

/* --- commands and errors --- */

static void section_modules(struct server *s, struct buf *out)
{
    (void)s;
    (void)out;
}

static void put_command(struct buf *out, const struct command *c)
{
    const struct command_stats *st = command_stats(c);
    if (st->calls == 0 && st->rejected == 0 && st->failed == 0) return;
    char name[64];
    command_full_name(c, name);
    uint64_t usec = (uint64_t)((double)st->ticks * 1000 / (double)ticks_per_ms());
    buf_printf(out,
               "cmdstat_%s:calls=%" PRIu64 ",usec=%" PRIu64 ",usec_per_call=%.2f,rejected_calls=%" PRIu64
               ",failed_calls=%" PRIu64 "\r\n",
               name, st->calls, usec, divide((double)usec, (double)st->calls), st->rejected, st->failed);
}

static void put_command_and_subs(void *ctx, const struct command *c)
{
    put_command(ctx, c);
    for (const struct command *sub = c->subcommands; sub && sub->name; sub++) put_command(ctx, sub);
}

static void section_commandstats(struct server *s, struct buf *out)
{
    (void)s;
    command_each(put_command_and_subs, out);
}

static int compare_errors(const void *a, const void *b)
{
    const struct error_kind *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void section_errorstats(struct server *s, struct buf *out)
{
    struct error_kind sorted[ERROR_KINDS_MAX];
    memcpy(sorted, s->errors, s->error_kind_count * sizeof(sorted[0]));
    qsort(sorted, s->error_kind_count, sizeof(sorted[0]), compare_errors);
    for (unsigned i = 0; i < s->error_kind_count; i++) {
        buf_printf(out, "errorstat_%s:count=%" PRIu64 "\r\n", sorted[i].name, sorted[i].count);
    }
}

/* Percentiles are not kept: the section is there and empty, as with latency-tracking no. */
static void section_latencystats(struct server *s, struct buf *out)
{
    (void)s;
    (void)out;
}

static void section_cluster(struct server *s, struct buf *out)
{
    (void)s;
    put_int(out, "cluster_enabled", 0);
}

/* --- keyspace --- */

static void section_keyspace(struct server *s, struct buf *out)
{
    for (unsigned i = 0; i < keyspace_db_count(s->keyspace); i++) {
        const struct db *db = keyspace_db(s->keyspace, i);
        size_t keys = db_count(db);
        if (keys == 0) continue;
        buf_printf(out, "db%u:keys=%zu,expires=%zu,avg_ttl=%" PRId64 "\r\n", i, keys, db_expires_count(db),
                   db_average_ttl_ms(db));
    }
}

/* --- which sections --- */

struct section {
    const char *name, *alias, *title;
    bool is_default;
    void (*render)(struct server *s, struct buf *out);
};

static const struct section table[] = {
    {"server", NULL, "Server", true, section_server},
    {"clients", NULL, "Clients", true, section_clients},
    {"memory", NULL, "Memory", true, section_memory},
    {"persistence", NULL, "Persistence", true, section_persistence},
    {"stats", NULL, "Stats", true, section_stats},
    {"replication", NULL, "Replication", true, section_replication},
    {"cpu", NULL, "CPU", true, section_cpu},
    {"module_list", "modules", "Modules", true, section_modules},
    {"commandstats", NULL, "Commandstats", false, section_commandstats},
    {"errorstats", NULL, "Errorstats", true, section_errorstats},
    {"latencystats", NULL, "Latencystats", false, section_latencystats},
    {"cluster", NULL, "Cluster", true, section_cluster},
    {"keyspace", NULL, "Keyspace", true, section_keyspace},
};
#define SECTION_COUNT (sizeof(table) / sizeof(table[0]))

static void choose(struct slice word, bool *wanted)
{
    bool is_all = slice_is_word(word, "all") || slice_is_word(word, "everything");
    bool is_default = slice_is_word(word, "default");
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        const struct section *t = &table[i];
        wanted[i] |= is_all || (is_default && t->is_default) || slice_is_word(word, t->name) ||
                     (t->alias && slice_is_word(word, t->alias));
    }
}

void info_render(struct server *s, const struct slice *sections, unsigned count, struct buf *out)
{
    bool wanted[SECTION_COUNT] = {false};
    if (count == 0) choose(SLICE_LIT("default"), wanted);
    for (unsigned i = 0; i < count; i++) choose(sections[i], wanted);
    bool is_first = true;
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (!wanted[i]) continue;
        buf_printf(out, "%s# %s\r\n", is_first ? "" : "\r\n", table[i].title);
        table[i].render(s, out);
        is_first = false;
    }
}
