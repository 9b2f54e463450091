/* SPDX-License-Identifier: MIT */
#include "resp/reply.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

/* Takes up to `max` bytes off the reply, as a socket that accepts so many would. */
static size_t drain(struct reply *r, struct buf *out, size_t max)
{
    struct iovec iov[7];
    int n = reply_iov(r, iov, 7);
    size_t sent = 0;
    for (int i = 0; i < n && sent < max; i++) {
        size_t now = iov[i].iov_len < max - sent ? iov[i].iov_len : max - sent;
        assert_true(iov[i].iov_len > 0);
        buf_append(out, iov[i].iov_base, now);
        sent += now;
    }
    reply_mark_sent(r, sent);
    return sent;
}

static void drain_all(struct reply *r, struct buf *out)
{
    while (reply_pending(r) > 0) assert_true(drain(r, out, SIZE_MAX) > 0);
    assert_int_equal(reply_memory(r), 0);
    assert_null(r->head);
}

static void expect(struct reply *r, const char *expected)
{
    struct buf out = BUF_INIT;
    assert_int_equal(reply_pending(r), strlen(expected));
    drain_all(r, &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_deinit(&out);
}

/* --- every type in both protocols --- */

static void write_ok(struct reply *r) { reply_ok(r); }
static void write_simple(struct reply *r) { reply_simple(r, "PONG"); }
static void write_error(struct reply *r) { reply_error(r, "ERR syntax error"); }
static void write_error_lines(struct reply *r) { reply_error(r, "ERR a\r\nb\nc\r"); }
static void write_errorf(struct reply *r) { reply_errorf(r, "ERR unknown command '%s', %d", "x\ny", 5); }
static void write_int(struct reply *r) { reply_int(r, -42); }
static void write_int_min(struct reply *r) { reply_int(r, INT64_MIN); }
static void write_int_max(struct reply *r) { reply_int(r, INT64_MAX); }
static void write_bulk(struct reply *r) { reply_bulk(r, SLICE_LIT("hello")); }
static void write_bulk_empty(struct reply *r) { reply_bulk(r, SLICE(NULL, 0)); }
static void write_bulk_cstr(struct reply *r) { reply_bulk_cstr(r, "0123456789ab"); }
static void write_bulkf(struct reply *r) { reply_bulkf(r, "%s=%d", "id", 7); }
static void write_bulk_int(struct reply *r) { reply_bulk_int(r, -1234567890123); }
static void write_null(struct reply *r) { reply_null(r); }
static void write_null_array(struct reply *r) { reply_null_array(r); }
static void write_true(struct reply *r) { reply_bool(r, true); }
static void write_false(struct reply *r) { reply_bool(r, false); }
static void write_double(struct reply *r) { reply_double(r, 1.5); }
static void write_double_whole(struct reply *r) { reply_double(r, 3.0); }
static void write_inf(struct reply *r) { reply_double(r, INFINITY); }
static void write_minus_inf(struct reply *r) { reply_double(r, -INFINITY); }
static void write_long_double(struct reply *r) { reply_long_double(r, 5000.5L); }
static void write_verbatim(struct reply *r) { reply_verbatim(r, "txt", SLICE_LIT("some\r\ntext")); }
static void write_empty_array(struct reply *r) { reply_empty_array(r); }
static void write_array(struct reply *r) { reply_array(r, 12); }
static void write_array_huge(struct reply *r) { reply_array(r, 4294967295u); }
static void write_map(struct reply *r) { reply_map(r, 5); }
static void write_set(struct reply *r) { reply_set(r, 5); }
static void write_push(struct reply *r) { reply_push(r, 3); }
static void write_raw(struct reply *r) { reply_raw(r, "+QUEUED\r\n", 9); }

static void write_help(struct reply *r)
{
    const char *const lines[] = {"X <subcommand>. Subcommands are:", "HELP", "    Print this help.", NULL};
    reply_help(r, lines);
}

static void write_later_array(struct reply *r)
{
    struct reply_later l = reply_begin(r);
    reply_int(r, 1);
    reply_end_array(r, l, 1);
}

static void write_later_map(struct reply *r)
{
    struct reply_later l = reply_begin(r);
    reply_int(r, 1);
    reply_int(r, 2);
    reply_end_map(r, l, 1);
}

static void write_later_set(struct reply *r)
{
    struct reply_later l = reply_begin(r);
    reply_end_set(r, l, 0);
}

static const struct {
    void (*write)(struct reply *r);
    const char *resp2, *resp3; /* NULL: the same */
} types[] = {
    {write_ok, "+OK\r\n", NULL},
    {write_simple, "+PONG\r\n", NULL},
    {write_error, "-ERR syntax error\r\n", NULL},
    {write_error_lines, "-ERR a  b c \r\n", NULL},
    {write_errorf, "-ERR unknown command 'x y', 5\r\n", NULL},
    {write_int, ":-42\r\n", NULL},
    {write_int_min, ":-9223372036854775808\r\n", NULL},
    {write_int_max, ":9223372036854775807\r\n", NULL},
    {write_bulk, "$5\r\nhello\r\n", NULL},
    {write_bulk_empty, "$0\r\n\r\n", NULL},
    {write_bulk_cstr, "$12\r\n0123456789ab\r\n", NULL},
    {write_bulkf, "$4\r\nid=7\r\n", NULL},
    {write_bulk_int, "$14\r\n-1234567890123\r\n", NULL},
    {write_null, "$-1\r\n", "_\r\n"},
    {write_null_array, "*-1\r\n", "_\r\n"},
    {write_true, ":1\r\n", "#t\r\n"},
    {write_false, ":0\r\n", "#f\r\n"},
    {write_double, "$3\r\n1.5\r\n", ",1.5\r\n"},
    {write_double_whole, "$1\r\n3\r\n", ",3\r\n"},
    {write_inf, "$3\r\ninf\r\n", ",inf\r\n"},
    {write_minus_inf, "$4\r\n-inf\r\n", ",-inf\r\n"},
    {write_long_double, "$6\r\n5000.5\r\n", NULL},
    {write_verbatim, "$10\r\nsome\r\ntext\r\n", "=14\r\ntxt:some\r\ntext\r\n"},
    {write_empty_array, "*0\r\n", NULL},
    {write_array, "*12\r\n", NULL},
    {write_array_huge, "*4294967295\r\n", NULL},
    {write_map, "*10\r\n", "%5\r\n"},
    {write_set, "*5\r\n", "~5\r\n"},
    {write_push, "*3\r\n", ">3\r\n"},
    {write_raw, "+QUEUED\r\n", NULL},
    {write_help, "*3\r\n+X <subcommand>. Subcommands are:\r\n+HELP\r\n+    Print this help.\r\n", NULL},
    {write_later_array, "*1\r\n:1\r\n", NULL},
    {write_later_map, "*2\r\n:1\r\n:2\r\n", "%1\r\n:1\r\n:2\r\n"},
    {write_later_set, "*0\r\n", "~0\r\n"},
};
#define TYPES (sizeof(types) / sizeof(types[0]))

static const char *bytes_of(size_t type, int resp)
{
    return resp == 3 && types[type].resp3 != NULL ? types[type].resp3 : types[type].resp2;
}

static void every_type_has_its_bytes_in_both_protocols(void **state)
{
    (void)state;
    for (int resp = 2; resp <= 3; resp++) {
        for (size_t i = 0; i < TYPES; i++) {
            struct reply r;
            reply_init(&r);
            assert_int_equal(r.resp, 2);
            r.resp = (uint8_t)resp;
            types[i].write(&r);
            expect(&r, bytes_of(i, resp));
            reply_deinit(&r);
        }
    }
}

static void every_type_crosses_the_end_of_a_chunk(void **state)
{
    (void)state;
    static char filler[REPLY_CHUNK_BYTES];
    memset(filler, 'f', sizeof(filler));
    for (size_t i = 0; i < TYPES; i++) {
        for (size_t room = 0; room < 90; room++) {
            struct reply r;
            struct buf out = BUF_INIT;
            reply_init(&r);
            reply_raw(&r, filler, 1);
            size_t fill = (size_t)(r.end - r.pos) - room;
            reply_raw(&r, filler, fill);
            types[i].write(&r);
            drain_all(&r, &out);
            assert_int_equal(out.len, fill + 1 + strlen(types[i].resp2));
            assert_memory_equal(out.data + fill + 1, types[i].resp2, strlen(types[i].resp2));
            buf_deinit(&out);
            reply_deinit(&r);
        }
    }
}

static void bulks_of_every_small_length_are_whole(void **state)
{
    (void)state;
    char value[300];
    for (size_t i = 0; i < sizeof(value); i++) value[i] = (char)('a' + i % 26);
    for (size_t len = 0; len <= sizeof(value); len++) {
        struct reply r;
        struct buf out = BUF_INIT, expected = BUF_INIT;
        char *exact = mem_alloc(len); /* what is read past it, the sanitizer sees */
        memcpy(exact, value, len);
        reply_init(&r);
        reply_bulk(&r, SLICE(exact, len));
        buf_printf(&expected, "$%zu\r\n%.*s\r\n", len, (int)len, value);
        drain_all(&r, &out);
        assert_int_equal(out.len, expected.len);
        assert_memory_equal(out.data, expected.data, out.len);
        mem_free(exact);
        buf_deinit(&out);
        buf_deinit(&expected);
        reply_deinit(&r);
    }
}

/* --- errors, muting --- */

static void errors_are_counted_and_the_last_is_kept(void **state)
{
    (void)state;
    struct reply r;
    reply_init(&r);
    reply_ok(&r);
    assert_int_equal(r.error_count, 0);
    reply_error(&r, "WRONGTYPE x");
    reply_errorf(&r, "ERR %0100d", 1);
    assert_int_equal(r.error_count, 2);
    assert_int_equal(strlen(r.last_error), sizeof(r.last_error) - 1);
    assert_memory_equal(r.last_error, "ERR 000", 7);
    r.muted = true;
    reply_error(&r, "NOAUTH Authentication required.");
    assert_int_equal(r.error_count, 3);
    assert_string_equal(r.last_error, "NOAUTH Authentication required.");
    reply_deinit(&r);
}

static void long_formatted_texts_are_whole(void **state)
{
    (void)state;
    for (int len = 500; len < 530; len++) {
        struct reply r;
        struct buf out = BUF_INIT;
        reply_init(&r);
        reply_errorf(&r, "%0*d", len, 7);
        reply_bulkf(&r, "%0*d", len, 7);
        drain_all(&r, &out);
        assert_int_equal(out.len, (size_t)len * 2 + 3 + 8);
        assert_memory_equal(out.data + len, "7\r\n$", 4);
        assert_memory_equal(out.data + out.len - 4, "07\r\n", 4);
        buf_deinit(&out);
        reply_deinit(&r);
    }
}

static void a_muted_reply_writes_and_holds_nothing(void **state)
{
    (void)state;
    struct reply r;
    reply_init(&r);
    r.muted = true;
    for (size_t i = 0; i < TYPES; i++) types[i].write(&r);
    struct reply_later outer = reply_begin(&r), inner = reply_begin(&r);
    reply_bulk_cstr(&r, "x");
    reply_end_map(&r, inner, 1);
    reply_end_set(&r, outer, 1);
    assert_int_equal(reply_pending(&r), 0);
    assert_int_equal(reply_memory(&r), 0);
    r.muted = false;
    reply_ok(&r);
    expect(&r, "+OK\r\n");
    reply_deinit(&r);
}

/* --- chunks --- */

static void a_large_value_gets_a_chunk_of_its_size(void **state)
{
    (void)state;
    enum { LEN = 3 * 1000 * 1000 };
    char *value = mem_alloc(LEN);
    for (size_t i = 0; i < LEN; i++) value[i] = (char)(i * 31 >> 3);
    struct reply r;
    struct buf out = BUF_INIT;
    reply_init(&r);
    reply_ok(&r);
    reply_bulk(&r, SLICE(value, LEN));
    reply_ok(&r);
    assert_int_equal(reply_pending(&r), 5 + 10 + LEN + 2 + 5);
    assert_in_range(reply_memory(&r), LEN, LEN + LEN / 4 + 4 * REPLY_CHUNK_BYTES);
    drain_all(&r, &out);
    assert_memory_equal(out.data, "+OK\r\n$3000000\r\n", 15);
    assert_memory_equal(out.data + 15, value, LEN);
    assert_memory_equal(out.data + 15 + LEN, "\r\n+OK\r\n", 7);
    buf_deinit(&out);
    mem_free(value);
    reply_deinit(&r);
}

static void many_small_replies_make_few_chunks(void **state)
{
    (void)state;
    struct reply r;
    reply_init(&r);
    enum { COUNT = 2 * 1000 * 1000 };
    for (int i = 0; i < COUNT; i++) reply_bulk(&r, SLICE_LIT("value"));
    assert_int_equal(reply_pending(&r), COUNT * 11u);
    assert_in_range(reply_memory(&r), COUNT * 11u, COUNT * 11u + 2 * REPLY_CHUNK_BYTES_MAX);
    static struct iovec iov[64];
    assert_in_range(reply_iov(&r, iov, 64), 1, 40);
    reply_mark_sent(&r, COUNT * 11u);
    assert_int_equal(reply_memory(&r), 0);
    reply_deinit(&r);
}

static void discarding_drops_everything(void **state)
{
    (void)state;
    struct reply r;
    reply_init(&r);
    for (int i = 0; i < 10000; i++) reply_bulk(&r, SLICE_LIT("value"));
    reply_mark_sent(&r, 77);
    reply_begin(&r);
    reply_discard(&r);
    assert_int_equal(reply_pending(&r), 0);
    assert_int_equal(reply_memory(&r), 0);
    reply_ok(&r);
    expect(&r, "+OK\r\n");
    reply_deinit(&r);
}

/* --- aggregates of later length --- */

static void nested_lengths_are_filled_in(void **state)
{
    (void)state;
    struct reply r;
    reply_init(&r);
    reply_ok(&r);
    struct reply_later a = reply_begin(&r), b = reply_begin(&r);
    reply_end_array(&r, b, 0);
    b = reply_begin(&r);
    reply_bulk_cstr(&r, "x");
    struct reply_later c = reply_begin(&r);
    reply_int(&r, 1);
    reply_end_set(&r, c, 1234567);
    reply_end_map(&r, b, 8);
    reply_end_array(&r, a, 2);
    reply_ok(&r);
    expect(&r, "+OK\r\n*2\r\n*0\r\n*16\r\n$1\r\nx\r\n*1234567\r\n:1\r\n+OK\r\n");
    reply_deinit(&r);
}

/* Writes a random tree, to the reply and to a model that knows the lengths beforehand. */
static void random_tree(struct reply *r, struct buf *model, int depth)
{
    static char filler[70000];
    size_t len = (size_t)rand() % 6;
    bool later = rand() % 2 == 0;
    struct reply_later l = {NULL, 0};
    buf_printf(model, "*%zu\r\n", len);
    if (later)
        l = reply_begin(r);
    else
        reply_array(r, len);
    for (size_t i = 0; i < len; i++) {
        if (depth > 0 && rand() % 3 > 0) {
            random_tree(r, model, depth - 1);
            continue;
        }
        size_t bytes = (size_t)rand() % (rand() % 50 == 0 ? sizeof(filler) : rand() % 10 == 0 ? 3000 : 40);
        memset(filler, 'a' + rand() % 26, bytes);
        reply_bulk(r, SLICE(filler, bytes));
        buf_printf(model, "$%zu\r\n", bytes);
        buf_append(model, filler, bytes);
        buf_append(model, "\r\n", 2);
    }
    if (later) reply_end_array(r, l, len);
}

static void random_trees_with_random_partial_sends_equal_a_model(void **state)
{
    (void)state;
    srand(11);
    struct reply r;
    struct buf model = BUF_INIT, out = BUF_INIT;
    reply_init(&r);
    for (int round = 0; round < 3000; round++) {
        random_tree(&r, &model, rand() % 6);
        assert_int_equal(reply_pending(&r), model.len - out.len);
        for (int i = rand() % 4; i > 0; i--) {
            drain(&r, &out, (size_t)rand() % (rand() % 4 == 0 ? 100000 : 300));
            assert_int_equal(reply_pending(&r), model.len - out.len);
        }
        if (round % 100 != 99) continue;
        drain_all(&r, &out);
        assert_int_equal(out.len, model.len);
        assert_memory_equal(out.data, model.data, model.len);
        buf_clear(&out);
        buf_clear(&model);
    }
    buf_deinit(&model);
    buf_deinit(&out);
    reply_deinit(&r);
}

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_bytes_in_both_protocols),
        cmocka_unit_test(every_type_crosses_the_end_of_a_chunk),
        cmocka_unit_test(bulks_of_every_small_length_are_whole),
        cmocka_unit_test(errors_are_counted_and_the_last_is_kept),
        cmocka_unit_test(long_formatted_texts_are_whole),
        cmocka_unit_test(a_muted_reply_writes_and_holds_nothing),
        cmocka_unit_test(a_large_value_gets_a_chunk_of_its_size),
        cmocka_unit_test(many_small_replies_make_few_chunks),
        cmocka_unit_test(discarding_drops_everything),
        cmocka_unit_test(nested_lengths_are_filled_in),
        cmocka_unit_test(random_trees_with_random_partial_sends_equal_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
