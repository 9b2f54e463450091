/* SPDX-License-Identifier: MIT */
/*
 * One line is one write(2) on a descriptor opened with O_APPEND: lines of several processes and threads do
 * not mix. The file is opened for each line, so that a log moved away by logrotate is simply left behind.
 *
 * The calendar is computed here and not by localtime(), which takes a lock: a snapshot child forked while
 * another thread held it would wait for ever. The server itself asks the C library for the offset from UTC at
 * each line; a child uses the last answer.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096
#define IDENT_MAX 64

static struct {
    enum log_level level;
    char role;
    bool use_syslog;
    long utc_offset_s;
    char file[PATH_MAX];
    char ident[IDENT_MAX];
} state = {.level = LOG_LEVEL_NOTICE, .role = 'M'};

/* --- configuration --- */

void log_configure(const struct log_options *options)
{
    state.level = options->level;
    snprintf(state.file, sizeof(state.file), "%s", options->file != NULL ? options->file : "");
    if (state.use_syslog) closelog();
    state.use_syslog = options->use_syslog;
    if (!state.use_syslog) return;
    const char *ident = options->syslog_ident != NULL ? options->syslog_ident : "";
    snprintf(state.ident, sizeof(state.ident), "%s", ident);
    openlog(state.ident, LOG_PID | LOG_NDELAY | LOG_NOWAIT, options->syslog_facility); /* keeps the pointer */
}

void log_set_level(enum log_level level) { state.level = level; }

enum log_level log_get_level(void) { return state.level; }

void log_set_role(char role) { state.role = role; }

/* --- the destination --- */

int log_open_fd(void)
{
    if (state.file[0] == '\0') return STDOUT_FILENO;
    return open(state.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

void log_close_fd(int fd)
{
    if (fd > STDERR_FILENO) close(fd);
}

static void write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return; /* a log that cannot be written must not stop the server */
        bytes += n;
        len -= (size_t)n;
    }
}

static void write_to_log(const char *bytes, size_t len)
{
    int saved_errno = errno;
    int fd = log_open_fd();
    if (fd >= 0) {
        write_all(fd, bytes, len);
        log_close_fd(fd);
    }
    errno = saved_errno;
}

void log_raw(const char *text) { write_to_log(text, strlen(text)); }

/* --- a line --- */

struct calendar {
    int year, month, day; /* month and day from 1 */
};

/* Howard Hinnant's days-to-civil: years start in March, so that the leap day is the last of its year. */
static struct calendar calendar_of(int64_t days_since_1970)
{
    int64_t z = days_since_1970 + 719468; /* days since 0000-03-01 */
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    return (struct calendar){
        .year = (int)(year_of_era + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
    };
}

static long utc_offset_s(time_t now)
{
    struct tm local;
    if (state.role != 'C' && localtime_r(&now, &local) != NULL) state.utc_offset_s = local.tm_gmtoff;
    return state.utc_offset_s;
}

/* "12345:M 20 Nov 2026 18:12:58.123 * " */
static size_t put_prefix(char *out, size_t size, enum log_level level)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const char marks[] = {'.', '-', '*', '#', '#'};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t local_s = (int64_t)now.tv_sec + utc_offset_s(now.tv_sec);
    int64_t days = local_s / 86400;
    int s = (int)(local_s % 86400);
    struct calendar c = calendar_of(days);
    int n = snprintf(out, size, "%d:%c %02d %s %d %02d:%02d:%02d.%03d %c ", (int)getpid(), state.role, c.day,
                     months[c.month - 1], c.year, s / 3600, s / 60 % 60, s % 60, (int)(now.tv_nsec / 1000000),
                     marks[level]);
    return n < 0 ? 0 : (size_t)n;
}

static int syslog_priority(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_DEBUG: return LOG_DEBUG;
    case LOG_LEVEL_VERBOSE: return LOG_INFO;
    case LOG_LEVEL_NOTICE: return LOG_NOTICE;
    case LOG_LEVEL_WARNING:
    case LOG_LEVEL_NOTHING: return LOG_WARNING;
    }
    return LOG_WARNING;
}

void log_write(enum log_level level, const char *fmt, ...)
{
    if (level < state.level) return;
    char line[LINE_MAX_BYTES];
    size_t prefix = put_prefix(line, sizeof(line), level);
    size_t room = sizeof(line) - prefix - 1; /* one for the newline */
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line + prefix, room, fmt, args);
    va_end(args);
    if (n < 0) return;
    size_t text = (size_t)n < room ? (size_t)n : room - 1; /* a longer message is cut */
    if (state.use_syslog) syslog(syslog_priority(level), "%s", line + prefix);
    line[prefix + text] = '\n';
    write_to_log(line, prefix + text + 1);
}
