/* SPDX-License-Identifier: MIT */
/* What is saved stays saved: SAVE, BGSAVE, save rules, shutdown, crash, and what the server says meanwhile. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/harness.h"

#define BIG_VALUES 96
#define BIG_VALUE_BYTES (1 << 20)

static int temp_files(struct server *s)
{
    int count = 0;
    DIR *d = opendir(s->process.dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) count += strncmp(e->d_name, "temp-", 5) == 0;
    closedir(d);
    return count;
}

/* Values that cost the encoder some time: they look compressible and are not quite. */
static void fill_with_big_values(struct server *s)
{
    char *value = malloc(BIG_VALUE_BYTES);
    assert_non_null(value);
    uint32_t x = 1;
    for (int i = 0; i < BIG_VALUES; i++) {
        for (size_t j = 0; j < BIG_VALUE_BYTES; j++) {
            x = x * 1664525 + 1013904223;
            value[j] = (char)('a' + (x >> 27));
        }
        redisReply *r = ask(s->client, "SET big:%d %b", i, value, (size_t)BIG_VALUE_BYTES);
        assert_int_equal(r->type, REDIS_REPLY_STATUS);
        freeReplyObject(r);
    }
    free(value);
}

/* Pid of the server's child; 0: it has none. */
static pid_t child_of(struct server *s)
{
    char path[96];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", s->process.pid, s->process.pid);
    char *text = file_read(path, NULL);
    pid_t pid = text != NULL ? (pid_t)atoi(text) : 0;
    free(text);
    return pid;
}

/* BGSAVE, and its child stopped in the middle of its work. */
static pid_t start_stopped_bgsave(struct server *s)
{
    for (int attempt = 0; attempt < 50; attempt++) {
        expect_status(s->client, "Background saving started", "BGSAVE");
        pid_t child = child_of(s);
        while (child != 0 && temp_files(s) == 0 && child_of(s) == child) continue;
        if (child != 0 && kill(child, SIGSTOP) == 0 && info_int(s->client, "rdb_bgsave_in_progress") == 1 &&
            child_of(s) == child)
            return child;
        wait_info(s->client, "rdb_bgsave_in_progress", "0");
    }
    fail_msg("every child was done before it could be stopped");
    return 0;
}

static void finish_bgsave(struct server *s, pid_t child)
{
    kill(child, SIGCONT);
    wait_info(s->client, "rdb_bgsave_in_progress", "0");
    expect_info(s->client, "rdb_last_bgsave_status", "ok");
}

static void wait_for_file(const char *path)
{
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    while (!file_exists(path)) {
        assert_true(wait_clock_ms() < deadline_ms);
        wait_a_little();
    }
}

static void save_writes_the_file(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    long long started_s = ask_int(s->client, "LASTSAVE");
    assert_true(started_s > 0 && started_s <= time(NULL));
    expect_status(s->client, "OK", "SET a 1");
    expect_status(s->client, "OK", "SET b 2");
    expect_info(s->client, "rdb_changes_since_last_save", "2");
    assert_false(file_exists(s->rdb));
    expect_status(s->client, "OK", "SAVE");
    assert_true(file_exists(s->rdb));
    expect_info(s->client, "rdb_changes_since_last_save", "0");
    expect_info(s->client, "rdb_last_bgsave_status", "ok");
    assert_true(ask_int(s->client, "LASTSAVE") >= started_s);
    assert_int_equal(info_int(s->client, "rdb_last_save_time"), ask_int(s->client, "LASTSAVE"));
    assert_int_equal(temp_files(s), 0);
}

