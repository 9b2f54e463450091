/* SPDX-License-Identifier: MIT */
/*
 * The save path under faults. First a save is watched: which system calls it makes, and how many. Then each of them is made to fail in
 * every way, once under SAVE and once under BGSAVE. After each fault the file under dbfilename must load and equal the state
 * before or after the change; after a fault that was reported the server must still serve and say that the save failed; no temporary
 * file may stay once a server has started again.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/process.h"
#include "tests/support/wire.h"

#define KEYS 3000
#define VALUE_BYTES 1500 /* x KEYS: several writes and sync windows */
#define CALLS_MAX 64
#define DIGEST_BYTES 64

static int passed, failed;

struct state {
    char before[DIGEST_BYTES], after[DIGEST_BYTES];
};

struct fault_case {
    const char *call;
    int nth;
    const char *effect;
    const char *command; /* SAVE or BGSAVE */
};

/* --- talking to a server --- */

static void must(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "test_save_faults: %s\n", what);
    exit(1);
}

/* Runs one command; false when the connection ended or the reply is an error. The reply is copied. */
static bool ask(struct process *p, const char *line, char *reply, size_t size)
{
    int fd = process_connect(p);
    if (fd < 0) return false;
    struct wire w;
    wire_init(&w, fd);
    char request[256];
    const char *got = NULL;
    size_t len = 0;
    snprintf(request, sizeof(request), "%s\r\n", line);
    bool ok = wire_exchange(&w, request, strlen(request), 1) == WIRE_OK && wire_next(&w, &got, &len);
    if (ok && reply != NULL) snprintf(reply, size, "%.*s", (int)len, got);
    ok = ok && got[0] != '-';
    wire_close(&w);
    return ok;
}

static void digest(struct process *p, char out[DIGEST_BYTES])
{
    must(ask(p, "DEBUG DIGEST", out, DIGEST_BYTES), "DEBUG DIGEST failed");
}

static void fill(struct process *p, int generation)
{
    struct wire w;
    wire_init(&w, process_connect(p));
    struct bytes request = {0};
    char value[VALUE_BYTES];
    unsigned state = (unsigned)generation * 2654435761u + 1;
    for (int i = 0; i < KEYS; i++) {
        for (int j = 0; j < VALUE_BYTES; j++) value[j] = (char)((state = state * 1664525u + 1013904223u) >> 24);
        char key[32];
        int n = snprintf(key, sizeof(key), "key:%d", i);
        bytes_appendf(&request, "*3\r\n$3\r\nSET\r\n");
        bytes_append_bulk(&request, key, (size_t)n);
        bytes_append_bulk(&request, value, VALUE_BYTES);
    }
    must(wire_exchange(&w, request.ptr, request.len, KEYS) == WIRE_OK, "filling failed");
    bytes_free(&request);
    wire_close(&w);
}

static void start(struct process *p, const char *fault, const char *call_log)
{
    static const char *const args[] = {"--port",
                                       "0",
                                       "--unixsocket",
                                       "socket",
                                       "--save",
                                       "",
                                       "--rdb-save-incremental-fsync",
                                       "yes",
                                       "--enable-debug-command",
                                       "yes",
                                       "--rdbcompression",
                                       "no",
                                       NULL};
    char shim[4096];
    if (call_log != NULL || fault != NULL) {
        must(realpath(KEEPSAKE_BUILD_DIR "/tests/fault/shim_save.so", shim) != NULL, "the shim is not built");
        setenv("LD_PRELOAD", shim, 1);
    }
    if (fault != NULL) setenv("KEEPSAKE_FAULT", fault, 1);
    if (call_log != NULL) setenv("KEEPSAKE_FAULT_LOG", call_log, 1);
    process_spawn(p, process_server_path(), args);
    unsetenv("LD_PRELOAD");
    unsetenv("KEEPSAKE_FAULT");
    unsetenv("KEEPSAKE_FAULT_LOG");
    int status = 0;
    if (!process_wait_ready(p, &status)) {
        char *output = process_output(p);
        fprintf(stderr, "the server did not start (status %d):\n%s\n", status, output);
        exit(1);
    }
    int64_t until = wait_clock_ms() + PROCESS_WAIT_MS;
    while (!ask(p, "PING", NULL, 0)) {
        must(process_is_running(p) && wait_clock_ms() < until, "the server did not finish loading");
        wait_a_little();
    }
}

