/* SPDX-License-Identifier: MIT */
/* The expiry of fields of a hash, as Redis 7.4 documents it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/harness.h"

/* --- expectations --- */

static void check_ints(redisReply *r, const long long *want, size_t count)
{
    assert_int_equal(r->type, REDIS_REPLY_ARRAY);
    assert_int_equal(r->elements, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(r->element[i]->type, REDIS_REPLY_INTEGER);
        assert_int_equal(r->element[i]->integer, want[i]);
    }
    freeReplyObject(r);
}

/* The numbers that a command replies, one a field. */
#define expect_ints(c, line, ...)                              \
    check_ints(ask(c, line), (const long long[]){__VA_ARGS__}, \
               sizeof((const long long[]){__VA_ARGS__}) / sizeof(long long))

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

static size_t reply_count(redisContext *c, const char *line)
{
    redisReply *r = ask(c, line);
    assert_int_equal(r->type, REDIS_REPLY_ARRAY);
    size_t count = r->elements;
    freeReplyObject(r);
    return count;
}

/* One integer of a reply of one. */
static long long only_int(redisContext *c, const char *fmt, const char *key)
{
    redisReply *r = ask(c, fmt, key);
    assert_int_equal(r->type, REDIS_REPLY_ARRAY);
    assert_int_equal(r->elements, 1);
    long long n = r->element[0]->integer;
    freeReplyObject(r);
    return n;
}

/* The same fields in the packed form and in a table. */
static const char *const keys[] = {"small", "large"};

static void make_hashes(redisContext *c)
{
    expect_int(c, 3, "HSET small a 1 b 2 c 3");
    expect_int(c, 3, "HSET large a 1 b 2 c 3");
    expect_int(c, 1, "HSET large long %065d", 7);
    expect_int(c, 1, "HDEL large long");
    expect_bulk(c, "listpack", "OBJECT ENCODING small");
    expect_bulk(c, "hashtable", "OBJECT ENCODING large");
}

#define EACH_KEY(k) for (const char *const *k = keys; k < keys + 2; k++)

/* --- tests --- */

static void replies_tell_what_became_of_each_field(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *c = s->client;
    make_hashes(c);
    EACH_KEY(k)
    {
        check_ints(ask(c, "HEXPIRE %s 1000 FIELDS 3 a none b", *k), (const long long[]){1, -2, 1}, 3);
        check_ints(ask(c, "HTTL %s FIELDS 4 a b c none", *k), (const long long[]){1000, 1000, -1, -2}, 4);
        check_ints(ask(c, "HPERSIST %s FIELDS 3 a c none", *k), (const long long[]){1, -1, -2}, 3);
        check_ints(ask(c, "HTTL %s FIELDS 2 a b", *k), (const long long[]){-1, 1000}, 2);
        check_ints(ask(c, "HPEXPIRE %s 0 FIELDS 2 a none", *k), (const long long[]){2, -2}, 2);
        expect_int(c, 2, "HLEN %s", *k);
        check_ints(ask(c, "HEXPIREAT %s 1 FIELDS 1 b", *k), (const long long[]){2}, 1);
        /* The key goes with its last field, in the middle of a command too. */
        check_ints(ask(c, "HPEXPIREAT %s 1 FIELDS 3 c c b", *k), (const long long[]){2, -2, -2}, 3);
        expect_int(c, 0, "EXISTS %s", *k);
    }
    expect_ints(c, "HEXPIRE missing 10 FIELDS 2 a b", -2, -2);
    expect_ints(c, "HTTL missing FIELDS 2 a b", -2, -2);
    expect_ints(c, "HPTTL missing FIELDS 1 a", -2);
    expect_ints(c, "HEXPIRETIME missing FIELDS 1 a", -2);
    expect_ints(c, "HPEXPIRETIME missing FIELDS 1 a", -2);
    expect_ints(c, "HPERSIST missing FIELDS 2 a b", -2, -2);
    expect_int(c, 0, "EXISTS missing");
}

