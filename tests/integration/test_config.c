/* SPDX-License-Identifier: MIT */
/* redis.conf, the command line, standard input, CONFIG GET and SET on the real binary. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/harness.h"

/* Writes a configuration file into the folder of the server; its path in `path`. */
static void write_config(struct server *s, const char *name, const char *text, char *path, size_t size)
{
    server_path(s, name, path, size);
    file_write(path, text, strlen(text));
}

static void expect_config(redisContext *c, const char *name, const char *want)
{
    redisReply *r = ask(c, "CONFIG GET %s", name);
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2) fail_msg("CONFIG GET %s: %zu elements", name, r->elements);
    assert_string_equal(r->element[0]->str, name);
    if (strcmp(r->element[1]->str, want) != 0)
        fail_msg("%s: wanted \"%s\", got \"%s\"", name, want, r->element[1]->str);
    freeReplyObject(r);
}

static void start_with_file(struct server *s, const char *path, const char *const *more)
{
    const char *args[PROCESS_ARGS_MAX] = {path, "--port", "0", "--unixsocket", s->process.socket};
    unsigned n = 5;
    int status;
    for (; *more != NULL; more++) args[n++] = *more;
    args[n] = NULL;
    if (!server_start_bare(s, args, &status)) {
        char *output = process_output(&s->process);
        fail_msg("did not start:\n%s", output);
    }
    s->client = server_connect(s);
    wait_until_loaded(s->client);
}

static void reads_the_file(void **state)
{
    static const char text[] = "# a comment\n\n"
                               "  databases 5   \n"
                               "maxclients 77\n"
                               "SAVE 900 1\n"
                               "save 60 1000\n"
                               "dbfilename \"my dump.rdb\"\n"
                               "client-query-buffer-limit 2mb\n"
                               "proto-max-bulk-len 10m\n"
                               "requirepass 'a b'\n"
                               "loglevel debug\n"
                               "rdbcompression no\n";
    struct server *s = *state;
    char path[128];
    write_config(s, "a.conf", text, path, sizeof(path));
    start_with_file(s, path, ARGS("--requirepass", ""));
    expect_config(s->client, "databases", "5");
    expect_config(s->client, "maxclients", "77");
    expect_config(s->client, "save", "900 1 60 1000");
    expect_config(s->client, "dbfilename", "my dump.rdb");
    expect_config(s->client, "client-query-buffer-limit", "2097152");
    expect_config(s->client, "proto-max-bulk-len", "10000000");
    expect_config(s->client, "requirepass", "");
    expect_config(s->client, "loglevel", "debug");
    expect_config(s->client, "rdbcompression", "no");
    expect_error(s->client, "ERR DB index is out of range", "SELECT 5");
    char file[128];
    info_field(s->client, "config_file", file, sizeof(file));
    assert_string_equal(file, path);
}

static void includes_other_files(void **state)
{
    struct server *s = *state;
    char path[128], text[256];
    write_config(s, "inner.conf", "maxclients 55\ntimeout 7\n", path, sizeof(path));
    snprintf(text, sizeof(text), "timeout 9\ninclude %s\ndatabases 4\n", path);
    write_config(s, "outer.conf", text, path, sizeof(path));
    start_with_file(s, path, NO_ARGS);
    expect_config(s->client, "maxclients", "55");
    expect_config(s->client, "timeout", "7");
    expect_config(s->client, "databases", "4");
}

static void command_line_wins(void **state)
{
    struct server *s = *state;
    char path[128];
    write_config(s, "a.conf", "databases 5\nsave 900 1\nmaxclients 50\n", path, sizeof(path));
    start_with_file(s, path, ARGS("--databases", "3", "--save", "60 1", "--save", "30", "5", "--loglevel", "verbose"));
    expect_config(s->client, "databases", "3");
    /* Lines of save add up, wherever they stand. */
    expect_config(s->client, "save", "900 1 60 1 30 5");
    expect_config(s->client, "maxclients", "50");
}

static void reads_standard_input(void **state)
{
    struct server *s = *state;
    char command[512];
    int status;
    snprintf(command, sizeof(command),
             "printf 'port 0\\nunixsocket %s\\ndatabases 6\\nsave \"\"\\n' | exec %s - --maxclients 33",
             s->process.socket, process_server_path());
    process_spawn(&s->process, "sh", ARGS("-c", command));
    assert_true(process_wait_ready(&s->process, &status));
    s->client = server_connect(s);
    expect_config(s->client, "databases", "6");
    expect_config(s->client, "maxclients", "33");
    /* The shell is the child here: the server ends by command. */
    expect_closed(s->client, "SHUTDOWN NOSAVE");
}

