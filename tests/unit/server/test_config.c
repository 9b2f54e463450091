/* SPDX-License-Identifier: MIT */
/* The configuration: files, command lines, CONFIG GET and CONFIG SET, with the texts of Redis. */
#include "server/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "server/config_private.h"

struct fixture {
    struct config cfg;
    struct config_error error;
    char home[256]; /* the working directory before the test */
    char dir[64];   /* one of its own, the working directory now */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    config_init(&f->cfg);
    assert_non_null(getcwd(f->home, sizeof(f->home)));
    snprintf(f->dir, sizeof(f->dir), "/tmp/keepsake-config-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(chdir(f->dir), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    config_deinit(&f->cfg);
    assert_int_equal(chdir(f->home), 0);
    snprintf(command, sizeof(command), "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool load(struct fixture *f, const char *text)
{
    return config_load_text(&f->cfg, slice_of(text), "test.conf", &f->error);
}

static void assert_shown(const struct config *cfg, const char *name, const char *value)
{
    struct buf shown = BUF_INIT;
    assert_true(config_get(cfg, slice_of(name), &shown));
    assert_string_equal(buf_cstr(&shown), value);
    buf_deinit(&shown);
}

static void expect_loads(struct fixture *f, const char *text)
{
    if (!load(f, text)) fail_msg("%s", f->error.text);
}

/* --- values --- */

static void test_defaults_are_those_of_redis(void **state)
{
    struct fixture *f = *state;
    static const char *const known[][2] = {
        {"bind", "* -::*"},
        {"port", "6379"},
        {"save", "3600 1 300 100 60 10000"},
        {"client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"},
        {"client-query-buffer-limit", "1073741824"},
        {"proto-max-bulk-len", "536870912"},
        {"unixsocketperm", "0"},
        {"requirepass", ""},
        {"dir", "./"},
        {"dbfilename", "dump.rdb"},
        {"loglevel", "notice"},
        {"hz", "10"},
        {"rdb-version", "auto"},
        {"maxmemory-policy", "noeviction"},
        {"list-max-listpack-size", "-2"},
        {"oom-score-adj-values", "0 200 800"},
        {"latency-tracking-info-percentiles", "50 99 99.9"},
        {"replicaof", ""},
        {"slaveof", ""},
        {"shutdown-on-sigterm", "default"},
        {"syslog-facility", "local0"},
        {"repl-backlog-size", "1048576"},
        {"lua-time-limit", "5000"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) assert_shown(&f->cfg, known[i][0], known[i][1]);
    assert_int_equal(f->cfg.port, 6379);
    assert_int_equal(f->cfg.bind_count, 2);
    assert_int_equal(f->cfg.save_rule_count, 3);
    assert_null(f->cfg.unixsocket);
    assert_null(f->cfg.requirepass);
    assert_string_equal(f->cfg.logfile, "");
}

static void test_values_are_shown_as_redis_shows_them(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *line, *name, *shown;
    } cases[] = {
        {"port 7000", "port", "7000"},
        {"PORT 7001", "port", "7001"},
        {"  port\t7002  \r", "port", "7002"},
        {"port \"7003\"", "port", "7003"},
        {"bind 127.0.0.1 -::1", "bind", "127.0.0.1 -::1"},
        {"bind \"10.0.0.1 10.0.0.2\"", "bind", "10.0.0.1 10.0.0.2"},
        {"bind \"\"", "bind", ""},
        {"unixsocketperm 770", "unixsocketperm", "770"},
        {"maxmemory 0gb", "maxmemory", "0"},
        {"client-query-buffer-limit 2mb", "client-query-buffer-limit", "2097152"},
        {"client-query-buffer-limit 2M", "client-query-buffer-limit", "2000000"},
        {"proto-max-bulk-len 9223372036854775807", "proto-max-bulk-len", "9223372036854775807"},
        {"cluster-link-sendbuf-limit 18446744073709551615", "cluster-link-sendbuf-limit", "18446744073709551615"},
        {"requirepass \"two words\\x21\\n\"", "requirepass", "two words!\n"},
        {"requirepass 'it\\'s'", "requirepass", "it's"},
        {"syslog-ident ''", "syslog-ident", ""},
        {"loglevel WARNING", "loglevel", "warning"},
        {"daemonize YES", "daemonize", "yes"},
        {"hz 0", "hz", "1"},
        {"hz 100000", "hz", "500"},
        {"enable-debug-command local", "enable-debug-command", "local"},
        {"shutdown-on-sigint save now", "shutdown-on-sigint", "save now"},
        {"shutdown-on-sigint \"nosave force\"", "shutdown-on-sigint", "nosave force"},
        {"client-output-buffer-limit pubsub 1mb 2k 3", "client-output-buffer-limit",
         "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 2000 3"},
        {"client-output-buffer-limit normal 1 2 3 replica 4 5 6", "client-output-buffer-limit",
         "normal 1 2 3 slave 4 5 6 pubsub 1048576 2000 3"},
        {"rdb-version 9", "rdb-version", "9"},
        {"hash-max-ziplist-entries 100", "hash-max-listpack-entries", "100"},
        {"slave-read-only no", "replica-read-only", "no"},
        {"list-max-listpack-size -5", "list-max-ziplist-size", "-5"},
        {"repl-timeout 15", "repl-timeout", "15"},
        {"oom-score-adj-values \"1 2 -3\"", "oom-score-adj-values", "1 2 -3"},
        {"replicaof no one", "replicaof", ""},
        {"notify-keyspace-events \"\"", "notify-keyspace-events", ""},
        {"maxmemory-policy allkeys-lru", "maxmemory-policy", "allkeys-lru"},
        {"proc-title-template \"{title} {{x} {port}\"", "proc-title-template", "{title} {{x} {port}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_loads(f, cases[i].line);
        assert_shown(&f->cfg, cases[i].name, cases[i].shown);
    }
    assert_int_equal(f->cfg.unixsocketperm, 0770);
    assert_true(f->cfg.daemonize);
    assert_int_equal(f->cfg.rdb_version, 9);
    assert_int_equal(f->cfg.output_limits[CLIENT_CLASS_PUBSUB].soft_seconds, 3);
}

static void test_wrong_values_are_refused_with_the_words_of_redis(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[][2] = {
        {"bogus 1", "Bad directive or wrong number of arguments"},
        {"\"\" 1", "Bad directive or wrong number of arguments"},
        {"include", "Bad directive or wrong number of arguments"},
        {"port", "wrong number of arguments"},
        {"port 1 2", "wrong number of arguments"},
        {"port 7000 # not a comment", "wrong number of arguments"},
        {"port abc", "argument couldn't be parsed into an integer"},
        {"port \"\"", "argument couldn't be parsed into an integer"},
        {"port 70000", "argument must be between 0 and 65535 inclusive"},
        {"port -1", "argument must be between 0 and 65535 inclusive"},
        {"daemonize maybe", "argument must be 'yes' or 'no'"},
        {"loglevel loud", "argument(s) must be one of the following: debug, verbose, notice, warning, nothing"},
        {"supervised x", "argument(s) must be one of the following: upstart, systemd, auto, no"},
        {"rdb-version 5", "argument(s) must be one of the following: auto, 6, 7, 8, 9, 10, 11, 12"},
        {"unixsocketperm 888", "argument couldn't be parsed as an octal number"},
        {"unixsocketperm 1000", "argument must be between 0 and 777 inclusive"},
        {"proto-max-bulk-len 1", "argument must be between 1048576 and 9223372036854775807 inclusive"},
        {"maxmemory 1.5gb", "argument must be a memory value"},
        {"maxmemory-clients 101%", "percentage argument must be less or equal to 100"},
        {"save 900", "Invalid save parameters"},
        {"save 0 1", "Invalid save parameters"},
        {"save 1 -1", "Invalid save parameters"},
        {"save \"\" \"\"", "Invalid save parameters"},
        {"bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "Too many bind addresses specified."},
        {"client-output-buffer-limit normal 0 0", "Wrong number of arguments in buffer limit configuration."},
        {"client-output-buffer-limit master 0 0 0", "Invalid client class specified in buffer limit configuration."},
        {"client-output-buffer-limit normal a 0 0",
         "Error in hard, soft or soft_seconds setting in buffer limit configuration."},
        {"dbfilename a/b", "dbfilename can't be a path, just a filename"},
        {"dbfilename ..", "dbfilename can't be a path, just a filename"},
        {"dir /nowhere/at/all", "No such file or directory"},
        {"dir /etc/passwd", "Not a directory"},
        {"proc-title-template {foo}", "template format is invalid or contains unknown variables"},
        {"shutdown-on-sigterm save nosave", "shutdown options SAVE and NOSAVE can't be used simultaneously"},
        {"oom-score-adj-values 1 2", "wrong number of arguments"},
        {"oom-score-adj-values 0 0 5000", "Invalid oom-score-adj-values, elements must be between -2000 and 2000."},
        {"latency-tracking-info-percentiles 101",
         "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"},
        {"notify-keyspace-events Z", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."},
        {"replicaof host", "wrong number of arguments"},
        {"replicaof host port", "Invalid master port"},
        {"sentinel x", "sentinel directive while not in sentinel mode"},
        {"requirepass \"open", "Unbalanced quotes in configuration line"},
        {"requirepass \"a\"b", "Unbalanced quotes in configuration line"},
        {"requirepass \"a\\x00b\"", "argument must not hold a NUL byte"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (load(f, cases[i][0])) fail_msg("accepted: %s", cases[i][0]);
        assert_string_equal(f->error.reason, cases[i][1]);
        assert_string_equal(f->error.line_text, cases[i][0]);
    }
}

static void test_directives_that_ask_for_what_is_not_built_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const lines[] = {
        "appendonly yes",
        "cluster-enabled yes",
        "replicaof 127.0.0.1 6379",
        "slaveof 127.0.0.1 6379",
        "maxmemory 1gb",
        "maxmemory-clients 5%",
        "activedefrag yes",
        "io-threads 4",
        "aclfile users.acl",
        "loadmodule module.so",
        "notify-keyspace-events KEA",
        "rename-command GET get2",
        "user alice on",
        "tls-port 6380",
        "min-replicas-to-write 1",
        "oom-score-adj yes",
        "bgsave_cpulist 1",
        "socket-mark-id 1",
        "latency-monitor-threshold 1",
        "enable-module-command yes",
        "tls-replication yes",
        "tls-cluster yes",
        "locale-collate C",
        "maxmemory-policy allkeys-lfu",
        "user default on >word",
        "rdb-key-save-delay 10",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (load(f, lines[i])) fail_msg("accepted: %s", lines[i]);
        if (!strstr(f->error.reason, "not built into this version of Keepsake")) fail_msg("%s", f->error.text);
    }
    assert_false(load(f, "appendonly yes"));
    assert_string_equal(f->error.reason, "appendonly yes: the append-only file is not built into this version of "
                                         "Keepsake; remove the directive or set it to 'no'");
    expect_loads(f, "appendonly no\ncluster-enabled no\nmaxmemory 0\nio-threads 1\naclfile \"\"\ntls-port 0\n"
                    "user default on nopass sanitize-payload ~* &* +@all\n");
}

/* --- save --- */

static void test_first_save_line_replaces_the_defaults(void **state)
{
    struct fixture *f = *state;
    expect_loads(f, "save 900 1\nsave 300 10 60 1000\n");
    assert_shown(&f->cfg, "save", "900 1 300 10 60 1000");
    assert_int_equal(f->cfg.save_rules[2].seconds, 60);
    assert_int_equal(f->cfg.save_rules[2].changes, 1000);
    char *more[] = {"--save", "5 1"};
    assert_true(config_load_args(&f->cfg, 2, more, &f->error));
    assert_shown(&f->cfg, "save", "900 1 300 10 60 1000 5 1");
}

static void test_empty_save_clears_the_rules(void **state)
{
    struct fixture *f = *state;
    expect_loads(f, "save \"\"\n");
    assert_int_equal(f->cfg.save_rule_count, 0);
    assert_shown(&f->cfg, "save", "");
    expect_loads(f, "save 1 2\nsave \"\"\nsave 3 4");
    assert_shown(&f->cfg, "save", "3 4");
}

/* --- files --- */

static void test_error_names_file_line_and_text(void **state)
{
    struct fixture *f = *state;
    write_file("a.conf", "# a comment\n\n  port abc  \nbogus\n");
    assert_false(config_load_file(&f->cfg, "a.conf", &f->error));
    assert_string_equal(f->error.file, "a.conf");
    assert_int_equal(f->error.line, 3);
    assert_string_equal(f->error.line_text, "port abc");
    assert_string_equal(f->error.text, "a.conf:3: 'port abc': argument couldn't be parsed into an integer");
}

static void test_missing_file_is_an_error_without_a_line(void **state)
{
    struct fixture *f = *state;
    assert_false(config_load_file(&f->cfg, "nowhere.conf", &f->error));
    assert_int_equal(f->error.line, 0);
    assert_string_equal(f->error.reason, "can't open config file 'nowhere.conf': No such file or directory");
}

static void test_file_is_known_by_its_absolute_path(void **state)
{
    struct fixture *f = *state;
    char path[128];
    write_file("a.conf", "port 1");
    assert_true(config_load_file(&f->cfg, "a.conf", &f->error));
    snprintf(path, sizeof(path), "%s/a.conf", f->dir);
    assert_string_equal(f->cfg.file, path);
}

static void test_includes_are_read_in_place(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir("more", 0700), 0);
    write_file("more/1.conf", "timeout 1\nhz 11\n");
    write_file("more/2.conf", "timeout 2\nport 2\n");
    write_file("a.conf", "port 1\ninclude more/*.conf\ninclude none/*.conf\nhz 12\n");
    assert_true(config_load_file(&f->cfg, "a.conf", &f->error));
    assert_int_equal(f->cfg.timeout_s, 2);
    assert_int_equal(f->cfg.port, 2);
    assert_int_equal(f->cfg.hz, 12);
}

static void test_error_in_an_include_names_the_include(void **state)
{
    struct fixture *f = *state;
    write_file("inner.conf", "timeout 1\nhz x\n");
    write_file("a.conf", "include inner.conf\n");
    assert_false(config_load_file(&f->cfg, "a.conf", &f->error));
    assert_string_equal(f->error.file, "inner.conf");
    assert_int_equal(f->error.line, 2);
    write_file("b.conf", "\ninclude gone.conf\n");
    assert_false(config_load_file(&f->cfg, "b.conf", &f->error));
    assert_string_equal(f->error.file, "b.conf");
    assert_int_equal(f->error.line, 2);
    assert_string_equal(f->error.reason, "can't open config file 'gone.conf': No such file or directory");
}

static void test_file_that_includes_itself_ends_with_an_error(void **state)
{
    struct fixture *f = *state;
    write_file("a.conf", "include a.conf\n");
    assert_false(config_load_file(&f->cfg, "a.conf", &f->error));
    assert_string_equal(f->error.reason, "includes are nested too deeply");
    write_file("empty.conf", "");
    FILE *many = fopen("many.conf", "w");
    assert_non_null(many);
    for (int i = 0; i < 2000; i++) fputs("include empty.conf\n", many);
    assert_int_equal(fclose(many), 0);
    assert_false(config_load_file(&f->cfg, "many.conf", &f->error));
    assert_string_equal(f->error.reason, "too many files are included");
}

static void test_includes_count_from_the_dir_of_an_earlier_line(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir("data", 0700), 0);
    assert_int_equal(mkdir("data/sub", 0700), 0);
    write_file("data/sub/x.conf", "timeout 9\n");
    expect_loads(f, "dir data\ndir sub\ninclude x.conf\n");
    assert_int_equal(f->cfg.timeout_s, 9);
    assert_shown(&f->cfg, "dir", "data/sub");
}

static void test_huge_file_is_refused(void **state)
{
    struct fixture *f = *state;
    write_file("huge.conf", "#");
    assert_int_equal(truncate("huge.conf", (off_t)CONFIG_FILE_BYTES_MAX + 2), 0);
    assert_false(config_load_file(&f->cfg, "huge.conf", &f->error));
    assert_string_equal(f->error.reason, "can't open config file 'huge.conf': File too large");
}

static void test_dash_reads_standard_input(void **state)
{
    struct fixture *f = *state;
    int ends[2], kept = dup(STDIN_FILENO);
    static const char text[] = "port 7777\nsave 1 1\nhz zz\n";
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, sizeof(text) - 1), sizeof(text) - 1);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    bool ok = config_load_file(&f->cfg, "-", &f->error);
    dup2(kept, STDIN_FILENO);
    close(kept);
    assert_false(ok);
    assert_string_equal(f->error.file, "standard input");
    assert_int_equal(f->error.line, 3);
    assert_int_equal(f->cfg.port, 7777);
    assert_null(f->cfg.file);
}

/* Everything but where it listens is at its default; so the file says what the text says. */
static void test_own_file_holds_the_defaults(void **state)
{
    struct fixture *f = *state;
    char path[300];
    snprintf(path, sizeof(path), "%s/redis.conf", f->home);
    if (!config_load_file(&f->cfg, path, &f->error)) fail_msg("%s", f->error.text);
    assert_shown(&f->cfg, "bind", "127.0.0.1 -::1");
    struct config usual;
    config_init(&usual);
    size_t count;
    const struct config_row *rows = config_rows(&count);
    for (size_t i = 0; i < count; i++) {
        struct buf value = BUF_INIT;
        config_value_show(&usual, &rows[i], &value);
        if (strcmp(rows[i].name, "bind") != 0) assert_shown(&f->cfg, rows[i].name, buf_cstr(&value));
        buf_deinit(&value);
    }
    config_deinit(&usual);
}

static void test_file_of_the_distribution_loads(void **state)
{
    struct fixture *f = *state;
    if (access("/etc/redis/redis.conf", R_OK) != 0 || access("/var/lib/redis", X_OK) != 0) skip();
    if (!config_load_file(&f->cfg, "/etc/redis/redis.conf", &f->error)) fail_msg("%s", f->error.text);
    assert_true(f->cfg.daemonize);
    assert_shown(&f->cfg, "dir", "/var/lib/redis");
    assert_shown(&f->cfg, "save", "3600 1 300 100 60 10000");
}

static void test_file_rewritten_by_redis_loads(void **state)
{
    struct fixture *f = *state;
    expect_loads(
        f, "# Generated by CONFIG REWRITE\nunixsocket \"/tmp/s\"\ndaemonize yes\npidfile \"/var/run/redis.pid\"\n"
           "port 0\nhz 20\ndir \"/tmp\"\nlatency-tracking-info-percentiles 50 99 99.9\nsave 3600 1\nsave 300 100\n"
           "save 60 10000\nuser default on nopass ~* &* +@all\n");
    assert_shown(&f->cfg, "unixsocket", "/tmp/s");
    assert_shown(&f->cfg, "save", "3600 1 300 100 60 10000");
}

/* --- the command line --- */

struct line_case {
    char *argv[8];
    const char *name, *shown; /* NULL: the reason */
};

static void test_command_line_is_read_as_redis_reads_it(void **state)
{
    (void)state;
    static struct line_case cases[] = {
        {{"--port", "7000"}, "port", "7000"},
        {{"--port 7000"}, "port", "7000"},
        {{"--save", "60", "1", "--save", "300", "10"}, "save", "60 1 300 10"},
        {{"--save", "60 1"}, "save", "60 1"},
        {{"--save", ""}, "save", ""},
        {{"--save"}, "save", ""},
        {{"--save", "--port", "1"}, "save", ""},
        {{"--bind", "127.0.0.1", "-::1", "--port", "1"}, "bind", "127.0.0.1 -::1"},
        {{"--requirepass", "--secret"}, "requirepass", "--secret"},
        {{"--requirepass", "a\"b c"}, "requirepass", "a\"b c"},
        {{"--proc-title-template", "--x {title}"}, "proc-title-template", "--x {title}"},
        {{"--loglevel", "--port"},
         NULL,
         "argument(s) must be one of the following: debug, verbose, notice, warning, nothing"},
        {{"--port"}, NULL, "wrong number of arguments"},
        {{"--port", "1", "extra"}, NULL, "wrong number of arguments"},
        {{"extra"}, NULL, "Bad directive or wrong number of arguments"},
        {{"--bogus", "1"}, NULL, "Bad directive or wrong number of arguments"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config cfg;
        struct config_error error;
        int argc = 0;
        while (argc < 8 && cases[i].argv[argc]) argc++;
        config_init(&cfg);
        bool ok = config_load_args(&cfg, argc, cases[i].argv, &error);
        assert_int_equal(ok, cases[i].name != NULL);
        if (ok) {
            assert_shown(&cfg, cases[i].name, cases[i].shown);
        } else {
            assert_string_equal(error.reason, cases[i].shown);
            assert_string_equal(error.file, "the command line");
            assert_int_equal(error.line, 1);
        }
        config_deinit(&cfg);
    }
}

/* --- CONFIG GET --- */

struct found {
    char names[16][64];
    size_t count;
};

static void note(void *ctx, struct slice name, struct slice value)
{
    (void)value;
    struct found *found = ctx;
    if (found->count < 16) snprintf(found->names[found->count], 64, "%.*s", (int)name.len, name.ptr);
    found->count++;
}

static struct found look_up(struct fixture *f, const char *a, const char *b)
{
    struct found found = {.count = 0};
    struct slice patterns[2] = {slice_of(a), slice_of(b ? b : "")};
    size_t count = config_each_match_any(&f->cfg, patterns, b ? 2 : 1, note, &found);
    assert_int_equal(count, found.count);
    return found;
}

static void test_patterns_find_names_and_aliases_once(void **state)
{
    struct fixture *f = *state;
    struct found found = look_up(f, "tim?out", NULL);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.names[0], "timeout");
    assert_int_equal(look_up(f, "SAVE", "sa[v]e").count, 1);
    found = look_up(f, "TIMEOUT", NULL);
    assert_string_equal(found.names[0], "TIMEOUT"); /* as it was asked for */
    found = look_up(f, "SLAVE-PRIO*", "replica-prio*");
    assert_int_equal(found.count, 2);
    assert_int_equal(look_up(f, "nothing", "no*such").count, 0);
    assert_true(look_up(f, "*", NULL).count > 190);
    assert_int_equal(look_up(f, "*key-load-delay*", NULL).count, 0); /* hidden */
    assert_int_equal(look_up(f, "key-load-delay", NULL).count, 1);
}

static void count_name(void *ctx, const char *name, struct slice value)
{
    assert_true(strlen(name) > 0);
    assert_true(value.len == 0 || value.ptr != NULL);
    ++*(size_t *)ctx;
}

static void test_one_pattern_visits_with_c_names(void **state)
{
    struct fixture *f = *state;
    size_t count = 0;
    config_each_match(&f->cfg, SLICE_LIT("lazyfree-*"), count_name, &count);
    assert_int_equal(count, 5);
}

/* --- CONFIG SET --- */

/* What apply was asked to do; fails for the effects of `refuse`. */
struct apply_log {
    unsigned refuse, calls;
    unsigned effects[8];
    int old_port[8], new_port[8];
};

static bool log_apply(void *ctx, const struct config *old_values, const struct config *new_values, unsigned effects,
                      char *reason, size_t reason_size)
{
    struct apply_log *log = ctx;
    if (log->calls < 8) {
        log->effects[log->calls] = effects;
        log->old_port[log->calls] = old_values->port;
        log->new_port[log->calls] = new_values->port;
    }
    log->calls++;
    if ((log->refuse & effects) == 0) return true;
    snprintf(reason, reason_size, "it was refused");
    return false;
}

struct setting {
    const char *name, *value;
};

static char set_error[1024];

static bool set_all(struct fixture *f, const struct setting *settings, size_t count, struct apply_log *log)
{
    struct config_change changes[8];
    for (size_t i = 0; i < count; i++) {
        changes[i] = (struct config_change){slice_of(settings[i].name), slice_of(settings[i].value)};
    }
    set_error[0] = 0;
    return config_set(&f->cfg, changes, count, false, log_apply, log, set_error, sizeof(set_error));
}
#define SET(f, log, ...)                                                                                            \
    set_all((f), (struct setting[]){__VA_ARGS__}, sizeof((struct setting[]){__VA_ARGS__}) / sizeof(struct setting), \
            (log))

static void test_set_changes_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    struct apply_log log = {0};
    assert_true(SET(f, &log, {"timeout", "5"}, {"SAVE", "10 1 20 2"}, {"client-output-buffer-limit", "pubsub 1 2 3"}));
    assert_int_equal(log.calls, 0); /* nothing to do beside */
    assert_shown(&f->cfg, "timeout", "5");
    assert_shown(&f->cfg, "save", "10 1 20 2");
    assert_true(SET(f, &log, {"save", ""}));
    assert_shown(&f->cfg, "save", "");
    assert_false(SET(f, &log, {"timeout", "6"}, {"maxclients", "many"}));
    assert_string_equal(set_error,
                        "CONFIG SET failed (possibly related to argument 'maxclients') - argument couldn't be "
                        "parsed into an integer");
    assert_shown(&f->cfg, "timeout", "5");
}

static void test_set_refuses_with_the_words_of_redis(void **state)
{
    struct fixture *f = *state;
    struct apply_log log = {0};
#define FAILED(name) "CONFIG SET failed (possibly related to argument '" name "') - "
    assert_false(SET(f, &log, {"timeout", "5"}, {"bogus", "1"}));
    assert_string_equal(set_error, "Unknown option or number of arguments for CONFIG SET - 'bogus'");
    assert_false(SET(f, &log, {"include", "x"}));
    assert_string_equal(set_error, "Unknown option or number of arguments for CONFIG SET - 'include'");
    assert_false(SET(f, &log, {"timeout", "5"}, {"timeout", "6"}));
    assert_string_equal(set_error, FAILED("timeout") "duplicate parameter");
    assert_false(SET(f, &log, {"daemonize", "yes"}));
    assert_string_equal(set_error, FAILED("daemonize") "can't set immutable config");
    assert_false(SET(f, &log, {"dir", "/tmp"}));
    assert_string_equal(set_error, FAILED("dir") "can't set protected config");
    assert_false(SET(f, &log, {"DBFILENAME", "x.rdb"}));
    assert_string_equal(set_error, FAILED("DBFILENAME") "can't set protected config");
    assert_false(SET(f, &log, {"save", "900 1 300"}));
    assert_string_equal(set_error, FAILED("save") "Invalid save parameters");
    assert_false(SET(f, &log, {"save", "900  1"}));
    assert_string_equal(set_error, FAILED("save") "Invalid save parameters");
    assert_false(SET(f, &log, {"appendonly", "yes"}));
    assert_string_equal(set_error, FAILED("appendonly") "appendonly yes: the append-only file is not built into this "
                                                        "version of Keepsake; only 'no' is accepted");
    assert_true(SET(f, &log, {"lua-time-limit", "1"}, {"busy-reply-threshold", "2"})); /* two names */
    assert_int_equal(log.calls, 0);
}

static void test_set_applies_each_group_that_changed_once(void **state)
{
    struct fixture *f = *state;
    struct apply_log log = {0};
    assert_true(SET(f, &log, {"port", "7000"}, {"bind", "127.0.0.1"}, {"loglevel", "debug"}, {"hz", "10"}));
    assert_int_equal(log.calls, 2);
    assert_int_equal(log.effects[0], CONFIG_EFFECT_LISTEN);
    assert_int_equal(log.effects[1], CONFIG_EFFECT_LOG);
    assert_int_equal(log.old_port[0], 6379);
    assert_int_equal(log.new_port[0], 7000);
}

static void test_set_puts_everything_back_when_a_group_fails(void **state)
{
    struct fixture *f = *state;
    struct apply_log log = {.refuse = CONFIG_EFFECT_MAXCLIENTS};
    assert_false(SET(f, &log, {"timeout", "9"}, {"port", "7000"}, {"maxclients", "5"}, {"hz", "20"}));
    assert_string_equal(set_error, "CONFIG SET failed (possibly related to argument 'maxclients') - it was refused");
    assert_int_equal(log.calls, 3); /* listen, maxclients fails, listen is undone */
    assert_int_equal(log.effects[2], CONFIG_EFFECT_LISTEN);
    assert_int_equal(log.old_port[2], 7000);
    assert_int_equal(log.new_port[2], 6379);
    assert_shown(&f->cfg, "port", "6379");
    assert_shown(&f->cfg, "timeout", "0");
    assert_shown(&f->cfg, "maxclients", "10000");
    assert_shown(&f->cfg, "hz", "10");
}

static void test_protected_directives_can_be_allowed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir("data", 0700), 0);
    struct config_change changes[] = {{SLICE_LIT("dir"), SLICE_LIT("data")},
                                      {SLICE_LIT("dbfilename"), SLICE_LIT("a.rdb")}};
    struct apply_log log = {0};
    assert_true(config_set(&f->cfg, changes, 2, true, log_apply, &log, set_error, sizeof(set_error)));
    assert_int_equal(log.calls, 1);
    assert_int_equal(log.effects[0], CONFIG_EFFECT_DIR);
    char path[128];
    snprintf(path, sizeof(path), "%s/data", f->dir);
    assert_shown(&f->cfg, "dir", path); /* absolute at once */
    changes[0].value = SLICE_LIT("gone");
    assert_false(config_set(&f->cfg, changes, 1, true, log_apply, &log, set_error, sizeof(set_error)));
    assert_string_equal(set_error,
                        "CONFIG SET failed (possibly related to argument 'dir') - No such file or directory");
}

