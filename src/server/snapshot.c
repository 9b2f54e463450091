/* SPDX-License-Identifier: MIT */
/*
 * Snapshots: save rules, the forked child, what its end means, and loading. See snapshot.h for the states.
 *
 * Invariants:
 *  - at most one child lives; `child_pid` is 0 otherwise, and the store knows of it (keyspace_set_child_alive);
 *  - only a child that exited 0 counts: then `dirty` loses what it was at the fork, and last_save moves;
 *  - whatever ends a child otherwise, its temporary file is removed and the old file was never touched.
 */
#include "server/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hugepage.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/worker.h"
#include "rdb/load.h"
#include "rdb/save.h"
#include "server/state.h"

#define RETRY_DELAY_S 5
#define CHILD_NICE 10
#define CHILD_SLICE_NS 100000
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE (3 << 13)
#define LOAD_LOG_INTERVAL_US 2000000

/* What the child tells through the pipe. Shorter than PIPE_BUF: writes are whole. */
struct progress {
    uint64_t keys_done;
    uint64_t cow_bytes;
};

/* --- saving in this process --- */

static struct rdb_save_options save_options(const struct server *s)
{
    return (struct rdb_save_options){
        .version = s->config.rdb_version,
        .compress = s->config.rdbcompression,
        .checksum = s->config.rdbchecksum,
        .incremental_fsync = s->config.rdb_save_incremental_fsync,
        .server_version = REDIS_COMPAT_VERSION,
        .now_ms = clock_wall_ms(),
        .used_memory = mem_used(),
    };
}

enum snapshot_result snapshot_save_now(struct server *s, struct rdb_error *error)
{
    if (snapshot_is_running(s)) return SNAPSHOT_BUSY;
    struct rdb_save_options options = save_options(s);
    struct rdb_save_result result;
    s->persistence.saves++;
    if (!rdb_save(s->config.dbfilename, s->keyspace, &options, &result, error)) {
        log_warning("Saving failed: %s", error->text);
        return SNAPSHOT_FAILED;
    }
    log_notice("DB saved on disk: %llu keys, %llu bytes", (unsigned long long)result.keys,
               (unsigned long long)result.bytes);
    s->dirty = 0;
    s->persistence.last_save_s = time(NULL);
    s->persistence.last_bgsave_ok = true;
    return SNAPSHOT_OK;
}

/* --- the child --- */

/* Private dirty memory of this process: what copy-on-write had to copy. */
static uint64_t private_dirty_bytes(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    if (f == NULL) return 0;
    char line[256];
    unsigned long long kib, total = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "Private_Dirty: %llu kB", &kib) == 1) total = kib;
    }
    fclose(f);
    return total * 1024;
}

struct child_report {
    int fd;
    int64_t last_us;
};

static void report(const struct child_report *r, uint64_t keys_done, uint64_t cow_bytes)
{
    struct progress p = {.keys_done = keys_done, .cow_bytes = cow_bytes};
    /* A full pipe only means that the parent has not looked yet. */
    if (write(r->fd, &p, sizeof(p)) < 0 && errno != EAGAIN) log_debug("progress: %s", strerror(errno));
}

static void on_child_progress(void *ctx, uint64_t keys_done)
{
    struct child_report *r = ctx;
    int64_t now_us = clock_mono_us();
    if (now_us - r->last_us < 500000) return;
    r->last_us = now_us;
    report(r, keys_done, private_dirty_bytes());
}

/* As the kernel defines it; the C library of the day has neither the struct nor the call. */
struct sched_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};
_Static_assert(sizeof(struct sched_attributes) == 48, "the first version of the kernel's struct");

/* The child must not compete with the server that serves. Its slice is short, so that a server that wakes up on the same core
 * waits a tenth of a millisecond at most, where the usual slice is three. (Before Linux 6.12 the slice is ignored.) */
static void lower_priority(void)
{
    struct sched_attributes a = {
        .size = sizeof(a), .policy = SCHED_BATCH, .nice = CHILD_NICE, .runtime_ns = CHILD_SLICE_NS};
    if (syscall(SYS_sched_setattr, 0, &a, 0) != 0) log_debug("SCHED_BATCH, nice: %s", strerror(errno));
    if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE) != 0) log_debug("ioprio: %s", strerror(errno));
}

