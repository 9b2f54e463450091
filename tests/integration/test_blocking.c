/* SPDX-License-Identifier: MIT */
/* Blocked clients: who is served, by what, in which order, and what ends the waiting otherwise. */
#include <string.h>

#include "tests/integration/harness.h"

static void send_command(redisContext *c, const char *command)
{
    int done = 0;
    assert_int_equal(redisAppendCommand(c, command), REDIS_OK);
    while (!done) assert_int_equal(redisBufferWrite(c, &done), REDIS_OK);
}

/* Sends and waits until so many clients are blocked. */
static void block(struct server *s, redisContext *c, const char *command, const char *blocked)
{
    send_command(c, command);
    wait_info(s->client, "blocked_clients", blocked);
}

static redisContext *client(struct server *s)
{
    redisContext *c = server_connect(s);
    redisSetTimeout(c, (struct timeval){PROCESS_WAIT_MS / 1000, 0});
    return c;
}

static redisReply *receive(redisContext *c)
{
    void *reply = NULL;
    assert_int_equal(redisGetReply(c, &reply), REDIS_OK);
    assert_non_null(reply);
    return reply;
}

static void receive_pair(redisContext *c, const char *key, const char *value)
{
    redisReply *r = receive(c);
    assert_int_equal(r->type, REDIS_REPLY_ARRAY);
    assert_int_equal(r->elements, 2);
    assert_string_equal(r->element[0]->str, key);
    assert_string_equal(r->element[1]->str, value);
    freeReplyObject(r);
}

static void receive_text(redisContext *c, int type, const char *text)
{
    redisReply *r = receive(c);
    assert_int_equal(r->type, type);
    if (text != NULL) assert_string_equal(r->str, text);
    freeReplyObject(r);
}

static void clients_are_served_in_the_order_in_which_they_blocked(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *a = client(s), *b = client(s), *c = client(s);
    block(s, a, "BLPOP k k 0", "1");
    block(s, b, "BRPOP other k 0", "2");
    block(s, c, "BLMPOP 0 1 k LEFT COUNT 5", "3");
    expect_int(s->client, 5, "RPUSH k 1 2 3 4 5");
    receive_pair(a, "k", "1");
    receive_pair(b, "k", "5");
    redisReply *r = receive(c);
    assert_int_equal(r->element[1]->elements, 3);
    freeReplyObject(r);
    expect_info(s->client, "blocked_clients", "0");
    expect_info(s->client, "total_blocking_keys", "0");
    expect_int(s->client, 0, "EXISTS k");
    redisFree(a);
    redisFree(b);
    redisFree(c);
}

static void every_command_that_makes_the_key_serves(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    static const char *const makers[][2] = {
        {"RPUSH src x", "RENAME src k"},    {"RPUSH src x", "RENAMENX src k"},
        {"RPUSH src x", "COPY src k"},      {"RPUSH src x", "LMOVE src k LEFT LEFT"},
        {"RPUSH src x", "RPOPLPUSH src k"}, {"RPUSH src x", "SORT src BY nosort STORE k"},
        {"SELECT 1", "RPUSH k x"}, /* then MOVE */
        {"SELECT 1", "RPUSH k x"}, /* then SWAPDB */
    };
    redisContext *a = client(s);
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        freeReplyObject(ask(s->client, "FLUSHALL"));
        block(s, a, "BLPOP k 0", "1");
        freeReplyObject(ask(s->client, makers[i][0]));
        freeReplyObject(ask(s->client, makers[i][1]));
        if (i == 6) freeReplyObject(ask(s->client, "MOVE k 0"));
        if (i == 7) freeReplyObject(ask(s->client, "SWAPDB 0 1"));
        receive_pair(a, "k", "x");
        expect_status(s->client, "OK", "SELECT 0");
    }
    redisFree(a);
}

static void restore_serves(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *a = client(s);
    expect_int(s->client, 1, "RPUSH src x");
    redisReply *dump = ask(s->client, "DUMP src");
    block(s, a, "BLPOP k 0", "1");
    expect_status(s->client, "OK", "RESTORE k 0 %b", dump->str, (size_t)dump->len);
    receive_pair(a, "k", "x");
    freeReplyObject(dump);
    redisFree(a);
}

static void chain_of_moves_runs_through(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *a = client(s), *b = client(s);
    block(s, a, "BLPOP end 0", "1");
    block(s, b, "BLMOVE begin end LEFT RIGHT 0", "2");
    expect_int(s->client, 1, "LPUSH begin x");
    receive_text(b, REDIS_REPLY_STRING, "x");
    receive_pair(a, "end", "x");
    redisFree(a);
    redisFree(b);
}

