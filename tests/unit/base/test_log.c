/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/keepsake-log-XXXXXX";
static char path[64], moved_path[64];
static char text[1 << 20];

static const char *read_log(const char *file)
{
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    return text;
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(path, sizeof(path), "%s/log", folder);
    snprintf(moved_path, sizeof(moved_path), "%s/log.1", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(moved_path);
    return rmdir(folder);
}

static int start_empty(void **state)
{
    (void)state;
    unlink(path);
    unlink(moved_path);
    log_set_role('M');
    log_configure(&(struct log_options){.level = LOG_LEVEL_NOTICE, .file = path});
    return 0;
}

static size_t count_lines(const char *s)
{
    size_t lines = 0;
    for (; *s != '\0'; s++) lines += *s == '\n';
    return lines;
}

/* The line's time, as the C library reads it back. */
static time_t parse_time(const char *line)
{
    struct tm tm = {.tm_isdst = -1};
    const char *rest = strptime(strchr(line, ' ') + 1, "%d %b %Y %H:%M:%S", &tm);
    assert_non_null(rest);
    assert_int_equal(rest[0], '.');
    return mktime(&tm);
}

static void check_line_in_zone(const char *zone)
{
    char rest[64];
    int pid, ms;
    char role, mark;
    setenv("TZ", zone, 1);
    tzset();
    start_empty(NULL);
    time_t before = time(NULL);
    log_notice("Ready to accept %s", "connections");
    time_t after = time(NULL);
    const char *line = read_log(path);
    assert_true(parse_time(line) >= before && parse_time(line) <= after);
    /* NOLINTNEXTLINE(cert-err34-c): the form of the line is what is tested */
    assert_int_equal(sscanf(line, "%d:%c %*d %*s %*d %*d:%*d:%*d.%3d %c %63[^\n]", &pid, &role, &ms, &mark, rest), 5);
    assert_int_equal(pid, getpid());
    assert_int_equal(role, 'M');
    assert_int_equal(mark, '*');
    assert_string_equal(rest, "Ready to accept connections");
    assert_int_equal(count_lines(line), 1);
}

static void a_line_has_redis_form_in_every_time_zone(void **state)
{
    (void)state;
    const char *const zones[] = {"UTC0", "XST-5:45", "YST+11", "ZST-14"};
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) check_line_in_zone(zones[i]);
    setenv("TZ", "UTC0", 1);
    tzset();
}

static void levels_have_marks_and_a_threshold(void **state)
{
    (void)state;
    const char marks[] = ".-*#";
    for (int threshold = LOG_LEVEL_DEBUG; threshold <= LOG_LEVEL_NOTHING; threshold++) {
        start_empty(NULL);
        log_set_level((enum log_level)threshold);
        assert_int_equal(log_get_level(), threshold);
        log_raw("");
        log_debug("message");
        log_verbose("message");
        log_notice("message");
        log_warning("message");
        read_log(path);
        assert_int_equal(count_lines(text), 4 - threshold);
        for (int level = 0; level < 4; level++) {
            char tail[16];
            snprintf(tail, sizeof(tail), " %c message\n", marks[level]);
            assert_int_equal(strstr(text, tail) != NULL, level >= threshold);
        }
    }
}

static void a_moved_file_is_left_behind(void **state)
{
    (void)state;
    log_notice("first");
    assert_int_equal(rename(path, moved_path), 0);
    log_notice("second");
    assert_non_null(strstr(read_log(moved_path), "first"));
    assert_null(strstr(text, "second"));
    assert_non_null(strstr(read_log(path), "second"));
}

static void a_long_message_is_cut_to_one_line(void **state)
{
    (void)state;
    char *message = malloc(100001);
    memset(message, 'x', 100000);
    message[100000] = '\0';
    log_notice("%s", message);
    log_notice("next");
    read_log(path);
    assert_int_equal(count_lines(text), 2);
    size_t first = (size_t)(strchr(text, '\n') - text);
    assert_in_range(first, 3000, 4096);
    free(message);
}

static void raw_text_is_written_as_it_is(void **state)
{
    (void)state;
    log_raw("=== crash ===\n");
    int fd = log_open_fd();
    assert_true(fd > STDERR_FILENO);
    assert_int_equal(write(fd, "more\n", 5), 5);
    log_close_fd(fd);
    assert_string_equal(read_log(path), "=== crash ===\nmore\n");
}

static void a_file_that_cannot_be_opened_is_not_fatal(void **state)
{
    (void)state;
    log_configure(&(struct log_options){.level = LOG_LEVEL_NOTICE, .file = "/nonexistent/log"});
    log_notice("lost");
    log_raw("lost");
    assert_int_equal(log_open_fd(), -1);
    log_close_fd(-1);
}

static void a_child_writes_under_its_own_role(void **state)
{
    (void)state;
    log_notice("parent");
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        log_set_role('C');
        log_notice("child");
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    char start[32];
    snprintf(start, sizeof(start), "%d:C ", (int)pid);
    const char *line = strstr(read_log(path), start);
    assert_non_null(line);
    assert_non_null(strstr(line, " * child\n"));
    assert_true(labs(parse_time(line) - time(NULL)) < 300);
}

#define WRITERS 4
#define LINES 500

static void *writer_main(void *letter)
{
    char c = *(char *)letter;
    for (int i = 0; i < LINES; i++) log_notice("%c%c%c%c", c, c, c, c);
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    (void)state;
    pthread_t threads[WRITERS];
    char letters[] = "abcd";
    for (int i = 0; i < WRITERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, writer_main, &letters[i]), 0);
    for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    read_log(path);
    size_t whole = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const char *message = strstr(line, " * ");
        assert_non_null(message);
        assert_int_equal(strlen(message), 7);
        assert_int_equal(strspn(message + 3, (char[]){message[3], 0}), 4);
        whole++;
    }
    assert_int_equal(whole, WRITERS * LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_line_has_redis_form_in_every_time_zone, start_empty),
        cmocka_unit_test_setup(levels_have_marks_and_a_threshold, start_empty),
        cmocka_unit_test_setup(a_moved_file_is_left_behind, start_empty),
        cmocka_unit_test_setup(a_long_message_is_cut_to_one_line, start_empty),
        cmocka_unit_test_setup(raw_text_is_written_as_it_is, start_empty),
        cmocka_unit_test_setup(a_file_that_cannot_be_opened_is_not_fatal, start_empty),
        cmocka_unit_test_setup(a_child_writes_under_its_own_role, start_empty),
        cmocka_unit_test_setup(lines_of_several_threads_do_not_mix, start_empty),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