static void conditions_compare_with_the_present_expiry(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *c = s->client;
    make_hashes(c);
    EACH_KEY(k)
    {
        /* a expires, b does not: that is later than any time. */
        check_ints(ask(c, "HEXPIRE %s 1000 XX FIELDS 1 a", *k), (const long long[]){0}, 1);
        check_ints(ask(c, "HEXPIRE %s 1000 GT FIELDS 1 a", *k), (const long long[]){0}, 1);
        check_ints(ask(c, "HEXPIRE %s 1000 NX FIELDS 1 a", *k), (const long long[]){1}, 1);
        check_ints(ask(c, "HEXPIRE %s 2000 nx FIELDS 2 a none", *k), (const long long[]){0, -2}, 2);
        check_ints(ask(c, "HEXPIRE %s 2000 xx FIELDS 2 a b", *k), (const long long[]){1, 0}, 2);
        check_ints(ask(c, "HEXPIRE %s 1000 gt FIELDS 1 a", *k), (const long long[]){0}, 1);
        check_ints(ask(c, "HEXPIRE %s 3000 GT FIELDS 1 a", *k), (const long long[]){1}, 1);
        check_ints(ask(c, "HEXPIRE %s 4000 LT FIELDS 2 a b", *k), (const long long[]){0, 1}, 2);
        check_ints(ask(c, "HEXPIRE %s 500 lt FIELDS 2 a b", *k), (const long long[]){1, 1}, 2);
        check_ints(ask(c, "HTTL %s FIELDS 3 a b c", *k), (const long long[]){500, 500, -1}, 3);
        /* The condition comes first: what does not meet it is not removed. */
        check_ints(ask(c, "HEXPIRE %s 0 GT FIELDS 2 a c", *k), (const long long[]){0, 0}, 2);
        check_ints(ask(c, "HEXPIRE %s 0 LT FIELDS 1 c", *k), (const long long[]){2}, 1);
        /* An equal time is neither later nor earlier. */
        check_ints(ask(c, "HPEXPIREAT %s 40000000000000 FIELDS 1 a", *k), (const long long[]){1}, 1);
        check_ints(ask(c, "HPEXPIREAT %s 40000000000000 GT FIELDS 1 a", *k), (const long long[]){0}, 1);
        check_ints(ask(c, "HPEXPIREAT %s 40000000000000 LT FIELDS 1 a", *k), (const long long[]){0}, 1);
        check_ints(ask(c, "HPEXPIRETIME %s FIELDS 1 a", *k), (const long long[]){40000000000000}, 1);
        check_ints(ask(c, "HEXPIRETIME %s FIELDS 1 a", *k), (const long long[]){40000000000}, 1);
        check_ints(ask(c, "HPEXPIREAT %s 40000000000001 FIELDS 1 a", *k), (const long long[]){1}, 1);
        check_ints(ask(c, "HEXPIRETIME %s FIELDS 1 a", *k), (const long long[]){40000000001}, 1);
    }
}

