/* SPDX-License-Identifier: MIT */
/* redis-cli and redis-benchmark of the distribution against the real binary. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/integration/harness.h"

/* Output of a shell command in which %s stands for the socket; the caller frees it. Fails the test unless it exits 0. */
static char *shell(struct server *s, const char *fmt)
{
    char command[1024];
    snprintf(command, sizeof(command), "exec 2>&1; timeout 60 ");
    size_t n = strlen(command);
    snprintf(command + n, sizeof(command) - n, fmt, s->process.socket);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    struct bytes out = {0};
    char part[4096];
    for (size_t got; (got = fread(part, 1, sizeof(part), f)) > 0;) bytes_append(&out, part, got);
    bytes_append(&out, "", 0);
    int status = pclose(f);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("%s: status %d:\n%s", command, status, out.ptr);
    return out.ptr;
}

static void expect_output(struct server *s, const char *fmt, const char *want)
{
    char *out = shell(s, fmt);
    if (strcmp(out, want) != 0) fail_msg("%s: wanted:\n%s\ngot:\n%s", fmt, want, out);
    free(out);
}

static void cli_sets_and_gets(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_output(s, "redis-cli -s %s SET greeting 'hello world'", "OK\n");
    expect_output(s, "redis-cli -s %s GET greeting", "hello world\n");
    expect_output(s, "redis-cli -s %s --no-raw GET nothing", "(nil)\n");
    expect_output(s, "redis-cli -s %s --no-raw INCR n", "(integer) 1\n");
    expect_output(s, "redis-cli -3 -s %s --no-raw GET nothing", "(nil)\n");
    expect_output(s, "redis-cli -s %s -n 3 SET x y", "OK\n");
    expect_output(s, "redis-cli -s %s -n 3 DBSIZE", "1\n");
    expect_output(s, "redis-cli -s %s --json GET greeting", "\"hello world\"\n");
    expect_output(s, "redis-cli -s %s -x SET piped < /dev/null", "OK\n");
    expect_output(s, "redis-cli -s %s --no-raw FOO bar",
                  "(error) ERR unknown command 'FOO', with args beginning with: 'bar' \n");
}

static void cli_reads_commands_from_its_input(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_output(s, "sh -c 'printf \"SET a 1\\nGET a\\nINCR a\\n\" | redis-cli -s %s'", "OK\n1\n2\n");
}

static void cli_scans(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    for (int i = 0; i < 1000; i++) expect_status(s->client, "OK", "SET key:%d v", i);
    expect_output(s, "sh -c 'redis-cli -s %s --scan --pattern \"key:*\" | sort -u | wc -l | tr -d \" \"'", "1000\n");
    char *out = shell(s, "redis-cli -s %s --bigkeys");
    expect_contains(out, "1000 strings with 1000 bytes");
    free(out);
    out = shell(s, "redis-cli -s %s --memkeys");
    expect_contains(out, "1000 strings");
    free(out);
}

static void cli_inserts_en_masse(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    char *out = shell(s, "sh -c 'for i in $(seq 5000); do echo \"SET k:$i $i\"; done | redis-cli -s %s --pipe'");
    expect_contains(out, "errors: 0, replies: 5000");
    free(out);
    expect_int(s->client, 5000, "DBSIZE");
    expect_bulk(s->client, "5000", "GET k:5000");
}

static void cli_shows_information(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    char *out = shell(s, "redis-cli -s %s INFO");
    expect_contains(out, "redis_version:7.2.4");
    expect_contains(out, "server_name:keepsake");
    expect_contains(out, "keepsake_version:");
    expect_contains(out, "# Persistence");
    expect_contains(out, "# Keyspace");
    free(out);
    out = shell(s, "redis-cli -s %s COMMAND DOCS GET");
    expect_contains(out, "summary");
    free(out);
    out = shell(s, "redis-cli -s %s --no-raw COMMAND COUNT");
    expect_contains(out, "(integer) ");
    free(out);
    /* --stat reads INFO in its own way. */
    out = shell(s, "redis-cli -s %s -i 0.01 -r 3 PING");
    assert_string_equal(out, "PONG\nPONG\nPONG\n");
    free(out);
}

static void benchmark_runs(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    char *out = shell(s, "redis-benchmark -s %s -t ping,set,get,incr,mset -n 5000 -c 20 -r 1000 -q");
    static const char *const names[] = {"PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) expect_contains(out, names[i]);
    expect_contains(out, "requests per second");
    assert_null(strstr(out, "rror"));
    free(out);
    out = shell(s, "redis-benchmark -s %s -P 64 -t set,get -n 50000 -c 50 -r 100000 -d 64 --csv");
    expect_contains(out, "\"GET\"");
    free(out);
    out = shell(s, "redis-benchmark -s %s -3 -P 16 -n 5000 -r 100 -q SETRANGE key:__rand_int__ 100 abc");
    expect_contains(out, "requests per second");
    free(out);
    assert_true(ask_int(s->client, "DBSIZE") > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(cli_sets_and_gets),
        SERVER_TEST(cli_reads_commands_from_its_input),
        SERVER_TEST(cli_scans),
        SERVER_TEST(cli_inserts_en_masse),
        SERVER_TEST(cli_shows_information),
        SERVER_TEST(benchmark_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