/* --- properties of the table --- */

static void test_every_shown_value_can_be_set_again(void **state)
{
    struct fixture *f = *state;
    size_t count;
    const struct config_row *rows = config_rows(&count);
    for (size_t i = 0; i < count; i++) {
        struct buf value = BUF_INIT, again = BUF_INIT, line = BUF_INIT;
        config_value_show(&f->cfg, &rows[i], &value);
        buf_printf(&line, "%s ", rows[i].name);
        buf_append_quoted(&line, SLICE(buf_cstr(&value), value.len));
        /* replicaof shows nothing when it is off, and off is two words; a limit of buffers never shows nothing */
        if (strcmp(rows[i].name, "replicaof") != 0) expect_loads(f, buf_cstr(&line));
        config_value_show(&f->cfg, &rows[i], &again);
        assert_string_equal(buf_cstr(&again), buf_cstr(&value));
        buf_deinit(&value);
        buf_deinit(&again);
        buf_deinit(&line);
    }
}

static void test_names_are_unique(void **state)
{
    (void)state;
    size_t count;
    const struct config_row *rows = config_rows(&count);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(config_find(slice_of(rows[i].name)), &rows[i]);
        if (rows[i].alias) assert_ptr_equal(config_find(slice_of(rows[i].alias)), &rows[i]);
    }
}