static void bgsave_writes_the_file(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_status(s->client, "OK", "SET a 1");
    expect_status(s->client, "Background saving started", "BGSAVE");
    wait_info(s->client, "rdb_bgsave_in_progress", "0");
    expect_info(s->client, "rdb_last_bgsave_status", "ok");
    expect_info(s->client, "rdb_changes_since_last_save", "0");
    assert_true(info_int(s->client, "rdb_last_bgsave_time_sec") >= 0);
    assert_true(info_int(s->client, "latest_fork_usec") > 0);
    assert_true(info_int(s->client, "total_forks") == 1);
    assert_true(file_exists(s->rdb));
    assert_int_equal(temp_files(s), 0);
    expect_error(s->client, "ERR syntax error", "BGSAVE NOW");
    expect_error(s->client, "ERR wrong number of arguments for 'save' command", "SAVE NOW");
}

static void rule_saves_by_itself(void **state)
{
    struct server *s = *state;
    server_start(s, ARGS("--save", "1 3"));
    for (int i = 0; i < 3; i++) expect_status(s->client, "OK", "SET k:%d v", i);
    wait_for_file(s->rdb);
    wait_info(s->client, "rdb_bgsave_in_progress", "0");
    expect_info(s->client, "rdb_changes_since_last_save", "0");
    server_kill(s);
    server_start(s, NO_ARGS);
    expect_int(s->client, 3, "DBSIZE");
}

static void rule_with_too_few_changes_saves_nothing(void **state)
{
    struct server *s = *state;
    server_start(s, ARGS("--save", "1 1000000 2 3"));
    expect_status(s->client, "OK", "SET a 1");
    expect_status(s->client, "OK", "SET b 1");
    int64_t until_ms = wait_clock_ms() + 3000;
    while (wait_clock_ms() < until_ms) wait_a_little();
    assert_false(file_exists(s->rdb));
    expect_info(s->client, "rdb_changes_since_last_save", "2");
    expect_status(s->client, "OK", "SET c 1");
    wait_for_file(s->rdb);
}

static void crash_keeps_what_was_saved(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_status(s->client, "OK", "SET saved yes");
    expect_status(s->client, "OK", "SET number 12345");
    expect_status(s->client, "OK", "SET expires later EX 1000");
    expect_status(s->client, "OK", "SELECT 9");
    expect_status(s->client, "OK", "SET in nine");
    expect_status(s->client, "OK", "SAVE");
    expect_status(s->client, "OK", "SET unsaved yes");
    server_kill(s);
    server_start(s, NO_ARGS);
    expect_bulk(s->client, "yes", "GET saved");
    expect_bulk(s->client, "12345", "GET number");
    expect_bulk(s->client, "int", "OBJECT ENCODING number");
    long long ttl_s = ask_int(s->client, "TTL expires");
    assert_true(ttl_s > 900 && ttl_s <= 1000);
    expect_status(s->client, "OK", "SELECT 9");
    expect_bulk(s->client, "nine", "GET in");
    expect_nil(s->client, "GET unsaved");
    expect_int(s->client, 1, "DBSIZE");
    assert_int_equal(info_int(s->client, "rdb_last_load_keys_loaded"), 4);
}

static void term_saves_when_rules_exist(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT};
    struct server *s = *state;
    for (size_t i = 0; i < 2; i++) {
        server_start(s, ARGS("--save", "3600 1000"));
        expect_status(s->client, "OK", "SET round %d", (int)i);
        assert_int_equal(server_terminate(s, signals[i]), 0);
        assert_true(file_exists(s->rdb));
        server_start(s, NO_ARGS);
        expect_bulk(s->client, i == 0 ? "0" : "1", "GET round");
        server_kill(s);
    }
}

static void term_without_rules_saves_nothing(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_status(s->client, "OK", "SET a 1");
    assert_int_equal(server_terminate(s, SIGTERM), 0);
    assert_false(file_exists(s->rdb));
    assert_false(file_exists(s->process.socket));
}