static _Noreturn void run_child(struct server *s, int progress_fd, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    loop_restore_signals();
    log_set_role('C');
    worker_after_fork_in_child();
    clients_close_fds_in_child(s);
    lower_priority();

    struct child_report r = {.fd = progress_fd, .last_us = clock_mono_us()};
    struct rdb_save_options options = save_options(s);
    options.on_progress = on_child_progress;
    options.ctx = &r;
    struct rdb_save_result result;
    struct rdb_error error;
    if (!rdb_save(s->config.dbfilename, s->keyspace, &options, &result, &error)) {
        log_warning("Background saving: %s", error.text);
        _exit(1);
    }
    uint64_t cow_bytes = private_dirty_bytes();
    report(&r, result.keys, cow_bytes);
    log_notice("DB saved on disk: %llu keys, %llu bytes, %llu MB copied on write", (unsigned long long)result.keys,
               (unsigned long long)result.bytes, (unsigned long long)(cow_bytes >> 20));
    _exit(0);
}

/* --- the parent's side --- */

bool snapshot_is_running(const struct server *s) { return s->snapshot.child_pid != 0; }
void snapshot_schedule(struct server *s) { s->snapshot.is_scheduled = true; }
bool snapshot_has_rules(const struct server *s) { return s->config.save_rule_count > 0; }

bool snapshot_writes_are_stopped(const struct server *s)
{
    return s->config.stop_writes_on_bgsave_error && !s->persistence.last_bgsave_ok && snapshot_has_rules(s);
}

/* --- huge pages: what copy-on-write split is made whole, in a thread beside the loop --- */

/* Before a fork, too: it would have to wait for the lock of the process's map. */
static void stop_repair(struct server *s)
{
    hugepage_repair_free(s->snapshot.repair);
    s->snapshot.repair = NULL;
}

static void start_repair(struct server *s)
{
    if (!hugepage_can_collapse()) return;
    struct snapshot *snap = &s->snapshot;
    snap->repair = hugepage_repair_start();
    snap->repair_started_us = clock_mono_us();
    if (!hugepage_repair_run(snap->repair)) stop_repair(s);
}

static void end_repair(struct server *s)
{
    struct snapshot *snap = &s->snapshot;
    if (snap->repair == NULL || !hugepage_repair_is_done(snap->repair)) return;
    log_verbose("Huge pages mended after the snapshot: %zu ranges in %lld ms", hugepage_repair_collapsed(snap->repair),
                (long long)((clock_mono_us() - snap->repair_started_us) / 1000));
    stop_repair(s);
}

static enum snapshot_result fork_failed(struct server *s, const int fds[2])
{
    log_warning("Can't save in background: fork: %s", strerror(errno));
    close(fds[0]);
    close(fds[1]);
    s->persistence.last_bgsave_ok = false;
    return SNAPSHOT_FAILED;
}

static void enter_running(struct server *s, pid_t pid, int progress_fd, int64_t forked_us)
{
    struct snapshot *snap = &s->snapshot;
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", s->config.dir, s->config.dbfilename);
    snap->path = mem_strdup(buf_cstr(&path));
    buf_deinit(&path);
    snap->child_pid = pid;
    snap->progress_fd = progress_fd;
    snap->dirty_at_fork = s->dirty;
    snap->started_us = clock_mono_us();
    snap->is_scheduled = false;
    s->persistence.current_bgsave_start_s = time(NULL);
    s->persistence.current_save_keys_processed = 0;
    s->persistence.current_save_keys_total = keyspace_key_count(s->keyspace);
    s->persistence.current_cow_bytes = s->persistence.current_cow_peak_bytes = s->persistence.current_cow_age_s = 0;
    s->persistence.latest_fork_usec = snap->started_us - forked_us;
    s->stats.total_forks++;
    keyspace_set_child_alive(s->keyspace, true);
    log_notice("Background saving started by pid %d (fork took %lld us)", (int)pid,
               (long long)s->persistence.latest_fork_usec);
}

