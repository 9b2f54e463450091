/* SPDX-License-Identifier: MIT */
/*
 * From a configuration to a running server, in this order: process (daemon, log, folder), memory and clocks, loop and signals,
 * listeners (clients get -LOADING), the snapshot, cron. Also the accessors of server.h and what a changed directive sets off.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/hugepage.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/ticks.h"
#include "server/state.h"

/* --- accessors --- */

struct keyspace *server_keyspace(struct server *s) { return s->keyspace; }
struct config *server_config_for_start(struct server *s) { return &s->config; }
const struct config *server_config(const struct server *s) { return &s->config; }
struct server_stats *server_stats(struct server *s) { return &s->stats; }
const struct persistence_stats *server_persistence(const struct server *s) { return &s->persistence; }
struct rng *server_rng(struct server *s) { return &s->rng; }
uint64_t server_dirty(const struct server *s) { return s->dirty; }
int64_t server_start_s(const struct server *s) { return s->start_s; }
bool server_is_loading(const struct server *s) { return s->persistence.loading; }
void server_set_active_expire(struct server *s, bool on) { s->active_expire = on; }

void server_reset_stats(struct server *s)
{
    struct keyspace_stats *ks = keyspace_stats(s->keyspace);
    s->stats = (struct server_stats){.peak_memory = mem_used()};
    s->sampled_commands = s->sampled_in = s->sampled_out = 0;
    *ks = (struct keyspace_stats){0};
    s->error_kind_count = 0;
    command_stats_reset();
}

/* --- configuration at run time --- */

static bool change_dir(const char *dir, char *reason, size_t reason_size)
{
    if (chdir(dir) == 0) return true;
    snprintf(reason, reason_size, "Can't chdir to '%s': %s", dir, strerror(errno));
    return false;
}

/* New listeners, or the old ones again when the new ones cannot be had. */
static bool listen_anew(struct server *s, const struct config *old_values, const struct config *new_values,
                        char *reason, size_t reason_size)
{
    char again[512];
    listeners_close(s);
    if (listeners_open(s, new_values, again, sizeof(again))) return true;
    log_warning("%s", again);
    snprintf(reason, reason_size, "Failed to bind to specified addresses.");
    listeners_close(s);
    if (!listeners_open(s, old_values, again, sizeof(again))) log_warning("Listening as before failed: %s", again);
    return false;
}

bool server_apply_config(void *ctx, const struct config *old_values, const struct config *new_values, unsigned effects,
                         char *reason, size_t reason_size)
{
    struct server *s = ctx;
    if ((effects & CONFIG_EFFECT_MAXCLIENTS) != 0 &&
        listeners_raise_fd_limit(new_values->maxclients) < new_values->maxclients) {
        snprintf(reason, reason_size,
                 "The operating system is not able to handle the specified number of clients, try with %u",
                 listeners_raise_fd_limit(new_values->maxclients));
        return false;
    }
    if ((effects & CONFIG_EFFECT_DIR) != 0 && !change_dir(new_values->dir, reason, reason_size)) return false;
    if ((effects & CONFIG_EFFECT_LISTEN) != 0 && !listen_anew(s, old_values, new_values, reason, reason_size))
        return false;
    if ((effects & CONFIG_EFFECT_LOG) != 0) process_log_from_config(new_values);
    if ((effects & CONFIG_EFFECT_TITLE) != 0) process_set_title(new_values);
    if ((effects & CONFIG_EFFECT_LIMITS) != 0) value_set_limits(&new_values->limits);
    return true;
}

bool server_config_set(struct server *s, const struct config_change *changes, size_t count, bool allow_protected,
                       char *error, size_t error_size)
{
    return config_set(&s->config, changes, count, allow_protected, server_apply_config, s, error, error_size);
}

/* --- start --- */

struct server *server_new(void)
{
    struct server *s = mem_calloc(sizeof(*s));
    config_init(&s->config);
    s->snapshot.progress_fd = -1;
    s->persistence.last_bgsave_ok = true;
    s->persistence.last_bgsave_time_s = -1;
    s->persistence.current_bgsave_start_s = -1;
    s->active_expire = true;
    ssize_t n = readlink("/proc/self/exe", s->executable, sizeof(s->executable) - 1);
    if (n > 0) s->executable[n] = '\0';
    return s;
}

/* The folder of the snapshots; from here on `dir` is absolute. */
static bool enter_dir(struct server *s)
{
    char reason[512], cwd[PATH_MAX];
    if (!change_dir(s->config.dir, reason, sizeof(reason))) {
        log_warning("%s", reason);
        return false;
    }
    if (getcwd(cwd, sizeof(cwd)) == NULL) {
        log_warning("The working directory has no name: %s", strerror(errno));
        return false;
    }
    mem_free(s->config.dir);
    s->config.dir = mem_strdup(cwd);
    return true;
}