static void shutdown_options(void **state)
{
    struct server *s = *state;
    server_start(s, ARGS("--save", "3600 1000"));
    expect_status(s->client, "OK", "SET a 1");
    expect_error(s->client, "ERR syntax error", "SHUTDOWN SOON");
    expect_error(s->client, "ERR syntax error", "SHUTDOWN SAVE NOSAVE");
    expect_error(s->client, "ERR No shutdown in progress.", "SHUTDOWN ABORT");
    expect_closed(s->client, "SHUTDOWN NOSAVE");
    assert_int_equal(process_wait_exit(&s->process), 0);
    assert_false(file_exists(s->rdb));

    server_start(s, NO_ARGS);
    expect_status(s->client, "OK", "SET a 2");
    expect_closed(s->client, "SHUTDOWN SAVE");
    assert_int_equal(process_wait_exit(&s->process), 0);
    server_start(s, NO_ARGS);
    expect_bulk(s->client, "2", "GET a");
}

static void shutdown_is_refused_when_the_save_fails(void **state)
{
    struct server *s = *state;
    server_start(s, ARGS("--save", "3600 1000"));
    expect_status(s->client, "OK", "SET a 1");
    /* A folder under the file's name: the rename fails. */
    assert_int_equal(mkdir(s->rdb, 0700), 0);
    expect_error(s->client, "ERR Errors trying to SHUTDOWN. Check logs.", "SHUTDOWN");
    expect_bulk(s->client, "1", "GET a");
    assert_int_equal(temp_files(s), 0);
    expect_closed(s->client, "SHUTDOWN FORCE");
    assert_int_equal(process_wait_exit(&s->process), 0);
}

static void failed_save_is_reported(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_status(s->client, "OK", "SET a 1");
    assert_int_equal(mkdir(s->rdb, 0700), 0);
    redisReply *r = ask(s->client, "SAVE");
    assert_int_equal(r->type, REDIS_REPLY_ERROR);
    freeReplyObject(r);
    expect_info(s->client, "rdb_changes_since_last_save", "1");
    assert_int_equal(temp_files(s), 0);
    assert_int_equal(rmdir(s->rdb), 0);
    expect_status(s->client, "OK", "SAVE");
}

static void failed_bgsave_stops_writes(void **state)
{
    static const char misconf[] =
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands "
        "that may modify the data "
        "set are disabled, because this instance is configured to report errors during writes if RDB snapshotting "
        "fails "
        "(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";
    struct server *s = *state;
    server_start(s, ARGS("--save", "3600 1000"));
    expect_status(s->client, "OK", "SET a 1");
    assert_int_equal(mkdir(s->rdb, 0700), 0);
    expect_status(s->client, "Background saving started", "BGSAVE");
    wait_info(s->client, "rdb_last_bgsave_status", "err");
    expect_error(s->client, misconf, "SET a 2");
    expect_error(s->client, misconf, "DEL a");
    expect_error(s->client, misconf, "PING");
    expect_bulk(s->client, "1", "GET a");
    assert_int_equal(temp_files(s), 0);

    expect_status(s->client, "OK", "CONFIG SET stop-writes-on-bgsave-error no");
    expect_status(s->client, "OK", "SET a 3");
    expect_status(s->client, "OK", "CONFIG SET stop-writes-on-bgsave-error yes");
    expect_error(s->client, misconf, "SET a 4");
    /* Without rules nothing promises to be saved. */
    expect_status(s->client, "OK", "CONFIG SET save %s", "");
    expect_status(s->client, "OK", "SET a 5");
    expect_status(s->client, "OK", "CONFIG SET save %s", "3600 1000");
    expect_error(s->client, misconf, "SET a 6");

    assert_int_equal(rmdir(s->rdb), 0);
    expect_status(s->client, "Background saving started", "BGSAVE");
    wait_info(s->client, "rdb_last_bgsave_status", "ok");
    expect_status(s->client, "OK", "SET a 7");
}