/* From here on the shim counts, and breaks what it is told to. */
static void arm(const struct process *p)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/armed", p->dir);
    file_write(path, "", 0);
}

/* Waits for the child's end; false when the server went away. */
static bool wait_saved(struct process *p)
{
    char info[8192];
    int64_t until = wait_clock_ms() + PROCESS_WAIT_MS;
    while (wait_clock_ms() < until) {
        if (!ask(p, "INFO persistence", info, sizeof(info))) return false;
        if (strstr(info, "rdb_bgsave_in_progress:0") != NULL) return true;
        wait_a_little();
    }
    must(false, "a background save did not end");
    return false;
}

static bool has_temp_file(const struct process *p)
{
    DIR *d = opendir(p->dir);
    must(d != NULL, "the test's folder is gone");
    bool found = false;
    for (struct dirent *e; (e = readdir(d)) != NULL;) found |= strncmp(e->d_name, "temp-", 5) == 0;
    closedir(d);
    return found;
}

/* --- one case --- */

static void copy_file(const char *from, const char *to)
{
    size_t len;
    char *bytes = file_read(from, &len);
    must(bytes != NULL, "the snapshot to start from is gone");
    file_write(to, bytes, len);
    free(bytes);
}

/* What must hold after the fault while the server lives; NULL, or what was wrong. */
static const char *check_survivor(struct process *p, const struct fault_case *c, bool save_said_ok)
{
    char info[8192];
    if (!ask(p, "PING", NULL, 0)) return "the server does not answer after the fault";
    if (!ask(p, "INFO persistence", info, sizeof(info))) return "INFO fails after the fault";
    bool is_bg = strcmp(c->command, "BGSAVE") == 0;
    bool ok = is_bg ? strstr(info, "rdb_last_bgsave_status:ok") != NULL : save_said_ok;
    bool is_harmless = strcmp(c->effect, "short") == 0 || strcmp(c->effect, "EINTR") == 0;
    if (is_harmless && !ok) return "a short or interrupted call failed the save";
    if (!is_harmless && ok) return "the fault was not reported";
    if (has_temp_file(p)) return "a temporary file was left behind";
    return NULL;
}

/* Starts anew on what the fault left; NULL, or what was wrong. */
static const char *check_restart(struct process *p, const struct state *s)
{
    char now[DIGEST_BYTES];
    start(p, NULL, NULL);
    digest(p, now);
    bool old = strcmp(now, s->before) == 0, new = strcmp(now, s->after) == 0;
    bool temp = has_temp_file(p);
    process_stop(p, SIGKILL);
    if (!old && !new) return "the file holds neither the old nor the new state";
    if (temp) return "a temporary file outlived the next start";
    return NULL;
}

static const char *run_case(const struct fault_case *c, const struct state *s, const char *snapshot)
{
    struct process p;
    process_prepare(&p);
    char path[128], fault[64];
    snprintf(path, sizeof(path), "%s/dump.rdb", p.dir);
    snprintf(fault, sizeof(fault), "%s:%d:%s", c->call, c->nth, c->effect);
    copy_file(snapshot, path);
    start(&p, fault, NULL);
    fill(&p, 2);
    arm(&p);
    bool save_ok = ask(&p, c->command, NULL, 0);
    bool lives = strcmp(c->command, "BGSAVE") != 0 ? process_is_running(&p) : wait_saved(&p);
    /* A kill ends the process that saves. The folder is opened by a parent that cleans up after its child, too. */
    bool is_kill = strcmp(c->effect, "kill") == 0 || strcmp(c->effect, "after") == 0;
    bool is_background = strcmp(c->command, "BGSAVE") == 0;
    bool may_die = is_kill && (!is_background || strcmp(c->call, "opendir") == 0);
    const char *wrong = NULL;
    if (lives && is_kill && !is_background && process_wait_exit(&p) == -1)
        wrong = "the call was not reached: nothing was killed";
    else if (!lives && !may_die)
        wrong = "the server died of the fault";
    else if (lives && !may_die)
        wrong = check_survivor(&p, c, save_ok);
    if (process_is_running(&p)) process_stop(&p, SIGKILL);
    if (wrong == NULL) wrong = check_restart(&p, s);
    process_discard(&p);
    return wrong;
}

