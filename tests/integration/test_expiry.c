/* SPDX-License-Identifier: MIT */
/* Keys go when their time has come: never seen after it, gone from memory soon after it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/harness.h"

static int64_t server_ms(redisContext *c)
{
    redisReply *r = ask(c, "TIME");
    assert_int_equal(r->elements, 2);
    int64_t ms = atoll(r->element[0]->str) * 1000 + atoll(r->element[1]->str) / 1000;
    freeReplyObject(r);
    return ms;
}

static void wait_until_server_ms(redisContext *c, int64_t ms)
{
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    while (server_ms(c) <= ms) {
        assert_true(wait_clock_ms() < deadline_ms);
        wait_a_little();
    }
}

static void key_lives_exactly_as_long_as_told(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    int64_t at_ms = server_ms(s->client) + 200;
    expect_status(s->client, "OK", "SET k v PXAT %lld", (long long)at_ms);
    for (;;) {
        int64_t before_ms = server_ms(s->client);
        redisReply *r = ask(s->client, "GET k");
        int type = r->type;
        freeReplyObject(r);
        int64_t after_ms = server_ms(s->client);
        /* Seen only while its time had not passed; missed only when it had. */
        if (type == REDIS_REPLY_STRING) assert_true(before_ms <= at_ms);
        if (type == REDIS_REPLY_NIL) {
            assert_true(after_ms >= at_ms);
            break;
        }
    }
    assert_int_equal(info_int(s->client, "expired_keys"), 1);
}

static void fill_volatile(redisContext *c, int count, long long at_ms)
{
    for (int i = 0; i < count; i++) assert_int_equal(redisAppendCommand(c, "SET k:%d v PXAT %lld", i, at_ms), REDIS_OK);
    for (int i = 0; i < count; i++) {
        void *reply = NULL;
        assert_int_equal(redisGetReply(c, &reply), REDIS_OK);
        freeReplyObject(reply);
    }
}

static void nobody_sees_expired_keys(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_status(s->client, "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    int64_t at_ms = server_ms(s->client) + 300;
    fill_volatile(s->client, 100, at_ms);
    wait_until_server_ms(s->client, at_ms);
    expect_int(s->client, 100, "DBSIZE");
    redisReply *r = ask(s->client, "KEYS *");
    assert_int_equal(r->elements, 0);
    freeReplyObject(r);
    expect_nil(s->client, "RANDOMKEY");
    expect_nil(s->client, "GET k:0");
    expect_int(s->client, 0, "EXISTS k:1");
    expect_int(s->client, -2, "TTL k:2");
    expect_int(s->client, 0, "DEL k:3");
    expect_status(s->client, "none", "TYPE k:4");
    expect_nil(s->client, "DUMP k:5");
    expect_error(s->client, "ERR no such key", "RENAME k:6 other");
    expect_int(s->client, 1, "INCR k:7");
    expect_int(s->client, -1, "TTL k:7");
    expect_int(s->client, 0, "COPY k:8 other");
    expect_int(s->client, 0, "PERSIST k:9");
    r = ask(s->client, "SCAN 0 COUNT 1000");
    assert_int_equal(r->element[1]->elements, 1);
    freeReplyObject(r);
}

static void expired_keys_leave_memory_by_themselves(void **state)
{
    struct server *s = *state;
    enum { COUNT = 50000 };
    server_start(s, NO_ARGS);
    int64_t at_ms = server_ms(s->client) + 1000;
    fill_volatile(s->client, COUNT, at_ms);
    expect_status(s->client, "OK", "SET stays v");
    wait_until_server_ms(s->client, at_ms);
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    while (ask_int(s->client, "DBSIZE") != 1) {
        assert_true(wait_clock_ms() < deadline_ms);
        wait_a_little();
    }
    assert_int_equal(info_int(s->client, "expired_keys"), COUNT);
    expect_bulk(s->client, "v", "GET stays");
}

static void expiry_survives_a_restart(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    int64_t at_ms = server_ms(s->client) + 3600000;
    expect_status(s->client, "OK", "SET k v PXAT %lld", (long long)at_ms);
    expect_status(s->client, "OK", "SAVE");
    server_kill(s);
    server_start(s, NO_ARGS);
    expect_int(s->client, at_ms, "PEXPIRETIME k");
    char db0[128];
    info_field(s->client, "db0", db0, sizeof(db0));
    expect_contains(db0, "keys=1,expires=1,avg_ttl=");
}

static void past_expiry_deletes_at_once(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_status(s->client, "OK", "SET k v");
    expect_int(s->client, 1, "PEXPIREAT k 1");
    expect_int(s->client, 0, "EXISTS k");
    expect_int(s->client, 0, "DBSIZE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(key_lives_exactly_as_long_as_told),
        SERVER_TEST(nobody_sees_expired_keys),
        SERVER_TEST(expired_keys_leave_memory_by_themselves),
        SERVER_TEST(expiry_survives_a_restart),
        SERVER_TEST(past_expiry_deletes_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
