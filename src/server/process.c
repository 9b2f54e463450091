/* SPDX-License-Identifier: MIT */
/* What the server is to its system: title, daemon, pid file, where the log goes, the report of a crash. */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/state.h"

/* The argument area that ps shows; process-wide by nature. */
static char *title_area;
static size_t title_room;
static char *program_path;

/* Arguments and environment lie behind one another: the environment moves to the heap, and its room is the title's. */
void process_init_title(int argc, char **argv)
{
    char *end = argv[0];
    for (int i = 0; i < argc; i++) {
        if (argv[i] == end) end = argv[i] + strlen(argv[i]) + 1;
    }
    size_t count = 0;
    for (; environ[count] != NULL; count++) {
        if (environ[count] == end) end = environ[count] + strlen(environ[count]) + 1;
    }
    char **moved = mem_alloc((count + 1) * sizeof(*moved));
    for (size_t i = 0; i < count; i++) moved[i] = mem_strdup(environ[i]);
    moved[count] = NULL;
    environ = moved;
    program_path = mem_strdup(argv[0]);
    title_area = argv[0];
    title_room = (size_t)(end - argv[0]);
}

static void append_title_field(struct buf *out, const struct config *cfg, const char *field, size_t len)
{
    if (strncmp(field, "title", len) == 0 && len == 5) {
        buf_printf(out, "%s", program_path);
    } else if (strncmp(field, "listen-addr", len) == 0 && len == 11) {
        if (cfg->port != 0)
            buf_printf(out, "%s:%d", cfg->bind_count > 0 ? cfg->bind[0] : "*", cfg->port);
        else
            buf_printf(out, "%s", cfg->unixsocket != NULL ? cfg->unixsocket : "");
    } else if (strncmp(field, "port", len) == 0 && len == 4) {
        buf_printf(out, "%d", cfg->port);
    } else if (strncmp(field, "unixsocket", len) == 0 && len == 10) {
        buf_printf(out, "%s", cfg->unixsocket != NULL ? cfg->unixsocket : "");
    } else if (strncmp(field, "config-file", len) == 0 && len == 11) {
        buf_printf(out, "%s", cfg->file != NULL ? cfg->file : "");
    } /* server-mode and tls-port are empty here */
}

void process_set_title(const struct config *cfg)
{
    if (!cfg->set_proc_title || title_area == NULL || cfg->proc_title_template == NULL) return;
    struct buf title = BUF_INIT;
    for (const char *p = cfg->proc_title_template; *p != '\0'; p++) {
        const char *close = *p == '{' ? strchr(p, '}') : NULL;
        if (close == NULL) {
            buf_append_char(&title, *p);
            continue;
        }
        append_title_field(&title, cfg, p + 1, (size_t)(close - p - 1));
        p = close;
    }
    while (title.len > 0 && title.data[title.len - 1] == ' ') title.len--;
    size_t len = title.len < title_room - 1 ? title.len : title_room - 1;
    memset(title_area, 0, title_room);
    memcpy(title_area, buf_cstr(&title), len);
    buf_deinit(&title);
}

bool process_daemonize(void)
{
    pid_t pid = fork();
    if (pid < 0) return false;
    if (pid > 0) _exit(0);
    setsid();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return false;
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    if (null > STDERR_FILENO) close(null);
    return true;
}

bool process_write_pidfile(const char *path)
{
    FILE *f = fopen(path, "we");
    if (f == NULL) {
        log_warning("Failed to write PID file %s: %s", path, strerror(errno));
        return false;
    }
    fprintf(f, "%d\n", (int)getpid());
    return fclose(f) == 0;
}

void process_log_from_config(const struct config *cfg)
{
    struct log_options options = {
        .level = (enum log_level)cfg->loglevel,
        .file = cfg->logfile,
        .use_syslog = cfg->syslog_enabled,
        .syslog_ident = cfg->syslog_ident,
        .syslog_facility = cfg->syslog_facility,
    };
    log_configure(&options);
}

/* --- supervision --- */

/* The protocol of sd_notify(3): a datagram of assignments; an address that begins with '@' is abstract. */
static bool notify_systemd(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path != NULL ? strlen(path) : 0;
    if (len < 2 || len >= sizeof(address.sun_path)) return false;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    static const char READY[] = "STATUS=Ready to accept connections\nREADY=1\n";
    socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    bool ok = sendto(fd, READY, sizeof(READY) - 1, MSG_NOSIGNAL, (struct sockaddr *)&address, address_len) > 0;
    close(fd);
    return ok;
}

static bool notify_upstart(void)
{
    if (getenv("UPSTART_JOB") == NULL) return false;
    raise(SIGSTOP);
    unsetenv("UPSTART_JOB");
    return true;
}

bool process_notify_ready(enum supervised_mode mode)
{
    switch (mode) {
    case SUPERVISED_NO: return false;
    case SUPERVISED_SYSTEMD: return notify_systemd();
    case SUPERVISED_UPSTART: return notify_upstart();
    case SUPERVISED_AUTO: return notify_upstart() || notify_systemd();
    }
    return false;
}

/* --- crash report: only what is safe in a signal handler --- */

static void on_crash(int signo)
{
    void *frames[64];
    char line[128];
    int n = snprintf(line, sizeof(line), "\n=== KEEPSAKE CRASH REPORT === version %s, signal %d\n", KEEPSAKE_VERSION,
                     signo);
    if (n > 0) log_raw(line);
    int depth = backtrace(frames, 64);
    backtrace_symbols_fd(frames, depth, STDERR_FILENO);
    log_raw("=== the snapshot on disk is untouched; please report this with the lines above ===\n");
    signal(signo, SIG_DFL);
    raise(signo);
}

void process_install_crash_report(void)
{
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)(SA_NODEFER | SA_RESETHAND)};
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    void *warm[1];
    backtrace(warm, 1); /* loads libgcc now, not in the handler */
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) sigaction(signals[i], &action, NULL);
}