enum snapshot_result snapshot_start(struct server *s)
{
    if (snapshot_is_running(s)) return SNAPSHOT_BUSY;
    int fds[2];
    s->snapshot.last_try_s = time(NULL);
    s->persistence.saves++;
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) {
        log_warning("Can't save in background: pipe: %s", strerror(errno));
        s->persistence.last_bgsave_ok = false;
        return SNAPSHOT_FAILED;
    }
    stop_repair(s);
    pid_t self = getpid();
    int64_t forked_us = clock_mono_us();
    pid_t pid = fork();
    if (pid < 0) return fork_failed(s, fds);
    if (pid == 0) run_child(s, fds[1], self);
    close(fds[1]);
    enter_running(s, pid, fds[0], forked_us);
    return SNAPSHOT_OK;
}

static void read_progress(struct server *s)
{
    struct progress p;
    while (read(s->snapshot.progress_fd, &p, sizeof(p)) == (ssize_t)sizeof(p)) {
        s->persistence.current_save_keys_processed = p.keys_done;
        s->persistence.current_cow_bytes = p.cow_bytes;
        s->persistence.current_cow_age_s = 0;
        if (p.cow_bytes > s->persistence.current_cow_peak_bytes) s->persistence.current_cow_peak_bytes = p.cow_bytes;
    }
}

/* Back to IDLE; the temporary file of a child that did not succeed goes. */
static void leave_running(struct server *s, bool succeeded)
{
    struct persistence_stats *p = &s->persistence;
    read_progress(s);
    close(s->snapshot.progress_fd);
    if (!succeeded) rdb_remove_temp_file(s->snapshot.path, s->snapshot.child_pid);
    mem_free(s->snapshot.path);
    s->snapshot.path = NULL;
    s->snapshot.progress_fd = -1;
    s->snapshot.child_pid = 0;
    p->last_cow_bytes = p->current_cow_peak_bytes;
    p->last_bgsave_time_s = time(NULL) - p->current_bgsave_start_s;
    p->current_bgsave_start_s = -1;
    p->current_cow_bytes = p->current_cow_peak_bytes = 0;
    p->current_save_keys_processed = p->current_save_keys_total = 0;
    keyspace_set_child_alive(s->keyspace, false);
    start_repair(s);
}

static void judge_child(struct server *s, int status)
{
    bool succeeded = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    uint64_t dirty_at_fork = s->snapshot.dirty_at_fork;
    leave_running(s, succeeded);
    if (succeeded) {
        log_notice("Background saving terminated with success");
        s->dirty -= dirty_at_fork;
        s->persistence.last_save_s = time(NULL);
        s->persistence.last_bgsave_ok = true;
        return;
    }
    if (WIFSIGNALED(status)) {
        log_warning("Background saving terminated by signal %d", WTERMSIG(status));
    } else {
        log_warning("Background saving error: the child's reason is logged above");
    }
    s->persistence.last_bgsave_ok = false;
}

void snapshot_on_child_signal(struct server *s)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->snapshot.child_pid) judge_child(s, status);
    }
}

void snapshot_cancel(struct server *s)
{
    pid_t pid = s->snapshot.child_pid;
    if (pid == 0) return;
    log_notice("Killing the background save, pid %d", (int)pid);
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    leave_running(s, false); /* wanted, so the status stays as it was */
}

/* --- cron --- */

static const struct save_rule *due_rule(const struct server *s, int64_t now_s)
{
    for (unsigned i = 0; i < s->config.save_rule_count; i++) {
        const struct save_rule *rule = &s->config.save_rules[i];
        if (s->dirty >= rule->changes && now_s - s->persistence.last_save_s > rule->seconds) return rule;
    }
    return NULL;
}

static void start_when_due(struct server *s)
{
    int64_t now_s = time(NULL);
    /* After a failure, not sooner than RETRY_DELAY_S: a full disk must not be hammered. */
    if (!s->persistence.last_bgsave_ok && now_s - s->snapshot.last_try_s <= RETRY_DELAY_S) return;
    const struct save_rule *rule = due_rule(s, now_s);
    if (rule != NULL) {
        log_notice("%llu changes in %lld seconds. Saving...", (unsigned long long)rule->changes,
                   (long long)rule->seconds);
        snapshot_start(s);
    } else if (s->snapshot.is_scheduled) {
        snapshot_start(s);
    }
}