static bool become_process(struct server *s)
{
    struct config *cfg = &s->config;
    if (cfg->daemonize && !process_daemonize()) {
        log_warning("Can't daemonize: %s", strerror(errno));
        return false;
    }
    if (!enter_dir(s)) return false;
    process_log_from_config(cfg);
    if (cfg->crash_log_enabled) process_install_crash_report();
    log_notice("Keepsake %s (compatible with Redis %s), %d bits, pid %d, %s", KEEPSAKE_VERSION, REDIS_COMPAT_VERSION,
               (int)sizeof(long) * 8, (int)getpid(), cfg->file != NULL ? cfg->file : "default configuration");
    if ((cfg->daemonize || cfg->pidfile != NULL) && cfg->pidfile != NULL && cfg->pidfile[0] != '\0') {
        process_write_pidfile(cfg->pidfile);
    }
    process_set_title(cfg);
    return true;
}

static void advise_on_system(void)
{
    if (hugepage_system_mode() == HUGEPAGE_NEVER) {
        log_warning("Transparent huge pages are off: fork() for a snapshot will pause about 20 ms per GiB. To make it "
                    "some thirty times "
                    "shorter: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
    }
    FILE *f = fopen("/proc/sys/vm/overcommit_memory", "re");
    int mode = -1;
    if (f != NULL) {
        if (fscanf(f, "%d", &mode) != 1) mode = -1;
        fclose(f);
    }
    if (mode == 2) {
        log_warning("vm.overcommit_memory is 2: a background save may fail when memory is short. To fix it: sysctl "
                    "vm.overcommit_memory=1");
    }
}

static void on_before_wait(void *ctx)
{
    struct server *s = ctx;
    clients_before_wait(s);
    s->stats.loop_turns++;
    s->stats.loop_busy_us += (uint64_t)(clock_mono_us() - loop_now_us(s->loop));
}

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
    struct server *s = ctx;
    if (info->ssi_signo == SIGCHLD)
        snapshot_on_child_signal(s);
    else
        shutdown_on_signal(s, (int)info->ssi_signo);
}

static bool init_loop(struct server *s)
{
    s->loop = loop_new();
    if (s->loop == NULL) {
        log_warning("Can't make the event loop: %s", strerror(errno));
        return false;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    loop_on_signal(s->loop, SIGCHLD, on_signal, s);
    loop_on_signal(s->loop, SIGTERM, on_signal, s);
    loop_on_signal(s->loop, SIGINT, on_signal, s);
    loop_set_before_wait(s->loop, on_before_wait, s);
    return true;
}

static void limit_clients(struct server *s)
{
    unsigned possible = listeners_raise_fd_limit(s->config.maxclients);
    if (possible >= s->config.maxclients) return;
    log_warning("The limit of open files allows %u clients only, so maxclients is lowered from %u to that. To raise "
                "it: 'ulimit -n %u'",
                possible, s->config.maxclients, s->config.maxclients + 32);
    s->config.maxclients = possible;
}

static void init_state(struct server *s)
{
    uint8_t key[16];
    rng_system_bytes(key, sizeof(key));
    hash_set_key(key);
    rng_seed_from_system(&s->rng);
    rng_system_hex(s->run_id, 40);
    s->start_s = time(NULL);
    s->start_us = clock_mono_us();
    s->persistence.last_save_s = s->start_s;
    s->keyspace = keyspace_new(s->config.databases);
    ticks_calibrate();
    clients_init(s);
    s->startup_memory = mem_used();
}

bool server_start(struct server *s)
{
    char reason[512];
    if (!become_process(s)) return false;
    advise_on_system();
    limit_clients(s);
    if (!init_loop(s)) return false;
    init_state(s);
    value_set_limits(&s->config.limits);
    if (!listeners_open(s, &s->config, reason, sizeof(reason))) {
        log_warning("%s", reason);
        listeners_close(s);
        return false;
    }
    cron_start(s);
    if (!snapshot_load_at_start(s)) return false;
    if (s->config.port != 0) log_notice("Ready to accept connections on port %d", s->config.port);
    if (s->config.unixsocket != NULL) log_notice("Ready to accept connections at %s", s->config.unixsocket);
    s->is_supervised = process_notify_ready(s->config.supervised);
    return true;
}

void server_run(struct server *s)
{
    if (!s->shutdown.is_done) loop_run(s->loop);
    server_leave(s);
}

void server_leave(struct server *s)
{
    listeners_close(s);
    if (s->config.pidfile != NULL && s->config.pidfile[0] != '\0') unlink(s->config.pidfile);
    log_warning("Keepsake is now ready to exit, bye bye...");
}