static void failed_rule_is_tried_again_later(void **state)
{
    struct server *s = *state;
    assert_int_equal(mkdir(s->rdb, 0700), 0);
    server_start(s, ARGS("--save", "1 1", "--dbfilename", "other.rdb"));
    expect_status(s->client, "OK", "CONFIG SET dbfilename dump.rdb");
    expect_status(s->client, "OK", "SET a 1");
    wait_info(s->client, "rdb_last_bgsave_status", "err");
    long long forks = info_int(s->client, "total_forks");
    int64_t until_ms = wait_clock_ms() + 2500;
    while (wait_clock_ms() < until_ms) wait_a_little();
    /* Five seconds pass between two tries, not one. */
    assert_int_equal(info_int(s->client, "total_forks"), forks);
    assert_int_equal(rmdir(s->rdb), 0);
    wait_info(s->client, "rdb_last_bgsave_status", "ok");
    wait_info(s->client, "rdb_changes_since_last_save", "0");
}

static void second_save_waits_for_the_first(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    fill_with_big_values(s);
    expect_status(s->client, "OK", "SET when before");
    pid_t child = start_stopped_bgsave(s);
    expect_error(s->client, "ERR Background save already in progress", "BGSAVE");
    expect_error(s->client, "ERR Background save already in progress", "SAVE");
    expect_status(s->client, "OK", "SET when after");
    expect_bulk(s->client, "after", "GET when");
    assert_true(info_int(s->client, "rdb_current_bgsave_time_sec") >= 0);
    assert_int_equal(temp_files(s), 1);
    expect_status(s->client, "Background saving scheduled", "BGSAVE SCHEDULE");
    long long forks = info_int(s->client, "total_forks");
    kill(child, SIGCONT);
    /* The scheduled one follows. */
    char want[32];
    snprintf(want, sizeof(want), "%lld", forks + 1);
    wait_info(s->client, "total_forks", want);
    wait_info(s->client, "rdb_bgsave_in_progress", "0");
    expect_info(s->client, "rdb_last_bgsave_status", "ok");
    expect_info(s->client, "rdb_changes_since_last_save", "0");
    server_kill(s);
    server_start(s, NO_ARGS);
    expect_bulk(s->client, "after", "GET when");
}

static void snapshot_is_of_the_moment_of_the_fork(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    fill_with_big_values(s);
    expect_status(s->client, "OK", "SET when before");
    pid_t child = start_stopped_bgsave(s);
    expect_status(s->client, "OK", "SET when after");
    expect_int(s->client, 1, "DEL big:0");
    finish_bgsave(s, child);
    expect_info(s->client, "rdb_changes_since_last_save", "2");
    server_kill(s);
    server_start(s, NO_ARGS);
    expect_bulk(s->client, "before", "GET when");
    expect_int(s->client, BIG_VALUE_BYTES, "STRLEN big:0");
}

static void killed_child_changes_nothing(void **state)
{
    struct server *s = *state;
    server_start(s, ARGS("--save", "3600 1000000"));
    expect_status(s->client, "OK", "SET generation first");
    expect_status(s->client, "OK", "SAVE");
    size_t len_before = 0, len_after = 0;
    char *before = file_read(s->rdb, &len_before);
    fill_with_big_values(s);
    expect_status(s->client, "OK", "SET generation second");
    pid_t child = start_stopped_bgsave(s);
    kill(child, SIGKILL);
    wait_info(s->client, "rdb_bgsave_in_progress", "0");
    expect_info(s->client, "rdb_last_bgsave_status", "err");
    assert_int_equal(temp_files(s), 0);
    expect_error(s->client, "MISCONF ", "SET a 1");
    char *after = file_read(s->rdb, &len_after);
    assert_int_equal(len_before, len_after);
    assert_memory_equal(before, after, len_before);
    free(before);
    free(after);
    server_kill(s);
    server_start(s, NO_ARGS);
    expect_bulk(s->client, "first", "GET generation");
}

static void crash_takes_the_child_along(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_status(s->client, "OK", "SET generation first");
    expect_status(s->client, "OK", "SAVE");
    fill_with_big_values(s);
    expect_status(s->client, "OK", "SET generation second");
    /* The orphan is handed to this process, so that its end can be seen. */
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t child = start_stopped_bgsave(s);
    server_kill(s);
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    while (waitpid(child, NULL, WNOHANG) == 0 && wait_clock_ms() < deadline_ms) wait_a_little();
    bool has_ended = kill(child, SIGKILL) != 0;
    assert_true(has_ended);
    server_start(s, NO_ARGS);
    assert_int_equal(temp_files(s), 0);
    expect_bulk(s->client, "first", "GET generation");
}