static void test_copy_shares_nothing(void **state)
{
    struct fixture *f = *state;
    struct config copy;
    expect_loads(f, "requirepass one\nsave 1 1\nbind 10.0.0.1\nmasterauth two\nport 5\n");
    config_copy(&copy, &f->cfg);
    expect_loads(f, "requirepass x\nsave \"\"\nbind \"\"\nmasterauth y\nport 6\n");
    assert_shown(&copy, "requirepass", "one");
    assert_shown(&copy, "save", "1 1");
    assert_shown(&copy, "bind", "10.0.0.1");
    assert_shown(&copy, "masterauth", "two");
    assert_shown(&copy, "port", "5");
    config_deinit(&copy);
}

/* Any value for any directive either fits or is refused with a reason. */
static void test_random_values_are_taken_or_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const values[] = {"",         "0",        "-1",
                                         "1",        "yes",      "no",
                                         "1gb",      "50%",      "99999999999999999999",
                                         "a b",      "1 2",      "normal 1 2 3",
                                         "\"",       "'x'",      "\\",
                                         "/",        "*",        "auto",
                                         "\xff\xfe", "save now", "{"};
    struct rng rng;
    size_t count;
    const struct config_row *rows = config_rows(&count);
    rng_seed(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        struct buf line = BUF_INIT;
        const struct config_row *row = &rows[rng_below(&rng, count)];
        if (strcmp(row->name, "dir") == 0) continue;
        buf_printf(&line, "%s", row->name);
        for (uint64_t n = rng_below(&rng, 5); n > 0; n--) {
            buf_printf(&line, " %s", values[rng_below(&rng, sizeof(values) / sizeof(values[0]))]);
        }
        if (!config_load_text(&f->cfg, buf_slice(&line), "random", &f->error)) assert_true(strlen(f->error.reason) > 0);
        buf_deinit(&line);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        TEST(test_defaults_are_those_of_redis),
        TEST(test_values_are_shown_as_redis_shows_them),
        TEST(test_wrong_values_are_refused_with_the_words_of_redis),
        TEST(test_directives_that_ask_for_what_is_not_built_are_refused),
        TEST(test_first_save_line_replaces_the_defaults),
        TEST(test_empty_save_clears_the_rules),
        TEST(test_error_names_file_line_and_text),
        TEST(test_missing_file_is_an_error_without_a_line),
        TEST(test_file_is_known_by_its_absolute_path),
        TEST(test_includes_are_read_in_place),
        TEST(test_error_in_an_include_names_the_include),
        TEST(test_file_that_includes_itself_ends_with_an_error),
        TEST(test_includes_count_from_the_dir_of_an_earlier_line),
        TEST(test_huge_file_is_refused),
        TEST(test_dash_reads_standard_input),
        TEST(test_own_file_holds_the_defaults),
        TEST(test_file_of_the_distribution_loads),
        TEST(test_file_rewritten_by_redis_loads),
        TEST(test_command_line_is_read_as_redis_reads_it),
        TEST(test_patterns_find_names_and_aliases_once),
        TEST(test_one_pattern_visits_with_c_names),
        TEST(test_set_changes_all_or_nothing),
        TEST(test_set_refuses_with_the_words_of_redis),
        TEST(test_set_applies_each_group_that_changed_once),
        TEST(test_set_puts_everything_back_when_a_group_fails),
        TEST(test_protected_directives_can_be_allowed),
        TEST(test_every_shown_value_can_be_set_again),
        TEST(test_names_are_unique),
        TEST(test_copy_shares_nothing),
        TEST(test_random_values_are_taken_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