static void bad_arguments_are_refused(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *c = s->client;
    expect_int(c, 2, "HSET h a 1 b 2");
    expect_status(c, "OK", "SET s text");
    static const char *const expiring[] = {"HEXPIRE", "HPEXPIRE", "HEXPIREAT", "HPEXPIREAT"};
    static const char *const lower[] = {"hexpire", "hpexpire", "hexpireat", "hpexpireat"};
    for (size_t i = 0; i < 4; i++) {
        char want[96];
        const char *name = expiring[i];
        expect_error(c, "WRONGTYPE", "%s s 10 FIELDS 1 a", name);
        snprintf(want, sizeof(want), "ERR wrong number of arguments for '%s' command", lower[i]);
        expect_error(c, want, "%s h 10 FIELDS 1", name);
        expect_error(c, "ERR value is not an integer or out of range", "%s h x FIELDS 1 a", name);
        expect_error(c, "ERR value is not an integer or out of range", "%s h 9223372036854775808 FIELDS 1 a", name);
        expect_error(c, "ERR invalid expire time, must be >= 0", "%s h -1 FIELDS 1 a", name);
        snprintf(want, sizeof(want), "ERR invalid expire time in '%s' command", lower[i]);
        expect_error(c, want, "%s h 9223372036854775807 FIELDS 1 a", name);
        expect_error(c, want, "%s h 70368744177664 FIELDS 1 a", name);
        expect_error(c, "ERR Mandatory argument FIELDS is missing or not at the right position", "%s h 10 a 1 b", name);
        expect_error(c, "ERR Mandatory argument FIELDS is missing or not at the right position",
                     "%s h 10 NX XX FIELDS 1 a", name);
        expect_error(c, "ERR Mandatory argument FIELDS is missing or not at the right position", "%s h 10 FIELD 1 a",
                     name);
        expect_error(c, "ERR Parameter `numFields` should be greater than 0", "%s h 10 FIELDS 0 a", name);
        expect_error(c, "ERR Parameter `numFields` should be greater than 0", "%s h 10 FIELDS -1 a", name);
        expect_error(c, "ERR Parameter `numFields` should be greater than 0", "%s h 10 FIELDS x a", name);
        expect_error(c, "ERR The `numfields` parameter must match the number of arguments", "%s h 10 FIELDS 2 a", name);
        expect_error(c, "ERR The `numfields` parameter must match the number of arguments", "%s h 10 FIELDS 1 a b",
                     name);
        expect_error(c, "ERR The `numfields` parameter must match the number of arguments", "%s h 10 NX FIELDS 1",
                     name);
    }
    static const char *const others[] = {"HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME", "HPERSIST"};
    for (size_t i = 0; i < 5; i++) {
        const char *name = others[i];
        expect_error(c, "WRONGTYPE", "%s s FIELDS 1 a", name);
        expect_error(c, "ERR wrong number of arguments", "%s h FIELDS 1", name);
        expect_error(c, "ERR Mandatory argument FIELDS is missing or not at the right position", "%s h a 1 b", name);
        expect_error(c, "ERR Number of fields must be a positive integer", "%s h FIELDS 0 a", name);
        expect_error(c, "ERR Number of fields must be a positive integer", "%s h FIELDS x a", name);
        expect_error(c, "ERR The `numfields` parameter must match the number of arguments", "%s h FIELDS 2 a", name);
        expect_error(c, "ERR The `numfields` parameter must match the number of arguments", "%s h FIELDS 1 a b", name);
    }
    expect_ints(c, "HTTL h FIELDS 2 a b", -1, -1);
    expect_bulk(c, "listpack", "OBJECT ENCODING h");
    /* The largest time there is. */
    expect_ints(c, "HPEXPIREAT h 70368744177663 FIELDS 1 a", 1);
    expect_ints(c, "HPEXPIRETIME h FIELDS 1 a", 70368744177663);
}

static void setting_a_field_anew_takes_its_expiry_away(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *c = s->client;
    make_hashes(c);
    EACH_KEY(k)
    {
        check_ints(ask(c, "HEXPIRE %s 1000 FIELDS 3 a b c", *k), (const long long[]){1, 1, 1}, 3);
        expect_int(c, 0, "HSET %s a 10", *k);
        expect_int(c, 0, "HSETNX %s b 10", *k);
        expect_int(c, 7, "HINCRBY %s b 5", *k);
        expect_bulk(c, "3.5", "HINCRBYFLOAT %s c 0.5", *k);
        check_ints(ask(c, "HTTL %s FIELDS 3 a b c", *k), (const long long[]){-1, 1000, 1000}, 3);
        expect_int(c, 1, "HDEL %s b", *k);
        expect_int(c, 1, "HSET %s b 1", *k);
        check_ints(ask(c, "HTTL %s FIELDS 1 b", *k), (const long long[]){-1}, 1);
    }
    expect_bulk(c, "listpackex", "OBJECT ENCODING small");
    expect_bulk(c, "hashtable", "OBJECT ENCODING large");
}