static void left_over_temporary_files_are_swept(void **state)
{
    struct server *s = *state;
    char dead[128], alive[128], other[128];
    pid_t gone = fork();
    if (gone == 0) _exit(0);
    waitpid(gone, NULL, 0);
    snprintf(dead, sizeof(dead), "%s/temp-%d.rdb", s->process.dir, gone);
    snprintf(alive, sizeof(alive), "%s/temp-%d.rdb", s->process.dir, getpid());
    snprintf(other, sizeof(other), "%s/temp-notes.rdb", s->process.dir);
    file_write(dead, "x", 1);
    file_write(alive, "x", 1);
    file_write(other, "x", 1);
    server_start(s, NO_ARGS);
    assert_false(file_exists(dead));
    assert_true(file_exists(alive));
    assert_true(file_exists(other));
}

static void flushall_cancels_a_running_snapshot(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    fill_with_big_values(s);
    start_stopped_bgsave(s);
    expect_status(s->client, "OK", "FLUSHALL");
    wait_info(s->client, "rdb_bgsave_in_progress", "0");
    assert_int_equal(temp_files(s), 0);
    expect_int(s->client, 0, "DBSIZE");
}

/* The bytes of a snapshot that holds a few keys; the caller frees them. */
static char *good_snapshot(struct server *s, size_t *len)
{
    server_start(s, NO_ARGS);
    for (int i = 0; i < 20; i++)
        expect_status(s->client, "OK", "SET key:%d value:%d%s", i, i,
                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    expect_status(s->client, "OK", "SET a b EX 10000");
    expect_status(s->client, "OK", "SAVE");
    server_kill(s);
    return file_read(s->rdb, len);
}

static void expect_file_refused(struct server *s, const char *bytes, size_t len, const char *reason)
{
    file_write(s->rdb, bytes, len);
    char *output = server_start_refused(s, ARGS("--port", "0", "--unixsocket", s->process.socket, "--save", "1 1"));
    expect_contains(output, "dump.rdb");
    expect_contains(output, "offset");
    if (reason != NULL) expect_contains(output, reason);
    free(output);
    size_t len_after;
    char *after = file_read(s->rdb, &len_after);
    assert_int_equal(len, len_after);
    assert_memory_equal(bytes, after, len);
    free(after);
    assert_int_equal(temp_files(s), 0);
}

static void damaged_file_is_refused(void **state)
{
    struct server *s = *state;
    size_t len;
    char *good = good_snapshot(s, &len);
    char *bad = malloc(len + 1);
    assert_non_null(bad);
    /* One byte changed, in the header, in the middle, in the checksum. */
    size_t places[] = {0, 5, len / 3, len / 2, len - 12, len - 1};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        memcpy(bad, good, len);
        bad[places[i]] ^= 0x41;
        expect_file_refused(s, bad, len, NULL);
    }
    free(bad);
    free(good);
}

static void truncated_file_is_refused(void **state)
{
    struct server *s = *state;
    size_t len;
    char *good = good_snapshot(s, &len);
    size_t lengths[] = {0, 4, 9, 12, len / 4, len / 2, len - 9, len - 8, len - 1};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) expect_file_refused(s, good, lengths[i], NULL);
    free(good);
}

static void newer_or_unknown_file_is_refused(void **state)
{
    static const char newer[] = "REDIS0099\xff\0\0\0\0\0\0\0\0";
    static const char older_than_any[] = "REDIS0000\xff\0\0\0\0\0\0\0\0";
    static const char stream[] = "REDIS0009\xfe\0\x0f\x08mystream\x01\xff";
    static const char unknown[] = "REDIS0003\xfe\0\x63\x05mykey\x01x\xff";
    struct server *s = *state;
    expect_file_refused(s, newer, sizeof(newer) - 1, "99");
    expect_file_refused(s, older_than_any, sizeof(older_than_any) - 1, NULL);
    expect_file_refused(s, stream, sizeof(stream) - 1, "mystream");
    expect_file_refused(s, stream, sizeof(stream) - 1, "STREAM_LISTPACKS");
    expect_file_refused(s, unknown, sizeof(unknown) - 1, NULL);
}

