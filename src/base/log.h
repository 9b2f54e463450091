/* SPDX-License-Identifier: MIT */
/*
 * The log: one line an event, in Redis's form, to a file, standard output and/or syslog:
 *   12345:M 20 Nov 2026 18:12:58.123 * Ready to accept connections
 * Messages are cut at about 4000 bytes. A control byte in a message is the caller's to avoid: text
 * that came from a client is quoted with buf_append_quoted first.
 *
 * The process-wide state here is the log's own destination, the only thing a crash handler needs.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_VERBOSE, LOG_LEVEL_NOTICE, LOG_LEVEL_WARNING, LOG_LEVEL_NOTHING };

struct log_options {
    enum log_level level;
    const char *file; /* "" or NULL: standard output */
    bool use_syslog;
    const char *syslog_ident;
    int syslog_facility; /* LOG_LOCAL0 ... of <syslog.h> */
};

/* Copies what it needs; may be called again at any time. */
void log_configure(const struct log_options *options);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* 'M' the server, 'C' a snapshot child. */
void log_set_role(char role);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A write(2) of the text as it is, safe in a signal handler. */
void log_raw(const char *text);
/* The place where lines go, for a crash report: opened for appending, or standard output. -1 when it cannot
 * be opened. Safe in a signal handler. */
int log_open_fd(void);
void log_close_fd(int fd);

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_verbose(...) log_write(LOG_LEVEL_VERBOSE, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)

#endif
