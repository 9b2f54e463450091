/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the server by the fault tests: makes one system call of the save path fail, or kills the process there.
 * KEEPSAKE_FAULT=CALL:N:EFFECT with
 *   CALL    open write fsync fdatasync sync_file_range close rename opendir fsyncdir
 *   N       which of these calls, from 1
 *   EFFECT  EIO ENOSPC EACCES EINTR, short (half is written), kill (SIGKILL before the call), after (SIGKILL after it)
 * Only calls on temp-*.rdb files, opening folders (opendir) and syncing them (fsyncdir) count. Every counted
 * call is appended to the file KEEPSAKE_FAULT_LOG, one name a line, so that a test learns what there is to break.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int temp_fd = -1, folder_fd = -1;
static int counts[16];
static const char *const CALLS[] = {"open",  "write",  "fsync",   "fdatasync", "sync_file_range",
                                    "close", "rename", "opendir", "fsyncdir"};
enum call {
    CALL_OPEN,
    CALL_WRITE,
    CALL_FSYNC,
    CALL_FDATASYNC,
    CALL_SYNC_RANGE,
    CALL_CLOSE,
    CALL_RENAME,
    CALL_OPENDIR,
    CALL_FSYNCDIR
};

enum effect { EFFECT_NONE, EFFECT_ERRNO, EFFECT_SHORT, EFFECT_KILL_AFTER };

static void record(enum call call)
{
    const char *path = getenv("KEEPSAKE_FAULT_LOG");
    if (path == NULL) return;
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return;
    char line[32];
    int n = snprintf(line, sizeof(line), "%s\n", CALLS[call]);
    if (syscall(SYS_write, fd, line, (size_t)n) < 0) abort();
    syscall(SYS_close, fd);
}

static int errno_of(const char *name)
{
    if (strcmp(name, "EIO") == 0) return EIO;
    if (strcmp(name, "ENOSPC") == 0) return ENOSPC;
    if (strcmp(name, "EACCES") == 0) return EACCES;
    if (strcmp(name, "EINTR") == 0) return EINTR;
    return 0;
}

/* Counts the call and says what is to happen to it. Nothing before a file named "armed" lies in the working directory. */
static enum effect fault(enum call call)
{
    if (syscall(SYS_faccessat, AT_FDCWD, "armed", F_OK) != 0) return EFFECT_NONE;
    int n = ++counts[call];
    record(call);
    const char *spec = getenv("KEEPSAKE_FAULT");
    if (spec == NULL) return EFFECT_NONE;
    char name[32], effect[32];
    int when;
    if (sscanf(spec, "%31[^:]:%d:%31s", name, &when, effect) != 3) return EFFECT_NONE;
    if (strcmp(name, CALLS[call]) != 0 || when != n) return EFFECT_NONE;
    if (strcmp(effect, "kill") == 0) kill(getpid(), SIGKILL);
    if (strcmp(effect, "after") == 0) return EFFECT_KILL_AFTER;
    if (strcmp(effect, "short") == 0) return EFFECT_SHORT;
    errno = errno_of(effect);
    return EFFECT_ERRNO;
}

static int finish(enum effect e, int result)
{
    if (e == EFFECT_KILL_AFTER) kill(getpid(), SIGKILL);
    return result;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool is_temp(const char *path)
{
    const char *name = base_name(path);
    size_t len = strlen(name);
    return strncmp(name, "temp-", 5) == 0 && len > 4 && strcmp(name + len - 4, ".rdb") == 0;
}

static int open_common(int dirfd, const char *path, int flags, mode_t mode)
{
    bool folder = (flags & O_DIRECTORY) != 0;
    bool temp = is_temp(path) && (flags & O_ACCMODE) != O_RDONLY;
    enum effect e = EFFECT_NONE;
    if (temp) e = fault(CALL_OPEN);
    if (folder) e = fault(CALL_OPENDIR);
    if (e == EFFECT_ERRNO) return -1;
    int fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
    if (temp && fd >= 0) temp_fd = fd;
    if (folder && fd >= 0) folder_fd = fd;
    return finish(e, fd);
}

#define MODE_ARGUMENT(flags, mode)                \
    mode_t mode = 0;                              \
    if (((flags) & (O_CREAT | O_TMPFILE)) != 0) { \
        va_list ap;                               \
        va_start(ap, flags);                      \
        mode = va_arg(ap, mode_t);                \
        va_end(ap);                               \
    }

int open(const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, mode)
    return open_common(AT_FDCWD, path, flags, mode);
}

int openat(int dirfd, const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, mode)
    return open_common(dirfd, path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    enum effect e = fd >= 0 && fd == temp_fd ? fault(CALL_WRITE) : EFFECT_NONE;
    if (e == EFFECT_ERRNO) return -1;
    if (e == EFFECT_SHORT && len > 1) len /= 2;
    ssize_t n = syscall(SYS_write, fd, bytes, len);
    if (e == EFFECT_KILL_AFTER) kill(getpid(), SIGKILL);
    return n;
}

int fsync(int fd)
{
    enum effect e = EFFECT_NONE;
    if (fd >= 0 && fd == temp_fd) e = fault(CALL_FSYNC);
    if (fd >= 0 && fd == folder_fd) e = fault(CALL_FSYNCDIR);
    if (e == EFFECT_ERRNO) return -1;
    return finish(e, (int)syscall(SYS_fsync, fd));
}

int fdatasync(int fd)
{
    enum effect e = fd >= 0 && fd == temp_fd ? fault(CALL_FDATASYNC) : EFFECT_NONE;
    if (e == EFFECT_ERRNO) return -1;
    return finish(e, (int)syscall(SYS_fdatasync, fd));
}

int sync_file_range(int fd, off64_t offset, off64_t len, unsigned flags)
{
    enum effect e = fd >= 0 && fd == temp_fd ? fault(CALL_SYNC_RANGE) : EFFECT_NONE;
    if (e == EFFECT_ERRNO) return -1;
    return finish(e, (int)syscall(SYS_sync_file_range, fd, offset, len, flags));
}

int close(int fd)
{
    bool temp = fd >= 0 && fd == temp_fd;
    enum effect e = temp ? fault(CALL_CLOSE) : EFFECT_NONE;
    int result = (int)syscall(SYS_close, fd);
    if (temp) temp_fd = -1;
    if (fd >= 0 && fd == folder_fd) folder_fd = -1;
    if (e == EFFECT_ERRNO) {
        errno = EIO;
        return -1;
    }
    return finish(e, result);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    enum effect e = is_temp(from) ? fault(CALL_RENAME) : EFFECT_NONE;
    if (e == EFFECT_ERRNO) return -1;
    return finish(e, (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, 0));
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