static void wrong_type_keeps_waiting(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *a = client(s);
    block(s, a, "BLPOP k 0", "1");
    expect_status(s->client, "OK", "SET k string");
    expect_info(s->client, "blocked_clients", "1");
    expect_int(s->client, 1, "DEL k");
    expect_int(s->client, 1, "RPUSH k x");
    receive_pair(a, "k", "x");
    block(s, a, "BLMOVE k target LEFT LEFT 0", "1");
    expect_status(s->client, "OK", "SET target string");
    expect_int(s->client, 1, "RPUSH k x");
    receive_text(a, REDIS_REPLY_ERROR, "WRONGTYPE Operation against a key holding the wrong kind of value");
    expect_int(s->client, 1, "LLEN k");
    redisFree(a);
}

static void time_outs_come_when_told(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *a = client(s), *b = client(s);
    int64_t started_ms = wait_clock_ms();
    send_command(b, "BLMOVE k j LEFT LEFT 0.4");
    send_command(a, "BLPOP k 0.15");
    receive_text(a, REDIS_REPLY_NIL, NULL);
    assert_true(wait_clock_ms() - started_ms >= 150);
    receive_text(b, REDIS_REPLY_NIL, NULL);
    assert_true(wait_clock_ms() - started_ms >= 400);
    expect_info(s->client, "blocked_clients", "0");
    expect_info(s->client, "clients_in_timeout_table", "0");
    redisFree(a);
    redisFree(b);
}

static void unblock_ends_the_waiting(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *a = client(s);
    long long id = ask_int(a, "CLIENT ID");
    expect_int(s->client, 0, "CLIENT UNBLOCK %lld", id);
    block(s, a, "BLPOP k 0", "1");
    redisReply *line = ask(s->client, "CLIENT LIST ID %lld", id);
    expect_contains(line->str, " flags=b ");
    freeReplyObject(line);
    expect_int(s->client, 1, "CLIENT UNBLOCK %lld", id);
    receive_text(a, REDIS_REPLY_NIL, NULL);
    block(s, a, "BLPOP k 0", "1");
    expect_int(s->client, 1, "CLIENT UNBLOCK %lld ERROR", id);
    receive_text(a, REDIS_REPLY_ERROR, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
    expect_info(s->client, "blocked_clients", "0");
    redisFree(a);
}

static void disconnected_client_leaves_nothing_behind(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *a = client(s), *b = client(s);
    block(s, a, "BLPOP k other 100", "1");
    block(s, b, "BLPOP k 0", "2");
    redisFree(a);
    wait_info(s->client, "blocked_clients", "1");
    expect_info(s->client, "total_blocking_keys", "1");
    expect_info(s->client, "clients_in_timeout_table", "0");
    expect_int(s->client, 1, "RPUSH k x");
    receive_pair(b, "k", "x");
    redisFree(b);
}

static void requests_behind_a_blocked_one_wait(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *a = client(s);
    redisAppendCommand(a, "SET before 1");
    redisAppendCommand(a, "BLPOP k 0");
    redisAppendCommand(a, "INCR after");
    redisAppendCommand(a, "BLPOP k 0");
    block(s, a, "INCR after", "1");
    receive_text(a, REDIS_REPLY_STATUS, "OK");
    send_command(a, "SET large xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"); /* while it is blocked */
    expect_int(s->client, 0, "EXISTS after");
    expect_int(s->client, 1, "RPUSH k x");
    receive_pair(a, "k", "x");
    wait_info(s->client, "blocked_clients", "1");
    expect_bulk(s->client, "1", "GET after");
    expect_int(s->client, 1, "RPUSH k y");
    receive_text(a, REDIS_REPLY_INTEGER, NULL);
    receive_pair(a, "k", "y");
    receive_text(a, REDIS_REPLY_INTEGER, NULL);
    receive_text(a, REDIS_REPLY_STATUS, "OK");
    redisFree(a);
}

static void large_value_behind_a_blocked_request_arrives(void **state)
{
    struct server *s = *state;
    enum { LARGE = 300000 };
    static char large[LARGE + 1];
    server_start(s, NO_ARGS);
    redisContext *a = client(s);
    memset(large, 'v', LARGE);
    redisAppendCommand(a, "BLPOP k 0");
    int done = 0;
    assert_int_equal(redisAppendCommand(a, "SET large %b", large, (size_t)LARGE), REDIS_OK);
    while (!done) assert_int_equal(redisBufferWrite(a, &done), REDIS_OK);
    wait_info(s->client, "blocked_clients", "1");
    expect_int(s->client, 1, "RPUSH k x");
    receive_pair(a, "k", "x");
    receive_text(a, REDIS_REPLY_STATUS, "OK");
    expect_int(s->client, LARGE, "STRLEN large");
    redisFree(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(clients_are_served_in_the_order_in_which_they_blocked),
        SERVER_TEST(every_command_that_makes_the_key_serves),
        SERVER_TEST(restore_serves),
        SERVER_TEST(chain_of_moves_runs_through),
        SERVER_TEST(wrong_type_keeps_waiting),
        SERVER_TEST(time_outs_come_when_told),
        SERVER_TEST(unblock_ends_the_waiting),
        SERVER_TEST(disconnected_client_leaves_nothing_behind),
        SERVER_TEST(requests_behind_a_blocked_one_wait),
        SERVER_TEST(large_value_behind_a_blocked_request_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