void snapshot_cron(struct server *s)
{
    if (snapshot_is_running(s)) {
        read_progress(s);
        return;
    }
    start_when_due(s);
    end_repair(s);
}

/* --- loading --- */

struct load_watch {
    struct server *server;
    int64_t started_us, logged_us;
    bool serve; /* answer clients meanwhile */
};

static void log_load_progress(struct load_watch *w, uint64_t bytes_done, uint64_t keys_done)
{
    int64_t now_us = clock_mono_us();
    if (now_us - w->logged_us < LOAD_LOG_INTERVAL_US) return;
    w->logged_us = now_us;
    const struct persistence_stats *p = &w->server->persistence;
    double seconds = (double)(now_us - w->started_us) / 1e6;
    double rate = (double)bytes_done / seconds;
    double left = p->loading_total_bytes > bytes_done ? (double)(p->loading_total_bytes - bytes_done) / rate : 0;
    log_notice("Loading: %.0f%% (%llu keys, %.0f MB/s, about %.0f s left)",
               p->loading_total_bytes > 0 ? 100.0 * (double)bytes_done / (double)p->loading_total_bytes : 100.0,
               (unsigned long long)keys_done, rate / 1e6, left);
}

static void on_load_progress(void *ctx, uint64_t bytes_done, uint64_t keys_done)
{
    struct load_watch *w = ctx;
    w->server->persistence.loading_loaded_bytes = bytes_done;
    log_load_progress(w, bytes_done, keys_done);
    if (w->serve) loop_turn(w->server->loop, 0);
    if (w->server->shutdown.is_done) {
        server_leave(w->server);
        exit(0); /* asked to stop while loading: there is nothing to save */
    }
}

static uint64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static enum rdb_load_status load(struct server *s, struct keyspace *into, bool serve, struct rdb_load_result *result,
                                 struct rdb_error *error)
{
    struct persistence_stats *p = &s->persistence;
    struct load_watch watch = {
        .server = s, .started_us = clock_mono_us(), .logged_us = clock_mono_us(), .serve = serve};
    struct rdb_load_options options = {
        .now_ms = clock_wall_ms(),
        .checksum = s->config.rdbchecksum,
        .access_clock = keyspace_access_clock(s->keyspace),
        .on_progress = on_load_progress,
        .ctx = &watch,
    };
    p->loading = true;
    p->loading_start_s = time(NULL);
    p->loading_total_bytes = file_bytes(s->config.dbfilename);
    p->loading_loaded_bytes = 0;
    enum rdb_load_status status = rdb_load(s->config.dbfilename, into, &options, result, error);
    p->loading = false;
    if (status != RDB_LOAD_OK) return status;
    p->loading_rdb_used_memory = result->used_memory;
    p->last_load_keys_loaded = result->keys_loaded;
    p->last_load_keys_expired = result->keys_expired;
    log_notice("DB loaded from disk: %.3f seconds, %llu keys loaded, %llu expired",
               (double)(clock_mono_us() - watch.started_us) / 1e6, (unsigned long long)result->keys_loaded,
               (unsigned long long)result->keys_expired);
    return status;
}

bool snapshot_load_at_start(struct server *s)
{
    int swept = rdb_sweep_temp_files(s->config.dbfilename);
    if (swept > 0) log_notice("Removed %d temporary snapshot file(s) that a stopped server left behind", swept);
    struct rdb_load_result result;
    struct rdb_error error;
    switch (load(s, s->keyspace, true, &result, &error)) {
    case RDB_LOAD_OK:
    case RDB_LOAD_ABSENT: s->persistence.last_save_s = time(NULL); return true;
    case RDB_LOAD_FAILED:
        log_warning("Fatal error loading the DB, the file is left as it is: %s. Exiting.", error.text);
        return false;
    }
    return false;
}

bool snapshot_read(struct server *s, struct keyspace *into, struct rdb_error *error)
{
    struct rdb_load_result result;
    enum rdb_load_status status = load(s, into, false, &result, error);
    if (status == RDB_LOAD_ABSENT) snprintf(error->text, sizeof(error->text), "%s: no such file", s->config.dbfilename);
    return status == RDB_LOAD_OK;
}