/* --- what there is to break --- */

/* The calls of one save of generation 2 over generation 1, as the shim saw them; also both digests and the first snapshot. */
static int watch_save(char calls[CALLS_MAX][32], struct state *s, const char *snapshot)
{
    struct process p;
    process_prepare(&p);
    char log[128], path[128];
    snprintf(log, sizeof(log), "%s/calls", p.dir);
    snprintf(path, sizeof(path), "%s/dump.rdb", p.dir);
    start(&p, NULL, log);
    fill(&p, 1);
    digest(&p, s->before);
    must(ask(&p, "SAVE", NULL, 0), "SAVE without a fault failed");
    copy_file(path, snapshot);
    fill(&p, 2);
    digest(&p, s->after);
    arm(&p);
    must(ask(&p, "SAVE", NULL, 0), "the second SAVE without a fault failed");
    process_stop(&p, SIGKILL);
    FILE *f = fopen(log, "r");
    must(f != NULL, "the shim saw no call");
    int n = 0;
    for (; n < CALLS_MAX && fgets(calls[n], 32, f) != NULL; n++) calls[n][strcspn(calls[n], "\n")] = '\0';
    fclose(f);
    process_discard(&p);
    return n;
}

static int nth_of(char calls[CALLS_MAX][32], int i)
{
    int nth = 0;
    for (int j = 0; j <= i; j++) nth += strcmp(calls[j], calls[i]) == 0;
    return nth;
}

static void run_effects(const char *call, int nth, const struct state *s, const char *snapshot)
{
    static const char *const EFFECTS[] = {"EIO", "ENOSPC", "short", "EINTR", "kill", "after"};
    static const char *const COMMANDS[] = {"SAVE", "BGSAVE"};
    bool is_write = strcmp(call, "write") == 0;
    for (size_t e = 0; e < sizeof(EFFECTS) / sizeof(EFFECTS[0]); e++) {
        bool only_write = strcmp(EFFECTS[e], "short") == 0 || strcmp(EFFECTS[e], "EINTR") == 0;
        if (only_write && !is_write) continue;
        for (size_t k = 0; k < 2; k++) {
            struct fault_case c = {.call = call, .nth = nth, .effect = EFFECTS[e], .command = COMMANDS[k]};
            const char *wrong = run_case(&c, s, snapshot);
            if (wrong == NULL)
                passed++;
            else
                failed++;
            if (wrong != NULL) printf("FAILED %s with %s at %s %d: %s\n", c.command, c.effect, call, nth, wrong);
        }
    }
}

int main(void)
{
    static char calls[CALLS_MAX][32];
    struct state s;
    char folder[64], snapshot[96];
    temp_dir_make(folder, sizeof(folder));
    snprintf(snapshot, sizeof(snapshot), "%s/first.rdb", folder);
    int n = watch_save(calls, &s, snapshot);
    must(n >= 6, "a save makes fewer calls than open, write, fsync, close, rename, fsync of the folder");
    for (int i = 0; i < n; i++) {
        int nth = nth_of(calls, i);
        /* The first two and the last of many alike calls show what there is to show. */
        bool is_last = true;
        for (int j = i + 1; j < n; j++) is_last &= strcmp(calls[j], calls[i]) != 0;
        if (nth <= 2 || is_last) run_effects(calls[i], nth, &s, snapshot);
    }
    temp_dir_remove(folder);
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