static void names_file_line_and_reason(void **state)
{
    static const struct {
        const char *text, *line, *reason;
    } cases[] = {
        {"port 0\nnonsense 1\n", "nonsense 1", "Bad directive or wrong number of arguments"},
        {"port 0\n\n\ndatabases\n", "databases", "wrong number of arguments"},
        {"port 0\ndatabases 0\n", "databases 0", "must be between"},
        {"port 0\ndatabases many\n", "databases many", "couldn't be parsed into an integer"},
        {"port 0\nport 70000\n", "port 70000", "must be between 0 and 65535"},
        {"port 0\nrdbcompression maybe\n", "rdbcompression maybe", "'yes' or 'no'"},
        {"port 0\nloglevel loud\n", "loglevel loud", "must be one of"},
        {"port 0\nsave 60\n", "save 60", NULL},
        {"port 0\nsave 60 x\n", "save 60 x", NULL},
        {"port 0\nmaxmemory 10q\n", "maxmemory 10q", NULL},
        {"port 0\nrequirepass \"abc\n", "requirepass \"abc", NULL},
        {"port 0\ninclude /nonexistent/x.conf\n", "/nonexistent/x.conf", NULL},
        {"port 0\nclient-output-buffer-limit normal 1 2\n", "client-output-buffer-limit normal 1 2", NULL},
        {"port 0\ndir /nonexistent/folder\n", "/nonexistent/folder", "No such file or directory"},
    };
    struct server *s = *state;
    char path[128];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_config(s, "bad.conf", cases[i].text, path, sizeof(path));
        char *output = server_start_refused(s, ARGS(path));
        expect_contains(output, cases[i].line);
        if (cases[i].reason != NULL) expect_contains(output, cases[i].reason);
        if (strstr(cases[i].text, "nonsense") != NULL) {
            expect_contains(output, path);
            expect_contains(output, "line 2");
        }
        free(output);
    }
}

static void refuses_what_is_not_there(void **state)
{
    struct server *s = *state;
    char *output = server_start_refused(s, ARGS("/nonexistent/redis.conf"));
    expect_contains(output, "/nonexistent/redis.conf");
    free(output);
    output = server_start_refused(s, ARGS("--port", "0", "--no-such-thing", "1"));
    expect_contains(output, "no-such-thing");
    free(output);
}

static void refuses_features_that_are_not_built(void **state)
{
    static const char *const lines[][2] = {
        {"--appendonly", "yes"}, {"--cluster-enabled", "yes"}, {"--replicaof", "127.0.0.1 6379"}};
    struct server *s = *state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char *output = server_start_refused(s, ARGS("--port", "0", "--save", "", lines[i][0], lines[i][1]));
        expect_contains(output, lines[i][0] + 2);
        free(output);
    }
    /* Their defaults are fine. */
    server_start(s, ARGS("--appendonly", "no", "--cluster-enabled", "no"));
    expect_config(s->client, "appendonly", "no");
    expect_error(s->client, "ERR CONFIG SET failed (possibly related to argument 'appendonly')",
                 "CONFIG SET appendonly yes");
}

static void starts_with_the_file_of_the_distribution(void **state)
{
    struct server *s = *state;
    char pidfile[128];
    if (!file_exists("/etc/redis/redis.conf")) skip();
    server_path(s, "pid", pidfile, sizeof(pidfile));
    start_with_file(s, "/etc/redis/redis.conf",
                    ARGS("--dir", s->process.dir, "--logfile", "", "--pidfile", pidfile, "--daemonize", "no",
                         "--supervised", "no"));
    expect_status(s->client, "OK", "SET a 1");
    expect_config(s->client, "databases", "16");
    expect_config(s->client, "save", "3600 1 300 100 60 10000");
    expect_status(s->client, "OK", "SAVE");
}

static void starts_with_its_own_file(void **state)
{
    struct server *s = *state;
    char here[256], path[300];
    assert_non_null(getcwd(here, sizeof(here)));
    snprintf(path, sizeof(path), "%s/redis.conf", here);
    start_with_file(s, path, ARGS("--dir", s->process.dir));
    expect_status(s->client, "OK", "SET a 1");
}

static void sets_all_or_nothing(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_status(s->client, "OK", "CONFIG SET timeout 11 maxclients 500 hz 20");
    expect_config(s->client, "timeout", "11");
    expect_config(s->client, "maxclients", "500");
    expect_config(s->client, "hz", "20");
    expect_error(s->client, "ERR CONFIG SET failed (possibly related to argument 'maxclients')",
                 "CONFIG SET timeout 12 maxclients many");
    expect_config(s->client, "timeout", "11");
    expect_error(s->client, "ERR Unknown option or number of arguments for CONFIG SET - 'nothing'",
                 "CONFIG SET timeout 13 nothing 1");
    expect_config(s->client, "timeout", "11");
    expect_error(s->client,
                 "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config",
                 "CONFIG SET databases 3");
    expect_error(s->client, "ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter",
                 "CONFIG SET timeout 1 timeout 2");
    expect_error(s->client, "ERR wrong number of arguments for 'config|set' command", "CONFIG SET timeout");
    expect_config(s->client, "timeout", "11");
}

