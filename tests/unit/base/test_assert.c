/* SPDX-License-Identifier: MIT */
#include "base/assert.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static void a_true_condition_does_nothing(void **state)
{
    (void)state;
    int evaluated = 0;
    ASSERT(++evaluated == 1);
    assert_int_equal(evaluated, 1);
}

static void read_all(int fd, char *out, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while (len < size - 1 && (n = read(fd, out + len, size - 1 - len)) > 0) len += (size_t)n;
    out[len] = '\0';
}

/* Runs in a child: cmocka's own handler must not see the abort. */
static _Noreturn void fail_in_child(int stderr_fd, const char *log_file, int one)
{
    signal(SIGABRT, SIG_DFL);
    dup2(stderr_fd, STDERR_FILENO);
    log_configure(&(struct log_options){.level = LOG_LEVEL_NOTICE, .file = log_file});
    ASSERT(one == 2);
    _exit(0);
}

static void a_false_condition_is_reported_and_aborts(void **state)
{
    (void)state;
    char log_file[] = "/tmp/keepsake-assert-XXXXXX";
    int log_fd = mkstemp(log_file);
    int pipe_fds[2], status;
    assert_true(log_fd >= 0);
    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) fail_in_child(pipe_fds[1], log_file, 1);
    close(pipe_fds[1]);
    char on_stderr[16384], in_log[16384];
    read_all(pipe_fds[0], on_stderr, sizeof(on_stderr));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    read_all(log_fd, in_log, sizeof(in_log));
    close(pipe_fds[0]);
    close(log_fd);
    unlink(log_file);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(on_stderr, "test_assert.c:"));
    assert_non_null(strstr(on_stderr, "one == 2"));
    assert_non_null(strstr(on_stderr, "test_assert(")); /* a frame of the backtrace */
    assert_non_null(strstr(in_log, "one == 2"));
    assert_non_null(strstr(in_log, "test_assert("));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_true_condition_does_nothing),
        cmocka_unit_test(a_false_condition_is_reported_and_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
