/* SPDX-License-Identifier: MIT */
#include "tests/support/process.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

int64_t wait_clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void wait_a_little(void)
{
    struct timespec t = {.tv_nsec = 3000000};
    nanosleep(&t, NULL);
}

void temp_dir_make(char *out, size_t size)
{
    snprintf(out, size, "/tmp/keepsake-test-XXXXXX");
    if (mkdtemp(out) == NULL) die("mkdtemp");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void temp_dir_remove(const char *dir)
{
    /* A child that is just ending may still put a file there: a few rounds. */
    for (int round = 0; round < 50 && access(dir, F_OK) == 0; round++) {
        if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0) return;
        chmod(dir, 0700);
        wait_a_little();
    }
}

const char *process_server_path(void)
{
    static char path[8192];
    char here[4096];
    const char *from_env = getenv("KEEPSAKE_SERVER");
    const char *name = from_env != NULL ? from_env : KEEPSAKE_BUILD_DIR "/keepsake-server";
    /* Absolute: the child runs in another folder. Links stay: the name may matter. */
    if (getcwd(here, sizeof(here)) == NULL) die("getcwd");
    snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' ? "" : here, name[0] == '/' ? "" : "/", name);
    if (access(path, X_OK) != 0) die(path);
    return path;
}

const char *process_judge_path(void)
{
    const char *from_env = getenv("JUDGE_SERVER");
    return from_env != NULL ? from_env : "redis-server";
}

void process_prepare(struct process *p)
{
    memset(p, 0, sizeof(*p));
    temp_dir_make(p->dir, sizeof(p->dir));
    snprintf(p->socket, sizeof(p->socket), "%s/socket", p->dir);
    snprintf(p->log, sizeof(p->log), "%s/output", p->dir);
}

static _Noreturn void run_child(const struct process *p, const char *program, const char *const *args, pid_t parent)
{
    const char *argv[PROCESS_ARGS_MAX + 2] = {program};
    for (int i = 0; i < PROCESS_ARGS_MAX && args[i] != NULL; i++) argv[i + 1] = args[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    if (getppid() != parent) _exit(127);
    int out = open(p->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int in = open("/dev/null", O_RDONLY);
    if (out < 0 || in < 0 || chdir(p->dir) != 0) _exit(127);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    execvp(program, (char *const *)argv);
    dprintf(2, "%s: %s\n", program, strerror(errno));
    _exit(127);
}

void process_spawn(struct process *p, const char *program, const char *const *args)
{
    pid_t parent = getpid();
    fflush(NULL);
    p->pid = fork();
    if (p->pid < 0) die("fork");
    if (p->pid == 0) run_child(p, program, args, parent);
}

int process_connect(const struct process *p)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", p->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) return fd;
    close(fd);
    return -1;
}

bool process_wait_ready(struct process *p, int *status)
{
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    while (wait_clock_ms() < deadline_ms) {
        int fd = process_connect(p);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        if (waitpid(p->pid, status, WNOHANG) == p->pid) {
            p->pid = 0;
            return false;
        }
        wait_a_little();
    }
    *status = -1;
    return false;
}

bool process_is_running(struct process *p)
{
    if (p->pid != 0 && waitpid(p->pid, NULL, WNOHANG) == p->pid) p->pid = 0;
    return p->pid != 0;
}

int process_wait_exit(struct process *p)
{
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    int status = -1;
    while (p->pid != 0 && wait_clock_ms() < deadline_ms) {
        if (waitpid(p->pid, &status, WNOHANG) == p->pid) {
            p->pid = 0;
            return status;
        }
        wait_a_little();
    }
    return -1;
}

int process_stop(struct process *p, int signo)
{
    if (p->pid == 0) return -1;
    kill(p->pid, signo);
    return process_wait_exit(p);
}

/* Children first: a stopped one would stay for ever. */
static void kill_children(pid_t parent)
{
    char path[96];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
    char *text = file_read(path, NULL);
    for (char *at = text, *end = NULL; at != NULL && *at != '\0'; at = end) {
        long pid = strtol(at, &end, 10);
        if (end == at) break;
        kill((pid_t)pid, SIGKILL);
    }
    free(text);
}

void process_discard(struct process *p)
{
    if (p->pid != 0) {
        kill_children(p->pid);
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
        p->pid = 0;
    }
    if (p->dir[0] != '\0') temp_dir_remove(p->dir);
    p->dir[0] = '\0';
}

char *file_read(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) return NULL;
    size_t used = 0, cap = 1 << 16;
    char *text = malloc(cap);
    for (;;) {
        if (text == NULL) die("malloc");
        used += fread(text + used, 1, cap - used - 1, f);
        if (used < cap - 1) break;
        cap *= 2;
        text = realloc(text, cap);
    }
    fclose(f);
    text[used] = '\0';
    if (len != NULL) *len = used;
    return text;
}

void file_write(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(bytes, 1, len, f) != len || fclose(f) != 0) die(path);
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

char *process_output(const struct process *p)
{
    char *text = file_read(p->log, NULL);
    return text != NULL ? text : strdup("");
}

bool process_wait_output(const struct process *p, const char *text)
{
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    do {
        char *output = process_output(p);
        bool is_there = strstr(output, text) != NULL;
        free(output);
        if (is_there) return true;
        wait_a_little();
    } while (wait_clock_ms() < deadline_ms);
    return false;
}