static void sets_memory_and_rules(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_status(s->client, "OK", "CONFIG SET client-query-buffer-limit 64mb");
    expect_config(s->client, "client-query-buffer-limit", "67108864");
    expect_status(s->client, "OK", "CONFIG SET save %s", "100 1 200 2");
    expect_config(s->client, "save", "100 1 200 2");
    expect_error(s->client, "ERR CONFIG SET failed (possibly related to argument 'save') - Invalid save parameters",
                 "CONFIG SET save %s", "100 x");
    expect_config(s->client, "save", "100 1 200 2");
    expect_status(s->client, "OK", "CONFIG SET save %s", "");
    expect_config(s->client, "save", "");
    expect_status(s->client, "OK", "CONFIG SET client-output-buffer-limit %s", "normal 1mb 2mb 3");
    redisReply *r = ask(s->client, "CONFIG GET client-output-buffer-limit");
    expect_contains(r->element[1]->str, "normal 1048576 2097152 3");
    freeReplyObject(r);
}

static void gets_by_pattern(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisReply *r = ask(s->client, "CONFIG GET rdb*");
    assert_int_equal(r->type, REDIS_REPLY_ARRAY);
    assert_true(r->elements >= 6);
    for (size_t i = 0; i < r->elements; i += 2) assert_memory_equal(r->element[i]->str, "rdb", 3);
    freeReplyObject(r);
    r = ask(s->client, "CONFIG GET DATABASES TIMEOUT");
    assert_int_equal(r->elements, 4);
    freeReplyObject(r);
    r = ask(s->client, "CONFIG GET nothing-like-this");
    assert_int_equal(r->elements, 0);
    freeReplyObject(r);
    r = ask(s->client, "CONFIG GET *");
    assert_true(r->elements > 200);
    freeReplyObject(r);
}

static void resets_statistics(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    for (int i = 0; i < 10; i++) expect_nil(s->client, "GET nothing");
    assert_int_equal(info_int(s->client, "keyspace_misses"), 10);
    expect_status(s->client, "OK", "CONFIG RESETSTAT");
    assert_int_equal(info_int(s->client, "keyspace_misses"), 0);
    assert_true(info_int(s->client, "total_commands_processed") <= 2);
}

static void writes_pid_and_log_files(void **state)
{
    struct server *s = *state;
    char pidfile[128], logfile[128];
    server_path(s, "pid", pidfile, sizeof(pidfile));
    server_path(s, "log", logfile, sizeof(logfile));
    server_start(s, ARGS("--pidfile", pidfile, "--logfile", logfile));
    char *text = file_read(pidfile, NULL);
    assert_non_null(text);
    assert_int_equal(atoi(text), s->process.pid);
    free(text);
    text = file_read(logfile, NULL);
    assert_non_null(text);
    expect_contains(text, "eady to accept connections");
    free(text);
    assert_int_equal(server_terminate(s, SIGTERM), 0);
    assert_false(file_exists(pidfile));
}

static void daemonizes(void **state)
{
    struct server *s = *state;
    char pidfile[128], logfile[128];
    server_path(s, "pid", pidfile, sizeof(pidfile));
    server_path(s, "log", logfile, sizeof(logfile));
    process_spawn(&s->process, process_server_path(),
                  ARGS("--port", "0", "--unixsocket", s->process.socket, "--save", "", "--daemonize", "yes",
                       "--pidfile", pidfile, "--logfile", logfile, "--dir", s->process.dir));
    assert_int_equal(process_wait_exit(&s->process), 0);
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    int fd;
    while ((fd = process_connect(&s->process)) < 0 && wait_clock_ms() < deadline_ms) wait_a_little();
    assert_true(fd >= 0);
    close(fd);
    s->client = server_connect(s);
    long long pid = info_int(s->client, "process_id");
    char *text = file_read(pidfile, NULL);
    assert_non_null(text);
    assert_int_equal(atoll(text), pid);
    free(text);
    expect_closed(s->client, "SHUTDOWN NOSAVE");
    while (file_exists(pidfile) && wait_clock_ms() < deadline_ms) wait_a_little();
    assert_false(file_exists(pidfile));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(reads_the_file),
        SERVER_TEST(includes_other_files),
        SERVER_TEST(command_line_wins),
        SERVER_TEST(reads_standard_input),
        SERVER_TEST(names_file_line_and_reason),
        SERVER_TEST(refuses_what_is_not_there),
        SERVER_TEST(refuses_features_that_are_not_built),
        SERVER_TEST(starts_with_the_file_of_the_distribution),
        SERVER_TEST(starts_with_its_own_file),
        SERVER_TEST(sets_all_or_nothing),
        SERVER_TEST(sets_memory_and_rules),
        SERVER_TEST(gets_by_pattern),
        SERVER_TEST(resets_statistics),
        SERVER_TEST(writes_pid_and_log_files),
        SERVER_TEST(daemonizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
