/* SPDX-License-Identifier: MIT */
#include "base/assert.h"

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define FRAMES_MAX 64

void assert_print_backtrace(int fd)
{
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);
    backtrace_symbols_fd(frames, count, fd);
}

static void report(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0) return;
    assert_print_backtrace(fd);
}

void assert_failed(const char *cond, const char *file, int line)
{
    char text[512];
    snprintf(text, sizeof(text), "=== ASSERTION FAILED ===\n%s:%d: %s\n", file, line, cond);
    report(STDERR_FILENO, text);
    int log_fd = log_open_fd();
    if (log_fd > STDERR_FILENO) report(log_fd, text);
    log_close_fd(log_fd);
    abort();
}