static void old_file_loads(void **state)
{
    /* Version 1: no checksum, seconds for expiries. */
    static const char old[] = "REDIS0001\xfe\0\0\x03"
                              "foo\x03"
                              "bar\xfd\xff\xff\xff\x7f\0\x01t\xc0\x07\xfe\x03\0\x01x\xc1\xe8\x03\xff";
    struct server *s = *state;
    file_write(s->rdb, old, sizeof(old) - 1);
    server_start(s, NO_ARGS);
    expect_bulk(s->client, "bar", "GET foo");
    expect_bulk(s->client, "7", "GET t");
    expect_int(s->client, 2147483647, "EXPIRETIME t");
    expect_status(s->client, "OK", "SELECT 3");
    expect_bulk(s->client, "1000", "GET x");
}

static void expired_keys_are_not_loaded(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_status(s->client, "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    expect_status(s->client, "OK", "SET short v PX 300");
    expect_status(s->client, "OK", "SET long v PX 3000000");
    expect_status(s->client, "OK", "SAVE");
    server_kill(s);
    int64_t until_ms = wait_clock_ms() + 350;
    while (wait_clock_ms() < until_ms) wait_a_little();
    server_start(s, NO_ARGS);
    expect_int(s->client, 1, "DBSIZE");
    assert_int_equal(info_int(s->client, "rdb_last_load_keys_expired"), 1);
    expect_bulk(s->client, "v", "GET long");
}

static void config_set_moves_the_file(void **state)
{
    struct server *s = *state;
    char folder[128], path[160];
    server_path(s, "elsewhere", folder, sizeof(folder));
    snprintf(path, sizeof(path), "%s/other.rdb", folder);
    server_start(s, NO_ARGS);
    expect_status(s->client, "OK", "SET a 1");
    redisReply *r = ask(s->client, "CONFIG SET dir %s", folder);
    assert_int_equal(r->type, REDIS_REPLY_ERROR);
    freeReplyObject(r);
    assert_int_equal(mkdir(folder, 0700), 0);
    expect_status(s->client, "OK", "CONFIG SET dir %s", folder);
    expect_status(s->client, "OK", "CONFIG SET dbfilename other.rdb");
    expect_error(s->client, "ERR CONFIG SET failed", "CONFIG SET dbfilename a/b.rdb");
    expect_status(s->client, "OK", "SAVE");
    assert_true(file_exists(path));
    assert_false(file_exists(s->rdb));
    expect_status(s->client, "OK", "CONFIG SET dbfilename third.rdb save %s", "1 1");
    expect_status(s->client, "OK", "SET a 2");
    snprintf(path, sizeof(path), "%s/third.rdb", folder);
    wait_for_file(path);
}

static void reload_keeps_everything(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    for (int i = 0; i < 1000; i++) expect_status(s->client, "OK", "SET k:%d %d%s", i, i * 7919, i % 3 == 0 ? "x" : "");
    expect_status(s->client, "OK", "SET volatile v EX 1000");
    redisReply *before = ask(s->client, "DEBUG DIGEST");
    expect_status(s->client, "OK", "DEBUG RELOAD");
    expect_status(s->client, before->str, "DEBUG DIGEST");
    expect_int(s->client, 1001, "DBSIZE");
    freeReplyObject(before);
}

#define LOADING_KEYS 3000000

/* A snapshot that takes a while to load, written here. */
static void write_long_snapshot(struct server *s)
{
    FILE *f = fopen(s->rdb, "wb");
    assert_non_null(f);
    fwrite("REDIS0009\xfe\0", 1, 11, f);
    for (unsigned i = 0; i < LOADING_KEYS; i++) {
        char record[40];
        int n = snprintf(record, sizeof(record), "%c%ckey:%08u%cvalue%07u", 0, 12, i, 12, i);
        fwrite(record, 1, (size_t)n, f);
    }
    fwrite("\xff\0\0\0\0\0\0\0\0", 1, 9, f);
    assert_int_equal(fclose(f), 0);
}

static void clients_hear_loading(void **state)
{
    struct server *s = *state;
    int status;
    write_long_snapshot(s);
    assert_true(server_start_bare(s, ARGS("--port", "0", "--unixsocket", s->process.socket, "--save", ""), &status));
    s->client = server_connect(s);
    expect_error(s->client, "LOADING Redis is loading the dataset in memory", "GET key:00000000");
    expect_info(s->client, "loading", "1");
    assert_true(info_int(s->client, "loading_total_bytes") > LOADING_KEYS);
    assert_true(info_int(s->client, "loading_start_time") > 0);
    expect_error(s->client, "LOADING ", "SET a b");
    expect_error(s->client, "LOADING ", "SAVE");
    wait_until_loaded(s->client);
    expect_int(s->client, LOADING_KEYS, "DBSIZE");
    expect_bulk(s->client, "value0000000", "GET key:00000000");
    char *output = process_output(&s->process);
    expect_contains(output, "eady to accept connections");
    free(output);
}

static void term_while_loading_leaves_the_file(void **state)
{
    struct server *s = *state;
    int status;
    struct stat before, after;
    write_long_snapshot(s);
    assert_int_equal(stat(s->rdb, &before), 0);
    /* Half a keyspace is left to the system: no leak, whatever a sanitizer thinks of it. */
    const char *options = getenv("ASAN_OPTIONS");
    char *kept = options != NULL ? strdup(options) : NULL;
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    assert_true(server_start_bare(s, ARGS("--port", "0", "--unixsocket", s->process.socket, "--save", "1 1"), &status));
    if (kept != NULL)
        setenv("ASAN_OPTIONS", kept, 1);
    else
        unsetenv("ASAN_OPTIONS");
    free(kept);
    assert_int_equal(server_terminate(s, SIGTERM), 0);
    assert_int_equal(stat(s->rdb, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_ino, after.st_ino);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(save_writes_the_file),
        SERVER_TEST(bgsave_writes_the_file),
        SERVER_TEST(rule_saves_by_itself),
        SERVER_TEST(rule_with_too_few_changes_saves_nothing),
        SERVER_TEST(crash_keeps_what_was_saved),
        SERVER_TEST(term_saves_when_rules_exist),
        SERVER_TEST(term_without_rules_saves_nothing),
        SERVER_TEST(shutdown_options),
        SERVER_TEST(shutdown_is_refused_when_the_save_fails),
        SERVER_TEST(failed_save_is_reported),
        SERVER_TEST(failed_bgsave_stops_writes),
        SERVER_TEST(failed_rule_is_tried_again_later),
        SERVER_TEST(second_save_waits_for_the_first),
        SERVER_TEST(snapshot_is_of_the_moment_of_the_fork),
        SERVER_TEST(killed_child_changes_nothing),
        SERVER_TEST(crash_takes_the_child_along),
        SERVER_TEST(left_over_temporary_files_are_swept),
        SERVER_TEST(flushall_cancels_a_running_snapshot),
        SERVER_TEST(damaged_file_is_refused),
        SERVER_TEST(truncated_file_is_refused),
        SERVER_TEST(newer_or_unknown_file_is_refused),
        SERVER_TEST(old_file_loads),
        SERVER_TEST(expired_keys_are_not_loaded),
        SERVER_TEST(config_set_moves_the_file),
        SERVER_TEST(reload_keeps_everything),
        SERVER_TEST(clients_hear_loading),
        SERVER_TEST(term_while_loading_leaves_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