static void nobody_sees_expired_fields(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *c = s->client;
    expect_status(c, "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    make_hashes(c);
    int64_t at_ms = server_ms(c) + 250;
    EACH_KEY(k)
    {
        check_ints(ask(c, "HPEXPIREAT %s %lld FIELDS 2 a b", *k, (long long)at_ms), (const long long[]){1, 1}, 2);
    }
    wait_until_server_ms(c, at_ms);
    EACH_KEY(k)
    {
        expect_nil(c, "HGET %s a", *k);
        expect_int(c, 0, "HEXISTS %s a", *k);
        expect_int(c, 0, "HSTRLEN %s a", *k);
        expect_int(c, 1, "HLEN %s", *k);
        check_ints(ask(c, "HTTL %s FIELDS 3 a b c", *k), (const long long[]){-2, -2, -1}, 3);
        expect_bulk(c, "c", "HRANDFIELD %s", *k);
    }
    assert_int_equal(reply_count(c, "HGETALL small"), 2);
    assert_int_equal(reply_count(c, "HGETALL large"), 2);
    assert_int_equal(reply_count(c, "HKEYS small"), 1);
    assert_int_equal(reply_count(c, "HVALS large"), 1);
    assert_int_equal(reply_count(c, "HRANDFIELD large 10"), 1);
    assert_int_equal(reply_count(c, "HRANDFIELD small 10 WITHVALUES"), 2);
    EACH_KEY(k)
    {
        redisReply *r = ask(c, "HSCAN %s 0 COUNT 100", *k);
        assert_int_equal(r->element[1]->elements, 2);
        freeReplyObject(r);
        check_ints(ask(c, "HEXPIRE %s 100 FIELDS 1 a", *k), (const long long[]){-2}, 1);
        check_ints(ask(c, "HPERSIST %s FIELDS 1 b", *k), (const long long[]){-2}, 1);
        expect_int(c, 0, "HDEL %s a", *k);
        expect_int(c, 5, "HINCRBY %s a 5", *k);
        expect_int(c, 1, "HSETNX %s b new", *k);
        check_ints(ask(c, "HTTL %s FIELDS 2 a b", *k), (const long long[]){-1, -1}, 2);
        expect_int(c, 3, "HLEN %s", *k);
    }
}

static void last_live_field_takes_the_key_along(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *c = s->client;
    expect_status(c, "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    make_hashes(c);
    int64_t at_ms = server_ms(c) + 150;
    EACH_KEY(k)
    {
        check_ints(ask(c, "HPEXPIREAT %s %lld FIELDS 2 a b", *k, (long long)at_ms), (const long long[]){1, 1}, 2);
    }
    wait_until_server_ms(c, at_ms);
    EACH_KEY(k)
    {
        expect_int(c, 1, "HDEL %s c", *k);
        expect_int(c, 0, "EXISTS %s", *k);
    }
    expect_int(c, 0, "DBSIZE");
}

static void expired_fields_leave_memory_by_themselves(void **state)
{
    struct server *s = *state;
    enum { FIELDS = 20000, HASHES = 500 };
    server_start(s, NO_ARGS);
    redisContext *c = s->client;
    int64_t at_ms = server_ms(c) + 800;
    for (int i = 0; i < FIELDS; i++) assert_int_equal(redisAppendCommand(c, "HSET big f:%d v", i), REDIS_OK);
    for (int i = 0; i < FIELDS; i++)
        assert_int_equal(redisAppendCommand(c, "HPEXPIREAT big %lld FIELDS 1 f:%d", (long long)at_ms, i), REDIS_OK);
    for (int i = 0; i < HASHES; i++) assert_int_equal(redisAppendCommand(c, "HSET h:%d a 1 b 2", i), REDIS_OK);
    for (int i = 0; i < HASHES; i++)
        assert_int_equal(redisAppendCommand(c, "HPEXPIREAT h:%d %lld FIELDS 1 a", i, (long long)at_ms), REDIS_OK);
    for (int i = 0; i < 2 * FIELDS + 2 * HASHES; i++) {
        void *reply = NULL;
        assert_int_equal(redisGetReply(c, &reply), REDIS_OK);
        freeReplyObject(reply);
    }
    wait_until_server_ms(c, at_ms);
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    while (ask_int(c, "DBSIZE") != HASHES) {
        assert_true(wait_clock_ms() < deadline_ms);
        wait_a_little();
    }
    for (int i = 0; i < HASHES; i++) expect_int(c, 1, "HLEN h:%d", i);
    expect_int(c, 0, "EXISTS big");
}

static void expiry_follows_the_key(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *c = s->client;
    make_hashes(c);
    int64_t at_ms = server_ms(c) + 600;
    EACH_KEY(k)
    {
        check_ints(ask(c, "HPEXPIREAT %s %lld FIELDS 1 a", *k, (long long)at_ms), (const long long[]){1}, 1);
        expect_status(c, "OK", "RENAME %s renamed:%s", *k, *k);
        expect_int(c, 1, "COPY renamed:%s copy:%s DB 3", *k, *k);
        assert_int_equal(only_int(c, "HPEXPIRETIME renamed:%s FIELDS 1 a", *k), at_ms);
    }
    expect_status(c, "OK", "SELECT 3");
    EACH_KEY(k) assert_int_equal(only_int(c, "HPEXPIRETIME copy:%s FIELDS 1 a", *k), at_ms);
    expect_int(c, 1, "MOVE copy:small 4");
    expect_status(c, "OK", "SWAPDB 3 5");
    /* Every one of them is found by the active cycle. */
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    while (info_int(c, "expired_subkeys") != 4) {
        assert_true(wait_clock_ms() < deadline_ms);
        wait_a_little();
    }
    assert_true(server_ms(c) > at_ms);
    expect_status(c, "OK", "SELECT 5");
    expect_int(c, 2, "HLEN copy:large");
    expect_status(c, "OK", "SELECT 4");
    expect_int(c, 2, "HLEN copy:small");
}

static void expiry_survives_a_restart(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    make_hashes(s->client);
    expect_int(s->client, 1, "HSET large long %065d", 7);
    int64_t at_ms = server_ms(s->client) + 3600000;
    EACH_KEY(k)
    {
        check_ints(ask(s->client, "HPEXPIREAT %s %lld FIELDS 1 b", *k, (long long)at_ms), (const long long[]){1}, 1);
        check_ints(ask(s->client, "HPEXPIREAT %s %lld FIELDS 1 a", *k, (long long)at_ms + 7), (const long long[]){1},
                   1);
    }
    expect_status(s->client, "OK", "SAVE");
    server_kill(s);
    server_start(s, NO_ARGS);
    redisContext *c = s->client;
    EACH_KEY(k)
    {
        assert_int_equal(only_int(c, "HPEXPIRETIME %s FIELDS 1 a", *k), at_ms + 7);
        assert_int_equal(only_int(c, "HPEXPIRETIME %s FIELDS 1 b", *k), at_ms);
        assert_int_equal(only_int(c, "HPEXPIRETIME %s FIELDS 1 c", *k), -1);
        expect_bulk(c, "2", "HGET %s b", *k);
    }
    expect_int(c, 3, "HLEN small");
    expect_int(c, 4, "HLEN large");
    expect_bulk(c, "listpackex", "OBJECT ENCODING small");
    expect_bulk(c, "hashtable", "OBJECT ENCODING large");
}

static void changes_are_counted(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *c = s->client;
    expect_int(c, 3, "HSET h a 1 b 2 c 3");
    long long before = info_int(c, "rdb_changes_since_last_save");
    expect_ints(c, "HEXPIRE h 100 FIELDS 3 a b none", 1, 1, -2);
    assert_int_equal(info_int(c, "rdb_changes_since_last_save"), before + 2);
    expect_ints(c, "HEXPIRE h 100 NX FIELDS 2 a b", 0, 0);
    expect_ints(c, "HPERSIST h FIELDS 1 c", -1);
    assert_int_equal(info_int(c, "rdb_changes_since_last_save"), before + 2);
    expect_ints(c, "HPERSIST h FIELDS 2 a b", 1, 1);
    assert_int_equal(info_int(c, "rdb_changes_since_last_save"), before + 3);
    expect_ints(c, "HPEXPIRE h 0 FIELDS 2 a b", 2, 2);
    assert_int_equal(info_int(c, "rdb_changes_since_last_save"), before + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(replies_tell_what_became_of_each_field),
        SERVER_TEST(conditions_compare_with_the_present_expiry),
        SERVER_TEST(bad_arguments_are_refused),
        SERVER_TEST(setting_a_field_anew_takes_its_expiry_away),
        SERVER_TEST(nobody_sees_expired_fields),
        SERVER_TEST(last_live_field_takes_the_key_along),
        SERVER_TEST(expired_fields_leave_memory_by_themselves),
        SERVER_TEST(expiry_follows_the_key),
        SERVER_TEST(expiry_survives_a_restart),
        SERVER_TEST(changes_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
